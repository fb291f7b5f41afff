"""How far the rows of a list reach: the lines between, above and below the found ones that have no item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

from extractor.evidence.items import Listed, Places, extent, title_of
from extractor.evidence.rows import Rows
from extractor.evidence.shapes import folded_name, plain, shape_of
from extractor.evidence.units import Units

__all__ = ["around", "beside", "between", "header", "joining", "records_of", "runs_on"]

PATIENCE = 25  # lines that are no rows, after which a table has ended: a page's end, a note, and the next page's head
NEAR = 2  # the same where less tells the rows from other lines
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
    places: Places, each: Listed, rows: Rows, homes: Sequence[int], head: int | None, low: int, high: int, holds: bool
) -> Iterator[tuple[int, bool]]:
    """The lines above and below the found rows that look like them; and whether they may be of another list."""
    lines = places.lines
    ahead, behind = extent(each)
    said = lines.said(head).strip() if head is not None else None
    if said is not None:
        low = _top(lines, rows, said, homes[0], low)
    else:
        top = next((line for line in range(homes[0] - 1, low - 1, -1) if not rows.like(line)), -1)
        said = lines.said(top).strip() if top >= 0 else None
    parted = sum(lines.apart(home - ahead) for home in homes[1:])
    own = title_of(each.pattern)
    numbers = [shape.number for shape in map(rows.shape, homes) if shape.marker == "1" and shape.number is not None]
    counted = len(numbers) == len(homes) and all(one < other for one, other in pairwise(numbers))
    for way in (range(homes[0] - 1, low - 1, -1), range(homes[-1] + 1, high)):
        titles = places.titles if way.step < 0 else places.titles - {own}
        yield from _Walk(
            places=places,
            pattern=each.pattern,
            rows=rows,
            head=said,
            headed=head,
            spread=parted * 2 >= len(homes) > 1,
            block=range(-ahead, behind + 1),
            lines=way,
            holds=holds,
            titles=titles,
            number=numbers[0 if way.step < 0 else -1] if counted else None,
        )


def _top(lines: Units, rows: Rows, said: str, first: int, low: int) -> int:
    """The line that bounds a list above: behind the first of its equal headers, one for each page, of which none
    stands under a heading of its own.
    """
    heads = [line for line in range(first - 1, low - 1, -1) if lines.said(line).strip() == said]
    for line, above in zip_longest(heads, heads[1:]):
        if above is None or (_is_titled(lines, rows, line) and not _same_above(lines, line, above)):
            return line + 1
    return low


def _same_above(lines: Units, one: int, other: int) -> bool:
    return min(one, other) > 0 and lines.said(one - 1).strip() == lines.said(other - 1).strip()


def _is_titled(lines: Units, rows: Rows, head: int) -> bool:
    """Whether a header row stands under a heading, and not at the beginning of a page."""
    if head < 1 or any(lines.paged(line) or rows.is_page(line - 1) for line in range(max(head - NEAR, 1), head + 1)):
        return False
    return not (rows.like(head - 1) or rows.is_furniture(head - 1) or rows.continues(head - 1))


@dataclass(kw_only=True, slots=True)
class _Walk:
    """Going outward from the found rows of a list, line by line, to where the list ends.

    A heading or a paragraph between rows parts them, unless it is the head of a page: rows behind such a border may
    belong to the list, or to another one of the same shape.
    """

    places: Places
    pattern: str
    rows: Rows
    head: str | None  # the list's header row, or else the line above the list
    headed: int | None  # where it stands, if it is a header row
    spread: bool  # blank lines stand between the rows
    block: range  # the lines of an item, from its own
    lines: range
    holds: bool  # the items hold lists, whose rows stand between them
    titles: frozenset[str]  # the names of the lists that begin here, or end
    number: int | None  # of the row that was met last, where they are numbered
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
                self._count(line)
                yield line, self.border or self._may_be_heading(line)
            elif self._is_others(line):
                if self.border or self.between:
                    return
                self.border = self.rows.like(line)
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

    def _count(self, row: int) -> None:
        """Notice a row's number: where they begin anew, so does another list."""
        number = self.rows.shape(row).number
        if self.number is not None and number is not None:
            self.border = self.border or (number < self.number if self._down else number > self.number)
            self.number = number

    def _is_others(self, line: int) -> bool:
        return not self.holds and self.places.taken(line, self.pattern)

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
            own = self.headed is not None and self._said(line) == self.head
            if not rows.strength or not (self.paged or rows.is_page(line) or rows.is_rule(line) or own):
                self.border = True
                if rows.strength < 2:
                    return True
        if folded_name(self._said(line)) in self.titles:
            return True
        if self._said(line) == self.head and self.headed is not None:
            other = _is_titled(lines, rows, line) and not _same_above(lines, line, self.headed)
            self.border = self.border or other
            return False
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


# ------------------------------------------------------------------------------- the records that hold lists


def records_of(places: Places, each: Listed, low: int, high: int) -> list[int] | None:
    """The lines that begin as those of the found records do ("Order A1"), and are none of them: of a list whose items
    hold lists, so that what stands between them tells nothing. None where they have no beginning in common.
    """
    lines = places.lines
    begins, kinds = set[str](), set[str]()
    homes = {item.home for item in each.items.values()}
    for item in each.items.values():
        at = min((start for start, _ in item.spans if lines.at(start) == item.home), default=lines.starts[item.home])
        begins.add(lines.text[lines.starts[item.home] : at].strip())
        kinds.add(_kind(lines.text[at : lines.ends[item.home]]))
    begin = min(begins) if len(begins) == 1 else ""
    if not any(map(str.isalpha, begin)):
        return None
    known = {lines.said(line).strip() for line in homes}
    found = []
    for line in range(low, high):
        said = lines.said(line).strip()
        rest = said[len(begin) :]
        if said.startswith(begin) and said not in known and rest[:1] in " \t" and _kind(rest) in kinds:
            found.append(line)
    return found


def _kind(text: str) -> str:
    shape = shape_of(text)
    return f"{plain(shape.head)} {min(len(shape.words), 1)} {plain(shape.tail)}"
