"""The child process of a `Loader`, which reads one file after the other."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from extractor.documents.files.limits import FileLimits
from extractor.documents.load import load
from extractor.documents.processes import answer_requests
from extractor.errors import DocumentDamaged, DocumentTooLarge, ExtractorError

__all__ = ["main"]

_GRACE = 15  # seconds after which a process ends itself: its parent ends it earlier, unless it is gone


def main() -> None:
    """Answer until nobody asks any more."""
    answer_requests(_reader)


def _reader(limits: FileLimits) -> Callable[[dict[str, Any]], Any]:
    def answer(request: dict[str, Any]) -> Any:
        _alarm(int(limits.seconds) + _GRACE)
        found = _answer(request, limits)
        _alarm(0)
        return found

    return answer


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


def _alarm(seconds: int) -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)  # unhandled, it ends the process, even within a library
