"""The one who writes: together what waits together, each told by itself, and nothing told before it is committed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from extractor.batch import opening
from extractor.batch.opening import connected
from extractor.batch.writer import MOST, Work, Writer
from extractor.errors import JobError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a job."""
    return tmp_path / "job.db"


@pytest.fixture
def connection(path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """Open a job with a table of numbers, which waits for nobody."""
    monkeypatch.setattr(opening, "PATIENCE", 0.0)
    made = connected(path, create=True)
    made.execute("CREATE TABLE number (value INTEGER NOT NULL UNIQUE, filler BLOB)")
    return made


@pytest.fixture
def writer(connection: sqlite3.Connection, path: Path) -> Iterator[Writer]:
    """Make a writer to it."""
    made = Writer(connection, path)
    yield made
    made.close()


def adding(value: int, size: int = 0) -> Callable[[], Work]:
    """Make what adds a number."""

    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO number VALUES (?, zeroblob(?))", (value, size))
        return value

    return lambda: work


def held_up(writer: Writer) -> threading.Event:
    """Keep a writer busy until the event is set."""
    go, begun = threading.Event(), threading.Event()

    def ready() -> Work:
        begun.set()
        go.wait()
        return lambda connection: None

    writer.submit(ready)
    begun.wait()
    return go


def kept(path: Path) -> list[int]:
    """Read the numbers from the file, as another process would."""
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM number ORDER BY value")]


def test_what_is_written_is_in_the_file_when_it_is_told(writer: Writer, path: Path) -> None:
    """When a future has its result, others see what was written."""
    seen: list[list[int]] = []
    future = writer.submit(adding(1))
    future.add_done_callback(lambda _: seen.append(kept(path)))
    assert future.result() == 1
    writer.close()
    assert seen == [[1]]


def test_what_waits_together_is_committed_together(writer: Writer, connection: sqlite3.Connection) -> None:
    """A hundred that wait take one transaction."""
    go = held_up(writer)
    futures = [writer.submit(adding(value)) for value in range(100)]
    said: list[str] = []
    connection.set_trace_callback(said.append)
    go.set()
    assert [future.result() for future in futures] == list(range(100))
    assert said.count("BEGIN IMMEDIATE") - 1 == 1  # the first is of what it was busy with


def test_a_transaction_has_an_end(writer: Writer, connection: sqlite3.Connection) -> None:
    """Others get their turn after so many."""
    go = held_up(writer)
    futures = [writer.submit(adding(value)) for value in range(MOST + 1)]
    said: list[str] = []
    connection.set_trace_callback(said.append)
    go.set()
    assert [future.result() for future in futures] == list(range(MOST + 1))
    assert said.count("BEGIN IMMEDIATE") - 1 == 2


def test_an_error_is_told_to_who_made_it(writer: Writer, path: Path) -> None:
    """One that cannot be written does not keep the others from being written, once each."""
    go = held_up(writer)
    futures: list[Future[Any]] = [writer.submit(adding(value)) for value in (1, 2, 2, 3)]

    def not_ready() -> Work:
        raise KeyError("mine")

    bad = writer.submit(not_ready)
    worse = writer.submit(adding(4), shown=lambda value: 1 // (value - 4))
    go.set()
    assert [future.exception() is None for future in futures] == [True, True, False, True]
    assert isinstance(futures[2].exception(), JobError)
    assert isinstance(bad.exception(), KeyError)
    assert isinstance(worse.exception(), ZeroDivisionError)
    assert kept(path) == [1, 2, 3, 4]


def test_who_gave_up_waiting_wants_nothing_written(writer: Writer, path: Path) -> None:
    """What was cancelled before it was begun is not written."""
    go = held_up(writer)
    first, second = writer.submit(adding(1)), writer.submit(adding(2))
    assert first.cancel()
    go.set()
    assert second.result() == 2
    assert kept(path) == [2]


def test_a_full_disk_is_told_to_all_and_harms_nothing(
    writer: Writer, connection: sqlite3.Connection, path: Path
) -> None:
    """Where there is no room all that wait are told, the file stays whole, and with room it goes on."""
    writer.submit(adding(1)).result()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    go = held_up(writer)
    futures = [writer.submit(adding(value, size=100_000 if value == 3 else 0)) for value in (2, 3, 4)]
    go.set()
    for future in futures:
        with pytest.raises(JobError, match=r"no room: the disk is full.*Make room"):
            future.result()
    assert kept(path) == [1]
    connection.execute("PRAGMA max_page_count = 100000")
    assert writer.submit(adding(5, size=100_000)).result() == 5
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_locked_file_is_told(writer: Writer, path: Path) -> None:
    """Where another process holds the file for long the error says so; when it lets go, writing goes on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JobError, match="locked by another process"):
            writer.submit(adding(1)).result()
        other.execute("ROLLBACK")
    assert writer.submit(adding(1)).result() == 1


def test_a_file_that_may_not_be_written_is_told(writer: Writer, connection: sqlite3.Connection) -> None:
    """Where writing is forbidden the error says so."""
    connection.execute("PRAGMA query_only = ON")
    with pytest.raises(JobError, match="cannot be written to"):
        writer.submit(adding(1)).result()


def test_closing_writes_what_waits(writer: Writer, path: Path) -> None:
    """What was handed in before the end is written; what comes later is told."""
    go = held_up(writer)
    futures = [writer.submit(adding(value)) for value in range(10)]
    threading.Timer(0.01, go.set).start()
    writer.close()
    assert [future.result(timeout=0) for future in futures] == list(range(10))
    with pytest.raises(JobError, match="is closed"):
        writer.submit(adding(11)).result()
    writer.close()
    assert kept(path) == list(range(10))


def test_nobody_writes_where_nothing_is_to_be_written(connection: sqlite3.Connection, path: Path) -> None:
    """A writer that is not needed has no thread."""
    before = threading.active_count()
    Writer(connection, path).close()
    assert threading.active_count() == before
