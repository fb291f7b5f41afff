"""A scriptable fake endpoint, for tests of code that uses this library.

    with FakeEndpoint({"name": "Ann"}) as fake:
        extract(Person, "…", base_url=fake.base_url)
    assert fake.requests[0].body["messages"]

It is a real server on loopback; `fake.transport()` answers the same without a socket, for an
`http_client` of your own. With pytest, the fixture `fake_endpoint` gives one.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import httpx
from pydantic_core import to_jsonable_python

__all__ = ["FakeEndpoint", "Recorded", "Reply", "Scripted"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer of the endpoint.

    `content` is the message's (a string as it is, anything else as JSON; None leaves it out), `message`
    adds fields to the message (refusal, tool_calls …), `choice` to the choice, `body` to the whole.
    `raw` replaces the body altogether; then `content_type` goes with it. `delay` in seconds.
    A request with `"stream": true` is answered in events, `chunk` characters of the content each.
    """

    content: Any = None
    finish_reason: str | None = "stop"
    message: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str | bytes | None = None
    content_type: str = "application/json"
    delay: float = 0.0
    chunk: int = 16

    @property
    def text(self) -> str | None:
        """The content as it is sent."""
        if self.content is None or isinstance(self.content, str):
            return self.content
        return json.dumps(to_jsonable_python(self.content, by_alias=True))


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One request that arrived: header names in lower case, `body` decoded, `raw` as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes


Scripted: TypeAlias = "Reply | str | dict[str, Any] | list[Any] | Callable[[Recorded], Any]"
"""What to answer: a `Reply`; a string or data as its content; or a function of the request giving one."""


class FakeEndpoint:
    """Answers requests with the given script, one after the other, and records them in `requests`.

    With `repeat=True` the script starts again at its end; else a request too many is answered with a 500
    that says so. Use it in `with`, or `start()` and `close()` it.
    """

    def __init__(self, *script: Scripted, repeat: bool = False, model: str = "fake") -> None:
        self.requests: list[Recorded] = []
        self.script: Sequence[Scripted] = list(script)
        self.repeat = repeat
        self.model = model
        self._answered = 0
        self._lock = threading.Lock()
        self._server: _Server | None = None

    @property
    def base_url(self) -> str:
        """The address to give as `base_url=`. The server must be running."""
        if self._server is None:
            raise RuntimeError("The fake endpoint is not running: use it in a with block, or start() it.")
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, *script: Scripted) -> None:
        """Forget what is left of the script, and answer with this one from now on."""
        with self._lock:
            self.script = list(script)
            self._answered = 0

    def start(self) -> FakeEndpoint:
        """Listen on a loopback port."""
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def close(self) -> None:
        """Stop listening, and end the connections that clients have kept."""
        if self._server is not None:
            self._server.shutdown()
            self._server.end_connections()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> FakeEndpoint:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def transport(self) -> httpx.MockTransport:
        """An httpx transport that answers without a socket, sync and async:
        `httpx.Client(transport=fake.transport())`.
        """

        def handle(request: httpx.Request) -> httpx.Response:
            status, headers, body = self._respond(
                request.method, request.url.path, dict(request.headers), request.read()
            )
            return httpx.Response(status, headers=headers, content=body)

        return httpx.MockTransport(handle)

    def _respond(
        self, method: str, path: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        recorded = Recorded(method=method, path=path, headers=headers, body=_decoded(raw), raw=raw)
        with self._lock:
            self.requests.append(recorded)
            reply: Any = self._next()
        if callable(reply):
            reply = _called(reply, recorded)
        if not isinstance(reply, Reply):
            reply = Reply(content=reply)
        if reply.delay:
            time.sleep(reply.delay)
        streamed = isinstance(recorded.body, dict) and bool(recorded.body.get("stream"))
        content_type, body = _body(reply, self.model, streamed)
        return reply.status, {"content-type": content_type, **reply.headers}, body

    def _next(self) -> Scripted:
        number, self._answered = self._answered, self._answered + 1
        if self.repeat and self.script:
            return self.script[number % len(self.script)]
        if number < len(self.script):
            return self.script[number]
        said = f"request {number + 1}, but the fake endpoint's script has {len(self.script)}"
        return Reply(status=500, headers=_FINAL, raw=json.dumps({"error": {"message": said}}))


# A mistake in the script is no failure of an endpoint: nobody should ask again.
_FINAL: Mapping[str, str] = {"x-should-retry": "false"}


def _called(function: Callable[[Recorded], Any], recorded: Recorded) -> Any:
    try:
        return function(recorded)
    except Exception as error:  # noqa: BLE001  # it ran in the server: only an answer reaches the test
        said = f"the function in the script raised {type(error).__name__}: {error}"
        return Reply(status=500, headers=_FINAL, raw=json.dumps({"error": {"message": said}}))


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _body(reply: Reply, model: str, streamed: bool) -> tuple[str, bytes]:
    if reply.raw is not None:
        return reply.content_type, reply.raw.encode() if isinstance(reply.raw, str) else reply.raw
    usage = dict(reply.usage) if reply.usage is not None else None
    head = {"id": "fake-1", "created": 0, "model": model}
    if streamed and reply.status == 200:
        return "text/event-stream", _events(reply, {**head, "object": "chat.completion.chunk"}, usage)
    message: dict[str, Any] = {"role": "assistant", **reply.message}
    if reply.text is not None:
        message["content"] = reply.text
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason, **reply.choice}
    body = {**head, "object": "chat.completion", "choices": [choice], "usage": usage, **reply.body}
    return reply.content_type, json.dumps(body).encode()


def _events(reply: Reply, head: Mapping[str, Any], usage: Mapping[str, Any] | None) -> bytes:
    text = reply.text or ""
    pieces = [text[start : start + reply.chunk] for start in range(0, len(text), reply.chunk)]
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", **reply.message},
        *({"content": each} for each in pieces),
    ]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason, **reply.choice}]})
    if usage is not None:
        chunks.append({"choices": [], "usage": usage})
    lines = [json.dumps({**head, **chunk, **reply.body}) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1_024

    def __init__(self, fake: FakeEndpoint) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """End those that are still open: their handlers see the end, and close them."""
        for connection in [*self._connections]:
            with contextlib.suppress(OSError):  # it has just been closed
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away early is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, sent, body = self.server.fake._respond(self.command, self.path.partition("?")[0], headers, raw)
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **sent}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815  # http.server's name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
        """Quiet."""
