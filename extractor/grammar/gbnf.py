r"""Writing a grammar: rules, literals and choices, in the part of GBNF that every engine reads.

    root ::= "{\"name\": " copied "}"
    copied ::= "\"" ("Berlin" w3 | "Bonn" w4)

Everything that comes from a schema or a document stands in literals, in which nothing has a meaning of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from extractor.errors import SchemaError

__all__ = [
    "MOST_CHARACTERS",
    "MOST_TIMES",
    "Rules",
    "TooLong",
    "Ways",
    "any_of",
    "choice",
    "json_text",
    "literal",
    "repeated",
    "trie",
]

MOST_CHARACTERS = 1_000_000
"""Of one grammar: more is no request any more."""
MOST_TIMES = 500
"""A count is written out by the engines, and some take no larger one than 2,000."""

_ESCAPES: Mapping[str, str] = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONGEST = 100  # levels of what texts share before a trie looks no further: it goes one level down for each


class TooLong(SchemaError):
    """The grammar has become too long."""


def literal(text: str) -> str:
    """A text that is generated exactly so; control characters as escapes."""
    return '"' + "".join(_ESCAPES.get(each) or (each if each >= " " else f"\\x{ord(each):02X}") for each in text) + '"'


def json_text(value: object) -> str:
    """A value as JSON in the style of all grammars: a space behind a comma and a colon, characters as they are.

    Raises `SchemaError` where there is no such text.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()  # half of a character has no place in a request
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError("The schema has a value that cannot be written as JSON.") from error
    return text


def choice(alternatives: Iterable[str]) -> str:
    """One of several expressions, as one; what is given twice stands there once. Raises `SchemaError` without any: an
    engine would take it for one that is empty.
    """
    unique = list(dict.fromkeys(alternatives))
    if not unique:
        raise SchemaError("The schema has a place at which nothing can stand.")
    return unique[0] if len(unique) == 1 else "(" + " | ".join(unique) + ")"


def repeated(each: str, least: int, most: int | None) -> str:
    """An expression, from `least` to `most` times. A count that no engine takes is left out."""
    if most == 0 >= least:
        return '""'
    least = min(least, MOST_TIMES)
    bound = "" if most is None or most > MOST_TIMES else str(max(most, least))
    if (least, bound) in _SIGNS:
        return f"({each}){_SIGNS[least, bound]}"
    return f"({each}){{{least}}}" if str(least) == bound else f"({each}){{{least},{bound}}}"


_SIGNS: Mapping[tuple[int, str], str] = {(0, ""): "*", (1, ""): "+", (0, "1"): "?"}


@dataclass(kw_only=True, slots=True)
class Rules:
    """The rules of one grammar, in the order in which they are named."""

    bodies: dict[str, str] = field(default_factory=lambda: {"root": ""})
    characters: int = 0
    _added: dict[str, str] = field(default_factory=dict)

    def add(self, stem: str, body: str) -> str:
        """A rule of its own, or one that says the same; gives its name."""
        if body not in self._added:
            name = self._added[body] = self.name(stem)
            self.set(name, body)
        return self._added[body]

    def name(self, stem: str) -> str:
        """A name that is still free; its rule is to be set."""
        name = f"{stem}{len(self.bodies)}"
        self.bodies[name] = ""
        return name

    def set(self, name: str, body: str) -> None:
        """The body of a rule. Raises `TooLong`."""
        self.bodies[name] = body
        self.characters += self._cost(name)
        if self.characters > MOST_CHARACTERS:
            raise TooLong("The schema is too large for a grammar.", hint="Ask for less at once.")

    def _cost(self, name: str) -> int:
        """The characters of a rule's line; 0 as long as it is not set."""
        return len(name) + len(self.bodies[name]) + 6 if self.bodies[name] else 0

    def once(self, name: str, body: Callable[[], str]) -> str:
        """A rule that is written when it is first needed; gives its name, which has no digit at its end."""
        if name not in self.bodies:
            self.bodies[name] = ""  # it may refer to itself
            self.set(name, body())
        return name

    def forget(self, count: int) -> None:
        """Take back all but so many rules."""
        gone = set(list(self.bodies)[count:])
        self.characters -= sum(map(self._cost, gone))
        self.bodies = {name: body for name, body in self.bodies.items() if name not in gone}
        self._added = {body: name for body, name in self._added.items() if name not in gone}

    def __str__(self) -> str:
        return "".join(f"{name} ::= {body}\n" for name, body in self.bodies.items())


# ------------------------------------------------------------------------------- choices of many texts

Ways: TypeAlias = "Mapping[str, tuple[str, ...]]"
"""Text → what may follow it, as expressions; "" where it is the end."""


def any_of(texts: Iterable[str]) -> str:
    """One of many texts."""
    return choice(trie(dict.fromkeys(texts, ("",))))


def trie(ways: Ways) -> list[str]:
    """Alternatives for many texts, of which no two begin with the same character: an engine that had to try
    thousands of them side by side would do so for every token.
    """
    return _alternatives(sorted(ways.items()), 0, 0)


def _alternatives(ways: list[tuple[str, tuple[str, ...]]], at: int, level: int) -> list[str]:
    if level > _LONGEST:
        return [literal(text[at:]) + _behind(follow) for text, follow in ways]
    found: list[str] = []
    start = 0
    while start < len(ways) and len(ways[start][0]) == at:
        found += ways[start][1]
        start += 1
    while start < len(ways):
        first, end = ways[start][0], start + 1
        while end < len(ways) and ways[end][0][at] == first[at]:
            end += 1
        upto = _shared(first, ways[end - 1][0], at)
        follow = _alternatives(ways[start:end], upto, level + 1)
        begun = literal(first[at:upto])
        found.append(begun + _behind(follow))
        start = end
    return found


def _behind(follow: Sequence[str]) -> str:
    """What stands behind a text: one of these, "" where it may be the end."""
    further = [each for each in follow if each]
    if not further:
        return ""
    return f" {choice(further)}" if len(further) == len(follow) else f" ({' | '.join(further)})?"


def _shared(one: str, two: str, at: int) -> int:
    """How far two texts are the same."""
    while at < len(one) and at < len(two) and one[at] == two[at]:
        at += 1
    return at
