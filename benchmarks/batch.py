"""How near ten thousand documents come to what an endpoint gives at most, and what the job file costs.

    python benchmarks/batch.py [--documents 10000] [--rounds 3] [--limit TEXT] [--fast] [--peers] [--json]
    python benchmarks/batch.py --ray [--documents 10000] [--fast]

A loopback endpoint in another process thinks for 50 ms and refuses what is above a limit that nobody is told, with a
429 at once: 16 at a time, 64 at a time, or 200 a second with a Retry-After. It gets so many documents, which come from
a generator, of `Extractor.map` (threads) and `AsyncExtractor.map` (tasks), without a job, with one (on the disk of the
temporary folder), and with one that has what is known of the fields worked out at once (`evidence=True`).
Two others KNOW the limit: the floor, which is nothing but sockets, JSON and validation, and a loop around httpx as one
would write it by hand. With `--peers` also the OpenAI SDK and instructor, where they are installed, with a semaphore of
10 or of 50, which is how one guesses. All take turns in every round, each in a fresh process, which has had 64
documents before it is timed.

Prints for each, medians of the rounds: documents a second; the part of the limit's maximum (computed: the number at a
time by the time of an answer, or the rate) and of what the floor got; milliseconds of CPU (user and system, all
threads) a document; how many requests were refused, for 100 documents; the documents that failed; by how many MB the
memory grew at its peak, after a tenth of the documents and at the end. Then what the job costs: its part of the time
and of the CPU, and the bytes of its file for each document.

`--ray` has two workers of Ray ask for the same documents with `extractor.batch.ray.extract(…, job=)`, one of them
killed in the middle, and compares the values with those of a local job. Its endpoint is that of benchmarks/ledger.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import ledger
import overhead
import throughput
from loopback import CASES, KEY, MODEL, environment, isolated

CASE = CASES["flat"]
THINK = 0.05  # seconds
WARM = 64  # documents before the time runs
LIMITS: Mapping[str, throughput.Limit] = {
    "16 at a time": throughput.Limit(think=THINK, most=16, fixed=(16,)),
    "64 at a time": throughput.Limit(think=THINK, most=64, fixed=(64,)),
    "200 a second": throughput.Limit(think=THINK, rate=200, burst=20, retry_after=0.2, fixed=(10,)),
}
GUESSES = (10, 50)
PEERS: Mapping[str, Callable[..., Any]] = {
    "openai": overhead.async_openai_parse,
    "instructor": overhead.async_instructor_tools,
}
OURS = ("map, threads", "map, tasks")
JOB, EVIDENT = ", with job", ", evidence"
FLOOR, BY_HAND = "floor: sockets, knows the limit", "by hand: httpx, knows the limit"


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
        self._memory = throughput._most()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def one(self, error: BaseException | None = None) -> None:
        """One more is finished."""
        self.turn.done += error is None
        self.turn.failed += error is not None
        if error is not None:
            self.turn.why = f"{type(error).__name__}: {error}".partition("\n")[0][:120]
        if self.turn.done + self.turn.failed == self._early:
            self.turn.early = throughput._most() - self._memory

    def end(self) -> Turn:
        """What it came to."""
        self.turn.wall, self.turn.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self.turn.late = throughput._most() - self._memory
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


def _prompt(limit: throughput.Limit) -> int:
    """How many at once one who knows the limit has."""
    return int(limit.most) if limit.rate == math.inf else 2 * int(limit.rate * limit.think)


class Paced:
    """Lets one go after the other, as many a second as the limit allows."""

    def __init__(self, limit: throughput.Limit) -> None:
        self._apart = 0.0 if limit.rate == math.inf else 1 / limit.rate
        self._next = time.perf_counter()

    async def turn(self) -> None:
        """Wait for it."""
        if self._apart:
            self._next = at = max(self._next + self._apart, time.perf_counter())
            await asyncio.sleep(at - time.perf_counter())


def _by_hand(url: str, number: int, limit: throughput.Limit) -> Turn:
    schema, target, at_once = CASE.model.model_json_schema(), url + "/chat/completions", _prompt(limit)

    async def main() -> Turn:
        async with httpx.AsyncClient(timeout=throughput.PATIENT) as client:
            paced = Paced(limit)

            async def call(document: str) -> None:
                case = replace(CASE, document=document)
                body = overhead._body(case, schema)
                while True:
                    await paced.turn()
                    reply = await client.post(target, json=body, headers=overhead.HEADERS)
                    if reply.status_code != httpx.codes.TOO_MANY_REQUESTS:
                        break
                    await asyncio.sleep(float(reply.headers.get("retry-after", 0.01)))
                reply.raise_for_status()
                overhead._validated(case, reply)

            await _crowd(WARM, at_once, number, call)
            return await _crowd(number, at_once, 0, call)

    return asyncio.run(main())


def _floor(url: str, number: int, limit: throughput.Limit) -> Turn:
    """Nothing but sockets: each task has one, writes a request and reads the answer."""
    schema, at_once = CASE.model.model_json_schema(), _prompt(limit)
    place = httpx.URL(url + "/chat/completions")
    head = f"POST {place.path} HTTP/1.1\r\nhost: {place.host}\r\nauthorization: Bearer {KEY}\r\ncontent-length: "

    async def post(streams: Any, content: bytes) -> tuple[int, bytes]:
        reader, writer = streams
        writer.write(f"{head}{len(content)}\r\n\r\n".encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(answer.split(b" ", 2)[1]), await reader.readexactly(size)

    async def main() -> Turn:
        paced = Paced(limit)
        idle = [await asyncio.open_connection(place.host, place.port) for _ in range(at_once)]

        async def call(document: str) -> None:
            body = json.dumps(overhead._body(replace(CASE, document=document), schema)).encode()
            streams = idle.pop()
            while True:
                await paced.turn()
                status, answer = await post(streams, body)
                if status == httpx.codes.OK:
                    break
                await asyncio.sleep(limit.retry_after or 0.01)
            idle.append(streams)
            CASE.model.model_validate_json(json.loads(answer)["choices"][0]["message"]["content"])

        await _crowd(WARM, at_once, number, call)
        return await _crowd(number, at_once, 0, call)

    return asyncio.run(main())


def _peer(name: str, url: str, number: int, guess: int) -> Turn:
    """Its call is for one document; that is all the same to the endpoint."""
    address = url.replace("/content/", "/tool/") if name == "instructor" else url

    async def main() -> Turn:
        ask = PEERS[name](CASE, address)

        async def call(document: str) -> None:
            await ask()

        await _crowd(WARM, guess, number, call)
        return await _crowd(number, guess, 0, call)

    return asyncio.run(main())


def _file_size(job: Path) -> int:
    return sum(each.stat().st_size for each in job.parent.glob(job.name + "*"))


def turn(name: str, root: str, number: int, limit: throughput.Limit) -> Turn:
    """One contender's turn."""
    url = root + "/content/v1"
    if name in (FLOOR, BY_HAND):
        return (_floor if name == FLOOR else _by_hand)(url, number, limit)
    if name.partition(",")[0] in PEERS:
        library, _, guess = name.partition(", semaphore of ")
        return _peer(library, url, number, int(guess))
    drive = _by_threads if "threads" in name else _by_tasks
    if JOB not in name:
        return drive(url, number)
    with tempfile.TemporaryDirectory(prefix="extractor-batch-") as folder:
        job = Path(folder) / "job.db"
        took = drive(url, number, job=job, evidence=name.endswith(EVIDENT))
        took.file = _file_size(job)
        return took


# ------------------------------------------------------------------------------------------- all turns


@contextlib.contextmanager
def _serving(limit: str) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", "--limit", limit]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            server.terminate()


def _taken(name: str, limit: str, number: int) -> Turn | None:
    """A turn in a process of its own, at an endpoint of its own. None where the contender is not installed."""
    with _serving(limit) as root:
        command = [sys.executable, str(Path(__file__).resolve()), "--run", name, "--root", root]
        command += ["--limit", limit, "--documents", str(number)]
        quiet = subprocess.DEVNULL if name.partition(",")[0] in PEERS else None  # they log every refusal
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=quiet, text=True, check=False)
        if done.returncode != 0:
            print(f"without {name}: it ended with {done.returncode}", file=sys.stderr)
            return None
        took = Turn(**json.loads(done.stdout.splitlines()[-1]))
        took.refused = len(throughput._seen(root).refused)
        return took


Turns = dict[str, list[Turn]]
"""Contender → turns."""


def contenders(peers: bool) -> list[str]:
    """Their names."""
    ours = [name + more for name in OURS for more in ("", JOB, JOB + EVIDENT)]
    guessed = [f"{library}, semaphore of {guess}" for library in PEERS for guess in GUESSES] if peers else []
    return [FLOOR, BY_HAND, *ours, *guessed]


def measured(limit: str, number: int, rounds: int, peers: bool) -> Turns:
    """Every contender in every round, each round in another order."""
    turns: Turns = {name: [] for name in contenders(peers)}
    for each in range(rounds):
        names = list(turns)
        for name in names[each % len(names) :] + names[: each % len(names)]:
            took = _taken(name, limit, number)
            if took is None:
                del turns[name]
            else:
                turns[name].append(took)
    return turns


def _middle(turns: list[Turn], value: Callable[[Turn], float]) -> float:
    return statistics.median(value(each) for each in turns)


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def reported(limit: str, turns: Turns) -> str:
    """The tables of one limit."""
    most = LIMITS[limit].best
    rows, costs = [], []
    floor = _middle(turns[FLOOR], lambda each: each.done / each.wall)
    for name, all_turns in turns.items():
        rate = _middle(all_turns, lambda each: each.done / each.wall)
        early = _middle(all_turns, lambda each: each.early / 1024)
        late = _middle(all_turns, lambda each: each.late / 1024)
        rows.append(
            [
                name,
                *(f"{rate:,.0f}", f"{rate / most:.2f}", f"{rate / floor:.2f}"),
                f"{_middle(all_turns, lambda each: each.cpu / max(1, each.done) * 1e3):.2f}",
                f"{_middle(all_turns, lambda each: each.refused / max(1, each.done) * 100):.2f}",
                str(sum(each.failed for each in all_turns)),
                *(f"{early:.1f}", f"{late:.1f}"),
            ]
        )
        plain = turns.get(name.partition(JOB)[0])
        if JOB in name and plain:
            wall, cpu = (
                statistics.median(
                    getattr(job, key) / getattr(each, key) for job, each in zip(all_turns, plain, strict=True)
                )
                for key in ("wall", "cpu")
            )
            size = _middle(all_turns, lambda each: each.file / (each.done + WARM))
            more = _middle(all_turns, lambda each: each.cpu / max(1, each.done) * 1e3)
            more -= _middle(plain, lambda each: each.cpu / max(1, each.done) * 1e3)
            costs.append([name, f"{100 * wall - 100:+.1f}", f"{100 * cpu - 100:+.1f}", f"{more:.2f}", f"{size:,.0f}"])
    header = [f"{limit} (at most {most:,.0f} a second)", "a second", "/ limit", "/ floor", "CPU ms", "refused %"]
    remarks = [f"{name}: {each.why}" for name, found in turns.items() for each in found[:1] if each.why]
    return "\n".join(
        [
            _markdown([*header, "failed", "MB at a tenth", "MB at the end"], rows),
            "",
            _markdown(["what the job costs", "time %", "CPU %", "CPU ms a document", "bytes a document"], costs),
            *remarks,
        ]
    )


# ----------------------------------------------------------------------------------------------- Ray

RAY_WORKERS = 2
LATE = 1.0  # seconds: a reply that had been there for so long when a worker was killed is safe


def _local(number: int, kept: ledger.Ledger, job: Path) -> dict[str, Any]:
    """The values of a local job, by document."""
    import extractor

    with extractor.Extractor(MODEL, base_url=kept.base_url, api_key="local-session") as client:
        documents = (ledger.case(each).text for each in range(number))
        results = client.map(ledger.Slip, documents, job=job)
        return {str(each.document): each.value.model_dump() for each in results}


def _killer(kept: ledger.Ledger, number: int, killed: list[float]) -> None:
    """Kill one of Ray's workers that ask, once half of the documents were asked for."""
    psutil: Any = importlib.import_module("psutil")
    kept.wait("ray-session", number // 2, 600.0)
    port = int(kept.base_url.rpartition(":")[2].partition("/")[0])
    for process in psutil.process_iter(["pid", "cmdline"]):
        with contextlib.suppress(psutil.Error):
            asks = (each.raddr and each.raddr.port == port for each in process.net_connections("inet"))
            if "ray::" in " ".join(process.cmdline()) and any(asks):
                killed.append(time.monotonic())
                process.send_signal(signal.SIGKILL)
                return


def ray_compared(number: int) -> str:
    """The same documents through Ray, with a worker killed, and locally. Raises where the values differ."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    from extractor.batch.ray import extract

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="extractor-ray-") as folder, ledger.keeping(think=THINK, most=64) as kept:
        began = time.perf_counter()
        local = _local(number, kept, Path(folder) / "local.db")
        took_local, began = time.perf_counter() - began, time.perf_counter()
        killed: list[float] = []
        watcher = threading.Thread(target=_killer, args=(kept, number, killed), daemon=True)
        watcher.start()
        rows = ray.data.from_items([{"text": ledger.case(each).text} for each in range(number)])
        dataset = extract(
            rows,
            ledger.Slip.model_json_schema(),
            job=str(Path(folder) / "ray.db"),
            model=MODEL,
            base_url=kept.base_url,
            api_key="ray-session",
            workers=RAY_WORKERS,
        )
        found = {row["text"]: row for row in dataset.iter_rows()}
        took = time.perf_counter() - began
        watcher.join(1.0)
        kept.settle()
        asked = [each for each in kept.entries("ray-session") if each.paid]
    ray.shutdown()
    same = sum(_value(found.get(text)) == value for text, value in local.items())
    by_key: dict[str, list[ledger.Entry]] = defaultdict(list)
    for each in asked:
        by_key[each.key].append(each)
    again = [first for same_key in by_key.values() for first, _ in pairwise(same_key)]
    asking = max(each.answered or 0.0 for each in asked) - min(each.received for each in asked)
    early = [each for each in again if not killed or (each.answered or 0.0) < killed[0] - LATE]
    rows_said = [
        ["local job", f"{number:,}", f"{number / took_local:,.0f}", "–", "–", "–", "–", "–"],
        [
            f"Ray, {RAY_WORKERS} workers, {len(killed)} killed",
            *(f"{len(found):,}", f"{number / took:,.0f}", f"{number / asking:,.0f}"),
            *(f"{same:,}", f"{len(asked):,}", f"{len(again):,}", f"{len(early):,}"),
        ],
    ]
    header = [
        "who",
        "documents",
        "a second, with its start",
        "while it asks",
        "values as the local job's",
        "requests paid",
        "twice",
    ]
    header += [f"of these, answered {LATE:.0f} s before the kill"]
    if same != number or not killed or early:
        raise SystemExit(
            _markdown(header, rows_said)
            + "\n\nThe values differ, or nothing was killed, or what was safe was paid again."
        )
    return _markdown(header, rows_said)


def _value(row: Any) -> Any:
    value = None if row is None else row["value"]
    return json.loads(value) if isinstance(value, str) else value


# -------------------------------------------------------------------------------------------- the script


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, help="how many; 10,000 by default, with --fast 1,000")
    parser.add_argument("--rounds", type=int, help="how often all have their turn; 3 by default, with --fast 1")
    parser.add_argument("--limit", default="", help="the limits whose name has this in it")
    parser.add_argument("--fast", action="store_true", help="few documents, one round")
    parser.add_argument("--peers", action="store_true", help="with other libraries")
    parser.add_argument("--ray", action="store_true", help="only Ray, beside a local job")
    parser.add_argument("--json", action="store_true", help="print all turns as JSON instead of tables")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    return parser.parse_args()


def _machine() -> str:
    import sqlite3

    with contextlib.suppress(metadata.PackageNotFoundError):
        return f"{environment()}, ray {metadata.version('ray')}; SQLite {sqlite3.sqlite_version}"
    return f"{environment()}; SQLite {sqlite3.sqlite_version}"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    isolated()
    throughput._room_for(1_024)
    number = arguments.documents or (1_000 if arguments.fast else 10_000)
    if arguments.serve:
        threading.Thread(target=throughput._end_with_parent, daemon=True).start()
        throughput.LIMITS.update(LIMITS)
        return asyncio.run(throughput._serve(THINK, arguments.limit))
    if arguments.run:
        took = turn(arguments.run, arguments.root, number, LIMITS[arguments.limit])
        return print(json.dumps(asdict(took)))
    if arguments.ray:
        return print(f"{_machine()}\n\n{ray_compared(number)}")
    rounds = arguments.rounds or (1 if arguments.fast else 3)
    if not arguments.json:
        print(f"{_machine()}\n{number:,} documents, {rounds} rounds, {THINK * 1e3:.0f} ms to think\n", flush=True)
    found = {}
    for limit in (name for name in LIMITS if arguments.limit in name):
        found[limit] = measured(limit, number, rounds, arguments.peers)
        if not arguments.json:
            print(reported(limit, found[limit]) + "\n", flush=True)
    if arguments.json:
        print(json.dumps({"environment": _machine(), "limits": found}, default=asdict))
    return None


if __name__ == "__main__":
    main()
