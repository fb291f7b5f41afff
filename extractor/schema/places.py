"""Where each value of the wire stands in the target's own shape: one walk over a value, by its plan.

A value that does not have the shape asked for stays as it is, as where it is restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from extractor.schema.branch_chooser import BranchChooser
from extractor.schema.plans import (
    AnyValue,
    Branches,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Plans,
    Tagged,
    Values,
    Wrapped,
)
from extractor.schema.pointers import escaped
from extractor.schema.restore import is_pairs

__all__ = ["moved", "places", "walked"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One of `Pairs`: its value stands where the pair does."""

    plan: Plan


Spot: TypeAlias = "tuple[Plan | _Entry, Any, str, str]"
"""A plan, the wire value that it is for, and the pointers to it on the wire and in the target's shape."""


def places(plan: Plan, value: Any, definitions: Plans) -> Iterator[tuple[str, str]]:
    """The JSON pointers (on the wire, in the target's shape) of every value inside of a wire value.

    Containers included, in the order of the document, the root first. What has no place of its own in the
    target (a key of a pair, null that means left out) is not among them; a wrapper stands where its inside
    does. The value may be cut off anywhere: a pair without its value is left out. Of JSON text, only the
    text itself has a place.
    """
    return ((wire, pointer) for _, _, wire, pointer in walked(plan, value, definitions))


def moved(pointer: str, known: Mapping[str, str]) -> str:
    """A pointer in the other shape, by what is known of it or of the places above it."""
    above, below = pointer, ""
    while above not in known and above:
        above, _, last = above.rpartition("/")
        below = f"/{last}{below}"
    return known.get(above, "") + below


def walked(plan: Plan, value: Any, definitions: Plans, *, plain: bool = True) -> Iterator[Spot]:
    """All that `places` speaks of, with plans that are no references and no unions.

    Without `plain`, what is the same on the wire is not looked into.
    """
    settled = _Settling(definitions).settled
    # No recursion: how deep a value is, is up to the model.
    root: Spot = (plan, value, "", "")
    waiting: list[Iterator[Spot]] = [iter([root])]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            continue
        spot: Spot = (settled(found[0], found[1]), *found[1:])
        yield spot
        if plain or spot[0] is not None:
            waiting.append(_inside(spot))


class _Settling:
    def __init__(self, definitions: Plans) -> None:
        self._definitions = definitions
        self._choices: dict[int, BranchChooser] = {}  # by the identity of the plan, which lives as long

    def settled(self, plan: Plan | _Entry, value: Any) -> Plan | _Entry:
        """The plan that a reference or a union means for a value."""
        while isinstance(plan, (Named, Branches)):
            if isinstance(plan, Named):
                plan = self._definitions[plan.name][1]
            else:
                number = self._choice(plan).number(value)
                plan = None if number is None else plan.branches[number][1]
        return plan

    def _choice(self, plan: Branches) -> BranchChooser:
        if id(plan) not in self._choices:
            self._choices[id(plan)] = BranchChooser([schema for schema, _ in plan.branches], self._definitions)
        return self._choices[id(plan)]


def _inside(spot: Spot) -> Iterator[Spot]:
    """What is directly inside."""
    plan, value, wire, pointer = spot
    known = _INSIDE.get(type(plan))
    found = known(plan, value, wire, pointer) if known else None
    return _plain(value, wire, pointer) if found is None else found


def _plain(value: Any, wire: str, pointer: str) -> Iterator[Spot]:
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        step = "/" + escaped(str(key))
        yield None, member, wire + step, pointer + step


def _members(plan: Members, value: Any, wire: str, pointer: str) -> Iterator[Spot] | None:
    return _named(plan, value, wire, pointer) if isinstance(value, dict) else None


def _named(plan: Members, value: dict[str, Any], wire: str, pointer: str) -> Iterator[Spot]:
    own = {name: key for key, name in plan.names.items()}
    for name, member in value.items():
        key, at = own.get(name, name), f"{wire}/{escaped(name)}"
        further = name == plan.entries and key not in plan.plans
        listed = _pairs(Pairs(plan=plan.rest), member, at, pointer) if further else None
        if listed is not None:
            yield from listed
        elif not (member is None and (further or key in plan.absent)):
            inner = None if further else plan.plans.get(key, plan.rest)
            yield inner, member, at, f"{pointer}/{escaped(key)}"


def _items(plan: Items, value: Any, wire: str, pointer: str) -> Iterator[Spot] | None:
    if not isinstance(value, list):
        return None
    first = plan.first
    return (
        (first[number] if number < len(first) else plan.plan, item, f"{wire}/{number}", f"{pointer}/{number}")
        for number, item in enumerate(value)
    )


def _values(plan: Values, value: Any, wire: str, pointer: str) -> Iterator[Spot] | None:
    if not isinstance(value, dict):
        return None
    return ((plan.plan, it, f"{wire}/{escaped(key)}", f"{pointer}/{escaped(key)}") for key, it in value.items())


def _pairs(plan: Pairs, value: Any, wire: str, pointer: str) -> Iterator[Spot] | None:
    pairs = _complete(value)
    if pairs is None:
        return None
    entry = _Entry(plan=plan.plan)
    return ((entry, pair, f"{wire}/{number}", f"{pointer}/{escaped(pair['key'])}") for number, pair in enumerate(pairs))


def _complete(value: Any) -> list[Any] | None:
    """The pairs of a list of them, of which the last may be cut off; None where it is something else."""
    if is_pairs(value):
        return list(value)
    if not isinstance(value, list) or not isinstance(value[-1], dict) or list(value[-1]) not in ([], ["key"]):
        return None
    return value[:-1] if is_pairs(value[:-1]) else None


def _entry(plan: _Entry, value: Any, wire: str, pointer: str) -> Iterator[Spot]:
    return iter([(plan.plan, value["value"], f"{wire}/value", pointer)])


def _only(key: str, plan: Plan, value: Any, wire: str, pointer: str) -> Iterator[Spot] | None:
    if not isinstance(value, dict) or value.keys() != {key}:
        return None
    return iter([(plan, value[key], f"{wire}/{escaped(key)}", pointer)])


def _any_value(plan: AnyValue, value: Any, wire: str, pointer: str) -> Iterator[Spot] | None:
    if isinstance(value, list):
        return _items(Items(plan=plan), value, wire, pointer)
    entries = value.get("entries") if isinstance(value, dict) else None
    return None if _complete(entries) is None else _only("entries", Pairs(plan=plan), value, wire, pointer)


# What stands inside of a value of each plan; None where the value is not of its shape. JSON text has no inside.
_INSIDE: Mapping[type, Callable[[Any, Any, str, str], Iterator[Spot] | None]] = {
    Members: _members,
    Items: _items,
    Values: _values,
    Pairs: _pairs,
    _Entry: _entry,
    Wrapped: lambda plan, value, wire, pointer: _only("value", plan.plan, value, wire, pointer),
    Tagged: lambda plan, value, wire, pointer: _only(plan.tag, plan.plan, value, wire, pointer),
    AnyValue: _any_value,
}
