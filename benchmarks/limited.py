"""An endpoint that takes its time, and may bear only so much: it refuses what is above a limit that nobody is told.

`thinking()` starts it in a process of its own. It answers every request to `/KIND/…`, where KIND is one of
`loopback.KINDS`, with the same reply after its time to think. With a `Limit` it refuses what is above that with a 429
at once, and writes down what it sees: `seen(root)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loopback import CASES, KINDS, completion
from own_process import room_for

__all__ = ["SLOT", "Limit", "Seen", "seen", "slots", "thinking"]

SAMPLED = 0.05  # seconds
SLOT = 0.5  # seconds, in which documents are counted
CONNECTIONS = 2_048


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What an endpoint bears: `most` at a time, or `rate` a second after a `burst`. It thinks for `think` seconds, or
    for a tenfold spread of them (95th to 5th percentile, log-normal).
    """

    think: float
    most: float = math.inf
    rate: float = math.inf
    burst: float = 0.0
    spread: float = 1.0
    retry_after: float | None = None

    @property
    def best(self) -> float:
        """Documents a second that it gives at most."""
        return min(self.rate, self.most / self.think)

    def seconds(self) -> float:
        """What the next answer takes."""
        if self.spread == 1.0:
            return self.think
        sigma = math.log(self.spread) / 3.29  # between the 5th and the 95th percentile of a normal distribution
        return random.lognormvariate(math.log(self.think) - sigma * sigma / 2, sigma)


@dataclass(kw_only=True)
class Seen:
    """What an endpoint saw: the times of what it answered and refused; how many were inside at some times. Seconds
    from the first request on.
    """

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    inside: list[tuple[float, int]] = field(default_factory=list)

    def refused_share(self, since: float, until: float) -> float:
        """The part that was refused."""
        refused, answered = (sum(since <= at < until for at in times) for times in (self.refused, self.answered))
        return refused / max(1, refused + answered)

    def time_to(self, per_second: float, until: float) -> float | None:
        """The end of the first slot with so many; None without one."""
        return next((SLOT * (n + 1) for n, each in enumerate(slots(self.answered, until)) if each >= per_second), None)


def slots(times: list[float], until: float) -> list[float]:
    """How many a second, for each slot of time."""
    counts = [0] * round(until / SLOT)
    for at in times:
        if at < len(counts) * SLOT:
            counts[int(at / SLOT)] += 1
    return [count / SLOT for count in counts]


class Door:
    """Lets in what the endpoint bears, and writes down what it sees."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.inside = 0
        self.seen = Seen()
        self._began: float | None = None
        self._level, self._at = limit.burst, 0.0

    def now(self) -> float:
        """The time."""
        if self._began is None:
            self._began = time.monotonic()
        return time.monotonic() - self._began

    def lets_in(self) -> bool:
        """Whether one more is borne, which is then inside."""
        now, limit = self.now(), self.limit
        fits = self.inside < limit.most
        if limit.rate < math.inf:
            self._level, self._at = min(limit.burst, self._level + (now - self._at) * limit.rate), now
            fits = fits and self._level >= 1
            self._level -= fits
        if fits:
            self.inside += 1
        else:
            self.seen.refused.append(now)
        return fits

    def left(self) -> None:
        """One of them is answered."""
        self.inside -= 1
        self.seen.answered.append(self.now())

    def sample(self, call_later: Callable[..., Any]) -> None:
        """Write down how many are inside, now and from time to time."""
        if self._began is not None:
            self.seen.inside.append((self.now(), self.inside))
        call_later(SAMPLED, self.sample, call_later)


# ------------------------------------------------------------------------------------------ connections


class _Connection(asyncio.Protocol):
    """One keep-alive connection: it finds where each request ends and answers later."""

    replies: Mapping[bytes, bytes] = {}
    think = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport: Any = transport
        self.received = b""
        self.call_later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            _, _, rest = head.lower().partition(b"\r\ncontent-length:")
            size = end + 4 + int(rest.partition(b"\r\n")[0])
            if len(self.received) < size:
                return
            self.received = self.received[size:]
            self.asked(head.split(b"/", 2)[1])

    def asked(self, kind: bytes) -> None:
        """Answer a request."""
        self.call_later(self.think, self.transport.write, self.replies[kind])


class _Limited(_Connection):
    """The same at an endpoint with a limit. `POST /seen/` is answered with what it saw."""

    door: Door

    def asked(self, kind: bytes) -> None:
        """Answer a request, or refuse it."""
        if kind == b"seen":
            self.transport.write(_said("200 OK", asdict(self.door.seen)))
        elif self.door.lets_in():
            self.call_later(self.door.limit.seconds(), self._answer, self.replies[kind])
        else:
            self.transport.write(_refusal(self.door.limit.retry_after))

    def _answer(self, reply: bytes) -> None:
        self.door.left()
        self.transport.write(reply)


def _said(status: str, body: Any, more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _refusal(retry_after: float | None) -> bytes:
    error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
    more = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
    return _said("429 Too Many Requests", {"error": error}, more)


# ----------------------------------------------------------------------------------------- the process


async def _serve(think: float, limit: Limit | None) -> None:
    loop = asyncio.get_running_loop()
    kind: type[_Connection] = _Connection
    if limit is not None:
        _Limited.door, kind = Door(limit), _Limited
        random.seed(1)  # the same times for all
        _Limited.door.sample(loop.call_later)
    _Connection.think = think
    _Connection.replies = {each.encode(): completion(CASES["flat"], each) for each in KINDS}
    server = await loop.create_server(kind, "127.0.0.1", 0, backlog=CONNECTIONS)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the process that started this one does
    os._exit(0)


@contextlib.contextmanager
def thinking(seconds: float, limit: Limit | None = None) -> Iterator[str]:
    """Run the endpoint in a process of its own; gives `http://127.0.0.1:PORT`. With a limit its own time counts."""
    told = json.dumps([seconds, None if limit is None else asdict(limit)])
    command = [sys.executable, str(Path(__file__).resolve()), told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            server.terminate()


def seen(root: str) -> Seen:
    """What the endpoint saw, which has a limit."""
    with urllib.request.urlopen(root + "/seen/", data=b"") as answer:  # loopback
        return Seen(**json.load(answer))


def main() -> None:
    """Be the endpoint."""
    seconds, limit = json.loads(sys.argv[1])
    room_for(CONNECTIONS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(seconds, None if limit is None else Limit(**limit)))


if __name__ == "__main__":
    main()
