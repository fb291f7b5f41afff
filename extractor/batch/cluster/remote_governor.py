"""One governor for many processes: what they tell it, and what it tells them. No I/O, no clock of its own.

In each process a `RemoteGovernor` stands in the place of the governor. What its requests want and what came of them it
gathers in a `Report`; whoever carries that brings back an `Answer`: who may go. The other side (`governor_server`) has
the real `Governor`. Any report or answer may be lost, late, or overtaken by another: a process whose report was lost
begins a new `life`, with all that it wants and has under way, and what was granted to the old one is taken back. So it
does where the server was lost; and where a process is lost, the server takes back what that had.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from extractor.endpoint.governor import Governor, Result
from extractor.endpoint.turns import Turn

__all__ = ["LOST", "NOTHING", "Answer", "Ask", "RemoteGovernor", "Report"]

LOST = 10.0
"""Seconds after which a process that says nothing has nothing under way any more. It says something each second."""

NOTHING = Result(seconds=0.0, failed=True)
"""What came of a place that nobody has used."""


class Ask(NamedTuple):
    """A request that wants to be sent: its number in its process, and what `Governor.enter` is told."""

    number: int
    tokens: int
    started: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a process has to say since its last report, in this life of it.

    `gone` are asks that nobody waits for any more, `results` what came of what was granted. The first of a life is
    `whole`: its asks are all that wait, and `held` are under way. It is `idle` where nothing is, after this.
    """

    worker: str
    life: int
    whole: bool = False
    held: int = 0
    idle: bool = False
    asks: tuple[Ask, ...] = ()
    gone: tuple[int, ...] = ()
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Who may go: the number of each ask, and how many are under way with it. Where the life is not `known`, all has
    to be said again. `window` and `usual_tokens` are the governor's.
    """

    known: bool = True
    granted: tuple[tuple[int, int], ...] = ()
    window: int = 0
    usual_tokens: int = 0


class _Asked(Turn):
    __slots__ = ("number",)

    def __init__(self, number: int, *, tokens: int, share: Hashable, started: bool) -> None:
        super().__init__(tokens=tokens, share=share, started=started)
        self.number = number
        self.waiting = True


class RemoteGovernor(Governor):
    """Stands in a process in the place of the governor of all. `wake` is called, from any thread, when there is
    something to report. It is never `calm`: all goes through `enter` and `left`.
    """

    def __init__(self, worker: str, wake: Callable[[], None]) -> None:
        super().__init__()
        self.calm = False
        self.window = 1
        self._worker = worker
        self._wake = wake
        self._life = 0
        self._whole = True
        self._number = 0
        self._waiting: dict[int, _Asked] = {}
        self._asks: dict[int, Ask] = {}
        self._gone: list[int] = []
        self._results: list[Result] = []
        self._usual = 0

    @property
    def usual_tokens(self) -> int:
        """What a request costs, on average; 0 where nobody knows."""
        return self._usual

    def waiting(self, share: Hashable = None) -> int:
        """How many of a share wait for their turn."""
        with self.lock:
            return sum(turn.share == share for turn in self._waiting.values())

    @property
    def is_busy(self) -> bool:
        """Whether anything waits, is under way, or has to be reported."""
        return bool(self._waiting or self.in_flight or self._results or self._gone)

    def enter(self, now: float, *, tokens: int = 0, share: Hashable = None, started: bool = False) -> Turn | None:
        """The turn to wait for: it is granted from elsewhere."""
        with self.lock:
            self._number += 1
            turn = _Asked(self._number, tokens=tokens, share=share, started=started)
            self._waiting[turn.number] = turn
            self._asks[turn.number] = Ask(turn.number, tokens, started)
        self._wake()
        return turn

    def poll(self, now: float) -> float | None:
        """Nothing: no turn of this has a time."""
        return None

    def leave_queue(self, turn: Turn, now: float) -> None:
        """Give up waiting. If the turn has been granted meanwhile, its place is given back. May be said twice."""
        with self.lock:
            if not isinstance(turn, _Asked):
                return
            if turn.waiting:
                turn.waiting = False
                del self._waiting[turn.number]
                if self._asks.pop(turn.number, None) is None:
                    self._gone.append(turn.number)
            elif turn.granted and turn.under_way:
                turn.under_way = 0
                self.in_flight -= 1
                self._results.append(NOTHING)
        self._wake()

    def left(self, now: float, result: Result) -> None:
        """A request is over."""
        with self.lock:
            self.in_flight -= 1
            self._results.append(result)
        self._wake()

    def is_due(self, *, listening: bool) -> bool:
        """Whether there is something to report. Somebody has to be `listening` while anything waits or is under way."""
        news = self._whole or self._asks or self._gone or self._results
        return self.is_busy and bool(news or not listening)

    def report(self) -> Report:
        """What there is to say. Who takes it brings what is answered, or says that it was lost."""
        with self.lock:
            waiting = self._waiting.values()
            asks = [Ask(each.number, each.tokens, each.started) for each in waiting] if self._whole else ()
            report = Report(
                worker=self._worker,
                life=self._life,
                whole=self._whole,
                held=self.in_flight if self._whole else 0,
                idle=not self._waiting and not self.in_flight,
                asks=tuple(asks or self._asks.values()),
                gone=() if self._whole else tuple(self._gone),
                # Of a life that is over nothing is known there: its results are of no use.
                results=() if self._whole else tuple(self._results),
            )
            self._whole = False
            self._asks, self._gone, self._results = {}, [], []
        return report

    def answered(self, report: Report, answer: Answer) -> None:
        """Take what came back for a report."""
        granted: list[Turn] = []
        with self.lock:
            if report.life != self._life:
                return  # what was granted there has been taken back
            if not answer.known:
                self._begin_anew()
            else:
                self.window, self._usual = max(1, answer.window), answer.usual_tokens
            for number, under_way in answer.granted:
                turn = self._waiting.pop(number, None)
                if turn is None:  # it has been given up meanwhile
                    self._results.append(NOTHING)
                    continue
                turn.waiting, turn.granted, turn.under_way = False, True, under_way
                self.in_flight += 1
                granted.append(turn)
        for each in granted:
            if each.wake is not None:
                each.wake()
        self._wake()

    def lost(self, report: Report) -> None:
        """Nothing came back for a report, and nobody knows whether it arrived: all is said again."""
        with self.lock:
            if report.life == self._life:
                self._begin_anew()
        self._wake()

    def _begin_anew(self) -> None:
        self._life += 1
        self._whole = True
