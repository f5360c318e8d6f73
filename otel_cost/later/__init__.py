"""Work that the provider bills after the call that started it: read on request, charged once."""
