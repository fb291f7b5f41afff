"""The definitions of a schema, and its nodes without references and `allOf`; what they are is not trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extractor.schema.merge import merged
from extractor.schema.nodes import PREFIX, modern

__all__ = ["FOLLOWED", "Definitions"]

FOLLOWED = 50  # references and `allOf` that lead to one node
_SEVERAL_FIELDS = frozenset(
    ("properties", "items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties", "patternProperties")
)


class Definitions:
    """What is in the `$defs` of a schema; none where these are no object."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        own = schema.get("$defs")
        self._known: Mapping[str, Any] = own if isinstance(own, Mapping) else {}
        self._circular = _circular(self._known)

    def get(self, name: str) -> Mapping[str, Any]:
        """A definition; an empty one for what is none."""
        found = self._known.get(name)
        return found if isinstance(found, Mapping) else {}

    def name_in(self, schema: Any) -> str:
        """The name of the definition that a node refers to; "" for any other node."""
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith(PREFIX):
            return ""
        name = reference.removeprefix(PREFIX)
        return name if name in self._known else ""

    def is_circular(self, name: str) -> bool:
        """Whether a definition leads back to itself."""
        return name in self._circular

    def is_large(self, name: str) -> bool:
        """Whether a definition is more than one field."""
        return not self.get(name).keys().isdisjoint(_SEVERAL_FIELDS)

    def look(self, schema: Any) -> Any:
        """A node with its references and `allOf` resolved; True, which takes anything, where there are too many."""
        return self._looked(schema, iter(range(FOLLOWED)))

    def _looked(self, schema: Any, steps: Iterator[int]) -> Any:
        # The steps are those of all levels together: what leads back to itself within `allOf` comes to an end, too.
        for _ in steps:
            if not isinstance(schema, Mapping):
                return schema
            if isinstance(schema.get("$ref"), str):
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                target = self._known.get(schema["$ref"].removeprefix(PREFIX), True)
                schema = _joined(rest, target) if rest else target
            elif isinstance(schema.get("allOf"), list) and schema["allOf"]:
                first, *others = schema["allOf"]
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                if isinstance(first, Mapping) and "$ref" in first:
                    first = self._looked(first, steps)
                both = _joined(rest, first)
                if not isinstance(both, Mapping) or not others:
                    schema = both
                    continue
                schema = {**both, "allOf": [*both.get("allOf", ()), *others]}
            else:
                return modern(dict(schema))
        return True


def _joined(left: Any, right: Any) -> Any:
    """Both at once; what cannot be joined is left to whoever checks the value."""
    try:
        both = merged(left, right)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError):
        return left if left else right
    if (
        isinstance(both, Mapping)
        and "allOf" in both
        and all(isinstance(each, Mapping) and "$ref" not in each for each in both["allOf"])
    ):
        return {key: value for key, value in both.items() if key != "allOf"}
    return both


def _circular(definitions: Mapping[str, Any]) -> frozenset[str]:
    leads = {str(name): _leads(schema) for name, schema in definitions.items()}
    circular: set[str] = set()
    for name, first in leads.items():
        seen: set[str] = set()
        ahead = list(first)
        while ahead:
            each = ahead.pop()
            if each not in seen:
                seen.add(each)
                ahead += leads.get(each, ())
        if name in seen:
            circular.add(name)
    return frozenset(circular)


def _leads(schema: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    found: set[str] = set()
    ahead = [schema]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Mapping):
            if isinstance(node.get("$ref"), str):
                found.add(node["$ref"].removeprefix(PREFIX))
            ahead += node.values()
        elif isinstance(node, list):
            ahead += node
    return found
