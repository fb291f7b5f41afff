"""A text in the form in which texts are compared, and where each of its characters stood before.

Case, spaces, Unicode's compatible forms, quotes, dashes and digits of other scripts become one; what cannot be seen
is left out; a word that was parted at a line's end is joined.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

__all__ = ["PLAIN_WORD", "WORD", "Folded", "Squashed", "fold", "folded", "is_border", "skeleton", "squashed"]

# Scripts that are written without spaces, or (Korean) with endings joined to a word: any place may be a border.
_SPACELESS = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035"
    "\u3040-\u30ff\u3105-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
# Signs that belong to the letter before them, which `\w` does not take.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff"
)
WORD = re.compile(rf"(?:[^\W_{_SPACELESS}]|[{_MARKS}])++|[{_SPACELESS}]")
"""A word of a folded text; a character of a script without spaces is one by itself."""
PLAIN_WORD = re.compile(r"[^\W_]++")
"""The same for a text that is ASCII, in less time."""

_QUOTES = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u00b4\u0060\u02bc\u02b9\u05f3\uff07\u2039\u203a", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u05f4\u301d\u301e\u301f\uff02\u300c\u300d", '"'),
}
_DASHES = dict.fromkeys("\u2212\u2043\u02d7\u2796\u00ac\u30fb\u05be", "-") | {"\u30fb": "\u30fb", "\u00ac": "\u00ac"}
_LEFT_OUT = frozenset("\u0640\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufffc")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LETTER = r"[^\W\d_]"
_BROKEN = rf"(?<={_LETTER})[-\u2010\u00ad][^\S\n]*+\n\s*+(?={_LETTER})"


@dataclass(frozen=True, eq=False)
class Folded:
    """`text` is the folded text; `starts[i]` says where its character `i` stood, and one more item where the original
    ends. Several characters may come of one (then they have the same start), and one of several.
    """

    original: str
    text: str
    starts: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Where a part of the folded text stood; None where it begins or ends inside of a character."""
        starts = self.starts
        if start >= end or (start and starts[start - 1] == starts[start]) or starts[end - 1] == starts[end]:
            return None
        begin, behind = starts[start], starts[end]
        while behind > begin + 1 and _unseen(self.original[behind - 1]) and self.text[end - 1] != " ":
            behind -= 1
        if self.original[behind - 1] in "-\u2010" and self.text[end - 1] != "-" and behind - 1 > begin:
            behind -= 1  # of a word that goes on in the next line
        return begin, behind

    def at(self, offset: int) -> int:
        """Where in the folded text an offset of the original is."""
        return min(bisect_left(self.starts, offset), len(self.text))


def fold(text: str) -> Folded:
    """A text folded. Takes time linear in its length."""
    changed = str.maketrans({character: _character(character) for character in set(text)})
    singly = {key: form for key, form in changed.items() if len(form) == 1}
    same = text.translate(singly)  # character for character, so at the same places
    pieces: list[str] = []
    starts = array("I")
    last = 0
    for match in _special(changed, text).finditer(text):
        start, end = match.span()
        pieces.append(same[last:start])
        starts.extend(range(last, start))
        form = _form(match)
        pieces.append(form)
        starts.extend([start] * len(form))
        last = end
    if not last:
        return Folded(text, same, range(len(text) + 1))
    pieces.append(same[last:])
    starts.extend(range(last, len(text) + 1))
    return Folded(text, "".join(pieces), starts)


@functools.lru_cache(maxsize=4_096)
def folded(text: str) -> str:
    """A short text folded, without spaces around it."""
    return fold(text).text.strip()


def is_border(text: str, at: int) -> bool:
    """Whether a word or a number may begin or end at this place of a folded text."""
    if at <= 0 or at >= len(text):
        return True
    before, behind = text[at - 1], text[at]
    if _is_mark(behind):
        return False
    if before.isdigit() and behind in ".,'":
        return not text[at + 1 : at + 2].isdigit()
    if behind.isdigit() and before in ".,'":
        return not text[at - 2 : at - 1].isdigit()
    return not (_joins(before) and _joins(behind))


def _special(changed: dict[int, str], text: str) -> re.Pattern[str]:
    """What is not folded character for character."""
    unseen = "".join(re.escape(chr(key)) for key, form in changed.items() if not form)
    longer = "".join(re.escape(chr(key)) for key, form in changed.items() if len(form) > 1)
    marks = "" if text.isascii() else "".join(re.escape(chr(key)) for key in changed if _is_mark(chr(key)))
    kinds = [f"(?P<broken>{_BROKEN})", rf"(?P<run>[\s{unseen}]{{2,}}+{f'|[{unseen}]' if unseen else ''})"]
    if marks:
        kinds.append(rf"(?P<cluster>[^\s{unseen}]?+[{marks}]++)")
    if not text.isascii():
        kinds.append(rf"(?P<raised>(?<=\d)[{_RAISED}]++)")
    if longer:
        kinds.append(f"(?P<longer>[{longer}])")
    return re.compile("|".join(kinds))


def _form(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "broken":  # before a capital, the hyphen is a part of the name
        return "-" if match.string[match.end()].isupper() else ""
    if kind == "run":
        return " " if any(map(str.isspace, text)) else ""
    if kind == "raised":  # a note's number, not a digit more
        return text
    return _folded_form(text)


@functools.lru_cache(maxsize=20_000)
def _character(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in ("Cf", "Cc") or character in _LEFT_OUT or "\ufe00" <= character <= "\ufe0f":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    return _folded_form(character)


def _folded_form(text: str) -> str:
    if len(text) == 1 and (known := _QUOTES.get(text) or _DASHES.get(text)):
        return known
    form = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if "\u2044" in form and text != form:  # "1½" is not 11/2
        return text
    return "".join(_QUOTES.get(each, each) for each in form if not each.isspace()) or text


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) > 0 or "\u1160" <= character <= "\u11ff"


@functools.lru_cache(maxsize=20_000)
def _unseen(character: str) -> bool:
    return character.isspace() or not _character(character)


@functools.lru_cache(maxsize=20_000)
def _joins(character: str) -> bool:
    match = WORD.match(character)
    return match is not None and not _ALONE.match(character)


_ALONE = re.compile(f"[{_SPACELESS}]")


@dataclass(frozen=True, eq=False)
class Squashed:
    """The letters and digits of a folded text without what is between them. `starts[i]` says where its character `i`
    stood in the folded text. In a skeleton, characters that are taken for each other when read by a machine are one.
    """

    text: str
    starts: Sequence[int]


def squashed(text: str) -> Squashed:
    """The letters and digits of a folded text."""
    letters = list(map(str.isalnum, text))
    return Squashed("".join(compress(text, letters)), array("I", compress(range(len(text)), letters)))


def skeleton(text: Squashed) -> Squashed:
    """A squashed text with what looks alike made one."""
    alike = text.text.translate(_ALIKE)
    pieces: list[str] = []
    starts = array("I")
    last = 0
    for match in _PAIRS.finditer(alike):
        start = match.start()
        pieces += (alike[last:start], _PAIR[match[0]])
        starts.extend(text.starts[last : start + 1])
        last = match.end()
    pieces.append(alike[last:])
    starts.extend(text.starts[last:])
    return Squashed("".join(pieces), starts)


_ALIKE = str.maketrans("01i5826", "ollsbzg")
_PAIR = {"rn": "m", "vv": "w"}
_PAIRS = re.compile("rn|vv")
