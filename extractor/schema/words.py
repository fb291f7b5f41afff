"""A constraint of JSON Schema said in words, for a description or a prompt.

What an endpoint cannot enforce must still reach the model: these are the sentences it is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from extractor.schema.nodes import PREFIX

__all__ = ["WORDS", "in_words", "inlined"]

JsonSchema = Mapping[str, Any]

WORDS: Mapping[str, str] = {
    "anyOf": "at least one of these holds: {}",
    "oneOf": "exactly one of these holds: {}",
    "required": "with {}",
    "const": "always {}",
    "contentEncoding": "encoded as {}",
    "contentMediaType": "of media type {}",
    "additionalItems": "further items: {}",
    "additionalProperties": "further properties: {}",
    "contentSchema": "containing {}",
    "contains": "at least one item matching {}",
    "default": "default {}",
    "dependencies": "where the property is present: {}",
    "dependentRequired": "if one is given, so are the others: {}",
    "dependentSchemas": "where the property is present: {}",
    "deprecated": "deprecated: {}",
    "else": "otherwise: {}",
    "enum": "one of {}",
    "examples": "for example {}",
    "exclusiveMaximum": "less than {}",
    "exclusiveMinimum": "more than {}",
    "format": "format {}",
    "if": "if: {}",
    "maxContains": "at most {} such items",
    "maxItems": "at most {} items",
    "maxLength": "at most {} characters",
    "maxProperties": "at most {} entries",
    "maximum": "at most {}",
    "minContains": "at least {} such items",
    "minItems": "at least {} items",
    "minLength": "at least {} characters",
    "minProperties": "at least {} entries",
    "minimum": "at least {}",
    "multipleOf": "a multiple of {}",
    "not": "not: {}",
    "pattern": "matching {}",
    "patternProperties": "keys matching these patterns: {}",
    "prefixItems": "items in this order: {}",
    "propertyNames": "keys: {}",
    "then": "then: {}",
    "unevaluatedItems": "other items: {}",
    "unevaluatedProperties": "other properties: {}",
    "uniqueItems": "no item twice",
}
"""Keyword → what it means, with the value in place of `{}`."""

FORMATS: Mapping[str, str] = {
    "date": "date as YYYY-MM-DD",
    "date-time": "date and time as YYYY-MM-DDThh:mm:ssZ",
    "time": "time as hh:mm:ss",
    "duration": "duration in ISO 8601 (e.g. P3DT4H)",
    "email": "e-mail address",
    "uri": "URL",
    "uuid": "UUID",
    "binary": "text",
}

# Quoting is for strings of data, not for what is itself a notation.
_NOTATION = frozenset({"pattern", "format", "contentEncoding", "contentMediaType"})


INLINED = 300  # nodes that words show; definitions in their places can multiply


def inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    """A value with the definitions that it refers to in their places, since words refer to nothing.

    What refers to itself, or would be too long, stays a name.
    """
    return _inlined(value, definitions, (), [INLINED])


def _inlined(value: Any, definitions: Mapping[str, Any], inside: tuple[str, ...], left: list[int]) -> Any:
    left[0] -= 1
    if isinstance(value, list):
        return [_inlined(item, definitions, inside, left) for item in value]
    if not isinstance(value, Mapping):
        return value
    name = str(value.get("$ref", "")).removeprefix(PREFIX)
    if name in definitions:
        if name in inside or left[0] < 0:
            return name
        definition = _inlined(definitions[name], definitions, (*inside, name), left)
        rest = {key: _inlined(member, definitions, inside, left) for key, member in value.items() if key != "$ref"}
        return {**rest, "allOf": [definition]} if rest else definition
    return {key: _inlined(member, definitions, inside, left) for key, member in value.items()}


def _plain(value: Any) -> str:
    """A JSON value as compact text."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)


def in_words(keyword: str, value: Any) -> str:
    """One constraint in words; "" where it says nothing (`uniqueItems: false`)."""
    if keyword == "uniqueItems":
        return WORDS[keyword] if value else ""
    if keyword == "format":
        return FORMATS.get(value, f"format {value}")
    if keyword == "enum" and isinstance(value, Iterable):
        shown = ", ".join(map(_plain, value))
    else:
        shown = str(value) if keyword in _NOTATION else _plain(value)
    if keyword in ("minLength", "maxLength", "minItems", "maxItems") and value == 1:
        return WORDS[keyword].format(1).removesuffix("s")
    return WORDS.get(keyword, keyword + ": {}").replace("{}", shown)
