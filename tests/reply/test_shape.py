"""Shapes: what there may be at one place, and whether a value fits it."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.branches import JSON_TYPES, Fit
from extractor.reply.shape import Object
from extractor.reply.shaping import shape_of

NOTHING = type(None)


@pytest.mark.parametrize(
    ("schema", "exact"),
    [
        ({"type": "string"}, {str: 0}),
        ({"type": "string", "format": "email"}, {str: 0}),
        ({"type": "string", "pattern": "x"}, {str: 0}),
        ({"type": "string", "format": "date"}, {}),
        ({"type": ["string", "null"]}, {str: 5, NOTHING: 0}),
        ({"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}, {NOTHING: 0}),
        ({"anyOf": [{"type": "string", "pattern": "x"}, {"type": "null"}]}, {NOTHING: 0}),
        ({"type": "integer"}, {int: 0}),
        ({"type": "number"}, {float: 0}),
        ({"type": "object"}, {dict: 0}),
        ({"type": "object", "additionalProperties": {}}, {dict: 0}),
        ({"type": "object", "additionalProperties": False}, {}),
        ({"type": "object", "required": ["a"]}, {}),
        ({"type": "array", "items": True}, {list: 0}),
        ({"type": "array", "items": {"type": "null"}}, {}),
        ({"enum": ["a"]}, {}),
        ({}, dict.fromkeys(JSON_TYPES, 0)),
    ],
)
def test_exact(schema: Any, exact: dict[type, int]) -> None:
    """Types of which every value is right need no further look; short texts do, where they may stand for null."""
    assert shape_of(schema).exact == exact


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "integer"}, 30.0, True),
        ({"type": "integer"}, 30.5, False),
        ({"type": "integer"}, True, False),
        ({"type": "integer", "maximum": 5}, 30, True),
        ({"enum": [1, [1], {"a": 1}]}, 1.0, True),
        ({"enum": [1, [1], {"a": 1}]}, {"a": 1}, True),
        ({"enum": [1]}, True, False),
        ({"type": "string", "format": "date"}, "2021-05-03", True),
        ({"type": "string", "format": "date"}, "x", False),
        ({"type": "object", "required": ["a"]}, {"b": 1}, False),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False}, {"b": 1}, False),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, {"b": 1}, True),
        ({"type": "object", "additionalProperties": {"type": "null"}}, {"b": 1}, False),
        ({"type": "array", "prefixItems": [{"type": "null"}], "items": {"type": "string"}}, [None, "a"], True),
        ({"type": "array", "prefixItems": [{"type": "null"}], "items": {"type": "string"}}, [None, None], False),
        ({"type": "array", "items": False}, [1], False),
        ({}, {"a": [1]}, True),
        ({"type": "number"}, 10**308, True),
        ({"type": "number"}, 10**309, False),
        ({"type": "object", "patternProperties": {"^a": {"type": "null"}}}, {"a": 1}, False),
        ({"type": "object", "patternProperties": {"^a": {"type": "null"}}}, {"a": None, "b": 1}, True),
        (
            {"type": "object", "patternProperties": {"^a": {"type": "null"}}, "additionalProperties": False},
            {"a": None, "b": 1},
            False,
        ),
    ],
)
def test_fit(schema: Any, value: Any, fits: bool) -> None:
    """A value fits by its type, its members and its format; ranges and lengths are the validator's."""
    fit = Fit()
    assert fit(shape_of(schema), value) is fits
    shape = shape_of({"type": "array", "items": schema})
    assert fit(shape, [value, value]) is fits
    assert fit(shape, [value, value]) is fits


def test_nullable() -> None:
    """Null is allowed where it is named, not where anything is."""
    assert shape_of({"type": ["integer", "null"]}).nullable
    assert shape_of({"enum": ["a", None]}).nullable
    assert not shape_of({"type": "integer"}).nullable
    assert not shape_of({}).nullable


def test_tags() -> None:
    """Objects of a union are told apart by the properties that hold one of some values."""
    members = [{"type": "object", "properties": {"kind": {"const": name}, "n": {}}} for name in ("a", "b")]
    assert {name: tag.values for name, tag in shape_of({"anyOf": members}).tags.items()} == {"kind": ["a", "b"]}


def test_names() -> None:
    """A name that two properties share but for how it is written is nobody's."""
    (branch,) = shape_of({"type": "object", "properties": {"a_b": {}, "aB": {}, "c d": {}}}).branches
    assert isinstance(branch, Object)
    assert branch.names == {"ab": None, "cd": "c d"}
