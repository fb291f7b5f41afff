"""What is sent with every request to an endpoint, made once: header fields, timeouts, addresses.

Errors of httpx are raised outside of the handler that caught them: they hold the headers, and so the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from extractor.endpoint.delivery import IDEMPOTENCY_KEY, Exchange
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits, routes_of, standing
from extractor.errors import ConfigurationError, ConnectionFailed

__all__ = ["check_client", "check_headers", "closed", "ended", "exchange_of"]

# A model may think for minutes before its first byte; nobody should wait long for a connection.
DEFAULT_TIMEOUT = httpx.Timeout(600.0, connect=10.0)


def exchange_of(
    address: Address,
    client: Any,
    timeout: float | httpx.Timeout | None,
    headers: Mapping[str, str] | None,
    limits: RateLimits | None,
    *,
    owned: bool,
) -> Exchange:
    """The exchange of a client, or of connections of our own (`owned`).

    The caller's own client keeps its headers and timeouts unless told otherwise.
    """
    fields, timeouts = _fields(address, headers or {}), _timeouts(timeout)
    if owned:  # nothing of the client's own to merge in: half the work
        fields = httpx.Headers([*_others(client.headers, fields), *fields.raw])
        timeouts = timeouts or DEFAULT_TIMEOUT.as_dict()
    known = standing(address, RateLimits() if limits is None else limits)
    return Exchange(
        base_url=address.base_url,
        routes=routes_of(address, known),
        media_first=address.media_first,
        standing=known,
        build=httpx.Request if owned else client.build_request,
        headers=fields,
        timeouts=timeouts,
        secrets=_secrets(address, fields, getattr(client, "headers", {})),
        keyed=IDEMPOTENCY_KEY in fields,
    )


_SECRET = re.compile(r"auth|key|token|secret|cookie|password|signature", re.I)


def _secrets(address: Address, *headers: Mapping[str, str]) -> tuple[str, ...]:
    """All that must be shown to nobody, the longest first: the key, and whatever headers seem to carry one."""
    found = {address.api_key or ""}
    for name, value in ((name, value) for fields in headers for name, value in fields.items()):
        if _SECRET.search(name) and name.lower() != IDEMPOTENCY_KEY.lower():
            found |= {value, value.partition(" ")[2].strip()}
    return tuple(sorted(filter(None, found), key=lambda secret: (-len(secret), secret)))


def _fields(address: Address, headers: Mapping[str, str]) -> httpx.Headers:
    """The header fields of every request."""
    if not isinstance(headers, Mapping):
        raise ConfigurationError("headers must be a mapping of names to values.")
    fields = _headers(
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "gzip, deflate",  # what can be bounded while it is inflated
        }
    )
    fields.update(_headers(headers))
    if address.api_key is not None:
        key_header = address.key_header or "Authorization"
        fields[key_header] = address.api_key if address.key_header else f"Bearer {address.api_key}"
    return fields


def _timeouts(timeout: Any) -> Mapping[str, float | None]:
    if timeout is None:
        return {}
    try:
        timeouts: Mapping[str, float | None] = httpx.Timeout(timeout).as_dict()
        fits = all(each is None or each > 0 for each in timeouts.values())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ConfigurationError("timeout must be a number of seconds, more than 0, or an httpx.Timeout.")
    return timeouts


def check_client(client: Any, kind: type) -> None:
    """Raises `ConfigurationError` where the caller's client is of another kind."""
    if client is not None and not isinstance(client, kind):
        raise ConfigurationError(
            f"http_client is {type(client).__name__}, but must be httpx.{kind.__name__} here.",
            hint="Extractor takes an httpx.Client, AsyncExtractor an httpx.AsyncClient.",
        )


def closed() -> ConfigurationError:
    """The error for a client that the caller has closed."""
    return ConfigurationError("The http_client is closed.", hint="Keep it open as long as the extractor.")


def ended() -> ConnectionFailed:
    """The error for a call that was under way when its extractor was closed."""
    failed = ConnectionFailed("The extractor was closed while this call was under way.", hint="Close it afterwards.")
    failed.lasting = True
    return failed


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `ConfigurationError` where these are no header fields."""
    _headers(headers)


def _headers(fields: Mapping[str, str]) -> httpx.Headers:
    try:
        return httpx.Headers(fields)
    except (UnicodeEncodeError, AttributeError, TypeError):
        pass  # raised outside: the error of httpx holds the headers
    raise ConfigurationError("headers= has a name or value that no HTTP header can carry.", hint="Use ASCII strings.")


def _others(headers: httpx.Headers, but: httpx.Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers.raw if name.decode("ascii") not in but]
