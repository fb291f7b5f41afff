"""The files of the demonstration of jobs: receipts of several kinds of file, and one that is damaged.

All are written with the standard library. The shops and what they sold are made up.
"""

from __future__ import annotations

import csv
import html
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

__all__ = ["TORN", "demo_files", "write_demo_files"]

TORN = "torn.docx"
"""The one that is damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Receipt:
    shop: str
    place: str
    date: str
    lines: tuple[tuple[str, str], ...]
    total: str

    @property
    def text(self) -> tuple[str, ...]:
        """Its lines as they are printed."""
        return (
            self.shop,
            self.place,
            "",
            f"Date: {self.date}",
            *(f"{name}  {price}" for name, price in self.lines),
            f"Total: {self.total}",
            "Thank you!",
        )


def _receipt(shop: str, place: str, date: str, total: str, *lines: tuple[str, str]) -> _Receipt:
    return _Receipt(shop=shop, place=place, date=date, lines=lines, total=total)


_RECEIPTS: Mapping[str, _Receipt] = {
    "bakery.txt": _receipt(
        "Corner Bakery", "12 Mill Lane, Leeds", "2025-03-14", "7.40", ("Rye bread", "4.20"), ("2 croissants", "3.20")
    ),
    "books.txt": _receipt(
        "Paper Moon Books", "3 Castle Street, York", "2025-02-01", "23.50", ("Atlas of rivers", "23.50")
    ),
    "cafe.html": _receipt(
        "Blue Door Cafe", "Harbour Road 8, Cork", "2025-04-02", "11.30", ("Soup", "6.80"), ("Tea", "4.50")
    ),
    "florist.html": _receipt("Green Stem Florist", "44 High Street, Bath", "2025-05-09", "18.00", ("Tulips", "18.00")),
    "garage.csv": _receipt(
        "Northway Garage", "Ring Road 5, Hull", "2025-01-22", "96.10", ("Oil change", "58.00"), ("Oil", "38.10")
    ),
    "hotel.eml": _receipt(
        "Hotel Lindenhof", "Seestrasse 2, Lindau", "2025-06-18", "142.00", ("1 night", "129.00"), ("Breakfast", "13.00")
    ),
    "taxi.eml": _receipt(
        "Harbour Taxi", "Station Square, Derby", "2025-03-03", "16.70", ("Ride", "15.20"), ("Luggage", "1.50")
    ),
    "hardware.docx": _receipt(
        "Hammer and Nail Hardware",
        "7 Dock Street, Bristol",
        "2025-02-27",
        "41.25",
        ("Drill bits", "19.75"),
        ("Varnish", "21.50"),
    ),
    "optician.docx": _receipt(
        "Clear View Optician", "19 Park Row, Leeds", "2025-04-30", "89.00", ("Glasses", "80.00"), ("Case", "9.00")
    ),
    "grocer.pdf": _receipt(
        "Fresh Fields Grocer", "60 Market Place, Ely", "2025-05-21", "32.85", ("Fruit", "14.35"), ("Cheese", "18.50")
    ),
    "museum.pdf": _receipt("Museum of Clocks", "1 Tower Hill, Wells", "2025-07-05", "24.00", ("2 tickets", "24.00")),
}


def write_demo_files(folder: Path) -> list[Path]:
    """Write all of them into a folder, which is made where it is not there; those that are there stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, content in demo_files().items():
        path = folder / name
        if not path.exists():
            path.write_bytes(content)
        paths.append(path)
    return paths


def demo_files() -> dict[str, bytes]:
    """Name → what is in the file."""
    made = {name: _WRITERS[name.rpartition(".")[2]](receipt) for name, receipt in _RECEIPTS.items()}
    # As after a transfer that broke off: a job goes on with the others.
    made[TORN] = made["hardware.docx"][:200]
    return made


def _txt(receipt: _Receipt) -> bytes:
    return "\n".join([*receipt.text, ""]).encode()


def _html(receipt: _Receipt) -> bytes:
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{price}</td></tr>\n" for name, price in receipt.lines)
    return (
        f"<!DOCTYPE html>\n<html><head><title>Receipt</title><style>td {{ padding: 4px }}</style></head>\n"
        f"<body><h1>{html.escape(receipt.shop)}</h1><p>{html.escape(receipt.place)}</p>\n"
        f"<p>Date: {receipt.date}</p>\n<table>{rows}</table>\n<p>Total: {receipt.total}</p></body></html>\n"
    ).encode()


def _csv(receipt: _Receipt) -> bytes:
    written = io.StringIO()
    rows = [("Shop", receipt.shop), ("Address", receipt.place), ("Date", receipt.date), *receipt.lines]
    csv.writer(written, lineterminator="\n").writerows([*rows, ("Total", receipt.total)])
    return written.getvalue().encode()


def _eml(receipt: _Receipt) -> bytes:
    message = EmailMessage()
    message["From"] = f"{receipt.shop} <office@shop.example>"
    message["To"] = "You <you@home.example>"
    message["Subject"] = "Your receipt"
    message.set_content("\n".join(receipt.text) + "\n")
    return bytes(message)


_DOCX = {
    "[Content_Types].xml": (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    ),
}


def _docx(receipt: _Receipt) -> bytes:
    paragraphs = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{html.escape(line, quote=False)}</w:t></w:r></w:p>'
        for line in receipt.text
    )
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{paragraphs}</w:body></w:document>"
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**_DOCX, "word/document.xml": document}.items():
            # A date of its own, so that the same file is written each time.
            archive.writestr(zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0)), content)
    return written.getvalue()


def _pdf(receipt: _Receipt) -> bytes:
    """One page, its lines from top to bottom."""
    shown = "".join(f"({_literal(line)}) Tj T*\n" for line in receipt.text)
    stream = f"BT /F1 12 Tf 16 TL 72 760 Td\n{shown}ET\n".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%sendstream" % (len(stream), stream),
    ]
    written = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return bytes(written) + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(written))
    )


def _literal(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


_WRITERS: Mapping[str, Callable[[_Receipt], bytes]] = {
    "txt": _txt,
    "html": _html,
    "csv": _csv,
    "eml": _eml,
    "docx": _docx,
    "pdf": _pdf,
}
