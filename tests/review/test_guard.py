"""Who may talk to the review server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from extractor.review.guard import Guard, Guarded, TooLong, _Bounded

HERE = "127.0.0.1:8080"
GUARD = Guard(port=8080)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        (HERE, True),
        ("localhost:8080", True),
        ("LOCALHOST:8080", True),
        ("[::1]:8080", True),
        ("127.0.0.1", False),
        ("127.0.0.1:80", False),
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example:8080", False),
        ("192.168.1.7:8080", False),
        ("user@127.0.0.1:8080", False),
        ("127.0.0.1:8080/x", False),
        ("127.0.0.1:99999999", False),
        ("[::1:8080", False),
        ("", False),
    ],
)
def test_only_its_own_names_are_answered(host: str, is_ours: bool) -> None:
    """A request has to name this server, with its port."""
    assert GUARD.is_host(host) is is_ours


def test_a_server_for_others_has_names() -> None:
    """One that others can reach is called by its addresses and by the names that it was given, by no others."""
    guard = Guard(port=80, names=("Desk.example",), addresses=True)
    assert all(map(guard.is_host, ("desk.example", "desk.example:80", "192.168.1.7", "[fe80::1]:80", "localhost")))
    assert not guard.is_host("other.example")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, None),
        ("GET", {"host": "evil.example"}, 421),
        ("GET", {"origin": "http://evil.example"}, 403),
        ("GET", {"origin": "null"}, 403),
        ("GET", {"origin": f"https://{HERE}"}, 403),
        ("GET", {"origin": "http://[::1"}, 403),
        ("GET", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", {"sec-fetch-site": "same-site"}, 403),
        ("GET", {"sec-fetch-site": "none"}, None),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, None),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ("POST", {"origin": f"http://{HERE}", "content-type": "application/json; charset=utf-8"}, None),
        ("POST", {"content-type": "application/json"}, 403),
        ("POST", {"origin": f"http://{HERE}", "content-type": "text/plain"}, 415),
        ("POST", {"origin": f"http://{HERE}", "content-type": "application/json", "sec-fetch-site": "same-site"}, 403),
        ("POST", {"origin": "http://localhost:8080", "content-type": "application/json"}, 403),
        ("PUT", {"origin": f"http://{HERE}", "content-type": "application/json"}, 405),
    ],
)
def test_other_pages_are_refused(method: str, headers: dict[str, str], status: int | None) -> None:
    """What another page, or a foreign name, asks for is refused; what changes anything has to say where it is from."""
    refusal = GUARD.refusal(method, {"host": HERE, **headers})
    assert (None if refusal is None else refusal.status) == status


def test_the_cookie_is_the_token() -> None:
    """Only a cookie of this port with the token lets anybody in; scripts and other pages have no use of it."""
    guard = Guard(port=8080)
    cookie = guard.set_cookie()
    assert guard.knows(cookie.partition(";")[0])
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert not guard.knows("")
    assert not guard.knows(f"{guard.cookie}=")
    assert not guard.knows(f"extractor-review-8081={guard.token}")
    assert not guard.knows(f"{guard.cookie}={guard.token}x")
    for others in ("sess=a b", 'prefs={"theme":"dark"}', "z=" + "x" * 20_000, f"{guard.cookie}=", "=", ";;"):
        assert guard.knows(f"{others}; {cookie.partition(';')[0]}; {others}"), others[:30]
    assert not guard.knows('"' * 50 + "=;;,\x00")
    assert len(guard.token) > 40
    assert guard.token not in repr(guard)
    assert not guard.is_token("ü\ud800")


def test_a_body_has_an_end() -> None:
    """A body that does not say how long it is, is not read for ever."""

    async def more() -> Any:
        return {"type": "http.request", "body": b"x" * 15_000_000, "more_body": True}

    async def read() -> None:
        receive = _Bounded(more)
        await receive()
        await receive()

    with pytest.raises(TooLong):
        asyncio.run(read())


def test_web_sockets_are_not_answered() -> None:
    """Only HTTP is spoken."""

    async def never(*_: Any) -> None:
        raise AssertionError

    asyncio.run(Guarded(never, GUARD)({"type": "websocket"}, never, never))
