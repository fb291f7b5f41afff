"""A wire schema made smaller, for endpoints that find it too large or too complex.

In this order: without descriptions, then without large enums. What is left out is told in the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["LARGE_ENUM", "STEPS", "slimmed"]

LARGE_ENUM = 20
"""Number of values above which an enum is large."""
STEPS = ("descriptions left out of the schema, told in the prompt", "large enums told in the prompt")


def slimmed(schema: Any, steps: int) -> Any:
    """The wire schema after the first of the `STEPS`."""
    if not steps:
        return schema
    if isinstance(schema, list):
        return [slimmed(member, steps) for member in schema]
    if not isinstance(schema, Mapping):
        return schema
    slim = {key: _keyword(key, value, steps) for key, value in schema.items() if key not in ("description", "title")}
    if steps > 1 and "type" in slim and len(slim.get("enum", ())) > LARGE_ENUM:
        del slim["enum"]
    return slim


def _keyword(keyword: str, value: Any, steps: int) -> Any:
    if keyword in ("properties", "$defs"):
        return {name: slimmed(member, steps) for name, member in value.items()}
    return value if keyword in ("enum", "const", "required", "type", "propertyOrdering") else slimmed(value, steps)
