"""What one walk over a schema knows and shares: the dialect, where it is, what it has changed and said.

What becomes of each kind of node is in `refer`, `alternatives`, `constants`, `objects` and `lists`, which are
given the walk; `rewrite` puts them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from extractor.errors import SchemaError
from extractor.schema.dialects import Dialect
from extractor.schema.merge import merged
from extractor.schema.nodes import PREFIX, Names, constants_of, kinds_of
from extractor.schema.plans import Named, Plan
from extractor.schema.words import WORDS, in_words, inlined

__all__ = ["WALKED", "Cut", "JsonSchema", "Node", "NothingFits", "Rewrite", "Structure", "TooLarge", "Walk"]

JsonSchema: TypeAlias = "dict[str, Any]"
Node: TypeAlias = "tuple[JsonSchema, Plan]"
Structure: TypeAlias = "tuple[JsonSchema, Plan, list[str], frozenset[str]]"
"""A node without its description, its plan, what must be said in words, and the keywords that need no words."""


# Handled by the walk itself.
WALKED = frozenset(
    "$ref $defs definitions allOf anyOf oneOf type properties required items prefixItems additionalItems "
    "additionalProperties const enum description title default nullable discriminator".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """One change: the JSON `pointer` of the place in the target's schema, `what` was done, and `why`."""

    pointer: str
    what: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The `depth` of objects and lists below which all is JSON text, and the depth of each definition."""

    depth: int
    definitions: Mapping[str, int]


class TooLarge(SchemaError):
    """The schema is too large in this dialect; it may be smaller in another."""


class NothingFits(SchemaError):
    """No value can stand there: fatal, unless it is a member of a union."""

    def __init__(self, pointer: str, why: str) -> None:
        where = pointer or "the root"
        super().__init__(f"Nothing can stand at {where}: {why}.", pointer=pointer, hint="Correct the schema there.")


class Visit(Protocol):
    """Any schema at a pointer → the wire's and its plan; of its properties, `first` comes first."""

    def __call__(self, walk: Walk, schema: Any, pointer: str, first: str | None = None) -> Node: ...


class Walk:
    """One walk over a schema, into a dialect."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        dialect: Dialect,
        visit: Visit,
        *,
        absent: bool,
        cut: Cut | None,
        impossible: Iterable[str] = (),
    ) -> None:
        self.schema = schema
        self.given: Mapping[str, Any] = schema.get("$defs", {})
        self.dialect = dialect
        self.absent = absent
        self.cut = cut
        self.refers = "$ref" in dialect.keywords
        self.names = Names(self.given)  # of definitions
        self.any_name = self.names.free("AnyValue")
        self.level = 0  # objects and lists around the node
        self.nodes = 0
        self.optional = 0
        self.told = 0  # characters of outlines in descriptions
        self.outlines: dict[str, str] = {}  # what has one → where
        self.inside: list[str] = []  # definitions around the node that are written out
        self.composed: dict[str, str] = {}  # what is put together of references → the name it has as a definition
        self.waiting: dict[str, Node] = {}  # by that name, as long as nothing refers to it
        self.firsts: dict[str, str] = {}  # definition → the property that must come first
        self.presence: set[str] = set()  # objects for which it matters which properties are there
        self.entered: dict[str, int] = {}  # definitions around the node → the level they began at
        self.recursive: dict[str, bool] = {}  # definition → whether it leads back to itself
        self.impossible = set(impossible)  # definitions that nothing can meet
        self.awaited: set[str] = set()  # definitions that were referred to before they were made
        self.definitions: dict[str, Node] = {}
        self.rewrites: list[Rewrite] = []
        self._visit = visit
        self._nulls: dict[str, bool] = {}  # whether a definition accepts null
        self._flattened: dict[str, Any] = {}  # definitions with their references and allOf resolved

    def node(self, schema: Any, pointer: str, first: str | None = None) -> Node:
        """What becomes of a schema."""
        return self._visit(self, schema, pointer, first)

    def own(self, plan: Plan) -> Plan:
        """The plan itself, where it is a definition's."""
        return self.definitions[plan.name][1] if isinstance(plan, Named) else plan

    @contextmanager
    def deeper(self, levels: int) -> Iterator[None]:
        """Objects and lists around what is walked meanwhile."""
        self.level += levels
        try:
            yield
        finally:
            self.level -= levels

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """A definition that is written out meanwhile."""
        self.inside.append(name)
        try:
            yield
        finally:
            self.inside.pop()

    def resolved(self, reference: str) -> Any:
        """What a reference leads to, through all that do no more than refer to another."""
        seen: set[str] = set()
        while True:
            if reference in seen:
                raise SchemaError(f"{reference} refers to itself and says nothing else.", pointer=reference[1:])
            seen.add(reference)
            try:
                definition: Any = self.given[reference.removeprefix(PREFIX)]
            except (KeyError, TypeError):
                raise SchemaError(f"The reference {reference!r} leads nowhere.", pointer=reference) from None
            if isinstance(definition, Mapping) and definition.keys() == {"$ref"}:
                reference = definition["$ref"]
            else:
                return {} if definition is True else definition

    def flat(self, schema: Any, inside: tuple[str, ...] = ()) -> Any:
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
            if reference not in self._flattened:
                self._flattened[reference] = self.flat(self.resolved(reference), (*inside, reference))
            result = merged(result, self._flattened[reference])
        for member in schema.get("allOf", ()):
            result = merged(result, self.flat(member, inside))
        return result

    def look(self, schema: Any) -> Any:
        """A schema as `flat` gives it; nothing where it demands itself, which is told elsewhere."""
        try:
            return self.flat(schema)
        except SchemaError:
            return {}

    def fits(self, levels: int) -> bool:
        """Whether that many more levels of objects and lists may stand where the walk is."""
        return self.cut is None or self.level + levels <= self.cut.depth

    def kept(self, schema: JsonSchema, kinds: list[str]) -> JsonSchema:
        """The constraints of a node that can stand as they are."""
        enforces = self.dialect.enforces
        return {key: it for key, it in schema.items() if key not in WALKED and enforces(key, schema, kinds)}

    def nullable(self, wire: JsonSchema) -> JsonSchema:
        """A wire schema that also takes null, as the dialect writes it."""
        if self.dialect.null == "nullable":
            return {**wire, "nullable": True}
        if "anyOf" in wire:
            null = {"type": "null"}
            return wire if null in wire["anyOf"] else {**wire, "anyOf": [*wire["anyOf"], null]}
        if self.dialect.null == "union" or "$ref" in wire or "const" in wire:
            return {"anyOf": [wire, {"type": "null"}]}
        if "enum" in wire and None not in wire["enum"]:
            wire = {**wire, "enum": [*wire["enum"], None]}
        kinds = wire.get("type", ())
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        return {**wire, "type": [*kinds, "null"]} if kinds and "null" not in kinds else wire

    def wire_object(self, members: JsonSchema, required: list[str], more: Any = False) -> JsonSchema:
        """An object as the dialect writes it; `more` is what it says about further properties."""
        wire = {"type": "object", "properties": members, "required": required}
        if "propertyOrdering" in self.dialect.keywords:
            wire["propertyOrdering"] = list(members)
        if "additionalProperties" in self.dialect.keywords and (more is not False or self.dialect.closed):
            wire["additionalProperties"] = more
        return wire

    def hints(self, lost: Mapping[str, Any], pointer: str) -> list[str]:
        """The constraints among these keywords in words, each noted."""
        hints = []
        for keyword, value in lost.items():
            said = keyword == "default" and value not in (None, [], {}, "")
            if (keyword in WALKED and not said) or keyword not in WORDS:
                continue
            if words := self.said(keyword, value):
                hints.append(words)
                self.note(pointer, f"{keyword} → in words: {words}", "the endpoint does not enforce it")
        return hints

    def said(self, keyword: str, value: Any) -> str:
        """One constraint in words."""
        return in_words(keyword, inlined(value, self.given))

    def note(self, pointer: str, what: str, why: str) -> None:
        """List a change."""
        self.rewrites.append(Rewrite(pointer=pointer, what=what, why=why))

    def accepts_null(self, schema: Any) -> bool:
        """Whether a schema of the target accepts null."""
        if not isinstance(schema, Mapping):
            return bool(schema)
        if "allOf" in schema:
            joined = self.look(schema)
            return self.accepts_null({k: v for k, v in joined.items() if k != "allOf"} if joined else joined)
        kinds = kinds_of(schema)
        constants = constants_of(schema)
        unions = [schema[keyword] for keyword in ("anyOf", "oneOf") if keyword in schema]
        if (kinds and "null" not in kinds) or (constants is not None and None not in constants):
            return False
        if "$ref" in schema and not self._reference_accepts_null(schema["$ref"]):
            return False
        return all(any(map(self.accepts_null, members)) for members in unions)

    def _reference_accepts_null(self, reference: str) -> bool:
        if reference not in self._nulls:
            self._nulls[reference] = False  # as long as nothing but itself says otherwise
            self._nulls[reference] = self.accepts_null(self.resolved(reference))
        return self._nulls[reference]

    def takes_null(self, wire: JsonSchema) -> bool:
        """Whether a wire schema accepts null."""
        if "$ref" in wire:
            name = wire["$ref"].removeprefix(PREFIX)
            known = self.definitions[name][0]
            if known:
                return self.takes_null(known)
            return name in self.given and self.accepts_null(wire)  # it is being made
        if "anyOf" in wire:
            return wire.get("nullable", False) or any(map(self.takes_null, wire["anyOf"]))
        if wire.get("const", wire.get("enum", ())) is None:
            return True
        return "null" in kinds_of(wire) or wire.get("nullable", False) or not wire.keys() & {"type", "const", "enum"}
