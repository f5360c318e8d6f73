"""The demo, and the local providers that it and the tests call."""
