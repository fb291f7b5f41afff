"""What people said of documents, as a table or a line of an export tells it: the last word, who said it, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from extractor.batch.record import Record
from extractor.batch.shapes import Kind, writable

__all__ = ["VERDICT", "said_at", "told_of", "verdict_of"]

VERDICT: Mapping[str, Kind] = {"decision": "text", "reviewed_by": "text", "reviewed_at": "moment"}
"""The columns of a table, where anything was said of a document in it."""


def said_at(seconds: float) -> str | None:
    """A time in Unix seconds as ISO 8601 in UTC, to the second; None for one that there is not."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def verdict_of(record: Record) -> tuple[str | None, ...]:
    """What `VERDICT` tells of a document."""
    said = record.revision
    if said is None:
        return (None,) * len(VERDICT)
    return said.decision, writable(said.who) or None, said_at(said.made)


def told_of(record: Record) -> dict[str, Any]:
    """The same as members of a line of JSON, with the note, and what had been extracted; nothing where nothing was
    said.
    """
    if record.revision is None:
        return {}
    decision, _, at = verdict_of(record)
    said = {"decision": decision, "reviewed_by": record.revision.who, "reviewed_at": at, "note": record.revision.note}
    return {**said, "extracted": record.extracted}
