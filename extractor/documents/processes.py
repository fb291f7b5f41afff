"""A child process that is asked one thing at a time, through pipes: it may crash, hang or eat memory.

It is this interpreter, with a limit of addresses, a session of its own (a Ctrl-C is the parent's business), and none of
the parent's open files.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any

from extractor.documents.files.limits import FileLimits

__all__ = ["Process", "answer_requests"]

_LENGTH = struct.Struct(">Q")
_STARTING = 60.0  # seconds a process may take to import what it needs, on a machine that is busy
_ENDING = 5.0  # seconds it may take to be gone once it has closed its pipe
_CODE = (
    "import sys, json, importlib; sys.path[:] = json.loads(sys.argv[1]); importlib.import_module(sys.argv[2]).main()"
)


class Process:
    """One child, which runs `main` of a module: that is to call `answer_requests`, which is sent the `limits` first.
    `ask` is for one thread at a time; `end` for any. There must be a `sys.executable`.
    """

    def __init__(self, module: str, limits: FileLimits) -> None:
        # One arena and one thread of each library: every further one would take addresses from the limit.
        single = dict.fromkeys(
            ("MALLOC_ARENA_MAX", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS", "OMP_THREAD_LIMIT"), "1"
        )
        self._child = subprocess.Popen(  # noqa: S603  # this interpreter, with a constant program
            [sys.executable, "-c", _CODE, json.dumps(sys.path), module],
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
        """Whether it can be asked."""
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


# -------------------------------------------------------------------------------------------- in the child


def answer_requests(begun: Callable[[FileLimits], Callable[[Any], Any]]) -> None:
    """Answer what the parent asks until it asks no more, and end the process. `begun` makes of the limits the function
    that gives the answer to a request, which must not raise.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Libraries print, which must not come between the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    requests = sys.stdin.buffer
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        limits: FileLimits = _received(requests)
        _limit_addresses(limits)
        answer = begun(limits)
        _send(answers, True)
        while True:
            _send(answers, answer(_received(requests)))
    os._exit(0)  # threads of libraries are not waited for


def _limit_addresses(limits: FileLimits) -> None:
    """Limit the addresses of this process, and leave no image of it behind when it crashes."""
    try:
        import resource
    except ImportError:
        return  # Windows: the machine's memory is the limit
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = limits.memory if hard == resource.RLIM_INFINITY else min(limits.memory, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


# ---------------------------------------------------------------------------------------- what is in the pipes


def _send(stream: IO[bytes], value: Any) -> None:
    """Send something to the other side. Raises `OSError` where it is gone."""
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
