"""`Extractor` and `AsyncExtractor` against an endpoint on loopback: what is sent, what comes back."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from either_kind import run_once
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from typing_extensions import TypedDict

import extractor
from extractor import AsyncExtractor, Audio, Extraction, Extractor, File, Image, aextract, extract
from extractor.chat.options import RULES
from extractor.chat.wire import ChatReply, ChatRequest
from extractor.endpoint.errand import Errand
from extractor.endpoint.http import Sender
from extractor.errors import (
    BadReply,
    CallerError,
    ConfigurationError,
    ConnectionFailed,
    CutOff,
    DocumentError,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    OptionError,
    SchemaError,
    ServerError,
    TimedOut,
)
from extractor.settings import Call, MapCall, OneCall, SharedCall
from extractor.testing import FakeEndpoint, Recorded, Reply

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk-planted-0123456789"
ANN = {"name": "Ann", "age": 34}
PNG = b"\x89PNG\r\n"


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


def _run(
    kind: str,
    fake: FakeEndpoint,
    target: Any,
    document: Any = "Ann is 34.",
    *,
    settings: Any = None,
    **call: Any,
) -> Extraction[Any]:
    """One call of an extractor of either kind; `settings` are for the extractor, the rest for the call."""
    made = {"base_url": fake.base_url, **(settings or {})}
    return run_once(kind, made, target, document, **call)


def _body(fake: FakeEndpoint, number: int = -1) -> dict[str, Any]:
    body: dict[str, Any] = fake.requests[number].body
    return body


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# ---------------------------------------------------------------------------------------- what is sent


def test_nothing_unset_is_on_the_wire(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Without options the body has the model, the schema and the messages, and nothing else."""
    fake_endpoint.answer(ANN)
    result = _run(kind, fake_endpoint, Person)
    assert result.value == Person(name="Ann", age=34)
    assert list(_body(fake_endpoint)) == ["model", "response_format", "messages"]
    assert _body(fake_endpoint)["model"] == "m"
    system, user = _body(fake_endpoint)["messages"]
    assert system["role"] == "system"
    assert user == {"role": "user", "content": "Ann is 34."}


def test_the_schema_on_the_wire(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The target's schema is sent as a strict json_schema with a name."""
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, Person)
    form = _body(fake_endpoint)["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"] == "Person"
    assert form["json_schema"]["strict"] is True
    assert list(form["json_schema"]["schema"]["properties"]) == ["name", "age"]


EVERY_FIELD: dict[str, Any] = {
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 4_096,
    "max_tokens": 2_048,
    "temperature": 0,
    "top_p": 0.5,
    "frequency_penalty": -1.5,
    "presence_penalty": 2,
    "stop": ["\n\n", "END"],
    "n": 3,
    "reasoning_effort": "none",
    "seed": 7,
    "logprobs": True,
    "top_logprobs": 5,
    "response_format": {"type": "json_object"},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "required",
    "extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}},
}


@pytest.mark.parametrize("where", ["call", "defaults"])
def test_every_request_field_is_on_the_wire(where: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every request field is a keyword of the extractor and of the call, and is sent under its name."""
    assert EVERY_FIELD.keys() == RULES.keys() - {"extra_fields"}
    fake_endpoint.answer(ANN)
    given: dict[str, Any] = {"settings": EVERY_FIELD} if where == "defaults" else EVERY_FIELD
    assert _run(kind, fake_endpoint, Person, **given).value == Person(name="Ann", age=34)
    body = _body(fake_endpoint)
    assert {name: body[name] for name in EVERY_FIELD} == EVERY_FIELD
    assert body.keys() == EVERY_FIELD.keys() | {"model", "messages"}


def test_a_call_wins_over_the_defaults(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A call's own setting replaces the default, None unsets it, and the others stay."""
    fake_endpoint.answer(ANN)
    settings = {"temperature": 0.5, "seed": 1, "top_p": 0.9}
    _run(kind, fake_endpoint, Person, settings=settings, temperature=0.1, seed=None)
    body = _body(fake_endpoint)
    assert (body["temperature"], body["top_p"]) == (0.1, 0.9)
    assert "seed" not in body


def test_a_call_leaves_the_defaults_alone(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What one call sets is not there in the next."""
    fake_endpoint.answer(*[ANN] * 3)
    calls: list[dict[str, Any]] = [{"seed": 1, "extra_fields": {"a": 1}}, {}, {"model": "other"}]
    if kind == "sync":
        with Extractor("m", base_url=fake_endpoint.base_url, temperature=0.5) as one:
            for call in calls:
                one.extract(Person, "text", **call)
    else:

        async def run() -> None:
            async with AsyncExtractor("m", base_url=fake_endpoint.base_url, temperature=0.5) as one:
                for call in calls:
                    await one.extract(Person, "text", **call)

        asyncio.run(run())
    first, second, third = (request.body for request in fake_endpoint.requests)
    assert (first["seed"], first["a"], first["temperature"]) == (1, 1, 0.5)
    assert second.keys() == {"model", "response_format", "temperature", "messages"}
    assert (second["model"], third["model"]) == ("m", "other")


def test_extra_fields_are_top_level(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Extra fields are put into the body as they stand."""
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, Person, extra_fields={"top_k": 40, "provider": {"order": ["a"]}, "nothing": None})
    body = _body(fake_endpoint)
    assert (body["top_k"], body["provider"], body["nothing"]) == (40, {"order": ["a"]}, None)
    assert "extra_fields" not in body


def test_model_per_call(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A call can name another model of the same endpoint, which is sent as given."""
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, Person, model="openai/other")
    assert _body(fake_endpoint)["model"] == "openai/other"


def test_key_and_headers(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The key goes as a bearer token; further headers go with every request."""
    fake_endpoint.answer({"name": "Ann"}, ANN)
    _run(kind, fake_endpoint, Person, settings={"api_key": KEY, "headers": {"X-Trace": "7"}})
    for request in fake_endpoint.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["x-trace"] == "7"


def test_instructions(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Instructions are added to the system message, before the document."""
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, Person, instructions="Ages are in years.")
    messages = _body(fake_endpoint)["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "Ages are in years." in messages[0]["content"]


@pytest.mark.parametrize("value", [Person(name="Bea", age=2), {"name": "Bea", "age": 2}])
def test_examples(value: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Examples are turns before the document: a model's instance or plain data."""
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, Person, examples=[("Bea is 2.", value)])
    _, question, answer, document = _body(fake_endpoint)["messages"]
    assert question == {"role": "user", "content": "Bea is 2."}
    assert answer["role"] == "assistant"
    assert json.loads(answer["content"]) == {"name": "Bea", "age": 2}
    assert document["content"] == "Ann is 34."


def test_examples_have_the_form_of_the_wire(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An example's value is shown as the endpoint is asked to write it."""
    fake_endpoint.answer({"value": [3]})
    assert _run(kind, fake_endpoint, list[int], "3", examples=[("1 and 2", [1, 2])]).value == [3]
    assert json.loads(_body(fake_endpoint)["messages"][2]["content"]) == {"value": [1, 2]}


def test_messages(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The caller's own turns come before the document, with one system message at the beginning."""
    fake_endpoint.answer(ANN)
    turns = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Read this:"}]
    _run(kind, fake_endpoint, Person, messages=turns)
    messages = _body(fake_endpoint)["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "user"]
    assert messages[0]["content"].startswith("Be terse.\n\n")
    assert [message["content"] for message in messages[1:]] == ["Read this:", "Ann is 34."]
    assert turns[0] == {"role": "system", "content": "Be terse."}


def test_messages_without_a_document(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With messages the document may be left out."""
    fake_endpoint.answer({"name": "Ann"}, {"age": 34})
    assert _run(kind, fake_endpoint, Person, None, messages=[{"role": "user", "content": "Ann is 34."}]).value.age == 34
    assert [message["content"] for message in _body(fake_endpoint, 0)["messages"]][1:] == ["Ann is 34."]
    assert _body(fake_endpoint, 1)["messages"][1] == _body(fake_endpoint, 0)["messages"][1]


@pytest.mark.parametrize(
    ("document", "kinds"),
    [
        (Image(data=PNG), ["image_url"]),
        (["Look:", Image(url="https://h.example/a.png", detail="low")], ["text", "image_url"]),
        (
            [Audio(data=b"RIFF"), File(data=b"%PDF"), {"type": "text", "text": "end"}],
            ["input_audio", "file", "text"],
        ),
    ],
)
def test_documents_of_parts(document: Any, kinds: list[str], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A document can be an image, a sound, a file, or several parts in order."""
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, Person, document)
    assert [part["type"] for part in _body(fake_endpoint)["messages"][-1]["content"]] == kinds


def test_stable_part_first(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Two documents of one target are asked for with the same bytes up to the document."""
    fake_endpoint.answer(ANN, ANN)
    for document in ("First.", "Second."):
        _run(
            kind,
            fake_endpoint,
            Person,
            document,
            temperature=0,
            examples=[("Bea is 2.", {"name": "Bea", "age": 2})],
        )
    first, second = (request.raw for request in fake_endpoint.requests)
    assert first.partition(b"First.")[0] == second.partition(b"Second.")[0]
    assert first.endswith(b'{"role":"user","content":"First."}]}')


def test_streaming_gives_the_same(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With stream=True the call returns the same as without."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    fake_endpoint.answer(*[Reply(content=ANN, usage=usage)] * 2)
    results = [_run(kind, fake_endpoint, Person, stream=stream) for stream in (False, True)]
    assert results[0].value == results[1].value
    assert results[0].usage == results[1].usage
    assert [request.body["stream"] for request in fake_endpoint.requests] == [False, True]


# ------------------------------------------------------------------------------------------ the targets


@dataclass
class Point:
    """A dataclass target."""

    x: int
    y: int = 0


class Movie(TypedDict):
    """A TypedDict target."""

    title: str


class Cat(BaseModel):
    """One of two."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"]
    tricks: list[str]


class Node(BaseModel):
    """A target that contains itself."""

    name: str
    children: list[Node] = []


SCHEMA: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id"],
}


@pytest.mark.parametrize(
    ("target", "said", "value"),
    [
        (Point, {"x": 1, "y": 2}, Point(1, 2)),
        (Point, {"x": 1, "y": None}, Point(1, 0)),
        (Movie, {"title": "Alien"}, {"title": "Alien"}),
        (list[int], {"value": [1, 2]}, [1, 2]),
        (list[Person], {"value": [ANN]}, [Person(name="Ann", age=34)]),
        (dict[str, int], {"value": [{"key": "a", "value": 1}]}, {"a": 1}),
        (
            dict[str, list[int]],
            {"value": [{"key": "a", "value": [1]}, {"key": "b", "value": []}]},
            {"a": [1], "b": []},
        ),
        (int, {"value": 7}, 7),
        (bool, {"value": True}, True),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (Cat | Dog, {"value": {"kind": "dog", "tricks": ["sit"]}}, Dog(kind="dog", tricks=["sit"])),
        (
            Annotated[Cat | Dog, Field(discriminator="kind")],
            {"value": {"kind": "cat", "lives": 9}},
            Cat(kind="cat", lives=9),
        ),
        (int | None, {"value": None}, None),
        (
            Node,
            {"name": "a", "children": [{"name": "b", "children": []}]},
            Node(name="a", children=[Node(name="b")]),
        ),
        (SCHEMA, {"id": 1, "tags": None}, {"id": 1}),
        (SCHEMA, {"id": 1, "tags": ["a"]}, {"id": 1, "tags": ["a"]}),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:30],
)
def test_targets(target: Any, said: Any, value: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Whatever the target is, what comes back is its own value, however it was put on the wire."""
    fake_endpoint.answer(said)
    assert _run(kind, fake_endpoint, target).value == value
    assert _body(fake_endpoint)["response_format"]["json_schema"]["schema"]["type"] == "object"


def test_schema_by_path_and_by_name(kind: str, fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """A JSON Schema can be given as a path, as a string too, or by the name of a ready one."""
    path = tmp_path / "thing.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    sample = json.loads((ROOT / "schemas" / "samples" / "contact.json").read_text(encoding="utf-8"))
    fake_endpoint.answer({"id": 1, "tags": None}, {"id": 1, "tags": []}, sample)
    assert _run(kind, fake_endpoint, path).value == {"id": 1}
    assert _run(kind, fake_endpoint, str(path)).value == {"id": 1, "tags": []}
    assert _run(kind, fake_endpoint, "contact").value == sample
    names = [request.body["response_format"]["json_schema"]["name"] for request in fake_endpoint.requests]
    assert names[:2] == ["Thing", "Thing"]


def test_a_schema_target_is_held_to_the_whole_schema(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A value that the schema refuses is asked for again."""
    fake_endpoint.answer({"id": 0, "tags": None}, {"id": 1, "tags": None})
    result = _run(kind, fake_endpoint, SCHEMA)
    assert result.value == {"id": 1}
    assert [error.pointer for error in result.attempts[0].errors] == ["/id"]


@pytest.mark.parametrize(
    "target",
    [
        {"type": "nonsense"},
        "no_such_schema",
        Path("/no/such.json"),
        threading.Thread,
        {"$ref": "https://h.example/x.json"},
    ],
)
def test_targets_that_cannot_be_asked_for(target: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What cannot be asked for is the caller's error, and nothing is sent."""
    with pytest.raises(CallerError) as caught:
        _run(kind, fake_endpoint, target)
    assert isinstance(caught.value, (SchemaError, ConfigurationError))
    assert fake_endpoint.requests == []


def test_context(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The validation context reaches the caller's validators, in every attempt."""

    class Limited(BaseModel):
        age: int

        @field_validator("age")
        @classmethod
        def _limit(cls, age: int, info: ValidationInfo) -> int:
            if age > (info.context or {})["limit"]:
                raise ValueError("older than the limit")
            return age

    fake_endpoint.answer({"age": 50}, {"age": 30})
    assert _run(kind, fake_endpoint, Limited, context={"limit": 40}).value.age == 30
    assert "older than the limit" in _body(fake_endpoint)["messages"][-1]["content"]


# --------------------------------------------------------------------------------------- what comes back


def test_the_result(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The result has the value, the usage of all attempts, the attempts, and the model that answered."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    fake_endpoint.answer(Reply(content={"name": "Ann"}, usage=usage), Reply(content=ANN, usage=usage))
    result = _run(kind, fake_endpoint, Person)
    assert type(result) is Extraction
    assert result.value == Person(name="Ann", age=34)
    assert result.usage.total_tokens == 30
    assert [str(attempt.outcome) for attempt in result.attempts] == ["invalid", "conforming"]
    assert result.attempts[1].request.body == _body(fake_endpoint)
    assert result.model == "fake"


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_max_retries(max_retries: int, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """As many re-asks as max_retries says, as a default or in a call; the call wins."""
    fake_endpoint.answer(*[{"name": "Ann"}] * 4)
    with pytest.raises(ExtractionFailed) as caught:
        _run(kind, fake_endpoint, Person, settings={"max_retries": 7}, max_retries=max_retries)
    assert len(fake_endpoint.requests) == len(caught.value.attempts) == max_retries + 1
    assert caught.value.value == {"name": "Ann"}


def test_max_retries_by_default(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Without a word about it there are two re-asks."""
    fake_endpoint.answer(*[Reply(finish_reason="length")] * 9)
    with pytest.raises(CutOff):
        _run(kind, fake_endpoint, Person)
    assert len(fake_endpoint.requests) == 3


def test_an_endpoint_that_fails_at_the_re_ask(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What was answered before an endpoint failed is on the error, and survives pickling."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    fake_endpoint.answer(Reply(content={"name": "Ann"}, usage=usage), Reply(status=500, raw="no"))
    with pytest.raises(ServerError) as caught:
        _run(kind, fake_endpoint, Person)
    (attempt,) = pickle.loads(pickle.dumps(caught.value)).attempts
    assert attempt.value == {"name": "Ann"}
    assert attempt.reply.usage.total_tokens == 15


def test_after_a_failure_the_extractor_is_usable(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An extractor outlives every error."""
    script: list[Any] = [Reply(status=500, raw="no"), ANN, Reply(raw="<html>"), ANN, "no JSON", ANN]
    fake_endpoint.answer(*script)
    raised: list[type[Exception]] = []
    if kind == "sync":
        with Extractor("m", base_url=fake_endpoint.base_url, max_retries=0, transport_retries=0) as one:
            for _ in script:
                try:
                    assert one.extract(Person, "text") == Person(name="Ann", age=34)
                except ExtractorError as error:
                    raised.append(type(error))
    else:

        async def run() -> None:
            async with AsyncExtractor("m", base_url=fake_endpoint.base_url, max_retries=0, transport_retries=0) as one:
                for _ in script:
                    try:
                        assert await one.extract(Person, "text") == Person(name="Ann", age=34)
                    except ExtractorError as error:
                        raised.append(type(error))

        asyncio.run(run())
    assert raised == [ServerError, BadReply, ExtractionFailed]


def test_the_deadline_bounds_all_attempts(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The deadline is for the whole of it: a re-ask does not start it anew."""
    over = threading.Event()

    def stall(request: Recorded) -> Any:
        over.wait(10)
        return ANN

    fake_endpoint.answer({"name": "Ann"}, stall)
    with pytest.raises(TimedOut) as caught:
        _run(kind, fake_endpoint, Person, deadline=0.4)
    over.set()
    assert "deadline" in str(caught.value)
    assert [attempt.value for attempt in caught.value.attempts] == [{"name": "Ann"}]


def test_timeout(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A silent endpoint is given up after timeout seconds."""
    fake_endpoint.answer(Reply(content=ANN, delay=0.4))
    with pytest.raises(TimedOut):
        _run(kind, fake_endpoint, Person, settings={"timeout": 0.05}, deadline=None, transport_retries=0)


# ------------------------------------------------------------------------------------ the caller's errors


@pytest.mark.parametrize("where", ["call", "defaults"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("max_retries", value) for value in (-1, True, 1.5, "2", None)),
        *(("deadline", value) for value in (0, -1, float("nan"), "5")),
        ("temperature", 3),
        ("temperature", "hot"),
        ("temprature", 1),
        ("n", 0),
        ("stop", []),
        ("top_logprobs", 3),
        ("stream_options", {"include_usage": True}),
        ("max_tokens", 65_537),
        ("reasoning_effort", "extreme"),
    ],
)
def test_wrong_settings(option: str, value: Any, where: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A wrong setting is an error that names it, as a default at once, and nothing is sent."""
    given: dict[str, Any] = {"settings": {option: value}} if where == "defaults" else {option: value}
    with pytest.raises(OptionError) as caught:
        _run(kind, fake_endpoint, Person, **given)
    assert caught.value.option == option
    assert fake_endpoint.requests == []


@pytest.mark.parametrize(
    "field",
    [{"extra_fields": {"a": {1, 2}}}, {"extra_fields": {"a": float("nan")}}, {"tools": [{"a": object()}]}],
    ids=["a set", "NaN", "an object"],
)
def test_what_is_no_json_is_not_sent(field: dict[str, Any], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A field that cannot be written as JSON is the caller's error."""
    with pytest.raises(CallerError):
        _run(kind, fake_endpoint, Person, **field)
    assert fake_endpoint.requests == []


@pytest.mark.parametrize("document", ["", " \n", [], [""], None, b"bytes", 17, [17], {"no": "type"}], ids=repr)
def test_no_document(document: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An empty or unreadable document is an error, and nothing is sent."""
    with pytest.raises(DocumentError):
        _run(kind, fake_endpoint, Person, document)
    assert fake_endpoint.requests == []


@pytest.mark.parametrize(
    "messages", [[], [{"content": "no role"}], [{"role": "wizard", "content": "x"}], ["text"]], ids=repr
)
def test_wrong_messages(messages: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Messages that are none are an error, and nothing is sent."""
    with pytest.raises(OptionError):
        _run(kind, fake_endpoint, Person, messages=messages)
    assert fake_endpoint.requests == []


def test_a_closed_extractor(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A closed extractor says so; closing twice does no harm."""
    if kind == "sync":
        one = Extractor("m", base_url=fake_endpoint.base_url)
        one.close()
        one.close()
        with pytest.raises(CallerError, match="closed"):
            one.extract(Person, "text")
    else:

        async def run() -> None:
            one = AsyncExtractor("m", base_url=fake_endpoint.base_url)
            await one.aclose()
            await one.aclose()
            with pytest.raises(CallerError, match="closed"):
                await one.extract(Person, "text")

        asyncio.run(run())
    assert fake_endpoint.requests == []


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
def test_no_extra_body_where_there_is_none(make: Any) -> None:
    """`extra_body` for an endpoint that has no such field is an error that names the other way."""
    with pytest.raises(OptionError) as caught:
        make("openai/m", api_key="k", extra_body={"a": 1})
    assert "extra_fields" in caught.value.hint


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
def test_an_unknown_dialect(make: Any) -> None:
    """A dialect that does not exist is an error that names those that do."""
    with pytest.raises(ConfigurationError, match="openai"):
        make("m", base_url="http://h.example/v1", dialect="esperanto")


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
def test_its_repr(make: Any) -> None:
    """An extractor shows its model and address, and not its key."""
    one = make("m", base_url="http://h.example", api_key=KEY)
    assert repr(one) == f"{make.__name__}(model='m', base_url='http://h.example/v1')"
    assert (one.model, one.base_url) == ("m", "http://h.example/v1")
    assert "planted" not in repr(vars(one))
    one.close() if make is Extractor else asyncio.run(one.aclose())


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
def test_the_environment_names_the_endpoint(
    make: Any, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments the environment decides."""
    monkeypatch.setenv("EXTRACTOR_BASE_URL", fake_endpoint.base_url)
    monkeypatch.setenv("EXTRACTOR_API_KEY", KEY)
    monkeypatch.setenv("EXTRACTOR_MODEL", "some/model")
    fake_endpoint.answer(ANN)
    one = make()
    if make is Extractor:
        with one:
            one.extract(Person, "text")
    else:

        async def run() -> None:
            async with one:
                await one.extract(Person, "text")

        asyncio.run(run())
    assert _body(fake_endpoint)["model"] == "some/model"
    assert fake_endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"


# -------------------------------------------------------------------------------------- the own client


def test_the_callers_client(kind: str) -> None:
    """With a client of the caller's own no connection is made otherwise, and it stays open."""
    fake = FakeEndpoint(ANN, ANN)
    settings: Any = {"transport": fake.transport(), "headers": {"X-Own": "yes"}}
    if kind == "sync":
        with httpx.Client(**settings) as client:
            for _ in range(2):
                with Extractor("m", base_url="http://h.example/v1", http_client=client) as one:
                    assert one.extract(Person, "text").name == "Ann"
            assert not client.is_closed
    else:

        async def run() -> None:
            async with httpx.AsyncClient(**settings) as client:
                for _ in range(2):
                    async with AsyncExtractor("m", base_url="http://h.example/v1", http_client=client) as one:
                        assert (await one.extract(Person, "text")).name == "Ann"
                assert not client.is_closed

        asyncio.run(run())
    assert [request.headers["x-own"] for request in fake.requests] == ["yes", "yes"]


# -------------------------------------------------------------------------------------- side by side


def test_sync_inside_a_running_loop(fake_endpoint: FakeEndpoint) -> None:
    """The sync functions work where an event loop is running already, as in a notebook."""
    fake_endpoint.answer(ANN, ANN)

    async def cell() -> tuple[Person, Person]:
        with Extractor("m", base_url=fake_endpoint.base_url) as one:
            return one.extract(Person, "text"), extract(Person, "text", model="m", base_url=fake_endpoint.base_url)

    assert asyncio.run(cell()) == (Person(name="Ann", age=34),) * 2


def _of_its_number(request: Recorded) -> Any:
    number = int(request.body["messages"][1]["content"])
    if number % 3 == 0 and len(request.body["messages"]) == 2:
        return {"name": str(number)}
    return {"name": str(number), "age": number}


def test_threads_share_an_extractor() -> None:
    """Eight threads share one extractor, and each gets its own answers, re-asks included."""
    with (
        FakeEndpoint(_of_its_number, repeat=True) as fake,
        Extractor("m", base_url=fake.base_url) as one,
        ThreadPoolExecutor(8) as pool,
    ):
        people = list(pool.map(lambda number: one.extract(Person, str(number)), range(64)))
    assert people == [Person(name=str(number), age=number) for number in range(64)]
    assert len(fake.requests) == 64 + 22


def test_tasks_share_an_extractor() -> None:
    """Many tasks share one extractor, and each gets its own answers, re-asks included."""

    async def run(base_url: str) -> list[Person]:
        async with AsyncExtractor("m", base_url=base_url) as one:
            return await asyncio.gather(*(one.extract(Person, str(number)) for number in range(64)))

    with FakeEndpoint(_of_its_number, repeat=True) as fake:
        people = asyncio.run(run(fake.base_url))
    assert people == [Person(name=str(number), age=number) for number in range(64)]


def test_a_slow_document_holds_up_nobody() -> None:
    """While one document waits for its answer, the others get theirs."""
    others_done = threading.Event()

    def answer(request: Recorded) -> Any:
        if request.body["messages"][1]["content"] == "slow":
            assert others_done.wait(10)
        return ANN

    with (
        FakeEndpoint(answer, repeat=True) as fake,
        Extractor("m", base_url=fake.base_url) as one,
        ThreadPoolExecutor(1) as pool,
    ):
        slow = pool.submit(one.run, Person, "slow")
        for _ in range(5):
            one.extract(Person, "quick")
        assert not slow.done()
        others_done.set()
        assert slow.result().value == Person(name="Ann", age=34)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals to threads")
def test_an_interruption_leaves_the_extractor_usable(fake_endpoint: FakeEndpoint) -> None:
    """Control-C while waiting for an answer comes through, and the extractor goes on afterwards."""
    interrupted = threading.Event()

    def interrupt(request: Recorded) -> Any:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        interrupted.wait(10)
        return {"name": "late", "age": 0}

    fake_endpoint.answer(interrupt, ANN, ANN)
    with Extractor("m", base_url=fake_endpoint.base_url) as one:
        with pytest.raises(KeyboardInterrupt):
            one.extract(Person, "text")
        interrupted.set()
        assert one.extract(Person, "text") == Person(name="Ann", age=34)
        assert one.extract(Person, "text") == Person(name="Ann", age=34)


def test_a_cancelled_task_leaves_the_extractor_usable(fake_endpoint: FakeEndpoint) -> None:
    """A task that is cancelled while it waits ends at once, and the extractor goes on afterwards."""
    arrived, go_on = threading.Event(), threading.Event()

    def hang(request: Recorded) -> Any:
        arrived.set()
        go_on.wait(10)
        return {"name": "late", "age": 0}

    fake_endpoint.answer(hang, ANN)

    async def run() -> Person:
        async with AsyncExtractor("m", base_url=fake_endpoint.base_url) as one:
            task = asyncio.create_task(one.extract(Person, "text"))
            await asyncio.to_thread(arrived.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go_on.set()
            return await one.extract(Person, "text")

    assert asyncio.run(run()) == Person(name="Ann", age=34)


# -------------------------------------------------------------------------- the functions of the package


def test_the_functions(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """`extract` and `aextract` take the endpoint and everything that a call takes."""
    fake_endpoint.answer(ANN)
    endpoint: Any = {"model": "some/m", "base_url": fake_endpoint.base_url, "api_key": KEY}
    options: Any = {"temperature": 0, "instructions": "Be exact.", "max_retries": 0, "extra_fields": {"a": 1}}
    if kind == "sync":
        person = extract(Person, "text", **endpoint, **options)
    else:
        person = asyncio.run(aextract(Person, "text", **endpoint, **options))
    assert person == Person(name="Ann", age=34)
    body = _body(fake_endpoint)
    assert (body["model"], body["temperature"], body["a"]) == ("some/m", 0, 1)
    assert "Be exact." in body["messages"][0]["content"]
    assert fake_endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_functions_fail_as_the_extractors_do(kind: str) -> None:
    """Nothing listening there is a ConnectionFailed, also with the functions."""
    with FakeEndpoint() as fake:
        url = fake.base_url
    if kind == "sync":
        with pytest.raises(ConnectionFailed):
            extract(Person, "text", model="m", base_url=url)
    else:
        with pytest.raises(ConnectionFailed):
            asyncio.run(aextract(Person, "text", model="m", base_url=url))


SHARING = """
    import asyncio, gc, sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    import threading
    from extractor import aextract, extract

    connections = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            connections.add(self.client_address)
            body = b'{"choices": [{"message": {"content": "{\\\\"value\\\\": 7}"}, "finish_reason": "stop"}]}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True
        def handle_error(self, *args):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    endpoint = {"model": "m", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}
"""


def test_the_functions_share_connections() -> None:
    """Calls one after the other use one connection, in each event loop another; nothing is left open."""
    code = textwrap.dedent(SHARING) + textwrap.dedent(
        """
        for _ in range(3):
            assert extract(int, "text", **endpoint) == 7
        assert len(connections) == 1, connections

        async def several():
            for _ in range(3):
                assert await aextract(int, "text", **endpoint) == 7
            first = asyncio.gather(*(aextract(int, "text", **endpoint) for _ in range(4)))
            assert await first == [7] * 4

        connections.clear()
        asyncio.run(several())
        assert len(connections) <= 4, connections
        used = set(connections)
        asyncio.run(several())
        assert len(connections - used) <= 4, connections
        gc.collect()
        server.shutdown()
        server.server_close()
        print("done")
        """
    )
    done = _python(code)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_a_first_call_in_parallel_leaves_nothing_open() -> None:
    """Where many tasks call `aextract` first at the same moment, they share too, and nothing is left open."""
    code = textwrap.dedent(SHARING) + textwrap.dedent(
        """
        async def at_once():
            return await asyncio.gather(*(aextract(int, "text", **endpoint) for _ in range(16)))

        assert asyncio.run(at_once()) == [7] * 16

        async def failing():
            await aextract(int, "text", **endpoint)
            raise KeyError

        try:
            asyncio.run(failing())
        except KeyError:
            pass
        gc.collect()
        server.shutdown()
        server.server_close()
        print("done")
        """
    )
    done = _python(code)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_threads_call_the_function_at_once(fake_endpoint: FakeEndpoint) -> None:
    """Eight threads call `extract` first at the same moment."""
    together = threading.Barrier(8, timeout=10)
    fake_endpoint.answer(*[ANN] * 8)

    def call(_: int) -> Person:
        together.wait()
        return extract(Person, "text", model="m", base_url=fake_endpoint.base_url)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [Person(name="Ann", age=34)] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork_connections_are_new() -> None:
    """A forked process does not use its parent's connections."""
    code = textwrap.dedent(SHARING) + textwrap.dedent(
        """
        import os
        assert extract(int, "text", **endpoint) == 7
        child = os.fork()
        if child == 0:
            os._exit(0 if extract(int, "text", **endpoint) == 7 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert len(connections) == 2, connections
        assert extract(int, "text", **endpoint) == 7
        assert len(connections) == 2, connections
        server.shutdown()
        server.server_close()
        print("done")
        """
    )
    done = _python(
        code.replace(
            "import asyncio",
            "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\nimport asyncio",
        )
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_errors_of_an_endpoint_are_the_same_everywhere(fake_endpoint: FakeEndpoint) -> None:
    """Sync and async raise the same error with the same words."""
    fake_endpoint.answer(*[Reply(status=429, raw='{"error": {"message": "slow down", "code": "x"}}')] * 2)
    errors = []
    for kind in ("sync", "async"):
        with pytest.raises(EndpointError) as caught:
            _run(kind, fake_endpoint, Person, transport_retries=0)
        errors.append((type(caught.value), str(caught.value), caught.value.attempts))
    assert errors[0] == errors[1]


def test_the_docstring_of_the_package_is_true(fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two lines that anybody reads work."""
    monkeypatch.setenv("EXTRACTOR_BASE_URL", fake_endpoint.base_url)
    fake_endpoint.answer(ANN)
    lines = [line.strip() for line in (extractor.__doc__ or "").splitlines() if line.startswith("    ")]
    names: dict[str, Any] = {"Invoice": Person, "text": "Ann is 34."}
    exec("\n".join(lines), names)
    assert names["invoice"] == Person(name="Ann", age=34)


def test_a_key_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key alone is sent to nobody: it could belong to any provider."""
    for name in ("EXTRACTOR_MODEL", "EXTRACTOR_BASE_URL", "EXTRACTOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVOLINK_API_KEY", "evolink-key")
    with pytest.raises(ConfigurationError, match="no endpoint that it could belong to"):
        Extractor(api_key="of-somebody-else")


@pytest.mark.parametrize(
    "wrong",
    [{"timeout": -1}, {"timeout": "5"}, {"headers": 3}, {"base_url": 3}, {"api_key": 3}, {"http_client": 3}],
    ids=repr,
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    """An argument of a wrong type is an error of configuration when the extractor is made."""
    with pytest.raises(ConfigurationError):
        Extractor("m", **{"base_url": "http://127.0.0.1:9/v1", **wrong})


@pytest.mark.parametrize("wrong", [None, Person(name="Ann", age=1), [Person], 17], ids=repr)
def test_what_is_no_target(wrong: Any) -> None:
    """What is no type and no schema is refused before anything is sent."""
    with pytest.raises(SchemaError):
        extractor.extract(wrong, "text", base_url="http://127.0.0.1:9/v1")


def test_the_caller_s_own_response_format(fake_endpoint: FakeEndpoint) -> None:
    """Where the caller replaces response_format, what is wanted stands in the prompt."""
    fake_endpoint.answer(ANN)
    with Extractor("m", base_url=fake_endpoint.base_url, dialect="openai") as one:
        one.extract(Person, "text", response_format={"type": "json_object"})
    body = fake_endpoint.requests[0].body
    assert body["response_format"] == {"type": "json_object"}
    assert "age: integer" in body["messages"][0]["content"]


def test_a_response_hook_that_reads(fake_endpoint: FakeEndpoint) -> None:
    """A hook of the caller's own client may read the reply first."""
    fake_endpoint.answer(ANN)
    with httpx.Client(event_hooks={"response": [lambda response: response.read()]}) as client:
        one = Extractor("m", base_url=fake_endpoint.base_url, http_client=client)
        assert one.extract(Person, "text") == Person(name="Ann", age=34)


def test_headers_are_not_doubled(fake_endpoint: FakeEndpoint) -> None:
    """A header given in other letters replaces ours."""
    fake_endpoint.answer(ANN)
    with Extractor("m", base_url=fake_endpoint.base_url, headers={"accept": "application/json"}) as one:
        one.extract(Person, "text")
    assert fake_endpoint.requests[0].headers["accept"] == "application/json"


# --------------------------------------------------------------------------------- modes and absences


def test_what_may_be_absent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With absent="allow" required fields are nullable on the wire, in one call or in all of them."""
    fake_endpoint.answer(*[ANN] * 3)
    _run(kind, fake_endpoint, Person, settings={"dialect": "openai"})
    _run(kind, fake_endpoint, Person, settings={"dialect": "openai", "absent": "allow"})
    _run(kind, fake_endpoint, Person, settings={"dialect": "openai"}, absent="allow")
    forbidden, allowed, once = (_body(fake_endpoint, number)["response_format"] for number in range(3))
    assert "null" not in json.dumps(forbidden)
    assert "null" in json.dumps(allowed)
    assert once == allowed


def test_settings_of_a_call_do_not_stick(fake_endpoint: FakeEndpoint) -> None:
    """A call's own mode and absence are for that call."""
    fake_endpoint.answer(*[ANN] * 4)
    with Extractor("m", base_url=fake_endpoint.base_url, dialect="openai") as one:
        calls: list[dict[str, Any]] = [{}, {"mode": "prompt"}, {"absent": "allow"}, {}]
        modes = [one.run(Person, "text", **call).mode for call in calls]
    assert modes == ["strict", "prompt", "strict", "strict"]
    first, second, third, last = (request.body for request in fake_endpoint.requests)
    assert first == last
    assert "response_format" not in second
    assert third["response_format"] != first["response_format"]


def test_own_turns_when_stepping_down(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The caller's own turns, examples and instructions are there in every way of asking."""
    refusal = Reply(status=400, raw=json.dumps({"error": {"message": "json_schema is not supported"}}))
    fake_endpoint.answer(refusal, ANN)
    own = [{"role": "system", "content": "Be exact."}, {"role": "user", "content": "Read this:"}]
    call: dict[str, Any] = {"messages": own, "examples": [("Bea is 2.", {"name": "Bea", "age": 2})]}
    result = _run(kind, fake_endpoint, Person, settings={"dialect": "openai"}, instructions="In years.", **call)
    assert (result.mode, len(result.steps)) == ("json_object", 1)
    before, after = (_body(fake_endpoint, number)["messages"] for number in range(2))
    assert before[1:] == after[1:]
    assert before[0]["content"] != after[0]["content"]
    assert after[0]["content"].startswith("Be exact.")
    assert after[0]["content"].endswith("In years.")


@pytest.mark.parametrize(
    ("defaults", "call", "patient"),
    [({}, {}, True), ({"deadline": 600}, {}, False), ({}, {"deadline": 600}, False), ({}, {"deadline": None}, False)],
    ids=["none", "of the extractor", "of the call", "no limit"],
)
def test_who_gives_no_deadline_is_patient(
    defaults: dict[str, Any],
    call: dict[str, Any],
    patient: bool,
    fake_endpoint: FakeEndpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a deadline of the caller's own a call waits for its first turn however long that takes."""
    seen: list[bool] = []
    send = Sender.send

    def noted(self: Sender, request: ChatRequest, errand: Errand | None = None) -> ChatReply:
        assert errand is not None
        seen.append(errand.patient)
        return send(self, request, errand)

    monkeypatch.setattr(Sender, "send", noted)
    fake_endpoint.answer({"value": 5})
    with Extractor("m", base_url=fake_endpoint.base_url, **defaults) as one:
        one.run(int, "five", **call)
    assert seen == [patient]


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
def test_what_are_no_limits(make: Any) -> None:
    """Limits that are no `RateLimits` are an error when the extractor is made."""
    for wrong in (60, {"rpm": 60}, "60", 0):
        with pytest.raises(ConfigurationError, match="RateLimits"):
            make("m", base_url="http://127.0.0.1:9/v1", limits=wrong)


# --------------------------------------------------------------------------------------------- files


def test_a_path_is_read(tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    """The path of a file stands for what is in it."""
    file = tmp_path / "ann.txt"
    file.write_text("Ann is 34.", encoding="utf-8")
    fake_endpoint.answer(ANN)
    assert extract(Person, file, base_url=fake_endpoint.base_url) == Person(name="Ann", age=34)
    assert fake_endpoint.requests[0].body["messages"][-1]["content"] == "Ann is 34."


def test_a_path_given_as_a_text(tmp_path: Path, fake_endpoint: FakeEndpoint) -> None:
    """A text that is the path of a file is no document: that file was meant."""
    file = tmp_path / "ann.txt"
    file.write_text("Ann is 34.", encoding="utf-8")
    with pytest.raises(DocumentError, match="path of a file") as caught:
        extract(Person, str(file), base_url=fake_endpoint.base_url)
    assert "Path(" in caught.value.hint
    assert fake_endpoint.requests == []
    fake_endpoint.answer(ANN)
    extract(Person, [str(file)], base_url=fake_endpoint.base_url)  # its name is the document
    assert fake_endpoint.requests[0].body["messages"][-1]["content"] == [{"type": "text", "text": str(file)}]


def test_a_text_like_a_path(fake_endpoint: FakeEndpoint) -> None:
    """A text that looks like a path is a text where there is no such file."""
    fake_endpoint.answer(ANN)
    assert extract(Person, "Ann is 34.txt", base_url=fake_endpoint.base_url).age == 34


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Extractor.map, MapCall.__annotations__.keys() - Call.__annotations__.keys()),
        (AsyncExtractor.map, MapCall.__annotations__.keys() - Call.__annotations__.keys()),
        (extract, SharedCall.__annotations__.keys() - OneCall.__annotations__.keys()),
        (aextract, SharedCall.__annotations__.keys() - OneCall.__annotations__.keys()),
    ],
)
def test_keywords_that_are_typed_are_taken(function: Any, said: set[str]) -> None:
    """The keywords that type checkers know are those that there are."""
    parameters = inspect.signature(function).parameters.values()
    assert {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} == said


@pytest.mark.parametrize("name", ["journal", "given_up"])
def test_what_is_for_a_job_is_no_keyword(kind: str, name: str, fake_endpoint: FakeEndpoint) -> None:
    """What only a job and a map set for a call is an unknown keyword to callers."""
    with pytest.raises(OptionError, match=f"{name} is no request field"):
        _run(kind, fake_endpoint, Person, **{name: lambda: True})
    with pytest.raises(OptionError, match=f"{name} is no request field"):
        _run(kind, fake_endpoint, Person, settings={name: lambda: True})
