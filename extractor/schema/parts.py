"""Which parts of a schema are equal, and what its references lead to: what is worth a name in an outline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from extractor.schema.pointers import steps_of, value_at

__all__ = ["Parts", "steps"]

_DEFINITIONS = frozenset({"$defs", "definitions"})
# Keywords whose value maps names to schemas.
_KEYED = frozenset(
    {"properties", "patternProperties", "dependentRequired", "dependentSchemas", "dependencies", *_DEFINITIONS}
)
_DEFINITION = re.compile(r"#/(\$defs|definitions)/[^/%~]+")
_COMPOUND = (Mapping, list)
_LARGE = 150  # characters of JSON; what is smaller is rather repeated than named


class Parts:
    """The nodes of a schema that its root leads to: what they refer to, and which of them are equal."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._shapes: dict[int, int] = {}  # id of a node → a number, the same for equal nodes
        self._numbers: dict[Any, int] = {}
        self._sizes: list[int] = []
        self._schemas: list[list[int]] = []  # what uses those in a shape: itself, or what it belongs to
        self._repeated: list[list[str]] = []  # the references in what has no name however often it occurs
        self._uses: Counter[int] = Counter()  # by what is written once itself
        self._references: Counter[str] = Counter()
        self._walk(root)
        walked: set[str] = set()
        while fresh := self._references.keys() - walked:  # what is referred to may refer to more
            walked |= fresh
            for reference in fresh:
                self._walk(self.target(reference))
        self._named: set[int] = set()
        self._uses[self.shape(root)] += 1
        for reference, uses in self._references.items():
            shape = self.shape(self.target(reference))
            self._uses[shape] += uses
            # A definition that only one place refers to stands there. Anything else stands in its own place too.
            if uses > 1 or not _DEFINITION.fullmatch(reference):
                self._named.add(shape)

    def _walk(self, root: Any) -> None:
        # Children before their parents, and without recursion: a schema may be nested as deeply as it likes.
        waiting, opened = [(root, False)], set()
        while waiting:
            node, keyed = waiting.pop()
            if not isinstance(node, _COMPOUND) or id(node) in self._shapes:
                continue
            pairs: list[Any] = list(node.items() if isinstance(node, Mapping) else enumerate(node))
            if isinstance(node, Mapping) and not keyed:
                pairs = [(key, value) for key, value in pairs if key not in _DEFINITIONS]
            if id(node) in opened:
                self._number(node, keyed, pairs)
            else:
                opened.add(id(node))
                waiting.append((node, keyed))
                waiting += [(value, not keyed and key in _KEYED) for key, value in pairs]
        if isinstance(root, _COMPOUND):
            self._references.update(self._repeated[self.shape(root)])

    def _number(self, node: Any, keyed: bool, pairs: list[Any]) -> None:
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        parts = [(key, self.shape(value) if isinstance(value, _COMPOUND) else repr(value)) for key, value in pairs]
        shape = self._numbers.setdefault((isinstance(node, list), keyed, *parts), len(self._numbers))
        self._shapes[id(node)] = shape
        if shape < len(self._sizes):
            return
        inner = [part for _, part in parts if isinstance(part, int)]
        texts = [str(key) if isinstance(part, int) or key == "$ref" else f"{key}{part}" for key, part in parts]
        self._sizes.append(sum(map(len, texts)) + sum(self._sizes[part] for part in inner))
        schemas = [each for part in inner for each in self._schemas[part]]
        references = [each for part in inner for each in self._repeated[part]]
        references += [reference] if isinstance(reference, str) else []
        if keyed or isinstance(node, list):  # no schema itself: it is written as often as what it belongs to
            self._schemas.append(schemas)
            self._repeated.append(references)
            return
        self._uses.update(schemas)
        self._schemas.append([shape])
        self._repeated.append(references if self._sizes[shape] < _LARGE else [])
        self._references.update(references if self._sizes[shape] >= _LARGE else [])

    def shape(self, node: Any) -> int:
        """A number that is the same for equal nodes."""
        return self._shapes.get(id(node), -id(node))

    def is_named(self, node: Any) -> bool:
        """Whether it is written aside, under a name."""
        shape = self.shape(node)
        return shape in self._named or (self._uses[shape] > 1 and self._sizes[shape] >= _LARGE)

    def target(self, reference: str) -> Any:
        """What a reference leads to; None if that is not in the schema."""
        return value_at(self._root, unquote(reference[1:])) if re.match(r"#(/|$)", reference) else None


def steps(reference: str) -> list[str]:
    """The keys on the way of a reference within the schema."""
    return steps_of(unquote(reference))
