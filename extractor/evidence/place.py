"""A place where a value may stand, and the part of a source in which such places are looked for: there are forms of
a text that can be looked for as texts: a name with the last word first, a currency's sign, a telephone number.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from extractor.evidence.field import Status
from extractor.evidence.folding import WORD, Squashed, is_border
from extractor.evidence.source import Source

__all__ = ["NOWHERE", "Area", "Found", "Place", "currency", "is_bordered", "reordered", "telephone"]

FEW = 200  # places of one text that are looked at
READ = 1_000_000_000  # characters that are read (in C) in search of texts that have no words to begin with, or …
TIMES = 300  # … the text that many times


TURNED, NAMED = 8, 4  # words of a text whose last ones may come first, and which may come in any order
REORDERED, CALLED, DIALLED = 0.9, 0.9, 0.88  # the scores of such places
SHORTEST_NUMBER, WHOLE_NUMBER, LONGEST_NUMBER = 6, 9, 15  # digits of a telephone number, and of one without its 0

_CURRENCIES = tuple(each.split() for each in (
    "eur € euro euros", "usd $ us$ dollar dollars", "gbp £ pound pounds", "jpy ¥ 円 yen", "cny ¥ 元 rmb yuan",
    "chf fr. sfr. franken francs", "cad c$ ca$ $", "aud a$ au$ $", "nzd nz$ $", "hkd hk$ $", "sgd s$ $", "mxn mx$ $",
    "brl r$", "krw ₩ 원 won", "inr ₹ rs. rupees", "ils ₪ nis שח", "rub ₽ руб", "try ₺ tl", "uah ₴", "vnd ₫", "thb ฿",
    "ngn ₦", "php ₱", "pln zł", "czk kč", "huf ft", "sek kr", "nok kr", "dkk kr", "aed د.إ", "zar r"))  # fmt: skip
_BESIDE = frozenset("kr ft r tl nis won rs. fr. sfr. yen".split())  # what is a currency beside a number only
_TELEPHONE = re.compile(r"[+(]?+[\d ()/.-]++")
_COUNTRY = re.compile(
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})",
)
_PREFIX = re.compile(
    r"(?:(?:\+ ?|(?<!\d)00 ?)(?P<country>\d{1,3})[ ./()-]{0,3}+)?(?P<trunk>\(?0\)?[ ./()-]{0,3}+)?\(?$"
)


class Place(NamedTuple):
    """A place in the original text. `parts` are its pieces where it is not in one; `status` says how the value stands
    there where it is another way than in most places found.
    """

    start: int
    end: int
    score: float
    parts: tuple[tuple[int, int], ...] = ()
    status: Status | None = None


class Found(NamedTuple):
    """Where a value stands: places in order, all of one kind. Of "normalised" ones, those that are letter by letter the
    value's text are exact.
    """

    status: Status
    places: Sequence[Place]
    written: frozenset[str] = frozenset()


NOWHERE = Found("absent", ())


def is_bordered(text: str, start: int, end: int) -> bool:
    """Whether a part of a folded text begins and ends where words do."""
    return is_border(text, start) and is_border(text, end)


class Area:
    """A part of a source in which is looked, and how much more may be read in it."""

    def __init__(self, source: Source, within: tuple[int, int] | None = None) -> None:
        length = len(source.text)
        start, end = within or (0, length)
        self.source = source
        self.start, self.end = max(0, min(start, length)), max(0, min(end, length))
        self.left = max(READ, TIMES * length)

    def has(self, start: int, end: int) -> bool:
        """Whether a place of the original is inside."""
        return self.start <= start and end <= self.end

    def folded(self) -> tuple[int, int]:
        """Where it is in the folded text."""
        fold = self.source.folded
        return fold.at(self.start), fold.at(self.end)

    def within(self, squeezed: Squashed) -> tuple[int, int]:
        """Where it is in a squashed text."""
        start, end = self.folded()
        return bisect_left(squeezed.starts, start), bisect_left(squeezed.starts, end)

    def place(self, start: int, end: int, score: float) -> Place | None:
        """A part of the folded text as a place in the original; None where it is outside, or parts a character."""
        span = self.source.folded.span(start, end)
        return Place(*span, score) if span and self.has(*span) else None

    def all(self, text: str, part: str, span: tuple[int, int], most: int = FEW) -> Iterator[int]:
        """Where a part of a text stands in it, between two places; the first ones."""
        start, end = span
        for _ in range(most if part else 0):
            at = text.find(part, start, end) if self.left > 0 else -1
            self.left -= (at if at >= 0 else end) - start
            if at < 0:
                return
            yield at
            start = at + 1

    def squashed(self, into: Squashed, text: str, score: float) -> Iterator[Place]:
        """Where a squashed text stands in another one, from border to border."""
        folded = self.source.folded.text
        for at in self.all(into.text, text, self.within(into)):
            start, end = into.starts[at], into.starts[at + len(text) - 1] + 1
            if text[-1] == "m" and folded[end - 1 : end + 1] == "rn":
                end += 1
            if end - start <= 2 * len(text) + 4 and is_bordered(folded, start, end):
                place = self.place(start, end, score)
                if place:
                    yield place


def reordered(area: Area, value: str, form: str) -> Iterator[Place]:
    """Where the words of a short text stand in another order, with nothing but marks between: the last word first, as
    of a name in a list, or in any order where all of the words are written as in names.
    """
    words = [match[0] for match in WORD.finditer(form)]
    index = area.source.words
    if not 2 <= len(words) <= TURNED or (min(map(len, words)) < 2 and len(words) < 3):
        return
    if any(each not in index for each in words) or sum(any(map(str.isdigit, each)) for each in words) > 1:
        return
    if any(not each.isascii() and len(each) == 1 for each in words):  # of a script without spaces
        return
    free = len(words) <= NAMED and not any(each[:1].islower() for each in value.split())
    orders = {(*words[at:], *words[:at]) for at in range(1, len(words))}
    rarest = min(words, key=lambda each: len(index[each]))
    text, (low, high) = area.source.folded.text, area.folded()
    first = bisect_left(index[rarest], low)
    reach = len(form) + 2 * len(words) + 2
    known = Counter(words)
    end = 0
    for at in index[rarest][first : first + FEW]:
        there = list(WORD.finditer(text, max(low, end, at - reach), min(high, at + reach)))
        for number in range(len(there) - len(words) + 1):
            run = there[number : number + len(words)]
            found = tuple(match[0] for match in run)
            if not run[0].start() <= at < run[-1].end() or not (found in orders or (free and Counter(found) == known)):
                continue
            if found == tuple(words) or not _is_one(area, [match.span() for match in run]):
                continue
            place = area.place(run[0].start(), run[-1].end(), REORDERED)
            if place:
                end = run[-1].end()
                yield place
                break


def _is_one(area: Area, words: Sequence[tuple[int, int]]) -> bool:
    """Whether words stand together: a line may end only where a comma says that it goes on."""
    fold, text = area.source.folded, area.source.text
    for (_, start), (end, _) in itertools.pairwise(words):
        between = text[fold.starts[start] : fold.starts[end]]
        if (
            len(between) > (4 if "," in between else 2)
            or between.strip(" ,.-'’\u00a0\n")
            or ("\n" in between and "," not in between)
        ):
            return False
    return is_bordered(fold.text, words[0][0], words[-1][1])


def currency(area: Area, form: str) -> Iterator[Place]:
    """Where a currency stands by another of its names: EUR for €."""
    others = dict.fromkeys(other for names in _CURRENCIES if form in names for other in names if other != form)
    text = area.source.folded.text
    for other in [form, *others] if others else ():
        for at in area.all(text, other, area.folded()):
            end = at + len(other)
            if other in _BESIDE and not any(map(str.isdigit, text[max(0, at - 2) : at] + text[end : end + 2])):
                continue
            lettered = other[0].isalpha() and (text[at - 1 : at].isalpha() or text[end : end + 1].isalpha())
            country = not other[0].isalpha() and text[at - 1 : at].isalpha()  # US$ is not any dollar
            place = None if lettered or (country and at) else area.place(at, end, CALLED)
            if place:
                yield place


def telephone(area: Area, value: str) -> Iterator[Place]:
    """Where a telephone number stands with another prefix: +49 89 1234 for 089 1234."""
    digits = "".join(filter(str.isdigit, value.replace("(0)", "")))
    if not _TELEPHONE.fullmatch(value.strip()) or not SHORTEST_NUMBER <= len(digits) <= LONGEST_NUMBER:
        return
    country, national = None, digits
    if value.strip().startswith("+") or digits.startswith("00"):
        national = digits.removeprefix("00")
        match = _COUNTRY.match(national)
        country = match[0] if match else ""
        national = national[len(country) :]
    whole = len(national) >= WHOLE_NUMBER
    national = national.removeprefix("0")
    text, into = area.source.folded.text, area.source.squashed
    for at in area.all(into.text, national, area.within(into)) if len(national) >= SHORTEST_NUMBER - 1 else ():
        start, end = into.starts[at], into.starts[at + len(national) - 1] + 1
        before = _PREFIX.search(text, max(0, start - PREFIX), start)
        if before is None or not is_border(text, end) or not _TELEPHONE.fullmatch(text, start, end):
            continue
        if _is_dialled(country, before, trunk=digits.startswith("0"), whole=whole) and is_border(text, before.start()):
            place = area.place(before.start(), end, DIALLED)
            if place:
                yield place


def _is_dialled(country: str | None, before: re.Match[str], *, trunk: bool, whole: bool) -> bool:
    """Whether a number with this country, or without one, may be the one with what is before it in the text."""
    there = before["country"]
    if country and there:
        return country == there
    if country:
        return bool(before["trunk"]) or whole
    return bool(there and (trunk or whole))


PREFIX = 14  # characters before a number that may be its country's
