"""What a row looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.evidence.rows import Rows
from extractor.evidence.shapes import shape_of
from extractor.evidence.units import lines_of


def rows_of(text: str, *found: int, names: tuple[str, ...] = ()) -> Rows:
    """The rows of a text of which some lines are found ones."""
    return Rows(lines_of(text), found or (0,), names)


@pytest.mark.parametrize(
    ("line", "head", "tail"),
    [
        ("2 lamps 19.90", "N", "N"),
        ("A-17 lamp 3 1,234.50 EUR", "C", "NN"),
        ("2024-01-03 Salary (2,000.00)", "D", "N"),
        ("3 March 2024 Salary 12", "D", "N"),
        ("½ cup honey", "N", ""),
        ("12 345", "NN", ""),
        ("the lamp", "", ""),
        ("", "", ""),
        ("٣ lamps", "N", ""),
    ],
)
def test_the_ends_of_a_line_are_its_shape(line: str, head: str, tail: str) -> None:
    """What stands before the first word and after the last tells one line from another; currencies do not."""
    shape = shape_of(line)
    assert (shape.head, shape.tail) == (head, tail)


@pytest.mark.parametrize(
    ("line", "delimiter", "cells"),
    [
        ("| A-1 | blue lamp | 2 | 19.90 |", "|", "CWNN"),
        ("A-1\tUSB cable 2 m\t\t2024-01-03", "\t", "CMED"),
        ('1,"Chair, wide",n/a,3', ",", "NWEN"),
        ('1,"Chair', ",", "NW"),
        ("||", "|", "E"),
    ],
)
def test_the_cells_of_a_row_are_its_shape(line: str, delimiter: str, cells: str) -> None:
    """Each cell is one letter; a delimiter in quotes divides nothing."""
    assert shape_of(line, delimiter).cells == cells


@pytest.mark.parametrize(
    ("line", "marker", "number"),
    [
        ("- lamp", "-", None),
        ("* lamp", "*", None),
        ("  12. lamp", "1", 12),
        ("(3) lamp", "1", 3),
        ("b) lamp", "a", None),
        ("[x] lamp", "[", None),
        ("7 lamps", "", 7),
        ("-5 degrees", "", None),
    ],
)
def test_bullets_and_numbers_mark_rows(line: str, marker: str, number: int | None) -> None:
    """Bullets of one kind are alike, and so are all numbers."""
    shape = shape_of(line)
    assert (shape.marker, shape.number) == (marker, number)


TABLE = """| Name | Qty | Price |
|------|-----|-------|
| Lamp | 2 | 19.90 |
| Desk | 4 | 80.00 |
| | | (see note) |
| Sofa | - | 300.00 |
| Subtotal | | 399.90 |
Page 1 of 2
| Total Commander | 1 | 29.00 |
| Grand total | 7 | 428.90 |
"""


def test_the_lines_of_a_table_are_told_apart() -> None:
    """Rows are alike; header rows, separators, sums and what goes on with a row are not."""
    rows = rows_of(TABLE, 2, 3)
    assert [number for number in range(len(rows.units)) if rows.like(number)] == [2, 3, 5, 8]
    assert [number for number in range(len(rows.units)) if rows.is_head(number)] == [0]
    assert [number for number in range(len(rows.units)) if rows.is_total(number)] == [6, 9]
    assert [number for number in range(len(rows.units)) if rows.continues(number)] == [1, 4]
    assert rows.is_page(7)


@pytest.mark.parametrize(
    ("text", "strength"),
    [("Ann\nBob\n", 0), ("lamp 2.00\n", 1), ("2 lamps 2.00\n", 2), ("a|2|3|4\n", 4), ("Name: Ann\nName: Bob\n", 3)],
)
def test_numbers_cells_and_labels_make_rows_strong(text: str, strength: int) -> None:
    """The more a row has in common with the others, the farther away it is known."""
    found = range(text.count("\n"))
    assert rows_of(text, *found).strength == strength


def test_a_header_of_words_is_known_by_the_properties() -> None:
    """In a table without numbers the names of the columns are those of the properties, or usual ones."""
    text = "Given;Family\nAnn;Bell\nBob;Cole\nGiven;Family\n"
    rows = rows_of(text, 1, names=("given", "family"))
    assert [rows.like(number) for number in range(4)] == [False, True, True, False]


def test_names_may_have_numbers() -> None:
    """A number at the end of a name makes no other shape of a row."""
    rows = rows_of("A-1 lamp 2.00\nA-2 table 3000 2.00\nOrder 77\n", 0)
    assert [rows.like(number) for number in range(3)] == [True, True, False]


def test_lines_are_where_they_are() -> None:
    """Lines that are not blank have their places in the text, whatever ends them."""
    text = "a\r\n\r\n  \n b \fc\u2028d"
    lines = lines_of(text)
    assert [lines.said(number) for number in range(len(lines))] == ["a", " b ", "c", "d"]
    assert [lines.at(text.index(letter)) for letter in "abcd"] == [0, 1, 2, 3]
    assert [lines.apart(number) for number in range(4)] == [True, True, True, False]


@given(st.text(max_size=200), st.sampled_from(["", "|", ",", ";", "\t"]))
def test_any_line_has_a_shape(line: str, delimiter: str) -> None:
    """No text is too strange to be looked at, and it is like itself unless it is a header, a sum or a page's."""
    shape_of(line, delimiter)
    rows = rows_of(line) if len(lines_of(line)) else None
    if rows is not None:
        itself = rows.is_head(0) or rows.is_total(0) or rows.is_page(0) or not rows.shape(0).words
        assert rows.like(0) or itself
