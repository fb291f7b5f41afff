"""Which plan a call needs, and how much room a document has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor import Chunking, Image
from extractor.chat.wire import Prefix
from extractor.documents.lengths import tokens_in
from extractor.errors import RequestTooLarge
from extractor.loop.ladder import Form, Way
from extractor.prompt import Prompt
from extractor.schema.adapt import adapt
from extractor.schema.target import Target, target_of
from extractor.settings import Settings
from extractor.several.plan import LEAST_ROOM, Whole, known_context, plan, room, shorter


class Order(BaseModel):
    vendor: str


TARGET: Target[Any] = target_of(Order)
LONG = "word and word. " * 400
ADAPTED = adapt(TARGET, "unknown")
FORM = Form(
    way=Way(mode="strict"),
    adapted=ADAPTED,
    prompt=Prompt(messages=()),
    prefix=Prefix(fields={"model": "m"}),
)


def _whole(document: Any = LONG, **call: Any) -> Whole:
    return Whole(target=TARGET, document=document, settings=Settings.of({}, call), call=call)


def _name(whole: Whole, free: int | None = None) -> str | None:
    made = plan(whole, free)
    return None if made is None else str(getattr(made, "__name__"))  # noqa: B009


@pytest.mark.parametrize(
    ("call", "free", "name"),
    [
        ({}, None, None),
        ({}, 100, "chunked"),
        ({}, 100_000, None),
        ({"chunking": None}, 100, None),
        ({"chunking": Chunking(tokens=100, overlap=10)}, None, "chunked"),
        ({"chunking": Chunking(tokens=100_000)}, 100, None),
        ({"candidates": 2}, None, "candidates"),
        ({"recall": "high"}, None, "recalled"),
        ({"recall": "high", "candidates": 2}, None, "recalled"),
        ({"recall": "high", "candidates": 2}, 100, "chunked"),
    ],
)
def test_the_outermost_plan(call: dict[str, Any], free: int | None, name: str | None) -> None:
    """A document that is too long is cut first; then rows are looked for; then candidates vote."""
    assert _name(_whole(**call), free) == name


@pytest.mark.parametrize("document", [None, Image(data=b"x"), [Image(data=b"x"), LONG]], ids=["none", "image", "both"])
def test_what_is_no_text_is_not_cut(document: Any) -> None:
    """What is no text, or not only, cannot be cut or looked through; candidates may vote on it."""
    assert _name(_whole(document, recall="high"), 100) is None
    assert _name(_whole(document, recall="high", candidates=2), 100) == "candidates"
    assert shorter(_whole(document), FORM, 1_000) is None


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 10000 tokens",
        "maximum context length of 8,192 tokens",
        "the prompt is larger than the context window of 8,192 tokens",
        "context size: 8192",
        "the input token count (200000) exceeds the maximum number of tokens allowed (8192)",
        "prompt is too long: 210000 tokens > 8192 maximum",
        'the request exceeds the available context size, try increasing it", "n_prompt_tokens": 9000, "n_ctx": 8192',
    ],
)
@pytest.mark.parametrize("where", ["said", "body"])
def test_a_context_that_is_said(said: str, where: str) -> None:
    """How much an endpoint takes is read from its refusal."""
    refused = RequestTooLarge("refused", status=400, body=said if where == "body" else "")
    refused.said = said if where == "said" else ""
    assert known_context(refused, "word " * 20) == 8192


@pytest.mark.parametrize("said", ["", "too long", "context length", "context length is 12", "n_ctx: many"])
def test_a_context_that_is_not_said(said: str) -> None:
    """Where nothing is said, it is less than the document that was refused."""
    refused = RequestTooLarge("refused", status=400, body=json.dumps(said))
    assert known_context(refused, "word " * 20) == tokens_in("word " * 20)


@given(st.text(), st.text())
def test_any_refusal_can_be_read(said: str, body: str) -> None:
    """Whatever a refusal says, it is read without an error."""
    refused = RequestTooLarge("refused", status=400, body=body)
    refused.said = said
    assert known_context(refused, "word") > 0


@given(st.integers(1, 2_000_000), st.none() | st.integers(1, 65_536))
def test_there_is_always_room(context: int, limit: int | None) -> None:
    """A document has less room than a request, and always some."""
    call = {} if limit is None else {"max_completion_tokens": limit}
    found = room(_whole(**call), FORM, context)
    assert LEAST_ROOM <= found <= max(context, LEAST_ROOM)


def test_a_reply_needs_room() -> None:
    """Of what a request may have, its reply and its prompt are taken away."""
    assert room(_whole(max_completion_tokens=1_000), FORM, 10_000) < 9_000
    assert room(_whole(max_tokens=1_000), FORM, 10_000) == room(_whole(max_completion_tokens=1_000), FORM, 10_000)
    assert room(_whole(), FORM, 10_000) <= 7_500


def test_what_was_refused_is_cut_smaller() -> None:
    """A document that was refused is cut in two at least; a short one is not."""
    made = shorter(_whole(), FORM, 0)
    assert made is not None
    assert len(next(made)) > 1
    assert shorter(_whole("short"), FORM, 0) is None
    assert shorter(_whole(chunking=None), FORM, 0) is None


def test_a_piece_has_the_rest_of_the_deadline() -> None:
    """A deadline that is given is for all pieces; the usual one is for each."""
    piece = _whole(deadline=5.0).piece(0, "x")
    assert 0 < piece.call["deadline"] <= 5.0
    assert "deadline" not in _whole().piece(0, "x").call
    assert _whole(deadline=None).piece(0, "x").call["deadline"] is None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200), st.integers(0, 10**6))
def test_a_key_of_a_piece(key: str, number: int) -> None:
    """The key of a piece is one that a call may have, the same each time, and another one for another piece."""
    whole = _whole(idempotency_key=key)
    own = whole.piece(0, f"chunk{number}").call["idempotency_key"]
    assert Settings.of({}, {"idempotency_key": own}).idempotency_key == own
    assert own == whole.piece(3, f"chunk{number}").call["idempotency_key"]
    assert own != whole.piece(0, f"chunk{number + 1}").call["idempotency_key"]
    assert own.startswith(key[:100])


def test_what_is_shown_of_a_piece() -> None:
    """Neither the document nor what is sent with it is in what is shown of a piece."""
    whole = _whole("a secret document " * 100, chunking=Chunking(tokens=32, overlap=0))
    made = plan(whole, None)
    assert made is not None
    (piece, *_) = next(made)
    assert "secret" not in repr(piece)
    assert "secret" not in repr(whole)
