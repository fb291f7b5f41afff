"""The lines of a document: which are rows of tables, what is the header of each, which are headings, and how deep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

__all__ = ["Place", "Row", "Table", "level_of", "rows_of", "tables_of", "trimmed"]

Place: TypeAlias = "tuple[int, int]"
"""Half-open, in characters of the document."""


class Row(NamedTuple):
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


def rows_of(text: str, pages: Sequence[int] | None) -> list[Row]:
    """All rows of a text, in order. `pages` are the offsets where pages start, by form feeds where it is None."""
    starts = {match.end() for match in re.finditer("\f", text)} if pages is None else set(pages)
    starts = {start for start in starts if 0 < start < len(text)}
    ends = sorted({match.end() for match in re.finditer("\n", text)} | starts | {len(text)})
    rows: list[Row] = []
    at = number = 0
    while number < len(ends):
        line = text[at : ends[number]]
        if line.count('"') % 2 and _shape(line)[:1] in tuple("\t,;"):
            number = _closed(text, ends, number)
            line = text[at : ends[number]]
        rows.append(Row(at, ends[number], line, at in starts, _shape(line)))
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


class Table(NamedTuple):
    """Rows from `first` to `last`, of which those before `body` are its header; `header` are their places."""

    first: int
    body: int
    last: int
    shape: str
    header: tuple[Place, ...]


_NEAR = 6  # rows between a table and its continuation on the next page


def tables_of(rows: Sequence[Row]) -> Iterator[Table]:
    """The tables among the rows, in order: more than two rows of one shape."""
    known: Table | None = None
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
            header = tuple(trimmed(row) for row in rows[first:body])
            if not header and known and known.shape == shape and first - known.last <= _NEAR:
                header = known.header
            known = Table(first, body, last, shape, header)
            yield known
        first = last


def _header(rows: Sequence[Row], first: int, last: int) -> int:
    """Where the header of a table ends."""
    if _is_ruler(rows[first + 1].text):
        return first + 2
    if _DIGIT.search(rows[first].text):
        return first
    looked = rows[first + 1 : min(first + 6, last)]
    numbers = sum(1 for row in looked if _DIGIT.search(row.text))
    # Signs between the cells are meant; gaps may be anything, but for numbers below words.
    return first + 1 if rows[first].shape != " " or 2 * numbers > len(looked) else first


def trimmed(row: Row) -> Place:
    """Where a row is, without the end of its line."""
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


def level_of(before: Row | None, row: Row, after: Row | None) -> int:
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
