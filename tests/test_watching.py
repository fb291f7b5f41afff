"""Watchers and what they are told, and the log that one of them writes."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor import watching
from extractor.chat.wire import ChatReply, Usage
from extractor.errors import OptionError
from extractor.watching import (
    Event,
    Failing,
    FallingBack,
    Finished,
    Logged,
    Method,
    Reasking,
    Received,
    Refusing,
    Retrying,
    Sending,
    Started,
    Waited,
    Watch,
    Watcher,
    checked_watchers,
    watch_of,
)

ROOT = Path(__file__).resolve().parent.parent
METHODS: tuple[Method, ...] = get_args(Method)
URL = "http://localhost:8000/v1/chat/completions"
USAGE = Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)

# Each method with a record, with content where it can have some, and the line of the log.
EVENTS: list[tuple[Method, Event, int, str]] = [
    (
        "on_start",
        Started(
            extraction="x1", target="Person", model="m", base_url="http://h/v1", document_bytes=7, document="PLANTED"
        ),
        logging.DEBUG,
        "start extraction=x1 target=Person model=m base_url=http://h/v1 document_bytes=7",
    ),
    (
        "on_request",
        Sending(
            extraction="x1",
            number=2,
            attempt=1,
            model="m",
            url=URL,
            request_bytes=99,
            asked=("/a/PLANTED", "/b"),
            messages=({"role": "user", "content": "PLANTED"},),
        ),
        logging.DEBUG,
        f"request extraction=x1 number=2 attempt=1 model=m url={URL} request_bytes=99 asked=2",
    ),
    (
        "on_reply",
        Received(
            extraction="x1",
            number=2,
            model="m",
            seconds=1.23456,
            usage=USAGE,
            cost=Decimal("0.0012"),
            finish_reasons=("stop", "length"),
            response_id="r-1",
            reply=ChatReply(choices=(), id="PLANTED"),
        ),
        logging.DEBUG,
        "reply extraction=x1 number=2 model=m seconds=1.235 input=10 output=5 cost=0.0012 "
        "finish_reasons=stop,length response_id=r-1 cached=False",
    ),
    (
        "on_retry",
        Retrying(
            extraction="x1",
            number=2,
            attempt=1,
            error="RateLimited",
            status=429,
            wait=0.5,
            url=URL,
            next_url=URL,
            message="PLANTED",
        ),
        logging.INFO,
        f"retry extraction=x1 number=2 attempt=1 error=RateLimited status=429 wait=0.500 url={URL} next_url={URL}",
    ),
    (
        "on_wait",
        Waited(extraction="x1", number=2, seconds=0.25),
        logging.DEBUG,
        "wait extraction=x1 number=2 seconds=0.250",
    ),
    (
        "on_refused",
        Refusing(extraction="x1", number=2, status=400, changed="strict → relaxed"),
        logging.INFO,
        'refused extraction=x1 number=2 status=400 changed="strict → relaxed"',
    ),
    (
        "on_reask",
        Reasking(extraction="x1", number=2, outcome="invalid", errors=2, kinds=("missing", "int_parsing")),
        logging.INFO,
        "reask extraction=x1 number=2 outcome=invalid errors=2 asked=all kinds=missing,int_parsing",
    ),
    (
        "on_fallback",
        FallingBack(extraction="x1", from_model="m", to_model="n", error="ServerError"),
        logging.INFO,
        "fallback extraction=x1 from_model=m to_model=n error=ServerError",
    ),
    (
        "on_result",
        Finished(
            extraction="x1",
            requests=2,
            seconds=2.0,
            usage=USAGE,
            cost=None,
            model="m",
            outcome="conforming",
            value={"name": "PLANTED"},
        ),
        logging.INFO,
        "result extraction=x1 outcome=conforming model=m requests=2 seconds=2.000 input=10 output=5",
    ),
    (
        "on_failure",
        Failing(
            extraction="x1",
            error="TimedOut",
            requests=2,
            seconds=2.0,
            usage=USAGE,
            cost=Decimal("0.1"),
            exception=ValueError("PLANTED"),
        ),
        logging.WARNING,
        "failure extraction=x1 error=TimedOut requests=2 seconds=2.000 input=10 output=5 cost=0.1",
    ),
]
IDS = [row[0] for row in EVENTS]
WAITED = Waited(extraction="x1", number=1, seconds=0.5)


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        """What the records say."""
        return [record.getMessage() for record in self.records]


@pytest.fixture
def log() -> Iterator[Lines]:
    """Listen to the log, at all levels."""
    handler, level = Lines(), watching.logger.level
    watching.logger.addHandler(handler)
    watching.logger.setLevel(logging.DEBUG)
    yield handler
    watching.logger.removeHandler(handler)
    watching.logger.setLevel(level)


# ---------------------------------------------------------------------------------------- the records


@pytest.mark.parametrize(("method", "event"), [row[:2] for row in EVENTS], ids=IDS)
def test_the_records(method: Method, event: Event) -> None:
    """Each method takes one record, which cannot be changed and can be pickled."""
    assert get_type_hints(getattr(Watcher, method))["event"] is type(event)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.extraction = "other"  # type: ignore[misc]
    assert repr(pickle.loads(pickle.dumps(event))) == repr(event)
    assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("event", [row[1] for row in EVENTS if row[0] != "on_request"])
def test_content_is_in_no_repr(event: Event) -> None:
    """A record that has content does not show it when it is printed."""
    assert "PLANTED" not in repr(event)


def test_a_watcher_does_nothing() -> None:
    """A watcher that overrides nothing can be told everything, and asks for no content."""
    watcher = Watcher()
    for method, event, _, _ in EVENTS:
        assert getattr(watcher, method)(event) is None
    assert watcher.content is False


# -------------------------------------------------------------------------------------------- telling


class Counting(Watcher):
    """Keeps what it is told about waiting."""

    def __init__(self, content: bool = False) -> None:
        self.content = content
        self.told: list[Event] = []

    def on_wait(self, event: Waited) -> None:
        """Keep it."""
        self.told.append(event)


def test_nobody() -> None:
    """A watch is true only where somebody listens to something."""
    assert not Watch()
    assert not Watch((Watcher(), Watcher()))
    assert Watch((Watcher(), Counting()))


def test_records_are_made_for_those_who_listen() -> None:
    """A record is made once with content and once without, and only where somebody listens."""
    plain, rich = [Counting(), Counting()], [Counting(content=True), Counting(content=True)]
    made: list[bool] = []

    def make(content: bool) -> Event:
        made.append(content)
        return Waited(extraction="rich" if content else "plain", number=1, seconds=0.0)

    watch = Watch((plain[0], rich[0], Watcher(), plain[1], rich[1]))
    watch.emit("on_request", make)
    assert made == []
    watch.emit("on_wait", make)
    assert made == [False, True]
    assert [each.told[0].extraction for each in plain + rich] == ["plain", "plain", "rich", "rich"]
    assert plain[0].told[0] is plain[1].told[0]


def test_a_watcher_set_up_by_hand() -> None:
    """A method that was set on the instance, as mocks do, is called, too."""
    told: list[Event] = []
    watcher = Watcher()
    watcher.on_wait = told.append  # type: ignore[method-assign, assignment]
    Watch((watcher,)).emit("on_wait", lambda content: WAITED)
    assert told == [WAITED]


class Broken(Counting):
    """Fails, and says what it should not."""

    def on_wait(self, event: Waited) -> None:
        """Fail."""
        raise ValueError("PLANTED")

    def on_result(self, event: Finished) -> None:
        """Fail otherwise."""
        raise KeyError("PLANTED")


def test_a_watcher_that_fails(log: Lines) -> None:
    """A watcher that raises breaks nothing; it is said once for each of its methods, the traceback at DEBUG only."""
    broken, after = Broken(), Counting()
    for _ in range(3):
        watch = Watch((broken, after))  # of another extraction
        watch.emit("on_wait", lambda content: WAITED)
        watch.emit("on_result", lambda content: EVENTS[8][1])
    assert len(after.told) == 3
    warnings = [record for record in log.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        "Broken.on_wait raised ValueError; this is said once.",
        "Broken.on_result raised KeyError; this is said once.",
    ]
    assert all(record.exc_info is None for record in warnings)
    assert [record.levelno for record in log.records if record.exc_info] == [logging.DEBUG] * 2
    assert "PLANTED" not in "".join(log.lines)


def test_each_watcher_is_said_by_itself(log: Lines) -> None:
    """That one watcher fails does not hide that another does, and threads say it once all the same."""
    watch = Watch((Broken(), Broken()))

    def tell() -> None:
        for _ in range(50):
            watch.emit("on_wait", lambda content: WAITED)

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.levelno for record in log.records].count(logging.WARNING) == 2


def test_a_log_that_fails(log: Lines) -> None:
    """Not even a log that raises when it is told of a broken watcher breaks an extraction."""

    def fail(record: logging.LogRecord) -> bool:
        raise RuntimeError

    watching.logger.addFilter(fail)
    try:
        Watch((Broken(), Logged())).emit("on_wait", lambda content: WAITED)
    finally:
        watching.logger.removeFilter(fail)


def test_what_is_no_error_goes_through() -> None:
    """A keyboard interrupt in a watcher is not swallowed."""

    class Interrupted(Watcher):
        def on_wait(self, event: Waited) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Watch((Interrupted(),)).emit("on_wait", lambda content: WAITED)


# ------------------------------------------------------------------------------------------- checking


class Awaited(Watcher):
    """Has a method that nobody would await."""

    async def on_result(self, event: Finished) -> None:  # type: ignore[override]
        """Nothing."""


def test_watchers_are_taken_as_given() -> None:
    """Watchers may come in any order and any collection."""
    one, two = Counting(), Logged()
    assert checked_watchers([one, two]) == (one, two)
    assert checked_watchers(iter([])) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Counting(), r"must be a list.*watch=\[watcher\]"),
        (5, "must be a list"),
        ([Counting], "a type, which is no Watcher"),
        ([print], "no Watcher"),
        ([Awaited()], "on_result is async"),
    ],
)
def test_what_is_no_watcher(given: Any, said: str) -> None:
    """What could not be told anything is an error at once."""
    with pytest.raises(OptionError, match=said) as caught:
        checked_watchers(given)
    assert caught.value.option == "watch"


# -------------------------------------------------------------------------------------------- the log


@pytest.mark.parametrize(("method", "event", "level", "line"), EVENTS, ids=IDS)
def test_the_lines(log: Lines, method: Method, event: Event, level: int, line: str) -> None:
    """Each event is one line of keys and values, at its level, without content."""
    Watch((Logged(),)).emit(method, lambda content: event)
    (record,) = log.records
    assert (record.levelno, record.getMessage()) == (level, line)


def test_unknown_tokens_are_no_tokens(log: Lines) -> None:
    """Where an endpoint does not say how many tokens it took, the line does not say that there were none."""
    failing = Failing(extraction="x1", error="TimedOut", requests=1, seconds=2.0, usage=Usage())
    Watch((Logged(),)).emit("on_failure", lambda content: failing)
    assert log.lines == ["failure extraction=x1 error=TimedOut requests=1 seconds=2.000"]


@pytest.mark.parametrize("method", METHODS)
def test_the_log_has_it_all(method: Method) -> None:
    """Every method is logged, and says in its docstring which keys its lines have."""
    assert getattr(Logged, method) is not getattr(Watcher, method)
    assert "extraction=…" in str(inspect.getdoc(getattr(Logged, method)))


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(), max_size=400), min_size=3, max_size=3))
def test_a_line_is_one_line(texts: list[str]) -> None:
    """Whatever an endpoint puts into its names, a line is one, of bounded length, with nothing to obey in it."""
    model, reason, response = texts
    lines = Lines()
    watching.logger.addHandler(lines)
    watching.logger.setLevel(logging.DEBUG)
    try:
        reply = Received(
            extraction="x1", number=1, model=model, seconds=1.0, finish_reasons=(reason,), response_id=response
        )
        Watch((Logged(),)).emit("on_reply", lambda content: reply)
    finally:
        watching.logger.setLevel(logging.NOTSET)
        watching.logger.removeHandler(lines)
    (line,) = lines.lines
    assert len(line) <= 300
    assert line.isprintable()
    assert line.startswith("reply extraction=x1 number=1 model=")


def test_a_value_cannot_pose_as_another(log: Lines) -> None:
    """A value with spaces or equals signs is in quotes, and its quotes are escaped."""
    event = FallingBack(extraction="x1", from_model='a" error=None', to_model="", error="%s")
    Watch((Logged(),)).emit("on_fallback", lambda content: event)
    assert log.lines == ['fallback extraction=x1 from_model="a\\" error=None" to_model="" error="%s"']


def test_the_log_is_watched_where_it_is_enabled() -> None:
    """An extraction that starts while the log is enabled for INFO is logged, once, beside the watchers."""
    level = watching.logger.level
    own = Counting()
    try:
        watching.logger.setLevel(logging.WARNING)
        assert watch_of(()) is None
        assert watch_of((Watcher(),)) is None
        watching.logger.setLevel(logging.INFO)
        handler = Lines()
        watching.logger.addHandler(handler)
        for watchers in ((), (own,), (Logged(),)):
            watch = watch_of(watchers)
            assert watch is not None
            watch.emit("on_wait", lambda content: WAITED)
            watch.emit("on_fallback", lambda content: EVENTS[7][1])
        assert handler.lines == [EVENTS[7][3]] * 3
        assert own.told == [WAITED]
    finally:
        watching.logger.setLevel(level)
        watching.logger.removeHandler(handler)


QUIET = """
import logging
from extractor.watching import Waited, Watch, Watcher, logger
class Broken(Watcher):
    def on_wait(self, event):
        raise ValueError
Watch((Broken(),)).emit("on_wait", lambda content: Waited(extraction="x", number=1, seconds=0.0))
logger.error("Nobody listens.")
"""


def test_it_is_quiet_by_default() -> None:
    """A program that has not set up logging sees nothing, not even warnings."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
