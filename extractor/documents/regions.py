"""Asking for the rows that a list lacks, and for them only: what to send, and where the answers belong.

for report in completeness(schema, data, source, fields):
for region in regions(report, source): …          # one request each, side by side: the list alone
data, fields = merge_found(data, fields, report.pointer, answers)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, TypeAlias

from extractor.evidence.completeness import Gap, ListReport
from extractor.evidence.field import Field, Span
from extractor.evidence.grounding import ground
from extractor.evidence.items import weight_of
from extractor.evidence.rows import delimiter_of
from extractor.evidence.source import Source, source_of
from extractor.schema.nodes import steps_of, text_of, value_at

__all__ = ["Answer", "Piece", "Region", "inserted", "merge_found", "placed", "regions"]

_QUOTED = re.compile(r'"[^"]*+"')
_NUMBER = re.compile(r"/\d++(?=/|$)")
SAME = 0.5  # the share of an item's values that stand where those of another do, above which it is that one
EQUAL = 0.75  # the same, for values that are equal to those of an item that stands nowhere
MOST_SHARING = 20  # items with a value at one place that are looked at
LEAD = 1_000  # characters of a heading and header row; more is none, and would be sent with every region
SHORT_LEAD = 200  # the same where it is longer than the rows
TOGETHER = 10  # lines over which the values of an item may be spread where it is not known where its row is
NAMING = 4  # characters of a text without letters that says no more than a number
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
    are missing in it (0: not known), `after` the index of the item behind which the first of them belongs. `parts` are
    the rows, half-open in characters of the document (none: not known), `lead` where heading and header row stand.
    """

    start: int
    end: int
    text: str
    after: int
    rows: int
    pieces: tuple[Piece, ...]
    parts: tuple[tuple[int, int], ...] = ()
    lead: tuple[Piece, ...] = ()

    def part(self, offset: int) -> tuple[int, int] | None:
        """The row that a character of the document is in; the whole region where the rows are not known."""
        if not self.parts:
            return self.start, self.end
        number = bisect_right(self.parts, offset, key=itemgetter(0)) - 1
        return self.parts[number] if number >= 0 and offset < self.parts[number][1] else None

    def said(self, start: int, end: int) -> str:
        """What stands at a part of the document, as it was sent."""
        for piece in self.pieces:
            if piece.start <= start < piece.end:
                return self.text[piece.at + start - piece.start : piece.at + min(end, piece.end) - piece.start]
        return ""


Answer: TypeAlias = "tuple[Region, Sequence[Any], Mapping[str, Field]]"
"""A region, the items that were found in it, and their fields by pointers into these items (`placed`)."""


def regions(report: ListReport, source: Source, *, rows: int = ROWS) -> tuple[Region, ...]:
    """What to ask for again: the rows of the gaps, at most so many in one region, rows from several gaps together.

    Where it is not known where the missing items are (the document says how many there are, or the value has no such
    list), the whole document is one region. None for a list that is complete, or of which nothing is known.
    """
    if report.gaps:
        return tuple(_region(source, report.lead, group) for group in _grouped(report.gaps, rows))
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
        parts = gap.parts or ((gap.start, gap.end),)
        first = 0
        while first < len(parts):
            own = parts[first : first + room]
            last = first + len(own)
            start, end = own[0][0] if first else gap.start, parts[last][0] if last < len(parts) else gap.end
            group.append(Gap(start=start, end=end, rows=len(own), after=gap.after, parts=own))
            first, room = last, room - len(own)
            if not room:
                yield group
                group, room = [], rows
    if group:
        yield group


def _region(source: Source, lead: Sequence[Span], group: Sequence[Gap]) -> Region:
    length = sum(span.end - span.start for span in lead)
    if length > LEAD or length > max(SHORT_LEAD, sum(part.end - part.start for part in group)):
        lead = ()
    texts: list[str] = []
    at, leads, pieces = 0, list[Piece](), list[Piece]()
    for span in lead:
        leads.append(Piece(at=at, start=span.start, end=span.end))
        texts.append(source.text[span.start : span.end])
        at += len(texts[-1]) + 1
    for part in group:
        texts.append(source.text[part.start : part.end].rstrip())
        pieces.append(Piece(at=at, start=part.start, end=part.start + len(texts[-1])))
        at += len(texts[-1]) + 1
    return Region(
        start=group[0].start,
        end=pieces[-1].end,
        text="\n".join(texts),
        after=group[0].after,
        rows=sum(part.rows for part in group),
        pieces=tuple(pieces),
        parts=tuple(row for part in group for row in part.parts),
        lead=tuple(leads),
    )


def placed(schema: Mapping[str, Any], items: Sequence[Any], region: Region, source: Source) -> dict[str, Field]:
    """The fields of the items that were found in a region, with their places in the whole document.

    `schema` is that of the list. A value that is looked for in the region only is not taken for an equal one of
    another row: each item is placed in the row where most of it stands, or in what the rows stand under.
    """
    found = ground(schema, list(items), source_of(region.text))
    pieces = (*region.lead, *region.pieces)
    starts = [piece.at for piece in pieces]

    def whole(spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            number = bisect_right(starts, span.start) - 1
            if number >= 0:
                piece = pieces[number]
                start = piece.start + span.start - piece.at
                end = min(start + span.end - span.start, piece.end)
                if start < end:
                    yield Span(start=start, end=end, page=source.page_of(start))

    fields = {
        pointer: _moved(known, tuple(whole(known.spans)), tuple(whole(known.elsewhere)))
        for pointer, known in found.items()
    }
    if not region.parts:
        return fields
    for index, own in _by_index(fields).items():
        part = _row(own, region)
        if part is not None and any(_outside(known, part) for known in own.values()):
            again = _in_row(schema, items[index], source, part)
            for rest, known in own.items():
                inside = again.get(rest, known)
                if _outside(known, part) and not _outside(inside, part):
                    fields[f"/{index}{rest}"] = inside
    return fields


def _in_row(schema: Mapping[str, Any], item: Any, source: Source, part: tuple[int, int]) -> dict[str, Field]:
    """The fields of an item that is looked for in one row only; between commas, too, which parts of numbers are."""
    row = source.text[part[0] : part[1]]
    line = _QUOTED.sub("", row.strip().partition("\n")[0])
    found: dict[str, Field] = {}
    for text in (row.replace(",", "\t"), row) if delimiter_of([line]) == "," else (row,):
        for pointer, known in ground(schema, [item], source_of(text)).items():
            if known.spans:
                found[pointer.removeprefix("/0")] = replace(
                    known,
                    spans=tuple(_shifted(span, part[0], source) for span in known.spans),
                    elsewhere=tuple(_shifted(span, part[0], source) for span in known.elsewhere),
                )
    return found


def _shifted(span: Span, by: int, source: Source) -> Span:
    return Span(start=span.start + by, end=span.end + by, page=source.page_of(span.start + by))


def _row(own: Mapping[str, Field], region: Region) -> tuple[int, int] | None:
    """The row in which most of an item stands."""
    weights: dict[tuple[int, int], float] = {}
    for known in own.values():
        part = region.part(known.spans[0].start) if known.spans else None
        if part is not None:
            weights[part] = weights.get(part, 0.0) + weight_of(known)
    return max(weights, key=weights.__getitem__, default=None)


def _outside(known: Field, part: tuple[int, int]) -> bool:
    return not known.spans or not all(part[0] <= span.start < part[1] for span in known.spans)


def _moved(known: Field, spans: tuple[Span, ...], elsewhere: tuple[Span, ...]) -> Field:
    if known.spans and not spans:
        spans, elsewhere = elsewhere[:1], elsewhere[1:]
    if known.spans and not spans and known.status != "inferred":
        return replace(known, status="absent", spans=(), elsewhere=(), score=0.0)
    return replace(known, spans=spans, elsewhere=elsewhere)


# ------------------------------------------------------------------------------------- what is taken of an answer


def _stands(item: Any, own: Mapping[str, Field], region: Region) -> tuple[int, int] | None:
    """The row that an item is from: all of its texts and numbers stand in it, as they are or in another form, and
    not one number alone. A text may also be from what the row stands under. None where there is no such row.
    """
    part = _row(own, region)
    if part is None:
        return None
    texts, numbers = 0, 0
    for rest, known in own.items():
        value = value_at(item, rest)
        inside = not _outside(known, part)
        if known.status == "inferred" or value is None or value == "":
            texts += inside
        elif known.status not in ("exact", "normalised"):
            return None
        elif _is_number(value):
            numbers += 1
            if not inside:
                return None
        elif inside:
            texts += 1
        elif not _in_lead(known, region):
            return None
    told = texts or numbers > 1 or (numbers and not any(map(str.isalpha, region.said(*part))))
    return part if told and (region.parts or _together(own, region)) else None


def _is_number(value: Any) -> bool:
    """Whether a value may stand by chance in any row."""
    return not isinstance(value, str) or (len(value) < NAMING and not any(map(str.isalpha, value)))


def _in_lead(known: Field, region: Region) -> bool:
    return all(any(piece.start <= span.start < piece.end for piece in region.lead) for span in known.spans)


def _together(own: Mapping[str, Field], region: Region) -> bool:
    """Whether what is an item's own, and not in a list of it, stands together."""
    flat = [known for rest, known in own.items() if known.spans and not _NUMBER.search(rest)]
    spots = [span.start for known in flat for span in known.spans]
    return not spots or region.said(min(spots), max(spots) + 1).count("\n") <= TOGETHER


# --------------------------------------------------------------------------------------- answers into the list


def merge_found(
    data: Any, fields: Mapping[str, Field], pointer: str, answers: Sequence[Answer]
) -> tuple[Any, dict[str, Field]]:
    """A value and its fields with what was found put into one of its lists. The arguments stay as they are."""
    own = value_at(data, pointer)
    within = pointer + "/"
    mine = {place.removeprefix(pointer): known for place, known in fields.items() if place.startswith(within)}
    others = [known for place, known in fields.items() if not place.startswith(within) and _NUMBER.search(place)]
    items, moved = inserted(own if isinstance(own, list) else [], mine, answers, others=others)
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
    items: Sequence[Any], fields: Mapping[str, Field], answers: Sequence[Answer], *, others: Iterable[Field] = ()
) -> tuple[list[Any], dict[str, Field]]:
    """A list and its fields (by pointers into it) with what was found, each at its place in document order.

    Only what stands in one of the rows that were asked for is put in, one item for each row. What comes from the place
    of an item that is there already, or of one of another list (`others` are the fields of these), is not put in; an
    item that is equal to one from another place is.
    """
    known = _Known(items, fields, frozenset(span.start for field in others for span in field.spans))
    for region, found, theirs in answers:
        by_index = _by_index(theirs)
        for index, item in enumerate(found):
            known.add(item, by_index.get(index, {}), region)
    return known.joined()


def _by_index(fields: Mapping[str, Field]) -> dict[int, dict[str, Field]]:
    """The fields of each item, by the rest of their pointers."""
    own: dict[int, dict[str, Field]] = {}
    for pointer, known in fields.items():
        step, slash, rest = pointer[1:].partition("/")
        if step.isdecimal():
            own.setdefault(int(step), {})[slash + rest] = known
    return own


def _position(fields: Mapping[str, Field], region: Region | None = None) -> int | None:
    """Where most of an item stands: the middle of its values, by their weight. None where it stands nowhere."""
    starts = sorted(
        (known.spans[0].start, weight_of(known))
        for known in fields.values()
        if known.spans and (region is None or region.part(known.spans[0].start))
    )
    half = sum(weight for _, weight in starts) / 2
    for start, weight in starts:
        half -= weight
        if half <= 0:
            return start
    return None


class _Known:
    """The items of a list with their places, and those that are added."""

    def __init__(self, items: Sequence[Any], fields: Mapping[str, Field], others: Collection[int]) -> None:
        self._items = list(items)
        self._others = others
        self._rows: set[tuple[int, int]] = set()
        self._fields = _by_index(fields)
        self._there: dict[int | tuple[str, str], list[int]] = {}
        self._order: list[tuple[int, int]] = []
        self._added: list[tuple[int, int]] = []
        for index in range(len(items)):
            position = self._remember(index)
            if position is not None:
                self._order.append((position, index))
        self._order.sort()

    def _remember(self, index: int) -> int | None:
        own = self._fields.get(index, {})
        position = _position(own)
        for _, key in self._keys(self._items[index], own, position is None):
            self._there.setdefault(key, []).append(index)
        return position

    def _keys(self, item: Any, own: Mapping[str, Field], valued: bool) -> Iterator[tuple[str, int | tuple[str, str]]]:
        """What tells that two items are one: where each value stands; for one that stands nowhere, the values."""
        for rest, known in own.items():
            if not valued and known.spans:
                yield rest, known.spans[0].start
            elif valued:
                yield rest, (rest, text_of(value_at(item, rest)))
        if valued and not own:
            yield "", ("", text_of(item))

    def _is_there(self, item: Any, own: Mapping[str, Field], valued: bool) -> bool:
        """Whether one item has most of what this one has."""
        shared: dict[int, float] = {}
        most = others = 0.0
        for rest, key in self._keys(item, own, valued):
            weight = 1 + min(len(key[1]), 16) / 8 if isinstance(key, tuple) else weight_of(own[rest])
            most += weight
            others += weight if key in self._others else 0.0
            for index in self._there.get(key, ())[-MOST_SHARING:]:
                shared[index] = shared.get(index, 0.0) + weight
        return max(others, *shared.values(), 0.0) > most * (EQUAL if valued else SAME)

    def add(self, item: Any, own: Mapping[str, Field], region: Region) -> None:
        """One item more, if it is one of the rows that were asked for, and not there."""
        row, position = _stands(item, own, region), _position(own, region)
        if row is None or position is None or (region.parts and row in self._rows) or self._doubles(item, own):
            return
        self._rows.add(row)
        index = len(self._items)
        self._items.append(item)
        self._fields[index] = dict(own)
        self._remember(index)
        self._added.append((position, index))

    def _doubles(self, item: Any, own: Mapping[str, Field]) -> bool:
        return self._is_there(item, own, False) or self._is_there(item, own, True)

    def joined(self) -> tuple[list[Any], dict[str, Field]]:
        """The items with the added ones in their places."""
        count = len(self._items) - len(self._added)
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
        fields = {
            f"/{number}{rest}": known
            for number, index in enumerate(order)
            for rest, known in self._fields.get(index, {}).items()
        }
        return [self._items[index] for index in order], fields
