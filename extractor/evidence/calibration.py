"""Confidence made honest: learned from corrected records, so that of the values with 0.9 nine in ten are right.

The curve is isotonic: it only ever rises, so that what was surer stays surer. It is found by pooling neighbours that
stand the wrong way round (pool adjacent violators), and drawn as straight lines between the pools.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from pydantic_core import to_jsonable_python

from extractor.errors import CallerError
from extractor.evidence.consensus import aligned, normal
from extractor.evidence.field import Field
from extractor.schema.nodes import escaped

__all__ = ["Bin", "Calibration", "Result", "auc", "calibrate", "ece", "judged", "reliability"]

LEAST_VALUES = 50  # of fewer, a curve would be chance
FOLDS = 5  # parts of the records, each judged by a curve of the others
PRIOR = 2.0  # values of the overall share that are added to each pool: two that are right are no 100 %
BINS = 10


class Result(Protocol):
    """What a call of the extractor gave: plain `data`, and its `fields` by JSON pointer."""

    @property
    def data(self) -> Any:
        """Plain JSON data."""
        ...

    @property
    def fields(self) -> Mapping[str, Field]:
        """What is known of each scalar."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Values of about the same confidence: its mean (`predicted`), the share that is right (`observed`), how many."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A curve from confidence to the share of values that are right: `points` rise in both coordinates, from 0 to 1.

    `count` values were judged. `before` is how confident they were and how many were right, `reliability` the same
    with the curve, each fifth of the records judged by a curve of the others. `auc` is the probability that a right
    value is surer than a wrong one (before; None where all are one or the other), `ece` the mean distance of
    confidence and share, `ece_before` that without the curve.
    """

    points: tuple[tuple[float, float], ...]
    count: int = 0
    before: tuple[Bin, ...] = ()
    reliability: tuple[Bin, ...] = ()
    auc: float | None = None

    @property
    def ece(self) -> float:
        """The expected calibration error with the curve."""
        return ece(self.reliability)

    @property
    def ece_before(self) -> float:
        """The expected calibration error without the curve."""
        return ece(self.before)

    def apply(self, confidence: float) -> float:
        """The share of values of this confidence that are right."""
        after = bisect_right(self.points, confidence, key=lambda point: point[0])
        if after in (0, len(self.points)):
            return self.points[min(after, len(self.points) - 1)][1]
        (left, low), (right, high) = self.points[after - 1 : after + 1]
        return low + (high - low) * (confidence - left) / (right - left)

    def to_json(self) -> str:
        """All of it as JSON."""
        bins = {name: [_row(each) for each in getattr(self, name)] for name in ("before", "reliability")}
        return json.dumps({"points": self.points, "count": self.count, **bins, "auc": self.auc})

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """What `to_json` gave. Raises `CallerError` where it is none."""
        try:
            data = json.loads(text)
            points = tuple((float(left), float(right)) for left, right in data["points"])
            before, after = (
                tuple(Bin(predicted=float(one), observed=float(other), count=int(count)) for one, other, count in each)
                for each in (data["before"], data["reliability"])
            )
            area = None if data["auc"] is None else float(data["auc"])
            made = cls(points=points, count=int(data["count"]), before=before, reliability=after, auc=area)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _no_calibration() from error
        if not points or not _rises(points):
            raise _no_calibration()
        return made

    def save(self, path: Path | str) -> None:
        """Write it into a file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> Calibration:
        """What `save` wrote. Raises `CallerError` where the file holds none, and `OSError`."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise _no_calibration() from error


def _row(each: Bin) -> tuple[float, float, int]:
    return each.predicted, each.observed, each.count


def _rises(points: Sequence[tuple[float, float]]) -> bool:
    inside = all(0 <= left <= 1 and 0 <= right <= 1 for left, right in points)
    return inside and all(one[0] < other[0] and one[1] <= other[1] for one, other in pairwise(points))


def _no_calibration() -> CallerError:
    return CallerError("This is no calibration.", hint="Give what Calibration.save or to_json wrote.")


# ------------------------------------------------------------------------------ learning


def calibrate(pairs: Iterable[tuple[Result, Any]]) -> Calibration:
    """Learn from results and what they should have been: plain data in the shape of `result.data`, or an instance of
    the model.

    Each scalar with a confidence counts once: it is right where it says the same (`normal`), null where there should
    be nothing. Lists are laid side by side. Raises `CallerError` where there are fewer than 50, or where a result was
    calibrated already.
    """
    seen: list[_Seen] = []
    for number, (result, corrected) in enumerate(pairs):
        if getattr(result, "calibration", None) is not None:
            raise CallerError("These results are calibrated already.", hint="Extract without calibration to learn one.")
        fields = result.fields
        for pointer, is_right in judged(result.data, to_jsonable_python(corrected)):
            field = fields.get(pointer)
            if field is not None and field.confidence is not None:
                seen.append(_Seen(field.confidence, is_right, number))
    if len(seen) < LEAST_VALUES:
        raise CallerError(
            f"A calibration needs at least {LEAST_VALUES} values with a confidence, and there are {len(seen)}.",
            hint="Correct more records. A confidence is there with a document in text, or with confidence=True.",
        )
    after = list(_folded(seen))
    confidences, right = [each.confidence for each in seen], [each.right for each in seen]
    return Calibration(
        points=_curve(seen),
        count=len(seen),
        before=reliability(confidences, right),
        reliability=reliability(after, right),
        auc=auc(confidences, right),
    )


class _Seen(NamedTuple):
    """One value: how sure it was, whether it is right, and in which record it stands."""

    confidence: float
    right: bool
    record: int


def _folded(seen: Sequence[_Seen]) -> Iterator[float]:
    """The confidence of each by a curve that has not seen it: of other records, where there are enough."""
    records = len({each.record for each in seen})
    folds = [each.record % FOLDS if records >= FOLDS else number % FOLDS for number, each in enumerate(seen)]
    curves = {
        fold: Calibration(points=_curve([each for each, its in zip(seen, folds, strict=True) if its != fold]))
        for fold in set(folds)
    }
    return (curves[fold].apply(each.confidence) for each, fold in zip(seen, folds, strict=True))


_Pool: TypeAlias = "tuple[float, float, float]"
"""The sum of confidences, the number that is right, the number of all."""


def _curve(seen: Sequence[_Seen]) -> tuple[tuple[float, float], ...]:
    share = sum(each.right for each in seen) / len(seen)
    pools = _pooled((each.confidence, float(each.right), 1.0) for each in sorted(seen))
    # The prior moves small pools more than large ones, and so may bring neighbours out of order once more.
    moved = _pooled((x * (n + PRIOR) / n, right + PRIOR * share, n + PRIOR) for x, right, n in pools)
    return tuple((x / n, right / n) for x, right, n in moved)


def _pooled(pools: Iterable[_Pool]) -> list[_Pool]:
    """Neighbours put together until the share that is right rises, and none has the same confidence."""
    kept: list[_Pool] = []
    for each in pools:
        kept.append(each)
        while len(kept) > 1 and not _is_in_order(kept[-2], kept[-1]):
            (a, b, c), (d, e, f) = kept.pop(), kept.pop()
            kept.append((a + d, b + e, c + f))
    return kept


def _is_in_order(left: _Pool, right: _Pool) -> bool:
    return left[0] / left[2] < right[0] / right[2] and left[1] / left[2] < right[1] / right[2]


# ------------------------------------------------------------------------------ judging

_Ahead: TypeAlias = "tuple[str, Any, Any]"
_NOTHING = (None, "")


def judged(data: Any, corrected: Any) -> Iterator[tuple[str, bool]]:
    """Every scalar of plain `data` by its JSON pointer: whether it says the same as what is in its place in
    `corrected`. Items of lists have their place by `aligned`.
    """
    ahead: list[_Ahead] = [("", data, corrected)]
    while ahead:
        pointer, ours, theirs = ahead.pop()
        if isinstance(ours, dict):
            other = theirs if isinstance(theirs, dict) else {}
            members = [(f"{pointer}/{escaped(str(key))}", each, other.get(key)) for key, each in ours.items()]
            ahead += reversed(members)
        elif isinstance(ours, list):
            ahead += reversed(list(_items(pointer, ours, theirs if isinstance(theirs, list) else [])))
        else:
            yield pointer, _is_right(ours, theirs)


def _items(pointer: str, ours: Sequence[Any], theirs: Sequence[Any]) -> Iterator[_Ahead]:
    for one, other in aligned(ours, theirs):
        if one is not None:
            yield f"{pointer}/{one}", ours[one], None if other is None else theirs[other]


def _is_right(ours: Any, theirs: Any) -> bool:
    if ours in _NOTHING or theirs in (*_NOTHING, [], {}):
        return ours in _NOTHING and theirs in (*_NOTHING, [], {})
    return not isinstance(theirs, (dict, list)) and normal(ours) == normal(theirs)


# ------------------------------------------------------------------------------ measures


def auc(scores: Sequence[float], correct: Sequence[bool]) -> float | None:
    """The probability that a right value has a higher score than a wrong one (equal ones count by half); None where
    all are right, or all are wrong.
    """
    ranked = sorted(zip(scores, correct, strict=True))
    right = sum(correct)
    wrong = len(ranked) - right
    if not right or not wrong:
        return None
    ranks, begin = 0.0, 0
    while begin < len(ranked):
        end = bisect_right(ranked, ranked[begin][0], lo=begin, key=lambda each: each[0])
        ranks += (begin + end + 1) / 2 * sum(each[1] for each in ranked[begin:end])
        begin = end
    return (ranks - right * (right + 1) / 2) / (right * wrong)


def reliability(confidences: Sequence[float], correct: Sequence[bool], *, bins: int = BINS) -> tuple[Bin, ...]:
    """Values by their confidence, in `bins` equal parts from 0 to 1; parts without any are left out."""
    parts: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in zip(confidences, correct, strict=True):
        parts.setdefault(min(int(confidence * bins), bins - 1), []).append((confidence, right))
    return tuple(
        Bin(
            predicted=sum(each[0] for each in part) / len(part),
            observed=sum(each[1] for each in part) / len(part),
            count=len(part),
        )
        for _, part in sorted(parts.items())
    )


def ece(bins: Sequence[Bin]) -> float:
    """The expected calibration error: how far confidence and share are apart, in the mean over all values."""
    count = sum(each.count for each in bins)
    return sum(each.count * abs(each.predicted - each.observed) for each in bins) / count if count else 0.0
