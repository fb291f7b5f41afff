"""The addresses of one endpoint: which is asked, and what is known of them."""

from __future__ import annotations

import gc
import math
import pickle
import threading
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extractor.endpoint import routes as room
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import (
    FAILURES,
    LONGEST_PAUSE,
    PAUSE,
    RECENT,
    REFUSALS,
    Breaker,
    RateLimits,
    Route,
    routes_of,
    standing,
    well_first,
)
from extractor.errors import ConfigurationError, OptionError

KEY = "sk-planted-0123456789"


def _address(name: str = "one", **more: Any) -> Address:
    return Address(base_url=f"http://{name}.example/v1", model="m", dialect="unknown", **more)


def _opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(now, now)
    return breaker


# ------------------------------------------------------------------------------------------- the breaker


def test_closed() -> None:
    """An address is asked until it has failed often enough in a row."""
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        assert breaker.admits(0.0)
        breaker.failed(0.0, 0.0)
    assert breaker.admits(0.0)
    breaker.failed(0.0, 0.0)
    assert not breaker.admits(0.0)


def test_what_succeeds_between_starts_the_count_again() -> None:
    """Only failures in a row open it."""
    breaker = Breaker()
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.failed(0.0, 0.0)
        breaker.succeeded()
    assert breaker.admits(0.0)


def test_open_then_half_open() -> None:
    """It is left alone for the whole pause; then one request, and no other, finds out."""
    breaker = _opened()
    assert not breaker.admits(PAUSE - 0.001)
    assert [breaker.admits(PAUSE) for _ in range(5)] == [True, False, False, False, False]


def test_it_is_back() -> None:
    """Once it has answered everybody asks it, and it has to fail as often as ever."""
    breaker = _opened()
    assert breaker.admits(PAUSE)
    breaker.succeeded()
    assert all(breaker.admits(PAUSE) for _ in range(5))
    for _ in range(FAILURES - 1):
        breaker.failed(PAUSE, PAUSE)
    assert breaker.admits(PAUSE)


def test_the_pause_doubles_up_to_its_limit() -> None:
    """Each time that it has not come back it is left alone for twice as long, up to a limit; then the first again."""
    breaker, now, pauses = _opened(), 0.0, []
    pause = PAUSE
    for _ in range(8):
        assert not breaker.admits(now + pause - 0.001)
        now += pause
        assert breaker.admits(now)
        breaker.failed(now, now)
        pause = min(LONGEST_PAUSE, 2 * pause)
        pauses.append(pause)
    assert pauses[-1] == pauses[-2] == LONGEST_PAUSE
    assert breaker.admits(now + pause)
    breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed(now, now)
    assert breaker.admits(now + PAUSE)


def test_what_was_under_way_when_it_opened() -> None:
    """However many requests that were under way fail after it has opened, it is left alone no longer."""
    breaker = _opened()
    for number in range(100):
        breaker.failed(PAUSE * number / 100, 0.0)
    assert breaker.admits(PAUSE)
    assert not breaker.admits(PAUSE)


def test_one_that_finds_out_and_never_comes_back() -> None:
    """Should who finds out never come back, the next one may after another pause."""
    breaker = _opened()
    assert breaker.admits(PAUSE)
    assert not breaker.admits(2 * PAUSE - 0.001)
    assert breaker.admits(2 * PAUSE)
    breaker.succeeded()
    assert breaker.admits(2 * PAUSE)


def test_many_threads_find_out() -> None:
    """Of many threads that ask at once, one is told to find out."""
    for _ in range(20):
        breaker, told = _opened(), list[bool]()
        together = threading.Barrier(8)

        def ask(breaker: Breaker = breaker, told: list[bool] = told, together: threading.Barrier = together) -> None:
            together.wait()
            told.append(breaker.admits(PAUSE))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(told) == 1


class Asking(RuleBasedStateMachine):
    """Requests that begin, succeed, fail or vanish, at an address of which nothing else is known."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 0.0
        self.under_way = 0
        self.probes: list[float] = []  # when one was told to find out, since it opened
        self.in_a_row = 0
        self.opened_at = -math.inf

    @rule(seconds=st.sampled_from([0.0, 0.5, 5.0, PAUSE, 2 * PAUSE, LONGEST_PAUSE]))
    def time_passes(self, seconds: float) -> None:
        """Some time."""
        self.now += seconds

    @rule()
    def asks(self) -> None:
        """Somebody wants to ask it."""
        admitted = self.breaker.admits(self.now)
        if self.in_a_row < FAILURES:
            assert admitted, "closed, and not asked"
        elif admitted:
            latest = max([self.opened_at, *self.probes])
            assert self.now >= latest + PAUSE, "open, and asked too soon"
            self.probes.append(self.now)
        self.under_way += admitted

    @rule()
    def is_asked_all_the_same(self) -> None:
        """Nobody else is there to answer."""
        self.under_way += 1

    @precondition(lambda self: self.under_way)
    @rule()
    def succeeds(self) -> None:
        """A request is answered."""
        self.under_way -= 1
        self.breaker.succeeded()
        self.in_a_row, self.probes = 0, []
        assert self.breaker.admits(self.now)

    @precondition(lambda self: self.under_way)
    @rule()
    def fails(self) -> None:
        """A request fails."""
        self.under_way -= 1
        self.breaker.failed(self.now, self.now)
        self.in_a_row += 1
        if self.in_a_row == FAILURES:
            self.opened_at = self.now

    @precondition(lambda self: self.under_way)
    @rule()
    def vanishes(self) -> None:
        """Nobody waits for a request any longer."""
        self.under_way -= 1

    @invariant()
    def comes_back(self) -> None:
        """Whatever has happened, it is asked again after the longest pause: shown on a copy."""
        copy = Breaker()
        for name, value in vars(self.breaker).items():
            if name != "_lock":
                setattr(copy, name, value)
        assert copy.admits(self.now + LONGEST_PAUSE)


TestAsking = Asking.TestCase
TestAsking.settings = settings(max_examples=100, stateful_step_count=40)


# ------------------------------------------------------------------------------------------- the order


def _routes(*breakers: Breaker) -> tuple[Route, ...]:
    address = _address(fallback_url="http://two.example/v1")
    urls = [route.url for route in routes_of(address, standing(address, RateLimits()))]
    return tuple(Route(url=url, breaker=breaker) for url, breaker in zip(urls, breakers, strict=True))


def test_the_first_that_is_well_comes_first() -> None:
    """The addresses are asked in their order; those before the first that is well come last."""
    well, unwell = Breaker(), _opened()
    first, second = _routes(well, Breaker())
    assert well_first((first, second), 1.0) == (first, second)
    first, second = _routes(unwell, well)
    assert well_first((first, second), 1.0) == (second, first)
    first, second = _routes(well, unwell)
    assert well_first((first, second), 1.0) == (first, second)


def test_none_is_well() -> None:
    """Where none is well they are asked in their order."""
    first, second = _routes(_opened(), _opened())
    assert well_first((first, second), 1.0) == (first, second)


def test_refusals_in_a_row() -> None:
    """An address that refuses many in a row, and answers nothing else, is left alone; fewer change nothing."""
    breaker = Breaker()
    for _ in range(REFUSALS - 1):
        breaker.refused(0.0)
        assert breaker.admits(0.0)
    breaker.refused(0.0)
    assert not breaker.admits(0.0)
    assert breaker.admits(PAUSE)
    breaker.refused(PAUSE)
    assert not breaker.admits(PAUSE)
    breaker.succeeded()
    assert breaker.admits(PAUSE)


def test_one_finds_out() -> None:
    """After the pause one request goes to the first address again, the others still to the second."""
    routes = _routes(_opened(), Breaker())
    assert [well_first(routes, PAUSE)[0] is routes[0] for _ in range(3)] == [True, False, False]


def test_a_second_address_is_not_found_out_for_nothing() -> None:
    """Where the first is well, the one chance to find out about the second is not taken."""
    routes = _routes(Breaker(), _opened())
    well_first(routes, PAUSE)
    assert routes[1].breaker.admits(PAUSE)


def test_addresses() -> None:
    """Requests go to `/chat/completions` below the first address, then below the second."""
    address = _address(fallback_url="http://two.example/v2")
    urls = [str(each.url) for each in routes_of(address, standing(address, RateLimits()))]
    assert urls == ["http://one.example/v1/chat/completions", "http://two.example/v2/chat/completions"]


def test_one_address_twice() -> None:
    """A second address that is the first one is none."""
    address = _address(fallback_url="http://one.example/v1")
    assert len(routes_of(address, standing(address, RateLimits()))) == 1


# ---------------------------------------------------------------------------------------- what is known


def test_what_is_known_is_shared() -> None:
    """All who ask the same endpoint with the same key, and were told the same, share what is known, breakers too."""
    address = _address(api_key=KEY, fallback_url="http://two.example/v1")
    known = standing(address, RateLimits(rpm=60))
    assert standing(_address(api_key=KEY), RateLimits(rpm=60)) is known
    ours, theirs = routes_of(address, known), routes_of(address, standing(address, RateLimits(rpm=60)))
    assert [each.breaker for each in ours] == [each.breaker for each in theirs]


@pytest.mark.parametrize(
    ("address", "limits"),
    [
        (_address("another", api_key=KEY), RateLimits()),
        (_address(api_key="another"), RateLimits()),
        (_address(), RateLimits()),
        (_address(api_key=KEY), RateLimits(rpm=1)),
        (_address(api_key=KEY), RateLimits(tpm=1)),
        (_address(api_key=KEY), RateLimits(concurrency=1)),
    ],
    ids=["another endpoint", "another key", "no key", "rpm", "tpm", "concurrency"],
)
def test_what_is_known_is_not_shared(address: Address, limits: RateLimits) -> None:
    """Another endpoint, another key, or other limits stand for themselves."""
    known = standing(_address(api_key=KEY), RateLimits())
    assert standing(address, limits) is not known


def test_what_is_known_is_forgotten() -> None:
    """When nobody holds it any longer, and it is none of the latest, it is forgotten."""
    address = _address("forgotten")
    known = standing(address, RateLimits())
    before = len(room._known)
    known.requests = 7
    del known
    room._recent.clear()
    gc.collect()
    assert len(room._known) < before
    assert standing(address, RateLimits()).requests == 0


def test_what_was_learned_last_is_remembered() -> None:
    """Of the endpoints asked last all is remembered when nobody holds it any longer; of those before, nothing."""
    room._recent.clear()
    for number in range(RECENT + 1):
        standing(_address(f"many-{number}"), RateLimits()).requests = 7
    gc.collect()
    kept = [standing(_address(f"many-{number}"), RateLimits()).requests for number in range(RECENT, 0, -1)]
    assert kept == [7] * RECENT
    assert standing(_address("many-0"), RateLimits()).requests == 0
    assert len(room._recent) == RECENT


@pytest.mark.parametrize("limits", [60, {"rpm": 60}, None, "60"], ids=str)
def test_what_are_no_limits(limits: Any) -> None:
    """Limits that are no `RateLimits` are the caller's error."""
    with pytest.raises(ConfigurationError, match="RateLimits"):
        standing(_address(), limits)


def test_the_key_is_not_kept() -> None:
    """Nothing that is known of an endpoint has the key in it."""
    address = _address(api_key=KEY)
    known = standing(address, RateLimits())
    assert known is not None
    kept = pickle.dumps([(url, digest) for url, digest, _ in room._known])
    assert KEY.encode() not in kept
    assert KEY not in repr([*room._known])
    assert KEY not in repr(vars(known))
    assert KEY not in repr(routes_of(address, known))


def test_threads_share_what_is_known() -> None:
    """Threads that ask for it at the same time get the same."""
    found: list[Any] = []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        found.append(standing(_address("threads"), RateLimits()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1


# ------------------------------------------------------------------------------------------- the limits


@pytest.mark.parametrize("name", ["rpm", "tpm", "concurrency"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, True, "60", [], 0.0], ids=repr)
def test_limits_that_are_none(name: str, value: Any) -> None:
    """A limit is a number of more than 0."""
    with pytest.raises(OptionError, match=name) as caught:
        RateLimits(**{name: value})
    assert caught.value.option == "limits"


def test_a_whole_number_under_way() -> None:
    """How many may be under way is a whole number; the others need not be."""
    assert RateLimits(rpm=0.5, tpm=0.5, concurrency=1).rpm == 0.5
    with pytest.raises(OptionError, match="concurrency"):
        RateLimits(concurrency=1.5)  # type: ignore[arg-type]


def test_limits_that_nobody_knows() -> None:
    """No limit need be told."""
    assert RateLimits() == RateLimits(rpm=None, tpm=None, concurrency=None)


def test_who_was_told_that_it_may_be_asked() -> None:
    """Who finds out whether an address is back was admitted; who asks at another moment was not."""
    breaker = _opened()
    assert not breaker.admitted(PAUSE)
    assert breaker.admits(PAUSE)
    assert breaker.admitted(PAUSE)
    assert not breaker.admitted(PAUSE + 1)
    breaker.succeeded()
    assert breaker.admitted(PAUSE + 1)
