"""What a field of a form is called, and what is said of it: the schema's words, or its name made readable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extractor.schema.nodes import telling

__all__ = ["has_lines", "help_of", "own_title", "readable", "title_of"]

_LINES = re.compile(r"\b(?:paragraphs?|multi-?line|several lines|free text|verbatim|line breaks?)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])")


def readable(name: str) -> str:
    """A name as people write it: "unit_price" and "unitPrice" are "Unit price"; what is in capitals stays so."""
    words = _WORD.findall(_HUMP.sub(" ", name[:200]))
    plain = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)
    return plain[:1].upper() + plain[1:] if plain else name[:200]


def own_title(schema: Any) -> str:
    """The title that a schema gives itself; "" for none."""
    title = schema.get("title") if isinstance(schema, Mapping) else None
    return title if isinstance(title, str) else ""


def title_of(schema: Any, name: str) -> str:
    """The title of a field with a name: that of its schema where it says more than the name."""
    title = own_title(schema)
    if not name:
        return title
    return telling(title, f"/properties/{name}") or readable(name)


def help_of(schema: Any) -> str:
    """What a schema says of a field."""
    said = schema.get("description") if isinstance(schema, Mapping) else None
    return said.strip() if isinstance(said, str) else ""


def has_lines(said: str) -> bool:
    """Whether what is said of a text speaks of several lines."""
    return _LINES.search(said[:2_000]) is not None
