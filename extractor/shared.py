"""`extract` and `aextract`, and the extractors that all calls with the same endpoint share."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Hashable
from typing import Any, TypeVar, Unpack, overload

from extractor.chat.content import Document
from extractor.client import AsyncExtractor, Extractor
from extractor.endpoint.resolve import VARIABLES
from extractor.settings import OneCall

__all__ = ["aextract", "extract"]

T = TypeVar("T")


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


_lock = threading.Lock()
_extractors: dict[Hashable, Extractor] = {}
_loops: weakref.WeakKeyDictionary[Any, _LoopExtractors] = weakref.WeakKeyDictionary()


def _meant(model: str | None, base_url: str | None, api_key: str | None) -> Hashable:
    """All that decides which endpoint a call means, and the process: connections do not survive a fork."""
    return (os.getpid(), model, base_url, api_key, *map(os.environ.get, VARIABLES))


@overload
def extract(
    target: type[T],
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[OneCall],
) -> T: ...
@overload
def extract(
    target: Any,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[OneCall],
) -> Any: ...
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
    key = _meant(model, base_url, api_key)
    extractor = _extractors.get(key)
    if extractor is None:
        with _lock:
            extractor = _extractors.get(key) or Extractor(model, base_url=base_url, api_key=api_key)
            _extractors[key] = extractor
    return extractor.extract(target, document, **call)


@overload
async def aextract(
    target: type[T],
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[OneCall],
) -> T: ...
@overload
async def aextract(
    target: Any,
    document: Document | None = None,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    **call: Unpack[OneCall],
) -> Any: ...
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

    key = _meant(model, base_url, api_key)
    loop = asyncio.get_running_loop()
    mine = _loops.get(loop)
    if mine is None:
        mine = _loops[loop] = _LoopExtractors()
        await anext(mine.keeper)
    if key not in mine.extractors:
        mine.extractors[key] = AsyncExtractor(model, base_url=base_url, api_key=api_key)
    return await mine.extractors[key].extract(target, document, **call)


@atexit.register
def _close_shared() -> None:
    for extractor in _extractors.values():
        extractor.close()


def _after_fork() -> None:
    """Begin with a lock of our own: the parent's may have been held by a thread that is not in this process."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
