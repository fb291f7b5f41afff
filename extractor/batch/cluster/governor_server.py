"""Where the reports of all processes meet (`remote_governor`): the real governor, and what each process has of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from extractor.batch.cluster.remote_governor import LOST, NOTHING, Answer, Ask, Report
from extractor.endpoint.governor import Governor
from extractor.endpoint.turns import Turn

__all__ = ["GovernorServer"]


@dataclass(kw_only=True, slots=True)
class _Session:
    """What is known of one life of a process."""

    worker: str
    life: int
    heard: float
    held: int = 0
    turns: dict[int, Turn] = field(default_factory=dict)
    granted: list[tuple[int, int]] = field(default_factory=list)


class GovernorServer:
    """The governor of all, and what each process has of it. One thread at a time.

    `ready` is called with the name of a process for which there is an answer. Each process is a share: they take
    turns. `now` is monotonic, the same clock for all calls.
    """

    def __init__(self, governor: Governor, ready: Callable[[str], None], *, lost: float = LOST) -> None:
        self.governor = governor
        self._ready = ready
        self._lost = lost
        self._sessions: dict[str, _Session] = {}

    def take(self, report: Report, now: float) -> None:
        """Take a report. One of a life that is not known, or is over, says nothing."""
        session = self._sessions.get(report.worker)
        if report.whole and (session is None or session.life < report.life):
            session = self._opened(report, now)
        if session is not None and session.life == report.life:
            session.heard = now
            self._told(session, report, now)

    def answer(self, worker: str, life: int) -> Answer:
        """What there is to tell that life of a process."""
        session = self._sessions.get(worker)
        known = session is not None and session.life >= life
        granted: tuple[tuple[int, int], ...] = ()
        if session is not None and session.life == life:
            granted, session.granted = tuple(session.granted), []
        usual = self.governor.usual_tokens
        return Answer(known=known, granted=granted, window=self.governor.window, usual_tokens=usual)

    def has_answer(self, worker: str, life: int) -> bool:
        """Whether there is anything to tell that life of a process but that it is known."""
        session = self._sessions.get(worker)
        return session is None or session.life != life or bool(session.granted)

    def poll(self, now: float) -> float | None:
        """Let go who may by now, and take back what lost processes had. The seconds until it is worth asking again."""
        for session in [each for each in self._sessions.values() if each.heard < now - self._lost]:
            self._close(session, now)
        wait = self.governor.poll(now)
        until = min((each.heard for each in self._sessions.values()), default=math.inf) + self._lost - now
        return wait if until == math.inf else min(max(0.0, until) + 0.01, math.inf if wait is None else wait)

    def _opened(self, report: Report, now: float) -> _Session:
        old = self._sessions.get(report.worker)
        if old is not None:
            self._close(old, now)
        session = _Session(worker=report.worker, life=report.life, heard=now, held=report.held)
        self._sessions[report.worker] = session
        with self.governor.lock:  # they are under way, whoever let them go
            self.governor.in_flight += report.held
        return session

    def _close(self, session: _Session, now: float) -> None:
        self._sessions.pop(session.worker, None)
        turns, session.turns = session.turns, {}  # one that leaves may let the next one go: that one leaves as well
        for turn in turns.values():
            self.governor.leave_queue(turn, now)
        for _ in range(session.held):
            self.governor.left(now, NOTHING)

    def _told(self, session: _Session, report: Report, now: float) -> None:
        for result in report.results[: session.held]:
            session.held -= 1
            self.governor.left(now, result)
        for number in report.gone:
            turn = session.turns.pop(number, None)
            if turn is not None:
                self.governor.leave_queue(turn, now)
        for ask in report.asks:
            self._asked(session, ask, now)

    def _asked(self, session: _Session, ask: Ask, now: float) -> None:
        turn = self.governor.enter(now, tokens=ask.tokens, share=session.worker, started=ask.started)
        if turn is None:
            self._granted(session, ask.number, self.governor.in_flight)
            return
        session.turns[ask.number] = turn
        turn.wake = functools.partial(self._woken, session, ask.number, turn)

    def _woken(self, session: _Session, number: int, turn: Turn) -> None:
        if turn.granted and session.turns.pop(number, None) is not None:
            self._granted(session, number, turn.under_way)

    def _granted(self, session: _Session, number: int, under_way: int) -> None:
        session.held += 1
        session.granted.append((number, under_way))
        self._ready(session.worker)
