"""A document that is too long for one request: chunks of it side by side, and what comes of them merged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from extractor.chat.wire import usage_of
from extractor.documents.chunk import Chunk, chunks
from extractor.documents.chunking import Chunking
from extractor.documents.lengths import tokens_in
from extractor.documents.merging import Part, merge
from extractor.errors import (
    ChunksFailed,
    ExtractionFailed,
    ExtractorError,
    FieldsAbsent,
    RequestTooLarge,
    TargetFailed,
)
from extractor.evidence.field import Field, Span
from extractor.evidence.source import Source, source_of
from extractor.reply.reading import Reading
from extractor.result import ChunkResult, Extraction
from extractor.schema.checked import FieldError
from extractor.schema.portion import portion_of
from extractor.schema.redaction import field_names, said_of
from extractor.several.pieces import Came, Piece, Plan, Whole, as_read, attempts_of, failed, is_final, joined, read_as

__all__ = ["chunked"]

LEAST = 64  # tokens: a chunk that is refused although it is no longer is not cut again
_SAID = "The document is a part of a longer one: what this part does not say is null, or an empty list."


def chunked(whole: Whole, text: str, chunking: Chunking) -> Plan[Any]:
    """Ask for every chunk, `at_once` of them side by side, and merge what comes.

    Raises the first error where no chunk could be read, `TargetFailed`, and `ExtractionFailed` where what was merged
    does not conform: `FieldsAbsent` where required fields are missing, `ChunksFailed` where they may be in chunks that
    could not be read.
    """
    started = time.perf_counter()
    cut = chunks(text, tokens=chunking.tokens, overlap=chunking.overlap)
    queue = _Queue(whole, text, chunking, cut)
    ahead: Sequence[Piece] = queue.next(chunking.at_once)
    while queue.running:
        came = yield ahead
        queue.take(came)
        ahead = queue.next(chunking.at_once)
    return _merged(whole, text, queue, time.perf_counter() - started)


class _Queue:
    """The chunks that are ahead, those under way, and what came of the others."""

    def __init__(self, whole: Whole, text: str, chunking: Chunking, cut: Sequence[Chunk]) -> None:
        self.running: dict[int, Chunk] = {}
        self.came: dict[int, tuple[Chunk, Came]] = {}
        self.stopped: ExtractorError | None = None
        self._whole = whole
        self._text = text
        self._ahead = deque(cut)
        self._tokens = {(chunk.start, chunk.end): chunking.tokens for chunk in cut}
        self._number = 0

    def next(self, at_once: int) -> list[Piece]:
        """As many pieces as may begin now."""
        pieces = []
        while self._ahead and len(self.running) < at_once and self.stopped is None:
            chunk, number = self._ahead.popleft(), self._number
            self._number += 1
            self.running[number] = chunk
            pieces.append(self._piece(number, chunk))
        return pieces

    def _piece(self, number: int, chunk: Chunk) -> Piece:
        # Examples that are chosen are chosen for the whole: of a chunk nobody could say whether one is of its document.
        own: dict[str, Any] = {} if self._whole.settings.source is None else {"examples": ()}
        return self._whole.piece(
            number,
            f"chunk{chunk.start}-{chunk.end}",  # their numbers depend on which is halved first
            target=portion_of(self._whole.target),
            document=chunk.text_of(self._text),
            chunking=None,
            absent="allow",
            instructions=self._whole.instructed(_SAID),
            **own,
        )

    def take(self, came: Came) -> None:
        """What came of a piece. One that is too long is cut in two; after what no other would change, none begins."""
        number = came.piece.number
        chunk = self.running.pop(number)
        too_long = isinstance(came.error, RequestTooLarge) and not came.error.attempts
        halves = self._halves(chunk) if too_long else ()
        if len(halves) > 1:
            self._ahead.extendleft(reversed(halves))
            return
        self.came[number] = chunk, came
        if came.error is not None and is_final(came.error):
            self.stopped = came.error

    def _halves(self, chunk: Chunk) -> Sequence[Chunk]:
        """A chunk in smaller ones, under the same headings."""
        own = self._text[chunk.start : chunk.end]
        tokens = min(self._tokens[chunk.start, chunk.end], tokens_in(own)) // 2
        if tokens < LEAST:
            return ()
        inside = chunks(own, tokens=tokens, overlap=tokens // 10)
        smaller = [
            replace(
                chunk,
                start=chunk.start + each.start,
                end=chunk.start + each.end,
                lead=chunk.lead + each.lead,
                leads=chunk.leads + tuple((chunk.start + start, chunk.start + end) for start, end in each.leads),
            )
            for each in inside
        ]
        self._tokens |= {(each.start, each.end): tokens for each in smaller}
        return smaller

    @property
    def unread(self) -> list[ChunkResult]:
        """The chunks that were not begun."""
        return [ChunkResult(number=0, start=each.start, end=each.end, error=self.stopped) for each in self._ahead]

    @property
    def read(self) -> list[tuple[Chunk, Came]]:
        """The chunks of which something came, in the order of the document."""
        return sorted(self.came.values(), key=lambda each: (each[0].start, each[0].end))


# ------------------------------------------------------------------------------- what comes of them


def _merged(whole: Whole, text: str, queue: _Queue, seconds: float) -> Extraction[Any]:
    read = queue.read
    results = [(number, chunk, came.result) for number, (chunk, came) in enumerate(read) if came.result is not None]
    came = [each for _, each in read]
    if not results or any(isinstance(each.error, TargetFailed) for each in came):
        raise failed(came)
    source = source_of(text)
    parts = [
        Part(number=number, data=result.data, fields=_in_whole(result, chunk, source), start=chunk.start, end=chunk.end)
        for number, chunk, result in results
    ]
    made = merge(whole.target.schema, parts, source=source)
    reading = read_as(whole, made.data, came)
    if reading.errors and not (whole.settings.absent == "allow" and all(map(_is_missing, reading.errors))):
        raise _failed(whole, reading, came)
    return joined(
        results[0][2],
        came,
        seconds,
        **as_read(reading),
        document=text,
        absent=tuple(error.pointer for error in reading.errors),
        chunks=_chunks(read, queue.unread),
        conflicts=made.conflicts,
        grounds=made.fields,
    )


def _chunks(read: Sequence[tuple[Chunk, Came]], unread: Sequence[ChunkResult]) -> tuple[ChunkResult, ...]:
    known = [ChunkResult(number=0, start=chunk.start, end=chunk.end, error=came.error) for chunk, came in read]
    return tuple(replace(each, number=number) for number, each in enumerate([*known, *unread]))


def _in_whole(result: Extraction[Any], chunk: Chunk, source: Source) -> dict[str, Field]:
    """What is known of the fields of a chunk, with their places in the whole document."""
    return {
        pointer: replace(
            field, spans=_moved(field.spans, chunk, source), elsewhere=_moved(field.elsewhere, chunk, source)
        )
        for pointer, field in result.fields.items()
    }


def _moved(spans: Sequence[Span], chunk: Chunk, source: Source) -> tuple[Span, ...]:
    places = (chunk.to_whole(span.start, span.end) for span in spans)
    return tuple(
        Span(start=place[0], end=place[1], page=source.page_of(place[0])) for place in places if place is not None
    )


def _is_missing(error: FieldError) -> bool:
    return error.found in ("nothing", "null")


_ALLOW = 'absent="allow" returns what there is where required fields are missing.'


def _failed(whole: Whole, reading: Reading[Any], came: Sequence[Came]) -> ExtractionFailed:
    errors = reading.errors
    names = field_names(whole.target.schema)
    said = "; ".join(said_of(error, names, reading.data) for error in errors[:3])
    attempts = attempts_of(came)
    unread = sum(each.error is not None for each in came)
    absent = ChunksFailed if unread else FieldsAbsent  # it may well stand in those that could not be read
    kind = absent if all(map(_is_missing, errors)) else ExtractionFailed
    but = f", {unread} of which could not be read" if unread else ""
    error = kind(
        f"No {whole.target.name} of {len(came)} chunks{but}: what they say together does not conform ({said}).",
        attempts=attempts,
        value=reading.data,
        errors=errors,
        usage=usage_of(each.reply for each in attempts),
        hint=_ALLOW if kind is not ExtractionFailed else "See .errors, and .value for all that there is.",
    )
    error.failures = tuple(each.error.with_traceback(None) for each in came if each.error is not None)
    return error
