"""Which of several places is a value's own: the values of a record stand together, list items in their order.

First the items of every list get an anchor each, by those of their values that have few places: in ascending order,
and none twice. Then every value takes the place that is nearest to its record, in the column where the other rows have
it, after its name, and that no other value has taken.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from extractor.evidence.anchors import anchored
from extractor.evidence.labels import Labels
from extractor.evidence.leaves import Leaf
from extractor.evidence.place import Place
from extractor.evidence.records import List, Record, records
from extractor.evidence.search import Search
from extractor.evidence.source import Source

__all__ = ["placed"]

NEAREST = 12  # places on each side that are compared for one value
LEARNED = 300  # items from which the columns and their order are learned
MATES = 12  # values of an item that are compared with each other
REACH = 200.0  # characters in which nearness halves
ROW = 400  # characters of one line that are one row at most
MAJORITY = 2  # values of a row after which the others are looked for there
COLUMN = 6.0  # characters in which a column's pull halves


def placed(
    data: Any, leaves: Sequence[Leaf], places: Sequence[Sequence[Place]], source: Source, search: Search
) -> list[Place | None]:
    """A place for each of the scalars (`leaves`) of `data`, None where it has none; `places` are those where it may
    stand, in order.
    """
    placing = _Placing(leaves, places, source, search)
    root = records(data)
    waiting: list[tuple[Record, int | None, int | None]] = [(root, None, None)]
    while waiting:
        record, start, end = waiting.pop()
        for each in record.lists:
            anchors = placing.rows(each, start, end)
            behind = [*anchors[1:], None][: len(anchors)]  # of an empty list nothing
            waiting += (
                (item, at, after) for item, at, after in zip(each.items, anchors, behind, strict=False) if item.lists
            )
    for _ in range(2):  # the second time with all the others known
        placing.record(root)
    return placing.chosen


class _Placing:
    def __init__(
        self, leaves: Sequence[Leaf], places: Sequence[Sequence[Place]], source: Source, search: Search
    ) -> None:
        self._leaves = leaves
        self._places = places
        self._lines = source.lines
        self._text = source.text
        self._search = search
        self._labels = Labels(source)
        self.chosen: list[Place | None] = [None] * len(leaves)
        self._taken: Counter[int] = Counter()
        for number, each in enumerate(places):
            if len(each) == 1:
                self._choose(number, each[0])

    def _choose(self, number: int, place: Place) -> None:
        before = self.chosen[number]
        if before is not None:
            self._taken[before.start] -= 1
        self.chosen[number] = place
        self._taken[place.start] += 1

    def _line(self, at: int) -> int:
        return bisect_right(self._lines, at) - 1

    def _near(self, place: int, at: int) -> float:
        distance = abs(place - at)
        near = 1.0 / (1.0 + distance / REACH)
        return 0.9 + 0.1 * near if distance <= ROW and self._line(place) == self._line(at) else 0.6 * near

    # ------------------------------------------------------------------------------------ lists

    def rows(self, items: List, start: int | None, end: int | None) -> list[int | None]:
        """Choose the places of all values directly in the items of a list. Gives the items' anchors."""
        anchors = anchored([each.features(self._places) for each in items.items], self._near, start, end)
        rows = _Rows()
        for item in items.items[:MATES]:
            rows.see([key for key, _ in item.leaves[:MATES]])
        for item, anchor in zip(items.items, anchors, strict=True):
            if anchor is not None:
                self._certain(item, anchor, rows)
        for item, anchor in zip(items.items, anchors, strict=True):
            if anchor is not None:
                self._uncertain(item, anchor, rows)
                self._misread(item, anchor)
            else:
                self.record(item)
        return anchors

    def _row(self, anchor: int) -> tuple[int, int]:
        """Where the line of an anchor begins and ends."""
        line = self._line(anchor)
        end = self._lines[line + 1] if line + 1 < len(self._lines) else len(self._text)
        return max(self._lines[line], anchor - ROW), min(end, anchor + ROW)

    def _certain(self, item: Record, anchor: int, rows: _Rows) -> None:
        """The values with one place in their row."""
        first, last = self._row(anchor)
        settled = []
        for key, number in item.leaves:
            places = self._places[number]
            if len(places) > 1:
                low, high = bisect_left(places, (first,)), bisect_left(places, (last,))
                if high - low == 1:
                    self._choose(number, places[low])
            chosen = self.chosen[number]
            if chosen and first <= chosen.start < last:
                settled.append((key, chosen.start, self._column(chosen.start, first)))
        rows.learn(settled)

    def _column(self, at: int, first: int) -> tuple[int, int]:
        """A column as characters and as cells from the beginning of the line."""
        return at - first, len(_CELL.findall(self._text, first, at))

    def _uncertain(self, item: Record, anchor: int, rows: _Rows) -> None:
        """The values with several places in their row, or with none."""
        for key, number in item.leaves:
            places = self._places[number]
            if self.chosen[number] is None and places:
                mates = [(other, at.start) for other, mate in item.leaves[:MATES] if (at := self.chosen[mate])]
                options = _around(places, anchor)
                self._choose(number, max(options, key=lambda each: self._rank(each, number, key, anchor, mates, rows)))

    def _misread(self, item: Record, anchor: int) -> None:
        """The values that stand in their row in errors of reading, though they stand elsewhere as they are."""
        first, last = self._row(anchor)
        chosen = [self.chosen[number] for _, number in item.leaves]
        outside = [
            number
            for (_, number), at in zip(item.leaves, chosen, strict=True)
            if not (at and first <= at.start < last) and not self._leaves[number].inferred
        ]
        if len(chosen) - len(outside) < MAJORITY:
            return
        for number in outside:
            near = self._search.near(self._leaves[number].value, first, last)
            if near:
                self._choose(number, near)

    def _rank(
        self, place: Place, number: int, key: str, anchor: int, mates: Sequence[tuple[str, int]], rows: _Rows
    ) -> float:
        line = self._lines[self._line(place.start)]
        rank = self._near(place.start, anchor) + place.score - (0.6 if self._taken[place.start] else 0.0)
        pull = rows.pull(key, *self._column(place.start, max(line, place.start - ROW)))
        rank += 0.5 * (self._labels.rank(self._labels.named(self._leaves[number]), place) if pull is None else pull)
        beside = [(other, at) for other, at in mates if abs(at - place.start) <= ROW]
        agreeing = sum(rows.is_after(key, other) == (place.start > at) for other, at in beside)
        return rank + (0.4 * agreeing / len(beside) if beside else 0.0)

    # ------------------------------------------------------------------------------------ single values

    def record(self, record: Record) -> None:
        """Choose the places of all values directly in a record, by their names and by what is around."""
        for index, (_, number) in enumerate(record.leaves):
            places = self._places[number]
            if len(places) < 2:
                continue
            beside = list(self._beside(record, index))
            own = self.chosen[number]
            if own:
                self._taken[own.start] -= 1
                self.chosen[number] = None
            named = self._labels.named(self._leaves[number])
            options = _several(places, beside)
            self._choose(number, max(options, key=lambda each: self._free_rank(each, named, beside)))

    def _free_rank(self, place: Place, named: Mapping[str, float], beside: Sequence[int]) -> float:
        near = sum(self._near(place.start, at) for at in beside) / len(beside) if beside else 0.0
        taken = 0.6 if self._taken[place.start] > 0 else 0.0
        return 1.2 * self._labels.rank(named, place) + 0.8 * near + 0.3 * place.score - taken

    def _beside(self, record: Record, index: int) -> Iterator[int]:
        """Where the values before and behind one stand, as far as it is known."""
        for step in (-1, 1):
            at = index + step
            for _ in range(MATES):
                chosen = self.chosen[record.leaves[at][1]] if 0 <= at < len(record.leaves) else None
                if chosen:
                    yield chosen.start
                    break
                at += step


class _Rows:
    """What the certain values of a list's items tell: in which column each field stands, and in which order."""

    def __init__(self) -> None:
        self._columns: dict[str, list[tuple[int, int]]] = {}
        self._usual: dict[str, tuple[float, int, bool]] = {}
        self._after: Counter[tuple[str, str]] = Counter()
        self._left = LEARNED
        self._order: dict[str, int] = {}

    def learn(self, settled: Sequence[tuple[str, int, tuple[int, int]]]) -> None:
        """Take the fields of one row: their names, places and columns."""
        if self._left <= 0:
            return
        self._left -= 1
        for key, at, column in settled[:MATES]:
            self._columns.setdefault(key, []).append(column)
            for other, there, _ in settled[:MATES]:
                self._after[key, other] += (at > there) - (at < there)

    def pull(self, key: str, at: int, cell: int) -> float | None:
        """How well a place is in the column of a field, from 0 to 1; None where that is not known.

        Columns are counted in characters or in cells, by which of them more of the rows agree.
        """
        known = self._columns.get(key)
        if not known:
            return None
        if key not in self._usual:
            middle = median(at for at, _ in known)
            usual, most = Counter(cell for _, cell in known).most_common(1)[0]
            self._usual[key] = middle, usual, most >= sum(abs(at - middle) <= 1 for at, _ in known)
        middle, usual, by_cells = self._usual[key]
        return float(cell == usual) if by_cells else 1.0 / (1.0 + abs(at - middle) / COLUMN)

    def is_after(self, key: str, other: str) -> bool:
        """Whether a field comes after another one; where nothing is known, as the schema has them."""
        known = self._after.get((key, other), 0)
        return known > 0 or (known == 0 and self._position(key) > self._position(other))

    def _position(self, key: str) -> int:
        return self._order.setdefault(key, len(self._order))

    def see(self, keys: Sequence[str]) -> None:
        """Remember the order in which the fields are given."""
        for key in keys:
            self._position(key)


_CELL = re.compile(r"[\t|;]|,(?!\d)|\s{2,}")


def _around(places: Sequence[Place], at: int) -> Sequence[Place]:
    here = bisect_left(places, (at,))
    return places[max(0, here - NEAREST) : here + NEAREST]


def _several(places: Sequence[Place], beside: Sequence[int]) -> Sequence[Place]:
    """All of few places, the first and those around others of many."""
    if len(places) <= 4 * NEAREST:
        return places
    return list(dict.fromkeys([*places[:NEAREST], *(each for at in beside for each in _around(places, at))]))
