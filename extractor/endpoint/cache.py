"""The response cache: what an endpoint answered, kept in an SQLite file by the exact request.

A cache that cannot be used is none: reading is then a miss and writing does nothing, and the log is told once why.
Only a path where there is something else than a cache is an error, since the caller meant another file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeVar

from extractor.errors import ConfigurationError, OptionError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Cache"]

T = TypeVar("T")
_log = logging.getLogger("extractor")

# ------------------------------------------------------------------------------------------- the file

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

# ------------------------------------------------------------------------------------------- its limits

OPENING = 1.0  # seconds to wait for another process that makes the same file
LOCKED_FOR = 0.1  # seconds to wait for another process: it writes for less than that, and an event loop waits too
CLEARING = 5.0  # seconds to wait where that is the caller's own wish
TOUCHED = 3_600  # seconds: a reply that is used is noted as used no more often than that
CENTURIES = 10**10  # seconds: SQLite's numbers have an end
AHEAD = 300  # seconds that another machine's clock may be ahead
AT_ONCE = 64  # rows that go in one step when room is made: half a millisecond
KEPT = 0.9  # of the limit, when room has been made
LARGEST = 10  # values of which only that many would fit are not kept


@dataclass(frozen=True, kw_only=True, slots=True)
class _Trouble:
    """A kind of failure: what the log is told, and for how many seconds nothing is written then."""

    said: str
    rest: float


LOCKED = _Trouble(said="is locked by another process", rest=2)
FULL = _Trouble(said="has no room: the disk is full, or a limit of file sizes is reached", rest=30)
READ_ONLY = _Trouble(said="cannot be opened for writing", rest=60)
DAMAGED = _Trouble(said="is damaged, and not used any more: delete the file", rest=inf)
ONE_DAMAGED = _Trouble(said="has a damaged entry", rest=0)

# By SQLite's primary result codes. Any other (a table that is not there, say) means damage too.
TROUBLES: Mapping[int, _Trouble] = {
    5: LOCKED,  # BUSY
    6: LOCKED,
    15: LOCKED,  # PROTOCOL: many are opening it
    10: FULL,  # IOERR: that is what a limit of file sizes gives
    13: FULL,
    3: READ_ONLY,  # PERM
    8: READ_ONLY,
    14: READ_ONLY,  # CANTOPEN
    23: READ_ONLY,  # AUTH
}


class Cache:
    """Replies in the file `path`, which is made if it is not there (its folder is not), readable by its owner only:
    documents and replies are in it.

    Values take `max_bytes` at most; those unused for longest go first (the file itself may be somewhat larger). What
    is older than `max_age` seconds is not used. Threads and processes may share the file, if it is on a disk of
    this machine.

    Raises `ConfigurationError` where there is no folder, something else than a cache, or one of a newer version, and
    `OptionError` for limits that are none.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, max_bytes: int = 1_000_000_000, max_age: float | None = None
    ) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes <= 0:
            raise OptionError(f"max_bytes is {max_bytes!r}.", option="cache", hint="Give a number of bytes.")
        if max_age is not None and not (isinstance(max_age, (int, float)) and 0 < max_age < inf):
            raise OptionError(f"max_age is {max_age!r}.", option="cache", hint="Give a number of seconds, or None.")
        self._path = Path(path).expanduser().absolute()
        self._max_bytes = max_bytes
        self._max_age = None if max_age is None else min(max_age, CENTURIES)
        self._told: set[_Trouble] = set()
        self._writes_from = 0.0  # by the monotonic clock
        self._opens_from = 0.0
        self._closed = False
        self._crowded = False  # whether room is being made
        _check(self._path)
        self._session = self._opened()

    @staticmethod
    def key(url: str, body: bytes, ordinal: int) -> bytes:
        """The key of the request with that `body` to that address, the `ordinal`th of several that are the same."""
        address = url.encode("utf-8", "surrogatepass")
        return sha256(b"%d %d %b%b" % (ordinal, len(address), address, body)).digest()

    def get(self, key: bytes) -> bytes | None:
        """The value that was put there; None where there is none, where it is too old, or where it cannot be read."""
        row = self._done(lambda connection: connection.execute(_GET, (key,)).fetchone(), writes=False)
        if row is None:
            return None
        stored, made, used = row if _is_row(row) else (b"", 0, 0)
        now = int(time())
        # What was made after now has no age: the clock was wrong, then or now.
        if self._max_age is not None and not now - self._max_age <= made <= now + AHEAD:
            return None
        value = _unpacked(key, stored, self._max_bytes)
        if value is None:
            self._tell(ONE_DAMAGED)
        elif abs(now - used) > TOUCHED:
            self._done(lambda connection: connection.execute(_TOUCH, (now, key)), writes=True)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value. One so large that less than ten of it would fit is not kept."""
        if len(value) > self._max_bytes // LARGEST:
            return
        packed = zlib.compress(key + value, 1)
        self._done(lambda connection: self._put(connection, key, packed), writes=True)

    def clear(self) -> None:
        """Forget all values, and give their room back. Raises `ConfigurationError` where that cannot be done."""
        session = self._mine()
        try:
            if session is None:
                raise ConfigurationError(f"The response cache {self._path} is not open.", hint=_HINT)
            with session.lock:
                _emptied(session.connection)
        except _failures() as error:
            said = f"The response cache {self._path} was not cleared: it {_trouble(error).said}."
            raise ConfigurationError(said, hint=_HINT) from error

    def __len__(self) -> int:
        row = self._done(lambda connection: connection.execute("SELECT count(*) FROM reply").fetchone(), writes=False)
        return 0 if row is None else int(row[0])

    def __bool__(self) -> bool:
        return True  # an empty cache is one, too

    def close(self) -> None:
        """Close the file. Afterwards nothing is found in it, and nothing kept."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cache({str(self._path)!r})"

    def __reduce__(self) -> Any:
        return _again, (str(self._path), self._max_bytes, self._max_age)

    # -------------------------------------------------------------------------------- the connection

    def _opened(self) -> _Session | None:
        try:
            session = _Session(self._path)
        except _failures() as error:
            self._failed(error)
            self._opens_from = self._writes_from
            return None
        weakref.finalize(self, session.close)
        return session

    def _mine(self) -> _Session | None:
        """The connection of this process; None where there is none."""
        session = self._session
        if session is not None and session.process == os.getpid():
            return session
        if self._closed or (session is None and monotonic() < self._opens_from):
            return None
        if session is not None:
            _left_to_parents.append(session)
        self._session = session = self._opened()
        return session

    def _done(self, work: Callable[[sqlite3.Connection], T], *, writes: bool) -> T | None:
        """What the work gives; None where the cache cannot be used."""
        if self._writes_from and (self._writes_from == inf or (writes and monotonic() < self._writes_from)):
            return None
        session = self._mine()
        if session is None:
            return None
        try:
            with session.lock:
                return work(session.connection)
        except _failures() as error:
            if not self._closed:
                self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        trouble = _trouble(error)
        self._writes_from = monotonic() + trouble.rest
        self._tell(trouble)

    def _tell(self, trouble: _Trouble) -> None:
        if trouble not in self._told:
            self._told.add(trouble)
            _log.warning("The response cache %s %s.", self._path, trouble.said)

    # ------------------------------------------------------------------------------------ its contents

    def _put(self, connection: sqlite3.Connection, key: bytes, packed: bytes) -> None:
        now = int(time())
        with _Transaction(connection):
            connection.execute("INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?)", (now, now, key, packed))
            if self._max_age is not None:
                connection.execute(_AGE, (now - int(self._max_age),))
            size = _size(connection)
            if self._crowded or size > self._max_bytes:
                self._make_room(connection, size, now)

    def _make_room(self, connection: sqlite3.Connection, size: int, now: int) -> None:
        """Let the longest unused go: as many as must, and some more with each value that comes, until there is
        room for many. All at once would keep everybody waiting.
        """
        connection.execute("UPDATE reply SET used = ? WHERE used > ?", (now, now + AHEAD))
        enough = int(self._max_bytes * KEPT)
        while True:
            size = _let_go(connection, size, enough)
            if size <= self._max_bytes:
                break
        self._crowded = size > enough


# ------------------------------------------------------------------------------------------- in SQL

_GET = "SELECT value, made, used FROM reply WHERE key = ?"
_TOUCH = "UPDATE reply SET used = ? WHERE key = ?"
# Rows come in the order in which they were made, since one that is made again is a new row: the old ones are in front.
_AGE = (
    "DELETE FROM reply WHERE rowid IN "
    "(SELECT rowid FROM (SELECT rowid, made FROM reply ORDER BY rowid LIMIT 8) WHERE made < ?)"
)
_OLDEST = "SELECT rowid, length(value) + 128 FROM reply ORDER BY used, rowid LIMIT ?"
_HINT = "If nothing else helps, delete the file while nobody uses it."


def _is_row(row: tuple[Any, ...]) -> bool:
    """Whether a row has what was written to it, by its types: damage changes them."""
    return [type(each) for each in row] == [bytes, int, int]


def _size(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT bytes FROM total").fetchone()[0])


def _let_go(connection: sqlite3.Connection, size: int, enough: int) -> int:
    """Delete some of the longest unused, until that size is enough. The size then."""
    rows = connection.execute(_OLDEST, (AT_ONCE,)).fetchall()
    if not rows:
        connection.execute("UPDATE total SET bytes = 0")
    gone = []
    for row, length in rows:
        if size <= enough:
            break
        size -= length
        gone.append((row,))
    connection.executemany("DELETE FROM reply WHERE rowid = ?", gone)
    return _size(connection)


def _unpacked(key: bytes, stored: bytes, most: int) -> bytes | None:
    """The value, which is kept behind its key: a damaged index must not give the answer to another request."""
    inflating = zlib.decompressobj()
    try:
        whole = inflating.decompress(stored, most)
    except zlib.error:
        return None
    return whole[len(key) :] if inflating.eof and whole.startswith(key) else None


class _Transaction:
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


def _failures() -> tuple[type[Exception], ...]:
    """What a file can make SQLite raise: beside its own errors, those of damage that is read as a number or a text."""
    import sqlite3

    return sqlite3.Error, TypeError, ValueError, OverflowError


def _trouble(error: Exception) -> _Trouble:
    code = getattr(error, "sqlite_errorcode", None)
    return DAMAGED if code is None else TROUBLES.get(code & 0xFF, DAMAGED)


# ------------------------------------------------------------------------------------------ opening


class _Session:
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


_left_to_parents: list[_Session] = []
"""Connections that came with a fork: closing them, or letting them go, would break those of the parent."""

_in_use: Counter[Any] = Counter()
"""How many connections of this process a file has."""


def _identity(found: os.stat_result) -> Any:
    return found.st_dev, found.st_ino


def _again(path: str, max_bytes: int, max_age: float | None) -> Cache:
    return Cache(path, max_bytes=max_bytes, max_age=max_age)


def _check(path: Path) -> None:
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
        with _Transaction(connection):
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


def _emptied(connection: sqlite3.Connection) -> None:
    _wait(connection, CLEARING)
    try:
        with _Transaction(connection):  # dropping a table is faster than deleting a million rows
            connection.execute("DROP TABLE IF EXISTS reply")
            connection.execute("DROP TABLE IF EXISTS total")
            _migrate(connection, 0)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        _wait(connection, LOCKED_FOR)
