"""The part of a document that matters for some places of a value.

A short document is sent whole. Of a long one those lines are sent in which the failing value or its
neighbours stand, each with the lines around it; where these cannot be found, the whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from extractor.schema.nodes import unescaped, value_at
from extractor.schema.scope import Scope
from extractor.schema.target import FieldError

__all__ = ["excerpt"]

SHORT = 2_000  # characters: a document that is not worth cutting
AROUND = 1  # lines before and after one that matters
RECORD = 3  # values of a record on one line, at least, before the line is taken for all of it
PLACES = 40  # more of them, and their lines are most of the document
WORDS = 12  # values of one place that are looked for
SHORTEST, LONGEST = 2, 200  # characters of a value that is looked for
COMMON = 20  # lines: what stands in more of them says nothing about the place


def excerpt(document: str, data: Any, scope: Scope, errors: Sequence[FieldError] = ()) -> str | None:
    """The lines of a document that matter for the places of a scope; None for all of it.

    A place is found by the values beside it, and by what was wrongly found there.
    """
    if len(document) <= SHORT or len(scope.places) > PLACES or any(place.append for place in scope.places):
        return None
    lines = document.splitlines()
    searched = _Lines(lines)
    wanted: set[int] = set()
    for place in scope.places:
        found = searched.near(_values(data, place.pointer, errors))
        if not found:
            return None
        wanted |= found
    return _joined(lines, sorted(wanted & set(range(len(lines)))), len(document))


def _values(data: Any, pointer: str, errors: Sequence[FieldError]) -> Iterator[str]:
    """What may stand in the document where a place stands: what was found there, and what is beside it."""
    for error in errors:
        if error.pointer == pointer or error.pointer.startswith(pointer + "/"):
            yield error.found.strip('"')
    above, _, key = pointer.rpartition("/")
    beside = value_at(data, above)
    if isinstance(beside, dict) and above:  # the members of the root stand all over the document
        yield from _scalars(value for name, value in beside.items() if name != unescaped(key))
    itself = value_at(data, pointer)
    yield from _scalars([itself] if itself is not None else [])


def _scalars(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, (dict, list)):
            yield from _scalars(value.values() if isinstance(value, dict) else value)
        elif value is not None and not isinstance(value, bool):
            yield str(value)


class _Lines:
    """The lines of a document, to be searched as one text: however many they are, that is linear in its length."""

    def __init__(self, lines: list[str]) -> None:
        folded = [line.casefold() for line in lines]
        self._text = "\n".join(folded)
        self._ends = list(accumulate(len(line) + 1 for line in folded))

    def near(self, values: Iterable[str]) -> set[int]:
        """The lines in which most of the values stand, and those around them."""
        folded = dict.fromkeys(value.casefold() for value in values if SHORTEST <= len(value) <= LONGEST)
        sought = list(folded)[:WORDS]
        found: Counter[int] = Counter()
        for value in sought:
            here = self._having(value)
            if len(here) <= COMMON:
                found.update(here)
        most = max(found.values(), default=0)
        best = [number for number, count in found.items() if count == most][:COMMON]
        # A line that has most of a record is the record, as in a table: the others around it are of others.
        around = 0 if len(best) == 1 and most >= RECORD and most * 2 > len(sought) else AROUND
        return {near for line in best for near in range(line - around, line + around + 1)}

    def _having(self, value: str) -> set[int]:
        """The lines in which a value begins, no more of them than say that it is common."""
        here: set[int] = set()
        at = self._text.find(value)
        while at >= 0 and len(here) <= COMMON:
            line = bisect_right(self._ends, at)
            here.add(line)
            at = self._text.find(value, self._ends[line])
        return here


def _joined(lines: list[str], wanted: list[int], length: int) -> str | None:
    """The lines, with a mark where others were between; None where that is most of the document anyway."""
    parts: list[str] = []
    last = -1
    for number in wanted:
        if number != last + 1:
            parts.append("…")
        parts.append(lines[number])
        last = number
    if last != len(lines) - 1:
        parts.append("…")
    text = "\n".join(parts)
    return text if len(text) * 2 < length else None
