"""Numbers in a text: every way to write them, every reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.amounts import amounts


@pytest.mark.parametrize(
    ("text", "value", "there"),
    [
        ("1.234,56", 1234.56, "1.234,56"),
        ("a 1 234,56 €", 1234.56, "1 234,56"),
        ("1\u202f234,5", 1234.5, "1\u202f234,5"),
        ("1'234.56", 1234.56, "1'234.56"),
        ("1,234.56", 1234.56, "1,234.56"),
        ("1,23,456.50", 123456.5, "1,23,456.50"),
        ("(1,234.56)", -1234.56, "(1,234.56)"),
        ("(1,234.56)", 1234.56, "1,234.56"),
        ("12,50 €", 12.5, "12,50"),
        ("EUR12,50", 12.5, "12,50"),
        ("1.2 million", 1_200_000, "1.2 million"),
        ("3 Mio. Euro", 3_000_000, "3 Mio"),
        ("5k", 5000, "5k"),
        ("5 m long", 5, "5"),
        ("3.5万円", 35_000, "3.5万"),
        ("50 %", 50, "50"),
        ("50 %", 0.5, "50 %"),
        ("6%", 0.06, "6%"),
        ("¼ l", 0.25, "¼"),
        ("1½", 1.5, "1½"),
        ("1 1/2 cups", 1.5, "1 1/2"),
        ("five people", 5, "five"),
        ("Twenty-one days", 21, "Twenty-one"),
        ("one hundred and five", 105, "one hundred and five"),
        ("two thousand three hundred", 2300, "two thousand three hundred"),
        ("1.234", 1.234, "1.234"),
        ("1.234", 1234, "1.234"),
        ("1,234", 1234, "1,234"),
        ("1,234", 1.234, "1,234"),
        ("٣٤٥٫٦", 345.6, "٣٤٥٫٦"),
        ("-5", -5, "-5"),
        ("−$5.00", -5, "−$5.00"),
        ("5.00-", -5, "5.00-"),
        ("5-10", 10, "10"),
        ("2024-03-09", 2024, "2024"),
        ("12.03.2024", 2024, "2024"),
        ("2 1 234,50", 2, "2"),
        ("2 1 234,50", 1234.5, "1 234,50"),
        ("007", 7, "007"),
        ("-5 million", -5_000_000, "-5 million"),
        ("binnen vierzehn Tagen", 14, "vierzehn"),
        ("Einundzwanzig", 21, "Einundzwanzig"),
        ("dreißig", 30, "dreißig"),
        ("eenentwintig", 21, "eenentwintig"),
        ("tweeëntwintig", 22, "tweeëntwintig"),
        ("quatre-vingt-dix-sept", 97, "quatre-vingt-dix-sept"),
        ("soixante et onze", 71, "soixante et onze"),
        ("treinta y uno", 31, "treinta y uno"),
        ("veintidós", 22, "veintidós"),
        ("ventotto", 28, "ventotto"),
        ("noventa e nove", 99, "noventa e nove"),
        ("la fattura e il conto di due euro", 2, "due"),
        ("honderd", 100, "honderd"),
    ],
)
def test_reading(text: str, value: float, there: str) -> None:
    """A number is found in any way to write it, at its place."""
    assert (value, there) in [(each.value, text[each.start : each.end]) for each in amounts(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5-10", -10),
        ("stone", 1),
        ("x5y5", 55),
        ("1.2.3", 123),
        ("a 5 k", 5000),
        ("Due date", 2),
        ("at once", 11),
        ("ein Haus", 1),
        ("dix pour cent", 100),
    ],
)
def test_no_reading(text: str, value: float) -> None:
    """What is no number, or another one, is not found."""
    assert value not in [each.value for each in amounts(text)]


def test_a_number_without_its_sign() -> None:
    """A number that has a sign is told from one that has none; a dash is no sign for certain."""
    assert {each.value: each.unsigned for each in amounts("-5.00")} == {-5: False, 5: True}
    assert {each.value: each.unsigned for each in amounts("- 5.00")} == {-5: False, 5: False}


def test_numbers_up_to_a_hundred() -> None:
    """In each language all numbers up to a hundred have a name, but for a 1 that is an article."""
    for tens in ("zwanzig", "twintig", "vingt", "veinte", "venti", "vinte"):
        assert [each.value for each in amounts(tens)] == [20]
    names = "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize".split()
    for number, name in enumerate(names, 1):
        assert 80 + number in [each.value for each in amounts(f"quatre-vingt-{name}")]


def test_a_part_of_something_else_counts_less() -> None:
    """Digits of a date or a range have a lower score than a number by itself."""
    scores = {each.value: each.score for each in amounts("2024-03-09 and 7")}
    assert scores[7] == 1.0
    assert scores[2024] < 0.7


@given(st.text(alphabet="0123456789.,' -()%½/kone hundred\u00a0٣", max_size=60))
def test_places_lie_in_the_text(text: str) -> None:
    """Every place is in the text, and every number finite."""
    for each in amounts(text):
        assert 0 <= each.start < each.end <= len(text)
        assert each.value - each.value == 0


@given(st.integers(-(10**12), 10**12))
def test_integers_in_groups(value: int) -> None:
    """An integer with its thousands apart is found."""
    assert value in [each.value for each in amounts(f"{value:,}")]


@pytest.mark.parametrize(
    "text",
    [
        "1 " + "9" * 5_000 + "/3",
        "1/" + "9" * 5_000,
        "quatre vingt " * 10_000,
        "9" * 5_000 + "½",
        "9" * 100_000,
        "1 " * 50_000,
        "1." * 50_000,
        "one hundred " * 20_000,
        "1,234 " * 20_000,
    ],
)
def test_long_runs(text: str) -> None:
    """A text of digits without an end gives no number without an end."""
    assert all(abs(each.value) < 10**1_000 for each in amounts(text))
