"""The scalars of a value by the records that they belong to: the whole, and the items of its lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from extractor.evidence.place import Place

__all__ = ["List", "Record", "records"]

FEATURES = 6  # values of an item that tell where it is
LOOKED = 24  # values of an item that are looked at for these


@dataclass(eq=False, slots=True)
class Record:
    """An item of a list, or the whole. `leaves` are its scalars, also those of objects in it: their pointers in the
    item, and their numbers; `lists` are the lists in it, whose items are records themselves.
    """

    leaves: list[tuple[str, int]] = field(default_factory=list)
    lists: list[List] = field(default_factory=list)

    def features(self, places: Sequence[Sequence[Place]]) -> list[Sequence[Place]]:
        """The places of its values that have the fewest; of those of its lists, where it has no others."""
        numbers = [number for _, number in self.leaves[:LOOKED]]
        ahead = list(self.lists)
        while ahead and len(numbers) < LOOKED:
            for item in ahead.pop(0).items[:2]:
                numbers += (number for _, number in item.leaves[:FEATURES])
                ahead += item.lists[: LOOKED - len(ahead)]
        found = [places[number] for number in numbers if places[number]]
        return sorted(found, key=len)[:FEATURES]


@dataclass(eq=False, slots=True)
class List:
    """A list, with its items."""

    items: list[Record] = field(default_factory=list)


def records(data: object) -> Record:
    """The record of the whole of `data`, whose scalars are numbered in their order."""
    root = Record()
    number = 0
    # No recursion: how deep a value is, is up to the model.
    waiting: list[tuple[Record, str, object]] = [(root, "", data)]
    while waiting:
        record, key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += ((record, f"{key}/{name}", each) for name, each in reversed(value.items()))
        elif isinstance(value, list):
            inner = List([Record() for _ in value])
            record.lists.append(inner)
            waiting += ((item, key, each) for item, each in zip(reversed(inner.items), reversed(value), strict=True))
        else:
            record.leaves.append((key, number))
            number += 1
    return root
