"""The table of dialects."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any, TypeAlias

import pytest

from extractor.endpoint.presets import PRESETS
from extractor.errors import ConfigurationError
from extractor.schema.dialects import DIALECTS, MODES, Dialect, Limits, relaxed, told
from extractor.schema.words import WORDS

Problems: TypeAlias = "Callable[[dict[str, Any], str], list[str]]"
every_dialect = pytest.mark.parametrize("name", DIALECTS)

# What the walk writes by itself, and what it can write or say in words.
NEEDED = frozenset({"type", "properties", "required", "items", "enum", "anyOf", "description"})
KNOWN = NEEDED | WORDS.keys() | {"$ref", "$defs", "nullable", "propertyOrdering"}
NEVER = ("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "default")
UNSUPPORTED_BY_OPENAI = [
    *NEVER,
    "patternProperties",
    "propertyNames",
    "uniqueItems",
    "contains",
    "minProperties",
    "maxProperties",
]
IGNORED_BY_LLAMA_CPP = [
    *NEVER,
    "multipleOf",
    "uniqueItems",
    "contains",
    "patternProperties",
    "propertyNames",
    "nullable",
]


def test_names() -> None:
    """Each dialect stands under its own name."""
    assert {"openai", "llama.cpp", "unknown"} <= DIALECTS.keys()
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


@every_dialect
def test_by_name(name: str) -> None:
    """A dialect is found by its name, and one of the caller's own is taken as it is."""
    assert Dialect.named(name) is DIALECTS[name]
    own = replace(DIALECTS[name], name="mine")
    assert Dialect.named(own) is own


def test_unknown_name() -> None:
    """An unknown name is an error that lists those there are."""
    with pytest.raises(ConfigurationError, match="no dialect 'klingon'") as caught:
        Dialect.named("klingon")
    assert "llama.cpp" in caught.value.hint


def test_dialects_are_frozen() -> None:
    """The table cannot be changed by accident."""
    with pytest.raises(FrozenInstanceError):
        DIALECTS["openai"].strict = False  # type: ignore[misc]


@every_dialect
def test_a_dialect_is_sound(name: str) -> None:
    """What a dialect names is known, and its rules do not contradict each other."""
    dialect = DIALECTS[name]
    assert dialect.keywords >= NEEDED
    assert dialect.keywords <= KNOWN
    assert not dialect.keywords & set(NEVER)
    assert set(dialect.modes) <= set(MODES)
    assert len(set(dialect.modes)) == len(dialect.modes) > 0
    assert list(dialect.modes) == sorted(dialect.modes, key=MODES.index)  # best first
    assert dialect.formats == frozenset() or "format" in dialect.keywords
    assert (dialect.null == "nullable") == ("nullable" in dialect.keywords)
    assert not dialect.closed or "additionalProperties" in dialect.keywords
    assert not dialect.maps or "additionalProperties" in dialect.keywords
    assert ("$ref" in dialect.keywords) == ("$defs" in dialect.keywords)
    assert not dialect.cycles or "$ref" in dialect.keywords
    assert dialect.min_items is None or "minItems" in dialect.keywords
    assert dialect.keys is None or re.fullmatch(dialect.keys, "a_name")
    limits = [getattr(dialect.limits, field.name) for field in fields(Limits)]
    assert all(limit is None or limit > 0 for limit in limits)
    hash(dialect)


@every_dialect
def test_the_relaxed_form_asks_for_nothing_special(name: str) -> None:
    """Relaxed, any dialect is structure alone, without limits and not strict; told, it is everything."""
    loose = relaxed(DIALECTS[name])
    needed = NEEDED | ({"additionalProperties"} if loose.maps else set())  # a map is nothing without it
    assert not loose.keywords - needed - {"nullable", "propertyOrdering"}
    assert loose.strict in (False, None)
    assert loose.limits == Limits()
    assert (loose.all_required, loose.closed, loose.cycles) == (False, False, False)
    whole = told(DIALECTS[name])
    assert whole.keywords >= WORDS.keys()
    assert (whole.maps, whole.any, whole.all_required) == (True, True, False)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_dialects_of_the_presets(preset: str) -> None:
    """Every provider speaks a dialect that there is."""
    assert PRESETS[preset].dialect in DIALECTS


@pytest.mark.parametrize("name", ["openai", "groq", "azure", "unknown", "openrouter", "deepseek"])
def test_openai(name: str) -> None:
    """The strict form allows none of what OpenAI's strict mode refuses."""
    dialect = DIALECTS[name]
    assert not dialect.keywords & set(UNSUPPORTED_BY_OPENAI)
    assert (dialect.strict, dialect.all_required, dialect.closed) == (True, True, True)
    assert (dialect.maps, dialect.any, dialect.ref_siblings) == (False, False, False)
    assert dialect.formats <= {
        "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["llama.cpp", "ollama", "lmstudio"])
def test_llama_cpp(name: str) -> None:
    """Nothing is left to llama.cpp that it silently ignores."""
    dialect = DIALECTS[name]
    assert not dialect.keywords & set(IGNORED_BY_LLAMA_CPP)
    assert dialect.formats == {"date", "time", "date-time", "uuid"}
    assert (dialect.exact_patterns, dialect.pattern_lengths, dialect.real_bounds) == (True, False, False)
    assert (dialect.all_bounds, dialect.items_behind, dialect.open_objects) == (False, False, False)


@pytest.mark.parametrize("name", ["gemini", "evolink"])
def test_gemini(name: str) -> None:
    """Nothing refers to anything, and no word stands there that is unknown to a part of OpenAPI."""
    dialect = DIALECTS[name]
    assert not dialect.keywords & {"$ref", "$defs", "additionalProperties", "const", "prefixItems"}
    assert (dialect.string_enums, dialect.empty_objects, dialect.cycles) == (True, False, False)
    assert dialect.null != "type"


def test_who_shows_the_schema() -> None:
    """Only where the model sees the schema does the prompt leave it out."""
    assert DIALECTS["openai"].shows_schema
    assert not DIALECTS["llama.cpp"].shows_schema
    assert not DIALECTS["unknown"].shows_schema
    assert not DIALECTS["together"].shows_schema


# dialect, keyword, the rest of the node, its types, whether it is enforced
ENFORCED: list[tuple[str, str, dict[str, Any], list[str], bool]] = [
    ("openai", "pattern", {"pattern": "a.b"}, ["string"], True),
    ("openai", "pattern", {"pattern": "(?=a)b"}, ["string"], False),
    ("openai", "pattern", {"pattern": "(?<name>a)"}, ["string"], False),
    ("openai", "pattern", {"pattern": r"\bword"}, ["string"], False),
    ("openai", "minLength", {"minLength": 1}, ["string"], False),
    ("openai", "format", {"format": "date"}, ["string"], True),
    ("openai", "format", {"format": "uri"}, ["string"], False),
    ("openai", "minimum", {"minimum": 1.5}, ["number"], True),
    ("unknown", "minimum", {"minimum": 1}, ["integer"], False),
    ("anthropic", "minItems", {"minItems": 1}, ["array"], True),
    ("anthropic", "minItems", {"minItems": 2}, ["array"], False),
    ("llama.cpp", "minimum", {"minimum": 1}, ["integer"], True),
    ("llama.cpp", "minimum", {"minimum": 1.5}, ["number"], False),
    ("llama.cpp", "pattern", {"pattern": "^a$"}, ["string"], True),
    ("llama.cpp", "pattern", {"pattern": "^a"}, ["string"], False),
    ("llama.cpp", "pattern", {"pattern": r"^a\$"}, ["string"], False),
    ("llama.cpp", "pattern", {"pattern": "^a|b$"}, ["string"], False),
    ("llama.cpp", "pattern", {"pattern": "^(a|b)$"}, ["string"], True),
    ("llama.cpp", "pattern", {"pattern": "^[(|]$"}, ["string"], True),
    ("llama.cpp", "pattern", {"pattern": r"^\d$"}, ["string"], False),
    ("llama.cpp", "maxLength", {"maxLength": 5}, ["string"], True),
    ("llama.cpp", "maxLength", {"maxLength": 5, "pattern": "^a*$"}, ["string"], False),
    ("llama.cpp", "maxLength", {"maxLength": 5, "pattern": "a"}, ["string"], True),
    ("llama.cpp", "maxItems", {"maxItems": 1_998}, ["array"], True),
    ("llama.cpp", "maxItems", {"maxItems": 2_000}, ["array"], False),
    ("vllm", "maxItems", {"maxItems": 2_000}, ["array"], True),
]


@pytest.mark.parametrize(("name", "keyword", "node", "kinds", "enforced"), ENFORCED)
def test_what_is_enforced(name: str, keyword: str, node: dict[str, Any], kinds: list[str], enforced: bool) -> None:
    """A constraint stands as it is only where the endpoint enforces it, with this value and beside the others."""
    assert DIALECTS[name].enforces(keyword, node, kinds) is enforced


# -------------------------------------------------------------- the rules that other tests hold schemas to


def closed(**properties: Any) -> dict[str, Any]:
    """An object as the strict ones take it."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def plain(**properties: Any) -> dict[str, Any]:
    """An object as Gemini takes it."""
    return {"type": "object", "properties": properties, "required": [*properties]}


STRING = {"type": "string"}
REFERENCE = {"$ref": "#/$defs/A"}
TREE = closed(kids={"type": "array", "items": REFERENCE})
BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("openai", {"anyOf": [{"type": "object"}]}),
    ("openai", {"type": "object", "properties": {}, "required": []}),
    ("openai", {**closed(a=STRING), "required": []}),
    ("openai", {**closed(a={**REFERENCE, "description": "d"}), "$defs": {"A": STRING}}),
    ("openai", closed(a=REFERENCE)),
    ("openai", closed(a={})),
    ("openai", closed(a={**STRING, "minLength": 1})),
    ("openai", closed(a={**STRING, "pattern": "(?=a)"})),
    ("openai", closed(a={"anyOf": [closed(k=STRING), closed(k=STRING, b=STRING)]})),
    ("openai", closed(a={"type": "string", "enum": []})),
    ("openai", closed(a=closed(a=closed(a=closed(a=closed(a=closed(a=closed(a=closed(a=closed(a=TREE)))))))))),
    ("azure", closed(a=closed(a=closed(a=closed(a=closed(a=closed(a=STRING))))))),
    ("azure", closed(a={**STRING, "pattern": "a"})),
    ("groq", closed(a={"anyOf": [closed(b=STRING, k=STRING), closed(k=STRING)]})),
    ("anthropic", closed(a={"type": "array", "items": STRING, "minItems": 2})),
    ("anthropic", closed(a={"type": "integer", "minimum": 2})),
    ("anthropic", closed(**{"a b": STRING})),
    ("anthropic", {**closed(a=REFERENCE), "$defs": {"A": TREE}}),
    ("anthropic", {**closed(**{f"p{number}": STRING for number in range(25)}), "required": []}),
    ("anthropic", closed(**{f"p{number}": {"type": ["string", "null"]} for number in range(17)})),
    ("gemini", {**plain(a=REFERENCE), "$defs": {"A": STRING}}),
    ("gemini", closed(a=STRING)),
    ("gemini", plain(a={"type": ["string", "null"]})),
    ("gemini", plain(a={"type": "integer", "enum": [1]})),
    ("gemini", plain(a=plain())),
    ("gemini", {**plain(a=STRING, b=STRING), "required": ["b", "a"]}),
    ("gemini", {**plain(a=STRING, b=STRING), "propertyOrdering": ["b", "a"]}),
    ("gemini", plain(a={**STRING, "pattern": "a"})),
    ("evolink", plain(a={**STRING, "format": "date"})),
    ("evolink", {**plain(a=STRING), "nullable": True}),
    ("mistral", closed(a={**STRING, "format": "date"})),
    ("xai", {**closed(a=REFERENCE), "$defs": {"A": TREE}}),
    ("cerebras", {**closed(a=REFERENCE), "$defs": {"A": TREE}}),
    ("cerebras", closed(a={"anyOf": [STRING, *({"type": "array", "items": STRING},) * 5]})),
    ("cerebras", closed(a={**STRING, "description": "x" * 5_000})),
    ("vllm", closed(a={"type": "number", "multipleOf": 2})),
    ("vllm", closed(a={**STRING, "pattern": "a", "maxLength": 3})),
    ("llama.cpp", closed(a={**STRING, "pattern": "a"})),
    ("llama.cpp", closed(a={"type": "number", "minimum": 2})),
    ("lmstudio", closed(a={"type": ["string", "null"]})),
]


@pytest.mark.parametrize(("name", "schema"), BROKEN)
def test_the_rules_can_be_broken(name: str, schema: dict[str, Any], problems: Problems) -> None:
    """The rules that the other tests check are really checked."""
    assert problems(schema, name) != []


@every_dialect
def test_the_rules_can_be_kept(name: str, problems: Problems) -> None:
    """A plain schema in the form of the dialect breaks none of them."""
    made = plain if name in ("gemini", "evolink") else closed
    assert problems(made(a=STRING, b={"type": "array", "items": made(c={"type": "integer"})}), name) == []


@pytest.mark.parametrize(
    "wrong", [{"modes": ()}, {"modes": ("json",)}, {"keywords": "type"}, {"formats": "date"}, {"limits": None}]
)
def test_a_wrong_dialect_of_ones_own(wrong: dict[str, Any]) -> None:
    """What cannot be a dialect is refused where it is made."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))} of a dialect"):
        replace(DIALECTS["openai"], **wrong)
