"""The lines of a document that are sent again with what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.loop.excerpt import SHORT, excerpt
from extractor.schema.checked import FieldError
from extractor.schema.scope import Place, Scope

LINES = [f"{number}. Item {number * 7919} costs {number * 31}." for number in range(400)]
DOCUMENT = "\n".join(LINES)
DATA: dict[str, Any] = {
    "title": "A title",
    "items": [{"name": f"Item {number * 7919}", "price": number * 31} for number in range(400)],
}


PLAIN = {"type": "string"}


def asked(*pointers: str, append: bool = False, schema: Any = PLAIN) -> Scope:
    """Ask for some places."""
    places = [Place(pointer=pointer, name=f"n{number}", append=append) for number, pointer in enumerate(pointers)]
    return Scope(places=tuple(places), schema={"properties": {place.name: schema for place in places}})


def wrong(pointer: str, found: str) -> FieldError:
    """An error at a place."""
    return FieldError(pointer=pointer, message="wrong", found=found, kind="wrong")


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the beginning of the document, which has a test of its own."""
    monkeypatch.setattr("extractor.loop.excerpt.HEAD", 0)


def around(*numbers: int) -> str:
    """Some lines with what is around them, as an excerpt."""
    return "\n".join(["…", *("\n".join(LINES[number - 1 : number + 2]) + "\n…" for number in numbers)])


@pytest.mark.parametrize(
    ("pointers", "errors", "expected"),
    [
        (["/items/300/price"], [], around(300)),
        (["/items/300"], [], around(300)),
        (["/items/300/price", "/items/50/name"], [], around(50, 300)),
        (["/items/300/price", "/items/301/price"], [], "\n".join(["…", *LINES[299:303], "…"])),
        (["/items/300/other"], [], around(300)),
        (["/title"], [wrong("/title", '"Item 1583800"')], around(200)),
        (["/title"], [wrong("/title/inside", '"ITEM 1583800"')], around(200)),
        (["/items/0/price"], [], "\n".join([*LINES[:2], "…"])),
        (["/items/399/price"], [], "\n".join(["…", *LINES[398:]])),
        # What cannot be found, or is all over the document, and what would be most of it.
        (["/title"], [], None),
        (["/items"], [], None),
        (["/items/500/price"], [], None),
        (["/items/300/price", "/title"], [], None),
        (["/title"], [wrong("/title", '"costs"')], None),
        (["/title"], [wrong("/title", "{")], None),
        ([""], [], None),
        ([f"/items/{number}/price" for number in range(0, 400, 11)], [], around(*range(11, 400, 11))),
        ([f"/items/{number}/price" for number in range(0, 400, 9)], [], None),
    ],
)
def test_the_lines_that_matter(pointers: list[str], errors: list[FieldError], expected: str | None) -> None:
    """Of a long document those lines are taken that have what stands beside a place, each with its neighbours."""
    found = excerpt(DOCUMENT, DATA, asked(*pointers), errors)
    if expected is not None and pointers[0] == "/items/0/price" and len(pointers) > 1:
        expected = "\n".join([*LINES[:2], expected])
    assert found == expected


LIST = {"type": "array", "items": PLAIN}


@pytest.mark.parametrize(
    ("schema", "cut"),
    [
        ({"type": "integer"}, True),
        ({"type": ["string", "null"]}, True),
        ({"anyOf": [{"type": "string"}, {"enum": [1, 2]}, {"const": None}]}, True),
        ({"$ref": "#/$defs/Plain"}, True),
        ({"allOf": [PLAIN, {"$ref": "#/$defs/Plain"}]}, True),
        (LIST, False),
        ({"type": ["array", "null"]}, False),
        ({"type": "object"}, False),
        ({"anyOf": [PLAIN, LIST]}, False),
        ({"oneOf": [PLAIN, {"$ref": "#/$defs/List"}]}, False),
        ({"$ref": "#/$defs/Loop"}, False),
        ({"$ref": "#/$defs/None"}, False),
        ({}, False),
        (True, False),
    ],
)
def test_what_may_be_long_may_stand_anywhere(schema: Any, cut: bool) -> None:
    """Where a list or an object is asked for and is not there yet, all of the document is needed."""
    definitions = {"Plain": PLAIN, "List": LIST, "Loop": {"$ref": "#/$defs/Loop"}}
    scope = asked("/items/3/other", schema=schema)
    found = excerpt(DOCUMENT, DATA, Scope(places=scope.places, schema={**scope.schema, "$defs": definitions}))
    assert (found is not None) is cut


@pytest.mark.parametrize("inside", [[1], [], {"a": 1}])
def test_a_list_that_is_there_may_stand_anywhere(inside: Any) -> None:
    """Where there is a list inside of what is asked for, all of the document is needed."""
    assert (
        excerpt(DOCUMENT, {"items": [{"name": "Item 7919", "part": {"tags": inside}}]}, asked("/items/0/part")) is None
    )
    assert excerpt(DOCUMENT, {"items": [{"name": "Item 7919", "part": [1]}]}, asked("/items/0/part")) is None


def test_every_part_of_an_object_is_sent() -> None:
    """Where an object is asked for, the lines of all its values are sent, not only those that have most of them."""
    data = {"item": {"name": "Item 79190", "price": 310, "other": "Item 1583800", "third": 31 * 299, "none": None}}
    assert excerpt(DOCUMENT, data, asked("/item", schema={"type": "object"})) == around(10, 200, 299)


def test_numbers_are_found_as_a_whole() -> None:
    """A number is not found inside of another."""
    lines = [f"No. {number * 1000003}7 is here" for number in range(300)]
    data = {"items": [{"number": 3000009, "size": 1}, {"number": 30000097, "size": 1}]}
    assert excerpt("\n".join(lines), data, asked("/items/0/size")) is None
    assert excerpt("\n".join(lines), data, asked("/items/1/size")) == "\n".join(["…", *lines[2:5], "…"])


def test_short_documents_are_sent_whole() -> None:
    """A short document is not worth cutting."""
    assert excerpt(DOCUMENT[:SHORT], DATA, asked("/items/3/price")) is None
    assert excerpt(DOCUMENT[: SHORT + 1], DATA, asked("/items/3/price")) is not None


def test_what_follows_a_list_may_stand_anywhere() -> None:
    """Where a list is to go on, all of the document is needed."""
    assert excerpt(DOCUMENT, DATA, asked("/items/3/price", append=True)) is None


def test_a_line_that_is_the_record_stands_alone() -> None:
    """A line that has most of the values beside the place, as in a table, needs none of the lines around it."""
    rows = [
        {"number": f"N-{n * 13}", "town": f"Town{n % 7}", "price": f"{n * 17}.50", "tax": f"{n * 3}.19"}
        for n in range(200)
    ]
    lines = [f"{row['number']} | {row['town']} | {row['price']} | {row['tax']}" for row in rows]
    found = excerpt("\n".join(lines), {"rows": [{**row, "size": "x"} for row in rows]}, asked("/rows/77/size"))
    assert found == f"…\n{lines[77]}\n…"


def test_other_scripts() -> None:
    """Values are found in texts without spaces, and whatever their case."""
    lines = [f"第{number}条：甲方应于{number}日内支付货款，乙方{number * 7919}号。" for number in range(300)]
    data = {"clauses": [{"party": f"乙方{number * 7919}", "days": None} for number in range(300)]}
    assert excerpt("\n".join(lines), data, asked("/clauses/123/days")) == "\n".join(["…", *lines[122:125], "…"])
    streets = [f"No. {number}: HAUPTSTRASSE {number * 7919}" for number in range(300)]
    homes = {"homes": [{"street": f"Hauptstraße {number * 7919}", "zip": 5} for number in range(300)]}
    assert excerpt("\n".join(streets), homes, asked("/homes/7/zip")) == "\n".join(["…", *streets[6:9], "…"])


def test_the_lines_are_those_of_the_document() -> None:
    """Lines are copied as they stand, whatever ends them, and however long they become in lower case."""
    ends = ["\n", "\r\n", "\r", "\u2028"]
    lines = [f"İİİ ﬃ {number * 7919} ẞ" for number in range(300)]
    document = "".join(line + ends[number % 4] for number, line in enumerate(lines))
    data = {"items": [{"key": number * 7919, "size": None} for number in range(300)]}
    assert excerpt(document, data, asked("/items/123/size")) == "\n".join(["…", *lines[122:125], "…"])


HOSTILE = {
    "short lines": "a\n" * 400_000,
    "empty lines": "\n" * 400_000,
    "one line": "ab" * 200_000,
    "almost": ("a" * 199 + "b") * 2_000,
    "the same": ("a" * 199 + "\n") * 2_000,
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents(document: str) -> None:
    """However the lines are made, searching them ends soon, and what is found everywhere says nothing."""
    values = ["a" * 199, "a" * 100 + "b" + "a" * 98, "ab" * 100, "aa", "a\na"]
    data = {"items": [{f"k{number}": value for number, value in enumerate(values)} for _ in range(40)]}
    scope = asked(*(f"/items/{number}/other" for number in range(40)))
    assert excerpt(document, data, scope) is None


def test_hostile_values() -> None:
    """A value that is large, or deep, beside a place is looked at only in part."""
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    data = {"items": [{"a": deep, "b": {str(number): str(number) for number in range(100_000)}, "c": 1}]}
    assert excerpt(DOCUMENT, data, asked("/items/0/c")) is None


words = st.text("ab 1\n\r", max_size=30)


@settings(max_examples=100)
@given(document=st.lists(words, max_size=200), value=words, pointer=st.sampled_from(["/a", "/b/0/c", "", "/b"]))
def test_an_excerpt_is_of_the_document(document: list[str], value: str, pointer: str) -> None:
    """Whatever is looked for, an excerpt has lines of the document only, in their order, and is shorter."""
    text = "\n".join(document) + "\n" + "end\n" * 600
    found = excerpt(text, {"a": value, "b": [{"c": value, "d": value}]}, asked(pointer), [wrong(pointer, value)])
    if found is not None:
        rest = iter(text.splitlines())
        assert all(line in rest for line in found.split("\n") if line != "…")
        assert len(found) < len(text)


def test_the_beginning_is_always_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is at the beginning (a title, the heads of columns) is sent too, where it is short."""
    monkeypatch.setattr("extractor.loop.excerpt.HEAD", 3)
    text = "Quantities in dozens\nname;price\n" + DOCUMENT
    found = excerpt(text, DATA, asked("/items/300/price"))
    assert found is not None
    assert found.startswith("Quantities in dozens\nname;price\n0. Item 0 costs 0.\n…\n299. ")
    long = excerpt("x" * 200 + "\n" + DOCUMENT, DATA, asked("/items/300/price"))
    assert long is not None
    assert long.startswith("…\n299. ")
