"""The pages of documents, as a person sees them."""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extractor.batch.record import Record
from extractor.documents.load import load
from extractor.errors import DocumentDamaged, DocumentError
from extractor.review.pictures import Pictures
from extractor.review.render_worker import aligned, lines_of

sys.path.insert(0, str(Path(__file__).parents[1] / "documents" / "files"))

from made_files import encrypted_pdf, pdf, png, written_pdf


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[Pictures]:
    """Pictures of files beside the job."""
    made = Pictures(tmp_path / "job", [tmp_path / "scans"])
    yield made
    made.close()


def _record(data: bytes, name: str, **known: Any) -> Record:
    sha256 = hashlib.sha256(data).hexdigest()
    return Record(**{"number": 0, "name": name, "sha256": sha256, "state": "done", **known})


def _scan(tmp_path: Path, data: bytes, name: str = "scans/a.pdf") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_pages_are_drawn_and_know_their_letters(pictures: Pictures, tmp_path: Path) -> None:
    """A PDF has pages, images of them, and lines with the places of their letters on the page and in the text."""
    path = _scan(tmp_path, pdf())
    loaded = load(path)
    record = _record(path.read_bytes(), "a.pdf", text=loaded.text, pages=loaded.pages, media_type=loaded.media_type)
    assert pictures.has_pages(record)
    pages = pictures.pages(record)
    assert pages["notice"] is None
    assert pages["pages"][0] == {"number": 1, "width": 612.0, "height": 792.0}
    image, kind = pictures.picture(record, 1, 555)
    assert (image[:4], kind) == (b"\x89PNG", "image/png")
    assert pictures.picture(record, 1, 590)[0] is image
    (line,) = pictures.lines(record, 2)["lines"]
    assert loaded.text[line["start"] :].startswith(line["text"])
    assert len(line["at"]) == len(line["text"]) + 1
    assert line["at"] == sorted(line["at"])
    assert all(0 <= each <= 1 for each in (*line["box"], *line["at"]))
    with pytest.raises(DocumentDamaged):
        pictures.picture(record, 99, 500)
    other = _record(path.read_bytes(), "a.pdf", text="Another text\fand\fmore", pages=(0, 13, 17))
    assert pictures.lines(other, 1)["lines"] == []
    assert "not that of the job" in pictures.lines(other, 1)["notice"]
    assert pictures.lines(other, 77)["notice"]


def _turned(turn: int, crop: str) -> bytes:
    """Make a page of 400 x 300 with a word near its lower left corner, turned and cropped."""
    more = f"/MediaBox [0 0 400 300] /CropBox {crop} /Rotate {turn} ".encode()
    stream = b"BT /F1 20 Tf 1 0 0 1 100 60 Tm (Total) Tj ET"
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        4: b"<< /Type /Page /Parent 2 0 R " + more + b"/Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>",
        5: b"<< /Length %d >> stream\n%s\nendstream" % (len(stream), stream),
    }
    made: bytes = written_pdf(objects, b"/Root 1 0 R")
    return made


def _ink(png_file: bytes) -> tuple[float, float, float, float]:
    """Tell where a PNG that we drew is not white, as fractions of it."""
    width, height, _, kind = struct.unpack_from(">IIBB", png_file, 16)
    step = {0: 1, 2: 3, 6: 4}[kind]
    rows = zlib.decompress(png_file[41:-16])
    xs, ys = set(), set()
    for y in range(height):
        row = rows[y * (width * step + 1) + 1 : (y + 1) * (width * step + 1)]
        dark = {at // step for at, value in enumerate(row) if value < 128 and at % step < 3}
        xs |= dark
        ys |= {y} if dark else set()
    return min(xs) / width, min(ys) / height, (max(xs) + 1) / width, (max(ys) + 1) / height


@pytest.mark.parametrize("crop", ["[0 0 400 300]", "[50 20 350 220]"])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_and_cropped_pages_have_their_boxes(pictures: Pictures, tmp_path: Path, turn: int, crop: str) -> None:
    """The box of a line is around its ink on the page as it is drawn."""
    path = _scan(tmp_path, _turned(turn, crop))
    loaded = load(path)
    record = _record(path.read_bytes(), "a.pdf", text=loaded.text, pages=loaded.pages)
    (page,) = pictures.pages(record)["pages"]
    width, height = (400, 300) if crop == "[0 0 400 300]" else (300, 200)
    assert (page["width"], page["height"]) == ((width, height) if turn % 180 == 0 else (height, width))
    (line,) = pictures.lines(record, 1)["lines"]
    left, top, right, bottom = line["box"]
    ink = _ink(pictures.picture(record, 1, 600)[0])
    assert line["text"] == "Total"
    assert (left - 0.01 <= ink[0], top - 0.01 <= ink[1]) == (True, True)
    assert (right + 0.01 >= ink[2], bottom + 0.01 >= ink[3]) == (True, True)
    assert (right - left) * (bottom - top) < 3 * (ink[2] - ink[0]) * (ink[3] - ink[1])  # loose, but no more than that
    assert all(0 <= each <= 1 for each in line["at"])


def test_a_file_is_found_under_each_name(pictures: Pictures, tmp_path: Path) -> None:
    """Where several files are the same, whichever is there is shown; not under more names than a few."""
    _scan(tmp_path, pdf(), "scans/copy.pdf")
    record = _record(pdf(), "gone.pdf")
    assert not pictures.has_pages(record)
    assert pictures.has_pages(record, ("gone.pdf", "copy.pdf"))
    assert pictures.pages(record, [f"{number}.pdf" for number in range(100)] + ["copy.pdf"])["pages"] == []
    assert len(pictures.pages(record, ("gone.pdf", "copy.pdf"))["pages"]) == 3


def test_what_draws_may_crash(pictures: Pictures, tmp_path: Path) -> None:
    """Where the process that draws is gone, another takes its place."""
    record = _record(_scan(tmp_path, pdf()).read_bytes(), "a.pdf")
    assert pictures.pages(record)["pages"]
    process = pictures._renderer._process
    assert process is not None
    process._child.kill()
    assert pictures.picture(record, 1, 100)[0]


@pytest.mark.parametrize("data", [b"%PDF-1.4\nbroken", encrypted_pdf()])
def test_what_cannot_be_opened_is_said(pictures: Pictures, tmp_path: Path, data: bytes) -> None:
    """A PDF that is damaged, or wants a password, has no pages, and says why."""
    record = _record(_scan(tmp_path, data).read_bytes(), "a.pdf")
    found = pictures.pages(record)
    assert found["pages"] == []
    assert found["notice"]


def test_an_image_is_its_page(pictures: Pictures, tmp_path: Path) -> None:
    """An image file is shown as it is, with a type that its first bytes tell; SVG is not shown."""
    record = _record(_scan(tmp_path, png(), "scans/a.svg").read_bytes(), "a.svg", media_type="image/png")
    assert len(pictures.pages(record)["pages"]) == 1
    assert pictures.picture(record, 1, 100) == (png(), "image/png")
    assert pictures.lines(record, 1)["lines"] == []
    vector = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    drawn = _record(_scan(tmp_path, vector, "scans/b.png").read_bytes(), "b.png")
    assert "no picture" in pictures.pages(drawn)["notice"]


@pytest.mark.parametrize("name", ["../secret.pdf", "/etc/passwd", "sub/../../secret.pdf", "\0", "x" * 5_000, ""])
def test_a_job_shows_no_file_that_its_author_had_not(pictures: Pictures, tmp_path: Path, name: str) -> None:
    """A name in a job leads to no file whose content is not the one that the job knows."""
    _scan(tmp_path, b"%PDF secret", "secret.pdf")
    record = _record(b"guessed", name, media_type="application/pdf")
    assert pictures.pages(record)["pages"] == []
    with pytest.raises(DocumentError):
        pictures.picture(record, 1, 100)


def test_a_file_that_has_changed_is_not_shown(pictures: Pictures, tmp_path: Path) -> None:
    """Where the file is another one by now, it says so."""
    record = _record(pdf(), "a.pdf")
    assert "not here" in pictures.pages(record)["notice"]
    _scan(tmp_path, pdf(["changed"]))
    assert "has changed" in pictures.pages(record)["notice"]


@pytest.mark.parametrize(
    ("said", "text", "places"),
    [
        ("ab\r\ncd", "ab\ncd", [0, 1, 2, 4, 5]),
        ("a\x02\r\nb", "a-\nb", [0, 1, None, 4]),
        ("a b  ", "a\tb", [0, 1, 2]),
        ("a\x01b", "a b", [0, 1, 2]),
        ("ab", "ax", None),
        ("", "a", None),
    ],
)
def test_letters_are_aligned(said: str, text: str, places: list[int | None] | None) -> None:
    """What reading changes in a page's text is undone, letter by letter; another text is not aligned."""
    assert aligned(said, text) == places


def test_lines_have_borders() -> None:
    """Each line has a box, and borders that never go back; lines without any place are left out."""
    boxes = [(0.1, 0.1, 0.2, 0.2), None, (0.15, 0.1, 0.3, 0.2), None, None]
    (line,) = lines_of("abc\nd", boxes, 10)
    assert line == {"start": 10, "text": "abc", "box": [0.1, 0.1, 0.3, 0.2], "at": [0.1, 0.2, 0.2, 0.3]}
