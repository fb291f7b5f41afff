"""The HTTP clients of our own: httpx's, less what no endpoint needs, and a deadline that holds whatever a server does.

httpx's timeouts bound each wait for bytes: a server that sends one byte a second meets them all for ever.
`Timeouts` gives each operation no more than what is left; `_watch` makes the connections of a sync client look
again before every read and write. (An async client is cancelled from outside, and needs none of this.)
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import httpcore
import httpx

from extractor.errors import ConfigurationError

__all__ = ["Timeouts", "async_client", "sync_client"]

DAY = 86_400.0  # seconds: a socket takes no century


class _Left(float):
    """Seconds that are left, and until when: what is passed down is asked again at every read."""

    expires: float

    def now(self) -> float:
        """What is left by now. 0.0 would mean not to wait at all, and None to wait for ever."""
        return min(float(self), max(self.expires - time.monotonic(), 0.001))


class Timeouts(dict[str, float | None]):
    """httpx's timeouts, each cut to what is left until `expires` (monotonic clock) when it is looked up."""

    def __init__(self, timeouts: Mapping[str, float | None], expires: float) -> None:
        super().__init__(timeouts)
        self._expires = expires

    def __getitem__(self, key: str) -> float | None:
        limit = super().__getitem__(key)
        left = max(self._expires - time.monotonic(), 0.001)
        timeout = _Left(min(left, DAY if limit is None else limit))
        timeout.expires = self._expires
        return timeout

    def get(self, key: str, default: Any = None) -> Any:
        """Likewise."""
        return self[key] if key in self else default  # noqa: SIM401  # that would ask itself


def _now(timeout: float | None) -> float | None:
    return timeout.now() if isinstance(timeout, _Left) else timeout


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if isinstance(timeout, _Left) and time.monotonic() >= timeout.expires:
            raise httpcore.ReadTimeout("the deadline has passed")
        return self._stream.read(max_bytes, _now(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _now(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _now(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(host, port, _now(timeout), local_address, socket_options))


def _watch(client: httpx.Client) -> None:
    """Have the connections of a client of ours keep to deadlines.

    httpx has no setting for it; where its inside should change, connections are what they were.
    """
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and isinstance(backend, httpcore.NetworkBackend):
            pool._network_backend = _Backend(backend)


# httpx keeps 20 idle connections and opens at most 100; a batch needs more of both, and the endpoint's
# own limit is found by being asked, not by running out of connections here.
_LIMITS = httpx.Limits(max_connections=1_024, max_keepalive_connections=256)


C = TypeVar("C", httpx.Client, httpx.AsyncClient)


class _NoCookies(httpx.Cookies):
    """Looking for cookies in every reply takes a tenth of a request's CPU; endpoints know us by the key."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep none."""


_NO_COOKIES = _NoCookies()


class _Client(httpx.Client):
    cookies = property(lambda self: _NO_COOKIES)


class _AsyncClient(httpx.AsyncClient):
    cookies = property(lambda self: _NO_COOKIES)


def _verify(url: httpx.URL) -> ssl.SSLContext | bool:
    # Reading the certificates takes 20 ms, which http:// has no use for: its context trusts nobody.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.scheme == "http" else True


def _made(kind: type[C], url: httpx.URL) -> C:
    try:
        return kind(limits=_LIMITS, verify=_verify(url))
    except (ImportError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"No HTTP client can be made of the environment: {error}.",
            hint="Check the variables HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE.",
        ) from None


def sync_client(url: httpx.URL) -> httpx.Client:
    """A client for requests to `url` and others of its scheme."""
    client = _made(_Client, url)
    _watch(client)
    return client


def async_client(url: httpx.URL) -> httpx.AsyncClient:
    """The same with `await`."""
    return _made(_AsyncClient, url)
