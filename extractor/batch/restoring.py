"""What a job keeps of a result or an error, and the way back: resuming equals never having stopped.

    Extraction → Finished → (the file) → Record → Extraction
    ExtractorError → Failure → (the file) → Failure → ExtractorError

What was read is kept, which the target makes a value of again, with its validators; and what is written of that value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from extractor import errors
from extractor.batch.finishes import Finished
from extractor.batch.record import AttemptRecord, Failure, Record
from extractor.batch.written import written
from extractor.chat.wire import ChatReply, usage_of
from extractor.documents.merging import Conflict
from extractor.errors import (
    DocumentRejected,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    OptionError,
    SchemaError,
    StatusError,
)
from extractor.evidence.completeness import Gap, ListReport
from extractor.evidence.field import Span
from extractor.prices import total
from extractor.reply.outcome import Outcome
from extractor.result import Attempt, ChunkResult, DocumentResult, Extraction
from extractor.schema.checked import FieldError
from extractor.schema.target import Target

__all__ = ["error_of", "evident", "failed", "failure_of", "finished", "restored", "restored_document"]

T = TypeVar("T")

# ------------------------------------------------------------------------------------------ what is kept


def finished(result: Extraction[Any], attempt: int, *, evidence: bool = False) -> Finished:
    """What is kept of a result. `attempt` is the how manieth this is of its document.

    What is known of its fields and lists is worked out here with `evidence`, or where it could not be found out later
    (`evident`) from the text: what tokens, candidates and chunks said.
    """
    evidence = evidence or bool(result.grounds is not None or result.tokens or result.votes or result.calibration)
    return Finished(
        data=result.data,
        value=written(result),
        outcome=result.outcome.value,
        absent=result.absent,
        complete=result.complete if evidence else None,
        model=result.model,
        mode=result.mode,
        seconds=result.seconds,
        usage=result.usage,
        cost=result.cost,
        fields=result.fields if evidence else {},
        lists=tuple(asdict(each) for each in result.lists) if evidence else (),
        chunks=tuple(map(_chunk_record, result.chunks)),
        conflicts=tuple(asdict(each) for each in result.conflicts),
        attempts=_attempt_records(result.attempts, attempt),
    )


def failed(error: ExtractorError, attempt: int, seconds: float) -> Finished:
    """What is kept of a document that failed after that many seconds: the error, and what had been answered by then."""
    attempts: tuple[Attempt, ...] = getattr(error, "attempts", ())
    last = attempts[-1] if attempts else None
    return Finished(
        outcome="" if last is None else last.outcome.value,
        model="" if last is None else last.reply.model,
        seconds=seconds,
        usage=usage_of(each.reply for each in attempts),
        cost=total(each.cost for each in attempts),
        error=failure_of(error),
        attempts=_attempt_records(attempts, attempt),
    )


def failure_of(error: ExtractorError) -> Failure:
    """An error as it is kept: what it says, and of an `ExtractionFailed` the last value and what is wrong with it."""
    wrong: tuple[FieldError, ...] = getattr(error, "errors", ())
    return Failure(
        type=type(error).__name__,
        message=error.message,
        hint=error.hint,
        value=getattr(error, "value", None),
        errors=tuple(asdict(each) for each in wrong),
        details={name: getattr(error, name) for name in _details(type(error)) if getattr(error, name, None)},
    )


def _details(kind: type[ExtractorError]) -> dict[str, Any]:
    """What an error has beside its words, as it is where that is not kept."""
    return {name: absent for base, own in _EVIDENCE.items() if issubclass(kind, base) for name, absent in own.items()}


def _chunk_record(chunk: ChunkResult) -> dict[str, Any]:
    error = None if chunk.error is None else asdict(failure_of(chunk.error))
    return {"number": chunk.number, "start": chunk.start, "end": chunk.end, "error": error}


def _attempt_records(attempts: Sequence[Attempt], attempt: int) -> tuple[AttemptRecord, ...]:
    return tuple(_attempt_record(each, attempt, number) for number, each in enumerate(attempts, 1))


def _attempt_record(each: Attempt, attempt: int, number: int) -> AttemptRecord:
    reply = each.reply
    return AttemptRecord(
        attempt=attempt,
        number=number,
        outcome=each.outcome.value,
        seconds=each.seconds,
        model=reply.model,
        finish_reason=reply.choices[0].finish_reason if reply.choices else None,
        reply=_said(reply),
        asked=each.asked,
        errors=tuple(asdict(error) for error in each.errors),
        repairs=tuple(asdict(repair) for repair in each.repairs),
        usage=reply.usage,
        cost=each.cost,
        cached=reply.cached,
    )


def _said(reply: ChatReply) -> str | None:
    """What the first candidate says, in whichever place."""
    if not reply.choices:
        return None
    message = reply.choices[0].message
    called = next((call.arguments for call in message.tool_calls), None)
    return message.content or called or message.refusal or message.content


# ------------------------------------------------------------------------------------------- the way back


def restored_document(
    target: Target[T], record: Record, document: Any = None, context: Any = None
) -> DocumentResult[T]:
    """What became of a document, as it was when it was finished: its result or its error.

    Where the target does not take any more what it took then, the error says so.
    """
    result: Extraction[T] | None = None
    error: ExtractorError | None = None
    if is_rejected(record):
        error = _rejected(record)
    elif record.error is not None:
        error = error_of(record.error, record)
    else:
        try:
            result = restored(target, record, context)
        except ExtractorError as raised:
            error = raised.with_traceback(None)
    return DocumentResult(
        number=record.number, name=record.name, document=document, result=result, error=error, restored=True
    )


def _rejected(record: Record) -> DocumentRejected:
    said = record.revision
    assert said is not None  # noqa: S101  # of one that was rejected
    why = f": {said.note}" if said.note else "."
    return DocumentRejected(
        f"{record.name} was rejected by {said.who or 'somebody'}{why}", hint="Whoever reopens it has it back."
    )


def restored(target: Target[T], record: Record, context: Any = None) -> Extraction[T]:
    """The result of a record that is done; `context` is pydantic's, as in the call. Its `attempts` are in the job.

    Raises `ExtractionFailed` where the data does not conform any more, since the target's validators have changed, and
    `TargetFailed`.
    """
    checked = target.validate(record.data, context=context)
    conforming = record.outcome == Outcome.CONFORMING
    if conforming and checked.errors:
        raise _changed(target, record, checked.errors)
    result: Extraction[T] = replace(
        _known(record, target.schema),
        value=checked.value if conforming else None,
        candidates=(checked.value,) if conforming else (),
        errors=() if conforming else checked.errors,
    )
    result._known["cost"] = record.cost
    if record.complete is not None:  # else it was not worked out then, and is when it is wanted
        result._known["fields"] = record.fields
        result._known["lists"] = tuple(map(_list, record.lists))
    return result


def evident(record: Record, schema: Mapping[str, Any]) -> Record:
    """A record that has its text, with what is known of its fields and lists: worked out if it was not before."""
    if record.state != "done" or record.complete is not None or is_rejected(record):
        return record
    result = _known(record, schema)
    lists = tuple(asdict(each) for each in result.lists)
    return replace(record, fields=result.fields, lists=lists, complete=result.complete)


def is_rejected(record: Record) -> bool:
    """Whether a person has said last that a document is of no use."""
    return record.revision is not None and record.revision.decision == "rejected"


def _known(record: Record, schema: Mapping[str, Any]) -> Extraction[Any]:
    """The result of a record, as plain data."""
    return Extraction(
        value=None,
        data=record.data,
        outcome=Outcome(record.outcome or Outcome.CONFORMING),
        usage=record.usage,
        attempts=(),
        model=record.model,
        seconds=record.seconds,
        mode=record.mode,  # type: ignore[arg-type]  # what it was
        chunks=tuple(map(_chunk, record.chunks)),
        conflicts=tuple(map(_conflict, record.conflicts)),
        document=record.text,
        schema=schema,
        absent=tuple(record.absent),
    )


def error_of(failure: Failure, record: Record | None = None) -> ExtractorError:
    """The error that was kept: of the same type, with what it said. `record` is the document's, for what its requests
    took.
    """
    kind = getattr(errors, failure.type, None) if failure.type in errors.__all__ else None
    if not isinstance(kind, type) or not issubclass(kind, ExtractorError):  # one of a later version
        kind = ExtractorError
    error = kind.__new__(kind, failure.message)
    error.__dict__.update(message=failure.message, hint=failure.hint)
    own = _details(kind)
    error.__dict__.update(own | {name: value for name, value in failure.details.items() if name in own})
    if isinstance(error, ExtractionFailed):
        wrong = tuple(_field_error(each) for each in failure.errors)
        usage = usage_of(()) if record is None else record.usage
        error.__dict__.update(attempts=(), value=failure.value, errors=wrong, usage=usage)  # the job has the attempts
    if isinstance(error, (ExtractionFailed, EndpointError)) and record is not None:
        error.__dict__["_known"] = {"cost": record.cost}  # likewise
    return error


_EVIDENCE: Mapping[type[ExtractorError], Mapping[str, Any]] = {
    OptionError: {"option": ""},
    SchemaError: {"pointer": ""},
    EndpointError: {"url": "", "body": ""},
    StatusError: {"status": 0, "code": "", "type": "", "param": "", "said": "", "headers": {}, "retry_after": None},
}
"""What each error has beside its words, as it is where that is not known."""


def _changed(target: Target[Any], record: Record, wrong: tuple[FieldError, ...]) -> ExtractionFailed:
    return ExtractionFailed(
        f"What the job has of {record.name} is no valid {target.name} any more: its validators have changed.",
        attempts=(),
        value=record.data,
        errors=wrong,
        usage=record.usage,
        hint="See .errors and .value; retry(names=…) of the job has it asked for again.",
    )


def _field_error(plain: Mapping[str, Any]) -> FieldError:
    return FieldError(pointer=plain["pointer"], message=plain["message"], found=plain["found"], kind=plain["kind"])


def _failure(plain: Mapping[str, Any]) -> Failure:
    return Failure(**{**plain, "errors": tuple(plain["errors"])})


def _chunk(plain: Mapping[str, Any]) -> ChunkResult:
    error = None if plain["error"] is None else error_of(_failure(plain["error"]))
    return ChunkResult(number=plain["number"], start=plain["start"], end=plain["end"], error=error)


def _span(plain: Mapping[str, Any]) -> Span:
    return Span(start=plain["start"], end=plain["end"], page=plain["page"])


def _conflict(plain: Mapping[str, Any]) -> Conflict:
    values = tuple((value, tuple(map(_span, spans)), number) for value, spans, number in plain["values"])
    return Conflict(pointer=plain["pointer"], values=values)


def _list(plain: Mapping[str, Any]) -> ListReport:
    said = plain["said"]
    own = {
        "said": None if said is None else _span(said),
        "gaps": tuple(map(_gap, plain["gaps"])),
        "lead": tuple(map(_span, plain["lead"])),
    }
    return ListReport(**{**plain, **own})


def _gap(plain: Mapping[str, Any]) -> Gap:
    parts = tuple((start, end) for start, end in plain["parts"])
    return Gap(**{**plain, "at": tuple(plain["at"]), "parts": parts})
