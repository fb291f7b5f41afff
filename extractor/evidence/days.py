"""The dates and times that stand in a text, in whatever way they are written, each as ISO 8601 writes it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

__all__ = ["Day", "clocks", "days"]


class Day(NamedTuple):
    """A date that a place of a text may mean: `value` is "2024-03-09", "2024-03" for a month, "--03-09" for a day of
    any year; of a time "14:05" or "14:05:30". `score` is 1 for what is plainly it, less for an unusual reading.
    """

    start: int
    end: int
    value: str
    score: float


PLAIN, OTHER, GUESSED = 1.0, 0.97, 0.9
PIVOT = 70  # years of two digits below it are of this century

_NAMES = (
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari يناير ינואר января",
    "february feb februar février fevrier févr fév febrero febbraio fevereiro fev februari فبراير פברואר февраля",
    "march mar märz maerz mrz mär mars marzo março marco maart mrt مارس מרץ марта",
    "april apr avril avr abril abr aprile abril أبريل ابريل إبريل אפריל апреля",
    "may mai mayo maggio mag maio mei مايو מאי мая",
    "june jun juni juin junio giugno giu junho يونيو יוני июня",
    "july jul juli juillet juil julio luglio lug julho يوليو יולי июля",
    "august aug août aout agosto ago augustus أغسطس اغسطس אוגוסט августа",
    "september sep sept septembre septiembre settembre set setembro سبتمبر ספטמבר сентября",
    "october oct oktober okt octobre octubre ottobre ott outubro out أكتوبر اكتوبر אוקטובר октября",
    "november nov novembre noviembre novembro نوفمبر נובמבר ноября",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro ديسمبر דצמבר декабря",
)
_MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
_LETTER = r"[^\W\d_]"
_ORDINAL = r"(?:st|nd|rd|th|er|ème|º|°|ª|\.)"
_GAP = r"[ \u00a0\u202f.,/\n-]"
_OF = r"(?:(?:(?:of|de|del|den|di)(?![^\W\d_])|d')[ \u00a0\n]?+)"
_FORMS = re.compile(
    # 2024-03-09, 2024/3/9, 2024年3月9日
    r"(?<![\d])(?P<y1>\d{4})(?:[-/.‐–]|年 ?+|년 ?+)(?P<m1>\d{1,2})(?:[-/.‐–]|月 ?+|월 ?+)"
    r"(?P<d1>\d{1,2})(?:日|일)?+(?!\d)"
    # 2024-03, 2024年3月
    r"|(?<![\d./-])(?P<y2>\d{4})(?:[-/]|年 ?+|년 ?+)(?P<m2>\d{1,2})(?:月|월)?+(?![\d./-])"
    # 20240309
    r"|(?<!\d)(?P<y3>(?:19|20)\d\d)(?P<m3>[01]\d)(?P<d3>[0-3]\d)(?!\d)"
    # 9/3/2024, 09.03.24, 9. 3. 2024
    r"|(?<![\d])(?P<a4>\d{1,2})(?P<s4>[-/.‐–٫] ?+)(?P<b4>\d{1,2})(?P=s4)(?P<y4>\d{4}|\d\d)(?!\d)"
    # 03/2024
    r"|(?<![\d./-])(?P<m5>\d{1,2})[/.-](?P<y5>(?:19|20)\d\d)(?![\d./-])"
    # 9 March 2024, 9th of March, 9. März 24, 9-Mar-24
    rf"|(?<![\d])(?P<d6>\d{{1,2}}){_ORDINAL}?+{_GAP}{{0,3}}+{_OF}?+ב?(?P<n6>{_LETTER}{{3,12}}+)"
    rf"(?:{_GAP}{{0,3}}+{_OF}?+['’]?+(?P<y6>\d{{4}}|\d\d)(?!\d))?+"
    # March 9, 2024; March 2024
    rf"|(?<!{_LETTER})(?P<n7>{_LETTER}{{3,12}}+){_GAP}{{0,3}}+{_OF}?+"
    rf"(?:(?P<y8>(?:19|20)\d\d)(?!\d)|(?P<d7>\d{{1,2}}){_ORDINAL}?+(?!\d)(?:{_GAP}{{1,3}}+['’]?+(?P<y7>\d{{4}})(?!\d))?+)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?<![\d:.,])(?P<h>[01]?\d|2[0-4])(?:(?P<s>[:.h٫時])|(?= ?[ap]\.?m))(?P<m>[0-5]\d)?(?:(?P=s)(?P<c>[0-5]\d))?"
    r"(?! ?\d)(?: ?+(?P<half>[ap])\.?+m\b)?+",
    re.IGNORECASE | re.ASCII,
)


def days(text: str, *, loosely: bool = False) -> Iterator[Day]:
    """Every date in a text, in order; several for a place that may mean several. Takes linear time.

    `loosely`, a month's name may have a wrong letter.
    """
    month = _nearly_month if loosely else _month
    at = 0
    while match := _FORMS.search(text, at):
        at = match.end()
        found = False
        for value, score in _dates({key: part for key, part in match.groupdict().items() if part}, month):
            found = True
            yield Day(*_trimmed(match), value, score)
        if match["n6"] and not (found and match["y6"]):  # what is behind the word may be its day
            at = match.start("n6")
        elif match["n7"] and not found:  # no month
            at = match.end("n7")


def clocks(text: str) -> Iterator[Day]:
    """Every time of day in a text, in order, to the minute or the second."""
    for match in _CLOCK.finditer(text):
        hour, minute, second = int(match["h"]), match["m"] or "00", match["c"]
        if match["half"]:
            if not 1 <= hour <= 12:
                continue
            hour = hour % 12 + 12 * (match["half"] in "pP")
        elif not match["m"]:
            continue
        score = PLAIN if match["s"] in (":", "h", None) else GUESSED
        yield Day(match.start(), match.end(), f"{hour % 24:02}:{minute}" + (f":{second}" if second else ""), score)


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.start() + len(match[0].rstrip(" .,\n"))


def _dates(parts: dict[str, str], month_of: Callable[[str], int]) -> Iterator[tuple[str, float]]:
    """The dates that the parts of one form are, and their scores."""
    if "a4" in parts:
        yield from _ordered(parts["a4"], parts["b4"], parts["y4"], parts["s4"].strip())
        return
    form = next(key[-1] for key in parts if key[0] in "yn")
    month = month_of(parts.get("n" + form, "")) if "n" + form in parts else int(parts.get("m" + form, "0"))
    form_year = parts.get("y" + form) or parts.get("y8")
    day = parts.get("d" + form)
    if not month or not 1 <= month <= 12:
        return
    years = _years(form_year) if form_year else []
    if day is None:
        yield from ((f"{year:04}-{month:02}", PLAIN) for year, _ in years[:1])
    elif not years:
        if 1 <= int(day) <= 31:
            yield f"--{month:02}-{int(day):02}", PLAIN
    else:
        yield from _real((year, month, int(day), score) for year, score in years)


def _ordered(first: str, second: str, third: str, mark: str) -> Iterator[tuple[str, float]]:
    """9/3/2024: both are possible. With a point between, the day is first."""
    a, b = int(first), int(second)
    other = OTHER if mark in "/-‐–" else GUESSED
    for year, score in _years(third):
        yield from _real([(year, b, a, score)])
        if a != b:
            yield from _real([(year, a, b, score * other)])
    if len(third) == 2:
        yield from _real([(year, b, int(third), GUESSED * score) for year, score in _years(first.zfill(2))])


def _years(digits: str) -> list[tuple[int, float]]:
    year = int(digits)
    if len(digits) > 2:
        return [(year, PLAIN)]
    return [(2000 + year, PLAIN if year < PIVOT else GUESSED), (1900 + year, GUESSED if year < PIVOT else PLAIN)]


def _real(
    dates: Iterator[tuple[int, int, int, float]] | list[tuple[int, int, int, float]],
) -> Iterator[tuple[str, float]]:
    for year, month, day, score in dates:
        try:
            yield datetime.date(year, month, day).isoformat(), score
        except ValueError:
            continue


def _month(name: str) -> int:
    return _MONTHS.get(name.casefold(), 0)


def _nearly_month(name: str) -> int:
    if len(name) < LEAST or _month(name):
        return _month(name)
    known = process.extractOne(name.casefold(), _LONG_NAMES, scorer=Levenshtein.distance, score_cutoff=1)
    return _MONTHS[known[0]] if known else 0


LEAST = 4  # letters of a month's name that may have a wrong one
_LONG_NAMES = [name for name in _MONTHS if len(name) >= LEAST]
