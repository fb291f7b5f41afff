"""All places of a source where one value may stand, of the best kind that there is any of."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from extractor.evidence.amounts import Amount, amounts
from extractor.evidence.days import Day, days
from extractor.evidence.field import Status
from extractor.evidence.folding import WORD, Squashed, folded, skeleton, squashed
from extractor.evidence.fuzzy import approximate, in_one_piece
from extractor.evidence.misread import negates
from extractor.evidence.place import NOWHERE, Area, Found, Place, currency, is_bordered, reordered, telephone
from extractor.evidence.source import Source

__all__ = ["Search"]


LONGEST = 20_000  # characters of a value that is looked for in another than its own form
PLENTY = 200_000  # places of its rarest word that are looked at for one value …
FEW = 200  # … and when the work is done
WORK = 5_000_000  # such places for one value after the other
ALIKE = 0.15  # less than the best score: still a place of equal standing
FOLDED, SPACED, INSIDE, NEGATED, YEARLESS, LOOKS, MISREAD = 0.97, 0.92, 0.75, 0.85, 0.75, 0.9, 0.85
OTHERWISE = 0.99  # what a reading in another form counts less
SHORTEST_SPACED, SHORTEST_INSIDE, SHORTEST_LOOKS = 5, 5, 4
WORDED = 60  # characters of a text that is a number or a date
CLOCK_GAP = 25  # characters between a date and its time

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d))?(?:\.\d++)?+(?:[Zz]|[+-]\d\d:?+\d\d)?+)?+", re.ASCII
)
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_TIME = re.compile(r"(\d\d:\d\d)(?::(\d\d)(?:\.\d++)?+)?+(?:[Zz]|[+-]\d\d:?+\d\d)?+", re.ASCII)
_UNIT = re.compile(r"[\s.$€£¥₹₽₩₪%٪]*+(?:[A-Za-zА-я]{1,4}+|[元円원]|د\.إ)?+[\s.$€£¥₹₽₩₪%٪]*+")


class Search:
    """Looks for values in a part of a source. What was looked for is known the next time."""

    def __init__(self, source: Source, within: tuple[int, int] | None = None) -> None:
        self._source = source
        self._area = Area(source, within)
        self._known: dict[tuple[str, Any, bool], Found] = {}
        self._work = WORK

    def find(self, value: Any, *, nearly: bool = True) -> Found:
        """Where a scalar stands. Without `nearly`, only where it does letter by letter or folded."""
        if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return NOWHERE
        key = (type(value).__name__, value, nearly)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._text(value, nearly) if isinstance(value, str) else self._number(value)
        return known

    # ------------------------------------------------------------------------------------ numbers

    def _number(self, value: int | float) -> Found:
        source, written = self._source, _written(value)
        kinds: tuple[tuple[Status, Callable[[], Iterable[Amount]], float], ...] = (
            ("normalised", lambda: source.amounts.get(value, ()), 1.0),
            ("normalised", lambda: self._long_number(value), SPACED),
            ("fuzzy", lambda: source.amounts.get(-value, ()) if value < 0 else (), NEGATED),
        )
        found = self._first(kinds, written)
        # With those that are misread: a record's own may be one of them, though the same stands elsewhere as it is.
        misread = [
            Place(each.start, each.end, each.score * MISREAD, (), "fuzzy")
            for each in source.misread_amounts.get(value, ())
            if self._area.has(each.start, each.end)
        ]
        if not misread:
            return found
        places = sorted([*found.places, *_best(misread)])
        return Found(found.status if found.places else "fuzzy", places, found.written)

    def _long_number(self, value: int | float) -> Iterator[Amount]:
        """A number whose digits are grouped as those of an account are."""
        if isinstance(value, int) and value >= 10**5 and value < 10**100:
            for place in self._squashed(str(value)):
                yield Amount(place.start, place.end, value, 1.0)

    def _first(
        self,
        kinds: Iterable[tuple[Status, Callable[[], Iterable[Amount | Day]], float]],
        written: frozenset[str] = frozenset(),
    ) -> Found:
        """The first kind of places of which there are any; of these, the best."""
        for status, finding, factor in kinds:
            places = [self._read(each, factor, written) for each in finding() if self._area.has(each.start, each.end)]
            if places:
                return _agreed(status, _best(places), written)
        return NOWHERE

    def _read(self, each: Amount | Day, factor: float, written: frozenset[str]) -> Place:
        """The place of a number or a date: as it is written in JSON it counts a little more, without its sign less."""
        if written and self._source.text[each.start : each.end] not in written:
            factor *= OTHERWISE
        unsigned = isinstance(each, Amount) and each.unsigned
        return Place(each.start, each.end, each.score * factor, (), "fuzzy" if unsigned else None)

    def near(self, value: Any, start: int, end: int) -> Place | None:
        """Where a text stands nearly in a small part of the source, whatever there is of it elsewhere."""
        if not isinstance(value, str) or len(value) > LONGEST:
            return None
        row = Search(self._source, (max(start, self._area.start), min(end, self._area.end)))
        form = folded(value)
        squeezed = squashed(form)
        found = [*row._squashed(squeezed.text), *row._looking(squeezed)] or in_one_piece(row._area, form, squeezed)
        best = max(found, key=lambda each: each.score, default=None)
        return best._replace(status="fuzzy") if best else None

    # ------------------------------------------------------------------------------------ dates

    def _date(self, value: str) -> Found:
        source = self._source
        if match := _ISO.fullmatch(value):
            day, clock, second = match.groups()
            kinds: tuple[tuple[Status, Callable[[], Iterable[Amount | Day]], float], ...] = (
                ("normalised", lambda: self._at(source.days.get(day, ()), clock, second), 1.0),
                ("normalised", lambda: self._yearless(day), YEARLESS),
                ("fuzzy", lambda: source.misread_days.get(day, ()), MISREAD),
            )
            return self._first(kinds, frozenset({value}))
        if _MONTH.fullmatch(value):
            return self._first([("normalised", lambda: source.days.get(value, ()), 1.0)], frozenset({value}))
        if match := _TIME.fullmatch(value):
            minute, second = match.groups()
            exact = source.clocks.get(f"{minute}:{second}", ()) if second else ()
            more = source.clocks.get(minute, ()) if second in (None, "00") else ()
            return self._first([("normalised", lambda: [*exact, *more], 1.0)], frozenset({value}))
        return NOWHERE

    def _at(self, found: Sequence[Day], clock: str | None, second: str | None) -> Iterator[Day]:
        """The days together with the time that stands beside them."""
        if clock is None or not found:
            yield from found
            return
        times = sorted({*self._source.clocks.get(clock, ()), *self._source.clocks.get(f"{clock}:{second}", ())})
        midnight = clock == "00:00" and second in (None, "00")
        for day in found:
            at = bisect_left(times, (day.end,))
            behind = times[at] if at < len(times) else None
            before = times[at - 1] if at else None
            if behind and behind.start - day.end <= CLOCK_GAP:
                yield day._replace(end=behind.end)
            elif before and 0 <= day.start - before.end <= CLOCK_GAP:
                yield day._replace(start=before.start)
            else:
                yield day if midnight else day._replace(score=day.score * YEARLESS)

    def _yearless(self, day: str) -> Iterable[Day]:
        """The day without its year, where the year is somewhere else."""
        return self._source.days.get(f"-{day[4:]}", ()) if day[:4] in self._source.words else ()

    # ------------------------------------------------------------------------------------ texts

    def _text(self, value: str, nearly: bool) -> Found:
        if len(value) > LONGEST:
            return _found("exact", self._literally(value))
        form = folded(value)
        places = self._words(form) if form else []
        text = self._source.text
        exact = [each for each in places if text[each.start : each.end] == value]
        if not exact:
            exact = list(self._literally(value))
        if exact:
            exact = [each._replace(score=1.0) for each in exact]
            return Found("exact", _and_others(exact, self._meant(value)) if nearly else exact)
        if not nearly:
            return _found("normalised", places)
        meant = self._date(value)
        return meant if meant.places else self._otherwise(value, form, places)

    def _meant(self, value: str) -> Sequence[Place]:
        """Where the number or the date that a text is stands in any form."""
        found: Found | None = self._date(value)
        if found is NOWHERE and not value.isalnum():
            found = self._in_words(value)
        return found.places if found and found.status == "normalised" else ()

    def _otherwise(self, value: str, form: str, places: list[Place]) -> Found:
        """A text that does not stand there as it is."""
        if places:
            return Found("normalised", places)
        number = self._in_words(value)
        if number is not None:
            return number
        squeezed = squashed(form)
        measured = any(map(_is_measured, _read(value)))
        steps: tuple[tuple[Status, Callable[[], Iterable[Place]]], ...] = (
            ("fuzzy" if measured else "normalised", lambda: self._squashed(squeezed.text)),
            ("normalised", lambda: reordered(self._area, value, form)),
            ("normalised", lambda: currency(self._area, form)),
            ("normalised", lambda: telephone(self._area, value)),
            ("fuzzy", lambda: self._looking(squeezed)),
            ("fuzzy", lambda: approximate(self._area, form, squeezed)),
            ("normalised", lambda: self._inside(form)),
        )
        for status, step in steps:
            found = list(step())
            if measured:
                there = self._source.text
                found = [each for each in found if _decimals(there[each.start : each.end]) == _decimals(value)]
            if found:
                return Found(status, _best(found))
        return NOWHERE

    def _literally(self, value: str) -> Iterator[Place]:
        """The value's own text at borders, for what has no words or begins or ends with something else."""
        text, area = self._source.text, self._area
        for at in area.all(text, value, (area.start, area.end)):
            if is_bordered(text, at, at + len(value)):
                yield Place(at, at + len(value), 1.0)

    def _words(self, form: str) -> list[Place]:
        """Where a folded text stands at borders: where its rarest word does, and the rest beside it."""
        words = self._source.words
        ahead = [(match.start(), words.get(match[0], ())) for match in WORD.finditer(form)]
        if not ahead:
            return []
        offset, starts = min(ahead, key=lambda each: len(each[1]))
        fold = self._source.folded
        first, last = (bisect_left(starts, at) for at in self._area.folded())
        most = PLENTY if self._work > 0 else FEW
        self._work -= min(last - first, most)
        places = []
        for at in starts[first : min(last, first + most)]:
            start = at - offset
            end = start + len(form)
            if start >= 0 and fold.text.startswith(form, start) and is_bordered(fold.text, start, end):
                place = self._area.place(start, end, FOLDED)
                if place:
                    places.append(place)
        return places

    def _in_words(self, value: str) -> Found | None:
        """A text that is a number (with a unit), or a date in some form: where one that means the same stands."""
        read = _read(value)
        if read and not re.match(r"0\d", value):
            known = self._source.amounts
            found = {at for each in read for at in known.get(each.value, ()) if each.score > 0.9 and at.score > 0.9}
            return self._first([("normalised", lambda: sorted(found), FOLDED)]) if found else None
        if len(value) > WORDED or not any(map(str.isdigit, value)):
            return None
        dates = [each for each in days(value) if not value[: each.start].strip() and not value[each.end :].strip(" .")]
        places = {at for each in dates for at in self._source.days.get(each.value, ()) if each.score > 0.9}
        return self._first([("normalised", lambda: sorted(places), FOLDED)]) if places else None

    def _squashed(self, text: str, score: float = SPACED) -> Iterator[Place]:
        """The text with other spaces and marks between its letters."""
        if len(text) < SHORTEST_SPACED and not (len(text) > 1 and not text.isascii()):
            return
        yield from self._area.squashed(self._source.squashed, text, score)

    def _looking(self, squeezed: Squashed) -> Iterator[Place]:
        """The text in characters that look alike."""
        if len(squeezed.text) >= SHORTEST_LOOKS:
            yield from self._area.squashed(self._source.skeleton, skeleton(squeezed).text, LOOKS)

    def _inside(self, form: str) -> Iterator[Place]:
        """The text inside of a word, as where spaces were lost: the last resort."""
        text = self._source.folded.text
        if len(form) < SHORTEST_INSIDE or len(form) > LONGEST:
            return
        for at in self._area.all(text, form, self._area.folded()):
            end = at + len(form)
            edges = (
                form[0].isdigit() and text[at - 1 : at].isdigit(),
                form[-1].isdigit() and text[end : end + 1].isdigit(),
            )
            place = None if any(edges) or negates(text, at) else self._area.place(at, end, INSIDE)
            if place:
                yield place


def _found(status: Status, places: Iterable[Place]) -> Found:
    listed = list(places)
    return Found(status, listed) if listed else NOWHERE


def _read(value: str) -> list[Amount]:
    """The numbers that a text is, with nothing but a unit beside."""
    if len(value) > WORDED or not any(map(str.isdigit, value)):
        return []
    return [each for each in amounts(value) if _UNIT.fullmatch(value[: each.start] + value[each.end :])]


def _is_measured(amount: Amount) -> bool:
    """Whether more than its digits tells what a number is."""
    return isinstance(amount.value, float) or amount.value < 0


def _decimals(text: str) -> int:
    """How many digits, or letters that were taken for them, stand behind the last mark."""
    behind = re.findall(r"[.,](\w++)", text)
    return len(behind[-1]) if behind else 0


def _agreed(status: Status, places: list[Place], written: frozenset[str]) -> Found:
    """What was found; where all of the places are of a lesser kind, this is of it."""
    if status != "fuzzy" and all(each.status == "fuzzy" for each in places):
        return Found("fuzzy", places, written)
    return Found(status, places, written)


def _and_others(exact: list[Place], others: Iterable[Place]) -> list[Place]:
    """The places where a value stands as it is, with those where it stands otherwise and that are not parts of them."""
    starts = [each.start for each in exact]
    more = []
    for each in others:
        at = bisect_left(starts, each.end)
        if not at or exact[at - 1].end <= each.start:
            more.append(each._replace(status=each.status or "normalised", score=each.score * OTHERWISE))
    return sorted([*exact, *_best(more)]) if more else exact


def _best(places: list[Place]) -> list[Place]:
    """Those of about the best score, in order; of two at one place, the better."""
    least = max(each.score for each in places) - ALIKE
    kept: dict[tuple[int, int], Place] = {}
    for each in places:
        span = (each.start, each.end)
        if each.score >= least and (span not in kept or kept[span].score < each.score):
            kept[span] = each
    return sorted(kept.values())


def _written(value: int | float) -> frozenset[str]:
    """How a number is written in JSON."""
    if isinstance(value, int):
        return frozenset({str(value)}) if abs(value) < 10**300 else frozenset()
    return frozenset({json.dumps(value), str(int(value))} if value.is_integer() else {json.dumps(value)})
