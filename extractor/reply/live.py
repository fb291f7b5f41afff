"""A streamed answer as it is read: what each piece adds, until it ends or turns out to be no clean JSON.

What comes before the JSON (thoughts in a tag, a fence, prose) is passed over. Where the text is not strict JSON
the reading stops with what is known: the whole reply is mended, if it can be, when it is there.
"""

from __future__ import annotations

import re

from extractor.chat.sse import Piece
from extractor.reply.node import Malformed, Node

__all__ = ["Live"]

_BEGIN = re.compile(r"[\[{]")
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
# What a text begins with that may turn out to be such a tag.
_MAYBE_THOUGHT = re.compile(r"(?:<[a-z]{0,9})?\Z", re.IGNORECASE)
_CUT = len("</reasoning>") - 1  # characters of a tag's end that a piece can cut off


class Live:
    """The answer of the first candidate. Where the function of a `tool` was to be called, its arguments are it.

    What has come is read when somebody wants to know (`read`): what nobody looks at costs nothing, and what is
    read in one go costs less. `offset` counts the characters of the JSON that have come, read or not.
    """

    def __init__(self, tool: str = "") -> None:
        from extractor.reply.reader import Reader  # what it reads with takes milliseconds to make

        self.reader = Reader()
        self.offset = 0
        self._source = "arguments" if tool else ""
        self._begun = False  # the JSON
        self._spoken = False  # anything
        self._thought: re.Pattern[str] | None = None  # what ends the thought that it begins with
        self._before = ""  # what may be the beginning of a tag
        self._ahead: list[str] = []  # what has come and was not read
        self._half = ""
        self._dead = False

    def add(self, piece: Piece) -> bool:
        """Take what one event adds. Whether there may be more known then."""
        text = self._text(piece)
        if not text or self._dead:
            return False
        if not self._begun:
            text = self._beginning(text)
            if not text:
                return False
        self._ahead.append(text)
        self.offset += len(text)
        return True

    def read(self) -> Node | None:
        """Read all that has come. The value so far, None where it has not begun."""
        if self._ahead:
            text = "".join(self._ahead)
            self._ahead.clear()
            try:
                self.reader.feed(text)
            except Malformed:
                self._dead = True
        return self.reader.root

    def _text(self, piece: Piece) -> str:
        if not self._source:
            if not piece.arguments and not piece.content.strip():
                return ""
            self._source = "content" if piece.content.strip() else "arguments"
        text = piece.arguments if self._source == "arguments" else piece.content
        if not self._half and not "\ud800" <= text[-1:] <= "\udbff":
            return text
        # Half a character, whose other half comes in the next piece.
        text = (self._half + text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return text[:-1] if self._half else text

    def _beginning(self, text: str) -> str:
        """The beginning of the JSON, once it is there. All else is looked at once, and not kept."""
        text, self._before = self._before + text, ""
        if not self._spoken:
            text = text.lstrip()
            if _MAYBE_THOUGHT.fullmatch(text):
                self._before = text
                return ""
            self._spoken = True
            if thought := _THOUGHT.match(text):
                self._thought = re.compile(f"</{thought[1]}>", re.IGNORECASE)
        if self._thought is not None:
            end = self._thought.search(text)
            if end is None:
                self._before = text[-_CUT:]
                return ""
            text, self._thought = text[end.end() :], None
        match = _BEGIN.search(text)
        self._begun = match is not None
        return text[match.start() :] if match else ""
