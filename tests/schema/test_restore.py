"""Plans: the way from the wire back to the target's shape, and there."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.schema.restore import (
    AnyValue,
    Branches,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Plans,
    Wrapped,
    restorer,
    to_wire,
)


def restore(plan: Plan, value: Any, definitions: Plans) -> Any:
    """The value restored."""
    function = restorer(plan, definitions)
    return value if function is None else function(value)


def changes(plan: Plan, definitions: Plans) -> bool:
    """Whether there is anything to restore."""
    return restorer(plan, definitions) is not None


PAIRS = Pairs(plan=None)
TREE = Members(plans={"kids": Items(plan=Named(name="Tree"))}, absent=frozenset({"kids"}))
DEFINITIONS: dict[str, tuple[dict[str, Any], Plan]] = {"Tree": ({"type": "object"}, TREE)}
MAPPED, OPTIONAL = Members(plans={"v": PAIRS}, absent=frozenset()), Members(plans={}, absent=frozenset({"v"}))
UNION = Branches(
    branches=(
        ({"type": "string"}, None),
        ({"type": "object", "properties": {"k": {"enum": ["m"]}}, "required": ["k"]}, MAPPED),
        ({"type": "object", "properties": {"k": {"enum": ["n"]}}, "required": ["k"]}, OPTIONAL),
    )
)


def pair(key: Any, value: Any) -> dict[str, Any]:
    """One entry of a map on the wire."""
    return {"key": key, "value": value}


BOTH_WAYS: list[tuple[Plan, Any, Any]] = [
    (None, {"a": [1, None]}, {"a": [1, None]}),
    (Wrapped(plan=None), {"value": [1]}, [1]),
    (Wrapped(plan=PAIRS), {"value": [pair("a", 1)]}, {"a": 1}),
    (PAIRS, [pair("a", 1), pair("", None)], {"a": 1, "": None}),
    (PAIRS, [], {}),
    (Pairs(plan=PAIRS), [pair("a", [pair("b", 1)])], {"a": {"b": 1}}),
    (Members(plans={}, absent=frozenset({"a"})), {"b": None, "a": None}, {"b": None}),
    (Members(plans={"a": PAIRS}, absent=frozenset({"a"})), {"a": [pair("x", 1)]}, {"a": {"x": 1}}),
    (Items(plan=PAIRS), [[pair("a", 1)], []], [{"a": 1}, {}]),
    (Items(plan=None, first=(None, PAIRS)), [1, [pair("a", 1)]], [1, {"a": 1}]),
    (Items(plan=PAIRS, first=(None,)), [1, [pair("a", 1)]], [1, {"a": 1}]),
    (Named(name="Tree"), {"kids": [{"kids": None}, {"kids": []}]}, {"kids": [{}, {"kids": []}]}),
    (AnyValue(), {"entries": [pair("a", [{"entries": []}, 1])]}, {"a": [{}, 1]}),
    (AnyValue(), {"entries": [pair("entries", [])]}, {"entries": []}),
    (UNION, "x", "x"),
    (UNION, {"k": "m", "v": [pair("a", 1)]}, {"k": "m", "v": {"a": 1}}),
    (UNION, {"k": "n", "v": None}, {"k": "n"}),
]


@pytest.mark.parametrize(("plan", "wire", "value"), BOTH_WAYS)
def test_both_ways(plan: Plan, wire: Any, value: Any) -> None:
    """What is restored from the wire is what is written to it."""
    before = copy.deepcopy((wire, value))
    assert restore(plan, wire, DEFINITIONS) == value
    assert to_wire(plan, value, DEFINITIONS) == wire
    assert (wire, value) == before


@pytest.mark.parametrize(
    ("plan", "wire"),
    [
        (Wrapped(plan=PAIRS), [pair("a", 1)]),
        (Wrapped(plan=PAIRS), {"other": 1}),
        (PAIRS, {"a": 1}),
        (PAIRS, "x"),
        (PAIRS, None),
        (PAIRS, [pair("a", 1), {"key": "b"}]),
        (PAIRS, [pair(5, 1)]),
        (PAIRS, [pair("a", 1), pair("a", 2)]),
        (PAIRS, [{**pair("a", 1), "more": 1}]),
        (Members(plans={"a": PAIRS}, absent=frozenset({"a"})), [None]),
        (Items(plan=PAIRS), {"a": 1}),
        (Named(name="Tree"), 5),
        (AnyValue(), {"entries": [1]}),
        (AnyValue(), {"a": 1}),
        (UNION, 5),
        (UNION, {"k": "z", "v": [pair("a", 1)]}),
    ],
)
def test_what_has_not_the_shape_is_left_alone(plan: Plan, wire: Any) -> None:
    """A value without the shape that was asked for stays as it is, for the target to judge."""
    assert restore(plan, wire, DEFINITIONS) == wire


def test_two_entries_with_one_key() -> None:
    """No entry is lost where the model gave one key twice: the pairs stay, and the validator says so."""
    twice = [pair("a", 1), pair("a", 2)]
    assert restore(PAIRS, twice, {}) == twice


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (None, False),
        (Members(plans={"a": None}, absent=frozenset()), False),
        (Members(plans={"a": None}, absent=frozenset({"a"})), True),
        (Members(plans={"a": PAIRS}, absent=frozenset()), True),
        (Items(plan=None, first=(None,)), False),
        (Items(plan=None, first=(PAIRS,)), True),
        (Items(plan=PAIRS), True),
        (Branches(branches=(({}, None),)), False),
        (UNION, True),
        (Named(name="Tree"), True),
        (Named(name="Plain"), False),
        (Wrapped(plan=None), True),
        (AnyValue(), True),
    ],
)
def test_changes(plan: Plan, expected: bool) -> None:
    """A plan says whether it can change anything, in a recursive one too."""
    plain = Members(plans={"next": Named(name="Plain")}, absent=frozenset())
    assert changes(plan, {**DEFINITIONS, "Plain": ({}, plain)}) is expected


any_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["entries", "key", "value", ""]) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(any_values)
def test_any_value_comes_back(value: Any) -> None:
    """Any JSON value survives the form in which free objects are asked for."""
    assert restore(AnyValue(), to_wire(AnyValue(), value, {}), {}) == value


@settings(max_examples=100, deadline=None)
@given(any_values)
def test_restoring_never_raises(value: Any) -> None:
    """Whatever a model answers, restoring it raises nothing."""
    for plan, _, _ in BOTH_WAYS:
        restore(plan, value, DEFINITIONS)
