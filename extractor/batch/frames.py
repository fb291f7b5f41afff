"""The flat table of a job's records in Arrow: as Parquet, or as a data frame of pandas or polars."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from extractor.batch.cells import ARROW
from extractor.batch.flat import Flat, sampled
from extractor.batch.record import Record
from extractor.batch.shapes import Items, Kind, Shape, Struct
from extractor.errors import MissingExtra

__all__ = ["to_pandas", "to_polars", "write_parquet"]

AT_ONCE = 2_000  # rows of a batch, or fewer:
WEIGHT = 16_000_000  # characters of a batch


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
