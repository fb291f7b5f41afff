"""The lists of a value, and on which lines of the document their items stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from extractor.evidence.field import Field
from extractor.evidence.shapes import folded_name, shape_of
from extractor.evidence.units import Units, lines_of
from extractor.schema.pointers import escaped
from extractor.schema.subschemas import Way, Ways, agreeing, member

__all__ = [
    "Item",
    "Listed",
    "Places",
    "extent",
    "in_prose",
    "is_valued",
    "lists_of",
    "other_lines",
    "owner_of",
    "title_of",
    "weight_of",
]

LEVELS = 64  # of objects and lists inside of each other that are looked at
OWN = 3  # a line is that of a value in no list where it is no longer than so many times the value
PIECES = 20  # of one value that are looked at
SINGLE = 0.6  # the share of an item's values that must be on one line, and of the items of which that must be so
MOST = 0.8  # the share of them that have a kind of line, if it is to be theirs though most are on one line
USUAL = 0.2  # the share of them that are as far from that line, if others are to be looked for there
SENTENCE = 7  # spaces between words, on the average: a line with more may be one
PHRASE = 3  # the same for a line that is alone, where nothing is seen to repeat
MOSTLY = 0.8  # the share of a line that a value must be for the line to be its own
SPREAD = 60  # lines that one item may have
BESIDE = 2  # lines from the row that one of its values may be alone on
_INDEX = re.compile(r"/\d++(?=/|$)")

# A value that is concluded may stand anywhere; a long one says more about the place than "1" does.
_WEIGHTS: Mapping[str | None, float] = {"exact": 1.0, "normalised": 1.0, "fuzzy": 0.7, "inferred": 0.1}
_LONG = 16


def weight_of(known: Field) -> float:
    """How much the place of a value says about the place of its item."""
    length = sum(span.end - span.start for span in known.spans[:PIECES])
    return _WEIGHTS.get(known.status, 0.0) * (0.5 if known.elsewhere else 1.0) * (1 + min(length, _LONG) / 8)


@dataclass(slots=True)
class Item:
    """Where an item stands: the weight of its values by line, their spans, and the line that is its own."""

    lines: dict[int, float] = field(default_factory=dict)
    spans: list[tuple[int, int]] = field(default_factory=list)
    home: int = -1


@dataclass(slots=True)
class Listed:
    """One list of a value. `length` is None where the value has not got it, `required` says that it must then;
    `names` are those of its items' properties, `sums` what their whole numbers come to; `items` are those that stand
    somewhere, by index; `scalar` says that all are plain values, `records` that by the schema all are objects, without
    lists in them.
    """

    pointer: str
    length: int | None
    required: bool = False
    scalar: bool = False
    records: bool = False
    names: tuple[str, ...] = ()
    sums: Mapping[str, int] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)

    @property
    def pattern(self) -> str:
        """The pointer without the indexes."""
        return _INDEX.sub("/*", self.pointer)


def owner_of(pointer: str, lists: Collection[str]) -> tuple[str, int] | None:
    """The innermost of some lists that a place is in, and the index of the item there; None outside of them."""
    for _ in range(LEVELS):
        above, slash, step = pointer.rpartition("/")
        if not slash:
            return None
        if step.isdecimal() and above in lists:
            return above, int(step)
        pointer = above
    return None


# ------------------------------------------------------------------------------------ the lists of a value


def lists_of(schema: Any, data: Any) -> Iterator[Listed]:
    """All lists in document order, with those that the schema has and the data has not."""
    reader = Ways(schema.get("$defs", {}) if isinstance(schema, Mapping) else {})
    wanted: dict[int, tuple[Any, Mapping[str, bool]]] = {}
    ahead: list[tuple[str, Any, Any, int]] = [("", schema, data, 0)]
    while ahead:
        pointer, node, value, level = ahead.pop()
        inner: Iterable[tuple[str | int, Any]] = ()
        ways: Sequence[Way] = ()
        if isinstance(value, list):
            ways, inner = reader.ways(node, "array"), enumerate(value)
            yield _listed(pointer, value, _is_record(_inner(ways, 0), reader))
        elif isinstance(value, dict):
            ways, inner = agreeing(reader.ways(node, "object"), value, reader), value.items()
            for key, required in _wanted(node, ways, reader, wanted).items():
                if value.get(key) is None:
                    yield Listed(f"{pointer}/{escaped(key)}", None, required, records=_are_records(ways, key, reader))
        if level < LEVELS:
            below = [
                (f"{pointer}/{escaped(str(step))}", _inner(ways, step), each, level + 1)
                for step, each in inner
                if isinstance(each, (list, dict))
            ]
            ahead += reversed(below)


def _inner(ways: Sequence[Way], step: str | int) -> Any:
    """The schema of a member or an item; anything where it cannot be told."""
    schemas = [found for way in ways if (found := member(way, step)) is not None]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if schemas else {}


def _wanted(
    node: Any, ways: Sequence[Way], reader: Ways, known: dict[int, tuple[Any, Mapping[str, bool]]]
) -> Mapping[str, bool]:
    """The properties that are lists, or null; and whether they must be there and be lists."""
    if len(ways) != 1:
        return {}
    if id(node) not in known:
        properties = {key: it for part in ways[0] for key, it in part.get("properties", {}).items()}
        required = {key for part in ways[0] for key in part.get("required", ())}
        found = {
            key: key in required and not reader.ways(it, "null")
            for key, it in properties.items()
            if _is_list(it, reader)
        }
        known[id(node)] = node, found  # with the node, which so keeps its identity
    return known[id(node)][1]


def _is_list(node: Any, reader: Ways) -> bool:
    if not isinstance(node, Mapping):
        return False  # anything
    others = ("object", "string", "number", "integer", "boolean")
    return bool(reader.ways(node, "array")) and not any(reader.ways(node, kind) for kind in others)


def _is_record(node: Any, reader: Ways) -> bool:
    """Whether a schema is that of an object without lists."""
    ways = reader.ways(node, "object") if isinstance(node, Mapping) else ()
    members = [it for way in ways for part in way for it in part.get("properties", {}).values()]
    return bool(members) and not any(isinstance(it, Mapping) and reader.ways(it, "array") for it in members)


def _are_records(ways: Sequence[Way], key: str, reader: Ways) -> bool:
    """Whether a property is a list of such objects."""
    found = member(ways[0], key) if len(ways) == 1 else None
    return found is not None and any(_is_record(_inner([way], 0), reader) for way in reader.ways(found, "array"))


def title_of(pattern: str) -> str:
    """A list's name, as headings are compared."""
    return folded_name(pattern.replace("/*", "").rpartition("/")[2])


def _listed(pointer: str, value: list[Any], records: bool) -> Listed:
    objects = [item for item in value if isinstance(item, dict)]
    names = dict.fromkeys(key for item in objects[:100] for key in item)
    sums: Counter[str] = Counter()
    for item in objects:
        sums.update({key: item[key] for key in names if type(item.get(key)) is int})
    scalar = not any(isinstance(item, (dict, list)) for item in value[:100])
    return Listed(pointer, len(value), scalar=scalar, records=records, names=tuple(names), sums=sums)


# ------------------------------------------------------------------------------ their places in a document


class Places:
    """The lines of a document, and what stands on them."""

    def __init__(self, text: str, lists: Sequence[Listed], fields: Mapping[str, Field]) -> None:
        self.lines = lines_of(text)
        self.lists = {each.pointer: each for each in lists}
        self.others: set[int] = set()  # lines with a value that is in no list
        self.titles = frozenset(filter(None, (title_of(each.pattern) for each in lists)))
        self._claims: dict[int, set[str]] = {}
        self._together: set[tuple[str, str]] = set()
        for pointer, known in fields.items():
            if known.spans and len(self.lines):
                self._place(pointer, known)
        for each in lists:
            _settle(each, self.lines)
            for item in each.items.values():
                self._claims.setdefault(item.home, set()).add(each.pattern)
        for patterns in self._claims.values():
            if len(patterns) > 1:
                self._together.update((one, other) for one in patterns for other in patterns if one != other)

    def _place(self, pointer: str, known: Field) -> None:
        owner = owner_of(pointer, self.lists)
        if owner is None:
            for span in known.spans[:PIECES]:
                line = self.lines.at(span.start)
                if line >= 0 and (span.end - span.start) * OWN >= self.lines.ends[line] - self.lines.starts[line]:
                    self.others.add(line)
            return
        item = self.lists[owner[0]].items.setdefault(owner[1], Item())
        weight = weight_of(known) / len(known.spans[:PIECES])
        for span in known.spans[:PIECES]:
            line = max(0, self.lines.at(span.start))
            item.lines[line] = item.lines.get(line, 0.0) + weight
            item.spans.append((span.start, span.end))

    def taken(self, line: int, pattern: str) -> bool:
        """Whether a line is another list's: of one that does not share lines with those of this pattern."""
        return any((pattern, other) not in self._together for other in self._claims.get(line, ()))

    def share(self, one: str, other: str) -> bool:
        """Whether lists of two patterns have items on the same lines: they are columns of one table."""
        return one == other or (one, other) in self._together

    def region(self, pointer: str) -> tuple[int, int]:
        """The lines that a list may be in: those of the item that it is in, or all."""
        outer = owner_of(pointer, self.lists)
        if outer is None:
            return 0, len(self.lines)
        own = self._blocks.get(outer[0], {}).get(outer[1])
        if own is None:
            return 0, 0
        starts = self._starts[outer[0]]
        behind = bisect_right(starts, own)
        return own, starts[behind] if behind < len(starts) else self.region(outer[0])[1]

    @cached_property
    def _blocks(self) -> dict[str, dict[int, int]]:
        """The first line of each item with what is inside of it."""
        blocks: dict[str, dict[int, int]] = {}
        for each in reversed(self.lists.values()):
            own = blocks.setdefault(each.pointer, {})
            for index, item in each.items.items():
                own[index] = min(item.home, own.get(index, item.home))
            outer = owner_of(each.pointer, self.lists)
            if outer and own:
                above = blocks.setdefault(outer[0], {})
                first = min(own.values())
                above[outer[1]] = min(first, above.get(outer[1], first))
        return blocks

    @cached_property
    def _starts(self) -> dict[str, list[int]]:
        return {pointer: sorted(own.values()) for pointer, own in self._blocks.items()}


def _settle(each: Listed, lines: Units) -> None:
    """Find the line of each item: where most of it stands, or, where items take several lines, the kind of line that
    nearly all of them have.
    """
    items = list(each.items.values())
    for item in items:
        item.home = max(sorted(item.lines), key=item.lines.__getitem__)
    alone = sum(item.lines[item.home] >= SINGLE * sum(item.lines.values()) for item in items)
    if not items:
        return
    known = _Kinds(lines)
    kinds = [known.of(item) for item in items]
    often = Counter(kind for mine in kinds for kind in mine)
    # Among those that all have, one with a label or with numbers tells more than words.
    best = max(often, key=lambda kind: (often[kind], bool(kind[0]), len(kind[1])))
    if alone >= SINGLE * len(items) and often[best] < MOST * len(items):
        return
    # Where that is, from the line on which most of an item stands, is nearly always the same; what is elsewhere may be
    # another item's.
    usual = Counter(item.home - mine[best] for item, mine in zip(items, kinds, strict=True) if best in mine)
    steps = [0, *(step for step, number in usual.most_common(3) if number >= USUAL * len(items))]
    for item in items:
        near = (item.home - step for step in steps if 0 <= item.home - step < len(lines))
        item.home = next((line for line in near if known[line] == best), item.home)


class _Kinds(dict[int, tuple[str, str]]):
    """The kinds of lines, each made once: how a line is built, or the label with which it begins."""

    def __init__(self, lines: Units) -> None:
        super().__init__()
        self._lines = lines

    def __missing__(self, line: int) -> tuple[str, str]:
        shape = shape_of(self._lines.said(line))
        kind = self[line] = shape.label, "" if shape.label else f"{shape.marker} {shape.head} {shape.tail}"
        return kind

    def of(self, item: Item) -> dict[tuple[str, str], int]:
        """The lines of an item by their kinds: of each the one nearest to where most of it stands."""
        kinds: dict[tuple[str, str], int] = {}
        for line in sorted(item.lines, key=lambda line: (abs(line - item.home), line))[:PIECES]:
            kinds.setdefault(self[line], line)
        return kinds


def extent(each: Listed) -> tuple[int, int]:
    """How many lines an item mostly takes before and behind its own."""
    before, behind = Counter[int](), Counter[int]()
    for item in each.items.values():
        near = [0, *(line - item.home for line in item.lines if abs(line - item.home) <= SPREAD)]
        before[-min(near)] += 1
        behind[max(near)] += 1
    return before.most_common(1)[0][0], behind.most_common(1)[0][0]


def in_prose(each: Listed, places: Places) -> bool:
    """Whether the lines of the items are as long as sentences, and say much more than the items do."""
    own = sum(end - start for item in each.items.values() for start, end in item.spans)
    lines = [" ".join(places.lines.said(line).split()) for line in {item.home for item in each.items.values()}]
    words = sum(line.count(" ") for line in lines)
    return own * 2 < sum(map(len, lines)) and words >= (SENTENCE if len(lines) > 1 else PHRASE) * len(lines)


def is_valued(each: Listed, places: Places) -> bool:
    """Whether what stands before the colons of most rows is a value: "Lamp: 2"."""
    lines = places.lines
    valued = 0
    for item in each.items.values():
        low, high = lines.starts[item.home], lines.ends[item.home]
        colon = lines.text.find(":", low, high)
        valued += any(low <= start < colon for start, _ in item.spans)
    return valued * 2 > len(each.items)


def other_lines(each: Listed, places: Places) -> set[int]:
    """The lines beside those of the items that say nothing but one of their values."""
    return {
        line
        for item in each.items.values()
        for line, start, end in ((places.lines.at(start), start, end) for start, end in item.spans)
        if 0 < abs(line - item.home) <= BESIDE and end - start >= MOSTLY * len(places.lines.said(max(line, 0)).strip())
    }
