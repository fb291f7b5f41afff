"""How many extractions a second one process manages at once, and what each costs it.

    python benchmarks/throughput.py [--fast] [--rounds 5] [--at 1,16,64,256,1024] [--think 50] [--json]
    python benchmarks/throughput.py --only limit [--fast] [--seconds 20] [--scenario TEXT] [--plot FILE.svg] [--json]

Tasks in one event loop, and threads, ask a loopback endpoint in another process, which answers every request with
the same reply after `--think` milliseconds. All contenders take turns in every round, each round in another order;
before a turn is counted, each of its tasks or threads makes one call, so that its connections are open.
Other libraries take part where they are installed (`pip install "extractor[benchmarks]"`) and up to 256 at once,
where a turn still takes seconds; `--fast` leaves them out.

Prints for each number at once, medians of the rounds: extractions per second; milliseconds of CPU (user and system,
of the client's process) per extraction, which is seconds per 1,000; the median and the 99th percentile of the time
that a call takes; and what the memory grew by with the most tasks at once, each contender in a fresh process.

Then the same with a limit that the client is not told (`--only limit`): the endpoint refuses more than 40 at a time,
or more than 200 a second, with a 429, in some scenarios with a Retry-After. 256 tasks, and 64 threads, want documents
for `--seconds`. Beside them stand fixed numbers at once around the right one, which nobody knows beforehand: ours with
`limits=RateLimits(concurrency=…)`, and a semaphore around httpx with two retries, as one would write it by hand; `best`
is the fixed one with the most documents among those of which none failed. Prints for each: documents a second, also as
a part of the best fixed and of what the endpoint would give at most; how much of what was sent was refused, in all and
from a fourth of the time on, counted by the endpoint; the documents that failed for good; the end of the first half
second with 80 % of the best fixed; CPU a document. `--plot` draws two scenarios as the endpoint saw them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import overhead
from loopback import CASES, KEY, MODEL, Case, environment, isolated, table
from pydantic import BaseModel

import extractor

OURS = ("AsyncExtractor.extract", "Extractor.extract")
MOST_OF_OTHERS = 256
MOST_THREADS = 256
CALLS = {1: 20, 16: 160, 64: 384, 256: 1_024, 1_024: 3_072}
"""At once → calls in a turn."""
PATIENT = httpx.Timeout(30.0)
CASE = CASES["flat"]

# ------------------------------------------------------------------------------------------ contenders


def plain(case: Case, url: str) -> overhead.Call:
    """Post by hand, with a kept client and schema, and all the time it may take to get a connection."""
    client, schema, target = httpx.Client(timeout=PATIENT), case.model.model_json_schema(), url + "/chat/completions"

    def call() -> BaseModel:
        reply = client.post(target, json=overhead._body(case, schema), headers=overhead.HEADERS)
        return overhead._validated(case, reply)

    return call


def async_plain(case: Case, url: str) -> overhead.AsyncCall:
    """Post by hand with an `httpx.AsyncClient`."""
    client, schema = httpx.AsyncClient(timeout=PATIENT), case.model.model_json_schema()
    target = url + "/chat/completions"

    async def call() -> BaseModel:
        reply = await client.post(target, json=overhead._body(case, schema), headers=overhead.HEADERS)
        return overhead._validated(case, reply)

    return call


SYNC: Mapping[str, Callable[[Case, str], Any]] = {
    "Extractor.extract": overhead.extractor_client,
    "plain": plain,
    "openai parse": overhead.openai_parse,
    "instructor": overhead.instructor_tools,
    "pydantic-ai": overhead.pydantic_ai_native,
}
ASYNC: Mapping[str, Callable[[Case, str], Any]] = {
    "AsyncExtractor.extract": overhead.async_extractor,
    "plain": async_plain,
    "openai parse": overhead.async_openai_parse,
    "instructor": overhead.async_instructor_tools,
    "pydantic-ai": overhead.async_pydantic_ai_native,
}


def _url(name: str, root: str) -> str:
    return f"{root}/{'tool' if name == 'instructor' else 'content'}/v1"


def _made(contenders: Mapping[str, Callable[[Case, str], Any]], root: str, fast: bool) -> dict[str, Any]:
    made = {}
    for name, make in contenders.items():
        if fast and name not in (*OURS, "plain"):
            continue
        try:
            made[name] = make(CASE, _url(name, root))
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return made


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
        cpu=cpu / calls * 1e3,
        median=took[calls // 2] * 1e3,
        p99=took[min(calls - 1, calls * 99 // 100)] * 1e3,
    )


async def _tasks(call: Callable[[], Awaitable[BaseModel]], at_once: int, calls: int) -> list[float]:
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


async def async_turn(call: Callable[[], Awaitable[BaseModel]], at_once: int, calls: int) -> Turn:
    """So many calls by so many tasks."""
    await _tasks(call, at_once, at_once)
    wall, cpu = time.perf_counter(), time.process_time()
    took = await _tasks(call, at_once, calls)
    return _turn(took, calls - len(took), time.perf_counter() - wall, time.process_time() - cpu)


def sync_turn(call: Callable[[], BaseModel], at_once: int, calls: int) -> Turn:
    """So many calls by so many threads, which are there before the time runs."""
    took: list[float] = []
    numbers = iter(range(calls))
    begin = threading.Barrier(at_once + 1)

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
        working = [pool.submit(work) for _ in range(at_once)]
        begin.wait()
        wall, cpu = time.perf_counter(), time.process_time()
        for each in working:
            each.result()
        return _turn(took, calls - len(took), time.perf_counter() - wall, time.process_time() - cpu)


Measured = dict[str, dict[int, list[Turn]]]
"""Contender → at once → turns."""


def _orders(made: Mapping[str, Any], rounds: int, at_once: int) -> Iterator[str]:
    names = [name for name in made if at_once <= MOST_OF_OTHERS or name in (*OURS, "plain")]
    for number in range(rounds):
        first = number % len(names)
        yield from names[first:] + names[:first]


async def measure_async(root: str, rounds: int, numbers: list[int], fast: bool) -> Measured:
    """Every contender in every round."""
    made = _made(ASYNC, root, fast)
    measured: Measured = {name: {} for name in made}
    for name, call in made.items():
        overhead._check(name, CASE, await call())
    for at_once in numbers:
        for name in _orders(made, rounds, at_once):
            turn = await async_turn(made[name], at_once, CALLS.get(at_once, 3 * at_once))
            measured[name].setdefault(at_once, []).append(turn)
    return measured


def measure_sync(root: str, rounds: int, numbers: list[int], fast: bool) -> Measured:
    """The same with threads."""
    made = _made(SYNC, root, fast)
    measured: Measured = {name: {} for name in made}
    for name, call in made.items():
        overhead._check(name, CASE, call())
    for at_once in numbers:
        for name in _orders(made, rounds, at_once) if at_once <= MOST_THREADS else ():
            turn = sync_turn(made[name], at_once, CALLS.get(at_once, 3 * at_once))
            measured[name].setdefault(at_once, []).append(turn)
    return measured


# ---------------------------------------------------------------------------------------------- memory


def _most() -> int:
    """KB. Of this process: what getrusage says is inherited from the one that started it."""
    with contextlib.suppress(OSError), Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _grown(name: str, root: str, at_once: int) -> None:
    """Print by how many MB the most memory that this process ever had grows with so many tasks."""
    made = _made({name: ASYNC[name]}, root, False)

    async def grow() -> int:
        await made[name]()
        before = _most()
        await _tasks(made[name], at_once, 2 * at_once)
        return _most() - before

    print(asyncio.run(grow()) / 1024)


def measure_memory(root: str, names: list[str], at_once: int) -> dict[str, float]:
    """Contender → MB."""
    script = str(Path(__file__).resolve())
    grown = {}
    for name in names:
        command = [sys.executable, script, "--grow", name, "--root", root, "--at", str(at_once)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        grown[name] = float(done.stdout)
    return grown


# -------------------------------------------------------------------------------------------- endpoint


class _Connection(asyncio.Protocol):
    """One keep-alive connection: it finds where each request ends and answers later."""

    replies: Mapping[bytes, bytes] = {}
    think = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport: Any = transport
        self.received = b""
        self.call_later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            _, _, rest = head.lower().partition(b"\r\ncontent-length:")
            size = end + 4 + int(rest.partition(b"\r\n")[0])
            if len(self.received) < size:
                return
            self.received = self.received[size:]
            self.asked(head.split(b"/", 2)[1])

    def asked(self, kind: bytes) -> None:
        """Answer a request."""
        self.call_later(self.think, self.transport.write, self.replies[kind])


async def _serve(think: float, scenario: str | None) -> None:
    import loopback

    loop = asyncio.get_running_loop()
    kind: type[_Connection] = _Connection
    if scenario is not None:
        _Limited.door, kind = Door(LIMITS[scenario]), _Limited
        random.seed(1)  # the same times for all
        loop.call_later(SAMPLED, _sample, _Limited.door, loop.call_later)
    _Connection.think = think
    _Connection.replies = {kind.encode(): loopback._completion(CASE, kind) for kind in ("content", "tool")}
    server = await loop.create_server(kind, "127.0.0.1", 0, backlog=2_048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the process that started this one does
    os._exit(0)


@contextlib.contextmanager
def _serving(think: float, scenario: str | None = None) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", "--think", str(think)]
    command += [] if scenario is None else ["--scenario", scenario]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            server.terminate()


# ------------------------------------------------------------------------- an endpoint with a hidden limit

TASKS, THREADS = 256, 64
SETTLED = 0.25  # of the time: the first 5 s of 20
FIXED_FOR = 0.3  # of the time: a fixed setting has nothing to find out
SAMPLED = 0.05  # seconds
SLOT = 0.5  # seconds, in which documents are counted


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What an endpoint bears: `most` at a time, or `rate` a second after a `burst`. It thinks for `think` seconds, or
    for a tenfold spread of them (95th to 5th percentile, log-normal). `fixed`: the numbers at once that are tried.
    """

    think: float
    fixed: tuple[int, ...]
    most: float = math.inf
    rate: float = math.inf
    burst: float = 0.0
    spread: float = 1.0
    retry_after: float | None = None

    @property
    def best(self) -> float:
        """Documents a second that it gives at most."""
        return min(self.rate, self.most / self.think)

    def seconds(self) -> float:
        """What the next answer takes."""
        if self.spread == 1.0:
            return self.think
        sigma = math.log(self.spread) / 3.29  # between the 5th and the 95th percentile of a normal distribution
        return random.lognormvariate(math.log(self.think) - sigma * sigma / 2, sigma)


def _limits() -> Iterator[tuple[str, Limit]]:
    for said, after in (("", None), (", Retry-After", 0.2)):
        at_a_time: dict[str, Any] = {"most": 40, "fixed": (36, 40, 44), "retry_after": after}
        yield f"40 at a time, 50 ms{said}", Limit(think=0.05, **at_a_time)
        yield f"40 at a time, 200 ms spread{said}", Limit(think=0.2, spread=10.0, **at_a_time)
        yield (
            f"200 a second, 50 ms{said}",
            Limit(think=0.05, rate=200, burst=20, fixed=(9, 10, 11), retry_after=after),
        )


LIMITS = dict(_limits())
PLOTTED = ("40 at a time, 200 ms spread", "200 a second, 50 ms")


class Door:
    """Lets in what the endpoint bears, and writes down what it sees. Times are seconds from the first request on."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.inside = 0
        self.seen = Seen()
        self._began: float | None = None
        self._level, self._at = limit.burst, 0.0

    def now(self) -> float:
        """The time."""
        if self._began is None:
            self._began = time.monotonic()
        return time.monotonic() - self._began

    def lets_in(self) -> bool:
        """Whether one more is borne, which is then inside."""
        now, limit = self.now(), self.limit
        fits = self.inside < limit.most
        if limit.rate < math.inf:
            self._level, self._at = min(limit.burst, self._level + (now - self._at) * limit.rate), now
            fits = fits and self._level >= 1
            self._level -= fits
        if fits:
            self.inside += 1
        else:
            self.seen.refused.append(now)
        return fits

    def left(self) -> None:
        """One of them is answered."""
        self.inside -= 1
        self.seen.answered.append(self.now())

    def sample(self) -> None:
        """Write down how many are inside."""
        if self._began is not None:
            self.seen.inside.append((self.now(), self.inside))


@dataclass(kw_only=True)
class Seen:
    """What an endpoint saw: the times of what it answered and refused; how many were inside at some times."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    inside: list[tuple[float, int]] = field(default_factory=list)

    def refused_share(self, since: float, until: float) -> float:
        """The part that was refused."""
        refused, answered = (sum(since <= at < until for at in times) for times in (self.refused, self.answered))
        return refused / max(1, refused + answered)

    def slots(self, until: float) -> list[float]:
        """Documents a second, for each slot of time."""
        counts = [0] * round(until / SLOT)
        for at in self.answered:
            if at < len(counts) * SLOT:
                counts[int(at / SLOT)] += 1
        return [count / SLOT for count in counts]

    def time_to(self, per_second: float, until: float) -> float | None:
        """The end of the first slot with so many; None without one."""
        return next((SLOT * (n + 1) for n, each in enumerate(self.slots(until)) if each >= per_second), None)


def _sample(door: Door, call_later: Callable[..., Any]) -> None:
    door.sample()
    call_later(SAMPLED, _sample, door, call_later)


class _Limited(_Connection):
    """The same at an endpoint with a limit. `POST /seen/` is answered with what it saw."""

    door: Door

    def asked(self, kind: bytes) -> None:
        """Answer a request, or refuse it."""
        if kind == b"seen":
            self.transport.write(_said("200 OK", asdict(self.door.seen)))
        elif self.door.lets_in():
            self.call_later(self.door.limit.seconds(), self._answer, self.replies[kind])
        else:
            self.transport.write(_refusal(self.door.limit.retry_after))

    def _answer(self, reply: bytes) -> None:
        self.door.left()
        self.transport.write(reply)


def _said(status: str, body: Any, more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _refusal(retry_after: float | None) -> bytes:
    error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
    more = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
    return _said("429 Too Many Requests", {"error": error}, more)


# --------------------------------------------------------------------------------- asking it, and what came of it


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


class Count:
    """Documents that were had and not, by tasks or threads that want one after the other until the time is over."""

    def __init__(self, seconds: float) -> None:
        self.in_time = self.done = self.failed = 0
        self.why: set[str] = set()
        self._lock = threading.Lock()
        self._seconds, self._cpu = seconds, time.process_time()
        self._until = time.perf_counter() + seconds

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.perf_counter() < self._until

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Have one."""
        error: Exception | None = None
        try:
            yield
        except Exception as failed:  # noqa: BLE001  # of whatever library
            error = failed
        with self._lock:
            self.done += error is None
            self.failed += error is not None
            self.in_time += error is None and self.goes_on()
            if error is not None:
                self.why.add(f"{type(error).__name__}: {error}".partition("\n")[0][:120])

    def run(self, seen: Seen) -> Run:
        """What came of it."""
        cpu = (time.process_time() - self._cpu) / max(1, self.done) * 1e3
        why = tuple(sorted(self.why)[:3])
        return Run(seconds=self._seconds, documents=self.in_time, failed=self.failed, cpu=cpu, seen=seen, why=why)


def _seen(root: str) -> Seen:
    with urllib.request.urlopen(root + "/seen/", data=b"") as answer:  # loopback
        return Seen(**json.load(answer))


def flood(
    loop: asyncio.Runner, scenario: str, make: Callable[[Case, str], overhead.AsyncCall], at_once: int, seconds: float
) -> Run:
    """Ask a new endpoint with so many tasks at once."""

    async def wanted(root: str) -> Count:
        call, count = make(CASE, root + "/content/v1"), Count(seconds)

        async def work() -> None:
            while count.goes_on():
                with count.one():
                    await call()

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
        return count

    with _serving(0.0, scenario) as root:
        count = loop.run(wanted(root))
        return count.run(_seen(root))


def sync_flood(scenario: str, make: Callable[[Case, str], overhead.Call], at_once: int, seconds: float) -> Run:
    """The same with threads."""
    with _serving(0.0, scenario) as root:
        call, count = make(CASE, root + "/content/v1"), Count(seconds)

        def work() -> None:
            while count.goes_on():
                with count.one():
                    call()

        with ThreadPoolExecutor(at_once) as pool:
            for each in [pool.submit(work) for _ in range(at_once)]:
                each.result()
        return count.run(_seen(root))


def fixed_ours(number: int) -> Callable[[Case, str], overhead.AsyncCall]:
    """Ours, told how many at once."""

    def make(case: Case, url: str) -> overhead.AsyncCall:
        limits = extractor.RateLimits(concurrency=number)
        client = extractor.AsyncExtractor(MODEL, base_url=url, api_key=KEY, limits=limits)
        return lambda: client.extract(case.model, case.document)

    return make


def fixed_plain(number: int) -> Callable[[Case, str], overhead.AsyncCall]:
    """By hand: a semaphore, and two retries, each after a time that doubles or that is asked for."""

    def make(case: Case, url: str) -> overhead.AsyncCall:
        client, schema = httpx.AsyncClient(timeout=PATIENT), case.model.model_json_schema()
        target, room = url + "/chat/completions", asyncio.Semaphore(number)

        async def call() -> BaseModel:
            async with room:
                for wait in (0.5, 1.0, None):
                    reply = await client.post(target, json=overhead._body(case, schema), headers=overhead.HEADERS)
                    if reply.status_code != httpx.codes.TOO_MANY_REQUESTS or wait is None:
                        break
                    await asyncio.sleep(float(reply.headers.get("retry-after", wait * random.uniform(0.5, 1.0))))
                reply.raise_for_status()
                return overhead._validated(case, reply)

        return call

    return make


@dataclass(kw_only=True)
class Found:
    """The runs of one scenario, by contender; `best` is the name of the best fixed one."""

    scenario: str
    runs: dict[str, Run]
    best: str


def measure_limit(loop: asyncio.Runner, name: str, seconds: float, fast: bool) -> Found:
    """Everyone at one endpoint."""
    fixed: dict[str, Run] = {}
    for number in LIMITS[name].fixed:
        for way, make in (("ours", fixed_ours), ("by hand", fixed_plain)):
            fixed[f"{way}, {number}"] = flood(loop, name, make(number), TASKS, FIXED_FOR * seconds)
    runs = {
        f"AsyncExtractor, {TASKS} tasks": flood(loop, name, overhead.async_extractor, TASKS, seconds),
        f"Extractor, {THREADS} threads": sync_flood(name, overhead.extractor_client, THREADS, seconds),
    }
    if not fast:
        with contextlib.suppress(ImportError):
            runs[f"openai parse, {TASKS} tasks"] = flood(loop, name, overhead.async_openai_parse, TASKS, seconds)
    whole = {each: run for each, run in fixed.items() if not run.failed} or fixed
    return Found(scenario=name, runs={**runs, **fixed}, best=max(whole, key=lambda each: whole[each].per_second))


def _limit_report(found: Found) -> str:
    best, limit = found.runs[found.best].per_second, LIMITS[found.scenario]
    rows, remarks = [], []
    for name, run in found.runs.items():
        settled, reached = SETTLED * run.seconds, run.seen.time_to(0.8 * best, run.seconds)
        rows.append(
            [
                name + (" (best)" if name == found.best else ""),
                f"{run.per_second:,.0f}",
                f"{run.per_second / best:.2f}",
                f"{run.per_second / limit.best:.2f}",
                f"{100 * run.seen.refused_share(0.0, run.seconds):.2f}",
                f"{100 * run.seen.refused_share(settled, run.seconds):.2f}",
                f"{run.failed:,}",
                "–" if reached is None else f"{reached:.1f}",
                f"{run.cpu:.2f}",
            ]
        )
        remarks += [f"{name}: {why}" for why in run.why]
    header = [found.scenario, "a second", "/ best", "/ limit", "refused %", "settled %", "failed", "80 % s", "CPU ms"]
    return "\n".join([table(header, rows), *remarks])


# ----------------------------------------------------------------------------------------------- the picture

WIDTH, LEFT, RIGHT, TALL, GAP = 760, 70, 20, 150, 46
BLUE, GREEN, RED, GREY = "#2457a6", "#2b8a3e", "#c92a2a", "#868e96"


def _words(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{text}</text>'


def _step(most: float) -> float:
    """The distance of round numbers on an axis: four to eight of them."""
    size = 10.0 ** math.floor(math.log10(most / 4))
    return next(size * each for each in (1, 2, 5, 10) if size * each * 8 >= most)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A frame with axes, its upper edge at `top`: seconds to the right, up to `most` of something upwards."""

    top: float
    seconds: float
    most: float

    def x(self, seconds: float) -> float:
        """Where a time is."""
        return LEFT + seconds / self.seconds * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Where a value is."""
        return self.top + TALL - min(value, self.most) / self.most * TALL

    def line(self, points: list[tuple[float, float]], look: str) -> str:
        """A line through points."""
        places = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return f'<polyline points="{places}" fill="none" {look}/>'

    def axes(self, label: str) -> str:
        """The frame, round numbers on both axes, and what they are."""
        left, right, bottom = LEFT, WIDTH - RIGHT, self.top + TALL
        parts = [f'<path d="M{left} {self.top:.0f}V{bottom:.0f}H{right}" fill="none" stroke="#000"/>']
        step = _step(self.most)
        for number in range(int(self.most / step) + 1):
            y = self.y(number * step)
            parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#e9ecef"/>' if number else "")
            parts.append(_words(left - 6, y + 4, f"{number * step:g}", 'text-anchor="end"'))
        across = _step(self.seconds)
        for number in range(int(self.seconds / across) + 1):
            x = self.x(number * across)
            parts.append(f'<path d="M{x:.1f} {bottom:.0f}v4" stroke="#000"/>')
            unit = " s" if number * across + across > self.seconds else ""
            parts.append(_words(x, bottom + 17, f"{number * across:g}{unit}", 'text-anchor="middle"'))
        middle = self.top + TALL / 2
        turned = f'text-anchor="middle" transform="rotate(-90 18 {middle:.0f})"'
        return "".join([*parts, _words(18, middle, label, turned)])


def _drawn(name: str, run: Run, top: float) -> str:
    """What the endpoint saw of one run: two panels, one above the other."""
    limit, seen, seconds = LIMITS[name], run.seen, run.seconds
    inside = [(at, float(number)) for at, number in seen.inside if at < seconds]
    highest = max([number for _, number in inside] + [limit.most if limit.most < math.inf else 0])
    upper = Panel(top=top + 34, seconds=seconds, most=1.2 * highest)
    slots = [((n + 0.5) * SLOT, each) for n, each in enumerate(seen.slots(seconds))]
    lower = Panel(top=upper.top + TALL + GAP, seconds=seconds, most=1.25 * max(limit.best, *(y for _, y in slots)))
    dashed = f'stroke="{GREY}" stroke-dasharray="6 4"'
    ticks = "".join(f"M{upper.x(at):.1f} {upper.top - 2:.0f}v-8" for at in seen.refused if at < seconds)
    limits = [lower.line([(0.0, limit.best), (seconds, limit.best)], dashed)]
    if limit.most < math.inf:
        limits.append(upper.line([(0.0, limit.most), (seconds, limit.most)], dashed))
    refused = sum(at < seconds for at in seen.refused)
    share = 100 * seen.refused_share(SETTLED * seconds, seconds)
    after = f'text-anchor="end" fill="{RED}"'
    return "".join(
        [
            _words(LEFT, top + 14, f"The endpoint bears {name}", 'font-size="15" font-weight="bold"'),
            _words(WIDTH - RIGHT, top + 14, f"{refused:,} refused; {share:.1f} % once settled", after),
            upper.axes("under way"),
            lower.axes("documents a second"),
            *limits,
            f'<path d="{ticks}" stroke="{RED}"/>',
            upper.line(inside, f'stroke="{BLUE}"'),
            lower.line(slots, f'stroke="{GREEN}" stroke-width="2"'),
        ]
    )


def plot(path: Path, runs: Mapping[str, Run]) -> None:
    """Draw the run of each scenario."""
    tall = 2 * TALL + 2 * GAP + 34
    drawn = "".join(_drawn(name, run, 8 + number * tall) for number, (name, run) in enumerate(runs.items()))
    height = 8 + len(runs) * tall + 20
    legend, x = "", LEFT
    for colour, text in (
        (BLUE, "under way at the endpoint"),
        (GREEN, "documents a second"),
        (RED, "one refused"),
        (GREY, "its limit, not told"),
    ):
        legend += f'<path d="M{x} {height - 16}h18" stroke="{colour}" stroke-width="3"/>'
        legend += _words(x + 24, height - 12, text)
        x += 40 + 7 * len(text)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>{drawn}{legend}'
        "</svg>\n",
        encoding="utf-8",
    )


# ------------------------------------------------------------------------------------------- reporting


def _report(way: str, measured: Measured) -> str:
    rows = []
    for name, turns_at in measured.items():
        for at_once, turns in turns_at.items():
            middle = {key: statistics.median(getattr(turn, key) for turn in turns) for key in asdict(turns[0])}
            rows.append(
                [
                    f"{name}, {at_once:,}",
                    f"{middle['per_second']:,.0f}",
                    f"{middle['cpu']:.2f}",
                    f"{min(turn.cpu for turn in turns):.2f}",
                    f"{middle['median']:,.0f}",
                    f"{middle['p99']:,.0f}",
                    f"{middle['p99'] / middle['median']:.1f}",
                    str(sum(turn.failed for turn in turns)),
                ]
            )
    return table(
        [f"{way}, at once", "a second", "CPU ms", "least", "median ms", "p99 ms", "p99/median", "failed"], rows
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often every contender has its turn")
    parser.add_argument("--at", default="1,16,64,256,1024", help="numbers of calls at once")
    parser.add_argument("--think", type=float, default=50.0, help="milliseconds that the endpoint takes")
    parser.add_argument("--fast", action="store_true", help="without other libraries")
    parser.add_argument("--only", choices=("async", "sync", "memory", "limit"), help="measure only this")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each asks an endpoint with a limit")
    parser.add_argument("--scenario", default="", help="the limits whose name has this in it")
    parser.add_argument("--plot", type=Path, help="an SVG file to draw two of these in")
    parser.add_argument("--json", action="store_true", help="print all turns as JSON instead of tables")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--grow", help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    return parser.parse_args()


def _room_for(connections: int) -> None:
    """Each connection is an open file; many systems allow fewer at first than they would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    isolated()
    numbers = [int(number) for number in arguments.at.split(",")]
    _room_for(max(numbers))
    if arguments.serve:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        return asyncio.run(_serve(arguments.think / 1e3, arguments.scenario or None))
    if arguments.grow:
        return _grown(arguments.grow, arguments.root, max(numbers))
    wanted = (arguments.only,) if arguments.only else ("async", "sync", "memory", "limit")
    measured = _measured(arguments, wanted, numbers)
    if arguments.json:
        print(json.dumps({"environment": environment(), **measured}, default=asdict))
    return None


def _measured(arguments: argparse.Namespace, wanted: tuple[str, ...], numbers: list[int]) -> dict[str, Any]:
    """Measure what is wanted; unless it is for JSON, print each part as soon as it is there."""
    show: Callable[[str], None] = (lambda _: None) if arguments.json else functools.partial(print, flush=True)
    rounds, fast, think = arguments.rounds, arguments.fast, arguments.think
    measured: dict[str, Any] = {}
    show(f"{environment()}\n")
    if wanted != ("limit",):
        show(f"{rounds} rounds, {think:.0f} ms to think; {extractor.__name__}\n")
    with _serving(think) as root:
        if "async" in wanted:
            measured["async"] = asyncio.run(measure_async(root, rounds, numbers, fast))
            show(_report("async", measured["async"]) + "\n")
        if "sync" in wanted:
            measured["sync"] = measure_sync(root, rounds, numbers, fast)
            show(_report("sync", measured["sync"]) + "\n")
        if "memory" in wanted:
            grown = measured["memory"] = measure_memory(root, list(_made(ASYNC, root, fast)), max(numbers))
            rows = [[name, f"{megabytes:.0f}"] for name, megabytes in grown.items()]
            show(table([f"{max(numbers):,} tasks", "MB more"], rows) + "\n")
    if "limit" in wanted:
        measured["limit"] = []
        with asyncio.Runner() as loop:  # one for all: some clients are closed later, in the loop they began in
            for name in [name for name in LIMITS if arguments.scenario in name]:
                measured["limit"].append(measure_limit(loop, name, arguments.seconds, fast))
                show(_limit_report(measured["limit"][-1]) + "\n")
        if arguments.plot:
            ours = {found.scenario: next(iter(found.runs.values())) for found in measured["limit"]}
            plot(arguments.plot, {name: ours[name] for name in PLOTTED if name in ours})
    return measured


if __name__ == "__main__":
    main()
