"""Dates and times in a text: every way to write them, every reading."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.days import clocks, days


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-03-09", "2024-03-09"),
        ("12/03/2024", "2024-03-12"),
        ("12/03/2024", "2024-12-03"),
        ("12.3.24", "2024-03-12"),
        ("12.3.89", "1989-03-12"),
        ("9. 3. 2024", "2024-03-09"),
        ("3 March 2024", "2024-03-03"),
        ("3rd of March, 2024", "2024-03-03"),
        ("March 3rd, 2024", "2024-03-03"),
        ("3-Mar-24", "2024-03-03"),
        ("3March2024", "2024-03-03"),
        ("3 mars 2024", "2024-03-03"),
        ("1er août 2024", "2024-08-01"),
        ("9. März 2024", "2024-03-09"),
        ("10. Dez. 2023", "2023-12-10"),
        ("3 de marzo de 2024", "2024-03-03"),
        ("3 gennaio 2024", "2024-01-03"),
        ("3 de março de 2024", "2024-03-03"),
        ("3 maart 2024", "2024-03-03"),
        ("2024年3月3日", "2024-03-03"),
        ("٣ مارس ٢٠٢٤", "2024-03-03"),
        ("3 במרץ 2024", "2024-03-03"),
        ("20240303", "2024-03-03"),
        ("2024-03-09T10:30:00Z", "2024-03-09"),
        ("March 2024", "2024-03"),
        ("2024-03", "2024-03"),
        ("03/2024", "2024-03"),
        ("2024年3月", "2024-03"),
        ("see 3 March", "--03-03"),
        ("No. 12 March 5, 2024", "2024-03-05"),
        ("rue 12\nNîmes, 09/06/2015", "2015-06-09"),
    ],
)
def test_date(text: str, value: str) -> None:
    """A date is found in any way to write it."""
    assert value in [each.value for each in days(text)]


@pytest.mark.parametrize("text", ["2024-13-40", "31 February 2024", "5 people 2024", "1.2.3.4", "12345678", "maybe 5x"])
def test_no_date(text: str) -> None:
    """What is no day of the calendar is not found."""
    assert not [each for each in days(text) if len(each.value) == 10]


def test_month_with_a_wrong_letter() -> None:
    """Loosely, a month's name may have a wrong letter."""
    assert not [*days("25 Jauuary 2022")]
    assert [each.value for each in days("25 Jauuary 2022", loosely=True)] == ["2022-01-25"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("14:30", "14:30"),
        ("2:30 pm", "14:30"),
        ("2 p.m.", "14:00"),
        ("14h30", "14:30"),
        ("T10:30:05Z", "10:30:05"),
        ("12:00 am", "00:00"),
    ],
)
def test_clock(text: str, value: str) -> None:
    """A time of day is found in any way to write it."""
    assert value in [each.value for each in clocks(text)]


@given(
    st.dates(datetime.date(1971, 1, 1), datetime.date(2069, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%y"]),
)
def test_any_date(date: datetime.date, form: str) -> None:
    """Any date in a usual form is found as a whole."""
    text = date.strftime(form)
    assert [each for each in days(text) if each.value == date.isoformat() and (each.start, each.end) == (0, len(text))]


@given(st.text(alphabet="0123456789/.- ,marchMay年月日:hpT\n", max_size=60))
def test_places_lie_in_the_text(text: str) -> None:
    """Every place is in the text."""
    for each in [*days(text), *clocks(text), *days(text, loosely=True)]:
        assert 0 <= each.start < each.end <= len(text)


@pytest.mark.parametrize("text", ["9" * 50_000, "1." * 20_000, "12:" * 20_000, "1 May " * 10_000, "٣/" * 20_000])
def test_long_runs(text: str) -> None:
    """A run of digits without an end raises nothing, and no place of it is outside of the text."""
    for each in (*days(text), *days(text, loosely=True), *clocks(text)):
        assert 0 <= each.start < each.end <= len(text)
