"""Records as bytes and back, and bytes that somebody else has put there."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.batch import packing
from extractor.batch.packing import Evidence, Summary, canonical, made, packed, packed_text, unpacked, unpacked_text
from extractor.batch.record import AttemptRecord, Failure
from extractor.chat.wire import CompletionTokensDetails, PromptTokensDetails, Usage
from extractor.errors import JobError
from extractor.evidence.field import Field, Span

few = settings(max_examples=60)
DAMAGE = (ValueError, TypeError, LookupError, RecursionError)

texts = st.text(st.characters(), max_size=8)  # with halves of characters
numbers = st.integers(0, 10**9)
reals = st.floats(allow_nan=False, allow_infinity=False)
costs = st.none() | st.decimals(0, 1000, allow_nan=False, places=9)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | reals | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=3)
many = st.lists(objects, max_size=2).map(tuple)
spans = st.builds(Span, start=numbers, end=numbers, page=st.none() | numbers)
some_spans = st.lists(spans, max_size=3).map(tuple)
known = st.builds(
    Field,
    status=st.none() | st.sampled_from(["exact", "normalised", "fuzzy", "absent", "inferred"]),
    spans=some_spans,
    elsewhere=some_spans,
    score=reals,
    confidence=st.none() | reals,
    logprob=st.none() | reals,
    agreement=st.none() | reals,
    others=st.lists(st.tuples(values, reals), max_size=2).map(tuple),
)
usages = st.builds(
    Usage,
    prompt_tokens=numbers,
    total_tokens=numbers,
    prompt_tokens_details=st.builds(PromptTokensDetails, cached_tokens=numbers),
    completion_tokens_details=st.builds(CompletionTokensDetails, reasoning_tokens=numbers),
    input_tokens_details=st.none() | objects,
    extra=objects,
)
names = st.lists(texts, max_size=3).map(tuple)
failures = st.builds(Failure, type=texts, message=texts, hint=texts, value=values, errors=many)
attempts = st.builds(
    AttemptRecord,
    attempt=numbers,
    number=numbers,
    outcome=texts,
    seconds=reals,
    model=texts,
    finish_reason=st.none() | texts,
    reply=st.none() | st.text(max_size=600),
    asked=names,
    errors=many,
    repairs=many,
    usage=st.none() | usages,
    cost=costs,
    cached=st.booleans(),
)
summaries = st.builds(
    Summary,
    outcome=texts,
    absent=names,
    complete=st.none() | st.booleans(),
    mode=st.none() | texts,
    seconds=reals,
    usage=usages,
    cost=costs,
    requests=numbers,
    error=st.none() | failures,
)
evidence = st.builds(
    Evidence, fields=st.dictionaries(texts, known, max_size=3), lists=many, chunks=many, conflicts=many
)


@few
@given(st.one_of(attempts, summaries, evidence))
def test_a_record_that_was_packed_is_the_same(record: Any) -> None:
    """Packing loses nothing of a record, whatever is in it."""
    assert made(type(record), unpacked(packed(record))) == record


@few
@given(values)
def test_plain_data_that_was_packed_is_the_same(value: Any) -> None:
    """Plain data comes back as it was, with its types."""
    assert repr(unpacked(packed(value))) == repr(value)


@few
@given(st.text(st.characters()))
def test_a_text_that_was_packed_is_the_same(text: str) -> None:
    """A text comes back letter by letter, with halves of characters."""
    assert unpacked_text(packed_text(text)) == text


@settings(max_examples=200)
@given(
    st.sampled_from([AttemptRecord, Summary, Evidence, Failure, Field, Usage]),
    st.binary(max_size=40) | objects.map(lambda each: json.dumps(each).encode()) | st.none() | numbers,
)
def test_what_is_no_record_is_told(kind: type[Any], stored: Any) -> None:
    """Whatever bytes are in the file, reading them gives a record or one of a few errors."""
    try:
        record = made(kind, unpacked(stored))
    except DAMAGE:
        return
    assert isinstance(record, kind)


@pytest.mark.parametrize(
    "value",
    [
        {"attempt": True, "number": 1, "outcome": "", "seconds": 1, "model": ""},
        {"attempt": "1", "number": 1, "outcome": "", "seconds": 1, "model": ""},
        {"number": 1, "outcome": "", "seconds": 1, "model": ""},
        {"attempt": 1, "number": 1, "outcome": "", "seconds": 1, "model": "", "cost": "much"},
        {"attempt": 1, "number": 1, "outcome": "", "seconds": 1, "model": "", "asked": "/a"},
        [],
    ],
)
def test_every_member_has_its_type(value: Any) -> None:
    """A record with a member of another type, or without one that it needs, is damage."""
    with pytest.raises(DAMAGE):
        made(AttemptRecord, value)


def test_a_member_that_is_not_known_is_passed_over() -> None:
    """What a later version adds to a record does not keep this one from reading it."""
    assert made(Span, {"start": 1, "end": 2, "line": 7}) == Span(start=1, end=2)


def test_what_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes cannot become more than a value may have."""
    monkeypatch.setattr(packing, "LARGEST", 10_000)
    bomb = zlib.compress(b" " * 1_000_000, 9)
    with pytest.raises(ValueError, match="too large"):
        unpacked(bomb)
    with pytest.raises(ValueError, match="too large"):
        unpacked_text(bomb)


def test_what_is_too_large_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that could not be read back is refused."""
    monkeypatch.setattr(packing, "LARGEST", 10)
    with pytest.raises(JobError, match="too large"):
        packed_text("a text of many letters")


def test_depth_has_an_end() -> None:
    """Data that is nested without end is damage, and does not end the program."""
    with pytest.raises(DAMAGE):
        unpacked(packed_text("[" * 100_000))


def test_money_is_exact() -> None:
    """Costs are kept digit by digit."""
    cost = Decimal("0.000000037500000001")
    assert made(Summary, unpacked(packed(Summary(cost=cost)))).cost == cost


def test_canonical_json_does_not_know_the_order_of_members() -> None:
    """The same members in another order are the same."""
    assert canonical({"b": 1, "a": [{"d": 2, "c": 3}]}) == canonical({"a": [{"c": 3, "d": 2}], "b": 1})
    assert canonical({"a": [1, 2]}) != canonical({"a": [2, 1]})
