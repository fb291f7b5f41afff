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

    try:
        resolved = jsonref.replace_refs(document, loader=_refuse, jsonschema=False, lazy_load=True)
        return _Normaliser(jsonref.JsonRef).document(resolved)
    except jsonref.JsonRefError as error:
        ref = str(error.reference.get("$ref"))
        raise SchemaError(
            f"The reference {ref!r} cannot be resolved.",
            pointer=ref.removeprefix("#"),
            hint="References must lead to a place in the same document; nothing is fetched.",
        ) from None
    except RecursionError:
        raise SchemaError("The schema is nested too deeply, or refers to itself without end.") from None


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


class _Normaliser:
    def __init__(self, reference_type: type) -> None:
        self._reference_type = reference_type
        self._names: dict[str, str] = {}
        self._definitions: dict[str, Any] = {}

    def document(self, resolved: Any) -> dict[str, Any]:
        root = self._copy(resolved)
        if "$ref" not in root:
            root = {key: value for key, value in root.items() if key not in ("$defs", "definitions")}
        return {**root, "$defs": self._definitions}

    def _copy(self, node: Any) -> Any:
        # type(), since jsonref's proxies pretend to be what they refer to
        if type(node) is self._reference_type:
            siblings = {key: value for key, value in node.__reference__.items() if key != "$ref"}
            return {"$ref": f"#/$defs/{self._name(node)}", **self._copy(siblings)}
        if isinstance(node, Mapping):
            return {
                key: self._copy(value) for key, value in node.items() if key not in ("$defs", "definitions")
            }
        if isinstance(node, list):
            return [self._copy(item) for item in node]
        return node

    def _name(self, reference: Any) -> str:
        uri = reference.__reference__["$ref"]
        if uri not in self._names:
            subject = reference.__subject__
            wish = re.sub(r"[^A-Za-z0-9_.-]", "_", uri.rpartition("/")[2].lstrip("#")) or "Root"
            name, number = wish, 1
            while name in self._definitions:
                number += 1
                name = f"{wish}_{number}"
            self._names[uri] = name
            self._definitions[name] = {}  # holds the name while the definition is copied: it may be recursive
            self._definitions[name] = self._copy(subject)
        return self._names[uri]
