"""A schema, and a document, as a grammar."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from extractor.errors import SchemaError
from extractor.grammar.copied import MOST_UNITS
from extractor.grammar.schema_grammar import grammar_of
from extractor.schema.adapt import adapt
from extractor.schema.marks import Inferred

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\[(?:[^\]\\]|\\.)*\])|([a-zA-Z][a-zA-Z0-9-]*)|([()|*+?]|\{[\d,]+\})|(\s+)')


def expression(grammar: str) -> re.Pattern[str]:
    """The language of a grammar that does not refer to itself, as a regular expression."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    made: dict[str, str] = {}

    def part(match: re.Match[str]) -> str:
        text, among, name, sign, _ = match.groups()
        if text is not None:
            plain = re.sub(r"\\x(..)|\\(.)", lambda it: chr(int(it[1], 16)) if it[1] else _control(it[2]), text)
            return f"(?:{re.escape(plain)})"
        if name:
            if name not in made:
                made[name] = f"(?:{_TOKEN.sub(part, rules[name])})"
            return made[name]
        return among or (sign.replace("(", "(?:") if sign else "")

    return re.compile(_TOKEN.sub(part, rules["root"]))


def _control(letter: str) -> str:
    return {"n": "\n", "r": "\r", "t": "\t"}.get(letter, letter)


def wire(schema: Any, document: str | None = None) -> re.Pattern[str]:
    """The language of what is adapted to llama.cpp, copied where there is a document."""
    return expression(grammar_of(adapt(schema, "llama.cpp").schema, document, copied=document is not None))


def allows(schema: dict[str, Any], value: Any, document: str | None = None) -> bool:
    """Whether a value can be generated."""
    language = expression(grammar_of(schema, document, copied=document is not None))
    return language.fullmatch(json.dumps(value, ensure_ascii=False)) is not None


# ------------------------------------------------------------------------------- the schema alone


class Line(BaseModel):
    """A line of an order."""

    what: str
    count: int | None = None


class Order(BaseModel):
    """An order."""

    day: dt.date
    state: Literal["open", 'so "called"', 5]
    lines: Annotated[list[Line], Field(min_length=1, max_length=2)]
    notes: dict[str, float] = {}
    paid: bool | None = None


ORDER = {
    "day": "2024-02-29",
    "state": 'so "called"',
    "lines": [{"what": 'a "b"\\', "count": -12}, {"what": "", "count": None}],
    "notes": {"ä": 1.5, "b": 0},
    "paid": True,
}


def test_a_value_of_the_schema() -> None:
    """What conforms can be generated, in one style."""
    language = wire(Order)
    text = json.dumps(ORDER, ensure_ascii=False)
    assert language.fullmatch(text)
    assert not language.fullmatch(json.dumps(ORDER, ensure_ascii=False, separators=(",", ":")))
    assert not language.fullmatch(text.replace("{", "{ ", 1))


@pytest.mark.parametrize(
    "change",
    [
        {"day": "2024-2-29"},
        {"day": "2024-13-29"},
        {"state": "closed"},
        {"lines": []},
        {"lines": [{"what": "", "count": None}] * 3},
        {"lines": [{"what": ""}]},
        {"lines": [{"count": 1, "what": ""}]},
        {"notes": {"a": "1"}},
        {"paid": "true"},
        {"more": 1},
    ],
)
def test_no_value_of_the_schema(change: dict[str, Any]) -> None:
    """What does not conform cannot."""
    assert not wire(Order).fullmatch(json.dumps({**ORDER, **change}))


HEADS = [{"type": "integer"}, {"type": "null"}]


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"const": {"a": [1, None]}}, [{"a": [1, None]}], [{"a": [1]}]),
        ({"enum": ["a", "ab", None, 1.5]}, ["a", "ab", None, 1.5], ["b", 1]),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], [1.5, None]),
        ({"type": ["string", "null"]}, ["a", None], [1]),
        ({"type": "integer", "minimum": 0, "maximum": 99}, [0, 7, 99], [-1, 100]),
        ({"type": "integer"}, [0, -7, 10**15], [10**20, 0.5]),
        ({"type": "number"}, [0, -7.25, 12], ["1"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "äöü", 'a"'], ["a", "abcd"]),
        ({"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, ["AB-1"], ["AB", "ab-1"]),
        ({"type": "string", "format": "uuid"}, ["12345678-1234-1234-1234-1234567890ab"], ["1234"]),
        ({"type": "string", "format": "time"}, ["23:59:59", "00:00:00Z"], ["24:00:00"]),
        ({"type": "string", "format": "date-time"}, ["2024-02-29T10:00:00+01:00"], ["2024-02-29"]),
        ({"type": "array", "prefixItems": HEADS, "items": False, "minItems": 2}, [[1, None]], [[1], [1, None, 1]]),
        ({"type": "array", "prefixItems": HEADS, "maxItems": 2}, [[], [1], [1, None]], [[None], [1, None, 1]]),
        ({"type": "array", "prefixItems": HEADS[:1], "items": {"type": "null"}}, [[], [1], [1, None]], [[1, 1]]),
        ({"type": "array", "items": False}, [[]], [[1]]),
        ({"type": "array"}, [[], [1, "a", [None]]], [{}]),
        ({"type": "object"}, [{}, {"a": {"b": 1}}], [[]]),
        ({"type": "object", "additionalProperties": False}, [{}], [{"a": 1}]),
        ({}, ["a", 1.5, True, None, [], {"a": [{}]}], []),
    ],
)
def test_kinds(schema: dict[str, Any], right: list[Any], wrong: list[Any]) -> None:
    """Each kind of schema allows what it should."""
    assert [value for value in right if not allows(schema, value)] == []
    assert [value for value in wrong if allows(schema, value)] == []


@given(st.sets(st.sampled_from("abcde")), st.sets(st.sampled_from("abcde")))
def test_properties_that_may_be_left_out(required: set[str], there: set[str]) -> None:
    """Properties stand in their order, and exactly those may be left out that are not required."""
    schema = {
        "type": "object",
        "properties": {key: {"type": "null"} for key in "abcde"},
        "required": sorted(required),
    }
    assert allows(schema, dict.fromkeys(sorted(there))) == (required <= there)


def test_references() -> None:
    """What refers to itself is a rule that does."""
    schema = {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/Node"}}]}},
    }
    grammar = grammar_of(schema, None, copied=False)
    assert len(re.findall("^definition-0-free ::= ", grammar, re.MULTILINE)) == 1
    assert len(re.findall("^item2 ::= definition-0-free$", grammar, re.MULTILINE)) == 1


deep: dict[str, Any] = {"type": "null"}
for _ in range(500):
    deep = {"type": "array", "items": deep}


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"$ref": "#/$defs/Nobody"},
        {"allOf": [{"type": "string"}]},
        {"not": {"type": "string"}},
        {"type": "thing"},
        {"type": "object", "properties": {"a": {}}, "required": ["b"]},
        deep,
    ],
)
def test_what_cannot_be_said(schema: Any) -> None:
    """A schema that a grammar cannot say is refused."""
    with pytest.raises(SchemaError):
        grammar_of(schema, None, copied=False)


# ------------------------------------------------------------------------------- what is copied

DOCUMENT = """Invoice no. R-43284 of 3 May 2024
To: Müller & Sons ("Sons"), Berlin
2 desks at $1,918.60 each, three chairs.
Deliver at 14:30."""


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        ("R-43284", True),
        ("Müller & Sons", True),
        ("Berlin", True),
        ('Müller & Sons ("Sons"), Berlin 2 desks', True),
        ("Sons", True),
        ("each, three chairs.", True),
        ("$1,918.60", True),
        ("1,918.60", True),
        ("Ber", False),
        ("berlin", False),
        ("Berlin,", False),
        (", Berlin", False),
        ("Sons Berlin", False),
        ("Paris", False),
        ("", False),
    ],
)
def test_texts_are_copied(value: str, possible: bool) -> None:
    """A text is a span of whole words as it stands in the document, a line's end being a space."""
    assert allows({"type": "string"}, value, DOCUMENT) is possible


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "number"}, ["1918.6", "1918.60", "2", "43284", "3"], ["1918.61", "1", "7"]),
        ({"type": "integer"}, ["2", "3", "2024"], ["1918.6", "7"]),
        ({"type": "integer", "minimum": 100}, ["2024"], ["2"]),
        ({"type": "string", "format": "date"}, ['"2024-05-03"'], ['"2024-03-05"', '"Berlin"']),
        ({"type": "string", "format": "time"}, ['"14:30:00"', '"14:30:00Z"'], ['"14:31:00"']),
        ({"type": "string", "format": "date-time"}, ['"2024-05-03T14:30:00Z"'], ['"2024-05-03T00:00:00Z"']),
        ({"type": "string", "pattern": r"^R-\d+$"}, ['"R-43284"'], ['"43284"']),
        ({"type": "string", "maxLength": 6}, ['"Berlin"', '"To"', '"each"'], ['"R-43284"']),
        ({"type": ["string", "null"]}, ["null", '"Berlin"'], ['"null"']),
        ({"enum": ["EUR", "USD"]}, ['"EUR"'], ['"Berlin"']),
        ({"type": "boolean"}, ["true"], ["2"]),
        ({"type": "string", "x-evidence": "inferred"}, ['"anything"'], []),
        ({"type": "array", "items": {"type": "string"}}, ['["Berlin", "each"]', "[]"], ['["Paris"]']),
    ],
)
def test_values_are_copied(schema: dict[str, Any], right: list[str], wrong: list[str]) -> None:
    """Numbers and dates are those of the document in any reading; what is an enum or inferred is free."""
    language = expression(grammar_of(schema, DOCUMENT, copied=True))
    assert [text for text in right if not language.fullmatch(text)] == []
    assert [text for text in wrong if language.fullmatch(text)] == []


def test_free_keys_and_values_are_copied() -> None:
    """So are the keys of a map, and what may be anything."""
    language = expression(grammar_of({"type": "object"}, "b 2", copied=True))
    assert language.fullmatch('{"b": 2, "2": {"b": "b"}}')
    assert not language.fullmatch('{"c": 2}')
    assert not language.fullmatch('{"b": {"b": "c"}}')


@pytest.mark.parametrize(
    ("kind", "free"),
    [
        ({"type": "integer"}, "7"),
        ({"type": "string", "format": "date"}, '"2024-01-01"'),
        ({"type": "string", "pattern": "^[A-Z]-[0-9]$"}, '"A-1"'),
    ],
)
def test_where_there_is_none(kind: dict[str, Any], free: str) -> None:
    """Where the document has no such value, only null is possible; what is required is free."""
    assert expression(grammar_of(kind, "Berlin", copied=True)).fullmatch(free)
    nullable = expression(grammar_of({**kind, "type": [kind["type"], "null"]}, "Berlin", copied=True))
    assert nullable.fullmatch("null")
    assert not nullable.fullmatch(free)


@pytest.mark.parametrize(
    ("document", "possible"),
    [
        ("Moderately priced, in the city centre", {"moderate"}),
        ("MODERATE or less than £20?", {"moderate", "less than £20"}),
        ("for less", {"moderate", "less than £20", "red"}),
        ("reduced", {"moderate", "less than £20", "red"}),
        ("red", {"red"}),
    ],
)
def test_enums_that_are_mentioned(document: str, possible: set[str]) -> None:
    """Where the document mentions values of an enum, only those (or null) are possible; else all are."""
    schema = {"type": ["string", "null"], "enum": ["moderate", "less than £20", "red", None]}
    found = {value for value in ("moderate", "less than £20", "red") if allows(schema, value, document)}
    assert found == possible
    assert allows(schema, None, document)
    assert allows({**schema, "x-evidence": "inferred"}, "red", document)
    assert allows({"enum": ["red", 5]}, 5, document)


# --------------------------------------------------------------------------------- rows


class Position(BaseModel):
    """A row."""

    what: str
    count: int
    note: str | None = None


class Bill(BaseModel):
    """A bill with rows."""

    number: str
    positions: list[Position]


TABLE = """Bill B-7 of Monday
what | count | price
screws | 100 | small
nails | 20 | 3
Due in 14 days"""


def bill(*positions: tuple[str, int]) -> str:
    """A bill as the model writes it."""
    rows = [{"what": what, "count": count, "note": None} for what, count in positions]
    return json.dumps({"number": "B-7", "positions": rows})


@pytest.mark.parametrize(
    ("positions", "possible"),
    [
        ([("screws", 100), ("nails", 20)], True),
        ([("screws", 100), ("nails", 20), ("days", 14)], True),
        ([("Bill", 7), ("screws", 100), ("nails", 3)], True),
        ([], True),
        ([("Bill", 7), ("days", 14)], True),
        ([("screws", 20), ("nails", 20)], False),  # from two rows
        ([("nails", 20), ("screws", 100)], False),  # not in their order
        ([("screws", 100)], False),  # a row left out at the end
        ([("nails", 20)], False),  # … and at the beginning
        ([("screws", 100), ("nails", 20), ("nails", 20)], False),  # twice
        ([("what", 100)], False),  # the head has no count
    ],
)
def test_rows(positions: list[tuple[str, int]], possible: bool) -> None:
    """Where lines are alike, an item is copied from one line, in their order, and lines that are alike go together."""
    assert bool(wire(Bill, TABLE).fullmatch(bill(*positions))) is possible


@pytest.mark.parametrize(
    "document", ["Bill B-7: 100 screws and 20 nails, small.", "Bill\nB-7\nscrews and nails\n100 20"]
)
def test_no_rows(document: str) -> None:
    """Where no two lines are alike, an item is copied from anywhere."""
    assert wire(Bill, document).fullmatch(bill(("nails", 20), ("screws", 100)))


def test_rows_on_request() -> None:
    """Without `rows`, an item is copied from anywhere also there."""
    schema = adapt(Bill, "llama.cpp").schema
    language = expression(grammar_of(schema, TABLE, copied=True, rows=False))
    assert language.fullmatch(bill(("nails", 20), ("screws", 100), ("nails", 20)))


def test_a_list_with_bounds_is_no_list_of_rows() -> None:
    """Where the number of items is bounded, the rows do not decide it."""
    schema = adapt(Bill, "llama.cpp").schema
    bounded = json.loads(json.dumps(schema))
    bounded["properties"]["positions"]["minItems"] = 1
    language = expression(grammar_of(bounded, TABLE, copied=True))
    assert language.fullmatch(bill(("nails", 20)))


class Summary(BaseModel):
    """What is concluded stands beside what is copied."""

    name: str
    tone: Annotated[str, Inferred()]


def test_inferred_fields() -> None:
    """What is marked as inferred need not stand in the document, also inside."""
    schema = Summary.model_json_schema()
    assert allows(schema, {"name": "Berlin", "tone": "kind"}, DOCUMENT)
    assert not allows(schema, {"name": "kind", "tone": "kind"}, DOCUMENT)
    within = {"type": "array", "x-evidence": "inferred", "items": {"$ref": "#/$defs/S"}, "$defs": {"S": schema}}
    assert allows(within, [{"name": "kind", "tone": "kind"}], DOCUMENT)


def test_a_list_has_no_more_items_than_the_document_words() -> None:
    """No model can run in circles for ever."""
    schema = {"type": "array", "items": {"type": "string"}}
    assert allows(schema, ["b", "a", "b"], "a b c")
    assert not allows(schema, ["b", "a", "b", "a"], "a b c")
    assert allows(schema, [], "a b c")
    assert allows({**schema, "minItems": 5}, ["a"] * 5, "a b c")


@pytest.mark.parametrize("document", ["", "  \n", "…", "\x00\x01"])
def test_a_document_without_words(document: str) -> None:
    """Where nothing can be copied, what is required is free."""
    assert allows({"type": "string"}, "x", document)
    assert allows({"type": ["string", "null"]}, None, document)
    assert not allows({"type": ["string", "null"]}, "x", document)


def test_a_script_without_spaces() -> None:
    """Where no spaces part words, any run of characters can be copied."""
    assert allows({"type": "string"}, "京都", "東京都庁")
    assert not allows({"type": "string"}, "東都", "東京都庁")


def test_a_long_document() -> None:
    """Of a document that is too long for a grammar texts are free, in time that grows no faster than it."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    long = " ".join(f"w{number}" for number in range(30_000))
    assert "string ::=" in grammar_of(schema, long, copied=True)
    for bounds in ({}, {"maxLength": 10}):
        nullable = grammar_of({"type": ["string", "null"], **bounds}, long, copied=True)
        assert expression(nullable).fullmatch('"anything"')
    assert len(grammar_of(schema, "a " * 300_000, copied=True)) < 2_000_000
    assert len(grammar_of(schema, "a" * 3_000_000, copied=True)) < 2_000_000


def test_numbers_and_days_of_a_long_document() -> None:
    """Of a long document numbers and days are still copied, where they are not too many; of a very long one nothing."""
    schema = {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}, DAY], "minItems": 3}
    long = "Berlin 5 of 3 May 2024 " * (MOST_UNITS // 6 + 1)
    language = expression(grammar_of(schema, long, copied=True))
    assert language.fullmatch('["anything", 5, "2024-05-03"]')
    assert not language.fullmatch('["anything", 7, "2024-05-03"]')
    assert not language.fullmatch('["anything", 5, "2024-05-04"]')
    assert allows({"type": "integer"}, 10**6, " ".join(map(str, range(12_000))))
    assert allows({"type": "integer"}, 7, long * 10)


DAY = {"type": "string", "format": "date"}


def test_times_in_zones() -> None:
    """A time may have the parts of a second and the offsets that stand in the document, and no others."""
    document = "2024-05-03 14:30:05.123 +0200"
    schema = {"type": "string", "format": "date-time"}
    for ending in ("", "Z", ".123", "+02:00", ".123+02:00"):
        assert allows(schema, f"2024-05-03T14:30:05{ending}", document)
    for ending in (".124", "+03:00"):
        assert not allows(schema, f"2024-05-03T14:30:05{ending}", document)


@settings(max_examples=200)
@given(st.text(min_size=1), st.data())
def test_hostile_documents(document: str, data: st.DataObject) -> None:
    """Whatever stands in a document, the grammar is one line a rule, and allows spans of it as JSON strings alone."""
    grammar = grammar_of({"type": "string"}, document, copied=True)
    assert all(" ::= " in line for line in grammar.splitlines())
    language = expression(grammar)
    words = [word for word in re.split(r"[\s\x00-\x1f\x7f-\x9f]+", document) if re.fullmatch(r"[a-zA-Z]+", word)]
    if words:
        word = data.draw(st.sampled_from(words))
        assert language.fullmatch(json.dumps(word))
        assert not language.fullmatch(json.dumps("x" + document.replace(" ", "") + "y"))
