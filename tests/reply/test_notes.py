"""Notes: where each belongs, and how a value is quoted."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.notes import Note, Within, every, placed, shown, taken


def test_places() -> None:
    """Each note has the pointer of the values that it is within, in order."""
    first, second, third = (Note(kind=kind, message="") for kind in ("a", "b", "c"))
    notes: list[Note | Within] = [first, Within(step="x/y", notes=[second, Within(step=0, notes=[third])]), first]
    assert list(placed(notes, "/root")) == [
        ("/root", first),
        ("/root/x~1y", second),
        ("/root/x~1y/0", third),
        ("/root", first),
    ]


def test_deep_places() -> None:
    """Notes may be within as many values as there are."""
    notes: list[Note | Within] = [Note(kind="a", message="")]
    for _ in range(3_000):
        notes = [Within(step=0, notes=notes)]
    ((pointer, _),) = placed(notes, "")
    assert pointer == "/0" * 3_000
    assert list(every(notes)) == [Note(kind="a", message="")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("é", '"é"'),
        ("x" * 500, '"' + "x" * 58 + "…"),
        (30, "30"),
        (None, "null"),
        (True, "true"),
        ([], "[]"),
        ({}, "{}"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
        (10**400, "1" + "0" * 58 + "…"),
    ],
)
def test_shown(value: Any, expected: str) -> None:
    """A message quotes the beginning of a value, and only says what it is where it has several parts."""
    assert shown(value) == expected
    assert taken("x", value, 1) == Note(kind="x", message=f"Taken {expected} for 1.")
