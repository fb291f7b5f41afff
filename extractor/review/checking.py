"""What a person entered, mended without loss, held against the target, and looked for in the document."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from extractor.batch.record import Record
from extractor.evidence.confidence import confident
from extractor.evidence.field import Field
from extractor.evidence.grounding import ground
from extractor.evidence.leaves import leaves
from extractor.evidence.source import Source, source_of
from extractor.reply.reading import Wanted, held
from extractor.schema.nodes import escaped, step_in, steps_of, value_at
from extractor.schema.target import Target, TypeTarget

__all__ = ["Checked", "Exact", "Sources", "checked", "exact", "grounded"]

LONG = 200_000  # characters of a text, from which only what was changed is looked for in it
SOURCES = 8  # documents of which the indexes are kept
MOST_KEPT = 20_000_000  # characters of their texts


class Exact(float):
    """A number that no binary float is: `literal` is how it was written."""

    literal: str


def exact(literal: str) -> float:
    """The number that stands in JSON, which keeps its digits where a float would lose some."""
    number = float(literal)
    if number - number == 0 and Decimal(repr(number)) == Decimal(literal):
        return number
    kept = Exact(number)
    kept.literal = literal
    return kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A value that was entered: `data` is plain data as the target wants it, `value` what the target makes of that,
    where there are no `errors`; `mended` says what was changed, by places.
    """

    data: Any
    value: Any = None
    errors: tuple[Mapping[str, str], ...] = ()
    mended: tuple[Mapping[str, str], ...] = field(default=())


def checked(target: Target[Any], data: Any, context: Any = None) -> Checked:
    """Hold plain data against the target, mended where that loses nothing. Raises `TargetFailed`."""
    plain, literal = _parted(data)
    if literal is not None and isinstance(target, TypeTarget):
        # A type such as Decimal takes the digits as a text, of which none is lost.
        found = _held(target, literal, context)
        if not found.errors:
            return found
    return _held(target, plain, context)


def _held(target: Target[Any], data: Any, context: Any) -> Checked:
    reading = held(data, Wanted(target=target, context=context))
    return Checked(
        data=reading.data,
        value=reading.value,
        errors=tuple({"pointer": each.pointer, "message": each.message} for each in reading.errors),
        mended=tuple({"pointer": each.pointer or "", "said": each.message} for each in reading.repairs),
    )


def _parted(data: Any) -> tuple[Any, Any]:
    """The data with floats in place of what no float is, and with texts in place of that: None where there is none."""
    if not _has_exact(data):
        return data, None
    return _replaced(data, float), _replaced(data, lambda number: number.literal)


def _has_exact(data: Any) -> bool:
    ahead = [data]
    while ahead:
        each = ahead.pop()
        if isinstance(each, Exact):
            return True
        if isinstance(each, (dict, list)):
            ahead += each.values() if isinstance(each, dict) else each
    return False


def _replaced(data: Any, change: Any) -> Any:
    if isinstance(data, Exact):
        return change(data)
    if isinstance(data, dict):
        return {key: _replaced(value, change) for key, value in data.items()}
    return [_replaced(value, change) for value in data] if isinstance(data, list) else data


# ------------------------------------------------------------------------------------------------- places


class Sources:
    """The documents that were looked at last, with the indexes of their texts. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Source] = OrderedDict()

    def of(self, record: Record) -> Source | None:
        """The source of a document; None where it has no text."""
        if record.text is None:
            return None
        with self._lock:
            source = self._known.pop(record.sha256, None)
            if source is None or source.text != record.text:
                source = source_of(record.text, record.pages or None)
            self._known[record.sha256] = source
            while len(self._known) > SOURCES or self._characters() > MOST_KEPT:
                if len(self._known) == 1:
                    break
                self._known.popitem(last=False)
            return source

    def _characters(self) -> int:
        return sum(len(each.text) for each in self._known.values())


def grounded(
    schema: Mapping[str, Any], data: Any, source: Source | None, *, known: Mapping[str, Field], before: Any
) -> dict[str, Field]:
    """What is known of each field of `data`: what was `known` of `before`, where the value is the same; else where it
    stands in the document, and how sure that makes it.
    """
    changed = _changed(schema, data, before)
    same = {pointer: each for pointer, each in known.items() if pointer not in changed and _is_there(data, pointer)}
    if not changed or source is None:
        nothing = {pointer: Field(status=None) for pointer in changed}
        return {**same, **nothing}
    looked = data if len(source.text) <= LONG else _only(data, changed)
    found = {pointer: each for pointer, each in ground(schema, looked, source).items() if pointer in changed}
    told = confident({**same, **found}, data=data)
    return {**same, **{pointer: told[pointer] for pointer in found}}


def _changed(schema: Mapping[str, Any], data: Any, before: Any) -> frozenset[str]:
    """The places of values that are not what they were."""
    return frozenset(leaf.pointer for leaf in leaves(schema, data) if not _is_same(leaf.value, before, leaf.pointer))


def _is_same(value: Any, before: Any, pointer: str) -> bool:
    was = value_at(before, pointer)
    if was is None and value is None:
        return _is_there(before, pointer)
    return type(was) is type(value) and was == value


def _is_there(data: Any, pointer: str) -> bool:
    """Whether there is something at a place, or its object may lack it."""
    steps = steps_of(pointer)
    for number, step in enumerate(steps, 1):
        at = step_in(data, step)
        if at is None:
            return False
        if isinstance(data, dict):
            if at not in data:
                return number == len(steps)  # a member that is left out is known to be absent
            data = data[at]
        else:
            data = data[at]
    return True


def _only(data: Any, places: Iterable[str]) -> Any:
    """The data with nothing in it but what stands at some places."""
    wanted = frozenset(places)
    return _emptied(data, "", wanted)


def _emptied(data: Any, pointer: str, wanted: frozenset[str]) -> Any:
    if isinstance(data, dict):
        return {key: _emptied(it, f"{pointer}/{escaped(key)}", wanted) for key, it in data.items()}
    if isinstance(data, list):
        return [_emptied(it, f"{pointer}/{at}", wanted) for at, it in enumerate(data)]
    return data if pointer in wanted else None
