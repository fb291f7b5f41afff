"""A wire schema made smaller, for endpoints that find it too large or too complex.

In this order: without descriptions, then without large enums. What is left out is told in the prompt.
"""

from __future__ import annotations

import functools

from extractor.schema.nodes import JsonSchema, rebuilt

__all__ = ["LARGE_ENUM", "STEPS", "slimmed"]

LARGE_ENUM = 20
"""Number of values above which an enum is large."""
STEPS = ("descriptions left out of the schema, told in the prompt", "large enums told in the prompt")


def slimmed(schema: JsonSchema, steps: int) -> JsonSchema:
    """The wire schema after the first of the `STEPS`."""
    slim: JsonSchema = rebuilt(schema, functools.partial(_slim, steps)) if steps else schema
    return slim


def _slim(steps: int, schema: JsonSchema) -> JsonSchema:
    large = steps > 1 and "type" in schema and len(schema.get("enum", ())) > LARGE_ENUM
    gone = ("description", "title", "enum") if large else ("description", "title")
    return {keyword: value for keyword, value in schema.items() if keyword not in gone}
