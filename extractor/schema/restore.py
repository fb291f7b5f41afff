"""The way back: a value as the endpoint gave it → the shape that the target defined.

`restorer` makes one function of a plan, in which only what changes anything is left. A value that does not
have the shape asked for is left alone: judging it is the target's business. A key that is given twice raises
`Twice`: no target could see that.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from extractor.schema.branch_chooser import BranchChooser
from extractor.schema.plans import (
    AnyValue,
    Branches,
    Encoded,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Plans,
    Restorer,
    Tagged,
    Values,
    Wrapped,
    inner_plans,
)

__all__ = ["Twice", "Unclean", "finite", "is_pairs", "once", "restorer"]


def restorer(plan: Plan, definitions: Plans) -> Restorer | None:
    """The function that undoes every change of the wire; None where there is nothing to undo."""
    return _Compiler(definitions).compiled(plan)


class _Compiler:
    def __init__(self, definitions: Plans) -> None:
        self._definitions = definitions
        self._named: dict[str, Restorer | None] = {}
        self._changing = _changing(definitions)

    def compiled(self, plan: Plan) -> Restorer | None:
        """The restorer of a plan."""
        return None if plan is None else _COMPILED[type(plan)](self, plan)

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

    def _items(self, plan: Items) -> Restorer | None:
        heads = [self.compiled(each) for each in plan.first]
        rest = self.compiled(plan.plan)
        if rest is None and not any(heads):
            return None

        def items(value: Any) -> Any:
            if not isinstance(value, list):
                return value
            functions = [*heads, *[rest] * (len(value) - len(heads))]
            return [each(item) if each else item for each, item in zip(functions, value, strict=False)]

        return items

    def _values(self, plan: Values) -> Restorer | None:
        each = self.compiled(plan.plan)
        return None if each is None else functools.partial(_values, each)

    def _pairs(self, plan: Pairs) -> Restorer:
        return functools.partial(_from_pairs, self.compiled(plan.plan) or _same)

    def _tagged(self, plan: Tagged) -> Restorer:
        return functools.partial(_only, plan.tag, self.compiled(plan.plan) or _same)

    def _wrapped(self, plan: Wrapped) -> Restorer:
        return functools.partial(_only, "value", self.compiled(plan.plan) or _same)

    def _branches(self, plan: Branches) -> Restorer | None:
        compiled = [(schema, self.compiled(inner)) for schema, inner in plan.branches]
        if not any(each for _, each in compiled):
            return None
        choice: list[BranchChooser] = []  # made when first needed

        def branch(value: Any) -> Any:
            if not choice:
                choice.append(BranchChooser([schema for schema, _ in compiled], self._definitions))
            number = choice[0].number(value)
            each = None if number is None else compiled[number][1]
            return each(value) if each else value

        return branch

    def _reference(self, plan: Named) -> Restorer | None:
        name = plan.name
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
            ahead += inner_plans(each)
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


def _same(value: Any) -> Any:
    return value


def _only(key: str, each: Restorer, value: Any) -> Any:
    return each(value[key]) if isinstance(value, dict) and value.keys() == {key} else value


def _values(each: Restorer, value: Any) -> Any:
    return {key: each(member) for key, member in value.items()} if isinstance(value, dict) else value


# Python's own reader takes a key that is given twice, NaN, and 1e999 for infinity: as hooks of it, these raise.


class Unclean(ValueError):
    """Something that must not become data, and that no target could see any more. `kind` is its name."""

    def __init__(self, message: str, *, kind: str, found: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.found = found


class Twice(Unclean):
    """A key is given twice, so that one of its values would be lost."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {key[:100]!r} is given twice.", kind="duplicate_key", found="it twice")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its members. Raises `Twice`."""
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        raise Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return value


def finite(digits: str) -> float:
    """A number with a point or an exponent, or one of the names that are none. Raises `Unclean`."""
    number = float(digits)
    if number - number != 0:
        raise Unclean("A number must be finite.", kind="not_finite", found=digits[:100])
    return number


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        from_json(value)  # bounded in depth
        return _CLEAN.decode(value)
    except (Unclean, RecursionError):
        raise
    except ValueError:
        return value  # a bare text, which the target judges


_CLEAN = json.JSONDecoder(object_pairs_hook=once, parse_float=finite, parse_constant=finite)


def _with_entries(result: dict[str, Any], value: dict[str, Any], entries: str, each: Restorer | None) -> Any:
    """The object with its further properties."""
    listed = value.get(entries)
    if listed is None:
        return result
    if not is_pairs(listed):
        return {**result, entries: listed}
    further = _from_pairs(each or _same, listed)
    for key in further:
        if key in result:
            raise Twice(key)
    return {**result, **further}


def is_pairs(value: Any) -> bool:
    """Whether a value is a list of keys and values."""
    return isinstance(value, list) and all(map(_is_pair, value))


def _is_pair(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {"key", "value"} and isinstance(item["key"], str)


def _from_pairs(each: Restorer, value: Any) -> Any:
    if not is_pairs(value):
        return value
    result: dict[str, Any] = {}
    for pair in value:
        if pair["key"] in result:
            raise Twice(pair["key"])
        result[pair["key"]] = each(pair["value"])
    return result


def _any_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_any_value(item) for item in value]
    if isinstance(value, dict) and value.keys() == {"entries"}:
        return _from_pairs(_any_value, value["entries"]) if is_pairs(value["entries"]) else value
    return value


_COMPILED: Mapping[type, Callable[[_Compiler, Any], Restorer | None]] = {
    Members: _Compiler._members,
    Values: _Compiler._values,
    Items: _Compiler._items,
    Pairs: _Compiler._pairs,
    Branches: _Compiler._branches,
    Tagged: _Compiler._tagged,
    Wrapped: _Compiler._wrapped,
    Named: _Compiler._reference,
    Encoded: lambda compiler, plan: _decoded,
    AnyValue: lambda compiler, plan: _any_value,
}
