"""Which patterns a grammar enforces exactly."""

from __future__ import annotations

import re

import pytest

from extractor.schema.patterns import is_exact, is_exotic


@pytest.mark.parametrize(
    "pattern",
    [
        "^$",
        "^[a-z]+$",
        "^[A-Z]{2}-[0-9]{4,6}$",
        "^(red|green|blue)$",
        "^(a(b|c)?d)$",
        r"^[0-9]+\.[0-9]{2}$",
        r"^\(x\)$",
        "^#[a-f0-9]{6}$",
        "^[A-Za-z0-9_-]{1,64}$",
    ],
)
def test_exact(pattern: str) -> None:
    """Plain characters, groups, alternatives inside of groups, counts, and classes that list what they allow."""
    assert is_exact(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^",
        "abc",
        "^abc",
        "abc$",
        r"^a\$",
        "^a|b$",
        "^a.c$",
        "^[^a]$",
        "^[ -~]$",
        '^["]$',
        '^"$',
        r"^\d$",
        r"^\\$",
        r"^[\w]$",
        r"^[\.]$",
        "^é+$",
        "^(?i)a$",
        "^(?:a)$",
        "^(?=a)a$",
        "^a+?$",
        "^a{2}?$",
        "^a{2001}$",
        "^(a$",
        "^a)$",
        "^(a^b)$",
        "^[z-a]$",
        "^[]$",
        "^a**$",
        "^\n$",
        "^\x00$",
    ],
)
def test_not_exact(pattern: str) -> None:
    """What is ignored, or would stand in a string as no JSON string may have it, is said in words instead."""
    assert not is_exact(pattern)


@pytest.mark.parametrize(
    ("pattern", "exotic"),
    [("^[a-z]$", False), (r"\d+", False), ("(?=a)", True), ("(?<!a)b", True), (r"\bword\b", True), (r"(a)\1", True)],
)
def test_exotic(pattern: str, exotic: bool) -> None:
    """Look-around, borders of words and references back are not what every engine has."""
    assert is_exotic(pattern) is exotic


@pytest.mark.parametrize(
    "pattern", ["^" + "(" * 2_000 + ")" * 2_000 + "$", "^" + "a" * 100_000 + "$", "^[" + "a-" * 9_999]
)
def test_long_patterns(pattern: str) -> None:
    """A long pattern is judged, however deep it goes."""
    assert is_exact(pattern) in (True, False)


def test_exact_patterns_are_patterns() -> None:
    """What is called exact is a regular expression with the same meaning elsewhere."""
    assert re.fullmatch("^[A-Z]{2}-[0-9]{4,6}$", "AB-12345")
