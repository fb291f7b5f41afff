"""How many requests may be under way to one endpoint with one key: found by asking. No I/O, no clock of its own.

Nobody says beforehand what an endpoint bears. It may refuse more than so many requests at a time, or more than so many
a second, or refuse nothing and grow slow. So there are two limits here, each found by going up until something is
refused and then staying just below, with a look above now and then:

* the window (`Window`): how many requests are under way at a time. It is there from the beginning.
* the pace (`Pace`): how many are sent in a second. It is there only while the window alone does not explain what is
  refused: the window explains a refusal if more were under way than in any request that was lately accepted.

Both are congestion control as TCP knows it: a fast start, one cut for what was in flight together, and nothing learned
by a sender who does not use what he has (RFC 5681, RFC 7661); near a known ceiling slowly and far from it fast
(CUBIC, RFC 9438); and no growth where it brings nothing (TCP Vegas, Netflix's concurrency-limits: the gradient; here
of the throughput, since the time of an answer says more about its length than about the endpoint).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extractor.endpoint.pace import Advice, Pace, Quota, Sends
from extractor.endpoint.turns import Turn, Turns
from extractor.endpoint.window import Spread, Window

if TYPE_CHECKING:
    from extractor.endpoint.hints import Hints

__all__ = ["MOST", "Governor", "Result", "Turn"]

MOST = 1_024  # under way at a time, whatever happens
LONGEST_PAUSE = 60.0  # seconds: an endpoint that asks for a longer one is asked again after that


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a request ended. None of the first three: it was accepted.

    `refused`: by a 429. `overloaded`: 503, 529, or not in time. `failed`: otherwise, which teaches nothing.
    `seconds` it took; `tokens` it cost in all (0: not known), where `estimated` was said on entering; `retry_after`
    in seconds. `under_way`: how many were under way when it went, itself included: `Governor.in_flight` right after
    entering, or `Turn.under_way` (0: not known).
    """

    seconds: float
    refused: bool = False
    overloaded: bool = False
    failed: bool = False
    tokens: int = 0
    estimated: int = 0
    retry_after: float | None = None
    hints: Hints | None = None
    under_way: int = 0


class Governor:
    """Who may send when, for all threads and event loops of a process.

    `rpm` and `tpm` are the requests and tokens a minute that the caller was told of: never more than that is sent in
    any minute. `concurrency` bounds how many are under way.

    What a caller may do without calling, with `lock` held, while `calm` is True:

    * `in_flight < window`: add one to `in_flight`, and send. The new `in_flight` is the `under_way` of its result.
    * after a success that brought no `hints`, or none that are `scarce`, with `in_flight * 2 <= window`: take one off.
      A sender who uses less than half of what he may learns nothing by it (RFC 7661, section 4.1).

    Everything else goes through `enter` and `left`. `now` is monotonic time in seconds, the same clock for all.
    """

    def __init__(self, *, rpm: float | None = None, tpm: float | None = None, concurrency: int | None = None) -> None:
        # The collector may end an abandoned stream, and with it a request, at any allocation: in here, too.
        self.lock = threading.RLock()
        self.in_flight = 0
        self._window = Window(MOST if concurrency is None else max(1, min(MOST, concurrency)))
        self._pace: Pace | None = None
        self._advice: Advice | None = None
        self._requests = Quota(rpm) if rpm else None
        self._tokens = Quota(tpm) if tpm else None
        self._turns = Turns()
        self._watch: Turn | None = None  # of those waiting the one who asks when time has passed
        self._pause = -math.inf  # nothing is sent before
        self._sends = Sends()
        self._under_way = Spread()
        self._blame = 0.0
        self._gap = -math.inf
        self._seconds = 0.0  # that an accepted request takes, on average
        self._cost = 0.0  # its tokens, on average
        self._overloads = 0.0  # the part of the last requests that ended so
        self._moments: dict[str, float] = {}  # when each quota was said to be full again, when that was said first
        self.window = self._window.size
        self.calm = rpm is None and tpm is None

    def waiting(self, share: Hashable = None) -> int:
        """How many of a share wait for their turn."""
        with self.lock:
            return self._turns.of(share)

    @property
    def usual_tokens(self) -> int:
        """What a request costs, on average; 0 where nobody knows."""
        return int(self._cost)

    def enter(self, now: float, *, tokens: int = 0, share: Hashable = None, started: bool = False) -> Turn | None:
        """None: go ahead, it is counted in `in_flight`. Else the turn to wait for.

        `tokens` is what it will cost in all, as far as one knows; `share` who it is for; `started`, whether a
        document is being worked on already.
        """
        with self.lock:
            if not len(self._turns) and self.in_flight < self._window.size and self._due(now, tokens) <= now:
                self._send(now, tokens)
                return None
            turn = Turn(tokens=tokens, share=share, started=started)
            self._turns.add(turn)
            woken = self._grant(now)
            if turn.granted:
                woken.remove(turn)
        _wake(woken)
        return None if turn.granted else turn

    def poll(self, now: float) -> float | None:
        """Let go who may by now. The seconds until it is worth asking again; None: not before somebody has left."""
        with self.lock:
            woken = self._grant(now)
            watch = self._watch
            wait = None if watch is None or watch.not_before == math.inf else max(0.0, watch.not_before - now)
        _wake(woken)
        return wait

    def leave_queue(self, turn: Turn, now: float) -> None:
        """Give up waiting. If the turn has been granted meanwhile, its place is given back. May be said twice."""
        with self.lock:
            if turn.waiting:
                self._turns.remove(turn)
            elif turn.granted and turn.under_way:
                turn.under_way = 0
                self.in_flight -= 1
            woken = self._grant(now)
        _wake(woken)

    def left(self, now: float, result: Result) -> None:
        """A request is over."""
        with self.lock:
            self.in_flight -= 1
            try:
                self._learn(now, result)
            finally:  # whatever is wrong with a result, the others wait for the place
                self.window = self._window.size
                woken = self._grant(now)
        _wake(woken)

    # ------------------------------------------------------------------------------- who goes, with the lock held

    def _due(self, now: float, tokens: int) -> float:
        """When a request of so many tokens may go, for all that time can tell."""
        if self.calm:
            return now
        due = max(now, self._pause, self._gap)
        if self._pace is not None:
            due = max(due, self._pace.due)
        if self._advice is not None:
            if now >= self._advice.until:
                self._advice = None
            else:
                due = max(due, self._advice.due)
        if self._requests is not None:
            due = max(due, self._requests.due(now, 1))
        if self._tokens is not None:
            due = max(due, self._tokens.due(now, tokens))
        return due

    def _send(self, now: float, tokens: int) -> None:
        self.in_flight += 1
        self._sends.add(now)
        self._window.sent += 1
        self._gap = max(self._gap, now - _LATE) + self._window.gap(self._seconds)
        if self.calm:
            return
        if self._pace is not None:
            self._pace.sent(now)
            # Faster than anything that is really sent: the window alone is what holds.
            slack = _SLACK if self._pace.learned else 2.0
            if self._pace.rate > slack * max(1.0, self._sends.rate(now)):
                self._pace = None
        if self._advice is not None:
            self._advice.sent(now)
        if self._requests is not None:
            self._requests.spend(now, 1)
        if self._tokens is not None:
            self._tokens.spend(now, tokens)

    def _grant(self, now: float) -> list[Turn]:
        """Let go who may. Who is to be woken, outside of the lock."""
        woken: list[Turn] = []
        due = math.inf
        while len(self._turns):
            due = math.inf
            if self.in_flight >= self._window.size:
                break
            due = self._due(now, self._turns.first().tokens)
            if due > now:
                break
            turn = self._turns.take()
            self._send(now, turn.tokens)
            turn.granted, turn.under_way = True, self.in_flight
            woken.append(turn)
        self._watch_for(due, woken)
        told = self._pace or self._advice or self._requests or self._tokens
        self.calm = told is None and not len(self._turns) and self._pause <= now
        return woken

    def _watch_for(self, due: float, woken: list[Turn]) -> None:
        """Have one of those waiting ask again then: were it all of them, ten thousand would."""
        if not len(self._turns):
            self._watch = None
            return
        if self._watch is None or not self._watch.waiting:
            self._watch = self._turns.first()
        sooner = due < self._watch.not_before
        self._watch.not_before = due
        if sooner:
            woken.append(self._watch)

    # ------------------------------------------------------------------------- what is learned, with the lock held

    def _learn(self, now: float, result: Result) -> None:
        started = now - result.seconds
        under_way = result.under_way or self.in_flight + 1
        if self._tokens is not None and result.tokens:
            self._tokens.correct(now, started, result.tokens - result.estimated)
        if result.tokens:
            self._cost += 0.1 * (result.tokens - self._cost) if self._cost else result.tokens
        self._overloads += 0.1 * (result.overloaded - self._overloads)
        if result.refused or result.overloaded:
            self._refused(now, started, under_way, result)
        elif not result.failed:
            self._seconds += 0.1 * (result.seconds - self._seconds) if self._seconds else result.seconds
            full = self.in_flight + 1 >= self._window.size and len(self._turns) > 0
            span = min(10.0, max(1.0, 2 * self._seconds))
            self._under_way.add(under_way)
            self._window.accepted(now, started, under_way, full=full, span=span)
        if result.hints is not None:
            self._advised(now, result.hints, asked=result.retry_after is not None)

    def _refused(self, now: float, started: float, under_way: int, result: Result) -> None:
        window, pace = self._window, self._pace
        pause = min(LONGEST_PAUSE, max(0.0, result.retry_after or 0.0))
        explained = window.explains(under_way)
        if not explained and result.overloaded and self._overloads < _FLAKY:
            window.doubt(now, under_way)
            self._rest(now, pause)
            return  # so many are borne otherwise: it failed, whatever it says
        self._sends.add(now, -1)
        if window.rising and pace is None:
            # What else is in flight is refused in about the same time: only then is it known how many were too many.
            self._pause = max(self._pause, now + min(result.seconds, 0.25))
        if pace is None or not pace.learned:
            strained = window.strained(started)
            window.refused(now, started, under_way, pause)
            if strained:
                self._pace = Pace(now, max(1.0, self._sends.rate(now)), learned=True)
                self._blame = 0.0
                window.release()
        else:
            if started >= pace.cut_at + 1.5 * self._seconds and not pace.fast:
                self._blame += 0.25 * (self._under_way.above(under_way) - self._blame)
            pace.refused(now, started, pause)
            if self._blame > 0.75:
                self._pace = None
                window.strain_more()
                window.refused(now, started, under_way, pause)
        self._rest(now, pause)

    def _rest(self, now: float, seconds: float) -> None:
        """Send nothing for some time, and then begin slowly."""
        if seconds <= 0:
            return
        if self._pace is None:
            self._pace = Pace(now, max(1.0, self._sends.rate(now)), learned=False)
        self._pause = max(self._pause, now + seconds)
        self._pace.wait(self._pause)

    def _advised(self, now: float, hints: Hints, *, asked: bool) -> None:
        """Do as the hints say; `asked`: they came with a Retry-After, which says it better than nothing left."""
        for name, left, cost in (("requests", hints.requests, 1.0), ("tokens", hints.tokens, self._cost or 1.0)):
            if left is None or not left.reset:
                continue
            refilled = self._is_refilled(now, name, left.reset)
            if not left.scarce:
                continue
            # What a quota is filled with all along, if it is and one knows it; else what is left till it is full.
            given = left.remaining if left.limit is None or not refilled else left.limit - left.remaining
            rate = given / left.reset / cost
            wait = min(LONGEST_PAUSE, left.reset)
            if left.remaining >= cost:
                self._advice = self._advice or Advice(now)
                self._advice.say(rate, now + wait)
            elif not asked:
                self._rest(now, min(wait, 1 / rate) if refilled and rate > 0 else wait)

    def _is_refilled(self, now: float, name: str, reset: float) -> bool:
        """Whether a quota is filled all along: then the moment when it is full moves away before it has come."""
        moment, said = now + reset, self._moments.get(name, -math.inf)
        if now >= said:
            self._moments[name] = moment
        elif moment > said + 1.0:  # some give whole seconds
            self._moments[name] = math.inf
        return self._moments[name] == math.inf


_SLACK = 8.0  # as fast as nothing is sent
_LATE = 0.002  # seconds that a timer is late, given back: else gaps of a millisecond become two
_FLAKY = 0.3  # of the last requests: a part of them that fails whatever one does; more of them are overload


def _wake(turns: Iterable[Turn]) -> None:
    for turn in turns:
        wake = turn.wake
        if wake is not None:
            wake()
