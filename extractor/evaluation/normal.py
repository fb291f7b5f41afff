"""What counts as the same: every single value becomes a key, and those with the same key say the same.

Numbers are numbers however they are written, dates and times what they mean, texts without what is typography. Each
rule can be switched off, and is told in the report.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from extractor.errors import OptionError
from extractor.reply.dates import FORMATS

__all__ = ["USUAL", "Normal", "is_nothing", "tokens"]

MOST_TEXT = 5_000  # characters of a text whose words are compared
ROUNDING = 1e-9
"""A tolerance up to this is for what rounding leaves behind; one that is larger is meant as it is."""
CENTS = 2  # decimals that nobody leaves out as nothing
LONGEST = 64  # characters of a text that may be a number or a date

_NUMERAL = re.compile(r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9}+)?+)?+(?:[Zz]|[+-]\d\d:?+\d\d)?+", re.ASCII)
_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9}+)?+)?+(?:[Zz]|[+-]\d\d:?+\d\d)?+", re.ASCII)
_SPOKEN = ("date", "date-time", "time")  # formats of a schema, in whose places other ways to write them are read
_DASHES = "‐‑‒–—―−﹘﹣－"
_SINGLE, _DOUBLE = "‘’‚‛′`´＇", "“”„‟″«»＂"
_TYPOGRAPHY = str.maketrans(
    {**dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_SINGLE, "'"), **dict.fromkeys(_DOUBLE, '"')}
)
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Normal:
    """What makes no difference between two values; each rule can be switched off.

    `numbers`: a number and a text that is nothing but a numeral (1.5, "1.50") are the same number; fractions are the
    same within `tolerance` (relative), whole numbers exactly. A tolerance of up to 1e-9 is for what rounding leaves
    behind: half a unit of the last decimal that both have, or half a cent, is a difference all the same. `dates`: dates
    and times are compared by what they mean, those in ISO 8601 everywhere, others ("3 March 2024") where the schema
    asks for one. `unicode`: texts in Unicode's normal form NFKC. `case`, `spaces`, `typography` (kinds of quotes and
    dashes), `edges` (punctuation around a text, but for the minus of an amount) make no difference. `empty`: "", [] and
    {} are the same as null, which a missing member always is.
    """

    numbers: bool = True
    tolerance: float = 1e-9
    dates: bool = True
    unicode: bool = True
    case: bool = True
    spaces: bool = True
    typography: bool = True
    edges: bool = True
    empty: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.tolerance, bool) or not isinstance(self.tolerance, (int, float)):
            raise OptionError("tolerance is no number.", option="tolerance")
        if not 0 <= self.tolerance < 1:
            raise OptionError(f"tolerance is {self.tolerance}, but must be from 0 to below 1.", option="tolerance")

    def said(self) -> Iterator[str]:
        """The rules that hold, in words."""
        rules = {
            "numbers": f"numbers by value (fractions within {self.tolerance:g}), texts that are numerals too",
            "dates": "dates and times by meaning",
            "unicode": "texts in NFKC",
            "case": "case makes no difference",
            "spaces": "white space makes no difference but for where words end",
            "typography": "kinds of quotes and dashes make no difference",
            "edges": "punctuation around a text makes no difference, but for the minus of an amount",
            "empty": '"", [] and {} are the same as null',
        }
        yield from (said for name, said in rules.items() if getattr(self, name))

    def off(self) -> tuple[str, ...]:
        """The names of the rules that are switched off."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) is False)

    def key(self, value: Any, formats: Collection[str] = ()) -> str:
        """What a scalar says: one letter for its kind, and its normal form. `formats` are those of its schema.

        n a number, b a boolean, d a date, m a moment, c a time of the day, t a text, j anything else.
        """
        if isinstance(value, bool):
            return f"b{value:d}"
        if isinstance(value, (int, float)):
            return self._number(value)
        if isinstance(value, str):
            return self._text(value, formats)
        return "j" + json.dumps(value, sort_keys=True, default=str)

    def same(self, one: str, other: str) -> bool:
        """Whether two keys say the same."""
        if one == other:
            return True
        if self.tolerance == 0 or one[:1] != "n" or other[:1] != "n" or not _fractions(one, other):
            return False
        first, second = float(one[1:]), float(other[1:])
        if not math.isclose(first, second, rel_tol=self.tolerance):
            return False
        return self.tolerance > ROUNDING or abs(first - second) < _rounding(one[1:], other[1:])

    def _number(self, value: float) -> str:
        if isinstance(value, int):
            # More digits than Python writes are no number that anybody meant.
            return f"n{value}" if value.bit_length() < _BITS else f"j{value:x}"
        if not math.isfinite(value):
            return f"j{value}"
        if value.is_integer() and abs(value) < _EXACT:
            return f"n{int(value)}"
        return f"n{value!r}"

    def _text(self, value: str, formats: Collection[str]) -> str:
        text = value
        short = len(text) <= LONGEST
        if self.dates and short and (meant := _moment(text.strip(), formats)):
            return meant
        if self.numbers and short and _NUMERAL.fullmatch(text.strip()):
            return self._numeral(text.strip())
        return "t" + self.text(text)

    def _numeral(self, text: str) -> str:
        try:
            return self._number(int(text))
        except ValueError:
            return self._number(float(text))

    def text(self, text: str) -> str:
        """A text without what makes no difference."""
        if text.isascii():
            plain = text
        else:
            plain = unicodedata.normalize("NFKC", text) if self.unicode else text
            plain = plain.translate(_TYPOGRAPHY) if self.typography else plain
        if self.typography and "`" in plain:
            plain = plain.translate(_TYPOGRAPHY)
        plain = plain.casefold() if self.case else plain
        plain = " ".join(plain.split()) if self.spaces else plain
        return _bare(plain) if self.edges else plain


USUAL = Normal()
"""All rules hold."""

_BITS = 1_000
_EXACT = 2.0**53


def _fractions(one: str, other: str) -> bool:
    """Whether one of two numbers is no whole one."""
    return not (one[1:].lstrip("-").isdigit() and other[1:].lstrip("-").isdigit())


def _rounding(one: str, other: str) -> float:
    """What two numbers differ by, at the least, that are not the same but for rounding: half a unit of the decimals
    that both have, and more than the last bits of a float.
    """
    decimals = min(-_exponent(one), -_exponent(other))
    return max(0.5 * 10.0 ** -max(decimals, CENTS), 4 * math.ulp(float(one)))


def _exponent(numeral: str) -> int:
    exponent = Decimal(numeral).as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _bare(text: str) -> str:
    """A text without punctuation around it; all of it, where there is nothing else."""
    start, end = 0, len(text)
    while start < end and _is_edge(text[start]) and not _is_minus(text, start):
        start += 1
    while end > start and _is_edge(text[end - 1]):
        end -= 1
    return text[start:end] or text


def _is_edge(character: str) -> bool:
    return character.isspace() or (unicodedata.category(character) in _EDGES and character not in _MEANT)


def _is_minus(text: str, at: int) -> bool:
    """Whether a dash stands before an amount: digits, perhaps with a currency before them."""
    return unicodedata.category(text[at]) == "Pd" and _AMOUNT.match(text, at + 1) is not None


# Up to three letters or a sign of a currency: what is no word, no space, and in ASCII nothing but $.
_AMOUNT = re.compile(r"[^\W\d_]{0,3}+[^\w\s\x00-#%-\x7f]?+ ?+[.,]?+\d")
_EDGES = ("Po", "Ps", "Pe", "Pi", "Pf", "Pd")
_MEANT = "%‰#@&*/\\"  # these say something


def _moment(text: str, formats: Collection[str]) -> str | None:
    """What a text means that is a date, a time of the day, or both; None where it is none."""
    iso = _iso(text)
    if iso is not None:
        return iso
    for name in _SPOKEN:
        if name in formats:
            read = FORMATS[name].spelled(text)
            if read is not None:
                return _iso(read) or f"t{read}"
    return None


def _iso(text: str) -> str | None:
    if not text[:1].isdigit() or not text.isascii():
        return None
    try:
        if _DAY.fullmatch(text):
            return f"d{datetime.date.fromisoformat(text)}"
        if _MOMENT.fullmatch(text):
            return _of_moment(datetime.datetime.fromisoformat(text.upper()))
        if _CLOCK.fullmatch(text):
            return f"c{datetime.time.fromisoformat(text.upper()).isoformat()}"
    except (ValueError, OverflowError):
        pass
    return None


def _of_moment(moment: datetime.datetime) -> str:
    if moment.tzinfo is not None:
        return f"m{moment.astimezone(datetime.UTC).isoformat()}"
    # Midnight without a zone is how a day is written that had to be a moment.
    return f"d{moment.date()}" if moment.time() == datetime.time() else f"m{moment.isoformat()}"


def is_nothing(value: Any, normal: Normal) -> bool:
    """Whether a value is as good as none."""
    if value is None:
        return True
    return normal.empty and (value in ("", [], {}) or (isinstance(value, str) and not value.strip()))


def tokens(key: str) -> list[str]:
    """The words of a text, by its key, those at its beginning where it is long; none of what is no text."""
    return _WORDS.findall(key, 1, MOST_TEXT) if key[:1] == "t" else []
