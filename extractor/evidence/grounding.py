"""Where each value stands in the source: all its places are searched, and the one beside its siblings is its place."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from extractor.evidence.field import Field, Span
from extractor.evidence.leaves import Leaf, leaves
from extractor.evidence.place import Found, Place
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
    number, date, currency or telephone number, with other marks between its letters, its words in another order, or,
    at last, inside of a word ("normalised"); with errors of reading, in pieces, or a number with another sign
    ("fuzzy"). A text in which a negation was lost or added, or a short one in which a letter is another than it can
    have been misread as, is not found. What is inferred has a span only where it stands there anyway.
    """
    search = Search(source, within)
    listed = list(leaves(schema, data))
    found = [_found(leaf, search) for leaf in listed]
    places = placed(data, listed, [each.places for each in found], source, search)
    spans = _Spans(source)
    return {
        leaf.pointer: _field(leaf, each, place, spans) for leaf, each, place in zip(listed, found, places, strict=True)
    }


def _found(leaf: Leaf, search: Search) -> Found:
    found = search.find(leaf.value, nearly=not leaf.inferred)
    if leaf.inferred:
        sure = [each for each in found.places if (each.status or found.status) != "fuzzy"]
        return found if len(sure) == len(found.places) else found._replace(places=sure)
    return found


def _field(leaf: Leaf, found: Found, place: Place | None, spans: _Spans) -> Field:
    if place is None:
        return Field(status="inferred" if leaf.inferred else "absent")
    written = spans.text(place) in found.written
    exact = place.status is None and (written or found.status == "exact")
    status = "inferred" if leaf.inferred else "exact" if exact else place.status or found.status
    return Field(
        status=status,
        spans=spans.of(place),
        elsewhere=_elsewhere(found, place, spans),
        score=1.0 if exact else round(min(place.score, 0.99), 4),
    )


class _Spans:
    """The spans of places. Each is made once: that of a value which is everywhere belongs to many fields."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[Place, tuple[Span, ...]] = {}

    def text(self, place: Place) -> str:
        """What stands there."""
        return self._source.text[place.start : place.end]

    def of(self, place: Place) -> tuple[Span, ...]:
        """The spans of a place."""
        known = self._known.get(place)
        if known is None:
            parts = place.parts or ((place.start, place.end),)
            known = tuple(Span(start=start, end=end, page=self._source.page_of(start)) for start, end in parts)
            self._known[place] = known
        return known


def _elsewhere(found: Found, place: Place, spans: _Spans) -> tuple[Span, ...]:
    """Further places, those around the chosen one where there are many."""
    if len(found.places) < 2:
        return ()
    at = bisect_left(found.places, (place.start, place.end))
    first = max(0, min(at - MOST_ELSEWHERE // 2, len(found.places) - MOST_ELSEWHERE - 1))
    near = found.places[first : first + MOST_ELSEWHERE + 1]
    return tuple([spans.of(each)[0] for each in near if each != place][:MOST_ELSEWHERE])
