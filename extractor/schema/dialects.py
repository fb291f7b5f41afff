"""What each kind of endpoint accepts: a table of data, no branches.

`adapt` reads it; nothing else decides what a schema may look like. A keyword that a dialect does not
name is one that its endpoints refuse, ignore, or get wrong, and is said in words instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from extractor.errors import ConfigurationError

__all__ = ["DIALECTS", "Dialect", "dialect_named"]

ANNOTATIONS = frozenset({"description"})
STRUCTURE = frozenset({"type", "properties", "required", "items", "enum", "anyOf", "$ref", "$defs"})


_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
# What not every engine for patterns knows: look-around, word borders, references back, named groups.
_EXOTIC = re.compile(r"\(\?[=!<P]|\\[bB1-9]")


def _is_simple(pattern: str) -> bool:
    """Whether a pattern has no escaped classes, and is for the whole text: `^…$`, no alternatives outside of groups."""
    if re.search(r"\\[a-zA-Z]", pattern):
        return False
    if not pattern.startswith("^") or not pattern.endswith("$") or pattern.endswith("\\$"):
        return False
    depth, before = 0, ""
    for character in re.sub(r"\\.|\[[^\]]*\]", "", pattern):
        depth += (character == "(") - (character == ")")
        before += character if depth == 0 else ""
    return "|" not in before


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What one kind of endpoint accepts in `response_format`.

    `keywords` are those it enforces correctly; `formats` likewise for strings. `strict` is what is sent
    as `json_schema.strict`. The rest are rules: every property `all_required` (optional ones become
    nullable), every object `closed` (`additionalProperties: false`), `maps` (objects with free keys)
    allowed, `any` (a schema without a type) allowed, `ref_siblings` (keywords beside a `$ref`) allowed,
    `simple_patterns` only (for the whole text, without escaped classes), `real_bounds` (bounds on numbers
    that are not whole) enforced.
    `shows_schema` says whether the model gets to see the schema; where not, it goes into the prompt.
    """

    name: str
    keywords: frozenset[str]
    formats: frozenset[str]
    strict: bool = True
    all_required: bool = False
    closed: bool = False
    maps: bool = True
    any: bool = True
    ref_siblings: bool = True
    simple_patterns: bool = False
    real_bounds: bool = True
    shows_schema: bool = True

    def enforces(self, keyword: str, value: Any, kinds: Sequence[str]) -> bool:
        """Whether a constraint on values of these types is enforced, so that it can stand as it is."""
        if keyword not in self.keywords:
            return False
        if keyword == "format":
            return value in self.formats
        if keyword == "pattern":
            return not _EXOTIC.search(value) and (not self.simple_patterns or _is_simple(value))
        return self.real_bounds or keyword not in _BOUNDS or "integer" in kinds


# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
# String lengths are refused by some of its models, so they are said in words.
_OPENAI = Dialect(
    name="openai",
    keywords=STRUCTURE
    | ANNOTATIONS
    | {
        "additionalProperties",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "pattern",
    },
    formats=frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}),
    all_required=True,
    closed=True,
    maps=False,
    any=False,
    ref_siblings=False,
)

# Found by experiment against llama.cpp's server: what its grammar enforces. It ignores bounds on numbers
# that are not integers, patterns that are not anchored at both ends, and escapes like \\d in patterns.
_LLAMA_CPP = Dialect(
    name="llama.cpp",
    keywords=STRUCTURE
    | ANNOTATIONS
    | {
        "additionalProperties",
        "const",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "prefixItems",
    },
    formats=frozenset({"date", "time", "date-time", "uuid"}),
    all_required=True,  # else required properties are generated before optional ones, whatever the order
    closed=True,
    ref_siblings=False,
    simple_patterns=True,
    real_bounds=False,
    shows_schema=False,
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        _OPENAI,
        _LLAMA_CPP,
        # An endpoint nobody told us about: strict form, and the schema in the prompt in case it is ignored.
        replace(_OPENAI, name="unknown", shows_schema=False),
    )
}


def dialect_named(dialect: str | Dialect) -> Dialect:
    """The dialect of that name, or the caller's own. Raises `ConfigurationError` for an unknown name."""
    if isinstance(dialect, Dialect):
        return dialect
    if dialect not in DIALECTS:
        raise ConfigurationError(f"There is no dialect {dialect!r}.", hint="Known: " + ", ".join(DIALECTS) + ".")
    return DIALECTS[dialect]
