"""How a document comes to be somebody's: it is offered, begun, and given up, by workers that are alive or dead.

Each is a part of a transaction. What is finished is left alone.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Literal

from extractor.batch import reading
from extractor.batch.owners import Owner
from extractor.batch.packing import packed, packed_text
from extractor.batch.record import Record, State
from extractor.batch.rows import STATES, name_of, unpack
from extractor.batch.workers import FORGET_DOUBT, number_of, recover

__all__ = [
    "Begun",
    "Content",
    "Offer",
    "begin",
    "begun",
    "enter",
    "fail_unread",
    "journal",
    "place",
    "release",
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


_OF_NOBODY = "= (SELECT id FROM document WHERE id = ? AND inputs = 0)"


def place(connection: sqlite3.Connection, offer: Offer) -> None:
    """Note what an input is now whose document is finished, if it is still that one."""
    document = _known(connection, offer)
    if document is not None:
        _place(connection, offer, document)


def fail_unread(connection: sqlite3.Connection, offer: Offer) -> None:
    """Note that a document could not be read. One that was done before, or that a person has spoken of, is not lost."""
    found = connection.execute(
        "SELECT d.state = 2 OR v.decision IS NOT NULL FROM input i JOIN document d ON d.id = i.document "
        "LEFT JOIN review v ON v.document = d.id WHERE i.run = ? AND i.name = ?",
        (offer.run, offer.name),
    ).fetchone()
    if found is None or not found[0]:
        _place(connection, offer, None)


def enter(connection: sqlite3.Connection, offer: Offer) -> None:
    """Note a document that is asked of nobody: it is pending until a person enters it."""
    document = _known(connection, offer)
    if document is None:
        content = None if offer.content is None else offer.content.number(connection)
        new = connection.execute(
            "INSERT INTO document (run, sha, state, attempt, content) VALUES (?, ?, 0, 1, ?)",
            (offer.run, offer.sha, content),
        )
        document = number_of(new)
    _place(connection, offer, document)


def _known(connection: sqlite3.Connection, offer: Offer) -> int | None:
    """The number of the document that is offered, if the run has it."""
    row = connection.execute("SELECT id FROM document WHERE run = ? AND sha = ?", (offer.run, offer.sha)).fetchone()
    return None if row is None else int(row[0])


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
