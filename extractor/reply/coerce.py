"""Schema-guided, loss-free mending of a value, before a request is spent on it.

A reply was read as JSON but is not quite what the schema asks for: "30" for an integer, a lone object where a list
is wanted. A value that fits is never touched (but for words such as "N/A"). Any other is held against every way in
which it could be right, and is mended where exactly one value that fits comes of it. Each mend is listed.

It also names the values that pydantic would take for something else without a word: `true` for a number, a number
for a date, "inf" for a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extractor.reply.branches import JSON_TYPES, Anything, Branch, Fit, kind_of
from extractor.reply.encoded import parsed
from extractor.reply.meanings import folded
from extractor.reply.node import MAX_DEPTH
from extractor.reply.notes import NOTHING_SAID, Note, Notes, Result, Within, every, placed, shown, taken
from extractor.reply.repairs import Repair
from extractor.reply.respelled import Tries, decimals, may_be_several, mistaken, respelled
from extractor.reply.shape import Array, Object, Shape
from extractor.reply.wrapper import unwrapped
from extractor.schema.checked import MOST_CHARACTERS, MOST_ERRORS, FieldError, and_more
from extractor.schema.nodes import text_of

__all__ = ["Coerced", "coerced"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Coerced:
    """A value as its schema wants it, as far as that loses nothing.

    `data` is the very value that was given where nothing was mended. `repairs` have pointers into `data`. `faults`
    are values that a validator may take, but for something else ("boolean_for_number", "number_for_text",
    "not_finite", "boolean_for_text", "ambiguous_number"), or under a key that was read as another ("misfit").

    There are at most 1,000 of each, with pointers of 1,000,000 characters in all. If there were more, the last is of
    the kind "more", and says how many.
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
    value, said = unwrapped(shape, data, names, mender.fit) if mend else (data, NOTHING_SAID)
    value, notes = mender.value(shape, value, 0)
    return _listed([*said, *notes], value) if said or notes else Coerced(data=value, repairs=(), faults=())


def _listed(notes: Notes, value: Any) -> Coerced:
    repairs: list[Repair] = []
    faults: list[FieldError] = []
    characters = 0
    for pointer, note in placed(notes, ""):
        characters += len(pointer)
        if characters > MOST_CHARACTERS:
            break
        if note.found is not None and len(faults) < MOST_ERRORS:
            faults.append(FieldError(pointer=pointer, message=note.message, found=note.found, kind=note.kind))
        elif note.found is None and len(repairs) < MOST_ERRORS:
            repairs.append(Repair(kind=note.kind, message=note.message, pointer=pointer))
    wrong = Counter(note.found is not None for note in every(notes))
    if more := wrong[False] - len(repairs):
        repairs.append(Repair(kind="more", message=f"And {more} more.", pointer=""))
    if more := wrong[True] - len(faults):
        faults.append(and_more(more))
    return Coerced(data=value, repairs=tuple(repairs), faults=tuple(dict.fromkeys(faults)))


# -------------------------------------------------------------------------------------- descent

TRIED_DEPTH = 64  # levels down to which a value is held against several branches: each takes more of Python's frames


class _Mender:
    """Goes through one value. Without `mend` it only says what is wrong, and changes nothing."""

    def __init__(self, mend: bool) -> None:
        self._mend = mend
        self._judge = _Mender(False) if mend else self
        self.fit = Fit()
        self._known: dict[tuple[int, int], tuple[Any, Result]] = {}

    def value(self, shape: Shape, value: Any, depth: int) -> Result:
        """The value mended, and what is to be said of it."""
        kind = type(value)
        if kind not in JSON_TYPES:
            kind = kind_of(value)
        least = shape.exact.get(kind)
        if (least is not None and (not least or len(value) >= least)) or depth > MAX_DEPTH:
            return value, NOTHING_SAID
        if kind is dict or kind is list:
            branch = self._chosen(shape, value, kind, depth)
            if branch is None:
                return self._tried(shape, value, kind, depth)
            if type(branch) not in _INSIDE:
                return value, NOTHING_SAID
            return _INSIDE[type(branch)](self, branch, value, depth)
        if kind is str and self._mend and shape.nullable and shape.is_nothing(value):
            return None, [taken("null", value, None)]
        for each in shape.branches:
            if kind in each.takes and each.fits(value, self.fit, depth):
                return value, NOTHING_SAID
        return self._tried(shape, value, kind, depth)

    def _chosen(self, shape: Shape, value: Any, kind: type, depth: int) -> Branch | None:
        """The branch that an object or a list belongs to, whether it is right or not."""
        takers = [each for each in shape.branches if kind in each.takes]
        alone = len(takers) == 1 and (kind is list or list not in shape.kinds)
        if alone and type(takers[0]) in _INSIDE:
            return takers[0]
        fitting = [each for each in takers if each.fits(value, self.fit, depth)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else _AS_IT_IS
        return _told(shape, takers, value) if kind is dict else None

    def _object(self, branch: Object, value: dict[str, Any], depth: int) -> Result:
        changed, notes, strange = self._members(branch, value, depth)
        renamed = self._renamed(branch, value, strange, depth) if strange and self._mend and branch.fields else {}
        if not changed and not renamed:
            return value, notes
        notes += [Within(step=new, notes=inner) for new, _, inner in renamed.values()]
        names = {key: new for key, (new, _, _) in renamed.items()}
        changed |= {key: member for key, (_, member, _) in renamed.items()}
        return {names.get(key, key): changed.get(key, member) for key, member in value.items()}, notes

    def _members(
        self, branch: Object, value: dict[str, Any], depth: int
    ) -> tuple[dict[str, Any], list[Note | Within], list[str]]:
        """The members that were mended, what is to be said, and the keys of which nothing is known."""
        plain, checks, fields, rest = branch.plain, branch.checks, branch.fields, branch.rest
        changed: dict[str, Any] = {}
        notes: list[Note | Within] = []
        strange: list[str] = []
        for key, member in value.items():
            exact = plain.get(key)
            if exact is not None:
                least = exact.get(type(member))
                if least is not None and (not least or len(member) >= least):
                    continue
                if key in checks and type(member) is str and checks[key](member):
                    continue
            shape = branch.at(key) if branch.patterns else fields.get(key, rest)
            if shape is None:
                strange.append(key)
                continue
            result, inner = self.value(shape, member, depth + 1)
            if inner:
                notes.append(Within(step=key, notes=inner))
            if result is not member:
                changed[key] = result
        return changed, notes, strange

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
            if once[name] == 1:
                # Also where it does not fit: a type passes over the key, and would take a default for what was said.
                # To a JSON Schema it may be a key of its own.
                result, inner = self.value(shape, value[key], depth + 1)
                if not branch.of_type and not self._is_right(shape.branches, result, depth + 1):
                    continue
                said: list[Note | Within] = [
                    Note(kind="key", message=f"Read the key {shown(key)} as {shown(name)}."),
                    *inner,
                ]
                told = any(note.found is not None for note in every(inner))
                if branch.of_type and not told and not self._is_right(shape.branches, result, depth + 1):
                    said.append(Note(kind="misfit", message=_MISFIT, found=shown(result)))
                renamed[key] = name, result, said
        return renamed

    def _array(self, branch: Array, value: list[Any], depth: int) -> Result:
        changed: dict[int, Any] = {}
        notes: list[Note | Within] = []
        for index, item in enumerate(value):
            shape = branch.at(index)
            if shape is not None:
                result, inner = self.value(shape, item, depth + 1)
                if inner:
                    notes.append(Within(step=index, notes=inner))
                if result is not item:
                    changed[index] = result
        return ([changed.get(index, item) for index, item in enumerate(value)] if changed else value), notes

    # -------------------------------------------------------------------------- what does not fit

    def _tried(self, shape: Shape, value: Any, kind: type, depth: int) -> Result:
        """What does not fit, held against all branches; faults where nothing, or more than one value, comes of it."""
        if depth > TRIED_DEPTH:
            return value, NOTHING_SAID
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

    def _mended(self, shape: Shape, value: Any, kind: type, depth: int) -> Result | None:
        if kind is str and str not in shape.kinds and (inner := parsed(value)) is not None:
            result, notes = self.value(shape, inner, depth + 1)
            if kind_of(inner) in shape.kinds or self.fit(shape, result, depth):
                return result, [Note(kind="json", message="Read the JSON that a text held."), *notes]
        for tries in (self._insides, decimals, respelled, self._in_lists):
            found = [
                (result, notes)
                for branch, result, notes in tries(shape, value, kind, depth)
                if self._is_right([branch], result, depth)
            ]
            if found:
                return found[0] if _are_one([result for result, _ in found]) else None
        return None

    def _is_right(self, branches: Sequence[Branch], value: Any, depth: int) -> bool:
        """Whether a value is what one of some branches takes, ranges and lengths included."""
        kind = kind_of(value)
        takers = (each for each in branches if kind in each.takes)
        return any(each.fits(value, self.fit, depth) and each.allows(value) for each in takers)

    def _insides(self, shape: Shape, value: Any, kind: type, depth: int) -> Tries:
        """The value mended inside, as each branch would have it."""
        tries: Tries = []
        for branch in shape.branches:
            if kind in branch.takes and type(branch) in _INSIDE:
                tries.append((branch, *_INSIDE[type(branch)](self, branch, value, depth)))
        return tries

    def _in_lists(self, shape: Shape, value: Any, kind: type, depth: int) -> Tries:
        """The value put into a list, or the only item of a list."""
        tries: Tries = []
        if kind is list:
            if len(value) == 1 and list not in shape.kinds:
                result, notes = self.value(shape, value[0], depth + 1)
                said = Note(kind="item", message="Taken the only item of a list for the value.")
                tries = [(branch, result, [said, *notes]) for branch in shape.branches]
            return tries
        for branch in shape.branches if not may_be_several(value) else ():
            if isinstance(branch, Array) and not branch.first:
                result, inner = self.value(branch.rest, value, depth + 1) if branch.rest else (value, NOTHING_SAID)
                said = Note(kind="list", message=f"Put {shown(value)} into a list.")
                tries.append((branch, [result], [said, Within(step=0, notes=inner)]))
        return tries

    def _faults(self, shape: Shape, value: Any, kind: type, depth: int) -> Notes:
        """What must not pass, here or inside, as any branch would have it."""
        if kind is dict or kind is list:
            return [note for _, _, notes in self._insides(shape, value, kind, depth) for note in notes]
        return mistaken(shape, value, kind)


_MISFIT = "The value under this key, which was spelled in another way, is not what was asked for"


def _are_one(values: list[Any]) -> bool:
    """Whether all are the same value."""
    try:
        return len(values) == 1 or len(set(map(text_of, values))) == 1
    except RecursionError:  # too deep to tell
        return False


_AS_IT_IS = Anything(frozenset())  # of a value that is right in several ways
_INSIDE: Mapping[type, Callable[[_Mender, Any, Any, int], Result]] = {Object: _Mender._object, Array: _Mender._array}


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
