"""Which rows go to which columns, so that the sum of the weights is as large as it can be.

The Hungarian method with potentials: rows come in one after the other, each by a shortest augmenting path; n² m steps
for n rows and m columns.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["assigned"]


def assigned(weights: Sequence[Sequence[int]]) -> list[int | None]:
    """The column of each row, of the assignment with the largest sum of weights (none is negative), in which no column
    comes twice; None where a weight is 0, or the columns are fewer.
    """
    rows, columns = len(weights), len(weights[0]) if weights else 0
    if rows > columns:
        turned = assigned([[weights[row][column] for row in range(rows)] for column in range(columns)])
        found: list[int | None] = [None] * rows
        for column, row in enumerate(turned):
            if row is not None:
                found[row] = column
        return found
    # Row 0 and column 0 stand for none. The cost is the weight below 0, and potentials keep all of it from being so.
    of_row, of_column = [0] * (rows + 1), [0] * (columns + 1)
    taken = [0] * (columns + 1)  # the row of each column
    for row in range(1, rows + 1):
        _enter(row, weights, of_row, of_column, taken)
    result: list[int | None] = [None] * rows
    for column in range(1, columns + 1):
        if taken[column] and weights[taken[column] - 1][column - 1] > 0:
            result[taken[column] - 1] = column - 1
    return result


def _enter(
    row: int, weights: Sequence[Sequence[int]], of_row: list[int], of_column: list[int], taken: list[int]
) -> None:
    """Give one more row a column; others move on where that is better for all."""
    columns = len(taken)
    far: list[float] = [float("inf")] * columns  # how far each column is from the tree of the row
    before = [0] * columns
    free = set(range(1, columns))
    taken[0], at = row, 0
    while taken[at]:
        here, nearest, step = taken[at], 0, float("inf")
        costs, potential = weights[here - 1], of_row[here]
        for column in free:
            way = -costs[column - 1] - potential - of_column[column]
            if way < far[column]:
                far[column], before[column] = way, at
            if far[column] < step or (far[column] == step and column < nearest):
                nearest, step = column, far[column]
        change = int(step)
        for column in range(columns):
            if column in free:
                far[column] -= change
            else:
                of_row[taken[column]] += change
                of_column[column] -= change
        free.discard(nearest)
        at = nearest
    while at:
        taken[at] = taken[before[at]]
        at = before[at]
