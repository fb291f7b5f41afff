"""A job as its users hold it."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor import Extractor
from extractor.batch.differing import differing
from extractor.batch.job import Difference, Job, feed_of
from extractor.batch.record import Counts
from extractor.documents.loaded import Input
from extractor.endpoint.resolve import Address
from extractor.errors import DocumentError, JobError, OptionError
from extractor.result import DocumentResult
from extractor.schema.pointers import value_at
from extractor.schema.target import target_of
from extractor.settings import Settings
from extractor.several.feed import Await
from extractor.testing import FakeEndpoint, Recorded, Reply

HERE = Address(base_url="http://fake.test/v1", model="m", dialect="unknown", api_key="k-0123456789")


class Item(BaseModel):
    """A part of what is extracted."""

    name: str


class Box(BaseModel):
    """What is extracted here."""

    label: str
    items: list[Item] = []


def _answer(recorded: Recorded) -> Any:
    document = recorded.body["messages"][-1]["content"]
    if "bad" in document:
        return Reply(content="I cannot say.")
    words = document.split()
    hot = recorded.body.get("temperature")
    return {"label": words[0] if not hot else words[0].upper(), "items": [{"name": word} for word in words[1:]]}


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job without a run."""
    with Job(tmp_path / "job.db") as made:
        yield made


def _map(documents: Iterable[Any], job: Any, **call: Any) -> list[DocumentResult[Any]]:
    fake = FakeEndpoint(_answer, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor(
            "m", base_url="http://fake.test/v1", http_client=client, max_retries=0, api_key="k-0123456789"
        ) as extractor,
        extractor.map(Box, documents, job=job, **call) as results,
    ):
        return list(results)


DOCUMENTS = [Input(name="one", document="red ball cube", row={"id": 7}), Input(name="two", document="bad one")]


def test_a_job_without_a_run_is_empty(job: Job) -> None:
    """Before anything was begun there is nothing to count, and nothing to go through."""
    assert job.runs == ()
    assert job.counts() == Counts()
    asked: list[Callable[[], Any]] = [job.records, job.retry, job.to_pandas, lambda: job.attempts("x")]
    asked.append(lambda: next(job.results(Box)))
    for ask in asked:
        with pytest.raises(JobError, match="no run"):
            ask()
    assert repr(job) == f"Job({str(job.path)!r})"


def test_what_is_in_a_job_can_be_looked_at(job: Job) -> None:
    """Runs, counts, records, attempts and results of the latest run, or of any."""
    _map(DOCUMENTS, job)
    _map(DOCUMENTS[:1], job, temperature=1.0)
    first, second = job.runs
    assert job.counts(first).documents == 2
    assert (job.counts().documents, job.counts(second.number).done) == (1, 1)
    assert [each.state for each in job.records(first)] == ["done", "failed"]
    assert [each.name for each in job.records(1, states=["failed"])] == ["two"]
    assert [each.text for each in job.records(1)] == [None, None]
    assert [each.text for each in job.records(1, text=True)] == ["red ball cube", "bad one"]
    assert [bool(each.fields) for each in job.records(1, evidence=False)] == [False, False]
    record = job.record("one", first)
    assert record is not None
    assert (record.row, record.data["label"]) == ({"id": 7}, "red")
    assert job.record("three") is None
    assert [each.reply for each in job.attempts("two", 1)] == ["I cannot say."]
    results = list(job.results(Box, 1))
    assert isinstance(results[0].value, Box)
    assert (results[0].name, results[0].document, results[0].restored) == ("one", "red ball cube", True)
    assert results[1].error is not None
    with pytest.raises(JobError, match="no run 3"):
        job.counts(3)


def test_a_file_that_is_not_there_can_be_an_error(tmp_path: Path) -> None:
    """Without `create` a job must be there; one that is only read is not written to."""
    with pytest.raises(JobError):
        Job(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()
    _map(DOCUMENTS, tmp_path / "some.db")
    with Job(os.fspath(tmp_path / "some.db"), read_only=True) as job:
        assert job.counts().done == 1
        with pytest.raises(JobError):
            job.retry()


def test_retry_takes_what_failed_or_what_is_named(job: Job) -> None:
    """Without names all that failed, with names those, done or failed."""
    _map(DOCUMENTS, job)
    assert job.retry() == 1
    assert job.counts().pending == 1
    assert job.retry() == 0
    assert job.retry(names=["one"]) == 1
    assert job.counts().pending == 2
    assert len(_map(DOCUMENTS, job)) == 2
    assert [each.attempt for each in job.attempts("one")] == [1, 2]


def test_names_that_a_run_does_not_have_are_told(job: Job) -> None:
    """A name that was mistyped marks nothing at all, and is said."""
    _map(DOCUMENTS, job)
    for names in (["one", "nobody"], "one"):
        with pytest.raises(OptionError, match=r"has no document '(nobody|o)'"):
            job.retry(names=names)
    with pytest.raises(OptionError, match="'4' and 2 more"):
        job.retry(names=[str(number) for number in range(7)])
    assert job.counts().pending == 0


def test_those_of_the_same_content_are_marked_together(job: Job) -> None:
    """How many inputs are marked is said, also where one was named."""
    _map([*DOCUMENTS, Input(name="same", document="red ball cube")], job)
    assert job.retry(names=["one"]) == 2


def test_the_latest_run_is_the_one_that_was_worked_on_last(job: Job) -> None:
    """Going on with an older run makes it the latest, whatever the clock says."""
    before = job.latest
    assert before is None
    _map(DOCUMENTS, job)
    _map(DOCUMENTS[:1], job, temperature=1.0)
    assert job.latest == job.runs[1]
    worked = [run.worked for run in job.runs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("extractor.batch.workers.time.time", lambda: 0.0)
        _map(DOCUMENTS, job)
    assert job.latest == job.runs[0]
    assert [run.worked for run in job.runs] == [0.0, worked[1]]
    assert job.counts().documents == 2


def test_a_run_that_was_stopped_is_known(job: Job) -> None:
    """How many documents there were to be, and that the end of them was not reached, stays in the file."""

    def stopping() -> Iterator[Input]:
        yield DOCUMENTS[0]
        raise LookupError

    _map(DOCUMENTS, job)
    assert (job.counts().expected, job.counts().through) == (2, True)
    with pytest.raises(LookupError):
        _map(stopping(), job)
    assert (job.counts().expected, job.counts().through) == (None, False)
    job.expect(job.latest, 7)
    assert (job.counts().expected, job.counts().through) == (7, False)
    _map(iter(DOCUMENTS), job)
    assert (job.counts().expected, job.counts().through) == (2, True)


def test_a_length_that_is_not_known_is_none(job: Job) -> None:
    """A generator has no length, and what fails to say its own is not asked again."""

    class Endless(list[Input]):
        def __len__(self) -> int:
            raise NotImplementedError

    for documents in ((each for each in DOCUMENTS), Endless(DOCUMENTS)):
        _map(documents, job)
        assert (job.counts().expected, job.counts().through) == (None, True)


def test_a_feed_knows_its_run(job: Job) -> None:
    """Who makes a feed can ask it which run it goes on with."""
    feed = job.feed(target_of(Box), [], settings=Settings(), address=HERE, call={})
    assert feed.run.number == 1
    feed.close()


def test_what_is_finished_is_restored_where_it_stands_now(job: Job) -> None:
    """Documents that come in another order, or with other columns, are restored, and their inputs are noted anew."""
    documents = [Input(name=str(number), document=f"w{number}", row={"x": number}) for number in range(300)]
    _map(documents, job)
    results = _map([replace(each, row={"x": -1}) for each in reversed(documents)], job, ordered=True)
    assert all(each.restored for each in results)
    assert [each.number for each in results] == list(range(300))
    assert [each.value.label for each in results] == [f"w{number}" for number in reversed(range(300))]
    records = list(job.records())
    assert [each.name for each in records] == [each.name for each in results]
    assert {each.row["x"] for each in records} == {-1}


def test_a_file_that_looks_the_same_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with the same size and time is restored at a glance, one with another content is asked for again."""
    file = tmp_path / "a.txt"
    file.write_text("red ball", encoding="utf-8")
    _map([file], tmp_path / "job.db")
    with monkeypatch.context() as patch:
        patch.setattr("extractor.batch.run.content_of_file", None)
        [again] = _map([file], tmp_path / "job.db")
    assert (again.restored, again.value.label) == (True, "red")
    file.write_text("a blue ball", encoding="utf-8")
    [other] = _map([file], tmp_path / "job.db")
    assert (other.restored, other.value.label) == (False, "a")
    file.unlink()
    [gone] = _map([file], tmp_path / "job.db")
    assert isinstance(gone.error, DocumentError)


def test_a_beginning_that_nobody_waits_for_is_given_back(job: Job) -> None:
    """A work that is closed while its document is being begun leaves it pending, not held."""
    feed = job.feed(target_of(Box), ["red ball"], settings=Settings(), address=HERE, call={})
    work = next(feed.works())
    assert work is not None
    step = work.send(None)
    assert isinstance(step, Await)
    work.close()
    assert step.future.result().state == "claimed"
    with Job(job.path) as other:
        assert other.counts(1).documents == 1
    job.expect(1, None)  # written after what gives it back
    assert (job.counts(1).running, job.counts(1).pending) == (0, 1)
    feed.close()


def test_runs_can_be_compared(job: Job) -> None:
    """The documents of which two runs say different things, with the places where they differ."""
    common = Input(name="same", document="7 up")
    _map([*DOCUMENTS, common, Input(name="first", document="x")], job)
    _map([*DOCUMENTS, common, Input(name="second", document="y z")], job, temperature=1.0)
    found = {each.name: each for each in job.compare(1, job.runs[1])}
    assert list(found) == ["one", "first", "second"]
    assert found["one"] == Difference(name="one", states=("done", "done"), values=(("/label", "red", "RED"),))
    assert found["first"].states == ("done", None)
    assert found["second"].states == (None, "done")
    assert found["second"].values == (("", None, {"label": "Y", "items": [{"name": "z"}]}),)
    assert list(job.compare(1, 1)) == []


def test_compare_knows_states(job: Job) -> None:
    """A document that failed in one run and is done in the other differs."""
    _map([Input(name="it", document="bad one")], job)
    _map([Input(name="it", document="good one")], job, seed=1)
    [found] = job.compare(1, 2)
    assert found.states == ("failed", "done")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text("a/~", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~", max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(one=JSON, other=JSON)
def test_what_differs_is_found_where_it_stands(one: Any, other: Any) -> None:
    """Two values differ exactly where that is said, and what is said there stands there."""
    assert differing(one, one) == ()
    found = differing(one, other)
    assert all(value_at(one, pointer) == here for pointer, here, _ in found if here is not None)
    assert all(value_at(other, pointer) == there for pointer, _, there in found if there is not None)
    assert len({pointer for pointer, _, _ in found}) == len(found)
    if json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
        assert found or "null" in json.dumps([one, other])  # which is the same as nothing


def test_very_different_values_are_not_all_listed() -> None:
    """At most a thousand places are listed, and deep values are gone through."""
    assert len(differing(list(range(5000)), list(range(1, 5001)))) == 1_000
    deep: Any = 1
    other: Any = 2
    for _ in range(5000):
        deep, other = [deep], [other]
    assert [each[1:] for each in differing(deep, other)] == [(1, 2)]


def test_a_job_is_exported(job: Job, tmp_path: Path) -> None:
    """The tables have what the records have: the details are the exporter's."""
    _map(DOCUMENTS, job)
    assert job.export(tmp_path / "out.jsonl") == 2
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["one", "two"]
    with pytest.raises(OptionError):
        job.export(tmp_path / "out.jsonl")
    assert job.export(tmp_path / "out.jsonl", "csv", run=1, overwrite=True, evidence=True) == 2
    with pytest.raises(OptionError):
        job.export(job.path, "sqlite", overwrite=True)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_job_is_a_table(kind: str, job: Job) -> None:
    """A run as a table of pandas or polars, a row for each document."""
    pytest.importorskip(kind)
    pytest.importorskip("pyarrow")
    _map(DOCUMENTS, job)
    table: Any = getattr(job, f"to_{kind}")()
    assert list(table["name"]) == ["one", "two"]
    assert "label" in table.columns


def test_a_job_that_was_given_stays_open_and_one_by_its_path_is_closed(job: Job, tmp_path: Path) -> None:
    """The map closes what it has opened: afterwards the file is all there is of it."""
    _map(DOCUMENTS, job)
    assert job.counts().done == 1
    other = tmp_path / "folder"
    other.mkdir()
    _map(DOCUMENTS, other / "job.db")
    assert [each.name for each in other.iterdir()] == ["job.db"]


def test_what_cannot_begin_leaves_nothing_open(tmp_path: Path) -> None:
    """Where the feed cannot be made, the file that was opened for it is closed."""
    path = tmp_path / "job.db"
    with pytest.raises(AttributeError):
        feed_of(path, target_of(Box), [], settings=None, address=HERE, call={})
    assert [each.name for each in tmp_path.iterdir()] == ["job.db"]
    with pytest.raises(OptionError):
        feed_of(tmp_path / "other.db", target_of(Box), "text", settings=Settings(), address=HERE, call={})
    assert not (tmp_path / "other.db").exists()


def test_no_key_is_in_the_file(tmp_path: Path) -> None:
    """Neither the endpoint's key nor one in extra fields gets into the file."""
    _map(DOCUMENTS, tmp_path / "job.db", extra_fields={"token": "abcdefghijk"})
    with sqlite3.connect(tmp_path / "job.db") as connection:
        whole = "\n".join(connection.iterdump()).encode() + (tmp_path / "job.db").read_bytes()
    connection.close()
    for secret in ("k-0123456789", "abcdefghijk"):
        assert secret.encode() not in whole
        assert secret.encode().hex().upper().encode() not in whole


def test_files_are_read_by_the_map(tmp_path: Path) -> None:
    """Paths are loaded, and a resume does not read them again."""
    file = tmp_path / "a file.txt"
    file.write_text("red ball\fcube\n", encoding="utf-8")
    [first] = _map([file], tmp_path / "job.db")
    file.touch()
    [again] = _map([file], tmp_path / "job.db")
    assert (first.name, first.restored, again.restored) == (str(file), False, True)
    assert again.result is not None
    assert first.result is not None
    assert again.result.fields == first.result.fields
    assert [span.page for span in again.result.fields["/items/1/name"].spans] == [2]


def test_a_job_loads_no_tables(tmp_path: Path) -> None:
    """Who only works on a job loads neither tables nor what reads files."""
    import subprocess

    script = (
        "import sys; from extractor.batch.job import Job\n"
        f"Job({str(tmp_path / 'job.db')!r}).close()\n"
        "print([each for each in ('pyarrow', 'pandas', 'polars', 'kreuzberg', 'ray',"
        " 'extractor.documents.load', 'extractor.batch.frames') if each in sys.modules])"
    )
    root = str(Path(__file__).resolve().parent.parent.parent)
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout
    assert said == "[]\n"
