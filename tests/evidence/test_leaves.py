"""The scalars of a value, with what the schema says of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.leaves import leaves, left_out
from extractor.schema.marks import MARK
from extractor.schema.pointers import value_at

SCHEMA: dict[str, Any] = {
    "$defs": {
        "Item": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "title": "Its name"},
                "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                "kind": {"enum": ["a", "b"]},
                "paid": {"type": "boolean"},
            },
        }
    },
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "sure": {"type": "object", MARK: "grounded", "properties": {"a": {"type": "string"}, "b": {MARK: "inferred"}}},
        "kind": {"enum": ["a"], MARK: "grounded"},
        "either": {"anyOf": [{"type": "string", MARK: "grounded"}, {"type": "integer"}]},
        "guess": {"allOf": [{"$ref": "#/$defs/Item"}], MARK: "inferred"},
    },
}


def test_order_and_pointers() -> None:
    """Every scalar comes in the order of the value, null too, with its pointer."""
    data = {"items": [{"name": "x", "day": None}], "a/b": {"~": [1, [2.5]]}, "none": [], "no": {}}
    assert [(leaf.pointer, leaf.value) for leaf in leaves(SCHEMA, data)] == [
        ("/items/0/name", "x"),
        ("/items/0/day", None),
        ("/a~1b/~0/0", 1),
        ("/a~1b/~0/1/0", 2.5),
    ]


def test_a_scalar_by_itself() -> None:
    """A scalar is its only leaf."""
    (leaf,) = leaves({"type": "string"}, "x")
    assert (leaf.pointer, leaf.value, leaf.schema) == ("", "x", {"type": "string"})


def test_schema_through_references_and_unions() -> None:
    """The node of a leaf is found through references, and the member of a union that fits."""
    name, day = leaves(SCHEMA, {"items": [{"name": "x", "day": "2024-01-01"}]})
    assert name.schema == {"type": "string", "title": "Its name"}
    assert day.schema == {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("data", "inferred", "grounded"),
    [
        ({"items": [{"name": "x"}]}, False, False),
        ({"items": [{"kind": "a"}]}, True, False),
        ({"items": [{"paid": True}]}, True, False),
        ({"sure": {"a": "x"}}, False, True),
        ({"sure": {"b": "x"}}, True, False),
        ({"kind": "a"}, False, True),
        ({"either": "x"}, False, True),
        ({"either": 5}, False, False),
        ({"guess": {"name": "x"}}, True, False),
        ({"unknown": "x"}, False, False),
    ],
)
def test_marks(data: Any, inferred: bool, grounded: bool) -> None:
    """The nearest mark says whether a leaf is inferred or must stand in the text; booleans and enums are inferred."""
    (leaf,) = leaves(SCHEMA, data)
    assert (leaf.inferred, leaf.grounded) == (inferred, grounded)


def test_schema_that_refers_to_itself() -> None:
    """A schema that is a circle has an end."""
    schema = {"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"}
    (leaf,) = leaves(schema, "x")
    assert leaf.schema == {}


def test_deep_values() -> None:
    """A value of any depth is walked through."""
    data: Any = 1
    for _ in range(5_000):
        data = [data]
    (leaf,) = leaves({}, data)
    assert leaf.value == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(
    VALUES, st.sampled_from([{}, True, False, SCHEMA, {"items": SCHEMA}, {"additionalProperties": {"type": "string"}}])
)
def test_every_leaf_stands_at_its_pointer(data: Any, schema: Any) -> None:
    """Whatever the schema is, a leaf is what stands at its pointer."""
    for leaf in leaves(schema, data):
        assert value_at(data, leaf.pointer) == leaf.value


def test_a_place_of_something_like_it_will_do() -> None:
    """What is marked as grounded nearly is grounded, and nearly."""
    schema = {MARK: "grounded_nearly", "properties": {"a": {"enum": ["x"]}, "b": {MARK: "grounded"}}}
    a, b = leaves(schema, {"a": "x", "b": "y"})
    assert (a.grounded, a.nearly, a.inferred) == (True, True, False)
    assert (b.grounded, b.nearly) == (True, False)


def test_what_is_left_out() -> None:
    """Members that the schema declares and an object does not have are named, those of items too."""
    data = {"items": [{"name": "x", "paid": None}, {"kind": "a", "more": 1}], "kind": "a", "guess": 3, "sure": None}
    assert list(left_out(SCHEMA, data)) == [
        "/either",
        *("/items/0/day", "/items/0/kind"),
        *("/items/1/name", "/items/1/day", "/items/1/paid"),
    ]


def test_what_is_left_out_of_one_of_several() -> None:
    """Where an object may be one of several, only what all declare is left out; constants tell them apart."""
    one = {"properties": {"kind": {"const": "one"}, "a": {}, "both~/": {}}}
    two = {"properties": {"kind": {"const": "two"}, "b": {}, "both~/": {}}}
    assert list(left_out({"anyOf": [one, two]}, {"kind": "two"})) == ["/b", "/both~0~1"]
    assert list(left_out({"anyOf": [one, two]}, {})) == ["/kind", "/both~0~1"]
    assert list(left_out({"anyOf": [one, {"type": "null"}]}, {"a": 1, "kind": "one"})) == ["/both~0~1"]
    assert list(left_out(True, {"a": 1})) == []


def test_what_is_left_out_is_bounded() -> None:
    """However much is left out, ten thousand are named."""
    schema: Any = {"items": {"properties": {str(number): {} for number in range(100)}}}
    assert sum(1 for _ in left_out(schema, [{}] * 1_000)) == 10_000
