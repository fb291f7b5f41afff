"""Constraints in words."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.schema.words import WORDS, in_words, inlined


@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    [
        ("minLength", 2, "at least 2 characters"),
        ("minLength", 1, "at least 1 character"),
        ("maxLength", 1, "at most 1 character"),
        ("minItems", 1, "at least 1 item"),
        ("maxItems", 3, "at most 3 items"),
        ("minimum", 0, "at least 0"),
        ("maximum", 1.5, "at most 1.5"),
        ("exclusiveMinimum", 0, "more than 0"),
        ("exclusiveMaximum", 10, "less than 10"),
        ("multipleOf", 0.01, "a multiple of 0.01"),
        ("pattern", r"^\d{3}$", r"matching ^\d{3}$"),
        ("pattern", "{}", "matching {}"),
        ("format", "date", "date as YYYY-MM-DD"),
        ("format", "ipv4", "format ipv4"),
        ("uniqueItems", True, "no item twice"),
        ("uniqueItems", False, ""),
        ("enum", ["a", 1, None], 'one of "a", 1, null'),
        ("const", "x{}y", 'always "x{}y"'),
        ("default", "ä", 'default "ä"'),
        ("default", False, "default false"),
        ("examples", [1, 2], "for example [1, 2]"),
        ("minProperties", 2, "at least 2 entries"),
        ("propertyNames", {"minLength": 2}, 'keys: {"minLength": 2}'),
        ("contentEncoding", "base64", "encoded as base64"),
        ("x-unknown", [1], "x-unknown: [1]"),
    ],
)
def test_in_words(keyword: str, value: Any, words: str) -> None:
    """Each constraint is said in a few words, with its value."""
    assert in_words(keyword, value) == words


@pytest.mark.parametrize("keyword", sorted(WORDS.keys() - {"uniqueItems"}))
def test_the_value_is_always_said(keyword: str) -> None:
    """Whatever the constraint, its value can be read in the words."""
    assert "4711" in in_words(keyword, [4711] if keyword in ("enum", "examples") else 4711)


def test_words_refer_to_nothing() -> None:
    """Definitions stand in the place of references to them; one that refers to itself, by its name."""
    definitions = {"A": {"enum": [1]}, "B": {"items": {"$ref": "#/$defs/B"}}}
    assert inlined([{"not": {"$ref": "#/$defs/A"}}, 1], definitions) == [{"not": {"enum": [1]}}, 1]
    assert inlined({"$ref": "#/$defs/B"}, definitions) == {"items": "B"}
    assert inlined({"$ref": "#/$defs/C"}, definitions) == {"$ref": "#/$defs/C"}
