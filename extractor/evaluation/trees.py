"""A value made ready to be compared: its scalars as keys, its empty parts gone, its lists with what is in them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

from extractor.evaluation.normal import Normal, is_nothing
from extractor.evaluation.shape import Place
from extractor.schema.pointers import escaped

__all__ = ["Branch", "Leaf", "Listed", "Node", "bag", "keys_of", "leaves", "tree", "whole"]

DEEPEST = 60  # levels: what is deeper is compared as one text
_SHORT = 100  # characters of a key that stands in another as it is


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A scalar: its key, and the value itself."""

    place: Place
    key: str
    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """An object: its members by name, without empty ones."""

    place: Place
    members: dict[str, Node]


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A list: its items without empty ones, with the places that they had."""

    place: Place
    items: list[Node]
    at: list[int]
    keys: list[str] = field(default_factory=list)  # of the items, when asked for


Node: TypeAlias = "Leaf | Branch | Listed"


def tree(value: Any, place: Place, normal: Normal, computed: Place | None = None, depth: int = 0) -> Node | None:
    """Plain JSON data as a tree; None where there is nothing.

    `computed` is the same place in the shape of what is written: members that only it has, and that it says are worked
    out from others, are left out.
    """
    if is_nothing(value, normal):
        return None
    if not isinstance(value, (dict, list)) or not value:
        return Leaf(place, normal.key(value, place.formats), value if _is_json(value) else str(value))
    if depth == DEEPEST:
        return Leaf(place, "j" + _text(value), "(nested too deeply to be shown)")
    if isinstance(value, list):
        inner, other = place.items(), computed and computed.items()
        made = [tree(each, inner, normal, other, depth + 1) for each in value]
        at = [number for number, each in enumerate(made) if each is not None]
        return Listed(place, [each for each in made if each is not None], at) if at else None
    members: dict[str, Node] = {}
    for name, each in value.items():
        written = computed and computed.member(name)
        if computed and not place.declares(name) and computed.computes(name):
            continue
        node = tree(each, place.member(name), normal, written, depth + 1)
        if node is not None:
            members[name] = node
    return Branch(place, members) if members else None


def _is_json(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _text(value: Any) -> str:
    try:
        return _brief(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str))
    except RecursionError:
        return "too deep"


def leaves(node: Node | None, pointer: str = "") -> Iterator[tuple[str, Leaf]]:
    """All scalars with their pointers, in their order."""
    if isinstance(node, Leaf):
        yield pointer, node
    elif isinstance(node, Branch):
        for name, each in node.members.items():
            yield from leaves(each, f"{pointer}/{escaped(name)}")
    elif isinstance(node, Listed):
        for number, each in zip(node.at, node.items, strict=True):
            yield from leaves(each, f"{pointer}/{number}")


def whole(node: Node) -> str:
    """All that a node says as one short key; the order of lists makes no difference."""
    if isinstance(node, Leaf):
        return _brief(node.key)
    if isinstance(node, Branch):
        return _brief(
            "{" + ",".join(f"{json.dumps(name)}:{whole(node.members[name])}" for name in sorted(node.members))
        )
    return _brief("[" + ",".join(sorted(keys_of(node))))


def keys_of(node: Listed) -> list[str]:
    """What `whole` gives for the items; worked out once."""
    if not node.keys:
        node.keys.extend(map(whole, node.items))
    return node.keys


def bag(node: Node) -> Counter[tuple[str, str]]:
    """The scalars of an item by where they stand in it and what they say, each with how often."""
    found: Counter[tuple[str, str]] = Counter()
    ahead: list[tuple[str, Node]] = [("", node)]
    while ahead:
        way, each = ahead.pop()
        if isinstance(each, Leaf):
            found[way, each.key] += 1
        elif isinstance(each, Branch):
            ahead += [(f"{way}/{escaped(name)}", member) for name, member in each.members.items()]
        else:
            ahead += [(f"{way}/*", item) for item in each.items]
    return found


def _brief(key: str) -> str:
    # A long key would stand once more in that of everything around it.
    return (
        key if len(key) <= _SHORT else "#" + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    )
