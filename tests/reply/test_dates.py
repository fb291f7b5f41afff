"""Dates and times: texts that plainly mean one, and the formats themselves."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.reply.dates import FORMATS

few = settings(max_examples=200)

DATES: dict[str, str | None] = {
    "2021/05/03": "2021-05-03",
    "2021.5.3": "2021-05-03",
    "2021-5-3": "2021-05-03",
    "20210503": "2021-05-03",
    "２０２１/05/03": "2021-05-03",
    "3 May 2021": "2021-05-03",
    " 3 may 2021 ": "2021-05-03",
    "3. May 2021": "2021-05-03",
    "May 3, 2021": "2021-05-03",
    "May 3 2021": "2021-05-03",
    "May 3rd, 2021": "2021-05-03",
    "Sept. 3, 2021": "2021-09-03",
    "3rd of May, 2021": "2021-05-03",
    "03-May-2021": "2021-05-03",
    "21st January 2021": "2021-01-21",
    "Monday, 3 May 2021": "2021-05-03",
    "Mon May 3, 2021": "2021-05-03",
    "Mon, 3 May 2021": "2021-05-03",
    "Tuesday, 3 May 2021": None,
    "13/05/2021": "2021-05-13",
    "05/13/2021": "2021-05-13",
    "13.05.2021": "2021-05-13",
    "05-13-2021": "2021-05-13",
    "5/5/2021": "2021-05-05",
    "05/5/2021": "2021-05-05",
    "03/04/2021": None,
    "13/13/2021": None,
    "2021-05-03T00:00:00": "2021-05-03",
    "2021-05-03 00:00": "2021-05-03",
    "2021-05-03T00:00:00.000Z": "2021-05-03",
    "2021-05-03T00:00:00+02:00": None,
    "2021-05-03T14:30:00": None,
    "03/04/21": None,
    "3 May 21": None,
    "May 2021": None,
    "2021": None,
    "2021-02-30": None,
    "30 February 2021": None,
    "29 Feb 2020": "2020-02-29",
    "2021/05-03": None,
    "2021123": None,
    "202105031": None,
    "0/5/2021": None,
    "3 Mai 2021": None,
    "3 Mayday 2021": None,
    "yesterday": None,
    "": None,
    "2021-05-03/2021-05-04": None,
}


@pytest.mark.parametrize(("text", "expected"), DATES.items())
def test_dates(text: str, expected: str | None) -> None:
    """A text that names one real day is that day; which number is the month has to be clear."""
    assert FORMATS["date"].spelled(text) == expected


@few
@given(
    st.dates(datetime.date(1000, 1, 1)),
    st.sampled_from(["%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%A, %d %B %Y", "%a %b %d, %Y", "%Y/%m/%d"]),
)
def test_every_date(date: datetime.date, way: str) -> None:
    """Every day is read as itself, in every way of writing it that is clear."""
    assert FORMATS["date"].spelled(date.strftime(way)) == date.isoformat()


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        ("time", "2:30 PM", "14:30:00"),
        ("time", "2:30pm", "14:30:00"),
        ("time", "2:30 p.m.", "14:30:00"),
        ("time", "12:00 AM", "00:00:00"),
        ("time", "12:15 PM", "12:15:00"),
        ("time", "9:05", "09:05:00"),
        ("time", "14:30", "14:30:00"),
        ("time", "9:05:07.5", "09:05:07.5"),
        ("time", "9:05Z", "09:05:00Z"),
        ("time", "9:05+0200", "09:05:00+02:00"),
        ("time", "14:30 PM", None),
        ("time", "0:30 AM", None),
        ("time", "25:00", None),
        ("time", "9:65", None),
        ("time", "9", None),
        ("time", "2 PM", None),
        ("time", "noon", None),
        ("date-time", "2021-05-03 14:30:00", "2021-05-03T14:30:00"),
        ("date-time", "2021-05-03 14:30", "2021-05-03T14:30:00"),
        ("date-time", "2021-05-03T14:30", "2021-05-03T14:30:00"),
        ("date-time", "2021-05-03 14:30Z", "2021-05-03T14:30:00Z"),
        ("date-time", "2021-05-03 14:30:00.25+02:00", "2021-05-03T14:30:00.25+02:00"),
        ("date-time", "2021-05-03 2:30 PM", "2021-05-03T14:30:00"),
        ("date-time", "2021-05-03", None),
        ("date-time", "2021-02-30 14:30", None),
        ("date-time", "2021-05-03 25:30", None),
        ("date-time", "14:30", None),
        ("date-time", "1620000000", None),
        ("duration", "90 minutes", None),
    ],
)
def test_times(format: str, text: str, expected: str | None) -> None:
    """A time is written in full where it is clear; no zone and no time of day is made up."""
    assert FORMATS[format].spelled(text) == expected


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        ("date", "2021-05-03", True),
        ("date", "0000-02-29", True),
        ("date", "2021-5-3", False),
        ("date", "2021-02-30", False),
        ("date", "２０２１-05-03", False),
        ("date-time", "2021-05-03T14:30:00", True),
        ("date-time", "2021-05-03t14:30:60.5z", True),
        ("date-time", "2021-05-03T14:30:00+02:00", True),
        ("date-time", "2021-05-03 14:30:00", False),
        ("date-time", "2021-05-03T24:30:00", False),
        ("time", "14:30:00", True),
        ("time", "14:30:00Z", True),
        ("time", "14:30", False),
        ("duration", "P1D", True),
        ("duration", "90", False),
    ],
)
def test_formats(format: str, text: str, expected: bool) -> None:
    """What the validators take as it is has the format."""
    assert FORMATS[format].has(text) is expected
