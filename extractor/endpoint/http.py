"""Sending a request and receiving its reply with httpx, sync and async.

What is to be done is said by a `delivery`, which has no I/O; the two senders carry it out, and differ only in
`await`. Errors of httpx become ours at this edge, and are raised outside of the handler that caught
them: their tracebacks hold the headers, and so the key.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, cast

import httpx

from extractor.chat.sse import Piece
from extractor.chat.wire import ChatReply, ChatRequest
from extractor.endpoint.connections import async_client, sync_client
from extractor.endpoint.delivery import IDEMPOTENCY_KEY, Exchange, delivery
from extractor.endpoint.errand import Errand
from extractor.endpoint.faults import CAUGHT
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits, routes_of, standing
from extractor.endpoint.steps import Outcome, Pause, Post, Step, Wait, Work
from extractor.errors import ConfigurationError, ExtractorError

__all__ = ["AsyncSender", "Sender"]

# A model may think for minutes before its first byte; nobody should wait long for a connection.
DEFAULT_TIMEOUT = httpx.Timeout(600.0, connect=10.0)


def _exchange(
    address: Address,
    client: httpx.Client | httpx.AsyncClient,
    timeout: float | httpx.Timeout | None,
    headers: Mapping[str, str] | None,
    limits: RateLimits | None,
    *,
    owned: bool,
) -> Exchange:
    """The exchange of a client. The caller's own keeps its headers and timeouts unless told otherwise."""
    fields, timeouts = _fields(address, headers or {}), _timeouts(timeout)
    if owned:  # nothing of the client's own to merge in: half the work
        fields = httpx.Headers([*_others(client.headers, fields), *fields.raw])
        timeouts = timeouts or DEFAULT_TIMEOUT.as_dict()
    known = standing(address, limits or RateLimits())
    return Exchange(
        base_url=address.base_url,
        routes=routes_of(address, known),
        media_first=address.media_first,
        standing=known,
        build=httpx.Request if owned else client.build_request,
        headers=fields,
        timeouts=timeouts,
        api_key=address.api_key or "",
        keyed=IDEMPOTENCY_KEY in fields,
    )


def _fields(address: Address, headers: Mapping[str, str]) -> httpx.Headers:
    """The header fields of every request."""
    if not isinstance(headers, Mapping):
        raise ConfigurationError("headers must be a mapping of names to values.")
    fields = _headers(
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "gzip, deflate",  # what can be bounded while it is inflated
        }
    )
    fields.update(_headers(headers))
    if address.api_key is not None:
        key_header = address.key_header or "Authorization"
        fields[key_header] = address.api_key if address.key_header else f"Bearer {address.api_key}"
    return fields


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


def _check_open(client: httpx.Client | httpx.AsyncClient) -> None:
    if client.is_closed:
        raise ConfigurationError("The http_client is closed.", hint="Keep it open as long as the extractor.")


def _headers(fields: Mapping[str, str]) -> httpx.Headers:
    try:
        return httpx.Headers(fields)
    except (UnicodeEncodeError, AttributeError, TypeError):
        pass  # raised outside: the error of httpx holds the headers
    raise ConfigurationError("headers= has a name or value that no HTTP header can carry.", hint="Use ASCII strings.")


def _others(headers: httpx.Headers, but: httpx.Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers.raw if name.decode("ascii") not in but]


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
        _check_client(client, httpx.Client)
        self._owned = client is None
        self._client = client or sync_client(httpx.URL(address.base_url))
        self._exchange = _exchange(address, self._client, timeout, headers, limits, owned=self._owned)

    def send(self, request: ChatRequest, errand: Errand | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`, `BudgetExceeded`, and `CallerError`."""
        _check_open(self._client)
        steps = delivery(self._exchange, request, errand or Errand())
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                came = self._posted(step) if isinstance(step, Post) else _carried_out(step)
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        return _given(outcome)

    def stream(self, request: ChatRequest, errand: Errand | None = None) -> Generator[Piece | ChatReply, None, None]:
        """The same as it arrives: what each event adds, and the whole reply as the last."""
        _check_open(self._client)
        steps = delivery(self._exchange, request, errand or Errand())
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                came = (yield from self._streamed(step)) if isinstance(step, Post) else _carried_out(step)
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        reply = _given(outcome)
        if reply.cached:
            yield _piece(reply)
        yield reply

    # In functions of their own: the bytes of an answer, in which a key may be, are no part of a traceback.

    def _posted(self, post: Post) -> Exception | None:
        try:
            for chunk in self._chunks(post):
                post.body.add(chunk)
            post.body.end()
        except (*CAUGHT, ExtractorError) as error:
            return error
        return None

    def _streamed(self, post: Post) -> Generator[Piece, None, Exception | None]:
        try:
            for chunk in self._chunks(post):
                for piece in post.body.pieces(chunk):
                    post.body.begun = True
                    yield piece
            post.body.end()
        except (*CAUGHT, ExtractorError) as error:
            return error
        return None

    def _chunks(self, post: Post) -> Iterator[bytes]:
        response = self._client.send(post.request, stream=True, follow_redirects=False)
        try:
            if post.body.begin(response):
                yield from cast(Iterable[bytes], response.stream)
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._owned:
            self._client.close()


def _carried_out(step: Step) -> Any:
    """What came of a step that is no request."""
    if isinstance(step, Pause):
        time.sleep(step.seconds)
    elif isinstance(step, Wait):
        woken = threading.Event()
        step.turn.wake = woken.set
        if not step.turn.granted:
            woken.wait(step.seconds)
    elif isinstance(step, Work):
        return step.call()
    return None


def _given(outcome: Outcome) -> ChatReply:
    if isinstance(outcome, ChatReply):
        return outcome
    raise outcome


def _piece(reply: ChatReply) -> Piece:
    """All of a reply at once."""
    message = reply.choices[0].message
    arguments = message.tool_calls[0].arguments if message.tool_calls else ""
    return Piece(message.content or "", arguments)


class AsyncSender:
    """The same with `await`."""

    def __init__(
        self,
        address: Address,
        *,
        client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        _check_client(client, httpx.AsyncClient)
        self._owned = client is None
        self._client = client or async_client(httpx.URL(address.base_url))
        self._exchange = _exchange(address, self._client, timeout, headers, limits, owned=self._owned)

    async def send(self, request: ChatRequest, errand: Errand | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`, `BudgetExceeded`, and `CallerError`."""
        _check_open(self._client)
        steps = delivery(self._exchange, request, errand or Errand())
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                came = await (self._posted(step) if isinstance(step, Post) else _awaited(step))
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        return _given(outcome)

    async def stream(
        self, request: ChatRequest, errand: Errand | None = None
    ) -> AsyncGenerator[Piece | ChatReply, None]:
        """The same as it arrives: what each event adds, and the whole reply as the last."""
        _check_open(self._client)
        steps = delivery(self._exchange, request, errand or Errand())
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                if not isinstance(step, Post):
                    came = await _awaited(step)
                    continue
                came = None
                try:
                    async with contextlib.aclosing(self._streamed(step)) as pieces:
                        async for piece in pieces:
                            step.body.begun = True
                            yield piece
                except (*CAUGHT, TimeoutError, ExtractorError) as error:
                    came = error
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        reply = _given(outcome)
        if reply.cached:
            yield _piece(reply)
        yield reply

    async def _posted(self, post: Post) -> Exception | None:
        import anyio  # httpx has it loaded by now; the sync sender needs none of it

        try:
            with anyio.fail_after(_left(post.expires)):
                response = await self._client.send(post.request, stream=True, follow_redirects=False)
                try:
                    if post.body.begin(response):
                        async for chunk in cast(AsyncIterable[bytes], response.stream):
                            post.body.add(chunk)
                    post.body.end()
                finally:
                    await response.aclose()
        except (*CAUGHT, TimeoutError, ExtractorError) as error:
            return error
        return None

    async def _streamed(self, post: Post) -> AsyncGenerator[Piece, None]:
        import anyio

        body, expires = post.body, post.expires
        with anyio.fail_after(_left(expires)):
            response = await self._client.send(post.request, stream=True, follow_redirects=False)
        try:
            began = time.monotonic()
            chunks = aiter(cast(AsyncIterable[bytes], response.stream)) if body.begin(response) else None
            while chunks is not None:
                # Not around the loop: nothing may be cancelled while this generator waits for its caller.
                if expires is not None and (not self._owned or _is_close(began, expires)):
                    with anyio.fail_after(_left(expires)):
                        chunk = await anext(chunks, None)
                else:
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                for piece in body.pieces(chunk):
                    yield piece
            body.end()
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._owned:
            await self._client.aclose()


async def _awaited(step: Step) -> Any:
    """What came of a step that is no request."""
    import anyio

    if isinstance(step, Pause):
        await anyio.sleep(step.seconds)
    elif isinstance(step, Wait):
        await _granted(step)
    elif isinstance(step, Work):
        import anyio.to_thread

        return await anyio.to_thread.run_sync(step.call)
    return None


async def _granted(step: Wait) -> None:
    """Wait for a turn, which may be granted from another thread."""
    import anyio

    woken, soon = anyio.Event(), _soon()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # its loop has been closed meanwhile
            soon(woken.set)

    step.turn.wake = wake
    if not step.turn.granted:
        with anyio.move_on_after(step.seconds):
            await woken.wait()


def _soon() -> Callable[[Callable[[], object]], object]:
    """What has this event loop call something, asked from any thread."""
    import asyncio

    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        import trio

        token: Any = trio.lowlevel.current_trio_token()
        return cast(Callable[[Callable[[], object]], object], token.run_sync_soon)
