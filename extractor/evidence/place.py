"""A place where a value may stand, and the part of a source in which such places are looked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extractor.evidence.field import Status
from extractor.evidence.folding import Squashed, is_border
from extractor.evidence.source import Source

__all__ = ["NOWHERE", "Area", "Found", "Place", "is_bordered"]

FEW = 200  # places of one text that are looked at
READ = 1_000_000_000  # characters that are read (in C) in search of texts that have no words to begin with, or …
TIMES = 300  # … the text that many times


class Place(NamedTuple):
    """A place in the original text. `parts` are its pieces where it is not in one; `status` says how the value stands
    there where it is another way than in most places found.
    """

    start: int
    end: int
    score: float
    parts: tuple[tuple[int, int], ...] = ()
    status: Status | None = None


class Found(NamedTuple):
    """Where a value stands: places in order, all of one kind. Of "normalised" ones, those that are letter by letter the
    value's text are exact.
    """

    status: Status
    places: Sequence[Place]
    written: frozenset[str] = frozenset()


NOWHERE = Found("absent", ())


def is_bordered(text: str, start: int, end: int) -> bool:
    """Whether a part of a folded text begins and ends where words do."""
    return is_border(text, start) and is_border(text, end)


class Area:
    """A part of a source in which is looked, and how much more may be read in it."""

    def __init__(self, source: Source, within: tuple[int, int] | None = None) -> None:
        length = len(source.text)
        start, end = within or (0, length)
        self.source = source
        self.start, self.end = max(0, min(start, length)), max(0, min(end, length))
        self.left = max(READ, TIMES * length)

    def has(self, start: int, end: int) -> bool:
        """Whether a place of the original is inside."""
        return self.start <= start and end <= self.end

    def folded(self) -> tuple[int, int]:
        """Where it is in the folded text."""
        fold = self.source.folded
        return fold.at(self.start), fold.at(self.end)

    def within(self, squeezed: Squashed) -> tuple[int, int]:
        """Where it is in a squashed text."""
        start, end = self.folded()
        return bisect_left(squeezed.starts, start), bisect_left(squeezed.starts, end)

    def place(self, start: int, end: int, score: float) -> Place | None:
        """A part of the folded text as a place in the original; None where it is outside, or parts a character."""
        span = self.source.folded.span(start, end)
        return Place(*span, score) if span and self.has(*span) else None

    def all(self, text: str, part: str, span: tuple[int, int], most: int = FEW) -> Iterator[int]:
        """Where a part of a text stands in it, between two places; the first ones."""
        start, end = span
        for _ in range(most if part else 0):
            at = text.find(part, start, end) if self.left > 0 else -1
            self.left -= (at if at >= 0 else end) - start
            if at < 0:
                return
            yield at
            start = at + 1

    def squashed(self, into: Squashed, text: str, score: float) -> Iterator[Place]:
        """Where a squashed text stands in another one, from border to border."""
        folded = self.source.folded.text
        for at in self.all(into.text, text, self.within(into)):
            start, end = into.starts[at], into.starts[at + len(text) - 1] + 1
            if text[-1] == "m" and folded[end - 1 : end + 1] == "rn":
                end += 1
            if end - start <= 2 * len(text) + 4 and is_bordered(folded, start, end):
                place = self.place(start, end, score)
                if place:
                    yield place
