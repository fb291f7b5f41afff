"""What a job keeps of a result or an error, and the way back, through a real file."""

from __future__ import annotations

import datetime
import inspect
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from extractor import Extractor, errors
from extractor.batch.record import Failure, Record
from extractor.batch.restoring import error_of, evident, failed, failure_of, finished, restored, restored_document
from extractor.batch.store import Finished, Store
from extractor.chat.wire import Usage
from extractor.documents.chunking import Chunking
from extractor.errors import (
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    StatusError,
    TargetFailed,
)
from extractor.prices import Price
from extractor.reply.outcome import Outcome
from extractor.result import Extraction
from extractor.schema.target import Target, target_of
from extractor.testing import FakeEndpoint, Reply

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "input_tokens_details": {"text": 3}, "x": 1}
numbers = itertools.count()


class Line(BaseModel):
    """One line of an order."""

    article: str
    count: int
    price: Decimal


class Order(BaseModel):
    """What is extracted here."""

    customer: str
    day: datetime.date | None = None
    kind: Literal["order", "offer"] = "order"
    tags: set[str] = Field(default_factory=set)
    lines: list[Line] = Field(default_factory=list)


TARGET: Target[Order] = target_of(Order)
TEXT = "Order of Ann Miller, 2 May 2024\n\fArticle  Count  Price\nbolt  3  1.50\nnut  4  0.20\nring  5  0.70\n"
DATA = {
    "customer": "Ann Miller",
    "day": "2024-05-02",
    "kind": "order",
    "tags": ["new"],
    "lines": [{"article": "bolt", "count": 3, "price": "1.50"}, {"article": "nut", "count": 4, "price": "0.20"}],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A job without anything in it."""
    with Store(tmp_path / "job.db") as made:
        yield made


def _run(target: Any, document: Any, *script: Any, **call: Any) -> Extraction[Any]:
    fake = FakeEndpoint(*script, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client) as extractor,
    ):
        result: Extraction[Any] = extractor.run(target, document, **call)
        return result


def _through(store: Store, kept: Finished, text: str | None = None) -> Record:
    """What the file gives back for what was kept."""
    run = store.open_run(target="Order", schema={}, options={})
    number = next(numbers)
    with store.worker(run.number) as worker:
        begun = worker.begin(number=number, name=str(number), sha256=f"{number:064x}", text=text).result()
        worker.finish(begun, kept).result()
    record = store.record(run.number, str(number))
    assert record is not None
    return record


def _same(one: Extraction[Any], other: Extraction[Any]) -> None:
    """Everything but the attempts, and what went wrong on the way."""
    assert other.value == one.value
    assert other.candidates[:1] == one.candidates[:1]
    assert (other.data, other.errors, other.absent) == (one.data, one.errors, one.absent)
    assert (other.outcome, other.complete) == (one.outcome, one.complete)
    assert (other.usage, other.cost, other.seconds) == (one.usage, one.cost, one.seconds)
    assert (other.model, other.mode, other.schema, other.document) == (one.model, one.mode, one.schema, one.document)
    assert other.fields == one.fields
    assert other.lists == one.lists
    assert other.conflicts == one.conflicts
    assert [(each.number, each.start, each.end) for each in other.chunks] == [
        (each.number, each.start, each.end) for each in one.chunks
    ]
    assert [str(each.error) for each in other.chunks] == [str(each.error) for each in one.chunks]


def _restored(store: Store, target: Any, result: Extraction[Any], context: Any = None) -> Extraction[Any]:
    record = _through(store, finished(result, 1, evidence=True), result.document)
    again: Extraction[Any] = restored(target_of(target), record, context)
    return again


def test_a_result_is_restored_as_it_was(store: Store) -> None:
    """Value, data, fields, lists, usage and cost come back as they were; the attempts are in the file."""
    result = _run(Order, TEXT, Reply(content=DATA, usage=USAGE), price=Price(input=1, output="2.5"))
    again = _restored(store, Order, result)
    _same(result, again)
    assert isinstance(again.value, Order)
    assert result.cost
    assert any(field.span is not None and field.span.page == 2 for field in again.fields.values())
    assert [each.status for each in again.lists if each.pointer == "/lines"] == ["incomplete"]
    assert again.attempts == ()


def test_what_is_known_is_not_found_out_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields and lists of a restored result are those of then, without a look at the document."""
    again = _restored(store, Order, _run(Order, TEXT, DATA))
    monkeypatch.delattr("extractor.evidence.fields.fields_of")
    monkeypatch.delattr("extractor.evidence.fields.lists_of")
    assert again.fields["/customer"].span is not None
    assert again.lists
    assert not again.complete


def test_what_was_left_out_is_found_out_when_it_is_wanted(store: Store) -> None:
    """Without evidence, what is known of the fields is worked out from the text that the job has."""
    result = _run(Order, TEXT, DATA)
    record = _through(store, finished(result, 1, evidence=False), TEXT)
    assert (record.complete, record.fields, record.lists) == (None, {}, ())
    _same(result, restored(TARGET, record))


def test_absent_fields_come_back(store: Store) -> None:
    """Where the document lacks required fields there is no value, and the errors say what is missing."""
    result = _run(Order, "Nothing here.", {"customer": None, "lines": []}, absent="allow")
    assert result.outcome is Outcome.INCOMPLETE
    assert result.errors
    _same(result, _restored(store, Order, result))


def test_chunks_and_conflicts_come_back(store: Store) -> None:
    """Of a long document, what became of each chunk is there, with what it failed with, and what they disagree in."""

    def answer(recorded: Any) -> Any:
        said = str(recorded.body["messages"][-1]["content"])
        if "broken" in said:
            return Reply(status=400, raw='{"error": {"message": "no"}}')
        return {"customer": "Bob Smith" if "Smith" in said else "Ann Miller"}

    pages = ["customer: Ann Miller\n" * 20, "customer: Bob Smith\n" * 20, "broken\n" * 40]
    result = _run(Order, "\f".join(pages), answer, chunking=Chunking(tokens=120, overlap=0), max_retries=0)
    assert result.conflicts
    assert any(each.error is not None for each in result.chunks)
    again = _restored(store, Order, result)
    _same(result, again)
    broken = next(each.error for each in again.chunks if each.error is not None)
    assert isinstance(broken, errors.BadRequest)
    assert not again.complete


def test_candidates_come_back_as_what_they_agree_on(store: Store) -> None:
    """The vote of several candidates is in the fields."""
    replies = [{"customer": "Ann Miller"}, {"customer": "Ann Miller"}, {"customer": "Bob"}]
    result = _run(Order, TEXT, *replies, candidates=3)
    again = _restored(store, Order, result)
    _same(result, again)
    assert again.fields["/customer"].others


def test_the_context_of_validators_is_given_again(store: Store) -> None:
    """Validators that need pydantic's context have it."""

    class Loud(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _cased(cls, name: str, info: ValidationInfo) -> str:
            return name.upper() if (info.context or {})["loud"] else name

    result = _run(Loud, "Ann", {"name": "Ann"}, context={"loud": True})
    again = _restored(store, Loud, result, {"loud": True})
    _same(result, again)
    assert again.value.name == "ANN"


def _is_short(text: str) -> str:
    if len(text) > 2:
        raise ValueError("too long")
    return text


def _breaks(text: str) -> str:
    raise KeyError(text)


class Short(BaseModel):
    """Stricter than what was extracted."""

    customer: Annotated[str, AfterValidator(_is_short)]


class Broken(BaseModel):
    """Its validator breaks."""

    customer: Annotated[str, AfterValidator(_breaks)]


def test_validators_that_have_changed_are_named(store: Store) -> None:
    """What does not conform any more is an error of that document, with the data and what is wrong."""
    record = _through(store, finished(_run(Order, TEXT, DATA), 1, evidence=True), TEXT)
    came = restored_document(target_of(Short), record)
    assert came.restored
    assert isinstance(came.error, ExtractionFailed)
    assert came.error.value == DATA
    assert [each.pointer for each in came.error.errors] == ["/customer"]
    assert "retry" in str(came.error)
    assert "Ann" not in str(came.error)
    assert isinstance(restored_document(target_of(Broken), record).error, TargetFailed)


ORDERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"customer": st.sampled_from(["Ann Miller", "Bob", "", "Zoë \ud83d\ude00 \u0000"]) | st.text()},
    optional={
        "day": st.none() | st.dates().map(str),
        "kind": st.sampled_from(["order", "offer"]),
        "tags": st.lists(st.text(), max_size=3),
        "lines": st.lists(
            st.fixed_dictionaries(
                {
                    "article": st.sampled_from(["bolt", "nut", "ring"]),
                    "count": st.integers(),
                    "price": st.sampled_from(["1.50", "0.2", 3, 0.1]),
                }
            ),
            max_size=3,
        ),
    },
)
USAGES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": st.integers(0, 10**6),
        "completion_tokens": st.integers(0, 10**6),
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": st.integers(0, 9)}),
        "cost_details": st.dictionaries(st.text(), st.integers(), max_size=2),
    },
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(data=ORDERS, usage=USAGES, text=st.sampled_from([TEXT, "Ann Miller", "x"]), priced=st.booleans())
def test_any_result_comes_back(data: Any, usage: Any, text: str, priced: bool) -> None:
    """Whatever was extracted: what is restored from the file is the same."""
    call: dict[str, Any] = {"price": Price(input=1, output=3)} if priced else {}
    try:
        result = _run(Order, text, Reply(content=data, usage=usage), max_retries=0, **call)
    except ExtractionFailed:
        return  # a text with half a character, say
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "job.db") as store:
        _same(result, _restored(store, Order, result))


@settings(max_examples=40)
@given(data=ANYTHING)
def test_any_json_comes_back(data: Any) -> None:
    """The same for a target that takes anything."""
    wanted = dict[str, Any]
    try:
        result = _run(wanted, "text", {"it": data}, max_retries=0)
    except ExtractionFailed:
        return
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "job.db") as store:
        _same(result, _restored(store, wanted, result))


# ------------------------------------------------------------------------------------------------ errors


KINDS = [getattr(errors, name) for name in errors.__all__ if name != "Overtaken"]  # which no document fails with


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_as_what_it_was(kind: type[ExtractorError]) -> None:
    """An error that was kept is of the same type, says the same, and has all that its type promises."""
    wanted = {
        "option": "x",
        "status": 500,
        "attempts": (),
        "value": {"a": [1]},
        "errors": TARGET.validate({"customer": 3}).errors,
        "usage": Usage(prompt_tokens=3),
    }
    named = inspect.signature(kind.__init__).parameters
    error = kind("It went wrong.", hint="Do this.", **{name: it for name, it in wanted.items() if name in named})
    record = Record(number=0, name="0", sha256="", state="failed", usage=Usage(prompt_tokens=3), cost=Decimal(2))
    again = error_of(failure_of(error), record)
    assert type(again) is kind
    assert (str(again), again.message, again.hint) == (str(error), error.message, error.hint)
    for name in error.__dict__:
        assert hasattr(again, name)
    if isinstance(again, ExtractionFailed) and isinstance(error, ExtractionFailed):
        assert (again.value, again.errors, again.usage) == (error.value, error.errors, error.usage)
    assert repr(again)


def test_an_error_of_a_later_version_is_an_error() -> None:
    """A type that is not known here, or is none of ours, comes back as the base of all."""
    for name in ("Unheard", "Decimal", "_rebuild", "__all__"):
        error = error_of(Failure(type=name, message="It went wrong."))
        assert type(error) is ExtractorError
        assert str(error) == "It went wrong."


def test_a_failed_document_keeps_its_attempts(store: Store) -> None:
    """What the model said, what was wrong with it and what it cost stays with the document."""
    with pytest.raises(ExtractionFailed) as raised:
        _run(Order, TEXT, Reply(content={"day": "soon"}, usage=USAGE), max_retries=1, price=Price(input=1, output=1))
    record = _through(store, failed(raised.value, 2, 1.5), TEXT)
    assert record.state == "failed"
    assert record.seconds == 1.5
    assert record.requests == 2
    assert record.usage == raised.value.usage
    assert record.cost == raised.value.cost
    came = restored_document(TARGET, record)
    assert isinstance(came.error, ExtractionFailed)
    assert came.error.errors == raised.value.errors
    assert came.error.value == raised.value.value
    attempts = store.attempts(1, record.name)
    assert [(each.attempt, each.number, each.outcome) for each in attempts] == [(2, 1, "invalid"), (2, 2, "invalid")]
    assert "soon" in str(attempts[0].reply)
    assert attempts[0].errors[0]["pointer"] == "/customer"


def test_an_endpoint_that_failed_comes_back(store: Store) -> None:
    """An HTTP error comes back as one, without what only that moment knew."""
    with pytest.raises(StatusError) as raised:
        _run(Order, TEXT, Reply(status=503, raw="{}"), transport_retries=0)
    came = restored_document(TARGET, _through(store, failed(raised.value, 1, 0.0))).error
    assert isinstance(came, EndpointError)
    assert type(came) is type(raised.value)
    assert str(came) == str(raised.value)


def test_replies_in_a_tool_call_are_kept(store: Store) -> None:
    """An attempt keeps what was said, wherever it stands in the reply."""
    result = _run(Order, TEXT, {"customer": "Ann"})
    reply = result.attempts[0].reply
    choice = reply.choices[0]
    for said in (replace(choice.message, content=None, refusal="No."), replace(choice.message, content="")):
        attempt = replace(result.attempts[0], reply=replace(reply, choices=(replace(choice, message=said),)))
        kept = finished(replace(result, attempts=(attempt,)), 1).attempts[0]
        assert kept.reply == (said.refusal or said.content)
    nothing = replace(result.attempts[0], reply=replace(reply, choices=()))
    assert finished(replace(result, attempts=(nothing,)), 1).attempts[0].reply is None


def test_what_is_known_is_found_out_when_it_is_wanted(store: Store) -> None:
    """A record without evidence gets the very one that its result has, worked out from its text."""
    result = _run(Order, TEXT, DATA)
    record = _through(store, finished(result, 1), TEXT)
    assert (dict(record.fields), record.lists, record.complete) == ({}, (), None)
    known = evident(record, target_of(Order).schema)
    assert dict(known.fields) == dict(result.fields)
    assert known.complete == result.complete
    assert evident(known, {}) is known
