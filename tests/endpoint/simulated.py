"""Endpoints with hidden limits, and many clients before them, simulated event by event: no clock, no network.

`run` lets clients that always have something to send ask a governor (or a fixed window) and gives what came of it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from extractor.endpoint.governor import Governor, Result, Turn
from extractor.endpoint.hints import Hints

Value = Callable[[float], float]
"""Something that changes with time: seconds since the beginning → the value."""


def steady(value: float) -> Value:
    """What does not change."""
    return lambda now: value


def changing(before: float, at: float, after: float) -> Value:
    """What changes once."""
    return lambda now: before if now < at else after


@dataclass(kw_only=True)
class Latency:
    """Seconds that an answer takes: `mean`, and a tenfold spread (95th to 5th percentile, log-normal) or another."""

    mean: float
    spread: float = 10.0

    def draw(self, rng: random.Random) -> float:
        sigma = math.log(self.spread) / 3.29
        return rng.lognormvariate(math.log(self.mean) - sigma * sigma / 2, sigma) if sigma else self.mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What an endpoint answers, `seconds` after the request has arrived."""

    seconds: float
    refused: bool = False
    overloaded: bool = False
    retry_after: float | None = None
    headers: Mapping[str, str] | None = None


class Endpoint(Protocol):
    """A server. It is asked in the order of time."""

    def arrive(self, now: float) -> Answer: ...
    def leave(self, now: float) -> None:
        """An accepted one is done."""


@dataclass(kw_only=True)
class Concurrent:
    """Refuses more than `limit` at a time."""

    limit: Value
    latency: Latency
    rng: random.Random
    retry_after: float | None = None
    overloaded: bool = False
    flaky: float = 0.0
    active: int = 0

    def arrive(self, now: float) -> Answer:
        if self.flaky and self.rng.random() < self.flaky:
            return Answer(seconds=0.0, overloaded=True)
        if self.active >= self.limit(now):
            refused = not self.overloaded
            return Answer(seconds=0.0, refused=refused, overloaded=self.overloaded, retry_after=self.retry_after)
        self.active += 1
        return Answer(seconds=self.latency.draw(self.rng))

    def leave(self, now: float) -> None:
        self.active -= 1


@dataclass(kw_only=True)
class Bucket:
    """A token bucket: `rate` a second, `burst` at once. `headers`: tell what is left, as OpenAI does."""

    rate: Value
    burst: float
    latency: Latency
    rng: random.Random
    retry_after: float | None = None
    headers: bool = False
    level: float = math.inf
    at: float = 0.0

    def arrive(self, now: float) -> Answer:
        self.level = min(self.burst, self.level + (now - self.at) * self.rate(now))
        self.at = now
        if self.level < 1:
            return Answer(seconds=0.0, refused=True, retry_after=self.retry_after, headers=self._said(now))
        self.level -= 1
        return Answer(seconds=self.latency.draw(self.rng), headers=self._said(now))

    def _said(self, now: float) -> Mapping[str, str] | None:
        if not self.headers:
            return None
        return {
            "x-ratelimit-limit-requests": str(int(self.burst)),
            "x-ratelimit-remaining-requests": str(int(self.level)),
            "x-ratelimit-reset-requests": f"{(self.burst - self.level) / self.rate(now):.3f}s",
        }

    def leave(self, now: float) -> None:
        pass


@dataclass(kw_only=True)
class Minute:
    """So many in each minute of the clock (or another window), told in the IETF's fields."""

    limit: int
    latency: Latency
    rng: random.Random
    window: float = 60.0
    headers: bool = True
    used: int = 0
    number: int = -1

    def arrive(self, now: float) -> Answer:
        number = int(now // self.window)
        if number != self.number:
            self.number, self.used = number, 0
        left = self.window - now % self.window
        if self.used >= self.limit:
            after = math.ceil(left) if self.headers else None
            return Answer(seconds=0.0, refused=True, retry_after=after, headers=self._said(left))
        self.used += 1
        return Answer(seconds=self.latency.draw(self.rng), headers=self._said(left))

    def _said(self, left: float) -> Mapping[str, str] | None:
        if not self.headers:
            return None
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.limit - self.used),
            "ratelimit-reset": str(math.ceil(left)),
        }

    def leave(self, now: float) -> None:
        pass


@dataclass(kw_only=True)
class Queued:
    """Works on `workers` at a time and lets all others wait: nothing is refused, it only takes longer."""

    workers: int
    latency: Latency
    rng: random.Random
    free: list[float] = field(default_factory=list)

    def arrive(self, now: float) -> Answer:
        if not self.free:
            self.free = [0.0] * self.workers
        begun = max(now, heapq.heappop(self.free))
        done = begun + self.latency.draw(self.rng)
        heapq.heappush(self.free, done)
        return Answer(seconds=done - now)

    def leave(self, now: float) -> None:
        pass


@dataclass(kw_only=True)
class Outcome:
    """What came of a run: the times of all that was sent, accepted, refused; and the window over time."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    windows: list[tuple[float, int, float]] = field(default_factory=list)
    most: int = 0

    def throughput(self, since: float, until: float) -> float:
        """Accepted ones a second."""
        return sum(since <= each < until for each in self.accepted) / (until - since)

    def refused_share(self, since: float, until: float) -> float:
        """The part of the answers that refuse."""
        refused = sum(since <= each < until for each in self.refused)
        accepted = sum(since <= each < until for each in self.accepted)
        return refused / max(1, refused + accepted)

    def time_to(self, throughput: float, *, slot: float = 0.5) -> float:
        """The end of the first slot of time in which at least so many a second were accepted."""
        counts: dict[int, int] = {}
        for each in self.accepted:
            counts[int(each / slot)] = counts.get(int(each / slot), 0) + 1
        return next((slot * (n + 1) for n in sorted(counts) if counts[n] / slot >= throughput), math.inf)


class Fixed:
    """As a governor, but with a window that stays."""

    def __init__(self, window: int) -> None:
        self.window, self.in_flight, self.waiting = window, 0, [list[Turn]()]
        self.rate = math.nan

    def enter(self, now: float) -> Turn | None:
        if self.in_flight < self.window:
            self.in_flight += 1
            return None
        turn = Turn()
        self.waiting[0].append(turn)
        return turn

    def poll(self, now: float) -> float | None:
        return None

    def left(self, now: float, result: Result) -> None:
        self.in_flight -= 1
        if self.waiting[0]:
            turn = self.waiting[0].pop()
            self.in_flight += 1
            turn.granted = True
            assert turn.wake is not None
            turn.wake()


class Simulation:
    """Clients that send one request after the other, over a network with some delay each way."""

    def __init__(self, endpoint: Endpoint, governor: Governor | Fixed, *, clients: int, seed: int) -> None:
        self._endpoint = endpoint
        self._governor = governor
        self._clients = clients
        self._rng = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()
        self._polls = math.inf
        self.outcome = Outcome()

    def _at(self, time: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), what))

    def run(self, seconds: float) -> Outcome:
        for _ in range(self._clients):
            self._at(0.0, self._enter)
        shown = 0.0
        while self._events:
            now, _, what = heapq.heappop(self._events)
            if now > seconds:
                break
            what(now)
            if now >= shown:
                pace = getattr(self._governor, "_pace", None)
                shown = now + 0.05
                self.outcome.windows.append((now, self._governor.window, pace.rate if pace else math.nan))
        return self.outcome

    def _enter(self, now: float) -> None:
        turn = self._governor.enter(now)
        if turn is None:
            self._send(now, self._governor.in_flight)
            return
        granted = turn
        # One is woken in the time of whoever wakes.
        turn.wake = lambda: self._woken(granted)
        self._look(now)

    def _woken(self, turn: Turn) -> None:
        if turn.granted:
            self._at(self._now, lambda now: self._send(now, turn.under_way))
        elif turn.not_before < math.inf:
            self._at(max(self._now, turn.not_before), self._poll)

    _now = 0.0

    def _poll(self, now: float) -> None:
        self._now = now
        if now >= self._polls:
            self._polls = math.inf
        self._look(now)

    def _look(self, now: float) -> None:
        self._now = now
        wait = self._governor.poll(now)
        if wait is not None and now + wait < self._polls - 1e-9:
            # A timer is late by up to a millisecond.
            self._polls = now + wait
            self._at(now + wait + self._rng.random() * 0.001, self._poll)

    def _delay(self) -> float:
        return 0.008 + self._rng.random() * 0.004  # seconds, one way

    def _send(self, now: float, under_way: int) -> None:
        self.outcome.most = max(self.outcome.most, self._governor.in_flight)
        self._at(now + self._delay(), lambda arrived: self._arrive(arrived, now, under_way))

    def _arrive(self, now: float, sent: float, under_way: int) -> None:
        answer = self._endpoint.arrive(now)
        done = now + answer.seconds
        if not answer.refused and not answer.overloaded:
            self._at(done, self._endpoint.leave)
        self._at(done + self._delay(), lambda back: self._back(back, sent, under_way, answer))

    def _back(self, now: float, sent: float, under_way: int, answer: Answer) -> None:
        self._now = now
        bad = answer.refused or answer.overloaded
        (self.outcome.refused if bad else self.outcome.accepted).append(now)
        result = Result(
            seconds=now - sent,
            refused=answer.refused,
            overloaded=answer.overloaded,
            retry_after=answer.retry_after,
            hints=Hints.of(answer.headers, now) if answer.headers else None,
            under_way=under_way,
        )
        self._governor.left(now, result)
        self._at(now + (0.1 + 0.2 * self._rng.random() if bad else 0.0), self._enter)
        self._look(now)


def run(
    endpoint: Endpoint, governor: Governor | Fixed, *, seconds: float, clients: int = 600, seed: int = 1
) -> Outcome:
    """What comes of it."""
    return Simulation(endpoint, governor, clients=clients, seed=seed).run(seconds)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """An endpoint made anew from random numbers, how long it is asked, and when its limit changes, if it does.

    `best` is the throughput that it can give, before and after the change, where that can be said beforehand.
    """

    endpoint: Callable[[random.Random], Endpoint]
    best: float
    after: float | None = None
    change: float = 30.0
    seconds: float = 60.0
    clients: int = 600
    settled: float = 10.0

    def play(self, governor: Governor | Fixed, seed: int = 1) -> Outcome:
        """Run it."""
        endpoint = self.endpoint(random.Random(seed))
        return run(endpoint, governor, seconds=self.seconds, clients=self.clients, seed=seed + 1)


def _concurrent(
    limit: float,
    mean: float,
    *,
    after: float | None = None,
    overloaded: bool = False,
    flaky: float = 0.0,
    retry_after: float | None = None,
    spread: float = 10.0,
) -> Scenario:
    value = steady(limit) if after is None else changing(limit, 30.0, after)
    takes = mean + 0.02
    return Scenario(
        endpoint=lambda rng: Concurrent(
            limit=value,
            latency=Latency(mean=mean, spread=spread),
            rng=rng,
            overloaded=overloaded,
            flaky=flaky,
            retry_after=retry_after,
        ),
        best=limit / takes,
        after=None if after is None else after / takes,
    )


def _bucket(
    rate: float,
    burst: float,
    mean: float,
    *,
    after: float | None = None,
    retry_after: float | None = None,
    headers: bool = False,
) -> Scenario:
    value = steady(rate) if after is None else changing(rate, 30.0, after)
    return Scenario(
        endpoint=lambda rng: Bucket(
            rate=value, burst=burst, latency=Latency(mean=mean), rng=rng, retry_after=retry_after, headers=headers
        ),
        best=rate,
        after=after,
    )


SCENARIOS: Mapping[str, Scenario] = {
    "8 at a time, 50 ms": _concurrent(8, 0.05),
    "3 at a time, 1 s": _concurrent(3, 1.0),
    "64 at a time, 1 s": _concurrent(64, 1.0),
    "64 at a time, 1 s, 503": _concurrent(64, 1.0, overloaded=True),
    "64 at a time, 1 s, Retry-After 1": _concurrent(64, 1.0, retry_after=1.0),
    "64 at a time, 1 s, 3 % fail (503)": _concurrent(64, 1.0, flaky=0.03),
    "300 at a time, 2 s": _concurrent(300, 2.0),
    "64 → 32 at a time, 0.5 s": _concurrent(64, 0.5, after=32),
    "32 → 64 at a time, 0.5 s": _concurrent(32, 0.5, after=64),
    "10/s, burst 1, 50 ms": _bucket(10, 1, 0.05),
    "10/s, burst 10, 50 ms": _bucket(10, 10, 0.05),
    "20/s, burst 1, 1 s": _bucket(20, 1, 1.0),
    "100/s, burst 1, 1 s": _bucket(100, 1, 1.0),
    "100/s, burst 100, 1 s": _bucket(100, 100, 1.0),
    "50/s, burst 5, 3 s": _bucket(50, 5, 3.0),
    "100/s, burst 100, Retry-After 1": _bucket(100, 100, 1.0, retry_after=1.0),
    "10/s, burst 600, told (OpenAI)": _bucket(10, 600, 0.5, headers=True),
    "100 → 50/s, burst 10, 0.5 s": _bucket(100, 10, 0.5, after=50),
    "50 → 100/s, burst 10, 0.5 s": _bucket(50, 10, 0.5, after=100),
    "600 a minute, told (IETF)": Scenario(
        endpoint=lambda rng: Minute(limit=600, latency=Latency(mean=0.5), rng=rng),
        best=10.0,
        seconds=180.0,
        settled=60.0,
    ),
    "queue, 16 workers, 0.2 s": Scenario(
        endpoint=lambda rng: Queued(workers=16, latency=Latency(mean=0.2), rng=rng), best=16 / 0.2
    ),
    "queue, 64 workers, 1 s": Scenario(
        endpoint=lambda rng: Queued(workers=64, latency=Latency(mean=1.0), rng=rng), best=64.0
    ),
    "no limit, 0.3 s, 200 clients": Scenario(
        endpoint=lambda rng: Concurrent(limit=steady(math.inf), latency=Latency(mean=0.3), rng=rng),
        best=200 / 0.32,
        clients=200,
        seconds=30.0,
    ),
}
"""Name → what is played."""
