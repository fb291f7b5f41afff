"""How the values of one reply are seen while they come: what stands where, out of the wire's shape, with its type.

The reader only ever adds, and knows where everything stands. So what was known at a moment can be worked out at any
time after it, and is worked out when somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from extractor.reply.kinds import Kind
from extractor.reply.live import Live
from extractor.reply.node import CONTAINERS, Node, plain
from extractor.reply.partial import UNKNOWN, Partial, is_absent, is_complete, number_of
from extractor.schema.nodes import PREFIX
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
from extractor.schema.restore import Unclean, restorer

__all__ = ["View"]

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
        self._kind = None if wanted is None else Kind(wanted)
        self._plan = plan
        self._definitions = definitions
        self._context = context
        self._root: tuple[Node, Plan, Kind | None] | None = None
        self.done: dict[Node, Any] = {}
        """Complete values that have been asked for, as their types have them."""
        self.places: dict[tuple[Node, str], tuple[Node, int, Plan, Kind | None]] = {}
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

    def afresh(self) -> View:
        """The same, sharing nothing that somebody could change."""
        other = View(self.live, None, self._plan, self._definitions, self._context)
        other._kind, other._root = self._kind, self._root
        return other

    def read(self, at: int) -> bool:
        """Read on, where that was not read which had come by a moment. Whether there was anything to read."""
        if self.live.reader.offset >= at:
            return False
        self.live.read()
        return True

    def value(self, node: Node, plan: Plan, kind: Kind | None, at: int, *, root: bool = False) -> Any:
        """One value as it was known at a moment."""
        complete = 0 <= node.end <= at - (node.kind == "number")
        contains = node.kind in CONTAINERS
        if complete and not root:
            known = self.done.get(node, _ABSENT)
            known = self._complete(node, plan, kind) if known is _ABSENT else known
            if known is not UNKNOWN or not contains:
                return known
        if plan is not None and type(plan) not in _SHAPES:
            found = self._unwrapped(node, plan, at)
            if found is None:
                return UNKNOWN
            if found[0] is not node and found[0].kind not in CONTAINERS:
                return self.value(*found, kind, at)
            node, plan = found
            contains = node.kind in CONTAINERS
        if contains:
            return Partial(self, node, plan, kind, at)
        if complete:
            return self._complete(node, plan, kind)
        return self._text(node, plan, at) if kind is None or kind.is_text else UNKNOWN

    def _text(self, node: Node, plan: Plan, at: int) -> Any:
        """An open text, unless it is the text of something else."""
        return self.live.reader.text_of(node, at) if node.kind == "string" and plan is None else UNKNOWN

    def _complete(self, node: Node, plan: Plan, kind: Kind | None) -> Any:
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
        except Unclean:
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
            schema = self._definitions[schema["$ref"].removeprefix(PREFIX)][0]
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
