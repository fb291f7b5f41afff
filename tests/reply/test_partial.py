"""What is known so far: typed as in the model, `UNKNOWN` where nothing is, and a view that stays what it was."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, ValidationInfo, field_validator
from typing_extensions import TypedDict

from extractor.chat.sse import Piece
from extractor.reply.live import Live
from extractor.reply.partial import UNKNOWN, Partial
from extractor.reply.view import View
from extractor.schema.adapt import adapt
from extractor.schema.plans import Plan
from extractor.schema.target import target_of

many = settings(max_examples=60)


class Color(Enum):
    """An enumeration."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: float = 0.0


class Size(TypedDict):
    """A typed dictionary."""

    width: Decimal
    unit: NotRequired[Literal["mm", "cm"]]


class Card(BaseModel):
    """One member of a union."""

    kind: Literal["card"]
    digits: str
    limit: int = 5


class Cash(BaseModel):
    """Another."""

    kind: Literal["cash"]
    rates: dict[str, float]


class Line(BaseModel):
    """A model in a model."""

    article: str
    count: int
    tags: list[str] = []


class Order(BaseModel):
    """A model with a field of each kind."""

    name: str
    issued: date
    total: Decimal
    color: Color
    unit: Literal["piece", "kg"]
    note: str | None
    first: Line | None
    lines: list[Line]
    prices: dict[str, Decimal]
    paid: Card | Cash
    given: int = Field(alias="how many?", default=3)
    either: int | str
    point: Point
    size: Size
    span: tuple[date, int]
    anything: Any = None
    listed: set[Color] = set()
    more: bool = True


ORDER: dict[str, Any] = {
    "name": 'Ann "the" Lee',
    "issued": "2025-03-17",
    "total": "12.50",
    "color": "red",
    "unit": "kg",
    "note": None,
    "first": {"article": "A-1", "count": 2, "tags": ["x", "y"]},
    "lines": [{"article": "A-1", "count": 2, "tags": []}, {"article": "B", "count": 30, "tags": ["z"]}],
    "prices": {"A-1": "1.5", "B é": "20"},
    "paid": {"kind": "cash", "rates": {"EUR": 1.0, "USD": 1.25}},
    "how many?": 7,
    "either": "text",
    "point": {"x": 1, "y": 2.5},
    "size": {"width": "2.5", "unit": "mm"},
    "span": ["2025-03-17", 5],
    "anything": {"a": [1, {"b": None}]},
    "listed": ["blue"],
    "more": False,
}
DIALECTS = ["openai", "evolink", "anthropic", "gemini"]


class Watched:
    """A reply and the view of it: pieces in, what is known then out."""

    def __init__(self, wanted: Any, dialect: str | None = None, *, plan: Plan = None, context: Any = None) -> None:
        target = target_of(wanted)
        self.live = Live()
        definitions: Any = {}
        self.adapted = None
        if dialect is not None:
            self.adapted = adapt(target, dialect)
            plan, definitions = self.adapted.plan, self.adapted.definitions
        self.view = View(self.live, getattr(target, "wanted", None), plan, definitions, context)

    def written(self, value: Any) -> str:
        """A value as the endpoint writes it."""
        return json.dumps(value if self.adapted is None else self.adapted.to_wire(value), ensure_ascii=False)

    def add(self, *pieces: str) -> Any:
        """What is known after the last of some pieces."""
        for piece in pieces:
            self.live.add(Piece(piece))
        return self.view.now()


def known(text: str, wanted: Any, dialect: str | None = None) -> Any:
    """What is known of a text that stops there."""
    return Watched(wanted, dialect).add(text)


def until(value: dict[str, Any], key: str, inside: str) -> str:
    """The text of an object up to some text in the value of a key, that text included."""
    text = json.dumps(value, ensure_ascii=False)
    start = text.index(f"{json.dumps(key, ensure_ascii=False)}: ") + len(json.dumps(key, ensure_ascii=False)) + 2
    return text[: text.index(inside, start) + len(inside)]


# ------------------------------------------------------------------------------------------- types


@pytest.mark.parametrize(
    ("field", "key", "inside", "expected"),
    [
        ("name", "name", '"Ann', "Ann"),
        ("name", "name", '"Ann \\', "Ann "),
        ("name", "name", '"Ann \\"the\\" Lee"', 'Ann "the" Lee'),
        ("issued", "issued", "2025-03", UNKNOWN),
        ("issued", "issued", '17"', date(2025, 3, 17)),
        ("total", "total", '"12', UNKNOWN),
        ("total", "total", '50"', Decimal("12.50")),
        ("color", "color", '"red', UNKNOWN),
        ("color", "color", '"red"', Color.RED),
        ("unit", "unit", '"k', UNKNOWN),
        ("unit", "unit", '"kg"', "kg"),
        ("note", "note", "nul", UNKNOWN),
        ("note", "note", "null", None),
        ("first", "first", "{", {}),
        ("first", "first", '"A', {"article": "A"}),
        ("first", "first", "}", Line(article="A-1", count=2, tags=["x", "y"])),
        ("lines", "lines", "[", []),
        ("lines", "lines", '"B", "count": 30', [{"article": "A-1", "count": 2, "tags": []}, {"article": "B"}]),
        ("prices", "prices", '"A-1": "1.5", "B é": "2', {"A-1": "1.5", "B é": "2"}),
        ("prices", "prices", "}", {"A-1": Decimal("1.5"), "B é": Decimal(20)}),
        ("paid", "paid", '"EUR": 1.0,', {"kind": "cash", "rates": {"EUR": 1.0}}),
        ("paid", "paid", "}}", Cash(kind="cash", rates={"EUR": 1.0, "USD": 1.25})),
        ("given", "how many?", "7", UNKNOWN),
        ("given", "how many?", "7,", 7),
        ("either", "either", '"tex', UNKNOWN),
        ("either", "either", '"text"', "text"),
        ("point", "point", '"x": 1,', {"x": 1}),
        ("point", "point", "}", Point(x=1, y=2.5)),
        ("size", "size", '"width": "2.5"', {"width": "2.5"}),
        ("size", "size", "}", {"width": Decimal("2.5"), "unit": "mm"}),
        ("span", "span", '17"', ["2025-03-17"]),
        ("span", "span", "]", (date(2025, 3, 17), 5)),
        ("anything", "anything", "[1,", {"a": [1]}),
        ("anything", "anything", "}]}", {"a": [1, {"b": None}]}),
        ("listed", "listed", '"blue"]', {Color.BLUE}),
        ("more", "more", "fals", UNKNOWN),
        ("more", "more", "false", False),
    ],
)
def test_typed_as_in_the_model(field: str, key: str, inside: str, expected: Any) -> None:
    """A complete value has the type of its field, an open text is its beginning, and half of all else is unknown."""
    now = known(until(ORDER, key, inside), Order)
    value = getattr(now, field)
    if isinstance(value, Partial):
        value = value.model_dump()
        if inside.endswith("{"):
            assert not now[key]
    assert value == expected
    assert type(value) is type(expected)


def test_typed_inside_of_what_is_open() -> None:
    """What is complete in an open value has its type, however deep it stands."""
    now = known(until(ORDER, "lines", '"B", "count": 30,'), Order)
    assert now.lines[0] == Line(article="A-1", count=2, tags=[])
    assert isinstance(now.lines[-1], Partial)
    assert (now.lines[-1].article, now.lines[1].count, now.lines[1].tags) == ("B", 30, UNKNOWN)
    assert [type(line) for line in now.lines] == [Line, Partial]
    assert [type(line) for line in now.lines[:1]] == [Line]
    assert len(now.lines) == 2
    assert (now.more, now.given) == (UNKNOWN, UNKNOWN)
    now = known(until(ORDER, "prices", '"B é'), Order)
    assert (now.prices["A-1"], now.prices["B é"], now.prices["C"]) == (Decimal("1.5"), UNKNOWN, UNKNOWN)
    now = known(until(ORDER, "span", '17"'), Order)
    assert now.span[0] == date(2025, 3, 17)
    now = known(until(ORDER, "size", '"unit": "mm"'), Order)
    assert (now.size.width, now.size["unit"]) == (Decimal("2.5"), "mm")
    assert known(until(ORDER, "point", '"y": 2.5'), Order).point.x == 1


def test_never_a_default() -> None:
    """What has not come is unknown, also where its field has a default."""
    now = known('{"name": "A", ', Order)
    assert [getattr(now, field) for field in Order.model_fields if field != "name"] == [UNKNOWN] * 17
    assert now.model_fields_set == {"name"}
    assert now.model_dump() == {"name": "A"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("issued", "yesterday"),
        ("total", "much"),
        ("color", "green"),
        ("unit", "m"),
        ("name", 5),
        ("more", []),
        ("how many?", None),
        ("either", None),
    ],
)
def test_invalid_values_are_unknown(key: str, value: Any) -> None:
    """A complete value that its field does not take is unknown, but there as plain data."""
    now = known(json.dumps({key: value})[:-1] + ",", Order)
    found = now[key]
    assert found is UNKNOWN or found.model_dump() == value
    assert now.model_dump() == {key: value}


class Checked(BaseModel):
    """A model with validators and a configuration of its own."""

    model_config = ConfigDict(str_strip_whitespace=True)
    age: int
    name: Annotated[str, Field(min_length=2)]
    city: str = ""
    next: Checked | None = None

    @field_validator("age")
    @classmethod
    def _positive(cls, age: int, info: ValidationInfo) -> int:
        if age < 0 or (info.context or {}).get("strict"):
            raise ValueError("too young")
        return age + 100

    @field_validator("city")
    @classmethod
    def _not_the_name(cls, city: str, info: ValidationInfo) -> str:
        if city == info.data["name"]:
            raise ValueError("the name")
        return city


def test_the_models_own_validators() -> None:
    """A field is validated by its model's own validators and configuration; one that needs others stays unknown."""
    now = known('{"age": 5, "name": " Ann ", "city": "Bonn", "next": {"age": 6, "name": "x",', Checked)
    assert (now.age, now.name, now.city) == (105, "Ann", UNKNOWN)
    assert (now.next.age, now.next.name) == (106, UNKNOWN)
    assert known('{"age": -5,', Checked).age is UNKNOWN
    assert known('{"age": -5, "name": "Ann"}', Checked).age is UNKNOWN
    watched = Watched(Checked, context={"strict": True})
    assert watched.add('{"age": 5,').age is UNKNOWN


class Named(BaseModel):
    """Aliases of all kinds."""

    one: int = Field(alias="1")
    two: int = Field(validation_alias="2")
    three: int = Field(validation_alias=AliasChoices("3", "drei"))


def test_aliases() -> None:
    """Fields are known by their names, data by the keys of the schema."""
    now = known('{"1": 1, "2": 2, "3": 3,', Named)
    assert (now.one, now.two, now.three) == (1, 2, 3)
    assert (now["1"], now["2"], now["3"]) == (1, 2, 3)
    assert (now["one"], now["two"], now["three"]) == (1, 2, 3)
    assert now.model_fields_set == {"one", "two", "three"}
    assert now.model_dump() == {"1": 1, "2": 2, "3": 3} == dict(now)


class Crossed(BaseModel):
    """A field with the name that another one has as its alias, and one named as a method of mappings."""

    one: int = Field(alias="two")
    two: int = Field(alias="three")
    keys: str


def test_a_key_comes_before_a_name() -> None:
    """What is a key of the schema is that, although a field has it as its name."""
    now = known('{"two": 1, "three": 2, "keys": "x', Crossed)
    assert (now["one"], now["two"], now["three"]) == (1, 1, 2)
    assert (now.one, now.two, now.keys) == (1, 2, "x")


class Open(BaseModel):
    """A model that takes any key."""

    model_config = ConfigDict(extra="allow")
    one: int


class Rates(RootModel[dict[str, int]]):
    """A map with a name."""


@pytest.mark.parametrize("wanted", [Open, dict[str, int], {"type": "object"}, Rates])
def test_free_keys(wanted: Any) -> None:
    """Where any key is allowed, one that is not there may still come."""
    now = known('{"one": 1, "other": 2, "th', wanted)
    assert (now["one"], now["other"], now["third"], now.other, now.third) == (1, 2, UNKNOWN, 2, UNKNOWN)
    assert dict(now) == {"one": 1, "other": 2}
    assert now.keys() == ["one", "other"]


@pytest.mark.parametrize("wanted", [Order, Point, Size])
def test_a_key_that_there_is_not(wanted: Any) -> None:
    """A key that a model does not have is a `KeyError`, unless it has come all the same."""
    now = known('{"more?": [1, 2], "width": "5", "x": 1, "name": "Ann",', wanted)
    with pytest.raises(KeyError, match="nome"):
        _ = now["nome"]
    assert list(now["more?"]) == [1, 2]
    assert list(dict(now)) == ["more?", "width", "x", "name"]


def test_a_field_that_there_is_not() -> None:
    """A name that the model does not have is an `AttributeError`; a number that there is not an `IndexError`."""
    now = known('{"lines": [', Order)
    with pytest.raises(AttributeError, match="Order has no field 'nome'"):
        _ = now.nome
    with pytest.raises(AttributeError):
        _ = now.lines.append
    with pytest.raises(IndexError):
        _ = now.lines[0]


def test_plain_data() -> None:
    """The values of a JSON Schema are plain data, by attribute or by key."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array"}}}
    now = known('{"a": "2025-01-01", "b": [1, {"c": nul', schema)
    assert (now.a, now["a"], now.b[0], now.b[1].c, now.c) == ("2025-01-01", "2025-01-01", 1, UNKNOWN, UNKNOWN)
    assert now.model_fields_set == {"a", "b"}
    assert list(now) == ["a", "b"]
    assert repr(now) == "Partial({'a': '2025-01-01', 'b': [1, {}]})"
    assert known('{"a": "x', schema).a == "x"


def test_what_it_looks_like() -> None:
    """It says what is known, and of what; UNKNOWN is false, one of a kind, and survives copying."""
    now = known('{"name": "Ann", "lines": [{"art', Order)
    assert repr(now) == "Partial[Order]({'name': 'Ann', 'lines': [{}]})"
    assert (len(now), len(now.lines), bool(now), bool(now.lines[0])) == (2, 1, True, False)
    assert copy.copy(now) is now
    assert not UNKNOWN
    assert repr(UNKNOWN) == "UNKNOWN"
    assert pickle.loads(pickle.dumps(UNKNOWN)) is copy.deepcopy(UNKNOWN) is UNKNOWN  # our own


def test_copies() -> None:
    """A deep copy shows the same and shares no value; it cannot be pickled, and says what can be."""
    watched = Watched(Order)
    now = watched.add('{"name": "Ann", "lines": [{"article": "A", "count": 1}, {"art')
    now.lines[0].tags.append("mine")
    copied = copy.deepcopy(now)
    watched.add('icle": "B"')
    assert (copied.model_dump(), copied.name) == (now.model_dump(), "Ann")
    assert (now.lines[0].tags, copied.lines[0].tags, copied.lines[1].article) == (["mine"], [], UNKNOWN)
    for each in (now, now.lines):
        with pytest.raises(TypeError, match="model_dump"):
            pickle.dumps(each)
    with pytest.raises((TypeError, ValueError)):
        dict(now.lines)


# ---------------------------------------------------------------------------------- snapshots, by law

words = st.text(max_size=5)
codes = st.sampled_from(["A", "B é", "key", "value", "entries", "x/y", '"'])
line = st.fixed_dictionaries({"article": words, "count": st.integers(), "tags": st.lists(words, max_size=2)})
orders: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": words,
        "issued": st.dates().map(str),
        "total": st.sampled_from(["1.50", "7"]),
        "color": st.sampled_from(["red", "blue"]),
        "unit": st.sampled_from(["kg", "piece"]),
        "note": st.none() | words,
        "first": st.none() | line,
        "lines": st.lists(line, max_size=3),
        "prices": st.dictionaries(codes, st.sampled_from(["1.5", "20"]), max_size=3),
        "paid": st.fixed_dictionaries({"kind": st.just("card"), "digits": words})
        | st.fixed_dictionaries(
            {"kind": st.just("cash"), "rates": st.dictionaries(codes, st.floats(0, 9), max_size=2)}
        ),
        "either": st.integers() | words,
        "point": st.fixed_dictionaries({"x": st.integers()}, optional={"y": st.floats(0, 9)}),
        "size": st.fixed_dictionaries({"width": st.just("2.5")}, optional={"unit": st.just("mm")}),
        "span": st.tuples(st.dates().map(str), st.integers()).map(list),
    },
    optional={
        "how many?": st.integers(),
        "anything": st.recursive(
            st.none() | st.integers() | words,
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(codes, inner, max_size=2),
            max_leaves=4,
        ),
        "listed": st.lists(st.sampled_from(["red", "blue"]), unique=True),
        "more": st.booleans(),
    },
)


def pieces_of(text: str, size: int) -> Iterator[str]:
    """A text in pieces of one size."""
    return (text[start : start + size] for start in range(0, len(text), size))


def is_beginning(before: Any, after: Any) -> bool:
    """Whether one value, as far as it goes, is there in another."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(key in after and is_beginning(value, after[key]) for key, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) <= len(after) and all(map(is_beginning, before, after))
    if isinstance(before, str) and isinstance(after, str):
        return after.startswith(before)
    return type(before) is type(after) and before == after


@many
@given(orders, st.sampled_from([None, *DIALECTS]), st.integers(1, 40), st.booleans())
def test_it_stays_what_it_was(order: dict[str, Any], dialect: str | None, size: int, looked: bool) -> None:
    """What a partial shows is what a fresh reading of the text so far shows, whatever has come since, and whether
    or not somebody looked; and each is the beginning of the next.
    """
    watched = Watched(Order, dialect)
    text = watched.written(order)
    shown, seen, count = [], [], 0
    for piece in pieces_of(text, size):
        shown.append(watched.add(piece))
        if looked:
            seen.append(shown[-1].model_dump())
    dumps = [each.model_dump() for each in shown]
    assert not looked or seen == dumps
    for dump in dumps:
        count += size
        assert known(text[:count], Order, dialect).model_dump() == dump
    whole = Order.model_validate_json(json.dumps(dumps[-1]))
    assert whole == Order.model_validate_json(json.dumps(order))
    for before, after in itertools.pairwise(dumps):
        assert is_beginning(before, after), (before, after)


FIELDS = [*Order.model_fields]


def told(value: Any) -> Any:
    """What can be compared of a value that is known."""
    return ("partial", value.model_dump(), len(value)) if isinstance(value, Partial) else repr(value)


@many
@given(orders, st.sampled_from([None, *DIALECTS]), st.integers(1, 40), st.lists(st.sampled_from(FIELDS), max_size=6))
def test_its_fields_stay_what_they_were(
    order: dict[str, Any], dialect: str | None, size: int, asked: Sequence[str]
) -> None:
    """What a field shows is what it shows in a fresh reading, whichever fields were asked for before."""
    watched = Watched(Order, dialect)
    text = watched.written(order)
    shown = []
    for number, piece in enumerate(pieces_of(text, size)):
        shown.append(watched.add(piece))
        if asked:
            told(getattr(shown[-1], asked[number % len(asked)]))
    for number, each in reversed([*enumerate(shown, 1)][-40:]):
        fresh = known(text[: number * size], Order, dialect)
        assert {name: told(getattr(each, name)) for name in FIELDS} == {
            name: told(getattr(fresh, name)) for name in FIELDS
        }
        assert each.model_fields_set == fresh.model_fields_set


SCRAPS = ("", "{", "}", "[", "]", ",", '"', ":", "null", "5", '"x"', '"key": ', '{"key": "a", "value": 1}', "\\", " ")


@many
@given(
    orders,
    st.sampled_from([None, *DIALECTS]),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(SCRAPS), st.integers(0, 9)), min_size=1, max_size=3),
)
def test_damaged_texts_break_nothing(
    order: dict[str, Any], dialect: str | None, size: int, damages: Sequence[tuple[int, str, int]]
) -> None:
    """Whatever the text is, a partial shows what a fresh reading does, and no look at it raises."""
    watched = Watched(Order, dialect)
    text = watched.written(order)
    for place, scrap, length in damages:
        start = place % (len(text) + 1)
        text = text[:start] + scrap + text[start + length :]
    shown = [watched.add(piece) for piece in pieces_of(text, size)]
    for number, each in [*enumerate(shown, 1)][-5:]:
        fresh = known(text[: number * size], Order, dialect)
        assert told(each) == told(fresh)
        if isinstance(each, Partial) and isinstance(fresh, Partial):
            assert [told(getattr(each, name)) for name in FIELDS] == [told(getattr(fresh, name)) for name in FIELDS]
            assert repr(each) == repr(fresh)
            assert [*map(told, each)] == [*map(told, fresh)]


# -------------------------------------------------------------------------- what only the wire has


class Inner(BaseModel):
    """A model with what strict dialects rename or rewrite."""

    maps: dict[str, dict[str, int]]
    odd: int = Field(alias="größe (mm)?")
    left: int = 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_maps_and_names(dialect: str) -> None:
    """Maps that are lists of pairs on the wire are maps, and renamed keys have their own names."""
    watched = Watched(Inner, dialect)
    value = {"maps": {"a": {"b": 1, "c": 2}, "key": {}}, "größe (mm)?": 5}
    text = watched.written(value)
    seen = [watched.add(piece) for piece in text]
    halfway = next(each for each in seen if each.model_dump() == {"maps": {"a": {"b": 1}}})
    assert isinstance(halfway.maps, Partial)
    assert (list(halfway.maps), halfway.maps["a"]["b"], halfway.maps["a"]["c"]) == (["a"], 1, UNKNOWN)
    assert (halfway.maps["key"], halfway.odd, len(halfway.maps)) == (UNKNOWN, UNKNOWN, 1)
    last = seen[-1]
    assert (last.odd, last["größe (mm)?"], last.maps) == (5, 5, value["maps"])
    assert last.left in (UNKNOWN, None)  # where it has to be written, it was: as null
    assert last.model_dump() == value
    assert all(is_beginning(a.model_dump(), b.model_dump()) for a, b in itertools.pairwise(seen))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("wanted", "value", "half"),
    [
        (list[Line], [{"article": "A", "count": 1, "tags": []}], [{"article": "A"}]),
        (dict[str, int], {"a": 1, "b": 2}, {"a": 1}),
        (list[list[int]], [[1, 2], [3]], [[1]]),
        (Card | Cash, {"kind": "cash", "rates": {"EUR": 1.5, "USD": 2.0}}, {"kind": "cash", "rates": {"EUR": 1.5}}),
        (dict[str, Card | Cash], {"a": {"kind": "cash", "rates": {}}}, {}),
    ],
)
def test_wrapped_roots(wanted: Any, value: Any, half: Any, dialect: str) -> None:
    """A list, map or union as the root is itself, also where the wire has an object around it."""
    watched = Watched(wanted, dialect)
    seen = [watched.add(piece) for piece in watched.written(value)]
    dumps = [each.model_dump() for each in seen if each is not UNKNOWN]
    assert half in dumps
    assert dumps[-1] == value
    unwrapped = known(json.dumps(value), wanted, dialect)
    assert unwrapped.model_dump() == value
    assert all(map(is_beginning, dumps, dumps[1:]))


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        (date, '{"value": "2025-03-17', UNKNOWN),
        (date, '{"value": "2025-03-17"', date(2025, 3, 17)),
        (str, '{"value": "ab', "ab"),
        (int, '{"value": 12', UNKNOWN),
        (int, '{"value": 12}', 12),
        (int, '{"va', UNKNOWN),
        (bool, '{"value": "x"', UNKNOWN),
        (date, "{", UNKNOWN),
    ],
)
def test_a_single_value(wanted: Any, text: str, expected: Any) -> None:
    """A single value is there when it is complete; a text as far as it goes."""
    assert known(text, wanted, "openai") == expected


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"maps": [{"key": "a", "value": [', ["a"]),
        ('{"maps": [{"key": "a', []),
        ('{"maps": [{"key": "a", "val', []),
        ('{"maps": [{"value": [], "key": "a', []),
        ('{"maps": [{"value": [], "key": "a"', ["a"]),
        ('{"maps": [{"key": 5, "value": []}, {"key": "b", "value": []}, 7, {"key": "c", "value": [', ["b", "c"]),
        ('{"maps": [{"key": "a", "value": []}, {"key": "a", "value": [{"key": "b", "value": 1},', ["a"]),
        ('{"maps": [{"key": "a", "value": []}, {"key": "a", "value": []}], "left":', ["a"]),
        ('{"maps": {"a": {"b": 1}, "c": {', ["a", "c"]),
        ('{"maps": {"a": {"key": "b", "value": 1}}, "left":', ["a"]),
    ],
)
def test_pairs_that_are_odd(text: str, keys: list[str]) -> None:
    """Pairs without a key, in another order, or with a key for the second time break nothing; a map is one."""
    now = known(text, Inner, "openai")
    assert list(now.maps) == keys
    assert now.model_fields_set == {"maps"}


class Tree(BaseModel):
    """A model that refers to itself."""

    name: str
    kids: list[Tree] = []
    by_name: dict[str, Tree] = {}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recursion(dialect: str) -> None:
    """A model in itself is typed at each level."""
    watched = Watched(Tree, dialect)
    leaf = {"name": "c", "kids": [], "by_name": {}}
    text = watched.written(
        {"name": "a", "kids": [{"name": "b", "kids": [leaf], "by_name": {"x": leaf}}], "by_name": {}}
    )
    now = watched.add(text[: text.rindex('"c"') + 3])
    assert now.kids[0].kids[0] == Tree(name="c")
    assert now.kids[0].by_name["x"].name == "c"


class Loose(BaseModel):
    """A model with a union whose members only their keys tell apart, and with anything."""

    one: dict[str, int] | list[int] | str
    two: dict[str, dict[str, int]] | str | list[Line]
    other: Line | Point
    any: Any


@pytest.mark.parametrize("dialect", DIALECTS)
def test_unions(dialect: str) -> None:
    """A member of a union shows in its own shape, when it is known which one it is, and never in the wire's."""
    for value in (
        {
            "one": {"a": 1, "b": 2},
            "two": {"a": {"b": 1}},
            "other": {"article": "A", "count": 1, "tags": []},
            "any": {"b": [1, {"c": 2}]},
        },
        {
            "one": [1, 2],
            "two": [{"article": "A", "count": 1, "tags": []}],
            "other": {"x": 1, "y": 2.0},
            "any": [{"a": 1}, "x"],
        },
        {"one": "text", "two": {}, "other": {"x": 1, "y": 2.0}, "any": "x"},
    ):
        watched = Watched(Loose, dialect)
        dumps = [watched.add(piece).model_dump() for piece in watched.written(value)]
        assert dumps[-1] == value
        assert all(map(is_beginning, dumps, dumps[1:]))


def test_a_big_value_is_looked_up_without_going_through_it() -> None:
    """The members of a large object or list of pairs are looked at once, however often they are asked for."""
    watched = Watched(dict[str, int], "openai")
    text = watched.written({str(number): number for number in range(300)})
    seen = [watched.add(piece) for piece in pieces_of(text, 8)]
    assert [each[str(number)] for number, each in enumerate(seen[-300:])] == list(range(300))
