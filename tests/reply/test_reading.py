"""A reply's text held against a target."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, Field, field_validator

from extractor.chat.wire import Choice, decode_reply
from extractor.errors import TargetFailed
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading, Wanted, has_ended, held, outcome_of, read, texts_of, was_cut
from extractor.schema.adapt import adapt
from extractor.schema.target import target_of

# ------------------------------------------------------------------------------- where the answer stands

CALL = {"id": "1", "function": {"name": "save", "arguments": '{"a": 1}'}}


def choice(finish_reason: str | None = "stop", **message: Any) -> Choice:
    """Decode a reply of one choice with this message."""
    return decode_reply({"choices": [{"message": message, "finish_reason": finish_reason}]}).choices[0]


@pytest.mark.parametrize(
    ("message", "tool", "texts"),
    [
        ({"content": "{}"}, "", ("{}",)),
        ({"content": " {} "}, "", (" {} ",)),
        ({"content": "{}", "tool_calls": [CALL]}, "", ("{}", '{"a": 1}')),
        ({"content": "{}", "tool_calls": [CALL]}, "save", ('{"a": 1}', "{}")),
        ({"content": "{}", "tool_calls": [CALL]}, "other", ("{}", '{"a": 1}')),
        ({"content": None, "tool_calls": [CALL, CALL]}, "", ('{"a": 1}',)),
        ({"content": " \n", "tool_calls": [CALL, {"function": {"arguments": "2"}}]}, "", ('{"a": 1}', "2")),
        ({"content": "", "tool_calls": []}, "", ()),
        ({"reasoning_content": "thinking"}, "", ()),
        ({}, "", ()),
    ],
)
def test_texts(message: dict[str, Any], tool: str, texts: tuple[str, ...]) -> None:
    """The answer is the content or the arguments of a tool call, these first where the tool was to be called."""
    assert texts_of(choice(**message), tool) == texts


@pytest.mark.parametrize(
    ("finish_reason", "message", "outcome"),
    [
        ("stop", {"content": "{}"}, None),
        (None, {"content": "{}"}, None),
        ("length", {"content": '{"a":'}, None),
        ("tool_calls", {"content": None, "tool_calls": [CALL]}, None),
        ("stop", {"content": ""}, Outcome.EMPTY),
        ("stop", {"content": None}, Outcome.EMPTY),
        (None, {}, Outcome.EMPTY),
        ("stop", {"content": " \n\t"}, Outcome.EMPTY),
        ("stop", {"reasoning_content": "hm"}, Outcome.EMPTY),
        ("length", {"content": ""}, Outcome.CUT_OFF),
        ("length", {"reasoning_content": "hm"}, Outcome.CUT_OFF),
        ("length", {}, Outcome.CUT_OFF),
        ("stop", {"refusal": "I cannot"}, Outcome.REFUSED),
        ("stop", {"content": "{}", "refusal": "I cannot"}, Outcome.REFUSED),
        ("stop", {"content": "{}", "refusal": ""}, None),
        ("content_filter", {"content": '{"a": 1}'}, Outcome.FILTERED),
        ("content_filter", {}, Outcome.FILTERED),
        ("content_filter: RECITATION", {"role": "assistant"}, Outcome.FILTERED),
        ("content_filter", {"refusal": "I cannot"}, Outcome.FILTERED),
    ],
)
def test_outcomes(finish_reason: str | None, message: dict[str, Any], outcome: Outcome | None) -> None:
    """Without reading is known what was filtered, refused, empty; a cut text may still be complete."""
    assert outcome_of(choice(finish_reason, **message)) is outcome


def test_a_stream_that_stopped_early() -> None:
    """What came in a stream without an end is broken off, whole JSON or not."""
    reply = decode_reply({"choices": [{"message": {"content": "{}"}}]}, ended=False)
    assert outcome_of(reply.choices[0]) is Outcome.BROKEN_OFF


@pytest.mark.parametrize(("reason", "cut"), [("length", True), ("stop", False), (None, False), ("tool_calls", False)])
def test_cut(reason: str | None, cut: bool) -> None:
    """Only the token limit cuts a reply."""
    assert was_cut(choice(reason, content="{}")) is cut


# ------------------------------------------------------------------------------- what it says


class Line(BaseModel):
    """One of several."""

    sku: str
    quantity: int


class Bill(BaseModel):
    """Most kinds of fields."""

    number: str
    total: Decimal
    paid: bool = False
    day: date | None = None
    state: Literal["open", "closed"] = "open"
    lines: list[Line] = []
    weights: dict[str, float] = {}


def reading_of(text: str, target: Any = Bill, *, dialect: str = "", **how: Any) -> Reading[Any]:
    """Read a text in the target's own shape, or in that of a dialect."""
    made = target_of(target)
    cut = how.pop("cut", False)
    return read(text, Wanted(target=made, adapted=adapt(made, dialect) if dialect else None, **how), cut=cut)


def kinds(reading: Reading[Any]) -> list[tuple[str, str]]:
    """Give where what is wrong."""
    return [(error.pointer, error.kind) for error in reading.errors]


def test_a_reply_as_it_should_be() -> None:
    """JSON that the target takes is read as it stands, and nothing is listed."""
    reading = reading_of('{"number": "1", "total": 2.5}')
    assert reading.value == Bill(number="1", total=Decimal("2.5"))
    assert (reading.data, reading.errors, reading.repairs) == ({"number": "1", "total": 2.5}, (), ())


def test_the_wire_has_another_shape() -> None:
    """A value in the shape of the wire is put back into the target's before it is judged."""
    wire = {
        "number": "1", "total": 2, "paid": None, "day": None, "state": None, "lines": None,
        "weights": [{"key": "a", "value": 1}],
    }  # fmt: skip
    reading = reading_of(json.dumps(wire), dialect="openai")
    assert reading.value == Bill(number="1", total=Decimal(2), weights={"a": 1.0})
    assert (reading.data["weights"], reading.wire["weights"]) == ({"a": 1}, [{"key": "a", "value": 1}])


NEVER: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "NaN": ('{"number": "1", "total": 2, "weights": {"a": NaN}}', [("/weights/a", "not_finite")]),
    "Infinity": ('{"number": "1", "total": -Infinity}', [("/total", "not_finite")]),
    "too large": ('{"number": "1", "total": 2, "weights": {"a": 1e999}}', [("/weights/a", "not_finite")]),
    "as text": ('{"number": "1", "total": 2, "weights": {"a": "inf"}}', [("/weights/a", "float_type")]),
    "key twice": ('{"number": "1", "number": "2", "total": 2}', [("/number", "duplicate_key")]),
    "same key twice": ('{"number": "1", "number": "1", "total": 2}', [("/number", "duplicate_key")]),
    "true": ('{"number": "1", "total": true}', [("/total", "boolean_for_number")]),
    "true in a list": (
        '{"number": "1", "total": 1, "lines": [{"sku": "a", "quantity": true}]}',
        [("/lines/0/quantity", "boolean_for_number")],
    ),
    "a number for a date": ('{"number": "1", "total": 1, "day": 0}', [("/day", "number_for_text")]),
}


@pytest.mark.parametrize("coerce", [True, False])
@pytest.mark.parametrize(("text", "errors"), NEVER.values(), ids=NEVER)
def test_what_is_never_data(text: str, errors: list[tuple[str, str]], coerce: bool) -> None:
    """What JSON does not have, what is given twice, and what would be taken for something else are errors."""
    reading = reading_of(text, coerce=coerce)
    assert reading.value is None
    assert [pointer for pointer, _ in kinds(reading)] == [pointer for pointer, _ in errors]
    if "inf" not in text:
        assert kinds(reading) == errors


def test_the_same_under_the_names_of_the_wire() -> None:
    """The place of an error is the target's own, whatever the shape of the wire."""
    wire = '{"value": [{"key": "a", "value": 1}, {"key": "b", "value": NaN}]}'
    assert kinds(reading_of(wire, dict[str, float], dialect="openai")) == [("/b", "not_finite")]
    twice = '{"value": [{"key": "a", "value": 1}, {"key": "a", "value": 2}]}'
    assert [kind for _, kind in kinds(reading_of(twice, dict[str, float], dialect="openai"))] == ["duplicate_key"]


@pytest.mark.parametrize(
    "text",
    ["", " ", "nope", "I cannot find it.", "[" * 5_000, "{" * 100_000, '{"a":' * 100_000, "NaN nan", "\ud800"],
    ids=lambda text: repr(text)[:12],
)
@pytest.mark.parametrize("target", [Bill, {"type": "object"}, list[Bill]], ids=["type", "schema", "list"])
def test_text_without_json(target: Any, text: str) -> None:
    """Text in which there is no JSON is malformed: one error for the whole, and no value."""
    reading = reading_of(text, target)
    assert reading.malformed
    assert (reading.value, reading.data) == (None, None)
    assert [(e.pointer, e.kind, e.found) for e in reading.errors] == [("", "json_invalid", "text that is no JSON")]


@pytest.mark.parametrize("target", [Bill, {"type": "object"}, int, dict[str, Any]], ids=str)
@pytest.mark.parametrize(
    "text", ["[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300, "1" * 100_000, '{"a": ' + "9" * 100_000 + "}"],
    ids=lambda text: repr(text)[:12],
)  # fmt: skip
def test_too_deep_or_too_long(target: Any, text: str) -> None:
    """Nesting and numbers beyond every bound are errors, for every kind of target."""
    reading = reading_of(text, target)
    assert reading.errors
    assert reading.value is None


@pytest.mark.parametrize("target", [Bill, {"type": "object"}, dict[str, str]], ids=["type", "schema", "map"])
def test_half_a_character(target: Any) -> None:
    """A lone surrogate is replaced, and that is listed."""
    reading = reading_of('{"number": "a\\ud800", "total": "1"}', target)
    assert (reading.data["number"], [repair.kind for repair in reading.repairs]) == ("a\ufffd", ["lone_surrogate"])
    assert not reading.errors


MENDED = {
    "fence": '```json\n{"number": "1", "total": 2}\n```',
    "prose": 'Here it is:\n{"number": "1", "total": 2}\nAnything else?',
    "trailing comma": '{"number": "1", "total": 2,}',
    "single quotes": "{'number': '1', 'total': 2}",
    "comments": '{"number": "1", // the number\n "total": 2}',
    "literals": '{"number": "1", "total": 2, "paid": False, "day": None}',
    "unquoted keys": '{number: "1", total: 2}',
    "missing closer": '{"number": "1", "total": 2',
    "byte order mark": '\ufeff{"number": "1", "total": 2}',
    "encoded twice": json.dumps('{"number": "1", "total": 2}'),
    "full width": '｛"number"：＂1＂，"total"：2｝',
    "lone surrogate": '{"number": "1", "total": 2, "state": "open", "\\ud800": 1}',
    "thinking": '<think>{"number": "9"}</think>{"number": "1", "total": 2}',
    "several": '{"example": true} {"number": "1", "total": 2}',
}


@pytest.mark.parametrize("dialect", ["", "openai", "llama.cpp"])
@pytest.mark.parametrize("text", MENDED.values(), ids=MENDED)
def test_what_is_mended(text: str, dialect: str) -> None:
    """What can be mended without guessing is, and listed, whatever the shape of the wire."""
    reading = reading_of(text, dialect=dialect)
    assert reading.value is not None
    assert (reading.value.number, reading.value.total) == ("1", 2)
    assert reading.repairs or "several" in text or "example" in text


def test_two_that_fit() -> None:
    """Of two different values that conform none is taken; the same twice is one."""
    one, two = '{"number": "1", "total": 2}', '{"number": "1", "total": 3}'
    assert kinds(reading_of(f"{one}\nor\n{two}")) == [("", "ambiguous")]
    assert reading_of(f"{one}\nagain:\n{one}").value == Bill(number="1", total=Decimal(2))


@pytest.mark.parametrize("dialect", ["", "openai", "llama.cpp"])
def test_lines_of_json(dialect: str) -> None:
    """Objects one after the other are a list, where one is wanted."""
    reading = reading_of('{"sku": "a", "quantity": 1}\n{"sku": "b", "quantity": 2}', list[Line], dialect=dialect)
    assert reading.value == [Line(sku="a", quantity=1), Line(sku="b", quantity=2)]
    assert "lines" in [repair.kind for repair in reading.repairs]


def test_what_does_not_come_to_its_end() -> None:
    """A text that ends inside of a value is not closed; what there is of it is given."""
    reading = reading_of('{"number": "1", "total": 2, "sta')
    assert reading.malformed
    assert reading.unclosed is not None
    assert json.loads(reading.unclosed.text + reading.unclosed.closers) == {"number": "1", "total": 2}


def test_where_it_was_cut_the_end_is_no_slip() -> None:
    """Where the token limit ended the text, a missing bracket is not just a missing bracket."""
    text = '{"number": "1", "total": 2'
    assert reading_of(text).value == Bill(number="1", total=Decimal(2))
    reading = reading_of(text, cut=True)
    assert reading.malformed
    assert reading.unclosed is not None


def test_coercion_is_listed_and_can_be_left_out() -> None:
    """A value that is not quite as wanted is mended where that loses nothing; with coerce=False it is not."""
    text = '{"number": 17, "total": "1,234.50", "paid": "yes", "state": "Open", "lines": {"sku": "a", "quantity": "3"}}'
    reading = reading_of(text)
    assert reading.value == Bill(number="17", total=Decimal("1234.50"), paid=True, lines=[Line(sku="a", quantity=3)])
    assert {repair.pointer for repair in reading.repairs} >= {"/number", "/total", "/paid", "/state", "/lines"}
    errors = {pointer for pointer, _ in kinds(reading_of(text, coerce=False))}
    assert errors >= {"/number", "/total", "/state", "/lines"}


def test_numbers_as_they_were_written() -> None:
    """Where a text is wanted, a number is the text that it was written as."""
    assert reading_of('{"number": 1.50, "total": 1}').value == Bill(number="1.50", total=Decimal(1))


class Weighed(BaseModel):
    """A field with a reading of its own."""

    grams: Annotated[int, BeforeValidator(lambda value: int(str(value).removesuffix(" g")))]
    nick: str | None = None


def test_the_callers_own_reading_comes_first_where_mending_does_not_help() -> None:
    """What only the caller's own validator can read reaches it as it was written."""
    assert reading_of('{"grams": "12 g"}', Weighed).value == Weighed(grams=12)
    assert reading_of('{"grams": 12, "nick": "N/A"}', Weighed).value == Weighed(grams=12)


class Strange(BaseModel):
    """A validator with a fault of its own."""

    name: str

    @field_validator("name")
    @classmethod
    def look_up(cls, name: str) -> str:
        """Break down."""
        return {"a": "b"}[name]


def test_a_validator_that_breaks_down() -> None:
    """What a validator raises beside ValueError is the caller's own, and says whose fault it is."""
    with pytest.raises(TargetFailed, match="Strange") as caught:
        reading_of('{"name": "x"}', Strange)
    assert isinstance(caught.value.__cause__, KeyError)


class Wide(BaseModel):
    """A target for the laws."""

    a: int = 0
    b: float = 0.0
    c: str = ""
    d: list[int] = Field(default=[])
    e: dict[str, str] = {}


VALUES = st.builds(
    Wide,
    a=st.integers(-(2**70), 2**70),
    b=st.floats(allow_nan=False, allow_infinity=False),
    c=st.text(),
    d=st.lists(st.integers()),
    e=st.dictionaries(st.text(), st.text()),
)


@settings(max_examples=150)
@given(value=VALUES)
def test_whatever_conforms_is_read_as_pydantic_reads_it(value: Wide) -> None:
    """A reply that the model wrote itself is read back as the same, with nothing to mend."""
    reading = reading_of(value.model_dump_json(), Wide)
    assert (reading.value, reading.errors, reading.repairs) == (value, (), ())


@settings(max_examples=150)
@given(text=st.text() | st.text('{}[]",:0123456789.eE+-truefalsnN ab\\\n', max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    """No text raises, and there is a value or an error."""
    for target in (Wide, {"type": "object"}, list[int]):
        reading = reading_of(text, target)
        assert bool(reading.errors) != (reading.value is not None)


def test_data_that_was_put_together() -> None:
    """Data without a text of its own is held against the target all the same."""
    assert held({"sku": "a", "quantity": 1}, Wanted(target=target_of(Line))).value == Line(sku="a", quantity=1)


@pytest.mark.parametrize(
    "text",
    [
        'Example: {"number": "0", "total": 0}\nResult: {"number": "1", "total": "much"}',
        'Draft: {"number": "0", "total": 0}\nResult: {"number": "1", "tot',
        "\n".join(['{"number": "1", "total": 2}'] * 25 + ['{"number": "9", "total": 9}']),
    ],
)
def test_a_draft_is_no_answer(text: str) -> None:
    """What fits is not taken where something that looks like it follows, or more than is looked at."""
    assert reading_of(text).value is None


def test_an_example_is_no_item() -> None:
    """Objects in prose are not put together to a list."""
    text = 'Such as {"sku": "x", "quantity": 1}: {"sku": "a", "quantity": 1}\n{"sku": "b", "quantity": 2}'
    assert reading_of(text, list[Line]).value is None


@pytest.mark.parametrize(
    "text", ['{"sku": "a", "quantity": 1}', '{"sku": "a", "quantity": 1}\n{"sku": "b", "quantity": 2}']
)
def test_a_cut_list_may_go_on(text: str) -> None:
    """Where the text was cut, objects are not taken for all of a list, nor digits for all of a number."""
    assert reading_of(text, list[Line]).value is not None
    assert reading_of(text, list[Line], cut=True).value is None
    assert reading_of("12", int, cut=True).value is None


class Timed(BaseModel):
    """What pydantic reads digits as."""

    at: datetime | None = None
    on: date | None = None
    one: Literal[1, 2] | None = None
    ratio: float | None = None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"at": "20210403"}', "number_for_text"),
        ('{"on": "86400"}', "number_for_text"),
        ('{"at": 5}', "number_for_text"),
        ('{"one": true}', "boolean_for_number"),
        ('{"ratio": %s}' % ("1" * 401), "not_finite"),
    ],
)
def test_what_pydantic_takes_for_something_else(text: str, kind: str) -> None:
    """Digits are no date, true is not 1, and a number too large for a float is not infinite."""
    assert [each for _, each in kinds(reading_of(text, Timed))] == [kind]


@pytest.mark.parametrize(
    ("reason", "ended"),
    [
        ("stop", True),
        ("STOP", True),
        ("tool_calls", True),
        ("error", False),
        ("abort", False),
        (None, False),
        ("length", False),
    ],
)
def test_the_end(reason: str | None, ended: bool) -> None:
    """Only where the endpoint says so the model has come to its end."""
    assert has_ended(choice(reason, content="{}")) is ended
