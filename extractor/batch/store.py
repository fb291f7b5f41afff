"""The file of a job, as its users hold it: its runs, how far they are, their documents; who works on one is a `Worker`.

Processes of one machine may share the file. A document is under way at one worker at most, and what is finished stays.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from extractor.batch import claims, finishes, reading
from extractor.batch.claims import Begun
from extractor.batch.connections import JobFile
from extractor.batch.finishes import Finished
from extractor.batch.opening import located, readable, told
from extractor.batch.owners import Owner
from extractor.batch.record import AttemptRecord, Counts, Record, Run
from extractor.batch.working import Journal, Worker
from extractor.errors import JobError

__all__ = ["Begun", "Finished", "Journal", "Store", "Worker"]


class Store:
    """The job in the file `path`, which is made if it is not there and `create` allows it (its folder is not), readable
    by its owner only: documents and replies are in it. Threads may share it.

    Raises `JobError` where there is something else than a job, one of a newer version, or a damaged one; where it
    cannot be written to; and, of each method, where the disk is full or the file is locked for long.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True, read_only: bool = False) -> None:
        self.path = located(path)
        self._file = JobFile(self.path, create=create and not read_only, read_only=read_only)
        self._workers: weakref.WeakSet[Worker] = weakref.WeakSet()

    # -------------------------------------------------------------------------------------------- runs

    def open_run(
        self,
        *,
        target: str,
        schema: Mapping[str, Any],
        options: Mapping[str, Any],
        shape: Mapping[str, Any] | None = None,
    ) -> Run:
        """The run with that schema and those options (both plain data), or else a new one. `shape` is the schema of
        what is written of its documents, where that is another one.
        """
        ready = partial(partial, claims.open_run, target=target, schema=schema, options=options, shape=shape)
        number: int = self._file.writer.submit(ready).result()
        return next(run for run in self.runs() if run.number == number)

    def runs(self) -> tuple[Run, ...]:
        """All runs, in the order in which they were begun."""
        return self._file.read(reading.runs)

    def latest(self) -> int | None:
        """The number of the run that was worked on last, or else made last; None where there is none."""
        return self._file.read(reading.latest)

    def expect(self, run: int, total: int | None) -> None:
        """Note how many inputs there will be, until the next worker opens; None for not known."""
        ready = partial(partial, claims.expect, run=run, total=total)
        self._file.writer.submit(ready).result()

    def worker(self, run: int) -> Worker:
        """Go to work at a run. What workers held that are dead is pending again; and so is what the endpoint did not
        answer, where nobody else is at work at it.

        Raises `JobError` also where the file system has no locks.
        """
        if all(run != each.number for each in self.runs()):
            raise JobError(f"The job {self.path} has no run {run}.", hint="See its `runs`.")
        owners: list[Owner] = []

        def start(connection: sqlite3.Connection) -> str:
            while owners:  # of a transaction that came to nothing
                owners.pop().drop()
            owner, key = claims.start(connection, self.path, run)
            owners.append(owner)
            return key

        try:
            key: str = self._file.writer.submit(lambda: start).result()
        except BaseException:
            while owners:
                owners.pop().drop()
            raise
        worker = Worker(self._file, owners[0], run=run, key=key)
        self._workers.add(worker)
        return worker

    def counts(self, run: int) -> Counts:
        """How far a run is. Every input counts, also where two have the same content."""
        return self._file.read(partial(reading.counts, run=run, job=self.path))

    # --------------------------------------------------------------------------------------- documents

    def records(
        self, run: int, *, states: Collection[str] | None = None, text: bool = False, evidence: bool = True
    ) -> Iterator[Record]:
        """The documents of a run in the order of the input, those in some `states` only, with or without their texts
        and what is known of their fields.

        They are read a hundred at a time, while others write: each is as it was when it was read.
        """
        after = (-(2**63), -1)
        few = partial(reading.records, run=run, job=self.path, states=reading.numbers_of(states))
        while True:
            read = partial(few, after=after, text=text, evidence=evidence)
            rows = self._file.read(read)
            for row in rows:
                with told(self.path):
                    record = reading.unpack(row)
                yield record
            if len(rows) < reading.AT_ONCE:
                return
            after = rows[-1][:2]

    def record(self, run: int, name: str) -> Record | None:
        """All that is known of one document; None where there is none of that name."""
        row = self._file.read(partial(reading.record, run=run, name=name, job=self.path))
        with told(self.path):
            return None if row is None else reading.unpack(row)

    def attempts(self, run: int, name: str) -> tuple[AttemptRecord, ...]:
        """Every request of one document, each time it was tried, in order."""
        return self._file.read(partial(reading.attempts, run=run, name=name))

    def retry(self, run: int, *, failed: bool = True, names: Collection[str] | None = None) -> int:
        """Have documents asked for again: those that failed, or with `failed=False` also those that are done; with
        `names` only these. How many inputs these are. What they came to before stays in the file.

        Raises `OptionError` where none has such a name.
        """
        ready = partial(partial, finishes.retry, run=run, failed=failed, names=names)
        number: int = self._file.writer.submit(ready).result()
        return number

    # ---------------------------------------------------------------------------------------- the file

    def check(self) -> tuple[str, ...]:
        """What is wrong with the file, in words; nothing where all is well. It reads all of it."""
        self._file.check()
        found: list[str] = []
        try:
            with told(self.path), contextlib.closing(readable(self.path)) as connection:
                connection.execute("BEGIN")  # all of it as it is at one time
                found.extend(reading.problems(connection))
        except JobError as error:
            found.append(str(error))
        return tuple(found)

    def close(self) -> None:
        """Write what waits, end all work on it, and close the file. May be said twice."""
        if self._file.is_ours:
            for worker in list(self._workers):
                worker.close()
        self._file.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"
