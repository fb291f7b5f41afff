"""What CPU time one extraction costs the client, compared to other libraries and to a script by hand.

    python benchmarks/overhead.py [--rounds 15] [--calls 100] [--into FOLDER]

All contenders ask the same loopback endpoint, which runs in another process and gives a fixed reply; they take turns
in every round, each round in another order. Each keeps what it can keep between calls. Other libraries take part where
they are installed (`pip install "extractor[benchmarks]"`), with a quarter of the calls, since theirs take longer.

Two floors stand beside them: what one would write by hand with a kept `httpx` client, the model's schema and its
`model_validate_json`; and the same with nothing but a socket.

Gives, for a model of 6 fields and one of 60 fields on three levels, sync and async (sequential awaits): microseconds
of CPU (user and system, of the client's process) per call, median of the rounds; the ratio to `httpx by hand`, median
of the rounds; the size of a request.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

from contenders import CONTENDERS, AsyncCall, Call, Contender, Task, installed, versions
from loopback import CASES, Case, command, isolated, machine, orders, ratio, sent_bytes, serving
from pydantic import BaseModel
from results import Cell, Column, Report, Table, options, publish

Rounds: TypeAlias = "dict[str, list[float]]"
"""Contender → microseconds per call, one for each round."""

HAND = "httpx by hand"
FEWER = 4
"""By what factor other libraries make fewer calls in a round."""


def _place(way: str, contender: Contender, case: Case) -> str:
    """Where a contender's requests go: one path for each, by which their sizes are told apart."""
    name = "".join(each if each.isalnum() else "-" for each in contender.name)
    return f"/{way}-{name}/{case.name}/{contender.mode}/v1"


def _task(way: str, contender: Contender, case: Case, root: str) -> Task:
    return Task(model=case.model, document=case.document, base_url=root + _place(way, contender, case), retries=None)


def _calls(name: str, calls: int) -> int:
    return max(1, calls // FEWER) if CONTENDERS[name].kind == "peer" else calls


def _per_call(started: float, calls: int) -> float:
    return (time.process_time() - started) / calls * 1e6


def measure_sync(case: Case, root: str, rounds: int, calls: int) -> Rounds:
    """Every contender in every round; before that, once to see that it works."""
    made: dict[str, Call] = {each.name: each.sync(_task("sync", each, case, root)) for each in installed() if each.sync}
    measured: Rounds = {name: [] for name in made}
    for name, call in made.items():
        check(name, case, call())
    for order in orders(made, rounds):
        for name in order:
            call, number = made[name], _calls(name, calls)
            started = time.process_time()
            for _ in range(number):
                call()
            measured[name].append(_per_call(started, number))
    return measured


async def measure_async(case: Case, root: str, rounds: int, calls: int) -> Rounds:
    """Measure the same with await, one call after the other."""
    made: dict[str, AsyncCall] = {
        each.name: each.asynchronous(_task("async", each, case, root)) for each in installed() if each.asynchronous
    }
    measured: Rounds = {name: [] for name in made}
    for name, call in made.items():
        check(name, case, await call())
    for order in orders(made, rounds):
        for name in order:
            call, number = made[name], _calls(name, calls)
            started = time.process_time()
            for _ in range(number):
                await call()
            measured[name].append(_per_call(started, number))
    return measured


def check(name: str, case: Case, value: BaseModel) -> None:
    """Exit where something else was extracted."""
    # By their data: instructor gives an instance of a class of its own.
    if value.model_dump() != case.model.model_validate(case.value).model_dump():
        sys.exit(f"{name} extracted something else: {value!r}")


# ---------------------------------------------------------------------------------------- reporting


def _columns() -> tuple[Column, ...]:
    return tuple(
        column
        for fields in ("6 fields", "60 fields")
        for column in (
            Column(name=f"{fields}: CPU µs", form=",.0f", better="less"),
            Column(name=f"{fields}: times httpx", better="less"),
            Column(name=f"{fields}: bytes sent", form=",.0f"),
        )
    )


def _tabled(way: str, measured: Mapping[str, Rounds], sizes: Mapping[str, int]) -> Table:
    rows: dict[str, list[Cell]] = {}
    for name in next(iter(measured.values())):
        rows[name] = []
        for case, rounds in measured.items():
            size = sizes[_place(way, CONTENDERS[name], CASES[case]) + "/chat/completions"]
            rows[name] += [statistics.median(rounds[name]), ratio(rounds[name], rounds[HAND]), size]
    return Table(
        title=f"CPU time of one extraction, {way}",
        columns=_columns(),
        rows=rows,
        ours=tuple(name for name in rows if CONTENDERS[name].kind == "ours"),
        floors=tuple(name for name in rows if CONTENDERS[name].kind == "floor"),
    )


def _measured(rounds: int, calls: int) -> tuple[tuple[Table, ...], dict[str, Any]]:
    with serving() as root:
        sync = {name: measure_sync(case, root, rounds, calls) for name, case in CASES.items()}
        with asyncio.Runner() as loop:  # one for all: some clients are closed later, in the loop they began in
            awaited = {name: loop.run(measure_async(case, root, rounds, calls)) for name, case in CASES.items()}
        sizes = sent_bytes(root)
    tables = (_tabled("sync", sync, sizes), _tabled("async", awaited, sizes))
    return tables, {"microseconds": {"sync": sync, "async": awaited}, "bytes": sizes}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="how often every contender has its turn")
    parser.add_argument("--calls", type=int, default=100, help="calls in one turn; of other libraries a quarter")
    options(parser)
    arguments = parser.parse_args()
    isolated()
    began = time.perf_counter()
    tables, data = _measured(arguments.rounds, arguments.calls)
    report = Report(
        name="overhead",
        question="What CPU time does one extraction cost the client?",
        command=command(),
        environment=machine(),
        versions=versions(installed()),
        tables=tables,
        notes=(
            f"{arguments.rounds} rounds of {arguments.calls} calls ({arguments.calls // FEWER} of other libraries). "
            "CPU is user and system time of the client's process; a call includes sending, receiving and validation.",
            "The floors look at nothing but the content. `raw sockets` has all of the request but the text encoded "
            "beforehand.",
            "instructor, pydantic-ai and trustcall send the model as a tool, as their documentation does first; two "
            "rows show what JSON Schema costs instead.",
        ),
        seconds=time.perf_counter() - began,
        data=data,
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
