"""Unions: members that can be met, told apart, as one `anyOf`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extractor.schema.nodes import ANNOTATIONS, PREFIX, described, kinds_of, levels, text_of
from extractor.schema.plans import (
    AnyValue,
    Branches,
    Encoded,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Tagged,
    Values,
    inner_plans,
)
from extractor.schema.refer import encoded
from extractor.schema.unions import discriminator, distinct, is_demand, objects_of, tags
from extractor.schema.walk import JsonSchema, Node, NothingFits, Walk

__all__ = ["one_of", "union"]


def union(walk: Walk, schema: JsonSchema, keyword: str, pointer: str) -> Node:
    """A schema with an `anyOf` or a `oneOf`."""
    shared = {key: value for key, value in schema.items() if key not in (keyword, "discriminator")}
    inside = {key: value for key, value in shared.items() if key not in ANNOTATIONS}
    if set(kinds_of(inside)) - {"null"} == {"object"} and all(map(is_demand, schema[keyword])):
        return _demanded(walk, shared, keyword, schema[keyword], pointer)
    if keyword == "oneOf":
        walk.note(pointer, "oneOf → anyOf", "the endpoint does not take oneOf")
    # What stands beside a union holds for each of its members; some endpoints forget it there.
    alternatives = {text_of(member): member for member in schema[keyword]}.values()
    members = [{**inside, "allOf": [member]} if inside else member for member in alternatives]
    groups = [objects_of(member, walk.look) for member in members]
    wish = schema.get("discriminator")
    wish = wish.get("propertyName") if isinstance(wish, Mapping) else None
    key = discriminator([each for group in groups for each in group], walk.look, wish)
    apart = distinct(groups, walk.dialect.heads, key, walk.look)
    if walk.cut and not walk.fits(_levels_of(walk, members) + (not apart)):
        return encoded(walk, schema, schema.get("description"), pointer)
    with walk.deeper(not apart):
        nodes = _members(walk, members, f"{pointer}/{keyword}", key if apart else None)
    if not nodes:
        raise NothingFits(pointer, f"its {keyword} has no member that can be met")
    unlike = {number for number, group in enumerate(groups) if group and not apart} | _alike(walk, nodes)
    if unlike:
        walk.note(pointer, "members named: {name: …}", "they must be told apart")
    keys = (key for group in groups for each in group for key in each.get("properties", ()))
    names = tags(members, keys) if unlike else []
    tagged = [_tagged(walk, names[at], node) if at in unlike else node for at, node in nodes.items()]
    outside = {key: value for key, value in shared.items() if key in ANNOTATIONS}
    return one_of(walk, tagged, described(outside.get("description"), walk.hints(outside, pointer)))


def _levels_of(walk: Walk, members: list[Any]) -> int:
    """The levels that the members of a union need themselves, and what tells a list from a map."""
    looked = [each for each in map(walk.look, members) if isinstance(each, dict)]
    lists = [each for each in looked if {"array", "object"} & {*kinds_of(each)} and not each.get("properties")]
    own = [levels(each, [kind for kind in kinds_of(each) if kind != "null"], maps=walk.dialect.maps) for each in looked]
    return max(own, default=0) + (len(lists) > 1)


def _members(walk: Walk, members: list[Any], pointer: str, first: str | None) -> dict[int, Node]:
    """The members of a union that can be met, by their numbers."""
    nodes = {}
    for number, member in enumerate(members):
        try:
            nodes[number] = walk.node(member, f"{pointer}/{number}", first)
        except NothingFits:
            walk.note(f"{pointer}/{number}", "left out", "nothing can meet it")
    return nodes


def _demanded(walk: Walk, shared: JsonSchema, keyword: str, members: list[JsonSchema], pointer: str) -> Node:
    """An object of which one of several demands must hold: said in words."""
    said = walk.said(keyword, members)
    walk.presence.add(pointer)
    walk.note(pointer, f"{keyword} of demands → in words: {said}", "the endpoint cannot say it")
    return walk.node({**shared, "description": described(shared.get("description"), [said])}, pointer)


def _alike(walk: Walk, nodes: Mapping[int, Node]) -> set[int]:
    """Members that are something else on the wire than in the target, and might be taken for another there."""
    shapes = {number: _shapes(walk, wire) for number, (wire, _) in nodes.items()}
    alike = set()
    for number, (_, plan) in nodes.items():
        own = shapes[number] if _changes(walk, plan) else set()
        own = own - {"string"} if not _is_encoded(walk, plan) else own
        if any(own & others for other, others in shapes.items() if other != number):
            alike.add(number)
    return alike


def _shapes(walk: Walk, wire: JsonSchema) -> set[Any]:
    """What a wire value may look like from outside: a list, a string, an object with these keys."""
    if "$ref" in wire:
        return _shapes(walk, walk.definitions[wire["$ref"].removeprefix(PREFIX)][0])
    if "properties" in wire:
        return {frozenset(wire["properties"])}
    own = {"array", "string"} & set(kinds_of(wire))
    return own.union(*(_shapes(walk, each) for each in wire.get("anyOf", ())))


def _changes(walk: Walk, plan: Plan) -> bool:
    """Whether anything in a value has another type on the wire."""
    seen: set[str] = set()
    ahead = [plan]
    while ahead:
        each = ahead.pop()
        if isinstance(each, (Pairs, Encoded, AnyValue)):
            return True
        if isinstance(each, Named) and each.name not in seen:
            seen.add(each.name)
            ahead.append(walk.definitions[each.name][1])
        ahead += inner_plans(each)
    return False


def _is_encoded(walk: Walk, plan: Plan) -> bool:
    own = walk.own(plan)
    return isinstance(own, Encoded) or (
        isinstance(own, Branches) and any(_is_encoded(walk, inner) for _, inner in own.branches)
    )


def _tagged(walk: Walk, tag: str, node: Node) -> Node:
    return walk.wire_object({tag: node[0]}, [tag]), Tagged(tag=tag, plan=node[1])


def one_of(walk: Walk, nodes: list[Node], description: str) -> Node:
    """A union of nodes; unions directly inside of it are part of it."""
    members: list[Node] = []
    for wire, plan in nodes:
        if wire.keys() == {"anyOf"} and (plan is None or isinstance(plan, Branches)):
            members += list(plan.branches) if isinstance(plan, Branches) else [(it, None) for it in wire["anyOf"]]
        else:
            members.append((wire, plan))
    members = list({text_of(wire): (wire, plan) for wire, plan in reversed(members)}.values())[::-1]
    null = walk.dialect.null == "nullable" and ({"type": "null"}, None) in members and len(members) > 1
    if null:
        members.remove(({"type": "null"}, None))
    members = _shortened(walk, members)
    wire, plan = members[0]
    if len(members) > 1 or (description and "description" in wire) or ("$ref" in wire and description):
        wire = {"anyOf": [each for each, _ in members]}
        plan = Branches(branches=tuple(members)) if any(each for _, each in members) else None
    elif null and isinstance(plan, Tagged):
        plan = Branches(branches=((wire, plan),))  # null is none of it
    wire = {"description": description, **wire} if description else wire
    return (walk.nullable(wire) if null else wire), plan


def _shortened(walk: Walk, members: list[Node]) -> list[Node]:
    """A union of plain types, or of one and null, as a list of types, where the dialect has such lists."""
    if walk.dialect.null != "type" or len(members) < 2:
        return members
    if all(wire.keys() == {"type"} and isinstance(wire["type"], str) and plan is None for wire, plan in members):
        kinds = [wire["type"] for wire, _ in members]
        return [({"type": [kind for kind in kinds if kind != "integer" or "number" not in kinds]}, None)]
    null = ({"type": "null"}, None)
    if len(members) == 2 and null in members:
        wire, plan = next(member for member in members if member != null)
        keyed = plan is None or isinstance(plan, (Members, Values, Items, Pairs))  # what null is not taken for
        if keyed and "type" in wire and not wire.keys() & {"anyOf", "const"}:
            return [(walk.nullable(wire), plan)]
    return members
