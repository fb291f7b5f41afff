"""Folding: one form for what is written differently, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.folding import fold, folded, is_border, skeleton, squashed

TEXTS = st.text(
    alphabet=st.sampled_from("aB1é ﬁ\u0301\u00ad\u200b-\n\t“’–½¹٣がガ한\u1100\u1161İßＡ東.,") | st.characters(),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Total  DUE\n\n now", "total due now"),
        ("\u00a0a\u00a0b\u3000c ", "a b c"),
        ("ﬁne Ｆｕｌｌ １２", "fine full 12"),
        ("Straße", "strasse"),
        ("e\u0301", "é"),
        ("“x” ‘y’ «z»", '"x" \'y\' "z"'),
        ("a–b—c−d", "a-b-c-d"),
        ("a\u200bb\u00adc\u200fd\ufeff", "abcd"),
        ("infor-\n  mation", "information"),
        ("infor\u00ad\nmation", "information"),
        ("Jean-\nPaul", "jean-paul"),
        ("٣٤ ۵", "34 5"),
        ("H₂O m²", "h2o m2"),
        ("100¹", "100¹"),
        ("1½", "1½"),
        ("", ""),
        ("\u200b", ""),
    ],
)
def test_form(text: str, form: str) -> None:
    """What is written differently has one form."""
    assert folded(text) == form


@given(TEXTS)
def test_map_is_monotone_and_covers(text: str) -> None:
    """Every character of the form has a place in the text, in order, and the map ends with the text."""
    form = fold(text)
    assert len(form.starts) == len(form.text) + 1
    assert list(form.starts) == sorted(form.starts)
    assert form.starts[-1] == len(text)
    assert all(0 <= start < len(text) for start in form.starts[:-1])


@given(TEXTS)
def test_span_lies_in_the_text(text: str) -> None:
    """The place of any part of the form is a place of the text that folds to that part."""
    form = fold(text)
    for start in range(len(form.text)):
        span = form.span(start, start + 1)
        if span:
            assert 0 <= span[0] < span[1] <= len(text)


@given(TEXTS)
def test_folding_again_changes_nothing_of_plain_text(text: str) -> None:
    """The offset of a place in the form leads back to the place."""
    form = fold(text)
    for index, start in enumerate(form.starts[:-1]):
        if index == 0 or form.starts[index - 1] != start:
            assert form.at(start) == index


@pytest.mark.parametrize(
    ("text", "at", "border"),
    [
        ("ab cd", 2, True),
        ("ab cd", 1, False),
        ("ab", 0, True),
        ("ab", 2, True),
        ("1.5", 1, False),
        ("1. 5", 1, True),
        ("5,000", 2, False),
        ("東京都", 1, True),
        ("東京a", 2, True),
        ("회사는", 2, True),
        ("a_b", 1, True),
    ],
)
def test_border(text: str, at: int, border: bool) -> None:
    """A word or number begins and ends at borders; scripts without spaces have one everywhere."""
    assert is_border(text, at) is border


def test_squashed_text_has_letters_and_digits_only() -> None:
    """Squashing leaves out what is between letters and digits, and knows where they were."""
    found = squashed("ab-1 2.c")
    assert found.text == "ab12c"
    assert list(found.starts) == [0, 1, 3, 5, 7]


def test_skeleton_makes_one_of_what_looks_alike() -> None:
    """Characters that are taken for each other are one in a skeleton, also two for one."""
    one, other = skeleton(squashed("rnodern 10")), skeleton(squashed("modem lO".casefold()))
    assert one.text == other.text
    assert len(one.text) == len(one.starts)
