"""Lists laid side by side: which item of one is which of another, although some are missing, new or changed.

Equal items first: those that both lists have once hold the rest in place (patience). Between two of these, items are
paired by likeness so that the whole is likest, in order. What is left over and equal has moved. The work is
linear but for the stretches between, which are bounded: of long ones only what is near the diagonal is compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from rapidfuzz.fuzz import ratio

from extractor.evidence.equality import normal, written

__all__ = ["Pair", "Row", "aligned", "rows"]

LIKENED = 200  # characters of an item's text that are compared with another's
LEAVES = 200  # scalars of an item that are compared with another's
CELLS = 10_000  # pairs of items that are compared in one stretch
WINDOW = 64  # items of a longer one that are compared with as many others
ALIKE = 0.4  # how much alike two items are at least to be one

Pair: TypeAlias = "tuple[int | None, int | None]"
"""The index of an item in the left list, and in the right one; None where it is not in that."""


# ------------------------------------------------------------------------------ when two items are alike


class _Item(NamedTuple):
    """What is compared of an item: `key` is equal for equal ones, `leaves` are its scalars with their places."""

    key: Hashable
    leaves: frozenset[Hashable]
    text: str


def _item(value: Any) -> _Item:
    if not isinstance(value, (dict, list)):
        key = normal(value)
        return _Item(key, frozenset([key]) if value is not None else frozenset(), _shown(value))
    found: list[Hashable] = []
    texts: list[str] = []
    ahead: list[tuple[int, Any]] = [(0, value)]
    while ahead:
        place, each = ahead.pop()
        if isinstance(each, dict):
            ahead += [(hash((place, key)), inner) for key, inner in reversed(each.items())]
        elif isinstance(each, list):
            ahead += [(hash((place, number)), inner) for number, inner in enumerate(each)][::-1]
        elif each is not None:
            found.append((place, normal(each)))
            if len(texts) < LIKENED:
                texts.append(_shown(each))
    # An item is the same whether it says null or nothing.
    return _Item(frozenset(found), frozenset(found[:LEAVES]), " ".join(texts)[:LIKENED])


def _shown(value: Any) -> str:
    return value[:LIKENED].casefold() if isinstance(value, str) else "" if value is None else written(value)


def _likeness(left: _Item, right: _Item) -> float:
    """From 0 to 1: the share of their scalars that are equal; where none is, how alike their texts are, by half."""
    if left.key == right.key:
        return 1.0
    size = len(left.leaves) + len(right.leaves)
    equal = 2 * len(left.leaves & right.leaves) / size if size else 0.0
    if equal:
        return equal
    # Any two words share some letters: 70 of 100 are the least that two alike ones have.
    near = ratio(left.text, right.text, score_cutoff=70)
    return max(0.0, near / 50 - 1)


# ------------------------------------------------------------------------------ two lists


def aligned(left: Sequence[Any], right: Sequence[Any]) -> list[Pair]:
    """Which items of two lists of plain JSON are the same: every index of both once, in the order of the left list.

    Pairs keep the order of both lists, but for equal items that have moved.
    """
    return _paired([_item(each) for each in left], [_item(each) for each in right])


def _paired(left: Sequence[_Item], right: Sequence[_Item]) -> list[Pair]:
    to: dict[int, int] = {}
    begin, other = 0, 0
    for end, end_other in (*_anchors(left, right), (len(left), len(right))):
        to.update(_between(left, right, (begin, end), (other, end_other)))
        if end < len(left):
            to[end] = end_other
        begin, other = end + 1, end_other + 1
    _moved(left, right, to)
    return list(_in_order(len(left), len(right), to))


def _anchors(left: Sequence[_Item], right: Sequence[_Item]) -> list[tuple[int, int]]:
    """Equal items that each list has once, as many as can keep their order; and the equal beginning and end."""
    head = 0
    while head < min(len(left), len(right)) and left[head].key == right[head].key:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail].key == right[-1 - tail].key:
        tail += 1
    middle = range(head, len(left) - tail), range(head, len(right) - tail)
    ours, theirs = _once(left, middle[0]), _once(right, middle[1])
    kept = _rising([(number, theirs[key]) for key, number in ours.items() if key in theirs])
    ends = [(len(left) - each, len(right) - each) for each in range(tail, 0, -1)]
    return [*((each, each) for each in range(head)), *kept, *ends]


def _once(items: Sequence[_Item], which: range) -> dict[Hashable, int]:
    """The items that are there once, and where."""
    counts = Counter(items[number].key for number in which)
    return {items[number].key: number for number in which if counts[items[number].key] == 1}


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part in which the second numbers rise, too."""
    tops: list[int] = []  # the least last number of a part of each length
    at: list[int] = []
    before: list[int] = []
    for number, (_, second) in enumerate(pairs):
        length = bisect_left(tops, second)
        before.append(at[length - 1] if length else -1)
        tops[length : length + 1] = [second]
        at[length : length + 1] = [number]
    kept: list[tuple[int, int]] = []
    number = at[-1] if at else -1
    while number >= 0:
        kept.append(pairs[number])
        number = before[number]
    return kept[::-1]


_Stretch: TypeAlias = "tuple[int, int]"


def _between(
    left: Sequence[_Item], right: Sequence[_Item], ours: _Stretch, theirs: _Stretch
) -> Iterator[tuple[int, int]]:
    """Pair what stands in two stretches, in order. Of long ones, a window slides along both."""
    (at, end), (other, end_other) = ours, theirs
    while (end - at) * (end_other - other) > CELLS:
        pairs = _best(left, right, (at, min(at + WINDOW, end)), (other, min(other + WINDOW, end_other)))
        kept = [each for each in pairs if each[0] < at + WINDOW // 2 and each[1] < other + WINDOW // 2]
        yield from kept
        shift = kept[-1][1] - other - (kept[-1][0] - at) if kept else 0  # how far one is ahead of the other
        at, other = (
            min(max(at + WINDOW // 2 - max(shift, 0), kept[-1][0] + 1 if kept else 0), end),
            min(max(other + WINDOW // 2 + min(shift, 0), kept[-1][1] + 1 if kept else 0), end_other),
        )
    yield from _best(left, right, (at, end), (other, end_other))


def _best(left: Sequence[_Item], right: Sequence[_Item], ours: _Stretch, theirs: _Stretch) -> list[tuple[int, int]]:
    """The pairs, in order, whose likenesses above the least add up to the most."""
    columns = range(*theirs)
    gains: list[list[float]] = []
    sums = [[0.0] * (len(columns) + 1)]
    for row in range(*ours):
        gains.append([_likeness(left[row], right[column]) - ALIKE for column in columns])
        above, sides = sums[-1], [0.0]
        for number, gain in enumerate(gains[-1]):
            sides.append(max(above[number + 1], sides[-1], above[number] + gain))
        sums.append(sides)
    pairs: list[tuple[int, int]] = []
    row, column = len(gains), len(columns)
    while row and column:
        if sums[row][column] == sums[row - 1][column]:
            row -= 1
        elif sums[row][column] == sums[row][column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            pairs.append((ours[0] + row, theirs[0] + column))
    return pairs[::-1]


def _moved(left: Sequence[_Item], right: Sequence[_Item], to: dict[int, int]) -> None:
    """Pair equal items that are left over, wherever they stand."""
    taken = set(to.values())
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for number, item in enumerate(right):
        if number not in taken:
            waiting[item.key].append(number)
    for number, item in enumerate(left):
        if number not in to and waiting.get(item.key):
            to[number] = waiting[item.key].popleft()


def _in_order(length: int, other: int, to: Mapping[int, int]) -> Iterator[Pair]:
    """All pairs in the order of the left list; what only the right one has stands behind what is before it there."""
    taken = set(to.values())
    after = 0  # of the right list, what is not yet given
    for number in range(length):
        match = to.get(number)
        if match is not None:
            while after < match:
                if after not in taken:
                    yield None, after
                after += 1
            after = max(after, match + 1)
        yield number, match
    yield from ((None, number) for number in range(after, other) if number not in taken)


# ------------------------------------------------------------------------------ many lists

Row: TypeAlias = "list[tuple[int, int]]"
"""One item in many lists: the number of the list, and its index there, of all that have it."""


def rows(lists: Sequence[Sequence[Any]], *, fixed: int = 0) -> list[Row]:
    """The items of many lists, laid side by side, in the order of the list that is most like all others. The first
    `fixed` ones have their places, whatever they are.
    """
    heads = [[(which, place) for which, each in enumerate(lists) if place < len(each)] for place in range(fixed)]
    items = [[_item(value) for value in each[fixed:]] for each in lists]
    made: list[tuple[Row, _Item]] = []
    for which in _most_like_all_first(items):
        after: list[tuple[Row, _Item]] = []
        for ours, theirs in _paired([item for _, item in made], items[which]):
            row, item = made[ours] if ours is not None else ([], items[which][theirs or 0])
            if theirs is not None:
                row.append((which, theirs + fixed))
            after.append((row, item))
        made = after
    return [sorted(row) for row in (*heads, *(row for row, _ in made)) if row]


def _most_like_all_first(lists: Sequence[Sequence[_Item]]) -> list[int]:
    """The numbers of the lists: first that which most are equal to, else that with the fewest items to change."""
    orders = [tuple(item.key for item in items) for items in lists]
    equal, common = Counter(orders), Counter(key for keys in orders for key in set(keys))
    changes = [sum(len(lists) - 2 * common[key] for key in set(keys)) for keys in orders]
    first = min(range(len(lists)), key=lambda which: (-equal[orders[which]], changes[which]), default=0)
    return sorted(range(len(lists)), key=lambda which: orders[which] != orders[first])
