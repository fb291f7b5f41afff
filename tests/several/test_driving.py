"""The two drivers of a plan, with plans and pieces made up here."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from extractor.chat.wire import Usage
from extractor.errors import CallerError, ExtractorError
from extractor.result import Extraction
from extractor.schema.target import Target, target_of
from extractor.several.driving import MOST, by_tasks, by_threads
from extractor.several.pieces import Came, Piece, Plan

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20.0  # seconds: longer than any of this takes, so that a mistake does not hang
TARGET: Target[Any] = target_of(dict[str, int])
Work = Callable[[Piece], Any]
both = pytest.mark.parametrize("kind", ["threads", "tasks"])


class _Stop(BaseException):
    """Of those that are no `Exception`, one that asyncio leaves alone."""


def _piece(number: int) -> Piece:
    return Piece(number=number, target=TARGET, document=str(number), call={})


def _result(value: Any) -> Extraction[Any]:
    return Extraction(value=value, usage=Usage(), attempts=(), model="m", seconds=0.0, mode=None)


def _driven(kind: str, plan: Plan[Any], work: Work) -> Extraction[Any]:
    if kind == "threads":
        return by_threads(plan, work)

    async def one(piece: Piece) -> Extraction[Any]:
        done = work(piece)
        return await done if isinstance(done, Awaitable) else done  # type: ignore[no-any-return]

    return asyncio.run(by_tasks(plan, one))


def _all(count: int, seen: list[Came]) -> Plan[Any]:
    """All side by side."""
    ahead: list[Piece] = [_piece(number) for number in range(count)]
    for _ in range(count):
        seen.append((yield ahead))
        ahead = []
    return _result([each.piece.number for each in seen])


def _chain(count: int, closed: list[bool]) -> Plan[Any]:
    """One after the other."""
    try:
        came: list[Came] = []
        for number in range(count):
            came.append((yield [_piece(number)]))  # no comprehension may yield
        return _result([each.piece.number for each in came])
    finally:
        closed.append(True)


@both
@pytest.mark.parametrize("count", [1, 2, 3 * MOST])
def test_all_pieces_are_made(count: int, kind: str) -> None:
    """Every piece comes back once, with its result, however many there are."""
    seen: list[Came] = []
    result = _driven(kind, _all(count, seen), lambda piece: _result(piece.number * 2))
    assert sorted(result.value) == list(range(count))
    assert all(each.result is not None and each.result.value == each.piece.number * 2 for each in seen)


@both
def test_pieces_that_depend_on_each_other(kind: str) -> None:
    """A plan may wait for one piece before it asks for the next; it is ended."""
    closed: list[bool] = []
    result = _driven(kind, _chain(5, closed), lambda piece: _result(0))
    assert (result.value, closed) == ([0, 1, 2, 3, 4], [True])


def test_a_single_piece_needs_no_thread() -> None:
    """A piece alone is made in the caller's own thread."""
    threads: list[threading.Thread] = []

    def work(piece: Piece) -> Extraction[Any]:
        threads.append(threading.current_thread())
        return _result(0)

    by_threads(_chain(3, []), work)
    assert set(threads) == {threading.current_thread()}


def test_pieces_side_by_side() -> None:
    """As many threads as are allowed work at the same time, and no more; they are none that a process waits for."""
    barrier = threading.Barrier(MOST)
    threads: set[threading.Thread] = set()

    def work(piece: Piece) -> Extraction[Any]:
        threads.add(threading.current_thread())
        if piece.number < MOST:
            barrier.wait(PATIENCE)
        return _result(0)

    by_threads(_all(2 * MOST, []), work)
    assert len(threads) == MOST
    assert all(thread.daemon for thread in threads)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


@both
def test_an_error_is_an_outcome(kind: str) -> None:
    """An error of this library goes to the plan."""
    seen: list[Came] = []

    def work(piece: Piece) -> Extraction[Any]:
        if piece.number == 1:
            raise CallerError("a mistake")
        return _result(0)

    _driven(kind, _all(3, seen), work)
    assert [each.piece.number for each in seen if each.error is not None] == [1]
    assert all((each.error is None) != (each.result is None) for each in seen)


@both
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("error", [RuntimeError("a bug"), _Stop()], ids=["bug", "stop"])
def test_any_other_error_ends_it(error: BaseException, count: int, kind: str) -> None:
    """Any other error is raised as itself, with its cause, and the plan is ended."""
    closed: list[bool] = []

    def plan() -> Plan[Any]:
        try:
            yield [_piece(number) for number in range(count)]
            while True:
                yield ()
        finally:
            closed.append(True)

    def work(piece: Piece) -> Extraction[Any]:
        raise error from ValueError("why")

    with pytest.raises(type(error)) as caught:
        _driven(kind, plan(), work)
    assert caught.value is error
    assert isinstance(caught.value.__cause__, ValueError)
    assert closed == [True]


@both
def test_an_error_of_the_plan(kind: str) -> None:
    """What the plan raises is raised as itself, while other pieces are under way."""
    go_on = threading.Event()
    mine = CallerError("a mistake")

    def plan() -> Plan[Any]:
        yield [_piece(0), _piece(1)]
        raise mine

    async def waiting() -> Extraction[Any]:
        await asyncio.Event().wait()
        return _result(0)

    def work(piece: Piece) -> Any:
        if piece.number == 0:
            return _result(0)
        return waiting() if kind == "tasks" else (go_on.wait(PATIENCE), _result(0))[1]

    try:
        with pytest.raises(ExtractorError) as caught:
            _driven(kind, plan(), work)
    finally:
        go_on.set()
    assert caught.value is mine


def test_pieces_know_the_callers_context() -> None:
    """What the caller has set for its context holds in the threads, too."""
    who = contextvars.ContextVar("who", default="nobody")
    who.set("me")
    seen: list[str] = []

    def work(piece: Piece) -> Extraction[Any]:
        seen.append(who.get())
        who.set("another")
        return _result(0)

    by_threads(_all(4, []), work)
    assert (seen, who.get()) == (["me"] * 4, "me")


def test_an_interrupt_ends_the_process() -> None:
    """Ctrl-C ends a program although its requests have not been answered."""
    program = """
        import os, signal, threading
        from pydantic import BaseModel
        from extractor import extract
        from extractor.testing import FakeEndpoint

        class Person(BaseModel):
            name: str

        def never(request):
            if len(fake.requests) == 4:
                os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait()

        fake = FakeEndpoint({"name": "Ann"}, *[never] * 3).start()
        extract(Person, "Ann", base_url=fake.base_url, candidates=4)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 130, -signal.SIGINT)
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
