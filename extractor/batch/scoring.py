"""Working out how doubtful documents are, some at a time, and keeping that: it takes some milliseconds each."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from extractor.batch import reading
from extractor.batch.doubt import FAILED, doubt_of
from extractor.batch.opening import FAILURES
from extractor.batch.restoring import evident
from extractor.batch.revisions import by_hand
from extractor.batch.rows import Row, unpack
from extractor.errors import ExtractorError

__all__ = ["Score", "keep", "scored", "unscored"]

Score = tuple[int, int, float, int]
"""A document, the attempt of it that was looked at, how doubtful it is, and how many of its values are."""


def unscored(connection: sqlite3.Connection, run: int, *, after: int, limit: int) -> list[tuple[int, int, Row]]:
    """The next documents after one that are finished and were not looked at since: number, attempt, and the row as it
    was extracted, whatever people said.
    """
    if by_hand(connection, run):
        return []
    found = connection.execute(_UNSCORED, (run, after, limit)).fetchall()
    rows = ((*each, reading.extracted(connection, each[0])) for each in found)
    return [(document, attempt, row) for document, attempt, row in rows if row is not None]


_UNSCORED = (
    "SELECT d.id, d.attempt FROM document d NOT INDEXED WHERE d.run = ? AND d.id > ? AND d.state >= 2 AND d.inputs > 0 "
    "AND NOT EXISTS (SELECT 1 FROM review v WHERE v.document = d.id AND v.scored IS NOT NULL) "
    "AND EXISTS (SELECT 1 FROM finish f WHERE f.document = d.id AND f.attempt = d.attempt) ORDER BY d.id LIMIT ?"
)


def scored(rows: Sequence[tuple[int, int, Row]], schema: Mapping[str, Any]) -> list[Score]:
    """How doubtful they are. One that is damaged is so as one that failed: a person should see it."""
    return [(document, attempt, *_doubt(row, schema)) for document, attempt, row in rows]


def _doubt(row: Row, schema: Mapping[str, Any]) -> tuple[float, int]:
    try:
        doubt, doubtful = doubt_of(evident(unpack(row), schema))
    except (*FAILURES, AttributeError, ArithmeticError, ExtractorError):
        return FAILED, 0
    return (doubt, doubtful) if math.isfinite(doubt) else (FAILED, 0)


def keep(connection: sqlite3.Connection, scores: Sequence[Score]) -> None:
    """Keep them, but of documents that are asked for again by now."""
    connection.executemany(
        _KEEP, [(-doubt, doubtful, document, attempt) for document, attempt, doubt, doubtful in scores]
    )


_KEEP = (
    "INSERT INTO review (document, run, sure, doubtful, scored) SELECT id, run, ?, ?, attempt FROM document "
    "WHERE id = ? AND attempt = ? AND state >= 2 AND inputs > 0 ON CONFLICT (document) DO UPDATE SET "
    "sure = excluded.sure, doubtful = excluded.doubtful, scored = excluded.scored"
)
