"""Spend as rows, wherever it is read from."""
