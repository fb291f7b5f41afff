"""How values are spelled: the texts that plainly mean a number, a boolean, nothing, a date, or one of some words.

Each question here gets a text and answers with the one value that it can mean, or None. What has two readings
("1,234" for a number, "03/04/2021" for a date), or would lose anything (a unit, a currency, a digit) has none.
"""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

__all__ = [
    "FORMATS",
    "Format",
    "Words",
    "boolean_of",
    "folded",
    "integer_of",
    "is_endless",
    "is_nothing",
    "is_numeric",
    "number_of",
    "numeral_of",
]

LENGTH = 400  # characters: a longer text is no number, date or word
DIGITS = 15  # significant digits that every binary float keeps

_MARKS = str.maketrans("−﹣－＋．，：／٫٬", "---+.,:/.,")


def _plain(text: str) -> str:
    """The text stripped, with the digits and signs of other scripts as ASCII; "" where it is too long."""
    if len(text) > LENGTH:
        return ""
    text = text.strip()
    if text.isascii():
        return text
    # Only digits: to normalise more would make "10²" of "102".
    digits = (str(unicodedata.decimal(each)) if each.isdecimal() else each for each in text)
    return "".join(digits).translate(_MARKS)


# ------------------------------------------------------------------------------------------ numbers

_WRITTEN = re.compile(r"([+-]?)(\d*+)(?:\.(\d++))?+(?:[eE]([+-]?\d++))?+", re.ASCII)
_GROUPED = re.compile(
    r"([+-]?)([1-9]\d{0,2}([,.'’_ \u00a0\u2007\u2009\u202f])\d{3}(?:\3\d{3})*+)(?:([.,])(\d++))?+", re.ASCII
)
_WITH_COMMA = re.compile(r"([+-]?)(\d++),(\d++)", re.ASCII)


def numeral_of(text: str, *, whole: bool = False) -> str | None:
    """A number as JSON would write it, digit by digit: "1 234,50" → "1234.50".

    Where a `whole` number is wanted, one comma can only group, and a point before three zeros is not clear.
    """
    text = _plain(text)
    return _as_written(text, whole=whole) or _as_grouped(text, whole=whole) or _with_comma(text)


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


def _with_comma(text: str) -> str | None:
    match = _WITH_COMMA.fullmatch(text)
    return None if match is None or len(match[3]) == 3 else _joined(*match.groups())


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


def is_numeric(text: str) -> bool:
    """Whether a text is digits and nothing else, which pydantic takes for seconds where it wants a time."""
    match = _WRITTEN.fullmatch(_plain(text))
    return match is not None and bool(match[2] or match[3])


def is_endless(text: str) -> bool:
    """Whether a text is infinity, no number, or too large a number, all of which pydantic takes for a float."""
    try:
        return len(text) <= LENGTH and not math.isfinite(float(text))
    except ValueError:
        return False


# ------------------------------------------------------------------------- booleans, and what is not there

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "no", "n", "off"), False),
}
_DIGITS = {"1": True, "0": False}


def boolean_of(text: str, *, digits: bool) -> bool | None:
    """The boolean that a text is; with `digits` also "1" and "0"."""
    if len(text) > LENGTH:
        return None
    word = text.strip().casefold()
    return _BOOLEANS.get(word, _DIGITS.get(word) if digits else None)


# As they stand: a person may be called Null.
_NOTHING = frozenset(("", "null", "N/A", "n/a"))
_NOTHING_BUT_TEXT = frozenset(
    "|null|n/a|none|nil|na|-|--|–|—|unknown|not available|not specified|not provided|not applicable".split("|")
)


def is_nothing(text: str, *, free: bool) -> bool:
    """Whether a text says that there is nothing; where it is a `free` text fewer are taken to mean that."""
    if free:
        return text in _NOTHING
    return len(text) <= LENGTH and " ".join(text.split()).casefold() in _NOTHING_BUT_TEXT


# ----------------------------------------------------------------------------------- dates and times

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sep sept|"
        "october oct|november nov|december dec".split("|"),
        1,
    )
    for name in names.split()
}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        "monday mon|tuesday tue tues|wednesday wed|thursday thu thur thurs|friday fri|saturday sat|sunday sun".split(
            "|"
        )
    )
    for name in names.split()
}
_WEEKDAY = re.compile(r"([a-z]{3,9}+)\.?+,?+\s++")
_ORDERS = (  # y, m, d: digits; name: a month; a, b: day and month in an order that has to be clear
    re.compile(r"(?P<y>\d{4})(?P<s>[/.-])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})", re.ASCII),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})[t ]00:00(?::00(?:\.0++)?+)?+z?+", re.ASCII),
    re.compile(
        r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?+[\s-]++(?:of\s++)?+(?P<name>[a-z]{3,9}+)\.?+[\s,-]++(?P<y>\d{4})", re.ASCII
    ),
    re.compile(r"(?P<name>[a-z]{3,9}+)\.?+[\s-]++(?P<d>\d{1,2})(?:st|nd|rd|th)?+[\s,-]++(?P<y>\d{4})", re.ASCII),
    re.compile(r"(?P<a>\d{1,2})(?P<s>[/.-])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4})", re.ASCII),
)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d++)?+(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?+"
_TIME = re.compile(_CLOCK, re.ASCII)
_DATE_TIME = re.compile(rf"(\d{{4}}-\d\d-\d\d)[Tt]{_CLOCK}", re.ASCII)
_SPOKEN_TIME = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d++)?+))?+(?:\s*+([ap])(?:m|\.m\.)|\s?(z|[+-]\d{2}:?+\d{2}))?+", re.ASCII
)
_SPOKEN_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:t|\s++)(\d.*+)", re.ASCII)


def _date(text: str) -> str | None:
    text = _plain(text).casefold()
    weekday = _WEEKDAY.match(text)
    day = _WEEKDAYS.get(weekday[1]) if weekday else None
    if weekday and day is not None:
        text = text[weekday.end() :]
    for order in _ORDERS:
        if match := order.fullmatch(text):
            date = _real(match.groupdict())
            # A weekday that is not that date's says that one of them is wrong.
            return date.isoformat() if date and day in (None, date.weekday()) else None
    return None


def _real(parts: Mapping[str, str]) -> datetime.date | None:
    month, day = parts.get("m"), parts.get("d")
    if "a" in parts:
        month, day = parts["a"], parts["b"]
        if int(month) > 12:
            month, day = day, month
        elif month.zfill(2) != day.zfill(2) and int(day) <= 12:
            return None
    number = _MONTHS.get(parts["name"], 0) if "name" in parts else int(month or 0)
    try:
        return datetime.date(int(parts["y"]), number, int(day or 0))
    except ValueError:
        return None


def _time(text: str) -> str | None:
    match = _SPOKEN_TIME.fullmatch(_plain(text).casefold())
    if match is None:
        return None
    hour, minute, second, half, zone = match.groups()
    number = int(hour)
    if half and not 1 <= number <= 12:
        return None
    number = number % 12 + 12 * (half == "p") if half else number
    zone = (zone or "").upper()
    zone = f"{zone[:3]}:{zone[-2:]}" if len(zone) > 1 else zone
    written = f"{number:02}:{minute}:{second or '00'}{zone}"
    return written if _TIME.fullmatch(written) else None


def _date_time(text: str) -> str | None:
    match = _SPOKEN_DATE_TIME.fullmatch(_plain(text).casefold())
    time = _time(match[2]) if match else None
    return f"{match[1]}T{time}" if match and time and _is_date(match[1]) else None


def _is_date(text: str) -> bool:
    if len(text) != len("2021-05-03") or text[4] != "-" or text[7] != "-" or not text.isascii():
        return False
    try:
        datetime.date.fromisoformat("2000" + text[4:] if text.startswith("0000") else text)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    match = _DATE_TIME.fullmatch(text)
    return match is not None and _is_date(match[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A format in which numbers would be taken for seconds: whether a text has it, and what a text is in it."""

    has: Callable[[str], bool]
    spelled: Callable[[str], str | None]


FORMATS: Mapping[str, Format] = {
    "date": Format(has=_is_date, spelled=_date),
    "time": Format(has=lambda text: _TIME.fullmatch(text) is not None, spelled=_time),
    "date-time": Format(has=_is_date_time, spelled=_date_time),
    "duration": Format(has=lambda text: not is_numeric(text), spelled=lambda text: None),
}

# -------------------------------------------------------------------------------------------- words

_BETWEEN = re.compile(r"(?<=\w)[\s_.,:;/\\'’()\[\]–—-]++(?=\w)|_++")
_AROUND = " \t\r\n.,:;!?\"'“”‘’()[]"


def folded(text: str) -> str:
    """A name without case, accents and what separates its words; digits that are apart stay apart."""
    text = unicodedata.normalize("NFD", text.strip(_AROUND).casefold())
    text = "".join(each for each in text if not "\u0300" <= each <= "\u036f")
    return unicodedata.normalize("NFC", _BETWEEN.sub(_separator, text))


def _separator(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    return " " if text[start - 1 : start].isdigit() and text[end : end + 1].isdigit() else ""


NEAR_LETTERS = 5  # a shorter word is another word with one letter changed
NEAR_LENGTH = 100
NEAR_WORDS = 1_000


class Words:
    """Some words of which one is meant: the same but for case, then but for separators, then but for one edit."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(dict.fromkeys(words))
        self._same: tuple[dict[str, list[str]], ...] = ({}, {}, {})
        self._near: dict[str, list[str]] | None = None
        self._around: dict[str, list[str]] = {}
        for word in self._words:
            for known, spelled in zip(self._same, _SPELLED, strict=True):
                known.setdefault(spelled(word), []).append(word)

    def meant(self, text: str) -> str | None:
        """The one word that a text means."""
        if len(text) > LENGTH:
            return None
        for known, spelled in zip(self._same, _SPELLED, strict=True):
            key = spelled(text)
            if key and (found := known.get(key)):
                return found[0] if len(found) == 1 else None
        return self._nearest(folded(text))

    def _nearest(self, text: str) -> str | None:
        if not NEAR_LETTERS <= len(text) + 1 <= NEAR_LENGTH or len(self._words) > NEAR_WORDS or not _alphabetic(text):
            return None
        found = {word for each in _shortened(text) for word in self._index().get(each, ())}
        found = {word for word in found if _one_edit(text, word)}
        if len(found) != 1:
            return None
        word = found.pop()
        words = self._same[-1][word]
        return words[0] if len(words) == 1 and not any(_edits(text, each) <= 2 for each in self._close(word)) else None

    def _index(self) -> dict[str, list[str]]:
        if self._near is None:
            self._near = {}
            for word in self._same[-1]:
                if sum(map(str.isalpha, word)) >= NEAR_LETTERS and len(word) <= NEAR_LENGTH and _alphabetic(word):
                    for each in _shortened(word):
                        self._near.setdefault(each, []).append(word)
        return self._near

    def _close(self, word: str) -> list[str]:
        """The other words that a text one edit away from this one can be two edits away from."""
        if word not in self._around:
            others = (each for each in self._same[-1] if each != word and abs(len(each) - len(word)) <= 3)
            self._around[word] = [each for each in others if len(each) <= NEAR_LENGTH and _edits(word, each) <= 4]
        return self._around[word]


_SPELLED: tuple[Callable[[str], str], ...] = (str.strip, lambda text: text.strip().casefold(), folded)


def _alphabetic(text: str) -> bool:
    # Where a letter is a syllable or a word (from Hebrew on), one of them changed is another word.
    return text < "\u0590" and all(each < "\u0590" for each in text)


def _shortened(text: str) -> set[str]:
    """The text, and it without each one of its letters: texts that are one edit apart have one of these in common."""
    return {text, *(text[:at] + text[at + 1 :] for at in range(len(text)))}


def _one_edit(text: str, word: str) -> bool:
    """Whether one letter more, less, changed or swapped makes the word: not the first one, and no digit."""
    at = next((at for at, (a, b) in enumerate(zip(text, word, strict=False)) if a != b), min(len(text), len(word)))
    a, b = text[at : at + 1], word[at : at + 1]
    ways = (
        (a, text[at + 1 :] == word[at:]),
        (b, text[at:] == word[at + 1 :]),
        (a + b, text[at + 1 :] == word[at + 1 :]),
        (a + b, text[at : at + 2] == word[at : at + 2][::-1] and text[at + 2 :] == word[at + 2 :]),
    )
    # "atypical" is not "typical".
    return at > 0 and any(same and letters.isalpha() for letters, same in ways)


def _edits(text: str, word: str) -> int:
    """How many letters have to be inserted, deleted, changed, or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, a in enumerate(text, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(word, 1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == word[j - 2] and b == text[i - 2]:
                edits = min(edits, last[j - 2] + 1)
            row.append(edits)
    return row[-1]
