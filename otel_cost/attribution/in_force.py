"""Who tells, in this process, whom a call is for: what is installed, if anything is."""

from typing import Protocol

from otel_cost.attribution.who import Who


class Knows(Protocol):
    """What is installed, as far as attribution goes."""

    who: Who


class InForce:
    """A place for what is installed; what is below it in the package finds it here."""

    __slots__ = ("installed",)

    def __init__(self) -> None:
        self.installed: Knows | None = None


IN_FORCE = InForce()
"""That of this process: the one installed configuration."""
