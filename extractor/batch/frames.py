"""The records of a job as one flat table: a row for each document, as lists of cells, as Parquet, or as a data frame.

Objects in objects are columns `supplier.name` (in Parquet, structs), lists are lists. A document that failed is a row
too. What no column can hold is in the column `rest`, as JSON by its pointer.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from extractor.batch.cells import ARROW, Fits, Fitting, fitting
from extractor.batch.record import Record
from extractor.batch.tables import (
    HEAD,
    UNWRITABLE,
    Items,
    Kind,
    Names,
    Scalar,
    Shape,
    Struct,
    flat_columns,
    head_names,
    root_of,
    settled,
    shape_of,
)
from extractor.batch.verdicts import VERDICT, verdict_of
from extractor.errors import MissingExtra
from extractor.evidence.field import Field
from extractor.schema.nodes import escaped, kind_of

__all__ = [
    "EVIDENCE",
    "Flat",
    "RowFields",
    "data_of",
    "error_of",
    "evidence_of",
    "sampled",
    "to_pandas",
    "to_polars",
    "write_parquet",
]

SAMPLED = 500  # records that tell which further columns the input has, and what the schema leaves open
MOST_ROW = 500  # further columns of the input: SQLite takes 2,000 in all
AT_ONCE = 2_000  # rows of a batch, or fewer:
WEIGHT = 16_000_000  # characters of a batch

EVIDENCE: Mapping[str, Kind] = {
    "status": "text",
    "start": "integer",
    "end": "integer",
    "page": "integer",
    "confidence": "number",
}
"""What is told of a field in a table, and of which kind it is."""


def sampled(records: Iterable[Record]) -> tuple[list[Record], Iterator[Record]]:
    """Some of the records, and all of them."""
    found = iter(records)
    sample = list(itertools.islice(found, SAMPLED))
    return sample, itertools.chain(sample, found)


def data_of(record: Record, wrapped: bool) -> Any:
    """The value of a document as an object with columns."""
    return {"value": record.value} if wrapped and record.value is not None else record.value


def error_of(record: Record) -> str | None:
    """What a document failed with, as one text."""
    if record.error is None:
        return None
    said = f"{record.error.type}: {record.error.message} {record.error.hint}"
    return UNWRITABLE.sub("\ufffd", said.strip())


def evidence_of(field: Field) -> tuple[Any, ...]:
    """What `EVIDENCE` tells of a field."""
    span = field.span
    place = (None, None, None) if span is None else (span.start, span.end, span.page)
    return field.status, *place, field.confidence


class RowFields:
    """The other columns of the input: each has the type of what stands there in a sample."""

    def __init__(self, sample: Sequence[Record], fits: Fits) -> None:
        values: dict[str, list[Any]] = {}
        for record in sample:
            for key, value in record.row.items():
                if key in values or len(values) < MOST_ROW:
                    values.setdefault(key, []).append(value)
        self.kinds: dict[str, Kind] = {key: _kind(each) for key, each in values.items()}
        self._fits = {key: fitting(Scalar(kind), fits) for key, kind in self.kinds.items()}

    def cells(self, record: Record, rest: dict[str, Any]) -> list[Any]:
        """The cells of a document; what came later than the sample is put into `rest`."""
        for key in record.row.keys() - self._fits.keys():
            rest[f"row/{escaped(key)}"] = record.row[key]
        return [fit(record.row.get(key), f"row/{escaped(key)}", rest) for key, fit in self._fits.items()]


def _kind(values: list[Any]) -> Kind:
    kinds = {kind_of(value) if not isinstance(value, float) else "number" for value in values} - {"null"}
    if kinds == {"integer", "number"}:
        return "number"
    return _KINDS.get(next(iter(kinds)), "mixed") if len(kinds) == 1 else "mixed"


_KINDS: Mapping[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}


class Flat:
    """Records as rows of one table, with cells as a format holds them.

    `columns` are the names of all columns with their shapes. `settle` lets the sample tell what the schema leaves open;
    where they are `reviewed`, what people said is there, too.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        sample: Sequence[Record],
        fits: Fits,
        *,
        evidence: bool = False,
        nested: bool = False,
        settle: bool = False,
        reviewed: bool = False,
    ) -> None:
        shape = shape_of(schema)
        self._wrapped = not isinstance(shape, Struct)
        root = root_of(shape)
        if settle:
            told = settled(root, [data_of(record, self._wrapped) for record in sample])
            root = told if isinstance(told, Struct) else root
        names = Names()
        self._columns = flat_columns(root, names, nested=nested)
        self._row = RowFields(sample, fits)
        said = VERDICT if reviewed else {}
        head = head_names(names, self._row.kinds, (*HEAD, *said))
        self._said = [fitting(Scalar(kind), fits) for kind in said.values()]
        self._fit: Fitting = fitting(root, fits)
        self._fits = fits
        self._evidence = _Evidence(root, names, fits, self._wrapped) if evidence else None
        row = [(head[f"row/{escaped(key)}"], Scalar(kind)) for key, kind in self._row.kinds.items()]
        text, json = Scalar("text"), Scalar("json")
        self.rest = {head["rest"]}
        self.columns: list[tuple[str, Shape]] = [
            *[(head["name"], text), *row, (head["state"], text), (head["error"], text)],
            *((head[key], Scalar(kind)) for key, kind in said.items()),
            *((column.name, column.shape) for column in self._columns),
        ]
        if self._evidence:
            self.columns += self._evidence.columns
            self.rest.add(self._evidence.columns[-1][0])
        self.columns.append((head["rest"], json))

    def row(self, record: Record) -> list[Any]:
        """The cells of a document."""
        rest: dict[str, Any] = {}
        text, json = self._fits.scalars["text"], self._fits.scalars["json"]
        fitted = self._fit(data_of(record, self._wrapped), "", rest)
        error = error_of(record)
        cells = [text(UNWRITABLE.sub("\ufffd", record.name)), *self._row.cells(record, rest), text(record.state)]
        cells.append(None if error is None else text(error))
        if self._said:
            cells += [fit(told, "", {}) for fit, told in zip(self._said, verdict_of(record), strict=True)]
        cells += [column.value(fitted) for column in self._columns]
        if self._evidence:
            cells += self._evidence.cells(record)
        if self._wrapped:
            rest = {key.removeprefix("/value"): value for key, value in rest.items()}
        return [*cells, json(rest) if rest else None]


class _Evidence:
    """What is known of each field: in five columns where the field has one, else in one for all."""

    def __init__(self, root: Struct, names: Names, fits: Fits, wrapped: bool) -> None:
        every = flat_columns(root, Names())
        scalars = [each for each in every if isinstance(each.shape, Scalar) and each.shape.kind != "json"]
        self._pointers = [column.pointer.removeprefix("/value" if wrapped else "") for column in scalars]
        self._known = frozenset(self._pointers)
        self._fits = [fitting(Scalar(kind), fits) for kind in EVIDENCE.values()]
        self._json = fits.scalars["json"]
        self.columns: list[tuple[str, Shape]] = [
            (names.distinct(f"{column.name}__{key}"), Scalar(kind))
            for column in scalars
            for key, kind in EVIDENCE.items()
        ]
        self.columns.append((names.distinct("evidence", "document_"), Scalar("json")))

    def cells(self, record: Record) -> list[Any]:
        """The cells of a document."""
        found: list[Any] = []
        for pointer in self._pointers:
            field = record.fields.get(pointer)
            told = evidence_of(field) if field else (None,) * len(EVIDENCE)
            found += [fit(each, "", {}) for fit, each in zip(self._fits, told, strict=True)]
        others = {
            pointer: dict(zip(EVIDENCE, evidence_of(field), strict=True))
            for pointer, field in record.fields.items()
            if pointer not in self._known
        }
        return [*found, self._json(others) if others else None]


# -------------------------------------------------------------------------------------------------- Arrow


def write_parquet(
    records: Iterable[Record], schema: Mapping[str, Any], path: Any, *, evidence: bool = False, reviewed: bool = False
) -> int:
    """Write the records as Parquet to a path or a binary stream, some at a time; gives how many there were.

    Raises `MissingExtra`.
    """
    arrow, parquet = _needed("pyarrow"), _needed("pyarrow.parquet")
    flat, rows = _flat(records, schema, evidence=evidence, nested=True, reviewed=reviewed)
    columns = _arrow_schema(arrow, flat)
    number = 0
    with parquet.ParquetWriter(path, columns, compression="zstd") as writer:
        for batch in _batches(arrow, columns, rows):
            writer.write_batch(batch)
            number += batch.num_rows
    return number


def to_pandas(
    records: Iterable[Record], schema: Mapping[str, Any], *, evidence: bool = False, reviewed: bool = False
) -> Any:
    """The records as a pandas `DataFrame`: integers and booleans are nullable (`Int64`, `boolean`), so that each number
    stays what it is. The columns `rest` and `evidence` are there where something is in them.

    Raises `MissingExtra`.
    """
    pandas, arrow = _needed("pandas"), _needed("pyarrow")
    kinds = {arrow.int64(): pandas.Int64Dtype(), arrow.bool_(): pandas.BooleanDtype()}
    return _table(arrow, records, schema, evidence=evidence, reviewed=reviewed).to_pandas(types_mapper=kinds.get)


def to_polars(
    records: Iterable[Record], schema: Mapping[str, Any], *, evidence: bool = False, reviewed: bool = False
) -> Any:
    """The records as a polars `DataFrame`, with the columns that `to_pandas` has. Raises `MissingExtra`."""
    polars, arrow = _needed("polars"), _needed("pyarrow")
    return polars.from_arrow(_table(arrow, records, schema, evidence=evidence, reviewed=reviewed))


def _table(arrow: Any, records: Iterable[Record], schema: Mapping[str, Any], *, evidence: bool, reviewed: bool) -> Any:
    flat, rows = _flat(records, schema, evidence=evidence, nested=False, reviewed=reviewed)
    columns = _arrow_schema(arrow, flat)
    table = arrow.Table.from_batches(_batches(arrow, columns, rows), schema=columns)
    empty = [name for name in flat.rest if table.column(name).null_count == table.num_rows]
    return table.drop_columns(empty)


def _flat(
    records: Iterable[Record], schema: Mapping[str, Any], *, evidence: bool, nested: bool, reviewed: bool
) -> tuple[Flat, Iterator[list[Any]]]:
    sample, every = sampled(records)
    flat = Flat(schema, sample, ARROW, evidence=evidence, nested=nested, settle=True, reviewed=reviewed)
    return flat, map(flat.row, every)


def _batches(arrow: Any, columns: Any, rows: Iterator[list[Any]]) -> Iterator[Any]:
    for some in _weighed(rows):
        cells = zip(*some, strict=True)
        arrays = [arrow.array(each, type=column.type) for each, column in zip(cells, columns, strict=True)]
        yield arrow.RecordBatch.from_arrays(arrays, schema=columns)


def _weighed(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    """The rows some at a time, so that what is in memory is bounded."""
    some: list[list[Any]] = []
    weight = 0
    for row in rows:
        some.append(row)
        weight += _weight(row)
        if len(some) == AT_ONCE or weight > WEIGHT:
            yield some
            some, weight = [], 0
    if some:
        yield some


def _weight(row: list[Any]) -> int:
    """About how many characters are in it."""
    weight = 0
    ahead: list[Any] = [row]
    while ahead:
        for each in ahead.pop():
            if isinstance(each, str):
                weight += len(each)
            elif isinstance(each, (list, dict)):
                weight += 16
                ahead.append(each.values() if isinstance(each, dict) else each)
            else:
                weight += 8
    return weight


def _arrow_schema(arrow: Any, flat: Flat) -> Any:
    return arrow.schema([arrow.field(name, _arrow_type(arrow, shape)) for name, shape in flat.columns])


def _arrow_type(arrow: Any, shape: Shape) -> Any:
    if isinstance(shape, Items):
        return arrow.list_(_arrow_type(arrow, shape.item))
    if isinstance(shape, Struct):
        return arrow.struct([arrow.field(key, _arrow_type(arrow, each)) for key, each in shape.members.items()])
    return _ARROW_TYPES.get(shape.kind, _string)(arrow)


def _string(arrow: Any) -> Any:
    return arrow.string()


_ARROW_TYPES: Mapping[Kind, Callable[[Any], Any]] = {
    "integer": lambda arrow: arrow.int64(),
    "number": lambda arrow: arrow.float64(),
    "loose": lambda arrow: arrow.float64(),
    "boolean": lambda arrow: arrow.bool_(),
    "date": lambda arrow: arrow.date32(),
    "moment": lambda arrow: arrow.timestamp("us", tz="UTC"),
    "local": lambda arrow: arrow.timestamp("us"),
}


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        hint = 'Install it: pip install "extractor[tables]"'
        raise MissingExtra(f"For this the package {name.partition('.')[0]} is needed.", hint=hint) from None
