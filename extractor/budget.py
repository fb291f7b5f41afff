"""What calls may cost together: a `Budget` that stops before it is overspent. No I/O.

A request is only begun where what it is expected to need is left, and what those under way are expected to need is
taken as spent until they end. What is expected is the most that a request may take, where that is known: then no
limit is ever overspent. Where it is not, it is the mean of the latest requests of the budget. (The largest would be
ten times as much, since replies differ that much in length: a job with many requests under way would stop when half
is left. The mean is wrong in both directions, so that what is overspent at the end is the error of the few that are
under way then.) Before any request has ended nothing is known, and nothing expected.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from time import monotonic
from typing import Any, NoReturn

from extractor.chat.wire import Usage
from extractor.errors import BudgetExceeded, ConfigurationError, OptionError
from extractor.prices import Amount, Billed, amount, exact

__all__ = ["Budget", "Left", "Spending", "Spent"]

MOST = 10**15  # of anything: what is more is a mistake
LATEST = 32  # requests that the mean follows: enough to be steady, few enough to notice that documents got longer


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What the requests that have ended took. `cost` in US dollars, as far as it is known; `seconds` since the
    first request began.
    """

    tokens: int = 0
    cost: Decimal = Decimal(0)
    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What may still be spent, where what is under way takes what it is expected to; None where there is no limit."""

    tokens: int | None = None
    cost: Decimal | None = None
    requests: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limit:
    """One limit: how much is allowed, `spent`, expected to be taken by what is under way (`held`), and `needed`."""

    name: str
    allowed: Any
    spent: Any
    held: Any = 0
    needed: Any = 0

    @property
    def refuses(self) -> bool:
        used: Any = self.spent + self.held
        return bool(used >= self.allowed or used + self.needed > self.allowed)


class Budget:
    """Limits that all calls share to which it is given: one call, or a job of thousands in threads and tasks.

    `tokens` of prompts and replies, `cost` in US dollars, `requests` sent (each try of one counts: it may be billed),
    `seconds` since the first began. A limit that is None is none. Raises `OptionError` for one that is no number of
    0 or more.

    It counts within one process: it can be neither pickled nor copied, nor used after a fork.
    """

    def __init__(
        self,
        *,
        tokens: int | None = None,
        cost: Amount | None = None,
        requests: int | None = None,
        seconds: float | None = None,
    ) -> None:
        self._tokens = _checked("tokens", tokens, int)
        self._cost = None if cost is None else amount(cost, option="budget", what="The budget's cost")
        self._requests = _checked("requests", requests, int)
        self._seconds = _checked("seconds", seconds, int, float, what="a number")
        self._lock = threading.RLock()  # the collector may end an abandoned request in here
        self._process = os.getpid()
        self._began: float | None = None
        self._spent_tokens, self._spent_cost, self._ended = 0, Decimal(0), 0
        self._held_tokens, self._held_cost, self._under_way = 0, Decimal(0), 0
        self._mean_tokens, self._mean_cost = _Mean(), _Mean()
        self._blind = ""  # what limit cannot be kept, since what a reply took of it is not known

    def begin(self, tokens: int | None = None, cost: Decimal | None = None) -> Spending:
        """Begin a request. `tokens` and `cost`: the most that it may take, None where that is not known.

        The spending must be settled or cancelled, whatever happens. Raises `BudgetExceeded` where not enough is
        left, or where a limit cannot be kept, and `ConfigurationError` in another process.
        """
        self._check_process()
        with self._lock, exact():
            needed = self._expected(tokens, cost)
            if self._blind:
                raise _refused(_BLIND[self._blind], _BLIND_HINTS[self._blind])
            for limit in self._limits(*needed):
                if limit.refuses:
                    raise _refused(self._said(limit), _HINTS[limit.name])
            if self._began is None:
                self._began = monotonic()
            known = (tokens is not None or self._mean_tokens.known, cost is not None or self._mean_cost.known)
            self._hold(*needed, 1)
            return Spending(self, *needed, *known)

    def may_fit_later(self, tokens: int | None = None, cost: Decimal | None = None) -> bool:
        """Whether `begin` may succeed once something that is under way has ended, if it took less than expected."""
        self._check_process()
        with self._lock, exact():
            if self._blind or not self._under_way:
                return False
            limits = self._limits(*self._expected(tokens, cost), certain=True)
            return not any(limit.refuses for limit in limits)

    @property
    def spent(self) -> Spent:
        """What the requests that have ended took."""
        with self._lock:
            return Spent(
                tokens=self._spent_tokens, cost=self._spent_cost, requests=self._ended, seconds=self._elapsed()
            )

    @property
    def limits_cost(self) -> bool:
        """Whether there is a limit of cost: it can only be kept where prices are known."""
        return self._cost is not None

    @property
    def under_way(self) -> int:
        """How many requests have begun and not ended."""
        return self._under_way

    @property
    def left(self) -> Left:
        """What may still be spent."""
        with self._lock, exact():
            return Left(**{limit.name: max(limit.allowed - limit.spent - limit.held, 0) for limit in self._limits()})

    def __repr__(self) -> str:
        with self._lock:
            said = [f"{_shown(each.name, each.spent)} of {_shown(each.name, each.allowed)}" for each in self._limits()]
            return f"Budget({', '.join([*said, f'{self._under_way} under way'])})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Budget cannot be pickled or copied: it counts within one process, for all who share it.")

    def _check_process(self) -> None:
        # Before the lock, which a thread of the parent may have held when it forked.
        if os.getpid() != self._process:
            raise ConfigurationError(
                "This Budget belongs to another process: what is spent here would not be counted there.",
                hint="Make a Budget in each process.",
            )

    def _elapsed(self) -> float:
        return 0.0 if self._began is None else monotonic() - self._began

    def _expected(self, tokens: int | None, cost: Decimal | None) -> tuple[int, Decimal]:
        most = ceil(self._mean_tokens.value) if tokens is None else tokens
        return most, self._mean_cost.value if cost is None else cost

    def _limits(self, tokens: int = 0, cost: Decimal = Decimal(0), *, certain: bool = False) -> Iterator[_Limit]:
        """All limits that there are, where a request needs that much; the `certain` ones take nothing as held that
        may come back.
        """
        held_tokens, held_cost = (0, Decimal(0)) if certain else (self._held_tokens, self._held_cost)
        rows = (
            ("requests", self._requests, self._ended, self._under_way, 0),
            ("tokens", self._tokens, self._spent_tokens, held_tokens, tokens),
            ("cost", self._cost, self._spent_cost, held_cost, cost),
            ("seconds", self._seconds, self._elapsed(), 0.0, 0.0),
        )
        for name, allowed, spent, held, needed in rows:
            if allowed is not None:
                yield _Limit(name=name, allowed=allowed, spent=spent, held=held, needed=needed)

    def _said(self, limit: _Limit) -> str:
        allowed, spent, held, needed = (
            _shown(limit.name, each) for each in (limit.allowed, limit.spent, limit.held, limit.needed)
        )
        if limit.name == "seconds":
            return f"The budget allows {allowed} from its first request on, and {spent} have passed."
        if limit.name == "requests":
            return f"The budget allows {allowed}: {spent} were made, and {self._under_way} are under way."
        return (
            f"The budget allows {allowed}: {spent} are spent, {self._under_way} requests under way are expected "
            f"to take {held}, and the next one {needed}."
        )

    def _hold(self, tokens: int, cost: Decimal, requests: int) -> None:
        self._held_tokens += tokens
        self._held_cost += cost
        self._under_way += requests

    def _settle(self, spending: Spending, usage: Usage | None, cost: Decimal | None) -> None:
        billed = Billed.of(usage)
        if billed is not None:
            self._spent_tokens += billed.total
            self._mean_tokens.add(billed.total)
        elif self._tokens is not None:  # a reply that does not say what it took is taken to be what was expected
            self._spent_tokens += spending.tokens
            self._blind = self._blind or ("" if spending.tokens_known else "tokens")
        if cost is not None:
            self._spent_cost += cost
            self._mean_cost.add(cost)
        elif self._cost is not None:
            self._spent_cost += spending.cost
            # Where there is a usage, it is the price that is not known: the other requests' says nothing of it.
            self._blind = self._blind or ("" if spending.cost_known and billed is None else "cost")

    def _end(self, spending: Spending, ended: int) -> None:
        self._hold(-spending.tokens, -spending.cost, -1)
        self._ended += ended


class Spending:
    """One request of a budget that is under way. Whichever of its methods is called first counts, and no other."""

    __slots__ = ("_budget", "_open", "cost", "cost_known", "tokens", "tokens_known")

    def __init__(self, budget: Budget, tokens: int, cost: Decimal, tokens_known: bool, cost_known: bool) -> None:
        self._budget = budget
        self._open = True
        self.tokens, self.cost, self.tokens_known, self.cost_known = tokens, cost, tokens_known, cost_known

    def settle(self, usage: Usage | None, cost: Decimal | None) -> None:
        """A reply came, with that usage and cost (None where it is not known).

        What is not known is taken to be what was expected. Where nothing was, or where a reply has a usage and no
        price, a limit of it cannot be kept: then no further request begins.
        """
        budget = self._budget
        with budget._lock, exact():
            if self._open:
                self._open = False
                budget._end(self, 1)
                budget._settle(self, usage, cost)

    def cancel(self, *, sent: bool = True, billed: bool = False) -> None:
        """No reply came: nothing is known to have been taken but the request, and that only if it was `sent`. Where it
        may have been `billed` all the same, it is taken to be what was expected.
        """
        budget = self._budget
        with budget._lock, exact():
            if self._open:
                self._open = False
                budget._end(self, 1 if sent else 0)
                if billed:
                    budget._spent_tokens += self.tokens
                    budget._spent_cost += self.cost


class _Mean:
    """The mean of numbers, in which the latest count most."""

    def __init__(self) -> None:
        self.value = Decimal(0)
        self._count = 0

    @property
    def known(self) -> bool:
        return self._count > 0

    def add(self, number: int | Decimal) -> None:
        self._count = min(self._count + 1, LATEST)
        self.value += (number - self.value) / self._count


_HINTS = {
    "requests": "Give Budget(requests=…) more, or fewer documents.",
    "tokens": "Give Budget(tokens=…) more, or requests a lower max_completion_tokens, which is what one may take.",
    "cost": "Give Budget(cost=…) more, or requests a lower max_completion_tokens, which is what one may cost.",
    "seconds": "Give Budget(seconds=…) more.",
}
_BLIND = {
    "tokens": "A reply did not say how many tokens it took, so that the budget's limit of tokens cannot be kept.",
    "cost": "What a reply cost is not known, so that the budget's limit of cost cannot be kept.",
}
_BLIND_HINTS = {
    "tokens": "Limit requests or seconds instead, or set max_completion_tokens.",
    "cost": "Give price=Price(input=…, output=…), in US dollars for a million tokens, install genai-prices, or "
    "limit tokens or requests instead.",
}


def _refused(message: str, hint: str) -> BudgetExceeded:
    return BudgetExceeded(message, attempts=(), value=None, errors=(), usage=Usage(), hint=hint)


def _shown(name: str, number: Any) -> str:
    if name == "cost":
        return f"${float(number):.6g}"
    return f"{number:.1f} seconds" if name == "seconds" else f"{number} {name}"


def _checked(name: str, number: Any, *kinds: type, what: str = "a whole number") -> Any:
    within: Any = number if isinstance(number, kinds) and not isinstance(number, bool) else -1
    if number is None or 0 <= within <= MOST:
        return number
    said = f"The budget's {name} is {str(number)[:50]!r}."
    raise OptionError(said, option="budget", hint=f"Give {what} of 0 or more, or None for no limit.")
