"""How much a call costs."""
