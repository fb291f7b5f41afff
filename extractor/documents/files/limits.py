"""How much of a file is read, and what every reader gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from extractor.documents.loaded import Table
from extractor.errors import DocumentEncrypted, DocumentTooLarge, OptionError

__all__ = ["Content", "FileLimits", "encrypted", "too_large", "too_slow"]

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

    def check_characters(self, count: int) -> None:
        """Raises `DocumentTooLarge` where a text has more characters than allowed."""
        if count > self.max_characters:
            raise too_large("has more than {} characters", self.max_characters, "max_characters")


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


def too_slow(limits: FileLimits) -> DocumentTooLarge:
    """The error of a file that takes longer to read than allowed."""
    return DocumentTooLarge(
        f"It took more than {limits.seconds:g} seconds to read.", hint="Allow more: limits=FileLimits(seconds=…)."
    )


def encrypted() -> DocumentEncrypted:
    """The error of a file that cannot be read without a password, and is not read with one."""
    return DocumentEncrypted("It is encrypted.", hint="Save it without a password.")
