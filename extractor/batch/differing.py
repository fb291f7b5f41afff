"""Where two values of plain data differ, and whether they do: of two runs, or of a model and a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from extractor.batch.record import State
from extractor.schema.pointers import escaped

__all__ = ["Difference", "differing", "is_same"]

DIFFERENCES = 1_000  # of one document that are listed


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A document of which two runs say different things.

    `states` are its states in the first and in the second run (None where it is not there). `values` are the places
    (JSON pointers) where their values differ, each with what the first and the second have there (None for nothing), at
    most 1,000 of them.
    """

    name: str
    states: tuple[State | None, State | None]
    values: tuple[tuple[str, Any, Any], ...] = field(default=(), repr=False)


def differing(first: Any, second: Any) -> tuple[tuple[str, Any, Any], ...]:
    """The places where two values of plain data differ: the innermost ones that one of them has."""
    found: list[tuple[str, Any, Any]] = []
    ahead: list[tuple[str, Any, Any]] = [("", first, second)]
    while ahead and len(found) < DIFFERENCES:
        pointer, one, other = ahead.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            names = [*one, *(name for name in other if name not in one)]
            inner = [(f"{pointer}/{escaped(name)}", one.get(name), other.get(name)) for name in names]
            ahead += reversed(inner)
        elif isinstance(one, list) and isinstance(other, list):
            longest = range(max(len(one), len(other)))
            ahead += reversed([(f"{pointer}/{at}", *(_at(each, at) for each in (one, other))) for at in longest])
        elif one != other or isinstance(one, bool) is not isinstance(other, bool):
            found.append((pointer, one, other))
    return tuple(found)


def _at(items: list[Any], at: int) -> Any:
    return items[at] if at < len(items) else None


def is_same(first: Any, second: Any) -> bool:
    """Whether two values of plain data are the same. A number is no boolean, and what is missing is not null."""
    ahead: list[tuple[Any, Any]] = [(first, second)]
    while ahead:
        one, other = ahead.pop()
        if one is other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            ahead += [(one[name], other[name]) for name in one]
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            ahead += zip(one, other, strict=True)
        elif one != other or isinstance(one, bool) is not isinstance(other, bool):
            return False
    return True
