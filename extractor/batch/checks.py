"""What is wrong with the file of a job: questions to it, each of which has one right answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

__all__ = ["problems"]

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
        "(SELECT 1 FROM finish f WHERE f.document = d.id AND f.attempt = d.attempt) "
        "AND NOT EXISTS (SELECT 1 FROM review v WHERE v.document = d.id AND v.decision IS NOT NULL)",
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
        "SELECT count(*) FROM journal j JOIN document d ON d.id = j.document WHERE d.state > 1 AND NOT d.unanswered",
    ),
    (
        "documents of which the last word of a person is not known",
        "SELECT count(*) FROM review v WHERE v.revision IS NOT "
        "(SELECT r.id FROM revision r WHERE r.document = v.document ORDER BY r.number DESC LIMIT 1)",
    ),
    (
        "documents where something else stands than a person has said",
        "SELECT count(*) FROM review v LEFT JOIN revision r ON r.id = v.revision "
        "WHERE v.decision IS NOT CASE WHEN r.decision < 3 THEN r.decision END",
    ),
    (
        "revisions of which nobody knows",
        "SELECT count(*) FROM revision r WHERE NOT EXISTS (SELECT 1 FROM review v WHERE v.document = r.document)",
    ),
    (
        "documents with a revision that is missing",
        "SELECT count(*) FROM (SELECT 1 FROM revision GROUP BY document HAVING max(number) != count(*))",
    ),
    (
        "documents that failed although a person has given their value",
        "SELECT count(*) FROM review v JOIN document d ON d.id = v.document WHERE v.decision < 2 AND d.state = 3",
    ),
    (
        "documents that are reviewed in another run",
        "SELECT count(*) FROM review v JOIN document d ON d.id = v.document WHERE v.run != d.run",
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
