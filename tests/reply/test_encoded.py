"""JSON in a text: read where it is an object or a list, and nothing of it would be lost."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.reply.branches import written
from extractor.reply.encoded import parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        (" [1, 2]\n", [1, 2]),
        ("1", None),
        ('"a"', None),
        ("", None),
        ("{'a': 1}", None),
        ('{"a": NaN}', None),
        ('{"a": 1e999}', None),
        ('{"a": 1, "a": 2}', None),
        ('["\\ud800"]', None),
        ("[" * 100_000, None),
    ],
)
def test_parsed(text: str, value: Any) -> None:
    """Clean JSON of an object or a list is that; anything else is a text."""
    assert parsed(text) == value


def test_numbers_keep_their_digits() -> None:
    """A number within remembers how it was written."""
    (number,) = parsed("[1.50]")
    assert (number, written(number)) == (1.5, "1.50")
