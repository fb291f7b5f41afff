"""How well schemas from the wild are turned into what an endpoint takes, and how well others do it.

    python benchmarks/conversion.py --data DIR [--sample N] [--corpus pyd jsb store] [--alone] [--show N]
        [--dialects openai gemini llama.cpp] [--into FOLDER]

DIR has the folder `schemas` with `NAME.jsonl.gz`: JSON lines of `key`, `schema` and, where there are some, `tests`
(`valid`, `data`). The converters of openai, langchain-core and pydantic-ai get the same schemas, for OpenAI's strict
form; --alone leaves them out. `rules.py` beside this file judges what is sent; values are judged by jsonschema-rs.

Columns, in percent. Of all schemas: `faultless` (sent, and nothing of what follows is wrong but for the values),
`crash` (any exception that is not our SchemaError, or over 5 s), `refused` (SchemaError),
`strict` (sent as strict). Of those sent as strict: `broken` (a documented rule), `doubt` (one that is in doubt). Of
those sent: `forced` (an optional property must be given and cannot be null), `emptied` (an object with free keys can
only be {}), `lost` (a constraint that is neither on the wire, nor in its words, nor among the rewrites). Of the valid
instances of those sent: `accepted` (allowed on the wire, and put back to what the schema allows); what is not splits
into `unnamed` (has properties that the schema neither names nor opens explicitly) and `other`.
--show prints on stderr why schemas were refused, which rules were broken, and so many examples of each.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import importlib.metadata
import importlib.util
import json
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import jsonschema_rs
from loopback import command, machine
from results import Better, Cell, Column, Report, Table, options, publish

import extractor
from extractor.errors import SchemaError

SECONDS = 5  # for one conversion; whatever takes longer hangs, as far as a caller can tell
PAIRS = 5_000  # places of a schema that are compared with the wire: enough for all but a few giants
PACKAGES = ("extractor", "openai", "langchain-core", "pydantic-ai-slim", "jsonschema-rs", "pydantic")
CORPORA = {
    "pyd": "Schemas as pydantic emits them",
    "jsb": "Schemas from the wild (JSONSchemaBench)",
    "store": "Schemas of configuration files (SchemaStore)",
    "suite": "The JSON Schema Test Suite",
}

Schema = Mapping[str, Any]
Place = tuple[Any, ...]
"""Schemas that hold for the same value."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a converter makes of a schema, and the ways of a value there and back."""

    schema: Any
    strict: bool
    rewrites: Sequence[tuple[str, str]] = ()  # pointer, words
    to_wire: Callable[[Any], Any] | None = None
    restore: Callable[[Any], Any] | None = None


Convert = Callable[[dict[str, Any]], Sent]


@dataclass
class Score:
    """What was counted for one converter over one corpus."""

    rules: str
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, kind: str, example: str) -> None:
        """Count one of a kind, and keep an example."""
        self.counts[kind] += 1
        self.examples.setdefault(kind, []).append(example)


# --------------------------------------------------------------------------------------- the converters


def ours(dialect: str) -> Convert:
    """This library's."""

    def convert(schema: dict[str, Any]) -> Sent:
        adapted = extractor.adapt(schema, dialect=dialect)
        # Only what was done counts as told: the reasons are about the endpoint.
        rewrites = [(each.pointer, each.what) for each in adapted.rewrites]
        return Sent(
            schema=adapted.schema,
            strict=adapted.strict,
            rewrites=rewrites,
            to_wire=adapted.to_wire,
            restore=adapted.restore,
        )

    return convert


def openai_sdk(schema: dict[str, Any]) -> Sent:
    """OpenAI's SDK."""
    from openai.lib import _pydantic

    return Sent(schema=_pydantic._ensure_strict_json_schema(schema, path=(), root=schema), strict=True)


def langchain(schema: dict[str, Any]) -> Sent:
    """LangChain's, which takes a function's name from the title. Where it sends no schema, that is a crash."""
    module = importlib.import_module("langchain_core.utils.function_calling")
    function = module.convert_to_openai_function({"title": "record", "description": "", **schema}, strict=True)
    return Sent(schema=function["parameters"], strict=True)


def pydantic_ai(strict: bool | None) -> Convert:
    """pydantic-ai's; None lets it choose."""

    def convert(schema: dict[str, Any]) -> Sent:
        from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

        transformer = OpenAIJsonSchemaTransformer(schema, strict=strict)
        result = transformer.walk()
        return Sent(schema=result, strict=bool(strict or transformer.is_strict_compatible))

    return convert


PEERS: Mapping[str, Convert] = {
    "OpenAI SDK": openai_sdk,
    "LangChain": langchain,
    "pydantic-ai: strict": pydantic_ai(True),
    "pydantic-ai: it chooses": pydantic_ai(None),
}


# ------------------------------------------------------------------------------- a schema, as it is in force


def rules_module() -> Any:
    """The checker beside this file."""
    spec = importlib.util.spec_from_file_location("benchmark_rules", Path(__file__).with_name("rules.py"))
    if spec is None or spec.loader is None:
        raise ImportError("rules.py is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


RULES = rules_module()
LEGACY = re.compile(r"draft-0[3-7]/")


class Whole:
    """A schema document: what its references lead to, and what holds together."""

    def __init__(self, root: Any) -> None:
        self.root = root
        # Up to draft 7, whatever stands beside a reference is not in force.
        said = root.get("$schema") if isinstance(root, Mapping) else None
        self.legacy = bool(LEGACY.search(str(said or "")))
        self._named: dict[str, Any] | None = None

    def led_to(self, reference: Any) -> Any:
        """What a reference leads to, None outside of the document."""
        if isinstance(reference, str) and "/" not in reference.partition("#")[2] and reference != "#":
            return self._names().get(reference.lstrip("#"))
        return RULES.led_to(self.root, reference)

    def _names(self) -> dict[str, Any]:
        if self._named is None:
            self._named = {
                str(node.schema[keyword]).lstrip("#"): node.schema
                for node in RULES.nodes(self.root)
                if isinstance(node.schema, Mapping)
                for keyword in ("$id", "id", "$anchor")
                if isinstance(node.schema.get(keyword), str)
            }
        return self._named

    def parts(self, place: Place) -> list[Schema]:
        """All schemas that hold at a place: those there, what they refer to, and the members of their allOf."""
        found: list[Schema] = []
        waiting, seen = list(reversed(place)), set()
        while waiting:
            schema = waiting.pop()
            if not isinstance(schema, Mapping) or id(schema) in seen:
                continue
            seen.add(id(schema))
            reference = schema.get("$ref")
            if isinstance(reference, str):
                waiting.append(self.led_to(reference))
            if not (isinstance(reference, str) and self.legacy):
                found.append(schema)
                waiting.extend(reversed(RULES.listed(schema, "allOf")))
        return found

    def alternatives(self, place: Place, depth: int = 6) -> list[list[Schema]]:
        """The members of the unions at a place, each with what holds besides."""
        base = self.parts(place)
        unions = [part[keyword] for part in base for keyword in ("anyOf", "oneOf") if RULES.listed(part, keyword)]
        if not unions or not depth:
            return [base]
        members = [member for union in unions for member in union]
        return [[*base, *each] for member in members for each in self.alternatives((member,), depth - 1)]


def values_of(parts: Sequence[Schema], keyword: str) -> list[Any]:
    """What several schemas say for a keyword."""
    return [part[keyword] for part in parts if keyword in part]


def named(parts: Sequence[Schema]) -> dict[str, Place]:
    """The properties that several schemas describe together."""
    found: dict[str, Place] = {}
    for part in parts:
        for name, schema in RULES.properties_of(part).items():
            found[name] = (*found.get(name, ()), schema)
    return found


def required_of(parts: Sequence[Schema]) -> set[str]:
    """What several schemas require together."""
    return {name for part in parts for name in RULES.listed(part, "required") if isinstance(name, str)}


def may_be(parts: Sequence[Schema], kind: str) -> bool:
    """Whether all that name types name this one, and one does."""
    said = [RULES.kinds(part) for part in parts if "type" in part]
    return bool(said) and all(kind in each for each in said)


def is_map(parts: Sequence[Schema]) -> bool:
    """Whether these describe an object with free keys and no others."""
    more = values_of(parts, "additionalProperties")
    patterns = any(values_of(parts, "patternProperties"))
    typed = may_be(parts, "object") or (not values_of(parts, "type") and (patterns or any(map(bool, more))))
    free = patterns or (False not in more and False not in values_of(parts, "unevaluatedProperties"))
    listed = any(key in part for part in parts for key in ("const", "enum", "maxProperties"))
    # A record without fields that says nothing of other keys (an empty class) is no map.
    fieldless = values_of(parts, "properties") and not more and not patterns
    return typed and free and not named(parts) and not required_of(parts) and not listed and not fieldless


# ----------------------------------------------------------------------------- the schema beside the wire


class Comparison:
    """The places of a schema beside their counterparts on the wire, as far as names match."""

    def __init__(self, original: Whole, wire: Whole) -> None:
        self.original, self.wire = original, wire
        self.emptied: list[str] = []
        # Optional in the original, required on the wire in all these places.
        self.asked: list[tuple[str, list[Place]]] = []
        self._waiting: list[tuple[str, Place, Place]] = [("", (original.root,), self._unwrapped())]
        seen: set[tuple[Any, ...]] = set()
        while self._waiting and len(seen) < PAIRS:
            pointer, place, counterpart = self._waiting.pop()
            key = (tuple(map(id, place)), tuple(map(id, counterpart)))
            if key not in seen:
                seen.add(key)
                self._pair(pointer, place, counterpart)

    def _unwrapped(self) -> Place:
        """The wire's root, or what stands in it where a root that is no object was put into one."""
        wire, theirs = named(self.wire.parts((self.wire.root,))), self.original.alternatives((self.original.root,))
        if len(wire) == 1 and not any(name in named(parts) for name in wire for parts in theirs):
            return next(iter(wire.values()))
        return (self.wire.root,)

    def _pair(self, pointer: str, place: Place, counterpart: Place) -> None:
        theirs, ours = self.original.alternatives(place), self.wire.alternatives(counterpart)
        arrays = [parts for parts in ours if may_be(parts, "array")]
        for parts in theirs:
            if is_map(parts):
                self._map(pointer, parts, ours, arrays)
            if named(parts):
                self._object(pointer, parts, ours)
            if values_of(parts, "items") or values_of(parts, "prefixItems"):
                self._array(pointer, parts, arrays)

    def _object(self, pointer: str, parts: list[Schema], ours: list[list[Schema]]) -> None:
        mine = named(parts)
        names = mine.keys() | required_of(parts)
        closeness = [(len(names & its), -len(its - names)) for its in (named(each).keys() for each in ours)]
        best = max(closeness, default=(0, 0))
        if not best[0]:
            return
        # Members of a union often have the same names and differ in what they require: all of them are looked at.
        alike = [each for each, close in zip(ours, closeness, strict=True) if close == best]
        for name, schemas in mine.items():
            places = [named(each).get(name, ()) for each in alike]
            if False in schemas or not all(places):
                continue
            step = f"{pointer}/properties/{RULES.escaped(name)}"
            if name not in required_of(parts) and all(name in required_of(each) for each in alike):
                self.asked.append((step, places))
            self._waiting.extend((step, schemas, place) for place in {tuple(map(id, it)): it for it in places}.values())

    def _map(self, pointer: str, parts: list[Schema], ours: list[list[Schema]], arrays: list[list[Schema]]) -> None:
        objects = [each for each in ours if may_be(each, "object")]
        if objects and not arrays and all(map(self._only_empty, objects)):
            self.emptied.append(pointer)
        values = tuple(each for each in values_of(parts, "additionalProperties") if isinstance(each, Mapping))
        if not values:
            return
        step = f"{pointer}/additionalProperties"
        for each in objects:
            more = tuple(it for it in values_of(each, "additionalProperties") if isinstance(it, Mapping))
            if more:
                self._waiting.append((step, values, more))
        for each in arrays:
            for entry in self.wire.alternatives(tuple(values_of(each, "items"))):
                its = named(entry)
                if len(its) == 2:  # a list of keys and values
                    self._waiting.append((step, values, its.get("value") or list(its.values())[-1]))

    @staticmethod
    def _only_empty(parts: list[Schema]) -> bool:
        return (
            not named(parts)
            and False in values_of(parts, "additionalProperties")
            and not any(values_of(parts, "patternProperties"))
        )

    def _array(self, pointer: str, parts: list[Schema], arrays: list[list[Schema]]) -> None:
        said = values_of(parts, "items")
        items = tuple(each for each in said if isinstance(each, Mapping))
        first = next((each for each in [*values_of(parts, "prefixItems"), *said] if isinstance(each, list)), [])
        for each in arrays:
            theirs = tuple(values_of(each, "items"))
            positions: list[Any] = next(iter(values_of(each, "prefixItems")), [])
            for number, member in enumerate(first):
                place = (positions[number],) if number < len(positions) else theirs
                self._waiting.append((f"{pointer}/prefixItems/{number}", (member,), place))
            if items:
                self._waiting.append((f"{pointer}/items", items, theirs))

    def forced(self) -> list[str]:
        """The optional properties that must be given on the wire and cannot be null there."""
        asked = [(pointer, {"anyOf": [{"allOf": [*place]} for place in places]}) for pointer, places in self.asked]
        # All are asked in one go: a validator for each would take the definitions in again each time.
        one = {
            **{key: self.wire.root[key] for key in ("$defs", "definitions", "$schema") if key in self.wire.root},
            "properties": {str(number): schema for number, (_, schema) in enumerate(asked)},
        }
        judge = validator(one) if asked else None
        if judge is None:
            return []
        errors = judge.iter_errors(dict.fromkeys(one["properties"]))
        wrong = {int(error.instance_path[0]) for error in errors if error.instance_path}
        return [asked[number][0] for number in sorted(wrong)]


# ------------------------------------------------------------------------------------------- constraints

# Keyword → the types that it speaks about; all where none is listed.
ABOUT: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), frozenset({"string"})),
    **dict.fromkeys((*RULES.BOUNDS, "multipleOf"), frozenset({"number", "integer"})),
    **dict.fromkeys("uniqueItems minItems maxItems contains minContains maxContains".split(), frozenset({"array"})),
    **dict.fromkeys(
        "minProperties maxProperties propertyNames patternProperties additionalProperties dependencies "
        "dependentRequired dependentSchemas".split(),
        frozenset({"object"}),
    ),
    **dict.fromkeys(("const", "enum", "not", "if", "then", "else"), frozenset(RULES.TYPES)),
}
ALSO = {"minProperties": "minItems", "maxProperties": "maxItems"}  # of a map that is a list of its entries
SAYS_UNIQUE = re.compile(r"unique|twice|distinct|duplicate|differ", re.IGNORECASE)
SAYS_SOME = re.compile(r"empty|at least one", re.IGNORECASE)
SAYS_MAP = re.compile(r"propert|\bkeys?\b|\bmap\b|entries", re.IGNORECASE)
LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
SILENT = frozenset({"title", "description", "$comment", "default", "examples", "$ref", "$id", "id", "$schema"})


def text_of(value: Any) -> str:
    """A value, the same text for the same value: 1.0 is 1."""
    whole = isinstance(value, float) and value.is_integer()
    return str(RULES.as_text(int(value) if whole else value))


class Wire:
    """What the wire's schema says: by keywords, and in words."""

    def __init__(self, sent: Sent) -> None:
        self.said: dict[str, set[str]] = {}
        self.numbers: dict[str, list[float]] = {}
        self.values: set[str] = set()
        texts: list[str] = []
        for node in RULES.nodes(sent.schema):
            if not isinstance(node.schema, Mapping):
                continue
            for keyword in ABOUT.keys() & node.schema.keys():
                self._index(keyword, node.schema[keyword])
            texts.append(str(node.schema.get("description") or ""))
        self.text = "\n".join(texts).casefold()
        self.words = set(re.findall(r"[\w.-]*\w", self.text))
        self.figures = {
            text_of(float(each.replace(",", ""))) for each in re.findall(r"-?\d[\d,]*(?:\.\d+)?", self.text)
        }
        self.rewrites = [(pointer.replace("/definitions/", "/$defs/"), words) for pointer, words in sent.rewrites]

    def _index(self, keyword: str, value: Any) -> None:
        self.said.setdefault(keyword, set()).add(text_of(value))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.numbers.setdefault(keyword, []).append(value)
        if keyword in ("enum", "const"):
            self.values.update(map(text_of, value if keyword == "enum" and isinstance(value, list) else [value]))

    def tells(self, leaf: Any) -> bool:
        """Whether a value is in the words."""
        if leaf is None or isinstance(leaf, bool):
            return text_of(leaf) in self.words
        if isinstance(leaf, (int, float)):
            return text_of(leaf) in self.figures or str(leaf).casefold() in self.text
        plain = str(leaf).casefold()
        quoted = RULES.as_text(plain)
        if re.fullmatch(r"[\w.-]*\w", plain):
            return plain in self.words or quoted in self.text
        return plain.strip() in self.text or quoted[1:-1] in self.text

    def rewritten(self, pointer: str, keyword: str, value: Any) -> bool:
        """Whether a rewrite tells of a constraint: at its place, or with its values."""
        pointer = pointer.replace("/definitions/", "/$defs/")
        tail = pointer.rsplit("/", 2)[-2:]
        for place, words in self.rewrites:
            if "left out" in words and pointer.startswith(place):
                return True
            if re.search(rf"\b{re.escape(keyword)}\b", words) and (
                place.removesuffix("/" + keyword).rsplit("/", 2)[-2:] == tail
                or all(str(leaf) in words for leaf in leaves(value))
            ):
                return True
        return False


def leaves(value: Any) -> Iterator[Any]:
    """The values in a value; of a schema, what it demands and not what it tells."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key in ("properties", "patternProperties", "dependencies", "dependentRequired"):
                yield from member if isinstance(member, Mapping) else ()
            if key not in SILENT:
                yield from leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member)
    else:
        yield value


def in_force(whole: Whole) -> Iterator[tuple[str, Schema, bool]]:
    """The schemas that speak about some place: pointer, schema, whether others speak about the same place."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any, bool]] = [("", whole.root, False)]
    while waiting:
        pointer, schema, joined = waiting.pop()
        if not isinstance(schema, Mapping) or id(schema) in seen:
            continue
        seen.add(id(schema))
        reference = schema.get("$ref")
        if isinstance(reference, str):
            inside = reference.partition("#")[2]
            waiting.append(
                (inside if inside.startswith("/") else "", whole.led_to(reference), joined or len(schema) > 1)
            )
            if whole.legacy:
                continue
        yield pointer, schema, joined or any(key in schema for key in ("allOf", "anyOf", "oneOf"))
        for keyword, step, each in below(schema):
            waiting.append((pointer + step, each, keyword in ("allOf", "anyOf", "oneOf")))


def below(schema: Schema) -> Iterator[tuple[str, str, Any]]:
    """The schemas in one that are in force themselves, not within a negation or a condition."""
    structure = ("properties", "items", "prefixItems", "allOf", "anyOf", "oneOf", "patternProperties")
    for keyword, step, each in RULES.children(schema):
        if keyword in (*structure, "additionalProperties"):
            yield keyword, step, each
    for number, each in enumerate(RULES.listed(schema, "items")):
        yield "items", f"/items/{number}", each


def demands(schema: Schema) -> Iterator[tuple[str, Any]]:
    """The constraints of one schema that can be broken by a value of its type."""
    kinds = set(RULES.kinds(schema)) if "type" in schema else set(RULES.TYPES)
    for keyword in ABOUT.keys() & schema.keys():
        value = schema[keyword]
        if ABOUT[keyword] & kinds and not says_nothing(keyword, value, schema):
            yield keyword, value


def says_nothing(keyword: str, value: Any, schema: Schema) -> bool:
    """Whether a constraint is none."""
    if keyword in ("minLength", "minItems", "minProperties", "minContains"):
        return bool(value == 0)
    if keyword in ("enum", "const"):
        only = value if keyword == "enum" and isinstance(value, list) else [value]
        return only == [None] or (schema.get("type") == "boolean" and set(map(text_of, only)) >= {"true", "false"})
    if keyword == "if":
        return "then" not in schema and "else" not in schema
    if keyword in ("then", "else"):
        return "if" not in schema or value in (True, {})
    if keyword == "propertyNames" and isinstance(value, Mapping):
        return not ABOUT.keys() & value.keys()
    if keyword == "additionalProperties":
        return not isinstance(value, Mapping) or not (value.keys() - SILENT or "$ref" in value)
    return value in (False, {}) or (value is True and keyword != "uniqueItems" and keyword not in RULES.BOUNDS)


def carried(keyword: str, value: Any, schema: Schema, wire: Wire, joined: bool) -> bool:
    """Whether a constraint reaches the wire, as a keyword or in words."""
    if text_of(value) in wire.said.get(keyword, ()) or text_of(value) in wire.said.get(ALSO.get(keyword, ""), ()):
        return True
    if joined and isinstance(value, (int, float)) and (keyword in LOWER or keyword in UPPER):
        tighter = (each >= value if keyword in LOWER else each <= value for each in wire.numbers.get(keyword, ()))
        if any(tighter):
            return True
    if keyword in CARRIED:
        return CARRIED[keyword](keyword, value, schema, wire)
    if value == 1 and SAYS_SOME.search(wire.text):
        return True
    return all(map(wire.tells, leaves({keyword: value})))


def carried_unique(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether some words say that nothing comes twice."""
    return SAYS_UNIQUE.search(wire.text) is not None


def carried_more(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether there is an object with free keys, or words about one; what stands in it is looked at by itself."""
    open_object = any(each.startswith("{") for each in wire.said.get("additionalProperties", ()))
    return open_object or SAYS_MAP.search(wire.text) is not None


def carried_patterns(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether the patterns of the keys are told; what stands there is looked at by itself."""
    return all(map(wire.tells, value))


def carried_inner(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether what holds for each key, or for some item, is carried."""
    inner = list(demands(value)) if isinstance(value, Mapping) else []
    return bool(inner and all(carried(key, it, value, wire, joined=False) for key, it in inner)) or all(
        map(wire.tells, leaves(value))
    )


def carried_format(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether a format is told, by its name or as a URL."""
    alike = wire.text.replace("-", "")
    return str(value).replace("-", "").casefold() in alike or (str(value).startswith("ur") and "url" in alike)


def carried_listed(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether the values are listed on the wire."""
    return carried_values(value if keyword == "enum" and isinstance(value, list) else [value], schema, wire)


def carried_values(values: list[Any], schema: Schema, wire: Wire) -> bool:
    """Whether the listed values that have the schema's type are listed on the wire, or told."""
    kinds = RULES.kinds(schema) if "type" in schema else []
    meant = [value for value in values if value is not None and (not kinds or any(is_a(value, kind) for kind in kinds))]
    if all(text_of(value) in wire.values for value in meant):
        return True
    return all(map(wire.tells, leaves(meant)))


def is_a(value: Any, kind: str) -> bool:
    """Whether a value has a type."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "number": number,
        "integer": number and float(value).is_integer(),
        "object": isinstance(value, Mapping),
        "array": isinstance(value, list),
    }.get(kind, value is None)


def carried_bound(keyword: str, value: Any, schema: Schema, wire: Wire) -> bool:
    """Whether a bound is on the wire, exclusive as draft 4 says it too, or told."""
    low = "inimum" in keyword
    inclusive, exclusive = ("minimum", "exclusiveMinimum") if low else ("maximum", "exclusiveMaximum")
    if value is True:  # draft 4: the number stands beside it
        value = schema.get(inclusive)
    found = wire.said.get(exclusive, set()) if schema.get(exclusive) is True else set()
    found = found | wire.said.get(keyword, set())
    if text_of(value) in found or value is None:
        return True
    if isinstance(value, (int, float)) and schema.get("type") == "integer" and keyword == exclusive:
        return text_of(value + (1 if low else -1)) in wire.said.get(inclusive, ()) or wire.tells(value)
    return wire.tells(value)


CARRIED: Mapping[str, Callable[[str, Any, Schema, Wire], bool]] = {
    "enum": carried_listed,
    "const": carried_listed,
    "uniqueItems": carried_unique,
    "additionalProperties": carried_more,
    "patternProperties": carried_patterns,
    "propertyNames": carried_inner,
    "contains": carried_inner,
    "format": carried_format,
    **dict.fromkeys(RULES.BOUNDS, carried_bound),
}


def lost(whole: Whole, sent: Sent) -> list[str]:
    """The constraints that are gone without a word."""
    wire = Wire(sent)
    return [
        f"{pointer}: {keyword} {json.dumps(value)[:80]}"
        for pointer, schema, joined in in_force(whole)
        for keyword, value in demands(schema)
        if not carried(keyword, value, schema, wire, joined) and not wire.rewritten(pointer, keyword, value)
    ]


# -------------------------------------------------------------------------------------------- instances


def validator(schema: Any) -> Any:
    """A judge of values by the schema's own draft, None where there can be none."""
    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except Exception:  # noqa: BLE001  # an unknown draft
        pass
    try:
        return jsonschema_rs.Draft202012Validator(schema, offline=True)
    except Exception:  # noqa: BLE001  # a schema that is none, or refers to the network
        return None


Judges = dict[int, Any]
"""The validators of members of unions, by the identity of the member."""


def filled(value: Any, schema: Any, wire: Whole, judges: Judges, inside: frozenset[int] = frozenset()) -> Any:
    """A value with null for each key that the wire requires and it does not have.

    `inside` are the members of unions that are being tried on this value: a schema may come back to itself.
    """
    for part in wire.parts((schema,)):
        members = [each for keyword in ("anyOf", "oneOf") for each in RULES.listed(part, keyword)]
        for member in members:
            if id(member) not in inside:
                tried = filled(value, member, wire, judges, inside | {id(member)})
                if judge_of(member, wire, judges).is_valid(tried):
                    value = tried
                    break
        if isinstance(value, dict):
            properties = RULES.properties_of(part)
            missing = dict.fromkeys(name for name in RULES.listed(part, "required") if name not in value)
            value = {key: filled(it, properties.get(key, {}), wire, judges) for key, it in value.items()} | missing
        elif isinstance(value, list) and isinstance(part.get("items"), Mapping):
            value = [filled(it, part["items"], wire, judges) for it in value]
    return value


def judge_of(member: Any, wire: Whole, judges: Judges) -> Any:
    """What judges values by one member of a union; where it is no schema, nothing is allowed."""
    if id(member) not in judges:
        known = {key: wire.root[key] for key in ("$defs", "definitions", "$schema") if key in wire.root}
        judge = validator({**known, **member} if isinstance(member, Mapping) else member)
        judges[id(member)] = judge or validator(False)
    return judges[id(member)]


def unnamed(value: Any, place: Place, whole: Whole) -> bool:
    """Whether a value has a property that its schema neither names nor opens explicitly."""
    parts = [part for each in whole.alternatives(place) for part in each]
    parts += whole.parts(tuple(each for key in ("then", "else") for each in values_of(parts, key)))
    parts = list({id(part): part for part in parts}.values())
    if isinstance(value, list):
        said = [each for key in ("items", "prefixItems", "additionalItems") for each in values_of(parts, key)]
        items = tuple(it for each in said for it in (each if isinstance(each, list) else [each]))
        return any(unnamed(it, items, whole) for it in value)
    if not isinstance(value, dict):
        return False
    names, more = named(parts), values_of(parts, "additionalProperties")
    patterns = {key: it for each in values_of(parts, "patternProperties") for key, it in each.items()}
    for key, it in value.items():
        inside = names.get(key, ()) + tuple(each for pattern, each in patterns.items() if matches(pattern, key))
        if not inside and not more and (names or patterns):  # without any, it is a map
            return True
        if unnamed(it, inside or tuple(each for each in more if isinstance(each, Mapping)), whole):
            return True
    return False


def matches(pattern: str, key: str) -> bool:
    """Whether a key meets a pattern, as far as this language can tell."""
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return True


def instances(row: Mapping[str, Any], sent: Sent, whole: Whole, score: Score) -> None:
    """Send the valid values of a schema there and back."""
    valid = [test["data"] for test in row.get("tests") or () if test["valid"]]
    judge = validator(row["schema"]) if valid else None
    valid = [value for value in valid if judge is not None and judge.is_valid(value)]
    wire, its = Whole(sent.schema), validator(sent.schema) if valid else None
    for value in valid:
        score.counts["instances"] += 1
        failed = travelled(value, sent, wire, its, judge)
        if not failed:
            score.counts["accepted"] += 1
        else:
            kind = "unnamed" if unnamed(value, (whole.root,), whole) else "other"
            score.note(kind, f"{row['key']}: {failed}")


def standard(schema: Any) -> Any:
    """A wire's schema with OpenAPI's `nullable` said as JSON Schema says it, else nobody could judge values by it."""
    if isinstance(schema, list):
        return [standard(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    inner = {key: standard(value) for key, value in schema.items() if key != "nullable" or value is not True}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


def travelled(value: Any, sent: Sent, wire: Whole, its: Any, judge: Any) -> str:
    """What went wrong with a value on its way to the wire and back, "" if nothing did."""
    if its is None:
        return "the wire's schema is no schema"
    try:
        there = sent.to_wire(value) if sent.to_wire else filled(value, sent.schema, wire, {})
        wrong = next(its.iter_errors(there), None)
        if wrong is not None:
            return f"wire {wrong.instance_path}: {wrong.message[:120]}"
        wrong = next(judge.iter_errors(sent.restore(there)), None) if sent.restore else None
    except Exception as error:  # noqa: BLE001  # whatever it is, the value did not arrive
        return f"{type(error).__name__}: {str(error)[:120]}"
    return f"back {wrong.instance_path}: {wrong.message[:120]}" if wrong is not None else ""


# ---------------------------------------------------------------------------------------------- scoring


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where something takes longer."""

    def over(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"over {seconds} s")

    signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def common(message: str) -> str:
    """A message without what differs from schema to schema."""
    return re.sub(r"/[^\s:,;]+|'[^']*'|\"[^\"]*\"|\d+", "…", message)[:100]


def shortened(rule: str) -> str:
    """A broken rule; the keywords that are none of JSON Schema's are one."""
    keyword = rule.removesuffix(" is not known")
    own = keyword == rule or keyword.startswith("format ") or keyword in RULES.JSON_SCHEMA
    return rule if own else "a keyword that JSON Schema does not have"


def is_schema(schema: Any) -> bool:
    """Whether a schema is one, by its own draft."""
    try:
        return jsonschema_rs.meta.is_valid(schema)
    except Exception:  # noqa: BLE001  # an unknown draft
        return False


def judged(row: Mapping[str, Any], convert: Convert, score: Score) -> None:
    """Convert one schema, and count what comes of it."""
    key = row["key"]
    score.counts["n"] += 1
    given, started = copy.deepcopy(row["schema"]), time.perf_counter()
    try:
        with limit(SECONDS):
            sent = convert(given)
    except SchemaError as error:
        score.note("refused", f"{key}: {error.pointer} {error.message}")
        score.counts["refused, invalid itself"] += not is_schema(row["schema"])
        score.refusals[common(error.message)] += 1
        return
    except Exception as error:  # noqa: BLE001  # that is what is counted
        score.note("crash", f"{key}: {type(error).__name__}: {str(error)[:120]}")
        return
    finally:
        score.seconds += time.perf_counter() - started
    score.counts["sent"] += 1
    try:
        with limit(4 * SECONDS):
            measured(row, sent, score)
    except (TimeoutError, RecursionError) as error:
        score.note("not judged", f"{key}: {type(error).__name__}")


def measured(row: Mapping[str, Any], sent: Sent, score: Score) -> None:
    """Count what is wrong with what is sent for one schema."""
    key = row["key"]
    faults = 0
    if sent.strict:
        score.counts["strict"] += 1
        if broken := RULES.broken(sent.schema, score.rules):
            score.note("broken", f"{key}: {broken[0]}")
            score.broken.update({shortened(each.rpartition(": ")[2]) for each in broken})
            faults += 1
        score.counts["doubt"] += bool(RULES.doubtful(sent.schema, score.rules))
    whole, plain = Whole(row["schema"]), sent
    if '"nullable": true' in json.dumps(sent.schema):
        plain = replace(sent, schema=standard(sent.schema))
    compared = Comparison(whole, Whole(plain.schema))
    for kind, found in (("forced", compared.forced()), ("emptied", compared.emptied), ("lost", lost(whole, sent))):
        if found:
            score.note(kind, f"{key}: {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
            faults += 1
    score.counts["faultless"] += not faults
    instances(row, plain, whole, score)


# --------------------------------------------------------------------------------------------- printing

# What it counts, of what, which is better.
COLUMNS: tuple[tuple[str, str, Better], ...] = (
    ("faultless", "n", "more"),
    ("crash", "n", "less"),
    ("refused", "n", ""),
    ("strict", "n", "more"),
    ("broken", "strict", "less"),
    ("doubt", "strict", ""),
    ("forced", "sent", "less"),
    ("emptied", "sent", "less"),
    ("lost", "sent", "less"),
    ("accepted", "instances", "more"),
    ("unnamed", "instances", ""),
    ("other", "instances", ""),
)
FAILURES = ("crash", "refused", "broken", "forced", "emptied", "lost", "unnamed", "other", "not judged")


def cells(score: Score) -> list[Cell]:
    """One row of the table."""
    counts = score.counts
    shares = [100 * counts[kind] / counts[of] if counts[of] else None for kind, of, _ in COLUMNS]
    return [*shares, counts["instances"] or None, score.seconds / max(1, counts["n"]) * 1_000]


def table(corpus: str, scores: Mapping[str, Score], *, ours: tuple[str, ...], title: str) -> Table:
    """The converters beside each other."""
    columns = [Column(name=kind, form=".1f", better=better) for kind, _, better in COLUMNS]
    columns += [Column(name="values", form=",.0f"), Column(name="ms for each", form=".2f")]
    number = max((score.counts["n"] for score in scores.values()), default=0)
    rows = {name: cells(score) for name, score in scores.items()}
    return Table(
        title=f"{CORPORA.get(corpus, corpus)}, {title} ({number:,} schemas)",
        columns=tuple(columns),
        rows=rows,
        ours=ours,
    )


def details(name: str, score: Score, show: int) -> None:
    """Why schemas were refused, which rules were broken, and examples."""
    out = sys.stderr
    print(f"\n{name}", file=out)
    if score.refusals:
        print(
            f"  refused {score.counts['refused']}, of which {score.counts['refused, invalid itself']} are no schemas",
            file=out,
        )
    for message, count in score.refusals.most_common():
        print(f"    {count:5}  {message}", file=out)
    for message, count in score.broken.most_common():
        print(f"    {count:5}  broken: {message}", file=out)
    for kind in FAILURES:
        for example in score.examples.get(kind, ())[:show]:
            print(f"  {kind}: {example}", file=out)


def rows(folder: Path, corpus: str, sample: int | None) -> list[dict[str, Any]]:
    """The schemas of a corpus, or the same random ones each time."""
    with gzip.open(folder / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(each) for each in lines]
    return found if sample is None or sample >= len(found) else random.Random(0).sample(found, sample)


def scored(given: argparse.Namespace, corpus: str) -> dict[str, dict[str, Score]]:
    """The schemas of a corpus with every converter: those for OpenAI's strict form, and ours for other endpoints."""
    found: dict[str, dict[str, Score]] = {"strict": {}, "others": {}}
    wanted = [("others", f"extractor: {each}", ours(each), each) for each in given.dialects if each != "openai"]
    if "openai" in given.dialects:
        wanted.insert(0, ("strict", "extractor", ours("openai"), "openai"))
    if not given.alone:
        wanted += [("strict", name, convert, "openai") for name, convert in PEERS.items() if _there(name)]
    schemas = rows(given.data / "schemas", corpus, given.sample)
    for group, name, convert, rules in wanted:
        score = found[group][name] = Score(rules)
        convert({"title": "Nothing", "type": "object", "properties": {}})  # what is loaded at first is not measured
        for row in schemas:
            judged(row, convert, score)
        print(f"{corpus}, {name}: {score.counts['faultless']} of {score.counts['n']}", file=sys.stderr, flush=True)
        if given.show:
            details(f"{corpus} {name}", score, given.show)
    return found


NEEDS = {"OpenAI SDK": "openai", "LangChain": "langchain_core"}


def _there(name: str) -> bool:
    needed = NEEDS.get(name, "pydantic_ai")
    there = importlib.util.find_spec(needed) is not None
    if not there:
        print(f"without {name}: {needed} is not installed", file=sys.stderr)
    return there


def main() -> None:
    """Convert, judge, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--corpus", nargs="+", default=["pyd", "jsb", "store"])
    parser.add_argument("--dialects", nargs="*", default=["openai", "gemini", "llama.cpp"], choices=[*RULES.RULES])
    parser.add_argument("--alone", action="store_true", help="without other libraries")
    parser.add_argument("--show", type=int, default=0)
    options(parser)
    given = parser.parse_args()
    started, tables, broken = time.perf_counter(), [], {}
    for corpus in given.corpus:
        found = scored(given, corpus)
        if found["strict"]:
            tables.append(table(corpus, found["strict"], ours=("extractor",), title="to OpenAI's strict form"))
        if found["others"]:
            names = tuple(found["others"])
            tables.append(replace(table(corpus, found["others"], ours=names, title="to other endpoints"), bars=""))
        broken[corpus] = {name: dict(score.broken) for each in found.values() for name, score in each.items()}
    installed = [name for name in PACKAGES if importlib.util.find_spec(MODULES.get(name, name.replace("-", "_")))]
    report = Report(
        name="conversion",
        question="What becomes of a schema that an endpoint does not take as it is?",
        command=command(),
        environment=machine(),
        versions={name: importlib.metadata.version(name) for name in installed},
        tables=tuple(tables),
        notes=NOTES,
        seconds=time.perf_counter() - started,
        data={"rules that were broken": broken},
    )
    publish(report, given)


MODULES = {"pydantic-ai-slim": "pydantic_ai"}
NOTES = (
    "All numbers but the last two are percent. Of all schemas: faultless (sent, no documented rule broken, no "
    "property forced, no map emptied, no constraint lost), crash (any exception but one that says that the schema is "
    "refused, or over 5 s), refused, strict (sent as strict).",
    "Of those sent as strict: broken (breaks a documented rule of the endpoint), doubt (does something on which "
    "sources differ). Of those sent: forced (an optional property must be given and cannot be null), emptied (an "
    "object with free keys can only be {}), lost (a constraint is neither in the schema nor in words nor reported).",
    "Of the valid values that come with the schemas: accepted (the endpoint's schema allows it, and it comes back as "
    "one that the original allows). What is not accepted is unnamed (it has properties that the schema does not name) "
    "or other.",
    "Of a schema that crashes or is refused nothing else can be wrong: a low number there is to be read beside these. "
    "Of one that is not sent as strict the endpoint promises nothing, so that no rule can be broken.",
    "The converters of the others are made for what pydantic emits: the first table is the fair one for them, the "
    "other corpora are what somebody else's schema may look like.",
    "instructor has no row: it sends what pydantic emits, with `strict` set or not.",
)


if __name__ == "__main__":
    main()
