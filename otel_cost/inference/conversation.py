"""The text of one call, as far as its tokens are counted; kept until they are, and no longer."""

from typing import NamedTuple

from otel_cost.usage import Meter


class Message(NamedTuple):
    """One message that was sent: its texts, the role among them."""

    texts: tuple[str, ...]
    named: bool = False
    """Whether one of the texts is the name of who said it."""


class Conversation:
    """What was sent, and what was received so far."""

    __slots__ = ("embeds", "heard", "lacking", "messages", "received", "texts", "tokens", "whole")

    def __init__(self, *, embeds: bool = False) -> None:
        self.embeds = embeds
        """Whether nothing is generated."""
        self.messages: list[Message] = []
        self.texts: list[str] = []
        """What was sent beside messages: descriptions of tools, texts to embed."""
        self.tokens = 0
        """How many tokens were sent as such."""
        self.received: dict[object, list[str]] = {}
        """The pieces of each text that was received."""
        self.lacking: set[Meter] = set()
        """Meters of what was sent or received and is no text."""
        self.heard = False
        """Whether anything of the answer has come."""
        self.whole = False
        """Whether all of the answer has."""

    def hear(self, key: object, *pieces: object) -> None:
        """Add pieces of text to what was received."""
        self.heard = True
        for piece in pieces:
            if isinstance(piece, str) and piece:
                self.received.setdefault(key, []).append(piece)
