"""Office files: what stands in them, exactly."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from extractor.documents.load import load

sys.path.insert(0, str(Path(__file__).parent))

from made_files import SAID, docx, epub, odt, pptx, xlsx, zipped

ODD = "AT&amp;T &lt;b&gt; &#8364;5  two | &quot;q&quot; a*b_c #1"
PLAIN = 'AT&T <b> €5  two | "q" a*b_c #1'


def changed(data: bytes, parts: dict[str, str]) -> bytes:
    """The archive with other members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({**{name: archive.read(name) for name in archive.namelist()}, **parts})


@pytest.mark.parametrize("made", [docx, pptx, odt])
def test_signs_stay_as_they_are(made: object) -> None:
    """Nothing in a paragraph is left out or escaped."""
    assert callable(made)
    first = load(made([ODD])).text.split("\n")[0]
    assert first == (PLAIN.replace("  ", " ") if made is odt else PLAIN)


def word(*inner: str) -> str:
    """The text of a Word file with these paragraphs."""
    return load(docx([f"</w:t></w:r>{each}<w:r><w:t>" for each in inner], rows=())).text


def test_tabs_and_lines_in_word() -> None:
    """Tabs and line breaks are in the text; tab stops are not."""
    run = "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>"
    assert word(f'<w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>{run}') == "a\tb\nc-d"


def test_pages_in_word() -> None:
    """A page that was asked for, and one that Word made, begin behind form feeds; one marked twice begins once."""
    asked, made = '<w:r><w:br w:type="page"/></w:r>', "<w:r><w:lastRenderedPageBreak/></w:r>"
    one, two, three = ("<w:r><w:t>page</w:t></w:r>",) * 3
    assert word(one, asked, made + two, made + three) == "page\n\fpage\n\fpage"


def test_what_is_not_there_any_more_in_word() -> None:
    """Deleted text, field codes, and what is said again for old programs are left out."""
    inner = (
        "<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r>"
        "<mc:AlternateContent><mc:Choice><w:r><w:t> box</w:t></w:r></mc:Choice>"
        "<mc:Fallback><w:r><w:t> box</w:t></w:r></mc:Fallback></mc:AlternateContent>"
    )
    assert word(inner) == "new box"


def test_headers_and_footers_of_word() -> None:
    """What stands at the head of pages comes first and once, notes and feet behind the text."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    listed = [("header", "h1"), ("header", "h2"), ("footer", "f"), ("footnotes", "n")]
    relations = "".join(
        f'<Relationship Id="{name}" Type="{kind}/{each}" Target="{name}.xml"/>' for each, name in listed
    )
    part = "<w:hdr><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:hdr>"
    data = changed(
        docx(["Body"], rows=()),
        {
            "word/_rels/document.xml.rels": f"<Relationships>{relations}</Relationships>",
            **{f"word/{name}.xml": part.format(said) for name, said in (("h1", "Head"), ("h2", "Head"), ("f", "Foot"))},
            "word/n.xml": part.format("Note"),
        },
    )
    assert load(data).text.split() == ["Head", "Body", "Note", "Foot"]


def test_tables_in_word() -> None:
    """A cell of several columns is followed by empty ones; bars are escaped, lines joined, tables in cells text."""
    wide = '</w:t></w:r></w:p><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p><w:r><w:t>A|B'
    deep = (
        "x</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>y</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p><w:r><w:t>"
    )
    loaded = load(docx(["Before"], rows=[[wide, "C"], ["1", deep, "2"]]))
    assert loaded.text == "Before\n\n| A\\|B |  | C |\n| --- | --- | --- |\n| 1 | x y | 2 |"


def test_a_table_of_one_column() -> None:
    """A table of one column is what frames look like: it becomes lines."""
    loaded = load(docx(["Before"], rows=[["one"], ["two | three"]]))
    assert (loaded.text, loaded.tables) == ("Before\none\ntwo | three", ())


def test_what_a_file_says_of_itself() -> None:
    """Title and author are metadata; where they cannot be read the document is."""
    core = "<c:p><dc:title>T &amp; U</dc:title><dc:creator>Ann</dc:creator></c:p>"
    assert load(changed(docx(), {"docProps/core.xml": core})).metadata == {"title": "T & U", "author": "Ann"}
    assert load(changed(docx(), {"docProps/core.xml": "<a>"})).metadata == {}


# ------------------------------------------------------------------------------------------- sheets

STYLES = (
    '<s><numFmts><numFmt numFmtId="164" formatCode="[Red]dd/mm/yyyy&quot;s&quot;"/><numFmt numFmtId="165" '
    'formatCode="#,##0.00&quot; days&quot;"/><numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="10"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="20"/>'
    '<xf numFmtId="46"/><xf numFmtId="166"/></cellXfs></s>'
)
CELLS: list[tuple[str, str, str]] = [
    ('t="s"', "0", "shared & rich"),
    ('t="s"', "7", ""),
    ('t="b"', "1", "TRUE"),
    ('t="e"', "#DIV/0!", "#DIV/0!"),
    ('t="str"', "formula", "formula"),
    ("", "0.1", "0.1"),
    ("", "0.30000000000000004", "0.3"),
    ("", "1234567", "1234567"),
    ("", "1.2345678901234568E+16", "12345678901234568"),
    ("", "1.5E-3", "0.0015"),
    ("", "1e999", "1e999"),
    ('s="1"', "45322", "2024-01-31"),
    ('s="3"', "45322.5", "2024-01-31 12:00:00"),
    ('s="5"', "0.75", "18:00:00"),
    ('s="6"', "1.5", "36:00:00"),
    ('s="7"', "-0.0625", "-1:30:00"),
    ('s="2"', "0.19", "19%"),
    ('s="4"', "3.5", "3.5"),
    ('s="1"', "1e300", "1e300"),
    ('s="99"', "5", "5"),
    ("", "no number", "no number"),
]


def workbook(cells: str) -> bytes:
    """A workbook with styles and shared texts."""
    with zipfile.ZipFile(io.BytesIO(xlsx())) as archive:
        relations = archive.read("xl/_rels/workbook.xml.rels").decode()
    added = '<Relationship Id="s" Type="x/styles" Target="styles.xml"/><Relationship Id="t" Type="x/sharedStrings" '
    added += 'Target="/xl/sharedStrings.xml"/></Relationships>'
    strings = "<sst><si><r><t>shared</t></r><r><t> &amp; rich</t></r><rPh><t>spoken</t></rPh></si></sst>"
    return changed(
        xlsx(sheet=f"<sheetData>{cells}</sheetData>"),
        {
            "xl/styles.xml": STYLES,
            "xl/sharedStrings.xml": strings,
            "xl/_rels/workbook.xml.rels": relations.replace("</Relationships>", added),
        },
    )


@pytest.mark.parametrize(("attributes", "value", "said"), CELLS)
def test_cells_say_what_is_seen(attributes: str, value: str, said: str) -> None:
    """Numbers are shown as dates, times and percents where their format says so."""
    cells = f'<row r="1"><c r="A1" t="str"><v>first</v></c><c r="C1" {attributes}><v>{value}</v></c></row>'
    page = load(workbook(cells)).text.partition("\f")[0]
    assert (f"| first | {said} |" if said else "first") in page.split("\n")


def test_columns_without_anything_are_left_out() -> None:
    """Only rows and columns that say something are in the table, in the right order."""
    cells = '<row r="2"><c r="B2"><v>1</v></c><c r="D2"><v>2</v></c></row><row r="9"><c r="D9"><v>3</v></c></row>'
    assert "| 1 | 2 |\n| --- | --- |\n|  | 3 |" in load(xlsx(sheet=f"<sheetData>{cells}</sheetData>")).text


def test_sheets_are_pages() -> None:
    """Each sheet is a page that begins with its name."""
    loaded = load(xlsx())
    assert [loaded.text[at:].partition("\n")[0] for at in loaded.pages] == ["Costs", "More"]
    assert [table.page for table in loaded.tables] == [1]


# -------------------------------------------------------------------------------- OpenDocument, books


def test_spaces_in_opendocument() -> None:
    """Spaces, tabs and line breaks have elements; white space of the XML is one space."""
    marked = 'a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d\n   e<text:span>f</text:span>'
    assert load(odt([marked])).text.split("\n\n")[0] == "a   b\tc\nd ef"


def test_pages_in_opendocument() -> None:
    """A page that the program made begins behind a form feed; comments and deleted text are left out."""
    text = load(
        odt(["one<office:annotation><text:p>remark</text:p></office:annotation>", "<text:soft-page-break/>two"])
    )
    assert text.text.partition("\n\n")[0] == "one\n\ftwo"


def test_a_spreadsheet_of_opendocument() -> None:
    """Each sheet is a page with its name, and a cell that is there several times is said so often."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table")
    )
    cell = "<table:table-cell{}><text:p>{}</text:p></table:table-cell>"
    rows = f"{cell.format('', 'a')}{cell.format(' table:number-columns-repeated=' + chr(34) + '2' + chr(34), 'b')}"
    sheet = f'<table:table table:name="N"><table:table-row>{rows}</table:table-row></table:table>'
    content = f"<office:document-content {spaces}>{sheet * 2}</office:document-content>"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    loaded = load(zipped({"mimetype": kind, "content.xml": content}))
    assert loaded.text == ("N\n\n| a | b | b |\n| --- | --- | --- |\n\n\f" * 2).rstrip("\n\f")
    assert (loaded.media_type, len(loaded.pages)) == (kind, 2)


def test_slides_in_their_order() -> None:
    """Slides come in the order in which they are shown; one without text is a page, too."""
    assert load(pptx(["one", "", "three"])).text.split("\f")[2].strip() == "three"


def test_chapters_of_a_book() -> None:
    """A book is its chapters in order; one that is missing is a note."""
    loaded = load(epub())
    assert SAID in loaded.text
    assert loaded.metadata["title"] == "The invoice"
    with zipfile.ZipFile(io.BytesIO(epub())) as archive:
        less = zipped({name: archive.read(name) for name in archive.namelist() if name != "c1.xhtml"})
    assert load(less).notes == ("A chapter is missing.",)
