"""Branches: scalars, texts and constants, each a way in which a value can be right."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.branches import Branch, Constants, Fit, kind_of, written
from extractor.reply.shaping import shape_of

NOTHING = type(None)


class Written(float):
    """A number that remembers how it was written."""

    literal = "1.50"


def only(schema: Any) -> Branch:
    """The one branch of a schema."""
    (branch,) = shape_of(schema).branches
    return branch


@pytest.mark.parametrize(
    ("schema", "value", "allowed"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 5}, 5, True),
        ({"type": "integer", "minimum": 5}, 4, False),
        ({"type": "integer", "exclusiveMinimum": 5}, 5, False),
        ({"type": "integer", "exclusiveMaximum": 5}, 5, False),
        ({"type": "integer", "exclusiveMaximum": True}, 5, True),
        ({"type": "number", "multipleOf": 0.1}, 0.3, True),
        ({"type": "number", "multipleOf": 0.1}, 0.35, False),
        ({"type": "number", "multipleOf": 0}, 5, True),
        ({"type": "string", "minLength": 2}, "x", False),
        ({"type": "string", "maxLength": 2}, "xxx", False),
        ({"type": "array", "minItems": 1}, [], False),
        ({"type": "array", "maxItems": 0}, [1], False),
        ({"type": "object"}, {}, True),
    ],
)
def test_allows(schema: Any, value: Any, allowed: bool) -> None:
    """Whether a mended value is in its range, too, can be asked."""
    assert only(schema).allows(value) is allowed


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^[a-z]+$", "abc", True),
        ("^[a-z]+$", "1", False),
        ("^(?!x)", "abc", True),
        ("^(?!x)", "xbc", False),
        ("(", "abc", True),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    """A pattern is judged as the validator judges it; one that it does not know is passed over."""
    assert only({"type": "string", "pattern": pattern}).fits(text, Fit(), 0) is fits


@pytest.mark.parametrize(
    ("values", "given", "meant"),
    [
        (["a", "b"], "a", "a"),
        (["a", "b"], "A", "a"),
        ([1, 2], "2", 2),
        ([1, 2], "3", None),
        ([2.5], "2.5", 2.5),
        (["1"], 1, "1"),
        (["1.50"], Written(1.5), "1.50"),
        (["1.5"], 1.5, None),
        ([""], "", ""),
        ([None, True], "true", None),
        (["a"], ["a"], None),
        (["a"], None, None),
    ],
)
def test_meant(values: list[Any], given: Any, meant: Any) -> None:
    """One of some values is meant by its spelling, a number by its digits."""
    found = Constants(values).meant(given)
    assert (found, type(found)) == (meant, type(meant))


def test_numbers_as_they_were_written() -> None:
    """A float has digits only where it is known how it was written, and so has no number that is too large."""
    assert (written(30), written(1.5), written(Written(1.5)), written(10**400)) == ("30", "", "1.50", "")
    assert Fit()(shape_of({"type": "number"}), Written(1.5))
    assert (kind_of(Written(1.5)), kind_of(True), kind_of(None)) == (float, bool, NOTHING)
