"""`allOf` put together into one schema: what must all hold, said at once.

Few endpoints take `allOf`, and one gets it silently wrong. Where two members cannot be joined, the second
one's rule is left in `allOf` for the caller to say in words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from extractor.schema.nodes import ANNOTATIONS, modern, text_of

__all__ = ["merged"]

JsonSchema = Mapping[str, Any]

UNIONS = 16  # members that two unions may have together when they are multiplied out


def _kinds(left: Any, right: Any) -> Any:
    lefts = [left] if isinstance(left, str) else left
    rights = [right] if isinstance(right, str) else right
    both = [kind for kind in lefts if kind in rights]
    whole = "integer" in lefts or "integer" in rights
    both += ["integer"] * ("integer" not in both and whole and {"integer", "number"} <= {*lefts, *rights})
    return both[0] if len(both) == 1 else both


def _properties(left: JsonSchema, right: JsonSchema) -> Any:
    both = {name: merged(left[name], right[name]) for name in left if name in right}
    return {**left, **right, **both}


def _constants(left: Any, right: Any) -> Any:
    known = set(map(text_of, right))
    return [value for value in left if text_of(value) in known]


def merged(left: Any, right: Any) -> Any:
    """One schema that accepts what both accept. What cannot be joined stays in its `allOf`."""
    if left is True or right is True:
        return right if left is True else left
    if left is False or right is False:
        return False
    left, right = modern(dict(left)), modern(dict(right))
    result = dict(left)
    rest: dict[str, Any] = {}
    for keyword, value in right.items():
        if keyword not in result or _same(keyword, result[keyword], value):
            result[keyword] = value
            continue
        if keyword == "const":
            result["enum"] = []  # it cannot be both
            continue
        joined = _JOIN[keyword](result[keyword], value) if keyword in _JOIN else None
        if joined is None:
            rest[keyword] = value
        else:
            result[keyword] = joined
    for one, other in ((left, right), (right, left)):
        _keep_out(result, one, other)
        _keep_behind(result, one, other)
    if rest:
        result["allOf"] = [*result.get("allOf", ()), rest]
    return result


def _same(keyword: str, left: Any, right: Any) -> bool:
    # To Python `True` equals 1.
    return bool(left == right) and (keyword not in ("const", "enum") or text_of(left) == text_of(right))


def _keep_out(result: dict[str, Any], one: JsonSchema, other: JsonSchema) -> None:
    """What only one of the two schemas names must be what the other allows for further properties."""
    further = other.get("additionalProperties", True)
    if further is True or other.get("patternProperties"):
        return
    for keyword in ("properties", "patternProperties"):
        alone = [name for name in one.get(keyword, ()) if name not in other.get(keyword, ())]
        if alone:
            held = {name: merged(result[keyword][name], further) for name in alone}
            result[keyword] = {**result[keyword], **held}


def _keep_behind(result: dict[str, Any], one: JsonSchema, other: JsonSchema) -> None:
    """What only one of the two schemas has at a position must be what the other allows for all items behind."""
    behind = other.get("items", True)
    known = len(other.get("prefixItems", ()))
    if behind is not True and len(one.get("prefixItems", ())) > known:
        held = [merged(item, behind) for item in result["prefixItems"][known:]]
        result["prefixItems"] = [*result["prefixItems"][:known], *held]


def _by_position(left: Any, right: Any) -> Any:
    shared = [merged(one, other) for one, other in zip(left, right, strict=False)]
    return [*shared, *left[len(shared) :], *right[len(shared) :]]


def _product(left: Any, right: Any) -> Any:
    """Two unions that must both hold, multiplied out; None where that would be too much."""
    if len(left) * len(right) > UNIONS:
        return None
    members = [_both(one, other) for one in left for other in right]
    return [member for member in members if member is not False and member.get("type") != []] or [False]


def _both(one: Any, other: Any) -> Any:
    # References are resolved by the caller, who knows them.
    if isinstance(one, Mapping) and isinstance(other, Mapping) and ("$ref" in one or "$ref" in other):
        return {"allOf": [one, other]}
    both = merged(one, other)
    return {} if both is True else both


_JOIN: Mapping[str, Callable[[Any, Any], Any]] = {
    "type": _kinds,
    "properties": _properties,
    "patternProperties": _properties,
    "$defs": lambda left, right: {**right, **left},
    "required": lambda left, right: [*left, *(name for name in right if name not in left)],
    "enum": _constants,
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "minProperties": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
    "maxProperties": min,
    "multipleOf": lambda left, right: (
        math.lcm(left, right) if isinstance(left, int) and isinstance(right, int) else None
    ),
    "uniqueItems": lambda left, right: left or right,
    "items": merged,
    "additionalProperties": merged,
    "propertyNames": merged,
    "prefixItems": _by_position,
    "allOf": lambda left, right: [*left, *right],
    "anyOf": _product,
    "oneOf": _product,
    # An annotation of the outer schema wins over the inner one's.
    **dict.fromkeys(ANNOTATIONS, lambda left, right: left),
}
