"""Whether a list has all that the document has: lines that look like the rows of the found items and hold none.

What cannot be told is `unknown`, never `complete`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

from extractor.evidence.counts import Count, counts_in, fitting, named, numbering
from extractor.evidence.field import Field, Span
from extractor.evidence.inline import has_neighbours, is_shared, pieces_of
from extractor.evidence.items import Listed, Places, extent, in_prose, is_valued, lists_of, other_lines, owner_of
from extractor.evidence.reach import (
    around,
    beside,
    between,
    header,
    joining,
    records_of,
    runs_on,
)
from extractor.evidence.rows import Found, Rows
from extractor.evidence.source import Source
from extractor.evidence.tables import table_of
from extractor.evidence.units import doubled

__all__ = ["Gap", "ListReport", "completeness"]

HEADING = 80  # characters
TRAILING = 2  # lines behind a row that may go on with it


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A part of the document with rows that look like found ones, and that no item of the list comes from.

    `start` and `end` are half-open, in characters of the document; `rows` is how many are missing, `at` where the
    rows begin, `parts` the lines of each (half-open, too), and `after` the index of the item behind which they
    belong (-1: before the first).
    """

    start: int
    end: int
    rows: int
    after: int
    at: tuple[int, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()


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
        self._seen: dict[str, Found | None] = {}
        for each in lists:  # those that others are in come first
            found = self._seen[each.pointer] = self._found(each, *self._region(each))
            if found:
                starts = (found.units.starts[unit] for unit in (*found.lacking, *found.borders))
                self._cut[each.pointer] = sorted(self._places.lines.at(start) for start in starts)
        self._settle(lists)
        of_records = [each for each in lists if each.records or (each.length and not each.scalar)]
        if len(of_records) == 1 and of_records[0].records and of_records[0].length == 0:
            self._seen[of_records[0].pointer] = self._table()

    def _settle(self, lists: Sequence[Listed]) -> None:
        """Rows that look like those of several lists are nobody's: it cannot be told whose they are."""
        claims: dict[int, list[Listed]] = {}
        for each in lists:
            found = self._seen[each.pointer]
            if found and found.units is self._places.lines:
                for line in found.lacking:
                    claims.setdefault(line, []).append(each)
        nobodys: dict[str, set[int]] = {}
        for line, several in claims.items():
            for each in several:
                if not all(self._places.share(each.pattern, other.pattern) for other in several):
                    nobodys.setdefault(each.pointer, set()).add(line)
        for pointer, lines in nobodys.items():
            found = self._seen[pointer]
            assert found is not None  # noqa: S101  # it claims these lines
            own = [line for line in found.lacking if line not in lines]
            self._seen[pointer] = replace(found, lacking=own, doubtful=True)

    def report(self, each: Listed) -> ListReport:
        """What can be told of one list."""
        low, high = self._region(each)
        found = self._seen[each.pointer]
        gaps = _gaps(each, found) if found else ()
        returned = each.length or 0
        seen = found.count if found else returned
        count = self._said(each, found, low, high, seen)
        expected = count.number if count else seen if found else None
        if count and found and expected == returned and len(found.homes) == returned:
            gaps = ()  # all of them are here, and have a place each
        elif found and not count and not gaps and (found.doubtful or found.lacking):
            expected = None  # rows that may be of another list, or those of the items that stand nowhere
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

    def _table(self) -> Found | None:
        """The only table of the document, for a list that has nothing of it."""
        table = table_of(self._places)
        if table is None:
            return None
        head, lines = table
        units = self._places.lines
        return Found(units, Rows(units, lines), [], lines, head=head, high=len(units))

    def _found(self, each: Listed, low: int, high: int) -> Found | None:
        items = [(item.home, index) for index, item in each.items.items() if low <= item.home < high]
        if not items:
            return None
        lines = {line for line, _ in items}
        if len(items) > 1 and (len(lines) <= len(items) / 2 or (each.scalar and is_shared(self._places, each))):
            return pieces_of(self._places, each)
        rows, lines = self._rows(each, lines)
        items = [(line, index) for line, index in items if line in lines]
        told = rows.divided if len(lines) == 1 else rows.strength >= 2 or not rows.plain
        lined = sorted(lines)
        head = header(rows, lined[0], low)
        ahead, behind = extent(each)
        found = Found(self._places.lines, rows, sorted(items), [], ahead, behind, low, high, head=head)
        records = records_of(self._places, each, low, high) if each.pointer in self._holding else None
        if records is not None:
            return replace(found, lacking=records, head=None, holds=True)
        if not told and in_prose(each, self._places):
            return None
        if each.scalar and head is None and not rows.marked and has_neighbours(self._places, each):
            return None  # a grid, of which only some names were taken, or the first of several columns
        return self._reaching(each, found, lined)

    def _rows(self, each: Listed, lines: set[int]) -> tuple[Rows, set[int]]:
        """What the rows look like, and those of the lines that are rows: something else may have been taken for one."""
        valued = is_valued(each, self._places)
        rows = Rows(self._places.lines, sorted(lines), each.names, valued=valued)
        strange = rows.strange(sorted(lines))
        if not strange:
            return rows, lines
        return Rows(self._places.lines, sorted(lines - strange), each.names, valued=valued), lines - strange

    def _reaching(self, each: Listed, found: Found, lined: list[int]) -> Found:
        """The same with the rows that have no item."""
        places, rows, items = self._places, found.rows, found.homes
        inner = [*between(places, each.pattern, rows, lined)]
        holds = each.pointer in self._holding
        outer = [*around(places, each, rows, lined, found.head, found.low, found.high, holds)]
        lacking = sorted([*inner, *(line for line, doubtful in outer if not doubtful)])
        lacking = sorted([*lacking, *joining(places, each.pattern, rows, sorted([*lined, *lacking]))])
        own = other_lines(each, places) | rows.sums(sorted([*lined, *lacking]))
        lacking = [line for line in lacking if line not in own]
        extra = [*doubled(places.lines, items, lacking), *beside(rows, items, lacking)]
        gone = {line for line, _ in extra}
        doubtful = [line for line, doubtful in outer if doubtful]
        runs = runs_on(places, each, rows, sorted([*lined, *lacking]), found.head)
        return replace(
            found,
            homes=sorted({*items, *extra}),
            lacking=[line for line in lacking if line not in gone],
            doubtful=bool(doubtful) or runs,
            borders=tuple(doubtful) if holds and (rows.marked or rows.strength > 1) else (),
        )


def _outer(pointer: str, places: Places) -> str | None:
    owner = owner_of(pointer, places.lists)
    return f"{owner[0]}/{owner[1]}" if owner else None


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
        lost_here = lost[bisect_left(lost, before) : bisect_left(lost, max(before, behind))]
        if len(group) > len(lost_here):
            after = lost_here[-1] if lost_here else before
            start, end = _bounds(found, group, at)
            starts = tuple(found.units.starts[unit] for unit in group)
            parts = _parts(found, group, at)
            rows = len(group) - len(lost_here)
            gaps.append(Gap(start=start, end=end, rows=rows, after=after, at=starts, parts=parts))
    return tuple(gaps)


def _parts(found: Found, group: Sequence[int], at: int) -> tuple[tuple[int, int], ...]:
    """Where each row of a gap starts and ends; one of several lines goes on to where the next begins."""
    bounds = [_bounds(found, [unit], at) for unit in group]
    last = _bounds(found, group, at)[1]
    several = found.holds or found.ahead or found.behind
    parts = []
    for (start, end), (behind, _) in zip_longest(bounds, bounds[1:], fillvalue=(last, last)):
        parts.append((start, behind if several else min(end, behind)))
    return tuple(parts)


def _bounds(found: Found, group: Sequence[int], at: int) -> tuple[int, int]:
    """Where a gap starts and ends: with the lines that belong to its rows."""
    floor = found.homes[at][0] + found.behind + 1 if at >= 0 else 0
    ceiling = found.homes[at + 1][0] - found.ahead - 1 if at + 1 < len(found.homes) else len(found.units) - 1
    first = max(group[0] - found.ahead, min(floor, group[0]))
    if found.holds:
        return found.units.starts[first], found.units.ends[max(min(ceiling, found.high - 1), group[-1])]
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
        if _is_heading(found, head - 1):
            yield units.starts[head - 1], units.ends[head - 1]
        yield units.starts[head], units.ends[head]
        if head + 1 < first and not any(map(str.isalnum, units.said(head + 1))):
            yield units.starts[head + 1], units.ends[head + 1]
    elif first - found.ahead > found.low and len(units.said(first - found.ahead - 1)) <= HEADING:
        yield units.starts[first - found.ahead - 1], units.ends[first - found.ahead - 1]


def _is_heading(found: Found, line: int) -> bool:
    """Whether a line above a header row is what the table stands under."""
    if line < found.low or line in found.taken or found.rows.like(line) or found.rows.is_furniture(line):
        return False
    said = found.units.said(line).strip()
    return len(said) <= HEADING and "   " not in said and not said.endswith((".", ";", ","))
