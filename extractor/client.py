"""`Extractor`, which drives the loop and waits for each reply; and `extract`, over extractors that calls share."""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import httpx

from extractor.base_client import BaseClient, opened
from extractor.chat.content import Document
from extractor.endpoint.http import Sender
from extractor.endpoint.resolve import VARIABLES, Address
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
    from extractor.several.mapping import Results
    from extractor.several.pieces import Piece, Plan
    from extractor.streams import Stream

__all__ = ["Extractor", "extract", "shared_key"]

T = TypeVar("T")


class Extractor(BaseClient):
    """Extracts validated records from documents, over one endpoint.

    `model` is `PROVIDER/MODEL`, or any name with `base_url` (which includes its `/v1`). Without either,
    the environment decides: `EXTRACTOR_MODEL`, `EXTRACTOR_BASE_URL`, `EXTRACTOR_API_KEY`; then the first
    provider whose key variable is set; then the embedded model. `timeout` is httpx's, `http_client` a
    client of your own (left open), `headers` are sent with every request, `dialect` says what schemas the
    endpoint takes, `limits` how much of it may be asked. All else is the default for the calls. Thread-safe; close it,
    or use it in `with`.

    Raises `ConfigurationError` and `OptionError`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        http_client: httpx.Client | None = None,
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

    def _new_sender(self, address: Address, reach: Reach) -> Sender:
        return Sender(address, client=reach.client, timeout=reach.timeout, headers=reach.headers, limits=reach.limits)

    @overload
    def extract(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> T: ...
    @overload
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any: ...
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `run(…).value`. Raises `FieldsAbsent` too, where required fields are absent."""
        wanted = target_of(target)
        return whole(self.run(wanted, document, **call), wanted)

    @overload
    def run(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> Extraction[T]: ...
    @overload
    def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]: ...
    def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]:
        """Extract `target` (a type, a JSON Schema, its path, or the name of a ready one) from a document.

        Raises `CallerError` before anything is sent, `EndpointError` where no reply comes, and
        `ExtractionFailed` where none conforms within `max_retries`.
        """
        wanted, document = target_of(target), opened(document)
        settings, started = self._settings_of(call), time.monotonic()
        plan = self._plan(wanted, document, settings, call)
        try:
            return self._run(wanted, document, settings, call) if plan is None else self._driven(plan)
        except RequestTooLarge as error:
            refused = error
        return self._driven(self._shorter(wanted, document, settings, call, refused, started))

    def _driven(self, plan: Plan[T]) -> Extraction[T]:
        from extractor.several.driving import by_threads

        return by_threads(plan, self._extracted)

    def _run(
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
                    reply = senders[errand.endpoint].send(ask.request, errand)
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
    ) -> Stream[Partial[T], T]: ...
    @overload
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]: ...
    def stream(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]:
        """What is known so far, as the reply arrives: a `Partial` after every piece of it that adds something.

        At the end `.result` is the `Extraction`, validated as any other. Nothing is sent before the iteration
        begins; breaking out of it closes the connection. Takes and raises what `run` does.
        """
        from extractor.streams import Partials, Stream

        begun = self._begun_stream(target_of(target), document, call)
        return Stream(begun, Partials(begun.task))

    @overload
    def stream_items(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> Stream[T, list[T]]: ...
    @overload
    def stream_items(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]: ...
    def stream_items(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Stream[Any, Any]:
        """All there are of `target` in a document, each as soon as it is complete, and validated.

        One that is not valid is asked for again by itself, and comes at the end. `.result.value` is then the whole
        list in its order. Otherwise as `stream`.
        """
        from extractor.streams import Items, Stream

        item = target_of(target)
        begun = self._begun_stream(list_of(item), document, call)
        return Stream(begun, Items(begun.task, item))

    @overload
    def map(self, target: type[T], documents: Iterable[Document | Input], **call: Unpack[MapCall]) -> Results[T]: ...
    @overload
    def map(self, target: Any, documents: Iterable[Document | Input], **call: Unpack[MapCall]) -> Results[Any]: ...
    def map(
        self,
        target: Any,
        documents: Iterable[Document | Input],
        *,
        job: Job | str | os.PathLike[str] | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
        as_: As = "text",
        evidence: bool = False,
        **call: Unpack[Call],
    ) -> Results[Any]:
        """Extract from many documents, side by side: a `DocumentResult` for each as it completes, or in their order.

        They are taken from `documents` when one can begin: as many are under way as the endpoint takes, at most
        `concurrency`. One that fails is a result with an `error`, and the others go on; an error that all would fail
        with (a wrong key, an empty account, a budget that is spent, an endpoint that is gone) is raised after the
        results of what was under way. Files are read as `as_` says. With a `job`, a file, everything is kept there:
        the same call again goes on where it was, and gives what was finished before from the file; with `evidence`,
        what is known of the fields is worked out at once, else when it is wanted.

        Use it in `with`, or go to its end. Takes what `run` does; an `idempotency_key` gets the number of the document.
        Raises `CallerError`, `JobError` among them.
        """
        from extractor.several.mapping import Results

        shared = self._shared(call)
        feed = self._feed(target_of(target), documents, job, as_, shared, concurrency, evidence)
        room = functools.partial(self._room, shared["share"])
        return Results(feed, self._extracted, room=room, ordered=ordered, concurrency=concurrency)

    def _extracted(self, step: Extract | Piece) -> Extraction[Any]:
        return self.run(step.target, step.document, **step.call)

    def close(self) -> None:
        """Close the connections. The extractor cannot be used afterwards."""
        for sender in self._ended():
            sender.close()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


_lock = threading.Lock()
_shared: dict[Hashable, Extractor] = {}


def shared_key(model: str | None, base_url: str | None, api_key: str | None) -> Hashable:
    """All that decides which endpoint a call means, and the process: connections do not survive a fork."""
    return (os.getpid(), model, base_url, api_key, *map(os.environ.get, VARIABLES))


@overload
def extract(target: type[T], document: Document | None = None, **call: Unpack[SharedCall]) -> T: ...
@overload
def extract(target: Any, document: Document | None = None, **call: Unpack[SharedCall]) -> Any: ...
def extract(
    target: Any,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[OneCall],
) -> Any:
    """A validated `target` from a document. See `Extractor` for the endpoint and `Extractor.run` for the rest.

    Calls with the same endpoint share its connections.
    """
    key = shared_key(model, base_url, api_key)
    extractor = _shared.get(key)
    if extractor is None:
        with _lock:
            extractor = _shared.get(key) or Extractor(model, base_url=base_url, api_key=api_key)
            _shared[key] = extractor
    return extractor.extract(target, document, **call)


@atexit.register
def _close_shared() -> None:
    for extractor in _shared.values():
        extractor.close()


def _after_fork() -> None:
    """Begin with a lock of our own: the parent's may have been held by a thread that is not in this process."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
