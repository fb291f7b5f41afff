"""Objects: properties, further properties, maps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from extractor.schema.merge import merged
from extractor.schema.nodes import Names, further
from extractor.schema.plans import Encoded, Members, Pairs, Plan, Values
from extractor.schema.pointers import escaped
from extractor.schema.walk import JsonSchema, Node, NothingFits, Structure, Walk

__all__ = ["map_node", "object_node"]


# Keywords for which it matters whether a property is there, so that null cannot stand for it.
_PRESENCE = frozenset(
    "dependentRequired dependentSchemas dependencies maxProperties minProperties not if anyOf oneOf".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """One property of the target; `counts` says that it matters whether it is there."""

    key: str
    schema: Any
    required: bool
    counts: bool


@dataclass(kw_only=True, slots=True)
class _Properties:
    """The properties of one object as they are on the wire: `written` are those that are required there."""

    taken: Names
    members: dict[str, JsonSchema] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def plan(self, required: Mapping[str, None]) -> Members:
        """The way back."""
        lackable = (key for key in self.plans if key not in required or key in self.absent)
        written = (key for key in lackable if self.names.get(key, key) in self.written)
        return Members(plans=self.plans, optional=frozenset(written), absent=frozenset(self.absent), names=self.names)


def object_node(walk: Walk, schema: JsonSchema, pointer: str, first: str | None) -> Structure:
    """An object with properties; `first` of them comes first."""
    required = dict.fromkeys(schema.get("required", ()))
    properties = schema.get("properties", {})
    # In the order of the properties; what is only required comes after them.
    wanted = {**properties, **{key: True for key in required if key not in properties}}
    if first in wanted and next(iter(wanted)) != first:
        walk.note(pointer, f"{first} comes first", "it tells which member of a union this is")
        wanted = {first: wanted[first], **wanted}
    made = _Properties(taken=Names(wanted))  # a name that is made up must not be another property's
    with walk.deeper(1):
        counts = pointer in walk.presence or bool(schema.keys() & _PRESENCE)
        for key, member in wanted.items():
            place = f"{pointer}/properties/{escaped(key)}"
            _property(walk, made, _Wanted(key=key, schema=member, required=key in required, counts=counts), place)
    opened = _opened(walk, schema, made, made.plan(required), pointer)
    if made.members or walk.dialect.empty_objects:
        return opened
    return {"type": "string"}, Encoded(), ["as JSON text: {}"], frozenset()


def _property(walk: Walk, made: _Properties, wanted: _Wanted, pointer: str) -> None:
    try:
        wire, plan = walk.node(wanted.schema, pointer)
    except NothingFits:
        if wanted.required:
            raise
        if wanted.schema is not False:
            walk.note(pointer, "left out", "nothing can meet it")
        return
    must = wanted.required or _must_write(walk)
    takes_null = walk.takes_null(wire)
    lacking = _may_lack(walk, wanted, takes_null)
    if lacking:
        # Also where the wire does not ask for null: a model may well write it, and it can mean nothing else.
        made.absent.add(wanted.key)
    if must and lacking:
        wire = wire if takes_null else walk.nullable(wire)
        why = "it may be absent from the document" if wanted.required else "all must be required"
        walk.note(pointer, f"{'required' if wanted.required else 'optional'} → nullable", why)
    elif must and not wanted.required:
        walk.note(pointer, "optional → required", "all must be required; null is one of its values")
    name = _name(walk, wanted.key, made.taken, pointer)
    if name != wanted.key:
        made.names[wanted.key] = name
    made.plans[wanted.key] = plan
    made.members[name] = wire
    made.written += [name] if must else []


def _must_write(walk: Walk) -> bool:
    """Whether an optional property is required on the wire."""
    limit = walk.dialect.limits.optional
    walk.optional += 1
    return walk.dialect.all_required or (limit is not None and walk.optional > limit)


def _may_lack(walk: Walk, wanted: _Wanted, takes_null: bool) -> bool:
    """Whether null on the wire must say that a property is not there."""
    null_is_value = takes_null and walk.accepts_null(wanted.schema)
    if wanted.required:
        constant = isinstance(wanted.schema, Mapping) and "const" in wanted.schema
        return walk.absent and not constant and not null_is_value
    return wanted.counts or _excludes(walk, wanted.schema) or not null_is_value


def _excludes(walk: Walk, schema: Any) -> bool:
    """Whether a schema has a condition that the null of what is not there might break."""
    node = walk.look(schema)
    return isinstance(node, Mapping) and ("not" in node or "if" in node)


def _name(walk: Walk, key: str, taken: Names, pointer: str) -> str:
    """The name of a property on the wire."""
    if walk.dialect.keys is None or re.fullmatch(walk.dialect.keys, key):
        return key
    name = taken.free(re.sub(r"\W+", "_", key, flags=re.A)[:56] or "property")
    walk.note(pointer, f"named {name}", "the endpoint does not take such a name")
    return name


def _opened(walk: Walk, schema: JsonSchema, made: _Properties, plan: Members, pointer: str) -> Structure:
    """An object with what its schema says about further properties."""
    values = further(schema)
    more: Any = False
    if values is None and "additionalProperties" not in schema and walk.dialect.closed:
        # Once for the whole: nearly every schema leaves its objects open, and means nothing by it.
        walk.note("", "properties that the schema does not name are not asked for", "objects are closed")
    if values is not None:
        try:
            more, plan = _with_further(walk, schema, made, plan, values, pointer)
        except NothingFits:
            walk.note(pointer, "left out: further properties", "nothing can meet them")
    return walk.wire_object(made.members, made.written, more), plan, [], frozenset()


def _with_further(
    walk: Walk, schema: JsonSchema, made: _Properties, plan: Members, values: Any, pointer: str
) -> tuple[Any, Members]:
    """What the wire says of `additionalProperties`, and the plan, with further properties."""
    with walk.deeper(1):
        if walk.dialect.open_objects:
            more, rest = walk.node(values, f"{pointer}/additionalProperties")
            return more, replace(plan, open=True, rest=rest)
        entries, rest = _entries(walk, schema, values, pointer)
    name = made.taken.free("additional_properties")
    made.members[name] = {**entries, "description": "further properties, by name"}
    made.written.append(name)
    walk.note(pointer, f"further properties → the list {name}", "objects with free keys are not taken")
    return False, replace(plan, open=True, rest=rest, entries=name)


def map_node(walk: Walk, schema: JsonSchema, pointer: str) -> Structure:
    """An object all of whose keys are free."""
    try:
        return _map(walk, schema, pointer)
    except NothingFits:
        walk.note(pointer, "left out: always empty", "nothing can meet its values")
    if walk.dialect.maps:
        return {"type": "object", "additionalProperties": False}, None, ["always empty"], frozenset()
    return {"type": "array", "items": {"type": "null"}}, Pairs(plan=None), ["always empty"], frozenset()


def _map(walk: Walk, schema: JsonSchema, pointer: str) -> Structure:
    found = further(schema)
    values = True if found is None else found
    if walk.dialect.maps:
        with walk.deeper(1):
            wire, plan = walk.node(values, f"{pointer}/additionalProperties")
        kept = walk.kept(schema, ["object"])
        return {"type": "object", "additionalProperties": wire, **kept}, Values(plan=plan), [], frozenset(kept)
    wire, plan = _entries(walk, schema, values, pointer)
    walk.note(pointer, "map → list of key and value", "objects with free keys are not taken")
    counts = {"minItems": schema.get("minProperties"), "maxItems": schema.get("maxProperties")}
    counts = {key: count for key, count in counts.items() if count is not None}
    kept = {key: it for key, it in counts.items() if walk.dialect.enforces(key, counts, ["array"])}
    said = {"minProperties" if key == "minItems" else "maxProperties" for key in kept} | {"propertyNames"}
    return {**wire, **kept}, Pairs(plan=plan), ["a map, as a list of its entries"], frozenset(said)


def _entries(walk: Walk, schema: JsonSchema, values: Any, pointer: str) -> Node:
    """A list of keys and values, and the plan of the values."""
    with walk.deeper(2):
        wire, plan = walk.node(values, f"{pointer}/additionalProperties")
        key, _ = walk.node(_keys(schema), f"{pointer}/propertyNames")
    entry = walk.wire_object({"key": key, "value": wire}, ["key", "value"])
    return {"type": "array", "items": entry}, plan


def _keys(schema: JsonSchema) -> Any:
    """What the free keys of an object may be."""
    names = merged({"type": "string"}, schema.get("propertyNames", True))
    patterns = list(schema.get("patternProperties", ()))
    if len(patterns) == 1 and schema.get("additionalProperties") is False and names is not False:
        return merged(names, {"pattern": patterns[0]})
    return names
