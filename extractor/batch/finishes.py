"""What becomes of a document: what is kept when it is finished, what that took, and how it is tried again.

Each is a part of a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from extractor.batch import reading
from extractor.batch.claims import Content
from extractor.batch.packing import NOTHING, Evidence, Summary, packed, part_of, unpacked
from extractor.batch.record import AttemptRecord
from extractor.batch.rows import DONE, FAILED, Row, name_of, stored_name
from extractor.batch.workers import FORGET_DOUBT
from extractor.errors import OptionError
from extractor.evidence.field import Field

__all__ = ["UNANSWERED", "Finished", "finish", "functions", "retry"]

UNANSWERED = frozenset({"BadReply", "ConnectionFailed", "DeadlineExceeded", "RateLimited", "ServerError", "TimedOut"})
"""Errors with which a document fails although nothing is wrong with it: it is asked for again when its run goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished(Summary):
    """What became of a document, as it is kept: see `Record`. It failed where there is an `error`.

    `value` is `...` where it is the same as `data`. `requests` are counted from the `attempts`. `text`, with its
    `pages` and `media_type`, is kept instead of what was known when it was begun: that of a file is read only then.
    """

    data: Any = None
    value: Any = ...
    fields: Mapping[str, Field] = field(default_factory=dict, repr=False)
    lists: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    chunks: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    conflicts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    attempts: tuple[AttemptRecord, ...] = field(default=(), repr=False)
    text: str | None = field(default=None, repr=False)
    pages: tuple[int, ...] = field(default=(), repr=False)
    media_type: str = "text/plain"


def finish(finished: Finished, run: int, document: int, attempt: int) -> Callable[[sqlite3.Connection], Row | None]:
    """What finishes a document, and gives its row, for `unpack`, where a person has said something of it that counts.

    Where somebody else has finished it before (the worker was taken for dead), the first result stays; what the
    second one took is counted, too.
    """
    requests = len(finished.attempts)
    evidence = part_of(Evidence, finished)
    result = (
        packed(replace(part_of(Summary, finished), requests=requests)),
        *_kept(finished),
        packed(evidence) if any((evidence.fields, evidence.lists, evidence.chunks, evidence.conflicts)) else None,
        packed(finished.attempts) if finished.attempts else None,
    )
    text, pages, media_type = finished.text, finished.pages, finished.media_type
    content = None if text is None else Content(text=text, pages=pages, media_type=media_type)
    spent = _spent(finished, requests)
    failed = finished.error is not None
    unanswered = finished.error is not None and finished.error.type in UNANSWERED

    def work(connection: sqlite3.Connection) -> Row | None:
        number = None if content is None else content.number(connection)
        # Where a person has given its value before it was asked for again, it has one.
        state = FAILED if failed and not _has_value(connection, document) else DONE
        again = unanswered and state == FAILED
        first = connection.execute(
            "UPDATE document SET state = ?, worker = NULL, content = coalesce(?, content), unanswered = ? "
            "WHERE id = ? AND attempt = ? AND state <= 1",
            (state, number, again, document, attempt),
        )
        if first.rowcount:
            connection.execute(
                "INSERT INTO finish (document, attempt, summary, data, value, evidence, attempts) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (document, attempt, *result),
            )
        if again:  # what was answered is found in the journal when it is asked for again, and counted then
            return _said(connection, run, document, attempt)
        connection.execute("DELETE FROM journal WHERE document = ?", (document,))
        connection.execute(_SPEND, (*spent, run))
        return _said(connection, run, document, attempt)

    return work


def _said(connection: sqlite3.Connection, run: int, document: int, attempt: int) -> Row | None:
    """The row of a document of which a person has said something that counts: before it was asked for again."""
    said = "SELECT 1 FROM review WHERE document = ? AND decision IS NOT NULL"
    if attempt == 1 or connection.execute(said, (document,)).fetchone() is None:
        return None
    return reading.numbered(connection, run, document)


def _has_value(connection: sqlite3.Connection, document: int) -> bool:
    """Whether a person has accepted or corrected a document."""
    said = "SELECT 1 FROM review WHERE document = ? AND decision < 2"
    return connection.execute(said, (document,)).fetchone() is not None


def _kept(finished: Finished) -> tuple[bytes | None, bytes | None]:
    """What was read, and what is written of it where that is something else."""
    data = None if finished.data is None else packed(finished.data)
    if finished.value is ... or (finished.value is None and data is None):
        return data, None
    value = packed(finished.value)
    return data, None if value == data else value


# ------------------------------------------------------------------------------------- what it took

_SPEND = (
    "UPDATE total SET requests = requests + ?, again = again + ?, seconds = seconds + ?, usage = add_usage(usage, ?), "
    "cost = add_cost(cost, ?), unpriced = unpriced + ? WHERE run = ?"
)


def functions(connection: sqlite3.Connection) -> None:
    """Make what adds tokens and money up known to a connection that writes."""
    connection.create_function("add_usage", 2, _add_usage, deterministic=True)
    connection.create_function("add_cost", 2, _add_cost, deterministic=True)


def _spent(finished: Finished, requests: int) -> tuple[Any, ...]:
    unpriced = finished.cost is None and requests > 0
    usage = finished.usage + NOTHING  # without what cannot be added
    return requests, max(0, requests - 1), finished.seconds, packed(usage), str(finished.cost or 0), int(unpriced)


def _add_usage(known: bytes, more: bytes) -> bytes:
    return packed(_added(unpacked(known), unpacked(more)))


def _added(known: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    sums = dict(known)
    for name, value in more.items():
        sums[name] = _added(known.get(name, {}), value) if isinstance(value, dict) else known.get(name, 0) + value
    return sums


def _add_cost(known: str, more: str) -> str:
    return str(Decimal(known) + Decimal(more))


# --------------------------------------------------------------------------------------------- again


def retry(connection: sqlite3.Connection, run: int, *, names: Collection[str] | None) -> int:
    """Make documents pending again, those that failed or those of the `names` that are finished; how many inputs these
    are. Raises `OptionError` for unknown names.
    """
    before = _pending(connection, run)
    if names is None:
        connection.execute(FORGET_DOUBT + _OF_FAILED, (run,))
        connection.execute(_RETRY_FAILED, (run,))
        connection.execute(_UNREAD, (run,))
    else:
        each = [(run, stored_name(name)) for name in dict.fromkeys(names)]
        _check_names(connection, each)
        connection.executemany(FORGET_DOUBT + _OF_NAMED, each)
        connection.executemany(_RETRY_NAMED, each)
        connection.executemany(_UNREAD + "AND name = ?", each)
    return _pending(connection, run) - before


def _check_names(connection: sqlite3.Connection, each: Collection[tuple[int, str | bytes]]) -> None:
    known = "SELECT 1 FROM input WHERE run = ? AND name = ?"
    unknown = [name for run, name in each if connection.execute(known, (run, name)).fetchone() is None]
    if unknown:
        said = ", ".join(repr(name_of(name)) for name in unknown[:NAMED])
        more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
        raise OptionError(f"The run has no document {said}{more}.", option="names", hint="See its records.")


NAMED = 5  # names that a message lists

_AGAIN = "UPDATE document SET state = 0, attempt = attempt + 1, unanswered = 0 WHERE inputs > 0 "
_RETRY_FAILED = _AGAIN + "AND state = 3 AND run = ?"
_OF_FAILED = "IN (SELECT id FROM document WHERE run = ? AND state = 3)"
_OF_NAMED = "= (SELECT document FROM input WHERE run = ? AND name = ?)"
_RETRY_NAMED = f"{_AGAIN}AND state >= 2 AND id {_OF_NAMED}"
_UNREAD = "UPDATE input SET failure = NULL WHERE document IS NULL AND failure IS NOT NULL AND run = ? "


def _pending(connection: sqlite3.Connection, run: int) -> int:
    row = connection.execute("SELECT pending FROM total WHERE run = ?", (run,)).fetchone()
    return 0 if row is None else int(row[0])
