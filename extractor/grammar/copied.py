"""What a document holds, as rules: its texts, its numbers, its days. A model can then only copy."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from extractor.evidence.amounts import amounts
from extractor.evidence.days import clocks, days
from extractor.grammar.automaton import Automaton, windows
from extractor.grammar.gbnf import Rules, TooLong, choice, json_text, trie
from extractor.grammar.lines import Row, rows_of
from extractor.grammar.units import Unit, units

__all__ = ["FOUND", "Copied", "within"]

MOST_UNITS = 12_000
"""A longer document is not copied from: its grammar would be no small part of the request any more."""
LONGEST = 60
"""Units of a value that can be copied for certain; none has more than twice as many."""
SHORT = 8  # units of a value for which there is a rule
MOST_SHORT = 4_000

LEAST_STEM = 4  # characters: "moderate" stands in "moderately", but "red" not in "reduced"

_END = r'"\""'


class Copied:
    """The rules for what can be copied from a document; written when they are first needed."""

    def __init__(self, document: str, rules: Rules, *, mark: str = "", tabular: bool = False) -> None:
        self._rules = rules
        self._document = document
        self._tabular = tabular
        self.mark = mark
        """What the names of its rules end with."""

    @functools.cached_property
    def units(self) -> list[Unit]:
        """The units of the document, which are as many as it has values at the most."""
        return units(self._document)

    @functools.cached_property
    def text(self) -> str | None:
        """The rule for any text of the document; None where it has none. Raises `TooLong`."""
        if len(self.units) > MOST_UNITS:
            raise TooLong("The document is too long for a grammar.", hint="Leave copy out.")
        return self._rules.once("copied" + self.mark, self._texts) if any(unit.starts for unit in self.units) else None

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
        rows = rows_of(self._document) if self._tabular else []
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

    def short(self, fits: Callable[[str], bool]) -> list[str] | None:
        """The texts of few words for which `fits` holds; None where there are too many to look at."""
        if len(self.units) > MOST_SHORT:
            return None
        return list(dict.fromkeys(text for text in self._short() if fits(text)))

    def _short(self) -> Iterator[str]:
        for first, unit in enumerate(self.units):
            text = ""
            for each in self.units[first : first + SHORT] if unit.starts else ():
                text += (" " if text and each.spaced else "") + each.text
                if each.ends:
                    yield text

    @functools.cached_property
    def numbers(self) -> list[str]:
        """The numbers of the document, in every reading, as JSON: prices with and without the zeros at their end."""
        written: dict[str, None] = {}
        for each in amounts(self._document):
            if len(written) > MOST_UNITS:
                break
            text = json_text(each.value)
            if "e" in text or len(text) > SHORT * SHORT:
                continue
            written[text] = None
            if isinstance(each.value, float):
                whole, _, fraction = text.partition(".")
                written[f"{whole}.{fraction:0<2}"] = None
                if fraction == "0":
                    written[whole] = None
        return list(written)

    @functools.cached_property
    def dates(self) -> list[str]:
        """The days of the document, as YYYY-MM-DD."""
        found = dict.fromkeys(each.value for each in days(self._document) if len(each.value) == len("2024-03-09"))
        return list(found)[:MOST_UNITS]

    @functools.cached_property
    def times(self) -> list[str]:
        """The times of day in the document, as hh:mm:ss."""
        found = dict.fromkeys(f"{each.value}:00"[: len("14:05:00")] for each in clocks(self._document))
        return list(found)[:MOST_UNITS]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _inside(text: str) -> str:
    """A text as it stands inside of the quotes of JSON."""
    return json_text(text)[1:-1]


def _moments(copied: Copied) -> list[str]:
    times = copied.times[:50] or ["00:00:00"]
    return [f"{day}T{time}{zone}" for day in copied.dates[:50] for time in times for zone in ("", "Z")]


FOUND: Mapping[str, Callable[[Copied], list[str]]] = {
    "date": lambda copied: copied.dates,
    "time": lambda copied: [f"{time}{zone}" for time in copied.times for zone in ("", "Z")],
    "date-time": _moments,
}
"""Format → the texts of a document that have it."""


def within(number: str, schema: Mapping[str, Any]) -> bool:
    """Whether a number keeps its bounds."""
    value = float(number)
    return (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and not value <= schema.get("exclusiveMinimum", value - 1)
        and not value >= schema.get("exclusiveMaximum", value + 1)
    )
