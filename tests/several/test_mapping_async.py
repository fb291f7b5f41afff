"""Many documents as tasks: feeds made up here, and real requests over loopback."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from made_feeds import TARGET, Feed, result_of
from pydantic import BaseModel

from extractor import AsyncExtractor
from extractor.errors import AuthenticationFailed, ConnectionFailed, OptionError
from extractor.result import DocumentResult, Extraction
from extractor.schema.target import target_of
from extractor.several.alone import Drawn, documents_of
from extractor.several.feed import Await, Do, Extract, Work
from extractor.several.line import IN_A_ROW
from extractor.several.mapping_async import AsyncResults
from extractor.testing import FakeEndpoint, Reply

PATIENCE = 20.0  # seconds: longer than any of this takes, so that a mistake does not hang


class Person(BaseModel):
    """Who."""

    name: str


async def _extract(step: Extract) -> Extraction[Any]:
    await anyio.lowlevel.checkpoint()
    return result_of(step.document)


async def _never(step: Extract) -> Extraction[Any]:
    if step.document:
        await anyio.sleep_forever()
    return result_of(0)


def _results(
    feed: Feed, extract: Callable[[Extract], Awaitable[Extraction[Any]]] = _extract, **options: Any
) -> AsyncResults[Any]:
    return AsyncResults(feed, extract, **{"room": lambda: True, **options})


async def _all(results: AsyncResults[Any]) -> tuple[list[DocumentResult[Any]], BaseException | None]:
    """What came, and what was raised then."""
    came = []
    try:
        async for each in results:
            came.append(each)  # what came before the error counts
    except Exception as error:
        return came, error
    return came, None


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Run it in an event loop of either kind; a mistake does not hang."""
    if request.param == "trio":
        pytest.importorskip("trio")

    def run(test: Callable[[], Awaitable[Any]]) -> Any:
        async def bounded() -> Any:
            with anyio.fail_after(PATIENCE):
                return await test()

        return anyio.run(bounded, backend=request.param)

    return run


Run = Callable[[Callable[[], Awaitable[Any]]], Any]

# ------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2_000])
def test_each_comes_once(count: int, ordered: bool, run: Run) -> None:
    """Every document comes back once, with its own result; in order where that is wanted; then the feed is closed."""
    feed = Feed(range(count))
    came, error = run(lambda: _all(_results(feed, ordered=ordered)))
    found = [(each.number, each.value) for each in came]
    assert sorted(found) == [(number, number) for number in range(count)]
    assert not ordered or found == sorted(found)
    assert (error, feed.closes) == (None, 1)


def test_real_requests(run: Run) -> None:
    """Documents go to the endpoint as those of `run` do; one that fails is a result, and the others go on."""

    def answer(request: Any) -> Any:
        name = request.body["messages"][-1]["content"]
        return Reply(status=400, content="no") if "Bob" in name else {"name": "Ann"}

    async def test() -> list[DocumentResult[Any]]:
        with FakeEndpoint(answer, repeat=True) as fake:
            async with AsyncExtractor(model="m", base_url=fake.base_url) as extractor:

                async def extract(step: Extract) -> Extraction[Any]:
                    return await extractor.run(step.target, step.document, **step.call)

                feed = documents_of(["Ann", "", "Bob", "Ann"], target_of(Person), {}, lambda path: pytest.fail("none"))
                async with AsyncResults(feed, extract, room=lambda: True, ordered=True) as results:
                    return [each async for each in results]

    came = run(test)
    assert [type(each.error).__name__ for each in came] == ["NoneType", "DocumentError", "BadRequest", "NoneType"]
    assert came[3].value == Person(name="Ann")


def test_side_by_side(run: Run) -> None:
    """As many as are allowed are under way at the same time, and no more are read than that."""
    now, most = 0, 0

    async def extract(step: Extract) -> Extraction[Any]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.sleep(0.001)
        now -= 1
        return result_of(0)

    async def test() -> None:
        feed = Feed(range(200))
        count = 0
        async for _ in _results(feed, extract, concurrency=8):
            count += 1
            assert len(feed.taken) <= count + 8
        assert count == 200

    run(test)
    assert most == 8


def test_concurrency_must_fit() -> None:
    """A wrong `concurrency` is an error before anything begins."""
    with pytest.raises(OptionError):
        _results(Feed([]), concurrency=True)


def test_the_callers_context(run: Run) -> None:
    """What the caller has set for its context holds in the works, and what they set stays with them."""
    who = contextvars.ContextVar("who", default="nobody")

    def work(number: int) -> Work[Any]:
        assert who.get() == "me"
        seen = yield Do(call=who.get)
        who.set("another")
        return DocumentResult(number=number, name=seen)

    async def test() -> None:
        who.set("me")
        assert {each.name async for each in _results(Feed(range(20), work))} == {"me"}
        assert who.get() == "me"

    run(test)


# ---------------------------------------------------------------------------------------------- the input


def test_an_async_input(run: Run) -> None:
    """Documents may come from an async iterable, one at a time as they are needed, all in one task."""
    drawn, tasks = 0, set()

    async def documents() -> AsyncIterator[str]:
        nonlocal drawn
        for number in range(50):
            drawn += 1
            tasks.add(anyio.get_current_task().id)
            await anyio.lowlevel.checkpoint()
            yield str(number)

    async def test() -> None:
        source = Drawn(documents())
        feed = documents_of(source, TARGET, {}, lambda path: pytest.fail("there is no file"))
        count = 0
        async for _ in AsyncResults(feed, _extract, room=lambda: True, concurrency=4, drawn=source):
            count += 1
            assert drawn <= count + 5
        assert count == 50

    run(test)
    assert len(tasks) == 1


def test_a_slow_async_input(run: Run) -> None:
    """What is finished comes although the input has no more for now."""

    async def test() -> None:
        go_on = anyio.Event()

        async def documents() -> AsyncIterator[str]:
            yield "0"
            await go_on.wait()
            yield "1"

        source = Drawn(documents())
        feed = documents_of(source, TARGET, {}, lambda path: pytest.fail("there is no file"))
        results = AsyncResults(feed, _extract, room=lambda: True, drawn=source)
        assert (await anext(results)).number == 0
        go_on.set()
        assert [each.number async for each in results] == [1]

    run(test)


def test_an_async_input_that_raises(run: Run) -> None:
    """What an async iterable raises is raised as it is, after what was under way has come."""
    mine = LookupError("mine")

    async def documents() -> AsyncIterator[str]:
        yield "0"
        raise mine

    async def test() -> None:
        source = Drawn(documents())
        feed = documents_of(source, TARGET, {}, lambda path: pytest.fail("there is no file"))
        came, error = await _all(AsyncResults(feed, _extract, room=lambda: True, drawn=source))
        assert ([each.number for each in came], error) == ([0], mine)

    run(test)


# ---------------------------------------------------------------------------------------------- the steps


def test_steps(run: Run) -> None:
    """A work is sent what its steps come to, and has their errors thrown in; what takes its time is in a thread."""
    future: Future[str] = Future()
    failed: Future[str] = Future()
    failed.set_exception(LookupError("failed"))
    threads: set[threading.Thread] = set()

    def call() -> str:
        threads.add(threading.current_thread())
        threading.Timer(0.01, future.set_result, ["waited for"]).start()
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

    (came,), _ = run(lambda: _all(_results(Feed([0], work))))
    assert came.name == "done, waited for, broken, failed"
    assert threading.current_thread() not in threads


def test_others_are_at_it(run: Run) -> None:
    """A document that somebody else is at does not come; it is offered again, after a little while if need be."""

    def work(number: int) -> Work[Any]:
        yield Do(call=lambda: None)
        return None if number < 0 else DocumentResult(number=number, name="")

    came, _ = run(lambda: _all(_results(Feed([-1, 0, None, -1, None, 1], work))))
    assert sorted(each.number for each in came) == [0, 1]


def test_a_wait_that_is_given_up(run: Run) -> None:
    """A work that is given up does not cancel what it waits for: that is another's."""
    future: Future[None] = Future()

    def work(number: int) -> Work[Any]:
        yield Await(future=future)
        return None

    async def test() -> None:
        async with _results(Feed([0], work)) as results:
            with anyio.move_on_after(0.01):
                await anext(results)

    run(test)
    assert not future.cancelled()
    future.set_result(None)  # and it is nobody's any more


# ------------------------------------------------------------------------------------------------ the end


@pytest.mark.parametrize("from_thread", [False, True])
def test_stopped(from_thread: bool, run: Run) -> None:
    """After a stop, from whatever thread, nothing begins: what is under way is finished and comes."""
    feed = Feed(range(1_000))

    async def test() -> None:
        results = _results(feed, concurrency=4)
        came = [(await anext(results)).number]
        if from_thread:
            await anyio.to_thread.run_sync(results.stop)
        else:
            results.stop()
        began = len(feed.taken)
        came += [each.number async for each in results]
        assert sorted(came) == list(range(began))
        assert (len(feed.taken), feed.closes, feed.given_up) == (began, 1, [])

    run(test)


def test_a_stop_ends_a_wait(run: Run) -> None:
    """Who waits while others are at the rest is told when it is stopped."""

    async def test() -> None:
        forever = iter(lambda: None, 1)
        results = _results(Feed(forever))
        threading.Timer(0.02, results.stop).start()
        assert [each async for each in results] == []

    run(test)


def test_closed(run: Run) -> None:
    """Closing cancels what is under way, and leaves no task behind."""
    feed = Feed(range(4))

    async def test() -> None:
        async with _results(feed, _never) as results:
            assert (await anext(results)).number == 0
            await anyio.wait_all_tasks_blocked()
        assert (sorted(feed.given_up), feed.closes) == ([1, 2, 3], 1)
        assert [each async for each in results] == []
        await results.aclose()
        assert feed.closes == 1

    run(test)


def test_never_gone_through(run: Run) -> None:
    """Results that nobody goes through are closed like any other."""
    feed = Feed([0])

    async def test() -> None:
        async with _results(feed):
            pass

    run(test)
    assert (feed.closes, feed.taken) == (1, [])


def test_the_consumer_is_cancelled(run: Run) -> None:
    """Who cancels the wait for a result cancels the work on all documents."""
    feed = Feed(range(4))
    results = _results(feed, _never)

    async def test() -> None:
        await anext(results)
        with anyio.move_on_after(0.01) as scope:
            await anext(results)
        assert scope.cancelled_caught
        assert (sorted(feed.given_up), feed.closes) == ([1, 2, 3], 1)

    run(test)


def test_left_early(run: Run) -> None:
    """Results that nobody holds any more are given up without being closed."""
    feed = Feed(range(1_000))

    async def test() -> None:
        async for _ in _results(feed, _never, concurrency=3):
            await anyio.wait_all_tasks_blocked()
            break
        gc.collect()
        assert await anyio.to_thread.run_sync(feed.closed.wait, PATIENCE)
        assert sorted(feed.given_up) == feed.taken[1:] == [1, 2]

    run(test)


def test_left_in_a_loop_that_has_ended() -> None:
    """Nor do they outlive the event loop that they were in."""
    feed = Feed(range(3))
    results = _results(feed, _never)
    asyncio.run(anext(results))
    assert sorted(feed.given_up) in ([], [1, 2])  # they need not have begun
    del results
    gc.collect()
    assert feed.closed.wait(PATIENCE)


def test_several_take_them(run: Run) -> None:
    """Several tasks may share the results: each comes to one of them."""

    async def test() -> None:
        results, came = _results(Feed(range(300)), concurrency=8), []

        async def take() -> None:
            async for each in results:
                came.append(each.number)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(take)
        assert sorted(came) == list(range(300))

    run(test)


def test_an_error_for_all(run: Run) -> None:
    """What every other document would fail with is raised, after what was under way has come."""
    one = AuthenticationFailed("no", status=401)
    feed = Feed(range(10))

    async def extract(step: Extract) -> Extraction[Any]:
        await anyio.sleep(0.01 * (1 - step.document))
        if step.document == 1:
            raise one
        return result_of(0)

    came, error = run(lambda: _all(_results(feed, extract, concurrency=2)))
    assert ([each.number for each in came], error) == ([0], one)
    assert (feed.taken, feed.closes, feed.given_up) == ([0, 1], 1, [])


def test_an_endpoint_that_is_gone(run: Run) -> None:
    """Where nobody answers many documents in a row, the rest is not tried; those that were come with their errors."""
    feed = Feed(range(1_000))

    async def extract(step: Extract) -> Extraction[Any]:
        raise ConnectionFailed("nobody")

    came, error = run(lambda: _all(_results(feed, extract, concurrency=4)))
    assert isinstance(error, ConnectionFailed)
    assert IN_A_ROW <= len(came) == len(feed.taken) <= IN_A_ROW + 4


class _Stop(BaseException):
    """Of those that are no `Exception`, one that event loops leave alone."""


@pytest.mark.parametrize("bug", [ZeroDivisionError("bug"), _Stop()], ids=["bug", "stop"])
def test_a_bug(bug: BaseException, run: Run) -> None:
    """Any other error is raised at once as itself, and the others are given up."""
    feed = Feed(range(3))

    async def extract(step: Extract) -> Extraction[Any]:
        if step.document != 2:
            await anyio.sleep_forever()
        raise bug

    async def test() -> None:
        with pytest.raises(type(bug)) as caught:
            await anext(_results(feed, extract))
        assert caught.value is bug
        assert (sorted(feed.given_up), feed.closes) == ([0, 1], 1)

    run(test)


def test_a_task_that_is_cancelled_by_others() -> None:
    """Who cancels all tasks of a loop leaves nobody waiting for a document."""
    feed = Feed([1])

    async def test() -> None:
        mine = asyncio.current_task()
        asyncio.get_running_loop().call_later(
            0.02, lambda: [task.cancel() for task in asyncio.all_tasks() if task is not mine]
        )
        with pytest.raises(RuntimeError, match="cancelled"):
            await anext(_results(feed, _never))

    asyncio.run(test())
