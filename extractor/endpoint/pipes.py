"""Connections of our own under asyncio: its transports as httpcore wants them, each wait bounded.

What httpcore brings along opens a cancel scope for every read and write, which costs more than the rest of a request.
Here a wait is a future and a timer. Only the async side loads this: it imports asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import ssl
from typing import Any, cast

import httpcore

from extractor.endpoint.http import Left

__all__ = ["Pipe", "dial"]

# What a slow reader leaves waiting here is bounded: then the transport stops to read, and TCP makes the server wait.
_FULL = 256 * 1024
# Two addresses of one name are tried a moment apart (RFC 8305), as httpcore's own connections do.
_NEXT_ADDRESS = 0.25


class Pipe(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection. Only one task reads or writes at a time, as HTTP/1.1 does.

    Writes are kept until the next read or flush, so that headers and body leave together.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received: list[bytes] = []
        self._size = 0
        self._unsent: list[bytes] = []
        self._ended = self._lost = self._paused = self._clogged = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came until it is read."""
        self._received.append(data)
        self._size += len(data)
        if self._size > _FULL and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes or goes."""
        self._ended = self._lost = True
        self._failure = exc
        self._wake()

    def pause_writing(self) -> None:
        """The other side does not take what is sent as fast as it is."""
        self._clogged = True

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._clogged = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What httpcore calls.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at least a byte; nothing at the end. May be more than `max_bytes`: it is here already."""
        if isinstance(timeout, Left) and timeout.is_over():  # however much comes
            raise httpcore.ReadTimeout("the deadline has passed")
        if self._unsent:
            await self._flush(timeout)
        while not self._received and not self._ended:
            await self._wait(timeout, httpcore.ReadTimeout)
        if not self._received:
            if self._failure is not None:
                raise httpcore.ReadError(str(self._failure))
            return b""
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send that with what follows."""
        if buffer:
            self._unsent.append(buffer)

    async def _flush(self, timeout: float | None) -> None:
        unsent, self._unsent = self._unsent, []
        if self._lost:
            return  # what the server said before it went can still be read
        self._transport.writelines(unsent)
        # Who answers before all was sent (413) need not take the rest.
        while self._clogged and not self._received and not self._ended:
            left = self._transport.get_write_buffer_size()
            try:
                await self._wait(timeout, httpcore.WriteTimeout)
            except httpcore.WriteTimeout:
                over = isinstance(timeout, Left) and timeout.is_over()
                if over or self._transport.get_write_buffer_size() >= left:
                    raise  # a timeout is for silence, as in the sync sender

    async def _wait(self, timeout: float | None, late: type[Exception]) -> None:
        self._waiter = waiter = self._loop.create_future()
        left = timeout.now() if isinstance(timeout, Left) else timeout
        timer = None if left is None else self._loop.call_later(left, _expire, waiter)
        expired = False
        try:
            await waiter
        except TimeoutError:
            expired = True
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        if expired:
            raise late("nothing in time")

    async def aclose(self) -> None:
        """Close it, whatever is under way."""
        self.drop()

    def drop(self) -> None:
        """The same at once. Nothing that is still to be sent is sent."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to close it in
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """`is_readable`: whether there is anything but silence, which between two replies is the end."""
        if info == "is_readable":
            return self._ended or bool(self._received) or self._is_busy() or _is_readable(self._transport)
        return self._transport.get_extra_info(info)

    def _is_busy(self) -> bool:
        return self._lost or self._transport.is_closing() or self._transport.get_write_buffer_size() > 0


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _is_readable(transport: asyncio.Transport) -> bool:
    """Whether something has come that the event loop has not seen yet: it may have been busy, or stopped."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock.fileno()], [], [], 0)[0])


async def dial(host: str, port: int, context: ssl.SSLContext | None, timeout: float | None) -> Pipe:
    """A connection, with TLS where there is a context. Raises `httpcore.ConnectError` and `ConnectTimeout`."""
    loop = asyncio.get_running_loop()
    # uvloop, for one, tries one after the other, and takes no such argument.
    more: dict[str, Any] = {}
    if isinstance(loop, asyncio.BaseEventLoop):
        more["happy_eyeballs_delay"] = _NEXT_ADDRESS
    failed: Exception
    try:
        async with asyncio.timeout(timeout):
            _, pipe = await loop.create_connection(
                Pipe, host, port, ssl=context, server_hostname=host if context else None, **more
            )
            return pipe
    except TimeoutError:
        failed = httpcore.ConnectTimeout("no connection in time")
    except (OSError, UnicodeError, OverflowError) as error:  # no such host, nobody there, a certificate, a port
        failed = httpcore.ConnectError(str(error))
    raise failed
