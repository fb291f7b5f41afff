"""What a schema says may stand at a member or an item of a value, through references, unions and `allOf`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from extractor.schema.nodes import PREFIX, JsonSchema, constants_of, kinds_of, modern, text_of
from extractor.schema.patterns import engines

__all__ = ["MISSING", "Way", "Ways", "agreeing", "member"]

_WAYS = 256  # what a union may mean
_NODES = 5_000  # that are looked at for one place
_LEVELS = 100  # of references, unions and `allOf` inside of each other

_COMPOSED = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
MISSING: Any = object()
"""What stands for a value that is not there."""

Way: TypeAlias = "tuple[JsonSchema, ...]"
"""Nodes without references, unions and `allOf`, which must all hold."""


class _Unclear(Exception):
    """There is too much that a schema may mean."""


class Ways:
    """What a schema means for a value of one type."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._known: dict[tuple[int, str], tuple[Any, list[Way]]] = {}
        self._left = _NODES

    def ways(self, schema: Any, kind: str) -> list[Way]:
        """All that it may mean; none where no value of that type is accepted, or there is too much."""
        known = self._known.get((id(schema), kind))
        if known is None:
            self._left = _NODES
            try:
                found = self._ways(schema, kind, 0)
            except _Unclear:
                found = []
            # With the schema, which so keeps its identity.
            known = self._known[id(schema), kind] = (schema, found)
        return known[1]

    def _ways(self, schema: Any, kind: str, level: int) -> list[Way]:
        self._left -= 1
        if level > _LEVELS or self._left < 0:
            raise _Unclear
        if schema is True:
            return [()]
        if not isinstance(schema, Mapping) or not _can_be(schema, kind):
            return []
        ways: list[Way] = [({key: it for key, it in modern(dict(schema)).items() if key not in _COMPOSED},)]
        for members in self._composed(schema):
            inner = [way for member in members for way in self._ways(member, kind, level + 1)]
            if len(ways) * len(inner) > _WAYS:
                raise _Unclear
            ways = [(*one, *other) for one in ways for other in inner]
        return ways

    def _composed(self, schema: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        """What must hold beside the node itself: one of each group."""
        if "$ref" in schema:
            yield [self._definitions.get(str(schema["$ref"]).removeprefix(PREFIX), False)]
        yield from ([member] for member in schema.get("allOf", ()))
        yield from (schema[keyword] for keyword in ("anyOf", "oneOf") if keyword in schema)

    def constants(self, way: Way) -> dict[str, set[str]]:
        """The properties that have certain values only, and these as text."""
        return {
            key: set(map(text_of, values))
            for part in way
            for key, schema in part.get("properties", {}).items()
            if (values := self._constants(schema)) is not None
        }

    def _constants(self, schema: Any) -> list[Any] | None:
        for _ in range(_LEVELS):
            if not isinstance(schema, Mapping):
                return None
            if "$ref" not in schema:
                return constants_of(schema)
            schema = self._definitions.get(str(schema["$ref"]).removeprefix(PREFIX))
        return None


def _can_be(schema: Mapping[str, Any], kind: str) -> bool:
    constants = constants_of(schema)
    if constants is not None:  # nothing is told inside of one
        return kind == "null" and None in constants
    kinds = kinds_of(schema)
    return not kinds or kind in kinds


def agreeing(ways: list[Way], value: Any, reader: Ways) -> list[Way]:
    """Those of several ways whose constants are the value's; where none is, those that agree in what tells them
    apart.
    """
    if len(ways) < 2 or not isinstance(value, dict):
        return ways
    told = [reader.constants(way) for way in ways]
    found = {key: text_of(value[key]) for each in told for key in each if _is_scalar(value.get(key, MISSING))}
    agreeing = [way for way, each in zip(ways, told, strict=True) if _agrees(each, found, each)]
    key = None if agreeing else next((key for key in told[0] if key in found and _tells(key, told)), None)
    if key is not None:
        return [way for way, each in zip(ways, told, strict=True) if _agrees(each, found, (key,))]
    return agreeing or ways


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _agrees(told: Mapping[str, set[str]], found: Mapping[str, str], keys: Iterable[str]) -> bool:
    return all(found[key] in told[key] for key in keys if key in found)


def _tells(key: str, told: Sequence[Mapping[str, set[str]]]) -> bool:
    """Whether each has values of its own for a property."""
    constants = [each.get(key, set()) for each in told]
    return all(constants) and sum(map(len, constants)) == len(set().union(*constants))


def member(way: Way, step: str | int) -> Any:
    """The schema of a member or an item; None where none can be told."""
    said = [each for part in way for each in (_item(part, step) if isinstance(step, int) else _property(part, step))]
    if not said or any(each is False for each in said):
        return None
    different = list({text_of(each): each for each in said}.values()) if len(said) > 1 else said
    return {"allOf": different} if len(different) > 1 else {} if different[0] is True else different[0]


def _item(part: JsonSchema, index: int) -> list[Any]:
    first = part.get("prefixItems", ())
    rest = part.get("items", True)
    return [first[index]] if index < len(first) else [] if rest is True else [rest]


def _property(part: JsonSchema, key: str) -> list[Any]:
    """What an object says about a key: nothing, a schema, or False where it cannot be told."""
    properties = part.get("properties", {})
    said = [properties[key]] if key in properties else []
    matching = [(_matcher(pattern)(key), it) for pattern, it in part.get("patternProperties", {}).items()]
    matched = [it for matches, it in matching if matches]
    if len(matched) > 1 or any(matches is None for matches, _ in matching):
        return [False]
    more = part.get("additionalProperties", True)
    return [*said, *matched] or ([] if more is True else [more])


@functools.lru_cache(maxsize=256)
def _matcher(pattern: str) -> Callable[[str], bool | None]:
    """Whether a key matches; None where that cannot be told."""
    import jsonschema_rs  # only here: few schemas have patterns for keys

    try:
        linear, _ = engines()  # the key may be a model's
        accepts = jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=linear, offline=True).is_valid
    except jsonschema_rs.ValidationError:  # it looks around
        return lambda key: None

    def matches(key: str) -> bool | None:
        try:
            return accepts(key)
        except ValueError:  # half a character
            return None

    return matches
