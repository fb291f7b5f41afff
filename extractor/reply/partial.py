"""What is known so far of a value that is still being written, typed as in the model.

A `Partial` shows what had been read at one moment, and stays that. It costs nothing to make, whatever the size of the
value: a complete value is validated as its field is, an open object is a `Partial` again, an open string of a field
that takes any string is its beginning, and all else is `UNKNOWN`; each when it is looked at, by the view that it has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from extractor.schema.plans import Members, Pairs, Plan

if TYPE_CHECKING:  # whoever imports the name need not have what streams only need
    from extractor.reply.kinds import Kind
    from extractor.reply.node import Node
    from extractor.reply.view import View

__all__ = ["UNKNOWN", "Partial", "is_absent", "is_complete", "number_of"]

T = TypeVar("T")


class _Unknown:
    """Not known yet. It is false."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""What stands for a value that is not known yet."""

# ------------------------------------------------------------- what was known at a moment

_start = attrgetter("start")


def is_complete(node: Node, at: int) -> bool:
    """Whether a value was complete at a moment: a number is when the character after it is known."""
    return 0 <= node.end <= at - (node.kind == "number")


def is_absent(node: Node, plan: Members, key: str, at: int) -> bool:
    """Whether null stands there, which can only mean that there is nothing."""
    return node.kind == "null" and key in plan.absent and is_complete(node, at)


def number_of(node: Node, at: int) -> int:
    """How many members or items had begun by a moment."""
    children = node.children
    if not children or children[-1].start < at:
        return len(children)
    return bisect_left(children, at, key=_start)


# --------------------------------------------------------------------------- what is shown


class Partial(Generic[T]):
    """What is known so far of an object (by attribute, or by key) or of a list (by number; it has a length).

    Complete values are typed as in the model, open ones are `Partial` themselves or, where their field takes any
    text, the text so far. What is not known yet, or is not valid, is `UNKNOWN`: there are no defaults.
    `model_fields_set` are the fields of which something is known, `model_dump()` is all of it as plain data, by the
    keys of the schema; `dict(partial)` has what `partial[key]` is under each of these keys.
    """

    __slots__ = ("_at", "_kind", "_node", "_plan", "_view")

    def __init__(self, view: View, node: Node, plan: Plan, kind: Kind | None, at: int) -> None:
        self._view, self._node, self._plan, self._kind, self._at = view, node, plan, kind, at

    def __getattr__(self, name: str) -> Any:
        kind = self._kind
        if kind is not None and name in kind.keys:
            return self._member(kind.keys[name])
        if name == "keys" and self._is_object():  # no method: a field may have that name
            return lambda: [*self._names()]
        if (kind is None or kind.is_free) and not name.startswith("__") and self._is_object():
            return self._member(name)
        raise AttributeError(f"{getattr(kind and kind.bare, '__name__', 'The target')} has no field {name!r}")

    def __getitem__(self, key: Any) -> Any:
        """A value by its key, or the name of its field; of a list by its number. `KeyError` and `IndexError` say
        that there is none, and will be none.
        """
        if self._is_object():
            return self._keyed(str(key))
        if isinstance(key, slice):
            return [self[number] for number in range(len(self))[key]]
        return self._item(key)

    def _keyed(self, name: str) -> Any:
        key = name if self._kind is None else self._kind.key(name)
        if key is None and name in self._names():  # no field, but there
            key = name
        if key is None:
            raise KeyError(name)
        return self._member(key)

    def _member(self, key: str) -> Any:
        view, at = self._view, self._at
        place = view.places.get((self._node, key))
        # What was complete before need not wait for what has come since.
        if (place is None or not 0 <= place[0].end < at) and view.read(at):
            place = view.places.get((self._node, key))
        if place is None:
            found = view.member(self._node, self._plan, key)
            if found is None:
                return UNKNOWN
            place = view.places[self._node, key] = (*found, self._kind.field(key) if self._kind else None)
        child, since, plan, kind = place
        if 0 <= child.end < at and (known := view.done.get(child, UNKNOWN)) is not UNKNOWN:
            return known  # as below, but most often
        if since >= at:
            return UNKNOWN
        if child.kind == "null" and isinstance(self._plan, Members) and is_absent(child, self._plan, key, at):
            return None
        return view.value(child, plan, kind, at)

    def _item(self, number: int) -> Any:
        view, at, children = self._view, self._at, self._node.children
        if not 0 <= number < len(children) or not is_complete(children[number], at):
            number = range(len(self))[number]
        kind = self._kind.item(number) if self._kind else None
        return view.value(children[number], view.item_plan(self._plan, number), kind, at)

    def __len__(self) -> int:
        self._view.read(self._at)
        return len(list(self._names())) if self._is_object() else number_of(self._node, self._at)

    def __iter__(self) -> Iterator[Any]:
        """The items of a list; the keys of an object."""
        return self._names() if self._is_object() else (self[number] for number in range(len(self)))

    def __bool__(self) -> bool:
        return len(self) > 0

    def _is_object(self) -> bool:
        return self._node.kind == "object" or isinstance(self._plan, Pairs)

    def _names(self) -> Iterator[str]:
        self._view.read(self._at)
        return (name for name, _, _ in self._view.members(self._node, self._plan, self._at))

    @property
    def model_fields_set(self) -> set[str]:
        """The fields (without a model: the keys) of which something is known."""
        known = set(self._names()) if self._is_object() else set()
        keys = self._kind.keys if self._kind and self._kind.keys else {name: name for name in known}
        return {name for name, key in keys.items() if key in known and self._member(key) is not UNKNOWN}

    def model_dump(self) -> Any:
        """What is known as plain data, by the keys of the schema, with open texts as far as they go."""
        self._view.read(self._at)
        return self._view.dumped(self._node, self._plan, self._at)

    def __copy__(self) -> Partial[T]:
        return self  # it stays what it is

    def __deepcopy__(self, memo: Any) -> Partial[T]:
        return Partial(self._view.afresh(), self._node, self._plan, self._kind, self._at)

    def __reduce__(self) -> Any:
        raise TypeError("A Partial looks into a stream and cannot be pickled. Pickle its model_dump() instead.")

    def __repr__(self) -> str:
        name = getattr(self._kind.bare, "__name__", "") if self._kind else ""
        return f"Partial[{name}]({self.model_dump()!r})" if name else f"Partial({self.model_dump()!r})"
