"""Asking for the rows that a list lacks, and for them only: what to send, and where what comes stands.

for report in completeness(schema, data, source, fields):
    for region in regions(report, source): …          # one request each, side by side: the list alone
    data, fields = merge_found(data, fields, report.pointer, answers)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, TypeAlias

from extractor.evidence.completeness import Gap, ListReport
from extractor.evidence.field import Field, Span
from extractor.evidence.grounding import ground
from extractor.evidence.items import weight_of
from extractor.evidence.rows import delimiter_of
from extractor.evidence.source import Source, source_of

__all__ = ["Answer", "Piece", "Region", "by_index", "is_outside", "placed", "regions", "row_of"]

_QUOTED = re.compile(r'"[^"]*+"')
LEAD = 1_000  # characters of a heading and header row; more is none, and would be sent with every region
SHORT_LEAD = 200  # the same where it is longer than the rows
ROWS = 40  # of one request: a model that drops rows of long lists drops few of short ones


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of the document that stands at `at` in a region's text."""

    at: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """What to ask for again: `text` is what to send, the list's heading and header row and then the rows.

    `start` and `end` are the part of the document that it is from, of which it has the `pieces`; `rows` is how many
    are missing in it (0: not known), `after` the index of the item behind which the first of them belongs. `parts` are
    the rows, half-open in characters of the document (none: not known), `lead` where heading and header row stand.
    """

    start: int
    end: int
    text: str
    after: int
    rows: int
    pieces: tuple[Piece, ...]
    parts: tuple[tuple[int, int], ...] = ()
    lead: tuple[Piece, ...] = ()

    def part(self, offset: int) -> tuple[int, int] | None:
        """The row that a character of the document is in; the whole region where the rows are not known."""
        if not self.parts:
            return self.start, self.end
        number = bisect_right(self.parts, offset, key=itemgetter(0)) - 1
        return self.parts[number] if number >= 0 and offset < self.parts[number][1] else None

    def said(self, start: int, end: int) -> str:
        """What stands at a part of the document, as it was sent."""
        for piece in self.pieces:
            if piece.start <= start < piece.end:
                return self.text[piece.at + start - piece.start : piece.at + min(end, piece.end) - piece.start]
        return ""


Answer: TypeAlias = "tuple[Region, Sequence[Any], Mapping[str, Field]]"
"""A region, the items that were found in it, and their fields by pointers into these items (`placed`)."""


def regions(report: ListReport, source: Source, *, rows: int = ROWS) -> tuple[Region, ...]:
    """What to ask for again: the rows of the gaps, at most so many in one region, rows from several gaps together.

    Where it is not known where the missing items are (the document says how many there are, or the value has no such
    list), the whole document is one region. None for a list that is complete, or of which nothing is known.
    """
    if report.gaps:
        return tuple(_region(source, report.lead, group) for group in _grouped(report.gaps, rows))
    if report.status in ("missing", "wrong_shape") or (report.status == "incomplete" and report.lacking):
        end = len(source.text)
        piece = Piece(at=0, start=0, end=end)
        return (Region(start=0, end=end, text=source.text, after=-1, rows=report.lacking, pieces=(piece,)),)
    return ()


def _grouped(gaps: Iterable[Gap], rows: int) -> Iterator[list[Gap]]:
    """The gaps, or parts of them, that have so many rows together."""
    group: list[Gap] = []
    room = rows
    for gap in gaps:
        parts = gap.parts or ((gap.start, gap.end),)
        first = 0
        while first < len(parts):
            own = parts[first : first + room]
            last = first + len(own)
            start, end = own[0][0] if first else gap.start, parts[last][0] if last < len(parts) else gap.end
            group.append(Gap(start=start, end=end, rows=len(own), after=gap.after, parts=own))
            first, room = last, room - len(own)
            if not room:
                yield group
                group, room = [], rows
    if group:
        yield group


def _region(source: Source, lead: Sequence[Span], group: Sequence[Gap]) -> Region:
    length = sum(span.end - span.start for span in lead)
    if length > LEAD or length > max(SHORT_LEAD, sum(part.end - part.start for part in group)):
        lead = ()
    texts: list[str] = []
    at, leads, pieces = 0, list[Piece](), list[Piece]()
    for span in lead:
        leads.append(Piece(at=at, start=span.start, end=span.end))
        texts.append(source.text[span.start : span.end])
        at += len(texts[-1]) + 1
    for part in group:
        texts.append(source.text[part.start : part.end].rstrip())
        pieces.append(Piece(at=at, start=part.start, end=part.start + len(texts[-1])))
        at += len(texts[-1]) + 1
    return Region(
        start=group[0].start,
        end=pieces[-1].end,
        text="\n".join(texts),
        after=group[0].after,
        rows=sum(part.rows for part in group),
        pieces=tuple(pieces),
        parts=tuple(row for part in group for row in part.parts),
        lead=tuple(leads),
    )


def placed(schema: Mapping[str, Any], items: Sequence[Any], region: Region, source: Source) -> dict[str, Field]:
    """The fields of the items that were found in a region, with their places in the whole document.

    `schema` is that of the list. A value that is looked for in the region only is not taken for an equal one of
    another row: each item is placed in the row where most of it stands, or in what the rows stand under.
    """
    found = ground(schema, list(items), source_of(region.text))
    pieces = (*region.lead, *region.pieces)
    starts = [piece.at for piece in pieces]

    def whole(spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            number = bisect_right(starts, span.start) - 1
            if number >= 0:
                piece = pieces[number]
                start = piece.start + span.start - piece.at
                end = min(start + span.end - span.start, piece.end)
                if start < end:
                    yield Span(start=start, end=end, page=source.page_of(start))

    fields = {
        pointer: _moved(known, tuple(whole(known.spans)), tuple(whole(known.elsewhere)))
        for pointer, known in found.items()
    }
    if not region.parts:
        return fields
    for index, own in by_index(fields).items():
        part = row_of(own, region)
        if part is not None and any(is_outside(known, part) for known in own.values()):
            again = _in_row(schema, items[index], source, part)
            for rest, known in own.items():
                inside = again.get(rest, known)
                if is_outside(known, part) and not is_outside(inside, part):
                    fields[f"/{index}{rest}"] = inside
    return fields


def _in_row(schema: Mapping[str, Any], item: Any, source: Source, part: tuple[int, int]) -> dict[str, Field]:
    """The fields of an item that is looked for in one row only; between commas, too, which parts of numbers are."""
    row = source.text[part[0] : part[1]]
    line = _QUOTED.sub("", row.strip().partition("\n")[0])
    found: dict[str, Field] = {}
    for text in (row.replace(",", "\t"), row) if delimiter_of([line]) == "," else (row,):
        for pointer, known in ground(schema, [item], source_of(text)).items():
            if known.spans:
                found[pointer.removeprefix("/0")] = replace(
                    known,
                    spans=tuple(_shifted(span, part[0], source) for span in known.spans),
                    elsewhere=tuple(_shifted(span, part[0], source) for span in known.elsewhere),
                )
    return found


def _shifted(span: Span, by: int, source: Source) -> Span:
    return Span(start=span.start + by, end=span.end + by, page=source.page_of(span.start + by))


def row_of(own: Mapping[str, Field], region: Region) -> tuple[int, int] | None:
    """The row in which most of an item stands."""
    weights: dict[tuple[int, int], float] = {}
    for known in own.values():
        part = region.part(known.spans[0].start) if known.spans else None
        if part is not None:
            weights[part] = weights.get(part, 0.0) + weight_of(known)
    return max(weights, key=weights.__getitem__, default=None)


def is_outside(known: Field, part: tuple[int, int]) -> bool:
    """Whether some of a value stands outside of that part of the region's text, or it stands nowhere."""
    return not known.spans or not all(part[0] <= span.start < part[1] for span in known.spans)


def _moved(known: Field, spans: tuple[Span, ...], elsewhere: tuple[Span, ...]) -> Field:
    if known.spans and not spans:
        spans, elsewhere = elsewhere[:1], elsewhere[1:]
    if known.spans and not spans and known.status != "inferred":
        return replace(known, status="absent", spans=(), elsewhere=(), score=0.0)
    return replace(known, spans=spans, elsewhere=elsewhere)


def by_index(fields: Mapping[str, Field]) -> dict[int, dict[str, Field]]:
    """The fields of each item, by the rest of their pointers."""
    own: dict[int, dict[str, Field]] = {}
    for pointer, known in fields.items():
        step, slash, rest = pointer[1:].partition("/")
        if step.isdecimal():
            own.setdefault(int(step), {})[slash + rest] = known
    return own
