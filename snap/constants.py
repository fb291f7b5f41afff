"""Constants: `enum` and `const`."""

from __future__ import annotations

from typing import Any

from extractor.schema.alternatives import one_of
from extractor.schema.nodes import ANNOTATIONS, COMPOUND, constant_schema, described, kind_of, telling
from extractor.schema.walk import JsonSchema, Node, NothingFits, Walk

__all__ = ["constants"]


def constants(walk: Walk, values: list[Any], schema: JsonSchema, pointer: str) -> Node:
    """A schema that allows these values only."""
    if not values:
        raise NothingFits(pointer, "no value meets all that is demanded")
    if any(kind_of(value) in COMPOUND for value in values):
        return _compound(walk, values, schema, pointer)
    groups: dict[str, list[Any]] = {}
    for value in values:
        groups.setdefault(kind_of(value), []).append(value)
    solid = [kind for kind in groups if kind != "null"]
    lost = {key: value for key, value in schema.items() if key not in ("const", "enum")}
    description = described(
        schema.get("description") or telling(schema.get("title"), pointer), walk.hints(lost, pointer)
    )
    listed = walk.dialect.null == "type" and not walk.dialect.string_enums
    if len(solid) > 1 and listed:
        wire: JsonSchema = {"type": list(groups), "enum": values}
        return ({"description": description, **wire} if description else wire), None
    nodes = [_constant_kind(walk, kind, groups[kind], pointer) for kind in solid] or [({"type": "null"}, None)]
    wire, plan = one_of(walk, nodes, description)
    return (walk.nullable(wire) if "null" in groups and solid else wire), plan


def _compound(walk: Walk, values: list[Any], schema: JsonSchema, pointer: str) -> Node:
    """Objects and lists, which no enum has, as what has just these members."""
    walk.note(pointer, "enum or const → an object or list with these members", "an enum has no such values")
    rest = {key: value for key, value in schema.items() if key in ANNOTATIONS}
    hints = walk.hints({key: value for key, value in schema.items() if key not in rest}, pointer)
    if hints:
        rest["description"] = described(schema.get("description"), hints)
    scalars = [value for value in values if kind_of(value) not in COMPOUND]
    members = [constant_schema(value) for value in values if kind_of(value) in COMPOUND]
    members += [{"enum": scalars}] if scalars else []
    return walk.node({**rest, "anyOf": members} if len(members) > 1 else {**members[0], **rest}, pointer)


def _constant_kind(walk: Walk, kind: str, values: list[Any], pointer: str) -> Node:
    """The node for constants of one type."""
    if kind == "string" or not walk.dialect.string_enums:
        if len(values) == 1 and "const" in walk.dialect.keywords:
            return {"type": kind, "const": values[0]}, None
        return {"type": kind, "enum": values}, None
    said = walk.said("enum", values)
    walk.note(pointer, f"enum → in words: {said}", "an enum has strings only")
    return {"type": kind, "description": described("", [said])}, None
