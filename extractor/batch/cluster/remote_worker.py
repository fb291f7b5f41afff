"""The worker of a job's store, in a process that does not have the file: what it is asked, the job server does."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, cast

from extractor.batch.cluster.coalescing import BEAT, Coalescing, longer
from extractor.batch.cluster.job_server import Command, CommandResult
from extractor.batch.record import Failure, Record
from extractor.batch.store import Begun, Finished

__all__ = ["RemoteJournal", "RemoteWorker"]

AT_ONCE = 8  # calls on their way: a commit takes some milliseconds

Exchange = Callable[[int, int, Sequence[Command]], Awaitable[list[CommandResult]]]
"""Reaches the job server: the number of a call, the number before which all have been answered, and the commands."""


class RemoteWorker:
    """What `extractor.batch.store.Worker` is, over calls. `run` it in the event loop that is given."""

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self._calls = Coalescing(loop, self._next, at_once=AT_ONCE)
        self._waiting: list[tuple[Command, Future[Any]]] = []
        self._number = 0
        self._unanswered: set[int] = set()
        self._held: set[int] = set()
        self._journals: dict[int, RemoteJournal] = {}
        self._said = 0.0  # by the loop's clock

    async def run(self) -> None:
        """Carry commands, until this is cancelled."""
        await self._calls.run()

    def known_file(self, name: str, size: int, mtime_ns: int) -> str | None:
        """Nothing: to ask would take as long as to read most files."""
        return None

    def begin(self, **given: Any) -> Future[Begun]:
        """See `Worker.begin`."""
        shown: Future[Begun] = Future()
        sent = self._send("begin", {**given, "number": 0})
        sent.add_done_callback(functools.partial(self._begun, shown))
        return shown

    def finish(self, begun: Begun, finished: Finished) -> Future[Record | None]:
        """See `Worker.finish`."""
        self._leave(begun)
        return self._send("finish", (begun, finished))

    def fail_unread(
        self, *, number: int, name: str, row: Mapping[str, Any] | None = None, failure: Failure
    ) -> Future[None]:
        """See `Worker.fail_unread`."""
        return self._send("fail_unread", {"number": 0, "name": name, "row": row, "failure": failure})

    def release(self, begun: Begun) -> Future[None]:
        """See `Worker.release`."""
        self._leave(begun)
        return self._send("release", begun)

    def journal(self, begun: Begun) -> RemoteJournal:
        """See `Worker.journal`."""
        return self._journals.get(begun.document) or RemoteJournal(begun, {}, self._send)

    def close(self) -> None:
        """Nothing: what is held is given up when this process is not heard of any more."""

    def _leave(self, begun: Begun) -> None:
        self._held.discard(begun.document)
        self._journals.pop(begun.document, None)

    def _begun(self, shown: Future[Begun], sent: Future[Any]) -> None:
        awaited, error = shown.set_running_or_notify_cancel(), sent.exception()
        if error is not None:
            if awaited:
                shown.set_exception(error)
            return
        begun, bodies = cast(tuple[Begun, dict[str, bytes]], sent.result())
        if begun.state == "claimed":
            self._held.add(begun.document)
            self._journals[begun.document] = RemoteJournal(begun, bodies, self._send)
        if awaited:
            shown.set_result(begun)
        elif begun.state == "claimed":
            self.release(begun)

    def _send(self, what: str, given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((Command(what, given), future))
        self._calls.wake()
        return future

    def _next(self, under_way: int) -> Coroutine[Any, Any, None] | None:
        now = self._loop.time()
        if not self._waiting and not (self._held and now >= self._said + BEAT):
            return None
        commands, self._waiting, self._said = self._waiting, [], now
        self._number += 1
        self._unanswered.add(self._number)
        return self._carry(self._number, commands)

    async def _carry(self, number: int, commands: list[tuple[Command, Future[Any]]]) -> None:
        pause, came = 0.0, list[CommandResult]()
        while True:
            try:
                came = await self._exchange(number, min(self._unanswered), [command for command, _ in commands])
                break
            except Exception:  # noqa: BLE001  # whatever it is: the same call again does nothing twice
                pause = longer(pause)
                await asyncio.sleep(pause)
        self._unanswered.discard(number)
        for (_, future), each in zip(commands, came, strict=True):
            if future.set_running_or_notify_cancel():
                if each.error is None:
                    future.set_result(each.result)
                else:
                    future.set_exception(each.error)


class RemoteJournal:
    """The replies of one document: those of before came with it, what is put goes to the job server."""

    def __init__(self, begun: Begun, bodies: Mapping[str, bytes], send: Callable[[str, Any], Future[Any]]) -> None:
        self._begun = begun
        self._bodies = dict(bodies)
        self._send = send

    def get(self, key: str) -> bytes | None:
        """The reply to that request; None where there is none."""
        return self._bodies.get(key)

    def put(self, key: str, body: bytes) -> Future[Any]:
        """Keep a reply."""
        self._bodies[key] = body
        return self._send("put", (self._begun, key, body))
