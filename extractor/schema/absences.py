"""What a wire value says is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from extractor.schema.choice import Choice
from extractor.schema.nodes import escaped
from extractor.schema.plans import Branches, Items, Members, Named, Pairs, Plan, Plans, Tagged, Values, Wrapped
from extractor.schema.restore import is_pairs

__all__ = ["absences"]

Found: TypeAlias = "Iterator[tuple[Plan, Any, str]]"
"""Plans, the wire values they are for, and their places."""


def absences(plan: Plan, value: Any, definitions: Plans, pointer: str = "") -> Iterator[str]:
    """The pointers (into the target's own shape) of the properties that are not there, or null and so absent."""
    if isinstance(plan, Members) and isinstance(value, dict):
        for key in plan.plans:
            wire = plan.names.get(key, key)
            if wire not in value or (value[wire] is None and key in plan.absent):
                yield f"{pointer}/{escaped(key)}"
    elif isinstance(plan, Wrapped) and plan.absent and value == {"value": None}:
        yield pointer
    for inner, found, place in _inside(plan, value, definitions, pointer):
        yield from absences(inner, found, definitions, place)


def _inside(plan: Plan, value: Any, definitions: Plans, pointer: str) -> Found:
    if isinstance(plan, Branches):
        number = Choice([schema for schema, _ in plan.branches], definitions).number(value)
        yield from [] if number is None else [(plan.branches[number][1], value, pointer)]
    elif isinstance(plan, Named):
        yield definitions[plan.name][1], value, pointer
    elif type(plan) in _INSIDE:
        kind, inside = _INSIDE[type(plan)]
        yield from inside(plan, value, pointer) if isinstance(value, kind) else ()


def _members(plan: Members, value: dict[str, Any], pointer: str) -> Found:
    for key, inner in plan.plans.items():
        yield inner, value.get(plan.names.get(key, key)), f"{pointer}/{escaped(key)}"


def _items(plan: Items, value: list[Any], pointer: str) -> Found:
    for number, item in enumerate(value):
        yield plan.first[number] if number < len(plan.first) else plan.plan, item, f"{pointer}/{number}"


def _pairs(plan: Pairs, value: list[Any], pointer: str) -> Found:
    for pair in value if is_pairs(value) else ():
        yield plan.plan, pair["value"], f"{pointer}/{escaped(pair['key'])}"


def _values(plan: Values, value: dict[str, Any], pointer: str) -> Found:
    for key, member in value.items():
        yield plan.plan, member, f"{pointer}/{escaped(key)}"


_INSIDE: Mapping[type, tuple[type, Callable[[Any, Any, str], Found]]] = {
    Members: (dict, _members),
    Items: (list, _items),
    Pairs: (list, _pairs),
    Values: (dict, _values),
    Wrapped: (dict, lambda plan, value, pointer: iter([(plan.plan, value.get("value"), pointer)])),
    Tagged: (dict, lambda plan, value, pointer: iter([(plan.plan, value.get(plan.tag), pointer)])),
}
