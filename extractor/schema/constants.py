"""Constants: `enum` and `const`."""

from __future__ import annotations

from typing import Any

from extractor.schema.alternatives import one_of
from extractor.schema.nodes import COMPOUND, described, kind_of, telling, text_of
from extractor.schema.walk import JsonSchema, Node, NothingFits, Walk

__all__ = ["constants"]


def constants(walk: Walk, values: list[Any], schema: JsonSchema, pointer: str) -> Node:
    """A schema that allows these values only."""
    if not values:
        raise NothingFits(pointer, "no value meets all that is demanded")
    groups: dict[str, list[Any]] = {}
    for value in values:
        groups.setdefault(kind_of(value), []).append(value)
    solid = [kind for kind in groups if kind != "null"]
    lost = {key: value for key, value in schema.items() if key not in ("const", "enum")}
    description = described(
        schema.get("description") or telling(schema.get("title"), pointer), walk.hints(lost, pointer)
    )
    listed = walk.dialect.null == "type" and not walk.dialect.string_enums and not set(solid) & set(COMPOUND)
    if len(solid) > 1 and listed:
        wire: JsonSchema = {"type": list(groups), "enum": values}
        return ({"description": description, **wire} if description else wire), None
    nodes = [_constant_kind(walk, kind, groups[kind], pointer) for kind in solid]
    wire, plan = one_of(walk, [each for group in nodes for each in group] or [({"type": "null"}, None)], description)
    return (walk.nullable(wire) if "null" in groups and solid else wire), plan


def _constant_kind(walk: Walk, kind: str, values: list[Any], pointer: str) -> list[Node]:
    """The nodes for constants of one type."""
    if kind in COMPOUND:
        walk.note(pointer, "enum or const → an object or list with these members", "an enum has no such values")
        return [walk.node(_constant(value), pointer) for value in values]
    if kind == "string" or not walk.dialect.string_enums:
        if len(values) == 1 and "const" in walk.dialect.keywords:
            return [({"type": kind, "const": values[0]}, None)]
        return [({"type": kind, "enum": values}, None)]
    said = walk.said("enum", values)
    walk.note(pointer, f"enum → in words: {said}", "an enum has strings only")
    return [({"type": kind, "description": described("", [said])}, None)]


def _constant(value: Any) -> JsonSchema:
    """A schema for one object or list."""
    if isinstance(value, dict):
        properties = {key: {"const": member} for key, member in value.items()}
        return {"type": "object", "properties": properties, "required": list(value), "additionalProperties": False}
    always = {
        "type": "array",
        "minItems": len(value),
        "maxItems": len(value),
        "description": "always " + text_of(value),
    }
    return {**always, "items": {"enum": value} if value else {"type": "null"}}
