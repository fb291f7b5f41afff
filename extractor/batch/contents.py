"""What a document of a job is known by, and what is kept of it: the hash of its content, its text with its pages.

str            the hash of its UTF-8
a file         the hash of its bytes; of one that is known with that size and time, the hash is too
Loaded         the hash of its file, with that of what was made of it
parts          the hash of their canonical JSON
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractor.chat.content import content_of, text_of
from extractor.documents.files.limits import FileLimits
from extractor.documents.loaded import Input, Loaded, Names
from extractor.errors import DocumentError, DocumentTooLarge, DocumentUnsupported
from extractor.several.alone import name_of

__all__ = ["Content", "Item", "content_of_file", "glimpse_of_file", "known_content", "named_item", "own_files"]

BLOCK = 1 << 20  # bytes of a file that are hashed at once


@dataclass(kw_only=True, slots=True)
class Item:
    """One document of the input: as it was `given`, and what is in it, or the path of its file. It has no `name` until
    its content is known where it was given none. `tries`: how often that was another one when it was loaded than when
    it was hashed.
    """

    number: int
    name: str
    given: Any = field(repr=False)
    document: Any = field(repr=False)
    row: Mapping[str, Any] = field(default_factory=dict)
    tries: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What is in a document: `document` is what is sent, None where its file is not loaded yet. `size` is in bytes,
    `mtime_ns` the time of a file.
    """

    sha256: str
    document: Any = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    pages: tuple[int, ...] = ()
    media_type: str = "text/plain"
    size: int = 0
    mtime_ns: int = 0


def named_item(number: int, given: Any, names: Names) -> Item:
    """One document of the input. A path is its own name, and stands for one file however often it comes."""
    named = isinstance(given, (Input, Loaded, os.PathLike))
    name = name_of(number, given) if named else ""
    document, row = (given.document, given.row) if isinstance(given, Input) else (given, {})
    if isinstance(given, (Input, Loaded)):
        name = names.distinct(name)
    return Item(number=number, name=name, given=given, document=document, row=row)


def known_content(document: Any) -> Content:
    """What a document is known by that is no file. Raises `DocumentError`."""
    if isinstance(document, str):
        raw = document.encode("utf-8", "surrogatepass")
        return Content(sha256=hashlib.sha256(raw).hexdigest(), document=document, text=document, size=len(raw))
    if isinstance(document, Loaded):
        return Content(
            sha256=_hash_of_loaded(document),
            document=document.content,
            text=None if document.parts else document.text,
            pages=document.pages,
            media_type=document.media_type,
            size=document.size,
        )
    try:
        raw = json.dumps(content_of(document), sort_keys=True, separators=(",", ":"), default=str).encode()
    except (TypeError, ValueError, RecursionError):
        raise DocumentError("The document is no JSON.", hint="Its parts are sent as JSON.") from None
    return Content(
        sha256=hashlib.sha256(raw).hexdigest(),
        document=document,
        text=text_of(document),
        media_type="multipart/mixed",
        size=len(raw),
    )


_HASH = re.compile(r"[0-9a-f]{64}")


def _hash_of_loaded(document: Loaded) -> str:
    """That of the file with what was made of it: a page of it, say, or a text that somebody has mended."""
    content = known_content(document.content).sha256
    if not _HASH.fullmatch(document.sha256):  # somebody has made it by hand
        return content
    return hashlib.sha256(f"{document.sha256} {content}".encode()).hexdigest()


def own_files(job: Path) -> frozenset[tuple[int, int]]:
    """The files of a job, by device and number: to close one of them ends the locks that this process has on it."""
    found = set()
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            told = Path(f"{job}{end}").stat()
            found.add((told.st_dev, told.st_ino))
    return frozenset(found)


def content_of_file(
    each: Item,
    known: Callable[[str, int, int], str | None],
    barred: Collection[tuple[int, int]] = (),
    most: int = FileLimits().max_bytes,  # it is frozen
) -> Content:
    """What a file is known by, not loaded; `known` gives the hash of one with that name, size and time. Those that are
    `barred` (by device and number) are not opened.

    Raises `DocumentError` where there is none, it has more bytes than `most`, or it cannot be read.
    """
    try:
        path = Path(each.document)
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # others may never end
            raise DocumentError(f"{each.name} is no file.", hint="Give the path of a file.")
        if found.st_size > most:
            raise DocumentTooLarge(
                f"{each.name} has {found.st_size:,} bytes, and {most:,} are allowed.", hint="Split it."
            )
        if (found.st_dev, found.st_ino) in barred:
            raise DocumentUnsupported(f"{each.name} is the job itself.", hint="Leave it out of the documents.")
        sha256 = None if each.tries else known(each.name, found.st_size, found.st_mtime_ns)
        sha256 = sha256 or _hashed(path, found.st_size)
    except (OSError, ValueError) as error:
        said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "that is no path"
        raise DocumentError(f"{each.name} cannot be read: {said}.", hint="Is the path right?") from None
    return Content(sha256=sha256, size=found.st_size, mtime_ns=found.st_mtime_ns)


def glimpse_of_file(each: Item) -> tuple[int, int] | None:
    """The size and the time (in ns) of a file, None where there is none or it is not to be trusted: nothing is read."""
    try:
        found = Path(each.document).stat()
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) and not each.tries else None


def _hashed(path: Path, size: int) -> str:
    """The hash of as many bytes as a file had a moment ago: it may be growing."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (block := file.read(min(size, BLOCK))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()
