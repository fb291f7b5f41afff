"""Several items on one line, "red, green and blue": the pieces of it that may each be an item."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from extractor.evidence.items import Listed, Places
from extractor.evidence.rows import Found, Rows
from extractor.evidence.units import Units, doubled

__all__ = ["has_neighbours", "is_shared", "pieces_of"]

BETWEEN = 60  # characters between two items in which what divides them is looked for
LABEL = 80  # characters before the pieces of a line that may say what they are
LONG = 1_000  # characters of an item in which the same must not be
LIKE = 0.9  # the share of the pieces that must be items, or like them: those of a sentence are as long as they like
FULL = 0.4  # the share of the found pieces that the items must fill
SHARED = 0.2  # the share of the items on lines with others, above which that is no accident

_SIGNS = frozenset(",;|/•·\t")
_WIDE = "  "
_NEIGHBOUR = re.compile(r"(?: *+[,;|/•·\t]| {2}) *+[^\W\d_]++(?: [^\W\d_]++)*+ *+(?:$|[,;|/•·\t]|(?<=  ))")
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
    return Found(
        units,
        rows,
        homes,
        lacking,
        label=label if 0 < label[1] - label[0] <= LABEL else None,
        doubtful=_goes_on(places.lines, first, between, rows),
    )


def is_shared(places: Places, each: Listed) -> bool:
    """Whether items share lines, as those of a grid do: several on one, or others of the same kind beside them."""
    own: dict[int, set[int]] = {}
    for item in each.items.values():
        own.setdefault(item.home, set()).update(start for start, _ in item.spans[:1])
    several = sum(len(starts) for starts in own.values() if len(starts) > 1)
    return several >= SHARED * len(each.items)


def has_neighbours(places: Places, each: Listed) -> bool:
    """Whether most items, which are plain words, have other words beside them, parted from them by a sign or a gap."""
    beside = 0
    for item in each.items.values():
        start, end = _own_extent(item.spans, places, item.home)
        first, last = places.lines.starts[item.home], places.lines.ends[item.home]
        own = places.lines.text[start:end]
        behind = places.lines.text[end : min(last, end + BETWEEN)]
        before = places.lines.text[max(first, start - BETWEEN) : start]
        found = _NEIGHBOUR.match(behind) or _NEIGHBOUR.match(before[::-1])
        beside += own.replace(" ", "").isalpha() and found is not None
    return beside * 2 > len(each.items)


def _goes_on(lines: Units, first: Collection[int], signs: Collection[str], rows: Rows) -> bool:
    """Whether there are lines without an item, between those with items or directly beside them, in such pieces."""
    divider = _divider(signs)
    low, high = min(first), max(first)
    beside = [*range(low, high + 1)]
    beside += [] if lines.apart(low) else [low - 1]
    beside += [] if lines.apart(high + 1) else [high + 1]
    for line in beside:
        pieces = [piece for piece in divider.split(lines.said(line)) if any(map(str.isalnum, piece))]
        short = all(len(piece.split()) <= rows.most_words + 1 and ":" not in piece for piece in pieces)
        if line not in first and len(pieces) > 1 and short:
            return True
    return False


def _own_extent(spans: Sequence[tuple[int, int]], places: Places, line: int) -> tuple[int, int]:
    own = [span for span in spans if places.lines.at(span[0]) == line] or spans
    return min(start for start, _ in own), max(end for _, end in own)


def _signs(text: str) -> frozenset[str]:
    """What in a text may divide one item from the next."""
    return _SIGNS.intersection(text) or (frozenset({_WIDE}) if _WIDE in text else frozenset())


def _divider(signs: Collection[str]) -> re.Pattern[str]:
    return re.compile("|".join(r"\s{2,}+" if sign == _WIDE else re.escape(sign) for sign in sorted(signs)))


def _divided(lines: Units, first: Mapping[int, int], signs: Collection[str], joined: bool) -> Iterator[tuple[int, int]]:
    """The pieces of some lines, without the label before them. `first` is where the first item of each line begins."""
    divider = _divider(signs)
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
