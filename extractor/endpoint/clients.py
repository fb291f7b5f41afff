"""The httpx clients that are used where the caller brings none: httpx's own, less what no endpoint needs."""

from __future__ import annotations

import ssl

import httpx

__all__ = ["async_client", "sync_client"]

# httpx keeps 20 idle connections and opens at most 100; a batch needs more of both, and the endpoint's
# own limit is found by being asked, not by running out of connections here.
_LIMITS = httpx.Limits(max_connections=1_024, max_keepalive_connections=256)


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


def sync_client(url: httpx.URL) -> httpx.Client:
    """A client for requests to `url` and others of its scheme."""
    return _Client(limits=_LIMITS, verify=_verify(url))


def async_client(url: httpx.URL) -> httpx.AsyncClient:
    """The same with `await`."""
    return _AsyncClient(limits=_LIMITS, verify=_verify(url))
