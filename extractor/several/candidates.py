"""Several candidates for one document, and what most of them say, field by field."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from extractor.errors import BadRequest, TargetFailed
from extractor.evidence.consensus import Candidate, Vote, medoid, vote, votes_on
from extractor.result import Extraction, Version
from extractor.schema.pointers import value_at
from extractor.several.pieces import Came, Piece, Plan, Whole, failed, is_final, joined, read_as

if TYPE_CHECKING:
    from extractor.evidence.logprobs import Tokens

__all__ = ["candidates"]

TEMPERATURE = 0.7
"""Where the caller gives none: without chance all candidates would be the same."""


def candidates(whole: Whole) -> Plan[Any]:
    """Ask for all with `n` in one request; where fewer come, for the rest one by one, side by side.

    Raises what the first piece does, where none of them conforms, and `TargetFailed`.
    """
    started, wanted = time.perf_counter(), whole.settings.candidates
    first = yield (_piece(whole, 0, n=wanted),)
    if first.error is not None and is_final(first.error):
        raise first.error
    came = [first]
    count = 0 if isinstance(first.error, BadRequest) else max(1, len(_versions(first)))  # it may not take `n`
    ahead: Sequence[Piece] = [_piece(whole, number, **_unlike(first)) for number in range(1, wanted - count + 1)]
    for _ in range(count, wanted):
        came.append((yield ahead))
        ahead = ()
    came.sort(key=lambda each: each.piece.number)  # as they came, the first of several would be another each time
    versions = [version for each in came for version in _versions(each)]
    seconds = time.perf_counter() - started
    if any(isinstance(each.error, TargetFailed) for each in came) or all(each.result is None for each in came):
        raise failed(came)
    return _agreed(whole, came, versions[:wanted], seconds) if versions else _most_like(whole, came, seconds)


def _piece(whole: Whole, number: int, **changes: Any) -> Piece:
    fields = whole.settings.fields
    own: dict[str, Any] = {"candidates": 1, "recall": "normal", "chunking": None, **changes}
    if "temperature" not in fields:
        own["temperature"] = TEMPERATURE
    if whole.settings.cache is not None:  # the first one shows whether it is taken
        own["seed"] = fields.get("seed", 0)
    if number:
        own |= {"n": None, "seed": fields.get("seed", 0) + number}
    return whole.piece(number, f"candidate{number}", **own)


def _unlike(first: Came) -> dict[str, Any]:
    """What keeps the other candidates from being the first one again: no cache, where no seed tells them apart."""
    told_apart = first.result is not None and "seed" not in first.result.dropped
    return {} if told_apart else {"cache": None}


def _versions(came: Came) -> list[Version[Any]]:
    return list(came.result.versions) if came.result is not None else []


def _agreed(whole: Whole, came: Sequence[Came], versions: Sequence[Version[Any]], seconds: float) -> Extraction[Any]:
    """What most candidates say; where that does not conform as a whole, the one that says most of it."""
    schema = whole.target.schema
    first = next(each.result for each in came if each.result is not None and each.result.versions)
    known = [Candidate(data=each.data, fields=_fields(first, each)) for each in versions]
    most_like = medoid(schema, known)
    best, agreed = versions[most_like], vote(schema, known)
    reading = read_as(whole, agreed.data, came)
    value, data, votes = reading.value, reading.data, agreed.votes
    if reading.errors:
        value, data, votes = best.value, best.data, votes_on(schema, known, most_like)
    return joined(
        first,
        came,
        seconds,
        value=value,
        data=data,
        candidates=tuple(each.value for each in versions),
        versions=tuple(versions),
        votes=_of_all(votes, len(versions), whole.settings.candidates),
        tokens=_said(best, data),
    )


def _most_like(whole: Whole, came: Sequence[Came], seconds: float) -> Extraction[Any]:
    """Where required fields are absent in all candidates: the one that says most of what they say."""
    results = [each.result for each in came if each.result is not None]
    known = [Candidate(data=each.data, fields=each.fields) for each in results]
    taken = medoid(whole.target.schema, known)
    best, votes = results[taken], votes_on(whole.target.schema, known, taken)
    return joined(best, came, seconds, votes=_of_all(votes, len(results), whole.settings.candidates))


def _of_all(votes: Mapping[str, Vote], came: int, asked: int) -> Mapping[str, Vote]:
    """The shares of all candidates that were asked for: one that did not conform agrees with nobody."""
    if came >= asked:
        return votes
    share = came / asked
    return {
        pointer: Vote(
            agreement=said.agreement * share, others=tuple((value, each * share) for value, each in said.others)
        )
        for pointer, said in votes.items()
    }


def _fields(first: Extraction[Any], version: Version[Any]) -> Mapping[str, Any]:
    """What is known of the fields of one candidate."""
    return replace(first, data=version.data, tokens=version.tokens, calibration=None).fields


def _said(best: Version[Any], data: Any) -> dict[str, Tokens]:
    """What the tokens of the best candidate say, as far as its values were taken."""
    return {
        pointer: tokens
        for pointer, tokens in best.tokens.items()
        if value_at(best.data, _item_of(pointer)) == value_at(data, _item_of(pointer))
    }


def _item_of(pointer: str) -> str:
    """The item of a list that a value is in, else the value: items at one place may be different ones."""
    steps = pointer.split("/")
    last = max((number for number, step in enumerate(steps) if step.isdecimal()), default=len(steps) - 1)
    return "/".join(steps[: last + 1])
