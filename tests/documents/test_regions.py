"""Asking for the rows that a list lacks."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.documents.found import inserted, merge_found
from extractor.documents.regions import Answer, Region, placed, regions
from extractor.evidence.completeness import Gap, ListReport, completeness
from extractor.evidence.field import Field, Span
from extractor.evidence.grounding import ground
from extractor.evidence.source import source_of

ITEM = {"type": "object", "properties": {"number": {"type": "string"}, "name": {"type": "string"}}}
LIST = {"type": "array", "items": ITEM}
SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}, "items": LIST}, "required": ["items"]}


def row(index: int, name: str = "lamp") -> dict[str, str]:
    """One row."""
    return {"number": f"A-{1000 + index}", "name": name}


def document(rows: Sequence[Mapping[str, str]]) -> str:
    """A table with a header."""
    lines = [f"{each['number']};{each['name']};{index + 2}.50" for index, each in enumerate(rows)]
    return "\n".join(["Order B-7", "", "number;name;price", *lines, "", "Thank you.", ""])


def looked_at(text: str, data: Any) -> tuple[dict[str, Field], ListReport]:
    """The fields of a value, and the report of its list."""
    source = source_of(text)
    fields = ground(SCHEMA, data, source)
    return fields, next(each for each in completeness(SCHEMA, data, source, fields) if each.pointer == "/items")


def answered(text: str, report: ListReport, rows: Sequence[Mapping[str, str]], most: int = 40) -> list[Answer]:
    """What somebody answers who gives all rows of each region."""
    source = source_of(text)
    answers: list[Answer] = []
    for region in regions(report, source, rows=most):
        items = [dict(each) for each in rows if each["number"] in region.text]
        answers.append((region, items, placed(LIST, items, region, source)))
    return answers


ROWS = [row(index, name) for index, name in enumerate(["lamp", "desk", "sofa", "stool", "shelf", "chair"])]
TEXT = document(ROWS)


def test_a_region_has_the_missing_rows_under_their_header() -> None:
    """What is sent are the rows of the gaps and no others, with the list's heading and header before them."""
    _, report = looked_at(TEXT, {"order": "B-7", "items": [ROWS[0], ROWS[2], ROWS[5]]})
    (region,) = regions(report, source_of(TEXT))
    assert region.text == "Order B-7\nnumber;name;price\nA-1001;desk;3.50\nA-1003;stool;5.50\nA-1004;shelf;6.50"
    assert (region.rows, region.after) == (3, 0)
    assert [TEXT[piece.start : piece.end] for piece in region.pieces] == [
        "A-1001;desk;3.50",
        "A-1003;stool;5.50\nA-1004;shelf;6.50",
    ]
    for piece in region.pieces:
        assert region.text[piece.at :].startswith(TEXT[piece.start : piece.end])


@pytest.mark.parametrize(("most", "sizes"), [(40, [40, 40, 17]), (100, [97]), (1, [1] * 97)])
def test_a_region_has_at_most_so_many_rows(most: int, sizes: list[int]) -> None:
    """Long gaps are divided, and short ones put together."""
    rows = [row(index) for index in range(100)]
    text = document(rows)
    _, report = looked_at(text, {"items": [rows[0], rows[50], rows[99]]})
    found = regions(report, source_of(text), rows=most)
    assert [region.rows for region in found] == sizes
    numbers = [line for region in found for line in region.text.split("\n") if line.startswith("A-")]
    assert len(numbers) == len(set(numbers)) == 97


def test_where_missing_items_are_not_seen_the_whole_document_is_asked_for() -> None:
    """A list that is not there, or of which the document says that it is longer."""
    source = source_of("Some text.")
    for status in ("missing", "wrong_shape"):
        (region,) = regions(ListReport(pointer="/items", status=status, returned=0), source)
        assert (region.text, region.start, region.end, region.rows) == ("Some text.", 0, 10, 0)
    (region,) = regions(ListReport(pointer="/items", status="incomplete", returned=1, expected=3), source)
    assert (region.text, region.rows) == ("Some text.", 2)


@pytest.mark.parametrize("status", ["complete", "unknown"])
def test_nothing_is_asked_for_without_reason(status: Any) -> None:
    """Of a list that is complete, or of which nothing is known."""
    assert regions(ListReport(pointer="/items", status=status, returned=3), source_of("text")) == ()


@pytest.mark.parametrize("left", [[0], [5], [2, 3], [0, 2, 4], [1, 3, 5]])
def test_what_is_found_goes_to_its_place(left: list[int]) -> None:
    """The list is in document order, the fields belong to their items, and nothing else has changed."""
    data = {"order": "B-7", "items": [ROWS[index] for index in left]}
    before = copy.deepcopy(data)
    fields, report = looked_at(TEXT, data)
    merged, moved = merge_found(data, fields, "/items", answered(TEXT, report, ROWS))
    assert merged == {"order": "B-7", "items": ROWS}
    assert data == before
    assert moved["/order"] == fields["/order"]
    for index, each in enumerate(ROWS):
        span = moved[f"/items/{index}/number"].span
        assert span is not None
        assert TEXT[span.start : span.end] == each["number"]
    _, report = looked_at(TEXT, merged)
    assert report.status == "complete"


def test_nothing_is_put_in_twice() -> None:
    """An item from a place that another has, and answers that are given twice, change nothing."""
    data = {"items": ROWS[:4]}
    fields, report = looked_at(TEXT, data)
    answers = answered(TEXT, report, ROWS)
    source = source_of(TEXT)
    end = len(TEXT)
    (whole,) = regions(ListReport(pointer="/items", status="missing", returned=0), source)
    assert whole.end == end
    again = (whole, ROWS, placed(LIST, ROWS, whole, source))
    merged, _ = merge_found(data, fields, "/items", [*answers, *answers, again])
    assert merged == {"items": ROWS}


def test_equal_rows_of_the_document_all_stay() -> None:
    """Two equal rows are two items, also where the second is found later."""
    rows = [row(0), row(1), row(0), row(2)]
    text = "number;name\n" + "".join(f"{each['number']};{each['name']}\n" for each in rows)
    data = {"items": [rows[0], rows[1], rows[3]]}
    fields, report = looked_at(text, data)
    assert report.lacking == 1
    merged, _ = merge_found(data, fields, "/items", answered(text, report, [rows[0]]))
    assert merged == {"items": rows}


def test_the_callers_own_order_stays() -> None:
    """What is found goes behind the item before it in the document, whatever order the list has."""
    data = {"items": [ROWS[4], ROWS[2], ROWS[0]]}
    fields, report = looked_at(TEXT, data)
    merged, _ = merge_found(data, fields, "/items", answered(TEXT, report, ROWS))
    assert [each["name"] for each in merged["items"]] == ["shelf", "chair", "sofa", "stool", "lamp", "desk"]


def test_what_is_made_up_is_left_out() -> None:
    """An item that stands nowhere in the region it was asked for from is none of its rows."""
    data = {"items": ROWS[:3]}
    fields, report = looked_at(TEXT, data)
    source = source_of(TEXT)
    (region,) = regions(report, source)
    made_up = [{"number": "Z-9", "name": "piano"}]
    merged, _ = merge_found(data, fields, "/items", [(region, made_up, placed(LIST, made_up, region, source))])
    assert merged == data


def test_an_item_that_stands_nowhere_is_not_doubled() -> None:
    """An item of the list that was not found in the document is the equal one of an answer."""
    data = {"items": [ROWS[0], ROWS[1], ROWS[2]]}
    fields, report = looked_at(TEXT, data)
    fields |= {f"/items/1/{name}": Field(status="absent") for name in ("number", "name")}
    region = Region(
        start=0,
        end=len(TEXT),
        text=TEXT,
        after=0,
        rows=1,
        pieces=regions(ListReport(pointer="", status="missing", returned=0), source_of(TEXT))[0].pieces,
    )
    found = [ROWS[1], ROWS[3]]
    merged, _ = merge_found(data, fields, "/items", [(region, found, placed(LIST, found, region, source_of(TEXT)))])
    assert merged == {"items": ROWS[:4]}
    assert report.lacking == 3


@pytest.mark.parametrize("data", [{"order": "B-7"}, {"order": "B-7", "items": None}])
def test_a_list_that_is_not_there_is_made(data: dict[str, Any]) -> None:
    """What is found for a missing list becomes the list; where nothing is found, nothing changes."""
    fields = ground(SCHEMA, data, source_of(TEXT))
    (report,) = completeness(SCHEMA, data, source_of(TEXT), fields)
    assert report.status == "missing"
    merged, moved = merge_found(data, fields, "/items", answered(TEXT, report, ROWS))
    assert merged == {"order": "B-7", "items": ROWS}
    assert ground(SCHEMA, merged, source_of(TEXT)).keys() == moved.keys()
    assert merge_found(data, fields, "/items", []) == (data, fields)


def test_lists_inside_of_items_are_filled() -> None:
    """The list may be anywhere, and its items lists or plain values."""
    data = {"a": [{"b": ["one"]}, {"b": ["three"]}]}
    spot = Field(status="exact", spans=(Span(start=0, end=3),), score=1.0)
    behind = Field(status="exact", spans=(Span(start=9, end=12),), score=1.0)
    fields = {"/a/0/b/0": spot, "/a/1/b/0": behind}
    region = Region(start=0, end=20, text="", after=0, rows=1, pieces=())
    found = Field(status="exact", spans=(Span(start=5, end=8),), score=1.0)
    merged, moved = merge_found(data, fields, "/a/0/b", [(region, ["two"], {"/0": found})])
    assert merged == {"a": [{"b": ["one", "two"]}, {"b": ["three"]}]}
    assert moved == {"/a/0/b/0": spot, "/a/0/b/1": found, "/a/1/b/0": behind}
    assert data == {"a": [{"b": ["one"]}, {"b": ["three"]}]}


def test_places_in_the_lead_are_those_of_the_document() -> None:
    """A value that stands in the header only has its place there; pages are those of the document."""
    text = "front\f" + TEXT.replace("number;", "A-1000;", 1)
    start = text.index("A-1003")
    gap = Gap(start=start, end=text.index("\n", start), rows=1, after=2, at=(start,))
    lead = Span(start=text.index("A-1000"), end=text.index("A-1000") + 17, page=2)
    report = ListReport(pointer="/items", status="incomplete", returned=3, gaps=(gap,), lead=(lead,))
    (region,) = regions(report, source_of(text))
    fields = placed(LIST, [{"number": "A-1000", "name": "stool"}], region, source_of(text))
    assert (fields["/0/number"].status, fields["/0/number"].span) == ("exact", Span(start=6 + 11, end=6 + 17, page=2))
    span = fields["/0/name"].span
    assert span is not None
    assert (text[span.start : span.end], span.page) == ("stool", 2)


@settings(max_examples=40)
@given(st.integers(2, 50), st.integers(1, 20), st.randoms(use_true_random=False))
def test_rounds_of_asking_find_all(count: int, most: int, rnd: random.Random) -> None:
    """Whatever is dropped from an answer is asked for again, and in the end all rows are there once, in order."""
    rows = [row(index, rnd.choice(["lamp", "desk", "table 3000"])) for index in range(count)]
    text = document(rows)
    data: Any = {"items": [each for each in rows if rnd.random() < 0.5] or rows[:1]}
    fields, report = looked_at(text, data)
    for _ in range(count):
        if report.status == "complete":
            break
        answers = []
        for region, items, _ in answered(text, report, rows, most):
            kept = [each for each in items if rnd.random() < 0.5] or list(items[:1])
            answers.append((region, kept, placed(LIST, kept, region, source_of(text))))
        data, fields = merge_found(data, fields, "/items", answers)
        report = next(each for each in completeness(SCHEMA, data, source_of(text), fields) if each.pointer == "/items")
    assert data["items"] == rows
    assert fields.keys() == {f"/items/{index}/{name}" for index in range(count) for name in ("number", "name")}


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 9), max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=8),
    st.booleans(),
)
def test_nothing_that_is_there_is_lost(own: list[int], found: list[tuple[int, int]], somewhere: bool) -> None:
    """Whatever is found, the items of the list stay, in their order."""
    fields = {
        f"/{index}": Field(status="exact", spans=(Span(start=value, end=value + 1),)) for index, value in enumerate(own)
    }
    theirs = {
        f"/{index}": Field(status="fuzzy", spans=(Span(start=at, end=at + 1),) if somewhere else ())
        for index, (_, at) in enumerate(found)
    }
    region = Region(start=0, end=100, text="", after=-1, rows=0, pieces=())
    items, _ = inserted(own, fields, [(region, [value for value, _ in found], theirs)])
    ahead = iter(items)
    assert all(any(value == other for other in ahead) for value in own)
    assert len(items) <= len(own) + len(found)


# ------------------------------------------------------------------------------------- what is none of the rows

PRICED = {"type": "array", "items": {"properties": {"item": {"type": "string"}, "qty": {"type": "integer"}}}}
BOLTS = "Stock\nItem | Qty\nBolt | 2\nNut | 3\nCog | 4\nPin | 5\nRod | 6\n"


def taken(*found: Any, own: Sequence[Any] = (), most: int = 40) -> list[Any]:
    """What is put into a list that has the first row (or its `own`) of what somebody answers for the others."""
    data = {"items": [{"item": "Bolt", "qty": 2}, *own]}
    schema = {"properties": {"items": PRICED}}
    source = source_of(BOLTS)
    fields = ground(schema, data, source)
    (report,) = completeness(schema, data, source, fields)
    answers = [(each, found, placed(PRICED, found, each, source)) for each in regions(report, source, rows=most)]
    merged, _ = merge_found(data, fields, "/items", answers)
    return [*merged["items"][1 + len(own) :]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"item": "Bolt", "qty": 2},  # there already
        {"item": "Bolt", "qty": 3},
        {"item": "Saw", "qty": 3},  # one number is in a row
        {"item": None, "qty": 3},
        {"item": "Nut", "qty": 4},  # from two rows
        {"item": "Nut", "qty": 99},
        {"item": "Nit", "qty": 3},  # nearly
        {"item": "Stock", "qty": 3},  # what the table stands under, and a number
        {"item": "Item", "qty": 3},
        {"item": "Item", "qty": None},
        {"item": "", "qty": None},
        {},
    ],
)
def test_what_does_not_stand_together_in_a_row_is_left_out(wrong: dict[str, Any]) -> None:
    """One value in common with a row makes none of it."""
    assert taken(wrong) == []
    right = {"item": "Cog", "qty": 4}
    assert taken(wrong, right) == [right]


def test_values_in_another_form_are_taken() -> None:
    """Case and the like make no difference; and what is null may be."""
    assert taken({"item": "NUT", "qty": 3}, {"item": "Cog", "qty": None}) == [
        {"item": "NUT", "qty": 3},
        {"item": "Cog", "qty": None},
    ]


def test_a_row_gives_one_item() -> None:
    """What is given twice, or in two pieces, is there once."""
    nut = {"item": "Nut", "qty": 3}
    assert taken(nut, nut, {"item": "Nut", "qty": None}) == [nut]
    assert taken(nut, most=1) == [nut]


def test_a_row_of_another_list_is_not_taken() -> None:
    """What stands where an item of another list does is that one's."""
    data = {"items": [], "others": [{"item": "Nut", "qty": 3}]}
    schema = {"properties": {"items": PRICED, "others": PRICED}}
    source = source_of(BOLTS)
    fields = ground(schema, data, source)
    (whole,) = regions(ListReport(pointer="/items", status="missing", returned=0), source)
    found = [{"item": "Nut", "qty": 3}, {"item": "Cog", "qty": 4}]
    merged, _ = merge_found(data, fields, "/items", [(whole, found, placed(PRICED, found, whole, source))])
    assert merged["items"] == found[1:]


def test_what_a_row_stands_under_may_be_in_its_item() -> None:
    """A text from the heading is taken with those of the row."""
    items = [{"section": "Stock", "item": "Nut", "qty": 3}]
    source = source_of(BOLTS)
    start, end = BOLTS.index("Nut"), BOLTS.index("Cog") - 1
    gap = Gap(start=start, end=end, rows=1, after=0, at=(start,), parts=((start, end),))
    report = ListReport(
        pointer="", status="incomplete", returned=0, gaps=(gap,), lead=(Span(start=0, end=5), Span(start=6, end=16))
    )
    (region,) = regions(report, source)
    assert inserted([], {}, [(region, items, placed({"type": "array"}, items, region, source))])[0] == items


@pytest.mark.parametrize(("length", "sent"), [(100, True), (900, False), (1_001, False)])
def test_a_long_header_is_not_sent(length: int, sent: bool) -> None:
    """A header that is longer than the rows would be sent with every region."""
    text = "h" * length + "\nlamp;3\n"
    gap = Gap(start=length + 1, end=length + 7, rows=1, after=-1, at=(length + 1,))
    report = ListReport(pointer="", status="incomplete", returned=0, gaps=(gap,), lead=(Span(start=0, end=length),))
    (region,) = regions(report, source_of(text))
    assert region.text == (text.strip() if sent else "lamp;3")


def test_a_record_of_several_lines_is_asked_for_as_a_whole() -> None:
    """Regions part between the records, and an item may have values on all of its lines."""
    names = ["Ann", "Bob", "Cleo", "Dora", "Emil"]
    text = "".join(f"Age: {30 + at}\nName: {name}\nTown: {name}burg\n\n" for at, name in enumerate(names))
    rows = [{"name": name, "age": 30 + at, "town": f"{name}burg"} for at, name in enumerate(names)]
    schema = {"properties": {"items": {"type": "array", "items": {"properties": {"age": {"type": "integer"}}}}}}
    data = {"items": [rows[0], rows[4]]}
    source = source_of(text)
    fields = ground(schema, data, source)
    (report,) = completeness(schema, data, source, fields)
    asked = regions(report, source, rows=1)
    assert [region.text.count("Age") for region in asked] == [1, 1, 1]
    answers = [(each, rows, placed(schema["properties"]["items"], rows, each, source)) for each in asked]
    assert merge_found(data, fields, "/items", answers)[0] == {"items": rows}


@pytest.mark.parametrize(
    ("line", "price", "there"),
    [
        ('B-7,"lamp, white",3,19.90', 19.9, True),
        ("B-7,lamp,12,250.00", 250, True),
        ("B-7 lamp 3,50 19,90", 19.9, True),
        ("B-7 lamp 3,50 19,90", 90, False),
        ("B-7,lamp,12,250.00", 77, False),
    ],
)
def test_numbers_between_commas(line: str, price: float, there: bool) -> None:
    """Of a row that commas divide a number is not a part of the one beside it; of others a comma is a decimal one."""
    start = len("sku,name,quantity,price\n")
    text = f"sku,name,quantity,price\n{line}\n"
    gap = Gap(start=start, end=start + len(line), rows=1, after=-1, parts=((start, start + len(line)),))
    (region,) = regions(ListReport(pointer="", status="incomplete", returned=0, gaps=(gap,)), source_of(text))
    items = [{"name": "lamp", "price": price}]
    fields = placed({"type": "array"}, items, region, source_of(text))
    assert inserted([], {}, [(region, items, fields)])[0] == (items if there else [])
