"""Which examples are shown before a document, and which are none."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from extractor.examples.pool import Pool, Shown, pool_of
from extractor.schema.target import target_of


class Bill(BaseModel):
    """A bill."""

    number: str
    due: dt.date | None = Field(default=None, alias="Due Day")


TARGET = target_of(Bill)
BILLS = [(f"Bill {number} of {name} for {thing}", {"number": str(number)}) for number, name, thing in (
    (1, "Acme", "lamps and wire"), (2, "Acme", "chairs"), (3, "Beta", "lamps"), (4, "Cobalt", "paint and tape"),
)]  # fmt: skip


def _texts(pool: Pool, text: str, most: int = 3, tokens: int = 2_000) -> list[Any]:
    return [document for document, _ in pool.nearest(text, most, tokens)]


def _pool(*texts: str, tokens: int = 10) -> Pool:
    return Pool(Shown(text=text, value={}, tokens=tokens) for text in texts)


def test_the_most_alike_is_last() -> None:
    """Of those that are most like a document the most alike stands next to it."""
    pool = pool_of(BILLS, TARGET, "bills")
    found = pool.nearest("Bill 9 of Beta for lamps and oil", 2, 2_000)
    assert [value["number"] for _, value in found] == ["1", "3"]


def test_as_many_as_are_wanted() -> None:
    """There are no more than are wanted, none where none is, and none that has no word in common."""
    pool = _pool("a b c", "a d e", "f g h")
    assert len(_texts(pool, "a x", most=1)) == 1
    assert _texts(pool, "a x", most=0) == []
    assert len(_texts(pool, "a x", most=5)) == 2
    assert _texts(pool, "nothing else") == []


@pytest.mark.parametrize("text", ["Total 5\n of  Acme", "Total 5 of Acme, page 1 of 2", "Total 5"])
def test_a_document_is_not_its_own_example(text: str) -> None:
    """The same text, one that contains the document, and one that it contains are no examples for it."""
    pool = _pool("Total 5 of Acme", "Total 6 of Acme")
    assert _texts(pool, text) == ["Total 6 of Acme"]


def test_nearly_the_same_comes_once() -> None:
    """Of examples that say nearly the same only the most alike is shown."""
    words = " ".join(f"w{number}" for number in range(40))
    assert len(_texts(_pool(f"{words} x1", f"{words} x2", "w1 w2 other words"), "w2 w1 w3")) == 2


def test_a_document_that_is_held_out_has_no_example_of_itself() -> None:
    """What has the same words, or most of them and the same value, is no example for a text that is held out."""
    texts = {"Total 5 of Acme, Berlin": 5, "total 5; of ACME (Berlin)": 6, "Tota1 5 of Acme, Berlin": 5}
    other = "Total 6 of Acme, Berlin"
    every = {**texts, other: 6}
    pool = Pool(
        Shown(text=text, value={"total": total, "of": "Acme", "in": "Berlin"}, tokens=10)
        for text, total in every.items()
    )
    found = pool.nearest("Total 5 of Acme, Berlin", 5, 2_000, held_out=True)
    assert [text for text, _ in found] == [other]
    labels = Pool(Shown(text=text, value={"kind": "bill"}, tokens=10) for text in every)
    assert len(labels.nearest("Total 5 of Acme, Berlin", 5, 2_000, held_out=True)) == 2


def test_a_long_example_is_left_out() -> None:
    """What is too long for the tokens that are left is passed over, not cut, and what is next may fit."""
    sizes = {"a b c d": 90, "a b x y": 20, "a u v w": 5}
    pool = Pool(Shown(text=text, value={}, tokens=tokens) for text, tokens in sizes.items())
    assert _texts(pool, "d c b a", tokens=100) == ["a u v w", "a b c d"]
    assert _texts(pool, "d c b a", tokens=40) == ["a u v w", "a b x y"]
    assert _texts(pool, "d c b a", tokens=0) == []


@given(
    texts=st.lists(st.text("ab \n", max_size=8), max_size=8), text=st.text("ab \n", max_size=8), most=st.integers(0, 4)
)
def test_the_rules_hold_for_all(texts: list[str], text: str, most: int) -> None:
    """Whatever the texts: no more than wanted, within the tokens, and none that is the document, or a part of it."""
    own = " ".join(text.split())
    found = _texts(_pool(*texts), text, most=most, tokens=25)
    assert len(found) <= min(most, 2)
    for each in found:
        assert " ".join(each.split()) not in own
        assert own not in " ".join(each.split())


def test_what_does_not_conform_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """What has no text or no valid value is no example, which the log says once, without any text."""
    found = [*BILLS, ("Secret 5", {"number": None}), (None, {"number": "6"}), (" ", {"number": "7"}), ("x", b"\xff")]
    with caplog.at_level(logging.WARNING, "extractor"):
        pool = pool_of(found, TARGET, "bills.jsonl")
    assert (len(pool.examples), pool.left_out) == (4, 4)
    (said,) = caplog.messages
    assert said.startswith("4 of 8 examples in bills.jsonl are left out")
    assert "Secret" not in said


def test_none_yet(caplog: pytest.LogCaptureFixture) -> None:
    """An empty source is no error: a loop begins with none."""
    with caplog.at_level(logging.WARNING, "extractor"):
        pool = pool_of([], TARGET, "bills.db")
    assert caplog.messages == ["There are no examples in bills.db yet."]
    assert pool.nearest("Bill 1", 3, 2_000) == ()


@pytest.mark.parametrize(
    "value",
    [Bill.model_validate({"number": "5", "Due Day": "2024-02-29"}), {"number": 5, "Due Day": dt.date(2024, 2, 29)}],
)
def test_values_have_the_form_of_the_targets_data(value: Any) -> None:
    """An instance, and data that the target takes, become plain data by alias."""
    (example,) = pool_of([("Bill 5", value)], TARGET, "bills").examples
    assert example.value == {"number": "5", "Due Day": "2024-02-29"}


def test_the_last_value_counts() -> None:
    """Of one text that comes twice the last value is shown."""
    pool = pool_of([("Bill 5", {"number": "4"}), ("Bill  5\n", {"number": "5"})], TARGET, "bills")
    assert [example.value for example in pool.examples] == [{"number": "5"}]


def test_validators_get_the_context() -> None:
    """Values are validated with pydantic's context; one whose validator breaks down is no example."""

    class Checked(BaseModel):
        number: str

        @field_validator("number")
        @classmethod
        def known(cls, value: str, info: ValidationInfo) -> str:
            assert info.context is not None
            assert value in info.context["known"]
            return value

    found = [("Bill 5", {"number": "5"}), ("Bill 6", {"number": "6"})]
    assert len(pool_of(found, target_of(Checked), "bills", {"known": ["5"]}).examples) == 1
    assert len(pool_of(found, target_of(Checked), "bills").examples) == 0


def test_a_digest_is_of_the_examples() -> None:
    """Pools with the same examples have the same digest, in whatever order; a value that differs makes another."""
    digest = pool_of(BILLS, TARGET, "one").digest
    assert pool_of(BILLS[::-1], TARGET, "other").digest == digest
    assert pool_of([*BILLS[:3], (BILLS[3][0], {"number": "5"})], TARGET, "one").digest != digest
