"""What was mended, and what it gave."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Mended", "Repair"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """One thing that was mended.

    `kind` is the rule's name, e.g. "fence"; `message` one short sentence for people. `pointer` is the place in
    the value (a JSON pointer), `offset` the character in the reply's text: each None where there is none.
    """

    kind: str
    message: str
    pointer: str | None = None
    offset: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mended:
    """One JSON value of a reply, mended.

    `text` is strict JSON, whole or its beginning, and `closers` what is missing at its end: `text + closers` is
    what `json.loads` accepts. `torn` says that the reply ended inside of a token, or before a key's value: then
    `text` ends before that member or item. The value stood in the reply from `start` to `end` (characters); of
    one that was in a string, the place is the string's.
    """

    text: str
    closers: str
    torn: bool
    start: int
    end: int
    repairs: tuple[Repair, ...]
