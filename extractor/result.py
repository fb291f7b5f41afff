"""What an extraction comes to: the validated value, how it came about, and what is known about each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from extractor.chat.wire import ChatReply, ChatRequest, Usage
from extractor.errors import ExtractorError
from extractor.evidence.field import Field
from extractor.loop.ladder import Step
from extractor.prices import total
from extractor.reply.outcome import Outcome
from extractor.reply.repairs import Repair
from extractor.schema.checked import FieldError
from extractor.schema.dialects import Mode

if TYPE_CHECKING:  # only where somebody wants to know
    from extractor.documents.merging import Conflict
    from extractor.evidence.calibration import Calibration
    from extractor.evidence.completeness import ListReport
    from extractor.evidence.consensus import Vote
    from extractor.evidence.logprobs import Tokens
    from extractor.prices import Tariff

__all__ = ["Attempt", "ChunkResult", "DocumentResult", "Extraction", "Version"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One request and what became of it.

    `value` is the plain JSON value that it led to (None where there was none to read), `errors` are what is
    wrong with it, and `repairs` what was mended in it without asking. `asked` are the places (JSON pointers) that
    it asked for, none where it asked for the whole; `changed` are request fields that were changed for it. What went
    wrong with HTTP before the reply came is in `reply.retries`; `tariff` says what it cost.
    """

    request: ChatRequest = field(repr=False)
    reply: ChatReply = field(repr=False)
    outcome: Outcome
    seconds: float
    value: Any = field(default=None, repr=False)
    errors: tuple[FieldError, ...] = ()
    repairs: tuple[Repair, ...] = ()
    asked: tuple[str, ...] = ()
    changed: Mapping[str, Any] = field(default_factory=dict)
    tariff: Tariff | None = field(default=None, repr=False)

    @property
    def cost(self) -> Decimal | None:
        """What the reply cost, in US dollars: nothing where it came from the cache, None where that is not known."""
        if self.reply.cached:
            return Decimal(0)
        return None if self.tariff is None else self.tariff.cost(self.reply.model, self.reply.usage)


@dataclass(frozen=True, kw_only=True, slots=True)
class Version(Generic[T]):
    """One candidate that conforms: its `value`, the same as plain `data`, and what its `tokens` say, by pointer."""

    value: T
    data: Any
    tokens: Mapping[str, Tokens] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkResult:
    """What became of one chunk of a long document, from `start` to `end` in characters.

    `error` is what it failed with: then nothing of it is in the value.
    """

    number: int
    start: int
    end: int
    error: ExtractorError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction(Generic[T]):
    """A validated value, and how it came about.

    `candidates` are all the values that conform where more than one was asked for (`n`, `candidates`); `value` is the
    first, or what they agree on. `data` is the same as plain data, by the names of the schema.

    Where the document lacks required fields, which is possible with `absent="allow"` only, there is no
    validated value: `value` is None then, `outcome` is `incomplete`, and `errors` say what is missing.
    `usage` sums the tokens of all `attempts` but cached ones; `model` is the one that answered last; `seconds` is the
    whole time, waiting included. `mode` is how the endpoint was asked in the end (None: with the caller's own
    `response_format`), `steps` are the requests that it refused before, `dropped` the request fields that
    it does not take, as it has said now or earlier: they were not sent. `failures` are what came of the endpoints
    that were asked before (`fallbacks`), and of candidates and regions that were asked for besides.

    `fields` has what is known of each field, by JSON pointer; `lists` what is known of how complete each list is. Both
    are worked out when they are first wanted. Of a long document, `chunks` has what became of each chunk, and
    `conflicts` the fields of which two chunks say different things.
    """

    value: T
    candidates: tuple[T, ...] = field(default=(), repr=False)
    data: Any = field(default=None, repr=False)
    errors: tuple[FieldError, ...] = ()
    outcome: Outcome = Outcome.CONFORMING
    usage: Usage
    attempts: tuple[Attempt, ...] = field(repr=False)
    model: str
    seconds: float
    mode: Mode | None
    steps: tuple[Step, ...] = ()
    dropped: frozenset[str] = frozenset()
    failures: tuple[ExtractorError, ...] = ()
    chunks: tuple[ChunkResult, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    document: str | None = field(default=None, repr=False)
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False)
    absent: tuple[str, ...] = field(default=(), repr=False)
    versions: tuple[Version[T], ...] = field(default=(), repr=False)
    tokens: Mapping[str, Tokens] = field(default_factory=dict, repr=False)
    votes: Mapping[str, Vote] = field(default_factory=dict, repr=False)
    calibration: Calibration | None = field(default=None, repr=False)
    grounds: Mapping[str, Field] | None = field(default=None, repr=False)
    # Of this very extraction: another one that is made of it finds out anew.
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def cost(self) -> Decimal | None:
        """What all attempts cost, in US dollars; None where that is not known of one of them."""
        if "cost" in self._known:  # of one that was read from a job
            known_cost: Decimal | None = self._known["cost"]
            return known_cost
        return total(attempt.cost for attempt in self.attempts)

    @property
    def fields(self) -> Mapping[str, Field]:
        """What is known of each field, by its JSON pointer: its places in the document, and how sure it is.

        Every value that is no object and no list has one, and so has everything that is absent.
        """
        if "fields" not in self._known:
            from extractor.evidence.fields import fields_of

            self._known["fields"] = fields_of(self)
        known: Mapping[str, Field] = self._known["fields"]
        return known

    @property
    def lists(self) -> tuple[ListReport, ...]:
        """How complete each list is, as far as the document tells."""
        if "lists" not in self._known:
            from extractor.evidence.fields import lists_of

            self._known["lists"] = lists_of(self)
        known: tuple[ListReport, ...] = self._known["lists"]
        return known

    @property
    def complete(self) -> bool:
        """Whether nothing is known to be missing: no required field, no chunk, no row of a list."""
        whole = self.outcome is Outcome.CONFORMING and not any(chunk.error for chunk in self.chunks)
        return whole and all(each.status in ("complete", "unknown") for each in self.lists)

    def to_html(self) -> str:
        """One page by itself: the document with every value highlighted at its place, and the value."""
        from extractor.evidence.page import page

        return page(self.document, self.data, self.fields, **self._shown())

    def show(self) -> None:
        """Display it in a notebook. Raises `MissingExtra` where there is no IPython."""
        from extractor.evidence.fields import display

        display(self)

    def _shown(self) -> dict[str, Any]:
        """What a page says beside the values."""
        notes = [
            f"Characters {chunk.start:,} to {chunk.end:,} could not be read: {chunk.error}"
            for chunk in self.chunks
            if chunk.error is not None
        ]
        title = f"{self.schema.get('title') or 'Extraction'} by {self.model}"
        return {"title": title, "lists": self.lists, "conflicts": self.conflicts, "notes": notes}


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentResult(Generic[T]):
    """What became of one of many documents: a `result`, or the `error` that it failed with.

    `number` is its place in the input, from 0; `name` what it is called there (a path, the row of a table, else the
    number, or in a job the beginning of its content's sha256); `document` is it as it was given. It is `restored` where
    a job had finished it before: then nothing was sent for it, and the attempts of its result are in the job.
    """

    number: int
    name: str
    document: Any = field(default=None, repr=False)
    result: Extraction[T] | None = None
    error: ExtractorError | None = None
    restored: bool = False

    @property
    def value(self) -> T:
        """The value of the result. Raises the error of a document that failed."""
        if self.result is None:
            raise self.error or ExtractorError("There is no result.")
        return self.result.value
