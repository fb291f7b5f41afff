"""The way there, for examples: a value of the target, as the endpoint is asked to write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_json

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
    Tagged,
    Values,
    Wrapped,
)
from extractor.schema.restore import restorer

__all__ = ["to_wire"]


def to_wire(plan: Plan, value: Any, definitions: Plans) -> Any:
    """The opposite of restoring: a value of the target, as the endpoint is asked to write it.

    Properties that the target's schema does not name are left out where the wire has no place for them.
    """
    return _Writer(definitions).written(plan, value)


class _Writer:
    def __init__(self, definitions: Plans) -> None:
        self._definitions = definitions
        self._choices: dict[int, BranchChooser] = {}
        self._ways: dict[tuple[int, int], Any] = {}  # by the identity of plan and value, which live as long

    def written(self, plan: Plan, value: Any) -> Any:
        """A value by a plan; one of another shape is left as it is."""
        if plan is None:
            return value
        kind, write = _WRITTEN[type(plan)]
        return write(self, plan, value) if isinstance(value, kind) else value

    def _members(self, plan: Members, value: dict[str, Any]) -> dict[str, Any]:
        # In the order of the schema; what may be left out but must be written is null.
        written = {
            plan.names.get(key, key): self.written(inner, value[key]) if key in value else None
            for key, inner in plan.plans.items()
            if key in value or key in plan.optional
        }
        further = {key: self.written(plan.rest, member) for key, member in value.items() if key not in plan.plans}
        if plan.entries:
            return {**written, plan.entries: [{"key": key, "value": member} for key, member in further.items()]}
        return {**written, **further} if plan.open else written

    def _items(self, plan: Items, value: list[Any]) -> list[Any]:
        plans = [*plan.first, *[plan.plan] * (len(value) - len(plan.first))]
        return [self.written(each, item) for each, item in zip(plans, value, strict=False)]

    def _pairs(self, plan: Pairs, value: dict[str, Any]) -> list[Any]:
        return [{"key": key, "value": self.written(plan.plan, each)} for key, each in value.items()]

    def _any_value(self, plan: AnyValue, value: Any) -> Any:
        if isinstance(value, list):
            return [self._any_value(plan, item) for item in value]
        if isinstance(value, dict):
            return {"entries": [{"key": key, "value": self._any_value(plan, each)} for key, each in value.items()]}
        return value

    def _branch(self, plan: Branches, value: Any) -> Any:
        """The value in the way of the first branch that takes it and loses nothing of it, else that takes it."""
        # By identity: a plan lives as long as the definitions.
        known = (id(plan), id(value))
        if known not in self._ways:
            self._ways[known] = self._way(plan, value)
        return self._ways[known]

    def _way(self, plan: Branches, value: Any) -> Any:
        choice = self._choices.get(id(plan))
        if choice is None:
            choice = self._choices[id(plan)] = BranchChooser([schema for schema, _ in plan.branches], self._definitions)
        taken: list[Any] = []
        for number, (_, inner) in enumerate(plan.branches):
            way = self.written(inner, value)
            if choice.accepts(number, way):
                back = restorer(inner, self._definitions)
                if _told(back(way) if back else way) == _told(value):
                    return way
                taken.append(way)
        if taken or value is None:  # null, where the dialect says it beside the union
            return taken[0] if taken else None
        return self.written(plan.branches[0][1], value)


def _told(value: Any) -> Any:
    """A value without what is null: left out and null are the same to most."""
    if isinstance(value, dict):
        return {key: _told(member) for key, member in value.items() if member is not None}
    return [_told(item) for item in value] if isinstance(value, list) else value


_WRITTEN: Mapping[type, tuple[type, Callable[[_Writer, Any, Any], Any]]] = {
    Wrapped: (object, lambda writer, plan, value: {"value": writer.written(plan.plan, value)}),
    Tagged: (object, lambda writer, plan, value: {plan.tag: writer.written(plan.plan, value)}),
    Members: (dict, _Writer._members),
    Values: (dict, lambda writer, plan, value: {key: writer.written(plan.plan, it) for key, it in value.items()}),
    Items: (list, _Writer._items),
    Pairs: (dict, _Writer._pairs),
    Branches: (object, _Writer._branch),
    Named: (object, lambda writer, plan, value: writer.written(writer._definitions[plan.name][1], value)),
    Encoded: (object, lambda writer, plan, value: to_json(value).decode()),
    AnyValue: (object, _Writer._any_value),
}
