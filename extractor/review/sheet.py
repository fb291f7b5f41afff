"""What a page is told of things that people review, as plain data: documents, rows of the queue, revisions, fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from extractor.batch.differing import differing
from extractor.batch.doubt import DOUBTFUL, doubts
from extractor.batch.record import VALUED, Record, Revision
from extractor.batch.verdicts import said_at
from extractor.evidence.field import Field
from extractor.evidence.page_parts import kept, percent
from extractor.schema.nodes import text_of
from extractor.schema.pointers import value_at

if TYPE_CHECKING:
    from extractor.batch.queue import Row
    from extractor.batch.tally import Tally

__all__ = [
    "doubtful",
    "shown_error",
    "shown_field",
    "shown_fields",
    "shown_lists",
    "shown_revision",
    "shown_row",
    "shown_tally",
    "shown_text",
]

WHOLE = 300_000  # characters of a text that is shown at once
DOUBTS = 500  # that are listed
SAID = 200  # characters of a value that a reason quotes


def shown_row(row: Row, here: Sequence[str]) -> dict[str, Any]:
    """A row of the queue."""
    return {
        "id": row.document,
        "name": row.name,
        "names": row.names,
        "state": row.state,
        "decision": row.decision,
        "who": row.who,
        "doubt": row.doubt,
        "doubtful": row.doubtful,
        "here": list(here),
    }


def shown_tally(tally: Tally) -> dict[str, int]:
    """The numbers of documents by what was said of them."""
    return asdict(tally)


def shown_revision(revision: Revision) -> dict[str, Any]:
    """What a person said, with what they changed."""
    changed = differing(revision.before, revision.data) if revision.decision in VALUED else ()
    return {
        "number": revision.number,
        "decision": revision.decision,
        "who": revision.who,
        "made": said_at(revision.made),
        "note": revision.note,
        "changes": [{"pointer": pointer, "before": one, "after": other} for pointer, one, other in changed],
    }


def shown_field(field: Field) -> dict[str, Any]:
    """What is known of a field."""
    return {
        "status": field.status,
        "spans": [[span.start, span.end] for span in field.spans],
        "score": field.score,
        "confidence": _told(field),
        "others": [[value, share] for value, share in field.others],
    }


def _told(field: Field) -> float | None:
    """How sure a value is, where more than its place says so: "as it is written, 45 %" is no help to anybody."""
    return None if field.logprob is None and field.agreement is None else field.confidence


def shown_fields(fields: Mapping[str, Field]) -> dict[str, Any]:
    """What is known of fields, by their pointers."""
    return {pointer: shown_field(field) for pointer, field in fields.items()}


def shown_lists(lists: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is known to be missing in lists."""
    found = []
    for each in lists:
        if each.get("status") in ("complete", "unknown"):
            continue
        expected = "" if each.get("expected") is None else f" of {each['expected']}"
        message = f"{each.get('status')}: {each.get('returned')}{expected} items"
        found.append({"pointer": each.get("pointer", ""), "message": message})
    return found


def shown_error(record: Record) -> dict[str, Any] | None:
    """What a document failed with."""
    error = record.error
    return None if error is None else {"type": error.type, "message": error.message, "hint": error.hint}


def shown_text(text: str | None, pages: Sequence[int], fields: Mapping[str, Field]) -> dict[str, Any] | None:
    """The text of a document: all of it, or of a long one its beginning and what is around the places of fields."""
    if text is None:
        return None
    borders: set[int] = set()
    if len(text) > WHOLE:
        spans = (span for field in fields.values() for span in field.spans)
        borders = {border for span in spans for border in (span.start, span.end) if 0 <= border <= len(text)}
    parts = [{"start": start, "text": text[start:end]} for start, end in kept(len(text), borders, WHOLE)]
    return {"length": len(text), "parts": parts, "pages": list(pages)}


def doubtful(
    data: Any, fields: Mapping[str, Field], errors: Sequence[Mapping[str, Any]], *, least: float = DOUBTFUL
) -> list[dict[str, Any]]:
    """The values to look at first, the most doubtful first, each with the reason: those that are at least so doubtful,
    from 0 to 1.
    """
    wrong: dict[str, str] = {}
    for each in errors:
        wrong.setdefault(each["pointer"], each["message"])
    known = doubts(data, fields, tuple(wrong))
    ranked = sorted(((doubt, pointer) for pointer, doubt in known.items() if doubt >= least), key=lambda it: -it[0])
    return [
        {"pointer": pointer, "doubt": doubt, "why": wrong.get(pointer) or _why(data, pointer, fields.get(pointer))}
        for doubt, pointer in ranked[:DOUBTS]
    ]


_STANDING = {
    "fuzzy": "stands only nearly so in the document",
    "inferred": "was chosen or concluded",
    "normalised": "stands in the document in another form",
    "exact": "stands in the document, but maybe for something else",
    "absent": "nothing was found for it",
    None: "nobody looked for it in the document",
}


def _why(data: Any, pointer: str, field: Field | None) -> str:
    if field is None:
        return "nothing is known of it"
    if field.status == "absent" and value_at(data, pointer) is not None:
        return "is not in the document"
    said = _STANDING.get(field.status, str(field.status))
    if field.others:
        value, share = field.others[0]
        said += f"; others said {text_of(value)[:SAID]} ({percent(share)})"
    sure = _told(field)
    return said if sure is None else f"{said}; confidence {percent(sure)}"
