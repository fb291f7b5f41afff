"""Work in the background that steps aside for people: Python does one thing at a time, and a request would have to
share that with it, waiting at every step for its turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["CountingApplication", "IdleGate"]

QUIET = 0.1  # seconds after a request in which there is mostly another one
PATIENCE = 3.0  # seconds in a row, after which a little is done all the same


class IdleGate:
    """Whether somebody is waiting for an answer. Threads may share it; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._under_way = 0
        self._last: float | None = None
        self._closed = False

    def begin(self) -> None:
        """A request has come."""
        with self._changed:
            self._under_way += 1

    def end(self) -> None:
        """One has been answered."""
        with self._changed:
            self._under_way -= 1
            self._last = self._clock()
            self._changed.notify_all()

    def close(self) -> None:
        """Let go whoever waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, most: float = PATIENCE) -> bool:
        """Wait until no request is under way and none was a moment ago, at most so many seconds; whether that is so."""
        until = self._clock() + most
        with self._changed:
            while (left := self._left()) > 0:
                patience = until - self._clock()
                if patience <= 0 or self._closed:
                    return False
                self._changed.wait(min(left, patience))
        return True

    def _left(self) -> float:
        """The seconds until it is quiet, as far as can be told by now."""
        if self._under_way:
            return threading.TIMEOUT_MAX
        return 0.0 if self._last is None else self._last + QUIET - self._clock()


class CountingApplication:
    """An ASGI application whose requests are known to be under way."""

    def __init__(self, application: Callable[..., Any], idle: IdleGate) -> None:
        self._application, self._idle = application, idle

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        self._idle.begin()
        try:
            await self._application(scope, receive, send)
        finally:
            self._idle.end()
