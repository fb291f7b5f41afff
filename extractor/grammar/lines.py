"""The lines of a document that are the rows of a list: a table, or what begins with a number each time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Row", "rows_of"]

MOST_ROWS = 60
"""An engine tries all the rows that may come next side by side."""
LONGEST_ROW = 1_000

_NUMBERED = re.compile(r"[ \t]*+(?:[-*•·][ \t]++)?+[$€£]?[\d¼-¾⅐-⅞]")
_CELLS = re.compile(r"\||\t|;| {2,}+(?=\S)")


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its number among those with anything on them, its text, and what it has in common with rows like it
    (None where that is nothing).
    """

    number: int
    text: str
    shape: object

    def follows(self, other: Row) -> bool:
        """Whether it stands right behind another one that is like it."""
        return self.number == other.number + 1 and self.shape is not None and self.shape == other.shape


def rows_of(text: str) -> list[Row]:
    """The lines of a text with anything on them; none where no two lines after each other are alike, or there are too
    many.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not 1 < len(lines) <= MOST_ROWS or max(map(len, lines)) > LONGEST_ROW:
        return []
    rows = [Row(number, line, _shape(line)) for number, line in enumerate(lines)]
    return rows if any(one.follows(other) for other, one in pairwise(rows)) else []


def _shape(line: str) -> object:
    """What rows have in common: so many cells, or a number at their beginning."""
    cells = len(_CELLS.findall(line.strip("|")))
    return cells if cells > 1 else "numbered" if _NUMBERED.match(line) else None
