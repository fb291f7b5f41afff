"""What counts make: precision, recall, F1 and the rest; and how sure they are, by drawing documents again and again.

A document is drawn as one number with all of its counts side by side, so that a draw of all of them is one sum.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from extractor.evaluation.comparing import Compared, Tally

__all__ = ["DRAWN", "MEASURES", "FieldScore", "Measure", "Scored", "field_scores", "scored"]

DRAWN = 1_000
"""Documents: where there are more, they are drawn in so many groups, which have the same spread."""
MOST_FIELDS = 300  # that have intervals
_LANE = 8  # bytes of one count
_MILLE = 1_000  # in which shares are counted

_FIXED = ("documents", "exact", "conformed", "right", "predicted", "expected", "alike")
_N, _EXACT, _CONFORMED, _RIGHT, _PREDICTED, _EXPECTED, _ALIKE = range(len(_FIXED))
_OF_FIELD = 3  # right, predicted, expected

MEASURES: Mapping[str, str] = {
    "f1": "F1 over all values",
    "precision": "precision",
    "recall": "recall",
    "soft_f1": "F1 with credit for texts",
    "macro_f1": "F1, mean of the fields",
    "macro_precision": "precision, likewise",
    "macro_recall": "recall, likewise",
    "exact": "documents all right",
    "conformed": "documents that conformed",
}
"""Every measure by its name, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A number with its interval (both ends None where no documents were drawn)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldScore:
    """How right one field is, over all documents. `pattern` is its place: a JSON pointer with `*` for items and for
    keys of maps. `soft` is F1 with credit for texts that are partly right, None where there are no texts.
    """

    pattern: str
    right: int
    wrong: int
    missing: int
    invented: int
    precision: float
    recall: float
    f1: Measure
    soft: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """The measures by name, F1 of each field likewise; and those of a second one, and their differences."""

    measures: Mapping[str, Measure]
    fields: Mapping[str, Measure]
    second: Mapping[str, Measure]
    second_fields: Mapping[str, Measure]
    differences: Mapping[str, Measure]
    field_differences: Mapping[str, Measure]


def share(part: float, whole: float, other: float) -> float:
    """A part of a whole; of nothing it is all if there is nothing on the other side either, else nothing."""
    return part / whole if whole else float(not other)


def f1(right: float, predicted: float, expected: float) -> float:
    """The harmonic mean of precision and recall; 1 where there is nothing, as there should be."""
    return 2 * right / (predicted + expected) if predicted + expected else 1.0


def field_scores(found: Sequence[Compared], intervals: Mapping[str, Measure]) -> Iterator[FieldScore]:
    """The scores of all fields, in the order in which they first come."""
    totals: dict[str, Tally] = {}
    for document in found:
        for pattern, tally in document.tallies.items():
            total = totals.setdefault(pattern, Tally())
            for name in ("right", "wrong", "missing", "invented", "alike"):
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            total.texts = total.texts or tally.texts
    for pattern, total in totals.items():
        predicted, expected = _both(total)
        yield FieldScore(
            pattern=pattern,
            right=total.right,
            wrong=total.wrong,
            missing=total.missing,
            invented=total.invented,
            precision=share(total.right, predicted, expected),
            recall=share(total.right, expected, predicted),
            f1=intervals.get(pattern, Measure(value=f1(total.right, predicted, expected))),
            soft=f1(total.right + total.alike, predicted, expected) if total.texts else None,
        )


def _both(tally: Tally) -> tuple[int, int]:
    """How many there were, and how many there should have been."""
    return tally.right + tally.wrong + tally.invented, tally.right + tally.wrong + tally.missing


# ---------------------------------------------------------------------------------------------- drawing


def scored(
    first: Sequence[tuple[Compared, bool]],
    second: Sequence[tuple[Compared, bool]] | None,
    *,
    level: float,
    seed: int,
    resamples: int,
) -> Scored:
    """The measures of documents, each with whether it conformed; `second` are the same documents of another run.

    Intervals are percentiles of `resamples` draws of documents with replacement; both runs are drawn alike.
    """
    runs = [first] if second is None else [first, second]
    patterns = list(dict.fromkeys(pattern for run in runs for each, _ in run for pattern in each.tallies))
    patterns = patterns[:MOST_FIELDS]
    width = len(_FIXED) + _OF_FIELD * len(patterns)
    packed = [
        sum(_packed(each, patterns) << (8 * _LANE * width * at) for at, each in enumerate(row))
        for row in zip(*runs, strict=True)
    ]
    made = [_Counted(sum(packed), width, len(runs))]
    made += (_Counted(total, width, len(runs)) for total in _draws(packed, seed, resamples))
    values = [[each.values(run) for each in made] for run in range(len(runs))]
    gaps = [] if second is None else [[_gap(*pair) for pair in zip(*values, strict=True)]]
    tables = [_measures(each, patterns, level) for each in (*values, *gaps)] + [({}, {})] * 2
    return Scored(
        measures=tables[0][0],
        fields=tables[0][1],
        second=tables[1][0],
        second_fields=tables[1][1],
        differences=tables[2][0],
        field_differences=tables[2][1],
    )


def _gap(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [b - a for a, b in zip(first, second, strict=True)]


def _measures(
    draws: Sequence[Sequence[float]], patterns: Sequence[str], level: float
) -> tuple[dict[str, Measure], dict[str, Measure]]:
    """What was found, with where its draws are: the measures and the fields, by name."""
    found = [_interval(each[0], sorted(each[1:]), level) for each in zip(*draws, strict=True)]
    of_all = dict(zip(MEASURES, found[: len(MEASURES)], strict=True))
    return of_all, dict(zip(patterns, found[len(MEASURES) :], strict=True))


def _interval(value: float, ordered: Sequence[float], level: float) -> Measure:
    if not ordered:
        return Measure(value=value)
    outside = (1 - level) / 2
    low, high = (ordered[min(int(each * len(ordered)), len(ordered) - 1)] for each in (outside, 1 - outside))
    return Measure(value=value, low=low, high=high)


def _packed(document: tuple[Compared, bool], patterns: Sequence[str]) -> int:
    """All counts of a document as one number."""
    found, conformed = document
    counts = [1, int(conformed and not found.differences), int(conformed), 0, 0, 0, 0]
    for tally in found.tallies.values():
        predicted, expected = _both(tally)
        counts[_RIGHT] += tally.right
        counts[_PREDICTED] += predicted
        counts[_EXPECTED] += expected
        counts[_ALIKE] += round(tally.alike * _MILLE)
    for pattern in patterns:
        mine = found.tallies.get(pattern)
        counts += (0, 0, 0) if mine is None else (mine.right, *_both(mine))
    return int.from_bytes(b"".join(each.to_bytes(_LANE, "little") for each in counts), "little")


def _draws(packed: Sequence[int], seed: int, resamples: int) -> Iterator[int]:
    """The sums of so many draws with replacement."""
    if len(packed) > DRAWN:
        packed = [sum(packed[number::DRAWN]) for number in range(DRAWN)]
    if len(packed) < 2:
        return
    chance = random.Random(seed)  # noqa: S311  # the same numbers for the same seed are what is wanted
    for _ in range(resamples):
        yield sum(chance.choices(packed, k=len(packed)))


class _Counted:
    """Sums of counts, taken apart: those of each run behind each other."""

    def __init__(self, total: int, width: int, runs: int) -> None:
        self._counts = struct.unpack(f"<{width * runs}Q", total.to_bytes(_LANE * width * runs, "little"))
        self._width = width

    def values(self, run: int) -> list[float]:
        """The measures, in the order of `MEASURES`, then F1 of the fields."""
        counts = self._counts[run * self._width : (run + 1) * self._width]
        right, predicted, expected = counts[_RIGHT], counts[_PREDICTED], counts[_EXPECTED]
        rest = counts[len(_FIXED) :]
        fields = list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
        there = [each for each in fields if each[1] or each[2]]
        documents = counts[_N] or 1
        return [
            f1(right, predicted, expected),
            share(right, predicted, expected),
            share(right, expected, predicted),
            f1(right + counts[_ALIKE] / _MILLE, predicted, expected),
            _mean([f1(*each) for each in there]),
            _mean([share(one, two, three) for one, two, three in there]),
            _mean([share(one, three, two) for one, two, three in there]),
            counts[_EXACT] / documents,
            counts[_CONFORMED] / documents,
            *(f1(*each) for each in fields),
        ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0
