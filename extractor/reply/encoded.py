"""JSON with its numbers as they were written; the JSON that a text holds, where an object or a list was wanted."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from extractor.schema.restore import finite, once

__all__ = ["as_written", "parsed"]


class _Written(float):
    """A number that remembers how it was written."""

    literal: str


def _finite(digits: str) -> float:
    number = _Written(finite(digits))
    number.literal = digits
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=once, parse_float=_finite, parse_constant=finite)


def as_written(text: str) -> Any:
    """The value of a JSON text, in which a number has its `literal`. Raises `ValueError` where it is not clean."""
    return _DECODER.decode(text)


def parsed(text: str) -> Any:
    """The object or list whose JSON a text is; None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        from_json(text, allow_inf_nan=False)  # bounded in depth; refuses half characters
        return as_written(text)
    except (ValueError, RecursionError):
        return None
