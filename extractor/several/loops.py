"""The event loop that runs, asyncio's or trio's: tasks that stand by themselves, and calls from other threads."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import anyio

__all__ = ["Loop", "running_loop"]


class Loop(Protocol):
    """An event loop: tasks that stand by themselves, and calls from other threads."""

    def spawn(self, run: Callable[[], Awaitable[None]], done: Callable[[], None]) -> Callable[[], object]:
        """Run it as a task; `done` is called when that has ended, however it does. Gives what cancels it."""
        ...

    def soon(self, call: Callable[[], object]) -> None:
        """Call it there. Raises `RuntimeError` where the loop has ended."""
        ...


def running_loop() -> Loop:
    """The one that this is called in."""
    try:
        return _Asyncio(asyncio.get_running_loop())
    except RuntimeError:
        return _Trio()


class _Asyncio:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def spawn(self, run: Callable[[], Any], done: Callable[[], None]) -> Callable[[], object]:
        task = self._loop.create_task(run())
        task.add_done_callback(lambda _: done())  # the coroutine of one that is cancelled at once never begins
        return task.cancel

    def soon(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)


class _Trio:
    def __init__(self) -> None:
        import trio

        self._lowlevel: Any = trio.lowlevel
        self._token = self._lowlevel.current_trio_token()

    def spawn(self, run: Callable[[], Any], done: Callable[[], None]) -> Callable[[], object]:
        scope = anyio.CancelScope()

        async def scoped() -> None:
            try:
                with scope:
                    await run()
            finally:
                done()

        self._lowlevel.spawn_system_task(scoped, context=contextvars.copy_context())
        return scope.cancel

    def soon(self, call: Callable[[], object]) -> None:
        self._token.run_sync_soon(call)
