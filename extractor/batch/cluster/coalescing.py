"""Calls to another process, made so that one carries all that has come together: a call costs a millisecond of CPU."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["BEAT", "GATHER", "Coalescing", "longer"]

GATHER = 0.01
"""Seconds between two calls: what comes meanwhile goes together."""
BEAT = 1.0
"""Seconds after which it is looked whether there is something to say, though nobody has said so."""
LONGEST_PAUSE = 2.0  # seconds between two tries to reach somebody who is lost


class Coalescing:
    """Makes calls, at most `at_once` on their way, whenever it is woken and `next_call` gives one.

    That is told how many are on their way. `wake` may be called from any thread; `run` it in the event loop given.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        next_call: Callable[[int], Coroutine[Any, Any, None] | None],
        *,
        at_once: int,
    ) -> None:
        self._loop = loop
        self._next_call = next_call
        self._at_once = at_once
        self._news = asyncio.Event()
        self._woken = False
        self._out: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """There is something to say."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Call, until this is cancelled."""
        try:
            while True:
                beat = self._loop.call_later(BEAT, self._news.set)
                try:
                    await self._news.wait()
                finally:
                    beat.cancel()
                self._news.clear()
                self._woken = False
                call = None if len(self._out) >= self._at_once else self._next_call(len(self._out))
                if call is not None:
                    task = self._loop.create_task(call)
                    self._out.add(task)
                    task.add_done_callback(self._done)
                    await asyncio.sleep(GATHER)
                    self.wake()
        finally:
            for task in self._out:
                task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._out.discard(task)
        self.wake()


def longer(pause: float) -> float:
    """The next pause before somebody who is lost is called again."""
    return min(LONGEST_PAUSE, max(0.1, 2 * pause))
