"""Tables and plots as pictures: bars for a column of a table, lines for a plot.

The same numbers give the same SVG, byte for byte. A picture stands on a white card of its own, so that it can be
read on a dark page too.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results import Column, Plot, Report, Table, shown

__all__ = ["drawn"]

OURS, PEER, FLOOR, TEXT, GRID = "#0b6e5f", "#a9b4c2", "#dfe3e8", "#333333", "#e6e6e6"
LINES = (OURS, "#d1603d", "#4f6db8", "#9a6fb0", "#b08d2f", "#5b8f3a", "#b04a74", "#6b6b6b")
MARKERS = "osD^vPX*"
WIDE = 30  # times the least: what lies further apart is drawn logarithmically
STYLE = {
    "svg.hashsalt": "extractor",
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.edgecolor": GRID,
}


def drawn(report: Report, folder: Path, suffix: str = "svg") -> dict[str, Path]:
    """Draw what is worth a picture; title → where it is. Needs matplotlib."""
    pyplot = _pyplot()
    asked = [(table, _column(table, first=not number)) for number, table in enumerate(report.tables)]
    pictures: list[tuple[str, Any]] = [
        (table.title, _bars(pyplot, table, column)) for table, column in asked if column is not None
    ]
    pictures += [(plot.title, _lines(pyplot, plot, _ours(report))) for plot in report.plots]
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for number, (title, figure) in enumerate(pictures):
        name = f"{report.name}-{number + 1}" if number else report.name
        paths[title] = folder / f"{name}.{suffix}"
        figure.savefig(paths[title], metadata={"Date": None} if suffix == "svg" else None, facecolor="white", dpi=110)
        pyplot.close(figure)
    return paths


def _pyplot() -> Any:
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    matplotlib.rcParams.update(STYLE)
    return importlib.import_module("matplotlib.pyplot")


def _ours(report: Report) -> set[str]:
    return {name for table in report.tables for name in table.ours} | {"extractor"}


def _column(table: Table, *, first: bool) -> int | None:
    """The column that is drawn, None where no picture says anything."""
    if table.bars is None:
        wanted = [at for at, column in enumerate(table.columns) if column.better] if first else []
    else:
        wanted = [at for at, column in enumerate(table.columns) if column.name == table.bars]
    for at in wanted:
        numbers = _numbers(table, at)
        if len(numbers) >= 3 and len(set(numbers.values())) > 1:
            return at
    return None


def _numbers(table: Table, at: int) -> dict[str, float]:
    return {name: float(cells[at]) for name, cells in table.rows.items() if isinstance(cells[at], (int, float))}  # type: ignore[arg-type]


def _bars(pyplot: Any, table: Table, at: int) -> Any:
    column, numbers = table.columns[at], _numbers(table, at)
    figure, axes = pyplot.subplots(figsize=(7.2, 0.75 + 0.29 * len(numbers)), layout="constrained")
    names = list(numbers)
    colours = [OURS if name in table.ours else FLOOR if name in table.floors else PEER for name in names]
    logarithmic = _far_apart(list(numbers.values()))
    axes.barh(names, list(numbers.values()), color=colours, height=0.68, log=logarithmic)
    for place, name in enumerate(names):
        said = shown(column, numbers[name])
        axes.annotate(said, (numbers[name], place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.margins(x=0.12, y=0.02)
    if logarithmic:
        least = min(number for number in numbers.values() if number > 0)
        axes.set_xlim(least / 2, max(numbers.values()) * 2.5)
    axes.invert_yaxis()
    axes.set_title(f"{table.title}: {_axis(column, logarithmic=logarithmic)}", loc="left", fontsize=9.5, wrap=True)
    _quiet(axes, "x")
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name in table.ours else "normal")
        label.set_fontstyle("italic" if name in table.floors else "normal")
    return figure


def _axis(column: Column, *, logarithmic: bool) -> str:
    said = [f"{column.better} is better"] if column.better else []
    said += ["logarithmic"] if logarithmic else []
    return column.name + (f" ({', '.join(said)})" if said else "")


def _far_apart(numbers: Sequence[float]) -> bool:
    above = [number for number in numbers if number > 0]
    return bool(above) and min(numbers) > 0 and max(above) > WIDE * min(above)


def _lines(pyplot: Any, plot: Plot, ours: set[str]) -> Any:
    figure, axes = pyplot.subplots(figsize=(7.2, 3.6), layout="constrained")
    peers = iter(range(1, 1000))
    for series in plot.series:
        mine = series.name.partition(":")[0] in ours or series.name in ours
        colour = 0 if mine else next(peers) % len(LINES)
        style = {"color": LINES[colour], "marker": MARKERS[colour], "linewidth": 2.4 if mine else 1.3}
        axes.plot(series.x, series.y, markersize=4, label=series.name, **style)
    xs = [x for series in plot.series for x in series.x]
    ys = [y for series in plot.series for y in series.y]
    if plot.logarithmic:
        axes.set_yscale("log" if min(ys, default=0) > 0 else "symlog")
        if _far_apart(xs):
            axes.set_xscale("log")
    elif min(ys, default=0) >= 0:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    axes.set_title(plot.title, loc="left", fontsize=9.5, wrap=True)
    _quiet(axes, "both")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _quiet(axes: Any, grid: str) -> None:
    """Nothing but what is read: no frame, no marks, a pale grid behind."""
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, which="both")
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=GRID, linewidth=0.7)
