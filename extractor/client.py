"""`Extractor` and `AsyncExtractor`: thin drivers of the loop, and the public methods.

What both do before anything is sent (resolving the endpoint, checking the options, composing the
messages) is in `_Client`; they differ in how they send. The functions `extract` and `aextract` use
extractors that are shared by all calls with the same endpoint.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack, overload

import httpx

from extractor.chat.content import Document, Message
from extractor.chat.options import Options, checked
from extractor.chat.wire import Prefix
from extractor.endpoint.http import AsyncSender, Sender
from extractor.endpoint.presets import Address, resolve
from extractor.errors import CallerError, EndpointError, OptionError
from extractor.extraction import Extraction, Task, extraction
from extractor.prompt import Example, document_messages, stable_messages, with_one_system
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import Dialect, dialect_named
from extractor.schema.target import Target, target_of

__all__ = ["AsyncExtractor", "Call", "Defaults", "Extractor", "aextract", "extract"]

T = TypeVar("T")
SchemaDocument = Mapping[str, Any] | Path | str

DEFAULT_MAX_RETRIES = 2
DEFAULT_DEADLINE = 600.0
"""Seconds. A server that sends a byte now and then outlives every timeout; only this ends it."""


class Defaults(Options, total=False):
    """What `Extractor(…)` and each call take beside the request fields; a call's own wins."""

    instructions: str | None
    """Added to what the model is told to do."""
    examples: Sequence[Example]
    """Documents with their right values, shown to the model before the document."""
    max_retries: int
    """Re-asks after the first request because the reply did not conform. Default 2."""
    deadline: float | None
    """Seconds for the whole of it, all requests and waits. Default 600; None for no limit."""


class _OneCall(Defaults, total=False):
    messages: Sequence[Message] | None
    """Turns to send before the document, as on the wire; with them the document may be left out."""
    context: Any
    """pydantic's validation context."""


class Call(_OneCall, total=False):
    """The keywords of one call."""

    model: str
    """Another model of the same endpoint, its name sent as given."""


_OWN = frozenset({"model", "messages", "context", "instructions", "examples", "max_retries", "deadline"})
"""The keywords that are not request fields."""


class _Client:
    """What the sync and the async extractor share: everything but sending."""

    def __init__(
        self,
        model: str | None,
        base_url: str | None,
        api_key: str | None,
        dialect: str | Dialect | None,
        defaults: Mapping[str, Any],
    ) -> None:
        address = resolve(model, base_url, api_key, os.environ, local_installed=_local_installed())
        self._address = _started(address) if address.local else address
        self._dialect = dialect_named(dialect if dialect is not None else address.dialect)
        self._defaults = dict(defaults)
        self._adapted: dict[Target[Any], Adapted] = {}
        self._prefixes: dict[Hashable, tuple[Adapted, Prefix]] = {}
        self._closed = False
        self._settings({})  # a wrong default is an error here, not in the first call

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r}, base_url={self.base_url!r})"

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._address.model

    @property
    def base_url(self) -> str:
        """The address that is asked."""
        return self._address.base_url

    def _settings(self, call: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The call's settings over the defaults: what goes on the wire, checked, and what does not."""
        both = {**self._defaults, **call}
        own = {key: both.pop(key) for key in _OWN & both.keys()}
        retries = own.setdefault("max_retries", DEFAULT_MAX_RETRIES)
        if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
            raise OptionError("max_retries must be a whole number, 0 or more.", option="max_retries")
        deadline = own.setdefault("deadline", DEFAULT_DEADLINE)
        if deadline is not None and not deadline > 0:
            raise OptionError("deadline must be a number of seconds, more than 0.", option="deadline")
        fields = checked(both)
        if "extra_body" in fields and not self._address.extra_body:
            raise OptionError(
                "extra_body is a field of the Gemini family's requests; this endpoint has none.",
                option="extra_body",
                hint="Top-level fields that only your endpoint knows go into extra_fields=.",
            )
        return fields, own

    def _task(
        self, target: Target[T], document: Document | None, call: Mapping[str, Any]
    ) -> tuple[Task[T], float | None]:
        if self._closed:
            raise CallerError(
                "This extractor is closed.", hint="Make a new one, or use it inside its with block."
            )
        fields, own = self._settings(call)
        adapted, prefix = self._prefix(target, fields, own)
        tail = document_messages(document, own.get("messages"))
        if own.get("messages"):
            prefix = Prefix(fields=prefix.fields, messages=())
            tail = with_one_system(self._stable(adapted, own), tail)
        task = Task(
            target=target,
            adapted=adapted,
            prefix=prefix,
            messages=tail,
            max_retries=own["max_retries"],
            context=own.get("context"),
        )
        expires = None if own["deadline"] is None else time.monotonic() + own["deadline"]
        return task, expires

    def _prefix(
        self, target: Target[Any], fields: dict[str, Any], own: Mapping[str, Any]
    ) -> tuple[Adapted, Prefix]:
        """The adapted schema and the encoded beginning of the body: made once for each setting."""
        key = _hashable(target, fields, own)
        if key is not None and key in self._prefixes:
            return self._prefixes[key]
        adapted = self._adapt(target)
        extra = fields.pop("extra_fields", {})
        body = {"model": own.get("model") or self.model, "response_format": adapted.response_format}
        prefix = Prefix(fields={**body, **fields, **extra}, messages=self._stable(adapted, own))
        if key is not None:
            if len(self._prefixes) >= 256:  # bounded, for callers with a new target in every call
                self._prefixes.clear()
            self._prefixes[key] = (adapted, prefix)
        return adapted, prefix

    def _adapt(self, target: Target[Any]) -> Adapted:
        if target not in self._adapted:
            if len(self._adapted) >= 256:
                self._adapted.clear()
            self._adapted[target] = adapt(target.schema, self._dialect, name=target.name)
        return self._adapted[target]

    def _stable(self, adapted: Adapted, own: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        return stable_messages(
            adapted, instructions=own.get("instructions"), examples=own.get("examples") or ()
        )


def _hashable(target: Target[Any], fields: Mapping[str, Any], own: Mapping[str, Any]) -> Hashable | None:
    settings = (own.get("model"), own.get("instructions"), own.get("examples") or None)
    key = (target, *settings, *sorted(fields.items()))
    try:
        hash(key)
    except TypeError:
        return None
    return key


@functools.cache
def _local_installed() -> bool:
    from extractor import local

    return local.installed()


def _started(address: Address) -> Address:
    """The address of the embedded endpoint, running."""
    from dataclasses import replace

    from extractor import local

    endpoint = local.start(address.model)
    return replace(address, base_url=endpoint.base_url, model=endpoint.model, api_key=endpoint.api_key)


def _value_of(done: StopIteration) -> Extraction[Any]:
    result: Extraction[Any] = done.value
    return result


class Extractor(_Client):
    """Extracts validated records from documents, over one endpoint.

    `model` is `PROVIDER/MODEL`, or any name with `base_url` (which includes its `/v1`). Without either,
    the environment decides: `EXTRACTOR_MODEL`, `EXTRACTOR_BASE_URL`, `EXTRACTOR_API_KEY`; then the first
    provider whose key variable is set; then the embedded model. `timeout` is httpx's, `http_client` a
    client of your own (left open), `headers` are sent with every request, `dialect` says what schemas the
    endpoint takes. All else is the default for the calls. Thread-safe; close it, or use it in `with`.

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
        **defaults: Unpack[Defaults],
    ) -> None:
        super().__init__(model, base_url, api_key, dialect, defaults)
        self._sender = Sender(self._address, client=http_client, timeout=timeout, headers=headers)

    @overload
    def extract(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> T: ...
    @overload
    def extract(
        self, target: SchemaDocument, document: Document | None = None, **call: Unpack[Call]
    ) -> Any: ...
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `run(…).value`."""
        return self.run(target, document, **call).value

    @overload
    def run(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> Extraction[T]: ...
    @overload
    def run(
        self, target: SchemaDocument, document: Document | None = None, **call: Unpack[Call]
    ) -> Extraction[Any]: ...
    def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]:
        """Extract `target` (a type, a JSON Schema, its path, or the name of a ready one) from a document.

        Raises `CallerError` before anything is sent, `EndpointError` where no reply comes, and
        `ExtractionFailed` where none conforms within `max_retries`.
        """
        task, expires = self._task(target_of(target), document, call)
        flow = extraction(task)
        try:
            request = next(flow)
            while True:
                try:
                    reply = self._sender.send(request, expires)
                except EndpointError as error:
                    flow.throw(error)  # it comes back with the attempts before it
                    raise
                request = flow.send(reply)
        except StopIteration as done:
            return _value_of(done)
        finally:
            flow.close()

    def close(self) -> None:
        """Close the connections. The extractor cannot be used afterwards."""
        self._closed = True
        self._sender.close()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class AsyncExtractor(_Client):
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
        **defaults: Unpack[Defaults],
    ) -> None:
        super().__init__(model, base_url, api_key, dialect, defaults)
        self._sender = AsyncSender(self._address, client=http_client, timeout=timeout, headers=headers)

    @overload
    async def extract(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> T: ...
    @overload
    async def extract(
        self, target: SchemaDocument, document: Document | None = None, **call: Unpack[Call]
    ) -> Any: ...
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `(await run(…)).value`."""
        return (await self.run(target, document, **call)).value

    @overload
    async def run(
        self, target: type[T], document: Document | None = None, **call: Unpack[Call]
    ) -> Extraction[T]: ...
    @overload
    async def run(
        self, target: SchemaDocument, document: Document | None = None, **call: Unpack[Call]
    ) -> Extraction[Any]: ...
    async def run(
        self, target: Any, document: Document | None = None, **call: Unpack[Call]
    ) -> Extraction[Any]:
        """See `Extractor.run`."""
        task, expires = self._task(target_of(target), document, call)
        flow = extraction(task)
        try:
            request = next(flow)
            while True:
                try:
                    reply = await self._sender.send(request, expires)
                except EndpointError as error:
                    flow.throw(error)
                    raise
                request = flow.send(reply)
        except StopIteration as done:
            return _value_of(done)
        finally:
            flow.close()

    async def aclose(self) -> None:
        """Close the connections. The extractor cannot be used afterwards."""
        self._closed = True
        await self._sender.close()

    async def __aenter__(self) -> AsyncExtractor:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


# ------------------------------------------------------------------- the functions, and what they share

_lock = threading.Lock()
_shared: dict[tuple[int, Address], Extractor] = {}


class _LoopExtractors:
    """The async extractors of one event loop. They are closed when `asyncio.run` closes the loop: it then
    ends every async generator that was started in it, and `keeper` is one."""

    def __init__(self) -> None:
        self.by_address: dict[Address, AsyncExtractor] = {}
        self.keeper: AsyncGenerator[None, None] = self._keep()

    async def _keep(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            while self.by_address:
                await self.by_address.popitem()[1].aclose()


_shared_async: weakref.WeakKeyDictionary[Any, _LoopExtractors] = weakref.WeakKeyDictionary()


def _address(model: str | None, base_url: str | None, api_key: str | None) -> Address:
    return resolve(model, base_url, api_key, os.environ, local_installed=_local_installed())


@overload
def extract(
    target: type[T],
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[_OneCall],
) -> T: ...
@overload
def extract(
    target: SchemaDocument,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[_OneCall],
) -> Any: ...
def extract(
    target: Any,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[_OneCall],
) -> Any:
    """A validated `target` from a document. See `Extractor` for the endpoint and `Extractor.run` for the rest.

    Calls with the same endpoint share its connections.
    """
    key = (os.getpid(), _address(model, base_url, api_key))  # connections do not survive a fork
    extractor = _shared.get(key)
    if extractor is None:
        with _lock:
            extractor = _shared.get(key) or Extractor(model, base_url=base_url, api_key=api_key)
            _shared[key] = extractor
    return extractor.extract(target, document, **call)


@overload
async def aextract(
    target: type[T],
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[_OneCall],
) -> T: ...
@overload
async def aextract(
    target: SchemaDocument,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[_OneCall],
) -> Any: ...
async def aextract(
    target: Any,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[_OneCall],
) -> Any:
    """`extract` with `await`, under asyncio. Calls in one event loop share the connections."""
    import asyncio

    address = _address(model, base_url, api_key)
    loop = asyncio.get_running_loop()
    mine = _shared_async.get(loop)
    if mine is None:
        mine = _shared_async[loop] = _LoopExtractors()
        await anext(mine.keeper)
    if address not in mine.by_address:
        mine.by_address[address] = AsyncExtractor(model, base_url=base_url, api_key=api_key)
    return await mine.by_address[address].extract(target, document, **call)


@atexit.register
def _close_shared() -> None:
    for extractor in _shared.values():
        extractor.close()
