"""The places of a document that may each be a row: its lines, or pieces of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["Units", "doubled", "lines_of"]

LINE_LENGTH = 2_000  # characters of a line that are looked at

_LINE = re.compile(r"[^\n\r\f\v\x1c-\x1e\x85\u2028\u2029]++")


class Units:
    """The places in a text that may each be a row: its lines that are not blank, or pieces of them."""

    def __init__(self, text: str, places: Iterable[tuple[int, int]]) -> None:
        self.text = text
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in places:
            self.starts.append(start)
            self.ends.append(end)

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, offset: int) -> int:
        """The number of the unit that a character is in, or else of the one before it; -1 before the first."""
        return bisect_right(self.starts, offset) - 1

    def said(self, number: int) -> str:
        """The text of a unit, no more of it than is looked at."""
        return self.text[self.starts[number] : min(self.ends[number], self.starts[number] + LINE_LENGTH)]

    def apart(self, number: int) -> bool:
        """Whether a blank line (or a page's end) stands before a unit."""
        if not 0 < number < len(self.starts):
            return True
        between = self.text[self.ends[number - 1] : self.starts[number]]
        return between.count("\n") > 1 or "\f" in between

    def paged(self, number: int) -> bool:
        """Whether a page's end stands before a unit."""
        return 0 < number < len(self.starts) and "\f" in self.text[self.ends[number - 1] : self.starts[number]]


def lines_of(text: str) -> Units:
    """The lines that are not blank, from their first to their last character (without the line's end)."""
    return Units(text, (match.span() for match in _LINE.finditer(text) if not match[0].isspace()))


def doubled(lines: Units, items: Sequence[tuple[int, int]], lacking: Sequence[int]) -> list[tuple[int, int]]:
    """Equal rows: where several items were found on one of them, the rest of these stand on the others."""
    often = Counter(line for line, _ in items)
    if len(often) == len(items):
        return []
    free: dict[str, list[int]] = {}
    for line in reversed(lacking):
        free.setdefault(lines.said(line).strip(), []).append(line)
    extra = []
    for line, index in sorted(items, reverse=True):
        if often[line] > 1 and free.get(lines.said(line).strip()):
            often[line] -= 1
            extra.append((free[lines.said(line).strip()].pop(), index))
    return extra
