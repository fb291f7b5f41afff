"""Who may talk to the review server: whoever has its token, from a page of its own, under its own name.

A server on loopback is open to every page in the browser and to every user of the machine. So each request has to name
this server (a foreign name that was made to lead here does not), must not come from another page, and must have the
cookie, which only who was given the address with the token gets.
"""

from __future__ import annotations

import hmac
import html
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

__all__ = ["Guard", "Guarded", "Refusal", "refused_page"]

Scope: TypeAlias = "MutableMapping[str, Any]"
Application: TypeAlias = "Callable[[Scope, Any, Any], Awaitable[None]]"

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LONGEST = 20_000_000  # bytes of a body
_SAFE = ("GET", "HEAD")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""What every answer has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a request is not answered: an HTTP status, what is said, and what can be done."""

    status: int
    error: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """The rules for one server. `names` are under which hosts it may be called, beside those of loopback; with
    `addresses` also under any IP address (then a name that leads here is still none).
    """

    port: int
    names: tuple[str, ...] = ()
    addresses: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie(self) -> str:
        """The name of the cookie: cookies know hosts, but no ports."""
        return f"extractor-review-{self.port}"

    def is_host(self, given: str) -> bool:
        """Whether a Host is this server, with its port."""
        name, port = _parted(given)
        if name is None or port not in (self.port, *([None] if self.port == 80 else [])):
            return False
        if name in LOOPBACK or name in map(str.lower, self.names):
            return True
        return self.addresses and _is_address(name)

    def refusal(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why a request is refused whoever sends it; None where it is not. `headers` have names in lower case."""
        if not self.is_host(headers.get("host", "")):
            return Refusal(status=421, error="This server is not the one that was asked for.", hint=_USE)
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, headers["host"]):
            return Refusal(status=403, error="Another page may not use this server.", hint=_USE)
        site = headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            # A link from elsewhere may lead here, to the page: without the cookie, which is for our own pages only.
            opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            if not (opened and method in _SAFE):
                return Refusal(status=403, error="Another page may not use this server.", hint=_USE)
        return None if method in _SAFE else self._unsafe(method, headers)

    def _unsafe(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        if method != "POST":
            return Refusal(status=405, error=f"{method[:20]} is not answered here.")
        if "origin" not in headers:
            return Refusal(status=403, error="It is not said which page this comes from.", hint=_USE)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return Refusal(status=415, error="Only JSON is taken.", hint="Say Content-Type: application/json.")
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme == "http" and parts.netloc.lower() == host.lower()

    def knows(self, cookies: str) -> bool:
        """Whether the Cookie header has the token."""
        # All servers of this machine share their cookies: whatever another one has set must not matter.
        pairs = (each.partition("=") for each in cookies.split(";"))
        return any(self.is_token(value.strip()) for name, _, value in pairs if name.strip() == self.cookie)

    def is_token(self, given: str) -> bool:
        """Whether it is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def set_cookie(self) -> str:
        """The Set-Cookie header: not for scripts, and not sent with what other pages ask for."""
        return f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"


_USE = "Use the address that was printed when it was started."


def _parted(given: str) -> tuple[str | None, int | None]:
    """The host and port of an authority; no host where it is none."""
    try:
        parts = urlsplit(f"//{given}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None, None
    return (name or None), port


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guarded:
    """An ASGI application that only answers whom the guard lets in."""

    def __init__(self, application: Application, guard: Guard) -> None:
        self._application, self._guard = application, guard

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return  # no web sockets
        headers = _headers(scope["headers"])
        is_api = scope["path"].startswith("/api")
        refusal = self._refusal(scope, headers)
        if refusal is None and (given := self._token(scope)) is not None:
            if self._guard.is_token(given):
                await _answer(send, 303, b"", {"Location": "/", "Set-Cookie": self._guard.set_cookie()})
                return
            refusal = Refusal(status=403, error=_CLOSED, hint=_USE)
        if refusal is None and not self._guard.knows(headers.get("cookie", "")):
            refusal = Refusal(status=403, error=_CLOSED, hint=_USE)
        if refusal is not None:
            body, kind = refused_json(refusal) if is_api else refused_page(refusal)
            await _answer(send, refusal.status, body, {"Content-Type": kind, "Cache-Control": "no-store"})
            return
        await self._application(scope, _Bounded(receive), _with_headers(send, is_api))

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Refusal | None:
        refusal = self._guard.refusal(scope["method"], headers)
        length = headers.get("content-length", "0")
        if refusal is None and (not length.isdecimal() or len(length) > 12 or int(length) > LONGEST):
            return Refusal(status=413, error=f"More than {LONGEST:,} bytes are not taken at once.")
        return refusal

    def _token(self, scope: Scope) -> str | None:
        if scope["path"] != "/" or scope["method"] not in _SAFE:
            return None
        try:
            given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=100).get("token")
        except ValueError:  # more fields than that
            return None
        return given[0] if given else None


_CLOSED = "This page is open only to whoever has its address with the token."


class TooLong(Exception):
    """A body has more bytes than are taken."""


class _Bounded:
    """The messages of a request, as long as its body is not too long: also one that does not say how long it is."""

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive, self._left = receive, LONGEST

    async def __call__(self) -> Any:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise TooLong
        return message


def _headers(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by their names in lower case; one that is given twice is as if it were a wrong one."""
    found: dict[str, str] = {}
    for name, value in given:
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]}, {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _with_headers(send: Callable[[Any], Awaitable[None]], is_api: bool) -> Callable[[Any], Awaitable[None]]:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = {**HEADERS, "Cache-Control": "no-store" if is_api else "no-cache"}
            there = {name.lower() for name, _ in message["headers"]}
            more = [(name.encode(), it.encode()) for name, it in own.items() if name.lower().encode() not in there]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending


async def _answer(send: Callable[[Any], Awaitable[None]], status: int, body: bytes, headers: Mapping[str, str]) -> None:
    own = {**HEADERS, "Content-Length": str(len(body)), "Connection": "close", **headers}
    listed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in own.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


def refused_json(refusal: Refusal) -> tuple[bytes, str]:
    """A refusal for a program, and its media type."""
    said = {"error": refusal.error, "hint": refusal.hint}
    return json.dumps(said).encode(), "application/json"


def refused_page(refusal: Refusal) -> tuple[bytes, str]:
    """A refusal for a person, and its media type."""
    said = html.escape(f"{refusal.error} {refusal.hint}".strip())
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Not here</title><p>{said}</p></html>\n'
    return page.encode(), "text/html; charset=utf-8"
