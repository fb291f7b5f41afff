"""One thread that writes: what is handed to it waits together and is committed together.

A transaction costs much the same for one document as for fifty. Those who wait are told only when it is committed; an
error of one is told to that one only; an error of the file is told to all that were in the transaction.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractor.batch.opening import FAILURES, job_error
from extractor.errors import JobError

__all__ = ["Writer"]

MOST = 256  # items in one transaction: other processes wait for its end
GATHERING = 0.002  # seconds to wait for more, where several came together the last time

Work = Callable[[sqlite3.Connection], Any]


@dataclass(kw_only=True, slots=True, eq=False)
class _Item:
    """Something to write. `ready` gives the work, before the transaction; `shown` makes its result of what that gives,
    after the transaction: neither keeps other processes waiting.
    """

    ready: Callable[[], Work]
    shown: Callable[[Any], Any] | None
    future: Future[Any] = field(default_factory=Future)
    work: Work | None = None
    result: Any = None
    error: Exception | None = None


class Writer:
    """Writes to one connection, which is its own from then on. Threads may share it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._waiting: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, ready: Callable[[], Work], shown: Callable[[Any], Any] | None = None) -> Future[Any]:
        """Have something written; the result is there once it is committed. `ready` and what it gives may be called
        more than once, and are called in the writer's thread.

        The future has a `JobError` where the file cannot be used, or what `ready` raised.
        """
        item = _Item(ready=ready, shown=shown)
        with self._lock:
            if self._closed:
                item.future.set_exception(JobError(f"The job {self._path} is closed.", hint="Open it again."))
                return item.future
            self._waiting.put(item)
            if self._thread is None:
                # A daemon: a program that ends without closing its job is not held up.
                self._thread = threading.Thread(target=self._run, name="extractor-job", daemon=True)
                self._thread.start()
        return item.future

    def close(self) -> None:
        """Write what waits, and close the connection. May be said twice."""
        with self._lock:
            closed, self._closed = self._closed, True
            thread = self._thread
            if thread is not None and not closed:
                self._waiting.put(None)
        if thread is None:
            self._connection.close()
        elif thread is not threading.current_thread():
            thread.join()

    # -------------------------------------------------------------------------------------- its thread

    def _run(self) -> None:
        crowded, ends = False, False
        while not ends:
            crowded, ends = self._round(GATHERING if crowded else 0)
        self._connection.close()

    def _round(self, patience: float) -> tuple[bool, bool]:
        """One transaction: whether several waited for it, and whether it was the last."""
        gathered, ends = self._gathered(patience)
        # Who gave up waiting before it was begun wants nothing written.
        items = [item for item in gathered if item.future.set_running_or_notify_cancel()]
        _prepare(items)
        self._write([item for item in items if item.error is None])
        for item in items:
            _tell(item)
        return len(gathered) > 1, ends

    def _gathered(self, patience: float) -> tuple[list[_Item], bool]:
        """All that waits, at least one; and whether it is the end."""
        items: list[_Item] = []
        item = self._waiting.get()
        # Slept, since `get(timeout=)` may wait without end (CPython 3.11: its time left can become negative).
        if patience:
            time.sleep(patience)
        while item is not None:
            items.append(item)
            if len(items) == MOST:
                return items, False
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return items, False
        return items, True

    def _write(self, items: Sequence[_Item]) -> None:
        try:
            self._transaction(items)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait are told
            if len(items) == 1 or _is_of_the_file(error):
                for item in items:
                    item.error = job_error(self._path, error) if isinstance(error, FAILURES) else error
            else:  # one of them is to blame: each by itself
                for item in items:
                    self._write([item])

    def _transaction(self, items: Sequence[_Item]) -> None:
        if not items:
            return
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for item in items:
                if item.work is not None:
                    item.result = item.work(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:  # after an error, also one of COMMIT itself
                connection.execute("ROLLBACK")


def _prepare(items: Sequence[_Item]) -> None:
    for item in items:
        try:
            item.work = item.ready()
        except Exception as error:  # noqa: BLE001
            item.error = error


def _tell(item: _Item) -> None:
    if item.error is None:
        try:
            result = item.result if item.shown is None else item.shown(item.result)
        except Exception as error:  # noqa: BLE001
            item.error = error
        else:
            item.future.set_result(result)
            return
    item.future.set_exception(item.error)


# Of SQLite's primary result codes, those that one item can be to blame for: ERROR, CONSTRAINT, MISMATCH, TOOBIG, RANGE.
_OF_ITEMS = frozenset((1, 18, 19, 20, 25))


def _is_of_the_file(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF not in _OF_ITEMS
