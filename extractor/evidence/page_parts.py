"""The document of a page of evidence: its text made safe to show, cut at the borders of places, and marked.

Whatever is shown was written by others: nothing of it becomes markup, and no character that is unseen, or turns the
direction of what follows, goes onto the page as it is.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

__all__ = ["PLACES", "Marks", "joined", "kept", "percent", "plain", "segments", "shown"]

# --------------------------------------------------------------------------------------------- safe text

_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\ud800-\udfff\U000e0000-\U000e007f"
)
_RISKY = re.compile(f"[&<>\"']|[{_UNSEEN}]+")
_HIDDEN = re.compile(f"[{_UNSEEN}]")
_FEED = re.compile("\f")
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
RUN = 8  # characters that are not seen: of more behind each other their number is told


def shown(text: str) -> str:
    """A text as HTML: characters that are not seen, or change the direction of others, stand there as symbols."""
    return _RISKY.sub(_element, text)


def plain(text: str) -> str:
    """The same without elements, for an attribute."""
    return _RISKY.sub(_symbols, text)


def _element(found: re.Match[str]) -> str:
    return _MARKUP.get(found[0]) or f'<i class="x" title="U+{ord(found[0][0]):04X}">{_symbols(found)}</i>'


def _symbols(found: re.Match[str]) -> str:
    text = found[0]
    more = f"… {len(text) - RUN:,} more" if len(text) > RUN else ""
    return _MARKUP.get(text) or "".join(f"[U+{ord(character):04X}]" for character in text[:RUN]) + more


def percent(share: float) -> str:
    """A share in percent: nearly sure is not said to be sure."""
    text = f"{min(max(share, 0.0), 1.0):.0%}"
    if text == "100%" and share < 1:
        return ">99\u00a0%"
    return "<1\u00a0%" if text == "0%" and share > 0 else text.replace("%", "\u00a0%")


# ------------------------------------------------------------------------------------- a text, in segments

MOST_TEXT = 2_000_000  # characters: browsers take that well
AROUND = 2_000  # characters before and after a border of a place, where a text is longer
AT_ONCE = 16  # places that a segment goes on listing: of nested ones the sum would grow with the square


def kept(length: int, borders: Collection[int], most: int = MOST_TEXT) -> list[tuple[int, int]]:
    """The parts of a text that are shown: all of it up to `most` characters; else its beginning, and what is around
    the borders of places.
    """
    if length <= most:
        return [(0, length)]
    around = max(min(AROUND, most // (2 * len(borders) + 1)), 10)
    parts: list[tuple[int, int]] = []
    for border in sorted({0, *borders}):
        start, end = max(border - around, 0), min(border + around, length)
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    return parts


def segments(
    places: Sequence[tuple[int, int]], cuts: Collection[int], parts: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """The parts of a text, cut where a place begins or ends, and at the `cuts`: start, end, the numbers of the places.

    Many at once are all listed where they begin, and `AT_ONCE` of them further on.
    """
    borders = sorted(
        {*cuts, *(border for place in places for border in place), *(edge for part in parts for edge in part)}
    )
    ahead = sorted(range(len(places)), key=lambda number: (places[number][0], -places[number][1]), reverse=True)
    going: list[int] = []
    starts = [start for start, _ in parts]
    for start, end in pairwise(borders):
        going = [number for number in going if places[number][1] > start][:AT_ONCE]
        while ahead and places[ahead[-1]][0] == start:
            going.append(ahead.pop())
        part = parts[bisect_left(starts, end) - 1]
        if part[0] <= start and end <= part[1]:
            yield start, end, tuple(going)


# --------------------------------------------------------------------------------------------- the marks

PLACES = 50  # of one value that are marked
LABELS = 8  # fields that the note of one place names
PAGES = 10_000  # that are separated
SYMBOLS = 20_000  # for characters that are not seen, as elements: more would be too much for a browser
LINE = 5_000  # characters: longer ones are broken
_LONG = re.compile(rf"[^\r\n]{{{LINE}}}(?=[^\r\n])")


@dataclass(kw_only=True, slots=True)
class _Mark:
    """A place in the text, and what it is for."""

    number: int
    size: int
    kind: str
    look: str
    target: str
    labels: list[str] = field(default_factory=list)
    more: int = 0


class Marks:
    """The places in a text that a page marks: they are added while values are written, and then the text is.

    The kind of a mark is "m" for a value's own place, "e" for one where the same stands, "g" for rows that are missing.
    `look` are its classes, `target` is the id of what it is for, `label` says what (as HTML).
    """

    def __init__(self, text: str, pages: Sequence[int] | None = None) -> None:
        self._text = text
        self._starts = pages
        self._marks: dict[tuple[int, int, bool], _Mark] = {}
        self._pages: dict[int, int] = {}  # where they are first seen

    def add(self, spans: Iterable[Any], kind: str, look: str, target: str, label: str) -> dict[int, int]:
        """The numbers of the places, with their starts. What is reversed, empty or out of range is none."""
        added: dict[int, int] = {}
        for span in spans:
            if not 0 <= span.start < span.end <= len(self._text):
                continue
            key = (span.start, span.end, kind == "g")
            mark = self._marks.get(key)
            if mark is None:
                size = span.end - span.start
                mark = _Mark(number=len(self._marks), size=size, kind=kind, look=look, target=target)
                self._marks[key] = mark
            elif mark.kind == "e" and kind == "m":
                mark.kind, mark.look, mark.target = kind, look, target
            self._label(mark, label)
            added[mark.number] = span.start
            number = getattr(span, "page", None)
            if number is not None:
                self._pages[number] = min(span.start, self._pages.get(number, span.start))
        return added

    def _label(self, mark: _Mark, label: str) -> None:
        if len(mark.labels) < LABELS:
            mark.labels.append(label)
        else:
            mark.more += 1

    def linked(self, spans: Iterable[Any], target: str, label: str, content: str, kind: str = "e") -> str:
        """HTML as a link to places, if there are any."""
        places = self.add(islice(spans, PLACES), kind, "k", target, label)
        if not places:
            return content
        return f'<a href="#s{next(iter(places.values()))}" data-p="{joined(places)}">{content}</a>'

    def document(self) -> Iterator[str]:
        """The text as HTML."""
        marks = list(self._marks.values())
        places = [(start, end) for start, end, _ in self._marks]
        parts = kept(len(self._text), {border for place in places for border in place})
        if sum(end - start for start, end in parts) < len(self._text):
            yield (
                f'<p class="bad">The document has {len(self._text):,} characters. Only its beginning and what is '
                "around the marked places is shown.</p>"
            )
        pages = self._separators(parts)
        cuts = {**dict.fromkeys(self._long_lines(parts), "<br>"), **pages}
        escape = plain if sum(1 for _ in islice(_HIDDEN.finditer(self._text), SYMBOLS)) == SYMBOLS else shown
        dropped, instead = self._ends()
        yield '<div id="text" dir="auto" lang="">'
        last = 0
        for start, end, numbers in segments(places, cuts.keys(), parts):
            yield from _left_out(start - last)
            yield cuts.get(start, "")
            content = escape(self._text[start:end].replace(dropped, instead).replace("\f", "" if pages else "\f"))
            yield _marked(start, content, [marks[number] for number in numbers], places) if numbers else content
            last = end
        yield from _left_out(len(self._text) - last)
        yield "</div>"

    def _ends(self) -> tuple[str, str]:
        """What is to be replaced so that each line has one end; a lone carriage return in between stays to be seen."""
        returns = self._text.count("\r")
        if returns and "\n" not in self._text:
            return "\r", "\n"
        return ("\r", "") if returns == self._text.count("\r\n") else ("\r\n", "\n")

    def _long_lines(self, parts: Sequence[tuple[int, int]]) -> Iterator[int]:
        """Where long lines are broken: the time in which browsers lay one out grows with its square."""
        return (found.end() for start, end in parts for found in _LONG.finditer(self._text, start, end))

    def _separators(self, parts: Sequence[tuple[int, int]]) -> dict[int, str]:
        """Where a page begins, and what it is called. Without form feeds the first place on a page tells."""
        if self._starts is not None:
            return {at: _page(number) for number, at in enumerate(sorted(set(self._starts))[:PAGES], start=1)}
        feeds = [found.end() for start, end in parts for found in _FEED.finditer(self._text, start, end)]
        seen = sorted((start, number) for number, start in self._pages.items())
        if not feeds:
            return {self._text.rfind("\n", 0, start) + 1: _page(number) for start, number in seen[:PAGES]}
        counted = len(parts) == 1 and all(number == bisect_right(feeds, start) + 1 for start, number in seen)
        return {at: _page(number if counted else None) for number, at in enumerate(feeds[:PAGES], start=2)}


def _page(number: Any) -> str:
    return f'<b class="page">{"Next page" if number is None else "Page " + plain(str(number))}</b>'


def joined(numbers: Iterable[int]) -> str:
    """Numbers of places, as an attribute has them."""
    return " ".join(map(str, numbers))


def _left_out(count: int) -> Iterator[str]:
    if count:
        yield f'<b class="cut">{count:,} characters are not shown here</b>'


def _marked(start: int, content: str, here: Sequence[_Mark], places: Sequence[tuple[int, int]]) -> str:
    """A segment with its marks: it looks like the smallest of them, and links to what that is for."""
    ranked = sorted(here, key=lambda mark: (_RANK[mark.kind], mark.size))
    first = ranked[0]
    looks = [first.kind, first.look]
    colours = dict.fromkeys(mark.look.partition(" ")[0] for mark in ranked if mark.kind == "m")
    looks += [colour.replace("c", "t") for colour in list(colours)[1:2]]
    missing = [mark for mark in here if mark.kind == "g"]
    if missing and first.kind != "g":
        looks.append("g")
    tags = [f'<b class="tag">{mark.labels[0]}</b>' for mark in missing if places[mark.number][0] == start]
    numbers = joined(mark.number for mark in here)
    labels = [label for mark in ranked[:LABELS] for label in mark.labels][:LABELS]
    more = sum(mark.more + len(mark.labels) for mark in here) - len(labels)
    note = "&#10;".join([*labels, *([f"and {more:,} more"] if more else [])])
    return (
        "".join(tags) + f'<a class="{" ".join(looks)}" id="s{start}" href="#{first.target}" data-p="{numbers}" '
        f'title="{note}">{content}</a>'
    )


_RANK = {"m": 0, "e": 1, "g": 2}
