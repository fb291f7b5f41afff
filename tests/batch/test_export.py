"""The documents of a job as a file: each format read back gives the data that were written."""

from __future__ import annotations

import io
import json
import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractor.batch.cells import SQLITE, safe
from extractor.batch.export import export
from extractor.batch.flat import Root, sampled
from extractor.batch.record import Failure, Record
from extractor.batch.related import Related
from extractor.batch.shapes import Items, Scalar, Shape, Struct
from extractor.batch.tables import Names, Table, flat_columns
from extractor.errors import JobError, OptionError
from extractor.evidence.field import Field, Span
from extractor.schema.pointers import steps_of

STRING = {"type": "string"}
ORDER = {
    "title": "Order",
    "type": "object",
    "properties": {
        "number": STRING,
        "total": {"type": "number"},
        "seller": {"type": "object", "properties": {"name": STRING}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"text": STRING, "tags": {"type": "array", "items": STRING}}},
        },
    },
}
DATA = {
    "number": "=1+1",
    "total": -5,
    "seller": {"name": 'A, "B"\r\nC'},
    "lines": [{"text": "a", "tags": ["x", "y"]}, {"text": "b"}],
}
FIELDS = {
    "/number": Field(status="exact", spans=(Span(start=3, end=7),), confidence=0.5, others=(("x", 0.25),)),
    "/lines/0/text": Field(status="absent"),
}


def record(number: int, data: Any, **more: Any) -> Record:
    """A document that is done, or failed."""
    state: Any = "done" if data is not None else "failed"
    error = None if data is not None else Failure(type="Refused", message="No.", value={"a": 1}, errors=({"b": 2},))
    return Record(number=number, name=f"{number}.txt", sha256="", state=state, value=data, error=error, **more)


RECORDS = [record(0, DATA, fields=FIELDS, row={"id": "7"}), record(1, None)]


def text_of(records: list[Record], schema: Any, form: str, **options: Any) -> str:
    """What is written to a stream."""
    stream = io.BytesIO()
    assert export(iter(records), schema, stream, form, **options) == len(records)
    return stream.getvalue().decode()


# ------------------------------------------------------------------------------------------ the formats


def test_jsonl() -> None:
    """JSON Lines has an object for each document, failed ones too."""
    first, second = map(json.loads, text_of(RECORDS, ORDER, "jsonl").splitlines())
    assert first == {"name": "0.txt", "row": {"id": "7"}, "state": "done", "value": DATA, "error": None}
    assert second["error"] == {"type": "Refused", "message": "No.", "hint": ""}


def test_jsonl_with_evidence() -> None:
    """With evidence, it has all that is known."""
    first, second = map(json.loads, text_of(RECORDS, ORDER, "jsonl", evidence=True).splitlines())
    found = first["fields"]["/number"]
    assert (found["spans"], found["others"]) == ([{"start": 3, "end": 7, "page": None}], [["x", 0.25]])
    assert {"lists", "chunks", "conflicts", "model", "usage", "cost"} <= first.keys()
    assert (second["error"]["value"], second["error"]["errors"]) == ({"a": 1}, [{"b": 2}])


def test_csv() -> None:
    """A CSV has a row for each document: formulas are texts, numbers are numbers, nothing is null."""
    expected = (
        "name,id,state,error,number,total,seller.name,lines,rest\r\n"
        '0.txt,7,done,,\'=1+1,-5,"A, ""B""\r\nC","[{""text"":""a"",""tags"":[""x"",""y""]},{""text"":""b""}]",\r\n'
        "1.txt,,failed,Refused: No.,,,,,\r\n"
    )
    assert text_of(RECORDS, ORDER, "csv") == expected
    assert text_of(RECORDS, ORDER, "csv", bom=True) == "\ufeff" + expected


def test_csv_of_hostile_names() -> None:
    """What the names of files and columns begin with is no formula either."""
    schema = {"properties": {"=x": STRING}}
    odd = Record(number=0, name="=cmd.txt", sha256="", state="done", value={"=x": ""}, row={"@y": "+1+1"})
    assert text_of([odd], schema, "csv") == "name,'@y,state,error,'=x,rest\r\n'=cmd.txt,'+1+1,done,,\"\",\r\n"


def test_csv_with_children(tmp_path: Path) -> None:
    """The lists of a CSV may be files of their own, which refer to it."""
    path = tmp_path / "orders.csv"
    assert export(RECORDS, ORDER, path, children=True, evidence=True) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "orders.csv",
        "orders_evidence.csv",
        "orders_lines.csv",
        "orders_lines_tags.csv",
    ]
    assert path.read_text().startswith("id,name,row_id,state,error,number,total,seller.name,rest\n0,0.txt,7,done,")
    assert (tmp_path / "orders_lines.csv").read_bytes() == b"id,parent,position,text\r\n1,0,0,a\r\n2,0,1,b\r\n"
    assert (tmp_path / "orders_lines_tags.csv").read_text().splitlines()[1:] == ["1,1,0,x", "2,1,1,y"]
    with pytest.raises(OptionError, match="is there already"):
        export(RECORDS, ORDER, path, children=True)


def queried(path: Path, query: str) -> list[Any]:
    """What SQLite says."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_sqlite(tmp_path: Path) -> None:
    """SQLite has related tables, and the evidence."""
    path = tmp_path / "orders.sqlite"
    assert export(RECORDS, ORDER, path, evidence=True) == 2
    joined = 'SELECT o.number, l.text FROM "order" o JOIN order_lines l ON l.parent = o.id ORDER BY l.position'
    assert queried(path, joined) == [("=1+1", "a"), ("=1+1", "b")]
    assert queried(path, "SELECT position, value FROM order_lines_tags") == [(0, "x"), (1, "y")]
    assert queried(path, "SELECT document, pointer, status, start FROM evidence") == [
        (0, "/number", "exact", 3),
        (0, "/lines/0/text", "absent", None),
    ]
    assert queried(path, "PRAGMA foreign_key_check") == []
    assert queried(path, 'SELECT state, error, row_id FROM "order"') == [
        ("done", None, "7"),
        ("failed", "Refused: No.", None),
    ]


def test_sqlite_of_odd_names(tmp_path: Path) -> None:
    """Names that are words of SQL, or the same but for their case, or those of indexes, are names of columns."""
    names = ["select", "a", "A", 'x"y', "id", "parent", "position", "value", "rowid", "t.u", "evidence"]
    properties: dict[str, Any] = dict.fromkeys(names, STRING)
    items = {"type": "array", "items": {"type": "object", "properties": properties}}
    deeper = {"type": "array", "items": {"type": "object", "properties": {"parent": items, "evidence": items}}}
    schema = {"title": "table", "properties": {**properties, "list": deeper, "evidence": items}}
    row = {name: name for name in names if name != "evidence"}
    data = {**row, "list": [{"parent": [row], "evidence": [row]}], "evidence": [row]}
    path = tmp_path / "a.sqlite"
    export([record(0, data, row={"ID": "x", "state": "y"}, fields=FIELDS)], schema, path, evidence=True)
    assert queried(path, "PRAGMA integrity_check") == [("ok",)]
    found = restored_sqlite(path, schema, [record(0, data, row={"ID": "x", "state": "y"})])
    assert same(found) == same([data])


def test_very_many_columns_of_the_input(tmp_path: Path) -> None:
    """What the input has more than a table may have is kept beside."""
    path = tmp_path / "a.sqlite"
    export([record(0, DATA, row={f"c{n}": n for n in range(3_000)})], ORDER, path)
    assert queried(path, 'SELECT c7 FROM "order"') == [(7,)]
    assert json.loads(queried(path, 'SELECT rest FROM "order"')[0][0])["row/c2999"] == 2_999


# ------------------------------------------------------------------------------------- where it is written


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "sqlite"])
def test_whole_or_not(tmp_path: Path, form: str) -> None:
    """Where the records break off, what was there is still there, and nothing is left beside it."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"a.{form}"
    export(RECORDS, ORDER, path)
    before = path.read_bytes()

    def broken() -> Iterator[Record]:
        yield from (record(number, DATA) for number in range(1_000))
        raise JobError("It broke.")

    with pytest.raises(JobError, match="It broke"):
        export(broken(), ORDER, path, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may be larger than this meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "sqlite"])
def test_no_room(tmp_path: Path, form: str) -> None:
    """Where there is no room, the error says so, and nothing is left behind."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    many = [record(n, {"number": f"{n * 7919 % 10_007} {n}" * 20}) for n in range(5_000)]
    with room(50_000), pytest.raises(JobError, match="cannot be written"):
        export(many, ORDER, tmp_path / f"a.{form}")
    assert list(tmp_path.iterdir()) == []


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there is an error."""
    with pytest.raises(JobError, match="cannot be written"):
        export(RECORDS, ORDER, tmp_path / "nowhere" / "a.csv")


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "sqlite"])
def test_overwriting(tmp_path: Path, form: str) -> None:
    """A file is only written over where that is wanted."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"a.{form}"
    path.write_text("mine")
    with pytest.raises(OptionError, match="is there already"):
        export(RECORDS, ORDER, path)
    assert path.read_text() == "mine"
    export(RECORDS, ORDER, path, overwrite=True)
    export(RECORDS, ORDER, path, overwrite=True)
    with pytest.raises(OptionError, match="is no file"):
        export(RECORDS, ORDER, tmp_path, form, overwrite=True)


@pytest.mark.parametrize("form", ["csv", "sqlite"])
def test_a_job_is_never_written_over(tmp_path: Path, form: str) -> None:
    """A database that is no export, a job for one, is not written over, also while it is open."""
    path = tmp_path / "job.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE a (b)")
        for _ in range(2):
            with pytest.raises(OptionError, match="is a database"):
                export(RECORDS, ORDER, path, form, overwrite=True)
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OptionError, match="is a database"):
            export(RECORDS, ORDER, path, form, overwrite=True)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OptionError, match="is a database"):
        export(RECORDS, ORDER, tmp_path / "link", form, overwrite=True)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("a.txt", {}),
        ("a.csv", {"format": "xlsx"}),
        (io.StringIO(), {}),
        (io.StringIO(), {"format": "sqlite"}),
        (io.StringIO(), {"format": "csv", "children": True}),
        ("a.sqlite", {"children": True}),
    ],
)
def test_wrong_calls(tmp_path: Path, target: Any, options: dict[str, Any]) -> None:
    """A format that is not known, or cannot be written there, is an error."""
    with pytest.raises(OptionError):
        export(RECORDS, ORDER, tmp_path / target if isinstance(target, str) else target, **options)
    assert list(tmp_path.iterdir()) == []


def test_streams(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream gets UTF-8, whatever its own encoding."""
    raw = io.BytesIO()
    ascii_only = io.TextIOWrapper(raw, encoding="ascii")
    export([record(0, {"number": "ü"})], ORDER, ascii_only, "jsonl")
    assert "ü" in raw.getvalue().decode()
    text = io.StringIO()
    export([record(0, {"number": "ü"})], ORDER, text, "csv")
    assert "ü" in text.getvalue()
    export(RECORDS, ORDER, sys.stdout, "jsonl")
    assert len(capsys.readouterr().out.splitlines()) == 2


# ----------------------------------------------------------------------------------------------- the law

KEYS = ["a", "A", "b", "a.b", "name", "id", "rest", "value", "x/y", "state", "=1"]
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "12", "-5", "=1", "'=1", "null", "1.50", "\r\n", '"', " a ", "\0", "\ud800"]
)
INTEGERS = st.integers() | st.sampled_from([2**63, -(2**63), 2**53 + 1])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | INTEGERS
MOMENTS = st.datetimes().map(datetime.isoformat) | st.datetimes().map(lambda at: at.isoformat() + "Z")
DAYS = st.dates().map(date.isoformat)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False).map(str)
SCALARS: list[tuple[Any, Any]] = [
    (STRING, TEXTS),
    ({"type": ["string", "null"]}, TEXTS | st.none()),
    ({"type": "integer"}, INTEGERS),
    ({"type": "number"}, NUMBERS),
    ({"type": "boolean"}, st.booleans()),
    ({"anyOf": [{"type": "number"}, STRING]}, NUMBERS | TEXTS | DECIMALS),
    ({"type": ["string", "integer", "boolean"]}, INTEGERS | TEXTS | st.booleans()),
    ({**STRING, "format": "date"}, DAYS | TEXTS),
    ({**STRING, "format": "date-time"}, MOMENTS | TEXTS),
    ({}, PLAIN),
    ({"type": "object", "additionalProperties": True}, st.dictionaries(st.sampled_from(KEYS), PLAIN, max_size=2)),
]
Pair = tuple[Any, Any]


def _listed(pair: Pair) -> Pair:
    return {"type": "array", "items": pair[0]}, st.lists(pair[1], max_size=3)


def _object(members: dict[str, Pair]) -> Pair:
    properties = {key: schema for key, (schema, _) in members.items()}
    values = {key: value | PLAIN for key, (_, value) in members.items()}  # also what does not fit
    further = st.dictionaries(st.sampled_from(["more", "a"]), PLAIN, max_size=1)
    fixed = st.fixed_dictionaries({}, optional=values)
    return {"type": "object", "properties": properties}, st.builds(lambda own, more: {**more, **own}, fixed, further)


PAIRS = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        inner.map(_listed) | st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=4).map(_object)
    ),
    max_leaves=6,
)
CASES = PAIRS.flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(pair[1], max_size=3)))
LAW = settings(max_examples=100, suppress_health_check=list(HealthCheck))


def same(value: Any) -> Any:
    """A value without what flat tables do not tell apart: null and absent, nothing in it, and ways to write a number or
    a moment.
    """
    if isinstance(value, dict):
        members = {key: found for key, each in value.items() if (found := same(each)) is not None}
        return members or None
    if isinstance(value, list):
        return list(map(same, value)) or None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return Decimal(repr(value))
    return _same_text(value)


def _same_text(value: str) -> Any:
    for read in (Decimal, lambda text: datetime.fromisoformat(text).isoformat() if "T" in text else None):
        try:
            found = read(value)
        except (ArithmeticError, ValueError):
            continue
        if found is not None and value.isascii() and not (isinstance(found, Decimal) and not found.is_finite()):
            return found
    return value


def with_rest(data: Any, rest: dict[str, Any]) -> Any:
    """The data with what did not fit put where it was."""
    holder = {"": data}
    for pointer, value in rest.items():
        if pointer.startswith("row/"):
            continue
        place: Any = holder
        *way, last = ["", *steps_of(pointer)]
        for step in way:
            at: Any = int(step) if isinstance(place, list) else step
            if (place[at] if isinstance(place, list) else place.get(at)) is None:
                place[at] = {}
            place = place[at]
        place[int(last) if isinstance(place, list) else last] = value
    return holder[""]


def put(data: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    """A value at the end of steps."""
    *way, last = steps
    for step in way:
        data = data.setdefault(step, {})
    data[last] = value


def plain(shape: Shape, cell: Any) -> Any:
    """A cell of Parquet or SQLite as data."""
    if cell is None:
        return None
    if isinstance(shape, Items):
        return [plain(shape.item, each) for each in cell]
    if isinstance(shape, Struct):
        return {key: plain(each, cell[key]) for key, each in shape.members.items()}
    if shape.kind == "json":
        return json.loads(cell)
    if shape.kind == "mixed":
        return mixed(cell)
    if shape.kind == "boolean":
        return bool(cell)
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None).isoformat() + ("Z" if cell.tzinfo else "")
    return cell.isoformat() if isinstance(cell, date) else cell


def mixed(cell: str) -> Any:
    """A text, or what it is as JSON, with all digits that are there."""
    try:
        return json.loads(cell, parse_float=str)
    except ValueError:
        return cell


def csv_cells(text: str) -> list[list[str | None]]:
    """The records of a CSV, in which nothing is null: the standard library does not tell."""
    records: list[list[str | None]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while text[end] != '"' or text[end + 1] == '"':
                end += 2 if text[end] == '"' else 1
            records[-1].append(text[at + 1 : end].replace('""', '"'))
            end += 1
        else:
            end = min(found for sign in (",", "\r\n") if (found := text.find(sign, at)) >= 0)
            records[-1].append(text[at:end] or None)
        if text[end] == ",":
            at = end + 1
            if text.startswith("\r\n", at):
                records[-1].append(None)
                at += 2
                records.append([])
        else:
            at = end + 2
            records.append([])
    return records[:-1]


def from_csv(shape: Shape, cell: str | None) -> Any:
    """A cell of a CSV as data."""
    if cell is None:
        return None
    text = cell[1:] if cell.startswith("'") and safe(cell[1:]) != cell[1:] else cell
    if isinstance(shape, Items) or (isinstance(shape, Scalar) and shape.kind == "json"):
        return json.loads(text)
    kind = shape.kind if isinstance(shape, Scalar) else ""
    return mixed(text) if kind in ("integer", "number", "boolean", "mixed", "loose") else text


def shaped(schema: Any, records: list[Record], settle: bool) -> tuple[Struct, bool]:
    """The shape of the data as an object, and whether it is the value of one."""
    root = Root(schema, records if settle else None)
    return root.shape, root.wrapped


def restored_rows(schema: Any, records: list[Record], rows: list[list[Any]], nested: bool, read: Any) -> list[Any]:
    """The data of rows of one table."""
    root, wrapped = shaped(schema, records, nested)
    columns = flat_columns(root, Names(), nested=nested)
    found = []
    for row in rows:
        data: Any = {}
        for column, cell in zip(columns, row[3 : 3 + len(columns)], strict=True):
            put(data, column.steps, read(column.shape, cell))
        data = data["value"] if wrapped else data
        found.append(with_rest(data, json.loads(row[-1]) if row[-1] else {}))
    return found


@given(case=CASES)
@LAW
def test_law_csv(case: tuple[Any, list[Any]]) -> None:
    """What is read back from a CSV is what was in the records."""
    schema, values = case
    records = [record(number, value) for number, value in enumerate(values)]
    header, *rows = csv_cells(text_of(records, schema, "csv"))
    assert all(len(row) == len(header) for row in rows)
    rows = [[*row[:-1], row[-1]] for row in rows]
    assert same(restored_rows(schema, records, rows, False, from_csv)) == same(values)


@given(case=CASES)
@LAW
def test_law_parquet(case: tuple[Any, list[Any]]) -> None:
    """What is read back from Parquet is what was in the records."""
    parquet = pytest.importorskip("pyarrow.parquet")
    schema, values = case
    records = [record(number, value) for number, value in enumerate(values)]
    stream = io.BytesIO()
    export(records, schema, stream, "parquet")
    table = parquet.read_table(io.BytesIO(stream.getvalue()))
    rows = [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    assert same(restored_rows(schema, records, rows, True, plain)) == same(values)


def restored_sqlite(path: Path, schema: Any, records: list[Record]) -> list[Any]:
    """The data of the tables of an SQLite file."""
    _, wrapped = shaped(schema, records, True)
    sample, _ = sampled(records)
    sheets = Related(schema, sample, SQLITE, evidence=False)
    rows = {name: queried(path, f'SELECT * FROM "{name}" ORDER BY 1') for name in sheets.names}
    columns = {name: [each for each, _ in known] for name, known in zip(sheets.names, sheets.columns, strict=True)}

    def data(table: Table, number: int, row: tuple[Any, ...]) -> Any:
        by_name = dict(zip(columns[table.name], row, strict=True))
        found: Any = {}
        for column in table.columns:
            put(found, column.steps, plain(column.shape, by_name[column.name]))
        for below in table.lists:
            items = [data(below, each[0], each) for each in rows[below.name] if each[1] == number]
            put(found, below.steps, items)
        return found["value"] if table.wrapped else found

    found = []
    for row in rows[sheets.names[0]]:
        restored = data(sheets._table, row[0], row)
        found.append(with_rest(restored["value"] if wrapped else restored, json.loads(row[-1]) if row[-1] else {}))
    return found


@given(case=CASES)
@LAW
def test_law_sqlite(tmp_path: Path, case: tuple[Any, list[Any]]) -> None:
    """What is read back from SQLite is what was in the records."""
    schema, values = case
    records = [record(number, value) for number, value in enumerate(values)]
    path = tmp_path / "a.sqlite"
    export(records, schema, path, overwrite=True)
    assert same(restored_sqlite(path, schema, records)) == same(values)
    assert queried(path, "PRAGMA foreign_key_check") == []


@given(case=CASES)
@LAW
def test_law_jsonl(case: tuple[Any, list[Any]]) -> None:
    """What is read back from JSON Lines is what was in the records, to the letter."""
    schema, values = case
    records = [record(number, value, row={"x": value}) for number, value in enumerate(values)]
    found = [json.loads(line) for line in text_of(records, schema, "jsonl", evidence=True).split("\n")[:-1]]
    assert [each["value"] for each in found] == [each["row"]["x"] for each in found] == values
