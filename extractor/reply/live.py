"""A streamed answer as it is read: what each piece adds, until it ends or turns out to be no clean JSON.

What comes before the JSON (thoughts in a tag, a fence, prose) is passed over. Where the text is not strict JSON
the reading stops with what is known: the whole reply is mended, if it can be, when it is there.
"""

from __future__ import annotations

import re

from extractor.chat.sse import Piece
from extractor.reply.reader import Malformed, Reader

__all__ = ["Live"]

_BEGIN = re.compile(r"[\[{]")
_THOUGHT = re.compile(r"\s*+<(think|thinking|reasoning)>", re.IGNORECASE)
# What a text begins with that may turn out to be such a tag.
_MAYBE_THOUGHT = re.compile(r"\s*+(?:<[a-z]{0,9})?\Z", re.IGNORECASE)


class Live:
    """The answer of the first candidate. Where the function of a `tool` was to be called, its arguments are it."""

    def __init__(self, tool: str = "") -> None:
        self.reader = Reader()
        self._source = "arguments" if tool else ""
        self._before: list[str] | None = []  # what has come before the JSON; None once that has begun
        self._half = ""
        self._dead = False

    def add(self, piece: Piece) -> bool:
        """Take what one event adds. Whether there is more known then."""
        text = self._text(piece)
        if not text or self._dead:
            return False
        if self._before is not None:
            text = self._begun(text)
            if not text:
                return False
        try:
            self.reader.feed(text)
        except Malformed:
            self._dead = True
        return self.reader.root is not None

    def _text(self, piece: Piece) -> str:
        if not self._source and (piece.content.strip() or piece.arguments):
            self._source = "content" if piece.content.strip() else "arguments"
        text = piece.arguments if self._source == "arguments" else piece.content
        if not self._half and not "\ud800" <= text[-1:] <= "\udbff":
            return text
        # Half a character, whose other half comes in the next piece.
        text = (self._half + text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return text[:-1] if self._half else text

    def _begun(self, text: str) -> str:
        """The beginning of the JSON, once it is there."""
        assert self._before is not None  # noqa: S101  # asked before
        if not self._before and (match := _BEGIN.match(text)):  # as it should be
            self._before = None
            return text
        self._before.append(text)
        before = "".join(self._before)
        if _MAYBE_THOUGHT.fullmatch(before):
            return ""
        if thought := _THOUGHT.match(before):
            end = before.casefold().find(f"</{thought[1].casefold()}>", thought.end())
            if end < 0:
                return ""
            before = before[end:]
        match = _BEGIN.search(before)
        if match is None:
            return ""
        self._before = None
        return before[match.start() :]
