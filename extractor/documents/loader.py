"""`load` in processes of its own, so that a file which crashes or hangs its reader, or eats the memory, costs one.

A process is a worker of this interpreter that gets a request at a time through a pipe and answers through another. It
has a limit of addresses, an alarm of its own should its parent be gone, its own session (a Ctrl-C is the parent's
business), and none of the parent's open files.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import weakref
from pathlib import Path
from typing import Any, BinaryIO

from extractor.documents.files.kinds import is_plain
from extractor.documents.files.limits import FileLimits, too_slow
from extractor.documents.files.source import FileSource, head_of, named_source, read_source
from extractor.documents.load import load, with_name
from extractor.documents.loaded import As, Loaded
from extractor.documents.processes import Process
from extractor.errors import (
    CallerError,
    ConfigurationError,
    DocumentDamaged,
    DocumentError,
    DocumentTooLarge,
    OptionError,
)

__all__ = ["Loader"]

_HEAD = 64 * 1024
_READER = "extractor.documents.files.worker"


class Loader:
    """Reads documents in up to so many child processes, which are started when needed and used again.

    `limits` are those of every document; after its `seconds` the process is ended, and another takes its place. Many
    threads may load at a time: those beyond the number of processes wait. Use it in a `with` block, or `close` it.
    """

    def __init__(self, *, processes: int = 2, limits: FileLimits | None = None) -> None:
        if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
            raise OptionError("processes is no number from 1.", option="processes")
        self._limits = limits or FileLimits()
        self._idle: queue.LifoQueue[Process | None] = queue.LifoQueue()  # the last one used is the one still in memory
        for _ in range(processes):
            self._idle.put(None)
        self._alive: set[Process] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._leaving = weakref.finalize(self, _end_all, self._alive)

    def load(
        self,
        source: FileSource,
        *,
        name: str | None = None,
        media_type: str | None = None,
        as_: As = "text",
        password: str | None = None,
    ) -> Loaded:
        """What `load` gives, with its errors. Texts are read right here: nothing can happen to them.

        Raises `DocumentTooLarge` also for a file that took too long or too much memory, `DocumentDamaged` for one that
        crashed its reader, and `CallerError` once this is closed.
        """
        self._check_open()
        shown = named_source(source, name)
        if not isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
            source = self._read(source, shown)
        request: dict[str, Any] = {"name": shown, "media_type": media_type, "as_": as_, "password": password}
        try:
            plain = as_ == "text" and is_plain(head_of(source, _HEAD), name=shown, media_type=media_type)
        except DocumentError:
            plain = True  # it says so again, by its name
        if plain:
            return load(source, **request, limits=self._limits)
        sent = str(Path(source).absolute()) if isinstance(source, (str, os.PathLike)) else bytes(source)
        return self._asked({**request, "source": sent}, shown)

    def _read(self, source: BinaryIO, name: str) -> bytes:
        try:
            return read_source(source, self._limits)
        except DocumentError as error:
            raise with_name(error, name) from None

    def close(self) -> None:
        """End the processes. What is being loaded by other threads is ended, too, as damaged."""
        with self._lock:
            self._closed = True
        self._leaving()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise CallerError("This loader is closed.", hint="Make a new one, or use it inside its with block.")

    def _asked(self, request: dict[str, Any], name: str) -> Loaded:
        process = self._idle.get()
        try:
            if process is not None and not process.is_alive:
                self._end(process)
                process = None
            if process is None:
                process = self._started()
            answer = process.ask(request, self._limits.seconds)
        except BaseException:
            # Interrupted between question and answer (Ctrl-C): the answer would be taken for that of the next file.
            if process is not None:
                self._end(process)
            process = None
            raise
        finally:
            if process is not None and not process.is_alive:
                self._end(process)
                process = None
            self._idle.put(process)
        if isinstance(answer, Loaded):
            return answer
        if isinstance(answer, BaseException):
            raise answer
        self._check_open()
        raise _why(answer, name, self._limits)

    def _started(self) -> Process:
        with self._lock:
            self._check_open()
            if not sys.executable:
                raise ConfigurationError("There is no Python interpreter to start.", hint="Use load() itself.")
            process = Process(_READER, self._limits)
            self._alive.add(process)
            return process

    def _end(self, process: Process) -> None:
        process.end()
        self._alive.discard(process)


def _why(status: object, name: str, limits: FileLimits) -> DocumentError:
    """The error for a process that did not answer."""
    if status == "late":
        return with_name(too_slow(limits), name)
    # Memory that is not given ends a reader by SIGABRT; where the machine has none left, the system ends it by SIGKILL.
    if status in (-getattr(signal, "SIGABRT", 6), -getattr(signal, "SIGKILL", 9)):
        return DocumentTooLarge(
            f"{name}: It takes too much memory to read.", hint="Allow more: limits=FileLimits(memory=…)."
        )
    return DocumentDamaged(f"{name}: It crashes its reader.", hint="Try to open and save it again.")


def _end_all(processes: set[Process]) -> None:
    while processes:
        with contextlib.suppress(KeyError):
            processes.pop().end()
