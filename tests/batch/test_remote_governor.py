"""One governor for many processes, without any: reports and answers that are late, lost, or overtaken."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.batch.cluster.governor_server import GovernorServer
from extractor.batch.cluster.remote_governor import Answer, Ask, RemoteGovernor, Report
from extractor.endpoint.governor import Governor, Result
from extractor.endpoint.hints import Hints, Left
from extractor.endpoint.turns import Turn

ACCEPTED = Result(seconds=0.5)


def nothing(*_: object) -> None:
    """Do nothing."""


def server(**limits: int) -> GovernorServer:
    """Open an server whose governor has such limits."""
    return GovernorServer(Governor(**limits), nothing)


def carried(remote: RemoteGovernor, there: GovernorServer, now: float = 0.0) -> Answer:
    """Carry one report, and bring what is answered."""
    report = remote.report()
    there.take(report, now)
    answer = there.answer(report.worker, report.life)
    remote.answered(report, answer)
    return answer


def waiting(remote: RemoteGovernor, tokens: int = 0) -> Turn:
    """Enter a request."""
    turn = remote.enter(0.0, tokens=tokens)
    assert turn is not None
    return turn


def test_who_asks_is_let_go() -> None:
    """A request is granted with the next answer, counted on both sides, and free again with its result."""
    there, remote = server(concurrency=4), RemoteGovernor("a", nothing)
    turn = waiting(remote)
    assert (turn.granted, remote.waiting(), remote.in_flight) == (False, 1, 0)
    carried(remote, there)
    assert (turn.granted, turn.under_way, remote.waiting(), remote.in_flight) == (True, 1, 0, 1)
    assert there.governor.in_flight == 1
    remote.left(1.0, ACCEPTED)
    carried(remote, there, 1.0)
    assert (remote.in_flight, there.governor.in_flight, remote.is_busy) == (0, 0, False)


def test_who_is_granted_is_woken() -> None:
    """A turn is woken once it is granted, and the client whenever there is something to say."""
    calls: list[str] = []
    there, remote = server(), RemoteGovernor("a", lambda: calls.append("news"))
    turn = waiting(remote)
    turn.wake = lambda: calls.append(f"woken, granted {turn.granted}")
    carried(remote, there)
    assert calls == ["news", "woken, granted True", "news"]


def test_no_more_than_the_limit() -> None:
    """What is told of the endpoint holds for all processes together."""
    there = server(concurrency=5)
    remotes = [RemoteGovernor(name, nothing) for name in "abc"]
    turns = [waiting(remote) for remote in remotes for _ in range(4)]
    for _ in range(2):
        for remote in remotes:
            carried(remote, there)
    assert sum(turn.granted for turn in turns) == there.governor.in_flight == 5


def test_processes_take_turns() -> None:
    """A process that asks for much does not keep out one that asks for little."""
    there = server(concurrency=1)
    greedy, modest = RemoteGovernor("a", nothing), RemoteGovernor("b", nothing)
    many = [waiting(greedy) for _ in range(50)]
    carried(greedy, there)
    one = waiting(modest)
    carried(modest, there)
    for _ in range(2):
        greedy.left(0.0, ACCEPTED)
        carried(greedy, there)
        carried(modest, there)
    assert one.granted
    assert sum(turn.granted for turn in many) == 2


@pytest.mark.parametrize("refusal", [Result(seconds=0.1, refused=True), Result(seconds=0.1, overloaded=True)])
def test_what_is_learned_is_learned_there(refusal: Result) -> None:
    """A refusal anywhere makes the window of all smaller."""
    there, remote = server(), RemoteGovernor("a", nothing)
    for _ in range(8):
        waiting(remote)
    carried(remote, there)
    before, number = there.governor.window, remote.in_flight
    assert number > 1
    for _ in range(number):
        remote.left(0.2, refusal)
    carried(remote, there, 0.2)
    assert there.governor.window < before
    assert remote.window == there.governor.window


def test_a_wait_that_is_asked_for_holds_for_all() -> None:
    """Nobody is let go before the time that a Retry-After asks for, and then somebody is."""
    there, first, second = server(), RemoteGovernor("a", nothing), RemoteGovernor("b", nothing)
    waiting(first)
    carried(first, there)
    first.left(1.0, Result(seconds=0.1, refused=True, retry_after=5.0))
    carried(first, there, 1.0)
    turn = waiting(second)
    carried(second, there, 1.1)
    wait = there.poll(1.1)
    assert not turn.granted
    assert wait is not None
    assert 4.0 < wait < 5.5
    assert there.poll(1.1 + wait + 1.0) is not None
    carried(second, there, 7.2)
    assert turn.granted


def test_hints_arrive() -> None:
    """What an endpoint says is left is minded for all."""
    there, remote = server(), RemoteGovernor("a", nothing)
    waiting(remote)
    carried(remote, there)
    nothing_left = Hints(requests=Left(remaining=0, limit=100, reset=30.0))
    remote.left(1.0, Result(seconds=0.1, hints=nothing_left))
    turn = waiting(remote)
    carried(remote, there, 1.0)
    assert not turn.granted


def test_tokens_are_known_everywhere() -> None:
    """What a request costs on average is told to all processes."""
    there, remote = server(), RemoteGovernor("a", nothing)
    waiting(remote)
    carried(remote, there)
    remote.left(1.0, Result(seconds=0.1, tokens=700))
    carried(remote, there)
    assert remote.usual_tokens == 700


def test_who_gives_up_waits_no_more() -> None:
    """A request that is given up is taken out, whether it was reported yet or not, and its place given back."""
    there, remote = server(concurrency=1), RemoteGovernor("a", nothing)
    held, given_up, never_said, last = [waiting(remote) for _ in range(4)]
    remote.leave_queue(never_said, 0.0)
    carried(remote, there)
    remote.leave_queue(given_up, 0.0)
    remote.leave_queue(given_up, 0.0)
    carried(remote, there)
    assert held.granted
    remote.leave_queue(held, 0.0)
    remote.leave_queue(held, 0.0)
    carried(remote, there)
    assert (last.granted, given_up.granted, never_said.granted) == (True, False, False)
    assert there.governor.in_flight == remote.in_flight == 1


def test_a_grant_for_who_has_given_up() -> None:
    """What is granted to somebody who has given up meanwhile goes back."""
    there, remote = server(concurrency=1), RemoteGovernor("a", nothing)
    turn = waiting(remote)
    report = remote.report()
    there.take(report, 0.0)
    remote.leave_queue(turn, 0.0)
    remote.answered(report, there.answer("a", report.life))
    assert (turn.granted, there.governor.in_flight) == (False, 1)
    carried(remote, there)
    assert there.governor.in_flight == 0


def test_a_lost_office_is_told_all_again() -> None:
    """After the server was lost, what waits waits at the new one, and what is under way counts there."""
    there, remote = server(concurrency=2), RemoteGovernor("a", nothing)
    turns = [waiting(remote) for _ in range(3)]
    carried(remote, there)
    assert [turn.granted for turn in turns] == [True, True, False]
    anew = server(concurrency=2)
    remote.left(1.0, ACCEPTED)
    assert not carried(remote, anew, 1.0).known
    carried(remote, anew, 1.0)
    assert turns[2].granted
    assert anew.governor.in_flight == remote.in_flight == 2


def test_a_lost_answer() -> None:
    """What was granted by an answer that did not arrive is taken back, and granted again."""
    there, remote = server(concurrency=1), RemoteGovernor("a", nothing)
    turn = waiting(remote)
    report = remote.report()
    there.take(report, 0.0)
    lost = there.answer("a", report.life)
    assert lost.granted
    remote.lost(report)
    carried(remote, there)
    assert turn.granted
    assert there.governor.in_flight == remote.in_flight == 1
    remote.answered(report, lost)  # it does arrive, much too late
    assert remote.in_flight == 1


def test_a_lost_process() -> None:
    """What a process had under way and waiting that is not heard of any more is given to others."""
    there = server(concurrency=2)
    dead, alive = RemoteGovernor("a", nothing), RemoteGovernor("b", nothing)
    for _ in range(5):
        waiting(dead)
    carried(dead, there)
    turns = [waiting(alive) for _ in range(2)]
    carried(alive, there, 9.0)
    assert there.poll(9.0) is not None
    assert not any(turn.granted for turn in turns)
    assert there.poll(10.1) is not None
    carried(alive, there, 10.1)
    assert all(turn.granted for turn in turns)
    assert there.governor.in_flight == 2


def test_a_process_that_was_taken_for_lost() -> None:
    """One that was only slow says what it has, and goes on."""
    there, remote = server(concurrency=2), RemoteGovernor("a", nothing)
    waiting(remote)
    carried(remote, there)
    there.poll(100.0)
    assert there.governor.in_flight == 0
    turn = waiting(remote)
    assert not carried(remote, there, 100.0).known
    carried(remote, there, 100.0)
    assert turn.granted
    assert there.governor.in_flight == remote.in_flight == 2


def test_when_a_report_is_due() -> None:
    """With nothing under way nothing is said; else somebody listens, and news is said at once."""
    there, remote = server(concurrency=1), RemoteGovernor("a", nothing)
    assert not remote.is_due(listening=False)
    waiting(remote)
    assert remote.is_due(listening=True)
    carried(remote, there)
    assert remote.is_due(listening=False)
    assert not remote.is_due(listening=True)
    remote.left(0.0, ACCEPTED)
    assert remote.is_due(listening=True)
    carried(remote, there)
    assert not remote.is_due(listening=False)


def test_an_office_has_time() -> None:
    """Without processes there is nothing to look after."""
    assert server().poll(0.0) is None


def test_a_report_of_nobody() -> None:
    """A report of a life that was never opened changes nothing, and is answered with that."""
    there = server()
    there.take(Report(worker="a", life=3, asks=(Ask(1, 0, False),), results=(ACCEPTED,)), 0.0)
    assert not there.answer("a", 3).known
    assert there.governor.in_flight == 0


def test_it_never_goes_by_itself() -> None:
    """The rule by which a sender need not ask never holds in a process, and time alone lets nobody go."""
    remote = RemoteGovernor("a", nothing)
    assert not remote.calm
    assert remote.poll(0.0) is None
    remote.leave_queue(Turn(), 0.0)
    assert not remote.is_busy


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 3))
def test_whatever_is_lost_or_late(seed: int, limit: int, processes: int) -> None:
    """However reports and answers are lost, delayed and overtaken: in the end all are served, and nothing is held."""
    rng, now = random.Random(seed), 0.0
    there = server(concurrency=limit)
    remotes = [RemoteGovernor(str(number), nothing) for number in range(processes)]
    on_the_way: list[tuple[RemoteGovernor, Report]] = []
    coming: list[tuple[RemoteGovernor, Report, Answer]] = []
    turns: list[tuple[RemoteGovernor, Turn]] = []
    for _ in range(120):
        now += 0.01
        remote = rng.choice(remotes)
        move = rng.randrange(8)
        if move == 0 and len(turns) < 20:
            turns.append((remote, waiting(remote)))
        elif move == 1:
            on_the_way.append((remote, remote.report()))
        elif move in (2, 3) and on_the_way:
            remote, report = on_the_way.pop(rng.randrange(len(on_the_way)))
            if rng.random() < 0.2:
                remote.lost(report)
            if rng.random() < 0.9:
                there.take(report, now)
                coming.append((remote, report, there.answer(report.worker, report.life)))
            else:
                remote.lost(report)
        elif move in (4, 5) and coming:
            remote, report, answer = coming.pop(rng.randrange(len(coming)))
            remote.answered(report, answer) if rng.random() < 0.8 else remote.lost(report)
        elif move == 6 and turns:
            remote, turn = turns.pop(rng.randrange(len(turns)))
            remote.left(now, ACCEPTED) if turn.granted else remote.leave_queue(turn, now)
        elif move == 7 and rng.random() < 0.05:
            there = server(concurrency=limit)
    for remote, report in [*on_the_way, *(each[:2] for each in coming)]:
        remote.lost(report)
    for _ in range(60):
        now += 1.0
        for remote in remotes:
            carried(remote, there, now)
        there.poll(now)
        for remote, turn in [*turns]:
            if turn.granted:
                remote.left(now, ACCEPTED)
                turns.remove((remote, turn))
        assert there.governor.in_flight <= limit + 20
    assert not turns
    for remote in remotes:
        carried(remote, there, now)
        carried(remote, there, now)
    assert there.governor.in_flight == 0
    assert not any(remote.is_busy for remote in remotes)
