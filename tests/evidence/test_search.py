"""All places of one value: exact, in another form, with errors, or nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.folding import is_border
from extractor.evidence.search import Search
from extractor.evidence.source import source_of


def found(value: Any, text: str, **options: Any) -> tuple[str, list[str]]:
    """The status, and the texts of the places."""
    search = Search(source_of(text))
    result = search.find(value, **options)
    parts = [part for each in result.places for part in (each.parts or ((each.start, each.end),))]
    return result.status, [text[start:end] for start, end in parts]


@pytest.mark.parametrize(
    ("value", "text", "status", "there"),
    [
        ("Acme", "by Acme, to Acme", "exact", ["Acme", "Acme"]),
        ("5", "15 and 5", "exact", ["5"]),
        ("東京", "私は東京都に", "exact", ["東京"]),
        ("--", "a -- b", "exact", ["--"]),
        ("(x)", "a (x) b", "exact", ["(x)"]),
        ("acme ltd", "ACME\n  Ltd", "normalised", ["ACME\n  Ltd"]),
        ("information", "infor-\nmation", "normalised", ["infor-\nmation"]),
        ('the "x"', "the “x”", "normalised", ["the “x”"]),
        ("fine", "a ﬁne b", "normalised", ["ﬁne"]),
        ("DE89370400440532013000", "IBAN DE89 3704 0044 0532 0130 00", "normalised", ["DE89 3704 0044 0532 0130 00"]),
        ("TotalAmount", "hereTotalAmount12.00", "normalised", ["TotalAmount"]),
        ("€ 1,234.56", "1.234,56 EUR", "normalised", ["1.234,56"]),
        ("March 3, 2024", "on 2024-03-03", "normalised", ["2024-03-03"]),
        ("Schmidt & Partner", "5chmidt & Partncr", "fuzzy", ["5chmidt & Partncr"]),
        ("modern corner", "modem comer", "fuzzy", ["modem comer"]),
        (
            "12 Main Street, Springfield",
            "12 Main Street      Invoice 7\nSpringfield         Date",
            "fuzzy",
            ["12 Main Street", "Springfield"],
        ),
        ("INV-2024-0013", "INV-2024-0012", "absent", []),
        ("Steel bolt M1", "Steel bolt M8", "absent", []),
        ("Jupiter", "no such thing", "absent", []),
        ("", "text", "absent", []),
        (" ", "text", "absent", []),
        (1234.56, "1.234,56 or 1,234.56", "normalised", ["1.234,56", "1,234.56"]),
        (5, "five and 15", "normalised", ["five"]),
        (0.06, "6% of it", "normalised", ["6%"]),
        (-5, "a credit of 5.00", "fuzzy", ["5.00"]),
        (5, "paid -5.00", "fuzzy", ["5.00"]),
        (-5, "paid -5.00", "normalised", ["-5.00"]),
        (14, "binnen vierzehn Tagen", "normalised", ["vierzehn"]),
        ("-1,234.00", "paid 1,234.00", "fuzzy", ["1,234.00"]),
        ("$ 1,234.50", "$ 12,345.0", "absent", []),
        ("2024-06-05", "05.06.2024 or 2024-06-05", "exact", ["05.06.2024", "2024-06-05"]),
        ("12,50 €", "12.50 or 12,50 €", "exact", ["12.50", "12,50 €"]),
        ("Hans-Peter Müller", "Kunde: Müller, Hans-Peter", "normalised", ["Müller, Hans-Peter"]),
        ("John Smith", "SMITH, JOHN", "normalised", ["SMITH, JOHN"]),
        ("Dr. Hans Müller", "Müller Dr., Hans", "normalised", ["Müller Dr., Hans"]),
        ("John Smith", "Smith met John", "absent", []),
        ("Peter Hans", "Hans\nPeter", "absent", []),
        ("dog bites man", "man bites dog", "absent", []),
        ("EUR", "12,00 €, 5 Euro", "normalised", ["€", "Euro"]),
        ("€", "EUR12", "normalised", ["EUR"]),
        ("USD", "US$ 5", "normalised", ["US$"]),
        ("EUR", "Europe, neuro", "absent", []),
        ("SEK", "5 kr, the kr", "normalised", ["kr"]),
        ("+49 30 1234", "Tel. 030/1234", "normalised", ["030/1234"]),
        ("089 1234", "Fon +49 89 1234", "normalised", ["+49 89 1234"]),
        ("+498912345678", "+49 (0)89 / 123 456-78", "normalised", ["+49 (0)89 / 123 456-78"]),
        ("+1 555 123 4567", "(555) 123-4567", "normalised", ["(555) 123-4567"]),
        ("+44 89 12345", "+49 89 12345", "absent", []),
        ("Joan Smith", "by John Smith", "absent", []),
        ("Maria Rossi", "by Mario Rossi", "absent", []),
        ("Maria Rossi", "by Mavia Rossi", "absent", []),
        ("Hoffmann GmbH", "by Hofmann GmbH", "absent", []),
        ("The agreement is terminated", "The agreement is not terminated.", "absent", []),
        ("The agreement is not terminated", "The agreement is terminated.", "absent", []),
        ("it is terminated by the buyer", "it is hereby not terminated by the buyer", "absent", []),
        ("der Vertrag gilt ohne Frist", "der Vertrag gilt mit Frist", "absent", []),
        ("The buyer pays all costs of transport", "The seller pays all costs of transport", "absent", []),
        ("lawful processing of data", "unlawful processing of data", "absent", []),
        (2024, "on 2024-03-03", "normalised", ["2024"]),
        (10.5, "1O.5O", "fuzzy", ["1O.5O"]),
        ("2024-03-03", "3 March 2024", "normalised", ["3 March 2024"]),
        ("2024-03-03T10:30:00Z", "3 March 2024, 10:30", "normalised", ["3 March 2024, 10:30"]),
        ("2024-03", "March 2024", "normalised", ["March 2024"]),
        ("14:30:00", "at 2:30 pm", "normalised", ["2:30 pm"]),
        ("2024-03-03", "between 3 March and 5 April, in 2024", "normalised", ["3 March"]),
        (True, "true", "absent", []),
        (None, "null", "absent", []),
    ],
)
def test_places(value: Any, text: str, status: str, there: list[str]) -> None:
    """A value is found in the best way that there is, at all its places."""
    assert found(value, text) == (status, there)


def test_not_nearly() -> None:
    """What is inferred is found letter by letter or folded only."""
    assert found("acme ltd", "ACME Ltd", nearly=False) == ("normalised", ["ACME Ltd"])
    assert found("Schmidt", "5chmidt", nearly=False) == ("absent", [])


def test_within() -> None:
    """Only the given part of the source is looked in."""
    source = source_of("Acme 5 | Acme 5 | Acme 5")
    search = Search(source, (8, 17))
    assert [each.start for each in search.find("Acme").places] == [9]
    assert [each.start for each in search.find(5).places] == [14]


def test_what_differs_in_a_digit_is_absent_however_long() -> None:
    """One other digit makes another value, in a text of any length."""
    text = "The lease of 240 months begins on the first day of the year and ends with written notice"
    assert found(text.replace("240", "250"), text)[0] == "absent"


@given(st.text(alphabet="ab 1.-,é東\n\u00ad\u0301(\u200bA", max_size=40), st.data())
def test_what_is_copied_is_exact(text: str, data: st.DataObject) -> None:
    """A value that is copied from the text, from border to border, is found as exact."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    value = text[start:end]
    if not value.strip() or not is_border(text, start) or not is_border(text, end):
        return
    result = Search(source_of(text)).find(value)
    assert result.status == "exact"
    assert all(text[each.start : each.end] == value for each in result.places)


@given(st.text(alphabet="abmrn 10lO.-,東\n", max_size=60), st.text(alphabet="abmrn 10lO.-,東\n", max_size=12))
def test_places_lie_in_the_text(text: str, value: str) -> None:
    """Whatever is looked for, its places are in the text and in order."""
    result = Search(source_of(text)).find(value)
    assert [*result.places] == sorted(result.places)
    for each in result.places:
        for start, end in each.parts or ((each.start, each.end),):
            assert 0 <= start < end <= len(text)
        assert 0 < each.score <= 1


def test_long_values() -> None:
    """A very long value is found where it stands as it is, and is absent otherwise."""
    text = "word " * 10_000
    assert found(text.strip(), text)[0] == "exact"
    assert found("other " * 10_000, text)[0] == "absent"
