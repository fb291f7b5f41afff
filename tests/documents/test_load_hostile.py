"""Files that are made to do harm: each ends in an error of that file, and in little time and memory."""

from __future__ import annotations

import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from extractor.documents.load import FileLimits, load
from extractor.errors import DocumentDamaged, DocumentEncrypted, DocumentError, DocumentTooLarge, DocumentUnsupported

sys.path.insert(0, str(Path(__file__).parent / "files"))

import made_files
from made_files import SAID, docx, epub, odt, pdf, png, xlsx, zipped

SMALL = FileLimits(max_bytes=10_000_000, max_unpacked=10_000_000, max_pages=50, max_characters=200_000, seconds=20)
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {each} "{f"&{before};" * 10}">' for before, each in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


def members(data: bytes) -> dict[str, bytes]:
    """What an archive holds."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(data: bytes, **parts: bytes) -> bytes:
    """The archive with other members, by their names (__ for a slash, _ for a point)."""
    return zipped(
        {**members(data), **{name.replace("__", "/").replace("_", "."): each for name, each in parts.items()}}
    )


def bomb() -> bytes:
    """A Word file of which the text unpacks to 20 MB."""
    return changed(docx(), word__document_xml=b"<a>" + b" " * 20_000_000 + b"</a>")


def lying() -> bytes:
    """The same, but it says that it would be small."""
    data = bytearray(bomb())
    size = struct.pack("<I", 20_000_007)
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<I", 1_000)
    return bytes(data)


def overlapping() -> bytes:
    """An archive of which many members are the same bytes."""
    inner = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = inner.compress(b" " * 1_000_000) + inner.flush()
    crc = zlib.crc32(b" " * 1_000_000)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), 1_000_000, 1, 0) + b"a" + packed
    entries = b""
    names = [b"[Content_Types].xml", b"word/document.xml", *(b"word/%d" % each for each in range(500))]
    for name in names:
        entries += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(packed), 1_000_000, len(name), 0, 0, 0, 0, 0, 0
        )
        entries += name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(entries), len(local), 0)
    return local + entries + end


def flagged() -> bytes:
    """An archive whose members are marked as encrypted."""
    data = bytearray(docx())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\1\2", at + 4)
    return bytes(data)


def endless_pdf(kids: str, count: int) -> bytes:
    """A PDF with such a tree of pages."""
    tree = f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode()
    return made_files.written_pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: tree}, b"/Root 1 0 R")


def sheet(cells: str) -> bytes:
    """An Excel file with such rows."""
    return xlsx(sheet=f"<sheetData>{cells}</sheetData>")


def wide(rows: int) -> bytes:
    """An Excel file that says little in very many columns."""
    inner = "".join(f'<row r="{at}"><c r="{chr(65 + at % 26)}{at}"><v>1</v></c></row>' for at in range(1, rows))
    columns = "".join(f'<c r="{chr(65 + one)}{chr(65 + two)}1"><v>1</v></c>' for one in range(26) for two in range(26))
    return sheet(f'<row r="1">{columns}</row>{inner}')


def sheets(repeated: int) -> bytes:
    """An OpenDocument spreadsheet with a cell that is there so many times."""
    cell = '<table:table-cell table:number-columns-repeated="{}"><text:p>{}</text:p></table:table-cell>'
    inner = f"<table:table-row>{cell.format(repeated, 'x' * 1_000) * 300}</table:table-row>"
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table")
    )
    whole = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet><table:table>{inner}"
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    return changed(odt(), content_xml=whole.encode(), mimetype=b"application/vnd.oasis.opendocument.spreadsheet")


def nested_mail(depth: int) -> bytes:
    """A message in a message in a message …"""
    heads = "".join(f"Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n" for at in range(depth))
    return b"From: a\nTo: b\nSubject: c\n" + heads.encode() + b"Content-Type: text/plain\n\ntext\n"


HOSTILE: dict[str, tuple[str, Callable[[], bytes], type[DocumentError], str]] = {
    "a zip bomb": ("a.docx", bomb, DocumentTooLarge, "unpacks to more than 10,000,000 bytes"),
    "a zip bomb that lies": ("a.docx", lying, DocumentDamaged, "cannot be unpacked"),
    "overlapping members": ("a.docx", overlapping, DocumentTooLarge, "unpacks"),
    "a bomb in an Excel file": (
        "a.xlsx",
        lambda: changed(xlsx(), xl__media__a_bin=b"\0" * 20_000_000),
        DocumentTooLarge,
        "unpacks",
    ),
    "a bomb in a book": ("a.epub", lambda: changed(epub(), x=b"\0" * 20_000_000), DocumentTooLarge, "unpacks"),
    "a bomb in an OpenDocument": ("a.odt", lambda: changed(odt(), x=b"\0" * 20_000_000), DocumentTooLarge, "unpacks"),
    "very many members": (
        "a.docx",
        lambda: zipped({**members(docx()), **{f"word/{at}": b"" for at in range(20_001)}}),
        DocumentTooLarge,
        "more than 20,000 files",
    ),
    "an archive in an archive": ("a.zip", lambda: zipped({"a.zip": bomb()}), DocumentUnsupported, "Unpack it"),
    "an encrypted archive": ("a.docx", flagged, DocumentEncrypted, "encrypted"),
    "an encrypted OpenDocument": (
        "a.odt",
        lambda: changed(odt(), **{"META-INF__manifest_xml": b"<a><encryption-data/></a>"}),
        DocumentEncrypted,
        "password",
    ),
    "billion laughs in a Word file": ("a.docx", lambda: docx(["&i;"], head=LAUGHS), DocumentDamaged, "XML entities"),
    "an external entity": (
        "a.docx",
        lambda: docx(["&i;"], head='<!DOCTYPE l [<!ENTITY i SYSTEM "file:///etc/passwd">]>'),
        DocumentDamaged,
        "XML entities",
    ),
    "billion laughs in a book": (
        "a.epub",
        lambda: changed(epub(), book_opf=(LAUGHS + "<l>&i;</l>").encode()),
        DocumentDamaged,
        "XML entities",
    ),
    "deep elements": (
        "a.docx",
        lambda: changed(docx(), word__document_xml=b"<w:p>" * 100_000 + b"</w:p>" * 100_000),
        DocumentTooLarge,
        "nests elements",
    ),
    "deep tables": (
        "a.docx",
        lambda: changed(docx(), word__document_xml=b"<tbl>" * 100_000 + b"</tbl>" * 100_000),
        DocumentTooLarge,
        "nests elements",
    ),
    "deep groups": ("a.rtf", lambda: b"{\\rtf1 " + b"{" * 1_000_000, DocumentTooLarge, "nests groups"),
    "deep messages": ("a.eml", lambda: nested_mail(3_000), DocumentTooLarge, "memory"),
    "very many pages": ("a.pdf", lambda: endless_pdf("3 0 R", 1_000_000_000), DocumentError, "a.pdf: "),
    "pages that are their own children": ("a.pdf", lambda: endless_pdf("2 0 R 2 0 R", 5), DocumentError, "a.pdf: "),
    "more pages than allowed": ("a.pdf", lambda: pdf(["x"] * 51), DocumentTooLarge, "more than 50 pages"),
    "more slides than allowed": ("a.pptx", lambda: made_files.pptx(["x"] * 51), DocumentTooLarge, "more than 50 pages"),
    "more text than allowed": ("a.pdf", lambda: pdf(["x" * 5_000] * 45), DocumentTooLarge, "max_characters"),
    "a long text": ("a.txt", lambda: b"x" * 200_001, DocumentTooLarge, "characters"),
    "a very long text": ("a.txt", lambda: b"x" * 2_000_001, DocumentTooLarge, "characters"),
    "a large file": ("a.txt", lambda: b"x" * 10_000_001, DocumentTooLarge, "max_bytes"),
    "a vast image": ("a.png", lambda: png(claimed=(100_000, 100_000)), DocumentTooLarge, "pixels"),
    "an image without a size": ("a.png", lambda: png(claimed=(0, 0)), DocumentDamaged, "how large"),
    "a table that is mostly empty": ("a.xlsx", lambda: wide(3_000), DocumentTooLarge, "characters"),
    "cells that are repeated": ("a.ods", lambda: sheets(999_999_999), DocumentTooLarge, "characters"),
    "very wide cells": (
        "a.html",
        lambda: b"<table>" + b"<tr><td colspan=999>x" * 1_000,
        DocumentTooLarge,
        "characters",
    ),
    "a program": ("a.pdf", lambda: b"\x7fELF" + b"\0" * 1_000, DocumentUnsupported, "a program"),
    "an archive": ("a.txt", lambda: b"\x1f\x8b\x08\0" + b"\0" * 100, DocumentUnsupported, "gzip.*Unpack"),
    "zero bytes in a text": ("a.txt", lambda: b"text" * 20_000 + b"\0", DocumentUnsupported, "zero bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case: str) -> None:
    """A file that is made to do harm ends in an error that says its name and what is wrong."""
    name, made, error, said = HOSTILE[case]
    with pytest.raises(error, match=said) as caught:
        load(made(), name=name, limits=SMALL)
    assert caught.value.message.startswith(f"{name}: ")
    assert len(str(caught.value)) < 400


HARMLESS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "entities in XML": ("a.xml", (LAUGHS + "<l>&i;</l>").encode, "<l>&i;</l>"),
    "entities in a drawing": ("a.svg", (LAUGHS + "<svg>&i;</svg>").encode, "<svg>&i;</svg>"),
    "entities in HTML": ("a.html", (LAUGHS + "<p>&i; here").encode, "here"),
    "deep HTML": ("a.html", lambda: b"<div>" * 200_000 + b"text", "text"),
    "deep tables in HTML": ("a.html", lambda: b"<table><tr><td>" * 50_000 + b"text", "text"),
    "tags that do not end": ("a.html", lambda: b"text<a " * 20_000, "text"),
    "quotes that do not end": ("a.html", lambda: b"text<a b='>" * 15_000 + b'<i c="', "text"),
    "comments that do not end": ("a.html", lambda: b"text<!--" * 20_000, "text"),
    "scripts that do not end": ("a.html", lambda: b"text" + b"<script>" * 20_000, "text"),
    "deep JSON": ("a.json", lambda: b"[" * 200_000, "["),
    "the largest sheet": (
        "a.xlsx",
        lambda: sheet(
            f'<row r="1"><c r="A1" t="str"><v>{SAID}</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
        ),
        SAID,
    ),
    "names that lead elsewhere": (
        "a.docx",
        lambda: zipped({**members(docx()), "../../evil": b"x", "/evil": b"x"}),
        SAID,
    ),
    "a relation that leads elsewhere": (
        "a.docx",
        lambda: changed(
            docx(),
            word___rels__document_xml_rels=b'<a><Relationship Id="a" Type="x/header" Target="../../../etc/a"/></a>',
        ),
        SAID,
    ),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_a_hostile_file_does_nothing(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a text all the same it is given; nothing is expanded, fetched or written."""
    monkeypatch.chdir(tmp_path)
    name, made, said = HARMLESS[case]
    assert said in load(made(), name=name, limits=SMALL).text
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------- what is no file


class Endless:
    """A stream that never ends."""

    def read(self, size: int) -> bytes:
        return b"x" * size


def test_a_stream_without_an_end() -> None:
    """No more is read of a stream than is allowed."""
    with pytest.raises(DocumentTooLarge, match="max_bytes"):
        load(Endless(), limits=SMALL)  # type: ignore[arg-type]


def test_a_stream_of_text(tmp_path: Path) -> None:
    """A stream that was opened as text is refused, and something else that is no file, too."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    with path.open() as stream, pytest.raises(DocumentError, match="binary mode"):
        load(stream)  # type: ignore[arg-type]
    with pytest.raises(DocumentError, match="int is no file"):
        load(3)  # type: ignore[arg-type]


def odd_files(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Paths of what is no regular file."""
    yield tmp_path, "folder"
    yield tmp_path / "none.pdf", "no such file"
    yield Path("a\0b"), "cannot be opened"
    yield Path("x" * 5_000), "cannot be opened"
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to(tmp_path / "none.pdf")
        yield tmp_path / "link", "link leads nowhere"
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        yield tmp_path / "loop", "cannot be opened"
        os.mkfifo(tmp_path / "pipe")
        yield tmp_path / "pipe", "pipe"
        yield Path("/dev/zero"), "device"
        yield Path("/dev/null"), "device"


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder, a pipe, a device or a link to nowhere is refused at once."""
    for path, said in odd_files(tmp_path):
        with pytest.raises(DocumentError, match=said):
            load(path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux has such files")
def test_files_that_the_system_makes_up() -> None:
    """A file of the system that has no end or no beginning is refused."""
    with pytest.raises(DocumentError, match="cannot be read"):
        load("/proc/self/mem", limits=SMALL)


def test_a_name_that_a_terminal_would_obey() -> None:
    """Names are shown without signs that a terminal obeys, and not at any length."""
    with pytest.raises(DocumentError) as caught:
        load(b"", name="a\x1b[31m\n" + "b" * 1_000)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400
