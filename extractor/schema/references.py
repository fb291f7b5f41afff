"""Every `$ref` of a JSON Schema document brought into `$defs`; nothing is ever fetched.

After this, a reference is always `#/$defs/NAME`, as pydantic writes it. What each one means is found by
`identifiers`. jsonref resolves the pointers; it would fetch what is remote, so it gets a loader that refuses.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from extractor.errors import SchemaError
from extractor.schema.identifiers import DEFINITIONS, NAMED_SCHEMAS, SCHEMAS, Mark, mark_references, unresolved
from extractor.schema.nodes import PREFIX, Names, references_in

__all__ = ["definitions_only"]

DEPTH = 150
"""Levels of JSON in a document. Those of 8,000 published schemas have up to 27; jsonref and the copying
take two of Python's frames for each, of which there are 1,000."""

_REFERRING = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})

_NEWEST = "https://json-schema.org/draft/2020-12/schema"
_SCALARS = (str, int, float, bool, type(None))

# Names of places and of the dialect, which mean nothing or something else where a definition is moved to,
# and references that are not followed.
_MOVED = frozenset(
    "id $id $anchor $dynamicAnchor $recursiveAnchor $schema $vocabulary $dynamicRef $recursiveRef".split()
)


def definitions_only(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with every reference in the form `#/$defs/NAME`.

    It accepts all that the document accepts. Where a reference leads to a meta-schema, or is dynamic, it may
    accept more: the document itself has to judge a value.
    Raises `SchemaError` for a reference that leads nowhere, to another document, or to itself.
    """
    if not _has_reference(document):
        return dict(document)
    if _is_plain(document):
        used = references_in({**document, "$defs": {}}, document["$defs"])
        return {**document, "$defs": {name: found for name, found in document["$defs"].items() if name in used}}
    import jsonref  # only here: the schemas of models, the usual case, have nothing to resolve

    try:
        marked = json.loads(json.dumps(document, default=dict))
        mark_references(marked)
        resolved = jsonref.replace_refs(marked, loader=_refuse, jsonschema=False, lazy_load=True)
        return _Normaliser(jsonref.JsonRef).document(resolved)
    except jsonref.JsonRefError as error:
        raise unresolved(str(error.reference[Mark.WAS])) from None
    except RecursionError:
        raise _too_deep() from None


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is outside of the document")


def _too_deep() -> SchemaError:
    return SchemaError("The schema is nested too deeply.", hint=f"Use fewer levels: at most {DEPTH} are taken.")


def _has_reference(document: Any) -> bool:
    """Whether there is a reference. Raises `SchemaError` for a document that is too deep."""
    found = False
    stack = [(document, 1)]
    while stack:
        node, level = stack.pop()
        if level > DEPTH:
            raise _too_deep()
        if isinstance(node, Mapping):
            found = found or any(isinstance(node.get(keyword), str) for keyword in _REFERRING)
            stack.extend((value, level + 1) for value in node.values())
        elif isinstance(node, list):
            stack.extend((value, level + 1) for value in node)
    return found


_NAMING = DEFINITIONS | {"$vocabulary"}
_DRAFTS_OF_DEFS = re.compile(r"https?://json-schema\.org/draft/(2019-09|2020-12)/schema#?")
_PLAIN = re.compile(rf"{re.escape(PREFIX)}([A-Za-z0-9_.-]+)")


def _is_plain(document: Mapping[str, Any]) -> bool:
    """Whether every reference is in the one form already and leads somewhere, as pydantic writes them.

    Most are, and then a look at each node is enough. Where a keyword, or a property of its name, could give
    references another meaning, the answer is no.
    """
    definitions = document.get("$defs")
    if not isinstance(definitions, dict) or not _DRAFTS_OF_DEFS.fullmatch(document.get("$schema", _NEWEST)):
        return False
    beside = {key: value for key, value in document.items() if key not in ("$schema", "$defs")}
    stack: list[Any] = [beside, *definitions.values()]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "$ref" in node and _plain_name(node["$ref"], definitions) is None:
                return False
            if any(not isinstance(node[keyword], dict) for keyword in _MOVED & node.keys()):
                return False
            if not _NAMING.isdisjoint(node):
                return False
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif not isinstance(node, _SCALARS):
            return False
    return not _has_cycle(definitions)


def _plain_name(reference: Any, definitions: Mapping[str, Any]) -> str | None:
    """The name of the definition that a reference in the one form leads to."""
    found = _PLAIN.fullmatch(reference) if isinstance(reference, str) else None
    return found[1] if found and isinstance(definitions.get(found[1]), (dict, bool)) else None


def _has_cycle(definitions: Mapping[str, Any]) -> bool:
    """Whether definitions that are references lead to each other only."""
    done: set[str] = set()
    for start in definitions:
        way: set[str] = set()
        name: str | None = start
        while name is not None and name not in done:
            if name in way:
                return True
            way.add(name)
            node = definitions[name]
            name = _plain_name(node["$ref"], definitions) if isinstance(node, dict) and "$ref" in node else None
        done |= way
    return False


class _Normaliser:
    """A copy of what jsonref resolved, keyword by keyword: a `$ref` in data is data."""

    def __init__(self, reference_type: Any) -> None:
        self._reference_type = reference_type
        self._names: dict[str, str] = {}  # pointer → name
        self._given = Names()
        self._definitions: dict[str, Any] = {}
        self._waiting: deque[tuple[str, Any]] = deque()  # definitions to copy: no recursion, however long the chain

    def document(self, resolved: Any) -> dict[str, Any]:
        """The document with its references in the one form."""
        dialect = {key: resolved[key] for key in ("$schema",) if key in resolved}
        root = self._schema(resolved)
        while self._waiting:
            name, reference = self._waiting.popleft()
            self._definitions[name] = self._schema(reference.__subject__)
        return {**dialect, **root, "$defs": self._definitions}

    def _schema(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._schema(item) for item in node]
        if not isinstance(node, dict):
            return node
        copy = {}
        becomes = node.get(Mark.BECOMES, {})
        for key, value in _members(node):
            name = becomes.get(key, key)
            if name is not None and key not in DEFINITIONS and key not in _MOVED:
                copy[name] = self._keyword(key, value)
        return copy

    def _keyword(self, keyword: str, value: Any) -> Any:
        if keyword == "$ref":
            return PREFIX + self._name(value[0])
        if keyword in SCHEMAS:
            return self._schema(value)
        if keyword in NAMED_SCHEMAS and isinstance(value, dict):
            return {name: self._schema(member) for name, member in _members(value)}
        return self._data(value)

    def _data(self, value: Any) -> Any:
        if isinstance(value, dict):
            was = {"$ref": value[Mark.WAS]} if Mark.WAS in value else {}
            return {**was, **{key: self._data(member) for key, member in _members(value)}}
        if not isinstance(value, list):
            return value
        # type(), since jsonref's proxies pretend to be what they refer to
        if value and type(value[0]) is self._reference_type:
            return value[0].__reference__[Mark.WAS]  # a schema that stands in data
        return [self._data(item) for item in value]

    def _name(self, reference: Any) -> str:
        pointer = reference.__reference__["$ref"]
        if pointer not in self._names:
            name = self._names[pointer] = self._given.free(_wish(pointer))
            self._definitions[name] = {}  # keeps the order of their first use
            self._waiting.append((name, reference))
        return self._names[pointer]


def _wish(pointer: str) -> str:
    """The name for a place, made of the last step to it."""
    step = unquote(pointer.rpartition("/")[2].lstrip("#"))
    return re.sub(r"[^A-Za-z0-9_.-]", "_", step) or "Root"


def _members(node: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """All but the marks."""
    return ((key, value) for key, value in node.items() if not isinstance(key, Mark))
