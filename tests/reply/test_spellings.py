"""Spellings: what a text plainly means, and what it does not."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.reply.spellings import (
    FORMATS,
    Words,
    boolean_of,
    folded,
    integer_of,
    is_nothing,
    is_numeric,
    number_of,
    numeral_of,
)

few = settings(max_examples=200, deadline=None)

INTEGERS: dict[str, int] = {
    "30": 30,
    "+30": 30,
    "-30": -30,
    "−30": -30,
    " 30 ": 30,
    "007": 7,
    "-0": 0,
    "1,234": 1234,
    "1,234,567": 1234567,
    "1'234": 1234,
    "1’234": 1234,
    "1 234": 1234,
    "1\u2009234": 1234,
    "1\u00a0234": 1234,
    "1\u202f234\u202f567": 1234567,
    "1_000": 1000,
    "1.234.567": 1234567,
    "30.0": 30,
    "30.00": 30,
    "30,0": 30,
    "1,234.00": 1234,
    "1.234,00": 1234,
    "-1,234": -1234,
    "٣٠": 30,
    "３０": 30,
    "１，２３４": 1234,
    "९": 9,
    "9" * 400: int("9" * 400),
}
NO_INTEGERS = [
    "", " ", "+", "-", ".", "30.5", "12,5", "1.234", "1.000", "1,23", "1,2345", "12,34,567", "1,234 567", "0,123",
    "1 2", "1__0", "1_00", "0x1F", "1e5", "$30", "30%", "30 kg", "30 years", "(30)", "--30", "3 0", "thirty", "½",
    "10²", "NaN", "Infinity", "1/2", "1:30", "30-40", "~30", "1\n234", "9" * 401, "1,234,56", "0 123",
]  # fmt: skip
NUMBERS: dict[str, float] = {
    "3.5": 3.5,
    "-3.5": -3.5,
    "+.5": 0.5,
    "1e5": 1e5,
    "1.5E-3": 0.0015,
    "1,234.50": 1234.5,
    "1,234.567": 1234.567,
    "1.234,50": 1234.5,
    "1 234,50": 1234.5,
    "1 234": 1234,
    "1'234.5": 1234.5,
    "12,5": 12.5,
    "1234,5": 1234.5,
    "0,5": 0.5,
    "12,3456": 12.3456,
    "1,234,567": 1234567,
    "1.234.567": 1234567,
    "1.234": 1.234,
    "1.000": 1.0,
    "0.000": 0.0,
    "30": 30,
    "٣٫٥": 3.5,
    "３．５": 3.5,
    "123456789012345": 123456789012345,
    "100000000000000000000": 10**20,
    "0e999999999999999999999": 0.0,
}
NO_NUMBERS = [
    "", "1,234", "1.234,567", "1 234,567", "0,123", "12,345", "NaN", "inf", "Infinity", "-Infinity", "1e999", "1e-400",
    "1234567890123456", "0.1234567890123456", "1.2.3", "1,2,3", "5.", "5,", ",5", "€5", "5 €", "5%", "5 kg", "1e",
    "1e5.5",     "1,234,56", "1.234.56", "1,234.567,8", "1'234,567", "3/4", "½", "ten", "1e99999999999999999999",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), INTEGERS.items())
def test_integers(text: str, expected: int) -> None:
    """A text that is one whole number, however it is grouped and in whichever digits, is that number."""
    assert integer_of(text) == expected
    assert type(integer_of(text)) is int


@pytest.mark.parametrize("text", NO_INTEGERS)
def test_no_integers(text: str) -> None:
    """A text with a fraction, a unit, a second reading, or too long is no integer."""
    assert integer_of(text) is None


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_numbers(text: str, expected: float) -> None:
    """A text that has one reading as a number is that number, and an int where it is written as one."""
    number = number_of(text)
    assert number == expected
    assert type(number) is type(expected)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_no_numbers(text: str) -> None:
    """A text that has two readings, that is not finite, or that a float would not keep is no number."""
    assert number_of(text) is None


@few
@given(st.integers(-(10**14), 10**14), st.sampled_from([",", " ", "'", "_", "\u202f"]))
def test_grouped_integers(number: int, mark: str) -> None:
    """Every integer is read as itself, grouped or not."""
    assert integer_of(str(number)) == number
    assert number_of(str(number)) == number
    assert integer_of(f"{number:,}".replace(",", mark)) == number


@few
@given(
    st.decimals(-(10**8), 10**8, places=2, allow_nan=False), st.sampled_from([",.", ".,", " ,", "'.", "’,", "\u2009."])
)
def test_grouped_decimals(number: Decimal, marks: str) -> None:
    """Every amount with cents is read as itself, in the manner of any country."""
    written = f"{number:,.2f}".translate(str.maketrans(",.", marks))
    assert number_of(written) == float(number)
    assert Decimal(numeral_of(written) or "") == number


@few
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_kept(number: float) -> None:
    """What is read as a number is exactly the number that was written."""
    assert number_of(repr(number)) in (number, None)


@few
@given(st.text() | st.text("0123456789,.' eE+-_", max_size=12))
def test_no_text_breaks_anything(text: str) -> None:
    """Every text has an answer to every question."""
    for question in (integer_of, number_of, numeral_of, is_numeric, folded):
        question(text)
    for each in FORMATS.values():
        spelled = each.spelled(text)
        assert spelled is None or each.has(spelled)
    assert is_nothing(text, free=True) in (True, False)
    assert Words([text, "another"]).meant(text) in (text, None)


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("true", False, True),
        (" TRUE ", False, True),
        ("Yes", False, True),
        ("y", False, True),
        ("on", False, True),
        ("false", False, False),
        ("No", False, False),
        ("n", False, False),
        ("OFF", False, False),
        ("1", True, True),
        ("0", True, False),
        ("1", False, None),
        ("maybe", True, None),
        ("2", True, None),
        ("", True, None),
        ("yes, mostly", True, None),
        ("t", True, None),
    ],
)
def test_booleans(text: str, digits: bool, expected: bool | None) -> None:
    """Words for yes and no are booleans; digits only where nothing else is meant."""
    assert boolean_of(text, digits=digits) is expected


@pytest.mark.parametrize(
    ("text", "free", "expected"),
    [
        ("", True, True),
        ("null", True, True),
        ("N/A", True, True),
        ("n/a", True, True),
        ("Null", True, False),
        ("none", True, False),
        ("unknown", True, False),
        ("-", True, False),
        ("", False, True),
        ("  ", False, True),
        ("NULL", False, True),
        ("None", False, True),
        ("nil", False, True),
        ("NA", False, True),
        ("--", False, True),
        ("–", False, True),
        ("—", False, True),
        ("Not  specified", False, True),
        ("Unknown", False, True),
        ("nothing", False, False),
        ("0", False, False),
        (" " * 500, False, False),
    ],
)
def test_nothing(text: str, free: bool, expected: bool) -> None:
    """Words for nothing count fully only where there is no free text: a person may be called Null."""
    assert is_nothing(text, free=free) is expected


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("firstName", "firstname"),
        ("First Name", "firstname"),
        ("first_name", "firstname"),
        ("__first__name__", "firstname"),
        ("first-name:", "firstname"),
        ("Prénom", "prenom"),
        ("line_1", "line1"),
        ("1.0", "1 0"),
        ("2021/22", "2021 22"),
        ("-1", "-1"),
        ("A-", "a-"),
        ("C++", "c++"),
        ("10²", "10²"),
        ("が", "が"),
        ("@type", "@type"),
        (" - ", "-"),
        ("...", ""),
    ],
)
def test_folded(text: str, expected: str) -> None:
    """Case, accents and separators make no difference to a name; signs, and digits that are apart, do."""
    assert folded(text) == expected


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["Red", "Green"], " red ", "Red"),
        (["red", "Red"], "Red", "Red"),
        (["red", "Red"], " Red ", "Red"),
        (["red", "Red"], "RED", None),
        (["in_progress", "done"], "In Progress", "in_progress"),
        (["in_progress", "done"], "in-progress.", "in_progress"),
        (["in progress", "in-progress"], "InProgress", None),
        (["café", "bar"], "CAFE", "café"),
        (["invoice", "receipt"], "invoise", "invoice"),
        (["invoice", "receipt"], "invoices", "invoice"),
        (["invoice", "receipt"], "invocie", "invoice"),
        (["cancelled", "paid"], "canceled", "cancelled"),
        (["invoice", "receipt"], "nvoice", None),
        (["typical", "other"], "atypical", None),
        (["invoice", "receipt"], "invoic", "invoice"),
        (["invoice", "receipt"], "invoi", None),
        (["invoice", "invoices"], "Invoicess", None),
        (["draft", "craft"], "dralt", None),
        (["married", "unmarried"], "marred", "married"),
        (["blue", "red"], "blu", None),
        (["phase1", "phase2"], "phase3", None),
        (["phase1", "other"], "phase", None),
        (["USD", "EUR"], "US", None),
        (["C", "Java"], "C++", None),
        (["A", "B"], "A-", None),
        (["10", "20"], "1.0", None),
        (["東京都港区"], "東京都北区", None),
        (["a", "b"], "", None),
        (["", "b"], " ", None),
        (["...", "b"], "?", None),
        ([], "x", None),
        (["x" * 30], "x" * 500, None),
        (["Mr", "Mrs"], "mr.", "Mr"),
    ],
)
def test_words(words: list[str], text: str, expected: str | None) -> None:
    """One of some words is meant where only case, separators, or one letter differ, and no other is near."""
    assert Words(words).meant(text) == expected


letters = st.text("abcdeäß -_", min_size=1, max_size=8)


@few
@given(st.lists(letters, min_size=1, max_size=6), letters)
def test_what_is_meant_is_a_word(words: list[str], text: str) -> None:
    """Only one of the words can be meant, and each of them means itself."""
    known = Words(words)
    assert known.meant(text) in {*words, None}
    for word in words:
        if words.count(word) == len([each for each in words if each.strip() == word.strip()]):
            assert known.meant(word) == (word if word.strip() else known.meant(word))


def _all_edits(word: str) -> list[Any]:
    return [word[:at] + "x" + word[at:] for at in range(1, len(word) + 1)] + [
        word[:at] + word[at + 1 :] for at in range(1, len(word))
    ]


@pytest.mark.parametrize("text", _all_edits("delivered"))
def test_one_edit(text: str) -> None:
    """A letter more or less is seen through wherever it is, but for the first."""
    assert Words(["delivered", "pending"]).meant(text) == "delivered"
