"""The words that plainly mean yes, no, nothing, or one of some words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from extractor.reply.spellings import LENGTH

__all__ = ["Words", "boolean_of", "folded", "is_nothing"]

# ---------------------------------------------------------------------- booleans, and what is not there

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off"), False),
}
_DIGITS = {"1": True, "0": False}


def boolean_of(text: str, *, digits: bool) -> bool | None:
    """The boolean that a text is; with `digits` also "1" and "0"."""
    if len(text) > LENGTH:
        return None
    word = text.strip().casefold()
    return _BOOLEANS.get(word, _DIGITS.get(word) if digits else None)


# As they stand: a person may be called Null.
_NOTHING = frozenset(("", "null", "N/A", "n/a"))
_NOTHING_BUT_TEXT = frozenset(
    "|null|n/a|none|nil|na|-|--|–|—|unknown|not available|not specified|not provided|not applicable".split("|")
)


def is_nothing(text: str, *, free: bool) -> bool:
    """Whether a text says that there is nothing; where it is a `free` text fewer are taken to mean that."""
    if free:
        return text in _NOTHING
    return len(text) <= LENGTH and " ".join(text.split()).casefold() in _NOTHING_BUT_TEXT


# ------------------------------------------------------------------------------------- one of some words

_BETWEEN = re.compile(r"(?<=\w)[\s_.,:;/\\'’()\[\]–—-]++(?=\w)|_++")
_AROUND = " \t\r\n.,:;!?\"'“”‘’()[]"


def folded(text: str) -> str:
    """A name without case, accents and what separates its words; digits that are apart stay apart."""
    text = unicodedata.normalize("NFD", text.strip(_AROUND).casefold())
    text = "".join(each for each in text if not "\u0300" <= each <= "\u036f")
    return unicodedata.normalize("NFC", _BETWEEN.sub(_separator, text))


def _separator(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    return " " if text[start - 1 : start].isdigit() and text[end : end + 1].isdigit() else ""


NEAR_LETTERS = 5  # a shorter word is another word with one letter changed
NEAR_LENGTH = 100
NEAR_WORDS = 1_000


class Words:
    """Some words of which one is meant: the same but for case, then but for separators, then but for one edit."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(dict.fromkeys(words))
        self._same: tuple[dict[str, list[str]], ...] = ({}, {}, {})
        self._near: dict[str, list[str]] | None = None
        self._around: dict[str, list[str]] = {}
        for word in self._words:
            for known, spelled in zip(self._same, _SPELLED, strict=True):
                known.setdefault(spelled(word), []).append(word)

    def meant(self, text: str) -> str | None:
        """The one word that a text means."""
        if len(text) > LENGTH:
            return None
        for known, spelled in zip(self._same, _SPELLED, strict=True):
            key = spelled(text)
            if key and (found := known.get(key)):
                return found[0] if len(found) == 1 else None
        return self._nearest(folded(text))

    def _nearest(self, text: str) -> str | None:
        if not NEAR_LETTERS <= len(text) + 1 <= NEAR_LENGTH or len(self._words) > NEAR_WORDS or not _alphabetic(text):
            return None
        found = {word for each in _shortened(text) for word in self._index().get(each, ())}
        found = {word for word in found if _one_edit(text, word)}
        if len(found) != 1:
            return None
        word = found.pop()
        words = self._same[-1][word]
        return words[0] if len(words) == 1 and not any(_edits(text, each) <= 2 for each in self._close(word)) else None

    def _index(self) -> dict[str, list[str]]:
        if self._near is None:
            self._near = {}
            for word in self._same[-1]:
                if sum(map(str.isalpha, word)) >= NEAR_LETTERS and len(word) <= NEAR_LENGTH and _alphabetic(word):
                    for each in _shortened(word):
                        self._near.setdefault(each, []).append(word)
        return self._near

    def _close(self, word: str) -> list[str]:
        """The other words that a text one edit away from this one can be two edits away from."""
        if word not in self._around:
            others = (each for each in self._same[-1] if each != word and abs(len(each) - len(word)) <= 3)
            self._around[word] = [each for each in others if len(each) <= NEAR_LENGTH and _edits(word, each) <= 4]
        return self._around[word]


_SPELLED: tuple[Callable[[str], str], ...] = (str.strip, lambda text: text.strip().casefold(), folded)


def _alphabetic(text: str) -> bool:
    # Where a letter is a syllable or a word (from Hebrew on), one of them changed is another word.
    return text < "\u0590" and all(each < "\u0590" for each in text)


def _shortened(text: str) -> set[str]:
    """The text, and it without each one of its letters: texts that are one edit apart have one of these in common."""
    return {text, *(text[:at] + text[at + 1 :] for at in range(len(text)))}


def _one_edit(text: str, word: str) -> bool:
    """Whether one letter more, less, changed or swapped makes the word: not the first one, and no digit."""
    at = next((at for at, (a, b) in enumerate(zip(text, word, strict=False)) if a != b), min(len(text), len(word)))
    a, b = text[at : at + 1], word[at : at + 1]
    ways = (
        (a, text[at + 1 :] == word[at:]),
        (b, text[at:] == word[at + 1 :]),
        (a + b, text[at + 1 :] == word[at + 1 :]),
        (a + b, text[at : at + 2] == word[at : at + 2][::-1] and text[at + 2 :] == word[at + 2 :]),
    )
    # "atypical" is not "typical".
    return at > 0 and any(same and letters.isalpha() for letters, same in ways)


def _edits(text: str, word: str) -> int:
    """How many letters have to be inserted, deleted, changed, or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, a in enumerate(text, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(word, 1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == word[j - 2] and b == text[i - 2]:
                edits = min(edits, last[j - 2] + 1)
            row.append(edits)
    return row[-1]
