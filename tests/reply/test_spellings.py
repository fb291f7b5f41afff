"""Spellings: what makes no difference, and what holds for every question about a text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.reply.dates import FORMATS
from extractor.reply.meanings import Words, boolean_of, folded, is_nothing
from extractor.reply.numerals import integer_of, is_endless, is_numeric, number_of, numeral_of
from extractor.reply.spellings import LENGTH, stripped

few = settings(max_examples=200)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 30\n", "30"),
        ("٣０", "30"),
        ("−1", "-1"),
        ("１，２３４．５", "1,234.5"),
        ("10²", "10²"),
        ("9" * LENGTH, "9" * LENGTH),
        ("9" * (LENGTH + 1), ""),
    ],
)
def test_stripped(text: str, expected: str) -> None:
    """The digits and signs of any script are ASCII, white space around is gone, and what is too long is nothing."""
    assert stripped(text) == expected


@few
@given(st.text() | st.text("0123456789,.' eE+-_", max_size=12))
def test_no_text_breaks_anything(text: str) -> None:
    """Every text has an answer to every question."""
    for question in (integer_of, number_of, numeral_of, is_numeric, is_endless, folded):
        question(text)
    assert boolean_of(text, digits=True) in (True, False, None)
    for each in FORMATS.values():
        spelled = each.spelled(text)
        assert spelled is None or each.has(spelled)
    assert is_nothing(text, free=True) in (True, False)
    assert Words([text, "another"]).meant(text) in (text, None)
