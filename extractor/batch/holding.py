"""What people enter, held against what a run was asked for.

A JSON Schema says less than the model that it was made of, and in places more: a text that is no number passes for a
`Decimal`, and a list that a `set` was made of does not pass. So of a value that is held against the schema alone
numbers are looked at too, and what stands as it was extracted is right as it was then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extractor.batch.differing import is_same
from extractor.batch.record import Record, Run
from extractor.errors import OptionError
from extractor.evidence.leaves import leaves
from extractor.reply.outcome import Outcome
from extractor.schema.checked import FieldError, shown
from extractor.schema.decimals import DECIMAL, is_numeral, no_numeral
from extractor.schema.nodes import text_of
from extractor.schema.pointers import escaped, value_at
from extractor.schema.target import Target, TypeTarget, target_of

__all__ = ["conforming", "judged", "wanted_of"]


def wanted_of(run: Run, target: Any = None) -> Target[Any]:
    """What the values of a run are held against: the target that is given, else its schema. Raises `OptionError` where
    that is not what the run was asked for.
    """
    if target is None:
        return target_of(dict(run.schema))
    own: Target[Any] = target_of(target)
    if text_of(own.schema) != text_of(run.schema):
        raise OptionError(
            f"{own.name} is not what run {run.number} was asked for: its schema is another one.",
            option="target",
            hint="Without a target its own schema is what counts.",
        )
    return own


def conforming(record: Record | None) -> Any:
    """What was extracted, by the record of that, where it conformed; else None."""
    return record.data if record is not None and record.outcome == Outcome.CONFORMING else None


def judged(
    errors: Sequence[FieldError], target: Target[Any], data: Any, *, run: Run | None = None, before: Any = None
) -> tuple[FieldError, ...]:
    """What is wrong with data, where `errors` are what the target says of it: `before` is what was extracted, if that
    conformed.
    """
    infinite = tuple(_infinite(data))
    if isinstance(target, TypeTarget):
        return _once(infinite, errors)
    shape: Mapping[str, Any] = {} if run is None else run.shape
    found = (*_no_numerals(shape, data), *errors)
    if before is not None and found:
        earlier = (*_no_numerals(shape, before), *target.validate(before).errors)
        known = {(each.pointer, each.kind) for each in earlier}
        found = tuple(
            each
            for each in found
            if (each.pointer, each.kind) not in known
            or not is_same(value_at(data, each.pointer), value_at(before, each.pointer))
        )
    return _once(infinite, found)


def _once(first: Sequence[FieldError], others: Sequence[FieldError]) -> tuple[FieldError, ...]:
    told = {each.pointer for each in first}
    return (*first, *(each for each in others if each.pointer not in told))


def _no_numerals(shape: Mapping[str, Any], data: Any) -> Iterator[FieldError]:
    """The texts where the run's own type has a `Decimal`, that are no numbers. Only where it is written under the name
    under which it is read is that known.
    """
    for leaf in leaves(shape, data):
        text = leaf.value
        if isinstance(text, str) and leaf.schema.get("format") == DECIMAL and not is_numeral(text):
            yield no_numeral(leaf.pointer, text)


def _infinite(data: Any) -> Iterator[FieldError]:
    """The numbers that JSON does not have."""
    ahead = [("", data)]
    while ahead:
        pointer, value = ahead.pop()
        if isinstance(value, dict):
            ahead += [(f"{pointer}/{escaped(key)}", member) for key, member in value.items()]
        elif isinstance(value, list):
            ahead += [(f"{pointer}/{at}", item) for at, item in enumerate(value)]
        elif isinstance(value, float) and value - value != 0:
            yield FieldError(
                pointer=pointer, message="A number must be finite", found=shown(value), kind="finite_number"
            )
