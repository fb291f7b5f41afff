"""A job's file: what is begun, finished, given up and tried again, and what is known of it."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import begin, job_with_a_run, sha, states

from extractor.batch import reading
from extractor.batch.record import AttemptRecord, Counts, Failure, Record
from extractor.batch.store import Finished, Store, Worker
from extractor.chat.wire import PromptTokensDetails, Usage
from extractor.errors import JobError, OptionError
from extractor.evidence.field import Field, Span

USAGE = Usage(prompt_tokens=5, total_tokens=7, prompt_tokens_details=PromptTokensDetails(cached_tokens=2))
ATTEMPT = AttemptRecord(attempt=1, number=1, outcome="conforming", seconds=1.5, model="m", reply='{"x": 1}')
DONE = Finished(
    data={"x": 1, "name": "Z\u00fcrich \ud800"},
    outcome="conforming",
    absent=("/y",),
    complete=True,
    model="m",
    mode="json_schema",
    seconds=2.5,
    usage=USAGE,
    cost=Decimal("0.00012"),
    fields={"/x": Field(status="exact", spans=(Span(start=1, end=2, page=1),), others=((2, 0.25),))},
    lists=({"pointer": "/items", "status": "complete"},),
    chunks=({"number": 0, "start": 0, "end": 4, "error": None},),
    conflicts=({"pointer": "/x", "values": []},),
    attempts=(replace(ATTEMPT, outcome="invalid"), replace(ATTEMPT, number=2)),
)
FAILED = Finished(error=Failure(type="Refused", message="It said no.", value=[1]), attempts=(ATTEMPT,), usage=USAGE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a job with a run."""
    with job_with_a_run(tmp_path) as made:
        yield made


@pytest.fixture
def worker(store: Store) -> Worker:
    """Go to work on it."""
    return store.worker(1)


# -------------------------------------------------------------------------------------------- runs


def test_the_same_target_with_the_same_options_is_the_same_run(store: Store) -> None:
    """A run is found again by its schema and its options, whatever the order of their members."""
    first = store.open_run(target="T", schema={"a": 1, "b": {"c": 2, "d": 3}}, options={"x": [1], "y": None})
    again = store.open_run(target="T", schema={"b": {"d": 3, "c": 2}, "a": 1}, options={"y": None, "x": [1]})
    assert again == first
    assert (first.number, first.target, first.options) == (2, "T", {"x": [1], "y": None})
    assert first.schema == {"a": 1, "b": {"c": 2, "d": 3}}


def test_another_target_or_other_options_are_another_run(store: Store) -> None:
    """What changes what is asked for makes a new run, and each knows only its own documents."""
    others = [
        store.open_run(target="T", schema={"type": "array"}, options={"model": "m"}),
        store.open_run(target="T", schema={"type": "object"}, options={"model": "n"}),
    ]
    assert [run.number for run in store.runs()] == [1, 2, 3]
    assert [run.number for run in others] == [2, 3]
    first, second = store.worker(1), store.worker(2)
    one, two = begin(first, "a"), begin(second, "a")
    assert (one.state, two.state) == ("claimed", "claimed")
    assert one.key != two.key
    first.finish(one, DONE).result()
    assert (states(store, 1), states(store, 2), states(store, 3)) == ({"a": "done"}, {"a": "running"}, {})


def test_a_run_that_is_not_there_is_told(store: Store) -> None:
    """Nobody can go to work at it, and it has nothing."""
    with pytest.raises(JobError, match="has no run 9"):
        store.worker(9)
    assert store.counts(9) == Counts()
    assert store.record(9, "a") is None


# --------------------------------------------------------------------------------------- documents


def test_what_was_finished_is_known_in_full(store: Store, worker: Worker) -> None:
    """A document that is done comes back with everything, and its requests beside it."""
    begun = begin(worker, "a", number=3, row={"customer": 7}, pages=(0, 2), media_type="application/pdf", size=9)
    assert begun.state == "claimed"
    worker.finish(begun, DONE).result()
    record = store.record(1, "a")
    expected = Record(
        number=3,
        name="a",
        sha256=sha("a"),
        state="done",
        row={"customer": 7},
        value=DONE.data,
        data=DONE.data,
        outcome="conforming",
        absent=("/y",),
        complete=True,
        model="m",
        mode="json_schema",
        seconds=2.5,
        usage=USAGE,
        cost=Decimal("0.00012"),
        attempts=1,
        requests=2,
        fields=DONE.fields,
        lists=DONE.lists,
        chunks=DONE.chunks,
        conflicts=DONE.conflicts,
        text="a",
        pages=(0, 2),
        media_type="application/pdf",
    )
    assert record == expected
    again = begin(worker, "a", number=3, row={"customer": 7})
    assert (again.state, again.record) == ("done", expected)
    assert store.attempts(1, "a") == DONE.attempts
    assert list(store.records(1)) == [replace(expected, text=None)]
    without = replace(expected, text=None, fields={}, lists=(), chunks=(), conflicts=())
    assert list(store.records(1, evidence=False)) == [without]


def test_a_document_that_failed_stays_so(store: Store, worker: Worker) -> None:
    """One that failed is not begun again, and says what it failed with."""
    worker.finish(begin(worker, "a"), FAILED).result()
    again = begin(worker, "a")
    assert again.state == "failed"
    assert again.record is not None
    assert again.record.error == FAILED.error
    assert (again.record.data, again.record.requests) == (None, 1)


def test_a_text_that_is_known_at_the_end_is_kept(store: Store, worker: Worker) -> None:
    """The text of a file, which is read only after it was begun, is kept with the result."""
    begun = worker.begin(number=0, name="a.pdf", sha256=sha("bytes"), size=3, mtime_ns=5).result()
    worker.finish(begun, replace(DONE, text="one\ftwo", pages=(0, 4), media_type="application/pdf")).result()
    record = store.record(1, "a.pdf")
    assert record is not None
    assert (record.text, record.pages, record.media_type) == ("one\ftwo", (0, 4), "application/pdf")


def test_the_same_text_is_kept_once(store: Store, worker: Worker) -> None:
    """Runs and documents with the same text share it."""
    store.open_run(target="U", schema={}, options={})
    text = random.Random(1).randbytes(20_000).hex()
    for each in (worker, store.worker(2)):
        worker.finish(begin(each, "a", text), DONE).result()
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT count(*) FROM content").fetchone() == (1,)


def test_a_file_is_known_by_its_size_and_time(worker: Worker) -> None:
    """A file that was begun need not be read again, unless its size or its time is another."""
    begin(worker, "a.txt", "text", size=4, mtime_ns=10**18)
    assert worker.known_file("a.txt", 4, 10**18) == sha("text")
    assert worker.known_file("a.txt", 4, 10**18 + 1) is None
    assert worker.known_file("a.txt", 5, 10**18) is None
    assert worker.known_file("b.txt", 4, 10**18) is None


def test_the_same_content_is_asked_for_once(store: Store, worker: Worker) -> None:
    """Two names with the same content are one document: the second waits for the first, and has its result."""
    first = begin(worker, "a", "same", number=0)
    assert begin(worker, "b", "same", number=1).state == "held"
    assert store.counts(1).running == 2
    worker.finish(first, DONE).result()
    second = begin(worker, "b", "same", number=1)
    assert second.state == "done"
    assert second.record is not None
    assert (second.record.name, second.record.number, second.record.data) == ("b", 1, DONE.data)
    assert (store.counts(1).done, store.counts(1).requests) == (2, 2)


def test_a_name_stands_for_its_latest_content(store: Store, worker: Worker) -> None:
    """When the content of a name has changed it is asked for anew, and the old result is not shown any more."""
    worker.finish(begin(worker, "a", "old"), DONE).result()
    new = begin(worker, "a", "new", number=4, row={"k": 1})
    assert new.state == "claimed"
    assert [(each.number, each.state, each.row) for each in store.records(1)] == [(4, "running", {"k": 1})]
    assert store.counts(1).documents == 1
    worker.finish(new, replace(DONE, data=[2])).result()
    assert [each.data for each in store.records(1)] == [[2]]
    old = begin(worker, "a", "old")
    assert old.record is not None
    assert old.record.data == DONE.data


def test_a_document_that_could_not_be_read_is_known(store: Store, worker: Worker) -> None:
    """It is failed with its error, is offered again by nobody's doing, and can be read later."""
    failure = Failure(type="DocumentError", message="It is not there.")
    for _ in range(2):
        worker.fail_unread(number=2, name="a", row={"k": 1}, failure=failure).result()
    (record,) = store.records(1)
    assert (record.state, record.error, record.number, record.row) == ("failed", failure, 2, {"k": 1})
    assert (record.sha256, record.attempts, record.requests) == ("", 1, 0)
    assert store.counts(1) == Counts(documents=1, failed=1)
    assert begin(worker, "a").state == "claimed"
    assert store.counts(1) == Counts(documents=1, running=1)


def test_a_result_is_not_lost_when_its_file_is_gone(store: Store, worker: Worker) -> None:
    """A document that is done stays so, also when its file cannot be read any more."""
    worker.finish(begin(worker, "a"), DONE).result()
    worker.fail_unread(number=0, name="a", row={}, failure=Failure(type="DocumentError", message="Gone.")).result()
    assert states(store) == {"a": "done"}


def test_names_may_be_any_bytes(store: Store, worker: Worker) -> None:
    """A file's name that is no Unicode, has half a character, or none at all, is a name."""
    names = ["b\udcff", "b\ud800", "b", "", "\0", "\u00e9", "e\u0301"]
    for number, name in enumerate(names):
        worker.finish(begin(worker, name, str(number), number=number), DONE).result()
    assert [record.name for record in store.records(1)] == names
    assert [getattr(store.record(1, name), "number", None) for name in names] == list(range(len(names)))


def test_documents_come_in_the_order_of_the_input(
    store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order in which they were begun, and however few are read at a time."""
    monkeypatch.setattr(reading, "AT_ONCE", 3)
    numbers = list(range(20))
    random.Random(3).shuffle(numbers)
    futures = [worker.begin(number=number // 2, name=str(number), sha256=sha(str(number))) for number in numbers]
    for number, future in zip(numbers, futures, strict=True):
        if number % 3:
            worker.finish(future.result(), FAILED if number % 5 else DONE).result()
    found = [record.number for record in store.records(1)]
    assert found == sorted(found)
    assert len(found) == 20
    for wanted in ({"done"}, {"failed"}, {"running"}, {"done", "running"}, set()):
        each = [record.state for record in store.records(1, states=wanted)]
        assert set(each) == wanted
        assert len(each) == sum(state in wanted for state in states(store).values())
    with pytest.raises(OptionError, match="pending, running"):
        list(store.records(1, states={"lost"}))


def test_others_write_while_documents_are_read(store: Store, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the documents of a run keeps nobody from finishing some, and sees those as they are then."""
    monkeypatch.setattr(reading, "AT_ONCE", 2)
    begun = [begin(worker, str(number), number=number) for number in range(6)]
    seen = []
    for record in store.records(1):
        seen.append(record.state)
        if record.number == 1:
            for each in begun:
                worker.finish(each, DONE).result()
    assert seen == ["running", "running", "done", "done", "done", "done"]


# ------------------------------------------------------------------------------------- given up, and again


def test_a_document_that_was_given_up_is_pending(store: Store, worker: Worker) -> None:
    """What is released can be begun again, as the same attempt; what is finished is not given up any more."""
    begun = begin(worker, "a")
    worker.release(begun).result()
    assert states(store) == {"a": "pending"}
    again = begin(worker, "a")
    assert (again.state, again.attempt, again.document) == ("claimed", 1, begun.document)
    worker.finish(again, DONE).result()
    worker.release(again).result()
    assert states(store) == {"a": "done"}


def test_what_failed_can_be_tried_again(store: Store, worker: Worker) -> None:
    """A retry makes the failed ones pending; the next result counts, and the requests of both are known."""
    for number, (name, finished) in enumerate({"a": DONE, "b": FAILED, "c": FAILED}.items()):
        worker.finish(begin(worker, name, number=number), finished).result()
    worker.fail_unread(number=3, name="d", row={}, failure=Failure(type="E", message="")).result()
    assert store.retry(1, names=["b", "b"]) == 1
    assert states(store) == {"a": "done", "b": "pending", "c": "failed", "d": "failed"}
    assert store.retry(1) == 2
    assert states(store) == {"a": "done", "b": "pending", "c": "pending", "d": "pending"}
    begun = begin(worker, "b", number=1)
    assert (begun.state, begun.attempt) == ("claimed", 2)
    worker.finish(begun, replace(DONE, attempts=(replace(ATTEMPT, attempt=2),))).result()
    record = store.record(1, "b")
    assert record is not None
    assert (record.state, record.attempts, record.requests, record.error) == ("done", 2, 1, None)
    assert [each.attempt for each in store.attempts(1, "b")] == [1, 2]
    assert store.counts(1).requests == 2 + 1 + 1 + 1


def test_what_is_done_can_be_tried_again(store: Store, worker: Worker) -> None:
    """What is done is asked for once more only where it is named."""
    worker.finish(begin(worker, "a"), DONE).result()
    assert store.retry(1) == 0
    assert store.retry(1, names=["a"]) == 1
    assert begin(worker, "a").attempt == 2


# ---------------------------------------------------------------------------------------- the journal


def test_replies_are_kept_until_the_document_is_finished(tmp_path: Path, store: Store) -> None:
    """What was answered is found again by who begins the document after it was given up, until it is finished."""
    worker = store.worker(1)
    begun = begin(worker, "a")
    journal = worker.journal(begun)
    assert journal.get("first") is None
    journal.put("first", b"one").result()
    journal.put("second", b"\0two")
    assert journal.get("first") == b"one"
    worker.close()
    with Store(store.path) as other:
        worker = other.worker(1)
        begun = begin(worker, "a")
        journal = worker.journal(begun)
        assert [journal.get(key) for key in ("first", "second", "third")] == [b"one", b"\0two", None]
        worker.finish(begun, FAILED).result()
        other.retry(1)
        assert worker.journal(begin(worker, "a")).get("first") is None


def test_a_reply_that_cannot_be_kept_is_told(store: Store, worker: Worker) -> None:
    """What is asked of a journal after a reply could not be written is an error, which says why."""
    journal = worker.journal(begin(worker, "a"))
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(FAIL, 'no'); END")
        with contextlib.suppress(JobError):  # it may know at once
            journal.put("first", b"one")
        worker.release(begin(worker, "b")).result()  # comes after it
        with pytest.raises(JobError):
            journal.get("second")
        other.execute("DROP TRIGGER full")


# ----------------------------------------------------------------------------------------- how far it is


def test_what_it_took_is_added_up(store: Store, worker: Worker) -> None:
    """Tokens, money, seconds and requests of all documents, to the last digit."""
    tenth = replace(DONE, cost=Decimal("0.1"), seconds=0.5)
    for number in range(3):
        worker.finish(begin(worker, str(number)), tenth).result()
    counts = store.counts(1)
    assert (counts.documents, counts.done, counts.requests, counts.asked_again) == (3, 3, 6, 3)
    assert (counts.cost, counts.seconds, counts.usage) == (Decimal("0.3"), 1.5, USAGE + USAGE + USAGE)


def test_money_that_is_not_known_is_said(store: Store, worker: Worker) -> None:
    """One document without a price makes the sum unknown, unless nothing was asked for it."""
    worker.finish(begin(worker, "a"), replace(FAILED, attempts=())).result()
    assert store.counts(1).cost == 0
    worker.finish(begin(worker, "b"), FAILED).result()
    assert store.counts(1).cost is None


# ------------------------------------------------------------------------------------------- the file


def test_a_closed_job_is_told(tmp_path: Path) -> None:
    """After the end nothing is read or written, and the error says so."""
    store = Store(tmp_path / "job.db")
    store.open_run(target="T", schema={}, options={})
    worker = store.worker(1)
    begun = begin(worker, "a")
    journal = worker.journal(begun)
    store.close()
    store.close()
    worker.close()
    for call in (store.runs, lambda: begin(worker, "a"), lambda: journal.put("k", b""), lambda: store.retry(1)):
        with pytest.raises(JobError, match="is closed"):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["job.db"]


def test_a_job_for_reading_only_is_not_written_to(store: Store, worker: Worker) -> None:
    """It shows what others write, and refuses to write."""
    with Store(store.path, read_only=True) as reader:
        worker.finish(begin(worker, "a"), DONE).result()
        assert states(reader) == {"a": "done"}
        assert reader.counts(1).done == 1
        assert reader.check() == ()
        for call in (lambda: reader.worker(1), lambda: reader.retry(1)):
            with pytest.raises(JobError, match="opened for reading only"):
                call()
        with pytest.raises(JobError, match="opened for reading only"):
            reader.open_run(target="T", schema={}, options={})


def test_who_only_reads_leaves_nothing(store: Store) -> None:
    """To look at a job leaves no file beside it."""
    store.close()
    with Store(store.path, read_only=True) as reader:
        assert len(reader.runs()) == 1
    assert [path.name for path in store.path.parent.iterdir()] == ["job.db"]


def test_a_worker_keeps_its_job_open(tmp_path: Path) -> None:
    """A job that nobody holds but a worker of it stays open."""
    store = Store(tmp_path / "job.db")
    store.open_run(target="T", schema={}, options={})
    worker = store.worker(1)
    del store
    assert begin(worker, "a").state == "claimed"
    worker.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE total SET done = 7", "totals are wrong"),
        ("UPDATE document SET inputs = 3 WHERE id = 1", "number of inputs"),
        ("DELETE FROM finish", "finished without a result"),
        ("UPDATE document SET state = 0 WHERE state = 2", "have a result and are not finished"),
        ("DELETE FROM worker", "held by nobody"),
        ("INSERT INTO journal (document, key, body) VALUES (1, 'k', x'00')", "replies of documents that are finished"),
        ("UPDATE document SET content = 99 WHERE id = 1", "that is not there"),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, harm: str, said: str) -> None:
    """Whatever does not fit together in the file is said."""
    with Store(tmp_path / "job.db") as store:
        store.open_run(target="T", schema={}, options={})
        worker = store.worker(1)
        worker.finish(begin(worker, "a"), DONE).result()
        begin(worker, "b", number=1)
        assert store.check() == ()
        with closing(sqlite3.connect(store.path)) as other:
            other.execute(harm)
            other.commit()
        assert said in " ".join(store.check())


@settings(max_examples=40)
@given(at=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=40)), min_size=1))
def test_a_damaged_file_gives_nothing_but_job_errors(
    tmp_path_factory: pytest.TempPathFactory, at: list[tuple[float, bytes]]
) -> None:
    """Whatever bytes of the file are changed, it reads as something or is a `JobError`."""
    path = tmp_path_factory.mktemp("damaged") / "job.db"
    with Store(path) as store, store.worker(store.open_run(target="T", schema={}, options={}).number) as worker:
        for number in range(5):
            worker.finish(begin(worker, str(number), f"{number} text " * 50), DONE if number else FAILED).result()
    content = bytearray(path.read_bytes())
    for where, noise in at:
        start = int(where * len(content))
        content[start : start + len(noise)] = noise[: len(content) - start]
    path.write_bytes(content)
    try:
        with Store(path) as store:
            store.check()
            for run in store.runs():
                store.counts(run.number)
                for record in store.records(run.number, text=True):
                    store.attempts(run.number, record.name)
            with store.worker(1) as worker:
                begun = begin(worker, "1", "1 text " * 50)
                if begun.state == "claimed":
                    worker.finish(begun, DONE).result()
            store.retry(1)
    except JobError:
        pass
