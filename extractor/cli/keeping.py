"""The job of a `batch`: which of its runs is gone on with, what failed in it is marked first, and who else is at it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from extractor.batch.job import Job
from extractor.batch.options import options_of
from extractor.batch.run import JobFeed
from extractor.documents.loaded import As
from extractor.endpoint.resolve import Address
from extractor.schema.dialects import Dialect
from extractor.schema.target import Target
from extractor.settings import Settings

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Job):
    """A job that is made where it is not there. With `retry_failed`, what had failed in the run is pending again.

    Once it is at work, `run` is the number of the run (0 before), and `elsewhere` how many documents other processes
    held then.
    """

    def __init__(self, path: Path, *, retry_failed: bool = False) -> None:
        super().__init__(path)
        self.run = self.elsewhere = 0
        self._retry_failed = retry_failed

    def feed(
        self,
        target: Target[T],
        documents: Iterable[Any],
        *,
        settings: Settings,
        address: Address,
        dialect: Dialect | None = None,
        as_: As = "text",
        **how: Any,
    ) -> JobFeed[T]:
        """See `Job`."""
        options = options_of(settings, address, dialect=dialect, as_=as_)
        self.run = self._store.open_run(target=target.name, schema=target.schema, options=options).number
        if self._retry_failed:
            self.retry(self.run)
        how |= {"settings": settings, "address": address, "dialect": dialect, "as_": as_}
        feed = super().feed(target, documents, **how)
        # Now what processes held that are gone is pending again, and nothing is begun here.
        self.elsewhere = self.counts(self.run).running
        return feed
