"""What the regions of a document gave that were asked for again: which items count, and where they go into the list."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from extractor.documents.regions import Answer, Region, by_index, is_outside, row_of
from extractor.evidence.field import Field
from extractor.evidence.items import weight_of
from extractor.schema.nodes import text_of
from extractor.schema.pointers import steps_of, value_at

__all__ = ["inserted", "merge_found"]

_NUMBER = re.compile(r"/\d++(?=/|$)")
SAME = 0.5  # the share of an item's values that stand where those of another do, above which it is that one
EQUAL = 0.75  # the same, for values that are equal to those of an item that stands nowhere
MOST_SHARING = 20  # items with a value at one place that are looked at
TOGETHER = 10  # lines over which the values of an item may be spread where it is not known where its row is
NAMING = 4  # characters of a text without letters that says no more than a number


# ------------------------------------------------------------------------------------- what is taken of an answer


def _stands(item: Any, own: Mapping[str, Field], region: Region) -> tuple[int, int] | None:
    """The row that an item is from: all of its texts and numbers stand in it, as they are or in another form, and
    not one number alone. A text may also be from what the row stands under. None where there is no such row.
    """
    part = row_of(own, region)
    if part is None:
        return None
    texts, numbers = 0, 0
    for rest, known in own.items():
        value = value_at(item, rest)
        inside = not is_outside(known, part)
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
    whole = holder = [data]
    at: Any = 0
    for step in steps:
        inner = holder[at] = copy(holder[at])
        holder, at = inner, int(step) if isinstance(inner, list) else step
    holder[at] = value
    return whole[0]


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
        own = by_index(theirs)
        for index, item in enumerate(found):
            known.add(item, own.get(index, {}), region)
    return known.joined()


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
        self._fields = by_index(fields)
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
