"""How many requests may be sent in a second: learned (`Pace`), told by the caller (`Quota`) or the endpoint (`Advice`).

None of them has a clock, or knows of the others. Source of `Pace`: what it is for are token buckets, of which one
request too many at a time empties one; its steps are the window's (see `window.py`).
"""

from __future__ import annotations

import math

from extractor.endpoint.window import Looks

__all__ = ["Advice", "Pace", "Quota", "Sends"]


class Pace:
    """How many a second: evenly spaced, since a bucket may hold one request only. `rate` is learned like the window."""

    def __init__(self, now: float, rate: float, *, learned: bool) -> None:
        self.learned = learned
        self.rate = max(SLOWEST, rate)
        self.due = now
        self._high = 0.0  # the rate from which it was cut, maybe several times
        self._safe = 0.0  # the rate before one looked above
        self._grows = 1.0 if learned else FASTEST  # doublings a second
        self._at = now
        self._looks = Looks()
        self._looks.after(now)
        self._looking_since: float | None = None
        self._count = 0  # sent and not refused
        self._counted_since = now
        self.cut_at = now
        self._looked = 0

    @property
    def fast(self) -> bool:
        """Whether it grows fast."""
        return self._grows >= 1.0

    def sent(self, now: float) -> bool:
        """One was sent. Whether the pace is what it was held up by."""
        interval = 1 / self.rate
        binding = now - self.due < interval / 2
        # Who comes late is given back a fourth at most: so much closer two requests may be.
        self.due = max(self.due, now - interval / 4) + interval
        self._count += 1
        self._grow(now, binding=binding)
        return binding

    def _grow(self, now: float, *, binding: bool) -> None:
        passed, self._at = min(10.0, max(0.0, now - self._at)), max(now, self._at)
        if self._looking_since is not None:
            self._looked += 1
            if now - self._looking_since >= 1.0 and self._looked >= LOOK_TRIES:
                self._looking_since = None
                self._grows = SLOWLY
        elif self._grows:
            self.rate *= 2 ** min(1.0, self._grows * passed)
            self._grows = min(FASTEST, self._grows * 2**passed)
        elif not binding:
            self.rate *= 2 ** min(1.0, FASTEST * passed)
        elif self._looks.due(now):
            self._looking_since, self._looked = now, 0
            self._safe = self.rate
            self.rate *= LOOK_ABOVE

    def refused(self, now: float, started: float, cost: float) -> None:
        """One was refused."""
        self._count -= 1
        if started < self.cut_at:
            return
        passed = now - self._counted_since
        # Between two refusals a bucket gives what it is filled with: its rate, whatever its size.
        found = 0.98 * self._count / passed if self._count >= 16 and passed > 0 else 0.0
        near = self._looking_since is not None or 0.0 < self.rate < NEAR * self._safe
        if near:
            self.rate = 0.8 * self._safe + 0.2 * self.rate if self._grows else self._safe
        elif self._grows:
            self.rate *= 0.9
        else:
            self.rate = min(0.97 * self.rate, max(0.85 * self.rate, found))
        self._safe = 0.0
        self.rate = max(SLOWEST, self.rate)
        if not near:
            self._looks.restart()
        self._looks.after(now, held=near, cost=cost)
        # Cut again and again while hardly one was accepted, it says nothing of the limit any more: it may have been an
        # outage. So it grows, ever faster, from the next that is accepted on.
        collapsed = self._count < FEW
        self._high = max(self._high, self.rate) if collapsed else self.rate
        self._grows = WAKING if collapsed and self.rate < max(1.0, self._high / 8) else 0.0
        self._looking_since = None
        self.cut_at = self._counted_since = now
        self._count = 0

    def wait(self, until: float) -> None:
        """Nothing is sent before then; and then it is begun slowly."""
        self.due = max(self.due, until)
        self._at = max(self._at, until)


FEW = 3
SLOWEST = 0.1  # a second
NEAR = 1.4  # a refusal up to there tells that the rate before was right, and that a bucket had some left
FASTEST = 2.0  # doublings a second
WAKING = 0.02
SLOWLY = 0.1  # and twice as fast after each second
LOOK_ABOVE = 1.05
LOOK_TRIES = 24  # of which one is refused, if it is a twentieth too fast


class Sends:
    """How many were sent and not refused, a second, over the last second or so."""

    def __init__(self) -> None:
        self._since = -math.inf
        self._now = self._before = 0

    def add(self, now: float, number: int = 1) -> None:
        """One was sent (1) or refused (-1)."""
        passed = now - self._since
        if passed > SLOT:
            self._before = self._now if passed <= 2 * SLOT else 0
            self._now, self._since = 0, now
        self._now += number

    def rate(self, now: float) -> float:
        """A second."""
        passed = max(0.1, now - self._since) + (SLOT if self._before else 0.0)
        return max(0, self._now + self._before) / passed


SLOT = 0.5  # seconds


class Quota:
    """So much a minute, as the caller was told: never more in any 60 seconds, and evenly.

    Evenly: a bucket that holds what a second brings. Never more: what was spent in the last minute, in bins.
    """

    def __init__(self, limit: float) -> None:
        self._limit = float(limit)
        self._rate = limit / 60
        self._burst = self._level = max(1.0, self._rate)
        self._at = -math.inf
        self._bins: dict[int, float] = {}
        self._spent = 0.0

    def due(self, now: float, cost: float) -> float:
        """When so much may be spent. What is more than a whole minute's worth goes when nothing else has gone."""
        self._pass(now)
        needed = min(cost, self._burst)
        if self._level < needed - 1e-9:
            return now + (needed - self._level) / self._rate
        if self._spent + min(cost, self._limit) > self._limit + 1e-9:
            return (math.floor(now / BIN) + 1) * BIN
        return now

    def spend(self, now: float, cost: float) -> None:
        """Spend it. What is more than the bucket holds is owed."""
        self._pass(now)
        self._level -= cost
        self._book(math.floor(now / BIN), cost)

    def correct(self, now: float, started: float, more: float) -> None:
        """What was spent then was more than it was taken for, or less."""
        self._pass(now)
        more = min(more, 60.0 * self._rate)  # no more than a minute's worth is owed for one, whatever it says
        self._level = min(self._burst, self._level - more)
        then = math.floor(started / BIN)
        self._book(then if then in self._bins else math.floor(now / BIN), more)

    def _book(self, number: int, cost: float) -> None:
        cost = max(cost, -self._bins.get(number, 0.0))
        self._bins[number] = self._bins.get(number, 0.0) + cost
        self._spent += cost

    def _pass(self, now: float) -> None:
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(now, self._at)
        gone = math.floor(now / BIN) - BINS
        while self._bins and (oldest := next(iter(self._bins))) < gone:
            self._spent -= self._bins.pop(oldest)
        if not self._bins:
            self._spent = 0.0  # no rounding error stays


BIN = 0.25  # seconds
BINS = 240  # a minute of them


class Advice:
    """A pace that the endpoint itself advises, until some time."""

    def __init__(self, now: float) -> None:
        self._interval = 0.0
        self.until = self.due = now

    def say(self, rate: float, until: float) -> None:
        """Give the latest."""
        self._interval = 1 / max(SLOWEST, rate)
        self.until = until

    def sent(self, now: float) -> None:
        """One was sent."""
        self.due = min(self.until, max(self.due, now) + self._interval)
