"""Traces and metrics of extractions, as OpenTelemetry's conventions for generative AI have them.

One span for an extraction (`extract Invoice`), within the span that is current where it starts, and within it one
for each request (`chat MODEL`). They are never made current: an extraction waits for replies while other code runs,
which would then seem to be a part of it. The names are those of https://opentelemetry.io/docs/specs/semconv/gen-ai/.
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from extractor.chat.wire import Choice, Usage
from extractor.errors import MissingExtra
from extractor.watching import (
    Failing,
    FallingBack,
    Finished,
    Reasking,
    Received,
    Refusing,
    Retrying,
    Sending,
    Started,
    Waited,
    Watcher,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Telemetry"]

MOST_OPEN = 10_000
"""Extractions that are kept: of one whose end never comes, the span is ended when there are so many younger ones."""

# As the conventions advise, in seconds and in tokens.
SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = tuple(4**power for power in range(14))

# The conventions' own names, by the host. Any other endpoint speaks OpenAI's protocol, and goes by that: the name
# says which kind of telemetry it is, server.address says who answered.
PROVIDERS: Mapping[str, str] = {
    "generativelanguage.googleapis.com": "gcp.gemini",
    "*aiplatform.googleapis.com": "gcp.vertex_ai",
    "*.openai.azure.com": "azure.ai.openai",
    "*.services.ai.azure.com": "azure.ai.inference",
    "bedrock*.amazonaws.com": "aws.bedrock",
    "api.anthropic.com": "anthropic",
    "api.cohere.*": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.*": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
}
OTHER_PROVIDER = "openai"
TEXT_LENGTH = 200  # characters of what an endpoint says of itself: its model, its id for a reply
MOST_PLACES = 100  # that were asked for, of which a span tells


@dataclass(kw_only=True, slots=True)
class _Request:
    """A request under way: its span, when it began, and by what its metrics are counted."""

    span: Span
    context: Context
    began: float
    labels: dict[str, Any]


@dataclass(kw_only=True, slots=True)
class _Running:
    """An extraction under way; its requests by their number. `context` is what they are begun in."""

    span: Span
    context: Context
    requests: dict[int, _Request] = field(default_factory=dict)


class Telemetry(Watcher):
    """Writes traces and metrics with the OpenTelemetry API: `Extractor(…, watch=[Telemetry()])`.

    Without providers, those that the program has set take them. With `content`, spans have the messages and the
    replies, and what errors say. One is enough for all extractors. Raises `MissingExtra` where the API is not there.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool = False,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            hint = 'Run: pip install "extractor[otel]"'
            raise MissingExtra("Telemetry needs the package opentelemetry-api.", hint=hint) from None
        self.content = content
        self._trace = trace
        self._tracer = trace.get_tracer("extractor", tracer_provider=tracer_provider)
        meter = metrics.get_meter("extractor", meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._running: OrderedDict[str, _Running] = OrderedDict()
        self._lock = threading.Lock()

    # -------------------------------------------------------------------------- the extraction

    def on_start(self, event: Started) -> None:
        """Begin the extraction's span, within the current one."""
        span = self._tracer.start_span(
            f"extract {event.target}",
            kind=self._trace.SpanKind.INTERNAL,
            attributes={
                "extractor.id": event.extraction,
                "extractor.target": event.target,
                "extractor.document.bytes": event.document_bytes,
                "gen_ai.request.model": event.model,
                **_server(event.base_url),
            },
        )
        # The caller's context, in which baggage may be, with our span in the place of theirs.
        running = _Running(span=span, context=self._trace.set_span_in_context(span))
        with self._lock:
            self._running[event.extraction] = running
            lost = self._running.popitem(last=False)[1] if len(self._running) > MOST_OPEN else None
        if lost is not None:
            self._end(lost, "Lost")

    def on_result(self, event: Finished) -> None:
        """End the extraction's span."""
        running = self._ended(event.extraction)
        if running is not None:
            running.span.set_attributes(_summary(event))
            running.span.set_attributes({"extractor.outcome": event.outcome, "gen_ai.response.model": event.model})
            self._end(running)

    def on_failure(self, event: Failing) -> None:
        """End the extraction's span, and those of requests under way, as failed."""
        running = self._ended(event.extraction)
        if running is not None:
            running.span.set_attributes(_summary(event))
            if event.exception is not None:
                running.span.record_exception(event.exception)
            self._end(running, event.error)

    def _of(self, extraction: str) -> _Running | None:
        with self._lock:
            return self._running.get(extraction)

    def _ended(self, extraction: str) -> _Running | None:
        with self._lock:
            return self._running.pop(extraction, None)

    def _end(self, running: _Running, error: str = "") -> None:
        for number in list(running.requests):
            self._end_request(running, number, error or "Lost")
        if error:
            self._fail(running.span, error)
        running.span.end()

    def _fail(self, span: Span, error: str) -> None:
        span.set_attribute("error.type", error)
        span.set_status(self._trace.StatusCode.ERROR)

    # ---------------------------------------------------------------------------- the requests

    def on_request(self, event: Sending) -> None:
        """Begin the request's span; sending it again goes on with it."""
        running = self._of(event.extraction)
        if running is None:
            return
        labels = {**_asked_of(event.url), "gen_ai.request.model": event.model}
        again = running.requests.get(event.number)
        if again is not None:  # it may go elsewhere now
            again.labels |= labels
            again.span.set_attributes(labels)
            return
        span = self._tracer.start_span(
            f"chat {event.model}",
            context=running.context,
            kind=self._trace.SpanKind.CLIENT,
            attributes={**labels, **_sent(event)},
        )
        context = self._trace.set_span_in_context(span, running.context)
        running.requests[event.number] = _Request(span=span, context=context, began=time.perf_counter(), labels=labels)

    def on_reply(self, event: Received) -> None:
        """End the request's span, and count its tokens. What came from the cache was asked of nobody."""
        running = self._of(event.extraction)
        if running is None:
            return
        request = running.requests.pop(event.number, None)
        if event.cached:
            running.span.add_event("extractor.cached", {"extractor.request.number": event.number})
        if request is None:
            return
        request.span.set_attributes(_answered(event))
        request.span.end()
        if not event.cached:
            self._measure(request, {"gen_ai.response.model": _short(event.model)} if event.model else {})
            for kind, number in _counted(event.usage):
                labels = {**request.labels, "gen_ai.token.type": kind}
                self._tokens.record(number, labels, request.context)

    def _measure(self, request: _Request, more: Mapping[str, str]) -> None:
        request.labels |= more
        self._duration.record(time.perf_counter() - request.began, request.labels, request.context)

    def _end_request(self, running: _Running, number: int, error: str) -> None:
        request = running.requests.pop(number, None)
        if request is not None:
            self._measure(request, {"error.type": error})
            self._fail(request.span, error)
            request.span.end()

    # -------------------------------------------------------------------------------- on the way

    def on_retry(self, event: Retrying) -> None:
        """Note that a request is sent again."""
        attributes: dict[str, Any] = {
            "extractor.attempt": event.attempt,
            "error.type": event.error,
            "extractor.wait": event.wait,
            "url.full": event.url,
            "extractor.next_url": event.next_url,
        }
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        if event.message is not None:
            attributes["exception.message"] = event.message
        self._note(event.extraction, event.number, "extractor.retry", attributes)

    def on_wait(self, event: Waited) -> None:
        """Note that a request had to wait."""
        attributes = {"extractor.request.number": event.number, "extractor.wait": event.seconds}
        self._note(event.extraction, event.number, "extractor.wait", attributes)

    def on_refused(self, event: Refusing) -> None:
        """End the request's span as failed."""
        running = self._of(event.extraction)
        if running is not None:
            self._end_request(running, event.number, str(event.status))
        attributes = {"http.response.status_code": event.status, "extractor.changed": event.changed}
        self._note(event.extraction, event.number, "extractor.refused", attributes)

    def on_reask(self, event: Reasking) -> None:
        """Note that a reply did not conform."""
        attributes = {
            "extractor.request.number": event.number,
            "extractor.outcome": event.outcome,
            "extractor.errors": event.errors,
            "extractor.kinds": event.kinds,
        }
        self._note(event.extraction, event.number, "extractor.reask", attributes)

    def on_fallback(self, event: FallingBack) -> None:
        """End the spans of the model that could not be asked."""
        running = self._of(event.extraction)
        if running is not None:
            for number in list(running.requests):
                self._end_request(running, number, event.error)
        attributes = {"extractor.from": event.from_model, "extractor.to": event.to_model, "error.type": event.error}
        self._note(event.extraction, 0, "extractor.fallback", attributes)

    def _note(self, extraction: str, number: int, name: str, attributes: Mapping[str, Any]) -> None:
        """Add an event to the request under way, or to the extraction where there is none."""
        running = self._of(extraction)
        if running is not None:
            request = running.requests.get(number)
            (running if request is None else request).span.add_event(name, attributes)


# ------------------------------------------------------------------------------ records as attributes


@functools.lru_cache(maxsize=256)
def _server(url: str) -> Mapping[str, Any]:
    """Who is asked at an address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return {}
    if not host:
        return {}
    return {"server.address": host, "server.port": port or (80 if parts.scheme == "http" else 443)}


@functools.lru_cache(maxsize=256)
def _asked_of(url: str) -> Mapping[str, Any]:
    """What a request to an address is."""
    server = _server(url)
    host = str(server.get("server.address", ""))
    known = (name for pattern, name in PROVIDERS.items() if fnmatchcase(host, pattern))
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": next(known, OTHER_PROVIDER),
        **server,
    }


def _sent(event: Sending) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "extractor.request.number": event.number,
        "extractor.request.bytes": event.request_bytes,
    }
    if event.asked:
        attributes["extractor.request.asked"] = event.asked[:MOST_PLACES]
    if event.messages is not None:
        attributes["gen_ai.input.messages"] = _json([_message(each) for each in event.messages])
    return attributes


def _answered(event: Received) -> dict[str, Any]:
    known: dict[str, Any] = {
        "gen_ai.response.model": _short(event.model),
        "gen_ai.response.id": _short(event.response_id),
        "gen_ai.response.finish_reasons": [_short(each) for each in event.finish_reasons],
        "extractor.cached": event.cached,
        **_used(event.usage),
    }
    attributes = {name: value for name, value in known.items() if value}
    if event.cost is not None:
        attributes["extractor.cost"] = float(event.cost)
    if event.reply is not None:
        attributes["gen_ai.output.messages"] = _json([_choice(each) for each in event.reply.choices])
    return attributes


def _summary(event: Finished | Failing) -> dict[str, Any]:
    """What an extraction took in all. Under names of our own: who sums up tokens finds them in its requests."""
    attributes: dict[str, Any] = {
        "extractor.requests": event.requests,
        "extractor.usage.input_tokens": event.usage.prompt_tokens,
        "extractor.usage.output_tokens": _billed(event.usage),
    }
    if event.cost is not None:
        attributes["extractor.cost"] = float(event.cost)
    return attributes


def _used(usage: Usage | None) -> dict[str, int]:
    if usage is None or not usage.total_tokens:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": _billed(usage),
        "gen_ai.usage.cache_read.input_tokens": usage.prompt_tokens_details.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.completion_tokens_details.reasoning_tokens,
    }


def _counted(usage: Usage | None) -> Iterator[tuple[str, int]]:
    if usage is not None and usage.total_tokens:
        yield "input", usage.prompt_tokens
        yield "output", _billed(usage)


def _billed(usage: Usage) -> int:
    """The tokens that were written. Some endpoints count thinking in the total only; it is billed all the same."""
    thought = usage.total_tokens - usage.prompt_tokens - usage.completion_tokens
    return usage.completion_tokens + (max(thought, 0) if usage.prompt_tokens else 0)


def _short(text: str) -> str:
    # A lone surrogate, which an endpoint can send, would be refused together with all spans of the same export.
    return text[:TEXT_LENGTH].encode("utf-8", "replace").decode()


# ------------------------------------------------------------------------------------------- content
# Messages as the conventions have them: a role, and parts.


def _json(messages: Sequence[Mapping[str, Any]]) -> str:
    with contextlib.suppress(ValueError, RecursionError):  # nested too deep, or in itself
        written = json.dumps(messages, ensure_ascii=False, separators=(",", ":"), default=str)
        return written.encode("utf-8", "replace").decode()
    return "[]"


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    role, content = str(message.get("role", "")), message.get("content")
    if role == "tool":
        part = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}
        return {"role": role, "parts": [part]}
    parts = [_part(each) for each in (content if isinstance(content, list) else [content]) if each is not None]
    calls = [
        _call(str(call.get("id", "")), str(function.get("name", "")), function.get("arguments"))
        for call in message.get("tool_calls") or ()
        if isinstance(function := call.get("function"), dict)
    ]
    return {"role": role, "parts": parts + calls}


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "content": part}
    if not isinstance(part, dict):
        return {"type": type(part).__name__}
    kind = str(part.get("type", ""))
    if kind == "text":
        return {"type": "text", "content": part.get("text", "")}
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if isinstance(url, str) and not url.startswith("data:"):
        return {"type": "uri", "modality": "image", "uri": url}
    return {"type": kind}  # megabytes of an image or a file are left out


def _choice(choice: Choice) -> dict[str, Any]:
    said = choice.message
    texts = {"reasoning": said.reasoning_content, "text": said.content if said.content is not None else said.refusal}
    parts: list[dict[str, Any]] = [{"type": kind, "content": text} for kind, text in texts.items() if text is not None]
    calls = [_call(call.id, call.name, call.arguments) for call in said.tool_calls]
    return {"role": said.role, "parts": parts + calls, "finish_reason": choice.finish_reason or ""}


def _call(number: str, name: str, arguments: Any) -> dict[str, Any]:
    """A tool call, its arguments as an object where they are one."""
    with contextlib.suppress(ValueError, RecursionError, TypeError):
        arguments = json.loads(arguments)
    return {"type": "tool_call", "id": number, "name": name, "arguments": arguments}
