"""How many extractions a second one process manages at once, and what each costs it.

    python benchmarks/throughput.py [--fast] [--rounds 5] [--at 1,16,64,256,1024] [--think 50] [--json]

Tasks in one event loop, and threads, ask a loopback endpoint in another process, which answers every request with
the same reply after `--think` milliseconds. All contenders take turns in every round, each round in another order;
before a turn is counted, each of its tasks or threads makes one call, so that its connections are open.
Other libraries take part where they are installed (`pip install "extractor[benchmarks]"`) and up to 256 at once,
where a turn still takes seconds; `--fast` leaves them out.

Prints for each number at once, medians of the rounds: extractions per second; milliseconds of CPU (user and system,
of the client's process) per extraction, which is seconds per 1,000; the median and the 99th percentile of the time
that a call takes; and what the memory grew by with the most tasks at once, each contender in a fresh process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import overhead
from loopback import CASES, Case, environment, isolated, table
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
            self.call_later(self.think, self.transport.write, self.replies[head.split(b"/", 2)[1]])


async def _serve(think: float) -> None:
    import loopback

    _Connection.think = think
    _Connection.replies = {kind.encode(): loopback._completion(CASE, kind) for kind in ("content", "tool")}
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=2_048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the process that started this one does
    os._exit(0)


@contextlib.contextmanager
def _serving(think: float) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", "--think", str(think)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            server.terminate()


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
    parser.add_argument("--only", choices=("async", "sync", "memory"), help="measure only this")
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
        return asyncio.run(_serve(arguments.think / 1e3))
    if arguments.grow:
        return _grown(arguments.grow, arguments.root, max(numbers))
    measured: dict[str, Any] = {}
    wanted = (arguments.only,) if arguments.only else ("async", "sync", "memory")
    with _serving(arguments.think) as root:
        if "async" in wanted:
            measured["async"] = asyncio.run(measure_async(root, arguments.rounds, numbers, arguments.fast))
        if "sync" in wanted:
            measured["sync"] = measure_sync(root, arguments.rounds, numbers, arguments.fast)
        if "memory" in wanted:
            names = list(_made(ASYNC, root, arguments.fast))
            measured["memory"] = measure_memory(root, names, max(numbers))
    if arguments.json:
        print(json.dumps({"environment": environment(), **measured}, default=asdict))
        return None
    print(f"{environment()}\n{arguments.rounds} rounds, {arguments.think:.0f} ms to think; {extractor.__name__}\n")
    for way in ("async", "sync"):
        if way in measured:
            print(_report(way, measured[way]) + "\n")
    if "memory" in measured:
        rows = [[name, f"{grown:.0f}"] for name, grown in measured["memory"].items()]
        print(table([f"{max(numbers):,} tasks", "MB more"], rows))
    return None


if __name__ == "__main__":
    main()
