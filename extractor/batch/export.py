"""The documents of a job as a file: JSON Lines, CSV, Parquet or SQLite. Each document is there, failed ones too.

A file is written beside its place and then put there, so that what is there is whole. JSON Lines and SQLite have all
that is known; the others one row for each document, and in the column `rest` what no column can hold.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias, get_args

from extractor.batch.cells import CSV, SQLITE, json_text, safe
from extractor.batch.flat import Flat, sampled
from extractor.batch.frames import write_parquet
from extractor.batch.record import Record
from extractor.batch.related import Related
from extractor.batch.shapes import Kind
from extractor.batch.tables import Names
from extractor.batch.verdicts import told_of
from extractor.errors import JobError, OptionError

__all__ = ["Format", "export"]

Format: TypeAlias = Literal["jsonl", "csv", "parquet", "sqlite"]

SUFFIXES: Mapping[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
APPLICATION = 0x45784578  # "ExEx": an SQLite file that is an export, and may be written over

_ENDS = f"The name of the file may end in {', '.join(SUFFIXES)}."

Written: TypeAlias = "Callable[[str], Any]"


def export(
    records: Iterable[Record],
    schema: Mapping[str, Any],
    target: str | os.PathLike[str] | IO[Any],
    format: str | None = None,  # noqa: A002  # what everybody calls it
    *,
    evidence: bool = False,
    overwrite: bool = False,
    children: bool = False,
    bom: bool = False,
    reviewed: bool = False,
) -> int:
    """Write `records` to a path, or to a stream (not SQLite); gives how many there were.

    `schema` is the JSON Schema of their values (see `Run.shape`). `format` is one of `jsonl`, `csv`, `parquet`,
    `sqlite`; by default what the name of the path ends in. With `evidence`, also what is known of each field, and of
    how the data came about. With `children`, lists in a CSV are not JSON in a cell but files of their own beside it
    (`orders_lines.csv`), which refer to it by `parent`; with `bom`, a CSV begins with a byte order mark, which Excel
    wants. Where they are `reviewed`, tables have columns for what people said last; in JSON Lines it is there anyway.

    In a CSV an apostrophe stands before each text that a spreadsheet would take for a formula; nothing in a cell is
    null, `""` an empty text. Raises `OptionError` for a format that there is not, and for a file that is there without
    `overwrite`; also with it for an SQLite file that is no export: a job, say. Raises `JobError` where the file cannot
    be written; then what was there is still there. Raises `MissingExtra`.
    """
    chosen = _format(target, format)
    if children and chosen != "csv":
        raise OptionError("Only of a CSV can lists be files of their own.", option="children", hint="Leave it out.")
    sample, every = sampled(records)
    told = {"evidence": evidence, "reviewed": reviewed}
    if not isinstance(target, (str, os.PathLike)):
        if chosen == "sqlite" or children:
            raise OptionError("This is written to a path only.", option="format", hint="Give a path, not a stream.")
        if chosen == "parquet":
            return write_parquet(every, schema, target, **told)
        return _streamed(every, target, *_layout(chosen, schema, sample, bom=bom, **told))
    path = Path(target).resolve()
    with ExitStack() as stack:
        if chosen == "parquet":
            return write_parquet(every, schema, stack.enter_context(_replacing(path, overwrite)), **told)
        if chosen == "sqlite":
            place = stack.enter_context(_replacing(path, overwrite))
            return _sqlite(every, Related(schema, sample, SQLITE, **told), place)

        def opened(name: str = "") -> Written:
            other = path.with_name(f"{path.stem}_{name}{path.suffix}") if name else path
            return stack.enter_context(_text_file(stack.enter_context(_replacing(other, overwrite))))

        if children:
            return _csv_files(every, Related(schema, sample, CSV, **told), opened, bom=bom)
        return _written(every, opened(), *_layout(chosen, schema, sample, bom=bom, **told))


def _format(target: Any, wanted: str | None) -> Format:
    known: tuple[Format, ...] = get_args(Format)
    suffix = Path(target).suffix.lower() if isinstance(target, (str, os.PathLike)) else ""
    chosen = SUFFIXES.get(suffix) if wanted is None else next((each for each in known if each == wanted), None)
    if chosen is None:
        name = wanted or (target if suffix else "")
        said = f"{name}: this format cannot be written" if name else "The format of the export is not said"
        raise OptionError(f"{said}; one of {', '.join(known)}.", option="format", hint=_ENDS)
    return chosen


def _layout(
    chosen: Format, schema: Mapping[str, Any], sample: list[Record], *, evidence: bool, reviewed: bool, bom: bool
) -> tuple[str, Callable[[Record], str]]:
    """What a file of lines begins with, and what makes the line of a document."""
    if chosen == "jsonl":
        return "", lambda record: json_text(_object(record, evidence)) + "\n"
    flat = Flat(schema, sample, CSV, evidence=evidence, reviewed=reviewed)
    head = "\ufeff" * bom + _csv_line([safe(name) for name, _ in flat.columns])
    return head, lambda record: _csv_line(flat.row(record))


def _written(records: Iterator[Record], write: Written, head: str, line: Callable[[Record], str]) -> int:
    if head:
        write(head)
    number = 0
    for record in records:
        write(line(record))
        number += 1
    return number


def _streamed(records: Iterator[Record], stream: Any, head: str, line: Callable[[Record], str]) -> int:
    raw: Any = getattr(stream, "buffer", None) if isinstance(stream, io.TextIOBase) else stream
    stream.flush()
    # A terminal's own encoding may lack what is in the documents: its bytes are written, as UTF-8.
    write = stream.write if raw is None else lambda text: raw.write(text.encode())
    number = _written(records, write, head, line)
    (stream if raw is None else raw).flush()
    return number


# --------------------------------------------------------------------------------------------- JSON Lines


def _object(record: Record, evidence: bool) -> dict[str, Any]:
    """All that is known of a document, as plain data."""
    error = record.error
    found: dict[str, Any] = {
        "name": record.name,
        "row": dict(record.row),
        "state": record.state,
        "value": record.value,
        "error": error and {"type": error.type, "message": error.message, "hint": error.hint},
        **told_of(record),
    }
    if not evidence:
        return found
    if error:
        found["error"] |= {"value": error.value, "errors": [dict(each) for each in error.errors]}
    usage = {key: getattr(record.usage, key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    cached = record.usage.prompt_tokens_details.cached_tokens
    return {
        **found,
        "sha256": record.sha256,
        "outcome": record.outcome,
        "absent": list(record.absent),
        "complete": record.complete,
        "fields": {pointer: _field(field) for pointer, field in record.fields.items()},
        **{key: [dict(each) for each in getattr(record, key)] for key in ("lists", "chunks", "conflicts")},
        **{key: getattr(record, key) for key in ("model", "mode", "seconds", "attempts", "requests")},
        "usage": {**usage, "cached_tokens": cached},
        "cost": None if record.cost is None else str(record.cost),
    }


def _field(field: Any) -> dict[str, Any]:
    spans = {
        key: [{"start": span.start, "end": span.end, "page": span.page} for span in getattr(field, key)]
        for key in ("spans", "elsewhere")
    }
    plain = {key: getattr(field, key) for key in ("status", "score", "confidence", "logprob", "agreement")}
    return {**plain, **spans, "others": [list(each) for each in field.others]}


# ---------------------------------------------------------------------------------------------------- CSV

_QUOTED = re.compile('[",;\t\r\n]|^$|^[\\s]|[\\s]$')


def _csv_line(cells: Iterable[str | None]) -> str:
    """One record of RFC 4180. Nothing stands for null, and `""` for an empty text."""
    return ",".join(["" if cell is None else _quoted(cell) for cell in cells]) + "\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


def _csv_files(records: Iterator[Record], sheets: Related, opened: Callable[[str], Written], *, bom: bool) -> int:
    main = sheets.names[0]
    writes = [opened(name.removeprefix(main).strip("_") if number else "") for number, name in enumerate(sheets.names)]
    for write, columns in zip(writes, sheets.columns, strict=True):
        write("\ufeff" * bom + _csv_line([safe(name) for name, _ in columns]))
    number = 0
    for record in records:
        for table, cells in sheets.rows(record):
            writes[table](_csv_line(cells))
        number += 1
    return number


# ------------------------------------------------------------------------------------------------- SQLite


def _sqlite(records: Iterator[Record], sheets: Related, path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"application_id = {APPLICATION}"):
            connection.execute(f"PRAGMA {pragma}")  # nobody reads it before it is whole
        connection.execute("BEGIN")
        for number in range(len(sheets.names)):
            connection.execute(_created(sheets, number))
        inserts = [
            f"INSERT INTO {_name(name)} VALUES ({','.join('?' * len(columns))})"  # noqa: S608  # quoted
            for name, columns in zip(sheets.names, sheets.columns, strict=True)
        ]
        number = 0
        for record in records:
            for table, cells in sheets.rows(record):
                connection.execute(inserts[table], cells)
            number += 1
        taken = Names(sheets.names)  # they share their names with indexes
        for name, above in zip(sheets.names, sheets.above, strict=True):
            if above is not None:
                index = _name(taken.distinct(f"{name}_{above[1]}"))
                connection.execute(f"CREATE INDEX {index} ON {_name(name)} ({_name(above[1])})")
        connection.execute("COMMIT")
    return number


_TYPES: Mapping[Kind, str] = {"integer": "INTEGER", "number": "REAL", "loose": "REAL", "boolean": "BOOLEAN"}


def _created(sheets: Related, number: int) -> str:
    above = sheets.above[number]
    columns = [f"{_name(name)} {_TYPES.get(kind, 'TEXT')}" for name, kind in sheets.columns[number]]
    if sheets.columns[number][0][0] != "document":  # the evidence has no number of its own
        columns[0] += " PRIMARY KEY"
    if above is not None:
        table, column = above
        key = sheets.columns[table][0][0]
        columns.append(f"FOREIGN KEY ({_name(column)}) REFERENCES {_name(sheets.names[table])} ({_name(key)})")
    return f"CREATE TABLE {_name(sheets.names[number])} ({', '.join(columns)})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# -------------------------------------------------------------------------------------------- whole or not


@contextmanager
def _replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """A file beside the path, which is put there when it is whole."""
    _check_place(path, overwrite)
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise JobError(
            f"{path} cannot be written: {reason}.",
            hint="What was there is as it was. Make room, or choose another place.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def _text_file(path: Path) -> Iterator[Written]:
    with path.open("x", encoding="utf-8", newline="") as file:
        yield file.write


def _check_place(path: Path, overwrite: bool) -> None:
    """Raise `OptionError` where there is something that must stay."""
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise OptionError(f"{path} is no file.", option="path", hint="Give the name of a file.")
    if not overwrite:
        raise OptionError(
            f"{path} is there already.", option="overwrite", hint="Say overwrite, or choose another name."
        )
    if _is_database(path) or any(os.path.lexists(f"{path}{end}") for end in ("-wal", "-journal")):
        raise OptionError(
            f"{path} is a database, and no export that can be written over.",
            option="overwrite",
            hint="Choose another name: it may be a job.",
        )


def _is_database(path: Path) -> bool:
    """Whether it is an SQLite file, but for those that this module wrote, or cannot be told."""
    # Asked through SQLite: to open and close the file of a job otherwise would drop the locks that this process holds.
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.Error as error:
            return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB
    return bool(tables) and application != APPLICATION
