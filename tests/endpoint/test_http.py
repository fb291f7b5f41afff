"""Sending and receiving over real connections, sync and async, when they go right and when they do not."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import pickle
import socket
import sys
import threading
import time
import traceback
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from extractor.chat.wire import ChatReply, ChatRequest, Prefix
from extractor.endpoint.ahttp import AsyncSender
from extractor.endpoint.delivery import MAX_REPLY_BYTES
from extractor.endpoint.errand import Errand
from extractor.endpoint.http import Sender
from extractor.endpoint.resolve import Address
from extractor.endpoint.retry import Policy
from extractor.errors import (
    BadReply,
    BadRequest,
    ConfigurationError,
    ConnectionFailed,
    EndpointError,
    ExtractorError,
    RateLimited,
    RequestTooLarge,
    ServerError,
    StatusError,
    TimedOut,
)
from extractor.testing import FakeEndpoint, Recorded, Reply

KEY = "sk-planted/0123+456789=="
COMPLETION = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}
TEXT = ChatRequest(prefix=Prefix(fields={"model": "m"}), tail=({"role": "user", "content": "héllo"},))


def _address(base_url: str, **more: Any) -> Address:
    return Address(base_url=base_url, model="m", dialect="unknown", **more)


def _errand(expires: float | None = None) -> Errand:
    """One exchange only: retries have tests of their own."""
    return Errand(expires=expires, policy=Policy(transport_retries=0))


def _send(
    kind: str,
    address: Address,
    request: ChatRequest = TEXT,
    *,
    transport: Any = None,
    timeout: float | httpx.Timeout | None = 10.0,
    headers: Mapping[str, str] | None = None,
    expires: float | None = None,
) -> ChatReply:
    """Send one request with either sender; `transport` goes into a client of the caller's own."""
    if kind == "sync":
        with contextlib.ExitStack() as stack:
            own = None if transport is None else stack.enter_context(httpx.Client(transport=transport))
            sender = Sender(address, client=own, timeout=timeout, headers=headers)
            stack.callback(sender.close)
            return sender.send(request, _errand(expires))

    async def send() -> ChatReply:
        async with contextlib.AsyncExitStack() as stack:
            own = None if transport is None else await stack.enter_async_context(httpx.AsyncClient(transport=transport))
            sender = AsyncSender(address, client=own, timeout=timeout, headers=headers)
            stack.push_async_callback(sender.close)
            return await sender.send(request, _errand(expires))

    return asyncio.run(send())


Talk = Callable[[socket.socket, threading.Event], None]


class Wire:
    """A server that says to each connection whatever `talk` says, after it has read the request."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Wire:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._start(self._listen)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()  # wakes accept()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stop.is_set():
                connection.close()
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            _receive(connection)
            self._talk(connection, self._stop)


def _receive(connection: socket.socket) -> None:
    """One request, headers and body."""
    with connection.makefile("rb") as file:
        length = 0
        while (line := file.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        file.read(length)


def _says(raw: bytes) -> Talk:
    return lambda connection, stop: connection.sendall(raw)


def _response(body: bytes, *, length: int | None = None, head: bytes = b"") -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n%s" % (
        size,
        head,
        body,
    )


# ------------------------------------------------------------------------------------------- going right


def test_what_is_sent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """One POST with the encoded request as JSON, and the key as a bearer token."""
    fake_endpoint.answer(Reply(content="hello", usage={"prompt_tokens": 3}))
    reply = _send(kind, _address(fake_endpoint.base_url, api_key=KEY), headers={"X-Trace": "7"})
    assert reply.choices[0].message.content == "hello"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 3
    (request,) = fake_endpoint.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.raw == TEXT.encode()
    assert request.body == TEXT.body
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-trace"] == "7"


def test_key_in_its_own_header(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where an endpoint wants the key in a header of its own, it is sent there and only there."""
    fake_endpoint.answer("hello")
    _send(kind, _address(fake_endpoint.base_url, api_key=KEY, key_header="api-key"))
    headers = fake_endpoint.requests[0].headers
    assert headers["api-key"] == KEY
    assert "authorization" not in headers


def test_without_a_key(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Without a key there is no authorization at all."""
    fake_endpoint.answer("hello")
    _send(kind, _address(fake_endpoint.base_url))
    assert "authorization" not in fake_endpoint.requests[0].headers


@pytest.mark.parametrize(
    ("content", "media"),
    [
        ("text", False),
        ([{"type": "text", "text": "text"}], False),
        ([{"type": "text", "text": "text"}, {"type": "image_url", "image_url": {"url": "data:,"}}], True),
        ([{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}], True),
        ([{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,"}}], True),
    ],
    ids=["string", "text part", "image", "audio", "file"],
)
def test_media_go_to_their_own_address(kind: str, content: Any, media: bool) -> None:
    """Documents that are not text go to the address for media, all others to the usual one."""
    request = ChatRequest(prefix=TEXT.prefix, tail=({"role": "user", "content": content},))
    with FakeEndpoint("usual") as usual, FakeEndpoint("media") as other:
        reply = _send(
            kind, _address(usual.base_url, fallback_url=other.base_url, media_first=True, api_key=KEY), request
        )
    assert reply.choices[0].message.content == ("media" if media else "usual")
    assert (len(usual.requests), len(other.requests)) == ((0, 1) if media else (1, 0))


def test_media_without_an_address_of_their_own(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where there is one address, everything goes there."""
    fake_endpoint.answer("hello")
    content = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    _send(
        kind,
        _address(fake_endpoint.base_url),
        ChatRequest(prefix=TEXT.prefix, tail=({"role": "user", "content": content},)),
    )
    assert len(fake_endpoint.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_reply(kind: str, encoding: str, fake_endpoint: FakeEndpoint) -> None:
    """A compressed reply is read."""
    raw = json.dumps(COMPLETION).encode()
    packed = gzip.compress(raw) if encoding == "gzip" else zlib.compress(raw)
    fake_endpoint.answer(Reply(raw=packed, headers={"content-encoding": encoding}))
    assert _send(kind, _address(fake_endpoint.base_url)).choices[0].message.content == "hello"


def test_chunked_reply(kind: str) -> None:
    """A reply whose length is not known beforehand is read to its end."""
    raw = json.dumps(COMPLETION).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in raw) + b"0\r\n\r\n"
    with Wire(_says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)) as wire:
        assert _send(kind, _address(wire.base_url)).choices[0].message.content == "hello"


@pytest.mark.parametrize("chunk", [1, 3, 1_000])
def test_streamed_reply(kind: str, chunk: int, fake_endpoint: FakeEndpoint) -> None:
    """A reply asked for in events is put together to what it would have been at once."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    fake_endpoint.answer(Reply(content="héllo wörld", usage=usage, chunk=chunk))
    request = ChatRequest(prefix=Prefix(fields={"model": "m", "stream": True}), tail=TEXT.tail)
    reply = _send(kind, _address(fake_endpoint.base_url), request)
    assert reply.choices[0].message.content == "héllo wörld"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 4


EVENTS = (
    b': keep-alive\n\ndata: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "hel"}}]}\n\n'
    b'data: {"choices": [{"index": 0, "delta": {"content": "lo"}}], "usage": null}\r\n\r\n'
    b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
)


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (EVENTS + b"data: [DONE]\n\n", "text/event-stream"),
        (EVENTS, "text/event-stream; charset=utf-8"),
        (EVENTS, "Text/Event-Stream"),
        (EVENTS.partition(b"\n\n")[2], "application/json"),
        (EVENTS.partition(b"\n\n")[2].replace(b"data: ", b"data:"), "application/json"),
        (EVENTS, "application/json"),
    ],
    ids=[
        "with end",
        "without end",
        "in capitals",
        "wrong type",
        "wrong type, no space",
        "wrong type, keep-alive first",
    ],
)
def test_events_though_not_asked_for(kind: str, raw: bytes, content_type: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that sends events unasked is understood, whatever it calls them."""
    fake_endpoint.answer(Reply(raw=raw, content_type=content_type))
    assert _send(kind, _address(fake_endpoint.base_url)).choices[0].message.content == "hello"


class Own(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport of the caller's own: hands on what it is given, and remembers whether it was closed."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests.append(request)
        request.read()
        return self.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests.append(request)
        await request.aread()
        return self.answer(request)

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    async def aclose(self) -> None:
        """Remember it."""
        self.closed = True


def test_callers_own_client(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The caller's client is used with its own headers and timeouts, and is left open."""
    fake_endpoint.answer("one", "two")
    transport = Own(lambda request: httpx.Response(200, json=COMPLETION))
    address = _address(fake_endpoint.base_url, api_key=KEY)
    settings: Any = {"transport": transport, "headers": {"X-Own": "yes"}, "timeout": 7.5}
    if kind == "sync":
        with httpx.Client(**settings) as client:
            sender = Sender(address, client=client)
            sender.send(TEXT)
            sender.close()
            assert not client.is_closed
            assert not transport.closed
            sender.send(TEXT)
    else:

        async def send() -> None:
            async with httpx.AsyncClient(**settings) as client:
                sender = AsyncSender(address, client=client)
                await sender.send(TEXT)
                await sender.close()
                assert not client.is_closed
                assert not transport.closed
                await sender.send(TEXT)

        asyncio.run(send())
    first = transport.requests[0]
    assert first.headers["x-own"] == "yes"
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.extensions["timeout"] == {"connect": 7.5, "read": 7.5, "write": 7.5, "pool": 7.5}
    assert str(first.url) == fake_endpoint.base_url + "/chat/completions"


def test_a_client_without_a_socket(kind: str) -> None:
    """The fake's transport answers in a client of the caller's own."""
    fake = FakeEndpoint("hello")
    reply = _send(kind, _address("http://nowhere.example/v1"), transport=fake.transport())
    assert reply.choices[0].message.content == "hello"
    assert fake.requests[0].path == "/v1/chat/completions"


def test_timeouts(kind: str) -> None:
    """What timeout= says is what httpx gets, also with a client of the caller's own."""
    transport = Own(lambda request: httpx.Response(200, json=COMPLETION))
    _send(kind, _address("http://h.example/v1"), transport=transport, timeout=httpx.Timeout(3.0, connect=2.0))
    timeouts = dict(transport.requests[0].extensions["timeout"])
    assert timeouts == {"connect": 2.0, "read": 3.0, "write": 3.0, "pool": 3.0}


def test_a_deadline_cuts_every_timeout(kind: str) -> None:
    """With a deadline no single wait is longer than what is left of it."""
    transport = Own(lambda request: httpx.Response(200, json=COMPLETION))
    _send(
        kind,
        _address("http://h.example/v1"),
        transport=transport,
        timeout=1_000.0,
        expires=time.monotonic() + 50,
    )
    timeouts = transport.requests[0].extensions["timeout"]
    for name in ("connect", "read", "write", "pool"):
        assert 0 < timeouts.get(name) <= 50
        assert 0 < timeouts[name] <= 50


# --------------------------------------------------------------------------------------- going wrong


EXCEPTIONS = [value for value in vars(httpx).values() if isinstance(value, type) and issubclass(value, Exception)]


def _made(kind: type[Exception]) -> Exception:
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("POST", "http://h.example", headers={"Authorization": KEY})
        return httpx.HTTPStatusError("it went wrong", request=request, response=httpx.Response(500))
    if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
        return kind()  # type: ignore[call-arg]  # its subclasses bring their own words
    return kind("it went wrong")


class Breaking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks after its first bytes."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b"{"
        raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise self.error


@pytest.mark.parametrize("when", ["sending", "receiving"])
@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_translated(exception: type[Exception], when: str, kind: str) -> None:
    """Whatever httpx raises, while sending or while receiving, an error of ours comes out, with a hint."""

    def answer(request: httpx.Request) -> httpx.Response:
        if when == "sending":
            raise _made(exception)
        return httpx.Response(200, stream=Breaking(_made(exception)))

    with pytest.raises(ExtractorError) as caught:
        _send(kind, _address("http://h.example/v1", api_key=KEY), transport=Own(answer))
    error = caught.value
    assert error.hint
    assert "http://h.example/v1/chat/completions" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    if issubclass(exception, httpx.TimeoutException):
        assert type(error) is TimedOut
    elif issubclass(exception, (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)):
        assert type(error) is ConnectionFailed
    assert isinstance(error, (EndpointError, ConfigurationError))


def test_a_closed_client_of_the_callers_own(kind: str) -> None:
    """A client that the caller has closed is the caller's fault, and said to be."""
    address = _address("http://h.example/v1")
    if kind == "sync":
        client = httpx.Client()
        client.close()
        with pytest.raises(ExtractorError):
            Sender(address, client=client).send(TEXT)
        return

    async def send() -> None:
        client = httpx.AsyncClient()
        await client.aclose()
        with pytest.raises(ExtractorError):
            await AsyncSender(address, client=client).send(TEXT)

    asyncio.run(send())


def test_nobody_there(kind: str) -> None:
    """A refused connection is a ConnectionFailed that names the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    with pytest.raises(ConnectionFailed) as caught:
        _send(kind, _address(url))
    assert caught.value.url == url + "/chat/completions"
    assert url in str(caught.value)


def test_no_such_host(kind: str) -> None:
    """A host that does not exist is a ConnectionFailed."""
    with pytest.raises(ConnectionFailed):
        _send(kind, _address("http://nobody.invalid/v1"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-",
        _response(b'{"choices": [', length=1_000),
        _response(json.dumps(COMPLETION).encode(), length=1_000),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
    ids=["at once", "in the headers", "in the body", "short", "in a chunk", "no chunk", "SSH", "TLS"],
)
def test_a_server_that_breaks_off(raw: bytes, kind: str) -> None:
    """A connection that breaks before the reply is complete, or that is no HTTP, is a ConnectionFailed."""
    with Wire(_says(raw)) as wire, pytest.raises(ConnectionFailed):
        _send(kind, _address(wire.base_url))


def test_damaged_compression(kind: str) -> None:
    """A reply whose compression cannot be undone is a BadReply."""
    with (
        Wire(_says(_response(b"no gzip", head=b"content-encoding: gzip\r\n"))) as wire,
        pytest.raises(BadReply),
    ):
        _send(kind, _address(wire.base_url))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(raw="<html>Welcome</html>", content_type="text/html"), "text/html"),
        (Reply(raw="", content_type="text/plain"), "text/plain"),
        (Reply(raw=b"\xff\xfe\x00"), "no JSON"),
        (Reply(raw="[" * 100_000), "no JSON"),
        (Reply(raw="{}"), "choices"),
        (Reply(raw="[]"), "choices"),
        (Reply(raw="17"), "choices"),
        (Reply(raw='{"choices": []}'), "choices"),
        (Reply(raw='{"choices": null, "error": null}'), "choices"),
        (Reply(raw='{"choices": ["a", 1, null]}'), "choices"),
        (Reply(raw='{"choices": {"0": {}}}'), "choices"),
        (Reply(raw='{"object": "list", "data": []}'), "choices"),
        (Reply(raw=b"", status=204), "no JSON"),
        (Reply(raw="data: [DONE]\n\n", content_type="text/event-stream"), ""),
        (Reply(raw="data: no JSON\n\n", content_type="text/event-stream"), ""),
        (Reply(raw='data: {"choices": 5}\n\n', content_type="text/event-stream"), ""),
        (Reply(raw='data: {"choices": [5]}\n\n', content_type="text/event-stream"), ""),
        (
            Reply(raw='data: {"choices": [{"index": [], "delta": {}}]}\n\n', content_type="text/event-stream"),
            "",
        ),
        (Reply(raw='data: {"choices": [{"delta": 5}]}\n\n', content_type="text/event-stream"), ""),
        (
            Reply(
                raw='data: {"choices": [{"delta": {"tool_calls": [{"index": {}}]}}]}\n\n',
                content_type="text/event-stream",
            ),
            "",
        ),
        (Reply(raw="", content_type="text/event-stream"), ""),
        (Reply(raw="data: " + "[" * 100_000 + "\n\n", content_type="text/event-stream"), ""),
    ],
    ids=lambda value: repr((value.raw or "")[:40]) if isinstance(value, Reply) else "",
)
def test_a_success_that_is_no_completion(reply: Reply, said: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A successful status with anything but a completion is a BadReply that carries the body."""
    fake_endpoint.answer(reply)
    with pytest.raises(BadReply) as caught:
        _send(kind, _address(fake_endpoint.base_url))
    error = caught.value
    assert said in str(error)
    assert error.url == fake_endpoint.base_url + "/chat/completions"
    assert error.hint
    raw = reply.raw if isinstance(reply.raw, bytes) else (reply.raw or "").encode()
    assert error.body.startswith(raw[:100].decode("utf-8", "replace"))


def _event(data: Any) -> str:
    return f"data: {json.dumps(data)}\n\n"


FAILURE = {"message": "the provider failed", "type": "upstream_error", "code": 502}


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        (Reply(status=400, raw='{"error": {"message": "no seed"}}'), 400, BadRequest),
        (Reply(status=400, raw='[{"error": {"message": "maximum context length"}}]'), 400, RequestTooLarge),
        (Reply(status=429, raw="<html>Slow down</html>", content_type="text/html"), 429, RateLimited),
        (Reply(status=503, raw=""), 503, ServerError),
        (Reply(status=418, raw="teapot"), 418, StatusError),
        (
            Reply(status=500, raw=_event({"error": FAILURE}), content_type="text/event-stream"),
            500,
            ServerError,
        ),
        (Reply(raw=json.dumps({"error": FAILURE})), 502, ServerError),
        (Reply(raw=json.dumps({"error": FAILURE, "choices": []})), 502, ServerError),
        (Reply(raw=json.dumps({"error": {**FAILURE, "code": 429}})), 429, RateLimited),
        (Reply(raw=_event({"error": FAILURE}), content_type="text/event-stream"), 502, ServerError),
        (
            Reply(
                raw=_event({"choices": [{"index": 0, "delta": {"content": "{"}}]}) + _event({"error": FAILURE}),
                content_type="text/event-stream",
            ),
            502,
            ServerError,
        ),
        (  # as OpenRouter does: https://openrouter.ai/docs/api-reference/errors
            Reply(
                raw=_event({"choices": [{"index": 0, "delta": {"content": "{"}}]})
                + _event(
                    {
                        "error": FAILURE,
                        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                    }
                )
                + "data: [DONE]\n\n",
                content_type="text/event-stream",
            ),
            502,
            ServerError,
        ),
    ],
    ids=[
        "400",
        "too long",
        "HTML",
        "no body",
        "unknown status",
        "events with a status",
        "inside a 200",
        "inside, with no choices",
        "inside, a rate limit",
        "inside a stream",
        "after the first chunk",
        "with a last choice",
    ],
)
def test_refusals(reply: Reply, status: int, error: type[StatusError], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refusal is the typed error with what the endpoint said, wherever in the answer it stands."""
    fake_endpoint.answer(reply)
    with pytest.raises(StatusError) as caught:
        _send(kind, _address(fake_endpoint.base_url))
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.url == fake_endpoint.base_url + "/chat/completions"
    assert "content-type" in caught.value.headers
    if "provider failed" in str(reply.raw) and reply.status == 200:
        assert caught.value.message.endswith("the provider failed.")
        assert (caught.value.type, caught.value.code) == ("upstream_error", str(status))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, kind: str) -> None:
    """Neither key nor document goes where a redirect points, also with a client that follows redirects."""
    with FakeEndpoint("stolen", repeat=True) as elsewhere:
        location = {"location": elsewhere.base_url + "/chat/completions"}
        with (
            FakeEndpoint(Reply(status=status, headers=location, raw="")) as fake,
            pytest.raises(StatusError) as caught,
        ):
            _send(kind, _address(fake.base_url, api_key=KEY))
        assert caught.value.status == status
        assert len(fake.requests) == 1
        assert elsewhere.requests == []


def test_redirects_are_not_followed_by_the_callers_client(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A client of the caller's own that follows redirects does not do so here."""
    fake_endpoint.answer(Reply(status=307, headers={"location": "/v1/elsewhere"}, raw=""), "stolen")
    address = _address(fake_endpoint.base_url, api_key=KEY)
    if kind == "sync":
        with httpx.Client(follow_redirects=True) as client, pytest.raises(StatusError):
            Sender(address, client=client).send(TEXT)
    else:

        async def send() -> None:
            async with httpx.AsyncClient(follow_redirects=True) as client:
                await AsyncSender(address, client=client).send(TEXT)

        with pytest.raises(StatusError):
            asyncio.run(send())
    assert len(fake_endpoint.requests) == 1


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_reply_without_end(packed: bool, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A reply larger than the bound is given up with its beginning, also where it was small on the wire."""
    raw = b'{"choices": [' + b" " * MAX_REPLY_BYTES
    headers = {"content-encoding": "gzip"} if packed else {}
    fake_endpoint.answer(Reply(raw=gzip.compress(raw, 1) if packed else raw, headers=headers))
    with pytest.raises(BadReply) as caught:
        _send(kind, _address(fake_endpoint.base_url))
    assert "larger than" in str(caught.value)
    assert caught.value.body.startswith('{"choices": [')
    assert len(caught.value.body) < 2_100
    assert len(pickle.dumps(caught.value)) < 10_000


@pytest.mark.parametrize(
    "headers", [{"X-Name": "line\nbreak"}, {"X-Name": "ключ"}, {"bad name": "x"}, {"X-Näme": "x"}], ids=repr
)
def test_a_header_that_cannot_be_sent(headers: dict[str, str], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A header that HTTP cannot carry is the caller's fault, and nothing arrives."""
    with pytest.raises(ConfigurationError):
        _send(kind, _address(fake_endpoint.base_url), headers=headers)
    assert fake_endpoint.requests == []


# --------------------------------------------------------------------------------------------- in time


def _stall(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait(10)


def _stall_midway(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(_response(b'{"choices": [', length=1_000))
    stop.wait(10)


def _drip(connection: socket.socket, stop: threading.Event) -> None:
    for _ in range(60):  # then it breaks off, so that a client without a deadline comes back too
        if stop.wait(0.02):
            return
        connection.sendall(b" ")


def _drip_body(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(_response(b"", length=1_000_000))
    _drip(connection, stop)


def _drip_headers(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
    _drip(connection, stop)


def _drip_events(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:")
    _drip(connection, stop)


@pytest.mark.parametrize("talk", [_stall, _stall_midway])
def test_silence(talk: Talk, kind: str) -> None:
    """A server that goes silent is given up when the timeout has passed."""
    with Wire(talk) as wire, pytest.raises(TimedOut) as caught:
        _send(kind, _address(wire.base_url), timeout=0.1)
    assert "timeout=" in caught.value.hint
    assert caught.value.url == wire.base_url + "/chat/completions"


@pytest.mark.parametrize("talk", [_stall, _stall_midway, _drip_body, _drip_events])
def test_the_deadline_ends_it(talk: Talk, kind: str) -> None:
    """The deadline ends every wait, also for a server that sends a byte now and then."""
    with Wire(talk) as wire, pytest.raises(TimedOut) as caught:
        _send(kind, _address(wire.base_url), expires=time.monotonic() + 0.15)
    assert "deadline" in str(caught.value)


def test_the_deadline_ends_slow_headers(kind: str) -> None:
    """The deadline also ends headers that come byte by byte, each in time."""
    with Wire(_drip_headers) as wire, pytest.raises(TimedOut, match="deadline"):
        _send(kind, _address(wire.base_url), expires=time.monotonic() + 0.3)


def test_after_the_deadline_nothing_is_sent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Once the deadline has passed nothing is sent any more."""
    with pytest.raises(TimedOut):
        _send(kind, _address(fake_endpoint.base_url), expires=time.monotonic() - 1)
    assert fake_endpoint.requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="how long a queue really is differs between systems")
def test_a_connection_that_nobody_accepts(kind: str) -> None:
    """A server whose queue is full and which never accepts is given up when the timeout has passed."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with pytest.raises(TimedOut):
            _send(kind, _address(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"), timeout=0.2)


# --------------------------------------------------------------------------------------------- the key


def _echo(status: int, content_type: str, template: str) -> Callable[[Recorded], Reply]:
    def reply(request: Recorded) -> Reply:
        return Reply(status=status, content_type=content_type, raw=template.replace("KEY", _key(request)))

    return reply


def _key(request: Recorded) -> str:
    return request.headers.get("api-key") or request.headers["authorization"].removeprefix("Bearer ")


def _echo_escaped(request: Recorded) -> Reply:
    """As .NET and PHP write it: + and / escaped."""
    key = _key(request).replace("/", "\\/").replace("+", "\\u002B")
    return Reply(status=401, raw=f'{{"error": {{"message": "The key {key} is wrong.", "code": "{key}"}}}}')


def _echo_in_a_header(request: Recorded) -> Reply:
    return Reply(status=401, raw="{}", headers={"x-key": _key(request), "location": "/?key=" + _key(request)})


def _break_off(request: Recorded) -> Reply:
    return Reply(raw=b"{", headers={"content-length": "100", "connection": "close", "x-key": _key(request)})


def _drip_slowly(request: Recorded) -> Reply:
    return Reply(content=_key(request), delay=0.5)


LEAKS: dict[str, Callable[[Recorded], Reply]] = {
    "plain": _echo(401, "application/json", '{"error": "no"}'),
    "in a message": _echo(401, "application/json", '{"error": {"message": "Incorrect API key: KEY.", "code": "KEY"}}'),
    "in an array": _echo(400, "application/json", '[{"error": {"message": "KEY", "type": "KEY", "param": "KEY"}}]'),
    "in HTML": _echo(500, "text/html", "<html>Authorization: Bearer KEY</html>"),
    "in a success": _echo(200, "application/json", '{"you": "sent KEY"}'),
    "in a success that is no JSON": _echo(200, "text/html", "<html>KEY</html>"),
    "in an error inside a success": _echo(200, "application/json", '{"error": {"message": "KEY", "code": 401}}'),
    "in a stream": _echo(200, "text/event-stream", 'data: {"error": {"message": "KEY", "code": 401}}\n\n'),
    "in a broken stream": _echo(200, "text/event-stream", 'data: {"choices": [{"delta": {"role": "KEY"}}]}\n\n'),
    "escaped": _echo_escaped,
    "in a header": _echo_in_a_header,
    "broken off": _break_off,
    "timed out": _drip_slowly,
}


@pytest.mark.parametrize("key_header", ["", "api-key"])
@pytest.mark.parametrize("script", LEAKS.values(), ids=LEAKS)
def test_an_error_never_shows_the_key(
    script: Callable[[Recorded], Reply], key_header: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No error shows the key: not in words, attributes, pickle, log, or traceback with local variables."""
    caplog.set_level(logging.INFO)
    with FakeEndpoint(script) as fake, pytest.raises(EndpointError) as caught:
        _send(kind, _address(fake.base_url, api_key=KEY, key_header=key_header), timeout=0.2)
    error = caught.value
    assert _key(fake.requests[0]) == KEY, "the key was sent"
    for shown in (str(error), repr(error), repr(error.args), repr(vars(error)), caplog.text):
        assert "planted" not in shown
    assert b"planted" not in pickle.dumps(error)
    shown_trace = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "fake = <" in shown_trace, "local variables are shown"
    places = [line.strip()[:100] for line in shown_trace.splitlines() if "planted" in line]
    assert places == []


def test_an_error_of_the_connection_never_shows_the_key(kind: str) -> None:
    """Neither does an error that comes before any answer."""
    with Wire(_says(b"")) as wire, pytest.raises(ConnectionFailed) as caught:
        _send(kind, _address(wire.base_url, api_key=KEY, key_header="api-key"))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "planted" not in shown
    assert b"planted" not in pickle.dumps(caught.value)


def test_senders_do_not_show_the_key() -> None:
    """A sender and what it is made of can be printed."""
    sender = Sender(_address("http://h.example/v1", api_key=KEY, key_header="api-key"))
    assert "planted" not in repr(sender) + repr(vars(sender))
    sender.close()


# ------------------------------------------------------------------------------------- after a failure


def test_a_sender_outlives_its_failures(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """After any failure the same sender sends the next request."""
    wrong = [
        Reply(status=500, raw="no"),
        Reply(raw="<html>"),
        Reply(content="late", delay=1.5),
        Reply(raw=b"{", headers={"content-length": "100", "connection": "close"}),
        Reply(raw=b"no gzip", headers={"content-encoding": "gzip"}),
    ]
    fake_endpoint.answer(*(each for reply in wrong for each in (reply, "hello")))
    address = _address(fake_endpoint.base_url)
    if kind == "sync":
        sender = Sender(address, timeout=0.5)
        for _ in wrong:
            with pytest.raises(EndpointError):
                sender.send(TEXT, _errand())
            assert sender.send(TEXT, _errand()).choices[0].message.content == "hello"
        sender.close()
        return

    async def send() -> None:
        sender = AsyncSender(address, timeout=0.5)
        for _ in wrong:
            with pytest.raises(EndpointError):
                await sender.send(TEXT, _errand())
            assert (await sender.send(TEXT, _errand())).choices[0].message.content == "hello"
        await sender.close()

    asyncio.run(send())
