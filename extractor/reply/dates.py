"""The texts that plainly mean a date or a time, and the formats in which a number would be taken for seconds."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from extractor.reply.numerals import is_numeric
from extractor.reply.spellings import stripped

__all__ = ["FORMATS", "Format"]

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
    text = stripped(text).casefold()
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
    match = _SPOKEN_TIME.fullmatch(stripped(text).casefold())
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
    match = _SPOKEN_DATE_TIME.fullmatch(stripped(text).casefold())
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
