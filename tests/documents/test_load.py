"""Files of many kinds: what comes of them, and how they are refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.chat.content import File, Image, content_of
from extractor.documents.files import others, rendering
from extractor.documents.files.kinds import named
from extractor.documents.load import FileLimits, load
from extractor.errors import (
    DocumentDamaged,
    DocumentEncrypted,
    DocumentError,
    DocumentTooLarge,
    DocumentUnsupported,
    MissingExtra,
    OptionError,
)
from extractor.evidence.source import source_of

sys.path.insert(0, str(Path(__file__).parent / "files"))

from made_files import PAGES, SAID, encrypted_pdf, made, pdf, png, written_pdf

MADE = made()
SAYING = [name for name in MADE if not name.endswith(".png")]


@pytest.mark.parametrize("name", SAYING)
def test_every_kind_says_what_it_says(name: str) -> None:
    """The text of a file holds what it says, with its name, its size and the hash of its bytes."""
    loaded = load(MADE[name], name=name)
    assert SAID in loaded.text
    assert loaded.content == loaded.text
    assert (loaded.name, loaded.size) == (name, len(MADE[name]))
    assert loaded.sha256 == hashlib.sha256(MADE[name]).hexdigest()
    assert loaded.notes == ()


@pytest.mark.parametrize("name", SAYING)
def test_the_content_says_what_a_file_is(name: str) -> None:
    """A file of a kind that has marks is read as what it is whatever its name, and without one."""
    right = load(MADE[name], name=name)
    if right.media_type.startswith(("text/", "message/")) or name.endswith((".json", ".jsonl", ".xml", ".yaml")):
        return
    assert load(MADE[name]).text == right.text
    wrong = load(MADE[name], name="file.txt")
    assert (wrong.text, wrong.media_type) == (right.text, right.media_type)
    assert len(wrong.notes) == 1


@pytest.mark.parametrize("name", ["invoice.pdf", "invoice.pptx"])
def test_pages_are_parted_by_form_feeds(name: str) -> None:
    """Pages begin behind form feeds, as those of every text do."""
    loaded = load(MADE[name], name=name)
    assert [page.strip() for page in loaded.text.split("\f")] == list(PAGES)
    assert loaded.pages == source_of(loaded.text).pages
    assert [loaded.text[at:].partition("\f")[0].strip() for at in loaded.pages] == list(PAGES)


@pytest.mark.parametrize("name", ["invoice.docx", "invoice.odt", "invoice.xlsx", "invoice.html"])
def test_tables_stand_in_the_text(name: str) -> None:
    """Tables are Markdown in the text, and their places are known."""
    loaded = load(MADE[name], name=name)
    (table,) = loaded.tables
    lines = loaded.text[table.start : table.end].split("\n")
    assert "| Apples | 3.50 |" in lines
    assert lines[1] == "| --- | --- |"
    assert loaded.text[: table.start].endswith("\n\n")


def test_a_path_a_string_and_a_stream(tmp_path: Path) -> None:
    """A document is a path, also as a string, or a stream, which is named by its file."""
    path = tmp_path / "invoice.pdf"
    path.write_bytes(MADE["invoice.pdf"])
    with path.open("rb") as stream:
        assert load(path) == load(str(path)) == load(stream)
    assert load(io.BytesIO(MADE["invoice.pdf"])).name == "document"
    assert load(bytearray(MADE["invoice.pdf"]), name="x").name == "x"


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading leaves no file behind, neither in the working directory nor in a cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in SAYING:
        load(MADE[name], name=name)
    assert list(tmp_path.rglob("*")) == []


# --------------------------------------------------------------------------------------------- PDF


def test_a_pdf_with_a_password() -> None:
    """A PDF with a password is read with it, and says so without it."""
    assert load(encrypted_pdf("secret"), password="secret").text == "\f".join(PAGES)
    with pytest.raises(DocumentEncrypted, match=r"^my\.pdf: .*wants a password.*password="):
        load(encrypted_pdf("secret"), name="my.pdf")
    with pytest.raises(DocumentEncrypted, match="another password"):
        load(encrypted_pdf("secret"), password="wrong")


def test_what_a_pdf_says_of_itself() -> None:
    """The title of a PDF is metadata."""
    assert load(MADE["invoice.pdf"]).metadata == {"title": "The invoice"}


def test_columns_of_a_pdf() -> None:
    """What stands far apart on a line is divided by a tab, words by spaces."""
    show = "BT /F1 12 Tf 1 0 0 1 {} 700 Tm ({}) Tj ET "
    drawing = "".join(show.format(at, text) for at, text in ((72, "Unit price"), (200, "1,234.50"), (280, "EUR")))
    assert load(drawn_pdf([drawing])).text == "Unit price\t1,234.50\tEUR"


def test_a_form_that_is_filled_in() -> None:
    """What is filled into a form is part of the text."""
    field = (
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ann Lee) /Rect [120 715 300 735] /F 4 "
        "/AP << /N 7 0 R >> >>"
    )
    look = b"BT /F1 12 Tf 2 4 Td (Ann Lee) Tj ET"
    head = f"<< /Type /XObject /Subtype /Form /BBox [0 0 180 20] {FONTS} /Length {len(look)} >>\nstream\n"
    more = {6: field.encode(), 7: head.encode() + look + b"\nendstream"}
    form = drawn_pdf(
        ["BT /F1 12 Tf 72 720 Td (Name:) Tj ET"],
        more=more,
        root="/AcroForm << /Fields [6 0 R] >>",
        page="/Annots [6 0 R]",
    )
    assert load(form).text.split() == ["Name:", "Ann", "Lee"]


def test_a_pdf_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page without text is recognised where that is possible; else there is a note, or an error for all pages."""
    scan, mixed = scanned_pdf([""]), scanned_pdf(["Words", ""])
    monkeypatch.setattr(others, "_languages", lambda: "")
    with pytest.raises(DocumentUnsupported, match=r"PDF of images.*tesseract"):
        load(scan)
    loaded = load(mixed)
    assert loaded.text == "Words\f"
    assert loaded.notes[0].startswith("Pages that are images were not read: 2.")
    monkeypatch.setattr(others, "_languages", lambda: "eng")
    monkeypatch.setattr(others, "_extracted", lambda *_, **__: SimpleNamespace(content="Seen"))
    assert load(scan).text == "Seen"
    assert load(mixed).text == "Words\fSeen"


def scanned_pdf(texts: list[str]) -> bytes:
    """A PDF whose pages have a grey square each, and some of them text."""
    words = [f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else "" for text in texts]
    return drawn_pdf([f"0.5 g 100 100 200 200 re f {each}" for each in words])


FONTS = "/Resources << /Font << /F1 3 0 R >> >>"


def drawn_pdf(drawings: list[str], *, more: dict[int, bytes] | None = None, root: str = "", page: str = "") -> bytes:
    """A PDF with what is drawn on each page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(drawings)))
    objects = {
        1: f"<< /Type /Catalog /Pages 2 0 R {root} >>".encode(),
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(drawings)} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        **(more or {}),
    }
    for number, drawing in enumerate(drawings):
        at = 4 + 2 * number
        body = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {FONTS} /Contents {at + 1} 0 R {page} >>"
        objects[at] = body.encode()
        objects[at + 1] = f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream".encode()
    return written_pdf(objects, b"/Root 1 0 R")


# ------------------------------------------------------------------------------------ parts instead


def test_pages_as_images() -> None:
    """The pages of a PDF are PNG images whose longer side has at most 2,000 pixels."""
    loaded = load(MADE["invoice.pdf"], as_="image")
    assert len(loaded.parts) == len(PAGES)
    assert loaded.text == ""
    for part in loaded.parts:
        assert isinstance(part, Image)
        assert part.data is not None
        size = rendering.image_size(part.data)
        assert size is not None
        assert max(size) == 2_000
    assert content_of(loaded.content)


def test_an_image_as_itself() -> None:
    """An image file is sent as it stands."""
    (part,) = load(MADE["picture.png"], as_="image").parts
    assert part == Image(data=MADE["picture.png"], media_type="image/png")


def test_what_is_no_image() -> None:
    """Only PDF and image files can be sent as images."""
    with pytest.raises(DocumentUnsupported, match="Word file, which cannot be sent as an image"):
        load(MADE["invoice.docx"], as_="image")


def test_a_file_as_it_stands() -> None:
    """A file can be sent as it stands, by the last part of its name."""
    (part,) = load(MADE["invoice.pdf"], name="in/invoice.pdf", as_="file").parts
    assert part == File(data=MADE["invoice.pdf"], filename="invoice.pdf", media_type="application/pdf")


def test_an_unknown_form() -> None:
    """What a document is to become is one of three words."""
    with pytest.raises(OptionError, match="as_ is 'words'"):
        load(b"x", as_="words")  # type: ignore[arg-type]


def test_text_in_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the data of tesseract, an image has no text that could be read, and it is said what to install."""
    monkeypatch.setattr(others, "_languages", lambda: "")
    with pytest.raises(DocumentUnsupported, match=r"^p\.png: .*needs tesseract.*apt install"):
        load(MADE["picture.png"], name="p.png")


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that needs a package names the extra that has it; others are read without."""
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.setitem(sys.modules, "kreuzberg", None)
    with pytest.raises(MissingExtra, match=r'pypdfium2.*pip install "extractor\[documents\]"'):
        load(MADE["invoice.pdf"])
    with pytest.raises(MissingExtra, match="kreuzberg"):
        load(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + "WordDocument".encode("utf-16-le"), name="a.doc")
    assert "left out" in load(MADE["invoice.eml"], name="a.eml").notes[0]
    for name in ("invoice.docx", "invoice.xlsx", "invoice.html", "invoice.rtf", "invoice.epub", "invoice.txt"):
        assert SAID in load(MADE[name], name=name).text


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("data", [b"", b" \n\t ", "\ufeff".encode(), b"<html><script>x</script></html>", pdf([""])])
def test_an_empty_document(data: bytes) -> None:
    """A document without any text is empty."""
    with pytest.raises(DocumentError, match=r"^e: The document is empty\."):
        load(data, name="e")


@pytest.mark.parametrize("name", [name for name in SAYING if MADE[name][:2] in (b"PK", b"%P")])
def test_a_file_that_breaks_off(name: str) -> None:
    """A file of which the end is missing is damaged."""
    with pytest.raises(DocumentDamaged):
        load(MADE[name][: len(MADE[name]) // 2], name=name)


@pytest.mark.parametrize("error", [DocumentDamaged, DocumentEncrypted, DocumentTooLarge, DocumentUnsupported])
def test_errors_survive_pickling(error: type[DocumentError]) -> None:
    """An error that comes from a child process is the same there."""
    again: Any = pickle.loads(pickle.dumps(error("a: b", hint="c")))
    assert (type(again), again.message, again.hint) == (error, "a: b", "c")


NAMES = st.sampled_from([*MADE, "a", "a.bin", "a.doc", "a.xls", "a.msg", "a.zip", "a.jpg"])
PIECES = st.sampled_from(
    [*MADE.values(), b"{\\rtf1 ", b"<table><tr><td>", b"PK\x03\x04", b"%PDF-1.7\n", b"\xff\xd8\xff"]
)


@settings(max_examples=150)
@given(
    name=NAMES,
    data=st.one_of(st.binary(), st.builds(lambda head, tail: head + tail, PIECES, st.binary(max_size=50))),
    cut=st.integers(0, 3_000),
)
def test_any_bytes_under_any_name(name: str, data: bytes, cut: int) -> None:
    """Whatever a file holds, it is read or refused; its text has neither zero bytes nor halves of characters."""
    for each in (data, data[cut:], data[:cut]):
        with contextlib.suppress(DocumentError):
            loaded = load(each, name=name)
            assert loaded.text.strip()
            assert "\0" not in loaded.text
            assert loaded.text.encode("utf-8")
            assert loaded.pages == source_of(loaded.text).pages


def test_limits_are_numbers() -> None:
    """A limit is a number from 0."""
    with pytest.raises(OptionError, match="max_pages"):
        FileLimits(max_pages=-1)


def test_the_general_reader() -> None:
    """What has no reader of its own is given in its order, with its tables and what it says of itself."""
    pytest.importorskip("kreuzberg")
    found = others.read_other(MADE["invoice.xlsx"], named_type(".xlsx"), FileLimits())
    (table, *_) = found.tables
    assert found.text.startswith("Costs\n")
    assert found.text[table.start : table.end].split("\n")[0] == "| Invoice 4711 | Acme |"
    message = others.read_other(MADE["invoice.eml"], named_type(".eml"), FileLimits())
    assert "Subject: Your invoice\n" in message.text
    assert message.notes[0] == "The attachment 'note.txt' was left out."


def named_type(ending: str) -> str:
    """The media type of an ending."""
    kind = named(ending.replace(".", "a."))
    assert kind is not None
    return kind.media_type


@pytest.mark.parametrize("name", ["WordDocument", "Workbook", "PowerPoint Document", "__properties_version1.0"])
def test_an_old_file_that_is_none(name: str) -> None:
    """An old office file that holds nothing is damaged."""
    pytest.importorskip("kreuzberg")
    with pytest.raises(DocumentDamaged, match=r"^old: "):
        load(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + name.encode("utf-16-le"), name="old")


@pytest.mark.parametrize("size", [(7, 5), (300, 2)])
def test_the_size_of_an_image_whose_markers_are_filled_up(size: tuple[int, int]) -> None:
    """Any number of bytes may fill up the place before a marker of a JPEG image."""
    width, height = size
    frame = b"\xff\xc0" + struct.pack(">HBHH", 11, 8, height, width) + b"\1\1\x11\0"
    for filled in range(4):
        image = b"\xff\xd8\xff\xe0\0\4\0\0" + b"\xff" * filled + frame + b"\xff\xd9"
        assert rendering.image_size(image) == size


@pytest.mark.parametrize("size", [(7, 5), (300, 2)])
def test_the_size_of_an_image(size: tuple[int, int]) -> None:
    """The size of an image is read from its header."""
    assert rendering.image_size(png(*size)) == size
