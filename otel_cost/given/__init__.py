"""Calls that no hook sees: usage and cost given by hand."""
