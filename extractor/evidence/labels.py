"""Whether a field's name stands beside a place: "Total" before 42.00."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping

from extractor.evidence.folding import WORD, folded
from extractor.evidence.leaves import Leaf
from extractor.evidence.place import Place
from extractor.evidence.source import Source
from extractor.schema.pointers import steps_of

__all__ = ["Labels"]

BEFORE, BEHIND, ABOVE = 60, 16, 12  # characters around a value in which its name may stand
FADING = 25.0  # characters in which a name's weight falls to a third
STEPS = 4  # of a pointer that are looked at
STEM = 4  # letters by which two words are taken for the same
DESCRIBED = 12  # words of a description that are looked at
_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
_COMMON = frozenset("the of a an and or in for to is as with by on at value field".split())


class Labels:
    """How well the words beside a place name a field."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._words: dict[tuple[str, int], Mapping[str, float]] = {}
        self._beside: dict[tuple[int, int], Mapping[str, float]] = {}

    def rank(self, weights: Mapping[str, float], place: Place) -> float:
        """From 0 (nothing) to 1 (the whole name is just before). `weights` are the words that name the field."""
        key = (place.start, place.end)
        beside = self._beside.get(key)
        if beside is None:
            beside = self._beside[key] = self._words_beside(place)
        found: dict[str, float] = {}
        for each, share in beside.items():
            word = _alike(each, weights)
            if word is not None:
                found[word] = max(found.get(word, 0.0), share)
        return sum(weights[word] * share for word, share in found.items())

    def named(self, leaf: Leaf) -> Mapping[str, float]:
        """The words that name a field, with their weights, which add up to 1."""
        last = "/".join(["", *leaf.pointer.rsplit("/", STEPS)[1:]]) if leaf.pointer else ""
        name = "/".join(step for step in steps_of(last) if not step.isdigit())
        known = self._words.get((name, id(leaf.schema)))
        if known is None:
            known = self._words[name, id(leaf.schema)] = self._weighed(name, leaf)
        return known

    def _weighed(self, name: str, leaf: Leaf) -> Mapping[str, float]:
        above, _, own = name.rpartition("/")
        described = " ".join(str(leaf.schema.get("description", ""))[:200].split()[:DESCRIBED])
        said = (
            (own, 1.0),
            (str(leaf.schema.get("title", ""))[:100], 0.8),
            (above.rpartition("/")[2], 0.5),
            (described, 0.25),
        )
        weights: dict[str, float] = {}
        for text, weight in said:
            for part in _PARTS.split(text):
                word = folded(part[:40])
                if len(word) > 1 and word not in _COMMON:
                    rare = 1.0 / (1.0 + 0.2 * math.log1p(len(self._source.words.get(word, ()))))
                    weights[word] = max(weights.get(word, 0.0), weight * rare)
        total = sum(weight for weight in weights.values()) or 1.0
        return {word: weight / total for word, weight in weights.items()}

    def _words_beside(self, place: Place) -> Mapping[str, float]:
        """The words beside a place, each with how much it says about it: more just before than behind or above."""
        text, lines = self._source.text, self._source.lines
        line = bisect_right(lines, place.start) - 1
        found: dict[str, float] = {}
        _look(text[max(0, place.start - BEFORE) : place.start], found, from_end=True, weight=1.0)
        _look(text[place.end : place.end + BEHIND].partition("\n")[0], found, from_end=False, weight=0.4)
        if line:  # the head of a column
            first, column = lines[line - 1], place.start - lines[line]
            above = text[first + max(0, column - ABOVE) : min(lines[line], first + column + ABOVE)]
            _look(above, found, from_end=True, weight=0.5)
        return found


def _look(text: str, found: dict[str, float], *, from_end: bool, weight: float) -> None:
    for match in WORD.finditer(form := text.casefold()):
        word = match[0]
        distance = len(form) - match.end() if from_end else match.start()
        found[word] = max(found.get(word, 0.0), weight * math.exp(-distance / FADING))


def _alike(word: str, words: Mapping[str, float]) -> str | None:
    if word in words:
        return word
    if len(word) < STEM:
        return None
    return next(
        (each for each in words if len(each) >= STEM and (word.startswith(each) or each.startswith(word))), None
    )
