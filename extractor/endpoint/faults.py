"""Errors of httpx and httpcore → ours, at the edge: what happened, and what to do about it.

The errors are made here and raised elsewhere, outside of the handlers that caught those: their tracebacks
hold the headers, and so the key.
"""

from __future__ import annotations

import re
import time

import httpcore
import httpx

from extractor.endpoint.inflate import InflateError
from extractor.errors import (
    BadReply,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    EndpointError,
    ExtractorError,
    TimedOut,
)

__all__ = ["BROKEN", "CAUGHT", "fault", "left_alone", "too_late"]

_TRANSLATED: tuple[tuple[tuple[type[Exception], ...], type[ExtractorError], str, str], ...] = (
    (
        (httpx.ConnectTimeout, httpcore.ConnectTimeout),
        TimedOut,
        "no connection in time",
        "Is the address right? timeout= sets how long to try.",
    ),
    (
        (httpx.PoolTimeout, httpcore.PoolTimeout),
        TimedOut,
        "no free connection in time",
        "Raise timeout=, or send fewer requests at a time.",
    ),
    (
        (httpx.TimeoutException, httpcore.TimeoutException),
        TimedOut,
        "no answer in time",
        "Raise timeout=, or ask for less at once.",
    ),
    (
        (httpx.ConnectError, httpcore.ConnectError),
        ConnectionFailed,
        "nobody answers there",
        "Is the server running, and the address right?",
    ),
    (
        (httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol),
        ConfigurationError,
        "httpx does not know the protocol",
        "Use http:// or https://.",
    ),
    (
        (httpx.LocalProtocolError, httpcore.LocalProtocolError),
        ConfigurationError,
        "a header cannot be sent",
        "Check headers= and api_key=.",
    ),
    (
        (httpx.ProxyError, httpcore.ProxyError),
        ConnectionFailed,
        "the proxy refused",
        "Check the proxy's settings.",
    ),
    (
        (httpx.DecodingError, InflateError),
        BadReply,
        "its compression cannot be undone",
        "The reply may have been damaged on the way.",
    ),
    (
        (httpx.TransportError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ConnectionNotAvailable),
        ConnectionFailed,
        "the connection broke",
        "Try again; the endpoint or the network failed.",
    ),
    ((httpx.HTTPError,), ConnectionFailed, "the request failed", "Try again."),
    ((httpx.InvalidURL,), ConfigurationError, "the address is invalid", "Check base_url=."),
    (
        (httpx.CookieConflict,),
        ConfigurationError,
        "two cookies have one name",
        "Check the cookies of http_client=.",
    ),
    (
        (httpx.StreamError,),
        ConnectionFailed,
        "the reply was read already",
        "Check the event hooks of http_client=.",
    ),
)
"""Errors of httpx, and of httpcore below it → ours, what happened, what to do. The most special first."""
CAUGHT = (
    InflateError,
    *(httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError),
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError),
    *(httpcore.UnsupportedProtocol, httpcore.ConnectionNotAvailable),
)
# The connection broke while somebody was speaking.
BROKEN = (httpx.ReadError, httpx.RemoteProtocolError, httpcore.ReadError, httpcore.RemoteProtocolError)

_UNSENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError),
    *(httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError),
)
# What the system said: "[Errno -2] Name or service not known".
_WHY = re.compile(r"^\[Errno -?[0-9]+\] ([A-Za-z ]{4,60})")
_UNTRUSTED = "Its certificate is not trusted: set SSL_CERT_FILE, or check the address."


def _translated(error: Exception, url: str) -> ExtractorError:
    kind, what, hint = next(row[1:] for row in _TRANSLATED if isinstance(error, row[0]))
    if issubclass(kind, EndpointError):
        why = _WHY.search(str(error)) if isinstance(error, (httpx.ConnectError, httpcore.ConnectError)) else None
        failure = kind(f"{url}: {what}{f' ({why[1]})' if why else ''}.", url=url, hint=hint)
        untrusted = "CERTIFICATE" in str(error)
        failure.unsent = isinstance(error, _UNSENT)
        failure.lasting = untrusted or isinstance(error, httpx.StreamError)
        failure.hint = _UNTRUSTED if untrusted else hint
        return failure
    return kind(f"{url}: {what}.", hint=hint)


def too_late(url: str, when: str = "") -> DeadlineExceeded:
    """The error for a deadline that has passed."""
    passed = f"{url}: the deadline has passed{when and ' '}{when}."
    return DeadlineExceeded(passed, url=url, hint="Raise deadline=, or ask for less at once.")


def left_alone(url: str) -> ConnectionFailed:
    """The error for an endpoint that has failed too often to be asked now, where another one can be."""
    failed = ConnectionFailed(f"{url}: left alone for now, after it failed several times in a row.", url=url)
    failed.unsent = True
    return failed


def fault(error: Exception, url: str, expires: float | None) -> ExtractorError:
    """Our error for one of `CAUGHT`, or for a `TimeoutError`."""
    if isinstance(error, TimeoutError):
        return too_late(url)
    failure = _translated(error, url)
    # Where a timeout was cut to the deadline, that is what ended it.
    if expires is not None and isinstance(failure, TimedOut) and time.monotonic() >= expires - 0.01:
        return too_late(url)
    return failure
