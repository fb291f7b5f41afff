"""How far the rows of a list reach: the lines between, above and below the found ones that have no item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from extractor.evidence.items import Listed, Places
from extractor.evidence.rows import Rows

__all__ = ["NEAR", "around", "beside", "between", "extent", "header", "joining", "runs_on"]

PATIENCE = 25  # lines that are no rows, after which a table has ended: a page's end, a note, and the next page's head
NEAR = 2  # the same where less tells the rows from other lines
SPREAD = 60  # lines that one item may have
LEADING = 30  # lines above the first row that its header may be in
STRONG = 3  # with so much in common, rows are told from anything else


def between(places: Places, pattern: str, rows: Rows, homes: Sequence[int]) -> Iterator[int]:
    """The lines between found rows that look like them and have no item."""
    taken = frozenset(homes)
    for line in range(homes[0] + 1, homes[-1]):
        if line not in taken and not places.taken(line, pattern) and rows.like(line):
            yield line


def joining(places: Places, pattern: str, rows: Rows, known: Sequence[int]) -> Iterator[int]:
    """The single lines directly between two rows that are rows though they do not look like them."""
    lines = places.lines
    for before, behind in pairwise(known):
        line = before + 1
        single = behind == line + 1 and not (lines.apart(line) or lines.apart(behind))
        if single and rows.between(line) and not places.taken(line, pattern):
            yield line


def around(
    places: Places, each: Listed, rows: Rows, homes: Sequence[int], head: int | None, low: int, high: int
) -> Iterator[tuple[int, bool]]:
    """The lines above and below the found rows that look like them; and whether they may be of another list."""
    lines, pattern = places.lines, each.pattern
    ahead, behind = extent(each)
    block = range(-ahead, behind + 1)
    said = lines.said(head).strip() if head is not None else None
    if said is not None:  # the first of the pages' equal headers bounds the list
        low = next((line + 1 for line in range(low, homes[0]) if lines.said(line).strip() == said), low)
    else:
        top = next((line for line in range(homes[0] - 1, low - 1, -1) if not rows.like(line)), -1)
        said = lines.said(top).strip() if top >= 0 else None
    parted = sum(lines.apart(home - ahead) for home in homes[1:])
    spread = parted * 2 >= len(homes) > 1
    for way in (range(homes[0] - 1, low - 1, -1), range(homes[-1] + 1, high)):
        yield from _Walk(places, pattern, rows, said, head is not None, spread, block, way)


@dataclass(slots=True)
class _Walk:
    """Going outward from the found rows of a list, line by line, to where the list ends.

    A heading or a paragraph between rows parts them, unless it is the head of a page: rows behind such a border may
    belong to the list, or to another one of the same shape.
    """

    places: Places
    pattern: str
    rows: Rows
    head: str | None  # the list's header row, or else the line above the list
    headed: bool  # it is a header row
    spread: bool  # blank lines stand between the rows
    block: range  # the lines of an item, from its own
    lines: range
    away: int = 0
    between: list[int] = field(default_factory=list)  # the borders since the last row
    border: bool = False
    paged: bool = False  # a page has ended since the last row

    def __iter__(self) -> Iterator[tuple[int, bool]]:
        """The rows, and whether they are behind a border."""
        patience = (0, NEAR)[min(self.rows.strength, 1)] if self.rows.strength < 2 else PATIENCE
        for line in self.lines:
            if self._ends(line):
                return
            self._turn_page(line)
            if _is_row(self.places, self.pattern, self.rows, line):
                self._meet(line)
                yield line, self.border or self._may_be_heading(line)
            elif self._parts(line):
                self.away += 1
                self.between += [line] if self._is_border(line) else []
            if self.away > patience:
                return

    @property
    def _down(self) -> bool:
        return self.lines.step > 0

    def _may_be_heading(self, line: int) -> bool:
        """Whether a row may as well be what the list stands under: the first line of a paragraph of mere words."""
        plain = self.rows.plain and not self.rows.strength
        return plain and not self._down and self.places.lines.apart(line)

    def _said(self, line: int) -> str:
        return self.places.lines.said(line).strip()

    def _edge(self, line: int) -> int:
        """The line before which is what parts a line from the one that was looked at before it."""
        return line if self._down else line + 1

    def _meet(self, row: int) -> None:
        """Notice a row: what stands in its own block is no border."""
        self.border = self.border or any(line - row not in self.block for line in self.between)
        self.away, self.between, self.paged = 0, [], False

    def _turn_page(self, line: int) -> None:
        """Notice a page's end: the first lines of the next are its head, and all before the list's own header."""
        lines = self.places.lines
        if lines.paged(self._edge(line)) or self.rows.is_page(line):
            self.paged = True
            self.between = [] if not self._down else self.between
        elif self.paged and self._down and self._said(line) == self.head:
            self.between = []

    def _parts(self, line: int) -> bool:
        """Whether a line that is no row may be a sign that the list has ended."""
        return not (
            self.rows.is_furniture(line) or self.rows.continues(line) or self._said(line) == self.head
        ) and not self.places.taken(line, self.pattern)

    def _is_border(self, line: int) -> bool:
        """Whether a line parts the rows above it from those below: a heading, or the first of a paragraph."""
        said, lines = self._said(line), self.places.lines
        if lines.paged(line):
            return False
        heading = said.endswith(":") or said.startswith("#") or said.isupper()
        return heading or (lines.apart(line) and not self.rows.shape(line).label)

    def _ends(self, line: int) -> bool:
        """Whether the list surely ends before a line: the head of another table, the sum of a bill, a blank line."""
        lines, rows = self.places.lines, self.rows
        edge = self._edge(line)
        if rows.plain and rows.strength < STRONG and not self.spread and lines.apart(edge) and not lines.paged(edge):
            own = self.headed and self._said(line) == self.head
            if not rows.strength or not (self.paged or rows.is_page(line) or rows.is_rule(line) or own):
                self.border = True
                if rows.strength < 2:
                    return True
        if rows.is_head(line) or self._said(line) == self.head:
            return self._said(line) != self.head
        return rows.strength < 2 and rows.is_total(line)


def header(rows: Rows, first: int, low: int) -> int | None:
    """The header row above a row: one with names of columns, or what is directly above the first line of the rows."""
    above = range(first - 1, max(low, first - LEADING) - 1, -1)
    named = next((line for line in above if rows.is_head(line)), None)
    top = next((line for line in above if not rows.like(line) and not rows.is_rule(line)), None)
    if top is not None and (named is None or named < top) and rows.is_header(top) and not rows.units.apart(top + 1):
        return top
    return named


def runs_on(places: Places, each: Listed, rows: Rows, known: Sequence[int], head: int | None) -> bool:
    """Whether lines directly beside rows that are hardly told from other lines may be rows, or not."""
    if not rows.plain or rows.strength > 1:
        return False
    lines, own = places.lines, {*known, *(line for item in each.items.values() for line in item.lines)}

    def strange(line: int) -> bool:
        told = rows.is_furniture(line) or rows.is_after(line) or rows.continues(line) or rows.shape(line).label
        return not told and line not in own and line not in places.others and not places.taken(line, each.pattern)

    behind = [line + 1 for line in known if line + 1 < len(lines) and not lines.apart(line + 1)]
    often = sum(map(strange, behind))
    above = known[0] - 1 if head is None and not lines.apart(known[0]) else -1
    heading = above >= 0 and lines.apart(above) and not any(map(str.isdigit, lines.said(above)))
    # Where lines without a value stand behind most of the rows, they belong to these.
    return 0 < often * 2 <= len(known) or (above >= 0 and not heading and strange(above))


def _is_row(places: Places, pattern: str, rows: Rows, line: int) -> bool:
    if places.taken(line, pattern) or not rows.like(line):
        return False
    return not rows.is_after(line) and (rows.strength >= STRONG or line not in places.others)


def beside(rows: Rows, items: Sequence[tuple[int, int]], lacking: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The rows of items that were found on the lines behind, and not on the row itself."""
    free, taken = frozenset(lacking), frozenset(line for line, _ in items)
    for line, index in items:
        if rows.like(line):
            continue
        above = next((each for each in range(line - 1, line - 1 - NEAR, -1) if each in free or each in taken), None)
        if above in free:
            yield above, index


def extent(each: Listed) -> tuple[int, int]:
    """How many lines an item mostly takes before and behind its own."""
    before, behind = Counter[int](), Counter[int]()
    for item in each.items.values():
        near = [line - item.home for line in item.lines if abs(line - item.home) <= SPREAD]
        before[-min(near)] += 1
        behind[max(near)] += 1
    return before.most_common(1)[0][0], behind.most_common(1)[0][0]
