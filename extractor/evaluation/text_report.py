"""An evaluation as text: 80 columns, numbers below each other, and what counted as the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from extractor.evaluation.aligning import LARGEST
from extractor.evaluation.scores import DRAWN, MEASURES, Measure
from extractor.progress import printable

if TYPE_CHECKING:  # which has the report as a method
    from extractor.evaluation.evaluation import DocumentScore, Evaluation

__all__ = ["cut", "interval", "lines", "rules", "said", "signed", "worst_of"]

WIDTH = 80
NAMES = 10  # that are listed
PLACES = 6  # of one document
_NAME = 30  # columns of a measure or a place


def lines(evaluation: Evaluation, *, worst: int) -> Iterator[str]:
    """The report, line by line."""
    yield cut(f"{evaluation.source or 'Predictions'}: {evaluation.gold:,} documents compared", WIDTH)
    yield from _coverage(evaluation)
    yield ""
    yield from _measures(evaluation)
    yield ""
    yield from _fields(evaluation)
    yield from _items(evaluation)
    yield from _surety(evaluation)
    yield from _spent(evaluation)
    yield from _worst(evaluation, worst)
    yield ""
    yield from (line for rule in rules(evaluation) for line in _wrapped(rule))


def cut(text: str, width: int) -> str:
    """A text that is at most so wide, on one line, with nothing in it that a terminal would obey."""
    plain = printable(text[: 4 * width])
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def said(value: Any) -> str:
    """A scalar as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def interval(measure: Measure) -> str:
    """A measure with its interval."""
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3f}"
    return f"{measure.value:.3f} [{measure.low:.3f}, {measure.high:.3f}]"


def signed(measure: Measure) -> str:
    """A difference with its interval; a star where it does not hold nothing."""
    if measure.low is None or measure.high is None:
        return f"{measure.value:+.3f}"
    star = "*" if measure.low > 0 or measure.high < 0 else ""
    return f"{measure.value:+.3f} [{measure.low:+.3f}, {measure.high:+.3f}]{star}"


def worst_of(evaluation: Evaluation, most: int) -> list[DocumentScore]:
    """The documents that have most that is not right, in order."""
    wrong = [each for each in evaluation.documents if each.differences]
    return sorted(wrong, key=lambda each: (-len(each.differences), each.name))[:most]


def _coverage(evaluation: Evaluation) -> Iterator[str]:
    failed = sum(evaluation.failed.values())
    by_type = ", ".join(f"{kind} {count:,}" for kind, count in evaluation.failed.items())
    yield from _wrapped(f"predicted {evaluation.predicted:,}, failed {failed:,}{f' ({by_type})' if failed else ''}")
    if evaluation.ungolded:
        yield from _listed("without a right value, not compared", evaluation.ungolded)
    if evaluation.unpredicted:
        yield from _listed("not predicted, counted as empty", evaluation.unpredicted)
    if evaluation.elsewhere:
        yield f"right values of documents that the run does not have: {evaluation.elsewhere:,}"
    if evaluation.second is not None:
        yield from _wrapped(printable(f"against {evaluation.second.source}; * where the interval leaves out 0"))


def _listed(what: str, names: Sequence[str]) -> Iterator[str]:
    more = ", …" if len(names) > NAMES else ""
    listed = ", ".join(cut(name, WIDTH // 2) for name in names[:NAMES])
    yield from _wrapped(f"{what}: {len(names):,} ({listed}{more})")


def _measures(evaluation: Evaluation) -> Iterator[str]:
    second = evaluation.second
    for name, measure in evaluation.measures.items():
        line = f"{MEASURES[name]:{_NAME}}{interval(measure):22}"
        if second is not None:
            line = f"{MEASURES[name]:26}{measure.value:6.3f} {second.measures[name].value:6.3f}  "
            line += signed(evaluation.differences[name])
        yield line.rstrip()


def _fields(evaluation: Evaluation) -> Iterator[str]:
    second = evaluation.second
    if second is not None:
        others = {each.pattern: each for each in second.fields}
        yield f"{'place':{_NAME}}{'F1':>6}{'second':>8}  difference"
        for each in evaluation.fields:
            other, gap = others.get(each.pattern), evaluation.field_differences.get(each.pattern)
            numbers = f"{each.f1.value:6.3f}{'' if other is None else format(other.f1.value, '.3f'):>8}"
            name = cut(each.pattern or "(the whole)", 29)
            yield f"{name:{_NAME}}{numbers}  {'' if gap is None else signed(gap)}".rstrip()
        return
    yield f"{'place':{_NAME}}{'right':>7}{'wrong':>7}{'missing':>8}{'invented':>9}{'F1':>7}{'soft':>7}"
    for each in evaluation.fields:
        counts = f"{each.right:7,}{each.wrong:7,}{each.missing:8,}{each.invented:9,}{each.f1.value:7.3f}"
        soft = "" if each.soft is None else f"{each.soft:7.3f}"
        yield f"{cut(each.pattern or '(the whole)', 29):{_NAME}}{counts}{soft}"


def _items(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.items:
        return
    yield ""
    yield f"{'items of':{_NAME}}{'found':>7}{'missing':>9}{'invented':>9}{'in another order':>18}"
    for pattern, each in evaluation.items.items():
        name = cut(pattern or "(the whole)", 29)
        yield f"{name:{_NAME}}{each.found:7,}{each.missing:9,}{each.invented:9,}{each.disordered:18,}"


def _surety(evaluation: Evaluation) -> Iterator[str]:
    known = evaluation.reliability
    if known is not None:
        yield ""
        area = "" if known.auc is None else f", AUROC {known.auc:.3f}"
        yield from _wrapped(
            f"confidence: {known.count:,} values, {known.accuracy:.1%} right; "
            f"calibration error {known.ece:.3f}, Brier {known.brier:.3f}{area}"
        )
        yield f"{'said':>8}{'right':>8}{'values':>8}"
        yield from (f"{each.predicted:8.1%}{each.observed:8.1%}{each.count:8,}" for each in known.bins)
    seen = evaluation.review
    if seen is not None:
        parts = (f"{seen.needed(share):.0%} of the documents find {share:.0%}" for share in (0.5, 0.8, 0.9))
        yield from _wrapped(f"errors, the most doubtful first: {', '.join(parts)}")


def _spent(evaluation: Evaluation) -> Iterator[str]:
    runs = [each for each in (evaluation, evaluation.second) if each is not None and each.spent.requests]
    if runs:
        yield ""
        yield f"{'took':{_NAME}}{'requests':>9}{'tokens':>12}{'of replies':>12}{'US dollars':>11}"
    for each in runs:
        spent = each.spent
        cost = "?" if spent.cost is None else f"{spent.cost:.4f}"
        tokens = f"{spent.prompt_tokens + spent.completion_tokens:12,}{spent.completion_tokens:12,}"
        yield f"{cut(each.source, 29):{_NAME}}{spent.requests:9,}{tokens}{cost:>11}"


def _worst(evaluation: Evaluation, most: int) -> Iterator[str]:
    found = worst_of(evaluation, most)
    if found:
        yield ""
        yield "The documents with most that is not right"
    for each in found:
        state = "" if each.predicted and not each.failed else f", {each.failed or 'not predicted'}"
        total = each.right + len(each.differences)
        yield cut(f"  {each.name}: {len(each.differences):,} of {total:,} not right{state}", WIDTH)
        for place in each.differences[:PLACES]:
            told = (
                f"{said(place.got)} for {said(place.expected)}"
                if place.verdict == "wrong"
                else said(place.expected if place.verdict == "missing" else place.got)
            )
            yield cut(f"    {place.pointer or '(the whole)'}: {place.verdict} {told}", WIDTH)
        if len(each.differences) > PLACES:
            yield f"    and {len(each.differences) - PLACES:,} more"


def rules(evaluation: Evaluation) -> Iterator[str]:
    """What counted as what, in sentences."""
    yield f"The same: {'; '.join(evaluation.normal.said()) or 'nothing but the same'}."
    if evaluation.normal.off():
        yield f"Switched off: {', '.join(evaluation.normal.off())}."
    yield (
        "Precision is the share of predicted values that are right, recall that of right ones that were predicted; "
        "values that are null on both sides do not count. A value of another kind (an object for a text) is invented, "
        "and what should be there missing; unions are compared by what is there, maps key by key."
    )
    rough = sum(each.rough for each in evaluation.items.values())
    yield (
        "Items of lists are laid side by side so that the most of their values agree; their order is not part of F1."
        + (f" In {rough:,} lists of more than {LARGEST} items the best way was not looked for." if rough else "")
    )
    if evaluation.resamples:
        groups = f", in {DRAWN:,} groups" if evaluation.gold > DRAWN else ""
        yield (
            f"Intervals: {evaluation.level:.0%}, {evaluation.resamples:,} draws of documents{groups}, "
            f"seed {evaluation.seed}."
        )


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > WIDTH:
            yield line
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    yield line
