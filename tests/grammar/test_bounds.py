"""The bounds of numbers and counts."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.grammar.bounds import count_of, numeral, within


@pytest.mark.parametrize(
    ("schema", "expression"),
    [
        ({"minimum": 0, "maximum": 5}, '("0" | [1-9])'),
        ({"minimum": 0, "exclusiveMaximum": 100.5}, '("0" | [1-9] ([0-9]){0,2})'),
        ({"maximum": 5}, '(("0" | [1-9]) | "-" ("0" | [1-9] ([0-9]){0,15}))'),
        ({"minimum": -100, "maximum": -5}, '"-" ("0" | [1-9] ([0-9]){0,2})'),
        ({"minimum": -10, "maximum": 10}, '"-"? ("0" | [1-9] ([0-9])?)'),
        ({"exclusiveMinimum": 10**18}, '("0" | [1-9] ([0-9]){0,18})'),
        ({"minimum": -(10**9_999), "maximum": 0}, '(("0" | [1-9]) | "-" ("0" | [1-9] ([0-9]){0,499}))'),
        ({"minimum": 5, "maximum": -5}, '"-" ("0" | [1-9] ([0-9]){0,15})'),
    ],
)
def test_digits(schema: dict[str, Any], expression: str) -> None:
    """A number has a sign where it may be negative, and on each side as many digits as it may need."""
    assert numeral(schema, whole=True) == expression


@pytest.mark.parametrize(
    ("number", "schema", "kept"),
    [
        ("5", {"minimum": 5, "maximum": 5}, True),
        ("5", {"exclusiveMinimum": 5}, False),
        ("5", {"exclusiveMaximum": 5}, False),
        ("9007199254740993", {"exclusiveMinimum": 9007199254740992}, True),
        ("0.1", {"minimum": 0.1}, True),
        ("1e+22", {"exclusiveMinimum": 1e21}, True),
        ("-3", {"minimum": None, "maximum": float("nan")}, True),
        ("1" * 400, {"maximum": 1e300}, False),
    ],
)
def test_within(number: str, schema: dict[str, Any], kept: bool) -> None:
    """Numbers are compared as they are, without loss."""
    assert within(number, schema) is kept


@pytest.mark.parametrize(
    ("said", "count"), [(3, 3), (3.0, 3), (0, 0), (-1, None), (0.5, None), (None, None), (True, None), ("3", None)]
)
def test_counts(said: Any, count: int | None) -> None:
    """A count is a whole number that is not negative."""
    assert count_of({"maxItems": said}, "maxItems") == count
