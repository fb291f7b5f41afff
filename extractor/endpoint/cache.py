"""The response cache: what an endpoint answered, kept in an SQLite file by the exact request.

A cache that cannot be used is none: reading is then a miss and writing does nothing, and the log is told once why.
Only a path where there is something else than a cache is an error, since the caller meant another file.
"""

from __future__ import annotations

import logging
import os
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeVar

from extractor.endpoint.cache_file import Session, Transaction, check, empty, left_to_parents
from extractor.errors import ConfigurationError, OptionError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Cache"]

T = TypeVar("T")
_log = logging.getLogger("extractor")

# ------------------------------------------------------------------------------------------- its limits

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
        check(self._path)
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
                empty(session.connection)
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

    def _opened(self) -> Session | None:
        try:
            session = Session(self._path)
        except _failures() as error:
            self._failed(error)
            self._opens_from = self._writes_from
            return None
        weakref.finalize(self, session.close)
        return session

    def _mine(self) -> Session | None:
        """The connection of this process; None where there is none."""
        session = self._session
        if session is not None and session.process == os.getpid():
            return session
        if self._closed or (session is None and monotonic() < self._opens_from):
            return None
        if session is not None:
            left_to_parents.append(session)
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
        with Transaction(connection):
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


def _failures() -> tuple[type[Exception], ...]:
    """What a file can make SQLite raise: beside its own errors, those of damage that is read as a number or a text."""
    import sqlite3

    return sqlite3.Error, TypeError, ValueError, OverflowError


def _trouble(error: Exception) -> _Trouble:
    code = getattr(error, "sqlite_errorcode", None)
    return DAMAGED if code is None else TROUBLES.get(code & 0xFF, DAMAGED)


def _again(path: str, max_bytes: int, max_age: float | None) -> Cache:
    return Cache(path, max_bytes=max_bytes, max_age=max_age)
