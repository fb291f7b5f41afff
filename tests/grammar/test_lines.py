"""The lines that are the rows of a list."""

from __future__ import annotations

from itertools import pairwise

import pytest

from extractor.grammar.lines import MOST_ROWS, rows_of


def runs(text: str) -> list[list[int]]:
    """The numbers of the lines that are alike and follow each other."""
    rows = rows_of(text)
    found = [[row.number] for row in rows[:1]]
    for before, row in pairwise(rows):
        if row.follows(before):
            found[-1].append(row.number)
        else:
            found.append([row.number])
    return [run for run in found if len(run) > 1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Order\n2 nails\n\n  3 screws\n½ plank\nThanks", [[1, 2, 3]]),
        ("a | b | c\n1 | 2 | 3\ntotal | 3", [[0, 1]]),
        ("| a | b | c |\n| 1 | 2 | 3 |", [[0, 1]]),
        ("a\tb\tc\nd\te\tf", [[0, 1]]),
        ("- 1 nail\n- 2 screws\n* €3 of glue", [[0, 1, 2]]),
        ("a\nb\nc", []),
        ("1 nail", []),
        ("", []),
        ("1 nail\nand\n2 screws", []),
    ],
)
def test_rows(text: str, found: list[list[int]]) -> None:
    """Rows begin with a number each, or have the same number of cells; blank lines between them do not count."""
    assert runs(text) == found


def test_without_rows_there_are_no_lines() -> None:
    """Where no two lines are alike, or there are very many, the lines say nothing."""
    assert rows_of("Dear all\nmy name is Jan") == []
    assert rows_of("1 a\n" * (MOST_ROWS + 1)) == []
    assert rows_of("1 " + "a" * 100_000 + "\n2 b") == []
