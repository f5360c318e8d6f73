"""Tests of the pricing wing."""
