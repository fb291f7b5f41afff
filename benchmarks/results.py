"""What a benchmark gives: tables and plots as records, printed for people and written for `bench.py`.

A script makes a `Report`, and ends with `publish(report, arguments)`: that prints it, and with `--into FOLDER` (which
`options(parser)` adds) writes it there as JSON, for `benchmarks/RESULTS.md`. Numbers stay numbers until they are
shown, so that a table can say by itself who is ahead.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = [
    "Better",
    "Cell",
    "Column",
    "Plot",
    "Report",
    "Series",
    "Table",
    "ahead",
    "leaders",
    "options",
    "publish",
    "read",
    "shown",
    "write",
]

Cell: TypeAlias = "str | float | None"
"""A number, or words; None where a contender cannot do it."""

Better: TypeAlias = Literal["less", "more", ""]
"""Which numbers of a column are the better ones; "" where neither is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column: how its numbers are written (a format specification, `,.0f`), and which are better."""

    name: str
    form: str = ",.2f"
    better: Better = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of a name and a cell for each column. `ours` are the names of the rows that are this library's, `floors`
    those that are no contender: what is done by hand, or knows what nobody can know.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Mapping[str, Sequence[Cell]]
    ours: tuple[str, ...]
    floors: tuple[str, ...] = ()
    of: str = "contender"
    """What a row is."""
    bars: str | None = None
    """The column that is drawn; None: the first that has better numbers, of a report's first table; "": none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The points of a line."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """Lines over x. A report's first table is drawn as bars without being asked for."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    logarithmic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The answer to one question: `name` is the script's, `command` what was run, `notes` what a reader must know to
    read the numbers rightly (each a sentence or two).
    """

    name: str
    question: str
    command: str
    environment: str
    versions: Mapping[str, str]
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, round by round, for whoever wants to look at it again."""


def shown(column: Column, cell: Cell) -> str:
    """A cell as a reader sees it."""
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else format(cell, column.form)


def leaders(table: Table, at: int) -> list[str]:
    """The contenders with the best number of a column, as it is shown; none where no number is better."""
    column, numbers = table.columns[at], _numbers(table, at)
    if not column.better or not numbers:
        return []
    best = min(numbers, key=lambda name: _cost(column, numbers[name]))
    return [name for name in numbers if shown(column, numbers[name]) == shown(column, numbers[best])]


def ahead(table: Table) -> list[str]:
    """Where another contender's number is better than the best of ours, a sentence for each: those that are shown
    alike are alike.
    """
    said = []
    for at, column in enumerate(table.columns):
        numbers = _numbers(table, at)
        if not column.better or not any(name in table.ours for name in numbers):
            continue
        best = min((_cost(column, number), number) for name, number in numbers.items() if name in table.ours)[1]
        said += [
            f"{name} is ahead in {column.name}: {shown(column, number)} against {shown(column, best)}."
            for name, number in numbers.items()
            if _cost(column, number) < _cost(column, best) and shown(column, number) != shown(column, best)
        ]
    return said


def _numbers(table: Table, at: int) -> dict[str, float]:
    """What the contenders have in a column, where that is a number."""
    cells = {name: cells[at] for name, cells in table.rows.items() if name not in table.floors}
    return {name: cell for name, cell in cells.items() if isinstance(cell, (int, float))}


def _cost(column: Column, number: float) -> float:
    return number if column.better == "less" else -number


def options(parser: argparse.ArgumentParser) -> None:
    """Add what `publish` needs."""
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="also write the results there, as JSON")


def publish(report: Report, arguments: argparse.Namespace) -> None:
    """Print a report; write it too, where that is wanted."""
    print(f"{report.question}\n{report.environment}")
    print(", ".join(f"{name} {version}" for name, version in report.versions.items()) + "\n")
    for table in report.tables:
        print(f"{table.title}\n\n{_lines(table)}\n")
        print("".join(f"{sentence}\n" for sentence in ahead(table)))
    print("".join(f"{note}\n" for note in report.notes), end="")
    if arguments.into is not None:
        write(report, arguments.into)


def _lines(table: Table) -> str:
    header = [table.of, *(column.name for column in table.columns)]
    rows = [
        [name, *(shown(column, cell) for column, cell in zip(table.columns, cells, strict=True))]
        for name, cells in table.rows.items()
    ]
    widths = [max(len(row[at]) for row in [header, *rows]) for at in range(len(header))]
    aligned = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in [header, *rows]
    ]
    return "\n".join(line.rstrip() for line in aligned)


def write(report: Report, folder: Path) -> Path:
    """Write a report as JSON, into the file that has its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.name}.json"
    written = json.dumps(asdict(report), ensure_ascii=False, indent=1)
    path.write_text(written + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Report:
    """A report as it was written. Exits where it cannot be read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        tables = [_table(each) for each in told.pop("tables")]
        plots = [_plot(each) for each in told.pop("plots")]
        notes = tuple(told.pop("notes"))
        return Report(**told, tables=tuple(tables), plots=tuple(plots), notes=notes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path} is no report: {error}")


def _table(told: dict[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in told.pop("columns"))
    ours, floors = tuple(told.pop("ours")), tuple(told.pop("floors"))
    return Table(**told, columns=columns, ours=ours, floors=floors)


def _plot(told: dict[str, Any]) -> Plot:
    series = tuple(Series(name=each["name"], x=tuple(each["x"]), y=tuple(each["y"])) for each in told.pop("series"))
    return Plot(**told, series=series)
