"""Which of many texts are most like another one: BM25 over their words, an index of where each word is.

A rare word has a list of the texts that it is in. A word that is in many has one long number instead, 32 bits of it
for each text: to add two of those is one addition, however many texts there are.
"""

from __future__ import annotations

import heapq
import math
import sys
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

from extractor.evidence.folding import PLAIN_WORD, WORD

__all__ = ["Index", "spaced", "words_of"]

SATURATION, LENGTH = 1.2, 0.75  # BM25's k1 and b, as they are usual
LOOKED_AT = 20_000  # characters of a text: what follows says little about what kind of text it is
FEWEST = 64  # texts: a word that is in fewer, or in less than an eighth of all, has a list
SCALE = 10_000  # weights are whole numbers: the largest is that of a word that one of 2**31 texts has, below 22 × this
MOST_WORDS = 15_000  # of a text: so many of the largest weights have room in 32 bits


def words_of(text: str) -> Counter[str]:
    """The words of a text, in one case and in Unicode's compatible forms; how often each is there."""
    shown = text[:LOOKED_AT]
    if shown.isascii():
        return Counter(PLAIN_WORD.findall(shown.lower()))
    return Counter(WORD.findall(unicodedata.normalize("NFKC", shown).casefold()))


def spaced(text: str) -> str:
    """A text with one space wherever it has white space."""
    return " ".join(text.split())


class Index:
    """The words of `texts`, each text known by its place."""

    def __init__(self, texts: Iterable[str]) -> None:
        bags = [words_of(text) for text in texts]
        self._number = len(bags)
        spread = Counter(word for bag in bags for word in bag)
        usual = max(sum(map(Counter.total, bags)) / max(len(bags), 1), 1.0)
        rarity = {
            word: SCALE * math.log(1 + (len(bags) - there + 0.5) / (there + 0.5)) for word, there in spread.items()
        }
        rare: dict[str, tuple[array[int], array[int]]] = {word: (array("I"), array("I")) for word in spread}
        for number, bag in enumerate(bags):
            size = SATURATION * (1 - LENGTH + LENGTH * bag.total() / usual)
            for word, count in bag.items():
                numbers, weights = rare[word]
                numbers.append(number)
                weights.append(int(rarity[word] * count / (count + size)) + 1)
        often = [word for word, there in spread.items() if there >= max(FEWEST, self._number // 64)]
        self._often = {word: self._together(*rare.pop(word)) for word in often}
        self._rare = rare

    def _together(self, numbers: Sequence[int], weights: Sequence[int]) -> int:
        lanes = array("I", bytes(4 * self._number))
        for number, weight in zip(numbers, weights, strict=True):
            lanes[number] = weight
        return int.from_bytes(lanes.tobytes(), sys.byteorder)

    def nearest(self, text: str, most: int) -> list[int]:
        """The places of those that are most like a text, the most alike first; of equals the later one. Those that
        have no word of it are not there.
        """
        scores = self._scores(text)
        found = heapq.nlargest(most, zip(scores, range(self._number), strict=True))
        return [number for score, number in found if score]

    def _scores(self, text: str) -> array[int]:
        words = list(words_of(text))[:MOST_WORDS]
        together = sum(self._often[word] for word in words if word in self._often)
        scores = array("I", together.to_bytes(4 * self._number, sys.byteorder))
        for word in words:
            for number, weight in zip(*self._rare.get(word, ((), ())), strict=True):
                scores[number] += weight
        return scores
