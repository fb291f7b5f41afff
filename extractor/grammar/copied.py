"""What a document holds, as rules: its texts, its numbers, its days. A model can then only copy."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice

from extractor.evidence.amounts import amounts
from extractor.evidence.days import clocks, days
from extractor.grammar.automaton import Automaton, windows
from extractor.grammar.gbnf import Rules, any_of, choice, json_text, literal, trie
from extractor.grammar.lines import Row, rows_of
from extractor.grammar.units import Unit, units

__all__ = ["FOUND", "MOST_UNITS", "Copied"]

MOST_UNITS = 10_000
"""Texts of a longer document are not copied.

The embedded model wrote so many tokens a second, of the processor's time on one core, with the grammar of five texts
alone → copied, the setting up of the grammar included (the noise is about a tenth):

    words                    500       2,000      4,000      6,000      9,000     12,000
    random letters           107 → 95  118 → 101  115 → 95   109 → 90   115 → 87  113 → 57 … 84
    prose, a third of names  73 → 64   120 → 108  119 → 107                       114 → 89
    prose                                                    114 → 100  110 → 96  115 → 93
    Chinese characters                                       110 → 56   95 → 61   116 → 59

So it is half as fast from about 12,000 on, and a megabyte to send. With 1,000 words of it in the prompt, the model
itself takes most of the time: 20 → 19 and 43 → 38 at 9,000.
"""
LONGEST = 60
"""Units of a value that can be copied for certain; none has more than twice as many."""
SHORT = 64  # characters of a value that is looked at by itself …
MOST_SHORT = 40_000  # … and how many are
MOST_VALUES = 4_000  # numbers, days or times
LONGEST_NUMBER = 64  # characters

LEAST_STEM = 4  # characters: "moderate" stands in "moderately", but "red" not in "reduced"

_END = r'"\""'
_SECOND_PART = re.compile(r":[0-9][0-9][.,]([0-9]{1,6})(?![0-9])")
_OFFSET = re.compile(r"([+-])([01][0-9]):?([0-5][0-9])(?![0-9])")
_ANY_PART, _ANY_ZONE = '("." [0-9]{1,6})? ', '("Z" | [+-] [0-1] [0-9] ":" [0-5] [0-9])?'


class Copied:
    """The rules for what can be copied from a document; written when they are first needed."""

    def __init__(
        self, document: str, rules: Rules, *, mark: str = "", tabular: bool = False, texts: bool = True
    ) -> None:
        self._rules = rules
        self._document = document
        self._tabular = tabular
        self._texts_wanted = texts
        self.mark = mark
        """What the names of its rules end with."""

    @functools.cached_property
    def units(self) -> list[Unit]:
        """The units of the document, which are as many as it has values at the most."""
        return units(self._document)

    @functools.cached_property
    def is_long(self) -> bool:
        """Whether it has too many texts for a grammar."""
        return not self._texts_wanted or len(self.units) > MOST_UNITS

    @property  # not cached: a rule may be taken back
    def text(self) -> str | None:
        """The rule for any text of the document; None where it has none, or too many. Raises `TooLong`."""
        return self._rules.once("copied" + self.mark, self._texts) if self._has_texts else None

    @functools.cached_property
    def _has_texts(self) -> bool:
        return not self.is_long and any(unit.starts for unit in self.units)

    def _texts(self) -> str:
        automaton = Automaton(windows(self.units, LONGEST))
        names: dict[int, str] = {}
        ahead: list[tuple[int, Unit]] = []

        def alternatives(ways: Iterable[tuple[Unit, int]], *, spaced: bool) -> list[str]:
            follow: dict[str, dict[str, None]] = defaultdict(dict)
            for unit, state in ways:
                if state not in names:
                    names[state] = self._rules.name("w")
                    ahead.append((state, unit))
                follow[_inside((" " if spaced and unit.spaced else "") + unit.text)][names[state]] = None
            return trie({text: tuple(after) for text, after in follow.items()})

        starts = alternatives(((unit, at) for unit, at in automaton.ways[0].items() if unit.starts), spaced=False)
        while ahead:
            state, unit = ahead.pop()
            further = alternatives(automaton.ways[state].items(), spaced=True)
            self._rules.set(names[state], " | ".join([_END, *further] if unit.ends or not further else further))
        return f"{_END} {choice(starts)}"

    @functools.cached_property
    def rows(self) -> list[tuple[Copied, Row]]:
        """Its lines, where they are the rows of a list, each with what can be copied from it."""
        rows = rows_of(self._document) if self._tabular and not self.is_long else []
        return [(Copied(row.text, self._rules, mark=f"-row-{row.number}-"), row) for row in rows]

    def mentioned(self, values: Sequence[object]) -> list[object]:
        """Those of the values of an enum whose words all stand in the document, or begin longer ones."""
        return [each for each in values if isinstance(each, str) and (words := _words(each)) and self._has(words)]

    def _has(self, words: Iterable[str]) -> bool:
        return all(self._stands(word) for word in words)

    def _stands(self, word: str) -> bool:
        """Whether a word stands there, or a longer one begins with it."""
        known = self._words
        at = bisect_left(known, word)
        return at < len(known) and (known[at] == word or (len(word) >= LEAST_STEM and known[at].startswith(word)))

    @functools.cached_property
    def _words(self) -> list[str]:
        return sorted(set(_words(self._document)))

    def short(self, fits: Callable[[str], bool], most: int | None) -> list[str] | None:
        """The texts of no more than `most` characters (64 by default) for which `fits` holds; None where there are too
        many to look at.
        """
        texts = list(islice(self._short(SHORT if most is None else most), MOST_SHORT + 1))
        return list(dict.fromkeys(filter(fits, texts))) if len(texts) <= MOST_SHORT else None

    def _short(self, most: int) -> Iterator[str]:
        for first, unit in enumerate(self.units):
            text = ""
            for each in self.units[first : first + most] if unit.starts else ():
                text += (" " if text and each.spaced else "") + each.text
                if len(text) > most:
                    break
                if each.ends:
                    yield text

    @functools.cached_property
    def numbers(self) -> list[str] | None:
        """The numbers of the document, in every reading, as JSON; None where they are too many."""
        found = (each.value for each in amounts(self._document) if each.value - each.value == 0)  # finite
        return _few(text for value in found for text in _forms(value) if len(text) <= LONGEST_NUMBER)

    @functools.cached_property
    def dates(self) -> list[str] | None:
        """The days of the document, as YYYY-MM-DD; None where they are too many."""
        return _few(each.value for each in days(self._document) if len(each.value) == len("2024-03-09"))

    @functools.cached_property
    def times(self) -> list[str] | None:
        """The times of day in the document, as hh:mm:ss; None where they are too many."""
        return _few(f"{each.value}:00"[: len("14:05:00")] for each in clocks(self._document))

    @functools.cached_property
    def zones(self) -> str:
        """The expression for what may stand behind a time: parts of its seconds, and where on earth it is."""
        parts = _few(match[1] for match in _SECOND_PART.finditer(self._document))
        zones = _few("{}{}:{}".format(*match.groups()) for match in _OFFSET.finditer(self._document))
        behind = f"{choice(map(literal, ['Z', *zones]))}?" if zones else _ANY_ZONE if zones is None else '("Z")?'
        ahead = _ANY_PART if parts is None else f'("." {any_of(parts)})? ' if parts else ""
        return ahead + behind


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _inside(text: str) -> str:
    """A text as it stands inside of the quotes of JSON."""
    return json_text(text)[1:-1]


def _forms(value: int | float) -> Iterator[str]:
    """The ways in which JSON may write a number: prices with and without the zeros at their end."""
    text = json_text(value)
    plain = format(Decimal(text), "f")
    yield from (text, plain)
    whole, point, fraction = plain.partition(".")
    if point:
        yield f"{whole}.{fraction:0<2}"
        if not fraction.strip("0"):
            yield whole


def _few(found: Iterable[str]) -> list[str] | None:
    """Each once; None where they are too many for a rule."""
    unique: dict[str, None] = {}
    for each in found:
        unique[each] = None
        if len(unique) > MOST_VALUES:
            return None
    return list(unique)


def _quoted(*parts: list[str] | None, zoned: str = "") -> str | None:
    """One text of each part after the other, in quotes."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return " ".join(filter(None, [_END, *map(any_of, known), zoned, _END])) if all(known) else ""


def _moments(copied: Copied) -> str | None:
    times = ["00:00:00"] if copied.times == [] else copied.times
    return _quoted(copied.dates, ["T"], times, zoned=copied.zones)


FOUND: Mapping[str, Callable[[Copied], str | None]] = {
    "date": lambda copied: _quoted(copied.dates),
    "time": lambda copied: _quoted(copied.times, zoned=copied.zones),
    "date-time": _moments,
}
"""Format → the expression for what a document has of it; "" where that is nothing, None where it is too much."""
