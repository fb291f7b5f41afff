"""One value against what is right: every scalar is right, wrong, missing or invented, and counted by its place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from extractor.evaluation.aligning import aligned, alike, disordered
from extractor.evaluation.normal import Normal, tokens
from extractor.evaluation.trees import Branch, Leaf, Listed, Node, leaves
from extractor.schema.pointers import escaped

__all__ = ["Compared", "Difference", "Items", "Tally", "Verdict", "compared"]

Verdict: TypeAlias = Literal["wrong", "missing", "invented"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A place where a value is not right.

    `pointer` is where it is in what was predicted, or would be; for items that are missing from a list (`item`), it is
    that in what is right. `pattern` is the same with `*` for items and for keys of maps. `got` and `expected` are the
    scalars, None where there is none; `alike` is how much two texts are (F1 of their words, 0 to 1), 0 for all else.
    """

    pointer: str
    pattern: str
    verdict: Verdict
    got: Any = None
    expected: Any = None
    alike: float = 0.0
    item: bool = False


@dataclass(kw_only=True, slots=True)
class Tally:
    """The scalars of one place, by what became of them. `alike` is the sum over those wrong texts that are; `texts`
    says whether there is any text.
    """

    right: int = 0
    wrong: int = 0
    missing: int = 0
    invented: int = 0
    alike: float = 0.0
    texts: bool = False


@dataclass(kw_only=True, slots=True)
class Items:
    """The items of the lists of one place: found ones, missing and invented ones, and those in another order. `rough`
    counts the lists that were too long for the best assignment.
    """

    found: int = 0
    missing: int = 0
    invented: int = 0
    disordered: int = 0
    rough: int = 0


@dataclass(kw_only=True, slots=True)
class Compared:
    """What a comparison found: scalars and items by pattern, and the places that are not right."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    items: dict[str, Items] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def tally(self, pattern: str) -> Tally:
        """That of a place."""
        found = self.tallies.get(pattern)
        if found is None:
            found = self.tallies[pattern] = Tally()
        return found


def compared(predicted: Node | None, right: Node | None, normal: Normal) -> Compared:
    """Hold a value against what is right. Where one of them is a scalar and the other is not, or one is a list and the
    other an object, nothing of them agrees: what was predicted is invented, and what is right is missing.
    """
    walk = _Walk(normal)
    walk.pair(predicted, right, "")
    return walk.found


class _Walk:
    # Trees have a bounded depth, and so has this.
    def __init__(self, normal: Normal) -> None:
        self.found = Compared()
        self._normal = normal

    def pair(self, ours: Node | None, theirs: Node | None, pointer: str) -> None:
        if ours is None or theirs is None or type(ours) is not type(theirs):
            self._only(ours, pointer, "invented")
            self._only(theirs, pointer, "missing")
        elif isinstance(ours, Leaf) and isinstance(theirs, Leaf):
            self._scalars(ours, theirs, pointer)
        elif isinstance(ours, Branch) and isinstance(theirs, Branch):
            for name, each in ours.members.items():
                self.pair(each, theirs.members.get(name), f"{pointer}/{escaped(name)}")
            for name, each in theirs.members.items():
                if name not in ours.members:
                    self._only(each, f"{pointer}/{escaped(name)}", "missing")
        elif isinstance(ours, Listed) and isinstance(theirs, Listed):
            self._lists(ours, theirs, pointer)

    def _scalars(self, ours: Leaf, theirs: Leaf, pointer: str) -> None:
        tally = self.found.tally(theirs.place.pattern)
        tally.texts = tally.texts or theirs.key[0] == "t" or ours.key[0] == "t"
        if self._normal.same(ours.key, theirs.key):
            tally.right += 1
            return
        tally.wrong += 1
        share = alike(Counter(tokens(ours.key)), Counter(tokens(theirs.key)))
        tally.alike += share
        self._differ(theirs.place.pattern, pointer, "wrong", ours.value, theirs.value, share)

    def _only(
        self, node: Node | None, pointer: str, verdict: Literal["missing", "invented"], *, item: bool = False
    ) -> None:
        """All that is on one side alone."""
        for where, leaf in leaves(node, pointer):
            tally = self.found.tally(leaf.place.pattern)
            tally.texts = tally.texts or leaf.key[0] == "t"
            if verdict == "missing":
                tally.missing += 1
                self._differ(leaf.place.pattern, where, verdict, None, leaf.value, item=item)
            else:
                tally.invented += 1
                self._differ(leaf.place.pattern, where, verdict, leaf.value, None)

    def _lists(self, ours: Listed, theirs: Listed, pointer: str) -> None:
        pairs, best = aligned(ours, theirs, self._normal)
        counts = self.found.items.setdefault(theirs.place.pattern, Items())
        counts.found += len(pairs)
        counts.missing += len(theirs.items) - len(pairs)
        counts.invented += len(ours.items) - len(pairs)
        counts.disordered += disordered(pairs)
        counts.rough += not best
        of_ours, of_theirs = dict(pairs), {other for _, other in pairs}
        for number, each in enumerate(ours.items):
            other = of_ours.get(number)
            self.pair(each, None if other is None else theirs.items[other], f"{pointer}/{ours.at[number]}")
        for number, each in enumerate(theirs.items):
            if number not in of_theirs:
                self._only(each, f"{pointer}/{theirs.at[number]}", "missing", item=True)

    def _differ(
        self,
        pattern: str,
        pointer: str,
        verdict: Verdict,
        got: Any,
        expected: Any,
        share: float = 0.0,
        *,
        item: bool = False,
    ) -> None:
        found = Difference(
            pointer=pointer, pattern=pattern, verdict=verdict, got=got, expected=expected, alike=share, item=item
        )
        self.found.differences.append(found)
