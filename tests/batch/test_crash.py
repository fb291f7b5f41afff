"""A job whose process dies goes on where it was: the small version of benchmarks/crash.py."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("there is no SIGKILL", allow_module_level=True)

sys.path.append(str(Path(__file__).parent.parent.parent / "benchmarks"))

import crash
from ledger import Ledger, keeping


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with keeping(think=crash.THINK) as kept:
        yield kept


@pytest.fixture
def plan(tmp_path: Path) -> crash.Plan:
    return crash.Plan(kills=4, documents=36, chance=random.Random(1), folder=tmp_path)


def test_nothing_is_lost_or_paid_twice_when_the_process_is_killed(ledger: Ledger, plan: crash.Plan) -> None:
    """Each document has one right result, and only what was under way when the process was killed is paid again."""
    row = crash.killed(ledger, plan, "files", kills=4, drivers=crash.DRIVERS)
    assert (row.broken, row.lost, row.twice) == ((), 0, 0)
    assert row.ended == 4
    assert row.paid_twice <= row.allowed


def test_chunks_are_not_paid_twice_when_the_process_is_killed(ledger: Ledger, plan: crash.Plan) -> None:
    """The chunks that were answered are not asked for again, although their document was not finished."""
    row = crash.killed(ledger, plan, "chunks", kills=2, drivers=("threads", "tasks"), chunked=True)
    assert (row.broken, row.lost, row.twice) == ((), 0, 0)


def test_processes_share_a_job(ledger: Ledger, plan: crash.Plan) -> None:
    """Two processes ask for each document once between them; when one is killed, the other takes over."""
    row = crash.together(ledger, plan, "two", drivers=("threads", "tasks"), kill=True, clock=True)
    assert (row.broken, row.lost, row.twice) == ((), 0, 0)


def test_a_job_without_room_goes_on_later(ledger: Ledger, plan: crash.Plan) -> None:
    """Where the file cannot grow the process stops with a `JobError`, and what it has shown is safe."""
    row = crash.full(ledger, plan, "full", driver="threads", tmpfs=False)
    assert (row.broken, row.lost, row.twice) == ((), 0, 0)
