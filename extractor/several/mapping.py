"""Many documents on threads: `Results`, which is gone through, carries out the works of a feed.

Everything that is decided (`Line`, `Intake`) is decided in the caller's thread; the others only drive works.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Generic, TypeVar

from extractor.result import DocumentResult, Extraction
from extractor.several.feed import Do, Extract, Feed, Step, Work
from extractor.several.line import Intake, Line, at_most
from extractor.several.threads import Threads

__all__ = ["Results"]

T = TypeVar("T")

MOST = 256
"""Threads."""
PATIENCE = 0.5
"""Seconds in which works that are given up may come to a point where they can be."""


class Results(Iterator[DocumentResult[T]]):
    """What became of each document, as they finish, or in the order of the input (`ordered`).

    Documents are taken from the input when one may begin, in the thread that goes through this. What is raised by the
    input, and what every other document would fail with, is raised after all that was under way. Ctrl-C is raised at
    once, and changes nothing: it may be gone through further. Use it in `with`, or `close` it.
    """

    def __init__(
        self,
        feed: Feed[T],
        extract: Callable[[Extract], Extraction[T]],
        *,
        room: Callable[[], bool],
        ordered: bool = False,
        concurrency: int | None = None,
    ) -> None:
        self._line: Line[T] = Line(most=at_most(concurrency, MOST), ordered=ordered)
        self._intake = Intake(self._line, feed, room)
        self._runner = _Runner(self._line, feed, extract)
        self._interrupted = False
        self._turn = threading.RLock()  # several threads may share the results
        weakref.finalize(self, _abandoned, self._runner).atexit = False

    def stop(self) -> None:
        """Begin no more. What is under way is finished, and comes. From any thread, and from signal handlers."""
        self._line.stop()
        self._runner.wake()

    def close(self) -> None:
        """Give up what is under way. Nothing comes after that, and nothing is waited for."""
        self._runner.close(PATIENCE)

    def __enter__(self) -> Results[T]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __iter__(self) -> Results[T]:
        return self

    def __next__(self) -> DocumentResult[T]:
        with self._turn:
            try:
                if self._interrupted:
                    self._runner.mend()
                    self._interrupted = False
                return self._following()
            except BaseException:
                self._interrupted = True
                raise

    def _following(self) -> DocumentResult[T]:
        line, runner = self._line, self._runner
        while not runner.closed:
            runner.settle()
            if line.fault is None:
                for work in self._intake.works(time.monotonic()):
                    runner.begin(work)
                if line.ready:
                    return line.shown()
            error = line.fault or line.error
            if line.fault is not None or line.over:
                try:
                    self.close()
                finally:
                    if error is not None:
                        raise error
            else:
                runner.wait(self._intake.pause)
        raise StopIteration


class _Runner(Generic[T]):
    """The works that are under way, on their threads. It outlives `Results` that nobody holds any more."""

    def __init__(self, line: Line[T], feed: Feed[T], extract: Callable[[Extract], Extraction[T]]) -> None:
        self.closed = False
        self._line = line
        self._feed = feed
        self._extract = extract
        self._threads = Threads("extractor-map")
        self._running: dict[int, _Running[T]] = {}
        self._finished: deque[tuple[_Running[T], DocumentResult[T] | None, BaseException | None]] = deque()
        # A lock that is held while there is nothing to wake up for: it takes no other lock, as a signal handler needs
        # it, and its wait always ends (that of a SimpleQueue does not in CPython 3.11).
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def begin(self, work: Work[T]) -> None:
        """Have a work driven. May be said twice: each step of this leaves what `mend` can go on with."""
        ticket = id(work)
        running = self._running.setdefault(ticket, _Running(work))
        self._line.begin(ticket)
        self._threads.begin(functools.partial(self._drive, running), self._line.under_way)

    def mend(self) -> None:
        """Go on where Ctrl-C has come in between."""
        for running in [*self._running.values()]:
            if not running.taken:
                self.begin(running.work)

    def settle(self) -> None:
        """Tell the line what is finished."""
        while self._finished:
            running, result, error = self._finished[0]
            ticket = id(running.work)
            self._running.pop(ticket, None)
            if error is None:
                self._line.came(ticket, result)
            else:
                self._line.raised(ticket, error)
            self._finished.popleft()

    def wait(self, seconds: float) -> None:
        """Until something is finished, or somebody wakes it."""
        self._asleep.acquire(timeout=seconds)

    def wake(self) -> None:
        """End the wait, or the next one. From any thread, and from signal handlers."""
        with contextlib.suppress(RuntimeError):  # somebody else has woken it
            self._asleep.release()

    def close(self, patience: float) -> None:
        """Give up all works, and the feed. May be said twice."""
        if self.closed:
            return
        self.closed = True
        try:
            self._line.stop()
            self._threads.dismiss()
            until = time.monotonic() + patience
            for running in [*self._running.values()]:
                running.give_up(max(0.0, until - time.monotonic()))
        finally:
            self._feed.close()
            self.wake()

    def _drive(self, running: _Running[T]) -> None:
        if not running.take():
            return
        result: DocumentResult[T] | None = None
        failed: BaseException | None = None
        try:
            result = self._driven(running)
        except _GivenUp:
            return
        except BaseException as error:  # noqa: BLE001  # it is raised where the caller iterates
            failed = error
        self._finished.append((running, result, failed))
        del result, failed, running
        self.wake()

    def _driven(self, running: _Running[T]) -> DocumentResult[T] | None:
        came: Any = None
        failed: BaseException | None = None
        try:
            while True:
                step = running.resume(came, failed)
                came = failed = None
                if isinstance(step, Extract):
                    self._line.asked(id(running.work))
                try:
                    came = self._carried(step)
                except BaseException as error:  # noqa: BLE001  # the work has it
                    failed = error
        except StopIteration as done:
            result: DocumentResult[T] | None = done.value
            return result
        finally:
            del came, failed  # an error would hold this frame, which holds it

    def _carried(self, step: Step) -> Any:
        if isinstance(step, Extract):
            return self._extract(replace(step, call={**step.call, "_given_up": self._is_closed}))
        return step.call() if isinstance(step, Do) else step.future.result()

    def _is_closed(self) -> bool:
        return self.closed


class _GivenUp(BaseException):
    """Nobody waits for the work."""


class _Running(Generic[T]):
    """A work, resumed by the thread that has taken it; any other may give it up while it waits for a step."""

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.taken = False
        self._given_up = False
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether it is the first who takes it."""
        with self._lock:
            first, self.taken = not self.taken, True
            return first

    def resume(self, came: Any, failed: BaseException | None) -> Step:
        """The next step. Raises `StopIteration` at its end, and `_GivenUp`."""
        with self._lock:
            step = None
            if not self._given_up:
                step = self.work.send(came) if failed is None else self.work.throw(failed)
            if self._given_up or step is None:
                self.work.close()
                raise _GivenUp
            return step

    def give_up(self, patience: float) -> None:
        """Close it: now, where it comes to a step in so many seconds, else as soon as it does."""
        self._given_up = True
        if self._lock.acquire(timeout=patience):
            try:
                self.work.close()
            finally:
                self._lock.release()


def _abandoned(runner: _Runner[Any]) -> None:
    """Close it, in a thread of its own: the collector may come while this one holds any lock."""
    if not runner.closed:
        with contextlib.suppress(RuntimeError):  # the interpreter ends
            threading.Thread(target=runner.close, args=(0.0,), name="extractor-map-close", daemon=True).start()
