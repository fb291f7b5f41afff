"""What a value is that was spelled in another way, as each branch of its shape would have it: a table of rules.

And, where no rule has it, what a validator would mistake it for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from extractor.reply.branches import Branch, Constants, Scalar, Text, is_too_large, written
from extractor.reply.dates import FORMATS
from extractor.reply.meanings import boolean_of, is_nothing
from extractor.reply.notes import NOTHING_SAID, Note, Notes, shown, taken
from extractor.reply.numerals import integer_of, is_ambiguous, is_endless, is_numeric, number_of, numeral_of
from extractor.reply.shape import Array, Shape

__all__ = ["Tries", "decimals", "may_be_several", "mistaken", "respelled"]

Tries: TypeAlias = "list[tuple[Branch, Any, Notes]]"
"""Branches, what a value would be as each of them would have it, and what is said of that."""

_SEVERAL = re.compile(r"[,;|\n\r\t，；、]")


def may_be_several(value: Any) -> bool:
    """Whether what stands for a list may be a list of several, or of none."""
    if isinstance(value, str):
        return _SEVERAL.search(value) is not None or is_nothing(value, free=False)
    return value is None


def decimals(shape: Shape, value: Any, kind: type, depth: int) -> Tries:
    """A number that may also be a text, as pydantic wants a `Decimal`: then no digit is lost."""
    if kind is not str or not any(isinstance(each, Scalar) and each.kind == "number" for each in shape.branches):
        return []
    text = numeral_of(value)
    texts = [each for each in shape.branches if isinstance(each, Text) and each.pattern]
    return [(each, text, [taken("number", value, text)]) for each in texts if text is not None]


def respelled(shape: Shape, value: Any, kind: type, depth: int) -> Tries:
    """What the value is, spelled in another way, as each branch would have it."""
    tries: Tries = []
    for branch in shape.branches:
        rule = _RULES.get(branch.kind if isinstance(branch, Scalar) else type(branch))
        kind_of_repair, result = rule(shape, branch, value) if rule else ("", None)
        if result is not None:
            tries.append((branch, result, [taken(kind_of_repair, value, result)]))
    return tries


Spelled: TypeAlias = "tuple[str, Any]"
"""The kind of the repair, and what the value is then: None where the rule does not say."""


def _integer(shape: Shape, branch: Scalar, value: Any) -> Spelled:
    return "integer", integer_of(value) if isinstance(value, str) else None


def _number(shape: Shape, branch: Scalar, value: Any) -> Spelled:
    return "number", number_of(value) if isinstance(value, str) else None


def _boolean(shape: Shape, branch: Scalar, value: Any) -> Spelled:
    alone = shape.kinds.isdisjoint((int, float, str))
    if type(value) is int and value in (0, 1) and alone:
        return "boolean", value == 1
    return "boolean", boolean_of(value, digits=alone) if isinstance(value, str) else None


def _text(shape: Shape, branch: Text, value: Any) -> Spelled:
    known, text = FORMATS.get(branch.format), value
    if type(value) is not str:
        text = written(value)
        if not text or (known and (branch.format != "date" or len(text) != len("20210503"))):
            return "", None
        if known is None:
            return "text", text if branch.free else None
    return branch.format.replace("-", "_"), known.spelled(text) if known else None


def _constant(shape: Shape, branch: Constants, value: Any) -> Spelled:
    return "choice", branch.meant(value)


def _list(shape: Shape, branch: Array, value: Any) -> Spelled:
    # [null] may be meant where items can be null.
    return "list", [] if value is None and not (branch.rest and branch.rest.nullable) else None


# The kind of a scalar, or the type of another branch → its rule.
_RULES: Mapping[Any, Callable[[Shape, Any, Any], Spelled]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    Text: _text,
    Constants: _constant,
    Array: _list,
}


# ------------------------------------------------------------------------------- what it would be mistaken for


def mistaken(shape: Shape, value: Any, kind: type) -> Notes:
    """The fault of a value that fits no branch, but that a validator may take for one that does."""
    for rule in _MISTAKES:
        of_which, message = rule(shape, value, kind)
        if of_which:
            return [Note(kind=of_which, message=message, found=shown(value))]
    return NOTHING_SAID


Mistake: TypeAlias = "tuple[str, str]"
"""The kind of a fault and its message: "" where there is none."""
_NONE: Mistake = ("", "")


def _has_numbers(shape: Shape) -> bool:
    return any(isinstance(each, (Scalar, Constants)) and int in each.takes for each in shape.branches)


def _has_floats(shape: Shape) -> bool:
    return any(isinstance(each, Scalar) and each.kind == "number" for each in shape.branches)


def _format(shape: Shape) -> str:
    """The first format of its texts."""
    return next((each.format for each in shape.branches if isinstance(each, Text) and each.format), "")


def _boolean_taken(shape: Shape, value: Any, kind: type) -> Mistake:
    if kind is not bool:
        return _NONE
    if _has_numbers(shape):
        return "boolean_for_number", f"Expected a number, not {shown(value)}"
    known = _format(shape)
    return ("boolean_for_text", f"Expected a text in the format {known}, not {shown(value)}") if known else _NONE


def _endless_taken(shape: Shape, value: Any, kind: type) -> Mistake:
    if not _has_floats(shape):
        return _NONE
    # As a `Decimal`, which is a number or a text with a pattern, an integer is never too large.
    exactly = any(isinstance(each, Text) and each.pattern for each in shape.branches)
    number = kind in (int, float) and is_too_large(value) and not exactly
    return ("not_finite", "A number must be finite") if number or (kind is str and is_endless(value)) else _NONE


def _number_taken(shape: Shape, value: Any, kind: type) -> Mistake:
    known = _format(shape)
    digits = kind is str and known in FORMATS and not _has_numbers(shape) and is_numeric(value)
    if not known or not (digits or kind in (int, float)):
        return _NONE
    return "number_for_text", f"Expected a text in the format {known}, not a number"


def _ambiguous_taken(shape: Shape, value: Any, kind: type) -> Mistake:
    if kind is not str or not _has_numbers(shape) or not is_ambiguous(value, whole=not _has_floats(shape)):
        return _NONE
    if "_" in value:
        return "ambiguous_number", "Expected a number without underscores"
    return "ambiguous_number", "Expected a whole number; with the point this may be a thousand times as much"


# The first that applies counts.
_MISTAKES: tuple[Callable[[Shape, Any, type], Mistake], ...] = (
    _boolean_taken,
    _endless_taken,
    _number_taken,
    _ambiguous_taken,
)
