"""Which of the values that several chunks gave for one field is taken.

A model that is asked for a value which is not in its chunk seldom says so: it says 0, "" or "not specified", or takes
what is at hand, a 7 that stands there for another reason. So what says nothing counts for little, be there a 0 in the
chunk or not; and of what stands in the document goes first

    what stands there as it is or in another form, before nearly, before what need not stand there, before not at all
    what is clearly more confident
    what has the field's name beside it
    what more chunks say
    what is found with a better score, and what is longer: "900.00" does not stand somewhere by chance
    what came first
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

from extractor.documents.part import PartValue
from extractor.evidence.equality import normal
from extractor.evidence.field import Field
from extractor.evidence.labels import Labels
from extractor.evidence.leaves import Leaf
from extractor.evidence.place import Place
from extractor.evidence.source import Source
from extractor.reply.meanings import is_nothing

__all__ = ["CHOSEN", "RANKS", "STANDS", "Choosing"]

STANDS = ("exact", "normalised", "fuzzy")
RANKS: Mapping[str | None, int] = {"exact": 0, "normalised": 0, "fuzzy": 1, "inferred": 2, "absent": 4, None: 4}
IDLE_THERE, IDLE = 3, 5  # the ranks of what says nothing, if it stands in the document, and if not
STEPS = 5  # of confidence, between which another is clearly more confident
LABEL = 0.25  # how much of a field's name must be beside a place
CHANCE = 2  # characters that stand anywhere
LONGEST = 20  # characters of a place beyond which longer is no surer

_SAID = frozenset(
    "not stated|not mentioned|not given|not found|not known|not present|not in the text|not in this part|unspecified"
    "|undefined|missing|tbd|?|...|…".split("|")
)

_Choice: TypeAlias = "Callable[[Choosing, Sequence[PartValue], Mapping[str, Any], str], PartValue]"


class Choosing:
    """Chooses among values of one field. With the `source`, names beside places count."""

    def __init__(self, source: Source | None) -> None:
        self._labels = Labels(source) if source is not None else None

    def telling(self, sources: Sequence[PartValue], schema: Mapping[str, Any], pointer: str) -> list[PartValue]:
        """The values without those that say nothing, where any other says more."""
        if not any(_says_nothing(source.value) for source in sources):
            return list(sources)
        ranks = [self._rank(source, schema, pointer) for source in sources]
        least = min(ranks)
        left_out = {IDLE_THERE, IDLE} if least < IDLE_THERE else {IDLE} if least < IDLE else set()
        return [source for source, rank in zip(sources, ranks, strict=True) if rank not in left_out]

    def best(self, sources: Sequence[PartValue], schema: Mapping[str, Any], pointer: str) -> PartValue:
        """The one that is most likely right."""
        if len({_equal(source.value) for source in sources}) == 1:
            return min(sources, key=_standing)
        groups: dict[Hashable, list[int]] = {}
        marks: list[tuple[float, ...]] = []
        for number, source in enumerate(sources):
            groups.setdefault(_equal(source.value), []).append(number)
            marks.append(self._marks(source, schema, pointer))

        def sureness(numbers: Sequence[int]) -> tuple[float, ...]:
            rank, confidence, label, *rest = max(marks[number] for number in numbers)
            chunks = sum(marks[number][0] == rank for number in numbers)
            return rank, confidence, label, chunks, *rest, -numbers[0]

        chosen = max(groups.values(), key=sureness)
        return sources[max(chosen, key=lambda number: (marks[number], -number))]

    def most(self, sources: Sequence[PartValue], schema: Mapping[str, Any], pointer: str) -> PartValue:
        """The one that most chunks give."""
        counts = Counter(_equal(source.value) for source in sources)
        most = max(counts.values())
        return self.best([each for each in sources if counts[_equal(each.value)] == most], schema, pointer)

    def _marks(self, source: PartValue, schema: Mapping[str, Any], pointer: str) -> tuple[float, ...]:
        """What speaks for a value: the more, the better. The third is how well its place is named."""
        known = source.field
        rank = -self._rank(source, schema, pointer)
        if known is None:
            return rank, 0.0, 0.0, 0.0, 0.0
        confidence = float(round((known.confidence or 0.0) * STEPS))
        label = round(self._label(known, source.value, schema, pointer) / LABEL)
        return rank, confidence, label, round(known.score, 1), min(_length(known), LONGEST)

    def _rank(self, source: PartValue, schema: Mapping[str, Any], pointer: str) -> int:
        known = source.field
        rank = RANKS[known.status if known else None]
        says = _says_nothing(source.value)
        if not says:
            return rank
        if known is None or known.status not in STANDS:
            return IDLE
        is_number = says == "zero"
        if is_number and (_length(known) > CHANCE or self._label(known, source.value, schema, pointer) >= LABEL):
            return rank
        return IDLE_THERE

    def _label(self, known: Field, value: Any, schema: Mapping[str, Any], pointer: str) -> float:
        """How well the field's name stands beside its place, from 0 to 1."""
        if self._labels is None or not known.spans:
            return 0.0
        leaf = Leaf(pointer=pointer, value=value, schema=schema, inferred=False, grounded=False)
        named = self._labels.named(leaf)
        return max(self._labels.rank(named, Place(span.start, span.end, 1.0)) for span in known.spans)


def _equal(value: Any) -> Hashable:
    return type(value) if isinstance(value, (dict, list)) else normal(value)


def _standing(source: PartValue) -> tuple[int, float]:
    known = source.field
    return (RANKS[known.status], -(known.confidence or 0.0)) if known else (RANKS[None], 0.0)


def _length(known: Field) -> int:
    return sum(span.end - span.start for span in known.spans)


def _says_nothing(value: Any) -> str:
    """How a value says that there is nothing: as a "zero" or in "words"; "" where it does not."""
    if isinstance(value, str):
        said = " ".join(value[:40].split()).strip("().").casefold()
        if is_nothing(value, free=False) or not said or said in _SAID or is_nothing(said, free=False):
            return "words"
        return "zero" if normal(value) == ("number", 0) else ""
    return "zero" if isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0 else ""


CHOSEN: Mapping[str, _Choice] = {
    "best": Choosing.best,
    "most": Choosing.most,
    "first": lambda _, sources, schema, pointer: sources[0],
    "last": lambda _, sources, schema, pointer: sources[-1],
}
