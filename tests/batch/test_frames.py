"""Records as one flat table: Parquet and data frames, from which the data can be had again."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

import extractor.batch.frames as module
from extractor.batch.flat import SAMPLED
from extractor.batch.frames import to_pandas, to_polars, write_parquet
from extractor.batch.record import Failure, Record
from extractor.errors import MissingExtra
from extractor.evidence.field import Field, Span

STRING = {"type": "string"}
SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "integer"},
        "total": {"anyOf": [{"type": "number"}, STRING]},
        "day": {**STRING, "format": "date"},
        "at": {**STRING, "format": "date-time"},
        "paid": {"type": "boolean"},
        "seller": {"type": "object", "properties": {"name": STRING, "city": STRING}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"text": STRING, "price": {"type": "number"}}},
        },
        "map": {"type": "object", "additionalProperties": STRING},
    },
}
DATA = {
    "number": 2**53 + 1,
    "total": "12.50",
    "day": "1969-01-02",
    "at": "1969-01-02T03:04:05Z",
    "paid": True,
    "seller": {"name": "Acme"},
    "lines": [{"text": "a", "price": 1.5}, {"text": "b"}],
    "map": {"x": "y"},
}
FIELDS = {
    "/seller/name": Field(status="exact", spans=(Span(start=3, end=7, page=2),), confidence=0.5),
    "/lines/0/text": Field(status="absent"),
}


def record(number: int, data: Any, **more: Any) -> Record:
    """A document that is done, or failed."""
    state: Any = "done" if data is not None else "failed"
    error = None if data is not None else Failure(type="Refused", message="No.", hint="Ask again.")
    return Record(number=number, name=f"{number}.txt", sha256="", state=state, value=data, error=error, **more)


RECORDS = [record(0, DATA, fields=FIELDS, row={"city": "Köln", "rank": 1}), record(1, None, row={"rank": 2.5})]


def parquet(records: list[Record], schema: Any = SCHEMA, **options: Any) -> Any:
    """The table as it is read again."""
    reading = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    assert write_parquet(iter(records), schema, file, **options) == len(records)
    return reading.read_table(io.BytesIO(file.getvalue()))


def test_parquet() -> None:
    """Parquet has the types of the schema: dates, integers, objects and lists as they are."""
    first, second = parquet(RECORDS).to_pylist()
    assert first == {
        "name": "0.txt",
        "city": "Köln",
        "rank": 1.0,
        "state": "done",
        "error": None,
        **DATA,
        "total": 12.5,
        "day": date(1969, 1, 2),
        "at": datetime(1969, 1, 2, 3, 4, 5, tzinfo=UTC),
        "seller": {"name": "Acme", "city": None},
        "lines": [{"text": "a", "price": 1.5}, {"text": "b", "price": None}],
        "map": '{"x":"y"}',
        "rest": None,
    }
    assert (second["state"], second["error"]) == ("failed", "Refused: No. Ask again.")
    assert second["number"] is None


def test_what_does_not_fit() -> None:
    """What no column can hold is beside, by its pointer, and so is a column of the input that comes later."""
    odd = {"number": 2**70, "total": "007", "day": "soon", "lines": [{"price": "much"}, 5], "more": {"a": 1}}
    table = parquet([record(n, DATA) for n in range(SAMPLED)] + [record(9, odd, row={"late": "x"})])
    last = table.slice(SAMPLED).to_pylist()[0]
    assert last["number"] is last["total"] is last["day"] is None
    rest = '{"/number":1180591620717411303424,"/total":"007","/day":"soon","/lines/0/price":"much","/lines/1":5'
    assert last["rest"] == rest + ',"/more":{"a":1},"row/late":"x"}'


@pytest.mark.parametrize("schema", [SCHEMA, STRING, {"type": "array", "items": STRING}])
def test_no_records(schema: Any) -> None:
    """Where there are no records, there are the columns."""
    table = parquet([], schema)
    assert table.num_rows == 0
    assert table.column_names[:3] == ["name", "state", "error"]


def test_a_target_that_is_no_object() -> None:
    """A target that is no object has one column, and what does not fit has the pointers of the data."""
    schema = {"type": "array", "items": {"type": "integer"}}
    fields = {"/0": Field(status="exact")}
    table = parquet([record(0, [1, 2], fields=fields), record(1, [1, "x"]), record(2, "y")], schema, evidence=True)
    assert table.column("value").to_pylist() == [[1, 2], [1, None], None]
    assert table.column("rest").to_pylist() == [None, '{"/1":"x"}', '{"":"y"}']
    assert '"/0"' in table.column("evidence").to_pylist()[0]
    table = parquet([record(0, "x", fields={"": Field(status="exact")})], STRING, evidence=True)
    assert table.column("value__status").to_pylist() == ["exact"]


def test_evidence() -> None:
    """Each scalar has its evidence beside it; that of what is in lists is in one column."""
    first = parquet(RECORDS, evidence=True).to_pylist()[0]
    found = [first[f"seller.name__{key}"] for key in ("status", "start", "end", "page", "confidence")]
    assert found == ["exact", 3, 7, 2, 0.5]
    assert first["number__status"] is None
    assert '"/lines/0/text":{"status":"absent"' in first["evidence"]


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written some at a time: many short ones, or few long ones."""
    monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(module, "WEIGHT", 1_000)
    rows: list[list[Any]] = [["x"], ["x"], ["x"], [[{"a": "x" * 2_000}]], ["x"], [5]]
    assert [len(some) for some in module._weighed(iter(rows))] == [3, 1, 2]


@pytest.mark.parametrize(("make", "package"), [(to_pandas, "pandas"), (to_polars, "polars")])
def test_frames(make: Callable[..., Any], package: str) -> None:
    """A data frame has a column for each scalar, with integers that stay what they are."""
    pytest.importorskip(package)
    frame = make(iter(RECORDS), SCHEMA)
    assert list(frame.columns)[:6] == ["name", "city", "rank", "state", "error", "number"]
    assert "seller.name" in frame.columns
    assert "rest" not in frame.columns
    assert frame["number"][0] == 2**53 + 1
    assert frame["total"].sum() == 12.5
    assert list(frame["state"]) == ["done", "failed"]
    assert "evidence" in make(iter(RECORDS), SCHEMA, evidence=True).columns
    assert "rest" in make([record(0, {"more": 1})], SCHEMA).columns
    assert len(make([], SCHEMA)) == 0


def to_parquet(records: list[Record], schema: Any) -> None:
    """Parquet that nobody reads."""
    write_parquet(records, schema, io.BytesIO())


@pytest.mark.parametrize("make", [to_pandas, to_polars, to_parquet])
def test_extras(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a package is missing, the error says what to install."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"extractor\[tables\]"):
        make(RECORDS, SCHEMA)
