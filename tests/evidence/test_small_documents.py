"""Small documents of many kinds: no false alarm where a list is complete, and rows that were dropped are seen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from tests.evidence.small_documents import DOCUMENTS, Document

from extractor.evidence.completeness import ListReport, completeness
from extractor.evidence.grounding import ground
from extractor.evidence.source import source_of


def schema_of(value: Any) -> dict[str, Any]:
    """A schema that says what a value is."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: schema_of(each) for key, each in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0])}
    return {"type": {str: "string", int: "integer", float: "number"}[type(value)]}


def report_of(document: Document, left_out: Collection[int] = ()) -> ListReport:
    """The report of a document's list without some of its rows."""
    schema = schema_of({**document.others, "rows": document.items})
    data = {**document.others, "rows": [item for at, item in enumerate(document.items) if at not in left_out]}
    source = source_of(document.text)
    reports = completeness(schema, data, source, ground(schema, data, source))
    assert all(each.status in ("complete", "unknown") for each in reports if each.pointer != "/rows")
    return next(each for each in reports if each.pointer == "/rows")


def places_of(document: Document) -> list[int]:
    """Where the first value of each row stands, behind those of the rows before it."""
    places: list[int] = []
    low = document.text.index(document.above)
    for row in document.rows:
        low = document.text.index(str(row[0]), low)
        places.append(low)
        low += len(str(row[0]))
    return places


def seen(document: Document, report: ListReport) -> list[int]:
    """The rows that stand in the gaps of a report."""
    return [
        at
        for at, place in enumerate(places_of(document))
        if any(gap.start <= place < gap.end for gap in report.gaps)
    ]
