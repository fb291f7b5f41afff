"""A streamed answer as it is read: what each piece adds, until it ends or turns out to be no clean JSON.

What comes before the JSON (thoughts in a tag, a fence, prose) is passed over. Where the text is not strict JSON
the reading stops with what is known: the whole reply is mended, if it can be, when it is there. As long as nothing
was shown of it, it may have been a bracket in prose, and what is to be read begins further on.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque

from extractor.chat.sse import Piece
from extractor.reply.node import CONTAINERS, Malformed, Node

__all__ = ["Live"]

_BRACKET = re.compile(r"[{}\[\]]")
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
# What a text begins with that may turn out to be such a tag.
_MAYBE_THOUGHT = re.compile(r"(?:<[a-z]{0,9})?\Z", re.IGNORECASE)
_CUT = len("</reasoning>") - 1  # characters of a tag's end that a piece can cut off
_BLOCK = 1_024  # characters that are read in one go, and copied where the JSON begins further on, until it is settled

_TRIES = 1_000  # brackets that are held for the beginning: more are no prose, and each takes 30 µs


class Live:
    """The answer of the first candidate. Where the function of a `tool` was to be called, its arguments are it, or
    else the content if that begins as JSON does.

    What has come is read when somebody wants to know (`read`): what nobody looks at costs nothing, and what is
    read in one go costs less. `offset` counts the characters of the JSON that have come, read or not. Whoever has
    shown something of it sets `settled`; until then what it is read from may change: see `following`.
    """

    def __init__(self, tool: str = "") -> None:
        from extractor.reply.reader import Reader  # what it reads with takes milliseconds to make

        self.reader = Reader()
        self.offset = 0
        self.settled = False
        self._tool = tool
        self._source = ""
        self._begun = False  # the JSON
        self._spoken = False  # anything
        self._thought: re.Pattern[str] | None = None  # what ends the thought that it begins with
        self._before = ""  # what may be the beginning of a tag
        self._inside = 0  # brackets that are none of JSON: what is in them is no answer either
        self._ahead: deque[str] = deque()  # what has come and was not read
        self._texts: list[str] = []  # what was read, and where each of it begins
        self._starts: list[int] = []
        self._half = ""
        self._dead = False
        self._tried = 1  # with those before it
        self._following: Live | None = None

    def add(self, piece: Piece) -> bool:
        """Take what one event adds. Whether there may be more known then."""
        if self._dead:
            return False
        if piece.arguments and self._is_instead(piece):
            return True
        text = self._text(piece)
        if text and not self._begun:
            text = self._beginning(text)
        if not text:
            return False
        if self.settled or len(text) <= _BLOCK:
            self._ahead.append(text)
        else:
            self._ahead.extend(text[at : at + _BLOCK] for at in range(0, len(text), _BLOCK))
        self.offset += len(text)
        return True

    def read(self) -> Node | None:
        """Read all that has come. The value so far, None where it has not begun."""
        ahead = self._ahead
        while ahead and not self._dead:
            text = ahead.popleft()
            if self.settled and ahead:
                text += "".join(ahead)
                ahead.clear()
            self._starts.append(self.reader.offset)
            self._texts.append(text)
            try:
                self.reader.feed(text)
            except Malformed:
                self._dead = True
        return self.reader.root

    def following(self) -> Live | None:
        """What is to be read instead of this, where it is no JSON and nothing of it was shown; None if it is this.

        Is to be asked for after `read`. What was read is not read again.
        """
        if self._following is None and self._dead and not self.settled and self._tried < _TRIES:
            self._following = self._further()
        return self._following

    def text(self, start: int, end: int) -> str:
        """A part of what was read."""
        number, parts = bisect_right(self._starts, start) - 1, []
        while start < end:
            base, text = self._starts[number], self._texts[number]
            parts.append(text[start - base : end - base])
            start, number = base + len(text), number + 1
        return "".join(parts)

    # ------------------------------------------------------------------------------ where it comes from

    def _is_instead(self, piece: Piece) -> bool:
        """Whether the arguments of the call that was asked for come after all, and are to be read from now on."""
        if not self._tool or self.settled or self._source == "arguments":
            return False
        began, self._source = self._source == "content", "arguments"
        if began:
            self._dead = True
            self._following = Live(self._tool)
            self._following.add(piece)
        return began

    def _text(self, piece: Piece) -> str:
        self._source = self._source or self._chosen(piece)
        text = piece.arguments if self._source == "arguments" else piece.content if self._source == "content" else ""
        if not self._half and not "\ud800" <= text[-1:] <= "\udbff":
            return text
        # Half a character, whose other half comes in the next piece.
        text = (self._half + text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return text[:-1] if self._half else text

    def _chosen(self, piece: Piece) -> str:
        """Where the answer is: "content", "arguments", "speech" beside a call that is still to come; "": not known."""
        said = piece.content.lstrip()
        if self._tool and said:
            return "content" if said[0] in "{[`" else "speech"
        return "content" if said else "arguments" if piece.arguments else ""

    # ------------------------------------------------------------------------------ where it begins

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
        for match in _BRACKET.finditer(text):
            opens = match[0] in "{["
            if opens and not self._inside:
                self._begun = True
                return text[match.start() :]
            self._inside = max(self._inside + (1 if opens else -1), 0)
        return ""

    def _further(self) -> Live:
        """What begins where this turned out to be no JSON."""
        other = Live(self._tool)
        other._source, other._half, other._spoken = self._source, self._half, True
        other._tried = self._tried + 1
        other._inside = sum(node.kind in CONTAINERS for node in self.reader.open_path())
        wrong = self.reader.offset
        rest = self._texts[-1][max(wrong - self._starts[-1], 0) :]
        other._ahead = self._ahead
        other.offset = self.offset - self._starts[-1] - len(self._texts[-1])
        while True:
            if found := other._beginning(rest):
                other._ahead.appendleft(found)
                other.offset += len(found)
                return other
            if not other._ahead:
                return other
            rest = other._ahead.popleft()
            other.offset -= len(rest)
