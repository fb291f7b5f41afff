"""What was used last, kept in memory: so many values, of such a size in all."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["LruCache"]

T = TypeVar("T")


class LruCache(Generic[T]):
    """The values that were used last: at most `most` of them, and of no more than `size` in all, as `size_of` counts
    it; but always the newest. Threads may share it.
    """

    def __init__(self, most: int, size: float = float("inf"), size_of: Callable[[Any], int] = len) -> None:
        self._most, self._size, self._size_of = most, size, size_of
        self._lock = threading.Lock()
        self._known: OrderedDict[Any, T] = OrderedDict()

    def get(self, key: Any) -> T | None:
        """What is kept under a key."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: Any, value: T) -> None:
        """Keep a value; what was not used for long is forgotten."""
        with self._lock:
            self._known[key] = value
            self._known.move_to_end(key)
            while len(self._known) > 1 and (len(self._known) > self._most or self._is_too_large()):
                self._known.popitem(last=False)

    def drop(self, key: Any) -> None:
        """Forget what is kept under a key, if anything is."""
        with self._lock:
            self._known.pop(key, None)

    def _is_too_large(self) -> bool:
        return self._size < float("inf") and sum(map(self._size_of, self._known.values())) > self._size
