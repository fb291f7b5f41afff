"""A schema rewritten into a dialect, and the way back.

What the dialect cannot say is said in words in the description, so that the model still knows it, is
listed in `rewrites`, and is still checked by the target when the value comes back. What is said in
another way on the wire (an optional property as a nullable one, a map as a list of pairs, a root that is
no object as one with a `value`) is put back by `restore`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from extractor.errors import SchemaError
from extractor.schema.dialects import Dialect
from extractor.schema.merge import merged
from extractor.schema.nodes import (
    any_value,
    described,
    escaped,
    free,
    kinds_of,
    modern,
    nullable,
    pair,
    split,
    telling,
    with_null,
)
from extractor.schema.restore import (
    AnyValue,
    Branches,
    Items,
    Members,
    Named,
    Pairs,
    Plan,
    Plans,
    Restorer,
    Values,
    Wrapped,
    restorer,
    to_wire,
)
from extractor.schema.words import WORDS, in_words, inlined

__all__ = ["Adapted", "Rewrite", "adapt"]

JsonSchema: TypeAlias = "dict[str, Any]"
Node: TypeAlias = "tuple[JsonSchema, Plan]"
Structure: TypeAlias = "tuple[JsonSchema, Plan, tuple[str, ...]]"
"""What stands inside a node, its plan, and what of it must be said in words."""

_PREFIX = "#/$defs/"
_COMPOUND = ("object", "array")
# Handled by the walk itself.
_WALKED = frozenset(
    "$ref $defs definitions allOf anyOf oneOf type properties required items prefixItems additionalProperties "
    "const enum description title default".split()
)
_ANNOTATIONS = frozenset({"description", "title", "default", "examples", "deprecated"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """One change: the JSON `pointer` of the place in the target's schema, `what` was done, and `why`."""

    pointer: str
    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """A schema in a dialect. `schema` is what is sent, `rewrites` what was changed for it.

    `restorer` is what `restore` does, None where values come back in the target's own shape anyway.
    """

    name: str
    dialect: Dialect
    schema: JsonSchema
    rewrites: tuple[Rewrite, ...]
    restorer: Restorer | None = field(repr=False)
    plan: Plan = field(repr=False)
    definitions: Plans = field(repr=False)

    @property
    def response_format(self) -> JsonSchema:
        """`{"type": "json_schema", "json_schema": {"name", "strict", "schema"}}`."""
        # The pattern and the length are OpenAI's; everybody else takes what it takes.
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", self.name)[:64] or "record"
        asked = {"name": name, "strict": self.dialect.strict, "schema": self.schema}
        return {"type": "json_schema", "json_schema": asked}

    def restore(self, value: Any) -> Any:
        """A value as the endpoint gives it, in the target's own shape."""
        return value if self.restorer is None else self.restorer(value)

    def to_wire(self, value: Any) -> Any:
        """The opposite of `restore`: a value of the target as the endpoint is asked to write it."""
        return to_wire(self.plan, value, self.definitions)


def adapt(schema: Mapping[str, Any], dialect: Dialect, *, name: str = "record") -> Adapted:
    """The schema (its references all `#/$defs/NAME`) rewritten into the dialect.

    Raises `SchemaError` where it is unsatisfiable or nested too deeply.
    """
    walk = _Walk(schema, dialect)
    try:
        root, plan = walk.root()
    except _NothingFits as error:
        raise SchemaError(error.message, pointer=error.pointer, hint=error.hint) from None
    except RecursionError:
        raise SchemaError("The schema is nested too deeply.") from None
    definitions = walk.definitions
    if definitions:
        root = {**root, "$defs": {key: wire for key, (wire, _) in definitions.items()}}
    return Adapted(
        name=name,
        dialect=dialect,
        schema=root,
        rewrites=tuple(dict.fromkeys(walk.rewrites)),
        restorer=restorer(plan, definitions),
        plan=plan,
        definitions=definitions,
    )


class _NothingFits(SchemaError):
    """No value can stand there: fatal, unless it is a member of a union."""

    def __init__(self, pointer: str, why: str) -> None:
        where = pointer or "the root"
        super().__init__(f"Nothing can stand at {where}: {why}.", pointer=pointer, hint="Correct the schema there.")


class _Walk:
    """One walk over a schema. Every method takes a node and its pointer, gives the wire's and its plan."""

    def __init__(self, schema: Mapping[str, Any], dialect: Dialect) -> None:
        self._schema = schema
        self._dialect = dialect
        self._any = free("AnyValue", schema.get("$defs", {}))
        self.definitions: dict[str, Node] = {}
        self.rewrites: list[Rewrite] = []

    def root(self) -> Node:
        schema: Any = {key: value for key, value in self._schema.items() if key not in ("$defs", "$schema", "$id")}
        while schema is not False and "$ref" in schema:
            # No endpoint takes a root that is a reference: the definition stands there itself.
            inner = self._resolved(schema.pop("$ref"))
            schema = merged(schema, dict(inner) if inner else inner)
        wire, plan = self.node(schema, "")
        if wire.get("type") == "object":
            return wire, plan
        self._note("", "wrapped into an object with a `value`", "the root must be an object")
        wrapped = {"type": "object", "properties": {"value": wire}, "required": ["value"]}
        return {**wrapped, "additionalProperties": False}, Wrapped(plan=plan)

    def node(self, schema: Any, pointer: str) -> Node:
        """Any schema."""
        schema = {} if schema is True else schema
        if schema is not False and "allOf" in schema:
            schema = self._joined(schema, pointer)
        if schema is False:
            raise _NothingFits(pointer, "its schema is false")
        if "$ref" in schema:
            return self._reference(schema, pointer)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._union(schema, keyword, pointer)
        return self._typed(modern(schema), pointer)

    # ------------------------------------------------------------------ references, unions, allOf

    def _resolved(self, reference: str) -> Mapping[str, Any]:
        try:
            definition: Any = self._schema["$defs"][reference.removeprefix(_PREFIX)]
        except (KeyError, TypeError):
            raise SchemaError(f"The reference {reference!r} leads nowhere.", pointer=reference) from None
        return {} if definition is True else definition

    def _joined(self, schema: JsonSchema, pointer: str) -> Any:
        """A schema with what its `allOf` demands said directly."""
        self._note(pointer, "allOf joined into one schema", "the endpoint does not take allOf")
        result = self._flat(schema, ())
        left_over = result.pop("allOf", ()) if isinstance(result, dict) else ()
        if left_over:
            words = [self._said(key, value) for rest in left_over for key, value in rest.items()]
            result["description"] = described(result.get("description"), words)
        return result

    def _flat(self, schema: Any, inside: tuple[str, ...]) -> Any:
        if not isinstance(schema, Mapping):
            return schema
        result: Any = {key: value for key, value in schema.items() if key not in ("allOf", "$ref")}
        if "$ref" in schema and "allOf" not in schema and not inside:
            return schema
        reference = schema.get("$ref")
        if reference is not None and reference in inside:
            raise SchemaError(f"{reference} demands itself.", pointer=reference)
        if reference is not None:
            result = merged(result, self._flat(self._resolved(reference), (*inside, reference)))
        for member in schema.get("allOf", ()):
            result = merged(result, self._flat(member, (*inside, "")))
        return result

    def _reference(self, schema: JsonSchema, pointer: str) -> Node:
        name = schema["$ref"].removeprefix(_PREFIX)
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        if siblings.keys() & ((_WALKED | WORDS.keys()) - _ANNOTATIONS):
            return self.node(merged(siblings, self._resolved(schema["$ref"])), pointer)
        if name not in self.definitions:
            definition = self._resolved(schema["$ref"])
            self.definitions[name] = ({}, None)  # holds the name: the definition may refer to itself
            self.definitions[name] = self.node(definition, f"/$defs/{name}")
        wire: JsonSchema = {"$ref": _PREFIX + name}
        description = described(siblings.get("description"), self._hints(siblings, pointer))
        if description and self._dialect.ref_siblings:
            wire["description"] = description
        elif description:
            wire = {"description": description, "anyOf": [wire]}
        return wire, Named(name=name)

    def _union(self, schema: JsonSchema, keyword: str, pointer: str) -> Node:
        shared = {key: value for key, value in schema.items() if key not in (keyword, "discriminator")}
        outside = {key: value for key, value in shared.items() if key in ("description", "title", "default")}
        inside = {key: value for key, value in shared.items() if key not in outside}
        if keyword == "oneOf" and "oneOf" not in self._dialect.keywords:
            self._note(pointer, "oneOf → anyOf", "the endpoint does not take oneOf")
        # What stands beside a union holds for each of its members; some endpoints forget it there.
        members = []
        for number, member in enumerate(schema[keyword]):
            try:
                wire = self.node({**inside, "allOf": [member]} if inside else member, f"{pointer}/{keyword}/{number}")
            except _NothingFits:
                self._note(f"{pointer}/{keyword}/{number}", "left out", "nothing can meet it")
            else:
                members.append(wire)
        if not members:
            raise _NothingFits(pointer, f"its {keyword} has no member that can be met")
        description = described(outside.get("description"), self._hints(outside, pointer))
        head: JsonSchema = {"description": description} if description else {}
        if len(members) == 1 and not head:
            return members[0]
        return {**head, "anyOf": [wire for wire, _ in members]}, Branches(branches=tuple(members))

    # ------------------------------------------------------------------------------------- types

    def _typed(self, schema: JsonSchema, pointer: str) -> Node:
        kinds = kinds_of(schema)
        if schema.get("type") == [] or schema.get("enum") == []:
            raise _NothingFits(pointer, "no value meets all that is demanded")
        compound = [kind for kind in kinds if kind in _COMPOUND]
        if not kinds and "enum" not in schema and "const" not in schema:
            return self._anything(schema, pointer)
        if compound and len(kinds) > (2 if "null" in kinds else 1) and "enum" not in schema:
            return self._union(split(schema, kinds), "anyOf", pointer)
        head: JsonSchema = {"type": kinds[0] if len(kinds) == 1 else list(kinds)} if kinds else {}
        body, plan, said = self._structure(schema, kinds, pointer)
        enforces = self._dialect.enforces
        kept = {key: it for key, it in schema.items() if key not in _WALKED and enforces(key, it, kinds)}
        if isinstance(plan, Pairs):  # what is said about the map does not hold for the list
            head, kept = {"type": with_null("array", kinds)}, {}
        hints = [*said, *self._hints({key: it for key, it in schema.items() if key not in kept}, pointer)]
        description = described(schema.get("description") or telling(schema.get("title"), pointer), hints)
        return {**head, **({"description": description} if description else {}), **kept, **body}, plan

    def _structure(self, schema: JsonSchema, kinds: tuple[str, ...], pointer: str) -> Structure:
        if "const" in schema and "const" not in self._dialect.keywords:
            return {"enum": [schema["const"]]}, None, ()
        if "const" in schema:
            return {"const": schema["const"]}, None, ()
        if "enum" in schema:
            return {"enum": list(schema["enum"])}, None, ()
        if "object" in kinds:
            return self._object(schema, pointer)
        if "array" in kinds:
            return self._array(schema, pointer)
        return {}, None, ()

    def _object(self, schema: JsonSchema, pointer: str) -> Structure:
        properties: Mapping[str, Any] = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        if not properties and not schema.get("required") and more is not False:
            return self._map(more, pointer)
        required = set(schema.get("required", ()))
        wanted = {**properties, **{key: True for key in schema.get("required", ()) if key not in properties}}
        members: dict[str, JsonSchema] = {}
        plans: dict[str, Plan] = {}
        absent: set[str] = set()
        for key, member in wanted.items():
            if member is False and key not in required:
                continue
            place = f"{pointer}/properties/{escaped(key)}"
            wire, plans[key] = self.node(member, place)
            if key not in required and self._dialect.all_required and not self._accepts_null(member):
                wire = nullable(wire)
                absent.add(key)
                self._note(place, "optional → nullable", "all must be required")
            members[key] = wire
        names = [key for key in members if self._dialect.all_required or key in required]
        said: tuple[str, ...] = ()
        if schema.get("additionalProperties", False) is not False and self._dialect.closed:
            self._note(pointer, "further properties are not asked for", "objects must be closed")
            if isinstance(more, Mapping) and more:
                said = (self._said("additionalProperties", more),)
        closed = self._dialect.closed or more is False
        body: JsonSchema = {"properties": members, "required": names}
        optional = frozenset(names) - required
        plan = Members(plans=plans, optional=optional, absent=frozenset(absent))
        return {**body, **({"additionalProperties": False} if closed else {})}, plan, said

    def _map(self, values: Any, pointer: str) -> Structure:
        wire, plan = self.node(values, f"{pointer}/additionalProperties")
        if self._dialect.maps:
            return {"additionalProperties": wire}, Values(plan=plan), ()
        self._note(pointer, "map → list of key and value", "objects with free keys are not taken")
        return {"items": pair(wire)}, Pairs(plan=plan), ("a map, as a list of its entries",)

    def _array(self, schema: JsonSchema, pointer: str) -> Structure:
        items = schema.get("items", "prefixItems" not in schema)
        first = [
            self.node(item, f"{pointer}/prefixItems/{number}")
            for number, item in enumerate(schema.get("prefixItems", ()))
        ]
        firsts = tuple(plan for _, plan in first)
        # Nothing is asked for behind the first ones unless the schema says what.
        rest = None if items is False else self.node(items, f"{pointer}/items")
        if not first:
            wire, plan = rest or ({"type": "null"}, None)
            return {"items": wire}, Items(plan=plan), ()
        behind = rest[1] if rest else None
        if "prefixItems" in self._dialect.keywords:
            more = {"items": rest[0]} if rest else {}
            return {"prefixItems": [wire for wire, _ in first], **more}, Items(plan=behind, first=firsts), ()
        self._note(pointer, "items by position → any of them", "the endpoint does not take prefixItems")
        members = list({repr(wire): wire for wire, _ in [*first, *([rest] if rest else [])]}.values())
        wire = members[0] if len(members) == 1 else {"anyOf": members}
        said = self._said("prefixItems", schema["prefixItems"])
        return {"items": wire}, Items(plan=behind, first=firsts), (said,)

    def _anything(self, schema: JsonSchema, pointer: str) -> Node:
        description = described(schema.get("description"), self._hints(schema, pointer))
        head: JsonSchema = {"description": description} if description else {}
        if self._dialect.any:
            return head, None
        self._note(pointer, "any value → one of the types of JSON", "a schema must have a type")
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
        return in_words(keyword, inlined(value, self._schema.get("$defs", {})))

    def _note(self, pointer: str, what: str, why: str) -> None:
        self.rewrites.append(Rewrite(pointer=pointer, what=what, why=why))

    def _accepts_null(self, schema: Any, seen: frozenset[str] = frozenset()) -> bool:
        if not isinstance(schema, Mapping):
            return bool(schema)
        if "allOf" in schema:
            joined = self._flat(schema, ())
            return self._accepts_null({k: v for k, v in joined.items() if k != "allOf"} if joined else joined, seen)
        reference = schema.get("$ref")
        if reference is not None:
            resolved = reference not in seen and self._resolved(reference)
            return resolved is not False and self._accepts_null(resolved, seen | {reference})
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return any(self._accepts_null(member, seen) for member in schema[keyword])
        if "enum" in schema or "const" in schema:
            listed = None in schema.get("enum", [schema.get("const", 0)])
            return listed and "null" in (kinds_of(schema) or ("null",))
        kinds = kinds_of(schema)
        return "null" in kinds or not kinds
