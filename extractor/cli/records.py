"""What is printed of one document: its value, all that is known of it, or what it failed with."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

from extractor.cli.shown import err
from extractor.errors import ExtractorError
from extractor.evidence.field import Field
from extractor.progress import printable
from extractor.result import Extraction
from extractor.schema.nodes import value_at

__all__ = ["failed_record", "record_of", "value_of", "warn"]


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
