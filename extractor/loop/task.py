"""What passes between the loop and what it decides: the task, one request, what became of it, what went before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from extractor.chat.content import Message
from extractor.chat.wire import ChatRequest
from extractor.errors import StatusError
from extractor.loop.ladder import Descent, Form
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading
from extractor.schema.checked import FieldError
from extractor.schema.target import Target

if TYPE_CHECKING:  # only where something has to be asked again, or is paid for
    from extractor.evidence.calibration import Calibration
    from extractor.evidence.logprobs import Tokens
    from extractor.prices import Tariff
    from extractor.reply.remainder import Remainder
    from extractor.schema.scope import Scope
    from extractor.watching import Watch

__all__ = ["Approach", "Ask", "Descend", "Errand", "Narrow", "Narrowed", "Past", "Task", "Verdict"]

T = TypeVar("T")

Descend: TypeAlias = "Callable[[Form, StatusError], Descent | None]"
"""What follows when a form is refused; None where the refusal is not understood."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowed:
    """Another target to be asked for in the same conversation: its form, and the document's turns for it."""

    form: Form
    messages: tuple[Message, ...]
    own: Mapping[str, Any] = field(default_factory=dict)
    descend: Descend | None = None


Narrow: TypeAlias = "Callable[[Target[Any], str | None], Narrowed | None]"
"""The same question for another target, and for an excerpt of the document where one is given; None where the
caller's settings do not allow it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Generic[T]):
    """What is to be done with one document: `messages` are its turns, after those of the form, and `own` the request
    fields that it has alone.

    `context` is pydantic's validation context. With `absent`, required fields may be absent; without `coerce`
    values are left as they are. `document` is its text, where it has one of its own. `tariff` says what replies cost.
    `evident` holds what was read against the document, where values must stand
    there; `calibration` is for those who ask how sure a value is.
    """

    target: Target[T]
    form: Form
    messages: tuple[Message, ...]
    max_retries: int
    own: Mapping[str, Any] = field(default_factory=dict)
    context: Any = None
    absent: bool = False
    coerce: bool = True
    document: str | None = None
    descend: Descend | None = None
    narrow: Narrow | None = None
    evident: Callable[[Reading[T]], Reading[T]] | None = None
    calibration: Calibration | None = None
    tariff: Tariff | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One `request` to send: in `form`, with the document's `messages` and `own` fields, and what was said `again`.

    With a `scope` only some places are asked for, and the answer is merged into `base`; they are the `rest` of a reply
    that was cut off, or were wrong. Of a rest, optional places have to be answered too where this `insist`s.
    `unclean` is what in the base must not become data, until it is answered. `changed` are request
    fields that differ from the form's.
    """

    request: ChatRequest
    form: Form
    messages: tuple[Message, ...]
    own: Mapping[str, Any] = field(default_factory=dict)
    again: tuple[Message, ...] = ()
    scope: Scope | None = None
    base: Any = None
    rest: bool = False
    insist: bool = True
    unclean: tuple[FieldError, ...] = ()
    descend: Descend | None = None
    changed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict(Generic[T]):
    """What became of one candidate: the `text` it was read from, what a cut-off one leaves open (`rest`), and what the
    `tokens` of the values say, by JSON pointer.
    """

    outcome: Outcome
    reading: Reading[T]
    text: str = ""
    absent: tuple[str, ...] = ()
    rest: Remainder | None = None
    tokens: Mapping[str, Tokens] = field(default_factory=dict)


class Errand(Protocol):
    """What the requests of an extraction carry along, as far as it matters here. See `extractor.endpoint.errand`."""

    key: str
    requests: int
    asked: tuple[str, ...]
    endpoint: int
    shown: bool
    tariff: Tariff | None
    spent: Decimal | None
    watch: Watch | None


class Approach(IntEnum):
    """How what is wrong is asked for again."""

    FIELDS = 0
    WHOLE = 1
    AFRESH = 2


@dataclass(kw_only=True, slots=True)
class Past:
    """What the next request depends on: the last one for the `whole`, the approach taken last, what was `wrong`
    then and what had `not_come`, what is `absent`, whether a limit has been `raised`, how many requests are `left`,
    and whether there was `no_answer` to a part.
    """

    whole: Ask
    approach: Approach = Approach.FIELDS
    wrong: frozenset[tuple[str, str]] = frozenset()
    absent: tuple[str, ...] = ()
    tokens: Mapping[str, Tokens] = field(default_factory=dict)
    raised: bool = False
    left: int = 0
    not_come: list[str] = field(default_factory=list)
    no_answer: bool = False
