"""PDF documents opened, and their pages drawn as PNG images.

PDFium must not be used by two threads at a time: whoever uses it holds OPEN.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from extractor.chat.content import Image
from extractor.documents.files.limits import FileLimits, too_large
from extractor.errors import DocumentDamaged, DocumentEncrypted, DocumentTooLarge, MissingExtra

__all__ = ["drawn", "image_size", "missing", "opened", "page_images", "png_of"]

OPEN = threading.RLock()
LONGER = 2_000  # pixels of the longer side: what endpoints make of larger ones is no larger
_PASSWORD = 4  # FPDF_ERR_PASSWORD
PIXELS = 100_000_000  # of an image file: a page of A4 at 1,200 dots per inch has 140 million, one at 600 has 35


def missing(package: str) -> MissingExtra:
    """The error for a package of the extra that is not there."""
    return MissingExtra(
        f"Reading this kind of document needs the package {package}.", hint='Run: pip install "extractor[documents]"'
    )


def _pdfium() -> ModuleType:
    try:
        import pypdfium2
    except ImportError:
        raise missing("pypdfium2") from None
    module: ModuleType = pypdfium2
    return module


@contextlib.contextmanager
def opened(data: bytes, limits: FileLimits, password: str | None = None) -> Iterator[Any]:
    """The document, for this thread alone.

    Raises `DocumentEncrypted`, `DocumentDamaged`, `DocumentTooLarge` for too many pages, `MissingExtra`.
    """
    pdfium = _pdfium()
    with OPEN:
        try:
            document = pdfium.PdfDocument(data, password=password)
        except pdfium.PdfiumError as error:
            raise _refused(getattr(error, "err_code", None), password) from None
        try:
            if len(document) > limits.max_pages:
                raise too_large("has more than {} pages", limits.max_pages, "max_pages")
            if len(document) == 0:
                raise DocumentDamaged("It is a PDF without pages.")
            yield document
        except pdfium.PdfiumError:
            raise DocumentDamaged("It is a PDF of which a page cannot be read.") from None
        finally:
            document.close()


def _refused(code: int | None, password: str | None) -> DocumentEncrypted | DocumentDamaged:
    if code == _PASSWORD:
        if password is None:
            return DocumentEncrypted("It is a PDF that wants a password.", hint="Give it: password=…")
        return DocumentEncrypted("It is a PDF that wants another password.", hint="password= is wrong.")
    return DocumentDamaged("It is a PDF that breaks off or is not well-formed.", hint="Try to open and save it again.")


def page_images(data: bytes, limits: FileLimits, password: str | None = None) -> tuple[Image, ...]:
    """Each page as a PNG image, its longer side at most 2,000 pixels. Raises as `opened` does."""
    with opened(data, limits, password) as document:
        if document.get_formtype():
            document.init_forms()
        images: list[Image] = []
        size = 0
        for number in range(len(document)):
            page = document[number]
            try:
                image = drawn(page)
            finally:
                page.close()
            size += len(image)
            if size > limits.max_unpacked:
                raise too_large("has images of more than {} bytes", limits.max_unpacked, "max_unpacked")
            images.append(Image(data=image, media_type="image/png"))
        return tuple(images)


def drawn(page: Any) -> bytes:
    """A page as PNG."""
    width, height = page.get_size()
    longer = max(width, height)
    if not 0 < longer < 1e6 or not min(width, height) > 0:
        raise DocumentTooLarge("It has a page whose size is no size.")
    # 1 is 72 dots per inch; a label is not blown up to more than 300.
    bitmap = page.render(scale=min(LONGER / longer, 300 / 72), rev_byteorder=True)
    try:
        return png_of(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)
    finally:
        bitmap.close()


_COLOURS = {1: 0, 3: 2, 4: 6}


def png_of(pixels: bytes, width: int, height: int, stride: int, channels: int) -> bytes:
    """The PNG file of rows of pixels, without another package."""
    used = width * channels
    rows = b"".join(b"\0" + pixels[at : at + used] for at in range(0, stride * height, stride))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 4)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that an image file states, in pixels; None where they are not found."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
    elif data.startswith(b"GIF8") and len(data) >= 10:
        width, height = struct.unpack_from("<HH", data, 6)
    elif data.startswith(b"BM") and len(data) >= 26:
        width, height = struct.unpack_from("<ii", data, 18)
    elif data.startswith(b"RIFF"):
        return _webp_size(data)
    elif data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    elif data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_size(data, "<" if data.startswith(b"II") else ">")
    else:
        return None
    return abs(width), abs(height)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        mark = data[at + 1]
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if mark == 0xFF:
            at += 1  # any number of these may stand before a marker
        else:
            at += 2 if 0xD0 <= mark <= 0xD8 else 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _tiff_size(data: bytes, order: str) -> tuple[int, int] | None:
    if len(data) < 10:
        return None
    at = struct.unpack_from(order + "I", data, 4)[0]
    found: dict[int, int] = {}
    if at + 2 <= len(data):
        for number in range(struct.unpack_from(order + "H", data, at)[0]):
            entry = at + 2 + 12 * number
            if entry + 12 > len(data):
                break
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            if tag in (256, 257):
                found[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)[0]
    return (found[256], found[257]) if len(found) == 2 else None
