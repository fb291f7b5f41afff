"""Whether a list has all that the document has: lines that look like the rows of the found items and hold none.

What cannot be told is `unknown`, never `complete`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

from extractor.evidence.counts import Count, counts_in, fitting, named, numbering
from extractor.evidence.field import Field, Span
from extractor.evidence.inline import has_neighbours, is_shared, pieces_of
from extractor.evidence.items import Listed, Places, lists_of, owner_of
from extractor.evidence.rows import Found, Rows
from extractor.evidence.source import Source
from extractor.evidence.units import doubled

__all__ = ["Gap", "ListReport", "completeness"]

PATIENCE = 25  # lines that are no rows, after which a table has ended: a page's end, a note, and the next page's head
NEAR = 2  # the same where less tells the rows from other lines
SENTENCE = 7  # spaces between words, on the average: a line with more may be one
PHRASE = 3  # the same for a line that is alone, where nothing is seen to repeat
SPREAD = 60  # lines that one item may have
TRAILING = 2  # lines behind a row that may go on with it
LEADING = 30  # lines above the first row that its header may be in
MOSTLY = 0.8  # the share of a line that a value must be for the line to be its own
STRONG = 3  # with so much in common, rows are told from anything else


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A part of the document with rows that look like found ones, and that no item of the list comes from.

    `start` and `end` are half-open, in characters of the document; `rows` is how many are missing, `at` where the
    rows begin, and `after` the index of the item behind which they belong (-1: before the first).
    """

    start: int
    end: int
    rows: int
    after: int
    at: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ListReport:
    """What is known about one list of a value.

    `status`: `complete`; `incomplete`, where the document has rows that look like the found ones, or says that there
    are more; `missing`, where the value has no such list and the schema or the document says that there is one;
    `wrong_shape`, where it was made of something else; `unknown`, where it cannot be told. `returned` items are there,
    `expected` should be: as the document says at `said`, else as its rows were counted (`said` is None). `lead` is
    where the list's heading and header row stand.
    """

    pointer: str
    status: Literal["complete", "incomplete", "missing", "wrong_shape", "unknown"]
    returned: int
    expected: int | None = None
    said: Span | None = None
    gaps: tuple[Gap, ...] = ()
    lead: tuple[Span, ...] = ()

    @property
    def lacking(self) -> int:
        """How many items are known to be missing."""
        seen = sum(gap.rows for gap in self.gaps)
        return max(seen, 0 if self.expected is None else self.expected - self.returned)


def completeness(
    schema: Mapping[str, Any],
    data: Any,
    source: Source,
    fields: Mapping[str, Field],
    *,
    mended: Mapping[str, str] | None = None,
) -> tuple[ListReport, ...]:
    """One report for each list of a value, those inside of others too, and for those that the schema has and the
    value has not.

    `mended` are the lists that were made of something of another shape. The time is linear in the document and the
    value.
    """
    lists = [*lists_of(schema, data)]
    document = _Document(source, lists, fields)
    reports = []
    for each in lists:
        report = document.report(each)
        if each.pointer in (mended or {}):
            report = replace(report, status="wrong_shape")
        elif each.length is None and (each.required or report.expected):
            report = replace(report, status="missing")
        reports.append(report)
    return tuple(reports)


class _Document:
    """A document, and what of it is in which list."""

    def __init__(self, source: Source, lists: Sequence[Listed], fields: Mapping[str, Field]) -> None:
        self._source = source
        self._places = Places(source.text, lists, fields)
        self._counts = counts_in(self._places.lines, (name for each in lists for name in named(each))) if lists else []
        self._count_lines = [count.line for count in self._counts]
        self._inside = Counter(_outer(each.pointer, self._places) for each in lists if each.length)
        self._all_inside = Counter(_outer(each.pointer, self._places) for each in lists)
        self._holding = {outer.rpartition("/")[0] for outer in self._inside if outer is not None}
        self._cut: dict[str, list[int]] = {}

    def report(self, each: Listed) -> ListReport:
        """What can be told of one list. Those that it is in come first."""
        low, high = self._region(each)
        found = self._found(each, low, high)
        gaps = _gaps(each, found) if found else ()
        returned = each.length or 0
        seen = found.count if found else returned
        count = self._said(each, found, low, high, seen)
        expected = count.number if count else seen if found else None
        if count and found and expected == returned and len(found.homes) == returned:
            gaps = ()  # all of them are here, and have a place each
        elif found and not count and not gaps and (found.doubtful or found.lacking):
            expected = None  # rows that may be of another list, or those of the items that stand nowhere
        self._cut[each.pointer] = [self._places.lines.at(at) for gap in gaps for at in gap.at]
        status: Literal["complete", "incomplete", "unknown"] = "unknown" if expected is None else "complete"
        if gaps or (expected is not None and expected > returned):
            status = "incomplete"
        return ListReport(
            pointer=each.pointer,
            status=status,
            returned=returned,
            expected=expected,
            said=self._span(count.start, count.end) if count else None,
            gaps=gaps,
            lead=tuple(self._span(*place) for place in _lead(found)) if found else (),
        )

    def _span(self, start: int, end: int) -> Span:
        return Span(start=start, end=end, page=self._source.page_of(start))

    def _region(self, each: Listed) -> tuple[int, int]:
        """The lines that a list may be in; what is missing of the list that it is in ends it."""
        low, high = self._places.region(each.pointer)
        outer = owner_of(each.pointer, self._places.lists)
        missing = self._cut.get(outer[0], []) if outer else []
        at = bisect_right(missing, low)
        return low, min(high, missing[at]) if at < len(missing) else high

    def _said(self, each: Listed, found: Found | None, low: int, high: int, seen: int) -> Count | None:
        about = self._counts[bisect_left(self._count_lines, low) : bisect_left(self._count_lines, high)]
        inside = self._inside if each.length else self._all_inside
        alone = inside[_outer(each.pointer, self._places)] == 1 and each.pointer not in self._holding
        lined = found if found and found.units is self._places.lines else None
        taken = lined.taken if lined else frozenset()
        count = fitting(about, each, lined.rows if lined else None, taken, alone=alone, seen=seen)
        if count is None and lined:
            count = numbering(lined.units, lined.rows, lined.all)
            return count if count and count.number > seen else None
        return count

    def _found(self, each: Listed, low: int, high: int) -> Found | None:
        items = [(item.home, index) for index, item in each.items.items() if low <= item.home < high]
        if not items:
            return None
        lines = {line for line, _ in items}
        if len(items) > 1 and (len(lines) <= len(items) / 2 or (each.scalar and is_shared(self._places, each))):
            return pieces_of(self._places, each)
        rows = Rows(self._places.lines, sorted(lines), each.names)
        strange = rows.strange(sorted(lines))
        if strange:  # something else was taken for a row
            items = [(line, index) for line, index in items if line not in strange]
            lines -= strange
            rows = Rows(self._places.lines, sorted(lines), each.names)
        told = rows.divided if len(lines) == 1 else rows.strength >= 2 or not rows.plain
        if not told and _in_prose(each, self._places):
            return None
        lined = sorted(lines)
        head = _header(rows, lined[0], low)
        if each.scalar and head is None and not rows.marked and has_neighbours(self._places, each):
            return None  # a grid, of which only some names were taken, or the first of several columns
        inner = [*_between(self._places, each.pattern, rows, lined)]
        outer = [*_around(self._places, each, rows, lined, head, low, high)]
        lacking = sorted([*inner, *(line for line, doubtful in outer if not doubtful)])
        lacking = sorted([*lacking, *_joining(self._places, each.pattern, rows, sorted([*lined, *lacking]))])
        own = _other_lines(each, self._places) | _sums(rows, sorted([*lined, *lacking]))
        lacking = [line for line in lacking if line not in own]
        extra = [*doubled(self._places.lines, items, lacking), *_beside(rows, items, lacking)]
        homes = sorted({*items, *extra})
        gone = {line for line, _ in extra}
        ahead, behind = _extent(each)
        rest = [line for line in lacking if line not in gone]
        doubtful = any(doubtful for _, doubtful in outer) or _runs_on(
            self._places, each, rows, sorted([*lined, *lacking]), head
        )
        return Found(
            self._places.lines, rows, homes, rest, ahead=ahead, behind=behind, low=low, head=head, doubtful=doubtful
        )


def _outer(pointer: str, places: Places) -> str | None:
    owner = owner_of(pointer, places.lists)
    return f"{owner[0]}/{owner[1]}" if owner else None


# --------------------------------------------------------------------------------------- rows without an item


def _between(places: Places, pattern: str, rows: Rows, homes: Sequence[int]) -> Iterator[int]:
    """The lines between found rows that look like them and have no item."""
    taken = frozenset(homes)
    for line in range(homes[0] + 1, homes[-1]):
        if line not in taken and not places.taken(line, pattern) and rows.like(line):
            yield line


def _joining(places: Places, pattern: str, rows: Rows, known: Sequence[int]) -> Iterator[int]:
    """The single lines directly between two rows that are rows though they do not look like them."""
    lines = places.lines
    for before, behind in pairwise(known):
        line = before + 1
        single = behind == line + 1 and not (lines.apart(line) or lines.apart(behind))
        if single and rows.between(line) and not places.taken(line, pattern):
            yield line


def _around(
    places: Places, each: Listed, rows: Rows, homes: Sequence[int], head: int | None, low: int, high: int
) -> Iterator[tuple[int, bool]]:
    """The lines above and below the found rows that look like them; and whether they may be of another list."""
    lines, pattern = places.lines, each.pattern
    ahead, behind = _extent(each)
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


def _header(rows: Rows, first: int, low: int) -> int | None:
    """The header row above a row: one with names of columns, or what is directly above the first line of the rows."""
    above = range(first - 1, max(low, first - LEADING) - 1, -1)
    named = next((line for line in above if rows.is_head(line)), None)
    top = next((line for line in above if not rows.like(line) and not rows.is_rule(line)), None)
    if top is not None and (named is None or named < top) and rows.is_header(top) and not rows.units.apart(top + 1):
        return top
    return named


def _runs_on(places: Places, each: Listed, rows: Rows, known: Sequence[int], head: int | None) -> bool:
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


def _beside(rows: Rows, items: Sequence[tuple[int, int]], lacking: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The rows of items that were found on the lines behind, and not on the row itself."""
    free, taken = frozenset(lacking), frozenset(line for line, _ in items)
    for line, index in items:
        if rows.like(line):
            continue
        above = next((each for each in range(line - 1, line - 1 - NEAR, -1) if each in free or each in taken), None)
        if above in free:
            yield above, index


def _other_lines(each: Listed, places: Places) -> set[int]:
    """The lines beside those of the items that say nothing but one of their values."""
    return {
        line
        for item in each.items.values()
        for line, start, end in ((places.lines.at(start), start, end) for start, end in item.spans)
        if 0 < abs(line - item.home) <= NEAR and end - start >= MOSTLY * len(places.lines.said(max(line, 0)).strip())
    }


def _sums(rows: Rows, known: Sequence[int]) -> set[int]:
    """The rows, two or more before them, that end with what all rows before them come to."""
    found: set[int] = set()
    total = 0
    for number, line in enumerate(known):
        cents = rows.cents(line)
        if cents is None:
            break
        if number > 1 and cents == total:
            found.add(line)
        else:
            total += cents
    return found


def _in_prose(each: Listed, places: Places) -> bool:
    """Whether the lines of the items are as long as sentences, and say much more than the items do."""
    own = sum(end - start for item in each.items.values() for start, end in item.spans)
    lines = [" ".join(places.lines.said(line).split()) for line in {item.home for item in each.items.values()}]
    words = sum(line.count(" ") for line in lines)
    return own * 2 < sum(map(len, lines)) and words >= (SENTENCE if len(lines) > 1 else PHRASE) * len(lines)


def _extent(each: Listed) -> tuple[int, int]:
    """How many lines an item mostly takes before and behind its own."""
    before, behind = Counter[int](), Counter[int]()
    for item in each.items.values():
        near = [line - item.home for line in item.lines if abs(line - item.home) <= SPREAD]
        before[-min(near)] += 1
        behind[max(near)] += 1
    return before.most_common(1)[0][0], behind.most_common(1)[0][0]


def _gaps(each: Listed, found: Found) -> tuple[Gap, ...]:
    """What is missing, by the found rows between which it is."""
    units = [unit for unit, _ in found.homes]
    groups: dict[int, list[int]] = {}
    for unit in found.lacking:
        groups.setdefault(bisect_right(units, unit) - 1, []).append(unit)
    lost = [index for index in range(each.length or 0) if index not in each.items]
    gaps = []
    for at, group in sorted(groups.items()):
        before = found.homes[at][1] if at >= 0 else -1
        behind = found.homes[at + 1][1] if at + 1 < len(found.homes) else each.length or 0
        # Items that stand nowhere may be these rows, said in other words.
        between = lost[bisect_left(lost, before) : bisect_left(lost, max(before, behind))]
        if len(group) > len(between):
            after = between[-1] if between else before
            start, end = _bounds(found, group, at)
            starts = tuple(found.units.starts[unit] for unit in group)
            gaps.append(Gap(start=start, end=end, rows=len(group) - len(between), after=after, at=starts))
    return tuple(gaps)


def _bounds(found: Found, group: Sequence[int], at: int) -> tuple[int, int]:
    """Where a gap starts and ends: with the lines that belong to its rows."""
    floor = found.homes[at][0] + found.behind + 1 if at >= 0 else 0
    ceiling = found.homes[at + 1][0] - found.ahead - 1 if at + 1 < len(found.homes) else len(found.units) - 1
    first = max(group[0] - found.ahead, min(floor, group[0]))
    last = min(group[-1] + found.behind, max(ceiling, group[-1]))
    for _ in range(TRAILING):
        if last >= ceiling or not found.rows.continues(last + 1) or found.units.apart(last + 1):
            break
        last += 1
    return found.units.starts[first], found.units.ends[last]


def _lead(found: Found) -> Iterator[tuple[int, int]]:
    """The header row above a list, with the line below it that parts it from the rows; else its heading."""
    first, units, head = found.all[0], found.units, found.head
    if found.label:
        yield found.label
    elif head is not None:
        yield units.starts[head], units.ends[head]
        if head + 1 < first and not any(map(str.isalnum, units.said(head + 1))):
            yield units.starts[head + 1], units.ends[head + 1]
    elif first - found.ahead > found.low and len(units.said(first - found.ahead - 1)) <= 80:
        yield units.starts[first - found.ahead - 1], units.ends[first - found.ahead - 1]
