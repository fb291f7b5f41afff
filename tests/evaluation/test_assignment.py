"""The best assignment."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from extractor.evaluation.assignment import assigned

WEIGHTS = st.integers(1, 5).flatmap(
    lambda columns: st.lists(st.lists(st.integers(0, 6), min_size=columns, max_size=columns), max_size=5)
)


def _best(weights: list[list[int]]) -> int:
    """The largest sum of all ways to assign."""
    rows, columns = len(weights), len(weights[0]) if weights else 0
    ways = itertools.permutations(range(max(rows, columns)), rows)
    return max(sum(weights[row][column] for row, column in enumerate(way) if column < columns) for way in ways)


@given(WEIGHTS)
def test_no_assignment_is_better(weights: list[list[int]]) -> None:
    """The sum of the weights is that of the best of all assignments, and no column comes twice."""
    found = assigned(weights)
    columns = [column for column in found if column is not None]
    assert len(found) == len(weights)
    assert len(set(columns)) == len(columns)
    assert sum(weights[row][column] for row, column in enumerate(found) if column is not None) == _best(weights)


def test_nothing_is_assigned_without_weight() -> None:
    """A row that goes with no column has none."""
    assert assigned([[0, 0], [0, 3]]) == [None, 1]
    assert assigned([]) == []
