"""From a schema to the form of it."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from pydantic import BaseModel, Field, TypeAdapter

from extractor.review.empties import Node, all_of
from extractor.review.form import Form, form_of
from extractor.review.naming import readable
from extractor.review.places import nodes_at
from extractor.schema.ready import ready_names, ready_schema
from extractor.schema.target import target_of


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    name: str


class Tree(BaseModel):
    """What has more of its kind inside."""

    label: str
    kids: list[Tree] = []


class Line(BaseModel):
    """A line."""

    unit_price: Decimal
    day: datetime.date


class Order(BaseModel):
    """All kinds of fields."""

    number: str = Field(description="As it is printed")
    lines: list[Line] = Field(min_length=1, max_length=9)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    tree: Tree
    customer: Line | None = None
    currency: Literal["EUR", "USD"] = "EUR"
    counts: dict[str, int] = {}
    pair: tuple[int, str]
    whatever: Any = None
    either: int | list[str] = 3
    paid: bool | None = None
    share: Annotated[float, Field(ge=0, le=1)]
    remark: str | None = Field(None, description="Free text")
    long: str = Field("", max_length=2_000)


def _order() -> Form:
    return form_of(Order.model_json_schema())


def _at(form: Form, pointer: str) -> Node:
    (found,) = nodes_at(form, pointer)
    return found


@pytest.mark.parametrize(
    ("pointer", "kind"),
    [
        ("", "object"),
        ("/number", "text"),
        ("/lines", "list"),
        ("/lines/0/unit_price", "number"),
        ("/lines/7/day", "date"),
        ("/tree/kids/3/kids/0/label", "text"),
        ("/customer/unit_price", "number"),
        ("/currency", "choice"),
        ("/counts/any", "integer"),
        ("/pair/1", "text"),
        ("/whatever", "anything"),
        ("/paid", "boolean"),
        ("/pet/lives", "integer"),
    ],
)
def test_every_place_has_a_node(pointer: str, kind: str) -> None:
    """A place of a value leads to the node of its kind, through lists, references and unions."""
    assert _at(_order(), pointer)["kind"] == kind


def test_a_place_that_is_not_there_has_no_node() -> None:
    """What the schema does not name has no node."""
    form = _order()
    assert nodes_at(form, "/nothing") == []
    assert nodes_at(form, "/lines/x") == []
    assert nodes_at(form, "/pair/7") == []


def test_a_form_says_what_a_schema_says() -> None:
    """Titles, descriptions, bounds and what may be missing are those of the schema."""
    form = _order()
    members = {each["name"]: each for each in form["root"]["members"]}
    assert members["number"]["required"]
    assert not members["customer"]["required"]
    assert members["number"]["node"]["help"] == "As it is printed"
    assert members["customer"]["node"]["title"] == "Customer"
    assert members["customer"]["node"]["nullable"]
    assert (members["lines"]["node"]["least"], members["lines"]["node"]["most"]) == (1, 9)
    assert (members["share"]["node"]["least"], members["share"]["node"]["most"]) == (0, 1)
    assert members["remark"]["node"]["multiline"]
    assert members["long"]["node"]["multiline"]
    assert not members["number"]["node"]["multiline"]
    assert _at(form, "/lines/0/unit_price")["title"] == "Unit price"
    assert [each["value"] for each in members["currency"]["node"]["options"]] == ["EUR", "USD"]


def test_a_union_says_what_tells_its_branches_apart() -> None:
    """A union has its branches by name, and the member that tells which one it is."""
    pet = next(each["node"] for each in _order()["root"]["members"] if each["name"] == "pet")
    assert pet["kind"] == "union"
    assert pet["discriminator"] == "kind"
    assert [each["title"] for each in pet["branches"]] == ["Cat", "Dog"]
    assert pet["empty"] == {"kind": "cat", "lives": None}


def test_only_what_leads_back_to_itself_is_referred_to() -> None:
    """A definition is put in where it is used, but for one that is inside of itself."""
    form = _order()
    assert list(form["definitions"]) == ["Tree"]
    tree = next(each["node"] for each in form["root"]["members"] if each["name"] == "tree")
    assert (tree["kind"], tree["name"], tree["empty"]) == ("ref", "Tree", {"label": ""})


def test_a_new_value_has_what_is_required() -> None:
    """What a new value begins with has its required members, and as many items as there must be."""
    empty = _order()["root"]["empty"]
    assert empty == {
        "number": "",
        "lines": [{"unit_price": None, "day": None}],
        "pet": {"kind": "cat", "lives": None},
        "tree": {"label": ""},
        "pair": [None, ""],
        "share": None,
    }


@pytest.mark.parametrize("name", ready_names())
def test_the_ready_schemas_have_forms(name: str) -> None:
    """Every part of a ready schema has a field of its own."""
    form = form_of(target_of(name).schema)
    assert "anything" not in {node["kind"] for node in all_of(form["root"])}
    assert form["root"]["title"] == ready_schema(name)["title"]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (True, "anything"),
        ({}, "anything"),
        ({"type": "object"}, "map"),
        ({"type": "object", "additionalProperties": False}, "object"),
        ({"type": "object", "patternProperties": {"^a": {"type": "integer"}}}, "map"),
        ({"properties": {"a": {}}}, "object"),
        ({"type": ["integer", "null"]}, "integer"),
        ({"type": ["integer", "number"]}, "number"),
        ({"type": ["string", "integer"]}, "union"),
        ({"const": 3}, "constant"),
        ({"enum": [1, "1"]}, "choice"),
        ({"enum": [{"a": 1}, 2]}, "anything"),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, "choice"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "text"),
        ({"anyOf": [{"anyOf": [{"type": "null"}, {"type": "integer"}]}, {"type": "boolean"}]}, "union"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "text"),
        ({"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "object"),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False, "minItems": 1}, "tuple"),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, "anything"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "duration"}, "duration"),
        ({"$ref": "#/$defs/nowhere"}, "anything"),
        ({"type": "strange"}, "anything"),
        ({"type": 7, "enum": 3, "properties": []}, "anything"),
        ({"anyOf": "x", "allOf": 3}, "anything"),
        ({"type": "object", "properties": 3, "required": "x", "patternProperties": 4}, "object"),
    ],
)
def test_whatever_a_schema_says_has_a_node(schema: Any, kind: str) -> None:
    """Whatever a schema says there is a node of it, also of what is not understood."""
    form = form_of({"type": "object", "properties": {"it": schema}, "required": ["it"]})
    assert form["root"]["members"][0]["node"]["kind"] == kind


def test_a_form_has_an_end() -> None:
    """Definitions that are used very often, and very deep ones, do not make a form endless."""
    definitions: dict[str, Any] = {
        f"d{n}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{n + 1}"} for name in "abcd"}}
        for n in range(30)
    }
    form = form_of({"$ref": "#/$defs/d0", "$defs": {**definitions, "d30": {"type": "string"}}})
    assert sum(1 for each in (form["root"], *form["definitions"].values()) for _ in all_of(each)) < 5_000
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(140):
        deep = {"type": "array", "items": deep}
    assert form_of(deep)["root"]["kind"] == "list"


def test_names_are_made_readable() -> None:
    """Names become words, and what is in capitals stays so."""
    assert [readable(each) for each in ("unit_price", "unitPrice", "VAT-id", "größe", "_", "x1")] == [
        "Unit price",
        "Unit price",
        "VAT id",
        "Größe",
        "_",
        "X1",
    ]


# --------------------------------------------------------------------------------------------------- the law

_SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"type": ["integer", "string"]},
        {"enum": ["a", "b", None]},
        {"const": "x"},
        {"$ref": "#/$defs/Leaf"},
        {},
    ]
)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(
            lambda properties, required: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:required],
                "additionalProperties": False,
            },
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.integers(0, 2),
        ),
        st.builds(lambda items: {"type": "array", "items": items, "maxItems": 3}, inner),
        st.builds(lambda value: {"type": "object", "additionalProperties": value, "maxProperties": 2}, inner),
        st.builds(lambda members: {"anyOf": members}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda items: {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)},
            st.lists(inner, min_size=1, max_size=2),
        ),
    )


_LEAF = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["label"],
    "additionalProperties": False,
}  # what leads back to itself, no values can be drawn of


def _has_place(form: Form, node: Node | None, value: Any) -> bool:
    """Whether a value can be shown in a node."""
    if node is None:  # of a member that an alternative does not have
        return False
    if node["kind"] == "ref":
        return _has_place(form, form["definitions"][node["name"]], value)
    if node["kind"] == "anything" or (value is None and node["nullable"]):
        return True
    if node["kind"] == "union":
        return any(_has_place(form, each["node"], value) for each in node["branches"])
    if node["kind"] in ("constant", "choice"):
        options = [node["value"]] if node["kind"] == "constant" else [each["value"] for each in node["options"]]
        return value in options
    if node["kind"] == "object":
        own = {each["name"]: each["node"] for each in node["members"]}
        return isinstance(value, dict) and all(
            _has_place(form, own.get(key) or node["more"], each) for key, each in value.items()
        )
    if node["kind"] == "map":
        return isinstance(value, dict) and all(_has_place(form, node["value"], each) for each in value.values())
    if node["kind"] == "list":
        return isinstance(value, list) and all(_has_place(form, node["item"], each) for each in value)
    if node["kind"] == "tuple":
        return (
            isinstance(value, list)
            and len(value) == len(node["items"])
            and all(_has_place(form, own, each) for own, each in zip(node["items"], value, strict=True))
        )
    kinds: dict[str, type | tuple[type, ...]] = {
        "text": str,
        "boolean": bool,
        "integer": (int, float),
        "number": (int, float),
    }
    return isinstance(value, kinds[node["kind"]])


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(schema=st.recursive(_SCALARS, _compound, max_leaves=6), data=st.data())
def test_every_valid_value_has_a_place(schema: Any, data: st.DataObject) -> None:
    """Whatever is valid by a schema can be shown in its form, and what a new one begins with, too."""
    whole = {**schema, "$defs": {"Leaf": _LEAF}}
    form = form_of(whole)
    value = data.draw(from_schema(whole))
    assert _has_place(form, form["root"], value)


@settings(max_examples=100)
@given(
    schema=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from("type properties items anyOf allOf $ref enum const required title default".split())
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_schema_is_an_error(schema: Any) -> None:
    """Whatever stands where a schema should, a form is made of it."""
    form = form_of({"type": "object", "properties": {"it": schema}})
    assert all("empty" in node for node in all_of(form["root"]))


def test_a_type_that_is_no_model_has_a_form() -> None:
    """A list of numbers has a form, too."""
    assert form_of(TypeAdapter(list[int]).json_schema())["root"]["item"]["kind"] == "integer"


@pytest.mark.parametrize("length", [1, 2, 3_000])
def test_all_of_that_leads_far_or_back_takes_anything(length: int) -> None:
    """A definition that leads to itself within `allOf`, or to very many others, takes anything."""
    chain = {f"D{at}": {"allOf": [{"$ref": f"#/$defs/D{(at + 1) % length}"}]} for at in range(length)}
    form = form_of({"$ref": "#/$defs/D0", "$defs": chain})
    assert {node["kind"] for node in form["definitions"].values()} == {"anything"}
