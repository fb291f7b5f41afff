"""The document that values are looked for in, with indexes that are made when first needed, once."""

from __future__ import annotations

import functools
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from extractor.evidence.amounts import Amount, amounts
from extractor.evidence.days import Day, clocks, days
from extractor.evidence.folding import PLAIN_WORD, WORD, Folded, Squashed, fold, skeleton, squashed

__all__ = ["Source", "source_of"]

_Found = TypeVar("_Found", Amount, Day)
AROUND = 32  # characters beside a misread number that may belong to it


@dataclass(frozen=True, eq=False)
class Source:
    """A document. `pages` are the offsets where its pages start; none where it has no pages."""

    text: str
    pages: tuple[int, ...] = ()

    def page_of(self, offset: int) -> int | None:
        """The page, from 1, on which an offset lies; None where there are no pages."""
        return max(1, bisect_right(self.pages, offset)) if self.pages else None

    @functools.cached_property
    def folded(self) -> Folded:
        """The text in the form in which texts are compared."""
        return fold(self.text)

    @functools.cached_property
    def lines(self) -> Sequence[int]:
        """Where the lines of the text begin."""
        return array("I", [0, *(match.end() for match in re.finditer("\n", self.text))])

    @functools.cached_property
    def words(self) -> Mapping[str, Sequence[int]]:
        """The words of the folded text, each with where it stands there."""
        text = self.folded.text
        found: dict[str, array[int]] = {}
        for match in (PLAIN_WORD if text.isascii() else WORD).finditer(text):
            word = match[0]
            known = found.get(word)
            if known is None:
                known = found[word] = array("I")
            known.append(match.start())
        return found

    @functools.cached_property
    def squashed(self) -> Squashed:
        """The letters and digits of the folded text."""
        return squashed(self.folded.text)

    @functools.cached_property
    def skeleton(self) -> Squashed:
        """The same with what looks alike made one."""
        return skeleton(self.squashed)

    @functools.cached_property
    def amounts(self) -> Mapping[int | float, Sequence[Amount]]:
        """The numbers of the text, by what they mean."""
        return _grouped(amounts(self.text))

    @functools.cached_property
    def days(self) -> Mapping[str, Sequence[Day]]:
        """The dates of the text, by what they mean."""
        return _grouped(days(self.text))

    @functools.cached_property
    def clocks(self) -> Mapping[str, Sequence[Day]]:
        """The times of day in the text."""
        return _grouped(clocks(self.text))

    @functools.cached_property
    def misread_amounts(self) -> Mapping[int | float, Sequence[Amount]]:
        """The numbers that are there when letters among digits are taken for the digits that they look like."""
        return _grouped(
            each._replace(start=each.start + at, end=each.end + at)
            for at, mended in self._misread
            for each in amounts(mended)
            if self.text[at + each.start : at + each.end] != mended[each.start : each.end]
        )

    @functools.cached_property
    def misread_days(self) -> Mapping[str, Sequence[Day]]:
        """The dates that are there then, or when a month's name has a wrong letter."""
        mended = _MISREAD.sub(_mended, self.text)
        return _grouped(days(mended, loosely=True))

    @functools.cached_property
    def _misread(self) -> Sequence[tuple[int, str]]:
        """The parts of the text with letters among digits, mended character for character."""
        parts: list[list[int]] = []
        for match in _MISREAD.finditer(self.text):
            if _mended(match) == match[0]:
                continue
            start, end = max(0, match.start() - AROUND), match.end() + AROUND
            if parts and start <= parts[-1][1]:
                parts[-1][1] = end
            else:
                parts.append([start, end])
        return [(start, _MISREAD.sub(_mended, self.text[start:end])) for start, end in parts]


def source_of(text: str, pages: Sequence[int] | None = None) -> Source:
    """The source for a text. `pages` are the offsets where pages start; without them, form feeds part the pages."""
    if pages is None:
        feeds = [match.end() for match in re.finditer("\f", text)]
        pages = [0, *feeds] if feeds else ()
    return Source(text=text, pages=tuple(sorted(pages)))


def _grouped(found: Iterable[_Found]) -> dict[Any, list[_Found]]:
    groups: dict[Any, list[_Found]] = {}
    for each in found:
        groups.setdefault(each.value, []).append(each)
    for group in groups.values():
        group.sort()
    return groups


_MISREAD = re.compile(
    r"(?<![^\W_])[\dOoQDIil|!SsBZzGg](?:[\dOoQDIil|!SsBZzGg]|[.,/:-](?=[\dOoQDIil|!SsBZzGg]))++(?![^\W_])"
)
_DIGITS = str.maketrans("OoQDIil|!SsBZzGg", "0000111115582269")
LEAST = 3  # characters of a number that is read as one in spite of letters


def _mended(match: re.Match[str]) -> str:
    text = match[0]
    digits = sum(map(str.isdigit, text))
    marks = sum(map(".,/:-".__contains__, text))
    if len(text) < LEAST or digits * 2 < len(text) - marks or digits + marks == len(text):
        return text
    return text.translate(_DIGITS)
