"""What has no reader of its own: old office files and Outlook messages by kreuzberg, and the text in images by it, too.

It must leave no files and say nothing: its caches are off, and images are not given to it where the data is missing
that it recognises letters by.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from extractor.documents.files.limits import Content, FileLimits, encrypted, too_slow
from extractor.documents.files.rendering import PIXELS, image_size, missing
from extractor.documents.files.writing import Writer, clean, plain_data
from extractor.errors import (
    DocumentDamaged,
    DocumentError,
    DocumentTooLarge,
    DocumentUnsupported,
)

__all__ = ["check_image", "read_image", "read_other", "recognised"]

# Where kreuzberg looks for the data of tesseract, in its order.
_FOLDERS = (
    "/opt/homebrew/share/tessdata",
    "/opt/homebrew/opt/tesseract/share/tessdata",
    "/usr/local/opt/tesseract/share/tessdata",
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    r"C:\Program Files\Tesseract-OCR\tessdata",
    r"C:\ProgramData\Tesseract-OCR\tessdata",
)
_LANGUAGES = 4  # at once: each makes it slower
_ONE_AT_A_TIME = threading.Lock()


def _kreuzberg() -> ModuleType:
    try:
        import kreuzberg
    except ImportError:
        raise missing("kreuzberg") from None
    return kreuzberg


def read_other(data: bytes, media_type: str, limits: FileLimits) -> Content:
    """A file by the general reader, in its order, with its tables.

    How much memory it takes is not known before: a hostile file is only safe in a `Loader`.
    Raises `DocumentEncrypted`, `DocumentDamaged`, `DocumentTooLarge`, `DocumentUnsupported`, `MissingExtra`.
    """
    found = _extracted(data, media_type, limits)
    document = found.document
    metadata = {key: value for key, value in dict(found.metadata).items() if key not in ("pages", "attachment_details")}
    notes = tuple(f"{warning.message}"[:200] for warning in found.processing_warnings[:20])
    attached = metadata.get("attachments")
    if attached:
        notes += tuple(f"The attachment {str(name)[:200]!r} was left out." for name in list(attached)[:100])
    if not document or not document["nodes"]:
        text = clean(found.content)
        limits.check_characters(len(text))
        return Content(text=text, metadata=plain_data(metadata), notes=notes)
    writer = Writer(limits)
    writer.notes.extend(notes)
    for node in document["nodes"]:
        _write(node["content"], writer)
    return writer.content(metadata)


def _write(node: Any, writer: Writer) -> None:
    kind = node.get("node_type")
    if kind == "table":
        grid = node["grid"]
        writer.limits.check_characters(grid["rows"] * grid["cols"])
        rows = [[""] * grid["cols"] for _ in range(grid["rows"])]
        for cell in grid["cells"]:
            text = " ".join(clean(cell["content"]).split()).replace("|", "\\|")
            writer.spend(len(text) + 3)
            rows[cell["row"]][cell["col"]] = text
        writer.table(rows)
    elif kind == "metadata_block":
        for key, value in node["entries"]:
            writer.say(f"{key}: {value}")
            writer.end_line()
    elif kind == "page_break":
        writer.page()
    elif node.get("text"):
        if kind in ("heading", "paragraph", "title"):
            writer.gap()
        writer.say(node["text"])
        writer.end_line()


def _extracted(data: bytes, media_type: str, limits: FileLimits, **more: Any) -> Any:
    kreuzberg = _kreuzberg()
    every = kreuzberg.ContentFilterConfig(
        include_headers=True, include_footers=True, strip_repeating_text=False, include_watermarks=True
    )
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        include_document_structure=True,
        output_format="plain",
        content_filter=every,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
        extraction_timeout_secs=max(1, int(limits.seconds)),
        **more,
    )
    try:
        return kreuzberg.extract_bytes_sync(data, media_type, config=config)
    except Exception as error:  # noqa: BLE001  # its errors have no one base, and a panic of it is none of them
        raise _translated(str(error), limits) from None


def _translated(said: str, limits: FileLimits) -> DocumentError:
    """The error for what the reader said, which may quote the document and is not shown."""
    lowered = said[:2_000].lower()
    if "password" in lowered or "encrypted" in lowered:
        return encrypted()
    if "timeout" in lowered or "timed out" in lowered or "cancel" in lowered:
        return too_slow(limits)
    if "too large" in lowered or "exceed" in lowered or "limit" in lowered:
        return DocumentTooLarge("It unpacks to more than allowed.")
    if "unsupported" in lowered or "not supported" in lowered:
        return DocumentUnsupported("It is of a kind, or a version of one, that cannot be read.")
    return DocumentDamaged("It breaks off or is not well-formed.", hint="Try to open and save it again.")


# ------------------------------------------------------------------------------------------- images


def check_image(data: bytes) -> None:
    """Raises `DocumentTooLarge` for an image that would take gigabytes, `DocumentDamaged` for one without a size."""
    size = image_size(data)
    if size is None or 0 in size:
        raise DocumentDamaged("It is an image that breaks off or does not say how large it is.")
    if size[0] * size[1] > PIXELS:
        raise DocumentTooLarge(f"It is an image of more than {PIXELS:,} pixels.", hint="Make it smaller.")


def read_image(data: bytes, media_type: str, limits: FileLimits) -> Content:
    """The text in an image. Raises as `recognised` does."""
    check_image(data)
    return Content(text=clean(recognised(data, limits, media_type)).strip())


def recognised(data: bytes, limits: FileLimits, media_type: str = "image/png") -> str:
    """The text in an image. Raises `DocumentUnsupported` where what is needed for that is not installed."""
    languages = _languages()
    if not languages:
        raise DocumentUnsupported(
            "Reading text in images needs tesseract with its data.",
            hint="Install it (apt install tesseract-ocr, brew install tesseract; or TESSDATA_PREFIX says where it is), "
            'or send the image itself: as_="image".',
        )
    kreuzberg = _kreuzberg()
    tesseract = kreuzberg.TesseractConfig(use_cache=False, language=languages, output_format="text")
    ocr = kreuzberg.OcrConfig(backend="tesseract", language=languages, tesseract_config=tesseract)
    with _ONE_AT_A_TIME:
        return str(_extracted(data, media_type, limits, ocr=ocr).content)


def _languages() -> str:
    """The languages that there is data of, as tesseract wants them; "" for none."""
    prefix = os.environ.get("TESSDATA_PREFIX")
    for folder in ([prefix, str(Path(prefix) / "tessdata")] if prefix else []) + list(_FOLDERS):
        try:
            names = {path.stem for path in Path(folder).glob("*.traineddata")} - {"osd", "equ"}
        except OSError:
            continue
        if names:
            return "+".join(sorted(names, key=lambda name: (name != "eng", name))[:_LANGUAGES])
    return ""
