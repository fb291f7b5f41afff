"""The two ways between a value on the wire and the same in the shape that the target defined.

Adapting leaves a `Plan` beside each schema it changed; None means "as it is". `restorer` makes one function
of it, in which only what changes anything is left. A value that does not have the shape asked for is left
alone: judging it is the target's business. `to_wire` is the opposite, for examples; `absences` finds what a
value lacks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic_core import from_json, to_json

from extractor.schema.nodes import escaped

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
    "absences",
    "restorer",
    "to_wire",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """An object.

    `optional` are the properties that may be left out but must be written, as null; `absent` those of
    which null can only mean that they are not there, since their own schema has no null. `names` are the
    properties with other names on the wire. Where it is `open`, `rest` is the plan of further properties,
    which stand in the list `entries` where that has a name.
    """

    plans: Mapping[str, Plan]
    optional: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    rest: Plan = None
    entries: str = ""


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
    """The root is `{"value": …}` on the wire."""

    plan: Plan


Plan: TypeAlias = "Members | Values | Items | Pairs | Branches | Tagged | Encoded | Named | AnyValue | Wrapped | None"
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
        self._changing = _changing(definitions)

    def compiled(self, plan: Plan) -> Restorer | None:  # a table, with what each line needs
        """The restorer of a plan."""
        match plan:
            case Members():
                return self._members(plan)
            case Values(plan=inner):
                each = self.compiled(inner)
                return None if each is None else functools.partial(_values, each)
            case Items(plan=inner, first=first):
                return self._items(inner, first)
            case Pairs(plan=inner):
                return functools.partial(_from_pairs, self.compiled(inner) or _same)
            case Branches(branches=branches):
                return self._branches(branches)
            case Tagged(tag=tag, plan=inner):
                return functools.partial(_only, tag, self.compiled(inner) or _same)
            case Encoded():
                return _decoded
            case Named(name=name):
                return self._reference(name)
            case AnyValue():
                return _any_value
            case Wrapped(plan=inner):
                return functools.partial(_only, "value", self.compiled(inner) or _same)
            case _:
                return None

    def _members(self, plan: Members) -> Restorer | None:
        own: dict[Any, str] = {wire: key for key, wire in plan.names.items()}
        changed = {key: each for key, inner in plan.plans.items() if (each := self.compiled(inner)) is not None}
        rest = self.compiled(plan.rest)
        absent, entries, known = plan.absent, plan.entries, frozenset(plan.plans)
        if not changed and not absent and not entries and not own and rest is None:
            return None

        def members(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            result: dict[str, Any] = {}
            for wire, member in value.items():
                key: Any = own.get(wire, wire)
                if key == entries and key not in known:
                    continue
                if member is None and key in absent:
                    continue
                each = changed.get(key) if key in known else rest
                result[key] = each(member) if each else member
            return _with_entries(result, value, entries, rest) if entries else result

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

    def _branches(self, branches: tuple[tuple[dict[str, Any], Plan], ...]) -> Restorer | None:
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
            if name not in self._changing:
                self._named[name] = None
                return None
            compiled: list[Restorer] = []
            # Late, since a definition may refer to itself before it is compiled.
            self._named[name] = lambda value: compiled[0](value)  # noqa: PLW0108
            compiled.append(self.compiled(self._definitions[name][1]) or _same)
        return self._named[name]


def _changing(definitions: Plans) -> set[str]:
    """The definitions that change anything, by themselves or through what they refer to."""
    own: set[str] = set()
    uses: dict[str, set[str]] = {}
    for name, (_, plan) in definitions.items():
        ahead = [plan]
        while ahead:
            each = ahead.pop()
            if isinstance(each, Named):
                uses.setdefault(each.name, set()).add(name)
            elif _changes(each):
                own.add(name)
            ahead += _inner(each)
    reached = list(own)
    while reached:
        users = uses.get(reached.pop(), set()) - own
        own |= users
        reached += users
    return own


def _changes(plan: Plan) -> bool:
    if isinstance(plan, Members):
        return bool(plan.absent or plan.entries or plan.names)
    return isinstance(plan, (Pairs, AnyValue, Wrapped, Tagged, Encoded))


def _inner(plan: Plan) -> list[Plan]:
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


def _same(value: Any) -> Any:
    return value


def _only(key: str, each: Restorer, value: Any) -> Any:
    return each(value[key]) if isinstance(value, dict) and value.keys() == {key} else value


def _values(each: Restorer, value: Any) -> Any:
    return {key: each(member) for key, member in value.items()} if isinstance(value, dict) else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError:
        return value  # a bare text, which the target judges


def _with_entries(result: dict[str, Any], value: dict[str, Any], entries: str, each: Restorer | None) -> Any:
    """The object with its further properties, unless one of them is there twice."""
    further = value.get(entries)
    if further is None:
        return result
    if not _is_pairs(further) or any(pair["key"] in result for pair in further):
        return {**result, entries: further}
    return {**result, **_from_pairs(each or _same, further)}


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

    def __init__(self, schemas: list[dict[str, Any]], definitions: Plans) -> None:
        self._schemas = schemas
        self._definitions = {name: wire for name, (wire, _) in definitions.items()}
        self._validators = [self._validator(schema) for schema in schemas]

    def _validator(self, schema: dict[str, Any]) -> Callable[[Any], bool]:
        import jsonschema_rs

        try:
            whole = {**schema, "$defs": self._definitions} if self._definitions else schema
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

    def accepts(self, number: int, value: Any) -> bool:
        """Whether that branch's wire schema accepts the value."""
        return self._validators[number](value)

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
    """The opposite of restoring: a value of the target, as the endpoint is asked to write it.

    Properties that the target's schema does not name are left out where the wire has no place for them.
    """
    return _Writer(definitions).written(plan, value)


class _Writer:
    def __init__(self, definitions: Plans) -> None:
        self._definitions = definitions
        self._choices: dict[int, _Choice] = {}
        self._compiler = _Compiler(definitions)

    def written(self, plan: Plan, value: Any) -> Any:  # a table, as above
        match plan, value:
            case Wrapped(plan=inner), _:
                return {"value": self.written(inner, value)}
            case Tagged(tag=tag, plan=inner), _:
                return {tag: self.written(inner, value)}
            case Members(), dict():
                return self._members(plan, value)
            case Values(plan=inner), dict():
                return {key: self.written(inner, member) for key, member in value.items()}
            case Items(plan=inner, first=first), list():
                plans_of = [*first, *[inner] * (len(value) - len(first))]
                return [self.written(each, item) for each, item in zip(plans_of, value, strict=False)]
            case Pairs(plan=inner), dict():
                return [{"key": key, "value": self.written(inner, each)} for key, each in value.items()]
            case Branches(), _:
                return self._branch(plan, value)
            case Named(name=name), _:
                return self.written(self._definitions[name][1], value)
            case Encoded(), _:
                return to_json(value).decode()
            case AnyValue(), dict():
                return {"entries": [{"key": k, "value": self.written(plan, v)} for k, v in value.items()]}
            case AnyValue(), list():
                return [self.written(plan, item) for item in value]
            case _:
                return value

    def _members(self, plan: Members, value: dict[str, Any]) -> dict[str, Any]:
        # In the order of the schema; what may be left out but must be written is null.
        written = {
            plan.names.get(key, key): self.written(inner, value[key]) if key in value else None
            for key, inner in plan.plans.items()
            if key in value or key in plan.optional or key in plan.absent
        }
        further = {key: self.written(plan.rest, member) for key, member in value.items() if key not in plan.plans}
        if plan.entries:
            return {**written, plan.entries: [{"key": key, "value": member} for key, member in further.items()]}
        return {**written, **further} if plan.open else written

    def _branch(self, plan: Branches, value: Any) -> Any:
        """The value in the way of the first branch that takes it and loses nothing of it, else that takes it."""
        # By identity: a plan lives as long as the definitions.
        choice = self._choices.get(id(plan))
        if choice is None:
            choice = self._choices[id(plan)] = _Choice([schema for schema, _ in plan.branches], self._definitions)
        taken = []
        for number, (_, inner) in enumerate(plan.branches):
            way = self.written(inner, value)
            if choice.accepts(number, way):
                back = self._compiler.compiled(inner)
                if (back(way) if back else way) == value:
                    return way
                taken.append(way)
        return taken[0] if taken else self.written(plan.branches[0][1], value)


# ------------------------------------------------------------------------------ what is not there


def absences(plan: Plan, value: Any, definitions: Plans, pointer: str = "") -> Iterator[str]:
    """The pointers (into the target's own shape) of the properties that are null on the wire and so absent."""
    match plan, value:
        case Members(), dict():
            for key, inner in plan.plans.items():
                place = f"{pointer}/{escaped(key)}"
                wire = plan.names.get(key, key)
                if wire in value and value[wire] is None and key in plan.absent:
                    yield place
                else:
                    yield from absences(inner, value.get(wire), definitions, place)
        case (Wrapped(plan=inner), {"value": found}):
            yield from [pointer] if found is None else absences(inner, found, definitions, pointer)
        case Tagged(tag=tag, plan=inner), dict():
            yield from absences(inner, value.get(tag), definitions, pointer)
        case Items(plan=inner, first=first), list():
            for number, item in enumerate(value):
                each = first[number] if number < len(first) else inner
                yield from absences(each, item, definitions, f"{pointer}/{number}")
        case Pairs(plan=inner), list() if _is_pairs(value):
            for pair in value:
                yield from absences(inner, pair["value"], definitions, f"{pointer}/{escaped(pair['key'])}")
        case Values(plan=inner), dict():
            for key, member in value.items():
                yield from absences(inner, member, definitions, f"{pointer}/{escaped(key)}")
        case Branches(branches=branches), _:
            number_of = _Choice([schema for schema, _ in branches], definitions).number(value)
            if number_of is not None:
                yield from absences(branches[number_of][1], value, definitions, pointer)
        case Named(name=name), _:
            yield from absences(definitions[name][1], value, definitions, pointer)
        case _:
            return
