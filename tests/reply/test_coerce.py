"""Coercion: what is mended without a loss, what is left alone, and what must not pass."""

from __future__ import annotations

import copy
import datetime
import enum
import ipaddress
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from extractor.reply.coerce import Coerced, coerced
from extractor.reply.shaping import shape_of
from extractor.schema.checked import FieldError

Schema: TypeAlias = "dict[str, Any]"

INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
STRING: Schema = {"type": "string"}
NULL: Schema = {"type": "null"}
DATE: Schema = {"type": "string", "format": "date"}
TIME: Schema = {"type": "string", "format": "time"}
DATE_TIME: Schema = {"type": "string", "format": "date-time"}
DURATION: Schema = {"type": "string", "format": "duration"}
EMAIL: Schema = {"type": "string", "format": "email"}
DECIMAL_TEXT: Schema = {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}
COLOUR: Schema = {"enum": ["red", "green", "not_known"], "type": "string"}


class Written(float):
    """A number that remembers how it was written."""

    literal: str


def number(text: str) -> Written:
    """A number as it was written."""
    made = Written(text)
    made.literal = text
    return made


def either(*schemas: Schema) -> Schema:
    """A union."""
    return {"anyOf": list(schemas)}


def listed(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def record(*required: str, closed: bool | None = None, **properties: Schema) -> Schema:
    """An object."""
    more: Schema = {} if closed is None else {"additionalProperties": not closed}
    return {"type": "object", "properties": properties, "required": list(required), **more}


def mapped(values: Schema) -> Schema:
    """An object with free keys."""
    return {"type": "object", "additionalProperties": values}


def keyed(*patterns: str, values: Schema) -> Schema:
    """An object whose keys have one of some patterns."""
    return {"type": "object", "patternProperties": dict.fromkeys(patterns, values)}


PERSON = record("first_name", "age", first_name=STRING, age=INTEGER)
CAT = record("kind", "lives", kind={"const": "cat"}, lives=INTEGER)
DOG = record("kind", "tricks", kind={"const": "dog"}, tricks=listed(STRING))
PET = {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "kind"}}
SQUARE = record("side", side=INTEGER)
CIRCLE = record("radius", radius=INTEGER)

MENDED: list[tuple[Schema, Any, Any, list[str]]] = [
    # integers and numbers
    (INTEGER, "30", 30, ["integer"]),
    (INTEGER, " +30 ", 30, ["integer"]),
    (INTEGER, "1,234", 1234, ["integer"]),
    (INTEGER, "30.0", 30, ["integer"]),
    (INTEGER, "1_000", 1000, ["integer"]),
    (INTEGER, "1.000.000", 1000000, ["integer"]),
    (NUMBER, "1.000", 1.0, ["number"]),
    (INTEGER, "３０", 30, ["integer"]),
    (INTEGER, "12345678901234567890", 12345678901234567890, ["integer"]),
    ({**INTEGER, "maximum": 100}, "30", 30, ["integer"]),
    ({**INTEGER, "multipleOf": 5}, "30", 30, ["integer"]),
    ({**INTEGER, "exclusiveMinimum": 29, "exclusiveMaximum": 31}, "30", 30, ["integer"]),
    (NUMBER, "3.5", 3.5, ["number"]),
    (NUMBER, "30", 30, ["number"]),
    (NUMBER, "1,234.50", 1234.5, ["number"]),
    (NUMBER, "12,5", 12.5, ["number"]),
    ({**NUMBER, "multipleOf": 0.01}, "19.99", 19.99, ["number"]),
    (either(INTEGER, NULL), "30", 30, ["integer"]),
    (either(INTEGER, BOOLEAN), "1", 1, ["integer"]),
    (either(INTEGER, NUMBER), "3.5", 3.5, ["number"]),
    (either(NUMBER, DECIMAL_TEXT), "1,234.50", "1234.50", ["number"]),
    (either(NUMBER, DECIMAL_TEXT), "12345678901234567,89", "12345678901234567.89", ["number"]),
    (either(NUMBER, DECIMAL_TEXT, NULL), "unknown", None, ["null"]),
    (either(NUMBER, {**STRING, "pattern": "^never$"}), "1,234.50", 1234.5, ["number"]),
    # booleans
    (BOOLEAN, "true", True, ["boolean"]),
    (BOOLEAN, "No", False, ["boolean"]),
    (BOOLEAN, "t", True, ["boolean"]),
    (BOOLEAN, "F", False, ["boolean"]),
    (BOOLEAN, "1", True, ["boolean"]),
    (BOOLEAN, 0, False, ["boolean"]),
    (either(BOOLEAN, NULL), 1, True, ["boolean"]),
    (either(BOOLEAN, INTEGER), "yes", True, ["boolean"]),
    # texts
    (STRING, 30, "30", ["text"]),
    (STRING, number("1.50"), "1.50", ["text"]),
    (either(STRING, NULL), 30, "30", ["text"]),
    ({**STRING, "pattern": "^[0-9]{5}$"}, 10115, "10115", ["text"]),
    ({**STRING, "format": "phone"}, 112, "112", ["text"]),
    # nothing
    (either(STRING, NULL), "", None, ["null"]),
    (either(STRING, NULL), "null", None, ["null"]),
    (either(STRING, NULL), "N/A", None, ["null"]),
    ({"type": ["string", "null"]}, "n/a", None, ["null"]),
    (either(INTEGER, NULL), "Unknown", None, ["null"]),
    (either(INTEGER, NULL), "-", None, ["null"]),
    (either(DATE, NULL), "not specified", None, ["null"]),
    (either(EMAIL, NULL), "none", None, ["null"]),
    (either(COLOUR, NULL), "N/A", None, ["null"]),
    (either(PERSON, NULL), "", None, ["null"]),
    (either(listed(STRING), NULL), "none", None, ["null"]),
    # lists
    (listed(STRING), "x", ["x"], ["list"]),
    (listed(INTEGER), "30", [30], ["list", "integer"]),
    (listed(INTEGER), 30, [30], ["list"]),
    (listed(PERSON), {"first_name": "A", "age": 1}, [{"first_name": "A", "age": 1}], ["list"]),
    (listed({}), 5, [5], ["list"]),
    (either(listed(STRING), NULL), "x", ["x"], ["list"]),
    (either(PERSON, listed(SQUARE)), {"side": 1}, [{"side": 1}], ["list"]),
    (listed(STRING), None, [], ["list"]),
    (listed(STRING, minItems=0), None, [], ["list"]),
    (INTEGER, [30], 30, ["item"]),
    (INTEGER, ["30"], 30, ["item", "integer"]),
    (INTEGER, [[30]], 30, ["item", "item"]),
    (PERSON, [{"first_name": "A", "age": 1}], {"first_name": "A", "age": 1}, ["item"]),
    (either(STRING, NULL), ["x"], "x", ["item"]),
    # JSON in a text
    (PERSON, '{"first_name": "A", "age": "1"}', {"first_name": "A", "age": 1}, ["json", "integer"]),
    (PERSON, '{"first_name": "A"}', {"first_name": "A"}, ["json"]),
    (listed(INTEGER), "[1, 2]", [1, 2], ["json"]),
    (listed(INTEGER), " [] ", [], ["json"]),
    (either(PERSON, NULL), '{"first_name": "A", "age": 1}', {"first_name": "A", "age": 1}, ["json"]),
    (listed(SQUARE), '{"side": 1}', [{"side": 1}], ["json", "list"]),
    (PERSON, '{"first_name": 1.50, "age": 1}', {"first_name": "1.50", "age": 1}, ["json", "text"]),
    # keys
    (PERSON, {"firstName": "A", "age": 1}, {"first_name": "A", "age": 1}, ["key"]),
    (PERSON, {"First Name": "A", "Age": "1"}, {"first_name": "A", "age": 1}, ["key", "key", "integer"]),
    (record(lineTotal=INTEGER), {"line-total": 1}, {"lineTotal": 1}, ["key"]),
    (either(SQUARE, CIRCLE), {"Radius": 1}, {"radius": 1}, ["key"]),
    (listed(PERSON), [{"FIRST_NAME": "A", "age": 1}], [{"first_name": "A", "age": 1}], ["key"]),
    # To a JSON Schema it may be a key of its own.
    (PERSON, {"firstName": [1, 2], "age": 1}, {"firstName": [1, 2], "age": 1}, []),
    (record(amount=NUMBER), {"Amount": "1,234"}, {"Amount": "1,234"}, []),
    # choices
    (COLOUR, "Red", "red", ["choice"]),
    (COLOUR, "not known", "not_known", ["choice"]),
    (COLOUR, "grean", "green", ["choice"]),
    ({"const": "Invoice"}, "invoice", "Invoice", ["choice"]),
    ({"enum": [1, 2, 3]}, "3", 3, ["choice"]),
    ({"enum": ["1", "2"]}, 1, "1", ["choice"]),
    ({"enum": ["1.50"]}, number("1.50"), "1.50", ["choice"]),
    ({"enum": ["a", 2.5]}, "2,5", 2.5, ["choice"]),
    (either({"const": "red"}, {"const": "green"}), "GREEN", "green", ["choice"]),
    (either(COLOUR, NULL), "RED", "red", ["choice"]),
    # dates and times
    (DATE, "3 May 2021", "2021-05-03", ["date"]),
    (DATE, 20210503, "2021-05-03", ["date"]),
    (either(DATE, NULL), "05/13/2021", "2021-05-13", ["date"]),
    (DATE_TIME, "2021-05-03 14:30", "2021-05-03T14:30:00", ["date_time"]),
    (TIME, "2:30 PM", "14:30:00", ["time"]),
    # inside of objects, lists and unions
    (mapped(INTEGER), {"a": "1", "b/c~": "2"}, {"a": 1, "b/c~": 2}, ["integer", "integer"]),
    (keyed("^a", values=INTEGER), {"a": "1", "b": "2"}, {"a": 1, "b": "2"}, ["integer"]),
    (keyed("^a", "^b", values=INTEGER), {"a": "1", "b": "2"}, {"a": 1, "b": 2}, ["integer", "integer"]),
    ({**keyed("^a", values=INTEGER), "additionalProperties": False}, {"a": "1"}, {"a": 1}, ["integer"]),
    (either(keyed("^a", values=INTEGER), NULL), {"a": "1"}, {"a": 1}, ["integer"]),
    (listed(INTEGER), ["1", 2], [1, 2], ["integer"]),
    ({"type": "array", "prefixItems": [INTEGER, STRING]}, ["1", 2], [1, "2"], ["integer", "text"]),
    (record(a=record(b=listed(INTEGER))), {"a": {"b": ["1"]}}, {"a": {"b": [1]}}, ["integer"]),
    (PET, {"kind": "cat", "lives": "9"}, {"kind": "cat", "lives": 9}, ["integer"]),
    (PET, {"kind": "Cat", "lives": 9}, {"kind": "cat", "lives": 9}, ["choice"]),
    (PET, {"kind": "dog", "tricks": "sit"}, {"kind": "dog", "tricks": ["sit"]}, ["list"]),
    (PET, {"kind": "dog", "Tricks": 1, "tricks": None}, {"kind": "dog", "Tricks": 1, "tricks": []}, ["list"]),
    (either(SQUARE, CIRCLE), {"radius": "1"}, {"radius": 1}, ["integer"]),
    (either(PERSON, NULL), {"first_name": "A", "age": "1"}, {"first_name": "A", "age": 1}, ["integer"]),
    (PERSON, {"first_name": 5}, {"first_name": "5"}, ["text"]),
    ({"allOf": [INTEGER]}, "30", 30, ["integer"]),
    ({"allOf": [{"$ref": "#/$defs/N"}], "default": 1, "$defs": {"N": INTEGER}}, "30", 30, ["integer"]),
    ({"$ref": "#/$defs/N", "title": "T", "$defs": {"N": either(NULL, INTEGER)}}, "30", 30, ["integer"]),
    ({"properties": {"a": INTEGER}}, {"a": "1"}, {"a": 1}, ["integer"]),
]

LEFT_ALONE: list[tuple[Schema, Any]] = [
    (INTEGER, 30),
    (INTEGER, 30.0),
    (INTEGER, number("30.0")),
    (INTEGER, 30.5),
    (INTEGER, "30.5"),
    (INTEGER, "$30"),
    (INTEGER, "10,0000"),
    (INTEGER, "1,0000"),
    (NUMBER, 10**308),
    (INTEGER, 10**309),
    (either(INTEGER, NUMBER), 10**309),
    (either(NUMBER, DECIMAL_TEXT), 10**309),
    (INTEGER, "30%"),
    (INTEGER, "30 kg"),
    (INTEGER, ""),
    (INTEGER, None),
    (INTEGER, "unknown"),
    ({**INTEGER, "maximum": 20}, "30"),
    ({**INTEGER, "minimum": 40}, "30"),
    ({**INTEGER, "multipleOf": 7}, "30"),
    (NUMBER, "1,234"),
    (NUMBER, "1.234,567"),
    (NUMBER, "endless"),
    (NUMBER, "0.12345678901234567"),
    (either(INTEGER, NUMBER), "30.0"),
    (either(NUMBER, DECIMAL_TEXT), "1234.50"),
    (either(NUMBER, DECIMAL_TEXT), "1,234"),
    (either(NUMBER, STRING), "1,234.50"),
    (BOOLEAN, "maybe"),
    (BOOLEAN, 2),
    (BOOLEAN, 1.0),
    (STRING, True),
    (STRING, {}),
    (STRING, ["x", "y"]),
    (STRING, None),
    (STRING, 1.5),
    (STRING, 10**400),
    (STRING, ""),
    (STRING, "N/A"),
    ({**STRING, "maxLength": 3}, 12345),
    ({**STRING, "pattern": "^[a-z]+$"}, 5),
    ({**STRING, "pattern": "^[a-z]+$"}, "N/A"),
    (either(STRING, INTEGER), "30"),
    (either(STRING, NULL), "unknown"),
    (either(STRING, NULL), "-"),
    (either(STRING, NULL), "Null"),
    (either({"enum": ["N/A", "x"]}, NULL), "N/A"),
    (either({"const": ""}, NULL), ""),
    (listed(STRING), "a, b"),
    (listed(STRING), "a; b"),
    (listed(STRING), "a | b"),
    (listed(STRING), "a\nb"),
    (listed(STRING), "甲、乙"),
    (listed(STRING), ""),
    (listed(STRING), "none"),
    (listed(INTEGER), "thirty"),
    (listed(STRING, minItems=1), None),
    (listed(STRING, minItems=2), "x"),
    (listed(either(INTEGER, NULL)), None),
    (listed(PERSON), {"first_name": "A"}),
    ({"type": "array", "prefixItems": [INTEGER]}, 5),
    (either(INTEGER, listed(INTEGER)), [5]),
    (INTEGER, [1, 2]),
    (INTEGER, []),
    (INTEGER, ["x"]),
    (PERSON, [{"first_name": "A"}]),
    (PERSON, "{'first_name': 'A'}"),
    (PERSON, '{"first_name": NaN}'),
    (PERSON, '{"age": 1e999}'),
    (PERSON, '{"age": 1, "age": 2}'),
    (PERSON, '{"first_name": "\\ud800", "age": 1}'),
    (PERSON, "[" * 100_000),
    (PERSON, "[1]"),
    (either(PERSON, STRING), '{"first_name": "A", "age": 1}'),
    (PERSON, {"first_name": "A", "firstName": "B", "age": 1}),
    (PERSON, {"firstName": "A", "FirstName": "B", "age": 1}),
    (record(a_b=STRING, aB=STRING), {"A B": "x"}),
    (record(**{"": STRING}), {"...": "x"}),  # type: ignore[arg-type]
    ({**PERSON, "additionalProperties": True}, {"firstName": "A", "age": 1}),
    ({**PERSON, "additionalProperties": STRING}, {"firstName": "A", "age": 1}),
    (mapped(INTEGER), {"First Name": 1}),
    (COLOUR, "blue"),
    (COLOUR, "re"),
    (COLOUR, "red or green"),
    ({"enum": ["draft", "craft"]}, "raft"),
    ({"enum": ["a", "A"]}, " x"),
    ({"enum": [1, 2]}, "4"),
    ({"enum": [True]}, "true"),
    ({"enum": [{"a": 1}]}, {"a": 2}),
    ({"enum": ["1.5"]}, 1.5),
    (DATE, "03/04/2021"),
    (DATE, "3 May 21"),
    (DATE, "2021-05-03T14:30:00"),
    (DATE, "2021-02-30"),
    (DATE_TIME, "2021-05-03"),
    (DATE_TIME, "2021-05-03T14:30:00"),
    (DATE_TIME, "2021-05-03T14:30:00Z"),
    (TIME, "14:30:00"),
    (DURATION, "P1D"),
    (PET, {"kind": "bird", "lives": "9"}),
    (PET, {"lives": "x"}),
    (either(SQUARE, CIRCLE), {"side": "1", "radius": "2"}),
    (either(record("a", a=INTEGER), record("a", a=BOOLEAN)), {"a": "1"}),
    (either(INTEGER, BOOLEAN, listed(INTEGER)), "x"),
    ({"allOf": [INTEGER, {"minimum": 1}]}, "30"),
    ({"type": "integer", "not": {"const": 30}}, "30"),
    ({"type": "integer", "anyOf": [{"minimum": 1}]}, "30"),
    ({"$ref": "#/$defs/N", "minimum": 1, "$defs": {"N": INTEGER}}, "30"),
    ({"$ref": "#/$defs/Gone"}, "30"),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, "30"),
    (keyed("^a", values=INTEGER), {"b": "1"}),
    (keyed("^a", "^b", values=INTEGER), {"c": "1"}),
    ({"type": "object", "patternProperties": {"^a": INTEGER, "^b": NUMBER}}, {"a": "1"}),
    ({**keyed("^a", values=INTEGER), "additionalProperties": NUMBER}, {"a": "1"}),
    ({**keyed("^a", values=INTEGER), "properties": {"ab": NUMBER}}, {"a": "1"}),
    ({"type": "object", "patternProperties": {}}, {"a": "1"}),
    ({"if": {}, "then": INTEGER}, "30"),
    ({"type": "file"}, "30"),
    ({}, "30"),
    ({"properties": {"a": INTEGER}}, '{"a": 1}'),
    (record(a=True), {"a": "30"}),  # type: ignore[arg-type]
    (record(a=False), {"a": "30"}),  # type: ignore[arg-type]
]


def at(data: Any, pointer: str) -> Any:
    """The value at a place."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        data = data[int(key)] if isinstance(data, list) else data[key]
    return data


def kinds(result: Coerced) -> list[str]:
    """What was mended."""
    return [each.kind for each in result.repairs]


@pytest.mark.parametrize(("schema", "given", "expected", "repairs"), MENDED)
def test_mended(schema: Schema, given: Any, expected: Any, repairs: list[str]) -> None:
    """What can be read in one way only is mended, and each mend is listed at its place."""
    before = copy.deepcopy(given)
    result = coerced(shape_of(schema), given)
    assert json.dumps(result.data) == json.dumps(expected)
    assert kinds(result) == repairs
    assert result.faults == ()
    assert given == before
    for each in result.repairs:
        assert each.pointer is not None
        assert each.offset is None
        assert len(each.message) < 180
        at(result.data, each.pointer)


@pytest.mark.parametrize(("schema", "given"), LEFT_ALONE)
def test_left_alone(schema: Schema, given: Any) -> None:
    """What is right, has two readings, or would lose something stays the very value that it is."""
    result = coerced(shape_of(schema), given)
    assert result.data is given
    assert result.repairs == ()
    assert result.faults == ()


def test_the_order_of_keys_is_kept() -> None:
    """A key that is renamed, or whose value is mended, stays where it was."""
    given = {"Age": "1", "more": 2, "firstName": "A"}
    result = coerced(shape_of(PERSON), given)
    assert list(result.data.items()) == [("age", 1), ("more", 2), ("first_name", "A")]
    assert [each.pointer for each in result.repairs] == ["/age", "/age", "/first_name"]


def test_messages() -> None:
    """A mend is told in one short sentence, which quotes little of what was there."""
    schema = record(a=INTEGER, b=either(STRING, NULL), c=listed(STRING), d=listed(PERSON))
    given = {"a": "30", "b": "N/A", "c": "x" * 500, "d": {"firstName": "A", "age": 1}}
    told = {each.message: each.pointer for each in coerced(shape_of(schema), given).repairs}
    assert told == {
        'Taken "30" for 30.': "/a",
        'Taken "N/A" for null.': "/b",
        'Put "' + "x" * 58 + "… into a list.": "/c",
        "Put an object into a list.": "/d",
        'Read the key "firstName" as "first_name".': "/d/0/first_name",
    }


def test_a_wrapper() -> None:
    """What an object by the target's name holds is the whole, and is mended as such."""
    given = {"Person": {"firstName": "A", "age": "1"}}
    result = coerced(shape_of(PERSON), given, names=["Person"])
    assert result.data == {"first_name": "A", "age": 1}
    assert [(each.kind, each.pointer) for each in result.repairs] == [
        ("unwrapped", ""),
        ("integer", "/age"),
        ("key", "/first_name"),
    ]


# --------------------------------------------------------------------------------------- faults

FAULTS: list[tuple[Schema, Any, list[tuple[str, str, str]]]] = [
    (INTEGER, True, [("boolean_for_number", "", "true")]),
    (NUMBER, False, [("boolean_for_number", "", "false")]),
    ({"enum": [1, 2]}, True, [("boolean_for_number", "", "true")]),
    (either(INTEGER, NULL), True, [("boolean_for_number", "", "true")]),
    (either(INTEGER, STRING), True, [("boolean_for_number", "", "true")]),
    (either(NUMBER, DECIMAL_TEXT), True, [("boolean_for_number", "", "true")]),
    (either(INTEGER, {"const": True}), False, [("boolean_for_number", "", "false")]),
    (listed(INTEGER), [1, True], [("boolean_for_number", "/1", "true")]),
    (mapped(NUMBER), {"a/b": True}, [("boolean_for_number", "/a~1b", "true")]),
    (PET, {"kind": "cat", "lives": True}, [("boolean_for_number", "/lives", "true")]),
    (either(SQUARE, CIRCLE), {"side": True, "radius": 1.5}, [("boolean_for_number", "/side", "true")]),
    (either(PERSON, NULL), {"age": True}, [("boolean_for_number", "/age", "true")]),
    (DATE, 1620000000, [("number_for_text", "", "1620000000")]),
    (DATE, 20211332, [("number_for_text", "", "20211332")]),
    (DATE, number("1.50"), [("number_for_text", "", "1.50")]),
    (DATE_TIME, 20210503, [("number_for_text", "", "20210503")]),
    (DATE_TIME, "1620000000", [("number_for_text", "", '"1620000000"')]),
    (TIME, 1430, [("number_for_text", "", "1430")]),
    (DURATION, 90, [("number_for_text", "", "90")]),
    (DURATION, "90", [("number_for_text", "", '"90"')]),
    (either(DATE, NULL), 5, [("number_for_text", "", "5")]),
    (NUMBER, "inf", [("not_finite", "", '"inf"')]),
    (mapped(NUMBER), {"a": " NaN "}, [("not_finite", "/a", '" NaN "')]),
    (either(NUMBER, NULL), "1e999", [("not_finite", "", '"1e999"')]),
    (either(INTEGER, DATE), 1.5, [("number_for_text", "", "1.5")]),
    (EMAIL, 5, [("number_for_text", "", "5")]),
    ({**STRING, "format": "ipv4"}, 1, [("number_for_text", "", "1")]),
    ({**STRING, "format": "ipv4"}, True, [("boolean_for_text", "", "true")]),
    ({**STRING, "format": "uuid"}, number("1.5"), [("number_for_text", "", "1.5")]),
    (NUMBER, 10**309, [("not_finite", "", "1" + "0" * 58 + "…")]),
    (NUMBER, "9" * 500, [("not_finite", "", '"' + "9" * 58 + "…")]),
    (either(NUMBER, NULL), "1" + "0" * 309, [("not_finite", "", '"1' + "0" * 57 + "…")]),
    (mapped(NUMBER), {"a": -(10**309)}, [("not_finite", "/a", "-1" + "0" * 57 + "…")]),
    (INTEGER, "1.000", [("ambiguous_number", "", '"1.000"')]),
    (INTEGER, " -12.000 ", [("ambiguous_number", "", '" -12.000 "')]),
    (either(INTEGER, NULL), "1.234", [("ambiguous_number", "", '"1.234"')]),
    ({"enum": [1, 1000]}, "1.000", [("ambiguous_number", "", '"1.000"')]),
    (INTEGER, "1_0", [("ambiguous_number", "", '"1_0"')]),
    (NUMBER, "1_0.5", [("ambiguous_number", "", '"1_0.5"')]),
    (keyed("^a", values=NUMBER), {"a": True, "b": True}, [("boolean_for_number", "/a", "true")]),
]


@pytest.mark.parametrize(("schema", "given", "faults"), FAULTS)
def test_faults(schema: Schema, given: Any, faults: list[tuple[str, str, str]]) -> None:
    """What a validator would take for something else is named, whether anything is to be mended or not."""
    for mend in (True, False):
        result = coerced(shape_of(schema), given, mend=mend)
        assert result.data is given
        assert result.repairs == ()
        assert [(each.kind, each.pointer, each.found) for each in result.faults] == faults


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (BOOLEAN, True),
        (either(INTEGER, BOOLEAN), True),
        (either(INTEGER, DATE), 5),
        (STRING, True),
        ({}, True),
        (either(INTEGER, DATE), "20210503"),
        (either(NUMBER, STRING), "inf"),
        (STRING, "inf"),
        ({"enum": [True, 1]}, True),
        (either(SQUARE, record("side", side=BOOLEAN)), {"side": True}),
        (INTEGER, "0.125"),
        (INTEGER, "1__0"),
        (INTEGER, "_1"),
        (either(INTEGER, STRING), "1.000"),
        (either(NUMBER, DECIMAL_TEXT), 10**309),
    ],
)
def test_no_faults(schema: Schema, given: Any) -> None:
    """A boolean or a number where one is wanted is none, nor one that no validator would take."""
    assert coerced(shape_of(schema), given).faults == ()


def test_without_mending() -> None:
    """Where nothing is to be mended, a number that could have been a date is a fault too."""
    schema = record(day=DATE, count=INTEGER)
    given = {"day": 20210503, "count": "30"}
    assert coerced(shape_of(schema), given).data == {"day": "2021-05-03", "count": 30}
    result = coerced(shape_of(schema), given, mend=False)
    assert result.data is given
    assert result.repairs == ()
    assert result.faults == (
        FieldError(
            pointer="/day",
            message="Expected a text in the format date, not a number",
            found="20210503",
            kind="number_for_text",
        ),
    )


def test_a_key_whose_value_does_not_fit() -> None:
    """A type passes over a key in another spelling: what was said under it is a fault, unless it is one anyway."""
    person = record(age={**INTEGER, "minimum": 0}, name=STRING, at=record("x", x=INTEGER))
    given = {"Age": -1, "Name": "A", "AT": {}}
    result = coerced(shape_of(person, decimals=True), given)
    assert result.data == {"age": -1, "name": "A", "at": {}}
    assert [(each.kind, each.pointer) for each in result.faults] == [("misfit", "/age"), ("misfit", "/at")]
    assert coerced(shape_of(person), given).faults == ()
    (fault,) = coerced(shape_of(person, decimals=True), {"Age": True}).faults
    assert fault.kind == "boolean_for_number"


# ------------------------------------------------------------------------------ recursion, and bounds


def test_very_many_notes() -> None:
    """Of thousands of repairs or faults the first thousand are listed, and how many more there were."""
    result = coerced(shape_of(listed(INTEGER)), ["1", True] * 1_500)
    assert result.data == [1, True] * 1_500
    assert [each.kind for each in result.repairs] == ["integer"] * 1_000 + ["more"]
    assert [each.kind for each in result.faults] == ["boolean_for_number"] * 1_000 + ["more"]
    assert (result.repairs[-1].message, result.faults[-1].message) == ("And 500 more.", "and 500 more")


def test_very_long_pointers() -> None:
    """Where a key makes all pointers long, only as many are made as come to a million characters."""
    key = "k" * 60_000
    result = coerced(shape_of(mapped(listed(INTEGER))), {key: ["1", True] * 5_000})
    assert result.data == {key: [1, True] * 5_000}
    assert len(result.repairs) + len(result.faults) < 20
    assert (result.repairs[-1].kind, result.faults[-1].kind) == ("more", "more")


TREE: Schema = {
    "$ref": "#/$defs/Tree",
    "$defs": {"Tree": record("n", n=INTEGER, kids=listed({"$ref": "#/$defs/Tree"}))},
}


def test_recursion() -> None:
    """A schema that refers to itself is followed as far as the value goes."""
    given = {"n": "1", "kids": [{"n": "2", "kids": {"n": "3"}}]}
    result = coerced(shape_of(TREE), given)
    assert result.data == {"n": 1, "kids": [{"n": 2, "kids": [{"n": 3}]}]}
    assert [each.pointer for each in result.repairs] == ["/n", "/kids/0/n", "/kids/0/kids", "/kids/0/kids/0/n"]


def nested(levels: int, leaf: Any, key: str = "x") -> Any:
    """A value in objects in objects."""
    for _ in range(levels):
        leaf = {key: leaf}
    return leaf


DEEP: Schema = {"$ref": "#/$defs/D", "$defs": {"D": either(INTEGER, record("x", x={"$ref": "#/$defs/D"}))}}
# Every level has two branches that take it, of which none fits: held against both, again at each level.
FORKED: Schema = {
    "$ref": "#/$defs/F",
    "$defs": {
        "F": either(
            record("x", "a", x={"$ref": "#/$defs/F"}, a=INTEGER),
            record("x", "b", x={"$ref": "#/$defs/F"}, b=INTEGER),
            NULL,
        )
    },
}
HOSTILE: list[tuple[Schema, Any]] = [
    (DEEP, nested(5_000, "30")),
    (FORKED, nested(400, True)),
    (FORKED, nested(60, "x")),
    (TREE, nested(3_000, 1, "kids")),
    (either(record("a", a=INTEGER, b={}), record("a", a=INTEGER, c={})), {"a": "1", "d": nested(20_000, 1)}),
    (either(*[{"type": "object", "properties": {"a": INTEGER}}] * 2), {"a": "1", "d": nested(20_000, 1)}),
    (TREE, {"n": 1, "kids": nested(300, [1], "kids")}),
    (INTEGER, [[[[[[[[[["30"] * 1]]]]]]]]] * 1),
    (INTEGER, "1," * 100_000),
    (INTEGER, "1" * 1_000_000),
    (NUMBER, " " * 1_000_000 + "1"),
    (DATE, "3 " * 500_000),
    (DATE_TIME, "2021-05-03" + " " * 500_000),
    (COLOUR, "r" * 1_000_000),
    (listed(COLOUR), ["gren" + "e" * (n % 7) for n in range(20_000)]),
    (PERSON, '{"first_name": ' * 100_000),
    (PERSON, json.dumps(nested(150, 1, "first_name"))),
    (listed(PERSON), [{"firstName": "A", "age": "x"}] * 5_000),
    (record(a=INTEGER), {f"A{' ' * n}": n for n in range(2_000)}),
    ({"$ref": "#/$defs/A", "$defs": {"A": either({"$ref": "#/$defs/B"}), "B": either({"$ref": "#/$defs/A"})}}, "x"),
]


@pytest.mark.parametrize(("schema", "given"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values(schema: Schema, given: Any) -> None:
    """However deep or long a value is, there is an answer."""
    result = coerced(shape_of(schema), given, names=["x"])
    assert isinstance(result, Coerced)


def test_a_shared_value() -> None:
    """The same object at two places is mended at both."""
    shared = {"side": "1"}
    result = coerced(shape_of(listed(either(SQUARE, CIRCLE))), [shared, shared])
    assert result.data == [{"side": 1}, {"side": 1}]
    assert [each.pointer for each in result.repairs] == ["/0/side", "/1/side"]


# -------------------------------------------------------------------------------- types of pydantic


class Colour(enum.Enum):
    """A choice."""

    RED = "red"
    DARK_BLUE = "dark blue"


class Priority(enum.IntEnum):
    """A choice of numbers."""

    LOW = 1
    HIGH = 2


class Address(BaseModel):
    """A nested model."""

    street: str
    zip_code: str


class Customer(BaseModel):
    """A model."""

    name: str
    address: Address | None = None
    born: datetime.date | None = None
    tags: list[str] = []


class Circle(BaseModel):
    """One of a discriminated union."""

    kind: Literal["circle"] = "circle"
    radius: float


class Square(BaseModel):
    """Another."""

    kind: Literal["square"] = "square"
    side: float


class Node(BaseModel):
    """A recursive model."""

    label: str
    children: list[Node] = []


class Point(TypedDict):
    """A typed dictionary."""

    x: int
    y: int


Figure = Annotated[Circle | Square, Field(discriminator="kind")]
HOME = {"street": "A", "zip_code": "10115"}

TYPES: list[tuple[Any, Any, Any]] = [
    (int, "1,234", 1234),
    (float, "12,5", 12.5),
    (Annotated[int, Field(ge=0, le=10)], "7", 7),
    (Decimal, "1234.50", Decimal("1234.50")),
    (Decimal | None, None, None),
    (bool, "yes", True),
    (str, 30, "30"),
    (datetime.date, "May 3, 2021", datetime.date(2021, 5, 3)),
    (datetime.datetime, "2021-05-03 14:30", datetime.datetime(2021, 5, 3, 14, 30)),
    (datetime.time, "2:30 pm", datetime.time(14, 30)),
    (Colour, "Dark_Blue", Colour.DARK_BLUE),
    (Priority, "2", Priority.HIGH),
    (Literal["a", "b"], "A", "a"),
    (Literal[1, 2], "2", 2),
    (list[int], ["1", 2], [1, 2]),
    (list[int], "1", [1]),
    (set[str], "x", {"x"}),
    (tuple[int, str], ["1", 2], (1, "2")),
    (dict[str, int], {"a": "1"}, {"a": 1}),
    (dict[Colour, int], {"red": "1"}, {Colour.RED: 1}),
    (int | None, "n/a", None),
    (Point, {"X": "1", "y": 2}, {"x": 1, "y": 2}),
    (
        Customer,
        {"Name": "A", "address": {"Street": "A", "zipCode": 10115}, "born": "unknown", "tags": "x"},
        Customer(name="A", address=Address(**HOME), tags=["x"]),
    ),
    (Customer, {"name": "A", "address": json.dumps(HOME)}, Customer(name="A", address=Address(**HOME))),
    (Figure, {"kind": "Circle", "radius": "1,5"}, Circle(radius=1.5)),
    (list[Figure], [{"kind": "square", "side": "2"}], [Square(side=2)]),
    (Circle | Square, {"side": "2"}, Square(side=2)),
    (Node, {"label": 1, "children": {"label": 2}}, Node(label="1", children=[Node(label="2")])),
]


@pytest.mark.parametrize(("wanted", "given", "expected"), TYPES)
def test_types(wanted: Any, given: Any, expected: Any) -> None:
    """What is mended by the schema of a type is what the type takes."""
    adapter = TypeAdapter(wanted)
    result = coerced(shape_of(adapter.json_schema()), given)
    assert result.faults == ()
    assert adapter.validate_json(json.dumps(result.data)) == expected


@pytest.mark.parametrize(
    ("wanted", "given", "data"),
    [
        (Decimal, "1,234.50", "1234.50"),
        (Decimal, "12345678901234567,89", "12345678901234567.89"),
        (Decimal | None, "unknown", None),
        (list[Decimal], ["1.50", 1.5, "1e5", "1,234"], ["1.50", 1.5, "1e5", "1,234"]),
        (Annotated[Decimal, Field(ge=0)], " 5 ", "5"),
        (float | Colour, "Red", "red"),
        (float | str | int, "1,234.50", "1,234.50"),
    ],
)
def test_decimals(wanted: Any, given: Any, data: Any) -> None:
    """Where the schema is that of a type, a number or a text is a decimal: no digit of it is lost."""
    assert coerced(shape_of(TypeAdapter(wanted).json_schema(), decimals=True), given).data == data


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (int, True),
        (float, False),
        (Priority, True),
        (Literal[1, 2], True),
        (int | None, True),
        (list[int], [True]),
        (datetime.date, 86400),
        (datetime.date, "86400"),
        (datetime.datetime, 1620000000),
        (datetime.datetime, "1620000000"),
        (datetime.time, 1.5),
        (datetime.timedelta, 5),
        (float, "inf"),
        (float, "NaN"),
        (float | None, "1e999"),
        (float, 10**309),
        (float, "1" + "0" * 309),
        (float, "9" * 500),
        (int, "1.000"),
        (int, "1_0"),
        (float, "1_0"),
        (Priority, "1.000"),
        (ipaddress.IPv4Address, 1),
        (ipaddress.IPv6Address, 1),
        (dict[Annotated[str, Field(pattern="^a")], int], {"a": True}),
    ],
)
def test_what_pydantic_would_take(wanted: Any, given: Any) -> None:
    """What pydantic takes for another value without a word is a fault."""
    adapter = TypeAdapter(wanted)
    adapter.validate_json(json.dumps(given))
    assert len(coerced(shape_of(adapter.json_schema()), given).faults) == 1


# ------------------------------------------------------------------------------------------ laws

words = st.sampled_from(
    ["", "30", "1,234", "true", "no", "null", "N/A", "unknown", "red", "Red", "a", "A", "b c", "2021-05-03",
     "3 May 2021"]
) | st.text(max_size=4)  # fmt: skip
keys = st.sampled_from(["a", "A", "b_c", "bC", "kind", "data", "name", "arguments"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.just(20210503)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4) | inner.map(json.dumps),
    max_leaves=8,
)
simple = st.sampled_from(
    [
        INTEGER, NUMBER, BOOLEAN, STRING, NULL, DATE, TIME, DATE_TIME, DURATION, EMAIL, COLOUR, DECIMAL_TEXT, {},
        {"enum": ["a", "b c", 3, None]}, {"const": "kind"}, {"const": 30}, {"type": ["string", "null"]},
        {"type": "array"}, {"type": "object"}, {**INTEGER, "maximum": 20}, {**STRING, "maxLength": 2},
        {"properties": {"a": INTEGER}}, {"allOf": [NUMBER, {"minimum": 2}]}, {"$ref": "#/$defs/Tree"},
    ]
)  # fmt: skip


def _records(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    properties = st.dictionaries(keys, inner, max_size=3)
    more = st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": True}])
    return st.builds(
        lambda members, required, rest: {
            "type": "object",
            "properties": members,
            "required": [key for key in members if key in required],
            **rest,
        },
        properties,
        st.sets(keys),
        more,
    )


schemas = st.recursive(
    simple,
    lambda inner: (
        _records(inner)
        | inner.map(listed)
        | inner.map(mapped)
        | st.lists(inner, min_size=1, max_size=3).map(lambda members: either(*members))
        | inner.map(lambda member: either(member, NULL))
        | st.lists(inner, min_size=1, max_size=2).map(lambda members: {"type": "array", "prefixItems": members})
    ),
    max_leaves=6,
)
laws = settings(max_examples=300)
SPELLED: Mapping[str, list[Any]] = {
    "integer": [30, "30", "1,234", True, [3], 3.0, "none"],
    "number": [1.5, "1,5", "1,234", False, ["2"], number("1.50")],
    "boolean": [True, "yes", "no", 1, "1", ["y"]],
    "string": ["x", "a, b", "", "N/A", 5, ["x"], number("1.50"), "20210503", "2021-05-03 9:05", "3 May 2021", "9:05"],
    "null": [None, "", "N/A", "unknown"],
    "object": [{}, "{}", [{}]],
}


@st.composite
def almost(draw: st.DrawFn, schema: Schema) -> Any:
    """Draw a value that is nearly, or wholly, what a schema asks for."""
    if schema in ({}, True, False) or "$ref" in schema or "allOf" in schema or draw(st.integers(0, 9)) == 9:
        return draw(values)
    if "anyOf" in schema:
        return draw(almost(draw(st.sampled_from(schema["anyOf"]))))
    if "enum" in schema or "const" in schema:
        member = draw(st.sampled_from(schema.get("enum") or [schema["const"]]))
        return draw(st.sampled_from([member, str(member).upper(), f" {member}.", [member]]))
    kind = schema.get("type", "object")
    if kind == "array":
        members = schema.get("prefixItems") or [schema.get("items", STRING)] * draw(st.integers(0, 2))
        items = [draw(almost(member)) for member in members]
        return draw(st.sampled_from([items, json.dumps(items), items[0] if items else None]))
    if "properties" not in schema and "additionalProperties" not in schema:
        return draw(st.sampled_from(SPELLED[kind if isinstance(kind, str) else kind[0]]))
    members = schema.get("properties") or {"First Key": schema.get("additionalProperties", {})}
    drawn = {draw(st.sampled_from([key, key, key.upper()])): draw(almost(member)) for key, member in members.items()}
    forms = [drawn, drawn, json.dumps(drawn), [drawn], {"a": drawn}, {"name": "a", "arguments": drawn}]
    return draw(st.sampled_from(forms))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Schema, Any]:
    """Draw a schema and a value for it."""
    schema = draw(schemas)
    return schema, draw(almost(schema))


def whole(schema: Schema) -> Schema:
    """A schema as a document."""
    return {**schema, "$defs": TREE["$defs"]}


@laws
@given(pairs())
def test_every_change_is_listed(drawn: tuple[Schema, Any]) -> None:
    """Nothing is changed in what was given; a change is listed at a place that there is; the second time is none."""
    schema, given = drawn
    before = copy.deepcopy(given)
    shape = shape_of(whole(schema))
    result = coerced(shape, given, names=["a"])
    assert given == before
    assert (result.data is given) == (not result.repairs)
    for pointer in [each.pointer for each in result.repairs] + [each.pointer for each in result.faults]:
        assert pointer is not None
        at(result.data, pointer)
    again = coerced(shape, result.data, names=["a"])
    assert again.repairs == ()
    assert again.data is result.data
    assert again.faults == result.faults
    listed_at = [each.pointer for each in result.repairs]
    for pointer in changes(given, result.data):
        assert any(pointer.startswith(each or "") for each in listed_at)


def changes(old: Any, new: Any, pointer: str = "") -> Iterator[str]:
    """The places of what is new."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key, value in new.items():
            yield from changes(old[key], value, f"{pointer}/{key}") if key in old else [f"{pointer}/{key}"]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, value in enumerate(new):
            yield from changes(old[index], value, f"{pointer}/{index}")
    elif json.dumps(old) != json.dumps(new):
        yield pointer


@laws
@given(pairs())
def test_without_mending_nothing_changes(drawn: tuple[Schema, Any]) -> None:
    """Without mending, what comes back is what was given."""
    schema, given = drawn
    result = coerced(shape_of(whole(schema)), given, mend=False, names=["a"])
    assert result.data is given
    assert result.repairs == ()


@laws
@given(pairs())
def test_what_is_valid_stays(drawn: tuple[Schema, Any]) -> None:
    """A valid value is changed only where a word says that there is nothing, or a key is one that is passed over."""
    schema, given = drawn
    valid = jsonschema_rs.validator_for(whole(schema), validate_formats=True)
    if valid.is_valid(plain(given)):
        result = coerced(shape_of(whole(schema)), given, names=["a"])
        assert not result.faults
        assert "key" in kinds(result) or set(kinds(result)) <= {"null"}
        assert valid.is_valid(plain(result.data))


def plain(value: Any) -> Any:
    """A value whose numbers do not remember how they were written."""
    return json.loads(json.dumps(value))


@settings(max_examples=100)
@given(values)
def test_no_value_breaks_anything(given: Any) -> None:
    """Whatever a model answers, there is an answer for each of the schemas and types here."""
    for schema in SCHEMAS:
        for mend in (True, False):
            assert isinstance(coerced(schema, given, mend=mend, names=["a"]), Coerced)


SCHEMAS = [
    *(shape_of(TypeAdapter(wanted).json_schema()) for wanted, _, _ in TYPES),
    *(shape_of(schema) for schema, _, _, _ in MENDED[::3]),
    *(shape_of(schema) for schema in (TREE, DEEP, FORKED)),
]
