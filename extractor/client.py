"""`Extractor` and `AsyncExtractor`: thin drivers of the loop, and the public methods.

What both do before anything is sent (resolving the endpoint, checking the settings, composing the request)
is in `_Client`; they differ in how they send.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, Unpack, overload

import httpx

from extractor.chat.content import Document, user_turn
from extractor.chat.wire import Prefix
from extractor.endpoint.http import AsyncSender, Sender
from extractor.endpoint.resolve import Address, resolve
from extractor.errors import CallerError, EndpointError, OptionError
from extractor.extraction import Extraction, Task, extraction
from extractor.prompt import Prompt, conversation, prompt
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import Dialect, dialect_named
from extractor.schema.target import Target, target_of
from extractor.settings import Call, Defaults, Settings

__all__ = ["AsyncExtractor", "Extractor"]

T = TypeVar("T")

CACHED = 256  # targets and settings kept: bounded, for callers with a new target in every call


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
        # Lists are copied: what the caller does with them later changes nothing here.
        self._defaults = {name: list(it) if isinstance(it, list) else it for name, it in defaults.items()}
        self._settings = self._checked({})  # a wrong default is an error here, not in the first call
        self._made: dict[Hashable, _Ready] = {}
        self._closed = False

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

    def _checked(self, call: Mapping[str, Any]) -> Settings:
        settings = Settings.of(self._defaults, call)
        if "extra_body" in settings.fields and not self._address.extra_body:
            raise OptionError(
                "extra_body is a field of the Gemini family's requests; this endpoint has none.",
                option="extra_body",
                hint="Top-level fields that only your endpoint knows go into extra_fields=.",
            )
        return settings

    def _task(
        self, target: Target[T], document: Document | None, call: Mapping[str, Any]
    ) -> tuple[Task[T], float | None]:
        """What is to be done, and until when by the monotonic clock. Raises `CallerError`."""
        if self._closed:
            raise CallerError("This extractor is closed.", hint="Make a new one, or use it inside its with block.")
        settings = self._checked(call) if call else self._settings
        ready = self._ready(target, settings)
        if settings.messages is None and document is not None:
            prefix = ready.prefix
            tail: tuple[dict[str, Any], ...] = (_turn(document, ready.prompt.lead),)
        else:
            prefix = _prefix(ready.prefix.fields, ())
            tail = conversation(ready.prompt, settings.messages, document)
        task = Task(
            target=target,
            adapted=ready.adapted,
            prefix=prefix,
            messages=tail,
            max_retries=settings.max_retries,
            context=settings.context,
        )
        return task, None if settings.deadline is None else time.monotonic() + settings.deadline

    def _ready(self, target: Target[Any], settings: Settings) -> _Ready:
        """All that does not depend on the document: made once for each target and setting."""
        setting = "default" if settings is self._settings else settings.key()
        known = None if setting is None else self._made.get((target, setting))
        if known is not None:
            return known
        adapted = adapt(target.schema, self._dialect, name=target.name)
        shared = prompt(
            adapted,
            instructions=settings.instructions,
            examples=settings.examples,
            outlined=True if settings.own_format else None,
            demonstrate=self._address.demonstrate and settings.messages is None,
        )
        fields = {
            "model": settings.model or self.model,
            "response_format": adapted.response_format,
            **settings.fields,
            **settings.extra_fields,
        }
        made = _Ready(adapted=adapted, prompt=shared, prefix=_prefix(fields, shared.messages))
        if setting is not None:
            if len(self._made) >= CACHED:
                self._made.clear()
            self._made[target, setting] = made
        return made


def _turn(document: Document, lead: str) -> dict[str, Any]:
    if isinstance(document, str) and document.strip():  # the usual case: nothing has to be made of it
        return {"role": "user", "content": lead + document}
    return user_turn(document, lead)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    """What a target and its settings give, whatever the document."""

    adapted: Adapted
    prompt: Prompt
    prefix: Prefix


def _prefix(fields: Mapping[str, Any], messages: tuple[Mapping[str, Any], ...]) -> Prefix:
    try:
        return Prefix(fields=fields, messages=messages)
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(
            f"The request cannot be written as JSON: {error}.", option="extra_fields", hint="Use plain data."
        ) from None


@functools.cache
def _local_installed() -> bool:
    from extractor import local

    return local.installed()


def _started(address: Address) -> Address:
    """The address of the embedded endpoint, running."""
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
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any: ...
    def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `run(…).value`."""
        return self.run(target, document, **call).value

    @overload
    def run(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> Extraction[T]: ...
    @overload
    def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]: ...
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
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any: ...
    async def extract(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Any:
        """The value alone: `(await run(…)).value`."""
        return (await self.run(target, document, **call)).value

    @overload
    async def run(self, target: type[T], document: Document | None = None, **call: Unpack[Call]) -> Extraction[T]: ...
    @overload
    async def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]: ...
    async def run(self, target: Any, document: Document | None = None, **call: Unpack[Call]) -> Extraction[Any]:
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
