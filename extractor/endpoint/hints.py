"""What an endpoint says of its limits in the headers of an answer → how much is left, and until when.

Known are `x-ratelimit-*` of OpenAI, Groq, Azure and others, `anthropic-ratelimit-*`, and the IETF's `RateLimit-*`
fields and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, the older form `limit=…, remaining=…, reset=…` and the
newer `"name";r=…;t=…`). Headers are untrusted: what cannot be understood, or is out of all bounds, says nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Hints", "Left"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What is left of one quota: `remaining` of `limit` (None: not said), full again in `reset` seconds (None: not
    said).
    """

    remaining: float
    limit: float | None = None
    reset: float | None = None

    @property
    def scarce(self) -> bool:
        """Whether little is left: a sender has to mind it."""
        return self.remaining < _FEW if self.limit is None else self.remaining <= self.limit / _SCARCE


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """What is left of the requests and of the tokens, as far as the headers say so."""

    requests: Left | None = None
    tokens: Left | None = None

    @property
    def scarce(self) -> bool:
        """Whether little of either is left. Else a sender may forget the hints."""
        return any(each is not None and each.scarce for each in (self.requests, self.tokens))

    @staticmethod
    def of(headers: Mapping[str, str], now_wall: float) -> Hints | None:
        """The hints in headers (names in lower case, or a mapping that does not mind); None where there are none.

        `now_wall` is the time in seconds since the epoch.
        """
        requests = tokens = None
        for names in _REQUESTS:
            requests = requests or _left(headers, names, now_wall)
        for names in _TOKENS:
            tokens = tokens or _left(headers, names, now_wall)
        requests = requests or _combined(headers.get("ratelimit"), now_wall)
        if requests is None and tokens is None:
            return None
        return Hints(requests=requests, tokens=tokens)


_FEW = 2  # of a quota whose size is not known
_SCARCE = 8  # a quota is scarce from this part of it on: with less in hand, many senders at once overshoot

_Names = tuple[str, str, str]


def _names(pattern: str) -> _Names:
    return pattern.format("remaining"), pattern.format("limit"), pattern.format("reset")


# How each quota is named: what is left, of how much, until when.
_REQUESTS = tuple(map(_names, ("x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}", "ratelimit-{}")))
_REQUESTS += (_names("x-ratelimit-{}"),)
_TOKENS = tuple(map(_names, ("x-ratelimit-{}-tokens", "anthropic-ratelimit-tokens-{}")))


def _left(headers: Mapping[str, str], names: _Names, now_wall: float) -> Left | None:
    remaining = _number(headers.get(names[0]))
    if remaining is None:
        return None
    return Left(
        remaining=remaining, limit=_size(headers.get(names[1])), reset=_seconds(headers.get(names[2]), now_wall)
    )


# One item of the IETF's field: a name or none, and parameters. No two repetitions can take the same character.
_PARAMETER = re.compile(r"\b(limit|remaining|reset|r|t|q) {0,4}= {0,4}([0-9.]{1,20})")
_LONGEST = 1_000  # characters of a header that are read


def _combined(text: str | None, now_wall: float) -> Left | None:
    if text is None:
        return None
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(text[:_LONGEST]):
        found.setdefault(_SHORT.get(name, name), value)  # of several quotas the first
    return _left(found, ("remaining", "limit", "reset"), now_wall)


_SHORT: Mapping[str, str] = {"r": "remaining", "t": "reset", "q": "limit"}

_NUMBER = re.compile(r"[0-9]{1,15}+(?:\.[0-9]{1,15}+)?+")
_PART = re.compile(r"([0-9]{1,9}+(?:\.[0-9]{1,15}+)?+)(ms|us|µs|ns|d|h|m|s)")
_UNITS: Mapping[str, float] = {
    **{"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0},
    **{"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9},
}
_LONGEST_RESET = 86_400.0  # seconds: a quota of a day
_EPOCH = 1e9  # seconds: from here on a number is a time, not a duration
_EPOCH_MS = 1e12


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    # Some add the window ("100;w=60"), or several quotas ("100, 100;w=60"): the first number is meant.
    match = _NUMBER.match(text.strip()[:_LONGEST])
    return None if match is None else float(match[0])


def _size(text: str | None) -> float | None:
    return _number(text) or None  # a limit of nothing says nothing


def _seconds(text: str | None, now_wall: float) -> float | None:
    """The seconds until a reset: a duration ("6m0s", "20ms", "12"), a time since the epoch, or a date."""
    if text is None:
        return None
    text = text.strip()
    seconds: float | None = None
    if len(text) > 64:
        return None
    if _NUMBER.fullmatch(text):
        number = float(text)
        number = number / 1_000 if number >= _EPOCH_MS else number
        seconds = number - now_wall if number >= _EPOCH else number
    elif "T" in text:
        seconds = _until(text, now_wall)
    else:
        seconds = _duration(text)
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_RESET)


def _duration(text: str) -> float | None:
    at, seconds = 0, 0.0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            return None
        seconds += float(match[1]) * _UNITS[match[2]]
        at = match.end()
    return seconds if at else None


def _until(text: str, now_wall: float) -> float | None:
    with contextlib.suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.timestamp() - now_wall
    return None
