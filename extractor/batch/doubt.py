"""How doubtful an extraction is, and which of its values are.

Of a value it is 1 - its confidence; 1 where it is not in the document, or does not validate. Of a document it is the
sum over the values that are doubtful: one that stands in it, and of which nothing else is known, has 0.55, so that a
sum over all of them would say how many fields there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from extractor.batch.record import Record
from extractor.evidence.field import Field
from extractor.schema.pointers import value_at

__all__ = ["DOUBTFUL", "FAILED", "doubt_of", "doubts"]

DOUBTFUL = 0.6  # where nothing but its place is known, a value that stands in the document has 0.55
REST = 0.01  # what the other values count for: of two documents with the same doubtful ones it tells which is first
FAILED = 1_000.0  # a document that failed comes before all that did not


def doubts(data: Any, fields: Mapping[str, Field], errors: Sequence[str] = ()) -> dict[str, float]:
    """How doubtful each value of `data` is, by its JSON pointer, from 0 to 1. `errors` are the places where it does not
    validate; a place of which nothing is known is not there.
    """
    found = {pointer: _doubt(field, data, pointer) for pointer, field in fields.items()}
    known = {pointer: doubt for pointer, doubt in found.items() if doubt is not None}
    return known | dict.fromkeys(errors, 1.0)


def _doubt(field: Field, data: Any, pointer: str) -> float | None:
    if field.status == "absent" and value_at(data, pointer) is not None:
        return 1.0
    return None if field.confidence is None else min(1.0, max(0.0, 1.0 - field.confidence))


def doubt_of(record: Record) -> tuple[float, int]:
    """How doubtful a document is, whose fields are known: the sum over its doubtful values, with a hundredth of that
    over the others, and how many are doubtful. Of one that failed, 1,000 and the number of its errors.
    """
    if record.error is not None:
        wrong = len(record.error.errors)
        return FAILED + wrong, wrong
    found = doubts(record.data, record.fields)
    doubtful = [doubt for doubt in found.values() if doubt >= DOUBTFUL]
    others = sum(doubt for doubt in found.values() if doubt < DOUBTFUL)
    return sum(doubtful) + REST * others, len(doubtful)
