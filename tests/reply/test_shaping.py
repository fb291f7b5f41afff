"""Shaping: a JSON Schema as the ways in which a value can be right."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.branches import Anything, Constants, Scalar, Text
from extractor.reply.shape import Array, Object, Shape
from extractor.reply.shaping import shape_of


@pytest.mark.parametrize(
    ("schema", "branches"),
    [
        ({"type": "object"}, [Object]),
        ({"type": "array"}, [Array]),
        ({"type": "string"}, [Text]),
        ({"type": "integer"}, [Scalar]),
        ({"type": ["number", "null"]}, [Scalar, Scalar]),
        ({"enum": [1, "a"]}, [Constants]),
        ({"const": None, "type": "null"}, [Constants]),
        ({"anyOf": [{"type": "string"}, {"oneOf": [{"type": "null"}, {"type": "array"}]}]}, [Text, Scalar, Array]),
        ({"anyOf": [{"const": 1}, {"type": "null"}, {"enum": [2, 3]}]}, [Constants, Scalar]),
        ({"allOf": [{"type": "string"}], "description": "x"}, [Text]),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, [Anything]),
        ({"allOf": [{"type": "string"}], "minLength": 1}, [Anything]),
        ({"type": "string", "anyOf": [{"minLength": 1}]}, [Anything]),
        ({"$ref": "#/$defs/A", "title": "x", "$defs": {"A": {"type": "array"}}}, [Array]),
        ({"$ref": "#/$defs/A", "minItems": 1, "$defs": {"A": {"type": "array"}}}, [Anything]),
        ({"$ref": "#/$defs/A", "not": {}, "$defs": {"A": {"type": "array"}}}, [Anything]),
        ({"$ref": "#/$defs/Gone"}, [Anything]),
        ({"$ref": "https://example.com"}, [Anything]),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}}, [Scalar]),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, []),
        ({"patternProperties": {}}, [Anything]),
        ({"type": "object", "patternProperties": {"^a": {"type": "null"}}}, [Object]),
        ({"type": "object", "patternProperties": {"^a": {"type": "null"}, "^b": {"type": "null"}}}, [Object]),
        ({"type": "object", "patternProperties": {"^a": {"type": "null"}, "^b": {}}}, [Anything]),
        ({"type": "object", "patternProperties": {"^a": {}}, "properties": {"a": {}}}, [Anything]),
        ({"type": "array", "contains": {}}, [Anything]),
        ({"type": ["string", "file"]}, [Anything]),
        ({"minLength": 1}, [Text, Anything]),
        ({}, [Anything]),
        ({"anyOf": [True, False]}, [Anything]),
    ],
)
def test_branches(schema: Any, branches: list[type]) -> None:
    """A schema is the ways in which a value can be right; what is not understood takes anything."""
    assert [type(each) for each in shape_of(schema).branches] == branches


def test_recursion() -> None:
    """A definition that refers to itself has one shape, however deep."""
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/N"}},
        "additionalProperties": {"$ref": "#/$defs/N"},
    }
    shape: Shape = shape_of({"$ref": "#/$defs/N", "$defs": {"N": node}})
    (branch,) = shape.branches
    assert isinstance(branch, Object)
    assert branch.rest is branch.fields["next"]
    assert branch.fields["next"] is branch.fields["next"].branches[0].fields["next"]  # type: ignore[attr-defined]
