"""What is said of a value that was mended, or is wrong, and where in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from extractor.reply.branches import written
from extractor.schema.nodes import text_of
from extractor.schema.pointers import escaped

__all__ = ["NOTHING_SAID", "Note", "Notes", "Result", "Within", "every", "placed", "shown", "taken"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What was mended, or, with `found`, what is wrong."""

    kind: str
    message: str
    found: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Within:
    """Notes about what is inside of a value: so none is copied on its way up."""

    step: str | int
    notes: Notes


Notes: TypeAlias = "Sequence[Note | Within]"
Result: TypeAlias = "tuple[Any, Notes]"
"""A value, mended or not, and what is said of it."""
NOTHING_SAID: Notes = ()


def placed(notes: Notes, pointer: str) -> Iterator[tuple[str, Note]]:
    """Each note with the JSON pointer of its place, where all of them are within one."""
    ahead = [(pointer, each) for each in reversed(notes)]
    while ahead:
        pointer, note = ahead.pop()
        if isinstance(note, Note):
            yield pointer, note
        else:
            inner = f"{pointer}/{escaped(str(note.step))}"
            ahead += [(inner, each) for each in reversed(note.notes)]


def every(notes: Notes) -> Iterator[Note]:
    """Each note, without its place."""
    ahead = list(notes)
    while ahead:
        note = ahead.pop()
        if isinstance(note, Note):
            yield note
        else:
            ahead += note.notes


_QUOTED = 60  # characters of a value that a message quotes


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    if isinstance(value, (dict, list)):
        return ("an object" if isinstance(value, dict) else "a list") if value else text_of(value)
    if isinstance(value, str):
        text = json.dumps(value[: _QUOTED + 1], ensure_ascii=False)
    else:
        text = written(value) or text_of(value)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"


def taken(kind: str, value: Any, result: Any) -> Note:
    """The note that one value was taken for another."""
    return Note(kind=kind, message=f"Taken {shown(value)} for {shown(result)}.")
