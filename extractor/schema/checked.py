"""What comes of holding a value against a target: the value, or what is wrong with it and where."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = [
    "MADE_AT_ONCE",
    "MOST_CHARACTERS",
    "MOST_ERRORS",
    "Checked",
    "FieldError",
    "and_more",
    "extent",
    "listed",
    "shown",
]

T = TypeVar("T")

FOUND_LENGTH = 200  # characters of a wrong value that an error quotes
MOST_ERRORS = 1_000  # of one value
MOST_CHARACTERS = 1_000_000  # of their pointers: a long key stands in those of all that is inside
MADE_AT_ONCE = 20_000_000  # characters of the pointers of all errors, which a validator makes before one is seen


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One thing that is wrong with a value.

    `pointer` is the JSON pointer of the place ("" for the whole), `message` what is expected there,
    `found` the beginning of what stands there as JSON ("nothing" where it is missing), `kind` the
    validator's name for the rule.
    """

    pointer: str
    message: str
    found: str
    kind: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the whole'}: {self.message} (found {self.found})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked(Generic[T]):
    """A value held against a target: `value` is what the target makes of it if there are no `errors`."""

    value: T | None = None
    errors: tuple[FieldError, ...] = ()


def and_more(number: int | None) -> FieldError:
    """The error that stands for those which are not listed; None where none is."""
    said = "does not conform in very many places" if number is None else f"and {number} more"
    return FieldError(pointer="", message=said, found="…", kind="more")


def listed(found: Iterator[Any], made: Callable[[Any], FieldError]) -> tuple[FieldError, ...]:
    """The errors that are `made` of what a validator `found`: no more than is of use, and one for the rest."""
    errors: list[FieldError] = []
    characters = 0
    for each in found:
        error = made(each)
        characters += len(error.pointer)
        if len(errors) == MOST_ERRORS or characters > MOST_CHARACTERS:
            return (*errors, and_more(1 + sum(1 for _ in found)))
        errors.append(error)
    return tuple(errors)


def extent(data: Any) -> tuple[int, int]:
    """How many values there are, and how many characters the keys on the way to one of them have at most."""
    count = longest = 0
    ahead: list[tuple[int, Any]] = [(0, data)]
    while ahead:
        length, value = ahead.pop()
        count, longest = count + 1, max(longest, length)
        if isinstance(value, dict):
            ahead += [(length + len(key), member) for key, member in value.items()]
        elif isinstance(value, list):
            ahead += [(length, member) for member in value]
    return count, longest


def shown(value: Any) -> str:
    """The beginning of a value as JSON."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= FOUND_LENGTH else text[:FOUND_LENGTH] + "…"
