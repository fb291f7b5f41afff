"""How a document comes to be somebody's: it is offered, begun, and given up, by workers that are alive or dead.

Each is a part of a transaction. What is finished is left alone.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from extractor.batch import reading
from extractor.batch.owners import Owner, is_at_work
from extractor.batch.packing import canonical, packed, packed_text
from extractor.batch.record import Record, State
from extractor.batch.rows import STATES, name_of, unpack

__all__ = [
    "FORGET_DOUBT",
    "Begun",
    "Content",
    "Offer",
    "begin",
    "begun",
    "enter",
    "expect",
    "fail_unread",
    "go_through",
    "journal",
    "open_run",
    "place",
    "release",
    "start",
    "stop",
    "went_through",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """What came of beginning a document.

    `claimed`: it is this worker's now; `held`: a worker has it, maybe this one (under another name, say); `done` or
    `failed`: it was finished before, and `record` has everything about it. `document` is its number in the file,
    `attempt` the how manieth time it is tried, `key` the random key of the run.
    """

    state: Literal["claimed", "held", "done", "failed"]
    document: int
    attempt: int
    key: str
    record: Record | None = None
    journalled: frozenset[str] = field(default=frozenset(), repr=False)


class Content:
    """A text, with its pages and its kind, as it is kept: once, however many documents and runs have it."""

    def __init__(self, *, text: str | None, pages: tuple[int, ...], media_type: str) -> None:
        self.packed = None if text is None else packed_text(text)
        self.media_type = media_type.encode("utf-8", "replace")
        self.pages = packed(pages) if pages else None
        known = b"\0".join((self.media_type, self.pages or b"", (text or "").encode("utf-8", "surrogatepass")))
        self.sha = hashlib.sha256(known + (b"\1" if text is None else b"")).digest()

    def number(self, connection: sqlite3.Connection) -> int:
        """Its number in the file, where it is put if it is not there."""
        new = connection.execute(
            "INSERT OR IGNORE INTO content (sha, media_type, pages, text) VALUES (?, ?, ?, ?)",
            (self.sha, self.media_type, self.pages, self.packed),
        )
        if new.rowcount:
            return number_of(new)
        return int(connection.execute("SELECT id FROM content WHERE sha = ?", (self.sha,)).fetchone()[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A document as it is offered to be begun, ready for the file. `sha` is None for one that could not be read."""

    run: int
    number: int
    name: str | bytes
    row: bytes | None
    sha: bytes | None = None
    content: Content | None = None
    size: int = 0
    mtime: int = 0
    failure: bytes | None = None


# -------------------------------------------------------------------------------------- runs and workers


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
_OF_NOBODY = "= (SELECT id FROM document WHERE id = ? AND inputs = 0)"
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


# --------------------------------------------------------------------------------------- one document


def begin(connection: sqlite3.Connection, owner: Owner, offer: Offer) -> tuple[Any, ...]:
    """Begin a document. Gives a tuple for `begun`."""
    _be_sure(connection, owner, offer.run)
    row = connection.execute(
        "SELECT id, state, worker, attempt, content FROM document WHERE run = ? AND sha = ?", (offer.run, offer.sha)
    ).fetchone()
    if row is None:
        document = _new(connection, owner, offer)
        return "claimed", document, 1, (), None
    document, _, _, attempt, _ = row
    state = _claimed(connection, owner, offer, row)
    _place(connection, offer, document)
    kept = _journalled(connection, document) if state == "claimed" else ()
    finished = None
    if state in ("done", "failed"):
        finished = reading.record(connection, offer.run, name_of(offer.name))
    return state, document, attempt, kept, finished


def _new(connection: sqlite3.Connection, owner: Owner, offer: Offer) -> int:
    """A document that nobody has offered before, in as few statements as can be: each may wait for Python's lock."""
    content = None if offer.content is None else offer.content.number(connection)
    new = connection.execute(
        "INSERT INTO document (run, sha, state, worker, attempt, content) VALUES (?, ?, 1, ?, 1, ?)",
        (offer.run, offer.sha, owner.number, content),
    )
    document = number_of(new)
    if not _put(connection, offer, document):
        _place(connection, offer, document)
    return document


def _claimed(connection: sqlite3.Connection, owner: Owner, offer: Offer, row: tuple[Any, ...]) -> str:
    """The state in which a document that is known is to who wants to begin it: it is his now, if nobody has it."""
    document, number, worker, _, content = row
    state: State = STATES[number]
    if state in ("done", "failed"):
        return state
    if worker is not None and (worker == owner.number or not recover(connection, owner.job, worker)):
        return "held"
    if content is None and offer.content is not None:
        content = offer.content.number(connection)
    connection.execute(
        "UPDATE document SET state = 1, worker = ?, content = ? WHERE id = ?", (owner.number, content, document)
    )
    return "claimed"


def _journalled(connection: sqlite3.Connection, document: int) -> tuple[str, ...]:
    return tuple(key for (key,) in connection.execute("SELECT key FROM journal WHERE document = ?", (document,)))


def begun(key: str, row: tuple[Any, ...]) -> Begun:
    """The record of what `begin` gave, in a run with that random key."""
    state, document, attempt, kept, finished = row
    record = None if finished is None else unpack(finished)
    return Begun(state=state, document=document, attempt=attempt, key=key, record=record, journalled=frozenset(kept))


def _be_sure(connection: sqlite3.Connection, owner: Owner, run: int) -> None:
    """See to it that others take the worker for alive, also where its lock file was deleted."""
    if not owner.is_sure():
        owner.retake()
        connection.execute("INSERT OR IGNORE INTO worker (id, run) VALUES (?, ?)", (owner.number, run))


def _put(connection: sqlite3.Connection, offer: Offer, document: int | None) -> bool:
    """Whether an input is new. Then it is put there."""
    new = connection.execute(
        "INSERT OR IGNORE INTO input (number, document, size, mtime, row, failure, run, name) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (offer.number, document, offer.size, offer.mtime, offer.row, offer.failure, offer.run, offer.name),
    )
    return bool(new.rowcount)


def _place(connection: sqlite3.Connection, offer: Offer, document: int | None) -> None:
    """Note what the input is now. Its document may be another than before: then its content has changed."""
    now = (offer.number, document, offer.size, offer.mtime, offer.row, offer.failure)
    found = connection.execute(
        "SELECT number, document, size, mtime, row, failure, id FROM input WHERE run = ? AND name = ?",
        (offer.run, offer.name),
    ).fetchone()
    if found is None:
        _put(connection, offer, document)
        return
    if found[:-1] != now:
        connection.execute(
            "UPDATE input SET number = ?, document = ?, size = ?, mtime = ?, row = ?, failure = ? WHERE id = ?",
            (*now, found[-1]),
        )
    if found[1] is not None and found[1] != document:
        connection.execute(FORGET_DOUBT + _OF_NOBODY, (found[1],))


def place(connection: sqlite3.Connection, offer: Offer) -> None:
    """Note what an input is now whose document is finished, if it is still that one."""
    document = connection.execute(
        "SELECT id FROM document WHERE run = ? AND sha = ?", (offer.run, offer.sha)
    ).fetchone()
    if document is not None:
        _place(connection, offer, document[0])


def fail_unread(connection: sqlite3.Connection, offer: Offer) -> None:
    """Note that a document could not be read. One that was done before, or that a person has
    spoken of, is not lost by that.
    """
    found = connection.execute(
        "SELECT d.state = 2 OR v.decision IS NOT NULL FROM input i JOIN document d ON d.id = i.document "
        "LEFT JOIN review v ON v.document = d.id WHERE i.run = ? AND i.name = ?",
        (offer.run, offer.name),
    ).fetchone()
    if found is None or not found[0]:
        _place(connection, offer, None)


def enter(connection: sqlite3.Connection, offer: Offer) -> None:
    """Note a document that is asked of nobody: it is pending until a person enters it."""
    row = connection.execute("SELECT id FROM document WHERE run = ? AND sha = ?", (offer.run, offer.sha)).fetchone()
    if row is None:
        content = None if offer.content is None else offer.content.number(connection)
        row = (
            connection.execute(
                "INSERT INTO document (run, sha, state, attempt, content) VALUES (?, ?, 0, 1, ?)",
                (offer.run, offer.sha, content),
            ).lastrowid,
        )
    _place(connection, offer, row[0])


def release(connection: sqlite3.Connection, worker: int, document: int) -> None:
    """Give a document up: it is pending again, if the worker has it."""
    connection.execute("UPDATE document SET state = 0, worker = NULL WHERE id = ? AND worker = ?", (document, worker))


def journal(connection: sqlite3.Connection, document: int, key: str, body: bytes) -> None:
    """Keep a reply of a document that is under way."""
    connection.execute(
        "INSERT OR REPLACE INTO journal (document, key, body) SELECT id, ?, ? FROM document "
        "WHERE id = ? AND state <= 1",
        (key, body, document),
    )


def number_of(new: sqlite3.Cursor) -> int:
    """The number of the row that was put into a table."""
    if new.lastrowid is None:
        raise ValueError("The new row has no number.")
    return new.lastrowid
