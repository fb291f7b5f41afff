"""Every `$ref` of a JSON Schema document brought into `$defs`; nothing is ever fetched.

After this, a reference is always `#/$defs/NAME`, as pydantic writes it. jsonref resolves the pointers;
it would fetch what is remote, so it gets a loader that refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extractor.errors import SchemaError

__all__ = ["definitions_only"]


def definitions_only(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with every reference in the form `#/$defs/NAME`.

    Raises `SchemaError` for a reference that leads nowhere, to another document, or to itself.
    """
    if not _has_reference(document):
        return dict(document)
    import jsonref  # only here: pydantic's schemas, the usual case, have nothing to resolve

    at_root = document.get("$ref")
    if at_root == "#":
        raise SchemaError("The schema refers to itself and says nothing else.", pointer="/$ref")
    if at_root is not None:
        # jsonref would put the definition in the place of the document, and look for the others in it.
        rest = {key: value for key, value in document.items() if key != "$ref"}
        document = {**rest, "allOf": [{"$ref": at_root}, *rest.get("allOf", ())]}
    try:
        resolved = jsonref.replace_refs(document, loader=_refuse, jsonschema=False, lazy_load=True)
        normal = _Normaliser(jsonref.JsonRef).document(resolved)
    except jsonref.JsonRefError as error:
        ref = str(error.reference.get("$ref"))
        raise SchemaError(
            f"The reference {ref!r} cannot be resolved.",
            pointer=ref.removeprefix("#"),
            hint="References must lead to a place in the same document; nothing is fetched.",
        ) from None
    except RecursionError:
        raise SchemaError("The schema is nested too deeply, or refers to itself without end.") from None
    if at_root is not None:
        (first, *others) = normal.pop("allOf")
        normal = {**first, **normal, **({"allOf": others} if others else {})}
    return normal


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is outside of the document")


def _has_reference(node: Any) -> bool:
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            if isinstance(node.get("$ref"), str):
                return True
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return False


# Keywords whose value is a schema or a list of them, whose value maps names to schemas, and the definitions.
_SCHEMAS = frozenset(
    "additionalItems additionalProperties allOf anyOf contains contentSchema else if items not oneOf prefixItems "
    "propertyNames then unevaluatedItems unevaluatedProperties".split()
)
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
_DEFINITIONS = frozenset({"$defs", "definitions"})


class _Normaliser:
    """A copy of what jsonref resolved, keyword by keyword: a `$ref` in data is data."""

    def __init__(self, reference_type: Any) -> None:
        self._reference_type = reference_type
        self._names: dict[str, str] = {}
        self._definitions: dict[str, Any] = {}

    def document(self, resolved: Any) -> dict[str, Any]:
        """The document with its references in the one form."""
        return {**self._schema(resolved), "$defs": self._definitions}

    def _schema(self, node: Any) -> Any:
        # type(), since jsonref's proxies pretend to be what they refer to
        if type(node) is self._reference_type:
            siblings = {key: value for key, value in node.__reference__.items() if key != "$ref"}
            return {"$ref": f"#/$defs/{self._name(node)}", **self._schema(siblings)}
        if isinstance(node, list):
            return [self._schema(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        return {key: self._keyword(key, value) for key, value in node.items() if key not in _DEFINITIONS}

    def _keyword(self, keyword: str, value: Any) -> Any:
        if keyword in _SCHEMAS:
            return self._schema(value)
        if keyword in _NAMED_SCHEMAS and isinstance(value, Mapping):
            return {name: self._schema(member) for name, member in value.items()}
        return self._data(value)

    def _data(self, value: Any) -> Any:
        if type(value) is self._reference_type:
            return value.__reference__
        if isinstance(value, Mapping):
            return {key: self._data(member) for key, member in value.items()}
        return [self._data(item) for item in value] if isinstance(value, list) else value

    def _name(self, reference: Any) -> str:
        pointer = reference.__reference__["$ref"]
        if pointer not in self._names:
            subject = reference.__subject__
            wish = re.sub(r"[^A-Za-z0-9_.-]", "_", pointer.rpartition("/")[2].lstrip("#")) or "Root"
            name, number = wish, 1
            while name in self._definitions:
                number += 1
                name = f"{wish}_{number}"
            self._names[pointer] = name
            self._definitions[name] = {}  # holds the name while the definition is copied: it may be recursive
            self._definitions[name] = self._schema(subject)
        return self._names[pointer]
