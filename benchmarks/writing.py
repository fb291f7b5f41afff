"""Reports → the page `RESULTS.md` and the file `results.json`, which says the same to programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from results import Report, Table, ahead, leaders, shown

__all__ = ["Section", "data", "page"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One script on the page: what it was asked, and what became of it. `failed` says what went wrong, `absent` why
    there is no report where there is none; `plots` are the paths of its pictures from the page, by their titles.
    """

    name: str
    heading: str
    report: Report | None = None
    failed: str = ""
    absent: str = ""
    plots: Mapping[str, str] = field(default_factory=dict)


def page(sections: Sequence[Section], facts: Mapping[str, str]) -> str:
    """The whole page. `facts` is what holds for all of it: the date, the commit, the machine."""
    reports = [each.report for each in sections if each.report is not None]
    lines = [
        "# Results of the benchmarks",
        "",
        f"Written by `{facts.get('command', 'make bench')}`: every number is from that run, none is written by hand.",
        "In each column the best number of a contender is bold. Names in italics are no contenders: they are what the",
        "same costs by hand, or what nobody can know.",
        "",
        *_rows(("", ""), [(name, value) for name, value in facts.items() if name != "command"]),
        "",
        f"Versions: {_versions(reports)}.",
        "",
        *_failures(sections),
        *_behind(sections),
        "## Contents",
        "",
        *(f"- [{each.heading}](#{each.name}){'' if each.report else ' (no answer here)'}" for each in sections),
        "",
    ]
    for each in sections:
        lines += _section(each)
    return "\n".join(lines).rstrip("\n") + "\n"


def data(sections: Sequence[Section], facts: Mapping[str, str]) -> str:
    """All reports, without what was measured round by round, as JSON."""
    reports: dict[str, Any] = {}
    for each in sections:
        if each.report is not None:
            reports[each.name] = asdict(each.report)
            del reports[each.name]["data"]
    return json.dumps({"run": dict(facts), "reports": reports}, ensure_ascii=False, indent=1) + "\n"


def _versions(reports: Sequence[Report]) -> str:
    found: dict[str, set[str]] = {}
    for report in reports:
        for name, version in report.versions.items():
            found.setdefault(name, set()).add(version)
    ordered = sorted(found, key=str.casefold)
    return ", ".join(f"{name} {' and '.join(sorted(found[name]))}" for name in ordered) or "none known"


def _failures(sections: Sequence[Section]) -> list[str]:
    failed = [f"- [{each.heading}](#{each.name}): {each.failed}" for each in sections if each.failed]
    return ["## What failed", "", *failed, ""] if failed else []


def _behind(sections: Sequence[Section]) -> list[str]:
    """Every sentence about somebody who is ahead, with a link to its table."""
    said = [
        f"- [{each.name}, {table.title[:1].lower()}{table.title[1:]}](#{_anchor(each.name, number)}): "
        f"{' '.join(sentences)}"
        for each in sections
        if each.report is not None
        for number, table in enumerate(each.report.tables)
        if (sentences := ahead(table))
    ]
    return ["## Where others are ahead", "", *(said or ["Nowhere in this run."]), ""]


def _anchor(name: str, number: int) -> str:
    return f"{name}-{number + 1}"


def _section(section: Section) -> list[str]:
    lines = [f'<a id="{section.name}"></a>', "", f"## {section.heading}", ""]
    if section.failed:
        lines += [f"**Failed**: {section.failed}", ""]
    report = section.report
    if report is None:
        return lines if section.failed else [*lines, section.absent, ""]
    for number, table in enumerate(report.tables):
        lines += [f'<a id="{_anchor(section.name, number)}"></a>', "", f"### {table.title}", "", *_table(table), ""]
        if sentences := ahead(table):
            lines += [" ".join(sentences), ""]
        if table.title in section.plots:
            lines += [f"![{table.title}]({section.plots[table.title]})", ""]
    for plot in report.plots:
        if plot.title in section.plots:
            lines += [f"![{plot.title}]({section.plots[plot.title]})", ""]
    lines += [f"- {note}" for note in report.notes]
    took = f", {report.seconds:,.0f} s" if report.seconds else ""
    return [*lines, *([""] if report.notes else []), f"`{report.command}`{took}", ""]


def _table(table: Table) -> Iterator[str]:
    best = [set(leaders(table, at)) for at in range(len(table.columns))]
    rows = []
    for name, cells in table.rows.items():
        said = [shown(column, cell) for column, cell in zip(table.columns, cells, strict=True)]
        written = [f"**{each}**" if name in best[at] else each for at, each in enumerate(said)]
        rows.append((f"*{name}*" if name in table.floors else name, *written))
    yield from _rows((table.of, *(column.name for column in table.columns)), rows)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row(header)
    yield "| --- |" + " ---: |" * (len(header) - 1) if header[0] else "| --- " * len(header) + "|"
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
