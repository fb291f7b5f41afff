"""A wire schema made smaller."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from extractor.schema.slim import LARGE_ENUM, STEPS, slimmed

LARGE = [f"v{number}" for number in range(LARGE_ENUM + 1)]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "All.",
    "properties": {
        "description": {"type": "string", "description": "A description."},
        "title": {"anyOf": [{"type": "string", "title": "T"}, {"type": "null"}]},
        "large": {"type": "string", "enum": LARGE, "description": "Large."},
        "typeless": {"enum": LARGE},
        "const": {"const": {"description": "data"}},
    },
    "required": ["description", "title"],
    "$defs": {"title": {"type": "array", "items": {"type": "string", "title": "T"}}},
}


def test_nothing_is_left_out_without_steps() -> None:
    """A schema is as it was."""
    assert slimmed(SCHEMA, 0) is SCHEMA


@pytest.mark.parametrize("steps", [1, 2])
def test_slimmed(steps: int) -> None:
    """Descriptions and titles go first, then large enums; properties of these names, and data, stay."""
    before = copy.deepcopy(SCHEMA)
    large = {"type": "string", "enum": LARGE} if steps == 1 else {"type": "string"}
    assert slimmed(SCHEMA, steps) == {
        "type": "object",
        "properties": {
            "description": {"type": "string"},
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "large": large,
            "typeless": {"enum": LARGE},
            "const": {"const": {"description": "data"}},
        },
        "required": ["description", "title"],
        "$defs": {"title": {"type": "array", "items": {"type": "string"}}},
    }
    assert before == SCHEMA


def test_a_small_enum_stays() -> None:
    """An enum that is not large is never left out."""
    schema = {"type": "string", "enum": LARGE[:-1]}
    assert slimmed(schema, len(STEPS)) == schema
