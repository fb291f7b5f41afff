"""Tokens: each is taken whole, or as far as a chunk has it, and nothing else is."""

from __future__ import annotations

import pytest

from extractor.reply.tokens import (
    BEGUN,
    CUT_ESCAPE,
    NUMBER,
    RUN,
    STRANGE,
    decoded,
    end_of,
    match_first,
    match_next,
    match_value,
)

WORDS = ["true", "false", "null", "NaN", "Infinity", "-Infinity"]
NUMBERS = ["0", "-0", "12", "-3.25", "1e5", "1E+5", "0.5e-10"]


@pytest.mark.parametrize("token", WORDS + NUMBERS)
def test_every_beginning(token: str) -> None:
    """Wherever a chunk cuts a literal or a number, its beginning is known for one."""
    for end in range(1, len(token) + 1):
        assert end_of(BEGUN, token[:end], 0) == end


@pytest.mark.parametrize("token", [*NUMBERS, "NaN", "Infinity", "-Infinity"])
def test_numbers(token: str) -> None:
    """A number is one as a whole, those included that are not finite."""
    assert NUMBER.fullmatch(token)
    assert not NUMBER.fullmatch(token + ".")
    assert not NUMBER.fullmatch("+" + token)


@pytest.mark.parametrize("escape", ["\\n", "\\u00e9", "\\ud7ff", "\\ud83d\\ude00", "\\uDBFF\\uDFFF"])
def test_escapes(escape: str) -> None:
    """An escape is taken as a whole, half characters as a pair; what a chunk has of one waits for the rest."""
    assert end_of(RUN, escape, 0) == len(escape)
    for end in range(1, len(escape)):
        assert end_of(RUN, escape[:end], 0) == 0
        assert CUT_ESCAPE.match(escape[:end])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\\x", "bad_escape"),
        ("\\u12g4", "bad_escape"),
        ("\\ud83dx", "lone_surrogate"),
        ("\\ude00", "lone_surrogate"),
        ("\ud800", "lone_surrogate"),
        ("\n", "control_character"),
    ],
)
def test_what_is_strange(text: str, kind: str) -> None:
    """What must not stand in a string has a name."""
    assert end_of(RUN, text, 0) == 0
    assert not CUT_ESCAPE.match(text)
    assert next(name for pattern, name in STRANGE if pattern.match(text)) == kind


@pytest.mark.parametrize(
    ("text", "group"),
    [
        (' "a"', 2),
        ('"a', 1),
        (" [", 3),
        ("{", 3),
        ("null", 4),
        (" ]", 5),
        ("12,", 6),
        ("-1.5]", 7),
    ],
)
def test_values(text: str, group: int) -> None:
    """The last group that matches says what the beginning of a value is."""
    match = match_value(text)
    assert match is not None
    assert match.lastindex == group


@pytest.mark.parametrize("text", ["12", "1.", "1e5,", "tru", "1234567890123456789012,", "\\"])
def test_no_values(text: str) -> None:
    """What may go on, or is a rare number, is not taken in one go."""
    assert match_value(text) is None


@pytest.mark.parametrize(("text", "group"), [(' "a" :', 3), ('"a"', 2), ('"a', 1), (" }", 4)])
def test_members(text: str, group: int) -> None:
    """The key of a member is taken as far as it goes, with the comma before it where one is due."""
    first, further = match_first(text), match_next(text if group == 4 else "," + text)
    assert first is not None
    assert further is not None
    assert (first.lastindex, further.lastindex) == (group, group)
    assert (first.end(), first[1]) == (len(text), "a" if group < 4 else None)


def test_a_comma_alone() -> None:
    """A comma with which a chunk ends is taken, too."""
    match = match_next(" ,")
    assert match is not None
    assert match.lastindex is None


def test_decoded() -> None:
    """Whole escapes are what they stand for."""
    assert decoded("a\\n\\ud83d\\ude00é") == "a\n😀é"
