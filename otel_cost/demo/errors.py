"""What stops the demo."""


class DemoError(Exception):
    """Says in one line what is wrong and what to do about it."""
