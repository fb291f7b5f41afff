"""A job with all that may come between, against an endpoint on loopback: it ends as if nothing had."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor import AsyncExtractor, Budget, Cache, Extractor
from extractor.batch.job import Job
from extractor.batch.record import Counts
from extractor.documents.chunking import Chunking
from extractor.errors import AuthenticationFailed, BudgetExceeded, ConnectionFailed, ExtractorError
from extractor.prices import Price
from extractor.result import DocumentResult
from extractor.several.line import IN_A_ROW
from extractor.testing import FakeEndpoint, Recorded, Reply

FEW = settings(max_examples=8)
WAYS = ("sync", "async")
OWN: Mapping[str, Any] = {"max_retries": 1, "transport_retries": 0, "price": Price(input=1, output=2)}


class Line(BaseModel):
    """A line of an order."""

    item: str
    quantity: int


class Order(BaseModel):
    """What is extracted here."""

    number: str
    total: float
    lines: list[Line] = []


def _order(number: str, fate: str = "", rows: int = 2) -> str:
    """An order; the word at its end says what becomes of it."""
    lines = "".join(f"claw hammer {n}00 | {n + 3}\n" for n in range(1, rows + 1))
    return f"Order {number} of Acme Ltd\n\nItem | Quantity\n{lines}\nTotal 19.99. Thank you {fate}\n"


def _text(recorded: Recorded) -> str:
    """The document of a request, or the piece of one."""
    said = [each["content"] for each in recorded.body["messages"] if each["role"] == "user"]
    return str(said[0])


def _answer(recorded: Recorded) -> Any:
    """An answer that depends on the request alone."""
    text, told = _text(recorded), str(recorded.body["messages"])
    if "refused" in text and recorded.body["model"] != "other":
        return Reply(status=400, raw='{"error": {"message": "no"}}')
    rows = [{"item": item, "quantity": int(count)} for item, count in re.findall(r"(claw.*?) \| (\d+)", text)]
    number = re.search(r"Order (\w+) of", text)
    value: dict[str, Any] = {"lines": rows[:3] + rows[5:] if "dropped" in text else rows}
    if number:
        value["number"] = number[1]
    if "Total" in text:
        value["total"] = "much" if "bad" in text or ("twice" in text and "much" not in told) else 19.99
    return Reply(content=value, usage={"prompt_tokens": len(told), "completion_tokens": len(rows) + 1})


FATES = ("", "twice", "bad", "refused")


def _orders(count: int) -> list[str]:
    return [_order(f"A{n}", FATES[n % len(FATES)], rows=n % 3) for n in range(count)]


# ------------------------------------------------------------------------------------ an endpoint


class _Endpoint:
    """Answers at the same address whenever it is there, and counts what it answered."""

    def __init__(self, answer: Callable[[Recorded], Any] = _answer) -> None:
        self.answer = answer
        self.fake = FakeEndpoint(self._answered, repeat=True)
        self.good: Counter[str] = Counter()
        self.base_url = self.fake.start().base_url

    def _answered(self, recorded: Recorded) -> Any:
        reply = self.answer(recorded)
        if not isinstance(reply, Reply) or reply.status == 200:
            self.good[_known(recorded)] += 1
        return reply

    def come_back(self) -> None:
        """Listen again, where it was before."""
        with pytest.MonkeyPatch.context() as patch:
            usual, here = ThreadingHTTPServer.__init__, ("127.0.0.1", int(self.base_url.split(":")[2].split("/")[0]))
            patch.setattr(ThreadingHTTPServer, "__init__", lambda own, _, handler: usual(own, here, handler))
            self.fake.start()

    def __enter__(self) -> _Endpoint:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.fake.close()


def _known(recorded: Recorded) -> str:
    """What a request is known by."""
    return json.dumps(recorded.body, sort_keys=True)


def _mapped(
    endpoint: _Endpoint, documents: Iterable[Any], job: Any, *, way: str = "sync", own: Any = None, **call: Any
) -> list[DocumentResult[Any]]:
    """All results of a map, and what it raised instead of more."""
    made = {"base_url": endpoint.base_url, **OWN, **(own or {})}
    came: list[DocumentResult[Any]] = []
    with contextlib.suppress(_Left):
        if way == "sync":
            with Extractor("m", **made) as one, one.map(Order, documents, job=job, **call) as results:
                came.extend(results)
        else:
            asyncio.run(_gone_through(came, made, documents, job, call))
    return came


async def _gone_through(came: list[Any], made: Any, documents: Any, job: Any, call: Any) -> None:
    async with AsyncExtractor("m", **made) as one, one.map(Order, documents, job=job, **call) as results:
        async for each in results:
            came.append(each)


class _Left(Exception):
    """Somebody has left in the middle."""


def _raised(kind: type[ExtractorError], *given_: Any, **call: Any) -> None:
    with pytest.raises(kind):
        _mapped(*given_, **call)


def _said(results: Iterable[DocumentResult[Any]]) -> dict[int, Any]:
    """What became of each document, by number: all but how long it took."""
    said: dict[int, Any] = {}
    for each in results:
        assert each.number not in said
        if each.result is None:
            error = each.error
            said[each.number] = (each.name, type(error), str(error), getattr(error, "value", None))
            said[each.number] += (getattr(error, "usage", None),)
        else:
            one = each.result
            chunks = [(chunk.number, chunk.start, chunk.end, type(chunk.error)) for chunk in one.chunks]
            said[each.number] = (each.name, one.value, one.data, one.outcome, one.usage, one.cost, one.model, one.mode)
            said[each.number] += (dict(one.fields), one.lists, one.document, one.complete, chunks, one.conflicts)
    return said


def _exported(path: Path, folder: Path) -> dict[str, bytes]:
    """All that a job exports, byte for byte."""
    found: dict[str, bytes] = {}
    folder.mkdir()
    with Job(path) as job:
        for evidence in (False, True):
            for kind in ("jsonl", "csv"):
                target = folder / f"{evidence}.{kind}"
                job.export(target, evidence=evidence, overwrite=True)
                found[target.name] = target.read_bytes()
        job.export(folder / "all.csv", children=True, overwrite=True)
        job.export(folder / "all.sqlite", overwrite=True)
    with closing(sqlite3.connect(folder / "all.sqlite")) as export:
        found["sqlite"] = "\n".join(export.iterdump()).encode()
    found |= {each.name: each.read_bytes() for each in folder.glob("all*.csv")}
    for name in ("False.jsonl", "True.jsonl"):
        found[name] = b"\n".join(map(_timeless, found[name].splitlines()))
    return found


def _timeless(line: bytes) -> bytes:
    """A line of JSON without how long it took, and how often it was tried."""
    kept = {name: value for name, value in json.loads(line).items() if name not in ("seconds", "attempts")}
    return json.dumps(kept).encode()


def _counts(path: Path) -> Counts:
    with Job(path) as job:
        assert job._store.check() == ()
        return job.counts()


def _equal(path: Path, straight: Path) -> None:
    """See that two jobs have the same in them, and export the same."""
    with tempfile.TemporaryDirectory() as folder:
        one, other = _exported(path, Path(folder) / "one"), _exported(straight, Path(folder) / "other")
    assert one.keys() == other.keys()
    for name, each in other.items():
        assert one[name] == each
    states = [(each.documents, each.pending, each.running, each.failed) for each in map(_counts, (path, straight))]
    assert states[0] == states[1]
    with Job(path) as job, Job(straight) as wanted:
        assert _said(job.results(Order)) == _said(wanted.results(Order))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, dict[int, Any], Counter[str]]]:
    """The job of as many documents that nothing came between: its file, its results, and what was asked."""
    known: dict[str, tuple[Path, dict[int, Any], Counter[str]]] = {}

    def made(count: int, documents: list[str] | None = None, **call: Any) -> Any:
        key = f"{count} {call}"
        if key not in known:
            path = tmp_path_factory.mktemp("straight") / "job.db"
            with _Endpoint() as endpoint:
                said = _said(_mapped(endpoint, documents or _orders(count), path, **call))
                known[key] = path, said, Counter(endpoint.good)
        return known[key]

    return made


# ---------------------------------------------------------------------------------------- left early


@FEW
@given(
    leaves=st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from(["stop", "close", "raise"]), st.sampled_from([None, 1, 4])),
        max_size=3,
    ),
    ways=st.sampled_from(["sync", "async"]),
)
def test_leaving_is_no_loss(leaves: list[tuple[int, str, int | None]], ways: str, straight: Any) -> None:
    """However it is left and gone on with, the job ends as one that was never left, down to what it exports."""
    path, wanted, asked = straight(14)
    documents = _orders(14)
    with tempfile.TemporaryDirectory() as folder, _Endpoint() as endpoint:
        job = Path(folder) / "job.db"
        for after, how, concurrency in leaves:
            _left(endpoint, documents, job, after=after, how=how, concurrency=concurrency)
            assert _counts(job).running == 0
        assert _said(_mapped(endpoint, documents, job, way=ways)) == wanted
        _equal(job, path)
        assert endpoint.good.keys() == asked.keys()


def _left(endpoint: _Endpoint, documents: list[str], job: Path, *, after: int, how: str, concurrency: Any) -> None:
    """A map that is left after so many results."""
    with (
        contextlib.suppress(_Left),
        Extractor("m", base_url=endpoint.base_url, **OWN) as one,
        one.map(Order, documents, job=job, concurrency=concurrency) as results,
    ):
        for number, _ in enumerate(results, 1):
            if number == after:
                if how == "stop":
                    results.stop()
                elif how == "close":
                    results.close()
                else:
                    raise _Left


# ---------------------------------------------------------------------------------- a budget, a key


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("limits", [{"requests": 7}, {"tokens": 2_500}, {"cost": "0.003"}], ids=str)
def test_a_budget_that_runs_out(
    limits: dict[str, Any], concurrency: int, way: str, straight: Any, tmp_path: Path
) -> None:
    """A budget that ends in the middle is told; with another one the job goes on, and nothing is paid twice."""
    path, wanted, asked = straight(16)
    documents, job = _orders(16), tmp_path / "job.db"
    with _Endpoint() as endpoint:
        first = Budget(**limits)
        _raised(BudgetExceeded, endpoint, documents, job, way=way, budget=first, concurrency=concurrency)
        counts = _counts(job)
        assert 0 < counts.done < 8
        assert counts.running == 0
        assert not [each for each in _records(job) if each.error is not None and each.error.type == "BudgetExceeded"]
        second = Budget(requests=1_000)
        assert _said(_mapped(endpoint, documents, job, way=way, budget=second)) == wanted
        _equal(job, path)
        assert endpoint.good == asked
        refused = sum("refused" in each for each in documents)
        assert first.spent.requests + second.spent.requests == sum(asked.values()) + refused
        assert _counts(job).cost == _counts(path).cost
        assert _counts(job).usage == _counts(path).usage


def _records(path: Path) -> list[Any]:
    with Job(path) as job:
        return list(job.records())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("concurrency", [1, 5])
def test_a_key_that_ends(way: str, concurrency: int, straight: Any, tmp_path: Path) -> None:
    """A key that is refused from some request on is told; with a right one all goes on, and nothing is paid twice."""
    path, wanted, asked = straight(16)
    documents, job = _orders(16), tmp_path / "job.db"
    valid = 9

    def answer(recorded: Recorded) -> Any:
        wrong = len(endpoint.fake.requests) > valid
        return Reply(status=401, raw='{"error": {"message": "no"}}') if wrong else _answer(recorded)

    with _Endpoint(answer) as endpoint:
        _raised(AuthenticationFailed, endpoint, documents, job, way=way, concurrency=concurrency)
        counts = _counts(job)
        assert counts.failed <= valid
        assert not [each for each in _records(job) if each.error and each.error.type == "AuthenticationFailed"]
        valid = 10_000
        assert _said(_mapped(endpoint, documents, job, way=way, own={"api_key": "k-another"})) == wanted
        _equal(job, path)
        assert endpoint.good == asked


CASES = (
    pytest.param({}, id="nothing"),
    pytest.param({"fallbacks": ["other"]}, id="fallbacks"),
    pytest.param({"chunking": Chunking(tokens=64, overlap=0, at_once=1)}, id="chunks"),
    pytest.param({"candidates": 3}, id="candidates"),
    pytest.param({"recall": "high"}, id="recall"),
)


@pytest.mark.parametrize("case", CASES)
def test_many_small_budgets(case: Mapping[str, Any], tmp_path: Path) -> None:
    """Whatever is asked for: however often a budget ends in the middle, the end is that of one large budget."""
    last = "refused" if "fallbacks" in case else ""  # what was refused is in no journal
    documents = [_order(f"L{n}", fate, rows=7 + 9 * n) for n, fate in enumerate(("", "twice", "dropped", last))]
    call: dict[str, Any] = {**case, "concurrency": 1}
    job, straight = tmp_path / "job.db", tmp_path / "straight.db"
    with _Endpoint() as endpoint:
        wanted = _said(_mapped(endpoint, documents, straight, **call))
        asked = Counter(endpoint.good)
        endpoint.good.clear()
        said: dict[int, Any] = {}
        for _ in range(60):  # more than there are requests
            with contextlib.suppress(BudgetExceeded):
                said = _said(_mapped(endpoint, documents, job, budget=Budget(requests=2), **call))
                break
        assert said == wanted
        assert endpoint.good == asked
    _equal(job, straight)


# --------------------------------------------------------------------- an endpoint that goes away


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_endpoint_that_goes_away(way: str, concurrency: int, straight: Any, tmp_path: Path) -> None:
    """Where it is gone the map ends and says so; once it is back, the same call ends as if it had never been gone."""
    path, wanted, asked = straight(40)
    documents, job = _orders(40), tmp_path / "job.db"
    with _Endpoint() as endpoint:
        came: list[DocumentResult[Any]] = []
        with pytest.raises(ConnectionFailed) as raised:
            _until_it_goes(came, endpoint, documents, job, after=6, concurrency=concurrency)
        assert "no more were begun" in str(raised.value.__notes__)
        assert IN_A_ROW <= sum(isinstance(each.error, ConnectionFailed) for each in came) < 34
        assert _counts(job).running == 0
        endpoint.come_back()
        again = _mapped(endpoint, documents, job, way=way)
        assert _said(again) == wanted
        assert sum(each.restored for each in again) >= 6
        _equal(job, path)
        assert endpoint.good.keys() == asked.keys()


def _until_it_goes(
    came: list[DocumentResult[Any]], endpoint: _Endpoint, documents: list[str], job: Path, *, after: int, **call: Any
) -> None:
    """Go through a map whose endpoint goes away after so many results."""
    with (
        Extractor("m", base_url=endpoint.base_url, **OWN) as one,
        one.map(Order, documents, job=job, **call) as results,
    ):
        for each in results:
            came.append(each)
            if len(came) == after:
                endpoint.fake.close()


@pytest.mark.parametrize("way", WAYS)
def test_it_goes_away_for_the_last_ones(way: str, straight: Any, tmp_path: Path) -> None:
    """Where the last ones find nobody they are failed for now, and asked for at the next start."""
    path, wanted, _ = straight(10)
    documents, job = _orders(10), tmp_path / "job.db"
    with _Endpoint() as endpoint:
        came: list[DocumentResult[Any]] = []
        _until_it_goes(came, endpoint, documents, job, after=4, concurrency=1)
        assert len(came) == 10
        assert [each.number for each in came if isinstance(each.error, ConnectionFailed)] == list(range(4, 10))
        endpoint.come_back()
        assert _said(_mapped(endpoint, documents, job, way=way)) == wanted
        _equal(job, path)


def test_what_was_answered_before_it_went_is_not_paid_again(tmp_path: Path) -> None:
    """A document that was half done when nobody answered goes on where it was."""
    gone = False

    def answer(recorded: Recorded) -> Any:
        return Reply(status=503, raw="{}") if gone and "much" in str(recorded.body["messages"]) else _answer(recorded)

    with _Endpoint(answer) as endpoint:
        gone = True
        [first] = _mapped(endpoint, [_order("A1", "twice")], tmp_path / "job.db")
        assert first.error is not None
        gone = False
        [again] = _mapped(endpoint, [_order("A1", "twice")], tmp_path / "job.db")
        assert again.value.number == "A1"
        assert set(endpoint.good.values()) == {1}


@pytest.mark.parametrize("silent", ["hammer 2000", "Thank you"])  # a row; what is required
def test_chunks_that_were_not_answered_are_asked_again(silent: str, tmp_path: Path) -> None:
    """Of a long document, the part that the endpoint did not answer is asked for at the next start."""
    gone = True

    def answer(recorded: Recorded) -> Any:
        return Reply(status=503, raw="{}") if gone and silent in _text(recorded) else _answer(recorded)

    call: dict[str, Any] = {"chunking": Chunking(tokens=64, overlap=0)}
    with _Endpoint(answer) as endpoint:
        [first] = _mapped(endpoint, [_order("A1", rows=30)], tmp_path / "job.db", **call)
        assert first.result is None or any(chunk.error is not None for chunk in first.result.chunks)
        gone = False
        [again] = _mapped(endpoint, [_order("A1", rows=30)], tmp_path / "job.db", **call)
        assert len(again.value.lines) == 30


# -------------------------------------------------------------------------- the file, journal and cache


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("killed", [1, 4, 9])
def test_a_job_with_a_cache_and_chunks_that_is_killed(killed: int, cached: bool, straight: Any, tmp_path: Path) -> None:
    """Killed at some request, with long documents and a cache beside: nothing that was answered is asked again."""
    call: dict[str, Any] = {"chunking": Chunking(tokens=64, overlap=0)}
    documents = [_order(f"L{n}", FATES[n % 3], rows=9 + n).replace("claw", f"claw{n}") for n in range(4)]
    path, wanted, asked = straight(4, documents, concurrency=1, **call)
    before, image = tmp_path / "before", tmp_path / "image"
    before.mkdir()

    def answer(recorded: Recorded) -> Any:
        if len(endpoint.fake.requests) == killed:  # the process is gone: this is what was in its files
            shutil.copytree(before, image, ignore=shutil.ignore_patterns("*-worker-*", "*-shm"))
        return _answer(recorded)

    def call_in(folder: Path) -> dict[str, Any]:
        own = {"cache": Cache(folder / "cache.db")} if cached else {}
        return {**own, "concurrency": 1, "chunking": Chunking(tokens=64, overlap=0, at_once=1)}

    with _Endpoint(answer) as endpoint:
        _mapped(endpoint, documents, before / "job.db", **call_in(before))
        endpoint.good.clear()
        again = _said(_mapped(endpoint, documents, image / "job.db", **call_in(image)))
        assert sum(endpoint.good.values()) == sum(asked.values()) - killed + 1
    assert {n: each[1:4] for n, each in again.items()} == {n: each[1:4] for n, each in wanted.items()}
    assert _counts(image / "job.db").requests == _counts(path).requests


@pytest.mark.parametrize("way", WAYS)
def test_a_cache_beside_a_job(way: str, straight: Any, tmp_path: Path) -> None:
    """What a cache has is not asked for by a job, and what a job asked for is in the cache for other jobs."""
    _, wanted, asked = straight(12)
    documents, cache = _orders(12), Cache(tmp_path / "cache.db")
    with _Endpoint() as endpoint:
        assert _said(_mapped(endpoint, documents, tmp_path / "one.db", way=way, cache=cache)) == wanted
        again = _said(_mapped(endpoint, documents, tmp_path / "two.db", way=way, cache=cache))
        assert endpoint.good == asked
        assert {n: each[:4] for n, each in again.items()} == {n: each[:4] for n, each in wanted.items()}
        with Job(tmp_path / "two.db") as job:
            attempts = [each for record in job.records() for each in job.attempts(record.name)]
            assert attempts
            assert all(each.cached for each in attempts)


def test_a_document_that_is_tried_again_is_asked_for_with_a_cache_too(tmp_path: Path) -> None:
    """What `retry` has asked for again is sent, although a cache has what was said the first time."""
    with _Endpoint() as endpoint, Job(tmp_path / "job.db") as job:
        cache = Cache(tmp_path / "cache.db")
        _mapped(endpoint, [_order("A1", "bad")], job, cache=cache)
        endpoint.answer = lambda recorded: {"number": "A1", "total": 1}
        assert job.retry() == 1
        [again] = _mapped(endpoint, [_order("A1", "bad")], job, cache=cache)
        assert again.value.number == "A1"


# ------------------------------------------------------------------------------------- while it goes on


@pytest.mark.parametrize("ordered", [False, True])
def test_maps_of_one_loop_share_a_job(ordered: bool, straight: Any, tmp_path: Path) -> None:
    """Two maps of one event loop at the same job each give all, and each document is asked for once."""
    path, wanted, asked = straight(16)
    documents = _orders(16)

    async def both(endpoint: _Endpoint, job: Job) -> Iterable[list[DocumentResult[Any]]]:
        async with AsyncExtractor("m", base_url=endpoint.base_url, **OWN) as one:

            async def mapped() -> list[DocumentResult[Any]]:
                async with one.map(Order, documents, job=job, ordered=ordered) as results:
                    return [each async for each in results]

            return await asyncio.gather(mapped(), mapped())

    with _Endpoint() as endpoint:
        with Job(tmp_path / "job.db") as job:
            for each in asyncio.run(both(endpoint, job)):
                assert _said(each) == wanted
                assert not ordered or [one.number for one in each] == [*range(16)]
        assert endpoint.good == asked
    _equal(tmp_path / "job.db", path)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_there_can_be_exported_while_it_goes_on(way: str, tmp_path: Path) -> None:
    """What was shown is in every export, and an export in the middle harms nothing."""
    documents, path = _orders(24), tmp_path / "job.db"

    def looked(job: Job, shown: list[DocumentResult[Any]]) -> None:
        for kind in ("jsonl", "csv", "sqlite"):
            assert job.export(tmp_path / f"now.{kind}", overwrite=True) >= len(shown)
        lines = map(json.loads, (tmp_path / "now.jsonl").read_bytes().splitlines())
        known = {each["name"]: each["state"] for each in lines}
        with (tmp_path / "now.csv").open(encoding="utf-8", newline="") as file:
            names = [row[0] for row in csv.reader(file)]
        for each in shown:
            assert known[each.name] == ("done" if each.error is None else "failed")
            assert each.name in names
        counts = job.counts()
        assert counts.done + counts.failed >= len(shown)

    async def tasks(endpoint: _Endpoint, job: Job) -> None:
        shown: list[DocumentResult[Any]] = []
        async with (
            AsyncExtractor("m", base_url=endpoint.base_url, **OWN) as one,
            one.map(Order, documents, job=job, concurrency=4) as results,
        ):
            async for each in results:
                shown.append(each)
                if len(shown) % 8 == 1:
                    await asyncio.to_thread(looked, job, shown)

    def threads(endpoint: _Endpoint, job: Job) -> None:
        shown: list[DocumentResult[Any]] = []
        with (
            Extractor("m", base_url=endpoint.base_url, **OWN) as one,
            one.map(Order, documents, job=job, concurrency=4) as results,
        ):
            for each in results:
                shown.append(each)
                if len(shown) % 8 == 1:
                    with Job(path, read_only=True) as reader:
                        looked(reader, shown)
                    looked(job, shown)

    with _Endpoint() as endpoint, Job(path) as job:
        if way == "sync":
            threads(endpoint, job)
        else:
            asyncio.run(tasks(endpoint, job))
