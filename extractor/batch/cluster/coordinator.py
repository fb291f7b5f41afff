"""Who may send, for a whole cluster: the actor that says it, and what carries its word to a process."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from extractor.batch.cluster.coalescing import Coalescing, longer
from extractor.batch.cluster.governor_server import GovernorServer
from extractor.batch.cluster.remote_governor import LOST, Answer, RemoteGovernor, Report
from extractor.endpoint.governor import Governor
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits

__all__ = ["Coordinator", "Endpoint", "GovernorClient", "endpoint_of"]

HOLD = 1.0
"""Seconds that a report waits for an answer: so often a process is heard of."""
AT_ONCE = 2  # reports on their way: one listens, the next one brings news, and the first is answered then

Endpoint = tuple[str, RateLimits]
"""Which endpoint, with which key (as a hash), and what was told of it: those who say the same share a governor."""


def endpoint_of(address: Address, limits: RateLimits) -> Endpoint:
    """Which endpoint it is, without its key."""
    named = f"{address.base_url}\n{address.api_key or ''}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(named).hexdigest(), limits


class Coordinator:
    """The governors of all endpoints, for all processes. As an async actor: its methods run in one thread."""

    def __init__(self, lost: float = LOST) -> None:
        self._lost = lost
        self._governed: dict[Endpoint, _Governed] = {}

    async def exchange(self, endpoint: Endpoint, report: Report) -> Answer:
        """Take a report; what there is to answer, as soon as there is anything, or after a moment."""
        governed = self._governed.get(endpoint)
        if governed is None:
            governed = self._governed[endpoint] = _Governed(endpoint[1], self._lost)
        return await governed.exchange(report)

    async def seen(self) -> dict[str, Any]:
        """How many are under way at each endpoint, and its window: for those who watch."""
        return {name: (one.governor.in_flight, one.governor.window) for (name, _), one in self._governed.items()}


class _Governed:
    """One endpoint with its governor, and those who listen."""

    def __init__(self, limits: RateLimits, lost: float) -> None:
        self.governor = Governor(rpm=limits.rpm, tpm=limits.tpm, concurrency=limits.concurrency)
        self._server = GovernorServer(self.governor, self._ready, lost=lost)
        self._listening: dict[str, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def exchange(self, report: Report) -> Answer:
        worker = report.worker
        self._ready(worker)  # who says more listens anew
        self._server.take(report, time.monotonic())
        self._look()
        if not report.idle and not self._server.has_answer(worker, report.life):
            listening = self._listening[worker] = asyncio.get_running_loop().create_future()
            await asyncio.wait([listening], timeout=HOLD)
            if self._listening.get(worker) is listening:
                del self._listening[worker]
        return self._server.answer(worker, report.life)

    def _ready(self, worker: str) -> None:
        listening = self._listening.pop(worker, None)
        if listening is not None and not listening.done():
            listening.set_result(None)

    def _look(self) -> None:
        """Let go who may by now, and look again when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
        wait = self._server.poll(time.monotonic())
        self._timer = None if wait is None else asyncio.get_running_loop().call_later(wait, self._look)


class GovernorClient:
    """Carries the reports of a process, and brings the answers. `call` reaches the coordinator, raising where it is
    lost; `run` it in the event loop that is given.
    """

    def __init__(
        self, worker: str, call: Callable[[Report], Awaitable[Answer]], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._calls = Coalescing(loop, self._next, at_once=AT_ONCE)
        self.governor = RemoteGovernor(worker, self._calls.wake)
        self._call = call
        self._pause = 0.0

    async def run(self) -> None:
        """Carry, until this is cancelled."""
        await self._calls.run()

    def _next(self, listening: int) -> Coroutine[Any, Any, None] | None:
        return self._carry(self.governor.report()) if self.governor.is_due(listening=listening > 0) else None

    async def _carry(self, report: Report) -> None:
        try:
            answer = await asyncio.wait_for(self._call(report), LOST)
        except Exception:  # noqa: BLE001  # whatever it is, nobody knows what has arrived
            self._pause = longer(self._pause)
            await asyncio.sleep(self._pause)
            self.governor.lost(report)
        else:
            self._pause = 0.0
            self.governor.answered(report, answer)
