"""Waiting for room at an endpoint, and what the governor learns of a request that is over."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any

import httpx

from extractor.chat.wire import ChatReply
from extractor.endpoint.errand import Errand, prompt_tokens
from extractor.endpoint.faults import too_late
from extractor.endpoint.governor import Governor, Result
from extractor.endpoint.hints import Hints
from extractor.endpoint.steps import Outcome, Wait
from extractor.errors import DeadlineExceeded, EndpointError, RateLimited, StatusError, TimedOut

__all__ = ["admission", "taught"]

# 529: how some say that they are overloaded.
_OVERLOADED = frozenset({503, 529})


def admission(
    governor: Governor, errand: Errand, url: str, size: int, *, started: bool
) -> Generator[Wait, Any, int | DeadlineExceeded]:
    """Wait until a request of `size` bytes may be sent. How many are under way then, itself included; or the error
    that the deadline has passed.
    """
    asked = time.monotonic()
    turn = governor.enter(asked, tokens=prompt_tokens(size), share=errand.share, started=started)
    if turn is None:
        return governor.in_flight
    entered = False
    try:
        while not turn.granted:
            now = time.monotonic()
            left = math.inf if errand.expires is None else errand.expires - now
            if left <= 0:
                return too_late(url, "while it waited for its turn")
            if turn.not_before <= now:
                governor.poll(now)
            if not turn.granted:
                yield Wait(turn=turn, seconds=_finite(min(left, max(0.0, turn.not_before - now))))
        entered = True
    finally:
        if not entered:
            governor.leave_queue(turn, time.monotonic())
    errand.waited(time.monotonic() - asked)
    return turn.under_way


def _finite(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds


def taught(
    governor: Governor,
    outcome: Outcome | None,
    response: httpx.Response | None,
    seconds: float,
    size: int,
    under_way: int,
) -> None:
    """Tell the governor what came of a request of `size` bytes (None: nobody waited for it)."""
    error = outcome if isinstance(outcome, EndpointError) else None
    status = error.status if isinstance(error, StatusError) else 0
    usage = outcome.usage if isinstance(outcome, ChatReply) else None
    result = Result(
        refused=isinstance(error, RateLimited),
        overloaded=status in _OVERLOADED or isinstance(error, TimedOut),
        failed=not isinstance(outcome, ChatReply),
        seconds=seconds,
        tokens=usage.total_tokens if usage is not None else 0,
        estimated=prompt_tokens(size),
        retry_after=error.retry_after if isinstance(error, StatusError) else None,
        hints=None if response is None else Hints.of(response.headers, time.time()),
        under_way=under_way,
    )
    governor.left(time.monotonic(), result)
