"""The documents under way in one process of a cluster: an extractor, whose requests one governor for all lets go."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from pydantic_core import to_jsonable_python

from extractor.async_client import AsyncExtractor
from extractor.batch.cluster.columns import requests_of, with_columns
from extractor.batch.cluster.coordinator import Endpoint, GovernorClient, endpoint_of
from extractor.batch.cluster.job_server import Command, CommandResult
from extractor.batch.cluster.remote_governor import Answer, Report
from extractor.batch.cluster.remote_worker import RemoteWorker
from extractor.batch.contents import Item
from extractor.batch.options import options_of
from extractor.batch.restoring import failure_of
from extractor.batch.run import JobFeed
from extractor.batch.store import Begun
from extractor.batch.store import Worker as StoreWorker
from extractor.batch.written import written_schema
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits, Standing, govern, standing
from extractor.errors import DocumentError, ExtractorError, MissingExtra, OptionError
from extractor.reach import local_installed
from extractor.result import DocumentResult, Extraction
from extractor.schema.target import target_of
from extractor.several import feed as steps
from extractor.several.line import Outage, ends_all

__all__ = ["Crew", "Task"]

AGAIN = 0.25  # seconds after which a document is looked at again that another process has
AGAIN_MOST = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What is to be done with each row, for every process: as `extractor.batch.ray.extract` was told.

    `columns` are those of `COLUMNS` that are wanted, with the names that they get; `endpoint` and `settings` are the
    arguments of the extractor.
    """

    target: Any
    column: str
    name_column: str | None
    columns: Mapping[str, str]
    concurrency: int
    endpoint: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)


class _Row(NamedTuple):
    done: DocumentResult[Any]
    requests: int


class Crew:
    """The documents under way in a process. All of it runs in one event loop."""

    def __init__(self, task: Task, coordinator: Any) -> None:
        self._task = task
        self._target = target_of(task.target)
        self._extractor = AsyncExtractor(**task.endpoint, **task.settings)
        self._room = asyncio.Semaphore(task.concurrency)
        self._name = uuid.uuid4().hex
        self._running: list[asyncio.Task[None]] = []
        self._standings: list[Standing] = []  # else one of a fallback might be forgotten
        self._feed: JobFeed[Any] | None = None
        self._worker: RemoteWorker
        self._ended: ExtractorError | None = None
        self._under_way = 0
        self._outage = Outage()
        self._govern(coordinator)

    @classmethod
    async def begun(cls, task: Task, coordinator: Any, job_server: Any) -> Crew:
        """A crew. Raises `CallerError`."""
        crew = cls(task, coordinator)
        if job_server is not None:
            crew._feed = await crew._kept(job_server)
        return crew

    async def table(self, batch: Any) -> Any:
        """The batch with what became of its rows. Raises what is final for all."""
        wanted = [self._task.column, *([self._task.name_column] if self._task.name_column else [])]
        missing = [name for name in wanted if name not in batch.column_names]
        if missing:
            raise OptionError(
                f"The dataset has no column {missing[0]!r}, but {', '.join(batch.column_names)}.",
                option="column" if missing[0] == self._task.column else "name_column",
                hint="column= is the one with the documents, name_column= the one with their names.",
            )
        rows = await self._rows(self._items(batch))
        return with_columns(batch, [row.done for row in rows], [row.requests for row in rows], self._task.columns)

    async def close(self) -> None:
        """Close the connections, and say nothing any more: what is held is given up when that is noticed."""
        for each in self._running:
            each.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._extractor.aclose()

    async def _rows(self, items: Iterable[Item]) -> list[_Row]:
        tasks = [asyncio.create_task(self._row(item)) for item in items]
        try:
            return await asyncio.gather(*tasks)
        except ExtractorError as error:
            self._ended = self._ended or error
            raise
        finally:
            for task in tasks:
                task.cancel()

    async def _row(self, item: Item) -> _Row:
        pause = AGAIN
        while True:
            async with self._room:
                if self._ended is not None:
                    raise self._ended
                self._under_way += 1
                try:
                    row = await (self._alone(item) if self._feed is None else self._through(self._feed, item))
                finally:
                    self._under_way -= 1
            if row is not None:
                # What was finished before says nothing of whether anybody answers now.
                gone = None if row.done.restored else self._outage.after(row.done.error, self._under_way)
                if gone is not None:
                    raise gone
                return row
            await asyncio.sleep(pause)  # another process is at it
            pause = min(AGAIN_MOST, 2 * pause)

    # ------------------------------------------------------------------------------- one document

    async def _alone(self, item: Item) -> _Row:
        try:
            result = await self._extractor.run(self._target, _checked(item.document))
        except ExtractorError as error:
            if ends_all(error):
                raise
            done: DocumentResult[Any] = DocumentResult(
                number=item.number, name=item.name, error=error.with_traceback(None)
            )
        else:
            done = DocumentResult(number=item.number, name=item.name, result=result)
        return _Row(done, requests_of(done))

    async def _through(self, feed: JobFeed[Any], item: Item) -> _Row | None:
        """The same through the file of the job. None where another process is at it."""
        try:
            _checked(item.document)
        except DocumentError as error:
            unread = self._worker.fail_unread(number=0, name=item.name, row=item.row, failure=failure_of(error))
            await asyncio.wrap_future(unread)
            return _Row(DocumentResult(number=item.number, name=item.name, error=error), 0)
        restored: list[Begun] = []
        done = await self._driven(feed.offered(item), restored)
        with contextlib.suppress(ValueError):
            feed.aside.remove(item)  # it is offered from here
        if done is None:
            return None
        record = restored[0].record if restored else None
        return _Row(done, requests_of(done) if record is None else record.requests)

    async def _driven(self, work: steps.Work[Any], restored: list[Begun]) -> DocumentResult[Any] | None:
        """Carry out a work. What it begins that was finished before is `restored`."""
        came: Any = None
        failed: Exception | None = None
        try:
            while True:
                step = work.send(came) if failed is None else work.throw(failed)
                came, failed = None, None
                try:
                    came = await self._step(step)
                except Exception as error:  # noqa: BLE001  # the work says what becomes of it
                    failed = error
                if isinstance(came, Begun) and came.record is not None:
                    restored.append(came)
        except StopIteration as end:
            done: DocumentResult[Any] | None = end.value
            return done
        finally:
            work.close()

    async def _step(self, step: steps.Step) -> Any:
        if isinstance(step, steps.Extract):
            result: Extraction[Any] = await self._extractor.run(step.target, step.document, **step.call)
            return result
        if isinstance(step, steps.Await):
            return await asyncio.wrap_future(step.future)
        return await asyncio.to_thread(step.call)

    # ------------------------------------------------------------------------------- rows

    def _items(self, batch: Any) -> Iterable[Item]:
        documents: Sequence[Any] = batch.column(self._task.column).to_pylist()
        names = batch.column(self._task.name_column).to_pylist() if self._task.name_column else None
        others = self._others(batch) if self._feed is not None else [{}] * len(documents)
        for number, (document, row) in enumerate(zip(documents, others, strict=True)):
            name = _named(document) if names is None else str(names[number])
            yield Item(number=number, name=name, given=None, document=document, row=row)

    def _others(self, batch: Any) -> Sequence[Mapping[str, Any]]:
        """What else is in each row, as plain data: a job keeps it."""
        left_out = {self._task.column, self._task.name_column}
        columns = [name for name in batch.column_names if name not in left_out]
        return [
            to_jsonable_python(row, fallback=repr, bytes_mode="base64", inf_nan_mode="null")
            for row in batch.select(columns).to_pylist()
        ]

    # ------------------------------------------------------------------------------- the others

    def _govern(self, coordinator: Any) -> None:
        """Have all endpoints that may be asked governed for the whole cluster."""
        loop = asyncio.get_running_loop()
        for endpoint, address in _endpoints(self._extractor).items():

            async def call(report: Report, endpoint: Endpoint = endpoint) -> Answer:
                answer: Answer = await coordinator.exchange.remote(endpoint, report)
                return answer

            client = GovernorClient(self._name, call, loop)
            govern(address, endpoint[1], client.governor)
            self._standings.append(standing(address, endpoint[1]))
            self._running.append(loop.create_task(client.run()))

    async def _kept(self, job_server: Any) -> JobFeed[Any]:
        """The run of the job. Raises `JobError`."""
        extractor, target = self._extractor, self._target
        options = options_of(extractor._settings, extractor._address, dialect=extractor._dialect)
        schema = written_schema(target)
        opened: CommandResult = await job_server.open.remote(target.name, target.schema, options, schema)
        if opened.error is not None:
            raise opened.error
        run: int = opened.result

        async def exchange(number: int, answered: int, commands: Sequence[Command]) -> list[CommandResult]:
            came: list[CommandResult] = await job_server.exchange.remote(self._name, run, number, answered, commands)
            return came

        self._worker = RemoteWorker(exchange, asyncio.get_running_loop())
        self._running.append(asyncio.get_running_loop().create_task(self._worker.run()))
        return JobFeed(
            cast(StoreWorker, self._worker),  # it is one, as far as a feed can tell
            target,
            (),
            call={},
            loader=_no_files,
            context=extractor._settings.context,
        )


def _endpoints(extractor: AsyncExtractor) -> dict[Endpoint, Address]:
    """Who may be asked. An embedded model is each process's own, and governed there."""
    own = extractor._reach.limits or RateLimits()
    found = [(extractor._address, own)]
    for fallback in extractor._settings.fallbacks:
        address = fallback.address(extractor._address, os.environ, local_installed=local_installed())
        found.append((address, own if address.base_url == extractor.base_url else RateLimits()))
    return {endpoint_of(address, limits): address for address, limits in found if not address.local}


def _checked(document: Any) -> str:
    if not isinstance(document, str):
        raise DocumentError(
            f"The document is {'missing' if document is None else type(document).__name__}, no text.",
            hint="The column must be one of texts.",
        )
    return document


def _named(document: Any) -> str:
    """The name of a document that has none: that of its content."""
    return hashlib.sha256(str(document).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _no_files() -> Any:
    raise MissingExtra("Files are not read here.")
