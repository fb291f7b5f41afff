"""What was read, held against the document: values that must stand there and do not.

They are errors, for which the loop asks again; or, where the caller would rather lose an invented value than pay for
another request, optional ones are left out, which is listed.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from pydantic_core import to_json

from extractor.evidence.field import Field
from extractor.evidence.grounding import ground
from extractor.evidence.leaves import Leaf, leaves
from extractor.evidence.source import Source, source_of
from extractor.reply.reading import Reading, Wanted, held
from extractor.reply.repairs import Repair
from extractor.schema.checked import FieldError
from extractor.schema.pointers import is_within, steps_of, value_at

if TYPE_CHECKING:
    from extractor.evidence.logprobs import Tokens

__all__ = ["Holding", "Ungrounded", "kept_tokens"]

T = TypeVar("T")

Ungrounded: TypeAlias = Literal["keep", "drop", "ask"]
"""What becomes of a value that does not stand in the document and is not declared to be inferred: it is kept; left
out where it is optional; asked for again."""

LONGEST = 100  # characters of a value that an error quotes


@dataclass(eq=False, kw_only=True, slots=True)
class Holding(Generic[T]):
    """The document that readings are held against, and what becomes of what does not stand there."""

    wanted: Wanted[T]
    document: str = field(repr=False)
    ungrounded: Ungrounded = "keep"
    _source: Source | None = field(default=None, repr=False)

    def __call__(self, reading: Reading[T]) -> Reading[T]:
        """The reading, with what is wrong with it."""
        if reading.malformed or reading.data is None:
            return reading
        missing = self._missing(reading.data)
        if self.ungrounded == "drop" and missing:
            reading = self._without(reading, [leaf for leaf in missing if leaf.pointer and not leaf.grounded])
            missing = [leaf for leaf in self._missing(reading.data) if leaf.grounded]
        wrong = {error.pointer for error in reading.errors}
        errors = tuple(_error(leaf) for leaf in missing if leaf.pointer not in wrong)
        return replace(reading, value=None, errors=reading.errors + errors) if errors else reading

    def _missing(self, data: Any) -> list[Leaf]:
        """The values that are to stand in the document and do not."""
        schema = self.wanted.target.schema
        every = self.ungrounded != "keep"
        asked = [
            leaf
            for leaf in leaves(schema, data)
            if leaf.value is not None and (leaf.grounded or (every and not leaf.inferred))
        ]
        if not asked:
            return []
        if self._source is None:
            self._source = source_of(self.document)
        fields = ground(schema, data, self._source)
        return [leaf for leaf in asked if not _stands(fields[leaf.pointer], leaf)]

    def _without(self, reading: Reading[T], missing: list[Leaf]) -> Reading[T]:
        """The reading without these values, as far as the target does without them; all at once where that goes."""
        for _ in range(MOST_ROUNDS):
            if not missing:
                return reading
            lighter, needed = self._lighter(reading, missing)
            if lighter is not None:
                return lighter
            without = [leaf for leaf in missing if leaf.pointer not in needed]
            if len(without) == len(missing):
                break
            missing = without
        for leaf in missing[::-1][:MOST_TRIED]:  # of a list the last first: the others keep their numbers
            reading = self._lighter(reading, [leaf])[0] or reading
        return reading

    def _lighter(self, reading: Reading[T], missing: list[Leaf]) -> tuple[Reading[T] | None, frozenset[str]]:
        """The reading without these values; None where the target needs one of them, and where it says so."""
        needed: frozenset[str] = frozenset()
        pointers = tuple(leaf.pointer for leaf in missing)
        wrong = {(error.pointer, error.kind) for error in reading.errors if not is_within(error.pointer, pointers)}
        for removed in (_nulled, _gone):
            data = copy.deepcopy(reading.data)
            for leaf in reversed(missing):
                removed(data, leaf.pointer)
            lighter = held(data, self.wanted)
            now = {(error.pointer, error.kind) for error in lighter.errors}
            if now == wrong:
                repairs = (*reading.repairs, *map(_left_out, missing), *lighter.repairs)
                return replace(lighter, wire=reading.wire, repairs=repairs), needed
            needed = needed or frozenset(pointer for pointer, _ in now - wrong)
        return None, needed


MOST_ROUNDS = 5  # of leaving out all but what turned out to be needed
MOST_TRIED = 50  # values that are left out one by one


def _stands(field: Field, leaf: Leaf) -> bool:
    """Whether a value stands in the document; what must stand there, not only nearly, unless that is said to do."""
    strictly = leaf.grounded and not leaf.nearly
    return field.status != "absent" and not (strictly and field.status == "fuzzy")


def _left_out(leaf: Leaf) -> Repair:
    message = f"Left out {_shown(leaf)}: it does not stand in the document."
    return Repair(kind="ungrounded", message=message, pointer=leaf.pointer)


def kept_tokens(tokens: Mapping[str, Tokens], data: Any, repairs: Iterable[Repair]) -> dict[str, Tokens]:
    """What the tokens say of what is left of `data`, by the pointers that it has now: items move up in their lists."""
    gone = {repair.pointer for repair in repairs if repair.kind == "ungrounded" and repair.pointer}
    lists: dict[str, list[int]] = {}
    for pointer in gone:
        above, _, step = pointer.rpartition("/")
        if isinstance(value_at(data, above), list):
            lists.setdefault(above, []).append(int(step))
    for indexes in lists.values():
        indexes.sort()
    moved = ((_moved_up(pointer, gone, lists), said) for pointer, said in tokens.items())
    return {pointer: said for pointer, said in moved if pointer is not None}


def _moved_up(pointer: str, gone: Container[str], lists: Mapping[str, list[int]]) -> str | None:
    """The pointer when items of lists are gone; None where it is gone itself."""
    before = now = ""
    for step in pointer.split("/")[1:]:
        at = bisect_left(lists[before], int(step)) if before in lists else 0
        now += f"/{int(step) - at}" if at else f"/{step}"
        before += f"/{step}"
        if before in gone:
            return None
    return now


def _error(leaf: Leaf) -> FieldError:
    message = "It must stand in the document, and does not: copy it from there as it is written"
    return FieldError(pointer=leaf.pointer, message=message, found=_shown(leaf), kind="ungrounded")


def _shown(leaf: Leaf) -> str:
    return to_json(leaf.value).decode()[:LONGEST]


def _gone(data: Any, pointer: str) -> None:
    """Take a value out."""
    holder, step = value_at(data, pointer.rpartition("/")[0]), steps_of(pointer)[-1:]
    if isinstance(holder, list) and step:
        del holder[int(step[0])]
    elif isinstance(holder, dict) and step:
        del holder[step[0]]


def _nulled(data: Any, pointer: str) -> None:
    """Put null in the place of a member, which where it is optional says that there is none; take an item out."""
    holder, step = value_at(data, pointer.rpartition("/")[0]), steps_of(pointer)[-1:]
    if isinstance(holder, dict) and step:
        holder[step[0]] = None
    else:
        _gone(data, pointer)
