"""What people are to look at next: pages in every order, how doubtful documents are, and how far the review is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.batch import queue
from extractor.batch.doubt import doubt_of, doubts
from extractor.batch.job import Job
from extractor.batch.queue import Row
from extractor.batch.record import Failure, Record
from extractor.batch.store import Finished, Store
from extractor.errors import OptionError
from extractor.evidence.field import Field, Span

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}, "customer": {"type": "string"}}}
FAILURE = Failure(type="ExtractionFailed", message="It said no.", errors=({"pointer": "/a"}, {"pointer": "/b"}))
SHOWS: tuple[Any, ...] = ("open", "accepted", "corrected", "rejected", "failed", "doubtful", "all")
ORDERS: tuple[Any, ...] = ("doubt", "input", "name")


def filled(path: Path, documents: int) -> None:
    """Make a job: of five documents one has a value that is not in it, one failed, one is pending."""
    with Store(path) as store:
        store.open_run(target="Order", schema=SCHEMA, options={"model": "m"})
        with store.worker(1) as worker:
            for number in range(documents):
                text = f"Order {number} of Ana"
                sha, name = sha256(text.encode()).hexdigest(), f"{(number * 7) % 11:02}-{number}_%"
                begun = worker.begin(number=documents - number, name=name, sha256=sha, text=text).result()
                data = {"number": 991199 if number % 5 == 1 else number, "customer": "Ana"}
                kept = Finished(data=data, outcome="conforming")
                if number % 5 == 2:
                    kept = Finished(error=FAILURE)
                if number % 5 != 4:
                    worker.finish(begun, kept).result()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Open a job with 20 documents, of which 16 can be reviewed."""
    filled(tmp_path / "job.db", 20)
    with Job(tmp_path / "job.db") as made:
        yield made
        assert made._store.check() == ()


def paged(job: Job, limit: int, **page: Any) -> list[Row]:
    """Go through all pages."""
    found: list[Row] = []
    while rows := job.queue(limit=limit, after=found[-1].place if found else None, **page):
        assert len(rows) <= limit
        found += rows
    return found


def paged_back(job: Job, limit: int, rows: list[Row], **page: Any) -> list[Row]:
    """Go back through all pages before the last of the rows."""
    found = rows[-1:]
    while rows := list(job.queue(limit=limit, before=found[0].place if found else None, **page)) if found else []:
        assert len(rows) <= limit
        found = rows + found
    return found


def test_the_most_doubtful_come_first(job: Job) -> None:
    """Those that failed, then by the number of values that are likely wrong; what is not known comes last."""
    assert [row.doubt for row in job.queue()] == [None] * 16
    assert [row.name for row in job.queue()] == [row.name for row in job.queue(order="input")]
    assert job.score(limit=10) == 10
    some = [row.doubt for row in job.queue()]
    assert some[:10] == sorted((doubt for doubt in some if doubt is not None), reverse=True)
    assert some[10:] == [None] * 6
    assert (job.score(), job.score()) == (6, 0)
    rows = job.queue()
    assert [row.state for row in rows[:4]] == ["failed"] * 4
    assert [row.doubt for row in rows[:4]] == [1_002.0] * 4
    assert [row.document % 5 for row in rows[4:8]] == [2] * 4  # that which is not in it
    assert [(row.doubtful or 0) > 0 for row in rows[4:8]] == [True] * 4


@settings(max_examples=30)
@given(
    said=st.lists(st.tuples(st.integers(0, 15), st.sampled_from(["accepted", "corrected", "rejected", "reopened"]))),
    scored=st.integers(0, 16),
    limit=st.integers(1, 7),
    most=st.sampled_from([0, 3, 100]),
)
def test_every_document_is_on_one_page(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, Any]], scored: int, limit: int, most: int
) -> None:
    """Whatever is shown in whichever order, the pages have each document once, forward and back, and as many as the
    tally says.
    """
    path = tmp_path_factory.mktemp("pages") / "job.db"
    filled(path, 20)
    with Job(path) as job, pytest.MonkeyPatch.context() as few:
        rows = job.queue(order="input")
        decisions: dict[str, Any] = {row.name: None for row in rows}
        for which, decision in said:
            name = rows[which].name
            if decision != "reopened" or decisions[name] is not None:
                job.revise(name, decision, {"number": 1}, who="ana")
                decisions[name] = None if decision == "reopened" else decision
        if scored:
            job.score(limit=scored)
        tally = job.tally()
        assert (tally.all, tally.scored) == (16, scored)
        few.setattr(queue, "SORTED", most)
        for show in SHOWS:
            for order in ORDERS:
                found = paged(job, limit, show=show, order=order)
                assert found == list(job.queue(show=show, order=order))
                assert found == paged_back(job, limit, found, show=show, order=order)
                assert [row.place for row in found] == [job.place(row.document, order) for row in found]
                assert len({row.document for row in found}) == len(found) == getattr(tally, show)
                assert all(decisions[row.name] == row.decision for row in found)
                assert all(row.decision == (show if show in decisions.values() else row.decision) for row in found)
            assert [row.name for row in found] == sorted(row.name for row in found)
        assert tally.open == sum(decision is None for decision in decisions.values())


def test_a_document_keeps_its_place(job: Job) -> None:
    """Where one is that is not shown any more, one goes on before and after it."""
    first, second, third, *_ = job.queue(order="name")
    job.accept(second.name) if second.state == "done" else job.reject(second.name)
    place = job.place(second.document, "name")
    assert place == second.place
    assert [row.document for row in job.queue(order="name", before=place)] == [first.document]
    assert job.queue(order="name", after=place, limit=1)[0].document == third.document
    before = job.place(third.document)
    assert before is not None
    job.score()
    after = job.place(third.document)
    assert after is not None
    assert (before[0], after[0]) == (1, 0)
    assert job.queue(before=before, limit=99) == job.queue(limit=99)  # what was worked out since comes before
    assert job.place(10**6) is None


def test_a_row_says_who_spoke_last(job: Job) -> None:
    """It has the last revision's number, and the decision if that still counts."""
    (first, *_) = job.queue(order="name")
    job.reject(first.name, who="ana")
    (row,) = job.queue(show="rejected")
    assert (row.decision, row.who, row.revision, row.document) == ("rejected", "ana", 1, first.document)
    job.reopen(first.name, who="ben")
    row = job.queue(order="name")[0]
    assert (row.decision, row.who, row.revision) == (None, "", 2)


def test_a_document_is_found_by_its_names(job: Job) -> None:
    """A search is for a part of any of its names, whatever signs are in it."""
    rows = job.queue(order="input")
    with Store(job.path) as store, store.worker(1) as worker:
        text = "Order 3 of Ana"
        sha = sha256(text.encode()).hexdigest()
        worker.begin(number=100, name="Zebra \udcff", sha256=sha, text=text).result()
    (row,) = job.queue(search="zEBRA")
    assert (row.names, row.name) == (2, "10-3_%")
    assert job.names(row.document) == ("10-3_%", "Zebra \udcff")
    assert len(job.queue(search="_%")) == len(rows) == 16
    assert job.queue(search="%%") == job.queue(search="a_b") == ()
    found = job.document(row.document)
    assert found is not None
    assert (found.name, found.text) == ("10-3_%", "Order 3 of Ana")
    assert job.document(10**6) is None
    assert job.names(10**6) == ()


def test_what_is_asked_for_again_is_looked_at_again(job: Job) -> None:
    """Until it is finished it is not in the queue, and then its doubt is worked out anew."""
    job.score()
    job.retry()
    assert (job.tally().all, job.tally().failed, job.tally().scored) == (12, 0, 12)
    assert len(job.queue()) == 12
    with Store(job.path) as store, store.worker(1) as worker:
        text = "Order 2 of Ana"
        sha = sha256(text.encode()).hexdigest()
        begun = worker.begin(number=18, name="03-2_%", sha256=sha, text=text).result()
        worker.finish(begun, Finished(data={"number": 2, "customer": "Ana"}, outcome="conforming")).result()
    assert job.score() == 1
    assert job.tally().scored == job.tally().all == 13


def test_a_document_that_nobody_gives_is_not_in_the_queue(job: Job) -> None:
    """Where the only name has another content by now, nothing is to be reviewed of the old one."""
    job.score()
    (row, *_) = job.queue(order="name")
    with Store(job.path) as store, store.worker(1) as worker:
        begun = worker.begin(number=0, name=row.name, sha256="ab" * 32, text="new").result()
        assert (job.tally().all, job.tally().scored) == (15, 15)
        worker.finish(begun, Finished(data={"number": 1}, outcome="conforming")).result()
    assert (job.tally().all, job.score(), job.tally().scored) == (16, 1, 16)


def test_a_damaged_document_is_looked_at_by_people(job: Job) -> None:
    """What cannot be read is as doubtful as what failed, and keeps nobody from the others."""
    with closing(sqlite3.connect(job.path)) as other:
        other.execute("UPDATE finish SET data = x'7800' WHERE document = 1")
        other.commit()
    assert (job.score(), job.score()) == (16, 0)
    assert [row.doubt for row in job.queue() if row.document == 1] == [1_000.0]


@pytest.mark.parametrize(
    ("page", "option"),
    [
        ({"show": "some"}, "show"),
        ({"order": "size"}, "order"),
        ({"search": "x" * 1_000}, "search"),
        ({"limit": 0}, "limit"),
        ({"limit": 10**6}, "limit"),
        ({"after": ("x",)}, "after"),
        ({"after": (1, 2), "order": "doubt"}, "after"),
        ({"after": (float("nan"), 2), "order": "input"}, "after"),
        ({"after": (2**70, 2), "order": "input"}, "after"),
        ({"after": (1,), "order": "name"}, "after"),
        ({"before": (1,)}, "before"),
        ({"before": ("a",), "after": ("b",), "order": "name"}, "before"),
    ],
)
def test_what_is_no_page_is_told(job: Job, page: dict[str, Any], option: str) -> None:
    """A page is given by what there is to show, and a place in its order."""
    with pytest.raises(OptionError) as error:
        job.queue(**page)
    assert error.value.option == option


# ---------------------------------------------------------------------------------------------- doubt


def test_a_value_is_as_doubtful_as_it_is_not_sure() -> None:
    """What is not in the document or does not validate is wrong; null need not stand there."""
    spans = (Span(start=0, end=1),)
    fields = {
        "/sure": Field(status="exact", spans=spans, confidence=0.75),
        "/unknown": Field(status=None),
        "/made up": Field(status="absent", confidence=0.9),
        "/null": Field(status="absent", confidence=0.9),
        "/wrong": Field(status="exact", spans=spans, confidence=1.0),
    }
    data = {"sure": 1, "unknown": 2, "made up": 3, "null": None, "wrong": 4}
    found = doubts(data, fields, ["/wrong", "/missing"])
    assert found == {
        "/sure": 0.25,
        "/made up": 1.0,
        "/null": pytest.approx(0.1),
        "/wrong": 1.0,
        "/missing": 1.0,
    }


def test_a_document_is_as_doubtful_as_its_values() -> None:
    """It is the sum over its doubtful values, the others only tell which is first; what failed is before all others."""
    fields = {"/a": Field(status="exact", confidence=0.25), "/b": Field(status="exact", confidence=0.5)}
    record = Record(number=0, name="a", sha256="", state="done", data={"a": 1, "b": 2}, fields=fields)
    assert doubt_of(record) == (0.755, 1)
    many = {f"/{name}": Field(status="exact", confidence=0.45) for name in range(50)}
    total, doubtful = doubt_of(replace(record, data={}, fields=many))
    assert total == pytest.approx(0.275)
    assert doubtful == 0
    assert doubt_of(Record(number=0, name="a", sha256="", state="failed", error=FAILURE)) == (1_002.0, 2)


@given(st.dictionaries(st.text(), st.none() | st.floats() | st.floats(0, 1)))
def test_a_doubt_is_from_0_to_1(confidences: dict[str, float | None]) -> None:
    """Whatever a file says of confidence."""
    fields = {f"/{name}": Field(status="exact", confidence=each) for name, each in confidences.items()}
    assert all(0 <= doubt <= 1 for doubt in doubts({}, fields).values())
