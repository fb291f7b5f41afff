"""Waiting for room at an endpoint, step by step, and what the governor is told of a request that is over."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from extractor.budget import Budget, Spending
from extractor.chat.wire import ChatReply, ChatRequest, Prefix, Usage
from extractor.endpoint import admission as room
from extractor.endpoint.admission import Admitted, admission, reservation, taught
from extractor.endpoint.errand import Errand
from extractor.endpoint.governor import Governor, Result, Turn
from extractor.endpoint.steps import Outcome, Wait
from extractor.errors import (
    BadReply,
    BadRequest,
    BudgetExceeded,
    ConnectionFailed,
    DeadlineExceeded,
    RateLimited,
    ServerError,
    TimedOut,
)
from extractor.prices import Price, Tariff
from extractor.watching import Waited, Watch, Watcher

Waiting = Generator[Wait, Any, Admitted | DeadlineExceeded]
ANY = ChatRequest(prefix=Prefix(fields={"model": "m"}), tail=())


class Clock:
    """A time of one's own."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def time(self) -> float:
        """The time of day."""
        return 1_750_000_000.0 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A time that passes when it is told to."""
    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    return clock


class Heard(Watcher):
    """Remembers who has waited for how long."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def on_wait(self, event: Waited) -> None:
        """Remember it."""
        self.waits.append(event.seconds)


def enters(
    governor: Governor,
    errand: Errand | None = None,
    request: ChatRequest = ANY,
    *,
    size: int = 100,
    started: bool = False,
) -> Waiting:
    """A request that wants to be sent."""
    return admission(governor, errand or Errand(), request, "http://h.example", size, started=started)


def ended(waiting: Waiting) -> Admitted | DeadlineExceeded:
    """What comes of one that need not wait any longer."""
    with pytest.raises(StopIteration) as stop:
        next(waiting)
    value: Admitted | DeadlineExceeded = stop.value.value
    return value


def done(waiting: Waiting) -> int | DeadlineExceeded:
    """How many are under way with one that need not wait any longer; or why it is not sent."""
    came = ended(waiting)
    return came.under_way if isinstance(came, Admitted) else came


def over(governor: Governor) -> None:
    """A request is over, as well as can be."""
    governor.left(vars(room)["time"].monotonic(), Result(seconds=0.1))


# --------------------------------------------------------------------------------------------- the waiting


def test_there_is_room() -> None:
    """Where there is room nothing is waited for, and it is told how many are under way."""
    governor, heard = Governor(concurrency=2), Heard()
    errand = Errand(watch=Watch([heard]))
    assert done(enters(governor, errand)) == 1
    assert done(enters(governor, errand)) == 2
    assert governor.in_flight == 2
    assert heard.waits == []


def test_there_is_none(clock: Clock) -> None:
    """Where there is none it waits, however long, until another one is over; and says how long it was."""
    governor, heard = Governor(concurrency=1), Heard()
    done(enters(governor))
    waiting = enters(governor, Errand(watch=Watch([heard])))
    wait = next(waiting)
    assert wait.seconds is None
    clock.now += 2.5
    over(governor)
    assert wait.turn.granted
    assert done(waiting) == 1
    assert heard.waits == [pytest.approx(2.5)]
    assert governor.in_flight == 1


def test_it_is_woken() -> None:
    """What wakes it is called once it may go."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    woken: list[bool] = []
    waiting = enters(governor)
    wait = next(waiting)
    wait.turn.wake = lambda: woken.append(wait.turn.granted)
    over(governor)
    assert woken == [True]
    assert done(waiting) == 1


def test_woken_for_nothing() -> None:
    """Who wakes without a reason waits on."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    waiting = enters(governor)
    first = next(waiting)
    assert [next(waiting).turn for _ in range(5)] == [first.turn] * 5
    over(governor)
    assert done(waiting) == 1


def test_by_time(clock: Clock) -> None:
    """Where time brings room, it waits that long, asks, and goes."""
    governor = Governor(rpm=60)
    done(enters(governor))
    waiting = enters(governor)
    wait = next(waiting)
    assert wait.seconds == pytest.approx(1.0, abs=0.3)
    assert wait.seconds is not None
    clock.now += wait.seconds + 0.01
    assert done(waiting) == 2


def test_the_deadline_bounds_the_wait(clock: Clock) -> None:
    """No wait is longer than what is left until the deadline; then the place in the queue is given up."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    waiting, other = enters(governor, Errand(expires=clock.now + 3)), enters(governor)
    wait = next(waiting)
    assert wait.seconds == pytest.approx(3.0)
    behind = next(other)
    clock.now += 3
    outcome = done(waiting)
    assert isinstance(outcome, DeadlineExceeded)
    assert "turn" in outcome.message
    over(governor)
    assert behind.turn.granted
    assert not wait.turn.granted
    assert done(other) == 1


def test_who_is_patient_waits_longer(clock: Clock) -> None:
    """Who is patient waits for the first turn however long that takes, and has as much time afterwards as before."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    errand = Errand(expires=clock.now + 3, patient=True)
    waiting = enters(governor, errand)
    assert next(waiting).seconds is None
    clock.now += 100
    over(governor)
    assert done(waiting) == 1
    assert errand.expires == clock.now + 3


def test_nobody_is_patient_twice(clock: Clock) -> None:
    """Once begun, an extraction is bounded by its deadline, patient or not."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    waiting = enters(governor, Errand(expires=clock.now + 3, patient=True), started=True)
    assert next(waiting).seconds == pytest.approx(3.0)
    clock.now += 3
    assert isinstance(done(waiting), DeadlineExceeded)


def test_patience_without_a_deadline(clock: Clock) -> None:
    """Without a deadline none is made."""
    governor, errand = Governor(concurrency=1), Errand(patient=True)
    done(enters(governor))
    waiting = enters(governor, errand)
    next(waiting)
    clock.now += 100
    over(governor)
    assert done(waiting) == 1
    assert errand.expires is None


def test_a_wait_says_what_it_has_seen(clock: Clock) -> None:
    """A wait has the time of its turn as it was found: who sees another by then looks again."""
    governor = Governor(rpm=60)
    done(enters(governor))
    first, second = enters(governor), enters(governor)
    timed, other = next(first), next(second)
    assert timed.not_before == timed.turn.not_before < math.inf
    assert (other.not_before, other.seconds) == (math.inf, None)


def test_who_is_interrupted_when_told(clock: Clock) -> None:
    """A watcher that is interrupted when it is told of the wait takes no place with it."""

    class Breaks(Watcher):
        def on_wait(self, event: Waited) -> None:
            raise KeyboardInterrupt

    governor = Governor(concurrency=1)
    done(enters(governor))
    waiting = enters(governor, Errand(watch=Watch([Breaks()])))
    next(waiting)
    clock.now += 1
    over(governor)
    with pytest.raises(KeyboardInterrupt):
        next(waiting)
    assert governor.in_flight == 0


@pytest.mark.parametrize(
    ("fields", "usual", "expected"),
    [
        ({}, 0, 117),
        ({}, 50, 117),
        ({}, 900, 900),
        ({"max_tokens": 500}, 0, 617),
        ({"max_tokens": 500}, 900, 617),
        ({"max_tokens": 500, "n": 3}, 0, 1_617),
    ],
    ids=["the prompt", "the longer prompt", "what is usual", "the most", "the most, though more is usual", "each"],
)
def test_what_a_request_is_taken_to_cost(fields: dict[str, Any], usual: int, expected: int) -> None:
    """The governor is told the most that a request may take, or else what its prompt or a usual one takes."""

    class Told(Governor):
        usual_tokens = usual

        def enter(self, now: float, *, tokens: int = 0, share: Any = None, started: bool = False) -> Turn | None:
            told.append(tokens)
            return super().enter(now, tokens=tokens, share=share, started=started)

    told: list[int] = []
    request = ChatRequest(prefix=Prefix(fields={"model": "m", **fields}), tail=())
    governor = Told(concurrency=1)
    assert ended(enters(governor, request=request, size=350)) == Admitted(1, expected)
    waiting = enters(governor, request=request, size=350)
    next(waiting)
    over(governor)
    assert ended(waiting) == Admitted(1, expected)
    assert told == [expected] * 2


def test_granted_at_the_deadline(clock: Clock) -> None:
    """Who was granted a place just when the deadline passes has it; whoever gives it up gives it back."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    waiting = enters(governor, Errand(expires=clock.now + 3))
    next(waiting)
    clock.now += 3
    over(governor)
    assert done(waiting) == 1
    over(governor)
    assert governor.in_flight == 0


def test_a_deadline_that_has_passed(clock: Clock) -> None:
    """With a deadline that has passed nothing is waited for."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    assert isinstance(done(enters(governor, Errand(expires=clock.now - 1))), DeadlineExceeded)
    over(governor)
    assert governor.in_flight == 0


@pytest.mark.parametrize("granted", [False, True])
def test_given_up(granted: bool) -> None:
    """Who gives up leaves the queue, and gives back the place if it was granted meanwhile."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    waiting, other = enters(governor), enters(governor)
    first, second = next(waiting), next(other)
    if granted:
        over(governor)
        assert first.turn.granted
    waiting.close()
    if not granted:
        over(governor)
    assert second.turn.granted
    assert done(other) == 1
    over(governor)
    assert governor.in_flight == 0


def test_who_asks_in_time(clock: Clock) -> None:
    """Of many who wait for the time one has to ask; when that one gives up, another has to."""
    governor = Governor(rpm=60)
    done(enters(governor))
    waitings = [enters(governor) for _ in range(3)]
    waits = [next(each) for each in waitings]
    assert [wait.seconds is not None for wait in waits] == [True, False, False]
    woken: list[bool] = []
    waits[1].turn.wake = lambda: woken.append(True)
    waitings[0].close()
    assert woken == [True]
    again = next(waitings[1])
    assert again.seconds is not None
    clock.now += again.seconds + 0.01
    assert isinstance(done(waitings[1]), int)


def test_shares_take_turns() -> None:
    """Those of another share do not wait behind all of the first; and who has begun goes before who has not."""
    governor = Governor(concurrency=1)
    done(enters(governor))
    names = [("a", False), ("a", False), ("b", False), ("a", True)]
    waitings = [enters(governor, Errand(share=share), started=begun) for share, begun in names]
    turns = {next(waiting).turn: name for waiting, name in zip(waitings, names, strict=True)}
    order = []
    while turns:
        over(governor)
        (granted,) = (turn for turn in turns if turn.granted)
        order.append(turns.pop(granted))
    assert order == [("a", True), ("b", False), ("a", False), ("a", False)]


# --------------------------------------------------------------------------------------------- the budget

LIMITED = ChatRequest(prefix=Prefix(fields={"model": "m", "max_tokens": 500}), tail=())


def reserves(budget: Budget, errand: Errand | None = None, request: ChatRequest = LIMITED) -> Any:
    """A request that wants to be paid."""
    return reservation(budget, errand or Errand(), request, "http://h.example", 350)


def paid(waiting: Any) -> Spending | BudgetExceeded | DeadlineExceeded:
    """What comes of one that need not wait any longer."""
    with pytest.raises(StopIteration) as stop:
        next(waiting)
    value: Spending | BudgetExceeded | DeadlineExceeded = stop.value.value
    return value


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 0),
        ({"max_completion_tokens": 500}, 500 + 117),
        ({"max_tokens": 500}, 500 + 117),
        ({"max_completion_tokens": 500, "max_tokens": 900}, 500 + 117),
        ({"max_tokens": 500, "n": 3}, 1_500 + 117),
        ({"max_tokens": 500, "n": None}, 500 + 117),
        ({"max_tokens": None}, 0),
        ({"max_tokens": "many"}, 0),
        ({"max_tokens": 500, "n": "many"}, 0),
    ],
    ids=["none", "the new name", "the old name", "both", "three", "no number", "null", "another kind", "unknown many"],
)
def test_the_most_that_a_request_may_take(fields: dict[str, Any], expected: int) -> None:
    """A request takes its prompt and its limit of tokens at most, for each candidate; that is held."""
    budget = Budget(tokens=10_000)
    request = ChatRequest(prefix=Prefix(fields={"model": "m", **fields}), tail=())
    assert isinstance(paid(reserves(budget, request=request)), Spending)
    assert budget.left.tokens == 10_000 - expected


def test_what_it_may_cost() -> None:
    """Where the price is known, what it may cost is held too."""
    budget = Budget(cost=1_000_000)
    errand = Errand(tariff=Tariff(model="m", base_url="", own=Price(input=1_000_000, output=2_000_000)))
    paid(reserves(budget, errand))
    assert budget.left.cost == 1_000_000 - 117 - 1_000


def test_it_waits_for_the_budget(clock: Clock) -> None:
    """Where others hold what is left it waits till they are over, and goes if they took less."""
    budget = Budget(tokens=1_000)
    spending = paid(reserves(budget))
    assert isinstance(spending, Spending)
    waiting = reserves(budget)
    for _ in range(3):
        assert 0 < next(waiting).seconds <= 1
    spending.settle(Usage(total_tokens=42), None)
    assert isinstance(paid(waiting), Spending)
    assert budget.under_way == 1


def test_others_took_it_all() -> None:
    """Where those took what was left, it is refused."""
    budget = Budget(tokens=1_000)
    spending = paid(reserves(budget))
    assert isinstance(spending, Spending)
    waiting = reserves(budget)
    next(waiting)
    spending.settle(Usage(total_tokens=600), None)
    assert isinstance(paid(waiting), BudgetExceeded)
    assert budget.under_way == 0


def test_too_little_whatever_others_do() -> None:
    """Nobody waits for what cannot come."""
    budget = Budget(tokens=500)
    assert isinstance(paid(reserves(budget)), BudgetExceeded)
    assert budget.under_way == 0


def test_the_deadline_ends_the_wait_for_the_budget(clock: Clock) -> None:
    """At the deadline it waits no longer."""
    budget = Budget(tokens=1_000)
    paid(reserves(budget))
    waiting = reserves(budget, Errand(expires=clock.now + 1))
    clock.now += next(waiting).seconds
    clock.now += 1
    outcome = paid(waiting)
    assert isinstance(outcome, DeadlineExceeded)
    assert "budget" in outcome.message
    assert budget.under_way == 1


# ------------------------------------------------------------------------------------------ what is taught


class Taught(Governor):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = 1
        self.results: list[Result] = []

    def left(self, now: float, result: Result) -> None:
        """Remember it."""
        self.results.append(result)
        super().left(now, result)


def lesson(outcome: Outcome | None, headers: dict[str, str] | None = None) -> Result:
    """What the governor is told of an outcome."""
    governor = Taught()
    response = None if headers is None else httpx.Response(200, headers=headers)
    taught(governor, outcome, response, 1.5, Admitted(7, 117))
    assert governor.in_flight == 0
    (result,) = governor.results
    assert (result.seconds, result.under_way, result.estimated) == (1.5, 7, 117)
    return result


REPLY = ChatReply(choices=(), usage=Usage(total_tokens=42))
OUTCOMES: dict[str, tuple[Outcome | None, tuple[bool, bool, bool]]] = {
    "a reply": (REPLY, (False, False, False)),
    "429": (RateLimited("x", status=429), (True, False, True)),
    "503": (ServerError("x", status=503), (False, True, True)),
    "529": (ServerError("x", status=529), (False, True, True)),
    "500": (ServerError("x", status=500), (False, False, True)),
    "400": (BadRequest("x", status=400), (False, False, True)),
    "not in time": (TimedOut("x"), (False, True, True)),
    "no connection": (ConnectionFailed("x"), (False, False, True)),
    "no completion": (BadReply("x"), (False, False, True)),
    "nobody waited": (None, (False, False, True)),
    "not sent": (BudgetExceeded("x", attempts=(), value=None, errors=(), usage=Usage()), (False, False, True)),
}


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_the_governor_learns(outcome: Outcome | None, expected: tuple[bool, bool, bool]) -> None:
    """A 429 is a refusal, 503, 529 and silence are overload, all other failures teach nothing."""
    result = lesson(outcome)
    assert (result.refused, result.overloaded, result.failed) == expected
    assert result.tokens == (42 if outcome is REPLY else 0)


def test_what_is_asked_for() -> None:
    """A wait that was asked for is passed on."""
    assert lesson(RateLimited("x", status=429, retry_after=3.0)).retry_after == 3.0
    assert lesson(REPLY).retry_after is None


def test_what_the_headers_say() -> None:
    """What the headers say of the limits is passed on."""
    assert lesson(REPLY, {"content-type": "a"}).hints is None
    hints = lesson(REPLY, {"x-ratelimit-remaining-requests": "3", "x-ratelimit-limit-requests": "60"}).hints
    assert hints is not None
    assert hints.requests is not None
    assert (hints.requests.remaining, hints.requests.limit) == (3.0, 60.0)


def test_time_is_finite() -> None:
    """A wait without end is none that has a number."""
    assert room._finite(math.inf) is None
    assert room._finite(1.0) == 1.0
    assert time.monotonic() < math.inf
