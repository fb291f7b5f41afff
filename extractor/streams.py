"""Streams: what is known so far while a reply is being written, and the same `Extraction` at the end.

What is shown (`Partials`, `Items`) has no I/O; `Stream` and `AsyncStream` only drive the loop, as the extractors do.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic_core import to_json

from extractor.chat.sse import Piece
from extractor.chat.wire import ChatReply
from extractor.errors import BudgetExceeded, CallerError, EndpointError, TargetFailed
from extractor.loop.task import Ask, Task
from extractor.reply.live import Live
from extractor.reply.node import CONTAINERS, Node
from extractor.reply.partial import UNKNOWN
from extractor.reply.reading import Wanted, read
from extractor.reply.view import View
from extractor.result import Extraction
from extractor.schema.nodes import PREFIX
from extractor.schema.plans import Plans, Wrapped
from extractor.schema.target import Target, TypeTarget

if TYPE_CHECKING:
    from extractor.base_client import Begun

__all__ = ["AsyncStream", "Items", "Partials", "Stream"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")


class Shown(Protocol[S_co]):
    """What a stream shows of the replies as they arrive. It is `final` where it is not shown again, or otherwise."""

    final: bool

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

    final = False

    def __init__(self, task: Task[Any]) -> None:
        self._wanted = task.target.wanted if isinstance(task.target, TypeTarget) else None
        self._context = task.context
        self._live: Live | None = None

    def begin(self, ask: Ask) -> None:
        """Start afresh, where the whole is asked for."""
        self._live = None
        if ask.scope is None:
            self._adapted = ask.form.adapted
            self._watch(Live(ask.form.tool))

    def _watch(self, live: Live) -> None:
        self._live = live
        self._view = View(live, self._wanted, self._adapted.plan, self._adapted.definitions, self._context)

    def add(self, piece: Piece) -> Iterable[Any]:
        """What is known now, if that is more than before."""
        if self._live is None or not self._live.add(piece):
            return ()
        if not self._live.settled and not self._found(self._live):
            return ()
        known = self._view.now()
        return () if known is UNKNOWN else (known,)

    def _found(self, live: Live) -> bool:
        """Whether what has begun may be what is wanted. It is for sure once something is known of it."""
        root = live.read()
        while (following := live.following()) is not None:
            self._watch(live := following)
            root = live.read()
        fits = root is not None and _may_be(root, self._adapted.schema, self._adapted.definitions)
        live.settled = root is not None and fits and bool(root.children)
        return fits

    def end(self, result: Extraction[Any]) -> Iterable[Any]:
        """Nothing: the result has it."""
        return ()


def _may_be(root: Node, schema: Mapping[str, Any], definitions: Plans) -> bool:
    """Whether what has begun is of the kind that a wire schema has; of a list, its first item too."""
    kinds = _kinds(schema, definitions)
    if kinds and root.kind not in kinds:
        return False
    if root.kind != "array" or not root.children:
        return True
    kinds = _kinds(schema.get("items"), definitions)
    # Scalars may come to be one another.
    return not kinds or root.children[0].kind in kinds or not kinds.issubset(CONTAINERS)


def _kinds(schema: Any, definitions: Plans) -> frozenset[str]:
    """The types that a wire schema names; none where it does not say."""
    if isinstance(schema, dict) and "$ref" in schema:
        schema = definitions.get(schema["$ref"].removeprefix(PREFIX), (None,))[0]
    said = schema.get("type", ()) if isinstance(schema, dict) else ()
    return frozenset((said,) if isinstance(said, str) else said)


class Items:
    """Shows each item of a list once, as soon as it is complete and valid; those asked for again at the end."""

    final = True

    def __init__(self, task: Task[Any], item: Target[Any]) -> None:
        self._task = task
        self._given: Counter[bytes] = Counter()
        self._live: Live | None = None

    def begin(self, ask: Ask) -> None:
        """Start afresh, where the whole is asked for."""
        self._live, self._read = None, 0
        if ask.scope is None:
            task, adapted = self._task, ask.form.adapted
            self._live = Live(ask.form.tool)
            self._wanted = Wanted(target=task.target, adapted=adapted, context=task.context, coerce=task.coerce)
            self._key = "value" if isinstance(adapted.plan, Wrapped) else ""
            self._before = self._given.copy()  # a whole that comes again has them again

    def add(self, piece: Piece) -> Iterator[Any]:
        """The items that are complete now."""
        live = self._live
        if live is None or not live.add(piece):
            return
        yield from self._complete(live)
        while (following := live.following()) is not None:
            self._live = live = following
            self._read = 0
            yield from self._complete(live)

    def _complete(self, live: Live) -> Iterator[Any]:
        whole = _listed(live.read(), self._key)
        if whole is None:
            return
        items = whole.children
        if whole.end >= 0 and not items:
            live.settled = True  # it is empty
        while self._read < len(items) and items[self._read].end >= 0:
            item = items[self._read]
            self._read += 1
            found = self._reading(live.text(item.start, item.end))
            if found is None:
                continue  # it is asked for again, after the rest
            live.settled = True
            written, value = found
            if self._before[written]:
                self._before[written] -= 1
                continue
            self._given[written] += 1
            yield value

    def _reading(self, text: str) -> tuple[bytes, Any] | None:
        """An item as the whole will have it, read as the only one of a list: as JSON, and its value. None where it
        is not valid.
        """
        try:
            reading = read(f'{{"{self._key}": [{text}]}}' if self._key else f"[{text}]", self._wanted)
        except TargetFailed:  # the whole will fail so, too, and that error has the attempts
            return None
        if reading.errors or reading.value is None or len(reading.value) != 1:
            return None
        return to_json(reading.data[0]), reading.value[0]

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


def _listed(root: Node | None, key: str) -> Node | None:
    """The list that is asked for: what stands under the `key` that the wire has around it, or the whole."""
    if root is not None and key:
        first = root.children[0] if root.kind == "object" and root.children else None
        root = first if first is not None and first.key == key else None
    return root if root is not None and root.kind == "array" else None


class _Result(Generic[T]):
    """What both streams share: the result, and that they can be gone through once."""

    def __init__(self, begun: Begun[Any], shown: Shown[Any]) -> None:
        self._flow = begun.flow
        self._errand = begun.errand
        self._senders = begun.senders
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

    def __iter__(self) -> Iterator[S]:
        """Go through it. Raises what `Extractor.run` does."""
        self._begin()
        flow, errand, shown = self._flow, self._errand, self._shown
        reply: ChatReply | None = None
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | BudgetExceeded | None = None
                shown.begin(ask)
                try:
                    with contextlib.closing(self._senders[errand.endpoint].stream(ask.request, errand)) as pieces:
                        for piece in pieces:
                            if isinstance(piece, ChatReply):
                                reply = piece
                            else:
                                for each in shown.add(piece):
                                    errand.shown = shown.final
                                    yield each
                except (EndpointError, BudgetExceeded) as error:
                    failed = error
                # Thrown in outside of the handler: what comes back need not be this error.
                if failed is not None:
                    ask = flow.throw(failed)
                else:
                    assert reply is not None  # noqa: S101  # the last of the pieces
                    ask = flow.send(reply)
        except StopIteration as done:
            self._result = done.value
        finally:
            flow.close()
        yield from shown.end(self.result)


class AsyncStream(_Result[T], Generic[S, T]):
    """`Stream` with `async for`."""

    async def __aiter__(self) -> AsyncIterator[S]:
        """Go through it. Raises what `AsyncExtractor.run` does."""
        self._begin()
        flow, errand, shown = self._flow, self._errand, self._shown
        reply: ChatReply | None = None
        try:
            ask = next(flow)
            while True:
                failed: EndpointError | BudgetExceeded | None = None
                shown.begin(ask)
                try:
                    async with contextlib.aclosing(
                        self._senders[errand.endpoint].stream(ask.request, errand)
                    ) as pieces:
                        async for piece in pieces:
                            if isinstance(piece, ChatReply):
                                reply = piece
                            else:
                                for each in shown.add(piece):
                                    errand.shown = shown.final
                                    yield each
                except (EndpointError, BudgetExceeded) as error:
                    failed = error
                if failed is not None:
                    ask = flow.throw(failed)
                else:
                    assert reply is not None  # noqa: S101  # the last of the pieces
                    ask = flow.send(reply)
        except StopIteration as done:
            self._result = done.value
        finally:
            flow.close()
        for each in shown.end(self.result):
            yield each
