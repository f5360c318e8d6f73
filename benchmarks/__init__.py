"""Measured claims: what the instrumentation costs."""
