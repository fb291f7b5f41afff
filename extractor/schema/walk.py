"""One walk over a schema: every node as the dialect takes it, with the plan that leads back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from extractor.errors import SchemaError
from extractor.schema.dialects import Dialect
from extractor.schema.merge import merged
from extractor.schema.nodes import (
    any_value,
    constants_of,
    described,
    escaped,
    free,
    kind_of,
    kinds_of,
    modern,
    pair,
    split,
    telling,
    text_of,
)
from extractor.schema.outline import outline
from extractor.schema.restore import (
    AnyValue,
    Branches,
    Encoded,
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
from extractor.schema.unions import discriminator, distinct, objects_of, tags
from extractor.schema.words import WORDS, in_words, inlined

__all__ = ["Rewrite", "Rewritten", "TooLarge", "rewritten"]

JsonSchema: TypeAlias = "dict[str, Any]"
Node: TypeAlias = "tuple[JsonSchema, Plan]"
Structure: TypeAlias = "tuple[JsonSchema, Plan, list[str], frozenset[str]]"
"""A node without its description, its plan, what must be said in words, and the keywords that need no words."""

NODES = 50_000
WRITTEN_OUT = 5_000
"""Nodes of the wire's schema, and where definitions are written out in their places: these multiply."""
UNROLLED = 2
"""How often a definition is written out inside of itself, where references may not lead back."""
ENCODED = 20_000  # characters of outlines in descriptions, all together

_PREFIX = "#/$defs/"
_COMPOUND = ("object", "array")
_LEVELS_OF_ANY = 3  # of objects and lists in the definition of any value
# Handled by the walk itself.
_WALKED = frozenset(
    "$ref $defs definitions allOf anyOf oneOf type properties required items prefixItems additionalItems "
    "additionalProperties const enum description title default nullable discriminator".split()
)
_ANNOTATIONS = frozenset({"description", "title", "default", "examples", "deprecated", "$comment"})
_OUTSIDE = frozenset({"description", "title", "default"})
_DEMANDING = (_WALKED | WORDS.keys()) - _ANNOTATIONS - {"$ref", "$defs", "definitions"}
# What makes a member of a union a demand on the object beside it, rather than an alternative of its own.
_DEMANDS = frozenset(
    "required not if then else minProperties maxProperties dependentRequired dependencies title description $comment"
    " type".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """One change: the JSON `pointer` of the place in the target's schema, `what` was done, and `why`."""

    pointer: str
    what: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewritten:
    """What a walk gives: the `schema` for the wire, the `plan` of the way back, what was changed."""

    schema: JsonSchema
    plan: Plan
    definitions: Plans
    rewrites: tuple[Rewrite, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The `depth` of objects and lists below which all is JSON text, and the depth of each definition."""

    depth: int
    definitions: Mapping[str, int]


class TooLarge(SchemaError):
    """The schema is too large in this dialect; it may be smaller in another."""


class _NothingFits(SchemaError):
    """No value can stand there: fatal, unless it is a member of a union."""

    def __init__(self, pointer: str, why: str) -> None:
        where = pointer or "the root"
        super().__init__(f"Nothing can stand at {where}: {why}.", pointer=pointer, hint="Correct the schema there.")


def rewritten(
    schema: Mapping[str, Any], dialect: Dialect, *, absent: bool = False, cut: Cut | None = None
) -> Rewritten:
    """The schema (its references all `#/$defs/NAME`) rewritten into the dialect.

    With `absent`, required properties are nullable. With `cut`, what stands deeper is written as its JSON
    text. Raises `SchemaError` where it is unsatisfiable or nested too deeply,
    `TooLarge` where it has too many nodes.
    """
    walk = _Walk(schema, dialect, absent, cut)
    try:
        root, plan = walk.root()
    except _NothingFits as error:
        raise SchemaError(error.message, pointer=error.pointer, hint=error.hint) from None
    except RecursionError:
        raise SchemaError("The schema is nested too deeply.", hint="Say it with fewer levels.") from None
    definitions = walk.ordered_definitions()
    if definitions:
        root = {**root, "$defs": {key: wire for key, (wire, _) in definitions.items()}}
    return Rewritten(schema=root, plan=plan, definitions=definitions, rewrites=tuple(dict.fromkeys(walk.rewrites)))


class _Walk:
    """One walk over a schema. Every method takes a node and its pointer, gives the wire's and its plan."""

    def __init__(self, schema: Mapping[str, Any], dialect: Dialect, absent: bool, cut: Cut | None) -> None:
        self._schema = schema
        self._all: Mapping[str, Any] = schema.get("$defs", {})
        self._dialect = dialect
        self._absent = absent
        self._cut = cut
        self._refers = "$ref" in dialect.keywords
        self._any = free("AnyValue", self._all)
        self._level = 0  # objects and lists around the node
        self._nodes = 0
        self._optional = 0
        self._told = 0  # characters of outlines in descriptions
        self._null: dict[str, bool] = {}  # whether a definition accepts null
        self._resolving: dict[str, Any] = {}  # definitions with their references and allOf resolved
        self._inside: list[str] = []  # definitions around the node that are written out
        self._made: dict[str, str] = {}  # what is put together of references → the name it has as a definition
        self._waiting: dict[str, Node] = {}  # by that name, as long as nothing refers to it
        self._firsts: dict[str, str] = {}  # definition → the property that must come first
        self.definitions: dict[str, Node] = {}
        self.rewrites: list[Rewrite] = []

    def root(self) -> Node:
        schema: Any = {key: value for key, value in self._schema.items() if key not in ("$defs", "$schema", "$id")}
        while schema is not False and "$ref" in schema:
            # No endpoint takes a root that is a reference: the definition stands there itself.
            inner = self._resolved(schema.pop("$ref"))
            schema = merged(schema, dict(inner) if inner else inner)
        wrapped = not (isinstance(schema, dict) and "object" in kinds_of(schema) and not self._is_map(schema))
        self._level += wrapped
        wire, plan = self.node(schema, "")
        self._level -= wrapped
        if wire.get("type") == "object":
            return wire, plan
        self._note("", "wrapped into an object with a `value`", "the root must be an object")
        if self._absent and not self._accepts_null(schema):
            wire = self._nullable(wire)
        return self._wire_object({"value": wire}, ["value"]), Wrapped(plan=plan)

    def ordered_definitions(self) -> dict[str, Node]:
        """The definitions, what tells a union's members apart before all else in them."""
        for name, first in self._firsts.items():
            self.definitions[name] = _put_first(self.definitions[name], first)
        return self.definitions

    def node(self, schema: Any, pointer: str, first: str | None = None) -> Node:
        """Any schema; of its properties, `first` comes first."""
        self._nodes += 1
        if self._nodes > (NODES if self._refers and self._cut is None else WRITTEN_OUT):
            raise TooLarge("The schema has too many nodes when its references are resolved.", hint="Say less at once.")
        if schema is False:
            raise _NothingFits(pointer, "its schema is false")
        schema = {} if schema is True else schema
        if "allOf" in schema:
            schema = self._single(schema)
        if "allOf" in schema:
            return self._put_together(schema, pointer, lambda: self.node(self._joined(schema, pointer), pointer, first))
        if "$ref" in schema:
            return self._reference(schema, pointer, first)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._union(schema, keyword, pointer)
        return self._typed(modern(schema), pointer, first)

    # ------------------------------------------------------------------------------- references

    def _resolved(self, reference: str) -> Any:
        """What a reference leads to, through all that do no more than refer to another."""
        seen: list[str] = []
        while True:
            if reference in seen:
                raise SchemaError(f"{reference} refers to itself and says nothing else.", pointer=reference[1:])
            seen.append(reference)
            try:
                definition: Any = self._all[reference.removeprefix(_PREFIX)]
            except (KeyError, TypeError):
                raise SchemaError(f"The reference {reference!r} leads nowhere.", pointer=reference) from None
            if isinstance(definition, Mapping) and definition.keys() == {"$ref"}:
                reference = definition["$ref"]
            else:
                return {} if definition is True else definition

    def _reference(self, schema: JsonSchema, pointer: str, first: str | None) -> Node:
        reference = schema["$ref"]
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        resolved = self._resolved(reference)
        if resolved is False:
            raise _NothingFits(pointer, "its schema is false")
        annotations = {key: value for key, value in siblings.items() if key in _ANNOTATIONS}
        demands = {key: value for key, value in siblings.items() if key in _DEMANDING}
        if demands and merged(demands, resolved) != resolved:
            whole = merged(siblings, resolved)
            return self._put_together(schema, pointer, lambda: self.node(whole, pointer, first))
        name = reference.removeprefix(_PREFIX)
        if not self._may_refer(name):
            return self._written_out(name, {**resolved, **annotations}, pointer, first)
        if name not in self.definitions:
            self.definitions[name] = ({}, None)  # holds the name: the definition may refer to itself
            cut, self._cut = self._cut, None  # the whole of it fits
            self.definitions[name] = self.node(resolved, f"/$defs/{escaped(name)}")
            self._cut = cut
        if first is not None:
            self._firsts[name] = first
        return self._referring(name, annotations, pointer)

    def _may_refer(self, name: str) -> bool:
        """Whether a definition can be referred to where the walk is."""
        if not self._refers or (not self._dialect.cycles and self._is_recursive(name)):
            return False
        return self._fits(self._cut.definitions.get(name, self._cut.depth)) if self._cut else True

    def _fits(self, levels: int) -> bool:
        """Whether that many more levels of objects and lists may stand where the walk is."""
        return self._cut is None or self._level + levels <= self._cut.depth

    def _referring(self, name: str, siblings: Mapping[str, Any], pointer: str) -> Node:
        wire: JsonSchema = {"$ref": _PREFIX + name}
        description = described(siblings.get("description"), self._hints(siblings, pointer))
        if description and self._dialect.ref_siblings:
            wire["description"] = description
        elif description:
            wire = {"description": description, "anyOf": [wire]}
        return wire, Named(name=name)

    def _written_out(self, name: str, definition: JsonSchema, pointer: str, first: str | None) -> Node:
        if self._inside.count(name) >= UNROLLED:
            return self._encoded(self._all[name], definition.get("description"), pointer)
        self._inside.append(name)
        wire = self.node(definition, pointer, first)
        self._inside.pop()
        return wire

    def _is_recursive(self, name: str) -> bool:
        reached: set[str] = set()
        ahead = [self._all.get(name)]
        while ahead:
            node = ahead.pop()
            if isinstance(node, Mapping):
                reference = node.get("$ref")
                if isinstance(reference, str) and reference not in reached:
                    reached.add(reference)
                    ahead.append(self._all.get(reference.removeprefix(_PREFIX)))
                ahead.extend(node.values())
            elif isinstance(node, list):
                ahead.extend(node)
        return _PREFIX + name in reached

    def _put_together(self, schema: JsonSchema, pointer: str, make: Callable[[], Node]) -> Node:
        """A node made of several: where it comes again, inside of itself or elsewhere, it becomes a definition."""
        text = text_of(schema)
        if '"$ref"' not in text:
            return make()
        known = text in self._made
        name = self._made.setdefault(text, free("Joined", {*self._all, *self._made.values()}))
        if known and self._refers and self._dialect.cycles and self._cut is None:
            self.definitions.setdefault(name, self._waiting.get(name, ({}, None)))
            return {"$ref": _PREFIX + name}, Named(name=name)
        if self._inside.count(name) >= UNROLLED:
            return self._encoded(schema, schema.get("description"), pointer)
        self._inside.append(name)
        made = make()
        self._inside.pop()
        if name not in self.definitions:
            self._waiting[name] = made
            return made
        self.definitions[name] = made
        return {"$ref": _PREFIX + name}, Named(name=name)

    def _encoded(self, schema: Any, description: Any, pointer: str) -> Node:
        """A value as its own JSON text: for what is too deep, or leads back to itself."""
        self._note(pointer, "deeper levels → their JSON text", "the endpoint takes no more levels")
        told = self._outlined(schema)
        hint = f"as JSON text: {told}" if told else "as JSON text"
        return {"type": "string", "description": described(description, [hint])}, Encoded()

    def _outlined(self, schema: Any) -> str:
        """The outline of a part of the target's schema; "" where that is too long for a description."""
        needed: dict[str, Any] = {}
        left, ahead = ENCODED - self._told, [schema]
        while ahead:
            node = ahead.pop()
            text = text_of(node)
            left -= len(text) // 3  # an outline is shorter than the schema
            if left < 0:
                return ""
            names = {name for name in re.findall(r'"\$ref":"#/\$defs/([^"]*)"', text) if name not in needed}
            needed.update((name, self._all.get(name, True)) for name in names)
            ahead += [needed[name] for name in names]
        told = outline({**schema, "$defs": needed} if isinstance(schema, Mapping) else {})
        self._told += len(told)
        return told

    # ------------------------------------------------------------------------- allOf and unions

    def _single(self, schema: JsonSchema) -> JsonSchema:
        """A schema whose `allOf` has one member, or a few without references, said without it."""
        members = schema["allOf"]
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        if len(members) == 1 and isinstance(members[0], Mapping) and not (rest.keys() & members[0].keys()):
            if "$ref" not in members[0] or rest.keys() <= _ANNOTATIONS:
                return {**rest, **members[0]}
        return schema

    def _joined(self, schema: JsonSchema, pointer: str) -> Any:
        """A schema with what its `allOf` demands said directly."""
        self._note(pointer, "allOf joined into one schema", "the endpoint does not take allOf")
        result = self._flat(schema, ())
        left_over = result.pop("allOf", ()) if isinstance(result, dict) else ()
        if left_over:
            words = [self._said(key, value) for rest in left_over for key, value in rest.items()]
            self._note(pointer, "what cannot be joined → in words: " + "; ".join(words), "it is said in two ways")
            result["description"] = described(result.get("description"), words)
        return result

    def _flat(self, schema: Any, inside: tuple[str, ...] = ()) -> Any:
        """A schema with its own reference and its `allOf` resolved into it."""
        if not isinstance(schema, Mapping):
            return schema
        if "$ref" not in schema and "allOf" not in schema:
            return dict(schema)
        result: Any = {key: value for key, value in schema.items() if key not in ("allOf", "$ref")}
        reference = schema.get("$ref")
        if reference is not None:
            if reference in inside:
                raise SchemaError(f"{reference} demands itself.", pointer=reference.removeprefix("#"))
            if reference not in self._resolving:
                self._resolving[reference] = self._flat(self._resolved(reference), (*inside, reference))
            result = merged(result, self._resolving[reference])
        for member in schema.get("allOf", ()):
            result = merged(result, self._flat(member, inside))
        return result

    def _look(self, schema: Any) -> Any:
        """A schema as `_flat` gives it; nothing where it demands itself, which is told elsewhere."""
        try:
            return self._flat(schema)
        except SchemaError:
            return {}

    def _union(self, schema: JsonSchema, keyword: str, pointer: str) -> Node:
        shared = {key: value for key, value in schema.items() if key not in (keyword, "discriminator")}
        inside = {key: value for key, value in shared.items() if key not in _OUTSIDE}
        if inside and all(isinstance(member, Mapping) and member.keys() <= _DEMANDS for member in schema[keyword]):
            return self._demanded(shared, keyword, schema[keyword], pointer)
        if keyword == "oneOf":
            self._note(pointer, "oneOf → anyOf", "the endpoint does not take oneOf")
        # What stands beside a union holds for each of its members; some endpoints forget it there.
        members = [{**inside, "allOf": [member]} if inside else member for member in schema[keyword]]
        groups = [objects_of(member, self._look) for member in members]
        wish = schema.get("discriminator")
        wish = wish.get("propertyName") if isinstance(wish, Mapping) else None
        key = discriminator([each for group in groups for each in group], self._look, wish)
        apart = distinct(groups, self._dialect.heads, key, self._look)
        if self._cut and not self._fits(self._levels_of(members) + (not apart)):
            return self._encoded(schema, schema.get("description"), pointer)
        self._level += not apart
        nodes = self._members(members, f"{pointer}/{keyword}", key if apart else None)
        self._level -= not apart
        if not nodes:
            raise _NothingFits(pointer, f"its {keyword} has no member that can be met")
        unlike = {number for number, group in enumerate(groups) if group and not apart} | self._alike(nodes)
        if unlike:
            self._note(pointer, "members named: {name: …}", "they must be told apart")
        names = tags(members) if unlike else []
        tagged = [self._tagged(names[at], node) if at in unlike else node for at, node in nodes.items()]
        outside = {key: value for key, value in shared.items() if key in _OUTSIDE}
        return self._one_of(tagged, described(outside.get("description"), self._hints(outside, pointer)))

    def _levels_of(self, members: list[Any]) -> int:
        """The levels that the members of a union need themselves, and what tells a list from a map."""
        looked = [each for each in map(self._look, members) if isinstance(each, dict)]
        lists = [each for each in looked if {"array", "object"} & {*kinds_of(each)} and not each.get("properties")]
        levels = [self._levels(each, [kind for kind in kinds_of(each) if kind != "null"]) for each in looked]
        return max(levels, default=0) + (len(lists) > 1)

    def _members(self, members: list[Any], pointer: str, first: str | None) -> dict[int, Node]:
        """The members of a union that can be met, by their numbers."""
        nodes = {}
        for number, member in enumerate(members):
            try:
                nodes[number] = self.node(member, f"{pointer}/{number}", first)
            except _NothingFits:
                self._note(f"{pointer}/{number}", "left out", "nothing can meet it")
        return nodes

    def _demanded(self, shared: JsonSchema, keyword: str, members: list[JsonSchema], pointer: str) -> Node:
        """An object of which one of several demands must hold: said in words."""
        said = self._said(keyword, members)
        self._note(pointer, f"{keyword} of demands → in words: {said}", "the endpoint cannot say it")
        return self.node({**shared, "description": described(shared.get("description"), [said])}, pointer)

    def _alike(self, nodes: Mapping[int, Node]) -> set[int]:
        """Members that are a list or a string on the wire only, where another is one by itself."""
        kinds = {number: self._wire_kinds(wire) for number, (wire, _) in nodes.items()}
        alike = set()
        for number, (_, plan) in nodes.items():
            plan = self.definitions[plan.name][1] if isinstance(plan, Named) else plan
            kind = {Pairs: "array", Encoded: "string"}.get(type(plan))
            if kind and any(kind in others for other, others in kinds.items() if other != number):
                alike.add(number)
        return alike

    def _wire_kinds(self, wire: JsonSchema) -> set[str]:
        if "$ref" in wire:
            return self._wire_kinds(self.definitions[wire["$ref"].removeprefix(_PREFIX)][0])
        return set(kinds_of(wire)).union(*map(self._wire_kinds, wire.get("anyOf", ())))

    def _tagged(self, tag: str, node: Node) -> Node:
        return self._wire_object({tag: node[0]}, [tag]), Tagged(tag=tag, plan=node[1])

    def _one_of(self, nodes: list[Node], description: str) -> Node:
        """A union of nodes; unions directly inside of it are part of it."""
        members: list[Node] = []
        for wire, plan in nodes:
            if wire.keys() == {"anyOf"} and (plan is None or isinstance(plan, Branches)):
                members += list(plan.branches) if isinstance(plan, Branches) else [(it, None) for it in wire["anyOf"]]
            else:
                members.append((wire, plan))
        members = list({text_of(wire): (wire, plan) for wire, plan in reversed(members)}.values())[::-1]
        null = self._dialect.null == "nullable" and ({"type": "null"}, None) in members and len(members) > 1
        if null:
            members.remove(({"type": "null"}, None))
        wire, plan = members[0]
        if len(members) > 1 or (description and "description" in wire) or "$ref" in wire and description:
            wire = {"anyOf": [each for each, _ in members]}
            plan = Branches(branches=tuple(members)) if any(each for _, each in members) else None
        wire = {"description": description, **wire} if description else wire
        return (self._nullable(wire) if null else wire), plan

    def _nullable(self, wire: JsonSchema) -> JsonSchema:
        """A wire schema that also takes null, as the dialect writes it."""
        if self._dialect.null == "nullable":
            return {**wire, "nullable": True}
        if "anyOf" in wire:
            null = {"type": "null"}
            return wire if null in wire["anyOf"] else {**wire, "anyOf": [*wire["anyOf"], null]}
        if self._dialect.null == "union" or "$ref" in wire or "const" in wire:
            return {"anyOf": [wire, {"type": "null"}]}
        if "enum" in wire and None not in wire["enum"]:
            wire = {**wire, "enum": [*wire["enum"], None]}
        kinds = wire.get("type", ())
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        return {**wire, "type": [*kinds, "null"]} if kinds and "null" not in kinds else wire

    # ------------------------------------------------------------------------------------- types

    def _typed(self, schema: JsonSchema, pointer: str, first: str | None) -> Node:
        constants = constants_of(schema)
        if constants is not None:
            return self._constants(constants, schema, pointer)
        if schema.get("type") == []:
            raise _NothingFits(pointer, "no type meets all that is demanded")
        kinds = kinds_of(schema)
        if not kinds:
            return self._anything(schema, pointer)
        if "type" not in schema:
            self._note(pointer, "no type → " + " or ".join(kinds), "a schema must have a type; its keywords tell")
        kinds = tuple(kind for kind in kinds if kind != "integer" or "number" not in kinds)
        solid = [kind for kind in kinds if kind != "null"]
        if len(solid) > 1 and (self._dialect.null != "type" or set(solid) & set(_COMPOUND)):
            return self._union(split(schema, kinds), "anyOf", pointer)
        if not self._fits(self._levels(schema, solid)):
            return self._encoded(schema, schema.get("description"), pointer)
        body, plan, said, kept = self._structure(schema, solid, pointer, first)
        lost = {key: value for key, value in schema.items() if key not in kept}
        hints = [*said, *self._hints(lost, pointer)]
        description = described(schema.get("description") or telling(schema.get("title"), pointer), hints)
        wire = {"type": body.pop("type"), **({"description": description} if description else {}), **body}
        return (self._nullable(wire) if "null" in kinds and solid else wire), plan

    def _levels(self, schema: JsonSchema, solid: list[str]) -> int:
        if "object" in solid and not self._dialect.maps:
            if self._is_map(schema):
                return 2
            return 1 if self._further(schema) is None else 3
        return 1 if solid and solid[0] in _COMPOUND else 0

    def _structure(self, schema: JsonSchema, solid: list[str], pointer: str, first: str | None) -> Structure:
        if "object" in solid and not self._is_map(schema):
            if not self._dialect.empty_objects and not schema.get("properties") and not schema.get("required"):
                return {"type": "string"}, Encoded(), ["as JSON text: {}"], frozenset()
            return self._object(schema, solid, pointer, first)
        if "object" in solid:
            return self._map(schema, solid, pointer)
        if "array" in solid:
            return self._array(schema, solid, pointer)
        kept = self._kept(schema, solid)
        kinds: Any = solid[0] if len(solid) == 1 else solid or "null"
        return {"type": kinds, **kept}, None, [], frozenset(kept)

    def _kept(self, schema: JsonSchema, kinds: list[str]) -> JsonSchema:
        """The constraints of a node that can stand as they are."""
        enforces = self._dialect.enforces
        return {key: it for key, it in schema.items() if key not in _WALKED and enforces(key, schema, kinds)}

    def _constants(self, values: list[Any], schema: JsonSchema, pointer: str) -> Node:
        if not values:
            raise _NothingFits(pointer, "no value meets all that is demanded")
        groups: dict[str, list[Any]] = {}
        for value in values:
            groups.setdefault(kind_of(value), []).append(value)
        solid = [kind for kind in groups if kind != "null"]
        lost = {key: value for key, value in schema.items() if key not in ("const", "enum")}
        description = described(
            schema.get("description") or telling(schema.get("title"), pointer), self._hints(lost, pointer)
        )
        if len(solid) > 1 and self._dialect.null == "type" and not self._dialect.string_enums:
            if not set(solid) & set(_COMPOUND):
                wire: JsonSchema = {"type": list(groups), "enum": values}
                return ({"description": description, **wire} if description else wire), None
        nodes = [self._constant_kind(kind, groups[kind], pointer) for kind in solid]
        wire, plan = self._one_of([each for group in nodes for each in group] or [({"type": "null"}, None)], description)
        return (self._nullable(wire) if "null" in groups and solid else wire), plan

    def _constant_kind(self, kind: str, values: list[Any], pointer: str) -> list[Node]:
        """The nodes for constants of one type."""
        if kind in _COMPOUND:
            return [self.node(_constant(value), pointer) for value in values]
        if kind == "string" or not self._dialect.string_enums:
            if len(values) == 1 and "const" in self._dialect.keywords:
                return [({"type": kind, "const": values[0]}, None)]
            return [({"type": kind, "enum": values}, None)]
        said = self._said("enum", values)
        self._note(pointer, f"enum → in words: {said}", "an enum has strings only")
        return [({"type": kind, "description": described("", [said])}, None)]

    # ---------------------------------------------------------------------------------- objects

    def _is_map(self, schema: JsonSchema) -> bool:
        """Whether all keys of an object are free."""
        if schema.get("properties") or schema.get("required"):
            return False
        return schema.get("additionalProperties") is not False or bool(schema.get("patternProperties"))

    def _further(self, schema: JsonSchema) -> Any:
        """What the values of keys that are not named may be: None where the schema does not speak of them."""
        more = schema.get("additionalProperties")
        values = list(schema.get("patternProperties", {}).values())
        if more is not None and more is not False:
            values.append(more)
        values = list({text_of(value): value for value in values if value is not False}.values())
        if not values:
            return None
        return values[0] if len(values) == 1 else {"anyOf": values}

    def _object(self, schema: JsonSchema, solid: list[str], pointer: str, first: str | None) -> Structure:
        required = dict.fromkeys(schema.get("required", ()))
        wanted = {**dict.fromkeys(required, True), **schema.get("properties", {})}
        # In the order of the properties; what is only required comes after them.
        wanted = {**{key: wanted[key] for key in schema.get("properties", {})}, **wanted}
        if first in wanted and next(iter(wanted)) != first:
            self._note(pointer, f"{first} comes first", "it tells which member of a union this is")
            wanted = {first: wanted[first], **wanted}
        members: dict[str, JsonSchema] = {}
        plans: dict[str, Plan] = {}
        written: list[str] = []
        absent: set[str] = set()
        names: dict[str, str] = {}
        self._level += 1
        for key, member in wanted.items():
            if member is False and key not in required:
                continue
            place = f"{pointer}/properties/{escaped(key)}"
            try:
                wire, plans[key] = self.node(member, place)
            except _NothingFits:
                if key in required:
                    raise
                self._note(place, "left out", "nothing can meet it")
                continue
            must = key in required or self._must_write()
            if must and (self._may_lack(key, member, required) or (key not in required and plans[key] == Encoded())):
                takes_null = self._excludes(member) and not isinstance(plans[key], Encoded)
                wire = wire if takes_null else self._nullable(wire)
                absent.add(key)
                why = "all must be required" if key not in required else "it may be absent from the document"
                self._note(place, f"{'optional' if key not in required else 'required'} → nullable", why)
            name = self._key(key, members, place)
            if name != key:
                names[key] = name
            members[name] = wire
            written += [name] if must else []
        self._level -= 1
        optional = frozenset(key for key in plans if names.get(key, key) in written) - required.keys()
        plan = Members(plans=plans, optional=optional, absent=frozenset(absent), names=names)
        return self._opened(schema, members, written, plan, pointer)

    def _must_write(self) -> bool:
        """Whether an optional property is required on the wire."""
        limit = self._dialect.limits.optional
        self._optional += 1
        return self._dialect.all_required or (limit is not None and self._optional > limit)

    def _may_lack(self, key: str, member: Any, required: Mapping[str, None]) -> bool:
        """Whether null must be allowed for a property that the document may lack."""
        if self._accepts_null(member) and (key in required or not self._excludes(member)):
            return False
        if key not in required:
            return True
        return self._absent and not (isinstance(member, Mapping) and "const" in member)

    def _excludes(self, schema: Any) -> bool:
        """Whether a schema has no type, but demands that must not be met by a null that says that nothing is there."""
        node = self._look(schema)
        if not isinstance(node, Mapping):
            return bool(node)
        return not kinds_of(node) and not node.keys() & {"anyOf", "oneOf", "const", "enum", "allOf"} and "not" in node

    def _key(self, key: str, taken: Mapping[str, Any], pointer: str) -> str:
        """The name of a property on the wire."""
        if self._dialect.keys is None or re.fullmatch(self._dialect.keys, key):
            return key
        name = free(re.sub(r"\W+", "_", key, flags=re.A)[:56] or "property", taken)
        self._note(pointer, f"named {name}", "the endpoint does not take such a name")
        return name

    def _opened(
        self, schema: JsonSchema, members: dict[str, JsonSchema], written: list[str], plan: Members, pointer: str
    ) -> Structure:
        """An object with what it says about further properties."""
        further = self._further(schema)
        kept: frozenset[str] = frozenset()
        said: list[str] = []
        if further is None:
            if "additionalProperties" not in schema and self._dialect.closed:
                # Once for the whole: nearly every schema leaves its objects open, and means nothing by it.
                self._note("", "properties that it does not name are not asked for", "objects must be closed")
            more: Any = False
        elif self._dialect.maps:
            more, rest = self.node(further, f"{pointer}/additionalProperties")
            plan = replace(plan, open=True, rest=rest)
        else:
            more = False
            name = free("additional_properties", members)
            self._level += 1
            entries, rest = self._entries(schema, further, pointer)
            self._level -= 1
            entries["description"] = "further properties, by name"
            members, written = {**members, name: entries}, [*written, name]
            plan = replace(plan, open=True, rest=rest, entries=name)
            self._note(pointer, f"further properties → the list {name}", "objects with free keys are not taken")
        return {**self._wire_object(members, written, more)}, plan, said, kept

    def _entries(self, schema: JsonSchema, values: Any, pointer: str) -> Node:
        """A list of keys and values, and the plan of the values."""
        self._level += 2
        wire, plan = self.node(values, f"{pointer}/additionalProperties")
        key, _ = self.node(self._keys(schema), f"{pointer}/propertyNames")
        self._level -= 2
        entry = self._wire_object({"key": key, "value": wire}, ["key", "value"])
        return {"type": "array", "items": entry}, plan

    def _keys(self, schema: JsonSchema) -> Any:
        """What the free keys of an object may be."""
        names = merged({"type": "string"}, schema.get("propertyNames", True))
        patterns = list(schema.get("patternProperties", ()))
        if len(patterns) == 1 and schema.get("additionalProperties") is False and names is not False:
            return merged(names, {"pattern": patterns[0]})
        return names

    def _map(self, schema: JsonSchema, solid: list[str], pointer: str) -> Structure:
        further = self._further(schema)
        values = True if further is None else further
        if self._dialect.maps:
            self._level += 1
            wire, plan = self.node(values, f"{pointer}/additionalProperties")
            self._level -= 1
            kept = self._kept(schema, solid)
            return {"type": "object", "additionalProperties": wire, **kept}, Values(plan=plan), [], frozenset(kept)
        self._note(pointer, "map → list of key and value", "objects with free keys are not taken")
        wire, plan = self._entries(schema, values, pointer)
        counts = {"minItems": schema.get("minProperties"), "maxItems": schema.get("maxProperties")}
        counts = {key: count for key, count in counts.items() if count is not None}
        kept = {key: it for key, it in counts.items() if self._dialect.enforces(key, counts, ["array"])}
        gone = {"minProperties" if key == "minItems" else "maxProperties" for key in kept}
        said = ["a map, as a list of its entries"]
        return {**wire, **kept}, Pairs(plan=plan), said, frozenset(gone | {"propertyNames"})

    def _wire_object(self, members: JsonSchema, required: list[str], more: Any = False) -> JsonSchema:
        wire = {"type": "object", "properties": members, "required": required}
        if "propertyOrdering" in self._dialect.keywords:
            wire["propertyOrdering"] = list(members)
        if "additionalProperties" in self._dialect.keywords and (more is not False or self._dialect.closed):
            wire["additionalProperties"] = more
        return wire

    # ------------------------------------------------------------------------------------ lists

    def _array(self, schema: JsonSchema, solid: list[str], pointer: str) -> Structure:
        self._level += 1
        body, plan, said = self._items(schema, pointer)
        self._level -= 1
        kept = self._kept(schema, solid)
        return {"type": "array", **body, **kept}, plan, said, frozenset(kept)

    def _items(self, schema: JsonSchema, pointer: str) -> tuple[JsonSchema, Plan, list[str]]:
        first: list[Any] = list(schema.get("prefixItems", ()))
        # Nothing is asked for behind the first ones unless the schema says what.
        rest = schema.get("items", not first)
        if not first:
            if rest is False:
                return {"items": {"type": "null"}}, None, ["always empty"]
            try:
                wire, plan = self.node(rest, f"{pointer}/items")
            except _NothingFits:
                self._note(f"{pointer}/items", "always empty", "nothing can meet it")
                return {"items": {"type": "null"}}, None, ["always empty"]
            return {"items": wire}, Items(plan=plan) if plan else None, []
        if "prefixItems" in self._dialect.keywords:
            nodes = [self.node(item, f"{pointer}/prefixItems/{number}") for number, item in enumerate(first)]
            behind = None if rest is False else self.node(rest, f"{pointer}/items")
            firsts = tuple(plan for _, plan in nodes)
            more = {"items": behind[0]} if behind else {}
            plan = Items(plan=behind[1] if behind else None, first=firsts)
            return {"prefixItems": [wire for wire, _ in nodes], **more}, plan, []
        self._note(pointer, "items by position → any of them", "the endpoint does not take prefixItems")
        members = [*first, *([rest] if rest is not False else [])]
        wire, plan = self.node(members[0] if len(members) == 1 else {"anyOf": members}, f"{pointer}/prefixItems")
        return {"items": wire}, Items(plan=plan) if plan else None, [self._said("prefixItems", schema["prefixItems"])]

    def _anything(self, schema: JsonSchema, pointer: str) -> Node:
        description = described(schema.get("description"), self._hints(schema, pointer))
        head: JsonSchema = {"description": description} if description else {}
        if self._dialect.any:
            return head, None
        self._note(pointer, "any value → one of the types of JSON", "a schema must have a type")
        if not (self._refers and self._dialect.cycles and self._fits(_LEVELS_OF_ANY)):
            return {"type": "string", "description": described(description, ["any value, as JSON text"])}, Encoded()
        reference = {"$ref": _PREFIX + self._any}
        if self._any not in self.definitions:
            self.definitions[self._any] = (any_value(reference), AnyValue())
        return ({**head, "anyOf": [reference]} if head else reference), Named(name=self._any)

    # ------------------------------------------------------------------------------------- words

    def _hints(self, lost: Mapping[str, Any], pointer: str) -> list[str]:
        hints = []
        for keyword, value in lost.items():
            said = keyword == "default" and value not in (None, [], {}, "")
            if (keyword in _WALKED and not said) or keyword not in WORDS:
                continue
            if words := self._said(keyword, value):
                hints.append(words)
                self._note(pointer, f"{keyword} → in words: {words}", "the endpoint does not enforce it")
        return hints

    def _said(self, keyword: str, value: Any) -> str:
        return in_words(keyword, inlined(value, self._all))

    def _note(self, pointer: str, what: str, why: str) -> None:
        self.rewrites.append(Rewrite(pointer=pointer, what=what, why=why))

    def _accepts_null(self, schema: Any) -> bool:
        if not isinstance(schema, Mapping):
            return bool(schema)
        if "allOf" in schema:
            joined = self._look(schema)
            return self._accepts_null({k: v for k, v in joined.items() if k != "allOf"} if joined else joined)
        if "type" in schema and "null" not in kinds_of(schema):
            return False
        reference = schema.get("$ref")
        if reference is not None:
            if reference not in self._null:
                self._null[reference] = False  # as long as nothing but itself says otherwise
                self._null[reference] = self._accepts_null(self._resolved(reference))
            return self._null[reference]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return any(map(self._accepts_null, schema[keyword]))
        constants = constants_of(schema)
        if constants is not None:
            return None in constants
        kinds = kinds_of(schema)
        return "null" in kinds or not kinds


def _constant(value: Any) -> JsonSchema:
    """A schema for one object or list."""
    if isinstance(value, dict):
        properties = {key: {"const": member} for key, member in value.items()}
        return {"type": "object", "properties": properties, "required": list(value), "additionalProperties": False}
    always = {"type": "array", "minItems": len(value), "maxItems": len(value), "description": "always " + text_of(value)}
    return {**always, "items": {"enum": value} if value else {"type": "null"}}


def _put_first(node: Node, first: str) -> Node:
    """An object with one of its properties before the others."""
    wire, plan = node
    if first not in wire.get("properties", ()):
        return node
    properties = {first: wire["properties"][first], **wire["properties"]}
    required = sorted(wire["required"], key=lambda name: name != first)
    ordering = {"propertyOrdering": list(properties)} if "propertyOrdering" in wire else {}
    return {**wire, "properties": properties, "required": required, **ordering}, plan
