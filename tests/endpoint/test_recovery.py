"""What follows a request that has failed: nothing, another address, or the same again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.endpoint.errand import Errand
from extractor.endpoint.recovery import TRIES, Following, Past, following
from extractor.endpoint.resolve import Address
from extractor.endpoint.retry import LONGEST_BACKOFF, Allowance, Policy
from extractor.endpoint.routes import FAILURES, PAUSE, RateLimits, Standing, routes_of
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    ConnectionFailed,
    DeadlineExceeded,
    EndpointError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TimedOut,
)

many = settings(max_examples=200)
NOW = 1_000.0


class Call:
    """One request at one endpoint, of which only the failures are played."""

    def __init__(self, addresses: int = 2, *, expires: float | None = None, **policy: Any) -> None:
        second = "http://two.example/v1" if addresses == 2 else ""
        address = Address(base_url="http://one.example/v1", fallback_url=second, model="m", dialect="unknown")
        self.known = Standing(RateLimits())
        self.routes = routes_of(address, self.known)
        self.errand = Errand(expires=expires, policy=Policy(**policy))
        self.past = Past()
        self.route = self.routes[0]
        self.now = NOW

    def fails(self, error: EndpointError) -> Following | None:
        """What follows, from where it is now; the wait is waited for."""
        then = following(error, self.route, self.routes, self.known, self.errand, self.past, self.now)
        if then is not None:
            self.route = then.route
            self.now += then.wait
        return then

    def path(self, errors: Sequence[EndpointError]) -> str:
        """Where each next request goes (1, 2), with a point before it where it waits; `!` where it ends."""
        found = ""
        for error in errors:
            then = self.fails(error)
            if then is None:
                return found + "!"
            found += ("." if then.wait else "") + str(self.routes.index(then.route) + 1)
        return found


def unreachable() -> EndpointError:
    """Nobody is there."""
    error = ConnectionFailed("nobody")
    error.unsent = True
    return error


def refused(status: int, retry_after: float | None = None, kind: Any = ServerError, **headers: str) -> EndpointError:
    """An answer with this status."""
    error: EndpointError = kind("no", status=status, retry_after=retry_after, headers=headers, hint="As it is.")
    return error


def limited(retry_after: float | None = None) -> EndpointError:
    """Too many requests."""
    return refused(429, retry_after, RateLimited)


# --------------------------------------------------------------------------------------- another address


def test_unreachable() -> None:
    """Where nobody is there the other address is asked at once, even without retries."""
    assert Call(transport_retries=0).path([unreachable()]) == "2"
    assert Call(transport_retries=0).path([unreachable(), unreachable()]) == "2!"
    assert Call().path([unreachable()] * 9) == "2.2.2!"


@pytest.mark.parametrize("error", [refused(502), refused(503), refused(504), TimedOut("x"), ConnectionFailed("x")])
def test_not_able_to_answer(error: EndpointError) -> None:
    """What answers 502, 503 or 504, breaks, or is silent is asked once more; then the other address, at once."""
    call = Call()
    assert call.path([error] * TRIES) == ".12"
    assert call.path([error] * 9) == ".2!"


def test_two_kinds_of_unwell() -> None:
    """An address that answers 503 first and then cannot be reached is left at once."""
    assert Call().path([refused(503), unreachable()]) == ".12"


def test_what_another_address_would_not_change() -> None:
    """A failure that is none of the address's is sent there again."""
    for error in (refused(500), refused(529), limited()):
        assert Call().path([error] * 9) == ".1.1!"


def test_one_address() -> None:
    """Where there is one address, that one is asked again."""
    for error in (unreachable(), refused(503)):
        assert Call(1).path([error] * 9) == ".1.1!"


def test_each_address_is_left_once() -> None:
    """However many retries there are, nobody goes back to an address that was left."""
    for error in (unreachable(), refused(503)):
        path = Call(transport_retries=20).path([error] * 40).replace(".", "")
        assert path.endswith("2" * 19 + "!")
        assert "21" not in path


def test_from_the_second_to_the_first() -> None:
    """Where the second address is asked first, the first is the other one."""
    call = Call()
    call.route = call.routes[1]
    assert call.path([unreachable(), unreachable()]) == "1.1"


def test_the_other_address_is_left_alone() -> None:
    """An address that is known to be unwell is not gone to."""
    call = Call()
    for _ in range(FAILURES):
        call.routes[1].breaker.failed(NOW, NOW)
    assert call.path([unreachable()] * 9) == ".1.1!"


def test_the_other_address_may_be_back() -> None:
    """After its pause it is, by one."""
    calls = [Call(), Call()]
    calls[1].known, calls[1].routes = calls[0].known, calls[0].routes
    calls[1].route = calls[0].route
    for _ in range(FAILURES):
        calls[0].routes[1].breaker.failed(NOW - PAUSE, NOW - PAUSE)
    assert calls[0].path([unreachable()]) == "2"
    assert calls[1].path([unreachable()]) == ".1"


def test_the_breaker_learns() -> None:
    """Failures of the address count against it, a 429 a little; any other answer shows that somebody is there."""
    call = Call(1, transport_retries=100)
    breaker = call.route.breaker
    for number, error in enumerate((unreachable(), refused(502)), 1):
        call.fails(error)
        assert breaker.failures == number
    for other in (refused(500), refused(400, kind=BadRequest)):
        breaker.failures = 2
        call.fails(other)
        assert breaker.failures == 0
    breaker.failures = 2
    call.fails(limited())
    assert 2 < breaker.failures < FAILURES
    breaker.failures = 2
    for neither in (DeadlineExceeded("x"), BadReply("x")):
        call.fails(neither)
        assert breaker.failures == 2


# ------------------------------------------------------------------------------------------- the same again


KINDS: Mapping[str, Callable[[], EndpointError]] = {
    "unreachable": unreachable,
    "503": lambda: refused(503),
    "500": lambda: refused(500),
    "429": limited,
    "silent": lambda: TimedOut("x"),
}


@many
@given(st.integers(0, 8), st.sampled_from([1, 2]), st.data())
def test_never_more_than_the_retries(retries: int, addresses: int, data: st.DataObject) -> None:
    """Whatever fails, a request is sent as often as there are retries and other addresses, and once."""
    call = Call(addresses, transport_retries=retries)
    number = retries + addresses + 2
    names = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=number, max_size=number))
    path = call.path([KINDS[name]() for name in names])
    assert path.endswith("!")
    assert len(path.replace(".", "").rstrip("!")) <= retries + addresses - 1


def test_the_waits_double() -> None:
    """Waits of its own accord double, whatever lies between."""
    call = Call(1, transport_retries=4, backoff=1.0)
    waits = [then.wait for then in (call.fails(refused(500)) for _ in range(4)) if then is not None]
    assert len(waits) == 4
    for number, wait in enumerate(waits):
        assert min(LONGEST_BACKOFF, 2.0**number) / 2 <= wait <= min(LONGEST_BACKOFF, 2.0**number)


def test_many_retries() -> None:
    """As many retries as one likes are made."""
    assert Call(1, transport_retries=2_000, backoff=0).path([limited(0.0)] * 2_001) == "1" * 2_000 + "!"
    assert Call(1, transport_retries=2_000, backoff=0).path([limited()] * 2_001) == "1" * 2_000 + "!"


@pytest.mark.parametrize(
    "error", [refused(401, kind=AuthenticationFailed), refused(402, kind=QuotaExceeded), refused(400, kind=BadRequest)]
)
def test_what_would_fail_again(error: EndpointError) -> None:
    """What would end in the same way ends it, as it is."""
    hint = error.hint
    assert Call().path([error]) == "!"
    assert error.hint == hint


def test_the_wait_that_is_asked_for() -> None:
    """What the endpoint asks for is waited for, and little more."""
    then = Call(max_wait=10).fails(limited(10.0))
    assert then is not None
    assert 10.0 <= then.wait <= 11.0


def test_a_wait_that_is_too_long() -> None:
    """A longer wait than `max_wait` ends it, and the error says what was asked for and what to raise."""
    error = limited(10.5)
    assert Call(max_wait=10).fails(error) is None
    assert "10" in error.hint
    assert "max_wait=" in error.hint


def test_the_deadline_leaves_no_time() -> None:
    """A wait that would end after the deadline ends it at once, and the error says so before its own hint."""
    error = limited(10.0)
    assert Call(expires=NOW + 10.0).fails(error) is None
    assert error.hint.startswith("The deadline leaves no time to wait 1")
    assert error.hint.endswith("As it is.")
    assert Call(expires=NOW + 11.5).fails(limited(10.0)) is not None


def test_another_address_needs_no_time() -> None:
    """Another address is asked at once, whatever wait would be too long."""
    call = Call(max_wait=10)
    call.fails(refused(503))
    assert call.path([refused(503, 1e6)]) == "2"


def test_nothing_is_taken_that_is_not_used() -> None:
    """Who may not wait so long takes no retry from the allowance."""
    call = Call(1, max_wait=10)
    call.known.allowance = Allowance(most=1.0, share=0.0, rate=0.0)
    assert call.fails(refused(500, 1e6)) is None
    call.errand.expires = NOW + 1
    assert call.fails(refused(500, 5.0)) is None
    call.errand.expires = None
    assert call.fails(refused(500)) is not None


def test_too_many_have_failed() -> None:
    """Once so many have failed there, nothing is sent again, and the error says so before its own hint."""
    call = Call(1)
    call.known.allowance = Allowance(most=1.0, share=0.0, rate=0.0)
    assert call.fails(refused(500)) is not None
    error = refused(500)
    assert call.fails(error) is None
    assert error.hint.startswith("So many requests have failed there")
    assert error.hint.endswith("As it is.")


def test_refusals_for_want_of_capacity_are_not_counted() -> None:
    """429 takes nothing from the allowance: the governor sees to those."""
    call = Call(1, transport_retries=50)
    call.known.allowance = Allowance(most=1.0, share=0.0, rate=0.0)
    assert call.path(list(itertools.repeat(limited(), 50))) == ".1" * 50


def test_another_address_takes_nothing() -> None:
    """To go to another address takes nothing from the allowance either."""
    call = Call()
    call.known.allowance = Allowance(most=0.0, share=0.0, rate=0.0)
    assert call.path([unreachable()]) == "2"
