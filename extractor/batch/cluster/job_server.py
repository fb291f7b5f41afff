"""The file of a job, for a whole cluster: the actor that has it. It runs where the file is.

Processes send it commands, each of which asks for one thing that a `Worker` of the job's store does. A call that was
lost is made again under the same number, and does nothing the second time. What a process had begun that is not heard
of any more is given up: then others may begin it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from extractor.batch.cluster.coalescing import BEAT
from extractor.batch.cluster.remote_governor import LOST
from extractor.batch.record import Record
from extractor.batch.store import Begun, Finished, Journal, Store, Worker
from extractor.errors import ExtractorError

__all__ = ["Command", "CommandResult", "JobServer"]


class Command(NamedTuple):
    """One thing to be done: `begin`, `finish`, `fail_unread`, `release` or `put`, and what it is done with."""

    what: str
    given: Any


class CommandResult(NamedTuple):
    """What came of a command. Of `begin` it is a pair: what was begun, and the replies that its journal has."""

    result: Any = None
    error: ExtractorError | None = None


@dataclass(kw_only=True, slots=True)
class _Held:
    begun: Begun
    journal: Journal


@dataclass(kw_only=True, slots=True)
class _Process:
    """What is known of a process: what it holds, and what came of its last calls."""

    worker: Worker
    heard: float
    held: dict[int, _Held] = field(default_factory=dict)
    calls: dict[int, asyncio.Task[list[CommandResult]]] = field(default_factory=dict)


class JobServer:
    """The job in the file `path`. As an async actor: its methods run in one thread.

    Documents have no numbers here: they are in the order in which they were begun first.
    """

    def __init__(self, path: str, lost: float = LOST) -> None:
        self._path = path
        self._lost = lost
        self._store: Store | None = None
        self._workers: dict[int, Worker] = {}
        self._processes: dict[str, _Process] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def open(
        self, target: str, schema: Mapping[str, Any], options: Mapping[str, Any], shape: Mapping[str, Any] | None = None
    ) -> CommandResult:
        """The number of the run with that schema and those options."""
        try:
            run = self._opened().open_run(target=target, schema=schema, options=options, shape=shape)
            return CommandResult(run.number)
        except ExtractorError as error:
            return CommandResult(error=error.with_traceback(None))

    async def exchange(
        self, process: str, run: int, number: int, answered: int, commands: Sequence[Command]
    ) -> list[CommandResult]:
        """Do what the commands ask for, once for each `number`. What came of calls before `answered` has arrived."""
        try:
            known = self._known(process, run)
        except ExtractorError as error:
            return [CommandResult(error=error.with_traceback(None))] * len(commands)
        for old in [each for each in known.calls if each < answered]:
            del known.calls[old]
        if number not in known.calls:
            known.calls[number] = asyncio.create_task(self._done(known, commands))
        return await asyncio.shield(known.calls[number])

    # ------------------------------------------------------------------------------- the file

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._path)
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())
        return self._store

    def _known(self, process: str, run: int) -> _Process:
        known = self._processes.get(process)
        if known is None:
            store = self._opened()
            if run not in self._workers:
                self._workers[run] = store.worker(run)
            known = self._processes[process] = _Process(worker=self._workers[run], heard=0.0)
        known.heard = time.monotonic()
        return known

    async def _sweep(self) -> None:
        """Give up what lost processes had; close the file when nobody is there any more."""
        opened = time.monotonic()
        while self._processes or time.monotonic() < opened + self._lost:
            await asyncio.sleep(min(BEAT, self._lost / 4))
            now = time.monotonic()
            for name in [name for name, each in self._processes.items() if each.heard < now - self._lost]:
                gone = self._processes.pop(name)
                for held in gone.held.values():
                    gone.worker.release(held.begun)
        self._sweeping = None
        store, self._store = self._store, None
        self._workers.clear()
        if store is not None:
            await asyncio.to_thread(store.close)

    # ------------------------------------------------------------------------------- commands

    async def _done(self, process: _Process, commands: Sequence[Command]) -> list[CommandResult]:
        # Each is handed to the writer before any is waited for: they are committed together.
        begun = [_DONE[command.what](process, command.given) for command in commands]
        return [await self._came(process, future) for future in begun]

    async def _came(self, process: _Process, future: Future[Any] | ExtractorError | None) -> CommandResult:
        if isinstance(future, ExtractorError):
            return CommandResult(error=future.with_traceback(None))
        if future is None:
            return CommandResult()
        try:
            result = await asyncio.wrap_future(future)
            if isinstance(result, Record):  # its text is where it came from
                result = replace(result, text=None)
            return CommandResult(_claimed(process, result) if isinstance(result, Begun) else result)
        except ExtractorError as error:
            return CommandResult(error=error.with_traceback(None))


def _claimed(process: _Process, begun: Begun) -> tuple[Begun, Mapping[str, bytes]]:
    if begun.record is not None:  # its text is where it came from
        return replace(begun, record=replace(begun.record, text=None)), {}
    if begun.state != "claimed":
        return begun, {}
    journal = process.worker.journal(begun)
    process.held[begun.document] = _Held(begun=begun, journal=journal)
    bodies = {key: journal.get(key) for key in begun.journalled}
    return begun, {key: body for key, body in bodies.items() if body is not None}


def _begin(process: _Process, given: Mapping[str, Any]) -> Future[Begun]:
    return process.worker.begin(**given)


def _finish(process: _Process, given: tuple[Begun, Finished]) -> Future[Record | None]:
    process.held.pop(given[0].document, None)
    return process.worker.finish(*given)


def _fail_unread(process: _Process, given: Mapping[str, Any]) -> Future[None]:
    return process.worker.fail_unread(**given)


def _release(process: _Process, given: Begun) -> Future[None]:
    process.held.pop(given.document, None)
    return process.worker.release(given)


def _put(process: _Process, given: tuple[Begun, str, bytes]) -> Future[Any] | ExtractorError | None:
    begun, key, body = given
    held = process.held.get(begun.document)
    journal = process.worker.journal(begun) if held is None else held.journal
    try:
        return journal.put(key, body)
    except ExtractorError as error:
        return error


_DONE: Mapping[str, Callable[[_Process, Any], Future[Any] | ExtractorError | None]] = {
    "begin": _begin,
    "finish": _finish,
    "fail_unread": _fail_unread,
    "release": _release,
    "put": _put,
}
