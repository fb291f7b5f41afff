"""Many documents on threads: feeds made up here, and real requests over loopback."""

from __future__ import annotations

import contextvars
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from made_feeds import Feed, result_of
from pydantic import BaseModel

from extractor import Extractor
from extractor.errors import AuthenticationFailed, ConnectionFailed, ExtractorError, OptionError
from extractor.result import DocumentResult, Extraction
from extractor.schema.target import target_of
from extractor.several.alone import documents_of
from extractor.several.feed import Await, Do, Extract, Work
from extractor.several.line import IN_A_ROW
from extractor.several.mapping import MOST, Results
from extractor.testing import FakeEndpoint, Reply

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20.0  # seconds: longer than any of this takes, so that a mistake does not hang


class Person(BaseModel):
    """Who."""

    name: str


def _extract(step: Extract) -> Extraction[Any]:
    return result_of(step.document)


def _results(feed: Feed, extract: Callable[[Extract], Extraction[Any]] = _extract, **options: Any) -> Results[Any]:
    return Results(feed, extract, **{"room": lambda: True, **options})


def _until_error(results: Results[Any]) -> tuple[list[DocumentResult[Any]], BaseException | None]:
    """What came, and what was raised then."""
    came = []
    try:
        for each in results:
            came.append(each)  # what came before the error counts
    except Exception as error:
        return came, error
    return came, None


# ------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3 * MOST])
def test_each_comes_once(count: int, ordered: bool) -> None:
    """Every document comes back once, with its own result; in order where that is wanted; then the feed is closed."""
    feed = Feed(range(count))
    came = [(each.number, each.value) for each in _results(feed, ordered=ordered)]
    assert sorted(came) == [(number, number) for number in range(count)]
    assert not ordered or came == sorted(came)
    assert feed.closes == 1


def test_real_requests() -> None:
    """Documents go to the endpoint as those of `run` do; one that fails is a result, and the others go on."""

    def answer(request: Any) -> Any:
        name = request.body["messages"][-1]["content"]
        return Reply(status=400, content="no") if "Bob" in name else {"name": "Ann"}

    with FakeEndpoint(answer, repeat=True) as fake, Extractor(model="m", base_url=fake.base_url) as extractor:

        def extract(step: Extract) -> Extraction[Any]:
            return extractor.run(step.target, step.document, **step.call)

        documents = ["Ann", "", "Bob", "Ann"]
        feed = documents_of(documents, target_of(Person), {}, lambda path: pytest.fail("there is no file"))
        with Results(feed, extract, room=lambda: True, ordered=True) as results:
            came = [*results]
    assert [type(each.error).__name__ for each in came] == ["NoneType", "DocumentError", "BadRequest", "NoneType"]
    assert [each.document for each in came] == documents
    assert came[3].value == Person(name="Ann")
    with pytest.raises(ExtractorError):
        _ = came[1].value


def test_side_by_side() -> None:
    """As many as are allowed are under way at the same time, on threads that no process waits for, and no more."""
    barrier = threading.Barrier(8)
    threads: set[threading.Thread] = set()

    def extract(step: Extract) -> Extraction[Any]:
        threads.add(threading.current_thread())
        if step.document < 8:
            barrier.wait(PATIENCE)
        return result_of(0)

    assert len([*_results(Feed(range(100)), extract, concurrency=8)]) == 100
    assert len(threads) == 8
    assert all(thread.daemon for thread in threads)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_the_input_is_read_as_it_is_needed() -> None:
    """Nothing is read before it is wanted, and no more than may be under way; in the caller's own thread."""
    threads: set[threading.Thread] = set()

    def numbers() -> Iterator[int]:
        for number in range(1_000):
            threads.add(threading.current_thread())
            yield number

    feed = Feed(numbers())
    results = _results(feed, concurrency=3)
    assert feed.taken == []
    for count in range(1, 10):
        next(results)
        assert len(feed.taken) <= count + 3
    results.close()
    assert threads == {threading.current_thread()}


def test_no_room() -> None:
    """Where there is no room at the endpoint only a few are under way, and all come nevertheless."""
    feed = Feed(range(100))
    for count, _ in enumerate(_results(feed, room=lambda: False), 1):
        assert len(feed.taken) <= count + 8
    assert count == 100


def test_concurrency_must_fit() -> None:
    """A wrong `concurrency` is an error before anything begins."""
    with pytest.raises(OptionError):
        _results(Feed([]), concurrency=0)


def test_the_callers_context() -> None:
    """What the caller has set for its context holds in the works, and what they set stays with them."""
    who = contextvars.ContextVar("who", default="nobody")
    who.set("me")

    def work(number: int) -> Work[Any]:
        assert who.get() == "me"
        who.set("another")
        yield Do(call=lambda: None)
        return DocumentResult(number=number, name=who.get())

    assert {each.name for each in _results(Feed(range(20), work))} == {"another"}
    assert who.get() == "me"


# ---------------------------------------------------------------------------------------------- the steps


def test_steps() -> None:
    """A work is sent what its steps come to, and has their errors thrown in."""
    future: Future[str] = Future()
    failed: Future[str] = Future()
    failed.set_exception(LookupError("failed"))
    threads: set[threading.Thread] = set()

    def call() -> str:
        threads.add(threading.current_thread())
        future.set_result("waited for")
        return "done"

    def broken() -> None:
        raise ValueError("broken")

    def work(number: int) -> Work[Any]:
        seen = [(yield Do(call=call)), (yield Await(future=future))]
        for step in (Do(call=broken), Await(future=failed)):
            try:
                yield step
            except (ValueError, LookupError) as error:
                seen.append(str(error))
        return DocumentResult(number=number, name=", ".join(seen))

    (came,) = _results(Feed([0], work))
    assert came.name == "done, waited for, broken, failed"
    assert threading.current_thread() not in threads


def test_others_are_at_it() -> None:
    """A document that somebody else is at does not come; it is offered again, after a little while if need be."""

    def work(number: int) -> Work[Any]:
        yield Do(call=lambda: None)
        return None if number < 0 else DocumentResult(number=number, name="")

    feed = Feed([-1, 0, None, -1, None, 1], work)
    assert sorted(each.number for each in _results(feed)) == [0, 1]


# ------------------------------------------------------------------------------------------------ the end


def test_stopped() -> None:
    """After a stop nothing begins: what is under way is finished and comes."""
    feed = Feed(range(1_000))
    results = _results(feed, concurrency=4)
    first = next(results)
    results.stop()
    began = len(feed.taken)
    assert sorted([first.number, *(each.number for each in results)]) == list(range(began))
    assert (len(feed.taken), feed.closes, feed.given_up) == (began, 1, [])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT that a process sends to itself alone")
def test_stopped_by_a_signal() -> None:
    """A signal handler may say stop while a result is being waited for."""
    under_way = threading.Event()

    def extract(step: Extract) -> Extraction[Any]:
        if not under_way.is_set():
            under_way.set()
            os.kill(os.getpid(), signal.SIGINT)
        return result_of(0)

    feed = Feed(range(100_000))
    results = _results(feed, extract)
    before = signal.signal(signal.SIGINT, lambda *_: results.stop())
    try:
        came = len([*results])
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == len(feed.taken) < 100_000


def test_closed() -> None:
    """Closing gives up what is under way and waits for nobody: works are closed although their threads are busy."""
    stuck, begun = threading.Event(), threading.Barrier(4)

    def extract(step: Extract) -> Extraction[Any]:
        if step.document:
            begun.wait(PATIENCE)
            stuck.wait(PATIENCE)
        return result_of(0)

    feed = Feed(range(4))
    try:
        with _results(feed, extract) as results:
            assert next(results).number == 0
            begun.wait(PATIENCE)
        assert (sorted(feed.given_up), feed.closes) == ([1, 2, 3], 1)
        assert [*results] == []
        results.close()
        assert feed.closes == 1
    finally:
        stuck.set()


def test_closed_by_another_thread() -> None:
    """Somebody who waits for a result when another thread closes is told that there are no more."""
    stuck, begun = threading.Event(), threading.Event()

    def extract(step: Extract) -> Extraction[Any]:
        begun.set()
        stuck.wait(PATIENCE)
        return result_of(0)

    results = _results(Feed([0]), extract)

    def close() -> None:
        begun.wait(PATIENCE)
        results.close()

    closing = threading.Thread(target=close)
    closing.start()
    try:
        assert [*results] == []
    finally:
        stuck.set()
        closing.join(PATIENCE)


def test_never_gone_through() -> None:
    """Results that nobody goes through are closed like any other."""
    feed = Feed([0])
    with _results(feed):
        pass
    assert (feed.closes, feed.taken) == (1, [])


def test_left_early() -> None:
    """Results that nobody holds any more are given up without being closed."""
    stuck = threading.Event()

    def extract(step: Extract) -> Extraction[Any]:
        if step.document:
            stuck.wait(PATIENCE)
        return result_of(0)

    feed = Feed(range(1_000))
    try:
        for _ in _results(feed, extract, concurrency=3):
            break
        gc.collect()
        assert feed.closed.wait(PATIENCE)
        assert len(feed.taken) <= 4
        assert sorted(feed.given_up) == feed.taken[1:]
    finally:
        stuck.set()


def test_an_error_for_all() -> None:
    """What every other document would fail with is raised, after what was under way has come."""
    both, one = threading.Barrier(2), AuthenticationFailed("no", status=401)

    def extract(step: Extract) -> Extraction[Any]:
        both.wait(PATIENCE)
        if step.document == 1:
            raise one
        return result_of(0)

    feed = Feed(range(10))
    results = _results(feed, extract, concurrency=2)
    came, error = _until_error(results)
    assert error is one
    assert [each.number for each in came] == [0]
    assert (feed.taken, feed.closes, feed.given_up) == ([0, 1], 1, [])
    assert [*results] == []


def test_an_endpoint_that_is_gone() -> None:
    """Where nobody answers many documents in a row, the rest is not tried; those that were come with their errors."""
    feed = Feed(range(1_000))

    def extract(step: Extract) -> Extraction[Any]:
        raise ConnectionFailed("nobody")

    came, error = _until_error(_results(feed, extract, concurrency=4))
    assert isinstance(error, ConnectionFailed)
    assert error.__notes__
    assert IN_A_ROW <= len(came) == len(feed.taken) <= IN_A_ROW + 4
    assert all(isinstance(each.error, ConnectionFailed) for each in came)


def test_the_input_raises() -> None:
    """What the input raises is raised as it is, after what was under way has come."""
    mine = LookupError("mine")

    def numbers() -> Iterator[int]:
        yield from range(5)
        raise mine

    feed = Feed(numbers())
    came, error = _until_error(_results(feed))
    assert error is mine
    assert (sorted(each.number for each in came), feed.closes) == ([0, 1, 2, 3, 4], 1)


class _Stop(BaseException):
    """Of those that are no `Exception`."""


@pytest.mark.parametrize("bug", [ZeroDivisionError("bug"), _Stop()], ids=["bug", "stop"])
def test_a_bug(bug: BaseException) -> None:
    """Any other error is raised at once as itself, and the others are given up."""
    stuck, begun = threading.Event(), threading.Barrier(3)

    def extract(step: Extract) -> Extraction[Any]:
        begun.wait(PATIENCE)
        if step.document != 1:
            stuck.wait(PATIENCE)
        raise bug

    feed = Feed(range(3))
    try:
        with pytest.raises(type(bug)) as caught:
            next(_results(feed, extract))
        assert caught.value is bug
        assert (sorted(feed.given_up), feed.closes) == ([0, 2], 1)
    finally:
        stuck.set()


# ------------------------------------------------------------------------------------------------- Ctrl-C

INTERRUPTED = """
    import os, signal, threading
    from extractor.several.mapping import Results
    from extractor.several.feed import Do
    from extractor.result import DocumentResult

    stuck, go_on = {17, 18}, threading.Event()
    closed = []

    def wait(number):
        if number in stuck:
            if number == 18:
                os.kill(os.getpid(), signal.SIGINT)
            go_on.wait()

    class Feed:
        def works(self):
            return map(self.work, range(40))
        def work(self, number):
            yield Do(call=lambda: wait(number))
            return DocumentResult(number=number, name="")
        def close(self):
            closed.append(True)

    came = []
"""


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED) + textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="likewise")
def test_an_interrupt_ends_the_process() -> None:
    """Ctrl-C leaves a `with` block although documents are stuck, and the process ends."""
    ended = _run("""
        with Results(Feed(), None, room=lambda: True) as results:
            for each in results:
                came.append(each.number)
    """)
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
    assert ended.returncode in (1, 130, -signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="likewise")
def test_an_interrupt_may_be_caught() -> None:
    """After Ctrl-C the results may be gone through further: none is lost, and none comes twice."""
    ended = _run("""
        results = Results(Feed(), None, room=lambda: True)
        try:
            for each in results:
                came.append(each.number)
        except KeyboardInterrupt:
            assert len(came) < 40 and not closed
            go_on.set()
        for each in results:
            came.append(each.number)
        assert sorted(came) == list(range(40)), came
        assert closed
    """)
    assert (ended.stderr, ended.returncode) == ("", 0)
