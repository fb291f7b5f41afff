"""Which texts are most like another one."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.examples.index import FEWEST, LENGTH, SATURATION, Index, spaced, words_of

TEXTS = [
    "Invoice 17 of Acme: three lamps",
    "Invoice 18 of Acme: two chairs",
    "Delivery note: one lamp for Bea",
    "Dear Ann, thank you for the flowers",
]
WORDS = st.sampled_from("acme invoice lamp chair total due Größe 東 note".split())
A_TEXT = st.lists(WORDS, max_size=12).map(" ".join)


def _bm25(texts: list[str], text: str) -> list[float]:
    """The scores as the formula has them."""
    bags = [words_of(each) for each in texts]
    spread = Counter(word for bag in bags for word in bag)
    usual = max(sum(map(Counter.total, bags)) / len(bags), 1)
    return [
        sum(
            math.log(1 + (len(bags) - spread[word] + 0.5) / (spread[word] + 0.5))
            * bag[word]
            / (bag[word] + SATURATION * (1 - LENGTH + LENGTH * bag.total() / usual))
            for word in words_of(text)
            if word in bag
        )
        for bag in bags
    ]


def test_the_most_alike_come_first() -> None:
    """Texts come in the order of what they have in common, rare words before common ones."""
    index = Index(TEXTS)
    assert index.nearest("INVOICE: three LAMPS", 4) == [0, 1]
    assert index.nearest("a lamp for Ann", 4) == [2, 3]
    assert index.nearest("a lamp for Ann", 1) == [2]


def test_no_word_in_common() -> None:
    """A text without any word of another is not like it at all."""
    assert Index(TEXTS).nearest("Zahlung bis 3. Mai", 4) == []
    assert Index([]).nearest("anything", 4) == []
    assert Index(["", "..."]).nearest("anything", 4) == []


def test_of_equals_the_later() -> None:
    """Of texts that are as much like it the later one comes first: it was said last."""
    assert Index(["a b", "b a", "b a"]).nearest("a", 3) == [2, 1, 0]


def test_words() -> None:
    """Words are compared without case and in Unicode's compatible forms; one of Chinese or Japanese is a character."""
    assert words_of("STRASSE Straße ﬁn") == Counter({"strasse": 2, "fin": 1})
    assert words_of("東京 12") == Counter({"東": 1, "京": 1, "12": 1})
    assert spaced(" a\t b\u00a0c\n") == "a b c"


@settings(max_examples=60)
@given(texts=st.lists(A_TEXT, min_size=1, max_size=30), text=A_TEXT, copies=st.sampled_from([1, 5]))
def test_scores_are_those_of_the_formula(texts: list[str], text: str, copies: int) -> None:
    """Words in lists and words in long numbers together give the order of BM25, but for what is rounded."""
    many = texts * copies + ["invoice due"] * (FEWEST if copies > 1 else 0)
    scores = _bm25(many, text)
    found = Index(many).nearest(text, len(many))
    assert set(found) == {number for number, score in enumerate(scores) if score}
    for first, second in pairwise(found):
        assert scores[first] >= scores[second] - 0.01
