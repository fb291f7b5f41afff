"""The file of the response cache: its tables, its settings, and the connection that one process has to it."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractor.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Session", "Transaction", "check", "empty", "left_to_parents"]

MAGIC = b"SQLite format 3\x00"
APPLICATION = 0x45785263  # "ExRc": SQLite's place for saying whose file it is

# Append only: an older file is brought up step by step, `user_version` counts the steps. `bytes` is what the values
# and their rows take: 128 is what a row takes beside its value (the key twice, two times, the two indexes).
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE reply "
        "(made INTEGER NOT NULL, used INTEGER NOT NULL, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL)",
        "CREATE INDEX reply_used ON reply (used)",
        "CREATE TABLE total (bytes INTEGER NOT NULL)",
        "INSERT INTO total VALUES (0)",
        "CREATE TRIGGER reply_comes AFTER INSERT ON reply "
        "BEGIN UPDATE total SET bytes = bytes + length(new.value) + 128; END",
        "CREATE TRIGGER reply_goes AFTER DELETE ON reply "
        "BEGIN UPDATE total SET bytes = bytes - length(old.value) - 128; END",
    ),
)

SETTINGS = (
    "PRAGMA synchronous = NORMAL",  # with a WAL: whole after a power cut, at most the latest replies are lost
    "PRAGMA recursive_triggers = ON",  # else a reply that is replaced would be counted twice
    "PRAGMA journal_size_limit = 16000000",
    "PRAGMA trusted_schema = OFF",  # the file may have been put there by somebody
    "PRAGMA cell_size_check = ON",  # finds damage before it is read as data
)

OPENING = 1.0  # seconds to wait for another process that makes the same file
LOCKED_FOR = 0.1  # seconds to wait for another process: it writes for less than that, and an event loop waits too
CLEARING = 5.0  # seconds to wait where that is the caller's own wish


class Session:
    """The connection of one process, which its threads take turns to use."""

    def __init__(self, path: Path) -> None:
        self.process = os.getpid()
        self.lock = threading.Lock()
        self.connection = _connected(path)
        self._file = _identity(path.stat())
        _in_use[self._file] += 1

    def close(self) -> None:
        """Close it, unless it is the parent's. Nothing happens the second time."""
        if os.getpid() == self.process:
            with self.lock:
                if self._file is not None:
                    _in_use[self._file] -= 1
                    self._file = None
                self.connection.close()


left_to_parents: list[Session] = []
"""Connections that came with a fork: closing them, or letting them go, would break those of the parent."""

_in_use: Counter[Any] = Counter()
"""How many connections of this process a file has."""


def _identity(found: os.stat_result) -> Any:
    return found.st_dev, found.st_ino


def check(path: Path) -> None:
    """See to it that there is a cache at the path, or an empty file. Raises `ConfigurationError`, touching nothing."""
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        found = path.stat()
    except (OSError, ValueError) as error:
        said = f"The response cache {path} cannot be made: {error}."
        raise ConfigurationError(said, hint="Its folder must be there, and be writable.") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"The response cache {path} is no file.", hint="Give the path of a file.")
    # Closing a file ends all locks that this process has on it, those of its connections too.
    if not found.st_size or _in_use[_identity(found)]:
        return
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return  # SQLite will not be able to, either
    if not head.startswith(MAGIC) or int.from_bytes(head[68:72], "big") != APPLICATION:
        raise ConfigurationError(f"The file {path} is no response cache.", hint="Give a path where there is no file.")
    _check_version(path, int.from_bytes(head[60:64], "big"))


def _check_version(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        said = f"The response cache {path} was made by a newer version of this library."
        raise ConfigurationError(said, hint="Give another path, or use the newer version.")


def _connected(path: Path) -> sqlite3.Connection:
    """A connection to the cache there, brought up to date. Raises `sqlite3.Error`, and `ConfigurationError`."""
    import sqlite3

    place = f"{path.as_uri()}?mode=rw"  # never made by SQLite, which would let everybody read it
    connection = sqlite3.connect(place, uri=True, timeout=OPENING, isolation_level=None, check_same_thread=False)
    try:
        for setting in SETTINGS:
            connection.execute(setting)
        _bring_up(connection, path)
        _wait(connection, LOCKED_FOR)
    except BaseException:
        connection.close()
        raise
    return connection


def _wait(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1_000:.0f}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _bring_up(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) != len(MIGRATIONS):
        with Transaction(connection):
            _check_version(path, _version(connection))  # it may have been another process's turn before
            _migrate(connection, _version(connection))
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # After the file has said whose it is: what is in a WAL is not yet in the file.
        connection.execute("PRAGMA journal_mode = WAL")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def empty(connection: sqlite3.Connection) -> None:
    """Forget all that is in it, and give the room back."""
    _wait(connection, CLEARING)
    try:
        with Transaction(connection):  # dropping a table is faster than deleting a million rows
            connection.execute("DROP TABLE IF EXISTS reply")
            connection.execute("DROP TABLE IF EXISTS total")
            _migrate(connection, 0)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        _wait(connection, LOCKED_FOR)


class Transaction:
    """A transaction that writes, kept whole or not at all."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        if self._connection.in_transaction:  # after an error, also one of COMMIT itself
            self._connection.execute("ROLLBACK")
