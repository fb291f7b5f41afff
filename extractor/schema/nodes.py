"""Small questions about one node of a schema, and small changes of it. The walk over all nodes is `walk`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = [
    "ANNOTATIONS",
    "COMPOUND",
    "PREFIX",
    "Names",
    "any_value",
    "constant_schema",
    "constants_of",
    "described",
    "further",
    "is_map",
    "kind_of",
    "kinds_of",
    "levels",
    "modern",
    "rebuilt",
    "references_in",
    "split",
    "telling",
    "text_of",
]

JsonSchema: TypeAlias = "dict[str, Any]"

# Which keywords speak about which type: they go with their type when a node has several.
_ABOUT: Mapping[str, frozenset[str]] = {
    "object": frozenset(
        "properties required additionalProperties minProperties maxProperties propertyNames patternProperties "
        "dependentRequired dependentSchemas dependencies unevaluatedProperties".split()
    ),
    "array": frozenset(
        "items prefixItems additionalItems minItems maxItems uniqueItems contains minContains maxContains "
        "unevaluatedItems".split()
    ),
    "string": frozenset("minLength maxLength pattern format contentEncoding contentMediaType contentSchema".split()),
    "number": frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split()),
}
COMPOUND = ("object", "array")
PREFIX = "#/$defs/"
"""What every reference begins with."""
ANNOTATIONS = frozenset({"description", "title", "default", "examples", "deprecated", "$comment"})
_PRIMITIVES = ("string", "number", "boolean", "null")
_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def kind_of(value: Any) -> str:
    """The type of a JSON value; a float without a fraction is an integer, as JSON Schema has it."""
    kind = _KINDS.get(type(value), "object")
    return "integer" if kind == "number" and value == value // 1 else kind


def text_of(value: Any) -> str:
    """A JSON value as text, by which values are compared: to Python `True` equals 1."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


class Names:
    """Names that all differ: each as it was wished for, or with a number behind it where that is taken."""

    def __init__(self, taken: Iterable[str] = (), *, separator: str = "_", longest: int | None = None) -> None:
        self._taken = set(taken)
        self._separator = separator
        self._longest = longest
        self._last: dict[str, int] = {}  # by the wish, so that many of one wish take no longer each

    def free(self, wish: str) -> str:
        """The name for a wish; taken from then on."""
        name, number = wish, self._last.get(wish, 1)
        while name in self._taken:
            number += 1
            behind = f"{self._separator}{number}"
            name = (wish if self._longest is None else wish[: self._longest - len(behind)]) + behind
        self._last[wish] = number
        self._taken.add(name)
        return name


def modern(schema: JsonSchema) -> JsonSchema:
    """A node in the words of 2020-12 where older drafts, or OpenAPI, had others."""
    if isinstance(schema.get("items"), list):
        schema = {**schema, "prefixItems": schema["items"], "items": schema.get("additionalItems", True)}
        schema.pop("additionalItems", None)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool):
            strictly = schema[exclusive]
            schema = {key: value for key, value in schema.items() if key != exclusive}
            if strictly and bound in schema:
                schema = {exclusive if key == bound else key: value for key, value in schema.items()}
    return schema


def kinds_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The types of a node; where it does not say, what its keywords speak about; empty for any."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return (kinds,)
    if kinds:
        return tuple(dict.fromkeys(kinds))
    # Without a type, the keywords tell what is meant.
    return tuple(kind for kind, about in _ABOUT.items() if about & schema.keys())


def constants_of(schema: Mapping[str, Any]) -> list[Any] | None:
    """The only values that a node allows, each once and of its types; None where it does not list them."""
    if "const" not in schema and "enum" not in schema:
        return None
    values = [schema["const"]] if "const" in schema else schema["enum"]
    if "const" in schema and "enum" in schema:
        values = values if text_of(schema["const"]) in map(text_of, schema["enum"]) else []
    kinds = set(kinds_of(schema) if "type" in schema else ())
    if all(type(value) is str for value in values):  # the usual case, and there may be many
        return list(dict.fromkeys(values)) if not kinds or "string" in kinds else []
    fits = (value for value in values if not kinds or kind_of(value) in kinds or _is_number(value, kinds))
    return list({text_of(value): value for value in fits}.values())


def _is_number(value: Any, kinds: set[str]) -> bool:
    return "number" in kinds and kind_of(value) == "integer"


def constant_schema(value: Any) -> JsonSchema:
    """A schema for one object or list; for any other value, its `const`."""
    if isinstance(value, dict):
        return _closed({key: {"const": member} for key, member in value.items()})
    if not isinstance(value, list):
        return {"const": value}
    always = {
        "type": "array",
        "minItems": len(value),
        "maxItems": len(value),
        "description": "always " + text_of(value),
    }
    return {**always, "items": {"enum": value} if value else {"type": "null"}}


def rebuilt(schema: Any, change: Callable[[JsonSchema], JsonSchema]) -> Any:
    """A wire schema with every schema in it changed, from the inside out. Names and data stay as they are."""
    if isinstance(schema, list):
        return [rebuilt(member, change) for member in schema]
    if not isinstance(schema, dict):
        return schema
    return change({keyword: _rebuilt(keyword, value, change) for keyword, value in schema.items()})


def _rebuilt(keyword: str, value: Any, change: Callable[[JsonSchema], JsonSchema]) -> Any:
    if keyword in ("properties", "$defs"):
        return {name: rebuilt(member, change) for name, member in value.items()}
    return value if keyword in ("enum", "const", "required", "propertyOrdering") else rebuilt(value, change)


def references_in(schema: Any, definitions: Mapping[str, Any]) -> set[str]:
    """The names of the definitions that a schema refers to, by itself or through others."""
    found: set[str] = set()
    ahead = [schema]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Mapping):
            name = str(node.get("$ref", "")).removeprefix(PREFIX)
            if name in definitions and name not in found:
                found.add(name)
                ahead.append(definitions[name])
            ahead += node.values()
        elif isinstance(node, list):
            ahead += node
    return found


def split(schema: JsonSchema, kinds: tuple[str, ...]) -> JsonSchema:
    """A node of several types as a union of one node for each."""
    mine = frozenset().union(*_ABOUT.values())
    about = {**_ABOUT, "integer": _ABOUT["number"]}
    shared = {key: value for key, value in schema.items() if key not in mine and key != "type"}
    members = [
        {"type": kind, **{key: value for key, value in schema.items() if key in about.get(kind, ())}} for kind in kinds
    ]
    return {**shared, "anyOf": members}


def is_map(schema: JsonSchema) -> bool:
    """Whether all keys of an object are free."""
    if schema.get("properties") or schema.get("required"):
        return False
    return schema.get("additionalProperties") is not False or bool(schema.get("patternProperties"))


def further(schema: JsonSchema) -> Any:
    """What the values of keys that are not named may be: None where the schema does not speak of them."""
    more = schema.get("additionalProperties")
    values = list(schema.get("patternProperties", {}).values())
    if more is not None and more is not False:
        values.append(more)
    values = list({text_of(value): value for value in values if value is not False}.values())
    if not values:
        return None
    return values[0] if len(values) == 1 else {"anyOf": values}


def levels(schema: JsonSchema, solid: Sequence[str], *, maps: bool) -> int:
    """How many objects and lists inside of each other a node of these types is by itself, with `maps` or without."""
    if "object" in solid:
        if is_map(schema):
            return 1 if maps else 2
        return 1 if further(schema) is None else 3
    return 1 if solid and solid[0] in COMPOUND else 0


def any_value(itself: JsonSchema) -> JsonSchema:
    """The definition of any JSON value, which refers to `itself`."""
    entry = _closed({"key": {"type": "string"}, "value": itself})
    entries = _closed({"entries": {"type": "array", "items": entry}})
    simple = [{"type": kind} for kind in _PRIMITIVES]
    return {"anyOf": [*simple, {"type": "array", "items": itself}, entries]}


def _closed(properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def described(description: Any, hints: list[str]) -> str:
    """A description with hints after it."""
    text = str(description or "").strip()
    said = "; ".join(hints)
    if not said:
        return text
    return f"{text} ({said})" if text else said[0].upper() + said[1:]


def telling(title: Any, pointer: str) -> str:
    """A title, where it says more than the property's name does (pydantic makes titles of names)."""
    name = re.sub(r"[\W_]", "", pointer.rpartition("/")[2]).casefold()
    told = re.sub(r"[\W_]", "", str(title or "")).casefold()
    return str(title) if told and told != name and "/properties/" in pointer else ""
