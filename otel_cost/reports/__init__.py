"""From rows of spend to what people read."""
