"""Rows of the document that a list lacks: found after the first answer, and asked for by themselves, side by side."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from extractor.documents.found import merge_found
from extractor.documents.regions import Answer, Region, placed, regions
from extractor.errors import TargetFailed
from extractor.evidence.completeness import ListReport, completeness
from extractor.evidence.field import Field
from extractor.evidence.source import Source, source_of
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading
from extractor.result import Extraction
from extractor.schema.pointers import value_at
from extractor.schema.scope import Scope, scope
from extractor.schema.target import PartTarget
from extractor.several.pieces import Came, Piece, Plan, Whole, as_read, failed, is_final, joined, read_as

__all__ = ["recalled"]

ROUNDS = 6
"""How often what is missing is asked for: a model that drops rows drops some of those that it is asked for, too."""
AT_ONCE = 16
"""Regions that are asked for side by side; with every answer the next one is."""
ROWS, LEAST_ROWS = 40, 10  # in one request at first, and where that did not help: of fewer rows fewer are dropped
_SAID = "The document is a part of a longer one: give an entry for each row of it, and leave none out."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A region of the document that is asked for, and the list that its rows belong to; no scope: it is the whole."""

    pointer: str
    region: Region
    scope: Scope | None


@dataclass(kw_only=True, slots=True)
class _State:
    """The value as far as it is known, what is known of its fields, and of how complete its lists are; what `came`."""

    came: list[Came]
    data: Any
    fields: Mapping[str, Field]
    reports: Sequence[ListReport]

    @property
    def lacking(self) -> int:
        """How many items are known to be missing."""
        return sum(report.lacking for report in self.reports)


def recalled(whole: Whole, text: str) -> Plan[Any]:
    """Ask as usual, then for the rows that are in no list, as long as more of them are found.

    Raises what the first piece does, and `TargetFailed`. What is still missing is in `lists` of the result, why it
    could not be had in `failures`.
    """
    started, source = time.perf_counter(), source_of(text)
    first = yield (whole.piece(0, "recall0", recall="normal", chunking=None),)
    result, came = first.taken(), [first]
    state = _State(came=came, data=result.data, fields=result.fields, reports=result.lists)
    for turn in range(ROUNDS):
        asked = dict(enumerate(_asked(whole, state, source, max(ROWS >> turn, LEAST_ROWS)), len(came)))
        if not asked:
            break
        answers = yield from _round(whole, asked)
        came += answers
        if any(isinstance(each.error, TargetFailed) for each in answers):
            raise failed(came)
        before = state.lacking
        state = _with_found(whole, state, [(asked[each.piece.number], each) for each in answers], source)
        if state.lacking >= before or any(map(_is_last, answers)):
            break
    return _result(whole, result, came, state, time.perf_counter() - started)


def _round(whole: Whole, asked: Mapping[int, _Asked]) -> Generator[Sequence[Piece], Came, list[Came]]:
    """Ask for the regions of one round, `AT_ONCE` of them side by side, until one fails as all others would."""
    waiting = deque(asked.items())
    came: list[Came] = []
    running, stopped = 0, False
    while waiting or running:
        ahead = []
        while waiting and running < AT_ONCE and not stopped:
            ahead.append(_piece(whole, *waiting.popleft()))
            running += 1
        if not running:
            break
        came.append((yield ahead))
        running -= 1
        stopped = stopped or _is_last(came[-1])
    return sorted(came, key=lambda each: each.piece.number)


def _is_last(came: Came) -> bool:
    return came.error is not None and is_final(came.error)


def _asked(whole: Whole, state: _State, source: Source, rows: int) -> Iterator[_Asked]:
    for report in state.reports:
        own = scope(whole.target.schema, state.data, [report.pointer]) if report.pointer else None
        if report.pointer and (own is None or own.places[0].pointer != report.pointer):
            continue  # the list cannot be asked for by itself
        for region in regions(report, source, rows=rows):
            yield _Asked(pointer=report.pointer, region=region, scope=own)


def _piece(whole: Whole, number: int, asked: _Asked) -> Piece:
    target = whole.target
    if asked.scope is not None:
        target = PartTarget(name=f"{whole.target.name}_part", schema=asked.scope.schema)
    return whole.piece(
        number,
        f"region{number}",
        target=target,
        document=asked.region.text,
        instructions=whole.instructed(_SAID),
        examples=(),  # they are of the whole
        recall="normal",
        candidates=1,
        chunking=None,
    )


def _with_found(whole: Whole, state: _State, answers: Sequence[tuple[_Asked, Came]], source: Source) -> _State:
    """The value with what was found in it, as far as it conforms so; inner lists first, since outer ones move them."""
    found: dict[str, list[Answer]] = {}
    for asked, came in answers:
        if came.result is not None:
            found.setdefault(asked.pointer, []).append(_answer(whole, asked, came.result, source))
    data, fields = state.data, state.fields
    for pointer in sorted(found, key=lambda pointer: -pointer.count("/")):
        data, fields = _joined(whole, replace(state, data=data, fields=fields), pointer, found[pointer])
    reports = completeness(whole.target.schema, data, source, fields)
    return _State(came=state.came, data=data, fields=fields, reports=reports)


def _answer(whole: Whole, asked: _Asked, result: Extraction[Any], source: Source) -> Answer:
    """The items that a region gave, with their places in the whole document."""
    schema, place, found = whole.target.schema, "", result.data
    if asked.scope is not None:
        name = asked.scope.places[0].name
        schema = {**asked.scope.schema["properties"][name], "$defs": asked.scope.schema.get("$defs", {})}
        place, found = f"/{name}", result.data.get(name)
    items = found or []
    fields = placed(schema, items, asked.region, source)
    for pointer, field in fields.items():
        known = result.fields.get(place + pointer)
        if known is not None:
            fields[pointer] = replace(field, confidence=known.confidence, logprob=known.logprob)
    return asked.region, items, fields


def _joined(whole: Whole, state: _State, pointer: str, answers: Sequence[Answer]) -> tuple[Any, Mapping[str, Field]]:
    """A list with all answers in it; where the whole does not conform then, with those with which it does."""
    data, fields = state.data, state.fields
    merged = merge_found(data, fields, pointer, answers)
    if not _is_worse(whole, data, merged[0], state.came):
        return merged
    for answer in answers:
        merged = merge_found(data, fields, pointer, [answer])
        if not _is_worse(whole, data, merged[0], state.came):
            data, fields = merged
    return data, fields


def _is_worse(whole: Whole, before: Any, after: Any, came: Sequence[Came]) -> bool:
    return len(read_as(whole, after, came).errors) > len(read_as(whole, before, came).errors)


def _result(
    whole: Whole, first: Extraction[Any], came: Sequence[Came], state: _State, seconds: float
) -> Extraction[Any]:
    reading: Reading[Any] = read_as(whole, state.data, came)
    if state.data == first.data or (reading.errors and first.outcome is Outcome.CONFORMING):
        return joined(first, came, seconds)
    return joined(
        first,
        came,
        seconds,
        **as_read(reading),
        absent=tuple(pointer for pointer in first.absent if value_at(state.data, pointer) is None),
        grounds=state.fields,
    )
