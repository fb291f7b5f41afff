"""Which item of one list is which of another: those that are the same first, then so that the most scalars agree.

What comes out does not depend on the order of the items, nor on which list is the first: both are sorted by what they
say before they are assigned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from extractor.evaluation.assignment import assigned
from extractor.evaluation.normal import tokens
from extractor.evaluation.trees import Listed, Node, bag, keys_of, leaves

__all__ = ["LARGEST", "aligned", "alike", "disordered"]

LARGEST = 200
"""Items: of more on both sides, those that are not the same are laid side by side one by one."""
MOST_STEPS = LARGEST**3
MOST_WORK = 2_000_000  # comparisons of scalars for one pair of lists; of more, likewise
SOFT = 2_500  # pairs of items whose words are compared, too
CANDIDATES = 10  # that an item is compared with where there are very many

Pairs: TypeAlias = "list[tuple[int, int]]"
"""Numbers of items that belong together."""
Bag: TypeAlias = "Counter[tuple[str, str]]"


def aligned(ours: Listed, theirs: Listed) -> tuple[Pairs, bool]:
    """The pairs, in the order of the first list; and whether they are the best there are: of very long lists they are
    looked for one by one.
    """
    pairs, left, right = _the_same(keys_of(ours), keys_of(theirs))
    if not left or not right:
        return sorted(pairs), True
    one = sorted(left, key=lambda number: keys_of(ours)[number])
    other = sorted(right, key=lambda number: keys_of(theirs)[number])
    turned = _turned([keys_of(ours)[each] for each in one], [keys_of(theirs)[each] for each in other])
    first, second = (theirs.items, ours.items) if turned else (ours.items, theirs.items)
    rows, columns = (other, one) if turned else (one, other)
    found, best = _matched([first[each] for each in rows], [second[each] for each in columns])
    more = [(rows[row], columns[column]) for row, column in found]
    return sorted([*pairs, *((b, a) if turned else (a, b) for a, b in more)]), best


def _turned(one: list[str], other: list[str]) -> bool:
    """Whether the second list goes first, so that it makes no difference which of them is given first."""
    return (len(other), other) < (len(one), one)


def _the_same(ours: Sequence[str], theirs: Sequence[str]) -> tuple[Pairs, list[int], list[int]]:
    """The items that are the same, and those that are left on both sides."""
    at: dict[str, list[int]] = defaultdict(list)
    for number in reversed(range(len(theirs))):
        at[theirs[number]].append(number)
    pairs: Pairs = []
    left: list[int] = []
    for number, key in enumerate(ours):
        if at.get(key):
            pairs.append((number, at[key].pop()))
        else:
            left.append(number)
    return pairs, left, sorted(number for numbers in at.values() for number in numbers)


def _matched(rows: Sequence[Node], columns: Sequence[Node]) -> tuple[Pairs, bool]:
    bags, others = [bag(each) for each in rows], [bag(each) for each in columns]
    work = min(_size(bags) * len(columns), _size(others) * len(rows))
    short, long = sorted((len(rows), len(columns)))
    if short**2 * long > MOST_STEPS or work > MOST_WORK:
        return _one_by_one(bags, others), False
    soft = len(rows) * len(columns) <= SOFT
    words = [_words(each) if soft else {} for each in rows]
    theirs = [_words(each) if soft else {} for each in columns]
    weights = [
        [_weight(one, other, mine, its) for other, its in zip(others, theirs, strict=True)]
        for one, mine in zip(bags, words, strict=True)
    ]
    return [(row, column) for row, column in enumerate(assigned(weights)) if column is not None], True


def _size(bags: Sequence[Bag]) -> int:
    return sum(map(len, bags))


_SHARED = 1_000_000  # what one scalar weighs that agrees: more than all words together


def _weight(one: Bag, other: Bag, words: dict[str, Counter[str]], theirs: dict[str, Counter[str]]) -> int:
    soft = sum(alike(mine, theirs[way]) for way, mine in words.items() if way in theirs)
    return _shared(one, other) * _SHARED + min(round(soft * 1_000), _SHARED - 1)


def _shared(one: Bag, other: Bag) -> int:
    if len(other) < len(one):
        one, other = other, one
    return sum(min(count, other[key]) for key, count in one.items() if key in other)


def _words(node: Node) -> dict[str, Counter[str]]:
    """The words of the texts in an item, by where they stand."""
    found = ((way, tokens(leaf.key)) for way, leaf in leaves(node))
    return {way: Counter(words) for way, words in found if words}


def alike(one: Counter[str], other: Counter[str]) -> float:
    """How much two texts are alike: the F1 of the words that they share, from 0 to 1."""
    size = one.total() + other.total()
    return 2 * (one & other).total() / size if size else 0.0


def _one_by_one(bags: Sequence[Bag], others: Sequence[Bag]) -> Pairs:
    """Each item with the best of those that are left and share its rarest scalar, or the next rare one."""
    where: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, each in enumerate(others):
        for key in each:
            where[key].append(number)
    taken: set[int] = set()
    pairs: Pairs = []
    for number, mine in enumerate(bags):
        candidates = _candidates(mine, where, taken)
        if candidates:
            best = max(candidates, key=partial(_rank, mine, others))
            taken.add(best)
            pairs.append((number, best))
    return pairs


def _rank(mine: Bag, others: Sequence[Bag], number: int) -> tuple[int, int]:
    return _shared(mine, others[number]), -number


def _candidates(mine: Bag, where: dict[tuple[str, str], list[int]], taken: set[int]) -> list[int]:
    """A few that are left, of those that share the rarest scalars."""
    for key in sorted((key for key in mine if key in where), key=lambda key: (len(where[key]), key)):
        numbers = where[key]
        while numbers and numbers[-1] in taken:
            numbers.pop()
        found = [each for each in reversed(numbers[-CANDIDATES:]) if each not in taken]
        if found:
            return found
    return []


def disordered(pairs: Pairs) -> int:
    """How many items stand in another order: those that would have to be moved, at the least."""
    ends: list[int] = []  # the smallest end of an ascending row of each length
    for _, other in pairs:
        at = bisect_left(ends, other)
        ends[at : at + 1] = [other]
    return len(pairs) - len(ends)
