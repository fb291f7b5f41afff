"""One request, delivered: what is to be done until its reply is there, as a generator without I/O.

It yields steps (post this, wait so long, wait for this turn, run this) and is sent what came of them; the sync and
the async sender carry them out. Before a step stand the budget, the cache and the governor; after one that failed,
the policy for retries and the other addresses. It ends with the reply, or with the error, which is given, not raised:
a traceback would show what was sent, and so the key.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx
from pydantic_core import from_json

from extractor.chat.wire import ChatReply, ChatRequest, decode_reply
from extractor.endpoint.errand import Errand
from extractor.endpoint.faults import BROKEN, fault, left_alone, too_late
from extractor.endpoint.governor import Governor
from extractor.endpoint.retry import asked_wait
from extractor.endpoint.routes import FAILURES, Route, Standing, well_first
from extractor.endpoint.steps import Outcome, Pause, Post, Steps
from extractor.errors import BudgetExceeded, CallerError, EndpointError, ExtractorError, OptionError, StatusError

# What is only needed for streams, and where something is wrong, is loaded then: most starts need none of it.
if TYPE_CHECKING:
    from extractor.budget import Budget, Spending
    from extractor.chat.sse import Piece
    from extractor.endpoint.events import Events
    from extractor.endpoint.inflate import Inflater
    from extractor.endpoint.recovery import Following, Past

__all__ = ["IDEMPOTENCY_KEY", "MAX_REPLY_BYTES", "Body", "Exchange", "Trip", "delivery"]

MAX_REPLY_BYTES = 32 * 1024 * 1024
"""Of a body as it arrives, and of what it inflates to. No completion is that long."""
IDEMPOTENCY_KEY = "Idempotency-Key"
"""The same for every try of one request: who honours it charges once."""
_SHOWN = 20  # chunks of a stream that are kept, for errors to show


# --------------------------------------------------------------------------------------- the exchange


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """Where requests go, what is sent with each, and what an answer means.

    `build` makes a request of them: our own, or that of the caller's client, which adds its own. `keyed` says that
    the caller has an `Idempotency-Key` of his own.
    """

    base_url: str
    routes: tuple[Route, ...]
    media_first: bool  # documents that are not text go to the addresses in the reverse order
    standing: Standing
    build: Callable[..., httpx.Request] = field(repr=False)
    headers: httpx.Headers = field(repr=False)
    timeouts: Mapping[str, float | None]
    secrets: tuple[str, ...] = field(repr=False)
    keyed: bool = False

    def is_secret(self, content: bytes) -> bool:
        """Whether a key is in it, however it is escaped."""
        from extractor.endpoint.refusals import cleaned

        text = content.decode("utf-8", "replace")
        return cleaned(text, self.secrets) != text

    def post(self, content: bytes, key: str, route: Route, errand: Errand) -> Post:
        """The step that sends an encoded request, which is called `key`."""
        expires = errand.expires
        headers = httpx.Headers(self.headers)
        if not self.keyed:
            # With what is sent in it: who resumes a job may ask otherwise than the first time.
            headers[IDEMPOTENCY_KEY] = key
        request = self.build("POST", route.url, headers=headers, content=content)
        request.extensions["timeout"] = self.timeouts or request.extensions["timeout"]
        return Post(request=request, body=Body(str(route.url), expires, self.secrets), expires=expires)

    def outcome(self, error: Exception | None, body: Body, expires: float | None) -> Outcome:
        """What came of it: the completion, or what is the matter."""
        if error is None:
            outcome = self._read(body)
            if isinstance(outcome, StatusError):
                asked = asked_wait(outcome.headers, time.time())
                outcome.retry_after = outcome.retry_after if asked is None else asked
            return outcome
        if isinstance(error, ExtractorError):
            if isinstance(error, EndpointError):
                error.body = error.body or body.shown()
            return error
        # What had come by then. A stream that has said its last word is whole, however the connection ends.
        if body.is_stream():
            reply = self._read(body)
            broken = isinstance(error, BROKEN)
            if isinstance(reply, ChatReply) and (broken or all(each.complete for each in reply.choices)):
                return reply
        failure = fault(error, body.url, expires)
        if isinstance(failure, EndpointError):
            failure.body = body.shown()
        return failure

    def _read(self, body: Body) -> ChatReply | EndpointError:
        response = body.response
        assert response is not None  # noqa: S101  # it has been received
        whole, events = body.whole(), body.events
        if events is None and response.is_success and _is_stream(response, whole):
            events = _events()
            _drain(events.feed(whole))
        if events is not None:
            _drain(events.close())
            reply, body.data = events.reply, events.body
            if reply is not None:
                return self._without_keys(reply)
            return self._refused(response, events.error, whole, "a stream that is no completion")
        body.data = data = _json(whole)
        if _has_too_many(data):
            return self._refused(response, None, whole, "more candidates than anybody asks for")
        if response.is_success and isinstance(data, dict) and data.get("choices") and not data.get("error"):
            reply = decode_reply(data)
            if reply.choices:
                return self._without_keys(reply)
        return self._refused(response, data, whole, "a body that is no JSON" if data is None else "no choices in it")

    def _without_keys(self, reply: ChatReply) -> ChatReply:
        """The reply, its names without our keys: those are told to logs and spans. What it says is data."""
        told = (reply.id, reply.model, *(choice.finish_reason or "" for choice in reply.choices))
        if not any(secret in word for secret in self.secrets for word in told):
            return reply
        from extractor.endpoint.refusals import cleaned

        def clean(word: str) -> str:
            return cleaned(word, self.secrets)

        choices = tuple(
            replace(each, finish_reason=clean(each.finish_reason)) if each.finish_reason else each
            for each in reply.choices
        )
        return replace(reply, id=clean(reply.id), model=clean(reply.model), choices=choices)

    def _refused(self, response: httpx.Response, data: Any, body: bytes, why: str) -> EndpointError:
        from extractor.endpoint.refusals import Refused, bad_reply, error_inside, refusal

        refused = Refused(
            status=response.status_code,
            headers=dict(response.headers),
            data=data,
            body=body,
            url=str(response.url),
            secrets=self.secrets,
        )
        if not response.is_success:
            return refusal(refused)
        return error_inside(refused) or bad_reply(refused, why)


def _idempotency_key(errand: Errand, content: bytes) -> str:
    """What a request is called: the same whenever it is sent, by whichever process, and as no other of its extraction.
    Others that were refused before it do not count: another process may know better.
    """
    digest = hashlib.sha256(content).hexdigest()[:12]
    errand.sent[digest] += 1
    return f"{errand.idempotency_key or errand.key}-{errand.sent[digest]}-{digest}"


def _encoded(request: ChatRequest) -> bytes:
    """The body of a request. Raises `OptionError` where it is no JSON."""
    try:
        return request.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(
            f"The messages cannot be written as JSON: {error}.", option="messages", hint="Use plain data."
        ) from None


class Body:
    """A body as it arrives, bounded in size and time. `events` is what a stream has said, `data` what was read at its
    end. It has `begun` once some of it was handed on.
    """

    def __init__(self, url: str, expires: float | None, secrets: tuple[str, ...]) -> None:
        self.url = url
        self.response: httpx.Response | None = None
        self.events: Events | None = None
        self.data: Any = None
        self.begun = False
        self._expires = expires
        self._secrets = secrets
        self._inflater: Inflater | None = None
        self._opaque = False
        self._chunks: list[bytes] = []
        self._came = 0
        self._size = 0
        self._judged = False

    def begin(self, response: httpx.Response) -> bool:
        """Take the head of an answer. False where a hook of the caller's client has read the rest already."""
        self.response = response
        if response.is_stream_consumed:
            self._add(response.content)
            return False
        encoding = response.headers.get("content-encoding")
        if encoding is not None:
            from extractor.endpoint.inflate import inflater

            try:
                self._inflater = inflater(encoding)
            except ValueError:
                if response.is_success:
                    raise
                self._opaque = True  # the status says enough
        return True

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        for piece in self._inflated(chunk):
            self._add(piece)

    def _inflated(self, chunk: bytes) -> Iterator[bytes]:
        self._came += len(chunk)
        if self._came > MAX_REPLY_BYTES:
            raise self._too_large()
        if self._expires is not None and time.monotonic() > self._expires:
            raise too_late(self.url)
        if self._inflater is not None:
            return self._inflater.feed(chunk)
        return iter(() if self._opaque else (chunk,))

    def _add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_REPLY_BYTES:
            raise self._too_large()

    def _too_large(self) -> ExtractorError:
        from extractor.endpoint.refusals import too_large

        return too_large(self.url, self._chunks[0] if self._chunks else b"", MAX_REPLY_BYTES, self._secrets)

    def pieces(self, chunk: bytes) -> Iterator[Piece]:
        """Take the next bytes: what each event in them adds. Nothing where the answer is no stream."""
        for inflated in self._inflated(chunk):
            yield from self._pieces(inflated)

    def _pieces(self, chunk: bytes) -> Iterator[Piece]:
        response = self.response
        assert response is not None  # noqa: S101  # it has begun
        self._add(chunk)
        if self.events is not None:
            if len(self._chunks) > _SHOWN:  # they have been read; the first are kept for errors to show
                self._chunks.pop()
            return self.events.feed(chunk)
        if not response.is_success or self._judged or not chunk.strip():
            return iter(())
        self._judged = True  # by the first bytes that are not blank
        if not _is_stream(response, self.whole()):
            return iter(())
        self.events = _events()
        return self.events.feed(self.whole())

    def end(self) -> None:
        """No more comes. Raises where what was compressed is not whole."""
        if self._inflater is not None:
            self._inflater.close()

    def is_stream(self) -> bool:
        """Whether what has come is a stream."""
        if self.events is not None:
            return True
        response = self.response
        if response is None or not response.is_success or not self._chunks:
            return False
        return _is_stream(response, self.whole())

    def whole(self) -> bytes:
        """All that has come."""
        return b"".join(self._chunks)

    def shown(self) -> str:
        """The beginning of what has come, for an error to carry."""
        from extractor.endpoint.refusals import beginning

        return beginning(self.whole(), self._secrets)


def _is_stream(response: httpx.Response, body: bytes) -> bool:
    # Some send events under another content type, or begin with a comment; some an object as events.
    start = body[:100].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"{", b"["):
        return False
    kind: str = response.headers.get("content-type", "")
    return start.startswith((b"data:", b":", b"event:", b"id:", b"retry:")) or kind.lower().startswith(
        "text/event-stream"
    )


def _events() -> Events:
    from extractor.endpoint.events import Events

    return Events()


MOST_CHOICES = 1_000
"""Candidates of one reply: `n` is 128 at most. Three bytes of an empty one become 400 here."""


def _has_too_many(data: Any) -> bool:
    choices = data.get("choices") if isinstance(data, dict) else None
    return isinstance(choices, list) and len(choices) > MOST_CHOICES


def _drain(pieces: Iterator[Piece]) -> None:
    for _ in pieces:
        pass


def _json(body: bytes) -> Any:
    """The value of a JSON text; None where it is none."""
    try:
        return from_json(body)
    except ValueError:
        import json  # reads lone surrogates, too, which a model can produce

    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


# --------------------------------------------------------------------------------------- the delivery


def delivery(exchange: Exchange, request: ChatRequest, errand: Errand) -> Steps:
    """Deliver a request. Raises `OptionError` where it cannot be written, and `CallerError` where it is given up."""
    errand.requests += 1
    errand.key = errand.key or os.urandom(12).hex()
    if errand.given_up is not None and errand.given_up():
        raise CallerError("Nobody waits for it any more: no more is sent.", hint="It was closed.")
    content = _encoded(request)
    trip = Trip(
        exchange=exchange, request=request, errand=errand, content=content, key=_idempotency_key(errand, content)
    )
    if errand.cache is None and errand.journal is None:
        return trip.sent()
    from extractor.endpoint.recall import journalled, recalled  # only for those who have one

    if errand.journal is None:
        assert errand.cache is not None  # noqa: S101  # one of them is there
        return recalled(trip, errand.cache)
    return journalled(trip, errand.journal)


@dataclass(kw_only=True, slots=True)
class Trip:
    """A request on its way: what it is and is called (`key`), the failures so far (`retries`), and what was received
    last.
    """

    exchange: Exchange
    request: ChatRequest = field(repr=False)
    errand: Errand
    content: bytes = field(repr=False)
    key: str
    retries: tuple[EndpointError, ...] = ()
    past: Past | None = None
    began: float = 0.0
    body: Body | None = field(default=None, repr=False)

    def sent(self) -> Steps:
        """Send it, again and elsewhere where that may help."""
        errand, now = self.errand, time.monotonic()
        routes = self._routes(now)
        route = routes[0]
        if route.breaker.failures >= FAILURES and errand.endpoint < errand.others and not route.breaker.admitted(now):
            return left_alone(str(route.url))
        while True:
            outcome = yield from (self._posted(route) if errand.budget is None else self._paid(route, errand.budget))
            if isinstance(outcome, ChatReply):
                if route.breaker.failures:
                    route.breaker.succeeded()
                return replace(outcome, retries=self.retries) if self.retries else outcome
            if not isinstance(outcome, EndpointError):
                if isinstance(outcome, BudgetExceeded):
                    outcome.failures = self.retries  # why it would have been sent again
                return outcome
            outcome.retries = self.retries
            then = self._recovery(outcome, route, routes)
            if then is None:
                return outcome
            self.retries = (*self.retries, outcome)
            errand.retrying(outcome, len(self.retries), then.wait, str(then.route.url))
            if then.wait:
                yield Pause(seconds=then.wait)
            route = then.route

    def _recovery(self, error: EndpointError, route: Route, routes: tuple[Route, ...]) -> Following | None:
        """What follows a request that has failed; None where the error is what is left."""
        from extractor.endpoint.recovery import Past, following

        if self.body is not None and self.body.begun:  # some of it has been handed on
            return None
        self.past = self.past or Past()
        self.past.began = self.began
        return following(error, route, routes, self.exchange.standing, self.errand, self.past, time.monotonic())

    def _routes(self, now: float) -> tuple[Route, ...]:
        """The addresses, the one to ask first."""
        exchange = self.exchange
        exchange.standing.requests += 1
        if len(exchange.routes) == 1 and exchange.routes[0].breaker.failures < FAILURES:
            return exchange.routes
        reverse = exchange.media_first and self.request.has_media
        return well_first(exchange.routes[::-1] if reverse else exchange.routes, now)

    def _paid(self, route: Route, budget: Budget) -> Steps:
        """Send it once, where the budget has room for it."""
        self.body = None
        from extractor.endpoint.admission import reservation

        spending = yield from reservation(budget, self.errand, self.request, str(route.url), len(self.content))
        if isinstance(spending, ExtractorError):
            return spending
        outcome: Outcome | None = None
        try:
            outcome = yield from self._posted(route)
            if isinstance(outcome, ChatReply):
                spending.settle(outcome.usage, self.errand.cost(outcome))
            return outcome
        finally:
            self._give_back(spending, outcome)

    def _give_back(self, spending: Spending, outcome: Outcome | None) -> None:
        """Settle a request without a reply. A refusal is not billed; what broke off, or was given up, may be."""
        sent = self.body is not None and not (isinstance(outcome, EndpointError) and outcome.unsent)
        spending.cancel(sent=sent, billed=sent and not isinstance(outcome, StatusError))  # unless it is settled

    def _unquote(self, error: StatusError) -> None:
        """Leave the document out of the error's words; they are kept beside, for who has to understand them."""
        from extractor.endpoint.refusals import unquoted

        error.said, error.message = error.message, unquoted(error.message, _text_of(self.request))
        error.args = (error.message,)

    def _posted(self, route: Route) -> Steps:
        """Send it once, when there is room for it."""
        governor, errand = self.exchange.standing.governor, self.errand
        self.body = None
        with governor.lock:  # the governor's own rule for when it need not be asked
            entered = governor.calm and governor.in_flight < governor.window
            if entered:
                governor.in_flight += 1
            admitted: Any = governor.in_flight, 0
        if not entered:
            from extractor.endpoint.admission import admission

            started = errand.requests > 1 or bool(self.retries)
            url, size = str(route.url), len(self.content)
            admitted = yield from admission(governor, errand, self.request, url, size, started=started)
            if isinstance(admitted, ExtractorError):
                return admitted
        self.began, outcome = time.monotonic(), None
        try:
            outcome = yield from self._exchanged(route, self.began)
            return outcome
        finally:  # also where nobody waits for it any longer
            self._left(governor, outcome, time.monotonic() - self.began, admitted)

    def _left(self, governor: Governor, outcome: Outcome | None, seconds: float, admitted: Any) -> None:
        """The request is over, whatever came of it."""
        response = None if self.body is None else self.body.response
        if isinstance(outcome, ChatReply) and response is not None and not _has_hints(response):
            with governor.lock:  # likewise
                left = governor.calm and governor.in_flight * 2 <= governor.window
                if left:
                    governor.in_flight -= 1
            if left:
                return
        from extractor.endpoint.admission import Admitted, taught

        taught(governor, outcome, response, seconds, Admitted(*admitted))

    def _exchanged(self, route: Route, began: float) -> Steps:
        exchange, errand = self.exchange, self.errand
        if errand.expires is not None and began >= errand.expires:
            return too_late(str(route.url))
        if errand.watch is not None:
            errand.sending(self.request, str(route.url), len(self.content), len(self.retries) + 1)
        post = exchange.post(self.content, self.key, route, errand)
        self.body = post.body
        outcome = exchange.outcome((yield post), post.body, errand.expires)
        if isinstance(outcome, StatusError):
            self._unquote(outcome)
        if errand.watch is not None and isinstance(outcome, ChatReply):
            errand.received(outcome, time.monotonic() - began)
        return outcome


def _text_of(request: ChatRequest) -> str:
    """All that is text in what was said of the document."""
    found = []
    for turn in request.tail:
        content = turn.get("content")
        parts = content if isinstance(content, list) else [content]
        texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
        found += [text for text in texts if isinstance(text, str)]
    return " ".join(found)


def _has_hints(response: httpx.Response) -> bool:
    """Whether an answer says how much more the endpoint would take."""
    return any(b"ratelimit" in name.lower() for name, _ in response.headers.raw)
