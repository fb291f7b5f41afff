"""Values as cells: what fits a column stands in it, and nothing is lost or run."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.batch.cells import ARROW, CSV, MISFIT, SQLITE, Fits, fitting, json_text, safe
from extractor.batch.shapes import Items, Kind, Scalar, Struct

FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\tx",
    "  =1",
    '"=1',
    "'=1",
    "''=1",
    "\u200b=1",
    "\ufeff=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "−1+1",
    "- 5",
    "-",
    "+49 30 1234",
    "-1,5",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text: str) -> None:
    """Whatever a spreadsheet may take for a formula has an apostrophe before it."""
    assert safe(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a", "a=1", "'a", "-5", "+5.25", "-1e5", "5-3", '"a"', "  a", '{"a":1}'])
def test_no_formulas(text: str) -> None:
    """Any other text stays as it is, and so does a number."""
    assert safe(text) == text


def unsafe(cell: str) -> str:
    """The text of a cell."""
    return cell[1:] if cell.startswith("'") and safe(cell[1:]) != cell[1:] else cell


@given(st.one_of(st.text(), st.text("'\"=+- \t15"), st.sampled_from(FORMULAS)))
def test_law_safe_texts_can_be_undone(text: str) -> None:
    """An apostrophe that was put there can be told from one that was there."""
    assert unsafe(safe(text)) == text


DAY = date(1969, 1, 2)


@pytest.mark.parametrize(
    ("fits", "kind", "value", "cell"),
    [
        (ARROW, "text", "a\0b", "a\0b"),
        (ARROW, "text", "\ud800", MISFIT),
        (ARROW, "text", 5, MISFIT),
        (SQLITE, "text", "a\0b", MISFIT),
        (CSV, "text", "a\0b", MISFIT),
        (CSV, "text", "\ud800", MISFIT),
        (CSV, "text", "=1", "'=1"),
        (ARROW, "integer", 2**63 - 1, 2**63 - 1),
        (ARROW, "integer", 2**63, MISFIT),
        (SQLITE, "integer", -(2**63) - 1, MISFIT),
        (CSV, "integer", 2**200, str(2**200)),
        (CSV, "integer", -5, "-5"),
        (ARROW, "integer", 5.0, 5),
        (ARROW, "integer", 5.5, MISFIT),
        (ARROW, "integer", "-12", -12),
        (ARROW, "integer", "012", MISFIT),
        (ARROW, "integer", "9" * 5_000, MISFIT),
        (ARROW, "integer", True, MISFIT),
        (ARROW, "integer", math.inf, MISFIT),
        (ARROW, "number", 5, 5.0),
        (ARROW, "number", 2**53 + 1, MISFIT),
        (ARROW, "number", 10**400, MISFIT),
        (ARROW, "number", "12.50", 12.5),
        (ARROW, "number", "0.1", 0.1),
        (ARROW, "number", "0.1000000000000000055511151231257827", MISFIT),
        (ARROW, "number", "9" * 5_000, MISFIT),
        (ARROW, "number", "007", MISFIT),
        (ARROW, "number", "twelve", MISFIT),
        (ARROW, "number", math.nan, MISFIT),
        (ARROW, "number", False, MISFIT),
        (SQLITE, "loose", "12.50", 12.5),
        (CSV, "number", 1e16, "1e+16"),
        (CSV, "number", math.inf, MISFIT),
        (CSV, "number", "12.50", "12.50"),
        (CSV, "number", "=1", MISFIT),
        (CSV, "loose", "12.50", "12.50"),
        (CSV, "loose", "=1", "'=1"),
        (CSV, "boolean", True, "true"),
        (CSV, "boolean", 1, MISFIT),
        (SQLITE, "boolean", True, 1),
        (ARROW, "boolean", "yes", MISFIT),
        (ARROW, "date", "1969-01-02", DAY),
        (ARROW, "date", "19690102", MISFIT),
        (ARROW, "date", "0000-01-01", MISFIT),
        (ARROW, "date", 5, MISFIT),
        (CSV, "date", "1969-01-02", "1969-01-02"),
        (ARROW, "moment", "1969-01-02T03:04:05Z", datetime(1969, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (ARROW, "moment", "1969-01-02T03:04:05+02:00", MISFIT),
        (ARROW, "moment", "1969-01-02T03:04:05.1234567Z", MISFIT),
        (ARROW, "moment", "1969-01-02T03:04:05", MISFIT),
        (ARROW, "moment", "1969-01-02T25:04:05Z", MISFIT),
        (ARROW, "local", "1969-01-02T03:04:05.5", datetime(1969, 1, 2, 3, 4, 5, 500_000)),
        (ARROW, "local", "1969-01-02T03:04:05Z", MISFIT),
        (ARROW, "mixed", "text", "text"),
        (ARROW, "mixed", "12", '"12"'),
        (ARROW, "mixed", "[" * 100_000, '"' + "[" * 100_000 + '"'),
        (ARROW, "mixed", 12, "12"),
        (ARROW, "json", {"a": ["\ud800", math.inf]}, '{"a":["\\ud800","Infinity"]}'),
    ],
)
def test_cells(fits: Fits, kind: Kind, value: Any, cell: Any) -> None:
    """A value is a cell of its column's type, or does not fit."""
    found = fits.scalars[kind](value)
    assert found == cell or (found is cell)
    assert type(found) is type(cell)


def test_json_text() -> None:
    """JSON has one line, and names for what are no numbers in it."""
    assert json_text({"a": "ü\n\u2028", "b": [1.5, None, math.nan]}) == '{"a":"ü\\n\u2028","b":[1.5,null,"NaN"]}'
    assert json_text(2**200) == str(2**200)


def test_what_does_not_fit_is_kept() -> None:
    """Where something does not fit, it is kept by its pointer, and the rest has its cells."""
    shape = Struct({"a": Scalar("integer"), "b/c": Items(Struct({"d": Scalar("text")})), "e": Items(Scalar("integer"))})
    value = {"a": "x", "b/c": [{"d": 5, "f~": 6}, 7, None, {"d": "y"}], "e": 8, "g": None}
    rest: dict[str, Any] = {}
    found = fitting(shape, ARROW)(value, "", rest)
    assert found == {"a": None, "b/c": [{"d": None}, None, None, {"d": "y"}], "e": None}
    assert rest == {"/a": "x", "/b~1c/0/d": 5, "/b~1c/0/f~0": 6, "/b~1c/1": 7, "/e": 8, "/g": None}
    for other in (None, 5, [1]):
        rest = {}
        assert fitting(shape, ARROW)(other, "/x", rest) is None
        assert rest == ({} if other is None else {"/x": other})


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_law_anything_is_a_cell_or_does_not_fit(value: Any) -> None:
    """No value breaks any kind of cell."""
    for fits in (CSV, SQLITE, ARROW):
        for fit in (*fits.scalars.values(), *([fits.lists] if fits.lists else ())):
            if value is not None:
                fit(value)
