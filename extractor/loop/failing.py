"""What is raised where no reply has conformed: an error that says what the last one was, and has all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extractor.chat.wire import usage_of
from extractor.errors import ContentFiltered, CutOff, EmptyReply, ExtractionFailed, Refused
from extractor.loop.ladder import Step
from extractor.loop.task import Task
from extractor.reply.outcome import Outcome
from extractor.result import Attempt
from extractor.schema.redaction import field_names, said_of

__all__ = ["failure"]


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
    Outcome.BROKEN_OFF: _Failure(
        error=CutOff,
        what="the last reply's stream stopped before its end",
        hint="See .attempts[-1].reply; without stream=True the reply comes whole or not at all.",
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


def failure(task: Task[Any], attempts: Sequence[Attempt], steps: tuple[Step, ...]) -> ExtractionFailed:
    """The error for what the last of the `attempts` came to, with all of them and the refused `steps`."""
    last = attempts[-1]
    kind = _FAILURES[last.outcome]
    requests = "1 request" if len(attempts) == 1 else f"{len(attempts)} requests"
    names = field_names(task.target.schema)
    wrong = [said_of(error, names, last.value) for error in last.errors[:3]]
    more = [f"and {len(last.errors) - 3} more"] if len(last.errors) > 3 else []
    values = [attempt.value for attempt in attempts if attempt.value is not None]
    error = kind.error(
        f"No {task.target.name} after {requests}: {kind.what}"
        + (f" ({'; '.join(wrong + more)})" if wrong else "")
        + ".",
        attempts=tuple(attempts),
        value=values[-1] if values else None,
        errors=last.errors,
        usage=usage_of(attempt.reply for attempt in attempts),
        hint=kind.hint,
    )
    error.steps = steps
    return error
