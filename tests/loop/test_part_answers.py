"""Answers that were to hold some places of a value alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, Field

from extractor import ExtractionFailed, Extractor
from extractor.result import Extraction
from extractor.testing import FakeEndpoint, Reply


class Line(BaseModel):
    """An item."""

    name: str
    n: int
    unit: str = "piece"


class Order(BaseModel):
    """Lists, maps, optional and required fields."""

    number: str
    lines: list[Line]
    total: int
    zip: str | None = Field(default=None, pattern=r"^\d{5}$")
    tags: dict[str, int] = {}


def row(n: int) -> dict[str, Any]:
    """Make an item."""
    return {"name": f"n{n}", "n": n, "unit": "kg"}


WHOLE = {"number": "A", "lines": [row(n) for n in range(6)], "total": 9, "zip": "12345", "tags": {"a": 1}}


def run(target: Any, *replies: Any, **call: Any) -> Extraction[Any]:
    """Extract with these replies, one after the other; each is wanted."""
    call.setdefault("max_retries", len(replies) - 1)
    with FakeEndpoint(*replies) as fake, Extractor(base_url=fake.base_url, dialect="llama.cpp") as extractor:
        return extractor.run(target, "…", **call)


def fails(target: Any, *replies: Any) -> ExtractionFailed:
    """Extract in vain."""
    with pytest.raises(ExtractionFailed) as caught:
        run(target, *replies)
    return caught.value


def cut(before: str, whole: Any = WHOLE) -> Reply:
    """Make a reply that the limit ended."""
    text = json.dumps(whole)
    return Reply(content=text[: text.index(before)], finish_reason="length")


def without(*keys: str) -> dict[str, Any]:
    """Make the right value without some of its members."""
    return {key: value for key, value in WHOLE.items() if key not in keys}


REST = {"total": 9, "zip": "12345", "tags": {"a": 1}}


@pytest.mark.parametrize(
    "answer",
    [
        {**REST, "lines": [row(3), row(4), row(5)]},
        {**REST, "lines": WHOLE["lines"]},  # from the beginning again
        WHOLE,
        {**REST, "lines": [row(1), row(2), row(3), row(4), row(5)]},  # the last two again
    ],
    ids=["the rest", "all of the list", "all", "with an overlap"],
)
def test_a_list_goes_on(answer: Any) -> None:
    """A list that goes on has every item once, however much of it comes again, which is listed."""
    result = run(Order, cut('{"name": "n3"'), answer)
    assert result.value.model_dump() == WHOLE
    again = [repair.pointer for repair in result.attempts[1].repairs if repair.kind == "given_before"]
    assert again == ([] if answer.get("lines") == [row(3), row(4), row(5)] else ["/lines"])


@pytest.mark.parametrize(
    "answer",
    [
        REST,
        {**REST, "lines": None},
        {**WHOLE, "lines": [row(3), row(4), row(5)]},  # a whole that lacks what was kept
        {"number": "A", **REST, "lines": []},
        {},
        "[]",
        "nothing",
        "5",
    ],
)
def test_what_has_not_come_is_never_made_up(answer: Any) -> None:
    """Where the rest of a list has not come, what there is of it is no list."""
    error = fails(Order, cut('{"name": "n3"'), answer)
    assert [line["name"] for line in error.value["lines"]] == ["n0", "n1", "n2"]


@pytest.mark.parametrize(
    "answer", [[row(3), row(4), row(5)], {"value": [row(3), row(4), row(5)]}, [row(n) for n in range(6)]]
)
def test_a_list_that_is_the_whole_goes_on(answer: Any) -> None:
    """The rest of a root list may come as it is, or with what was kept."""
    whole = [row(n) for n in range(6)]
    result = run(list[Line], cut('{"name": "n3"', whole), answer)
    assert [line.model_dump() for line in result.value] == whole


def test_what_has_not_come_is_asked_for_again() -> None:
    """What a continuation leaves out is asked for once more."""
    rest = {"lines": [row(3), row(4), row(5)]}
    result = run(Order, cut('{"name": "n3"'), REST, rest)
    assert result.value.model_dump() == WHOLE
    assert result.attempts[2].asked == ("/lines",)


@pytest.mark.parametrize(
    "answer", ["12345", {"zip": "12345"}, WHOLE, {"order": {"zip": "12345"}}, {**WHOLE, "lines": []}]
)
def test_one_field_however_it_comes(answer: Any) -> None:
    """The only field that was asked for may come by itself, by its key, or in the whole; nothing else is touched."""
    result = run(Order, {**WHOLE, "zip": "1"}, answer)
    assert result.value.model_dump() == WHOLE


@pytest.mark.parametrize("answer", [{}, {"other": 1}, {"lines": []}, "[]"])
def test_no_answer_changes_nothing(answer: Any) -> None:
    """An answer without what was asked for leaves the wrong value wrong, also where null would do."""
    error = fails(Order, {**WHOLE, "zip": "1"}, answer)
    assert error.value == {**WHOLE, "zip": "1"}


def test_null_takes_out_what_is_optional() -> None:
    """A null for an optional field says that there is none."""
    assert run(Order, {**WHOLE, "tags": {"a": 1, "b": "x"}}, {"tags_b": None}).value.tags == {"a": 1}


def test_items_beside_the_wrong_one_stay() -> None:
    """A whole that comes again with fewer items is no answer for one of them."""
    wrong = {**WHOLE, "lines": [row(0), {**row(1), "n": "x"}, row(2)]}
    assert fails(Order, wrong, {**WHOLE, "lines": [row(1)]}).value == wrong
    right = run(Order, wrong, {**WHOLE, "lines": [row(0), row(1), row(2)]})
    assert [line.name for line in right.value.lines] == ["n0", "n1", "n2"]


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_an_unclean_answer(number: str) -> None:
    """What must not become data is wrong at its own place, also in what goes on."""
    rest = json.dumps({**REST, "lines": [row(3), {**row(4), "n": 0}]}).replace('"n": 0', f'"n": {number}')
    error = fails(Order, cut('{"name": "n3"'), rest)
    assert [(each.pointer, each.kind) for each in error.errors] == [("/lines/4/n", "not_finite")]
    assert len(error.value["lines"]) == 5


def test_absent_fields_of_what_was_kept() -> None:
    """What the beginning of a cut-off reply says is absent stays absent."""
    whole = {**WHOLE, "number": None}
    result = run(Order, cut('{"name": "n3"', whole), {**REST, "lines": []}, absent="allow")
    assert result.value is None
    assert result.fields["/number"].status == "absent"


@pytest.mark.parametrize("nothing", ["I cannot go on.", "", Reply(message={"refusal": "No."})])
def test_no_answer_to_a_part(nothing: Any) -> None:
    """Where there is no answer to a part, the same part is asked for once more: what is kept stays."""
    result = run(Order, cut('{"name": "n3"'), nothing, {**REST, "lines": [row(3), row(4), row(5)]})
    assert result.value.model_dump() == WHOLE
    assert result.attempts[1].asked == result.attempts[2].asked != ()
