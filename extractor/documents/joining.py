"""The lists of several parts as one, in which what two parts both saw is there once.

Two items of different parts are the same if the same member of both is at the same place (one at which no other item
is as well, as the date is under which several stand), and no member of them is at different places with different
values. Equal items at different places stay two.

What stands nowhere is the same as what has an equal `id` or the like in the part before, or as what is equal and ends
that part as it begins this one, if both may come from the text that the two share: items follow one another as their
rows do, so that those without a place are about where those around them are. Anywhere it is the same if it is a scalar
that cannot stand in the document (a category, say). The last item of a part and the first of the next are one where
each has what the other lacks, and what must be there is among that. Where the schema names keys, items of the same key
are one, wherever they stand, and no others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from extractor.documents.part import Part, PartValue, leaves_of
from extractor.evidence.equality import normal, written
from extractor.evidence.field import Field, Span
from extractor.schema.pointers import escaped

__all__ = ["Joining"]

_NONE = object()
_Mark: TypeAlias = "tuple[str, bool, int]"  # a member, and where it begins (or ends)

_NAMED = re.compile(
    r"(?:.*[_\-\s])?(?:id|uuid|key|number|no|nr|code|sku|ean|gtin|isbn|iban|vin|reference|ref)|[a-z]+I[dD]"
)


class _Item:
    """One item of one part's list, as it is compared. `leaves` are its scalars that are in no further list: the value,
    which is not null, and its places; `place` is where it begins.
    """

    def __init__(self, source: PartValue, keys: tuple[str, ...]) -> None:
        self.source = source
        self.leaves: dict[str, tuple[Any, tuple[Span, ...]]] = {}
        self.lists = False
        self.place: int | None = None
        self.sure = False  # that it stands nowhere
        ahead = [source]
        while ahead:
            each = ahead.pop()
            if isinstance(each.value, dict):
                ahead += [each.inner(key) for key in reversed(each.value)]
            elif isinstance(each.value, list):
                self.lists = self.lists or bool(each.value)
                self._begins(leaf.field for leaf in leaves_of(each))
            elif each.value is not None:
                about = each.field
                self._begins([about])
                spans = about.spans if about else ()
                self.sure = about is not None and about.status in ("absent", "inferred")
                self.leaves[each.pointer[len(source.pointer) :]] = normal(each.value), spans
        scalar = not isinstance(source.value, (dict, list))
        self.text = normal(source.value) if scalar else written(source.value)
        self.about = (0.0, 0.0)  # where it may be, if it has no place
        self.like: _Group | None = None  # the group of the part before that is in the same row of equal ones
        self.key = self._key(keys)
        self.named = {name: value for name, (value, _) in self.leaves.items() if _NAMED.fullmatch(name[1:])}

    @property
    def is_nowhere(self) -> bool:
        """Whether it is a scalar of which it is known that it stands nowhere."""
        return self.sure and "" in self.leaves

    def names(self) -> Iterator[Any]:
        """What it may be found by, without its place."""
        if self.key is not None:
            yield self.key
        else:
            yield self.text
            yield from self.named.items()

    def _begins(self, fields: Iterable[Field | None]) -> None:
        for known in fields:
            for span in known.spans if known else ():
                self.place = span.start if self.place is None else min(self.place, span.start)

    def _key(self, keys: tuple[str, ...]) -> Any:
        found = [self.leaves.get(f"/{escaped(key)}") for key in keys]
        return tuple([each[0] for each in found if each]) if found and all(found) else None

    def marks(self) -> Iterator[_Mark]:
        for name, (_, spans) in self.leaves.items():
            for span in spans:
                yield name, False, span.start
                yield name, True, span.end


def _place(items: Sequence[_Item], part: Part) -> None:
    """Say where items without a place may be: spread between those that have one, and half an item to each side."""
    known = [(number, item.place) for number, item in enumerate(items) if item.place is not None]
    last, at = -1, part.start
    for number, place in (*known, (len(items), part.end)):
        step = (max(place, at) - at) / max(1, number - last - (last < 0))
        for each in range(last + 1, number):
            begin = at + step * (each - last - (last < 0))
            items[each].about = begin - step / 2, begin + 1.5 * step
        last, at = number, max(place, at)


_GAP = 200  # characters of white space between chunks that follow one another


class _Group:
    """Items of different parts that are one."""

    def __init__(self, item: _Item, at: int) -> None:
        self.sources: list[PartValue] = []
        self.leaves: dict[str, tuple[Any, tuple[Span, ...]]] = {}
        self.named: dict[str, Any] = {}
        self.place = item.place
        self.add(item, at)

    def add(self, item: _Item, at: int) -> None:
        self.last, self.at = item, at  # of its part, which is the `at`-th
        self.sources.append(item.source)
        self.leaves = {**item.leaves, **self.leaves}
        self.named = {**item.named, **self.named}


class Joining:
    """Takes the lists of the parts, one after the other; then `groups` are the items, each as it is in the parts that
    have it. `keys` are the properties that tell items apart, `required` those without which an item is not whole; of
    `unique` items all that are equal are one.
    """

    def __init__(self, *, keys: tuple[str, ...], required: frozenset[str], unique: bool) -> None:
        self._groups: list[_Group] = []
        self._keys, self._required, self._unique = keys, required, unique
        self._at = -1
        self._marks: dict[_Mark, _Group | None] = {}  # None: of several
        self._equal: dict[Any, tuple[int, list[_Group]]] = {}  # of the last part that has any
        self._part: Part | None = None
        self._before: list[_Group] = []  # of the part before, in its order
        self._seen: dict[tuple[Any, bool], int] = {}  # how many of the equal ones are taken, or out of reach

    def add(self, source: PartValue) -> None:
        """The list of the next part."""
        items = [_Item(source.inner(number), self._keys) for number in range(len(source.value))]
        _place(items, source.part)
        shared = Counter(mark for item in items for mark in set(item.marks()))
        self._at += 1
        self._seen = {}
        self._liken(items, source.part)
        taken: set[int] = set()
        found: list[tuple[_Group, bool]] = []
        for number, item in enumerate(items):
            group = self._same(item, taken, shared) or (None if number else self._continued(item, taken))
            new = group is None
            if group is None:
                group = _Group(item, self._at)
            else:
                group.add(item, self._at)
            taken.add(id(group))
            found.append((group, new))
        self._weave(found, source.part)
        self._remember(items, found)
        self._part = source.part
        self._before = [group for group, _ in found]

    @property
    def groups(self) -> list[list[PartValue]]:
        """The items in the order of the document."""
        return [group.sources for group in self._groups]

    def _remember(self, items: Sequence[_Item], found: Sequence[tuple[_Group, bool]]) -> None:
        for item, (group, _) in zip(items, found, strict=True):
            for mark in item.marks():
                self._marks[mark] = group if self._marks.get(mark, group) is group else None
            for name in item.names():
                if self._equal.setdefault(name, (self._at, []))[0] != self._at:
                    self._equal[name] = self._at, []
                self._equal[name][1].append(group)

    def _same(self, item: _Item, taken: set[int], shared: Mapping[_Mark, int]) -> _Group | None:
        if item.key is not None:
            return next(self._free(item.key, taken), None)
        votes: Counter[int] = Counter()
        groups: dict[int, _Group] = {}
        for mark in item.marks():
            group = self._marks.get(mark)
            if group and shared[mark] == 1 and id(group) not in taken:
                votes[id(group)] += 1
                groups[id(group)] = group
        for each, _ in votes.most_common():
            if _agree(groups[each], item):
                return groups[each]
        return self._equals(item, taken)

    def _free(self, name: Any, taken: set[int], part: Part | None = None) -> Iterator[_Group]:
        """The first group of that name that is not taken; one that may be in the text shared with `part`, if given."""
        groups = self._equal.get(name, (0, []))[1]
        key = name, part is None
        at = self._seen.get(key, 0)
        while at < len(groups) and (id(groups[at]) in taken or not (part is None or self._reaches(groups[at], part))):
            at += 1
        self._seen[key] = at  # what is taken stays so while one part is added
        yield from groups[at : at + 1]

    def _reaches(self, group: _Group, part: Part) -> bool:
        """Whether it may be in the text that its part and this one share."""
        if group.at != self._at - 1:
            return False
        own = group.last.place
        return own >= part.start if own is not None else group.last.about[1] >= part.start

    def _equals(self, item: _Item, taken: set[int]) -> _Group | None:
        """A group that is the same though nobody knows where one of the two stands."""
        for group in self._free(item.text, taken):
            if self._unique or (item.is_nowhere and group.last.is_nowhere):
                return group
        if not self._begins_shared(item):
            return None
        named = (group for name in item.named.items() for group in self._free(name, taken, item.source.part))
        possible: Iterable[_Group | None] = (item.like, *named)
        for each in possible:
            if each and id(each) not in taken and None in (item.place, each.place) and _agree(each, item):
                return each
        return None

    def _begins_shared(self, item: _Item) -> bool:
        """Whether an item may be in the text that its part and the one before share."""
        before = self._part
        if before is None or item.source.part.start >= before.end:
            return False
        return item.about[0] <= before.end if item.place is None else item.place < before.end

    def _liken(self, items: Sequence[_Item], part: Part) -> None:
        """Note the most items that end the part before as they begin this one, of those that may be in both."""
        first = list(takewhile(self._begins_shared, items))
        last = list(takewhile(lambda group: self._reaches(group, part), reversed(self._before)))[::-1]
        most = min(len(first), len(last))
        texts = [*(item.text for item in first[:most]), _NONE, *(group.last.text for group in last[len(last) - most :])]
        # Of each beginning of the texts, how long its longest end is that also begins it (Knuth, Morris, Pratt).
        ends = [0] * len(texts)
        for number in range(1, len(texts)):
            length = ends[number - 1]
            while length and texts[length] != texts[number]:
                length = ends[length - 1]
            ends[number] = length + (texts[length] == texts[number])
        for item, group in zip(first, last[len(last) - ends[-1] :], strict=False):
            item.like = group

    def _continued(self, item: _Item, taken: set[int]) -> _Group | None:
        """The last item of the part before, of which this is the rest."""
        group = self._groups[-1] if self._groups else None
        if group is None or self._part is None or group.at != self._at - 1 or id(group) in taken:
            return None
        if "" in item.leaves or item.source.part.start > self._part.end + _GAP:
            return None
        if any(value != item.leaves[name][0] for name, (value, _) in group.leaves.items() if name in item.leaves):
            return None
        lacking = {name[1:] for name in group.leaves.keys() - item.leaves.keys()}
        gained = item.leaves.keys() - group.leaves.keys() or item.lists
        return group if gained and lacking & self._required else None

    def _weave(self, found: Sequence[tuple[_Group, bool]], part: Part) -> None:
        """Put the new groups where they belong among the last ones."""
        first = len(self._groups)
        while first and self._groups[first - 1].at >= self._at - 1:
            first -= 1
        tail = self._groups[first:]
        del self._groups[first:]
        position = {id(group): number for number, group in enumerate(tail)}
        anchors = {id(group) for group, new in found if not new}
        at = 0
        for group, new in found:
            if not new:
                upto = position.get(id(group), -1) + 1
                self._groups += tail[at:upto]
                at = max(at, upto)
                continue
            while at < len(tail) and id(tail[at]) not in anchors and _before(tail[at], group):
                self._groups.append(tail[at])
                at += 1
            self._groups.append(group)
        self._groups += tail[at:]


def _before(one: _Group, other: _Group) -> bool:
    return one.place is None or other.place is None or one.place <= other.place


def _agree(group: _Group, item: _Item) -> bool:
    """Whether nothing says that they are two."""
    together = apart = equal = against = 0
    for name, (value, spans) in item.leaves.items():
        if name not in group.leaves:
            continue
        other, places = group.leaves[name]
        if _meet(spans, places):
            together += 1
        elif value == other:
            apart += bool(spans and places)
            equal += not (spans and places)
        elif (spans and places) or name in item.named:
            return False
        else:
            against += 1
    return together + equal > against and (together > apart or not apart)


def _meet(spans: Iterable[Span], others: Sequence[Span]) -> bool:
    return any(one.start < two.end and two.start < one.end for one in spans for two in others)
