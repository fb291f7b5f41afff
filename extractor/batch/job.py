"""`Job`: many documents in one file, as its users hold it. What was finished is there; what was not goes on.

with Job("invoices.db") as job:
    for each in extractor.map(Invoice, paths, job=job): ...
    job.counts(); job.export("invoices.csv")
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, overload

from extractor.batch.differing import Difference, differing
from extractor.batch.finishes import UNANSWERED
from extractor.batch.options import options_of
from extractor.batch.record import AttemptRecord, Counts, Record, Run
from extractor.batch.restoring import evident, restored_document
from extractor.batch.reviewing import Reviewed, reference_of
from extractor.batch.run import JobFeed, Loads
from extractor.batch.store import Store
from extractor.batch.written import written_schema
from extractor.documents.loaded import As
from extractor.endpoint.resolve import Address
from extractor.errors import JobError
from extractor.result import DocumentResult
from extractor.schema.dialects import Dialect
from extractor.schema.target import Target, target_of
from extractor.settings import Settings
from extractor.several.alone import check_documents

if TYPE_CHECKING:  # only for those who want tables
    import pandas
    import polars

__all__ = ["UNANSWERED", "Difference", "Job", "feed_of"]

T = TypeVar("T")


class Job(Reviewed):
    """Many documents in one SQLite file, with what became of each: runs of a target with its options.

    The same target with the same options goes on with the run that is there; others make a new one. Several threads
    and processes may have the same job open, and work on it. A `run` is given by its number, or as one of the `runs`;
    None is the `latest`. Close it, or use it in `with`.

    Raises `JobError` where the file is no job, cannot be read or written, or is not there and not to be made.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True, read_only: bool = False) -> None:
        self._store = Store(Path(path), create=create, read_only=read_only)
        self._loader = _loader

    @property
    def path(self) -> Path:
        """The file."""
        return self._store.path

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, the oldest first."""
        return self._store.runs()

    @property
    def latest(self) -> Run | None:
        """The run that was worked on last; None where there is none yet."""
        number = self._store.latest()
        return None if number is None else self.get_run(number)

    def get_run(self, run: int | Run | None = None) -> Run:
        """A run by its number, or as one of the `runs` was; None for the `latest`. Raises `JobError` where there is
        none.
        """
        if run is None:
            run = self._store.latest()
            if run is None:
                raise JobError(f"The job {self.path} has no run yet.", hint="Begin one: Extractor.map(…, job=…).")
        runs = self.runs
        number = run.number if isinstance(run, Run) else run
        found = next((each for each in runs if each.number == number), None)
        if found is None:
            raise JobError(f"The job {self.path} has no run {number}.", hint=f"It has {len(runs)}: see runs.")
        return found

    def counts(self, run: int | Run | None = None) -> Counts:
        """How far a run is: a small question, however many documents there are. Nothing where there is no run yet.

        What is `running` is held by processes that live; what others held is pending.
        """
        if run is None and not self.runs:
            return Counts()
        return self._store.counts(self._number(run))

    def records(
        self,
        run: int | Run | None = None,
        *,
        states: Collection[str] | None = None,
        text: bool = False,
        evidence: bool = False,
    ) -> Iterator[Record]:
        """What a run knows of each document, in the order of the input, those in `states` only where given (pending,
        running, done, failed). May be gone through while the run goes on.

        With their `text` if wanted, and with `evidence`: what is known of their fields and lists is worked out then, if
        it has not been before.
        """
        return self._records(self.get_run(run), states=states, text=text, evidence=evidence)

    def _records(
        self, run: Run, *, states: Collection[str] | None = None, text: bool = False, evidence: bool = False
    ) -> Iterator[Record]:
        records = self._store.records(run.number, states=states, text=text or evidence, evidence=evidence)
        if not evidence:
            return records
        known = (evident(record, run.schema) for record in records)
        return known if text else (replace(record, text=None) for record in known)

    def record(self, name: str, run: int | Run | None = None) -> Record | None:
        """All that a run knows of one document; None where it has none of that name."""
        chosen = self.get_run(run)
        found = self._store.record(chosen.number, name)
        return None if found is None else evident(found, chosen.schema)

    def extracted(self, name: str, run: int | Run | None = None) -> Record | None:
        """All that was extracted of one document, whatever people said of it since; None where the run has none of that
        name.
        """
        return self._store.extracted(self._number(run), name)

    def attempts(self, name: str, run: int | Run | None = None) -> tuple[AttemptRecord, ...]:
        """All requests for one document that were answered, and what was said."""
        return self._store.attempts(self._number(run), name)

    def retry(self, run: int | Run | None = None, *, names: Collection[str] | None = None) -> int:
        """Have documents asked for again when the run goes on: those that failed, or those of the `names`, failed or
        not. How many inputs are marked by that: more than the names where others have the same content. What was said
        before stays in `attempts`. Raises `OptionError` for names that the run does not have.

        For several runs, go through them one after the other, and let each finish: endpoints cache the beginning of a
        prompt, which is the same within a run.
        """
        return self._store.retry(self._number(run), names=names)

    @overload
    def results(
        self, target: type[T], run: int | Run | None = None, *, context: Any = None
    ) -> Iterator[DocumentResult[T]]: ...
    @overload
    def results(
        self, target: Any, run: int | Run | None = None, *, context: Any = None
    ) -> Iterator[DocumentResult[Any]]: ...
    def results(
        self, target: Any, run: int | Run | None = None, *, context: Any = None
    ) -> Iterator[DocumentResult[Any]]:
        """What became of each document that is finished, with validated values, in the order of the input.

        `target` is that of the run, `context` pydantic's validation context. Nothing is sent. The `document` of each is
        its text.
        """
        wanted = target_of(target)
        for record in self._store.records(self._number(run), states=("done", "failed"), text=True):
            yield restored_document(wanted, record, record.text, context)

    def compare(self, first: int | Run, second: int | Run) -> Iterator[Difference]:
        """The documents of which two runs say different things, in the order of the first run's input; then those that
        only the second has.
        """
        one, other = self._number(first), self._number(second)
        for record in self._store.records(one, evidence=False):
            theirs = self._store.record(other, record.name)
            values = differing(record.value, None if theirs is None else theirs.value)
            if theirs is None or values or theirs.state != record.state:
                states = (record.state, None if theirs is None else theirs.state)
                yield Difference(name=record.name, states=states, values=values)
        for record in self._store.records(other, evidence=False):
            if self._store.record(one, record.name) is None:
                values = differing(None, record.value)
                yield Difference(name=record.name, states=(None, record.state), values=values)

    # ----------------------------------------------------------------------------------------- tables

    def export(
        self,
        path: str | os.PathLike[str] | IO[Any],
        format: str | None = None,  # noqa: A002  # what everybody calls it
        *,
        run: int | Run | None = None,
        evidence: bool = False,
        overwrite: bool = False,
        children: bool = False,
        bom: bool = False,
    ) -> int:
        """Write the documents of a run to a file (or a stream), as `jsonl`, `csv`, `parquet` or `sqlite` (by default
        what its name ends in); gives how many there were. See `extractor.batch.export` for the rest.

        Raises `OptionError` where the file is there, without `overwrite`, `JobError` where it cannot be written, and
        `MissingExtra`.
        """
        from extractor.batch.export import export

        records, schema, own = self._tabled(run, evidence)
        return export(records, schema, path, format, overwrite=overwrite, children=children, bom=bom, **own)

    def to_pandas(self, run: int | Run | None = None, *, evidence: bool = False) -> pandas.DataFrame:
        """The documents of a run as a table of pandas. Raises `MissingExtra`."""
        from extractor.batch.frames import to_pandas

        records, schema, own = self._tabled(run, evidence)
        frame: pandas.DataFrame = to_pandas(records, schema, **own)
        return frame

    def to_polars(self, run: int | Run | None = None, *, evidence: bool = False) -> polars.DataFrame:
        """The documents of a run as a table of polars. Raises `MissingExtra`."""
        from extractor.batch.frames import to_polars

        records, schema, own = self._tabled(run, evidence)
        frame: polars.DataFrame = to_polars(records, schema, **own)
        return frame

    def _tabled(
        self, run: int | Run | None, evidence: bool
    ) -> tuple[Iterator[Record], Mapping[str, Any], dict[str, bool]]:
        """The documents of a run, the schema of their values, and what tables are to tell besides."""
        chosen = self.get_run(run)
        told = {"evidence": evidence, "reviewed": self._store.any_said(chosen.number)}
        return self._records(chosen, evidence=evidence), chosen.shape, told

    # ----------------------------------------------------------------------------------- going on with it

    def feed(
        self,
        target: Target[T],
        documents: Iterable[Any],
        *,
        settings: Settings,
        address: Address,
        call: Mapping[str, Any],
        dialect: Dialect | None = None,
        as_: As = "text",
        evidence: bool = False,
        loader: Callable[[], Loads] | None = None,
        ended: Callable[[], object] = lambda: None,
    ) -> JobFeed[T]:
        """The work that `Extractor.map(…, job=…)` carries out. Waits for the file: not for an event loop.

        `settings` are those of all its calls, made of the `call` and of defaults, `address` and `dialect` who is asked,
        and how; `loader` reads files (by default in processes of its own), and is closed at the end, when `ended` is
        called, too. Raises `JobError`.
        """
        check_documents(documents)
        options = options_of(settings, address, dialect=dialect, as_=as_)
        shape = written_schema(target)
        run = self._store.open_run(
            target=target.name,
            schema=target.schema,
            options=options,
            shape=shape,
            reference=reference_of(target),
        )
        worker = self._store.worker(run.number)
        try:
            worker.go_through(_length(documents))
            return JobFeed(
                worker,
                target,
                documents,
                call=call,
                context=settings.context,
                as_=as_,
                evidence=evidence,
                loader=loader or _loader,
                ended=ended,
                run=run,
                falls_back=bool(settings.fallbacks),
            )
        except BaseException:
            worker.close()
            raise

    def expect(self, run: int | Run | None, total: int | None) -> None:
        """Note how many inputs the work on a run that goes on now will have (`counts().expected`); None for not known.
        `feed` finds it out itself of what has a length. Raises `JobError`.
        """
        self._store.expect(self._number(run), total)

    def close(self) -> None:
        """Close the file. May be said twice."""
        self._store.close()

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Job({str(self.path)!r})"

    def _number(self, run: int | Run | None) -> int:
        return self.get_run(run).number


def feed_of(job: Job | str | os.PathLike[str], target: Target[T], documents: Iterable[Any], **asked: Any) -> JobFeed[T]:
    """`Job.feed` of a job, or of the path of one: then it is opened here, and closed at the end. Raises `JobError`."""
    if isinstance(job, Job):
        return job.feed(target, documents, **asked)
    check_documents(documents)
    opened = Job(job)
    try:
        return opened.feed(target, documents, ended=opened.close, **asked)
    except BaseException:
        opened.close()
        raise


def _length(documents: Iterable[Any]) -> int | None:
    """How many there are, where that can be asked."""
    try:
        found = operator.length_hint(documents, -1)
    except Exception:  # noqa: BLE001  # some have one that only says that it does not know
        return None
    return None if found < 0 else found


def _loader() -> Loads:
    from extractor.documents.loader import Loader  # only for those who have files

    return Loader()
