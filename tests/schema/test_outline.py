"""Outlines: a schema as compact text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from extractor.schema.outline import outline
from extractor.schema.ready import ready_names, ready_schema
from extractor.schema.words import WORDS


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
        (Literal["a", 1], 'enum("a",1)'),
        (int | None, "integer | null"),
        (list[int | None], "(integer | null)[]"),
        (dict[str, int], "{ [key: string]: integer }"),
        (Annotated[str, Field(pattern="^a$", description="x")], "string // x; matching ^a$"),
        (
            Order,
            """{ // An order.
  number: string // Order number
  day: date
  color: enum("r","g")
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


# ------------------------------------------------------------------------------------- original schemas


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({}, "any"),
        ({"type": "object"}, "object"),
        ({"type": "object", "properties": {"a": True, "b": False}}, "{\n  a?: any\n  b?: never\n}"),
        ({"type": "string", "nullable": True}, "string | null"),
        ({"type": ["string", "null"], "nullable": True}, "string | null"),
        ({"enum": ["a", "b"], "nullable": True}, 'enum("a","b") | null'),
        ({"const": None}, "null"),
        ({"enum": ["a"]}, '"a"'),
        ({"type": ["string", "null"], "enum": ["a", None]}, 'enum("a",null)'),
        ({"type": ["string", "null"], "format": "date"}, "date | null"),
        ({"type": "string", "format": "email"}, "email"),
        ({"type": "string", "format": "color"}, "string // format color"),
        ({"type": "integer", "format": "date"}, "integer // date as YYYY-MM-DD"),
        ({"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]}, "string | null // at least 2 characters"),
        (
            {"anyOf": [{"type": "string", "minLength": 2}, {"type": "integer"}]},
            "string /* at least 2 characters */ | integer",
        ),
        ({"allOf": [{"type": "string"}, {"minLength": 2}, {"maxLength": 3}]},
         "string // at least 2 characters; at most 3 characters"),
        ({"type": "string", "anyOf": [{"format": "date"}, {"const": "x"}]},
         'string & (any /* date as YYYY-MM-DD */ | "x")'),
        ({"required": ["a"]}, "{ a: any }"),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "{ a: any } | { b: any }"),
        ({"properties": {"a": {}}, "required": ["b"]}, "{\n  a?: any\n  b: any\n}"),
        ({"patternProperties": {"^x": {"type": "integer"}}}, "{\n  [key: /^x/]: integer\n}"),
        ({"propertyNames": {"pattern": "^x"}, "type": "object"}, "object & with keys any /* matching ^x */"),
        ({"not": {"type": "string"}}, "not string"),
        ({"not": {"enum": [1, 2]}, "type": "integer"}, "integer & not enum(1,2)"),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": False},
         "(if { a: any } then { b: any } else never)"),
        ({"dependentRequired": {"a": ["b", "c"]}}, "(if { a: any } then { b: any; c: any })"),
        ({"dependencies": {"a": {"required": ["b"]}}}, "(if { a: any } then { b: any })"),
        ({"items": {"type": "integer"}}, "integer[]"),
        ({"type": "string", "items": {"type": "integer"}}, "string & (if array then integer[])"),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, "[integer]"),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": ["string", "null"]}},
         "[integer, ...(string | null)[]]"),
        ({"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "string"}},
         "[integer, ...string[]]"),
        ({"type": "array", "contains": {"const": 1}}, "any[] & containing 1"),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, "number // more than 1"),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, "number // at most 1"),
        ({"type": "number", "exclusiveMaximum": 1}, "number // less than 1"),
        ({"$ref": "other.json#/x"}, "any // see other.json#/x"),
        ({"$ref": "#/$defs/Missing"}, "any // see #/$defs/Missing"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
def test_originals(schema: dict[str, Any], text: str) -> None:
    """What only original schemas say, of whatever draft, has a notation too."""
    assert outline(schema) == text


@pytest.mark.parametrize("keyword", ["$defs", "definitions"])
def test_definitions(keyword: str) -> None:
    """A definition that is used once stands in its place, one that is used more often has a name."""
    definitions = {
        "One": {"type": "string", "description": "SAID"},
        "Two": {"type": "integer"},
        "Not": {"const": "UNUSED"},
    }
    uses = {"a": "One", "b": "Two", "c": "Two"}
    properties = {key: {"$ref": f"#/{keyword}/{name}"} for key, name in uses.items()}
    text = outline({"properties": properties, keyword: definitions})
    assert text == "type Two = integer\n{\n  a?: string // SAID\n  b?: Two\n  c?: Two\n}"


def test_references_to_any_place() -> None:
    """A reference may lead to the whole, or to any place in it; what it leads to is written once."""
    schema = {
        "properties": {
            "a/b": {"type": "object", "properties": {"x": {"$ref": "#/properties/a~1b"}}},
            "again": {"$ref": "#"},
            "same": {"$ref": "#/properties/a%7E1b"},
        }
    }
    assert (
        outline(schema)
        == """type Root = {
  "a/b"?: a_b
  again?: Root
  same?: a_b
}
type a_b = {
  x?: a_b
}
Root"""
    )


def test_what_is_the_same_is_written_once() -> None:
    """A large part that stands in several places has a name."""
    place = {"type": "object", "properties": {name: {"type": "string", "description": name * 20} for name in "abcd"}}
    text = outline({"properties": {"from": place, "to": json.loads(json.dumps(place))}})
    assert text.startswith("type from = {\n  a?: string // aaaa")
    assert text.endswith("{\n  from?: from\n  to?: from\n}")


def test_names_are_short_and_not_taken() -> None:
    """A name is an identifier, no type's, unique, and the last part where it is long."""
    names = ["string", "a.b", "a/b", "io.k8s.apimachinery.pkg.apis.meta.v1.Time"]
    definitions = {name: {"type": "integer", "minimum": number} for number, name in enumerate(names)}
    references = [{"$ref": "#/$defs/" + name.replace("/", "~1")} for name in names]
    text = outline({"$defs": definitions, "prefixItems": [*references, *references]})
    assert [line.split()[1] for line in text.splitlines()[:-1]] == ["string_2", "a_b", "a_b_2", "Time"]


# ------------------------------------------------------------------------------------------- any schema

WEIRD: list[Any] = [None, 0, 1.5, "x", "#", True, False, [], [1], ["x"], {}, {"x": 1}, {"$ref": "#"}, [{"$ref": "#/x"}]]
KEYWORDS = sorted(
    {
        *WORDS,
        *"$ref $defs definitions allOf anyOf oneOf properties required items type description title nullable".split(),
    }
)


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize("value", WEIRD, ids=repr)
def test_weird_values(keyword: str, value: Any) -> None:
    """A keyword with a value that makes no sense is no reason to fail."""
    assert isinstance(outline({keyword: value}), str)
    assert isinstance(outline({"properties": {"p": {keyword: value}, "q": {keyword: value}}}), str)


def nested(keyword: str, depth: int) -> dict[str, Any]:
    """A schema in a schema in a schema."""
    schema: dict[str, Any] = {"type": "string", "description": "SAID"}
    for _ in range(depth):
        schema = {keyword: [schema] if keyword in ("anyOf", "allOf", "prefixItems") else schema}
        if keyword in ("properties", "dependencies"):
            schema = {keyword: {"p": schema[keyword]}}
    return schema


@pytest.mark.parametrize(
    "keyword", ["properties", "items", "anyOf", "allOf", "prefixItems", "not", "if", "dependencies"]
)
def test_deep_nesting(keyword: str) -> None:
    """However deep a schema is nested, all of it is written, in lines that are not far to the right."""
    text = outline(nested(keyword, 3_000))
    assert "SAID" in text
    assert max(map(len, text.splitlines())) < 1_000


@pytest.mark.parametrize("keyword", ["default", "enum", "const", "examples"])
def test_deep_data(keyword: str) -> None:
    """Data that is nested too deeply to be written is no reason to fail."""
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    assert "…" in outline({keyword: value})


def test_recursion_through_equal_properties() -> None:
    """A definition that repeats the root's properties, and so leads to itself by two ways, is written once."""
    properties: dict[str, Any] = {name: {"type": "string", "description": "x" * 50} for name in "abcdefghij"}
    properties["splits"] = {"type": "array", "items": {"$ref": "#/definitions/Split"}}
    whole = {"properties": {"whole": {"$ref": "#/definitions/Whole"}}}
    definitions = {"Split": whole, "Whole": {"properties": properties, "title": "Whole"}}
    text = outline(json.loads(json.dumps({"properties": properties, "definitions": definitions})))
    assert text.count("type Split = {") == 1
    assert len(text) < 2_500


def test_cycles() -> None:
    """Definitions that lead only to each other end somewhere."""
    definitions = {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}, "C": {"anyOf": [{"$ref": "#/$defs/C"}]}}
    properties = {name: {"$ref": f"#/$defs/{name}"} for name in definitions}
    assert outline({"$defs": definitions, "properties": properties}).count("\n") < 10


@pytest.mark.parametrize("keyword", ["properties", "not", "if", "patternProperties", "default", "dependencies"])
def test_nothing_explodes(keyword: str) -> None:
    """Definitions that each refer twice to the next are written once each, also inside of what has no notation."""
    definitions: dict[str, Any] = {"D60": {"type": "string"}}
    for number in range(60):
        twice = {"a": {"$ref": f"#/$defs/D{number + 1}"}, "b": {"$ref": f"#/$defs/D{number + 1}"}}
        definitions[f"D{number}"] = {keyword: {"properties": twice} if keyword in ("not", "if") else twice}
    schema = {"$defs": definitions, "$ref": "#/$defs/D0"}
    assert len(outline(schema)) < 2 * len(json.dumps(schema))


def test_copies_do_not_explode() -> None:
    """Nor do definitions that each hold a copy of the next and refer to it."""
    whole: dict[str, Any] = {"type": "string", "description": "x" * 200}
    definitions = {"D20": whole}
    for number in reversed(range(20)):
        whole = {"properties": {"a": whole, "b": {"$ref": f"#/$defs/D{number + 1}"}}}
        definitions[f"D{number}"] = whole
    schema = json.loads(json.dumps({"$defs": definitions, "$ref": "#/$defs/D0"}))
    assert len(outline(schema)) < 10_000


def test_shared_objects_do_not_explode() -> None:
    """The same holds where it is the same Python object that stands in two places, a reference too."""
    schema: dict[str, Any] = {"type": "string"}
    definitions: dict[str, Any] = {"D60": schema}
    for number in range(60):
        members = {"a": schema, "b": schema}
        schema = {"anyOf": [{"properties": members, "minProperties": number} for number in (1, 2)]}
        small = {"items": {"$ref": f"#/$defs/D{number + 1}"}}
        definitions[f"D{number}"] = {"anyOf": [{"prefixItems": [small, small]}, small]}
    assert len(outline(schema)) < 10_000
    assert len(outline({"$defs": definitions, "$ref": "#/$defs/D0"})) < 10_000


def test_time_is_linear() -> None:
    """A schema of a megabyte takes no more than seconds."""
    member = {"anyOf": [{"type": "array", "items": {"enum": ["a", "b"]}}, {"type": "null"}], "description": "x" * 20}
    schema = {"properties": {f"p{number}": {**member, "minItems": number} for number in range(8_000)}}
    schema["properties"]["u"] = {"anyOf": [{"const": number} for number in range(20_000)]}
    started = time.process_time()
    assert len(outline(schema)) > 500_000
    assert time.process_time() - started < 5


# ------------------------------------------------------------------------------------------------- laws

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.none() | st.booleans() | st.integers() | names
words = st.text('ab c*/\n\u2028{}|&"', max_size=12)
definitions = st.sampled_from(["A", "B", "C"])
leaves = st.sampled_from([True, False, {}, {"type": "integer", "minimum": 17}]) | st.one_of(
    st.builds(lambda values: {"enum": values}, st.lists(scalars, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, scalars),
    st.builds(lambda text: {"type": "string", "description": text, "maxLength": 19}, words),
    st.builds(lambda name: {"$ref": f"#/$defs/{name}"}, definitions),
)


def one(keyword: str) -> Any:
    """Build a schema with another below this keyword."""
    return lambda inner: st.builds(lambda text, schema: {"description": text, keyword: schema}, words, inner)


def several(keyword: str) -> Any:
    """Build a schema with a list of others below this keyword."""
    return lambda inner: st.builds(lambda members: {keyword: members}, st.lists(inner, min_size=1, max_size=3))


def keyed(keyword: str) -> Any:
    """Build a schema with others by name below this keyword."""
    return lambda inner: st.builds(lambda members: {keyword: members}, st.dictionaries(names, inner, max_size=3))


ONE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if")
SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")
KEYED = ("properties", "patternProperties", "dependentSchemas")
BUILDERS = [*map(one, ONE), *map(several, SEVERAL), *map(keyed, KEYED)]
parts = st.recursive(leaves, lambda inner: st.one_of([build(inner) for build in BUILDERS]), max_leaves=8)
schemas = st.builds(
    lambda root, defined: {**(root if isinstance(root, dict) else {}), "$defs": defined},
    parts,
    st.fixed_dictionaries({"A": parts, "B": parts, "C": parts}),
)


def said(schema: Any, root: Any, seen: set[int]) -> Iterator[str]:
    """All that must be readable of what the root leads to."""
    if not isinstance(schema, dict) or id(schema) in seen:
        return
    seen.add(id(schema))
    if "$ref" in schema:
        yield from said(root["$defs"][schema["$ref"][-1]], root, seen)
    yield from filter(None, [" ".join(schema.get("description", "").split())])
    yield from (json.dumps(value, ensure_ascii=False) for value in schema.get("enum", ()))
    yield from (
        json.dumps(schema[key], ensure_ascii=False) for key in ("const", "minimum", "maxLength") if key in schema
    )
    for keyword in KEYED:
        for name, member in schema.get(keyword, {}).items():
            yield (
                " ".join(name.split()) if keyword == "patternProperties" else json.dumps(name, ensure_ascii=False)[1:-1]
            )
            yield from said(member, root, seen)
    for member in [schema.get(keyword) for keyword in ONE] + [each for key in SEVERAL for each in schema.get(key, ())]:
        yield from said(member, root, seen)


@settings(max_examples=300)
@given(schemas)
def test_nothing_is_lost(schema: dict[str, Any]) -> None:
    """Every description, name, listed value and bound can be read, wherever it stands."""
    text = outline(schema).replace("* /", "*/")
    for each in said(schema, schema, set()):
        assert each.replace("* /", "*/") in text


@settings(max_examples=300)
@given(schemas)
def test_it_grows_with_the_schema(schema: dict[str, Any]) -> None:
    """The outline is not longer than a small multiple of the schema."""
    assert len(outline(schema)) <= 3 * len(json.dumps(schema, ensure_ascii=False))


@settings(max_examples=100)
@given(schemas)
def test_the_same_every_time(schema: dict[str, Any]) -> None:
    """Equal schemas have equal outlines, whichever objects they are made of, and are left as they are."""
    copy = json.loads(json.dumps(schema))
    assert outline(schema) == outline(copy)
    assert schema == copy
