"""How the members of a union differ: which key tells them apart, and names for those that none does.

All of it looks at the target's own schema; `look` gives a node with its references and `allOf` resolved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, TypeAlias

from extractor.schema.nodes import ANNOTATIONS, Names, constant_schema, constants_of, kinds_of, text_of

__all__ = ["discriminator", "distinct", "is_demand", "objects_of", "tags"]

Look: TypeAlias = "Callable[[Any], Any]"
Objects: TypeAlias = "Sequence[Mapping[str, Any]]"

# What makes a member of a union a demand on the object beside it, rather than an alternative of its own.
_DEMANDS = frozenset("required not if then else minProperties maxProperties dependentRequired dependencies".split())
_NESTED = 8  # unions inside of unions that are looked into


def objects_of(member: Any, look: Look, depth: int = _NESTED) -> list[Mapping[str, Any]]:
    """The objects with properties among what a member of a union may be."""
    node = look(member)
    if not isinstance(node, Mapping) or not depth:
        return []
    constants = constants_of(node)
    if constants is not None:
        return [constant_schema(value) for value in constants if isinstance(value, dict) and value]
    if "object" in kinds_of(node) and (node.get("properties") or node.get("required")):
        return [node]  # also where a union of demands stands beside its properties
    members = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    return [each for inner in members for each in objects_of(inner, look, depth - 1)]


def discriminator(objects: Objects, look: Look, wish: str | None = None) -> str | None:
    """The property with constants of its own in each of the objects, if there is one."""
    if len(objects) < 2:
        return None
    for key in [*([] if wish is None else [wish]), *objects[0].get("properties", ())]:
        constants = [_constants(each, key, look) for each in objects]
        if None not in constants and not _overlap(constants):
            return str(key)
    return None


def _constants(node: Mapping[str, Any], key: str, look: Look) -> frozenset[str] | None:
    member = look(node.get("properties", {}).get(key))
    values = constants_of(member) if isinstance(member, Mapping) and key in node.get("required", ()) else None
    return None if values is None else frozenset(map(text_of, values))


def _overlap(constants: Sequence[frozenset[str] | None]) -> bool:
    return any(one is None or other is None or one & other for one, other in combinations(constants, 2))


def distinct(groups: Sequence[Objects], how: Literal["any", "distinct", "own"], key: str | None, look: Look) -> bool:
    """Whether the members, each a group of objects, differ as they must. `key` is what comes first in each."""
    held = [group for group in groups if group]
    if how == "any" or len(held) < 2:
        return True
    if how == "own":
        return False
    for one, other in combinations(held, 2):
        for left in one:
            for right in other:
                if _same_head(left, right, key, look):
                    return False
    return True


def _same_head(left: Mapping[str, Any], right: Mapping[str, Any], key: str | None, look: Look) -> bool:
    head = _head(left, key)
    if head is None or head != _head(right, key):
        return False
    # One that is optional may be null in both.
    return _overlap([_constants(node, head, look) for node in (left, right)])


def _head(node: Mapping[str, Any], key: str | None) -> str | None:
    properties = [name for name, member in node.get("properties", {}).items() if member is not False]
    if key in properties:
        return key
    return next(iter([*properties, *node.get("required", ())]), None)


def tags(members: Sequence[Any], taken: Iterable[str] = ()) -> list[str]:
    """A name for each member of a union: its definition's, its title, else its type; all different from each
    other and from what is `taken`, the keys of the members.
    """
    names = Names(taken)
    return [names.free(_name(member)) for member in members]


def _name(member: Any) -> str:
    schema = member if isinstance(member, Mapping) else {}
    inner = [part for part in schema.get("allOf", ()) if isinstance(part, Mapping)]
    found = next((part for part in [schema, *inner] if "$ref" in part or "title" in part), {})
    name = str(found.get("title") or found.get("$ref", "").rpartition("/")[2] or "/".join(kinds_of(schema)) or "value")
    return re.sub(r"\W+", "_", name, flags=re.A)[:40].strip("_") or "value"


def is_demand(member: Any) -> bool:
    """Whether a member of a union demands something of the object beside it, and is no alternative of its own."""
    if not isinstance(member, Mapping):
        return False
    unions = [each for keyword in ("anyOf", "oneOf", "allOf") for each in member.get(keyword, ())]
    if not unions and not member.keys() & _DEMANDS:
        return False
    rest = {key for key in member if key not in _DEMANDS | ANNOTATIONS | {"anyOf", "oneOf", "allOf", "title"}}
    harmless = {"additionalProperties": True, "type": "object"}
    return all(key in harmless and member[key] == harmless[key] for key in rest) and all(map(is_demand, unions))
