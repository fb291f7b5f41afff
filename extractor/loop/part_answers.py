"""An answer that was to hold some places of a value alone: read, put together with what was there, judged as a whole.

Only what was answered is put in its place: a key that is missing answers nothing, and a null only where nothing is
required. Models sometimes give the whole again, or a list from its beginning: what was asked for is taken out of it,
where it is plain which part that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import to_json

from extractor.loop.ladder import Form
from extractor.loop.task import Ask, Task
from extractor.reply.coerce import coerced
from extractor.reply.reading import Reading, Wanted, held, read
from extractor.reply.remainder import Remainder
from extractor.reply.repairs import Repair
from extractor.reply.shaping import shape_of
from extractor.schema.answers import merged
from extractor.schema.checked import FieldError
from extractor.schema.pointers import escaped, is_within, steps_of, value_at
from extractor.schema.scope import Place, Scope
from extractor.schema.target import PartTarget

if TYPE_CHECKING:
    from extractor.evidence.logprobs import Tokens

__all__ = ["own_absences", "own_tokens", "part_target", "read_parts", "rest_of_all"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What an answer says of each place, by its name. `unanswered` are the places of which it says nothing."""

    values: Mapping[str, Any]
    repairs: tuple[Repair, ...]
    unanswered: tuple[Place, ...]


def read_parts(task: Task[T], ask: Ask, scope: Scope, whole: Form, text: str, cut: bool, *, insist: bool) -> Reading[T]:
    """A text that was to hold some places alone, as the whole that it makes with what was there.

    Where a reply without an end was continued, a place that is not answered is an error: its list is not complete.
    An optional one is taken for left out where this does not `insist`, which is listed.
    """
    parts = Wanted(target=part_target(task, scope), adapted=ask.form.adapted, coerce=task.coerce)
    own: Wanted[T] = Wanted(target=task.target, context=task.context, coerce=task.coerce)
    reading = read(text, parts, cut=cut)
    if reading.malformed and reading.unclosed is not None:
        return replace(reading, value=None, data=ask.base)
    answer = _answered(reading, parts, scope, ask.base, replace(own, adapted=whole.adapted), text, cut)
    if reading.malformed and not answer.values:
        return replace(reading, value=None, data=ask.base)
    if task.absent:  # then null says that it is absent, also where it is required
        absent = (replace(each, optional=True) if _is_null(each, answer) else each for each in scope.places)
        scope = replace(scope, places=tuple(absent))
    return _put_together(ask, scope, reading, answer, own, insist)


def _is_null(place: Place, answer: _Answer) -> bool:
    return place.name in answer.values and answer.values[place.name] is None


def _put_together(
    ask: Ask, scope: Scope, reading: Reading[Any], answer: _Answer, own: Wanted[T], insist: bool
) -> Reading[T]:
    """The whole with the answers in it, and what is wrong with either."""
    before = _counts(ask.base, scope)
    of_all = tuple(error for error in reading.errors if not error.pointer)
    if of_all:  # two answers, say: then there is none
        answer = _Answer(values={}, repairs=answer.repairs, unanswered=scope.places)
    judged = held(merged(ask.base, scope, answer.values), own)
    answered = tuple(place.pointer for place in scope.places if place.name in answer.values)
    named = of_all + tuple(error for error in ask.unclean if not is_within(error.pointer, answered))
    named += tuple(replace(e, pointer=_shifted(e.pointer, scope, before)) for e in reading.errors if e.pointer)
    left_out = () if insist or not ask.rest else tuple(place for place in answer.unanswered if place.optional)
    if ask.rest:
        named += tuple(_not_come(place) for place in answer.unanswered if place not in left_out)
    said = "It was asked for, and has not come."
    listed = tuple(Repair(kind="not_come", message=said, pointer=place.pointer) for place in left_out)
    pointers = {error.pointer for error in named}
    errors = named + tuple(error for error in judged.errors if error.pointer not in pointers)
    return replace(
        judged,
        value=None if errors else judged.value,
        errors=errors,
        repairs=answer.repairs + listed + judged.repairs,
        wire=reading.wire,
    )


def _not_come(place: Place) -> FieldError:
    return FieldError(pointer=place.pointer, message="The rest of it has not come", found="nothing", kind="not_come")


def part_target(task: Task[Any], scope: Scope) -> PartTarget:
    """The places as a target of their own."""
    return PartTarget(name=f"{task.target.name}_part", schema=scope.schema)


# ------------------------------------------------------------------------------- what was answered


def _answered(
    reading: Reading[Any], parts: Wanted[Any], scope: Scope, base: Any, whole: Wanted[Any], text: str, cut: bool
) -> _Answer:
    names = {place.name for place in scope.places}
    data, repairs = reading.data, reading.repairs
    if parts.coerce and isinstance(data, dict) and data.keys() - names:
        mended = coerced(shape_of(parts.target.schema), data, names=parts.names)
        data, repairs = mended.data, repairs + mended.repairs
    said = {name: data[name] for name in names if name in data} if isinstance(data, dict) else {}
    if not said and len(scope.places) == 1:
        said = _of_one(scope.places[0], data)
    # A null that only says that there is nothing has been left out on the way from the wire.
    wire = reading.wire if isinstance(reading.wire, dict) else {}
    said |= {name: None for name in names if wire.get(name, "") is None}
    again = read(text, whole, cut=cut).data if not said or _is_whole(data, names, base) else None
    values: dict[str, Any] = {}
    for place in scope.places:
        found = _found(place, said, base, again)
        if found is not _NOTHING:
            values[place.name] = found
            if place.append and isinstance(found, list) and (more := _more(place, said, again)) > len(found):
                message = f"Left out {more - len(found)} items that had been given before."
                repairs = (*repairs, Repair(kind="given_before", message=message, pointer=place.pointer))
    unanswered = tuple(place for place in scope.places if place.name not in values)
    return _Answer(values=values, repairs=repairs, unanswered=unanswered)


def _is_whole(data: Any, names: set[str], base: Any) -> bool:
    """Whether an answer has members that were there before: then it is the whole again."""
    return isinstance(data, dict) and isinstance(base, dict) and bool((data.keys() - names) & base.keys())


def _more(place: Place, said: Mapping[str, Any], again: Any) -> int:
    """How many items have come."""
    came = said.get(place.name, value_at(again, place.pointer))
    return len(came) if isinstance(came, list) else 0


def _of_one(place: Place, data: Any) -> dict[str, Any]:
    """What is said of the only place: by itself, or under its own key instead of the name that was asked for."""
    key = place.pointer.rpartition("/")[2]
    if place.append or data is None or isinstance(data, list):
        return {}
    if not isinstance(data, dict):
        return {place.name: data}
    return {place.name: data[key]} if data.keys() == {key} else {}


_NOTHING: Any = object()


def _found(place: Place, said: Mapping[str, Any], base: Any, again: Any) -> Any:
    """What is said of one place, by itself or within the whole."""
    there = value_at(base, place.pointer)
    if not place.append:
        return said[place.name] if place.name in said else _within(place, base, again)
    if place.name in said:
        return _following(there, said[place.name], whole=again is not None)
    if again is None:
        return _NOTHING
    if place.pointer or not isinstance(again, list):
        return _following(there, value_at(again, place.pointer), whole=True)
    # A list that is the whole: with what was kept at its beginning, or what follows that.
    following = _following(there, again, whole=True)
    return again if following is _NOTHING else following


def _within(place: Place, base: Any, again: Any) -> Any:
    """A place in the whole that was given again; nothing where the lists around it are others now."""
    if again is None:
        return _NOTHING
    pointer = ""
    for step in steps_of(place.pointer)[:-1]:
        before, after = value_at(base, pointer), value_at(again, pointer)
        if isinstance(before, list) and (not isinstance(after, list) or len(before) != len(after)):
            return _NOTHING
        pointer += "/" + escaped(step)
    holder, key = value_at(again, pointer), steps_of(place.pointer)[-1]
    if isinstance(holder, dict):
        return holder.get(key, _NOTHING)
    before = value_at(base, pointer)
    same = isinstance(holder, list) and isinstance(before, list) and len(before) == len(holder)
    return value_at(again, place.pointer) if same else _NOTHING


def _following(kept: Any, found: Any, *, whole: bool) -> Any:
    """What follows the items that are kept; of a list that begins with them again, the rest.

    Where only the last one comes again, it may well be another one like it.
    """
    if not isinstance(found, (list, dict)) or not isinstance(kept, type(found)):
        return found if kept is None and isinstance(found, (list, dict)) else _NOTHING
    if isinstance(found, dict) or not kept:
        return found
    written, last = [to_json(item) for item in found], [to_json(item) for item in kept]
    if written[: len(last)] == last and (whole or len(written) > 1):
        return found[len(last) :]
    if whole:
        return _NOTHING
    overlap = _overlap(last, written)
    return found[overlap:] if overlap > 1 else found


def _overlap(before: list[bytes], after: list[bytes]) -> int:
    """How many items at the end of one list are the first of another: in linear time (Knuth, Morris, Pratt)."""
    end = before[-len(after) :]
    borders, length = [0] * len(after), 0
    for number in range(1, len(after)):
        while length and after[number] != after[length]:
            length = borders[length - 1]
        length += after[number] == after[length]
        borders[number] = length
    length = 0
    for item in end:
        while length and (length == len(after) or item != after[length]):
            length = borders[length - 1]
        length += length < len(after) and item == after[length]
    return length


# ------------------------------------------------------------------------------- places


def own_absences(absent: tuple[str, ...], before: tuple[str, ...], base: Any, scope: Scope) -> tuple[str, ...]:
    """What is absent in the whole: what was so before, but for what was asked for, and what is in the parts."""
    asked = tuple(place.pointer for place in scope.places if not place.append)
    counts = _counts(base, scope)
    lists = {f"/{name}" for name in counts}
    now = (_shifted(pointer, scope, counts) for pointer in absent if pointer not in lists)
    return (*(pointer for pointer in before if not is_within(pointer, asked)), *now)


def own_tokens(said: Mapping[str, Tokens], before: Mapping[str, Tokens], ask: Ask, scope: Scope) -> dict[str, Tokens]:
    """What the tokens of an answer say of the values of the whole, and those before it of what was not asked for."""
    asked = tuple(place.pointer for place in scope.places if not place.append)
    counts = _counts(ask.base, scope)
    names = {place.name for place in scope.places}
    now = {
        _shifted(pointer, scope, counts): tokens
        for pointer, tokens in said.items()
        if pointer.split("/", 2)[1:2] and pointer.split("/", 2)[1] in names
    }
    return {pointer: tokens for pointer, tokens in before.items() if not is_within(pointer, asked)} | now


def _own_pointer(pointer: str, scope: Scope) -> str:
    """A pointer into the parts → the pointer into the whole."""
    _, _, inside = pointer.partition("/")
    name, slash, rest = inside.partition("/")
    own = next((place.pointer for place in scope.places if place.name == name), "")
    return own + slash + rest


def _counts(base: Any, scope: Scope) -> dict[str, int]:
    """How many items are kept of the lists that go on."""
    return {place.name: len(value_at(base, place.pointer) or ()) for place in scope.places if place.append}


def _shifted(pointer: str, scope: Scope, before: Mapping[str, int]) -> str:
    """A pointer into the parts as one into the whole, where items come after those that were there."""
    _, name, *inside = pointer.split("/")
    if inside and name in before and inside[0].isdecimal():
        inside[0] = str(int(inside[0]) + before[name])
    return _own_pointer("/".join(["", name, *inside]), scope)


def rest_of_all(base: Any, scope: Scope, rest: Remainder) -> Remainder | None:
    """What a cut-off answer leaves open of the parts, as what is missing of the whole."""
    if not isinstance(rest.data, dict):
        return None
    before = _counts(base, scope)
    kept = dict(rest.data)
    for place in scope.places:
        if place.append and place.name in kept:
            found = _following(value_at(base, place.pointer), kept[place.name], whole=False)
            kept[place.name] = [] if found is _NOTHING else found
    whole = merged(base, scope, kept)
    pointers = [_shifted(pointer, scope, before) for pointer in rest.pointers]
    appended = {_shifted(pointer, scope, before): count for pointer, count in rest.appended.items()}
    # A list that was to go on, and of which nothing has come, goes on from where it was.
    appended |= {place.pointer: 0 for place in scope.places if place.append and place.pointer in pointers}
    counted = {pointer: len(value_at(whole, pointer) or ()) for pointer in appended}
    errors = tuple(replace(error, pointer=_shifted(error.pointer, scope, before)) for error in rest.errors)
    return replace(rest, data=whole, pointers=pointers, appended=counted, errors=errors)
