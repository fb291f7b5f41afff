"""Examples in the requests of an extractor: where they stand, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from extractor import AsyncExtractor, Chunking, Extractor, Job, OptionError
from extractor.batch.options import options_of
from extractor.examples.nearest import Examples
from extractor.testing import FakeEndpoint, Recorded, Reply


class Bill(BaseModel):
    """A bill."""

    number: str
    extra: dict[str, int] = {}


TEXTS = {"1": "Bill 1 of Acme for lamps", "2": "Bill 2 of Acme for chairs", "3": "Letter 3 of Beta"}
PAIRS = [(text, {"number": number, "extra": {"a": 1}}) for number, text in TEXTS.items()]
DOCUMENT = "Bill 4 of Acme for chairs"
ANSWER = {"number": "4", "extra": {}}


def _lines(path: Path, pairs: Any = PAIRS) -> Path:
    path.write_text("".join(json.dumps({"text": text, "value": value}) + "\n" for text, value in pairs))
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file of examples."""
    return _lines(tmp_path / "bills.jsonl")


@pytest.fixture
def extractor(fake_endpoint: FakeEndpoint) -> Iterator[Extractor]:
    """An extractor that asks the fake endpoint."""
    fake_endpoint.repeat = True
    fake_endpoint.answer(ANSWER)
    with Extractor("m", base_url=fake_endpoint.base_url) as extractor:
        yield extractor


def _turns(request: Recorded) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in request.body["messages"][1:]]


def _asked(request: Recorded) -> list[str]:
    return [content for role, content in _turns(request) if role == "user"]


def test_the_nearest_stand_before_the_document(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """The examples are turns between what is shared and the document, the most alike next to it."""
    extractor.run(Bill, DOCUMENT, examples=Examples(lines, nearest=2))
    extractor.run(Bill, "Letter 9 of Beta", examples=Examples(lines, nearest=1))
    first, second = fake_endpoint.requests
    assert _asked(first) == [TEXTS["1"], TEXTS["2"], DOCUMENT]
    assert _asked(second) == [TEXTS["3"], "Letter 9 of Beta"]
    assert json.loads(_turns(first)[1][1])["number"] == "1"
    assert first.body["messages"][0] == second.body["messages"][0]


@pytest.mark.parametrize("kind", ["path", "text", "pairs"])
def test_sources(kind: str, extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """A path does by itself; pairs are all shown unless they are given as a source."""
    given: dict[str, Any] = {"path": lines, "text": str(lines), "pairs": Examples(PAIRS, nearest=3)}
    extractor.run(Bill, DOCUMENT, examples=given[kind])
    extractor.run(Bill, DOCUMENT, examples=PAIRS)
    some, every = fake_endpoint.requests
    assert _asked(some)[-2:] == [TEXTS["2"], DOCUMENT]
    assert _asked(every) == [*TEXTS.values(), DOCUMENT]


def test_the_document_itself_is_not_shown(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """A document that is among the examples is asked for without its own value."""
    extractor.run(Bill, TEXTS["2"], examples=lines)
    assert TEXTS["2"] not in _asked(fake_endpoint.requests[0])[:-1]
    assert '"2"' not in json.dumps(_turns(fake_endpoint.requests[0])[:-1])


def test_by_default_and_not_by_a_call(lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """A source can be the default of an extractor, and a call can do without it."""
    fake_endpoint.answer(ANSWER, ANSWER)
    with Extractor("m", base_url=fake_endpoint.base_url, examples=lines) as extractor:
        extractor.run(Bill, DOCUMENT)
        extractor.run(Bill, DOCUMENT, examples=())
    assert [len(_asked(request)) for request in fake_endpoint.requests] == [4, 1]


def test_async(lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """The async extractor shows the same ones, in calls, in maps and in streams."""
    fake_endpoint.repeat = True
    fake_endpoint.answer(ANSWER)

    async def ask() -> None:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url, examples=lines) as extractor:
            await extractor.run(Bill, DOCUMENT)
            async with extractor.map(Bill, [DOCUMENT]) as results:
                assert [each.value.number async for each in results] == ["4"]
            async for _ in extractor.stream(Bill, DOCUMENT):
                pass

    asyncio.run(ask())
    assert [_asked(request)[-2:] for request in fake_endpoint.requests] == [[TEXTS["2"], DOCUMENT]] * 3


def test_lower_forms_have_them_in_their_own_shape(
    extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint
) -> None:
    """Where a form is refused, the next one shows the same examples as it is to be answered."""
    refusal = Reply(status=400, body={"error": {"message": "response_format.json_schema is not supported"}})

    def answer(request: Recorded) -> Any:
        return refusal if request.body.get("response_format", {}).get("type") == "json_schema" else ANSWER

    fake_endpoint.answer(answer)
    with Extractor("m", base_url=fake_endpoint.base_url, dialect="openai", examples=lines) as other:
        other.run(Bill, DOCUMENT)
    first, *_, last = fake_endpoint.requests
    assert _asked(first) == _asked(last)
    assert json.loads(_turns(first)[1][1])["extra"] == [{"key": "a", "value": 1}]
    assert json.loads(_turns(last)[1][1])["extra"] == {"a": 1}


def test_asked_again(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """They are there when the whole is asked for again, and not when single fields are."""
    fake_endpoint.repeat = False
    fake_endpoint.answer("no JSON", ANSWER, {"number": None, "extra": {"a": 1, "b": 2}}, {"number": "4"})
    extractor.run(Bill, DOCUMENT, examples=lines)
    extractor.run(Bill, DOCUMENT, examples=lines)
    asked = [_asked(request) for request in fake_endpoint.requests]
    assert asked[1][:4] == asked[0]
    assert TEXTS["1"] in asked[2]
    assert TEXTS["1"] not in asked[3]


def test_fallbacks_have_them(lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """Another endpoint is shown the same examples."""
    fake_endpoint.answer(Reply(status=404, body={"error": {"message": "no such model"}}), ANSWER)
    with Extractor("m", base_url=fake_endpoint.base_url, examples=lines, fallbacks=["n"]) as extractor:
        extractor.run(Bill, DOCUMENT)
    first, second = fake_endpoint.requests
    assert (first.body["model"], second.body["model"]) == ("m", "n")
    assert _asked(first) == _asked(second)


def test_the_callers_own_turns(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """They stand before the caller's own turns, as all examples do; without a document there are none."""
    own = {"role": "user", "content": "Read this:"}
    extractor.run(Bill, DOCUMENT, examples=lines, messages=[own])
    extractor.run(Bill, examples=lines, messages=[own])
    first, second = fake_endpoint.requests
    assert _asked(first)[-3:] == [TEXTS["2"], "Read this:", DOCUMENT]
    assert _asked(second) == ["Read this:"]


def test_chunks_have_none(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """A document that is cut is asked for without examples; its pairs are shown with every chunk."""
    long = "\n\n".join(f"Bill 4 of Acme, page {page}: chairs, and tables, and more." for page in range(12))
    extractor.run(Bill, long, examples=lines, chunking=Chunking(tokens=80, overlap=0))
    assert all(len(_asked(request)) == 1 for request in fake_endpoint.requests)
    assert len(fake_endpoint.requests) > 1


def test_too_large_with_examples(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """Where a request is too large with examples, it is made without; what the endpoint said is kept in mind."""
    refusal = Reply(status=400, body={"error": {
        "message": "This model's maximum context length is 160 tokens.", "code": "context_length_exceeded",
    }})  # fmt: skip

    def answer(request: Recorded) -> Any:
        return refusal if len(_asked(request)) > 1 else ANSWER

    fake_endpoint.answer(answer)
    assert extractor.run(Bill, DOCUMENT, examples=lines).value == Bill(number="4")
    assert extractor.run(Bill, DOCUMENT, examples=lines).value == Bill(number="4")
    assert [len(_asked(request)) for request in fake_endpoint.requests] == [4, 1, 1]


def test_a_wrong_path(extractor: Extractor, tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    """A file that is not there is said before anything is sent, of a map for all of its documents."""
    with pytest.raises(OptionError, match="There is no file"):
        extractor.run(Bill, DOCUMENT, examples=tmp_path / "none.jsonl")
    with pytest.raises(OptionError, match="There is no file"):
        extractor.map(Bill, [DOCUMENT], examples=tmp_path / "none.jsonl")
    assert fake_endpoint.requests == []


# ------------------------------------------------------------------------------------------- jobs


def _mapped(extractor: Extractor, job: Path, documents: list[str], **call: Any) -> list[Any]:
    with extractor.map(Bill, documents, job=job, ordered=True, **call) as results:
        return [result.error or result.value for result in results]


def _options(path: Path) -> list[Any]:
    with Job(path) as job:
        return [run.options.get("examples") for run in job.runs]


def test_a_map_reads_once(extractor: Extractor, lines: Path, fake_endpoint: FakeEndpoint) -> None:
    """What is added while a map goes on is for the next one."""
    seen = []
    with extractor.map(Bill, [DOCUMENT, f"{DOCUMENT}!"], concurrency=1, examples=lines) as results:
        for _ in results:
            _lines(lines, PAIRS[:1])
            seen.append(len(_asked(fake_endpoint.requests[-1])))
    assert seen == [4, 4]


def test_the_run_of_a_job_is_one_with_its_examples(extractor: Extractor, lines: Path, tmp_path: Path) -> None:
    """The same examples go on with a run, others make another; the options name their digest, and no text."""
    job = tmp_path / "bills.db"
    for nearest in (2, 2, 1):
        _mapped(extractor, job, [DOCUMENT], examples=Examples(lines, nearest=nearest))
    _lines(lines, PAIRS[:2])
    _mapped(extractor, job, [DOCUMENT], examples=Examples(lines, nearest=1))
    options = _options(job)
    assert [(each["nearest"], each["count"]) for each in options] == [(2, 3), (1, 3), (1, 2)]
    assert "Acme" not in json.dumps(options)


def test_options_without_examples(extractor: Extractor) -> None:
    """Where there are no examples, or a source without any, a run's options are those that they always were."""
    plain = options_of(extractor._settings, extractor._address)
    assert "examples" not in plain
    assert "source" not in plain


def test_what_people_corrected_is_shown(extractor: Extractor, tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    """The documents of a job that people accepted or corrected are examples for the next run, as they have them."""
    path = tmp_path / "bills.db"
    _mapped(extractor, path, list(TEXTS.values()), examples=path)
    assert _options(path) == [None]
    with Job(path) as job:
        names = [record.name for record in job.records()]
        job.correct(names[1], {"number": "2", "extra": {"b": 2}}, target=Bill)
        job.reject(names[0])
        extractor.run(Bill, DOCUMENT, examples=job)
        job.accept(names[2])
        extractor.run(Bill, DOCUMENT, examples=path)
    first, second = fake_endpoint.requests[-2:]
    assert _asked(first) == [TEXTS["2"], DOCUMENT]
    assert json.loads(_turns(first)[1][1]) == {"number": "2", "extra": [{"key": "b", "value": 2}]}
    assert _asked(second) == [TEXTS["3"], TEXTS["2"], DOCUMENT]
    _mapped(extractor, path, [DOCUMENT], examples=path)
    assert _options(path)[-1]["count"] == 2


def test_a_job_without_any(extractor: Extractor, tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    """A job that nobody has looked through, or that has no run yet, has no examples, which is no error."""
    path = tmp_path / "bills.db"
    Job(path).close()
    extractor.run(Bill, DOCUMENT, examples=path)
    _mapped(extractor, path, [DOCUMENT])
    extractor.run(Bill, DOCUMENT, examples=path)
    assert all(len(_asked(request)) == 1 for request in fake_endpoint.requests)
