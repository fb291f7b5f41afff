"""Somebody at work on a run of a job: a `Worker`, and the `Journal` of a document that it has.

Whatever is written goes through the writer's thread, and is there when its future has a result.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from extractor.batch import claims, finishes, reading, workers
from extractor.batch.claims import Begun, Content, Offer
from extractor.batch.connections import JobFile
from extractor.batch.finishes import Finished
from extractor.batch.opening import job_errors
from extractor.batch.owners import Owner
from extractor.batch.packing import packed
from extractor.batch.record import Failure, Record
from extractor.batch.rows import Row, stands, stored_name, unpack
from extractor.batch.writer import Work, Writer
from extractor.errors import JobError

__all__ = ["Journal", "Worker", "record_of"]


class Worker:
    """Somebody at work on a run. Threads may share it; nothing but `close`, `known_file` and `finished` takes time.

    A future has its result when that is committed, else a `JobError`. One that is cancelled before it was begun
    leaves nothing in the file; later it cannot be cancelled any more. Who began a document has to finish it or to give
    it up, else it is held until the end. If this object is dropped without `close`, what it holds is pending as soon as
    another worker looks.
    """

    def __init__(self, file: JobFile, owner: Owner, *, run: int, key: str) -> None:
        self.run = run
        self._key = key
        self._file = file
        self._owner = owner
        self._closed = False

    @property
    def path(self) -> Path:
        """The file of the job."""
        return self._file.path

    def known_file(self, name: str, size: int, mtime_ns: int) -> str | None:
        """The sha256 of a file of that name that was begun before with the same size and time; else None."""
        return self._file.read(partial(reading.known_file, run=self.run, name=name, size=size, mtime=mtime_ns))

    def begin(
        self,
        *,
        number: int,
        name: str,
        sha256: str,
        row: Mapping[str, Any] | None = None,
        text: str | None = None,
        pages: tuple[int, ...] = (),
        media_type: str = "text/plain",
        size: int = 0,
        mtime_ns: int = 0,
    ) -> Future[Begun]:
        """Begin the `number`th input, whose content has that `sha256` (hexadecimal). Where nobody has it and it is not
        finished, it is this worker's until it is finished or given up.

        What the input was before is forgotten: a name stands for its latest content. `row` is plain data.
        """

        def ready() -> Work:
            known = text is not None or media_type != "text/plain"
            offer = Offer(
                run=run,
                number=number,
                name=stored_name(name),
                row=packed(row) if row else None,
                sha=bytes.fromhex(sha256),
                content=Content(text=text, pages=pages, media_type=media_type) if known else None,
                size=size,
                mtime=mtime_ns,
            )
            return partial(claims.begin, owner=owner, offer=offer)

        owner, run = self._owner, self.run  # what waits to be written must not keep a worker that was dropped
        return self._submit(ready, partial(_shown, self._file.path, self._key))

    def finished(
        self,
        *,
        number: int,
        name: str,
        sha256: str | None = None,
        row: Mapping[str, Any] | None = None,
        size: int = 0,
        mtime_ns: int = 0,
        text: str | None = None,
    ) -> tuple[Record, Future[None] | None] | None:
        """What there is of an input that is finished, without waiting for the writer, and in a small fraction of the
        time that `begin` takes; its `text` is read where the caller does not have it. None where it is not finished, or
        has another content now: of a file without `sha256`, another size or time.

        With it comes a future where the input itself is not what it was (another number, say): that is being written.
        """
        sha = None if sha256 is None else bytes.fromhex(sha256)
        look = partial(reading.finished, run=self.run, name=name, sha=sha, seen=(size, mtime_ns), text=text is None)
        found = self._file.read(look)
        if found is None:
            return None
        now = (number, packed(row) if row else None, size, mtime_ns)
        with job_errors(self._file.path):
            record = unpack((number, *found[1:]), text)
        if stands(found) == now:
            return record, None
        stored = stored_name(name)
        sha = bytes.fromhex(record.sha256)
        offer = Offer(run=self.run, number=number, name=stored, row=now[1], sha=sha, size=size, mtime=mtime_ns)
        work = partial(claims.place, offer=offer)
        return record, self._submit(lambda: work)

    def go_through(self, expected: int | None) -> Future[None]:
        """Say that an input is gone through now, of as many as are `expected` (None: not known)."""
        work = partial(workers.go_through, owner=self._owner, run=self.run, total=expected)
        return self._submit(lambda: work)

    def went_through(self) -> Future[None]:
        """Say that it was, to its end."""
        work = partial(workers.went_through, owner=self._owner, run=self.run)
        return self._submit(lambda: work)

    def finish(self, begun: Begun, finished: Finished) -> Future[Record | None]:
        """Keep what became of a document, with its evidence and its attempts. Its journal goes.

        Where a person has said of it what counts all the same (it was asked for again), what there is of it now is the
        result; else None.
        """
        ready = partial(finishes.finish, finished, self.run, begun.document, begun.attempt)
        return self._submit(ready, partial(record_of, self._file.path))

    def fail_unread(
        self, *, number: int, name: str, row: Mapping[str, Any] | None = None, failure: Failure
    ) -> Future[None]:
        """Note that a document could not be read, so that its content is not known. If it is done from before, then
        that stays.
        """

        def ready() -> Work:
            offer = Offer(
                run=run,
                number=number,
                name=stored_name(name),
                row=packed(row) if row else None,
                failure=packed(failure),
            )
            return partial(claims.fail_unread, offer=offer)

        run = self.run
        return self._submit(ready)

    def release(self, begun: Begun) -> Future[None]:
        """Give a document up: it is pending again, and its journal stays. One that is finished stays so."""
        work = partial(claims.release, worker=self._owner.number, document=begun.document)
        return self._submit(lambda: work)

    def journal(self, begun: Begun) -> Journal:
        """Where the replies of a document are kept until it is finished."""
        return Journal(self._file, begun)

    def close(self) -> None:
        """Write what waits, and give up what is held. Raises nothing: what cannot be given up now is so when the lock
        is gone. May be said twice.
        """
        closed, self._closed = self._closed, True
        if closed or not self._file.is_ours:
            return
        work = partial(workers.stop, owner=self._owner)
        with contextlib.suppress(JobError):
            self._file.writer.submit(lambda: work).result()
        self._owner.drop()

    def _submit(self, ready: Callable[[], Work], shown: Callable[[Any], Any] | None = None) -> Future[Any]:
        try:
            return self._writer.submit(ready, shown)
        except JobError as error:
            failed: Future[Any] = Future()
            failed.set_exception(error)
            return failed

    @property
    def _writer(self) -> Writer:
        if self._closed:
            raise JobError("This worker of the job is closed.", hint="Open another one.")
        return self._file.writer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _shown(path: Path, key: str, row: tuple[Any, ...]) -> Begun:
    with job_errors(path):
        return claims.begun(key, row)


def record_of(path: Path, row: Row | None) -> Record | None:
    """The record of a row, if there is one. Raises `JobError`."""
    with job_errors(path):
        return None if row is None else unpack(row)


class Journal:
    """The replies of one document, by the keys of their requests. Threads may share it.

    What was put is found at once, and is in the file soon; `get` and `put` raise `JobError` where an earlier reply
    could not be written.
    """

    def __init__(self, file: JobFile, begun: Begun) -> None:
        self._file = file
        self._document = begun.document
        self._before = begun.journalled
        self._own: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._writing: deque[Future[None]] = deque()

    def get(self, key: str) -> bytes | None:
        """The reply to that request; None where there is none."""
        self._check()
        if key in self._own:
            return self._own[key]
        if key not in self._before:
            return None
        return self._file.read(partial(reading.journalled, document=self._document, key=key))

    def put(self, key: str, body: bytes) -> Future[None]:
        """Keep a reply. The future is done when it is in the file."""
        self._check()
        self._own[key] = body
        work = partial(claims.journal, document=self._document, key=key, body=body)
        written: Future[None] = self._file.writer.submit(lambda: work)
        with self._lock:
            self._writing.append(written)
        self._check()
        return written

    def _check(self) -> None:
        with self._lock:
            while self._writing and self._writing[0].done():
                error = self._writing[0].exception()
                if error is not None:  # it stays there: this journal is of no use any more
                    raise error
                self._writing.popleft()
