"""How sure a value is: one number from all that speaks for and against it.

Each kind of evidence moves the odds that a value is right by a factor; one that is not there leaves them as they are:

    odds = STANDING · (-ln p)^-TOKENS · SHARED if its place is also another's · AGREED^(agreement - NEUTRAL)

with p the probability of the value's tokens. The constants are fitted (logistic regression, `benchmarks/confidence.py`)
on the values of nine kinds of open documents that a model of 135 million parameters extracted, one in four rightly, and
rounded. What 0.9 means for another model and other documents, `calibrate` learns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from extractor.evidence.field import Field
from extractor.evidence.logprobs import Tokens
from extractor.schema.pointers import value_at

__all__ = ["confident"]

# All in natural logarithms of odds. Of what stands exactly in the document 4 in 10 were right, and of what stands there
# in another form as many; nearly: 1 in 17; not at all: 1 in 330.
STANDING: Mapping[str | None, float] = {
    "exact": -0.2,
    "normalised": -0.2,
    "fuzzy": -2.0,
    "absent": -5.0,
    "inferred": -1.4,
    None: -0.7,  # nobody looked: as many as there are in all
}
NULL = 0.0  # that there is nothing: as good as something that stands there
INFERRED_AND_FOUND = 0.0  # a choice, of which a word stands there
TOKENS = 0.4  # p = 0.99 is six times the odds of p = 0.37, where the factor is 1
CERTAIN = 1e-3  # of -ln p: below is what rounding leaves
SHARED = -1.5  # one place, or a part of it, for two fields: mostly one of them was filled with the other's value
# Not fitted but set: that all candidates agree makes the odds three times, that one of five has it makes them a third.
AGREED = 3.0
NEUTRAL = 0.6

_LOOKED = ("exact", "normalised", "fuzzy", "absent")
_NOTHING = (None, "")
_UNKNOWN: Any = object()


def confident(
    fields: Mapping[str, Field], tokens: Mapping[str, Tokens] | None = None, *, data: Any = _UNKNOWN
) -> dict[str, Field]:
    """The fields with their `confidence`, from 0 to 1: None where there is neither a text to look in, nor a
    log-probability, nor an agreement.

    The log-probability is that of `tokens`, else the field's own. With the plain `data` that the fields are of, null is
    told from a value that was looked for and not found: both are "absent".
    """
    nulls = {pointer for pointer in fields if data is not _UNKNOWN and value_at(data, pointer) in _NOTHING}
    # Null, and what need not stand there, are the same with a text to look in and without one.
    looked = any(field.spans or field.status in _LOOKED for pointer, field in fields.items() if pointer not in nulls)
    shared = _shared(fields)
    result: dict[str, Field] = {}
    for pointer, field in fields.items():
        said = (tokens or {}).get(pointer)
        logprob = field.logprob if said is None else said.total
        known = logprob is not None or field.agreement is not None or (looked and field.status is not None)
        standing = NULL if pointer in nulls else _standing(field) + (SHARED if pointer in shared else 0.0)
        odds = standing + _tokens(logprob) + _agreement(field.agreement)
        result[pointer] = replace(field, confidence=1 / (1 + math.exp(-odds)) if known else None)
    return result


def _standing(field: Field) -> float:
    return INFERRED_AND_FOUND if field.status == "inferred" and field.spans else STANDING[field.status]


def _shared(fields: Mapping[str, Field]) -> set[str]:
    """The fields of which a place overlaps one of another's. What is chosen or concluded may stand anywhere."""
    spans = sorted(
        (span.start, span.end, pointer)
        for pointer, field in fields.items()
        if field.status != "inferred"
        for span in field.spans
    )
    shared: set[str] = set()
    reach, last = -1, ""  # of the spans so far, where the one that goes on longest ends
    for start, end, pointer in spans:
        if start < reach and pointer != last:
            shared |= {pointer, last}
        if end > reach:
            reach, last = end, pointer
    return shared


def _tokens(logprob: float | None) -> float:
    if logprob is None or not math.isfinite(logprob):
        return 0.0
    return -TOKENS * math.log(max(-logprob, CERTAIN))


def _agreement(share: float | None) -> float:
    return 0.0 if share is None else AGREED * (share - NEUTRAL)
