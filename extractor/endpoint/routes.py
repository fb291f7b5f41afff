"""The addresses of one endpoint, and which of them is asked now. No I/O, no clock of its own.

Each has a circuit breaker: an address that cannot be reached, or keeps answering 502, 503 or 504, is left alone for a
while; then one request at a time finds out whether it is back. A breaker only chooses among addresses: where there is
but one, or none is well, it is asked all the same, for nobody else could answer.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import httpx

from extractor.endpoint.governor import Governor
from extractor.endpoint.resolve import Address
from extractor.endpoint.retry import Allowance
from extractor.errors import ConfigurationError, OptionError

__all__ = ["Breaker", "RateLimits", "Route", "Standing", "govern", "routes_of", "standing", "well_first"]

FAILURES = 3
"""In a row, before an address is left alone."""
REFUSALS = 48
"""429s in a row, and nothing else, that are as good as that."""
PAUSE = 15.0
LONGEST_PAUSE = 240.0
"""Seconds that it is left alone for; twice as long each time that it has not come back."""


class Breaker:
    """What is known of an address: closed (it is asked), open (it is not), half-open (one request finds out).

    Thread-safe.
    """

    def __init__(self) -> None:
        self.failures = 0.0  # in a row
        self._pause = PAUSE
        self._opens = 0.0  # where it has failed often enough: left alone until then
        self._probe = math.inf  # when the one began that finds out whether it is back
        self._lock = threading.Lock()

    def admits(self, now: float) -> bool:
        """Whether it may be asked. Half-open, the one who is told so is the only one for a while."""
        if self.failures < FAILURES:
            return True
        with self._lock:
            if now < self._opens:
                return False
            self._probe = now
            self._opens = now + self._pause  # the next may try then, should this one never come back
            return True

    def admitted(self, now: float) -> bool:
        """Whether who asked at this moment was told that it may be."""
        return self.failures < FAILURES or self._probe == now

    def succeeded(self) -> None:
        """It has answered."""
        if self.failures:
            with self._lock:
                self.failures, self._pause, self._probe = 0, PAUSE, math.inf

    def refused(self, now: float) -> None:
        """It would not take one more. Nothing but that, many times in a row, is as good as no answer."""
        with self._lock:
            before, self.failures = self.failures, self.failures + FAILURES / REFUSALS
            if before < FAILURES <= self.failures or self._probe < math.inf:
                self._opens, self._probe = now + self._pause, math.inf

    def failed(self, now: float, began: float) -> None:
        """It could not be reached, or was not able to answer, a request that `began` then. What was under way already
        when it opened changes nothing.
        """
        with self._lock:
            before, self.failures = self.failures, self.failures + 1
            probed = began >= self._probe
            if self.failures > FAILURES and probed:
                self._pause = min(LONGEST_PAUSE, 2 * self._pause)
            if before < FAILURES <= self.failures or probed:
                self._opens, self._probe = now + self._pause, math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimits:
    """What the caller was told of an endpoint: `rpm` requests and `tpm` tokens a minute, and how many requests
    may be under way (`concurrency`). None: nobody knows. What it really takes is found out in any case.

    Raises `OptionError` for what is no number of more than 0.
    """

    rpm: float | None = None
    tpm: float | None = None
    concurrency: int | None = None

    def __post_init__(self) -> None:
        for name in ("rpm", "tpm", "concurrency"):
            value = getattr(self, name)
            fits = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
            if value is not None and (not fits or (name == "concurrency" and not isinstance(value, int))):
                raise OptionError(f"limits: {name} must be a number, more than 0.", option="limits")


class Standing:
    """What this process knows of an endpoint and a key: how much it takes, how often it may be asked again, how many
    `requests` there have been, and which of its addresses are well.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self.breakers: dict[str, Breaker] = {}
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a process that was forked does: what is under way is the parent's."""
        limits = self._limits
        for breaker in self.breakers.values():
            breaker.__init__()  # type: ignore[misc]  # in place: routes hold it
        self.governor = Governor(rpm=limits.rpm, tpm=limits.tpm, concurrency=limits.concurrency)
        self.allowance = Allowance()
        self.requests = 0


# Those asked last are remembered, whoever has closed his extractor: what was learned, and what may not be exceeded.
_recent: OrderedDict[tuple[str, bytes, RateLimits], Standing] = OrderedDict()
RECENT = 64
_known: weakref.WeakValueDictionary[tuple[str, bytes, RateLimits], Standing] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def standing(address: Address, limits: RateLimits) -> Standing:
    """What is known of an endpoint and a key. All in this process who ask it, and were told the same, share it."""
    if not isinstance(limits, RateLimits):
        raise ConfigurationError("limits must be RateLimits(rpm=…, tpm=…, concurrency=…).")
    key = address.base_url, hashlib.sha256((address.api_key or "").encode()).digest(), limits
    with _lock:
        known = _known.get(key)
        if known is None:
            known = _known[key] = Standing(limits)
        _recent[key] = known
        _recent.move_to_end(key)
        if len(_recent) > RECENT:
            _recent.popitem(last=False)
        return known


def govern(address: Address, limits: RateLimits, governor: Governor) -> None:
    """Have another governor say who may send: one that stands for a whole cluster, say."""
    standing(address, limits).governor = governor


def _after_fork() -> None:
    """A lock of our own: the parent's may have been held by a thread that is not in this process."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    for known in [*_known.values()]:
        known.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One address: where requests go, and whether it is well."""

    url: httpx.URL
    breaker: Breaker


def routes_of(address: Address, known: Standing) -> tuple[Route, ...]:
    """The addresses of an endpoint, in the order in which they are asked."""
    urls = (url for url in (address.base_url, address.fallback_url) if url)
    breakers = {url: known.breakers.setdefault(url, Breaker()) for url in urls}
    return tuple(Route(url=httpx.URL(url + "/chat/completions"), breaker=breakers[url]) for url in breakers)


def well_first(routes: tuple[Route, ...], now: float) -> tuple[Route, ...]:
    """The addresses in their order, but for those before the first that is well: they come last."""
    well = next((number for number, route in enumerate(routes) if route.breaker.admits(now)), 0)
    return routes[well:] + routes[:well]
