"""What a document holds."""

from __future__ import annotations

import pytest

from extractor.grammar.copied import Copied
from extractor.grammar.gbnf import Rules


def copied(document: str) -> Copied:
    """What can be copied from it."""
    return Copied(document, Rules())


@pytest.mark.parametrize(
    ("document", "numbers"),
    [
        ("1,918.60", {"1918.6", "1918.60"}),
        ("1.234", {"1.234", "1234"}),
        ("five", {"5"}),
        ("12.00", {"12.0", "12.00", "12"}),
        ("-3", {"-3", "3"}),
        ("none", set()),
        ("1" * 500, set()),
        ("0.00001", {"0.00001", "1e-05"}),
    ],
)
def test_numbers(document: str, numbers: set[str]) -> None:
    """Numbers are there in every reading, as JSON, and prices with the zeros at their end."""
    assert numbers <= set(copied(document).numbers or [])
    assert bool(numbers) == bool(copied(document).numbers)


def test_dates() -> None:
    """Days are there in every reading, but no months and no days without a year."""
    assert set(copied("5/3/2024, and May 2023, and 4 June").dates or []) == {"2024-03-05", "2024-05-03"}


def test_times() -> None:
    """Times of day have seconds."""
    assert copied("at 2:05 pm, or 14:05:30").times == ["14:05:00", "14:05:30"]


def test_short_texts() -> None:
    """Texts of few words are those for which something holds; None where there are too many words."""
    assert copied("ab AB-1, cd").short(str.isupper, None) == ["AB-1"]
    assert copied("ab AB-1, cd").short(str.isspace, None) == []
    assert copied("ab cd ef").short(str.islower, 5) == ["ab", "ab cd", "cd", "cd ef", "ef"]
    assert copied("a " * 100_000).short(str.islower, None) is None


def test_the_rule_for_texts_is_written_once() -> None:
    """The rule is written when it is first needed, and not for a document without words."""
    rules = Rules()
    one = Copied("a b", rules)
    assert one.text == one.text == "copied"
    count = len(rules.bodies)
    assert (one.text, len(rules.bodies)) == ("copied", count)
    assert copied("…").text is None


def test_hostile_enums() -> None:
    """A value without words is not mentioned by any document, nor one that is no text."""
    assert copied("a 5 null").mentioned(["", "…", 5, None, "a"]) == ["a"]
