"""Documents that are longer than a request: are all records found, how soon, and does it grow with the length only?

    python benchmarks/long_documents.py [--pages 200] [--tokens 3000] [--sizes 1 10]

First the parts without an endpoint: how long cutting a document of so many megabytes takes, and merging what its chunks
say. Then a document of so many pages (headings, a table on each, records numbered through) goes through
`Extractor.run` against a loopback endpoint that gives what stands in the request: as it is, with one chunk that is
answered late, and with one that fails. Prints the records found, requests, seconds.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from extractor import Chunking, Extractor
from extractor.documents.chunk import Chunk, chunks
from extractor.documents.merging import Part, merge
from extractor.evidence.field import Field, Span
from extractor.testing import FakeEndpoint, Recorded, Reply

T = TypeVar("T")

ROW = re.compile(r"^\| (R-\d{6}) \| ([A-Za-z ]+) \| (\d+) \| (\d+\.\d\d) \|$", re.M)
NAMES = ("Steel bolt", "Paper", "Desk lamp", "Coffee beans", "Web hosting")
ROWS = 16  # on a page
SLOW = 2.0  # seconds


class Record(BaseModel):
    """One row."""

    number: str
    name: str
    quantity: int
    price: float


class Report(BaseModel):
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


def timed(call: Callable[[], T], runs: int = 2) -> tuple[T, float]:
    """What it gives, and its seconds of processor time at best."""
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        result = call()
        best = min(best, time.process_time() - started)
    return result, best


def pure(megabytes: int, tokens: int) -> None:
    """Cutting and merging, without an endpoint."""
    pages = megabytes * 1_000_000 // len(page(1_000))
    text = document(pages)
    cut, cutting = timed(lambda: chunks(text, tokens=tokens))
    parts = [part_of(each, text) for each in cut]
    made, merging = timed(lambda: merge(Report.model_json_schema(), parts), runs=1)
    records = made.data["records"]
    right = [each["number"] for each in records] == [f"R-{number:06}" for number in range(pages * ROWS)]
    print(
        f"{megabytes:>3} MB: {len(cut):>5} chunks, cut in {cutting:6.2f} s; {len(records):>6} records merged in "
        f"{merging:6.2f} s, {'each once, in order' if right else 'WRONG'}; {len(made.conflicts)} conflicts"
    )


class Reader:
    """Answers with the records that stand in a request; one request late or not at all."""

    def __init__(self, *, late: bool = False, fails: bool = False) -> None:
        self._late, self._fails = late, fails
        self._lock = threading.Lock()
        self._answered: list[float] = []

    def __call__(self, request: Recorded) -> Reply:
        """The reply."""
        said = "\n".join(str(message["content"]) for message in request.body["messages"])
        rows = [record for record, _ in found(said)]
        chosen = any(record["number"] == "R-000500" for record in rows)
        with self._lock:
            self._answered.append(time.monotonic())
        if chosen and self._fails:
            return Reply(status=500, raw='{"error": {"message": "out of order"}}')
        return Reply(content={"title": None, "records": rows}, delay=SLOW if chosen and self._late else 0.02)


def whole(kind: str, pages: int, tokens: int, **reader: bool) -> None:
    """A document through `Extractor.run`."""
    text = document(pages)
    with (
        FakeEndpoint(Reader(**reader), repeat=True) as fake,
        Extractor(
            base_url=fake.base_url, model="fake", api_key="none", transport_retries=0, max_retries=0
        ) as extractor,
    ):
        started = time.monotonic()
        result = extractor.run(Report, text, chunking=Chunking(tokens=tokens))
        seconds = time.monotonic() - started
    numbers = [each["number"] for each in result.data["records"]]
    wanted = [f"R-{number:06}" for number in range(pages * ROWS)]
    failed = [each for each in result.chunks if each.error is not None]
    missing = len(set(wanted) - set(numbers))
    print(
        f"{kind:<18} {len(numbers):>5} of {len(wanted)} records, {missing} missing, "
        f"{len(numbers) - len(set(numbers))} twice, in order: {numbers == sorted(numbers)}; "
        f"{len(result.chunks)} chunks, {len(failed)} failed; {len(fake.requests)} requests, {seconds:.2f} s"
    )
    for each in failed:
        print(f"{'':<18} characters {each.start:,} to {each.end:,}: {type(each.error).__name__}")


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=3_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 10], help="megabytes")
    asked = parser.parse_args()
    for megabytes in asked.sizes:
        pure(megabytes, asked.tokens)
    whole("as it is", asked.pages, asked.tokens)
    whole("one chunk late", asked.pages, asked.tokens, late=True)
    whole("one chunk fails", asked.pages, asked.tokens, fails=True)


if __name__ == "__main__":
    main()
