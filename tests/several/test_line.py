"""What may begin, what may be shown, and when it is over: no threads, no tasks, no time."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.chat.wire import Usage
from extractor.errors import (
    AuthenticationFailed,
    BadRequest,
    BudgetExceeded,
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    DocumentError,
    DocumentTooLarge,
    ExtractionFailed,
    ExtractorError,
    JobError,
    NotFound,
    OptionError,
    QuotaExceeded,
    SchemaError,
    ServerError,
    TargetFailed,
    TimedOut,
)
from extractor.result import DocumentResult
from extractor.several.feed import Work
from extractor.several.line import AHEAD, BATCH, FEW, IN_A_ROW, LATER, LONG, PREPARING, Intake, Line, at_most, ends_all

PLENTY = 10_000
EVIDENCE: Any = {"attempts": (), "value": None, "errors": (), "usage": Usage()}


def _room() -> bool:
    return True


def _no_room() -> bool:
    return False


def _came(number: int, error: ExtractorError | None = None, *, restored: bool = False) -> DocumentResult[Any]:
    return DocumentResult(number=number, name=str(number), error=error, restored=restored)


def _begun(line: Line[Any], count: int) -> None:
    """Begin as many as are wanted, numbered from 0."""
    for number in range(count):
        assert line.may_begin(_room)
        line.begin(number)
        line.asked(number)


def _shown(line: Line[Any]) -> list[int]:
    shown = []
    while line.ready:
        shown.append(line.shown().number)
    return shown


class _Feed:
    """A feed of works that were made up: a number, None for none, or an error to be raised."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items = items
        self.taken = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self.items)
        self.taken += 1
        if isinstance(item, BaseException):
            raise item
        return item

    def works(self) -> Iterator[Work[Any] | None]:
        return self

    def close(self) -> None: ...


# ------------------------------------------------------------------------------------------------ the law


@settings(max_examples=300)
@given(
    count=st.integers(0, 200),
    most=st.integers(1, 90),
    ordered=st.booleans(),
    choices=st.lists(st.integers(0, PLENTY), min_size=1, max_size=60),
    put_off=st.sets(st.integers(0, 199)),
)
def test_nothing_is_lost(count: int, most: int, ordered: bool, choices: list[int], put_off: set[int]) -> None:
    """In whatever order documents finish, each is shown once, in order where that is wanted, within the bounds."""
    line: Line[Any] = Line(most=most, ordered=ordered)
    ahead, again, under_way, shown = list(range(count)), list[int](), list[int](), list[int]()
    tickets: dict[int, int] = {}
    turn = 0
    while not line.over:
        while line.may_begin(_room):
            number = ahead.pop(0) if ahead else again.pop(0) if again else None
            if number is None:
                if not under_way:  # else one may be put off
                    line.end()
                break
            ticket = tickets[number] = tickets.get(number, number - PLENTY) + PLENTY  # another one each time
            line.begin(ticket)
            line.asked(ticket)
            under_way.append(number)
            assert line.under_way == len(under_way) <= most
        assert under_way or line.ready or line.over
        choice, turn = choices[turn % len(choices)], turn + 1
        if under_way and (choice % 3 or not line.ready):
            number = under_way.pop(choice % len(under_way))
            if number in put_off:
                put_off.discard(number)
                again.append(number)
                line.came(tickets[number], None)
            else:
                line.came(tickets[number], _came(number))
                line.came(tickets[number], _came(number))  # said twice
        elif line.ready:
            shown.append(line.shown().number)
        waiting = len(line._finished)
        assert line.under_way + waiting <= (max(AHEAD, 4 * most) + count if ordered else most)
    assert sorted(shown) == list(range(count))
    if ordered:
        assert shown == sorted(shown)


# ----------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize(("given_", "wanted"), [(None, 256), (1, 1), (64, 64), (1_000, 256)])
def test_concurrency_is_bounded(given_: int | None, wanted: int) -> None:
    """As many as the caller allows are under way, and never more than the driver bears."""
    assert at_most(given_, 256) == wanted


@pytest.mark.parametrize("wrong", [0, -1, 2.0, "4", True])
def test_concurrency_is_a_number(wrong: Any) -> None:
    """Anything but a whole number of at least 1 is an error of the caller."""
    with pytest.raises(OptionError) as caught:
        at_most(wrong, 256)
    assert caught.value.option == "concurrency"


def test_few_need_no_room() -> None:
    """Others who wait for the same endpoint do not keep a map out altogether."""
    line: Line[Any] = Line(most=100, ordered=False)
    for number in range(FEW):
        assert line.may_begin(_no_room)
        line.begin(number)
    assert not line.may_begin(_no_room)
    assert line.may_begin(_room)


def test_results_nobody_takes() -> None:
    """What is finished and not taken counts: a slow consumer has no more begun ahead than are ever under way."""
    line: Line[Any] = Line(most=3, ordered=False)
    _begun(line, 3)
    for number in range(3):
        line.came(number, _came(number))
    assert (line.may_begin(_room), line.full) == (False, True)
    line.shown()
    assert line.may_begin(_room)


def test_those_that_are_prepared() -> None:
    """Documents that have not come to the endpoint yet are at most as many as those that have, or a few."""
    line: Line[Any] = Line(most=PLENTY, ordered=False)
    for number in range(PREPARING):
        line.begin(number)
    assert not line.may_begin(_room)
    line.asked(0)
    assert line.may_begin(_room)


@pytest.mark.parametrize("most", [4, 100])
def test_a_slow_first_document(most: int) -> None:
    """In order, what is finished too soon is kept up to a bound, and shown once the first is there."""
    line: Line[Any] = Line(most=most, ordered=True)
    _begun(line, 1)
    number = 1
    while line.may_begin(_room):
        line.begin(number)
        line.asked(number)
        if line.under_way == most:
            for each in range(number - most + 2, number + 1):
                line.came(each, _came(each))
        number += 1
    assert number <= max(AHEAD, 4 * most) + most
    assert not line.ready
    line.came(0, _came(0))
    shown = _shown(line)
    assert shown == list(range(len(shown)))
    assert len(shown) > most


def test_a_number_that_was_put_off() -> None:
    """In order, a document that others are at is waited for, and holds up nobody for ever."""
    line: Line[Any] = Line(most=8, ordered=True)
    _begun(line, 1)
    line.came(0, None)
    for number in range(1, 2 * AHEAD):
        if not line.may_begin(_room):
            break
        line.begin(number)
        line.came(number, _came(number))
    assert not line.ready
    assert line.may_begin(_room)  # to have it offered again
    line.begin("again")
    line.came("again", _came(0))
    shown = _shown(line)
    assert shown == list(range(len(shown)))


# --------------------------------------------------------------------------------------------- the end


def test_no_documents() -> None:
    """Without documents it is over at once."""
    line: Line[Any] = Line(most=3, ordered=False)
    assert not line.over
    line.end()
    assert line.over


@pytest.mark.parametrize("ordered", [False, True])
def test_stopped(ordered: bool) -> None:
    """After a stop nothing begins; what was under way is shown."""
    line: Line[Any] = Line(most=8, ordered=ordered)
    _begun(line, 3)
    line.stop()
    assert not line.may_begin(_room)
    for number in (2, 0, 1):
        assert not line.over
        line.came(number, _came(number))
    assert sorted(_shown(line)) == [0, 1, 2]
    assert line.over


FINAL: list[ExtractorError] = [
    AuthenticationFailed("no", status=401),
    QuotaExceeded("no", status=402),
    NotFound("no", status=404),
    BudgetExceeded("no", **EVIDENCE),
    OptionError("no", option="n"),
    SchemaError("no"),
    ConfigurationError("no"),
    JobError("no"),
]
OWN: list[ExtractorError] = [
    DocumentError("empty"),
    DocumentTooLarge("large"),
    TargetFailed("broke"),
    DeadlineExceeded("late"),
    BadRequest("no", status=400),
    ServerError("no", status=500),
    ConnectionFailed("no"),
    ExtractionFailed("no", **EVIDENCE),
]


@pytest.mark.parametrize(
    ("error", "raised"),
    [(error, raised) for error in FINAL for raised in (False, True) if not (raised and isinstance(error, JobError))],
    ids=lambda given: given if isinstance(given, bool) else type(given).__name__,
)
def test_errors_that_end_all(error: ExtractorError, raised: bool) -> None:
    """An error that every other document would have, too, ends it: what was under way is shown, then it is raised."""
    line: Line[Any] = Line(most=8, ordered=True)
    _begun(line, 3)
    if raised:
        line.raised(1, error)
    else:
        line.came(1, _came(1, error))
    assert ends_all(error)
    assert not line.may_begin(_room)
    line.came(2, _came(2, AuthenticationFailed("another", status=401)))
    line.came(0, _came(0))
    assert (_shown(line), line.over, line.error) == ([0], True, error)


@pytest.mark.parametrize("error", OWN, ids=lambda error: type(error).__name__)
def test_errors_of_one_document(error: ExtractorError) -> None:
    """Any other error is that of its document: it is shown, and the others go on."""
    line: Line[Any] = Line(most=8, ordered=False)
    _begun(line, 2)
    line.came(0, _came(0, error))
    assert not ends_all(error)
    assert line.may_begin(_room)
    assert line.shown().error is error
    assert line.error is None


def test_errors_of_an_earlier_time() -> None:
    """What a job knows of an earlier session ends nothing now."""
    line: Line[Any] = Line(most=8, ordered=False)
    _begun(line, 1)
    line.came(0, _came(0, AuthenticationFailed("then", status=401), restored=True))
    assert (line.error, line.ready) == (None, True)


def test_a_fault() -> None:
    """An error that is none of this library is raised at once."""
    line: Line[Any] = Line(most=8, ordered=False)
    _begun(line, 2)
    bug = ZeroDivisionError()
    line.raised(0, bug)
    assert (line.fault, line.error) == (bug, None)


def test_a_job_that_cannot_be_kept_is_a_fault() -> None:
    """Where a work cannot write its job that is raised at once: what is under way could not be kept, either."""
    line: Line[Any] = Line(most=8, ordered=False)
    _begun(line, 3)
    full, later = JobError("no room"), JobError("is closed")
    line.came(0, _came(0))
    line.raised(1, full)
    line.raised(2, later)
    assert (line.fault, line.error) == (full, None)


def test_a_final_error_does_not_hide_a_fault() -> None:
    """A job that cannot be written is raised at once also where a wrong key was waiting for what was under way."""
    line: Line[Any] = Line(most=8, ordered=False)
    _begun(line, 3)
    wrong, full = AuthenticationFailed("no", status=401), JobError("no room")
    line.raised(0, wrong)
    line.raised(1, full)
    assert (line.fault, line.error) == (full, wrong)
    assert not line.over  # one is still under way, and is not waited for


# -------------------------------------------------------------------------------- an endpoint that is gone

GONE: list[Callable[[], ExtractorError]] = [
    lambda: ConnectionFailed("nobody", url="u"),
    lambda: TimedOut("late"),
    lambda: DeadlineExceeded("late"),  # of one document; of so many in a row nobody was answered
    lambda: ServerError("no", status=503),
]


def _fail(line: Line[Any], numbers: range, error: ExtractorError | None) -> None:
    for number in numbers:
        line.begin(number)
        line.came(number, _came(number, error))


@pytest.mark.parametrize("made", GONE)
def test_an_endpoint_that_is_gone(made: Callable[[], ExtractorError]) -> None:
    """Where nobody answers many documents in a row, the others are not tried; all that were are shown."""
    line: Line[Any] = Line(most=64, ordered=False)
    error = made()
    _fail(line, range(IN_A_ROW - 1), error)
    assert line.begins
    _fail(line, range(IN_A_ROW, IN_A_ROW + 1), error)
    assert isinstance(line.error, type(error))
    assert line.error is not error  # the result's own
    assert str(IN_A_ROW) in line.error.__notes__[0]
    assert pickle.loads(pickle.dumps(line.error)).__notes__ == line.error.__notes__
    assert len(_shown(line)) == IN_A_ROW
    assert not hasattr(error, "__notes__")
    assert line.over


def test_those_under_way_when_it_went() -> None:
    """That many were under way when nobody answered is one moment: as many must fail as are still under way."""
    line: Line[Any] = Line(most=PLENTY, ordered=False)
    for number in range(100):
        line.begin(number)
        line.asked(number)
    for number in range(49):
        line.came(number, _came(number, ConnectionFailed("nobody")))
    assert line.error is None
    line.came(49, _came(49, ConnectionFailed("nobody")))
    assert isinstance(line.error, ConnectionFailed)


@pytest.mark.parametrize(
    ("between", "wanted"),
    [
        (_came(PLENTY), False),
        (_came(PLENTY, ExtractionFailed("no", **EVIDENCE)), False),
        (_came(PLENTY, BadRequest("no", status=400)), False),
        (_came(PLENTY, DocumentError("empty")), True),
        (_came(PLENTY, restored=True), True),
        (None, True),
    ],
    ids=["success", "failure", "refusal", "unread", "restored", "put off"],
)
def test_one_that_was_answered(between: DocumentResult[Any] | None, wanted: bool) -> None:
    """One document that was answered begins the count anew; one that nobody was asked about does not."""
    line: Line[Any] = Line(most=64, ordered=False)
    _fail(line, range(IN_A_ROW - 1), ConnectionFailed("nobody"))
    line.begin(PLENTY)
    line.came(PLENTY, between)
    _fail(line, range(IN_A_ROW, IN_A_ROW + 1), ConnectionFailed("nobody"))
    assert (line.error is not None) is wanted


def test_all_were_tried() -> None:
    """Where nothing is left to begin, an endpoint that is gone is no error of its own: every document says so."""
    line: Line[Any] = Line(most=64, ordered=False)
    line.end()
    _fail(line, range(2 * IN_A_ROW), ConnectionFailed("nobody"))
    assert line.error is None


# -------------------------------------------------------------------------------------------- the intake


def _intake(line: Line[Any], *items: Any, room: Callable[[], bool] = _room) -> tuple[Intake[Any], _Feed]:
    feed = _Feed(iter(items))
    return Intake(line, feed, room), feed


def _take(intake: Intake[Any], line: Line[Any], now: float = 0.0) -> list[Any]:
    taken = []
    work: Any
    for work in intake.works(now):
        line.begin(work)
        line.asked(work)
        taken.append(work)
    return taken


def test_no_more_is_taken_than_may_begin() -> None:
    """A feed is asked for one when one may begin, and no sooner."""
    line: Line[Any] = Line(most=3, ordered=False)
    intake, feed = _intake(line, *range(10))
    assert feed.taken == 0
    assert _take(intake, line) == [0, 1, 2]
    assert (feed.taken, intake.pause) == (3, LONG)


def test_they_begin_in_batches() -> None:
    """Some begin at once; then they have a moment to come to where it is seen whether there is room."""
    line: Line[Any] = Line(most=PLENTY, ordered=False)
    intake, _ = _intake(line, *range(100))
    assert len(_take(intake, line)) == BATCH
    assert intake.pause < LONG


def test_one_for_one_that_is_shown() -> None:
    """While results wait, one more begins with each that is taken: nobody waits for a slow input."""
    line: Line[Any] = Line(most=PLENTY, ordered=False)
    intake, feed = _intake(line, *range(100))
    _take(intake, line)
    line.came(0, _came(0))
    _take(intake, line)
    assert feed.taken == BATCH + 1


def test_none_for_now() -> None:
    """A feed that has none for now is asked again a little later."""
    line: Line[Any] = Line(most=8, ordered=False)
    intake, feed = _intake(line, 1, None, 2)
    assert _take(intake, line) == [1]
    assert _take(intake, line) == []
    assert feed.taken == 2
    assert _take(intake, line, LATER) == [2]


def test_works_that_are_put_off() -> None:
    """Where work after work is put off, they are not offered again and again without a rest."""
    line: Line[Any] = Line(most=1, ordered=False)
    intake, feed = _intake(line, *range(100))
    for _ in range(50):
        for each in _take(intake, line):
            line.came(each, None)
    assert feed.taken <= FEW + 1
    assert _take(intake, line, LATER)


def test_the_input_ends() -> None:
    """Where the feed has no more, none is waited for."""
    line: Line[Any] = Line(most=8, ordered=False)
    intake, _ = _intake(line, 1)
    assert _take(intake, line) == [1]
    assert not line.begins


def test_the_input_raises() -> None:
    """What the caller's iterable raises is raised as it is, after what was under way."""
    line: Line[Any] = Line(most=8, ordered=False)
    mine = LookupError("mine")
    intake, _ = _intake(line, 1, mine, 2)
    assert _take(intake, line) == [1]
    assert (line.error, line.over) == (mine, False)
    line.came(1, _came(0))
    assert _shown(line) == [0]
    assert line.over


def test_an_interrupted_input() -> None:
    """Ctrl-C within the input is raised at once; an input that survives it goes on."""
    line: Line[Any] = Line(most=8, ordered=False)
    intake, _ = _intake(line, 1, KeyboardInterrupt(), 2)
    with pytest.raises(KeyboardInterrupt):
        _take(intake, line)
    assert _take(intake, line) == [2]
    assert line.error is None


def test_an_input_that_does_not_survive_it() -> None:
    """A generator that was ended by Ctrl-C had more, perhaps: that is not taken for the end of the input."""

    def numbers() -> Iterator[Any]:
        yield 1
        raise KeyboardInterrupt

    line: Line[Any] = Line(most=8, ordered=False)
    intake = Intake(line, _Feed(numbers()), _room)
    with pytest.raises(KeyboardInterrupt):
        _take(intake, line)
    assert _take(intake, line) == []
    assert isinstance(line.error, KeyboardInterrupt)


def test_an_input_that_is_still_to_come() -> None:
    """Where the next document is still being drawn, none is taken."""
    line: Line[Any] = Line(most=8, ordered=False)
    feed = _Feed(iter(range(3)))
    waits = [False, True]
    intake = Intake(line, feed, _room, waits=lambda: waits.pop(0))
    assert _take(intake, line) == [0]
    assert feed.taken == 1
