"""Who has which document open right now: in memory, and forgotten when nothing is heard of them for a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Presence"]

SECONDS = 60.0
PEOPLE = 1_000  # that are remembered: more are a program's doing


class Presence:
    """Where people are, by what they call themselves. Threads may share it; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, float]] = {}

    def came(self, who: str, document: int) -> None:
        """Somebody has a document open, and no other any more."""
        with self._lock:
            self._seen.pop(who, None)
            self._seen[who] = (document, self._clock())
            while len(self._seen) > PEOPLE:
                self._seen.pop(next(iter(self._seen)))

    def here(self, document: int, but: str = "") -> list[str]:
        """Who has a document open, except for one person."""
        return self.everywhere(but).get(document, [])

    def everywhere(self, but: str = "") -> dict[int, list[str]]:
        """Who is where, except for one person."""
        until = self._clock() - SECONDS
        found: dict[int, list[str]] = {}
        with self._lock:
            for who, (document, at) in self._seen.items():
                if at >= until and who != but:
                    found.setdefault(document, []).append(who)
        return found
