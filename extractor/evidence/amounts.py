"""The numbers that stand in a text, in whatever way they are written, each with every number that it may mean."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from extractor.evidence.number_words import ENGLISH, counted, named

__all__ = ["Amount", "amounts"]


class Amount(NamedTuple):
    """A number that a place of a text may mean. `score`: 1 for what is plainly it, less for a part of something else
    or an unusual reading. `unsigned` says that it has a sign which is left off here: of -5, the 5.
    """

    start: int
    end: int
    value: int | float
    score: float
    unsigned: bool = False


LONGEST = 40  # digits, marks and spaces of one number …
MOST = 600  # … and of one that has digits only (no Python is set to read fewer than 640)
PLAIN, OTHER, NAMED, GLUED, SHARE, PART = 1.0, 0.97, 0.9, 0.85, 0.8, 0.6

_MARK = ".,'’٫٬˙·_"
_CORE = re.compile(
    rf"(?P<core>\d++(?:[{_MARK}]\d++)*+(?:[ \u00a0\u2007\u2009\u202f]\d{{3}}(?!\d)(?:[{_MARK}]\d++)*+)*+)"
    r"(?:(?P<over>[ \u00a0]?+\d{1,3}+/\d{1,3}+(?![\d/]))|/(?P<under>\d{1,3}+)(?![\d/]))?+"
    r"(?P<vulgar>[ \u00a0]?+[¼-¾⅐-⅞])?+"
    r"|(?P<lone>[¼-¾⅐-⅞])"
    rf"|(?P<words>{ENGLISH})",
    re.IGNORECASE,
)
_TIMES = {
    **dict.fromkeys(("thousand", "tsd", "mil", "千", "тыс"), 1_000),
    **dict.fromkeys(("mn", "mio", "million", "millions", "millionen", "millones", "milioni", "miljoen"), 10**6),
    **dict.fromkeys(("milhões", "млн", "百万"), 10**6),
    **dict.fromkeys(("bn", "billion", "billions", "mrd", "milliarde", "milliarden", "milliards", "miliardi"), 10**9),
    **dict.fromkeys(("万", "萬", "만"), 10**4),
    **dict.fromkeys(("亿", "億", "억"), 10**8),
    "trillion": 10**12,
    "lakh": 10**5,
    "crore": 10**7,
    "k": 1_000,  # these without a space only: "5 m" is a length
    "m": 10**6,
}
_BEHIND = re.compile(
    r"[ \u00a0\u202f]?+(?:(?P<share>[%％٪]|per ?+cent\b|prozent\b|pour ?+cent\b)"
    rf"|(?P<times>{'|'.join(sorted((each for each in _TIMES if each not in 'km'), key=len, reverse=True))}"
    r"|(?<=\d)[km])(?![^\W_千万萬亿億만억円元]))",
    re.IGNORECASE,
)
_SIGN = re.compile(r"(?<![\w)])[-−–‐﹣－] ?+(?:[A-Z]{3} ?+|[$€£¥₹] ?+)?+$|[$€£¥₹] ?+[-−–]$")
_SPACE = re.compile(r"[ \u00a0\u2007\u2009\u202f]")
_GROUP = re.compile(r"[^ \u00a0\u2007\u2009\u202f]++")
_PIECE = re.compile(r"\d++")
_CELLS = re.compile(r", | ,\S")  # a comma before or behind it, without a space
_CELL = re.compile(r"[^,]++")
_VULGAR = dict(zip("¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞", (
    (1, 4), (1, 2), (3, 4), (1, 7), (1, 9), (1, 10), (1, 3), (2, 3), (1, 5), (2, 5), (3, 5), (4, 5), (1, 6), (5, 6),
    (1, 8), (3, 8), (5, 8), (7, 8)), strict=True))  # fmt: skip


def amounts(text: str) -> Iterator[Amount]:
    """Every number in a text, in order; several for a place that may mean several. Takes linear time."""
    others = [found for found in (list(_named(text)), list(_scientific(text))) if found]
    return heapq.merge(_counted_or_written(text), *others, key=_start) if others else _counted_or_written(text)


def _start(amount: Amount) -> int:
    return amount.start


# ".5", "-.75", "6.02e23": what is in front of the point, or behind the e, is no number of its own.
_SCIENTIFIC = re.compile(
    r"(?<![\w.,])[-−]?+(?:\d{1,17}+(?:\.\d{1,17}+)?+[eE][+-]?+\d{1,3}+|\.\d{1,17}+(?:[eE][+-]?+\d{1,3}+)?+)(?![\w.])"
)


def _named(text: str) -> Iterator[Amount]:
    """Those in words of other languages."""
    return (_in_words(text, *found) for found in named(text))


def _in_words(text: str, start: int, end: int, value: int) -> Amount:
    return Amount(start, end, value, NAMED if text[start:end].isalpha() else OTHER)


def _scientific(text: str) -> Iterator[Amount]:
    for match in _SCIENTIFIC.finditer(text):
        value = float(match[0].replace("−", "-"))
        if math.isfinite(value):
            yield Amount(*match.span(), int(value) if value.is_integer() and abs(value) < LARGEST else value, PLAIN)


LARGEST = 1e15  # above, a float is not every whole number


def _counted_or_written(text: str) -> Iterator[Amount]:
    """Those in digits, and in English words."""
    for match in _CORE.finditer(text):
        kind = match.lastgroup
        if kind == "words":
            yield _in_words(text, *match.span(), counted(match[0]))
        elif kind == "lone":
            yield Amount(*match.span(), _divided(*_VULGAR[match[0]]), PLAIN)
        else:
            yield from _numerals(text, match)


def _numerals(text: str, match: re.Match[str]) -> Iterator[Amount]:
    start, end = match.span("core")
    core = match["core"]
    if end - start > LONGEST:
        yield from _long(text, start, core)
        return
    if match["over"] or match["under"] or match["vulgar"]:
        yield from _fractions(match)
    if "," in core and _CELLS.match(text[max(0, start - 1) : start] + " " + text[end : end + 2]):  # 1,lamp,12,250.00
        for cell in _CELL.finditer(core):
            yield from _dressed(text, start + cell.start(), start + cell.end(), cell[0], OTHER)
    score = _wholeness(text, start, match.end())
    pieces = [core] if core.isdigit() else _SPACE.split(core)
    if len(pieces) == 1:
        yield from _dressed(text, start, end, core, score)
        return
    offsets = [start, *(start + behind for behind in accumulate(len(each) + 1 for each in pieces))]
    for first in range(len(pieces)):
        for last in range(first, min(first + 5, len(pieces))):
            run = " ".join(pieces[first : last + 1])
            if first == last or (len(pieces[first]) <= 3 and pieces[first].isdigit()):
                ends = offsets[last] + len(pieces[last])
                yield from _dressed(text, offsets[first], ends, run, score if first == 0 else PLAIN)


def _long(text: str, start: int, core: str) -> Iterator[Amount]:
    """What is longer than any amount: its groups, and all of it where that is one whole number."""
    if len(core) > MOST or not core.isdigit():
        for piece in _GROUP.finditer(core):
            if len(piece[0]) <= LONGEST:
                yield from _dressed(text, start + piece.start(), start + piece.end(), piece[0], PLAIN)
    else:
        yield Amount(start, start + len(core), int(core), PLAIN)


def _wholeness(text: str, start: int, end: int) -> float:
    """The score of digits for where they stand: less as a part of a date, a range or a code."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    if behind in _TYING and text[end + 1 : end + 2].isdigit():
        return PART
    if before == "." and not text[start - 2 : start - 1].isalnum():
        return PART
    if behind in ("e", "E") and _EXPONENT.match(text, end + 1):
        return PART
    if before in ("e", "E", "+", "-") and _POWER.search(text[max(0, start - 4) : start]):
        return PART
    if before in _TYING and text[start - 2 : start - 1].isalnum():
        return PART
    return GLUED if before.isalpha() and before.isascii() else PLAIN


_TYING = ("/", "-", "–", ":")
_EXPONENT = re.compile(r"[+-]?+\d")
_POWER = re.compile(r"\d[eE][+-]?$")


def _dressed(text: str, start: int, end: int, core: str, score: float) -> Iterator[Amount]:
    """The readings of digits with what stands around them: a sign, brackets, a share, thousands."""
    readings = list(_readings(core))
    if not readings:
        for piece in _PIECE.finditer(core):
            yield Amount(start + piece.start(), start + piece.end(), int(piece[0]), PART)
        return
    head = text[max(0, start - 8) : start]
    sign = _SIGN.search(head) if head and not head[-1].isalnum() else None
    unsigned = sign is not None and " " not in sign[0]  # with a space it may be a dash
    ends = text[end : end + 1]
    beyond = _BEHIND.match(text, end) if ends and not ends.isdigit() else None
    for rank, value in enumerate(readings):
        sure = score * (OTHER if rank else PLAIN)
        if sign:
            yield Amount(start - len(head) + sign.start(), end, -value, sure)
            sure *= 0.9
        elif head.endswith("(") and ends == ")":
            yield Amount(start - 1, end + 1, -value, sure * OTHER)
        elif ends == "-" and not text[end + 1 : end + 2].strip("-").isalnum() and text[end + 1 : end + 2] != "-":
            yield Amount(start, end + 1, -value, sure * 0.9)
        if beyond and beyond["times"]:
            times = _times(value, _TIMES[beyond["times"].lower()])
            yield Amount(start, beyond.end(), times, sure, unsigned)
            if sign:
                yield Amount(start - len(head) + sign.start(), beyond.end(), -times, sure)
            sure *= 0.9
        elif beyond:
            yield Amount(start, beyond.end(), _divided(value, 100), sure * SHARE, unsigned)
        yield Amount(start, end, value, sure, unsigned)


def _readings(core: str) -> Iterator[int | float]:
    """What digits with marks in them may mean, the likeliest first."""
    if core.isdigit():
        yield int(core)
        return
    plain = "".join(str(int(each)) if each.isdigit() else each for each in core) if not core.isascii() else core
    groups = re.split(r"\D", plain)
    marks = re.sub(r"\d", "", plain)
    if _is_grouped(groups) and len(set(marks)) == 1 and (groups[0] != "0"):
        both = len(groups) == 2 and marks in ".,٫·˙"
        if both and marks != ",":
            yield float(".".join(groups))
        yield int("".join(groups))
        if both and marks == ",":
            yield float(".".join(groups))
        return
    if marks[-1] in ".,٫·˙" and marks.count(marks[-1]) == 1 and len(set(marks)) <= 2:
        whole = groups[:-1]
        if len(whole) == 1 or _is_grouped(whole):
            yield float("".join(whole) + "." + groups[-1])


def _is_grouped(groups: list[str]) -> bool:
    """Whether they are thousands: three digits each, in India two but for the last."""
    return (
        len(groups) > 1
        and 1 <= len(groups[0]) <= 3
        and len(groups[-1]) == 3
        and len({len(each) for each in groups[1:-1]} | {3}) <= 2
        and all(len(each) in (2, 3) for each in groups[1:-1])
    )


def _fractions(match: re.Match[str]) -> Iterator[Amount]:
    core = match["core"]
    if not core.isdigit():
        return
    if match["vulgar"]:
        over, under = _VULGAR[match["vulgar"][-1]]
        yield Amount(match.start(), match.end(), int(core) + _divided(over, under), PLAIN)
    elif match["over"]:
        over, under = map(int, match["over"].split("/"))
        if 0 < over < under <= 100:
            yield Amount(match.start(), match.end(), int(core) + _divided(over, under), PLAIN)
    elif 0 < int(core) < int(match["under"]) <= 100:
        yield Amount(match.start(), match.end(), _divided(int(core), int(match["under"])), 0.9)


def _divided(over: float, under: int) -> float:
    return float(Decimal(str(over)) / under)


def _times(value: float, times: int) -> int | float:
    number = Decimal(str(value)) * times
    return int(number) if number == number.to_integral_value() else float(number)
