"""What the file of a job looks like, and how an older one is brought up: append only, numbered, whole or not at all.

`input` has what was given, by name; `document` what is asked for, by its content, once a run; `finish` what became of
it, one row for each time it was tried; `content` the texts; `journal` the replies of documents that are under way;
`worker` who is at work; `total` how far each run is. The states are 0 pending, 1 running, 2 done, 3 failed. A run's
`last` worker says which run was worked on last, whatever the clock says; `through` is NULL where nobody has an input.

`revision` is what people said of documents, and nothing of it is ever changed; `review` where each document stands with
them: the last of those, and how doubtful it is. The decisions are 0 accepted, 1 corrected, 2 rejected, 3 reopened.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from extractor.errors import JobError

__all__ = ["APPLICATION", "MIGRATIONS", "STAND_INS", "bring_up", "check_kind", "is_old", "stand_in"]

APPLICATION = 0x4578426A  # "ExBj": SQLite's place for saying whose file it is
STRICT_SINCE = (3, 37, 0)
A_LITTLE = 0.02  # seconds

# By triggers, so that whatever is done to a document or to an input is counted in the same transaction: how far a run
# is must not take a look at a million rows. `inputs` are the names under which a document was given: each counts.
_STATES = ("pending", "running", "done", "failed")
_MOVED = ", ".join(
    f"{state} = {state} - old.inputs * (old.state = {number}) + new.inputs * (new.state = {number})"
    for number, state in enumerate(_STATES)
)
# An input that could not be read has no document: it is failed, or pending again.
_COMES = (
    "UPDATE document SET inputs = inputs + 1 WHERE id = new.document; "
    "UPDATE total SET pending = pending + (new.failure IS NULL), failed = failed + (new.failure IS NOT NULL) "
    "WHERE run = new.run AND new.document IS NULL;"
)
_GOES = _COMES.replace(" + ", " - ").replace("new.", "old.")

# `sure` is minus the doubt: an index gives the most doubtful first, and those of the same doubt in their order. NULL is
# what was not looked at yet, or not since it was asked for again; `scored` is the attempt that was.
_REVISION = (
    "id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document, number INTEGER NOT NULL, "
    "decision INTEGER NOT NULL CHECK (decision BETWEEN 0 AND 3), attempt INTEGER NOT NULL, who BLOB NOT NULL, "
    "made REAL NOT NULL, note BLOB, data BLOB, value BLOB, UNIQUE (document, number)"
)
_REVIEW = (
    "document INTEGER PRIMARY KEY REFERENCES document, run INTEGER NOT NULL REFERENCES run, "
    "decision INTEGER CHECK (decision BETWEEN 0 AND 2), revision INTEGER REFERENCES revision, "
    "sure REAL, doubtful INTEGER, scored INTEGER"
)

# `{strict}` and `{any}` are said where SQLite knows them: then a damaged value of another type is found at once. A
# name is BLOB where it is no Unicode (a file's may be any bytes), else TEXT, and never a number. The large columns
# stand last, in tables of their own, so that to go through the documents does not read them.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE run (id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, made REAL NOT NULL, "
        "key TEXT NOT NULL, target BLOB NOT NULL, schema BLOB NOT NULL, options BLOB NOT NULL, "
        "shape BLOB, worked REAL, last INTEGER, expected INTEGER, through INTEGER){strict}",
        "CREATE TABLE worker (id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES run, "
        "through INTEGER){strict}",
        "CREATE TABLE content (id INTEGER PRIMARY KEY, sha BLOB NOT NULL UNIQUE, media_type BLOB NOT NULL, "
        "pages BLOB, text BLOB){strict}",
        "CREATE TABLE document (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run, sha BLOB NOT NULL, "
        "state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3), worker INTEGER, attempt INTEGER NOT NULL, "
        "inputs INTEGER NOT NULL DEFAULT 0, content INTEGER REFERENCES content, "
        "unanswered INTEGER NOT NULL DEFAULT 0, UNIQUE (run, sha), "
        "CHECK ((state = 1) = (worker IS NOT NULL))){strict}",
        "CREATE INDEX document_held ON document (worker) WHERE worker IS NOT NULL",
        "CREATE INDEX document_failed ON document (run) WHERE state = 3",
        "CREATE INDEX document_unanswered ON document (run) WHERE unanswered",
        "CREATE TABLE input (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run, name {any} NOT NULL, "
        "number INTEGER NOT NULL, document INTEGER REFERENCES document, size INTEGER NOT NULL, "
        "mtime INTEGER NOT NULL, row BLOB, failure BLOB, UNIQUE (run, name)){strict}",
        "CREATE INDEX input_order ON input (run, number)",
        "CREATE INDEX input_unread ON input (run) WHERE document IS NULL",
        "CREATE TABLE finish (id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document, "
        "attempt INTEGER NOT NULL, summary BLOB NOT NULL, data BLOB, value BLOB, evidence BLOB, attempts BLOB, "
        "UNIQUE (document, attempt)){strict}",
        "CREATE TABLE journal (id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document, "
        "key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (document, key)){strict}",
        "CREATE TABLE total (run INTEGER PRIMARY KEY REFERENCES run, pending INTEGER NOT NULL DEFAULT 0, "
        "running INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, "
        "requests INTEGER NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0, "
        "usage BLOB NOT NULL, cost TEXT NOT NULL DEFAULT '0', unpriced INTEGER NOT NULL DEFAULT 0){strict}",
        "CREATE TRIGGER document_moves AFTER UPDATE OF state, inputs ON document "
        "BEGIN UPDATE total SET {moved} WHERE run = new.run; END".replace("{moved}", _MOVED),
        f"CREATE TRIGGER input_comes AFTER INSERT ON input BEGIN {_COMES} END",
        "CREATE TRIGGER input_moves AFTER UPDATE OF document, failure ON input "
        "WHEN old.document IS NOT new.document OR (old.failure IS NULL) != (new.failure IS NULL) "
        f"BEGIN {_GOES} {_COMES} END",
        f"CREATE TRIGGER input_goes AFTER DELETE ON input BEGIN {_GOES} END",
    ),
    (
        "ALTER TABLE run ADD COLUMN reference BLOB",
        f"CREATE TABLE revision ({_REVISION}){{strict}}",
        f"CREATE TABLE review ({_REVIEW}){{strict}}",
        "CREATE INDEX review_open ON review (run, sure) WHERE decision IS NULL",
        "CREATE INDEX review_sure ON review (run, sure)",
        "CREATE INDEX review_said ON review (run, decision, sure) WHERE decision IS NOT NULL",
        "CREATE INDEX review_doubtful ON review (run, sure) WHERE doubtful > 0 AND decision IS NULL",
        # Which names a document has: they come in the order of the documents, so that it grows at its end.
        "CREATE INDEX input_document ON input (document) WHERE document IS NOT NULL",
        "CREATE INDEX document_shared ON document (run) WHERE inputs > 1",
    ),
)

STAND_INS: Mapping[int, tuple[str, ...]] = {
    1: (
        "CREATE TEMP VIEW run AS SELECT id, fingerprint, made, key, target, schema, options, shape, worked, last, "
        "expected, through, NULL AS reference FROM main.run",
        f"CREATE TEMP TABLE revision ({_REVISION})",
        f"CREATE TEMP TABLE review ({_REVIEW})",
        "CREATE INDEX temp.review_open ON review (run, sure) WHERE decision IS NULL",
        "CREATE INDEX temp.review_sure ON review (run, sure)",
        "CREATE INDEX temp.review_said ON review (run, decision, sure) WHERE decision IS NOT NULL",
        "CREATE INDEX temp.review_doubtful ON review (run, sure) WHERE doubtful > 0 AND decision IS NULL",
    ),
}
"""What a reader puts in place of what an older file does not have, in its own memory: the file stays as it is."""


_OWN = frozenset(each for step in MIGRATIONS for each in step if each.startswith("CREATE TRIGGER "))


def is_old(connection: sqlite3.Connection) -> bool:
    """Whether a file has not seen all of the steps."""
    return _version(connection) < len(MIGRATIONS)


def stand_in(connection: sqlite3.Connection) -> bool:
    """Have a connection that reads an older file find what that does not have, empty; whether that can be done."""
    missing = [STAND_INS.get(step, ()) for step in range(_version(connection), len(MIGRATIONS))]
    if not all(missing):
        return False
    for statement in itertools.chain(*missing):
        connection.execute(statement)
    return True


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_kind(connection: sqlite3.Connection, path: Path, *, may_be_empty: bool) -> None:
    """Raises `JobError` where the file is not a job's, or is one of a newer version. Changes nothing."""
    kind, steps, is_empty = _looked_at(connection)
    if kind != APPLICATION and not (may_be_empty and is_empty):
        raise JobError(f"The file {path} is no job.", hint="Give the path of a job, or one where there is no file.")
    strangers = connection.execute("SELECT sql FROM sqlite_master WHERE type IN ('trigger', 'view')")
    if any(sql not in _OWN for (sql,) in strangers):
        # They would run with every document. Nothing else in a file does anything by itself.
        raise JobError(f"The job {path} is damaged: it has triggers of somebody else.", hint="Give another path.")
    if steps > len(MIGRATIONS):
        said = f"The job {path} was made by a newer version of this library."
        raise JobError(said, hint="Use that version, or another path.")


def bring_up(connection: sqlite3.Connection, path: Path) -> None:
    """Make what is missing in the file, in one transaction; a file that is up to date is not written to."""
    if is_old(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            check_kind(connection, path, may_be_empty=True)  # it may have been another process's turn before
            _migrate(connection, _version(connection))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # After the file has said whose it is: what is in a WAL is not yet in the file.
        _keep_wal(connection)


def _looked_at(connection: sqlite3.Connection) -> tuple[int, int, bool]:
    """Whose the file is, its version, and whether it is empty, all at one time: another may just be making it."""
    own = not connection.in_transaction
    if own:
        connection.execute("BEGIN")
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        kind, steps = connection.execute("PRAGMA application_id").fetchone()[0], _version(connection)
    finally:
        if own:
            connection.execute("ROLLBACK")
    return kind, steps, not (kind or steps or tables)


def _keep_wal(connection: sqlite3.Connection) -> None:
    """Have the file keep a WAL. Here SQLite itself does not wait for others, as it does everywhere else."""
    until = time.monotonic() + connection.execute("PRAGMA busy_timeout").fetchone()[0] / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(A_LITTLE)
        else:
            return


def _migrate(connection: sqlite3.Connection, done: int) -> None:
    strict, anything = (" STRICT", "ANY") if sqlite3.sqlite_version_info >= STRICT_SINCE else ("", "")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    for step in MIGRATIONS[done:]:
        for statement in step:
            connection.execute(statement.replace("{strict}", strict).replace("{any}", anything))
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
