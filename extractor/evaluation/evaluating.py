"""`evaluate`: predictions against what is right, document by document, and perhaps a second set of predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from extractor.errors import OptionError
from extractor.evaluation.comparing import Compared, Items, compared
from extractor.evaluation.evaluation import DocumentScore, Evaluation, Spent
from extractor.evaluation.normal import USUAL, Normal
from extractor.evaluation.preparing import Preparation
from extractor.evaluation.reliability import Sure, reliable, review, sure_values
from extractor.evaluation.scores import field_scores, scored
from extractor.evaluation.sources import Predicted, Right, Source, is_job, opened, predictions, rights, rights_of_job
from extractor.evaluation.trees import Node
from extractor.schema.target import Target

__all__ = ["compared_on", "evaluate"]

MOST_RESAMPLES = 100_000
_NO_GOLD = (
    "Look through some documents (extractor review JOB, or Job.accept and Job.correct), or give the right values "
    "(gold, as JSON lines with name and value)."
)


def evaluate(
    predicted: Source,
    gold: Source | None = None,
    *,
    run: int | None = None,
    against: Source | None = None,
    against_run: int | None = None,
    target: Any = None,
    normal: Normal = USUAL,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2_000,
) -> Evaluation:
    """How right values are: what was `predicted`, held against `gold`.

    Both are a job (or its path), a file of JSON lines, or pairs of a document's name and its value. Of a job that was
    predicted, what was extracted counts, in the `run` (by default the latest), not what people made of it; as gold,
    what people accepted or corrected does. Without gold it is what people said in the job itself. Documents are
    matched by their content, where that is known, and by name.

    `against` is a second one, or `against_run` another run of the same job: the same documents side by side, with the
    differences. `target` validates the values on both sides first, where they do. `normal` says what makes no
    difference; intervals of `level` come of `resamples` draws of documents with the `seed`.

    Raises `OptionError` where there is nothing to compare with, `JobError` where a job cannot be read.
    """
    _check(level, resamples)
    with ExitStack() as stack:
        if is_job(predicted):
            predicted = stack.enter_context(opened(predicted))
        if against is None and against_run is not None:
            if not is_job(predicted):
                raise OptionError("Only a job has runs.", option="against_run", hint="Give against=.")
            against = predicted
        right = _gold(predicted, gold, run)
        preparation = Preparation.of(predicted, run, target, normal)
        known = _Known(right)
        first = _Matched(right, predictions(predicted, run, known), given=gold is not None)
        calibrated = _is_calibrated(predicted, run)
        second = None if against is None else _Matched(right, predictions(against, against_run, known), given=True)
    # Of the job's own gold, only what it was asked for counts.
    chosen = [each for each in sorted(right, key=lambda each: (each.name, each.sha256)) if first.has(each, second)]
    if not chosen:
        raise OptionError("None of the documents has a right value.", option="gold", hint=_NO_GOLD)
    drawing = {"level": level, "seed": seed, "resamples": resamples}
    labels = (_label(predicted, run), _label(against, against_run))
    elsewhere = len(right) - len(chosen) - first.twice
    return replace(
        _evaluated(preparation, chosen, first, second, drawing, labels), elsewhere=elsewhere, calibrated=calibrated
    )


def compared_on(
    right: Sequence[Right],
    predicted: Sequence[Predicted],
    against: Sequence[Predicted] | None,
    *,
    target: Target[Any],
    labels: tuple[str, str],
    normal: Normal = USUAL,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2_000,
) -> Evaluation:
    """The same of values that are at hand. Raises `OptionError`."""
    _check(level, resamples)
    preparation = Preparation.of(None, None, target, normal)
    first = _Matched(right, predicted, given=True)
    second = None if against is None else _Matched(right, against, given=True)
    drawing = {"level": level, "seed": seed, "resamples": resamples}
    return _evaluated(preparation, sorted(right, key=lambda each: each.name), first, second, drawing, labels)


def _check(level: float, resamples: int) -> None:
    if not 0 < level < 1:
        raise OptionError(f"level is {level}, but must be between 0 and 1.", option="level")
    if not 0 <= resamples <= MOST_RESAMPLES:
        raise OptionError(f"resamples is {resamples}, but must be 0 to {MOST_RESAMPLES:,}.", option="resamples")


def _gold(predicted: Any, gold: Any, run: int | None) -> list[Right]:
    if gold is not None:
        return rights(gold)
    if not is_job(predicted):
        raise OptionError("There is nothing to compare with.", option="gold", hint=_NO_GOLD)
    return rights_of_job(predicted, run)


def _is_calibrated(predicted: Any, run: int | None) -> bool:
    return is_job(predicted) and bool(predicted.get_run(run).options.get("calibration"))


def _label(source: Any, run: int | None) -> str:
    if source is None:
        return ""
    path = getattr(source, "path", source if isinstance(source, str) or hasattr(source, "__fspath__") else None)
    name = "the values given" if path is None else str(path).replace("\\", "/").rpartition("/")[2]
    return f"{name}, run {run}" if run is not None else name


class _Known:
    """Whether there is something right of a document."""

    def __init__(self, right: Sequence[Right]) -> None:
        self._names = {each.name for each in right}
        self._hashes = {each.sha256 for each in right if each.sha256}

    def __call__(self, name: str, sha256: str) -> bool:
        return name in self._names or sha256 in self._hashes


class _Matched:
    """Predictions by the right values that they are held against."""

    def __init__(self, right: Sequence[Right], found: Sequence[Predicted], *, given: bool) -> None:
        by_hash = {each.sha256: each for each in reversed(found) if each.sha256}
        by_name = {name: each for each in reversed(found) for name in each.names}
        self.all = found
        self._given = given
        self._of: dict[int, Predicted] = {}
        taken: set[int] = set()
        self._twice: set[int] = set()  # right values of documents that have one already
        for each in right:
            mine = by_hash.get(each.sha256) or by_name.get(each.name)
            if mine is not None and id(mine) in taken:
                self._twice.add(id(each))
            elif mine is not None:
                taken.add(id(mine))
                self._of[id(each)] = mine
        self.twice = len(self._twice)
        self.ungolded = tuple(sorted(each.names[0] for each in found if id(each) not in taken))

    def of(self, right: Right) -> Predicted | None:
        """What was predicted of a document."""
        return self._of.get(id(right))

    def has(self, right: Right, other: _Matched | None) -> bool:
        """Whether a right value counts: it is no second one, and was asked for where it is the job's own."""
        if id(right) in self._twice:
            return False
        return self._given or self.of(right) is not None or (other is not None and other.of(right) is not None)


# ------------------------------------------------------------------------------------------- comparing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """One set of predictions, compared."""

    found: list[Compared]
    documents: list[DocumentScore]
    sure: list[Sure]


def _evaluated(
    preparation: Preparation,
    chosen: Sequence[Right],
    first: _Matched,
    second: _Matched | None,
    drawing: Mapping[str, Any],
    labels: tuple[str, str],
) -> Evaluation:
    ready = [preparation.tree(each.value) for each in chosen]
    outcomes = [_compared(preparation, chosen, ready, each) for each in (first, second) if each is not None]
    drawn = [[_drawn(*pair) for pair in zip(each.found, each.documents, strict=True)] for each in outcomes]
    scores = scored(drawn[0], drawn[1] if len(drawn) > 1 else None, **drawing)
    made = _told(chosen, first, outcomes[0], labels[0], preparation, drawing)
    whole = replace(made, measures=scores.measures, fields=tuple(field_scores(outcomes[0].found, scores.fields)))
    if second is None:
        return whole
    other = _told(chosen, second, outcomes[1], labels[1], preparation, drawing)
    fields = tuple(field_scores(outcomes[1].found, scores.second_fields))
    return replace(
        whole,
        second=replace(other, measures=scores.second, fields=fields),
        differences=scores.differences,
        field_differences=scores.field_differences,
    )


def _drawn(found: Compared, document: DocumentScore) -> tuple[Compared, bool]:
    return found, document.predicted and not document.failed


def _compared(
    preparation: Preparation, chosen: Sequence[Right], ready: Sequence[Node | None], matched: _Matched
) -> _Outcome:
    outcome = _Outcome(found=[], documents=[], sure=[])
    for number, (right, expected) in enumerate(zip(chosen, ready, strict=True)):
        mine = matched.of(right)
        raw, judged = preparation.both(None if mine is None else mine.value)
        found = compared(judged, expected, preparation.normal)
        outcome.found.append(found)
        outcome.documents.append(
            DocumentScore(
                name=right.name if mine is None else mine.names[0],
                right=sum(tally.right for tally in found.tallies.values()),
                differences=tuple(found.differences),
                failed="" if mine is None else mine.failed,
                predicted=mine is not None,
                doubt=None if mine is None else mine.doubt,
            )
        )
        if mine is not None and mine.sure:
            outcome.sure.extend(sure_values(mine.sure, raw, judged, found, number, preparation.normal))
    return outcome


def _told(
    chosen: Sequence[Right],
    matched: _Matched,
    outcome: _Outcome,
    label: str,
    preparation: Preparation,
    drawing: Mapping[str, Any],
) -> Evaluation:
    """All but what is drawn."""
    failed = Counter(each.failed for each in matched.all if each.failed)
    predicted = [each for each in outcome.documents if each.predicted]
    return Evaluation(
        source=label,
        predicted=len(matched.all),
        gold=len(chosen),
        ungolded=matched.ungolded,
        unpredicted=tuple(each.name for each in outcome.documents if not each.predicted),
        failed=dict(failed.most_common()),
        items=dict(_items(outcome.found)),
        documents=tuple(outcome.documents),
        reliability=reliable(outcome.sure),
        review=review([each.doubt for each in predicted], [len(each.differences) for each in predicted]),
        spent=_spent(matched.all),
        normal=preparation.normal,
        **drawing,
    )


def _items(found: Sequence[Compared]) -> Iterator[tuple[str, Items]]:
    """The items of all lists of one place together."""
    for pattern in dict.fromkeys(pattern for each in found for pattern in each.items):
        there = [each.items[pattern] for each in found if pattern in each.items]
        names = ("found", "missing", "invented", "disordered", "rough")
        yield pattern, Items(**{name: sum(getattr(each, name) for each in there) for name in names})


def _spent(found: Sequence[Predicted]) -> Spent:
    costs = [each.cost for each in found]
    known = [each for each in costs if each is not None]
    return Spent(
        requests=sum(each.requests for each in found),
        prompt_tokens=sum(each.tokens[0] for each in found),
        completion_tokens=sum(each.tokens[1] for each in found),
        cost=sum(known, Decimal(0)) if known and len(known) == len(costs) else None,
        seconds=sum(each.seconds for each in found),
    )
