"""From the schema of a target to a shape: what is left of it when only columns matter. No I/O.

That is scalars, objects and lists. What has no shape (an open map, a union that is not one object, a schema inside of
itself) is one cell of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from extractor.schema.merge import merged
from extractor.schema.nodes import PREFIX, constants_of, kind_of, kinds_of

__all__ = [
    "UNWRITABLE",
    "Items",
    "Kind",
    "Scalar",
    "Shape",
    "Struct",
    "is_numeral",
    "root_of",
    "settled",
    "shape_of",
    "title_of",
    "writable",
]

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "date", "moment", "local", "loose", "mixed", "json"]
"""What a cell holds. A `moment` is a date and time with its offset, `local` one without; `loose` is a number that may
be given as text, as pydantic's schema of a Decimal has it; `mixed` any scalar; `json` anything."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One cell."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Struct:
    """An object with these members, in the order of the schema."""

    members: Mapping[str, Shape] = field(hash=False)


Shape: TypeAlias = "Scalar | Items | Struct"

DEEPEST = 12  # levels of objects and lists: what is deeper is JSON
MOST_NODES = 1_000  # of a target, so that there are fewer columns: SQLite takes 2,000 in a table
MOST_JOINED = 64  # references and `allOf` of one node

_JSON = Scalar("json")


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """The shape of a JSON Schema (2020-12, its definitions in `$defs` at its root)."""
    return _Reader(schema).shape(schema, (), DEEPEST)


def root_of(shape: Shape) -> Struct:
    """The shape itself, or an object that has it as its `value`: a table has columns."""
    return shape if isinstance(shape, Struct) else Struct({"value": shape})


def title_of(schema: Mapping[str, Any]) -> str:
    """What the schema calls itself."""
    return str(_Reader(schema).joined(schema, ())[0].get("title") or "document")


class _Reader:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        definitions = schema.get("$defs")
        self._definitions: Mapping[str, Any] = definitions if isinstance(definitions, Mapping) else {}
        self._left = MOST_NODES

    def shape(self, node: Any, inside: tuple[str, ...], levels: int) -> Shape:
        """The shape of a node; `inside` are the definitions around it."""
        node, inside = self.joined(node, inside)
        self._left -= 1
        if self._left < 0 or not levels or len(set(inside)) < len(inside):
            return _JSON
        constants = constants_of(node)
        unions = [node[keyword] for keyword in ("anyOf", "oneOf") if keyword in node]
        if constants is not None:
            return Scalar(_kind_of_all(constants))
        if len(unions) == 1 and isinstance(unions[0], list):
            return self._union(node, unions[0], inside, levels)
        kinds = [kind for kind in kinds_of(node) if kind != "null"]
        if unions or not kinds:
            return _JSON
        return _one_of([self._of_kind(kind, node, inside, levels) for kind in kinds])

    def joined(self, node: Any, inside: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A node with what it refers to and its `allOf` put into it."""
        result: dict[str, Any] = {}
        ahead = [node]
        for _ in range(MOST_JOINED):
            if not ahead:
                break
            each, *ahead = ahead
            if not isinstance(each, Mapping):
                continue
            if isinstance(each.get("$ref"), str):
                name = each["$ref"].removeprefix(PREFIX)
                inside = (*inside, name)
                ahead.append(self._definitions.get(name))
            ahead = [*(each["allOf"] if isinstance(each.get("allOf"), list) else ()), *ahead]
            result = merged(result, {key: word for key, word in each.items() if key not in ("$ref", "allOf", "$defs")})
        return result, inside

    def _union(self, node: dict[str, Any], members: list[Any], inside: tuple[str, ...], levels: int) -> Shape:
        own = {key: word for key, word in node.items() if key not in ("anyOf", "oneOf")}
        real = [each for each in members if not _is_null(each)]
        return _one_of([self.shape({**own, "allOf": [each]}, inside, levels) for each in real])

    def _of_kind(self, kind: str, node: dict[str, Any], inside: tuple[str, ...], levels: int) -> Shape:
        if kind == "object":
            return self._object(node, inside, levels)
        if kind == "array":
            listed = node.get("items")
            if not isinstance(listed, Mapping) or "prefixItems" in node:
                return _JSON
            return Items(self.shape(listed, inside, levels - 1))
        return Scalar(_FORMATS.get(str(node.get("format")), "text") if kind == "string" else _KINDS.get(kind, "mixed"))

    def _object(self, node: dict[str, Any], inside: tuple[str, ...], levels: int) -> Shape:
        properties = node.get("properties")
        if not isinstance(properties, Mapping):
            return _JSON
        # A name that no file can hold is none of a column: what has it is kept beside.
        names = [name for name in properties if not UNWRITABLE.search(name)]
        members = {name: self.shape(properties[name], inside, levels - 1) for name in names}
        return Struct(members) if members else _JSON


UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that no file of text can hold, and a NUL, where many readers stop."""


def writable(text: str) -> str:
    """The text with a sign for each character that no file of text can hold."""
    return UNWRITABLE.sub("\ufffd", text)


_FORMATS: Mapping[str, Kind] = {"date": "date", "date-time": "moment"}
_KINDS: Mapping[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
_TEXTS = {"text", "date", "moment"}


def _is_null(node: Any) -> bool:
    return isinstance(node, Mapping) and (
        node.get("type") == "null" or node.get("enum", [node.get("const", 0)]) == [None]
    )


def _kind_of_all(constants: list[Any]) -> Kind:
    kinds = {kind_of(value) for value in constants} - {"null"}
    if kinds & {"object", "array"}:
        return "json"
    kinds = {"number"} if kinds == {"integer", "number"} else kinds
    return (_KINDS.get(*kinds, "text") if len(kinds) == 1 else "mixed") if kinds else "mixed"  # type: ignore[call-overload]


def _one_of(shapes: list[Shape]) -> Shape:
    """The shape of what may be of one of several."""
    if shapes and all(each == shapes[0] for each in shapes):
        return shapes[0]
    if not shapes or not all(isinstance(each, Scalar) and each.kind != "json" for each in shapes):
        return _JSON
    kinds = {each.kind for each in shapes if isinstance(each, Scalar)}
    if kinds <= _TEXTS:
        return Scalar("text")
    if kinds <= {"integer", "number"}:
        return Scalar("number")
    return Scalar("loose" if kinds == {"number", "text"} else "mixed")


# ------------------------------------------------------------------------------- what values tell besides

# Nothing that begins with a nought or a plus: that may be the number of an account, or of a telephone.
_NUMERAL = re.compile(r"-?+(?:[1-9]\d*+|0)(?:\.\d++)?+", re.ASCII)
_OFFSET = re.compile(r"(?:[zZ]|[+-]\d\d:?\d\d)\Z", re.ASCII)


def settled(shape: Shape, values: Sequence[Any]) -> Shape:
    """The shape where what the schema leaves open is told by some of the values: whether something `loose` is a number,
    and whether moments have their offsets.
    """
    if isinstance(shape, Struct):
        objects = [value for value in values if isinstance(value, dict)]
        return Struct({key: settled(each, [it.get(key) for it in objects]) for key, each in shape.members.items()})
    if isinstance(shape, Items):
        return Items(settled(shape.item, [item for value in values if isinstance(value, list) for item in value]))
    decide = _SETTLED.get(shape.kind)
    return Scalar(decide([value for value in values if value is not None])) if decide else shape


def is_numeral(value: Any) -> bool:
    """Whether it is a number, or a text that can be nothing else."""
    if isinstance(value, str):
        return bool(_NUMERAL.fullmatch(value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _settled_moment(values: list[Any]) -> Kind:
    offsets = {bool(_OFFSET.search(value)) for value in values if isinstance(value, str)}
    return "text" if len(offsets) == 2 else "local" if False in offsets else "moment"


_SETTLED: Mapping[Kind, Callable[[list[Any]], Kind]] = {
    "loose": lambda values: "number" if all(map(is_numeral, values)) else "mixed",
    "moment": _settled_moment,
}
