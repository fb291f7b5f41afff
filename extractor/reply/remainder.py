"""A reply that was cut off: what of it is kept, and what is still to come.

Kept is what is complete: properties, and the items of lists. A list goes on after its last complete item;
the properties that have not come are asked for. Where a small model has run in circles, giving the same
items again and again until the limit, the repetitions are dropped and the list is taken for complete: asking
for more of it would bring more of the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from extractor.reply.node import Fault, Malformed, Node
from extractor.reply.reader import Reader
from extractor.reply.reading import fault_error
from extractor.reply.repairs import Mended, Repair
from extractor.schema.adapt import Adapted
from extractor.schema.checked import FieldError
from extractor.schema.nodes import PREFIX, further
from extractor.schema.places import moved, places
from extractor.schema.pointers import escaped
from extractor.schema.restore import Unclean
from extractor.schema.scope import schema_at

__all__ = ["Remainder", "remainder"]

LONGEST_CIRCLE = 8  # items that come again and again as a group
LEAST_REPEATED = 5  # items that must be repetitions before it is taken for running in circles
LEAST_ROUNDS = 3
LEVELS = 20  # of references to references
MOST_CHARACTERS = 20_000_000  # of the pointers to all that came: a long key stands in those of all that is inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Remainder:
    """What a cut-off reply gives: the `data` that is kept, in the target's own shape and as it came (`wire`), and what
    is missing.

    `pointers` are the places to ask for; those in `appended` go on after the number of items given there.
    `repeated` says that repetitions were dropped; `errors` are what of it must not become data.
    """

    data: Any
    wire: Any
    pointers: list[str]
    appended: Mapping[str, int] = field(default_factory=dict)
    repairs: tuple[Repair, ...] = ()
    repeated: bool = False
    errors: tuple[FieldError, ...] = ()


def remainder(unclosed: Mended, adapted: Adapted, schema: Mapping[str, Any]) -> Remainder | None:
    """What is kept of a text that does not come to its end, and what is missing of `schema`, the target's.

    None where nothing is kept, or it cannot be told what is missing. Nothing may be missing but the last brackets.
    """
    faults: list[Fault] = []
    reader = Reader(faults=faults)
    try:
        reader.feed(unclosed.text)  # a number at its end may go on: the reader does not take it for complete
    except Malformed:
        return None
    path = _kept([node for node in reader.open_path() if node.kind in ("object", "array")])
    if not path or reader.root is None:
        return None
    wire = reader.root.value
    dropped = _without_repetitions(path[-1].value) if path[-1].kind == "array" else ()
    try:
        data = wire if adapted.restorer is None else adapted.restorer(wire)
    except Unclean:
        return None
    own = _own_places(adapted, wire)
    if own is None:
        return None
    missing = _Missing(own=own, there=frozenset(own.values()), data=data, schema=schema)
    inside = [*path[1:], None]
    repeated = path[-1] if dropped else None
    if not all(missing.add(node, below, repeated=node is repeated) for node, below in zip(path, inside, strict=True)):
        return None
    if not data:
        return None
    return Remainder(
        data=data,
        wire=wire,
        pointers=missing.pointers,
        appended=missing.appended,
        repairs=(*unclosed.repairs, *dropped),
        repeated=bool(dropped),
        errors=tuple(
            fault_error(fault, moved(fault.pointer, own)) for fault in faults if fault.pointer.rpartition("/")[0] in own
        ),
    )


def _own_places(adapted: Adapted, wire: Any) -> dict[str, str] | None:
    """Places on the wire → places in the target's own shape; None where they are too long to be kept."""
    own: dict[str, str] = {}
    characters = 0
    for pointer, place in places(adapted.plan, wire, adapted.definitions):
        characters += len(pointer)
        if characters > MOST_CHARACTERS:
            return None
        own[pointer] = place
    return own


def _kept(path: list[Node]) -> list[Node]:
    """The open containers that are kept, from the root on: of a list its complete items.

    The only item of a list is kept where it has a list itself of which something is complete: it may be most of all.
    """
    for number, node in enumerate(path[:-1]):
        below = path[number + 1 :]
        large = not _is_pair(below[0]) and any(each.kind == "array" and _has_complete(each) for each in below)
        if node.kind == "array" and (len(node.children) > 1 or not large):
            node.value.pop()
            node.children.pop()
            return path[: number + 1]
    return path


def _has_complete(node: Node) -> bool:
    return bool(node.children) and node.children[0].end >= 0


def _is_pair(node: Node) -> bool:
    """Whether it is the beginning of a key with its value, which is nothing by itself."""
    return node.kind == "object" and [child.key for child in node.children[:1]] == ["key"]


def _without_repetitions(items: list[Any]) -> tuple[Repair, ...]:
    """Drop what is repeated at the end of a list, where it goes round in circles.

    Numbers, booleans and null are data also where they repeat: zeros for a year of days.
    """
    written = [to_json(item) for item in items]
    for length in range(1, min(LONGEST_CIRCLE, len(items)) + 1):
        if not isinstance(items[-length], (dict, list, str)):
            return ()
        first = len(written)
        while first > length and written[first - 1] == written[first - 1 - length]:
            first -= 1
        repeated = len(written) - first
        if repeated >= max(LEAST_REPEATED, (LEAST_ROUNDS - 1) * length):
            del items[first:]
            said = f"Dropped {repeated} items that only repeated those before them."
            return (Repair(kind="repetition", message=said),)
    return ()


@dataclass(kw_only=True)
class _Missing:
    """Collects what the open containers lack: `own` are the places of the wire in the target's own shape, `there`
    the latter alone.
    """

    own: Mapping[str, str]
    there: Set[str]
    data: Any
    schema: Mapping[str, Any]
    pointers: list[str] = field(default_factory=list)
    appended: dict[str, int] = field(default_factory=dict)

    def add(self, node: Node, below: Node | None, *, repeated: bool) -> bool:
        """Note what one open container lacks, `below` being the open one in it. False where that cannot be told."""
        place = self.own.get(node.pointer())
        if place is None:
            return False
        if any(self.own.get(child.pointer()) == place for child in node.children):  # a wrapper: it is inside
            return True
        found = schema_at(self.schema, self.data, place)
        if found is None:
            return False
        here = _plain(found, self.schema.get("$defs", {}))
        # What is not complete is not kept, unless it is open and completed by itself.
        kept = [child for child in node.children if child.end >= 0 or child is below]
        if node.kind == "object" and "properties" in here and not further(here):
            keys = {child.key for child in kept}
            lacking = (f"{place}/{escaped(key)}" for key in here["properties"] if key not in keys)
            self.pointers += [pointer for pointer in lacking if pointer not in self.there]
        elif not repeated:
            self.pointers.append(place)
            if kept:
                self.appended[place] = len(kept)
        return True


def _plain(schema: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A schema behind its references, and behind a union with null."""
    for _ in range(LEVELS):
        members = [it for it in schema.get("anyOf", ()) if it != {"type": "null"}]
        if len(members) == 1:
            schema = members[0]
        elif "$ref" in schema:
            schema = definitions[schema["$ref"].removeprefix(PREFIX)]
        else:
            break
    return schema
