"""THE LOOP: ask, read, validate, ask again.

A generator without I/O: it yields a request and is sent the reply, so that the sync and the async client
drive the same logic. Where an endpoint refuses, it is thrown the error, and asks in the next way down the
ladder. It ends with an `Extraction`, or raises `ExtractionFailed` with all that came back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from pydantic_core import from_json

from extractor.chat.content import Message
from extractor.chat.wire import ChatReply, ChatRequest, Choice, Usage
from extractor.errors import (
    ContentFiltered,
    CutOff,
    EmptyReply,
    EndpointError,
    ExtractionFailed,
    FieldsAbsent,
    Refused,
    StatusError,
)
from extractor.feedback import ask_again
from extractor.ladder import MAX_STEPS, Descent, Form, Lesson, Step, memory
from extractor.reply.outcome import Outcome, outcome_of, text_of, was_cut
from extractor.schema.dialects import Mode
from extractor.schema.target import Checked, FieldError, Target

__all__ = ["Attempt", "Extraction", "Field", "Flow", "Task", "extraction", "whole"]

T = TypeVar("T")


Descend: TypeAlias = "Callable[[Form, StatusError], Descent | None]"
"""What follows when a form is refused; None where the refusal is not understood."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Generic[T]):
    """What is to be done with one document: `messages` are its turns, after those of the form.
    `context` is pydantic's validation context. With `absent`, required fields may be absent.
    """

    target: Target[T]
    form: Form
    messages: tuple[Message, ...]
    max_retries: int
    context: Any = None
    absent: bool = False
    descend: Descend | None = None


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
class Field:
    """What is known about one field. `absent`: the document does not say it."""

    status: Literal["absent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction(Generic[T]):
    """A validated value, and how it came about.

    Where the document lacks required fields, which is possible with `absent="allow"` only, there is no
    validated value: `value` is None then, `data` what there is as plain data, and `errors` say what is missing.
    With `absent="allow"`, `fields` has every absent field by its JSON pointer, optional ones included.
    `usage` sums the tokens of all `attempts`; `model` is the one that answered last; `seconds` is the
    whole time, waiting included. `mode` is how the endpoint was asked in the end (None: with the caller's own
    `response_format`), `steps` are the requests that it refused before, `dropped` the request fields that
    it does not take, as it has said now or earlier: they were not sent.
    """

    value: T
    data: Any = field(default=None, repr=False)
    errors: tuple[FieldError, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)
    usage: Usage
    attempts: tuple[Attempt, ...] = field(repr=False)
    model: str
    seconds: float
    mode: Mode | None
    steps: tuple[Step, ...] = ()
    dropped: frozenset[str] = frozenset()


Flow: TypeAlias = "Generator[ChatRequest, ChatReply, Extraction[T]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Verdict(Generic[T]):
    outcome: Outcome
    checked: Checked[T]
    text: str = ""
    absent: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class _Past:
    """What has happened so far. `refusal` is the first since the last reply: it says most."""

    attempts: list[Attempt]
    steps: tuple[Step, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    refusal: StatusError | None = None


def extraction(task: Task[T]) -> Flow[T]:
    """Ask until the reply conforms. Yields requests; expects to be sent the replies.

    Raises `ExtractionFailed` when `max_retries` re-asks have not helped. A `StatusError` thrown in where it
    waits leads to the next form of the request; any other `EndpointError`, and the first of those to which
    there is nothing left, is raised with the attempts and steps before it.
    """
    started = time.perf_counter()
    attempts: list[Attempt] = []
    past = _Past(attempts=attempts)
    form, messages = task.form, task.messages
    again: tuple[Message, ...] = ()
    while True:
        request = ChatRequest(prefix=form.prefix, tail=messages + again)
        failed: EndpointError | None = None
        asked = time.perf_counter()
        try:
            reply = yield request
        except EndpointError as error:
            failed = error
        if failed is not None:
            form, messages = _descended(task, form, failed, past)
            continue
        now = time.perf_counter()
        if past.refusal is not None:
            memory.learn(past.lessons)
            past.lessons, past.refusal = (), None
        verdict = _best([_judged(task, form, choice) for choice in reply.choices])
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
        if verdict.outcome in _DONE:
            return _result(verdict, form, past, now - started)
        if len(attempts) > task.max_retries:
            raise _failure(task, past)
        # Only the last wrong reply is kept in the conversation: what each re-ask costs stays the same.
        again = ask_again(verdict.outcome, verdict.text, verdict.checked.errors)


def _descended(task: Task[Any], form: Form, failed: EndpointError, past: _Past) -> tuple[Form, tuple[Message, ...]]:
    """The next form to ask in, and the document's turns for it. Raises where there is none."""
    descent = task.descend(form, failed) if task.descend is not None and isinstance(failed, StatusError) else None
    if descent is not None and isinstance(failed, StatusError):
        past.steps += (descent.step,)
        past.refusal = past.refusal or failed
        if descent.form is not None and len(past.steps) < MAX_STEPS:
            past.lessons += descent.lessons
            return descent.form, descent.messages
        failed = past.refusal
        if descent.form is not None:
            failed.hint = f"Given up after {len(past.steps)} refused requests: see .steps."
        elif len(past.steps) > 1:
            failed.hint = f"Every way of asking was refused, in {len(past.steps)} requests: see .steps."
    failed.attempts, failed.steps = tuple(past.attempts), past.steps
    raise failed


def _judged(task: Task[T], form: Form, choice: Choice) -> _Verdict[T]:
    text = text_of(choice, form.tool)
    outcome = outcome_of(choice, form.tool)
    if outcome is not None:
        return _Verdict(outcome=outcome, checked=Checked(), text=text or choice.message.refusal or "")
    checked = task.target.validate_json(text, task.context, form.adapted.restorer)
    if checked.malformed:
        outcome = Outcome.CUT_OFF if was_cut(choice) else Outcome.MALFORMED
    else:
        outcome = Outcome.INVALID if checked.errors else Outcome.CONFORMING
    if task.absent and not checked.malformed:
        return _with_absences(form, outcome, checked, text)
    return _Verdict(outcome=outcome, checked=checked, text=text)


def _with_absences(form: Form, outcome: Outcome, checked: Checked[T], text: str) -> _Verdict[T]:
    """What is absent is no error: nobody is to invent it when asked again."""
    absent = form.adapted.absences(from_json(text))
    wrong = tuple(error for error in checked.errors if not _is_absence(error, absent))
    if checked.errors and not wrong:
        outcome = Outcome.INCOMPLETE
    elif wrong:
        checked = replace(checked, errors=wrong)
    return _Verdict(outcome=outcome, checked=checked, text=text, absent=absent)


def _is_absence(error: FieldError, absent: tuple[str, ...]) -> bool:
    return error.pointer in absent and (error.found == "nothing" or not error.pointer)


_DONE = (Outcome.CONFORMING, Outcome.INCOMPLETE)


def _best(verdicts: list[_Verdict[T]]) -> _Verdict[T]:
    """The first candidate that conforms, else the first that does but for what is absent, else the first."""
    done = (verdict for outcome in _DONE for verdict in verdicts if verdict.outcome is outcome)
    return next(done, verdicts[0])


def whole(result: Extraction[T]) -> T:
    """The value of an extraction. Raises `FieldsAbsent` where required fields are absent."""
    if result.attempts[-1].outcome is not Outcome.INCOMPLETE:
        return result.value
    missing = ", ".join(error.pointer or "the whole" for error in result.errors)
    raise FieldsAbsent(
        f"The document lacks required fields: {missing}.",
        attempts=result.attempts,
        value=result.data,
        errors=result.errors,
        usage=result.usage,
        hint="run(…) returns what there is: .data, and .fields for what is absent.",
    )


def _result(verdict: _Verdict[T], form: Form, past: _Past, seconds: float) -> Extraction[T]:
    checked = verdict.checked
    return Extraction(
        value=checked.value,  # type: ignore[arg-type]  # None where the target accepts null, or fields are absent
        data=checked.data if verdict.outcome is Outcome.INCOMPLETE else None,
        errors=checked.errors,
        fields={pointer: Field(status="absent") for pointer in verdict.absent},
        usage=_usage(past.attempts),
        attempts=tuple(past.attempts),
        model=past.attempts[-1].reply.model,
        seconds=seconds,
        mode=form.way.mode,
        steps=past.steps,
        dropped=form.way.dropped,
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


def _failure(task: Task[Any], past: _Past) -> ExtractionFailed:
    attempts = past.attempts
    last = attempts[-1]
    failure = _FAILURES[last.outcome]
    requests = "1 request" if len(attempts) == 1 else f"{len(attempts)} requests"
    wrong = [f"{error.pointer or 'the whole'}: {error.message}" for error in last.errors[:3]]
    more = [f"and {len(last.errors) - 3} more"] if len(last.errors) > 3 else []
    values = [attempt.value for attempt in attempts if attempt.value is not None]
    error = failure.error(
        f"No {task.target.name} after {requests}: {failure.what}"
        + (f" ({'; '.join(wrong + more)})" if wrong else "")
        + ".",
        attempts=tuple(attempts),
        value=values[-1] if values else None,
        errors=last.errors,
        usage=_usage(attempts),
        hint=failure.hint,
    )
    error.steps = past.steps
    return error
