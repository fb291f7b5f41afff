"""How values are spelled, and what holds for each question about it (`numerals`, `dates`, `meanings`).

A question gets a text and answers with the one value that it can mean, or None. What has two readings ("1,234" for a
number, "03/04/2021" for a date), or would lose anything (a unit, a currency, a digit) has none.
"""

from __future__ import annotations

import unicodedata

__all__ = ["LENGTH", "stripped"]

LENGTH = 400  # characters: a longer text is no number, date or word

_MARKS = str.maketrans("−﹣－＋．，：／٫٬", "---+.,:/.,")


def stripped(text: str) -> str:
    """The text stripped, with the digits and signs of other scripts as ASCII; "" where it is too long."""
    if len(text) > LENGTH:
        return ""
    text = text.strip()
    if text.isascii():
        return text
    # Only digits: to normalise more would make "10²" of "102".
    digits = (str(unicodedata.decimal(each)) if each.isdecimal() else each for each in text)
    return "".join(digits).translate(_MARKS)
