"""Sending a request and receiving its reply with httpx, sync and async.

What is sent and how an answer is read is the same for both and has no I/O; the two senders differ only
in `await`. Errors of httpx become ours at this edge, and are raised outside of the handler that caught
them: their tracebacks hold the headers, and so the key.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
from pydantic_core import from_json

from extractor.chat.sse import Piece
from extractor.chat.wire import ChatReply, ChatRequest, decode_reply
from extractor.endpoint.connections import Timeouts, async_client, sync_client
from extractor.endpoint.events import Events
from extractor.endpoint.faults import CAUGHT, fault, too_late
from extractor.endpoint.refusals import Refused, bad_reply, error_inside, refusal, too_large
from extractor.endpoint.resolve import Address
from extractor.errors import ConfigurationError, EndpointError, ExtractorError, OptionError

__all__ = ["AsyncSender", "Sender"]

_SHOWN = 20  # chunks of a stream that are kept, for errors to show
# A model may think for minutes before its first byte; nobody should wait long for a connection.
DEFAULT_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
MAX_REPLY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class _Exchange:
    """What both senders share: where a request goes, and what an answer means."""

    url: httpx.URL
    media_url: httpx.URL
    headers: httpx.Headers = field(repr=False)
    timeouts: Mapping[str, float | None]
    api_key: str = field(repr=False)
    owned: bool

    def build(
        self, client: httpx.Client | httpx.AsyncClient, request: ChatRequest, expires: float | None
    ) -> httpx.Request:
        """The request to send. Raises `CallerError` where it cannot be, `TimedOut` where it is too late."""
        url = self.media_url if request.has_media else self.url
        if client.is_closed:
            raise ConfigurationError("The http_client is closed.", hint="Keep it open as long as the extractor.")
        if expires is not None and time.monotonic() >= expires:
            raise too_late(str(url))
        content = _encoded(request)
        if self.owned:  # nothing of the client's own to merge in: half the work
            built = httpx.Request("POST", url, headers=self.headers, content=content)
        else:
            built = client.build_request("POST", url, headers=self.headers, content=content)
        timeouts = self.timeouts or built.extensions["timeout"]
        built.extensions["timeout"] = timeouts if expires is None else Timeouts(timeouts, expires)
        return built

    def receiver(self, request: httpx.Request, expires: float | None) -> _Body:
        """What receives the answer."""
        return _Body(str(request.url), expires, self.api_key)

    def read(self, body: _Body) -> ChatReply | EndpointError:
        """The completion in an answer, or what is the matter where there is none.

        The error is given, not raised: a traceback would show what the body says, maybe the key.
        """
        response = body.response
        assert response is not None  # noqa: S101  # it has been received
        whole, events = body.whole(), body.events
        if events is None and response.is_success and _is_stream(response, whole):
            events = Events()
            _drain(events.feed(whole))
        if events is not None:
            _drain(events.close())
            return events.reply or self._refused(response, events.error, whole, "a stream that is no completion")
        data = _json(whole)
        if response.is_success and isinstance(data, dict) and data.get("choices") and not data.get("error"):
            reply = decode_reply(data)
            if reply.choices:
                return reply
        return self._refused(response, data, whole, "a body that is no JSON" if data is None else "no choices in it")

    def broken(self, error: Exception, body: _Body, expires: float | None) -> ChatReply | ExtractorError:
        """What there is where the connection failed: of a stream what had come by then, else our error."""
        if isinstance(error, _BROKEN) and body.is_stream():
            reply = self.read(body)
            if isinstance(reply, ChatReply):
                return reply
        return fault(error, body.url, expires)

    def _refused(self, response: httpx.Response, data: Any, body: bytes, why: str) -> EndpointError:
        refused = Refused(
            status=response.status_code,
            headers=dict(response.headers),
            data=data,
            body=body,
            url=str(response.url),
            secret=self.api_key,
        )
        if not response.is_success:
            return refusal(refused)
        return error_inside(refused) or bad_reply(refused, why)


# The connection broke while somebody was speaking.
_BROKEN = (httpx.ReadError, httpx.RemoteProtocolError)


def _encoded(request: ChatRequest) -> bytes:
    try:
        return request.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(
            f"The messages cannot be written as JSON: {error}.", option="messages", hint="Use plain data."
        ) from None


class _Body:
    """A body as it arrives, bounded in size and time."""

    def __init__(self, url: str, expires: float | None, secret: str) -> None:
        self.url = url
        self.response: httpx.Response | None = None
        self._expires = expires
        self._secret = secret
        self._chunks: list[bytes] = []
        self._size = 0
        self.events: Events | None = None
        self._judged = False

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_REPLY_BYTES:
            raise too_large(self.url, self._chunks[0], MAX_REPLY_BYTES, self._secret)
        if self._expires is not None and time.monotonic() > self._expires:
            raise too_late(self.url)

    def pieces(self, response: httpx.Response, chunk: bytes) -> Iterator[Piece]:
        """Take the next bytes: what each event in them adds. Nothing where the answer is no stream."""
        self.add(chunk)
        if self.events is not None:
            if len(self._chunks) > _SHOWN:  # they have been read; the first are kept for errors to show
                self._chunks.pop()
            return self.events.feed(chunk)
        if not response.is_success or self._judged or not self.whole().strip():
            return iter(())
        self._judged = True  # by the first bytes that are not blank
        if not _is_stream(response, self.whole()):
            return iter(())
        self.events = Events()
        return self.events.feed(self.whole())

    def is_stream(self) -> bool:
        """Whether what has come is a stream."""
        response = self.response
        if self.events is None and (response is None or not response.is_success or not self._chunks):
            return False
        return self.events is not None or (response is not None and _is_stream(response, self.whole()[:100]))

    def whole(self) -> bytes:
        return b"".join(self._chunks)


def _is_stream(response: httpx.Response, body: bytes) -> bool:
    # Some send events under another content type, or begin with a comment; some an object as events.
    start = body[:100].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"{", b"["):
        return False
    kind: str = response.headers.get("content-type", "")
    return start.startswith((b"data:", b":", b"event:", b"id:", b"retry:")) or kind.lower().startswith(
        "text/event-stream"
    )


def _drain(pieces: Iterator[Piece]) -> None:
    for _ in pieces:
        pass


def _json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return _with_half_characters(body)


def _with_half_characters(body: bytes) -> Any:
    """The value of a JSON text with lone surrogates, which a model can produce; None where it is no JSON."""
    import json

    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_special(response: httpx.Response) -> bool:
    """Whether httpx has more to do than pass the bytes on: they are compressed, or a hook has read them."""
    encoding = response.headers.get("content-encoding", "")
    if "," in encoding:  # one inflates a thousandfold, bounded chunk by chunk; two a millionfold
        raise httpx.DecodingError("compressed more than once", request=response.request)
    return bool(encoding) or response.is_stream_consumed


def _exchange(address: Address, timeout: float | httpx.Timeout | None, headers: Mapping[str, str]) -> _Exchange:
    """The exchange for the caller's own client, which keeps its headers and timeouts unless told otherwise."""
    url = httpx.URL(address.base_url + "/chat/completions")
    media_url = httpx.URL(address.media_url + "/chat/completions") if address.media_url else url
    if not isinstance(headers, Mapping):
        raise ConfigurationError("headers must be a mapping of names to values.")
    fields = _headers({"Content-Type": "application/json", "Accept": "application/json, text/event-stream"})
    fields.update(_headers(headers))
    if address.api_key is not None:
        key_header = address.key_header or "Authorization"
        fields[key_header] = address.api_key if address.key_header else f"Bearer {address.api_key}"
    return _Exchange(
        url=url,
        media_url=media_url,
        headers=fields,
        timeouts=_timeouts(timeout),
        api_key=address.api_key or "",
        owned=False,
    )


def _timeouts(timeout: Any) -> Mapping[str, float | None]:
    if timeout is None:
        return {}
    try:
        timeouts: Mapping[str, float | None] = httpx.Timeout(timeout).as_dict()
        fits = all(each is None or each > 0 for each in timeouts.values())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ConfigurationError("timeout must be a number of seconds, more than 0, or an httpx.Timeout.")
    return timeouts


def _check_client(client: Any, kind: type) -> None:
    if client is not None and not isinstance(client, kind):
        raise ConfigurationError(
            f"http_client is {type(client).__name__}, but must be httpx.{kind.__name__} here.",
            hint="Extractor takes an httpx.Client, AsyncExtractor an httpx.AsyncClient.",
        )


def _headers(fields: Mapping[str, str]) -> httpx.Headers:
    try:
        return httpx.Headers(fields)
    except (UnicodeEncodeError, AttributeError, TypeError):
        pass  # raised outside: the error of httpx holds the headers
    raise ConfigurationError("headers= has a name or value that no HTTP header can carry.", hint="Use ASCII strings.")


def _others(headers: httpx.Headers, but: httpx.Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers.raw if name.decode("ascii") not in but]


def _owning(exchange: _Exchange, client: httpx.Client | httpx.AsyncClient) -> _Exchange:
    """The exchange for a client of ours: all that its requests need is known beforehand."""
    return replace(
        exchange,
        headers=httpx.Headers([*_others(client.headers, exchange.headers), *exchange.headers.raw]),
        timeouts=exchange.timeouts or DEFAULT_TIMEOUT.as_dict(),
        owned=True,
    )


def _chunks(response: httpx.Response) -> Iterable[bytes]:
    """The body's bytes; where there is nothing to undo, without the layers of httpx that would."""
    return response.iter_bytes() if _is_special(response) else cast(Any, response.stream)


def _achunks(response: httpx.Response) -> AsyncIterable[bytes]:
    """The same with `await`."""
    return response.aiter_bytes() if _is_special(response) else cast(Any, response.stream)


def _left(expires: float | None) -> float | None:
    return None if expires is None else expires - time.monotonic()


# A cancel scope for each chunk would take a third of a stream's CPU. A connection of ours bounds each wait by what
# was left when the body began (a caller's own transport need not): until that is out by more than a moment, or a
# moment is much, it will do.
_OUT = 0.25  # seconds
_CLOSE = 2.0


def _is_close(began: float, expires: float) -> bool:
    """Whether a wait has to be bounded to the moment, in a body that began then."""
    now = time.monotonic()
    return now - began > _OUT or expires - now < _CLOSE


class Sender:
    """Sends requests to one address. With the caller's own `client`, that one is used and left open."""

    def __init__(
        self,
        address: Address,
        *,
        client: httpx.Client | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        _check_client(client, httpx.Client)
        self._exchange = _exchange(address, timeout, headers or {})
        self._client = client or sync_client(self._exchange.url)
        if client is None:
            self._exchange = _owning(self._exchange, self._client)

    def send(self, request: ChatRequest, expires: float | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`; `expires` is by the monotonic clock."""
        http_request = self._exchange.build(self._client, request, expires)
        body = self._exchange.receiver(http_request, expires)
        try:
            self._receive(http_request, body)
        except CAUGHT as error:
            result = self._exchange.broken(error, body, expires)
        else:
            result = self._exchange.read(body)
        if isinstance(result, ChatReply):
            return result
        raise result

    def stream(self, request: ChatRequest, expires: float | None = None) -> Generator[Piece | ChatReply, None, None]:
        """The same as it arrives: what each event adds, and the whole reply as the last."""
        http_request = self._exchange.build(self._client, request, expires)
        body = self._exchange.receiver(http_request, expires)
        try:
            yield from self._pieces(http_request, body)
        except CAUGHT as error:
            result = self._exchange.broken(error, body, expires)
        else:
            result = self._exchange.read(body)
        if isinstance(result, ExtractorError):
            raise result
        yield result

    # In functions of their own: the bytes of an answer, in which a key may be, are no part of a traceback.

    def _receive(self, http_request: httpx.Request, body: _Body) -> None:
        response = body.response = self._client.send(http_request, stream=True, follow_redirects=False)
        try:
            for chunk in _chunks(response):
                body.add(chunk)
        finally:
            response.close()

    def _pieces(self, http_request: httpx.Request, body: _Body) -> Iterator[Piece]:
        response = body.response = self._client.send(http_request, stream=True, follow_redirects=False)
        try:
            for chunk in _chunks(response):
                yield from body.pieces(response, chunk)
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._exchange.owned:
            self._client.close()


class AsyncSender:
    """The same with `await`."""

    def __init__(
        self,
        address: Address,
        *,
        client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        _check_client(client, httpx.AsyncClient)
        self._exchange = _exchange(address, timeout, headers or {})
        self._client = client or async_client(self._exchange.url)
        if client is None:
            self._exchange = _owning(self._exchange, self._client)

    async def send(self, request: ChatRequest, expires: float | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`; `expires` is by the monotonic clock."""
        import anyio  # httpx has it loaded by now; the sync sender needs none of it

        http_request = self._exchange.build(self._client, request, expires)
        body = self._exchange.receiver(http_request, expires)
        try:
            with anyio.fail_after(_left(expires)):
                await self._receive(http_request, body)
        except (*CAUGHT, TimeoutError) as error:
            result = self._exchange.broken(error, body, expires)
        else:
            result = self._exchange.read(body)
        if isinstance(result, ChatReply):
            return result
        raise result

    async def stream(
        self, request: ChatRequest, expires: float | None = None
    ) -> AsyncGenerator[Piece | ChatReply, None]:
        """The same as it arrives: what each event adds, and the whole reply as the last."""
        http_request = self._exchange.build(self._client, request, expires)
        body = self._exchange.receiver(http_request, expires)
        try:
            async with contextlib.aclosing(self._pieces(http_request, body, expires)) as pieces:
                async for piece in pieces:
                    yield piece
        except (*CAUGHT, TimeoutError) as error:
            result = self._exchange.broken(error, body, expires)
        else:
            result = self._exchange.read(body)
        if isinstance(result, ExtractorError):
            raise result
        yield result

    async def _receive(self, http_request: httpx.Request, body: _Body) -> None:
        response = body.response = await self._client.send(http_request, stream=True, follow_redirects=False)
        try:
            async for chunk in _achunks(response):
                body.add(chunk)
        finally:
            await response.aclose()

    async def _pieces(
        self, http_request: httpx.Request, body: _Body, expires: float | None
    ) -> AsyncGenerator[Piece, None]:
        import anyio

        with anyio.fail_after(_left(expires)):
            response = body.response = await self._client.send(http_request, stream=True, follow_redirects=False)
        chunks, began = aiter(_achunks(response)), time.monotonic()
        try:
            while True:
                # Not around the loop: nothing may be cancelled while this generator waits for its caller.
                if expires is not None and (not self._exchange.owned or _is_close(began, expires)):
                    with anyio.fail_after(_left(expires)):
                        chunk = await anext(chunks, None)
                else:
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                for piece in body.pieces(response, chunk):
                    yield piece
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._exchange.owned:
            await self._client.aclose()
