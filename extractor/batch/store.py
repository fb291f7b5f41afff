"""The file of a job, as its users hold it: its runs, how far they are, their documents; who works on one is a `Worker`.

Processes of one machine may share the file. A document is under way at one worker at most, and what is finished stays.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from extractor.batch import claims, finishes, reading, revisions, scoring, workers
from extractor.batch import queue as queues
from extractor.batch import tally as tallies
from extractor.batch.checks import problems
from extractor.batch.claims import Begun, Offer
from extractor.batch.connections import JobFile
from extractor.batch.finishes import Finished
from extractor.batch.opening import job_errors, located, readable
from extractor.batch.owners import Owner
from extractor.batch.queue import Row
from extractor.batch.record import AttemptRecord, Counts, Record, Revision, Run
from extractor.batch.revisions import Said
from extractor.batch.rows import unpack
from extractor.batch.tally import Tally
from extractor.batch.working import Journal, Worker, record_of
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
        self._scored: dict[int, int] = {}  # of each run, up to which document it was looked through

    # -------------------------------------------------------------------------------------------- runs

    def open_run(
        self,
        *,
        target: str,
        schema: Mapping[str, Any],
        options: Mapping[str, Any],
        shape: Mapping[str, Any] | None = None,
        reference: str = "",
    ) -> Run:
        """The run with that schema and those options (both plain data), or else a new one. `shape` is the schema of
        what is written of its documents, where that is another one, `reference` where the target is found.
        """
        own: dict[str, Any] = {
            "target": target,
            "schema": schema,
            "options": options,
            "shape": shape,
            "reference": reference,
        }
        number = self._file.write(partial(workers.open_run, **own))
        return next(run for run in self.runs() if run.number == number)

    def runs(self) -> tuple[Run, ...]:
        """All runs, in the order in which they were begun."""
        return self._file.read(reading.runs)

    def latest(self) -> int | None:
        """The number of the run that was worked on last, or else made last; None where there is none."""
        return self._file.read(reading.latest)

    def expect(self, run: int, total: int | None) -> None:
        """Note how many inputs there will be, until the next worker opens; None for not known."""
        self._file.write(partial(workers.expect, run=run, total=total))

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
            owner, key = workers.start(connection, self.path, run)
            owners.append(owner)
            return key

        try:
            key = self._file.write(start)
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
                with job_errors(self.path):
                    record = unpack(row)
                yield record
            if len(rows) < reading.AT_ONCE:
                return
            after = rows[-1][:2]

    def record(self, run: int, name: str) -> Record | None:
        """All that is known of one document; None where there is none of that name."""
        return record_of(self.path, self._file.read(partial(reading.record, run=run, name=name, job=self.path)))

    def attempts(self, run: int, name: str) -> tuple[AttemptRecord, ...]:
        """Every request of one document, each time it was tried, in order."""
        return self._file.read(partial(reading.attempts, run=run, name=name))

    def retry(self, run: int, *, names: Collection[str] | None = None) -> int:
        """Have documents asked for again: those that failed, or those of the `names`, done or failed. How many inputs
        these are. What they came to before stays in the file.

        Raises `OptionError` where none has such a name.
        """
        return self._file.write(partial(finishes.retry, run=run, names=names))

    # ----------------------------------------------------------------------------------------- people

    def revise(self, said: Said) -> Revision:
        """Keep what a person says of a document. Raises `Overtaken`, and `OptionError`."""
        revision: Revision = self._file.writer.submit(partial(revisions.revise, said)).result()
        return revision

    def revisions(self, run: int, name: str) -> tuple[Revision, ...]:
        """All that people said of a document, in order."""
        return self._file.read(partial(revisions.revisions, run=run, name=name))

    def any_said(self, run: int) -> bool:
        """Whether people have said anything of a run that counts."""
        return self._file.read(partial(revisions.any_said, run=run))

    def valued(self, run: int) -> Iterator[Record]:
        """The documents of a run that people accepted or corrected, with their texts."""
        after = 0
        while rows := self._file.read(partial(reading.valued, run=run, after=after)):
            for after, row in rows:  # noqa: B007  # the last of them
                with job_errors(self.path):
                    record = unpack(row)
                yield record

    def numbered(self, run: int, document: int) -> Record | None:
        """The document with a number in the file, by the first of its names; None where the run has none."""
        return record_of(self.path, self._file.read(partial(reading.numbered, run=run, document=document)))

    def extracted(self, run: int, name: str) -> Record | None:
        """A document as it was extracted, whatever people said of it; None where nothing was, or there is none."""
        return record_of(self.path, self._file.read(partial(reading.extracted_of, run=run, name=name)))

    def names(self, run: int, document: int) -> tuple[str, ...]:
        """All names of the document with a number in the file, in the order of the input."""
        return self._file.read(partial(queues.names, run=run, document=document))

    def queue(self, run: int, **page: Any) -> tuple[Row, ...]:
        """A page of what people are to look at: see `queues.queue`. Raises `OptionError`."""
        return self._file.read(partial(queues.queue, run=run, **page))

    def place(self, run: int, document: int, order: str) -> tuple[Any, ...] | None:
        """Where the document with a number in the file stands in an order; None where the run has none."""
        return self._file.read(partial(queues.place, run=run, document=document, order=order))

    def tally(self, run: int) -> Tally:
        """How far the review of a run is."""
        return self._file.read(partial(tallies.tally, run=run))

    def score(self, run: int, schema: Mapping[str, Any], limit: int) -> int:
        """Work out how doubtful so many documents are of which it is not known, and keep it; how many these were."""
        after = self._scored.get(run, 0)
        rows = self._file.read(partial(scoring.unscored, run=run, after=after, limit=limit))
        if not rows and after:  # from the beginning again: some were under way, or are asked for again
            rows = self._file.read(partial(scoring.unscored, run=run, after=0, limit=limit))
        self._scored[run] = rows[-1][0] if rows else 0
        if rows:
            scores = scoring.scored(rows, schema)
            self._file.write(partial(scoring.keep, scores=scores))
        return len(rows)

    def enter(self, offer: Offer) -> Future[None]:
        """Note a document that is asked of nobody; done when it is in the file."""
        work = partial(claims.fail_unread if offer.failure is not None else claims.enter, offer=offer)
        return self._file.writer.submit(lambda: work)

    def known_file(self, run: int, name: str, size: int, mtime_ns: int) -> str | None:
        """The sha256 of a file of that name that was begun before with the same size and time; else None."""
        return self._file.read(partial(reading.known_file, run=run, name=name, size=size, mtime=mtime_ns))

    # ---------------------------------------------------------------------------------------- the file

    def check(self) -> tuple[str, ...]:
        """What is wrong with the file, in words; nothing where all is well. It reads all of it."""
        self._file.check()
        found: list[str] = []
        try:
            with job_errors(self.path), contextlib.closing(readable(self.path)) as connection:
                connection.execute("BEGIN")  # all of it as it is at one time
                found.extend(problems(connection))
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
