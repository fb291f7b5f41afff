"""Documents that are refused as too long: cut whatever the plan, and what is learned from it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel, Field, model_validator

from extractor import Chunking, Extractor
from extractor.errors import OptionError, RequestTooLarge
from extractor.testing import FakeEndpoint, Recorded, Reply

ROWS = 120
MOST = 1_800  # characters that the endpoint takes


class Line(BaseModel):
    sku: str
    quantity: int


class Order(BaseModel):
    number: str
    lines: list[Line] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Order:
        if len(self.lines) != ROWS:
            raise ValueError("there are rows missing")
        return self


TEXT = (
    "Order Q-17\n\n"
    + "It was a long letter with nothing in it.\n" * 30
    + "\nsku | quantity\n"
    + "".join(f"A-{n:04} | {n % 7 + 1}\n" for n in range(ROWS))
)


def _said(request: Recorded) -> str:
    return str(request.body["messages"][-1]["content"])


def _found(text: str) -> dict[str, Any]:
    number = re.search(r"Order (\S+)", text)
    rows = re.findall(r"(A-\d+) \| (\d+)", text)
    return {"number": number and number[1], "lines": [{"sku": sku, "quantity": int(many)} for sku, many in rows]}


def _short_only(request: Recorded) -> Any:
    if len(_said(request)) > MOST:
        return Reply(status=400, body={"error": {"message": "prompt is too long", "code": "context_length_exceeded"}})
    return _found(_said(request))


@pytest.fixture
def extractor(fake_endpoint: FakeEndpoint) -> Any:
    fake_endpoint.script, fake_endpoint.repeat = [_short_only], True
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        yield one


@pytest.mark.parametrize("call", [{}, {"candidates": 2}, {"recall": "high"}])
def test_it_is_cut_whatever_the_plan(extractor: Extractor, call: Any) -> None:
    """A document that an endpoint refuses is cut, also where candidates or recall are wanted."""
    result = extractor.run(Order, TEXT, **call)
    assert len(result.value.lines) == ROWS
    assert len(result.chunks) > 1


def test_a_refusal_is_remembered(extractor: Extractor, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint does not say how much it takes, a document as long as the refused one is cut at once."""
    extractor.run(Order, TEXT)
    before = len(fake_endpoint.requests)
    extractor.run(Order, TEXT)
    assert all(len(_said(request)) < len(TEXT) for request in fake_endpoint.requests[before:])


def test_another_model_teaches_nothing(extractor: Extractor, fake_endpoint: FakeEndpoint) -> None:
    """What one model refuses says nothing about the extractor's own."""
    extractor.run(Order, TEXT, model="small")
    fake_endpoint.answer(lambda request: _found(_said(request)))
    assert not extractor.run(Order, TEXT).chunks


def test_not_where_it_is_not_to_be_cut(extractor: Extractor) -> None:
    """With `chunking=None` the refusal is the caller's to see."""
    with pytest.raises(RequestTooLarge):
        extractor.run(Order, TEXT, chunking=None)


def test_rules_of_the_whole_are_for_the_whole(extractor: Extractor, fake_endpoint: FakeEndpoint) -> None:
    """Chunks without rows, and validators of the record, are no errors before all is put together."""
    result = extractor.run(Order, TEXT, chunking=Chunking(tokens=300))
    assert len(result.value.lines) == ROWS
    assert len(result.attempts) == len(result.chunks)
    asked = fake_endpoint.requests[0].body["response_format"]["json_schema"]["schema"]
    assert "minItems" not in str(asked)


def test_pages_are_those_of_the_whole(extractor: Extractor) -> None:
    """The spans of a document in chunks have the pages of the whole."""
    pages = "\f".join(TEXT.splitlines(keepends=True))
    result = extractor.run(Order, pages, chunking=Chunking(tokens=300))
    for pointer in ("/number", "/lines/60/sku"):
        (span,) = result.fields[pointer].spans
        assert span.page == pages.count("\f", 0, span.start) + 1


def test_n_beside_candidates(extractor: Extractor) -> None:
    """`candidates` asks with `n` itself."""
    with pytest.raises(OptionError, match="n and candidates are both set"):
        extractor.run(Order, "x", candidates=2, n=3)
