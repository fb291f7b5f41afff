"""`AsyncExtractor`, which drives the loop with `await`; and `aextract`, over extractors that calls share."""

from __future__ import annotations

import functools
import os
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import httpx

from extractor.base_client import BaseClient, opened
from extractor.chat.content import Document
from extractor.client import shared_key
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits
from extractor.errors import BudgetExceeded, EndpointError, RequestTooLarge
from extractor.loop.extraction import whole
from extractor.reach import Reach
from extractor.result import Extraction
from extractor.schema.dialects import Dialect
from extractor.schema.target import Target, list_of, target_of
from extractor.settings import Call, Defaults, MapCall, OneCall, Settings, SharedCall

if TYPE_CHECKING:  # only for those who stream, or have many documents
    from extractor.batch.job import Job
    from extractor.documents.loaded import As, Input
    from extractor.reply.partial import Partial
    from extractor.several.feed import Extract
    from extractor.several.mapping_async import AsyncResults
    from extractor.several.pieces import Piece, Plan
    from extractor.streams import AsyncStream

__all__ = ["AsyncExtractor", "aextract"]

T = TypeVar("T")


class AsyncExtractor(BaseClient):
    """`Extractor` with `await`: the same arguments, methods and errors."""

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: str | Dialect | None = None,
        limits: RateLimits | None = None,
        **defaults: Unpack[Defaults],
    ) -> None:
        reach = Reach(client=http_client, timeout=timeout, headers=headers, limits=limits)
        failed = self._made_of(model, base_url, api_key, dialect, reach, defaults)
        del api_key, headers, http_client, reach  # a traceback would show them
        if failed is not None:
            raise failed

    def _new_sender(self, address: Address, reach: Reach) -> Any:
        from extractor.endpoint.ahttp import AsyncSender  # the others need no asyncio

        return AsyncSender(
            address, client=reach.client, timeout=reach.timeout, headers=reach.headers, limits=reach.limits
        )

    @overload
    async def extract(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> T: ...
    @overload
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any: ...
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `(await run(…)).value`. Raises what `Extractor.extract` does."""
        wanted = target_of(target)
        return whole(await self.run(wanted, document, **call), wanted)

    @overload
    async def run(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> Extraction[T]: ...
    @overload
    async def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]: ...
    async def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]:
        """See `Extractor.run`."""
        wanted, document = target_of(target), await _opened(document)
        settings, started = self._settings_of(call), time.monotonic()
        if settings.source is not None:
            await _aside(settings.source.opened, wanted, settings.context)
        plan = self._plan(wanted, document, settings, call)
        try:
            return await (self._run(wanted, document, settings, call) if plan is None else self._driven(plan))
        except RequestTooLarge as error:
            refused = error
        return await self._driven(self._shorter(wanted, document, settings, call, refused, started))

    async def _driven(self, plan: Plan[T]) -> Extraction[T]:
        from extractor.several.driving import by_tasks

        return await by_tasks(plan, self._extracted)

    async def _run(
        self, target: Target[T], document: Document | None, settings: Settings, call: Mapping[str, Any]
    ) -> Extraction[T]:
        """One flow, driven."""
        begun = self._begin(target, document, settings, call)
        flow, errand, senders = begun.flow, begun.errand, begun.senders
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | BudgetExceeded | None = None
                try:
                    reply = await senders[errand.endpoint].send(ask.request, errand)
                except (EndpointError, BudgetExceeded) as error:
                    failed = error
                # Thrown in outside of the handler: what comes back need not be this error.
                ask = flow.send(reply) if failed is None else flow.throw(failed)
        except StopIteration as done:
            result: Extraction[T] = done.value
            return result
        finally:
            flow.close()

    @overload
    def stream(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[Partial[T], T]: ...
    @overload
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> AsyncStream[Any, Any]: ...
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> AsyncStream[Any, Any]:
        """See `Extractor.stream`; to be gone through with `async for`."""
        from extractor.streams import AsyncStream, Partials

        begun = self._begun_stream(target_of(target), document, call)
        return AsyncStream(begun, Partials(begun.task))

    @overload
    def stream_items(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[T, list[T]]: ...
    @overload
    def stream_items(
        self, target: Any, document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[Any, Any]: ...
    def stream_items(
        self, target: Any, document: Document | None = None, **call: Unpack[Call]
    ) -> AsyncStream[Any, Any]:
        """See `Extractor.stream_items`; to be gone through with `async for`."""
        from extractor.streams import AsyncStream, Items

        item = target_of(target)
        begun = self._begun_stream(list_of(item), document, call)
        return AsyncStream(begun, Items(begun.task, item))

    @overload
    def map(
        self,
        target: type[T],
        documents: Iterable[Document | Input] | AsyncIterable[Document | Input],
        **call: Unpack[MapCall],
    ) -> AsyncResults[T]: ...
    @overload
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input] | AsyncIterable[Document | Input],
        **call: Unpack[MapCall],
    ) -> AsyncResults[Any]: ...
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input] | AsyncIterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> AsyncResults[Any]:
        """See `Extractor.map`; to be gone through with `async for`. The documents may come from an async iterable."""
        from extractor.several.alone import Drawn
        from extractor.several.feed import Later
        from extractor.several.mapping_async import AsyncResults

        shared, wanted = self._shared(call), target_of(target)
        settings = self._mapped(wanted, shared, concurrency, as_)
        drawn = Drawn(documents) if isinstance(documents, AsyncIterable) else None
        given = documents if drawn is None else drawn
        made = functools.partial(self._feed, wanted, given, job, as_, shared, concurrency, evidence)
        feed = made() if job is None and settings.source is None else Later(made)
        room = functools.partial(self._room, shared["share"])
        return AsyncResults(feed, self._extracted, room=room, ordered=ordered, concurrency=concurrency, drawn=drawn)

    async def _extracted(self, step: Extract | Piece) -> Extraction[Any]:
        return await self.run(step.target, step.document, **step.call)

    async def aclose(self) -> None:
        """Close the connections. The extractor cannot be used afterwards."""
        for sender in self._ended():
            await sender.close()

    async def __aenter__(self) -> AsyncExtractor:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


async def _opened(document: Document | None) -> Document | None:
    """What is in a document that is a file, which is read in a thread; any other as it is."""
    return await _aside(opened, document) if isinstance(document, os.PathLike) else opened(document)


async def _aside(call: Callable[..., T], *given: Any) -> T:
    """What a call gives that may take its time: it is made in a thread."""
    import anyio.to_thread

    return await anyio.to_thread.run_sync(call, *given)


class _LoopExtractors:
    """The async extractors of one event loop. They are closed when `asyncio.run` closes the loop: it then
    ends every async generator that was started in it, and `keeper` is one.
    """

    def __init__(self) -> None:
        self.extractors: dict[Hashable, AsyncExtractor] = {}
        self.keeper: AsyncGenerator[None, None] = self._keep()

    async def _keep(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            for loop, mine in [*_loops.items()]:
                if mine is self:  # this generator would keep the loop alive, and so the entry
                    del _loops[loop]
            while self.extractors:
                await self.extractors.popitem()[1].aclose()


_loops: weakref.WeakKeyDictionary[Any, _LoopExtractors] = weakref.WeakKeyDictionary()


@overload
async def aextract(target: type[T], document: Document | None = None, **call: Unpack[SharedCall]) -> T: ...
@overload
async def aextract(target: Any, document: Document | None = None, **call: Unpack[SharedCall]) -> Any: ...
async def aextract(
    target: Any,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[OneCall],
) -> Any:
    """`extract` with `await`, under asyncio. Calls in one event loop share the connections."""
    import asyncio

    key = shared_key(model, base_url, api_key)
    loop = asyncio.get_running_loop()
    mine = _loops.get(loop)
    if mine is None:
        mine = _loops[loop] = _LoopExtractors()
        await anext(mine.keeper)
    if key not in mine.extractors:
        mine.extractors[key] = AsyncExtractor(model, base_url=base_url, api_key=api_key)
    return await mine.extractors[key].extract(target, document, **call)
