"""Documents cut into chunks."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.documents.chunk import Chunk, chunks
from extractor.documents.chunking import LEAST
from extractor.documents.lengths import tokens_in
from extractor.errors import MissingExtra, OptionError

REPORT = (
    "# Report\n\nIt has an introduction. It has two sentences.\n\n## North\n\n| Item | Price |\n|---|---|\n"
    + "".join(f"| Thing {number} | {number}.50 |\n" for number in range(40))
    + "\n## South\n\nNothing was sold here.\n"
)


def check(text: str, tokens: int, overlap: int) -> tuple[Chunk, ...]:
    """Cut a text, and hold what comes against all that is promised."""
    cut = chunks(text, tokens=tokens, overlap=overlap)
    covered = bytearray(len(text))
    for number, each in enumerate(cut):
        sent = each.text_of(text)
        assert each.number == number
        assert tokens_in(sent) <= tokens
        assert sent.strip()
        assert sent == each.lead + text[each.start : each.end]
        assert each.to_whole(len(each.lead), len(sent)) == (each.start, each.end)
        covered[each.start : each.end] = b"1" * (each.end - each.start)
    for one, two in pairwise(cut):
        assert one.start < two.start
        assert one.end < two.end
        assert tokens_in(text[two.start : one.end]) <= overlap if two.start < one.end else True
    assert all(seen or character.isspace() for seen, character in zip(covered, text, strict=True))
    return cut


lines = st.sampled_from(
    [
        "",
        "# Head",
        "## Deeper",
        "1.2 Numbered",
        "CAPITALS",
        "Title\n=====",
        "A line of prose.",
        "Two sentences. In one line! " * 4,
        "word " * 60,
        "x" * 150,
        "東京都千代田区。大阪市北区。" * 6,
        "| a | b |\n|---|---|",
        "| 1 | 2 |",
        "id,name,total",
        '7,"Acme, Inc.",5.00',
        '8,"Two\nlines",6.00',
        "Item        Qty",
        "Bolt          5",
        "\fNext page",
        "a\tb",
        "1\t2",
        "😀 émoji",
        "   ",
    ]
)


@settings(max_examples=150)
@given(st.lists(lines | st.text(max_size=30), max_size=40), st.integers(LEAST, 120), st.integers(0, 60))
def test_what_is_promised_of_any_text(parts: list[str], tokens: int, overlap: int) -> None:
    """Chunks have at most so many tokens, are in order, overlap by no more than asked, and leave nothing out."""
    text = "\n".join(parts)
    assert check(text, tokens, overlap) == chunks(text, tokens=tokens, overlap=overlap)


def test_a_short_text_is_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that has room is one chunk as it is, for which no package is needed; white space is none."""
    monkeypatch.setitem(sys.modules, "semantic_text_splitter", None)
    assert chunks("  short \n", tokens=50) == (Chunk(number=0, start=0, end=9),)
    assert chunks(" \n \f ", tokens=50) == ()
    with pytest.raises(MissingExtra, match=r"extractor\[documents\]"):
        chunks(REPORT, tokens=50)


@pytest.mark.parametrize(("tokens", "overlap", "option"), [(LEAST - 1, 0, "tokens"), (100, -1, "overlap")])
def test_sizes_that_are_none(tokens: int, overlap: int, option: str) -> None:
    """A chunk that is too small and an overlap below nothing are refused, by name."""
    with pytest.raises(OptionError) as caught:
        chunks("text", tokens=tokens, overlap=overlap)
    assert caught.value.option == option


def test_headings_and_table_headers_lead() -> None:
    """A chunk that begins in a table has the headings and the header row before it, which map to where they stand."""
    cut = check(REPORT, 120, 30)
    inside = next(each for each in cut if each.lead.count("\n") > 2)
    assert inside.lead == "# Report\n## North\n| Item | Price |\n|---|---|\n"
    sent = inside.text_of(REPORT)
    at = sent.index("Item")
    assert inside.to_whole(at, at + 4) == (REPORT.index("Item"), REPORT.index("Item") + 4)
    assert inside.to_whole(at, at + 200) is None
    assert inside.to_whole(len(sent), len(sent) + 5) is None
    assert cut[0].lead == ""
    assert cut[-1].text_of(REPORT).startswith("# Report\n")
    assert all("North" not in each.lead for each in cut if each.start > REPORT.index("South"))


TABLES = {
    "pipes": ("Item | Price\n", "Thing {0} | {0}.50\n"),
    "csv": ("id,name,total\n", '{0},"Acme, ""Big"" Inc.",{0}.50\n'),
    "csv of words": ("first,second,last\n", "Anna,Berta,Clara\n"),
    "semicolons": ("id;name;total\n", "{0};Acme;{0},50\n"),
    "tabs": ("id\tname\n", "{0}\tAcme\n"),
    "columns": ("Item            Price\n", "Thing           {0}.50\n"),
    "columns with a ruler": ("Item            Kind\n------------  ------\n", "Thing           small\n"),
}


@pytest.mark.parametrize(("header", "row"), TABLES.values(), ids=TABLES.keys())
def test_rows_stay_whole(header: str, row: str) -> None:
    """A table is cut between its rows, however it is written, and every part of it has its header."""
    text = header + "".join(row.format(number) for number in range(60))
    cut = check(text, 120, 25)
    assert len(cut) > 2
    for each in cut[1:]:
        assert each.lead == header
        assert text[each.start - 1] == "\n"
    assert all(text[each.end] == "\n" for each in cut[:-1])


def test_a_quoted_cell_of_several_lines() -> None:
    """A row of which a cell goes on over lines is one row."""
    text = "id,name,note\n" + "".join(f'{number},Acme,"first\nsecond\nthird"\n' for number in range(30))
    for each in check(text, 100, 0)[1:]:
        assert text[each.start : each.end].split(",")[0].isdecimal()
        assert each.lead == "id,name,note\n"


def test_a_table_over_pages() -> None:
    """A table that goes on after a page break without its header has the header of the page before."""
    page = "".join(f"| {number} | x |\n" for number in range(12))
    text = f"| Number | Letter |\n|---|---|\n{page}\f\nPage 2\n\n{page}"
    assert check(text, 70, 0)[-1].lead == "| Number | Letter |\n|---|---|\n"


def test_a_heading_stays_with_what_follows() -> None:
    """No chunk ends with a heading, or with the header of a table."""
    text = "".join(f"## Part {number}\n\nSome words about it, and more words.\n\n" for number in range(30))
    for each in check(text, 60, 0):
        last = text[each.start : each.end].rsplit("\n", 1)[-1]
        assert not last.startswith("##")


@pytest.mark.parametrize(
    "heading", ["TERMS AND CONDITIONS", "3 Terms", "3.1. Terms", "Article 7", "Terms\n-----", "# Terms"]
)
def test_headings(heading: str) -> None:
    """What stands alone as a title is a heading, in the usual ways to write one."""
    text = f"Before it.\n\n{heading}\n\n" + "Here is one sentence more. " * 40
    assert check(text, 60, 0)[-1].lead == heading.split("\n", maxsplit=1)[0] + "\n"


@pytest.mark.parametrize("line", ["3 bolts and a nut.", "IBM", "Dear Anna,", "# " + "x" * 200, "#5 of ten"])
def test_what_is_no_heading(line: str) -> None:
    """A sentence, an abbreviation, a greeting and a very long line are no headings."""
    text = f"Before it.\n\n{line}\n\n" + "Here is one sentence more. " * 40
    assert check(text, 100, 0)[-1].lead == ""


def test_pages_are_good_borders() -> None:
    """A page begins a chunk rather than any other line, whether by a form feed or by an offset."""
    page = "line of the page\n" * 10
    by_feed, by_offset = f"{page}\f{page}", page + page
    tokens = tokens_in(page) + 10
    assert [each.start for each in chunks(by_feed, tokens=tokens, overlap=0)][1] == len(page) + 1
    assert [each.start for each in chunks(by_offset, tokens=tokens, overlap=0, pages=[0, len(page)])][1] == len(page)
    assert [each.start for each in chunks(by_offset, tokens=tokens, overlap=0)][1] > len(page)


def test_the_overlap_is_of_sentences() -> None:
    """Chunks of a paragraph without lines share whole sentences."""
    text = "".join(f"This is sentence number {number} of them. " for number in range(60))
    cut = check(text, 100, 30)
    for one, two in pairwise(cut):
        assert two.start < one.end
        assert text[two.start :].startswith("This is")


def test_a_line_without_end() -> None:
    """A line that is longer than a chunk is cut at spaces, and where it has none, anywhere."""
    words = "word " * 5_000
    assert {words[each.start : each.end].strip("word ") for each in check(words, 200, 20)} == {""}
    assert all(words[each.start - 1] == " " for each in check(words, 200, 20)[1:])
    assert len(check("x" * 20_000, 200, 20)) > 10


def test_leads_have_a_limit() -> None:
    """Headings that would fill the chunk are left out, those above before those next to it."""
    text = "".join(f"{'#' * level} {'long title ' * 8}\n\n" for level in range(1, 7)) + "One sentence. " * 50
    leads = [each.lead for each in check(text, 100, 0)]
    assert leads[-1].startswith("######")


def test_a_header_that_is_too_long() -> None:
    """A header that is longer than a chunk is not carried along."""
    header = ",".join(f"column {number}" for number in range(5_000)) + "\n"
    text = header + "".join(",".join([str(row)] * 5_000) + "\n" for row in range(3))
    assert {each.lead for each in check(text, 500, 0)} == {""}
