"""How many rows of long lists are found, and whether what is missing is reported.

    python benchmarks/completeness.py [--rows 100 800 1200 3200] [--layouts pipe aligned csv bullets] [--embedded 10]

Made-up tables in several layouts (with header rows, sums, page ends, rows that are there twice) go through a loopback
endpoint that answers as models do with long lists: it stops early, skips a block in the middle, drops every tenth
row, or gives the first twenty and no more. It does the same again to every request for a part of the document.

For each: the share of the rows found by the first answer and in the end, requests, seconds, how many rows are still
missing, how many of these no report speaks of ("silent"), and how many rows a report has too many ("false"), in the
end and for a list that is complete. `--embedded` adds the embedded model with a table of so many rows.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from extractor import Extractor
from extractor.evidence.completeness import ListReport
from extractor.testing import FakeEndpoint, Recorded


class Line(BaseModel):
    """One row."""

    sku: str
    description: str
    quantity: int
    price: float


class Order(BaseModel):
    """What is asked for."""

    number: str
    lines: list[Line]


# ------------------------------------------------------------------------------------------------- documents

KINDS = "lamp|chair|desk|shelf|stool|table 3000|USB cable 2 m|paint, white|total station|screws M4"
COLOURS = "blue red green black oak".split()
PAGE = 44


def rows_of(count: int, rnd: random.Random) -> list[Line]:
    """Rows of an order; some are there twice."""
    rows: list[Line] = []
    for index in range(count):
        if rows and rnd.random() < 0.02:
            rows.append(rows[-1])
            continue
        name = f"{rnd.choice(COLOURS)} {rnd.choice(KINDS.split('|'))}"
        price = rnd.randrange(100, 99_900) / 100
        rows.append(Line(sku=f"A-{1000 + index}", description=name, quantity=rnd.randint(1, 30), price=price))
    return rows


@dataclass(frozen=True)
class Layout:
    """How a table is written: its header, a row, a sum, and how a row is read back."""

    head: tuple[str, ...]
    row: Callable[[Line], str]
    total: Callable[[str, str], str]
    read: re.Pattern[str]


LAYOUTS: Mapping[str, Layout] = {
    "pipe": Layout(
        ("| SKU | Description | Qty | Price |", "|-----|-------------|----:|------:|"),
        lambda row: f"| {row.sku} | {row.description} | {row.quantity} | {row.price:,.2f} |",
        lambda word, total: f"| {word} | | | {total} |",
        re.compile(
            r"^\| (?P<sku>A-\d+) \| (?P<description>[^|]+) \| (?P<quantity>\d+) \| (?P<price>[\d,.]+) \|$", re.M
        ),
    ),
    "aligned": Layout(
        (f"{'SKU':10}{'Description':26}{'Qty':>5}{'Price':>12}", "-" * 53),
        lambda row: f"{row.sku:10}{row.description:26}{row.quantity:>5}{row.price:>12,.2f}",
        lambda word, total: f"{'':10}{word:31}{total:>12}",
        re.compile(r"^(?P<sku>A-\d+) +(?P<description>.{26}) *(?P<quantity>\d+) +(?P<price>[\d,.]+)$", re.M),
    ),
    "csv": Layout(
        ("sku,description,quantity,price",),
        lambda row: f'{row.sku},"{row.description}",{row.quantity},{row.price:.2f}',
        lambda word, total: f"{word},,,{total.replace(',', '')}",
        re.compile(r'^(?P<sku>A-\d+),"(?P<description>[^"]+)",(?P<quantity>\d+),(?P<price>[\d.]+)$', re.M),
    ),
    "bullets": Layout(
        ("What was ordered:", ""),
        lambda row: f"- {row.sku} {row.description}: {row.quantity} pcs at {row.price:,.2f}",
        lambda word, total: f"{word} {total}",
        re.compile(r"^- (?P<sku>A-\d+) (?P<description>.+): (?P<quantity>\d+) pcs at (?P<price>[\d,.]+)$", re.M),
    ),
}


def document(rows: Sequence[Line], layout: Layout, *, counted: bool) -> str:
    """An order with pages and sums."""
    lines = ["ACME Ltd, 12 Main Street, Springfield", "Order No. 2024-0077 of 3 March 2024", ""]
    if counted:
        lines += [f"Number of lines: {len(rows)}", ""]
    lines += layout.head
    for number, row in enumerate(rows, 1):
        lines.append(layout.row(row))
        if number % 30 == 0:
            lines.append(layout.total("Subtotal", f"{sum(each.price for each in rows[number - 30 : number]):,.2f}"))
        if number % PAGE == 0 and number < len(rows):
            page = number // PAGE
            lines += [
                "",
                f"Page {page} of {len(rows) // PAGE + 1}",
                "\fACME Ltd   Order No. 2024-0077",
                "",
                *layout.head,
            ]
    lines += [layout.total("Total", f"{sum(row.price for row in rows):,.2f}"), "", "Payable within 30 days.", ""]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------- endpoint

MANNERS: Mapping[str, Callable[[list[Any], random.Random], list[Any]]] = {
    "all": lambda rows, rnd: rows,
    "stops early": lambda rows, rnd: rows[: max(1, int(len(rows) * 0.6))],
    "skips a block": lambda rows, rnd: rows[: int(len(rows) * 0.4)] + rows[int(len(rows) * 0.6) :],
    "drops a tenth": lambda rows, rnd: [row for row in rows if rnd.random() > 0.1],
    "first twenty": lambda rows, rnd: rows[:20],
}
"""What of the rows that it is shown an endpoint answers with."""


def read(text: str, layout: Layout) -> list[dict[str, Any]]:
    """The rows in a text."""
    return [
        {
            "sku": match["sku"],
            "description": match["description"].strip(),
            "quantity": int(match["quantity"]),
            "price": float(match["price"].replace(",", "")),
        }
        for match in layout.read.finditer(text)
    ]


class Endpoint:
    """Answers with the rows of the document that it is shown, in its manner."""

    def __init__(self, layout: Layout, manner: str, seed: int) -> None:
        self._layout = layout
        self._manner = MANNERS[manner]
        self._rnd = random.Random(seed)
        self.firsts: list[int] = []

    def __call__(self, request: Recorded) -> Any:
        """The reply to a request: an order, or where only its lines are asked for, these."""
        text = request.body["messages"][-1]["content"]
        rows = self.rows(text if isinstance(text, str) else "".join(part.get("text", "") for part in text))
        wanted = str(request.body.get("response_format", "")) + str(request.body["messages"][0])
        return {"number": "2024-0077", "lines": rows} if "number" in wanted else {"lines": rows}

    def rows(self, text: str) -> list[dict[str, Any]]:
        """What it says of a text."""
        rows = self._manner(read(text, self._layout), self._rnd)
        self.firsts.append(len(rows))
        return rows


# ------------------------------------------------------------------------------------------------------- run


@dataclass(frozen=True)
class Came:
    """What came of a run."""

    lines: list[dict[str, Any]]
    report: ListReport
    requests: int
    seconds: float


def run(text: str, endpoint: Endpoint) -> Came:
    """What comes of one document."""
    with FakeEndpoint(endpoint, repeat=True) as fake:
        with Extractor("m", base_url=fake.base_url, max_retries=0) as extractor:
            started = time.perf_counter()
            result = extractor.run(Order, text, recall="high")
            report = next(each for each in result.lists if each.pointer == "/lines")
            seconds = time.perf_counter() - started
        return Came(result.data["lines"], report, len(fake.requests), seconds)


# --------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class Row:
    """One line of the table."""

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


def measured(count: int, name: str, manner: str, *, counted: bool) -> Row:
    """One table through one endpoint."""
    rows = rows_of(count, random.Random(count))
    layout = LAYOUTS[name]
    text = document(rows, layout, counted=counted)
    endpoint = Endpoint(layout, manner, count)
    came = run(text, endpoint)
    wanted = [tuple(row.model_dump().values()) for row in rows]
    found = [tuple(line.values()) for line in came.lines]
    missing = sum((Counter(wanted) - Counter(found)).values())
    reported = {text[at:].split("\n", 1)[0] for gap in came.report.gaps for at in gap.at}
    lost = (Counter(wanted) - Counter(found)).elements()
    unseen = sum(layout.row(Line(**dict(zip(Line.model_fields, each, strict=True)))) not in reported for each in lost)
    return Row(
        count=count,
        layout=name,
        manner=manner,
        before=min(endpoint.firsts[0], count) / count,
        after=1 - missing / count,
        requests=came.requests,
        seconds=came.seconds,
        missing=missing,
        silent=min(unseen, max(0, missing - came.report.lacking)),
        false=max(0, came.report.lacking - missing) + max(0, len(found) - len(wanted)),
        orderly=_in_order(found, wanted),
    )


def _in_order(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    ahead = iter(wanted)
    return all(any(each == other for other in ahead) for each in found)


def table(counts: Sequence[int], layouts: Sequence[str]) -> Iterator[Row]:
    """All that is measured."""
    for count in counts:
        for name in layouts:
            for manner in MANNERS:
                yield measured(count, name, manner, counted=count == 1200)


def embedded(count: int, layouts: Sequence[str]) -> None:
    """A small table with the embedded model."""
    rows = rows_of(count, random.Random(count))
    for name in layouts:
        text = document(rows, LAYOUTS[name], counted=False)
        for recall in ("normal", "high"):
            with Extractor("local/smollm2-135m", recall=recall, max_tokens=2_000) as extractor:
                started = time.perf_counter()
                result = extractor.run(Order, text)
                lines = (result.data or {}).get("lines") or []
                found = Counter(tuple(line.values()) for line in lines if isinstance(line, dict))
                wanted = Counter(tuple(row.model_dump().values()) for row in rows)
                right = sum((wanted & found).values())
                reports = [(each.status, each.returned, each.expected) for each in result.lists]
                seconds = time.perf_counter() - started
                print(f"embedded {name:8} {recall:7} {right:4} of {count} rows right, {seconds:5.1f} s, {reports}")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[100, 800, 1_200, 3_200])
    parser.add_argument("--layouts", nargs="+", default=[*LAYOUTS], choices=[*LAYOUTS])
    parser.add_argument("--embedded", type=int, metavar="ROWS", help="the embedded model, with so many rows")
    arguments = parser.parse_args()
    print(" rows layout   answers        before   after requests seconds missing silent false in order")
    worst = 1.0
    for row in table(arguments.rows, arguments.layouts):
        worst = min(worst, row.after)
        print(
            f"{row.count:5} {row.layout:8} {row.manner:14} {row.before:6.3f} {row.after:7.4f} {row.requests:8} "
            f"{row.seconds:7.1f} {row.missing:7} {row.silent:6} {row.false:5} {'yes' if row.orderly else 'NO'}",
            flush=True,
        )
    print(f"worst share found in the end: {worst:.4f}")
    if arguments.embedded:
        embedded(arguments.embedded, arguments.layouts)


if __name__ == "__main__":
    main()
