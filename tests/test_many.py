"""Many documents through a map, against an endpoint on loopback: each comes to what it comes to alone."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor import AsyncExtractor, Budget, Cache, Extractor
from extractor.batch.job import Job
from extractor.documents.chunking import Chunking
from extractor.documents.loaded import Input
from extractor.errors import (
    DocumentDamaged,
    DocumentError,
    DocumentUnsupported,
    ExtractorError,
    OptionError,
)
from extractor.prices import Price
from extractor.result import DocumentResult, Extraction
from extractor.testing import FakeEndpoint, Recorded, Reply
from extractor.watching import Failing, Finished, Sending, Started, Watcher

sys.path.insert(0, str(Path(__file__).parent / "documents" / "files"))

from made_files import made

FEW = settings(max_examples=12)
WAYS = ("sync", "async")
OWN: Mapping[str, Any] = {"max_retries": 1, "transport_retries": 0, "price": Price(input=1, output=2)}


class Line(BaseModel):
    """A line of an order."""

    item: str
    quantity: int


class Order(BaseModel):
    """What is extracted here."""

    number: str
    total: float | None = None
    lines: list[Line] = []


def _order(number: str, *words: str, rows: int = 2) -> str:
    """An order; the words at its end say what becomes of it."""
    lines = "".join(f"claw hammer {n}00 | {n + 3}\n" for n in range(1, rows + 1))
    return f"Order {number} of Acme Ltd\n\nItem | Quantity\n{lines}\nTotal 19.99. Thank you {' '.join(words)}\n"


ORDERS = (
    _order("A1"),
    _order("A2", "twice"),
    _order("A3", "bad"),
    _order("A4", "refused"),
    _order("A5", "nameless"),
    _order("A6", "dropped", rows=9),
    _order("A7", "twice", rows=30),
    "",
)


def _text(recorded: Recorded) -> str:
    """The document of a request, or the piece of one: examples come before it, and complaints have no rows."""
    said = [each["content"] for each in recorded.body["messages"] if each["role"] == "user"]
    texts = [each for each in said if isinstance(each, str) and "|" in each]
    return str(texts[-1]) if texts else str(said[0])


def _answer(recorded: Recorded) -> Any:
    """An answer that depends on the request alone."""
    text, model = _text(recorded), recorded.body["model"]
    told = str(recorded.body["messages"])
    again = "much" in told
    if "refused" in text and model != "other":
        return Reply(status=400, raw='{"error": {"message": "no"}}')
    if "away" in text:
        return Reply(status=503, raw="{}")
    rows = [{"item": item, "quantity": int(count)} for item, count in re.findall(r"(claw.*?) \| (\d+)", text)]
    number = re.search(r"Order (\w+) of", text)
    value: dict[str, Any] = {"lines": rows[:4] + rows[5:] if "dropped" in text else rows}
    if number and "nameless" not in text:
        value["number"] = number[1]
    if "Total" in text:
        wrong = "bad" in text or ("twice" in text and not again)
        value["total"] = "much" if wrong else 19.99 + recorded.body.get("seed", 0) % 2
    return Reply(content=value, usage={"prompt_tokens": len(told), "completion_tokens": len(rows) + 1})


@pytest.fixture(scope="module")
def orders() -> Iterator[FakeEndpoint]:
    """An endpoint that answers so."""
    with FakeEndpoint(_answer, repeat=True) as fake:
        yield fake


async def _one_by_one(documents: Iterable[Any]) -> AsyncIterator[Any]:
    for each in documents:
        yield each


def _mapped(
    way: str, fake: FakeEndpoint, documents: Iterable[Any], target: Any = Order, **call: Any
) -> list[DocumentResult[Any]]:
    """All results of a map, by threads or by tasks."""
    own = {"base_url": fake.base_url, **OWN}
    if way == "sync":
        with Extractor("m", **own) as one, one.map(target, documents, **call) as results:
            return list(results)

    async def mapped() -> list[DocumentResult[Any]]:
        async with AsyncExtractor("m", **own) as extractor:
            given_ = documents if isinstance(documents, list) else _one_by_one(documents)
            async with extractor.map(target, given_, **call) as results:
                return [each async for each in results]

    return asyncio.run(mapped())


def _alone(fake: FakeEndpoint, documents: Iterable[Any], target: Any = Order, **call: Any) -> dict[int, Any]:
    """What became of each document by itself."""
    said: dict[int, Any] = {}
    with Extractor("m", base_url=fake.base_url, **OWN) as one:
        for number, document in enumerate(documents):
            try:
                said[number] = _what(one.run(target, document, **call))
            except ExtractorError as error:
                said[number] = _wrong(error)
    return said


def _said(results: Iterable[DocumentResult[Any]]) -> dict[int, Any]:
    """What became of each document by its number: all but how long it took, and what was said on the way."""
    said: dict[int, Any] = {}
    for each in results:
        assert each.number not in said
        said[each.number] = _wrong(each.error) if each.result is None else _what(each.result)
    return dict(sorted(said.items()))


def _wrong(error: ExtractorError | None) -> Any:
    return type(error), str(error), getattr(error, "value", None), getattr(error, "usage", None)


def _what(one: Extraction[Any]) -> Any:
    chunks = [(each.number, each.start, each.end, type(each.error)) for each in one.chunks]
    return {
        "value": (one.value, one.data, one.outcome, one.absent, one.complete),
        "asked": (one.model, one.mode, one.usage, one.cost),
        "document": one.document,
        "fields": dict(one.fields),
        "lists": one.lists,
        "chunks": (chunks, one.conflicts),
    }


def _same(found: Mapping[int, Any], wanted: Mapping[int, Any]) -> None:
    """See that they are the same, one by one: a list of what differs can be read."""
    assert found.keys() == wanted.keys()
    for number, each in wanted.items():
        assert found[number] == each


# ------------------------------------------------------------------------------- as if it were alone

CASES: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "chunks": {"chunking": Chunking(tokens=64, overlap=8)},
    "one chunk at once": {"chunking": Chunking(tokens=64, overlap=8, at_once=1)},
    "candidates": {"candidates": 3},
    "recall": {"recall": "high"},
    "fallbacks": {"fallbacks": ["other"]},
    "absent": {"absent": "allow"},
    "schema": {"target": Order.model_json_schema()},
    "examples": {"examples": [("Sample 1 | 2", {"number": "S1"})]},
    "messages": {"messages": [{"role": "system", "content": "Be brief."}]},
    "another model": {"model": "n", "temperature": 0.5, "seed": 7},
    "ungrounded": {"ungrounded": "drop"},
    "all together": {
        "chunking": Chunking(tokens=64, overlap=8),
        "candidates": 2,
        "recall": "high",
        "fallbacks": ["other"],
        "absent": "allow",
    },
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_each_comes_to_what_it_comes_to_alone(case: str, way: str, orders: FakeEndpoint, tmp_path: Path) -> None:
    """Whatever is asked for: a map, a job, and what the job gives later are the same as one call for each document."""
    call = dict(CASES[case])
    wanted = _alone(orders, ORDERS, **call)
    _same(_said(_mapped(way, orders, list(ORDERS), **call)), wanted)
    _same(_said(_mapped(way, orders, iter(ORDERS), job=tmp_path / "job.db", **call)), wanted)
    asked = len(orders.requests)
    again = _mapped(way, orders, list(ORDERS), job=tmp_path / "job.db", ordered=True, **call)
    assert all(each.restored for each in again)
    assert len(orders.requests) == asked
    _same(_said(again), wanted)


FATES = st.sampled_from(["", "twice", "bad", "refused", "away", "nameless"])


@FEW
@given(
    fates=st.lists(FATES, max_size=9),
    empty=st.sets(st.integers(0, 8), max_size=2),
    ordered=st.booleans(),
    concurrency=st.sampled_from([None, 1, 2, 5]),
    job=st.booleans(),
)
def test_threads_and_tasks_do_the_same(
    fates: list[str], empty: set[int], ordered: bool, concurrency: int | None, job: bool
) -> None:
    """However many there are and whichever fail: both give each once, in order where that is wanted."""
    documents = ["" if n in empty else _order(f"A{n}", fate) for n, fate in enumerate(fates)]
    call: dict[str, Any] = {"ordered": ordered, "concurrency": concurrency}
    with FakeEndpoint(_answer, repeat=True) as fake, tempfile.TemporaryDirectory() as folder:
        wanted = _alone(fake, documents)
        for way in WAYS:
            own = {"job": Path(folder) / f"{way}.db"} if job else {}
            results = _mapped(way, fake, iter(documents), **own, **call)
            _same(_said(results), wanted)
            numbers = [each.number for each in results]
            assert numbers == sorted(numbers) or not ordered
            assert [documents[number] for number in numbers] == [each.document for each in results]
        asked = Counter(_text(each) for each in fake.requests)
        assert all(count % 3 == 0 for count in asked.values())


# ------------------------------------------------------------------------------------ what is shared


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("job", [False, True])
def test_a_cache_answers_for_all(way: str, job: bool, orders: FakeEndpoint, tmp_path: Path) -> None:
    """What a cache has is asked for by no map, with and without a job, and the values are the same."""
    own = {"cache": Cache(tmp_path / "cache.db")}
    first = _mapped(way, orders, list(ORDERS), **own)
    asked = len(orders.requests)
    more = {"job": tmp_path / "job.db"} if job else {}
    again = {each.number: each for each in _mapped(way, orders, list(ORDERS), **own, **more)}
    sent = orders.requests[asked:]
    assert {_text(each) for each in sent} <= {ORDERS[3]}  # what was refused is no reply
    for each in first:
        assert (each.error is None) == (again[each.number].error is None)
        if each.result is not None:
            assert again[each.number].value == each.value
            assert not again[each.number].restored


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("job", [False, True])
def test_a_budget_is_for_all(way: str, job: bool, orders: FakeEndpoint, tmp_path: Path) -> None:
    """What all documents took is counted once in the budget that they share, as their results say."""
    budget = Budget(requests=1_000, tokens=10**9, cost=100)
    own = {"job": tmp_path / "job.db"} if job else {}
    asked = len(orders.requests)
    results = _mapped(way, orders, list(ORDERS), budget=budget, **own)
    usages = [each.result.usage if each.result else getattr(each.error, "usage", None) for each in results]
    assert budget.spent.requests == len(orders.requests) - asked
    assert budget.spent.tokens == sum(usage.total_tokens for usage in usages if usage is not None)
    if job:
        again = _mapped(way, orders, list(ORDERS), budget=(later := Budget(requests=1)), **own)
        assert len(again) == len(ORDERS)
        assert later.spent.requests == 0


class _Watching(Watcher):
    """Keeps which have begun, which have ended and whether well, and how many requests were sent."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: dict[str, bool] = {}
        self.sent = 0
        self._lock = threading.Lock()  # many threads tell it

    def on_start(self, event: Started) -> None:
        """One more."""
        self.begun.append(event.extraction)

    def on_result(self, event: Finished) -> None:
        """It went well."""
        self.ended[event.extraction] = True

    def on_failure(self, event: Failing) -> None:
        """It did not."""
        self.ended[event.extraction] = False

    def on_request(self, event: Sending) -> None:
        """One more."""
        with self._lock:
            self.sent += 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("job", [False, True])
def test_all_are_watched(way: str, job: bool, orders: FakeEndpoint, tmp_path: Path) -> None:
    """A watcher is told of each extraction by itself, and how many of them failed."""
    watcher = _Watching()
    own = {"job": tmp_path / "job.db"} if job else {}
    asked = len(orders.requests)
    results = _mapped(way, orders, list(ORDERS), watch=[watcher], **own)
    assert len(watcher.begun) == len(set(watcher.begun)) == len(ORDERS) - 1  # an empty one does not begin
    assert sorted(watcher.ended) == sorted(watcher.begun)
    assert sum(watcher.ended.values()) == sum(each.error is None for each in results)
    assert watcher.sent == len(orders.requests) - asked
    if job:
        before = len(watcher.begun)
        _mapped(way, orders, list(ORDERS), watch=[watcher], **own)
        assert len(watcher.begun) == before


@pytest.mark.parametrize("way", WAYS)
def test_requests_have_keys_of_their_documents(way: str, tmp_path: Path) -> None:
    """Without a job the caller's key gets the number of the document; in a job each has its own, and no two share."""
    with FakeEndpoint(_answer, repeat=True) as fake:
        documents = [_order("A1"), _order("A2", "twice"), _order("A3")]
        _mapped(way, fake, documents, idempotency_key="mine")
        keys = {(each.headers["idempotency-key"], _text(each)) for each in fake.requests}
        assert len({key for key, _ in keys}) == len(fake.requests) == 4
        assert all(key.startswith(f"mine-{documents.index(text)}-") for key, text in keys)
        fake.requests.clear()
        _mapped(way, fake, documents, idempotency_key="mine", job=tmp_path / "job.db")
        own = {each.headers["idempotency-key"] for each in fake.requests}
        assert len(own) == 4
        assert not own & {key for key, _ in keys}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"temperature": 9}, "temperature"),
        ({"candidates": 0}, "candidates"),
        ({"chunking": "never"}, "chunking"),
        ({"as_": "picture"}, "as_"),
    ],
    ids=str,
)
def test_what_is_wrong_for_all_is_said_at_once(
    call: dict[str, Any], said: str, way: str, orders: FakeEndpoint, tmp_path: Path
) -> None:
    """A mistake in the call is an error before anything is read, asked, or written."""
    taken: list[None] = []

    def documents() -> Iterator[str]:
        taken.append(None)
        yield _order("A1")

    asked = len(orders.requests)
    for own in ({}, {"job": tmp_path / "job.db"}):
        with pytest.raises(OptionError) as raised:
            _mapped(way, orders, documents(), **own, **call)
        assert raised.value.option == said
    assert (taken, len(orders.requests) - asked, list(tmp_path.iterdir())) == ([], 0, [])


# ------------------------------------------------------------------------------------------- files


class Paper(BaseModel):
    """What the files say."""

    number: str
    price: str | None = None
    end: str | None = None


def _paper(recorded: Recorded) -> Any:
    """What is there to be read, or what was seen."""
    [content] = [each["content"] for each in recorded.body["messages"] if each["role"] == "user"]
    if not isinstance(content, str):
        return {"number": " ".join(each["type"] for each in content)}
    price, end = ("19.99" in content and "19.99") or None, ("the last" in content and "the last") or None
    return {"number": "4711" if "4711" in content else "none", "price": price, "end": end}


@pytest.fixture(scope="module")
def papers() -> Iterator[FakeEndpoint]:
    """An endpoint that reads files."""
    with FakeEndpoint(_paper, repeat=True) as fake:
        yield fake


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of many kinds, and some that are none."""
    folder = tmp_path_factory.mktemp("files")
    content = {**made(), "empty.txt": b"", "broken.pdf": b"%PDF-1.4\nbroken", "unknown.bin": bytes(range(256)) * 4}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return [*sorted(folder.iterdir()), folder / "missing.txt"]


FAILING = {"broken.pdf", "empty.txt", "missing.txt", "picture.png", "unknown.bin"}


@pytest.mark.parametrize(("way", "job"), [("sync", False), ("sync", True), ("async", False), ("async", True)])
def test_files_of_many_kinds(way: str, job: bool, files: list[Path], papers: FakeEndpoint, tmp_path: Path) -> None:
    """Each file comes to what its text says, one that cannot be read to its own error, and nothing holds up others."""
    own = {"job": tmp_path / "job.db"} if job else {}
    results = {Path(each.name).name: each for each in _mapped(way, papers, files, Paper, **own)}
    assert {name for name, each in results.items() if each.error is not None} == FAILING
    assert all(isinstance(results[name].error, DocumentError) for name in FAILING)
    assert isinstance(results["broken.pdf"].error, DocumentDamaged)
    fine = results.keys() - FAILING
    assert {results[name].value.number for name in fine} == {"4711"}
    for name in fine:
        field = results[name].result.fields["/number"]  # type: ignore[union-attr]
        text = results[name].result.document  # type: ignore[union-attr]
        assert isinstance(text, str)
        assert "4711" in text[field.span.start : field.span.end]  # type: ignore[union-attr]
    if job:
        asked = len(papers.requests)
        again = _mapped(way, papers, files, Paper, **own)
        _same(_said(again), _said(results.values()))
        assert all(each.restored for each in again if Path(each.name).name not in {"missing.txt"})
        assert len(papers.requests) == asked


@pytest.mark.parametrize("job", [False, True])
def test_pages_of_a_file_are_known(job: bool, files: list[Path], papers: FakeEndpoint, tmp_path: Path) -> None:
    """What stands on a page of a PDF has the number of that page, also where a job gives it later."""
    own = {"job": tmp_path / "job.db"} if job else {}
    paths = [path for path in files if path.name in ("invoice.pdf", "invoice.txt")]
    for _ in range(2 if job else 1):
        pdf, txt = sorted(_mapped("sync", papers, paths, Paper, **own), key=lambda each: each.number)
        assert pdf.result is not None
        assert txt.result is not None
        pages = {place: field.span and field.span.page for place, field in pdf.result.fields.items()}
        assert pages == {"/number": 1, "/price": 2, "/end": 3}
        assert (span := txt.result.fields["/number"].span) is not None
        assert span.page in (None, 1)
    if job:
        with Job(tmp_path / "job.db") as opened:
            records = {Path(each.name).name: each for each in opened.records(text=True, evidence=True)}
        assert len(records["invoice.pdf"].pages) == 3
        assert records["invoice.pdf"].media_type == "application/pdf"
        assert {
            place: field.span and field.span.page for place, field in records["invoice.pdf"].fields.items()
        } == pages


@pytest.mark.parametrize("job", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_files_as_images(way: str, job: bool, files: list[Path], papers: FakeEndpoint, tmp_path: Path) -> None:
    """As images, each page of a PDF is sent as one, and a file that has none says so."""
    own = {"job": tmp_path / "job.db"} if job else {}
    paths = [path for path in files if path.name in ("invoice.pdf", "invoice.txt", "picture.png")]
    for _ in range(2 if job else 1):
        results = _mapped(way, papers, paths, Paper, as_="image", ordered=True, **own)
        pdf, txt, png = results
        assert pdf.value.number.split().count("image_url") == 3
        assert png.value.number.split().count("image_url") == 1
        assert isinstance(txt.error, DocumentUnsupported)
        assert [each.number for each in results] == [0, 1, 2]
    assert [each.restored for each in results] == [job] * 3


@pytest.mark.parametrize("job", [False, True])
def test_files_as_they_are(job: bool, files: list[Path], papers: FakeEndpoint, tmp_path: Path) -> None:
    """As files, what is sent is the file, and the same file as text is another run."""
    own = {"job": tmp_path / "job.db"} if job else {}
    paths = [path for path in files if path.name in ("invoice.pdf", "invoice.docx")]
    for _ in range(2 if job else 1):
        results = _mapped("sync", papers, paths, Paper, as_="file", **own)
        assert {each.value.number for each in results} == {"file"}
    texts = _mapped("sync", papers, paths, Paper, **own)
    assert {(each.value.number, each.restored) for each in texts} == {("4711", False)}


def test_documents_of_all_kinds_together(files: list[Path], papers: FakeEndpoint, tmp_path: Path) -> None:
    """Texts, paths, and named ones with their rows go through one map; each is called by its name."""
    pdf = next(path for path in files if path.name == "invoice.pdf")
    documents = [
        "Invoice 4711",
        pdf,
        Input(name="named", document=pdf, row={"id": 7}),
        Input(name="x", document="4711"),
    ]
    results = _mapped("sync", papers, documents, Paper, ordered=True)
    assert [each.name for each in results] == ["0", str(pdf), "named", "x"]
    assert [each.value.number for each in results] == ["4711"] * 4
    asked = len(papers.requests)
    kept = _mapped("sync", papers, documents, Paper, ordered=True, job=tmp_path / "job.db")
    assert [each.name for each in kept][1:] == [str(pdf), "named", "x"]
    assert len(papers.requests) == asked + 3  # the file is asked for once
    with Job(tmp_path / "job.db") as job:
        assert [each.row for each in job.records()] == [{}, {}, {"id": 7}, {}]


def test_results_that_nobody_ends(orders: FakeEndpoint) -> None:
    """A map that is left in the middle asks for no more, and the extractor serves the next one."""
    with Extractor("m", base_url=orders.base_url, **OWN) as one:
        with one.map(Order, (_order(f"C{n}") for n in range(10_000)), concurrency=2) as results:
            next(results)
        with contextlib.closing(one.map(Order, [_order("B1")])) as results:
            assert [each.value.number for each in results] == ["B1"]
        asked = sum("Order C" in _text(each) for each in orders.requests)
        assert asked < 100
