"""TIFF and BMP images, drawn as the pages that they are."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.batch.record import Record
from extractor.errors import DocumentError
from extractor.review.pictures import Pictures
from extractor.review.scans import as_pdf, is_scan

SIZE = 8
RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)
HALVES = bytes(RED * SIZE * 4 + BLUE * SIZE * 4)  # red above blue


def tiff(*pages: tuple[dict[int, Any], list[bytes]], order: str = "<") -> bytes:
    """Make a TIFF of pages: tags, and strips of packed pixels."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0"
    data = bytearray(head)
    link = 4
    for tags, strips in pages:
        places = []
        for strip in strips:
            places.append(len(data))
            data += strip
        every = {256: SIZE, 257: SIZE, 273: tuple(places), 279: tuple(map(len, strips)), **tags}
        entries = bytearray()
        for tag, value in sorted(every.items()):
            values = value if isinstance(value, tuple) else (value,)
            packed = struct.pack(f"{order}{len(values)}I", *values)
            if len(values) > 1:
                at = len(data)
                data += packed
                packed = struct.pack(order + "I", at)
            entries += struct.pack(order + "HHI", tag, 4, len(values)) + packed
        struct.pack_into(order + "I", data, link, len(data))
        data += struct.pack(order + "H", len(every)) + entries
        link = len(data)
        data += b"\0\0\0\0"
    return bytes(data)


def bmp(bits: int, rows: list[bytes], *, colours: bytes = b"", high: int = SIZE) -> bytes:
    """Make a BMP of rows of pixels, the lowest first."""
    pixels = b"".join(row + b"\0" * (-len(row) % 4) for row in rows)
    start = 54 + len(colours)
    head = struct.pack("<IiiHHIIiiII", 40, SIZE, high, 1, bits, 0, len(pixels), 0, 0, len(colours) // 4, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + colours + pixels


RGB: dict[int, Any] = {258: 8, 262: 2, 277: 3}
GRAY: dict[int, Any] = {258: 8, 262: 1, 277: 1}
TOP_RED = [bytes(BLUE[::-1] * SIZE)] * 4 + [bytes(RED[::-1] * SIZE)] * 4
ONE_BIT = b"\0" * 4 + b"\xff" * 4  # black above white
# A line of black, three lines like it, a line of white, and three lines like it: in Group 4 of ITU-T T.6.
GROUP_4 = int("00100110101000101" + "11" * 3 + "001100110000110111" + "1" * 3 + "000000000001" * 2, 2)


def _bits(number: int) -> bytes:
    many = number.bit_length() + 2  # it begins with 001
    return (number << (-many % 8)).to_bytes(-(-many // 8), "big")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    """Pictures of files beside the job."""
    made = Pictures(tmp_path_factory.mktemp("job"))
    yield made
    made.close()


def record_of(pictures: Pictures, data: bytes, name: str) -> Record:
    """Put a file there."""
    (pictures._beside / name).write_bytes(data)
    return Record(number=0, name=name, sha256=hashlib.sha256(data).hexdigest(), state="done")


def colours(png: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tell the colours in the middle of the upper and of the lower half of a PNG that we drew."""
    width, height, _, kind = struct.unpack_from(">IIBB", png, 16)
    step = {0: 1, 2: 3, 6: 4}[kind]
    rows = zlib.decompress(png[41:-16])
    found = []
    for part in (1, 3):
        at = (width * step + 1) * (height * part // 4) + 1 + step * (width // 2)
        found.append(tuple(rows[at : at + min(step, 3)]) * (3 if step == 1 else 1))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("plain.tif", tiff((RGB, [HALVES])), (RED, BLUE)),
        ("motorola.tiff", tiff((RGB, [HALVES]), order=">"), (RED, BLUE)),
        ("strips.tif", tiff(({**RGB, 278: 4}, [HALVES[:96], HALVES[96:]])), (RED, BLUE)),
        ("deflated.tif", tiff(({**RGB, 259: 8}, [zlib.compress(HALVES)])), (RED, BLUE)),
        ("packed.tif", tiff(({**GRAY, 259: 32773}, [b"\xe1\x00\xe1\xff"])), (BLACK, WHITE)),
        ("lzw.tif", tiff(({**GRAY, 259: 5, 257: 1}, [b"\x80\x00\x00\x60\x40"])), (BLACK, BLACK)),
        ("bits.tif", tiff(({258: 1, 262: 1}, [ONE_BIT])), (BLACK, WHITE)),
        ("inverted.tif", tiff(({258: 1, 262: 0}, [ONE_BIT])), (WHITE, BLACK)),
        ("fax.tif", tiff(({258: 1, 262: 0, 259: 4}, [_bits(GROUP_4)])), (BLACK, WHITE)),
        ("fax1.tif", tiff(({258: 1, 262: 1, 259: 4}, [_bits(GROUP_4)])), (WHITE, BLACK)),
        (
            "palette.tif",
            tiff(({258: 1, 262: 3, 320: (65535, 0, 0, 0, 0, 65535)}, [ONE_BIT])),
            (RED, BLUE),
        ),
        ("true.bmp", bmp(24, TOP_RED), (RED, BLUE)),
        ("down.bmp", bmp(24, TOP_RED, high=-SIZE), (BLUE, RED)),
        ("palette.bmp", bmp(8, [b"\1" * SIZE] * 4 + [b"\0" * SIZE] * 4, colours=b"\0\0\xff\0\xff\0\0\0"), (RED, BLUE)),
        ("two.bmp", bmp(1, [b"\xff"] * 4 + [b"\0"] * 4, colours=b"\0\0\0\0\xff\xff\xff\0"), (BLACK, WHITE)),
    ],
)
def test_they_are_drawn(
    pictures: Pictures, name: str, data: bytes, expected: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Whatever packs their pixels, the page is a PNG that looks like the image."""
    record = record_of(pictures, data, name)
    assert pictures.has_pages(record)
    found = pictures.pages(record)
    assert [page["width"] for page in found["pages"]] == [SIZE], found["notice"]
    image, kind = pictures.picture(record, 1, 100)
    assert kind == "image/png"
    assert colours(image) == expected


def test_a_tiff_may_have_several_pages(pictures: Pictures) -> None:
    """Each of its images is a page."""
    record = record_of(pictures, tiff((RGB, [HALVES]), (GRAY, [b"\0" * 64]), (GRAY, [b"\xff" * 64])), "pages.tif")
    assert len(pictures.pages(record)["pages"]) == 3
    assert colours(pictures.picture(record, 2, 100)[0]) == (BLACK, BLACK)
    assert colours(pictures.picture(record, 3, 100)[0]) == (WHITE, WHITE)


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0",
        b"BM" + b"\0" * 60,
        tiff(({**RGB, 256: 1 << 20, 257: 1 << 20}, [HALVES])),
        tiff(({**RGB, 259: 7}, [HALVES])),
        tiff(({**RGB, 258: 16}, [HALVES])),
        tiff(({**RGB, 273: (8,) * 1_000, 279: (192,) * 1_000}, [HALVES])),
        bmp(24, TOP_RED)[:-20],
        bmp(16, TOP_RED),
    ],
)
def test_what_cannot_be_drawn_is_said(pictures: Pictures, data: bytes) -> None:
    """A rare kind, a size that is none, or a file that breaks off is a notice in words."""
    record = record_of(pictures, data, f"{hashlib.sha256(data).hexdigest()}.tif")
    found = pictures.pages(record)
    assert found["pages"] == []
    assert found["notice"]


@given(st.sampled_from([b"II*\0", b"MM\0*", b"BM"]), st.binary(max_size=300))
def test_any_bytes_are_a_pdf_or_an_error(head: bytes, rest: bytes) -> None:
    """Whatever stands in the file, nothing else is raised."""
    assert is_scan(head + rest)
    with contextlib.suppress(DocumentError):
        assert as_pdf(head + rest).startswith(b"%PDF-")


@given(st.data())
def test_damaged_images_are_a_pdf_or_an_error(data: st.DataObject) -> None:
    """Also where a byte of a good one is another."""
    whole = bytearray(data.draw(st.sampled_from([tiff((RGB, [HALVES]), (GRAY, [b"a" * 64])), bmp(24, TOP_RED)])))
    at = data.draw(st.integers(4, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DocumentError):
        assert as_pdf(bytes(whole)).startswith(b"%PDF-")
