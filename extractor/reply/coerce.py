"""Schema-guided, loss-free mending of a value, before a request is spent on it.

A reply was read as JSON but is not quite what the schema asks for: "30" for an integer, a lone object where a list
is wanted. A value that fits is never touched (but for words such as "N/A"). Any other is held against every way in
which it could be right, and is mended where exactly one value that fits comes of it. Each mend is listed.

It also names the values that pydantic would take for something else without a word: `true` for a number, a number
for a date, "inf" for a number.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_core import from_json

from extractor.reply.repairs import Repair
from extractor.reply.shape import (
    JSON_TYPES,
    MAX_DEPTH,
    Anything,
    Array,
    Branch,
    Constants,
    Fit,
    Object,
    Scalar,
    Shape,
    Text,
    kind_of,
    written,
)
from extractor.reply.spellings import (
    FORMATS,
    boolean_of,
    folded,
    integer_of,
    is_endless,
    is_nothing,
    is_numeric,
    number_of,
    numeral_of,
)
from extractor.schema.nodes import escaped, text_of
from extractor.schema.target import FieldError

__all__ = ["Coerced", "coerced"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Coerced:
    """A value as its schema wants it, as far as that loses nothing.

    `data` is the very value that was given where nothing was mended. `repairs` have pointers into `data`. `faults`
    are values that a validator may take, but for something else ("boolean_for_number", "number_for_text",
    "not_finite").
    """

    data: Any
    repairs: tuple[Repair, ...]
    faults: tuple[FieldError, ...]


def coerced(shape: Shape, data: Any, *, mend: bool = True, names: Sequence[str] = ()) -> Coerced:
    """Mend plain data without loss; the input is never changed.

    Without `mend` only faults are looked for. `names` are what an object may be wrapped in: the names of the target
    and of its tool. A float may have an attribute `literal`, the text as which it was written. Never raises.
    """
    mender = _Mender(mend)
    value, said = mender.unwrapped(shape, data, names) if mend else (data, _NOTHING_SAID)
    value, notes = mender.value(shape, value, 0)
    repairs: list[Repair] = []
    faults: list[FieldError] = []
    for pointer, note in _placed([*said, *notes], ""):
        if note.found is None:
            repairs.append(Repair(kind=note.kind, message=note.message, pointer=pointer))
        else:
            faults.append(FieldError(pointer=pointer, message=note.message, found=note.found, kind=note.kind))
    return Coerced(data=value, repairs=tuple(repairs), faults=tuple(dict.fromkeys(faults)))


# ---------------------------------------------------------------------------------------- notes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Note:
    """What was mended, or, with `found`, what is wrong."""

    kind: str
    message: str
    found: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Within:
    """Notes about what is inside of a value: so none is copied on its way up."""

    step: str | int
    notes: Notes


Notes: TypeAlias = "Sequence[_Note | _Within]"
Mended: TypeAlias = "tuple[Any, Notes]"
_NOTHING_SAID: Notes = ()


def _placed(notes: Notes, pointer: str) -> Iterator[tuple[str, _Note]]:
    ahead = [(pointer, each) for each in reversed(notes)]
    while ahead:
        pointer, note = ahead.pop()
        if isinstance(note, _Note):
            yield pointer, note
        else:
            inner = f"{pointer}/{escaped(str(note.step))}"
            ahead += [(inner, each) for each in reversed(note.notes)]


_QUOTED = 60  # characters of a value that a message quotes


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return ("an object" if isinstance(value, dict) else "a list") if value else text_of(value)
    if isinstance(value, str):
        shown = json.dumps(value[: _QUOTED + 1], ensure_ascii=False)
    else:
        shown = written(value) or text_of(value)
    return shown if len(shown) <= _QUOTED else shown[: _QUOTED - 1] + "…"


def _taken(kind: str, value: Any, result: Any) -> _Note:
    return _Note(kind=kind, message=f"Taken {_shown(value)} for {_shown(result)}.")


# -------------------------------------------------------------------------------------- descent

TRIED_DEPTH = 64  # levels down to which a value is held against several branches: each takes more of Python's frames


class _Mender:
    def __init__(self, mend: bool) -> None:
        self._mend = mend
        self._judge = _Mender(False) if mend else self
        self._fit = Fit()
        self._known: dict[tuple[int, int], tuple[Any, Mended]] = {}

    def value(self, shape: Shape, value: Any, depth: int) -> Mended:
        """The value mended, and what is to be said of it."""
        kind = type(value)
        if kind not in JSON_TYPES:
            kind = kind_of(value)
        least = shape.exact.get(kind)
        if (least is not None and (not least or len(value) >= least)) or depth > MAX_DEPTH:
            return value, _NOTHING_SAID
        if kind is dict or kind is list:
            branch = self._chosen(shape, value, kind, depth)
            if branch is None:
                return self._tried(shape, value, kind, depth)
            if type(branch) not in _INSIDE:
                return value, _NOTHING_SAID
            return _INSIDE[type(branch)](self, branch, value, depth)
        if kind is str and self._mend and shape.nullable and shape.is_nothing(value):
            return None, [_taken("null", value, None)]
        for each in shape.branches:
            if kind in each.takes and each.fits(value, self._fit, depth):
                return value, _NOTHING_SAID
        return self._tried(shape, value, kind, depth)

    def _chosen(self, shape: Shape, value: Any, kind: type, depth: int) -> Branch | None:
        """The branch that an object or a list belongs to, whether it is right or not."""
        takers = [each for each in shape.branches if kind in each.takes]
        alone = len(takers) == 1 and (kind is list or list not in shape.kinds)
        if alone and type(takers[0]) in _INSIDE:
            return takers[0]
        fitting = [each for each in takers if each.fits(value, self._fit, depth)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else _AS_IT_IS
        return _told(shape, takers, value) if kind is dict else None

    def _object(self, branch: Object, value: dict[str, Any], depth: int) -> Mended:
        plain, checks, fields, rest = branch.plain, branch.checks, branch.fields, branch.rest
        changed: dict[str, Any] = {}
        notes: list[_Note | _Within] = []
        strange: list[str] = []
        for key, member in value.items():
            exact = plain.get(key)
            if exact is not None:
                least = exact.get(type(member))
                if least is not None and (not least or len(member) >= least):
                    continue
                if key in checks and type(member) is str and checks[key](member):
                    continue
            shape = fields.get(key, rest)
            if shape is None:
                strange.append(key)
                continue
            result, inner = self.value(shape, member, depth + 1)
            if inner:
                notes.append(_Within(step=key, notes=inner))
            if result is not member:
                changed[key] = result
        renamed = self._renamed(branch, value, strange, depth) if strange and self._mend and fields else {}
        notes += [_Within(step=new, notes=inner) for new, _, inner in renamed.values()]
        if not changed and not renamed:
            return value, notes
        names = {key: new for key, (new, _, _) in renamed.items()}
        changed |= {key: member for key, (_, member, _) in renamed.items()}
        return {names.get(key, key): changed.get(key, member) for key, member in value.items()}, notes

    def _renamed(
        self, branch: Object, value: dict[str, Any], strange: list[str], depth: int
    ) -> dict[str, tuple[str, Any, Notes]]:
        """Keys that are those of properties but for how they are written → the property, its value, what to say."""
        if branch.open:
            return {}
        meant = {key: name for key in strange if (name := branch.names.get(folded(key))) and name not in value}
        once = Counter(meant.values())
        renamed: dict[str, tuple[str, Any, Notes]] = {}
        for key, name in meant.items():
            shape = branch.fields[name]
            result, inner = self.value(shape, value[key], depth + 1)
            # Where it does not fit, a key that the target passes over would become an error.
            if once[name] == 1 and self._fit(shape, result, depth + 1):
                said = _Note(kind="key", message=f"Read the key {_shown(key)} as {_shown(name)}.")
                renamed[key] = name, result, [said, *inner]
        return renamed

    def _array(self, branch: Array, value: list[Any], depth: int) -> Mended:
        changed: dict[int, Any] = {}
        notes: list[_Note | _Within] = []
        for index, item in enumerate(value):
            shape = branch.at(index)
            if shape is not None:
                result, inner = self.value(shape, item, depth + 1)
                if inner:
                    notes.append(_Within(step=index, notes=inner))
                if result is not item:
                    changed[index] = result
        return ([changed.get(index, item) for index, item in enumerate(value)] if changed else value), notes

    # -------------------------------------------------------------------------- what does not fit

    def _tried(self, shape: Shape, value: Any, kind: type, depth: int) -> Mended:
        """What does not fit, held against all branches; faults where nothing, or more than one value, comes of it."""
        if depth > TRIED_DEPTH:
            return value, _NOTHING_SAID
        key = (id(shape), id(value))
        known = self._known.get(key)
        if known is not None and known[0] is value:
            return known[1]
        mended = self._mended(shape, value, kind, depth) if self._mend else None
        if mended is None:
            insides = self._insides(shape, value, kind, depth)
            # Of one branch also a part of the mending is kept.
            mended = insides[0][1:] if len(insides) == 1 else (value, self._judge._faults(shape, value, kind, depth))
        if kind is dict or kind is list:
            self._known[key] = value, mended
        return mended

    def _mended(self, shape: Shape, value: Any, kind: type, depth: int) -> Mended | None:
        if kind is str and str not in shape.kinds and (parsed := _parsed(value)) is not None:
            result, notes = self.value(shape, parsed, depth + 1)
            if kind_of(parsed) in shape.kinds or self._fit(shape, result, depth):
                return result, [_Note(kind="json", message="Read the JSON that a text held."), *notes]
        for tries in (self._insides, _decimals, _spellings, self._listed):
            found = [
                (result, notes)
                for branch, result, notes in tries(shape, value, kind, depth)
                if kind_of(result) in branch.takes and branch.fits(result, self._fit, depth) and branch.allows(result)
            ]
            if found:
                return found[0] if _are_one([result for result, _ in found]) else None
        return None

    def _insides(self, shape: Shape, value: Any, kind: type, depth: int) -> Tries:
        """The value mended inside, as each branch would have it."""
        tries: Tries = []
        for branch in shape.branches:
            if kind in branch.takes and type(branch) in _INSIDE:
                tries.append((branch, *_INSIDE[type(branch)](self, branch, value, depth)))
        return tries

    def _listed(self, shape: Shape, value: Any, kind: type, depth: int) -> Tries:
        """The value put into a list, or the only item of a list."""
        tries: Tries = []
        if kind is list:
            if len(value) == 1 and list not in shape.kinds:
                result, notes = self.value(shape, value[0], depth + 1)
                said = _Note(kind="item", message="Taken the only item of a list for the value.")
                tries = [(branch, result, [said, *notes]) for branch in shape.branches]
            return tries
        for branch in shape.branches if not _may_be_several(value) else ():
            if isinstance(branch, Array) and not branch.first:
                result, inner = self.value(branch.rest, value, depth + 1) if branch.rest else (value, _NOTHING_SAID)
                said = _Note(kind="list", message=f"Put {_shown(value)} into a list.")
                tries.append((branch, [result], [said, _Within(step=0, notes=inner)]))
        return tries

    def _faults(self, shape: Shape, value: Any, kind: type, depth: int) -> Notes:
        """What must not pass: a number in another type's place, here or inside, as any branch would have it."""
        if kind is dict or kind is list:
            return [note for _, _, notes in self._insides(shape, value, kind, depth) for note in notes]
        numbers = any(isinstance(each, (Scalar, Constants)) and int in each.takes for each in shape.branches)
        if kind is bool and numbers:
            message = f"Expected a number, not {_shown(value)}"
            return [_Note(kind="boolean_for_number", message=message, found=_shown(value))]
        formats = [each.format for each in shape.branches if isinstance(each, Text) and each.format in FORMATS]
        if formats and (kind in (int, float) or (kind is str and not numbers and is_numeric(value))):
            message = f"Expected a text in the format {formats[0]}, not a number"
            return [_Note(kind="number_for_text", message=message, found=_shown(value))]
        if kind is str and numbers and is_endless(value):
            return [_Note(kind="not_finite", message="A number must be finite", found=_shown(value))]
        return _NOTHING_SAID

    # ----------------------------------------------------------------------------------- the root

    def unwrapped(self, shape: Shape, data: Any, names: Sequence[str]) -> Mended:
        """What an object holds that is nothing but a wrapper: {"Invoice": {…}}, {"name": …, "arguments": {…}}."""
        if not isinstance(data, dict) or len(data) > 2:  # the usual case, and not to be slowed down
            return data, _NOTHING_SAID
        known = {key for each in shape.branches if isinstance(each, Object) for key in each.names}
        called = {folded(name) for name in names if name}
        notes: list[_Note | _Within] = []
        free = any(isinstance(each, Object) and each.open for each in shape.branches)
        while known and isinstance(data, dict) and 1 <= len(data) <= 2 and not (free and self._fit(shape, data)):
            key, inner = _held(data, called)
            if not isinstance(inner, dict) or folded(key) in known or known.isdisjoint(map(folded, inner)):
                break
            data = inner
            notes.append(_Note(kind="unwrapped", message=f"Taken what {_shown(key)} held for the whole."))
        return data, notes


def _are_one(values: list[Any]) -> bool:
    try:
        return len(values) == 1 or len(set(map(text_of, values))) == 1
    except RecursionError:  # too deep to tell
        return False


Tries: TypeAlias = "list[tuple[Branch, Any, Notes]]"

_AS_IT_IS = Anything(frozenset())
_INSIDE: Mapping[type, Callable[[_Mender, Any, Any, int], Mended]] = {Object: _Mender._object, Array: _Mender._array}


def _told(shape: Shape, takers: list[Branch], value: dict[str, Any]) -> Object | None:
    """The one branch of an object that its tags, or else its keys, tell."""
    objects = [each for each in takers if isinstance(each, Object)]
    meant = {name: tag.meant(value[name]) for name, tag in shape.tags.items() if name in value}
    possible = [
        each for each in objects if all(tag.has(meant[name]) for name, tag in each.tags.items() if name in meant)
    ]
    if len(possible) == 1 and possible[0].tags.keys() & meant.keys():
        return possible[0]
    whole = [each for each in possible if each.required <= value.keys() and value.keys() <= each.fields.keys()]
    return whole[0] if len(whole) == 1 else None


_WRAPPERS = frozenset("data result output response record answer json item value".split())
_ARGUMENTS = ("arguments", "parameters", "input")


def _held(data: dict[str, Any], called: set[str]) -> tuple[str, Any]:
    """The key under which an object may be wrapped, and what it holds there."""
    if len(data) == 1:
        ((key, inner),) = data.items()
        return key, inner if folded(key) in called | _WRAPPERS else None
    name = data.get("name")
    key = next((each for each in _ARGUMENTS if each in data), "")
    if not key or not isinstance(name, str) or folded(name) not in called:
        return "", None
    inner = data[key]
    return key, _parsed(inner) if isinstance(inner, str) else inner


# ------------------------------------------------------------------------------------ spellings

_SEVERAL = re.compile(r"[,;|\n\r\t，；、]")


def _may_be_several(value: Any) -> bool:
    """Whether what stands for a list may be a list of several, or of none."""
    if isinstance(value, str):
        return _SEVERAL.search(value) is not None or is_nothing(value, free=False)
    return value is None


def _decimals(shape: Shape, value: Any, kind: type, depth: int) -> Tries:
    """A number that may also be a text, as pydantic wants a `Decimal`: then no digit is lost."""
    if kind is not str or not any(isinstance(each, Scalar) and each.kind == "number" for each in shape.branches):
        return []
    text = numeral_of(value)
    texts = [each for each in shape.branches if isinstance(each, Text) and each.pattern]
    return [(each, text, [_taken("number", value, text)]) for each in texts if text is not None]


def _spellings(shape: Shape, value: Any, kind: type, depth: int) -> Tries:
    """What the value is, spelled in another way, as each branch would have it."""
    tries: Tries = []
    for branch in shape.branches:
        rule = _RULES.get(branch.kind if isinstance(branch, Scalar) else type(branch))
        said, result = rule(shape, branch, value) if rule else ("", _NO_RESULT)
        if result is not _NO_RESULT and result is not None:
            tries.append((branch, result, [_taken(said, value, result)]))
    return tries


_NO_RESULT = object()
Spelled: TypeAlias = "tuple[str, Any]"


def _integer(shape: Shape, branch: Scalar, value: Any) -> Spelled:
    return "integer", integer_of(value) if isinstance(value, str) else None


def _number(shape: Shape, branch: Scalar, value: Any) -> Spelled:
    return "number", number_of(value) if isinstance(value, str) else None


def _boolean(shape: Shape, branch: Scalar, value: Any) -> Spelled:
    alone = shape.kinds.isdisjoint((int, float, str))
    if type(value) is int and value in (0, 1) and alone:
        return "boolean", value == 1
    return "boolean", boolean_of(value, digits=alone) if isinstance(value, str) else None


def _text(shape: Shape, branch: Text, value: Any) -> Spelled:
    known, text = FORMATS.get(branch.format), value
    if type(value) is not str:
        text = written(value)
        if not text or (known and (branch.format != "date" or len(text) != len("20210503"))):
            return "", None
        if known is None:
            return "text", text if branch.free else None
    return branch.format.replace("-", "_"), known.spelled(text) if known else None


def _constant(shape: Shape, branch: Constants, value: Any) -> Spelled:
    return "choice", branch.meant(value)


def _list(shape: Shape, branch: Array, value: Any) -> Spelled:
    # [null] may be meant where items can be null.
    return "list", [] if value is None and not (branch.rest and branch.rest.nullable) else None


_RULES: Mapping[Any, Callable[[Shape, Any, Any], Spelled]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    Text: _text,
    Constants: _constant,
    Array: _list,
}

# ------------------------------------------------------------------------------- JSON in a text


class _Written(float):
    """A number that remembers how it was written."""

    literal: str


def _finite(digits: str) -> float:
    number = _Written(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    number.literal = digits
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is given twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite)


def _parsed(text: str) -> Any:
    """The object or list whose JSON a text is; None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        from_json(text, allow_inf_nan=False)  # bounded in depth; refuses half characters
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
