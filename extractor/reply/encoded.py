"""The JSON that a text holds, where an object or a list was wanted."""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic_core import from_json

__all__ = ["parsed"]


class _Written(float):
    """A number that remembers how it was written."""

    literal: str


def _finite(digits: str) -> float:
    number = _Written(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    number.literal = digits
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is given twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite)


def parsed(text: str) -> Any:
    """The object or list whose JSON a text is; None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        from_json(text, allow_inf_nan=False)  # bounded in depth; refuses half characters
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
