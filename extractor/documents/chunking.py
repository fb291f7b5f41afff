"""How a long document is cut into chunks, as a caller says it."""

from __future__ import annotations

from dataclasses import dataclass

from extractor.errors import OptionError

__all__ = ["LEAST", "Chunking"]

LEAST = 16
"""Tokens of the smallest chunk: no character has as many."""
OVERLAP = 100  # tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunking:
    """`tokens` that a chunk has at most, by estimate, and those of its end that the next one begins with (`overlap`;
    where it is not given 100, or a tenth of a small chunk).

    `at_once` is how many chunks are asked for side by side. Raises `OptionError`.
    """

    tokens: int
    overlap: int | None = None
    at_once: int = 16

    def __post_init__(self) -> None:
        if self.overlap is None and isinstance(self.tokens, int):
            object.__setattr__(self, "overlap", max(0, min(OVERLAP, self.tokens // 10)))
        for name, least in (("tokens", LEAST), ("overlap", 0), ("at_once", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise OptionError(f"{name} of a Chunking is a whole number, {least} or more.", option="chunking")
        if 2 * (self.overlap or 0) > self.tokens:
            raise OptionError("The overlap is more than half of a chunk.", option="chunking")
