"""The documents that people look at just now, each with what is known of its fields: that takes a while to work out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extractor.batch.job import Job
from extractor.batch.opening import job_errors
from extractor.batch.record import Record, Revision, Run
from extractor.batch.restoring import evident
from extractor.evidence.field import Field
from extractor.review.checking import Sources, grounded
from extractor.review.lru import LruCache

__all__ = ["DocumentCache", "Known", "Missing", "extracted"]

RECORDS = 4  # documents that are kept
TRIES = 5  # that a document is read while people go on talking of it


class Missing(Exception):
    """There is no such document in the run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A document with what is known of its fields: those of the data that is there now; and what was said of it."""

    record: Record
    revisions: tuple[Revision, ...]
    fields: Mapping[str, Field]
    lists: tuple[Mapping[str, Any], ...]


class DocumentCache:
    """Documents of a run by their numbers. `empty` is what the form of one without any value shows. Threads may share
    it.
    """

    def __init__(self, job: Job, run: Run, empty: Any) -> None:
        self._job, self._run, self._empty = job, run, empty
        self.sources = Sources()
        self._kept: LruCache[tuple[tuple[Any, ...], Known]] = LruCache(RECORDS)

    def record(self, document: int) -> Record:
        """What the run knows of a document, with its text. Raises `Missing`."""
        record = self._job.document(document, self._run)
        if record is None:
            raise Missing
        return record

    def data(self, record: Record) -> Any:
        """What the form shows: the value, or of a document without one what there is of it, else an empty one."""
        if record.data is not None:
            return record.data
        if record.extracted is not None:
            return record.extracted
        failed = record.error.value if record.error is not None else None
        return self._empty if failed is None else failed

    def known(self, document: int) -> Known:
        """A document with what is known of its fields, worked out where it was not before."""
        record, revisions = self._read(document)
        stamp = (record.state, record.attempts, revisions[-1].number if revisions else 0)
        kept = self._kept.get(document)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        known = self._worked_out(record, revisions)
        self._kept.put(document, (stamp, known))
        return known

    def _read(self, document: int) -> tuple[Record, tuple[Revision, ...]]:
        """A document and all that was said of it, as they were at one time."""
        name = next(iter(self._job.names(document, self._run)), None)
        if name is None:
            raise Missing
        for _ in range(TRIES):
            # First what was said: nobody then takes for seen what was said of a document after it was read.
            revisions = self._job.revisions(name, self._run)
            record = self.record(document)
            last = revisions[-1] if revisions and revisions[-1].decision != "reopened" else None
            if (record.revision and record.revision.number) == (last and last.number):
                break
        return record, revisions

    def _worked_out(self, record: Record, revisions: tuple[Revision, ...]) -> Known:
        if record.revision is None and record.state == "done":
            with job_errors(self._job.path):  # what the file has of it may be anything
                known = evident(record, self._run.schema) if record.text is not None else record
            return Known(record=record, revisions=revisions, fields=known.fields, lists=known.lists)
        data = self.data(record)
        source = self.sources.of(record)
        fields = grounded(self._run.schema, data, source, known={}, before=_NOTHING)
        return Known(record=record, revisions=revisions, fields=fields, lists=())

    def forget(self, document: int) -> None:
        """Something was said of a document."""
        self._kept.drop(document)


_NOTHING: Any = object()


def extracted(record: Record) -> Any:
    """What was extracted, whatever people said."""
    if record.revision is not None:
        return record.extracted
    return record.data
