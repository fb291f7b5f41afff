"""Real files of many kinds, made with the standard library only: `made()` gives them all, by name.

Each but the picture says `SAID`, and each with pages has `PAGES` of them.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

__all__ = ["PAGES", "SAID", "encrypted_pdf", "made", "pdf", "png", "zipped"]

SAID = "Invoice 4711"
PAGES = ("Invoice 4711 of Acme Ltd", "Second page: 19.99 EUR", "Third page, the last")
ROWS = (("Item", "Price"), ("Apples", "3.50"), ("Pears", "4.25"))

# ------------------------------------------------------------------------------------------------- PDF

_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_ID = b"0123456789abcdef"


def pdf(pages: Sequence[str] = PAGES, *, password: str | None = None, title: str = "The invoice") -> bytes:
    """A PDF with a line of text on each page; with the password it is encrypted (RC4, 40 bits, revision 2)."""
    key = None if password is None else _key(password)
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    for number, text in enumerate(pages):
        lines = "".join(f"1 0 0 1 72 {720 - 20 * at} Tm ({line}) Tj " for at, line in enumerate(text.split("\n")))
        stream = f"BT /F1 12 Tf {lines}ET".encode()
        at = 4 + 2 * number
        objects[at] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents " + f"{at + 1} 0 R >>".encode()
        )
        objects[at + 1] = _stream(stream if key is None else _rc4(_object_key(key, at + 1), stream))
    info = 4 + 2 * count
    name = title.encode()
    objects[info] = b"<< /Title <" + (name if key is None else _rc4(_object_key(key, info), name)).hex().encode()
    objects[info] += b"> >>"
    trailer = f"/Root 1 0 R /Info {info} 0 R".encode()
    if key is not None:
        objects[info + 1] = _encryption(key)
        trailer += f" /Encrypt {info + 1} 0 R /ID [<{_ID.hex()}> <{_ID.hex()}>]".encode()
    return written_pdf(objects, trailer)


def encrypted_pdf(password: str = "secret") -> bytes:
    """A PDF that is read with a password only."""
    return pdf(password=password)


def _stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length " + str(len(data)).encode() + more + b" >>\nstream\n" + data + b"\nendstream"


def written_pdf(objects: Mapping[int, bytes], trailer: bytes) -> bytes:
    """The file of numbered objects (from 1, none left out), with its table of references."""
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = {}
    for number, body in sorted(objects.items()):
        offsets[number] = out.tell()
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offsets[number] for number in sorted(objects))
    out.write(b"trailer\n<< /Size %d " % (len(objects) + 1) + trailer + b" >>\nstartxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    at = 0
    for number in range(256):
        at = (at + state[number] + key[number % len(key)]) % 256
        state[number], state[at] = state[at], state[number]
    first = at = 0
    out = bytearray()
    for byte in data:
        first = (first + 1) % 256
        at = (at + state[first]) % 256
        state[first], state[at] = state[at], state[first]
        out.append(byte ^ state[(state[first] + state[at]) % 256])
    return bytes(out)


def _owner() -> bytes:
    return _rc4(hashlib.md5(_PAD, usedforsecurity=False).digest()[:5], _PAD)


def _key(password: str) -> bytes:
    padded = (password.encode("latin-1") + _PAD)[:32]
    return hashlib.md5(padded + _owner() + struct.pack("<i", -4) + _ID, usedforsecurity=False).digest()[:5]


def _object_key(key: bytes, number: int) -> bytes:
    mixed = key + struct.pack("<I", number)[:3] + b"\0\0"
    return hashlib.md5(mixed, usedforsecurity=False).digest()[: len(key) + 5]


def _encryption(key: bytes) -> bytes:
    owner, user = _owner().hex(), _rc4(key, _PAD).hex()
    return f"<< /Filter /Standard /V 1 /R 2 /O <{owner}> /U <{user}> /P -4 >>".encode()


# ---------------------------------------------------------------------------------- zipped office files

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWN = "http://schemas.openxmlformats.org/drawingml/2006/main"
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"


def zipped(members: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    """A zip archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, kind)
    return out.getvalue()


def _office(part: str, kind: str, **more: str) -> dict[str, str]:
    """What every file of Microsoft's formats has beside its parts."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="application/vnd.openxmlformats-officedocument.{each}+xml"/>'
        for name, each in {part: kind, **more}.items()
    )
    types = (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
    return {"[Content_Types].xml": _XML + types, "_rels/.rels": _relations(("officeDocument", part))}


def _relations(*targets: tuple[str, str]) -> str:
    inner = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATED}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'


def docx(paragraphs: Sequence[str] = PAGES, *, rows: Sequence[Sequence[str]] = ROWS, head: str = "") -> bytes:
    """A Word file: paragraphs, and then a table. `head` stands before the document element."""

    def paragraph(text: str) -> str:
        return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"

    lines = "".join("<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows)
    body = "".join(map(paragraph, paragraphs)) + f"<w:tbl>{lines}</w:tbl>"
    document = f'{_XML}{head}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    kind = "wordprocessingml.document.main"
    return zipped({**_office("word/document.xml", kind), "word/document.xml": document})


def xlsx(rows: Sequence[Sequence[str]] = ((SAID, "Acme"), *ROWS), *, sheet: str | None = None) -> bytes:
    """An Excel file with two sheets; `sheet` is the content of the first one, if given."""
    lines = "".join(
        f'<row r="{number}">'
        + "".join(
            f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>' for at, cell in enumerate(row)
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    first = sheet or f"<sheetData>{lines}</sheetData>"
    second = '<sheetData><row r="1"><c r="A1"><v>42</v></c></row></sheetData>'
    book = (
        f'{_XML}<workbook xmlns="{_SHEET}" xmlns:r="{_RELATED}"><sheets><sheet name="Costs" sheetId="1" r:id="rId1"/>'
        '<sheet name="More" sheetId="2" r:id="rId2"/></sheets></workbook>'
    )
    spread = "spreadsheetml"
    sheets = {"xl/worksheets/sheet1.xml": f"{spread}.worksheet", "xl/worksheets/sheet2.xml": f"{spread}.worksheet"}
    return zipped(
        {
            **_office("xl/workbook.xml", f"{spread}.sheet.main", **sheets),
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": _relations(
                ("worksheet", "worksheets/sheet1.xml"), ("worksheet", "worksheets/sheet2.xml")
            ),
            "xl/worksheets/sheet1.xml": f'{_XML}<worksheet xmlns="{_SHEET}">{first}</worksheet>',
            "xl/worksheets/sheet2.xml": f'{_XML}<worksheet xmlns="{_SHEET}">{second}</worksheet>',
        }
    )


def pptx(slides: Sequence[str] = PAGES) -> bytes:
    """A PowerPoint file with a text on each slide."""
    names = [f"ppt/slides/slide{number}.xml" for number in range(1, len(slides) + 1)]
    listed = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number}"/>' for number in range(1, len(slides) + 1))
    drawn = f'xmlns:p="{_SLIDE}" xmlns:a="{_DRAWN}" xmlns:r="{_RELATED}"'
    show = f"{_XML}<p:presentation {drawn}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>"
    kinds = dict.fromkeys(names, "presentationml.slide")
    shape = (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="Text"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
        "<p:txBody><a:bodyPr/><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    return zipped(
        {
            **_office("ppt/presentation.xml", "presentationml.presentation.main", **kinds),
            "ppt/presentation.xml": show,
            "ppt/_rels/presentation.xml.rels": _relations(*(("slide", name.removeprefix("ppt/")) for name in names)),
            **{
                name: f"{_XML}<p:sld {drawn}><p:cSld><p:spTree>{shape.format(text)}</p:spTree></p:cSld></p:sld>"
                for name, text in zip(names, slides, strict=True)
            },
        }
    )


def odt(paragraphs: Sequence[str] = PAGES) -> bytes:
    """An OpenDocument text with a table."""
    inner = "".join(f"<text:p>{each}</text:p>" for each in paragraphs)
    lines = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in ROWS
    )
    body = f'{inner}<table:table table:name="Costs">{lines}</table:table>'
    spaces = " ".join(f'xmlns:{name}="{_OPEN}:{name}:1.0"' for name in ("office", "text", "table"))
    content = f"{_XML}<office:document-content {spaces}><office:body><office:text>{body}</office:text></office:body>"
    kind = "application/vnd.oasis.opendocument.text"
    manifest = (
        f'{_XML}<manifest:manifest xmlns:manifest="{_OPEN}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    members = {
        "mimetype": kind,
        "content.xml": content + "</office:document-content>",
        "META-INF/manifest.xml": manifest,
    }
    return zipped(members, stored=("mimetype",))


def epub(chapters: Sequence[str] = PAGES) -> bytes:
    """A book with a chapter for each text."""
    names = [f"c{number}.xhtml" for number in range(1, len(chapters) + 1)]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    package = (
        f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The invoice</dc:title>'
        '<dc:identifier id="id">1</dc:identifier><dc:language>en</dc:language></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        f'{_XML}<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body><p>{}</p></body></html>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "book.opf": package,
            **{name: _XML + page.format(text) for name, text in zip(names, chapters, strict=True)},
        },
        stored=("mimetype",),
    )


# --------------------------------------------------------------------------------------- texts and mail

HTML = f"""<!DOCTYPE html><html><head><title>The invoice</title><style>p {{ color: hidden-style }}</style>
<script>var hidden_script = 1;</script></head><body><h1>{SAID}</h1><p>Acme &amp; Sons</p>
<table><tr><th>Item</th><th>Price</th></tr><tr><td>Apples</td><td>3.50</td></tr></table></body></html>"""

RTF = r"{\rtf1\ansi\deff0{\fonttbl{\f0 Helvetica;}}\f0\fs24 Invoice 4711\par Caf\'e9 Acme\par}"


def eml() -> bytes:
    """A message with a text, and with a text file and a PDF attached."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@acme.example", "bob@example.org", "Your invoice"
    message["Date"] = "Mon, 01 Jan 2024 10:00:00 +0000"
    message.set_content(f"Dear Bob,\nhere is {SAID}.\n")
    message.add_attachment("The note says 815.", filename="note.txt")
    message.add_attachment(pdf(), maintype="application", subtype="pdf", filename="invoice.pdf")
    return message.as_bytes()


def png(width: int = 8, height: int = 8, *, claimed: tuple[int, int] | None = None) -> bytes:
    """A grey picture; `claimed` is the size that its header states, if not the true one."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def made() -> dict[str, bytes]:
    """All the files, by name."""
    return {
        "invoice.pdf": pdf(),
        "invoice.docx": docx(),
        "invoice.xlsx": xlsx(),
        "invoice.pptx": pptx(),
        "invoice.odt": odt(),
        "invoice.epub": epub(),
        "invoice.rtf": RTF.encode("ascii"),
        "invoice.eml": eml(),
        "invoice.html": HTML.encode(),
        "invoice.txt": f"{SAID}\nGrüße von Acme: 19,99 €\n".encode(),
        "invoice.md": f"# {SAID}\n\n| Item | Price |\n| --- | --- |\n| Apples | 3.50 |\n".encode(),
        "invoice.csv": f"number,item\r\n{SAID},Apples\r\n".encode("utf-8-sig"),
        "invoice.json": f'{{"number": "{SAID}"}}\n'.encode(),
        "invoice.jsonl": f'{{"number": "{SAID}"}}\n{{"number": 2}}\n'.encode(),
        "invoice.xml": f"<invoice><number>{SAID}</number></invoice>".encode("utf-16"),
        "invoice.yaml": f"number: {SAID}\n".encode(),
        "picture.png": png(),
    }
