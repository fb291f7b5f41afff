"""Schemas rewritten into dialects: what is sent obeys the dialect's rules, and values come back whole."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NotRequired,  # pydantic wants this one before Python 3.12
    TypeAlias,
    TypeVar,
)
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, HttpUrl, RootModel, TypeAdapter
from typing_extensions import TypedDict

from extractor.errors import SchemaError
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import DIALECTS
from extractor.schema.measure import nodes_of
from extractor.schema.ready import ready_names
from extractor.schema.target import target_of

T = TypeVar("T")
Problems: TypeAlias = "Callable[[dict[str, Any], str], list[str]]"
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)
# One of each kind: the others differ from these in what they name, not in how they say it.
KINDS = ("openai", "groq", "anthropic", "gemini", "evolink", "cerebras", "llama.cpp", "unknown")
each_kind = pytest.mark.parametrize("dialect", KINDS)
both_dialects = pytest.mark.parametrize("dialect", ["openai", "llama.cpp"])

# ----------------------------------------------------------------------------------------- the models


class Color(Enum):
    """A colour."""

    RED = "r"
    GREEN = "g"


class Address(BaseModel):
    """Where somebody lives."""

    street: str = Field(alias="Street Name", description="With the number")
    zip: str = Field(pattern=r"^\d{5}$", max_length=5)


class Person(BaseModel):
    """Somebody."""

    name: str = Field(min_length=2)
    age: int = Field(ge=0, lt=150)
    score: float = Field(gt=0, le=1, multiple_of=0.5)
    home: Address
    others: list[Address] = Field(max_length=3)
    boss: Address | None = Field(default=None, description="The address of the boss")


class Optionals(BaseModel):
    """What may be left out."""

    a: int | None
    b: int = 5
    c: str | None = None
    d: list[str] = []
    e: Color = Color.RED
    f: Literal["x", "y"] = "x"
    g: Address | None = None
    h: bool = False
    i: int | str = 0
    j: dict[str, int] = {}
    k: Any = None
    z: str


class Node(BaseModel):
    """A tree."""

    value: int
    label: str = ""
    kids: list[Node] = []


class Even(BaseModel):
    """Half of two that refer to each other."""

    odd: Odd | None = None
    n: int = 0


class Odd(BaseModel):
    """The other half."""

    even: Even


class Box(BaseModel, Generic[T]):
    """A box of something."""

    content: T
    more: dict[str, T]


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    name: str
    lives: int = 9


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    name: str
    tricks: dict[str, int]


class Zoo(BaseModel):
    """Animals."""

    star: Annotated[Cat | Dog, Field(discriminator="kind", description="The best one")]
    animals: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


class Maps(BaseModel):
    """Free keys."""

    counts: dict[str, int]
    homes: dict[str, Address]
    colors: dict[Color, int]
    nested: dict[str, dict[str, list[int]]] | None
    anything: dict[str, Any]
    bare: dict  # type: ignore[type-arg]
    sized: dict[str, int] = Field(min_length=1, max_length=2)


class Lists(BaseModel):
    """Lists of all kinds."""

    pair: tuple[int, str]
    mixed: tuple[dict[str, int], list[dict[str, int]]]
    many: tuple[int, ...]
    tags: set[str]
    frozen: frozenset[int] = frozenset()
    deep: list[list[int | None]]
    bare: list  # type: ignore[type-arg]


class Scalars(BaseModel):
    """Values that JSON has no type for."""

    day: dt.date
    at: dt.datetime
    clock: dt.time
    took: dt.timedelta
    price: Decimal = Field(max_digits=8, decimal_places=2)
    plain: Decimal
    key: UUID
    raw: bytes
    link: HttpUrl
    mixed: Literal["a", 1, None]
    one: Literal["only"]


class Short(BaseModel):
    """A member of a union that another one extends."""

    x: int


class Long(BaseModel):
    """The one that extends it."""

    x: int
    extra: dict[str, int]


class Listed(BaseModel):
    """A member with a list where another one has a map."""

    x: list[int]


class Mapped(BaseModel):
    """The one with the map."""

    x: dict[str, int]


class Loose(BaseModel):
    """A member with an optional property."""

    x: int
    note: str = ""


class Alike(BaseModel):
    """Unions of models that only their content tells apart."""

    a: Short | Long
    b: Listed | Mapped
    c: Mapped | Listed
    d: Short | Loose
    e: dict[str, int] | str | None


class AnyValue(BaseModel):
    """A model with the name of something internal."""

    x: int


class Clash(BaseModel):
    """A model beside which anything can stand."""

    mine: AnyValue
    anything: Any


class Empty(BaseModel):
    """Nothing."""


class Odds(BaseModel):
    """Strange names."""

    model_config = {"populate_by_name": False}
    key: str = Field(alias="$ref")
    value: dict[str, str] = Field(alias="a/b~c")
    entries: list[int] = Field(alias="")


class Movie(TypedDict):
    """A film."""

    title: str
    year: NotRequired[int]


@dataclass
class Point:
    """A point."""

    x: int
    tags: dict[str, str] = field(default_factory=dict)


class Root(RootModel[list[Address]]):
    """A list as a model."""


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
integers = st.integers(-5, 5)
colors = st.sampled_from(["r", "g"])
counts = st.dictionaries(text, integers, max_size=2)
addresses = st.fixed_dictionaries({"Street Name": text, "zip": st.from_regex(r"\A[0-9]{5}\Z")})
anything = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text | st.just("entries"), inner, max_size=2),
    max_leaves=4,
)
trees: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries({"value": integers, "label": text, "kids": st.lists(trees, max_size=2)})
)
evens: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries({"odd": st.none() | st.fixed_dictionaries({"even": evens}), "n": integers})
)
cats = st.fixed_dictionaries({"kind": st.just("cat"), "name": text, "lives": integers})
dogs = st.fixed_dictionaries({"kind": st.just("dog"), "name": text, "tricks": counts})
shorts = st.fixed_dictionaries({"x": integers})
longs = st.fixed_dictionaries({"x": integers, "extra": counts})
lists_x = st.fixed_dictionaries({"x": st.lists(integers, min_size=1, max_size=2)})
maps_x = st.fixed_dictionaries({"x": st.dictionaries(text, integers, min_size=1, max_size=2)})


def record(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make a strategy for objects with all of these members."""
    return st.fixed_dictionaries(members)


# Each type with a strategy for the JSON of its valid values, every property given.
CASES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "Person": (
        Person,
        record(
            name=st.text("abü", min_size=2, max_size=4),
            age=st.integers(0, 149),
            score=st.sampled_from([0.5, 1.0]),
            home=addresses,
            others=st.lists(addresses, max_size=3),
            boss=st.none() | addresses,
        ),
    ),
    "Optionals": (
        Optionals,
        record(
            a=st.none() | integers,
            b=integers,
            c=st.none() | text,
            d=st.lists(text, max_size=2),
            e=colors,
            f=st.sampled_from(["x", "y"]),
            g=st.none() | addresses,
            h=st.booleans(),
            i=integers | text,
            j=counts,
            k=anything,
            z=text,
        ),
    ),
    "Node": (Node, trees),
    "Even": (Even, evens),
    "Box[int]": (Box[int], record(content=integers, more=counts)),
    "Box[Address]": (
        Box[Address],
        record(content=addresses, more=st.dictionaries(text, addresses, max_size=2)),
    ),
    "Zoo": (Zoo, record(star=cats | dogs, animals=st.lists(cats | dogs, max_size=2))),
    "Maps": (
        Maps,
        record(
            counts=counts,
            homes=st.dictionaries(text, addresses, max_size=2),
            colors=st.dictionaries(colors, integers),
            nested=st.none() | st.dictionaries(text, st.dictionaries(text, st.lists(integers, max_size=1)), max_size=2),
            anything=st.dictionaries(text, anything, max_size=2),
            bare=st.dictionaries(text, anything, max_size=2),
            sized=st.dictionaries(text, integers, min_size=1, max_size=2),
        ),
    ),
    "Lists": (
        Lists,
        record(
            pair=st.tuples(integers, text).map(list),
            mixed=st.tuples(counts, st.lists(counts, max_size=2)).map(list),
            many=st.lists(integers, max_size=3),
            tags=st.lists(text, unique=True, max_size=2),
            frozen=st.lists(integers, unique=True, max_size=2),
            deep=st.lists(st.lists(st.none() | integers, max_size=2), max_size=2),
            bare=st.lists(anything, max_size=2),
        ),
    ),
    "Scalars": (
        Scalars,
        record(
            day=st.dates().map(str),
            at=st.datetimes().map(lambda value: value.isoformat() + "Z"),
            clock=st.times().map(lambda value: value.isoformat() + "Z"),
            took=st.sampled_from(["P1D", "PT2H"]),
            price=st.sampled_from([1.25, "12.50", 3]),
            plain=st.sampled_from(["1.234567", -1]),
            key=st.uuids().map(str),
            raw=text,
            link=st.just("https://example.com/"),
            mixed=st.sampled_from(["a", 1, None]),
            one=st.just("only"),
        ),
    ),
    "Alike": (
        Alike,
        record(
            a=longs | shorts,
            b=lists_x | maps_x,
            c=lists_x | maps_x,
            d=shorts | st.fixed_dictionaries({"x": integers, "note": text}),
            e=counts | text | st.none(),
        ),
    ),
    "Clash": (Clash, record(mine=shorts, anything=anything)),
    "Empty": (Empty, st.just({})),
    "Odds": (
        Odds,
        record(
            **{
                "$ref": text,
                "a/b~c": st.dictionaries(text, text, max_size=2),
                "": st.lists(integers, max_size=1),
            }
        ),
    ),
    "Movie": (Movie, st.fixed_dictionaries({"title": text}, optional={"year": integers})),
    "Point": (Point, record(x=integers, tags=st.dictionaries(text, text, max_size=2))),
    "Root": (Root, st.lists(addresses, max_size=2)),
    "int": (int, integers),
    "list[int]": (list[int], st.lists(integers, max_size=3)),
    "list[Node]": (list[Node], st.lists(trees, max_size=2)),
    "dict[str, Address]": (dict[str, Address], st.dictionaries(text, addresses, max_size=2)),
    "tuple": (tuple[int, str, dict[str, int]], st.tuples(integers, text, counts).map(list)),
    "Literal": (Literal["a", 2], st.sampled_from(["a", 2])),
    "Short | Long": (Short | Long, shorts | longs),
    "Cat | Dog | None": (Cat | Dog | None, cats | dogs | st.none()),
    "Any": (Any, anything),
}
every_case = pytest.mark.parametrize("case", CASES)


@functools.cache
def adapted_case(case: str, dialect: str) -> tuple[Adapted, Any]:
    """Adapt a case once, with a validator of what is sent."""
    adapted = adapt(CASES[case][0], dialect)
    return adapted, jsonschema_rs.validator_for(as_read(adapted.schema))


def as_read(schema: Any) -> Any:
    """Say in JSON Schema what OpenAPI means by `nullable`."""
    if isinstance(schema, list):
        return [as_read(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    read = {
        key: {name: as_read(member) for name, member in value.items()}
        if key in ("properties", "$defs")
        else value
        if key in ("enum", "const", "nullable")
        else as_read(value)
        for key, value in schema.items()
    }
    return {"anyOf": [read, {"type": "null"}]} if read.pop("nullable", False) else read


# ------------------------------------------------------------------------------------------- the laws


@every_case
@every_dialect
def test_the_rules_are_obeyed(case: str, dialect: str, problems: Problems) -> None:
    """What is sent for a type has nothing that the endpoint refuses, ignores or gets wrong."""
    adapted = adapted_case(case, dialect)[0]
    assert adapted.strict
    assert problems(adapted.schema, dialect) == []


WITH_MAPS = ("vllm", "sglang", "llama.cpp", "ollama", "lmstudio")
SMALL = ("cerebras", "anthropic")  # take 5,000 characters, and 16 unions


@pytest.mark.parametrize("name", ready_names())
@every_dialect
def test_the_ready_schemas_obey_the_rules(name: str, dialect: str, problems: Problems) -> None:
    """The ready schemas can be sent in each dialect, and their samples' properties keep their order."""
    schema = target_of(name).schema
    adapted = adapt(schema, dialect)
    assert not adapted.strict or problems(adapted.schema, dialect) == []
    assert adapted.strict or dialect in SMALL
    assert list(adapted.schema["properties"]) == list(schema["properties"])


@every_case
@each_kind
@settings(max_examples=8)
@given(data=st.data())
def test_values_come_back(case: str, dialect: str, data: st.DataObject) -> None:
    """A valid value conforms to what is sent when it is written for the wire, and comes back as it was."""
    adapted, validator = adapted_case(case, dialect)
    value = data.draw(CASES[case][1])
    TypeAdapter(CASES[case][0]).validate_json(json.dumps(value))  # else this test's strategy is wrong
    wire = adapted.to_wire(value)
    assert [error.message for error in validator.iter_errors(wire)] == []
    assert adapted.restore(wire) == value
    assert adapted.restorer is not None or wire == value


@every_case
@each_kind
@settings(max_examples=8)
@given(data=st.data())
def test_partial_values_can_be_written(case: str, dialect: str, data: st.DataObject) -> None:
    """A value without its optional properties can be written for the wire too, and means the same."""
    adapted, validator = adapted_case(case, dialect)
    value = data.draw(CASES[case][1])
    adapter = TypeAdapter(CASES[case][0])
    fields = getattr(CASES[case][0], "__pydantic_fields__", {}).items()
    optional = [name for name, info in fields if not info.is_required()]
    left_out = data.draw(st.sets(st.sampled_from(optional))) if optional else set()
    if left_out and isinstance(value, dict):
        value = {key: member for key, member in value.items() if key not in left_out}
    wire = adapted.to_wire(value)
    assert [error.message for error in validator.iter_errors(wire)] == []
    assert adapter.validate_python(adapted.restore(wire)) == adapter.validate_python(value)


@every_case
@every_dialect
def test_properties_keep_their_order(case: str, dialect: str) -> None:
    """Properties are asked for in the model's order, so that reasons can come before answers."""
    source = target_of(CASES[case][0]).schema
    sent = adapted_case(case, dialect)[0].schema
    for name, definition in source.get("$defs", {}).items():
        if name in sent.get("$defs", {}) and definition.get("properties") and name != "AnyValue":
            assert list(sent["$defs"][name]["properties"]) == [
                wire_name(key, dialect) for key in definition["properties"]
            ]
    if source.get("properties"):
        assert list(sent["properties"]) == [wire_name(key, dialect) for key in source["properties"]]


def wire_name(key: str, dialect: str) -> str:
    """Say how a property of the cases is called on the wire."""
    known = {"Street Name": "Street_Name", "$ref": "_ref", "a/b~c": "a_b_c", "": "property"}
    return known.get(key, key) if dialect == "anthropic" else key


@every_case
@every_dialect
def test_adapting_is_repeatable(case: str, dialect: str) -> None:
    """The same schema gives the same bytes, and is not changed."""
    schema = target_of(CASES[case][0]).schema
    before = json.dumps(schema)
    first, second = (json.dumps(adapt(schema, dialect).schema) for _ in range(2))
    assert first == second
    assert json.dumps(schema) == before


def test_left_out_becomes_null_and_null_the_default() -> None:
    """Null on the wire means that an optional property was left out, so that its default applies."""
    adapted, _ = adapted_case("Optionals", "openai")
    nulls = dict.fromkeys(adapted.schema["properties"]) | {"z": "end"}
    assert Optionals.model_validate(adapted.restore(nulls)) == Optionals(a=None, z="end")
    assert adapted.restore(nulls).keys() == {"a", "c", "g", "k", "z"}


def test_null_stays_null_where_it_is_a_value() -> None:
    """Where the target itself accepts null, null is not taken for something left out."""

    class Given(BaseModel):
        """A default that is not null where null is allowed."""

        a: int | None = 5

    adapted = adapt(Given, "openai")
    assert adapted.restore({"a": None}) == {"a": None}


# --------------------------------------------------------------------------- what cannot be said on the wire

# type of the node, the constraint, its words
CONSTRAINTS: list[tuple[str, dict[str, Any], str]] = [
    ("string", {"minLength": 7}, "at least 7 characters"),
    ("string", {"maxLength": 9}, "at most 9 characters"),
    ("string", {"pattern": "b.d"}, "matching b.d"),
    ("string", {"pattern": "^(?!x).y$"}, "matching ^(?!x).y$"),
    ("string", {"pattern": "^a(?=b)b$"}, "matching ^a(?=b)b$"),
    ("string", {"pattern": "^a|b$"}, "matching ^a|b$"),
    ("string", {"format": "uri"}, "URL"),
    ("string", {"format": "email"}, "e-mail address"),
    ("string", {"format": "ipv4network"}, "format ipv4network"),
    ("string", {"contentEncoding": "base64"}, "encoded as base64"),
    ("string", {"contentMediaType": "text/html"}, "of media type text/html"),
    ("number", {"minimum": 1.5}, "at least 1.5"),
    ("number", {"maximum": 2.5}, "at most 2.5"),
    ("number", {"exclusiveMinimum": 3.5}, "more than 3.5"),
    ("number", {"exclusiveMaximum": 4.5}, "less than 4.5"),
    ("integer", {"minimum": 77}, "at least 77"),
    ("integer", {"multipleOf": 7}, "a multiple of 7"),
    ("integer", {"default": 77}, "default 77"),
    ("integer", {"not": {"const": 13}}, 'not: {"const": 13}'),
    ("integer", {"examples": [41, 42]}, "for example [41, 42]"),
    ("array", {"items": {"type": "integer"}, "minItems": 7}, "at least 7 items"),
    ("array", {"items": {"type": "integer"}, "uniqueItems": True}, "no item twice"),
    (
        "array",
        {"items": {"type": "integer"}, "contains": {"const": 5}},
        'at least one item matching {"const": 5}',
    ),
    ("array", {"items": {"type": "integer"}, "contains": {"const": 5}, "minContains": 3}, "3"),
    ("array", {"prefixItems": [{"type": "integer"}], "unevaluatedItems": False}, "false"),
    ("object", {"minProperties": 3}, "at least 3 entries"),
    ("object", {"maxProperties": 4}, "at most 4 entries"),
    ("object", {"propertyNames": {"pattern": "^x"}}, "^x"),
    ("object", {"patternProperties": {"^x": {"type": "integer"}}}, "keys matching these patterns"),
    ("object", {"properties": {"a": {"type": "integer"}}, "minProperties": 3}, "at least 3 entries"),
    ("object", {"properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}}, "so are the others"),
    (
        "object",
        {"properties": {"a": {"type": "null"}}, "if": {"required": ["a"]}, "then": False},
        "then: false",
    ),
]
PLACES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "property": lambda node: {"properties": {"p": node}, "required": ["p"]},
    "optional": lambda node: {"properties": {"p": node}},
    "item": lambda node: {"properties": {"p": {"type": "array", "items": node}}},
    "position": lambda node: {"properties": {"p": {"type": "array", "prefixItems": [node, {"type": "null"}]}}},
    "union": lambda node: {"properties": {"p": {"anyOf": [node, {"type": "null"}]}}},
    "one of": lambda node: {"properties": {"p": {"oneOf": [{"type": "boolean"}, node]}}},
    "beside a union": lambda node: {"properties": {"p": {**node, "anyOf": [{"title": "x"}, {"title": "y"}]}}},
    "all of": lambda node: {"properties": {"p": {"allOf": [{"title": "x"}, node]}}},
    "map": lambda node: {"properties": {"p": {"type": "object", "additionalProperties": node}}},
    "definition": lambda node: {"properties": {"p": {"$ref": "#/$defs/D"}}, "$defs": {"D": node}},
    "beside a reference": lambda node: {
        "properties": {"p": {"$ref": "#/$defs/D", **node}},
        "$defs": {"D": {}},
    },
    "with null": lambda node: {"properties": {"p": {**node, "type": [node["type"], "null"]}}},
}


def constraint_id(value: object) -> str:
    """Name a case."""
    return json.dumps(value)[:40]


def kept_or_said(
    schema: dict[str, Any], dialect: str, constraint: dict[str, Any], words: str, problems: Problems
) -> bool:
    """Whether a constraint is sent as it is, or in words that are listed among the rewrites."""
    adapted = adapt(schema, dialect)
    if found := problems(adapted.schema, dialect):
        raise AssertionError(found)
    keyword, value = list(constraint.items())[-1]
    sent = list(nodes_of(adapted.schema))
    kept = any(keyword in node and node[keyword] == value for node in sent) or any(
        node.get("minItems") == constraint.get("minProperties", "")  # the entries of a list that was a map
        or node.get("maxItems") == constraint.get("maxProperties", "")
        or node == {"type": "string", **constraint.get("propertyNames", {"type": ""})}
        for node in sent
    )
    said = any(words.casefold() in node.get("description", "").casefold() for node in sent)
    return kept or (
        said and any(keyword in rewrite.what + rewrite.pointer and rewrite.why for rewrite in adapted.rewrites)
    )


@pytest.mark.parametrize(("kind", "constraint", "words"), CONSTRAINTS, ids=constraint_id)
@each_kind
def test_no_constraint_is_lost(
    dialect: str, kind: str, constraint: dict[str, Any], words: str, problems: Problems
) -> None:
    """Wherever it stands, a constraint is sent as it is, or said in words and listed among the rewrites."""
    node = {"type": kind, **constraint}
    lost = [
        place
        for place, around in PLACES.items()
        if not kept_or_said({"type": "object", **around(node)}, dialect, constraint, words, problems)
    ]
    assert lost == []


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"type": "string", "description": "A name", "minLength": 7}, "A name (at least 7 characters)"),
        ({"type": "string", "minLength": 7}, "At least 7 characters"),
        ({"type": "string", "minLength": 7, "maxLength": 9}, "At least 7 characters; at most 9 characters"),
        ({"type": "string", "title": "The Full Name"}, "The Full Name"),
        ({"type": "string", "title": "P"}, None),
        ({"type": "string", "title": "T", "description": "D"}, "D"),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": False}, None),
        ({"type": "string", "default": "a"}, 'Default "a"'),
        ({"type": "integer", "default": 0}, "Default 0"),
    ],
)
def test_words_follow_the_description(node: dict[str, Any], said: str | None) -> None:
    """Words for constraints come after the caller's own description; a title counts where it says more."""
    schema = {"type": "object", "properties": {"p": node}, "required": ["p"]}
    assert adapt(schema, "openai").schema["properties"]["p"].get("description") == said


def test_rewrites_have_places() -> None:
    """A rewrite says where in the target's schema it was made."""
    schema = {
        "type": "object",
        "properties": {"a/b~": {"type": "array", "items": {"type": "string", "minLength": 7}}},
    }
    rewrites = {(each.pointer, each.what) for each in adapt(schema, "openai").rewrites}
    assert rewrites == {
        ("", "properties that the schema does not name are not asked for"),
        ("/properties/a~1b~0", "optional → nullable"),
        ("/properties/a~1b~0/items", "minLength → in words: at least 7 characters"),
    }


def test_keys_of_a_map_are_told() -> None:
    """The values that a map's keys can have reach the model, though no dialect can enforce them."""
    for dialect in DIALECTS:
        sent = json.dumps(adapt(dict[Color, int], dialect).schema).replace("\\", "")
        assert '"r", "g"' in sent


# --------------------------------------------------------------------------------------- exact results


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
                "required": ["b"],
            },
            {
                "type": "object",
                "properties": {"a": {"type": ["string", "null"]}, "b": {"type": "integer"}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        ),
        (
            {"type": "array", "items": {"type": "integer"}},
            {
                "type": "object",
                "properties": {"value": {"type": "array", "items": {"type": "integer"}}},
                "required": ["value"],
                "additionalProperties": False,
            },
        ),
        (
            {"type": "object", "properties": {"a": {"enum": ["x"]}, "b": {"const": "y"}}},
            {
                "type": "object",
                "properties": {
                    "a": {"type": ["string", "null"], "enum": ["x", None]},
                    "b": {"type": ["string", "null"], "enum": ["y", None]},
                },
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_sent_to_openai(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    """Optional properties become nullable, other roots are wrapped."""
    assert adapt(schema, "openai").schema == sent


def chain() -> dict[str, Any]:
    """Make a schema of three definitions, each of which extends the one before by allOf."""
    return {
        "$ref": "#/$defs/C",
        "$defs": {
            "A": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            "B": {
                "allOf": [
                    {"$ref": "#/$defs/A"},
                    {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
                ]
            },
            "C": {
                "allOf": [
                    {"$ref": "#/$defs/B"},
                    {"properties": {"c": {"type": "integer"}}, "required": ["c"]},
                ]
            },
        },
    }


@every_dialect
@pytest.mark.parametrize(
    ("schema", "names"),
    [
        (chain(), {"a", "b", "c"}),
        ({"allOf": [{"allOf": [{"properties": {"a": {"type": "null"}}}]}, {"type": "object"}]}, {"a"}),
        (
            {
                "allOf": [
                    {"$ref": "#/$defs/A", "description": "one"},
                    {"$ref": "#/$defs/B", "description": "two"},
                ],
                "$defs": {
                    "A": {"type": "object", "properties": {"a": {"type": "null"}}},
                    "B": {"type": "object", "properties": {"b": {"type": "null"}}},
                },
            },
            {"a", "b"},
        ),
        ({"type": "object", "allOf": [True, {"properties": {"a": {"type": "null"}}}]}, {"a"}),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a", "b"]}, {"a", "b"}),
    ],
)
def test_every_property_is_asked_for(dialect: str, schema: dict[str, Any], names: set[str], problems: Problems) -> None:
    """Whatever way a schema is put together of parts, each property that it names is asked for."""
    adapted = adapt(schema, dialect)
    assert problems(adapted.schema, dialect) == []
    assert adapted.schema["properties"].keys() == names


@every_dialect
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, [1, "a", "b"]),
        (
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}],
                "items": {"type": "object", "additionalProperties": {"type": "integer"}},
            },
            [1, {"a": 1}],
        ),
        (
            {"type": ["object", "array", "null"], "additionalProperties": {"type": "integer"}, "items": {}},
            {"a": 1},
        ),
        ({"type": ["object", "null"], "additionalProperties": {"type": "integer"}}, None),
        ({"enum": [{"a": 1}, [2], "x"]}, {"a": 1}),
        ({"const": {"a": [1]}}, {"a": [1]}),
        (
            {"anyOf": [{"const": "x"}, {"type": "object", "additionalProperties": {"type": "null"}}]},
            {"k": None},
        ),
        ({"properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}]}, {"a": 1}),
        (True, {"anything": [1]}),
    ],
)
def test_values_of_schemas_come_back(dialect: str, schema: Any, value: Any, problems: Problems) -> None:
    """What pydantic never writes but JSON Schema can say is asked for so that its values can be given."""
    adapted = adapt({"type": "object", "properties": {"p": schema}, "required": ["p"]}, dialect)
    assert problems(adapted.schema, dialect) == []
    wire = adapted.to_wire({"p": value})
    validator = jsonschema_rs.validator_for(as_read(adapted.schema))
    assert [error.message for error in validator.iter_errors(wire)] == []
    assert adapted.restore(wire) == {"p": value}


@every_dialect
@pytest.mark.parametrize("keyword", ["$comment", "title", "readOnly", "description", "x-own"])
def test_recursion_with_siblings(dialect: str, keyword: str, problems: Problems) -> None:
    """A remark beside a reference does not unroll a recursive schema."""
    remark = {keyword: True if keyword == "readOnly" else "x"}
    node = {
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/N", **remark}}},
    }
    adapted = adapt({"$ref": "#/$defs/N", "$defs": {"N": node}}, dialect)
    assert problems(adapted.schema, dialect) == []
    assert adapted.restore(adapted.to_wire({"kids": [{"kids": []}]})) == {"kids": [{"kids": []}]}


@every_dialect
def test_older_drafts(dialect: str, problems: Problems) -> None:
    """A schema of draft 7, with items one by one, is adapted or refused as a schema."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"p": {"type": "array", "items": [{"type": "integer"}], "additionalItems": False}},
    }
    try:
        adapted = adapt(schema, dialect)
    except SchemaError:
        return
    assert problems(adapted.schema, dialect) == []


@every_dialect
@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"allOf": [{"enum": ["a"]}, {"enum": ["b"]}]},
        {"allOf": [False]},
        {"anyOf": [False, False]},
        {"enum": []},
    ],
)
def test_what_nothing_satisfies(dialect: str, schema: Any) -> None:
    """A place where nothing can stand is an error that names it."""
    with pytest.raises(SchemaError) as caught:
        adapt({"type": "object", "properties": {"p": schema}, "required": ["p"]}, dialect)
    assert caught.value.pointer.startswith("/properties/p")


def test_nesting_beyond_reason() -> None:
    """A schema nested thousands of levels deep is refused, not a crash."""
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(3_000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(SchemaError, match="nested too deeply"):
        adapt(deep, "openai")


def test_dead_reference() -> None:
    """A reference that leads nowhere is refused, and named."""
    with pytest.raises(SchemaError, match=r"'#/\$defs/X'.* cannot be resolved"):
        adapt({"type": "object", "properties": {"p": {"$ref": "#/$defs/X"}}}, "openai")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Invoice", "Invoice"),
        ("Box[int]", "Box_int_"),
        ("Größe", "Gr__e"),
        ("a-b_C9", "a-b_C9"),
        ("", "record"),
        ("x" * 100, "x" * 64),
        ("list[dict[str, int] | None]", "list_dict_str__int____None_"),
    ],
)
@every_dialect
def test_response_format(dialect: str, name: str, sent: str) -> None:
    """The response format has a name that endpoints take, the schema, and whether it is strict."""
    adapted = replace(adapt(Address, dialect), name=name)
    strict = {} if dialect == "ollama" else {"strict": True}
    assert adapted.response_format == {
        "type": "json_schema",
        "json_schema": {"name": sent, **strict, "schema": adapted.schema},
    }
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent)


@given(st.text(max_size=80))
@settings(max_examples=50)
def test_any_name_can_be_sent(name: str) -> None:
    """Whatever a target is called, the name that is sent is one that endpoints take."""
    sent = adapt({"type": "object", "title": name}, "openai").response_format["json_schema"]["name"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent)


def test_a_branch_that_nothing_can_meet_is_left_out() -> None:
    """A union's member that no value can meet is left out, and listed; the others stay."""
    schema = {"properties": {"p": {"anyOf": [{"type": "string"}, {"type": "string", "enum": []}]}}, "required": ["p"]}
    adapted = adapt(schema, "openai")
    assert adapted.schema["properties"]["p"] == {"type": "string"}
    left_out = [each for each in adapted.rewrites if each.what == "left out"]
    assert [each.pointer for each in left_out] == ["/properties/p/anyOf/1"]


@pytest.mark.parametrize("pattern", [r"^\d{5}$", r"^[\w-]+$"])
def test_classes_in_patterns(pattern: str) -> None:
    """llama.cpp does not know classes like \\d in patterns: they are said in words."""
    schema = {"properties": {"p": {"type": "string", "pattern": pattern}}, "required": ["p"]}
    wire = adapt(schema, "llama.cpp").schema["properties"]["p"]
    assert wire == {"type": "string", "description": f"Matching {pattern}"}
    assert adapt(schema, "openai").schema["properties"]["p"]["pattern"] == pattern


@every_dialect
def test_optional_properties_in_all_of(dialect: str) -> None:
    """An optional property whose schema is an allOf can be left out on the wire like any other."""
    adapted = adapt({"type": "object", "properties": {"a": {"allOf": [{"type": "string"}]}}}, dialect)
    wire = adapted.to_wire({})
    assert wire == ({} if dialect == "anthropic" else {"a": None})
    assert jsonschema_rs.is_valid(as_read(adapted.schema), wire)
    assert adapted.restore(wire) == {}


@pytest.mark.parametrize("dialect", ["openai", "gemini", "unknown"])
def test_the_order_of_a_tuple_is_told(dialect: str) -> None:
    """Where items by position are not taken, the order is said in words."""
    wire = adapt(tuple[str, int], dialect).schema["properties"]["value"]
    said = 'Items in this order: [{"type": "string"}, {"type": "integer"}]'
    assert wire["description"].partition(";")[0] == said


@every_dialect
def test_further_properties_are_asked_for(dialect: str, problems: Problems) -> None:
    """What an object says of properties that it does not name can be written, where it cannot stand there in a list."""
    schema = {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}, "required": ["a"]}
    adapted = adapt(schema, dialect)
    assert problems(adapted.schema, dialect) == []
    wire = adapted.to_wire({"a": "x", "b": 1})
    listed = {"a": "x", "additional_properties": [{"key": "b", "value": 1}]}
    assert wire == ({"a": "x", "b": 1} if DIALECTS[dialect].open_objects else listed)
    assert adapted.restore(wire) == {"a": "x", "b": 1}
