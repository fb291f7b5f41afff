"""Plots as inline SVG: the reliability diagram, the curve of a review, bars with intervals. Numbers only, no texts of
others; colours come from the page's style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extractor.evaluation.reliability import Reliability, Review
from extractor.evaluation.scores import Measure

__all__ = ["bar", "curve", "diagram"]

SIZE, EDGE = 320, 40  # of a plot, and of what is around it for its words
_SPAN = SIZE - 2 * EDGE


def diagram(known: Reliability) -> str:
    """Confidence against the share that is right: on the diagonal, what is said is true."""
    marks = [(each.predicted, each.observed) for each in known.bins]
    dots = (_dot(x, y) for x, y in marks)
    return _plot("Reliability: said confidence and share right", "said", "right", [_line(marks, "line"), *dots])


def curve(seen: Review) -> str:
    """Share of documents looked at against share of errors found."""
    return _plot(
        "Errors found when the most doubtful documents are looked at first",
        "documents looked at",
        "errors found",
        [_line(seen.points, "line")],
    )


def bar(measure: Measure, other: Measure | None = None) -> str:
    """A bar from 0 to 1 with its interval, and a mark for another one."""
    width, height = 160, 14
    parts = [f'<rect class="bar" width="{measure.value * width:.1f}" height="{height}"/>']
    if measure.low is not None and measure.high is not None:
        low, high = measure.low * width, measure.high * width
        parts.append(f'<path class="whisker" d="M{low:.1f} 7H{high:.1f}M{low:.1f} 3V11M{high:.1f} 3V11"/>')
    if other is not None:
        at = other.value * width
        parts.append(f'<path class="other" d="M{at:.1f} 0V{height}"/>')
    label = f"F1 {measure.value:.3f}" + ("" if other is None else f", second {other.value:.3f}")
    return f'<svg class="b" viewBox="-1 0 {width + 2} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _dot(x: float, y: float) -> str:
    said = f"<title>{x:.1%} said, {y:.1%} right</title>"
    return f'<circle class="dot" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="4">{said}</circle>'


def _plot(title: str, across: str, up: str, parts: Sequence[str]) -> str:
    return "".join(
        [
            f'<figure><svg class="p" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{title}">',
            *_frame(across, up),
            _line([(0, 0), (1, 1)], "even"),
            *parts,
            f"</svg><figcaption>{title}</figcaption></figure>",
        ]
    )


def _frame(across: str, up: str) -> Iterator[str]:
    for step in range(6):
        at = step / 5
        yield f'<path class="grid" d="M{_x(at):.0f} {EDGE}V{SIZE - EDGE}M{EDGE} {_y(at):.0f}H{SIZE - EDGE}"/>'
        yield f'<text x="{_x(at):.0f}" y="{SIZE - EDGE + 16}" text-anchor="middle">{at:.0%}</text>'
        yield f'<text x="{EDGE - 6}" y="{_y(at) + 4:.0f}" text-anchor="end">{at:.0%}</text>'
    yield f'<text x="{SIZE // 2}" y="{SIZE - 6}" text-anchor="middle">{across}</text>'
    yield f'<text x="{EDGE}" y="{EDGE - 12}">{up}</text>'


def _line(points: Sequence[tuple[float, float]], name: str) -> str:
    way = "L".join(f"{_x(x):.1f} {_y(y):.1f}" for x, y in points)
    return f'<path class="{name}" d="M{way}"/>'


def _x(share: float) -> float:
    return EDGE + share * _SPAN


def _y(share: float) -> float:
    return SIZE - EDGE - share * _SPAN
