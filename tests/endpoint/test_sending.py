"""Requests that fail, over real sockets: retries, second addresses, and many at once, in threads and in tasks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from extractor import AsyncExtractor, Extractor
from extractor.endpoint import ahttp
from extractor.endpoint.governor import Governor
from extractor.endpoint.presets import PRESETS, Preset
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import FAILURES, RateLimits, standing
from extractor.endpoint.steps import Wait
from extractor.endpoint.turns import Turn
from extractor.errors import (
    BadRequest,
    ConnectionFailed,
    DeadlineExceeded,
    EndpointError,
    RateLimited,
    ServerError,
    TimedOut,
)
from extractor.result import Extraction
from extractor.testing import FakeEndpoint, Recorded, Reply

ROOT = Path(__file__).resolve().parents[2]
LONG = 20.0
"""Seconds after which something is stuck."""


class Person(BaseModel):
    """What is extracted."""

    name: str


ANN = {"name": "Ann"}
KEYS = "idempotency-key"


# -------------------------------------------------------------------------------------------- both kinds


def run(kind: str, base_url: str | None = None, *, model: str = "m", **more: Any) -> Extraction[Person]:
    """One extraction by an extractor of either kind."""
    messages = more.pop("messages", None)
    if kind == "sync":
        with Extractor(model, base_url=base_url, **more) as one:
            return one.run(Person, None if messages else "Ann", messages=messages)

    async def asked() -> Extraction[Person]:
        async with AsyncExtractor(model, base_url=base_url, **more) as one:
            return await one.run(Person, None if messages else "Ann", messages=messages)

    return asyncio.run(asked())


def stream(kind: str, base_url: str, **more: Any) -> list[Any]:
    """What a stream shows, by an extractor of either kind."""
    if kind == "sync":
        with Extractor("m", base_url=base_url, **more) as one:
            shown = one.stream(Person, "Ann")
            return [*shown, shown.result.value]

    async def asked() -> list[Any]:
        async with AsyncExtractor("m", base_url=base_url, **more) as one:
            shown = one.stream(Person, "Ann")
            return [*[each async for each in shown], shown.result.value]

    return asyncio.run(asked())


def governor_of(base_url: str, limits: RateLimits | None = None) -> Governor:
    """The governor of all extractors for this endpoint that are there now, and were told the same limits."""
    return standing(Address(base_url=base_url, model="m", dialect="unknown"), limits or RateLimits()).governor


class Times:
    """Answers from a script, and remembers when it was asked."""

    def __init__(self, *script: Any) -> None:
        self._script = iter(script)
        self.times: list[float] = []

    def __call__(self, request: Recorded) -> Any:
        """Answer."""
        self.times.append(time.monotonic())
        return next(self._script)

    @property
    def gaps(self) -> list[float]:
        """Seconds between the requests."""
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """An address where nobody answers, for as long as it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


# ------------------------------------------------------------------------------------------------ retries


def test_sent_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What may pass is sent again, to the byte, with the same key, until it is answered."""
    fake_endpoint.answer(Reply(status=500), Reply(status=429), ANN)
    result = run(kind, fake_endpoint.base_url, backoff=0.001)
    assert result.value == Person(name="Ann")
    assert len(result.attempts) == 1
    assert len(fake_endpoint.requests) == 3
    assert len({request.raw for request in fake_endpoint.requests}) == 1
    assert len({request.headers[KEYS] for request in fake_endpoint.requests}) == 1


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_how_often(kind: str, retries: int, fake_endpoint: FakeEndpoint) -> None:
    """It is sent again as often as it is told; then the last failure is raised, with those before."""
    fake_endpoint.answer(*[Reply(status=500)] * retries, Reply(status=502))
    with pytest.raises(ServerError) as caught:
        run(kind, fake_endpoint.base_url, transport_retries=retries, backoff=0.001)
    assert len(fake_endpoint.requests) == retries + 1
    assert caught.value.status == 502
    assert [error.url for error in caught.value.retries] == [caught.value.url] * retries


def test_not_sent_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A request that is refused for good is not sent again."""
    fake_endpoint.answer(Reply(status=400, raw='{"error": {"message": "no such thing"}}'))
    with pytest.raises(BadRequest):
        run(kind, fake_endpoint.base_url, backoff=0.001)
    assert len(fake_endpoint.requests) == 1


def test_the_next_request_has_another_key(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Who asks again because a reply does not conform sends another request, with another key."""
    fake_endpoint.answer(Reply(status=500), {"name": 7}, Reply(status=500), ANN)
    result = run(kind, fake_endpoint.base_url, backoff=0.001, coerce=False)
    assert len(result.attempts) == 2
    first, again, second, last = (request.headers[KEYS] for request in fake_endpoint.requests)
    assert first == again
    assert second == last
    assert [key.split("-")[1] for key in (first, second)] == ["1", "1"]
    assert first.split("-")[0] == second.split("-")[0]
    assert first != second  # it says something else


def test_backoff(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """It waits before it asks again, for longer each time."""
    script = Times(Reply(status=500), Reply(status=500), ANN)
    fake_endpoint.answer(script, script, script)
    run(kind, fake_endpoint.base_url, backoff=0.2)
    first, second = script.gaps
    assert first >= 0.1
    assert second >= 0.2


@pytest.mark.parametrize("headers", [{"retry-after": "0.3"}, {"retry-after-ms": "300"}], ids=["seconds", "ms"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(kind: str, status: int, headers: dict[str, str], fake_endpoint: FakeEndpoint) -> None:
    """It waits as long as the endpoint asks for."""
    script = Times(Reply(status=status, headers=headers), ANN)
    fake_endpoint.answer(script, script)
    run(kind, fake_endpoint.base_url, backoff=0.0)
    assert script.gaps[0] >= 0.3


def test_max_wait(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A longer wait than `max_wait` is not waited for: the error says so."""
    fake_endpoint.answer(Reply(status=429, headers={"retry-after": "3000"}))
    with pytest.raises(RateLimited, match="max_wait=") as caught:
        run(kind, fake_endpoint.base_url, max_wait=2.0)
    assert caught.value.retry_after == 3000
    assert len(fake_endpoint.requests) == 1


def test_the_deadline_covers_the_waits(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A wait that would end after the deadline is not begun."""
    fake_endpoint.answer(Reply(status=429, headers={"retry-after": "50"}))
    with pytest.raises(RateLimited, match="deadline"):
        run(kind, fake_endpoint.base_url, deadline=LONG)
    assert len(fake_endpoint.requests) == 1


def test_the_deadline_covers_the_retries(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """However many retries there are, they end with the deadline."""
    fake_endpoint.answer(*[Reply(status=500, delay=0.02)] * 10_000)
    with pytest.raises((DeadlineExceeded, ServerError)) as caught:
        run(kind, fake_endpoint.base_url, transport_retries=10_000, backoff=0.01, deadline=0.5)
    assert 1 <= len(caught.value.retries) < 50
    assert "deadline" in str(caught.value)


def test_the_deadline_covers_the_queue(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Who waits for a turn waits no longer than until the deadline, and then leaves no trace."""
    limits, hold = RateLimits(concurrency=1), Hold(ANN)
    fake_endpoint.answer(hold, ANN)
    with Extractor("m", base_url=fake_endpoint.base_url, limits=limits) as one, ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.run, Person, "Ann")
        hold.entered(1)
        with pytest.raises(DeadlineExceeded, match="turn"):
            run(kind, fake_endpoint.base_url, limits=limits, deadline=0.2)
        assert governor_of(fake_endpoint.base_url, limits).in_flight == 1
        hold.release()
        first.result(LONG)
        assert governor_of(fake_endpoint.base_url, limits).in_flight == 0
        one.run(Person, "Ann")


def test_what_comes_before_there_is_somebody_to_wake(kind: str) -> None:
    """Who is told to look again before he can be woken does so, and does not wait for ever."""
    turn = Turn()
    seen = Wait(turn=turn, seconds=None, not_before=turn.not_before)
    turn.not_before = 5.0  # another thread, whom nobody could wake yet

    def waits() -> None:
        if kind == "sync":
            with Extractor("m", base_url="http://127.0.0.1:9/v1") as one:
                one._sender._carried_out(seen)
        else:
            asyncio.run(ahttp._granted(seen))

    thread = threading.Thread(target=waits, daemon=True)
    thread.start()
    thread.join(LONG)
    assert not thread.is_alive()


# ---------------------------------------------------------------------------------------- closed meanwhile


def _closed_meanwhile(kind: str, fake: FakeEndpoint, ready: Callable[[Governor], bool], **more: Any) -> Any:
    """What comes of a call whose extractor is closed once it is `ready`."""
    governor = governor_of(fake.base_url)
    if kind == "sync":
        with Extractor("m", base_url=fake.base_url, **more) as one, ThreadPoolExecutor(1) as pool:
            call = pool.submit(one.run, Person, "Ann")
            while not ready(governor):
                time.sleep(0.001)
            one.close()
            return call.result(LONG)

    async def asked() -> Any:
        async with AsyncExtractor("m", base_url=fake.base_url, **more) as one:
            task = asyncio.create_task(one.run(Person, "Ann"))
            while not ready(governor):
                await asyncio.sleep(0.001)
            await one.aclose()
            return await asyncio.wait_for(task, LONG)

    return asyncio.run(asked())


def test_closed_while_it_pauses(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A call whose extractor is closed in the pause before a retry ends at once, sends nothing more, and says so."""
    fake_endpoint.answer(Reply(status=500, headers={"retry-after": "50"}), ANN)

    def pauses(governor: Governor) -> bool:
        return len(fake_endpoint.requests) == 1 and not governor.in_flight

    with pytest.raises(ConnectionFailed, match="was closed while this call was under way"):
        _closed_meanwhile(kind, fake_endpoint, pauses)
    assert len(fake_endpoint.requests) == 1


@pytest.mark.parametrize("retries", [0, 2])
def test_closed_while_it_is_answered(kind: str, retries: int) -> None:
    """A call whose extractor is closed while it waits for its answer ends at once, is not sent again, and says so."""
    hold = Hold(ANN)
    with FakeEndpoint(hold, ANN) as fake:
        try:
            with pytest.raises(ConnectionFailed, match="was closed while this call was under way"):
                _closed_meanwhile(kind, fake, lambda _: hold.here == 1, backoff=0.001, transport_retries=retries)
        finally:
            hold.release()
        assert len(fake.requests) == 1


# --------------------------------------------------------------------------------------- second addresses


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes a provider with two addresses; gives the name of its model."""

    def made(first: str, second: str, *, media_first: bool = False) -> str:
        preset = Preset(
            name="pair",
            base_url=first,
            fallback_url=second,
            media_first=media_first,
            dialect="unknown",
            model="m",
            keyless=True,
        )
        monkeypatch.setitem(PRESETS, "pair", preset)
        return "pair/m"

    return made


def test_an_address_where_nobody_is(kind: str, pair: Callable[..., str]) -> None:
    """Where nobody answers the other address is asked, without retries and waits."""
    with closed_port() as closed, FakeEndpoint(ANN) as second:
        result = run(kind, model=pair(closed, second.base_url), transport_retries=0, backoff=100.0)
    assert result.value == Person(name="Ann")
    assert len(second.requests) == 1


def test_an_address_that_is_unwell(kind: str, pair: Callable[..., str]) -> None:
    """After two of 502, 503 and 504 the other address is asked, with the same key."""
    with FakeEndpoint(Reply(status=503), Reply(status=502)) as first, FakeEndpoint(ANN) as second:
        run(kind, model=pair(first.base_url, second.base_url), backoff=0.001)
        keys = {request.headers[KEYS] for request in [*first.requests, *second.requests]}
        assert (len(first.requests), len(second.requests)) == (2, 1)
    assert len(keys) == 1


def test_nobody_is_anywhere(kind: str, pair: Callable[..., str]) -> None:
    """Where nobody answers at either, the error has both."""
    with closed_port() as first, closed_port() as second, pytest.raises(ConnectionFailed) as caught:
        run(kind, model=pair(first, second), transport_retries=0)
    assert [error.url for error in (*caught.value.retries, caught.value)] == [
        f"{first}/chat/completions",
        f"{second}/chat/completions",
    ]


@pytest.mark.parametrize("well", [True, False])
def test_media_first(kind: str, well: bool, pair: Callable[..., str]) -> None:
    """What is not text goes to the second address first, and to the other where that is unwell."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    script: list[Any] = [ANN] if well else [Reply(status=503), Reply(status=503)]
    with FakeEndpoint(ANN) as first, FakeEndpoint(*script) as second:
        model = pair(first.base_url, second.base_url, media_first=True)
        run(kind, model=model, messages=[{"role": "user", "content": [image]}], backoff=0.001)
        assert (len(first.requests), len(second.requests)) == ((0, 1) if well else (1, 2))


def test_breakers_are_shared(kind: str, pair: Callable[..., str]) -> None:
    """What one extractor found out of an address, all in this process know."""
    with FakeEndpoint(Reply(status=503), repeat=True) as first, FakeEndpoint(ANN, repeat=True) as second:
        model = pair(first.base_url, second.base_url)
        with Extractor(model, backoff=0.001) as one:
            for _ in range(FAILURES):
                one.run(Person, "Ann")
            asked = len(first.requests)
            assert asked == FAILURES + 1  # two by each, until it was left alone
            run(kind, model=model)
            assert len(first.requests) == asked


# ------------------------------------------------------------------------------------------- many at once


class Hold:
    """Holds requests until it is released; counts those that it has, and the most that it had."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._change = threading.Condition()
        self._open = False
        self.here = 0
        self.most = 0

    def __call__(self, request: Recorded) -> Any:
        """Hold it."""
        with self._change:
            self.here += 1
            self.most = max(self.most, self.here)
            self._change.notify_all()
            self._change.wait_for(lambda: self._open, LONG)
            self.here -= 1
        return self._answer

    def entered(self, number: int) -> None:
        """Wait until it has so many."""
        with self._change:
            assert self._change.wait_for(lambda: self.here >= number, LONG), f"{self.here} of {number} came"

    def release(self) -> None:
        """Let all go, and hold none any more."""
        with self._change:
            self._open = True
            self._change.notify_all()


class Narrow:
    """Refuses more than `most` at a time; each takes a moment."""

    def __init__(self, most: int, seconds: float = 0.01) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._here = 0
        self.refused: list[bool] = []  # of each request, in order
        self.highest = 0

    def __call__(self, request: Recorded) -> Any:
        """Answer, or refuse."""
        with self._lock:
            refused = self._here >= self._most
            self.refused.append(refused)
            if not refused:
                self._here += 1
                self.highest = max(self.highest, self._here)
        if refused:
            return Reply(status=429)
        time.sleep(self._seconds)  # that it takes to answer
        with self._lock:
            self._here -= 1
        return ANN


MANY = 300


def by_threads(base_url: str, number: int, **more: Any) -> list[Any]:
    """So many extractions, by 48 threads."""
    with Extractor("m", base_url=base_url, **more) as one, ThreadPoolExecutor(48) as pool:
        found = list(pool.map(lambda _: one.extract(Person, "Ann"), range(number)))
        assert governor_of(base_url).in_flight == 0
        return found


def by_tasks(base_url: str, number: int, **more: Any) -> list[Any]:
    """So many extractions, by as many tasks."""

    async def all_of_them() -> list[Any]:
        async with AsyncExtractor("m", base_url=base_url, **more) as one:
            found = await asyncio.gather(*(one.extract(Person, "Ann") for _ in range(number)))
            assert governor_of(base_url).in_flight == 0
            return list(found)

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("by", [by_threads, by_tasks], ids=["threads", "tasks"])
def test_an_endpoint_that_takes_few_at_a_time(by: Callable[..., list[Any]]) -> None:
    """However many ask at once, all are answered; and how many may be under way is found out."""
    narrow = Narrow(6)
    with FakeEndpoint(narrow, repeat=True) as fake:
        found = by(fake.base_url, MANY, transport_retries=8, backoff=0.02)
    assert found == [Person(name="Ann")] * MANY
    later = narrow.refused[len(narrow.refused) // 2 :]
    assert sum(later) <= len(later) / 5


def test_threads_and_tasks_share_a_governor() -> None:
    """Threads and an event loop keep to one limit together."""
    hold, limits = Hold(ANN), RateLimits(concurrency=3)
    with FakeEndpoint(hold, repeat=True) as fake, Extractor("m", base_url=fake.base_url, limits=limits) as one:

        async def all_of_them() -> list[Any]:
            async with AsyncExtractor("m", base_url=fake.base_url, limits=limits) as other:
                tasks = [asyncio.create_task(other.extract(Person, "Ann")) for _ in range(8)]
                await asyncio.to_thread(hold.entered, 3)
                hold.release()
                return list(await asyncio.gather(*tasks))

        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(one.extract, Person, "Ann") for _ in range(8)]
            found = [*asyncio.run(all_of_them()), *(future.result(LONG) for future in futures)]
        assert found == [Person(name="Ann")] * 16
        assert hold.most <= 3
        assert governor_of(fake.base_url, limits).in_flight == 0


def test_two_event_loops() -> None:
    """Event loops in different threads wake each other's."""
    hold, limits = Hold(ANN), RateLimits(concurrency=1)

    with FakeEndpoint(hold, repeat=True) as fake:

        async def some() -> list[Any]:
            async with AsyncExtractor("m", base_url=fake.base_url, limits=limits) as one:
                return list(await asyncio.gather(*(one.extract(Person, "Ann") for _ in range(5))))

        known = standing(Address(base_url=fake.base_url, model="m", dialect="unknown"), limits)
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(asyncio.run, some()) for _ in range(3)]
            hold.entered(1)
            hold.release()
            assert all(future.result(LONG) == [Person(name="Ann")] * 5 for future in futures)
        assert hold.most == 1
        assert known.governor.in_flight == 0


def test_a_single_call_beside_a_batch() -> None:
    """A call with a share of its own does not wait behind all of a batch."""
    order: list[str] = []
    hold, limits = Hold(ANN), RateLimits(concurrency=1)

    def answered(request: Recorded) -> Any:
        order.append(request.body["messages"][-1]["content"][-1])
        return hold(request)

    with FakeEndpoint(answered, repeat=True) as fake:

        async def all_of_them() -> None:
            async with AsyncExtractor("m", base_url=fake.base_url, limits=limits) as one:
                batch = [asyncio.create_task(one.extract(Person, "b", share="batch")) for _ in range(30)]
                await asyncio.to_thread(hold.entered, 1)
                single = asyncio.create_task(one.extract(Person, "s", share="single"))
                await asyncio.sleep(0)
                hold.release()
                await asyncio.gather(single, *batch)

        asyncio.run(all_of_them())
    assert order.index("s") <= 3
    assert len(order) == 31


# --------------------------------------------------------------------------------------------- broken off


def _cancelled(script: Callable[[Hold], list[Any]], ready: Callable[[Governor, Hold], bool], **limits: Any) -> None:
    """Begin a task, cancel it when it is ready, and see that another one goes on."""
    told, hold = RateLimits(**limits), Hold(ANN)

    async def asked() -> None:
        with FakeEndpoint(*script(hold), repeat=True) as fake:
            async with AsyncExtractor("m", base_url=fake.base_url, limits=told, backoff=LONG, max_wait=LONG) as one:
                governor = governor_of(fake.base_url, told)
                tasks = [asyncio.create_task(one.extract(Person, str(number))) for number in range(2)]
                async with asyncio.timeout(LONG):
                    while not ready(governor, hold):
                        await asyncio.sleep(0.001)
                tasks[1].cancel()
                with pytest.raises(asyncio.CancelledError):
                    await tasks[1]
                hold.release()
                assert await tasks[0] == Person(name="Ann")
                assert governor.in_flight == 0
                assert await one.extract(Person, "again") == Person(name="Ann")
                assert governor.in_flight == 0

    asyncio.run(asked())


def test_cancelled_while_it_waits_for_its_turn() -> None:
    """A task that is cancelled while it waits for its turn leaves the queue."""
    _cancelled(lambda hold: [hold], lambda governor, hold: hold.here == 1 and len(governor._turns) == 1, concurrency=1)


def test_cancelled_while_it_is_answered() -> None:
    """A task that is cancelled while it is being answered gives its place back."""
    _cancelled(lambda hold: [hold], lambda governor, hold: hold.here == 2)


def test_cancelled_while_it_pauses() -> None:
    """A task that is cancelled in the pause before a retry leaves nothing under way."""
    failed = threading.Event()

    def answered(hold: Hold) -> Callable[[Recorded], Any]:
        def answer(request: Recorded) -> Any:
            if "1" not in str(request.body["messages"][-1]["content"]):
                return hold(request)
            failed.set()
            return Reply(status=500)

        return answer

    def ready(governor: Governor, hold: Hold) -> bool:
        return failed.is_set() and hold.here == 1 and governor.in_flight == 1

    _cancelled(lambda hold: [answered(hold)], ready)


def test_many_are_cancelled() -> None:
    """However many are cancelled wherever they are, nothing is under way then, and the next ones go on."""
    hold, limits = Hold(ANN), RateLimits(concurrency=4)

    async def asked() -> None:
        with FakeEndpoint(hold, repeat=True) as fake:
            async with AsyncExtractor("m", base_url=fake.base_url, limits=limits) as one:
                tasks = [asyncio.create_task(one.extract(Person, "Ann")) for _ in range(60)]
                await asyncio.to_thread(hold.entered, 4)
                for task in tasks[::2]:
                    task.cancel()
                hold.release()
                found = await asyncio.gather(*tasks, return_exceptions=True)
                assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])
                assert found[1::2] == [Person(name="Ann")] * 30
                assert governor_of(fake.base_url, limits).in_flight == 0

    asyncio.run(asked())


def test_a_timeout_of_the_callers_own() -> None:
    """A timeout around a call ends it, and nothing is under way then."""
    hold = Hold(ANN)

    async def asked() -> None:
        with FakeEndpoint(hold, repeat=True) as fake:
            async with AsyncExtractor("m", base_url=fake.base_url) as one:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await one.extract(Person, "Ann")
                assert governor_of(fake.base_url).in_flight == 0
            hold.release()

    asyncio.run(asked())


@pytest.fixture
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


main_thread = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of threads are not known here")


@main_thread
@pytest.mark.usefixtures("_interruptible")
def test_interrupted_while_it_is_answered(kind: str) -> None:
    """Ctrl-C while it is being answered ends the call, and nothing is under way then."""
    hold = Hold(ANN)

    def answered(request: Recorded) -> Any:
        _interrupt()
        return hold(request)

    with FakeEndpoint(answered, ANN) as fake, Extractor("m", base_url=fake.base_url) as one:
        with pytest.raises(KeyboardInterrupt):
            run(kind, fake.base_url)
        assert governor_of(fake.base_url).in_flight == 0
        hold.release()
        assert one.extract(Person, "Ann") == Person(name="Ann")


@main_thread
@pytest.mark.usefixtures("_interruptible")
def test_interrupted_while_it_pauses(fake_endpoint: FakeEndpoint) -> None:
    """Ctrl-C in the pause before a retry ends the call."""
    fake_endpoint.answer(Reply(status=500), ANN)
    with Extractor("m", base_url=fake_endpoint.base_url, backoff=LONG) as one:
        governor = governor_of(fake_endpoint.base_url)

        def interrupt() -> None:
            while not fake_endpoint.requests or governor.in_flight:
                time.sleep(0.001)
            _interrupt()

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            one.extract(Person, "Ann")
        thread.join()
        assert governor.in_flight == 0
        assert one.extract(Person, "Ann") == Person(name="Ann")


@main_thread
@pytest.mark.usefixtures("_interruptible")
def test_interrupted_while_it_waits_for_its_turn() -> None:
    """Ctrl-C while it waits for its turn ends the call, and leaves the queue."""
    hold, limits = Hold(ANN), RateLimits(concurrency=1)
    with (
        FakeEndpoint(hold, ANN) as fake,
        Extractor("m", base_url=fake.base_url, limits=limits) as one,
        ThreadPoolExecutor(2) as pool,
    ):
        governor = governor_of(fake.base_url, limits)
        first = pool.submit(one.extract, Person, "Ann")
        hold.entered(1)

        def interrupt() -> None:
            while not len(governor._turns):
                time.sleep(0.001)
            _interrupt()

        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            one.extract(Person, "Ann")
        assert len(governor._turns) == 0
        hold.release()
        assert first.result(LONG) == Person(name="Ann")
        assert governor.in_flight == 0
        assert one.extract(Person, "Ann") == Person(name="Ann")


def test_interrupted_in_the_callers_own_transport() -> None:
    """What a transport of the caller's own raises goes through as it is, and nothing is under way then."""

    def handle(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        one = Extractor("m", base_url="http://h.example/v1", http_client=client)
        with pytest.raises(KeyboardInterrupt):
            one.extract(Person, "Ann")
        assert governor_of("http://h.example/v1").in_flight == 0


# ----------------------------------------------------------------------------------------------- streams


def events(*chunks: Any) -> Reply:
    """A stream of these."""
    raw = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)
    return Reply(raw=raw, content_type="text/event-stream")


def delta(content: str) -> dict[str, Any]:
    """A piece."""
    return {"choices": [{"index": 0, "delta": {"content": content}}]}


UNAVAILABLE = {"error": {"message": "planned", "code": 503}}


@pytest.mark.parametrize(
    "failure",
    [Reply(status=500), Reply(status=429), events(), events(UNAVAILABLE), Reply(raw=": hi\n\n", status=503)],
    ids=["500", "429", "nothing", "an error first", "503"],
)
def test_a_stream_that_has_not_begun(kind: str, failure: Reply, fake_endpoint: FakeEndpoint) -> None:
    """A stream that fails before it says anything is asked for again."""
    fake_endpoint.answer(failure, ANN)
    if failure.raw == b"":
        with pytest.raises(EndpointError):  # an empty answer is no completion, streamed or not
            stream(kind, fake_endpoint.base_url, backoff=0.001)
        return
    shown = stream(kind, fake_endpoint.base_url, backoff=0.001)
    assert shown[-1] == Person(name="Ann")
    assert len(fake_endpoint.requests) == 2
    assert len({request.headers[KEYS] for request in fake_endpoint.requests}) == 1


def test_a_stream_that_has_begun(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A stream that fails after its first piece is not asked for again: what was shown would come twice."""
    fake_endpoint.answer(events(delta('{"name": "A'), UNAVAILABLE), ANN)
    with pytest.raises(ServerError) as caught:
        stream(kind, fake_endpoint.base_url, backoff=0.001)
    assert len(fake_endpoint.requests) == 1
    assert caught.value.retries == ()


def test_a_stream_that_falls_silent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Nor is one that falls silent."""
    cut = events(delta('{"name": "A'))
    silent = Reply(raw=cut.raw, content_type=cut.content_type, headers={"content-length": "100000"})
    fake_endpoint.answer(silent, ANN)
    with pytest.raises(TimedOut):
        stream(kind, fake_endpoint.base_url, backoff=0.001, timeout=0.3)
    assert len(fake_endpoint.requests) == 1


def test_a_stream_left_early(fake_endpoint: FakeEndpoint) -> None:
    """Who breaks out of a stream has nothing under way any longer."""
    fake_endpoint.answer(Reply(content={"name": "Ann" * 100}, chunk=3), ANN)
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        shown = iter(one.stream(Person, "Ann"))
        next(shown)
        governor = governor_of(fake_endpoint.base_url)
        assert governor.in_flight == 1
        shown.close()  # type: ignore[attr-defined]  # it is a generator
        assert governor.in_flight == 0
        for _ in one.stream(Person, "Ann"):
            break
        assert governor.in_flight == 0


def test_an_async_stream_left_early(fake_endpoint: FakeEndpoint) -> None:
    """The same with `async for`: when it is closed, and when its task is cancelled."""
    fake_endpoint.answer(*[Reply(content={"name": "Ann" * 100}, chunk=3)] * 2)

    async def asked() -> None:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            governor = governor_of(fake_endpoint.base_url)
            shown = aiter(one.stream(Person, "Ann"))
            await anext(shown)
            assert governor.in_flight == 1
            await shown.aclose()  # type: ignore[attr-defined]  # it is a generator
            assert governor.in_flight == 0

            begun = asyncio.Event()

            async def watched() -> None:
                async for _ in one.stream(Person, "Ann"):
                    begun.set()
                    await asyncio.sleep(LONG)

            task = asyncio.create_task(watched())
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            await asyncio.get_running_loop().shutdown_asyncgens()
            assert governor.in_flight == 0

    asyncio.run(asked())


# --------------------------------------------------------------------------------------------------- fork


FORKED = """
import os, sys, threading, traceback, warnings
from pydantic import BaseModel
import extractor
from extractor import Extractor
from extractor.endpoint.routes import RateLimits
from extractor.testing import FakeEndpoint
warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: what is to be shown to work

class Person(BaseModel):
    name: str

def child(work):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

held, release = threading.Event(), threading.Event()

def answer(request):
    if "hold" in str(request.body["messages"]):
        held.set()
        release.wait(20)
    return {"name": "Ann"}

fake = FakeEndpoint(answer, repeat=True).start()
def ask(text="Ann"):
    return extractor.extract(Person, text, model="m", base_url=fake.base_url, deadline=5)
"""


def _python(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKED + code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@forks
def test_fork_after_use() -> None:
    """A child can extract, and so can the parent afterwards."""
    _python("ask(); assert child(ask) == 0; ask(); assert child(ask) == 0")


@forks
def test_fork_while_requests_are_under_way() -> None:
    """What is under way in the parent takes no place from the child, whose endpoint nobody else uses."""
    _python("""
import extractor.client
limits = RateLimits(concurrency=1)
parent = Extractor("m", base_url=fake.base_url, limits=limits)
thread = threading.Thread(target=parent.extract, args=(Person, "hold"))
thread.start()
held.wait(20)

def work():
    with Extractor("m", base_url=fake.base_url, limits=limits, deadline=5) as own:
        own.extract(Person, "Ann")

code = child(work)
release.set()
thread.join()
parent.close()
assert code == 0, code
""")


@forks
def test_fork_while_others_wait() -> None:
    """Who waits in the parent for a turn does not wait in the child: nobody there would take it."""
    _python("""
limits = RateLimits(concurrency=1)
parent = Extractor("m", base_url=fake.base_url, limits=limits)
threads = [threading.Thread(target=parent.extract, args=(Person, text)) for text in ("hold", "one", "two")]
threads[0].start()
held.wait(20)
for thread in threads[1:]:
    thread.start()
from extractor.endpoint.routes import standing
from extractor.endpoint.resolve import Address
governor = standing(Address(base_url=fake.base_url, model="m", dialect="unknown"), limits).governor
while len(governor._turns) < 2:
    threading.Event().wait(0.001)

def work():
    with Extractor("m", base_url=fake.base_url, limits=limits, deadline=5) as own:
        for _ in range(3):
            own.extract(Person, "Ann")

code = child(work)
release.set()
for thread in threads:
    thread.join()
parent.close()
assert code == 0, code
""")


@forks
def test_fork_while_a_lock_is_held() -> None:
    """A lock that a thread of the parent holds in that moment does not stop the child."""
    _python("""
ask()
from extractor.endpoint import routes
from extractor.endpoint.resolve import Address
known = routes.standing(Address(base_url=fake.base_url, model="m", dialect="unknown"), RateLimits())
taken = threading.Event()

def hold():
    with routes._lock, known.governor.lock:
        taken.set()
        release.wait(20)

thread = threading.Thread(target=hold)
thread.start()
taken.wait(20)

def work():
    import signal
    signal.alarm(10)  # it would be stuck
    ask()

code = child(work)
release.set()
thread.join()
assert code == 0, code
""")


@forks
def test_fork_with_an_extractor() -> None:
    """A child that goes on with an extractor of its parent has connections of its own: over one that both write to,
    each may be given what the other asked for.
    """
    _python("""
made, accept = [], fake._server.process_request

def counted(request, address):
    made.append(address)
    accept(request, address)

fake._server.process_request = counted
with Extractor("m", base_url=fake.base_url, deadline=5) as one:
    one.extract(Person, "Ann")
    one.extract(Person, "Ann")
    assert len(made) == 1
    assert child(lambda: one.extract(Person, "Ann")) == 0
    assert len(made) == 2, made
    one.extract(Person, "Ann")
""")
