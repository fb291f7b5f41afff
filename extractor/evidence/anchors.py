"""Where the items of a list are: one place for each, in ascending order as far as that can be, none of them twice."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from extractor.evidence.place import Place

__all__ = ["anchored"]

Near: TypeAlias = Callable[[int, int], float]
"""How near two places of the text are, from 0 to 1."""

SEVERAL = 64  # places for one item that are compared, fewer where …
COMPARED = 20_000  # … there are more than these for all items
LEAST = 4
LOOKED = 500  # places of one value at least, and twice as many as there are items
SOUGHT = 3  # values of an item at whose places it is looked for
BESIDE = 0.9  # nearness in one row
FITTING = 0.5  # of the best score: what is rather taken, because it is between the items before and behind
CLOSE = 0.85  # of the best score: what is still a place of the item
INSIDE = 0.5  # for being inside of the record around


class _Option(NamedTuple):
    at: int
    score: float


def anchored(
    features: Sequence[Sequence[Sequence[Place]]], near: Near, start: int | None, end: int | None
) -> list[int | None]:
    """The anchor of each item, None where nothing of it stands in the text.

    `features` are, for each item, the places of some of its values, those with the fewest first. `start` and `end` is
    the record around, as far as known.
    """
    options, all_options = _options(features, near, start, end)
    chosen = _ascending(options)
    taken = {at for at in chosen if at is not None}
    behind = _following(chosen)
    left: dict[int, _Left] = {}
    before = -1
    for index, each in enumerate(all_options):
        if chosen[index] is None and each:
            free = left.get(id(each)) or left.setdefault(id(each), _Left(each, taken))
            best = free.best()
            inside = max(free.between(before, behind[index]), key=_score, default=best)
            here = chosen[index] = inside.at if inside.score >= FITTING * best.score else best.at
            taken.add(here)
        elif chosen[index] is not None:
            before = chosen[index] or 0
    return chosen


class _Left:
    """Those of an item's places that no other item has taken; all, when none is left. Items that are alike share them,
    and what was passed over once is not looked at again.
    """

    def __init__(self, options: Sequence[_Option], taken: Container[int]) -> None:
        self._options = options
        self._taken = taken
        self._ranked = sorted(options, key=lambda each: (-each.score, each.at))
        self._first = 0
        self._next = list(range(len(options) + 1))  # of each place the next that may be free

    def best(self) -> _Option:
        """The best of them."""
        ranked = self._ranked
        while self._first < len(ranked) and ranked[self._first].at in self._taken:
            self._first += 1
        return ranked[self._first] if self._first < len(ranked) else ranked[0]

    def between(self, start: float, end: float) -> Iterator[_Option]:
        """The first of them between two places."""
        options, full = self._options, self._first == len(self._options)
        at = bisect_left(options, (start + 1,))
        for _ in range(SEVERAL):
            at = at if full else self._free(at)
            if at >= len(options) or options[at].at >= end:
                return
            yield options[at]
            at += 1

    def _free(self, at: int) -> int:
        """The first free one from here on; on the way there, each that is passed is led to where the next one led."""
        following = self._next
        while at < len(self._options) and self._options[at].at in self._taken:
            ahead = following[at] if following[at] > at else at + 1
            following[at] = max(ahead, following[ahead])
            at = ahead
        return at


def _score(option: _Option) -> float:
    return option.score


def _following(chosen: Sequence[int | None]) -> list[float]:
    """For each item, the anchor of the next one behind it that has one."""
    following = []
    last = math.inf
    for at in reversed(chosen):
        following.append(last)
        last = last if at is None else at
    return following[::-1]


def _options(
    features: Sequence[Sequence[Sequence[Place]]], near: Near, start: int | None, end: int | None
) -> tuple[list[list[_Option]], list[list[_Option]]]:
    """The best places where each item may be, and all. Items that are alike share the best: the first of two takes the
    first of them.
    """
    keys = [tuple(map(id, each)) for each in features]
    groups: dict[tuple[int, ...], int] = {}
    for key in keys:
        groups[key] = groups.get(key, 0) + 1
    several = max(LEAST, min(SEVERAL, COMPARED // max(1, len(features))))
    looked = max(several, min(COMPARED // max(1, len(groups)), LOOKED + 2 * len(features)))
    known: dict[tuple[int, ...], tuple[list[_Option], list[_Option]]] = {}
    seen: dict[tuple[int, ...], int] = {}
    options, every = [], []
    for key, each in zip(keys, features, strict=True):
        if key not in known:
            scored = _scored(each, near, looked, start, end)
            best = max((option.score for option in scored), default=0.0)
            known[key] = [option for option in scored if option.score >= CLOSE * best], scored
        found, scored = known[key]
        every.append(scored)
        number = seen[key] = seen.get(key, -1) + 1
        spare = max(0, len(found) - groups[key])
        first = number if spare else number * len(found) // groups[key]
        if spare > several:  # more than can be compared: the nearest to its share of them
            first += max(0, (spare - several) * number // groups[key])
        options.append(found[max(0, min(first, len(found) - 1)) : first + min(spare, several) + 1])
    return options, every


def _scored(
    features: Sequence[Sequence[Place]], near: Near, looked: int, start: int | None, end: int | None
) -> list[_Option]:
    """The places of the value that has the fewest, by how near the other values are, in order."""
    if not features:
        return []
    weights = [1.0 / (1.0 + math.log(len(each))) for each in features]
    found: dict[int, float] = {}
    for number, sought in enumerate(features[:SOUGHT]):
        if number and len(sought) > looked:
            break
        for place in _part(sought, looked, start):
            at, score = _together(place.start, weights, features, near)
            if start is not None and at >= start and (end is None or at < end):
                score += INSIDE
            found[at] = max(found.get(at, 0.0), score)
    return [_Option(at, score) for at, score in sorted(found.items())]


def _part(places: Sequence[Place], looked: int, start: int | None) -> Sequence[Place]:
    if len(places) <= looked:
        return places
    at = bisect_left(places, (start or 0,))
    return places[max(0, min(at, len(places) - looked)) :][:looked]


def _together(at: int, weights: Sequence[float], features: Sequence[Sequence[Place]], near: Near) -> tuple[int, float]:
    """Where the record begins that has a value at this place, and how many of its others are near."""
    first, score = at, 0.0
    for weight, others in zip(weights, features, strict=True):
        nearness, other = max((near(other, at), -other) for other in _nearest(others, at))
        score += weight * nearness
        if nearness >= BESIDE:  # so that all values of a row have one anchor
            first = min(first, -other)
    return first, score


def _nearest(places: Sequence[Place], at: int) -> list[int]:
    """The last of the places before, and the first behind: of both, the one of the same row is the nearer one."""
    here = bisect_left(places, (at,))
    return [each.start for each in places[max(0, here - 1) : here + 1]]


def _ascending(options: Sequence[Sequence[_Option]]) -> list[int | None]:
    """One option for each item so that they ascend and their scores add up to the most; None for what does not fit."""
    ranks = {at: rank for rank, at in enumerate(sorted({each.at for item in options for each in item}), 1)}
    best: list[tuple[float, int]] = [(0.0, -1)] * (len(ranks) + 1)  # a Fenwick tree of the best chain up to a rank
    links: list[tuple[int, int, int]] = []  # item, place, link before
    for number, item in enumerate(options):
        new = [(ranks[each.at], each, _most(best, ranks[each.at] - 1)) for each in item]
        for rank, each, (score, before) in new:
            links.append((number, each.at, before))
            _raise(best, rank, (score + each.score, len(links) - 1))
    chosen: list[int | None] = [None] * len(options)
    link = _most(best, len(ranks))[1]
    while link >= 0:
        number, at, link = links[link]
        chosen[number] = at
    return chosen


def _most(tree: Sequence[tuple[float, int]], rank: int) -> tuple[float, int]:
    found = (0.0, -1)
    while rank > 0:
        if tree[rank][0] > found[0] + 1e-9:
            found = tree[rank]
        rank -= rank & -rank
    return found


def _raise(tree: list[tuple[float, int]], rank: int, value: tuple[float, int]) -> None:
    while rank < len(tree):
        if value[0] > tree[rank][0] + 1e-9:
            tree[rank] = value
        rank += rank & -rank
