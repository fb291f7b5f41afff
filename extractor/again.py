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

from extractor.asking import Approach, Ask, Past, Task, Verdict
from extractor.chat.wire import ChatReply, ChatRequest
from extractor.excerpt import excerpt
from extractor.feedback import ask_afresh, ask_again, ask_fields, ask_rest
from extractor.ladder import Form
from extractor.reply.coerce import coerced
from extractor.reply.outcome import Outcome
from extractor.reply.reading import Reading, Wanted, held, read
from extractor.reply.remainder import Remainder, remainder
from extractor.reply.shaping import shape_of
from extractor.schema.answers import merged
from extractor.schema.nodes import value_at
from extractor.schema.places import moved, places
from extractor.schema.scope import Scope, scope
from extractor.schema.target import FieldError, PartTarget

__all__ = ["cut_off", "next_ask", "own_pointer", "read_scoped", "saying"]

T = TypeVar("T")


def next_ask(task: Task[T], ask: Ask, verdict: Verdict[T], reply: ChatReply, past: Past) -> Ask:
    """What to ask after a reply that did not conform."""
    rest = verdict.rest
    if rest is not None and (narrowed := _narrowed(task, past, rest.data, rest.pointers, rest.appended)):
        part, scoped = narrowed
        return saying(part, again=ask_rest(scoped, rest.data, rest.appended))
    if verdict.outcome is Outcome.INVALID:
        return _corrected(task, ask, verdict, past)
    if not verdict.text and (changed := _more_room(past, verdict.outcome, reply)):
        past.raised = True
        past.whole = saying(past.whole, changed={**past.whole.changed, **changed}, again=())
        return past.whole
    return saying(past.whole, again=ask_again(verdict.outcome, verdict.text, verdict.reading.errors))


def saying(ask: Ask, **other: Any) -> Ask:
    """The ask with other parts, and the request that they make."""
    ask = replace(ask, **other)
    prefix = ask.form.prefix
    if ask.changed:
        prefix = replace(prefix, fields={**prefix.fields, **ask.changed})
    return replace(ask, request=ChatRequest(prefix=prefix, tail=ask.messages + ask.again))


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
            return saying(part, again=ask_fields(scoped, reading.data, reading.errors))
    past.approach = max(approach, Approach.WHOLE)
    text, errors = _on_the_wire(past.whole.form, reading, verdict.text if ask.scope is None else "")
    if past.approach is Approach.AFRESH:
        return saying(past.whole, messages=ask_afresh(past.whole.messages, errors), again=())
    return saying(past.whole, again=ask_again(verdict.outcome, text, errors))


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
    narrowed = task.narrow(_part_target(task, found), part)
    if narrowed is None:
        return None
    ask = Ask(
        request=past.whole.request,  # in its place comes the one with what is said
        form=narrowed.form,
        messages=narrowed.messages,
        scope=found,
        base=data,
        descend=narrowed.descend,
        changed=past.whole.changed,
    )
    return ask, found


def read_scoped(task: Task[T], ask: Ask, scoped: Scope, whole: Form, text: str, cut: bool) -> Reading[T]:
    """A text that was to hold some places alone, put together with what was there, and judged as a whole.

    Models sometimes give the whole again: then that is taken, if it has all that was there.
    """
    own: Wanted[T] = Wanted(target=task.target, context=task.context, coerce=task.coerce)
    parts = Wanted(target=_part_target(task, scoped), adapted=ask.form.adapted, coerce=task.coerce)
    reading = read(text, parts, cut=cut)
    names = {place.name for place in scoped.places}
    if reading.malformed or not _is_answer(reading.data, names):
        again = read(text, replace(own, adapted=whole.adapted), cut=cut)
        if not again.errors and _covers(again.data, ask.base):
            return again
        if task.coerce and not reading.malformed:
            reading = _spelled(reading, parts)
    if task.absent:
        scoped = _without_absent(scoped, ask.form.adapted.absences(reading.wire))
    answer = reading.data if isinstance(reading.data, dict) else {}
    wrong = {error.pointer.split("/")[1] for error in reading.errors if error.pointer}
    taken = {name: value for name, value in answer.items() if name in names - wrong}
    held_all = held(merged(ask.base, scoped, taken), own)
    if reading.malformed:
        return replace(held_all, value=None, errors=reading.errors, malformed=True, unclosed=reading.unclosed)
    repairs = reading.repairs + held_all.repairs
    if held_all.errors or not reading.errors:
        return replace(held_all, repairs=repairs, wire=reading.wire)
    errors = tuple(_placed(error, scoped) for error in reading.errors)
    return replace(held_all, value=None, errors=errors, repairs=repairs, wire=reading.wire)


def _part_target(task: Task[Any], scoped: Scope) -> PartTarget:
    return PartTarget(name=f"{task.target.name}_part", schema=scoped.schema)


def _is_answer(data: Any, names: set[str]) -> bool:
    return isinstance(data, dict) and bool(data) and data.keys() <= names


def _covers(data: Any, base: Any) -> bool:
    """Whether a value has all that another has, as far as one can see from above: else it is no new whole of it."""
    if isinstance(base, dict):
        return isinstance(data, dict) and base.keys() <= data.keys()
    if isinstance(base, list):
        return isinstance(data, list) and len(base) <= len(data)
    return True


def _spelled(reading: Reading[Any], parts: Wanted[Any]) -> Reading[Any]:
    """The answer with the keys that were asked for, where it is wrapped in something, or spells them otherwise."""
    names = (parts.target.name, parts.adapted.wire_name if parts.adapted else "")
    mended = coerced(shape_of(parts.target.schema), reading.data, names=names)
    return replace(reading, data=mended.data, repairs=reading.repairs + mended.repairs)


def _without_absent(scoped: Scope, absent: tuple[str, ...]) -> Scope:
    """The same places, where those that are said to be absent may be missing."""
    places = (replace(place, optional=place.optional or f"/{place.name}" in absent) for place in scoped.places)
    return replace(scoped, places=tuple(places))


def _placed(error: FieldError, scoped: Scope) -> FieldError:
    return replace(error, pointer=own_pointer(error.pointer, scoped))


def own_pointer(pointer: str, scoped: Scope) -> str:
    """A pointer into the parts → the pointer into the whole."""
    _, _, inside = pointer.partition("/")
    name, slash, rest = inside.partition("/")
    own = next((place.pointer for place in scoped.places if place.name == name), "")
    return own + slash + rest


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
        rest = _rest_of_all(ask.base, ask.scope, rest)
    if rest is None:
        return verdict
    if rest.repeated and (not rest.pointers or not past.left):
        whole = held(rest.data, Wanted(target=task.target, context=task.context, coerce=task.coerce))
        if not whole.errors:
            taken = replace(whole, repairs=rest.repairs + whole.repairs)
            return replace(verdict, outcome=Outcome.CONFORMING, reading=taken)
    return replace(verdict, reading=replace(reading, data=rest.data, repairs=rest.repairs), rest=rest)


def _rest_of_all(base: Any, scoped: Scope, rest: Remainder) -> Remainder | None:
    """What is missing of the parts, put together with what was there, as what is missing of the whole."""
    if not isinstance(rest.data, dict):
        return None
    before = {place.name: len(value_at(base, place.pointer) or ()) for place in scoped.places if place.append}
    pointers = {pointer: _shifted(pointer, scoped, before) for pointer in rest.pointers}
    appended = {
        pointers[pointer]: count + (before.get(pointer[1:], 0) if pointer.count("/") == 1 else 0)
        for pointer, count in rest.appended.items()
    }
    # A list that was to go on, and of which nothing has come, goes on from where it was.
    appended |= {
        place.pointer: before[place.name]
        for place in scoped.places
        if place.append and place.pointer in pointers.values() and place.pointer not in appended
    }
    return replace(rest, data=merged(base, scoped, rest.data), pointers=list(pointers.values()), appended=appended)


def _shifted(pointer: str, scoped: Scope, before: Mapping[str, int]) -> str:
    """A pointer into the parts as one into the whole, where items come after those that were there."""
    _, name, *inside = pointer.split("/")
    if inside and name in before and inside[0].isdecimal():
        inside[0] = str(int(inside[0]) + before[name])
    return own_pointer("/".join(["", name, *inside]), scoped)


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
