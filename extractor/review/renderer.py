"""The process that draws pages, as the server has it: started when it is needed, and again when it is gone."""

from __future__ import annotations

import sys
import threading
from typing import Any

from extractor.documents.files.limits import MEBI, FileLimits
from extractor.documents.processes import Process
from extractor.errors import DocumentDamaged, DocumentError, DocumentTooLarge, DocumentUnsupported

__all__ = ["LIMITS", "Busy", "Renderer"]

SECONDS = 20.0  # for one page
WAITING = 12  # requests that may wait for it
LIMITS = FileLimits(max_bytes=100 * MEBI, seconds=SECONDS)
_WORKER = "extractor.review.render_worker"


class Busy(DocumentError):
    """Too many pages are being drawn."""


class _Gone(Exception):
    """The process has ended by itself."""


class Renderer:
    """Has one process, which is started when it is needed, and again when it is gone. One question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(WAITING)
        self._process: Process | None = None
        self._closed = False

    def ask(self, key: str, data: bytes, request: dict[str, Any]) -> Any:
        """The answer about the document with a key, which is opened if it is not. Raises `DocumentError`."""
        # The server has a number of threads, which must not all wait here.
        if not self._room.acquire(blocking=False):
            raise Busy("Too many pages are being drawn at once.", hint="Try again in a moment.")
        try:
            return self._asked_for(key, data, request)
        finally:
            self._room.release()

    def _asked_for(self, key: str, data: bytes, request: dict[str, Any]) -> Any:
        with self._lock:
            try:
                return self._answered(key, data, request)
            except _Gone:  # maybe long ago
                try:
                    return self._answered(key, data, request)
                except _Gone:
                    raise DocumentDamaged("It crashes what draws it.") from None

    def _answered(self, key: str, data: bytes, request: dict[str, Any]) -> Any:
        answer = self._asked({**request, "key": key})
        if answer is None:
            self._asked({"do": "open", "key": key, "data": data})
            answer = self._asked({**request, "key": key})
        return answer

    def _asked(self, request: dict[str, Any]) -> Any:
        if self._closed:
            raise DocumentUnsupported("This review is at its end.")
        if self._process is None or not self._process.is_alive:
            self._end()
            if not sys.executable:
                raise DocumentUnsupported("There is no Python interpreter to start, which would draw it.")
            self._process = Process(_WORKER, LIMITS)
        answer = self._process.ask(request, SECONDS)
        if isinstance(answer, BaseException):
            raise answer
        if answer == "late":
            self._end()
            raise DocumentTooLarge(f"It took more than {SECONDS:g} seconds to draw.")
        if isinstance(answer, int) and answer is not True:  # how it ended
            self._end()
            raise _Gone
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            self._end()
