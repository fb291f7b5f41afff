"""A document as the units of which values are made: words, and the punctuation around and inside of them.

A value begins and ends with a whole unit: `(Berlin),` has the value `Berlin`, but none that is `Ber`.
Where a script has no spaces between words, every character is a unit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Unit", "units"]

# Marks that belong to the letter before them, which Python does not count among the letters.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0b01-\u0b03"
    "\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d"
)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
_UNSPACED += "\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_LETTER = rf"(?:[^\W{_UNSPACED}]|[{_MARKS}])"
_NONE = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"  # control characters, and halves of characters
# What separates two values also where no space does; anything else inside of a word belongs to it.
_BETWEEN = r""",;:()\[\]{}<>"“”„«»|=，。、；：（）「」『』【】《》"""
_UNIT = re.compile(
    rf"{_LETTER}++(?:[^\w\s{_BETWEEN}{_UNSPACED}{_NONE}]++{_LETTER}++|(?<=\d)[,:]\d++{_LETTER}*+)*+"
    rf"|[^\s{_NONE}]"
)
_NO_START = frozenset(",;:!?)]}>\"'“”„‘’`«»|=…，。、；：）」』】》([{<（「『【《•·")
_NO_END = frozenset(',;:([{<"“„‘`«|=，、；：（「『【《•·')
# These belong to a value only where nothing parts them from it: `.5`, `/usr`, `C++`.
_TIGHT_START = frozenset(".-/\\~_*+&")
_TIGHT_END = frozenset("-/\\~_*+&#@")
_UNSEEN = ("Cf", "Cn", "Co")  # marks of direction, joiners, what has no meaning


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its text, whether a space stands before it, and whether a value may begin or end with it."""

    text: str
    spaced: bool
    starts: bool
    ends: bool


def units(text: str) -> list[Unit]:
    """The units of a text, in their order. Control characters are as good as spaces."""
    found: list[Unit] = []
    matches = [*_UNIT.finditer(text), None]
    last = 0
    for match, behind in pairwise(matches):
        if match is None:
            break
        unit, spaced = match[0], match.start() > last
        joined = behind is not None and behind.start() == match.end()
        starts = unit not in _NO_START and (unit not in _TIGHT_START or (joined and (spaced or not found)))
        ends = unit not in _NO_END and (unit not in _TIGHT_END or not (spaced or joined or not found))
        seen = len(unit) > 1 or unicodedata.category(unit) not in _UNSEEN
        found.append(Unit(unit, spaced, seen and starts, seen and ends))
        last = match.end()
    return found
