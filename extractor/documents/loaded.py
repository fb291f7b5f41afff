"""What a file came to: its text with its pages and tables, or its parts for an endpoint that sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from extractor.chat.content import File, Image
from extractor.errors import OptionError

__all__ = ["As", "Input", "Loaded", "Names", "Table", "check_as"]

As: TypeAlias = Literal["text", "image", "file"]
"""What a file becomes: its text; its pages as images; or the file itself, for endpoints that take it."""


def check_as(as_: Any) -> None:
    """Raise `OptionError` for what a file cannot become."""
    if as_ not in get_args(As):
        raise OptionError(f"as_ is {as_!r}, but must be one of {', '.join(get_args(As))}.", option="as_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table, which stands in the text (Markdown) from `start` to `end`, in characters; `page` from 1."""

    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A document that was read from a file.

    `text` is what it says; `pages` are the offsets in it where pages start (none where it has no pages), `tables` the
    places of its tables. `parts` are what is sent instead of the text, where that was wanted. `sha256` (hexadecimal)
    and `size` are of the bytes of the file; `metadata` is what the file says of itself (title, author, subject …, plain
    data), `notes` what was left out or could not be read.
    """

    name: str
    media_type: str
    sha256: str
    size: int
    text: str = field(default="", repr=False)
    pages: tuple[int, ...] = field(default=(), repr=False)
    tables: tuple[Table, ...] = field(default=(), repr=False)
    parts: tuple[Image | File, ...] = field(default=(), repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> str | tuple[Image | File, ...]:
        """What is sent: the text, or the parts."""
        return self.parts or self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """One document of many: its `name` (a path, or the row of a table), and the `document`, or the path of its file.

    `row` has the other columns, where it is a row of a table: they are kept beside the result. Where it has an `error`
    (what is wrong with the row), it fails with that, as a `DocumentError`, and nothing is sent.
    """

    name: str
    document: Any = field(repr=False)  # a Document, or a Path
    row: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


class Names:
    """The names of documents so far: the second one of a name gets `#2`, since documents are known by their names."""

    def __init__(self) -> None:
        self._seen: set[int] = set()  # by hash: a million names would take much room, and a mistake harms nobody
        self._last: dict[str, int] = {}  # of those that came more than once

    def distinct(self, name: str) -> str:
        """The name, or another one that has not been there."""
        own = name
        while hash(own) in self._seen:
            self._last[name] = self._last.get(name, 1) + 1
            own = f"{name}#{self._last[name]}"
        self._seen.add(hash(own))
        return own
