"""A job's file as one process has it: a connection that reads, and one that writes. A fork has to open its own."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from extractor.batch import finishes
from extractor.batch.opening import connected, job_errors, readable
from extractor.batch.writer import Writer
from extractor.errors import JobError

__all__ = ["JobFile"]

T = TypeVar("T")


class JobFile:
    """The connections of one process to a job's file: one that reads, which threads take turns to use, and one that
    writes, which belongs to the writer.
    """

    def __init__(self, path: Path, *, create: bool, read_only: bool) -> None:
        self.path = path
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        if not read_only:
            connection = connected(path, create=create)
            finishes.functions(connection)
            self._writer = Writer(connection, path)
        try:
            self._reader = readable(path)
        except BaseException:
            if self._writer is not None:
                self._writer.close()
            raise
        # When nobody has it any more, at the latest when the program ends.
        self._end = weakref.finalize(self, _close, self._process, self._writer, self._reader, self._lock)
        _files.add(self)

    @property
    def is_ours(self) -> bool:
        """Whether this process has opened it."""
        return self._process == os.getpid()

    def check(self) -> None:
        """Raises `JobError` in a process that has it from a fork only."""
        if not self.is_ours:
            said = f"The job {self.path} was opened before this process was forked."
            raise JobError(said, hint="Open it again in the new process.")

    @property
    def writer(self) -> Writer:
        """What writes. Raises `JobError` where nothing may be written."""
        self.check()
        if self._writer is None:
            said = f"The job {self.path} was opened for reading only."
            raise JobError(said, hint="Open it without read_only.")
        return self._writer

    def read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What is read from the file. Raises `JobError`."""
        self.check()
        with job_errors(self.path), self._lock:
            return read(self._reader)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What is done to the file, once it is committed. Raises `JobError`, and what the work raises."""
        written: T = self.writer.submit(lambda: work).result()
        return written

    def close(self) -> None:
        """Write what waits, and close it. Nothing happens the second time, or in a fork."""
        self._end()


def _close(process: int, writer: Writer | None, reader: sqlite3.Connection, lock: threading.Lock) -> None:
    if process == os.getpid():
        if writer is not None:
            writer.close()
        with lock:
            reader.close()


_files: weakref.WeakSet[JobFile] = weakref.WeakSet()
_left_to_parents: list[JobFile] = []
"""What came with a fork: closing it, or letting it go, would break the connections of the parent."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _left_to_parents.extend(_files))
