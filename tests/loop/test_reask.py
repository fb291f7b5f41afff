"""What is asked after a reply that did not conform, and what becomes of the answers: whole conversations."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import httpx
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from extractor import Extraction, ExtractionFailed, Extractor, TargetFailed
from extractor.reply.outcome import Outcome
from extractor.testing import FakeEndpoint, Recorded, Reply

# ------------------------------------------------------------------- an endpoint that knows what is right

_STEP = re.compile(r'\.?(?P<name>[^\W\d]\w*+)|\[(?P<index>\d++)\]|\[(?P<key>"(?:[^"\\]++|\\.)*+")\]')
_AFTER = re.compile(r"[tT]he (?:items|entries) after the first (?P<count>\d++)")


class Right:
    """Answers each request rightly, whatever it asks for: the whole, some places, or what follows a list.

    It knows no more than a model does: the schema that it is asked with, and the `value` in the document.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, request: Recorded) -> Any:
        """The answer to a request, as it is written there."""
        return self.answer(request.body)

    def answer(self, body: Mapping[str, Any]) -> Any:
        """The same for the body of a request."""
        told = body["response_format"]["json_schema"]
        schema = told["schema"]
        if not told["name"].endswith("_part"):
            wrapped = list(schema.get("properties", ())) == ["value"] and "value" not in self.value
            return wired({"value": self.value} if wrapped else self.value, schema, schema)
        return {name: wired(self._asked(name, each), each, schema) for name, each in schema["properties"].items()}

    def _asked(self, name: str, schema: Mapping[str, Any]) -> Any:
        """What stands at the place that a property is for."""
        description = schema.get("description", "")
        known = isinstance(self.value, dict) and name in self.value
        value = self.value[name] if known else _followed(self.value, description)
        after = _AFTER.search(description)
        if after is None:
            return value
        rest = list(value.items() if isinstance(value, dict) else value)[int(after["count"]) :]
        return dict(rest) if isinstance(value, dict) else rest


def _followed(value: Any, place: str) -> Any:
    """What stands where a description says: `lines[2].name: …`; None where nothing does."""
    at = 0
    while value is not None and (step := _STEP.match(place, at)) and not _AFTER.match(place, at):
        if step["index"]:
            value = value[int(step["index"])]
        else:
            value = value.get(json.loads(step["key"]) if step["key"] else step["name"])
        at = step.end()
    return value


def wired(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """A value as a schema wants it written: maps as lists of pairs, null for what is not there."""
    if not isinstance(schema, Mapping):
        return value
    if "$ref" in schema:
        return wired(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        each = [wired(value, member, root) for member in schema["anyOf"]]
        defs = {"$defs": root.get("$defs", {})}
        fits = (it for it, to in zip(each, schema["anyOf"], strict=True) if jsonschema_rs.is_valid({**to, **defs}, it))
        return next(fits, value)
    member = schema.get("items", {}).get("properties", {}).get("value")
    if isinstance(value, dict) and member is not None:
        return [{"key": key, "value": wired(it, member, root)} for key, it in value.items()]
    if isinstance(value, dict):
        further, properties = schema.get("additionalProperties"), schema.get("properties", {})
        named = {key: wired(value.get(key), it, root) for key, it in properties.items()}
        return {**{key: wired(it, further, root) for key, it in value.items() if key not in properties}, **named}
    if isinstance(value, list):
        return [wired(item, schema.get("items"), root) for item in value]
    return value


Outcomes = tuple[Extraction[Any], list[Recorded]]


def run(
    target: Any,
    *script: Any,
    document: str = "The document.",
    dialect: str = "openai",
    all_of_it: bool = True,
    **call: Any,
) -> Outcomes:
    """Extract with a scripted endpoint; all of the script must be used, unless told otherwise."""
    fake = FakeEndpoint(*script)
    client = httpx.Client(transport=fake.transport())
    with Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client, dialect=dialect) as extractor:
        result = extractor.run(target, document, **call)
    assert len(fake.requests) == len(script) or not all_of_it, "not all of the script was asked for"
    return result, fake.requests


def failed(target: Any, *script: Any, **call: Any) -> tuple[ExtractionFailed, list[Recorded]]:
    """Extract in vain."""
    fake = FakeEndpoint(*script)
    client = httpx.Client(transport=fake.transport())
    with (
        Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client, dialect="openai") as extractor,
        pytest.raises(ExtractionFailed) as caught,
    ):
        extractor.run(target, "The document.", **call)
    return caught.value, fake.requests


def said(request: Recorded) -> str:
    """The last turn of a request."""
    content: str = request.body["messages"][-1]["content"]
    return content


def names(request: Recorded) -> list[str] | None:
    """The properties that a request asks for; None where it asks for the whole."""
    told = request.body["response_format"]["json_schema"]
    return list(told["schema"]["properties"]) if told["name"].endswith("_part") else None


def cut(value: Any, end: int) -> Reply:
    """A reply whose text ends at some character, since there were no more tokens."""
    text = value if isinstance(value, str) else json.dumps(value)
    return Reply(content=text[:end], finish_reason="length")


# ----------------------------------------------------------------------------------------- what is wanted


class Line(BaseModel):
    """A line of an order."""

    name: str
    amount: int
    tags: list[str] = []


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
    kind: Literal["buy", "sell"]
    lines: list[Line]
    by_name: dict[str, Line] = {}
    grid: list[list[int]] = []
    pet: Cat | Dog | None = Field(default=None, discriminator="kind")
    pair: tuple[int, Line] | None = None
    street: str = Field(default="", alias="Street Name")
    kids: list[Order] = []


def line(name: str, amount: Any, *tags: str) -> dict[str, Any]:
    """Data of a line."""
    return {"name": name, "amount": amount, "tags": list(tags)}


def order(**other: Any) -> dict[str, Any]:
    """Data of an order."""
    return {
        "number": "A-1",
        "kind": "buy",
        "lines": [line("bolt", 12, "steel", "M8"), line("nut", 24), line("oak", 7)],
        "by_name": {"a b": line("saw", 1, "x"), "c": line("axe", 22)},
        "grid": [[1, 2], [], [33, 4]],
        "pet": {"kind": "cat", "lives": 9},
        "pair": [5, line("pin", 6)],
        "Street Name": 'Kai "3"',
        "kids": [],
        **other,
    }


ORDER = order(kids=[order(number="A-2", pet={"kind": "dog", "tricks": ["sit"]}, by_name={}, pair=None)])


def plain(value: BaseModel) -> Any:
    """The data of a value."""
    return value.model_dump(mode="json", by_alias=True)


def replaced(value: Any, pointer: str, other: Any) -> Any:
    """A value with something else at one place, which is there."""
    changed = copy.deepcopy(value)
    holder = changed
    *way, last = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for step in way:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    holder[int(last) if isinstance(holder, list) else last] = other
    return changed


def at(value: Any, pointer: str) -> Any:
    """What stands at a place."""
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step.replace("~1", "/").replace("~0", "~")]
    return value


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values inside of a value, with their places."""
    members = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else None
    if members is None:
        yield pointer, value
        return
    for key, member in members:
        yield from leaves(member, f"{pointer}/{key}")


# ------------------------------------------------------------------------------------------ fields alone

DIALECTS = ("openai", "vllm")
"""One that writes maps as lists of pairs, and one that does not."""


def first(target: Any, value: Any, dialect: str) -> str:
    """A right reply, as it is written there."""
    found, _ = run(target, Right(value), dialect=dialect)
    text = found.attempts[0].reply.choices[0].message.content
    assert text is not None
    return text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("pointer", "wrong", "name"),
    [
        ("/kind", "rent", "kind"),
        ("/lines/1/amount", "many", "lines_1_amount"),
        ("/by_name/a b/amount", "many", "by_name_a_b_amount"),
        ("/grid/2/0", "x", "grid_2_0"),
        ("/pet/lives", "x", "pet_lives"),
        ("/pair/1/amount", "x", "pair_1_amount"),
        ("/Street Name", [[]], "Street_Name"),
        ("/kids/0/lines/2/amount", "x", "kids_0_lines_2_amount"),
    ],
)
def test_one_wrong_field_is_asked_for_alone(dialect: str, pointer: str, wrong: Any, name: str) -> None:
    """Of a value with one wrong field only that is asked for again, wherever it is, and all else stays."""
    other = replaced(ORDER, "/number", "never asked for")
    found, requests = run(Order, Right(replaced(ORDER, pointer, wrong)), Right(other), dialect=dialect)
    assert names(requests[1]) == [name]
    assert plain(found.value) == ORDER
    assert [attempt.asked for attempt in found.attempts] == [(), (pointer,)]
    assert len(requests[1].raw) < len(requests[0].raw)


INTEGERS = [pointer for pointer, it in leaves(ORDER) if isinstance(it, int)]
WRONG = [*INTEGERS, "/kind", "/kids/0/kind", "/lines/0", "/grid/0"]


@settings(max_examples=80)
@given(
    wrong=st.lists(st.sampled_from(WRONG), min_size=1, max_size=7, unique=True),
    value=st.sampled_from(["wrong", [[None]], {"x": []}]),
    dialect=st.sampled_from(DIALECTS),
)
def test_what_is_not_asked_for_stays(wrong: list[str], value: Any, dialect: str) -> None:
    """Whatever is wrong, what is asked for covers it; that is replaced by the answer, and nothing else."""
    bad = functools.reduce(lambda all_of_it, pointer: _spoiled(all_of_it, pointer, value), wrong, ORDER)
    other = json.loads(json.dumps(ORDER).replace("steel", "brass").replace("sit", "lie").replace("A-", "B-"))
    found, _ = run(Order, Right(bad), Right(other), dialect=dialect)
    asked = found.attempts[1].asked
    expected = functools.reduce(lambda whole, pointer: replaced(whole, pointer, at(other, pointer)), asked, bad)
    assert plain(found.value) == (plain(Order.model_validate(expected)) if asked else other)
    within = [each for each in wrong if not any(_is_inside(each, other) and each != other for other in wrong)]
    assert not asked or all(any(_is_inside(each, it) or _is_inside(it, each) for it in asked) for each in within)


def _is_inside(pointer: str, other: str) -> bool:
    return f"{pointer}/".startswith(f"{other}/")


def _spoiled(value: Any, pointer: str, wrong: Any) -> Any:
    """A value with something wrong at a place, unless something around it is wrong already."""
    try:
        return replaced(value, pointer, wrong)
    except (KeyError, IndexError, TypeError, ValueError):
        return value


class Booking(BaseModel):
    """With rules of its own."""

    class Leg(BaseModel):
        """A part with a rule about all of it."""

        start: int
        end: int

        @model_validator(mode="after")
        def _ordered(self) -> Booking.Leg:
            if self.end < self.start:
                raise ValueError("end must not be before start")
            return self

    code: str
    guests: int
    legs: list[Leg]

    @field_validator("code")
    @classmethod
    def _known(cls, code: str, info: ValidationInfo) -> str:
        if code not in (info.context or {}).get("codes", ("K1",)):
            raise ValueError("no such code")
        return code

    @model_validator(mode="after")
    def _seats(self) -> Booking:
        if self.guests > 4:
            raise ValueError("there are four seats")
        return self


BOOKING = {"code": "K1", "guests": 2, "legs": [{"start": 1, "end": 2}, {"start": 2, "end": 3}]}


@pytest.mark.parametrize(
    ("wrong", "asked", "told"),
    [
        (replaced(BOOKING, "/code", "K9"), ["code"], "- code: no such code\n"),
        (replaced(BOOKING, "/legs/1/end", 0), ["legs_1"], "- legs_1: end must not be before start\n"),
        (replaced(BOOKING, "/guests", 9), None, "- the whole: Value error, there are four seats (found {"),
        ({"code": 5, "guests": "x", "legs": "y"}, None, "- /guests: Input should be a valid integer"),
        ({"code": "K1", "guests": 2}, ["legs"], "- legs: Field required (found nothing)\n"),
        ({"legs": []}, None, "- /guests: Field required (found nothing)\n"),
        ([], None, "- the whole: "),
    ],
    ids=["rule", "rule of a part", "rule of the whole", "mostly wrong", "missing", "mostly missing", "no object"],
)
def test_what_a_rule_asks_for(wrong: Any, asked: list[str] | None, told: str) -> None:
    """A rule of a field asks for that, of an object for the object, of the whole or of most of it for the whole."""
    found, requests = run(Booking, json.dumps(wrong), Right(BOOKING))
    assert names(requests[1]) == asked
    assert told in said(requests[1])
    assert plain(found.value) == BOOKING


def test_the_context_is_the_callers() -> None:
    """A field that was answered again is judged with the caller's validation context."""
    found, _ = run(Booking, Right(replaced(BOOKING, "/code", "K9")), {"code": "K7"}, context={"codes": ["K7"]})
    assert found.value.code == "K7"


def test_the_excerpt_is_sent() -> None:
    """With the failing field go the lines of a long document that matter for it, and no others."""
    lines = [f"{number}. Item {number * 7919} costs {number * 31}." for number in range(400)]
    value = {"lines": [{"name": f"Item {number * 7919}", "amount": number * 31} for number in range(400)]}
    wrong = replaced(value, "/lines/300/amount", "dear")

    class All(BaseModel):
        lines: list[Line]

    found, requests = run(All, Right(wrong), Right(value), document="\n".join(lines))
    assert found.value.lines[300].amount == 9300
    assert [each["content"] for each in requests[1].body["messages"][1:3]] == [
        "\n".join([*lines[:3], "…", *lines[299:302], "…"]),
        '{"lines_300_amount": "dear"}',
    ]


def test_parts_and_examples() -> None:
    """A document in parts is sent as it is, and examples of the whole are not shown for a part."""
    parts = [{"type": "text", "text": "The document. " * 500}]
    fake = FakeEndpoint(Right(replaced(BOOKING, "/code", "K9")), Right(BOOKING))
    client = httpx.Client(transport=fake.transport())
    with Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client) as extractor:
        extractor.run(Booking, parts, examples=[("Another document.", BOOKING)])
    assert [message["role"] for message in fake.requests[0].body["messages"]] == ["system", "user", "assistant", "user"]
    assert [message["role"] for message in fake.requests[1].body["messages"]] == ["system", "user", "assistant", "user"]
    assert fake.requests[1].body["messages"][1]["content"] == parts


def test_an_own_response_format_is_kept() -> None:
    """Where the caller gives the response format, no other can be asked for: the whole is asked for again."""
    wrong = replaced(BOOKING, "/code", "K9")
    found, requests = run(Booking, wrong, json.dumps(BOOKING), response_format={"type": "json_object"})
    assert requests[1].body["response_format"] == {"type": "json_object"}
    assert "the whole JSON object again" in said(requests[1])
    assert plain(found.value) == BOOKING


# -------------------------------------------------------------------------------------- the same again


def test_the_same_errors_change_the_approach() -> None:
    """The same errors again: the field alone, the whole with the wrong reply quoted, the whole afresh, and so on."""
    wrong = Right(replaced(BOOKING, "/code", "K9"))
    found, requests = run(Booking, *[wrong] * 5, Right(BOOKING), max_retries=5)
    assert plain(found.value) == BOOKING
    assert [names(request) for request in requests] == [None, ["code"], None, None, None, None]
    roles = [[message["role"] for message in request.body["messages"]] for request in requests]
    asked, corrected = ["system", "user"], ["system", "user", "assistant", "user"]
    assert roles == [asked, corrected, corrected, asked, corrected, asked]
    assert requests[3].body["messages"][1]["content"] == (
        "The document.\n\nMind these rules:\n- /code: Value error, no such code"
    )


def test_other_errors_are_another_matter() -> None:
    """After other errors than before, the failing fields alone are asked for again."""
    bad = [replaced(BOOKING, "/code", "K9"), {"code": "K8"}, {"code": "K1", "guests": "x", "legs": []}]
    found, requests = run(Booking, Right(bad[0]), bad[1], json.dumps(bad[2]), Right(BOOKING), max_retries=3)
    assert [names(request) for request in requests] == [None, ["code"], None, ["guests"]]
    assert plain(found.value) == {**BOOKING, "legs": []}


def test_only_the_last_wrong_answer_is_quoted() -> None:
    """A conversation does not grow from one request to the next."""
    wrong = [Right(replaced(BOOKING, "/code", f"X{number}")) for number in range(6)]
    error, requests = failed(Booking, *wrong, max_retries=5)
    assert {len(request.body["messages"]) for request in requests[1:]} == {2, 4}
    assert error.value == replaced(BOOKING, "/code", "X5")


# ------------------------------------------------------------------------------------ the answer to a part


def _about_code(*answers: Any, **call: Any) -> Outcomes:
    """Answer the question about one field in some ways."""
    return run(Booking, Right(replaced(BOOKING, "/code", "K9")), *answers, **call)


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "K1"},
        BOOKING,
        '```json\n{"code": "K1"}\n```',
        "{'code': 'K1',}",
        'The code: {"code": "K1"}',
        {"Booking_part": {"code": "K1"}},
        {"CODE": "K1"},
    ],
    ids=["as asked", "the whole", "fenced", "mended", "in prose", "wrapped", "spelled otherwise"],
)
def test_answers_that_are_taken(answer: Any) -> None:
    """The answer may be the field alone or the whole, and is mended as any other reply."""
    found, _ = _about_code(answer)
    assert plain(found.value) == BOOKING
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.INVALID, Outcome.CONFORMING]


def test_a_whole_answer_is_judged_as_a_whole() -> None:
    """A whole given for a part is only taken if all of it conforms; else its part is."""
    other = {"code": "K1", "guests": 99, "legs": []}
    found, _ = _about_code(other)
    assert plain(found.value) == BOOKING


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("", Outcome.EMPTY),
        ("The code is K1.", Outcome.MALFORMED),
        ('{"code": NaN}', Outcome.INVALID),
        ('{"code": "K1", "code": "K2"}', Outcome.INVALID),
        ("{}", Outcome.INVALID),
        ("null", Outcome.INVALID),
        ("[]", Outcome.INVALID),
        ('{"code": {}}', Outcome.INVALID),
        (Reply(content='{"code": "K', finish_reason="length"), Outcome.CUT_OFF),
        (Reply(content="", finish_reason="length"), Outcome.CUT_OFF),
        (Reply(message={"refusal": "No."}), Outcome.REFUSED),
        (Reply(finish_reason="content_filter"), Outcome.FILTERED),
    ],
    ids=str,
)
def test_answers_that_are_no_use(answer: Any, outcome: Outcome) -> None:
    """A part that is not answered is asked for again, in one way or another, and nothing is lost meanwhile."""
    found, requests = _about_code(answer, Right(BOOKING))
    assert plain(found.value) == BOOKING
    assert found.attempts[1].outcome is outcome
    assert len(found.attempts) == len(requests) == 3


class Optional(BaseModel):
    """A model of which any part is a whole."""

    code: str = ""
    guests: int = 0


@pytest.mark.parametrize(
    ("target", "value", "pointer", "answer"),
    [
        (Optional, {"code": "a", "guests": 2}, "/guests", {"guests": 3, "note": "now right"}),
        (list[Line], [line("a", 1), line("b", 2), line("c", 3)], "/1/amount", {"item_1_amount": 3, "value": []}),
    ],
)
def test_a_part_is_not_taken_for_the_whole(target: Any, value: Any, pointer: str, answer: Any) -> None:
    """An answer that could be the whole, but has less than what was there, is no new whole."""
    found, _ = run(target, Right(replaced(value, pointer, "x")), answer)
    assert _data(found.value) == replaced(value, pointer, 3)


def test_what_is_right_of_an_answer_is_kept() -> None:
    """Of an answer for two fields of which one is wrong again, the other is kept."""
    wrong = replaced(replaced(ORDER, "/kind", "rent"), "/lines/1/amount", "x")
    answer = {"kind": "sell", "lines_1_amount": "y"}
    found, requests = run(Order, Right(wrong), answer, Right(ORDER))
    assert names(requests[2]) == ["lines_1_amount"]
    assert plain(found.value) == replaced(ORDER, "/kind", "sell")


def test_a_failing_validator_brings_what_was_paid_for() -> None:
    """A validator that breaks at the second reply does not take along the first attempt."""

    class Odd(BaseModel):
        name: str
        size: int

        @field_validator("size")
        @classmethod
        def _odd(cls, size: int) -> int:
            return {1: 1}[size]

    fake = FakeEndpoint('{"name": "a", "size": "x"}', '{"size": 2}')
    client = httpx.Client(transport=fake.transport())
    with (
        Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client) as extractor,
        pytest.raises(TargetFailed) as caught,
    ):
        extractor.run(Odd, "The document.")
    assert [attempt.asked for attempt in caught.value.attempts] == [(), ("/size",)]
    assert isinstance(caught.value.__cause__, KeyError)


# ----------------------------------------------------------------------------------------- what is absent


class Bill(BaseModel):
    """Required, optional, and in a list."""

    number: int
    total: float
    due: str | None = None
    lines: list[Line] = []


def test_absent_fields_are_not_asked_for() -> None:
    """Where fields may be absent, only what is wrong is asked for again, and what was absent before stays so."""
    reply = {"number": "x", "total": None, "due": None, "lines": [line("a", None), line("b", 2)]}
    found, requests = run(Bill, reply, {"number": 5}, absent="allow")
    assert names(requests[1]) == ["number"]
    assert found.value is None
    assert found.data == {"number": 5, "due": None, "lines": [{"name": "a", "tags": []}, line("b", 2)]}
    assert set(found.absent) == {"/total", "/lines/0/amount"}
    assert {error.pointer for error in found.errors} == {"/total", "/lines/0/amount"}


def test_a_field_can_turn_out_absent() -> None:
    """A field that is asked for alone can be said to be absent."""
    found, _ = run(Bill, {"number": "x", "total": 5, "due": "May", "lines": []}, {"number": None}, absent="allow")
    assert (found.value, found.absent) == (None, ("/number",))
    assert found.data == {"total": 5, "due": "May", "lines": []}


def test_an_optional_field_can_be_left_out() -> None:
    """An optional field whose value was wrong can be answered with null, where that stands for nothing."""
    found, _ = run(Bill, {"number": 1, "total": 5, "due": None, "lines": "x"}, {"lines": None})
    assert found.value == Bill(number=1, total=5)


# --------------------------------------------------------------------------------------- what was cut off

TARGETS: dict[str, tuple[Any, Any]] = {
    "order": (Order, order()),
    "list": (list[Line], [line("a", 1, "x"), line("b", 22), line("c", 3)]),
    "map": (dict[str, Line], {"a b": line("a", 1, "x"), "c": line("c", 33)}),
    "lists": (list[list[int]], [[1, 2], [], [33, 4]]),
    "map of lists": (dict[str, list[int]], {"a/b": [1, 22], "c": []}),
    "pair": (tuple[int, Line], [55, line("a", 1)]),
    "text": (list[str], ['a "b"', "c\\", "né"]),
    "schema": (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": ["string", "null"]}}},
            "required": ["a", "b"],
        },
        {"a": 12, "b": ["x", None, "y"]},
    ),
}


def _data(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda it: it.model_dump(mode="json", by_alias=True)))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("target", "value"), TARGETS.values(), ids=TARGETS)
def test_wherever_a_reply_is_cut(target: Any, value: Any, dialect: str) -> None:
    """Wherever the limit cuts a reply, the rest makes it whole: nothing is lost, and nothing is twice."""
    text = first(target, value, dialect)
    for end in range(1, len(text)):
        # Where only brackets are missing, nothing is asked for.
        only_brackets = not text[end:].strip("]}")
        script = (cut(text, end), Right(value))
        found, asked = run(target, *script, dialect=dialect, max_retries=1, all_of_it=not only_brackets)
        assert _data(found.value) == value, text[:end]
        assert len(asked) == 2 or only_brackets


@settings(max_examples=150)
@given(
    name=st.sampled_from(sorted(TARGETS)),
    ends=st.lists(st.floats(0, 1), min_size=2, max_size=4),
    dialect=st.sampled_from(DIALECTS),
)
def test_a_reply_that_is_cut_again_and_again(name: str, ends: list[float], dialect: str) -> None:
    """A rest that is cut off too is continued where it stopped, as often as that happens."""
    target, value = TARGETS[name]
    right = Right(value)

    def cut_at(share: float) -> Callable[[Recorded], Reply]:
        def answer(request: Recorded) -> Reply:
            text = json.dumps(right(request))
            return cut(text, int(share * (len(text) - 1)))

        return answer

    script = (*map(cut_at, ends), right)
    found, requests = run(target, *script, dialect=dialect, max_retries=len(ends), all_of_it=False)
    assert _data(found.value) == value
    assert len(requests) <= len(ends) + 1


def test_only_the_rest_is_asked_for() -> None:
    """Of a cut-off reply the rest alone is asked for: what follows the complete items, and the fields after them."""
    value = order()
    text = first(Order, value, "openai")
    _, requests = run(Order, cut(text, text.index('"oak"')), Right(value))
    assert names(requests[1]) == ["by_name", "grid", "pet", "pair", "Street_Name", "kids", "lines"]
    last = json.dumps(line("nut", 24))
    assert said(requests[1]).endswith(f"- lines: what follows the first 2, the last of which is {last}")
    assert requests[1].body["messages"][-2]["content"].endswith(last + "]}")
    assert b'"lines: The items after the first 2"' in requests[1].raw


def test_a_list_over_several_cuts() -> None:
    """A list that needs four replies is whole in the end, and no item was asked for twice."""
    value = [line(f"item {number}", number) for number in range(40)]
    text = first(list[Line], value, "openai")
    right = Right(value)

    def part(request: Recorded) -> Reply:
        return cut(right(request), 500)

    found, _ = run(list[Line], cut(text, 500), part, part, right, max_retries=3)
    assert _data(found.value) == value
    sizes = [len(attempt.reply.choices[0].message.content or "") for attempt in found.attempts]
    assert sum(sizes) < 1.2 * len(text)
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.CUT_OFF] * 3 + [Outcome.CONFORMING]
    assert all(attempt.asked == ("",) for attempt in found.attempts[1:])


def test_a_cut_off_answer_for_a_field() -> None:
    """An answer for one field that is cut off is kept as far as it goes, and continued."""
    wrong = replaced(ORDER, "/lines", "none")
    answer = {"lines": ORDER["lines"]}
    text = json.dumps(answer)
    found, requests = run(Order, Right(wrong), cut(text, text.index('"oak"')), Right(ORDER))
    assert names(requests[2]) == ["lines"]
    assert "first 2" in said(requests[2])
    assert plain(found.value) == ORDER


def test_the_stream_that_broke_off_is_continued() -> None:
    """Where a stream ends in the middle, what came of it is kept as well."""
    text = json.dumps({"value": [line("a", 1), line("b", 2)]})
    fake = FakeEndpoint(Reply(content=text[:60], finish_reason=None, chunk=7), Right([line("a", 1), line("b", 2)]))
    client = httpx.Client(transport=fake.transport())
    with Extractor("m", base_url="http://fake/v1", api_key="k", http_client=client) as extractor:
        found = extractor.stream(list[Line], "The document.")
        for _ in found:
            pass
    assert _data(found.result.value) == [line("a", 1), line("b", 2)]
    assert found.result.attempts[1].asked


# ---------------------------------------------------------------------------------------- running in circles


def _circle(times: int, *, after: str = "") -> str:
    items = [line("a", 1), *[line("b", 2)] * times]
    return json.dumps({"number": "A-1", "kind": "buy", "lines": items})[: -len("]}")] + after


def test_a_circle_at_the_limit_is_not_continued() -> None:
    """A list that only repeats itself until the limit is taken for complete, without its repetitions."""

    class Short(BaseModel):
        number: str
        kind: str
        lines: list[Line]

    reply = Reply(content=_circle(30, after=', {"name": "b", "am'), finish_reason="length")
    found, _ = run(Short, reply)
    assert found.value.lines == [Line(name="a", amount=1), Line(name="b", amount=2)]
    assert found.attempts[0].repairs[-1].message == "Dropped 29 items that only repeated those before them."
    assert found.attempts[0].outcome is Outcome.CONFORMING


def test_after_a_circle_the_other_fields_are_asked_for() -> None:
    """What would have come after the circle is asked for, and the list is not."""
    value = order(lines=[line("a", 1), line("b", 2)])
    found, requests = run(Order, Reply(content=_circle(30), finish_reason="length"), Right(value))
    assert names(requests[1]) == ["by_name", "grid", "pet", "pair", "Street_Name", "kids"]
    assert plain(found.value) == value


def test_a_circle_with_the_last_request() -> None:
    """Where no request is left, optional fields after a circle are done without; required ones are not."""
    reply = Reply(content=_circle(30), finish_reason="length")
    found, _ = run(Order, reply, max_retries=0)
    assert [each.name for each in found.value.lines] == ["a", "b"]
    text = '{"lines": ' + json.dumps([line("b", 2)] * 30)
    error, _ = failed(Bill, cut(text, len(text) - 1), max_retries=0)
    assert error.attempts[0].outcome is Outcome.CUT_OFF


@pytest.mark.parametrize("times", [2, 4])
def test_few_repetitions_are_no_circle(times: int) -> None:
    """Items that are alike a few times are what the document says: the list goes on after them."""
    value = order(lines=[line("a", 1), *[line("b", 2)] * times, line("c", 3)])
    found, requests = run(Order, Reply(content=_circle(times), finish_reason="length"), Right(value))
    assert "lines" in (names(requests[1]) or ())
    assert plain(found.value) == value


# ---------------------------------------------------------------------------------------------- more room

THOUGHT = {"completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 50}}
NOTHING = Reply(content="", finish_reason="length", usage=THOUGHT)


@pytest.mark.parametrize(
    ("reply", "options", "changed"),
    [
        (NOTHING, {"max_completion_tokens": 100}, {"max_completion_tokens": 400}),
        (NOTHING, {"max_tokens": 100}, {"max_tokens": 400}),
        (NOTHING, {"max_completion_tokens": 60_000}, {"max_completion_tokens": 65_536}),
        (NOTHING, {}, {"reasoning_effort": "low"}),
        (NOTHING, {"reasoning_effort": "high"}, {"reasoning_effort": "low"}),
        (NOTHING, {"reasoning_effort": "low"}, {"reasoning_effort": "none"}),
        (Reply(content=None, message={"reasoning_content": "Hm"}), {}, {"reasoning_effort": "low"}),
        (Reply(content="", finish_reason="length"), {"max_completion_tokens": 9}, {"max_completion_tokens": 36}),
        # Where nothing is known that would help, the same is asked again.
        (Reply(content="", finish_reason="length"), {}, {}),
        (NOTHING, {"reasoning_effort": "none"}, {}),
        (Reply(content=""), {"max_completion_tokens": 100}, {}),
    ],
)
def test_more_room(reply: Reply, options: dict[str, Any], changed: dict[str, Any]) -> None:
    """Where thinking, or the limit, left no room for an answer, the limit is raised or the effort lowered."""
    found, requests = run(Booking, reply, Right(BOOKING), **options)
    assert plain(found.value) == BOOKING
    assert found.attempts[1].changed == changed
    now, before = requests[1].body, requests[0].body
    assert {key: it for key, it in now.items() if before.get(key) != it and key != "messages"} == changed
    assert (now["messages"] == before["messages"]) is bool(changed)


def test_more_room_only_once() -> None:
    """More room is given once, and kept; after that the model is told that nothing came."""
    right = Right(replaced(BOOKING, "/code", "K9"))
    found, requests = run(Booking, NOTHING, NOTHING, right, Right(BOOKING), max_completion_tokens=100, max_retries=3)
    assert plain(found.value) == BOOKING
    assert [request.body["max_completion_tokens"] for request in requests] == [100, 400, 400, 400]
    assert [len(request.body["messages"]) for request in requests] == [2, 2, 4, 4]
    assert names(requests[3]) == ["code"]
