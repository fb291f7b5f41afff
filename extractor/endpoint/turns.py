"""Those who wait for a place, served fairly: round robin over their shares, first come first served within one.

A share is whatever its requests name: a batch of ten thousand documents is one, a single call another. Who has begun
a document already goes before who has not, within one share. Every operation takes constant time, and who gives up
leaves nothing behind.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

__all__ = ["Turn", "Turns"]


class Turn:
    """A place in the queue.

    `granted` turns True once, when its holder may send. `not_before` is the monotonic time before which the holder
    need not ask the governor again (infinite: never by itself; of all who wait one has a time). `wake`, set by the
    holder, is called from any thread once it is granted, or `not_before` comes nearer: set it first, and look at the
    other two after that. `under_way` is what the result of the request has to say (see `Result.under_way`).
    """

    __slots__ = ("granted", "not_before", "share", "started", "tokens", "under_way", "waiting", "wake")

    def __init__(self, *, tokens: int = 0, share: Hashable = None, started: bool = False) -> None:
        self.granted = False
        self.wake: Callable[[], None] | None = None
        self.not_before = math.inf
        self.under_way = 0
        self.tokens = tokens
        self.share = share
        self.started = started
        self.waiting = False


class Turns:
    """The queue. Not safe for threads: the governor's lock is around it."""

    def __init__(self) -> None:
        # Of each share first those who have begun a document, then the others. OrderedDict: it alone takes its first
        # entry, and any other, in constant time.
        self._shares: OrderedDict[Hashable, tuple[_Line, _Line]] = OrderedDict()
        self._length = 0

    def of(self, share: Hashable) -> int:
        """How many of a share wait."""
        lines = self._shares.get(share)
        return sum(map(len, lines)) if lines else 0

    def __len__(self) -> int:
        return self._length

    def add(self, turn: Turn) -> None:
        """Let a turn wait."""
        lines = self._shares.get(turn.share)
        if lines is None:
            lines = self._shares[turn.share] = (OrderedDict(), OrderedDict())
        lines[not turn.started][turn] = None
        turn.waiting = True
        self._length += 1

    def first(self) -> Turn:
        """Who is next. There must be somebody."""
        begun, others = next(iter(self._shares.values()))
        return next(iter(begun or others))

    def take(self) -> Turn:
        """Take who is next out; the next share's turn comes after it."""
        turn = self.first()
        self.remove(turn)
        if turn.share in self._shares:
            self._shares.move_to_end(turn.share)
        return turn

    def remove(self, turn: Turn) -> None:
        """Take out one who waits."""
        lines = self._shares[turn.share]
        del lines[not turn.started][turn]
        turn.waiting = False
        self._length -= 1
        if not lines[0] and not lines[1]:
            del self._shares[turn.share]


_Line = OrderedDict[Turn, None]
