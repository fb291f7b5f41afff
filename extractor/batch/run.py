"""A run of a job: the work on each of its documents goes through the file, as a generator without I/O.

    read and hash it → finished before           what the file has of it, restored; nothing is sent
                       begin: done or failed     the same, of what was not there under this name
                              held               somebody else is at it: it is offered again later
                              claimed            load it, extract, finish; then it is shown

What would fail with every other document too (a wrong key, an empty account …) is no failure of the document: that is
released, and the run goes on with it once the key is right.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from extractor.batch.contents import (
    Content,
    Item,
    content_of_file,
    glimpse_of_file,
    known_content,
    named_item,
    own_files,
)
from extractor.batch.finishes import UNANSWERED
from extractor.batch.record import Record, Run
from extractor.batch.restoring import failed, failure_of, finished, restored_document
from extractor.batch.store import Begun, Finished, Worker
from extractor.documents.loaded import As, Loaded, Names
from extractor.errors import DocumentDamaged, DocumentError, ExtractorError, JobError
from extractor.result import DocumentResult, Extraction
from extractor.schema.target import Target
from extractor.several.alone import check_documents, check_given
from extractor.several.feed import Await, Do, Extract, Step, Work
from extractor.several.line import ends_all

__all__ = ["JobFeed", "Loads", "name_of_none"]

T = TypeVar("T")

_Before = tuple[Record, "Future[None] | None"]

LONGEST = 10_000  # characters of something that is no document, by which it is known
ASIDE = 256  # documents that others hold, kept to be offered again
TOLD = 256  # inputs that are elsewhere than before, for one wait until that is written: else they would pile up
TRIES = 3  # of a file that is another one when it is loaded than it was when it was hashed


class Loads(Protocol):
    """Who loads files."""

    def load(self, path: Path, /, *, as_: As = "text") -> Loaded:
        """What is in a file. Raises `DocumentError`."""
        ...

    def close(self) -> None:
        """No more is loaded."""
        ...


class JobFeed(Generic[T]):
    """The documents of a run, one work after the other.

    `call` are the settings of each extraction, `context` is pydantic's of them; `loader` makes one when the first
    file is to be loaded. `run` is that of the worker: None where the file is elsewhere, and is not looked into before a
    document is begun. With `evidence`, what is known of the fields is worked out for the file, which takes most of the
    time of this process; else it is found out from the text when somebody wants it, but for what cannot be found out
    then. It `falls_back` to other endpoints. `ended` is called when no more is asked.

    Raises `OptionError` for what is no iterable of documents.
    """

    def __init__(
        self,
        worker: Worker,
        target: Target[T],
        documents: Iterable[Any],
        *,
        call: Mapping[str, Any],
        loader: Callable[[], Loads],
        context: Any = None,
        as_: As = "text",
        evidence: bool = False,
        ended: Callable[[], object] = lambda: None,
        run: Run | None = None,
        falls_back: bool = False,
    ) -> None:
        check_documents(documents)
        self._run = run
        self._falls_back = falls_back
        self._worker = worker
        self._target = target
        self._documents = documents
        self._call = call
        self._context = context
        self._as = as_
        self._evidence = evidence
        self._new_loader = loader
        self._loader: Loads | None = None
        self._ended: Callable[[], object] | None = ended
        self._lock = threading.Lock()
        self._aside: deque[Item] = deque()
        self._open: set[int] = set()  # of items that are offered and whose work has not ended: they may be put aside

    @property
    def run(self) -> Run:
        """The run that is gone on with. Raises `JobError` where the job is in another process."""
        if self._run is None:
            raise JobError("The run is known where the job is.")
        return self._run

    def works(self) -> Iterator[Work[T] | None]:
        """See `Feed`. What others hold is offered again, until they have finished it or are gone."""
        return _Works(self, iter(self._documents))

    def went_through(self) -> None:
        """There is nothing any more in the input, and nothing aside."""
        self._worker.went_through()

    def close(self) -> None:
        """Give back what is held. May be said twice."""
        with self._lock:
            ended, self._ended = self._ended, None
            loader, self._loader = self._loader, None
        if ended is None:
            return
        try:
            if loader is not None:
                loader.close()
            self._worker.close()
        finally:
            ended()

    def offered(self, item: Item) -> Work[T]:
        """The work on a document, not begun. May be said twice."""
        self._open.add(id(item))
        return self._work(item)

    @property
    def aside(self) -> deque[Item]:
        """What others hold."""
        return self._aside

    @property
    def is_open(self) -> bool:
        """Whether anything is aside, or may come to be."""
        return bool(self._open or self._aside)

    # ------------------------------------------------------------------------------- the work on one

    def _work(self, item: Item) -> Work[T]:
        try:
            result = yield from self._through(item)
            if result is None:
                self._aside.append(item)
            return result
        finally:
            self._open.discard(id(item))

    def _through(self, item: Item) -> Work[T]:
        try:
            check_given(item.given)
            if isinstance(item.document, os.PathLike):
                before = self._glimpsed(item)
                if before is None:
                    content, before = yield Do(call=partial(self._read, item))
            else:
                content = known_content(item.document)
                # By its content: the numbers of the next documents that somebody gives begin at 0, too.
                item.name = item.name or content.sha256[:16]
                before = self._before(item, content)
        except DocumentError as error:
            item.name = item.name or name_of_none(item.given)
            failure = failure_of(error)
            yield Await(
                future=self._worker.fail_unread(number=item.number, name=item.name, row=item.row, failure=failure)
            )
            return _failed(item, error)
        if before is not None:
            record, moved = before
            if moved is not None and item.number % TOLD == 0:
                yield Await(future=moved)
            return restored_document(self._target, record, item.given, self._context)
        return (yield from self._begun(item, content))

    def _glimpsed(self, item: Item) -> _Before | None:
        """The same of a file that looks as it did. At once, in an event loop too: to go to a thread takes longer."""
        seen = None if self._run is None or not item.name else glimpse_of_file(item)
        if seen is None:
            return None
        size, mtime = seen
        return self._worker.finished(number=item.number, name=item.name, row=item.row, size=size, mtime_ns=mtime)

    def _read(self, item: Item) -> tuple[Content, _Before | None]:
        """What is in a file, and what there is of it. Raises `DocumentError`."""
        content = content_of_file(item, self._worker.known_file, own_files(self._worker.path))
        return content, self._before(item, content)

    def _before(self, item: Item, content: Content) -> _Before | None:
        """What became of it where it is finished: most documents of a run that goes on are, and wait for nobody."""
        if self._run is None:
            return None
        return self._worker.finished(
            number=item.number,
            name=item.name,
            sha256=content.sha256,
            row=item.row,
            size=content.size,
            mtime_ns=content.mtime_ns,
            text=content.text,
        )

    def _begun(self, item: Item, content: Content) -> Work[T]:
        future = self._begin(item, content)
        try:
            begun: Begun = yield Await(future=future)
        except BaseException:  # nobody waits for it any more, but it may be begun all the same
            future.add_done_callback(partial(_given_back, self._worker))
            raise
        if begun.state == "held":
            return None
        if begun.record is not None:
            record = replace(begun.record, number=item.number, name=item.name)
            return restored_document(self._target, record, item.given, self._context)
        return (yield from self._claimed(item, content, begun))

    def _begin(self, item: Item, content: Content) -> Future[Begun]:
        return self._worker.begin(
            number=item.number,
            name=item.name,
            sha256=content.sha256,
            row=item.row,
            text=content.text,
            pages=content.pages,
            media_type=content.media_type,
            size=content.size,
            mtime_ns=content.mtime_ns,
        )

    def _claimed(self, item: Item, content: Content, begun: Begun) -> Work[T]:
        """The work on a document that is ours now. It is finished, or it is given back."""
        kept, started = False, time.perf_counter()
        try:
            try:
                if content.document is None:
                    content = yield Do(call=partial(self._loaded, item, content))
                result = yield from self._extracted(content, begun)
                kept_of = partial(finished, result, begun.attempt, evidence=self._evidence)
                # To find out where all values stand takes longer than the rest: not in an event loop.
                done: Finished = (yield Do(call=kept_of)) if self._evidence else kept_of()
                came = DocumentResult(number=item.number, name=item.name, document=item.given, result=result)
            except _Changed:
                return None
            except ExtractorError as error:
                if ends_all(error):
                    raise
                came = _failed(item, error)
                done = failed(error, begun.attempt, time.perf_counter() - started)
            if content.text is not None:
                done = replace(done, text=content.text, pages=content.pages, media_type=content.media_type)
            said: Record | None = yield Await(future=self._worker.finish(begun, done))
            kept = True
            return came if said is None else self._what_counts(item, content, said)
        finally:
            if not kept:
                self._worker.release(begun)

    def _what_counts(self, item: Item, content: Content, said: Record) -> DocumentResult[T]:
        """What a person had said of a document before it was asked for again: that counts, here as when it is read."""
        record = replace(said, number=item.number, name=item.name, text=content.text)
        return replace(restored_document(self._target, record, item.given, self._context), restored=False)

    def _extracted(self, content: Content, begun: Begun) -> Generator[Step, Any, Extraction[T]]:
        own = {
            "idempotency_key": f"{begun.key}-{content.sha256[:16]}-{begun.attempt}",
            "_journal": self._worker.journal(begun),
        }
        if begun.attempt > 1:
            own["cache"] = None  # it has what was said before
        call = {**self._call, **own}
        try:
            result: Extraction[T] = yield Extract(target=self._target, document=content.document, call=call)
        except ExtractorError as error:
            raise self._unasked(getattr(error, "failures", ())) or error from None
        unasked = self._unasked((*(each.error for each in result.chunks), *result.failures))
        if unasked is not None:
            raise unasked
        return result

    def _unasked(self, errors: Iterable[ExtractorError | None]) -> ExtractorError | None:
        """Of the errors of its pieces that for which the document is not finished: what would fail with every other
        document, too, else what the endpoint did not answer. Once that is over they are asked for, and only they.
        """
        if self._falls_back:
            return None  # another endpoint has answered
        found = [each for each in errors if each is not None]
        final = next((each for each in found if ends_all(each)), None)
        return final or next((each for each in found if type(each).__name__ in UNANSWERED), None)

    def _loaded(self, item: Item, content: Content) -> Content:
        """The same with what is in the file. Raises `DocumentError`, and `_Changed`."""
        with self._lock:
            if self._loader is None and self._ended is not None:
                self._loader = self._new_loader()
            loader = self._loader
        if loader is None:
            raise JobError("The run has ended.")
        loaded = loader.load(Path(item.document), as_=self._as)
        if loaded.sha256 != content.sha256:
            item.tries += 1
            if item.tries < TRIES:
                raise _Changed
            raise DocumentDamaged(f"{item.name} changes while it is read.", hint="Wait until it is written.")
        return replace(known_content(loaded), sha256=content.sha256)


def name_of_none(given: Any) -> str:
    """The name of something that is no document: another one for every other."""
    try:
        said = repr(given)
    except Exception:  # noqa: BLE001  # it is the caller's, and may be nested without end
        said = type(given).__qualname__
    return hashlib.sha256(said[:LONGEST].encode("utf-8", "replace")).hexdigest()[:16]


def _given_back(worker: Worker, future: Future[Begun]) -> None:
    if not future.cancelled() and future.exception() is None and future.result().state == "claimed":
        worker.release(future.result())


class _Changed(Exception):  # no error: it is read anew
    """A file is not what it was a moment ago."""


def _failed(item: Item, error: ExtractorError) -> DocumentResult[Any]:
    # Its traceback would hold all that was in memory then.
    return DocumentResult(number=item.number, name=item.name, document=item.given, error=error.with_traceback(None))


class _Works(Generic[T]):
    """What a feed offers: what is new, and from time to time what others held.

    No generator: what is raised in the caller's iterable, Ctrl-C say, would end it for good. Nor is anything lost
    where that comes in between: between two lines that belong together nothing is called.
    """

    def __init__(self, feed: JobFeed[T], documents: Iterator[Any]) -> None:
        self._feed = feed
        self._documents = documents
        self._given: deque[Any] = deque()  # one at most
        self._number = 0
        self._names = Names()
        self._next: Item | None = None
        self._again = 0  # of those aside: how many are offered once more before there is a pause, and that
        self._over = False  # there is nothing new any more

    def __iter__(self) -> _Works[T]:
        return self

    def __next__(self) -> Work[T] | None:
        if self._next is None:
            self._find()
        if self._next is None:
            return None
        work = self._feed.offered(self._next)
        self._next = None
        return work

    def _find(self) -> None:
        """Have the next one; or none: then there is a pause. Raises `StopIteration`."""
        aside = self._feed.aside
        if self._again > 1 and aside:
            self._next = aside[0]
            del aside[0]
            self._again -= 1
        elif self._again:
            self._again = 0
        elif not self._over and len(aside) <= ASIDE:
            self._take()
        elif aside:
            self._again = len(aside) + 1
            self._find()
        elif not self._feed.is_open:
            self._feed.went_through()
            raise StopIteration

    def _take(self) -> None:
        """Have a new one."""
        if not self._given:
            self._given.extend(itertools.islice(self._documents, 1))
        if not self._given:
            self._over = True
            self._find()
            return
        item = named_item(self._number, self._given[0], self._names)
        self._next = item
        del self._given[0]
        self._number += 1
