"""Meanings: which of some words is meant, and which say yes, no, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.reply.meanings import Words, boolean_of, folded, is_nothing

few = settings(max_examples=200)


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
        ("t", True, True),
        (" F ", False, False),
        ("tr", True, None),
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
