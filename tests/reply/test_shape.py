"""Shapes: what a schema says about the values of one place."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.shape import (
    JSON_TYPES,
    Anything,
    Array,
    Branch,
    Constants,
    Fit,
    Object,
    Scalar,
    Shape,
    Text,
    kind_of,
    shape_of,
    written,
)

NOTHING = type(None)


class Written(float):
    """A number that remembers how it was written."""

    literal = "1.50"


def only(schema: Any) -> Branch:
    """The one branch of a schema."""
    (branch,) = shape_of(schema).branches
    return branch


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
        ({"type": "number"}, {int: 0, float: 0}),
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
        ({"type": "number"}, Written(1.5), True),
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
    ],
)
def test_fit(schema: Any, value: Any, fits: bool) -> None:
    """A value fits by its type, its members and its format; ranges and lengths are the validator's."""
    fit = Fit()
    assert fit(shape_of(schema), value) is fits
    shape = shape_of({"type": "array", "items": schema})
    assert fit(shape, [value, value]) is fits
    assert fit(shape, [value, value]) is fits


@pytest.mark.parametrize(
    ("schema", "value", "allowed"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 5}, 5, True),
        ({"type": "integer", "minimum": 5}, 4, False),
        ({"type": "integer", "exclusiveMinimum": 5}, 5, False),
        ({"type": "integer", "exclusiveMaximum": 5}, 5, False),
        ({"type": "integer", "exclusiveMaximum": True}, 5, True),
        ({"type": "number", "multipleOf": 0.1}, 0.3, True),
        ({"type": "number", "multipleOf": 0.1}, 0.35, False),
        ({"type": "number", "multipleOf": 0}, 5, True),
        ({"type": "string", "minLength": 2}, "x", False),
        ({"type": "string", "maxLength": 2}, "xxx", False),
        ({"type": "array", "minItems": 1}, [], False),
        ({"type": "array", "maxItems": 0}, [1], False),
        ({"type": "object"}, {}, True),
    ],
)
def test_allows(schema: Any, value: Any, allowed: bool) -> None:
    """Whether a mended value is in its range, too, can be asked."""
    assert only(schema).allows(value) is allowed


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^[a-z]+$", "abc", True),
        ("^[a-z]+$", "1", False),
        ("^(?!x)", "abc", True),
        ("^(?!x)", "xbc", False),
        ("(", "abc", True),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    """A pattern is judged as the validator judges it; one that it does not know is passed over."""
    assert only({"type": "string", "pattern": pattern}).fits(text, Fit(), 0) is fits


@pytest.mark.parametrize(
    ("values", "given", "meant"),
    [
        (["a", "b"], "a", "a"),
        (["a", "b"], "A", "a"),
        ([1, 2], "2", 2),
        ([1, 2], "3", None),
        ([2.5], "2.5", 2.5),
        (["1"], 1, "1"),
        (["1.50"], Written(1.5), "1.50"),
        (["1.5"], 1.5, None),
        ([""], "", ""),
        ([None, True], "true", None),
        (["a"], ["a"], None),
        (["a"], None, None),
    ],
)
def test_meant(values: list[Any], given: Any, meant: Any) -> None:
    """One of some values is meant by its spelling, a number by its digits."""
    found = Constants(values).meant(given)
    assert (found, type(found)) == (meant, type(meant))


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
    branch = only({"type": "object", "properties": {"a_b": {}, "aB": {}, "c d": {}}})
    assert isinstance(branch, Object)
    assert branch.names == {"ab": None, "cd": "c d"}


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


def test_numbers_as_they_were_written() -> None:
    """A float has digits only where it is known how it was written, and so has no number that is too large."""
    assert (written(30), written(1.5), written(Written(1.5)), written(10**400)) == ("30", "", "1.50", "")
    assert (kind_of(Written(1.5)), kind_of(True), kind_of(None)) == (float, bool, NOTHING)
