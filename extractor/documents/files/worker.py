"""The child process of a `Loader`: takes requests from its standard input, answers on what was its standard output."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any

from extractor.documents.files.limits import FileLimits
from extractor.documents.load import load
from extractor.documents.processes import received, send
from extractor.errors import DocumentDamaged, DocumentTooLarge, ExtractorError

__all__ = ["limit_addresses", "main"]

_GRACE = 15  # seconds after which a process ends itself: its parent ends it earlier, unless it is gone


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Libraries print, which must not come between the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    requests = sys.stdin.buffer
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        limits: FileLimits = received(requests)
        limit_addresses(limits)
        send(answers, True)
        while True:
            request = received(requests)
            _alarm(int(limits.seconds) + _GRACE)
            answer = _answer(request, limits)
            _alarm(0)
            send(answers, answer)
    os._exit(0)  # threads of libraries are not waited for


def _answer(request: dict[str, Any], limits: FileLimits) -> Any:
    source, name = request.pop("source"), request["name"]
    try:
        return load(source, **request, limits=limits)
    except ExtractorError as error:
        return error
    except MemoryError:
        return DocumentTooLarge(f"{name}: It takes too much memory to read.")
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent waits for an answer
        return DocumentDamaged(f"{name}: It cannot be read ({type(error).__name__}).")


def limit_addresses(limits: FileLimits) -> None:
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


def _alarm(seconds: int) -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)  # unhandled, it ends the process, even within a library
