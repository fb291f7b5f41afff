"""The work of a job: what was finished is not asked for again, what was not goes on, and nobody does anything twice."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor import AsyncExtractor, Extractor
from extractor.batch import run as run_module
from extractor.batch.contents import known_content
from extractor.batch.job import UNANSWERED, Job
from extractor.batch.run import JobFeed
from extractor.chat.content import Image
from extractor.documents.chunking import Chunking
from extractor.documents.loaded import As, Input, Loaded
from extractor.endpoint.resolve import Address
from extractor.errors import (
    AuthenticationFailed,
    BadRequest,
    DocumentDamaged,
    DocumentError,
    ExtractionFailed,
    JobError,
    OptionError,
    ServerError,
)
from extractor.result import DocumentResult
from extractor.schema.target import target_of
from extractor.settings import Settings
from extractor.several.feed import Extract
from extractor.several.mapping import Results
from extractor.several.mapping_async import AsyncResults
from extractor.testing import FakeEndpoint, Recorded, Reply

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60.0  # seconds: longer than any of this takes, so that a mistake does not hang
HERE = Address(base_url="http://fake.test/v1", model="m", dialect="unknown")


class Person(BaseModel):
    """What is extracted here."""

    name: str
    age: int | None = None


def _document(recorded: Recorded) -> str:
    """The document of a request."""
    said = [each["content"] for each in recorded.body["messages"] if each["role"] == "user"]
    return str(said[0] if isinstance(said[0], str) else said[0][0].get("text", "image"))


def _answer(recorded: Recorded) -> Any:
    """An answer that depends on the request alone: documents say what becomes of them."""
    document = _document(recorded)
    again = any(each["role"] == "assistant" for each in recorded.body["messages"])
    usage = {"prompt_tokens": len(document), "completion_tokens": 2 if again else 3, "total_tokens": len(document) + 3}
    if "refused" in document:
        return Reply(status=400, raw='{"error": {"message": "no"}}')
    if "bad" in document or ("twice" in document and not again):
        return Reply(content={"name": "Ann", "age": "old"}, usage=usage)
    return Reply(content={"name": document.split()[-1], "age": 7}, usage=usage)


class _Fake:
    """An extractor whose endpoint answers so, without a socket."""

    def __init__(self, answer: Callable[[Recorded], Any] = _answer) -> None:
        self.fake = FakeEndpoint(answer, repeat=True)
        self.client = httpx.Client(transport=self.fake.transport())
        self.extractor = Extractor(
            "m", base_url="http://fake.test/v1", http_client=self.client, max_retries=1, transport_retries=0
        )

    @property
    def asked(self) -> int:
        """How many requests there were."""
        return len(self.fake.requests)

    def map(self, documents: Iterable[Any], job: Any, **call: Any) -> list[DocumentResult[Any]]:
        """All results."""
        with self.extractor.map(Person, documents, job=job, **call) as results:
            return list(results)

    def __enter__(self) -> _Fake:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.extractor.close()
        self.client.close()


@pytest.fixture
def fake() -> Iterator[_Fake]:
    """An extractor without a network."""
    with _Fake() as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the job is."""
    return tmp_path / "job.db"


def _named(text: str) -> str:
    """What a text without a name is called in a job."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _said(results: Iterable[DocumentResult[Any]]) -> dict[int, Any]:
    """What became of each document: everything but how long it took."""
    said: dict[int, Any] = {}
    for each in results:
        assert each.number not in said
        if each.result is None:
            said[each.number] = (each.name, type(each.error), str(each.error), getattr(each.error, "value", None))
        else:
            one = each.result
            said[each.number] = (each.name, one.value, one.data, one.outcome, one.usage, one.cost, one.model, one.mode)
            said[each.number] += (dict(one.fields), one.lists, one.document, one.complete)
    return said


# ------------------------------------------------------------------------------------------ going on


def test_what_is_finished_is_given_from_the_file(fake: _Fake, path: Path) -> None:
    """The same call again sends nothing, and gives the same results, restored."""
    documents = ["this is Ann", "bad one", "refused one", "twice is Bob"]
    first = fake.map(documents, path)
    asked = fake.asked
    again = fake.map(documents, path)
    assert fake.asked == asked == 1 + 2 + 1 + 2
    assert _said(again) == _said(first)
    assert not any(each.restored for each in first)
    assert all(each.restored for each in again)
    assert {each.name for each in again if each.error is not None} == {_named("bad one"), _named("refused one")}
    assert [each.document for each in sorted(again, key=lambda each: each.number)] == documents


DOCUMENTS = st.lists(
    st.sampled_from(
        ["this is Ann", "this is Bob", "twice is Zoe", "twice is Max", "bad one", "refused one", "it is I"]
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=15)
@given(documents=DOCUMENTS, killed=st.lists(st.integers(1, 6), max_size=3))
def test_resuming_equals_never_having_stopped(documents: list[str], killed: list[int]) -> None:
    """However often and wherever it is killed: the results are those of a run that never was, and no request that was
    answered is sent again.
    """
    with tempfile.TemporaryDirectory() as folder:
        with _Fake() as straight:
            wanted = _said(straight.map(documents, Path(folder) / "straight.db", concurrency=1))
        at, answered = Path(folder) / "at0", 0
        at.mkdir()
        for number, request in enumerate(killed):
            image = Path(folder) / f"at{number + 1}"
            with _Fake(_killing(request, at, image)) as one:
                one.map(documents, at / "job.db", concurrency=1)
            came_to_an_end = not image.exists()
            answered += one.asked if came_to_an_end else request - 1
            at = at if came_to_an_end else image
        with _Fake() as last:
            assert _said(last.map(documents, at / "job.db", concurrency=1)) == wanted
            assert answered + last.asked == straight.asked
        with Job(at / "job.db") as job:
            counts = job.counts()
            assert (counts.pending, counts.running) == (0, 0)
            assert counts.requests == sum(len(job.attempts(name)) for name in _firsts(documents))
            assert job._store.check() == ()


@settings(max_examples=10)
@given(documents=DOCUMENTS, killed=st.integers(1, 12))
def test_whatever_was_under_way_is_done_once_more_at_most(documents: list[str], killed: int) -> None:
    """Killed with several documents under way: the results are the same, and what was finished is not asked for."""
    documents = [f"{n} {each}" for n, each in enumerate(documents * 2)]
    with tempfile.TemporaryDirectory() as folder:
        at, image = Path(folder) / "at", Path(folder) / "image"
        at.mkdir()
        with _Fake(_killing(killed, at, image)) as straight:
            wanted = _said(straight.map(documents, at / "job.db", concurrency=4))
        if not image.exists():
            return
        with Job(image / "job.db") as job:
            done = {each.text for each in job.records(states=["done", "failed"], text=True)} if job.runs else set()
        with _Fake() as last:
            assert _said(last.map(documents, image / "job.db", concurrency=4)) == wanted
            assert done.isdisjoint(_document(each) for each in last.fake.requests)


def _firsts(documents: list[str]) -> Iterator[str]:
    """The names of documents: those with the same content have the same."""
    return map(_named, dict.fromkeys(documents))


def _killing(request: int, folder: Path, image: Path) -> Callable[[Recorded], Any]:
    """An endpoint at whose so manieth request the process is gone: what is left is what was in its files then."""
    seen: list[None] = []

    def answer(recorded: Recorded) -> Any:
        seen.append(None)
        if len(seen) == request:
            # The locks of its workers go with the process.
            shutil.copytree(folder, image, ignore=shutil.ignore_patterns("*-worker-*", "*-shm"))
        return _answer(recorded)

    return answer


def test_a_document_that_is_half_done_goes_on(path: Path, tmp_path: Path) -> None:
    """Killed between two requests of a document: the first is not sent again, and what it cost counts once."""
    image = tmp_path / "after"
    folder = tmp_path / "before"
    folder.mkdir()
    with _Fake(_killing(2, folder, image)) as before:
        [whole] = before.map(["twice is Bob"], folder / "job.db")
        assert before.asked == 2
    with _Fake() as after:
        [each] = after.map(["twice is Bob"], image / "job.db")
        assert after.asked == 1
        assert after.fake.requests[0].headers["idempotency-key"] == before.fake.requests[1].headers["idempotency-key"]
    assert each.result is not None
    assert whole.result is not None
    assert not each.restored
    assert each.result.usage == whole.result.usage
    assert [each.outcome for each in each.result.attempts] == [each.outcome for each in whole.result.attempts]


def test_tasks_do_the_same(path: Path) -> None:
    """Driven by tasks, a job is the same: what threads have begun, tasks go on with."""
    documents = ["this is Ann", "twice is Bob", "bad one", "this is Zoe"]

    async def mapped(client: httpx.AsyncClient) -> list[DocumentResult[Any]]:
        own: dict[str, Any] = {"http_client": client, "max_retries": 1, "transport_retries": 0}
        with Job(path) as job:
            async with client, AsyncExtractor("m", base_url="http://fake.test/v1", **own) as extractor:

                async def extract(step: Extract) -> Any:
                    return await extractor.run(step.target, step.document, **step.call)

                async with AsyncResults(_feed(job, documents), extract, room=lambda: True) as results:
                    return [each async for each in results]

    with _Fake() as fake:
        before = fake.map(documents[:2], path)
        came = asyncio.run(mapped(httpx.AsyncClient(transport=fake.fake.transport())))
        asked = fake.asked
        after = fake.map(documents, path)
        assert fake.asked == asked == 1 + 2 + 2 + 1
    assert (
        {each.name for each in came if each.restored}
        == {each.name for each in before}
        == set(map(_named, documents[:2]))
    )
    assert _said(came) == _said(after)


def test_what_is_given_up_is_pending(fake: _Fake, path: Path) -> None:
    """Leaving early gives back what is under way, so that another goes on with it at once."""
    with fake.extractor.map(Person, (f"this is {n}" for n in range(1000)), job=path, concurrency=4) as results:
        first = next(results)
    with Job(path) as job:
        counts = job.counts()
    assert counts.running == 0
    assert counts.done >= 1
    assert counts.documents < 1000
    assert not list(path.parent.glob("*-worker-*"))
    again = {each.name: each for each in fake.map((f"this is {n}" for n in range(20)), path)}
    assert again[first.name].restored


def test_another_option_is_another_run(fake: _Fake, path: Path) -> None:
    """A setting that changes what comes out, or another target, begins a new run; the first stays."""

    class Name(BaseModel):
        name: str

    fake.map(["this is Ann"], path)
    fake.map(["this is Ann"], path, temperature=0.5)
    fake.map(["this is Ann"], path, temperature=0.5, max_retries=3)
    with fake.extractor.map(Name, ["this is Ann"], job=path) as results:
        assert len(list(results)) == 1
    assert fake.asked == 3
    with Job(path) as job:
        assert [run.number for run in job.runs] == [1, 2, 3]
        assert [run.target for run in job.runs] == ["Person", "Person", "Name"]
        assert [run.options.get("temperature") for run in job.runs] == [None, 0.5, None]
        assert [job.counts(run).done for run in job.runs] == [1, 1, 1]


def test_the_same_content_is_asked_for_once(fake: _Fake, path: Path) -> None:
    """Documents with the same content share one extraction, in the same session and in the next."""
    results = fake.map(["this is Ann", "this is Bob", "this is Ann", "this is Ann"], path)
    assert fake.asked == 2
    assert [each.value.name for each in sorted(results, key=lambda each: each.number)] == ["Ann", "Bob", "Ann", "Ann"]
    assert len({each.name for each in results}) == 2
    fake.map(["this is Bob", "this is Ann"], path)
    assert fake.asked == 2


@pytest.mark.parametrize("document", ["this is Ann", [Image(data=b"1")], {"type": "text", "text": "it is Ann"}])
def test_what_has_no_name_is_named_by_its_content(document: Any, fake: _Fake, path: Path) -> None:
    """A text or parts without a name are called by the beginning of their hash, wherever they stand in the input."""
    [first] = fake.map([document], path)
    _, again = fake.map(["this is Bob", document], path, ordered=True)
    assert first.name == again.name == known_content(document).sha256[:16]
    assert (again.number, again.restored) == (1, True)
    with Job(path) as job:
        assert (record := job.record(first.name)) is not None
        assert record.number == 1  # as in the latest input that has it


def test_maps_with_other_documents_lose_none(fake: _Fake, path: Path) -> None:
    """Documents without names that were given to several maps are all in the job: the first of one is not taken for
    the first of another.
    """
    fake.map(["this is Ann", "this is Bob"], path)
    fake.map(["this is Zoe", "this is Ann", "bad one"], path)
    _all_there(path, ["this is Ann", "this is Bob", "this is Zoe", "bad one"])


@settings(max_examples=8)
@given(maps=st.lists(DOCUMENTS, min_size=1, max_size=4), concurrency=st.sampled_from([1, 3]))
def test_nothing_that_was_given_is_lost(maps: list[list[str]], concurrency: int) -> None:
    """Whatever is given in however many maps is in the records and in each export, once for each content."""
    with tempfile.TemporaryDirectory() as folder, _Fake() as fake:
        for documents in maps:
            assert len(fake.map(documents, Path(folder) / "job.db", concurrency=concurrency)) == len(documents)
        _all_there(Path(folder) / "job.db", [each for documents in maps for each in documents])


def _all_there(path: Path, documents: Iterable[str]) -> None:
    """See that a job and what it exports have these, once each."""
    names = set(map(_named, documents))
    with Job(path) as job:
        records = list(job.records(text=True))
        assert {each.name for each in records} == names
        assert len(records) == len(names) == job.counts().documents
        assert {_named(each.text or "") for each in records} == names
        assert {each.name for each in job.results(Person)} == names
        for kind in ("jsonl", "csv", "sqlite"):
            assert job.export(path.with_suffix(f".{kind}"), overwrite=True) == len(names)
        assert job._store.check() == ()
    lines = path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(json.loads(line)["name"] for line in lines) == sorted(names)
    with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row[0] for row in [*csv.reader(file)][1:]) == sorted(names)
    with closing(sqlite3.connect(path.with_suffix(".sqlite"))) as export:
        rows = export.execute("SELECT * FROM person").fetchall()
    assert len({number for number, *_ in rows}) == len(rows)
    assert sorted(name for _, name, *_ in rows) == sorted(names)


def test_what_could_not_be_read_is_not_lost_to_the_next_map(fake: _Fake, path: Path) -> None:
    """Documents without names that are none stay in the job as failed, also where another map has its own."""
    fake.map([b"bytes"], path)
    fake.map([7], path)
    with Job(path) as job:
        assert job.counts().failed == 2


def test_what_could_not_be_read_is_not_lost_to_a_name(fake: _Fake, path: Path) -> None:
    """A document without a name that is none does not share a name with another of the same input."""
    results = fake.map([Input(name="1", document="this is Ann"), b"bytes"], path, concurrency=1)
    assert len(results) == 2
    with Job(path) as job:
        assert (job.counts().done, job.counts().failed) == (1, 1)


def test_results_can_be_wanted_in_order(fake: _Fake, path: Path) -> None:
    """With `ordered`, restored and new ones, and those put off, come in the order of the input."""
    documents = [f"this is {n % 7}" for n in range(40)]
    fake.map(documents[::3], path)
    assert [each.number for each in fake.map(documents, path, ordered=True)] == list(range(40))


def test_failed_documents_stay_so_until_they_are_tried_again(path: Path) -> None:
    """A resume gives what failed as it failed; after `retry` it is asked for again, under another key."""
    broken = True

    def answer(recorded: Recorded) -> Any:
        return Reply(status=400, raw="{}") if broken else _answer(recorded)

    with _Fake(answer) as fake, Job(path) as job:
        documents = ["this is Ann", "this is Bob"]
        assert all(isinstance(each.error, BadRequest) for each in fake.map(documents, job))
        asked = fake.asked
        assert all(each.restored for each in fake.map(documents, job))
        assert fake.asked == asked
        broken = False
        assert job.retry(names=[_named("this is Ann")]) == 1
        results = {each.number: each for each in fake.map(documents, job)}
        assert results[0].value.name == "Ann"
        assert results[1].error is not None
        keys = [each.headers["idempotency-key"] for each in fake.fake.requests if "Ann" in _document(each)]
        assert len(set(keys)) == len(keys)
        assert job.retry() == 1
        assert all(each.error is None for each in fake.map(documents, job))
        assert job.counts().failed == 0
        assert [each.attempt for each in job.attempts(_named("this is Ann"))] == [2]


SILENT: list[Reply] = [
    Reply(status=500, raw="{}"),
    Reply(status=503, raw="{}"),
    Reply(status=429, raw="{}"),
    Reply(raw="<html>"),
    Reply(raw=""),
]


@pytest.mark.parametrize("silent", SILENT, ids=lambda reply: f"{reply.status} {reply.raw}")
def test_what_the_endpoint_did_not_answer_is_asked_again(silent: Reply, path: Path) -> None:
    """Documents that failed since nobody answered are asked for again at the next start, and no others."""
    gone = True

    def answer(recorded: Recorded) -> Any:
        return silent if gone and "Bob" in _document(recorded) else _answer(recorded)

    documents = ["this is Ann", "this is Bob", "bad one", "refused one"]
    with _Fake(answer) as fake:
        first = {each.number: each for each in fake.map(documents, path)}
        asked = fake.asked
        assert type(first[1].error).__name__ in UNANSWERED
        gone = False
        again = {each.number: each for each in fake.map(documents, path)}
        assert [_document(each) for each in fake.fake.requests[asked:]] == ["this is Bob"]
    assert again[1].value.name == "Bob"
    assert [again[n].restored for n in range(4)] == [True, False, True, True]
    with Job(path) as job:
        assert (job.counts().done, job.counts().failed) == (2, 2)
        assert job._store.check() == ()


def test_what_is_not_answered_again_stays_failed(path: Path) -> None:
    """An endpoint that is still not there is asked once more at each start; what the document failed with is told."""
    with _Fake(lambda recorded: Reply(status=503, raw="{}")) as fake:
        for asked in range(1, 4):
            [each] = fake.map(["this is Ann"], path)
            assert isinstance(each.error, ServerError)
            assert not each.restored
            assert fake.asked == asked
        keys = {each.headers["idempotency-key"] for each in fake.fake.requests}
        assert len(keys) == 1  # an answer that was lost need not be charged for again
    with Job(path) as job:
        [record] = job.records()
        assert (record.state, record.attempts) == ("failed", 1)


def test_what_all_would_fail_with_is_no_failure_of_a_document(path: Path) -> None:
    """A wrong key stops the map and is raised; with the right one the run goes on with every document."""
    wrong = True

    def answer(recorded: Recorded) -> Any:
        return Reply(status=401, raw="{}") if wrong and "Bob" in _document(recorded) else _answer(recorded)

    documents = ["this is Ann", "this is Bob", "this is Zoe"]
    with _Fake(answer) as fake, Job(path) as job:
        with pytest.raises(AuthenticationFailed), fake.extractor.map(Person, documents, job=job) as results:
            list(results)
        assert job.counts().failed == 0
        assert job.counts().running == 0
        wrong = False
        asked = fake.asked
        assert all(each.error is None for each in fake.map(documents, job))
        assert len(_said(fake.map(documents, job))) == 3
        assert fake.asked - asked <= 2


def test_a_chunk_that_was_stopped_by_the_key_is_read_later(path: Path) -> None:
    """A long document of which a wrong key stopped a part is not taken for done; the chunks that were read are kept."""
    wrong = True

    def answer(recorded: Recorded) -> Any:
        return Reply(status=401, raw="{}") if wrong and "stop" in _document(recorded) else {"name": "Ann"}

    long = "Ann\n" * 200 + "stop here\n" * 50
    call: dict[str, Any] = {"chunking": Chunking(tokens=120, overlap=0, at_once=1)}
    with _Fake(answer) as fake, Job(path) as job:
        with pytest.raises(AuthenticationFailed), fake.extractor.map(Person, [long], job=job, **call) as results:
            list(results)
        assert (job.counts().done, job.counts().pending) == (0, 1)
        asked = Counter(_document(each) for each in fake.fake.requests if "stop" not in _document(each))
        wrong = False
        [each] = fake.map([long], job, **call)
        assert each.result is not None
        assert each.value.name == "Ann"
        assert all(chunk.error is None for chunk in each.result.chunks)
        later = Counter(_document(each) for each in fake.fake.requests if "stop" not in _document(each))
        assert later == asked


def test_a_file_that_cannot_be_written_stops_the_map(fake: _Fake, path: Path) -> None:
    """Where the job is gone, the map says so."""
    job = Job(path)
    with fake.extractor.map(Person, (f"this is {n}" for n in range(999)), job=job) as results:
        next(results)
        job.close()
        with pytest.raises(JobError):
            list(results)


def test_what_is_no_job_is_said_at_once(fake: _Fake, path: Path) -> None:
    """A file that is something else is an error before anything is read, and so are documents that are none."""
    path.write_text("This is my diary.")
    with pytest.raises(JobError):
        fake.extractor.map(Person, ["a"], job=path)
    assert path.read_text() == "This is my diary."
    other = path.with_name("other.db")
    with pytest.raises(OptionError):
        fake.extractor.map(Person, "one document", job=other)
    assert not other.exists()


# ------------------------------------------------------------------------------------------ together


def test_two_maps_share_a_job(path: Path) -> None:
    """Two maps at the same documents, each with the file open for itself: both give all, and each is asked for once."""
    documents = [f"this is {n}" for n in range(60)]
    with _Fake() as fake:
        both: list[list[DocumentResult[Any]]] = []
        threads = [
            threading.Thread(target=lambda: both.append(fake.map(documents, path)), daemon=True) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert [len(each) for each in both] == [60, 60]
        assert _said(both[0]) == _said(both[1])
        assert fake.asked == 60


CHILD = textwrap.dedent(
    '''
    import sys
    from pydantic import BaseModel
    from extractor import AsyncExtractor, Extractor

    class Person(BaseModel):
        """What is extracted here."""

        name: str
        age: int | None = None

    url, path, count = sys.argv[1:]
    with Extractor("m", base_url=url) as extractor:
        print("ready", flush=True)
        sys.stdin.readline()
        with extractor.map(Person, [f"this is {n}" for n in range(int(count))], job=path) as results:
            print(sorted((each.number, each.value.name) for each in results))
    '''
)


def _child(url: str, path: Path, count: int) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(path), str(count)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_processes_share_a_job(path: Path) -> None:
    """Two processes at the same job share the work: each document is asked for once, and both give all."""
    with FakeEndpoint(lambda recorded: replace(_answer(recorded), delay=0.01), repeat=True) as fake:
        children = [_child(fake.base_url, path, 80) for _ in range(2)]
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        said = [child.communicate(timeout=PATIENCE)[0] for child in children]
        assert said[0] == said[1] == f"{[(n, str(n)) for n in range(80)]}\n"
        assert len(fake.requests) == 80
        assert [child.returncode for child in children] == [0, 0]


def test_who_is_killed_leaves_the_work_to_others(path: Path) -> None:
    """What a process held that is killed is taken over by one that is at work, or comes later."""
    hanging, go = threading.Event(), threading.Event()

    def answer(recorded: Recorded) -> Any:
        if _document(recorded).endswith(" 3") and not hanging.is_set():
            hanging.set()
            go.wait(PATIENCE)
        return _answer(recorded)

    documents = [f"this is {n}" for n in range(12)]
    with FakeEndpoint(answer, repeat=True) as fake, Extractor("m", base_url=fake.base_url) as extractor:
        child = _child(fake.base_url, path, 12)
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
        assert hanging.wait(PATIENCE)
        with extractor.map(Person, documents, job=path) as results:
            came = [next(results) for _ in range(11)]
            child.send_signal(signal.SIGKILL)
            child.communicate()
            came += results
        go.set()
        assert sorted(int(each.value.name) for each in came) == list(range(12))
        asked = Counter(_document(each) for each in fake.requests)
        assert asked["this is 3"] == 2
        assert sum(asked.values()) <= 12 + 1


def test_what_others_hold_is_kept_aside_in_small_numbers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While others hold many documents, few are kept aside; they are done once the others let go."""
    monkeypatch.setattr(run_module, "ASIDE", 4)
    documents = [f"this is {n}" for n in range(30)]
    with _Fake() as fake, Job(path) as job:
        feed = _feed(job, [])
        run = job.runs[-1]
        held = []
        with job._store.worker(run.number) as other:
            for number, document in enumerate(documents[:20]):
                sha256 = hashlib.sha256(document.encode()).hexdigest()
                begun = other.begin(number=number, name=_named(document), sha256=sha256, text=document).result()
                held.append(begun)
            feed.close()
            taken: list[str] = []

            def given() -> Iterator[str]:
                for document in documents:
                    taken.append(document)
                    yield document

            feed = _feed(job, given())
            works = feed.works()
            for _ in range(40):
                work = next(works)
                if work is not None:
                    assert _driven(work) is None
            assert len(taken) <= 6
        with Results(feed, lambda step: fake.extractor.run(step.target, step.document, **step.call), room=bool) as all_:
            assert len(list(all_)) >= 24


def _feed(job: Job, documents: Iterable[Any], **changes: Any) -> JobFeed[Any]:
    wanted: dict[str, Any] = {"settings": Settings(), "address": HERE, "call": {}, **changes}
    return job.feed(target_of(Person), documents, **wanted)


def _driven(work: Any) -> Any:
    """A work carried out that extracts nothing."""
    try:
        step = next(work)
        while True:
            step = work.send(step.future.result() if hasattr(step, "future") else step.call())
    except StopIteration as done:
        return done.value


# --------------------------------------------------------------------------------------------- files


class _Loader:
    """Reads text files, and says what it was asked for."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.closed = 0

    def load(self, path: Path, *, as_: As = "text") -> Loaded:
        self.paths.append(path)
        raw = path.read_bytes()
        if b"damaged" in raw:
            raise DocumentDamaged(f"{path.name} breaks off.")
        parts = (Image(data=raw),) if as_ == "image" else ()
        return Loaded(
            name=path.name,
            media_type="text/x-test",
            sha256=hashlib.sha256(raw).hexdigest(),
            size=len(raw),
            text=raw.decode(),
            pages=(0, 4),
            parts=parts,
        )

    def close(self) -> None:
        self.closed += 1


def _mapped(fake: _Fake, job: Job, documents: Iterable[Any], loader: Any, **changes: Any) -> dict[str, Any]:
    feed = _feed(job, documents, loader=lambda: loader, **changes)
    run = fake.extractor.run
    with Results(feed, lambda step: run(step.target, step.document, **step.call), room=lambda: True) as results:
        return {each.name: each for each in results}


def test_files_are_read_once(fake: _Fake, path: Path, tmp_path: Path) -> None:
    """A file that is finished is not even read by a resume; its text, pages and kind are in the job."""
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("this is Ann")
    other.write_text("this is Bob")
    loader = _Loader()
    with Job(path) as job:
        first = _mapped(fake, job, [one, Input(name="second", document=other, row={"id": 2})], loader)
        assert loader.closed == 1
        assert sorted(loader.paths) == [one, other]
        again = _mapped(fake, job, [one, Input(name="second", document=other, row={"id": 2})], loader)
        assert len(loader.paths) == 2
        assert fake.asked == 2
        assert _said(first.values()) == _said(again.values())
        assert again["second"].restored
        records = list(job.records(text=True))
        assert [each.name for each in records] == [str(one), "second"]
        assert [each.row for each in records] == [{}, {"id": 2}]
        assert [each.text for each in records] == ["this is Ann", "this is Bob"]
        assert {(each.pages, each.media_type) for each in records} == {((0, 4), "text/x-test")}


def test_a_file_that_is_known_is_not_hashed(fake: _Fake, path: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A resume knows a file by its size and time, and does not read it."""
    file = tmp_path / "one.txt"
    file.write_text("this is Ann")
    with Job(path) as job:
        _mapped(fake, job, [file], _Loader())
        monkeypatch.delattr("extractor.batch.contents._hashed")
        assert _mapped(fake, job, [file], _Loader())[str(file)].restored


def test_a_file_that_was_changed_is_asked_for_again(fake: _Fake, path: Path, tmp_path: Path) -> None:
    """What counts is the content: another one is another document, the same under another name is none."""
    file, moved = tmp_path / "one.txt", tmp_path / "moved.txt"
    file.write_text("this is Ann")
    with Job(path) as job:
        _mapped(fake, job, [file], _Loader())
        file.rename(moved)
        file.write_text("this is a new Bob")
        results = _mapped(fake, job, [file, moved], _Loader())
        assert results[str(file)].value.name == "Bob"
        assert results[str(moved)].value.name == "Ann"
        assert results[str(moved)].restored
        assert fake.asked == 2
        assert {each.name: each.data["name"] for each in job.records()} == {str(file): "Bob", str(moved): "Ann"}


def test_a_file_that_cannot_be_read_fails_by_itself(fake: _Fake, path: Path, tmp_path: Path) -> None:
    """A missing file, a folder, a pipe and a damaged file fail, each with its error, and are tried again later."""
    missing, pipe, damaged = tmp_path / "missing.txt", tmp_path / "pipe", tmp_path / "damaged.txt"
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
    else:
        pipe.mkdir()
    damaged.write_text("damaged")
    files = [missing, tmp_path, pipe, damaged, Path("nul\0")]
    loader = _Loader()
    with Job(path) as job:
        results = _mapped(fake, job, files, loader)
        assert all(isinstance(each.error, DocumentError) for each in results.values())
        assert len(results) == 5
        assert isinstance(results[str(damaged)].error, DocumentDamaged)
        assert job.counts().failed == 5
        assert fake.asked == 0
        assert {each.name for each in job.records(states=["failed"])} == set(map(str, files))
        assert _mapped(fake, job, [damaged], loader)[str(damaged)].restored
        assert loader.paths == [damaged]
        missing.write_text("this is Ann")
        assert _mapped(fake, job, [missing], loader)[str(missing)].value.name == "Ann"


def test_a_file_that_changes_while_it_is_read_is_read_again(fake: _Fake, path: Path, tmp_path: Path) -> None:
    """What is kept under a hash is what has that hash; a file that never stands still fails."""
    file = tmp_path / "one.txt"
    file.write_text("this is Ann")

    class _Changing(_Loader):
        def __init__(self, times: int, text: str) -> None:
            super().__init__()
            self.times = times
            self.text = text

        def load(self, path: Path, *, as_: As = "text") -> Loaded:
            if len(self.paths) < self.times:
                path.write_text(f"{self.text}{len(self.paths)}")
            return super().load(path, as_=as_)

    with Job(path) as job:
        assert _mapped(fake, job, [file], _Changing(1, "this is Bob"))[str(file)].value.name == "Bob0"
        [record] = job.records(text=True)
        assert record.text == "this is Bob0"
        assert record.sha256 == hashlib.sha256(b"this is Bob0").hexdigest()
        assert (job.counts().documents, job.counts().pending) == (1, 0)
        never = _mapped(fake, job, [file], _Changing(99, "this is Zoe"))
        assert never[str(file)].restored
        file.write_text("this is another")
        assert isinstance(_mapped(fake, job, [file], _Changing(99, "x"))[str(file)].error, DocumentDamaged)
        assert fake.asked == 1


def test_files_may_become_images(fake: _Fake, path: Path, tmp_path: Path) -> None:
    """With `as_`, the loader gives parts, which are sent; there is no text then."""
    file = tmp_path / "one.png"
    file.write_text("picture")
    with Job(path) as job:
        assert _mapped(fake, job, [file], _Loader(), as_="image")[str(file)].value.name == "image"
        assert job.runs[-1].options["as"] == "image"
        [record] = job.records(text=True)
        assert record.text is None
        assert isinstance(fake.fake.requests[0].body["messages"][-1]["content"], list)


@pytest.mark.parametrize(
    "document",
    [
        "this is Ann",
        "half a character \ud800 Ann",
        [Image(data=b"\x89PNG")],
        ["this is", "Ann"],
        {"type": "text", "text": "this is Ann"},
        Loaded(name="x", media_type="text/plain", sha256="ab" * 32, size=3, text="this is Ann"),
        Loaded(name="x", media_type="text/plain", sha256="", size=0, text="this is Ann"),
        Loaded(name="x", media_type="text/plain", sha256="", size=0, parts=(Image(data=b"1"),)),
        Loaded(name="x", media_type="a/b", sha256="ab" * 32, size=3, parts=(Image(data=b"1"),)),
    ],
    ids=lambda document: type(document).__name__,
)
def test_any_document_can_be_in_a_job(document: Any, fake: _Fake, path: Path) -> None:
    """Texts, parts, and what was loaded are known by their content."""
    [first] = fake.map([document], path)
    [again] = fake.map([document], path)
    assert first.error is None
    assert again.restored
    assert fake.asked == 1
    assert _said([first]) == _said([again])


def test_a_file_as_text_and_as_an_image_are_two_documents(fake: _Fake, path: Path) -> None:
    """The same file that was loaded in two ways is asked for in each."""
    text = Loaded(name="x", media_type="a/b", sha256="ab" * 32, size=3, text="this is Ann")
    image = replace(text, name="y", parts=(Image(data=b"1"),))
    assert {each.name: each.value.name for each in fake.map([text, image], path)} == {"x": "Ann", "y": "image"}


def test_what_is_no_document_fails_by_itself(fake: _Fake, path: Path) -> None:
    """An empty text, nothing, and bytes are errors of that document."""
    results = fake.map(["", "  \n", None, b"bytes", 7, [], "this is Ann"], path)
    assert len(results) == 7
    assert {each.number for each in results if isinstance(each.error, DocumentError)} == set(range(6))
    again = fake.map(["", "  \n", None, b"bytes", 7, [], "this is Ann"], path)
    assert {number: each[:3] for number, each in _said(again).items()} == {
        number: each[:3] for number, each in _said(results).items()
    }


def test_parts_that_are_no_json_fail_by_themselves(fake: _Fake, path: Path) -> None:
    """What cannot be sent is an error of that document."""
    deep: Any = "text"
    for _ in range(100_000):
        deep = [deep]
    around: dict[str, Any] = {"type": "text"}
    around["text"] = around
    results = fake.map([{"type": "text", "text": deep}, around, {"type": "text", 1: 2, "text": "x"}], path)
    assert all(isinstance(each.error, DocumentError) for each in results)
    assert len(results) == 3


def test_names_are_distinct(fake: _Fake, path: Path) -> None:
    """Two documents of one name do not push each other out of the job."""
    named = [Input(name=name, document=f"this is {n}") for n, name in enumerate(["a", "b", "a", "a#2", "a"])]
    results = fake.map(named, path)
    assert {each.name for each in results} == {"a", "b", "a#2", "a#2#2", "a#3"}
    with Job(path) as job:
        assert [each.data["name"] for each in job.records()] == list("01234")


def test_evidence_can_be_left_out(fake: _Fake, path: Path) -> None:
    """Without evidence nothing is worked out for the file; it is, from its text, when somebody wants it."""
    with Job(path) as job:
        results = _mapped(fake, job, ["this is Ann"], None, evidence=False)
        [record] = job.records()
        assert record.fields == {}
        [again] = job.results(Person)
        assert again.result is not None
        assert again.result.fields == results[_named("this is Ann")].result.fields


def test_what_the_input_raises_is_raised(fake: _Fake, path: Path) -> None:
    """An error of the caller's iterable comes after what was under way, and nothing is lost by Ctrl-C in it."""

    class Documents:
        def __init__(self) -> None:
            given: list[str | BaseException] = [
                "this is Ann",
                KeyboardInterrupt(),
                "this is Bob",
                ValueError("no more"),
            ]
            self.given = iter(given)

        def __iter__(self) -> Documents:
            return self

        def __next__(self) -> str:
            each = next(self.given)
            if isinstance(each, BaseException):
                raise each
            return each

    came: list[str] = []
    with fake.extractor.map(Person, Documents(), job=path, concurrency=1) as results:
        with pytest.raises(KeyboardInterrupt):
            came += [each.value.name for each in results]
        names = (each.value.name for each in results)
        with pytest.raises(ValueError, match="no more"):
            came.extend(names)
    assert came in (["Ann", "Bob"], ["Bob"])


def test_a_bug_gives_the_document_back(path: Path) -> None:
    """What is no error of ours is raised, and the document is pending."""

    def breaks(step: Any) -> Any:
        raise ZeroDivisionError

    with Job(path) as job:
        with (
            Results(_feed(job, ["this is Ann"]), breaks, room=lambda: True) as results,
            pytest.raises(ZeroDivisionError),
        ):
            next(results)
        assert (job.counts().pending, job.counts().failed) == (1, 0)


def test_failures_keep_what_the_model_said(fake: _Fake, path: Path) -> None:
    """A document that failed has its attempts, its last value and what was wrong in the job."""
    fake.map(["bad one"], path)
    with Job(path) as job:
        [record] = job.records()
        assert record.state == "failed"
        assert record.error is not None
        assert record.error.value == {"name": "Ann", "age": "old"}
        assert [each.number for each in job.attempts(_named("bad one"))] == [1, 2]
        [again] = job.results(Person)
        assert isinstance(again.error, ExtractionFailed)
        assert again.error.errors[0].pointer == "/age"


def test_a_journal_is_given_to_each_extraction(path: Path) -> None:
    """Each document has its own key for its requests, and what the caller has set stays."""
    calls: list[Mapping[str, Any]] = []

    def extract(step: Any) -> Any:
        calls.append(step.call)
        raise DocumentError("no")

    with Job(path) as job, Results(_feed(job, ["a", "b"], call={"seed": 1}), extract, room=lambda: True) as results:
        assert len(list(results)) == 2
    keys = {call["idempotency_key"] for call in calls}
    assert len(keys) == 2
    assert all(key.endswith("-1") and len(key) < 60 for key in keys)
    assert all(call["seed"] == 1 and hasattr(call["_journal"], "put") for call in calls)
