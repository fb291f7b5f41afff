"""The public API as its users write it: type-checked by `mypy --strict`, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, assert_type

import httpx
from pydantic import BaseModel
from typing_extensions import TypedDict

from extractor import (
    UNKNOWN,
    AsyncExtractor,
    Attempt,
    Audio,
    BadReply,
    Calibration,
    Chunking,
    ChunkResult,
    ChunksFailed,
    Conflict,
    Dialect,
    DocumentResult,
    EndpointError,
    Extraction,
    ExtractionFailed,
    Extractor,
    ExtractorError,
    FieldError,
    File,
    FileLimits,
    Gap,
    Grounded,
    Image,
    Inferred,
    Input,
    Job,
    ListReport,
    Loaded,
    Merge,
    OptionError,
    Outcome,
    Partial,
    Repair,
    SchemaError,
    Span,
    StatusError,
    TargetFailed,
    aextract,
    calibrate,
    extract,
    inputs,
    load,
)
from extractor.loop.ladder import Step
from extractor.schema.dialects import Mode
from extractor.streams import AsyncStream, Stream
from extractor.testing import FakeEndpoint, Recorded, Reply


class Invoice(BaseModel):
    """A pydantic model."""

    number: str
    total: float


@dataclass
class Point:
    """A dataclass."""

    x: int


class Movie(TypedDict):
    """A TypedDict."""

    title: str


TEXT = "Invoice 17, total 3.50"
SCHEMA: dict[str, Any] = {"type": "object"}
FROZEN_SCHEMA: Mapping[str, Any] = SCHEMA


def functions() -> None:
    """`extract` gives what the target says."""
    assert_type(extract(Invoice, TEXT), Invoice)
    assert_type(extract(Point, TEXT), Point)
    assert_type(extract(Movie, TEXT), Movie)
    assert_type(extract(int, TEXT), int)
    assert_type(extract(list[int], TEXT), list[int])
    assert_type(extract(list[Invoice], TEXT), list[Invoice])
    assert_type(extract(dict[str, Invoice], TEXT), dict[str, Invoice])
    assert_type(extract(SCHEMA, TEXT), Any)
    assert_type(extract(FROZEN_SCHEMA, TEXT), Any)
    assert_type(extract(Path("invoice.json"), TEXT), Any)
    assert_type(extract("invoice", TEXT), Any)
    extract(Invoice, TEXT, model="evolink/gemini-2.5-flash-lite")
    extract(Invoice, TEXT, model="m", base_url="http://localhost:8000/v1", api_key="key", temperature=0)
    extract(Invoice, messages=[{"role": "user", "content": TEXT}])


async def async_functions() -> None:
    """`aextract` gives the same, awaited."""
    assert_type(await aextract(Invoice, TEXT), Invoice)
    assert_type(await aextract(list[int], TEXT), list[int])
    assert_type(await aextract(SCHEMA, TEXT), Any)
    assert_type(await aextract("invoice", TEXT), Any)
    await aextract(Invoice, TEXT, model="m", base_url="http://localhost:8000/v1", api_key="key", temperature=0)


def extractors() -> None:
    """`Extractor.run` gives an `Extraction` of the target."""
    with Extractor("openai/gpt-4.1-mini") as extractor:
        assert_type(extractor, Extractor)
        assert_type(extractor.extract(Invoice, TEXT), Invoice)
        assert_type(extractor.extract(SCHEMA, TEXT), Any)
        assert_type(extractor.run(Invoice, TEXT), Extraction[Invoice])
        assert_type(extractor.run(list[int], TEXT), Extraction[list[int]])
        assert_type(extractor.run(SCHEMA, TEXT), Extraction[Any])
        assert_type(extractor.run("invoice", TEXT), Extraction[Any])
        assert_type(extractor.model, str)
        assert_type(extractor.base_url, str)
    Extractor().close()


async def async_extractors() -> None:
    """`AsyncExtractor` has the same methods with `await`."""
    async with AsyncExtractor("openai/gpt-4.1-mini") as extractor:
        assert_type(extractor, AsyncExtractor)
        assert_type(await extractor.extract(Invoice, TEXT), Invoice)
        assert_type(await extractor.extract(SCHEMA, TEXT), Any)
        assert_type(await extractor.run(Invoice, TEXT), Extraction[Invoice])
        assert_type(await extractor.run(list[int], TEXT), Extraction[list[int]])
        assert_type(await extractor.run(SCHEMA, TEXT), Extraction[Any])
    await AsyncExtractor(http_client=httpx.AsyncClient()).aclose()


def results(result: Extraction[Invoice]) -> None:
    """What a result carries."""
    assert_type(result.value, Invoice)
    assert_type(result.value.total, float)
    assert_type(result.usage.total_tokens, int)
    assert_type(result.usage.completion_tokens_details.reasoning_tokens, int)
    assert_type(result.attempts, tuple[Attempt, ...])
    assert_type(result.attempts[0].outcome, Outcome)
    assert_type(result.attempts[0].errors, tuple[FieldError, ...])
    assert_type(result.attempts[0].errors[0].pointer, str)
    assert_type(result.model, str)
    assert_type(result.seconds, float)
    assert_type(result.mode, Mode | None)
    assert_type(result.steps, tuple[Step, ...])
    assert_type(result.steps[0].mode, Mode | None)
    assert_type(result.steps[0].dropped, str)
    assert_type(result.steps[0].status, int)


def documents() -> None:
    """A document is a text, a part, or several parts."""
    extract(Invoice, Image(data=b"", media_type="image/jpeg"))
    extract(Invoice, ["Look:", Image(url="https://h.example/a.png", detail="low"), File(data=b"")])
    extract(Invoice, [Audio(data=b"", format="mp3"), {"type": "text", "text": "end"}])
    extract(Invoice, {"type": "text", "text": TEXT})


def every_option(effort: Literal["none", "low"], form: Mapping[str, Any]) -> None:
    """Every request field is a typed keyword of the extractor and of the call."""
    extractor = Extractor(
        "m",
        base_url="http://localhost:8000/v1",
        api_key="key",
        http_client=httpx.Client(),
        timeout=httpx.Timeout(10.0),
        headers={"X-Trace": "7"},
        dialect="openai",
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=4_096,
        max_tokens=4_096,
        temperature=0,
        top_p=0.5,
        frequency_penalty=-1.5,
        presence_penalty=2,
        stop=["END"],
        n=3,
        reasoning_effort=effort,
        seed=7,
        logprobs=True,
        top_logprobs=5,
        response_format=form,
        tools=[form],
        tool_choice="auto",
        extra_body={"google": {}},
        extra_fields={"top_k": 40},
        instructions="Be exact.",
        examples=[(TEXT, Invoice(number="17", total=3.5)), ("None.", {"number": "", "total": 0})],
        max_retries=1,
        deadline=30,
        mode="relaxed",
        absent="allow",
    )
    extractor.run(
        Invoice,
        TEXT,
        model="other",
        messages=[{"role": "user", "content": "Read this:"}],
        context={"today": "2026-01-01"},
        stream=None,
        max_completion_tokens=None,
        temperature=None,
        stop="END",
        reasoning_effort="high",
        seed=None,
        tool_choice={"type": "function"},
        extra_fields=None,
        instructions=None,
        max_retries=0,
        deadline=None,
        mode="auto",
        absent="forbid",
    )


def wrong_options(extractor: Extractor) -> None:
    """A misspelt or mistyped option is an error of the type checker. The ignores are checked to be needed."""
    extractor.run(Invoice, TEXT, temprature=0)  # type: ignore[call-overload]
    extractor.run(Invoice, TEXT, temperature="hot")  # type: ignore[call-overload]
    extractor.run(Invoice, TEXT, reasoning_effort="extreme")  # type: ignore[call-overload]
    extractor.run(Invoice, TEXT, mode="fast")  # type: ignore[call-overload]
    extractor.run(Invoice, TEXT, absent=True)  # type: ignore[call-overload]
    extractor.run(Invoice, TEXT, base_url="http://localhost")  # type: ignore[call-overload]
    extract(Invoice, 17)  # type: ignore[call-overload]
    Extractor("m", messages=[])  # type: ignore[call-arg]
    Extractor("m", http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    AsyncExtractor("m", http_client=httpx.Client())  # type: ignore[arg-type]


def own_dialect() -> None:
    """A dialect of one's own."""
    Extractor("m", dialect=Dialect(name="own", keywords=frozenset({"type"}), formats=frozenset()))


def errors() -> Invoice | None:
    """Errors carry typed evidence."""
    try:
        return extract(Invoice, TEXT)
    except OptionError as error:
        assert_type(error.option, str)
    except SchemaError as error:
        assert_type(error.pointer, str)
    except ExtractionFailed as error:
        assert_type(error.attempts, tuple[Attempt, ...])
        assert_type(error.errors, tuple[FieldError, ...])
        assert_type(error.usage.total_tokens, int)
        assert_type(error.value, Any)
        assert_type(error.steps, tuple[Step, ...])
    except StatusError as error:
        assert_type(error.status, int)
        assert_type(error.headers, dict[str, str])
    except BadReply as error:
        assert_type(error.body, str)
    except EndpointError as error:
        assert_type(error.url, str)
        assert_type(error.attempts, tuple[Attempt, ...])
        assert_type(error.steps, tuple[Step, ...])
    except ExtractorError as error:
        assert_type(error.hint, str)
    return None


def testing() -> None:
    """The fake endpoint."""

    def answer(request: Recorded) -> Reply:
        return Reply(content={"number": request.body["messages"][0]["content"]}, finish_reason=None)

    with FakeEndpoint("text", {"a": 1}, [1], Reply(status=429, raw=b"", headers={"retry-after": "7"}), answer) as fake:
        assert_type(fake, FakeEndpoint)
        assert_type(fake.base_url, str)
        assert_type(fake.requests, list[Recorded])
        fake.answer({"number": "17"}, "text")
    Extractor("m", http_client=httpx.Client(transport=fake.transport()))
    AsyncExtractor("m", http_client=httpx.AsyncClient(transport=fake.transport()))


def streams(extractor: Extractor) -> None:
    """A stream shows partial values, or items, and ends with the extraction."""
    stream = extractor.stream(Invoice, TEXT, temperature=0)
    assert_type(stream, Stream[Partial[Invoice], Invoice])
    for partial in stream:
        assert_type(partial, Partial[Invoice])
        if partial.total is not UNKNOWN:
            print(partial.total, partial["number"], partial.model_fields_set, partial.model_dump())
    assert_type(stream.result, Extraction[Invoice])
    items = extractor.stream_items(Invoice, TEXT)
    for item in items:
        assert_type(item, Invoice)
    assert_type(items.result.value, list[Invoice])
    assert_type(stream.result.candidates, tuple[Invoice, ...])
    repair: Repair
    for attempt in stream.result.attempts:
        for repair in attempt.repairs:
            print(repair.kind, repair.message, repair.pointer, repair.offset)
        print(attempt.asked, attempt.changed)
    extractor.stream(SCHEMA, TEXT)


async def async_streams(extractor: AsyncExtractor) -> None:
    """The same with `async for`."""
    stream = extractor.stream(Invoice, TEXT)
    assert_type(stream, AsyncStream[Partial[Invoice], Invoice])
    async for partial in stream:
        assert_type(partial, Partial[Invoice])
    assert_type(stream.result.value, Invoice)
    async for item in extractor.stream_items(Invoice, TEXT):
        assert_type(item, Invoice)


def validators_that_break_down(extractor: Extractor) -> None:
    """What a validator raises is the cause of what the call raises."""
    try:
        extractor.extract(Invoice, TEXT, coerce=False)
    except TargetFailed as failed:
        print(failed.__cause__, failed.attempts)


class Line(BaseModel):
    """A line of it."""

    item: str


class Signed(BaseModel):
    """Marks of where values come from, and of how they are merged."""

    vendor: Annotated[str, Grounded()]
    name: Annotated[str, Grounded(nearly=True)]
    summary: Annotated[str, Inferred()] = ""
    balance: Annotated[float, Merge("last")]
    lines: Annotated[list[Line], Merge(key="item")]


def evidence(extractor: Extractor) -> None:
    """What is known of the fields, the lists and the chunks of a value."""
    result = extractor.run(
        Signed,
        TEXT,
        confidence=True,
        candidates=3,
        recall="high",
        chunking=Chunking(tokens=4_000, overlap=100, at_once=8),
        ungrounded="drop",
        copy=True,
    )
    field = result.fields["/vendor"]
    assert_type(field.span, Span | None)
    assert_type(field.spans, tuple[Span, ...])
    assert_type(field.confidence, float | None)
    print(field.status, field.score, field.elsewhere, field.logprob, field.agreement, field.others)
    for report in result.lists:
        assert_type(report, ListReport)
        assert_type(report.gaps, tuple[Gap, ...])
        print(report.pointer, report.status, report.returned, report.expected, report.lacking)
    for chunk in result.chunks:
        assert_type(chunk, ChunkResult)
        assert_type(chunk.error, ExtractorError | None)
    assert_type(result.conflicts, tuple[Conflict, ...])
    assert_type(result.complete, bool)
    assert_type(result.to_html(), str)
    result.show()
    calibration = calibrate([(result, Signed(vendor="a", name="b", balance=1, lines=[]))])
    assert_type(calibration, Calibration)
    Extractor("m", calibration=calibration, chunking=None, recall="normal")
    try:
        extractor.extract(Signed, TEXT)
    except ChunksFailed as failed:
        print(failed.failures, failed.value)


def many(extractor: Extractor) -> None:
    """Many documents: what comes is typed by the target."""
    paths: list[Path] = [Path("a.pdf"), Path("b.txt")]
    with extractor.map(Invoice, paths, job="invoices.db", ordered=True, concurrency=8, temperature=0) as results:
        for each in results:
            assert_type(each, DocumentResult[Invoice])
            assert_type(each.value, Invoice)
            assert_type(each.result, Extraction[Invoice] | None)
            assert_type(each.error, ExtractorError | None)
        results.stop()
    for given in extractor.map({"type": "object"}, inputs(["folder"])):
        assert_type(given, DocumentResult[Any])
    loaded = load("a.pdf", limits=FileLimits(max_pages=10))
    assert_type(loaded, Loaded)
    assert_type(extractor.extract(Invoice, loaded), Invoice)
    assert_type(extractor.extract(Invoice, Path("a.pdf")), Invoice)
    with Job("invoices.db") as job:
        assert_type(job.counts().done, int)
        for record in job.records(states=("failed",)):
            print(record.name, record.error, record.row)
        for result in job.results(Invoice):
            assert_type(result, DocumentResult[Invoice])
        job.export("invoices.csv", evidence=True, overwrite=True)
        assert_type(job.retry(), int)
        list(extractor.map(Invoice, [Input(name="a", document="text", row={"id": 1})], job=job))


async def many_asynchronously(extractor: AsyncExtractor) -> None:
    """The same with `async for`."""

    async def texts() -> AsyncIterator[str]:
        yield "one"

    async with extractor.map(Invoice, texts()) as results:
        async for each in results:
            assert_type(each, DocumentResult[Invoice])
