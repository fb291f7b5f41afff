"""Rows that a list lacks are asked for, against an endpoint on loopback."""

from __future__ import annotations

import re
from typing import Any

import pytest
from either_kind import run_once
from pydantic import BaseModel, model_validator

from extractor import Extraction
from extractor.errors import ExtractionFailed, ExtractorError, OptionError, TargetFailed
from extractor.reply.outcome import Outcome
from extractor.schema.target import target_of
from extractor.settings import Settings
from extractor.several.pieces import Came, Whole
from extractor.several.recalled import AT_ONCE, recalled
from extractor.testing import FakeEndpoint, Recorded, Reply


class Line(BaseModel):
    item: str
    quantity: int


class Order(BaseModel):
    vendor: str
    lines: list[Line]


def _document(count: int) -> str:
    rows = "".join(f"claw hammer {n}00 | {n + 3}\n" for n in range(1, count + 1))
    return f"Order from Acme\n\nItem | Quantity\n{rows}\nThank you\n"


def _text(request: Recorded) -> str:
    texts = (message["content"] for message in request.body["messages"] if message["role"] == "user")
    return str(next(texts))


def _rows(text: str) -> list[dict[str, Any]]:
    return [{"item": item, "quantity": int(quantity)} for item, quantity in re.findall(r"(claw.*?) \| (\d+)", text)]


def _is_whole(request: Recorded) -> bool:
    return "Thank you" in _text(request)


def _dropping(*numbers: int) -> Any:
    """A model that leaves rows out the first time."""

    def answer(request: Recorded) -> Any:
        rows = _rows(_text(request))
        if not _is_whole(request):
            return {"lines": rows}
        return {"vendor": "Acme", "lines": [row for n, row in enumerate(rows, 1) if n not in numbers]}

    return answer


def _run(
    kind: str, fake: FakeEndpoint, target: Any, document: Any, *, settings: Any = None, **call: Any
) -> Extraction[Any]:
    made = {"base_url": fake.base_url, "transport_retries": 0, **(settings or {})}
    call.setdefault("recall", "high")
    return run_once(kind, made, target, document, **call)


def test_rows_that_were_passed_over(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Rows that are in no item are asked for by themselves, and come to their places."""
    document = _document(9)
    fake_endpoint.script, fake_endpoint.repeat = [_dropping(3, 4, 7)], True
    result = _run(kind, fake_endpoint, Order, document)
    assert isinstance(result.value, Order)
    assert [line.quantity for line in result.value.lines] == list(range(4, 13))
    assert result.complete
    first, *others = map(_text, fake_endpoint.requests)
    assert first == document
    assert others
    assert all("Item | Quantity" in text and "hammer 100" not in text for text in others)
    assert len(result.attempts) == len(fake_endpoint.requests)
    for number, line in enumerate(result.value.lines):
        span = result.fields[f"/lines/{number}/item"].span
        assert span is not None
        assert document[span.start : span.end] == line.item


def test_nothing_is_missing(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A list that is complete costs one request."""
    fake_endpoint.script, fake_endpoint.repeat = [_dropping()], True
    result = _run(kind, fake_endpoint, Order, _document(6))
    assert len(fake_endpoint.requests) == len(result.attempts) == 1
    assert (len(result.value.lines), result.complete) == (6, True)


def test_nothing_is_asked_without(fake_endpoint: FakeEndpoint) -> None:
    """By default it is reported what is missing, and not asked for."""
    fake_endpoint.script, fake_endpoint.repeat = [_dropping(2, 3)], True
    result = _run("sync", fake_endpoint, Order, _document(6), settings={"recall": "high"}, recall="normal")
    assert len(fake_endpoint.requests) == 1
    assert (result.lists[0].lacking, result.complete) == (2, False)


def test_a_region_that_fails(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the rows cannot be had, what there is stays, and what is missing is reported."""
    usual = _dropping(3)
    fake_endpoint.script = [lambda request: usual(request) if _is_whole(request) else "no json"]
    fake_endpoint.repeat = True
    result = _run(kind, fake_endpoint, Order, _document(6), max_retries=0)
    assert len(result.value.lines) == 5
    assert not result.complete
    assert result.failures
    assert all(isinstance(error, ExtractionFailed) for error in result.failures)
    assert len(result.attempts) == len(fake_endpoint.requests) <= 3


def test_the_first_request_fails(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the first request fails with is raised."""
    fake_endpoint.script, fake_endpoint.repeat = ["no json"], True
    with pytest.raises(ExtractionFailed):
        _run(kind, fake_endpoint, Order, _document(6), max_retries=0)
    assert len(fake_endpoint.requests) == 1


def test_a_model_that_never_gives_them(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A model that leaves the same row out again is not asked for ever."""
    usual = _dropping(3)
    fake_endpoint.script = [lambda request: usual(request) if _is_whole(request) else {"lines": []}]
    fake_endpoint.repeat = True
    result = _run(kind, fake_endpoint, Order, _document(6))
    assert (len(result.value.lines), result.complete) == (5, False)
    assert len(fake_endpoint.requests) <= 3


def test_what_is_invented_is_not_put_in(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An item that stands nowhere in the rows that were asked for does not get into the list."""
    usual = _dropping(3)
    invented = {"lines": [{"item": "laser cutter", "quantity": 77}]}
    fake_endpoint.script = [lambda request: usual(request) if _is_whole(request) else invented]
    fake_endpoint.repeat = True
    result = _run(kind, fake_endpoint, Order, _document(6))
    assert "laser cutter" not in [line.item for line in result.value.lines]


class Group(BaseModel):
    title: str
    lines: list[Line]


class Groups(BaseModel):
    groups: list[Group]


def test_a_list_in_a_list(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Rows that an inner list lacks come into that list."""
    rows = [f"claw hammer {n}00 | {n + 3}\n" for n in range(1, 13)]
    document = "North\n\nItem | Quantity\n" + "".join(rows[:6]) + "\nSouth\n\nItem | Quantity\n" + "".join(rows[6:])

    def answer(request: Recorded) -> Any:
        found = _rows(_text(request))
        if len(fake_endpoint.requests) > 1:
            return dict.fromkeys(request.body["response_format"]["json_schema"]["schema"]["properties"], found)
        groups = [{"title": "North", "lines": found[:6]}, {"title": "South", "lines": found[6:8] + found[9:]}]
        return {"groups": groups}

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, Groups, document)
    assert [[line.quantity for line in group.lines] for group in result.value.groups] == [
        list(range(4, 10)),
        list(range(10, 16)),
    ]


def test_a_list_as_the_target(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A list that is the whole value gets the rows that it lacks, or says that it lacks them."""

    def answer(request: Recorded) -> Any:
        rows = _rows(_text(request))
        if len(fake_endpoint.requests) == 1:
            rows = [*rows[:2], *rows[3:]]
        (name,) = request.body["response_format"]["json_schema"]["schema"]["properties"]
        return {name: rows}

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, list[Line], _document(6))
    assert isinstance(result.value[0], Line)
    assert len(result.value) == 6


def test_a_list_of_scalars(fake_endpoint: FakeEndpoint) -> None:
    """Items that are scalars are asked for as records are."""
    document = "Colours of the house:\n\n" + "".join(f"- {name}\n" for name in ("red", "green", "blue", "pink", "gold"))

    class Colours(BaseModel):
        colours: list[str]

    def answer(request: Recorded) -> Any:
        found = re.findall(r"- (\w+)", _text(request))
        return {"colours": [name for name in found if name != "blue" or len(fake_endpoint.requests) > 1]}

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run("sync", fake_endpoint, Colours, document)
    assert result.value.colours == ["red", "green", "blue", "pink", "gold"]


SCHEMA = Order.model_json_schema()


def test_a_schema_as_the_target(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A JSON Schema works as a model does."""
    fake_endpoint.script, fake_endpoint.repeat = [_dropping(2)], True
    result = _run(kind, fake_endpoint, SCHEMA, _document(6))
    assert [line["quantity"] for line in result.value["lines"]] == list(range(4, 10))


def test_a_list_that_was_absent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A list that was said to be absent and is found then is not absent any more."""

    def answer(request: Recorded) -> Any:
        rows = _rows(_text(request))
        return {"vendor": "Acme", "lines": None} if len(fake_endpoint.requests) == 1 else {"lines": rows}

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, Order, _document(6), absent="allow")
    assert (result.outcome, result.errors) == (Outcome.CONFORMING, ())
    assert "/lines" not in result.absent
    assert len(result.value.lines) == 6


def test_a_list_that_may_be_null(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A list that is null because there is none is not asked for."""

    class Noted(Order):
        notes: list[str] | None

    def answer(request: Recorded) -> Any:
        return {"vendor": "Acme", "lines": _rows(_text(request)), "notes": None}

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, Noted, _document(6))
    assert {report.pointer: report.status for report in result.lists} == {"/lines": "complete", "/notes": "unknown"}
    assert (result.complete, len(fake_endpoint.requests)) == (True, 1)


def test_rows_that_break_a_rule_of_the_whole(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Rows with which the value would not conform any more are left out."""

    class Three(Order):
        @model_validator(mode="after")
        def three(self) -> Three:
            if len(self.lines) > 5:
                raise ValueError("no more than five")
            return self

    fake_endpoint.script, fake_endpoint.repeat = [_dropping(3)], True
    result = _run(kind, fake_endpoint, Three, _document(6))
    assert (len(result.value.lines), result.outcome) == (5, Outcome.CONFORMING)


def test_a_validator_with_a_mistake(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A validator of the caller's that breaks at the completed list is raised as itself, with all attempts."""

    class Careless(Order):
        @model_validator(mode="after")
        def careless(self) -> Careless:
            if len(self.lines) > 5:
                raise RuntimeError("a mistake")
            return self

    fake_endpoint.script, fake_endpoint.repeat = [_dropping(3)], True
    with pytest.raises(TargetFailed) as caught:
        _run(kind, fake_endpoint, Careless, _document(6))
    assert len(caught.value.attempts) == len(fake_endpoint.requests) == 2


def test_candidates_of_the_whole(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With candidates, what they agree on is what is looked through; rows are asked for once."""
    fake_endpoint.script, fake_endpoint.repeat = [_dropping(3)], True
    result = _run(kind, fake_endpoint, Order, _document(6), candidates=2)
    assert len(result.value.lines) == 6
    assert result.fields["/lines/0/item"].agreement == 1.0
    assert len(fake_endpoint.requests) == 3


def test_without_a_text(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the turns are the caller's own there is nothing to look through: it is asked once."""
    fake_endpoint.answer({"vendor": "Acme", "lines": []})
    result = _run(kind, fake_endpoint, Order, None, messages=[{"role": "user", "content": _document(6)}])
    assert (result.value.vendor, result.lists, len(fake_endpoint.requests)) == ("Acme", (), 1)


def test_keys_of_regions(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every request has a key of its own, which is the same when the job is resumed."""
    keys: list[list[str]] = []
    for _ in range(2):
        fake_endpoint.script, fake_endpoint.repeat = [_dropping(3)], True
        fake_endpoint.requests.clear()
        _run(kind, fake_endpoint, Order, _document(6), idempotency_key="job")
        keys.append([request.headers["idempotency-key"] for request in fake_endpoint.requests])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2


@pytest.mark.parametrize("wrong", ["highest", None, 1, True])
def test_a_wrong_word(wrong: Any, fake_endpoint: FakeEndpoint) -> None:
    """A word that is none of those is refused before anything is sent."""
    with pytest.raises(OptionError, match=r"recall is .*, but must be one of normal, high"):
        _run("sync", fake_endpoint, Order, "text", recall=wrong)
    assert not fake_endpoint.requests


def test_a_region_that_is_refused(fake_endpoint: FakeEndpoint) -> None:
    """A region that the endpoint fails at is a failure beside the value."""
    usual = _dropping(3)
    broken = Reply(status=500, raw="{}")
    fake_endpoint.script = [lambda request: usual(request) if _is_whole(request) else broken]
    fake_endpoint.repeat = True
    result = _run("sync", fake_endpoint, Order, _document(6))
    assert (len(result.value.lines), type(result.failures[0]).__name__) == (5, "ServerError")


@pytest.mark.parametrize("status", [401, 500])
def test_what_every_request_would_end_in_ends_the_rounds(kind: str, status: int, fake_endpoint: FakeEndpoint) -> None:
    """After a refusal of the key nothing more is sent; what another error was for leaves the other regions alone."""
    usual = _dropping(*range(2, 900))
    refused = Reply(status=status, raw='{"error": {"message": "no"}}')
    fake_endpoint.script = [lambda request: usual(request) if _is_whole(request) else refused]
    fake_endpoint.repeat = True
    result = _run(kind, fake_endpoint, Order, _document(900), chunking=None)
    asked = len(fake_endpoint.requests) - 1
    assert (asked == 23) if status == 500 else (0 < asked <= 2 * AT_ONCE - 1)
    assert len(result.failures) == asked
    assert (len(result.value.lines), result.complete) == (2, False)


def test_regions_are_asked_for_a_few_at_a_time(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The next one begins where one has ended, and all are asked for."""
    fake_endpoint.script, fake_endpoint.repeat = [_dropping(*range(2, 900))], True
    result = _run(kind, fake_endpoint, Order, _document(900), chunking=None)
    assert (len(fake_endpoint.requests), result.complete) == (1 + 23, True)
    assert [line.quantity for line in result.value.lines] == list(range(4, 904))


def test_a_slow_region_holds_up_nobody(fake_endpoint: FakeEndpoint) -> None:
    """With every answer the next region is asked for, whichever it is the answer of."""
    fake_endpoint.script, fake_endpoint.repeat = [_dropping(*range(2, 900))], True
    result = _run("sync", fake_endpoint, Order, _document(900), recall="normal", chunking=None)
    whole = Whole(target=target_of(Order), document=_document(900), settings=Settings.of({}, {}), call={})
    steps = recalled(whole, _document(900))
    (first,) = next(steps)
    ahead = [*steps.send(Came(piece=first, result=result))]
    assert [piece.number for piece in ahead] == [*range(1, 1 + AT_ONCE)]
    for number in range(2, 2 + 23 - AT_ONCE):  # the answer of the first region does not come
        (piece,) = steps.send(Came(piece=ahead[number - 1], error=ExtractorError("no")))
        ahead.append(piece)
    assert [piece.number for piece in ahead] == [*range(1, 24)]


def test_rows_of_another_table_go_to_no_other_list(fake_endpoint: FakeEndpoint) -> None:
    """Rows that were asked for under their heading come into that list only."""

    class Both(BaseModel):
        ordered: list[Line]
        backordered: list[Line]

    text = (
        "Ordered\nItem | Qty\nclaw hammer | 3\nclaw saw | 4\nBackordered\nItem | Qty\nclaw drill | 1\nclaw glue | 9\n"
    )

    def answer(request: Recorded) -> Any:
        rows = _rows(_text(request))
        if len(fake_endpoint.requests) == 1:
            return {"ordered": rows[:2], "backordered": rows[2:3]}
        return dict.fromkeys(request.body["response_format"]["json_schema"]["schema"]["properties"], rows)

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    value = _run("sync", fake_endpoint, Both, text).value
    assert [line.item for line in value.ordered] == ["claw hammer", "claw saw"]
    assert [line.item for line in value.backordered] == ["claw drill", "claw glue"]
    assert "Backordered" in _text(fake_endpoint.requests[1])


def test_an_empty_list_is_filled(fake_endpoint: FakeEndpoint) -> None:
    """The rows of the only table are asked for where the model gave none."""

    def answer(request: Recorded) -> Any:
        first = len(fake_endpoint.requests) == 1
        return {"vendor": "Acme", "lines": []} if first else {"lines": _rows(_text(request))}

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run("sync", fake_endpoint, Order, _document(6))
    assert (len(result.value.lines), result.complete) == (6, True)
