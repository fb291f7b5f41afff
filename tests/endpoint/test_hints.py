"""What headers say of an endpoint's limits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.endpoint.hints import Hints, Left

NOW = 1_800_000_000.0
DATE = "2027-01-15T08:00:30Z"  # half a minute later


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1h2m3s", 3_723.0),
        ("1m26.4s", 86.4),
        ("12", 12.0),
        ("0.5", 0.5),
        (f"{NOW + 30:.0f}", 30.0),
        (f"{(NOW + 30) * 1_000:.0f}", 30.0),
        (DATE, 30.0),
        (DATE.replace("Z", "+00:00"), 30.0),
        ("2020-01-01T00:00:00Z", 0.0),
        ("9" * 9 + "h", 86_400.0),
        ("soon", None),
        ("", None),
        ("1x", None),
        ("9" * 500, None),
        ("99999-01-01T00:00:00Z", None),
    ],
)
def test_a_reset_is_said_in_many_ways(said: str, seconds: float | None) -> None:
    """A reset is a duration, a time since the epoch, or a date; what is none of them says nothing."""
    hints = Hints.of({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": said}, NOW)
    assert hints is not None
    assert hints.requests is not None
    assert hints.requests.reset == (None if seconds is None else pytest.approx(seconds))


OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": DATE,
}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            OPENAI,
            Hints(
                requests=Left(remaining=59, limit=60, reset=1.0),
                tokens=Left(remaining=149_984, limit=150_000, reset=360),
            ),
        ),
        (ANTHROPIC, Hints(requests=Left(remaining=0, limit=50, reset=30.0))),
        (
            {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "7", "ratelimit-reset": "9"},
            Hints(requests=Left(remaining=7, limit=100, reset=9.0)),
        ),
        ({"ratelimit": "limit=100, remaining=50, reset=5"}, Hints(requests=Left(remaining=50, limit=100, reset=5.0))),
        ({"ratelimit": '"default";r=50;t=30'}, Hints(requests=Left(remaining=50, reset=30.0))),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-limit": "0"}, Hints(requests=Left(remaining=3))),
        ({"x-ratelimit-limit-requests": "60"}, None),
        ({"content-type": "application/json"}, None),
        ({"x-ratelimit-remaining-requests": "many"}, None),
        ({"x-ratelimit-remaining-requests": "-1"}, None),
    ],
)
def test_each_familys_headers_are_read(headers: Mapping[str, str], expected: Hints | None) -> None:
    """The headers of each family give the same record; what is missing or no number says nothing."""
    assert Hints.of(headers, NOW) == expected


def test_little_left_is_scarce() -> None:
    """A sender has to mind what is nearly used up only."""
    assert not Hints(requests=Left(remaining=59, limit=60)).scarce
    assert Hints(requests=Left(remaining=7, limit=60)).scarce
    assert Hints(requests=Left(remaining=59, limit=60), tokens=Left(remaining=0, limit=10)).scarce
    assert Hints(requests=Left(remaining=1)).scarce


texts = st.text(st.sampled_from('0123456789.,;=:+-TZhmsµdrt "limtrean'), max_size=40) | st.text(max_size=40)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from([*OPENAI, *ANTHROPIC, "ratelimit", "ratelimit-remaining", "ratelimit-reset"]), texts
    )
)
def test_no_header_breaks_it(headers: dict[str, str]) -> None:
    """Whatever headers say, it never raises, and what is read is within bounds."""
    hints = Hints.of(headers, NOW)
    for left in (hints.requests, hints.tokens) if hints is not None else ():
        if left is not None:
            assert 0 <= left.remaining < 1e16
            assert left.limit is None or 0 < left.limit < 1e16
            assert left.reset is None or 0 <= left.reset <= 86_400
