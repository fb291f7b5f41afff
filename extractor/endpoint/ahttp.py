"""`http` with `await`: the async sender, and its connections under asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import httpcore
import httpx

from extractor.chat.wire import ChatReply, ChatRequest
from extractor.endpoint.delivery import delivery
from extractor.endpoint.errand import Errand
from extractor.endpoint.faults import BROKEN, CAUGHT
from extractor.endpoint.governor import Governor
from extractor.endpoint.heads import check_client, closed, ended, exchange_of
from extractor.endpoint.http import KEPT_SECONDS, Link, Stack, answered, given, piece_of, request_to, timed
from extractor.endpoint.pipes import dial
from extractor.endpoint.places import Clients, Place, place_of
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits
from extractor.endpoint.steps import Outcome, Pause, Post, Step, Steps, Wait, Work
from extractor.errors import ExtractorError

if TYPE_CHECKING:
    from extractor.chat.sse import Piece

__all__ = ["AsyncConnections", "AsyncSender"]


class AsyncConnections:
    """`Connections` with `await`. Each event loop has connections of its own."""

    def __init__(self, url: httpx.URL) -> None:
        self._clients = Clients(httpx.AsyncClient)
        self.headers = self._clients.of(url)[0].headers
        """What httpx sends with every request."""
        self._loops: dict[asyncio.AbstractEventLoop | None, dict[httpx.URL, Place]] = {}
        self.is_closed = False

    async def open(self, request: httpx.Request) -> httpx.Response:
        """Send a request. The reply's body has not been read: close the reply. Raises httpx's and httpcore's errors."""
        loop = _running()
        places = self._loops.get(loop) or self._begun(loop)
        place = places.get(request.url)
        if place is None:
            place = places.setdefault(request.url, place_of(self._clients, request.url, Stack()))
        if not place.direct or loop is None:
            return cast(httpx.Response, await place.client.send(request, stream=True, follow_redirects=False))
        stack = place.stack
        link = stack.take() or await self._connected(place, request)
        try:
            came = await link.http.handle_async_request(request_to(place, request))
        except BaseException:
            stack.give_back(link, dead=True)
            raise
        return answered(request, came, stack, link)

    def keeps(self, request: httpx.Request) -> bool:
        """Whether a request's deadline (`Timeouts`) ends it by itself, whatever comes: it needs no cancel scope."""
        places = self._loops.get(_running())
        place = None if places is None else places.get(request.url)
        return place is not None and place.direct and _running() is not None

    def _begun(self, running: asyncio.AbstractEventLoop | None) -> dict[httpx.URL, Place]:
        """The places of an event loop, of which there are none yet; those of loops that have ended go."""
        for over in [loop for loop in [*self._loops] if loop is not None and loop.is_closed()]:
            for place in self._loops.pop(over, {}).values():
                place.stack.close()
        return self._loops.setdefault(running, {})

    async def _connected(self, place: Place, request: httpx.Request) -> Link[httpcore.AsyncHTTP11Connection]:
        timeout = request.extensions["timeout"].get("connect")
        pipe = await dial(place.host, place.port, place.context, timeout)
        link = Link(httpcore.AsyncHTTP11Connection(place.url.origin, pipe, KEPT_SECONDS), pipe)
        place.stack.add(link)
        return link

    async def close(self) -> None:
        """Close all connections."""
        self.is_closed = True
        for client in self._clients.all():
            await client.aclose()
        for places in [*self._loops.values()]:
            for place in places.values():
                place.stack.close()
        if self._loops.pop(_running(), None) and _running() is not None:
            await asyncio.sleep(0)  # in which the event loop closes what it was told to


def _running() -> asyncio.AbstractEventLoop | None:
    """The running event loop of asyncio; None in any other."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


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
        check_client(client, httpx.AsyncClient)
        self._closing = False
        self._pauses: set[Callable[[], None]] = set()
        self._own = AsyncConnections(httpx.URL(address.base_url)) if client is None else None
        self._client: Any = client or self._own
        self._open: Callable[[httpx.Request], Awaitable[httpx.Response]] = (
            self._own.open
            if self._own
            else functools.partial(cast(Any, client).send, stream=True, follow_redirects=False)
        )
        self._exchange = exchange_of(address, self._client, timeout, headers, limits, owned=self._own is not None)

    @property
    def governor(self) -> Governor:
        """Who says when requests may be sent."""
        return self._exchange.standing.governor

    async def send(self, request: ChatRequest, errand: Errand | None = None) -> ChatReply:
        """The reply to a request. Raises `EndpointError`, `BudgetExceeded`, and `CallerError`."""
        steps = self._steps(request, errand)
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                came = await (self._posted(step) if isinstance(step, Post) else self._carried_out(step))
        except StopIteration as done:
            outcome: Outcome = done.value
        finally:
            steps.close()
        return given(outcome)

    async def stream(
        self, request: ChatRequest, errand: Errand | None = None
    ) -> AsyncGenerator[Piece | ChatReply, None]:
        """The same as it arrives: what each event adds, and the whole reply as the last."""
        steps = self._steps(request, errand)
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                if not isinstance(step, Post):
                    came = await self._carried_out(step)
                    continue
                came = None
                try:
                    async with contextlib.aclosing(self._streamed(step)) as pieces:
                        async for piece in pieces:
                            step.body.begun = step.body.begun or bool(piece.content or piece.arguments)
                            yield piece
                except (*CAUGHT, TimeoutError, ExtractorError) as error:
                    came = self._failed(error)
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

    async def _posted(self, post: Post) -> Exception | None:
        try:
            if self._keeps(post):
                await self._received(post)
            else:
                import anyio  # httpx has it loaded by now

                with anyio.fail_after(_left(post.expires)):
                    await self._received(post)
        except (*CAUGHT, TimeoutError, ExtractorError) as error:
            return self._failed(error)
        return None

    def _keeps(self, post: Post) -> bool:
        """Whether a deadline is kept without a cancel scope around the request."""
        return post.expires is None or (self._own is not None and self._own.keeps(post.request))

    async def _received(self, post: Post) -> None:
        if self._closing:
            raise ended()
        response = await self._open(timed(post))
        try:
            if post.body.begin(response):
                async for chunk in cast(AsyncIterable[bytes], response.stream):
                    post.body.add(chunk)
            post.body.end()
        finally:
            await response.aclose()

    async def _streamed(self, post: Post) -> AsyncGenerator[Piece, None]:
        import anyio

        if self._closing:
            raise ended()
        body, expires = post.body, post.expires
        with anyio.fail_after(_left(expires)):
            response = await self._open(timed(post))
        try:
            began = time.monotonic()
            chunks = aiter(cast(AsyncIterable[bytes], response.stream)) if body.begin(response) else None
            while chunks is not None:
                # Not around the loop: nothing may be cancelled while this generator waits for its caller.
                if expires is not None and (self._own is None or _is_close(began, expires)):
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

    async def _carried_out(self, step: Step) -> Any:
        """What came of a step that is no request."""
        if isinstance(step, Pause):
            await self._paused(step.seconds)
        elif isinstance(step, Wait):
            await _granted(step)
        elif isinstance(step, Work):
            import anyio.to_thread

            return await anyio.to_thread.run_sync(step.call)
        return None

    async def _paused(self, seconds: float) -> None:
        import anyio

        over = anyio.Event()
        end = _waker(over)
        self._pauses.add(end)
        try:
            with anyio.move_on_after(seconds):
                await over.wait()
        finally:
            self._pauses.discard(end)

    def _failed(self, error: Exception) -> Exception:
        return ended() if self._closing and isinstance(error, BROKEN) else error

    async def close(self) -> None:
        """Close the connections, unless they are the caller's."""
        if self._own is not None:
            self._closing = True
            for end in [*self._pauses]:
                end()
            await self._own.close()


async def _granted(step: Wait) -> None:
    """Wait for a turn, which may be granted from another thread."""
    import anyio

    woken = anyio.Event()
    step.turn.wake = _waker(woken)
    if not step.turn.granted and step.turn.not_before == step.not_before:
        with anyio.move_on_after(step.seconds):
            await woken.wait()


def _waker(event: Any) -> Callable[[], None]:
    """What sets an event of this event loop, from any thread."""
    loop = _running()
    if loop is not None:
        soon: Callable[[Callable[[], object]], object] = loop.call_soon_threadsafe
    else:
        import trio  # the only other one that anyio knows

        soon = trio.lowlevel.current_trio_token().run_sync_soon

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # its loop has been closed meanwhile
            soon(event.set)

    return wake
