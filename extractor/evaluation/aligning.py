"""Which item of one list is which of another: those that are the same first, then so that the most scalars agree.

What comes out does not depend on the order of the items, nor on which list is the first: both are sorted by what they
say before they are assigned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from extractor.evaluation.assignment import assigned
from extractor.evaluation.long_lists import ROUNDS, Bag, Left, Pairs, reduced, shared
from extractor.evaluation.normal import Normal, tokens
from extractor.evaluation.trees import Listed, Node, bag, keys_of, leaves

__all__ = ["LARGEST", "aligned", "alike", "disordered"]

LARGEST = 200
"""Items: of more on both sides that are not the same, the best pairs are not always found."""
MOST_STEPS = LARGEST**3
MOST_WORK = 2_000_000  # comparisons of scalars for one pair of lists; of more, likewise
SOFT = 2_500  # pairs of items whose words are compared, too

Words: TypeAlias = "dict[str, Counter[str]]"
"""The words of the texts in an item, by where they stand."""


def aligned(ours: Listed, theirs: Listed, normal: Normal) -> tuple[Pairs, bool]:
    """The pairs, in the order of the first list; and whether they are the best there are, which may not be found of
    very long lists.
    """
    pairs, left, right = _the_same(keys_of(ours), keys_of(theirs))
    if not left or not right:
        return sorted(pairs), True
    one = sorted(left, key=lambda number: keys_of(ours)[number])
    other = sorted(right, key=lambda number: keys_of(theirs)[number])
    turned = _turned([keys_of(ours)[each] for each in one], [keys_of(theirs)[each] for each in other])
    first, second = (theirs.items, ours.items) if turned else (ours.items, theirs.items)
    rows, columns = (other, one) if turned else (one, other)
    found, best = _matched([first[each] for each in rows], [second[each] for each in columns], normal)
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


def _matched(rows: Sequence[Node], columns: Sequence[Node], normal: Normal) -> tuple[Pairs, bool]:
    bags, others = _merged([bag(each) for each in rows], [bag(each) for each in columns], normal)
    if _fits(bags, others):
        soft = len(rows) * len(columns) <= SOFT
        words = [_words(each) if soft else {} for each in rows]
        theirs = [_words(each) if soft else {} for each in columns]
        return _assigned(bags, others, words, theirs), True
    left = reduced(bags, others)
    best = _fits(*_bags(left))
    if not best:
        left.but_one()
    for _ in range(ROUNDS):
        if _fits(*_bags(left)) or not left.by_rare():
            break
    if _fits(*_bags(left)):
        numbers, there = list(left.ours), list(left.theirs)
        found = _assigned(*_bags(left), [{}] * len(numbers), [{}] * len(there))
        left.pair([(numbers[row], there[column]) for row, column in found])
    return left.pairs, best


def _bags(left: Left) -> tuple[Sequence[Bag], Sequence[Bag]]:
    return list(left.ours.values()), list(left.theirs.values())


def _fits(bags: Sequence[Bag], others: Sequence[Bag]) -> bool:
    """Whether each can be held against each."""
    work = min(_size(bags) * len(others), _size(others) * len(bags))
    short, long = sorted((len(bags), len(others)))
    return short**2 * long <= MOST_STEPS and work <= MOST_WORK


def _assigned(bags: Sequence[Bag], others: Sequence[Bag], words: Sequence[Words], theirs: Sequence[Words]) -> Pairs:
    weights = [
        [_weight(one, other, mine, its) for other, its in zip(others, theirs, strict=True)]
        for one, mine in zip(bags, words, strict=True)
    ]
    return [(row, column) for row, column in enumerate(assigned(weights)) if column is not None]


def _merged(bags: Sequence[Bag], others: Sequence[Bag], normal: Normal) -> tuple[Sequence[Bag], Sequence[Bag]]:
    """The bags with one key for numbers that are the same but for the tolerance: that of the least of them."""
    numbers = {key for each in (*bags, *others) for _, key in each if key[0] == "n"}
    if not normal.tolerance or all(key[1:].lstrip("-").isdigit() for key in numbers):
        return bags, others
    least, other = "", {}
    for key in sorted(numbers, key=lambda key: (float(key[1:]), key)):
        if least and normal.same(least, key):
            other[key] = least
        else:
            least = key
    return [_renamed(each, other) for each in bags], [_renamed(each, other) for each in others]


def _renamed(one: Bag, other: Mapping[str, str]) -> Bag:
    if not any(key in other for _, key in one):
        return one
    found: Bag = Counter()
    for (way, key), count in one.items():
        found[way, other.get(key, key)] += count
    return found


def _size(bags: Sequence[Bag]) -> int:
    return sum(map(len, bags))


_SHARED = 1_000_000  # what one scalar weighs that agrees: more than all words together


def _weight(one: Bag, other: Bag, words: Words, theirs: Words) -> int:
    soft = sum(alike(mine, theirs[way]) for way, mine in words.items() if way in theirs)
    return shared(one, other) * _SHARED + min(round(soft * 1_000), _SHARED - 1)


def _words(node: Node) -> Words:
    """The words of the texts in an item, by where they stand."""
    found = ((way, tokens(leaf.key)) for way, leaf in leaves(node))
    return {way: Counter(words) for way, words in found if words}


def alike(one: Counter[str], other: Counter[str]) -> float:
    """How much two texts are alike: the F1 of the words that they share, from 0 to 1."""
    size = one.total() + other.total()
    return 2 * (one & other).total() / size if size else 0.0


def disordered(pairs: Pairs) -> int:
    """How many items stand in another order: those that would have to be moved, at the least."""
    ends: list[int] = []  # the smallest end of an ascending row of each length
    for _, other in pairs:
        at = bisect_left(ends, other)
        ends[at : at + 1] = [other]
    return len(pairs) - len(ends)
