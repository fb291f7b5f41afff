"""Whether a list has all that the document has."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.evidence.completeness import Gap, ListReport, completeness
from extractor.evidence.field import Field, Span
from extractor.evidence.grounding import ground
from extractor.evidence.source import source_of

ITEM = {"type": "object", "properties": {"name": {"type": "string"}, "quantity": {"type": "integer"}}}
SCHEMA = {"type": "object", "properties": {"items": {"type": "array", "items": ITEM}}}


def scalars(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Every scalar of plain data with its pointer."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield pointer, value
        return
    for step, each in inner:
        yield from scalars(each, f"{pointer}/{step}")


def grounded(text: str, data: Any, at: int = 0) -> dict[str, Field]:
    """The fields of data whose values stand in the text one after the other."""
    fields: dict[str, Field] = {}
    for pointer, value in scalars(data, ""):
        said = str(value)
        start = text.find(said, at) if said else -1
        if start < 0:
            fields[pointer] = Field(status="absent")
        else:
            fields[pointer] = Field(status="exact", spans=(Span(start=start, end=start + len(said)),), score=1.0)
            at = start + len(said)
    return fields


def report_of(text: str, items: Sequence[Any], **more: Any) -> ListReport:
    """The report of a list whose items stand in the text one after the other."""
    data = {"items": list(items)}
    (report,) = completeness(SCHEMA, data, source_of(text), grounded(text, data), **more)
    return report


def lines_at(text: str, gaps: Sequence[Gap]) -> list[str]:
    """The lines of the rows that are missing."""
    return [text[at:].split("\n", 1)[0].strip() for gap in gaps for at in gap.at]


PIPE = """Order 77

| Name | Qty | Price |
|------|-----|-------|
| Lamp | 2 | 19.90 |
| Chair, wide | 1 | 120.00 |
| Subtotal | | 139.90 |
| Desk | 4 | 80.00 |

Page 1 of 2
\fOrder 77
| Name | Qty | Price |
|------|-----|-------|
| Total Commander | 1 | 29.00 |
| Sofa | 2 | 300.00 |
| Total | | 548.90 |
Thank you.
"""
ALIGNED = """Order 77

Name            Qty     Price
-----------------------------
Lamp              2     19.90
Chair, wide       1    120.00
   with arms
Subtotal                139.90
Desk              4     80.00

                Page 1 of 2
\fOrder 77
Name            Qty     Price
Table 3000        1     29.00
Sofa              2  1,300.00
Total                   548.90
Thank you, and see you on 3 March 2024.
"""
CSV = """name,qty,price
Lamp,2,19.90
"Chair, wide",1,120.00
Desk,4,80.00
Table 3000,1,29.00
Sofa,2,300.00
Total,,548.90
"""
TABS = CSV.replace('"Chair, wide"', "Chair; wide").replace(",", "\t").replace("Chair; wide", "Chair, wide")
BULLETS = """What we need:

- Lamp: 2, by Monday
- Chair, wide: 1, the blue one
  that was in the shop
- Desk: 4
- Table 3000: 1 (old)
- Sofa: 2

Please answer soon.
"""
NUMBERED = """1. Lamp 2
2. Chair, wide 1
3. Desk 4
4. Table 3000 1
5. Sofa 2
"""
SPACED = """Bought by Ann
Lamp 2 19.90
Chair, wide 1 120.00
Desk 4 80.00
Subtotal 219.90
Table 3000 1 29.00
Sofa 2 300.00
TOTAL 548.90
"""
LABELLED = """Entries

Name: Lamp
Quantity: 2

Name: Chair, wide
Quantity: 1
Note: the blue one

Name: Desk
Quantity: 4

Name: Table 3000
Quantity: 1

Name: Sofa
Quantity: 2

Signed: Ann
"""
LAYOUTS = {
    "pipe": PIPE.replace("Total Commander", "Table 3000"),
    "aligned": ALIGNED,
    "csv": CSV,
    "tabs": TABS,
    "bullets": BULLETS,
    "numbered": NUMBERED,
    "spaced": SPACED,
    "labelled": LABELLED,
}
ROWS: list[dict[str, Any]] = [
    {"name": "Lamp", "quantity": 2},
    {"name": "Chair, wide", "quantity": 1},
    {"name": "Desk", "quantity": 4},
    {"name": "Table 3000", "quantity": 1},
    {"name": "Sofa", "quantity": 2},
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_list_with_all_rows_is_complete(layout: str) -> None:
    """Header rows, sums, page ends, separators and lines that go on are no missing rows."""
    report = report_of(LAYOUTS[layout], ROWS)
    assert (report.status, report.returned, report.expected, report.gaps) == ("complete", 5, 5, ())
    assert report.lacking == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("left", [[0, 1], [3, 4], [0, 4], [1, 2, 3], [0, 2, 4], [0, 1, 2, 4]])
def test_rows_that_no_item_comes_from_are_gaps(layout: str, left: list[int]) -> None:
    """Rows before, between and behind the found ones are seen, however the list is laid out."""
    text = LAYOUTS[layout]
    report = report_of(text, [ROWS[index] for index in left])
    said = " / ".join(lines_at(text, report.gaps))
    assert report.status == "incomplete"
    assert [row["name"] in said for row in ROWS] == [index not in left for index in range(5)]
    assert report.lacking == 5 - len(left)
    assert report.expected == 5


def test_a_gap_says_behind_which_item_it_is() -> None:
    """`after` is the index of the found item before it, -1 at the beginning; the lines are in the gap."""
    report = report_of(CSV, [ROWS[1], ROWS[3]])
    assert [(gap.after, gap.rows) for gap in report.gaps] == [(-1, 1), (0, 1), (1, 1)]
    assert [CSV[gap.start : gap.end] for gap in report.gaps] == ["Lamp,2,19.90", "Desk,4,80.00", "Sofa,2,300.00"]


def test_the_lines_of_a_block_belong_to_its_gap() -> None:
    """Where items take several lines, a gap has all of them."""
    report = report_of(LABELLED, [ROWS[0], ROWS[1], ROWS[4]])
    (gap,) = report.gaps
    assert LABELLED[gap.start : gap.end].strip() == "Name: Desk\nQuantity: 4\n\nName: Table 3000\nQuantity: 1"


@pytest.mark.parametrize(
    ("layout", "lead"),
    [
        ("pipe", ["Order 77", "| Name | Qty | Price |", "|------|-----|-------|"]),
        ("csv", ["name,qty,price"]),
        ("bullets", ["What we need:"]),
    ],
)
def test_the_lead_is_the_heading_and_the_header_row(layout: str, lead: list[str]) -> None:
    """Who asks for rows again sends along what they stand under."""
    text = LAYOUTS[layout]
    report = report_of(text, ROWS[2:])
    assert [text[span.start : span.end] for span in report.lead] == lead


def test_goods_that_begin_with_total_are_rows() -> None:
    """A word for a sum makes no sum of a row that has all its cells."""
    report = report_of(PIPE, [row for row in ROWS if row["name"] != "Table 3000"])
    assert lines_at(PIPE, report.gaps) == ["| Total Commander | 1 | 29.00 |"]


def test_equal_rows_count_each() -> None:
    """Of two equal rows one item covers one."""
    text = "name,qty,price\nLamp,2,19.90\nDesk,4,80.00\nLamp,2,19.90\n"
    assert lines_at(text, report_of(text, [ROWS[0], ROWS[2]]).gaps) == ["Lamp,2,19.90"]
    assert report_of(text, [ROWS[0], ROWS[2], ROWS[0]]).status == "complete"


def test_equal_items_found_on_one_row_cover_equal_rows() -> None:
    """Where the places do not tell equal rows apart, the items count."""
    text = "name,qty,price\nLamp,2,19.90\nDesk,4,80.00\nLamp,2,19.90\n"
    data = {"items": [ROWS[0], ROWS[2], ROWS[0]]}
    fields = grounded(text, data)
    fields |= {f"/items/2/{name}": fields[f"/items/0/{name}"] for name in ("name", "quantity")}
    (report,) = completeness(SCHEMA, data, source_of(text), fields)
    assert report.status == "complete"


def test_items_that_stand_nowhere_may_be_the_rows_between() -> None:
    """Whether an item that stands nowhere is made up, or a row said in other words, cannot be told."""
    other = {"name": "a large table", "quantity": 17}
    assert report_of(CSV, [*ROWS[:3], other, ROWS[4]]).status == "unknown"
    (gap,) = report_of(CSV, [ROWS[0], other, ROWS[3], ROWS[4]]).gaps
    assert (gap.rows, gap.after) == (1, 1)


def test_what_is_made_up_is_not_expected() -> None:
    """How many there should be is said by the document alone, however many the value has."""
    other = {"name": "a large piano", "quantity": 17}
    report = report_of(CSV, [*ROWS, other])
    assert (report.status, report.returned, report.expected, report.lacking) == ("complete", 6, 5, 0)
    report = report_of(CSV, [other, ROWS[0], ROWS[2], ROWS[4], other])
    assert (report.status, report.expected, report.lacking) == ("incomplete", 5, 2)


def test_what_is_made_of_other_lines_is_not_expected() -> None:
    """An item that was made of a sentence below the table, or of its header, is none of the rows."""
    text = PIPE.replace("Thank you.", "\nPayable within 30 days.")
    rows = [ROWS[0], ROWS[1], ROWS[2], {"name": "Total Commander", "quantity": 1}, ROWS[4]]
    report = report_of(text, [*rows, {"name": "Payable within", "quantity": 30}])
    assert (report.status, report.returned, report.expected, report.lacking) == ("complete", 6, 5, 0)
    report = report_of(text, [{"name": "Name", "quantity": "Qty"}, *rows[1:]])
    assert (report.expected, report.lacking) == (5, 1)


def test_a_value_that_strays_covers_no_row() -> None:
    """An item covers the row on which most of it stands, no other on which one of its values does."""
    data = {"items": [ROWS[0], ROWS[2], ROWS[3]]}
    fields = grounded(CSV, data)
    at = CSV.index("2,300.00")
    fields["/items/0/quantity"] = Field(status="exact", spans=(Span(start=at, end=at + 1),), score=1.0)
    (report,) = completeness(SCHEMA, data, source_of(CSV), fields)
    assert lines_at(CSV, report.gaps) == ['"Chair, wide",1,120.00', "Sofa,2,300.00"]


def test_what_is_found_at_another_entry_moves_no_item() -> None:
    """Where a name stands in several entries, an item is where the rest of it is."""
    names = ["Bell", "Cole", "Bell", "Diaz", "Egan", "Frost"]
    cities = ["Oslo", "Rome", "Rome", "Graz", "Lyon", "Porto"]
    rows = [
        {"name": n, "city": c, "number": f"HRB {i}00{i}"} for i, (n, c) in enumerate(zip(names, cities, strict=True))
    ]
    text = "\n".join(f"{row['name']}, {row['city']}\n   Registered under {row['number']}.\n" for row in rows)
    fields = ground(SCHEMA, {"items": rows}, source_of(text))
    for name, other in (("name", "/items/0/name"), ("city", "/items/1/city")):
        fields[f"/items/2/{name}"] = fields[other]
    (report,) = completeness(SCHEMA, {"items": rows}, source_of(text), fields)
    assert report.status == "complete"
    (gap,) = report_of(text, rows[1:]).gaps
    assert text[gap.start : gap.end] == "Bell, Oslo\n   Registered under HRB 0000."


def test_a_short_value_elsewhere_hides_no_row() -> None:
    """A line with a value that belongs to no list is a row all the same, unless the value is most of it."""
    text = "Lamp 1.20\nDesk 2.30\nSofa 7.40\nTotal 10.90\n"
    data = {"number": "7", "items": [ROWS[0]]}
    fields = grounded(text, {"items": [{"name": "Lamp"}]})
    at = text.index("7.40")
    fields["/number"] = Field(status="normalised", spans=(Span(start=at, end=at + 1),), score=0.5)
    (report,) = completeness(SCHEMA, data, source_of(text), fields)
    assert lines_at(text, report.gaps) == ["Desk 2.30", "Sofa 7.40"]


@pytest.mark.parametrize("line", ["VAT 19 %  4.00", "Net       9.00", "Shipping  4.00 4.00", "Total due 3 4.00"])
def test_taxes_and_the_like_come_after_the_rows(line: str) -> None:
    """A line behind the rows that begins with a word for taxes, payment or a sum is none of them."""
    assert report_of(f"Lamp 2  19.90\nDesk 4  80.00\n{line}\n", [ROWS[0], ROWS[2]]).status == "complete"


# ------------------------------------------------------------------------------------------------ several lists

STATEMENT = """Bank Ltd

Credits
2024-01-03  Salary          2,000.00
2024-01-09  Refund             12.50
2024-01-20  Interest            0.70

Debits
2024-01-04  Rent              800.00
2024-01-11  Groceries          61.20
2024-01-30  Fees                3.00

Closing balance             1,149.00
"""


def test_rows_of_one_list_are_not_missing_in_another() -> None:
    """Lines that hold the items of a list of the same shape are that list's."""
    data = {
        "credits": [{"text": "Salary"}, {"text": "Refund"}, {"text": "Interest"}],
        "debits": [{"text": "Rent"}, {"text": "Groceries"}, {"text": "Fees"}],
    }
    reports = completeness({}, data, source_of(STATEMENT), grounded(STATEMENT, data))
    assert [report.status for report in reports] == ["complete", "complete"]


def test_lists_that_share_rows_are_judged_each() -> None:
    """Two lists from the columns of one table: one may lack what the other has."""
    data = {"names": ["Lamp", "Chair, wide", "Desk", "Table 3000", "Sofa"], "prices": ["19.90", "120.00", "300.00"]}
    fields = grounded(CSV, {"names": data["names"]}) | grounded(CSV, {"prices": data["prices"]})
    names, prices = completeness({}, data, source_of(CSV), fields)
    assert (names.status, prices.status) == ("complete", "incomplete")
    assert lines_at(CSV, prices.gaps) == ["Desk,4,80.00", "Table 3000,1,29.00"]


NESTED = """Invoice: INV-1
Lamp 2 19.90
Desk 4 80.00
Invoice: INV-2
Sofa 2 300.00
Chair 1 120.00
Invoice: INV-3
Shelf 3 44.00
Stool 5 21.00
"""


def invoice(number: str, *names: str) -> dict[str, Any]:
    """One invoice."""
    return {"number": number, "lines": [{"name": name} for name in names]}


def test_lists_inside_of_lists_have_reports_of_their_own() -> None:
    """A row that is missing inside of an item is reported there, an item that is missing in the list around it."""
    data = {"invoices": [invoice("INV-1", "Lamp"), invoice("INV-3", "Shelf", "Stool")]}
    reports = completeness({}, data, source_of(NESTED), grounded(NESTED, data))
    found = {report.pointer: lines_at(NESTED, report.gaps) for report in reports}
    assert found == {
        "/invoices": ["Invoice: INV-2"],
        "/invoices/0/lines": ["Desk 4 80.00"],
        "/invoices/1/lines": [],
    }


GOODS = "Claw hammer | 3\nHand saw | 4\nSpirit level | 2\nTape measure | 1\n"


def goods(text: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [
        {"name": name, "quantity": int(number)}
        for name, sign, number in (line.partition(" | ") for line in text.splitlines())
        if sign and number.isdecimal()
    ]


@pytest.mark.parametrize("heading", ["Backordered\nItem | Qty\n", "Backordered\n", "\n## Backordered\nItem | Qty\n"])
@pytest.mark.parametrize("found", [0, 1, 2])
def test_rows_under_another_heading_are_another_lists(heading: str, found: int) -> None:
    """They belong to the list that has items there, or to nobody."""
    text = f"Ordered\nItem | Qty\n{GOODS}{heading}Drill | 1\nGlue | 9\n"
    rows = goods(text)
    data = {"ordered": rows[:4], "backordered": rows[4 : 4 + found]}
    ordered, backordered = completeness({}, data, source_of(text), grounded(text, data))
    assert (ordered.status, ordered.gaps) == ("complete", ())
    assert lines_at(text, backordered.gaps) == ["Glue | 9"] * (found == 1)
    assert backordered.status == ("unknown", "incomplete", "complete")[found]


def test_a_table_under_a_strange_heading_may_be_another() -> None:
    """Under an equal header with another heading above it, on the same page, rows are nobody's."""
    text = f"Ordered\nItem | Qty\n{GOODS}Left over\nItem | Qty\nDrill | 1\n"
    report = report_of(text, goods(GOODS))
    assert (report.status, report.gaps) == ("unknown", ())


def test_no_row_is_missing_in_two_lists() -> None:
    """Rows between those of two lists of the same shape are nobody's."""
    text = "Lamp 2 19.90\nDesk 4 80.00\nSofa 2 300.00\nStool 5 21.00\nShelf 3 44.00\n"
    data = {"one": [{"name": "Lamp"}, {"name": "Stool"}], "other": [{"name": "Desk"}, {"name": "Shelf"}]}
    reports = completeness(
        {},
        data,
        source_of(text),
        grounded(text, {"a": ["Lamp"]})
        | {
            pointer: Field(status="exact", spans=(Span(start=text.index(name), end=text.index(name) + len(name)),))
            for pointer, name in {
                "/one/0/name": "Lamp",
                "/one/1/name": "Stool",
                "/other/0/name": "Desk",
                "/other/1/name": "Shelf",
            }.items()
        },
    )
    assert [(report.status, report.gaps) for report in reports] == [("unknown", ())] * 2


def test_rows_that_are_numbered_anew_may_be_others() -> None:
    """Where the numbers begin again, it cannot be told whether it is the same list."""
    text = "1. 3 x Lamp\n2. 4 x Desk\n3. 2 x Sofa\n\n1. Payment within 30 days\n2. No returns after 14 days\n"
    report = report_of(text, [ROWS[0], ROWS[2], ROWS[4]])
    assert (report.status, report.gaps) == ("unknown", ())
    assert report_of(text, [ROWS[0], ROWS[4]]).lacking == 1


@pytest.mark.parametrize("form", ["{} | {}\n", "- {}: {}\n", "{:18}{}\n"])
@pytest.mark.parametrize("head", ["Order {}\n", "\nOrder {}\n", "Order no: {}\n", "\nOrder: {}\nItem | Qty\n"])
def test_a_record_that_is_missing_ends_the_list_of_the_one_before(form: str, head: str) -> None:
    """The gap of the outer list has the whole record, and its rows are not missing in the inner list before it."""
    rows = "".join(form.format(*row) for row in [("Drill", 1), ("Glue", 9), ("Nail", 5)])
    own = [("Claw hammer", 3), ("Hand saw", 4), ("Spirit level", 2), ("Tape measure", 1)]
    text = head.format("A1") + "".join(form.format(*row) for row in own) + head.format("B2") + rows
    items = [{"name": name, "quantity": number} for name, number in own]
    data = {"orders": [{"no": "A1", "lines": items}]}
    outer, inner = completeness({}, data, source_of(text), grounded(text, data))
    (gap,) = outer.gaps
    assert (outer.status, outer.lacking) == ("incomplete", 1)
    assert text[gap.start : gap.end].strip() == (head.format("B2") + rows).strip()
    assert inner.gaps == ()
    data = {"orders": [{"no": "A1", "lines": [items[0], *items[2:]]}]}
    _, inner = completeness({}, data, source_of(text), grounded(text, data))
    assert [line.split()[0].strip("-") or "-" for line in lines_at(text, inner.gaps)] == [
        form.format("Hand", 1).split()[0]
    ]


# ------------------------------------------------------------------------------------------- labels, and nothing yet


@pytest.mark.parametrize("sign", [": ", " ", " | ", ", ", " x "])
@pytest.mark.parametrize("bullet", ["- ", "* ", ""])
@pytest.mark.parametrize("found", [1, 2, 3])
def test_what_stands_before_a_colon_may_be_a_value(sign: str, bullet: str, found: int) -> None:
    """Rows like "- Lamp: 2" are alike, though no two begin with the same word."""
    text = "".join(f"{bullet}{row['name']}{sign}{row['quantity']}\n" for row in ROWS if "," not in row["name"])
    report = report_of(text, [row for row in ROWS if "," not in row["name"]][:found])
    assert (report.status, report.lacking) == ("incomplete", 4 - found)


TABLES = {
    "pipe": "| Item | Qty |\n|---|---|\n| Bolt | 2 |\n| Nut | 3 |\n",
    "csv": "Item,Qty\nBolt,2\nNut,3\n",
    "aligned": "Item      Qty\nBolt      2\nNut       3\n",
    "tabs": "Item\tQty\nBolt\t2\nNut\t3\n",
    "bullets": "- Bolt: 2\n- Nut: 3\n- Cog: 4\n",
}
ONE_LIST: dict[str, Any] = {
    "properties": {"items": {"type": "array", "items": ITEM}, "tags": {"type": "array"}},
    "type": "object",
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("around", ["", "Order 7 from Acme\n\n{}\nThank you for it.\n"])
def test_an_empty_list_beside_a_whole_table_is_incomplete(table: str, around: str) -> None:
    """Where the document has one table, of which nothing is anywhere, its rows are missing in the only list of them."""
    text = (around or "{}").format(TABLES[table])
    report, _ = completeness(ONE_LIST, {"items": [], "tags": []}, source_of(text), {})
    rows = [line for line in TABLES[table].splitlines() if any(map(str.isdigit, line))]
    assert report.status == "incomplete"
    assert lines_at(text, report.gaps) == rows
    assert report.lacking == len(rows)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Dear Ann,\nthank you for your letter of 3 March.\nYours, Bob\n",
        TABLES["pipe"] + "\n" + TABLES["csv"],  # which of them?
        "Acme GmbH            Invoice 77\nMain St 12           Date: 2024-05-14\n20457 Hamburg        Customer 12\n",
        "Net        9.00\nTax        1.00\nTotal     10.00\n",
        "- be on time\n- bring a pen\n- no phones\n",
        "Ann, Bob, and Carl met in May.\nThey had coffee, tea, and cake.\nLater, at home, they slept.\n",
    ],
)
def test_an_empty_list_is_unknown_without_a_table(text: str) -> None:
    """Letterheads, sums, prose and rules are no tables, and of two it cannot be told which it is."""
    report, _ = completeness(ONE_LIST, {"items": [], "tags": []}, source_of(text), {})
    assert (report.status, report.gaps) == ("unknown", ())


def test_an_empty_list_is_unknown_where_there_are_others() -> None:
    """A table may be another list's; and one in which values of the record stand is none of rows."""
    other = {**ONE_LIST, "properties": {**ONE_LIST["properties"], "more": {"type": "array", "items": ITEM}}}
    text = TABLES["pipe"]
    reports = completeness(other, {"items": [], "tags": [], "more": []}, source_of(text), {})
    assert {report.status for report in reports} == {"unknown"}
    at = text.index("Bolt")
    fields = {"/vendor": Field(status="exact", spans=(Span(start=at, end=at + 4),))}
    (report, _) = completeness(ONE_LIST, {"vendor": "Bolt", "items": [], "tags": []}, source_of(text), fields)
    assert report.status == "unknown"


# ---------------------------------------------------------------------------------------------- several on a line


def test_items_that_share_a_line_are_its_pieces() -> None:
    """What stands between and behind the found pieces is missing."""
    text = "Colours: red, green, dark blue and yellow\nSize: 4\n"
    assert report_of(text, ["red", "green", "dark blue", "yellow"]).status == "complete"
    report = report_of(text, ["red", "green"])
    assert [text[at:].split(maxsplit=1)[0] for gap in report.gaps for at in gap.at] == ["dark", "yellow"]
    assert [text[span.start : span.end] for span in report.lead] == ["Colours: "]
    assert [gap.rows for gap in report_of(text, ["red", "dark blue", "yellow"]).gaps] == [1]


NAMES = ["Ann", "Bob", "Cleo", "Dora", "Emil", "Fay", "Gus", "Ida", "Joe", "Kim", "Lea", "Max"]


@pytest.mark.parametrize("sign", ["  ", "\t", " | ", ", ", " • "])
@pytest.mark.parametrize("columns", [2, 3, 4])
def test_a_grid_is_not_complete_without_its_names(sign: str, columns: int) -> None:
    """Of names in rows and columns, those on lines with others are missing; else it cannot be told."""
    lines = [sign.join(NAMES[at : at + columns]) for at in range(0, len(NAMES), columns)]
    text = "Class of 2004, 12 May\n\n" + "\n".join(lines) + "\n\nPhoto: Studio 5\n"
    assert report_of(text, NAMES).status == "complete"
    assert report_of(text, NAMES[:-columns]).status == "unknown"
    for first in range(columns):
        assert report_of(text, NAMES[first::columns]).status == "unknown"
    assert report_of(text, [*NAMES[:5], *NAMES[6:]]).lacking == 1


def test_sentences_are_no_rows() -> None:
    """Of names in prose it cannot be told whether there are more."""
    text = "Ann, who came late, met Bob, and they\nspoke with Carl about the weather in May.\nDora laughed at them.\n"
    assert report_of(text, ["Ann", "Bob", "Carl"]).status == "unknown"


def test_what_comes_after_the_sum_of_a_receipt_is_no_row() -> None:
    """Payment and change look like goods with a price."""
    text = "Milk 1.20\nBread 2.10\nTotal 3.30\nCash 5.00\nChange 1.70\n"
    assert report_of(text, ["Milk", "Bread"]).status == "complete"
    assert report_of(text, ["Bread"]).lacking == 1


def test_the_table_after_another_header_is_another() -> None:
    """A table of the same shape under its own header has rows of another list."""
    text = CSV + "\nday,hours,rate\nMonday,2,10.00\nTuesday,3,10.00\n"
    assert report_of(text, ROWS).status == "complete"


# ---------------------------------------------------------------------------------------------- what is said

SAID = [
    ("Order with 5 items\n", 5),
    ("Total lines: 5\n", 5),
    ("ITEM COUNT 5\n", 5),
    ("Number of items: 5\n", 5),
    ("Items: 5\n", 5),
    ("Page 1 of 1: 5 entries\n", 5),
    ("Showing 1 to 3 of 5 entries\n", 5),
    ("Anzahl Positionen: 5\n", 5),
    ("Nombre d'articles: 5\n", 5),
    ("1,200 records\n", 1200),
]


@pytest.mark.parametrize(("line", "number"), SAID)
def test_a_number_that_the_document_says_is_expected(line: str, number: int) -> None:
    """Where the words leave no other meaning, the list should have as many items."""
    text = f"{line}\nname,qty,price\nLamp,2,19.90\nDesk,4,80.00\nSofa,3,300.00\n"
    report = report_of(text, [ROWS[0], ROWS[2], {"name": "Sofa", "quantity": 3}])
    assert (report.status, report.expected) == ("incomplete", number)
    assert report.said is not None
    assert str(number)[0] in text[report.said.start : report.said.end]
    assert report.lacking == number - 3


@pytest.mark.parametrize(
    "line",
    [
        "At least 5 items per order",
        "Item 5",
        "Items 5 of 9 were inspected by our quality team before they left the house in May",
        "Position 12: none",
        "Total items: 45.00 EUR",
        "25 items per page",
        "ITEM COUNT 9",  # what the quantities come to
        "2 items",  # fewer than there are
        "max. 50 entries",
        "Line 44",
        "Items: 12% off",
        "5 widgets",
    ],
)
def test_other_numbers_are_not_expected(line: str) -> None:
    """A number that may mean something else says nothing."""
    text = f"{line}\n\nname,qty,price\nLamp,2,19.90\nDesk,4,80.00\nSofa,3,300.00\n"
    report = report_of(text, [ROWS[0], ROWS[2], {"name": "Sofa", "quantity": 3}])
    assert (report.status, report.expected, report.said) == ("complete", 3, None)


def test_the_pages_counts_are_summed() -> None:
    """A count of each page is one of all where every page says it."""
    text = "Page 1 of 2: 2 entries\nLamp,2,19.90\nDesk,4,80.00\nPage 2 of 2: 1 entries\nSofa,2,300.00\n"
    report = report_of(text, [ROWS[0], ROWS[2], ROWS[4]])
    assert (report.status, report.expected) == ("complete", 3)
    assert report.said is not None


def test_the_lists_own_name_is_said() -> None:
    """A count under the property's name is of that list, though there are others."""
    text = "3 transactions\n2024-01-03 Salary 2,000.00\n2024-01-09 Refund 12.50\n\nOwners: Ann Bell; Bob Cole\n"
    data = {"transactions": [{"text": "Salary"}, {"text": "Refund"}], "owners": ["Ann Bell", "Bob Cole"]}
    fields = grounded(text, data)
    transactions, owners = completeness({}, data, source_of(text), fields)
    assert (transactions.status, transactions.expected) == ("incomplete", 3)
    assert owners.status == "complete"


def test_numbered_rows_say_how_many_there_are() -> None:
    """The number of the last row counts rows that do not look like the others."""
    text = "".join(f"{number}. thing {number * 7} x\n" for number in range(1, 9)).replace(
        "4. thing 28 x", "(see above)"
    )
    items = [f"thing {number * 7}" for number in (1, 2, 3, 5, 6, 7, 8)]
    report = report_of(text, items)
    assert (report.status, report.expected, report.lacking) == ("incomplete", 8, 1)
    assert report.said is not None


def test_what_is_said_settles_doubtful_rows() -> None:
    """Where there are as many items as the document says, each with a place, no line is a missing row."""
    text = "3 items\nname,qty,price\nLamp,2,19.90\nDesk,4,80.00\nSofa,2,300.00\nLend,2,300.00\n"
    report = report_of(text, [ROWS[0], ROWS[2], ROWS[4]])
    assert (report.status, report.gaps) == ("complete", ())


# ----------------------------------------------------------------------------------------------- nothing to go on


def test_lists_that_the_value_has_not_are_missing() -> None:
    """A list that must be there and is not is missing, inside of items too; of one that may be absent nobody knows."""
    or_null = {"anyOf": [{"$ref": "#/$defs/Tags"}, {"type": "null"}]}
    schema = {
        "$defs": {
            "Line": {
                "type": "object",
                "properties": {"tags": {"$ref": "#/$defs/Tags"}, "marks": or_null},
                "required": ["tags", "marks"],
            },
            "Tags": {"type": "array", "items": {"type": "string"}},
        },
        "type": "object",
        "required": ["notes"],
        "properties": {
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            "notes": {"$ref": "#/$defs/Tags"},
            "extras": {"$ref": "#/$defs/Tags"},
            "either": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Tags"}]},
        },
    }
    data = {"lines": [{"tags": None, "marks": None}], "notes": None}
    reports = completeness(schema, data, source_of("text"), {})
    assert {report.pointer: report.status for report in reports} == {
        "/lines": "unknown",
        "/notes": "missing",
        "/extras": "unknown",
        "/lines/0/tags": "missing",
        "/lines/0/marks": "unknown",
    }


@pytest.mark.parametrize(
    ("line", "status"),
    [("3 notes", "missing"), ("3 lines", "unknown"), ("0 notes", "complete"), ("a note", "unknown")],
)
def test_a_list_that_may_be_null_is_missing_where_the_document_counts_it(line: str, status: str) -> None:
    """A number of its own is a reason, one of rows in general may be another list's."""
    notes = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
    lines = {"type": "array", "items": {"type": "string"}}
    schema = {"type": "object", "properties": {"notes": notes, "lines": lines}, "required": ["notes", "lines"]}
    data = {"notes": None, "lines": ["lamp 2", "desk 4", "sofa 7"]}
    text = f"{line}\n\nlamp 2\ndesk 4\nsofa 7\n"
    found, _ = completeness(schema, data, source_of(text), grounded(text, data))
    assert (found.pointer, found.status) == ("/notes", status)


def test_what_was_made_of_another_shape_is_said() -> None:
    """A list that was made of one object is no list of the model's."""
    assert report_of(CSV, [ROWS[0]], mended={"/items": "one object"}).status == "wrong_shape"


@pytest.mark.parametrize("text", ["", "Nothing of it.", CSV])
def test_without_places_nothing_is_known(text: str) -> None:
    """Items that stand nowhere say nothing about the document."""
    report = report_of(text, [{"name": "Piano", "quantity": 77}])
    assert (report.status, report.expected, report.gaps) == ("unknown", None, ())


def test_a_list_at_the_root_is_a_list() -> None:
    """The value itself may be the list."""
    data = [ROWS[0], ROWS[4]]
    (report,) = completeness({"type": "array"}, data, source_of(CSV), grounded(CSV, data))
    assert (report.pointer, report.lacking) == ("", 3)


def test_the_page_of_what_is_said_is_there() -> None:
    """Spans of a report have the page where the document has pages."""
    text = "front\f5 items\nname,qty,price\nLamp,2,19.90\nDesk,4,80.00\n"
    report = report_of(text, [ROWS[0], ROWS[2]])
    assert report.said is not None
    assert report.said.page == 2


# ------------------------------------------------------------------------------------------------------- laws

WORDS = ["lamp", "chair", "desk", "table 3000", "sofa", "total control", "blue shelf", "item 7"]


@settings(max_examples=60)
@given(st.integers(1, 60), st.randoms(use_true_random=False), st.sampled_from(["|", ",", "\t", "   "]), st.data())
def test_whatever_is_dropped_is_reported(count: int, rnd: random.Random, sign: str, data: st.DataObject) -> None:
    """Of a table with numbers, found and missing rows together are all rows, each once."""
    rows = [
        {
            "number": f"A-{1000 + index}",
            "name": rnd.choice(WORDS),
            "price": f"{rnd.randint(1, 999)}.{rnd.randint(10, 99)}",
        }
        for index in range(count)
    ]
    lines = [sign.join(row.values()) for row in rows]
    text = "Order\n\n" + sign.join(["Number", "Name", "Price"]) + "\n" + "\n".join(lines) + "\n\nThank you.\n"
    kept = [row for row in rows if data.draw(st.booleans())] or rows[:1]
    report = report_of(text, kept)
    missing = [line for row, line in zip(rows, lines, strict=True) if row not in kept]
    assert lines_at(text, report.gaps) == missing
    assert report.status == ("incomplete" if missing else "complete")


@settings(max_examples=100)
@given(st.text(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8))
def test_any_text_and_places_give_a_report(text: str, places: list[tuple[int, int]]) -> None:
    """Whatever the document is and wherever the values are said to stand, gaps lie in it, in order."""
    data = {"items": [f"x{index}" for index in range(len(places))]}
    fields = {
        f"/items/{index}": Field(status="fuzzy", spans=(Span(start=start, end=end),))
        for index, (start, end) in enumerate(places)
    }
    (report,) = completeness(SCHEMA, data, source_of(text), fields)
    at = [place for gap in report.gaps for place in gap.at]
    assert at == sorted(at)
    for gap in report.gaps:
        assert 0 <= gap.start <= gap.at[0] <= gap.end <= len(text)
        assert 0 < gap.rows <= len(gap.at)


def test_items_that_stand_far_from_their_other_values() -> None:
    """An item of which only the second part was found, far from its first, has a place all the same."""
    top = [f"Item: Q{index}Z" for index in range(10)]
    middle = [f"prose line {index} of no meaning." for index in range(90)]
    bottom = [f"Wonderful machine number{index}x 12{index}.50 EUR" for index in range(9)]
    text = "\n".join([*top, *middle, *bottom, "Something   else entirely here"])
    items = [{"name": f"Q{index}Z", "what": f"Wonderful machine number{index}x"} for index in range(9)]
    data = {"items": [*items, {"name": None, "what": "Something   else entirely"}]}
    source = source_of(text)
    (report,) = completeness(SCHEMA, data, source, ground(SCHEMA, data, source))
    assert (report.returned, report.gaps) == (10, ())
