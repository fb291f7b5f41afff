"""What the chunks gave, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.documents.merging import Conflict, Part, merge
from extractor.documents.part import PartValue, leaves_of
from extractor.evidence.field import Field, Span, Status
from extractor.evidence.source import source_of

TEXT = {"type": "string"}
ROW = {
    "type": "object",
    "properties": {"name": TEXT, "amount": {"type": "number"}, "day": TEXT},
    "required": ["name", "amount"],
}
ROWS = {"type": "object", "properties": {"rows": {"type": "array", "items": ROW}}}


def at(*places: tuple[int, int], status: Status = "exact", confidence: float | None = None) -> Field:
    """A field that stands at some places."""
    return Field(status=status, spans=tuple(Span(start=a, end=b) for a, b in places), confidence=confidence)


ABSENT, INFERRED = Field(status="absent"), Field(status="inferred")


def part(number: int, data: Any, fields: Mapping[str, Field] | None = None, start: int = 0, end: int = 0) -> Part:
    """One part."""
    return Part(number=number, data=data, fields=fields or {}, start=start, end=end)


def scalars(*values: tuple[Any, Field], schema: Mapping[str, Any] = TEXT) -> Any:
    """What is made of several values of one field."""
    parts = [part(number, {"a": value}, {"/a": field}) for number, (value, field) in enumerate(values)]
    return merge({"type": "object", "properties": {"a": schema}}, parts)


@pytest.mark.parametrize(
    ("values", "schema", "expected"),
    [
        ([(None, ABSENT), ("x", ABSENT)], TEXT, "x"),
        ([("x", ABSENT), ("y", at((5, 6)))], TEXT, "y"),
        ([("x", at((1, 2), status="fuzzy")), ("y", at((5, 6), status="normalised"))], TEXT, "y"),
        ([("x", at((1, 2), confidence=0.5)), ("y", at((5, 6), confidence=0.9))], TEXT, "y"),
        ([("x", at((1, 2))), ("y", at((5, 6)))], TEXT, "x"),
        ([(True, INFERRED), (False, INFERRED), (False, INFERRED)], {"type": "boolean"}, False),
        ([("p", INFERRED), (None, INFERRED), ("q", INFERRED), ("q", INFERRED)], {"enum": ["p", "q", None]}, "q"),
        ([("p", INFERRED), ("q", INFERRED)], {"$ref": "#/$defs/none", "enum": ["p", "q"]}, "p"),
        ([("x", ABSENT), ("y", at((5, 6)))], {**TEXT, "x-merge": "first"}, "x"),
        ([("x", at((1, 2))), ("y", ABSENT), (None, ABSENT)], {**TEXT, "x-merge": "last"}, "y"),
        ([("x", ABSENT), ("Y", ABSENT), (" y ", ABSENT)], {"anyOf": [{**TEXT, "x-merge": "most"}]}, "Y"),
        ([("x", ABSENT), ("Y", ABSENT), (" y ", ABSENT)], {**TEXT, "x-merge": "join"}, "x\nY"),
        ([(2, ABSENT), (3, at((1, 2)))], {"type": "integer", "x-merge": "join"}, 3),
        ([(0, ABSENT), (3, ABSENT)], {"type": "integer"}, 3),
        ([(0, at((1, 2), confidence=0.9)), (3, at((5, 6), confidence=0.1))], {"type": "integer"}, 3),
        ([(0, at((1, 2))), (3, ABSENT)], {"type": "integer"}, 0),
        ([(0.0, at((1, 5))), (3.0, ABSENT), (0.0, ABSENT)], {"type": "number"}, 0.0),
        ([(0, ABSENT), (0, ABSENT)], {"type": "integer"}, 0),
        ([("Not specified", at((1, 14))), ("x", at((20, 21), status="fuzzy"))], TEXT, "x"),
        ([("x", at((1, 2))), ("N/A", ABSENT), ("", ABSENT)], {**TEXT, "x-merge": "last"}, "x"),
        ([("", ABSENT), ("x", ABSENT), ("unknown", ABSENT)], {**TEXT, "x-merge": "join"}, "x"),
        ([("other", INFERRED), *[("unknown", INFERRED)] * 3], {"enum": ["other", "unknown"]}, "other"),
        ([(7, at((1, 2))), (900.0, at((9, 15), status="normalised"))], {"type": "number"}, 900.0),
        ([(7, at((1, 2), confidence=0.41)), (900, at((9, 12), confidence=0.4))], {"type": "number"}, 900),
        ([(7, at((1, 2))), (900, at((9, 12))), (7, at((30, 31))), (7, ABSENT)], {"type": "number"}, 7),
        ([(7, at((1, 2))), (900, at((9, 12))), (7, ABSENT), (7, ABSENT)], {"type": "number"}, 900),
        ([(1, at((1, 2))), (2, at((5, 6)))], {"type": "integer", "x-merge": ["last"]}, 1),
        ([([1], ABSENT), ([2, 3], ABSENT)], {"type": "array", "x-merge": "last"}, [2, 3]),
        ([([1], ABSENT), ([2, 3], ABSENT)], {"type": "array", "x-merge": "best"}, [2, 3]),
        ([([1, 2], ABSENT), ([None, 3, 4], ABSENT)], {"prefixItems": [{}, {}, {}]}, [1, 2, 4]),
        ([({"k": 1}, ABSENT), ({"l": 2, "k": None}, ABSENT)], {"type": "object"}, {"k": 1, "l": 2}),
    ],
)
def test_rules(values: list[tuple[Any, Field]], schema: Mapping[str, Any], expected: Any) -> None:
    """Each kind of value has its rule, and the schema may name another."""
    assert scalars(*values, schema=schema).data == {"a": expected}


def test_conflicts_are_told() -> None:
    """Different values that stand in the document are reported with their places; the field is the winner's."""
    made = scalars(("x", at((1, 2))), ("X ", at((3, 4))), ("y", at((5, 6))), ("z", ABSENT))
    assert made.data == {"a": "x"}
    assert made.fields == {"/a": at((1, 2))}
    one, two = ("x", (Span(start=1, end=2),), 0), ("y", (Span(start=5, end=6),), 2)
    assert made.conflicts == (Conflict(pointer="/a", values=(one, two)),)


def test_what_says_nothing_is_no_conflict() -> None:
    """A 0 that stands somewhere in a chunk is not told beside a value."""
    assert scalars((0, at((1, 2))), (900.0, at((9, 15)))).conflicts == ()


def test_the_name_beside_a_place() -> None:
    """With the document, a value that has the field's name before it goes before what stands there by chance."""
    text = "7 boxes of goods\n\nand 1250 more\n\nTotal 900.00\nBalance 0\n"
    schema = {"type": "object", "properties": {key: {"type": "number"} for key in ("total", "balance")}}
    said = [("7", 7), ("7", 7), ("1250", 1250), ("900.00", 900.0)]
    parts = [
        part(number, {"total": value}, {"/total": at((text.index(found), text.index(found) + len(found)))})
        for number, (found, value) in enumerate(said)
    ]
    zero = text.rindex("0")
    parts.append(part(8, {"balance": 0}, {"/balance": at((zero, zero + 1))}))
    parts.append(part(9, {"balance": 3}, {"/balance": ABSENT}))
    assert merge(schema, parts, source=source_of(text)).data == {"total": 900.0, "balance": 0}
    assert merge(schema, parts).data["total"] == 7


def test_the_branch_of_the_best_part() -> None:
    """Of a union the branch of the part that found most is taken, and what others say of another branch is told."""
    cat = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}}
    dog = {"type": "object", "properties": {"kind": {"const": "dog"}, "owner": TEXT, "name": TEXT}}
    parts = [
        part(0, {"kind": "cat", "lives": 9}, {"/lives": ABSENT}),
        part(1, {"kind": "dog", "owner": "Ann", "name": None}, {"/owner": at((4, 7))}),
        part(2, {"kind": "dog", "owner": None, "name": "Rex"}, {"/name": at((9, 12))}),
    ]
    made = merge({"anyOf": [cat, dog]}, parts)
    assert made.data == {"kind": "dog", "owner": "Ann", "name": "Rex"}
    assert [value["kind"] for value, _, _ in made.conflicts[0].values] == ["dog", "cat"]


def test_no_part_is_null() -> None:
    """Where no chunk could be read there is nothing; a scalar and a list may be the whole."""
    assert merge(ROWS, []).data is None
    assert merge(TEXT, [part(1, "b"), part(0, None)]).data == "b"
    made = merge({"type": "array"}, [part(1, ["b"], {"/0": at((8, 9))}), part(0, ["a"], {"/0": at((1, 2))})])
    assert (made.data, list(made.fields)) == (["a", "b"], ["/0", "/1"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=100)
@given(json_values, st.sampled_from([{}, ROWS, {"anyOf": [ROWS, ROW]}]))
def test_one_part_is_itself(data: Any, schema: dict[str, Any]) -> None:
    """One part, alone or beside one that saw nothing, comes out as it went in."""
    alone = part(0, data)
    fields = {leaf.pointer: at((n, n + 1)) for n, leaf in enumerate(leaves_of(PartValue(alone, "", data)))}
    alone = part(0, data, fields)
    made = merge(schema, [alone])
    assert (made.data, made.fields, made.conflicts) == (data, fields, ())
    assert merge(schema, [alone, part(1, None)]).data == data


# ------------------------------------------------------------------------------------ lists of rows

WIDTH = 30  # characters of a row


def rows_of(records: list[Mapping[str, Any]], first: int, last: int, number: int) -> Part:
    """What a chunk of some rows of a table gives, where each row has its line."""
    rows, fields = [], {}
    for index in range(first, last):
        for place, (key, value) in enumerate(records[index].items()):
            start = index * WIDTH + place * 8
            fields[f"/rows/{index - first}/{key}"] = ABSENT if value is None else at((start, start + 6))
        rows.append(dict(records[index]))
    return part(number, {"rows": rows}, fields, first * WIDTH, last * WIDTH)


records = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abc"), "amount": st.integers(0, 3), "day": st.none() | st.just("d")}
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200)
@given(records, st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), min_size=40, max_size=40))
def test_all_rows_once(table: list[Mapping[str, Any]], steps: list[tuple[int, int]]) -> None:
    """A table in chunks with any overlaps comes back with each row once, in order, however alike the rows are."""
    parts: list[Part] = []
    last = 0
    for number, (more, overlap) in enumerate(steps):
        if last < len(table):
            begun = parts[-1].start // WIDTH + 1 if parts else 0
            first, last = max(begun, last - overlap, 0), min(len(table), last + more)
            parts.append(rows_of(table, first, last, number))
    made = merge(ROWS, parts)
    assert made.data == {"rows": table}
    whole = rows_of(table, 0, len(table), 0)
    assert made.fields == whole.fields
    assert made.conflicts == ()


def two(ours: Any, theirs: Any, schema: Any = ROWS, **fields: Any) -> Any:
    """What is made of two parts that share the characters from 50 to 60."""
    one = part(0, ours, fields.get("left"), 0, 60)
    return merge(schema, [one, part(1, theirs, fields.get("right"), 50, 110)])


def test_a_row_that_the_border_cuts() -> None:
    """A row of which one chunk has the beginning and the next one the rest is one."""
    left = {"rows": [{"name": "a", "amount": 1}, {"name": "b", "amount": None}]}
    right = {"rows": [{"name": None, "amount": 2}, {"name": "c", "amount": 3}]}
    assert two(left, right).data["rows"] == [
        {"name": "a", "amount": 1},
        {"name": "b", "amount": 2},
        {"name": "c", "amount": 3},
    ]


def test_a_failed_chunk_between() -> None:
    """Rows on both sides of a chunk that is missing are not put together."""
    parts = [
        part(0, {"rows": [{"name": "b", "amount": None}]}, start=0, end=60),
        part(2, {"rows": [{"name": None, "amount": 2}]}, start=900, end=950),
    ]
    assert len(merge(ROWS, parts).data["rows"]) == 2


def test_a_row_seen_in_part() -> None:
    """A row in the overlap that one of the two chunks saw only in part is one, with all that is known of it."""
    made = two(
        {"rows": [{"name": "b", "amount": None}]},
        {"rows": [{"name": "b", "amount": 2}]},
        left={"/rows/0/name": at((52, 55))},
        right={"/rows/0/name": at((52, 55)), "/rows/0/amount": at((62, 63))},
    )
    assert made.data == {"rows": [{"name": "b", "amount": 2}]}
    assert made.fields == {"/rows/0/name": at((52, 55)), "/rows/0/amount": at((62, 63))}


def test_a_date_over_several_rows() -> None:
    """What several rows have from one heading makes no two of them one."""
    made = two(
        {"rows": [{"name": "a", "amount": 1, "day": "d"}]},
        {"rows": [{"name": "a", "amount": 1, "day": "d"}]},
        left={"/rows/0/name": at((20, 21)), "/rows/0/amount": at((30, 31)), "/rows/0/day": at((0, 4))},
        right={"/rows/0/name": at((70, 71)), "/rows/0/amount": at((80, 81)), "/rows/0/day": at((0, 4))},
    )
    assert len(made.data["rows"]) == 2


def test_a_row_passed_over_is_put_in_its_place() -> None:
    """A row of the overlap that only the second chunk gave stands where it belongs."""
    made = two(
        ["a", "c"],
        ["b", "c", "d"],
        {"type": "array"},
        left={"/0": at((10, 11)), "/1": at((56, 57))},
        right={"/0": at((53, 54)), "/1": at((56, 57)), "/2": at((90, 91))},
    )
    assert made.data == ["a", "b", "c", "d"]


def test_a_list_inside_of_a_section_goes_on() -> None:
    """A section whose heading both chunks have is one, and its list is joined."""
    schema = {"type": "array", "items": {"type": "object", "properties": {"title": TEXT, "rows": {"type": "array"}}}}
    made = two(
        [{"title": "T", "rows": [1, 2]}],
        [{"title": "T", "rows": [3]}, {"title": "U", "rows": []}],
        schema,
        left={"/0/title": at((0, 1)), "/0/rows/0": at((5, 6)), "/0/rows/1": at((7, 8))},
        right={"/0/title": at((0, 1)), "/0/rows/0": at((70, 71)), "/1/title": at((80, 81))},
    )
    assert made.data == [{"title": "T", "rows": [1, 2, 3]}, {"title": "U", "rows": []}]
    assert made.fields["/0/rows/2"] == at((70, 71))


@pytest.mark.parametrize(
    ("schema", "left", "right", "expected"),
    [
        ({}, ["a", "b"], ["b", "c"], ["a", "b", "c"]),
        ({}, ["a", "b", "b"], ["b", "b", "c"], ["a", "b", "b", "c"]),
        ({}, [{"id": 1, "n": "x"}], [{"id": 1, "n": "x", "m": 2}], [{"id": 1, "n": "x", "m": 2}]),
        ({}, [{"id": 1, "n": "x"}], [{"id": 2, "n": "x"}], [{"id": 1, "n": "x"}, {"id": 2, "n": "x"}]),
        ({}, [None], [None], [None, None]),
    ],
)
def test_items_without_places(schema: Any, left: Any, right: Any, expected: Any) -> None:
    """What stands nowhere is one where it is equal, or has an equal number, in chunks that share text."""
    assert two(left, right, {"type": "array", "items": schema}).data == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, 2),
        ({"uniqueItems": True}, 1),
        ({"items": {"x-key": "id"}}, 1),
        ({"x-key": ["id", "n"]}, 1),
        ({"x-key": ["id", "m"]}, 2),
    ],
)
def test_items_far_from_each_other(schema: Any, expected: int) -> None:
    """Equal items of chunks that share no text are one only where the schema says so."""
    parts = [
        part(n, [{"id": 1, "n": "x"}], {"/0/id": at((n * 100, n * 100 + 1))}, n * 100, n * 100 + 50) for n in (0, 5)
    ]
    assert len(merge({"type": "array", **schema}, parts).data) == expected


@pytest.mark.parametrize(("count", "kept"), [(12, 22), (1, 1), (2, 3)])
def test_equal_rows_that_stand_nowhere(count: int, kept: int) -> None:
    """Equal items without a place are one only where both may be in the text that the chunks share."""
    rows = [{"name": "bolt", "amount": 1}] * count
    parts = [part(n, {"rows": rows}, start=n * 90, end=n * 90 + 100) for n in range(2)]
    assert len(merge(ROWS, parts).data["rows"]) == kept


def test_rows_without_a_place_between_others() -> None:
    """Where an item without a place may be is told by those around it."""
    rows = [{"name": "bolt"}, {"name": "nut"}]
    one = part(0, {"rows": rows}, {"/rows/1/name": at((20, 23))}, 0, 100)
    assert merge(ROWS, [one, part(1, {"rows": rows[:1]}, start=90, end=200)]).data["rows"] == [*rows, rows[0]]
    late = part(1, {"rows": rows[::-1]}, {"/rows/0/name": at((150, 153))}, 90, 200)
    assert len(merge(ROWS, [part(0, {"rows": rows[:1]}, start=0, end=100), late]).data["rows"]) == 3


def test_many_equal_rows() -> None:
    """Thousands of equal items that stand nowhere are joined as soon as others."""
    rows = [{"name": "bolt", "amount": 10**5_000}] * 5_000
    parts = [part(n, {"rows": rows}, start=n * 50, end=n * 50 + 100) for n in range(3)]
    assert 3 * 5_000 > len(merge(ROWS, parts).data["rows"]) >= 2 * 5_000 - 5
    unique = {"type": "array", "uniqueItems": True}
    assert len(merge(unique, [part(n, list(range(3_000)) * 2, start=0, end=9) for n in range(2)]).data) == 6_000


def test_categories_are_told_once() -> None:
    """A text that cannot stand in the document is there once, however many chunks gave it."""
    parts = [part(n, ["food"], {"/0": INFERRED}, n * 100, n * 100 + 50) for n in range(4)]
    assert merge({"type": "array"}, parts).data == ["food"]


def test_what_is_very_deep() -> None:
    """Data of any depth is merged without an end of the stack."""
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    assert merge({}, [part(0, {"a": deep}), part(1, {"b": 1})]).data["b"] == 1
