"""What a new value of each part of a form begins with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["Empties", "Node", "all_of", "inner"]

Node: TypeAlias = "dict[str, Any]"
"""A part of a form."""

EMPTY = 10  # items that a new list begins with at most


def inner(node: Node) -> list[Node]:
    """The nodes right inside of one, but for what it refers to."""
    found = [each["node"] for each in (*node.get("members", ()), *node.get("branches", ()))]
    found += node.get("items", ())
    return found + [
        each for each in map(node.get, ("item", "value", "more")) if isinstance(each, dict) and "kind" in each
    ]


def all_of(node: Node) -> Iterator[Node]:
    """A node, and all that are inside of it."""
    ahead = [node]
    while ahead:
        each = ahead.pop()
        yield each
        if each["kind"] not in ("constant", "choice"):  # the value of one is data
            ahead += inner(each)


class Empties:
    """What new values begin with. Each definition's is worked out once; inside of itself it is nothing."""

    def __init__(self, definitions: Mapping[str, Node]) -> None:
        self._definitions = definitions
        self._known: dict[str, Any] = {}

    def of(self, node: Node) -> Any:
        """What a new value of a node begins with, as plain data of its own."""
        if "empty" in node:
            return copy.deepcopy(node["empty"])
        if "default" in node:
            return copy.deepcopy(node["default"])
        if node["nullable"]:
            return None
        made = _EMPTY.get(node["kind"])
        return None if made is None else made(self, node)

    def _object(self, node: Node) -> Any:
        return {each["name"]: self.of(each["node"]) for each in node["members"] if each["required"]}

    def _ref(self, node: Node) -> Any:
        name = node["name"]
        if name not in self._known:
            self._known[name] = None
            self._known[name] = self.of(self._definitions[name]) if name in self._definitions else None
        return copy.deepcopy(self._known[name])

    def _union(self, node: Node) -> Any:
        return self.of(node["branches"][0]["node"])

    def _list(self, node: Node) -> Any:
        return [self.of(node["item"]) for _ in range(min(node["least"] or 0, EMPTY))]


_EMPTY: Mapping[str, Callable[[Empties, Node], Any]] = {
    "object": Empties._object,
    "ref": Empties._ref,
    "union": Empties._union,
    "list": Empties._list,
    "tuple": lambda empties, node: [empties.of(each) for each in node["items"]],
    "map": lambda empties, node: {},
    "text": lambda empties, node: "",
    "boolean": lambda empties, node: False,
    "constant": lambda empties, node: copy.deepcopy(node["value"]),
}
