"""What people say of documents: it is kept, the last word counts, and nothing is lost or overwritten."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import BaseModel, computed_field

from extractor.batch.job import Job
from extractor.batch.record import Failure, Record
from extractor.batch.store import Finished, Store
from extractor.errors import DocumentRejected, JobError, OptionError, Overtaken


class Order(BaseModel):
    """An order."""

    number: int
    customer: str | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        """Have something that is written and not read."""
        return 2 * self.number


SCHEMA = Order.model_json_schema()
FAILURE = Failure(
    type="ExtractionFailed",
    message="It said no.",
    errors=({"pointer": "/number", "message": "m", "found": "nothing", "kind": "missing"},),
)
UNANSWERED = Failure(type="ServerError", message="It is down.")
NAMES = ("a", "b", "c", "d")


def data_of(number: int) -> dict[str, Any]:
    """Give what is extracted of a document."""
    return {"number": number, "customer": "Ana"}


def offered(store: Store, run: int = 1, /, **finished: Finished | None) -> None:
    """Have documents begun, and finished as is said; those with None stay pending."""
    with store.worker(run) as worker:
        for number, (name, done) in enumerate(finished.items()):
            text = f"Order {number} of Ana, {name}"
            sha = sha256(text.encode()).hexdigest()
            begun = worker.begin(number=number, name=name, sha256=sha, text=text).result()
            if done is not None and begun.state == "claimed":
                worker.finish(begun, done).result()


def done(number: int) -> Finished:
    """Give a result."""
    data = data_of(number)
    return Finished(data=data, value={**data, "double": 2 * number}, outcome="conforming", model="m")


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Have two documents that are done, one that failed, and one that is pending."""
    with Store(tmp_path / "job.db") as store:
        store.open_run(target="Order", schema=SCHEMA, options={"model": "m"})
        offered(store, a=done(0), b=done(1), c=Finished(error=FAILURE), d=None)
    with Job(tmp_path / "job.db") as made:
        yield made
        assert made._store.check() == ()


def record(job: Job, name: str) -> Record:
    """Give a document."""
    found = job.record(name)
    assert found is not None
    return found


# --------------------------------------------------------------------------------------- what counts


def test_a_correction_counts_in_place_of_what_was_extracted(job: Job) -> None:
    """Its value, what it is known by, and what had been extracted are told wherever documents are read."""
    said = job.correct("a", Order(number=7, customer="Ana"), target=Order, who="ben", note="smudged")
    assert (said.number, said.decision, said.who, said.note, said.attempt) == (1, "corrected", "ben", "smudged", 1)
    assert (said.before, said.data) == (data_of(0), {"number": 7, "customer": "Ana"})
    found = record(job, "a")
    assert (found.state, found.data, found.extracted) == ("done", {"number": 7, "customer": "Ana"}, data_of(0))
    assert found.value == {"number": 7, "customer": "Ana", "double": 14}
    assert found.revision == said
    assert {pointer: field.status for pointer, field in found.fields.items()}["/number"] == "absent"
    assert [each.value for each in job.records(states={"done"})] == [found.value, record(job, "b").value]
    results = {each.name: each for each in job.results(Order)}
    assert results["a"].result is not None
    assert results["a"].result.value == Order(number=7, customer="Ana")


def test_what_is_right_is_accepted(job: Job) -> None:
    """To accept keeps what was extracted, with what is known of it; to correct it to the same is to accept it."""
    before = record(job, "a")
    said = job.accept("a", who="ben")
    assert (said.decision, said.data, said.value) == ("accepted", data_of(0), {**data_of(0), "double": 0})
    found = record(job, "a")
    assert found == replace(before, revision=said, extracted=data_of(0))
    assert job.correct("b", data_of(1)).decision == "accepted"
    assert job.correct("b", {"number": 1}).decision == "corrected"


def test_a_failed_document_that_is_corrected_is_done(job: Job) -> None:
    """It counts as done, is not tried again, and fails again once it is reopened."""
    job.correct("c", {"number": 3})
    found = record(job, "c")
    assert (found.state, found.error, found.extracted, found.outcome) == ("done", None, None, "conforming")
    assert (job.counts().done, job.counts().failed) == (3, 0)
    assert job.retry() == 0
    job.reopen("c")
    found = record(job, "c")
    assert (found.state, found.error, found.revision, found.data) == ("failed", FAILURE, None, None)
    assert job.counts().failed == 1
    assert job.retry() == 1


def test_a_rejected_document_has_no_value(job: Job) -> None:
    """It has an error that says why, and what was extracted is still there."""
    job.reject("a", note="It is blank.", who="ben")
    found = record(job, "a")
    assert (found.state, found.value, found.data, found.extracted) == ("done", None, None, data_of(0))
    (result,) = [each for each in job.results(Order) if each.name == "a"]
    assert result.result is None
    assert isinstance(result.error, DocumentRejected)
    assert "rejected by ben: It is blank." in str(result.error)
    job.reopen("a")
    assert record(job, "a").data == data_of(0)
    assert record(job, "a").revision is None


def test_a_run_that_goes_on_has_what_people_said(job: Job) -> None:
    """Documents that people gave a value are not offered again, also where the endpoint had not answered."""
    with Store(job.path) as store:
        offered(store, d=Finished(error=UNANSWERED))
    job.correct("d", {"number": 4})
    with Store(job.path) as store, store.worker(1) as worker:
        text = "Order 0 of Ana, d"
        begun = worker.begin(number=0, name="d", sha256=sha256(text.encode()).hexdigest(), text=text).result()
        assert begun.state == "done"
        assert begun.record is not None
        assert begun.record.data == {"number": 4}
    job.reopen("d")
    assert record(job, "d").state == "failed"
    with Store(job.path) as store, store.worker(1):
        assert record(job, "d").state == "pending"


@pytest.mark.parametrize("again", [done(5), Finished(error=FAILURE), Finished(error=UNANSWERED)])
def test_a_reviewed_document_that_is_asked_again_keeps_its_word(job: Job, again: Finished) -> None:
    """The person's value counts while it is asked for again and after it, until they reopen it."""
    job.correct("b", {"number": 9}, who="ben")
    assert job.retry(names=["b"]) == 1
    assert (record(job, "b").state, record(job, "b").data) == ("pending", {"number": 9})
    with Store(job.path) as store:
        offered(store, _=None, b=again)
    found = record(job, "b")
    assert (found.state, found.data, found.attempts, found.error) == ("done", {"number": 9}, 2, None)
    assert found.extracted == again.data
    job.reopen("b")
    assert record(job, "b").state == ("done" if again.error is None else "failed")
    assert record(job, "b").data == again.data


@pytest.mark.parametrize("say", ["accept", "revise"])
def test_who_has_seen_an_earlier_extraction_is_told(job: Job, monkeypatch: pytest.MonkeyPatch, say: str) -> None:
    """Nothing is said of an extraction that has come since somebody looked."""
    seen = job._store.extracted(1, "b")
    assert seen is not None
    assert job.retry(names=["b"]) == 1
    with Store(job.path) as store:
        offered(store, _=None, b=done(6))
    monkeypatch.setattr(Store, "extracted", lambda *_: seen)
    with pytest.raises(JobError, match="extracted again meanwhile"):
        job.accept("b") if say == "accept" else job.revise("b", "corrected", seen.data, attempt=seen.attempts)
    assert job.revisions("b") == ()
    job.revise("b", "accepted", data_of(6), attempt=2)
    assert record(job, "b").data == data_of(6)


# ----------------------------------------------------------------------------------- what can be said


def test_all_that_was_said_is_kept(job: Job) -> None:
    """Each revision says what was there before it, whatever came after."""
    job.correct("a", {"number": 1}, who="ana")
    job.reject("a", who="ben")
    job.reopen("a", who="cleo")
    job.correct("a", {"number": 2}, who="ana")
    said = job.revisions("a")
    assert [(each.number, each.decision, each.who) for each in said] == [
        (1, "corrected", "ana"),
        (2, "rejected", "ben"),
        (3, "reopened", "cleo"),
        (4, "corrected", "ana"),
    ]
    assert [each.before for each in said] == [data_of(0), {"number": 1}, None, data_of(0)]
    assert [each.data for each in said] == [{"number": 1}, None, None, {"number": 2}]
    assert record(job, "a").revision == said[-1]
    assert job.revisions("b") == job.revisions("nowhere") == ()


def test_a_value_that_does_not_conform_is_not_kept(job: Job) -> None:
    """What is wrong with it is said by its places; nothing is written."""
    for wrong, target in (({"number": "x"}, None), ({"number": "x"}, Order), ({}, Order)):
        with pytest.raises(OptionError, match="/number"):
            job.correct("a", wrong, target=target)
    with pytest.raises(OptionError, match="Nothing was extracted"):
        job.accept("c")
    assert job.revisions("a") == job.revisions("c") == ()


def test_a_value_that_was_extracted_in_part_is_not_accepted(job: Job) -> None:
    """Where required fields are absent it does not conform, and has to be corrected."""
    with Store(job.path) as store:
        offered(store, d=Finished(data={"customer": "Ana"}, outcome="incomplete", absent=("/number",)))
    with pytest.raises(OptionError, match="/number"):
        job.accept("d")


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ({"name": "nowhere", "decision": "rejected"}, "name"),
        ({"name": "d", "decision": "rejected"}, "name"),
        ({"name": "a", "decision": "liked"}, "decision"),
        ({"name": "a", "decision": "reopened"}, "decision"),
        ({"name": "a", "decision": "accepted"}, "data"),
        ({"name": "a", "decision": "rejected", "who": "x" * 1_000}, "who"),
        ({"name": "a", "decision": "rejected", "note": "x" * 100_000}, "note"),
        ({"name": "a", "decision": "rejected", "based": 3}, "based"),
    ],
)
def test_what_cannot_be_said_is_told(job: Job, said: dict[str, Any], option: str) -> None:
    """Of a document that is not there or not finished, and what is no decision, nothing is kept."""
    with pytest.raises(OptionError) as error:
        job.revise(**said)
    assert error.value.option == option
    assert job.revisions("a") == ()


def test_a_document_that_could_not_be_read_has_nothing_to_be_said_of(job: Job) -> None:
    """Its content is not known: there is nothing to review."""
    with Store(job.path) as store, store.worker(1) as worker:
        worker.fail_unread(number=9, name="e", failure=FAILURE).result()
    with pytest.raises(OptionError, match="could not be read"):
        job.reject("e")
    assert job.tally().all == 3


def test_two_inputs_with_the_same_content_are_one_document(job: Job) -> None:
    """What is said of one is said of the other."""
    with Store(job.path) as store, store.worker(1) as worker:
        sha = sha256(b"Order 0 of Ana, a").hexdigest()
        worker.begin(number=7, name="again", sha256=sha, text="Order 0 of Ana, a").result()
    job.correct("again", {"number": 8})
    assert record(job, "a").data == {"number": 8}
    assert (job.counts().done, job.tally().all) == (3, 3)


# ----------------------------------------------------------------------------------- several people


def test_who_has_not_seen_the_last_word_is_told(job: Job) -> None:
    """Nothing is written, and the error has what was said meanwhile."""
    first = job.revise("a", "rejected", who="ana", based=0)
    with pytest.raises(Overtaken, match="ana has rejected 'a' meanwhile") as error:
        job.revise("a", "corrected", {"number": 1}, who="ben", based=0)
    assert error.value.latest == first
    assert [each.who for each in job.revisions("a")] == ["ana"]
    job.revise("a", "corrected", {"number": 1}, who="ben", based=1)


def test_of_many_who_say_something_at_once_one_is_heard(job: Job) -> None:
    """Whether they share a job or have it open each for themselves, the others are told who came before."""
    came: list[str] = []
    start = threading.Barrier(8)

    def say(each: Job, who: str) -> None:
        start.wait()
        try:
            each.revise("a", "rejected", who=who, based=0)
            came.append("kept")
        except Overtaken as error:
            came.append(error.latest.who)

    with Job(job.path) as other:
        threads = [threading.Thread(target=say, args=(job if n % 2 else other, f"{n}")) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (said,) = job.revisions("a")
    assert sorted(came) == sorted(["kept", *[said.who] * 7])


def test_what_was_reviewed_is_found_in_all_runs(job: Job) -> None:
    """Documents that people gave a value come with their texts, each content once, of this run first."""
    with Store(job.path) as store:
        store.open_run(target="Order", schema=SCHEMA, options={"model": "n"})
        store.open_run(target="Other", schema={}, options={"model": "n"})
        offered(store, 2, a=done(0), b=done(1))
        offered(store, 3, a=done(0))
    job.correct("a", {"number": 1}, run=1)
    job.accept("b", run=1)
    job.correct("a", {"number": 2}, run=2)
    job.reject("b", run=2)
    job.correct("a", {"number": 3}, run=3)
    found = [(each.data, each.text) for each in job.reviewed(2)]
    assert found == [({"number": 2}, "Order 0 of Ana, a"), (data_of(1), "Order 1 of Ana, b")]
    assert [each.data for each in job.reviewed(3)] == [{"number": 3}]


# ------------------------------------------------------------------------------------------ exports


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "sqlite"])
def test_an_export_without_reviews_is_as_it_was(job: Job, tmp_path: Path, form: str) -> None:
    """Where nobody has said anything that counts, nothing in a file tells of reviews."""
    job.export(tmp_path / f"before.{form}", form)
    job.reject("a")
    job.export(tmp_path / f"between.{form}", form)
    job.reopen("a")
    job.export(tmp_path / f"after.{form}", form)
    before, between, after = ((tmp_path / f"{name}.{form}").read_bytes() for name in ("before", "between", "after"))
    assert before == after != between
    assert b"reviewed_by" not in before
    assert b"reviewed_by" in between


def test_an_export_says_what_people_said(job: Job, tmp_path: Path) -> None:
    """A line has the note and what was extracted, a table the decision, who, and when."""
    job.correct("a", {"number": 7}, target=Order, who="=ben", note="smudged")
    job.reject("b")
    job.export(tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line.get("decision", "") for line in lines] == ["corrected", "rejected", "", ""]
    assert (lines[0]["value"]["number"], lines[0]["extracted"]) == (7, data_of(0))
    assert (lines[0]["reviewed_by"], lines[0]["note"], lines[0]["reviewed_at"][-1]) == ("=ben", "smudged", "Z")
    assert (lines[1]["value"], lines[1]["extracted"]) == (None, data_of(1))
    job.export(tmp_path / "out.csv")
    head, first, *_ = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert head.startswith("name,state,error,decision,reviewed_by,reviewed_at,")
    assert first.startswith("a,done,,corrected,'=ben,2")
    frame = job.to_pandas()
    assert list(frame["decision"].fillna("")) == ["corrected", "rejected", "", ""]
    assert str(frame["reviewed_at"].dtype) == "datetime64[us, UTC]"
    job.export(tmp_path / "out.db", "sqlite")
    with closing(sqlite3.connect(tmp_path / "out.db")) as connection:
        (table,) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        rows = connection.execute(f'SELECT name, decision, reviewed_by, number FROM "{table}"').fetchall()
    assert rows[:2] == [("a", "corrected", "=ben", 7), ("b", "rejected", None, None)]


# --------------------------------------------------------------------------------- damage and the file


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE review SET revision = 1 WHERE document = 1", "last word"),
        ("UPDATE review SET decision = 2 WHERE document = 1", "something else stands"),
        ("DELETE FROM review WHERE document = 1", "of which nobody knows"),
        ("DELETE FROM revision WHERE number = 1 AND document = 1", "a revision that is missing"),
        ("UPDATE document SET state = 3 WHERE id = 1", "although a person has given their value"),
        ("UPDATE review SET run = 2", "reviewed in another run"),
    ],
)
def test_what_is_wrong_with_reviews_is_found(job: Job, tmp_path: Path, harm: str, said: str) -> None:
    """Whatever does not fit together is said."""
    job.reject("a")
    job.correct("a", {"number": 1})
    with Store(tmp_path / "other.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, closing(sqlite3.connect(job.path)) as source:
        source.backup(other)
        other.execute(harm)
        other.commit()
    with Store(tmp_path / "other.db") as store:
        assert said in " ".join(store.check())


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE revision SET who = x'00'",
        "UPDATE revision SET data = x'7800'",
        "UPDATE revision SET note = x'5b5d'",
        "UPDATE revision SET made = 1e300, who = x'5b5d'",
    ],
)
def test_a_forged_revision_is_a_job_error(job: Job, tmp_path: Path, harm: str) -> None:
    """What is no revision is told as damage, wherever it is read."""
    job.correct("a", {"number": 1}, who="ben", note="x")
    with Store(tmp_path / "other.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, closing(sqlite3.connect(job.path)) as source:
        source.backup(other)
        other.execute(harm)
        other.commit()
    with Job(tmp_path / "other.db") as damaged:
        for call in (lambda: list(damaged.records()), lambda: damaged.revisions("a"), lambda: damaged.document(1)):
            with pytest.raises(JobError, match="is damaged"):
                call()


@pytest.mark.parametrize(
    ("column", "plain"),
    [
        ("run.schema", None),
        ("run.schema", "x"),
        ("run.schema", []),
        ("run.options", None),
        ("run.target", 7),
        ("input.row", None),
        ("input.row", "x"),
        ("content.pages", "x"),
        ("content.pages", [0.5]),
        ("finish.evidence", {"chunks": [{}]}),
        ("finish.evidence", {"conflicts": [{"pointer": ""}]}),
        ("finish.summary", {"outcome": "so"}),
    ],
)
def test_what_is_no_record_is_a_job_error(job: Job, tmp_path: Path, column: str, plain: Any) -> None:
    """Whatever stands in the file where an object should be, it is told as damage."""
    table, _, name = column.partition(".")
    with Store(tmp_path / "other.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, closing(sqlite3.connect(job.path)) as source:
        source.backup(other)
        other.execute(f"UPDATE {table} SET {name} = ?", (json.dumps(plain).encode(),))
        other.commit()
    with Job(tmp_path / "other.db") as damaged, pytest.raises(JobError, match="is damaged"):
        _ = damaged.runs, damaged.document(1)


def test_a_time_that_there_is_not_is_no_time(job: Job, tmp_path: Path) -> None:
    """A forged time is left out of an export."""
    job.reject("a")
    with closing(sqlite3.connect(job.path)) as other:
        other.execute("UPDATE revision SET made = 1e300")
        other.commit()
    job.export(tmp_path / "out.jsonl")
    assert '"reviewed_at":null' in (tmp_path / "out.jsonl").read_text(encoding="utf-8").replace(" ", "")


# ---------------------------------------------------------------------------------- any order of things


class Reviews(RuleBasedStateMachine):
    """A job on which people and workers act in any order, beside what should stand in it."""

    @initialize()
    def begin(self) -> None:
        """Make a job with documents, none of which is begun."""
        self.folder = tempfile.TemporaryDirectory()
        self.job = Job(Path(self.folder.name) / "job.db")
        self.store = self.job._store
        self.store.open_run(target="Order", schema=SCHEMA, options={"model": "m"})
        self.state = dict.fromkeys(NAMES, "pending")  # as it is without people
        self.data: dict[str, Any] = dict.fromkeys(NAMES)
        self.said: dict[str, tuple[str, Any] | None] = dict.fromkeys(NAMES)
        self.numbers = dict.fromkeys(NAMES, 0)
        offered(self.store, **dict.fromkeys(NAMES))

    def teardown(self) -> None:
        """Close it."""
        if hasattr(self, "job"):
            self.job.close()
            self.folder.cleanup()

    @rule(name=st.sampled_from(NAMES), number=st.integers(0, 3), fails=st.sampled_from([None, FAILURE, UNANSWERED]))
    def work(self, name: str, number: int, fails: Failure | None) -> None:
        """Somebody works at one document: those that the endpoint had not answered are pending first."""
        for each in NAMES:
            if self.state[each] == "unanswered" and (self.said[each] is None):
                self.state[each], self.data[each] = "pending", None
        finished = done(number) if fails is None else Finished(error=fails)
        offered(self.store, **{each: finished if each == name else None for each in NAMES})
        if self.state[name] == "pending":
            self.state[name] = "done" if fails is None else "unanswered" if fails is UNANSWERED else "failed"
            self.data[name] = data_of(number) if fails is None else None

    @rule(names=st.none() | st.sets(st.sampled_from(NAMES), min_size=1))
    def again(self, names: set[str] | None) -> None:
        """Documents are asked for again."""
        self.job.retry(names=names)
        for name in NAMES:
            failed = self.state[name] in ("failed", "unanswered") and not self._is_valued(name)
            if self.state[name] != "pending" and (failed if names is None else name in names):
                self.state[name], self.data[name] = "pending", None

    @rule(
        name=st.sampled_from(NAMES),
        decision=st.sampled_from(["accepted", "corrected", "rejected", "reopened"]),
        number=st.integers(0, 3),
        late=st.booleans(),
    )
    def say(self, name: str, decision: Any, number: int, late: bool) -> None:
        """A person says something."""
        data = data_of(number) if decision in ("accepted", "corrected") else None
        can = (self.state[name] != "pending" or self.numbers[name] > 0) and (
            decision != "reopened" or self.said[name] is not None
        )
        based = self.numbers[name] - 1 if late and self.numbers[name] else None
        try:
            said = self.job.revise(name, decision, data, based=based)
        except Overtaken:
            assert late
        except OptionError:
            assert not can
        else:
            assert can
            assert based is None
            self.numbers[name] += 1
            assert said.number == self.numbers[name]
            self.said[name] = None if decision == "reopened" else (decision, data)

    @rule(limit=st.integers(1, 5))
    def score(self, limit: int) -> None:
        """Doubt is worked out."""
        self.job.score(limit=limit)

    def _is_valued(self, name: str) -> bool:
        said = self.said[name]
        return said is not None and said[0] != "rejected"

    @invariant()
    def the_last_word_counts(self) -> None:
        """What is read is what was said last, counts agree, and nothing is wrong with the file."""
        if not hasattr(self, "job"):
            return
        assert self.store.check() == ()
        found = {each.name: each for each in self.job.records()}
        for name in NAMES:
            said, own = self.said[name], self.state[name]
            state = "failed" if own == "unanswered" else own
            state = "done" if self._is_valued(name) and own != "pending" else state
            assert (found[name].state, found[name].data) == (state, self.data[name] if said is None else said[1])
            last = found[name].revision
            assert (last and last.decision) == (said and said[0])
            assert len(self.job.revisions(name)) == self.numbers[name]
        counts, tally = self.job.counts(), self.job.tally()
        for state in ("pending", "done", "failed"):
            assert getattr(counts, state) == sum(each.state == state for each in found.values())
        for show in ("open", "accepted", "corrected", "rejected", "failed", "doubtful", "all"):
            for order in ("doubt", "input", "name"):
                assert len(self.job.queue(show=show, order=order)) == getattr(tally, show)


TestReviews = Reviews.TestCase
TestReviews.settings = settings(max_examples=25, stateful_step_count=15)
