"""What people enter, held against a model or against the schema alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, Field, computed_field

from extractor import Extractor
from extractor.batch.job import Job
from extractor.documents.loaded import Input
from extractor.errors import DocumentRejected, OptionError, Overtaken
from extractor.examples.pool import pool_of
from extractor.review.checking import checked, exact
from extractor.review.desk import Desk, Invalid
from extractor.schema.target import target_of
from extractor.testing import FakeEndpoint


class Bill(BaseModel):
    """A bill that is read and written under different names."""

    number: str
    total: float = Field(0, validation_alias="sum", serialization_alias="Total")
    tags: set[str] = set()
    paid: Decimal | None = None
    free: float | str | None = None
    more: Any = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> float:
        """Have something that is written and not read."""
        return self.total * 2


class Other(BaseModel):
    """Something else."""

    number: str


READ = {"number": "7", "sum": 12.5, "tags": ["b", "a", "b"]}


def mapped(path: Path, answer: Any) -> list[Any]:
    """Extract two documents with a model that answers that."""
    documents = [Input(name=name, document=f"Bill 7 sum 12.5 {name}") for name in "ab"]
    fake = FakeEndpoint(lambda recorded: answer, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client, max_retries=0, api_key="k") as extractor,
        extractor.map(Bill, documents, job=path, concurrency=1) as results,
    ):
        return list(results)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Have two bills that were extracted."""
    mapped(tmp_path / "job.db", READ)
    with Job(tmp_path / "job.db") as made:
        yield made


def value(job: Job, name: str = "a") -> Any:
    """Give what is written of a document."""
    found = job.record(name)
    assert found is not None
    return found.value


@pytest.mark.parametrize("target", [Bill, None])
def test_an_instance_keeps_its_values(job: Job, target: Any) -> None:
    """It is kept under the names of the schema, so that it is the same instance when it is read."""
    bill = Bill.model_validate({"number": "7", "sum": 99})
    said = job.correct("a", bill, target=target)
    assert (said.decision, said.data["sum"]) == ("corrected", 99.0)
    results = {each.name: each.result for each in job.results(Bill)}
    assert results["a"] is not None
    assert results["a"].value == bill
    if target is not None:
        assert (value(job)["Total"], value(job)["double"]) == (99.0, 198.0)


def test_an_instance_of_what_was_extracted_is_accepted(job: Job) -> None:
    """It says nothing else than that, though it has the defaults, too."""
    extracted = {each.name: each.result for each in job.results(Bill)}["a"]
    assert extracted is not None
    said = job.correct("a", extracted.value, target=Bill)
    assert (said.decision, said.data) == ("accepted", READ)


def test_what_is_accepted_stays_as_it_was_written(job: Job) -> None:
    """By the schema alone, too, what a person did not change is written as the model wrote it."""
    before = value(job)
    desk = Desk(job)
    (row, _) = job.queue()
    data = desk.sheet(row.document)["data"]
    revised = desk.revise(row.document, decision="accept", data=data, note="", based=0, who="ana")
    assert revised["revision"]["decision"] == "accepted"
    assert value(job, row.name) == before
    assert before["double"] == 25.0
    assert job.correct("b", READ).decision == "accepted"
    assert value(job, "b") == before


def test_what_was_extracted_is_right_by_the_schema(job: Job) -> None:
    """The model took a set with the same twice; what a person does not change of it is no error, what they do is."""
    desk = Desk(job)
    (row, _) = job.queue()
    assert desk.check(row.document, READ)["errors"] == []
    assert desk.check(row.document, {**READ, "sum": 13})["errors"] == []
    errors = desk.check(row.document, {**READ, "tags": ["c", "c"]})["errors"]
    assert [each["pointer"] for each in errors] == ["/tags"]
    assert job.correct("b", {**READ, "sum": 13}).decision == "corrected"
    with pytest.raises(OptionError, match="/tags"):
        job.correct("b", {**READ, "tags": ["c", "c"]})


def test_a_decimal_is_a_number_by_the_schema(job: Job) -> None:
    """A text that is none is refused where the model has a `Decimal`, and nowhere else."""
    data = {**READ, "paid": "1,000 EUR or so", "free": "1,000 EUR or so", "more": "some"}
    with pytest.raises(OptionError, match="/paid: Input should be a number") as caught:
        job.correct("a", data)
    assert "/free" not in caught.value.message
    desk = Desk(job)
    (row, _) = job.queue()
    assert [each["pointer"] for each in desk.check(row.document, data)["errors"]] == ["/paid"]
    with pytest.raises(Invalid):
        desk.revise(row.document, decision="accept", data=data, note="", based=0, who="ana")
    assert job.correct("a", {**data, "paid": "1000.50"}).decision == "corrected"


@pytest.mark.parametrize("target", [Bill, None])
def test_numbers_are_finite(job: Job, target: Any) -> None:
    """What JSON does not have is an error at its place, for a model as well."""
    desk = Desk(job, target)
    (row, _) = job.queue()
    infinite = json.loads('{"number": "7", "sum": 1e400, "more": [1e400]}', parse_float=exact)
    errors = desk.check(row.document, infinite)["errors"]
    assert {each["pointer"]: each["message"] for each in errors} == {
        "/sum": "A number must be finite",
        "/more/0": "A number must be finite",
    }
    with pytest.raises(OptionError, match="/sum: A number must be finite"):
        job.correct("a", {"number": "7", "sum": float("inf")}, target=target)


def test_only_a_decimal_keeps_more_digits_than_a_float() -> None:
    """Elsewhere a number stays a number."""
    digits = "0.1234567890123456789012"
    text = f'{{"number": "7", "sum": {digits}, "paid": {digits}, "free": {digits}, "more": {{"x": [{digits}]}}}}'
    found = checked(target_of(Bill), json.loads(text, parse_float=exact))
    short = float(digits)
    assert found.errors == ()
    assert found.data == {"number": "7", "sum": short, "paid": digits, "free": short, "more": {"x": [short]}}


def test_another_target_is_refused(job: Job) -> None:
    """What a run was not asked for does not say what is right of it."""
    with pytest.raises(OptionError, match="its schema is another one"):
        job.correct("a", {"number": "7"}, target=Other)


def test_a_word_is_based_on_another(job: Job) -> None:
    """Who has not seen the last word is told, whatever they say."""
    job.accept("a", who="ben", based=0)
    says: tuple[Callable[[], Any], ...] = (
        lambda: job.correct("a", {"number": "8"}, based=0),
        lambda: job.accept("a", based=0),
        lambda: job.reject("a", based=0),
        lambda: job.reopen("a", based=0),
    )
    for say in says:
        with pytest.raises(Overtaken):
            say()
    assert job.reopen("a", based=1).number == 2


def test_a_map_that_asks_again_gives_what_people_said(job: Job) -> None:
    """Also at once, where the model says something else: as the file has it."""
    job.correct("a", {"number": "9", "sum": 99}, target=Bill)
    job.reject("b", who="ben", note="torn")
    assert job.retry(names=["a", "b"]) == 2
    first, second = mapped(job.path, {"number": "6", "sum": 6})
    assert first.result is not None
    assert (first.result.value.number, first.result.value.total, first.result.document) == (
        "9",
        99.0,
        "Bill 7 sum 12.5 a",
    )
    assert isinstance(second.error, DocumentRejected)
    assert [each.result and each.result.value for each in job.results(Bill)] == [first.result.value, None]


def test_an_example_has_the_names_of_the_schema() -> None:
    """An instance shows what is asked for, and is held against the target like all others."""
    bill = Bill.model_validate({"number": "8", "sum": 3})
    (example,) = pool_of([("Bill 8 sum 3", bill)], target_of(Bill), "bills").examples
    assert example.value["sum"] == 3.0
    assert "Total" not in example.value
    assert pool_of([("Bill 8", Bill.model_construct(number=8))], target_of(Other), "bills").left_out == 0
    assert pool_of([("Bill 8", Bill.model_construct(number=None))], target_of(Bill), "bills").left_out == 1
