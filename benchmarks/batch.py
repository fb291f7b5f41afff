"""How near thousands of documents come to what an endpoint gives at most, and what the job file costs.

    python benchmarks/batch.py [--documents 10000] [--rounds 3] [--limit TEXT] [--no-peers] [--into FOLDER]

A loopback endpoint in another process thinks for 50 ms and refuses what is above a limit that nobody is told, with a
429 at once: 16 at a time, 64 at a time, or 200 a second with a Retry-After. It gets so many documents, which come from
a generator, of `Extractor.map` (threads) and `AsyncExtractor.map` (tasks), without a job, with one (on the disk of the
temporary folder), and with one that has what is known of the fields worked out at once (`evidence=True`).
Two floors KNOW the limit: nothing but sockets, JSON and validation, and a loop around httpx as one would write it by
hand. Other libraries have a tenth of the documents, and a semaphore of 10 or of 50, which is how one guesses. All take
turns in every round, each in a fresh process, which has had 64 documents before it is timed.

Gives for each, medians of the rounds: documents a second; the part of the limit's maximum (computed: the number at a
time by the time of an answer, or the rate) and of what the sockets got; milliseconds of CPU (user and system, all
threads) a document; how many requests were refused, for 100 documents; the documents that failed; by how many MB the
memory grew at its peak, after a tenth of the documents and at the end. Then what the job costs: its part of the time
and of the CPU, and the bytes of its file for each document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from contenders import CONTENDERS, AsyncCall, Task, installed, versions
from floors import Refused
from limited import Limit, seen, thinking
from loopback import CASES, KEY, MODEL, command, isolated, machine, orders
from own_process import most_memory, room_for
from results import Cell, Column, Report, Table, options, publish

CASE = CASES["flat"]
THINK = 0.05  # seconds
WARM = 64  # documents before the time runs
PATIENCE = 30.0  # seconds
LIMITS: Mapping[str, Limit] = {
    "16 at a time": Limit(think=THINK, most=16),
    "64 at a time": Limit(think=THINK, most=64),
    "200 a second": Limit(think=THINK, rate=200, burst=20, retry_after=0.2),
}
GUESSES = (10, 50)
FEWER = 10
"""By what factor other libraries have fewer documents."""
PEERS = ("OpenAI SDK", "instructor", "pydantic-ai", "LangChain", "trustcall")
OURS = ("extractor: threads", "extractor: tasks")
JOB, EVIDENT = ", with job", ", evidence"
FLOORS = ("raw sockets", "httpx by hand")
KNOWS = ": knows the limit"
FLOOR = FLOORS[0] + KNOWS


def documents(number: int, since: int = 0) -> Iterator[str]:
    """Each is another one: what has the same content would be asked for once."""
    return (f"{CASE.document}\nLetter {each}." for each in range(since, since + number))


# ----------------------------------------------------------------------------------- one turn, in a process


@dataclass(kw_only=True)
class Turn:
    """What one contender did: seconds, CPU seconds and documents; KB of memory; bytes of its job file."""

    wall: float = 0.0
    cpu: float = 0.0
    done: int = 0
    failed: int = 0
    early: int = 0
    late: int = 0
    file: int = 0
    refused: int = 0
    why: str = ""


class Watch:
    """Counts documents, and what they cost, from when it begins."""

    def __init__(self, number: int) -> None:
        self.turn = Turn()
        self._early = max(1, number // 10)
        self._memory = most_memory()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def one(self, error: BaseException | None = None) -> None:
        """One more is finished."""
        self.turn.done += error is None
        self.turn.failed += error is not None
        if error is not None:
            self.turn.why = f"{type(error).__name__}: {error}".partition("\n")[0][:120]
        if self.turn.done + self.turn.failed == self._early:
            self.turn.early = most_memory() - self._memory

    def end(self) -> Turn:
        """What it came to."""
        self.turn.wall, self.turn.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self.turn.late = most_memory() - self._memory
        return self.turn


def _by_threads(url: str, number: int, **kept: Any) -> Turn:
    import extractor

    with extractor.Extractor(MODEL, base_url=url, api_key=KEY) as client:

        def run(since: int, count: int) -> Turn:
            watch = Watch(count)
            for each in client.map(CASE.model, documents(count, since), **kept):
                watch.one(each.error)
            return watch.end()

        run(number, WARM)
        return run(0, number)


def _by_tasks(url: str, number: int, **kept: Any) -> Turn:
    import extractor

    async def main() -> Turn:
        async with extractor.AsyncExtractor(MODEL, base_url=url, api_key=KEY) as client:

            async def run(since: int, count: int) -> Turn:
                watch = Watch(count)
                async for each in client.map(CASE.model, documents(count, since), **kept):
                    watch.one(each.error)
                return watch.end()

            await run(number, WARM)
            return await run(0, number)

    return asyncio.run(main())


async def _crowd(count: int, at_once: int, since: int, call: Callable[[str], Any]) -> Turn:
    """So many tasks, which take the next document when they have finished one."""
    watch, ahead = Watch(count), documents(count, since)

    async def work() -> None:
        for document in ahead:
            try:
                await call(document)
            except Exception as error:  # noqa: BLE001  # of whatever library
                watch.one(error)
            else:
                watch.one()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return watch.end()


def _prompt(limit: Limit) -> int:
    """How many at once one who knows the limit has."""
    return int(limit.most) if limit.rate == math.inf else 2 * int(limit.rate * limit.think)


class Paced:
    """Lets one go after the other, as many a second as the limit allows."""

    def __init__(self, limit: Limit) -> None:
        self._apart = 0.0 if limit.rate == math.inf else 1 / limit.rate
        self._next = time.perf_counter()

    async def turn(self) -> None:
        """Wait for it."""
        if self._apart:
            self._next = at = max(self._next + self._apart, time.perf_counter())
            await asyncio.sleep(at - time.perf_counter())


def _task(name: str, root: str) -> Task:
    address = f"{root}/{CONTENDERS[name].mode}/v1"
    return Task(model=CASE.model, document=CASE.document, base_url=address, retries=None, timeout=PATIENCE)


def _asking(name: str, root: str) -> AsyncCall:
    make = CONTENDERS[name].asynchronous
    assert make is not None
    return make(_task(name, root))


def _refused(error: Exception) -> float | None:
    """How long to wait before the document is sent again; None where it is not for being too many."""
    if isinstance(error, Refused) and error.status == httpx.codes.TOO_MANY_REQUESTS:
        return error.retry_after or 0.01
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return float(error.response.headers.get("retry-after", 0.01))
    return None


def _knowing(name: str, root: str, number: int, limit: Limit) -> Turn:
    """By hand, at the pace that the limit allows."""

    async def main() -> Turn:
        ask, paced, at_once = _asking(name, root), Paced(limit), _prompt(limit)

        async def call(document: str) -> None:
            while True:
                await paced.turn()
                try:
                    await ask(document)
                except (Refused, httpx.HTTPStatusError) as error:
                    wait = _refused(error)
                    if wait is None:
                        raise
                    await asyncio.sleep(wait)
                else:
                    return

        await _crowd(WARM, at_once, number, call)
        return await _crowd(number, at_once, 0, call)

    return asyncio.run(main())


def _peer(name: str, root: str, number: int, guess: int) -> Turn:
    async def main() -> Turn:
        ask = _asking(name, root)
        await _crowd(WARM, guess, number, ask)
        return await _crowd(number, guess, 0, ask)

    return asyncio.run(main())


def _file_size(job: Path) -> int:
    return sum(each.stat().st_size for each in job.parent.glob(job.name + "*"))


def turn(name: str, root: str, number: int, limit: Limit) -> Turn:
    """One contender's turn."""
    who, _, more = name.partition(": ")
    if who in FLOORS:
        return _knowing(who, root, number, limit)
    if who in PEERS:
        return _peer(who, root, number, int(more.rpartition(" ")[2]))
    drive = _by_threads if more.startswith("threads") else _by_tasks
    if JOB not in name:
        return drive(root + "/content/v1", number)
    with tempfile.TemporaryDirectory(prefix="extractor-batch-") as folder:
        job = Path(folder) / "job.db"
        took = drive(root + "/content/v1", number, job=job, evidence=name.endswith(EVIDENT))
        took.file = _file_size(job)
        return took


# ------------------------------------------------------------------------------------------- all turns


def _is_peer(name: str) -> bool:
    return name.partition(": ")[0] in PEERS


def _taken(name: str, limit: str, number: int) -> Turn | None:
    """A turn in a process of its own, at an endpoint of its own. None where it fails."""
    with thinking(0.0, LIMITS[limit]) as root:
        own = [sys.executable, str(Path(__file__).resolve()), "--run", name, "--root", root, "--limit", limit]
        own += ["--documents", str(max(WARM, number // FEWER) if _is_peer(name) else number)]
        quiet = subprocess.DEVNULL if _is_peer(name) else None  # they log every refusal
        done = subprocess.run(own, stdout=subprocess.PIPE, stderr=quiet, text=True, check=False)
        if done.returncode != 0:
            print(f"without {name}: it ended with {done.returncode}", file=sys.stderr)
            return None
        took = Turn(**json.loads(done.stdout.splitlines()[-1]))
        took.refused = len(seen(root).refused)
        return took


Turns = dict[str, list[Turn]]
"""Contender → turns."""


def contenders(peers: bool) -> list[str]:
    """Their names."""
    by_hand = [name + KNOWS for name in FLOORS]
    ours = [name + more for name in OURS for more in ("", JOB, JOB + EVIDENT)]
    there = [each.name for each in installed(*PEERS)] if peers else []
    return [*by_hand, *ours, *(f"{name}: semaphore of {guess}" for name in there for guess in GUESSES)]


def measured(limit: str, number: int, rounds: int, peers: bool) -> Turns:
    """Every contender in every round; other libraries in the first."""
    turns: Turns = {name: [] for name in contenders(peers)}
    for nth, names in enumerate(orders(list(turns), rounds)):
        for name in names:
            if name not in turns or (nth and _is_peer(name)):
                continue
            took = _taken(name, limit, number)
            if took is None:
                del turns[name]
            else:
                turns[name].append(took)
    return turns


# ------------------------------------------------------------------------------------------ reporting

_COLUMNS = (
    Column(name="a second", form=",.0f", better="more"),
    Column(name="of the limit", better="more"),
    Column(name="of the sockets", better="more"),
    Column(name="CPU ms", better="less"),
    Column(name="refused for 100", better="less"),
    Column(name="failed", form=",.0f", better="less"),
    Column(name="MB more at a tenth", form=",.1f"),
    Column(name="MB more at the end", form=",.1f", better="less"),
)
_COSTS = (
    Column(name="time %", form="+.1f"),
    Column(name="CPU %", form="+.1f"),
    Column(name="CPU ms a document"),
    Column(name="bytes a document", form=",.0f"),
)


def _middle(turns: list[Turn], value: Callable[[Turn], float]) -> float:
    return statistics.median(value(each) for each in turns)


def _rate(turns: list[Turn]) -> float:
    return _middle(turns, lambda each: each.done / each.wall)


def _cpu(turns: list[Turn]) -> float:
    return _middle(turns, lambda each: each.cpu / max(1, each.done) * 1e3)


def tabled(limit: str, turns: Turns) -> Table:
    """What came of one limit."""
    most, floor = LIMITS[limit].best, _rate(turns[FLOOR])
    rows: dict[str, list[Cell]] = {
        name: [
            *(_rate(each), _rate(each) / most, _rate(each) / floor, _cpu(each)),
            _middle(each, lambda one: one.refused / max(1, one.done) * 100),
            sum(one.failed for one in each),
            *(_middle(each, lambda one: one.early / 1024), _middle(each, lambda one: one.late / 1024)),
        ]
        for name, each in turns.items()
    }
    ours = tuple(name for name in rows if name.startswith(OURS))
    floors = tuple(name for name in rows if name.endswith(KNOWS))
    title = f"An endpoint that bears {limit} (at most {most:,.0f} documents a second)"
    return Table(title=title, columns=_COLUMNS, rows=rows, ours=ours, floors=floors)


def costs(limit: str, turns: Turns) -> Table:
    """What the job costs."""
    rows: dict[str, list[Cell]] = {}
    for name, kept in turns.items():
        plain = turns.get(name.partition(JOB)[0])
        if JOB not in name or not plain:
            continue
        wall, cpu = (
            100 * statistics.median(getattr(job, key) / getattr(one, key) for job, one in zip(kept, plain, strict=True))
            for key in ("wall", "cpu")
        )
        size = _middle(kept, lambda each: each.file / (each.done + WARM))
        rows[name] = [wall - 100, cpu - 100, _cpu(kept) - _cpu(plain), size]
    return Table(title=f"What the job costs, {limit}", columns=_COSTS, rows=rows, ours=tuple(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="how often all have their turn")
    parser.add_argument("--limit", default="", help="the limits whose name has this in it")
    parser.add_argument("--no-peers", action="store_true", help="without other libraries")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    options(parser)
    return parser.parse_args()


def main() -> None:
    """Measure and publish."""
    arguments = _arguments()
    isolated()
    room_for(1_024)
    if arguments.run:
        took = turn(arguments.run, arguments.root, arguments.documents, LIMITS[arguments.limit])
        return print(json.dumps(asdict(took)))
    number, rounds, began = arguments.documents, arguments.rounds, time.perf_counter()
    found = {
        limit: measured(limit, number, rounds, not arguments.no_peers) for limit in LIMITS if arguments.limit in limit
    }
    reasons = [
        f"{limit}, {name}: {each.why}"
        for limit, turns in found.items()
        for name, all_turns in turns.items()
        for each in all_turns[:1]
        if each.why
    ]
    report = Report(
        name="batch",
        question="How near do many documents come to what an endpoint gives at most, and what does the job file cost?",
        command=command(),
        environment=f"{machine()}; SQLite {sqlite3.sqlite_version}",
        versions=versions(installed("httpx by hand", "extractor", *(() if arguments.no_peers else PEERS))),
        tables=tuple(table for limit, turns in found.items() for table in (tabled(limit, turns), costs(limit, turns))),
        notes=(
            f"{number:,} documents in {rounds} rounds; of other libraries {max(WARM, number // FEWER):,} in one. The "
            f"endpoint thinks for {THINK * 1e3:.0f} ms. Only those by hand know its limit.",
            "Other libraries hold nothing of a job: what has been done is lost with the process.",
            *reasons,
        ),
        seconds=time.perf_counter() - began,
        data={
            limit: {name: [asdict(each) for each in of] for name, of in turns.items()} for limit, turns in found.items()
        },
    )
    return publish(report, arguments)


if __name__ == "__main__":
    main()
