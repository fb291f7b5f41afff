"""Files of tables: the records of a CSV, JSON Lines or Parquet file, one after the other.

What is in memory is one record (of Parquet: some), however long the file.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import itertools
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, TypeAlias

from pydantic_core import from_json

from extractor.errors import MissingExtra

__all__ = ["FORMATS", "LONGEST_ROW", "Format", "Read"]

LONGEST_ROW = 32_000_000  # bytes: a document of that size is several books
AT_ONCE = 64  # rows of Parquet
DEEPEST = 50  # levels of a value in a cell of Parquet
ALONE = "\0"  # a delimiter that no line has: the table has one column

Read: TypeAlias = tuple[Mapping[str, Any], str]
"""A row as a mapping, and what is wrong with it ("" for nothing)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How a kind of table is read: into rows, and which columns it has.

    `columns` gives None where each row may have its own.
    """

    records: Callable[[Path], Iterator[Read]]
    columns: Callable[[Path], list[str] | None]
    count: Callable[[Path], int] | None = None


# --------------------------------------------------------------------------------------------- lines of text


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _lines(path: Path) -> Iterator[str | None]:
    """The lines of a file, their ends included; None for one that is longer than any row may be."""
    with _opened(path) as file:
        start = file.read(3)
        encoding = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")
        file.seek(0)
        if encoding != "utf-8":
            yield from _wide_lines(file, encoding)
            return
        whole = True  # whether what was read last came to the end of its line
        first = file.readline(LONGEST_ROW).removeprefix(b"\xef\xbb\xbf")
        for line in _following(first, file):
            ends = line.endswith(b"\n") or len(line) < LONGEST_ROW - 3
            if whole:
                yield _decoded(line) if ends else None
            whole = ends


_MARKS: Mapping[bytes, str] = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _following(line: bytes, file: IO[bytes]) -> Iterator[bytes]:
    while line:
        yield line
        line = file.readline(LONGEST_ROW)


def _wide_lines(file: IO[bytes], encoding: str) -> Iterator[str | None]:
    """The lines of UTF-16, which some spreadsheets write."""
    with io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
        whole = True
        while line := text.readline(LONGEST_ROW):
            ends = line.endswith("\n") or len(line) < LONGEST_ROW
            if whole:
                yield line if ends else None
            whole = ends


def _decoded(line: bytes) -> str:
    # By lines, since nothing is known of what follows: spreadsheets of western Europe write Windows' own encoding.
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


# ------------------------------------------------------------------------------------------------------- CSV


class _TooLong(Exception):  # never leaves this file
    """A row that does not end: mostly a quote without its other half."""


class _Measured:
    """Lines for the `csv` module, as long as they make up a row of bounded length."""

    def __init__(self, lines: Iterator[str | None]) -> None:
        self._lines = lines
        self.length = 0  # characters of the row so far
        self.broke_off = False  # whether the file has ended within a row

    def __iter__(self) -> _Measured:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.broke_off = self.length > 0
            raise
        self.length += LONGEST_ROW + 1 if line is None else len(line)
        if line is None or self.length > LONGEST_ROW:
            raise _TooLong
        return line.replace("\0", "\ufffd")  # which the module refuses in some versions of Python


def _csv(path: Path) -> Iterator[Read]:
    header: list[str] | None = None
    for cells in _cells(path):
        if isinstance(cells, str):
            yield {}, cells
        elif header is None:
            header = _header(cells)
        else:
            further = {_further(number): cell for number, cell in enumerate(cells[len(header) :], len(header) + 1)}
            said = f"The row has {len(cells)} cells, and the header {len(header)}." if any(further.values()) else ""
            yield {**dict(zip(header, cells, strict=False)), **(further if said else {})}, said


def _cells(path: Path) -> Iterator[list[str] | str]:
    """The rows that are not blank, the header too; of a damaged one what is wrong."""
    lines = _lines(path)
    first = next((line for line in lines if line is None or line.strip()), "")
    measured = _Measured(itertools.chain((first,), lines))
    # The module's own limit is one for the whole process, and lower than a document may be: it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))
    reader = csv.reader(measured, delimiter=_delimiter(path, first or ""))
    while True:
        measured.length = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_TooLong, csv.Error) as error:
            yield "The row does not end where a row must." if isinstance(error, _TooLong) else f"No CSV: {error}."
        else:
            if measured.broke_off:
                yield "A quote in it is not closed before the end of the file."
            elif cells:
                yield cells


def _delimiter(path: Path, header: str) -> str:
    """What stands between the names of the columns: those know best, texts have all of these signs."""
    names = re.sub(r'"[^"]*+"?+', "", header)
    likely = max(",;\t|", key=names.count)
    return "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes[-2:]] else likely if likely in names else ALONE


def _header(cells: list[str]) -> list[str]:
    """The names of the columns, each once."""
    names: dict[str, None] = {}
    for number, cell in enumerate(cells, 1):
        name = cell.strip() or _further(number)
        names[name if name not in names else f"{name}#{number}"] = None
    return list(names)


def _further(number: int) -> str:
    return f"column_{number}"


def _csv_columns(path: Path) -> list[str]:
    first = next(_cells(path), [])
    if isinstance(first, str):
        raise ValueError(first)  # noqa: TRY004  # the file's fault
    return _header(first)


# ------------------------------------------------------------------------------------------------ JSON Lines


def _jsonl(path: Path) -> Iterator[Read]:
    for line in _lines(path):
        if line is None:
            yield {}, "The line is longer than a row may be."
        elif line.strip():
            yield _object(line)


def _object(line: str) -> Read:
    try:
        value = from_json(line, allow_inf_nan=False)
    except ValueError:  # half a character, too
        return {}, "The line is no JSON."
    return (value, "") if isinstance(value, dict) else ({}, "The line is no JSON object.")


# --------------------------------------------------------------------------------------------------- Parquet


def _file(path: Path) -> Any:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        hint = 'Install it: pip install "extractor[tables]"'
        raise MissingExtra("To read Parquet, the package pyarrow is needed.", hint=hint) from None
    return parquet.ParquetFile(path, pre_buffer=False)


def _parquet(path: Path) -> Iterator[Read]:
    with _file(path) as file:
        for batch in file.iter_batches(batch_size=AT_ONCE, use_threads=False):
            for record in batch.to_pylist():
                yield {key: _plain(value, DEEPEST) for key, value in record.items()}, ""


def _parquet_columns(path: Path) -> list[str]:
    with _file(path) as file:
        return list(file.schema_arrow.names)


def _parquet_count(path: Path) -> int:
    with _file(path) as file:
        return int(file.metadata.num_rows)


def _plain(value: Any, levels: int) -> Any:
    """A value as plain JSON data."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, (dict, list, tuple)) and not levels:
        return "…"
    if isinstance(value, dict):
        return {str(key): _plain(member, levels - 1) for key, member in value.items()}
    if isinstance(value, (list, tuple)):  # a map comes as pairs
        return [_plain(item, levels - 1) for item in value]
    return next((written(value) for kind, written in _WRITTEN.items() if isinstance(value, kind)), str(value))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return b64encode(value).decode()


_WRITTEN: Mapping[type, Callable[[Any], Any]] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    Decimal: str,
    bytes: _text,
}

_CSV = Format(records=_csv, columns=_csv_columns)
_JSONL = Format(records=_jsonl, columns=lambda path: None)
FORMATS: Mapping[str, Format] = {
    ".csv": _CSV,
    ".tsv": _CSV,
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".csv.gz": _CSV,
    ".tsv.gz": _CSV,
    ".jsonl.gz": _JSONL,
    ".ndjson.gz": _JSONL,
    ".parquet": Format(records=_parquet, columns=_parquet_columns, count=_parquet_count),
}
