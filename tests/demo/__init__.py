"""Tests of the demo and of its local providers."""
