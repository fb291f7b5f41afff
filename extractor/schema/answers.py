"""The answers to a scope put back at their places in a value."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from extractor.schema.pointers import step_in, steps_of
from extractor.schema.scope import Scope
from extractor.schema.subschemas import MISSING

__all__ = ["merged"]


def merged(data: Any, scope: Scope, answer: Mapping[str, Any]) -> Any:
    """The value with every answer at its place. `data` stays as it is; only what changes is copied.

    A place without an answer stays as it was. A null takes an optional place out of the value, where its schema has
    no null. What is to be appended never replaces anything. Objects that are missing on the way are made; a place
    that cannot be there any more is passed over.
    """
    changed = _Changing(data)
    for place in scope.places:
        found = answer.get(place.name, MISSING)
        if found is MISSING or (found is None and place.append):
            continue
        if found is None and place.optional and not place.nullable:
            found = MISSING
        changed.put(steps_of(place.pointer), found, append=place.append)
    return changed.value


class _Changing:
    """A value that is copied along the ways to what is changed."""

    def __init__(self, value: Any) -> None:
        self._top = [value]  # so that the root stands in something, too
        self._own: dict[int, Any] = {id(self._top): self._top}  # kept, so that no identity is used twice

    @property
    def value(self) -> Any:
        """The value as it is now."""
        return self._top[0]

    def put(self, steps: list[str], found: Any, *, append: bool) -> None:
        """Put something at a place, or behind what is there; take out what is there for `MISSING`."""
        holder: Any = self._top
        *way, last = [0, *steps]
        for step in way:
            holder = self._held(holder, step_in(holder, step), make=found is not MISSING)
        at = step_in(holder, last)
        if at is None:
            return
        there = holder.get(at, MISSING) if isinstance(holder, dict) else holder[at]
        if found is MISSING:
            if isinstance(holder, dict):
                holder.pop(at, None)
        elif not append or there is MISSING:
            holder[at] = found
        elif isinstance(there, list) and isinstance(found, list):
            holder[at] = [*there, *found]
        elif isinstance(there, dict) and isinstance(found, dict):
            holder[at] = {**there, **{key: it for key, it in found.items() if key not in there}}

    def _held(self, holder: Any, at: str | int | None, *, make: bool) -> Any:
        """The object or list at a place, as a copy that may be changed."""
        if at is None:
            return None
        held = holder.get(at, {} if make else None) if isinstance(holder, dict) else holder[at]
        if id(held) not in self._own and isinstance(held, (dict, list)):
            held = copy.copy(held)
            self._own[id(held)] = holder[at] = held
        return held
