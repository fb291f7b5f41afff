"""The source: its pages and its indexes."""

from __future__ import annotations

import pytest

from extractor.evidence.source import source_of


def test_pages_of_form_feeds() -> None:
    """Form feeds part the pages, which count from 1."""
    source = source_of("one\ftwo\fthree")
    assert source.pages == (0, 4, 8)
    assert [source.page_of(at) for at in (0, 3, 4, 8, 12)] == [1, 1, 2, 3, 3]


def test_no_pages() -> None:
    """Without form feeds there are no pages."""
    assert source_of("one").page_of(1) is None
    assert source_of("one\ftwo", pages=()).page_of(5) is None


def test_given_pages() -> None:
    """Pages that are given are taken, in order."""
    source = source_of("abcdef", pages=[3, 0])
    assert [source.page_of(at) for at in (0, 2, 3)] == [1, 1, 2]


def test_indexes_are_made_once() -> None:
    """An index is the same object the next time."""
    source = source_of("Five Words, 5 on 2024-03-09 at 10:30")
    assert source.words is source.words
    assert list(source.words["words"]) == [5]
    assert [each.start for each in source.amounts[5]] == [0, 12]
    assert source.days["2024-03-09"][0].start == 17
    assert source.clocks["10:30"][0].start == 31
    assert list(source.lines) == [0]


@pytest.mark.parametrize(("text", "value"), [("l,2O4.50", 1204.5), ("1O.00", 10.0), ("5O1", 501), ("28S.5O", 285.5)])
def test_misread_amounts(text: str, value: float) -> None:
    """A number with letters for digits is one of those misread, and no other."""
    source = source_of(f"pay {text} now")
    (found, *_) = source.misread_amounts[value]
    assert source.text[found.start : found.end] == text
    assert value not in source.amounts


def test_words_are_not_misread() -> None:
    """A word of letters that look like digits is no number."""
    assert not source_of("Soll is Bills SOS").misread_amounts


def test_misread_days() -> None:
    """A date with a letter for a digit, or a wrong letter in the month, is one of those misread."""
    source = source_of("on 2O24-O3-l5 and 25 Jauuary 2022")
    assert source.misread_days["2024-03-15"][0].start == 3
    assert source.misread_days["2022-01-25"][0].start == 18
