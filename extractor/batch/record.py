"""What a job keeps, as frozen records: a run, how far it is, and what became of each document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from extractor.chat.wire import Usage
from extractor.evidence.field import Field

__all__ = ["VALUED", "AttemptRecord", "Counts", "Decision", "Failure", "Record", "Revision", "Run", "State"]

State: TypeAlias = Literal["pending", "running", "done", "failed"]
Decision: TypeAlias = Literal["accepted", "corrected", "rejected", "reopened"]
"""What a person says of a document: it is right as it was extracted; it is right as they have it; it is of no use; or
what was said of it before no longer counts.
"""

VALUED: frozenset[Decision] = frozenset({"accepted", "corrected"})
"""The decisions that say which value is right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How far a run is: numbers of documents by state, and what it took.

    `asked_again` are the requests beyond the first of each document; `cost` is in US dollars, None where that is
    not known of one document; `seconds` are those of all documents, one after the other. `expected` is how many inputs
    the last session had, None where nobody knew; `through` whether its input was gone through to the end, None where
    there was none (a cluster hands its documents over one by one).
    """

    documents: int = 0
    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    requests: int = 0
    asked_again: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = Decimal(0)
    seconds: float = 0.0
    expected: int | None = None
    through: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One target with one set of options in a job. `number` counts from 1, `made` is in Unix seconds,
    and so is `worked`: when somebody went to work at it last (None for nobody yet).

    `target` is its name, `schema` its JSON Schema; `options` are those that change what comes out (model, base_url,
    request fields, settings), as plain data without any key. `shape` is the JSON Schema of what is written of its
    documents, their `value`: computed fields are in it. `reference` is where the target is found (`module:Model`),
    empty where it is a schema, or nobody knows: it is never imported from here.
    """

    number: int
    target: str
    schema: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any]
    made: float
    shape: Mapping[str, Any] = field(default_factory=dict, repr=False)
    worked: float | None = None
    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An error as a job keeps it: the name of its type, and what it said; `errors` are those of the last value, and
    `details` what it has beside (`status`, `code`, `body`, `option` …), by the names of its attributes.
    """

    type: str
    message: str
    hint: str = ""
    value: Any = field(default=None, repr=False)
    errors: tuple[Mapping[str, Any], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRecord:
    """One request of a document as a job keeps it: what was asked for, and what the model said.

    `attempt` counts how often the document was tried, `number` its requests, both from 1; `asked` are the places (JSON
    pointers) that it asked for, none where it asked for the whole. `reply` is the text of the first candidate.
    """

    attempt: int
    number: int
    outcome: str
    seconds: float
    model: str
    finish_reason: str | None = None
    reply: str | None = field(default=None, repr=False)
    asked: tuple[str, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()
    repairs: tuple[Mapping[str, Any], ...] = ()
    usage: Usage | None = None
    cost: Decimal | None = None
    cached: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What a person said of a document: one of the versions that are kept beside what was extracted.

    `number` counts those of a document, from 1; `who` said it, `made` is when, in Unix seconds, `note` why. `attempt`
    is the how manieth extraction they had before them. `data` is what they entered, `value` what the target made of it
    (as in `Record`), both None where they rejected or reopened it; `before` is the data that was there until then.
    """

    number: int
    decision: Decision
    who: str
    made: float
    note: str = ""
    attempt: int = 1
    data: Any = field(default=None, repr=False)
    value: Any = field(default=None, repr=False)
    before: Any = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What a run knows of one document.

    `number` is its place in the input, from 0; `name` and `row` are as in the input, `sha256` (hexadecimal) is of its
    content: two with the same content are asked for once. `value` is the validated value as plain data, `data` what was
    read, from which it is made (both None unless it is done); `fields` is what is known of each field, by its pointer
    in `data`; `lists`, `chunks`, `conflicts` likewise plain data.
    `error` is what it failed with. `attempts` is how often it was tried, `requests` how many it took in the last.

    `revision` is what a person said last of it, None where nobody did, or it was reopened. Where they accepted or
    corrected it, `value` and `data` are theirs, and `extracted` is the data that there was before any of them; where
    they rejected it there is no value.
    """

    number: int
    name: str
    sha256: str
    state: State
    row: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    data: Any = None
    outcome: str = ""
    absent: tuple[str, ...] = ()
    complete: bool | None = None
    model: str = ""
    mode: str | None = None
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    attempts: int = 0
    requests: int = 0
    fields: Mapping[str, Field] = field(default_factory=dict, repr=False)
    lists: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    chunks: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    conflicts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    error: Failure | None = None
    text: str | None = field(default=None, repr=False)
    pages: tuple[int, ...] = field(default=(), repr=False)
    media_type: str = "text/plain"
    revision: Revision | None = None
    extracted: Any = field(default=None, repr=False)
