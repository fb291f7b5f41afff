"""What a job's file knows, read from it: runs, how far they are, documents and their attempts, and what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from extractor.batch.owners import is_seen_at_work
from extractor.batch.packing import made, unpacked
from extractor.batch.record import AttemptRecord, Counts, Run
from extractor.batch.rows import DONE, FAILED, STATES, Row, object_of, stored_name, text_of
from extractor.chat.wire import Usage
from extractor.errors import OptionError

__all__ = [
    "FIRST_INPUT",
    "attempts",
    "counts",
    "extracted",
    "extracted_of",
    "finished",
    "journalled",
    "known_file",
    "latest",
    "numbered",
    "numbers_of",
    "record",
    "records",
    "runs",
    "valued",
]

AT_ONCE = 100  # documents that are read in one step: no reader keeps others from making the file smaller

_RECORD = (
    "SELECT i.number, i.id, i.name, i.row, i.failure, d.sha, {state}, d.attempt, f.summary, f.data, f.value, "
    "{evidence}, c.media_type, c.pages, {text}, r.number, r.decision, r.attempt, r.who, r.made, r.note, r.data, "
    "r.value, p.decision, p.data, i.size, i.mtime "
    "FROM input i LEFT JOIN document d ON d.id = i.document "
    "LEFT JOIN finish f ON f.document = d.id AND f.attempt = d.attempt LEFT JOIN content c ON c.id = d.content "
    # What a person said last of it, if that still counts, and what they said before that.
    "LEFT JOIN review w ON w.document = d.id AND {said} "
    "LEFT JOIN revision r ON r.id = w.revision AND r.document = d.id "
    "LEFT JOIN revision p ON p.document = r.document AND p.number = r.number - 1 "
)
# What those held that are gone is pending, though only who goes to work may write that down.
_STATE = "CASE WHEN d.worker IN ({gone}) THEN 0 ELSE d.state END"
_STATE_OF_INPUT = "coalesce({state}, CASE WHEN i.failure IS NULL THEN 0 ELSE 3 END)"
_SHA, _KEPT_STATE = 5, 6  # where these stand in a row
_NOTHING_SAID = "w.decision < 0"  # is never so; what SQLite knows to be never so, it looks for everywhere
# The first of the inputs with that content: it gives a document its name and its place.
FIRST_INPUT = "(SELECT o.id FROM input o WHERE o.document = {document} ORDER BY o.number, o.id LIMIT 1)"

# -------------------------------------------------------------------------------------------- runs


def runs(connection: sqlite3.Connection) -> tuple[Run, ...]:
    """All runs, in order."""
    rows = connection.execute("SELECT id, made, target, schema, options, shape, worked, reference FROM run ORDER BY id")
    return tuple(
        Run(
            number=number,
            made=time,
            target=text_of(target),
            schema=object_of(schema),
            options=object_of(options),
            shape=object_of(schema if shape is None else shape),
            worked=worked,
            reference="" if reference is None else text_of(reference),
        )
        for number, time, target, schema, options, shape, worked, reference in rows
    )


def latest(connection: sqlite3.Connection) -> int | None:
    """The number of the run that was worked on last, or else made last."""
    row = connection.execute("SELECT id FROM run ORDER BY coalesce(last, 0) DESC, id DESC LIMIT 1").fetchone()
    return None if row is None else int(row[0])


def counts(connection: sqlite3.Connection, run: int, job: Path) -> Counts:
    """How far a run is; all zero where there is none of that number."""
    connection.execute("BEGIN")  # both as they are at one time
    try:
        row = connection.execute(_TOTAL, (run,)).fetchone()
        held = _held(connection, run)
    finally:
        connection.execute("ROLLBACK")
    if row is None:
        return Counts()
    pending, running, done, failed, requests, again, seconds, usage, cost, unpriced, expected, through = row
    left = sum(inputs for worker, inputs in held if not is_seen_at_work(job, worker))
    return Counts(
        documents=pending + running + done + failed,
        pending=pending + left,
        running=running - left,
        done=done,
        failed=failed,
        requests=requests,
        asked_again=again,
        usage=made(Usage, unpacked(usage)),
        cost=None if unpriced else Decimal(cost),
        seconds=seconds,
        expected=expected,
        through=None if through is None else bool(through),
    )


_TOTAL = (
    "SELECT t.pending, t.running, t.done, t.failed, t.requests, t.again, t.seconds, t.usage, t.cost, t.unpriced, "
    "r.expected, r.through FROM total t JOIN run r ON r.id = t.run WHERE t.run = ?"
)


def _held(connection: sqlite3.Connection, run: int) -> list[tuple[int, int]]:
    """The workers that have documents of a run, dead or alive, with the number of inputs."""
    return connection.execute(
        "SELECT worker, sum(inputs) FROM document INDEXED BY document_held "  # few, of a million
        "WHERE worker IS NOT NULL AND run = ? GROUP BY worker",
        (run,),
    ).fetchall()


def _gone(connection: sqlite3.Connection, run: int, job: Path) -> tuple[int, ...]:
    """The workers that have documents of a run, and are dead."""
    return tuple(worker for worker, _ in _held(connection, run) if not is_seen_at_work(job, worker))


# --------------------------------------------------------------------------------------- documents


def numbers_of(states: Collection[str] | None) -> tuple[int, ...]:
    """States by their numbers in the file. Raises `OptionError` for what is none."""
    known: Mapping[str, int] = {state: number for number, state in enumerate(STATES)}
    wrong = [state for state in (states or ()) if state not in known]
    if isinstance(states, str) or wrong:
        raise OptionError(f"states is {states!r}, but must be some of {', '.join(STATES)}.", option="states")
    return tuple(sorted(known[state] for state in (STATES if states is None else set(states))))


def records(
    connection: sqlite3.Connection,
    run: int,
    job: Path,
    *,
    after: tuple[int, int],
    states: tuple[int, ...],
    text: bool,
    evidence: bool,
) -> list[Row]:
    """The next few rows of a run's documents that have one of those states, for `unpack`. They begin with the place
    to go on `after`.
    """
    gone = _gone(connection, run, job)
    state = _STATE_OF_INPUT.format(state=_state(gone))
    which = "" if len(states) == len(STATES) else f"AND {state} IN ({', '.join(map(str, states))}) "
    statement = (
        f"{_select(text=text, evidence=evidence, gone=gone)}WHERE i.run = ? AND (i.number, i.id) > (?, ?) {which}"
        "ORDER BY i.number, i.id LIMIT ?"
    )
    return connection.execute(statement, (run, *after, AT_ONCE)).fetchall()


def record(connection: sqlite3.Connection, run: int, name: str, job: Path | None = None) -> Row | None:
    """The row of one document with all that there is, for `unpack`. Without the path of the `job`, who is dead is not
    asked.
    """
    gone = () if job is None else _gone(connection, run, job)
    statement = f"{_select(text=True, evidence=True, gone=gone)}WHERE i.run = ? AND i.name = ?"
    return _row(connection, statement, run, stored_name(name))


def finished(
    connection: sqlite3.Connection, run: int, name: str, sha: bytes | None, seen: tuple[int, int], *, text: bool
) -> Row | None:
    """The row of an input that has that content, or was `seen` with that size and time where that is not known, and is
    finished, for `unpack`; None where it is another or is not.
    """
    statement = f"{_select(text=text, evidence=True)}WHERE i.run = ? AND i.name = ?"
    row = _row(connection, statement, run, stored_name(name))
    if row is None or row[_KEPT_STATE] not in (DONE, FAILED):
        return None
    return row if row[_SHA] == sha or (sha is None and row[-2:] == seen) else None


def numbered(connection: sqlite3.Connection, run: int, document: int) -> Row | None:
    """The row of a document by its number, with the name of the first of its inputs, for `unpack`."""
    first = FIRST_INPUT.format(document="?")
    statement = f"{_select(text=True, evidence=True)}WHERE i.id = {first} AND i.run = ?"
    return _row(connection, statement, document, run)


def extracted(connection: sqlite3.Connection, document: int) -> Row | None:
    """The same as it was extracted, whatever people said of it since."""
    first = FIRST_INPUT.format(document="?")
    statement = f"{_select(text=True, evidence=True, said=_NOTHING_SAID)}WHERE i.id = {first}"
    return _row(connection, statement, document)


def extracted_of(connection: sqlite3.Connection, run: int, name: str) -> Row | None:
    """The same of a document by its name."""
    statement = f"{_select(text=True, evidence=True, said=_NOTHING_SAID)}WHERE i.run = ? AND i.name = ?"
    return _row(connection, statement, run, stored_name(name))


def valued(connection: sqlite3.Connection, run: int, *, after: int) -> list[tuple[int, Row]]:
    """The next few documents of a run, after one, that people accepted or corrected: their numbers, and their rows
    for `unpack`.
    """
    few = connection.execute(_VALUED, (run, after, AT_ONCE)).fetchall()
    rows = ((document, numbered(connection, run, document)) for (document,) in few)
    return [(document, row) for document, row in rows if row is not None]


_VALUED = (
    "SELECT document FROM review NOT INDEXED WHERE run = ? AND document > ? AND decision < 2 ORDER BY document LIMIT ?"
)


def _row(connection: sqlite3.Connection, statement: str, *given: Any) -> Row | None:
    row: Row | None = connection.execute(statement, given).fetchone()
    return row


def _select(*, text: bool, evidence: bool, gone: tuple[int, ...] = (), said: str = "w.decision IS NOT NULL") -> str:
    wanted = {"text": "c.text" if text else "NULL", "evidence": "f.evidence" if evidence else "NULL"}
    return _RECORD.format(**wanted, state=_state(gone), said=said)


def _state(gone: tuple[int, ...]) -> str:
    return _STATE.format(gone=", ".join(map(str, gone))) if gone else "d.state"


def attempts(connection: sqlite3.Connection, run: int, name: str) -> tuple[AttemptRecord, ...]:
    """Every request of a document, each time it was tried."""
    rows = connection.execute(
        "SELECT f.attempts FROM input i JOIN finish f ON f.document = i.document "
        "WHERE i.run = ? AND i.name = ? AND f.attempts IS NOT NULL ORDER BY f.attempt",
        (run, stored_name(name)),
    )
    return tuple(made(AttemptRecord, each) for (stored,) in rows for each in unpacked(stored))


def known_file(connection: sqlite3.Connection, run: int, name: str, size: int, mtime: int) -> str | None:
    """The sha256 (hexadecimal) of a file that was seen with that size and time."""
    row = connection.execute(
        "SELECT d.sha FROM input i JOIN document d ON d.id = i.document "
        "WHERE i.run = ? AND i.name = ? AND i.size = ? AND i.mtime = ?",
        (run, stored_name(name), size, mtime),
    ).fetchone()
    return None if row is None else row[0].hex()


def journalled(connection: sqlite3.Connection, document: int, key: str) -> bytes | None:
    """The reply of a document under way to the request with that key."""
    row = connection.execute("SELECT body FROM journal WHERE document = ? AND key = ?", (document, key)).fetchone()
    if row is not None and not isinstance(row[0], bytes):
        raise TypeError("A reply is no bytes.")
    return None if row is None else row[0]
