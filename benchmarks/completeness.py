"""How many rows of long lists are found, and whether what is missing is reported.

    python benchmarks/completeness.py [--rows 100 800 1200 3200] [--layouts pipe aligned csv bullets] [--fast]
        [--embedded 10] [--into FOLDER]

Made-up tables in several layouts (with header rows, sums, page ends, rows that are there twice) go through a loopback
endpoint that answers as models do with long lists: it stops early, skips a block in the middle, drops every tenth
row, or gives the first twenty and no more. It does the same again to every request for a part of the document.

For each contender: the share of the rows found in the end; how many are missing, how many of these no report speaks of
("silent"), and how many rows a report has too many ("false"); requests and seconds. Other libraries take part with
tables of up to 800 rows. For this library with `recall="high"` the same by the number of rows. Ends with exit code 1
where it gives fewer than 99 of 100 rows of a list, says nothing of one that is missing, or reports a complete list.
`--fast` leaves out the other libraries. `--embedded` adds the embedded model with a table of so many rows.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from contenders import CONTENDERS, Task, installed, versions
from long_lists import COUNTED, LAYOUTS, MANNERS, Layout, Line, Order, document, read, rows_of
from loopback import command, isolated, machine, orders
from results import Cell, Column, Report, Table, options, publish
from rows import Row, extractions, reply, spans

from extractor import Extractor
from extractor.evidence.completeness import ListReport
from extractor.testing import FakeEndpoint, Recorded

HIGH, NORMAL = 'extractor, recall="high"', "extractor"
OURS = (HIGH, NORMAL)
PEERS = ("OpenAI SDK", "instructor", "pydantic-ai", "LangChain", "trustcall")
PASSES = 3
SPANS = {"langextract": {}, f"langextract, {PASSES} passes": {"extraction_passes": PASSES}}
ENOUGH = 0.99
MOST_ROWS_OF_OTHERS = 800


# ------------------------------------------------------------------------------------------------- endpoint


class Endpoint:
    """Answers with the rows of the document that it is shown, in its manner; with `by_spans` as langextract asks."""

    def __init__(self, layout: Layout, manner: str, seed: int, *, by_spans: bool = False) -> None:
        self._layout = layout
        self._manner = MANNERS[manner]
        self._rnd = random.Random(seed)
        self._by_spans = by_spans
        self.firsts: list[int] = []

    def __call__(self, request: Recorded) -> Any:
        """The reply to a request: an order, or where only its lines are asked for, these."""
        text = request.body["messages"][-1]["content"]
        rows = self.rows(text if isinstance(text, str) else "".join(part.get("text", "") for part in text))
        if self._by_spans:
            return extractions(rows, lambda row: self._layout.row(Line(**row)))
        wanted = "".join(str(request.body.get(name, "")) for name in ("response_format", "tools", "messages"))
        return reply(request, {"number": "2024-0077", "lines": rows} if "number" in wanted else {"lines": rows})

    def rows(self, text: str) -> list[Row]:
        """What it says of a text."""
        rows = self._manner(read(text, self._layout), self._rnd)
        self.firsts.append(len(rows))
        return rows


# ------------------------------------------------------------------------------------------------- contenders


@dataclass(frozen=True)
class Came:
    """What came of a run; `report` is None where nobody says whether a list is complete."""

    lines: list[Row]
    report: ListReport | None = None


Ask: TypeAlias = "Callable[[str, str, Layout], Came]"
"""Document, address, layout → what comes of it."""


def _ours(recall: Literal["normal", "high"]) -> Ask:
    def ask(text: str, base_url: str, layout: Layout) -> Came:
        with Extractor("m", base_url=base_url, api_key="none", max_retries=0) as extractor:
            result = extractor.run(Order, text, recall=recall)
        return Came(result.data["lines"], next(each for each in result.lists if each.pointer == "/lines"))

    return ask


def _peer(name: str) -> Ask:
    def ask(text: str, base_url: str, layout: Layout) -> Came:
        make = CONTENDERS[name].sync
        assert make is not None
        return Came(make(Task(model=Order, document=text, base_url=base_url))().model_dump()["lines"])

    return ask


def _spans(settings: Mapping[str, Any]) -> Ask:
    example = {"sku": "X-1", "description": "old chair", "quantity": 2, "price": 3.0}

    def ask(text: str, base_url: str, layout: Layout) -> Came:
        found = spans(base_url, text, example, lambda row: layout.row(Line(**row)), **settings)
        return Came([Line.model_validate(each).model_dump() for each in found])

    return ask


def contenders(*, others: bool) -> dict[str, Ask]:
    """Those that are there."""
    found = {HIGH: _ours("high"), NORMAL: _ours("normal")}
    if others:
        found |= {each.name: _peer(each.name) for each in installed(*PEERS)}
        found |= {name: _spans(settings) for name, settings in SPANS.items() if installed("langextract")}
    return found


# --------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class Outcome:
    """One table through one contender. `before` is the share of the rows in the endpoint's first answer."""

    contender: str
    count: int
    layout: str
    manner: str
    before: float
    after: float
    requests: int
    seconds: float
    missing: int
    silent: int
    false: int
    orderly: bool


def measured(contender: str, ask: Ask, count: int, name: str, manner: str) -> Outcome:
    """One table through one endpoint."""
    rows = rows_of(count, random.Random(count))
    layout = LAYOUTS[name]
    text = document(rows, layout, counted=count == COUNTED)
    endpoint = Endpoint(layout, manner, count, by_spans=contender in SPANS)
    with FakeEndpoint(endpoint, repeat=True) as fake:
        started = time.perf_counter()
        came = ask(text, fake.base_url, layout)
        seconds = time.perf_counter() - started
        requests = len(fake.requests)
    wanted = [tuple(row.model_dump().values()) for row in rows]
    found = [tuple(line.values()) for line in came.lines]
    lost = Counter(wanted) - Counter(found)
    missing = lost.total()
    too_many = max(0, len(found) - len(wanted))
    lacking = 0 if came.report is None else came.report.lacking
    return Outcome(
        contender=contender,
        count=count,
        layout=name,
        manner=manner,
        before=min(endpoint.firsts[0], count) / count,
        after=1 - missing / count,
        requests=requests,
        seconds=seconds,
        missing=missing,
        silent=min(_unseen(text, came.report, lost, layout), max(0, missing - lacking)),
        false=max(0, lacking - missing) + too_many,
        orderly=_in_order(found, wanted),
    )


def _unseen(text: str, report: ListReport | None, lost: Counter[tuple[Any, ...]], layout: Layout) -> int:
    """How many lost rows stand at no place that the report names."""
    places = [] if report is None else [at for gap in report.gaps for at in gap.at]
    reported = {text[at:].split("\n", 1)[0] for at in places}
    lines = (Line(**dict(zip(Line.model_fields, each, strict=True))) for each in lost.elements())
    return sum(layout.row(line) not in reported for line in lines)


def _in_order(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    ahead = iter(wanted)
    return all(any(each == other for other in ahead) for each in found)


def outcomes(made: Mapping[str, Ask], counts: Sequence[int], layouts: Sequence[str]) -> Iterator[Outcome]:
    """All that is measured; the contenders take turns at each table."""
    cases = [(count, layout, manner) for count in counts for layout in layouts for manner in MANNERS]
    for case, order in zip(cases, orders(made, len(cases)), strict=True):
        for name in order:
            if name in OURS or case[0] <= MOST_ROWS_OF_OTHERS:
                yield measured(name, made[name], *case)


def broken(found: Iterable[Outcome]) -> list[str]:
    """What must not be."""
    return [
        f"{each.count} {each.layout} {each.manner}: {each.after:.3f} found, {each.silent} unsaid, {each.false} false"
        for each in found
        if each.contender == HIGH
        and (each.after < ENOUGH or each.silent or (each.manner == "all" and each.false) or not each.orderly)
    ]


# --------------------------------------------------------------------------------------------------- tables


def _by_contender(made: Iterable[str], found: Sequence[Outcome]) -> tuple[Table, Table]:
    shares: dict[str, list[Cell]] = {}
    known: dict[str, list[Cell]] = {}
    for name in made:
        own = [each for each in found if each.contender == name]
        if not own:  # its tables were all too long for it
            continue
        shares[name] = [_share([each for each in own if each.manner == manner]) for manner in MANNERS]
        shares[name].append(min(each.after for each in own) * 100)
        known[name] = [
            sum(each.missing for each in own),
            sum(each.silent for each in own),
            sum(each.false for each in own),
            statistics.mean(each.requests for each in own),
            statistics.mean(each.seconds for each in own),
        ]
    first = tuple(Column(name=manner, form=",.1f", better="more") for manner in (*MANNERS, "worst list"))
    tables = len({(each.count, each.layout) for each in found})
    second = (
        Column(name="rows missing", form=",.0f", better="less"),
        Column(name="unreported", form=",.0f", better="less"),
        Column(name="reported or given, not there", form=",.0f", better="less"),
        Column(name="requests", form=",.1f"),
        Column(name="seconds", form=",.2f"),
    )
    return (
        Table(
            title=f"% of the rows of {tables} tables, by how the endpoint answers",
            columns=first,
            rows=shares,
            ours=OURS,
        ),
        Table(
            title="What is known of the missing rows, and the cost of a table", columns=second, rows=known, ours=OURS
        ),
    )


def _share(found: Sequence[Outcome]) -> float:
    return 100 - 100 * sum(each.missing for each in found) / sum(each.count for each in found)


def _by_size(found: Sequence[Outcome]) -> Table:
    groups: dict[str, list[Outcome]] = {}
    for each in found:
        if each.contender == HIGH:
            groups.setdefault(f"{each.count:,}, {each.manner}", []).append(each)
    rows: dict[str, list[Cell]] = {
        name: [
            statistics.mean(each.before for each in own) * 100,
            min(each.after for each in own) * 100,
            statistics.median(each.requests for each in own),
            statistics.median(each.seconds for each in own),
            sum(each.missing for each in own),
            sum(each.silent for each in own),
            sum(each.false for each in own),
            "yes" if all(each.orderly for each in own) else "NO",
        ]
        for name, own in groups.items()
    }
    columns = (
        Column(name="% in the first answer", form=",.1f"),
        Column(name="% in the end, at worst", form=",.2f"),
        Column(name="requests", form=",.0f"),
        Column(name="seconds"),
        *(Column(name=name, form=",.0f") for name in ("missing", "silent", "false")),
        Column(name="in order"),
    )
    title = f"{HIGH}, by rows and answers"
    return Table(title=title, columns=columns, rows=rows, ours=(), of="rows, answers", bars="")


def embedded(count: int, layouts: Sequence[str]) -> Table:
    """A small table with the embedded model."""
    wanted = rows_of(count, random.Random(count))
    lines: dict[str, list[Cell]] = {}
    for name in layouts:
        text = document(wanted, LAYOUTS[name], counted=False)
        for recall in ("normal", "high"):
            with Extractor("local/smollm2-135m", recall=recall, max_tokens=2_000) as extractor:
                started = time.perf_counter()
                result = extractor.run(Order, text)
                seconds = time.perf_counter() - started
            found = (result.data or {}).get("lines") or []
            right = Counter(tuple(row.model_dump().values()) for row in wanted) & Counter(
                tuple(line.values()) for line in found if isinstance(line, dict)
            )
            said = "; ".join(f"{each.status}, {each.returned} of {each.expected}" for each in result.lists)
            lines[f"{name}, {recall}"] = [right.total(), seconds, said]
    columns = (Column(name="rows right", form=",.0f"), Column(name="seconds", form=",.1f"), Column(name="reported"))
    title = f"The embedded model, tables of {count} rows"
    return Table(title=title, columns=columns, rows=lines, ours=(), of="layout, recall", bars="")


NOTES = (
    "The endpoint reads every row of what it is shown, and then leaves some out, always in the same way. Others ask "
    "once, so that they have what the first answer has, and say nothing about the rest.",
    "langextract cuts the document into pieces of 1,000 characters and asks for each; the reply has the rows that "
    "stand there whole. Another pass over the same pieces gives the same where the endpoint answers alike.",
    "Seconds are with an endpoint in the same process that thinks no time: they are not what a real one would take.",
)


def main() -> None:
    """Measure, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[100, COUNTED, 1_200, 3_200])
    parser.add_argument("--layouts", nargs="+", default=[*LAYOUTS], choices=[*LAYOUTS])
    parser.add_argument("--fast", action="store_true", help="without other libraries")
    parser.add_argument("--embedded", type=int, metavar="ROWS", help="the embedded model, with so many rows")
    options(parser)
    arguments = parser.parse_args()
    isolated()
    began = time.perf_counter()
    made = contenders(others=not arguments.fast)
    found = list(outcomes(made, arguments.rows, arguments.layouts))
    compared = [each for each in found if arguments.fast or each.count <= MOST_ROWS_OF_OTHERS] or found
    tables = [*_by_contender(made, compared), _by_size(found)]
    if arguments.embedded:
        tables.append(embedded(arguments.embedded, arguments.layouts))
    report = Report(
        name="completeness",
        question="Are all rows of a long list found, and is it said what is missing?",
        command=command(),
        environment=machine(),
        versions=versions(installed(NORMAL, *(() if arguments.fast else (*PEERS, "langextract")))),
        tables=tuple(tables),
        notes=NOTES,
        seconds=time.perf_counter() - began,
        data={"outcomes": [asdict(each) for each in found]},
    )
    publish(report, arguments)
    if wrong := broken(found):
        sys.stdout.flush()
        sys.exit("Not as it must be:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
