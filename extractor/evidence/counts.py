"""How many items a document says that there are: "120 items", "Total lines: 45", rows that are numbered.

A number that is wrong would be worse than none: only where the words leave no other meaning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from extractor.evidence.items import Listed
from extractor.evidence.rows import Rows
from extractor.evidence.units import Units

__all__ = ["Count", "counts_in", "fitting", "named", "numbering"]

AROUND = 40  # characters before and after the word that are looked at
SAID_WORDS = 14  # a line with more words is a sentence, where a number may mean anything

_MANY = (
    "items lines rows entries records positions articles products transactions results "
    "positionen artikel zeilen einträge posten datensätze buchungen articles lignes entrées enregistrements "
    "artículos líneas registros filas partidas articoli righe voci regels artikelen pozycje wiersze"
)
_ONE = "item line row entry record position article product transaction pos ligne línea riga"
_GENERIC = frozenset(f"{_MANY} {_ONE}".split())
_PLURAL = frozenset(_MANY.split())

_N = r"(\d{1,3}(?:[.,' ]\d{3})++|\d{1,7})"
_ENDS = r"(?![\d.,]*\d|\s*[%€$£/–-]|\s*[A-Z]{3}\b)"
_BEFORE = re.compile(rf"(?:^|[^\w.,/-]){_N} (?:(?:line|total|order|invoice|list|listed|data|separate) )?$", re.I)
_BEHIND = re.compile(rf" ?(?:(?:count|total|anzahl) ?[:=]? ?|\(?s?\)? ?[:=#] ?){_N}{_ENDS}", re.I)
_BARE = re.compile(rf" ?[:=]? ?{_N}{_ENDS}")
_OF = re.compile(rf" \d{{1,7}} ?(?:-|–|to|bis|à|a) ?\d{{1,7}} (?:of|von|de|di|sur|van) {_N}{_ENDS}", re.I)
_COUNTED = re.compile(
    r"(?:^|\W)(?:total|number of|no\. of|nr\. of|count of|count|num|anzahl|anzahl der|nombre de|nombre d'|total de|"
    r"número de|numero di|totale|aantal|liczba|antal|total number of|of) ?(?:line |order |invoice )?$",
    re.I,
)
_QUALIFIED = re.compile(
    r"(?:least|most|up to|max|max\.|min|min\.|over|under|about|than|first|last|next|ca\.|bis zu|mindestens|every|per|"
    r"top|page|any|each|nearly|almost|more) ?$",
    re.I,
)
_EACH = re.compile(r" ?(?:per|pro|par|por|/|each|every|a) ?\w", re.I)
_ON_PAGE = re.compile(
    r"\W*+(?:page|seite|página|pagina|blatt)\W*+\d++(?:\s*+(?:/|of|von|de|di|sur|van)\s*+(\d++))?", re.I
)
_SPACE = re.compile(r"\s++")


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """A number of items that the document says, of what, and where. `page` is set where it is one page's only: the
    number of pages, 0 where that is not said.
    """

    number: int
    noun: str
    line: int
    start: int
    end: int
    page: int | None = None


def named(each: Listed) -> frozenset[str]:
    """The words for the items of a list: the property's name, of one and of several."""
    name = each.pattern.replace("/*", "").rpartition("/")[2]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]+", " ", name).casefold().split()
    last = words[-1] if words else ""
    if len(last) < 3:
        return frozenset()
    one = f"{last[:-3]}y" if last.endswith("ies") else last[:-1] if last.endswith("s") else last
    return frozenset({last, one, one + "s"})


def counts_in(lines: Units, names: Iterable[str]) -> list[Count]:
    """All that a document says in numbers of rows, or of what has one of these names; in its order."""
    nouns = _GENERIC | frozenset(names)
    either = "|".join(sorted(map(re.escape, nouns), key=len, reverse=True))
    found = []
    for match in re.finditer(rf"(?<!\w)(?:{either})(?!\w)", lines.text, re.IGNORECASE):
        line = lines.at(match.start())
        count = _count(lines, line, match)
        if count is not None:
            found.append(count)
    return found


def _count(lines: Units, line: int, match: re.Match[str]) -> Count | None:
    low, high = max(lines.starts[line], match.start() - AROUND), min(lines.ends[line], match.end() + AROUND)
    before = _SPACE.sub(" ", lines.text[low : match.start()])
    behind = _SPACE.sub(" ", lines.text[match.end() : high])
    noun = match[0].casefold()
    number = _number(before, behind, plural=noun in _PLURAL or noun.endswith("s"))
    said = lines.said(line)
    if number is None or len(said.split()) > SAID_WORDS:
        return None
    page = _ON_PAGE.match(said)
    pages = int(page[1] or 0) if page and len(page[1] or "") < 7 else None
    return Count(number=number, noun=noun, line=line, start=low, end=high, page=pages)


def _number(before: str, behind: str, *, plural: bool) -> int | None:
    """The number that is said before or behind a word."""
    counted = _COUNTED.search(before)
    found = _OF.match(behind) or (_BARE.match(behind) if counted else None)
    if found is None and (plural or re.match(r" ?(?:count|total)", behind, re.I)):
        found = _BEHIND.match(behind)
    if found is None and plural and not _EACH.match(behind):
        found = _BEFORE.search(before)
        found = None if found and _QUALIFIED.search(before[: found.start(1)]) else found
    return int(re.sub(r"\D", "", found[1])) if found else None


def fitting(
    counts: Sequence[Count], each: Listed, rows: Rows | None, taken: Collection[int], *, alone: bool, seen: int
) -> Count | None:
    """The count that is about a list. `taken` are the lines of found items, `seen` is how many rows there are,
    found or not; `alone` says that there is no other list that a word for rows could be about.
    """
    own = named(each)
    about = [
        count
        for count in counts
        if (count.noun in own or (alone and count.noun in _GENERIC))
        and count.line not in taken
        and not (rows and rows.like(count.line))
    ]
    returned = each.length or 0
    whole = [count for count in about if count.page is None] or _summed(about)
    # Fewer than there are is no count of them, and what the quantities come to counts pieces.
    able = [count for count in whole if count.number >= returned and _no_sum(count.number, each, returned)]
    for number in (returned, seen):
        equal = next((count for count in able if count.number == number), None)
        if equal is not None and number:
            return equal
    return able[0] if len({count.number for count in able}) == 1 else None


def _no_sum(number: int, each: Listed, returned: int) -> bool:
    return number == returned or number not in each.sums.values()


def _summed(counts: Sequence[Count]) -> list[Count]:
    """What the pages have together, where all of them say it."""
    pages = counts[0].page if counts else None
    if pages is None or (pages and pages != len(counts)) or (not pages and len(counts) < 2):
        return []
    first, last = counts[0], counts[-1]
    total = sum(count.number for count in counts)
    return [Count(number=total, noun=first.noun, line=first.line, start=last.start, end=last.end)]


def numbering(units: Units, rows: Rows, homes: Sequence[int]) -> Count | None:
    """The number of the last row, where the rows are numbered from 1."""
    numbers = [(number, line) for line in homes if (number := rows.shape(line).number) is not None]
    if len(numbers) < 3 or len(numbers) < 0.9 * len(homes) or numbers[0][0] != 1:
        return None
    steps = [later[0] - earlier[0] for earlier, later in pairwise(numbers)]
    if min(steps) < 1 or sum(step == 1 for step in steps) < 0.8 * len(steps):
        return None
    number, line = numbers[-1]
    return Count(number=number, noun="", line=line, start=units.starts[line], end=units.ends[line])
