"""The queue as one goes along it: pages of it, and from a document to the next one, or back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extractor.batch.job import Job
from extractor.batch.queue import Row
from extractor.batch.record import Run

__all__ = ["QueueWalk"]

FEW = 20  # rows among which there is mostly one that nobody else has open
MOST = 50  # times that so many are looked at: as many people are not there


class QueueWalk:
    """The documents of a run in their orders. Threads may share it."""

    def __init__(self, job: Job, run: Run) -> None:
        self._job, self._run = job, run

    def rows(self, show: str, order: str, search: str, after: tuple[Any, ...] | None, limit: int) -> tuple[Row, ...]:
        """A page of the queue, after a place. Raises `OptionError`."""
        return self._page(show, order, search, limit, after=after)

    def _page(self, show: str, order: str, search: str, limit: int, **start: tuple[Any, ...] | None) -> tuple[Row, ...]:
        return self._job.queue(self._run, show=show, order=order, search=search, limit=limit, **start)  # type: ignore[arg-type]

    def after(
        self, show: str, order: str, search: str, place: tuple[Any, ...] | None, taken: Mapping[int, Any]
    ) -> int | None:
        """The first document after a place that is not taken."""
        for _ in range(MOST):
            rows = self._page(show, order, search, FEW, after=place)
            free = next((row.document for row in rows if row.document not in taken), None)
            if free is not None or len(rows) < FEW:
                return free
            place = rows[-1].place
        return None

    def before(
        self, show: str, order: str, search: str, place: tuple[Any, ...], taken: Mapping[int, Any]
    ) -> int | None:
        """The last document before a place that is not taken."""
        for _ in range(MOST):
            rows = self._page(show, order, search, FEW, before=place)
            free = next((row.document for row in reversed(rows) if row.document not in taken), None)
            if free is not None or len(rows) < FEW:
                return free
            place = rows[0].place
        return None

    def place(self, order: str, document: int) -> tuple[Any, ...] | None:
        """Where a document stands in the queue, also where it is not shown any more; None where it is not there.
        Raises `OptionError`.
        """
        return self._job.place(document, order, self._run)  # type: ignore[arg-type]
