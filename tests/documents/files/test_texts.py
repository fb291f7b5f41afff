"""Texts, pages, messages and RTF: nothing of what they say is lost."""

from __future__ import annotations

import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.documents.files.plain import decoded
from extractor.documents.load import load
from extractor.errors import DocumentDamaged, DocumentUnsupported

sys.path.insert(0, str(Path(__file__).parent))

from made_files import PAGES, SAID, docx, eml, pdf

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1)


@given(text=TEXT.filter(str.strip), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_a_text_is_the_same(text: str, encoding: str) -> None:
    """A text in any form of Unicode is given as it stands, its line ends included."""
    if encoding == "utf-8" and sum(sign < " " for sign in text) > len(text) // 200:
        return  # it looks like no text
    assert decoded(text.encode(encoding)) == (text, ())


def test_a_text_in_another_encoding() -> None:
    """A text that is not Unicode is read as what is stated or declared; else as windows-1252, which is noted."""
    data = "Größe: 5 €".encode("cp1252")
    loaded = load(data, name="a.txt")
    assert loaded.text == "Größe: 5 €"
    assert "windows-1252" in loaded.notes[0]
    assert load("Größe".encode("cp850"), media_type="text/plain; charset=cp850").text == "Größe"
    declared = '<?xml version="1.0" encoding="ISO-8859-2"?><a>Łódź</a>'
    assert load(declared.encode("iso-8859-2"), name="a.xml").text == declared
    assert load('<meta charset="koi8-r"><p>Привет'.encode("koi8-r"), name="a.html").text == "Привет"
    assert "latin-1" in load(b"a\x81\xe9", name="a.txt").notes[0]


@pytest.mark.parametrize("charset", ["utf-16", "ascii", "no-such", "idna", "zip", "unicode_escape"])
def test_a_wrong_encoding(charset: str) -> None:
    """A text that is not in the encoding that was stated is damaged."""
    with pytest.raises(DocumentDamaged, match=charset):
        load("Größen!".encode(), media_type=f"text/plain; charset={charset}")


def test_binary_content() -> None:
    """What is binary is no text, whatever its name says."""
    with pytest.raises(DocumentUnsupported, match="binary"):
        load(bytes(range(32)) * 10, name="a.txt")


def test_form_feeds_are_pages() -> None:
    """A text with form feeds has pages."""
    assert load(b"one\ftwo").pages == (0, 4)


# --------------------------------------------------------------------------------------------- HTML


HTML = [
    ("<p>a<p>b", "a\n\nb"),
    ("<div>a<div>b</div>c</div>d", "a\nb\nc\nd"),
    ("a<br>b<br/>c", "a\nb\nc"),
    ("a <b>bold</b>  and\n<i>more</i>", "a bold and more"),
    ("<ul><li>one<li>two</ul>", "- one\n- two"),
    ("<pre>a  b\n c</pre>", "a  b\n c"),
    ("AT&amp;T &euro;5 &lt;b&gt; &nbsp;x", "AT&T €5 <b> \xa0x"),
    ("1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3"),
    ("a<!-- > no -->b<!doctype x>c<?php no ?>d", "abcd"),
    ("<script>no</script><style>no</style><template>no</template>a", "a"),
    ('<p hidden>no</p><p style="display: none">no</p><div style="color:none">b</div>', "b"),
    ('<a title="x > y" href=\'z > "q"\'>link</a>', "link"),
    ("<p title=it's>a</p>it's", "a\n\nit's"),
    ("<svg><text>drawn</text></svg>", "drawn"),
    ("<dl><dt>Term<dd>Meaning</dl>", "Term\nMeaning"),
    ('Name: <input value="Ann"><input type=hidden value=no><textarea>Long</textarea>', "Name: AnnLong"),
    ("<table><tr><td>a|b<td>c</tr><tr><td colspan=2>d</table>e", "| a\\|b | c |\n| --- | --- |\n| d |  |\n\ne"),
    ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", "| a | b c |\n| --- | --- |"),
    ("<td>a</td><td>b", "a\nb"),
    ("<title>T</title><script>a</script >b", "b"),
]


@pytest.mark.parametrize(("page", "text"), HTML)
def test_what_a_page_says(page: str, text: str) -> None:
    """The text of a page is what its reader sees."""
    assert load(page.encode(), name="a.html").text == text


def test_a_page_without_a_name() -> None:
    """A page is known by how it begins; one that is named as a text is taken as a text."""
    page = b"<!-- a --><!DOCTYPE html><html><p>a</html>"
    assert (load(page).text, load(page).media_type) == ("a", "text/html")
    assert load(page, name="a.txt").text == page.decode()
    assert load(page, name="a.pdf").notes == ("Its name ends as that of a PDF does, but it is an HTML page.",)


# ---------------------------------------------------------------------------------------------- RTF

RTF = [
    (r"{\rtf1 a\par b\line c\tab d}", "a\nb\nc\td"),
    (r"{\rtf1 AT&T \'e9 \u8364? \u-10179?\u-8704? x}", "AT&T é € 😀 x"),
    (r"{\rtf1{\fonttbl{\f0 Arial;}{\f1\fcharset204 Times;}}\f0 a{\f1\'cf\'f0}b}", "aПрb"),
    (r"{\rtf1\ansicpg1250 \'b3}", "ł"),
    (r"{\rtf1\uc2\u8364 ab c{\uc0\u8364 d}}", "€ c€d"),
    (r"{\rtf1 a{\*\unknown no}{\pict ffff}{\v no}\v no\v0 b}", "ab"),
    (r"{\rtf1 one\page two}", "one\n\ftwo"),
    (r"{\rtf1 \{a\}\\\~b\_c\emdash}", "{a}\\\xa0b-c—"),
    (r"{\rtf1{\field{\*\fldinst HYPERLINK no}{\fldrslt link}}}", "link"),
    (r"{\rtf1 a\bin4 }{\\b}", "ab"),
    (r"{\rtf1{\shp{\*\shpinst{\sp{\sn no}{\sv no}}{\shptxt box}}}}", "box"),
    (
        r"{\rtf1 a\par\trowd\cellx1\cellx2\intbl b\cell c\cell\row\trowd\intbl d\cell e|f\cell\row\pard g\par}",
        "a\n\n| b | c |\n| --- | --- |\n| d | e\\|f |\n\ng",
    ),
    (r"{\rtf1 not closed", "not closed"),
]


@pytest.mark.parametrize(("data", "text"), RTF)
def test_what_an_rtf_says(data: str, text: str) -> None:
    """The text of an RTF file has its signs, lines, pages and tables."""
    assert load(data.encode("latin-1")).text == text


def test_what_an_rtf_says_of_itself() -> None:
    """Title and author of an RTF file are metadata, and no text."""
    loaded = load(rb"{\rtf1{\info{\title The \'e9}{\author Ann}}text}")
    assert (loaded.text, loaded.metadata) == ("text", {"title": "The é", "author": "Ann"})


# ------------------------------------------------------------------------------------------- e-mail


def test_a_message_and_what_is_attached() -> None:
    """Headers and text come first; what is attached follows, each with its name, on pages of its own."""
    loaded = load(eml(), name="a.eml")
    pages = loaded.text.split("\f")
    assert pages[0].startswith("From: ann@acme.example\nTo: bob@example.org\nDate: ")
    assert pages[0].endswith(f"\n\nDear Bob,\nhere is {SAID}.\n")
    assert pages[1].strip() == "Attachment: note.txt\n\nThe note says 815."
    assert pages[2] == f"Attachment: invoice.pdf\n\n{PAGES[0]}"
    assert pages[3:] == list(PAGES[1:])
    assert loaded.metadata["subject"] == "Your invoice"


def message(**attached: bytes) -> EmailMessage:
    """A message with a text and with files, by their names (_ for a point)."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@b.example", "c@d.example", "Größe"
    made.set_content("text")
    for name, data in attached.items():
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name.replace("_", "."))
    return made


def test_places_of_tables_in_what_is_attached() -> None:
    """Tables in attachments are where they stand in the whole."""
    loaded = load(message(a_docx=docx(), b_docx=docx()).as_bytes())
    assert [loaded.text[table.start : table.end].split("\n")[0] for table in loaded.tables] == ["| Item | Price |"] * 2
    assert [table.page for table in loaded.tables] == [2, 3]
    assert "Subject: Größe" in loaded.text


def test_what_cannot_be_read_is_noted() -> None:
    """An attachment that cannot be read is a note, and so is what is attached to an attached message."""
    inner = message(c_pdf=pdf()).as_bytes()
    loaded = load(message(bad_pdf=b"%PDF-1.4", x_bin=b"\0" * 99, inner_eml=inner).as_bytes())
    assert [note.partition(" was left out")[0] for note in loaded.notes] == [
        "The attachment 'bad.pdf'",
        "The attachment 'x.bin'",
        "'inner.eml': What is attached to an attached message",
    ]
    assert "Attachment: inner.eml" in loaded.text


def test_a_message_as_a_page_only() -> None:
    """A message that is only a page is read as one; of a text and a page that say the same, the text is taken."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@b.example", "c@d.example", "S"
    made.set_content("<div>on the page</div>", subtype="html")
    assert load(made.as_bytes()).text.endswith("\n\non the page")
    both = message()
    both.add_alternative("<p>on the page</p>", subtype="html")
    assert load(both.as_bytes()).text.endswith("\n\ntext")
