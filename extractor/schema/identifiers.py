"""What the references of a JSON Schema document mean: each becomes a pointer into the same document.

The rules, by JSON Schema core (drafts 4 to 2020-12):

- A reference is relative to the nearest `$id` around it (`id` in draft 4). It may name such an `$id`, an
  `$anchor`, a place below either, or the document's own address. Only the document is looked at.
- In drafts 4 to 7 an `$id` of "#name" is an anchor, and what stands beside a `$ref` is ignored.
- A known meta-schema means "a JSON Schema", of which no more is asked here than its type.
- `$dynamicRef` and `$recursiveRef` depend on the way to them, and mean "anything" here.

So the result accepts all that the document accepts, and the document still has to judge a value.

The document stays as it is but for marks, since a pointer may lead to any place of it, also to one that
means nothing where it stands. The keys of the marks are no strings: JSON has no such keys.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, urljoin

from extractor.errors import SchemaError
from extractor.schema.pointers import escaped, step_in, steps_of

__all__ = ["DEFINITIONS", "NAMED_SCHEMAS", "SCHEMAS", "Mark", "mark_references", "unresolved"]

# Keywords whose value is a schema or a list of them, whose value maps names to schemas, and the definitions.
SCHEMAS = frozenset(
    "additionalItems additionalProperties allOf anyOf contains contentSchema else if items not oneOf prefixItems "
    "propertyNames then unevaluatedItems unevaluatedProperties".split()
)
NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
DEFINITIONS = frozenset({"$defs", "definitions"})
_NAMED = NAMED_SCHEMAS | DEFINITIONS

Node: TypeAlias = "dict[Any, Any]"
"""An object of the document, with the marks on it."""


class Mark(Enum):
    """The keys of what is noted in a document.

    `BECOMES` maps keywords of a node to what they become: another keyword, or None where they go. `WAS` is
    what a `$ref` said before: in a reference that was found, and instead of a `$ref` that is no reference.
    """

    BECOMES = "becomes"
    WAS = "was"


@dataclass(frozen=True, slots=True)
class _Draft:
    """How a draft names places: its keywords for that, and whether a `$ref` stands alone."""

    identifier: str
    anchors: tuple[str, ...]
    alone: bool


_DRAFTS: Mapping[str, _Draft] = {
    "draft-04": _Draft("id", (), alone=True),
    "draft-06": _Draft("$id", (), alone=True),
    "draft-07": _Draft("$id", (), alone=True),
    "draft/2019-09": _Draft("$id", ("$anchor",), alone=False),
    "draft/2020-12": _Draft("$id", ("$anchor", "$dynamicAnchor"), alone=False),
}
_META_SCHEMA = re.compile(rf"https?://json-schema\.org/({'|'.join(_DRAFTS)})/(schema|meta/[a-z-]+)")
_BESIDE = frozenset({"$ref", "title", "description", "default", "examples", "$comment"})  # never ask for anything
_DYNAMIC = frozenset({"$dynamicRef", "$recursiveRef"})

# Where more would be accepted inside, less would be outside. So these go, or change, where the inside was widened.
_WIDER: Mapping[str, Mapping[str, str | None]] = {
    "not": {"not": None},
    "if": {"if": None, "then": None, "else": None},
    "oneOf": {"oneOf": "anyOf"},
    "contains": {"maxContains": None},
}
_REST: Mapping[str, str | None] = {"unevaluatedItems": None, "unevaluatedProperties": None}


@dataclass(frozen=True, slots=True)
class _Scope:
    """What references in a part of the document are relative to (a URL without fragment), and its draft."""

    base: str
    draft: _Draft


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema of the document, and the scope that holds in it."""

    node: Node
    scope: _Scope


def mark_references(document: Node) -> None:
    """Make the value of every `$ref` in use `[{"$ref": "#/json/pointer"}]`, and mark what goes or changes its name.

    So the node itself is no reference, and pointers find its other members. No other `$ref` is left.
    Raises `SchemaError` for one that leads nowhere, out of the document, or only to itself.
    """
    _References(_Places(document)).mark()
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str) and Mark.WAS not in node:
                node[Mark.WAS] = node.pop("$ref")  # data, or a part of the document that is not in use
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def unresolved(reference: str, place: str | None = None) -> SchemaError:
    """The error for a reference that leads nowhere; `place` is the pointer of where it stands."""
    where = "" if place is None else f" at {place or 'the root'}"
    return SchemaError(
        f"The reference {reference!r}{where} cannot be resolved.",
        pointer=reference.removeprefix("#"),
        hint="References must lead to a place in the same document; nothing is fetched.",
    )


class _Places:
    """The schemas of a document by their pointers, and the pointers by their addresses."""

    def __init__(self, document: Node) -> None:
        self._by_address: dict[tuple[str, str], str] = {("", ""): ""}  # URL and anchor → pointer
        self._by_pointer: dict[str, _Place] = {}
        self._enter("", document, _Scope("", _DRAFTS["draft/2020-12"]))

    def __getitem__(self, pointer: str) -> _Place:
        return self._by_pointer[pointer]

    def __contains__(self, pointer: str) -> bool:
        return pointer in self._by_pointer

    def target(self, address: str) -> str | None:
        """The pointer of what an absolute address leads to; None where that is no schema of the document."""
        url, _, fragment = address.partition("#")
        fragment = unquote(fragment)
        resource = self._by_address.get((url, ""))
        if fragment.startswith("/"):
            return None if resource is None else self._followed(resource, fragment)
        return self._by_address.get((url, fragment))

    def _followed(self, pointer: str, fragment: str) -> str | None:
        node: Any = self[pointer].node
        scope = self[pointer].scope
        for step in steps_of(fragment):
            at = step_in(node, step)
            if at is None or (isinstance(node, dict) and at not in node):
                return None
            node = node[at]
            pointer += "/" + escaped(step)
            scope = self[pointer].scope if pointer in self else scope
        if isinstance(node, dict):
            self._enter(pointer, node, scope)  # it may stand where no keyword says that it is a schema
        return pointer if isinstance(node, (dict, bool)) else None

    def _enter(self, pointer: str, node: Node, scope: _Scope) -> None:
        """Note a schema and all inside of it, the definitions too."""
        waiting = deque([(pointer, node, scope)])
        while waiting:
            pointer, node, outer = waiting.popleft()
            if pointer not in self:
                scope = self._scope(pointer, node, outer)
                self._by_pointer[pointer] = _Place(node, scope)
                waiting.extend((pointer + step, member, scope) for _, step, member in _subschemas(node))

    def _scope(self, pointer: str, node: Node, outer: _Scope) -> _Scope:
        """The scope inside of a schema; notes its addresses, of which the first holds."""
        draft = outer.draft
        if not pointer or isinstance(node.get("$id"), str):
            known = _META_SCHEMA.match(str(node.get("$schema")))
            draft = _DRAFTS[known[1]] if known else draft
        identifier = node.get(draft.identifier)
        if draft.alone and isinstance(node.get("$ref"), str) and not str(identifier).startswith("#"):
            return _Scope(outer.base, draft)  # an address beside a reference is ignored, too
        url, _, name = _joined(outer.base, identifier).partition("#")
        self._by_address.setdefault((url, ""), pointer)
        for anchor in [name, *(node.get(keyword) for keyword in draft.anchors)]:
            if isinstance(anchor, str):
                self._by_address.setdefault((url, anchor), pointer)
        return _Scope(url, draft)


def _joined(base: str, reference: Any) -> str:
    if not isinstance(reference, str):
        return base
    if not reference or reference.startswith("#"):
        return base + reference  # urljoin would forget a base such as urn:uuid:…
    try:
        return urljoin(base, reference)
    except ValueError:  # no URL at all; so nothing is found there
        return reference


def _subschemas(node: Node) -> Iterator[tuple[str, str, Node]]:
    """The keyword, the steps of the pointer, and the schema, for each that is an object."""
    for keyword, value in node.items():
        members: Any = ()
        if keyword in SCHEMAS and isinstance(value, list):
            members = enumerate(value)
        elif keyword in SCHEMAS and isinstance(value, dict):
            yield keyword, f"/{keyword}", value
        elif keyword in _NAMED and isinstance(value, dict):
            members = value.items()
        for key, member in members:
            if isinstance(member, dict):
                yield keyword, f"/{keyword}/{escaped(str(key))}", member


class _References:
    """The references of what is in use: the root, what is inside of it, what that refers to, and so on."""

    def __init__(self, places: _Places) -> None:
        self._places = places
        self._leads: dict[str, str] = {}  # where a reference stands → where it leads
        self._users: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)  # → who uses it, and by what keyword
        self._widened: set[str] = set()  # what accepts more than it says

    def mark(self) -> None:
        """Mark all of them."""
        seen, waiting = {""}, deque([""])
        while waiting:
            pointer = waiting.popleft()  # the first that is wrong is named
            for keyword, used in self._marked(pointer):
                self._users[used].append((pointer, keyword))
                if used not in seen and used in self._places:  # true and false are no places
                    seen.add(used)
                    waiting.append(used)
        self._refuse_cycles()
        self._widen_users()

    def _marked(self, pointer: str) -> list[tuple[str, str]]:
        """Mark one node. Gives the keywords by which it uses others, and their pointers."""
        place = self._places[pointer]
        node, reference = place.node, place.node.get("$ref")
        if not isinstance(reference, str):
            self._become(node, {"$ref": None})  # says nothing
        elif place.scope.draft.alone:
            self._become(node, dict.fromkeys(node.keys() - _BESIDE))
        used = [(keyword, pointer + step) for keyword, step, _ in _subschemas(node) if self._counts(node, keyword)]
        if self._widened_by(node, _DYNAMIC):
            self._widened.add(pointer)
        if isinstance(reference, str):
            used.extend(self._referring(pointer, place, reference))
        return used

    def _referring(self, pointer: str, place: _Place, reference: str) -> Iterator[tuple[str, str]]:
        address = _joined(place.scope.base, reference)
        target = self._places.target(address)
        if target is not None:
            self._leads[pointer] = target
            place.node["$ref"] = [{"$ref": "#" + _fragment(target), Mark.WAS: reference}]
            yield "$ref", target
        elif _META_SCHEMA.fullmatch(address.partition("#")[0]):
            self._widened.add(pointer)
            self._become(place.node, {"$ref": None})
            self._is_schema(place.node, address)
        else:
            raise unresolved(reference, pointer)

    def _is_schema(self, node: Node, address: str) -> None:
        """Ask for no more than the type of a schema; for nothing where only a part of one is meant."""
        url, _, fragment = address.partition("#")
        if fragment or not url.endswith("/schema"):
            return
        wanted = "object" if "draft-04" in url else ["object", "boolean"]
        if "type" in node and self._counts(node, "type"):
            node["allOf"] = [*node.get("allOf", ()), {"type": wanted}]
        else:
            node["type"] = wanted
            node[Mark.BECOMES].pop("type", None)

    def _become(self, node: Node, becomes: Mapping[Any, str | None]) -> None:
        changes = {keyword: name for keyword, name in becomes.items() if keyword in node}
        if changes:
            node.setdefault(Mark.BECOMES, {}).update(changes)

    def _counts(self, node: Node, keyword: str) -> bool:
        return keyword not in DEFINITIONS and keyword not in node.get(Mark.BECOMES, ())

    def _widened_by(self, node: Node, keywords: frozenset[str]) -> bool:
        return any(self._counts(node, keyword) for keyword in keywords & node.keys())

    def _refuse_cycles(self) -> None:
        done: set[str] = set()
        for start in self._leads:
            way, pointer = {start: None}, self._leads[start]
            while pointer in self._leads and pointer not in done:
                if pointer in way:
                    where = pointer or "the root"
                    raise SchemaError(f"The reference at {where} leads back to itself.", pointer=pointer + "/$ref")
                way[pointer] = None
                pointer = self._leads[pointer]
            done.update(way)

    def _widen_users(self) -> None:
        """See to it that whatever uses what was widened accepts no less than before."""
        waiting = list(self._widened)
        while waiting:
            pointer = waiting.pop()
            self._become(self._places[pointer].node, _REST)
            for user, keyword in self._users[pointer]:
                node = self._places[user].node
                self._become(node, _WIDER.get(keyword, {}))
                if keyword == "oneOf" and "anyOf" in node:
                    self._become(node, {"oneOf": None})
                if user not in self._widened:
                    self._widened.add(user)
                    waiting.append(user)


def _fragment(pointer: str) -> str:
    """A pointer as the fragment of a URL."""
    inner = quote(pointer[1:], safe="/~", errors="surrogatepass")
    # jsonref takes away every slash that it begins with, so an empty first key needs another form
    return pointer[:1] + (f"%2F{inner[1:]}" if inner.startswith("/") else inner)
