"""Extractions as OpenTelemetry sees them: the spans and metrics that an SDK is given."""

from __future__ import annotations

import contextvars
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from extractor import telemetry
from extractor.chat.wire import ChatReply, Usage, decode_reply
from extractor.errors import MissingExtra
from extractor.telemetry import Telemetry
from extractor.watching import (
    Event,
    Failing,
    FallingBack,
    Finished,
    Method,
    Reasking,
    Received,
    Refusing,
    Retrying,
    Sending,
    Started,
    Waited,
    Watch,
)

ROOT = Path(__file__).resolve().parent.parent
BASE = "http://localhost:8000/v1"
USAGE = decode_reply(
    {
        "choices": [],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 40},
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
    }
).usage
REPLY = decode_reply(
    {
        "id": "r-1",
        "model": "m-2025",
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "reasoning_content": "Hm.",
                    "content": "PLANTED",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{"}},
                    ],
                },
                "finish_reason": "stop",
            },
            {"message": {"refusal": "No."}},
        ],
    }
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A telemetry, and what an SDK is given by it."""

    telemetry: Telemetry
    tracers: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @classmethod
    def made(cls, *, content: bool = False) -> Seen:
        """Set up an SDK that keeps everything in memory."""
        exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(exporter))
        meters = MeterProvider([reader], shutdown_on_exit=False)
        made = Telemetry(tracer_provider=tracers, meter_provider=meters, content=content)
        return cls(telemetry=made, tracers=tracers, exporter=exporter, reader=reader)

    def tell(self, *events: Event) -> None:
        """Tell events, as an extraction does."""
        for event in events:
            Watch((self.telemetry,)).emit(METHODS[type(event)], lambda content, event=event: event)  # type: ignore[misc]
        assert "_said" not in vars(self.telemetry), "it raised"

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they began."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """The one span of that name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def points(self, name: str) -> list[HistogramDataPoint]:
        """What a histogram has counted."""
        data = self.reader.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        points: list[Any] = [point for metric in metrics for point in metric.data.data_points]
        return points


METHODS: Mapping[type[Event], Method] = {
    Started: "on_start",
    Sending: "on_request",
    Received: "on_reply",
    Retrying: "on_retry",
    Waited: "on_wait",
    Refusing: "on_refused",
    Reasking: "on_reask",
    FallingBack: "on_fallback",
    Finished: "on_result",
    Failing: "on_failure",
}


@pytest.fixture
def seen() -> Seen:
    """A telemetry without content."""
    return Seen.made()


def _start(extraction: str = "x1", **more: Any) -> Started:
    return Started(extraction=extraction, target="Invoice", model="m", base_url=BASE, document_bytes=7, **more)


def _send(number: int = 1, attempt: int = 1, *, base: str = BASE, extraction: str = "x1", **more: Any) -> Sending:
    made: dict[str, Any] = {"model": "m", "url": f"{base}/chat/completions", "request_bytes": 99, **more}
    return Sending(extraction=extraction, number=number, attempt=attempt, **made)


def _receive(number: int = 1, *, extraction: str = "x1", **more: Any) -> Received:
    made: dict[str, Any] = {
        "model": "m-2025",
        "usage": USAGE,
        "cost": Decimal("0.002"),
        "finish_reasons": ("stop",),
        "response_id": "r-1",
        **more,
    }
    return Received(extraction=extraction, number=number, seconds=1.0, **made)


def _finish(requests: int = 1, *, extraction: str = "x1") -> Finished:
    usage = USAGE or Usage()
    return Finished(
        extraction=extraction,
        requests=requests,
        seconds=2.0,
        usage=usage,
        cost=Decimal("0.002"),
        model="m-2025",
        outcome="conforming",
    )


def _fail(error: str = "TimedOut", **more: Any) -> Failing:
    return Failing(extraction="x1", error=error, requests=1, seconds=2.0, usage=Usage(), **more)


def _retry(attempt: int = 1, **more: Any) -> Retrying:
    made: dict[str, Any] = {"error": "RateLimited", "status": 429, "wait": 0.5, "url": BASE, "next_url": BASE, **more}
    return Retrying(extraction="x1", number=1, attempt=attempt, **made)


# -------------------------------------------------------------------------------------------- traces


def test_an_extraction(seen: Seen) -> None:
    """An extraction is a span, and its request one inside of it, with the attributes of the conventions."""
    seen.tell(_start(), _send(), _receive(), _finish())
    extraction, request = seen.spans
    assert (extraction.name, extraction.kind) == ("extract Invoice", SpanKind.INTERNAL)
    assert dict(extraction.attributes or {}) == {
        "extractor.id": "x1",
        "extractor.target": "Invoice",
        "extractor.document.bytes": 7,
        "extractor.requests": 1,
        "extractor.outcome": "conforming",
        "extractor.cost": 0.002,
        "extractor.usage.input_tokens": 100,
        "extractor.usage.output_tokens": 20,
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2025",
        "server.address": "localhost",
        "server.port": 8000,
    }
    assert (request.name, request.kind) == ("chat m", SpanKind.CLIENT)
    assert dict(request.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2025",
        "gen_ai.response.id": "r-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "server.address": "localhost",
        "server.port": 8000,
        "extractor.request.number": 1,
        "extractor.request.bytes": 99,
        "extractor.cost": 0.002,
    }
    assert request.parent == extraction.context
    assert extraction.parent is None
    assert {extraction.status.status_code, request.status.status_code} == {StatusCode.UNSET}


def test_it_is_within_the_current_span(seen: Seen) -> None:
    """An extraction belongs to what the caller was doing when it began, and is itself never current."""
    tracer = seen.tracers.get_tracer("test")
    with tracer.start_as_current_span("caller") as caller:
        seen.tell(_start(), _send())
        assert trace.get_current_span() is caller
    assert trace.get_current_span() is trace.INVALID_SPAN
    with tracer.start_as_current_span("other"):
        seen.tell(_receive(), _send(2), _receive(2), _finish(2))
    extraction = seen.span("extract Invoice")
    assert extraction.parent == caller.get_span_context()
    assert [span.parent for span in seen.spans if span.name == "chat m"] == [extraction.context] * 2


def test_what_happens_in_other_contexts(seen: Seen) -> None:
    """Events may be told from different contexts, as those of a task's generator are."""
    for event in (_start(), _send(), _receive(), _finish()):
        contextvars.Context().run(seen.tell, event)
    assert [span.name for span in seen.spans] == ["extract Invoice", "chat m"]


def test_retries(seen: Seen) -> None:
    """A request that is sent again is one span, in which each failure is an event; it says who was asked last."""
    other = "https://other.example/v1"
    seen.tell(_start(), Waited(extraction="x1", number=1, seconds=0.25), _send(), _retry())
    seen.tell(Waited(extraction="x1", number=1, seconds=0.5))
    seen.tell(_send(attempt=2), _retry(2, error="ConnectionFailed", status=None, next_url=other))
    seen.tell(_send(attempt=3, base=other), _receive(), _finish())
    request = seen.span("chat m")
    assert [event.name for event in request.events] == ["extractor.retry", "extractor.wait", "extractor.retry"]
    assert dict(request.events[0].attributes or {}) == {
        "extractor.attempt": 1,
        "error.type": "RateLimited",
        "http.response.status_code": 429,
        "extractor.wait": 0.5,
        "url.full": BASE,
        "extractor.next_url": BASE,
    }
    assert request.attributes is not None
    assert (request.attributes["server.address"], request.attributes["server.port"]) == ("other.example", 443)
    assert request.status.status_code is StatusCode.UNSET
    assert [event.name for event in seen.span("extract Invoice").events] == ["extractor.wait"]
    (point,) = seen.points("gen_ai.client.operation.duration")
    assert (point.attributes or {})["server.address"] == "other.example"


def test_a_reask(seen: Seen) -> None:
    """Each request of an extraction has a span, and why there was another is an event between them."""
    reask = Reasking(extraction="x1", number=1, outcome="invalid", errors=2, asked=("/a",), kinds=("missing",))
    seen.tell(_start(), _send(), _receive(), reask, _send(2, asked=("/a",)), _receive(2), _finish(2))
    extraction, first, second = seen.spans
    (event,) = extraction.events
    assert event.name == "extractor.reask"
    assert dict(event.attributes or {}) == {
        "extractor.request.number": 1,
        "extractor.outcome": "invalid",
        "extractor.errors": 2,
        "extractor.kinds": ("missing",),
    }
    assert "extractor.request.asked" not in (first.attributes or {})
    assert (second.attributes or {})["extractor.request.asked"] == ("/a",)


def test_a_refusal(seen: Seen) -> None:
    """A refused request has failed, though the extraction goes on."""
    refused = Refusing(extraction="x1", number=1, status=400, changed="strict → relaxed")
    seen.tell(_start(), _send(), refused, _send(2), _receive(2), _finish(2))
    extraction, first, second = seen.spans
    assert (first.status.status_code, (first.attributes or {})["error.type"]) == (StatusCode.ERROR, "400")
    assert {extraction.status.status_code, second.status.status_code} == {StatusCode.UNSET}
    (event,) = extraction.events
    assert dict(event.attributes or {}) == {"http.response.status_code": 400, "extractor.changed": "strict → relaxed"}


def test_another_model(seen: Seen) -> None:
    """Where another model is asked, the request to the first has failed, and there is a span for each."""
    fallback = FallingBack(extraction="x1", from_model="m", to_model="n", error="ServerError")
    seen.tell(_start(), _send(), fallback, _send(model="n"), _receive(model="n-1"), _finish())
    extraction, first, second = seen.spans
    assert [first.name, second.name] == ["chat m", "chat n"]
    assert (first.status.status_code, (first.attributes or {})["error.type"]) == (StatusCode.ERROR, "ServerError")
    assert second.status.status_code is StatusCode.UNSET
    assert [event.name for event in extraction.events] == ["extractor.fallback"]


@pytest.mark.parametrize("error", ["TimedOut", "Cancelled"])
def test_a_failure(seen: Seen, error: str) -> None:
    """A failed extraction ends its span and that of the request under way, both as failed, without content."""
    seen.tell(_start(), _send(), _fail(error))
    assert len(seen.spans) == 2
    for span in seen.spans:
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
        assert (span.attributes or {})["error.type"] == error
        assert span.events == ()
    (point,) = seen.points("gen_ai.client.operation.duration")
    assert (point.attributes or {})["error.type"] == error
    assert seen.points("gen_ai.client.token.usage") == []


def test_a_reply_from_the_cache(seen: Seen) -> None:
    """A reply that came from the cache is no request to anyone, and is counted nowhere."""
    seen.tell(_start(), _receive(cached=True), _finish())
    assert [span.name for span in seen.spans] == ["extract Invoice"]
    assert [event.name for event in seen.spans[0].events] == ["extractor.cached"]
    seen.tell(_start(), _send(), _receive(cached=True), _finish())
    assert (seen.span("chat m").attributes or {})["extractor.cached"] is True
    assert seen.points("gen_ai.client.operation.duration") + seen.points("gen_ai.client.token.usage") == []


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini"),
        ("https://us-central1-aiplatform.googleapis.com/v1", "gcp.vertex_ai"),
        ("https://me.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1", "aws.bedrock"),
        ("https://balancer.amazonaws.com/v1", "openai"),
        ("http://[::1]:8000/v1", "openai"),
        ("http://[broken", "openai"),
        ("", "openai"),
    ],
)
def test_providers(seen: Seen, url: str, provider: str) -> None:
    """A provider goes by the conventions' name for it, any other by that of the protocol."""
    seen.tell(_start(), _send(base=url), _receive(), _finish())
    assert (seen.span("chat m").attributes or {})["gen_ai.provider.name"] == provider


# ------------------------------------------------------------------------------------------- metrics


def test_metrics(seen: Seen) -> None:
    """The time of a request and its tokens are counted, in the buckets that the conventions advise."""
    seen.tell(_start(), _send(), _receive(), _send(2), _receive(2), _finish(2))
    (duration,) = seen.points("gen_ai.client.operation.duration")
    labels = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2025",
        "server.address": "localhost",
        "server.port": 8000,
    }
    assert dict(duration.attributes or {}) == labels
    assert duration.count == 2
    assert list(duration.explicit_bounds) == [0.01 * 2**power for power in range(14)]
    tokens = {
        str((point.attributes or {})["gen_ai.token.type"]): point for point in seen.points("gen_ai.client.token.usage")
    }
    assert {kind: (point.count, point.sum) for kind, point in tokens.items()} == {"input": (2, 200), "output": (2, 40)}
    assert dict(tokens["input"].attributes or {}) == {**labels, "gen_ai.token.type": "input"}
    assert list(tokens["input"].explicit_bounds) == [4**power for power in range(14)]


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, {}),
        ({}, {}),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}, {"input": 10, "output": 30}),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1}, {"input": 10, "output": 5}),
        ({"total_tokens": 40}, {"input": 0, "output": 0}),
    ],
)
def test_tokens(seen: Seen, usage: Any, counted: dict[str, int]) -> None:
    """Thinking that stands in the total only is counted as output; what is not known is not counted."""
    read = decode_reply({"choices": [], "usage": usage}).usage
    seen.tell(_start(), _send(), _receive(usage=read), _finish())
    points = seen.points("gen_ai.client.token.usage")
    assert {(point.attributes or {})["gen_ai.token.type"]: point.sum for point in points} == counted


# ------------------------------------------------------------------------------------------- content

MESSAGES = (
    {"role": "system", "content": "Extract."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "PLANTED"},
            {"type": "image_url", "image_url": {"url": "https://e.example/a.png"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            "loose",
            5,
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "PLANTED"}'}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "done \ud800"},
)


def _told(content: bool) -> Seen:
    seen = Seen.made(content=content)
    more: Mapping[str, Any] = {"messages": MESSAGES} if content else {}
    reply: ChatReply | None = REPLY if content else None
    retry = _retry(message="PLANTED") if content else _retry()
    failed = _fail(exception=ValueError("PLANTED")) if content else _fail()
    seen.tell(_start(), _send(**more), retry, _receive(reply=reply), failed)
    return seen


def test_content() -> None:
    """Messages and replies are attributes where they were asked for, in the conventions' form."""
    seen = _told(content=True)
    assert seen.telemetry.content
    attributes: Mapping[str, Any] = seen.span("chat m").attributes or {}
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Extract."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "PLANTED"},
                {"type": "uri", "modality": "image", "uri": "https://e.example/a.png"},
                {"type": "image_url"},
                {"type": "text", "content": "loose"},
                {"type": "int"},
            ],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": "PLANTED"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "done ?"}]},
    ]
    assert json.loads(attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "PLANTED"},
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
                {"type": "tool_call", "id": "c2", "name": "g", "arguments": "{"},
            ],
            "finish_reason": "stop",
        },
        {"role": "assistant", "parts": [{"type": "text", "content": "No."}], "finish_reason": ""},
    ]
    assert [event.name for event in seen.span("extract Invoice").events] == ["exception"]


def test_no_content() -> None:
    """Without being asked for, nothing of a document or a reply is in any span."""
    seen = _told(content=False)
    assert not seen.telemetry.content
    written = "".join(span.to_json() for span in seen.spans)
    assert "PLANTED" not in written
    assert "messages" not in written


def test_hostile_replies() -> None:
    """What an endpoint says of itself is bounded and can be exported; arguments nested too deep break nothing."""
    seen = Seen.made(content=True)
    deep = "[" * 100_000 + "]" * 100_000
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": deep}}
    reply = decode_reply({"choices": [{"message": {"content": "\ud800", "tool_calls": [call]}}]})
    received = _receive(model="\ud800" * 500, response_id="i" * 500, finish_reasons=("\udfff",), reply=reply)
    seen.tell(_start(), _send(messages=({"role": "user", "content": "x"},)), received, _finish())
    attributes: Mapping[str, Any] = seen.span("chat m").attributes or {}
    assert attributes["gen_ai.response.model"] == "?" * 200
    assert len(attributes["gen_ai.response.id"]) == 200
    for value in attributes.values():
        str(value).encode()


# ------------------------------------------------------------------------------------ what is kept, and not


def test_nothing_is_kept(seen: Seen) -> None:
    """What has ended is forgotten, and what comes after it, or without a start, is passed over."""
    seen.tell(_start(), _send(), _receive(), _finish())
    assert not seen.telemetry._running
    seen.tell(_send(), _receive(), _retry(), Waited(extraction="x1", number=1, seconds=0.1), _finish(), _fail())
    seen.tell(Refusing(extraction="x1", number=1, status=400, changed=""), _receive(cached=True))
    seen.tell(FallingBack(extraction="x1", from_model="m", to_model="n", error="ServerError"))
    assert len(seen.spans) == 2


def test_a_request_that_is_left_open(seen: Seen) -> None:
    """A request of which no reply was told is ended with the extraction."""
    seen.tell(_start(), _send(), _finish())
    assert [span.name for span in seen.spans] == ["extract Invoice", "chat m"]
    assert seen.span("extract Invoice").status.status_code is StatusCode.UNSET


def test_extractions_that_never_end(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many extractions whose end is never told, the oldest are ended as lost."""
    monkeypatch.setattr(telemetry, "MOST_OPEN", 3)
    for number in range(5):
        seen.tell(_start(f"x{number}"), _send(extraction=f"x{number}"))
    assert len(seen.telemetry._running) == 3
    lost = [span for span in seen.spans if span.name == "extract Invoice"]
    assert [(span.attributes or {})["extractor.id"] for span in lost] == ["x0", "x1"]
    assert [(span.attributes or {})["error.type"] for span in seen.spans] == ["Lost"] * 4
    seen.tell(_finish(extraction="x0"), _finish(extraction="x4"))
    assert len(seen.telemetry._running) == 2


def test_many_threads(seen: Seen) -> None:
    """One telemetry can be told by many threads at once: every span ends, within its own extraction."""

    def run(thread: int) -> None:
        for number in range(20):
            name = f"x{thread}-{number}"
            seen.tell(_start(name), _send(extraction=name), _receive(extraction=name), _finish(extraction=name))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = seen.spans
    extractions = [span.context for span in spans if span.name == "extract Invoice"]
    parents = [span.parent for span in spans if span.name == "chat m"]
    assert len(extractions) == len(parents) == 160
    assert {each.span_id for each in extractions if each} == {each.span_id for each in parents if each}
    assert not seen.telemetry._running


# ------------------------------------------------------------------------------------------ the package


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package not be there."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.usefixtures("missing")
def test_without_the_package() -> None:
    """Where the package is missing, the error says how to install it."""
    with pytest.raises(MissingExtra, match=r'pip install "extractor\[otel\]"'):
        Telemetry()


def test_the_api_alone() -> None:
    """Without an SDK nothing is written, and nothing breaks; the module itself loads no telemetry."""
    code = (
        "import sys, extractor.telemetry as t\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "from extractor.watching import Started\n"
        "one = t.Telemetry()\n"
        "one.on_start(Started(extraction='x', target='T', model='m', base_url='http://h/v1', document_bytes=1))\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk.trace')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
