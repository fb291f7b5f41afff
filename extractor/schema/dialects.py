"""What each kind of endpoint accepts: a table of data, and the one rule that reads it.

`adapt` reads it; nothing else decides what a schema may look like. A keyword that a dialect does not
name is one that its endpoints refuse, ignore, or get wrong, and is said in words instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from extractor.errors import ConfigurationError
from extractor.schema.patterns import is_exact, is_exotic
from extractor.schema.words import WORDS

__all__ = ["DIALECTS", "MODES", "Dialect", "Limits", "Mode", "relaxed", "told"]

Mode: TypeAlias = Literal["grammar", "strict", "relaxed", "json_object", "tool", "prompt"]
"""How an endpoint can be told what is wanted, from the most to the least that it enforces:

a grammar, made for the document; a strict `json_schema`; one without strict, in a form that nearly everything takes;
any JSON object, with the outline in the prompt; the arguments of a function; the prompt alone.
"""
MODES: tuple[Mode, ...] = get_args(Mode)
_USUAL: tuple[Mode, ...] = MODES[1:]

_STRUCTURE = frozenset({"type", "properties", "required", "items", "enum", "anyOf", "description"})
_REFERENCES = frozenset({"$ref", "$defs"})
_INCLUSIVE = frozenset({"minimum", "maximum"})
_BOUNDS = _INCLUSIVE | {"exclusiveMinimum", "exclusiveMaximum"}
_COUNTS = frozenset({"minItems", "maxItems"})
_LENGTHS = frozenset({"minLength", "maxLength"})
_OPEN = frozenset({"additionalProperties"})
_OWN = frozenset({"nullable", "propertyOrdering"})  # of one provider, which no other way replaces
_ALL = _STRUCTURE | _REFERENCES | frozenset(WORDS)

# One-sided bounds that the grammar of llama.cpp gets wrong have a 0 with a digit behind it, behind the first digit.
_ODD_BOUND = re.compile(r"\d+0\d")
_LARGE_BOUND = 10**15


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much of a schema an endpoint takes; None for no limit. Everything counts the whole schema.

    `properties`; `depth` of objects and lists inside of each other; `enum_values`; `characters` of all
    names and enum values; `enum_characters` of one enum with more than 250 values; `schema_characters` of
    the schema as compact JSON; `members` of one union; `optional` properties; `unions`, lists of types
    included; and the `count` above which a length or number of items is not enforced.
    """

    properties: int | None = None
    depth: int | None = None
    enum_values: int | None = None
    characters: int | None = None
    enum_characters: int | None = None
    schema_characters: int | None = None
    members: int | None = None
    optional: int | None = None
    unions: int | None = None
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What one kind of endpoint accepts in `response_format`.

    `keywords` are those it enforces correctly, `formats` likewise for strings; `modes` are the ways in
    which it can be asked, best first; `strict` is what is sent as `json_schema.strict` (None: nothing).
    The rest are rules:

    - `all_required`: every property is required, so that optional ones become nullable.
    - `closed`: every object says `additionalProperties: false`.
    - `maps`: objects with free keys are taken; else a map is a list of keys and values.
    - `open_objects`: an object may have free keys beside its properties.
    - `any`: a schema without a type is taken.
    - `cycles`: references may lead back to themselves.
    - `ref_siblings`: keywords may stand beside a `$ref`.
    - `empty_objects`: an object without any property is taken.
    - `null`: how a type with null is written: as a list of types, as a union, or with OpenAPI's `nullable`.
    - `string_enums`: an `enum` has strings only.
    - `heads`: how the objects of a union must differ: in any way, in their first key or its constants, or
      by each having one key of its own.
    - `exact_patterns`: only the patterns that a grammar enforces exactly.
    - `pattern_lengths`: lengths are enforced beside a pattern too.
    - `real_bounds`: bounds on numbers that are not integers are enforced; `all_bounds`: every bound on integers.
    - `items_behind`: items are enforced behind `prefixItems`.
    - `plain_names`: names of definitions are letters and digits only.
    - `min_items`: the only values that `minItems` may have, if only some are taken.
    - `keys`: a pattern for the names of properties.
    - `shows_schema`: the model gets to see the schema; where not, an outline of it goes into the prompt.
    - `grammar`: the way in the request's body to where a grammar stands; empty where none is taken.
    """

    name: str
    keywords: frozenset[str]
    formats: frozenset[str] = frozenset()
    modes: tuple[Mode, ...] = _USUAL
    strict: bool | None = True
    all_required: bool = True
    closed: bool = True
    maps: bool = False
    open_objects: bool = False
    any: bool = False
    cycles: bool = True
    ref_siblings: bool = False
    empty_objects: bool = True
    null: Literal["type", "union", "nullable"] = "type"
    string_enums: bool = False
    heads: Literal["any", "distinct", "own"] = "any"
    exact_patterns: bool = False
    pattern_lengths: bool = True
    real_bounds: bool = True
    all_bounds: bool = True
    items_behind: bool = True
    plain_names: bool = False
    min_items: frozenset[int] | None = None
    keys: str | None = None
    limits: Limits = Limits()
    shows_schema: bool = True
    grammar: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("keywords", "formats"):
            if isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name} of a dialect is a set of words, not a string.")
            object.__setattr__(self, name, frozenset(getattr(self, name)))
        if not self.modes or not set(self.modes) <= set(MODES):
            raise ConfigurationError("modes of a dialect are one or more of " + ", ".join(MODES) + ".")
        if not isinstance(self.limits, Limits):
            raise ConfigurationError("limits of a dialect is a Limits(…).")

    @classmethod
    def named(cls, dialect: str | Dialect) -> Dialect:
        """The dialect of that name, or the caller's own. Raises `ConfigurationError` for an unknown name."""
        if isinstance(dialect, Dialect):
            return dialect
        if dialect not in DIALECTS:
            raise ConfigurationError(f"There is no dialect {dialect!r}.", hint="Known: " + ", ".join(DIALECTS) + ".")
        return DIALECTS[dialect]

    def enforces(self, keyword: str, schema: Mapping[str, Any], kinds: Sequence[str]) -> bool:
        """Whether a constraint of a node with values of these types is enforced, so that it can stand as it is."""
        if keyword not in self.keywords:
            return False
        value = schema[keyword]
        if keyword == "format":
            return value in self.formats
        if keyword == "pattern":
            return is_exact(value) if self.exact_patterns else not is_exotic(value)
        if keyword in _LENGTHS | _COUNTS:
            return self._counts(keyword, value, schema, kinds)
        if keyword not in _BOUNDS:
            return True
        if "integer" not in kinds:
            return self.real_bounds
        return self.all_bounds or _is_sound(keyword, schema)

    def _counts(self, keyword: str, value: float, schema: Mapping[str, Any], kinds: Sequence[str]) -> bool:
        if keyword in _LENGTHS and not self.pattern_lengths and "pattern" in schema:
            return not self.enforces("pattern", schema, kinds)
        if keyword == "minItems" and self.min_items is not None and value not in self.min_items:
            return False
        return self.limits.count is None or (isinstance(value, int) and value <= self.limits.count)


def _is_sound(keyword: str, schema: Mapping[str, Any]) -> bool:
    """Whether llama.cpp's grammar for an integer's bound allows what it should, and ends.

    Of two lower or two upper bounds only one counts there. With a bound on the other side too, any is right.
    """
    value = schema[keyword]
    if not isinstance(value, int) or abs(value) >= _LARGE_BOUND:
        return False
    lower = keyword in ("minimum", "exclusiveMinimum")
    if keyword.startswith("exclusive") and ("minimum" if lower else "maximum") in schema:
        return False
    others = ("maximum", "exclusiveMaximum") if lower else ("minimum", "exclusiveMinimum")
    bounds = [schema[other] for other in others if other in schema]
    if bounds and all(isinstance(bound, int) and abs(bound) < _LARGE_BOUND for bound in bounds):
        return True
    return (
        value >= 0 and not (lower and _ODD_BOUND.fullmatch(str(value))) and (lower or keyword == "maximum" or value > 0)
    )


# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
# String lengths are refused by most of its models, so they are said in words.
_OPENAI = Dialect(
    name="openai",
    keywords=_STRUCTURE | _REFERENCES | _BOUNDS | _COUNTS | {"additionalProperties", "format", "multipleOf", "pattern"},
    formats=frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}),
    heads="distinct",
    limits=Limits(properties=5_000, depth=10, enum_values=1_000, characters=120_000, enum_characters=15_000),
)

# Behind Gemini's OpenAI-compatible address a schema becomes its older responseSchema (a part of OpenAPI, in which a
# type is one word and nothing refers to anything) or its newer responseJsonSchema, nobody says which. This is what
# both take. https://ai.google.dev/api/caching#Schema
_GEMINI = Dialect(
    name="gemini",
    keywords=_STRUCTURE | _INCLUSIVE | _COUNTS | {"format", "propertyOrdering"},
    formats=frozenset({"date-time"}),
    closed=False,
    cycles=False,
    empty_objects=False,
    string_enums=True,
    null="union",
)

# Found by experiment against llama.cpp's server: what its grammar enforces. It ignores bounds on numbers
# that are not integers and patterns that are not anchored at both ends, and refuses some large counts.
_LLAMA_CPP = Dialect(
    name="llama.cpp",
    keywords=_STRUCTURE
    | _REFERENCES
    | _BOUNDS
    | _COUNTS
    | _LENGTHS
    | {"additionalProperties", "const", "format", "pattern", "prefixItems"},
    formats=frozenset({"date", "time", "date-time", "uuid"}),
    # All required, else required properties are generated before optional ones, whatever their order. Unions whose
    # members begin alike take time that grows with each level, and large enums with each token; free keys beside
    # properties may hold what no JSON string may; very long names end the process.
    maps=True,
    any=True,
    heads="distinct",
    exact_patterns=True,
    pattern_lengths=False,
    real_bounds=False,
    all_bounds=False,
    items_behind=False,
    plain_names=True,
    keys=r"(?s)[^\0]{0,500}",
    limits=Limits(count=1_998, enum_values=2_000),
    shows_schema=False,
    grammar=("grammar",),
)

# The grammar engine of servers on one's own machines. Formats beside lengths, `multipleOf` and what a pattern
# excludes are refused or ignored by one version or the other.
_XGRAMMAR = Dialect(
    name="vllm",
    open_objects=True,
    keywords=_STRUCTURE | _REFERENCES | _BOUNDS | _COUNTS | _LENGTHS | {"additionalProperties", "const", "pattern"},
    maps=True,
    any=True,
    pattern_lengths=False,
    real_bounds=False,
    shows_schema=False,
    grammar=("structured_outputs", "grammar"),
)

# An endpoint nobody told us about: what the strict ones have in common, and the outline in the prompt in case
# that the schema is ignored.
_UNKNOWN = replace(
    _OPENAI,
    name="unknown",
    keywords=_STRUCTURE | _REFERENCES | {"additionalProperties"},
    formats=frozenset(),
    shows_schema=False,
)

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        _OPENAI,
        # https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs
        replace(
            _OPENAI,
            name="azure",
            keywords=_STRUCTURE | _REFERENCES | {"additionalProperties"},
            formats=frozenset(),
            limits=replace(_OPENAI.limits, properties=100, depth=5, enum_values=500),
        ),
        # https://docs.claude.com/en/docs/build-with-claude/structured-outputs
        Dialect(
            name="anthropic",
            keywords=_STRUCTURE | _REFERENCES | {"additionalProperties", "const", "format", "minItems", "pattern"},
            formats=_OPENAI.formats | {"uri"},
            modes=("strict", "tool", "prompt"),
            all_required=False,
            cycles=False,
            min_items=frozenset({0, 1}),
            keys=r"[a-zA-Z0-9_.-]{1,64}",
            limits=Limits(optional=24, unions=16),
        ),
        _GEMINI,
        # A gateway that turns json_schema into Gemini's responseSchema.
        replace(
            _GEMINI,
            name="evolink",
            keywords=_GEMINI.keywords | _LENGTHS | {"nullable", "pattern"},
            null="nullable",
        ),
        # It refuses keywords one at a time ("Received unsupported keyword `format` in schema").
        replace(_UNKNOWN, name="mistral", heads="any", limits=Limits(), shows_schema=True),
        # https://console.groq.com/docs/structured-outputs; of the objects of a union no key may occur in two.
        replace(_OPENAI, name="groq", heads="own"),
        replace(_UNKNOWN, name="together", heads="any", limits=Limits()),
        # https://docs.fireworks.ai/structured-responses/structured-response-formatting
        replace(_UNKNOWN, name="fireworks", heads="any", limits=Limits()),
        replace(_UNKNOWN, name="deepseek", modes=("json_object", "tool", "prompt")),
        # https://docs.x.ai/docs/guides/structured-outputs
        replace(
            _OPENAI,
            name="xai",
            keywords=_OPENAI.keywords | _LENGTHS | {"const", "prefixItems"},
            formats=frozenset({"date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "uri"}),
            cycles=False,
            heads="any",
            exact_patterns=True,
            limits=Limits(count=256),
        ),
        # https://inference-docs.cerebras.ai/capabilities/structured-outputs
        replace(
            _UNKNOWN,
            name="cerebras",
            cycles=False,
            heads="any",
            null="union",
            limits=Limits(
                properties=500, depth=10, enum_values=500, enum_characters=7_500, schema_characters=5_000, members=5
            ),
            shows_schema=True,
        ),
        # It passes requests on to many: what is common to the strict ones.
        replace(_UNKNOWN, name="openrouter"),
        _XGRAMMAR,
        replace(_XGRAMMAR, name="sglang", grammar=("ebnf",)),
        _LLAMA_CPP,
        replace(_LLAMA_CPP, name="ollama", strict=None, grammar=()),
        # Its second engine does not take lists of types, and it has no json_object.
        replace(_LLAMA_CPP, name="lmstudio", null="union", modes=("strict", "relaxed", "tool", "prompt"), grammar=()),
        _UNKNOWN,
    )
}


def relaxed(dialect: Dialect) -> Dialect:
    """What nearly every endpoint takes that knows `json_schema`: structure alone, without references."""
    return replace(
        dialect,
        name=f"{dialect.name}, relaxed",
        keywords=_STRUCTURE | (dialect.keywords & (_OWN | (_OPEN if dialect.maps else frozenset()))),
        formats=frozenset(),
        strict=False if dialect.strict else None,
        all_required=False,
        closed=False,
        cycles=False,
        heads="any",
        limits=Limits(),
    )


def told(dialect: Dialect) -> Dialect:
    """A schema that is no more than told to the model, in the prompt: nothing has to be rewritten for it."""
    return Dialect(
        name=f"{dialect.name}, told",
        keywords=_ALL,
        formats=_OPENAI.formats,
        strict=None,
        all_required=False,
        closed=False,
        maps=True,
        open_objects=True,
        any=True,
        ref_siblings=True,
        shows_schema=False,
    )
