"""`allOf` put together into one schema."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.schema.merge import merged


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        (True, {"type": "string"}, {"type": "string"}),
        ({"type": "string"}, True, {"type": "string"}),
        (True, True, True),
        (False, {"type": "string"}, False),
        ({}, False, False),
        ({"type": "number"}, {"type": "integer"}, {"type": "integer"}),
        ({"type": ["string", "null"]}, {"type": ["null", "integer"]}, {"type": "null"}),
        ({"type": ["string", "null"]}, {"type": ["null", "string"]}, {"type": ["string", "null"]}),
        ({"minimum": 1, "maximum": 9}, {"minimum": 2, "maximum": 8}, {"minimum": 2, "maximum": 8}),
        ({"minLength": 3}, {"maxLength": 5}, {"minLength": 3, "maxLength": 5}),
        (
            {"maxItems": 3, "uniqueItems": False},
            {"maxItems": 2, "uniqueItems": True},
            {"maxItems": 2, "uniqueItems": True},
        ),
        ({"enum": [1, 2, 3]}, {"enum": [3, 1]}, {"enum": [1, 3]}),
        ({"required": ["a"]}, {"required": ["b", "a"]}, {"required": ["a", "b"]}),
        ({"pattern": "^a"}, {"pattern": "b$"}, {"pattern": "^a", "allOf": [{"pattern": "b$"}]}),
        ({"pattern": "^a"}, {"pattern": "^a"}, {"pattern": "^a"}),
        ({"description": "outer"}, {"description": "inner"}, {"description": "outer"}),
        (
            {"properties": {"a": {"type": "number"}, "b": {}}},
            {"properties": {"c": {}, "a": {"type": "integer", "minimum": 1}}},
            {"properties": {"a": {"type": "integer", "minimum": 1}, "b": {}, "c": {}}},
        ),
        (
            {"items": {"minLength": 1}},
            {"items": {"maxLength": 2}},
            {"items": {"minLength": 1, "maxLength": 2}},
        ),
        ({"multipleOf": 4}, {"multipleOf": 6}, {"multipleOf": 12}),
        ({"multipleOf": 2}, {"multipleOf": 0.5}, {"multipleOf": 2, "allOf": [{"multipleOf": 0.5}]}),
        (
            {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
            {"properties": {"b": {"minimum": 1}}},
            {
                "properties": {"a": {}, "b": {"minimum": 1, "type": "integer"}},
                "additionalProperties": {"type": "integer"},
            },
        ),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"properties": {"b": {}}},
            {"properties": {"a": {}, "b": False}, "additionalProperties": False},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "integer"}]},
        ),
        (
            {"anyOf": [{"type": "string"}]},
            {"anyOf": [{"$ref": "#/$defs/A"}]},
            {"anyOf": [{"allOf": [{"type": "string"}, {"$ref": "#/$defs/A"}]}]},
        ),
        ({"anyOf": [False]}, {"anyOf": [{}]}, {"anyOf": [False]}),
        ({"enum": [1, True]}, {"enum": [True, 0]}, {"enum": [True]}),
        ({"type": "string"}, {"type": "integer"}, {"type": []}),
    ],
)
def test_merged(left: Any, right: Any, both: Any) -> None:
    """Two schemas become one that says both; what cannot be said at once stays in `allOf`."""
    assert merged(left, right) == both


def test_large_unions_are_not_multiplied_out() -> None:
    """Two unions of many members stay two: multiplied out they would be too much."""
    left, right = ({"anyOf": [{"minimum": number} for number in range(count)]} for count in (5, 4))
    assert merged(left, right) == {**left, "allOf": [right]}


def test_the_order_of_properties() -> None:
    """Properties of the first come first, in their order."""
    both = merged({"properties": {"b": {}, "a": {}}}, {"properties": {"c": {}, "a": {"type": "string"}}})
    assert list(both["properties"]) == ["b", "a", "c"]


def test_what_is_merged_stays_as_it_is() -> None:
    """Neither of the two is changed."""
    left, right = {"allOf": [{"minLength": 1}], "pattern": "a"}, {"pattern": "b", "allOf": [{"maxLength": 2}]}
    merged(left, right)
    assert left == {"allOf": [{"minLength": 1}], "pattern": "a"}
    assert right == {"pattern": "b", "allOf": [{"maxLength": 2}]}


small = st.integers(-3, 3)
schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "number", "string", ["integer", "string"], ["array", "null"]]),
        "minimum": small,
        "maximum": small,
        "exclusiveMinimum": small,
        "multipleOf": st.integers(1, 3),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "pattern": st.sampled_from(["a", "^b"]),
        "enum": st.lists(st.sampled_from([0, 1, "a", "ab", None]), min_size=1, unique=True),
        "required": st.lists(st.sampled_from(["x", "y"]), unique=True),
        "properties": st.dictionaries(
            st.sampled_from(["x", "y"]), st.sampled_from([{"type": "integer"}, {"minimum": 1}, False])
        ),
        "items": st.sampled_from([{"type": "integer"}, {"minimum": 1}, True]),
        "maxItems": st.integers(0, 3),
        "const": st.sampled_from([0, "a"]),
        "not": st.sampled_from([{"type": "string"}, {"const": 1}]),
    },
)
values = st.recursive(
    st.none() | small | st.floats(-3, 3) | st.sampled_from(["", "a", "ab", "ba", "bbbb"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y"]), inner),
    max_leaves=4,
)


@settings(max_examples=300)
@given(schemas, schemas, values)
def test_merged_accepts_what_both_accept(left: dict[str, Any], right: dict[str, Any], value: Any) -> None:
    """A value conforms to the merged schema exactly if it conforms to both."""
    both = merged(left, right)
    # How nothing at all is written is not merged's to say.
    nothing = both.get("type") == [] or both.get("enum") == []
    expected = not nothing and jsonschema_rs.is_valid(both, value)
    assert expected == (jsonschema_rs.is_valid(left, value) and jsonschema_rs.is_valid(right, value))
