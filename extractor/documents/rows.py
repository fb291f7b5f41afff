"""Tables of documents: each row of a CSV, JSON Lines or Parquet file is one, read one after the other.

A row that is damaged, or has no text, says why in its `error`: it fails by itself, and none is left out.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractor.documents.table_files import FORMATS
from extractor.errors import DocumentDamaged, DocumentError, OptionError

__all__ = ["Row", "check_table", "count_rows", "is_table", "rows"]

COUNTED = 100_000_000  # bytes of a file whose rows are counted by reading it, and …
MOST_COUNTED = 200_000  # … rows of it: both take about a second


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row: its `number` counts from 1, without the header; `text` is "" where there is none, and `error` says why.

    `name` is what its column of names says ("" where it says nothing), `others` the other columns as plain JSON data.
    """

    number: int
    text: str = field(repr=False)
    name: str = ""
    others: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def is_table(path: Path) -> bool:
    """Whether a file is a table, by the end of its name."""
    return _suffix(path) in FORMATS


def check_table(path: Path, *, text_column: str, name_column: str | None = None) -> None:
    """Raise `OptionError` where it is no table, or has no such column; `DocumentError` where it cannot be read."""
    if not is_table(path):
        raise OptionError(
            f"{path} is no table, and a text column was named.",
            option="text_column",
            hint=f"Tables end in {', '.join(FORMATS)}. Leave other files of a folder out with ignore "
            f'(--ignore "*{path.suffix}"), or give them in a call of their own.',
        )
    if not path.is_file():  # a pipe, say, at which one would wait
        raise DocumentError(f"{path} is no file.", hint="Give the path of a file.")
    columns = _guarded(path, FORMATS[_suffix(path)].columns)
    if columns == []:
        raise DocumentError(f"{path} is empty.", hint="Its first line should have the names of its columns.")
    for option, column in (("text_column", text_column), ("name_column", name_column)):
        if columns is not None and column is not None and column not in columns:
            raise OptionError(
                f"{path} has no column {column[:100]!r}.",
                option=option,
                hint=f"It has: {', '.join(name[:50] for name in columns[:30])}.",
            )


def rows(path: Path, *, text_column: str, name_column: str | None = None) -> Iterator[Row]:
    """The rows of a table. A file that breaks off ends with a row that says so.

    Raises `MissingExtra` where Parquet cannot be read.
    """
    number = 0
    try:
        for number, (record, wrong) in enumerate(FORMATS[_suffix(path)].records(path), 1):  # for what is below
            yield _row(number, record, wrong, text_column, name_column)
    except _BROKEN as error:
        said = f"The file cannot be read after row {number} ({type(error).__name__})."
        yield Row(number=number + 1, text="", error=said)


def count_rows(path: Path) -> int | None:
    """How many rows `rows` will give; None where it would take long to find out."""
    kind = FORMATS[_suffix(path)]
    if kind.count is not None:
        number: int = _guarded(path, kind.count)
        return number
    packed = 10 if _suffix(path).endswith(".gz") else 1
    if path.stat().st_size * packed > COUNTED:
        return None
    found = sum(1 for _ in itertools.islice(rows(path, text_column=""), MOST_COUNTED + 1))
    return found if found <= MOST_COUNTED else None


def _row(number: int, record: Mapping[str, Any], error: str, text_column: str, name_column: str | None) -> Row:
    text, name = record.get(text_column), record.get(name_column or "")
    others = {key: value for key, value in record.items() if key not in (text_column, name_column)}
    if not isinstance(text, str):
        error = error or f"There is no text in {text_column!r}."
        text = ""
    named = name_column is not None and name is not None and not isinstance(name, (dict, list))
    return Row(number=number, text=text, name=str(name).strip() if named else "", others=others, error=error)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return next((suffix for suffix in FORMATS if name.endswith(suffix)), "")


_BROKEN = (OSError, EOFError, zlib.error, ValueError, OverflowError, NotImplementedError)  # pyarrow's errors, too


def _guarded(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except _BROKEN as error:
        raise DocumentDamaged(
            f"{path} cannot be read as a table ({type(error).__name__}).", hint="Is its name right about its kind?"
        ) from None
