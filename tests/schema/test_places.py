"""Where the values of the wire stand in the target's own shape."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from extractor.schema.adapt import Adapted, adapt
from extractor.schema.places import places
from extractor.schema.plans import (
    AnyValue,
    Branches,
    Encoded,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Tagged,
    Values,
    Wrapped,
)

PAIRS = Pairs(plan=None)
NULLABLE = Members(plans={"a": None, "b": None}, optional=frozenset({"a", "b"}), absent=frozenset({"a"}))
RENAMED = Members(plans={"a/b": PAIRS, "c": None}, names={"a/b": "a_b"}, absent=frozenset({"a/b"}))
FURTHER = Members(plans={"a": None}, open=True, rest=PAIRS, entries="more")
CAT: dict[str, Any] = {"type": "object", "properties": {"Cat": {}}, "required": ["Cat"]}
UNION = Branches(branches=((CAT, Tagged(tag="Cat", plan=NULLABLE)), ({"type": "array"}, PAIRS)))
DEFINITIONS: dict[str, tuple[dict[str, Any], Plan]] = {
    "Tree": ({"type": "object"}, Members(plans={"kids": Items(plan=Named(name="Tree"))}, absent=frozenset({"kids"})))
}


def pair(key: Any, value: Any) -> dict[str, Any]:
    """One entry of a map on the wire."""
    return {"key": key, "value": value}


def same(*pointers: str) -> list[tuple[str, str]]:
    """What stands where it does on the wire."""
    return [(pointer, pointer) for pointer in pointers]


def at_key(wire: str, pointer: str, key: str) -> list[tuple[str, str]]:
    """The places of a list with one pair, of the pair, and of its value."""
    return [(wire, pointer), (f"{wire}/0", f"{pointer}/{key}"), (f"{wire}/0/value", f"{pointer}/{key}")]


@pytest.mark.parametrize(
    ("plan", "wire", "expected"),
    [
        (None, {"x": [1, {"y/z": None}]}, same("", "/x", "/x/0", "/x/1", "/x/1/y~1z")),
        (None, 5, same("")),
        (Wrapped(plan=None), {"value": [1]}, [("", ""), ("/value", ""), ("/value/0", "/0")]),
        (Wrapped(plan=None), {}, same("")),
        (Wrapped(plan=PAIRS), {"value": 1, "more": 2}, same("", "/value", "/more")),
        (Tagged(tag="T", plan=NULLABLE), {"T": {"b": 1}}, [("", ""), ("/T", ""), ("/T/b", "/b")]),
        (PAIRS, [pair("x/y", 1)], at_key("", "", "x~1y")),
        (PAIRS, [pair("x", 1), {"key": "y"}], at_key("", "", "x")),
        (PAIRS, [pair("x", [1]), {}], [*at_key("", "", "x"), ("/0/value/0", "/x/0")]),
        (PAIRS, [{}], same("")),
        (PAIRS, [], same("")),
        (PAIRS, [5, pair("x", 1)], same("", "/0", "/1", "/1/key", "/1/value")),
        (PAIRS, {"x": 1}, same("", "/x")),
        (NULLABLE, {"b": None, "a": None, "z": 1}, same("", "/b", "/z")),
        (NULLABLE, {}, same("")),
        (NULLABLE, [1], same("", "/0")),
        (RENAMED, {"c": 1, "a_b": [pair("k", 2)]}, [*same("", "/c"), *at_key("/a_b", "/a~1b", "k")]),
        (FURTHER, {"a": 1, "more": [pair("k", [])]}, [*same("", "/a"), *at_key("/more", "", "k")[1:]]),
        (FURTHER, {"a": 1, "more": None, "z": []}, same("", "/a", "/z")),
        (FURTHER, {"more": 5}, same("", "/more")),
        (Values(plan=PAIRS), {"x": [pair("y", 1)]}, [*same(""), *at_key("/x", "/x", "y")]),
        (Values(plan=PAIRS), [1], same("", "/0")),
        (Items(plan=None, first=(PAIRS,)), [[pair("x", 1)], 2], [*same(""), *at_key("/0", "/0", "x"), *same("/1")]),
        (Items(plan=PAIRS), {"x": 1}, same("", "/x")),
        (UNION, {"Cat": {"a": None, "b": 1}}, [("", ""), ("/Cat", ""), ("/Cat/b", "/b")]),
        (UNION, [pair("x", 1)], at_key("", "", "x")),
        (UNION, 5, same("")),
        (Named(name="Tree"), {"kids": [{"kids": None}]}, same("", "/kids", "/kids/0")),
        (Encoded(), '{"a": 1}', same("")),
        (Encoded(), {"a": 1}, same("", "/a")),
        (
            AnyValue(),
            {"entries": [pair("x", [{"entries": []}])]},
            [
                *same(""),
                *at_key("/entries", "", "x"),
                ("/entries/0/value/0", "/x/0"),
                ("/entries/0/value/0/entries", "/x/0"),
            ],
        ),
        (AnyValue(), {"x": {"entries": 1}}, same("", "/x", "/x/entries")),
        (AnyValue(), {"entries": 5}, same("", "/entries")),
    ],
)
def test_places(plan: Plan, wire: Any, expected: list[tuple[str, str]]) -> None:
    """Every value has its place, in the document's order; what has none in the target is left out."""
    assert list(places(plan, wire, DEFINITIONS)) == expected


# --------------------------------------------------------------------------------------------- the law


class Line(BaseModel):
    """A line."""

    name: str
    price: float | None = None
    tags: dict[str, int] = {}


class Cat(BaseModel):
    """One of two."""

    kind: Literal["cat"]
    toys: dict[str, Line]


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"]
    toys: list[Line]


class Order(BaseModel):
    """All that the wire may write in another way."""

    number: str = Field(alias="order/no.")
    lines: list[Line]
    notes: dict[str, list[Line]] = {}
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    either: dict[str, int] | list[int] | None = None
    pair: tuple[int, dict[str, int]]
    kids: list[Order] = []


class Opened(BaseModel, extra="allow"):
    """An object with further properties."""

    __pydantic_extra__: dict[str, Line]
    name: str = ""


text = st.text("ab/~é", max_size=3)
integers = st.integers(-5, 5)
counts = st.dictionaries(text, integers, max_size=2)
lines: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": text}, optional={"price": st.none() | st.sampled_from([0.5, 1.0]), "tags": counts}
)
pets = st.fixed_dictionaries({"kind": st.just("cat"), "toys": st.dictionaries(text, lines, max_size=2)}) | (
    st.fixed_dictionaries({"kind": st.just("dog"), "toys": st.lists(lines, max_size=2)})
)
orders: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries(
        {
            "order/no.": text,
            "lines": st.lists(lines, max_size=3),
            "pet": pets,
            "pair": st.tuples(integers, counts).map(list),
        },
        optional={
            "notes": st.dictionaries(text, st.lists(lines, max_size=2), max_size=2),
            "either": st.none() | counts | st.lists(integers, max_size=2),
            "kids": st.lists(orders, max_size=1),
        },
    )
)
opened = st.builds(
    lambda known, more: {**more, **known},
    st.fixed_dictionaries({"name": text}),
    st.dictionaries(text, lines, max_size=2),
)
anything = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text | st.just("entries"), inner, max_size=2),
    max_leaves=5,
)

CASES: Mapping[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "Order": (Order, orders),
    "list": (list[Order], st.lists(orders, max_size=2)),
    "map": (dict[str, Line], st.dictionaries(text, lines, max_size=3)),
    "opened": (Opened, opened),
    "any": (dict[str, Any], st.dictionaries(text, anything, max_size=2)),
}
DIALECTS = ["openai", "gemini", "evolink", "anthropic", "llama.cpp", "groq", "unknown"]


@functools.cache
def adapted_case(case: str, dialect: str) -> Adapted:
    """The type of a case in a dialect."""
    return adapt(CASES[case][0], dialect)


def at(value: Any, pointer: str) -> Any:
    """What stands at a pointer."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def plans_of(adapted: Adapted) -> str:
    """All plans of an adapted schema, to look for one."""
    return repr((adapted.plan, adapted.definitions))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=30)
@given(data=st.data())
def test_what_stands_there_is_the_same(case: str, dialect: str, data: st.DataObject) -> None:
    """A scalar at a place of the wire is the one at its place in the restored value, and each of these has one."""
    adapted = adapted_case(case, dialect)
    wire = adapted.to_wire(data.draw(CASES[case][1]))
    restored = adapted.restore(wire)
    found = list(places(adapted.plan, wire, adapted.definitions))
    encoded = "Encoded(" in plans_of(adapted)
    for there, here in found:
        mine, its = at(wire, there), at(restored, here)
        if not isinstance(mine, (dict, list)) and not (encoded and isinstance(mine, str)):
            assert mine == its
    pointers = {here for _, here in places(None, restored, {})}
    assert {here for _, here in found} <= pointers
    assert encoded or {here for _, here in found} == pointers
    assert len({there for there, _ in found}) == len(found)


def cut(value: Any, at_most: int) -> tuple[Any, int]:
    """The beginning of a value: its first members, up to a number of values."""
    if not isinstance(value, (dict, list)):
        return value, at_most - 1
    kept: Any = type(value)()
    at_most -= 1
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        if at_most <= 0:
            break
        inner, at_most = cut(member, at_most)
        if isinstance(kept, dict):
            kept[key] = inner
        else:
            kept.append(inner)
    return kept, at_most


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "llama.cpp"])
@settings(max_examples=60)
@given(value=orders, at_most=st.integers(0, 30))
def test_the_beginning_of_a_value(dialect: str, value: Any, at_most: int) -> None:
    """What came before a value was cut off has the places that it would have in the whole."""
    adapted = adapted_case("Order", dialect)
    wire = adapted.to_wire(value)
    whole = list(places(adapted.plan, wire, adapted.definitions))
    partial = list(places(adapted.plan, cut(wire, at_most)[0], adapted.definitions))
    # But for a member of a union: with its end missing, it may be taken for another.
    partial = [each for each in partial if not re.search("/(pet|either)/", each[0])]
    assert partial == [each for each in whole if each in partial]


def test_deep_values() -> None:
    """However deep a value is, it has places."""
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    assert sum(1 for _ in places(AnyValue(), deep, {})) == 5_001


@pytest.mark.parametrize("wrong", [None, 5, "x", [], [None], {"pet": 5}, {"pet": {}}, {"lines": {"0": 1}}, [[]]])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dialect", ["openai", "anthropic", "llama.cpp"])
def test_values_of_another_shape(case: str, dialect: str, wrong: Any) -> None:
    """A value that is not as asked for has the places that it has where it is restored."""
    adapted = adapted_case(case, dialect)
    restored = adapted.restore(wrong)
    for there, here in places(adapted.plan, wrong, adapted.definitions):
        assert re.fullmatch(r"(/[^/]*)*", there)
        assert isinstance(at(restored, here), type(at(wrong, there)))
