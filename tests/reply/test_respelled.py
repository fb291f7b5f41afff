"""Respelled: what a value in another spelling would be, for each branch that has one."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.notes import placed
from extractor.reply.respelled import Tries, decimals, may_be_several, mistaken, respelled
from extractor.reply.shaping import shape_of


def told(tries: Tries) -> list[tuple[Any, str]]:
    """What the value would be, and the kind of the repair."""
    return [(result, note.kind) for _, result, notes in tries for _, note in placed(notes, "")]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer"}, "1,234", [(1234, "integer")]),
        ({"type": "integer"}, None, []),
        ({"type": ["integer", "boolean"]}, "1", [(1, "integer")]),
        ({"type": ["number", "boolean"]}, "yes", [(True, "boolean")]),
        ({"type": "boolean"}, 1, [(True, "boolean")]),
        ({"type": "null"}, "null", []),
        ({"type": "string"}, 5, [("5", "text")]),
        ({"type": "string", "format": "date"}, "3 May 2021", [("2021-05-03", "date")]),
        ({"type": "string", "format": "date-time"}, "2021-05-03 9:05", [("2021-05-03T09:05:00", "date_time")]),
        ({"enum": ["red"]}, "Red", [("red", "choice")]),
        ({"type": "array", "items": {"type": "string"}}, None, [([], "list")]),
        ({"type": "array", "items": {"type": "null"}}, None, []),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string", "format": "date"}]},
            "20210503",
            [(20210503, "integer"), ("2021-05-03", "date")],
        ),
        ({}, "30", []),
    ],
)
def test_respelled(schema: Any, value: Any, expected: list[tuple[Any, str]]) -> None:
    """Each branch says by its rule what the value would be, or nothing."""
    assert told(respelled(shape_of(schema), value, type(value), 0)) == expected


def test_decimals() -> None:
    """A number that may be a text with a pattern keeps all of its digits as one."""
    shape = shape_of({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "x"}]})
    assert told(decimals(shape, "1,234.50", str, 0)) == [("1234.50", "number")]
    assert decimals(shape, "x", str, 0) == decimals(shape, 5, int, 0) == []
    assert decimals(shape_of({"type": "number"}), "5", str, 0) == []


@pytest.mark.parametrize(
    ("value", "several"),
    [("a, b", True), ("a\nb", True), ("甲、乙", True), ("none", True), (None, True), ("a b", False), (5, False)],
)
def test_may_be_several(value: Any, several: bool) -> None:
    """What has separators, or says that there is nothing, is not the one item of a list."""
    assert may_be_several(value) is several


@pytest.mark.parametrize(
    ("schema", "value", "kind"),
    [
        ({"type": "integer"}, True, "boolean_for_number"),
        ({"type": "string", "format": "ipv6"}, True, "boolean_for_text"),
        ({"type": "string", "format": "ipv6"}, 1, "number_for_text"),
        ({"type": "string", "format": "ipv6"}, "1", None),
        ({"type": "string", "format": "date"}, "1", "number_for_text"),
        ({"type": "number"}, "-inf", "not_finite"),
        ({"type": "number"}, -(10**309), "not_finite"),
        ({"type": "integer"}, "inf", None),
        ({"type": "integer"}, "1.000", "ambiguous_number"),
        ({"type": "number"}, "1_0", "ambiguous_number"),
        ({"type": "string"}, 5, None),
        ({"type": "integer"}, None, None),
    ],
)
def test_mistaken(schema: Any, value: Any, kind: str | None) -> None:
    """What a validator may take for something else is told with what was found."""
    notes = [note for _, note in placed(mistaken(shape_of(schema), value, type(value)), "")]
    assert [note.kind for note in notes] == ([kind] if kind else [])
    assert all(note.found for note in notes)
