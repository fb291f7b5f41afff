"""The bounds of numbers, lengths and counts in a schema. What is no bound (null, infinity, a text) bounds nothing."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from extractor.grammar.gbnf import MOST_TIMES, repeated

__all__ = ["count_of", "numeral", "within"]

MOST_DIGITS = 16
"""Before the point of a number, where no bound has more: a small model does not stop by itself."""
# Behind the point, as many as Python writes; more of a small number is left to its exponent.
_FRACTION = '("." [0-9]{1,20})? ("e" [+-]? [0-9]{1,2})?'


def within(number: str, schema: Mapping[str, Any]) -> bool:
    """Whether a number keeps its bounds. Those of whole numbers are compared as such, without loss."""
    value = int(number) if number.removeprefix("-").isdigit() else float(number)
    bounds = ((keeps, _bound(schema, keyword)) for keyword, keeps in _KEEPS.items())
    return all(bound is None or keeps(value, bound) for keeps, bound in bounds)


def numeral(schema: Mapping[str, Any], *, whole: bool) -> str:
    """The expression for the numbers between the bounds of a schema: it has all of them, and some beyond."""
    low: int | float | None = max(_given(schema, "minimum", "exclusiveMinimum"), default=None)
    high: int | float | None = min(_given(schema, "maximum", "exclusiveMaximum"), default=None)
    # Of what is no more than 5, -50 has two digits all the same: each side has those of its own bound.
    above = None if high is not None and high < 0 else _side(high, beyond=low)
    below = None if low is not None and low >= 0 else _side(low, beyond=high)
    if above is None or below is None:
        plain = above or f'"-" {below or _side(None, beyond=None)}'
    else:
        plain = f'"-"? {above}' if above == below else f'({above} | "-" {below})'
    return plain if whole else f"{plain} {_FRACTION}"


def _side(bound: int | float | None, *, beyond: int | float | None) -> str:
    """Digits up to a bound; without one, there are enough for what is beyond the other one."""
    most = _digits(bound) if bound is not None else max(MOST_DIGITS, _digits(beyond or 0))
    return '("0" | [1-9]' + (f" {repeated('[0-9]', 0, most - 1)})" if most > 1 else ")")


def count_of(schema: Mapping[str, Any], keyword: str) -> int | None:
    """A length or a number of items; None where the schema does not say it."""
    bound = _bound(schema, keyword)
    return int(bound) if bound is not None and bound >= 0 and bound == int(bound) else None


def _given(schema: Mapping[str, Any], *keywords: str) -> list[int | float]:
    return [bound for keyword in keywords if (bound := _bound(schema, keyword)) is not None]


def _bound(schema: Mapping[str, Any], keyword: str) -> int | float | None:
    bound = schema.get(keyword)
    if isinstance(bound, bool) or not isinstance(bound, (int, float)):
        return None
    return None if isinstance(bound, float) and not math.isfinite(bound) else bound


def _digits(bound: int | float) -> int:
    """How many digits stand before the point. No text is made of what has very many."""
    size = abs(int(bound))
    return len(str(size)) if size < 10**MOST_TIMES else MOST_TIMES


_KEEPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
