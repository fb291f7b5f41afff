"""What a text that was selected means for a field."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from extractor.evidence.source import source_of
from extractor.review.form import form_of
from extractor.review.meaning import meaning


class Bill(BaseModel):
    """All kinds of fields."""

    total: Decimal
    count: int
    day: datetime.date
    at: datetime.datetime | None = None
    clock: datetime.time | None = None
    paid: bool = False
    state: Literal["in progress", "shipped", "sent back"]
    name: str
    remark: str = Field("", description="Free text")
    tags: list[str] = []
    amounts: list[float] = []


FORM = form_of(Bill.model_json_schema())


@pytest.mark.parametrize(
    ("pointer", "text", "value"),
    [
        ("/total", "62.50", "62.50"),  # a Decimal keeps its digits
        ("/total", "EUR 1,918.60", "1918.60"),
        ("/total", "1.918,60 €", "1918.60"),
        ("/total", "(250.00)", "-250.00"),
        ("/total", "2 x 12,345.60", "12345.60"),
        ("/total", "4 pieces", 4),
        ("/total", "1e-99999999999999999999", 0.0),
        ("/amounts", "62.50", 62.5),
        ("/amounts", "EUR 1,918.60", 1918.6),
        ("/amounts", "1e-99999999999999999999", 0.0),
        ("/total", "12345678901234567.89", "12345678901234567.89"),
        ("/total", "none of it", "none of it"),
        ("/count", "3 pieces", 3),
        ("/count", "12", 12),
        ("/day", "Date: 11. September 2024", "2024-09-11"),
        ("/day", "25/12/2024", "2024-12-25"),
        ("/day", "soon", "soon"),
        ("/at", "2024-03-09 14:05", "2024-03-09T14:05:00"),
        ("/clock", "at 2:05 pm", "14:05:00"),
        ("/paid", "Yes.", True),
        ("/paid", "☐", False),
        ("/state", "IN PROGRESS", "in progress"),
        ("/state", "it was shipped on Monday", "shipped"),
        ("/state", "lost", "lost"),
        ("/name", "  Ann \n  Lee ", "Ann Lee"),
        ("/remark", " one\n two ", "one\n two"),
        ("/tags", "a \n b", "a b"),
        ("/tags/3", "a \n b", "a b"),
        ("/amounts", "7.5 kg", 7.5),
        ("/nothing/there", " x  y ", "x y"),
    ],
)
def test_a_text_is_read_as_its_field_wants_it(pointer: str, text: str, value: Any) -> None:
    """A number, date, time, yes or choice is read as one; any other text stays, with single spaces."""
    found = meaning(FORM, pointer, text)
    assert (type(found), found) == (type(value), value)


def test_the_document_tells_how_its_dates_are_written() -> None:
    """Of a date that may be two, the one is taken that the other dates of the document support."""
    assert meaning(FORM, "/day", "03/04/2024", source_of("due 12/31/2024, sent 03/04/2024")) == "2024-03-04"
    assert meaning(FORM, "/day", "03/04/2024", source_of("due 31/12/2024, sent 03/04/2024")) == "2024-04-03"
    assert meaning(FORM, "/day", "03/04/2024") == "2024-04-03"


@given(text=st.text(max_size=60), pointer=st.sampled_from([f"/{name}" for name in Bill.model_fields]))
def test_whatever_is_selected_means_something(text: str, pointer: str) -> None:
    """No text is an error for any field."""
    assert meaning(FORM, pointer, text, source_of(text)) is not None
