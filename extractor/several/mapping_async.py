"""`mapping` with tasks: `AsyncResults`, under asyncio and trio.

A task group cannot be held open while the caller has a result in his hands: so the tasks stand by themselves, and
each is ended by `aclose`, by whoever cancels the wait for a result, or when nobody holds the results any more.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from extractor.result import DocumentResult, Extraction
from extractor.several.alone import Drawn
from extractor.several.feed import Do, Extract, Feed, Later, Step, Work
from extractor.several.line import BATCH, LONG, Intake, Line, at_most
from extractor.several.loops import Loop, running_loop

__all__ = ["AsyncResults"]

T = TypeVar("T")

MOST = 1_024
"""Tasks."""
THREADS = 32
"""That do what may take its time: read files, say."""
PATIENCE = 0.5
"""Seconds in which works that are given up may come to their end."""


class AsyncResults(AsyncIterator[DocumentResult[T]]):
    """`Results` with `async for`, `async with` and `aclose`.

    A wait for a result that is cancelled gives up everything, as it would an async generator. Of results that nobody
    holds any more the tasks are cancelled when the collector finds them: at once in CPython, but for cycles.
    """

    def __init__(
        self,
        feed: Feed[T],
        extract: Callable[[Extract], Awaitable[Extraction[T]]],
        *,
        room: Callable[[], bool],
        ordered: bool = False,
        concurrency: int | None = None,
        drawn: Drawn | None = None,
    ) -> None:
        self._line: Line[T] = Line(most=at_most(concurrency, MOST), ordered=ordered)
        self._intake = Intake(self._line, feed, room, waits=lambda: False if drawn is None else drawn.waits())
        self._runner = _Runner(self._line, feed, extract, drawn)
        weakref.finalize(self, _abandoned, self._runner).atexit = False

    def stop(self) -> None:
        """Begin no more. What is under way is finished, and comes. From any thread, and from signal handlers."""
        self._line.stop()
        self._runner.soon(self._runner.wake)

    async def aclose(self) -> None:
        """Give up what is under way. Nothing comes after that."""
        await self._runner.close()

    async def __aenter__(self) -> AsyncResults[T]:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncResults[T]:
        return self

    async def __anext__(self) -> DocumentResult[T]:
        try:
            return await self._following()
        except anyio.get_cancelled_exc_class():
            await self.aclose()
            raise

    async def _following(self) -> DocumentResult[T]:
        line, runner = self._line, self._runner
        await runner.open()
        while not runner.closed:
            runner.enter()
            begun = 0
            if line.fault is None:
                for work in self._intake.works(time.monotonic()):
                    runner.begin(work)
                    begun += 1
                if line.ready:
                    return line.shown()
            error = line.fault or line.error
            if line.fault is not None or line.over:
                try:
                    await self.aclose()
                finally:
                    if error is not None:
                        raise error
            elif begun == BATCH:
                await anyio.lowlevel.checkpoint()  # in which they get to the endpoint
            else:
                await runner.wait(self._intake.pause)
        raise StopAsyncIteration


class _Running(Generic[T]):
    """A work, and what came of it."""

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.result: DocumentResult[T] | None = None
        self.error: BaseException | None = None
        self.ended = False
        self.cancel: Callable[[], object] = lambda: None


class _Runner(Generic[T]):
    """The works that are under way, as tasks. It outlives `AsyncResults` that nobody holds any more."""

    def __init__(
        self,
        line: Line[T],
        feed: Feed[T],
        extract: Callable[[Extract], Awaitable[Extraction[T]]],
        drawn: Drawn | None,
    ) -> None:
        self.closed = False
        self._line = line
        self._feed = feed
        self._extract = extract
        self._drawn = drawn
        self._running: dict[int, _Running[T]] = {}
        self._loop: Loop | None = None
        self._abandoned = False
        self._opened = False
        self._draws: Callable[[], object] = lambda: None  # its end

    async def open(self) -> None:
        """Open the feed, where that is for later. In a thread: it may have to wait for a file."""
        if isinstance(self._feed, Later) and not self._opened:
            await anyio.to_thread.run_sync(self._feed.open)
        self._opened = True

    def enter(self) -> None:
        """Begin, in the event loop that runs."""
        if self._loop is not None:
            return
        self._loop = running_loop()
        self._woken = anyio.Event()
        self._threads = anyio.CapacityLimiter(THREADS)
        if self._drawn is not None:
            drawn = self._drawn
            self._draws = self._loop.spawn(lambda: drawn.draw(self.wake), self.wake)

    def begin(self, work: Work[T]) -> None:
        """Have a work driven."""
        assert self._loop is not None  # noqa: S101  # it has been entered
        running = self._running[id(work)] = _Running(work)
        self._line.begin(id(work))
        running.cancel = self._loop.spawn(lambda: self._drive(running), lambda: self._done(running))

    async def wait(self, seconds: float) -> None:
        """Until something is finished, or somebody wakes it."""
        woken = self._woken
        if seconds >= LONG:  # without a timer: nothing changes by itself
            await woken.wait()
            return
        with anyio.move_on_after(seconds):
            await woken.wait()

    def wake(self) -> None:
        """End the wait."""
        if self._loop is not None:
            woken, self._woken = self._woken, anyio.Event()
            woken.set()

    def soon(self, call: Callable[[], object]) -> bool:
        """Have it called in the event loop, if that runs. From any thread, and from signal handlers."""
        try:
            if self._loop is not None:
                self._loop.soon(call)
        except RuntimeError:  # it has ended, and everything in it
            return False
        return self._loop is not None

    async def close(self) -> None:
        """Give up all works, and the feed. May be said twice."""
        if self.closed:
            return
        self._give_up()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(PATIENCE):
                while self._running:
                    await self.wait(LONG)
            await anyio.to_thread.run_sync(self._feed.close)

    def _give_up(self) -> None:
        self.closed = True
        self._line.stop()
        self._draws()
        for running in [*self._running.values()]:
            running.cancel()
        self.wake()

    def abandon(self) -> None:
        """Give up all works; the feed when the last of them has ended."""
        self._abandoned = True
        self._give_up()
        if not self._running:
            self.leave()

    def leave(self) -> None:
        """Close the feed, in a thread of its own: it may wait for others."""
        with contextlib.suppress(RuntimeError):  # the interpreter ends
            threading.Thread(target=self._feed.close, name="extractor-map-close", daemon=True).start()

    async def _drive(self, running: _Running[T]) -> None:
        try:
            running.result = await self._driven(running.work)
            running.ended = True
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001  # it is raised where the caller iterates
            running.error = error

    def _done(self, running: _Running[T]) -> None:
        """Its task has ended, or never begun."""
        ticket = id(running.work)
        try:
            running.work.close()
        except Exception as error:  # noqa: BLE001  # likewise
            running.error = running.error or error
        del self._running[ticket]
        if running.error is None and not (running.ended or self.closed):
            running.error = RuntimeError("The task that was at a document has been cancelled.")
        if running.error is not None:
            self._line.raised(ticket, running.error)
        else:
            self._line.came(ticket, running.result)
        if self._abandoned and not self._running:
            self.leave()
        self.wake()

    async def _driven(self, work: Work[T]) -> DocumentResult[T] | None:
        came: Any = None
        failed: BaseException | None = None
        try:
            while True:
                step = work.send(came) if failed is None else work.throw(failed)
                came = failed = None
                if isinstance(step, Extract):
                    self._line.asked(id(work))
                try:
                    came = await self._carried(step)
                except anyio.get_cancelled_exc_class():
                    raise
                except BaseException as error:  # noqa: BLE001  # the work has it
                    failed = error
        except StopIteration as done:
            result: DocumentResult[T] | None = done.value
            return result
        finally:
            del came, failed  # an error would hold this frame, which holds it

    async def _carried(self, step: Step) -> Any:
        if isinstance(step, Extract):
            return await self._extract(step)
        if isinstance(step, Do):
            return await anyio.to_thread.run_sync(step.call, abandon_on_cancel=True, limiter=self._threads)
        return await self._come(step.future)

    async def _come(self, future: Future[Any]) -> Any:
        # Not asyncio.wrap_future: who is cancelled would cancel what others wait for, and what a thread is at.
        if not future.done():
            come = anyio.Event()
            future.add_done_callback(lambda _: self.soon(come.set))
            await come.wait()
        return future.result()


def _abandoned(runner: _Runner[Any]) -> None:
    """Close it, in its event loop: the collector may come in any thread."""
    if not runner.closed and not runner.soon(runner.abandon):
        runner.leave()
