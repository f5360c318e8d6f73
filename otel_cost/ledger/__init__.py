"""Charges in a database."""
