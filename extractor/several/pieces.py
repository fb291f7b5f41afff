"""A plan: a generator without I/O that yields pieces of work and is sent what came of each, in whatever order.

Each piece is an extraction of its own, with its own conversation. No piece waits for another: a slow one holds up
nobody. What a plan returns is one `Extraction` for all of them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from extractor.chat.wire import usage_of
from extractor.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    CallerError,
    DeadlineExceeded,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    NotFound,
    QuotaExceeded,
    TargetFailed,
)
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading, Wanted, held
from extractor.result import Attempt, Extraction
from extractor.schema.target import Target
from extractor.settings import Settings

__all__ = ["Came", "Piece", "Plan", "Whole", "as_read", "attempts_of", "failed", "is_final", "joined", "read_as"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One extraction to be made: `call` are the settings that differ from the caller's."""

    number: int
    target: Target[Any]
    document: Any = field(repr=False)
    call: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """What came of a piece: a `result`, or an `error`."""

    piece: Piece
    result: Extraction[Any] | None = None
    error: ExtractorError | None = None

    def taken(self) -> Extraction[Any]:
        """The result. Raises the error."""
        if self.result is None:
            assert self.error is not None  # noqa: S101  # one of both
            raise self.error
        return self.result


Plan: TypeAlias = "Generator[Sequence[Piece], Came, Extraction[T]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """What all pieces are of: the caller's `target`, `document` and `settings`, and the `call` as it was made."""

    target: Target[Any]
    document: Any = field(repr=False)
    settings: Settings
    call: Mapping[str, Any]
    started: float = field(default_factory=time.monotonic)

    def piece(self, number: int, label: str, **changes: Any) -> Piece:
        """A piece of the same; `changes` are `target`, `document`, or settings. Its requests have keys with `label`: it
        must be the same for the same piece, whenever that begins.
        """
        target, document = changes.pop("target", self.target), changes.pop("document", self.document)
        key = self.settings.idempotency_key
        own: dict[str, Any] = {"idempotency_key": _named(key, label)} if key else {}
        if not self.settings.patient and self.settings.deadline is not None:  # it is for all of them
            own["deadline"] = max(self.started + self.settings.deadline - time.monotonic(), LEAST_SECONDS)
        return Piece(number=number, target=target, document=document, call={**self.call, **own, **changes})

    def instructed(self, said: str) -> str:
        """The caller's instructions, and those of a plan after them."""
        return "\n\n".join(filter(None, [self.settings.instructions, said]))


LEAST_SECONDS = 0.001  # no deadline is nothing: the piece says that it is over
LONGEST = 200  # characters of a key


def _named(key: str, label: str) -> str:
    """The key of a piece; of a long one the beginning, and what tells it from others."""
    named = f"{key}-{label}"
    if len(named) <= LONGEST:
        return named
    digest = hashlib.sha256(named.encode()).hexdigest()
    return f"{key[: LONGEST - len(digest) - 1]}-{digest}"


def is_final(error: ExtractorError) -> bool:
    """Whether every other request would end in the same."""
    return isinstance(
        error, (CallerError, AuthenticationFailed, QuotaExceeded, NotFound, BudgetExceeded, DeadlineExceeded)
    )


def read_as(whole: Whole, data: Any, came: Sequence[Came]) -> Reading[Any]:
    """Data that was put together of what `came`, held against the caller's target. Raises `TargetFailed`."""
    settings = whole.settings
    try:
        return held(data, Wanted(target=whole.target, context=settings.context, coerce=settings.coerce))
    except TargetFailed as error:
        error.attempts = attempts_of(came)
        raise


def as_read(reading: Reading[Any]) -> dict[str, Any]:
    """What a result says where its value was read from data that was put together: no candidate of any request."""
    whole = not reading.errors
    return {
        "value": reading.value if whole else None,
        "candidates": (reading.value,) if whole else (),
        "data": reading.data,
        "errors": reading.errors,
        "outcome": Outcome.CONFORMING if whole else Outcome.INCOMPLETE,
        "versions": (),
        "votes": {},
        "tokens": {},
    }


def attempts_of(came: Sequence[Came]) -> tuple[Attempt, ...]:
    """The attempts of all pieces, in the order of their numbers, those of failed ones included."""
    found: list[Attempt] = []
    for each in sorted(came, key=lambda each: each.piece.number):
        found += each.result.attempts if each.result is not None else getattr(each.error, "attempts", ())
    return tuple(found)


def failed(came: Sequence[Came]) -> ExtractorError:
    """The first error, the caller's own mistake before others, with the attempts of all pieces."""
    wrong = [each.error for each in came if each.error is not None]
    wrong.sort(key=lambda each: not isinstance(each, TargetFailed))
    first, attempts = wrong[0], attempts_of(came)
    if isinstance(first, (EndpointError, ExtractionFailed)):
        first.failures += tuple(each.with_traceback(None) for each in wrong[1:])
        first.attempts = attempts
    if isinstance(first, ExtractionFailed):
        first.usage = usage_of(each.reply for each in attempts)
    if isinstance(first, TargetFailed):
        first.attempts = attempts
    return first


def joined(first: Extraction[Any], came: Sequence[Came], seconds: float, **changes: Any) -> Extraction[Any]:
    """One extraction of several: that of the `first` result, with what all of them cost."""
    attempts = attempts_of(came)
    results = [each.result for each in came if each.result is not None]
    failures = tuple(failure for each in results for failure in each.failures)
    failures += tuple(each.error.with_traceback(None) for each in came if each.error is not None)
    own = {
        "attempts": attempts,
        "usage": usage_of(each.reply for each in attempts),
        "seconds": seconds,
        "steps": tuple(dict.fromkeys(step for each in results for step in each.steps)),
        "dropped": frozenset[str]().union(*(each.dropped for each in results)),
        "failures": failures,
    }
    return replace(first, **{**own, **changes})
