"""What the file of a job is, how an older one is brought up, and files that are something else."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from extractor.batch import migrations
from extractor.batch.job import Job
from extractor.batch.migrations import APPLICATION, MIGRATIONS
from extractor.batch.store import Finished, Store
from extractor.errors import JobError

POSIX = pytest.mark.skipif(os.name == "nt", reason="file modes of POSIX")
SHA = "ab" * 32
LATER = ("ALTER TABLE finish ADD COLUMN judged BLOB", "UPDATE run SET made = 0")


def with_one_document(path: Path) -> None:
    """Make a job with a document that is done."""
    with Store(path) as store, store.worker(store.open_run(target="T", schema={}, options={}).number) as worker:
        begun = worker.begin(number=0, name="a", sha256=SHA, text="hello").result()
        worker.finish(begun, Finished(data={"x": 1}, outcome="conforming")).result()


def as_first(path: Path) -> None:
    """Have a file be as the first version made it."""
    added = [each.split()[2] for each in MIGRATIONS[1] if each.startswith("CREATE INDEX ")]
    with closing(sqlite3.connect(path)) as connection:
        for name in added:
            connection.execute(f"DROP INDEX {name}")
        for table in ("review", "revision"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE run DROP COLUMN reference")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


def asked(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask the file something, as somebody else would."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_a_new_file_says_whose_it_is(tmp_path: Path) -> None:
    """A job is known by its application id, has the version of the steps, and keeps a WAL."""
    Store(tmp_path / "job.db").close()
    found = [
        asked(tmp_path / "job.db", f"PRAGMA {name}") for name in ("application_id", "user_version", "journal_mode")
    ]
    assert found == [[(APPLICATION,)], [(len(MIGRATIONS),)], [("wal",)]]


@POSIX
def test_a_job_is_its_owners_only(tmp_path: Path) -> None:
    """Documents are in it: nobody else may read it, nor what SQLite puts beside it."""
    with Store(tmp_path / "job.db") as store:
        store.open_run(target="T", schema={}, options={})
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_an_older_file_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the first version sees each later step once, and keeps what is in it."""
    path = tmp_path / "job.db"
    with_one_document(path)
    as_first(path)
    assert asked(path, "PRAGMA user_version") == [(1,)]
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, LATER))
    for _ in range(2):
        with Store(path) as store:
            (run,) = store.runs()
            assert run.made == 0
            assert [record.data for record in store.records(run.number)] == [{"x": 1}]
            assert store.check() == ()
    assert asked(path, "PRAGMA user_version") == [(len(MIGRATIONS) + 1,)]
    assert asked(path, "SELECT judged FROM finish") == [(None,)]


def test_an_older_file_is_not_brought_up_by_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened for reading only, an older file is told and left as it is."""
    path = tmp_path / "job.db"
    with_one_document(path)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, LATER))
    with pytest.raises(JobError, match=r"older version.*Open it once for writing"):
        Store(path, read_only=True)
    assert asked(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_a_file_of_the_first_version_is_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests take for an older file has what the first step made, and nothing else."""
    with_one_document(tmp_path / "new.db")
    as_first(tmp_path / "new.db")
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as connection:
        monkeypatch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:1])
        migrations.bring_up(connection, tmp_path / "old.db")
    kept = (
        "SELECT type, name, iif(type = 'table', '', sql) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 2"
    )
    assert asked(tmp_path / "new.db", kept) == asked(tmp_path / "old.db", kept)


def test_an_older_file_without_reviews_is_read(tmp_path: Path) -> None:
    """Opened for reading only, a file from before there were reviews is one in which nobody has said anything."""
    path = tmp_path / "job.db"
    with_one_document(path)
    as_first(path)
    before = path.read_bytes()
    with Job(path, read_only=True) as job:
        (run,) = job.runs
        assert run.reference == ""
        assert [(each.name, each.data, each.revision) for each in job.records(text=True)] == [("a", {"x": 1}, None)]
        assert job.revisions("a") == ()
        assert [each.name for each in job.queue()] == ["a"]
        assert (job.tally().all, job.tally().open, job.counts().done) == (1, 1, 1)
        assert [job.names(each.document) for each in job.queue(order="name")] == [("a",)]
        assert job.export(tmp_path / "out.csv") == 1
    assert path.read_bytes() == before
    assert asked(path, "PRAGMA user_version") == [(1,)]
    with Job(path) as job:
        job.correct("a", {"x": 2})
        assert [each.value for each in job.records()] == [{"x": 2}]


def test_a_step_that_fails_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot be brought up it stays as it was, and usable by what made it."""
    path = tmp_path / "job.db"
    with_one_document(path)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, (*LATER, "UPDATE nothing SET x = 1")))
    with pytest.raises(JobError, match="is damaged"):
        Store(path)
    monkeypatch.undo()
    assert asked(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    with Store(path) as store:
        assert store.counts(1).done == 1


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """A file of a later version is told, and not touched."""
    path = tmp_path / "job.db"
    with_one_document(path)
    asked(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(JobError, match="newer version"):
            Store(path, read_only=read_only)
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A text, another program's database, and half a job are told, and not touched."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE mine (x)")
    with_one_document(tmp_path / "job.db")
    (tmp_path / "half.db").write_bytes((tmp_path / "job.db").read_bytes()[:5_000])
    (tmp_path / "notes.txt").write_text("Dear diary\n" * 100, encoding="utf-8")
    for name, said in {"other.db": "no job", "notes.txt": "no job", "half.db": "damaged"}.items():
        before = (tmp_path / name).read_bytes()
        for read_only in (False, True):
            with pytest.raises(JobError, match=said):
                Store(tmp_path / name, read_only=read_only)
        assert (tmp_path / name).read_bytes() == before


def test_an_older_sqlite_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite knows no strict tables everything is kept as it is, also a name that could be a number."""
    monkeypatch.setattr(migrations, "STRICT_SINCE", (99,))
    path = tmp_path / "job.db"
    with_one_document(path)
    with Store(path) as store, store.worker(1) as worker:
        for number, name in enumerate(["007", "1e3", " 5 ", "\udcff"]):
            worker.begin(number=number + 1, name=name, sha256=SHA).result()
        assert [record.name for record in store.records(1)] == ["a", "007", "1e3", " 5 ", "\udcff"]
        assert store.check() == ()
    assert "STRICT" not in str(asked(path, "SELECT sql FROM sqlite_master"))


def test_triggers_of_somebody_else_do_not_run(tmp_path: Path) -> None:
    """A file that would do something by itself, beside what a job does, is not opened."""
    path = tmp_path / "job.db"
    with_one_document(path)
    asked(path, "CREATE TRIGGER mine AFTER UPDATE ON document BEGIN DELETE FROM finish; END")
    for read_only in (False, True):
        with pytest.raises(JobError, match="triggers of somebody else"):
            Store(path, read_only=read_only)


def test_a_place_where_no_job_can_be_is_told(tmp_path: Path) -> None:
    """A folder, a folder that is not there, and a job that is not there are told."""
    with pytest.raises(JobError, match="is no file"):
        Store(tmp_path)
    with pytest.raises(JobError, match=r"no job .*folder is not there"):
        Store(tmp_path / "nowhere" / "job.db")
    for read_only in (False, True):
        with pytest.raises(JobError, match="There is no job"):
            Store(tmp_path / "job.db", create=False, read_only=read_only)
    with pytest.raises(JobError, match="cannot be made"):
        Store(tmp_path / ("long" * 100))
    with pytest.raises(JobError, match="is none"):
        Store(tmp_path / "job\0.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_job(tmp_path: Path) -> None:
    """A file with nothing in it is as good as none, if a job may be made."""
    path = tmp_path / "job.db"
    path.touch()
    with pytest.raises(JobError, match="is no job"):
        Store(path, create=False)
    with_one_document(path)


def test_many_make_the_same_file_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the file, and all have it."""
    came = [_made(tmp_path / "job.db") for _ in range(8)]
    for thread, _ in came:
        thread.join(PATIENCE)
    assert [each for _, made in came for each in made] == [1] * 8


def test_a_file_that_another_makes_meanwhile_is_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another makes the file between two looks at it, it is taken for a job, not for something else."""
    path = tmp_path / "job.db"
    version = migrations._version
    others: list[tuple[threading.Thread, list[object]]] = []

    def late(connection: sqlite3.Connection) -> int:
        monkeypatch.setattr(migrations, "_version", version)  # who is begun now is not late
        others.append(_made(path))
        others[0][0].join(A_MOMENT)  # it cannot go on where it has to wait for this one
        return version(connection)

    monkeypatch.setattr(migrations, "_version", late)
    Store(path).close()
    [(thread, made)] = others
    thread.join(PATIENCE)
    assert made == [1]


def test_a_file_of_which_another_makes_a_wal_is_waited_for(tmp_path: Path) -> None:
    """Who opens a file while another writes to it without a WAL, since it is just being made, waits for that one."""
    path = tmp_path / "job.db"
    with_one_document(path)
    asked(path, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread, made = _made(path)
        thread.join(A_MOMENT)
        other.execute("COMMIT")
    thread.join(PATIENCE)
    assert [type(each) for each in made] == [int]


PATIENCE = 60.0  # seconds: longer than any of this takes
A_MOMENT = 0.3  # seconds that somebody has who may have to wait for us


def _made(path: Path) -> tuple[threading.Thread, list[object]]:
    """A thread that makes a run in the file, or opens it; and what came of it: its number, or the error."""
    came: list[object] = []

    def make() -> None:
        try:
            with Store(path) as store:
                came.append(store.open_run(target="T", schema={}, options={}).number)
        except JobError as error:
            came.append(error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    return thread, came


def test_a_name_may_have_any_letter(tmp_path: Path) -> None:
    """A path with spaces, marks of addresses, and other alphabets is a path."""
    for name in ("a job?.db", "50%25#1.db", "Auftr\u00e4ge \u4e2d.db", "job.db?mode=memory"):
        with_one_document(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
