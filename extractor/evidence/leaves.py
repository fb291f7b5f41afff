"""The scalars of a value, each with what the schema says of it: one walk over the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from extractor.schema.marks import MARK
from extractor.schema.nodes import PREFIX, JsonSchema, constants_of, kind_of, kinds_of
from extractor.schema.pointers import escaped
from extractor.schema.subschemas import Way, Ways, agreeing, member

__all__ = ["Leaf", "Members", "heads_of", "leaves", "left_out"]

MOST_NODES = 200  # looked at for what one node means: references, unions, `allOf`
MOST_MEANINGS = 32  # of one node
MOST_LEFT_OUT = 10_000  # members that are named as left out

_GROUNDED = ("grounded", "grounded_nearly")

_COMPOSED = ("$ref", "allOf", "anyOf", "oneOf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One scalar of a value (null, too).

    `schema` is its node, with what references and unions add to it; empty where that cannot be told. `inferred` says
    that it need not stand in the document: it is marked so, or is a boolean, or one of the values of an enum;
    `grounded` that it is marked as one that must, and `nearly` that then a place of something like it will do.
    """

    pointer: str
    value: Any
    schema: Mapping[str, Any]
    inferred: bool
    grounded: bool
    nearly: bool = False


_Ahead: TypeAlias = "tuple[str, Any, Any, str]"
"""A pointer, what stands there, its schema, and the mark that holds above it."""


def leaves(schema: Any, data: Any) -> Iterator[Leaf]:
    """Every scalar of plain JSON `data`, in its order. `schema` is JSON Schema 2020-12 with `$defs` at its root."""
    reader = _Reader(schema)
    for pointer, value, node, mark in _walked(reader, schema, data):
        if isinstance(value, (dict, list)):
            continue
        meaning = reader.meaning(node, value)
        said = str(meaning.get(MARK, mark))
        closed = "const" in meaning or "enum" in meaning
        inferred = isinstance(value, bool) or said == "inferred" or (closed and said not in _GROUNDED)
        yield Leaf(
            pointer=pointer,
            value=value,
            schema=meaning,
            inferred=inferred,
            grounded=said in _GROUNDED,
            nearly=said == "grounded_nearly",
        )


def left_out(schema: Any, data: Any) -> Iterator[str]:
    """The pointers of the members that the schema declares and the objects in `data` do not have, 10,000 at most.

    Where an object may be one of several, only what all of them declare is told.
    """
    reader = _Reader(schema)
    left = MOST_LEFT_OUT
    for pointer, value, node, _ in _walked(reader, schema, data):
        for key in reader.declared(node, value) if isinstance(value, dict) else ():
            if key not in value:
                yield f"{pointer}/{escaped(key)}"
                left -= 1
                if not left:
                    return


def _walked(reader: _Reader, schema: Any, data: Any) -> Iterator[_Ahead]:
    """Every value in `data`, each before what is inside of it."""
    # No recursion: how deep a value is, is up to the model.
    waiting: list[Iterator[_Ahead]] = [iter([("", data, schema, "")])]
    while waiting:
        ahead = next(waiting[-1], None)
        if ahead is None:
            waiting.pop()
            continue
        yield ahead
        pointer, value, node, mark = ahead
        if isinstance(value, (dict, list)):
            mark = str(reader.meaning(node, value).get(MARK, mark))
            waiting.append(reader.inside(pointer, value, node, mark))


class Members:
    """What a schema says of the members of objects and the items of lists: each is told once, and so is one node."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str | int], Any] = {}

    def of(self, way: Way | None, step: str | int) -> Any:
        """The schema of a member, or of an item (`heads_of` stands for all behind those); {} where nothing is said."""
        if way is None:
            return _EMPTY
        key = id(way), step  # `Ways` keeps the way
        if key not in self._known:
            found = member(way, step)
            self._known[key] = _EMPTY if found is None else found
        return self._known[key]


_EMPTY: JsonSchema = {}


def heads_of(way: Way | None) -> int:
    """How many items of a list have a place of their own."""
    return max((len(part.get("prefixItems", ())) for part in way or ()), default=0)


class _Reader:
    """What the nodes of one schema mean. Everything is told once: a list has one node for all of its items."""

    def __init__(self, schema: Any) -> None:
        definitions = schema.get("$defs") if isinstance(schema, Mapping) else None
        self._definitions: Mapping[str, Any] = definitions if isinstance(definitions, Mapping) else {}
        self._ways = Ways(self._definitions)
        self._meanings: dict[tuple[int, str], tuple[Any, list[JsonSchema]]] = {}
        self._members = Members()
        self._declared: dict[tuple[int, ...], list[str]] = {}

    def meaning(self, node: Any, value: Any) -> JsonSchema:
        """A node and what it refers to as one, for this value: of a union, the first member that fits."""
        kind = kind_of(value)
        known = self._meanings.get((id(node), kind))
        if known is None:
            known = self._meanings[id(node), kind] = (node, self._all(node, kind))  # with the node, which so lives
        meanings = known[1]
        if len(meanings) == 1:
            return meanings[0]
        fitting = (each for each in meanings if value in _closed(each))
        return next(fitting, next((each for each in meanings if not _closed(each)), meanings[0] if meanings else {}))

    def _all(self, node: Any, kind: str) -> list[JsonSchema]:
        """All that a node may mean for a value of this type, the nearest word first."""
        found: list[JsonSchema] = []
        ahead: list[tuple[JsonSchema, list[Any]]] = [({}, [node])]
        for _ in range(MOST_NODES):
            if not ahead or len(found) >= MOST_MEANINGS:
                break
            said, groups = ahead.pop()
            if not groups:
                found.append(said)
                continue
            first, *rest = groups
            for each in reversed(first if isinstance(first, list) else [first]):  # a list is a choice
                if isinstance(each, Mapping) and _fits(each, kind):
                    own = {key: word for key, word in each.items() if key not in _COMPOSED}
                    ahead.append(({**own, **said}, [*self._composed(each), *rest]))
                elif each is True:
                    ahead.append((said, rest))
        return found

    def _composed(self, node: Mapping[str, Any]) -> Iterator[Any]:
        if "$ref" in node:
            yield self._definitions.get(str(node["$ref"]).removeprefix(PREFIX), {})
        if isinstance(node.get("allOf"), list):
            yield from node["allOf"]
        yield from (node[keyword] for keyword in ("anyOf", "oneOf") if isinstance(node.get(keyword), list))

    def inside(self, pointer: str, value: Any, node: Any, mark: str) -> Iterator[_Ahead]:
        """The members of an object, or the items of a list."""
        kind = "object" if isinstance(value, dict) else "array"
        ways = agreeing(self._ways.ways(node, kind), value, self._ways)
        way = ways[0] if ways else None
        if isinstance(value, dict):
            for key, each in value.items():
                yield f"{pointer}/{escaped(str(key))}", each, self._members.of(way, str(key)), mark
            return
        heads = heads_of(way)
        for index, each in enumerate(value):
            yield f"{pointer}/{index}", each, self._members.of(way, min(index, heads)), mark

    def declared(self, node: Any, value: Any) -> list[str]:
        """The members that every object which this one may be declares."""
        ways = agreeing(self._ways.ways(node, "object"), value, self._ways)
        key = tuple(map(id, ways))  # `Ways` keeps them
        known = self._declared.get(key)
        if known is None:
            each = [dict.fromkeys(name for part in way for name in part.get("properties", ())) for way in ways]
            known = self._declared[key] = (
                [name for name in each[0] if all(name in other for other in each)] if ways else []
            )
        return known


def _closed(node: Mapping[str, Any]) -> list[Any]:
    return (constants_of(node) or []) if "const" in node or "enum" in node else []


def _fits(node: Mapping[str, Any], kind: str) -> bool:
    kinds = kinds_of(node)
    return not kinds or kind in kinds or (kind == "integer" and "number" in kinds)
