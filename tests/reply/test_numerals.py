"""Numerals: texts that plainly mean a number, and those that do not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.reply.numerals import integer_of, is_ambiguous, is_endless, is_numeric, number_of, numeral_of

few = settings(max_examples=200)

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
    "10,0000", "1,0000",
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


@pytest.mark.parametrize(
    ("text", "numeric", "endless"),
    [
        ("90", True, False),
        (" -1.5e3 ", True, False),
        ("٣", True, False),
        ("1,234", False, False),
        ("", False, False),
        ("inf", False, True),
        (" NaN ", False, True),
        ("1e999", True, True),
        ("P1D", False, False),
        ("9" * 500, False, True),
    ],
)
def test_what_a_validator_takes(text: str, numeric: bool, endless: bool) -> None:
    """Texts that a validator takes for seconds, or for a number without an end, are told."""
    assert (is_numeric(text), is_endless(text)) == (numeric, endless)


@pytest.mark.parametrize(
    ("text", "number", "whole"),
    [
        ("1.000", False, True),
        (" 12.000 ", False, True),
        ("-1.234", False, True),
        ("001.000", False, True),
        ("１.０００", False, True),
        ("0.125", False, False),
        ("0001.000", False, False),
        ("1.000.000", False, False),
        ("1.0000", False, False),
        ("30.0", False, False),
        ("1_0", True, True),
        ("1_0.5", True, True),
        ("1_000", False, False),
        ("1__0", False, False),
        ("_1", False, False),
        ("a_b", False, False),
        ("1_0e999", False, False),
        ("9" * 500, False, False),
        ("", False, False),
    ],
)
def test_what_may_be_several_numbers(text: str, number: bool, whole: bool) -> None:
    """A point before three digits may group them where a whole number is wanted, as underscores may anywhere."""
    assert (is_ambiguous(text, whole=False), is_ambiguous(text, whole=True)) == (number, whole)
