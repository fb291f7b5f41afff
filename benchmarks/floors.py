"""What extraction costs by hand: with a kept `httpx` client; and with nothing but sockets, the least that can be done.

The sockets post bytes and give the bytes of the answer's body. No redirects, no chunked answers, no TLS: the loopback
endpoints have none of these. An answer that is not 200 is a `Refused`, with what it asks one to wait.
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel
from task import AsyncCall, Call, Task

__all__ = ["AsyncSockets", "Refused", "Sockets", "async_by_hand", "async_sockets", "by_hand", "sockets"]

_END = b"\r\n\r\n"


class Refused(Exception):
    """Another status than 200; `retry_after` in seconds, None where it does not say."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"status {status}")
        self.status, self.retry_after = status, retry_after


def _head(url: str, key: str) -> tuple[tuple[str, int], bytes]:
    """Where to, and the request up to the value of its content-length."""
    place = urlsplit(url)
    lines = (f"POST {place.path} HTTP/1.1", f"host: {place.netloc}", f"authorization: Bearer {key}")
    more = ("content-type: application/json", "content-length: ")
    return (place.hostname or "", place.port or 80), "\r\n".join((*lines, *more)).encode()


def _length(head: bytes) -> int:
    """The size of the answer's body."""
    return int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])


def _answered(head: bytes, body: bytes) -> bytes:
    if head.startswith(b"HTTP/1.1 200"):
        return body
    _, found, rest = head.lower().partition(b"\r\nretry-after:")
    raise Refused(int(head[9:12]), float(rest.partition(b"\r\n")[0]) if found else None)


class Sockets:
    """One kept socket for each thread."""

    def __init__(self, url: str, key: str) -> None:
        self._place, self._head = _head(url, key)
        self._own = threading.local()

    def _connected(self) -> socket.socket:
        made = socket.create_connection(self._place)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._own.socket = made
        return made

    def post(self, content: bytes) -> bytes:
        """The answer to this. Raises Refused, or OSError."""
        connection: socket.socket = getattr(self._own, "socket", None) or self._connected()
        connection.sendall(b"%b%d%b%b" % (self._head, len(content), _END, content))
        received = b""
        while (end := received.find(_END)) < 0:
            received += _some(connection)
        size = end + 4 + _length(received[: end + 2])
        while len(received) < size:
            received += _some(connection)
        return _answered(received[: end + 2], received[end + 4 :])


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise ConnectionError("the answer has no end")
    return received


class AsyncSockets:
    """As many kept sockets as there are calls at once."""

    def __init__(self, url: str, key: str) -> None:
        self._place, self._head = _head(url, key)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, content: bytes) -> bytes:
        """The answer to this. Raises Refused, or OSError."""
        streams = self._idle.pop() if self._idle else await asyncio.open_connection(*self._place)
        reader, writer = streams
        writer.write(b"%b%d%b%b" % (self._head, len(content), _END, content))
        head = await reader.readuntil(_END)
        body = await reader.readexactly(_length(head))
        self._idle.append(streams)
        return _answered(head, body)


# --------------------------------------------------------------------------------------------- the calls


def _body(task: Task, document: str, schema: Any) -> dict[str, Any]:
    described = {"name": task.model.__name__, "strict": True, "schema": schema}
    asked = {"model": task.name, "messages": task.messages(document)}
    return {**asked, "response_format": {"type": "json_schema", "json_schema": described}, **task.options}


def _read(task: Task, reply: httpx.Response) -> BaseModel:
    return task.model.model_validate_json(reply.raise_for_status().json()["choices"][0]["message"]["content"])


def _client(task: Task) -> dict[str, Any]:
    # With its own limits, of 100 connections and 20 idle ones: with more its pool takes longer.
    return {"headers": {"Authorization": f"Bearer {task.key}"}, **task.said(timeout="timeout")}


def by_hand(task: Task) -> Call:
    """Post with a kept `httpx.Client`, and validate what is in the reply."""
    client, schema = httpx.Client(**_client(task)), task.model.model_json_schema()
    target = task.base_url + "/chat/completions"
    return lambda document=task.document: _read(task, client.post(target, json=_body(task, document, schema)))


def async_by_hand(task: Task) -> AsyncCall:
    """Post with a kept `httpx.AsyncClient`."""
    client, schema = httpx.AsyncClient(**_client(task)), task.model.model_json_schema()
    target = task.base_url + "/chat/completions"

    async def call(document: str = task.document) -> BaseModel:
        return _read(task, await client.post(target, json=_body(task, document, schema)))

    return call


def _raw(task: Task) -> tuple[Callable[[str], bytes], Callable[[bytes], BaseModel]]:
    """Text → what is sent, of which all but the text is written beforehand; and what is received → record."""
    schema = task.model.model_json_schema()
    compact = functools.partial(json.dumps, ensure_ascii=False, separators=(",", ":"))  # as httpx does it
    before, after = compact(_body(task, "\0", schema)).split(compact("\0"))
    validated = task.model.model_validate_json
    return (
        lambda document: (before + compact(document) + after).encode(),
        lambda reply: validated(json.loads(reply)["choices"][0]["message"]["content"]),
    )


def sockets(task: Task) -> Call:
    """Post with a kept socket for each thread."""
    encoded, decoded = _raw(task)
    post = Sockets(task.base_url + "/chat/completions", task.key).post
    return lambda document=task.document: decoded(post(encoded(document)))


def async_sockets(task: Task) -> AsyncCall:
    """Post with as many kept sockets as there are calls at once."""
    encoded, decoded = _raw(task)
    post = AsyncSockets(task.base_url + "/chat/completions", task.key).post

    async def call(document: str = task.document) -> BaseModel:
        return decoded(await post(encoded(document)))

    return call
