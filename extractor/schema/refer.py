"""References: a definition to refer to, one written out in its place, or its JSON text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from extractor.schema.merge import merged
from extractor.schema.nodes import ANNOTATIONS, PREFIX, described, references_in, text_of
from extractor.schema.outline import outline
from extractor.schema.plans import Encoded, Named
from extractor.schema.pointers import escaped
from extractor.schema.walk import WALKED, JsonSchema, Node, NothingFits, Walk
from extractor.schema.words import WORDS

__all__ = ["encoded", "put_together", "reference"]

UNROLLED = 2
"""How often a definition is written out inside of itself, where references may not lead back."""
ENCODED = 60_000  # characters of outlines in descriptions, all together
SHORT = 300  # of one that is always given

_DEMANDING = (WALKED | WORDS.keys()) - ANNOTATIONS - {"$ref", "$defs", "definitions"}


def reference(walk: Walk, schema: JsonSchema, pointer: str, first: str | None) -> Node:
    """A schema with a `$ref`."""
    name = schema["$ref"].removeprefix(PREFIX)
    siblings = {key: value for key, value in schema.items() if key != "$ref"}
    resolved = walk.resolved(schema["$ref"])
    if resolved is False or name in walk.impossible:
        raise NothingFits(pointer, "what it refers to cannot be met")
    annotations = {key: value for key, value in siblings.items() if key in ANNOTATIONS}
    demands = {key: value for key, value in siblings.items() if key in _DEMANDING}
    if demands and merged(demands, resolved) != resolved:
        whole = merged(siblings, resolved)
        return put_together(walk, schema, pointer, lambda: walk.node(whole, pointer, first))
    if name in walk.entered:
        walk.awaited.add(name)
    if walk.entered.get(name) == walk.level:
        raise NothingFits(pointer, "it refers to itself and says nothing else")
    if not _may_refer(walk, name):
        return _written_out(walk, name, {**resolved, **annotations}, pointer, first)
    if name not in walk.definitions:
        _define(walk, name, resolved)
    if first is not None:
        walk.firsts[name] = first
    return _referring(walk, name, annotations, pointer)


def _define(walk: Walk, name: str, resolved: JsonSchema) -> None:
    walk.definitions[name] = ({}, None)  # holds the name: the definition may refer to itself
    cut, walk.cut = walk.cut, None  # the whole of it fits
    walk.entered[name] = walk.level
    try:
        walk.definitions[name] = walk.node(resolved, f"/$defs/{escaped(name)}")
    except NothingFits:
        walk.impossible.add(name)
        raise
    finally:
        walk.cut = cut
        del walk.entered[name]


def _may_refer(walk: Walk, name: str) -> bool:
    """Whether a definition can be referred to where the walk is."""
    if not walk.refers or (not walk.dialect.cycles and _is_recursive(walk, name)):
        return False
    return walk.fits(walk.cut.definitions.get(name, walk.cut.depth)) if walk.cut else True


def _referring(walk: Walk, name: str, siblings: Mapping[str, Any], pointer: str) -> Node:
    wire: JsonSchema = {"$ref": PREFIX + name}
    description = described(siblings.get("description"), walk.hints(siblings, pointer))
    if description and walk.dialect.ref_siblings:
        wire["description"] = description
    elif description:
        wire = {"description": description, "anyOf": [wire]}
    return wire, Named(name=name)


def _written_out(walk: Walk, name: str, definition: JsonSchema, pointer: str, first: str | None) -> Node:
    if walk.inside.count(name) >= UNROLLED:
        return encoded(walk, walk.given[name], definition.get("description"), pointer)
    with walk.within(name):
        return walk.node(definition, pointer, first)


def _is_recursive(walk: Walk, name: str) -> bool:
    if name not in walk.recursive:
        walk.recursive[name] = name in references_in(walk.given.get(name), walk.given)
    return walk.recursive[name]


def put_together(walk: Walk, schema: JsonSchema, pointer: str, make: Callable[[], Node]) -> Node:
    """A node made of several: where it comes again, inside of itself or elsewhere, it becomes a definition."""
    text = text_of(schema)
    if '"$ref"' not in text:
        return make()
    known = text in walk.composed
    if not known:
        walk.composed[text] = walk.names.free("Joined")
    name = walk.composed[text]
    if known and walk.refers and walk.dialect.cycles and walk.cut is None:
        walk.definitions.setdefault(name, walk.waiting.get(name, ({}, None)))
        return {"$ref": PREFIX + name}, Named(name=name)
    if walk.inside.count(name) >= UNROLLED:
        return encoded(walk, schema, schema.get("description"), pointer)
    with walk.within(name):
        made = make()
    if name not in walk.definitions:
        walk.waiting[name] = made
        return made
    walk.definitions[name] = made
    return {"$ref": PREFIX + name}, Named(name=name)


def encoded(walk: Walk, schema: Any, description: Any, pointer: str) -> Node:
    """A value as its own JSON text: for what is too deep, or leads back to itself."""
    walk.note(pointer, "deeper levels → their JSON text", "the endpoint takes no more levels")
    told = _outlined(walk, schema, pointer)
    if not told:
        walk.note(pointer, "left out of the description: what stands deeper", "it is too long")
    hint = f"as JSON text: {told}" if told else "as JSON text"
    return {"type": "string", "description": described(description, [hint])}, Encoded()


def _outlined(walk: Walk, schema: Any, pointer: str) -> str:
    """The outline of a part of the target's schema; "" where that is too long for a description."""
    same = walk.outlines.setdefault(text_of(schema), pointer)
    if same != pointer:
        return f"like {same}"
    needed: dict[str, Any] = {}
    left, ahead = max(ENCODED - walk.told, SHORT), [schema]
    while ahead:
        node = ahead.pop()
        text = text_of(node)
        left -= len(text) // 3  # an outline is shorter than the schema
        if left < 0:
            return ""
        names = {name for name in re.findall(r'"\$ref":"#/\$defs/([^"]*)"', text) if name not in needed}
        needed.update((name, walk.given.get(name, True)) for name in names)
        ahead += [needed[name] for name in names]
    told = outline({**schema, "$defs": needed} if isinstance(schema, Mapping) else {})
    walk.told += len(told)
    return told
