"""The rules that the benchmarks hold our schemas to: each is found, and a good schema breaks none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLACE = Path(__file__).resolve().parent.parent / "benchmarks" / "rules.py"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_rules", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


RULES = _loaded()
STRING = {"type": "string"}


def obj(**properties: Any) -> dict[str, Any]:
    """An object as OpenAI takes it."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def with_definitions(schema: dict[str, Any], **definitions: Any) -> dict[str, Any]:
    """A schema with definitions."""
    return {**schema, "$defs": definitions}


def nested(levels: int) -> dict[str, Any]:
    """Objects in objects."""
    return obj(a=nested(levels - 1) if levels > 1 else STRING)


def ref(name: str) -> dict[str, Any]:
    """A reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


GOOD: dict[str, dict[str, Any]] = {
    "openai": with_definitions(
        obj(
            kind={"type": "string", "enum": ["a", "b"], "title": "Kind"},
            maybe={"type": ["string", "null"], "format": "date", "pattern": r"^\(\?=[(?=]$", "description": "Which."},
            number={"type": "number", "minimum": 0, "exclusiveMaximum": 5.5, "multipleOf": 0.5},
            tree=ref("Tree"),
            either={"anyOf": [obj(type={"const": "x"}, b=STRING), obj(type={"const": "y"}, b=STRING), ref("Other")]},
        ),
        Tree=obj(children={"type": "array", "items": ref("Tree"), "minItems": 0, "maxItems": 3}),
        Other=obj(name=STRING, type={"const": "x"}),
    ),
    "gemini": with_definitions(
        {
            "type": "object",
            "properties": {"a": {"type": "string", "nullable": True}, "tree": ref("Tree"), "m": {"type": "null"}},
            "required": ["a", "m"],
            "propertyOrdering": ["a", "tree", "m"],
        },
        Tree={"type": "object", "properties": {"left": ref("Tree"), "e": {"enum": ["x", None]}}, "required": ["e"]},
    ),
    "llama.cpp": with_definitions(
        {
            **obj(
                code={"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
                when={"type": "string", "format": "date"},
                count={"type": ["integer", "null"], "minimum": 1},
                short={"type": "string", "maxLength": 20, "default": "", "title": "Short"},
                tree=ref("Tree"),
                pair={"type": "array", "prefixItems": [STRING, {"const": 1}]},
                either={"anyOf": [STRING, {"type": "null"}], "description": "Perhaps."},
            ),
        },
        Tree=obj(children={"type": "array", "items": ref("Tree"), "maxItems": 3}),
    ),
}

LONG = ["x" * 70 + str(number) for number in range(260)]
CYCLE = {"type": "object", "properties": {"next": ref("A")}, "required": ["next"]}

# Dialect, what the rule says, and a schema that breaks it.
BROKEN: list[tuple[str, str, Any]] = [
    ("openai", ": root is no object", {"type": "array", "items": STRING}),
    ("openai", ": root is no object", {**obj(a=STRING), "type": ["object", "null"]}),
    ("openai", ": anyOf at the root", {**obj(a=STRING), "anyOf": [obj(b=STRING)]}),
    ("openai", ": oneOf at the root", {**obj(a=STRING), "oneOf": [obj(b=STRING)]}),
    ("openai", ": $ref at the root", with_definitions(ref("A"), A=obj(a=STRING))),
    ("openai", ": required is not all properties", {**obj(a=STRING, b=STRING), "required": ["a"]}),
    ("openai", ": required is not all properties", {**obj(a=STRING), "required": ["a", "b"]}),
    ("openai", ": required is not all properties", {**obj(a=STRING), "required": ["a", "a"]}),
    ("openai", "/properties/a: additionalProperties is not false", obj(a={"type": "object", "properties": {}})),
    ("openai", ": additionalProperties is not false", {**obj(a=STRING), "additionalProperties": STRING}),
    ("openai", "/properties/a: node without a type", obj(a={"description": "Anything."})),
    ("openai", "/properties/a: empty enum", obj(a={"enum": []})),
    ("openai", "/properties/a: enum value twice", obj(a={"enum": ["x", "y", "x"]})),
    ("openai", "/properties/a: type listed twice", obj(a={"type": ["string", "string"]})),
    ("openai", "/properties/a: unknown type", obj(a={"type": "date"})),
    ("openai", "/properties/a: unknown type", obj(a={"type": []})),
    ("openai", "/properties/a: boolean schema", obj(a=True)),
    ("openai", "/properties/a: array without items", obj(a={"type": "array"})),
    ("openai", "/properties/a: format uri is not known", obj(a={**STRING, "format": "uri"})),
    ("openai", "/properties/a: look-around in a pattern", obj(a={**STRING, "pattern": "^(?!x).*$"})),
    ("openai", "/properties/a: look-around in a pattern", obj(a={**STRING, "pattern": "(?<=x)y"})),
    ("openai", "/properties/a: $ref with siblings", with_definitions(obj(a={**ref("A"), "title": "A"}), A=STRING)),
    ("openai", "/properties/a: $ref leads nowhere", obj(a=ref("Nobody"))),
    ("openai", "/properties/a: $ref leads nowhere", obj(a={"$ref": "https://example.org/schema.json"})),
    (
        "openai",
        "/properties/b: $ref to something else than a definition",
        obj(a=STRING, b={"$ref": "#/properties/a"}),
    ),
    (
        "openai",
        "/properties/a: objects of an anyOf share their first key",
        obj(a={"anyOf": [obj(k=STRING, x=STRING), obj(k=STRING)]}),
    ),
    (
        "openai",
        "/properties/a: objects of an anyOf share their first key",
        with_definitions(
            obj(a={"anyOf": [ref("A"), {"anyOf": [obj(k={"enum": ["x", "y"]})]}]}), A=obj(k={"const": "x"})
        ),
    ),
    ("openai", ": over 5,000 properties", obj(**{f"p{number}": STRING for number in range(5_001)})),
    ("openai", ": over 1,000 enum values", obj(a={"enum": [*range(501)]}, b={"enum": [*range(500)]})),
    ("openai", ": over 120,000 characters of names and values", obj(**{"x" * 60_001: {"const": "y" * 60_000}})),
    ("openai", ": over 15,000 characters in one enum", obj(a={"enum": LONG})),
    ("openai", ": nested more than 10 levels deep", nested(11)),
    (
        "openai",
        ": nested more than 10 levels deep",
        with_definitions(obj(a={"type": "array", "items": ref("A")}), A=nested(9)),
    ),
    *(
        ("openai", f"/properties/a: {keyword} is not known", obj(a={"type": "object", keyword: value}))
        for keyword, value in {
            "allOf": [STRING],
            "oneOf": [STRING],
            "not": STRING,
            "if": STRING,
            "then": STRING,
            "else": STRING,
            "dependentRequired": {},
            "dependentSchemas": {},
            "dependencies": {},
            "patternProperties": {},
            "propertyNames": STRING,
            "uniqueItems": True,
            "contains": STRING,
            "minContains": 1,
            "maxContains": 1,
            "minProperties": 1,
            "maxProperties": 1,
            "unevaluatedProperties": False,
            "unevaluatedItems": False,
            "prefixItems": [STRING],
            "default": None,
            "examples": [],
            "nullable": True,
        }.items()
    ),
    ("gemini", ": pattern is not known", {**STRING, "pattern": "^a$"}),
    ("gemini", ": minLength is not known", {**STRING, "minLength": 1}),
    ("gemini", ": const is not known", {**STRING, "const": "a"}),
    ("gemini", "/items: $ref with siblings", with_definitions({"items": {**ref("A"), "title": "A"}}, A=STRING)),
    ("gemini", "/items: $ref leads nowhere", {"type": "array", "items": ref("Nobody")}),
    ("gemini", ": cycle through required properties", with_definitions(ref("A"), A=CYCLE)),
    ("gemini", ": cycle through required properties", {"type": "array", "items": {"$ref": "#"}}),
    ("gemini", ": enum value that is no string", {"type": "integer", "enum": [1, 2]}),
    ("gemini", ": required is in another order than properties", {**obj(a=STRING, b=STRING), "required": ["b", "a"]}),
    ("gemini", ": required names no property", {**obj(a=STRING), "required": ["a", "b"]}),
    ("gemini", ": propertyOrdering is not the properties", {**obj(a=STRING, b=STRING), "propertyOrdering": ["a"]}),
    ("gemini", "/items: boolean schema", {"type": "array", "items": True}),
    ("gemini", "/items: node without a type", {"type": "array", "items": {"title": "Any"}}),
    ("gemini", ": object without properties", obj()),
    ("llama.cpp", ": allOf is not known", {"allOf": [STRING, {"minLength": 1}]}),
    ("llama.cpp", ": anyOf with siblings", {**obj(a=STRING), "anyOf": [obj(b=STRING)]}),
    ("llama.cpp", ": oneOf with siblings", {"oneOf": [STRING], "maxLength": 3}),
    ("llama.cpp", ": $ref with siblings", with_definitions({**ref("A"), "maxLength": 3}, A=STRING)),
    ("llama.cpp", ": pattern without ^ and $", {**STRING, "pattern": "^a"}),
    ("llama.cpp", ": pattern without ^ and $", {**STRING, "pattern": r"^a\$"}),
    ("llama.cpp", ": look-around in a pattern", {**STRING, "pattern": "^(?=a)b$"}),
    ("llama.cpp", ": word border in a pattern", {**STRING, "pattern": r"^a\b$"}),
    ("llama.cpp", ": pattern beside a length", {**STRING, "pattern": "^a+$", "maxLength": 3}),
    ("llama.cpp", ": bounds on what is no integer", {"type": "number", "minimum": 0}),
    ("llama.cpp", ": bounds on what is no integer", {"type": ["integer", "number"], "exclusiveMaximum": 0}),
    ("llama.cpp", "/items: $ref to the root", {"type": "array", "items": {"$ref": "#"}}),
    ("llama.cpp", ": $ref leads nowhere", ref("Nobody")),
    ("llama.cpp", "/items: boolean schema", {"type": "array", "items": True}),
    ("llama.cpp", ": empty enum", {"enum": []}),
    ("llama.cpp", ": maxItems of about 2,000", {"type": "array", "items": STRING, "maxItems": 2_000}),
    ("llama.cpp", ": minLength over 2,000", {**STRING, "minLength": 2_001}),
    ("llama.cpp", ": format email is not known", {**STRING, "format": "email"}),
    *(
        ("llama.cpp", f": {keyword} is not known", {"type": "array", "items": STRING, keyword: value})
        for keyword, value in {
            "multipleOf": 2,
            "uniqueItems": True,
            "contains": STRING,
            "not": STRING,
            "if": STRING,
            "patternProperties": {},
            "propertyNames": STRING,
            "nullable": True,
        }.items()
    ),
]

IN_DOUBT: list[tuple[str, str, Any]] = [
    ("openai", ": $schema", {"$schema": "http://json-schema.org/draft-07/schema#", **obj(a=STRING)}),
    ("openai", "/properties/a: length of a string", obj(a={**STRING, "maxLength": 3})),
    ("openai", "/properties/a: object without properties", obj(a={"type": "object", "additionalProperties": False})),
    ("openai", "/properties/a: enum value that is no scalar", obj(a={"enum": [[1]]})),
    ("llama.cpp", ": pattern with . or a negated class", {**STRING, "pattern": "^.+$"}),
    ("llama.cpp", ": pattern with . or a negated class", {**STRING, "pattern": "^[^a]$"}),
    ("llama.cpp", ": escaped class in a pattern", {**STRING, "pattern": r"^\d$"}),
    ("llama.cpp", ": length of what is no string", {"maxLength": 3}),
    ("llama.cpp", ": number of items without items", {"type": "array", "maxItems": 3}),
    ("llama.cpp", ": required names no property", {**obj(a=STRING), "required": ["b"]}),
]


@pytest.mark.parametrize("dialect", GOOD)
def test_a_good_schema_breaks_no_rule(dialect: str) -> None:
    """A plain schema in a dialect's own form passes."""
    assert RULES.broken(GOOD[dialect], dialect) == []
    assert RULES.doubtful(GOOD[dialect], dialect) == []


@pytest.mark.parametrize(("dialect", "said", "schema"), BROKEN, ids=[f"{row[0]} {row[1]}" for row in BROKEN])
def test_a_broken_rule_is_found(dialect: str, said: str, schema: Any) -> None:
    """Each rule is found, at its place."""
    assert said in RULES.broken(schema, dialect)


@pytest.mark.parametrize(("dialect", "said", "schema"), IN_DOUBT, ids=[f"{row[0]} {row[1]}" for row in IN_DOUBT])
def test_a_doubt_is_not_a_broken_rule(dialect: str, said: str, schema: Any) -> None:
    """What may be refused is told apart from what is."""
    assert RULES.doubtful(schema, dialect) == [said]
    assert RULES.broken(schema, dialect) == []


@pytest.mark.parametrize("dialect", RULES.RULES)
def test_hostile_schemas_end(dialect: str) -> None:
    """Deep nesting, circles, and references that double at each step do not keep the checker."""
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(3_000):
        deep = {"anyOf": [deep]}
    doubling = {f"d{n}": obj(a=ref(f"d{n + 1}"), b=ref(f"d{n + 1}")) for n in range(40)}
    schema = with_definitions(obj(deep=deep, one=ref("d0"), loop=ref("loop")), **doubling, d40=STRING, loop=ref("loop"))
    RULES.broken(schema, dialect)


def test_the_rules_know_nothing_of_the_library() -> None:
    """A checker that shared code with what it checks would share its mistakes."""
    assert "extractor" not in PLACE.read_text(encoding="utf-8")
