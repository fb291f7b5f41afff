"""What an extraction comes to: records that can be kept, compared, changed and shown."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from extractor import AsyncExtractor, Chunking, Extraction, Extractor, Inferred
from extractor.errors import ExtractionFailed, ServerError
from extractor.testing import FakeEndpoint, Recorded, Reply

KEY = "sk-PLANTED-0123456789"
SECRET = "ZEBRA"  # of the document, and of no value


class Line(BaseModel):
    item: str
    quantity: int


class Order(BaseModel):
    vendor: str
    lines: list[Line]
    note: Annotated[str, Inferred()] = ""


def _document(count: int = 6) -> str:
    rows = "".join(f"claw hammer {n}00 | {n + 3}\n" for n in range(1, count + 1))
    return f"Order from Acme\n\nItem | Quantity\n{rows}\n{SECRET}\n"


def _answer(request: Recorded) -> Any:
    text = next(message["content"] for message in request.body["messages"] if message["role"] == "user")
    rows = [{"item": item, "quantity": int(n)} for item, n in re.findall(r"(claw.*?) \| (\d+)", text)]
    return {"vendor": "Acme" if "Acme" in text else None, "lines": rows, "note": ""}


def _forgetful(request: Recorded) -> Any:
    answer = _answer(request)
    if SECRET in str(request.body["messages"]):
        return {**answer, "lines": answer["lines"][:3] + answer["lines"][4:]}
    return {"lines": answer["lines"]}


def _broken(request: Recorded) -> Any:
    return "no json" if "hammer 900" in str(request.body) else _answer(request)


KINDS: dict[str, tuple[Callable[[Recorded], Any], str, dict[str, Any]]] = {
    "plain": (_answer, _document(), {}),
    "candidates": (_answer, _document(), {"candidates": 3}),
    "recall": (_forgetful, _document(), {"recall": "high"}),
    "chunks": (_answer, _document(30), {"chunking": Chunking(tokens=100, overlap=10)}),
    "a failed chunk": (_broken, _document(30), {"chunking": Chunking(tokens=100, overlap=0), "max_retries": 0}),
    "tokens": (_answer, _document(), {"confidence": True}),
}
every = pytest.mark.parametrize("kind", KINDS)


def _result(fake: FakeEndpoint, kind: str) -> Extraction[Any]:
    answer, document, call = KINDS[kind]
    fake.script, fake.repeat = [answer], True
    with Extractor("m", base_url=fake.base_url, api_key=KEY) as one:
        return one.run(Order, document, **call)


@every
@pytest.mark.parametrize("looked", [False, True], ids=["fresh", "looked at"])
def test_it_can_be_pickled(looked: bool, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A result can be kept, and what is known of its fields afterwards is what was known before."""
    result = _result(fake_endpoint, kind)
    if looked:
        assert result.fields
        assert isinstance(result.lists, tuple)
    kept = pickle.loads(pickle.dumps(result))
    assert kept.value == result.value
    assert kept.fields == result.fields
    assert kept.lists == result.lists
    assert kept.to_html() == result.to_html()
    assert [chunk.start for chunk in kept.chunks] == [chunk.start for chunk in result.chunks]
    assert KEY.encode() not in pickle.dumps(result)


@every
def test_it_can_be_copied(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A copy is equal, and says the same."""
    result = _result(fake_endpoint, kind)
    if kind != "a failed chunk":  # two errors are never equal
        assert copy.deepcopy(result) == result
    assert copy.copy(result) == replace(result) == result
    assert copy.deepcopy(result).fields == result.fields


@every
def test_what_it_shows(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What is shown of a result, of its attempts and of its failures has neither the key nor the document in it."""
    result = _result(fake_endpoint, kind)
    assert result.fields
    for each in (result, *result.attempts, *result.versions, *result.chunks, *result.failures):
        assert KEY not in repr(each)
        assert SECRET not in repr(each)
        assert KEY not in str(each)
    assert KEY not in result.to_html()


def test_what_is_made_of_it_finds_out_anew(fake_endpoint: FakeEndpoint) -> None:
    """A result with other data or another document knows nothing of what was known before."""
    result = _result(fake_endpoint, "plain")
    assert result.fields["/vendor"].status == "exact"
    assert replace(result, document="Nothing").fields["/vendor"].status == "absent"
    assert replace(result, data={"vendor": "Bolt", "lines": []}).fields.keys() == {"/vendor", "/note"}
    assert result.fields["/vendor"].status == "exact"


@every
def test_a_page_of_any(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Whatever a result is of, there is a page for it, with its values."""
    page = _result(fake_endpoint, kind).to_html()
    assert page.startswith("<!DOCTYPE html>")
    assert "claw hammer 100" in page
    assert ("could not be read" in page) == (kind == "a failed chunk")


def test_a_failed_chunk_is_no_whole(fake_endpoint: FakeEndpoint) -> None:
    """A result that lacks a chunk is not complete, and says what the chunk failed with."""
    result = _result(fake_endpoint, "a failed chunk")
    assert not result.complete
    (failed,) = (chunk for chunk in result.chunks if chunk.error is not None)
    assert isinstance(failed.error, ExtractionFailed)
    assert failed.error.__traceback__ is None  # it would keep all that was there, and show the key
    assert failed.error in result.failures


def test_rows_that_are_missing_are_no_whole(fake_endpoint: FakeEndpoint) -> None:
    """A result whose list lacks rows is not complete."""
    fake_endpoint.script, fake_endpoint.repeat = [_forgetful], True
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        assert not one.run(Order, _document()).complete
        assert one.run(Order, _document(), recall="high").complete


def test_what_a_result_costs(fake_endpoint: FakeEndpoint) -> None:
    """The attempts, the usage and the cost of a result are those of all its requests."""

    def answer(request: Recorded) -> Any:
        return Reply(content=_answer(request), usage={"prompt_tokens": 1_000, "completion_tokens": 100})

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    from extractor import Price

    cut = Chunking(tokens=100, overlap=0)
    with Extractor("m", base_url=fake_endpoint.base_url, price=Price(input=1, output=2), chunking=cut) as one:
        result = one.run(Order, _document(30), candidates=2)
    count = len(fake_endpoint.requests)
    assert count > 6
    assert len(result.attempts) == count
    assert result.usage.prompt_tokens == 1_000 * count
    assert result.cost is not None
    assert float(result.cost) == pytest.approx(0.0012 * count)


def test_a_failure_can_be_pickled(fake_endpoint: FakeEndpoint) -> None:
    """So can what is raised where all chunks fail, with everything that came."""
    fake_endpoint.script, fake_endpoint.repeat = [Reply(status=500, raw="{}")], True
    with (
        Extractor("m", base_url=fake_endpoint.base_url, api_key=KEY, transport_retries=0) as one,
        pytest.raises(ServerError) as caught,
    ):
        one.run(Order, _document(30), chunking=Chunking(tokens=100, overlap=0))
    kept = pickle.loads(pickle.dumps(caught.value))
    assert len(kept.failures) == len(caught.value.failures) > 1
    assert KEY.encode() not in pickle.dumps(caught.value)


def test_async_is_the_same(fake_endpoint: FakeEndpoint) -> None:
    """A result of the async extractor is the same record."""
    fake_endpoint.script, fake_endpoint.repeat = [_answer], True

    async def run() -> Extraction[Order]:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            return await one.run(Order, _document(30), chunking=Chunking(tokens=100, overlap=10))

    result, other = asyncio.run(run()), _result(fake_endpoint, "chunks")
    assert result.value == other.value
    assert result.fields == other.fields
    assert json.loads(json.dumps(result.data)) == other.data
