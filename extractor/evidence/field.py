"""What is known about one field of a value: where it stands in the document, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Field", "Span", "Status"]

Status: TypeAlias = Literal["exact", "normalised", "fuzzy", "absent", "inferred"]
"""How a value stands in the document: as it is; in another form (case, spaces, another way to write a number or a
date …); nearly; not at all; or it need not stand there, since it is declared to be inferred.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A place in the document: half-open, in characters from its start. `page` counts from 1, None where the
    document has none.
    """

    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What is known about one field.

    `status` says how it stands in the document; None where there is no text to look in. `spans` is its place: one span,
    or several where it is in pieces; `elsewhere` are further places where the same stands. `score`, from 0 to 1, is how
    much the value and its place are alike.

    `confidence` is the probability that the value is right, None where there is nothing to go on. `logprob` is the sum
    of the log-probabilities of the value's own tokens, `agreement` the share of the candidates that have the same
    value, and `others` what the rest of them have, with their shares.
    """

    status: Status | None
    spans: tuple[Span, ...] = ()
    elsewhere: tuple[Span, ...] = ()
    score: float = 0.0
    confidence: float | None = None
    logprob: float | None = None
    agreement: float | None = None
    others: tuple[tuple[Any, float], ...] = ()

    @property
    def span(self) -> Span | None:
        """The first of the `spans`."""
        return self.spans[0] if self.spans else None
