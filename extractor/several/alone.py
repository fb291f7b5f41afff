"""The documents of a `map`: without a job, each is opened where it is a file, and extracted (`documents_of`).

Those of an async iterable are drawn one ahead (`Drawn`), since a feed takes them without waiting.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from extractor.chat.content import Audio, File, Image
from extractor.documents.loaded import Input, Loaded
from extractor.errors import DocumentError, ExtractorError, OptionError
from extractor.result import DocumentResult
from extractor.schema.target import Target
from extractor.several.feed import Do, Extract, Work
from extractor.several.line import ends_all

__all__ = ["Drawn", "check_documents", "check_given", "documents_of", "name_of"]

T = TypeVar("T")

_ONE = (str, bytes, os.PathLike, Mapping, Image, Audio, File, Loaded, Input)


def check_documents(documents: Any) -> None:
    """Raise `OptionError` for what is one document, or nothing that can be gone through."""
    if isinstance(documents, _ONE) or not isinstance(documents, (Iterable, AsyncIterable)):
        raise OptionError(
            f"documents is one {type(documents).__name__}.",
            option="documents",
            hint="Give an iterable of documents, a list say: for one alone there is run.",
        )


def name_of(number: int, document: Any) -> str:
    """What a document is called: its own name, the path of its file, or else its number."""
    if isinstance(document, (Input, Loaded)):
        return document.name
    return os.fspath(document) if isinstance(document, os.PathLike) else str(number)


def check_given(document: Any) -> None:
    """Raise `DocumentError` for an `Input` that says what is wrong with it."""
    if isinstance(document, Input) and document.error:
        raise DocumentError(document.error, hint="Correct that row of the table.")


def documents_of(
    documents: Iterable[Any],
    target: Target[T],
    call: Mapping[str, Any],
    opened: Callable[[Path], Loaded],
    ended: Callable[[], object] = lambda: None,
) -> _Documents[T]:
    """A `Feed` of these: each is a document, the path of a file, a `Loaded` or an `Input`.

    `call` are the settings of each; an `idempotency_key` gets the number of the document. `opened` reads a file, in a
    thread; `ended` is called when no more is asked. Raises `OptionError`.
    """
    check_documents(documents)
    return _Documents(documents, target, call, opened, ended)


class Drawn(Iterator[Any]):
    """The documents of an async iterable for a `Feed`, which takes one after the other without waiting.

    A task draws one ahead, once it `waits`. Give it to the feed, and to `AsyncResults`.
    """

    def __init__(self, documents: AsyncIterable[Any]) -> None:
        self._documents = documents
        self._items: deque[Any] = deque()
        self._wanted: Callable[[], object] | None = None
        self._error: Exception | None = None
        self._over = False

    def __next__(self) -> Any:
        if self._items:
            return self._items.popleft()
        if self._error is not None:
            raise self._error
        if self._over:
            raise StopIteration
        raise RuntimeError("One document was drawn, and two are taken.")

    def waits(self) -> bool:
        """Whether the next one is still to come: it is drawn then."""
        if self._items or self._over:
            return False
        if self._wanted is not None:
            self._wanted()
        return True

    async def draw(self, drawn: Callable[[], object]) -> None:
        """Draw each when it is wanted, and say so."""
        import anyio  # those who have no async iterable need not load it

        iterator = aiter(self._documents)
        while not self._over:
            wanted = anyio.Event()
            try:
                self._items.append(await anext(iterator))
                self._wanted = wanted.set
            except StopAsyncIteration:
                self._over = True
            except Exception as error:  # noqa: BLE001  # it is raised where the caller iterates
                self._over, self._error = True, error
            drawn()
            if not self._over:
                await wanted.wait()


class _Documents(Generic[T]):
    def __init__(
        self,
        documents: Iterable[Any],
        target: Target[T],
        call: Mapping[str, Any],
        opened: Callable[[Path], Loaded],
        ended: Callable[[], object],
    ) -> None:
        self._documents = documents
        self._target = target
        self._call = call
        self._opened = opened
        self._ended: Callable[[], object] | None = ended

    def works(self) -> Iterator[Work[T]]:
        """Work on one document after the other."""
        # No generator of ours: what is raised in the caller's, Ctrl-C say, would end it for good.
        return map(self._work, self._documents, itertools.count())

    def close(self) -> None:
        """No more is asked of it."""
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()

    def _work(self, given: Any, number: int) -> Work[T]:
        """The work on one document. Raises what every other would fail with."""
        name = name_of(number, given)
        made: Callable[..., DocumentResult[T]] = functools.partial(
            DocumentResult, number=number, name=name, document=given
        )
        document = given.document if isinstance(given, Input) else given
        key = self._call.get("idempotency_key")
        call = {**self._call, "idempotency_key": f"{key}-{number}"} if key else self._call
        try:
            check_given(given)
            if isinstance(document, os.PathLike):
                document = yield Do(call=functools.partial(self._opened, Path(document)))
            if isinstance(document, Loaded):
                document = document.content
            return made(result=(yield Extract(target=self._target, document=document, call=call)))
        except ExtractorError as error:
            if ends_all(error):
                raise
            return made(error=error.with_traceback(None))  # it would hold all that was in memory then
