"""Everything that an endpoint was seen to do wrong: a table of faults, and a server that does them.

A `Fault` is data: what the server does with the first request, with the second, and so on (the last goes on for
ever), and how an extraction has to end: with the right value after so many requests, or with the one right error.
`Faulty` does it on loopback, over plain sockets: what no HTTP library would send is sent here.

The tests run the table through the library, `benchmarks/faults.py` through others too, and `page()` is
`docs/reference/faults.md`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import select
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from itertools import count, groupby
from typing import Any, TypeAlias

from pydantic import BaseModel

__all__ = ["DOCUMENT", "FAULTS", "KEY", "MARK", "RECOVERS", "RIGHT", "TRIES", "Fault", "Faulty", "Invoice", "page"]


class Invoice(BaseModel):
    """What is extracted."""

    number: str
    total: float
    currency: str


RIGHT = {"number": "R-17", "total": 12.5, "currency": "EUR"}
MARK = "ZEBRA-7361"
"""In the document, and so in no message of an error."""
DOCUMENT = f"{MARK}: invoice R-17 of 1 March 2025 over EUR 12.50, payable within ten days."
KEY = "sk-fault-PLANTED-0123456789abcdef"

# ------------------------------------------------------------------------- what the server does

PIECE = 0.05
"""Seconds between the bytes of a server that drips."""


class Do(Enum):
    """What needs no more words."""

    CLOSE = auto()
    RESET = auto()  # RST instead of FIN: what has arrived may be lost, too
    HALF = auto()  # says that it has nothing more to say, but stays
    STALL = auto()
    ANSWER = auto()  # the right answer to what was asked, in the form that was asked for
    NEXT = auto()  # waits for the next request on this connection


@dataclass(frozen=True, slots=True)
class Drip:
    """These bytes again and again, a moment between them, for ever."""

    piece: bytes


@dataclass(frozen=True, slots=True)
class Flood:
    """These bytes again and again, as fast as they are taken; None: for ever."""

    piece: bytes
    times: int | None = None


Move: TypeAlias = "bytes | Do | Drip | Flood"


@dataclass(frozen=True, slots=True)
class Act:
    """What is done with one request: after it has been read, or before (`unread`)."""

    moves: tuple[Move, ...]
    unread: bool = False


def _act(*moves: Move) -> Act:
    return Act(moves)


def _unread(*moves: Move) -> Act:
    return Act(moves, unread=True)


FINE = _act(Do.ANSWER)

# ------------------------------------------------------------------------- what goes over the wire


def _http(status: int | str = 200, body: bytes = b"", *headers: str, length: int | str | None = None) -> bytes:
    """A response with its length; `headers` go before those that it needs, and in their place."""
    size = len(body) if length is None else length
    own = {line.partition(":")[0].lower() for line in headers}
    usual = {"content-type": "application/json", "content-length": str(size)}
    lines = [*headers, *(f"{name}: {value}" for name, value in usual.items() if name not in own)]
    return "\r\n".join([f"HTTP/1.1 {status} Planned", *lines, "", ""]).encode() + body


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()


USAGE = {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60}
TEXT = json.dumps(RIGHT)
OTHER = json.dumps({**RIGHT, "number": "another"})


def _completion(content: Any = TEXT, *, finish_reason: Any = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_740_787_200, "model": "m"}
    return {**head, "choices": [choice], "usage": USAGE}


def _event(data: Any) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else _json(data)) + b"\n\n"


def _delta(content: str | None, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


DONE = _event(b"[DONE]")
STOP = _event(_delta(None, "stop"))
SPENT = _event({"object": "chat.completion.chunk", "choices": [], "usage": USAGE})


def _pieces(text: str = TEXT, size: int = 10) -> bytes:
    return b"".join(_event(_delta(text[at : at + size])) for at in range(0, len(text), size))


WHOLE_STREAM = _pieces() + STOP + SPENT + DONE


def _events(body: bytes, *headers: str) -> bytes:
    return _http(200, body, "content-type: text/event-stream", *headers)


def _failure(status: Any = None, message: str = "planned failure", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": status, **more}}


def _refusal(status: int, *headers: str, message: str = "planned failure", **more: Any) -> Act:
    return _act(_http(status, _json(_failure(message=message, **more)), *headers))


def _answers(body: Any, *headers: str, status: int = 200) -> Act:
    """A successful answer with this body (bytes, or data to be written as JSON)."""
    return _act(_http(status, body if isinstance(body, bytes) else _json(body), *headers))


def _says(content: Any, **more: Any) -> Act:
    return _answers(_completion(content, **more))


def _right_answer(request: bytes) -> bytes:
    """A response with the right value, of as much of it as was asked for, in the form that was asked for."""
    asked = json.loads(request or b"{}")  # a redirect may have been followed without its body
    described = (asked.get("response_format") or {}).get("json_schema") or {}
    names = (described.get("schema") or {}).get("properties") or RIGHT
    text = json.dumps({name: RIGHT[name] for name in names if name in RIGHT} or RIGHT)
    if asked.get("stream"):
        return _events(_pieces(text) + STOP + SPENT + DONE)
    if asked.get("tools"):
        function = {"name": asked["tools"][0]["function"]["name"], "arguments": text}
        call = {"id": "call_1", "type": "function", "function": function}
        return _http(200, _json(_completion(None, finish_reason="tool_calls", tool_calls=[call])))
    return _http(200, _json(_completion(text)))


# ---------------------------------------------------------------------------------- the server

_numbers = count()
LIFE = 20.0
"""Seconds after which a server ends whatever it does, so that those who wait for it do not hang."""


class Faulty:
    """A server that does to whoever connects what a `Fault` says. Use it in `with`; nothing outlives it.

    `tries` counts the requests that something was done with, and the connections that were closed without reading
    one; `sizes` are the requests' bodies in bytes; `elsewhere` what arrived where a redirect pointed.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.tries = 0
        self.sizes: list[int] = []
        self.elsewhere = 0
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listeners: list[socket.socket] = []
        self._timer = threading.Timer(LIFE, self._end)

    def __enter__(self) -> Faulty:
        self._other = self._listen(self._count) if self.fault.redirects else ""
        self._here = self._listen(self._serve)
        # Ports come again: what a client remembers of one server must not be taken for another.
        self.base_url = f"{self.fault.scheme}://{self._here}/{next(_numbers)}/v1"
        if self.fault.refused:
            self._listeners.pop().close()
        self._timer.start()
        return self

    def settled(self) -> None:
        """Wait until a connection is closed, where the first request ends with that."""
        if self.fault.script[0].moves[-1] in (Do.CLOSE, Do.RESET):
            self.closed.wait(5)

    def __exit__(self, *exc_info: object) -> None:
        self._timer.cancel()
        self._end()
        for thread in self._threads:
            thread.join()
        for listener in self._listeners:
            listener.close()

    def _end(self) -> None:
        self._stop.set()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                socket.create_connection(listener.getsockname()).close()  # wakes accept()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _listen(self, serve: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        if not self.fault.refused:
            self._start(self._accept, listener, serve)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        with contextlib.suppress(OSError):  # it has been shut down
            while not self._stop.is_set():
                connection, _ = listener.accept()
                with self._lock:
                    self._open.add(connection)
                self._start(self._talk, connection, serve)

    def _talk(self, connection: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        with contextlib.suppress(OSError):
            serve(connection)
        with self._lock:
            self._open.discard(connection)
            connection.close()
        self.closed.set()

    def _count(self, connection: socket.socket) -> None:
        if not self._stop.is_set():
            self.elsewhere += 1

    def _serve(self, connection: socket.socket) -> None:
        fresh = True
        while not self._stop.is_set():
            if self._coming().unread:
                if not fresh:
                    select.select([connection], [], [])
                request = b""
            else:
                read = _read(connection)
                if read is None:
                    return
                request = read
                self.sizes.append(len(request))
            act, fresh = self._coming(), False
            self.tries += 1
            for move in act.moves:
                if not self._made(connection, move, request):
                    return

    def _coming(self) -> Act:
        return self.fault.script[min(self.tries, len(self.fault.script) - 1)]

    def _made(self, connection: socket.socket, move: Move, request: bytes) -> bool:
        """Do it; whether the connection goes on."""
        if isinstance(move, bytes):
            connection.sendall(self._filled(move))
        elif isinstance(move, Drip):
            while not self._stop.wait(PIECE):
                connection.sendall(move.piece)
            return False
        elif isinstance(move, Flood):
            sent = 0
            while not self._stop.is_set() and sent != move.times:
                connection.sendall(move.piece)
                sent += 1
        else:
            return self._did(connection, move, request)
        return True

    def _did(self, connection: socket.socket, move: Do, request: bytes) -> bool:
        if move is Do.ANSWER:
            connection.sendall(_right_answer(request))
        elif move is Do.HALF:
            connection.shutdown(socket.SHUT_WR)
        elif move is Do.STALL:
            while connection.recv(65_536) if not self.fault.large else not self._stop.wait(PIECE):
                pass  # until the other side has had enough
        elif move is Do.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return move not in (Do.CLOSE, Do.RESET, Do.STALL)

    def _filled(self, raw: bytes) -> bytes:
        if b"{" not in raw[:2_000]:
            return raw
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
        for name, value in (("{SOON}", soon), ("{HERE}", self._here), ("{ELSEWHERE}", self._other)):
            raw = raw.replace(name.encode(), value.encode())
        return raw


def _read(connection: socket.socket) -> bytes | None:
    """The body of the next request; None where none comes any more."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    chunks, missing = [body], int(rest.partition(b"\r\n")[0] or b"0") - len(body)
    while missing > 0:
        more = connection.recv(1 << 20)
        if not more:
            return None
        chunks.append(more)
        missing -= len(more)
    return b"".join(chunks)


# ----------------------------------------------------------------------------------- the table

TRIES = 3
"""Requests that one request becomes at most, with the two `transport_retries` of the default."""
ROUNDS = 3
"""Requests of one extraction at most, with the two `max_retries` of the default."""
RECOVERS = "recovers"
ALL_WAYS = ("sync", "async", "stream", "async stream")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What a server does, and how the extraction ends.

    `expected` is "recovers", or the name of an error in `extractor.errors`; either after `requests` requests.
    `what` says what the server does. `settings` are the extractor's; `calls` how many extractions are made, one after
    the other (the last one counts). `asks_stream`: the reply is asked for as a stream; `ways` are how it is called
    (`stream` and `async stream`: what comes is shown as it comes). `heavy`: memory is what it is about. `said` stands
    in the error's `body`, and `told` in its message; `answered` replies are in its `attempts`. `grows` is the most
    bytes that a request may be larger than the first. `family` and `of` are for the page: faults of one family that
    end alike make one row.
    """

    group: str
    name: str
    what: str
    script: tuple[Act, ...]
    expected: str = RECOVERS
    requests: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    calls: int = 1
    asks_stream: bool = False
    ways: tuple[str, ...] = ("sync", "async")
    heavy: bool = False
    refused: bool = False
    redirects: bool = False
    large: bool = False
    scheme: str = "http"
    said: str = ""
    told: str = ""
    answered: int = 0
    grows: int | None = None
    family: str = ""
    of: str = ""

    @property
    def id(self) -> str:
        """Its name among all."""
        return f"{self.group}: {self.name}"

    @property
    def result(self) -> str:
        """How it ends, in words."""
        times = "1 request" if self.requests == 1 else f"{self.requests or 'no'} requests"
        return f"the right value, {times}" if self.expected == RECOVERS else f"`{self.expected}`, {times}"


Faults: TypeAlias = "Iterator[Fault]"

# ------------------------------------------------------------------------------------- statuses

SENT_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524, 529, 599)
"""Statuses after which the same request is sent again."""
KINDS: Mapping[int, str] = {
    400: "BadRequest",
    401: "AuthenticationFailed",
    402: "QuotaExceeded",
    403: "AuthenticationFailed",
    404: "NotFound",
    405: "NotFound",
    413: "RequestTooLarge",
    422: "BadRequest",
    429: "RateLimited",
}
REFUSING = (400, 401, 402, 403, 404, 405, 408, 409, 410, 411, 413, 415, 422, 425, 429, 451)
FAILING = (500, 501, 502, 503, 504, 520, 521, 522, 524, 529, 599)


def _kind(status: int) -> str:
    return KINDS.get(status, "ServerError" if status >= 500 else "StatusError")


def _statuses() -> Faults:
    group = "statuses"
    for status in (*REFUSING, *FAILING):
        again, act = status in SENT_AGAIN, _refusal(status)
        once = Fault(
            group=group,
            name=f"{status} once",
            what="this status once, then a completion",
            script=(act, FINE),
            expected=RECOVERS if again else _kind(status),
            requests=2 if again else 1,
            said="" if again else "planned failure",
            family="once",
            of=str(status),
        )
        yield once
        yield replace(
            once,
            name=f"{status} for ever",
            what="this status to every request",
            script=(act,),
            expected=_kind(status),
            requests=TRIES if again else 1,
            said="planned failure",
            family="for ever",
        )
    yield from _informing(group)
    yield from _successes(group)
    yield from _redirects(group)


def _informing(group: str) -> Faults:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"
    for status, raw in (
        (100, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (102, b"HTTP/1.1 102 Processing\r\n\r\n"),
        (103, early),
    ):
        yield Fault(
            group=group,
            name=f"{status} before",
            what="an informational response before the completion",
            script=(_act(raw, Do.ANSWER),),
            family="before",
            of=str(status),
        )
    yield Fault(
        group=group,
        name="a hundred 103 before",
        what="100 informational responses before the completion",
        script=(_act(Flood(early, 100), Do.ANSWER),),
    )
    yield Fault(
        group=group,
        name="100 without end",
        what="`100 Continue` for ever, with a deadline",
        script=(_act(Flood(b"HTTP/1.1 100 Continue\r\n\r\n")),),
        expected="DeadlineExceeded",
        settings={"deadline": 0.5},
    )
    yield Fault(
        group=group,
        name="101",
        what="switches to another protocol, which nobody asked for",
        script=(_act(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", Do.STALL),),
        expected="ConnectionFailed",
        requests=TRIES,
    )


def _successes(group: str) -> Faults:
    for status in (201, 202, 203, 206):
        yield Fault(
            group=group,
            name=f"{status} with a completion",
            what="another successful status with a completion",
            script=(_answers(_completion(), status=status),),
            family="another success",
            of=str(status),
        )
    for status, body in ((202, b""), (206, _json(_completion())[:100])):
        yield Fault(
            group=group,
            name=f"{status} without a whole completion",
            what="another successful status with no completion, or half of one",
            script=(_answers(body, status=status),),
            expected="BadReply",
            family="another success without",
            of=str(status),
        )
    for status in (204, 205):
        yield Fault(
            group=group,
            name=f"{status}",
            what="no content",
            script=(_act(f"HTTP/1.1 {status} No Content\r\ncontent-length: 0\r\n\r\n".encode()),),
            expected="BadReply",
            family="no content",
            of=str(status),
        )


def _redirects(group: str) -> Faults:
    places = {
        "to another host": "http://{ELSEWHERE}/v1/chat/completions",
        "to a relative address": "/v2/chat/completions",
        "to itself": "http://{HERE}/v1/chat/completions",
    }
    for status in (301, 302, 303, 307, 308):
        for place, location in places.items():
            yield Fault(
                group=group,
                name=f"{status} {place}",
                what=f"redirects {place}; nothing may go there",
                script=(_act(_http(status, b"", f"location: {location}")), FINE),
                expected="Redirected",
                redirects=True,
                family=place,
                of=str(status),
            )
    others = {
        "nowhere": (),
        "to no address": ("location: http://[::1",),
        "to another protocol": ("location: file:///etc/passwd",),
        "to two places": ("location: http://{ELSEWHERE}/a", "location: http://{ELSEWHERE}/b"),
    }
    for place, headers in others.items():
        yield Fault(
            group=group,
            name=f"307 {place}",
            what=f"redirects {place}",
            script=(_act(_http(307, b"", *headers)), FINE),
            expected="Redirected",
            redirects=True,
        )
    for status in (300, 304):
        yield Fault(
            group=group,
            name=str(status),
            what="a status that sends nowhere",
            script=(_act(_http(status)),),
            expected="Redirected" if status == 300 else "StatusError",
        )


# ----------------------------------------------------------------------------------- Retry-After

DELAYING = (408, 409, 425, 429, 500, 502, 503, 504, 529)
PAST = "Fri, 01 Mar 2024 00:00:00 GMT"
WAITS: Mapping[str, tuple[str, ...]] = {
    "0": ("retry-after: 0",),
    "a fraction of a second": ("retry-after: 0.05",),
    "a date in the past": (f"retry-after: {PAST}",),
    "garbage": ("retry-after: in a moment",),
    "nothing": ("retry-after:",),
    "a negative number": ("retry-after: -5",),
    "no number": ("retry-after: nan",),
    "an impossible date": ("retry-after: Fri, 99 Mar 2024 99:00:00 GMT",),
    "milliseconds": ("retry-after-ms: 20",),
    "milliseconds and too many seconds": ("retry-after-ms: 20", "retry-after: 999999"),
    "garbled milliseconds and seconds": ("retry-after-ms: soon", "retry-after: 0"),
    "x-should-retry: true": ("x-should-retry: true",),
    "x-should-retry: perhaps": ("x-should-retry: perhaps",),
}
"""How long to wait, as it is said → the headers. All of them are sent again."""
SLOW_WAITS: Mapping[str, tuple[str, ...]] = {"a second": ("retry-after: 1",), "a date soon": ("retry-after: {SOON}",)}
NO_WAITS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "too many seconds": (("retry-after: 999999",), "999999"),
    "a date too far": (("retry-after: Fri, 01 Jan 2038 00:00:00 GMT",), ""),
    "400 digits": ((f"retry-after: {'9' * 400}",), ""),
    "too many milliseconds": (("retry-after-ms: 999999000",), ""),
    "x-should-retry: false": (("x-should-retry: false",), ""),
    "x-should-retry: false and 0 seconds": (("x-should-retry: false", "retry-after: 0"), ""),
    "x-should-retry: true and too many seconds": (("x-should-retry: true", "retry-after: 999999"), "999999"),
}
"""The same → the headers, and what of it the message tells. None of them is sent again."""


def _retry_after() -> Faults:
    group = "Retry-After"
    for status in DELAYING:
        slow = SLOW_WAITS if status in (429, 503) else {}
        for said, headers in (*WAITS.items(), *slow.items()):
            yield Fault(
                group=group,
                name=f"{status}, {said}",
                what=f"`{'`, `'.join(headers).replace('{SOON}', 'a date within a second')}`, then a completion",
                script=(_refusal(status, *headers), FINE),
                requests=2,
                family=said,
                of=str(status),
            )
        for said, (headers, told) in NO_WAITS.items():
            shown = "`, `".join(headers).replace("9" * 400, "999… (400 digits)")
            yield Fault(
                group=group,
                name=f"{status}, {said}",
                what=f"`{shown}`: the error comes at once",
                script=(_refusal(status, *headers), FINE),
                expected=_kind(status),
                told=told,
                family=said,
                of=str(status),
            )
    yield Fault(
        group=group,
        name="400, x-should-retry: true",
        what="`x-should-retry: true` with a status that is not sent again otherwise, then a completion",
        script=(_refusal(400, "x-should-retry: true"), FINE),
        requests=2,
    )
    yield Fault(
        group=group,
        name="429, more than max_wait",
        what="`retry-after: 2` where `max_wait=1`: the error comes at once",
        script=(_refusal(429, "retry-after: 2"), FINE),
        expected="RateLimited",
        settings={"max_wait": 1.0},
    )
    yield Fault(
        group=group,
        name="429, more than the deadline",
        what="`retry-after: 30` where `deadline=3`: the error comes at once",
        script=(_refusal(429, "retry-after: 30"), FINE),
        expected="RateLimited",
        settings={"deadline": 3.0},
    )
    yield Fault(
        group=group,
        name="429 for ever, 0",
        what="`retry-after: 0` to every request: no more of them than allowed",
        script=(_refusal(429, "retry-after: 0"),),
        expected="RateLimited",
        requests=TRIES,
    )


# --------------------------------------------------------------------------------- what no retry helps


def _quota() -> Faults:
    group = "quota and refusals"
    told = Fault(group=group, name="", what="", script=(), said="planned")
    quota = {"type": "insufficient_quota", "message": "planned: you exceeded your current quota"}
    rows: tuple[tuple[str, str, Act, str, dict[str, Any]], ...] = (
        ("429 insufficient_quota", "no money left, said as 429", _refusal(429, **quota), "QuotaExceeded", {}),
        (
            "429 insufficient_quota, Retry-After",
            "no money left, and yet to come again in a second",
            _refusal(429, "retry-after: 1", **quota),
            "QuotaExceeded",
            {},
        ),
        ("402", "no money left", _refusal(402, message="planned: add credits"), "QuotaExceeded", {}),
        (
            "500 failed to parse grammar",
            "a schema that it cannot compile, said as 500",
            _refusal(500, message="planned: failed to parse grammar"),
            "ServerError",
            {"mode": "strict"},
        ),
        (
            "400 content filter",
            "the request did not pass its filter",
            _refusal(400, message="planned: the prompt triggered the content management policy", code="content_filter"),
            "BadRequest",
            {},
        ),
        (
            "400 context length",
            "the document is too long, said as 400",
            _refusal(400, message="planned: maximum context length is 8192", code="context_length_exceeded"),
            "RequestTooLarge",
            {},
        ),
        ("404 model", "no such model", _refusal(404, message="planned: model m not found"), "NotFound", {}),
        (
            "401 with the key",
            "quotes the key, which is shown nowhere",
            _refusal(401, message=f"planned: incorrect API key {KEY}"),
            "AuthenticationFailed",
            {},
        ),
        (
            "422 with the document",
            "quotes the document as `input`, which is no part of the message",
            _answers(
                {"detail": [{"loc": ["body"], "msg": "planned value error", "input": DOCUMENT}]}, status=422
            ),
            "BadRequest",
            {},
        ),
        (
            "400 with a long text",
            "a message of 100,000 characters, which is cut",
            _refusal(400, message="planned " + "x" * 100_000),
            "BadRequest",
            {},
        ),
        (
            "400 in HTML",
            "an HTML page with the status",
            _act(_http(400, b"<html><h1>planned</h1></html>", "content-type: text/html")),
            "BadRequest",
            {},
        ),
        (
            "400 with control characters",
            "what a terminal would obey is no part of the message",
            _refusal(400, message="planned \x1b[2J\r\n\x07 failure"),
            "BadRequest",
            {},
        ),
    )  # fmt: skip
    for name, what, act, expected, settings in rows:
        yield replace(told, name=name, what=what, script=(act,), expected=expected, settings=settings)
    yield Fault(
        group=group,
        name="500 failed to parse grammar, once",
        what="the same, where it may be asked in another way: that is done",
        script=(_refusal(500, message="failed to parse grammar"), FINE),
        requests=2,
    )


# ------------------------------------------------------------------------------------- connections

HEAD = _http(200, _json(_completion()))
CUTS: Mapping[str, tuple[bool, bytes]] = {
    "before the request is read": (True, b""),
    "after the request": (False, b""),
    "in the status line": (False, b"HTTP/1."),
    "in the headers": (False, HEAD[:60]),
    "after the headers": (False, HEAD.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"),
    "in the body": (False, HEAD[:-50]),
}
"""Where it happens → whether the request is left unread, and what has been sent by then."""


def _cut(place: str, end: Do) -> Act:
    unread, raw = CUTS[place]
    moves: tuple[Move, ...] = (raw, end) if raw else (end,)
    return Act(moves, unread=unread)


def _came(place: str) -> str:
    """What of the body has come by then."""
    return '{"id": "chatcmpl-1"' if place == "in the body" else ""


def _connections() -> Faults:
    group = "connections"
    yield Fault(
        group=group, name="refused", what="nobody listens", script=(FINE,), refused=True,
        expected="ConnectionFailed", requests=0,
    )  # fmt: skip
    for end, word in ((Do.CLOSE, "closed"), (Do.RESET, "reset")):
        for place in CUTS:
            act = _cut(place, end)
            once = Fault(
                group=group,
                name=f"{word} {place}, once",
                what=f"the connection is {word} there, then a completion",
                script=(act, FINE),
                requests=2,
                family=f"{word} once",
                of=place,
            )
            yield once
            yield replace(
                once,
                name=f"{word} {place}, for ever",
                what=f"every connection is {word} there",
                script=(act,),
                expected="ConnectionFailed",
                requests=TRIES,
                said=_came(place) if end is Do.CLOSE else "",
                family=f"{word} for ever",
            )
    yield from _stalled(group)
    yield from _dripping(group)
    yield from _kept(group)
    yield from _oddly_ended(group)


def _stalled(group: str) -> Faults:
    for place in CUTS:
        act = _cut(place, Do.STALL)
        stalled = Fault(
            group=group,
            name=f"stalled {place}, once",
            what="silence there, with a timeout; then a completion",
            script=(act, FINE),
            requests=2,
            settings={"timeout": 1.0},
            family="stalled once",
            of=place,
        )
        yield stalled
        yield replace(
            stalled,
            name=f"stalled {place}, with a timeout",
            what="silence there on every connection, with a timeout",
            script=(act,),
            expected="TimedOut",
            requests=TRIES,
            settings={"timeout": 0.3},
            said=_came(place),
            family="stalled, with a timeout",
        )
        yield replace(
            stalled,
            name=f"stalled {place}, with a deadline",
            what="silence there, with a deadline",
            script=(act,),
            expected="DeadlineExceeded",
            requests=1,
            settings={"deadline": 0.5},
            said=_came(place),
            family="stalled, with a deadline",
        )
    yield Fault(
        group=group,
        name="never reads",
        what="a document larger than all buffers, of which nothing is read, with a timeout",
        script=(_unread(Do.STALL),),
        expected="TimedOut",
        requests=TRIES,
        settings={"timeout": 0.3},
        large=True,
    )
    yield Fault(
        group=group,
        name="never reads, with a deadline",
        what="the same with a deadline",
        script=(_unread(Do.STALL),),
        expected="DeadlineExceeded",
        settings={"deadline": 1.5},
        large=True,
    )
    yield Fault(
        group=group,
        name="closed while the document is sent",
        what="closes in the middle of a large document, then a completion",
        script=(_unread(Do.CLOSE), FINE),
        requests=2,
        large=True,
    )


def _dripping(group: str) -> Faults:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    dripping: Mapping[str, tuple[bytes, bytes]] = {
        "status line": (b"HTTP/1.1 200 ", b"O"),
        "headers": (b"HTTP/1.1 200 OK\r\nx-slow: ", b"a"),
        "header lines": (b"HTTP/1.1 200 OK\r\n", b"x-slow: a\r\n"),
        "body": (_http(200, b'{"choices": [', length=1_000_000), b" "),
        "body without length": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        "size of a chunk": (chunked, b"0"),
        "extension of a chunk": (chunked + b"5;x=", b"a"),
        "chunks": (chunked, b"1\r\n \r\n"),
        "trailers": (chunked + b"1\r\n{\r\n0\r\nx-slow: ", b"a"),
        "error's body": (_http(500, b"", length=1_000_000), b" "),
        "informational responses": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    }
    for place, (head, piece) in dripping.items():
        yield Fault(
            group=group,
            name=f"dripping {place}",
            what="a byte or a line of it now and then, for ever; with a deadline",
            script=(_act(head, Drip(piece)),),
            expected="DeadlineExceeded",
            settings={"deadline": 0.5},
            said='{"choices": [' if place == "body" else "",
            family="dripping",
            of=place,
        )


def _kept(group: str) -> Faults:
    """What happens to connections that are kept between two extractions."""
    late = _http(408, b"", "connection: close")
    rows: tuple[tuple[str, str, tuple[Act, ...], int], ...] = (
        ("closed while idle", "a kept connection is closed before the next call", (_act(Do.ANSWER, Do.CLOSE), FINE), 2),
        ("reset while idle", "a kept connection is reset before the next call", (_act(Do.ANSWER, Do.RESET), FINE), 2),
        (
            "408 while idle",
            "a kept connection is sent a 408 nobody asked for, and closed",
            (_act(Do.ANSWER, late, Do.CLOSE), FINE),
            2,
        ),
        (
            "closed by the next request",
            "a kept connection is closed when the next request comes",
            (FINE, _act(Do.CLOSE), FINE),
            3,
        ),
        (
            "reset by the next request",
            "a kept connection is reset when the next request comes",
            (FINE, _act(Do.RESET), FINE),
            3,
        ),
        (
            "says it closes",
            "`connection: close`, and closes",
            (_act(_http(200, _json(_completion()), "connection: close"), Do.CLOSE), FINE),
            2,
        ),
        (
            "says it closes, and does not",
            "`connection: close`, and stays",
            (_act(_http(200, _json(_completion()), "connection: close"), Do.STALL), FINE),
            2,
        ),
        (
            "garbage after the reply",
            "more bytes than the length says: the next call does not read them",
            (_act(_http(200, _json(_completion())) + b"garbage"), FINE),
            2,
        ),
        (
            "a second reply",
            "two replies to one request: the second is not taken for the next one's",
            (_act(_http(200, _json(_completion())) + _http(200, _json(_completion(OTHER)))), FINE),
            2,
        ),
    )
    for name, what, script, requests in rows:
        yield Fault(group=group, name=name, what=what, script=script, requests=requests, calls=2)


def _oddly_ended(group: str) -> Faults:
    body = _json(_completion())
    broken = Fault(group=group, name="", what="", script=(), expected="ConnectionFailed", requests=TRIES)
    going_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    yield replace(
        broken,
        name="half closed without an answer",
        what="says that nothing comes, and keeps the connection",
        script=(_act(Do.HALF, Do.STALL),),
    )
    yield replace(
        broken, name="closed after 100", what="closes after `100 Continue`", script=(_act(going_on, Do.CLOSE),)
    )
    yield Fault(
        group=group,
        name="half closed after the answer",
        what="a completion, then says that nothing more comes",
        script=(_act(Do.ANSWER, Do.HALF, Do.STALL),),
    )
    yield Fault(
        group=group,
        name="reset after the answer",
        what="a completion, then a reset",
        script=(_act(_http(200, body, "connection: close"), Do.HALF, Do.STALL),),
    )


# ----------------------------------------------------------------------------------------- framing


def _chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def _framing() -> Faults:
    group, body = "framing", _json(_completion())
    for name, what, *moves in _BROKEN_FRAMES:
        yield Fault(
            group=group, name=name, what=what, script=(_act(*moves),), expected="ConnectionFailed", requests=TRIES
        )
    for name, what, *moves in _ODD_FRAMES:
        yield Fault(group=group, name=name, what=what, script=(_act(*moves),))
    yield Fault(
        group=group,
        name="length too short",
        what="fewer bytes announced than come: half of the JSON",
        script=(_act(_http(200, body, length=100), Do.CLOSE),),
        expected="BadReply",
        said='{"id"',
    )
    yield Fault(
        group=group,
        name="no length, cut",
        what="no length, and closed in the middle of the JSON",
        script=(_act(b"HTTP/1.1 200 OK\r\n\r\n" + body[:100], Do.CLOSE),),
        expected="BadReply",
        said='{"id"',
    )
    yield Fault(
        group=group,
        name="length too long, kept open",
        what="more bytes announced than come, with a timeout",
        script=(_act(_http(200, body, length=len(body) + 10), Do.STALL),),
        expected="TimedOut",
        requests=TRIES,
        settings={"timeout": 0.3},
        said='{"id"',
    )
    yield Fault(
        group=group,
        name="https to a plain port",
        what="the address is https://, the server speaks plain HTTP",
        script=(_unread(_http(400, b"plain HTTP here"), Do.CLOSE),),
        expected="ConnectionFailed",
        requests=TRIES,
        scheme="https",
    )


def _frames() -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    body, close = _json(_completion()), Do.CLOSE
    size = len(body)
    line = b"HTTP/1.1 200 OK\r\n"
    many = b"".join(b"x-%d: aaaaaaaaaaaaaaaa\r\n" % number for number in range(10_000))
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200))
    two = f"content-length: {size}\r\ncontent-length: {size - 50}\r\n\r\n".encode()
    broken: list[tuple[Any, ...]] = [
        ("length too long", "more bytes announced than come", _http(200, body, length=size + 10), close),
        ("length negative", "`content-length: -5`", _http(200, body, length=-5), close),
        ("length garbage", "`content-length: many`", _http(200, body, length="many"), close),
        ("length of 1,000 digits", "a length of 1,000 digits", _http(200, body, length="9" * 1_000), close),
        ("two lengths", "two different lengths", line + two + body, close),
        ("chunk size garbage", "a chunk's size is no number", _chunked(end=b"zz\r\n" + body), close),
        ("chunk size negative", "a chunk's size is negative", _chunked(end=b"-5\r\n" + body), close),
        ("chunk size huge", "a chunk of 2⁶⁴ bytes is announced", _chunked(end=b"FFFFFFFFFFFFFFFF\r\n" + body), close),
        ("chunk too long", "a chunk is longer than announced", _chunked(end=b"5\r\n" + body), close),
        ("chunks without end", "closed between two chunks", _chunked(body[:50], end=b""), close),
        ("chunk cut", "closed in a chunk", _chunked(end=b"%x\r\n" % size + body[:50]), close),
        ("unknown transfer encoding", "`transfer-encoding: gzip`", line + b"transfer-encoding: gzip\r\n\r\n", close),
        ("a header of 1 MB", "one header of 1 MB", line + b"x: " + b"a" * 1_000_000 + b"\r\n\r\n" + body, close),
        ("a header without end", "one header that does not end", line + b"x: ", Flood(b"a" * 65_536)),
        ("headers without end", "header lines that do not end", line, Flood(b"x: aaaaaaaaaaaaaaaa\r\n" * 1_000)),
        ("10,000 headers", "10,000 headers", line + many + b"\r\n" + body, close),
        ("a header with a zero byte", "a header with a zero byte", line + b"x: a\0b\r\n\r\n" + body, close),
        ("a header without name", "a header without a name", line + b": a\r\n\r\n" + body, close),
        ("a line without colon", "a header line without a colon", line + b"just text\r\n\r\n" + body, close),
        ("status line without status", "`HTTP/1.1 OK`", b"HTTP/1.1 OK\r\n\r\n" + body, close),
        ("status of two digits", "`HTTP/1.1 20 OK`", b"HTTP/1.1 20 OK\r\n\r\n" + body, close),
        ("status line without end", "a status line that does not end", b"HTTP/1.1 200 ", Flood(b"O" * 65_536)),
        ("HTTP/0.9", "a body without any headers", body, close),
        ("SSH", "another protocol answers", b"SSH-2.0-OpenSSH_9.6\r\n", close),
        ("binary garbage", "bytes that are no text", bytes(range(256)) * 20, close),
        ("TLS on a plain port", "the server speaks TLS, the address is http://", hello, close),
        ("TLS alert", "a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", close),
        ("blank lines only", "nothing but blank lines", b"\r\n" * 100, close),
    ]  # fmt: skip
    odd: list[tuple[Any, ...]] = [
        ("two equal lengths", "the same length twice", _http(200, body, *[f"content-length: {size}"] * 2)),
        ("chunks of one byte", "each byte a chunk of its own", _chunked(*(bytes([each]) for each in body))),
        ("chunk extensions", "chunks with extensions", _chunked(end=b"%x;a=b\r\n%s\r\n0;c\r\n\r\n" % (size, body))),
        ("trailers", "trailers after the chunks", _chunked(body, end=b"0\r\nx-sum: 1\r\n\r\n")),
        ("no length, closed", "no length, closed after the completion", line + b"\r\n" + body, close),
        ("HTTP/1.0", "answers as HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n" + body, close),
        ("no reason", "a status line without a reason", b"HTTP/1.1 200\r\ncontent-length: %d\r\n\r\n" % size + body),
        ("lines end with \\n", "lines that end with \\n alone", _http(200, body).replace(b"\r\n", b"\n")),
        ("bytes in a header", "a header in Latin-1", _http(200, body).replace(b"json", b"json; a=\xfc", 1)),
        ("1,000 headers", "1,000 headers", line + many[:20_000].rpartition(b"\r\n")[0] + b"\r\n\r\n" + body, close),
    ]  # fmt: skip
    return broken, odd


_BROKEN_FRAMES, _ODD_FRAMES = _frames()

# ------------------------------------------------------------------------------------------ bodies


def _long() -> dict[str, tuple[bytes, tuple[Move, ...]]]:
    """Bodies that are too long: how they begin, and what comes then."""
    megabyte, start = b" " * (1 << 20), b'{"choices": [{"message": {"content": "'
    packing = zlib.compressobj(wbits=31)
    packed = b"".join(map(packing.compress, [start, *[b"a" * (1 << 20)] * 64])) + packing.flush()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    whole = b"content-length: 67108864\r\n\r\n"
    return {
        "64 MB of spaces": (head + whole, (Flood(megabyte, 64),)),
        "64 MB of text": (head + whole + start, (Flood(b"a" * (1 << 20), 64),)),
        "text without end": (head + b"\r\n" + start, (Flood(b"a" * (1 << 20)),)),
        "an error without end": (b"HTTP/1.1 400 No\r\n\r\n" + b'{"error": "', (Flood(b"a" * (1 << 20)),)),
        "64 MB packed in 64 kB": (
            head + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed,
            (),
        ),
        "packed without end": (head + b"content-encoding: gzip\r\n\r\n", (Flood(packed),)),
    }


def _bodies() -> Faults:
    group, right = "bodies", _json(_completion())
    for name, (head, moves) in _long().items():
        yield Fault(
            group=group,
            name=name,
            what="a body larger than any completion: given up in bounded memory",
            script=(_act(head, *moves, Do.CLOSE),),
            expected="ReplyTooLarge",
            heavy=True,
            family="too long",
            of=name,
        )
    for name, what, body, *headers in _NO_COMPLETIONS:
        yield Fault(
            group=group,
            name=name,
            what=what,
            script=(_answers(body, *headers),),
            expected="BadReply",
            said=body[:20].decode() if body[:20].isascii() and not headers else "",
        )
    packed = {"content-encoding: gzip": gzip.compress(right), "content-encoding: deflate": zlib.compress(right)}
    for header, body in packed.items():
        yield Fault(group=group, name=header, what="a packed completion", script=(_answers(body, header),))
    rows: tuple[tuple[str, str, bytes, str], ...] = (
        ("byte order mark", "a byte order mark before the JSON", b"\xef\xbb\xbf" + right, "x: y"),
        ("white space around", "white space around the JSON", b"\r\n \t" + right + b"\n\n", "x: y"),
        ("UTF-16", "JSON in UTF-16", right.decode().encode("utf-16"), "x: y"),
        ("half characters", "lone surrogates in a field nobody reads", b'{"x": "\\ud800", ' + right[1:], "x: y"),
        ("HTML by its header", "a completion called text/html", right, "content-type: text/html"),
        ("no content type", "a completion with an empty content type", right, "content-type:"),
        ("wrong charset", "a completion called UTF-16", right, "content-type: application/json; charset=utf-16"),
        ("unknown charset", "in a charset nobody knows", right, "content-type: text/plain; charset=klingon"),
        ("identity", "`content-encoding: identity`", right, "content-encoding: identity"),
    )  # fmt: skip
    for name, what, body, header in rows:
        yield Fault(group=group, name=name, what=what, script=(_answers(body, header),))


def _no_completions() -> list[tuple[Any, ...]]:
    right = _json(_completion())
    packed = gzip.compress(right)
    html = b"<!doctype html><title>Sign in</title><p>Please sign in."
    damaged = packed[:40] + bytes(each ^ 0xFF for each in packed[40:60]) + packed[60:]
    kind, zipped = "content-type: ", "content-encoding: gzip"
    deep = _json(_completion()).replace(b'"usage"', b'"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "usage"')
    return [
        ("empty", "an empty body", b""),
        ("white space", "white space", b" \r\n\t "),
        ("HTML", "an HTML page, with 200", html, kind + "text/html"),
        ("text", "plain text", b"OK", kind + "text/plain"),
        ("truncated JSON", "JSON that stops in the middle", right[:100]),
        ("two values", "two JSON values", b'{"a": 1} {"b": 2}'),
        ("null", "`null`", b"null"),
        ("list", "`[]`", b"[]"),
        ("number", "a number", b"17"),
        ("string", "a string", b'"choices"'),
        ("empty object", "`{}`", b"{}"),
        ("NaN", "`NaN`", b"NaN"),
        ("100,000 brackets", "100,000 nested lists", b"[" * 100_000),
        ("100,000 brackets, closed", "100,000 nested lists beside a completion", deep),
        ("10,000 digits", "a number of 10,000 digits", b"9" * 10_000),
        ("invalid UTF-8", "bytes that are no UTF-8", right.replace(b"R-17", b"R\xff\xfe")),
        ("zero bytes", "zero bytes", b"\0" * 1_000),
        ("gzip damaged", "a packed body with damage in it", damaged, zipped),
        ("gzip cut", "a packed body that stops in the middle", packed[: len(packed) // 2], zipped),
        ("gzip announced only", "called gzip, but not packed", right, zipped),
        ("unannounced gzip", "packed, but not said to be", packed),
        ("br announced", "packed in a way that was not asked for", b"\x1b\x2a\x00\x00garbage", "content-encoding: br"),
        ("unknown packing", "packed in a way nobody knows", b"\x00\x01garbage", "content-encoding: x-own"),
        ("packed twice", "packed twice", gzip.compress(packed), "content-encoding: gzip, gzip"),
        ("another object", "JSON of something else", _json({"status": "ok", "version": "1.2"})),
    ]  # fmt: skip


_NO_COMPLETIONS = _no_completions()

# --------------------------------------------------------------------------------------- envelopes


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in _completion().items() if name != key}


def _envelopes() -> Faults:
    group, right = "envelopes", _completion()
    for name, choices in _NO_CHOICES.items():
        yield Fault(
            group=group,
            name=f"choices: {name}",
            what="`choices` with nothing to read in it",
            script=(_answers({**right, "choices": choices}),),
            expected="BadReply",
            said="chatcmpl-1",
            family="choices",
            of=name,
        )
    yield Fault(
        group=group, name="no choices", what="no `choices`", script=(_answers(_without("choices")),),
        expected="BadReply", said="chatcmpl-1",
    )  # fmt: skip
    for name, choice in _EMPTY_CHOICES.items():
        yield Fault(
            group=group,
            name=name,
            what="a choice in which nothing is said",
            script=(_answers({**right, "choices": [choice]}),),
            expected="EmptyReply",
            requests=ROUNDS,
            answered=ROUNDS,
            family="empty choice",
            of=name,
        )
    for name, (what, body) in _ODD_ENVELOPES.items():
        yield Fault(group=group, name=name, what=what, script=(_answers(body),))
    yield from _errors_inside(group)


_NO_CHOICES: Mapping[str, Any] = {"null": None, "an object": {}, "a list of nothing": [], "[null]": [None], "text": "a"}
_EMPTY_CHOICES: Mapping[str, Any] = {
    "no message": {"index": 0, "finish_reason": "stop"},
    "message null": {"index": 0, "message": None, "finish_reason": "stop"},
    "message a text": {"index": 0, "message": TEXT, "finish_reason": "stop"},
    "content null": {"index": 0, "message": {"content": None}, "finish_reason": "stop"},
    "content a number": {"index": 0, "message": {"content": 5}, "finish_reason": "stop"},
    "content a list of nothing": {"index": 0, "message": {"content": []}, "finish_reason": "stop"},
    "tool_calls of a wrong type": {"index": 0, "message": {"tool_calls": "x"}, "finish_reason": "tool_calls"},
}
_WRONG_TYPES: dict[str, Any] = {
    "id": 5,
    "object": [],
    "created": "yesterday",
    "model": {"name": "m"},
    "system_fingerprint": None,
    "usage": "much",
    "choices": [
        {
            "index": "first",
            "logprobs": "none",
            "finish_reason": 5,
            "message": {"role": 7, "content": TEXT, "tool_calls": {}, "refusal": 0, "annotations": "x"},
        }
    ],
}


def _odd_envelopes() -> dict[str, tuple[str, Any]]:
    right = _completion()
    content = right["choices"][0]["message"]["content"]
    odd_usage: dict[str, Any] = {
        "prompt_tokens": "4",
        "completion_tokens": None,
        "total_tokens": -1.5,
        "prompt_tokens_details": [],
    }
    return {
        "content only": ("nothing but `choices[0].message.content`", {"choices": [{"message": {"content": content}}]}),
        "content in parts": ("`content` as a list of parts", _completion([{"type": "text", "text": content}])),
        "wrong types": ("wrong types everywhere else", _WRONG_TYPES),
        "no usage": ("no `usage`", _without("usage")),
        "usage null": ("`usage: null`", {**right, "usage": None}),
        "usage of wrong types": ("numbers of tokens that are none", {**right, "usage": odd_usage}),
        "finish_reason unknown": ("a `finish_reason` nobody knows", _completion(finish_reason="because")),
        "finish_reason null": ("`finish_reason: null`", _completion(finish_reason=None)),
        "extra fields": ("fields nobody knows", {**right, "x": {"y": [1]}, "error": None, "detail": "fine"}),
        "numbers for names": ("a huge number as `created`", {**right, "created": 1e300}),
        "another candidate": ("a broken candidate beside it", {**right, "choices": [None, *right["choices"]]}),
    }  # fmt: skip


_ODD_ENVELOPES = _odd_envelopes()


def _errors_inside(group: str) -> Faults:
    inside: Mapping[str, tuple[Any, str, int]] = {
        '{"error": {…}}, code 502': (_failure(502), "ServerError", TRIES),
        '{"error": {…}}, no code': (_failure(), "ServerError", TRIES),
        '{"error": {…}}, code 400': (_failure(400), "BadRequest", 1),
        '{"error": {…}}, code 401': (_failure(401), "AuthenticationFailed", 1),
        '{"error": {…}}, a type': (_failure(type="invalid_request_error"), "BadRequest", 1),
        '{"error": "…"}': ({"error": "planned failure"}, "ServerError", TRIES),
        '[{"error": {…}}]': ([_failure(404)], "NotFound", 1),
        '{"object": "error"}': ({"object": "error", "message": "planned failure", "code": 400}, "BadRequest", 1),
        '{"detail": "…"}': ({"detail": "planned failure"}, "ServerError", TRIES),
        '{"message": "…"}': ({"message": "planned failure", "code": 403}, "AuthenticationFailed", 1),
        "beside choices": ({**_completion(None), **_failure(502)}, "ServerError", TRIES),
        "insufficient_quota": (_failure(type="insufficient_quota"), "QuotaExceeded", 1),
    }
    for name, (body, expected, requests) in inside.items():
        yield Fault(
            group=group,
            name=f"error in a 200: {name}",
            what="an error inside a 200",
            script=(_answers(body),),
            expected=expected,
            requests=requests,
            said="planned failure",
            family="error inside",
            of=f"`{name}`" if name[0] in "{[" else name,
        )
    for code in (429, 503):
        yield Fault(
            group=group,
            name=f"error in a 200: code {code}, once",
            what="an error inside a 200 that is sent again, then a completion",
            script=(_answers(_failure(code)), FINE),
            requests=2,
            family="error inside, once",
            of=str(code),
        )


# ------------------------------------------------------------------------------------------ streams


def _streams() -> Faults:
    group = "streams"
    for name, (what, raw) in _ODD_STREAMS.items():
        yield Fault(group=group, name=name, what=what, script=(_act(raw),), asks_stream=True, ways=ALL_WAYS)
    for name, (what, body) in _NO_STREAMS.items():
        yield Fault(
            group=group,
            name=name,
            what=what,
            script=(_act(_events(body)),),
            expected="BadReply",
            asks_stream=True,
            ways=ALL_WAYS,
        )
    yield Fault(
        group=group,
        name="not asked for",
        what="events where none were asked for",
        script=(_act(_events(WHOLE_STREAM)),),
    )
    yield from _failing_streams(group)
    yield from _broken_streams(group)
    yield from _endless_streams(group)


def _odd_streams() -> dict[str, tuple[str, bytes]]:
    bare = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    whole, other = WHOLE_STREAM, WHOLE_STREAM.replace(b"\n", b"\r\n")
    mixed = other[: other.index(b"data", 9)] + whole[whole.index(b"data", 9) :]
    split = bare + b"".join(b"1\r\n%c\r\n" % each for each in whole) + b"0\r\n\r\n"
    quiet = b": keep-alive\n\n" * 100
    stop = _event({**_delta(None, "stop"), "usage": None})
    nothing = b"data:\n\ndata: \n\n\n\n"
    first = _event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]})
    named = b"".join(b"event: message\nid: 7\nretry: 10\n" + each + b"\n\n" for each in whole.split(b"\n\n") if each)
    return {
        "CRLF": ("lines that end with \\r\\n", _events(other)),
        "mixed line ends": ("lines that end with \\n and \\r\\n", _events(mixed)),
        "byte order mark": ("a byte order mark first", _events(b"\xef\xbb\xbf" + whole)),
        "split anywhere": ("every byte by itself", split),
        "no [DONE]": ("no `[DONE]`", _events(_pieces() + STOP)),
        "no last blank line": ("ends without a blank line", _events(whole.rstrip(b"\n"))),
        "no space": ("`data:` without a space", _events(whole.replace(b"data: ", b"data:"))),
        "empty data": ("events without data", _events(nothing + whole.replace(b"\n\n", b"\n\n" + nothing))),
        "keep-alives": ("comments before and between", _events(quiet + whole.replace(b"\n\n", b"\n\n: hi\n\n"))),
        "other fields": ("`event:`, `id:` and `retry:` lines", _events(named)),
        "two finish_reasons": ("`finish_reason` twice", _events(_pieces() + stop + stop + DONE)),
        "an empty first delta": ("a role and no content first", _events(first + whole)),
        "after [DONE]": ("more after `[DONE]`", _events(whole + _event({"choices": []}) + DONE)),
        "no stream": ("a JSON object instead of events", _http(200, _json(_completion()))),
        "no stream, called one": ("a JSON object called text/event-stream", _events(_json(_completion()))),
        "called JSON": ("events called application/json", _http(200, whole)),
        "one event": ("the whole in one event", _events(_event(_delta(TEXT)) + STOP + DONE)),
        "packed": ("packed events", _events(gzip.compress(whole), "content-encoding: gzip")),
    }  # fmt: skip


_ODD_STREAMS = _odd_streams()
_NO_STREAMS: Mapping[str, tuple[str, bytes]] = {
    "nothing": ("an empty stream", b""),
    "[DONE] only": ("nothing but `[DONE]`", DONE),
    "comments only": ("nothing but comments", b": hi\n\n" * 10),
    "damaged JSON": ("an event that is no JSON", _pieces() + b'data: {"choices": [\n\n' + STOP + DONE),
    "a list": ("an event that is a list", _event([1]) + DONE),
    "no choices": ("events without choices", _event({"choices": None}) + _event({"id": "x"}) + DONE),
    "100,000 brackets": ("an event of 100,000 brackets", _event(b"[" * 100_000) + DONE),
    "lines end with \\r": ("lines that end with \\r alone", WHOLE_STREAM.replace(b"\n", b"\r")),
    "HTML": ("an HTML page called text/event-stream", b"<html>Sign in</html>"),
    "invalid UTF-8": ("an event of bytes that are no text", b"data: \xff\xfe\x00\n\n"),
}


def _failing_streams(group: str) -> Faults:
    failed = Fault(group=group, name="", what="", script=(), asks_stream=True, ways=ALL_WAYS)
    first, later = _event(_failure(502)), _pieces(TEXT[:20]) + _event(_failure(502))
    ended = _pieces(TEXT[:20]) + _event({**_delta("", "error"), **_failure(502)}) + DONE
    for name, body in {"first": first, "in the middle": later, "with a choice": ended}.items():
        shown = name != "first"
        once = replace(
            failed,
            name=f"error {name}, once",
            what="an error as an event, then a completion",
            script=(_act(_events(body)), FINE),
            requests=2,
            ways=("sync", "async") if shown else ALL_WAYS,
            family="error event, once",
            of=name,
        )
        ever: dict[str, Any] = {"script": (_act(_events(body)),), "expected": "ServerError", "said": "data: {"}
        yield once
        yield replace(
            once,
            name=f"error {name}, for ever",
            what="an error as an event of every stream",
            requests=TRIES,
            family="error event",
            **ever,
        )
        if shown:
            yield replace(
                once,
                name=f"error {name}, shown",
                what="an error as an event, after some of the reply has been shown: that is not taken back",
                requests=1,
                ways=("stream", "async stream"),
                family="error event, shown",
                **ever,
            )
    refused = _event({"object": "error", "message": "planned failure", "code": 400})
    yield replace(
        failed,
        name='{"object": "error"}',
        what="a refusal as an event",
        script=(_act(_events(refused)),),
        expected="BadRequest",
        said="planned failure",
    )
    yield replace(
        failed,
        name="429 before",
        what="a status instead of a stream, then a completion",
        script=(_refusal(429), FINE),
        requests=2,
    )


def _broken_streams(group: str) -> Faults:
    """Streams that stop before their end: what has come is kept, and the rest is asked for."""
    some, head = _pieces(TEXT[:20]), b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    chunked = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(some), some)
    ends: Mapping[str, tuple[Move, ...]] = {
        "closed in the middle": (chunked, Do.CLOSE),
        "reset in the middle": (chunked, Do.RESET),
        "ended in the middle": (_events(some),),
        "closed in an event": (head + b"\r\n" + some[:-20], Do.CLOSE),
    }
    broken = Fault(group=group, name="", what="", script=(), asks_stream=True, ways=ALL_WAYS)
    for name, moves in ends.items():
        yield replace(
            broken,
            name=f"{name}, once",
            what="a stream that stops before its end, then a completion",
            script=(_act(*moves), FINE),
            requests=2,
            family="stops, once",
            of=name,
        )
    yield replace(
        broken,
        name="ended in the middle, for ever",
        what="every stream stops before its end",
        script=(_act(_events(some)),),
        expected="CutOff",
        requests=ROUNDS,
        answered=ROUNDS,
    )
    yield replace(
        broken,
        name="closed before the first event",
        what="closed after the headers, then a completion",
        script=(_act(head + b"transfer-encoding: chunked\r\n\r\n", Do.CLOSE), FINE),
        requests=2,
    )


def _endless_streams(group: str) -> Faults:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    late = Fault(
        group=group,
        name="",
        what="",
        script=(),
        expected="DeadlineExceeded",
        settings={"deadline": 0.5},
        asks_stream=True,
        ways=ALL_WAYS,
    )
    yield replace(late, name="comments without end", what="comments for ever", script=(_act(head, Drip(b": hi\n\n")),))
    yield replace(late, name="dripping", what="a byte now and then", script=(_act(head + b"data: ", Drip(b" ")),))
    yield replace(
        late,
        name="stalled in the middle",
        what="silence after the first events",
        script=(_act(head + _pieces(TEXT[:20]), Do.STALL),),
    )
    large = replace(late, expected="ReplyTooLarge", settings={}, heavy=True)
    yield replace(
        large,
        name="a line without end",
        what="a line that does not end",
        script=(_act(head + b"data: ", Flood(b"a" * 65_536)),),
    )
    yield replace(
        large,
        name="content without end",
        what="content that does not end",
        script=(_act(head, Flood(_event(_delta("a" * 10_000)))),),
    )
    yield replace(
        large,
        name="events without end",
        what="events with nothing in them that do not end",
        script=(_act(head, Flood(_event({"choices": [], "x": "a" * 500}) * 100)),),
    )


# ------------------------------------------------------------------------------------------ content

WRONG = json.dumps({**RIGHT, "total": "much"})


def _content() -> Faults:
    group = "content"
    for name, what, act, expected in _WRONG_CONTENT:
        yield Fault(
            group=group,
            name=name,
            what=what,
            script=(act,),
            expected=expected,
            requests=ROUNDS,
            answered=ROUNDS,
            grows=4_000,
        )
        yield Fault(
            group=group,
            name=f"{name}, once",
            what=f"{what}; then the right one",
            script=(act, FINE),
            requests=2,
            grows=4_000,
        )
    giant = "planned nonsense " * 300_000
    wrong = json.dumps({**RIGHT, "total": giant})
    for name, text in {"5 MB of nonsense": giant, "5 MB in a value": wrong}.items():
        yield Fault(
            group=group,
            name=name,
            what="a wrong reply of 5 MB, of which no more than 2,000 characters are quoted; then the right one",
            script=(_says(text), FINE),
            requests=2,
            grows=4_000,
        )
    for name, (what, text) in _DRESSED.items():
        yield Fault(group=group, name=name, what=what, script=(_says(text),))


_WRONG_CONTENT: tuple[tuple[str, str, Act, str], ...] = (
    ("a wrong value", "a value of the wrong type", _says(WRONG), "ExtractionFailed"),
    ("another object", "JSON of something else", _says('{"answer": 42}'), "ExtractionFailed"),
    ("prose", "no JSON", _says("I have looked at it closely."), "ExtractionFailed"),
    ("100,000 brackets", "100,000 nested lists", _says("[" * 100_000), "ExtractionFailed"),
    ("NaN", "`NaN` for a number", _says(TEXT.replace("12.5", "NaN")), "ExtractionFailed"),
    ("10,000 digits", "a number of 10,000 digits", _says(TEXT.replace("12.5", "9" * 10_000)), "ExtractionFailed"),
    ("empty content", "an empty content", _says(""), "EmptyReply"),
    ("white space", "white space for content", _says(" \n\t"), "EmptyReply"),
    ("refusal", "the model declines", _says(None, refusal="I cannot help with that."), "Refused"),
    ("content filter", "its filter stopped it", _says(None, finish_reason="content_filter"), "ContentFiltered"),
    ("cut off", "`finish_reason: length`", _says(TEXT[:25], finish_reason="length"), "CutOff"),
    ("all thought", "thinking took it all", _says(None, finish_reason="length", reasoning_content="hm"), "CutOff"),
)  # fmt: skip
_DRESSED: Mapping[str, tuple[str, str]] = {
    "fences": ("the JSON in a fence", f"```json\n{TEXT}\n```"),
    "prose around": ("prose around the JSON", f"Here it is:\n{TEXT}\nAnything else?"),
    "thoughts before": ("thoughts before the JSON", f"<think>Is it 12.50? Yes.</think>\n{TEXT}"),
    "byte order mark in the content": ("a byte order mark before it", "\ufeff" + TEXT),
    "JSON in a string": ("the JSON as a JSON string", json.dumps(TEXT)),
    "trailing comma": ("a comma too many", TEXT[:-1] + ",}"),
}

# ----------------------------------------------------------------------------- one after the other


def _in_turns() -> Faults:
    group = "one after the other"
    failed, reset, limited = _refusal(500), _act(Do.RESET), _refusal(429)
    mixed = Fault(group=group, name="", what="", script=())
    yield replace(
        mixed,
        name="500, reset, 429, fine",
        what="three different failures, with `transport_retries=3`",
        script=(failed, reset, limited, FINE),
        requests=4,
        settings={"transport_retries": 3},
    )
    yield replace(
        mixed,
        name="500, reset, 429",
        what="three different failures: the last is the error, the others are its `retries`",
        script=(failed, reset, limited),
        expected="RateLimited",
        requests=TRIES,
    )
    yield replace(
        mixed,
        name="500, then 400",
        what="a failure, then a refusal: that is the error",
        script=(failed, _refusal(400)),
        expected="BadRequest",
        requests=2,
    )
    yield replace(
        mixed,
        name="500 without retries",
        what="a failure, with `transport_retries=0`",
        script=(failed, FINE),
        expected="ServerError",
        settings={"transport_retries": 0},
    )
    yield replace(
        mixed,
        name="wrong, 500, right",
        what="a wrong reply, a failure, the right reply",
        script=(_says(WRONG), failed, FINE),
        requests=3,
    )
    yield replace(
        mixed,
        name="500, wrong, reset, right",
        what="failures before both requests",
        script=(failed, _says(WRONG), reset, FINE),
        requests=4,
    )
    yield replace(
        mixed,
        name="wrong, then 500 for ever",
        what="a wrong reply, then failures: the error has the attempt, and what it cost",
        script=(_says(WRONG), failed),
        expected="ServerError",
        requests=1 + TRIES,
        answered=1,
    )
    yield replace(
        mixed,
        name="wrong, right",
        what="a wrong reply in every second extraction",
        script=(_says(WRONG), FINE, _says(WRONG), FINE),
        requests=4,
        calls=2,
    )
    yield replace(
        mixed,
        name="an extractor outlives its failures",
        what="a call that fails, then one that is fine",
        script=(failed, failed, failed, FINE),
        requests=4,
        calls=2,
    )


FAULTS: tuple[Fault, ...] = (
    *_statuses(),
    *_retry_after(),
    *_quota(),
    *_connections(),
    *_framing(),
    *_bodies(),
    *_envelopes(),
    *_streams(),
    *_content(),
    *_in_turns(),
)

# ---------------------------------------------------------------------------------------- the page

_INTRODUCTION = """\
# Faults: what an endpoint may do, and what comes of it

Each of these is done to the library by a real server on loopback, sync and async, in its tests: it ends with the right
value or with the one right error, in bounded time and memory, and nothing that came back is lost. Nothing is ever sent
to another host than the one that was asked.

The numbers of requests are those with the defaults (`transport_retries=2`, `max_retries=2`) unless said otherwise.
Errors are those of `extractor.errors`; `.retries` are the failures before, `.attempts` the replies, `.body` the
beginning of what had come.
"""


def page() -> str:
    """The whole of `docs/reference/faults.md`."""
    recovered = sum(fault.expected == RECOVERS for fault in FAULTS)
    numbers = f"{len(FAULTS)} faults: {recovered} end with the right value, {len(FAULTS) - recovered} with an error."
    parts = [_INTRODUCTION, numbers + "\n"]
    for group, faults in groupby(FAULTS, key=lambda fault: fault.group):
        rows: dict[tuple[str, str, str], list[Fault]] = {}
        for fault in faults:
            key = (fault.family or fault.name, fault.what, fault.result)
            rows.setdefault(key, []).append(fault)
        lines = [
            f"| {_cell(_titled(each))} | {_cell(what)} | {_cell(result)} |" for (_, what, result), each in rows.items()
        ]
        head = ["| fault | what the server does | result |", "| --- | --- | --- |"]
        parts.append("\n".join([f"## {group[0].upper()}{group[1:]}", "", *head, *lines, ""]))
    return "\n".join(parts)


def _titled(faults: list[Fault]) -> str:
    first = faults[0]
    if len(faults) == 1:
        return first.name
    said = ", ".join(fault.of for fault in faults)
    return f"{said}: {first.family}" if first.of.isdigit() else f"{first.family}: {said}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
