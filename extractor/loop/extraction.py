"""THE LOOP: ask, read, validate, ask again.

A generator without I/O: it yields what to ask and is sent the reply, so that the sync and the async client
drive the same logic. Where an endpoint refuses, it is thrown the error, and asks in the next way down the
ladder. It ends with an `Extraction`, or raises `ExtractionFailed` with all that came back.

What follows a reply that does not conform is decided in `reask`; the answer to a part is read in `part_answers`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from extractor.chat.wire import ChatReply, ChatRequest, Choice, Usage, usage_of
from extractor.errors import (
    BudgetExceeded,
    ChunksFailed,
    EndpointError,
    ExtractorError,
    FieldsAbsent,
    StatusError,
    TargetFailed,
)
from extractor.loop.ladder import MAX_STEPS, Step
from extractor.loop.memory import Lesson, memory
from extractor.loop.task import Ask, Past, Task, Verdict
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading, Wanted, has_ended, outcome_of, read, texts_of, was_cut
from extractor.result import Attempt, Extraction, Version
from extractor.schema.checked import FieldError
from extractor.schema.target import Target

if TYPE_CHECKING:
    from extractor.evidence.logprobs import Tokens

__all__ = ["Ask", "Flow", "Task", "extraction", "whole"]

T = TypeVar("T")


Flow: TypeAlias = "Generator[Ask, ChatReply, Extraction[T]]"


@dataclass(kw_only=True, slots=True)
class _Story:
    """What has happened so far. `refusal` is the first since the last reply: it says most."""

    past: Past
    attempts: list[Attempt] = field(default_factory=list)
    steps: tuple[Step, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    refusal: StatusError | None = None


def extraction(task: Task[T], attempts: list[Attempt] | None = None) -> Flow[T]:
    """Ask until the reply conforms. Yields what to ask; expects to be sent the replies.

    What becomes of each is added to `attempts`; those that are there already were made with another endpoint.

    Raises `ExtractionFailed` when `max_retries` re-asks have not helped. A `StatusError` thrown in where it
    waits leads to the next form of the request; any other `EndpointError`, and the first of those to which
    there is nothing left, is raised with the attempts and steps before it. So is `BudgetExceeded`. Raises
    `TargetFailed`.
    """
    started = time.perf_counter()
    request = ChatRequest(prefix=task.form.prefix, tail=task.messages, fields=task.own)
    ask = Ask(request=request, form=task.form, messages=task.messages, own=task.own, descend=task.descend)
    story = _Story(past=Past(whole=ask), attempts=[] if attempts is None else attempts)
    before = len(story.attempts)
    while True:
        failed: EndpointError | BudgetExceeded | None = None
        asked = time.perf_counter()
        try:
            reply = yield ask
        except (EndpointError, BudgetExceeded) as error:
            failed = error
        if failed is not None:
            ask = _descended(ask, failed, story)
            continue
        now = time.perf_counter()
        if story.refusal is not None:
            memory.learn(story.lessons)
            story.lessons, story.refusal = (), None
        story.past.left = task.max_retries - len(story.attempts) + before
        verdicts = _judged_all(task, ask, reply, story, now - asked)
        verdict = _best(verdicts)
        story.attempts.append(_attempt(task, ask, reply, verdict, now - asked))
        story.past.absent, story.past.tokens = verdict.absent, verdict.tokens
        if verdict.outcome in _DONE:
            return _result(task, verdicts, verdict, ask, story, now - started)
        if story.past.left <= 0:
            from extractor.loop.failing import failure  # as what follows: not for a reply that conforms

            raise failure(task, story.attempts, story.steps)
        from extractor.loop import reask

        ask = reask.next_ask(task, ask, verdict, reply, story.past)


def _descended(ask: Ask, failed: EndpointError | BudgetExceeded, story: _Story) -> Ask:
    """The same in the next form. Raises where there is none."""
    if isinstance(failed, BudgetExceeded):
        raise _with_what_came(failed, story)
    descent = ask.descend(ask.form, failed) if ask.descend is not None and isinstance(failed, StatusError) else None
    if descent is not None and isinstance(failed, StatusError):
        story.steps += (descent.step,)
        story.refusal = story.refusal or failed
        if descent.form is not None and len(story.steps) < MAX_STEPS:
            story.lessons += descent.lessons
            from extractor.loop.reask import saying  # not for an endpoint that takes what it is asked

            lower = saying(ask, form=descent.form, messages=descent.messages, own=descent.own)
            if ask.scope is None:
                story.past.whole = lower
            return lower
        failed = story.refusal
        if descent.form is not None:
            failed.hint = f"Given up after {len(story.steps)} refused requests: see .steps."
        elif len(story.steps) > 1:
            failed.hint = f"Every way of asking was refused, in {len(story.steps)} requests: see .steps."
    failed.attempts, failed.steps = tuple(story.attempts), story.steps
    raise failed


def _with_what_came(error: BudgetExceeded, story: _Story) -> BudgetExceeded:
    """The error, with all that was there when no more could be asked for."""
    attempts = story.attempts
    error.attempts, error.steps, error.usage = tuple(attempts), story.steps, _usage(attempts)
    error.errors = attempts[-1].errors if attempts else ()
    error.value = next((each.value for each in reversed(attempts) if each.value is not None), None)
    return error


def _attempt(task: Task[Any], ask: Ask, reply: ChatReply, verdict: Verdict[Any], seconds: float) -> Attempt:
    reading = verdict.reading
    return Attempt(
        request=ask.request,
        reply=reply,
        outcome=verdict.outcome,
        seconds=seconds,
        value=reading.data,
        errors=reading.errors,
        repairs=reading.repairs,
        asked=() if ask.scope is None else tuple(place.pointer for place in ask.scope.places),
        changed=ask.changed,
        tariff=task.tariff,
    )


# ---------------------------------------------------------------------------------------- judging


def _judged_all(task: Task[T], ask: Ask, reply: ChatReply, story: _Story, seconds: float) -> list[Verdict[T]]:
    try:
        return [_judged(task, ask, choice, story.past) for choice in reply.choices]
    except TargetFailed as error:
        this = _attempt(task, ask, reply, Verdict(outcome=Outcome.INVALID, reading=Reading()), seconds)
        error.attempts = (*story.attempts, this)
        raise


def _judged(task: Task[T], ask: Ask, choice: Choice, past: Past) -> Verdict[T]:
    tool = ask.form.tool
    outcome, texts = outcome_of(choice, tool), texts_of(choice, tool)
    if not texts or outcome in (Outcome.FILTERED, Outcome.REFUSED):
        text = texts[0] if texts else choice.message.refusal or ""
        return Verdict(outcome=outcome or Outcome.EMPTY, reading=Reading(), text=text, absent=past.absent)
    text, reading = _read(task, ask, texts, past, not has_ended(choice))
    if reading.malformed or outcome is Outcome.BROKEN_OFF:
        outcome = outcome or (Outcome.CUT_OFF if was_cut(choice) else Outcome.MALFORMED)
        from extractor.loop import reask

        verdict = Verdict(outcome=outcome, reading=reading, text=text, absent=past.absent)
        verdict = reask.cut_off(task, ask, verdict, past)
        if choice.logprobs:
            verdict = replace(verdict, tokens=_tokens(ask, choice, verdict, past))
        return _with_evidence(task, verdict)
    outcome = Outcome.INVALID if reading.errors else Outcome.CONFORMING
    verdict = Verdict(outcome=outcome, reading=reading, text=text)
    if choice.logprobs:
        verdict = replace(verdict, tokens=_tokens(ask, choice, verdict, past))
    verdict = _with_evidence(task, verdict)
    return _with_absences(ask, verdict, past) if task.absent else verdict


def _with_evidence(task: Task[T], verdict: Verdict[T]) -> Verdict[T]:
    """What was read, held against the document where the caller wants that."""
    if task.evident is None or verdict.outcome not in (Outcome.CONFORMING, Outcome.INVALID):
        return verdict
    before, tokens = verdict.reading, verdict.tokens
    reading = task.evident(before)
    if tokens and reading.data is not before.data:
        from extractor.evidence.holding import kept_tokens

        tokens = kept_tokens(tokens, before.data, reading.repairs)
    outcome = Outcome.INVALID if reading.errors else Outcome.CONFORMING
    return replace(verdict, reading=reading, outcome=outcome, tokens=tokens)


def _tokens(ask: Ask, choice: Choice, verdict: Verdict[Any], past: Past) -> Mapping[str, Tokens]:
    """What the tokens say of each value, those of earlier replies included."""
    from extractor.evidence.logprobs import tokens_of

    said = tokens_of(verdict.text, choice.logprobs)
    if ask.scope is not None:
        from extractor.loop.part_answers import own_tokens

        return own_tokens(said, past.tokens, ask, ask.scope)
    adapted = ask.form.adapted
    if adapted.restorer is None:
        return said
    from extractor.schema.places import places

    rest = verdict.rest
    wire = verdict.reading.wire if rest is None else rest.wire
    own = dict(places(adapted.plan, wire, adapted.definitions))
    return {own[pointer]: tokens for pointer, tokens in said.items() if pointer in own}


def _read(task: Task[T], ask: Ask, texts: tuple[str, ...], past: Past, cut: bool) -> tuple[str, Reading[T]]:
    """The first text that conforms, else the first in which there is JSON, else the first."""
    whole, left = past.whole, past.left
    best: tuple[str, Reading[T]] | None = None
    for text in texts:
        if ask.scope is None:
            wanted = Wanted(target=task.target, adapted=ask.form.adapted, context=task.context, coerce=task.coerce)
            reading = read(text, wanted, cut=cut)
        else:
            from extractor.loop.part_answers import read_parts

            reading = read_parts(task, ask, ask.scope, whole.form, text, cut, insist=ask.insist and left > 0)
        if not reading.errors:
            return text, reading
        if best is None or (best[1].malformed and not reading.malformed):
            best = text, reading
    assert best is not None  # noqa: S101  # there is a text at least
    return best


def _with_absences(ask: Ask, verdict: Verdict[T], past: Past) -> Verdict[T]:
    """What is absent is no error: nobody is to invent it when asked again."""
    reading, scope = verdict.reading, ask.scope
    absent = ask.form.adapted.absences(reading.wire)
    if scope is not None:
        from extractor.loop.part_answers import own_absences

        absent = own_absences(absent, past.absent, ask.base, scope)
    wrong = tuple(error for error in reading.errors if not _is_absence(error, absent))
    if reading.errors and not wrong:
        return replace(verdict, outcome=Outcome.INCOMPLETE, absent=absent)
    return replace(verdict, reading=replace(reading, errors=wrong), absent=absent)


def _is_absence(error: FieldError, absent: tuple[str, ...]) -> bool:
    return error.pointer in absent and error.kind != "not_come" and (error.found == "nothing" or not error.pointer)


_DONE = (Outcome.CONFORMING, Outcome.INCOMPLETE)


def _best(verdicts: list[Verdict[T]]) -> Verdict[T]:
    """The first candidate that conforms, else the first that does but for what is absent, else the least wrong."""
    done = (verdict for outcome in _DONE for verdict in verdicts if verdict.outcome is outcome)
    return next(done, None) or min(verdicts, key=_wrongness)


def _wrongness(verdict: Verdict[Any]) -> tuple[bool, bool, int]:
    return verdict.outcome is not Outcome.INVALID, verdict.rest is None, len(verdict.reading.errors)


def whole(result: Extraction[T], target: Target[T]) -> T:
    """The value of an extraction. Raises `FieldsAbsent` where required fields are absent."""
    failed = [chunk.error for chunk in result.chunks if chunk.error is not None]
    if failed:
        raise _unread(result, failed)
    if result.outcome is not Outcome.INCOMPLETE:
        return result.value
    from extractor.schema.redaction import field_names, masked

    names = field_names(target.schema)
    missing = ", ".join(masked(error.pointer, names, result.data) or "the whole" for error in result.errors)
    raise FieldsAbsent(
        f"The document lacks required fields: {missing}.",
        attempts=result.attempts,
        value=result.data,
        errors=result.errors,
        usage=result.usage,
        hint="run(…) returns what there is: .data, and .fields for what is absent.",
    )


def _unread(result: Extraction[Any], failed: list[ExtractorError]) -> ChunksFailed:
    error = ChunksFailed(
        f"{len(failed)} of {len(result.chunks)} chunks of the document could not be read.",
        attempts=result.attempts,
        value=result.data,
        errors=result.errors,
        usage=result.usage,
        hint="run(…) returns what there is, and what became of each chunk: .chunks.",
    )
    error.failures = tuple(failed)
    return error


def _result(
    task: Task[T], verdicts: list[Verdict[T]], verdict: Verdict[T], ask: Ask, story: _Story, seconds: float
) -> Extraction[T]:
    reading = verdict.reading
    conforming = [each for each in verdicts if each.outcome is Outcome.CONFORMING]
    return Extraction(
        value=reading.value,  # type: ignore[arg-type]  # None where the target accepts null, or fields are absent
        candidates=tuple(each.reading.value for each in conforming),  # type: ignore[misc]  # likewise
        data=reading.data,
        errors=reading.errors,
        outcome=verdict.outcome,
        document=task.document,
        schema=task.target.schema,
        absent=verdict.absent,
        versions=tuple(_version(each) for each in conforming),
        tokens=verdict.tokens,
        calibration=task.calibration,
        usage=_usage(story.attempts),
        attempts=tuple(story.attempts),
        model=story.attempts[-1].reply.model,
        seconds=seconds,
        mode=ask.form.way.mode,
        steps=story.steps,
        dropped=ask.form.way.dropped,
    )


def _version(verdict: Verdict[T]) -> Version[T]:
    reading = verdict.reading
    return Version(value=reading.value, data=reading.data, tokens=verdict.tokens)  # type: ignore[arg-type]  # see above


def _usage(attempts: list[Attempt]) -> Usage:
    return usage_of([attempt.reply for attempt in attempts])
