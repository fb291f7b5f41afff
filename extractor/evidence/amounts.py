"""The numbers that stand in a text, in whatever way they are written, each with every number that it may mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

__all__ = ["Amount", "amounts"]


class Amount(NamedTuple):
    """A number that a place of a text may mean. `score`: 1 for what is plainly it, less for a part of something else
    or an unusual reading.
    """

    start: int
    end: int
    value: int | float
    score: float


LONGEST = 40  # digits, marks and spaces of one number …
MOST = 1_000  # … and of one that has digits only
PLAIN, OTHER, GLUED, SHARE, PART = 1.0, 0.97, 0.85, 0.8, 0.6

_MARK = ".,'’٫٬˙·_"
_CORE = re.compile(
    rf"(?P<core>\d++(?:[{_MARK}]\d++)*+(?:[ \u00a0\u2007\u2009\u202f]\d{{3}}(?!\d)(?:[{_MARK}]\d++)*+)*+)"
    r"(?:(?P<over>[ \u00a0]?+\d++/\d++(?![\d/]))|/(?P<under>\d{1,3}+)(?![\d/]))?+"
    r"(?P<vulgar>[ \u00a0]?+[¼-¾⅐-⅞])?+"
    r"|(?P<lone>[¼-¾⅐-⅞])"
    r"|(?<![^\W_])(?P<words>(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)(?![^\W_])"
    r"(?:[ -](?:and )?+(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand|million|billion)"
    r"(?![^\W_])){0,12}+)",
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
_GROUP = re.compile(r"[^ \u00a0\u2007\u2009\u202f]++")
_PIECE = re.compile(r"\d++")
_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {
    word: number * 10 for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_VULGAR = dict(zip("¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞", (
    (1, 4), (1, 2), (3, 4), (1, 7), (1, 9), (1, 10), (1, 3), (2, 3), (1, 5), (2, 5), (3, 5), (4, 5), (1, 6), (5, 6),
    (1, 8), (3, 8), (5, 8), (7, 8)), strict=True))  # fmt: skip


def amounts(text: str) -> Iterator[Amount]:
    """Every number in a text, in order; several for a place that may mean several. Takes linear time."""
    for match in _CORE.finditer(text):
        kind = match.lastgroup
        if kind == "words":
            yield Amount(*match.span(), _counted(match[0]), OTHER if " " in match[0] or "-" in match[0] else 0.9)
        elif kind == "lone":
            yield Amount(*match.span(), _divided(*_VULGAR[match[0]]), PLAIN)
        else:
            yield from _numerals(text, match)


def _numerals(text: str, match: re.Match[str]) -> Iterator[Amount]:
    start, end = match.span("core")
    core = match["core"]
    if end - start > LONGEST:
        for piece in _GROUP.finditer(core) if end - start > MOST or not core.isdigit() else ():
            if len(piece[0]) <= LONGEST:
                yield from _dressed(text, start + piece.start(), start + piece.end(), piece[0], PLAIN)
        if core.isdigit() and end - start <= MOST:
            yield Amount(start, end, int(core), PLAIN)
        return
    if match["over"] or match["under"] or match["vulgar"]:
        yield from _fractions(match)
    score = _wholeness(text, start, match.end())
    pieces = re.split(r"[ \u00a0\u2007\u2009\u202f]", core)
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


def _wholeness(text: str, start: int, end: int) -> float:
    """The score of digits for where they stand: less as a part of a date, a range or a code."""
    before, behind = text[start - 1 : start], text[end : end + 1]
    if behind in _TYING and text[end + 1 : end + 2].isdigit():
        return PART
    if before in _TYING and text[start - 2 : start - 1].isalnum():
        return PART
    return GLUED if before.isalpha() and before.isascii() else PLAIN


_TYING = ("/", "-", "–", ":")


def _dressed(text: str, start: int, end: int, core: str, score: float) -> Iterator[Amount]:
    """The readings of digits with what stands around them: a sign, brackets, a share, thousands."""
    readings = list(_readings(core))
    if not readings:
        for piece in _PIECE.finditer(core):
            yield Amount(start + piece.start(), start + piece.end(), int(piece[0]), PART)
        return
    head = text[max(0, start - 8) : start]
    sign = _SIGN.search(head) if head and not head[-1].isalnum() else None
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
            yield Amount(start, beyond.end(), _times(value, _TIMES[beyond["times"].lower()]), sure)
            sure *= 0.9
        elif beyond:
            yield Amount(start, beyond.end(), _divided(value, 100), sure * SHARE)
        yield Amount(start, end, value, sure)


def _readings(core: str) -> Iterator[int | float]:
    """What digits with marks in them may mean, the likeliest first."""
    plain = "".join(str(int(each)) if each.isdigit() else each for each in core) if not core.isascii() else core
    groups = re.split(r"\D", plain)
    marks = re.sub(r"\d", "", plain)
    if not marks:
        yield int(plain)
        return
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


def _counted(words: str) -> int:
    """A number in English words."""
    total = below = 0
    for word in re.split(r"[ -]", words.lower()):
        scale = _SCALES.get(word)
        if scale == 100:
            below = max(below, 1) * 100
        elif scale:
            total, below = total + max(below, 1) * scale, 0
        else:
            below += _WORDS.get(word, 0)
    return total + below
