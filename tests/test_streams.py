"""Streams, sync and async: what is shown while a reply arrives, and that the end is what `run` gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from types import TracebackType
from typing import Any, Literal

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from extractor import AsyncExtractor, Extractor
from extractor.chat.sse import Piece, ReplyCollector
from extractor.errors import (
    BadReply,
    CallerError,
    CutOff,
    EndpointError,
    ExtractionFailed,
    RateLimited,
    ServerError,
    TargetFailed,
)
from extractor.reply.live import Live
from extractor.reply.outcome import Outcome
from extractor.reply.partial import UNKNOWN, Partial
from extractor.streams import AsyncStream, Stream
from extractor.testing import FakeEndpoint, Recorded, Reply

PATIENCE = 30.0  # seconds until a test that waits for something gives up
ANN: dict[str, Any] = {"name": "Ann", "age": 34}
few = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class Color(Enum):
    """An enumeration."""

    RED = "red"


@dataclass
class Point:
    """A dataclass."""

    x: int


class Order(BaseModel):
    """A model with what strict dialects rewrite."""

    name: str
    issued: date
    total: Decimal
    color: Color
    unit: Literal["kg", "piece"]
    buyer: Person | None
    lines: list[Person]
    prices: dict[str, float]
    point: Point
    odd: int = Field(alias="how many?", default=3)
    left: int = 4


ORDER: dict[str, Any] = {
    "name": "Ann Söhne 😀",
    "issued": "2025-03-17",
    "total": "12.5",
    "color": "red",
    "unit": "kg",
    "buyer": None,
    "lines": [ANN, {"name": 'B "b"', "age": 5}],
    "prices": {"a": 1.5, "b": 2.0},
    "point": {"x": 1},
    "how many?": 7,
}
PEOPLE: list[Any] = [ANN, {"name": "Bob", "age": 5}, {"name": "Eve", "age": 6}]


See = Callable[[Any], object]
Shown = tuple[list[Any], "Stream[Any, Any] | AsyncStream[Any, Any]"]


def shown(
    kind: str,
    base_url: str,
    target: Any,
    *,
    items: bool = False,
    made: dict[str, Any] | None = None,
    see: See = lambda each: None,
    **call: Any,
) -> Shown:
    """All that a stream of either kind shows, and the stream; `see` is called with each as it comes."""
    seen: list[Any] = []
    settings = {"base_url": base_url, **(made or {})}
    if kind == "sync":
        with Extractor("m", **settings) as one:
            stream = (one.stream_items if items else one.stream)(target, "a document", **call)
            for each in stream:
                see(each)
                seen.append(each)
            return seen, stream

    async def run() -> Shown:
        async with AsyncExtractor("m", **settings) as one:
            stream = (one.stream_items if items else one.stream)(target, "a document", **call)
            async for each in stream:
                see(each)
                seen.append(each)
            return seen, stream

    return asyncio.run(run())


def event(data: Any) -> str:
    """An event of a stream."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"


def delta(**delta: Any) -> str:
    """An event with what it adds to the first candidate."""
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})


def contents(text: str, size: int = 8) -> str:
    """The events of a content."""
    return "".join(delta(content=text[start : start + size]) for start in range(0, len(text), size))


STOP = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
DONE = event("[DONE]")


def streamed(*events: str, **more: Any) -> Reply:
    """A reply made of events."""
    return Reply(raw="".join(events), content_type="text/event-stream", **more)


def dumped(partials: Sequence[Any]) -> list[Any]:
    """The partials as plain data."""
    return [each.model_dump() for each in partials]


# ---------------------------------------------------------------------------------- what is shown


def test_partials_and_the_result(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """After every piece there is a partial with what is known by then, and the result at the end."""
    fake_endpoint.answer(Reply(content='{"name": "Ann", "age": 34}', chunk=6))
    seen, stream = shown(kind, fake_endpoint.base_url, Person)
    assert all(isinstance(each, Partial) for each in seen)
    assert dumped(seen) == [{}, {"name": "An"}, {"name": "Ann"}, {"name": "Ann"}, ANN]
    assert [each.name for each in seen] == [UNKNOWN, "An", "Ann", "Ann", "Ann"]
    assert [each.age for each in seen] == [UNKNOWN] * 4 + [34]
    assert stream.result.value == Person(name="Ann", age=34)


@pytest.mark.parametrize("dialect", ["openai", "evolink", "anthropic"])
def test_types_in_every_dialect(kind: str, dialect: str, fake_endpoint: FakeEndpoint) -> None:
    """Values are typed as in the model, and in its own shape, whatever the wire has."""

    def answer(request: Recorded) -> Reply:
        return Reply(content=_on_the_wire(ORDER, request), chunk=5)

    fake_endpoint.answer(answer)
    seen, stream = shown(kind, fake_endpoint.base_url, Order, made={"dialect": dialect})
    last = seen[-1]
    assert (last.issued, last.total, last.color, last.unit) == (date(2025, 3, 17), Decimal("12.5"), Color.RED, "kg")
    assert (last.name, last.buyer, last.point, last.odd) == (ORDER["name"], None, Point(x=1), 7)
    assert last.lines == [Person(**each) for each in ORDER["lines"]]
    assert last.prices == ORDER["prices"]
    assert last.model_dump() == ORDER
    assert {"a": 1.5} in [each.prices.model_dump() for each in seen if isinstance(each.prices, Partial)]
    assert [Person(**ANN)] in [each.lines[:1] for each in seen if isinstance(each.lines, Partial)]
    assert stream.result.value == Order.model_validate_json(json.dumps(ORDER))


def _on_the_wire(value: Any, request: Recorded) -> Any:
    """A value as the request's schema wants it written: pairs for maps, other keys, null for what is left out."""
    schema = request.body["response_format"]["json_schema"]["schema"]
    return _written(value, schema, schema.get("$defs", {}))


def _written(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _written(value, definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if isinstance(value, list):
        return [_written(each, schema["items"], definitions) for each in value]
    if isinstance(value, dict) and schema.get("type") == "array":
        return [{"key": key, "value": each} for key, each in value.items()]
    if isinstance(value, dict) and "properties" in schema:
        own = {key if key in schema["properties"] else _renamed(key, schema): each for key, each in value.items()}
        return {key: _written(own.get(key), each, definitions) for key, each in schema["properties"].items()}
    return value


def _renamed(key: str, schema: dict[str, Any]) -> str:
    names: list[str] = list(schema["properties"])
    return next(each for each in names if each[:3] == key[:3])


@pytest.mark.parametrize(("wanted", "value"), [(list[Person], PEOPLE), (dict[str, int], {"a": 1, "b": 2})])
@pytest.mark.parametrize("dialect", ["openai", "evolink", "anthropic"])
def test_roots_that_are_no_object(
    kind: str, wanted: Any, value: Any, dialect: str, fake_endpoint: FakeEndpoint
) -> None:
    """A list or map as the target is shown as itself, though the wire has an object around it."""
    wire = [{"key": key, "value": each} for key, each in value.items()] if isinstance(value, dict) else value

    def answer(request: Recorded) -> Any:
        schema = request.body["response_format"]["json_schema"]["schema"]
        return {"value": wire if schema["properties"]["value"]["type"] == "array" else value}

    fake_endpoint.answer(answer)
    seen, stream = shown(kind, fake_endpoint.base_url, wanted, made={"dialect": dialect})
    assert seen[-1].model_dump() == value
    assert len(seen[-1]) == len(value)
    assert stream.result.value == ([Person(**each) for each in value] if isinstance(value, list) else value)


def test_a_schema_as_the_target(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Of a JSON Schema there is plain data."""
    schema = {"type": "object", "properties": {"born": {"type": "string", "format": "date"}}, "required": ["born"]}
    fake_endpoint.answer(Reply(content={"born": "2025-03-17"}, chunk=14))
    seen, stream = shown(kind, fake_endpoint.base_url, schema)
    assert [each.born for each in seen] == ["2025", "2025-03-17"]
    assert stream.result.value == {"born": "2025-03-17"}


@few
@given(size=st.integers(1, 60), looked=st.booleans())
def test_any_chunking_gives_the_same_end(kind: str, fake_endpoint: FakeEndpoint, size: int, looked: bool) -> None:
    """However the reply is cut, each partial is what was known by then, and the end is the same."""
    text = json.dumps(ORDER, ensure_ascii=False)
    fake_endpoint.answer(Reply(content=text, chunk=size))
    seen, stream = shown(
        kind, fake_endpoint.base_url, Order, mode="prompt", see=lambda each: looked and each.model_dump()
    )
    assert stream.result.value == Order.model_validate_json(text)
    ends = [*range(size, len(text), size), len(text)]
    assert dumped(seen) == [_fresh(text[:end]) for end in ends]


def _fresh(text: str) -> Any:
    """What a strict reading makes of the beginning of an object, with open strings as far as they go."""
    from extractor.reply.node import plain

    live = Live()
    live.add(Piece(text))
    root = live.read()
    assert root is not None
    return plain(root, open_strings=live.reader)


@few
@given(places=st.lists(st.integers(0, 10**6), max_size=30), end=st.sampled_from(["\n", "\r\n"]))
def test_bytes_cut_anywhere(kind: str, places: list[int], end: str) -> None:
    """Where the network cuts the stream, even within a character or a line, makes no difference."""
    text = json.dumps({"name": "Añ 😀", "age": 34}, ensure_ascii=False)
    events = [json.dumps({"choices": [{"index": 0, "delta": {"content": each}}]}, ensure_ascii=False) for each in text]
    lines = [
        ": hello",
        "",
        *(line for each in events for line in (f"data: {each}", "")),
        *STOP.split("\n"),
        "data:[DONE]",
    ]
    body = ("\ufeff" + end.join(lines) + end * 2).encode()
    bounds = sorted({place % (len(body) + 1) for place in places})
    chunks = [body[a:b] for a, b in zip([0, *bounds], [*bounds, len(body)], strict=True)]
    seen, stream = _over(kind, chunks)
    assert stream.result.value == Person(name="Añ 😀", age=34)
    assert len(seen) == len(text)


def _over(kind: str, chunks: Sequence[bytes]) -> Shown:
    """A stream over a transport that gives these chunks of bytes."""
    headers = {"content-type": "text/event-stream"}
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if kind == "sync":
        transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, content=iter(chunks)))
        with httpx.Client(transport=transport, verify=verify) as client:
            return shown(kind, "http://x/v1", Person, made={"http_client": client})

    async def one_by_one() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, content=one_by_one()))
    made = {"http_client": httpx.AsyncClient(transport=transport, verify=verify)}
    return shown(kind, "http://x/v1", Person, made=made)


@pytest.mark.parametrize(
    "before", ["Here it is:\n```json\n", "<think>{so} [it] is</think>\n", "<thinking>\n", "\n\n ", "```\n"]
)
def test_what_stands_before_and_after(kind: str, before: str, fake_endpoint: FakeEndpoint) -> None:
    """Prose, a fence and thoughts around the JSON are no part of it."""
    text = before + ("</thinking>" if before == "<thinking>\n" else "") + json.dumps(ANN)
    fake_endpoint.answer(Reply(content=text + ("\n```" if "```" in before else ""), chunk=4))
    seen, stream = shown(kind, fake_endpoint.base_url, Person)
    assert stream.result.value == Person(name="Ann", age=34)
    assert seen[0].name is UNKNOWN
    assert seen[-1].model_dump() == ANN


# ----------------------------------------------------------------------------------- what is sent


def test_what_is_sent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A stream with its usage is asked for, and all else as `run` asks; nothing is sent before the iteration."""
    fake_endpoint.answer(Reply(content=ANN, usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}), ANN)
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        one.stream(Person, "a document")
        one.stream_items(Person, "a document")
    assert fake_endpoint.requests == []
    _, stream = shown(kind, fake_endpoint.base_url, Person, temperature=0.5)
    assert stream.result.usage.total_tokens == 7
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        one.run(Person, "a document", temperature=0.5)
    sent, usual = (request.body for request in fake_endpoint.requests)
    assert (sent.pop("stream"), sent.pop("stream_options")) == (True, {"include_usage": True})
    assert sent == usual


def test_the_result_is_that_of_run(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The end is what `run` makes of the same reply, mending and asking again included."""
    script: list[Any] = ['```json\n{"name": "Ann", "age": "old",}\n```', {"age": 34}, ANN]
    fake_endpoint.answer(*script)
    _, stream = shown(kind, fake_endpoint.base_url, Person, mode="prompt")
    fake_endpoint.answer(*script)
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        usual = one.run(Person, "a document", mode="prompt")
    result = stream.result
    assert (result.value, result.usage, result.mode, result.model) == (
        usual.value,
        usual.usage,
        usual.mode,
        usual.model,
    )
    for ours, its in zip(result.attempts, usual.attempts, strict=True):
        assert (ours.outcome, ours.value, ours.errors, ours.repairs) == (
            its.outcome,
            its.value,
            its.errors,
            its.repairs,
        )
        assert ours.reply.choices == its.reply.choices


# ------------------------------------------------------------------------------ what comes otherwise

texts = st.text(max_size=4) | st.sampled_from(['"', "\\", '"content":"', "another content", "\ud83d", "\ude00", "\n"])
drawn_deltas: st.SearchStrategy[Any] = st.fixed_dictionaries({"content": texts}) | st.sampled_from(
    [{}, {"content": None}, {"role": "assistant", "content": ""}, {"reasoning_content": "x"}, {"content": ["y"]}]
)
drawn_choices: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"delta": drawn_deltas},
    optional={
        "index": st.integers(0, 1),
        "finish_reason": st.sampled_from([None, "", "stop"]),
        "logprobs": st.sampled_from([None, {"content": [{"token": "a"}]}]),
        "content": st.just("beside"),
    },
)
drawn_chunks: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", '"content":"']), "choices": st.lists(drawn_choices, max_size=2)},
    optional={"content": texts, "created": st.integers(0, 1), "usage": st.sampled_from([None, {"total_tokens": 1}])},
)


@settings(max_examples=200)
@given(st.lists(st.tuples(drawn_chunks, st.lists(texts, max_size=3)), max_size=6))
def test_chunks_that_differ_in_their_content(drawn: list[tuple[Any, list[str]]]) -> None:
    """Chunks that are the same but for their content, which are read faster, mean what they do one by one."""
    fast, slow = ReplyCollector(), ReplyCollector()
    chunks = [copy for chunk, contents in drawn for copy in (chunk, *(_with(chunk, each) for each in contents))]
    for number, chunk in enumerate(chunks):
        piece = fast.add(json.dumps(chunk, separators=(",", ":")))
        # Never written as the one before, so that each is read by itself.
        assert slow.add(" " * (number % 2) + json.dumps(chunk)) == piece
    assert (fast.body, fast.finished, fast.error) == (slow.body, slow.finished, slow.error)


def _with(chunk: dict[str, Any], content: str) -> dict[str, Any]:
    """The chunk with another content in its first candidate."""
    first, *others = chunk["choices"] or [{"delta": {}}]
    return {**chunk, "choices": [{**first, "delta": {**first["delta"], "content": content}}, *others]}


ARGUMENTS = json.dumps(ANN)


def call(arguments: str, **more: Any) -> str:
    """An event with a part of a tool call."""
    return delta(tool_calls=[{"index": 0, **more, "function": {"arguments": arguments, **more.get("function", {})}}])


def test_a_tool_call(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The arguments of the call are shown as they come."""
    begun = delta(
        role="assistant",
        content=None,
        tool_calls=[{"index": 0, "id": "t", "type": "function", "function": {"name": "Person", "arguments": ""}}],
    )
    calls = [call(ARGUMENTS[start : start + 9]) for start in range(0, len(ARGUMENTS), 9)]
    fake_endpoint.answer(streamed(begun, *calls, STOP, DONE))
    seen, stream = shown(kind, fake_endpoint.base_url, Person, mode="tool")
    assert dumped(seen) == [{}, {"name": "Ann"}, ANN]
    assert stream.result.value == Person(name="Ann", age=34)


def test_content_instead_of_a_tool_call(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where a content comes instead of the call, it is shown, unless the call comes before anything is known."""
    said = contents("```json\n" + ARGUMENTS + "\n```", 9)
    fake_endpoint.answer(
        streamed(said, STOP, DONE), streamed(delta(content="{"), call(ARGUMENTS, id="t", function={}), STOP, DONE)
    )
    seen, stream = shown(kind, fake_endpoint.base_url, Person, mode="tool")
    assert dumped(seen)[-1] == ANN
    assert {"name": "Ann"} in dumped(seen)
    assert stream.result.value == Person(name="Ann", age=34)
    seen, stream = shown(kind, fake_endpoint.base_url, Person, mode="tool")
    assert dumped(seen) == [{}, ANN]
    assert stream.result.value == Person(name="Ann", age=34)


@pytest.mark.parametrize(
    "before", ["[1] Ann, [2] Bob {sic}: ", "Of [ ] and {}:\n", "{curly [1]} ", '[{"x": 1}] gives ', "[[1]]"]
)
@pytest.mark.parametrize("wanted", [Person, list[Person]])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_brackets_before_it(kind: str, before: str, wanted: Any, size: int, fake_endpoint: FakeEndpoint) -> None:
    """Brackets in prose show nothing but an empty object, whether the whole is an object or has one around it."""
    text = json.dumps(ANN if wanted is Person else {"value": PEOPLE})
    fake_endpoint.answer(streamed(contents(before + text, size)))
    seen: list[Any] = []
    with pytest.raises(CutOff):
        shown(kind, fake_endpoint.base_url, wanted, see=seen.append, max_retries=0)
    beginnings = [_fresh(text[:end]) for end in range(1, len(text) + 1)]
    allowed = beginnings if wanted is Person else [{}, *(each["value"] for each in beginnings if "value" in each)]
    assert all(each in allowed for each in dumped(seen))
    assert seen[-1].model_dump() == allowed[-1]


def test_thoughts_and_comments(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Thoughts beside the content, comments and empty events show nothing."""
    thoughts = [delta(reasoning_content=each) for each in ('{"name": ', '"Zoe"}')]
    said = [delta(content=each) for each in ('{"name": ', '"Ann", "age"', ": 34}")]
    quiet = [": ping\n\n", event("")]
    fake_endpoint.answer(streamed(": PROCESSING\n\n", *thoughts, said[0], *quiet, *said[1:], *quiet, STOP, DONE))
    seen, stream = shown(kind, fake_endpoint.base_url, Person)
    assert [each.name for each in seen] == [UNKNOWN, "Ann", "Ann"]
    assert stream.result.attempts[0].reply.choices[0].message.reasoning_content == '{"name": "Zoe"}'


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"error": {"message": "too many", "code": 429}}, RateLimited),
        ({"error": {"message": "overloaded", "code": 503}}, ServerError),
        ({"object": "error", "message": "broken"}, EndpointError),
    ],
)
def test_an_error_in_the_stream(kind: str, error: Any, expected: type[Exception], fake_endpoint: FakeEndpoint) -> None:
    """An error that comes in the stream is raised as that, after what had come before it was shown."""
    fake_endpoint.answer(streamed(contents(json.dumps(ANN)), event(error), DONE))
    seen: list[Any] = []
    with pytest.raises(expected):
        shown(kind, fake_endpoint.base_url, Person, see=seen.append)
    assert seen[-1].model_dump() == ANN


def test_no_done(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A finish reason is an end, too."""
    fake_endpoint.answer(streamed(contents(json.dumps(ANN)), STOP))
    _, stream = shown(kind, fake_endpoint.base_url, Person)
    assert [each.outcome for each in stream.result.attempts] == [Outcome.CONFORMING]


def test_no_finish_reason(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Without any end the reply is taken as broken off, and asked for again: the partials begin anew."""
    fake_endpoint.answer(streamed(contents('{"name": "Zoe", "a')), streamed(contents(json.dumps(ANN)), STOP, DONE))
    seen, stream = shown(kind, fake_endpoint.base_url, Person, mode="prompt")
    assert stream.result.attempts[0].outcome is Outcome.BROKEN_OFF
    assert stream.result.value.age == 34
    assert seen[0].model_dump() == {}
    assert "Zoe" in [each.name for each in seen]


def test_asked_for_again_as_a_whole(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the whole is asked for again, its partials are shown, too; those of the first stay what they were."""
    fake_endpoint.answer(Reply(content="I cannot see", chunk=3), Reply(content=ANN, chunk=100))
    seen, stream = shown(kind, fake_endpoint.base_url, Person)
    assert dumped(seen) == [ANN]
    assert len(stream.result.attempts) == 2


def test_asked_for_again_in_part(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where some fields are asked for again, their reply is in the result only."""
    fake_endpoint.answer(Reply(content={**ANN, "age": "old"}, chunk=100), {"age": 34})
    seen, stream = shown(kind, fake_endpoint.base_url, Person)
    assert [(each.name, each.age) for each in seen] == [("Ann", UNKNOWN)]
    assert stream.result.value.age == 34
    assert [each.asked for each in stream.result.attempts] == [(), ("/age",)]


def test_an_endpoint_that_does_not_stream(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint answers at once there are no partials, but the result."""
    message = {"role": "assistant", "content": json.dumps(ANN)}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    fake_endpoint.answer(Reply(raw=body))
    seen, stream = shown(kind, fake_endpoint.base_url, Person)
    assert seen == []
    assert stream.result.value == Person(name="Ann", age=34)


def test_refused_fields(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refused request is asked in another way, as by `run`."""
    refused = {"error": {"message": "Unsupported parameter: 'seed'.", "param": "seed", "code": "unsupported_parameter"}}
    fake_endpoint.answer(Reply(raw=json.dumps(refused), status=400), ANN)
    seen, stream = shown(kind, fake_endpoint.base_url, Person, seed=1)
    assert seen[-1].model_dump() == ANN
    assert [step.dropped for step in stream.result.steps] == ["seed"]


# --------------------------------------------------------------------------------------- failures


def test_failures_are_those_of_run(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where no reply conforms, the failure has all attempts; what was shown stays."""
    fake_endpoint.answer(Reply(content={"name": "Ann"}, chunk=100), repeat := {"name": "Bob"}, repeat)
    seen: list[Any] = []
    with pytest.raises(ExtractionFailed) as caught:
        shown(kind, fake_endpoint.base_url, Person, see=seen.append, mode="prompt", max_retries=1)
    assert [each.outcome for each in caught.value.attempts] == [Outcome.INVALID] * 2
    assert seen[0].model_dump() == {"name": "Ann"}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (streamed(contents('{"name": "A'), event({"choices": [{"delta": {}, "finish_reason": "length"}]})), CutOff),
        (Reply(status=500, raw="{}"), ServerError),
        (streamed("data: no JSON\n\n"), BadReply),
        (streamed(contents('{"na'), "data: {\n\n"), BadReply),
        (streamed(": nothing\n\n"), BadReply),
    ],
)
def test_errors(kind: str, reply: Reply, expected: type[Exception], fake_endpoint: FakeEndpoint) -> None:
    """What went wrong is said by the type of the error, and there is no result then."""
    fake_endpoint.answer(reply)
    with pytest.raises(expected):
        shown(kind, fake_endpoint.base_url, Person, max_retries=0)


def test_a_result_too_early(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Before the stream has come to its end there is no result; a stream can be gone through once."""
    fake_endpoint.answer(ANN)
    early: list[Any] = []

    async def run() -> None:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            stream = one.stream(Person, "a document")
            async for _ in stream:
                with pytest.raises(CallerError, match="not come to its end"):
                    early.append(stream.result)
            assert stream.result.value.age == 34
            with pytest.raises(CallerError, match="gone through already"):
                await anext(aiter(stream))

    if kind == "async":
        asyncio.run(run())
    else:
        with Extractor("m", base_url=fake_endpoint.base_url) as one:
            stream = one.stream(Person, "a document")
            with pytest.raises(CallerError, match="not come to its end"):
                early.append(stream.result)
            for _ in stream:
                with pytest.raises(CallerError, match="not come to its end"):
                    early.append(stream.result)
            assert stream.result.value.age == 34
            with pytest.raises(CallerError, match="gone through already"):
                next(iter(stream))
    assert early == []


def test_no_result_after_a_failure(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A stream that failed, or was left, has no result."""
    fake_endpoint.answer(Reply(status=500, raw="{}"))

    async def run() -> None:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            stream = one.stream(Person, "a document")
            with pytest.raises(ServerError):
                await anext(aiter(stream))
            with pytest.raises(CallerError):
                _ = stream.result

    if kind == "async":
        asyncio.run(run())
        return
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        stream = one.stream(Person, "a document")
        with pytest.raises(ServerError):
            next(iter(stream))
        with pytest.raises(CallerError):
            _ = stream.result


# ------------------------------------------------------------------------- a server that holds back


class Held:
    """A server for one request: sends its head and what comes first, then waits until it may go on."""

    def __init__(self, first: str, rest: str) -> None:
        self._first, self._rest = first, rest
        self._go = threading.Event()
        self._gone = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Held:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._go.set()
        self._thread.join()
        self._listener.close()

    def go_on(self) -> None:
        """Send the rest."""
        self._go.set()

    def is_left(self) -> bool:
        """Whether the client has closed the connection, or does while this waits."""
        return self._gone.wait(PATIENCE)

    def _serve(self) -> None:
        self._listener.settimeout(PATIENCE)
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            received = b""
            while not received.endswith(b"}"):  # of the body
                received += connection.recv(65_536)
            head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            connection.sendall((head + self._first).encode())
            if self._rest:
                self._go.wait(PATIENCE)
                connection.sendall(self._rest.encode())
            else:
                if connection.recv(1) == b"":
                    self._gone.set()


def test_a_partial_comes_before_the_rest(kind: str) -> None:
    """What has come is shown while the endpoint is still writing."""
    early: list[Any] = []
    with Held(delta(content='{"name": "Ann"'), contents(', "age": 34}') + STOP + DONE) as held:

        def see(partial: Any) -> None:
            early.append(partial.model_dump())
            held.go_on()

        _, stream = shown(kind, held.base_url, Person, see=see)
    assert early[0] == {"name": "Ann"}
    assert early[-1] == ANN
    assert stream.result.value.age == 34


def test_breaking_off_closes_the_connection(kind: str) -> None:
    """Who leaves the loop early leaves no connection open: the endpoint can stop writing."""
    with Held(delta(content='{"name": "Ann"'), "") as held:

        async def run() -> bool:
            async with AsyncExtractor("m", base_url=held.base_url) as one:
                async for partial in one.stream(Person, "a document"):
                    assert partial.name == "Ann"
                    break
                return await asyncio.to_thread(held.is_left)

        if kind == "async":
            assert asyncio.run(run())
            return
        with Extractor("m", base_url=held.base_url) as one:
            for partial in one.stream(Person, "a document"):
                assert partial.name == "Ann"
                break
            assert held.is_left()


@pytest.mark.parametrize("mode", ["auto", "prompt"])
def test_an_item_comes_before_the_rest(kind: str, mode: str) -> None:
    """An item is shown, validated, with the character that completes it."""
    text = json.dumps({"value": PEOPLE})
    end = text.index("}") + 1
    early: list[Any] = []
    with Held(delta(content=text[:end]), contents(text[end:]) + STOP + DONE) as held:

        def see(item: Any) -> None:
            early.append(item)
            held.go_on()

        seen, stream = shown(kind, held.base_url, Person, items=True, see=see, mode=mode)
    assert seen == early == [Person(**each) for each in PEOPLE]
    assert stream.result.value == seen


# ------------------------------------------------------------------------------------------ items


@few
@given(size=st.integers(1, 60), more=st.integers(0, 3))
def test_items_come_once(kind: str, fake_endpoint: FakeEndpoint, size: int, more: int) -> None:
    """Each item is shown once, equal ones as often as they are there, in their order."""
    people = [*PEOPLE, *PEOPLE[:more]]
    fake_endpoint.answer(Reply(content={"value": people}, chunk=size))
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True)
    assert seen == [Person(**each) for each in people] == stream.result.value


def test_items_of_a_schema(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The items of a JSON Schema are plain data."""
    schema = {"title": "Tag", "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    fake_endpoint.answer({"value": [{"a": 1}, {"a": 2}]})
    seen, stream = shown(kind, fake_endpoint.base_url, schema, items=True)
    assert seen == stream.result.value == [{"a": 1}, {"a": 2}]


def test_no_items(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An empty list shows nothing."""
    fake_endpoint.answer({"value": []})
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True)
    assert seen == stream.result.value == []


@pytest.mark.parametrize("dialect", ["openai", "evolink", "anthropic"])
def test_an_invalid_item_is_asked_for_again(kind: str, dialect: str, fake_endpoint: FakeEndpoint) -> None:
    """An item that is not valid is asked for by itself, and shown at the end; the list has it in its place."""
    people = [PEOPLE[0], {"name": "Bob", "age": "old"}, PEOPLE[2]]

    def answer(request: Recorded) -> Any:
        assert "Ann" not in json.dumps(request.body["messages"][2:])
        return dict.fromkeys(request.body["response_format"]["json_schema"]["schema"]["properties"], 5)

    fake_endpoint.answer({"value": people}, answer)
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True, made={"dialect": dialect})
    assert [each.name for each in seen] == ["Ann", "Eve", "Bob"]
    assert stream.result.value == [Person(**each) for each in PEOPLE]
    assert len(stream.result.attempts) == 2


def test_items_that_are_mended(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An item that is valid once a number is no text any more is shown so, at once, and once."""
    fake_endpoint.answer({"value": [{"name": "Ann", "age": "34"}, PEOPLE[1]]})
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True)
    assert seen == stream.result.value == [Person(**each) for each in PEOPLE[:2]]


def test_items_of_a_list_that_comes_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the whole list is asked for again, what was shown is not shown again, and what is new is."""
    broken = json.dumps({"value": PEOPLE[:2]})[:-3] + "…"
    fake_endpoint.answer(streamed(contents(broken)), {"value": [PEOPLE[0], *PEOPLE]})
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True, mode="prompt")
    assert sorted(each.name for each in seen) == ["Ann", "Ann", "Bob", "Eve"]
    assert [each.name for each in stream.result.value] == ["Ann", "Ann", "Bob", "Eve"]


def test_items_of_an_endpoint_that_does_not_stream(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint answers at once, all items come at the end; also where there is an object around them."""
    message = {"role": "assistant", "content": json.dumps({"value": PEOPLE})}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    fake_endpoint.answer(Reply(raw=body))
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True)
    assert seen == stream.result.value == [Person(**each) for each in PEOPLE]


def test_items_that_fail(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the list never conforms, what was valid has been shown, and the failure has the rest."""
    people = [PEOPLE[0], {"name": "Bob", "age": "old"}]
    fake_endpoint.answer({"value": people})
    seen: list[Any] = []
    with pytest.raises(ExtractionFailed) as caught:
        shown(kind, fake_endpoint.base_url, Person, items=True, see=seen.append, max_retries=0)
    assert seen == [Person(name="Ann", age=34)]
    assert caught.value.value == people
    assert [error.pointer for error in caught.value.errors] == ["/1/age"]


def test_single_values_as_items(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Items can be of any type."""
    fake_endpoint.answer(Reply(content={"value": ["2025-03-17", "2025-03-18"]}, chunk=1))
    seen, stream = shown(kind, fake_endpoint.base_url, date, items=True)
    assert seen == stream.result.value == [date(2025, 3, 17), date(2025, 3, 18)]


def test_a_closed_extractor(fake_endpoint: FakeEndpoint) -> None:
    """A closed extractor streams nothing, and says so at once."""
    one = Extractor("m", base_url=fake_endpoint.base_url)
    one.close()
    with pytest.raises(CallerError, match="closed"):
        one.stream(Person, "a document")


def test_several_streams_at_once(fake_endpoint: FakeEndpoint) -> None:
    """Streams of one extractor can be gone through side by side."""
    fake_endpoint.answer(ANN, ANN)
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        streams: list[Iterator[Any]] = [iter(one.stream(Person, "a document")) for _ in range(2)]
        seen = [dumped(each) for each in zip(*streams, strict=True)]
    assert seen[-1] == [ANN, ANN]


class Code(BaseModel):
    """A model that wants numbers as texts, and a map, which strict dialects rewrite."""

    code: str
    rates: dict[str, str] = {}


CODES = '[{"code": 1.50, "rates": {"a": 2.0}}, {"code": "7", "rates": {}}, {"code": 1e2, "rates": {}}]'


@pytest.mark.parametrize("size", [1, 5, 200])
def test_an_item_is_read_as_the_whole_is(kind: str, size: int, fake_endpoint: FakeEndpoint) -> None:
    """What the whole mends by how it was written is mended so in an item: it is shown once, and as it will be."""
    text = CODES.replace('{"a": 2.0}', '[{"key": "a", "value": 2.0}]').replace("{}", "[]")
    fake_endpoint.answer(Reply(content=f'{{"value": {text}}}', chunk=size))
    seen, stream = shown(kind, fake_endpoint.base_url, Code, items=True)
    assert [(each.code, each.rates) for each in seen] == [("1.50", {"a": "2.0"}), ("7", {}), ("1e2", {})]
    assert stream.result.value == seen
    assert len(stream.result.attempts) == 1


@pytest.mark.parametrize(
    "before", ["[1] and [5] {x}: ", '[a] {1} [[5]] ([x, 5]) {"value": 5} ', '{"value": ["x"]} or ']
)
def test_prose_is_no_item(kind: str, before: str, fake_endpoint: FakeEndpoint) -> None:
    """Brackets in prose are no items, also where they would be one but that an object should be around the list."""
    fake_endpoint.answer(streamed(contents(before + '{"value": [7, 8]}'), STOP, DONE))
    seen: list[Any] = []
    with contextlib.suppress(ExtractionFailed):  # where there is more than one value
        shown(kind, fake_endpoint.base_url, int, items=True, max_retries=0, see=seen.append)
    assert seen == [7, 8]


def test_a_list_without_what_should_be_around_it(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the object around the list is left out, its items come at the end."""
    fake_endpoint.answer(PEOPLE)
    seen, stream = shown(kind, fake_endpoint.base_url, Person, items=True)
    assert seen == stream.result.value == [Person(**each) for each in PEOPLE]


class Breaking(BaseModel):
    """A model with a validator that breaks."""

    age: int

    @field_validator("age")
    @classmethod
    def _breaks(cls, age: int) -> int:
        return 1 // (age - 5) + age


@pytest.mark.parametrize("items", [False, True])
def test_a_validator_that_breaks(kind: str, items: bool, fake_endpoint: FakeEndpoint) -> None:
    """A validator that breaks down is an error at the end, with what was asked; until then all else is shown."""
    ages = [{"age": age} for age in (7, 5, 8)]
    fake_endpoint.answer(Reply(content={"value": ages} if items else ages[1], chunk=4))
    seen: list[Any] = []
    with pytest.raises(TargetFailed) as caught:
        shown(kind, fake_endpoint.base_url, Breaking, items=items, see=seen.append)
    assert len(caught.value.attempts) == 1
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    if items:
        assert [each.age for each in seen] == [7, 8]
    else:
        assert seen[-1].age is UNKNOWN


def test_an_empty_list_is_all(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """After an empty list nothing else is taken for items."""
    fake_endpoint.answer(Reply(content='{"value": []} as in {"value": [5]}', chunk=3))
    seen: list[Any] = []
    with pytest.raises(ExtractionFailed, match="different values"):
        shown(kind, fake_endpoint.base_url, int, items=True, max_retries=0, see=seen.append)
    assert seen == []


def test_json_text_that_is_not_clean_is_not_shown() -> None:
    """Where JSON text within a reply must not become data, the partials do without it, and the result says so."""

    class Loose(BaseModel):
        name: str
        more: Any

    reply = {"name": "Ann", "more": '{"a": 1e999}'}
    seen: list[str] = []
    with (
        FakeEndpoint(Reply(content=reply, chunk=4)) as fake,
        Extractor("m", base_url=fake.base_url, dialect="anthropic", max_retries=0) as extractor,
        pytest.raises(ExtractionFailed) as caught,
    ):
        seen.extend(f"{partial.name} {partial.more}" for partial in extractor.stream(Loose, "…"))
    assert seen[-1] == "Ann UNKNOWN"
    assert [error.kind for error in caught.value.errors] == ["not_finite"]
