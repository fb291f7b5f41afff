"""Waiting for room at an endpoint, and what the governor learns of a request that is over."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from extractor.chat.wire import ChatReply, ChatRequest, Usage
from extractor.endpoint.errand import Errand, prompt_tokens
from extractor.endpoint.faults import too_late
from extractor.endpoint.governor import Governor, Result
from extractor.endpoint.hints import Hints
from extractor.endpoint.steps import Outcome, Pause, Wait
from extractor.errors import BudgetExceeded, DeadlineExceeded, EndpointError, RateLimited, StatusError, TimedOut

if TYPE_CHECKING:  # only for those who have one
    from extractor.budget import Budget, Spending

__all__ = ["Admitted", "admission", "reservation", "taught"]

LOOKS = 0.05
"""Seconds between two looks at a budget of which others may leave something."""

# 529: how some say that they are overloaded.
_OVERLOADED = frozenset({503, 529})


class Admitted(NamedTuple):
    """How many requests are under way, this included, and how many tokens it is taken to cost."""

    under_way: int
    tokens: int = 0


def admission(
    governor: Governor, errand: Errand, request: ChatRequest, url: str, size: int, *, started: bool
) -> Generator[Wait, Any, Admitted | DeadlineExceeded]:
    """Wait until a request of `size` bytes may be sent. The error where the deadline passes meanwhile."""
    asked = time.monotonic()
    most, tokens = _most_used(request, size), max(prompt_tokens(size), governor.usual_tokens)
    tokens = tokens if most is None else most.total_tokens
    turn = governor.enter(asked, tokens=tokens, share=errand.share, started=started)
    if turn is None:
        return Admitted(governor.in_flight, tokens)
    entered, patient = False, errand.patient and not started
    try:
        while not turn.granted:
            now = time.monotonic()
            left, due = math.inf if errand.expires is None or patient else errand.expires - now, turn.not_before
            if left <= 0 or now + left <= due < math.inf:
                return too_late(url, "before its turn: the endpoint takes no more for now")
            if due <= now:
                governor.poll(now)
                due = turn.not_before
            if not turn.granted:
                yield Wait(turn=turn, seconds=_finite(min(left, max(0.0, due - now))), not_before=due)
        waited = time.monotonic() - asked
        if patient and errand.expires is not None:
            errand.expires += waited
        errand.waited(waited)  # which may be interrupted
        entered = True
    finally:
        if not entered:
            governor.leave_queue(turn, time.monotonic())
    return Admitted(turn.under_way, tokens)


def reservation(
    budget: Budget, errand: Errand, request: ChatRequest, url: str, size: int
) -> Generator[Pause, Any, Spending | BudgetExceeded | DeadlineExceeded]:
    """Take what a request of `size` bytes may need from the budget, and wait where those under way may leave that.

    What was taken; or the error that there is too little, or that the deadline has passed.
    """
    most = _most_used(request, size)
    tokens = None if most is None else most.total_tokens
    cost = None if most is None or errand.tariff is None else errand.tariff.cost("", most)
    while True:
        try:
            return budget.begin(tokens, cost)
        except BudgetExceeded as error:
            refused = error
        if not budget.may_fit_later(tokens, cost):
            return refused
        if errand.expires is not None and time.monotonic() + LOOKS >= errand.expires:
            return too_late(url, "while others held what is left of the budget")
        yield Pause(seconds=LOOKS)


def _most_used(request: ChatRequest, size: int) -> Usage | None:
    """What a request of `size` bytes may take at most; None where it has no limit of its own."""
    fields, prompt = request.prefix.fields, prompt_tokens(size)
    limit, count = fields.get("max_completion_tokens") or fields.get("max_tokens"), fields.get("n") or 1
    if not isinstance(limit, int) or not isinstance(count, int):
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=limit * count, total_tokens=prompt + limit * count)


def _finite(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds


def taught(
    governor: Governor,
    outcome: Outcome | None,
    response: httpx.Response | None,
    seconds: float,
    admitted: Admitted,
) -> None:
    """Tell the governor what came of a request (None: nobody waited for it)."""
    error = outcome if isinstance(outcome, EndpointError) else None
    status = error.status if isinstance(error, StatusError) else 0
    usage = outcome.usage if isinstance(outcome, ChatReply) else None
    result = Result(
        refused=isinstance(error, RateLimited),
        overloaded=status in _OVERLOADED or (isinstance(error, TimedOut) and not isinstance(error, DeadlineExceeded)),
        failed=not isinstance(outcome, ChatReply),
        seconds=seconds,
        tokens=usage.total_tokens if usage is not None else 0,
        estimated=admitted.tokens,
        retry_after=error.retry_after if isinstance(error, StatusError) else None,
        hints=None if response is None else Hints.of(response.headers, time.time()),
        under_way=admitted.under_way,
    )
    governor.left(time.monotonic(), result)
