"""What a schema says of a place: the formats of its texts, and whether an object's members are names or keys.

A place is a pattern: a JSON pointer with `*` for the items of a list and for the keys of a map. References, unions and
`allOf` are looked through: what one of them says, holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extractor.schema.pointers import escaped, unescaped

__all__ = ["ANY", "Place", "Shape"]

ANY = "*"
MOST_NODES = 200  # looked at for what one place means
_THROUGH = ("anyOf", "oneOf", "allOf")


class Place:
    """One place of a shape: its pattern, its formats, and the places in it, which are made when first asked for."""

    def __init__(self, shape: Shape, pattern: str, nodes: list[Mapping[str, Any]]) -> None:
        self.pattern = pattern
        self.formats = frozenset(each["format"] for each in nodes if isinstance(each.get("format"), str))
        self._shape = shape
        self._nodes = nodes
        self._members: dict[str, Place] = {}
        self._items: Place | None = None
        self._names = frozenset(
            name for each in nodes if isinstance(each.get("properties"), Mapping) for name in each["properties"]
        )
        self._is_map = not self._names and any(
            isinstance(each.get(word), Mapping) and each[word]
            for each in nodes
            for word in ("additionalProperties", "patternProperties")
        )

    def declares(self, name: str) -> bool:
        """Whether a member of that name is declared here; all are, where nothing is known of the members."""
        return name in self._names or not self._names

    def computes(self, name: str) -> bool:
        """Whether a member of that name is worked out from others, as pydantic says it of a computed field."""
        found = [
            each["properties"][name]
            for each in self._nodes
            if isinstance(each.get("properties"), Mapping) and name in each["properties"]
        ]
        return bool(found) and all(isinstance(each, Mapping) and each.get("readOnly") is True for each in found)

    def member(self, name: str) -> Place:
        """The place of a member; all keys of a map have one."""
        step = ANY if self._is_map and name not in self._names else escaped(name)
        found = self._members.get(step)
        if found is None:
            found = self._members[step] = self._made(step, [*self._of_member(name)])
        return found

    def items(self) -> Place:
        """The place of the items of a list."""
        if self._items is None:
            inner: list[Any] = []
            for each in self._nodes:
                inner.append(each.get("items"))
                first = each.get("prefixItems")
                inner += first if isinstance(first, list) else []
            self._items = self._made(ANY, inner)
        return self._items

    def _of_member(self, name: str) -> Iterator[Any]:
        for each in self._nodes:
            properties = each.get("properties")
            if isinstance(properties, Mapping) and name in properties:
                yield properties[name]
                continue
            patterns = each.get("patternProperties")
            yield from patterns.values() if isinstance(patterns, Mapping) else ()
            yield each.get("additionalProperties")

    def _made(self, step: str, nodes: list[Any]) -> Place:
        return Place(self._shape, f"{self.pattern}/{step}", self._shape.meant(nodes))


class Shape:
    """A schema (JSON Schema 2020-12 with `$defs` at its root), as far as a comparison needs it; {} for none."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        definitions = schema.get("$defs")
        self._definitions: Mapping[str, Any] = definitions if isinstance(definitions, Mapping) else {}
        self.root = Place(self, "", self.meant([schema]))

    def meant(self, nodes: list[Any]) -> list[Mapping[str, Any]]:
        """Nodes and all that they refer to, or are unions of."""
        found: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        ahead = list(reversed(nodes))
        while ahead and len(found) < MOST_NODES:
            node = ahead.pop()
            if not isinstance(node, Mapping):
                continue
            found.append(node)
            name = node.get("$ref")
            if isinstance(name, str) and name not in seen:
                seen.add(name)
                ahead.append(self._definitions.get(unescaped(name.rpartition("/")[2])))
            for word in _THROUGH:
                inner = node.get(word)
                ahead += inner if isinstance(inner, list) else []
        return found
