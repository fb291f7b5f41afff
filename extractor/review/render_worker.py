"""The child process that opens PDFs for the review server: draws their pages, and tells where each letter of them is.

PDFium reads whatever was sent to somebody. Here it may crash, hang or eat memory without harm to the server.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from extractor.documents.files.limits import FileLimits
from extractor.documents.files.pdf import HYPHEN
from extractor.documents.files.rendering import LONGER, opened, png_of
from extractor.documents.files.writing import clean
from extractor.documents.processes import answer_requests
from extractor.errors import DocumentDamaged, DocumentTooLarge, ExtractorError
from extractor.review.scans import as_pdf, is_scan

__all__ = ["aligned", "lines_of", "main"]

OPEN = 2  # documents that stay open
SHARPEST = 300 / 72  # of an inch: a label is not blown up
MOST_LETTERS = 200_000  # of one page
UNITS = 1_000_000  # of the page's width and height, to which places are rounded

Box: TypeAlias = "tuple[float, float, float, float]"
"""Left, upper, right and lower border, as fractions of the page as it is drawn, from its upper left corner."""


def main() -> None:
    """Answer until nobody asks any more."""
    answer_requests(_drawer)


def _drawer(limits: FileLimits) -> Callable[[Mapping[str, Any]], Any]:
    documents = _Documents(limits)
    return lambda request: _answer(documents, request)


def _answer(documents: _Documents, request: Mapping[str, Any]) -> Any:
    try:
        return _DONE[request["do"]](documents, request)
    except ExtractorError as error:
        return error
    except MemoryError:
        return DocumentTooLarge("It takes too much memory to draw.")
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent waits for an answer
        return DocumentDamaged(f"It cannot be drawn ({type(error).__name__}).")


class _Documents:
    """Those that are open, by their keys."""

    def __init__(self, limits: FileLimits) -> None:
        self._limits = limits
        self._open: dict[str, tuple[contextlib.ExitStack, Any]] = {}

    def add(self, key: str, data: bytes) -> None:
        """Open one more."""
        while len(self._open) >= OPEN:
            self._open.pop(next(iter(self._open)))[0].close()
        with contextlib.ExitStack() as stack:
            document = stack.enter_context(opened(as_pdf(data) if is_scan(data) else data, self._limits))
            if document.get_formtype():
                document.init_forms()
            self._open[key] = (stack.pop_all(), document)

    def get(self, key: str) -> Any:
        """One that is open; None where it is not."""
        found = self._open.get(key)
        return None if found is None else found[1]


def _opened(documents: _Documents, request: Mapping[str, Any]) -> Any:
    documents.add(request["key"], request["data"])
    return True


def _sizes(documents: _Documents, request: Mapping[str, Any]) -> Any:
    """Width and height of each page, in points; None where the document is not open."""
    document = documents.get(request["key"])
    return None if document is None else [document.get_page_size(number) for number in range(len(document))]


def _drawn(documents: _Documents, request: Mapping[str, Any]) -> Any:
    """A page as PNG of at most so many pixels in width; None where the document is not open."""
    document = documents.get(request["key"])
    if document is None:
        return None
    with _page(document, request["number"]) as page:
        width, height = page.get_size()
        if not 0 < max(width, height) < 1e6 or not min(width, height) > 0:
            raise DocumentTooLarge("It has a page whose size is no size.")
        scale = min(request["width"] / width, 2 * LONGER / max(width, height), SHARPEST)
        bitmap = page.render(scale=scale, rev_byteorder=True)
        try:
            return png_of(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)
        finally:
            bitmap.close()


def _lines(documents: _Documents, request: Mapping[str, Any]) -> Any:
    """The lines of a page, as its text in the job has them; "other" where that is another text; None where the document
    is not open.
    """
    document = documents.get(request["key"])
    if document is None:
        return None
    with _page(document, request["number"]) as page:
        words = page.get_textpage()
        try:
            said, boxes = _letters(page, words)
        finally:
            words.close()
    places = None if said is None else aligned(said, request["text"])
    if places is None:
        return "other"
    return lines_of(request["text"], [None if at is None else boxes[at] for at in places], request["start"])


@contextlib.contextmanager
def _page(document: Any, number: int) -> Any:
    if not 1 <= number <= len(document):
        raise DocumentDamaged("It has no such page.")
    page = document[number - 1]
    try:
        if document.get_formtype():
            # What is filled in is no text of the page until it is made part of it.
            page.flatten()
            page.close()
            page = document[number - 1]
        yield page
    finally:
        page.close()


_DONE: Mapping[str, Callable[[_Documents, Mapping[str, Any]], Any]] = {
    "open": _opened,
    "sizes": _sizes,
    "draw": _drawn,
    "lines": _lines,
}

# --------------------------------------------------------------------------------------- where letters are


def _letters(page: Any, words: Any) -> tuple[str | None, list[Box | None]]:
    """The letters of a page as PDFium has them, each with its box; None where it is not known which is which."""
    from pypdfium2 import raw

    count = words.count_chars()
    said = words.get_text_range() if count else ""
    if len(said) != count or count > MOST_LETTERS:
        return None, []
    to_page = _projection(page)
    box = raw.FS_RECTF()
    place = ctypes.byref(box)
    boxes: list[Box | None] = []
    for number in range(count):
        there = raw.FPDFText_GetLooseCharBox(words.raw, number, place)
        boxes.append(to_page(box.left, box.top, box.right, box.bottom) if there else None)
    return said, boxes


def _projection(page: Any) -> Callable[[float, float, float, float], Box | None]:
    """From the coordinates of a page to fractions of it as it is drawn: cropped and turned."""
    from pypdfium2 import raw

    def on(x: float, y: float) -> tuple[float, float]:
        right, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page.raw, 0, 0, UNITS, UNITS, 0, x, y, ctypes.byref(right), ctypes.byref(down))
        return right.value / UNITS, down.value / UNITS

    # It is a linear map, which three points tell.
    far = 100.0
    (x0, y0), (x1, y1), (x2, y2) = on(0, 0), on(far, 0), on(0, far)
    xx, xy, yx, yy = (x1 - x0) / far, (x2 - x0) / far, (y1 - y0) / far, (y2 - y0) / far

    def box(left: float, top: float, right: float, bottom: float) -> Box | None:
        xs = (x0 + xx * left + xy * top, x0 + xx * right + xy * bottom)
        ys = (y0 + yx * left + yy * top, y0 + yx * right + yy * bottom)
        found = (min(xs), min(ys), max(xs), max(ys))
        return found if all(-1 < each < 2 for each in found) else None

    return box


def aligned(said: str, text: str) -> list[int | None] | None:
    """For each character of a page's text the number of PDFium's letter that it is, None for what was added; None in
    all where the text is another one. One walk over both.
    """
    letters: list[str] = []
    places: list[int | None] = []
    at = 0
    while at < len(said):
        hyphen = HYPHEN.match(said, at)
        end = hyphen.end() if hyphen else at + 2 if said.startswith("\r\n", at) else at + 1
        became = "-\n" if hyphen else clean(said[at:end])
        letters.append(became)
        places += [at, *[None] * (len(became) - 1)]
        at = end
    known = "".join(letters)
    start = known.find(text[:1]) if text and not known.startswith(text[:1]) else 0
    if known[start : start + len(text)].replace("\t", " ") != text.replace("\t", " "):
        return None
    return places[start : start + len(text)]


def lines_of(text: str, boxes: Sequence[Box | None], start: int) -> list[dict[str, Any]]:
    """The lines of a text with the boxes of its letters: text, box, the borders of the letters from left to right, and
    where the line begins in the document's text (`start` is where this one does).
    """
    lines: list[dict[str, Any]] = []
    at = 0
    for line in text.split("\n"):
        own = boxes[at : at + len(line)]
        known = [box for box in own if box is not None and box[2] > box[0] and box[3] > box[1]]
        if line.strip() and known:
            box = (
                min(each[0] for each in known),
                min(each[1] for each in known),
                max(each[2] for each in known),
                max(each[3] for each in known),
            )
            lines.append({
                "start": start + at,
                "text": line,
                "box": [round(each, 5) for each in box],
                "at": _borders(own, box),
            })  # fmt: skip
        at += len(line) + 1
    return lines


def _borders(boxes: Sequence[Box | None], line: Box) -> list[float]:
    """Where each letter begins, and where the last ends: never back to the left."""
    found: list[float] = []
    reach = line[0]
    for box in boxes:
        if box is not None and box[2] > box[0]:
            found.append(max(box[0], found[-1]) if found else box[0])
            reach = max(reach, box[2])
        else:
            found.append(max(reach, found[-1]) if found else reach)
    return [round(each, 5) for each in (*found, max(reach, found[-1] if found else reach))]
