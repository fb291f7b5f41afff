"""What a person entered, mended without loss, held against the target, and looked for in the document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from extractor.batch.differing import is_same
from extractor.batch.holding import judged
from extractor.batch.record import Record, Run
from extractor.evidence.confidence import confident
from extractor.evidence.field import Field
from extractor.evidence.grounding import ground
from extractor.evidence.leaves import leaves
from extractor.evidence.source import Source, source_of
from extractor.reply.reading import Wanted, held
from extractor.review.lru import LruCache
from extractor.schema.decimals import DECIMAL, decimal_schema
from extractor.schema.pointers import escaped, step_in, steps_of, value_at
from extractor.schema.target import Target, TypeTarget

__all__ = ["Checked", "Exact", "Sources", "checked", "exact", "grounded", "worded"]

LONG = 200_000  # characters of a text, from which only what was changed is looked for in it
SOURCES = 8  # documents of which the indexes are kept
MOST_KEPT = 20_000_000  # characters of their texts


class Exact(float):
    """A number that no binary float is: `literal` is how it was written."""

    literal: str


def exact(literal: str) -> float:
    """The number that stands in JSON, which keeps its digits where a float would lose some. Raises `ValueError` for a
    power of ten that nothing can count with.
    """
    number = float(literal)
    try:
        if number - number == 0 and Decimal(repr(number)) == Decimal(literal):
            return number
    except ArithmeticError:
        raise ValueError("too small or too large") from None
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
    mended: tuple[Mapping[str, str], ...] = ()


def checked(
    target: Target[Any], data: Any, context: Any = None, *, run: Run | None = None, before: Any = None
) -> Checked:
    """Hold plain data against the target, mended where that loses nothing. `before` is what was extracted in the `run`,
    if that conformed: by a schema alone it still does. Raises `TargetFailed`.
    """
    plain = _plain(target, data)
    if before is not None and not isinstance(target, TypeTarget) and is_same(plain, before):
        return Checked(data=before, value=before)
    reading = held(plain, Wanted(target=target, context=context))
    errors = judged(reading.errors, target, reading.data, run=run, before=before)
    return Checked(
        data=reading.data,
        value=reading.value if isinstance(target, TypeTarget) else reading.data,
        errors=tuple({"pointer": each.pointer, "message": worded(each.message)} for each in errors),
        mended=tuple({"pointer": each.pointer or "", "said": each.message} for each in reading.repairs),
    )


def worded(message: str) -> str:
    """What is said of an error, without the words by which pydantic begins what a validator has said."""
    for each in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(each) or message
    return message


def _plain(target: Target[Any], data: Any) -> Any:
    """The data with floats in place of what no float is; but with the text of it where the target has a `Decimal`,
    which takes the digits as a text, of which none is lost.
    """
    if not _has_exact(data):
        return data
    floats = _replaced(data, "", ())
    if not isinstance(target, TypeTarget):
        return floats
    found = leaves(decimal_schema(target), floats)
    return _replaced(data, "", {leaf.pointer for leaf in found if leaf.schema.get("format") == DECIMAL})


def _has_exact(data: Any) -> bool:
    ahead = [data]
    while ahead:
        each = ahead.pop()
        if isinstance(each, Exact):
            return True
        if isinstance(each, (dict, list)):
            ahead += each.values() if isinstance(each, dict) else each
    return False


def _replaced(data: Any, pointer: str, exact_at: Collection[str]) -> Any:
    if isinstance(data, Exact):
        return data.literal if pointer in exact_at else float(data)
    if isinstance(data, dict):
        return {key: _replaced(it, f"{pointer}/{escaped(key)}", exact_at) for key, it in data.items()}
    return (
        [_replaced(it, f"{pointer}/{at}", exact_at) for at, it in enumerate(data)] if isinstance(data, list) else data
    )


# ------------------------------------------------------------------------------------------------- places


class Sources:
    """The documents that were looked at last, with the indexes of their texts. Threads may share it."""

    def __init__(self) -> None:
        self._known: LruCache[Source] = LruCache(SOURCES, MOST_KEPT, lambda source: len(source.text))

    def of(self, record: Record) -> Source | None:
        """The source of a document; None where it has no text."""
        if record.text is None:
            return None
        source = self._known.get(record.sha256)
        if source is None or source.text != record.text:
            source = source_of(record.text, record.pages or None)
            self._known.put(record.sha256, source)
        return source


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
