"""A JSON Schema → the shapes that mending sees: which kinds of value there may be at a place, and what is inside.

What a schema says in words that are not known here takes any value: what is not understood is left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from extractor.reply.branches import JSON_TYPES, TYPES, Anything, Branch, Constants, Scalar, Text
from extractor.reply.shape import Array, Object, Shape
from extractor.schema.nodes import ANNOTATIONS, PREFIX, constants_of, kinds_of, text_of

__all__ = ["shape_of"]


def shape_of(schema: Mapping[str, Any], *, decimals: bool = False) -> Shape:
    """The shape of a JSON Schema (2020-12), every reference in the form `#/$defs/NAME`.

    With `decimals` the schema is that of a type, which is for the caller to know: then a number or any text is a
    number or the text of one (so pydantic writes `Decimal`), and keys that an object does not name are passed over.
    """
    return _Shapes(schema.get("$defs", {}), decimals).shape(schema)


_DECIMAL: Mapping[str, Any] = {"type": "string", "pattern": r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"}


def _as_decimal(branches: list[Branch]) -> list[Branch]:
    """The branches, where they are those of a `Decimal`: then its text is that of a number."""
    told = [each for each in branches if type(None) not in each.takes]
    if len(told) != 2 or not isinstance(told[0], Scalar) or told[0].kind != "number" or not isinstance(told[1], Text):
        return branches
    bare = not (_ABOUT - {"type"}) & told[1].schema.keys()
    return [Text(_DECIMAL) if each is told[1] and bare else each for each in branches]


_ABOUT = frozenset(
    "type enum const properties required additionalProperties items prefixItems anyOf oneOf allOf $ref "
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format "
    "minItems maxItems uniqueItems minProperties maxProperties propertyNames".split()
)
# Words that govern a value in ways that are not followed here.
_OPAQUE = frozenset(
    "not if then else dependentRequired dependentSchemas dependencies patternProperties contains unevaluatedItems "
    "unevaluatedProperties $dynamicRef $recursiveRef additionalItems".split()
)
_BY_KIND: Mapping[str, Callable[[Mapping[str, Any], Callable[[Any], Shape]], Branch]] = {
    "array": Array,
    "string": lambda schema, make: Text(schema),
    **{
        kind: lambda schema, make, kind=kind: Scalar(kind, schema)  # type: ignore[misc]
        for kind in ("integer", "number", "boolean", "null")
    },
}


class _Shapes:
    """The shapes of one document, each definition's made once."""

    def __init__(self, definitions: Mapping[str, Any], decimals: bool) -> None:
        self._decimals = decimals
        self._definitions = definitions
        self._named: dict[str, Shape] = {}
        self._alike: dict[str, Shape] = {}  # of schemas that say the same

    def shape(self, schema: Any) -> Shape:
        """The shape of a schema within the document."""
        name = _reference(schema)
        if name and name in self._definitions:
            return self._kept(self._named, name, self._definitions[name])
        simple = _simple(schema) if isinstance(schema, dict) else ""
        return self._kept(self._alike, simple, schema) if simple else self._made(schema)

    def _kept(self, kept: dict[str, Shape], name: str, schema: Any) -> Shape:
        if name not in kept:
            kept[name] = self._made(schema)
        return kept[name]

    def _made(self, schema: Any) -> Shape:
        return Shape(functools.partial(self._found, schema))

    def _found(self, schema: Any) -> tuple[Branch, ...]:
        """The branches of a shape, those that belong together as one."""
        found = list(self._branches(schema))
        constants = [each for each in found if isinstance(each, Constants)]
        if len(constants) > 1:  # together, or a word that two of them mean would seem to be clear
            merged = Constants([value for each in constants for value in each.values])
            found = [merged, *(each for each in found if not isinstance(each, Constants))]
        return tuple(_as_decimal(found) if self._decimals else found)

    def _branches(self, schema: Any) -> Iterator[Branch]:
        """The branches of a schema, those of unions within unions too."""
        ahead, seen = [schema], set[int]()
        while ahead:
            each = ahead.pop()
            if id(each) in seen:  # by a definition that leads back to itself
                continue
            seen.add(id(each))
            inner = _members(each)
            if inner is None:
                yield from self._own_branches(each)
            elif name := _reference(each):
                ahead.append(self._definitions.get(name, True))
            else:
                ahead += reversed(inner)

    def _own_branches(self, schema: Any) -> Iterator[Branch]:
        """The branches of a schema that is no union, and refers to nothing."""
        if schema is False:
            return
        if not isinstance(schema, dict) or not _is_followed(schema):
            yield Anything(JSON_TYPES)
            return
        constants = constants_of(schema)
        if constants is not None:
            yield Constants(constants)
            return
        kinds = kinds_of(schema)
        if not kinds or any(kind not in TYPES for kind in kinds):
            yield Anything(JSON_TYPES)
            return
        for kind in kinds:
            yield self._object(schema) if kind == "object" else _BY_KIND[kind](schema, self.shape)
        if "type" not in schema:  # then what is no object, say, is not spoken of
            yield Anything(JSON_TYPES - frozenset().union(*(TYPES[kind] for kind in kinds)))

    def _object(self, schema: Mapping[str, Any]) -> Object:
        return Object(schema, self.shape, of_type=self._decimals)


_SIMPLE = ANNOTATIONS | {"type", "format"}
_UNION = ANNOTATIONS | {"anyOf"}


def _simple(schema: dict[str, Any]) -> str:
    """The type and format of a node, with or without null, where that is all that it says; "" for any other."""
    if "type" in schema:
        return f"{schema['type']} {schema.get('format', '')}" if schema.keys() <= _SIMPLE else ""
    members = schema.get("anyOf")
    if not isinstance(members, list) or len(members) != 2 or members[1] != {"type": "null"}:
        return ""
    member = members[0]
    simple = _simple(member) if isinstance(member, dict) and "type" in member else ""
    return f"null or {simple}" if simple and schema.keys() <= _UNION else ""


_JOINED = frozenset(("anyOf", "oneOf", "allOf", "$ref"))
_GOVERNED = _OPAQUE | _JOINED


def _is_followed(schema: dict[str, Any]) -> bool:
    """Whether no word governs its value in a way that is not followed."""
    governing = _GOVERNED.intersection(schema)
    return not governing or (governing == {"patternProperties"} and _is_map(schema))


def _is_map(schema: dict[str, Any]) -> bool:
    """Whether its keys are told by patterns alone, and all of them hold the same: `dict[Annotated[str, …], int]`."""
    patterns, more = schema["patternProperties"], schema.get("additionalProperties", True)
    alone = not schema.get("properties") and more in (True, False, {})
    return alone and isinstance(patterns, dict) and len(set(map(text_of, patterns.values()))) == 1


def _members(schema: Any) -> list[Any] | None:
    """The schemas of a node that says nothing itself; None for any other."""
    if not isinstance(schema, dict) or _JOINED.isdisjoint(schema) or not _OPAQUE.isdisjoint(schema):
        return None
    about = [word for word in schema if word in _ABOUT]
    if len(about) != 1:
        return None
    word = about[0]
    if word == "$ref":
        return [] if _reference(schema) else None
    inner = schema[word] if word in _JOINED else None
    return inner if isinstance(inner, list) and (word != "allOf" or len(inner) == 1) else None


def _reference(schema: Any) -> str:
    """The name of the definition that a node is, if it is nothing else."""
    target = schema.get("$ref") if isinstance(schema, dict) else None
    if not isinstance(target, str) or not target.startswith(PREFIX) or sum(word in _ABOUT for word in schema) > 1:
        return ""
    return target.removeprefix(PREFIX) if _OPAQUE.isdisjoint(schema) else ""
