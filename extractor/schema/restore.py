"""The way back: a value as the endpoint gave it → the shape that the target defined.

Adapting leaves a `Plan` beside each schema it changed; `restore` follows it. None means "as it is".
A value that does not have the shape asked for is left alone: judging it is the target's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "AnyValue",
    "Branches",
    "Items",
    "Members",
    "Named",
    "Pairs",
    "Plan",
    "Wrapped",
    "changes",
    "restore",
    "to_wire",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """An object: `absent` are the properties for which null on the wire means that they are left out."""

    plans: Mapping[str, Plan]
    absent: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list: the plan of each item, or of each of the first ones."""

    plan: Plan
    first: tuple[Plan, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """A map that is a list of `{"key": …, "value": …}` on the wire."""

    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Branches:
    """A union: each branch's wire schema, by which it is recognised, with its plan."""

    branches: tuple[tuple[Mapping[str, Any], Plan], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A reference to a definition."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyValue:
    """Any JSON value, whose objects are `{"entries": [{"key": …, "value": …}]}` on the wire."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrapped:
    """The root is `{"value": …}` on the wire."""

    plan: Plan


Plan: TypeAlias = "Members | Items | Pairs | Branches | Named | AnyValue | Wrapped | None"
Plans: TypeAlias = "Mapping[str, tuple[dict[str, Any], Plan]]"
"""The definitions: name → wire schema and plan."""


def changes(plan: Plan, definitions: Plans, seen: frozenset[str] = frozenset()) -> bool:
    """Whether following the plan can change anything."""
    match plan:
        case None:
            return False
        case Members(plans=plans, absent=absent):
            return bool(absent) or any(changes(inner, definitions, seen) for inner in plans.values())
        case Items(plan=inner, first=first):
            return any(changes(each, definitions, seen) for each in (inner, *first))
        case Branches(branches=branches):
            return any(changes(inner, definitions, seen) for _, inner in branches)
        case Named(name=name):
            return name not in seen and changes(definitions[name][1], definitions, seen | {name})
        case _:
            return True


def restore(plan: Plan, value: Any, definitions: Plans) -> Any:
    """The value with every change of the wire undone. The given value stays as it is."""
    match plan, value:
        case Wrapped(plan=inner), {"value": wrapped}:
            return restore(inner, wrapped, definitions)
        case Members(plans=plans, absent=absent), dict():
            return {
                key: restore(plans.get(key), member, definitions)
                for key, member in value.items()
                if not (member is None and key in absent)
            }
        case Items(plan=inner, first=first), list():
            plans_of = [*first, *[inner] * (len(value) - len(first))]
            return [restore(each, item, definitions) for each, item in zip(plans_of, value, strict=False)]
        case Pairs(plan=inner), list() if all(map(_is_pair, value)):
            # Of two pairs with one key the model meant one entry; keeping the pairs makes the validator say so.
            if len({pair["key"] for pair in value}) < len(value):
                return value
            return {pair["key"]: restore(inner, pair["value"], definitions) for pair in value}
        case Branches(branches=branches), _:
            for schema, inner in branches:
                if _fits(schema, value, definitions):
                    return restore(inner, value, definitions)
            return value
        case Named(name=name), _:
            return restore(definitions[name][1], value, definitions)
        case AnyValue(), _:
            return _any_value(value)
        case _:
            return value


def _is_pair(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {"key", "value"} and isinstance(item["key"], str)


def _any_value(value: Any) -> Any:
    match value:
        case {"entries": [*pairs]} if len(value) == 1 and all(map(_is_pair, pairs)):
            return {pair["key"]: _any_value(pair["value"]) for pair in pairs}
        case list():
            return [_any_value(item) for item in value]
        case _:
            return value


_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _fits(schema: Mapping[str, Any], value: Any, definitions: Plans) -> bool:
    """Whether a value has the outer shape of a wire schema: type, constants, required keys."""
    if "$ref" in schema:
        return _fits(definitions[schema["$ref"].rpartition("/")[2]][0], value, definitions)
    if "anyOf" in schema:
        return any(_fits(branch, value, definitions) for branch in schema["anyOf"])
    if "enum" in schema and not any(value == each and type(value) is type(each) for each in schema["enum"]):
        return False
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind == "boolean") for kind in kinds
    ):
        return False
    if not isinstance(value, dict):
        return True
    members: Mapping[str, Any] = schema.get("properties", {})
    if not value.keys() >= set(schema.get("required", ())):
        return False
    return all(
        _fits(member, value[key], definitions)
        for key, member in members.items()
        if key in value and "enum" in member
    )


# ----------------------------------------------------------------------- the way there, for examples


def to_wire(plan: Plan, value: Any, definitions: Plans) -> Any:
    """The opposite of `restore`: a value of the target, as the endpoint is asked to write it."""
    match plan, value:
        case Wrapped(plan=inner), _:
            return {"value": to_wire(inner, value, definitions)}
        case Members(plans=plans, absent=absent), dict():
            written = {key: to_wire(plans.get(key), member, definitions) for key, member in value.items()}
            return {**written, **{key: None for key in absent if key not in written}}
        case Items(plan=inner, first=first), list():
            plans_of = [*first, *[inner] * (len(value) - len(first))]
            return [to_wire(each, item, definitions) for each, item in zip(plans_of, value, strict=False)]
        case Pairs(plan=inner), dict():
            return [{"key": key, "value": to_wire(inner, each, definitions)} for key, each in value.items()]
        case Branches(branches=branches), _:
            written = ((schema, to_wire(inner, value, definitions)) for schema, inner in branches)
            return next((each for schema, each in written if _fits(schema, each, definitions)), value)
        case Named(name=name), _:
            return to_wire(definitions[name][1], value, definitions)
        case AnyValue(), dict():
            return {"entries": [{"key": k, "value": to_wire(plan, v, definitions)} for k, v in value.items()]}
        case AnyValue(), list():
            return [to_wire(plan, item, definitions) for item in value]
        case _:
            return value
