"""The texts that plainly mean a number, however its digits are grouped and of whichever script they are."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from extractor.reply.spellings import stripped

__all__ = ["integer_of", "is_ambiguous", "is_endless", "is_numeric", "number_of", "numeral_of"]

DIGITS = 15  # significant digits that every binary float keeps

_WRITTEN = re.compile(r"([+-]?)(\d*+)(?:\.(\d++))?+(?:[eE]([+-]?\d++))?+", re.ASCII)
_GROUPED = re.compile(
    r"([+-]?)([1-9]\d{0,2}([,.'’_ \u00a0\u2007\u2009\u202f])\d{3}(?:\3\d{3})*+)(?:([.,])(\d++))?+", re.ASCII
)
_WITH_COMMA = re.compile(r"([+-]?)(\d++),(\d++)", re.ASCII)
_THOUSAND = re.compile(r"[+-]?0*+[1-9]\d{0,2}+\.\d{3}", re.ASCII)


def numeral_of(text: str, *, whole: bool = False) -> str | None:
    """A number as JSON would write it, digit by digit: "1 234,50" → "1234.50".

    Where a `whole` number is wanted, one comma can only group (by four in the far east), and a point before three
    zeros is not clear.
    """
    text = stripped(text)
    return _as_written(text, whole=whole) or _as_grouped(text, whole=whole) or _with_comma(text, whole=whole)


def _as_written(text: str, *, whole: bool) -> str | None:
    match = _WRITTEN.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    if whole and match[3] == "000" and match[2].lstrip("0") and len(match[2]) <= 3:
        return None
    return _joined(match[1], match[2], match[3], match[4])


def _as_grouped(text: str, *, whole: bool) -> str | None:
    match = _GROUPED.fullmatch(text)
    if match is None:
        return None
    sign, digits, mark, point, fraction = match.groups()
    if point == mark or (point == "," and len(fraction) == 3):
        return None
    if not point and digits.count(mark) == 1 and (mark == "." or (mark == "," and not whole)):
        return None
    return _joined(sign, digits.replace(mark, ""), fraction)


def _with_comma(text: str, *, whole: bool) -> str | None:
    match = _WITH_COMMA.fullmatch(text)
    if match is None or len(match[3]) == 3 or (whole and len(match[3]) > 3):
        return None
    return _joined(*match.groups())


def _joined(sign: str, digits: str, fraction: str | None = None, power: str | None = None) -> str:
    written = ("-" if sign == "-" else "") + (digits.lstrip("0") or "0")
    return written + (f".{fraction}" if fraction else "") + (f"e{power}" if power else "")


def integer_of(text: str) -> int | None:
    """The integer that a text is: "1,234" → 1234, "30.0" → 30."""
    written = numeral_of(text, whole=True)
    if written is None or "e" in written:
        return None
    digits, _, fraction = written.partition(".")
    return None if fraction.strip("0") else int(digits)


def number_of(text: str) -> int | float | None:
    """The number that a text is, where a float keeps all of its digits: "12,5" → 12.5, "1,234" → None."""
    written = numeral_of(text)
    if written is None:
        return None
    digits = written.partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")
    if len(digits) > DIGITS:
        return None
    if written.lstrip("-").isdigit():
        return int(written)
    number = float(written)
    if not digits:
        return number
    # Also not "1e-400", which would be 0.
    return number if number and math.isfinite(number) and Decimal(repr(number)) == Decimal(written) else None


def is_ambiguous(text: str, *, whole: bool) -> bool:
    """Whether a text may be several numbers, of which pydantic takes one: "1_0", and "1.000" for a `whole` one."""
    if whole and _THOUSAND.fullmatch(stripped(text)):
        return integer_of(text) is None
    if "_" not in text or numeral_of(text, whole=whole) is not None:
        return False
    try:
        return math.isfinite(float(text))  # in Python's own writing
    except ValueError:
        return False


def is_numeric(text: str) -> bool:
    """Whether a text is digits and nothing else, which pydantic takes for seconds where it wants a time."""
    match = _WRITTEN.fullmatch(stripped(text))
    return match is not None and bool(match[2] or match[3])


def is_endless(text: str) -> bool:
    """Whether a text is infinity, no number, or too large a number, all of which pydantic takes for a float."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False
