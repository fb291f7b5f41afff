"""How far the review of a run is, told by its counts and by indexes, however many documents there are."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from extractor.batch.revisions import by_hand
from extractor.batch.rows import DECISIONS

__all__ = ["Tally", "tally"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many documents of a run can be reviewed, and how far that is: see `Show`. Two inputs with the same content
    are one document. `scored` are those of which it is known how doubtful they are.
    """

    all: int = 0
    open: int = 0
    accepted: int = 0
    corrected: int = 0
    rejected: int = 0
    failed: int = 0
    doubtful: int = 0
    scored: int = 0


def tally(connection: sqlite3.Connection, run: int) -> Tally:
    """How far the review of a run is, all of it at one time."""
    connection.execute("BEGIN")
    try:
        return _tally(connection, run)
    finally:
        connection.execute("ROLLBACK")


def _tally(connection: sqlite3.Connection, run: int) -> Tally:
    pending, done, failed = _documents(connection, run)
    said = dict.fromkeys(DECISIONS, 0)
    again = rejected = 0  # of those that people spoke of: asked for again; failed
    for decision, state, count in connection.execute(_SAYINGS, (run,)):
        said[DECISIONS[decision]] += count
        again += count if state < 2 else 0
        rejected += count if state == 3 else 0
    every = done + failed + (pending if by_hand(connection, run) else again)
    (scored,) = connection.execute(_SCORES, (run,)).fetchone()
    (doubtful,) = connection.execute(_DOUBTFUL, (run,)).fetchone()
    return Tally(
        all=every,
        open=every - sum(said.values()),
        accepted=said["accepted"],
        corrected=said["corrected"],
        rejected=said["rejected"],
        failed=failed - rejected,
        doubtful=doubtful,
        scored=scored,
    )


_SAYINGS = (
    "SELECT v.decision, d.state, count(*) FROM review v INDEXED BY review_said CROSS JOIN document d "
    "ON d.id = v.document WHERE v.run = ? AND v.decision IS NOT NULL AND d.inputs > 0 GROUP BY v.decision, d.state"
)
_SCORES = "SELECT count(*) FROM review INDEXED BY review_sure WHERE run = ? AND sure IS NOT NULL"
_DOUBTFUL = "SELECT count(*) FROM review INDEXED BY review_doubtful WHERE run = ? AND doubtful > 0 AND decision IS NULL"


def _documents(connection: sqlite3.Connection, run: int) -> tuple[int, int, int]:
    """How many documents are pending or under way, done, and failed: the totals count inputs, of which several may
    have the same content, and some none that could be read.
    """
    row = connection.execute("SELECT pending + running, done, failed FROM total WHERE run = ?", (run,)).fetchone()
    counts = [0, 0, 0] if row is None else list(row)
    for failed, count in connection.execute(_UNREAD, (run,)):
        counts[2 if failed else 0] -= count
    for state, more in connection.execute(_SHARED, (run,)):
        counts[max(0, state - 1)] -= more
    return counts[0], counts[1], counts[2]


_UNREAD = (
    "SELECT failure IS NOT NULL, count(*) FROM input INDEXED BY input_unread WHERE run = ? AND document IS NULL "
    "GROUP BY failure IS NOT NULL"
)
_SHARED = "SELECT state, sum(inputs - 1) FROM document WHERE run = ? AND inputs > 1 GROUP BY state"
