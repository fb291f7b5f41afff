"""Where the documents of a `map` come from: work on each, as a generator without I/O, which a driver carries out.

A work yields steps (do this, extract that, wait for this) and is sent what came of them, or has the error of an
extraction thrown in; it ends with what became of its document. The same work is driven by threads and by tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from extractor.result import DocumentResult
from extractor.schema.target import Target

__all__ = ["Await", "Do", "Extract", "Feed", "Later", "Step", "Work"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Do:
    """Call this, which may take its time: read a file, say. What it gives is sent, what it raises is thrown in."""

    call: Callable[[], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Await:
    """Wait for this. Its result is sent, its error thrown in."""

    future: Future[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Extract:
    """Run this extraction: `call` are the settings. The `Extraction` is sent, an error thrown in."""

    target: Target[Any]
    document: Any = field(repr=False)
    call: Mapping[str, Any]


Step: TypeAlias = "Do | Await | Extract"
Work: TypeAlias = "Generator[Step, Any, DocumentResult[T] | None]"
"""The work on one document. None: somebody else is at it, and it will be offered again. It is closed (GeneratorExit)
where nobody waits for it any more."""


class Feed(Protocol[T]):
    """What a `map` works through."""

    def works(self) -> Iterator[Work[T] | None]:
        """Work on one document after the other; None where there is none for now, since others are at the rest: then
        it is asked again a little later. Nothing is done before a work is begun.
        """
        ...

    def close(self) -> None:
        """No more is asked of it. May be said twice."""
        ...


class Later(Generic[T]):
    """A feed that is `made` when it is first needed, which may take its time: a file is opened, say."""

    def __init__(self, made: Callable[[], Feed[T]]) -> None:
        self._made = made
        self._feed: Feed[T] | None = None

    def open(self) -> Feed[T]:
        """The feed itself."""
        if self._feed is None:
            self._feed = self._made()
        return self._feed

    def works(self) -> Iterator[Work[T] | None]:
        """See `Feed`."""
        return self.open().works()

    def close(self) -> None:
        """No more is asked of it."""
        if self._feed is not None:
            self._feed.close()
