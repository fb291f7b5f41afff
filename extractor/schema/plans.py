"""What was changed beside each schema, for the way back; None means "as it is"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "AnyValue",
    "Branches",
    "Encoded",
    "Items",
    "Members",
    "Named",
    "Pairs",
    "Plan",
    "Plans",
    "Restorer",
    "Tagged",
    "Values",
    "Wrapped",
    "inner_plans",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """An object.

    `optional` are the properties that may be left out but must be written, as null; `absent` those of
    which null can only mean that they are not there, since it is no value of theirs. `names` are the
    properties with other names on the wire. Where it is `open`, `rest` is the plan of further properties,
    which stand in the list of that name where `entries` is one.
    """

    plans: Mapping[str, Plan]
    optional: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    rest: Plan = None
    entries: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """An object with free keys."""

    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list: the plan of each of the `first` ones, and of every other."""

    plan: Plan
    first: tuple[Plan, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """A map that is a list of `{"key": …, "value": …}` on the wire."""

    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Branches:
    """A union: each branch's wire schema, by which it is recognised, with its plan."""

    branches: tuple[tuple[dict[str, Any], Plan], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tagged:
    """A member of a union that is `{tag: …}` on the wire, so that it cannot be taken for another."""

    tag: str
    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A value that is its own JSON text on the wire."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A reference to a definition."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyValue:
    """Any JSON value, whose objects are `{"entries": [{"key": …, "value": …}]}` on the wire."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrapped:
    """The root is `{"value": …}` on the wire; `absent` says that null can only mean that it is not there."""

    plan: Plan
    absent: bool = False


Plan: TypeAlias = "Members | Values | Items | Pairs | Branches | Tagged | Encoded | Named | AnyValue | Wrapped | None"
Plans: TypeAlias = "Mapping[str, tuple[dict[str, Any], Plan]]"
"""The definitions: name → wire schema and plan."""
Restorer: TypeAlias = "Callable[[Any], Any]"


def inner_plans(plan: Plan) -> list[Plan]:
    """The plans directly inside of a plan."""
    match plan:
        case Members(plans=plans, rest=rest):
            return [*plans.values(), rest]
        case Items(plan=inner, first=first):
            return [inner, *first]
        case Branches(branches=branches):
            return [inner for _, inner in branches]
        case Values(plan=inner) | Pairs(plan=inner) | Wrapped(plan=inner) | Tagged(plan=inner):
            return [inner]
        case _:
            return []
