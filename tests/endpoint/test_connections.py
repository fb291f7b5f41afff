"""Connections of our own against real servers on loopback: what is used again, what is closed, what ends in time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from extractor.endpoint import ahttp, http
from extractor.endpoint.ahttp import AsyncConnections
from extractor.endpoint.faults import CAUGHT, fault
from extractor.endpoint.http import Connections, Stack, Timeouts
from extractor.errors import ConfigurationError, ExtractorError

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
BEGUN = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"


@pytest.fixture(autouse=True)
def _neutral(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().endswith("_PROXY") or name.startswith("SSL_CERT_")]:
        monkeypatch.delenv(name)


# ------------------------------------------------------------------------------------------- both sides


Talk = Callable[[socket.socket, int], None]


class Server:
    """A server that lets `talk` answer each request: it is given the connection, and how many requests came before."""

    def __init__(self, talk: Talk, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> None:
        self._talk, self._context = talk, context
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]
        scheme = "http" if context is None else "https"
        self.url = httpx.URL(f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/v1/chat/completions")
        self.connections: list[socket.socket] = []
        self.heads: list[bytes] = []
        self.ended = threading.Semaphore(0)
        """Released once for each connection that the client has closed, or the server."""
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Server:
        self._start(self._listen)
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self.connections.append(connection)
            with connection, connection.makefile("rb", buffering=0 if self._talk is _echo else -1) as file:
                number = 0
                while self._receive(file):
                    self._talk(connection, number)
                    number += 1
        connection.close()
        self.ended.release()

    def _receive(self, file: Any) -> bool:
        """Read one request; False where nothing more comes."""
        length, head = 0, b""
        while True:
            line = file.readline()
            if not line:
                return False
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            if line == b"\r\n":
                break
        self.heads.append(head)
        if self._talk is not _echo and b"x-unread" not in head:
            file.read(length)
        return True


class Asking:
    """The client side, sync or async, each step by itself: between two of them an event loop stands still."""

    def __init__(self, kind: str, url: httpx.URL) -> None:
        self.url = url
        self._runner = asyncio.Runner() if kind == "async" else None
        self.own: Any = AsyncConnections(url) if kind == "async" else Connections(url)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shut()
        if self._runner is not None:
            self._runner.close()

    def _run(self, step: Any) -> Any:
        return step if self._runner is None else self._runner.run(_awaited(step))

    def shut(self) -> None:
        """Close all connections."""
        self._run(self.own.close())

    def request(self, content: bytes = b"{}", **extra: Any) -> httpx.Request:
        return _request(self.url, content, **extra)

    def open(self, content: bytes = b"{}", **extra: Any) -> httpx.Response:
        response: httpx.Response = self._run(self.own.open(self.request(content, **extra)))
        return response

    def first(self, response: httpx.Response) -> bytes:
        """The first bytes of a body."""

        async def begin() -> bytes:
            async with contextlib.aclosing(aiter(response.stream)) as chunks:  # type: ignore[arg-type, type-var]
                return await anext(chunks)

        return next(iter(response.stream)) if self._runner is None else self._runner.run(begin())  # type: ignore[arg-type]

    def rest(self, response: httpx.Response) -> bytes:
        """All that comes of a body; then it is closed."""

        async def read() -> bytes:
            try:
                return b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
            finally:
                await response.aclose()

        if self._runner is not None:
            return self._runner.run(read())
        try:
            return b"".join(response.stream)  # type: ignore[arg-type]
        finally:
            response.close()

    def close(self, response: httpx.Response) -> None:
        if self._runner is None:
            response.close()
        else:
            self._run(response.aclose())

    def ask(self, **extra: Any) -> bytes:
        return self.rest(self.open(**extra))


async def _awaited(step: Any) -> Any:
    return await step


def _request(
    url: httpx.URL, content: bytes = b"{}", *, expires: float | None = None, headers: dict[str, str] | None = None
) -> httpx.Request:
    timeouts = httpx.Timeout(10.0).as_dict()
    extensions = {"timeout": timeouts if expires is None else Timeouts(timeouts, expires)}
    return httpx.Request("POST", url, headers=headers, content=content, extensions=extensions)


def _hello(connection: socket.socket, number: int) -> None:
    connection.sendall(HELLO)


# ------------------------------------------------------------------------------------ what is used again


def test_a_connection_is_used_again(kind: str) -> None:
    """Requests one after the other share one connection."""
    with Server(_hello) as server, Asking(kind, server.url) as asking:
        assert [asking.ask() for _ in range(4)] == [b"hello"] * 4
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        HELLO + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother",
    ],
    ids=["close", "1.0", "two replies"],
)
def test_what_must_not_be_used_again(reply: bytes, kind: str) -> None:
    """A connection that ends with its reply, or on which more comes than was asked for, is not used again."""
    with Server(lambda connection, _: connection.sendall(reply)) as server, Asking(kind, server.url) as asking:
        assert [asking.ask() for _ in range(3)] == [b"hello"] * 3
        assert len(server.connections) == 3


def test_a_body_that_was_not_read(kind: str) -> None:
    """Where a body was not read to its end, its connection is closed."""
    with Server(lambda connection, _: connection.sendall(BEGUN)) as server, Asking(kind, server.url) as asking:
        response = asking.open()
        assert asking.first(response) == b"hello"
        asking.close(response)
        assert server.ended.acquire(timeout=10)
        asking.close(response)
        asking.close(asking.open())
        assert len(server.connections) == 2


def test_a_connection_that_died_while_idle(kind: str) -> None:
    """Where the server has closed an idle connection, the next request gets a new one."""

    def leave(connection: socket.socket, number: int) -> None:
        connection.sendall(HELLO)
        raise OSError("enough")

    with Server(leave) as server, Asking(kind, server.url) as asking:
        for number in range(1, 5):
            assert asking.ask() == b"hello"
            assert server.ended.acquire(timeout=10)
            assert len(server.connections) == number


def test_what_comes_while_idle(kind: str) -> None:
    """What nobody asked for is no reply to the next request."""
    with Server(_hello) as server, Asking(kind, server.url) as asking:
        assert asking.ask() == b"hello"
        server.connections[0].sendall(HELLO.replace(b"hello", b"wrong"))
        assert asking.ask() == b"hello"
        assert len(server.connections) == 2


def test_idle_connections_expire(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was idle for too long is closed."""
    monkeypatch.setattr(http, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(ahttp, "KEPT_SECONDS", -1.0)
    with Server(_hello) as server, Asking(kind, server.url) as asking:
        for number in range(1, 4):
            assert asking.ask() == b"hello"
            assert len(server.connections) == number
        assert server.ended.acquire(timeout=10)
        assert server.ended.acquire(timeout=10)


def test_idle_connections_are_bounded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many that were in use at once only so many are kept, and closing closes these."""
    monkeypatch.setattr(http, "KEPT_CONNECTIONS", 2)
    with Server(_hello) as server, Asking(kind, server.url) as asking:
        for response in [asking.open() for _ in range(6)]:
            assert asking.rest(response) == b"hello"
        for _ in range(4):
            assert server.ended.acquire(timeout=10)
        assert not server.ended.acquire(blocking=False)
        assert asking.ask() == b"hello"
        assert len(server.connections) == 6
        asking.shut()
        for _ in range(2):
            assert server.ended.acquire(timeout=10)


def test_each_place_has_its_own(kind: str) -> None:
    """A connection to one address is never used for another."""
    other = HELLO.replace(b"hello", b"other")
    with Server(_hello) as one, Server(lambda connection, _: connection.sendall(other)) as two:
        with Asking(kind, one.url) as asking:
            for _ in range(2):
                asking.url = one.url
                assert asking.ask() == b"hello"
                asking.url = two.url
                assert asking.ask() == b"other"
        assert (len(one.connections), len(two.connections)) == (1, 1)


# ------------------------------------------------------------------------------------------ many at once


def _echo(connection: socket.socket, number: int) -> None:
    connection.sendall(HELLO.replace(b"hello", connection.recv(5)))


def test_threads_share() -> None:
    """Eight threads never need more than eight connections, and each gets the reply to its own request."""

    with Server(_echo) as server, contextlib.closing(Connections(server.url)) as own, ThreadPoolExecutor(8) as pool:

        def ask(number: int) -> bytes:
            response = own.open(_request(server.url, b"%05d" % number))
            try:
                return b"".join(response.stream)  # type: ignore[arg-type]
            finally:
                response.close()

        assert [*pool.map(ask, range(200))] == [b"%05d" % number for number in range(200)]
        assert 1 <= len(server.connections) <= 8


def test_tasks_share() -> None:
    """Many tasks never need more connections than there are of them."""

    async def ask(own: AsyncConnections, url: httpx.URL, number: int) -> bytes:
        response = await own.open(_request(url, b"%05d" % number))
        try:
            return b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
        finally:
            await response.aclose()

    async def main(url: httpx.URL) -> None:
        own = AsyncConnections(url)
        for _ in range(3):
            asked = [ask(own, url, number) for number in range(30)]
            assert await asyncio.gather(*asked) == [b"%05d" % number for number in range(30)]
        await own.close()

    with Server(_echo) as server:
        asyncio.run(main(server.url))
        assert len(server.connections) <= 30


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_event_loops_do_not_share() -> None:
    """One set of connections serves event loops one after the other, each with connections of its own."""
    with Server(_hello) as server:
        own = AsyncConnections(server.url)

        async def ask() -> None:
            for _ in range(2):
                response = await own.open(_request(server.url))
                assert [chunk async for chunk in response.stream] == [b"hello"]  # type: ignore[union-attr]
                await response.aclose()

        async def last() -> None:
            await ask()
            await own.close()

        asyncio.run(ask())  # and is not told that its loop will end
        asyncio.run(last())
        assert len(server.connections) == 2
        gc.collect()


@pytest.mark.parametrize("when", ["head", "body"])
def test_a_cancelled_request(when: str) -> None:
    """A request that is cancelled closes its connection at once; the others go on."""
    stalling = threading.Event()

    def talk(connection: socket.socket, number: int) -> None:
        if stalling.is_set():
            connection.sendall(HELLO)
            return
        stalling.set()
        if when == "body":
            connection.sendall(BEGUN)

    async def ask(own: AsyncConnections, url: httpx.URL) -> bytes:
        response = await own.open(_request(url))
        try:
            return b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
        finally:
            await response.aclose()

    async def main(server: Server) -> None:
        own = AsyncConnections(server.url)
        task = asyncio.create_task(ask(own, server.url))
        await asyncio.to_thread(stalling.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.ended.acquire, timeout=10)
        assert await ask(own, server.url) == b"hello"
        assert len(server.connections) == 2
        await own.close()

    with Server(talk) as server:
        asyncio.run(main(server))


def test_the_collector_may_end_a_request_in_the_middle() -> None:
    """A request may end in the thread that holds the lock: the collector ends abandoned streams at any moment."""
    stack: Stack[Any] = Stack()
    with stack._lock:
        assert stack._lock.acquire(blocking=False)
        stack._lock.release()
        assert stack.take() is None
        stack.close()
    assert stack._closed


def test_closing_ends_what_is_under_way(kind: str) -> None:
    """Closing ends the replies that are still coming, and nothing stays open."""
    with Server(lambda connection, _: connection.sendall(BEGUN)) as server, Asking(kind, server.url) as asking:
        response = asking.open()
        asking.shut()
        with pytest.raises((httpcore.RemoteProtocolError, httpcore.ReadError)):
            asking.rest(response)
        assert server.ended.acquire(timeout=10)
        assert asking.own.is_closed


# --------------------------------------------------------------------------------------------- in time


def _drip(data: bytes) -> Talk:
    def talk(connection: socket.socket, number: int) -> None:
        while True:
            connection.sendall(data)
            time.sleep(0.01)

    return talk


def _drip_body(connection: socket.socket, number: int) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    _drip(b"x")(connection, number)


DRIPS = {
    "headers": _drip(b"x"),
    "a header again and again": _drip(b"HTTP/1.1 200 OK\r\nx: y\r\n"),
    "informational replies": _drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": _drip_body,
    "nothing": lambda connection, number: None,
}


@pytest.mark.parametrize("talk", DRIPS.values(), ids=DRIPS)
def test_the_deadline_ends_every_wait(talk: Talk, kind: str) -> None:
    """However little comes at a time, a request ends at its deadline, and its connection is closed."""
    with Server(talk) as server, Asking(kind, server.url) as asking:
        with pytest.raises((httpcore.ReadTimeout, httpcore.RemoteProtocolError)) as caught:
            asking.ask(expires=time.monotonic() + 0.2)
        assert talk is DRIPS["a header again and again"] or caught.type is httpcore.ReadTimeout
        assert server.ended.acquire(timeout=10)


@pytest.mark.parametrize(
    "head",
    [b"x: " + b"y" * 200_000, b"".join(b"x%d: y\r\n" % number for number in range(20_000)), b"z" * 200_000],
    ids=["a long one", "many", "a status line"],
)
def test_endless_headers(head: bytes, kind: str) -> None:
    """Headers of more than 100 KB end a request."""

    def talk(connection: socket.socket, number: int) -> None:
        connection.sendall((b"" if head.startswith(b"z") else b"HTTP/1.1 200 OK\r\n") + head)

    with Server(talk) as server, Asking(kind, server.url) as asking:
        with pytest.raises(httpcore.RemoteProtocolError):
            asking.ask()
        assert server.ended.acquire(timeout=10)


def test_an_answer_before_the_whole_request() -> None:
    """Who answers without taking all that is sent is heard; that connection is not used again."""

    def refuse(connection: socket.socket, number: int) -> None:
        connection.sendall(HELLO)
        threading.Event().wait(0.05)

    with Server(refuse) as server, Asking("async", server.url) as asking:
        assert asking.ask(content=b" " * 32_000_000, headers={"x-unread": "1"}) == b"hello"
        assert asking.ask() == b"hello"
        assert len(server.connections) == 2


def test_a_large_reply_that_is_read_slowly(kind: str) -> None:
    """A reply that is larger than what is kept of it arrives whole."""
    body = bytes(range(256)) * 16_384
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with Server(lambda connection, _: connection.sendall(reply)) as server, Asking(kind, server.url) as asking:
        assert asking.ask() == body
        assert asking.ask() == body
        assert len(server.connections) == 1


# ------------------------------------------------------------------------------------------- where to


def test_nobody_there(kind: str) -> None:
    """A port that nobody listens at is a failure to connect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Asking(kind, httpx.URL(f"http://127.0.0.1:{port}/v1")) as asking, pytest.raises(httpcore.ConnectError):
        asking.ask()


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b.invalid", "x" * 64 + ".invalid"])
def test_no_such_host(host: str, kind: str) -> None:
    """So is a name that there is not, or cannot be."""
    url = httpx.URL("http://h/v1").copy_with(host=host)
    with Asking(kind, url) as asking, pytest.raises(httpcore.ConnectError):
        asking.ask()


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv6(kind: str) -> None:
    """An address of IPv6 is an address."""
    try:
        server = Server(_hello, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server, Asking(kind, server.url) as asking:
        assert asking.ask() == b"hello"
        assert f"[::1]:{server.port}".encode() in server.heads[0]


@pytest.mark.parametrize("no_proxy", [None, "other.example", "127.0.0.1", "*", "localhost,127.0.0.1"])
def test_proxies(no_proxy: str | None, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes through a proxy is what httpx says: HTTP_PROXY, less NO_PROXY."""
    passed = HELLO.replace(b"hello", b"proxy")
    with Server(_hello) as server, Server(lambda connection, _: connection.sendall(passed)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        if no_proxy is not None:
            monkeypatch.setenv("NO_PROXY", no_proxy)
        through = no_proxy in (None, "other.example")
        with Asking(kind, server.url) as asking:
            assert asking.ask() == (b"proxy" if through else b"hello")
        assert (len(proxy.heads), len(server.heads)) == ((1, 0) if through else (0, 1))


def test_the_deadline_holds_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that drip through a proxy end at the deadline too."""
    with Server(_drip(b"x")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        with Asking("sync", httpx.URL("http://h.example/v1")) as asking, pytest.raises(httpx.ReadTimeout):
            asking.ask(expires=time.monotonic() + 0.2)


@pytest.mark.parametrize("client", [httpx.Client, httpx.AsyncClient])
def test_how_httpx_is_asked_for_proxies(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx still says which way a URL goes: else all would go through its own, slower pool."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    made = client()
    assert made._transport_for_url(httpx.URL("http://h.example")) is made._transport
    assert made._transport_for_url(httpx.URL("https://h.example")) is not made._transport


def test_where_httpx_does_not_say(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where httpx should no longer say which way a URL goes, it sends all requests itself."""
    monkeypatch.delattr(httpx.Client, "_transport_for_url")
    monkeypatch.delattr(httpx.AsyncClient, "_transport_for_url")
    sent: list[httpx.Request] = []

    def send(request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, text="hello", request=request)

    async def asend(request: httpx.Request, **options: Any) -> httpx.Response:
        return send(request)

    url = httpx.URL("http://h.example/v1")
    with Asking(kind, url) as asking:
        client = asking.own._clients.of(url)[0]
        monkeypatch.setattr(client, "send", send if kind == "sync" else asend)
        assert asking.open().text == "hello"
    assert len(sent) == 1


def test_another_kind_of_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no event loop of asyncio runs, httpx sends the requests."""
    monkeypatch.setattr(ahttp, "_running", lambda: None)
    with Server(_hello) as server, Asking("async", server.url) as asking:
        response = asking.open()
        assert not asking.own.keeps(response.request)
        assert asking.rest(response) == b"hello"


def test_a_scheme_that_nobody_speaks(kind: str) -> None:
    """httpx says no to what is neither http nor https."""
    with Asking(kind, httpx.URL("ftp://h.example/v1")) as asking, pytest.raises(httpx.UnsupportedProtocol):
        asking.ask()


# ------------------------------------------------------------------------------------------------- TLS

# Of a server on this machine that there is only here.
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBZjCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBGJ+hG1mjzwr1ze
wzZ+wid5AGtI8xXLFB3OAljEXtgunCHnXGVceQltCTbaCfmlsMA6s9IuBmStHWSF
f2VojtOjTjBMMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAPBgNVHRMBAf8E
BTADAQH/MB0GA1UdDgQWBBTyD0zFrkgRc7lOL05fbbj/wUFSZzAKBggqhkjOPQQD
AgNHADBEAiBk7TBHiSVtb3TPCktKlGoiH+WF1Z6hOT8v/4bQYPC8UgIgWG9DR5Uq
slLPwywDCQwppKBZ828PAaK2aeFcs6/Uel0=
-----END CERTIFICATE-----
"""
SECRET = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj3OhBXlrQWbVVj6g
QGTaPoZB0yEurhlXdME4UOz8XVahRANCAAQRifoRtZo88K9c3sM2fsIneQBrSPMV
yxQdzgJYxF7YLpwh51xlXHkJbQk22gn5pbDAOrPSLgZkrR1khX9laI7T
-----END PRIVATE KEY-----
"""


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the server's certificate, and beside it that with its key."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_text(CERTIFICATE, encoding="ascii")
    path.with_name("server.pem").write_text(SECRET + CERTIFICATE, encoding="ascii")
    return path


@pytest.fixture
def secured(pem: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.with_name("server.pem"))
    with Server(_hello, context=context) as server:
        yield server


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_tls(name: str, kind: str, secured: Server, pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom to trust is said by the environment, and a connection with TLS is used again."""
    path = pem
    if name == "SSL_CERT_DIR":
        path = pem.parent / "directory"
        path.mkdir(exist_ok=True)
        (path / "ce275665.0").write_text(CERTIFICATE, encoding="ascii")
    monkeypatch.setenv(name, str(path))
    with Asking(kind, secured.url) as asking:
        assert [asking.ask() for _ in range(3)] == [b"hello"] * 3
    assert len(secured.heads) == 3
    assert len(secured.connections) == 2  # the bare one, and the one with TLS on it


def test_who_is_not_trusted(kind: str, secured: Server) -> None:
    """A server that nobody vouches for is sent nothing."""
    with Asking(kind, secured.url) as asking, pytest.raises(httpcore.ConnectError, match="CERTIFICATE"):
        asking.ask()
    assert secured.heads == []


def test_a_second_scheme(kind: str, secured: Server, pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections begun for http:// trust the same authorities for https://."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with Server(_hello) as plain, Asking(kind, plain.url) as asking:
        assert asking.ask() == b"hello"
        asking.url = secured.url
        assert asking.ask() == b"hello"


def test_certificates_that_cannot_be_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate file that is not there is said at once."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        (Connections if kind == "sync" else AsyncConnections)(httpx.URL("https://h.example/v1"))


# --------------------------------------------------------------------------------------------- errors

ERRORS = [
    each
    for name in httpcore.__all__
    if isinstance(each := getattr(httpcore, name), type) and issubclass(each, Exception)
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpcore_is_translated(kind: type[Exception]) -> None:
    """httpcore raises nothing that is not caught, and nothing that has no words of its own."""
    assert issubclass(kind, CAUGHT)
    error = fault(kind("x"), "http://h/v1", None)
    assert isinstance(error, ExtractorError)
    same = getattr(httpx, kind.__name__, None)
    if same is not None:
        twin = fault(same("x"), "http://h/v1", None)
        assert (type(error), error.message, error.hint) == (type(twin), twin.message, twin.hint)
