"""The job of a `batch`: which of its runs is gone on with, what failed in it is marked first, and who else is at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from extractor.batch.job import UNANSWERED, Job
from extractor.batch.record import Run
from extractor.batch.run import JobFeed
from extractor.progress import Progress, many
from extractor.schema.target import Target

__all__ = ["BatchJob", "differing"]

T = TypeVar("T")


class BatchJob(Job):
    """A job that is made where it is not there. With `retry_failed`, what had failed in the run is pending again;
    `total` is how many documents there will be, None where nobody knows.

    Once it is at work, `run` is the run that is gone on with, `several` whether it is one of several, and `said` are
    lines for whoever looks on: that a new run begins, and why, and whether other processes hold documents of it.
    """

    def __init__(self, path: Path, *, retry_failed: bool = False, total: int | None = None) -> None:
        super().__init__(path)
        self.run: Run | None = None
        self.several = False
        self.said: tuple[str, ...] = ()
        self._retry_failed, self._total = retry_failed, total

    def feed(self, target: Target[T], documents: Iterable[Any], **how: Any) -> JobFeed[T]:
        """See `Job`."""
        before, latest = self.runs, self.latest
        feed = super().feed(target, documents, **how)
        try:
            self.run = feed.run
            self.several = len(self.runs) > 1
            if self._retry_failed:
                self.retry(feed.run)
            if self._total is not None:
                self.expect(feed.run, self._total)
            self.said = tuple(self._told(latest, is_new=all(each.number != feed.run.number for each in before)))
        except BaseException:
            feed.close()
            raise
        return feed

    def _told(self, latest: Run | None, *, is_new: bool) -> Iterator[str]:
        if self.run is None:
            return
        if is_new and latest is not None:
            what = ", ".join(differing(self.run, latest))
            yield f"A new run ({self.run.number}): not the same as run {latest.number}: {what}."
        # What processes held that are gone is pending again by now, and nothing is begun here.
        elsewhere = self.counts(self.run).running
        if elsewhere:
            yield f"Another process is at work on this job, on {many(elsewhere)}."

    def unanswered(self, progress: Progress) -> int:
        """How many failed since the endpoint did not answer: the run asks for them again when it goes on."""
        return progress.failed_with(UNANSWERED)


def differing(run: Run, other: Run) -> Iterator[str]:
    """What makes two runs two: the names of options, and the schema."""
    for name in dict.fromkeys([*run.options, *other.options]):
        if run.options.get(name) != other.options.get(name):
            yield name
    if run.schema != other.schema:
        yield "schema"
