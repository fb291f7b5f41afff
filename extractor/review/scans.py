"""TIFF and BMP images, which not every browser shows, as a PDF that has them as its pages: PDFium can draw that.

Their pixels stay packed as they are: what a TIFF packs them with, PDF knows, too (Adobe TIFF 6.0; ISO 32000-1, 7.4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from extractor.errors import DocumentDamaged, DocumentTooLarge, DocumentUnsupported

__all__ = ["as_pdf", "is_scan"]

PAGES = 2_000
STRIPS = 20_000  # of all pages
PIXELS = 100_000_000  # of a page

_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_TURNED = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))
# How a TIFF packs its pixels, by its number, as a PDF names it.
_FILTERS: Mapping[int, bytes] = {
    1: b"",
    3: b"/CCITTFaxDecode",
    4: b"/CCITTFaxDecode",
    5: b"/LZWDecode",
    8: b"/FlateDecode",
    32946: b"/FlateDecode",
    32773: b"/RunLengthDecode",
}


def is_scan(data: bytes) -> str | None:
    """The media type where it is one of these."""
    return "image/tiff" if data[:4] in _TIFF else "image/bmp" if data[:2] == b"BM" else None


def as_pdf(data: bytes) -> bytes:
    """The PDF. Raises `DocumentDamaged`, `DocumentTooLarge`, and `DocumentUnsupported` for rarer kinds of it."""
    try:
        return _pdf(list(_pages(data)) if is_scan(data) == "image/tiff" else [_bitmap(data)])
    except (struct.error, IndexError, KeyError, ValueError, ZeroDivisionError):
        raise DocumentDamaged("It is an image that breaks off or is not well-formed.") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Strip:
    """Some rows of pixels, as they are packed, from the top; `turned` where the lowest is the first."""

    rows: int
    data: bytes
    kind: bytes  # the entries of its dictionary
    turned: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    width: int
    height: int
    stretch: float  # how much higher than wide a pixel is
    strips: Sequence[_Strip]


def _checked(width: int, height: int) -> tuple[int, int]:
    if not 0 < width * height <= PIXELS or width < 0:
        raise DocumentTooLarge("It is an image of a size that is not shown.")
    return width, height


# ------------------------------------------------------------------------------------------------- TIFF

_FORMATS = {1: "B", 3: "H", 4: "I", 5: "II"}  # of what stands in an entry
_WIDTH, _HEIGHT, _BITS, _PACKED, _MEANS, _FILL, _PLACES, _COLOURS, _ROWS, _SIZES = (
    256, 257, 258, 259, 262, 266, 273, 277, 278, 279,
)  # fmt: skip
_ACROSS, _DOWN, _PLANES, _FAX, _PREDICTED, _PALETTE = 282, 283, 284, 292, 317, 320


def _pages(data: bytes) -> Iterator[_Page]:
    order = _TIFF[data[:4]]
    (at,) = struct.unpack_from(order + "I", data, 4)
    seen: set[int] = set()
    strips = size = 0
    while at and at not in seen:
        seen.add(at)
        tags, at = _tags(data, order, at)
        page = _page(data, tags)
        strips += len(page.strips)
        size += sum(len(strip.data) for strip in page.strips)
        if len(seen) > PAGES or strips > STRIPS or size > len(data):
            raise DocumentTooLarge("It is an image of too many parts.")
        yield page


def _tags(data: bytes, order: str, at: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """What is said of a page, by the numbers of the tags; and where the next one is."""
    (count,) = struct.unpack_from(order + "H", data, at)
    found: dict[int, tuple[int, ...]] = {}
    for number in range(count):
        entry = at + 2 + 12 * number
        tag, kind, many = struct.unpack_from(order + "HHI", data, entry)
        if kind not in _FORMATS or many > STRIPS:
            continue
        form = order + _FORMATS[kind] * many
        size = struct.calcsize(form)
        place = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        found[tag] = struct.unpack_from(form, data, place)
    (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    return found, following


def _page(data: bytes, tags: Mapping[int, tuple[int, ...]]) -> _Page:
    width, height = _checked(tags[_WIDTH][0], tags[_HEIGHT][0])
    packed = tags.get(_PACKED, (1,))[0]
    if packed not in _FILTERS or _PLACES not in tags or tags.get(_PLANES, (1,))[0] != 1:
        raise DocumentUnsupported("It is a TIFF of a kind of which there is no picture.")
    if sum(tags[_SIZES]) > len(data):  # some place more than once: it would become many times as large
        raise DocumentTooLarge("It is an image of too many parts.")
    rows = min(tags.get(_ROWS, (height,))[0], height)
    strips = []
    for number, (place, size) in enumerate(zip(tags[_PLACES], tags[_SIZES], strict=True)):
        own = min(rows, height - number * rows)
        if own <= 0:
            break
        pixels = data[place : place + size]
        pixels = pixels.translate(_TURNED) if tags.get(_FILL, (1,))[0] == 2 else pixels
        strips.append(_Strip(rows=own, data=pixels, kind=_kind(tags, packed, width, own)))
    across, down = (tags.get(tag, (1, 1)) for tag in (_ACROSS, _DOWN))
    stretch = across[0] / across[1] / (down[0] / down[1]) if across[0] and down[0] else 1.0
    return _Page(width=width, height=height, stretch=min(4.0, max(0.25, stretch)), strips=strips)


def _kind(tags: Mapping[int, tuple[int, ...]], packed: int, width: int, rows: int) -> bytes:
    """The entries that say what the pixels mean, and how they are packed."""
    bits, colours = tags.get(_BITS, (1,))[0], tags.get(_COLOURS, (1,))[0]
    means = tags.get(_MEANS, (1,))[0]
    if bits not in (1, 2, 4, 8) or (means, colours) not in ((0, 1), (1, 1), (2, 3), (3, 1)):
        raise DocumentUnsupported("It is a TIFF of a kind of which there is no picture.")
    space = {2: b"/DeviceRGB", 3: _palette(tags.get(_PALETTE, ()), bits)}.get(means, b"/DeviceGray")
    said = [b"/BitsPerComponent %d /ColorSpace %s" % (bits, space)]
    if packed in (3, 4):
        code = -1 if packed == 4 else tags.get(_FAX, (0,))[0] & 1
        black = b"true" if means == 1 else b"false"
        said.append(b"/DecodeParms << /K %d /Columns %d /Rows %d /BlackIs1 %s >>" % (code, width, rows, black))
    elif means == 0:
        said.append(b"/Decode [1 0]")
    if tags.get(_PREDICTED, (1,))[0] == 2 and packed not in (3, 4):
        said.append(b"/DecodeParms << /Predictor 2 /Columns %d /Colors %d /BitsPerComponent %d >>" % (
            width, colours, bits,
        ))  # fmt: skip
    return b" ".join([*said, *([b"/Filter " + _FILTERS[packed]] if _FILTERS[packed] else [])])


def _palette(values: Sequence[int], bits: int) -> bytes:
    """All reds, then all greens, then all blues, of 16 bits each."""
    many = len(values) // 3
    each = zip(values[:many], values[many : 2 * many], values[2 * many : 3 * many], strict=True)
    colours = bytes(value >> 8 for colour in each for value in colour)
    return _indexed(colours, min(many, 1 << bits))


def _indexed(colours: bytes, many: int) -> bytes:
    return b"[/Indexed /DeviceRGB %d <%s>]" % (max(0, many - 1), colours[: 3 * many].hex().encode())


# -------------------------------------------------------------------------------------------------- BMP


def _bitmap(data: bytes) -> _Page:
    start, head, width, high, _, bits, packed = struct.unpack_from("<IIiiHHI", data, 10)
    width, height = _checked(width, abs(high))
    if head < 40 or packed not in (0, 3) or bits not in (1, 4, 8, 24, 32) or (packed == 3 and bits != 32):
        raise DocumentUnsupported("It is a BMP of a kind of which there is no picture.")
    used, stride = -(-width * bits // 8), -(-width * bits // 32) * 4
    rows = [data[at : at + used] for at in range(start, start + stride * height, stride)]
    pixels = b"".join(rows)
    if len(pixels) < used * height:
        raise DocumentDamaged("It is an image that breaks off.")
    kind = b"/BitsPerComponent 8 /ColorSpace /DeviceRGB"
    if bits >= 24:  # blue, green, red, and something that does not count
        step = bits // 8
        turned = bytearray(3 * width * height)
        for colour in range(3):
            turned[2 - colour :: 3] = pixels[colour::step]
        pixels = bytes(turned)
    else:
        (many,) = struct.unpack_from("<I", data, 46)
        many = min(many or 1 << bits, 1 << bits)
        table = data[14 + head : 14 + head + 4 * many]
        colours = bytes(each for at in range(0, len(table), 4) for each in table[at : at + 3][::-1])
        kind = b"/BitsPerComponent %d /ColorSpace %s" % (bits, _indexed(colours, many))
    strip = _Strip(rows=height, data=pixels, kind=kind, turned=high > 0)
    return _Page(width=width, height=height, stretch=1.0, strips=[strip])


# -------------------------------------------------------------------------------------------------- PDF


def _pdf(pages: Sequence[_Page]) -> bytes:
    """The file: its catalogue is object 1, the list of pages 2."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids: list[int] = []
    for page in pages:
        names, drawing, top = [], [], page.height * page.stretch
        for number, strip in enumerate(page.strips):
            high = strip.rows * page.stretch
            size = b"/Type /XObject /Subtype /Image /Width %d /Height %d /Length %d" % (
                page.width, strip.rows, len(strip.data),
            )  # fmt: skip
            objects.append(b"<< %s %s >> stream\n%s\nendstream" % (size, strip.kind, strip.data))
            names.append(b"/I%d %d 0 R" % (number, len(objects)))
            placed = f"{page.width} 0 0 {-high if strip.turned else high} 0 {top if strip.turned else top - high}"
            drawing.append(b"q %s cm /I%d Do Q" % (placed.encode(), number))
            top -= high
        content = b"\n".join(drawing)
        objects.append(b"<< /Length %d >> stream\n%s\nendstream" % (len(content), content))
        box = f"[0 0 {page.width} {page.height * page.stretch}]".encode()
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents %d 0 R /Resources << /XObject << %s >> >> >>"
            % (box, len(objects), b" ".join(names))
        )
        kids.append(len(objects))
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (listed, len(kids))
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    parts = [b"%PDF-1.7\n"]
    at, places = len(parts[0]), []
    for number, each in enumerate(objects, 1):
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, each))
        places.append(at)
        at += len(parts[-1])
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    many = len(objects) + 1
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n%s" % (many, table))
    parts.append(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (many, at))
    return b"".join(parts)
