"""One process of a cluster, as Ray Data sees it: batches in, the same batches with new columns out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from extractor.batch.cluster.crew import Crew, Task
from extractor.errors import CallerError, ExtractorError

__all__ = ["Worker"]


class Worker:
    """What Ray Data calls with one batch after the other, several at a time: a batch in, the same with new columns out.

    `coordinator` and `job_server` are handles to those actors. Raises, each time, the error after which no document
    could be asked for.
    """

    def __init__(self, task: Task, coordinator: Any, job_server: Any = None) -> None:
        self._task = task
        self._failed: ExtractorError | None = None
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="extractor", daemon=True).start()
        self._crew: Crew | None = None
        try:
            begun = Crew.begun(task, coordinator, job_server)
            self._crew = asyncio.run_coroutine_threadsafe(begun, self._loop).result()
        except ExtractorError as error:  # raised here it would be tried again, and hidden by that of the actor
            self._failed = error.with_traceback(None)

    async def __call__(self, batch: Any) -> Any:
        """The batch, an Arrow table, with what became of its rows."""
        if self._crew is None or self._failed is not None:
            raise self._failed or CallerError("There is no extractor.")
        try:
            # In a loop of its own: Ray's stands still while it writes a block.
            future = asyncio.run_coroutine_threadsafe(self._crew.table(batch), self._loop)
            return await asyncio.wrap_future(future)
        except ExtractorError as error:
            self._failed = error.with_traceback(None)
        raise self._failed
