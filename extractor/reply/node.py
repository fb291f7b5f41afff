"""What was read of a JSON text: a tree of values, each with the place where it stands, and what was wrong.

It knows nothing of how a text is read: who only looks at values loads none of the reader.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol, TypeAlias

from extractor.schema.pointers import escaped

__all__ = [
    "CONTAINERS",
    "KINDS",
    "LONGEST_NUMBER",
    "MAX_DEPTH",
    "NO_KEY",
    "Fault",
    "Key",
    "Malformed",
    "Node",
    "OpenStrings",
    "nodes",
    "plain",
]

MAX_DEPTH = 200  # containers inside of each other: what pydantic-core takes
LONGEST_NUMBER = 4_300  # characters: Python's own limit for the digits of an int

KINDS: Mapping[str, str] = {
    "syntax": "This is no JSON",
    "too_deep": f"More than {MAX_DEPTH} levels",
    "number_too_long": f"A number of more than {LONGEST_NUMBER} characters",
    "control_character": "A control character in a string",
    "bad_escape": "An escape that JSON does not have",
    "lone_surrogate": "Half a character (a lone surrogate)",
    "trailing_text": "More text after the value",
    "ended_early": "The text ends before its value does",
    "not_finite": "A number that is not finite",
    "duplicate_key": "A key that is given twice",
}


class Malformed(ValueError):
    """The text is no JSON. `kind` is one of `KINDS`, `offset` the place, in characters from the start."""

    def __init__(self, kind: str, offset: int) -> None:
        super().__init__(kind, offset)
        self.kind = kind
        self.offset = offset

    def __str__(self) -> str:
        return f"{KINDS[self.kind]}, at character {self.offset}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something that was read but must not become data.

    `kind` is "not_finite" or "duplicate_key", `pointer` the JSON pointer of the value, `found` the number or the key
    (at most 200 characters).
    """

    kind: str
    pointer: str
    found: str


# ---------------------------------------------------------------------------------------------- values


class Node:
    """One value: half-open spans are characters from the start of the text, -1 what is not known (yet).

    `kind` is "object", "array", "string", "number", "boolean" or "null". `value` of a container is a dict or list that
    grows with it, and holds complete scalars, and containers from their first character on; that of an open scalar
    is None. A member of an object has its `key`, whose span includes the quotes.
    """

    __slots__ = ("children", "end", "key", "key_end", "key_start", "kind", "parent", "start", "value")

    def __init__(self, kind: str, start: int, value: Any, key: Key, parent: Node | None) -> None:
        self.kind = kind
        self.start = start
        self.end = -1
        self.value = value
        self.key, self.key_start, self.key_end = key
        self.parent = parent
        self.children: list[Node] = _NO_CHILDREN

    def __repr__(self) -> str:
        return f"<{self.kind} {self.start}:{self.end} {self.pointer()!r}>"

    def pointer(self) -> str:
        """The JSON pointer of the place in the root's value ("" for the root)."""
        steps: list[str] = []
        node, parent = self, self.parent
        while parent is not None:
            # Children stand in the order of the text: no search through a long list for each of its items.
            step = node.key if node.key is not None else str(bisect_left(parent.children, node.start, key=_start))
            steps.append("/" + escaped(step))
            node, parent = parent, parent.parent
        return "".join(reversed(steps))


Key: TypeAlias = "tuple[str | None, int, int]"
"""A key with its span."""
NO_KEY: Key = (None, -1, -1)
CONTAINERS: Mapping[str, Callable[[], Any]] = {"object": dict, "array": list}
"""The kinds that hold other values → an empty value of each."""
_NO_CHILDREN: Any = ()  # all scalars share it
_start = attrgetter("start")
_ABSENT = object()


def nodes(root: Node) -> Iterator[Node]:
    """The node and all inside of it, in the order of the text."""
    ahead = [iter((root,))]
    while ahead:
        for node in ahead[-1]:
            yield node
            if node.children:
                ahead.append(iter(node.children))
                break
        else:
            ahead.pop()


class OpenStrings(Protocol):
    """Who knows the beginnings of strings that are not complete: the reader of the text."""

    def text_of(self, node: Node, at: int | None = None) -> str:
        """The text of a string, as it was known when `at` characters had been read (None: now)."""
        ...


def plain(node: Node, at: int | None = None, *, open_strings: OpenStrings | None = None) -> Any:
    """A copy of the value, as it was known when `at` characters of the text had been read (None: now).

    Scalars that were not complete then are left out (a number is complete when the character after it is read), the
    containers around them are there; a root that is left out is None. With its reader as `open_strings`, strings
    that were open are there as far as they were known.
    """
    whole: list[Any] = []
    ahead: list[tuple[Any, Any]] = [((node,), whole)]
    while ahead:
        children, made = ahead.pop()
        for child in children:
            if at is not None and child.start >= at:
                break
            value = _known(child, at, open_strings)
            if value is _ABSENT:
                break  # what is not complete is the last
            if made is whole or child.key is None:
                made.append(value)
            else:
                made.setdefault(child.key, value)
            if child.children:
                ahead.append((child.children, value))
    return whole[0] if whole else None


def _known(node: Node, at: int | None, open_strings: OpenStrings | None) -> Any:
    if node.kind in CONTAINERS:
        return CONTAINERS[node.kind]()
    if node.end >= 0 and (at is None or at >= node.end + (node.kind == "number")):
        return node.value
    return open_strings.text_of(node, at) if open_strings is not None and node.kind == "string" else _ABSENT
