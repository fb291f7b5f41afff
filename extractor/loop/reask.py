"""What to ask after a reply that did not conform: the failing fields alone, the rest of one that was cut off, or
the whole again.

The cheapest comes first. The same errors twice in a row change the approach instead of repeating it: the
fields alone, then the whole with the wrong reply quoted, then the whole afresh with what to mind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic_core import to_json

from extractor.chat.wire import ChatReply, ChatRequest
from extractor.loop.excerpt import excerpt
from extractor.loop.feedback import ask_afresh, ask_again, ask_fields, ask_rest
from extractor.loop.ladder import Form
from extractor.loop.part_answers import part_target, rest_of_all
from extractor.loop.task import Approach, Ask, Past, Task, Verdict
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading, Wanted, held
from extractor.reply.remainder import Remainder, remainder
from extractor.reply.repairs import Repair
from extractor.schema.checked import FieldError
from extractor.schema.places import moved, places
from extractor.schema.pointers import is_within, value_at
from extractor.schema.scope import Scope, scope

__all__ = ["cut_off", "next_ask", "saying"]

T = TypeVar("T")


def next_ask(task: Task[T], ask: Ask, verdict: Verdict[T], reply: ChatReply, past: Past) -> Ask:
    """What to ask after a reply that did not conform."""
    rest = verdict.rest or _not_come(ask, verdict, past)
    if rest is not None and (narrowed := _narrowed(task, past, rest.data, rest.pointers, rest.appended)):
        part, scoped = narrowed
        part = replace(part, rest=True, insist=verdict.rest is not None, unclean=_unclean(verdict.reading.errors))
        return saying(part, again=ask_rest(scoped, rest.data, rest.appended))
    if verdict.outcome is Outcome.INVALID:
        return _corrected(task, ask, verdict, past)
    if ask.scope is not None and verdict.outcome in _NO_ANSWER and not past.no_answer:
        past.no_answer = True  # once more for the same part: what is kept would be lost with the whole
        return saying(ask, again=(*ask.again, *ask_again(verdict.outcome, verdict.text, verdict.reading.errors)))
    if _only_thought(verdict.text) and (changed := _more_room(past, verdict.outcome, reply)):
        past.raised = True
        past.whole = saying(past.whole, changed={**past.whole.changed, **changed}, again=())
        return past.whole
    return saying(past.whole, again=ask_again(verdict.outcome, verdict.text, verdict.reading.errors))


_NO_ANSWER = (Outcome.MALFORMED, Outcome.EMPTY, Outcome.REFUSED, Outcome.FILTERED)


def _not_come(ask: Ask, verdict: Verdict[Any], past: Past) -> Remainder | None:
    """What a continuation has not answered, once more; None where that is the same as the last time."""
    reading = verdict.reading
    pointers = [error.pointer for error in reading.errors if error.kind == "not_come"]
    if ask.scope is None or not pointers or past.not_come == pointers:
        return None
    past.not_come = pointers
    going_on = [place.pointer for place in ask.scope.places if place.append and place.pointer in pointers]
    appended = {pointer: len(value_at(reading.data, pointer) or ()) for pointer in going_on}
    return Remainder(data=reading.data, wire=None, pointers=pointers, appended=appended)


def _only_thought(text: str) -> bool:
    """Whether there is no answer at all, or thoughts that have not come to their end."""
    said = text.lstrip().casefold()
    return not said or (said.startswith(("<think", "<reasoning")) and "</" not in said)


def saying(ask: Ask, **other: Any) -> Ask:
    """The ask with other parts, and the request that they make."""
    ask = replace(ask, **other)
    prefix = ask.form.prefix
    if ask.changed:
        prefix = replace(prefix, fields={**prefix.fields, **ask.changed})
    return replace(ask, request=ChatRequest(prefix=prefix, tail=ask.messages + ask.again, fields=ask.own))


# ------------------------------------------------------------------------------- what is wrong


def _corrected(task: Task[T], ask: Ask, verdict: Verdict[T], past: Past) -> Ask:
    reading = verdict.reading
    wrong = frozenset((error.pointer, error.kind) for error in reading.errors)
    approach = Approach.FIELDS
    if wrong == past.wrong:
        approach = Approach.WHOLE if past.approach is Approach.AFRESH else Approach(past.approach + 1)
    past.wrong = wrong
    if approach is Approach.FIELDS and _mostly_right(reading):
        pointers = [error.pointer for error in reading.errors]
        if narrowed := _narrowed(task, past, reading.data, pointers, {}, reading.errors):
            past.approach = Approach.FIELDS
            part, scoped = narrowed
            part = replace(part, unclean=_unclean(reading.errors))
            return saying(part, again=ask_fields(scoped, reading.data, reading.errors))
    past.approach = max(approach, Approach.WHOLE)
    text, errors = _on_the_wire(past.whole.form, reading, verdict.text if ask.scope is None else "")
    if past.approach is Approach.AFRESH:
        return saying(past.whole, messages=ask_afresh(past.whole.messages, errors), again=())
    return saying(past.whole, again=ask_again(verdict.outcome, text, errors))


def _unclean(errors: tuple[FieldError, ...]) -> tuple[FieldError, ...]:
    """What stands in a value although it must not: something else is there in its place, which may be valid."""
    return tuple(error for error in errors if error.kind in ("not_finite", "duplicate_key"))


def _mostly_right(reading: Reading[Any]) -> bool:
    """Whether no more values fail than stand."""
    failing = {error.pointer for error in reading.errors}
    there = {error.pointer for error in reading.errors if error.found != "nothing"}
    enough = len(failing) + len(there)
    return _leaves(reading.data, enough) >= enough


def _leaves(data: Any, enough: int) -> int:
    """How many values there are, counted no further than is `enough`, the missing ones not included."""
    count, ahead = 0, [data]
    while ahead and count < enough:
        each = ahead.pop()
        if isinstance(each, (dict, list)):
            ahead += each.values() if isinstance(each, dict) else each
        else:
            count += 1
    return count


def _on_the_wire(form: Form, reading: Reading[Any], text: str) -> tuple[str, tuple[FieldError, ...]]:
    """The wrong value and its errors as the model was asked to write them."""
    adapted = form.adapted
    wire = reading.wire if text else adapted.to_wire(reading.data)
    if not text and adapted.restore(wire) != reading.data:  # a wrong value may have no shape on the wire
        return to_json(reading.data).decode(), reading.errors
    text = text or to_json(wire).decode()
    if adapted.restorer is None or reading.data is None:
        return text, reading.errors
    there = {own: pointer for pointer, own in reversed(list(places(adapted.plan, wire, adapted.definitions)))}
    return text, tuple(replace(error, pointer=moved(error.pointer, there)) for error in reading.errors)


# ------------------------------------------------------------------------------- parts of it


def _narrowed(
    task: Task[Any],
    past: Past,
    data: Any,
    pointers: list[str],
    appended: Mapping[str, int],
    errors: tuple[FieldError, ...] = (),
) -> tuple[Ask, Scope] | None:
    """A request for some places alone; None where the whole has to be asked for."""
    if task.narrow is None:
        return None
    found = scope(task.target.schema, data, pointers, appended=appended)
    if found is None:
        return None
    part = None if task.document is None else excerpt(task.document, data, found, errors)
    narrowed = task.narrow(part_target(task, found), part)
    if narrowed is None:
        return None
    ask = Ask(
        request=past.whole.request,  # in its place comes the one with what is said
        form=narrowed.form,
        messages=narrowed.messages,
        own=narrowed.own,
        scope=found,
        base=data,
        descend=narrowed.descend,
        changed=past.whole.changed,
    )
    return ask, found


# ------------------------------------------------------------------------------- what was cut off


def cut_off(task: Task[T], ask: Ask, verdict: Verdict[T], past: Past) -> Verdict[T]:
    """What is left of a reply without an end: what is kept of it, and what it leaves open.

    A model that has run in circles may have said all before: then that is taken.
    """
    reading = verdict.reading
    if reading.unclosed is None:
        return verdict
    schema = task.target.schema if ask.scope is None else ask.scope.schema
    rest = remainder(reading.unclosed, ask.form.adapted, schema)
    if rest is not None and ask.scope is not None:
        rest = rest_of_all(ask.base, ask.scope, rest)
    if rest is None:
        return verdict
    if not rest.pointers or (rest.repeated and not past.left):
        whole = held(rest.data, Wanted(target=task.target, context=task.context, coerce=task.coerce))
        if not rest.pointers and (whole.errors or rest.errors):
            wrong = replace(whole, value=None, errors=rest.errors + whole.errors, wire=rest.wire)
            return replace(verdict, outcome=Outcome.INVALID, reading=wrong)
        if not whole.errors and not rest.errors:
            missing = tuple(
                Repair(kind="not_come", message="This had not come when the reply was cut off.", pointer=pointer)
                for pointer in rest.pointers
            )
            taken = replace(whole, wire=rest.wire, repairs=rest.repairs + missing + whole.repairs)
            return replace(verdict, outcome=Outcome.CONFORMING, reading=taken)
    kept = replace(reading, data=rest.data, errors=reading.errors + rest.errors, repairs=rest.repairs)
    return replace(verdict, reading=kept, rest=rest, absent=_absent_so_far(task, ask, rest) or verdict.absent)


def _absent_so_far(task: Task[Any], ask: Ask, rest: Remainder) -> tuple[str, ...]:
    """What is said to be absent in what is kept: nobody is to invent it when the rest comes."""
    if not task.absent or ask.scope is not None:
        return ()
    asked = tuple(rest.pointers)
    return tuple(each for each in ask.form.adapted.absences(rest.wire) if not is_within(each, asked))


# ------------------------------------------------------------------------------- more room

MOST_TOKENS = 65_536  # the reference endpoint's
_LOWER: Mapping[str, str] = {"high": "low", "medium": "low", "low": "none"}


def _more_room(past: Past, outcome: Outcome, reply: ChatReply) -> dict[str, Any]:
    """What to change, once, where thinking or the limit left no room for an answer."""
    thought = reply.usage is not None and reply.usage.completion_tokens_details.reasoning_tokens > 0
    thought = thought or any(choice.message.reasoning_content for choice in reply.choices)
    if past.raised or not (outcome is Outcome.CUT_OFF or (outcome is Outcome.EMPTY and thought)):
        return {}
    fields = {**past.whole.form.prefix.fields, **past.whole.changed}
    for name in ("max_completion_tokens", "max_tokens"):
        limit = fields.get(name)
        if isinstance(limit, int) and limit < MOST_TOKENS:
            return {name: min(limit * 4, MOST_TOKENS)}
    effort = fields.get("reasoning_effort", "medium")
    return {"reasoning_effort": _LOWER[effort]} if thought and effort in _LOWER else {}
