"""What is printed of one document: its value, all that is known of it, or what it failed with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from extractor.cli.output import err, spoken
from extractor.errors import ExtractorError
from extractor.evidence.field import Field
from extractor.progress import printable
from extractor.result import Extraction
from extractor.schema.pointers import value_at

if TYPE_CHECKING:
    from extractor.batch.record import AttemptRecord, Record, Revision

__all__ = ["failed_record", "kept_lines", "kept_record", "record_of", "value_of", "warn"]

BEGINNING = 500  # characters of a text
REPLY = 20_000  # characters of a reply that is shown: more than any that is meant


def value_of(result: Extraction[Any]) -> Any:
    """The value; where required fields are absent there is no whole one, but what there is."""
    return result.data if result.errors else to_jsonable_python(result.value, by_alias=True)


def record_of(file: str, result: Extraction[Any]) -> dict[str, Any]:
    """All that is known of a document, as plain data."""
    return {
        "file": file,
        "value": value_of(result),
        "absent": list(result.absent),
        "fields": {pointer: _known(field) for pointer, field in result.fields.items()},
        "complete": result.complete,
        "lists": to_jsonable_python(result.lists),
        "conflicts": to_jsonable_python(result.conflicts),
        "chunks": [
            {"start": each.start, "end": each.end, "error": None if each.error is None else each.error.message}
            for each in result.chunks
        ],
        "model": result.model,
        "mode": result.mode,
        "steps": to_jsonable_python(result.steps),
        "dropped": sorted(result.dropped),
        "usage": to_jsonable_python(result.usage),
        "cost": None if result.cost is None else float(result.cost),
        "attempts": len(result.attempts),
        "cached": sum(attempt.reply.cached for attempt in result.attempts),
        "retries": sum(len(attempt.reply.retries) for attempt in result.attempts),
        "failures": [error.message for error in result.failures],
        "repairs": [to_jsonable_python(each) for attempt in result.attempts for each in attempt.repairs],
        "seconds": round(result.seconds, 3),
    }


def _known(field: Field) -> dict[str, Any]:
    """What is known of a field: status, spans, confidence."""
    known = {name: value for name, value in to_jsonable_python(field).items() if value not in (None, [], ())}
    return {"status": field.status, **known}


def failed_record(file: str, error: ExtractorError) -> dict[str, Any]:
    """All that is known of a document that failed."""
    attempts = getattr(error, "attempts", ())
    replies = [attempt.reply for attempt in attempts if not attempt.reply.cached]
    usages = [reply.usage for reply in replies if reply.usage is not None]
    costs = [attempt.cost for attempt in attempts]
    return {
        "file": file,
        "value": None,
        "error": type(error).__name__,
        "message": error.message,
        "last_value": to_jsonable_python(getattr(error, "value", None)),
        "errors": [to_jsonable_python(each) for each in getattr(error, "errors", ())],
        "attempts": len(attempts),
        "usage": to_jsonable_python(sum(usages[1:], usages[0])) if usages else None,
        "cost": None if None in costs else float(sum(costs)),
        "failures": [failure.message for failure in getattr(error, "failures", ())],
    }


def warn(file: str, result: Extraction[Any]) -> None:
    """Say on stderr what is known to be missing, or not to stand in the document."""
    name = printable(file)
    for each in result.lists:
        if each.status not in ("complete", "unknown"):
            expected = "" if each.expected is None else f" of {each.expected}"
            err.print(f"{name}: {each.pointer or 'the list'}: {each.status}, {each.returned}{expected} items")
    for conflict in result.conflicts:
        err.print(f"{name}: {conflict.pointer}: the document says different things")
    invented = [pointer for pointer, field in result.fields.items() if _is_invented(result, pointer, field)]
    if invented:
        err.print(f"{name}: not in the document: {', '.join(invented[:10])}{' …' if len(invented) > 10 else ''}")


def _is_invented(result: Extraction[Any], pointer: str, field: Field) -> bool:
    return field.status == "absent" and value_at(result.data, pointer) is not None


# ---------------------------------------------------------------------------------------- as a job has it


def kept_record(
    record: Record, attempts: Sequence[AttemptRecord], revisions: Sequence[Revision] = ()
) -> dict[str, Any]:
    """All that a job knows of a document, as plain data, but for its text, of which there is the beginning. What people
    said is there where they have said anything.
    """
    told: dict[str, Any] = to_jsonable_python(record, fallback=str)
    told |= {"text": None if record.text is None else record.text[:BEGINNING], "requests": record.requests}
    told |= {"fields": {pointer: _known(field) for pointer, field in record.fields.items()}}
    del told["revision"], told["extracted"]
    if revisions:
        told |= {"extracted": record.extracted, "revisions": [_revision(each) for each in revisions]}
    return told | {"attempts": record.attempts, "replies": to_jsonable_python(attempts)}


def _revision(said: Revision) -> dict[str, Any]:
    from extractor.batch.verdicts import said_at

    plain = {name: getattr(said, name) for name in ("number", "decision", "who", "note", "attempt", "data")}
    changes = [{"pointer": pointer, "before": old, "after": new} for pointer, old, new in _changes(said)]
    return {**plain, "made": said_at(said.made), "changes": changes}


def _changes(said: Revision) -> tuple[tuple[str, Any, Any], ...]:
    """What is other than before, where the person gave a value and there was one."""
    from extractor.batch.differing import differing
    from extractor.batch.record import VALUED

    return differing(said.before, said.data) if said.decision in VALUED else ()


def kept_lines(record: Record, attempts: Sequence[AttemptRecord], revisions: Sequence[Revision] = ()) -> Iterator[str]:
    """The same as lines, which nothing in them breaks."""
    model = f", {record.model}" if record.model else ""
    yield printable(f"{record.name}: {record.state}, tried {record.attempts} ×, {record.seconds:.1f} s{model}")
    if record.row:
        yield f"row     {_plain(record.row)}"
    if record.state == "done":
        yield f"value   {_plain(record.value)}"
    if record.absent:
        yield printable(f"absent  {', '.join(record.absent)}")
    yield from _failure_lines(record)
    for said in revisions:
        yield from _revision_lines(said)
    for pointer, field in record.fields.items():
        at = ", ".join(f"{span.start}-{span.end}" for span in field.spans[:5])
        yield printable(f"field   {pointer or '(the whole)'}: {field.status}{f' at {at}' if at else ''}")
    for each in attempts:
        yield from _attempt_lines(each)
    if record.text is not None:
        more = f" … ({len(record.text):,} characters)" if len(record.text) > BEGINNING else ""
        yield from _block(f"text    {record.media_type}", record.text[:BEGINNING] + more)


def _failure_lines(record: Record) -> Iterator[str]:
    failure = record.error
    if failure is None:
        return
    yield printable(f"error   {failure.type}: {failure.message}")
    if failure.hint:
        yield printable(f"hint    {spoken(failure.hint, 'what is below')}")
    yield from _wrong_lines(failure.errors, "wrong   ")
    if failure.value is not None:
        yield f"last    {_plain(failure.value)}"
    yield from (f"{name:7} {_plain(value)}" for name, value in failure.details.items() if value not in ("", None, {}))


def _revision_lines(said: Revision) -> Iterator[str]:
    from extractor.batch.verdicts import said_at

    who = f" by {said.who}" if said.who else ""
    note = f": {said.note}" if said.note else ""
    yield printable(f"review  {said.number}: {said.decision}{who}, {said_at(said.made) or 'no time'}{note}")
    for pointer, before, after in _changes(said):
        yield f"    {printable(pointer or '(the whole)')}: {_plain(before)} → {_plain(after)}"


def _attempt_lines(attempt: AttemptRecord) -> Iterator[str]:
    asked = f", asked for {', '.join(attempt.asked)}" if attempt.asked else ""
    ended = f", {attempt.finish_reason}" if attempt.finish_reason else ""
    cached = ", from the cache" if attempt.cached else ""
    head = f"attempt {attempt.attempt}, request {attempt.number}: {attempt.outcome}{ended}, {attempt.seconds:.1f} s"
    reply = attempt.reply or ""
    more = f" … ({len(reply):,} characters)" if len(reply) > REPLY else ""
    yield from _block(printable(f"{head}, {attempt.model}{asked}{cached}"), reply[:REPLY] + more)
    yield from _wrong_lines(attempt.errors, "    wrong: ")


def _wrong_lines(errors: Sequence[Mapping[str, Any]], lead: str) -> Iterator[str]:
    for each in errors:
        where, said, found = (each.get(name) for name in ("pointer", "message", "found"))
        yield printable(f"{lead}{where or '(the whole)'}: {said} (found {found})")


def _block(head: str, text: str) -> Iterator[str]:
    yield head
    yield from (f"    | {printable(line, keep=TAB)}" for line in text.splitlines())


TAB = "\t"


def _plain(value: Any) -> str:
    return printable(json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False))
