"""THE LOOP: ask, read, validate, ask again.

A generator without I/O: it yields a request and is sent the reply, so that the sync and the async client
drive the same logic. It ends with an `Extraction`, or raises `ExtractionFailed` with all that came back.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from extractor.chat.content import Message
from extractor.chat.wire import ChatReply, ChatRequest, Choice, Prefix, Usage
from extractor.errors import ContentFiltered, CutOff, EmptyReply, EndpointError, ExtractionFailed, Refused
from extractor.feedback import ask_again
from extractor.reply.outcome import Outcome, outcome_of, text_of, was_cut
from extractor.schema.adapt import Adapted
from extractor.schema.target import Checked, FieldError, Target

__all__ = ["Attempt", "Extraction", "Flow", "Task", "extraction"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Generic[T]):
    """What is to be done with one document. `context` is pydantic's validation context."""

    target: Target[T]
    adapted: Adapted
    prefix: Prefix
    messages: tuple[Message, ...]
    max_retries: int
    context: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One request and what became of it.

    Where the reply does not conform, `value` is its plain JSON value (None where there was none to read),
    and `errors` are what is wrong with it.
    """

    request: ChatRequest = field(repr=False)
    reply: ChatReply = field(repr=False)
    outcome: Outcome
    seconds: float
    value: Any = field(default=None, repr=False)
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction(Generic[T]):
    """A validated value, and how it came about.

    `usage` sums the tokens of all `attempts`; `model` is the one that answered last; `seconds` is the
    whole time, waiting included.
    """

    value: T
    usage: Usage
    attempts: tuple[Attempt, ...] = field(repr=False)
    model: str
    seconds: float


Flow: TypeAlias = "Generator[ChatRequest, ChatReply, Extraction[T]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Verdict(Generic[T]):
    outcome: Outcome
    checked: Checked[T]
    text: str = ""


def extraction(task: Task[T]) -> Flow[T]:
    """Ask until the reply conforms. Yields requests; expects to be sent the replies.

    Raises `ExtractionFailed` when `max_retries` re-asks have not helped. An `EndpointError` thrown in
    where it waits passes through with the attempts that were answered before.
    """
    started = time.perf_counter()
    attempts: list[Attempt] = []
    tail = task.messages
    while True:
        request = ChatRequest(prefix=task.prefix, tail=tail)
        asked = time.perf_counter()
        try:
            reply = yield request
        except EndpointError as error:
            error.attempts = tuple(attempts)
            raise
        now = time.perf_counter()
        verdict = _best([_judged(task, choice) for choice in reply.choices])
        attempts.append(
            Attempt(
                request=request,
                reply=reply,
                outcome=verdict.outcome,
                seconds=now - asked,
                value=verdict.checked.data,
                errors=verdict.checked.errors,
            )
        )
        if verdict.outcome is Outcome.CONFORMING:
            return _result(verdict.checked, attempts, now - started)
        if len(attempts) > task.max_retries:
            raise _failure(task, attempts)
        # Only the last wrong reply is kept in the conversation: what each re-ask costs stays the same.
        tail = (*task.messages, *ask_again(verdict.outcome, verdict.text, verdict.checked.errors))


def _judged(task: Task[T], choice: Choice) -> _Verdict[T]:
    text = text_of(choice)
    outcome = outcome_of(choice)
    if outcome is not None:
        return _Verdict(outcome=outcome, checked=Checked(), text=text or choice.message.refusal or "")
    checked = task.target.validate_json(text, task.context, task.adapted.restorer)
    if checked.malformed:
        outcome = Outcome.CUT_OFF if was_cut(choice) else Outcome.MALFORMED
    else:
        outcome = Outcome.INVALID if checked.errors else Outcome.CONFORMING
    return _Verdict(outcome=outcome, checked=checked, text=text)


def _best(verdicts: list[_Verdict[T]]) -> _Verdict[T]:
    """The first candidate that conforms, else the first."""
    conforming = (verdict for verdict in verdicts if verdict.outcome is Outcome.CONFORMING)
    return next(conforming, verdicts[0])


def _result(checked: Checked[T], attempts: list[Attempt], seconds: float) -> Extraction[T]:
    return Extraction(
        value=checked.value,  # type: ignore[arg-type]  # None only where the target accepts null
        usage=_usage(attempts),
        attempts=tuple(attempts),
        model=attempts[-1].reply.model,
        seconds=seconds,
    )


def _usage(attempts: list[Attempt]) -> Usage:
    usages = [attempt.reply.usage for attempt in attempts if attempt.reply.usage is not None]
    return sum(usages[1:], usages[0]) if usages else Usage()


# ---------------------------------------------------------------------------------------- failing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failure:
    error: type[ExtractionFailed]
    what: str
    hint: str


_LIMIT = "Raise max_completion_tokens, or lower reasoning_effort: thinking counts."
_FAILURES: Mapping[Outcome, _Failure] = {
    Outcome.INVALID: _Failure(
        error=ExtractionFailed,
        what="the last reply does not conform",
        hint="See .errors and .attempts. Clearer field descriptions, instructions= or a larger model may help.",
    ),
    Outcome.MALFORMED: _Failure(
        error=ExtractionFailed,
        what="the last reply is no JSON",
        hint="See .attempts[-1].reply. Does the endpoint honour response_format?",
    ),
    Outcome.CUT_OFF: _Failure(error=CutOff, what="the last reply was cut off at the token limit", hint=_LIMIT),
    Outcome.EMPTY: _Failure(
        error=EmptyReply, what="the last reply was empty", hint="Try another model, or endpoint; see .attempts."
    ),
    Outcome.REFUSED: _Failure(
        error=Refused, what="the model declined", hint="See .attempts[-1].reply.choices[0].message.refusal."
    ),
    Outcome.FILTERED: _Failure(
        error=ContentFiltered,
        what="the endpoint's content filter stopped the reply",
        hint="See .attempts[-1].reply; another model or endpoint may take the document.",
    ),
}


def _failure(task: Task[Any], attempts: list[Attempt]) -> ExtractionFailed:
    last = attempts[-1]
    failure = _FAILURES[last.outcome]
    requests = "1 request" if len(attempts) == 1 else f"{len(attempts)} requests"
    wrong = [f"{error.pointer or 'the whole'}: {error.message}" for error in last.errors[:3]]
    more = [f"and {len(last.errors) - 3} more"] if len(last.errors) > 3 else []
    values = [attempt.value for attempt in attempts if attempt.value is not None]
    return failure.error(
        f"No {task.target.name} after {requests}: {failure.what}"
        + (f" ({'; '.join(wrong + more)})" if wrong else "")
        + ".",
        attempts=tuple(attempts),
        value=values[-1] if values else None,
        errors=last.errors,
        usage=_usage(attempts),
        hint=failure.hint,
    )
