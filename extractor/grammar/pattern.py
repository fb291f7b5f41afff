r"""A pattern of a schema as an expression of a grammar, where it means the same there.

`^[A-Z]{2}-[0-9]+(a|b)?$` → `[A-Z]{2} "-" [0-9]+ ("a" | "b")?`
"""

from __future__ import annotations

import re

from extractor.grammar.gbnf import MOST_TIMES, literal
from extractor.schema.patterns import is_exact

__all__ = ["expression_of"]

_PART = r"\\(?P<escaped>.)|(?P<class>\[[^\]]*\])|(?P<sign>[()|*+?])|\{(?P<count>[\d,]+)\}|(?P<plain>.)"


def expression_of(pattern: str) -> str | None:
    """What may stand inside of the quotes; None where a grammar cannot say it."""
    if not is_exact(pattern):
        return None
    written = []
    for part in re.finditer(_PART, pattern[1:-1]):
        if part["count"] and max(map(int, filter(None, part["count"].split(",")))) > MOST_TIMES:
            return None
        plain = part["escaped"] or part["plain"]
        written.append(literal(plain) if plain else part[0])
    # A count stands right behind what it counts.
    return re.sub(r" (?=[*+?]|\{[\d,]+\}(?: |$))", "", " ".join(written)) or '""'
