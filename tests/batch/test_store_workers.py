"""Several workers at one job: who has a document, whose result counts, and what is left by those who die."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import begin, job_with_a_run, sha, states

from extractor.batch.owners import lock_file
from extractor.batch.record import AttemptRecord, Failure
from extractor.batch.store import Begun, Finished, Store
from extractor.errors import JobError

POSIX = pytest.mark.skipif(os.name == "nt", reason="deleted files of POSIX")

ATTEMPT = AttemptRecord(attempt=1, number=1, outcome="conforming", seconds=1.5, model="m")
DONE = Finished(data={"x": 1}, outcome="conforming", attempts=(ATTEMPT, ATTEMPT))
FAILED = Finished(error=Failure(type="Refused", message="It said no."), attempts=(ATTEMPT,))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a job with a run."""
    with job_with_a_run(tmp_path) as made:
        yield made


# ----------------------------------------------------------------------------------------- several workers


def test_a_document_is_under_way_at_one_worker_only(store: Store) -> None:
    """What another living worker has is held, in this process or through another opening of the file."""
    first, second = store.worker(1), store.worker(1)
    begun = begin(first, "a")
    with Store(store.path) as other:
        assert [begin(each, "a").state for each in (first, second, other.worker(1))] == ["held"] * 3
    second.release(begun).result()
    assert states(store) == {"a": "running"}
    first.release(begun).result()
    assert begin(second, "a").state == "claimed"


@POSIX
def test_workers_know_each_other_whatever_links_lead_to_the_job(store: Store) -> None:
    """Through a link to the file, or to its folder, it is the same job with the same workers."""
    begin(store.worker(1), "a")
    worker = store.worker(1)
    begin(worker, "b", number=1)
    elsewhere = store.path.parent / "links"
    elsewhere.mkdir()
    (elsewhere / "other.db").symlink_to(store.path)
    (elsewhere / "folder").symlink_to(store.path.parent, target_is_directory=True)
    for path in (elsewhere / "other.db", elsewhere / "folder" / "job.db"):
        with Store(path) as other:
            assert begin(other.worker(1), "b", number=1).state == "held"
    worker.close()


def test_what_a_closed_worker_held_is_pending(store: Store) -> None:
    """Closing a worker gives up what it holds, and removes its lock file."""
    worker = store.worker(1)
    begin(worker, "a")
    worker.close()
    worker.close()
    assert states(store) == {"a": "pending"}
    assert list(store.path.parent.glob("*worker*")) == []
    with pytest.raises(JobError, match="worker of the job is closed"):
        begin(worker, "a")


def test_what_a_dead_worker_held_is_pending(store: Store) -> None:
    """When a worker is gone without a word, the next one to begin the document or to go to work has it."""
    living, dead = store.worker(1), store.worker(1)
    begin(dead, "a")
    assert begin(living, "a").state == "held"
    del dead
    assert begin(living, "a").state == "claimed"
    dead = store.worker(1)
    begin(dead, "b", number=1)
    del dead
    last = store.worker(1)
    assert states(store) == {"a": "running", "b": "pending"}
    assert len(list(store.path.parent.glob("*worker*"))) == 2
    last.close()


def test_what_a_dead_worker_holds_is_shown_as_pending(store: Store) -> None:
    """Who only looks sees what nobody is at any more as pending, and changes nothing in the file."""
    living, dead = store.worker(1), store.worker(1)
    begin(living, "a")
    begin(dead, "b", number=1)
    del dead
    with Store(store.path, read_only=True) as reader:
        counts = reader.counts(1)
        assert (counts.documents, counts.pending, counts.running) == (2, 1, 1)
        assert [each.name for each in reader.records(1, states=["running"])] == ["a"]
        assert [(each.name, each.state) for each in reader.records(1, states=["pending"])] == [("b", "pending")]
        record = reader.record(1, "b")
        assert record is not None
        assert record.state == "pending"
    assert len(list(store.path.parent.glob("*worker*"))) == 2


def test_what_was_not_answered_is_asked_for_again(store: Store) -> None:
    """A worker that comes alone finds pending what the endpoint did not answer, and what failed otherwise failed."""
    unanswered = Finished(error=Failure(type="TimedOut", message="It took too long."), attempts=(ATTEMPT,))
    worker = store.worker(1)
    for name, finished in (("a", unanswered), ("b", FAILED), ("c", DONE)):
        worker.finish(begin(worker, name), finished).result()
    other = store.worker(1)
    assert states(store) == {"a": "failed", "b": "failed", "c": "done"}
    worker.close()
    other.close()
    with store.worker(1) as last:
        assert states(store) == {"a": "pending", "b": "failed", "c": "done"}
        begun = begin(last, "a")
        assert (begun.state, begun.attempt) == ("claimed", 1)
        last.finish(begun, DONE).result()
    store.worker(1)
    assert states(store)["a"] == "done"


def test_a_run_is_gone_through_when_all_who_live_are(store: Store) -> None:
    """Of two who go through an input the last one says so; one that died does not count, and a new one begins anew."""
    first, second, dead = (store.worker(1) for _ in range(3))
    assert store.counts(1).through is None
    for each in (first, second, dead):
        each.go_through(5).result()
    first.went_through().result()
    del each, dead
    assert (store.counts(1).expected, store.counts(1).through) == (5, False)
    second.went_through().result()
    assert store.counts(1).through is True
    store.worker(1)
    assert (store.counts(1).expected, store.counts(1).through) == (None, None)


def test_what_is_finished_is_found_without_beginning_it(store: Store) -> None:
    """It has to have the same content; and where its place is another, that is noted."""
    worker = store.worker(1)
    worker.finish(begin(worker, "a", row={"x": 1}), DONE).result()
    begin(worker, "b", number=1)
    assert worker.finished(number=0, name="a", sha256=sha("other")) is None
    assert worker.finished(number=1, name="b", sha256=sha("b")) is None
    assert worker.finished(number=2, name="c", sha256=sha("c")) is None
    assert worker.finished(number=0, name="a", size=9) is None
    found = worker.finished(number=0, name="a", sha256=sha("a"), row={"x": 1})
    assert found == (store.record(1, "a"), None)
    known = worker.finished(number=7, name="a", text="mine", row={"x": 1})
    assert known is not None
    record, moved = known
    assert (record.number, record.text) == (7, "mine")
    assert moved is not None
    moved.result()
    assert [each.number for each in store.records(1)] == [1, 7]


@POSIX
def test_a_deleted_lock_file_harms_nothing(store: Store) -> None:
    """A worker whose lock file somebody deleted may lose its documents, never their results, and holds on again."""
    first, second = store.worker(1), store.worker(1)
    one, two = begin(first, "a"), begin(first, "b", number=1)
    (lock,) = (path for path in store.path.parent.glob("*worker*") if path == lock_file(store.path, 1))
    lock.unlink()
    assert begin(second, "a").state == "claimed"  # taken for dead
    assert states(store) == {"a": "running", "b": "pending"}
    first.finish(two, DONE).result()
    first.finish(one, DONE).result()
    assert begin(second, "a").state == "done"
    assert begin(first, "c", number=2).state == "claimed"
    assert begin(second, "c", number=2).state == "held"
    assert lock.exists()


def test_the_first_result_stays(store: Store) -> None:
    """When a document was finished twice the first result stays, and both are paid for."""
    first, second = store.worker(1), store.worker(1)
    one = begin(first, "a")
    first.release(one).result()
    two = begin(second, "a")
    first.finish(one, DONE).result()
    second.finish(two, FAILED).result()
    record = store.record(1, "a")
    assert record is not None
    assert (record.state, record.data) == ("done", DONE.data)
    assert store.counts(1).requests == 3


def test_threads_share_a_store(store: Store) -> None:
    """Many threads begin and finish at once; each document is claimed once."""
    worker = store.worker(1)
    claimed: list[str] = []

    def work(seed: int) -> None:
        names = [str(number) for number in range(30)]
        random.Random(seed).shuffle(names)
        for name in names:
            begun = begin(worker, name, number=int(name))
            if begun.state == "claimed":
                claimed.append(name)
                worker.journal(begun).put("k", b"v")
                worker.finish(begun, DONE if int(name) % 3 else FAILED).result()
            store.counts(1)
            store.record(1, name)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed, key=int) == [str(number) for number in range(30)]
    assert (store.counts(1).done, store.counts(1).failed) == (20, 10)


# ---------------------------------------------------------------------------------------------- the law

steps = st.lists(
    st.tuples(
        st.sampled_from(["begin", "done", "failed", "release", "unread", "retry", "redo", "close", "die"]),
        st.integers(0, 3),  # the name
        st.integers(0, 2),  # the content
        st.integers(0, 1),  # the worker
    ),
    max_size=40,
)


class Told:
    """What a job should know, in the simplest way."""

    def __init__(self) -> None:
        self.contents: dict[int, str] = {}
        self.inputs: dict[str, int | str] = {}
        self.held: dict[int, int] = {}

    def begin(self, name: str, content: int, worker: int) -> str:
        """Begin a document."""
        self.inputs[name] = content
        state = self.contents.setdefault(content, "pending")
        if state == "pending":
            self.contents[content], self.held[content] = "running", worker
            return "claimed"
        return "held" if state == "running" else state

    def end(self, content: int, state: str) -> None:
        """Finish or give up a document."""
        self.contents[content] = state
        self.held.pop(content)

    def left(self, worker: int) -> None:
        """See to the end of a worker."""
        for content in [each for each, who in self.held.items() if who == worker]:
            self.end(content, "pending")

    def retry(self, *, done: bool) -> None:
        """Try again."""
        wanted = {"failed", "done"} if done else {"failed"}
        for content in set(self.inputs.values()):
            if isinstance(content, int) and self.contents[content] in wanted:
                self.contents[content] = "pending"
        self.inputs.update({name: "pending" for name, each in self.inputs.items() if each == "failed"})

    def states(self) -> dict[str, str]:
        """Give the state of each name."""
        return {name: each if isinstance(each, str) else self.contents[each] for name, each in self.inputs.items()}


@settings(max_examples=60)
@given(steps=steps)
def test_a_job_knows_what_happened(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int]]
) -> None:
    """After any steps of two workers each input is in the state that it should be in, and the counts are a recount."""
    told = Told()
    failure = Failure(type="E", message="")
    with Store(tmp_path_factory.mktemp("law") / "job.db") as store:
        store.open_run(target="T", schema={}, options={})
        workers = [store.worker(1), store.worker(1)]
        begun: dict[int, Begun] = {}
        for step, number, content, who in steps:
            name, worker = str(number), workers[who]
            if step == "begin":
                found = begin(worker, name, str(content), number=number)
                assert found.state == told.begin(name, content, who)
                if found.state == "claimed":
                    begun[content] = found
            elif step in ("done", "failed", "release") and told.held.get(content) == who:
                worker.journal(begun[content]).put(step, b"reply")
                if step == "release":
                    worker.release(begun[content]).result()
                else:
                    worker.finish(begun[content], DONE if step == "done" else FAILED).result()
                told.end(content, "pending" if step == "release" else step)
            elif step == "unread":
                worker.fail_unread(number=number, name=name, row={}, failure=failure).result()
                if told.states().get(name) != "done":
                    told.inputs[name] = "failed"
            elif step in ("retry", "redo"):
                store.retry(1, names=None if step == "retry" else list(told.states()))
                told.retry(done=step == "redo")
            elif step in ("close", "die"):
                told.left(who)
                if step == "close":
                    worker.close()
                del worker
                workers.pop(who)
                workers.insert(who, store.worker(1))
            assert states(store) == told.states()
        counts, expected = store.counts(1), list(told.states().values())
        found_counts = (counts.pending, counts.running, counts.done, counts.failed)
        assert found_counts == tuple(expected.count(each) for each in ("pending", "running", "done", "failed"))
        assert store.check() == ()
