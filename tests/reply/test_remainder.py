"""What is kept of a reply that was cut off, and what is missing."""

from __future__ import annotations

import functools
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from extractor.reply.remainder import LEAST_REPEATED, LONGEST_CIRCLE, Remainder, remainder
from extractor.reply.repair import mended
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.target import target_of


class Line(BaseModel):
    """A line of an order."""

    name: str
    amount: int = 1


class Cat(BaseModel):
    """One of two."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"]
    tricks: list[str]


class Order(BaseModel):
    """All kinds of places."""

    number: str
    head: Line | None = None
    lines: list[Line]
    by_name: dict[str, Line] = {}
    grid: list[list[int]] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    last: str = Field(default="", alias="a/b")


class Tree(BaseModel):
    """Itself again."""

    name: str
    kids: list[Tree] = []


class Open(BaseModel):
    """With fields of its own and others."""

    model_config = ConfigDict(extra="allow")
    a: int
    b: int


@functools.cache
def asked(wanted: Any, dialect: str) -> tuple[Adapted, dict[str, Any]]:
    """How a type is asked for, and its own schema."""
    target = target_of(wanted)
    return adapt(target, dialect), target.schema


def rest(text: str, wanted: Any = Order, dialect: str = "vllm") -> Remainder | None:
    """What there is of a cut-off text."""
    return remainder(mended(text)[-1], *asked(wanted, dialect))


REST = ["/lines", "/by_name", "/grid", "/pet", "/a~1b"]


@pytest.mark.parametrize(
    ("text", "data", "pointers", "appended"),
    [
        ('{"number": "1"', {"number": "1"}, ["/head", *REST], {}),
        ('{"number": "1", "he', {"number": "1"}, ["/head", *REST], {}),
        ('{"number": "1", "head": {"name": "x', {"number": "1", "head": {}}, [*REST, "/head/name", "/head/amount"], {}),
        (
            '{"number": "1", "head": {"name": "x", "amount": 1',
            {"number": "1", "head": {"name": "x"}},
            [*REST, "/head/amount"],
            {},
        ),
        (
            '{"number": "1", "head": {"name": "x", "amount": 1,',
            {"number": "1", "head": {"name": "x"}},
            [*REST, "/head/amount"],
            {},
        ),
        (
            '{"number": "1", "head": null, "lines": [',
            {"number": "1", "head": None, "lines": []},
            [*REST[1:], "/lines"],
            {},
        ),
        (
            '{"number": "1", "head": null, "lines": [{"name": "x"}, {"name": "y", "am',
            {"number": "1", "head": None, "lines": [{"name": "x"}]},
            [*REST[1:], "/lines"],
            {"/lines": 1},
        ),
        (
            '{"number": "1", "head": null, "lines": [{"name": "x", "am',
            {"number": "1", "head": None, "lines": []},
            [*REST[1:], "/lines"],
            {},
        ),
        (
            '{"number": "1", "head": null, "lines": [], "by_name": {"a/b": {"name": "x"',
            {"number": "1", "head": None, "lines": [], "by_name": {"a/b": {"name": "x"}}},
            [*REST[2:], "/by_name", "/by_name/a~1b/amount"],
            {"/by_name": 1},
        ),
        (
            '{"number": "1", "head": null, "lines": [], "by_name": {}, "grid": [[1, 2], [3, 4',
            {"number": "1", "head": None, "lines": [], "by_name": {}, "grid": [[1, 2]]},
            [*REST[3:], "/grid"],
            {"/grid": 1},
        ),
        (
            '{"number": "1", "head": null, "lines": [], "by_name": {}, "grid": [[1, 23',
            {"number": "1", "head": None, "lines": [], "by_name": {}, "grid": [[1]]},
            [*REST[3:], "/grid", "/grid/0"],
            {"/grid": 1, "/grid/0": 1},
        ),
        (
            '{"lines": [], "a/b": "x", "number": "1"',
            {"lines": [], "a/b": "x", "number": "1"},
            ["/head", *REST[1:4]],
            {},
        ),
    ],
)
def test_what_is_kept_and_what_is_missing(text: str, data: Any, pointers: list[str], appended: dict[str, int]) -> None:
    """Kept is what is complete; lists and maps go on after it, and the fields that have not come are named."""
    found = rest(text)
    assert found is not None
    assert (found.data, found.pointers, dict(found.appended)) == (data, pointers, appended)
    assert not found.repeated


@pytest.mark.parametrize(
    ("wanted", "text", "data", "pointers", "appended"),
    [
        (list[Line], '{"value": [{"name": "x", "amount": 1}, {"na', [{"name": "x", "amount": 1}], [""], {"": 1}),
        (list[int], '{"value": [1, 2, 3', [1, 2], [""], {"": 2}),
        (
            dict[str, int],
            '{"value": [{"key": "a", "value": 1}, {"key": "b", "val',
            {"a": 1},
            [""],
            {"": 1},
        ),
        (Tree, '{"name": "x", "kids": [{"name": "y", "kids": [{"name": "z"', None, ["/kids"], {}),
        (Tree, '{"name": "x", ', {"name": "x"}, ["/kids"], {}),
    ],
)
def test_what_the_wire_changes(wanted: Any, text: str, data: Any, pointers: list[str], appended: Any) -> None:
    """Wrapped lists, maps as pairs and references are seen through: places are those of the target."""
    found = rest(text, wanted, "openai")
    assert found is not None
    assert data is None or found.data == data
    assert found.pointers[: len(pointers)] == pointers
    assert appended is None or dict(found.appended) == appended


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Order, "{"),
        (Order, '{"numb'),
        (Order, '{"number": "1'),
        (dict[str, int], '{"value": [{"key": "a", "value": 1}, {"key": "a", "value": 2}, {"k'),
        (Line, '[{"name": "x", "amo'),
    ],
)
def test_where_nothing_can_be_told(wanted: Any, text: str) -> None:
    """Where nothing is kept, or nothing is missing, or what is there is of another shape, the whole is asked for."""
    assert rest(text, wanted, "openai") is None


def test_only_the_last_bracket_is_missing() -> None:
    """Where all has come but the brackets, nothing is left to ask for."""
    text = '{"number": "1", "head": null, "lines": [], "by_name": {}, "grid": [], "pet": null, "a/b": "x"'
    found = rest(text)
    assert found is not None
    assert (found.pointers, found.data) == ([], json.loads(text + "}"))


def test_fields_without_a_name_may_still_come() -> None:
    """Where an object takes further fields, it goes on after those that are there."""
    found = rest('{"b": 1, "x": "5", "y', Open)
    assert found is not None
    assert (found.data, found.pointers, dict(found.appended)) == ({"b": 1, "x": "5"}, [""], {"": 2})


def test_what_was_mended_is_told() -> None:
    """What was mended in what is kept is told."""
    found = rest("Here: {'number': '1', ")
    assert found is not None
    assert [repair.kind for repair in found.repairs][:2] == ["prose", "single_quotes"]


# ---------------------------------------------------------------------------------------------- in circles


def _items(*names: str) -> str:
    return json.dumps([{"name": name, "amount": 1} for name in names])[:-1]


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ("a" + "b" * 6, "ab"),
        ("b" * 6, "b"),
        ("xab" + "ab" * 3, "xab"),
        ("xab" + "ab" * 3 + "a", "xab"),
        ("abcdefgh" * 3, "abcdefgh"),
        # Too few to say so, or another item came between, or the group is too long.
        ("a" + "b" * 5, None),
        ("abab", None),
        ("aaab" * 2, None),
        ("abcdefgh" * 2, None),
        ("abcdefghi" * 3, None),
        ("b" * 9 + "a", None),
    ],
)
def test_circles(names: str, kept: str | None) -> None:
    """Items that come again and again at the end of a list are dropped, and the list is complete."""
    assert (LEAST_REPEATED, LONGEST_CIRCLE) == (5, 8)
    found = rest('{"number": "1", "lines": ' + _items(*names) + ', {"name": "')
    assert found is not None
    assert "".join(each["name"] for each in found.data["lines"]) == (kept or names)
    assert found.repeated is (kept is not None)
    assert ("/lines" in found.pointers) is (kept is None)
    assert [each.kind for each in found.repairs if each.kind == "repetition"] == ["repetition"] * found.repeated


def test_a_circle_in_all_there_is() -> None:
    """A list that is all of the value, and goes round in circles, misses nothing."""
    found = rest('{"value": ' + _items(*"abbbbbbb"), list[Line], "openai")
    assert found is not None
    assert (len(found.data), found.pointers, found.repeated) == (2, [], True)


@pytest.mark.parametrize(
    ("item", "circle"),
    [("0", False), ("1.5", False), ("true", False), ("null", False), ('"a"', True), ("[0]", True), ('{"a": 0}', True)],
)
def test_numbers_are_no_circle(item: str, circle: bool) -> None:
    """Numbers, booleans and null may repeat as often as they like; a text, a list or an object may not."""
    found = rest('{"value": [' + f"{item}, " * 40, list[Any], "openai")
    assert found is not None
    assert found.repeated is circle
    assert len(found.data) == 1 if circle else len(found.data) >= 39


def test_a_circle_with_numbers_in_it() -> None:
    """A group of items with a number among them is no circle."""
    found = rest('{"value": [' + '"a", 1, ' * 40, list[Any], "openai")
    assert found is not None
    assert not found.repeated
    assert len(found.data) >= 79


def test_a_circle_of_thousands() -> None:
    """A very long circle ends soon."""
    found = rest('{"number": "1", "lines": ' + _items(*"ab" * 20_000))
    assert found is not None
    assert len(found.data["lines"]) == 2


# ------------------------------------------------------------------------------------------------ as a law

values = st.fixed_dictionaries(
    {
        "number": st.text(max_size=4),
        "head": st.none() | st.fixed_dictionaries({"name": st.text(max_size=3), "amount": st.integers(-99, 99)}),
        "lines": st.lists(
            st.fixed_dictionaries({"name": st.text("ab", max_size=3), "amount": st.integers(0, 99)}), max_size=4
        ),
        "by_name": st.dictionaries(
            st.text(max_size=3),
            st.fixed_dictionaries({"name": st.text(max_size=3), "amount": st.integers(0, 99)}),
            max_size=3,
        ),
        "grid": st.lists(st.lists(st.integers(-99, 99), max_size=3), max_size=3),
        "pet": st.none()
        | st.fixed_dictionaries({"kind": st.just("dog"), "tricks": st.lists(st.text(max_size=3), max_size=3)}),
        "a/b": st.text(max_size=4),
    }
)


@settings(max_examples=200)
@given(value=values, share=st.floats(0, 1), dialect=st.sampled_from(["openai", "vllm"]))
def test_what_is_kept_was_there(value: Any, share: float, dialect: str) -> None:
    """Wherever a reply is cut, all that is kept was in it, and whatever of it is not kept is missing."""
    adapted, _ = asked(Order, dialect)
    text = json.dumps(adapted.to_wire(value))
    found = rest(text[: int(share * (len(text) - 1)) + 1], Order, dialect)
    if found is None or found.repeated:
        return
    TypeAdapter(dict[str, Any]).validate_python(found.data)
    _compare(found.data, value, "", found)


def _compare(kept: Any, value: Any, pointer: str, found: Remainder) -> None:
    """What is kept of a value is the value itself, but for the places that are missing."""
    if kept == value or (pointer in found.pointers and pointer not in found.appended):
        return
    assert type(kept) is type(value), pointer
    steps = range(len(kept)) if isinstance(kept, list) else [str(key) for key in kept]
    assert not isinstance(kept, (str, int)), pointer
    for step in steps:
        own = str(step).replace("~", "~0").replace("/", "~1")
        _compare(kept[step], value[step], f"{pointer}/{own}", found)
    if pointer in found.appended:
        assert found.appended[pointer] == len(kept)
        assert not isinstance(kept, dict) or list(value)[: len(kept)] == list(kept)
    elif isinstance(kept, dict):
        lacking = [key.replace("~", "~0").replace("/", "~1") for key in value if key not in kept]
        assert all(f"{pointer}/{key}" in found.pointers for key in lacking)
    else:
        assert len(kept) == len(value), pointer


# ------------------------------------------------------------------------------------------------- bounds


def test_very_long_pointers() -> None:
    """Where a key makes the pointers to thousands of values long, the whole is asked for."""
    items = "1, " * 10_000
    assert rest(f'{{"{"k" * 60_000}": [{items}2', dict[str, list[int]]) is None
    found = rest(f'{{"{"k" * 60}": [{items}2', dict[str, list[int]])
    assert found is not None
    assert found.pointers == ["", "/" + "k" * 60]
