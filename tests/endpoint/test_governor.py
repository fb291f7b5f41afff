"""How many requests may be under way: who goes when, and what is learned; against simulated endpoints with limits."""

from __future__ import annotations

import math
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from extractor.endpoint.governor import MOST, Governor, Result, Turn
from extractor.endpoint.hints import Hints, Left
from extractor.endpoint.pace import Quota

sys.path.insert(0, str(Path(__file__).parent))

from simulated import SCENARIOS, Bucket, Concurrent, Endpoint, Latency, run

START = 16
ACCEPTED = Result(seconds=0.1)
REFUSED = Result(seconds=0.01, refused=True)


def entered(governor: Governor, number: int, now: float = 0.0) -> list[Turn]:
    """Let so many enter at once: the turns of those who have to wait."""
    turns = [governor.enter(now) for _ in range(number)]
    return [turn for turn in turns if turn is not None]


def is_free(governor: Governor) -> bool:
    """Whether another thread could take its lock now."""
    found: list[bool] = []

    def look() -> None:
        found.append(governor.lock.acquire(blocking=False))
        if found[0]:
            governor.lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


# --------------------------------------------------------------------------------------------- who goes when


def test_the_first_go_at_once_and_others_wait() -> None:
    """As many as the window holds go at once; the next go when others have left, in their order."""
    governor = Governor()
    waiting = entered(governor, START + 3)
    assert governor.in_flight == governor.window == START
    assert [turn.granted for turn in waiting] == [False] * 3
    assert governor.poll(0.0) is None
    governor.left(0.1, Result(seconds=0.1, failed=True))
    assert [turn.granted for turn in waiting] == [True, False, False]
    assert waiting[0].under_way == START


def test_calm_means_that_nobody_need_ask() -> None:
    """It is calm while nobody waits, nothing paces and nothing is told."""
    governor = Governor()
    seen = [governor.calm]
    waiting = entered(governor, START + 1)
    seen.append(governor.calm)
    governor.leave_queue(waiting[0], 0.0)
    seen.append(governor.calm)
    governor.left(0.1, Result(seconds=0.1, refused=True, retry_after=2.0))
    seen.append(governor.calm)
    assert seen == [True, False, True, False]
    assert not Governor(rpm=60).calm


def test_who_is_granted_is_woken_outside_of_the_lock() -> None:
    """`wake` is called once a turn is granted, and may call the governor itself."""
    governor = Governor(concurrency=1)
    assert governor.enter(0.0) is None
    turn = governor.enter(0.0)
    assert turn is not None
    woken: list[bool] = []
    turn.wake = lambda: woken.append(turn.granted and is_free(governor))
    governor.left(0.1, ACCEPTED)
    assert woken == [True]


def test_the_collector_may_end_a_request_in_the_middle() -> None:
    """A request may end in the thread that holds the lock: the collector ends abandoned streams at any moment."""
    governor = Governor(concurrency=1)
    assert governor.enter(0.0) is None
    with governor.lock:
        assert not is_free(governor)
        assert governor.lock.acquire(blocking=False)
        governor.lock.release()
        governor.left(0.1, ACCEPTED)
    assert governor.in_flight == 0
    assert is_free(governor)


def test_a_result_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with what is told of a request, its place goes to the next one."""
    governor = Governor(concurrency=1)
    assert governor.enter(0.0) is None
    turn = governor.enter(0.0)
    assert turn is not None

    def overflows(now: float, result: Result) -> None:
        raise OverflowError

    monkeypatch.setattr(governor, "_learn", overflows)
    with pytest.raises(OverflowError):
        governor.left(0.1, ACCEPTED)
    assert turn.granted
    assert governor.in_flight == 1


def test_what_a_request_usually_costs() -> None:
    """It knows what a request costs on average, once some have said so."""
    governor = Governor(tpm=1e6)
    assert governor.usual_tokens == 0
    for tokens in (400, 500):
        assert governor.enter(0.0, tokens=100) is None
        governor.left(0.1, Result(seconds=0.1, tokens=tokens, estimated=100))
    assert 400 < governor.usual_tokens < 500


def test_one_usage_too_large_is_no_debt_for_ever() -> None:
    """No request leaves more than a minute's worth to be waited for, whatever its reply says it took."""
    quota = Quota(60.0)
    quota.correct(0.0, 0.0, 1e12)
    assert 59.0 <= quota.due(0.0, 1.0) <= 61.0


def test_a_turn_given_up_gives_its_place_back() -> None:
    """Who gives up leaves the queue, or gives the place back, once."""
    governor = Governor(concurrency=1)
    assert governor.enter(0.0) is None
    first, second = entered(governor, 2)
    governor.left(0.1, ACCEPTED)
    assert first.granted
    for _ in range(2):
        governor.leave_queue(first, 0.2)
    assert second.granted
    assert governor.in_flight == 1
    third = governor.enter(0.2)
    assert third is not None
    governor.leave_queue(third, 0.3)
    governor.left(0.4, ACCEPTED)
    assert not third.granted
    assert governor.in_flight == 0


def test_a_batch_does_not_starve_a_single_call() -> None:
    """A call with a share of its own waits for one place, not for ten thousand."""
    governor = Governor(concurrency=1)
    for _ in range(1_000):
        governor.enter(0.0, share="batch")
    single = governor.enter(0.0, share="single")
    assert single is not None
    governor.left(0.1, ACCEPTED)
    assert not single.granted
    governor.left(0.2, ACCEPTED)
    assert single.granted


def test_a_fixed_concurrency_is_kept() -> None:
    """The window never passes what the caller allows, nor the ceiling of all."""
    governor = Governor(concurrency=3)
    entered(governor, 10)
    assert governor.in_flight == 3
    for step in range(100):
        governor.left(0.1 * step, ACCEPTED)
        entered(governor, 1, 0.1 * step)
        assert governor.in_flight == governor.window == 3
    assert Governor(concurrency=10**9)._window._most == MOST


# ------------------------------------------------------------------------------------------- what is learned


def full(governor: Governor, now: float) -> None:
    """Let enter until ten wait."""
    while len(governor._turns) < 10:
        governor.enter(now)


def test_the_window_grows_while_it_is_full() -> None:
    """Each accepted request adds one while others wait, and nothing where there is room."""
    governor = Governor()
    full(governor, 0.0)
    for _ in range(START):
        governor.left(0.1, Result(seconds=0.1, under_way=START))
        full(governor, 0.1)
    assert governor.window == 2 * START
    idle = Governor()
    for _ in range(50):
        assert idle.enter(0.0) is None
        idle.left(0.1, ACCEPTED)
    assert idle.window == START


def test_what_is_in_flight_together_cuts_once() -> None:
    """Of a burst of which half is refused, the window is what was borne, not less."""
    governor = Governor()
    assert entered(governor, START) == []
    for number in range(START, 8, -1):
        governor.left(0.05, Result(seconds=0.05, refused=True, under_way=number))
    assert governor.window == 8
    assert governor.in_flight == 8


def test_retry_after_pauses_and_then_begins_slowly() -> None:
    """Nothing new is sent before the time that was asked for, and no burst after it."""
    governor = Governor()
    entered(governor, START)
    governor.left(1.0, Result(seconds=0.1, refused=True, retry_after=5.0, under_way=START))
    for _ in range(START - 1):
        governor.left(1.5, Result(seconds=1.5, under_way=1))
    assert governor.in_flight == 0
    waiting = entered(governor, 10, 2.0)
    assert len(waiting) == 10
    assert governor.poll(2.0) == pytest.approx(4.0)
    assert waiting[0].not_before == pytest.approx(6.0)
    assert [turn.not_before for turn in waiting[1:]] == [math.inf] * 9
    governor.poll(6.0)
    assert sum(turn.granted for turn in waiting) == 1
    assert governor.poll(6.0) is not None


def test_a_pause_is_bounded() -> None:
    """An endpoint that asks for a day is asked again after a minute."""
    governor = Governor()
    assert governor.enter(0.0) is None
    governor.left(0.0, Result(seconds=0.0, refused=True, retry_after=86_400.0))
    governor.enter(0.0)
    assert governor.poll(0.0) == pytest.approx(60.0)


def test_nothing_left_pauses_until_the_reset() -> None:
    """A quota that is used up is waited for, though nothing was refused."""
    governor = Governor()
    assert governor.enter(0.0) is None
    governor.left(1.0, Result(seconds=1.0, hints=Hints(requests=Left(remaining=0, limit=60, reset=7.0))))
    assert governor.enter(1.0) is not None
    assert governor.poll(1.0) == pytest.approx(7.0)


def test_little_left_is_spread_over_the_time_until_the_reset() -> None:
    """What is left of a quota is sent evenly until it is full again."""
    governor = Governor()
    assert governor.enter(0.0) is None
    governor.left(1.0, Result(seconds=1.0, hints=Hints(requests=Left(remaining=4, limit=60, reset=8.0))))
    assert governor.enter(1.0) is None
    assert governor.enter(1.0) is not None
    assert governor.poll(1.0) == pytest.approx(2.0)


def test_an_error_teaches_nothing() -> None:
    """A failure that is no refusal neither cuts nor widens the window."""
    governor = Governor()
    full(governor, 0.0)
    for _ in range(100):
        governor.left(0.1, Result(seconds=0.1, failed=True))
        full(governor, 0.1)
    assert governor.window == START


# ---------------------------------------------------------------------------------------------- what is told


def most_in_a_minute(times: list[tuple[float, float]]) -> float:
    """The most that was spent in any 60 seconds."""
    return max(sum(cost for other, cost in times if now <= other < now + 60) for now, _ in times)


@pytest.mark.parametrize("limit", [1, 3, 60, 500])
def test_requests_a_minute_are_kept_in_every_minute(limit: int) -> None:
    """Never more requests than told in any 60 seconds, and nearly as many."""
    governor = Governor(rpm=limit)
    now, times = 0.0, list[tuple[float, float]]()
    while now < 300:
        if len(governor._turns) == 0 and governor.enter(now) is None:
            times.append((now, 1.0))
            governor.left(now, Result(seconds=0.0))
            continue
        now += governor.poll(now) or 0.0
        if governor.in_flight:
            times.append((now, 1.0))
            governor.left(now, Result(seconds=0.0))
    assert most_in_a_minute(times) <= limit
    assert len(times) >= 0.95 * limit * 5


@pytest.mark.parametrize("cost", [7.0, 900.0, 2_500.0])
def test_tokens_a_minute_are_kept_whatever_a_request_costs(cost: float) -> None:
    """Never more tokens than told in any 60 seconds, also where one request takes much of them."""
    quota, now, times = Quota(6_000), 0.0, list[tuple[float, float]]()
    while now < 300:
        due = quota.due(now, cost)
        if due <= now:
            quota.spend(now, cost)
            times.append((now, cost))
        now = max(due, now)
    assert most_in_a_minute(times) <= 6_000
    assert sum(each for _, each in times) >= 0.8 * 6_000 * 5


def test_tokens_are_corrected_by_what_a_request_has_cost() -> None:
    """What was taken for too much is given back; what cost more is owed."""
    governor = Governor(tpm=6_000)  # 100 a second
    assert governor.enter(0.0, tokens=100) is None
    governor.left(0.0, Result(seconds=0.0, tokens=20, estimated=100))
    assert governor.enter(0.0, tokens=80) is None
    governor.left(0.0, Result(seconds=0.0, tokens=280, estimated=80))
    assert governor.enter(0.0, tokens=100) is not None
    assert governor.poll(0.0) == pytest.approx(3.0)


def test_a_request_larger_than_a_minute_goes_alone() -> None:
    """What costs more than a whole minute's tokens goes when nothing else has gone for a minute."""
    quota = Quota(600)
    assert quota.due(0.0, 5_000) == 0.0
    quota.spend(0.0, 5_000)
    assert quota.due(59.0, 1) > 59.0


# ----------------------------------------------------------------------------------------------------- laws


class Asking(RuleBasedStateMachine):
    """Any order of entering, leaving, giving up and waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.governor = Governor()
        self.now = 0.0
        self.sending: list[int] = []
        self.waiting: list[Turn] = []
        self.woken: set[int] = set()

    def _settle(self) -> None:
        for turn in [turn for turn in self.waiting if turn.granted]:
            assert id(turn) in self.woken
            self.waiting.remove(turn)
            self.sending.append(turn.under_way)

    @rule(share=st.integers(0, 2), started=st.booleans(), number=st.integers(1, 25))
    def enter(self, share: int, started: bool, number: int) -> None:
        for _ in range(number):
            turn = self.governor.enter(self.now, share=share, started=started)
            if turn is None:
                self.sending.append(self.governor.in_flight)
            else:
                turn.wake = self._waker(turn)
                self.waiting.append(turn)
        self._settle()

    def _waker(self, turn: Turn) -> Callable[[], None]:
        return lambda: self.woken.add(id(turn))

    @rule(
        how=st.sampled_from(["accepted", "refused", "overloaded", "failed"]), number=st.integers(1, 20), data=st.data()
    )
    def leave(self, how: str, number: int, data: st.DataObject) -> None:
        retry_after = data.draw(st.sampled_from([None, None, None, 0.5, 100.0]))
        for _ in range(min(number, len(self.sending))):
            under_way = self.sending.pop(0)
            result = Result(
                seconds=0.3,
                refused=how == "refused",
                overloaded=how == "overloaded",
                failed=how == "failed",
                retry_after=None if how == "accepted" else retry_after,
                under_way=under_way,
            )
            self.governor.left(self.now, result)
            self._settle()

    @rule(seconds=st.floats(0.001, 3.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.governor.poll(self.now)
        self._settle()

    @rule(number=st.integers(0, 30))
    def give_up(self, number: int) -> None:
        if self.waiting:
            turn = self.waiting.pop(number % len(self.waiting))
            self.governor.leave_queue(turn, self.now)
            self._settle()

    @invariant()
    def all_is_counted(self) -> None:
        assert self.governor.in_flight == len(self.sending)
        assert len(self.governor._turns) == len(self.waiting)
        assert 1 <= self.governor.window <= MOST
        assert not self.governor.calm or not self.waiting

    @invariant()
    def somebody_will_look(self) -> None:
        if self.waiting and self.governor.in_flight == 0:
            assert any(turn.not_before < math.inf for turn in self.waiting)

    def teardown(self) -> None:
        """Whoever waits is served in the end, if time passes and answers come."""
        for _ in range(3_000):
            if not self.waiting and not self.sending:
                break
            while self.sending:
                self.governor.left(self.now, Result(seconds=0.1, under_way=self.sending.pop()))
                self._settle()
            looks = [turn.not_before for turn in self.waiting if turn.not_before < math.inf]
            if self.waiting:
                self.now = max(self.now, min(looks))
                self.governor.poll(self.now)
                self._settle()
        assert not self.waiting
        assert self.governor.in_flight == len(self.sending) == 0


Asking.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestAsking = Asking.TestCase


def test_threads_that_hammer_it_end_with_nothing_under_way() -> None:
    """Many threads enter, wait and leave: no wake-up is lost, none is over the window, and in the end all have gone."""
    governor = Governor(concurrency=4)
    most, failures = [0], list[str]()

    def work(share: int) -> None:
        for number in range(100):
            turn = governor.enter(0.0, share=share)
            if turn is not None:
                event = threading.Event()
                turn.wake = event.set
                if not turn.granted and not event.wait(20):
                    failures.append("a wake-up was lost")
                    return
            most[0] = max(most[0], governor.in_flight)
            governor.left(0.0, Result(seconds=0.001, failed=number % 3 == 0))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert most[0] <= 4
    assert governor.in_flight == len(governor._turns) == 0


# --------------------------------------------------------------------------------------- against hidden limits

SETTLED: dict[str, tuple[float, float]] = {
    # the part of the limit that is reached, and the percentage refused, once settled, of the worst of three seeds
    "8 at a time, 50 ms": (0.9, 2.0),
    "64 at a time, 1 s": (0.9, 1.0),
    "64 at a time, 1 s, 503": (0.9, 1.0),
    "64 at a time, 1 s, Retry-After 1": (0.9, 1.0),
    "64 at a time, 1 s, 3 % fail (503)": (0.9, 5.0),  # of which three are the endpoint's
    "300 at a time, 2 s": (0.9, 1.0),
    "10/s, burst 1, 50 ms": (0.85, 2.0),
    "100/s, burst 100, 1 s": (0.9, 2.0),
    "100/s, burst 100, Retry-After 1": (0.9, 2.0),
    "queue, 16 workers, 0.2 s": (0.9, 0.0),
    "queue, 64 workers, 1 s": (0.9, 0.0),
    "no limit, 0.3 s, 200 clients": (0.9, 0.0),
    "600 a minute, told (IETF)": (0.9, 2.5),
}


@pytest.mark.parametrize("name", SETTLED)
def test_a_hidden_limit_is_found_and_kept(name: str) -> None:
    """Once settled, nearly all that the endpoint can give is used, and hardly anything is refused."""
    scenario = SCENARIOS[name]
    reached, refused = SETTLED[name]
    for seed in (1, 2, 3):
        outcome = scenario.play(Governor(), seed)
        assert outcome.throughput(scenario.settled, scenario.seconds) >= reached * scenario.best
        assert 100 * outcome.refused_share(scenario.settled, scenario.seconds) <= refused
        assert outcome.time_to(0.8 * scenario.best) <= 10.0


@pytest.mark.parametrize("name", [name for name in SCENARIOS if "→" in name])
def test_a_limit_that_changes_is_followed(name: str) -> None:
    """Ten seconds after a limit has halved or doubled, the new one is used."""
    scenario = SCENARIOS[name]
    assert scenario.after is not None
    for seed in (1, 2, 3):
        outcome = scenario.play(Governor(), seed)
        since = scenario.change + 10
        assert outcome.throughput(since, scenario.seconds) >= 0.9 * scenario.after
        assert outcome.refused_share(since, scenario.seconds) <= 0.05


@pytest.mark.parametrize("kind", ["at a time", "a second"])
def test_an_outage_is_recovered_from(kind: str) -> None:
    """While all is refused hardly anything is sent, and ten seconds after that nearly as much as before."""
    latency, rng = Latency(mean=0.5), random.Random(1)
    endpoint: Endpoint = (
        Concurrent(limit=lambda now: 0 if 20 <= now < 30 else 50, latency=latency, rng=rng)
        if kind == "at a time"
        else Bucket(rate=lambda now: 0 if 20 <= now < 30 else 100, burst=10, latency=latency, rng=rng)
    )
    outcome = run(endpoint, Governor(), seconds=60)
    assert sum(22 <= each < 30 for each in outcome.refused) < 40
    assert outcome.throughput(42, 60) >= 80


def test_a_server_that_queues_is_not_flooded() -> None:
    """Where more under way brings nothing, the window stops growing."""
    scenario = SCENARIOS["queue, 16 workers, 0.2 s"]
    outcome = scenario.play(Governor())
    assert max(window for now, window, _ in outcome.windows if now > scenario.settled) <= 8 * 16


def test_what_is_told_is_never_refused() -> None:
    """An endpoint whose rate the caller has told refuses nothing."""
    outcome = SCENARIOS["10/s, burst 10, 50 ms"].play(Governor(rpm=590))
    assert outcome.refused == []
    assert outcome.throughput(10, 60) >= 9
