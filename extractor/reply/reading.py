"""A reply's text held against a target: read strictly, mended where it is not JSON, coerced, validated.

The usual reply is JSON that the target accepts as it stands: it is decoded once, to see that it is clean,
and validated once. Only another one is looked at more closely. What was mended is listed; what cannot be
mended without guessing is an error, and asked again.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic_core import from_json, to_json

from extractor.chat.wire import Choice
from extractor.reply.outcome import Outcome
from extractor.reply.repairs import Mended, Repair
from extractor.schema.adapt import Adapted
from extractor.schema.checked import FieldError
from extractor.schema.plans import Wrapped
from extractor.schema.restore import Unclean, finite, once
from extractor.schema.target import PartTarget, Target, TypeTarget

if TYPE_CHECKING:  # the usual reply needs no nodes
    from extractor.reply.node import Fault

__all__ = ["Reading", "Wanted", "fault_error", "has_ended", "held", "outcome_of", "read", "texts_of", "was_cut"]

T = TypeVar("T")

# -------------------------------------------------------------------------- where the answer stands


def texts_of(choice: Choice, tool: str = "") -> tuple[str, ...]:
    """The texts in which the answer may be, the likeliest first: the content and the arguments of tool calls.

    Where the function `tool` was to be called, its arguments come before the content.
    """
    message = choice.message
    if not message.tool_calls:
        return (message.content,) if message.content and message.content.strip() else ()
    return tuple(dict.fromkeys(text for text in _texts(choice, tool) if text.strip()))


def _texts(choice: Choice, tool: str) -> Iterator[str]:
    calls = choice.message.tool_calls
    yield from [call.arguments for call in calls if tool and call.name == tool]
    yield choice.message.content or ""
    yield from [call.arguments for call in calls]


def outcome_of(choice: Choice, tool: str = "") -> Outcome | None:
    """What is known without reading the text; None where it has to be read. For `tool` see `texts_of`."""
    finish_reason = choice.finish_reason or ""
    if "content_filter" in finish_reason:  # also composite: "content_filter: RECITATION"
        return Outcome.FILTERED
    if choice.message.refusal:
        return Outcome.REFUSED
    if not choice.complete:
        return Outcome.BROKEN_OFF
    if not texts_of(choice, tool):
        return Outcome.CUT_OFF if was_cut(choice) else Outcome.EMPTY
    return None


# How a candidate ends that has come to its end. After any other word (error, abort …), or none, it may go on.
_ENDS = frozenset("stop stop_sequence end_turn eos tool_calls tool_use function_call complete completed".split())


def has_ended(choice: Choice) -> bool:
    """Whether the endpoint says that the model has come to its end: then a missing bracket is a slip of the pen."""
    return choice.complete and (choice.finish_reason or "").casefold() in _ENDS


def was_cut(choice: Choice) -> bool:
    """Whether the token limit ended the reply. Its JSON may be complete all the same."""
    reason = (choice.finish_reason or "").casefold()
    return "length" in reason or "max_tokens" in reason  # also composite, and in Gemini's own words


# -------------------------------------------------------------------------- what it says


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted(Generic[T]):
    """What a text is held against: a target in the form in which it was asked for (None: in its own shape).

    `context` is pydantic's validation context. Without `coerce`, values are left as they are.
    """

    target: Target[T]
    adapted: Adapted | None = None
    context: Any = None
    coerce: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """What the answer may be wrapped in: the target's name, as it is and as it was sent."""
        return (self.target.name, self.adapted.wire_name if self.adapted else "")

    def restored(self, wire: Any) -> Any:
        """A value in the target's own shape. Raises `Unclean` where a key of it is given twice."""
        restorer = self.adapted.restorer if self.adapted else None
        return wire if restorer is None else restorer(wire)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading(Generic[T]):
    """What a text turned out to be: `value` if there are no `errors`.

    `data` is the plain JSON value in the target's own shape, `wire` the same as it was sent; `repairs` are
    what was mended. `malformed` says that there is no JSON, `unclosed` is what there is of a text that does
    not come to its end.
    """

    value: T | None = None
    data: Any = None
    wire: Any = None
    errors: tuple[FieldError, ...] = ()
    repairs: tuple[Repair, ...] = ()
    malformed: bool = False
    unclosed: Mended | None = None


def read(text: str, wanted: Wanted[T], *, cut: bool = False) -> Reading[T]:
    """Hold a text against what is wanted. Where it was `cut`, its end is not taken for the end of the JSON.

    Raises `TargetFailed`, and nothing for what the text is.
    """
    try:
        data = _decoded(text)
    except Unclean:
        return _unclean(text, wanted)
    except (ValueError, RecursionError) as error:
        return _mended(text, wanted, cut, str(error))
    if cut and isinstance(data, (int, float)):
        return _malformed("more digits may follow")
    reading = held(data, wanted, text=text)
    if cut and _is_made_a_list(reading):
        return _malformed("more may follow")
    if reading.errors and isinstance(data, str):  # JSON in a JSON string
        mended = _mended(text, wanted, cut, "a text")
        return reading if mended.malformed else mended
    return reading


# -------------------------------------------------------------------------- decoding, strictly


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_FINITE:  # it would be infinite as a float
        raise Unclean("It may be infinite.", kind="not_finite", found=digits[:100])
    return int(digits)


_LONGEST_FINITE = 308  # digits
_STRICT = json.JSONDecoder(object_pairs_hook=once, parse_float=finite, parse_int=_whole, parse_constant=finite)
_MANY = 200  # brackets: more of them may be nested too deeply for what comes after
_LONE = re.compile(r"\\u[dD][89a-fA-F]")


def _decoded(text: str) -> Any:
    """The value of a JSON text that is clean. Raises `Unclean`, `ValueError`, `RecursionError`."""
    data = _STRICT.decode(text)
    raw = text.encode()  # which has no word for half a character
    if text.count("{") + text.count("[") > _MANY or _LONE.search(text):
        from_json(raw)  # which also looks for half characters, and is bounded in depth
    return data


# -------------------------------------------------------------------------- what was read


# What is written where there is nothing: only then the value has to be looked at although the target takes it.
_NOTHINGS = ('""', '"null"', 'N/A"', 'n/a"')
_NOTHING = re.compile(r'(?<!\\)"(?:null|[Nn]/[Aa])?"')


def held(data: Any, wanted: Wanted[T], *, text: str | None = None) -> Reading[T]:
    """Hold decoded data, as it came, against what is wanted; `text` is its JSON, where that is at hand."""
    target, wire = wanted.target, data
    try:
        data = wanted.restored(wire)
    except Unclean as error:
        return _not_restored(error, wire)
    own = text if data is wire else None
    if not _needs_a_look(wanted, text) or _is_clean(data, wanted):
        checked = target.validate(data, text=own, context=wanted.context, strict=True)
        if not checked.errors:
            return Reading(value=checked.value, data=data, wire=wire)
    return _coerced(data, wire, wanted, text)


def _needs_a_look(wanted: Wanted[Any], text: str | None) -> bool:
    """Whether a value that the target takes as it stands may still be meant otherwise."""
    target = wanted.target
    # A JSON Schema mostly takes keys that it does not name: one may be a property in another spelling.
    if not isinstance(target, TypeTarget):
        return wanted.coerce
    if text is None or _is_easily_taken_in(target):
        return True
    # Looked for one by one, which is ten times as fast as an expression that has to look at every quote.
    return wanted.coerce and any(word in text for word in _NOTHINGS) and _NOTHING.search(text) is not None


def _is_clean(data: Any, wanted: Wanted[Any]) -> bool:
    """Whether there is nothing to mend in it, and nothing that would be taken for something else."""
    from extractor.reply.coerce import coerced

    looked = coerced(_shape_of(wanted.target), data, mend=wanted.coerce, names=wanted.names)
    return not looked.repairs and not looked.faults


_TAKEN_IN = re.compile(r'"format": "(?:date|time|duration|ipvany)|"(?:const|enum)": \[?-?\d')


@functools.lru_cache(maxsize=256)
def _is_easily_taken_in(target: Target[Any]) -> bool:
    """Whether pydantic takes something else for a value of it, strictly too: digits for a date, true for 1."""
    return _TAKEN_IN.search(json.dumps(target.schema, default=str)) is not None


def _coerced(data: Any, wire: Any, wanted: Wanted[T], text: str | None) -> Reading[T]:
    """The data as the schema wants it, as far as that loses nothing; as it stands, if the target prefers that."""
    from extractor.reply.coerce import coerced  # not for a reply that conforms

    target, context = wanted.target, wanted.context
    literals = _with_literals(data, wanted, text)
    mended = coerced(_shape_of(target), literals, mend=wanted.coerce, names=wanted.names)
    if mended.repairs:
        taken = from_json(to_json(mended.data))
        checked = target.validate(taken, context=context)
        # A key in another spelling is one that the target would pass over, with what stands under it.
        passed_over = any(repair.kind in ("key", "unwrapped") for repair in mended.repairs)
        if checked.errors and not mended.faults and not passed_over:
            plain = target.validate(data, context=context)
            if len(plain.errors) < len(checked.errors):
                checked, taken, mended = plain, data, replace(mended, repairs=())
    else:
        taken, checked = data, target.validate(data, context=context)
    faulty = {fault.pointer for fault in mended.faults}
    errors = (*mended.faults, *(error for error in checked.errors if error.pointer not in faulty))
    value = None if errors else checked.value
    return Reading(value=value, data=taken, wire=wire, errors=errors, repairs=mended.repairs)


def _with_literals(data: Any, wanted: Wanted[Any], text: str | None) -> Any:
    """The data with its numbers as they were written: `1.50` is the text "1.50" where a text is wanted."""
    if text is None or not wanted.coerce:
        return data
    from extractor.reply.encoded import as_written

    return wanted.restored(as_written(text))


@functools.lru_cache(maxsize=256)
def _shape(target: Target[Any]) -> Any:
    from extractor.reply.shaping import shape_of

    return shape_of(target.schema, decimals=isinstance(target, TypeTarget))


def _shape_of(target: Target[Any]) -> Any:
    # Parts are asked for once: they must not take the place of what is asked for again and again.
    return _shape.__wrapped__(target) if isinstance(target, PartTarget) else _shape(target)


def _not_restored(error: Unclean, wire: Any) -> Reading[Any]:
    said = FieldError(pointer="", message=str(error), found=error.found, kind=error.kind)
    return Reading(wire=wire, errors=(said,))


# -------------------------------------------------------------------------- what is not clean

_UNCLEAN = {
    "not_finite": "A number must be finite, and one that JSON has",
    "duplicate_key": "The key is given twice",
}


def fault_error(fault: Fault, pointer: str) -> FieldError:
    """What is said of a fault of the text; `pointer` is its place in the target's own shape."""
    return FieldError(pointer=pointer, message=_UNCLEAN[fault.kind], found=fault.found, kind=fault.kind)


def _unclean(text: str, wanted: Wanted[T]) -> Reading[T]:
    """The errors of a text with NaN, Infinity, a number too large, or a key given twice, each at its place."""
    from extractor.reply.node import Malformed, plain
    from extractor.reply.reader import read as read_nodes

    faults: list[Fault] = []
    try:
        wire = plain(read_nodes(text, faults=faults))
    except Malformed as error:
        return _malformed(str(error))
    try:
        reading = _coerced(wanted.restored(wire), wire, replace(wanted, coerce=False), None)
    except Unclean as error:
        reading = _not_restored(error, wire)
    places = _own_places([fault.pointer for fault in faults], wire, wanted)
    named = tuple(map(fault_error, faults, places))
    pointers = {error.pointer for error in named}
    errors = named + tuple(error for error in reading.errors if error.pointer not in pointers)
    return replace(reading, value=None if errors else reading.value, errors=errors)


def _own_places(pointers: list[str], wire: Any, wanted: Wanted[Any]) -> list[str]:
    """Places on the wire → places in the target's own shape."""
    adapted = wanted.adapted
    if adapted is None or adapted.restorer is None:
        return pointers
    from extractor.schema.places import moved, places

    known = dict(places(adapted.plan, wire, adapted.definitions))
    return [moved(pointer, known) for pointer in pointers]


def _malformed(why: str, unclosed: Mended | None = None) -> Reading[Any]:
    error = FieldError(pointer="", message=f"Invalid JSON: {why}", found="text that is no JSON", kind="json_invalid")
    return Reading(errors=(error,), malformed=True, unclosed=unclosed)


# -------------------------------------------------------------------------- what is no JSON


def _mended(text: str, wanted: Wanted[T], cut: bool, why: str) -> Reading[T]:
    """The one value in a text that is not JSON as it stands, where there is one."""
    from extractor.reply.repair import mended

    values = mended(text)
    whole = [each for each in values if not each.torn and not (cut and each.closers)]
    last = values[-1] if values and values[-1] not in whole else None
    if not cut and last is None and len(whole) > 1 and (lines := _lines(whole, wanted)) is not None:
        return lines
    readings = [_read_mended(each, wanted) for each in whole]
    fits = [reading for reading in readings if not reading.errors]
    if last is not None and (cut or not fits or _is_alike(last, wanted)):
        return _malformed("it does not come to its end", last)
    different = _different(fits)
    # A later one that looks like what is wanted may be what was meant, and an earlier one a draft or an example.
    after = readings[max(n for n, reading in enumerate(readings) if not reading.errors) + 1 :] if fits else []
    if len(different) > 1 or any(_has_a_field(reading.data, wanted) for reading in after) or len(values) >= _TOO_MANY:
        return _ambiguous(different or readings, len(different))
    if different:
        return _malformed("more may follow") if cut and _is_made_a_list(different[0]) else different[0]
    if not readings:
        return _malformed(why)
    return min(readings, key=lambda reading: (reading.malformed, len(reading.errors)))


def _is_made_a_list(reading: Reading[Any]) -> bool:
    """Whether it is one value, taken for the only item of a list."""
    return any(repair.kind == "list" and not repair.pointer for repair in reading.repairs)


_TOO_MANY = 20  # values: there may be more that are not looked at


def _ambiguous(readings: Sequence[Reading[T]], fitting: int) -> Reading[T]:
    said = f"{fitting} different values conform" if fitting > 1 else "There are several values"
    error = FieldError(
        pointer="", message=f"{said}; only one may be given", found="more than one value", kind="ambiguous"
    )
    return replace(readings[-1], value=None, errors=(error,))


def _is_alike(unclosed: Mended, wanted: Wanted[Any]) -> bool:
    try:
        return _has_a_field(_decoded(unclosed.text + unclosed.closers), wanted)
    except (ValueError, RecursionError):
        return False


def _has_a_field(data: Any, wanted: Wanted[Any]) -> bool:
    """Whether it looks like what is wanted."""
    schema = wanted.adapted.schema if wanted.adapted else wanted.target.schema
    properties = schema.get("properties", {}).keys() | wanted.target.schema.get("properties", {}).keys()
    return isinstance(data, dict) and not properties.isdisjoint(data)


def _read_mended(each: Mended, wanted: Wanted[T]) -> Reading[T]:
    text = each.text + each.closers
    try:
        data = _decoded(text)
    except Unclean:
        reading = _unclean(text, wanted)
    except (ValueError, RecursionError) as error:
        return _malformed(str(error))
    else:
        reading = held(data, wanted, text=text)
    return replace(reading, repairs=each.repairs + reading.repairs)


def _different(readings: Sequence[Reading[T]]) -> list[Reading[T]]:
    """One of each value."""
    found: dict[bytes, Reading[T]] = {}
    for reading in readings:
        found.setdefault(to_json(reading.data), reading)
    return list(found.values())


def _lines(values: Sequence[Mended], wanted: Wanted[T]) -> Reading[T] | None:
    """Several values one after the other where a list is wanted: its items."""
    kinds = {repair.kind for each in values for repair in each.repairs}
    # What was passed over may be an item, and what stands in prose may be none.
    if wanted.target.schema.get("type") != "array" or kinds & {"passed_over", "prose"} or len(values) >= _TOO_MANY:
        return None
    try:
        items = [_decoded(each.text + each.closers) for each in values]
    except (ValueError, RecursionError):
        return None
    adapted = wanted.adapted
    wrapped = adapted is not None and isinstance(adapted.plan, Wrapped)
    reading = held({"value": items} if wrapped else items, wanted)
    repairs = tuple(repair for each in values for repair in each.repairs)
    said = Repair(kind="lines", message=f"Taken {len(items)} values one after the other for a list.", pointer="")
    return None if reading.errors else replace(reading, repairs=(*repairs, said, *reading.repairs))
