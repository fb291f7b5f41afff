"""Confidence made honest: learned from corrected records, so that of the values with 0.9 nine in ten are right.

The curve is isotonic: it only ever rises, so that what was surer stays surer. It is found by pooling neighbours that
stand the wrong way round (pool adjacent violators), and drawn as straight lines between the pools. Of what was never
seen nothing is learned: outside of all pools the curve goes back to the confidence as it was.
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
from extractor.evidence.alignment import aligned
from extractor.evidence.equality import normal
from extractor.evidence.field import Field
from extractor.schema.pointers import escaped

__all__ = ["Bin", "Calibration", "Result", "auc", "calibrate", "ece", "judged", "reliability"]

LEAST_VALUES = 50  # of fewer, a curve would be chance
FOLDS = 5  # parts of the records, each judged by a curve of the others
PRIOR = 2.0  # values that are added to each pool, of which as many are right as was said: two right ones are no 100 %
CERTAIN = 1e-3  # nothing is surer than this distance from 0 and 1
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
    """A curve from confidence to the share of values that are right: `points` rise in both coordinates.

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
        return min(low + (high - low) * ((confidence - left) / (right - left)), high)

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
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise _no_calibration() from error
        if not points or not _rises(points):
            raise _no_calibration()
        return made

    def save(self, path: Path | str) -> None:
        """Write it into a file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> Calibration:
        """What `save` wrote. Raises `CallerError` where there is no such file or it holds none, and `OSError`."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise CallerError(f"There is no file {str(path)!r}.", hint="Give what Calibration.save wrote.") from error
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
    """Learn from at least 50 values: from pairs of a result and what it should have been, plain data in the shape of
    `result.data` or an instance of the model.

    Each scalar with a confidence counts once: it is right where it says the same (`normal`), null where there should
    be nothing. Lists are laid side by side. A few hundred values give a curve that can be relied on.

    Raises `CallerError` where there are fewer than 50, where something is no such pair, where what is right has another
    shape than the result, or where a result was calibrated already.
    """
    seen: list[_Seen] = []
    for number, (result, corrected) in enumerate(_pairs(pairs)):
        fields = result.fields
        for pointer, is_right in judged(result.data, _plain(number, result, corrected)):
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


_WANTED = "calibrate takes pairs: what Extractor.run gave, and the corrected value (plain data or an instance)."


def _pairs(pairs: Any) -> Iterator[tuple[Result, Any]]:
    """The pairs, if they are."""
    if not isinstance(pairs, Iterable) or isinstance(pairs, (str, Mapping)):
        raise CallerError(f"These are no pairs but {type(pairs).__name__}.", hint=_WANTED)
    for number, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise CallerError(f"Item {number} is no pair but {type(pair).__name__}.", hint=_WANTED)
        if not isinstance(getattr(pair[0], "fields", None), Mapping) or not hasattr(pair[0], "data"):
            raise CallerError(f"The first of pair {number} is no result but {type(pair[0]).__name__}.", hint=_WANTED)
        if getattr(pair[0], "calibration", None) is not None:
            raise CallerError("These results are calibrated already.", hint="Extract without calibration to learn one.")
        yield pair[0], pair[1]


def _plain(number: int, result: Result, corrected: Any) -> Any:
    """What is right, as plain data in the shape of the result's. A result that found nothing has none."""
    try:
        right = to_jsonable_python(corrected)
    except (ValueError, RecursionError) as error:  # pydantic's errors of this kind are ValueErrors
        raise CallerError(
            f"The second of pair {number} is no corrected value but {type(corrected).__name__}.", hint=_WANTED
        ) from error
    data = result.data
    if isinstance(data, dict) and isinstance(right, dict):
        fits = not data or not right or not data.keys().isdisjoint(right)
    elif isinstance(data, (dict, list)):
        fits = type(data) is type(right)
    else:
        fits = data is None or not isinstance(right, (dict, list))
    if not fits:
        raise CallerError(
            f"The second of pair {number} has another shape than its result: {_shape(right)} for {_shape(data)}.",
            hint=_WANTED,
        )
    return right


def _shape(data: Any) -> str:
    if isinstance(data, dict):
        return "an object with " + (", ".join(str(key) for key in list(data)[:3]) or "nothing")
    return "a list" if isinstance(data, list) else "null" if data is None else "a single value"


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
    ordered = sorted(seen)
    pools = _pooled((each.confidence, float(each.right), 1.0) for each in ordered)
    # The prior moves small pools more than large ones, and so may bring neighbours out of order once more.
    moved = _pooled((x * (n + PRIOR) / n, right + PRIOR * x / n, n + PRIOR) for x, right, n in pools)
    first, last = ordered[0].confidence, ordered[-1].confidence
    inner = [(min(max(x / n, first), last), right / n) for x, right, n in moved]
    return tuple(_rising([(first, inner[0][1]), *inner, (last, inner[-1][1])]))


def _rising(seen: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The curve through what was seen, and the way back to the confidence itself outside of it: half-way to 0 and to 1
    it is reached, unless the curve was below (or above) it.
    """
    (first, low), (last, high) = seen[0], seen[-1]
    before = [(0.0, 0.0), (first / 2, min(first, low) / 2)]
    behind = [((1 + last) / 2, (1 + max(last, high)) / 2), (1.0, 1.0)]
    at, reached = -1.0, 0.0
    for x, y in (*(each for each in before if each[0] < first), *seen, *(each for each in behind if each[0] > last)):
        reached = min(max(y, reached, CERTAIN), 1 - CERTAIN)
        if x > at:
            yield x, reached
            at = x


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
