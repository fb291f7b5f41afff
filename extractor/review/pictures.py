"""The pages of a document as a person sees them: found in the file that the job has the name of, and drawn.

The job's file is not trusted: a file is only shown where its hash is the one in the job, so that whoever made the job
had it already.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from extractor.batch.record import Record
from extractor.documents.files.limits import MEBI
from extractor.documents.files.rendering import PIXELS, image_size
from extractor.documents.files.source import read_source
from extractor.errors import DocumentDamaged, DocumentError, DocumentTooLarge, DocumentUnsupported, ExtractorError
from extractor.review.lru import LruCache
from extractor.review.renderer import LIMITS, Renderer
from extractor.review.scans import is_scan

__all__ = ["Pictures"]

FILES = 4  # that are kept in memory
NAMES = 20  # of a document under which its file is looked for
TRIED = 20  # files that it may be
MOST_BYTES = 200 * MEBI  # of them
IMAGES = 24  # drawn pages that are kept
MOST_IMAGES = 64 * MEBI  # bytes of them
WIDEST = 4_000  # pixels

_PDF = "application/pdf"
_SCANS = ("image/tiff", "image/bmp")
_HEADS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_DRAWN = frozenset({_PDF, *_SCANS})  # here, and not by the browser
_KINDS = frozenset({_PDF, "image/png", "image/jpeg", "image/gif", "image/webp", *_SCANS})
_ENDS = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".tif", ".tiff", ".bmp"})


class Pictures:
    """The pages of documents. Files are looked for under their names, `beside` the job, and in `folders`; `names` are
    the other ones that the same content has. Threads may share it; `close` it at the end.
    """

    def __init__(self, beside: Path, folders: Sequence[Path] = ()) -> None:
        self._beside, self._folders = beside, tuple(folders)
        self._files: LruCache[bytes] = LruCache(FILES, MOST_BYTES)
        self._images: LruCache[bytes] = LruCache(IMAGES, MOST_IMAGES)
        self._renderer = Renderer()

    def has_pages(self, record: Record, names: Sequence[str] = ()) -> bool:
        """Whether there seem to be pages to be shown: what is in the file is not looked at yet."""
        every = _every(record, names)
        told = record.media_type in _KINDS or any(Path(_file_name(name)).suffix.lower() in _ENDS for name in every)
        return told and any(next(self._candidates(name), None) is not None for name in every)

    def pages(self, record: Record, names: Sequence[str] = ()) -> dict[str, Any]:
        """The pages with their sizes (points, or pixels of an image), and what a person should know of them."""
        try:
            data = self._file(record, names)
            sizes = self._sizes(record, data)
        except ExtractorError as error:
            return {"pages": [], "notice": str(error)}
        pages = [{"number": number, "width": float(w), "height": float(h)} for number, (w, h) in enumerate(sizes, 1)]
        return {"pages": pages, "notice": None}

    def _sizes(self, record: Record, data: bytes) -> list[tuple[float, float]]:
        if _kind(data) not in _DRAWN:
            return [_size(data)]
        found: list[tuple[float, float]] = self._renderer.ask(record.sha256, data, {"do": "sizes"})
        return found

    def picture(self, record: Record, number: int, width: int, names: Sequence[str] = ()) -> tuple[bytes, str]:
        """A page as an image of about so many pixels in width, and its media type. Raises `DocumentError`."""
        data = self._file(record, names)
        kind = _kind(data)
        if kind not in _DRAWN:
            _size(data)
            if number != 1:
                raise DocumentDamaged("It has no such page.")
            return data, kind
        # A few widths only, so that what is drawn can be kept.
        width = min(WIDEST, max(100, -(-width // 100) * 100))
        key = f"{record.sha256} {number} {width}"
        drawn = self._images.get(key)
        if drawn is None:
            drawn = self._renderer.ask(record.sha256, data, {"do": "draw", "number": number, "width": width})
            self._images.put(key, drawn)
        return drawn, "image/png"

    def lines(self, record: Record, number: int, names: Sequence[str] = ()) -> dict[str, Any]:
        """The lines of a page, with their places on it and in the document's text; none where its text is not that of
        the file. Raises `DocumentError`.
        """
        nothing = {"number": number, "lines": [], "notice": None}
        if record.text is None:
            return nothing
        data = self._file(record, names)
        if _kind(data) != _PDF:
            return nothing
        starts = [*(record.pages or (0,)), len(record.text) + 1]
        if not 1 <= number < len(starts):
            return {**nothing, "notice": _OTHER}
        start, end = starts[number - 1], max(starts[number - 1], starts[number] - 1)
        request = {"do": "lines", "number": number, "text": record.text[start:end], "start": start}
        found = self._renderer.ask(record.sha256, data, request)
        return {**nothing, "notice": _OTHER} if found == "other" else {**nothing, "lines": found}

    def close(self) -> None:
        """End the process that draws. May be said twice."""
        self._renderer.close()

    # ------------------------------------------------------------------------------------------ the file

    def _file(self, record: Record, names: Sequence[str]) -> bytes:
        """The bytes of the document's file. Raises `DocumentError` where there is none with its hash."""
        known = self._files.get(record.sha256)
        if known is not None:
            return known
        found = False
        every = (path for name in _every(record, names) for path in self._candidates(name))
        for path in itertools.islice(every, TRIED):
            found = True
            with contextlib.suppress(DocumentError):
                data = read_source(path, LIMITS)
                if hashlib.sha256(data).hexdigest() == record.sha256:
                    self._files.put(record.sha256, data)
                    return data
        if found:
            raise DocumentError("The file is not the one that was extracted: it has changed since.")
        raise DocumentError("The file is not here.", hint="Say in which folder: --documents DIR.")

    def _candidates(self, name: str) -> Iterator[Path]:
        """The files that it may be."""
        own = _file_name(name)
        places = [Path(own), self._beside / own]
        for folder in self._folders:
            places += [each for each in (folder / own, folder / Path(own).name) if _is_inside(each, folder)]
        for place in dict.fromkeys(places):
            with contextlib.suppress(OSError, ValueError):
                if stat.S_ISREG(place.stat().st_mode):
                    yield place


_OTHER = "The text of this page is not that of the job: places are not shown on it."


def _every(record: Record, names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((record.name, *names)))[:NAMES]


def _file_name(name: str) -> str:
    return name.replace("\0", "")[:4_000]


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _kind(data: bytes) -> str:
    """The media type of what a browser, or PDFium, can show, told by its first bytes. Raises `DocumentUnsupported`."""
    for head, kind in _HEADS:
        if data.startswith(head):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if b"%PDF-" in data[:1024]:
        return _PDF
    scan = is_scan(data)
    if scan is not None:
        return scan
    raise DocumentUnsupported("There is no picture of this kind of file.")


def _size(data: bytes) -> tuple[int, int]:
    found = image_size(data)
    if found is None or not 0 < found[0] * found[1] <= PIXELS:
        raise DocumentTooLarge("It is an image of a size that is not shown.")
    return found
