"""Asking for the rows that a list lacks, and for them only: what to send, and where the answers belong.

for report in completeness(schema, data, source, fields):
for region in regions(report, source): …          # one request each, side by side: the list alone
data, fields = merge_found(data, fields, report.pointer, answers)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from extractor.evidence.completeness import Gap, ListReport
from extractor.evidence.field import Field, Span
from extractor.evidence.grounding import ground
from extractor.evidence.items import weight_of
from extractor.evidence.source import Source, source_of
from extractor.schema.nodes import steps_of, text_of, value_at

__all__ = ["Answer", "Piece", "Region", "inserted", "merge_found", "placed", "regions"]

SAME = 0.5  # the share of an item's values that stand where those of another do, above which it is that one
EQUAL = 0.75  # the same, for values that are equal to those of an item that stands nowhere
MOST_SHARING = 20  # items with a value at one place that are looked at
ROWS = 40  # of one request: a model that drops rows of long lists drops few of short ones


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of the document that stands at `at` in a region's text."""

    at: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """What to ask for again: `text` is what to send, the list's heading and header row and then the rows.

    `start` and `end` are the part of the document that it is from, of which it has the `pieces`; `rows` is how many
    are missing in it (0: not known), `after` the index of the item behind which the first of them belongs.
    """

    start: int
    end: int
    text: str
    after: int
    rows: int
    pieces: tuple[Piece, ...]


Answer: TypeAlias = "tuple[Region, Sequence[Any], Mapping[str, Field]]"
"""A region, the items that were found in it, and their fields by pointers into these items (`placed`)."""


def regions(report: ListReport, source: Source, *, rows: int = ROWS) -> tuple[Region, ...]:
    """What to ask for again: the rows of the gaps, at most so many in one region, rows from several gaps together.

    Where it is not known where the missing items are (the document says how many there are, or the value has no such
    list), the whole document is one region. None for a list that is complete, or of which nothing is known.
    """
    if report.gaps:
        lead = "\n".join(source.text[span.start : span.end] for span in report.lead)
        return tuple(_region(source, lead, group) for group in _grouped(report.gaps, rows))
    if report.status in ("missing", "wrong_shape") or (report.status == "incomplete" and report.lacking):
        end = len(source.text)
        piece = Piece(at=0, start=0, end=end)
        return (Region(start=0, end=end, text=source.text, after=-1, rows=report.lacking, pieces=(piece,)),)
    return ()


def _grouped(gaps: Iterable[Gap], rows: int) -> Iterator[list[Gap]]:
    """The gaps, or parts of them, that have so many rows together."""
    group: list[Gap] = []
    room = rows
    for gap in gaps:
        starts = gap.at or (gap.start,)
        first = 0
        while first < len(starts):
            own = starts[first : first + room]
            last = first + len(own)
            start, end = own[0] if first else gap.start, starts[last] if last < len(starts) else gap.end
            group.append(Gap(start=start, end=end, rows=len(own), after=gap.after, at=own))
            first, room = last, room - len(own)
            if not room:
                yield group
                group, room = [], rows
    if group:
        yield group


def _region(source: Source, lead: str, group: Sequence[Gap]) -> Region:
    texts, pieces = [lead] if lead else [], []
    at = len(lead) + 1 if lead else 0
    for part in group:
        text = source.text[part.start : part.end].rstrip()
        pieces.append(Piece(at=at, start=part.start, end=part.start + len(text)))
        texts.append(text)
        at += len(text) + 1
    return Region(
        start=group[0].start,
        end=pieces[-1].end,
        text="\n".join(texts),
        after=group[0].after,
        rows=sum(part.rows for part in group),
        pieces=tuple(pieces),
    )


def placed(schema: Mapping[str, Any], items: Sequence[Any], region: Region, source: Source) -> dict[str, Field]:
    """The fields of the items that were found in a region, with their places in the whole document.

    `schema` is that of the list. A value that is looked for in the region only is not taken for an equal one of
    another row. What stands in the lead only has no place.
    """
    found = ground(schema, list(items), source_of(region.text))
    starts = [piece.at for piece in region.pieces]

    def whole(spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            number = bisect_right(starts, span.start) - 1
            if number >= 0:
                piece = region.pieces[number]
                start = piece.start + span.start - piece.at
                end = min(start + span.end - span.start, piece.end)
                if start < end:
                    yield Span(start=start, end=end, page=source.page_of(start))

    return {
        pointer: _moved(known, tuple(whole(known.spans)), tuple(whole(known.elsewhere)))
        for pointer, known in found.items()
    }


def _moved(known: Field, spans: tuple[Span, ...], elsewhere: tuple[Span, ...]) -> Field:
    if known.spans and not spans:
        spans, elsewhere = elsewhere[:1], elsewhere[1:]
    if known.spans and not spans and known.status != "inferred":
        return replace(known, status="absent", spans=(), elsewhere=(), score=0.0)
    return replace(known, spans=spans, elsewhere=elsewhere)


# --------------------------------------------------------------------------------------- answers into the list


def merge_found(
    data: Any, fields: Mapping[str, Field], pointer: str, answers: Sequence[Answer]
) -> tuple[Any, dict[str, Field]]:
    """A value and its fields with what was found put into one of its lists. The arguments stay as they are."""
    own = value_at(data, pointer)
    within = pointer + "/"
    mine = {place.removeprefix(pointer): known for place, known in fields.items() if place.startswith(within)}
    items, moved = inserted(own if isinstance(own, list) else [], mine, answers)
    if not isinstance(own, list) and not items:
        return data, dict(fields)
    merged: dict[str, Field] = {}
    for place, known in fields.items():
        if place == pointer:
            continue  # it was null
        if place.startswith(within):
            if moved:
                merged.update((pointer + inner, each) for inner, each in moved.items())
                moved = {}
        else:
            merged[place] = known
    merged.update((pointer + inner, each) for inner, each in moved.items())
    return _with(data, steps_of(pointer), items), merged


def _with(data: Any, steps: Sequence[str], value: Any) -> Any:
    """Plain data with another value at a place; only what is on the way is copied."""
    if not steps:
        return value
    whole = data = list(data) if isinstance(data, list) else dict(data)
    for number, step in enumerate(steps):
        at: Any = int(step) if isinstance(data, list) else step
        inner = value if number + 1 == len(steps) else data[at]
        if number + 1 < len(steps):
            inner = list(inner) if isinstance(inner, list) else dict(inner)
        data[at] = inner
        data = inner
    return whole


def inserted(
    items: Sequence[Any], fields: Mapping[str, Field], answers: Sequence[Answer]
) -> tuple[list[Any], dict[str, Field]]:
    """A list and its fields (by pointers into it) with what was found, each at its place in document order.

    What comes from the place of an item that is there already is not put in again; an equal item from another place
    is. What stands nowhere in the region is left out, unless the region is the whole document and nothing like it is
    there.
    """
    known = _Known(items, fields)
    for region, found, theirs in answers:
        by_index = _by_index(theirs)
        for index, item in enumerate(found):
            known.add(item, by_index.get(index, {}), whole=not region.rows or not known.placed)
    return known.joined()


def _by_index(fields: Mapping[str, Field]) -> dict[int, dict[str, Field]]:
    """The fields of each item, by the rest of their pointers."""
    own: dict[int, dict[str, Field]] = {}
    for pointer, known in fields.items():
        step, slash, rest = pointer[1:].partition("/")
        if step.isdecimal():
            own.setdefault(int(step), {})[slash + rest] = known
    return own


def _position(fields: Mapping[str, Field]) -> int | None:
    """Where most of an item stands: the middle of its values, by their weight. None where it stands nowhere."""
    starts = sorted((known.spans[0].start, weight_of(known)) for known in fields.values() if known.spans)
    half = sum(weight for _, weight in starts) / 2
    for start, weight in starts:
        half -= weight
        if half <= 0:
            return start
    return None


class _Known:
    """The items of a list with their places, and those that are added."""

    def __init__(self, items: Sequence[Any], fields: Mapping[str, Field]) -> None:
        self._items = list(items)
        self._fields = _by_index(fields)
        self._there: dict[tuple[str, int | str], list[int]] = {}
        self._order: list[tuple[int, int]] = []
        self._added: list[tuple[int, int]] = []
        self._loose: list[int] = []
        for index in range(len(items)):
            position = self._remember(index)
            if position is not None:
                self._order.append((position, index))
        self._order.sort()
        self.placed = bool(self._order)

    def _remember(self, index: int) -> int | None:
        own = self._fields.get(index, {})
        position = _position(own)
        for key in self._keys(self._items[index], own, position is None):
            self._there.setdefault(key, []).append(index)
        return position

    def _keys(self, item: Any, own: Mapping[str, Field], valued: bool) -> Iterator[tuple[str, int | str]]:
        """What tells that two items are one: where each value stands; for one that stands nowhere, the values."""
        for rest, known in own.items():
            if not valued and known.spans:
                yield rest, known.spans[0].start
            elif valued:
                yield rest, text_of(value_at(item, rest))
        if valued and not own:
            yield "", text_of(item)

    def _is_there(self, item: Any, own: Mapping[str, Field], valued: bool) -> bool:
        """Whether one item has most of what this one has."""
        shared: dict[int, float] = {}
        most = 0.0
        for key in self._keys(item, own, valued):
            weight = 1 + min(len(str(key[1])), 16) / 8 if valued else weight_of(own[key[0]])
            most += weight
            for index in self._there.get(key, ())[-MOST_SHARING:]:
                shared[index] = shared.get(index, 0.0) + weight
        return bool(shared) and max(shared.values()) > most * (EQUAL if valued else SAME)

    def add(self, item: Any, own: Mapping[str, Field], *, whole: bool) -> None:
        """One item more, unless it is there."""
        position = _position(own)
        if position is None and not whole:
            return
        if self._is_there(item, own, True) if position is None else self._doubles(item, own):
            return
        index = len(self._items)
        self._items.append(item)
        self._fields[index] = dict(own)
        self._remember(index)
        if position is None:
            self._loose.append(index)
        else:
            self._added.append((position, index))

    def _doubles(self, item: Any, own: Mapping[str, Field]) -> bool:
        return self._is_there(item, own, False) or self._is_there(item, own, True)

    def joined(self) -> tuple[list[Any], dict[str, Field]]:
        """The items with the added ones in their places."""
        count = len(self._items) - len(self._added) - len(self._loose)
        positions = [position for position, _ in self._order]
        before: list[int] = []
        behind: dict[int, list[int]] = {}
        for position, index in sorted(self._added):
            at = bisect_right(positions, position) - 1
            (behind.setdefault(self._order[at][1], []) if at >= 0 else before).append(index)
        first = self._order[0][1] if self._order else count
        order: list[int] = []
        for index in range(count + 1):
            order += before if index == first else ()
            order += [index, *behind.get(index, ())] if index < count else ()
        order += self._loose
        fields = {
            f"/{number}{rest}": known
            for number, index in enumerate(order)
            for rest, known in self._fields.get(index, {}).items()
        }
        return [self._items[index] for index in order], fields
