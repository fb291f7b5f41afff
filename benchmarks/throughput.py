"""How many extractions a second one process manages at once, and what each costs it.

    python benchmarks/throughput.py [--rounds 3] [--at 64,256,1024] [--think 50] [--memory] [--into FOLDER]

Tasks in one event loop, and threads, ask a loopback endpoint in another process, which answers every request with
the same reply after `--think` milliseconds. All contenders take turns in every round, each round in another order;
before a turn is counted, each of its tasks or threads makes one call, so that its connections are open.
Other libraries take part where they are installed (`pip install "extractor[benchmarks]"`), with fewer calls in a turn
and up to 256 threads, since a turn of theirs takes seconds.

Gives for each number at once, medians of the rounds: extractions per second; milliseconds of CPU (user and system,
of the client's process) per extraction, which is seconds per 1,000; both as a ratio to `httpx by hand`; the median and
the 99th percentile of the time that a call takes; how many calls failed. With `--memory` also what the memory grew by
with the most tasks at once, each contender in a fresh process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, AsyncCall, Call, Contender, Task, installed, versions
from limited import thinking
from loopback import CASES, command, isolated, machine, orders, ratio
from overhead import check
from own_process import most_memory, room_for
from results import Cell, Column, Plot, Report, Series, Table, options, publish

NAMES = (
    *("raw sockets", "httpx by hand", "extractor"),
    *("OpenAI SDK", "instructor", "pydantic-ai", "LangChain", "trustcall"),
)
HAND = "httpx by hand"
MOST_THREADS_OF_OTHERS = 256
IN_ONE_THREAD = ("pydantic-ai",)
"""Its client belongs to one event loop: of calls in several threads some fail, as `bound to a different event loop`."""
CALLS = {1: 20, 16: 160, 64: 384, 256: 1_024, 1_024: 3_072}
"""At once → calls in a turn."""
PATIENCE = 30.0  # seconds
CASE = CASES["flat"]


def _task(contender: Contender, root: str) -> Task:
    address = f"{root}/{contender.mode}/v1"
    return Task(model=CASE.model, document=CASE.document, base_url=address, retries=None, timeout=PATIENCE)


def _calls(name: str, at_once: int) -> int:
    """Other libraries take ten times as long: one call of each task, and at least some."""
    return max(192, at_once) if CONTENDERS[name].kind == "peer" else CALLS.get(at_once, 3 * at_once)


# ------------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one turn took: `cpu` and the latencies are milliseconds, of the calls that did not fail."""

    per_second: float
    cpu: float
    median: float
    p99: float
    failed: int


def _turn(took: list[float], failed: int, wall: float, cpu: float) -> Turn:
    took.sort()
    calls = len(took)
    return Turn(
        failed=failed,
        per_second=calls / wall,
        cpu=cpu / max(1, calls) * 1e3,
        median=took[calls // 2] * 1e3 if took else 0.0,
        p99=took[min(calls - 1, calls * 99 // 100)] * 1e3 if took else 0.0,
    )


async def _tasks(call: AsyncCall, at_once: int, calls: int) -> list[float]:
    took: list[float] = []
    left = calls

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            started = time.perf_counter()
            with contextlib.suppress(Exception):  # counted as failed
                await call()
                took.append(time.perf_counter() - started)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, calls)):
            group.create_task(work())
    return took


async def async_turn(call: AsyncCall, at_once: int, calls: int) -> Turn:
    """So many calls by so many tasks."""
    await _tasks(call, at_once, at_once)
    wall, cpu = time.perf_counter(), time.process_time()
    took = await _tasks(call, at_once, calls)
    return _turn(took, calls - len(took), time.perf_counter() - wall, time.process_time() - cpu)


def sync_turn(call: Call, at_once: int, calls: int) -> Turn:
    """So many calls by so many threads, which are there before the time runs."""
    took: list[float] = []
    numbers = iter(range(calls))
    since: list[float] = []

    def started_all() -> None:
        since[:] = time.perf_counter(), time.process_time()

    begin = threading.Barrier(at_once, started_all)

    def work() -> None:
        with contextlib.suppress(Exception):
            call()
        begin.wait()
        for _ in numbers:
            started = time.perf_counter()
            with contextlib.suppress(Exception):  # counted as failed
                call()
                took.append(time.perf_counter() - started)

    with ThreadPoolExecutor(at_once) as pool:
        for each in [pool.submit(work) for _ in range(at_once)]:
            each.result()
        wall, cpu = since
        return _turn(took, calls - len(took), time.perf_counter() - wall, time.process_time() - cpu)


Measured = dict[int, dict[str, list[Turn]]]
"""At once → contender → turns."""


async def measure_async(root: str, rounds: int, numbers: Iterable[int]) -> Measured:
    """Every contender in every round."""
    made = {each.name: each.asynchronous(_task(each, root)) for each in installed(*NAMES) if each.asynchronous}
    for name, call in made.items():
        check(name, CASE, await call())
    measured: Measured = {}
    for at_once in numbers:
        turns = measured[at_once] = {name: [] for name in made}
        for order in orders(turns, rounds):
            for name in order:
                turns[name].append(await async_turn(made[name], at_once, _calls(name, at_once)))
    return measured


def measure_sync(root: str, rounds: int, numbers: Iterable[int]) -> Measured:
    """The same with threads."""
    able_at_all = [each for each in installed(*NAMES) if each.sync and each.name not in IN_ONE_THREAD]
    made = {each.name: each.sync(_task(each, root)) for each in able_at_all if each.sync}
    for name, call in made.items():
        check(name, CASE, call())
    measured: Measured = {}
    for at_once in numbers:
        able = [name for name in made if at_once <= MOST_THREADS_OF_OTHERS or CONTENDERS[name].kind != "peer"]
        turns = measured[at_once] = {name: [] for name in able}
        for order in orders(turns, rounds):
            for name in order:
                turns[name].append(sync_turn(made[name], at_once, _calls(name, at_once)))
    return measured


# ---------------------------------------------------------------------------------------------- memory


def _grown(name: str, root: str, at_once: int) -> None:
    """Print by how many MB the most memory that this process ever had grows with so many tasks."""
    (contender,) = installed(name)
    assert contender.asynchronous is not None
    call = contender.asynchronous(_task(contender, root))

    async def grow() -> int:
        await call()
        before = most_memory()
        await _tasks(call, at_once, 2 * at_once)
        return most_memory() - before

    print(asyncio.run(grow()) / 1024)


def measure_memory(root: str, at_once: int) -> Table:
    """Each in a process of its own."""
    rows: dict[str, list[Cell]] = {}
    for each in installed(*NAMES):
        own = [sys.executable, str(Path(__file__).resolve()), "--grow", each.name, "--root", root, "--at", str(at_once)]
        done = subprocess.run(own, stdout=subprocess.PIPE, text=True, check=True)
        rows[each.name] = [float(done.stdout)]
    column = Column(name="MB more", form=",.0f", better="less")
    return _table(f"Memory with {at_once:,} tasks", (column,), rows)


# ------------------------------------------------------------------------------------------- reporting

_COLUMNS = (
    Column(name="a second", form=",.0f", better="more"),
    Column(name="times httpx's", better="more"),
    Column(name="CPU ms", better="less"),
    Column(name="times httpx's CPU", better="less"),
    Column(name="median ms", form=",.0f", better="less"),
    Column(name="p99 ms", form=",.0f", better="less"),
    Column(name="failed", form=",.0f", better="less"),
)


def _table(title: str, columns: tuple[Column, ...], rows: dict[str, list[Cell]]) -> Table:
    ours, floors = (tuple(name for name in rows if CONTENDERS[name].kind == kind) for kind in ("ours", "floor"))
    return Table(title=title, columns=columns, rows=rows, ours=ours, floors=floors)


def _middle(turns: list[Turn], of: Callable[[Turn], float]) -> float:
    return statistics.median(map(of, turns))


def _row(turns: list[Turn], hand: list[Turn]) -> list[Cell]:
    return [
        _middle(turns, lambda turn: turn.per_second),
        ratio([turn.per_second for turn in turns], [turn.per_second for turn in hand]),
        _middle(turns, lambda turn: turn.cpu),
        ratio([turn.cpu for turn in turns], [turn.cpu for turn in hand]),
        _middle(turns, lambda turn: turn.median),
        _middle(turns, lambda turn: turn.p99),
        sum(turn.failed for turn in turns),
    ]


def _tables(of: str, measured: Measured) -> list[Table]:
    return [
        _table(f"{at_once:,} {of}", _COLUMNS, {name: _row(each, turns[HAND]) for name, each in turns.items()})
        for at_once, turns in measured.items()
    ]


def _plot(of: str, measured: Measured) -> Plot:
    """How many a second, over how many at once."""
    names = list(dict.fromkeys(name for turns in measured.values() for name in turns))
    series = []
    for name in names:
        points = [(float(number), turns[name]) for number, turns in measured.items() if name in turns]
        rates = tuple(_middle(each, lambda turn: turn.per_second) for _, each in points)
        series.append(Series(name=name, x=tuple(number for number, _ in points), y=rates))
    title = f"Extractions a second, {of}"
    return Plot(title=title, x=f"{of} at once", y="a second", series=tuple(series), logarithmic=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often every contender has its turn")
    parser.add_argument("--at", default="64,256,1024", help="numbers of calls at once")
    parser.add_argument("--think", type=float, default=50.0, help="milliseconds that the endpoint takes")
    parser.add_argument("--only", choices=("async", "sync"), help="measure only this")
    parser.add_argument("--memory", action="store_true", help="also what the memory grows by")
    parser.add_argument("--grow", help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    options(parser)
    return parser.parse_args()


def _measured(arguments: argparse.Namespace, numbers: list[int]) -> tuple[list[Table], list[Plot], dict[str, Any]]:
    tables, plots, data = [], [], {}
    ways: dict[str, tuple[str, Callable[[str], Measured]]] = {
        "async": ("tasks", lambda root: asyncio.run(measure_async(root, arguments.rounds, numbers))),
        "sync": ("threads", functools.partial(measure_sync, rounds=arguments.rounds, numbers=numbers)),
    }
    with thinking(arguments.think / 1e3) as root:
        for way, (of, measure) in ways.items():
            if arguments.only in (None, way):
                measured = measure(root)
                tables += _tables(of, measured)
                plots.append(_plot(of, measured))
                data[way] = {
                    at_once: {name: [asdict(turn) for turn in each] for name, each in turns.items()}
                    for at_once, turns in measured.items()
                }
        if arguments.memory:
            tables.append(measure_memory(root, max(numbers)))
    return tables, plots, data


def main() -> None:
    """Measure and publish."""
    arguments = _arguments()
    isolated()
    numbers = [int(number) for number in arguments.at.split(",")]
    room_for(max(numbers))
    if arguments.grow:
        return _grown(arguments.grow, arguments.root, max(numbers))
    began = time.perf_counter()
    tables, plots, data = _measured(arguments, numbers)
    report = Report(
        name="throughput",
        question="How many extractions a second does one process manage, and what does each cost it?",
        command=command(),
        environment=machine(),
        versions=versions(installed(*NAMES)),
        tables=tuple(tables),
        plots=tuple(plots),
        notes=(
            f"{arguments.rounds} rounds; the endpoint thinks for {arguments.think:.0f} ms and shares the CPUs with the "
            "client. More is not possible than the number at once by that time.",
            "All have the limits of connections that they come with; httpx's own is 100, and more makes it slower.",
            f"Other libraries take part with up to {MOST_THREADS_OF_OTHERS} threads. Without pydantic-ai there: its "
            "client belongs to one event loop, and calls in several threads fail.",
        ),
        seconds=time.perf_counter() - began,
        data=data,
    )
    return publish(report, arguments)


if __name__ == "__main__":
    main()
