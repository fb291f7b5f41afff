"""The way back: a value as the endpoint gave it → the shape that the target defined.

Adapting leaves a `Plan` beside each schema it changed; None means "as it is". `restorer` makes one function
of it, in which only what changes anything is left. A value that does not have the shape asked for is left
alone: judging it is the target's business. `to_wire` is the opposite, for examples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
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
    "Plans",
    "Restorer",
    "Values",
    "Wrapped",
    "restorer",
    "to_wire",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """An object. `optional` are the properties that may be left out but must be written, as null; `absent`
    those of them whose own schema has no null, so that null can only mean that they are left out.
    """

    plans: Mapping[str, Plan]
    optional: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


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


Plan: TypeAlias = "Members | Values | Items | Pairs | Branches | Named | AnyValue | Wrapped | None"
Plans: TypeAlias = "Mapping[str, tuple[dict[str, Any], Plan]]"
"""The definitions: name → wire schema and plan."""
Restorer: TypeAlias = "Callable[[Any], Any]"


def restorer(plan: Plan, definitions: Plans) -> Restorer | None:
    """The function that undoes every change of the wire; None where there is nothing to undo."""
    return _Compiler(definitions).compiled(plan)


class _Compiler:
    def __init__(self, definitions: Plans) -> None:
        self._definitions = definitions
        self._named: dict[str, Restorer | None] = {}

    def compiled(self, plan: Plan) -> Restorer | None:
        """The restorer of a plan."""
        match plan:
            case Members(plans=plans, absent=absent):
                return self._members(plans, absent)
            case Values(plan=inner):
                each = self.compiled(inner)
                return None if each is None else functools.partial(_values, each)
            case Items(plan=inner, first=first):
                return self._items(inner, first)
            case Pairs(plan=inner):
                return functools.partial(_from_pairs, self.compiled(inner) or _same)
            case Branches(branches=branches):
                return self._branches(branches)
            case Named(name=name):
                return self._reference(name)
            case AnyValue():
                return _any_value
            case Wrapped(plan=inner):
                return functools.partial(_unwrapped, self.compiled(inner) or _same)
            case _:
                return None

    def _members(self, plans: Mapping[str, Plan], absent: frozenset[str]) -> Restorer | None:
        changed = {key: each for key, plan in plans.items() if (each := self.compiled(plan)) is not None}
        if not changed and not absent:
            return None

        def members(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            kept = (pair for pair in value.items() if pair[1] is not None or pair[0] not in absent)
            return {key: changed[key](member) if key in changed else member for key, member in kept}

        return members

    def _items(self, plan: Plan, first: tuple[Plan, ...]) -> Restorer | None:
        heads = [self.compiled(each) for each in first]
        rest = self.compiled(plan)
        if rest is None and not any(heads):
            return None

        def items(value: Any) -> Any:
            if not isinstance(value, list):
                return value
            functions = [*heads, *[rest] * (len(value) - len(heads))]
            return [each(item) if each else item for each, item in zip(functions, value, strict=False)]

        return items

    def _branches(self, branches: tuple[tuple[Mapping[str, Any], Plan], ...]) -> Restorer | None:
        compiled = [(schema, self.compiled(plan)) for schema, plan in branches]
        if not any(each for _, each in compiled):
            return None
        choice: list[_Choice] = []  # made when first needed

        def branch(value: Any) -> Any:
            if not choice:
                choice.append(_Choice([schema for schema, _ in compiled], self._definitions))
            number = choice[0].number(value)
            each = None if number is None else compiled[number][1]
            return each(value) if each else value

        return branch

    def _reference(self, name: str) -> Restorer | None:
        if name not in self._named:
            if not self._changes(Named(name=name), set()):
                self._named[name] = None
                return None
            compiled: list[Restorer] = []
            # Late, since a definition may refer to itself before it is compiled.
            self._named[name] = lambda value: compiled[0](value)  # noqa: PLW0108
            compiled.append(self.compiled(self._definitions[name][1]) or _same)
        return self._named[name]

    def _changes(self, plan: Plan, seen: set[str]) -> bool:
        """Whether a plan can change anything, definitions that refer to themselves included."""
        if isinstance(plan, Named):
            if plan.name in seen:
                return False
            seen.add(plan.name)
            return self._changes(self._definitions[plan.name][1], seen)
        own = isinstance(plan, (Pairs, AnyValue, Wrapped)) or (isinstance(plan, Members) and bool(plan.absent))
        return own or any(self._changes(inner, seen) for inner in _inner(plan))


def _inner(plan: Plan) -> list[Plan]:
    match plan:
        case Members(plans=plans):
            return list(plans.values())
        case Items(plan=inner, first=first):
            return [inner, *first]
        case Branches(branches=branches):
            return [inner for _, inner in branches]
        case Values(plan=inner) | Pairs(plan=inner) | Wrapped(plan=inner):
            return [inner]
        case _:
            return []


def _same(value: Any) -> Any:
    return value


def _unwrapped(each: Restorer, value: Any) -> Any:
    return each(value["value"]) if isinstance(value, dict) and value.keys() == {"value"} else value


def _values(each: Restorer, value: Any) -> Any:
    return {key: each(member) for key, member in value.items()} if isinstance(value, dict) else value


def _is_pairs(value: Any) -> bool:
    """Whether a value is a list of pairs with different keys. Of two pairs with one key one would be lost:
    left as they are, the target says what is wrong.
    """
    if not isinstance(value, list) or not all(map(_is_pair, value)):
        return False
    return len({pair["key"] for pair in value}) == len(value)


def _is_pair(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {"key", "value"} and isinstance(item["key"], str)


def _from_pairs(each: Restorer, value: Any) -> Any:
    return {pair["key"]: each(pair["value"]) for pair in value} if _is_pairs(value) else value


def _any_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_any_value(item) for item in value]
    if isinstance(value, dict) and value.keys() == {"entries"}:
        return _from_pairs(_any_value, value["entries"]) if _is_pairs(value["entries"]) else value
    return value


# ------------------------------------------------------------------------------ choosing a branch


class _Choice:
    """Which branch of a union a wire value belongs to: the first whose wire schema accepts it; where none
    does, the first of its type, so that as much as possible of a wrong value is put back.
    """

    def __init__(self, schemas: list[Mapping[str, Any]], definitions: Plans) -> None:
        self._schemas = schemas
        self._definitions = {name: wire for name, (wire, _) in definitions.items()}
        self._validators = [self._validator(schema) for schema in schemas]

    def _validator(self, schema: Mapping[str, Any]) -> Callable[[Any], bool]:
        import jsonschema_rs

        try:
            whole = {**schema, "$defs": self._definitions}
            return jsonschema_rs.validator_for(whole, offline=True).is_valid
        except jsonschema_rs.ValidationError:  # a pattern that it does not know
            return lambda value: self._is_of_type(schema, value)

    def number(self, value: Any) -> int | None:
        """The number of the branch."""
        for number, accepts in enumerate(self._validators):
            if accepts(value):
                return number
        like = (number for number, schema in enumerate(self._schemas) if self._is_of_type(schema, value))
        return next(like, None)

    def accepted(self, ways: list[Any]) -> Any:
        """Of a value written in the way of each branch, the first that its branch accepts."""
        pairs = zip(self._validators, ways, strict=True)
        return next((way for accepts, way in pairs if accepts(way)), ways[0])

    def _is_of_type(self, schema: Mapping[str, Any], value: Any) -> bool:
        if "$ref" in schema:
            return self._is_of_type(self._definitions[schema["$ref"].rpartition("/")[2]], value)
        if "anyOf" in schema:
            return any(self._is_of_type(member, value) for member in schema["anyOf"])
        constants = [schema["const"]] if "const" in schema else schema.get("enum")
        if constants is not None:
            return value in constants
        kinds = schema.get("type", ())
        return any(_is_kind(kind, value) for kind in ((kinds,) if isinstance(kinds, str) else kinds)) and all(
            self._is_of_type(member, value[key])
            for key, member in schema.get("properties", {}).items()
            if isinstance(value, dict) and key in value and ("const" in member or "enum" in member)
        )


_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _is_kind(kind: str, value: Any) -> bool:
    return isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind == "boolean")


# ----------------------------------------------------------------------- the way there, for examples


def to_wire(plan: Plan, value: Any, definitions: Plans) -> Any:
    """The opposite of restoring: a value of the target, as the endpoint is asked to write it."""
    match plan, value:
        case Wrapped(plan=inner), _:
            return {"value": to_wire(inner, value, definitions)}
        case Members(plans=plans, optional=optional, absent=absent), dict():
            written = {key: to_wire(plans.get(key), member, definitions) for key, member in value.items()}
            nulls = optional | absent
            in_order = dict.fromkeys([*(key for key in plans if key in written or key in nulls), *sorted(nulls)])
            return {**in_order, **written}
        case Values(plan=inner), dict():
            return {key: to_wire(inner, member, definitions) for key, member in value.items()}
        case Items(plan=inner, first=first), list():
            plans_of = [*first, *[inner] * (len(value) - len(first))]
            return [to_wire(each, item, definitions) for each, item in zip(plans_of, value, strict=False)]
        case Pairs(plan=inner), dict():
            return [{"key": key, "value": to_wire(inner, each, definitions)} for key, each in value.items()]
        case Branches(branches=branches), _:
            choice = _Choice([schema for schema, _ in branches], definitions)
            return choice.accepted([to_wire(inner, value, definitions) for _, inner in branches])
        case Named(name=name), _:
            return to_wire(definitions[name][1], value, definitions)
        case AnyValue(), dict():
            return {"entries": [{"key": k, "value": to_wire(plan, v, definitions)} for k, v in value.items()]}
        case AnyValue(), list():
            return [to_wire(plan, item, definitions) for item in value]
        case _:
            return value
