"""Where a URL leads: to the place it names, or through a proxy that the environment names.

Only httpx knows how it reads HTTPS_PROXY, NO_PROXY and the others, so it is asked; through a proxy its own clients
send all there is to send.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpcore
import httpx

from extractor.errors import ConfigurationError

__all__ = ["Clients", "Place", "place_of"]

C = TypeVar("C", httpx.Client, httpx.AsyncClient)

_LIMITS = httpx.Limits(max_connections=1_024, max_keepalive_connections=256)


class Clients(Generic[C]):
    """A client of httpx's for each scheme, and what it believes of TLS: made when it is first needed."""

    def __init__(self, kind: type[C], prepare: Callable[[C], None] | None = None) -> None:
        self._kind: type[C] = kind
        self._prepare: Callable[[C], None] | None = prepare
        self._made: dict[str, tuple[C, ssl.SSLContext]] = {}
        self._lock = threading.Lock()

    def of(self, url: httpx.URL) -> tuple[C, ssl.SSLContext]:
        """The one for a URL. Raises `ConfigurationError`."""
        with self._lock:
            if url.scheme not in self._made:
                made = self._made[url.scheme] = _made(self._kind, url.scheme)
                if self._prepare is not None:
                    self._prepare(made[0])
            return self._made[url.scheme]

    def all(self) -> list[C]:
        """Those that there are."""
        with self._lock:
            return [client for client, _ in self._made.values()]


def _made(kind: type[C], scheme: str) -> tuple[C, ssl.SSLContext]:
    try:
        # Reading the certificates takes 20 ms, which http:// has no use for: its context trusts nobody.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if scheme == "http" else httpx.create_ssl_context()
        context.set_alpn_protocols(["http/1.1"])
        client = kind(limits=_LIMITS, verify=context)
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        failed = type(error).__name__
    else:
        return client, context
    # Outside of the handler, and without its words: a proxy's address may have a password.
    raise ConfigurationError(
        f"No HTTP client can be made of the environment ({failed}).",
        hint="Check the variables HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
    )


def _is_direct(client: httpx.Client | httpx.AsyncClient, url: httpx.URL) -> bool:
    """Whether the environment names no proxy for a URL, by httpx's own rules.

    They are no public part of it: where they should go, all is left to httpx, as it is for proxies.
    """
    find = getattr(client, "_transport_for_url", None)
    own = getattr(client, "_transport", None)
    return url.scheme in ("http", "https") and find is not None and own is not None and find(url) is own


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a URL leads: `direct`, with a `stack` of connections, or where httpx has to find the way, by its
    `client`. `context` is for TLS.
    """

    url: httpcore.URL
    host: str
    port: int
    context: ssl.SSLContext | None
    direct: bool
    client: Any
    stack: Any


_PORTS = {"http": 80, "https": 443}


def place_of(clients: Clients[Any], url: httpx.URL, stack: Any) -> Place:
    """Where a URL leads."""
    client, context = clients.of(url)
    return Place(
        client=client,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        host=url.raw_host.decode("ascii"),
        port=url.port or _PORTS.get(url.scheme, 0),
        context=context if url.scheme == "https" else None,
        direct=_is_direct(client, url),
        stack=stack,
    )
