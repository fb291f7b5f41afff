"""What must be shown nowhere: a key, wherever it was given and whatever an endpoint does with it; and documents."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import pickle
import sqlite3
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from extractor import AsyncExtractor, Budget, Cache, Extraction, Extractor, Fallback, Price, errors
from extractor.batch.record import Revision
from extractor.chat.wire import Usage
from extractor.endpoint.errand import Errand
from extractor.endpoint.resolve import resolve
from extractor.errors import (
    ConfigurationError,
    ConnectionFailed,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    OptionError,
    Overtaken,
    SchemaError,
    ServerError,
    StatusError,
)
from extractor.loop.ladder import Step
from extractor.settings import Settings
from extractor.telemetry import Telemetry
from extractor.testing import FakeEndpoint, Reply, Scripted
from extractor.watching import Event, Watcher

KEY = "sk-PLANTED/0123+456789=="
MARK = "PLANTED"
DOCUMENT = "ZEBRA-7361: Ann is 34."
ZEBRA = "ZEBRA-7361"


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


# ------------------------------------------------------------------------------------ where it is planted


@dataclass(frozen=True)
class Place:
    """A place for a key: what is given to the extractor, and the environment (`{}` stands for the address).

    With `other`, the endpoint is the one that is asked second.
    """

    settings: Callable[[FakeEndpoint, str], dict[str, Any]] = field(repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    other: bool = False


CLIENTS: dict[str, Any] = {"sync": httpx.Client, "async": httpx.AsyncClient}
BEARER = {"Authorization": f"Bearer {KEY}"}
OWN = {"X-Api-Key": KEY}


def _own_client(fake: FakeEndpoint, kind: str) -> dict[str, Any]:
    return {"base_url": fake.base_url, "http_client": CLIENTS[kind](headers=BEARER, transport=fake.transport())}


PLACES: dict[str, Place] = {
    "api_key=": Place(lambda fake, _: {"base_url": fake.base_url, "api_key": KEY}),
    "EXTRACTOR_API_KEY": Place(lambda *_: {}, {"EXTRACTOR_BASE_URL": "{}", "EXTRACTOR_API_KEY": KEY}),
    "headers=": Place(lambda fake, _: {"base_url": fake.base_url, "headers": BEARER}),
    "headers= of another name": Place(lambda fake, _: {"base_url": fake.base_url, "headers": OWN}),
    "http_client": Place(_own_client),
    "Fallback(api_key=)": Place(
        lambda fake, _: {"fallbacks": [Fallback(model="b", base_url=fake.base_url, api_key=KEY)]}, other=True
    ),
    "Fallback(headers=)": Place(
        lambda fake, _: {"fallbacks": [Fallback(model="b", base_url=fake.base_url, headers=OWN)]}, other=True
    ),
}


# --------------------------------------------------------------------------------- what the endpoint does


def _escaped(text: str) -> str:
    """Each character as JSON may escape it."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


def _error(status: int, body: Any, **headers: str) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    return Reply(status=status, raw=raw, headers=headers)


WORDS = f"Incorrect API key provided: {KEY}. You can find yours elsewhere."
HTML = f"<html><head><title>{KEY}</title></head><body><p>Bearer {KEY} is wrong</p></body></html>"
SSE = f'data: {{"error": {{"message": "{WORDS}", "code": 401}}}}\n\n'
HALF = 'data: {"choices": [{"index": 0, "delta": {"content": "{\\"name\\": "}}]}\n\n'

ECHOES: dict[str, Reply] = {
    "a message": _error(401, {"error": {"message": WORDS, "code": KEY, "type": KEY, "param": KEY}}),
    "a detail": _error(422, {"detail": [{"loc": ["header", KEY], "msg": WORDS, "input": KEY}]}),
    "a gateway's words": _error(400, {"error": {"message": "Provider returned error", "metadata": {"raw": WORDS}}}),
    "plain text": _error(403, WORDS),
    "JSON, escaped": _error(401, json.dumps({"error": {"message": "$"}}).replace("$", _escaped(KEY))),
    "JSON, with escaped slashes": _error(401, json.dumps({"error": {"message": WORDS}}).replace("/", "\\/")),
    "JSON in JSON": _error(500, {"error": {"message": json.dumps({"error": {"message": WORDS}})}}),
    "a key of an object": _error(400, {"error": {"message": "no", KEY: KEY}}),
    "HTML": Reply(status=502, raw=HTML, content_type="text/html"),
    "an error in a 200": _error(200, {"error": {"message": WORDS, "code": 401}}),
    "what is no completion": _error(200, {"you": KEY}),
    "HTML in a 200": Reply(raw=HTML, content_type="text/html"),
    "the first event": Reply(raw=SSE, content_type="text/event-stream"),
    "an event in the middle": Reply(raw=HALF + SSE, content_type="text/event-stream"),
    "a wait": _error(429, {"error": {"message": WORDS}}, **{"retry-after": "9999"}),
    "no money": _error(402, {"error": {"message": WORDS}}),
    "a broken connection": Reply(
        status=401, raw=WORDS, headers={"content-length": "9999", "connection": "close"}, content_type="text/plain"
    ),
    "no time left": Reply(content="{}", delay=0.8),
    "far behind": _error(401, {"error": {"message": "x" * 490 + WORDS, "more": "y" * 1_400 + KEY * 9}}),
}
# httpcore logs the header of every answer by itself, at DEBUG.
IN_HEADERS: dict[str, Reply] = {
    "two of its own": _error(401, {"error": {"message": "no"}}, **{"x-your-key": KEY, "set-cookie": f"key={KEY}"}),
    "the content type": Reply(raw="x", content_type=f"text/{KEY}"),
    "the new place": _error(307, "", location=f"http://127.0.0.1:9/?key={KEY}"),
    "a wait": _error(429, {"error": {"message": "no"}}, **{"retry-after": f"in {KEY}"}),
}


def _chat(content: Any = None, **more: Any) -> Reply:
    return Reply(content=content, **more)


# Replies of the model that do not conform: an error has them as its evidence.
REPLIES: dict[str, Reply] = {
    "prose": _chat(f"I was called with {KEY}."),
    "a value that does not fit": _chat({"name": KEY, "age": KEY}),
    "a key of an object": _chat({KEY: KEY}),
    "a refusal": _chat(message={"refusal": f"I will not, {KEY}."}),
    "thoughts": _chat("{}", message={"reasoning_content": KEY}),
    "the id": _chat("{}", body={"id": KEY}),
    "the model's name": _chat("{}", body={"model": KEY}),
    "a field of its own": _chat("{}", body={"system_fingerprint": KEY}),
    "what was cut off": _chat(f'{{"name": "{KEY}', finish_reason="length"),
}


# ----------------------------------------------------------------------------------- where it is looked for


class Keeping(Watcher):
    """Keeps every event."""

    def __init__(self, *, content: bool) -> None:
        self.content = content
        self.told: list[Event] = []
        for method in (name for name in vars(Watcher) if name.startswith("on_")):
            setattr(self, method, self.told.append)


def _texts(value: Any, seen: set[int] | None = None) -> Iterator[str]:
    """All texts in a value, however deep: in containers, in records, in errors and in what is said of them."""
    seen = set() if seen is None else seen
    if isinstance(value, str):
        yield value
        return
    if isinstance(value, bytes):
        yield value.decode("latin-1")
        return
    if id(value) in seen or value is None:
        return
    seen.add(id(value))
    for each in _inside(value):
        yield from _texts(each, seen)


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, BaseException):
        yield from (str(value), repr(value), value.args, vars(value), value.__cause__, value.__context__)
        yield from getattr(value, "__notes__", ())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, item.name) for item in dataclasses.fields(value))
    elif isinstance(value, BaseModel):
        yield value.model_dump()
    else:
        yield repr(value)


def _traced(error: BaseException) -> str:
    """The traceback with the local variables of each frame, as tools that report errors write it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _logged(records: list[logging.LogRecord]) -> Iterator[str]:
    for record in records:
        yield f"{record.name}: {record.getMessage()}"
        yield from _texts(record.args)
        yield record.exc_text or ""


def _cached(path: Path) -> Iterator[str]:
    """All bytes of a cache's files, and its values as they were put there."""
    for each in path.parent.glob(path.name + "*"):
        yield each.read_bytes().decode("latin-1")
    connection = sqlite3.connect(path)
    for (value,) in connection.execute("SELECT value FROM reply"):
        yield zlib.decompress(value).decode("latin-1")
    connection.close()


@dataclass(kw_only=True)
class Scene:
    """All who might hear of a key: a cache, watchers, a log."""

    path: Path
    caplog: pytest.LogCaptureFixture
    keeping: Keeping = field(default_factory=lambda: Keeping(content=True))
    bare: Keeping = field(default_factory=lambda: Keeping(content=False))
    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = Cache(self.path)
        for name in ("extractor", "httpx", "httpcore"):
            self.caplog.set_level(logging.DEBUG, logger=name)

    def settings(self) -> dict[str, Any]:
        """What an extractor is given so that all of them are there."""
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        telemetry = Telemetry(tracer_provider=provider, content=True)
        return {"watch": [self.keeping, self.bare, telemetry], "cache": self.cache, "budget": Budget(requests=99)}

    def surfaces(self, came: Any) -> dict[str, list[str]]:
        """What each of them has heard, by its name; `came` is the error, or the result."""
        found: dict[str, list[str]] = {
            "log": [*_logged(self.caplog.records)],
            "events": [*_texts(self.keeping.told)],
            "reprs of events": [*map(repr, self.keeping.told)],
            "events without content": [*_texts(self.bare.told)],
            "spans": [span.to_json() for span in self.spans.get_finished_spans()],
        }
        self.cache.close()
        found["cache"] = [*_cached(self.path)]
        if isinstance(came, BaseException):
            found["error"] = [*_texts(came)]
            found["pickle"] = [pickle.dumps(came).decode("latin-1")]
            found["unpickled"] = [*_texts(pickle.loads(pickle.dumps(came)))]
        else:
            failed = [*came.failures, *(attempt.reply.retries for attempt in came.attempts)]
            found["failures"] = [*_texts(failed), pickle.dumps(failed).decode("latin-1"), repr(came)]
            found["tracebacks of failures"] = [*map(_traced, came.failures)]
        return found


def _found(surfaces: Mapping[str, list[str]], mark: str) -> dict[str, list[str]]:
    """Where a text is, with some of what stands around it."""
    around = {name: [_around(text, mark) for text in texts if mark in text] for name, texts in surfaces.items()}
    return {name: texts[:3] for name, texts in around.items() if texts}


def _around(text: str, mark: str) -> str:
    at = text.index(mark)
    return text[max(0, at - 60) : at + 40]


@pytest.fixture
def scene(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Scene:
    """Everybody is there."""
    return Scene(path=tmp_path / "cache.sqlite", caplog=caplog)


def _made(kind: str, place: Place, fake: FakeEndpoint, scene: Scene, **more: Any) -> Any:
    """An extractor that has the key. In a function of its own: its local variables are in no traceback."""
    made: Any = Extractor if kind == "sync" else AsyncExtractor
    settings = {"base_url": "http://127.0.0.1:9/v1"} if place.other else {}
    settings |= place.settings(fake, kind) | scene.settings()
    return made("a", **{"transport_retries": 0, "max_retries": 1, **settings, **more})


def _run(one: Any, **call: Any) -> Extraction[Any]:
    if isinstance(one, Extractor):
        with one:
            return one.run(Person, DOCUMENT, **call)
    return asyncio.run(_awaited(one, call))


async def _awaited(one: Any, call: dict[str, Any]) -> Extraction[Any]:
    async with one:
        result: Extraction[Any] = await one.run(Person, DOCUMENT, **call)
        return result


def _streamed(one: Any, **call: Any) -> Extraction[Any]:
    if isinstance(one, Extractor):
        with one:
            stream = one.stream(Person, DOCUMENT, **call)
            for _ in stream:
                pass
            return stream.result
    return asyncio.run(_awaited_stream(one, call))


async def _awaited_stream(one: Any, call: dict[str, Any]) -> Extraction[Any]:
    async with one:
        stream = one.stream(Person, DOCUMENT, **call)
        async for _ in stream:
            pass
        result: Extraction[Any] = stream.result
        return result


def _was_sent(fake: FakeEndpoint) -> bool:
    return all(KEY in repr(request.headers) for request in fake.requests)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Callable[[Place, str], None]:
    """Sets what a place wants in the environment."""

    def set_up(place: Place, address: str) -> None:
        for name, value in place.environ.items():
            monkeypatch.setenv(name, value.format(address))

    return set_up


# ------------------------------------------------------------------------------------- the key, in failures


# Every echo where the key is our own and where it is the caller's; for the other places some.
SOME = ("a message", "plain text", "an error in a 200", "an event in the middle")
CASES = [(place, echo) for place in PLACES for echo in (ECHOES if place in ("api_key=", "headers=") else SOME)]


@pytest.mark.parametrize(("place", "echo"), CASES, ids=[f"{place}: {echo}" for place, echo in CASES])
def test_a_failure_shows_no_key(
    place: str, echo: str, kind: str, scene: Scene, environ: Callable[[Place, str], None]
) -> None:
    """However an endpoint that fails quotes the key, nothing shows it: errors, tracebacks, logs, events, files."""
    with FakeEndpoint(ECHOES[echo], repeat=True) as fake:
        environ(PLACES[place], fake.base_url)
        one = _made(kind, PLACES[place], fake, scene, deadline=0.25 if echo == "no time left" else 30)
        with pytest.raises(ExtractorError) as caught:
            _run(one)
        assert fake.requests
        assert _was_sent(fake)
    found = scene.surfaces(caught.value)
    assert _found({**found, "traceback": [_traced(caught.value)]}, MARK) == {}


@pytest.mark.parametrize("place", ["api_key=", "headers="])
@pytest.mark.parametrize("echo", IN_HEADERS)
def test_a_header_shows_no_key(echo: str, place: str, kind: str, scene: Scene) -> None:
    """A key in the head of an answer is in no error, event, span or cache, and not in our log."""
    with FakeEndpoint(IN_HEADERS[echo], repeat=True) as fake:
        one = _made(kind, PLACES[place], fake, scene)
        with pytest.raises(EndpointError) as caught:
            _run(one)
    scene.caplog.records[:] = [record for record in scene.caplog.records if not record.name.startswith("httpcore")]
    found = scene.surfaces(caught.value)
    assert _found({**found, "traceback": [_traced(caught.value)]}, MARK) == {}


@pytest.mark.parametrize("echo", ["a message", "HTML", "the first event", "an event in the middle", "plain text"])
def test_a_stream_that_fails_shows_no_key(echo: str, kind: str, scene: Scene) -> None:
    """A stream that ends in an error shows no key either."""
    with FakeEndpoint(ECHOES[echo], repeat=True) as fake:
        one = _made(kind, PLACES["api_key="], fake, scene)
        with pytest.raises(ExtractorError) as caught:
            _streamed(one)
    found = scene.surfaces(caught.value)
    assert _found({**found, "traceback": [_traced(caught.value)]}, MARK) == {}


@pytest.mark.parametrize("echo", ECHOES)
def test_what_went_wrong_before_shows_no_key(echo: str, kind: str, scene: Scene) -> None:
    """Failures before a success (of other endpoints, and of the same request) are kept without the key."""
    right = {"name": "Ann", "age": 34}
    with FakeEndpoint(ECHOES[echo], repeat=True) as first, FakeEndpoint(right) as second:
        fallbacks = [Fallback(model="b", base_url=second.base_url)]
        limit = {"timeout": 0.4} if echo == "no time left" else {}
        one = _made(kind, PLACES["api_key="], first, scene, fallbacks=fallbacks, **limit)
        result = _run(one)
    assert result.failures
    assert _found(scene.surfaces(result), MARK) == {}


def test_retries_show_no_key(kind: str, scene: Scene) -> None:
    """The failures that a reply carries as its retries have no key, nor has the error that carries them."""
    failing = _error(500, {"error": {"message": WORDS}})
    with FakeEndpoint(failing, {"name": "Ann", "age": 34}) as fake:
        result = _run(_made(kind, PLACES["api_key="], fake, scene, transport_retries=2, backoff=0))
    assert len(result.attempts[0].reply.retries) == 1
    assert _found(scene.surfaces(result), MARK) == {}


def test_nobody_there_shows_no_key(kind: str, scene: Scene) -> None:
    """An address where nobody answers shows no key."""
    fake = FakeEndpoint().start()
    one = _made(kind, PLACES["api_key="], fake, scene)
    fake.close()
    with pytest.raises(ConnectionFailed) as caught:
        _run(one)
    found = scene.surfaces(caught.value)
    assert _found({**found, "traceback": [_traced(caught.value)]}, MARK) == {}


LONG = "sk-" + "PLANTED+" * 30


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("content_type", ["text/plain", "text/html"])
def test_no_piece_of_a_long_key_is_left(status: int, content_type: str, kind: str, scene: Scene) -> None:
    """Where a body that quotes a long key many times is cut, no piece of the key is left at its end."""
    place = Place(lambda fake, _: {"base_url": fake.base_url, "api_key": LONG})
    with FakeEndpoint(Reply(status=status, raw=LONG * 200, content_type=content_type), repeat=True) as fake:
        one = _made(kind, place, fake, scene)
        with pytest.raises(EndpointError) as caught:
            _run(one)
    assert _found(scene.surfaces(caught.value), MARK) == {}


# ---------------------------------------------------------------------------- the key, in a chat completion


@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_that_does_not_conform_shows_no_key(reply: str, kind: str, scene: Scene) -> None:
    """A chat completion that quotes the key is evidence, and data; the key is in no words, log, or bare event."""
    with FakeEndpoint(REPLIES[reply], repeat=True) as fake:
        one = _made(kind, PLACES["api_key="], fake, scene, max_retries=0)
        with pytest.raises(ExtractionFailed) as caught:
            _run(one)
    found = scene.surfaces(caught.value)
    shown = {name: found[name] for name in ("log", "events without content")}
    assert _found({**shown, "words": [str(caught.value), repr(caught.value)]}, MARK) == {}


def test_a_value_of_the_caller_s_stays(kind: str, scene: Scene) -> None:
    """A key that the model wrote into a value that conforms is the caller's data: it stays, and is not cached."""
    with FakeEndpoint({"name": KEY, "age": 34}) as fake:
        result = _run(_made(kind, PLACES["api_key="], fake, scene))
    assert result.value == Person(name=KEY, age=34)
    scene.cache.close()
    assert not any(MARK in text for text in _cached(scene.path))


# How a reply may say the key within the text of its content: (the content, the key that it says).
SAID: dict[str, tuple[str, str]] = {
    "as it is": (json.dumps({"name": KEY, "age": 34}), KEY),
    "escaped": (f'{{"name": "{_escaped(KEY)}", "age": 34}}', KEY),
    "with escaped slashes": (json.dumps({"name": KEY, "age": 34}).replace("/", "\\/"), KEY),
    "with quotes in it": (json.dumps({"name": 'sk-"PLANTED"\\0123', "age": 34}), 'sk-"PLANTED"\\0123'),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_no_reply_with_the_key_is_cached(said: tuple[str, str], kind: str, scene: Scene) -> None:
    """A reply that says the key is not kept on disk, however its JSON writes it."""
    content, key = said
    place = Place(lambda fake, _: {"base_url": fake.base_url, "api_key": key})
    with FakeEndpoint(content) as fake:
        result = _run(_made(kind, place, fake, scene))
    assert result.value.name == key
    assert len(scene.cache) == 0


# ------------------------------------------------------------------------------ the key, before anything is sent

BEFORE: dict[str, dict[str, Any]] = {
    "a wrong option": {"temperature": 99},
    "an unknown option": {"temprature": 1},
    "a wrong timeout": {"timeout": -1},
    "a wrong header": {"headers": {"X-Api-Key": KEY, "X-Other": "→"}},
    "an unknown dialect": {"dialect": "klingon"},
    "a wrong fallback": {"fallbacks": [Fallback(model="openai/x")]},
    "a wrong fallback with the key": {"fallbacks": [Fallback(model="b", base_url="nowhere", api_key=KEY)]},
    "a wrong client": {"http_client": object()},
}


ADDRESSES = [
    f"http://me:{KEY}@h/v1",
    f"http://h/v1?key={KEY}",
    f"http://h/v1#{KEY}",
    f"http://{MARK}@h",
    f"http://me:{MARK}@h",
]


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
@pytest.mark.parametrize("where", ["base_url", "Fallback", "environment"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_with_a_key_is_not_quoted(
    address: str, where: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address with a key in it is refused, and not quoted."""
    wrong: dict[str, Any] = {"base_url": address}
    if where == "Fallback":
        wrong = {"fallbacks": [Fallback(model="b", base_url=address)]}
    elif where == "environment":
        monkeypatch.setenv("EXTRACTOR_BASE_URL", address)
        wrong = {"model": None, "base_url": None}
    error = _wrongly(make, lambda: wrong, key=False)
    assert isinstance(error, ConfigurationError)
    assert _found({"error": [*_texts(error)]}, MARK) == {}


PROXIES = ["socks9://u:PLANTED@h:1", "http://u:PLANTED@h:port", "http://u:PLANTED@[::1"]


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
@pytest.mark.parametrize("proxy", PROXIES)
def test_the_password_of_a_proxy_is_not_shown(proxy: str, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is our error, and no other, which would have its password, hangs on it."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    made = {"model": "a", "base_url": "http://h.example/v1", "transport_retries": 0}
    with pytest.raises(ExtractorError) as caught:
        _run(make(**made))
    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.__context__ is None
    assert _found({"error": [*_texts(caught.value)]}, MARK) == {}


def _wrongly(make: Any, more: Callable[[], dict[str, Any]], key: bool) -> ExtractorError:
    """The error of an extractor that cannot be made, without the frames of this test, which have the key."""
    given = {"model": "a", "base_url": "http://127.0.0.1:9/v1", **({"api_key": KEY} if key else {}), **more()}
    with pytest.raises(ExtractorError) as caught:
        make(**given)
    error, trace = caught.value, caught.value.__traceback__
    return error.with_traceback(None if trace is None else trace.tb_next)


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
@pytest.mark.parametrize("wrong", BEFORE)
def test_an_extractor_that_cannot_be_made_tells_no_key(wrong: str, make: Any) -> None:
    """An error of the constructor has no key in its words, evidence and pickle."""
    error = _wrongly(make, lambda: BEFORE[wrong], key=True)
    assert _found({"error": [*_texts(error)], "pickle": [pickle.dumps(error).decode("latin-1")]}, MARK) == {}


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
@pytest.mark.parametrize("wrong", BEFORE)
def test_an_extractor_that_cannot_be_made_shows_no_key(wrong: str, make: Any) -> None:
    """The traceback of an error of the constructor has no key in the local variables of our frames."""
    assert _found({"traceback": [_traced(_wrongly(make, lambda: BEFORE[wrong], key=True))]}, MARK) == {}


@pytest.mark.parametrize("make", [Extractor, AsyncExtractor])
@pytest.mark.parametrize(
    "wrong", [{"model": "nobody/x", "base_url": None}, {"base_url": "nowhere"}, {"model": 5}, {"temperature": 99}]
)
def test_the_environment_is_not_shown(wrong: dict[str, Any], make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback of an error of the constructor has no key of the environment."""
    for name in ("EXTRACTOR_API_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    assert _found({"traceback": [_traced(_wrongly(make, lambda: wrong, key=False))]}, MARK) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 99},
        {"messages": [{"role": "user", "content": object()}]},
        {"fallbacks": [Fallback(model="openai/x")]},
        {"fallbacks": [Fallback(model="b", base_url="nowhere", api_key=KEY)]},
        {"fallbacks": [Fallback(model="b", base_url="http://127.0.0.1:9/v1", api_key=f"{KEY}ü")]},
        {"fallbacks": [Fallback(model="b", base_url="http://127.0.0.1:9/v1", headers={"X-Key": f"{KEY}→"})]},
        {"document": ""},
    ],
    ids=str,
)
def test_a_call_that_cannot_be_made_shows_no_key(wrong: dict[str, Any], kind: str, scene: Scene) -> None:
    """An error of a call that is wrong shows no key, also in its traceback."""
    with FakeEndpoint() as fake:
        one = _made(kind, PLACES["api_key="], fake, scene)
        with pytest.raises(ExtractorError) as caught:
            _run_wrong(one, wrong)
        assert fake.requests == []
    found = scene.surfaces(caught.value)
    assert _found({**found, "traceback": [_traced(caught.value)]}, MARK) == {}


def _run_wrong(one: Any, wrong: dict[str, Any]) -> None:
    given = {"document": DOCUMENT, **wrong}
    if isinstance(one, Extractor):
        with one:
            one.run(Person, **given)
    else:
        asyncio.run(_awaited_wrong(one, given))


async def _awaited_wrong(one: Any, given: dict[str, Any]) -> None:
    async with one:
        await one.run(Person, **given)


# ----------------------------------------------------------------------------------------- what can be printed


def test_what_can_be_printed_shows_no_key(tmp_path: Path) -> None:
    """No repr has the key: extractors, senders, what they are made of, and what one extraction carries along."""
    url = "http://127.0.0.1:9/v1"
    address = resolve("a", url, KEY, {}, local_installed=False)
    fallback = Fallback(model="b", base_url=url, api_key=KEY, headers=OWN)
    budget, cache = Budget(requests=1, cost=1), Cache(tmp_path / "c.sqlite")
    settings = Settings.of(
        {"fallbacks": [fallback], "budget": budget, "cache": cache, "price": Price(input=1, output=1)}, {}
    )
    sync = Extractor("a", base_url=url, api_key=KEY, headers=OWN, fallbacks=[fallback])
    later = AsyncExtractor("a", base_url=url, api_key=KEY, headers=OWN, fallbacks=[fallback])
    senders: list[Any] = [sync._sender, later._sender]
    parts = [part for sender in senders for part in vars(sender).values()]
    errand = Errand(budget=budget, cache=cache)
    shown = [repr(each) for each in (address, fallback, budget, cache, settings, sync, later, errand, *senders, *parts)]
    shown += [repr(vars(each)) for each in (sync, later, *senders)]
    assert _found({"reprs": shown}, MARK) == {}
    sync.close()
    asyncio.run(later.aclose())
    cache.close()


def test_a_fallback_that_was_used_is_kept_without_its_key_in_sight(scene: Scene) -> None:
    """An extractor that has fallen back can be printed with all that it keeps."""
    with FakeEndpoint({"name": "Ann", "age": 34}) as fake:
        one = _made("sync", PLACES["Fallback(api_key=)"], fake, scene)
        _run(one)
    assert _found({"kept": [repr(vars(one)), repr(one._others)]}, MARK) == {}


# ------------------------------------------------------------------------------------------- the document


class Phones(BaseModel):
    """A target with names and values from the document."""

    name: str
    kind: Literal["a", "b"]
    phones: dict[str, int]


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 1}, "kind": {"enum": ["a", "b"]}},
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}
# Target, and a reply to it that quotes the document.
WRONG: dict[str, tuple[Any, Any]] = {
    "prose": (Person, f"The document says {ZEBRA}."),
    "a wrong type": (Person, {"name": [ZEBRA], "age": ZEBRA}),
    "an enum": (Phones, {"name": "x", "kind": ZEBRA, "phones": {}}),
    "a value under a name of its own": (Phones, {"name": "x", "kind": "a", "phones": {"x": ZEBRA}}),
    "a name of its own": (Phones, {"name": "x", "kind": "a", "phones": {ZEBRA: "x"}}),
    "an unknown name": (SCHEMA, {"name": "x", "age": 1, "kind": "a", ZEBRA: ZEBRA}),
    "a schema's type": (SCHEMA, {"name": [ZEBRA], "age": ZEBRA, "kind": "a"}),
    "a schema's enum": (SCHEMA, {"name": "x", "age": 1, "kind": ZEBRA}),
    "a schema's format": (
        {"type": "object", "properties": {"on": {"type": "string", "format": "date"}}, "required": ["on"]},
        {"on": ZEBRA},
    ),
    "a schema's pattern": (
        {"type": "object", "properties": {"on": {"type": "string", "pattern": "^[0-9]+$"}}, "required": ["on"]},
        {"on": ZEBRA},
    ),
    "a refusal": (Person, Reply(message={"refusal": f"I will not read {ZEBRA}."})),
}
STATUSES: dict[str, Scripted] = {
    "a detail that quotes the input": _error(
        422, {"detail": [{"loc": ["body", "messages"], "msg": "too long", "input": DOCUMENT}]}
    ),
    "a plain refusal": _error(400, {"error": {"message": "no"}}),
    "a broken server": _error(500, {"error": {"message": "no"}}),
    "what is no completion": Reply(raw="<html></html>", content_type="text/html"),
}


def _run_on(kind: str, one: Any, target: Any) -> None:
    if kind == "sync":
        with one:
            one.run(target, DOCUMENT)
        return

    async def run() -> None:
        async with one:
            await one.run(target, DOCUMENT)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("target", "answer"),
    [*WRONG.values(), *((Person, answer) for answer in STATUSES.values())],
    ids=[*WRONG, *STATUSES],
)
def test_documents_are_in_no_message(target: Any, answer: Any, kind: str, scene: Scene) -> None:
    """No text of a document is in the words of an error, in a log, or in an event without content."""
    with FakeEndpoint(answer, repeat=True) as fake, pytest.raises(ExtractorError) as caught:
        _run_on(kind, _made(kind, PLACES["api_key="], fake, scene), target)
    error = caught.value
    surfaces = scene.surfaces(error)
    said = {
        "message": [str(error), repr(error), error.message, error.hint],
        "log": surfaces["log"],
        "events": surfaces["events without content"],
        "reprs": [repr(event) for event in scene.bare.told],
    }
    assert scene.bare.told
    assert _found(said, ZEBRA) == {}


def test_a_value_that_conforms_is_in_no_log(kind: str, scene: Scene) -> None:
    """What was extracted is in no log, and in no event without content."""
    with FakeEndpoint({"name": ZEBRA, "age": "x"}, {"age": 34}) as fake:
        result = _run(_made(kind, PLACES["api_key="], fake, scene))
    assert result.value.name == ZEBRA
    surfaces = scene.surfaces(result)
    assert _found({name: surfaces[name] for name in ("log", "events without content")}, ZEBRA) == {}
    assert any(ZEBRA in text for text in surfaces["events"]), "those with content have it"


# --------------------------------------------------------------------------------------------- pickling

CLASSES: dict[str, type[ExtractorError]] = {name: getattr(errors, name) for name in errors.__all__}
STEP = Step(mode="strict", slim=0, dropped="seed", status=400, reason="no")


def _built(kind: type[ExtractorError]) -> ExtractorError:
    """An error of that class, with all evidence that one can have."""
    usage = Usage(total_tokens=7)
    if issubclass(kind, ExtractionFailed):
        error: ExtractorError = kind("It failed.", attempts=(), value={"a": 1}, errors=(), usage=usage, hint="So.")
    elif issubclass(kind, StatusError):
        error = kind("It failed.", status=418, headers={"a": "b"}, retry_after=1.5, body="b", url="http://h/")
    elif issubclass(kind, OptionError):
        error = kind("It failed.", option="seed")
    elif issubclass(kind, SchemaError):
        error = kind("It failed.", pointer="/a")
    elif issubclass(kind, Overtaken):
        error = kind("It failed.", latest=Revision(number=2, decision="corrected", who="ana", made=1.0))
    else:
        error = kind("It failed.")
    before = ServerError("Before.", status=503, body="down")
    before.retries = (ConnectionFailed("First."),)
    evidence: dict[str, Any] = {"steps": (STEP,), "failures": (before,), "retries": (before,), "lasting": True}
    for name, value in evidence.items():
        if hasattr(kind, name):
            setattr(error, name, value)
    return error


def _plain(value: Any) -> Any:
    """A value in which errors are what they say and carry, so that two can be compared."""
    if isinstance(value, ExtractorError):
        return type(value), value.args, {name: _plain(each) for name, each in vars(value).items()}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_errors_survive_pickling_with_all_evidence(kind: type[ExtractorError]) -> None:
    """A pickled error has its retries, failures and steps, and those have theirs."""
    error = _built(kind)
    back = pickle.loads(pickle.dumps(error))
    assert _plain(back) == _plain(error)
    if issubclass(kind, EndpointError):
        assert back.retries[0].retries[0].message == "First."


def test_a_real_one_survives_pickling_with_all_evidence(kind: str) -> None:
    """The error of an extraction has, after pickling, its attempts, its retries, its steps and what failed before."""
    complaint = _error(400, {"error": {"message": "response_format json_schema is not supported"}})
    down = _error(503, {"error": {"message": "down"}})
    with FakeEndpoint(complaint, {"name": "Ann"}, down, down) as first, FakeEndpoint(down, repeat=True) as second:
        settings: dict[str, Any] = {"base_url": first.base_url, "transport_retries": 1, "backoff": 0}
        settings["fallbacks"] = [Fallback(model="b", base_url=second.base_url)]
        one: Any = (Extractor if kind == "sync" else AsyncExtractor)("a", **settings)
        with pytest.raises(ServerError) as caught:
            _run(one)
    back = pickle.loads(pickle.dumps(caught.value))
    assert [step.status for step in back.steps] == [400]
    assert [attempt.value for attempt in back.attempts] == [{"name": "Ann"}]
    assert [error.status for error in back.retries] == [503]
    (failure,) = back.failures
    assert (failure.status, [error.status for error in failure.retries], len(failure.attempts)) == (503, [503], 1)


def test_a_configuration_error_quotes_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that no header can carry is not quoted in the error that says so."""
    for given in ({"api_key": KEY + "\n" + KEY}, {"headers": {"X-Key": KEY + "é"}}):
        error = _wrongly(Extractor, lambda given=given: given, key=False)  # type: ignore[misc]
        assert isinstance(error, ConfigurationError)
        assert _found({"error": [*_texts(error)]}, MARK) == {}
