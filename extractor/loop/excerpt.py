"""The part of a document that matters for some places of a value.

A short document is sent whole. Of a long one those lines are sent in which the failing value or its
neighbours stand, each with the lines around it; where these cannot be found, the whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any

from extractor.schema.checked import FieldError
from extractor.schema.nodes import PREFIX
from extractor.schema.pointers import unescaped, value_at
from extractor.schema.scope import Place, Scope

__all__ = ["excerpt"]

SHORT = 2_000  # characters: a document that is not worth cutting
AROUND = 1  # lines before and after one that matters
HEAD, HEAD_CHARACTERS = 3, 150  # what is at the beginning: a title, notes, the heads of columns
RECORD = 3  # values of a record on one line, at least, before the line is taken for all of it
PLACES = 40  # more of them, and their lines are most of the document
WORDS = 12  # values of one place that are looked for
MEMBERS = 200  # beside or inside of a place that are looked at
SHORTEST, LONGEST = 2, 200  # characters of a value that is looked for
COMMON = 20  # lines: what stands in more of them says nothing about the place
RARE = 3  # lines: what stands in no more of them is where the place is, too
TRIES = 200  # places where a value may stand
LEVELS = 20  # of unions and references


def excerpt(document: str, data: Any, scope: Scope, errors: Sequence[FieldError] = ()) -> str | None:
    """The lines of a document that matter for the places of a scope; None for all of it.

    A place is found by the values beside it, and by what was wrongly found there. Takes time linear in the
    document.
    """
    if (
        len(document) <= SHORT
        or len(scope.places) > PLACES
        or any(_is_wide(place, data, scope) for place in scope.places)
    ):
        return None
    lines = document.splitlines()
    searched = _Lines(lines)
    wanted = set(_head(lines))
    for place in scope.places:
        inside = value_at(data, place.pointer)
        found = searched.near(_values(data, place.pointer, errors), inside.values() if isinstance(inside, dict) else ())
        if not found:
            return None
        wanted |= found
    return _joined(lines, sorted(wanted & set(range(len(lines)))), len(document))


def _is_wide(place: Place, data: Any, scope: Scope) -> bool:
    """Whether what is asked for may stand all over the document: a list, or an object of more than plain values."""
    value = value_at(data, place.pointer)
    if isinstance(value, dict):
        return any(isinstance(it, (dict, list)) for it in value.values())
    schema = scope.schema["properties"][place.name]
    return place.append or isinstance(value, list) or not _is_plain(schema, scope.schema.get("$defs", {}))


def _is_plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    """Whether a schema is for plain values only."""
    ahead: list[Any] = [schema]
    for _ in range(LEVELS):
        if not ahead:
            return True
        node = ahead.pop()
        if not isinstance(node, Mapping) or not node.keys() & _TELLING:
            return False
        kinds = node.get("type", ())
        if "object" in kinds or "array" in kinds:  # in a name of a type, or among several
            return False
        ahead += [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
        if "$ref" in node:
            ahead.append(definitions.get(node["$ref"].removeprefix(PREFIX)))
    return False


_TELLING = {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"}


def _head(lines: list[str]) -> Iterator[int]:
    left = HEAD_CHARACTERS
    for number, line in enumerate(lines[:HEAD]):
        left -= len(line)
        if left < 0:
            return
        yield number


def _values(data: Any, pointer: str, errors: Sequence[FieldError]) -> Iterator[Any]:
    """What may stand in the document where a place stands: what was found there, and what is beside it."""
    for error in errors:
        if error.pointer == pointer or error.pointer.startswith(pointer + "/"):
            yield error.found.strip('"')
    above, _, key = pointer.rpartition("/")
    beside = value_at(data, above)
    if isinstance(beside, dict) and above:  # the members of the root stand all over the document
        yield from (value for name, value in beside.items() if name != unescaped(key))
    itself = value_at(data, pointer)
    yield from itself.values() if isinstance(itself, dict) else [itself]


class _Lines:
    """The lines of a document, to be searched as one text: however many they are, that is linear in its length."""

    def __init__(self, lines: list[str]) -> None:
        folded = [line.casefold() for line in lines]
        self._text = "\n".join(folded)
        self._ends = list(accumulate(len(line) + 1 for line in folded))

    def near(self, values: Iterable[Any], needed: Iterable[Any] = ()) -> set[int]:
        """The lines in which most of the values stand, and those around them; of what is `needed`, each."""
        sought = _sought(values)
        places = {value: self._having(value) for value in sought}
        found = Counter(number for here in places.values() for number in here)
        most = max(found.values(), default=0)
        best = {number for number in islice(found, COMMON * WORDS) if found[number] == most}
        for value in _sought(needed):
            here = places.get(value, set())
            if len(here) <= RARE and not here & best:
                best |= here
        # A line that has most of a record is the record, as in a table: the others around it are of others.
        around = 0 if len(best) == 1 and most >= RECORD and most * 2 > len(sought) else AROUND
        return {near for line in best for near in range(line - around, line + around + 1)}

    def _having(self, value: str) -> set[int]:
        """The lines in which a value begins; none where these are too many to say anything."""
        here: set[int] = set()
        at = self._text.find(value)
        for _ in range(TRIES):
            if at < 0:
                return here
            after = at + 1
            if not self._is_part(at, value):
                line = bisect_right(self._ends, at)
                here.add(line)
                after = self._ends[line]
            if len(here) > COMMON:
                break
            at = self._text.find(value, after)
        return set()

    def _is_part(self, at: int, value: str) -> bool:
        """Whether a number that is found is only a part of one; 1.5 may be written as 1.50."""
        end = at + len(value)
        before, behind = self._text[at - 1 : at], self._text[end : end + 1]
        goes_on = behind.isdecimal() and not (behind == "0" and "." in value)
        return (value[0].isdecimal() and before.isdecimal()) or (value[-1].isdecimal() and goes_on)


def _sought(values: Iterable[Any]) -> list[str]:
    """The first values that can be looked for, as they may stand in the document."""
    texts: dict[str, None] = {}
    for value in islice(values, MEMBERS):
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            text = str(value).removesuffix(".0")
            if SHORTEST <= len(text) <= LONGEST and text.strip():
                texts[text.casefold()] = None
        if len(texts) == WORDS:
            break
    return list(texts)


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
