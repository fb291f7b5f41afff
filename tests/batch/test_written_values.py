"""What is written of a document is its validated value, wherever: in the file of a job, in exports, in frames."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    computed_field,
    field_validator,
)
from pydantic_core import to_jsonable_python

from extractor import Extractor
from extractor.batch.cluster.columns import COLUMNS
from extractor.batch.job import Job
from extractor.batch.store import Finished, Store
from extractor.batch.written import written, written_schema
from extractor.documents.loaded import Input
from extractor.errors import DocumentError
from extractor.result import DocumentResult
from extractor.schema.target import target_of
from extractor.testing import FakeEndpoint


class Line(BaseModel):
    """One line of an order."""

    price: Decimal
    count: int = 1

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def amount(self) -> Decimal:
        """What it comes to."""
        return self.price * self.count


class Order(BaseModel):
    """What is extracted here: other than what is said of it."""

    customer: str = Field(alias="client")
    number: int = Field(validation_alias=AliasChoices("number", "no"), serialization_alias="orderNumber")
    currency: str = "EUR"
    lines: list[Line] = []

    @field_validator("customer")
    @classmethod
    def _trimmed(cls, name: str) -> str:
        return name.strip().upper()

    @computed_field  # type: ignore[prop-decorator]  # likewise
    @property
    def size(self) -> int:
        """How many lines it has."""
        return len(self.lines)


SAID = {"client": " Ann ", "number": 17, "lines": [{"price": "1.50", "count": 3}, {"price": 2}]}
VALUE = {
    "client": "ANN",
    "orderNumber": 17,
    "currency": "EUR",
    "lines": [{"price": "1.50", "count": 3, "amount": "4.50"}, {"price": "2", "count": 1, "amount": "2"}],
    "size": 2,
}


class Odd:
    """What nothing can make plain data of."""


class Unwritable(BaseModel):
    """A value that cannot be serialized, and has no schema of what is written."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: str

    @computed_field  # type: ignore[prop-decorator]  # likewise
    @property
    def odd(self) -> Odd:
        """Of no use to anybody else."""
        return Odd()


def _mapped(target: Any, documents: Any, *script: Any, **call: Any) -> list[DocumentResult[Any]]:
    fake = FakeEndpoint(*script, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client) as extractor,
    ):
        return list(extractor.map(target, documents, **call))


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job with one order."""
    with Job(tmp_path / "job.db") as made:
        (done,) = _mapped(Order, ["Order 17 of Ann"], SAID, job=made)
        assert done.error is None
        yield made


def test_the_value_is_kept_beside_what_was_read(job: Job) -> None:
    """A record has the value as it is written, and what was read; the same value comes back."""
    (record,) = job.records()
    assert record.value == VALUE
    assert record.data == SAID
    (again,) = job.results(Order)
    assert again.result is not None
    assert to_jsonable_python(again.result.value, by_alias=True) == VALUE


def test_what_is_the_same_is_kept_once(tmp_path: Path) -> None:
    """Where the value is what was read, the file has it once; one and true are not the same."""
    with Job(tmp_path / "job.db") as job:
        _mapped(list[int], ["a"], [1, 2], job=job)
        _mapped(list[int], ["a"], [True, 2], job=job)
        found = [next(job.records(run)).value for run in job.runs]
    assert found == [[1, 2]]
    with closing(sqlite3.connect(tmp_path / "job.db")) as connection:
        assert connection.execute("SELECT data IS NULL, value IS NULL FROM finish").fetchall() == [(0, 1)]


def test_jsonl_has_the_value(job: Job, tmp_path: Path) -> None:
    """A line of JSON Lines has the value."""
    job.export(tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text())["value"] == VALUE


def test_csv_has_columns_for_it(job: Job, tmp_path: Path) -> None:
    """A CSV has columns by the names under which the value is written, of computed fields and defaults too."""
    job.export(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert {name: row[name] for name in ("client", "orderNumber", "currency", "size", "rest")} == {
        "client": "ANN",
        "orderNumber": "17",
        "currency": "EUR",
        "size": "2",
        "rest": "",
    }
    assert json.loads(row["lines"]) == VALUE["lines"]


def test_sqlite_has_columns_for_it(job: Job, tmp_path: Path) -> None:
    """SQLite has them with their types: integers are integers, amounts are numbers."""
    job.export(tmp_path / "a.sqlite")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        query = 'SELECT client, orderNumber, typeof(orderNumber), currency, size, rest FROM "order"'
        assert connection.execute(query).fetchall() == [("ANN", 17, "integer", "EUR", 2, None)]
        assert connection.execute("SELECT count, price, amount FROM order_lines").fetchall() == [
            (3, 1.5, 4.5),
            (1, 2.0, 2.0),
        ]


def test_frames_have_columns_for_it(job: Job) -> None:
    """A data frame has them, too."""
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = job.to_pandas()
    assert frame[["client", "orderNumber", "currency", "size"]].iloc[0].tolist() == ["ANN", 17, "EUR", 2]
    assert str(frame["orderNumber"].dtype) == "Int64"
    assert "rest" not in frame


def test_runs_are_compared_by_their_values(tmp_path: Path) -> None:
    """Runs that read something else and made the same of it do not differ."""
    with Job(tmp_path / "job.db") as job:
        for said, temperature in ((" ann", 0), ("ANN ", 1)):
            _mapped(Order, [Input(name="a", document="x")], {**SAID, "client": said}, job=job, temperature=temperature)
        assert list(job.compare(1, 2)) == []


def test_the_columns_are_those_of_the_latest_code(tmp_path: Path) -> None:
    """Where only what is computed has changed the run goes on, with the columns of now."""
    plain = type("Note", (BaseModel,), {"__annotations__": {"text": str}})

    def length(self: Any) -> int:
        return len(self.text)

    body = {"__annotations__": {"text": str}, "length": computed_field(property(length))}
    longer = type("Note", (BaseModel,), body)
    with Job(tmp_path / "job.db") as job:
        for target, document in ((plain, "a"), (longer, "b")):
            _mapped(target, [document], {"text": "abc"}, job=job)
        (run,) = job.runs
        assert run.schema == target_of(plain).schema
        assert run.shape["properties"].keys() == {"text", "length"}
        assert sorted(str(record.value) for record in job.records()) == [
            "{'text': 'abc', 'length': 3}",
            "{'text': 'abc'}",
        ]


def test_where_fields_are_absent_there_is_what_was_read(tmp_path: Path) -> None:
    """A document that lacks required fields has no whole value: what there is is written."""
    said: dict[str, Any] = {"client": None, "number": 3, "lines": []}
    with Job(tmp_path / "job.db") as job:
        _mapped(Order, ["x"], said, job=job, absent="allow")
        (record,) = job.records()
    assert record.value == record.data
    assert record.value["number"] == 3


def test_what_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    """Where the value cannot be made plain data, what was read is written, and the document is done."""
    with Job(tmp_path / "job.db") as job:
        (done,) = _mapped(Unwritable, ["x"], {"name": "Ann"}, job=job)
        assert done.result is not None
        (record,) = job.records()
        assert (record.state, record.value) == ("done", {"name": "Ann"})
        assert job.runs[0].shape == job.runs[0].schema
        assert COLUMNS["value"][1](done) == '{"name":"Ann"}'  # type: ignore[misc]  # that one is said of a document


def test_a_serializer_of_its_own(tmp_path: Path) -> None:
    """What a serializer makes is written, and no column is of another type than it."""

    class Priced(BaseModel):
        price: Annotated[int, PlainSerializer(lambda cents: f"{cents / 100:.2f} EUR")]

    with Job(tmp_path / "job.db") as job:
        _mapped(Priced, ["x"], {"price": 150}, job=job)
        job.export(tmp_path / "a.sqlite")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        (row,) = connection.execute("SELECT price, rest FROM priced").fetchall()
    assert "1.50 EUR" in str(row)


def test_a_schema_is_its_own() -> None:
    """Of a JSON Schema, what is written is what was read."""
    target = target_of({"type": "object", "properties": {"a": {"type": "integer"}}})
    assert written_schema(target) is target.schema
    (done,) = _mapped(target, ["x"], {"a": 1})
    assert done.result is not None
    assert written(done.result) == {"a": 1}


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        (Finished(outcome="conforming", data=1), 1),
        (Finished(outcome="conforming", data=1, value=True), True),
        (Finished(outcome="conforming", data=1, value=None), None),
        (Finished(outcome="conforming", data=None, value=None), None),
        (Finished(outcome="conforming", data=None, value=0), 0),
    ],
)
def test_a_value_may_be_nothing(tmp_path: Path, finished: Finished, expected: Any) -> None:
    """Null is a value, whether it was read or made; and where none is given it is what was read."""
    with Store(tmp_path / "job.db") as store:
        run = store.open_run(target="T", schema={}, options={}).number
        with store.worker(run) as worker:
            begun = worker.begin(number=0, name="a", sha256="0" * 64, text="").result()
            worker.finish(begun, finished).result()
        record = store.record(run, "a")
    assert record is not None
    assert (record.value, type(record.value)) == (expected, type(expected))
    assert record.data == finished.data


# ------------------------------------------------------------------------------------------- damaged rows

DAMAGED = Input(name="a.csv:2", document="", row={"id": "7"}, error="The row has 3 cells, and the header 2.")


def test_a_damaged_row_fails_with_what_is_wrong(tmp_path: Path) -> None:
    """An input that says what is wrong with it fails with that, with and without a job, and nothing is sent."""
    fake = FakeEndpoint({"name": "x"}, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client) as extractor,
        Job(tmp_path / "job.db") as job,
    ):
        for own in (None, job, job):
            (came,) = extractor.map(dict[str, Any], [DAMAGED], job=own)
            assert isinstance(came.error, DocumentError)
            assert came.error.message == DAMAGED.error
        (record,) = job.records()
    assert fake.requests == []
    assert record.error is not None
    assert (record.state, record.error.type, record.error.message) == ("failed", "DocumentError", DAMAGED.error)
    assert record.row == {"id": "7"}


def test_a_row_that_was_mended_is_asked_for(tmp_path: Path) -> None:
    """Once the row is correct it is a document like any other."""
    with Job(tmp_path / "job.db") as job:
        _mapped(dict[str, Any], [DAMAGED], {"name": "x"}, job=job)
        (came,) = _mapped(dict[str, Any], [replace(DAMAGED, document="mended", error="")], {"name": "x"}, job=job)
        assert came.error is None
        assert job.counts().failed == 0
