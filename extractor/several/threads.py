"""Threads that do what is handed to them: begun as they are needed, and none keeps the process from ending."""

from __future__ import annotations

import contextvars
import functools
import queue
import threading
from collections.abc import Callable

__all__ = ["Threads"]


class Threads:
    """Threads of one plan or map. What is given up, or was interrupted, is not waited for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ahead: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._size = 0
        self._dismissed = False

    def begin(self, work: Callable[[], object], under_way: int) -> None:
        """Have it done, in a copy of the caller's context; with it, so many are `under_way`: as many threads are
        enough.
        """
        self._ahead.put(functools.partial(contextvars.copy_context().run, work))
        if self._size >= under_way:
            return
        try:
            threading.Thread(target=self._work, name=f"{self._name}-{self._size}", daemon=True).start()
        except RuntimeError:  # the system allows no more: those that there are do it
            if not self._size:
                raise
        else:
            self._size += 1

    def dismiss(self) -> None:
        """Begin nothing more."""
        self._dismissed = True
        self._ahead.put(None)

    def _work(self) -> None:
        while (work := self._ahead.get()) is not None and not self._dismissed:
            work()
            del work  # it holds a document
        self._ahead.put(None)  # for the next one
