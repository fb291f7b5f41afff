"""What people say of documents: each word is kept as a revision beside what was extracted, and the last one counts.

Nothing is ever written over, and nothing is written by who has not seen the last word. Each is a part of a transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from extractor.batch.finishes import UNANSWERED
from extractor.batch.packing import Summary, made, packed, unpacked
from extractor.batch.record import VALUED, Decision, Revision
from extractor.batch.rows import DECISIONS, DONE, FAILED, PENDING, before_of, revision_of, stored_name
from extractor.errors import JobError, OptionError, Overtaken

__all__ = ["BY_HAND", "ExtractedAnew", "Said", "any_said", "by_hand", "revise", "revisions"]

BY_HAND = {"by": "hand"}
"""The options of a run whose documents people enter: its pending ones can be reviewed, too."""

LONGEST_NAME, LONGEST_NOTE = 200, 10_000  # characters of who says it, and of why


class ExtractedAnew(JobError):
    """A document was asked for again since a person has looked at it: what they say of it is not written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a person says of the document `name` of a run: see `Revision`. `value` is `...` where it is the same as
    `data`; `based` the number of the last revision that they have seen, and `attempt` the how manieth extraction, None
    for whichever there is.
    """

    run: int
    name: str
    decision: Decision
    data: Any = None
    value: Any = ...
    who: str = ""
    note: str = ""
    based: int | None = None
    attempt: int | None = None


def revise(said: Said) -> Callable[[sqlite3.Connection], Revision]:
    """What keeps a revision, and gives it.

    Raises `OptionError` for what cannot be said, or not of that document, `Overtaken` where somebody else has said
    something since the revision that it is based on, and `ExtractedAnew` where there is another extraction by now.
    """
    _check(said)
    valued = said.decision in VALUED
    data = packed(said.data) if valued else None
    value = None if said.value is ... or not valued else packed(said.value)
    kept = (packed(said.who), packed(said.note) if said.note else None, data, None if value == data else value)

    def work(connection: sqlite3.Connection) -> Revision:
        document, state, attempt, summary, extracted = _found(connection, said)
        last = _last(connection, document)
        before = before_of(
            (None, None) if last is None else (last[1], last[2]), None if extracted is None else unpacked(extracted)
        )
        number = 0 if last is None else last[0]
        if said.based is not None and said.based != number:
            raise _overtaken(connection, said, document)
        if said.attempt is not None and said.attempt != attempt:
            raise ExtractedAnew(
                f"{said.name[:500]!r} was extracted again meanwhile: nothing is written.", hint="Look at it again."
            )
        if said.decision == "reopened" and (last is None or DECISIONS[last[1]] == "reopened"):
            raise OptionError(f"Nobody has said anything of {said.name[:500]!r} that still counts.", option="decision")
        return _kept(connection, said, (document, number + 1, attempt), kept, _State.of(state, summary), before)

    return work


def _check(said: Said) -> None:
    if said.decision not in DECISIONS:
        known = ", ".join(DECISIONS)
        raise OptionError(f"{said.decision!r} is no decision; one of {known}.", option="decision")
    for option, text, most in (("who", said.who, LONGEST_NAME), ("note", said.note, LONGEST_NOTE)):
        if not isinstance(text, str) or len(text) > most:
            raise OptionError(f"{option} must be a text of at most {most:,} characters.", option=option)
    if said.decision in VALUED and said.data is None and said.value is ...:
        raise OptionError(f"What is {said.decision} has a value.", option="data", hint="Give the data.")


def _found(connection: sqlite3.Connection, said: Said) -> tuple[Any, ...]:
    """The document that is spoken of: its number, state, attempt, packed summary, and packed data. Raises
    `OptionError`.
    """
    row = connection.execute(_DOCUMENT, (said.run, stored_name(said.name))).fetchone()
    if row is None:
        raise OptionError(f"The run has no document {said.name[:500]!r}.", option="name", hint="See its records.")
    document, state, *_ = row
    if document is None:
        raise OptionError(f"{said.name[:500]!r} could not be read: there is nothing to say of it.", option="name")
    if state < DONE and not by_hand(connection, said.run) and _last(connection, document) is None:
        raise OptionError(
            f"{said.name[:500]!r} is not finished yet.", option="name", hint="Wait until it is done or failed."
        )
    return cast("tuple[Any, ...]", row)


_DOCUMENT = (
    "SELECT d.id, d.state, d.attempt, f.summary, f.data FROM input i LEFT JOIN document d ON d.id = i.document "
    "LEFT JOIN finish f ON f.document = d.id AND f.attempt = d.attempt WHERE i.run = ? AND i.name = ?"
)


def by_hand(connection: sqlite3.Connection, run: int) -> bool:
    """Whether the documents of a run are entered by people."""
    row = connection.execute("SELECT options FROM run WHERE id = ?", (run,)).fetchone()
    return row is not None and unpacked(row[0]) == BY_HAND


def _last(connection: sqlite3.Connection, document: int) -> tuple[int, int, bytes | None] | None:
    """The number, the decision, and the packed data of the last revision."""
    row: tuple[int, int, bytes | None] | None = connection.execute(
        "SELECT number, decision, data FROM revision WHERE document = ? ORDER BY number DESC LIMIT 1", (document,)
    ).fetchone()
    return row


def _overtaken(connection: sqlite3.Connection, said: Said, document: int) -> OptionError | Overtaken:
    every = _revisions(connection, document)
    if not every or (said.based or 0) > every[-1].number:
        return OptionError(f"There is no revision {said.based} of {said.name[:500]!r}.", option="based")
    latest = every[-1]
    return Overtaken(
        f"{latest.who or 'Somebody'} has {latest.decision} {said.name[:500]!r} meanwhile: nothing is written.",
        latest=latest,
        hint="Look at it, and say yours again, based on that.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """The state of a document: as it is, and as it would be if no person had said anything."""

    now: int
    own: int
    unanswered: bool = False

    @classmethod
    def of(cls, now: int, summary: bytes | None) -> _State:
        if summary is None:
            return cls(now=now, own=PENDING)
        failure = made(Summary, unpacked(summary)).error
        if failure is None:
            return cls(now=now, own=DONE)
        return cls(now=now, own=FAILED, unanswered=failure.type in UNANSWERED)

    def after(self, decision: Decision) -> tuple[int, bool]:
        """What it is once that was said, and whether it is asked for again by itself."""
        if decision in VALUED:
            return DONE, False
        if decision == "rejected" and self.own == PENDING:  # nobody will enter it
            return FAILED, False
        return self.own, self.unanswered and decision == "reopened"


def _kept(
    connection: sqlite3.Connection,
    said: Said,
    place: tuple[int, int, int],
    kept: tuple[Any, ...],
    state: _State,
    before: Any,
) -> Revision:
    document, number, attempt = place
    now = time.time()
    who, note, data, value = kept
    decision = DECISIONS.index(said.decision)
    new = connection.execute(
        "INSERT INTO revision (document, number, decision, attempt, who, made, note, data, value) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (document, number, decision, attempt, who, now, note, data, value),
    )
    connection.execute(
        "INSERT INTO review (document, run, decision, revision) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (document) DO UPDATE SET decision = excluded.decision, revision = excluded.revision",
        (document, said.run, None if said.decision == "reopened" else decision, new.lastrowid),
    )
    # One that is asked for again stays under way: the person's word counts once that is over, too.
    if state.now >= DONE or by_hand(connection, said.run):
        then, unanswered = state.after(said.decision)
        connection.execute("UPDATE document SET state = ?, unanswered = ? WHERE id = ?", (then, unanswered, document))
        connection.execute("DELETE FROM journal WHERE document = ?", (document,))  # of one that was not answered
    row = (number, decision, attempt, who, now, note, data, value)
    return revision_of(row, before=before)


# ------------------------------------------------------------------------------------------- what was said

_REVISIONS = (
    "SELECT r.number, r.decision, r.attempt, r.who, r.made, r.note, r.data, r.value, f.data "
    "FROM revision r LEFT JOIN finish f ON f.document = r.document AND f.attempt = r.attempt "
    "WHERE r.document = ? ORDER BY r.number"
)


def revisions(connection: sqlite3.Connection, run: int, name: str) -> tuple[Revision, ...]:
    """All that people said of a document, in order."""
    row = connection.execute(
        "SELECT document FROM input WHERE run = ? AND name = ?", (run, stored_name(name))
    ).fetchone()
    return () if row is None or row[0] is None else _revisions(connection, row[0])


def _revisions(connection: sqlite3.Connection, document: int) -> tuple[Revision, ...]:
    found: list[Revision] = []
    said: tuple[Any, ...] = (None, None)
    for *row, extracted in connection.execute(_REVISIONS, (document,)):
        before = before_of(said, None if extracted is None else unpacked(extracted))
        found.append(revision_of(tuple(row), before=before))
        said = (row[1], row[6])
    return tuple(found)


def any_said(connection: sqlite3.Connection, run: int) -> bool:
    """Whether people have said anything of a run's documents that still counts."""
    row = connection.execute(
        "SELECT 1 FROM review INDEXED BY review_said WHERE run = ? AND decision IS NOT NULL LIMIT 1", (run,)
    )
    return row.fetchone() is not None
