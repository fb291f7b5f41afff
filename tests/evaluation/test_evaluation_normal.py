"""What counts as the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.errors import OptionError
from extractor.evaluation.normal import Normal, is_nothing, tokens

SAME = [
    (1.50, 1.5),
    (1, 1.0),
    ("1.50", 1.5),
    ("1.50", "1.5"),
    (0.1 + 0.2, 0.3),
    (1_000_000_000.1, 1_000_000_000.1 * (1 + 1e-12)),
    (sum([0.1] * 1_000), 100),
    (1 / 3, 0.3333333333),
    (2.0**60 + 0.5, 2.0**60 * (1 + 2**-52)),
    ("2024-03-01", "2024-03-01T00:00:00"),
    ("2024-03-01T10:00:00Z", "2024-03-01T11:00:00+01:00"),
    ("ACME  Tools\nGmbH", "acme tools gmbh"),
    ("“Acme” – Tools", '"acme" - tools'),
    ("Acme Tools.", "Acme Tools"),
    ("- Acme Tools -", "Acme Tools"),
    ("−5,00 EUR", "-5,00 EUR"),
    ("(030) 1234", "030) 1234"),
    ("ﬁne", "fine"),
    ("Straße", "STRASSE"),
]
OTHER = [
    (True, 1),
    ("true", True),
    (12_345_678_901, 12_345_678_902),
    ("007", "7"),
    ("007", 7),
    (1.0, 1.001),
    ("2024-03-01", "2024-03-02"),
    ("2024-03-01T10:00:00", "2024-03-01T10:00:00Z"),
    ("Acme", "Acme Tools"),
    ("5%", "5"),
    ("-5,00 EUR", "5,00 EUR"),
    ("–5,00 EUR", "5,00 EUR"),
    ("-EUR 5,00", "EUR 5,00"),
    ("-€5.00", "€5.00"),
    ("-$ .50", "$ .50"),
    ('"-5 kg"', "5 kg"),
    (123_456_789_012.34, 123_456_789_012.37),
    (1_000_000_000.5, 1_000_000_001),
    (1_000_000_000.4, 1_000_000_000),
    (1_000_000_000.1, 1_000_000_000.2),
    ("C#", "C"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_it_is_the_same(one: Any, other: Any) -> None:
    """What differs in form alone is the same."""
    normal = Normal()
    assert normal.same(normal.key(one), normal.key(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_it_is_not_the_same(one: Any, other: Any) -> None:
    """What says something else is not the same."""
    normal = Normal()
    assert not normal.same(normal.key(one), normal.key(other))


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        ("numbers", "1.50", 1.5),
        ("dates", "2024-03-01", "2024-03-01T00:00:00"),
        ("unicode", "ﬁne", "fine"),
        ("case", "Acme", "ACME"),
        ("spaces", "a  b", "a b"),
        ("typography", "a–b", "a-b"),
        ("edges", "Acme.", "Acme"),
    ],
)
def test_each_rule_can_be_switched_off(rule: str, one: Any, other: Any) -> None:
    """A rule that is switched off makes a difference again, and is told so."""
    off = Normal(**{rule: False, **({} if rule != "unicode" else {"case": False})})
    usual = Normal()
    assert usual.same(usual.key(one), usual.key(other))
    assert not off.same(off.key(one), off.key(other))
    assert rule in off.off()
    assert len(list(off.said())) < len(list(usual.said()))


def test_a_tolerance_is_meant_as_it_is() -> None:
    """A tolerance that is more than what rounding leaves is not held to the decimals."""
    normal = Normal(tolerance=0.01)
    assert normal.same(normal.key(100.5), normal.key(100.9))
    assert not normal.same(normal.key(100.5), normal.key(110.5))


def test_other_ways_to_write_dates_need_the_schema() -> None:
    """A date in words is one where the schema asks for one."""
    normal = Normal()
    assert normal.key("3 March 2024", ["date"]) == normal.key("2024-03-03")
    assert normal.key("3 March 2024") != normal.key("2024-03-03")


def test_what_is_empty_is_nothing() -> None:
    """Null, an empty text, list and object are nothing; only null is where that is switched off."""
    nothing: list[Any] = [None, "", "  ", [], {}]
    assert all(is_nothing(each, Normal()) for each in nothing)
    assert [is_nothing(each, Normal(empty=False)) for each in nothing[:2]] == [True, False]
    assert not any(is_nothing(each, Normal()) for each in (0, False, 0.0, [0]))


def test_words_are_those_of_texts() -> None:
    """A text has words, a number has none."""
    normal = Normal()
    assert tokens(normal.key("Acme Tools-GmbH")) == ["acme", "tools", "gmbh"]
    assert tokens(normal.key(12)) == []


@pytest.mark.parametrize("tolerance", [-1, 1, True, "much", float("nan")])
def test_a_tolerance_has_a_range(tolerance: Any) -> None:
    """A tolerance that is none is refused."""
    with pytest.raises(OptionError):
        Normal(tolerance=tolerance)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.integers(10**400, 10**400 + 1))
def test_everything_has_a_key(value: Any) -> None:
    """Any scalar is the same as itself."""
    normal = Normal()
    assert normal.same(
        normal.key(value, ["date", "date-time", "time"]), normal.key(value, ["date", "date-time", "time"])
    )
