"""Which item of a very long list is which of another, without holding each against each.

Scalars that are nowhere on the other side say nothing of who belongs to whom. Without them, items that were different
are often the same, and those that are belong together: no other pairs have more in common. Then come those that are
the same but for one place; what is left after that is looked for by its rarest scalars.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

__all__ = ["Bag", "Pairs", "by_rare", "but_one", "reduced", "shared"]

CANDIDATES = 10  # that an item is compared with
MOST_PLACES = 64  # of which one is left out in turn

Pairs: TypeAlias = "list[tuple[int, int]]"
"""Numbers of items that belong together."""
Bag: TypeAlias = "Counter[tuple[str, str]]"
"""The scalars of an item, by where they stand in it and what they say."""


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

    def take(self, ours: dict[int, Hashable], theirs: dict[int, Hashable]) -> int:
        """Pair those with the same key, in their order; how many there were."""
        at: dict[Hashable, list[int]] = defaultdict(list)
        for number in reversed(theirs):
            at[theirs[number]].append(number)
        found = [(number, at[key].pop()) for number, key in ours.items() if at.get(key)]
        for one, other in found:
            del self.ours[one], self.theirs[other]
        self.pairs += found
        return len(found)


def reduced(ours: Sequence[Bag], theirs: Sequence[Bag]) -> Left:
    """Pair all that are the same without the scalars that the other side does not have; what is left is so reduced.
    No pairs have more in common.
    """
    left = Left(ours, theirs)
    while True:
        known, others = _all(left.theirs.values()), _all(left.ours.values())
        left.ours = {number: _known(bag, known) for number, bag in left.ours.items()}
        left.theirs = {number: _known(bag, others) for number, bag in left.theirs.items()}
        keys = [{n: frozenset(bag.items()) for n, bag in side.items() if bag} for side in (left.ours, left.theirs)]
        if not left.take(*keys):
            return left
