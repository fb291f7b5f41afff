"""The queue as one goes along it: pages of it, and from a document to the next one, or back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from extractor.batch.job import Job
from extractor.batch.queue import Row
from extractor.batch.record import Run

__all__ = ["Line"]

PLACES = 50_000  # of documents in the queue that are remembered
STEPS = 1_000  # rows that are looked at at once for the one before
MOST_STEPS = 50  # times that this is done
FEW = 20  # rows among which there is mostly one that nobody else has open
SEARCHED = 500  # characters of a name that are searched for


class Line:
    """The documents of a run in their orders. Threads may share it."""

    def __init__(self, job: Job, run: Run) -> None:
        self._job, self._run = job, run
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[str, int], tuple[Any, ...]] = OrderedDict()

    def rows(self, show: str, order: str, search: str, after: tuple[Any, ...] | None, limit: int) -> tuple[Row, ...]:
        """A page of the queue, after a place. Raises `OptionError`."""
        rows = self._job.queue(self._run, show=show, order=order, search=search, after=after, limit=limit)  # type: ignore[arg-type]
        with self._lock:
            for row in rows:
                self._places[order, row.document] = row.place
            while len(self._places) > PLACES:
                self._places.popitem(last=False)
        return rows

    def after(
        self, show: str, order: str, search: str, place: tuple[Any, ...] | None, taken: Mapping[int, Any]
    ) -> int | None:
        """The first document after a place that is not taken."""
        for _ in range(MOST_STEPS):
            rows = self.rows(show, order, search, place, FEW)
            free = next((row.document for row in rows if row.document not in taken), None)
            if free is not None or len(rows) < FEW:
                return free
            place = rows[-1].place
        return None

    def before(self, show: str, order: str, search: str, come_from: int | None, taken: Mapping[int, Any]) -> int | None:
        """The last document before one that is not taken."""
        until = self.place(order, come_from)
        place: tuple[Any, ...] | None = None
        last: int | None = None
        # The queue goes forward only, so that it is gone through up to there.
        for _ in range(MOST_STEPS):
            rows = self.rows(show, order, search, place, STEPS)
            for row in rows:
                if until is None or row.place >= until:
                    return last
                last = row.document if row.document not in taken else last
            if len(rows) < STEPS:
                return last
            place = rows[-1].place
        return last

    def place(self, order: str, document: int | None) -> tuple[Any, ...] | None:
        """Where a document stands in the queue, also where it is not shown any more; None where it is not there."""
        if document is None:
            return None
        known = self._places.get((order, document))
        if known is None or (order == "doubt" and known[0] == 1):  # it may be worked out by now how doubtful it is
            record = self._job.document(document, self._run)
            name = "" if record is None else record.name
            self.rows("all", order, name[:SEARCHED], None, STEPS)
            known = self._places.get((order, document))
        return known
