"""Several items on one line, "red, green and blue": the pieces of it that may each be an item."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from extractor.evidence.items import Listed, Places
from extractor.evidence.rows import Found, Rows
from extractor.evidence.units import Units, doubled

__all__ = ["pieces_of"]

BETWEEN = 60  # characters between two items in which what divides them is looked for
LABEL = 80  # characters before the pieces of a line that may say what they are
LONG = 1_000  # characters of an item in which the same must not be
LIKE = 0.9  # the share of the pieces that must be items, or like them: those of a sentence are as long as they like
FULL = 0.4  # the share of the found pieces that the items must fill

_SIGNS = frozenset(",;|/•·\t")
_WIDE = "  "
_AND = re.compile(r" (?:and|und|et|y|och|og|en|e) ")


def pieces_of(places: Places, each: Listed) -> Found | None:
    """The pieces of lines, where items share lines; None where what divides them cannot be told."""
    text = places.lines.text
    spans = sorted((*_own_extent(item.spans, places, item.home), index) for index, item in each.items.items())
    between = Counter(
        sign
        for (_, end, _), (start, _, _) in pairwise(spans)
        if end < start and places.lines.at(end) == places.lines.at(start)
        for sign in _signs(text[end : min(start, end + BETWEEN)])
    )
    for start, end, _ in spans:
        for sign in _signs(text[start : min(end, start + LONG)]):
            between.pop(sign, None)
    if not between:
        return None
    joined = not any(_AND.search(text, start, end) for start, end, _ in spans)
    first: dict[int, int] = {}
    for start, _, _ in reversed(spans):
        first[places.lines.at(start)] = start
    units = Units(text, _divided(places.lines, first, between, joined))
    homes = sorted({(units.at(start), index) for start, _, index in spans})
    if not homes or homes[0][0] < 0:
        return None
    rows = Rows(units, sorted({unit for unit, _ in homes}))
    taken = frozenset(unit for unit, _ in homes)
    lacking = [unit for unit in range(len(units)) if unit not in taken and rows.like_piece(unit)]
    extra = doubled(units, homes, lacking)
    own = sum(end - start for item in each.items.values() for start, end in item.spans)
    if len(taken) + len(lacking) < LIKE * len(units) or own < FULL * sum(len(units.said(unit)) for unit in taken):
        return None
    homes = sorted({*homes, *extra})
    lacking = [unit for unit in lacking if unit not in dict(extra)]
    label = places.lines.starts[min(first)], units.starts[0]
    return Found(units, rows, homes, lacking, label=label if 0 < label[1] - label[0] <= LABEL else None)


def _own_extent(spans: Sequence[tuple[int, int]], places: Places, line: int) -> tuple[int, int]:
    own = [span for span in spans if places.lines.at(span[0]) == line] or spans
    return min(start for start, _ in own), max(end for _, end in own)


def _signs(text: str) -> frozenset[str]:
    """What in a text may divide one item from the next."""
    return _SIGNS.intersection(text) or (frozenset({_WIDE}) if _WIDE in text else frozenset())


def _divided(lines: Units, first: Mapping[int, int], signs: Collection[str], joined: bool) -> Iterator[tuple[int, int]]:
    """The pieces of some lines, without the label before them. `first` is where the first item of each line begins."""
    divider = re.compile("|".join(r"\s{2,}+" if sign == _WIDE else re.escape(sign) for sign in sorted(signs)))
    for line, item in sorted(first.items()):
        end = lines.ends[line]
        low = max(lines.starts[line], lines.text.rfind(": ", lines.starts[line], item) + 1)
        for sign in divider.finditer(lines.text, low, end):
            yield from _piece(lines.text, low, sign.start())
            low = sign.end()
        both = _AND.search(lines.text, low, end) if joined else None
        if both:  # "red, green and blue"
            yield from _piece(lines.text, low, both.start())
            low = both.end()
        yield from _piece(lines.text, low, end)


def _piece(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    piece = text[low:high]
    if any(map(str.isalnum, piece)):
        low += len(piece) - len(piece.lstrip())
        yield low, low + len(piece.strip())
