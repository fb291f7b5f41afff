"""What a job's file knows, read from it: runs, how far they are, documents and their attempts, and what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from extractor.batch.owners import is_seen_at_work
from extractor.batch.packing import Evidence, Summary, made, unpacked, unpacked_text
from extractor.batch.record import AttemptRecord, Counts, Failure, Record, Run, State
from extractor.chat.wire import Usage
from extractor.errors import JobError, OptionError
from extractor.evidence.field import Field

__all__ = [
    "STATES",
    "attempts",
    "counts",
    "finished",
    "journalled",
    "known_file",
    "latest",
    "name_of",
    "numbers_of",
    "problems",
    "record",
    "records",
    "runs",
    "stands",
    "stored_name",
    "unpack",
]

STATES: tuple[State, ...] = get_args(State)
"""By their numbers in the file."""
FINISHED = (2, 3)

AT_ONCE = 100  # documents that are read in one step: no reader keeps others from making the file smaller

_RECORD = (
    "SELECT i.number, i.id, i.name, i.row, i.failure, d.sha, {state}, d.attempt, f.summary, f.data, f.value, "
    "{evidence}, c.media_type, c.pages, {text}, i.size, i.mtime "
    "FROM input i LEFT JOIN document d ON d.id = i.document "
    "LEFT JOIN finish f ON f.document = d.id AND f.attempt = d.attempt LEFT JOIN content c ON c.id = d.content "
)
# What those held that are gone is pending, though only who goes to work may write that down.
_STATE = "CASE WHEN d.worker IN ({gone}) THEN 0 ELSE d.state END"
_STATE_OF_INPUT = "coalesce({state}, CASE WHEN i.failure IS NULL THEN 0 ELSE 3 END)"
_SHA, _KEPT_STATE, _TEXT = 5, 6, 14  # where these stand in a row

Row = tuple[Any, ...]


def stored_name(name: str) -> str | bytes:
    """A name as it is in the file: a file's name may be no Unicode, which SQLite does not take for a text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
    return name


def name_of(stored: Any) -> str:
    """The name that is stored so."""
    name = stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored
    if not isinstance(name, str):
        raise TypeError("A name is no text.")
    return name


# -------------------------------------------------------------------------------------------- runs


def runs(connection: sqlite3.Connection) -> tuple[Run, ...]:
    """All runs, in order."""
    rows = connection.execute("SELECT id, made, target, schema, options, shape, worked FROM run ORDER BY id")
    return tuple(
        Run(
            number=number,
            made=time,
            target=unpacked(target),
            schema=unpacked(schema),
            options=unpacked(options),
            shape=unpacked(schema if shape is None else shape),
            worked=worked,
        )
        for number, time, target, schema, options, shape, worked in rows
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
    **wanted: bool,
) -> list[Row]:
    """The next few rows of a run's documents that have one of those states, for `unpack`. They begin with the place
    to go on `after`.
    """
    gone = _gone(connection, run, job)
    state = _STATE_OF_INPUT.format(state=_state(gone))
    which = "" if len(states) == len(STATES) else f"AND {state} IN ({', '.join(map(str, states))}) "
    statement = (
        f"{_select(**wanted, gone=gone)}WHERE i.run = ? AND (i.number, i.id) > (?, ?) {which}"
        "ORDER BY i.number, i.id LIMIT ?"
    )
    return connection.execute(statement, (run, *after, AT_ONCE)).fetchall()


def record(connection: sqlite3.Connection, run: int, name: str, job: Path | None = None) -> Row | None:
    """The row of one document with all that there is, for `unpack`. Without the path of the `job`, who is dead is not
    asked.
    """
    gone = () if job is None else _gone(connection, run, job)
    statement = f"{_select(text=True, evidence=True, gone=gone)}WHERE i.run = ? AND i.name = ?"
    row: Row | None = connection.execute(statement, (run, stored_name(name))).fetchone()
    return row


def finished(
    connection: sqlite3.Connection, run: int, name: str, sha: bytes | None, seen: tuple[int, int], *, text: bool
) -> Row | None:
    """The row of an input that has that content, or was `seen` with that size and time where that is not known, and is
    finished, for `unpack`; None where it is another or is not.
    """
    statement = f"{_select(text=text, evidence=True)}WHERE i.run = ? AND i.name = ?"
    row: Row | None = connection.execute(statement, (run, stored_name(name))).fetchone()
    if row is None or row[_KEPT_STATE] not in FINISHED:
        return None
    return row if row[_SHA] == sha or (sha is None and row[-2:] == seen) else None


def stands(row: Row) -> tuple[int, bytes | None, int, int]:
    """What a row says of its input: the number, the packed row, size and time."""
    return row[0], row[3], row[-2], row[-1]


def _select(*, text: bool, evidence: bool, gone: tuple[int, ...] = ()) -> str:
    wanted = {"text": "c.text" if text else "NULL", "evidence": "f.evidence" if evidence else "NULL"}
    return _RECORD.format(**wanted, state=_state(gone))


def _state(gone: tuple[int, ...]) -> str:
    return _STATE.format(gone=", ".join(map(str, gone))) if gone else "d.state"


def unpack(row: Row, known_text: str | None = None) -> Record:
    """The record of a row, with the text that is known where it was not read."""
    number, _, name, given, failure, sha, state, attempt, summary, data, value, evidence, media_type, pages, text = row[
        : _TEXT + 1
    ]
    read = None if data is None else unpacked(data)
    known = {
        **({} if summary is None else _members(Summary, unpacked(summary))),
        **_evidence(evidence),
        "data": read,
        "value": read if value is None else unpacked(value),
        "text": known_text if text is None else unpacked_text(text),
        "pages": () if pages is None else tuple(unpacked(pages)),
    }
    if media_type is not None:
        known["media_type"] = media_type.decode()
    if state is None:
        known["error"] = None if failure is None else made(Failure, unpacked(failure))
    return Record(
        number=number,
        name=name_of(name),
        sha256="" if sha is None else sha.hex(),
        state=STATES[state] if state is not None else ("pending" if failure is None else "failed"),
        row={} if given is None else unpacked(given),
        attempts=attempt or int(failure is not None),
        **known,
    )


def _evidence(stored: Any) -> dict[str, Any]:
    if stored is None:
        return {}
    plain = unpacked(stored)
    if not isinstance(plain, dict):
        raise TypeError("What is known of a value is no object.")
    fields = plain.pop("fields", {})
    return {**_members(Evidence, plain), "fields": _Fields(fields)}


class _Fields(Mapping[str, Field]):
    """What is known of each field, made when it is looked at: of most documents of a run that goes on, nobody does."""

    __slots__ = ("_made", "_stored")

    def __init__(self, stored: Any) -> None:
        if not isinstance(stored, dict):
            raise TypeError("The fields are no object.")
        self._stored = stored
        self._made: dict[str, Field] = {}

    def __getitem__(self, pointer: str) -> Field:
        if pointer not in self._made:
            stored = self._stored[pointer]
            try:
                self._made[pointer] = made(Field, stored)
            except (TypeError, ValueError) as error:
                raise JobError(f"What the job has of {pointer} is damaged.") from error
        return self._made[pointer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __repr__(self) -> str:
        return repr(dict(self))


def _members(kind: type[Any], plain: Any) -> dict[str, Any]:
    whole = made(kind, plain)
    return {item.name: getattr(whole, item.name) for item in fields(kind)}


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


# ------------------------------------------------------------------------------- what is wrong with it

# Each gives a number, which should be 0.
_CHECKS = (
    (
        "runs whose totals are wrong",
        "SELECT count(*) FROM run r LEFT JOIN total t ON t.run = r.id WHERE t.run IS NULL OR "
        "(t.pending, t.running, t.done, t.failed) IS NOT (SELECT coalesce(sum(state = 0), 0), "
        "coalesce(sum(state = 1), 0), coalesce(sum(state = 2), 0), coalesce(sum(state = 3), 0) FROM (SELECT "
        "coalesce(d.state, CASE WHEN i.failure IS NULL THEN 0 ELSE 3 END) AS state "
        "FROM input i LEFT JOIN document d ON d.id = i.document WHERE i.run = r.id))",
    ),
    (
        "documents whose number of inputs is wrong",
        "SELECT count(*) FROM document d LEFT JOIN (SELECT document, count(*) AS inputs FROM input GROUP BY document) "
        "i ON i.document = d.id WHERE d.inputs != coalesce(i.inputs, 0)",
    ),
    (
        "documents that are finished without a result",
        "SELECT count(*) FROM document d WHERE d.state > 1 AND NOT EXISTS "
        "(SELECT 1 FROM finish f WHERE f.document = d.id AND f.attempt = d.attempt)",
    ),
    (
        "documents that have a result and are not finished",
        "SELECT count(*) FROM document d JOIN finish f ON f.document = d.id AND f.attempt = d.attempt "
        "WHERE d.state < 2",
    ),
    (
        "documents that are held by nobody",
        "SELECT count(*) FROM document WHERE state = 1 AND worker NOT IN (SELECT id FROM worker)",
    ),
    (
        "documents that are held and are not under way",
        "SELECT count(*) FROM document WHERE (state = 1) != (worker IS NOT NULL)",
    ),
    (
        "replies of documents that are finished",
        "SELECT count(*) FROM journal j JOIN document d ON d.id = j.document WHERE d.state > 1",
    ),
)


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the file, in words; what it cannot be asked raises SQLite's errors."""
    for (said,) in connection.execute("PRAGMA integrity_check(20)"):
        if said != "ok":
            yield str(said)
    broken = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
    yield from (f"A row of {table} belongs to a row of {parent} that is not there." for table, _, parent, _ in broken)
    for said, statement in _CHECKS:
        (found,) = connection.execute(statement).fetchone()
        if found:
            yield f"There are {found} {said}."
