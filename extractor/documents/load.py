"""Any file → its text with pages and tables, or the parts that an endpoint sees: `load`.

What the file is says its content (`kinds`); each kind has its reader. Whatever a file is made to do, it ends in a
`DocumentError` of that file: its name, what is wrong, and what to do, and nothing of its content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from extractor.chat.content import File, Image
from extractor.documents.files.book import read_book
from extractor.documents.files.html import read_html
from extractor.documents.files.kinds import Kind, kind_of
from extractor.documents.files.limits import Content, FileLimits
from extractor.documents.files.mail import read_mail
from extractor.documents.files.office import read_open_document, read_slides, read_word
from extractor.documents.files.others import check_image, read_image, read_other, recognised
from extractor.documents.files.pdf import read_pdf
from extractor.documents.files.plain import decoded
from extractor.documents.files.rendering import page_images
from extractor.documents.files.rtf import read_rtf
from extractor.documents.files.sheets import read_sheets
from extractor.documents.files.source import FileSource, named_source, read_source
from extractor.documents.loaded import As, Loaded, check_as
from extractor.errors import (
    DocumentDamaged,
    DocumentError,
    DocumentTooLarge,
    DocumentUnsupported,
    ExtractorError,
    MissingExtra,
)
from extractor.evidence.source import source_of

__all__ = ["FileLimits", "load", "with_name"]

T = TypeVar("T")
E = TypeVar("E", bound=ExtractorError)
_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})  # what endpoints take


def load(
    source: FileSource,
    *,
    name: str | None = None,
    media_type: str | None = None,
    as_: As = "text",
    password: str | None = None,
    limits: FileLimits | None = None,
) -> Loaded:
    """Read a document: a path (also as a string), its bytes, or a binary stream.

    `name` is for messages, and its ending tells kinds of texts apart; `media_type` states what the document is, and is
    checked. `as_` "image" gives the pages of a PDF as images of at most 2,000 pixels, "file" the file as it stands.
    Nothing is written anywhere. For files of strangers use a `Loader`, which outlives whatever they do.

    Raises `DocumentError` (`DocumentEncrypted`, `DocumentDamaged`, `DocumentTooLarge`, `DocumentUnsupported`),
    `MissingExtra` where the kind needs a package, `OptionError` for an unknown `as_`.
    """
    check_as(as_)
    shown = named_source(source, name)
    try:
        return _loaded(source, shown, media_type, as_, password, limits or FileLimits())
    except (DocumentError, MissingExtra) as error:
        raise with_name(error, shown) from None


def with_name(error: E, name: str) -> E:
    """The error as it is shown: with the name of the document before its message."""
    return type(error)(f"{name}: {error.message}", hint=error.hint)


def _loaded(
    source: FileSource, name: str, media_type: str | None, as_: As, password: str | None, limits: FileLimits
) -> Loaded:
    data = read_source(source, limits)
    kind, notes = kind_of(data, name=name, media_type=media_type)
    loaded = Loaded(
        name=name,
        media_type=kind.media_type,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        notes=notes,
    )
    if as_ != "text":
        return replace(loaded, parts=_parts(data, kind, os.path.basename(name), as_, password, limits))  # noqa: PTH119
    content = _content(_Job(data=data, kind=kind, limits=limits, password=password, media_type=media_type))
    if not content.text.strip():
        raise DocumentError("The document is empty.", hint="There is no text in it.")
    limits.check_characters(len(content.text))
    return replace(
        loaded,
        text=content.text,
        pages=source_of(content.text).pages,
        tables=content.tables,
        metadata=content.metadata,
        notes=(*notes, *content.notes),
    )


def _parts(
    data: bytes, kind: Kind, name: str, as_: As, password: str | None, limits: FileLimits
) -> tuple[Image | File, ...]:
    if as_ == "file":
        return (File(data=data, filename=name, media_type=kind.media_type),)
    if kind.reader == "pdf":
        return _guarded(lambda: page_images(data, limits, password), kind)
    if kind.media_type in _SHOWN:
        check_image(data)
        return (Image(data=data, media_type=kind.media_type),)
    raise DocumentUnsupported(
        f"It is {kind.label}, which cannot be sent as an image.", hint='Leave as_="image" out, or make it a PDF.'
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What a reader may need to know."""

    data: bytes
    kind: Kind
    limits: FileLimits
    password: str | None = None
    media_type: str | None = None
    is_attached: bool = False

    def attached(self, data: bytes, name: str) -> Content:
        """The content of a file that is attached to this."""
        if not data:
            raise DocumentError("It is empty.")
        return _content(_Job(data=data, kind=kind_of(data, name=name)[0], limits=self.limits, is_attached=True))


def _charset(job: _Job) -> str | None:
    for each in (job.media_type or "").split(";")[1:]:
        key, _, value = each.strip().partition("=")
        if key.lower() == "charset":
            return value.strip("\"' ")
    return None


def _plain(job: _Job) -> Content:
    job.limits.check_characters(len(job.data) // 4)  # no encoding takes more bytes for one
    text, notes = decoded(job.data, _charset(job))
    return Content(text=text, notes=notes)


def _page(job: _Job) -> Content:
    text, notes = decoded(job.data, _charset(job))
    content = read_html(text, job.limits)
    return replace(content, notes=(*notes, *content.notes))


_READERS: Mapping[str, Callable[[_Job], Content]] = {
    "plain": _plain,
    "html": _page,
    "mail": lambda job: read_mail(job.data, job.limits, None if job.is_attached else job.attached),
    "rtf": lambda job: read_rtf(job.data, job.limits),
    "pdf": lambda job: read_pdf(
        job.data, job.limits, password=job.password, recognise=lambda image: recognised(image, job.limits)
    ),
    "word": lambda job: read_word(job.data, job.limits),
    "slides": lambda job: read_slides(job.data, job.limits),
    "open_document": lambda job: read_open_document(job.data, job.limits),
    "open_document_sheets": lambda job: read_open_document(job.data, job.limits, sheets=True),
    "sheets": lambda job: read_sheets(job.data, job.limits),
    "book": lambda job: read_book(job.data, job.limits),
    "image": lambda job: read_image(job.data, job.kind.media_type, job.limits),
    "other": lambda job: read_other(job.data, job.kind.media_type, job.limits),
}


def _content(job: _Job) -> Content:
    return _guarded(lambda: _READERS[job.kind.reader](job), job.kind)


def _guarded(read: Callable[[], T], kind: Kind) -> T:
    """What a reader gives. Whatever else it raises than it says is the fault of the file, not of the caller."""
    try:
        return read()
    except (DocumentError, MissingExtra):
        raise
    except (MemoryError, RecursionError):
        raise DocumentTooLarge(f"It is {kind.label} that takes too much memory to read.") from None
    except Exception as error:  # noqa: BLE001  # a file can make a reader trip in more ways than anybody can list
        raise DocumentDamaged(
            f"It is {kind.label} that is not well-formed ({type(error).__name__}).",
            hint="Try to open and save it again.",
        ) from None
