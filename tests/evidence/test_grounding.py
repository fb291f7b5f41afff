"""Grounding: of all places of a value, its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extractor.evidence.field import Field, Span
from extractor.evidence.grounding import ground
from extractor.evidence.source import source_of
from extractor.schema.marks import MARK

INVOICE = """INVOICE No. INV-2024-0012
Invoice date: 12.03.2024      Due date: 12.03.2024
Müller & Söhne GmbH

Pos  Item       Qty   Price   Amount
1    Bolt M8    1     5,00    5,00
2    Nut M8     1     5,00    5,00
3    Bolt M8    1     5,00    5,00
4    Washer     12    0,10    1,20
Subtotal                      16,20
VAT                           0,97
Total                         16,20 EUR
"""


def lines_of(fields: dict[str, Field], text: str) -> dict[str, tuple[int, str] | None]:
    """For each field the line and the text of its place."""
    return {
        pointer: (text.count("\n", 0, each.span.start), text[each.span.start : each.span.end]) if each.span else None
        for pointer, each in fields.items()
    }


def row(name: str, quantity: int, price: float, amount: float) -> dict[str, Any]:
    """One row of the invoice."""
    return {"name": name, "quantity": quantity, "price": price, "amount": amount}


def test_rows_that_are_equal_have_different_places() -> None:
    """Items stand in their own rows, in order, and values that repeat in a row in their own columns."""
    items = [
        row("Bolt M8", 1, 5.0, 5.0),
        row("Nut M8", 1, 5.0, 5.0),
        row("Bolt M8", 1, 5.0, 5.0),
        row("Washer", 12, 0.1, 1.2),
    ]
    fields = ground({}, {"items": items}, source_of(INVOICE))
    assert [fields[f"/items/{index}/name"].span.start for index in range(4)] == [  # type: ignore[union-attr]
        INVOICE.index("Bolt"), INVOICE.index("Nut"), INVOICE.rindex("Bolt"), INVOICE.index("Washer")
    ]  # fmt: skip
    for index in range(4):
        places = [fields[f"/items/{index}/{key}"].span for key in ("name", "quantity", "price", "amount")]
        starts = [place.start for place in places if place]
        assert starts == sorted(set(starts))
        assert {INVOICE.count("\n", 0, start) for start in starts} == {5 + index}


def test_the_name_of_a_field_tells_places_apart() -> None:
    """A value that stands in several places is where its name is."""
    data = {"due_date": "2024-03-12", "invoice_date": "2024-03-12", "total": 16.2, "subtotal": 16.2}
    lines = lines_of(ground({}, data, source_of(INVOICE)), INVOICE)
    assert lines["/total"] == (11, "16,20")
    assert lines["/subtotal"] == (9, "16,20")
    fields = ground({}, data, source_of(INVOICE))
    assert fields["/invoice_date"].spans[0].start < fields["/due_date"].spans[0].start


def test_a_single_value_repeated_in_rows_keeps_out_of_them() -> None:
    """What a row has taken is not taken again for a value outside of it."""
    text = "A 1 7.00\nB 1 9.00\nto pay 7.00\n"
    data = {"sum": 7.0, "rows": [{"n": "A", "p": 7.0}, {"n": "B", "p": 9.0}]}
    fields = ground({}, data, source_of(text))
    assert fields["/sum"].span == Span(start=text.rindex("7.00"), end=text.rindex("7.00") + 4)
    assert fields["/sum"].elsewhere == (Span(start=4, end=8),)


def test_a_misread_value_of_a_row_is_found_in_it() -> None:
    """A value that is misread in its row is found there, though it stands elsewhere as it is."""
    text = "Office chair | 3 | 12.50\nOffice ehair | 4 | 99.10\nDesk | 5 | 7.00\n"
    items = [row("Office chair", 3, 12.5, 0), row("Office chair", 4, 99.1, 0), row("Desk", 5, 7.0, 0)]
    fields = ground({}, {"items": items}, source_of(text))
    assert lines_of(fields, text)["/items/1/name"] == (1, "Office ehair")
    assert fields["/items/1/name"].status == "fuzzy"
    assert fields["/items/0/name"].status == "exact"


@pytest.mark.parametrize(
    ("schema", "value", "text", "status", "score"),
    [
        ({}, "Acme", "by Acme", "exact", 1.0),
        ({}, 42.5, "is 42.5", "exact", 1.0),
        ({}, 42.0, "is 42", "exact", 1.0),
        ({}, 42, "is 42.00", "normalised", 0.99),
        ({}, "2024-03-09", "on 2024-03-09", "exact", 1.0),
        ({}, "2024-03-09", "on 9 March 2024", "normalised", 0.99),
        ({}, "Acme", "by nobody", "absent", 0.0),
        ({}, None, "null", "absent", 0.0),
        ({}, True, "true", "inferred", 0.0),
        ({"enum": ["Acme"]}, "Acme", "by Acme", "inferred", 1.0),
        ({MARK: "inferred"}, "Acme", "nobody", "inferred", 0.0),
        ({"enum": ["Acme"], MARK: "grounded"}, "Acme", "nobody", "absent", 0.0),
    ],
)
def test_status_and_score(schema: Any, value: Any, text: str, status: str, score: float) -> None:
    """Each way to stand in the text has its status and score."""
    (each,) = ground(schema, value, source_of(text)).values()
    assert (each.status, each.score) == (status, score)


def test_the_same_in_another_form_is_a_place_too() -> None:
    """A date that stands as it is in one place may be meant in another, where it is written otherwise."""
    text = "Delivery 05.06.2024\nInvoice date 05.06.2024\nStart: 2024-06-05"
    fields = ground({}, {"delivery": "2024-06-05", "invoice_date": "2024-06-05"}, source_of(text))
    assert lines_of(fields, text) == {"/delivery": (0, "05.06.2024"), "/invoice_date": (1, "05.06.2024")}
    assert [each.status for each in fields.values()] == ["normalised", "normalised"]
    assert [len(each.elsewhere) for each in fields.values()] == [2, 2]
    (start,) = ground({}, {"start": "2024-06-05"}, source_of(text)).values()
    assert (start.status, start.spans[0].start) == ("exact", text.rindex("2024"))


def test_what_is_inferred_has_no_fuzzy_place() -> None:
    """A number that is inferred has a span only where it stands with its sign."""
    schema = {MARK: "inferred"}
    assert ground(schema, -5, source_of("5.00 paid"))[""].spans == ()
    assert ground(schema, 5, source_of("-5.00 paid"))[""].spans == ()
    assert ground(schema, -5, source_of("-5.00 paid"))[""].span == Span(start=0, end=5)


@pytest.mark.parametrize("rows", [300, 3_000])
def test_more_equal_items_than_rows(rows: int) -> None:
    """Of equal items, as many as there are rows have a row of their own, in order."""
    text = "head\n" + "bolt  5\n" * rows
    fields = ground({}, [{"name": "bolt", "n": 5}] * (2 * rows), source_of(text))
    starts = [fields[f"/{index}/name"].spans[0].start for index in range(2 * rows)]
    assert len(set(starts)) == rows


def test_pages() -> None:
    """A span has its page where the source has pages."""
    fields = ground({}, {"a": "two"}, source_of("one\ftwo"))
    assert fields["/a"].spans == (Span(start=4, end=7, page=2),)


def test_within() -> None:
    """Only a part of the source may be looked in."""
    fields = ground({}, {"a": "x1", "b": "y1"}, source_of("x1 y1 x1"), within=(3, 8))
    assert fields["/a"].spans == (Span(start=6, end=8),)
    assert fields["/a"].elsewhere == ()


def test_at_most_twenty_elsewhere() -> None:
    """Of many further places, twenty are given."""
    (each,) = ground({}, ["x"], source_of("x " * 100)).values()
    assert len(each.elsewhere) == 20
    assert each.span not in each.elsewhere


def test_items_of_an_inner_list_stand_in_their_outer_item() -> None:
    """Values of a list inside of an item stand where the item does."""
    text = "Order A1\n 2 bolt\n 3 nut\nOrder B2\n 2 bolt\n 3 nut\n"
    inner = [{"n": 2, "t": "bolt"}, {"n": 3, "t": "nut"}]
    fields = ground({}, [{"id": "A1", "rows": inner}, {"id": "B2", "rows": inner}], source_of(text))
    lines = lines_of(fields, text)
    assert [lines[f"/0/rows/{index}/t"] for index in range(2)] == [(1, "bolt"), (2, "nut")]
    assert [lines[f"/1/rows/{index}/t"] for index in range(2)] == [(4, "bolt"), (5, "nut")]


@given(st.integers(1, 12), st.integers(1, 3))
@settings(max_examples=30)
def test_equal_rows(count: int, kinds: int) -> None:
    """However many rows are equal, each item has a row of its own, in order."""
    names = [f"thing{index % kinds}" for index in range(count)]
    text = "head\n" + "".join(f"{name}  1  2.00\n" for name in names)
    fields = ground({}, [{"name": name, "n": 1, "p": 2.0} for name in names], source_of(text))
    starts = [fields[f"/{index}/name"].spans[0].start for index in range(count)]
    assert starts == sorted(set(starts))
    for index in range(count):
        assert {text.count("\n", 0, fields[f"/{index}/{key}"].spans[0].start) for key in ("name", "n", "p")} == {
            index + 1
        }


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 30)
    | st.sampled_from(["a", "b c", "1.5", "", "2024-03-09", "zz"])
    | st.floats(0, 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
TEXTS = st.lists(
    st.sampled_from(["a", "b c", "b", "1.5", "1", "2", "2024-03-09", "\n", "|", "zZ", "9"]), max_size=40
).map(" ".join)


@given(VALUES, TEXTS)
def test_spans_lie_in_the_text_and_are_told_again(data: Any, text: str) -> None:
    """Any span lies in the text, an exact one is the value's text, and grounding twice gives the same."""
    fields = ground({}, data, source_of(text))
    assert fields == ground({}, data, source_of(text))
    for each in fields.values():
        for span in (*each.spans, *each.elsewhere):
            assert 0 <= span.start < span.end <= len(text)
        assert (each.status in ("absent", "inferred")) or each.spans
        assert each.span not in each.elsewhere


@given(TEXTS, st.text(alphabet="xyz \n", max_size=50))
def test_text_far_behind_changes_nothing(text: str, more: str) -> None:
    """An unambiguous place stays where more text comes behind."""
    text = f"number K77-1 {text}"
    before = ground({}, {"number": "K77-1"}, source_of(text))
    assert before == ground({}, {"number": "K77-1"}, source_of(text + "\n" * 50 + more))


def test_many_leaves_in_a_deep_value() -> None:
    """A value of any depth is grounded."""
    data: Any = ["x"]
    for _ in range(2_000):
        data = [data, 1]
    fields = ground({}, data, source_of("x 1 1 1"))
    assert len(fields) == 2_001


PIECES = [
    *(
        "1 ",
        "9" * 700 + "/3",
        "9" * 39,
        "½",
        "²",
        "٣",
        "-",
        "(",
        ")",
        "5",
        "million",
        "k",
        "%",
        "März",
        "2024",
        "00/00/0000",
    ),
    *(
        "24:60",
        "pm",
        "quatre",
        "vingt",
        "cent",
        "+49",
        "(0)",
        "89",
        "1234567",
        "EUR",
        "€",
        "not",
        "un",
        "John",
        "Smith",
    ),
    *(",", "\n", "\u00ad", "\u0301", "\ud800", "ß", "İ", "ﬁ", "|", "\f", "東京", "é", "1e400", " "),
]
ANYTHING = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=25).map("".join)


MARKS = "\U000f0c74\U000a0485¨"  # of which nothing is a letter or a digit


@example(f"1 q{MARKS * 2}qt\U000e2102", f"1 {MARKS * 3}qt\U000e2102", 0)
@given(ANYTHING, ANYTHING, st.integers() | st.floats() | st.builds(lambda: 10**5_000))
def test_nothing_that_a_document_holds_raises(text: str, value: str, number: float) -> None:
    """Whatever stands in a text, and is looked for in it, has places in the text or none."""
    data = {"a": value, "b": text[3:20], "c": [text[:12], text[12:24]], "n": number}
    for each in ground({}, data, source_of(text)).values():
        assert all(0 <= span.start < span.end <= len(text) for span in (*each.spans, *each.elsewhere))
        assert each.spans or each.status == "absent"
