"""Sending a request and receiving its reply: what a delivery says, carried out. With `await`: `ahttp`.

Connections are httpcore's, kept on a stack for each place that is asked. httpx and httpcore keep theirs in one pool,
and go through all of it for each request: with 1,024 at once that costs ten times the extraction. What is needed of a
pool here is one line: the connection that was used last, if it still lives. Where the environment names a proxy, and
for the caller's own `http_client`, httpx does it all.

httpx's timeouts bound each wait for bytes: a server that sends one byte a second meets them all for ever. `Timeouts`
gives each operation no more than what is left; what is passed down is asked again before every read and write.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import httpcore
import httpx

from extractor.chat.wire import ChatReply, ChatRequest
from extractor.endpoint.delivery import delivery
from extractor.endpoint.errand import Errand
from extractor.endpoint.faults import BROKEN, CAUGHT
from extractor.endpoint.governor import Governor
from extractor.endpoint.heads import check_client, closed, ended, exchange_of
from extractor.endpoint.places import Clients, Place, place_of
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits
from extractor.endpoint.steps import Outcome, Pause, Post, Step, Steps, Wait, Work
from extractor.errors import ExtractorError

if TYPE_CHECKING:
    from extractor.chat.sse import Piece

__all__ = [
    "KEPT_SECONDS",
    "Connections",
    "Left",
    "Link",
    "Sender",
    "Stack",
    "Timeouts",
    "answered",
    "given",
    "piece_of",
    "request_to",
    "timed",
]

# Load balancers in front of hosted endpoints drop a connection that was idle for 60 seconds, some without a word.
# Who closes sooner says so, and is heard before the connection is used again.
KEPT_SECONDS = 55.0
# As many as are ever in use at once: a batch between two waves should not have to connect anew.
KEPT_CONNECTIONS = 1_024

# --------------------------------------------------------------------------------------------- deadlines

_SENT_AT_ONCE = 64 * 1024  # bytes between two looks at the deadline
DAY = 86_400.0  # seconds: a socket takes no century


class Left(float):
    """Seconds that are left, and until when."""

    expires: float

    def now(self) -> float:
        """What is left by now. 0.0 would mean not to wait at all, and None to wait for ever."""
        return min(float(self), max(self.expires - time.monotonic(), 0.001))

    def is_over(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self.expires


class Timeouts(dict[str, float | None]):
    """httpx's timeouts, each cut to what is left until `expires` (monotonic clock) when it is looked up."""

    def __init__(self, timeouts: Mapping[str, float | None], expires: float) -> None:
        super().__init__(timeouts)
        self._expires = expires

    def __getitem__(self, key: str) -> float | None:
        limit = super().__getitem__(key)
        left = max(self._expires - time.monotonic(), 0.001)
        timeout = Left(min(left, DAY if limit is None else limit))
        timeout.expires = self._expires
        return timeout

    def get(self, key: str, default: Any = None) -> Any:
        """The same, since that of a dict does not ask `__getitem__`."""
        return self[key] if key in self else default  # noqa: SIM401  # that would ask itself


# --------------------------------------------------------------------------------- bytes in and out, sync


class _Stream(httpcore.NetworkStream):
    """One that keeps to deadlines."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if isinstance(timeout, Left):
            if timeout.is_over():
                raise httpcore.ReadTimeout("the deadline has passed")
            timeout = timeout.now()
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not isinstance(timeout, Left):
            self._stream.write(buffer, timeout)
            return
        view = memoryview(buffer)  # httpcore gives the same time to each `send`, of which there may be thousands
        for at in range(0, len(view), _SENT_AT_ONCE):
            if timeout.is_over():
                raise httpcore.WriteTimeout("the deadline has passed")
            self._stream.write(view[at : at + _SENT_AT_ONCE], timeout.now())  # type: ignore[arg-type]

    def close(self) -> None:
        self._stream.close()

    drop = close

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        left = timeout.now() if isinstance(timeout, Left) else timeout
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        return _Stream(self._backend.connect_tcp(host, port, timeout, local_address, socket_options))


def _dial(host: str, port: int, context: ssl.SSLContext | None, timeout: float | None) -> _Stream:
    failed: Exception
    try:
        addresses = list(dict.fromkeys(each[4][0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError, OverflowError) as error:  # no name that can be looked up, no such port
        failed, addresses = httpcore.ConnectError(str(error)), []
    expires = math.inf if timeout is None else time.monotonic() + timeout
    for address in addresses:  # one after the other, all within the time for one connection
        left = None if timeout is None else max(expires - time.monotonic(), 0.001)
        try:
            stream = _Stream(httpcore.SyncBackend().connect_tcp(str(address), port, left, None, ()))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            failed = error
            if time.monotonic() >= expires:
                break
        else:
            return stream if context is None else stream.start_tls(context, host, timeout)
    raise failed.with_traceback(None)


def _watch(client: httpx.Client) -> None:
    """Have connections through proxies keep to deadlines.

    httpx has no setting for it; where its inside should change, each read is still bounded.
    """
    for transport in getattr(client, "_mounts", {}).values():
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and isinstance(backend, httpcore.NetworkBackend):
            pool._network_backend = _Backend(backend)


# --------------------------------------------------------------------------------------------- the stack

H = TypeVar("H", httpcore.HTTP11Connection, httpcore.AsyncHTTP11Connection)


class Wire(Protocol):
    """The bytes below a connection, sync or async: `drop` closes it at once."""

    def drop(self) -> None: ...
    def get_extra_info(self, info: str) -> Any: ...


@dataclass(slots=True, eq=False)
class Link(Generic[H]):
    """A connection: what speaks HTTP, and the bytes below it."""

    http: H
    stream: Wire


class Stack(Generic[H]):
    """The connections to one place: the idle ones, the last used on top, and those in use. Thread-safe."""

    def __init__(self) -> None:
        self._idle: deque[Link[H]] = deque()
        self._used: set[Link[H]] = set()
        self._lock = threading.RLock()  # the collector may end an abandoned stream in here, as in the governor
        self._closed = False

    def take(self) -> Link[H] | None:
        """One to use that was idle, if there is one that still lives."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                link = self._idle.pop()
                self._used.add(link)
            if not link.http.has_expired():
                return link
            self.give_back(link, dead=True)

    def add(self, link: Link[H]) -> None:
        """A new one, to be used."""
        with self._lock:
            self._used.add(link)
            closed = self._closed
        if closed:
            self.give_back(link, dead=True)

    def give_back(self, link: Link[H], *, dead: bool = False) -> None:
        """One that was used. It is kept only where its reply was read to the end."""
        old: Link[H] | None = None
        with self._lock:
            self._used.discard(link)
            if dead or self._closed or not _is_clean(link.http):
                old = link
            else:
                self._idle.append(link)
                # The one at the bottom has been idle for longest.
                if len(self._idle) > KEPT_CONNECTIONS or self._idle[0].http.has_expired():
                    old = self._idle.popleft()
        if old is not None:
            old.stream.drop()

    def abandon(self) -> None:
        """Give up connections of a parent process: its own ends of them stay open."""
        self._lock = threading.RLock()  # that may have been held by a thread that is not in this process
        for link in (*self._idle, *self._used):
            link.stream.drop()

    def close(self) -> None:
        """Close the idle ones. Those in use end, and are closed by those who use them."""
        with self._lock:
            self._closed = True
            idle, used = [*self._idle], [*self._used]
            self._idle.clear()
        for link in idle:
            link.stream.drop()
        for link in used:
            _end(link.stream)


def _is_clean(http: httpcore.HTTP11Connection | httpcore.AsyncHTTP11Connection) -> bool:
    """Whether a reply was read to its end, and nothing more has come with it.

    httpcore would take that for the reply to the next request, which may be about another document. What it has read
    ahead is no public part of it: where it should go, no connection is used twice.
    """
    parser = getattr(http, "_h11_state", None)
    return http.is_available() and parser is not None and not parser.trailing_data[0]


def _end(stream: Wire) -> None:
    """End a connection that another thread may be using: closed, its number could mean another one meanwhile."""
    if not isinstance(stream, _Stream):
        stream.drop()
        return
    with contextlib.suppress(OSError):  # it has ended by itself
        # Not the method of a TLS socket: that also undoes the TLS under the other thread's feet.
        socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)


def request_to(place: Place, request: httpx.Request) -> httpcore.Request:
    """The request as httpcore wants it."""
    return httpcore.Request(
        method=request.method,
        url=place.url,
        headers=request.headers.raw,
        content=cast(Any, request.stream),
        extensions=request.extensions,
    )


class _Answer(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a reply as it arrives. Closing it gives back the connection."""

    def __init__(self, stream: Any, stack: Stack[Any], link: Link[Any]) -> None:
        self._stream, self._stack, self._link = stream, stack, link
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    def close(self) -> None:
        if self._open:
            self._open = False
            try:
                self._stream.close()
            finally:
                self._stack.give_back(self._link)

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            try:
                await self._stream.aclose()
            finally:
                self._stack.give_back(self._link)


def answered(request: httpx.Request, came: httpcore.Response, stack: Stack[Any], link: Link[Any]) -> httpx.Response:
    """The reply as httpx has it, its body still to come."""
    stream = _Answer(came.stream, stack, link)
    return httpx.Response(came.status, headers=came.headers, stream=stream, extensions=came.extensions, request=request)


# ------------------------------------------------------------------------------------------ connections


class Connections:
    """For requests to `url` and others, each of which keeps connections of its own. Thread-safe.

    Raises `ConfigurationError`.
    """

    def __init__(self, url: httpx.URL) -> None:
        self._places: dict[httpx.URL, Place] = {}
        self._begin()
        self.headers = self._clients.of(url)[0].headers
        """What httpx sends with every request."""
        self.is_closed = False

    def _begin(self) -> None:
        """Begin in this process. Where it was forked, the connections are the parent's: answers to it come there."""
        self._process = os.getpid()
        inherited, self._places = self._places, {}
        self._clients = Clients(httpx.Client, _watch)
        for place in inherited.values():
            place.stack.abandon()

    def open(self, request: httpx.Request) -> httpx.Response:
        """Send a request. The reply's body has not been read: close the reply. Raises httpx's and httpcore's errors."""
        if self._process != os.getpid():
            self._begin()
        place = self._places.get(request.url)
        if place is None:
            place = self._places.setdefault(request.url, place_of(self._clients, request.url, Stack()))
        if not place.direct:
            return cast(httpx.Response, place.client.send(request, stream=True, follow_redirects=False))
        stack = place.stack
        link = stack.take() or self._connected(place, request)
        try:
            came = link.http.handle_request(request_to(place, request))
        except BaseException:
            stack.give_back(link, dead=True)
            raise
        return answered(request, came, stack, link)

    def _connected(self, place: Place, request: httpx.Request) -> Link[httpcore.HTTP11Connection]:
        timeout = request.extensions["timeout"].get("connect")
        stream = _dial(place.host, place.port, place.context, timeout)
        link = Link(httpcore.HTTP11Connection(place.url.origin, stream, KEPT_SECONDS), stream)
        place.stack.add(link)
        return link

    def close(self) -> None:
        """Close all connections: those in use end, and are closed by those who use them."""
        self.is_closed = True
        for client in self._clients.all():
            client.close()
        for place in [*self._places.values()]:
            place.stack.close()


# -------------------------------------------------------------------------------------------- the sender


class Sender:
    """Sends requests to one endpoint. With the caller's own `client`, that one is used and left open."""

    def __init__(
        self,
        address: Address,
        *,
        client: httpx.Client | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        check_client(client, httpx.Client)
        self._closing = threading.Event()
        self._own = Connections(httpx.URL(address.base_url)) if client is None else None
        self._client: Any = client or self._own
        self._open: Callable[[httpx.Request], httpx.Response] = (
            self._own.open
            if self._own
            else functools.partial(cast(Any, client).send, stream=True, follow_redirects=False)
        )
        self._exchange = exchange_of(address, self._client, timeout, headers, limits, owned=self._own is not None)

    @property
    def governor(self) -> Governor:
        """Who says when requests may be sent."""
        return self._exchange.standing.governor

    def send(self, request: ChatRequest, errand: Errand | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`, `BudgetExceeded`, and `CallerError`."""
        steps = self._steps(request, errand)
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                came = self._posted(step) if isinstance(step, Post) else self._carried_out(step)
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        return given(outcome)

    def stream(self, request: ChatRequest, errand: Errand | None = None) -> Generator[Piece | ChatReply, None, None]:
        """The same as it arrives: what each event adds, and the whole reply as the last."""
        steps = self._steps(request, errand)
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                came = (yield from self._streamed(step)) if isinstance(step, Post) else self._carried_out(step)
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        reply = given(outcome)
        if reply.cached:
            yield piece_of(reply)
        yield reply

    def _steps(self, request: ChatRequest, errand: Errand | None) -> Steps:
        if self._client.is_closed:
            raise closed()
        return delivery(self._exchange, request, errand or Errand())

    # In functions of their own: the bytes of an answer, in which a key may be, are no part of a traceback.

    def _posted(self, post: Post) -> Exception | None:
        try:
            for chunk in self._chunks(post):
                post.body.add(chunk)
            post.body.end()
        except (*CAUGHT, ExtractorError) as error:
            return self._failed(error)
        return None

    def _streamed(self, post: Post) -> Generator[Piece, None, Exception | None]:
        try:
            for chunk in self._chunks(post):
                for piece in post.body.pieces(chunk):
                    post.body.begun = post.body.begun or bool(piece.content or piece.arguments)
                    yield piece
            post.body.end()
        except (*CAUGHT, ExtractorError) as error:
            return self._failed(error)
        return None

    def _chunks(self, post: Post) -> Iterator[bytes]:
        if self._closing.is_set():
            raise ended()
        response = self._open(timed(post))
        try:
            if post.body.begin(response):
                yield from cast(Iterable[bytes], response.stream)
        finally:
            response.close()

    def _failed(self, error: Exception) -> Exception:
        return ended() if self._closing.is_set() and isinstance(error, BROKEN) else error

    def _carried_out(self, step: Step) -> Any:
        """What came of a step that is no request."""
        if isinstance(step, Pause):
            self._closing.wait(min(step.seconds, threading.TIMEOUT_MAX))
        elif isinstance(step, Wait):
            woken = threading.Event()
            step.turn.wake = woken.set
            # What came before there was somebody to wake is seen now: see `Turn`.
            if not step.turn.granted and step.turn.not_before == step.not_before:
                woken.wait(None if step.seconds is None else min(step.seconds, threading.TIMEOUT_MAX))
        elif isinstance(step, Work):
            return step.call()
        return None

    def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._own is not None:
            self._closing.set()
            self._own.close()


def timed(post: Post) -> httpx.Request:
    """The request, its timeouts cut to what is left until it expires."""
    extensions = post.request.extensions
    if post.expires is not None:
        extensions["timeout"] = Timeouts(extensions["timeout"], post.expires)
    return post.request


def given(outcome: Outcome) -> ChatReply:
    """The reply that a delivery ended with. Raises the error that it ended with."""
    if isinstance(outcome, ChatReply):
        return outcome
    raise outcome


def piece_of(reply: ChatReply) -> Piece:
    """All of a reply at once."""
    from extractor.chat.sse import Piece

    message = reply.choices[0].message
    arguments = message.tool_calls[0].arguments if message.tool_calls else ""
    return Piece(message.content or "", arguments)
