"""What becomes of the whole of a schema: names, impossible definitions, bounds, recursion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from extractor.errors import SchemaError
from extractor.reply.reading import Wanted, held
from extractor.schema.adapt import adapt
from extractor.schema.dialects import DIALECTS, relaxed, told
from extractor.schema.target import target_of

OBJECT: dict[str, Any] = {"type": "object"}


def test_a_definition_that_turns_out_impossible() -> None:
    """What refers to a definition that nothing can meet is left out too, however early it was seen."""
    schema = {
        **OBJECT,
        "properties": {"p": {"$ref": "#/$defs/A"}, "q": {"$ref": "#/$defs/B"}},
        "$defs": {
            "A": {**OBJECT, "properties": {"b": {"$ref": "#/$defs/B"}, "x": False}, "required": ["b", "x"]},
            "B": {**OBJECT, "properties": {"a": {"$ref": "#/$defs/A"}}},
        },
    }
    wire = adapt(schema, "openai").schema
    assert list(wire["properties"]) == ["q"]
    assert list(wire["$defs"]) == ["B"]
    assert "$defs/A" not in json.dumps(wire)


def test_an_optional_property_may_end_a_recursion() -> None:
    """An optional property that refers to what it stands in is nullable, so that the chain can end."""
    node = {**OBJECT, "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/N"}}, "required": ["v"]}
    adapted = adapt({**OBJECT, "properties": {"n": {"$ref": "#/$defs/N"}}, "required": ["n"], "$defs": {"N": node}})
    assert adapted.schema["$defs"]["N"]["properties"]["next"] == {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}
    assert adapted.restore({"n": {"v": 1, "next": {"v": 2, "next": None}}}) == {"n": {"v": 1, "next": {"v": 2}}}


def test_names_of_definitions_in_letters() -> None:
    """Where only letters and digits are safe in the names of definitions, they have no other, and stay apart."""
    schema = {
        **OBJECT,
        "properties": {"a": {"$ref": "#/$defs/A_B"}, "b": {"$ref": "#/$defs/A-B"}, "$ref": {"enum": ["x"]}},
        "required": ["a", "b", "$ref"],
        "$defs": {"A_B": {"type": "string", "enum": ["$ref"]}, "A-B": {"type": "integer"}},
    }
    wire = adapt(schema, "llama.cpp").schema
    assert set(wire["$defs"]) == {"AB", "AB2"}
    assert wire["properties"]["a"] == {"$ref": "#/$defs/AB"}
    assert wire["properties"]["b"] == {"$ref": "#/$defs/AB2"}
    assert wire["properties"]["$ref"]["const"] == "x"
    assert set(adapt(schema, "openai").schema["$defs"]) == {"A_B", "A-B"}


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        ({"minimum": 0}, {"minimum"}),
        ({"minimum": 1}, {"minimum"}),
        ({"minimum": 100}, set()),
        ({"minimum": 1900}, set()),
        ({"minimum": 100, "maximum": 200}, {"minimum", "maximum"}),
        ({"maximum": 100}, {"maximum"}),
        ({"maximum": -1}, set()),
        ({"minimum": -5}, set()),
        ({"minimum": -5, "maximum": 5}, {"minimum", "maximum"}),
        ({"exclusiveMinimum": 0}, {"exclusiveMinimum"}),
        ({"minimum": 1, "exclusiveMinimum": 0}, {"minimum"}),
        ({"exclusiveMaximum": 0}, set()),
        ({"minimum": 2**53}, set()),
        ({"minimum": 0, "maximum": 2**63}, {"minimum"}),
        ({"minimum": 0.5}, set()),
    ],
)
def test_bounds_that_a_grammar_gets_wrong(bounds: dict[str, float], kept: set[str]) -> None:
    """Bounds for which llama.cpp makes a wrong or an endless grammar are said in words; the others stand."""
    wire = adapt({**OBJECT, "properties": {"n": {"type": "integer", **bounds}}, "required": ["n"]}, "llama.cpp").schema
    number = wire["properties"]["n"]
    assert bounds.keys() & number.keys() == kept
    assert all(str(bounds[keyword]) in number["description"] for keyword in bounds.keys() - kept)


@pytest.mark.parametrize(
    "node",
    [
        {"type": "string", "minLength": 2, "maxLength": 1},
        {"type": "array", "minItems": 2, "maxItems": 1},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"const": "a", "enum": ["b"]},
        {"allOf": [{"const": 1}, {"const": True}]},
    ],
)
def test_contradictions(node: dict[str, Any]) -> None:
    """What nothing can meet is left out where it is optional, and an error where it is required."""
    schema = {**OBJECT, "properties": {"p": node, "q": {"type": "string"}}, "required": ["q"]}
    assert list(adapt(schema, "openai").schema["properties"]) == ["q"]
    with pytest.raises(SchemaError, match="/properties/p"):
        adapt({**schema, "required": ["p"]}, "openai")


class Open(BaseModel, extra="allow"):
    """Takes whatever comes."""

    a: int


@pytest.mark.parametrize("target", [Open, {**OBJECT, "properties": {"a": {}}, "additionalProperties": True}])
def test_a_key_given_twice_is_an_error(target: Any) -> None:
    """A further property that is given twice is wrong, also for a target that takes anything."""
    adapted = adapt(target, "openai")
    twice = [{"key": "b", "value": 1}, {"key": "b", "value": 2}]
    reply = {"a": 1, "additional_properties": twice}
    reading = held(reply, Wanted(target=target_of(target), adapted=adapted))
    assert [error.kind for error in reading.errors] == ["duplicate_key"]
    assert adapted.restore(reply) == reply


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "llama.cpp", "gemini", "cerebras"])
@pytest.mark.parametrize("form", ["strict", "relaxed", "told"])
def test_null_is_left_out_in_every_form(dialect: str, form: str) -> None:
    """Null for an optional property means that it is left out, also where the wire does not ask for null."""
    forms = {"strict": lambda each: each, "relaxed": relaxed, "told": told}
    adapted = adapt(Open, forms[form](DIALECTS[dialect]))
    target = {**OBJECT, "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]}
    assert adapt(target, forms[form](DIALECTS[dialect])).restore({"a": 1, "b": None}) == {"a": 1}
    assert adapted.restore({"a": 1})["a"] == 1
