"""What a call used, read from the provider's own SDK."""
