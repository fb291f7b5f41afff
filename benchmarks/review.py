"""How long a person waits at the review page: the queue of a large job, the next document, a check as they type.

    python benchmarks/review.py [--documents 10000] [--rounds 30] [--lines 8] [--chars 3000] [--no-browser]
                                [--into FOLDER]

A job of that many invoices is written to a file as a `map` would leave it (no model takes part): each has a text of
about `--chars` characters and a value with `--lines` lines, one value in ten is wrong. `extractor review` is started
on it as a person starts it, in a process of its own, and asked over HTTP; then Debian's Chromium opens the page, and
documents are accepted by keyboard, one after the other. While the first half of that goes on, the server is still
working out which documents are doubtful; how long that takes is told, and everything is timed again after it.

Where the server's packages, Playwright or Chromium are missing, that is said on stderr and nothing is measured; with
`--no-browser` the last two are not needed.

The floor is the smallest thing of that kind: one row of the file by its number, over SQLite, as JSON.

Gives the median, the 90th percentile and the worst of each, in milliseconds; and the server's memory.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from contenders import installed, versions
from loopback import command, isolated, machine
from pydantic import BaseModel
from results import Cell, Column, Report, Table, options, publish

from extractor.batch.store import Finished, Store
from extractor.schema.target import target_of

AT_ONCE = 64


class Party(BaseModel):
    """Who sells or buys."""

    name: str
    city: str | None = None


class Line(BaseModel):
    """One line of an invoice."""

    description: str
    quantity: int
    unit_price: float


class Invoice(BaseModel):
    """An invoice."""

    number: str
    issue_date: date
    seller: Party
    buyer: Party
    currency: str
    lines: list[Line]
    total: float


_NAMES = "Blue Lake,Acme Tools,Silva Textiles,Orion Supplies,Redwood Foods,Kappa Metals,North Press,Tall Pines".split(
    ","
)
_CITIES = "Utrecht,Porto,Graz,Hamburg,Cork,Riga,Brno,Lyon".split(",")
_GOODS = "Coffee beans,M8 bolt,Office chair,Desk lamp,Web hosting,Copper wire,Paper A4,Steel pipe".split(",")


def invoice(number: int, lines: int, characters: int) -> tuple[str, dict[str, Any]]:
    """The text of an invoice, and what was read from it: one value in ten is wrong."""
    chance = random.Random(number)
    day = date(2024, 1, 1) + timedelta(days=chance.randrange(700))
    rows: list[dict[str, Any]] = [
        {
            "description": f"{chance.choice(_GOODS)} {chance.randrange(100)}",
            "quantity": chance.randrange(1, 40),
            "unit_price": chance.randrange(100, 50_000) / 100,
        }
        for _ in range(lines)
    ]
    total = round(sum(row["quantity"] * row["unit_price"] for row in rows), 2)
    seller, buyer = ({"name": chance.choice(_NAMES), "city": chance.choice(_CITIES)} for _ in range(2))
    listed = "\n".join(f"{row['description']} | {row['quantity']} | {row['unit_price']:.2f}" for row in rows)
    text = (
        f"INVOICE R{number:06}\n{seller['name']}, {seller['city']}\nDate: {day:%d %B %Y}\nBill to: {buyer['name']}, "
        f"{buyer['city']}\n\nItem | Qty | Unit price\n{listed}\n\nTOTAL EUR {total:,.2f}\n\n"
    )
    words = " ".join(chance.choices("payment is due within thirty days of the date above unless agreed".split(), k=80))
    text += (words + "\n") * max((characters - len(text)) // len(words), 0)
    data = {
        "number": f"R{number:06}",
        "issue_date": day.isoformat(),
        "seller": seller,
        "buyer": buyer,
        "currency": "EUR",
        "lines": rows,
        "total": total,
    }
    for name in ("number", "issue_date", "currency", "total"):
        if chance.random() < 0.1:
            data[name] = {"number": "X-1", "issue_date": "1999-01-01", "currency": "GBP", "total": 1.23}[name]
    return text, data


def made(path: Path, documents: int, lines: int, characters: int) -> None:
    """The job."""
    target = target_of(Invoice)
    with contextlib.closing(Store(path)) as store:
        run = store.open_run(target=target.name, schema=target.schema, options={"model": "none"})
        with contextlib.closing(store.worker(run.number)) as worker:
            waiting: deque[Any] = deque()
            for number in range(documents):
                text, data = invoice(number, lines, characters)
                sha = sha256(text.encode()).hexdigest()
                begun = worker.begin(number=number, name=f"scans/{number:06}.txt", sha256=sha, text=text).result()
                waiting.append(worker.finish(begun, Finished(data=data, outcome="conforming", model="none")))
                while len(waiting) > AT_ONCE:
                    waiting.popleft().result()
            for each in waiting:
                each.result()


@dataclass
class Times:
    """What took how many seconds."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, what: str, do: Callable[[], Any]) -> Any:
        """Do it."""
        started = time.perf_counter()
        done = do()
        self.of.setdefault(what, []).append(time.perf_counter() - started)
        return done

    def tabled(self) -> Table:
        """A row for each."""
        rows: dict[str, list[Cell]] = {
            what: [len(all_), *(1000 * each for each in spread(all_))] for what, all_ in self.of.items()
        }
        floors = tuple(what for what in rows if what.startswith("floor"))
        return Table(
            title="Milliseconds of waiting", columns=_COLUMNS, rows=rows, ours=(), floors=floors, of="what", bars=""
        )


_COLUMNS = (
    Column(name="times", form=",.0f"),
    Column(name="median", form=",.1f"),
    Column(name="90 %", form=",.1f"),
    Column(name="worst", form=",.1f"),
)


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, the 90th percentile and the worst."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) * 9 // 10, len(ordered) - 1)], ordered[-1]


@contextlib.contextmanager
def reviewing(path: Path) -> Iterator[tuple[str, int]]:
    """The server as a person starts it: the URL that it prints, and its process."""
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "extractor", "review", str(path), "--no-browser", "--who", "bench"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            found = re.search(r"http://\S+token=\S+", line)
            if found:
                break
        else:
            raise SystemExit(f"The server did not start: {said}")
        threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
        try:
            yield found[0], process.pid
        finally:
            process.terminate()
            process.wait(timeout=60)


def over_http(url: str, rounds: int, times: Times, when: str) -> None:
    """What the page asks for, one after the other."""
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        root = str(httpx.URL(url).copy_with(query=None)).rstrip("/").rstrip("?")
        client.get(url).raise_for_status()
        origin = {"Origin": root}

        def asked(where: str) -> Any:
            return client.get(root + where).raise_for_status().json()

        def sent(where: str, body: Any) -> Any:
            return client.post(root + where, json=body, headers=origin).raise_for_status().json()

        for _ in range(rounds):
            times.timed(f"queue, first 50{when}", lambda: asked("/api/queue?limit=50"))
            times.timed(f"queue by name, a search{when}", lambda: asked("/api/queue?order=name&search=0042"))
        at = asked("/api/next")["id"]
        for _ in range(rounds):
            at = times.timed(f"next{when}", lambda: asked(f"/api/next?from={at}&step=1"))["id"]  # noqa: B023
            sheet = times.timed(f"its sheet{when}", lambda: asked(f"/api/documents/{at}"))  # noqa: B023
            body = {"data": {**sheet["data"], "total": 4.56}}
            times.timed(f"check while typing{when}", lambda: sent(f"/api/documents/{at}/check", body))  # noqa: B023


def scored(url: str, documents: int) -> float:
    """The seconds until all are scored."""
    started = time.perf_counter()
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        root = str(httpx.URL(url).copy_with(query=None)).rstrip("/").rstrip("?")
        client.get(url).raise_for_status()
        while client.get(root + "/api/job").json()["tally"]["scored"] < documents:
            time.sleep(0.5)
    return time.perf_counter() - started


# Told by the page itself, when the frame with the next document has been painted: asking again and again would be
# what is measured.
_UNTIL_ANOTHER = """() => {
  const name = document.getElementById("name");
  window.another = new Promise((done) => {
    const seen = new MutationObserver(() => {
      seen.disconnect();
      requestAnimationFrame(() => setTimeout(done));
    });
    seen.observe(name, { childList: true, characterData: true, subtree: true });
  });
}"""


def missing_for_page() -> str:
    """What is missing for the page to be seen; "" where nothing is."""
    for package in ("uvicorn", "starlette", "playwright"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    return "" if _chromium() else "there is no Chromium"


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def in_browser(url: str, rounds: int, times: Times) -> None:
    """The page as it is seen: until the first document stands there, and until the next does after Ctrl+Enter."""
    from playwright.sync_api import sync_playwright

    program = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()

        def first() -> None:
            page.goto(url)
            page.wait_for_selector("#text .mark")
            page.wait_for_selector("#form input")

        def following() -> None:
            page.evaluate(_UNTIL_ANOTHER)
            page.keyboard.press("Control+Enter")
            page.evaluate("window.another")

        times.timed("browser: page with its first document", first)
        for _ in range(rounds):
            times.timed("browser: accept, and the next is there", following)
        browser.close()


def floor(path: Path, rounds: int, times: Times) -> None:
    """One row by its number, as JSON."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for number in range(1, rounds + 1):

            def row(number: int = number) -> str:
                got = connection.execute("SELECT id, data FROM finish WHERE document = ?", (number,)).fetchone()
                return json.dumps([got[0], len(got[1])])

            times.timed("floor: a row by its number", row)


def memory(process: int) -> float:
    """The MB that a process has."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


def main() -> None:
    """Make the job, serve it, wait, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--lines", type=int, default=8)
    parser.add_argument("--chars", type=int, default=3_000)
    parser.add_argument("--no-browser", action="store_true")
    options(parser)
    given = parser.parse_args()
    missing = "" if given.no_browser else missing_for_page()
    if missing:
        return print(f"review: left out, {missing}.", file=sys.stderr)
    isolated()
    began = time.perf_counter()
    times = Times()
    with tempfile.TemporaryDirectory(prefix="extractor-review-") as folder:
        path = Path(folder) / "invoices.db"
        made(path, given.documents, given.lines, given.chars)
        started = time.perf_counter()
        with reviewing(path) as (url, process):
            up = time.perf_counter() - started
            over_http(url, given.rounds, times, ", while scoring")
            seconds = scored(url, given.documents)
            over_http(url, given.rounds, times, "")
            if not given.no_browser:
                in_browser(url, given.rounds, times)
            megabytes = memory(process)
        floor(path, given.rounds, times)
    told = {"documents": given.documents, "start": up, "scored": seconds, "megabytes": megabytes}
    report = Report(
        name="review",
        question="How long does a person wait at the review page?",
        command=command(),
        environment=machine(),
        versions=versions(installed("extractor")),
        tables=(times.tabled(),),
        notes=(
            f"{given.documents:,} documents. The server is up after {up:.1f} s, and has scored all of them "
            f"{seconds:.0f} s later; it has {megabytes:.0f} MB then.",
        ),
        seconds=time.perf_counter() - began,
        data={**told, "seconds": times.of},
    )
    return publish(report, given)


if __name__ == "__main__":
    main()
