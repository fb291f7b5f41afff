"""Outlines: a schema as compact text."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from extractor.schema.outline import outline
from extractor.schema.ready import ready_names, ready_schema


class _Color(Enum):  # without a docstring: it would be the description
    RED = "r"
    GREEN = "g"


class Line(BaseModel):
    """A line."""

    sku: str = Field(min_length=3, description="What is\nordered")
    quantity: int | None = None


class _Item(BaseModel):
    sku: str = Field(min_length=3, description="What is\nordered")
    quantity: int | None = None


class Order(BaseModel):
    """An order."""

    number: str = Field(description="Order number")
    day: str = Field(json_schema_extra={"format": "date"})
    color: _Color
    tags: set[str]
    lines: list[_Item] = Field(min_length=1)


class Node(BaseModel):
    """A node."""

    value: float
    children: list[Node] = []


class Basket(BaseModel):
    """Two of the same."""

    one: Line
    two: Line


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (int, "integer"),
        (list[int], "integer[]"),
        (Literal["a", 1], '"a" | 1'),
        (int | None, "integer | null"),
        (list[int | None], "(integer | null)[]"),
        (dict[str, int], "{ [key: string]: integer }"),
        (Annotated[str, Field(pattern="^a$", description="x")], "string // x; matching ^a$"),
        (
            Order,
            """{ // An order.
  number: string // Order number
  day: date
  color: "r" | "g"
  tags: string[] // no item twice
  lines: { // at least 1 item
    sku: string // What is ordered; at least 3 characters
    quantity?: integer | null // default null
  }[]
}""",
        ),
        (
            Node,
            """type Node = { // A node.
  value: number
  children?: Node[] // default []
}
Node""",
        ),
        (
            Basket,
            """type Line = { // A line.
  sku: string // What is ordered; at least 3 characters
  quantity?: integer | null // default null
}
{ // Two of the same.
  one: Line
  two: Line
}""",
        ),
    ],
    ids=str,
)
def test_texts(target: Any, text: str) -> None:
    """A schema has exactly this outline."""
    assert outline(TypeAdapter(target).json_schema()) == text


@pytest.mark.parametrize(
    "schema",
    [
        {
            "$defs": {"D": {"type": "object", "description": "SAID"}},
            "properties": {"p": {"$ref": "#/$defs/D"}},
        },
        {"$defs": {"D": {"type": "string", "pattern": "SAID"}}, "properties": {"p": {"$ref": "#/$defs/D"}}},
        {
            "$defs": {"D": {"type": "string", "pattern": "SAID"}},
            "items": {"$ref": "#/$defs/D"},
            "type": "array",
        },
        {"anyOf": [{"type": "string", "pattern": "SAID"}, {"type": "null"}]},
        {"anyOf": [{"type": "object", "properties": {}, "description": "SAID"}, {"type": "null"}]},
        {"oneOf": [{"type": "string", "format": "SAID"}, {"type": "integer"}]},
        {"allOf": [{"type": "string", "pattern": "SAID"}, {"minLength": 1}]},
        {"type": "object", "additionalProperties": {"type": "string", "pattern": "SAID"}},
        {
            "type": "object",
            "properties": {"a": {}},
            "additionalProperties": {"type": "string", "pattern": "SAID"},
        },
        {"type": "array", "prefixItems": [{"type": "string", "pattern": "SAID"}]},
        {
            "type": "array",
            "prefixItems": [{"type": "integer"}],
            "items": {"type": "string", "pattern": "SAID"},
        },
        {"type": "array", "items": {"type": "string", "pattern": "SAID"}},
        {"type": "object", "properties": {"a": {}}, "anyOf": [{"properties": {"SAID": {}}}]},
        {"type": "object", "properties": {"a": {}}, "not": {"required": ["SAID"]}},
        {"type": ["string", "integer"], "pattern": "SAID"},
        {"enum": ["a"], "description": "SAID"},
        {"const": "a", "description": "SAID"},
        {"type": "object", "additionalProperties": {"enum": ["SAID"]}},
        {
            "$defs": {"D": {"enum": ["SAID"]}},
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "propertyNames": {"$ref": "#/$defs/D"},
        },
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_nothing_is_left_out(schema: dict[str, Any]) -> None:
    """A description or a constraint is said wherever in the schema it stands."""
    assert "SAID" in outline(schema)


def test_descriptions_stay_on_one_line() -> None:
    """A description of several lines does not begin a line of its own, which would read as a member."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "description": "one\n  two\r\n\tthree\u2028four"}},
    }
    assert outline(schema) == "{\n  a?: string // one two three four\n}"


def test_strange_names_are_quoted() -> None:
    """A property whose name is no identifier is written as a string."""
    schema = {"type": "object", "properties": {"a b": {}, 'q"\n': {}, "$ref": {}, "1": {}}}
    assert outline(schema).splitlines()[1:-1] == [
        '  "a b"?: any',
        '  "q\\"\\n"?: any',
        "  $ref?: any",
        '  "1"?: any',
    ]


@pytest.mark.parametrize("name", ready_names())
def test_ready_schemas(name: str) -> None:
    """The outline of a ready schema is shorter than the schema, and has all its properties."""
    schema = ready_schema(name)
    text = outline(schema)
    assert len(text) < len(json.dumps(schema))
    assert all(key in text for key in schema["properties"])
    assert "#/$defs" not in text


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.none() | st.booleans() | st.integers() | names
leaves = st.sampled_from([{"type": "string"}, {"type": "integer", "minimum": 1}, {}]) | st.builds(
    lambda values: {"enum": values}, st.lists(scalars, min_size=1, max_size=3)
)
schemas = st.recursive(
    leaves,
    lambda inner: (
        st.builds(
            lambda members: {"type": "object", "properties": members},
            st.dictionaries(names, inner, max_size=3),
        )
        | st.builds(lambda item: {"type": "array", "items": item, "minItems": 1}, inner)
        | st.builds(lambda item: {"type": "object", "additionalProperties": item}, inner)
        | st.builds(lambda members: {"anyOf": members}, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=8,
)


def said(schema: Any) -> list[Any]:
    """Collect the names of all properties and the values of all enumerations."""
    if isinstance(schema, list):
        return [each for item in schema for each in said(item)]
    own = [*schema.get("properties", {}), *schema.get("enum", ())]
    inner = [schema.get("items", {}), schema.get("additionalProperties", {}), *schema.get("anyOf", ())]
    return [*own, *said([*schema.get("properties", {}).values(), *(each for each in inner if each)])]


@settings(max_examples=100, deadline=None)
@given(schemas)
def test_every_name_and_value_occurs(schema: dict[str, Any]) -> None:
    """Every property's name and every value of an enumeration can be read in the outline."""
    text = outline(schema)
    for each in said(schema):
        assert json.dumps(each, ensure_ascii=False) in text or (isinstance(each, str) and each in text)
