"""Streams: what is known so far while a reply is being written, and the same `Extraction` at the end.

What is shown (`Partials`, `Items`) has no I/O; `Stream` and `AsyncStream` only drive the loop, as the extractors do.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from pydantic_core import to_json

from extractor.asking import Ask, Task
from extractor.chat.sse import Piece
from extractor.chat.wire import ChatReply
from extractor.endpoint.http import AsyncSender, Sender
from extractor.errors import CallerError, EndpointError
from extractor.extraction import Extraction, extraction
from extractor.reply.live import Live
from extractor.reply.partial import UNKNOWN, View, complete_items
from extractor.reply.reading import Wanted, held
from extractor.schema.target import Target, TypeTarget

__all__ = ["AsyncStream", "Items", "Partials", "Stream"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")


class Shown(Protocol[S_co]):
    """What a stream shows of the replies as they arrive."""

    def begin(self, ask: Ask) -> None:
        """Another request is sent."""
        ...

    def add(self, piece: Piece) -> Iterable[S_co]:
        """What is to be shown now that this has come."""
        ...

    def end(self, result: Extraction[Any]) -> Iterable[S_co]:
        """What is to be shown at the end."""
        ...


class Partials:
    """Shows a `Partial` after every piece that adds something. What is asked for again shows in the result only,
    but for a reply that is asked for again as a whole.
    """

    def __init__(self, task: Task[Any]) -> None:
        self._wanted = task.target.wanted if isinstance(task.target, TypeTarget) else None
        self._context = task.context
        self._live: Live | None = None

    def begin(self, ask: Ask) -> None:
        """Start afresh, where the whole is asked for."""
        self._live = None
        if ask.scope is None:
            self._live = Live(ask.form.tool)
            adapted = ask.form.adapted
            self._view = View(self._live, self._wanted, adapted.plan, adapted.definitions, self._context)

    def add(self, piece: Piece) -> Iterable[Any]:
        """What is known now, if that is more than before."""
        if self._live is None or not self._live.add(piece):
            return ()
        known = self._view.now()
        return () if known is UNKNOWN else (known,)

    def end(self, result: Extraction[Any]) -> Iterable[Any]:
        """Nothing: the result has it."""
        return ()


class Items:
    """Shows each item of a list once, as soon as it is complete and valid; those asked for again at the end."""

    def __init__(self, task: Task[Any], item: Target[Any]) -> None:
        self._wanted = Wanted(target=item, context=task.context, coerce=task.coerce)
        self._given: Counter[bytes] = Counter()
        self._live: Live | None = None
        self._read = 0

    def begin(self, ask: Ask) -> None:
        """Start afresh, where the whole is asked for."""
        self._live, self._read = None, 0
        if ask.scope is None:
            self._live = Live(ask.form.tool)
            self._view = View(self._live, None, ask.form.adapted.plan, ask.form.adapted.definitions)
            self._before = self._given.copy()  # a whole that comes again has them again

    def add(self, piece: Piece) -> Iterator[Any]:
        """The items that are complete now."""
        if self._live is None or not self._live.add(piece):
            return
        for data in complete_items(self._view, self._read):
            self._read += 1
            if data is UNKNOWN:
                continue  # it is asked for again, after the rest
            reading = held(data, self._wanted, text=to_json(data).decode())
            if reading.errors:
                continue  # likewise
            if self._before[written := to_json(reading.data)]:
                self._before[written] -= 1
                continue
            self._given[written] += 1
            yield reading.value

    def end(self, result: Extraction[Any]) -> Iterator[Any]:
        """The items that have not been shown."""
        last = result.attempts[-1].value
        if result.value is None or not isinstance(last, list):
            return
        for data, value in zip(last, result.value, strict=True):
            written = to_json(data)
            if self._given[written]:
                self._given[written] -= 1
            else:
                yield value


class _Result(Generic[T]):
    """What both streams share: the result, and that they can be gone through once."""

    def __init__(self, task: Task[Any], expires: float | None, shown: Shown[Any]) -> None:
        self._task = task
        self._expires = expires
        self._shown = shown
        self._begun = False
        self._result: Extraction[T] | None = None

    @property
    def result(self) -> Extraction[T]:
        """The `Extraction`, once the stream has been gone through to its end. Raises `CallerError` before."""
        if self._result is None:
            raise CallerError(
                "The stream has not come to its end.", hint="Iterate over it first; then ask for .result."
            )
        return self._result

    def _begin(self) -> None:
        if self._begun:
            raise CallerError("This stream has been gone through already.", hint="Make another one.")
        self._begun = True


class Stream(_Result[T], Generic[S, T]):
    """What is known so far, again and again, until the `result` is there. Nothing is sent before the iteration
    begins; breaking out of it closes the connection.
    """

    def __init__(self, task: Task[Any], expires: float | None, shown: Shown[S], sender: Sender) -> None:
        super().__init__(task, expires, shown)
        self._sender = sender

    def __iter__(self) -> Iterator[S]:
        """Go through it. Raises what `Extractor.run` does."""
        self._begin()
        flow, shown = extraction(self._task), self._shown
        reply: ChatReply | None = None
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | None = None
                shown.begin(ask)
                try:
                    with contextlib.closing(self._sender.stream(ask.request, self._expires)) as pieces:
                        for piece in pieces:
                            if isinstance(piece, ChatReply):
                                reply = piece
                            else:
                                yield from shown.add(piece)
                except EndpointError as error:
                    failed = error
                # Thrown in outside of the handler: what comes back need not be this error.
                ask = flow.send(reply) if failed is None and reply else flow.throw(failed or AssertionError())
        except StopIteration as done:
            self._result = done.value
        finally:
            flow.close()
        yield from shown.end(self.result)


class AsyncStream(_Result[T], Generic[S, T]):
    """`Stream` with `async for`."""

    def __init__(self, task: Task[Any], expires: float | None, shown: Shown[S], sender: AsyncSender) -> None:
        super().__init__(task, expires, shown)
        self._sender = sender

    async def __aiter__(self) -> AsyncIterator[S]:
        """Go through it. Raises what `AsyncExtractor.run` does."""
        self._begin()
        flow, shown = extraction(self._task), self._shown
        reply: ChatReply | None = None
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | None = None
                shown.begin(ask)
                try:
                    async with contextlib.aclosing(self._sender.stream(ask.request, self._expires)) as pieces:
                        async for piece in pieces:
                            if isinstance(piece, ChatReply):
                                reply = piece
                            else:
                                for each in shown.add(piece):
                                    yield each
                except EndpointError as error:
                    failed = error
                ask = flow.send(reply) if failed is None and reply else flow.throw(failed or AssertionError())
        except StopIteration as done:
            self._result = done.value
        finally:
            flow.close()
        for each in shown.end(self.result):
            yield each
