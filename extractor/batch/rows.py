"""What a row of a job's file says: the record of a document, with what a person said of it, and names and texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeAlias, get_args

from extractor.batch.differing import is_same
from extractor.batch.packing import Evidence, Summary, made, unpacked, unpacked_text
from extractor.batch.record import Decision, Failure, Record, Revision, State
from extractor.errors import JobError
from extractor.evidence.field import Field
from extractor.reply.outcome import Outcome

__all__ = [
    "DECISIONS",
    "DONE",
    "FAILED",
    "PENDING",
    "STATES",
    "Row",
    "before_of",
    "name_of",
    "object_of",
    "revision_of",
    "stands",
    "stored_name",
    "text_of",
    "unpack",
]

Row: TypeAlias = tuple[Any, ...]
"""As `reading` selects it."""
STATES: tuple[State, ...] = get_args(State)
PENDING, RUNNING, DONE, FAILED = range(len(STATES))
DECISIONS: tuple[Decision, ...] = get_args(Decision)
"""By their numbers in the file."""
OUTCOMES = frozenset(each.value for each in Outcome)
_TEXT = 14  # where these stand in a row
_SAID = slice(_TEXT + 1, _TEXT + 11)


def stored_name(name: str) -> str | bytes:
    """A name as it is in the file: a file's name may be no Unicode, which SQLite does not take for a text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
    return name


def name_of(stored: Any) -> str:
    """The name that is stored so."""
    name = stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored
    if not isinstance(name, str):
        raise TypeError("A name is no text.")
    return name


def stands(row: Row) -> tuple[int, bytes | None, int, int]:
    """What a row says of its input: the number, the packed row, size and time."""
    return row[0], row[3], row[-2], row[-1]


def unpack(row: Row, known_text: str | None = None) -> Record:
    """The record of a row, with the text that is known where it was not read."""
    number, _, name, given, failure, sha, state, attempt, summary, data, value, evidence, media_type, pages, text = row[
        : _TEXT + 1
    ]
    read = None if data is None else unpacked(data)
    known: dict[str, Any] = {
        **({} if summary is None else _members(Summary, unpacked(summary))),
        **_evidence(evidence),
        "data": read,
        "value": read if value is None else unpacked(value),
        "text": known_text if text is None else unpacked_text(text),
        "pages": () if pages is None else _offsets(unpacked(pages)),
    }
    if summary is not None and known["error"] is None and known["outcome"] not in ("", *OUTCOMES):
        raise ValueError("An outcome is none of those that there are.")
    if media_type is not None:
        known["media_type"] = media_type.decode()
    if state is None:
        known["error"] = None if failure is None else made(Failure, unpacked(failure))
    if row[_TEXT + 1] is not None:
        _say(known, row[_SAID])
    return Record(
        number=number,
        name=name_of(name),
        sha256="" if sha is None else sha.hex(),
        state=STATES[state] if state is not None else ("pending" if failure is None else "failed"),
        row={} if given is None else object_of(given),
        attempts=attempt or int(failure is not None),
        **known,
    )


def _say(known: dict[str, Any], said: Row) -> None:
    """Have what a person said of a document count, in place of what was extracted."""
    before = said[8:]
    extracted = known["data"]
    revision = revision_of(said[:8], before=before_of(before, extracted))
    known |= {"revision": revision, "extracted": extracted, "data": revision.data, "value": revision.value}
    if revision.decision == "rejected":
        return
    known |= {"outcome": Outcome.CONFORMING.value, "error": None}
    if not is_same(revision.data, extracted):  # what is known of other values says nothing of these
        known |= {"fields": {}, "lists": (), "chunks": (), "conflicts": (), "absent": (), "complete": None}


def revision_of(row: Row, *, before: Any) -> Revision:
    """A revision as the file has it: its number, decision, attempt, who, made, note, data, and value."""
    number, decision, attempt, who, time, note, data, value = row
    read = None if data is None else unpacked(data)
    return Revision(
        number=number,
        decision=DECISIONS[decision],
        who=text_of(who),
        made=float(time),
        note="" if note is None else text_of(note),
        attempt=attempt,
        data=read,
        value=read if value is None else unpacked(value),
        before=before,
    )


def before_of(said: Row, extracted: Any) -> Any:
    """The data that there was after a decision with its data (None for no decision), where that was extracted."""
    decision, data = said
    if decision is None or DECISIONS[decision] == "reopened":
        return extracted
    return None if data is None else unpacked(data)


def text_of(stored: Any) -> str:
    """A text that is kept as bytes."""
    text = unpacked(stored)
    if not isinstance(text, str):
        raise TypeError("There is something else where a text should be.")
    return text


def object_of(stored: Any) -> dict[str, Any]:
    """A JSON object that is kept as bytes."""
    found = unpacked(stored)
    if not isinstance(found, dict):
        raise TypeError("There is something else where an object should be.")
    return found


def _offsets(plain: Any) -> tuple[int, ...]:
    if not isinstance(plain, list) or not all(type(each) is int for each in plain):
        raise TypeError("The pages are no offsets.")
    return tuple(plain)


def _evidence(stored: Any) -> dict[str, Any]:
    if stored is None:
        return {}
    plain = object_of(stored)
    fields = plain.pop("fields", {})
    known = _members(Evidence, plain)
    for name, members in _PARTS.items():
        if not all(members <= each.keys() for each in known[name]):
            raise ValueError(f"Of the {name} something is missing.")
    return {**known, "fields": _Fields(fields)}


_PARTS = {
    "chunks": frozenset(("number", "start", "end", "error")),
    "conflicts": frozenset(("pointer", "values")),
}


class _Fields(Mapping[str, Field]):
    """What is known of each field, made when it is looked at: of most documents of a run that goes on, nobody does."""

    __slots__ = ("_made", "_stored")

    def __init__(self, stored: Any) -> None:
        if not isinstance(stored, dict):
            raise TypeError("The fields are no object.")
        self._stored = stored
        self._made: dict[str, Field] = {}

    def __getitem__(self, pointer: str) -> Field:
        if pointer not in self._made:
            stored = self._stored[pointer]
            try:
                self._made[pointer] = made(Field, stored)
            except (TypeError, ValueError) as error:
                raise JobError(f"What the job has of {pointer} is damaged.") from error
        return self._made[pointer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __repr__(self) -> str:
        return repr(dict(self))


def _members(kind: type[Any], plain: Any) -> dict[str, Any]:
    whole = made(kind, plain)
    return {item.name: getattr(whole, item.name) for item in fields(kind)}
