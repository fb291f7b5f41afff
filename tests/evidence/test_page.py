"""The page of a value and its document: what is on it, whatever it is made of."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.evidence.field import Field, Span, Status
from extractor.evidence.page import fragment, page
from extractor.evidence.page_parts import AT_ONCE, kept, percent, plain, segments, shown
from extractor.evidence.page_style import BACK, COLOURS, FULL, INK, SCRIPT, STYLE

VOID = {"meta", "br"}


@dataclass(frozen=True)
class Gap:
    """Rows that are missing."""

    start: int
    end: int
    rows: int
    after: int


@dataclass(frozen=True)
class Report:
    """What is known about a list."""

    pointer: str
    status: str
    returned: int
    expected: int | None = None
    said: Span | None = None
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class Conflict:
    """Different values of one field."""

    pointer: str
    values: tuple[tuple[Any, tuple[Span, ...], int], ...]


class Read(HTMLParser):
    """A page, read: every element with its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str], list[str]]] = []
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(html)
        self.close()
        assert not self.open, "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, {name: value or "" for name, value in attrs}, list[str]())
        assert len(element[1]) == len(attrs), "an attribute is given twice"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, text in self.open:
            text.append(data)

    def text(self, **wanted: str) -> str:
        """The text of the first element with these attributes."""
        return "".join(self.all(**wanted)[0][2])

    def all(self, **wanted: str) -> list[tuple[str, dict[str, str], list[str]]]:
        """The elements with these attributes; `class` is written `look`, and one of the classes is enough."""
        look = wanted.pop("look", None)
        return [
            element
            for element in self.elements
            if wanted.items() <= element[1].items() and (look is None or look in element[1].get("class", "").split())
        ]


def exact(start: int, end: int, **more: Any) -> Field:
    """A field that stands somewhere as it is."""
    return Field(status="exact", spans=(Span(start=start, end=end),), **more)


def sound(html: str) -> Read:
    """A page, read, that is well-formed, asks nobody for anything, and has no link without an aim."""
    html.encode()
    read = Read(html)
    names = [attributes["id"] for _, attributes, _ in read.elements if "id" in attributes]
    assert len(names) == len(set(names))
    for tag, attributes, _ in read.elements:
        assert not any(name.startswith("on") or name in ("style", "src", "srcdoc") for name in attributes), tag
        if "href" in attributes:
            assert attributes["href"].removeprefix("#") in names
    tags = [tag for tag, _, _ in read.elements]
    assert (tags.count("script"), tags.count("style"), tags.count("html"), tags.count("iframe")) == (1, 1, 1, 0)
    return read


# ------------------------------------------------------------------------------------------------ laws

characters = st.characters() | st.sampled_from("<>&\"'\n\r\t\f\x00\u202e\u2066\u200b\ud800\U000e0041")
texts = st.text(characters, max_size=60)
statuses: st.SearchStrategy[Status | None] = st.sampled_from(
    ["exact", "normalised", "fuzzy", "absent", "inferred", None]
)
spans = st.builds(Span, start=st.integers(-3, 70), end=st.integers(-3, 70), page=st.none() | st.integers(-1, 3))
shares = st.none() | st.floats()
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
known = st.builds(
    Field,
    status=statuses,
    spans=st.lists(spans, max_size=3).map(tuple),
    elsewhere=st.lists(spans, max_size=2).map(tuple),
    score=st.floats(),
    confidence=shares,
    agreement=shares,
    others=st.lists(st.tuples(scalars, st.floats()), max_size=2).map(tuple),
)
keys = st.sampled_from(["a", "b", "a/b", "~", "", "<b>"]) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
gaps = st.builds(
    Gap, start=st.integers(-1, 70), end=st.integers(-1, 70), rows=st.integers(0, 9), after=st.integers(-1, 5)
)
reports = st.builds(
    Report,
    pointer=st.sampled_from(["", "/a", "/b", "/a/0"]),
    status=st.sampled_from(["complete", "incomplete", "missing", "wrong_shape", "unknown"]),
    returned=st.integers(0, 9),
    expected=st.none() | st.integers(0, 9),
    said=st.none() | spans,
    gaps=st.lists(gaps, max_size=2).map(tuple),
)
conflicts = st.builds(
    Conflict,
    pointer=texts,
    values=st.lists(st.tuples(scalars, st.lists(spans, max_size=2).map(tuple), st.just(0)), max_size=3).map(tuple),
)


def pointers(data: Any, pointer: str = "") -> list[str]:
    """The pointers of all values in it."""
    if isinstance(data, dict):
        steps = [(key.replace("~", "~0").replace("/", "~1"), value) for key, value in data.items()]
    elif isinstance(data, list):
        steps = [(str(number), value) for number, value in enumerate(data)]
    else:
        return [pointer]
    return [below for step, value in steps for below in pointers(value, f"{pointer}/{step}")]


@settings(max_examples=150)
@given(st.data(), st.none() | texts, values, texts, st.lists(reports, max_size=2), st.lists(conflicts, max_size=2))
def test_any_page_is_sound(
    draw: st.DataObject, text: str | None, data: Any, title: str, lists: list[Report], different: list[Conflict]
) -> None:
    """Whatever it is made of, a page is well-formed, all its links lead somewhere, and nothing in it is markup."""
    fields = {pointer: draw.draw(known) for pointer in pointers(data)}
    read = sound(page(text, data, fields, title=title, lists=lists, conflicts=different, notes=[title]))
    seen = {character for _, _, parts in read.elements for part in parts for character in part}
    assert not seen & set("\x00\x07\u202e\u2066\u200b\ud800\U000e0041")


@settings(max_examples=100)
@given(st.data(), st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]) | st.just("\n"), max_size=60))
def test_all_of_the_text_is_there(draw: st.DataObject, text: str) -> None:
    """However places overlap, the text stands on the page once and in order."""
    fields = {f"/{number}": draw.draw(known) for number in range(4)}
    read = sound(page(text, ["x"] * 4, fields, pages=()))
    assert read.text(id="text") == text


places = st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda place: place[0] < place[1])


@given(st.lists(places, max_size=AT_ONCE, unique=True), st.lists(st.integers(0, 30), max_size=3))
def test_segments_list_their_places(marked: list[tuple[int, int]], cuts: list[int]) -> None:
    """A text is cut at every border, and each segment lists exactly the places that it is in."""
    found = [*segments(marked, cuts, [(0, 30)])]
    assert "".join("." * (end - start) for start, end, _ in found) == "." * 30
    assert [start for start, _, _ in found] == [0, *(end for _, end, _ in found[:-1])]
    for start, end, numbers in found:
        around = {number for number, (first, last) in enumerate(marked) if first <= start and end <= last}
        assert set(numbers) == around
        assert not any(start < border < end for place in marked for border in place)


def test_segments_of_nested_places_grow_with_their_number() -> None:
    """Of places inside of each other without end, each is listed where it begins, and few further on."""
    count = 2_000
    found = [*segments([(at, 2 * count - at) for at in range(count)], (), [(0, 2 * count)])]
    assert {number for _, _, numbers in found for number in numbers} == set(range(count))
    assert sum(len(numbers) for _, _, numbers in found) <= len(found) * (AT_ONCE + 1)


@given(st.integers(0, 500), st.sets(st.integers(0, 500), max_size=8), st.integers(1, 400))
def test_what_is_kept_of_a_long_text(length: int, borders: set[int], most: int) -> None:
    """Every border of a place is in a part that is shown, and parts are in order and apart."""
    borders = {border for border in borders if border <= length}
    parts = kept(length, borders, most)
    assert all(start < end or length == 0 for start, end in parts)
    assert all(one[1] < other[0] for one, other in pairwise(parts))
    assert all(any(start <= border <= end for start, end in parts) for border in borders)
    assert length > most or parts == [(0, length)]


# --------------------------------------------------------------------------------------------- the text

TEXT = "Vendor: ACME\nTotal: 12.50\nTotal: 12.50\n"
FIELDS = {
    "/vendor": exact(8, 12, confidence=0.97),
    "/total": Field(
        status="normalised",
        spans=(Span(start=20, end=25, page=1),),
        elsewhere=(Span(start=33, end=38),),
        score=0.9,
        confidence=0.4,
        agreement=0.8,
        others=((12, 0.2),),
    ),
}
DATA = {"vendor": "ACME", "total": 12.5}


def test_a_value_and_its_place_are_linked() -> None:
    """A value is a link to its place, the place one to the value, and both name the same place."""
    read = sound(page(TEXT, DATA, FIELDS))
    (_, value, words), (_, mark, marked) = read.all(look="c0")
    if value["href"] == "#v1":
        (value, words), (mark, marked) = (mark, marked), (value, words)
    assert ("".join(words), "".join(marked)) == ("ACME", "ACME")
    assert (value["href"], mark["href"]) == (f"#{mark['id']}", f"#{value['id']}")
    assert value["data-p"] == mark["data-p"]


def test_where_else_it_stands() -> None:
    """A further place of a value is marked, in another way, and leads to it, too."""
    read = sound(page(TEXT, DATA, FIELDS))
    (further,) = read.all(look="e")
    (value,) = [element for element in read.all(look="v") if element[1].get("data-e")]
    assert "".join(further[2]) == "12.50"
    assert value[1]["data-e"] == further[1]["data-p"]


def test_what_is_known_is_said_in_words() -> None:
    """Status, likeness, page, confidence, agreement and what others say stand beside a value."""
    said = sound(page(TEXT, DATA, FIELDS)).text(id="values").replace("\u00a0", " ")
    assert "ACME as written · 97 % sure" in said
    assert "12.5 in another form · 90 % alike · page 1 · 40 % sure · 80 % agree · or 12 (20 %)" in said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("exact", "as written"),
        ("normalised", "in another form"),
        ("fuzzy", "nearly"),
        ("absent", "not in the document"),
        ("inferred", "inferred"),
    ],
)
def test_every_status_has_words(status: Status, said: str) -> None:
    """Every status is said in words, and counted."""
    read = sound(page("abc", {"a": "x"}, {"/a": Field(status=status)}))
    assert said in read.text(id="values")
    assert f"1 value: 1 {said}." in "".join(read.text(**{}))


def test_a_null_is_not_missed() -> None:
    """A null has no status, and is no value that the document lacks."""
    html = page("abc", {"a": None}, {"/a": Field(status="absent")})
    assert "not in the document" not in sound(html).text(id="values")
    assert 'id="warnings"' not in html


def test_the_same_colour_in_all_rows() -> None:
    """A field has one colour in all rows, and another than its neighbours."""
    rows = [{"a": "x", "b": "y"}, {"a": "z", "b": "w"}]
    fields = {f"/{row}/{key}": exact(at, at + 1) for at, (row, key) in enumerate((r, k) for r in (0, 1) for k in "ab")}
    read = sound(page("xyzw", rows, fields))
    assert ["".join(text) for _, _, text in read.all(look="c0")] == ["x", "z", "x", "z"]
    assert ["".join(text) for _, _, text in read.all(look="c1")] == ["y", "w", "y", "w"]


def test_a_stronger_colour_is_surer() -> None:
    """How strong the colour is goes with the confidence; without one there is a frame."""
    known = {"/0": exact(0, 1, confidence=0.31), "/1": exact(1, 2, confidence=1.0), "/2": exact(2, 3)}
    read = sound(page("abc", ["a", "b", "c"], known))
    assert ["".join(read.all(look=look)[0][2]) for look in ("o3", "o10", "n")] == ["a", "b", "c"]


def test_places_inside_of_others() -> None:
    """A place inside of another looks like the inner one, and names both."""
    read = sound(
        page("one two three", {"all": "one two three", "in": "two"}, {"/all": exact(0, 13), "/in": exact(4, 7)})
    )
    marks = read.all(look="m")
    assert [("".join(text), mark["data-p"], mark["class"]) for _, mark, text in marks] == [
        ("one ", "0", "m c0 n"),
        ("two", "0 1", "m c1 n t0"),
        (" three", "0", "m c0 n"),
    ]
    assert marks[1][1]["title"] == "/in: as written\n/all: as written"


def test_many_values_of_one_place() -> None:
    """A place of many values names some of them and says how many more there are."""
    rows = [{"currency": "EUR"}] * 30
    read = sound(page("EUR", rows, {f"/{row}/currency": exact(0, 3) for row in range(30)}))
    (mark,) = read.all(look="m")
    assert mark[1]["title"].splitlines()[0] == "/0/currency: as written"
    assert mark[1]["title"].endswith("and 22 more")
    assert len(read.all(href=f"#{mark[1]['id']}")) == 30


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 2), (3, 1), (0, 4), (9, 12)])
def test_spans_that_are_none(start: int, end: int) -> None:
    """A span that is reversed, empty or out of range is passed over, and the value says that it has no place."""
    read = sound(page("abc", "a", {"": exact(start, end)}))
    assert not read.all(look="m")
    assert "place unknown" in read.text(id="values")


def test_without_a_text() -> None:
    """Without a document there is the value alone, and its spans lead nowhere."""
    html = page(None, DATA, FIELDS)
    sound(html)
    assert 'id="document"' not in html
    assert 'class="alone"' in html


@pytest.mark.parametrize(
    ("text", "pages", "fields", "expected"),
    [
        ("a\fb\fc", None, {}, ["Page 2", "Page 3"]),
        ("a\nb", (0, 2), {}, ["Page 1", "Page 2"]),
        ("a\nb", None, {"": Field(status="exact", spans=(Span(start=2, end=3, page=7),))}, ["Page 7"]),
        ("a\fb", None, {"": Field(status="exact", spans=(Span(start=2, end=3, page=7),))}, ["Next page"]),
        ("ab", None, {}, []),
    ],
)
def test_pages(text: str, pages: Sequence[int] | None, fields: dict[str, Field], expected: list[str]) -> None:
    """Pages are set apart where form feeds, the caller or the spans tell."""
    read = sound(page(text, "b", fields, pages=pages))
    assert ["".join(words) for _, _, words in read.all(look="page")] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("a\r\nb\rc", "a\nb[U+000D]c"),
        ("\u202egnp.exe\u202c", "[U+202E]gnp.exe[U+202C]"),
        ("a\x00b\ud800c", "a[U+0000]b[U+D800]c"),
        ("\u200b" * 30, "[U+200B]" * 8 + "… 22 more"),
        ("</style><script>alert(1)</script>", "</style><script>alert(1)</script>"),
        ("\nfirst", "\nfirst"),
    ],
)
def test_hostile_text(text: str, expected: str) -> None:
    """What would be markup, or is not seen, or turns the direction of the text, is shown as what it is."""
    read = sound(page(text, {"a": text}, {"/a": exact(0, len(text))}, title=text))
    assert read.text(id="text") == expected


def test_very_many_unseen_characters() -> None:
    """A text that is full of unseen characters makes no element of each."""
    html = page("a\x00" * 30_000, None, {})
    assert "<i " not in html
    assert html.count("[U+0000]") > 20_000


# ------------------------------------------------------------------------------------------- the bounds


def test_a_very_long_text() -> None:
    """Of a very long text the beginning and what is around places is shown, and how much is left out is said."""
    text = "start" + "x" * 3_000_000 + "HERE" + "y" * 3_000_000
    at = text.index("HERE")
    read = sound(page(text, "HERE", {"": exact(at, at + 4)}))
    assert "The document has 6,000,009 characters." in read.text(id="document")
    assert read.text(id="text").startswith("start")
    assert [len("".join(cut)) > 20 for _, _, cut in read.all(look="cut")] == [True, True]
    left = [int(re.sub(r"\D", "", "".join(cut))) for _, _, cut in read.all(look="cut")]
    notes = sum(len("".join(cut)) for _, _, cut in read.all(look="cut"))
    assert sum(left) + len(read.text(id="text")) - notes == len(text)
    assert len(read.text(id="text")) < 10_000


def test_a_long_line_is_broken() -> None:
    """A line that browsers would take minutes for is broken into parts, and no character is lost."""
    read = sound(page("x" * 20_000, None, {}))
    assert len([1 for tag, _, _ in read.elements if tag == "br"]) == 3
    assert read.text(id="text") == "x" * 20_000


def test_a_long_value() -> None:
    """Of a very long value the beginning is shown, and how much more there is."""
    assert "… and 1,000 more characters" in sound(page(None, "x" * 6_000, {})).text(id="values")
    assert "a number of 33,220 bits" in sound(page(None, 10**10_000, {})).text(id="values")


def test_very_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many values the first are shown, and that there are more is said."""
    monkeypatch.setattr("extractor.evidence.page_values.MOST_VALUES", 1_000)
    many: list[Any] = [list(range(5_000)), [{"a": 1}] * 5_000, {str(n): [] for n in range(5_000)}, [[[1] * 5_000]]]
    for data in many:
        read = sound(page(None, data, {}))
        assert "Only the first 1,000 parts of the value are shown." in read.text(id="values")
        assert 490 <= len(read.all(look="v")) <= 1_000


def test_a_deep_value() -> None:
    """What is very deep in a value is shown in one list, with its place in the document."""
    data: Any = "bottom"
    for _ in range(3_000):
        data = {"a": [data]}
    read = sound(page("bottom", data, {"/a/0" * 3_000: exact(0, 6)}))
    assert "bottom" in read.text(id="values")
    assert "".join(read.all(look="m")[0][2]) == "bottom"


# ------------------------------------------------------------------------------------------ the warnings

ROWS = "1 one\n2 two\n3 three\n4 four\n"
ITEMS = [{"name": "one"}, {"name": "four"}]
LINES = {"/lines/0/name": exact(2, 5), "/lines/1/name": exact(22, 26)}


def test_missing_rows() -> None:
    """Rows that are missing are a warning, outlined in the text, and told where they belong."""
    report = Report(
        pointer="/lines", status="incomplete", returned=2, expected=4, gaps=(Gap(start=6, end=19, rows=2, after=0),)
    )
    read = sound(page(ROWS, {"lines": ITEMS}, LINES, lists=[report]))
    said = read.text(id="warnings")
    assert "/lines: incomplete, 2 rows, 4 expected. Not in the list: 2 rows not in the list (after row 1)." in said
    (mark,) = [element for element in read.all(look="g") if element[0] == "a"]
    assert "".join(mark[2]) == "2 two\n3 three"
    assert mark[1]["href"] == "#w0"
    assert read.text(look="tag") == "2 rows not in /lines"
    (row,) = [element for element in read.all(look="gaps") if element[0] == "tr"]
    assert "2 rows not in the list" in "".join(row[2])


@pytest.mark.parametrize(("after", "position"), [(-1, 0), (0, 1), (1, 2), (9, 2)])
def test_missing_rows_of_a_plain_list(after: int, position: int) -> None:
    """In a list of plain values, too, missing rows are told where they belong."""
    report = Report(pointer="", status="incomplete", returned=2, gaps=(Gap(start=0, end=1, rows=1, after=after),))
    read = sound(page("abc", ["b", "c"], {}, lists=[report]))
    items = [attributes.get("class") for tag, attributes, _ in read.elements if tag == "li"][-3:]
    assert items.index("gaps") == position


@pytest.mark.parametrize(
    ("status", "warned", "said"),
    [
        ("complete", False, "complete"),
        ("unknown", False, "not known whether it is complete"),
        ("missing", True, "missing"),
        ("wrong_shape", True, "made of something of another shape"),
    ],
)
def test_lists(status: str, warned: bool, said: str) -> None:
    """What is known of a list stands beside it, and is a warning where something is wrong."""
    html = page(ROWS, {"lines": ITEMS}, LINES, lists=[Report(pointer="/lines", status=status, returned=2)])
    assert f"2 rows · {said}" in sound(html).text(id="values")
    assert ('id="warnings"' in html) is warned


def test_the_place_that_says_how_many() -> None:
    """Where the document says how many rows there are, the warning leads there."""
    report = Report(pointer="/lines", status="incomplete", returned=2, expected=4, said=Span(start=20, end=21))
    read = sound(page(ROWS, {"lines": ITEMS}, LINES, lists=[report]))
    assert read.text(href="#s20") == "4 expected"
    assert read.text(id="s20") == "4"


def test_conflicts_notes_and_what_is_absent() -> None:
    """What the document says differently, what failed, and what it does not say at all are warnings, all of them."""
    different = Conflict("/total", ((12.5, (Span(start=20, end=25),), 0), ("<13>", (), 1)))
    fields = {**FIELDS, "/vendor": Field(status="absent")}
    read = sound(page(TEXT, DATA, fields, conflicts=[different], notes=["part 2 of 3 failed: <timed out>"]))
    said = read.text(id="warnings")
    assert said.startswith("Warnings (3)")
    assert "part 2 of 3 failed: <timed out>" in said
    assert "/total: the document says different things: 12.5, <13>." in said
    assert "1 value is not in the document: /vendor." in said


# --------------------------------------------------------------------------------------------- the looks


def test_the_policy_allows_only_what_is_there() -> None:
    """The policy names the digests of the one style sheet and the one script, and allows nothing else."""
    html = page(TEXT, DATA, FIELDS)
    (policy,) = [one["content"] for _, one, _ in Read(html).elements if one.get("http-equiv")]
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in (STYLE, SCRIPT)]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digests[0]}'",
        f"script-src 'sha256-{digests[1]}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert f"<style>{STYLE}</style>" in html
    assert f"<script>{SCRIPT}</script>" in html
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_nothing_is_fetched() -> None:
    """There is no address in style or script."""
    assert not re.search(r"https?:|url\(|@import|fetch\(|eval|innerHTML", STYLE + SCRIPT)


def luminance(colour: Sequence[float]) -> float:
    """How light a colour is, as the guidelines for accessibility have it."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_on_colours_can_be_read(mode: str) -> None:
    """On every colour, as strong as it gets, the text has the contrast that the guidelines ask for."""
    ink, back = ([int(one[mode][at : at + 2], 16) for at in (1, 3, 5)] for one in (INK, BACK))
    for colour in COLOURS:
        behind = [part * FULL[mode] + other * (1 - FULL[mode]) for part, other in zip(colour, back, strict=True)]
        light, dark = sorted((luminance(ink), luminance(behind)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "0 %"), (0.001, "<1 %"), (0.5, "50 %"), (0.999, ">99 %"), (1, "100 %"), (7, "100 %"), (-1, "0 %")],
)
def test_percent(share: float, expected: str) -> None:
    """Nearly sure is not said to be sure, and nearly impossible not to be impossible."""
    assert percent(share).replace("\u00a0", " ") == expected


def test_safe_text() -> None:
    """A text is escaped for elements and for attributes; only in elements do symbols have a frame."""
    assert shown("<a b='\"'>&\u200f") == '&lt;a b=&#39;&quot;&#39;&gt;&amp;<i class="x" title="U+200F">[U+200F]</i>'
    assert plain("'\"\u200f") == "&#39;&quot;[U+200F]"


def test_a_fragment_is_the_page_in_a_frame() -> None:
    """For a notebook, the page stands in a frame of its own, without rights."""
    html = fragment(TEXT, DATA, FIELDS, title='a "b"', height=300)
    (frame,) = [one for tag, one, _ in Read(html).elements if tag == "iframe"]
    assert frame["srcdoc"] == page(TEXT, DATA, FIELDS, title='a "b"')
    assert (frame["sandbox"], frame["height"], frame["title"]) == ("allow-scripts", "300", 'a "b"')
    assert unescape(html).count("<script>") == 1
