"""`Examples`: a source of right values, and how many of them are shown before each document.

A source is read when it is first needed for a target, and kept as long as its file is as it was. A file that changes
is read again for the next call; a `map` reads it once, when it begins.
"""

from __future__ import annotations

import copy
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractor.errors import OptionError
from extractor.examples.pool import Pool, pool_of
from extractor.examples.sources import Found, Source, Stamp, found_in, located, stamp_of, text_in
from extractor.prompt import Example
from extractor.schema.target import Target

__all__ = ["Examples", "examples_of"]

KEPT = 16
"""Pools of files that are kept in this process, those that were used last."""


TRIES = 3
"""How often a file is read that changes meanwhile; the next call reads it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """What was read of a file, what it was like then, and the pool that was made of it."""

    stamp: Stamp
    found: Sequence[Found] = field(repr=False)
    pool: Pool


class _Kept:
    """What was read of files: a pool for each of them and each target, as long as the file says the same."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[Path, Target[Any]], _Read] = OrderedDict()
        self._lock = threading.Lock()

    def pool(self, path: Path, target: Target[Any], context: Any) -> Pool:
        """The pool of a file. Raises `OptionError`, `JobError`."""
        key, stamp = (path.absolute(), target), stamp_of(path)
        with self._lock:
            kept = self._read.get(key)
            if kept is None or kept.stamp != stamp:
                stamp, found = _steady(path, target)
                same = kept is not None and kept.found == found
                pool = kept.pool if kept is not None and same else pool_of(found, target, str(path), context)
                kept = self._read[key] = _Read(stamp=stamp, found=found, pool=pool)
                while len(self._read) > KEPT:
                    self._read.popitem(last=False)
            self._read.move_to_end(key)
            return kept.pool

    def _after_fork(self) -> None:
        self._lock = threading.Lock()


def _steady(path: Path, target: Target[Any]) -> tuple[Stamp, Sequence[Found]]:
    """What is in a file, and what it was like: to open a job, and to close it, may change the file."""
    for _ in range(TRIES):
        stamp = stamp_of(path)
        found = list(found_in(path, target))
        if stamp_of(path) == stamp:
            break
    return stamp, found


_kept = _Kept()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept._after_fork)


class Examples:
    """Documents with their right values, of which those that are most like a document are shown to the model before it.

    `source` is a job, or the path of one: its documents that people accepted or corrected; the path of a file of JSON
    lines (`.jsonl`), each with a `text` (or `document`) and a `value` (or `gold`); or pairs of a document and its
    value.
    At most `nearest` are shown, and no more than `tokens` of them together; the most alike stands last. A document is
    never its own example. What has no text, or no valid value, is left out.

    Raises `OptionError`. A file that is not there, or cannot be read, is an `OptionError` or a `JobError` of the call.
    """

    def __init__(self, source: Source, *, nearest: int = 3, tokens: int = 2_000) -> None:
        for name, value in (("nearest", nearest), ("tokens", tokens)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise OptionError(f"{name} must be a whole number, 0 or more.", option=name)
        self.path = located(source)
        self.nearest = nearest
        self.tokens = tokens
        self._pairs = tuple(source) if isinstance(source, (list, tuple)) else ()
        self._pools: dict[Target[Any], Pool] = {}
        self._fixed: Pool | None = None
        self._left_out = 0
        self._held_out = False

    def __repr__(self) -> str:
        source = f"{len(self._pairs)} pairs" if self.path is None else repr(str(self.path))
        return f"Examples({source}, nearest={self.nearest}, tokens={self.tokens})"

    def __getstate__(self) -> dict[str, Any]:
        # Another process reads the file itself: there is a target of its own.
        return {**self.__dict__, "_pools": {}, "_fixed": None}

    @property
    def left_out(self) -> int:
        """How many of the source were no examples when it was used last: they have no text, or no valid value."""
        return self._left_out

    def opened(self, target: Target[Any], context: Any = None) -> Pool:
        """The examples that hold against a target; `context` is pydantic's. Raises `OptionError`, `JobError`."""
        pool = self._pool(target, context) if self._fixed is None else self._fixed
        self._left_out = pool.left_out
        return pool

    def _pool(self, target: Target[Any], context: Any) -> Pool:
        if self.path is not None:
            return _kept.pool(self.path, target, context)
        if target not in self._pools:
            found = ((text_in(document), value) for document, value in self._pairs)
            self._pools = {target: pool_of(found, target, "the pairs", context)}
        return self._pools[target]

    def chosen(
        self, target: Target[Any], text: str, *, context: Any = None, room: int | None = None
    ) -> tuple[Example, ...]:
        """The examples to be shown before a text, with no more tokens than there is `room` for. Raises as `opened`."""
        tokens = self.tokens if room is None else min(self.tokens, max(room, 0))
        return self.opened(target, context).nearest(text, self.nearest, tokens, held_out=self._held_out)

    def fixed(self, target: Target[Any], context: Any = None, *, beginning: str | os.PathLike[str] = "") -> Examples:
        """The same with the examples that there are now, for all documents of a `map`. A job that the map is only
        `beginning` has none. Raises as `opened`.
        """
        same = copy.copy(self)
        begins = self.path is not None and bool(os.fspath(beginning)) and not self.path.exists()
        new = begins and self.path is not None and self.path.absolute() == Path(beginning).expanduser().absolute()
        same._fixed = Pool(()) if new else self.opened(target, context)
        return same

    def held_out(self) -> Examples:
        """The same for the documents that are in the source themselves, each to be asked for as if it were new: what
        may be the same document once more (another scan of it) is no example for it either.
        """
        same = copy.copy(self)
        same._held_out = True
        return same

    def described(self) -> Mapping[str, Any]:
        """What a run's options say of them, as plain data: nothing where there are none."""
        numbers = {"nearest": self.nearest, "tokens": self.tokens}
        if self._fixed is None:
            source = [list(pair) for pair in self._pairs] if self.path is None else str(self.path)
            return {"source": source, **numbers}
        pool = self._fixed
        return {**numbers, "count": len(pool.examples), "sha256": pool.digest} if pool.examples else {}


def examples_of(source: Any) -> Examples:
    """A source as `Examples`, if it is none yet. Raises `OptionError`."""
    return source if isinstance(source, Examples) else Examples(source)
