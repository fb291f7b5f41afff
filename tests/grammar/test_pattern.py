"""Patterns as expressions of a grammar."""

from __future__ import annotations

import pytest

from extractor.grammar.pattern import expression_of


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("^[A-Z]{2}-[0-9]+$", '[A-Z]{2} "-" [0-9]+'),
        ("^(a|b)?c*$", '( "a" | "b" )? "c"*'),
        (r"^a\.b{1,3}$", '"a" "." "b"{1,3}'),
        ("^[ab] +x$", '[ab] " "+ "x"'),
        ("^$", '""'),
    ],
)
def test_patterns(pattern: str, expression: str) -> None:
    """A pattern for the whole text, of plain characters, classes, groups and counts, means the same in a grammar."""
    assert expression_of(pattern) == expression


@pytest.mark.parametrize("pattern", ["", "a", "^a", r"^\d+$", "^(?=a)b$", "^a{900}$", "^[^a]$", '^"$'])
def test_other_patterns(pattern: str) -> None:
    """Others are left to the validation."""
    assert expression_of(pattern) is None
