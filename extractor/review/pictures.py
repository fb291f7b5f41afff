"""The pages of a document as a person sees them: found in the file that the job has the name of, and drawn.

The job's file is not trusted: a file is only shown where its hash is the one in the job, so that whoever made the job
had it already.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from extractor.batch.record import Record
from extractor.documents.files.limits import MEBI, FileLimits
from extractor.documents.files.rendering import PIXELS, image_size
from extractor.documents.files.source import read_source
from extractor.documents.loader import _Process
from extractor.errors import DocumentDamaged, DocumentError, DocumentTooLarge, DocumentUnsupported, ExtractorError

__all__ = ["Busy", "Pictures"]

FILES = 4  # that are kept in memory
MOST_BYTES = 200 * MEBI  # of them
IMAGES = 24  # drawn pages that are kept
MOST_IMAGES = 64 * MEBI  # bytes of them
WIDEST = 4_000  # pixels
SECONDS = 20.0  # for one page
WAITING = 12  # requests that may wait for the process that draws
LIMITS = FileLimits(max_bytes=100 * MEBI, seconds=SECONDS)

_PDF = "application/pdf"
_HEADS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_KINDS = frozenset({_PDF, "image/png", "image/jpeg", "image/gif", "image/webp"})
_ENDS = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp"})


class Pictures:
    """The pages of documents. Files are looked for under their names, `beside` the job, and in `folders`. Threads may
    share it; `close` it at the end.
    """

    def __init__(self, beside: Path, folders: Sequence[Path] = ()) -> None:
        self._beside, self._folders = beside, tuple(folders)
        self._files = _Kept(FILES, MOST_BYTES)
        self._images = _Kept(IMAGES, MOST_IMAGES)
        self._painter = _Painter()

    def has_pages(self, record: Record) -> bool:
        """Whether there seem to be pages to be shown: what is in the file is not looked at yet."""
        told = record.media_type in _KINDS or Path(_file_name(record.name)).suffix.lower() in _ENDS
        return told and next(self._candidates(record.name), None) is not None

    def pages(self, record: Record) -> dict[str, Any]:
        """The pages with their sizes (points, or pixels of an image), and what a person should know of them."""
        try:
            data = self._file(record)
            sizes = self._sizes(record, data)
        except ExtractorError as error:
            return {"pages": [], "notice": str(error)}
        pages = [{"number": number, "width": float(w), "height": float(h)} for number, (w, h) in enumerate(sizes, 1)]
        return {"pages": pages, "notice": None}

    def _sizes(self, record: Record, data: bytes) -> list[tuple[float, float]]:
        if _kind(data) != _PDF:
            return [_size(data)]
        found: list[tuple[float, float]] = self._painter.ask(record.sha256, data, {"do": "sizes"})
        return found

    def picture(self, record: Record, number: int, width: int) -> tuple[bytes, str]:
        """A page as an image of about so many pixels in width, and its media type. Raises `DocumentError`."""
        data = self._file(record)
        kind = _kind(data)
        if kind != _PDF:
            _size(data)
            if number != 1:
                raise DocumentDamaged("It has no such page.")
            return data, kind
        # A few widths only, so that what is drawn can be kept.
        width = min(WIDEST, max(100, -(-width // 100) * 100))
        key = f"{record.sha256} {number} {width}"
        drawn = self._images.get(key)
        if drawn is None:
            drawn = self._painter.ask(record.sha256, data, {"do": "draw", "number": number, "width": width})
            self._images.put(key, drawn)
        return drawn, "image/png"

    def lines(self, record: Record, number: int) -> dict[str, Any]:
        """The lines of a page, with their places on it and in the document's text; none where its text is not that of
        the file. Raises `DocumentError`.
        """
        nothing = {"number": number, "lines": [], "notice": None}
        if record.text is None:
            return nothing
        data = self._file(record)
        if _kind(data) != _PDF:
            return nothing
        starts = [*(record.pages or (0,)), len(record.text) + 1]
        if not 1 <= number < len(starts):
            return {**nothing, "notice": _OTHER}
        start, end = starts[number - 1], max(starts[number - 1], starts[number] - 1)
        request = {"do": "lines", "number": number, "text": record.text[start:end], "start": start}
        found = self._painter.ask(record.sha256, data, request)
        return {**nothing, "notice": _OTHER} if found == "other" else {**nothing, "lines": found}

    def close(self) -> None:
        """End the process that draws. May be said twice."""
        self._painter.close()

    # ------------------------------------------------------------------------------------------ the file

    def _file(self, record: Record) -> bytes:
        """The bytes of the document's file. Raises `DocumentError` where there is none with its hash."""
        known = self._files.get(record.sha256)
        if known is not None:
            return known
        found = False
        for path in self._candidates(record.name):
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
    raise DocumentUnsupported("There is no picture of this kind of file.")


def _size(data: bytes) -> tuple[int, int]:
    found = image_size(data)
    if found is None or not 0 < found[0] * found[1] <= PIXELS:
        raise DocumentTooLarge("It is an image of a size that is not shown.")
    return found


class _Kept:
    """The bytes that were used last, so many and of such a size in all. Threads may share it."""

    def __init__(self, most: int, size: int) -> None:
        self._most, self._size = most, size
        self._lock = threading.Lock()
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def put(self, key: str, data: bytes) -> None:
        """Keep it; what was not used for long is forgotten."""
        with self._lock:
            self._known[key] = data
            while len(self._known) > self._most or sum(map(len, self._known.values())) > self._size:
                self._known.popitem(last=False)


# ------------------------------------------------------------------------------------------- the process

_CODE = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from extractor.review.drawing import main; main()"


class _Child(_Process):
    """One process that draws; the same pipes as one that reads."""

    def __init__(self, limits: FileLimits) -> None:
        if not sys.executable:
            raise DocumentUnsupported("There is no Python interpreter to start, which would draw it.")
        self._child = subprocess.Popen(  # noqa: S603  # this interpreter, with a constant program
            [sys.executable, "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        )
        self._lock = threading.Lock()
        self._limits = limits
        self._is_new = True
        self._late = threading.Event()


class Busy(DocumentError):
    """Too many pages are being drawn."""


class _Gone(Exception):
    """The process has ended by itself."""


class _Painter:
    """Has one process, which is started when it is needed, and again when it is gone. One question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(WAITING)
        self._process: _Child | None = None
        self._closed = False

    def ask(self, key: str, data: bytes, request: dict[str, Any]) -> Any:
        """The answer about the document with a key, which is opened if it is not. Raises `DocumentError`."""
        # The server has a number of threads, which must not all wait here.
        if not self._room.acquire(blocking=False):
            raise Busy("Too many pages are being drawn at once.", hint="Try again in a moment.")
        try:
            return self._asked_for(key, data, request)
        finally:
            self._room.release()

    def _asked_for(self, key: str, data: bytes, request: dict[str, Any]) -> Any:
        with self._lock:
            try:
                return self._answered(key, data, request)
            except _Gone:  # maybe long ago
                try:
                    return self._answered(key, data, request)
                except _Gone:
                    raise DocumentDamaged("It crashes what draws it.") from None

    def _answered(self, key: str, data: bytes, request: dict[str, Any]) -> Any:
        answer = self._asked({**request, "key": key})
        if answer is None:
            self._asked({"do": "open", "key": key, "data": data})
            answer = self._asked({**request, "key": key})
        return answer

    def _asked(self, request: dict[str, Any]) -> Any:
        if self._closed:
            raise DocumentUnsupported("This review is at its end.")
        if self._process is None or not self._process.is_alive:
            self._end()
            self._process = _Child(LIMITS)
        answer = self._process.ask(request, SECONDS)
        if isinstance(answer, BaseException):
            raise answer
        if answer == "late":
            self._end()
            raise DocumentTooLarge(f"It took more than {SECONDS:g} seconds to draw.")
        if isinstance(answer, int) and answer is not True:  # how it ended
            self._end()
            raise _Gone
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            self._end()
