"""When the same request is sent again because HTTP failed, and after how long. No I/O, no clock of its own.

Sent again: what could not be delivered or was not answered in time, 408, 409, 425, 429 and 5xx. Not: what would
end in the same way again (a wrong key, no money, a request that is refused, a certificate that is not trusted, a
schema that the server cannot compile, which some answer with 500). An endpoint's own word (`x-should-retry`,
`Retry-After`, `retry-after-ms`) goes before all of this.

Sources: RFC 9110, section 10.2.3 (Retry-After: seconds or a date); the OpenAI SDKs (their statuses and headers).
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from extractor.complaints import complaint_of
from extractor.errors import (
    BadReply,
    ConnectionFailed,
    DeadlineExceeded,
    EndpointError,
    QuotaExceeded,
    StatusError,
    TimedOut,
)

__all__ = ["DEFAULT_POLICY", "Allowance", "Policy", "asked_wait", "is_transient", "is_unreachable", "is_unwell"]

LONGEST_BACKOFF = 8.0
"""Seconds between two requests of one's own accord, as in the OpenAI SDKs."""
_PASSING = frozenset({408, 409, 425, 429})
# Not implemented, HTTP version not supported: so it will be the next time.
_LASTING = frozenset({501, 505})


def is_transient(error: EndpointError) -> bool:
    """Whether the same request may be answered if it is sent again."""
    if isinstance(error, (DeadlineExceeded, QuotaExceeded, BadReply)):
        return False
    if not isinstance(error, StatusError):
        return isinstance(error, (ConnectionFailed, TimedOut)) and not error.lasting
    said = error.headers.get("x-should-retry")
    if said in ("true", "false"):
        return said == "true"
    if error.status in _PASSING:
        return True
    # Where it is understood, it is about something in the request.
    return error.status >= 500 and error.status not in _LASTING and complaint_of(error, None, ()) is None


def is_unreachable(error: EndpointError) -> bool:
    """Whether nobody was there to take the request: another address can be asked at once."""
    return isinstance(error, (ConnectionFailed, TimedOut)) and error.unsent


def is_unwell(error: EndpointError) -> bool:
    """Whether an address cannot be reached, or says that it is not able to answer for now."""
    if isinstance(error, StatusError):
        return error.status in (502, 503, 504)
    return isinstance(error, (ConnectionFailed, TimedOut)) and not isinstance(error, DeadlineExceeded)


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds to wait that a reply asks for, at the Unix time `now`; None where it does not, or not legibly."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1_000
    said = headers.get("retry-after")
    seconds = _seconds(said)
    return _until(said, now) if seconds is None and said is not None else seconds


def _seconds(said: str | None) -> float | None:
    try:
        seconds = float(said[:40]) if said is not None else math.nan
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def _until(said: str, now: float) -> float | None:
    import email.utils  # not for every start
    from datetime import UTC

    try:
        moment = email.utils.parsedate_to_datetime(said[:100])
        # One without a zone is in UTC (RFC 9110, section 5.6.7).
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How often a request is sent again (`transport_retries`), the first wait (`backoff`, seconds; it doubles),
    and the longest wait that an endpoint may ask for (`max_wait`, seconds).
    """

    transport_retries: int = 2
    backoff: float = 0.5
    max_wait: float = 60.0

    def wait(self, retried: int, asked: float | None) -> float:
        """The seconds to wait before the next retry, when so many have been made.

        Of its own accord it waits twice as long each time, at random between half of that and the whole, so that those
        who failed together do not come back together. What is asked for is kept to, and a little more for the same
        reason.
        """
        spread = random.random()  # noqa: S311  # no secret
        if asked is not None:
            return asked * (1 + spread / 10)
        return float(min(LONGEST_BACKOFF, self.backoff * 2.0 ** min(retried, 1_000)) * (0.5 + spread / 2))


DEFAULT_POLICY = Policy()


class Allowance:
    """How many retries an endpoint is given by all of this process, so that an outage is not multiplied.

    A retry takes one; there are `most` to begin with, and come back with every request (by `share`: for long, retries
    are at most a fifth of the load) and with time (`rate` a second: who asks seldom is always retried). The rule is
    Finagle's retry budget. Refusals for want of capacity (429) are the governor's, and not counted. Thread-safe.
    """

    def __init__(self, most: float = 100.0, share: float = 0.2, rate: float = 10.0) -> None:
        self._most = most
        self._share = share
        self._rate = rate
        self._left = most
        self._seen: tuple[float, int] | None = None
        self._lock = threading.Lock()

    def retry(self, now: float, requests: int) -> bool:
        """Whether one more retry is allowed, which is then taken. `requests` is how many there have been in all."""
        with self._lock:
            then, before = self._seen or (now, requests)
            earned = self._rate * max(0.0, now - then) + self._share * max(0, requests - before)
            self._left = min(self._most, self._left + earned)
            self._seen = now, requests
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True
