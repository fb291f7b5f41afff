"""Some places of a value as a schema of their own.

Where only some fields of a reply are wrong, or its end is missing, only these are asked for again: each place
is one property of a scoped schema. Where the schema leaves open what may stand at a place (a union of which
several members fit the value, a key that nothing names), the place above it is asked for.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from extractor.schema.merge import merged as joined
from extractor.schema.nodes import JsonSchema, Names, described, kind_of, references_in, text_of
from extractor.schema.pointers import escaped, step_in, steps_of
from extractor.schema.subschemas import MISSING, Way, Ways, agreeing, member

__all__ = ["Place", "Scope", "schema_at", "scope"]

MOST = 50  # places in one request; more are asked for by the objects and lists that they stand in
MOST_AT_LAST = 200  # where that does not help: with more than this, the whole is asked for
NAME_LENGTH = 64  # OpenAI's and Anthropic's limit
SHOWN = 80  # characters of a key that a description shows: it may be a model's


_ROOT_ONLY = frozenset({"$defs", "definitions", "$schema", "$id"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One place that is asked for.

    `pointer` is the JSON pointer into the value, in the target's own shape; `name` the property that stands
    for it: letters, digits and `_`, at most 64. It is `optional` where the value may do without it (no
    object around it requires it): then the answer may be null, for which it is left out unless it is `nullable`
    itself. With `append`, the answer is a list (or a map) that goes on after what is there.
    """

    pointer: str
    name: str
    optional: bool = False
    nullable: bool = False
    append: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """The places that are asked for, and the schema to ask with: a closed object with one property for each."""

    places: tuple[Place, ...]
    schema: dict[str, Any]


def scope(
    schema: Mapping[str, Any], data: Any, pointers: Iterable[str], *, appended: Mapping[str, int] | None = None
) -> Scope | None:
    """The scoped schema for places of a value; None where all of it has to be asked for, or nothing.

    `schema` is a target's (2020-12, references `#/$defs/NAME`), `data` the value as far as it is there.
    `appended` are the pointers of lists and maps to go on with, and how many items of each are kept. Places
    inside of others are left out. Takes time linear in the pointers, not in the data.
    """
    survey = _Survey(schema, data)
    following = appended or {}
    for pointer in dict.fromkeys([*pointers, *following]):
        if pointer in following:
            survey.follow(pointer, following[pointer])
        else:
            survey.reached(pointer).asked = True
    spots = survey.gathered()
    return _scoped(spots, schema.get("$defs", {}), survey.accepts_null) if spots else None


def schema_at(schema: Mapping[str, Any], data: Any, pointer: str) -> dict[str, Any] | None:
    """The schema of one place of a value (with references into `schema`); None where that cannot be told.

    The place itself may be missing in `data`, but not what it stands in.
    """
    survey = _Survey(schema, data)
    spot = survey.reached(pointer)
    return dict(spot.schema) if spot.pointer == pointer else None


# ------------------------------------------------------------------------------ which places are asked for


@dataclass(eq=False, kw_only=True, slots=True)
class _Spot:
    """A place on the way to what is asked for.

    `ways` is what its schema may mean for its value, `fitting` the numbers of those that have all the members
    which are asked for. `rest` is the schema of what follows what is there; with that inside, a place is `kept`:
    it is not asked for again just to have fewer names.
    """

    step: str
    above: _Spot | None
    schema: Any
    value: Any
    optional: bool = False
    depth: int = 0
    pointer: str = ""
    ways: list[Way] | None = None
    fitting: frozenset[int] = frozenset()
    inside: dict[str, _Spot | None] = field(default_factory=dict)
    asked: bool = False
    rest: JsonSchema | None = None
    kept: bool = False


class _Survey:
    """The places of one value, as far as its schema tells what may stand there."""

    def __init__(self, schema: Mapping[str, Any], data: Any) -> None:
        self._reader = Ways(schema.get("$defs", {}))
        bare = {key: value for key, value in schema.items() if key not in _ROOT_ONLY}
        self._root = _Spot(step="", above=None, schema=bare, value=data)
        self._spots = [self._root]  # what is inside of another comes after it

    def reached(self, pointer: str) -> _Spot:
        """The place itself, or the nearest above it that can be told."""
        spot = self._root
        for step in steps_of(pointer):
            if step not in spot.inside:
                spot.inside[step] = self._below(spot, step)
            below = spot.inside[step]
            if below is None:
                return spot
            spot = below
        return spot

    def accepts_null(self, schema: Any) -> bool:
        """Whether null may stand where this schema is."""
        return bool(self._reader.ways(schema, "null"))

    def follow(self, pointer: str, count: int) -> None:
        """Ask for what follows the first items of a list or a map."""
        spot = self.reached(pointer)
        ways = self._ways(spot) if spot.pointer == pointer else []
        if len(ways) != 1:
            spot.asked = True
            return
        said = f"the {'items' if isinstance(spot.value, list) else 'entries'} after the first {count}"
        whole: JsonSchema = functools.reduce(joined, ways[0], {"type": kind_of(spot.value)})
        spot.rest = {**_after(whole, count, spot.value), "description": described(whole.get("description"), [said])}
        around: _Spot | None = spot
        while around is not None:
            around.kept, around = True, around.above

    def _ways(self, spot: _Spot) -> list[Way]:
        if spot.ways is None:
            solid = isinstance(spot.value, (dict, list))
            ways = self._reader.ways(spot.schema, kind_of(spot.value)) if solid else []
            spot.ways = agreeing(ways, spot.value, self._reader)
            spot.fitting = frozenset(range(len(spot.ways)))
        return spot.ways

    def _below(self, spot: _Spot, step: str) -> _Spot | None:
        at = step_in(spot.value, step)
        ways = self._ways(spot)
        if at is None or not ways:
            return None
        named = [number for number, way in enumerate(ways) if any(at in part.get("properties", ()) for part in way)]
        able = [ways[number] for number in named] or ways
        schemas = [member(way, at) for way in able]
        if None in schemas or (len(schemas) > 1 and len(set(map(text_of, schemas))) > 1):
            return None
        spot.fitting &= frozenset(named or range(len(ways)))
        # Complaints about one union by several of its members: which is meant is open.
        spot.asked = spot.asked or not spot.fitting
        below = _Spot(
            step=step,
            above=spot,
            schema=schemas[0],
            value=spot.value.get(step, MISSING) if isinstance(at, str) else spot.value[at],
            optional=isinstance(at, str) and not all(any(at in it.get("required", ()) for it in way) for way in able),
            depth=spot.depth + 1,
            pointer=f"{spot.pointer}/{escaped(step)}",
        )
        self._spots.append(below)
        return below

    def gathered(self) -> list[_Spot]:
        """The places to ask for; none where the whole has to be."""
        for spot in reversed(self._spots[1:]):
            spot.asked = spot.asked or _is_mostly_asked(spot)
        left = len(_asked(self._root))
        for spot in sorted(self._spots[1:], key=lambda spot: -spot.depth):
            if left <= MOST:
                break
            inside = 0 if spot.asked or spot.kept else len(_asked(spot))
            if inside > 1:
                spot.asked = True
                left -= inside - 1
        found = _asked(self._root)
        return [] if self._root.asked or len(found) > MOST_AT_LAST else found


def _is_mostly_asked(spot: _Spot) -> bool:
    """Whether so much of an object is asked for that it is simpler to ask for it."""
    asked = sum(below is not None and below.asked for below in spot.inside.values())
    if asked < 3 or not isinstance(spot.value, dict) or spot.kept:
        return False
    named = [len({key for part in way for key in part.get("properties", ())}) for way in spot.ways or ()]
    return asked * 2 > max([len(spot.value), *named])


def _asked(spot: _Spot) -> list[_Spot]:
    """The places in a place, without those inside of others; what follows a list is beside its items."""
    found, waiting = [], [spot]
    while waiting:
        each = waiting.pop()
        if each.asked or each.rest is not None:
            found.append(each)
        if not each.asked:
            waiting += [below for below in reversed(each.inside.values()) if below is not None]
    return found


_COUNTS: Mapping[type, tuple[str, str]] = {list: ("minItems", "maxItems"), dict: ("minProperties", "maxProperties")}
# They speak of the whole.
_OF_ALL = frozenset("contains minContains maxContains default examples const enum".split())


def _after(whole: JsonSchema, count: int, value: Any) -> JsonSchema:
    """What may follow the first items."""
    rest = {key: it for key, it in whole.items() if key not in _OF_ALL}
    least, most = _COUNTS[type(value)]
    if least in rest:
        rest[least] = max(rest[least] - count, 0)
    if most in rest:
        rest[most] = max(rest[most] - count, 0)
    if first := rest.pop("prefixItems", [])[count:]:
        rest["prefixItems"] = first
    if isinstance(value, dict):
        rest["properties"] = {key: it for key, it in rest.get("properties", {}).items() if key not in value}
        rest["required"] = [key for key in rest.get("required", ()) if key not in value]
    return {key: it for key, it in rest.items() if it not in ({}, []) or key not in ("properties", "required")}


# -------------------------------------------------------------------------------- the schema to ask with


def _scoped(spots: list[_Spot], definitions: Mapping[str, Any], accepts_null: Callable[[Any], bool]) -> Scope:
    places: dict[str, Place] = {}
    properties: JsonSchema = {}
    names = Names(longest=NAME_LENGTH)
    for spot in spots:
        way = _way(spot)
        append = spot.rest is not None and not spot.asked
        name = names.free(_wish(way, "items" if append else "value"))
        nullable = not append and accepts_null(spot.schema)
        optional = spot.optional and not append
        places[name] = Place(pointer=spot.pointer, name=name, optional=optional, nullable=nullable, append=append)
        where = _written(way)
        asked = spot.rest if append and spot.rest is not None else spot.schema
        said = "" if where == name and not append else where  # the name may say it already
        # Each has to be answered, be it by null: what is left out of an answer says nothing.
        properties[name] = _placed(_or_null(asked) if optional and not nullable else asked, said)
    whole: JsonSchema = {
        "type": "object",
        "properties": properties,
        "required": list(places),
        "additionalProperties": False,
    }
    referred = references_in(properties, definitions)
    used = {name: definition for name, definition in definitions.items() if name in referred}
    return Scope(places=tuple(places.values()), schema={**whole, "$defs": used} if used else whole)


def _way(spot: _Spot) -> list[tuple[str, bool]]:
    """The steps to a place, and whether each is an index."""
    way = []
    while spot.above is not None:
        way.append((spot.step, isinstance(spot.above.value, list)))
        spot = spot.above
    return way[::-1]


def _wish(way: list[tuple[str, bool]], default: str) -> str:
    """The name of a place: its steps, of which the last say most."""
    words = (re.sub(r"[^A-Za-z0-9]+", "_", step[-NAME_LENGTH:]).strip("_") for step, _ in way)
    wish = "_".join(word for word in words if word)[-NAME_LENGTH:].lstrip("_") or default
    return wish if wish[0].isalpha() else f"item_{wish}"[:NAME_LENGTH]


def _written(way: list[tuple[str, bool]]) -> str:
    """A place as it is written in a program."""
    steps: list[str] = []
    for step, is_index in way:
        shown = step if len(step) <= SHOWN else step[:SHOWN] + "…"
        plain = shown if is_index else json.dumps(shown, ensure_ascii=False)
        steps.append(f".{step}" if step.isidentifier() and shown == step else f"[{plain}]")
    return "".join(steps).removeprefix(".")


def _placed(schema: JsonSchema, where: str) -> JsonSchema:
    """A schema whose description begins with its place."""
    told = [text for text in (where, schema.get("description")) if text]
    return {**schema, "description": ": ".join(told)} if told else schema


def _or_null(schema: JsonSchema) -> JsonSchema:
    told = {"description": schema["description"]} if "description" in schema else {}
    return {**told, "anyOf": [{key: it for key, it in schema.items() if key not in told}, {"type": "null"}]}
