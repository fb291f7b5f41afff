"""Many documents, side by side: which may begin, which may be shown, and when it is over. No I/O, no clock.

`Line` is told what happens and asked what may be done; `Intake` takes from a feed what may begin. Threads (`mapping`)
and tasks (`mapping_async`) carry it out. Not safe for threads, but for `stop` and `asked`.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from extractor.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    DocumentError,
    ExtractorError,
    JobError,
    OptionError,
    ServerError,
    TargetFailed,
    TimedOut,
)
from extractor.result import DocumentResult
from extractor.several.feed import Feed, Work
from extractor.several.pieces import is_final

__all__ = ["IN_A_ROW", "Intake", "Line", "Outage", "at_most", "ends_all"]

T = TypeVar("T")

IN_A_ROW = 20
"""Documents that fail since nobody answers, and none that does not, before the endpoint is taken to be gone."""
FEW = 8
"""Under way without asking whether there is room: others who wait for the same endpoint must not keep this out."""
PREPARING = 32
"""Begun, but without anything extracted yet, whatever else is under way: they are being read, or just begin."""
AHEAD = 64
"""Begun, but not yet shown, where they are shown in their order and few are under way."""

_ONE_DOCUMENT = (DocumentError, TargetFailed, DeadlineExceeded)
_GONE = (ConnectionFailed, TimedOut, ServerError)


def ends_all(error: BaseException) -> bool:
    """Whether every other document would fail in the same way."""
    return isinstance(error, ExtractorError) and is_final(error) and not isinstance(error, _ONE_DOCUMENT)


def at_most(concurrency: int | None, most: int) -> int:
    """How many documents may be under way. Raises `OptionError` for what is no number of at least 1."""
    if concurrency is None:
        return most
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise OptionError("concurrency must be a whole number, at least 1.", option="concurrency")
    return min(concurrency, most)


class Outage:
    """Counts the documents in a row that nobody answered: there is no use in going through ten thousand more."""

    def __init__(self) -> None:
        self._unanswered = 0

    def after(self, error: ExtractorError | None, under_way: int) -> ExtractorError | None:
        """The error with which no more should begin, once a document ended with this one; else None."""
        if isinstance(error, DocumentError):
            return None  # nobody was asked
        self._unanswered = self._unanswered + 1 if isinstance(error, _GONE) else 0
        # Those that were under way when it went all fail: that may be one moment only.
        if error is None or self._unanswered < max(IN_A_ROW, under_way):
            return None
        last = copy.copy(error)  # the result keeps its own
        last.add_note(f"So did {self._unanswered} documents in a row: no more were begun.")
        return last


class Line(Generic[T]):
    """The documents that are under way, and those that are finished but not yet shown: at most `most` of both.

    With `ordered` they are shown by their numbers, which must be 0, 1, 2 … of the input; then what is finished too
    soon waits, and up to four times as many as are under way may be ahead.
    """

    def __init__(self, *, most: int, ordered: bool) -> None:
        self.error: BaseException | None = None
        """What is to be raised once all that is under way is finished and shown."""
        self.fault: BaseException | None = None
        """What is to be raised at once: an error that is none of a document."""
        self.put_off = 0
        """Works in a row that came to nothing, since somebody else is at their documents."""
        self._most = most
        self._ordered = ordered
        self._under_way: set[Hashable] = set()
        self._preparing: set[Hashable] = set()
        self._widest = 0
        self._finished: list[tuple[int, int, DocumentResult[T]]] = []  # a heap: by number, or as they came
        self._came = 0
        self._next = 0  # the number that is shown next
        self._ended = False
        self._stopped = False
        self._outage = Outage()

    # ------------------------------------------------------------------------------------- what may be done

    @property
    def under_way(self) -> int:
        """How many have begun and are not finished."""
        return len(self._under_way)

    @property
    def begins(self) -> bool:
        """Whether any more will ever begin."""
        return not (self._ended or self._stopped or self.error is not None)

    @property
    def ready(self) -> bool:
        """Whether a result can be shown."""
        if not self._finished:
            return False
        # At the end there may be gaps: of documents that failed for all, or were put off.
        return not self._ordered or self._finished[0][0] <= self._next or not (self._under_way or self.begins)

    @property
    def over(self) -> bool:
        """Whether nothing is left to wait for, nor to be shown: then comes `error`, if there is one."""
        return not (self._under_way or self._finished or self.begins)

    @property
    def full(self) -> bool:
        """Whether none may begin before one is finished, or shown."""
        under_way, finished = len(self._under_way), len(self._finished)
        if not under_way and not self.ready:
            return False  # else it would wait for ever for a number that was put off
        ahead = max(AHEAD, 4 * self._widest) if self._ordered else self._most
        return under_way >= self._most or under_way + finished >= ahead

    def may_begin(self, room: Callable[[], bool]) -> bool:
        """Whether one more may begin; `room` says whether one more would be of use at the endpoint."""
        under_way = len(self._under_way)
        if not self.begins or self.full or len(self._preparing) >= max(PREPARING, under_way // 2):
            return False
        return under_way < FEW or room()

    # ------------------------------------------------------------------------------------------ what happens

    def begin(self, ticket: Hashable) -> None:
        """One more begins; the ticket is its own. May be said twice."""
        if ticket not in self._under_way:
            self._preparing.add(ticket)
            self._under_way.add(ticket)
            self._widest = max(self._widest, len(self._under_way))

    def asked(self, ticket: Hashable) -> None:
        """Something is being extracted for it: it is prepared. From any thread."""
        self._preparing.discard(ticket)

    def came(self, ticket: Hashable, result: DocumentResult[T] | None) -> None:
        """It is finished; None: it was put off. May be said twice."""
        if not self._left(ticket):
            return
        if result is None:
            self.put_off += 1
            return
        self.put_off = 0
        if not result.restored:
            if result.error is not None and ends_all(result.error):
                self.fail(result.error)
                return
            gone = self._outage.after(result.error, len(self._under_way))
            if gone is not None and self.begins:
                self.fail(gone)
        self._came += 1
        heapq.heappush(self._finished, (result.number if self._ordered else self._came, self._came, result))

    def raised(self, ticket: Hashable, error: BaseException) -> None:
        """Its work raised: an error for all, or a fault. May be said twice."""
        if not self._left(ticket):
            return
        if isinstance(error, ExtractorError) and not isinstance(error, JobError):
            self.fail(error)
        else:  # what is under way cannot be kept, either, where a job cannot
            self.fault = self.fault or error

    def fail(self, error: BaseException) -> None:
        """Begin no more: this is raised once what is under way is finished and shown. The first one counts."""
        self.error = self.error or error

    def end(self) -> None:
        """There are no more documents."""
        self._ended = True

    def stop(self) -> None:
        """Begin no more. From any thread, and from signal handlers."""
        self._stopped = True

    def shown(self) -> DocumentResult[T]:
        """The result that is shown now: there must be one that is `ready`."""
        number, _, result = heapq.heappop(self._finished)
        self._next = max(self._next, number + 1)
        return result

    def _left(self, ticket: Hashable) -> bool:
        known = ticket in self._under_way
        self._under_way.discard(ticket)
        self._preparing.discard(ticket)
        return known


BATCH = 16
"""Begun at once: then they are given a moment to get to the endpoint, where `room` sees them."""
SOON = 0.02
"""Seconds after which it may have changed whether more may begin, by itself."""
LATER = 0.05
"""Seconds after which a feed is asked again that has none for now."""
LONG = 0.25
"""Seconds: where nothing has to be looked at. But some systems see Ctrl-C between waits only."""


class Intake(Generic[T]):
    """What is taken from a feed, as soon as it may begin and no sooner."""

    def __init__(
        self,
        line: Line[T],
        feed: Feed[T],
        room: Callable[[], bool],
        *,
        waits: Callable[[], bool] = lambda: False,
    ) -> None:
        self._line = line
        self._feed = feed
        self._room = room
        self._waits = waits  # whether the next document is still to come; asked only where it may begin
        self._works: Iterator[Work[T] | None] | None = None
        self._ahead: deque[Work[T] | None] = deque()  # one at most
        self._interrupted: BaseException | None = None
        self._rest = -math.inf

    def works(self, now: float) -> Iterator[Work[T]]:
        """Those that begin now; `now` is monotonic time in seconds."""
        for _ in range(1 if self._line.ready else BATCH):
            if now < self._rest or not self._line.may_begin(self._room) or self._waits() or not self._has_next():
                return
            work = self._ahead[0]
            if work is not None:
                yield work
            self._ahead.popleft()
            if work is None or self._line.put_off >= FEW:  # others are at the rest
                self._line.put_off = 0
                self._rest = now + LATER

    @property
    def pause(self) -> float:
        """Seconds until it is worth asking again, at the latest."""
        if not self._line.begins or self._line.full:
            return LONG
        return SOON

    def _has_next(self) -> bool:
        """Whether there is one more: it is in `_ahead` then. What the caller's own iterable raises ends it."""
        if self._ahead:
            return True
        try:
            if self._works is None:
                self._works = self._feed.works()
            self._ahead.extend(itertools.islice(self._works, 1))  # in one go: Ctrl-C finds it there, or not taken
        except Exception as error:  # noqa: BLE001  # raised later
            self._line.fail(error)
            return False
        except BaseException as error:
            self._interrupted = error
            raise
        if self._ahead:
            self._interrupted = None
        elif self._interrupted is not None:  # a generator that was interrupted has no more, whatever it still had
            self._line.fail(self._interrupted)
        else:
            self._line.end()
        return bool(self._ahead)
