r"""What a schema says of a text (its pattern, format and length) as an expression of a grammar, where it means the
same there, and as a question.

`^[A-Z]{2}-[0-9]+(a|b)?$` → `[A-Z]{2} "-" [0-9]+ ("a" | "b")?`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic_core import SchemaError as PatternError
from pydantic_core import ValidationError

from extractor.grammar.bounds import count_of
from extractor.grammar.gbnf import MOST_TIMES, literal
from extractor.schema.patterns import is_exact

__all__ = ["FORMATS", "expression_of", "fits", "pattern_of"]

_DATE = '[0-9] [0-9] [0-9] [0-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [1-2] [0-9] | "3" [0-1])'
_TIME = '([0-1] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})?'
_ZONE = '("Z" | [+-] [0-1] [0-9] ":" [0-5] [0-9])?'
_HEX = "[0-9a-fA-F]"
FORMATS: Mapping[str, str] = {
    "date": _DATE,
    "time": f"{_TIME} {_ZONE}",
    "date-time": f'{_DATE} "T" {_TIME} {_ZONE}',
    "uuid": ' "-" '.join(f"{_HEX}{{{count}}}" for count in (8, 4, 4, 4, 12)),
}
"""Format → what may stand inside of the quotes."""

LONGEST = 1_000  # characters of a pattern

_PART = r"\\(?P<escaped>.)|(?P<class>\[[^\]]*\])|(?P<sign>[()|*+?])|\{(?P<count>[\d,]+)\}|(?P<plain>.)"


def expression_of(pattern: str) -> str | None:
    """What may stand inside of the quotes; None where a grammar cannot say it."""
    if len(pattern) > LONGEST or not is_exact(pattern):
        return None
    written = []
    for part in re.finditer(_PART, pattern[1:-1]):
        if part["count"] and max(map(int, filter(None, part["count"].split(",")))) > MOST_TIMES:
            return None
        plain = part["escaped"] or part["plain"]
        written.append(literal(plain) if plain else part[0])
    # A count stands right behind what it counts.
    return re.sub(r" (?=[*+?]|\{[\d,]+\}(?: |$))", "", " ".join(written)) or '""'


def pattern_of(schema: Mapping[str, Any]) -> str | None:
    """The pattern of a schema, where it is one."""
    pattern = schema.get("pattern")
    return pattern if isinstance(pattern, str) else None


def fits(schema: Mapping[str, Any]) -> Callable[[str], bool] | None:
    """Whether a text has the length and the pattern that are asked for; None where that cannot be told."""
    least, most, pattern = count_of(schema, "minLength") or 0, count_of(schema, "maxLength"), pattern_of(schema)
    if pattern is not None and len(pattern) > LONGEST:
        return None
    try:
        rule = TypeAdapter(Annotated[str, Field(pattern=pattern)])  # takes linear time
    except (PatternError, ValueError):  # half of a character
        return None

    def holds(text: str) -> bool:
        if len(text) < least or (most is not None and len(text) > most):
            return False
        try:
            rule.validate_python(text)
        except ValidationError:
            return False
        return True

    return holds
