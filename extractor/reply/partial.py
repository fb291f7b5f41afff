"""What is known so far of a value that is still being written, typed as in the model.

A `Partial` is a view of what had been read at one moment, and stays that: the reader only ever adds, and knows where
everything stands. So one costs nothing to make, whatever the size of the value, and what is looked at is worked out
when it is looked at: a complete value is validated as its field is, an open object is a `Partial` again, an open
string of a field that takes any string is its beginning, and all else is `UNKNOWN`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar, get_args, get_origin

from pydantic import AliasChoices, AliasPath, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import SchemaValidator, to_json

from extractor.reply.live import Live
from extractor.reply.node import Node, plain
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
from extractor.schema.restore import Twice, restorer

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
    """A type as far as a view needs it: its validator, and the types of what is in it. As a field, of an `owner`, it
    is validated as the owner does it.
    """

    def __init__(self, wanted: Any, owner: Any = None, field: str = "") -> None:
        self._wanted = wanted
        self._owner = owner
        self._field = field
        self._inside: dict[Any, _Kind] = {}
        self._items: list[_Kind] | None = None
        self._each = False
        self._validator: Any = None
        self.bare = _bare(wanted)
        self.is_text = self.bare is str
        self._fields = _fields(self.bare)
        self.keys = {name: key for name, (key, _) in self._fields.items()}

    def validated(self, data: Any, context: Any) -> Any:
        """Plain data as the type has it; `UNKNOWN` where it does not take it."""
        try:
            if self._validator is None:
                self._validator = _field_validator(self._owner, self._field) or TypeAdapter(self._wanted)
            return self._validator.validate_json(to_json(data), context=context)
        except Exception:  # noqa: BLE001  # also of a validator that needs the whole: it is asked again at the end
            return UNKNOWN

    def field(self, key: str) -> _Kind | None:
        """The type of what stands under a key."""
        if key not in self._inside:
            found = next(((name, each) for name, (known, each) in self._fields.items() if known == key), None)
            arguments = get_args(self.bare)
            if found is not None:
                self._inside[key] = _Kind(found[1], self.bare, found[0])
            elif len(arguments) == 2 and isinstance(origin := get_origin(self.bare), type):
                if not issubclass(origin, Mapping):
                    return None
                return self._inside.setdefault(_VALUE, _Kind(arguments[1]))
            else:
                return None
        return self._inside[key]

    def item(self, number: int) -> _Kind | None:
        """The type of an item."""
        if self._items is None:
            arguments = get_args(self.bare)
            one = len(arguments) == 1 or arguments[1:] == (...,)
            self._each = one and not (get_origin(self.bare) is tuple and len(arguments) == 1)
            many = arguments[:1] if one else arguments if get_origin(self.bare) is tuple else ()
            self._items = [_Kind(each) for each in many]
        number = 0 if self._each else number
        return self._items[number] if number < len(self._items) else None


_VALUE = object()  # under which the type of the values of a map is kept
_QUALIFIERS = ("Required", "NotRequired", "ReadOnly")


def _bare(wanted: Any) -> Any:
    """A type without what is said about it, and without null."""
    while True:
        origin = get_origin(wanted)
        if origin is Annotated or getattr(origin, "_name", "") in _QUALIFIERS:
            wanted = get_args(wanted)[0]
        elif isinstance(wanted, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            wanted = wanted.__value__
        elif origin in (typing.Union, types.UnionType):
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
    # Not `typing.is_typeddict`, which does not know those of typing_extensions.
    if dataclasses.is_dataclass(bare) or hasattr(bare, "__required_keys__"):
        with contextlib.suppress(NameError, TypeError):  # of names that only pydantic finds
            return {name: (name, each) for name, each in typing.get_type_hints(bare, include_extras=True).items()}
    return {}


def _key(name: str, info: FieldInfo) -> str:
    """The key of a field in JSON, as its schema has it."""
    alias = info.validation_alias or info.alias or name
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return str(alias.path[0]) if isinstance(alias, AliasPath) else alias


_FIELDED = ("model-fields", "dataclass-args", "typed-dict")


def _field_validator(owner: Any, field: str) -> SchemaValidator | None:
    """The validator of one field, with all that its owner says of it: decorated functions, its configuration."""
    if owner is None:
        return None
    core: Any = TypeAdapter(owner).core_schema
    definitions: Any = core.get("definitions", [])
    config: Any = None
    while core["type"] not in _FIELDED:
        config = core.get("config", config)
        if core["type"] == "definition-ref":
            core = next(each for each in definitions if each.get("ref") == core["schema_ref"])
        elif "schema" in core:
            core = core["schema"]
        else:
            return None
    fields = core["fields"]
    fields = fields if isinstance(fields, dict) else {each["name"]: each for each in fields}
    schema = {"type": "definitions", "schema": fields[field]["schema"], "definitions": definitions}
    return SchemaValidator(schema, core.get("config", config))


# ------------------------------------------------------------------------------- the view

_start = attrgetter("start")
_CONTAINERS = ("object", "array")
_SHAPES = (Members, Values, Items)  # all other plans may be those of wrappers
_ABSENT = object()
Member: TypeAlias = tuple[str, Node, Plan]


class View:
    """How the values of one reply are seen: `wanted` is the type (None: plain data), `plan` and `definitions` what
    the wire's shape is, `context` pydantic's.

    What is asked for "at" a moment is what was known when so many characters had come.
    """

    def __init__(self, live: Live, wanted: Any, plan: Plan, definitions: Plans, context: Any = None) -> None:
        self.live = live
        self._kind = None if wanted is None else _Kind(wanted)
        self._plan = plan
        self._definitions = definitions
        self._context = context
        self._root: tuple[Node, Plan, _Kind | None] | None = None
        self.done: dict[Node, Any] = {}
        """Complete values that have been asked for, as their types have them."""
        self.places: dict[tuple[Node, str], tuple[Node, int, Plan, _Kind | None]] = {}
        """What has been asked for and found: it stays where it is."""
        self._keyed: dict[Node, _Keyed] = {}
        self._restorers: dict[int, tuple[Plan, Callable[[Any], Any] | None]] = {}

    def now(self) -> Any:
        """What is known now: a `Partial` of an object or list; another value when it is complete, else `UNKNOWN`."""
        if self._root is not None:  # once it has begun, it stays where it is
            return Partial(self, *self._root, self.live.offset)
        root = self.live.read()
        known = UNKNOWN if root is None else self.value(root, self._plan, self._kind, self.live.offset, root=True)
        if isinstance(known, Partial):
            self._root = (known._node, known._plan, known._kind)
        return known

    def read(self, at: int) -> bool:
        """Read on, where that was not read which had come by a moment. Whether there was anything to read."""
        if self.live.reader.offset >= at:
            return False
        self.live.read()
        return True

    def value(self, node: Node, plan: Plan, kind: _Kind | None, at: int, *, root: bool = False) -> Any:
        """One value as it was known at a moment."""
        complete = 0 <= node.end <= at - (node.kind == "number")
        contains = node.kind in _CONTAINERS
        if complete and not root:
            known = self.done.get(node, _ABSENT)
            known = self._complete(node, plan, kind) if known is _ABSENT else known
            if known is not UNKNOWN or not contains:
                return known
        if plan is not None and type(plan) not in _SHAPES:
            found = self._unwrapped(node, plan, at)
            if found is None:
                return UNKNOWN
            if found[0] is not node and found[0].kind not in _CONTAINERS:
                return self.value(*found, kind, at)
            node, plan = found
            contains = node.kind in _CONTAINERS
        if contains:
            return Partial(self, node, plan, kind, at)
        if complete:
            return self._complete(node, plan, kind)
        return self._text(node, plan, at) if kind is None or kind.is_text else UNKNOWN

    def _text(self, node: Node, plan: Plan, at: int) -> Any:
        """An open text, unless it is the text of something else."""
        return self.live.reader.text_of(node, at) if node.kind == "string" and plan is None else UNKNOWN

    def _complete(self, node: Node, plan: Plan, kind: _Kind | None) -> Any:
        if node not in self.done:
            data = self.restored(node, plan)
            self.done[node] = data if kind is None or data is UNKNOWN else kind.validated(data, self._context)
        return self.done[node]

    def dumped(self, node: Node, plan: Plan, at: int) -> Any:
        """One value as plain data, as far as it was known at a moment."""
        if is_complete(node, at) and (data := self.restored(node, plan)) is not UNKNOWN:
            return data
        found = self._unwrapped(node, plan, at)
        if found is None:
            return UNKNOWN
        node, plan = found
        if node.kind == "object" or isinstance(plan, Pairs):
            members = {key: self.dumped(child, inner, at) for key, child, inner in self.members(node, plan, at)}
            return {key: value for key, value in members.items() if value is not UNKNOWN}
        if node.kind == "array":
            count = number_of(node, at)
            items = [self.dumped(node.children[n], self.item_plan(plan, n), at) for n in range(count)]
            return [item for item in items if item is not UNKNOWN]
        return self._text(node, plan, at)

    @staticmethod
    def item_plan(plan: Plan, number: int) -> Plan:
        """What the wire's shape of an item is."""
        if not isinstance(plan, Items):
            return None
        return plan.first[number] if number < len(plan.first) else plan.plan

    def restored(self, node: Node, plan: Plan) -> Any:
        """A complete value in the target's own shape; `UNKNOWN` where it cannot have that."""
        restore = self._restorer(plan)
        try:
            return plain(node) if restore is None else restore(plain(node))
        except Twice:
            return UNKNOWN

    def _restorer(self, plan: Plan) -> Callable[[Any], Any] | None:
        if plan is None:
            return None
        if id(plan) not in self._restorers:
            self._restorers[id(plan)] = (plan, restorer(plan, self._definitions))  # kept with what its number is of
        return self._restorers[id(plan)][1]

    def _unwrapped(self, node: Node, plan: Plan, at: int) -> tuple[Node, Plan] | None:
        """What a value is inside of the wrappers that only the wire has; None where that has not come."""
        for _ in range(_STEPS):
            if isinstance(plan, Named):
                plan = self._definitions[plan.name][1]
            elif isinstance(plan, Branches):
                known, plan = self._branch(node, plan, at)
                if not known:
                    return None
            elif (wrapper := _wrapper(node, plan)) is None:
                return node, _shape(node, plan)
            elif node.kind != "object":
                return node, None
            elif number_of(node, at) == 0:
                return None
            elif node.children[0].key != wrapper[0]:  # it has been left out: what is there is taken as it is
                return node, None
            else:
                node, plan = node.children[0], wrapper[1]
        return None

    def _branch(self, node: Node, plan: Branches, at: int) -> tuple[bool, Plan]:
        """Which branch a value is of that is not complete, and whether that is known."""
        others = [(schema, inner) for schema, inner in plan.branches if schema.get("type") != "null"]
        if len(others) == 1:
            return True, others[0][1]
        if self._restorer(plan) is None:
            return True, None
        fitting = [inner for schema, inner in others if self._may_be(node, schema, at)]
        return len(fitting) == 1, fitting[0] if len(fitting) == 1 else None

    def _may_be(self, node: Node, schema: Mapping[str, Any], at: int) -> bool:
        """Whether an open value may come to fit a schema, by its kind, its keys and what constants there are."""
        for _ in range(_STEPS):
            if "$ref" not in schema:
                break
            schema = self._definitions[schema["$ref"].rpartition("/")[2]][0]
        kinds = schema.get("type", node.kind)
        if node.kind not in ((kinds,) if isinstance(kinds, str) else kinds):
            return False
        properties = schema.get("properties", {})
        free = not properties or bool(schema.get("additionalProperties", False))
        for key, child, _ in self.members(node, None, at):
            if key not in properties and not free:
                return False
            one = properties.get(key, {})
            allowed = [one["const"]] if "const" in one else one.get("enum")
            if allowed is not None and is_complete(child, at) and child.value not in allowed:
                return False
        return True

    def keyed(self, node: Node, *, pairs: bool) -> Mapping[str, tuple[Node, int]]:
        """What stands under each key in an object, or list of pairs, and what had to be read to know it. Each child
        is looked at once, however often this is asked.
        """
        known = self._keyed.get(node)
        if known is None:
            known = self._keyed[node] = _Keyed(pairs)
        return known.of(node.children)

    def member(self, node: Node, plan: Plan, key: str) -> tuple[Node, int, Plan] | None:
        """What an object has under a key of the target, what had to be read to know it, and the wire's shape of it."""
        known = self.keyed(node, pairs=isinstance(plan, Pairs))
        if not isinstance(plan, Members):
            return (*known[key], _each(plan)) if key in known else None
        wire = plan.names.get(key, key)
        if wire in known and (wire != plan.entries or key in plan.plans):
            return *known[wire], plan.plans.get(key, plan.rest)
        entries = known.get(plan.entries) if plan.entries else None
        return None if entries is None else self.member(entries[0], Pairs(plan=plan.rest), key)

    def members(self, node: Node, plan: Plan, at: int) -> Iterator[Member]:
        """What an object has, by the keys of the target."""
        known = self.keyed(node, pairs=isinstance(plan, Pairs)).items()
        if not isinstance(plan, Members):
            inner = _each(plan)
            yield from ((key, child, inner) for key, (child, since) in known if since < at)
            return
        names = {wire: key for key, wire in plan.names.items()}
        for wire, (child, since) in known:
            key = names.get(wire, wire)
            if since >= at or is_absent(child, plan, key, at):
                continue
            if plan.entries and key == plan.entries and key not in plan.plans:
                yield from self.members(child, Pairs(plan=plan.rest), at)
            else:
                yield key, child, plan.plans.get(key, plan.rest)


_STEPS = 100  # from one reference or wrapper to the next: they might go round in a circle


def _each(plan: Plan) -> Plan:
    return plan.plan if isinstance(plan, (Values, Pairs)) else None


def _wrapper(node: Node, plan: Plan) -> tuple[str, Plan] | None:
    """The one key of an object that only the wire has, and the wire's shape of what is in it."""
    match plan:
        case Wrapped(plan=inner):
            return "value", inner
        case Tagged(tag=tag, plan=inner):
            return tag, inner
        case AnyValue() if node.kind == "object":
            return "entries", Pairs(plan=plan)
    return None


def _shape(node: Node, plan: Plan) -> Plan:
    """The wire's shape of a value, by what it turned out to be."""
    if isinstance(plan, AnyValue) and node.kind == "array":
        return Items(plan=plan)
    return None if isinstance(plan, Pairs) and node.kind == "object" else plan  # a map that is one already


class _Keyed:
    """The keys of an object, or of a list of pairs, found as it grows."""

    def __init__(self, pairs: bool) -> None:
        self._pairs = pairs
        self._read = 0
        self._found: dict[str, tuple[Node, int]] = {}

    def of(self, children: list[Node]) -> Mapping[str, tuple[Node, int]]:
        """What stands under each key."""
        while self._read < len(children):
            child = children[self._read]
            if not self._pairs:
                if child.key is not None:
                    self._found.setdefault(child.key, (child, child.start))
            elif not self._pair(child) and child.end < 0:
                break
            self._read += 1
        return self._found

    def _pair(self, pair: Node) -> bool:
        """Whether a pair has its key and the beginning of its value."""
        found = {child.key: child for child in pair.children[:2]}  # it has no more
        key, value = found.get("key"), found.get("value")
        if key is None or value is None or not isinstance(key.value, str):
            return False
        self._found.setdefault(key.value, (value, max(key.end - 1, value.start)))
        return True


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


def complete_items(view: View, first: int) -> Iterator[Any]:
    """The items of a list that are complete, from one on, as plain data in the target's own shape (`UNKNOWN` where
    that cannot be had).
    """
    view.live.read()
    known = view.now()
    if not isinstance(known, Partial) or known._node.kind != "array":
        return
    children = known._node.children
    while first < len(children) and is_complete(children[first], view.live.offset):
        yield view.restored(children[first], view.item_plan(known._plan, first))
        first += 1


class Partial(Generic[T]):
    """What is known so far of an object (by attribute, or by key) or of a list (by number; it has a length).

    Complete values are typed as in the model, open ones are `Partial` themselves or, where their field takes any
    text, the text so far. What is not known yet, or is not valid, is `UNKNOWN`: there are no defaults.
    `model_fields_set` are the fields of which something is known, `model_dump()` is all of it as plain data.
    """

    __slots__ = ("_at", "_kind", "_node", "_plan", "_view")

    def __init__(self, view: View, node: Node, plan: Plan, kind: _Kind | None, at: int) -> None:
        self._view, self._node, self._plan, self._kind, self._at = view, node, plan, kind, at

    def __getattr__(self, name: str) -> Any:
        if name in _SLOTS:  # which are not there yet while it is copied
            raise AttributeError(name)
        kind = self._kind
        if kind is not None and name in kind.keys:
            return self._member(kind.keys[name])
        if not (kind and kind.keys) and not name.startswith("__") and self._is_object():
            return self._member(name)
        raise AttributeError(f"{getattr(kind and kind.bare, '__name__', 'The target')} has no field {name!r}")

    def __getitem__(self, key: Any) -> Any:
        if self._is_object():
            return self._member(str(key))
        if isinstance(key, slice):
            return [self[number] for number in range(len(self))[key]]
        return self._item(key)

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

    def __repr__(self) -> str:
        name = getattr(self._kind.bare, "__name__", "") if self._kind else ""
        return f"Partial[{name}]({self.model_dump()!r})" if name else f"Partial({self.model_dump()!r})"


_SLOTS = frozenset(Partial.__slots__)
