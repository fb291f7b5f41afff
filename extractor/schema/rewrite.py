"""A schema rewritten into a dialect: what becomes of each node, and of the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extractor.errors import SchemaError
from extractor.schema.alternatives import union
from extractor.schema.constants import constants
from extractor.schema.dialects import Dialect
from extractor.schema.lists import array_node
from extractor.schema.merge import merged
from extractor.schema.nodes import (
    ANNOTATIONS,
    COMPOUND,
    PREFIX,
    Names,
    any_value,
    constants_of,
    described,
    is_map,
    kinds_of,
    levels,
    modern,
    rebuilt,
    split,
    telling,
)
from extractor.schema.objects import map_node, object_node
from extractor.schema.plans import AnyValue, Encoded, Named, Plan, Plans, Wrapped
from extractor.schema.refer import encoded, put_together, reference
from extractor.schema.walk import Cut, JsonSchema, Node, NothingFits, Rewrite, Structure, TooLarge, Walk

__all__ = ["Rewritten", "rewritten"]

NODES = 50_000
WRITTEN_OUT = 5_000
"""Nodes of the wire's schema, and where definitions are written out in their places: these multiply."""
_LEVELS_OF_ANY = 3  # of objects and lists in the definition of any value


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """What a walk gives: the `schema` for the wire, the `plan` of the way back, what was changed."""

    schema: JsonSchema
    plan: Plan
    definitions: Plans
    rewrites: tuple[Rewrite, ...]


def rewritten(
    schema: Mapping[str, Any], dialect: Dialect, *, absent: bool = False, cut: Cut | None = None
) -> Rewritten:
    """The schema (its references all `#/$defs/NAME`) rewritten into the dialect.

    With `absent`, required properties are nullable. With `cut`, what stands deeper is written as its JSON
    text. Raises `SchemaError` where it is unsatisfiable or nested too deeply, `TooLarge` where it has too
    many nodes.
    """
    walk = Walk(schema, dialect, _node, absent=absent, cut=cut)
    try:
        root, plan = _root(walk)
        while walk.impossible & walk.awaited:
            # Something refers to what turned out to be impossible: once more, knowing that.
            walk = Walk(schema, dialect, _node, absent=absent, cut=cut, impossible=walk.impossible)
            root, plan = _root(walk)
    except NothingFits as error:
        raise SchemaError(error.message, pointer=error.pointer, hint=error.hint) from None
    except RecursionError:
        raise SchemaError("The schema is nested too deeply.", hint="Say it with fewer levels.") from None
    definitions = _finished(walk)
    if definitions:
        root = {**root, "$defs": {key: wire for key, (wire, _) in definitions.items()}}
        root = _with_plain_names(root) if dialect.plain_names else root
    return Rewritten(schema=root, plan=plan, definitions=definitions, rewrites=tuple(dict.fromkeys(walk.rewrites)))


def _root(walk: Walk) -> Node:
    schema: Any = {key: value for key, value in walk.schema.items() if key not in ("$defs", "$schema", "$id")}
    while schema is not False and "$ref" in schema:
        # No endpoint takes a root that is a reference: the definition stands there itself.
        inner = walk.resolved(schema.pop("$ref"))
        schema = merged(schema, dict(inner) if inner else inner)
    is_object = isinstance(schema, dict) and "object" in kinds_of(schema) and not is_map(schema)
    with walk.deeper(not is_object):
        wire, plan = walk.node(schema, "")
    if wire.get("type") == "object":
        return wire, plan
    walk.note("", "wrapped into an object with a `value`", "the root must be an object")
    absent = walk.absent and not walk.accepts_null(schema)
    wire = walk.nullable(wire) if absent else wire
    return walk.wire_object({"value": wire}, ["value"]), Wrapped(plan=plan, absent=absent)


def _finished(walk: Walk) -> dict[str, Node]:
    """The definitions, what tells a union's members apart before all else in them."""
    for name in walk.impossible & walk.definitions.keys():
        del walk.definitions[name]
    for name, first in walk.firsts.items():
        if name in walk.definitions:
            walk.definitions[name] = _put_first(walk.definitions[name], first)
    return walk.definitions


def _with_plain_names(root: JsonSchema) -> JsonSchema:
    """The schema with other names for definitions: letters and digits only. The plans keep their own."""
    plain_names = Names(separator="")
    names = {name: plain_names.free(re.sub(r"[^A-Za-z0-9]", "", name)[:60] or "D") for name in root["$defs"]}
    if all(name == plain for name, plain in names.items()):
        return root

    def named(schema: JsonSchema) -> JsonSchema:
        if not isinstance(schema.get("$ref"), str):
            return schema
        return {**schema, "$ref": PREFIX + names[schema["$ref"].removeprefix(PREFIX)]}

    renamed: JsonSchema = rebuilt(root, named)
    return {**renamed, "$defs": {names[name]: wire for name, wire in renamed["$defs"].items()}}


def _node(walk: Walk, schema: Any, pointer: str, first: str | None = None) -> Node:
    walk.nodes += 1
    if walk.nodes > (NODES if walk.refers and walk.cut is None else WRITTEN_OUT):
        raise TooLarge("The schema has too many nodes when its references are resolved.", hint="Say less at once.")
    if schema is False:
        raise NothingFits(pointer, "its schema is false")
    schema = {} if schema is True else schema
    if "allOf" in schema:
        schema = _single(schema)
    if "allOf" in schema:
        return put_together(walk, schema, pointer, lambda: walk.node(_joined(walk, schema, pointer), pointer, first))
    if "$ref" in schema:
        return reference(walk, schema, pointer, first)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return union(walk, schema, keyword, pointer)
    return _typed(walk, modern(schema), pointer, first)


def _single(schema: JsonSchema) -> JsonSchema:
    """A schema whose `allOf` has one member, with no more than remarks beside it, said without it."""
    members = schema["allOf"]
    rest = {key: value for key, value in schema.items() if key != "allOf"}
    if len(members) == 1 and isinstance(members[0], Mapping) and rest.keys() <= ANNOTATIONS - members[0].keys():
        return {**rest, **members[0]}
    return schema


def _joined(walk: Walk, schema: JsonSchema, pointer: str) -> Any:
    """A schema with what its `allOf` demands said directly."""
    walk.note(pointer, "allOf joined into one schema", "the endpoint does not take allOf")
    result = walk.flat(schema)
    left_over = result.pop("allOf", ()) if isinstance(result, dict) else ()
    if left_over:
        words = [walk.said(key, value) for rest in left_over for key, value in rest.items()]
        walk.note(pointer, "what cannot be joined → in words: " + "; ".join(words), "it is said in two ways")
        result["description"] = described(result.get("description"), words)
    return result


def _typed(walk: Walk, schema: JsonSchema, pointer: str, first: str | None) -> Node:
    values = constants_of(schema)
    if values is not None:
        return constants(walk, values, schema, pointer)
    if schema.get("type") == []:
        raise NothingFits(pointer, "no type meets all that is demanded")
    kinds = kinds_of(schema)
    if any(_contradict(schema, low, high) for low, high in _RANGES):
        kinds = tuple(kind for kind in kinds if kind == "null")
        if not kinds:
            raise NothingFits(pointer, "its least is more than its most")
    if not kinds:
        return _anything(walk, schema, pointer)
    if "type" not in schema:
        walk.note(pointer, "no type → " + " or ".join(kinds), "a schema must have a type; its keywords tell")
    kinds = tuple(kind for kind in kinds if kind != "integer" or "number" not in kinds)
    solid = [kind for kind in kinds if kind != "null"]
    if len(solid) > 1 and (walk.dialect.null != "type" or set(solid) & set(COMPOUND)):
        return union(walk, split(schema, kinds), "anyOf", pointer)
    if not walk.fits(levels(schema, solid, maps=walk.dialect.maps)):
        return encoded(walk, schema, schema.get("description"), pointer)
    body, plan, said, kept = _structure(walk, schema, solid, pointer, first)
    lost = {key: value for key, value in schema.items() if key not in kept}
    hints = [*said, *walk.hints(lost, pointer)]
    description = described(schema.get("description") or telling(schema.get("title"), pointer), hints)
    wire = {"type": body.pop("type"), **({"description": description} if description else {}), **body}
    return (walk.nullable(wire) if "null" in kinds and solid else wire), plan


_RANGES = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
)


def _contradict(schema: JsonSchema, low: str, high: str) -> bool:
    """Whether a node of one type has a least that is more than its most."""
    one = len([kind for kind in kinds_of(schema) if kind != "null"]) == 1
    return one and low in schema and high in schema and schema[low] > schema[high]


def _structure(walk: Walk, schema: JsonSchema, solid: list[str], pointer: str, first: str | None) -> Structure:
    if "object" in solid and not is_map(schema):
        return object_node(walk, schema, pointer, first)
    if "object" in solid:
        return map_node(walk, schema, pointer)
    if "array" in solid:
        return array_node(walk, schema, pointer)
    kept = walk.kept(schema, solid)
    kinds: Any = solid[0] if len(solid) == 1 else solid or "null"
    return {"type": kinds, **kept}, None, [], frozenset(kept)


def _anything(walk: Walk, schema: JsonSchema, pointer: str) -> Node:
    description = described(schema.get("description"), walk.hints(schema, pointer))
    head: JsonSchema = {"description": description} if description else {}
    if walk.dialect.any:
        return head, None
    walk.note(pointer, "any value → one of the types of JSON", "a schema must have a type")
    if not (walk.refers and walk.dialect.cycles and walk.fits(_LEVELS_OF_ANY)):
        return {"type": "string", "description": described(description, ["any value, as JSON text"])}, Encoded()
    reference = {"$ref": PREFIX + walk.any_name}
    if walk.any_name not in walk.definitions:
        walk.definitions[walk.any_name] = (any_value(reference), AnyValue())
    return ({**head, "anyOf": [reference]} if head else reference), Named(name=walk.any_name)


def _put_first(node: Node, first: str) -> Node:
    """An object with one of its properties before the others."""
    wire, plan = node
    if first not in wire.get("properties", ()):
        return node
    properties = {first: wire["properties"][first], **wire["properties"]}
    required = sorted(wire["required"], key=lambda name: name != first)
    ordering = {"propertyOrdering": list(properties)} if "propertyOrdering" in wire else {}
    return {**wire, "properties": properties, "required": required, **ordering}, plan
