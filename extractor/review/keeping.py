"""What was used last, kept in memory, so much of it."""

from __future__ import annotations

import threading
from collections import OrderedDict

__all__ = ["Kept"]


class Kept:
    """The bytes that were used last, so many and of such a size in all. Threads may share it."""

    def __init__(self, most: int, size: int) -> None:
        self._most, self._size = most, size
        self._lock = threading.Lock()
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def put(self, key: str, data: bytes) -> None:
        """Keep it; what was not used for long is forgotten."""
        with self._lock:
            self._known[key] = data
            while len(self._known) > self._most or sum(map(len, self._known.values())) > self._size:
                self._known.popitem(last=False)
