"""How many requests may be under way at a time, learned from what is accepted and what is refused. No clock.

`Window` is the limit itself, `Looks` says when it is worth looking above it, `Rounds` whether more would bring more.
"""

from __future__ import annotations

import math

__all__ = ["Looks", "Spread", "Window"]

# At first: few enough to be no burst for a small endpoint (RFC 6928 has 10), and from there a few doublings reach the
# limits of most.
START = 16
FIRST_GAP = 0.05  # seconds, while nothing was accepted yet
FIRST_LOOK = 0.5  # seconds from a cut to the first look above
# A look above costs one refusal. It is taken again after twice the time if it was refused, up to this, which is also
# how late one notices that a limit has gone up; and not before so many were accepted, so that it stays below 2 %.
LAST_LOOK = 6.0
LOOK_EVERY = 100
GAINS = 3  # looks in a row that find room: a request may also pass because another's answer is still on its way
LOOK_SHARE = 25.0  # a look that costs a pause of a second is taken once in so many seconds at most


class Highest:
    """The highest number of the last one to two spans of time."""

    def __init__(self) -> None:
        self._since = -math.inf
        self._now = self._before = 0

    def add(self, now: float, number: int, span: float) -> None:
        """Count a number."""
        if now - self._since > span:
            self._before = self._now if now - self._since <= 2 * span else 0
            self._now, self._since = 0, now
        self._now = max(self._now, number)

    def value(self) -> int:
        """The highest."""
        return max(self._now, self._before)


class Spread:
    """Where numbers lie: the mean of the last ones, and how far from it they are on average."""

    def __init__(self) -> None:
        self._mean = self._deviation = 0.0

    def add(self, number: float) -> None:
        """Count a number."""
        self._mean += (number - self._mean) / 16
        self._deviation += (abs(number - self._mean) - self._deviation) / 16

    def above(self, number: float) -> bool:
        """Whether a number is one of the high ones."""
        return number > self._mean + self._deviation


class Looks:
    """When to look above a limit: ever more rarely while it holds, at once again when it has gone up."""

    def __init__(self) -> None:
        self._spacing = FIRST_LOOK
        self._at = math.inf
        self._count = 0

    def restart(self) -> None:
        """The limit has changed."""
        self._spacing = FIRST_LOOK

    @property
    def fresh(self) -> bool:
        """Whether no look was refused yet."""
        return self._spacing == FIRST_LOOK

    def go_on(self, now: float) -> None:
        """There was room above: look further at once."""
        self._at, self._count = now, LOOK_EVERY

    def after(self, now: float, *, held: bool = False, cost: float = 0.0) -> None:
        """Look again later. `held`: one has looked, and was refused. `cost`: how long that keeps all waiting, in s."""
        if held:
            self._spacing = min(LAST_LOOK, 2 * self._spacing)
        self._at = now + max(self._spacing, LOOK_SHARE * cost)
        self._count = 0

    def due(self, now: float) -> bool:
        """Whether it is time, after one more was accepted."""
        self._count += 1
        return now >= self._at and self._count >= LOOK_EVERY * self._spacing / LAST_LOOK


class Window:
    """How many may be under way at a time: `size`, a whole number.

    It rises by one for each accepted request while it is full, that is, it doubles in every round trip, until one is
    refused; then it stays one below what was refused, and looks above by one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = min(START, most)
        self.rising = True
        self.cut_at = -math.inf
        self._floor = 1
        self._proved = Highest()
        self._strain, self._most_strain = 0.0, MOST_STRAIN
        self._depth = 1  # of a cut: twice as deep as the last, until something that was sent after it is accepted
        self._borne = True
        self.sent = 0  # since the last cut, as the governor counts
        self._looks = Looks()
        self._looking_since: float | None = None
        self._gains = 0  # looks that found room, one after the other
        self._doubted = -math.inf
        self._doubts = 0  # during a look
        self._known = False  # whether there is a limit at all
        self._rounds = Rounds()

    def gap(self, seconds: float) -> float:
        """The least time from one request to the next, once anything was refused: a few at once may be too many for a
        bucket that bears as many a second. `seconds` is what a request takes.

        Linux paces TCP so too, at 2 and 1.2 times the mean rate. A small window would suffer from
        that: chance is greater there.
        """
        if self.cut_at == -math.inf:
            return 0.0
        return seconds / ((2.0 if self.rising else 1.25) * self.size + 6) if seconds else FIRST_GAP

    def explains(self, under_way: int) -> bool:
        """Whether a refusal is explained by how many were under way: more than in any lately accepted one."""
        return under_way > self._proved.value()

    def strained(self, started: float) -> bool:
        """Count a refusal. Whether there are too many of them for the window to be what is refused."""
        if self._known and self._looking_since is None and started >= self.cut_at:
            # If all that was sent since the last cut is refused, the limit has gone down: that is no strain.
            self._strain += 1.0 if self.sent >= BORNE else 0.2
        return self._strain > self._most_strain

    def accepted(self, now: float, started: float, under_way: int, *, full: bool, span: float) -> None:
        """A request was accepted. `full`: as many as may be are under way, and others wait. `span`: see `Highest`."""
        self._proved.add(now, under_way, span)
        self._strain = max(0.0, self._strain - RELIEF)
        self._borne = self._borne or started >= self.cut_at
        looking = self._looking_since
        if looking is not None and started >= looking and under_way >= self.size:
            self._looking_since = None
            self._looks.go_on(now)
            self._gains += 1
            if self._gains >= GAINS or self._looks.fresh:
                self.rising = True
                self._rounds = Rounds()
        if not full:
            self._rounds.interrupt()
            return
        if self.rising:
            self._rise(now)
        elif self._rounds.flat:
            self.size = min(self._most, self._rounds.hold(now, self.size))
            self.rising = not self._rounds.flat
        elif looking is None and self.size < self._most and self._looks.due(now):
            self._looking_since, self._doubts = now, 0
            self.size += 1

    def _rise(self, now: float) -> None:
        if self.size < self._most:
            self.size += 1
        self.size = self._rounds.rise(now, self.size)
        self.rising = not self._rounds.flat

    def doubt(self, now: float, under_way: int) -> None:
        """As many as are borne otherwise were too many, it seems, or it failed by chance: one step, and more rarely
        than looks go up, so that chance alone does not bring it down.
        """
        if self._looking_since is not None and under_way >= self.size:
            self._doubts += 1
            if self._doubts >= DOUBTS:
                self._looking_since, self._gains = None, 0
                self._looks.after(now, held=True)
                self.size -= 1
        elif under_way >= self.size > 1 and not self.rising and now - self._doubted >= 1.5 * LAST_LOOK:
            self._doubted = now
            self.size -= 1

    def strain_more(self) -> None:
        """It was the window after all: have it borne longer before something else is blamed again."""
        self._most_strain = min(16 * MOST_STRAIN, 2 * self._most_strain)

    def release(self) -> None:
        """Something else is what is refused: this only has to be wide enough."""
        self.rising, self._looking_since = True, None
        self._rounds = Rounds()
        self._strain = 0.0

    def refused(self, now: float, started: float, under_way: int, cost: float) -> None:
        """A request was refused, which the window explains."""
        if started >= self.cut_at:
            # What is in flight now tells of the same moment: together they cut once, and not to less than half.
            self.cut_at = now
            self._floor = max(1, self.size // 2)
            self._depth = 1 if self._borne or self.rising or self.sent >= BORNE else 2 * self._depth
            self._borne, self.sent = False, 0
            if self._depth > 1:
                self._looks.restart()
            self._looks.after(now, held=self._looking_since is not None, cost=cost)
            self._looking_since, self._gains = None, 0
            self._rounds = Rounds()
        below = under_way - self._depth
        self.size = max(self._floor, min(self.size, below))
        # A first burst of which nearly all is refused was too fast rather than too many: there is no ceiling yet.
        self._known = self._known or below >= self._floor
        self.rising = not self._known


DOUBTS = 2  # before one of a look's requests is accepted
BORNE = 10  # that were sent since the last cut before one was refused
MOST_STRAIN = 3.0  # refusals
RELIEF = 0.015  # an accepted request relieves so much of a refusal


class Rounds:
    """Whether a larger window brings more: the throughput of each round trip beside that of the rounds before.

    Without a queue at the other end twice the window is twice the throughput; with one it only waits longer. The time
    of an answer would say so too, but that of a model varies tenfold by nature.
    """

    def __init__(self) -> None:
        self.flat = False
        self._since: float | None = None
        self._count = 0
        self._length = 0
        self._best = 0.0
        self._size = 0  # of the window at the start of the round
        self._held = 0  # the window to go back to
        self._vain = 0  # rounds that brought nothing
        self._look_at = math.inf
        self._spacing = 8.0
        self._trying = False

    def interrupt(self) -> None:
        """The window was not used: nothing is known of this round."""
        self._since = None

    def _round(self, now: float, size: int, least: int) -> float | None:
        """The throughput of the round that ends now; None within one."""
        if self._since is None:
            self._since, self._count, self._size = now, 0, size
            self._length = max(least, size)
            return None
        self._count += 1
        if self._count < self._length or now <= self._since:
            return None
        found = self._count / (now - self._since)
        self._since = None
        return found

    def rise(self, now: float, size: int) -> int:
        """The window, one larger, or back to where it was when two rounds have brought nothing."""
        found = self._round(now, size, START)
        if found is None:
            return size
        if found >= RISEN * self._best:
            self._best, self._vain = found, 0
            return size
        self._vain += 1
        if self._vain == 1:
            self._held = self._size
            return size
        self.flat, self._look_at = True, now + self._spacing
        self._best = 0.0  # of a longer round, from here on
        return self._held

    def hold(self, now: float, size: int) -> int:
        """The window on the plateau: now and then a fourth more, kept if it brings more."""
        found = self._round(now, size, PLATEAU_ROUND)
        if found is None:
            return size
        if self._trying:
            self._trying = False
            if found >= WORTH * self._best:
                self.flat, self._vain, self._best = False, 0, found
                return size
            self._spacing = min(60.0, 2 * self._spacing)
            self._look_at = now + self._spacing
            return self._held
        self._best = found if self._best == 0.0 else 0.7 * self._best + 0.3 * found
        if now < self._look_at:
            return size
        self._trying, self._held = True, size
        return size + max(1, size // 4)


RISEN = 1.2  # twice the window brings at least so much more; twofold, were it not for chance
WORTH = 1.12  # a fourth more brings at least this
PLATEAU_ROUND = 256  # accepted ones: the error of their throughput is some 6 %
