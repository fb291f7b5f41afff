"""A document cut into chunks, each of which can be read by itself.

The document is taken as pieces: lines, and where a line is long its sentences or words. Pieces are packed into chunks
as full as they go, and cut where the border is best: before a page or a heading rather than in a paragraph, and never
in the row of a table. Before its own text a chunk has the headings that it stands under, and the header of the table
that it begins in.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from extractor.documents.lengths import hundredths_in, tokens_in
from extractor.errors import MissingExtra, OptionError

__all__ = ["LEAST", "Chunk", "chunks"]

Place: TypeAlias = "tuple[int, int]"

LEAST = 16
"""Tokens of the smallest chunk: no character has as many."""
_LEAD = 4  # a chunk's lead may have a fourth of it
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
    pieces = _pieces(text, _borders(text, pages), _Splitter(text, room, shared))
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
    while first < len(pieces):
        leads, price = _fitting(text, pieces[first].leads, most // _LEAD)
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


def _fitting(text: str, leads: tuple[Place, ...], most: int) -> tuple[tuple[Place, ...], int]:
    """As many of the nearest leads as have room, and what they cost."""
    price, number = 0, len(leads)
    while number and price + (more := hundredths_in(text[slice(*leads[number - 1])] + "\n")) <= most:
        price += more
        number -= 1
    return leads[number:], price


# ------------------------------------------------------------------------------- rows and headings


class _Row(NamedTuple):
    """A line, or several where a quoted cell goes on."""

    start: int
    end: int
    text: str
    page: bool
    shape: str


_MOST = 20  # lines of one row
_QUOTED = re.compile(r'"[^"]*+"')
_GAP = re.compile(r"[^\s.!?:] {2,}+\S")
_RULER = re.compile(r"[\s|+:=_-]*+")
_DIGIT = re.compile(r"\d")


def _borders(text: str, pages: Sequence[int] | None) -> list[_Row]:
    starts = {match.end() for match in re.finditer("\f", text)} if pages is None else set(pages)
    starts = {start for start in starts if 0 < start < len(text)}
    ends = sorted({match.end() for match in re.finditer("\n", text)} | starts | {len(text)})
    rows: list[_Row] = []
    at = number = 0
    while number < len(ends):
        line = text[at : ends[number]]
        if line.count('"') % 2 and _shape(line)[:1] in tuple("\t,;"):
            number = _closed(text, ends, number)
            line = text[at : ends[number]]
        rows.append(_Row(at, ends[number], line, at in starts, _shape(line)))
        at = ends[number]
        number += 1
    return rows


def _closed(text: str, ends: list[int], number: int) -> int:
    """The line in which the quote that is open in a line ends; itself where it is not one of the next."""
    for later in range(number + 1, min(number + _MOST, len(ends))):
        if text.count('"', ends[later - 1], ends[later]) % 2:
            return later
    return number


def _shape(line: str) -> str:
    """What rows of the same table have in common; "" where it is no row."""
    line = line.strip()
    bars = line.count("|")
    if bars > 1 or " | " in line:
        return f"|{bars}"
    if "\t" in line:
        return f"\t{line.count(chr(9))}"
    for sign in ",;":
        if line.count(sign) > 1 and (cells := _QUOTED.sub("", line).count(sign)) > 1:
            return f"{sign}{cells}"
    return " " if _GAP.search(line) else ""


def _is_ruler(line: str) -> bool:
    return ("--" in line or "==" in line or "__" in line) and _RULER.fullmatch(line) is not None


class _Table(NamedTuple):
    """Rows from `first` to `last`, of which those before `body` are its header; `header` are their places."""

    first: int
    body: int
    last: int
    shape: str
    header: tuple[Place, ...]


_NEAR = 6  # rows between a table and its continuation on the next page


def _tables(rows: Sequence[_Row]) -> Iterator[_Table]:
    known: _Table | None = None
    first = 0
    while first < len(rows):
        shape, last = rows[first].shape, first + 1
        if not shape or _is_ruler(rows[first].text):
            first += 1
            continue
        while last < len(rows) and (rows[last].shape == shape or _is_ruler(rows[last].text)):
            last += 1
        if last - first > 2:
            body = _header(rows, first, last)
            header = tuple(_trimmed(row) for row in rows[first:body])
            if not header and known and known.shape == shape and first - known.last <= _NEAR:
                header = known.header
            known = _Table(first, body, last, shape, header)
            yield known
        first = last


def _header(rows: Sequence[_Row], first: int, last: int) -> int:
    """Where the header of a table ends."""
    if _is_ruler(rows[first + 1].text):
        return first + 2
    if _DIGIT.search(rows[first].text):
        return first
    looked = rows[first + 1 : min(first + 6, last)]
    numbers = sum(1 for row in looked if _DIGIT.search(row.text))
    # Signs between the cells are meant; gaps may be anything, but for numbers below words.
    return first + 1 if rows[first].shape != " " or 2 * numbers > len(looked) else first


def _trimmed(row: _Row) -> Place:
    body = row.text.strip("\r\n\f")
    start = row.start + row.text.index(body)
    return start, start + len(body)


_HASHES = re.compile(r"(#{1,6})[ \t]++\S")
_NUMBERED = re.compile(
    r"((?:\d{1,3}\.){0,5}\d{1,3})\.?[ \t]++[^\W\d_]|§|(?i:chapter|part|section|article|annex|appendix)\b"
)
_TITLE = 120  # characters of a heading
_UNDERLINED = {"=": 1, "-": 2}
_CAPITALS = 7  # below all others: nothing tells how deep it is


def _level(before: _Row | None, row: _Row, after: _Row | None) -> int:
    """How deep a heading is; 0 where the row is none."""
    line = row.text.strip()
    if not line or len(line) > _TITLE:
        return 0
    if hashes := _HASHES.match(line):
        return len(hashes[1])
    begins = before is None or row.page or before.text.isspace()
    if not begins or row.shape or line[-1] in ".,;:?!":
        return 0
    following = after.text.strip() if after else ""
    if following and following == following[0] * len(following) and len(following) > 2 and following[0] in _UNDERLINED:
        return _UNDERLINED[following[0]]
    if following:
        return 0
    if numbered := _NUMBERED.match(line):
        return 1 + (numbered[1] or "").count(".")
    return _CAPITALS if line.isupper() and sum(map(str.isalpha, line)) > 3 else 0


# --------------------------------------------------------------------------------- rows to pieces


def _pieces(text: str, rows: Sequence[_Row], splitter: _Splitter) -> list[_Piece]:
    pieces: list[_Piece] = []
    stack: list[tuple[int, Place]] = []
    tables = list(_tables(rows))
    lasts = [table.last for table in tables]
    bound = False
    for number, row in enumerate(rows):
        at = bisect.bisect_right(lasts, number)
        table = tables[at] if at < len(tables) and tables[at].first <= number else None
        before = rows[number - 1] if number else None
        level = 0 if table else _level(before, row, rows[number + 1] if number + 1 < len(rows) else None)
        while level and stack and stack[-1][0] >= level:
            stack.pop()
        leads = tuple(place for _, place in stack)
        border = _BOUND if bound else _border(row, before, level, table is not None and number > table.first)
        bound = bool(level) or (bound and row.text.isspace()) or (table is not None and number < table.body)
        if table and number >= table.body:
            leads += table.header
        pieces += splitter.split(row, border, leads, whole=table is not None)
        if level:
            stack.append((level, _trimmed(row)))
    return pieces


def _border(row: _Row, before: _Row | None, level: int, inside: bool) -> int:
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

    def split(self, row: _Row, border: int, leads: tuple[Place, ...], *, whole: bool) -> Iterable[_Piece]:
        """The pieces of a row; one, of a row of a table, if it has room."""
        price = hundredths_in(row.text)
        if price <= (self._room if whole else self._fine):
            return (_Piece(row.start, row.end, price, border, leads),)
        return self._parts(row, border, leads)

    def _parts(self, row: _Row, border: int, leads: tuple[Place, ...]) -> Iterator[_Piece]:
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
