"""A document as units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.grammar.units import units


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dr. Jan Kos (Brno),", ["Dr", ".", "Jan", "Kos", "(", "Brno", ")", ","]),
        ("R-432/84, 2024-10-21", ["R-432/84", ",", "2024-10-21"]),
        ("TOTAL:$1,918.60", ["TOTAL", ":", "$", "1,918.60"]),
        ("10:30 688–694 O'Neil AT&T", ["10:30", "688–694", "O'Neil", "AT&T"]),
        ("東京都 Tokyo", ["東", "京", "都", "Tokyo"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("cafe\u0301 ende", ["cafe\u0301", "ende"]),
        ("a\x00b\x1bc", ["a", "b", "c"]),
        ("", []),
    ],
)
def test_units(text: str, found: list[str]) -> None:
    """Words are units, and so is each sign around them; digits stay together, as do words with signs inside."""
    assert [unit.text for unit in units(text)] == found


def test_borders() -> None:
    """A value begins with no comma or closing bracket and ends with no opening one; a full stop may be its end."""
    found = {unit.text: (unit.starts, unit.ends) for unit in units('"Inc." (#5), €7; [x]')}
    assert found["Inc"] == found["5"] == found["7"] == found["x"] == (True, True)
    assert found["."] == found[")"] == found["]"] == (False, True)
    assert found["#"] == found["€"] == (True, True) or not found["#"][1]
    assert found[","] == found[";"] == found["("] == found["["] == (False, False)


@pytest.mark.parametrize(
    ("text", "borders"),
    [
        (".NET", [(True, True), (True, True)]),
        ("end.", [(True, True), (False, True)]),
        ("a - b", [(True, True), (False, False), (True, True)]),
        ("-5", [(True, False), (True, True)]),
        ("C++", [(True, True), (False, False), (False, True)]),
        ("C#", [(True, True), (True, True)]),
        ("/usr", [(True, False), (True, True)]),
    ],
)
def test_signs_that_belong_to_a_word(text: str, borders: list[tuple[bool, bool]]) -> None:
    """A sign begins or ends a value where nothing parts it from that."""
    assert [(unit.starts, unit.ends) for unit in units(text)] == borders


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e", "\ufeff", "\ue000"])
def test_what_cannot_be_seen(unseen: str) -> None:
    """A character that nobody sees is no value, and neither begins nor ends one."""
    assert [(unit.starts, unit.ends) for unit in units(f"a {unseen} b")] == [(True, True), (False, False), (True, True)]


def test_spaces() -> None:
    """Any blank between two units is a space, and none is none."""
    assert [unit.spaced for unit in units("a,b\n\n c\u00a0d\x07e")] == [False, False, False, True, True, True]


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    """All that is no blank and no control character stands in a unit, in its order."""
    assert "".join(unit.text for unit in units(text)) == "".join(
        each for each in text if not each.isspace() and not (each < " " or "\x7f" <= each <= "\x9f")
    )
