"""Whether what stands there is the text, misread, or something else: another name, another number, the opposite."""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from rapidfuzz.distance import Levenshtein

from extractor.evidence.folding import PLAIN_WORD, WORD, Squashed, is_border, skeleton, squashed
from extractor.evidence.place import Area

__all__ = ["Run", "is_changed", "is_misread", "is_opposite", "negates", "same_digits"]

NAMED = 4  # words without a digit that may be a name, or are as particular as one
OTHER = math.inf  # what cannot be a misreading, in a name
ALIKE = 0.5  # of two words that may be meant to be the same

_SIMILAR = frozenset(
    pair
    for each in "ec hb hn nu uv tf ao lj lt co gq yv kh rn dl ce".split()
    for pair in ((each[0], each[1]), (each[1], each[0]))
)
_NEGATIONS = frozenset(
    "not no never none nor neither without cannot nicht kein keine keinen keinem keiner keines nie niemals ohne weder "
    "ne pas jamais sans aucun aucune ni sin nunca ningún ninguna ninguno non senza mai né nessun nessuna nessuno não "
    "sem nunca nem nenhum nenhuma niet geen nooit zonder noch 不 没 沒 無 无 非 未 "
    "لا لم لن ليس غير בלי לא אין не нет без".split()
)
_NEGATION = re.compile(r"n't\b|\bno(?= ?[.:#\d])|\bn'(?=[^\W\d_])")
_OPPOSITES = ("un", "in", "im", "il", "ir", "non", "dis", "mis")
_WIDE = re.compile(r"\n|\s{3}|\t|\|")

Run: TypeAlias = "tuple[int, int, int, int]"
"""Words that are the same: the first and the end in the value, and in the text."""


def same_digits(sought: Squashed, form: str, found: Squashed, there: str) -> bool:
    """Whether no digit is another one, or was lost or added: a number that differs is another value."""
    for step in Levenshtein.opcodes(sought.text, found.text):
        if step.tag == "equal":
            continue
        if any(form[at].isdigit() for at in sought.starts[step.src_start : step.src_end]):
            return False
        if step.tag == "insert" and any(there[at].isdigit() for at in found.starts[step.dest_start : step.dest_end]):
            return False
    return True


def is_misread(sought: Squashed, form: str, found: Squashed) -> bool:
    """Whether every word of a text may have been misread as what is found: a short one may differ in what looks alike
    only, and so may each in a text of few words, since another name is somebody else.
    """
    words = [match.span() for match in PLAIN_WORD.finditer(form)]
    strict = len(words) <= NAMED and not any(map(str.isdigit, form))
    starts = [start for start, _ in words]
    costs: dict[int, float] = {}
    for step in Levenshtein.opcodes(sought.text, found.text):
        if step.tag == "equal":
            continue
        at = sought.starts[min(step.src_start, len(sought.starts) - 1)]
        word = max(0, bisect_right(starts, at) - 1)
        between = step.tag == "insert" and at == starts[word]
        if between and not strict:
            continue  # another word before
        src, dest = sought.text[step.src_start : step.src_end], found.text[step.dest_start : step.dest_end]
        last = step.src_end == len(sought.text) or sought.starts[step.src_end] >= words[word][1]
        costs[word] = costs.get(word, 0.0) + _cost(src, dest, strict=strict, last=last)
    return all(cost <= _allowed(words[word][1] - words[word][0]) for word, cost in costs.items())


def _cost(src: str, dest: str, *, strict: bool, last: bool) -> float:
    other = OTHER if strict else 1.0
    if len(src) != len(dest):
        return other * max(len(src), len(dest))
    cost = 0.0
    for index, (a, b) in enumerate(zip(src, dest, strict=True)):
        ending = last and index == len(src) - 1 and {a, b} == {"a", "o"}  # Maria is not Mario
        alike = ((a, b) in _SIMILAR and not ending) or _bare(a) == _bare(b)
        cost += 0.5 if alike else other
    return cost


def _bare(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]


def _allowed(length: int) -> float:
    return 0.5 if length < 5 else max(1.0, length // 4)


def is_opposite(form: str, there: str) -> bool:
    """Whether a negation was lost or added."""
    if _negations(form) != _negations(there):
        return True
    own, others = ({match[0] for match in PLAIN_WORD.finditer(each)} for each in (form, there))
    less, more = own - others, others - own
    return any(prefix + word in more for word in less for prefix in _OPPOSITES) or any(
        prefix + word in less for word in more for prefix in _OPPOSITES
    )


def negates(text: str, at: int) -> bool:
    """Whether before a place inside of a word stands what makes it the opposite."""
    return any(text.endswith(each, 0, at) and is_border(text, at - len(each)) for each in _OPPOSITES)


def _negations(text: str) -> int:
    found = [match[0] for match in _NEGATION.finditer(text)]
    numbered = found.count("no")  # "no. 7" is none
    return sum(match[0] in _NEGATIONS for match in WORD.finditer(text)) + len(found) - 2 * numbered


def is_changed(area: Area, words: Sequence[str], there: Sequence[re.Match[str]], runs: Sequence[Run]) -> bool:
    """Whether between the pieces of a text a word became another one, or a negation was lost or added."""
    if not runs:
        return True
    last = (0, 0, 0, 0)
    for run in (*runs, (len(words), len(words), len(there), len(there))):
        own, others = words[last[1] : run[0]], there[last[3] : run[2]]
        if last == (0, 0, 0, 0):
            others = others[len(others) - len(own) :]
        elif run[0] == len(words):
            others = others[: len(own)]
        if _is_replaced(area, own, others, inside=last[1] > 0 and run[0] < len(words)):
            return True
        last = run
    return False


def _is_replaced(area: Area, own: Sequence[str], others: Sequence[re.Match[str]], *, inside: bool) -> bool:
    """Whether words of a text are other ones in the document, where they would have to be."""
    if not own and not (others and inside):
        return False
    found = [match[0] for match in others]
    if inside and others and _parted(area, others):  # by something else: what belongs to the text is at its ends
        found = [*found[:2], *found[2:][-2:]]
    if _negations(" ".join(own)) != _negations(" ".join(found)) and (inside or _negations(" ".join(own))):
        return True
    if not own or not found or len(found) > len(own) + 1:
        return False
    form, other = " ".join(own), " ".join(found)
    sought, there = skeleton(squashed(form)), skeleton(squashed(other))
    if not sought.text:
        return False  # marks, which are nothing to be misread
    if not inside and Levenshtein.normalized_similarity(sought.text, there.text) < ALIKE:
        return False  # a word that is left out
    return not is_misread(sought, form, there)


def _parted(area: Area, others: Sequence[re.Match[str]]) -> bool:
    """Whether there is the end of a line or of a column around words."""
    fold = area.source.folded
    start, end = fold.starts[max(0, others[0].start() - 1)], fold.starts[min(others[-1].end() + 1, len(fold.text))]
    return _WIDE.search(area.source.text, start, end) is not None
