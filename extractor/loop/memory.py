"""What endpoints have refused, so that nobody pays for the same refusal twice.

It is remembered for an hour, since endpoints get better and a process may run for days.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Lesson", "Memory", "memory"]

REMEMBERED_SECONDS = 3600.0
REMEMBERED = 1_024  # endpoints, and schemas at them


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """That `what` (a mode, a field, a schema less slim) is refused by `where` (an endpoint and model; and schema)."""

    where: Hashable
    what: tuple[str, Any]


class Memory:
    """What endpoints have refused, for all extractors of the process. Bounded, thread-safe, nothing on disk.

    `version` changes whenever something is learned or forgotten.
    """

    def __init__(
        self,
        size: int = REMEMBERED,
        seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.version = 0
        self._size = size
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[Hashable, dict[tuple[str, Any], float]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, *places: Hashable) -> tuple[frozenset[tuple[str, Any]], float]:
        """What is refused there, and until when that holds (infinite where nothing is)."""
        now = self._clock()
        known: dict[tuple[str, Any], float] = {}
        with self._lock:
            for place in places:
                if place in self._known:
                    self._known.move_to_end(place)
                    known |= {what: until for what, until in self._known[place].items() if until > now}
        return frozenset(known), min(known.values(), default=math.inf)

    def learn(self, lessons: Iterable[Lesson]) -> None:
        """Remember lessons; the places that were asked for least recently make room."""
        until = self._clock() + self._seconds
        with self._lock:
            for lesson in lessons:
                self._known.setdefault(lesson.where, {})[lesson.what] = until
                self._known.move_to_end(lesson.where)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
            self.version += 1

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self.version += 1

    def _after_fork(self) -> None:
        """A lock of our own: the parent's may have been held by a thread that is not in this process."""
        self._lock = threading.Lock()


memory = Memory()
"""The memory of this process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=memory._after_fork)
