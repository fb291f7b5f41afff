"""When two scalars say the same, as far as votes, lists laid side by side and calibration ask.

The rules of an evaluation, which can be switched off one by one, are `evaluation/normal.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable
from typing import Any

from extractor.reply.dates import FORMATS
from extractor.reply.numerals import number_of
from extractor.schema.nodes import text_of

__all__ = ["normal", "written"]

LONGEST = 100_000  # characters of a text that are folded; longer ones are equal to the letter or not

_NUMBER = re.compile(r"[-+]?(?:0|[1-9](?:[,.' ]?+\d)*+|0?[.,]\d++)", re.ASCII)
_QUOTES = re.compile(r"[`´‘’‚‛“”„«»\"]")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_EDGES = " .,;:'()[]"


def normal(value: Any) -> Hashable:
    """What is equal for two scalars that say the same: numbers by their value, also in a text; dates however they are
    written, if clearly; other text but for case, kinds of space, quotes and dashes, and punctuation at its ends.
    """
    if isinstance(value, str):
        return _normal_text(value)
    if isinstance(value, bool) or value is None:
        return "literal", value
    if isinstance(value, (int, float)):
        return "number", value
    return "other", written(value)


def written(value: Any) -> str:
    """A value of plain JSON as text, however deep it is and however long its numbers are."""
    try:
        return text_of(value)
    except (ValueError, RecursionError):
        return _spelled(value)


def _spelled(value: Any) -> str:
    """All that a value has, with its large numbers to another base, for which there is no limit."""
    pieces: list[str] = []
    ahead = [value]
    while ahead:
        each = ahead.pop()
        if isinstance(each, dict):
            pieces.append(text_of(sorted(each)))
            ahead += [each[key] for key in sorted(each)]
        elif isinstance(each, list):
            pieces.append(f"[{len(each)}")
            ahead += each
        else:
            pieces.append(hex(each) if type(each) is int else text_of(each))
    return " ".join(pieces)


def _normal_text(text: str) -> Hashable:
    if len(text) > LONGEST:
        return "text", text
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = " ".join(_DASHES.sub("-", _QUOTES.sub("'", folded)).split()).strip(_EDGES)
    if any(each.isdecimal() for each in folded[:40]) and len(folded) <= 40:
        # Not "007", which is no number but a name of digits.
        number = number_of(folded) if _NUMBER.fullmatch(folded) else None
        if number is not None:
            return "number", number
        date = FORMATS["date"].spelled(folded)
        if date is not None:
            return "date", date
    return "text", folded
