"""The connections to a job's file, and what its errors mean.

With a WAL and `synchronous = NORMAL`: a process that is killed loses nothing that was committed. A power cut leaves the
file whole, but may lose the transactions since the last checkpoint (4 MB of changes, or less): those documents are
asked for again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from extractor.batch.migrations import bring_up, check_kind, is_old, stand_in
from extractor.errors import JobError

__all__ = ["FAILURES", "PATIENCE", "connected", "job_error", "job_errors", "located", "readable"]

PATIENCE = 30.0  # seconds to wait for other processes: each writes for some milliseconds, and they take turns

SETTINGS = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA journal_size_limit = 64000000",  # bytes that the WAL keeps once it was larger
    "PRAGMA cache_size = -4000",  # kB: what is more of the file the system keeps
    "PRAGMA trusted_schema = OFF",  # the file may have been put there by somebody
    "PRAGMA cell_size_check = ON",  # finds damage before it is read as data
)

FAILURES = (sqlite3.Error, TypeError, ValueError, LookupError, OverflowError, RecursionError)
"""What a file can make of reading it: beside SQLite's own errors, those of damage that is read as data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Trouble:
    said: str
    hint: str


_LOCKED = _Trouble(said="is locked by another process", hint="Try again when that one is done, or stop it.")
_FULL = _Trouble(
    said="has no room: the disk is full, or a limit of file sizes is reached",
    hint="Make room and go on with the same call: nothing that was finished is lost.",
)
_READ_ONLY = _Trouble(said="cannot be written to", hint="The file and its folder must be writable.")
_NONE = _Trouble(said="is no job", hint="Give the path of a job, or one where there is no file.")
_CLOSED = _Trouble(said="is closed", hint="Open it again.")
_DAMAGED = _Trouble(said="is damaged", hint="Take a copy of it from before, or give another path.")

# By SQLite's primary result codes. Any other (a table that is not there, say) means damage.
_TROUBLES: Mapping[int, _Trouble] = {
    5: _LOCKED,  # BUSY
    6: _LOCKED,
    15: _LOCKED,  # PROTOCOL: many are opening it
    10: _FULL,  # IOERR: that is what a limit of file sizes gives
    13: _FULL,
    3: _READ_ONLY,  # PERM
    8: _READ_ONLY,
    14: _READ_ONLY,  # CANTOPEN
    23: _READ_ONLY,  # AUTH
    26: _NONE,  # NOTADB
}


def job_error(path: Path, error: BaseException) -> JobError:
    """What the error of a file, or of reading what is in it, means to the caller."""
    code = getattr(error, "sqlite_errorcode", None)
    trouble = _DAMAGED if code is None else _TROUBLES.get(code & 0xFF, _DAMAGED)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        trouble = _CLOSED
    made = JobError(f"The job {path} {trouble.said}.", hint=trouble.hint)
    made.__cause__ = error
    return made


@contextlib.contextmanager
def job_errors(path: Path) -> Iterator[None]:
    """Errors of a file as `JobError`."""
    try:
        yield
    except FAILURES as error:
        raise job_error(path, error) from error


def located(path: str | os.PathLike[str]) -> Path:
    """The one path of a file, whatever links lead there: workers find each other's lock files beside it.

    Raises `JobError`.
    """
    try:
        return Path(path).expanduser().resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a zero byte, no home
        raise JobError(f"The path {os.fspath(path)!r} is none: {error}.", hint="Give the path of a file.") from error


def connected(path: Path, *, create: bool) -> sqlite3.Connection:
    """A connection that writes, to a file that is up to date; it is made where it is not there and may be.

    Raises `JobError`.
    """
    _make(path, create=create)
    with job_errors(path):
        connection = _connection(path, "mode=rw")
        try:
            check_kind(connection, path, may_be_empty=create)
            bring_up(connection, path)
            connection.execute("PRAGMA wal_autocheckpoint = 1000")
        except BaseException:
            connection.close()
            raise
    return connection


def readable(path: Path) -> sqlite3.Connection:
    """A connection that only reads. Raises `JobError`."""
    _make(path, create=False)
    with job_errors(path):
        try:
            # One that could write clears up behind itself, also after a process that was killed.
            connection = _reading(path, "mode=rw")
        except sqlite3.OperationalError:
            # In a folder that is not writable, a file with a WAL can only be read if nobody has begun to write.
            written = Path(f"{path}-wal")
            if written.exists() and written.stat().st_size:
                raise
            connection = _reading(path, "mode=ro&immutable=1")
        if is_old(connection) and not _stood_in(connection):
            connection.close()
            said = f"The job {path} was made by an older version of this library."
            raise JobError(said, hint="Open it once for writing: that brings it up.")
    return connection


def _stood_in(connection: sqlite3.Connection) -> bool:
    """Whether an older file can be read as one of now: what it lacks is then in the reader's memory."""
    connection.execute("PRAGMA query_only = OFF")  # which is said of memory, too
    connection.execute("PRAGMA temp_store = MEMORY")
    try:
        return stand_in(connection)
    finally:
        connection.execute("PRAGMA query_only = ON")


def _reading(path: Path, how: str) -> sqlite3.Connection:
    connection = _connection(path, how)
    try:
        connection.execute("PRAGMA query_only = ON")
        check_kind(connection, path, may_be_empty=False)
    except BaseException:
        connection.close()
        raise
    return connection


def _connection(path: Path, how: str) -> sqlite3.Connection:
    place = f"{path.as_uri()}?{how}"
    connection = sqlite3.connect(place, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        for setting in SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path, *, create: bool) -> None:
    """An empty file, readable by its owner only, where there is none. Nothing is opened that is there: to close it
    would end all locks that this process has on it, those of SQLite's connections too.
    """
    try:
        if create:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        said = f"There is no job {path}."
        raise JobError(said, hint="Its folder is not there." if create else "Give the path of a job.") from error
    except (OSError, ValueError) as error:
        raise JobError(f"The job {path} cannot be made: {error}.", hint=_READ_ONLY.hint) from error
    if not stat.S_ISREG(mode):
        raise JobError(f"The job {path} is no file.", hint="Give the path of a file.")
