"""`load` in processes of its own, so that a file which crashes or hangs its reader, or eats the memory, costs one.

A process is a worker of this interpreter that gets a request at a time through a pipe and answers through another. It
has a limit of addresses, an alarm of its own should its parent be gone, its own session (a Ctrl-C is the parent's
business), and none of the parent's open files.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from extractor.documents.files.kinds import is_plain
from extractor.documents.files.limits import FileLimits
from extractor.documents.files.source import FileSource, head_of, named_source, read_source
from extractor.documents.load import load, with_name
from extractor.documents.loaded import As, Loaded
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
_LENGTH = struct.Struct(">Q")
_STARTING = 60.0  # seconds a process may take to import what it needs, on a machine that is busy
_ENDING = 5.0  # seconds it may take to be gone once it has closed its pipe
_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from extractor.documents.files.worker import main; main()"
)


class Loader:
    """Reads documents in up to so many child processes, which are started when needed and used again.

    `limits` are those of every document; after its `seconds` the process is ended, and another takes its place. Many
    threads may load at a time: those beyond the number of processes wait. Use it in a `with` block, or `close` it.
    """

    def __init__(self, *, processes: int = 2, limits: FileLimits | None = None) -> None:
        if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
            raise OptionError("processes is no number from 1.", option="processes")
        self._limits = limits or FileLimits()
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()  # the last one used is the one still in memory
        for _ in range(processes):
            self._idle.put(None)
        self._alive: set[_Process] = set()
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

    def _started(self) -> _Process:
        with self._lock:
            self._check_open()
            process = _Process(self._limits)
            self._alive.add(process)
            return process

    def _end(self, process: _Process) -> None:
        process.end()
        self._alive.discard(process)


def _why(status: object, name: str, limits: FileLimits) -> DocumentError:
    """The error for a process that did not answer."""
    if status == "late":
        return DocumentTooLarge(
            f"{name}: It took more than {limits.seconds:g} seconds to read.",
            hint="Allow more: limits=FileLimits(seconds=…).",
        )
    # Memory that is not given ends a reader by SIGABRT; where the machine has none left, the system ends it by SIGKILL.
    if status in (-getattr(signal, "SIGABRT", 6), -getattr(signal, "SIGKILL", 9)):
        return DocumentTooLarge(
            f"{name}: It takes too much memory to read.", hint="Allow more: limits=FileLimits(memory=…)."
        )
    return DocumentDamaged(f"{name}: It crashes its reader.", hint="Try to open and save it again.")


def _end_all(processes: set[_Process]) -> None:
    while processes:
        with contextlib.suppress(KeyError):
            processes.pop().end()


class _Process:
    """One child. `ask` is for one thread at a time; `end` for any."""

    def __init__(self, limits: FileLimits) -> None:
        if not sys.executable:
            raise ConfigurationError("There is no Python interpreter to start.", hint="Use load() itself.")
        # One arena and one thread of each library: every further one would take addresses from the limit.
        single = dict.fromkeys(
            ("MALLOC_ARENA_MAX", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS", "OMP_THREAD_LIMIT"), "1"
        )
        self._child = subprocess.Popen(  # noqa: S603  # this interpreter, with a constant program
            [sys.executable, "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **single},
        )
        self._lock = threading.Lock()
        self._limits = limits
        self._is_new = True
        self._late = threading.Event()

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        """The answer; "late", or how the process ended, where there is none."""
        try:
            if self._is_new:
                with self._ended_after(_STARTING):
                    _send(self._stream("stdin"), self._limits)
                    _received(self._stream("stdout"))
                self._is_new = False
            with self._ended_after(seconds):
                _send(self._stream("stdin"), request)
                return _received(self._stream("stdout"))
        except (OSError, ValueError, EOFError, pickle.UnpicklingError):
            status = self._gone()
            return "late" if self._late.is_set() else status

    @contextlib.contextmanager
    def _ended_after(self, seconds: float) -> Iterator[None]:
        """End the process if this takes longer. By a timer, since not every system can wait for a pipe for a while."""
        timer = threading.Timer(seconds, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _gone(self) -> int:
        """How it ended, which it does by itself, but for a moment."""
        try:
            return self._child.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()

    def _too_late(self) -> None:
        self._late.set()
        self._child.kill()

    def end(self) -> None:
        """End it, whatever it does, and wait until it is gone."""
        with self._lock:
            if self._child.poll() is None:
                self._child.kill()
            self._child.wait()
            for stream in (self._child.stdin, self._child.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError, ValueError):
                        stream.close()

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] = getattr(self._child, name)
        return stream


def _send(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _received(stream: IO[bytes]) -> Any:
    """What the other side sent. Raises `EOFError` where it is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301  # from our own process, of our own program
