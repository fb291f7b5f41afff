"""Small questions about one node."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.schema import nodes


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "integer"),
        (1.0, "integer"),
        (1.5, "number"),
        ("", "string"),
        ([], "array"),
        ({}, "object"),
    ],
)
def test_kind_of(value: Any, kind: str) -> None:
    """Each JSON value has a type; a number without a fraction is an integer."""
    assert nodes.kind_of(value) == kind


def test_text_of() -> None:
    """What JSON tells apart has different texts; the order of members does not count."""
    assert nodes.text_of({"b": 1, "a": True}) == nodes.text_of({"a": True, "b": 1})
    assert len({nodes.text_of(value) for value in (True, 1, "1", None, [1])}) == 5


def test_names() -> None:
    """A name that is taken gets a number, and stays within its length; very many of one wish take no recursion."""
    names = nodes.Names(["a", "a_2", "long"], longest=4)
    assert [names.free(wish) for wish in ("a", "b", "a", "b", "long")] == ["a_3", "b", "a_4", "b_2", "lo_2"]
    many = nodes.Names(separator="")
    assert len({many.free("D") for _ in range(5_000)}) == 5_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"items": [{}]}, {"prefixItems": [{}], "items": True}),
        ({"items": [{}], "additionalItems": False}, {"prefixItems": [{}], "items": False}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        ({"exclusiveMaximum": True}, {}),
        ({"exclusiveMaximum": 3, "items": {}}, {"exclusiveMaximum": 3, "items": {}}),
    ],
)
def test_modern(old: dict[str, Any], new: dict[str, Any]) -> None:
    """What older drafts said is said in today's words."""
    assert nodes.modern(old) == new


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({}, ()),
        ({"type": "string"}, ("string",)),
        ({"type": ["string", "null", "string"]}, ("string", "null")),
        ({"properties": {}}, ("object",)),
        ({"minimum": 1, "items": {}}, ("array", "number")),
        ({"title": "T"}, ()),
    ],
)
def test_kinds_of(schema: dict[str, Any], kinds: tuple[str, ...]) -> None:
    """A node's types are those it names, else those its keywords speak about."""
    assert nodes.kinds_of(schema) == kinds


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({}, None),
        ({"const": None}, [None]),
        ({"enum": ["a", "a", "b"]}, ["a", "b"]),
        ({"enum": [1, True, "a"], "type": "integer"}, [1]),
        ({"enum": [1, 1.5, "a"], "type": "number"}, [1, 1.5]),
        ({"enum": ["a"], "type": ["integer", "null"]}, []),
        ({"const": 1, "enum": [1, 2]}, [1]),
    ],
)
def test_constants_of(schema: dict[str, Any], values: list[Any] | None) -> None:
    """The values that a node lists are given once each, as far as its types allow them."""
    assert nodes.constants_of(schema) == values


def test_split() -> None:
    """A node of several types becomes a union; each keyword goes with the type that it speaks about."""
    schema = {"type": ["string", "integer"], "minLength": 1, "minimum": 2, "description": "D"}
    members = [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 2}]
    assert nodes.split(schema, ("string", "integer")) == {"description": "D", "anyOf": members}


@pytest.mark.parametrize(
    ("schema", "is_map", "further"),
    [
        ({}, True, None),
        ({"properties": {"a": {}}}, False, None),
        ({"required": ["a"]}, False, None),
        ({"additionalProperties": False}, False, None),
        ({"additionalProperties": {"type": "null"}}, True, {"type": "null"}),
        ({"additionalProperties": False, "patternProperties": {"x": {"type": "null"}}}, True, {"type": "null"}),
        ({"additionalProperties": {}, "patternProperties": {"x": {"a": 1}}}, True, {"anyOf": [{"a": 1}, {}]}),
    ],
)
def test_maps(schema: dict[str, Any], is_map: bool, further: Any) -> None:
    """An object without names of its own is a map; what its values may be is found."""
    assert nodes.is_map(schema) is is_map
    assert nodes.further(schema) == further


@pytest.mark.parametrize(
    ("description", "hints", "text"),
    [
        (None, [], ""),
        (" D ", [], "D"),
        (None, ["one", "two"], "One; two"),
        ("D", ["one"], "D (one)"),
    ],
)
def test_described(description: str | None, hints: list[str], text: str) -> None:
    """Hints come after the description, or are one."""
    assert nodes.described(description, hints) == text


@pytest.mark.parametrize(
    ("title", "pointer", "told"),
    [
        ("First Name", "/properties/first_name", ""),
        ("Given Name", "/properties/first_name", "Given Name"),
        ("Record", "", ""),
        (None, "/properties/a", ""),
    ],
)
def test_telling(title: str | None, pointer: str, told: str) -> None:
    """A title counts where it says more than the name."""
    assert nodes.telling(title, pointer) == told
