"""What is known so far of a value that is still being written, typed as in the model.

A `Partial` is a view of what had been read at one moment, and stays that: the reader only ever adds, and knows where
everything stands. So one costs nothing to make, whatever the size of the value, and what is looked at is worked out
when it is looked at: a complete value is validated as its field is, an open object is a `Partial` again, an open
string of a field that takes any string is its beginning, and all else is `UNKNOWN`.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Annotated, Any, Final, Generic, TypeVar, get_args, get_origin

from pydantic import AliasChoices, AliasPath, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from extractor.reply.reader import Node, Reader, plain
from extractor.schema.plans import Branches, Items, Members, Named, Pairs, Plan, Plans, Tagged, Values, Wrapped
from extractor.schema.restore import restorer

__all__ = ["UNKNOWN", "Partial", "View", "complete_items"]

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

# ------------------------------------------------------------------------------- types


class _Kind:
    """A type as far as a view needs it: its validator, and the types of what is in it."""

    def __init__(self, wanted: Any) -> None:
        self._wanted = wanted
        self._inside: dict[Any, _Kind | None] = {}
        self._adapter: TypeAdapter[Any] | None = None
        self._fields: Mapping[str, tuple[str, Any]] | None = None
        self.bare = _bare(wanted)
        self.is_text = self.bare is str

    def validated(self, data: Any, context: Any) -> Any:
        """Plain data as the type has it. Raises `ValueError` where it does not take it."""
        if self._adapter is None:
            self._adapter = TypeAdapter(self._wanted)
        return self._adapter.validate_json(to_json(data), context=context)

    @property
    def fields(self) -> Mapping[str, tuple[str, Any]]:
        """Its fields: their names → their keys and types."""
        if self._fields is None:
            self._fields = _fields(self.bare)
        return self._fields

    def field(self, key: str) -> _Kind | None:
        """The type of what stands under a key."""
        if key not in self._inside:
            wanted = next((each for name, each in self.fields.values() if name == key), None)
            arguments = get_args(self.bare)
            if wanted is None and len(arguments) == 2 and get_origin(self.bare) in (dict, Mapping):
                wanted = arguments[1]
            self._inside[key] = None if wanted is None else _Kind(wanted)
        return self._inside[key]

    def item(self, number: int) -> _Kind | None:
        """The type of an item."""
        arguments = [each for each in get_args(self.bare) if each is not ...]
        if get_origin(self.bare) is tuple and len(arguments) == len(get_args(self.bare)):
            wanted = arguments[number] if number < len(arguments) else None
        else:
            wanted, number = arguments[0] if len(arguments) == 1 else None, 0
        if number not in self._inside:
            self._inside[number] = None if wanted is None else _Kind(wanted)
        return self._inside[number]


def _bare(wanted: Any) -> Any:
    """A type without what is said about it, and without null."""
    while True:
        if get_origin(wanted) is Annotated:
            wanted = get_args(wanted)[0]
        elif isinstance(wanted, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            wanted = wanted.__value__
        elif get_origin(wanted) in (typing.Union, types.UnionType):
            others = [each for each in get_args(wanted) if each is not type(None)]
            if len(others) != 1:
                return wanted
            wanted = others[0]
        else:
            return wanted


def _fields(bare: Any) -> Mapping[str, tuple[str, Any]]:
    infos: Mapping[str, FieldInfo] = getattr(bare, "__pydantic_fields__", {})
    if infos:
        return {name: (_key(name, info), Annotated[info.annotation, info]) for name, info in infos.items()}
    if dataclasses.is_dataclass(bare) or typing.is_typeddict(bare):
        return {name: (name, each) for name, each in typing.get_type_hints(bare, include_extras=True).items()}
    return {}


def _key(name: str, info: FieldInfo) -> str:
    """The key of a field in JSON, as its schema has it."""
    alias = info.validation_alias or info.alias or name
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return str(alias.path[0]) if isinstance(alias, AliasPath) else alias


# ------------------------------------------------------------------------------- the view

_start = attrgetter("start")
Member = tuple[str, Node, Plan]


class View:
    """How the values of one reading are seen: `wanted` is the type (None: plain data), `plan` and `definitions` what
    the wire's shape is, `context` pydantic's.
    """

    def __init__(self, reader: Reader, wanted: Any, plan: Plan, definitions: Plans, context: Any = None) -> None:
        self.reader = reader
        self._kind = None if wanted is None else _Kind(wanted)
        self._plan = plan
        self._definitions = definitions
        self._context = context
        self._done: dict[Node, Any] = {}
        self._restorers: dict[int, Callable[[Any], Any] | None] = {}

    def now(self) -> Any:
        """What is known now: a `Partial` of an object or list; another value when it is complete, else `UNKNOWN`."""
        root = self.reader.root
        return UNKNOWN if root is None else self.value(root, self._plan, self._kind, self.reader.offset, root=True)

    def value(self, node: Node, plan: Plan, kind: _Kind | None, at: int, *, root: bool = False) -> Any:
        """One value as it was known at a moment."""
        complete = 0 <= node.end + (node.kind == "number") <= at and node.end >= 0
        if complete and not root:
            known = self._complete(node, plan, kind)
            if known is not UNKNOWN or node.kind not in ("object", "array"):
                return known
        found = self._unwrapped(node, plan, at)
        if found is None:
            return UNKNOWN
        inner, plan = found
        if inner.kind in ("object", "array"):
            return Partial(self, inner, plan, kind, at)
        if inner is not node:
            return self.value(inner, plan, kind, at)
        if complete:
            return self._complete(node, plan, kind)
        return self.reader.text_of(node, at) if node.kind == "string" and (kind is None or kind.is_text) else UNKNOWN

    def _complete(self, node: Node, plan: Plan, kind: _Kind | None) -> Any:
        if node not in self._done:
            data = self.restored(plain(node), plan)
            try:
                self._done[node] = data if kind is None else kind.validated(data, self._context)
            except ValueError:
                self._done[node] = UNKNOWN
        return self._done[node]

    def dumped(self, node: Node, plan: Plan, at: int) -> Any:
        """One value as plain data, as far as it was known at a moment."""
        if 0 <= node.end + (node.kind == "number") <= at and node.end >= 0:
            return self.restored(plain(node), plan)
        found = self._unwrapped(node, plan, at)
        if found is None:
            return UNKNOWN
        node, plan = found
        if node.kind == "object" or isinstance(plan, Pairs):
            members = {key: self.dumped(child, inner, at) for key, child, inner in self.members(node, plan, at)}
            return {key: value for key, value in members.items() if value is not UNKNOWN}
        if node.kind == "array":
            items = [
                self.dumped(child, self.item_plan(plan, n), at) for n, child in enumerate(known_children(node, at))
            ]
            return [item for item in items if item is not UNKNOWN]
        return self.reader.text_of(node, at) if node.kind == "string" else UNKNOWN

    @staticmethod
    def item_plan(plan: Plan, number: int) -> Plan:
        """What the wire's shape of an item is."""
        if not isinstance(plan, Items):
            return None
        return plan.first[number] if number < len(plan.first) else plan.plan

    def restored(self, data: Any, plan: Plan) -> Any:
        """Wire data in the target's own shape."""
        if plan is None:
            return data
        if id(plan) not in self._restorers:
            self._restorers[id(plan)] = restorer(plan, self._definitions)
        restore = self._restorers[id(plan)]
        return data if restore is None else restore(data)

    def _unwrapped(self, node: Node, plan: Plan, at: int) -> tuple[Node, Plan] | None:
        """What a value is inside of the wrappers that only the wire has; None where that has not come."""
        while True:
            if isinstance(plan, Named):
                plan = self._definitions[plan.name][1]
            elif isinstance(plan, Branches):
                others = [inner for schema, inner in plan.branches if schema.get("type") != "null"]
                plan = others[0] if len(others) == 1 else None
            elif isinstance(plan, (Wrapped, Tagged)) and node.kind == "object":
                key = "value" if isinstance(plan, Wrapped) else plan.tag
                inside = next((child for child in node.children if child.key == key and child.start < at), None)
                if inside is None:
                    return None
                node, plan = inside, plan.plan
            else:
                return node, plan

    def members(self, node: Node, plan: Plan, at: int) -> Iterator[Member]:
        """What an object has, by the keys of the target."""
        if isinstance(plan, Pairs):
            for pair in known_children(node, at):
                found = {child.key: child for child in known_children(pair, at)}
                if "key" in found and "value" in found:
                    yield str(found["key"].value), found["value"], plan.plan
            return
        names = {wire: key for key, wire in plan.names.items()} if isinstance(plan, Members) else {}
        for child in known_children(node, at):
            key = names.get(str(child.key), str(child.key))
            if isinstance(plan, Members):
                if plan.entries and key == plan.entries:
                    yield from self.members(child, Pairs(plan=plan.rest), at)
                    continue
                yield key, child, plan.plans.get(key, plan.rest)
            else:
                yield key, child, plan.plan if isinstance(plan, Values) else None


def known_children(node: Node, at: int) -> list[Node]:
    """The members or items that had begun by a moment."""
    children = node.children
    if not children or children[-1].start < at:
        return list(children)
    return children[: bisect_left(children, at, key=_start)]


def complete_items(view: View, first: int) -> Iterator[Any]:
    """The items of a list that are complete, from one on, as plain data in the target's own shape."""
    known = view.now()
    if not isinstance(known, Partial):
        return
    children = known._node.children
    while first < len(children) and 0 <= children[first].end < view.reader.offset:
        yield known[first]
        first += 1


class Partial(Generic[T]):
    """What is known so far of an object (by attribute, or by key) or of a list (by number; it has a length).

    Complete values are typed as in the model, open ones are `Partial` themselves or, where their field takes any
    text, the text so far. What is not known yet, or is not valid, is `UNKNOWN`: there are no defaults.
    `model_fields_set` are the fields of which something is known, `model_dump()` is all of it as plain data.
    """

    __slots__ = ("_at", "_kind", "_node", "_plan", "_view")

    def __init__(self, view: View, node: Node, plan: Plan, kind: _Kind | None, at: int) -> None:
        self._view = view
        self._node = node
        self._plan = plan
        self._kind = kind
        self._at = at

    def __getattr__(self, name: str) -> Any:
        if self._kind is None or not self._kind.fields:
            if name.startswith("__") or self._node.kind == "array":
                raise AttributeError(name)
            return self[name]
        if name not in self._kind.fields:
            raise AttributeError(f"{getattr(self._kind.bare, '__name__', 'The target')} has no field {name!r}")
        return self[self._kind.fields[name][0]]

    def __getitem__(self, key: str | int) -> Any:
        view, kind, at = self._view, self._kind, self._at
        if isinstance(key, int):
            children = known_children(self._node, at)
            number = range(len(children))[key]
            plan = view.item_plan(self._plan, number)
            return view.value(children[number], plan, kind.item(number) if kind else None, at)
        for name, child, plan in view.members(self._node, self._plan, at):
            if name == key:
                if child.kind == "null" and child.end >= 0 and isinstance(self._plan, Members):
                    return None
                return view.value(child, plan, kind.field(name) if kind else None, at)
        return UNKNOWN

    def __len__(self) -> int:
        return len(list(self._names())) if self._is_object() else len(known_children(self._node, self._at))

    def __iter__(self) -> Iterator[Any]:
        """The items of a list; the keys of an object."""
        return self._names() if self._is_object() else (self[number] for number in range(len(self)))

    def __bool__(self) -> bool:
        return len(self) > 0

    def _is_object(self) -> bool:
        return self._node.kind == "object" or isinstance(self._plan, Pairs)

    def _names(self) -> Iterator[str]:
        return (name for name, _, _ in self._view.members(self._node, self._plan, self._at))

    @property
    def model_fields_set(self) -> set[str]:
        """The fields (without a model: the keys) of which something is known."""
        known = set(self._names()) if self._is_object() else set()
        fields = self._kind.fields if self._kind else {}
        return {name for name, (key, _) in fields.items() if key in known} if fields else known

    def model_dump(self) -> Any:
        """What is known as plain data, by the keys of the schema, with open texts as far as they go."""
        return self._view.dumped(self._node, self._plan, self._at)

    def __repr__(self) -> str:
        name = getattr(self._kind.bare, "__name__", "") if self._kind else ""
        return f"Partial[{name}]({self.model_dump()!r})" if name else f"Partial({self.model_dump()!r})"
