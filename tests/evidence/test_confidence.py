"""How sure a value is."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.confidence import confident
from extractor.evidence.field import Field, Span, Status
from extractor.evidence.logprobs import Tokens


def sure(field: Field, logprob: float | None = None, data: Any = "x") -> float | None:
    """The confidence of a field that stands alone."""
    tokens = {"": Tokens(total=logprob, count=1, least=logprob, first=0.0)} if logprob is not None else None
    return confident({"": field}, tokens, data=data)[""].confidence


def at(start: int, end: int, status: Status = "exact") -> Field:
    """A field with a place."""
    return Field(status=status, spans=(Span(start=start, end=end),), score=1.0)


def test_nothing_to_go_on() -> None:
    """Without a text, a log-probability and an agreement there is no confidence."""
    assert sure(Field(status=None)) is None
    assert sure(Field(status=None, confidence=0.5)) is None
    assert sure(Field(status="inferred")) is None
    assert sure(Field(status="absent"), data=None) is None


@pytest.mark.parametrize(
    "field",
    [
        Field(status="exact"),
        Field(status="absent"),
        Field(status=None, logprob=-1.0),
        Field(status=None, agreement=0.5),
    ],
)
def test_each_kind_of_evidence_is_enough(field: Field) -> None:
    """One of the three gives a number between 0 and 1."""
    assert 0 < (sure(field) or 0) < 1


def test_what_stands_in_the_document_is_surer() -> None:
    """As it is or in another form, before nearly, before not at all; of null nothing was to be found."""
    statuses: tuple[Status, ...] = ("exact", "normalised", "fuzzy", "absent")
    exact, normalised, fuzzy, absent = (sure(Field(status=each)) or 0 for each in statuses)
    assert exact >= normalised > fuzzy > absent
    fields = {"/a": Field(status="absent"), "/b": Field(status="absent"), "/c": Field(status="absent")}
    known = [each.confidence or 0 for each in confident(fields, data={"a": None, "b": "x"}).values()]
    assert known[0] == known[2] > known[1] == absent


def test_what_the_model_was_surer_of_is_surer() -> None:
    """More probable tokens make a value surer; impossible logarithms say nothing."""
    known = [sure(at(0, 1), each) or 0 for each in (-30.0, -5.0, -1.0, -0.1, -0.001)]
    assert known == sorted(set(known))
    assert known[-1] > 0.9
    assert sure(at(0, 1), 0.0) == known[-1]
    assert sure(at(0, 1), math.nan) == sure(at(0, 1))


def test_tokens_come_before_the_fields_own() -> None:
    """The log-probability of the tokens is taken, else that of the field."""
    assert sure(Field(status="exact", logprob=-5.0), -0.1) == sure(Field(status="exact"), -0.1)
    assert sure(Field(status="exact", logprob=-5.0)) == sure(Field(status="exact"), -5.0)


def test_one_place_for_two_fields() -> None:
    """Where two fields share a place, or a part of one, both are less sure; what is concluded from it may share it."""
    both = confident(
        {"/a": at(0, 4), "/b": at(0, 4), "/c": at(4, 9), "/d": at(20, 30), "/e": at(22, 24), "/f": at(29, 31)}
    )
    assert len({both[pointer].confidence for pointer in ("/a", "/b", "/d", "/e", "/f")}) == 1
    assert (both["/a"].confidence or 1) < (both["/c"].confidence or 0)
    mixed = confident({"/a": at(0, 4), "/b": at(0, 4, "inferred")})
    assert mixed["/a"].confidence == both["/c"].confidence


def test_only_the_confidence_changes() -> None:
    """All else that is known of a field stays."""
    field = Field(status="fuzzy", score=0.9, agreement=0.5, others=(("y", 0.5),), logprob=-2.0)
    made = confident({"": field})[""]
    assert (made.status, made.score, made.agreement, made.others, made.logprob) == (
        "fuzzy",
        0.9,
        0.5,
        (("y", 0.5),),
        -2.0,
    )


statuses = st.sampled_from(["exact", "normalised", "fuzzy", "absent", "inferred", None])


@given(statuses, st.floats(-30, 0) | st.none(), st.floats(0, 1), st.floats(0, 1))
def test_more_agreement_is_surer(status: Any, logprob: float | None, one: float, other: float) -> None:
    """Whatever else is known, a value that more candidates have is not less sure."""
    low, high = (sure(Field(status=status, agreement=each, logprob=logprob)) or 0 for each in sorted((one, other)))
    assert 0 <= low <= high <= 1
