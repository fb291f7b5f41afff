"""How much there is in a schema, held against what an endpoint takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extractor.schema.dialects import Limits
from extractor.schema.nodes import PREFIX, text_of

__all__ = ["depth_of", "depths_of", "exceeded", "nodes_of"]

JsonSchema = Mapping[str, Any]

COUNTED_ENUM = 250
"""The number of values above which OpenAI and Cerebras count the characters of a single enum."""


def nodes_of(schema: JsonSchema) -> Iterator[JsonSchema]:
    """All schemas inside of a wire schema, itself first."""
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if not isinstance(node, Mapping):
            continue
        yield node
        for keyword in ("properties", "$defs"):
            stack.extend(node.get(keyword, {}).values())
        for keyword in ("items", "additionalProperties"):
            stack.append(node.get(keyword))
        for keyword in ("anyOf", "prefixItems"):
            stack.extend(node.get(keyword, ()))


def depth_of(schema: JsonSchema) -> int:
    """The levels of objects and lists inside of each other; a definition inside of itself counts once."""
    return _Depth(schema.get("$defs", {})).of(schema)


def depths_of(schema: JsonSchema) -> dict[str, int]:
    """The same for each definition."""
    depth = _Depth(schema.get("$defs", {}))
    return {name: depth.of({"$ref": PREFIX + name}) for name in schema.get("$defs", {})}


class _Depth:
    """The depth of schemas whose definitions may lead back to themselves.

    What is known of a definition is kept only where none of its own cycles was cut short on the way: inside
    of a cycle it depends on where one came in.
    """

    def __init__(self, definitions: JsonSchema) -> None:
        self._definitions = definitions
        self._known: dict[str, int] = {}
        self._inside: dict[str, int] = {}  # definitions around the node → how far out
        self._outermost = _NOWHERE  # of those that a cycle led back to
        self._left = WAYS

    def of(self, schema: Any) -> int:
        if not isinstance(schema, Mapping):
            return 0
        if "$ref" in schema:
            return self._named(schema["$ref"].removeprefix(PREFIX))
        own = "properties" in schema or "items" in schema or "prefixItems" in schema or "additionalProperties" in schema
        inner = [
            *schema.get("properties", {}).values(),
            *schema.get("prefixItems", ()),
            schema.get("items"),
            schema.get("additionalProperties"),
        ]
        below = max(map(self.of, inner), default=0) + 1 if own else 0
        return max([below, *map(self.of, schema.get("anyOf", ()))])

    def _named(self, name: str) -> int:
        if name in self._inside:
            self._outermost = min(self._outermost, self._inside[name])
            return 0
        if name in self._known:
            return self._known[name]
        self._left -= 1
        if self._left < 0:
            return UNCOUNTED
        before, self._outermost = self._outermost, _NOWHERE
        place = self._inside[name] = len(self._inside)
        depth = self.of(self._definitions[name])
        del self._inside[name]
        if self._outermost >= place:
            self._known[name] = depth
            self._outermost = _NOWHERE
        self._outermost = min(before, self._outermost)
        return depth


_NOWHERE = 1_000_000
WAYS = 20_000
"""Definitions entered on all ways through a schema; cycles in cycles have very many ways."""
UNCOUNTED = 100
"""The depth of a schema with more ways than that."""


def exceeded(schema: JsonSchema, limits: Limits) -> list[str]:
    """The limits that a schema is over, by the names of `Limits`; empty where it keeps all of them."""
    if limits == Limits() or limits == Limits(count=limits.count):
        return []
    nodes = list(nodes_of(schema))
    enums = [node["enum"] for node in nodes if "enum" in node]
    strings = [_characters(values) for values in enums]
    names = [key for node in nodes for key in node.get("properties", ())] + list(schema.get("$defs", ()))
    large = [length for length, values in zip(strings, enums, strict=True) if len(values) > COUNTED_ENUM]
    constants = _characters([node["const"] for node in nodes if "const" in node])
    counted = {
        "properties": sum(len(node.get("properties", ())) for node in nodes),
        "depth": depth_of(schema) if limits.depth is not None else 0,
        "enum_values": sum(map(len, enums)),
        "characters": sum(map(len, names)) + sum(strings) + constants,
        "enum_characters": max(large, default=0),
        "schema_characters": len(text_of(schema)) if limits.schema_characters is not None else 0,
        "members": max((len(node.get("anyOf", ())) for node in nodes), default=0),
        "optional": sum(len(node.get("properties", ())) - len(node.get("required", ())) for node in nodes),
        "unions": sum("anyOf" in node or isinstance(node.get("type"), list) for node in nodes),
    }
    return [name for name, count in counted.items() if (limit := getattr(limits, name)) is not None and count > limit]


def _characters(values: list[Any]) -> int:
    return sum(len(value) for value in values if isinstance(value, str))
