"""`allOf` put together into one schema: what must all hold, said at once.

Few endpoints take `allOf`, and one gets it silently wrong. Where two members cannot be joined, the second
one's rule is left in `allOf` for the caller to say in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["merged"]

JsonSchema = Mapping[str, Any]


def _kinds(left: Any, right: Any) -> Any:
    lefts = [left] if isinstance(left, str) else left
    rights = [right] if isinstance(right, str) else right
    both = [kind for kind in lefts if kind in rights]
    both += ["integer"] * ("integer" not in both and {"integer", "number"} <= {*lefts, *rights})
    return both[0] if len(both) == 1 else both


def _properties(left: JsonSchema, right: JsonSchema) -> Any:
    both = {name: merged(left[name], right[name]) for name in left if name in right}
    return {**left, **right, **both}


_JOIN: Mapping[str, Callable[[Any, Any], Any]] = {
    "type": _kinds,
    "properties": _properties,
    "$defs": lambda left, right: {**right, **left},
    "required": lambda left, right: [*left, *(name for name in right if name not in left)],
    "enum": lambda left, right: [value for value in left if value in right],
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
    "uniqueItems": lambda left, right: left or right,
    "items": lambda left, right: merged(left, right),  # noqa: PLW0108  # it is defined below
    "additionalProperties": lambda left, right: merged(left, right),  # noqa: PLW0108
    "allOf": lambda left, right: [*left, *right],
    # An annotation of the outer schema wins over the inner one's.
    "description": lambda left, right: left,
    "title": lambda left, right: left,
    "default": lambda left, right: left,
}


def merged(left: Any, right: Any) -> Any:
    """One schema that accepts what both accept. What cannot be joined stays in its `allOf`."""
    if left is True or right is True:
        return right if left is True else left
    if left is False or right is False:
        return False
    result = dict(left)
    rest: dict[str, Any] = {}
    for keyword, value in right.items():
        if keyword not in result or result[keyword] == value:
            result[keyword] = value
        elif keyword in _JOIN:
            result[keyword] = _JOIN[keyword](result[keyword], value)
        else:
            rest[keyword] = value
    if rest:
        result["allOf"] = [*result.get("allOf", ()), rest]
    return result
