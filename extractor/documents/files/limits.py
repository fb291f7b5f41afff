"""How much of a file is read, and what every reader gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from extractor.documents.loaded import Table
from extractor.errors import DocumentTooLarge, OptionError

__all__ = ["Content", "FileLimits", "too_large"]

MEBI = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class FileLimits:
    """What a file may be at most: its bytes, those that it unpacks to, its pages, the characters of its text.

    `seconds` and `memory` (bytes; 0: as much as there is) are for reading it, and are kept to the letter by a `Loader`
    only, which can stop whatever is under way. Raises `OptionError` for a number below zero.
    """

    max_bytes: int = 100 * MEBI
    max_unpacked: int = 512 * MEBI
    max_pages: int = 5_000
    max_characters: int = 20_000_000
    seconds: float = 120.0
    memory: int = 2048 * MEBI  # of addresses, of which the interpreter and the libraries take 150

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise OptionError(f"{each.name} is no number from 0.", option=each.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a reader found in a file. `text` has its pages parted by form feeds."""

    text: str = field(repr=False)
    tables: tuple[Table, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def too_large(what: str, limit: float, option: str) -> DocumentTooLarge:
    """The error of a limit that is passed: "It has more than 5,000 pages." and how to allow it."""
    return DocumentTooLarge(
        f"It {what.format(f'{limit:,}')}.", hint=f"Split it, or allow more: limits=FileLimits({option}=…)."
    )
