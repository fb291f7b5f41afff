"""Budgets: a request is only begun where what it may take is left, for all who share the budget."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import random
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor import budget as module
from extractor.budget import Budget, Left, Spending, Spent
from extractor.chat.wire import Usage
from extractor.errors import BudgetExceeded, ConfigurationError, OptionError


def took(tokens: int) -> Usage:
    """Make the usage of a reply that took that many tokens."""
    return Usage(prompt_tokens=tokens, total_tokens=tokens)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give budgets a clock of the test's."""
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


# ---------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": -1},
        {"tokens": 1.5},
        {"tokens": True},
        {"tokens": 10**16},
        {"requests": "3"},
        {"cost": -1},
        {"cost": "much"},
        {"cost": float("nan")},
        {"seconds": -0.1},
        {"seconds": float("inf")},
        {"seconds": float("nan")},
        {"seconds": "1"},
    ],
)
def test_limits_are_checked(wrong: dict[str, Any]) -> None:
    """A limit that is no number of 0 or more is an error, which says what limit it is."""
    with pytest.raises(OptionError, match=next(iter(wrong))) as caught:
        Budget(**wrong)
    assert caught.value.option == "budget"


@pytest.mark.parametrize("limit", [{"tokens": 0}, {"requests": 0}, {"cost": 0}, {"seconds": 0}])
def test_a_limit_of_nothing(limit: dict[str, Any]) -> None:
    """A limit of 0 lets nothing begin."""
    budget = Budget(**limit)
    with pytest.raises(BudgetExceeded):
        budget.begin(0)
    assert budget.spent == Spent()
    assert budget.under_way == 0


def test_no_limit_counts() -> None:
    """A budget without limits lets everything begin, and counts it."""
    budget = Budget()
    for number in range(10):
        budget.begin(10**9).settle(took(number), None)
    assert budget.left == Left()
    assert (budget.spent.tokens, budget.spent.cost, budget.spent.requests) == (45, Decimal(0), 10)


# ----------------------------------------------------------------------------------------------- counting


def test_what_is_spent_and_left(clock: Clock) -> None:
    """What has ended is spent, what is under way is not left."""
    budget = Budget(tokens=1_000, cost="1.50", requests=5, seconds=60)
    first, _ = budget.begin(300, Decimal("0.5")), budget.begin(100, Decimal("0.1"))
    clock.now += 20
    first.settle(took(200), Decimal("0.25"))
    assert budget.spent == Spent(tokens=200, cost=Decimal("0.25"), requests=1, seconds=20)
    assert budget.left == Left(tokens=700, cost=Decimal("1.15"), requests=3, seconds=40)
    assert budget.under_way == 1
    said = "200 tokens of 1000 tokens, $0.25 of $1.5, 20.0 seconds of 60.0 seconds, 1 under way"
    assert repr(budget) == f"Budget(1 requests of 5 requests, {said})"


def test_a_refusal_says_why() -> None:
    """The error says which limit it is, what is spent, under way and expected, and what to do."""
    budget = Budget(tokens=1_000)
    budget.begin(300).settle(took(250), None)
    budget.begin(600)
    with pytest.raises(BudgetExceeded) as caught:
        budget.begin(151)
    assert caught.value.message == (
        "The budget allows 1000 tokens: 250 tokens are spent, 1 requests under way are expected to take 600 tokens, "
        "and the next one 151 tokens."
    )
    assert "Budget(tokens=…)" in caught.value.hint
    assert (caught.value.attempts, caught.value.errors, caught.value.usage) == ((), (), Usage())
    assert budget.left.tokens == 150
    budget.begin(150)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"requests": 1}, "allows 1 requests: 1 requests were made"),
        ({"tokens": 10}, "allows 10 tokens: 10 tokens are spent"),
        ({"cost": "0.01"}, "allows [$]0.01: [$]0.01 are spent"),
        ({"seconds": 5}, "allows 5.0 seconds from its first request on, and 5.0 seconds have passed"),
    ],
)
def test_each_limit_ends_it(limits: dict[str, Any], said: str, clock: Clock) -> None:
    """Each limit, once it is reached, lets nothing more begin."""
    budget = Budget(**limits)
    budget.begin().settle(took(10), Decimal("0.01"))
    clock.now += 5
    with pytest.raises(BudgetExceeded, match=said):
        budget.begin()
    assert not budget.may_fit_later()


def test_a_request_without_a_reply() -> None:
    """A request that failed counts as one, costs nothing known, and holds nothing any more; one not sent is none."""
    budget = Budget(tokens=100, requests=10)
    budget.begin(100).cancel()
    assert budget.spent.requests == 1
    budget.begin(100).cancel(sent=False)
    assert budget.spent.requests == 1
    assert budget.left == Left(tokens=100, requests=9)


def test_what_may_have_been_billed() -> None:
    """What was sent, and may have been billed without a reply, is taken to be what was expected."""
    budget = Budget(tokens=100, cost=10)
    budget.begin(30, Decimal(2)).cancel(billed=True)
    assert (budget.spent.requests, budget.spent.tokens, budget.spent.cost) == (1, 30, Decimal(2))
    budget.begin().settle(took(20), Decimal(1))
    budget.begin().cancel(billed=True)
    assert (budget.spent.tokens, budget.spent.cost) == (70, Decimal(4))
    assert budget.under_way == 0


def test_the_collector_may_end_a_request_in_the_middle() -> None:
    """A request may end in the thread that holds the lock: the collector ends abandoned streams at any moment."""
    budget = Budget(tokens=100)
    spending = budget.begin(30)
    lock = budget._lock
    with lock:
        assert lock.acquire(blocking=False)
        lock.release()
        spending.cancel()
    assert budget.under_way == 0


@pytest.mark.parametrize(
    ("first", "requests", "tokens"),
    [("settle", 1, 7), ("cancel", 1, 0), ("billed", 1, 50), ("unsent", 0, 0)],
)
def test_a_spending_ends_once(first: str, requests: int, tokens: int) -> None:
    """Settling and cancelling again, in whatever order, changes nothing."""
    budget = Budget(tokens=100)
    spending = budget.begin(50)
    ends: dict[str, Callable[[], None]] = {
        "settle": lambda: spending.settle(took(7), None),
        "cancel": spending.cancel,
        "billed": lambda: spending.cancel(billed=True),
        "unsent": lambda: spending.cancel(sent=False),
    }
    ends[first]()
    for end in (*ends.values(), *ends.values()):
        end()
    assert (budget.spent.requests, budget.spent.tokens, budget.under_way) == (requests, tokens, 0)
    assert budget.left.tokens == 100 - tokens


def test_what_may_fit_later() -> None:
    """Where only what is under way is in the way, there may be enough once it has ended."""
    budget = Budget(tokens=1_000)
    assert not budget.may_fit_later(2_000)
    first = budget.begin(900)
    with pytest.raises(BudgetExceeded):
        budget.begin(500)
    assert budget.may_fit_later(500)
    assert not budget.may_fit_later(1_001)
    first.settle(took(400), None)
    assert not budget.may_fit_later(500)  # nothing is under way: it fits now
    budget.begin(500)


def test_time_begins_with_the_first_request(clock: Clock) -> None:
    """The seconds count from the first request, not from when the budget was made."""
    budget = Budget(seconds=10)
    clock.now += 100
    budget.begin().cancel()
    clock.now += 9
    assert budget.left.seconds == 1
    budget.begin().cancel()
    clock.now += 1
    with pytest.raises(BudgetExceeded):
        budget.begin()
    assert budget.left.seconds == 0


# --------------------------------------------------------------------------------------- what is expected


def test_the_mean_is_expected() -> None:
    """Where nobody knows what a request may take, what the others took on average is expected."""
    budget = Budget(tokens=1_000)
    for tokens in (100, 200, 300):
        budget.begin().settle(took(tokens), None)
    budget.begin()
    assert budget.left.tokens == 200
    budget.begin()
    with pytest.raises(BudgetExceeded):
        budget.begin()


def test_the_mean_follows() -> None:
    """When documents get longer, so does what is expected of the next."""
    budget = Budget(tokens=10**9)
    for tokens in (*[100] * 500, *[10_000] * 100):
        budget.begin().settle(took(tokens), None)
    left = budget.left.tokens
    budget.begin()
    assert left is not None
    assert budget.left.tokens is not None
    assert 9_000 < left - budget.left.tokens <= 10_000


@settings(max_examples=50)
@given(st.randoms(use_true_random=False), st.integers(1, 16))
def test_nearly_all_is_used_and_little_more(chance: random.Random, at_once: int) -> None:
    """Without any bound known, a job stops near its limit: neither at half, nor far beyond it."""
    numbers = random.Random(chance.random())
    budget = Budget(tokens=40_000)
    under_way: list[Spending] = []
    with contextlib.suppress(BudgetExceeded):
        while True:
            under_way.append(budget.begin())
            if len(under_way) >= at_once:
                under_way.pop(numbers.randrange(at_once)).settle(took(numbers.randint(50, 500)), None)
    for spending in under_way:
        spending.settle(took(numbers.randint(50, 500)), None)
    assert 40_000 - 500 * (at_once + 1) <= budget.spent.tokens <= 40_000 + 450 * at_once


# ------------------------------------------------------------------------------------ what nobody can know


def test_a_price_that_is_not_known() -> None:
    """Where a reply's price is not known, a limit of cost cannot be kept: the next request says so."""
    budget = Budget(cost=1)
    budget.begin(cost=Decimal("0.1")).settle(took(5), Decimal("0.05"))
    first, second = budget.begin(cost=Decimal("0.1")), budget.begin(cost=Decimal("0.1"))
    first.settle(took(5), None)
    with pytest.raises(BudgetExceeded, match="What a reply cost is not known") as caught:
        budget.begin(cost=Decimal("0.1"))
    assert "Price(input=…, output=…)" in caught.value.hint
    assert not budget.may_fit_later()
    second.settle(took(5), Decimal("0.1"))
    assert budget.spent.cost == Decimal("0.25")


def test_a_usage_that_is_not_given() -> None:
    """A reply without a usage is taken to have taken what was expected of it."""
    budget = Budget(tokens=1_000, cost=1)
    budget.begin(300, Decimal("0.3")).settle(None, None)
    assert (budget.spent.tokens, budget.spent.cost) == (300, Decimal("0.3"))
    budget.begin(300, Decimal("0.3")).settle(took(100), Decimal("0.1"))
    budget.begin().settle(None, None)
    assert (budget.spent.tokens, budget.spent.cost) == (500, Decimal("0.5"))


@pytest.mark.parametrize(("limits", "said"), [({"tokens": 10**6}, "tokens cannot"), ({"cost": 100}, "cost cannot")])
def test_nothing_known_at_all(limits: dict[str, Any], said: str) -> None:
    """Where no reply says what it took and nothing was expected, a limit of it is never quietly none."""
    budget = Budget(**limits)
    budget.begin().settle(None, None)
    with pytest.raises(BudgetExceeded, match=said):
        budget.begin()


def test_what_is_not_limited_need_not_be_known() -> None:
    """Where only requests are limited, no usage and no price is missed."""
    budget = Budget(requests=3)
    for _ in range(3):
        budget.begin().settle(None, None)
    assert (budget.spent.tokens, budget.spent.requests) == (0, 3)


# -------------------------------------------------------------------------------------------------- laws

PENNY = Decimal("0.001")


@settings(max_examples=200)
@given(
    st.integers(0, 2_000),
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 9), st.sampled_from("srcun")), max_size=60),
)
def test_never_more_than_the_limit(tokens: int, requests: int, steps: list[tuple[int, int, str]]) -> None:
    """Where what is expected is the most, no interleaving spends more than a limit, and all that is held returns."""
    budget = Budget(tokens=tokens, cost=tokens * PENNY, requests=requests)
    under_way: list[tuple[Spending, int]] = []
    for most, which, end in steps:
        if under_way and which < len(under_way):
            _end(*under_way.pop(which), end)
        try:
            under_way.append((budget.begin(most, most * PENNY), most))
        except BudgetExceeded:
            continue
        assert budget.under_way == len(under_way)
    for spending, most in under_way:
        _end(spending, most, "s")
    spent, left = budget.spent, budget.left
    assert spent.tokens <= tokens
    assert spent.cost <= tokens * PENNY
    assert spent.requests <= requests
    assert left == Left(
        tokens=tokens - spent.tokens, cost=tokens * PENNY - spent.cost, requests=requests - spent.requests
    )


def _end(spending: Spending, most: int, way: str) -> None:
    if way == "c":
        spending.cancel()
    elif way == "u":
        spending.cancel(sent=False)
    elif way == "n":
        spending.settle(None, None)
    else:
        tokens = most if way == "s" else most // 3
        spending.settle(took(tokens), tokens * PENNY)
    spending.cancel()


def test_threads() -> None:
    """Threads that share a budget never overspend it, and leave nothing under way."""
    budget = Budget(tokens=5_000, cost=5, requests=900)
    start = threading.Barrier(8)
    before = sys.getswitchinterval()
    begun: list[int] = []

    def work(number: int) -> None:
        start.wait()
        for step in range(400):
            try:
                spending = budget.begin(10, 10 * PENNY)
            except BudgetExceeded:
                continue
            begun.append(number)
            if step % 7 == 0:
                spending.cancel()
            else:
                spending.settle(took(step % 10 + 1), (step % 10 + 1) * PENNY)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    sys.setswitchinterval(1e-6)  # so that they come between each other's lines
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert budget.under_way == 0
    assert budget.spent.requests == len(begun) <= 900
    assert 0 < budget.spent.tokens <= 5_000
    assert budget.spent.cost == budget.spent.tokens * PENNY
    assert budget.left.tokens == 5_000 - budget.spent.tokens


# ---------------------------------------------------------------------------------------- one process only


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_budget_cannot_be_copied(way: Callable[[Budget], Any]) -> None:
    """A copy would count for itself: pickling and copying are refused, with the reason."""
    with pytest.raises(TypeError, match="one process"):
        way(Budget(tokens=5))


def test_a_budget_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork, the child's requests would not be counted by the parent: they are refused."""
    budget = Budget(tokens=5)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ConfigurationError, match="another process"):
        budget.begin(1)
    with pytest.raises(ConfigurationError, match="another process"):
        budget.may_fit_later(1)
