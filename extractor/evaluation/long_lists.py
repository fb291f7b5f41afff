"""Which item of a very long list is which of another, without holding each against each.

Scalars that are nowhere on the other side say nothing of who belongs to whom. Without them, items that were different
are often the same, and those that are belong together: no other pairs have more in common. Then come those that are
the same but for one place, and then those that share rare scalars, the pairs that share the most first.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import TypeAlias

__all__ = ["ROUNDS", "Bag", "Left", "Pairs", "reduced", "shared"]

ROUNDS = 10  # of leaving out what has no partner any more, and of looking for what is left
MOST_WORK = 5_000_000  # scalars that are looked at in leaving out one place after the other
MOST_PAIRS = 200_000  # that are held against each other in the end, each time

Pairs: TypeAlias = "list[tuple[int, int]]"
"""Numbers of items that belong together."""
Bag: TypeAlias = "Counter[tuple[str, str]]"
"""The scalars of an item, by where they stand in it and what they say."""


_Where: TypeAlias = "dict[tuple[str, str], list[int]]"
"""The items that have a scalar."""


def shared(one: Bag, other: Bag) -> int:
    """How many scalars two items have in common."""
    if len(other) < len(one):
        one, other = other, one
    return sum(min(count, other[key]) for key, count in one.items() if key in other)


class Left:
    """The items of two lists that have no partner yet, and the pairs that were found."""

    def __init__(self, ours: Sequence[Bag], theirs: Sequence[Bag]) -> None:
        self.ours = dict(enumerate(ours))
        self.theirs = dict(enumerate(theirs))
        self.pairs: Pairs = []

    def take(self, key: Callable[[Bag], Hashable]) -> bool:
        """Pair those with the same key (None for none), in their order; whether there were any."""
        at: dict[Hashable, list[int]] = defaultdict(list)
        for number in reversed(self.theirs):
            at[key(self.theirs[number])].append(number)
        at.pop(None, None)
        found = [(number, there.pop()) for number, bag in self.ours.items() if (there := at.get(key(bag)))]
        self.pair(found)
        return bool(found)

    def pair(self, found: Pairs) -> None:
        """These belong together."""
        for one, other in found:
            del self.ours[one], self.theirs[other]
        self.pairs += found

    def reduce(self) -> None:
        """Leave out all scalars that the other side does not have."""
        known, others = _all(self.theirs), _all(self.ours)
        self.ours = {number: _only(bag, known) for number, bag in self.ours.items()}
        self.theirs = {number: _only(bag, others) for number, bag in self.theirs.items()}

    def but_one(self) -> None:
        """Pair those that are the same but for what stands in one place: first where the least different things do."""
        scalars = _all(self.ours) | _all(self.theirs)
        places = Counter(way for way, _ in scalars)
        size = sum(map(len, self.ours.values())) + sum(map(len, self.theirs.values()))
        for way, _ in sorted(places.items(), key=lambda each: each[::-1])[: MOST_WORK // max(size, 1)]:
            self.take(partial(_without, way))

    def by_rare(self) -> bool:
        """Pair those that share rare scalars, the pairs that share the most first; whether there were any."""
        where: tuple[_Where, _Where] = (defaultdict(list), defaultdict(list))
        for at, side in zip(where, (self.ours, self.theirs), strict=True):
            for number, bag in side.items():
                for key in bag:
                    at[key].append(number)
        pairs = sorted(_candidates(*where), key=lambda pair: (-shared(self.ours[pair[0]], self.theirs[pair[1]]), pair))
        ones: set[int] = set()
        others: set[int] = set()
        found: Pairs = []
        for one, other in pairs:
            if one not in ones and other not in others:
                ones.add(one)
                others.add(other)
                found.append((one, other))
        self.pair(found)
        return bool(found)


def reduced(ours: Sequence[Bag], theirs: Sequence[Bag]) -> Left:
    """Pair all that are the same without the scalars that the other side does not have. No pairs have more in common,
    and what is left is smaller.
    """
    left = Left(ours, theirs)
    for _ in range(ROUNDS):
        left.reduce()
        if not left.take(_same):
            break
    return left


def _all(bags: Mapping[int, Bag]) -> set[tuple[str, str]]:
    return set().union(*bags.values())


def _only(bag: Bag, known: set[tuple[str, str]]) -> Bag:
    return bag if bag.keys() <= known else Counter({key: count for key, count in bag.items() if key in known})


def _same(bag: Bag) -> Hashable:
    return frozenset(bag.items()) or None


def _without(way: str, bag: Bag) -> Hashable:
    """What an item says but for one place; None where that is nothing."""
    return frozenset(each for each in bag.items() if each[0][0] != way) or None


def _candidates(ours: _Where, theirs: _Where) -> set[tuple[int, int]]:
    """Pairs that share one of the rarest scalars, so many that they can be gone through; always some, if there are."""
    sizes = sorted((len(ours[key]) * len(theirs[key]), key) for key in ours.keys() & theirs.keys())
    found: set[tuple[int, int]] = set()
    for size, key in sizes:
        if found and len(found) + size > MOST_PAIRS:
            break
        side = math.isqrt(MOST_PAIRS)
        some, others = max(MOST_PAIRS // len(theirs[key]), side), max(MOST_PAIRS // len(ours[key]), side)
        found.update(product(ours[key][:some], theirs[key][:others]))
    return found
