"""Sending a request and receiving its reply with httpx, sync and async.

What is sent and how an answer is read is the same for both and has no I/O; the two senders differ only
in `await`. Errors of httpx become ours at this edge, and are raised outside of the handler that caught
them: their tracebacks hold the headers, and so the key.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import httpx
from pydantic_core import from_json

from extractor.chat.sse import EventReader, ReplyCollector
from extractor.chat.wire import ChatReply, ChatRequest, decode_reply
from extractor.endpoint.deadline import Timeouts, watch
from extractor.endpoint.faults import CAUGHT, fault, too_late
from extractor.endpoint.refusals import Refused, bad_reply, error_inside, refusal, too_large
from extractor.endpoint.resolve import Address
from extractor.errors import (
    ConfigurationError,
    EndpointError,
    ExtractorError,
    OptionError,
)

__all__ = ["AsyncSender", "Sender"]

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

    def read(self, response: httpx.Response, body: bytes) -> ChatReply | EndpointError:
        """The completion in an answer, or what is the matter where there is none.

        The error is given, not raised: a traceback would show what the body says, maybe the key.
        """
        if response.is_success:
            data = _events(body) if _is_stream(response, body) else _json(body)
            if isinstance(data, dict) and data.get("choices") and not data.get("error"):
                reply = decode_reply(data)
                if reply.choices:
                    return reply
        else:
            data = _json(body)
        return self._refused(response, data, body)

    def _refused(self, response: httpx.Response, data: Any, body: bytes) -> EndpointError:
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
        if _is_stream(response, body):
            why = "a stream that is no whole completion"
        else:
            why = "a body that is no JSON" if data is None else "no choices in it"
        return error_inside(refused) or bad_reply(refused, why)


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
        self._url = url
        self._expires = expires
        self._secret = secret
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_REPLY_BYTES:
            raise too_large(self._url, self._chunks[0], MAX_REPLY_BYTES, self._secret)
        if self._expires is not None and time.monotonic() > self._expires:
            raise too_late(self._url)

    def whole(self) -> bytes:
        return b"".join(self._chunks)


def _json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None


def _is_stream(response: httpx.Response, body: bytes) -> bool:
    # Some send events under another content type, or begin with a comment; some an object as events.
    if body[:100].lstrip()[:1] in (b"{", b"["):
        return False
    return body[:100].lstrip()[:6].startswith((b"data:", b":", b"event:")) or response.headers.get(
        "content-type", ""
    ).lower().startswith("text/event-stream")


def _is_special(response: httpx.Response) -> bool:
    """Whether httpx has more to do than pass the bytes on: they are compressed, or a hook has read them."""
    encoding = response.headers.get("content-encoding", "")
    if "," in encoding:  # one inflates a thousandfold, bounded chunk by chunk; two a millionfold
        raise httpx.DecodingError("compressed more than once", request=response.request)
    return bool(encoding) or response.is_stream_consumed


def _events(body: bytes) -> Any:
    """A streamed reply put together. None where its events are no chunks, or it stopped early."""
    reader, collector = EventReader(), ReplyCollector()
    try:
        for data in [*reader.feed(body), *reader.close()]:
            collector.add(data)
    except (ValueError, RecursionError):
        return None
    if collector.error is not None:
        return collector.error
    return collector.body if collector.finished else None


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


# httpx keeps 20 idle connections and opens at most 100; a batch needs more of both, and the endpoint's
# own limit is found by being asked, not by running out of connections here.
_LIMITS = httpx.Limits(max_connections=1_024, max_keepalive_connections=256)


C = TypeVar("C", httpx.Client, httpx.AsyncClient)


class _NoCookies(httpx.Cookies):
    """Looking for cookies in every reply takes a tenth of a request's CPU; endpoints know us by the key."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep none."""


_NO_COOKIES = _NoCookies()


class _Client(httpx.Client):
    cookies = property(lambda self: _NO_COOKIES)


class _AsyncClient(httpx.AsyncClient):
    cookies = property(lambda self: _NO_COOKIES)


def _verify(url: httpx.URL) -> ssl.SSLContext | bool:
    # Reading the certificates takes 20 ms, which http:// has no use for: its context trusts nobody.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.scheme == "http" else True


def _made(kind: type[C], url: httpx.URL) -> C:
    try:
        return kind(limits=_LIMITS, verify=_verify(url))
    except (ImportError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"No HTTP client can be made of the environment: {error}.",
            hint="Check the variables HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE.",
        ) from None


def _sync_client(url: httpx.URL) -> httpx.Client:
    """A client for requests to `url` and others of its scheme: httpx's own, less what no endpoint needs."""
    client = _made(_Client, url)
    watch(client)
    return client


def _async_client(url: httpx.URL) -> httpx.AsyncClient:
    """The same with `await`."""
    return _made(_AsyncClient, url)


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
        self._client = client or _sync_client(self._exchange.url)
        if client is None:
            self._exchange = _owning(self._exchange, self._client)

    def send(self, request: ChatRequest, expires: float | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`; `expires` is by the monotonic clock."""
        http_request = self._exchange.build(self._client, request, expires)
        try:
            response, body = self._receive(http_request, expires)
        except CAUGHT as error:
            result: ChatReply | ExtractorError = fault(error, str(http_request.url), expires)
        else:
            result = self._exchange.read(response, body.whole())
        if isinstance(result, ChatReply):
            return result
        raise result

    def _receive(self, http_request: httpx.Request, expires: float | None) -> tuple[httpx.Response, _Body]:
        response = self._client.send(http_request, stream=True, follow_redirects=False)
        body = _Body(str(http_request.url), expires, self._exchange.api_key)
        try:
            for chunk in response.iter_bytes() if _is_special(response) else cast(Any, response.stream):
                body.add(chunk)
        finally:
            response.close()
        return response, body

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
        self._client = client or _async_client(self._exchange.url)
        if client is None:
            self._exchange = _owning(self._exchange, self._client)

    async def send(self, request: ChatRequest, expires: float | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`; `expires` is by the monotonic clock."""
        import anyio  # httpx has it loaded by now; the sync sender needs none of it

        http_request = self._exchange.build(self._client, request, expires)
        try:
            with anyio.fail_after(None if expires is None else expires - time.monotonic()):
                response, body = await self._receive(http_request, expires)
        except (*CAUGHT, TimeoutError) as error:
            result: ChatReply | ExtractorError = fault(error, str(http_request.url), expires)
        else:
            result = self._exchange.read(response, body.whole())
        if isinstance(result, ChatReply):
            return result
        raise result

    async def _receive(self, http_request: httpx.Request, expires: float | None) -> tuple[httpx.Response, _Body]:
        response = await self._client.send(http_request, stream=True, follow_redirects=False)
        body = _Body(str(http_request.url), expires, self._exchange.api_key)
        try:
            async for chunk in response.aiter_bytes() if _is_special(response) else cast(Any, response.stream):
                body.add(chunk)
        finally:
            await response.aclose()
        return response, body

    async def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._exchange.owned:
            await self._client.aclose()
