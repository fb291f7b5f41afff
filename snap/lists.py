"""Lists: items of one kind, or one by one."""

from __future__ import annotations

from typing import Any

from extractor.schema.plans import Items, Plan
from extractor.schema.walk import JsonSchema, Node, NothingFits, Structure, Walk

__all__ = ["array_node"]


def array_node(walk: Walk, schema: JsonSchema, pointer: str) -> Structure:
    """A list."""
    with walk.deeper(1):
        body, plan, said = _items(walk, schema, pointer)
    kept = walk.kept(schema, ["array"])
    return {"type": "array", **body, **kept}, plan, said, frozenset(kept)


def _items(walk: Walk, schema: JsonSchema, pointer: str) -> tuple[JsonSchema, Plan, list[str]]:
    first: list[Any] = list(schema.get("prefixItems", ()))
    # Nothing is asked for behind the first ones unless the schema says what.
    rest = schema.get("items", not first)
    if not first:
        return _alike(walk, rest, pointer)
    if "items" not in schema and schema.get("maxItems", len(first) + 1) > len(first):
        walk.note(pointer, "items behind the first ones are not asked for", "the schema does not say what they are")
    nodes = _met(walk, first, pointer)
    if len(nodes) < len(first):
        first, rest = first[: len(nodes)], False
    if not first:
        return {"items": {"type": "null"}}, None, ["always empty"]
    if "prefixItems" in walk.dialect.keywords and (rest is False or walk.dialect.items_behind):
        return _by_position(walk, nodes, rest, pointer)
    walk.note(pointer, "items by position → any of them", "the endpoint does not take prefixItems")
    members = [*first, *([rest] if rest is not False else [])]
    wire, plan = walk.node(members[0] if len(members) == 1 else {"anyOf": members}, f"{pointer}/prefixItems")
    said = walk.said("prefixItems", schema["prefixItems"])
    return {"items": wire}, None if plan is None else Items(plan=plan), [said]


def _alike(walk: Walk, items: Any, pointer: str) -> tuple[JsonSchema, Plan, list[str]]:
    try:
        wire, plan = walk.node(items, f"{pointer}/items")
    except NothingFits:
        walk.note(f"{pointer}/items", "left out: always empty", "nothing can meet it")
        return {"items": {"type": "null"}}, None, ["always empty"]
    return {"items": wire}, None if plan is None else Items(plan=plan), []


def _met(walk: Walk, first: list[Any], pointer: str) -> list[Node]:
    """The first items, up to the one that nothing can meet."""
    nodes: list[Node] = []
    for number, item in enumerate(first):
        try:
            nodes.append(walk.node(item, f"{pointer}/prefixItems/{number}"))
        except NothingFits:
            walk.note(f"{pointer}/prefixItems/{number}", "left out: the list ends before it", "nothing can meet it")
            break
    return nodes


def _by_position(walk: Walk, nodes: list[Node], rest: Any, pointer: str) -> tuple[JsonSchema, Plan, list[str]]:
    wire: JsonSchema = {"prefixItems": [each for each, _ in nodes]}
    plan: Plan = None
    try:
        wire["items"], plan = walk.node(rest, f"{pointer}/items")
    except NothingFits:
        walk.note(f"{pointer}/items", "left out: nothing behind the first", "nothing can meet it")
    return wire, Items(plan=plan, first=tuple(each for _, each in nodes)), []
