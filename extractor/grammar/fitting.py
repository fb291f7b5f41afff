"""What of a document fits a schema: its texts and its numbers, as expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extractor.grammar.bounds import count_of, within
from extractor.grammar.copied import FOUND, Copied
from extractor.grammar.gbnf import any_of, json_text
from extractor.grammar.pattern import FORMATS, fits, pattern_of

__all__ = ["number_there", "text_there"]

MOST_LENGTH = 40  # characters: a text that may be no longer is a short one


def text_there(copied: Copied, schema: Mapping[str, Any]) -> str | None:
    """The texts of a document that fit; "" where none does, None where that cannot be told."""
    form, most = str(schema.get("format")), count_of(schema, "maxLength")
    if form in FOUND:
        return FOUND[form](copied)
    if form in FORMATS or copied.is_long or (count_of(schema, "minLength") or 0) > MOST_LENGTH:
        return None
    if most is not None and most > MOST_LENGTH:
        most = None
    if pattern_of(schema) is not None or most is not None:
        holds = fits(schema)
        texts = copied.short(holds, most) if holds else None
        if texts is not None:
            return any_of(map(json_text, texts)) if texts else ""
    return copied.text or ""


def number_there(copied: Copied, schema: Mapping[str, Any], *, whole: bool) -> str | None:
    """The numbers of a document that keep the bounds; "" where none does, None where there are too many."""
    if copied.numbers is None:
        return None
    found = [each for each in copied.numbers if (not whole or _is_whole(each)) and within(each, schema)]
    return any_of(found) if found else ""


def _is_whole(number: str) -> bool:
    return number.removeprefix("-").isdigit()
