"""Where each value stands in the source: all its places are searched, and the one beside its siblings is its place."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from extractor.evidence.field import Field, Span
from extractor.evidence.leaves import Leaf, leaves
from extractor.evidence.place import NOWHERE, Found, Place
from extractor.evidence.placing import placed
from extractor.evidence.search import Search
from extractor.evidence.source import Source

__all__ = ["ground"]

MOST_ELSEWHERE = 20


def ground(schema: Any, data: Any, source: Source, *, within: tuple[int, int] | None = None) -> dict[str, Field]:
    """One `Field` for each scalar of `data`, by JSON pointer.

    `schema` is JSON Schema 2020-12 (it tells what is inferred, and how fields are called), `data` plain JSON. `within`
    is the part of the source, half-open in characters, in which is looked. Spans are offsets of the original text.

    A text is found letter by letter where words begin and end ("exact"); folded, as another way to write the same
    number or date, with other marks between its letters, or, at last, inside of a word ("normalised"); with errors of
    reading or in pieces ("fuzzy"). What is inferred has a span only where it stands there anyway.
    """
    search = Search(source, within)
    listed = list(leaves(schema, data))
    found = [_found(leaf, search) for leaf in listed]
    places = placed(data, listed, [each.places for each in found], source, search)
    return {
        leaf.pointer: _field(leaf, each, place, source) for leaf, each, place in zip(listed, found, places, strict=True)
    }


def _found(leaf: Leaf, search: Search) -> Found:
    found = search.find(leaf.value, nearly=not leaf.inferred)
    return NOWHERE if leaf.inferred and found.status == "fuzzy" else found


def _field(leaf: Leaf, found: Found, place: Place | None, source: Source) -> Field:
    if place is None:
        return Field(status="inferred" if leaf.inferred else "absent")
    written = source.text[place.start : place.end] in found.written
    exact = written or (place.status is None and found.status == "exact")
    status = "inferred" if leaf.inferred else "exact" if exact else place.status or found.status
    return Field(
        status=status,
        spans=_spans(place, source),
        elsewhere=_elsewhere(found, place, source),
        score=1.0 if exact else round(min(place.score, 0.99), 4),
    )


def _spans(place: Place, source: Source) -> tuple[Span, ...]:
    parts = place.parts or ((place.start, place.end),)
    return tuple(Span(start=start, end=end, page=source.page_of(start)) for start, end in parts)


def _elsewhere(found: Found, place: Place, source: Source) -> tuple[Span, ...]:
    """Further places, those around the chosen one where there are many."""
    if len(found.places) < 2:
        return ()
    at = bisect_left(found.places, (place.start, place.end))
    first = max(0, min(at - MOST_ELSEWHERE // 2, len(found.places) - MOST_ELSEWHERE - 1))
    near = found.places[first : first + MOST_ELSEWHERE + 1]
    return tuple(span for each in near if each != place for span in _spans(each, source)[:1])[:MOST_ELSEWHERE]
