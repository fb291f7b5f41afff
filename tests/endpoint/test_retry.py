"""When a request is sent again, after how long, and how often all together."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.endpoint.retry import (
    LONGEST_BACKOFF,
    Allowance,
    Policy,
    asked_wait,
    is_transient,
    is_unreachable,
    is_unwell,
)
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    ConnectionFailed,
    DeadlineExceeded,
    EndpointError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Redirected,
    ReplyTooLarge,
    RequestTooLarge,
    ServerError,
    StatusError,
    TimedOut,
)

many = settings(max_examples=200)
NOW = 1_750_000_000.0


def _status(kind: type[StatusError], status: int, message: str = "it failed", **headers: str) -> StatusError:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return kind(f"h: {message}", status=status, headers=fields)


def _marked(error: EndpointError, **marks: bool) -> EndpointError:
    for name, value in marks.items():
        setattr(error, name, value)
    return error


# ----------------------------------------------------------------------------------- which are transient

TRANSIENT: Mapping[str, EndpointError] = {
    "no connection": _marked(ConnectionFailed("x"), unsent=True),
    "a broken connection": ConnectionFailed("x"),
    "no answer in time": TimedOut("x"),
    "no connection in time": _marked(TimedOut("x"), unsent=True),
    **{str(status): _status(StatusError, status) for status in (408, 409, 425)},
    "429": _status(RateLimited, 429),
    **{str(status): _status(ServerError, status) for status in (500, 502, 503, 504, 507, 520, 522, 524, 529, 599)},
    "400 that says so": _status(BadRequest, 400, x_should_retry="true"),
    "501 that says so": _status(ServerError, 501, x_should_retry="true"),
    "404 that says so": _status(NotFound, 404, x_should_retry="true"),
    "500 that says nothing legible of it": _status(ServerError, 500, x_should_retry="perhaps"),
}
LASTING: Mapping[str, EndpointError] = {
    "the deadline": DeadlineExceeded("x"),
    "an answer that is no completion": BadReply("x"),
    "an answer without end": ReplyTooLarge("x"),
    "a certificate that is not trusted": _marked(ConnectionFailed("x"), unsent=True, lasting=True),
    "no more known than that it failed": EndpointError("x"),
    "400": _status(BadRequest, 400),
    "401": _status(AuthenticationFailed, 401),
    "402": _status(QuotaExceeded, 402),
    "402 that says otherwise": _status(QuotaExceeded, 402, x_should_retry="true"),
    "429 for want of money": _status(QuotaExceeded, 429),
    "403": _status(AuthenticationFailed, 403),
    "404": _status(NotFound, 404),
    "405": _status(NotFound, 405),
    "410": _status(StatusError, 410),
    "413": _status(RequestTooLarge, 413),
    "418": _status(StatusError, 418),
    "422": _status(BadRequest, 422),
    "301": _status(Redirected, 301),
    "501": _status(ServerError, 501),
    "505": _status(ServerError, 505),
    "500 about the schema": _status(ServerError, 500, "Invalid JSON schema for response_format"),
    "500 that says no": _status(ServerError, 500, x_should_retry="false"),
    "429 that says no": _status(RateLimited, 429, x_should_retry="false"),
}


@pytest.mark.parametrize("error", TRANSIENT.values(), ids=TRANSIENT)
def test_what_is_sent_again(error: EndpointError) -> None:
    """What may pass is sent again."""
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING)
def test_what_is_not_sent_again(error: EndpointError) -> None:
    """What would end in the same way is not sent again."""
    assert not is_transient(error)


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_is_judged_by_itself(status: int) -> None:
    """Of all statuses only the passing ones and most of 5xx are transient."""
    expected = status in (408, 409, 425, 429) or (status >= 500 and status not in (501, 505))
    assert is_transient(_status(StatusError, status)) is expected


UNWELL = {
    "unreachable": (_marked(ConnectionFailed("x"), unsent=True), True, True),
    "unreachable in time": (_marked(TimedOut("x"), unsent=True), True, True),
    "broken": (ConnectionFailed("x"), False, True),
    "silent": (TimedOut("x"), False, True),
    "the deadline": (DeadlineExceeded("x"), False, False),
    "502": (_status(ServerError, 502), False, True),
    "503": (_status(ServerError, 503), False, True),
    "504": (_status(ServerError, 504), False, True),
    "500": (_status(ServerError, 500), False, False),
    "529": (_status(ServerError, 529), False, False),
    "429": (_status(RateLimited, 429), False, False),
    "400": (_status(BadRequest, 400), False, False),
    "no completion": (BadReply("x"), False, False),
}


@pytest.mark.parametrize(("error", "unreachable", "unwell"), UNWELL.values(), ids=UNWELL)
def test_what_speaks_against_an_address(error: EndpointError, unreachable: bool, unwell: bool) -> None:
    """An address is unwell that cannot be reached, breaks, is silent, or answers 502, 503 or 504."""
    assert is_unreachable(error) is unreachable
    assert is_unwell(error) is unwell


# ------------------------------------------------------------------------------------ how long is asked for


def _in(seconds: float) -> str:
    return email.utils.format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


WAITS: Mapping[str, tuple[dict[str, str], float | None]] = {
    "nothing": ({}, None),
    "seconds": ({"retry-after": "7"}, 7.0),
    "none": ({"retry-after": "0"}, 0.0),
    "parts of seconds": ({"retry-after": "1.5"}, 1.5),
    "with white space": ({"retry-after": " 3 "}, 3.0),
    "milliseconds": ({"retry-after-ms": "250"}, 0.25),
    "milliseconds first": ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
    "milliseconds that are none": ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
    "a date": ({"retry-after": _in(30)}, 30.0),
    "a date that has passed": ({"retry-after": _in(-30)}, 0.0),
    "a date in another zone": ({"retry-after": "Sun, 15 Jun 2025 17:06:50 +0200"}, 10.0),
    "a word": ({"retry-after": "soon"}, None),
    "empty": ({"retry-after": ""}, None),
    "below nothing": ({"retry-after": "-5"}, None),
    "milliseconds below nothing": ({"retry-after-ms": "-5"}, None),
    "no number": ({"retry-after": "nan"}, None),
    "infinite": ({"retry-after": "inf"}, None),
    "beyond all numbers": ({"retry-after": "1e999"}, None),
    "a date of no calendar": ({"retry-after": "Mon, 99 Foo 2025 99:99:99 GMT"}, None),
    "a date of another age": ({"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}, None),
    "a million letters": ({"retry-after": "a" * 1_000_000}, None),
    "two of them": ({"retry-after": "1, 2"}, None),
}


@pytest.mark.parametrize(("headers", "expected"), WAITS.values(), ids=WAITS)
def test_the_wait_that_is_asked_for(headers: dict[str, str], expected: float | None) -> None:
    """A wait is read in seconds, milliseconds, or as a date; what is not legible asks for nothing."""
    found = asked_wait(headers, NOW)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.fixture
def _far_from_greenwich() -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process cannot be set here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "XXX-14")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize(
    "form",
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000"],
    ids=["now", "RFC 850", "asctime", "without a zone"],
)
def test_dates_are_in_utc(form: str) -> None:
    """All three forms of an HTTP date are in UTC, wherever this machine is (RFC 9110, section 5.6.7)."""
    said = (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=45)).strftime(form)
    assert asked_wait({"retry-after": said}, NOW) == pytest.approx(45.0)


texts = st.one_of(
    st.text(max_size=200),
    st.text("0123456789eE+-._ infaINFNA", max_size=60),
    st.text("MonJanGMT,:+-0123456789 ", max_size=120),
    st.builds(
        "{}, {} {} {} {}:{}:{} {}".format,
        *(st.sampled_from(["Mon", "Sun", "xx"]), st.integers(-1, 40), st.sampled_from(["Jan", "Dec", "Foo"])),
        *(st.integers(-5, 10**6), st.integers(-1, 99), st.integers(-1, 99), st.integers(-1, 99)),
        st.sampled_from(["GMT", "+9999", "-9999", "+99999999999", "-0000", "EST", ""]),
    ),
)


@many
@given(texts, texts, st.floats(-1e12, 1e12))
def test_any_header_is_read(seconds: str, milliseconds: str, now: float) -> None:
    """Whatever stands in the headers, what comes of it is a number of seconds, 0 or more, or nothing."""
    for headers in ({"retry-after": seconds}, {"retry-after": seconds, "retry-after-ms": milliseconds}):
        found = asked_wait(headers, now)
        assert found is None or 0 <= found < float("inf")


# ------------------------------------------------------------------------------------------- the policy


@many
@given(st.integers(0, 10**6), st.floats(0, 1e6))
def test_waits_of_its_own_accord(retried: int, backoff: float) -> None:
    """Of its own accord it waits between half and the whole of what doubles each time, up to a limit."""
    wait = Policy(backoff=backoff).wait(retried, None)
    whole = min(LONGEST_BACKOFF, backoff * 2.0 ** min(retried, 1_000))
    assert whole / 2 <= wait <= whole


@many
@given(st.integers(0, 10**6), st.floats(0, 1e9))
def test_waits_that_are_asked_for(retried: int, asked: float) -> None:
    """What is asked for is kept to, and a tenth more at most."""
    assert asked <= Policy().wait(retried, asked) <= asked * 1.1


def test_waits_are_spread() -> None:
    """Those who failed together do not come back together."""
    for asked in (None, 1.0):
        assert len({Policy().wait(0, asked) for _ in range(50)}) > 40


def test_no_backoff() -> None:
    """With a backoff of nothing it is sent again at once."""
    assert [Policy(backoff=0).wait(retried, None) for retried in range(5)] == [0.0] * 5


# ---------------------------------------------------------------------------------------- the allowance

outages = st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 20), st.integers(0, 5)), min_size=1, max_size=80)


@many
@given(outages)
def test_an_outage_is_multiplied_by_little(rounds: list[tuple[float, int, int]]) -> None:
    """In all there are no more retries than the first ones, the share of the requests, and so many a second."""
    allowance = Allowance(most=10.0, share=0.2, rate=1.0)
    now, requests, retries = 1_000.0, 0, 0
    for passed, more, tries in rounds:
        now, requests = now + passed, requests + more
        retries += sum(allowance.retry(now, requests) for _ in range(tries))
        assert retries <= 10.0 + 0.2 * requests + 1.0 * (now - 1_000.0) + 1e-6


def test_a_long_outage() -> None:
    """Where every request fails and would be sent again twice, a fifth of them is sent again in the long run."""
    allowance, retries, requests = Allowance(rate=0.0), 0, 0
    for _ in range(10_000):
        requests += 1
        retries += sum(allowance.retry(5.0, requests) for _ in range(2))
    assert 0.19 * requests <= retries - 100 <= 0.2 * requests + 1


@many
@given(st.lists(st.floats(0.1, 100.0), max_size=300))
def test_who_asks_seldom_is_always_retried(pauses: list[float]) -> None:
    """Who fails no more often than ten times a second is always retried."""
    allowance, now = Allowance(), 0.0
    for number, pause in enumerate(pauses):
        now += pause
        assert allowance.retry(now, number)


def test_it_does_not_save_up() -> None:
    """However long nothing failed, there are no more retries at once than in the beginning."""
    allowance = Allowance(most=10.0)
    assert allowance.retry(0.0, 0)
    assert sum(allowance.retry(1e9, 10**9) for _ in range(100)) == 10


def test_it_comes_back() -> None:
    """Once all retries are taken, they come back with the time and with the requests."""
    allowance = Allowance(most=2.0, share=0.5, rate=1.0)
    assert [allowance.retry(0.0, 0) for _ in range(3)] == [True, True, False]
    assert [allowance.retry(1.0, 0) for _ in range(2)] == [True, False]
    assert [allowance.retry(1.0, 2) for _ in range(2)] == [True, False]


@many
@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), min_size=1, max_size=60))
def test_times_may_come_in_any_order(calls: list[tuple[float, int]]) -> None:
    """A thread that comes late with an earlier time takes nothing away: nothing is earned or lost by it at once."""
    allowance = Allowance(most=1.0, share=0.0, rate=0.0)
    assert [allowance.retry(now, requests) for now, requests in calls] == [True] + [False] * (len(calls) - 1)


def test_threads_share_it() -> None:
    """However many threads ask at once, no retry is given twice."""
    allowance = Allowance(most=100.0, share=0.0, rate=0.0)
    given_out: list[bool] = []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        given_out.extend([allowance.retry(1.0, 0) for _ in range(100)])

    threads: list[Any] = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(given_out) == 100
