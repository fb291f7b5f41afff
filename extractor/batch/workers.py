"""Runs of a job and who is at work at them: made, opened, gone through, closed; and what dead workers held.

Each is a part of a transaction.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extractor.batch.owners import Owner, is_at_work
from extractor.batch.packing import canonical, packed

__all__ = [
    "FORGET_DOUBT",
    "expect",
    "go_through",
    "number_of",
    "open_run",
    "recover",
    "start",
    "stop",
    "went_through",
]


def open_run(
    connection: sqlite3.Connection,
    target: str,
    schema: Mapping[str, Any],
    options: Mapping[str, Any],
    shape: Mapping[str, Any] | None = None,
    reference: str = "",
) -> int:
    """The number of the run with that schema and those options, which is made if there is none."""
    fingerprint = hashlib.sha256(canonical({"schema": schema, "options": options})).digest()
    row = connection.execute("SELECT id FROM run WHERE fingerprint = ?", (fingerprint,)).fetchone()
    kept = None if shape is None else packed(shape)
    found = packed(reference) if reference else None
    if row is not None:
        # Computed fields may be others by now: what is written is no part of what was asked for.
        if kept is not None:
            connection.execute("UPDATE run SET shape = ? WHERE id = ? AND shape IS NOT ?", (kept, row[0], kept))
        if found is not None:
            connection.execute("UPDATE run SET reference = ? WHERE id = ?", (found, row[0]))
        return int(row[0])
    new = connection.execute(
        "INSERT INTO run (fingerprint, made, key, target, schema, options, shape, reference) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (fingerprint, time.time(), secrets.token_hex(8), packed(target), packed(schema), packed(options), kept, found),
    )
    number = number_of(new)
    connection.execute("INSERT INTO total (run, usage) VALUES (?, ?)", (number, packed({})))
    return number


def start(connection: sqlite3.Connection, job: Path, run: int) -> tuple[Owner, str]:
    """A new worker of a run, and the random key of that. What dead ones of any run held is pending again; and so is
    what the endpoint did not answer, which is no outcome of a document, unless somebody is at work at the run: there it
    may be failing now.
    """
    (key,) = connection.execute("SELECT key FROM run WHERE id = ?", (run,)).fetchone()
    workers = connection.execute("SELECT id, run FROM worker").fetchall()
    alive = [of for number, of in workers if not recover(connection, job, number)]
    if run not in alive:
        connection.execute(FORGET_DOUBT + _OF_UNANSWERED, (run,))
        connection.execute(_FORGET, (run,))
        connection.execute(_ASK_AGAIN, (run,))
    # Nobody sees the row before the transaction is over: by then the lock is held.
    owner = Owner(job, number_of(connection.execute("INSERT INTO worker (run) VALUES (?)", (run,))))
    connection.execute(
        "UPDATE run SET worked = ?, last = ?, expected = NULL, through = NULL WHERE id = ?",
        (time.time(), owner.number, run),
    )
    return owner, key


FORGET_DOUBT = "UPDATE review SET sure = NULL, doubtful = NULL, scored = NULL WHERE document "
"""How doubtful documents are counts no more: of those that are asked for again, and those that nobody gives."""

# It is the same attempt, with the same keys: an endpoint that had an answer after all need not charge for it twice.
_OF_UNANSWERED = "IN (SELECT id FROM document INDEXED BY document_unanswered WHERE run = ? AND unanswered)"
_FORGET = (
    "DELETE FROM finish WHERE (document, attempt) IN "
    "(SELECT id, attempt FROM document INDEXED BY document_unanswered WHERE run = ? AND unanswered)"
)
_ASK_AGAIN = "UPDATE document INDEXED BY document_unanswered SET state = 0, unanswered = 0 WHERE run = ? AND unanswered"


def expect(connection: sqlite3.Connection, run: int, total: int | None) -> None:
    """Note how many inputs there will be."""
    connection.execute("UPDATE run SET expected = ? WHERE id = ?", (total, run))


def go_through(connection: sqlite3.Connection, owner: Owner, run: int, total: int | None) -> None:
    """A worker begins to go through an input of so many."""
    connection.execute("UPDATE worker SET through = 0 WHERE id = ?", (owner.number,))
    connection.execute("UPDATE run SET expected = ?, through = 0 WHERE id = ?", (total, run))


def went_through(connection: sqlite3.Connection, owner: Owner, run: int) -> None:
    """A worker is at the end of its input. The run is when all are that are alive: of two, the last one says so."""
    connection.execute("UPDATE worker SET through = 1 WHERE id = ?", (owner.number,))
    others = connection.execute("SELECT id FROM worker WHERE run = ? AND through = 0", (run,)).fetchall()
    if all(recover(connection, owner.job, number) for (number,) in others):
        connection.execute("UPDATE run SET through = 1 WHERE id = ?", (run,))


def recover(connection: sqlite3.Connection, job: Path, worker: int) -> bool:
    """Whether a worker is dead. Then what it held is pending again."""
    if is_at_work(job, worker):
        return False
    _let_go(connection, worker)
    return True


def _let_go(connection: sqlite3.Connection, worker: int) -> None:
    connection.execute("UPDATE document SET state = 0, worker = NULL WHERE worker = ?", (worker,))
    connection.execute("DELETE FROM worker WHERE id = ?", (worker,))


def stop(connection: sqlite3.Connection, owner: Owner) -> None:
    """The end of a worker: what it holds is pending again."""
    _let_go(connection, owner.number)
    owner.drop()  # in this order no lock file is left, wherever the process is killed


def number_of(new: sqlite3.Cursor) -> int:
    """The number of the row that was put into a table."""
    if new.lastrowid is None:
        raise ValueError("The new row has no number.")
    return new.lastrowid
