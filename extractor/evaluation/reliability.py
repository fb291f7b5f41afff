"""Whether what was sure is right: confidence against the truth, and what looking at the doubtful documents saves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from extractor.evaluation.comparing import Compared
from extractor.evaluation.normal import Normal
from extractor.evaluation.trees import Node, leaves
from extractor.evidence.calibration import Bin, auc, ece

__all__ = ["Reliability", "Review", "Sure", "reliable", "review", "sure_values"]

BINS = 10
STEPS = 20  # of the curve


@dataclass(frozen=True, kw_only=True, slots=True)
class Sure:
    """One value: how sure it was, whether it is right, and in the how manieth document it stands."""

    confidence: float
    right: bool
    document: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """Confidence against the truth: `bins` of about as many values each, from the least sure on.

    `count` values were judged, `confidence` is the mean of theirs, `accuracy` the share that is right. `ece` is the
    expected calibration error, the mean distance of the two in the bins; `brier` the mean square of the distance of
    each value; `auc` the probability that a right value is surer than a wrong one, None where all are one or the other.
    """

    bins: tuple[Bin, ...]
    count: int
    confidence: float
    accuracy: float
    ece: float
    brier: float
    auc: float | None
    values: tuple[Sure, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What looking at the most doubtful documents first finds: for a share of the documents, the share of all errors.
    In any order it would be the same share. `errors` is their number, `documents` how many were ordered.
    """

    points: tuple[tuple[float, float], ...]
    documents: int
    errors: int

    def needed(self, share: float) -> float:
        """The share of the documents to look at for a share of the errors."""
        for (left, low), (right, high) in zip(self.points, self.points[1:], strict=False):
            if high >= share:
                return left + (right - left) * ((share - low) / (high - low) if high > low else 0.0)
        return 1.0


def sure_values(
    sure: Mapping[str, float], raw: Node | None, judged: Node | None, found: Compared, document: int, normal: Normal
) -> Iterator[Sure]:
    """The values of a document of which it is known how sure they are. One that is null is right where nothing should
    be there.

    `raw` is what they are sure of, and `judged` what was `found` right or wrong: where a target's validators have made
    something else of it, or have put it elsewhere, nothing is known of that.
    """
    keys = {pointer: leaf.key for pointer, leaf in leaves(raw)}
    others = keys if judged is raw else {pointer: leaf.key for pointer, leaf in leaves(judged)}
    wrong = {each.pointer for each in found.differences if not each.item and each.verdict != "missing"}
    missing: set[str] = set()
    for each in found.differences:
        if each.verdict == "missing" and not each.item:
            steps = each.pointer.split("/")
            missing.update("/".join(steps[:length]) for length in range(1, len(steps) + 1))
    for pointer, confidence in sure.items():
        key, other = keys.get(pointer), others.get(pointer)
        if key == other or (key is not None and other is not None and normal.same(key, other)):
            right = pointer not in (missing if key is None else wrong)
            yield Sure(confidence=confidence, right=right, document=document)


def reliable(values: Sequence[Sure]) -> Reliability | None:
    """What is known of so many values; None of none."""
    if not values:
        return None
    count = len(values)
    bins = tuple(_bins(values))
    return Reliability(
        bins=bins,
        count=count,
        confidence=sum(each.confidence for each in values) / count,
        accuracy=sum(each.right for each in values) / count,
        ece=ece(bins),
        brier=sum((each.confidence - each.right) ** 2 for each in values) / count,
        auc=auc([each.confidence for each in values], [each.right for each in values]),
        values=tuple(values),
    )


def _bins(values: Sequence[Sure]) -> Iterator[Bin]:
    """Bins of about as many values; those that are equally sure are in the same."""
    ordered = sorted(values, key=lambda each: each.confidence)
    parts: dict[int, list[Sure]] = {}
    begin = 0
    while begin < len(ordered):
        end = bisect_right(ordered, ordered[begin].confidence, lo=begin, key=lambda each: each.confidence)
        middle = (begin + end - 1) / 2
        parts.setdefault(int(middle * BINS / len(ordered)), []).extend(ordered[begin:end])
        begin = end
    for part in parts.values():
        predicted = sum(each.confidence for each in part) / len(part)
        yield Bin(predicted=predicted, observed=sum(each.right for each in part) / len(part), count=len(part))


def review(doubts: Sequence[float | None], errors: Sequence[int]) -> Review | None:
    """The curve of documents with their doubts and their errors; None where no doubt is known, or nothing is wrong.

    Of equally doubtful ones, each is taken to have as many errors as they have in the mean. Those of which it is not
    known come last.
    """
    if not sum(errors) or all(each is None for each in doubts):
        return None
    ordered = sorted(
        zip((-1.0 if each is None else each for each in doubts), errors, strict=True), key=lambda pair: -pair[0]
    )
    found = [0.0]
    begin = 0
    while begin < len(ordered):
        end = begin
        while end < len(ordered) and ordered[end][0] == ordered[begin][0]:
            end += 1
        mean = sum(each for _, each in ordered[begin:end]) / (end - begin)
        base = found[-1]
        found += (base + mean * step for step in range(1, end - begin + 1))
        begin = end
    total = sum(errors)
    points = tuple((step / STEPS, _between(found, step * len(ordered) / STEPS) / total) for step in range(STEPS + 1))
    return Review(points=points, documents=len(ordered), errors=total)


def _between(found: Sequence[float], at: float) -> float:
    low = min(int(at), len(found) - 1)
    high = min(low + 1, len(found) - 1)
    return found[low] + (found[high] - found[low]) * (at - low)
