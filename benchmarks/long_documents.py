"""Documents that are longer than a request: are all records found, how soon, and does it grow with the length only?

    python benchmarks/long_documents.py [--pages 200] [--tokens 3000] [--sizes 1 10] [--fast] [--into FOLDER]

A document of so many pages (headings, a table on each, records numbered through) goes through `Extractor.run` against
a loopback endpoint that gives what stands whole in the request, after 20 ms: as it is, with one piece that is answered
late, and with one that fails. langextract, where it is installed, cuts the same document in its own way; the floor cuts
it every so many characters and asks with `httpx`, 16 at a time. Then the parts without an endpoint: the CPU time of
cutting documents of so many megabytes, and of merging what the pieces say.

Ends with exit code 1 where a record is lost of a document that is answered, is there twice, or stands at another place.
`--fast` leaves out the others.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias, TypeVar

from contenders import CONTENDERS, KEY, MODEL, Task, installed, versions
from loopback import command, isolated, machine, orders
from pydantic import BaseModel
from results import Cell, Column, Report, Table, options, publish
from rows import Row, extractions, reply, spans

from extractor import Chunking, Extractor
from extractor.documents.chunk import Chunk, chunks
from extractor.documents.merging import Part, merge
from extractor.evidence.field import Field, Span
from extractor.testing import FakeEndpoint, Recorded, Reply

T = TypeVar("T")

ROW = re.compile(r"^\| (R-\d{6}) \| ([A-Za-z ]+) \| (\d+) \| (\d+\.\d\d) \|$", re.M)
NAMES = ("Steel bolt", "Paper", "Desk lamp", "Coffee beans", "Web hosting")
ROWS = 16  # on a page
SLOW, THINKS = 2.0, 0.02  # seconds
OURS, FLOOR = "extractor", "httpx by hand"
AT_ONCE = 16  # by hand
CHARACTERS = 7_000  # of a piece: about what 3,000 tokens are here


class Record(BaseModel):
    """One row."""

    number: str
    name: str
    quantity: int
    price: float


class Deliveries(BaseModel):
    """The document."""

    title: str | None = None
    records: list[Record]


def document(pages: int) -> str:
    """A report in Markdown, each page after a form feed."""
    return "\f".join(page(number) for number in range(pages))


def page(number: int) -> str:
    """One page of it."""
    head = "# Deliveries of the year\n\n" if number == 0 else ""
    first = number * ROWS
    rows = "".join(
        f"| R-{each:06} | {NAMES[each % len(NAMES)]} | {1 + each % 9} | {each % 500}.{each % 100:02} |\n"
        for each in range(first, first + ROWS)
    )
    prose = "The goods of this page were counted twice. Whatever was broken has been sent back to the maker. " * 6
    return f"{head}## Page {number + 1}\n\n{prose}\n\n| Number | Name | Quantity | Price |\n|---|---|---|---|\n{rows}\n"


def found(text: str) -> Iterator[tuple[dict[str, Any], list[tuple[int, int]]]]:
    """The records in a text, with the places of their values."""
    for match in ROW.finditer(text):
        values = [match[1], match[2], int(match[3]), float(match[4])]
        yield dict(zip(Record.model_fields, values, strict=True)), [match.span(each) for each in range(1, 5)]


def part_of(chunk: Chunk, text: str) -> Part:
    """What a faultless model says of a chunk."""
    rows, fields = [], {}
    for number, (record, places) in enumerate(found(text[chunk.start : chunk.end])):
        rows.append(record)
        for key, (start, end) in zip(record, places, strict=True):
            span = Span(start=chunk.start + start, end=chunk.start + end)
            fields[f"/records/{number}/{key}"] = Field(status="exact", spans=(span,))
    return Part(number=chunk.number, data={"records": rows}, fields=fields, start=chunk.start, end=chunk.end)


def row(record: Row) -> str:
    """A record as it stands in the document."""
    return f"| {record['number']} | {record['name']} | {record['quantity']} | {record['price']:.2f} |"


# -------------------------------------------------------------------------------------------- the endpoint


class Reader:
    """Answers with the records that stand in a request; one request late or not at all."""

    def __init__(self, *, late: bool = False, fails: bool = False, by_spans: bool = False) -> None:
        self._late, self._fails, self._by_spans = late, fails, by_spans
        self._lock = threading.Lock()
        self.most = 0
        """The characters of the longest request."""

    def __call__(self, request: Recorded) -> Reply:
        """The reply."""
        said = "\n".join(str(message["content"]) for message in request.body["messages"])
        rows = [record for record, _ in found(said)]
        chosen = any(record["number"] == CHOSEN for record in rows)
        with self._lock:
            self.most = max(self.most, len(said))
        if chosen and self._fails:
            return Reply(status=500, raw='{"error": {"message": "out of order"}}')
        delay = SLOW if chosen and self._late else THINKS
        if self._by_spans:
            return Reply(content=extractions(rows, row), delay=delay)
        return reply(request, {"title": None, "records": rows}, delay)


# ----------------------------------------------------------------------------------------------- contenders

Ask: TypeAlias = "Callable[[str, str], tuple[list[str], str]]"
"""Document, address → the numbers of the records that are given, and what is said of what failed."""


def _ours(tokens: int) -> Ask:
    def ask(text: str, base_url: str) -> tuple[list[str], str]:
        with Extractor(MODEL, base_url=base_url, api_key=KEY, transport_retries=0, max_retries=0) as extractor:
            result = extractor.run(Deliveries, text, chunking=Chunking(tokens=tokens))
        failed = [each for each in result.chunks if each.error is not None]
        said = [f"{type(each.error).__name__} for characters {each.start:,} to {each.end:,}" for each in failed]
        return [each["number"] for each in result.data["records"]], "; ".join(said)

    return ask


def _by_hand(text: str, base_url: str) -> tuple[list[str], str]:
    make = CONTENDERS[FLOOR].sync
    assert make is not None
    call = make(Task(model=Deliveries, document="", base_url=base_url, timeout=30.0))
    pieces = [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]

    def asked(piece: str) -> tuple[list[str], str]:
        try:
            return [each["number"] for each in call(piece).model_dump()["records"]], ""
        except Exception as error:  # noqa: BLE001  # of another library, or of its dependencies
            return [], type(error).__name__

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(asked, pieces))
    return [number for numbers, _ in answers for number in numbers], "; ".join(said for _, said in answers if said)


def _spans(characters: int) -> Ask:
    example = {"number": "R-1", "name": "Chair", "quantity": 2, "price": 3.0}

    def ask(text: str, base_url: str) -> tuple[list[str], str]:
        try:
            given = spans(base_url, text, example, row, max_char_buffer=characters)
        except Exception as error:  # noqa: BLE001  # of another library, or of its dependencies
            return [], f"raises {type(error).__name__}"
        return [each["number"] for each in given], ""

    return ask


def contenders(tokens: int, *, others: bool) -> dict[str, Ask]:
    """Those that are there."""
    known: dict[str, Ask] = {OURS: _ours(tokens)}
    if others:
        known = {FLOOR: _by_hand, **known}
        if installed("langextract"):
            known |= {name: _spans(characters) for name, characters in SPANS.items()}
    return known


SPANS = {"langextract": 1_000, f"langextract, {CHARACTERS:,} characters": CHARACTERS}
"""langextract as it comes, and with pieces as large as those of the others."""

# ------------------------------------------------------------------------------------------ whole documents

SITUATIONS: Mapping[str, Mapping[str, bool]] = {
    "as it is": {},
    "one piece answered 2 s late": {"late": True},
    "one piece fails": {"fails": True},
}
CHOSEN = "R-000100"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one document."""

    missing: int
    twice: int
    orderly: bool
    requests: int
    longest: int
    seconds: float
    said: str


def outcome(name: str, ask: Ask, pages: int, reader: Mapping[str, bool]) -> Outcome:
    """A document through one contender."""
    text, wanted = document(pages), [f"R-{number:06}" for number in range(pages * ROWS)]
    endpoint = Reader(**reader, by_spans=name in SPANS)
    with FakeEndpoint(endpoint, repeat=True) as fake:
        started = time.monotonic()
        numbers, said = ask(text, fake.base_url)
        seconds = time.monotonic() - started
        requests = len(fake.requests)
    return Outcome(
        missing=len(set(wanted) - set(numbers)),
        twice=len(numbers) - len(set(numbers)),
        orderly=numbers == sorted(numbers),
        requests=requests,
        longest=endpoint.most,
        seconds=seconds,
        said=said,
    )


def whole(situation: str, outcomes: Mapping[str, Outcome], pages: int) -> Table:
    """A document in one situation."""
    rows: dict[str, list[Cell]] = {
        name: [
            each.missing,
            each.twice,
            "yes" if each.orderly else "NO",
            each.requests,
            each.longest,
            each.seconds,
            each.said or None,
        ]
        for name, each in outcomes.items()
    }
    columns = (
        Column(name=f"records missing of {pages * ROWS:,}", form=",.0f", better="less"),
        Column(name="twice", form=",.0f", better="less"),
        Column(name="in order"),
        Column(name="requests", form=",.0f"),
        Column(name="characters of the longest", form=",.0f"),
        Column(name="seconds", better="less"),
        Column(name="what is said of the failure"),
    )
    title = f"A document of {pages} pages, {situation}"
    return Table(title=title, columns=columns, rows=rows, ours=(OURS,), floors=(FLOOR,))


def broken(situation: str, came: Outcome) -> list[str]:
    """What must not be: one piece that fails takes its own records with it, and is named."""
    wrong = [f"{situation}: records twice or out of order"] if came.twice or not came.orderly else []
    if situation == "one piece fails":
        lost = came.missing == 0 or not came.said
        return [*wrong, f"{situation}: it is not said"] if lost else wrong
    return [*wrong, f"{situation}: {came.missing} records lost"] if came.missing else wrong


# ---------------------------------------------------------------------------------------------- the parts


def timed(call: Callable[[], T], runs: int = 2) -> tuple[T, float]:
    """What it gives, and its seconds of processor time at best."""
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        result = call()
        best = min(best, time.process_time() - started)
    return result, best


def _cut_by_langextract(text: str) -> int:
    """The number of pieces of 1,000 characters."""
    chunking: Any = import_module("langextract.chunking")
    tokenizer: Any = import_module("langextract.core.tokenizer")
    return sum(1 for _ in chunking.ChunkIterator(text, 1_000, tokenizer_impl=tokenizer.RegexTokenizer()))


def pure(sizes: list[int], tokens: int, *, others: bool) -> tuple[tuple[Table, ...], list[str]]:
    """Cutting and merging, without an endpoint; and what is wrong."""
    others = others and bool(installed("langextract"))
    cuts: dict[str, list[Cell]] = {OURS: [], **({"langextract": []} if others else {})}
    merges: dict[str, list[Cell]] = {}
    wrong = []
    for megabytes in sizes:
        pages = megabytes * 1_000_000 // len(page(1_000))
        text = document(pages)
        cut, cutting = timed(partial(chunks, text, tokens=tokens))
        cuts[OURS].append(cutting)
        if others:
            cuts["langextract"].append(timed(partial(_cut_by_langextract, text), runs=1)[1])
        parts = [part_of(each, text) for each in cut]
        made, merging = timed(partial(merge, Deliveries.model_json_schema(), parts), runs=1)
        records = made.data["records"]
        right = [each["number"] for each in records] == [f"R-{number:06}" for number in range(pages * ROWS)]
        wrong += [] if right else [f"merging {megabytes} MB: not each record once and in order"]
        known: list[Cell] = [len(cut), len(records), len(made.conflicts), merging, merging / len(records) * 1e6]
        merges[f"{megabytes} MB"] = known
    costs = tuple(Column(name=f"{megabytes} MB: CPU s", better="less") for megabytes in sizes)
    columns = (
        *(Column(name=name, form=",.0f") for name in ("pieces", "records", "conflicts")),
        Column(name="CPU s"),
        Column(name="CPU µs for each record", form=",.1f"),
    )
    return (
        Table(title="Cutting a document", columns=costs, rows=cuts, ours=(OURS,)),
        Table(title="Merging the records of its pieces", columns=columns, rows=merges, ours=(), of="document", bars=""),
    ), wrong


NOTES = (
    "The endpoint thinks for 20 ms and gives the records whose line stands whole in a request. By hand the document is "
    f"cut every {CHARACTERS:,} characters, with {AT_ONCE} requests at once; langextract has 10 at once.",
    "langextract finds the place of every record as well, and so does extractor; by hand nobody does.",
    "Without the OpenAI SDK, instructor, pydantic-ai, LangChain's `ChatOpenAI` and trustcall: they send a document as "
    "it is, in one request, however long it is.",
    "A piece that fails is asked for once by extractor here; langextract's client asks three times.",
)


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=3_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 10], help="megabytes")
    parser.add_argument("--fast", action="store_true", help="without other libraries")
    options(parser)
    arguments = parser.parse_args()
    isolated()
    began = time.perf_counter()
    made = contenders(arguments.tokens, others=not arguments.fast)
    tables, wrong, data = [], [], {}
    for (situation, reader), order in zip(SITUATIONS.items(), orders(made, len(SITUATIONS)), strict=True):
        turns = {name: outcome(name, made[name], arguments.pages, reader) for name in order}
        came = {name: turns[name] for name in made}
        tables.append(whole(situation, came, arguments.pages))
        wrong += broken(situation, came[OURS])
        data[situation] = {name: asdict(each) for name, each in came.items()}
    if arguments.sizes:
        parts, unlike = pure(arguments.sizes, arguments.tokens, others=not arguments.fast)
        tables += parts
        wrong += unlike
    report = Report(
        name="long_documents",
        question="Are all records of a document found that is longer than a request?",
        command=command(),
        environment=machine(),
        versions=versions(installed(OURS, *(() if arguments.fast else ("langextract",)))),
        tables=tuple(tables),
        notes=NOTES,
        seconds=time.perf_counter() - began,
        data=data,
    )
    publish(report, arguments)
    if wrong:
        sys.stdout.flush()
        sys.exit(f"Not as it must be: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
