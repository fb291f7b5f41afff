"""A document cut into chunks, each of which can be read by itself.

The document is taken as pieces: lines, and where a line is long its sentences or words. Pieces are packed into chunks
as full as they go, and cut where the border is best: before a page or a heading rather than in a paragraph, and never
in the row of a table. Before its own text a chunk has the headings that it stands under, and the header of the table
that it begins in.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from extractor.documents.chunking import LEAST
from extractor.documents.lengths import hundredths_in, tokens_in
from extractor.documents.lines import Place, Row, level_of, rows_of, tables_of, trimmed
from extractor.errors import MissingExtra, OptionError

__all__ = ["Chunk", "chunks"]

_LEAD = 4  # a chunk's lead may have a fourth of it
_CHEAPEST = 6  # hundredths of a token: no character of a long text costs less
_FULL = 0.7  # from here on a better border is worth an earlier end
_OVERLAP = 10  # a tenth of a chunk, where nothing is said
_UNIT = 400  # hundredths of a token
_SLICE = 8_000  # characters of a line for the splitter, which takes quadratic time where there are no sentences


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A part of a document: half-open, in characters of the whole. `number` counts from 0.

    What is sent is `lead` and then the part itself; `leads` are the places in the whole of the lines in it.
    """

    number: int
    start: int
    end: int
    lead: str = ""
    leads: tuple[Place, ...] = ()

    def text_of(self, document: str) -> str:
        """What is sent, given the whole document."""
        return self.lead + document[self.start : self.end]

    def to_whole(self, start: int, end: int) -> Place | None:
        """A place in what is sent, as a place in the whole; None where it is in no one place there."""
        own = len(self.lead)
        if start >= own:
            return (start - own + self.start, end - own + self.start) if end - own <= self.end - self.start else None
        at = 0
        for first, last in self.leads:
            if at <= start and end <= at + last - first:
                return first + start - at, first + end - at
            at += last - first + 1  # the end of the line
        return None


def chunks(
    text: str, *, tokens: int, overlap: int | None = None, pages: Sequence[int] | None = None
) -> tuple[Chunk, ...]:
    """Cut a text into chunks of at most `tokens` tokens (as `tokens_in` has it), their leads included, in order.

    Neighbours have at most `overlap` tokens in common (a tenth of `tokens` where it is None, never more than a third):
    whole lines or sentences, or words of a line that has no sentences. `pages` are the offsets where pages start (after
    each form feed where it is None). All but white space is in at least one chunk; a text of white space has none.
    Raises `OptionError`, and `MissingExtra` where more than one chunk is needed.
    """
    if tokens < LEAST:
        raise OptionError(f"A chunk must have at least {LEAST} tokens.", option="tokens")
    if overlap is not None and overlap < 0:
        raise OptionError("The overlap cannot be negative.", option="overlap")
    if not text.strip():
        return ()
    if tokens_in(text) <= tokens:
        return (Chunk(number=0, start=0, end=len(text)),)
    shared = min(tokens // _OVERLAP if overlap is None else overlap, tokens // 3)
    room = 100 * (tokens - tokens // _LEAD - 4)
    pieces = _pieces(text, rows_of(text, pages), _Splitter(text, room, shared))
    return tuple(_packed(text, pieces, 100 * tokens, 100 * shared))


# ------------------------------------------------------------------------------ packing the pieces

# How good it is to begin a chunk with a piece.
_BOUND, _ANY, _WORD, _SENTENCE, _ROW, _LINE, _PARAGRAPH, _SECTION = range(8)


class _Piece(NamedTuple):
    """What is not cut any more. `price` is in hundredths of a token, `leads` what it stands under."""

    start: int
    end: int
    price: int
    border: int
    leads: tuple[Place, ...]


def _packed(text: str, pieces: Sequence[_Piece], most: int, shared: int) -> Iterator[Chunk]:
    first = number = covered = 0
    known = _Leads(text, most // _LEAD)
    while first < len(pieces):
        leads, price = known.fitting(pieces[first].leads)
        last = _last(pieces, first, covered, most - price)
        start, end = pieces[first].start, pieces[last - 1].end
        end -= len(text[start:end]) - len(text[start:end].rstrip())
        if end > start:
            lead = "".join(text[begin:stop] + "\n" for begin, stop in leads)
            yield Chunk(number=number, start=start, end=end, lead=lead, leads=leads)
            number += 1
        covered = last
        first = _back(pieces, first, last, shared, most) if last < len(pieces) else last
        while first < covered and text[pieces[first].start : pieces[first].end].isspace():
            first += 1
        while first == covered < len(pieces) and text[pieces[first].start : pieces[first].end].isspace():
            first = covered = first + 1


def _last(pieces: Sequence[_Piece], first: int, covered: int, most: int) -> int:
    """Where a chunk that begins with the `first` piece ends best; it goes further than what is `covered`."""
    price, last, best = 0, first, (-1, 0)
    while last < len(pieces) and (last <= covered or price + pieces[last].price <= most):
        price += pieces[last].price
        last += 1
        if last < len(pieces) and price >= most * _FULL and last > covered:
            best = max(best, (pieces[last].border, last))
    return last if last == len(pieces) or best[1] == 0 else best[1]


def _back(pieces: Sequence[_Piece], first: int, last: int, shared: int, most: int) -> int:
    """The piece with which the next chunk begins: as far back as may be shared, at a border that is one."""
    begins = {_SENTENCE: last, _WORD: last}
    left = min(shared, most - most // _LEAD - pieces[last].price)
    for number in range(last - 1, first, -1):
        left -= pieces[number].price
        if left < 0:
            break
        for border in begins:
            if pieces[number].border >= border:
                begins[border] = number
    return begins[_SENTENCE] if begins[_SENTENCE] < last else begins[_WORD]


class _Leads:
    """What leads cost. One that is too long for any chunk is not even looked at."""

    def __init__(self, text: str, most: int) -> None:
        self._text = text
        self._most = most
        self._prices: dict[Place, int] = {}

    def fitting(self, leads: tuple[Place, ...]) -> tuple[tuple[Place, ...], int]:
        """As many of the nearest leads as have room, and what they cost."""
        price, number = 0, len(leads)
        while number and price + (more := self._price(leads[number - 1])) <= self._most:
            price += more
            number -= 1
        return leads[number:], price

    def _price(self, lead: Place) -> int:
        start, end = lead
        if (end - start) * _CHEAPEST > self._most:
            return self._most + 1
        if lead not in self._prices:
            self._prices[lead] = hundredths_in(self._text[start:end] + "\n")
        return self._prices[lead]


# --------------------------------------------------------------------------------- rows to pieces


def _pieces(text: str, rows: Sequence[Row], splitter: _Splitter) -> list[_Piece]:
    pieces: list[_Piece] = []
    stack: list[tuple[int, Place]] = []
    tables = list(tables_of(rows))
    lasts = [table.last for table in tables]
    bound = False
    for number, row in enumerate(rows):
        at = bisect.bisect_right(lasts, number)
        table = tables[at] if at < len(tables) and tables[at].first <= number else None
        before = rows[number - 1] if number else None
        level = 0 if table else level_of(before, row, rows[number + 1] if number + 1 < len(rows) else None)
        while level and stack and stack[-1][0] >= level:
            stack.pop()
        leads = tuple(place for _, place in stack)
        border = _BOUND if bound else _border(row, before, level, table is not None and number > table.first)
        bound = bool(level) or (bound and row.text.isspace()) or (table is not None and number < table.body)
        if table and number >= table.body:
            leads += table.header
        pieces += splitter.split(row, border, leads, whole=table is not None)
        if level:
            stack.append((level, trimmed(row)))
    return pieces


def _border(row: Row, before: Row | None, level: int, inside: bool) -> int:
    if level or row.page or before is None:
        return _SECTION
    if row.text.isspace():
        return _ANY  # belongs to what is before it
    return _PARAGRAPH if before.text.isspace() else _ROW if inside else _LINE


class _Splitter:
    """Rows that are too long, at sentences, words, characters."""

    def __init__(self, text: str, room: int, shared: int) -> None:
        self._text = text
        self._room = room
        # Fine enough for the overlap to find a border.
        self._fine = min(room, max(800, min(room // 4, 100 * shared // 3 or room)))
        self._splitter = _splitter(self._fine)

    def split(self, row: Row, border: int, leads: tuple[Place, ...], *, whole: bool) -> Iterable[_Piece]:
        """The pieces of a row; one, of a row of a table, if it has room."""
        price = hundredths_in(row.text)
        if price <= (self._room if whole else self._fine):
            return (_Piece(row.start, row.end, price, border, leads),)
        return self._parts(row, border, leads)

    def _parts(self, row: Row, border: int, leads: tuple[Place, ...]) -> Iterator[_Piece]:
        for start, end in _slices(self._text, row.start, row.end):
            for offset, part in self._splitter.chunk_indices(self._text[start:end]):
                at = start + offset
                # A word that is cut may cost a token more in its parts.
                price = hundredths_in(part) + 200
                yield _Piece(at, at + len(part), price, border if at == row.start else self._inside(at), leads)

    def _inside(self, at: int) -> int:
        before = self._text[max(0, at - 3) : at]
        spaced = before.rstrip()
        if spaced and (spaced[-1] in "。！？" or (spaced != before and spaced[-1] in ".!?")):
            return _SENTENCE
        return _WORD if spaced != before else _ANY


def _splitter(capacity: int) -> Any:
    try:
        from semantic_text_splitter import TextSplitter
    except ImportError as error:
        message = "A document that is too long for one request needs the package semantic-text-splitter."
        raise MissingExtra(message, hint='Run: pip install "extractor[documents]"') from error
    # It takes what has no more characters than the capacity for short enough, without a question: no character is
    # longer than one unit.
    return TextSplitter.from_callback(lambda part: -(-hundredths_in(part) // _UNIT), capacity // _UNIT, 0, False)


def _slices(text: str, start: int, end: int) -> Iterator[Place]:
    """A long line in parts of a bounded length, cut at spaces where there are any."""
    while end - start > _SLICE:
        spaces = [text.rfind(space, start + _SLICE // 2, start + _SLICE) for space in " \t"]
        at = max(spaces) + 1 or start + _SLICE
        yield start, at
        start = at
    yield start, end
