"""How near one process comes to what an endpoint bears, when nobody tells it how much that is.

    python benchmarks/hidden_limit.py [--seconds 20] [--scenario TEXT …] [--into FOLDER]

The endpoint refuses more than 40 at a time, or more than 200 a second, with a 429, in some scenarios with a
Retry-After. 256 tasks, and 64 threads, want documents for `--seconds`; so do 256 tasks with the OpenAI SDK, which tries
again by itself, as do all that are built on it. Beside them stand fixed numbers at once around the right one, which
nobody knows beforehand: ours with `limits=RateLimits(concurrency=…)`, and a semaphore around httpx with two retries, as
one would write it by hand.

Gives for each: documents a second, also as a part of the best fixed one (that with the most documents among those of
which none failed) and of what the endpoint would give at most; how much of what was sent was refused, in all and from a
fourth of the time on, counted by the endpoint; the documents that failed for good; the end of the first half second
with 80 % of the best fixed; CPU a document. Two scenarios are drawn as the endpoint saw ours.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import httpx
from contenders import CONTENDERS, AsyncCall, Call, Task, installed, versions
from floors import async_by_hand
from limited import SLOT, Limit, Seen, seen, slots, thinking
from loopback import CASES, command, isolated, machine
from own_process import room_for
from pydantic import BaseModel
from results import Cell, Column, Plot, Report, Series, Table, options, publish

import extractor

TASKS, THREADS = 256, 64
SETTLED = 0.25  # of the time: the first 5 s of 20
FIXED_FOR = 0.3  # of the time: a fixed setting has nothing to find out
PATIENCE = 30.0  # seconds
CASE = CASES["flat"]
OURS = ("extractor: 256 tasks", "extractor: 64 threads")
PEER = "OpenAI SDK"

Make: TypeAlias = Callable[[Task], AsyncCall]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A limit, and the numbers at once that are tried by those who know it."""

    limit: Limit
    fixed: tuple[int, ...]


def _scenarios() -> Iterator[tuple[str, Scenario]]:
    for said, after in (("", None), (", Retry-After", 0.2)):
        spread = Limit(think=0.2, spread=10.0, most=40, retry_after=after)
        rate = Limit(think=0.05, rate=200, burst=20, retry_after=after)
        yield (
            f"40 at a time, 50 ms{said}",
            Scenario(limit=Limit(think=0.05, most=40, retry_after=after), fixed=(36, 40, 44)),
        )
        yield f"40 at a time, 200 ms spread{said}", Scenario(limit=spread, fixed=(36, 40, 44))
        yield f"200 a second, 50 ms{said}", Scenario(limit=rate, fixed=(9, 10, 11))


SCENARIOS: Mapping[str, Scenario] = dict(_scenarios())
PLOTTED = ("40 at a time, 200 ms spread", "200 a second, 50 ms")

# --------------------------------------------------------------------------------- asking, and what came of it


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of it: documents until the time was over, CPU milliseconds a document, and what the endpoint saw."""

    seconds: float
    documents: int
    failed: int
    cpu: float
    seen: Seen
    why: tuple[str, ...] = ()

    @property
    def per_second(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds


@dataclass(kw_only=True)
class Count:
    """Documents that were had and not, by tasks or threads that want one after the other until the time is over."""

    seconds: float
    in_time: int = 0
    done: int = 0
    failed: int = 0
    why: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.perf_counter() < self.began + self.seconds

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Have one."""
        error: Exception | None = None
        try:
            yield
        except Exception as failed:  # noqa: BLE001  # of whatever library
            error = failed
        with self.lock:
            self.done += error is None
            self.failed += error is not None
            self.in_time += error is None and self.goes_on()
            if error is not None:
                self.why.add(f"{type(error).__name__}: {error}".partition("\n")[0][:120])

    def run(self, saw: Seen) -> Run:
        """What came of it."""
        cpu = (time.process_time() - self.cpu) / max(1, self.done) * 1e3
        why = tuple(sorted(self.why)[:3])
        return Run(seconds=self.seconds, documents=self.in_time, failed=self.failed, cpu=cpu, seen=saw, why=why)


def _task(root: str) -> Task:
    address = root + "/content/v1"
    return Task(model=CASE.model, document=CASE.document, base_url=address, retries=None, timeout=PATIENCE)


def flood(loop: asyncio.Runner, limit: Limit, make: Make, seconds: float) -> Run:
    """Ask a new endpoint with so many tasks at once."""

    async def wanted(root: str) -> Count:
        call, count = make(_task(root)), Count(seconds=seconds)

        async def work() -> None:
            while count.goes_on():
                with count.one():
                    await call()

        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(work())
        return count

    with thinking(0.0, limit) as root:
        count = loop.run(wanted(root))
        return count.run(seen(root))


def sync_flood(limit: Limit, make: Callable[[Task], Call], seconds: float) -> Run:
    """The same with threads."""
    with thinking(0.0, limit) as root:
        call, count = make(_task(root)), Count(seconds=seconds)

        def work() -> None:
            while count.goes_on():
                with count.one():
                    call()

        with ThreadPoolExecutor(THREADS) as pool:
            for each in [pool.submit(work) for _ in range(THREADS)]:
                each.result()
        return count.run(seen(root))


def told(number: int) -> Make:
    """Ours, told how many at once."""

    def make(task: Task) -> AsyncCall:
        limits = extractor.RateLimits(concurrency=number)
        client = extractor.AsyncExtractor(task.name, base_url=task.base_url, api_key=task.key, limits=limits)
        return lambda document=task.document: client.extract(task.model, document)

    return make


def by_hand(number: int) -> Make:
    """By hand: a semaphore, and two retries, each after a time that doubles or that is asked for."""

    def make(task: Task) -> AsyncCall:
        ask, room = async_by_hand(task), asyncio.Semaphore(number)

        async def call(document: str = task.document) -> BaseModel:
            async with room:
                for wait in (0.5, 1.0):
                    try:
                        return await ask(document)
                    except httpx.HTTPStatusError as error:
                        if error.response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                            raise
                        after = error.response.headers.get("retry-after", wait * random.uniform(0.5, 1.0))
                    await asyncio.sleep(float(after))
                return await ask(document)

        return call

    return make


@dataclass(frozen=True, kw_only=True)
class Found:
    """The runs of one scenario, by contender; `best` is the name of the best fixed one."""

    scenario: str
    runs: Mapping[str, Run]
    best: str

    @property
    def limit(self) -> Limit:
        """What the endpoint bore."""
        return SCENARIOS[self.scenario].limit


def measured(loop: asyncio.Runner, name: str, seconds: float) -> Found:
    """Everyone at one endpoint."""
    limit, fixed = SCENARIOS[name].limit, {}
    for number in SCENARIOS[name].fixed:
        fixed[f"extractor: told {number}"] = flood(loop, limit, told(number), FIXED_FOR * seconds)
        fixed[f"httpx by hand: told {number}"] = flood(loop, limit, by_hand(number), FIXED_FOR * seconds)
    ours, (tasks, threads) = CONTENDERS["extractor"], OURS
    assert ours.asynchronous is not None
    assert ours.sync is not None
    runs = {
        tasks: flood(loop, limit, ours.asynchronous, seconds),
        threads: sync_flood(limit, ours.sync, seconds),
    }
    for each in installed(PEER):
        assert each.asynchronous is not None
        runs[PEER] = flood(loop, limit, each.asynchronous, seconds)
    whole = {each: run for each, run in fixed.items() if not run.failed} or fixed
    return Found(scenario=name, runs={**runs, **fixed}, best=max(whole, key=lambda each: whole[each].per_second))


# ------------------------------------------------------------------------------------------ reporting

_COLUMNS = (
    Column(name="a second", form=",.0f", better="more"),
    Column(name="of the best fixed"),
    Column(name="of the limit", better="more"),
    Column(name="refused %", better="less"),
    Column(name="refused % once settled", better="less"),
    Column(name="failed", form=",.0f", better="less"),
    Column(name="80 % after s", form=".1f", better="less"),
    Column(name="CPU ms", better="less"),
)


def tabled(found: Found) -> Table:
    """One scenario. Those who know the limit are no contenders."""
    best = found.runs[found.best].per_second
    rows: dict[str, list[Cell]] = {}
    for name, run in found.runs.items():
        settled = SETTLED * run.seconds
        rows[name] = [
            run.per_second,
            run.per_second / best if best else None,
            run.per_second / found.limit.best,
            100 * run.seen.refused_share(0.0, run.seconds),
            100 * run.seen.refused_share(settled, run.seconds),
            run.failed,
            run.seen.time_to(0.8 * best, run.seconds),
            run.cpu,
        ]
    knowing = tuple(name for name in rows if "told" in name)
    return Table(
        title=f"An endpoint that bears {found.scenario}", columns=_COLUMNS, rows=rows, ours=OURS, floors=knowing
    )


def drawn(found: Found) -> tuple[Plot, Plot]:
    """What the endpoint saw of ours, over time."""
    run, limit = found.runs[OURS[0]], found.limit
    inside = [(at, float(number)) for at, number in run.seen.inside if at < run.seconds]
    ends, said = (0.0, run.seconds), f"the endpoint bears {found.scenario}"
    under_way = [_line("under way", inside)]
    if limit.most < float("inf"):
        under_way.append(Series(name="its limit, not told", x=ends, y=(limit.most, limit.most)))
    rates = [
        _line(name, [((n + 0.5) * SLOT, each) for n, each in enumerate(slots(times, run.seconds))])
        for name, times in (("documents", run.seen.answered), ("refused", run.seen.refused))
    ]
    rates.append(Series(name="its limit, not told", x=ends, y=(limit.best, limit.best)))
    return (
        Plot(title=f"Under way: {said}", x="seconds", y="requests", series=tuple(under_way)),
        Plot(title=f"A second: {said}", x="seconds", y="a second", series=tuple(rates)),
    )


def _line(name: str, points: list[tuple[float, float]]) -> Series:
    return Series(name=name, x=tuple(x for x, _ in points), y=tuple(y for _, y in points))


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each asks an endpoint")
    parser.add_argument("--scenario", nargs="+", default=[""], help="the limits whose name ends with one of these")
    options(parser)
    arguments = parser.parse_args()
    isolated()
    room_for(4 * TASKS)
    began, all_found = time.perf_counter(), []
    with asyncio.Runner() as loop:  # one for all: some clients are closed later, in the loop they began in
        for name in SCENARIOS:
            if name.endswith(tuple(arguments.scenario)):
                all_found.append(measured(loop, name, arguments.seconds))
    data: dict[str, Any] = {each.scenario: {name: asdict(run) for name, run in each.runs.items()} for each in all_found}
    reasons = [
        f"{found.scenario}, {name}: {run.why[0]}" for found in all_found for name, run in found.runs.items() if run.why
    ]
    report = Report(
        name="hidden_limit",
        question="How near does one process come to what an endpoint bears, when nobody tells it how much that is?",
        command=command(),
        environment=machine(),
        versions=versions(installed("httpx by hand", "extractor", PEER)),
        tables=tuple(map(tabled, all_found)),
        plots=tuple(plot for each in all_found if each.scenario in PLOTTED for plot in drawn(each)),
        notes=(
            f"{TASKS} tasks, or {THREADS} threads, for {arguments.seconds:.0f} s; those who are told the limit for "
            f"{FIXED_FOR * arguments.seconds:.1f} s. `once settled` is from a fourth of the time on. Of the others "
            f"only the {PEER} takes part: instructor, pydantic-ai, LangChain and trustcall send through it.",
            *reasons,
        ),
        seconds=time.perf_counter() - began,
        data=data,
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
