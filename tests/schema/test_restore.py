"""Plans: the way from the wire back to the target's shape, and there."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.schema.absences import absences
from extractor.schema.plans import (
    AnyValue,
    Branches,
    Encoded,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Plans,
    Tagged,
    Values,
    Wrapped,
)
from extractor.schema.restore import Twice, Unclean, finite, once, restorer
from extractor.schema.to_wire import to_wire


def restore(plan: Plan, value: Any, definitions: Plans) -> Any:
    """The value restored."""
    function = restorer(plan, definitions)
    return value if function is None else function(value)


def changes(plan: Plan, definitions: Plans) -> bool:
    """Whether there is anything to restore."""
    return restorer(plan, definitions) is not None


PAIRS = Pairs(plan=None)
TREE = Members(plans={"kids": Items(plan=Named(name="Tree"))}, optional=frozenset({"kids"}), absent=frozenset({"kids"}))
DEFINITIONS: dict[str, tuple[dict[str, Any], Plan]] = {"Tree": ({"type": "object"}, TREE)}
MAPPED = Members(plans={"k": None, "v": PAIRS})
OPTIONAL = Members(plans={"k": None, "v": None}, optional=frozenset({"v"}), absent=frozenset({"v"}))
NULLABLE = Members(plans={"a": None, "b": None}, optional=frozenset({"a", "b"}), absent=frozenset({"a"}))
RENAMED = Members(
    plans={"a b": PAIRS, "c": None}, names={"a b": "a_b"}, optional=frozenset({"a b"}), absent=frozenset({"a b"})
)
FURTHER = Members(plans={"a": None}, open=True, rest=PAIRS, entries="more")
OPEN = Members(plans={"a": None}, open=True, rest=PAIRS)
TAGGED = Branches(
    branches=(
        (
            {"type": "object", "properties": {"Map": {"type": "array"}}, "required": ["Map"]},
            Tagged(tag="Map", plan=PAIRS),
        ),
        ({"type": "array"}, None),
    )
)
UNION = Branches(
    branches=(
        ({"type": "string"}, None),
        ({"type": "object", "properties": {"k": {"enum": ["m"]}, "v": {}}, "required": ["k"]}, MAPPED),
        ({"type": "object", "properties": {"k": {"enum": ["n"]}, "v": {}}, "required": ["k"]}, OPTIONAL),
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
    (
        Members(plans={"b": None, "a": None}, optional=frozenset({"a"}), absent=frozenset({"a"})),
        {"b": None, "a": None},
        {"b": None},
    ),
    (NULLABLE, {"a": None, "b": None}, {"b": None}),
    (NULLABLE, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    (RENAMED, {"a_b": [pair("x", 1)], "c": 1}, {"a b": {"x": 1}, "c": 1}),
    (RENAMED, {"a_b": None, "c": 1}, {"c": 1}),
    (FURTHER, {"a": 1, "more": [pair("b", [pair("x", 1)])]}, {"a": 1, "b": {"x": 1}}),
    (FURTHER, {"a": 1, "more": []}, {"a": 1}),
    (OPEN, {"a": 1, "b": [pair("x", 1)]}, {"a": 1, "b": {"x": 1}}),
    (OPEN, {"a": 1, "": [pair("x", 1)]}, {"a": 1, "": {"x": 1}}),
    (Values(plan=PAIRS), {"a": [pair("x", 1)]}, {"a": {"x": 1}}),
    (Tagged(tag="Map", plan=PAIRS), {"Map": [pair("a", 1)]}, {"a": 1}),
    (TAGGED, {"Map": [pair("a", 1)]}, {"a": 1}),
    (TAGGED, [pair("a", 1)], [pair("a", 1)]),
    (Encoded(), '{"a":[1,null,"ü"]}', {"a": [1, None, "ü"]}),
    (Encoded(), '"text"', "text"),
    (
        Members(plans={"a": PAIRS}, optional=frozenset({"a"}), absent=frozenset({"a"})),
        {"a": [pair("x", 1)]},
        {"a": {"x": 1}},
    ),
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
        (PAIRS, [{**pair("a", 1), "more": 1}]),
        (Members(plans={"a": PAIRS}, optional=frozenset({"a"}), absent=frozenset({"a"})), [None]),
        (Items(plan=PAIRS), {"a": 1}),
        (Named(name="Tree"), 5),
        (AnyValue(), {"entries": [1]}),
        (FURTHER, {"a": 1, "more": "x"}),
        (Values(plan=PAIRS), [1]),
        (Tagged(tag="Map", plan=PAIRS), {"Map": 1, "other": 2}),
        (TAGGED, "x"),
        (Encoded(), "no JSON"),
        (Encoded(), 5),
        (AnyValue(), {"a": 1}),
        (UNION, 5),
        (UNION, {"k": "z", "v": [pair("a", 1)]}),
    ],
)
def test_what_has_not_the_shape_is_left_alone(plan: Plan, wire: Any) -> None:
    """A value without the shape that was asked for stays as it is, for the target to judge."""
    assert restore(plan, wire, DEFINITIONS) == wire


@pytest.mark.parametrize(
    ("plan", "wire"),
    [
        (PAIRS, [pair("a", 1), pair("a", 2)]),
        (FURTHER, {"a": 1, "more": [pair("a", 2)]}),
        (FURTHER, {"a": 1, "more": [pair("b", []), pair("b", [])]}),
        (AnyValue(), {"entries": [pair("a", 1), pair("a", 1)]}),
    ],
)
def test_a_key_given_twice(plan: Plan, wire: Any) -> None:
    """Where the model gave one key twice, no entry is lost without a word, whatever the target takes."""
    with pytest.raises(Twice, match="is given twice"):
        restore(plan, wire, {})


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (None, False),
        (Members(plans={"a": None}, absent=frozenset()), False),
        (Members(plans={"a": None}, optional=frozenset({"a"}), absent=frozenset({"a"})), True),
        (Members(plans={"a": PAIRS}, absent=frozenset()), True),
        (Items(plan=None, first=(None,)), False),
        (Items(plan=None, first=(PAIRS,)), True),
        (Items(plan=PAIRS), True),
        (Branches(branches=(({}, None),)), False),
        (UNION, True),
        (Named(name="Tree"), True),
        (Named(name="Plain"), False),
        (Wrapped(plan=None), True),
        (Values(plan=None), False),
        (Values(plan=PAIRS), True),
        (Tagged(tag="a", plan=None), True),
        (Encoded(), True),
        (OPEN, True),
        (Members(plans={}, open=True), False),
        (Members(plans={}, open=True, entries="more"), True),
        (RENAMED, True),
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


@settings(max_examples=100)
@given(any_values)
def test_any_value_comes_back(value: Any) -> None:
    """Any JSON value survives the form in which free objects are asked for."""
    assert restore(AnyValue(), to_wire(AnyValue(), value, {}), {}) == value


@settings(max_examples=100)
@given(any_values)
def test_restoring_never_raises(value: Any) -> None:
    """Whatever a model answers, restoring it raises nothing, but for a key that is given twice."""
    for plan, _, _ in BOTH_WAYS:
        with contextlib.suppress(Twice):
            restore(plan, value, DEFINITIONS)


@pytest.mark.parametrize(
    ("plan", "wire", "pointers"),
    [
        (None, None, []),
        (NULLABLE, {"a": None, "b": None}, ["/a"]),
        (NULLABLE, {"b": 1}, ["/a"]),
        (RENAMED, {"a_b": None}, ["/a b", "/c"]),
        (Wrapped(plan=None, absent=True), {"value": None}, [""]),
        (Wrapped(plan=None), {"value": None}, []),
        (Wrapped(plan=NULLABLE), {"value": {"a": None}}, ["/a", "/b"]),
        (Items(plan=NULLABLE, first=(None,)), [{"a": None}, {"a": None}], ["/1/a", "/1/b"]),
        (Pairs(plan=NULLABLE), [pair("x/y", {"a": None})], ["/x~1y/a", "/x~1y/b"]),
        (Values(plan=NULLABLE), {"x": {"a": None}}, ["/x/a", "/x/b"]),
        (Tagged(tag="T", plan=NULLABLE), {"T": {"a": None}}, ["/a", "/b"]),
        (UNION, {"k": "n", "v": None}, ["/v"]),
        (UNION, {"k": "z"}, []),
        (Named(name="Tree"), {"kids": [{"kids": None}]}, ["/kids/0/kids"]),
        (Encoded(), "null", []),
    ],
)
def test_absences(plan: Plan, wire: Any, pointers: list[str]) -> None:
    """What is null because it is not there, or is left out, is found, by its place in the target's own shape."""
    assert list(absences(plan, wire, DEFINITIONS)) == pointers


def test_what_has_no_place_is_left_out() -> None:
    """What the wire has no place for is not written; what may be absent but must be written is null."""
    assert to_wire(NULLABLE, {"other": 1}, {}) == {"a": None, "b": None}


def test_the_first_branch_that_loses_nothing_is_taken() -> None:
    """A value is written in the way of the branch that keeps all of it."""
    short, long = Members(plans={"x": None}), Members(plans={"x": None, "y": PAIRS})
    union = Branches(branches=(({"type": "object"}, short), ({"type": "object", "required": ["y"]}, long)))
    assert to_wire(union, {"x": 1, "y": {"a": 2}}, {}) == {"x": 1, "y": [pair("a", 2)]}
    assert to_wire(union, {"x": 1}, {}) == {"x": 1}


def test_definitions_are_written_where_they_are_named() -> None:
    """A restorer is made of recursive definitions without end, and only where something changes."""
    loop: dict[str, tuple[dict[str, Any], Plan]] = {
        "A": ({"type": "array"}, Items(plan=Named(name="B"))),
        "B": ({"type": "array"}, Items(plan=Named(name="A"))),
    }
    assert restorer(Named(name="A"), loop) is None
    changing = {**loop, "B": ({"type": "array"}, Items(plan=Named(name="A"), first=(PAIRS,)))}
    assert restore(Named(name="A"), [[[pair("a", 1)], [[[]]]]], changing) == [[{"a": 1}, [[{}]]]]


@pytest.mark.parametrize(
    ("text", "kind"), [("NaN", "not_finite"), ("[1e999]", "not_finite"), ('{"a": 1, "a": 2}', "duplicate_key")]
)
def test_encoded_text_that_is_not_clean(text: str, kind: str) -> None:
    """What must not become data is found in JSON text as well."""
    with pytest.raises(Unclean) as caught:
        restore(Encoded(), text, {})
    assert caught.value.kind == kind


DECODER = json.JSONDecoder(object_pairs_hook=once, parse_float=finite, parse_constant=finite)


def test_what_is_clean() -> None:
    """What is clean is read as it is."""
    assert DECODER.decode('{"a": {"b": [1, 2.5, 1e5, null]}}') == {"a": {"b": [1, 2.5, 1e5, None]}}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite(number: str) -> None:
    """A number that is none, or too large, is named."""
    with pytest.raises(Unclean) as caught:
        DECODER.decode(f"[{number}]")
    assert (caught.value.kind, caught.value.found) == ("not_finite", number)


def test_the_first_key_given_twice_is_named() -> None:
    """The first key that comes again is named, among however many."""
    pairs = [(str(number), number) for number in range(100_000)]
    with pytest.raises(Twice, match="'99999'") as caught:
        once([*pairs, ("99999", 0), ("0", 0)])
    assert caught.value.kind == "duplicate_key"
