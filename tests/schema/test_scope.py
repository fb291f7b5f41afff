"""Some places of a value as a schema of their own, and the answers put back."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NotRequired

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from extractor.schema.adapt import adapt
from extractor.schema.answers import merged
from extractor.schema.scope import MOST, MOST_AT_LAST, Place, Scope, schema_at, scope


class Line(BaseModel):
    """A line of an order."""

    name: str
    amount: float = Field(description="With tax", ge=0)
    note: str = ""
    size: int | None = None


class Address(BaseModel):
    """A place to live."""

    street: str = Field(alias="Street Name")
    zip: str


class Cat(BaseModel):
    """One of two."""

    kind: Literal["cat"] = "cat"
    lives: int
    color: Literal["red", "black"] = "red"


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"] = "dog"
    tricks: list[str]


class Mail(BaseModel):
    """A way to reach somebody."""

    address: str
    since: int


class Phone(BaseModel):
    """Another way."""

    number: int
    since: int


class Film(TypedDict):
    """A film."""

    title: str
    year: NotRequired[int]


class Order(BaseModel):
    """All kinds of places."""

    number: str
    lines: list[Line] = Field(min_length=2, max_length=9, description="All of them")
    by_name: dict[str, Line] = {}
    home: Address | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    pet2: Cat | Dog | None = None
    contact: Mail | Phone | None = None
    pair: tuple[int, Line] | None = None
    film: Film | None = None
    kids: list[Order] = []
    free: dict[str, Any] = {}


@functools.cache
def schema_of(wanted: Any) -> dict[str, Any]:
    """The schema of a type."""
    return TypeAdapter(wanted).json_schema()


LINE = {"name": "a", "amount": 1.0}
DATA: dict[str, Any] = {
    "number": "1",
    "lines": [LINE, LINE, {"name": 5, "amount": -1, "note": 7, "size": 1}],
    "by_name": {"a/b": LINE},
    "home": {"Street Name": 1, "zip": "x"},
    "pet": {"kind": "dog", "tricks": ["x", 5]},
    "pet2": {"kind": "cat", "lives": 9, "color": "purple"},
    "contact": {"number": "x", "since": "y"},
    "pair": [1, {"name": "a"}],
    "film": {"title": "x", "year": "y"},
    "kids": [{"number": "2", "lines": [LINE], "pet": {"kind": "cat", "lives": "x"}}],
    "free": {"x": {"y": 1}},
}
AMOUNT = {"description": "With tax", "minimum": 0, "title": "Amount", "type": "number"}


def asked(found: Scope | None) -> list[str]:
    """The pointers that are asked for."""
    return [] if found is None else [place.pointer for place in found.places]


# ---------------------------------------------------------------------------------- what may stand where


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/number", {"title": "Number", "type": "string"}),
        ("/lines/2/amount", AMOUNT),
        ("/lines/2", {"$ref": "#/$defs/Line"}),
        ("/lines/2/size", {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Size"}),
        ("/by_name/a~1b/amount", AMOUNT),
        ("/by_name/new", {"$ref": "#/$defs/Line"}),
        ("/home/Street Name", {"title": "Street Name", "type": "string"}),
        ("/pet/tricks/1", {"type": "string"}),
        ("/pet2/color", {"default": "red", "enum": ["red", "black"], "title": "Color", "type": "string"}),
        ("/contact/number", {"title": "Number", "type": "integer"}),
        ("/contact/since", {"title": "Since", "type": "integer"}),
        ("/pair/0", {"type": "integer"}),
        ("/pair/1/amount", AMOUNT),
        ("/film/year", {"title": "Year", "type": "integer"}),
        ("/kids/0/pet/lives", {"title": "Lives", "type": "integer"}),
        ("/kids/0/kids", {"default": [], "items": {"$ref": "#/$defs/Order"}, "title": "Kids", "type": "array"}),
        # What cannot be told.
        ("/free/x", None),
        ("/free/x/y", None),
        ("/other", None),
        ("/pet/lives", None),
        ("/lines/3", None),
        ("/lines/-", None),
        ("/lines/02", None),
        ("/lines/²", None),
        ("/lines/99999999999999999999", None),
        ("/pair/2", None),
        ("/number/x", None),
        ("/kids/0/home/zip", None),
        ("no pointer", None),
    ],
)
def test_schema_at(pointer: str, expected: dict[str, Any] | None) -> None:
    """The schema of a place is found through references, lists, maps, and unions that the value decides."""
    assert schema_at({"$ref": "#/$defs/Order", **schema_of(Order)}, DATA, pointer) == expected


def test_the_schema_of_the_root() -> None:
    """The root's schema is the schema without its definitions."""
    assert schema_at(schema_of(list[Line]), [], "") == {"items": {"$ref": "#/$defs/Line"}, "type": "array"}


A, B = {"type": "integer"}, {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "data", "pointer", "expected"),
    [
        ({"allOf": [{"properties": {"a": A}}]}, {}, "/a", A),
        ({"allOf": [{"properties": {"a": A}}, {"properties": {"b": B}}]}, {}, "/b", B),
        ({"allOf": [{"properties": {"a": A}}, {"properties": {"a": B}}]}, {}, "/a", {"allOf": [A, B]}),
        ({"$ref": "#/$defs/D", "properties": {"b": B}, "$defs": {"D": {"properties": {"a": A}}}}, {}, "/a", A),
        ({"$ref": "#/$defs/D", "properties": {"b": B}, "$defs": {"D": {"properties": {"a": A}}}}, {}, "/b", B),
        ({"properties": {"a": True}}, {}, "/a", {}),
        ({"properties": {"a": False}}, {}, "/a", None),
        ({"additionalProperties": A}, {}, "/x", A),
        ({"additionalProperties": False, "properties": {"a": A}}, {"x": 1}, "/x", None),
        ({"patternProperties": {"^x": A, "^y": B}}, {}, "/y", B),
        ({"patternProperties": {"^x": A, "y$": B}}, {}, "/xy", None),
        ({"patternProperties": {"^x": A}, "additionalProperties": B}, {}, "/y", B),
        ({"patternProperties": {"^(?=x)": A}, "additionalProperties": B}, {}, "/y", None),
        ({"patternProperties": {"^(a+)+$": A}}, {}, "/" + "a" * 40, A),
        ({"items": [A, B]}, [1, 2], "/1", B),
        ({"items": [A], "additionalItems": B}, [1, 2], "/1", B),
        ({"prefixItems": [A], "items": False}, [1, 2], "/1", None),
        ({"type": ["object", "null"], "properties": {"a": A}}, {}, "/a", A),
        ({"oneOf": [{"items": A}, {"additionalProperties": B}]}, [1], "/0", A),
        ({"oneOf": [{"items": A}, {"additionalProperties": B}]}, {"0": 1}, "/0", B),
        ({"oneOf": [{"items": A}, {"items": B}]}, [1], "/0", None),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": A}}, {}, "/a", A),
        ({"anyOf": [{"enum": [{"a": 1}]}, {"properties": {"a": A}}]}, {"a": 1}, "/a", A),
        ({"anyOf": [{"$ref": "#/$defs/D"}], "$defs": {"D": {"$ref": "#/$defs/D"}}}, {}, "/a", None),
        ({"anyOf": [{"$ref": "#/$defs/D"}], "$defs": {"D": {"anyOf": [{"$ref": "#/$defs/D"}] * 3}}}, {}, "/a", None),
        ({"anyOf": [{"properties": {"a": {"const": n}}} for n in range(300)]}, {"a": 7}, "/a", None),
        ({"anyOf": [{"properties": {"k": {"const": n}, "a": A}} for n in range(200)]}, {"k": 7}, "/a", A),
        ({"$ref": "#/$defs/None"}, {}, "/a", None),
        ({"$ref": "elsewhere"}, {}, "/a", None),
    ],
)
def test_schema_at_in_raw_schemas(schema: dict[str, Any], data: Any, pointer: str, expected: Any) -> None:
    """All that holds of a place is found, or nothing is said about it."""
    assert schema_at(schema, data, pointer) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"kind": "a", "x": "?"}, A),
        ({"kind": "b", "x": "?"}, B),
        ({"kind": "b", "x": "?", "color": "?"}, B),
        ({"kind": "?", "x": "?"}, None),
        ({"kind": {"a": 1}, "x": "?"}, None),
        ({"x": "?"}, None),
    ],
)
def test_constants_tell_members_apart(data: Any, expected: Any) -> None:
    """A union's member is known by its constants; where another constant is wrong, by those that tell them apart."""
    kind = {"$ref": "#/$defs/Kind"}
    members = [
        {"properties": {"kind": {"const": "a"}, "x": A}},
        {"properties": {"kind": kind, "x": B, "color": {"enum": ["red"]}}},
    ]
    schema = {"oneOf": members, "$defs": {"Kind": {"enum": ["b", "c"]}}}
    assert schema_at(schema, data, "/x") == expected


# ----------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    ("pointers", "expected"),
    [
        (["/lines/0/amount", "/number"], ["/lines/0/amount", "/number"]),
        (["/lines/0/amount", "/lines/0", "/lines/0/name"], ["/lines/0"]),
        (["/lines/9/amount", "/lines/0/amount"], ["/lines"]),
        (["/kids/0/home/zip"], ["/kids/0/home"]),
        (["/free/x/y"], ["/free"]),
        (["/pet/lives"], ["/pet"]),
        (["/contact/number"], ["/contact/number"]),
        (["/contact/number", "/contact/address"], ["/contact"]),
        (["/contact/number", "/contact/since"], ["/contact/number", "/contact/since"]),
        (["/pet2/lives", "/pet2/tricks"], ["/pet2"]),
        (["/lines/2/name", "/lines/2/amount"], ["/lines/2/name", "/lines/2/amount"]),
        (["/lines/2/name", "/lines/2/amount", "/lines/2/note"], ["/lines/2"]),
        (["/other"], []),
        (["/number", ""], []),
        ([], []),
    ],
)
def test_what_is_asked_for(pointers: list[str], expected: list[str]) -> None:
    """A place is asked for itself if it can be told what stands there, else the nearest above it that can."""
    assert asked(scope(schema_of(Order), DATA, pointers)) == expected


def test_a_scoped_schema() -> None:
    """A scoped schema is a closed object with the schemas of the places, and the definitions that these need."""
    found = scope(schema_of(Order), DATA, ["/lines/2/amount", "/by_name/a~1b", "/kids/0/home"])
    assert found is not None
    assert found.places == (
        Place(pointer="/lines/2/amount", name="lines_2_amount"),
        Place(pointer="/by_name/a~1b", name="by_name_a_b", optional=True),
        Place(pointer="/kids/0/home", name="kids_0_home", optional=True, nullable=True),
    )
    home = {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}], "default": None, "description": "kids[0].home"}
    defs = schema_of(Order)["$defs"]
    assert found.schema == {
        "type": "object",
        "properties": {
            "lines_2_amount": {**AMOUNT, "description": "lines[2].amount: With tax"},
            "by_name_a_b": {"anyOf": [{"$ref": "#/$defs/Line"}, {"type": "null"}], "description": 'by_name["a/b"]'},
            "kids_0_home": home,
        },
        "required": ["lines_2_amount", "by_name_a_b", "kids_0_home"],
        "additionalProperties": False,
        "$defs": {"Address": defs["Address"], "Line": defs["Line"]},
    }


@pytest.mark.parametrize(
    ("key", "name", "where"),
    [
        ("a b", "a_b", '["a b"]'),
        ("3", "item_3", '["3"]'),
        ("é", "value", "é"),
        ("_x_", "x", "_x_"),
        ("", "value", '[""]'),
        ("a" * 70, "a" * 64, "a" * 70),
        ("9" * 70, "item_" + "9" * 59, '["' + "9" * 70 + '"]'),
        ("x" * 90, "x" * 64, '["' + "x" * 80 + '…"]'),
    ],
)
def test_names(key: str, name: str, where: str) -> None:
    """A place's name is made of what an endpoint takes; its description says where it is."""
    found = scope({"additionalProperties": A}, {}, ["/" + key])
    assert found is not None
    assert found.places[0].name == name
    assert found.schema["properties"][name]["description"] == where


def test_names_are_unique() -> None:
    """Places that would have the same name have different ones."""
    found = scope(
        {"additionalProperties": A}, {}, [f"/a{sign}b" for sign in " -_.+"] + ["/" + "x" * n for n in (70, 80)]
    )
    assert found is not None
    names = [place.name for place in found.places]
    assert names == ["a_b", "a_b_2", "a_b_3", "a_b_4", "a_b_5", "x" * 64, "x" * 62 + "_2"]


def test_many_places() -> None:
    """With too many places, the lists and objects that they stand in are asked for."""
    schema = schema_of(Order)
    data = {**DATA, "lines": [LINE] * 100_000}
    pointers = ["/pet/tricks/1", *(f"/lines/{number}/amount" for number in range(MOST))]
    assert asked(scope(schema, data, pointers)) == ["/pet/tricks/1", "/lines"]
    assert len(asked(scope(schema, data, pointers[1:]))) == MOST
    assert asked(scope(schema, data, pointers, appended={"/lines": 100_000}))[1] == "/lines"
    assert len(asked(scope(schema, data, pointers, appended={"/lines": 100_000}))) == MOST + 2


def test_many_places_at_the_root() -> None:
    """Of a root, the members are asked for as long as they are not too many."""
    schema = {"additionalProperties": A}
    assert len(asked(scope(schema, {}, [f"/{n}" for n in range(MOST_AT_LAST)]))) == MOST_AT_LAST
    assert scope(schema, {}, [f"/{n}" for n in range(MOST_AT_LAST + 1)]) is None


def test_most_of_the_root() -> None:
    """Of a root, the members are asked for, however many of them."""
    assert asked(scope(schema_of(Line), {}, ["/name", "/amount", "/note", "/size"])) == [
        *("/name", "/amount", "/note", "/size")
    ]


def test_deep_values() -> None:
    """A place may be deep, in the value and in a recursive schema."""
    data: dict[str, Any] = {"number": 5}
    for _ in range(200):
        data = {"number": "x", "kids": [data]}
    pointer = "/kids/0" * 200 + "/number"
    found = scope(schema_of(Order), data, [pointer])
    assert found is not None
    assert asked(found) == [pointer]
    assert re.fullmatch("[a-z][A-Za-z0-9_]{0,63}", found.places[0].name)
    new = merged(data, found, {found.places[0].name: "new"})
    assert scope(schema_of(Order), new, [pointer]) == found
    assert json.dumps(new) == json.dumps(data).replace("5", '"new"')


# ------------------------------------------------------------------------------------- what goes on


@pytest.mark.parametrize(
    ("schema", "data", "expected"),
    [
        (
            {"type": "array", "items": A, "minItems": 5, "maxItems": 9, "uniqueItems": True, "default": []},
            [1, 2, 3],
            {"type": "array", "items": A, "minItems": 2, "maxItems": 6, "uniqueItems": True},
        ),
        (
            {"type": "array", "items": A, "minItems": 1, "maxItems": 2},
            [1, 2, 3],
            {"type": "array", "items": A, "minItems": 0, "maxItems": 0},
        ),
        (
            {"prefixItems": [A, A, A, B], "items": False, "contains": {"const": 1}},
            [1, 2, 3],
            {"type": "array", "prefixItems": [B], "items": False},
        ),
        ({"type": ["array", "null"], "items": A, "title": "T"}, [1, 2, 3], {"type": "array", "items": A, "title": "T"}),
        ({"anyOf": [{"items": A}, {"type": "null"}]}, [1, 2, 3], {"type": "array", "items": A}),
        ({"allOf": [{"items": A}, {"maxItems": 4}]}, [1, 2, 3], {"type": "array", "items": A, "maxItems": 1}),
        ({"$ref": "#/$defs/D", "title": "T"}, [1, 2, 3], {"type": "array", "items": A, "title": "T"}),
        (
            {"additionalProperties": A, "minProperties": 4, "maxProperties": 5},
            {"a": 1, "b": 2, "c": 3},
            {"type": "object", "additionalProperties": A, "minProperties": 1, "maxProperties": 2},
        ),
        (
            {"properties": {"a": A, "z": B}, "required": ["a", "z"], "additionalProperties": A},
            {"a": 1, "b": 2, "c": 3},
            {"type": "object", "properties": {"z": B}, "required": ["z"], "additionalProperties": A},
        ),
        (True, [1, 2, 3], {"type": "array"}),
    ],
)
def test_what_goes_on(schema: Any, data: Any, expected: dict[str, Any]) -> None:
    """Of a list or a map that goes on, what follows is asked for, as much of it as is still wanted."""
    whole = {"properties": {"x": schema}, "$defs": {"D": {"items": A}}}
    found = scope(whole, {"x": data}, ["/x"], appended={"/x": 3})
    assert found is not None
    assert found.places == (Place(pointer="/x", name="x", append=True),)
    kind = "items" if isinstance(data, list) else "entries"
    assert found.schema["properties"]["x"] == {**expected, "description": f"x: The {kind} after the first 3"}
    assert found.schema["required"] == ["x"]


def test_a_list_that_goes_on_beside_others() -> None:
    """A list that goes on is no place that its wrong items are inside of, but one that is asked for is."""
    schema = schema_of(Order)
    found = scope(schema, DATA, ["/lines/2/amount", "/kids"], appended={"/lines": 3, "/kids/0/lines": 1})
    assert found is not None
    assert [(place.pointer, place.append) for place in found.places] == [
        ("/lines", True),
        ("/lines/2/amount", False),
        ("/kids", False),
    ]
    lines = found.schema["properties"]["lines"]
    assert (lines["minItems"], lines["maxItems"]) == (0, 6)
    assert lines["description"] == "lines: All of them (the items after the first 3)"


@pytest.mark.parametrize("pointer", ["/number", "/home/zip", "/film"])
def test_what_cannot_go_on(pointer: str) -> None:
    """What is no list or map, or is not there, is asked for itself."""
    found = scope(schema_of(Order), {"number": "x", "home": {"zip": 1}}, [], appended={pointer: 1})
    assert found is not None
    assert [(place.pointer, place.append) for place in found.places] == [(pointer, False)]


def test_the_rest_of_the_root() -> None:
    """A list that is the whole value goes on, too."""
    found = scope(schema_of(list[Line]), [LINE, {"name": "b"}], ["/1/amount"], appended={"": 2})
    assert found is not None
    assert found.places == (
        Place(pointer="", name="items", append=True),
        Place(pointer="/1/amount", name="item_1_amount"),
    )
    assert found.schema["properties"]["items"]["description"] == "The items after the first 2"
    answer = {"items": [LINE], "item_1_amount": 2}
    assert merged([LINE, {"name": "b"}], found, answer) == [LINE, {"name": "b", "amount": 2}, LINE]


def test_most_of_an_object_that_goes_on() -> None:
    """An object is not asked for again as a whole where a list in it goes on."""
    data = {"kids": [{"lines": [LINE]}, {}]}
    missing = [f"/kids/0/{key}" for key in ("number", "by_name", "home", "pet", "contact", "pair", "film", "kids")]
    found = scope(schema_of(Order), data, missing, appended={"/kids/0/lines": 1})
    assert asked(found) == [*missing, "/kids/0/lines"]
    assert asked(scope(schema_of(Order), data, missing)) == ["/kids/0"]


# ------------------------------------------------------------------------------------ and the way back


def placed(*places: Place, schema: Any = True) -> Scope:
    """A scope with these places, each with the same schema."""
    return Scope(places=places, schema={"properties": {place.name: schema for place in places}})


def place(pointer: str, *, optional: bool = False, append: bool = False) -> Place:
    """A place that is named `x`."""
    return Place(pointer=pointer, name="x", optional=optional, append=append)


@pytest.mark.parametrize(
    ("data", "where", "answer", "expected"),
    [
        ({"a": 1}, place("/a"), {"x": 2}, {"a": 2}),
        ({"a": 1}, place("/a"), {}, {"a": 1}),
        ({"a": 1}, place("/a"), {"x": None}, {"a": None}),
        ({"a": 1}, place("/a", optional=True), {"x": None}, {}),
        ({"a": 1, "b": 2}, place("/a", optional=True), {}, {"a": 1, "b": 2}),
        ({}, place("/a", optional=True), {}, {}),
        ({}, place("/a/b", optional=True), {}, {}),
        ({}, place("/a/b"), {"x": 1}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, place("/a/1"), {"x": 5}, {"a": [1, 5]}),
        ({"a": [1, 2]}, place("/a/2"), {"x": 5}, {"a": [1, 2]}),
        ({"a": [1, 2]}, place("/a/1", optional=True), {}, {"a": [1, 2]}),
        ({"a": 1}, place("/a/b"), {"x": 5}, {"a": 1}),
        ({"a": None}, place("/a/b/c"), {"x": 5}, {"a": None}),
        ({"a": [1]}, place("/a/7/b"), {"x": 5}, {"a": [1]}),
        ({"a": [1]}, place("/a/b"), {"x": 5}, {"a": [1]}),
        ({"x~/y": 1}, place("/x~0~1y"), {"x": 5}, {"x~/y": 5}),
        ({"a": [1]}, place("/a", append=True), {"x": [2, 3]}, {"a": [1, 2, 3]}),
        ({"a": [1]}, place("/a", append=True), {"x": None}, {"a": [1]}),
        ({"a": [1]}, place("/a", append=True), {}, {"a": [1]}),
        ({"a": [1]}, place("/a", append=True), {"x": {"b": 1}}, {"a": [1]}),
        ({}, place("/a", append=True), {"x": [2]}, {"a": [2]}),
        ({"a": {"k": 1}}, place("/a", append=True), {"x": {"k": 5, "l": 2}}, {"a": {"k": 1, "l": 2}}),
        ([1], place("", append=True), {"x": [2]}, [1, 2]),
        ([1], place("/0"), {"x": 2}, [2]),
        (1, place("/a"), {"x": 2}, 1),
    ],
)
def test_merged(data: Any, where: Place, answer: dict[str, Any], expected: Any) -> None:
    """An answer is put in its place, or taken for no answer, or passed over where it cannot be."""
    before = copy.deepcopy(data)
    assert merged(data, placed(where, schema={"type": ["integer", "array", "object"]}), answer) == expected
    assert data == before


@pytest.mark.parametrize("schema", [True, {}, {"type": ["null", "string"]}, {"anyOf": [A, {"const": None}]}])
def test_a_null_that_is_a_value(schema: Any) -> None:
    """Null for an optional place stays, where its schema has it."""
    found = scope({"type": "object", "properties": {"a": schema}}, {"a": 1}, ["/a"])
    assert found is not None
    assert merged({"a": 1}, found, {"a": None}) == {"a": None}


def test_only_what_changes_is_copied() -> None:
    """What does not change is the same object as before."""
    data = {"lines": [dict(LINE) for _ in range(1_000)], "other": {"x": 1}}
    places = [Place(pointer=f"/lines/{number}/amount", name=f"x{number}") for number in range(0, 50, 10)]
    result = merged(data, placed(*places), {each.name: 5 for each in places})
    same = [one is other for one, other in zip(result["lines"], data["lines"], strict=True)]
    assert (same.count(False), result["other"] is data["other"]) == (5, True)
    assert data["lines"] == [LINE] * 1_000
    assert result["lines"][40] == {**LINE, "amount": 5}


# --------------------------------------------------------------------------------------------- the laws

text = st.text("ab/~ é", max_size=3)
integers = st.integers(-5, 5)
lines: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": text, "amount": st.integers(0, 5)}, optional={"note": text, "size": st.none() | integers}
)
cats = st.fixed_dictionaries({"kind": st.just("cat"), "lives": integers})
dogs = st.fixed_dictionaries({"kind": st.just("dog"), "tricks": st.lists(text, max_size=2)})
contacts = st.fixed_dictionaries({"number": integers, "since": integers}) | (
    st.fixed_dictionaries({"address": text, "since": integers})
)
orders: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries(
        {"number": text, "lines": st.lists(lines, min_size=2, max_size=3), "pet": cats | dogs},
        optional={
            "by_name": st.dictionaries(text, lines, max_size=2),
            "home": st.fixed_dictionaries({"Street Name": text, "zip": text}),
            "pet2": st.none() | cats | dogs,
            "contact": contacts,
            "pair": st.tuples(integers, lines).map(list),
            "film": st.fixed_dictionaries({"title": text}, optional={"year": integers}),
            "kids": st.lists(orders, max_size=1),
        },
    )
)
CASES: Mapping[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "Order": (Order, orders),
    "list": (list[Order], st.lists(orders, min_size=1, max_size=2)),
    "map": (dict[str, Line], st.dictionaries(text, lines, min_size=1, max_size=3)),
}


def pointers_of(value: Any, pointer: str = "") -> Iterator[str]:
    """The pointers of all that is in a value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        there = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
        yield there
        yield from pointers_of(member, there)


def at(value: Any, pointer: str) -> Any:
    """What stands at a pointer."""
    for step in pointer.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step.replace("~1", "/").replace("~0", "~")]
    return value


def told(value: Any) -> Any:
    """A value without its nulls: what may be left out and may be null comes back as null."""
    if isinstance(value, dict):
        return {key: told(member) for key, member in value.items() if member is not None}
    return [told(item) for item in value] if isinstance(value, list) else value


@st.composite
def scoped(draw: st.DrawFn, case: str) -> tuple[Any, Scope]:
    """A valid value, and a scope of some of its places."""
    wanted, values = CASES[case]
    value = draw(values)
    pointers = list(pointers_of(value))
    chosen = draw(st.lists(st.sampled_from(pointers), min_size=1, max_size=6))
    found = scope(schema_of(wanted), value, chosen)
    assert found is not None
    for pointer in chosen:
        assert any(pointer == each.pointer or pointer.startswith(each.pointer + "/") for each in found.places)
    return value, found


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60)
@given(data=st.data())
def test_scopes_accept_what_stands_there(case: str, data: st.DataObject) -> None:
    """A scoped schema is valid, and accepts at its places what stands there, and exactly what the target accepts."""
    value, found = data.draw(scoped(case))
    jsonschema_rs.meta.validate(found.schema)
    answer = {each.name: at(value, each.pointer) for each in found.places}
    validator = jsonschema_rs.validator_for(found.schema)
    assert [error.message for error in validator.iter_errors(answer)] == []
    assert not validator.is_valid({**answer, "more": 1})
    whole = jsonschema_rs.validator_for(schema_of(CASES[case][0]))
    others: list[Any] = [None, 5, "x", [], {}, {"kind": "dog"}, [{}]]
    for each in found.places:
        for other in others:
            changed = {**answer, each.name: other}
            if each.optional and other is None:  # this says that it is not there
                continue
            assert whole.is_valid(merged(value, found, changed)) == validator.is_valid(changed)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60)
@given(data=st.data())
def test_answers_are_put_in_their_places(case: str, data: st.DataObject) -> None:
    """What is answered stands at its place, all else is as it was, and its own values change nothing."""
    value, found = data.draw(scoped(case))
    own = {each.name: at(value, each.pointer) for each in found.places}
    assert merged(value, found, own) == value
    new = {each.name: f"new {each.name}" for each in found.places}
    result = merged(value, found, new)
    assert {each.name: at(result, each.pointer) for each in found.places} == new
    assert merged(result, found, own) == value


@pytest.mark.parametrize("dialect", ["openai", "evolink", "anthropic", "llama.cpp"])
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=8)
@given(data=st.data())
def test_scopes_can_be_asked_for(case: str, dialect: str, data: st.DataObject) -> None:
    """A scoped schema is a target like any other: its values are written for the wire and come back."""
    value, found = data.draw(scoped(case))
    adapted = adapt(found.schema, dialect)
    assert adapted.strict or dialect == "anthropic"  # which takes no more than 24 optional properties
    answer = {each.name: at(value, each.pointer) for each in found.places}
    assert told(merged(value, found, adapted.restore(adapted.to_wire(answer)))) == told(value)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60)
@given(
    value=st.recursive(
        st.none() | integers | text | st.just("dog"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*Order.model_fields, "kind", "name"]), inner, max_size=4)
        ),
        max_leaves=20,
    ),
    pointers=st.lists(st.lists(st.sampled_from([*Order.model_fields, "0", "1", "name"]), max_size=4), max_size=5),
    data=st.data(),
)
def test_nothing_is_ever_raised(case: str, value: Any, pointers: list[list[str]], data: st.DataObject) -> None:
    """Whatever a value is, and wherever a pointer leads, there is a scope or none, and the answers are taken."""
    written = ["".join("/" + step for step in steps) for steps in pointers]
    there = data.draw(st.lists(st.sampled_from(list(pointers_of(value)) or [""]), max_size=3))
    following = dict.fromkeys(data.draw(st.lists(st.sampled_from([*written, *there, ""]), max_size=2)), 1)
    found = scope(schema_of(CASES[case][0]), value, [*written, *there], appended=following)
    if found is not None:
        jsonschema_rs.meta.validate(found.schema)
        merged(value, found, {each.name: data.draw(st.none() | st.just([1]) | st.just({})) for each in found.places})
