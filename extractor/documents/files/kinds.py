"""What a file is: by its content first, and by its name where the content is text, which has no marks.

KINDS is the table: a kind's media type, what it is called, who reads it, and how its files end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TypeAlias

from extractor.documents.files.archive import Archive, first_of
from extractor.documents.files.limits import FileLimits, encrypted
from extractor.documents.files.plain import is_text
from extractor.errors import DocumentDamaged, DocumentUnsupported

__all__ = ["KINDS", "Kind", "Reader", "is_plain", "kind_of", "named"]

Reader: TypeAlias = Literal[
    "plain",
    "html",
    "mail",
    "rtf",
    "pdf",
    "word",
    "slides",
    "open_document",
    "sheets",
    "open_document_sheets",
    "book",
    "image",
    "other",
]
"""Who reads it; "other" is the general reader, which is an optional package."""

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of files; `label` goes on after "It is"."""

    media_type: str
    label: str
    reader: Reader
    endings: tuple[str, ...] = ()


def _kind(media_type: str, label: str, reader: Reader, *endings: str) -> Kind:
    return Kind(media_type=media_type, label=label, reader=reader, endings=endings)


TEXT = _kind("text/plain", "a text", "plain", ".txt", ".text", ".log", ".ini", ".cfg", ".conf", ".toml", ".rst", ".tex")
KINDS = (
    TEXT,
    _kind("text/markdown", "a Markdown text", "plain", ".md", ".markdown"),
    _kind("text/csv", "a CSV table", "plain", ".csv"),
    _kind("text/tab-separated-values", "a table with tabs", "plain", ".tsv", ".tab"),
    _kind("application/json", "JSON", "plain", ".json", ".geojson", ".ipynb"),
    _kind("application/jsonl", "lines of JSON", "plain", ".jsonl", ".ndjson"),
    _kind("application/xml", "XML", "plain", ".xml", ".xsd", ".xsl"),
    _kind("image/svg+xml", "a drawing", "plain", ".svg"),
    _kind("application/yaml", "YAML", "plain", ".yaml", ".yml"),
    _kind(
        "text/x-source", "source code", "plain", ".py", ".js", ".ts", ".java", ".c", ".h", ".cpp", ".rs", ".go", ".sql"
    ),
    _kind("text/html", "an HTML page", "html", ".html", ".htm", ".xhtml"),
    _kind("message/rfc822", "an e-mail", "mail", ".eml"),
    _kind("application/rtf", "an RTF text", "rtf", ".rtf"),
    _kind("application/pdf", "a PDF", "pdf", ".pdf"),
    _kind(f"{_OFFICE}wordprocessingml.document", "a Word file", "word", ".docx", ".docm", ".dotx"),
    _kind(f"{_OFFICE}spreadsheetml.sheet", "an Excel file", "sheets", ".xlsx", ".xlsm", ".xltx"),
    _kind(f"{_OFFICE}presentationml.presentation", "a PowerPoint file", "slides", ".pptx", ".pptm", ".ppsx"),
    _kind(f"{_OPEN}text", "an OpenDocument text", "open_document", ".odt", ".ott"),
    _kind(f"{_OPEN}presentation", "an OpenDocument presentation", "open_document", ".odp"),
    _kind(f"{_OPEN}spreadsheet", "an OpenDocument spreadsheet", "open_document_sheets", ".ods"),
    _kind("application/epub+zip", "an EPUB book", "book", ".epub"),
    _kind("application/msword", "an old Word file", "other", ".doc"),
    _kind("application/vnd.ms-excel", "an old Excel file", "other", ".xls"),
    _kind("application/vnd.ms-excel.sheet.binary.macroEnabled.12", "a binary Excel file", "other", ".xlsb"),
    _kind("application/vnd.ms-powerpoint", "an old PowerPoint file", "other", ".ppt"),
    _kind("application/vnd.ms-outlook", "an Outlook message", "other", ".msg"),
    _kind("image/png", "a PNG image", "image", ".png"),
    _kind("image/jpeg", "a JPEG image", "image", ".jpg", ".jpeg"),
    _kind("image/gif", "a GIF image", "image", ".gif"),
    _kind("image/webp", "a WebP image", "image", ".webp"),
    _kind("image/tiff", "a TIFF image", "image", ".tif", ".tiff"),
    _kind("image/bmp", "a BMP image", "image", ".bmp"),
)
_ALSO = {  # other names of media types
    "text/rtf": "application/rtf",
    "text/xml": "application/xml",
    "application/xhtml+xml": "text/html",
    "application/x-ndjson": "application/jsonl",
    "text/yaml": "application/yaml",
    "image/jpg": "image/jpeg",
}
_BY_TYPE = {kind.media_type.lower(): kind for kind in KINDS}
_BY_ENDING = {ending: kind for kind in KINDS for ending in kind.endings}
_BY_READER = {kind.reader: kind for kind in KINDS}


def named(name: str) -> Kind | None:
    """What the ending of a name promises."""
    return _BY_ENDING.get(PurePath(name).suffix.lower())


def typed(media_type: str) -> Kind | None:
    """The kind of a media type, whatever parameters it has."""
    plain = media_type.partition(";")[0].strip().lower()
    return _BY_TYPE.get(_ALSO.get(plain, plain))


def kind_of(data: bytes, *, name: str = "", media_type: str | None = None) -> tuple[Kind, tuple[str, ...]]:
    """What a file is, and a note where its name promises something else.

    Raises `DocumentDamaged` where it is not what `media_type` states, `DocumentUnsupported` for a kind that nobody
    reads, `DocumentEncrypted` for an office file with a password.
    """
    promised = named(name)
    found = _by_content(data)
    if media_type is not None and media_type.partition(";")[0].strip().lower() != _ANY:
        return _stated(media_type, found), ()
    if found is not None:
        return found, _mislabelled(promised, found)
    if promised is not None and promised.reader in _TEXTS:
        return promised, ()
    kind = _text_like(data)
    return kind, _mislabelled(promised, kind)


_TEXTS = frozenset({"plain", "html", "mail"})
_ANY = "application/octet-stream"  # which states nothing


def _mislabelled(promised: Kind | None, found: Kind) -> tuple[str, ...]:
    if promised is None or promised.reader == found.reader:
        return ()
    return (f"Its name ends as that of {promised.label} does, but it is {found.label}.",)


def _stated(media_type: str, found: Kind | None) -> Kind:
    kind = typed(media_type)
    if kind is None:
        if media_type.startswith("text/") and found is None:
            return TEXT
        raise DocumentUnsupported(
            f"Nobody here reads {media_type[:100]!r}.", hint="Leave media_type out: the content says what it is."
        )
    if (kind.reader in _TEXTS) != (found is None) or (found is not None and found.reader != kind.reader):
        raise DocumentDamaged(
            f"It is not {kind.label}, as was stated, but {found.label if found else 'a text'}.",
            hint="Leave media_type out: the content says what it is.",
        )
    return kind if found is None else found


def is_plain(head: bytes, *, name: str = "", media_type: str | None = None) -> bool:
    """Whether a file whose first 64 KiB these are is a text that is taken as it stands."""
    if any(head.startswith(mark) for mark, _ in _MAGIC) or _PDF in head[:1_024] or not is_text(head):
        return False
    kind = typed(media_type) if media_type is not None else named(name)
    return (kind if kind is not None and kind.reader in _TEXTS else _text_like(head)).reader == "plain"


# --------------------------------------------------------------------------------------- by content

_PDF = b"%PDF-"
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of Office before 2007, and of what is encrypted
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (_OLD, "old"),
)
_IN_ZIP = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}
_UNREAD = (  # what is worth a name when it is refused
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\0", "a database"),
    (b"PAR1", "a Parquet table"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound"),
    (b"fLaC", "a sound"),
)


def _by_content(data: bytes) -> Kind | None:
    """The kind, where the content has a mark of it; None for what seems to be text."""
    if _PDF in data[:1_024]:
        return _BY_TYPE["application/pdf"]
    found = next((kind for mark, kind in _MAGIC if data.startswith(mark)), "")
    if found == "zip":
        return _in_zip(data)
    if found == "old":
        return _in_old(data)
    if found:
        return _BY_TYPE[found]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _BY_TYPE["image/webp"]
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0":
        return _BY_TYPE["image/bmp"]
    if is_text(data):
        return None
    label = next((label for mark, label in _UNREAD if data.startswith(mark)), "")
    if label:
        hint = "Unpack it, and give the files in it." if "archive" in label else ""
        raise DocumentUnsupported(f"It is {label}, which holds no document that is read here.", hint=hint)
    raise DocumentUnsupported("It is neither text nor of a kind that is known.", hint="Its content is binary.")


def _in_zip(data: bytes) -> Kind:
    names = Archive(data, FileLimits(max_unpacked=1 << 62)).names
    if "mimetype" in names:
        stated = first_of(data, "mimetype", 200).decode("ascii", "replace").strip().lower()
        if stated in _BY_TYPE:
            return _BY_TYPE[stated]
    if "xl/workbook.bin" in names:
        return _BY_ENDING[".xlsb"]
    for folder, ending in _IN_ZIP.items():
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            return _BY_ENDING[ending]
    raise DocumentUnsupported("It is a zip archive, and no document.", hint="Unpack it, and give the files in it.")


def _in_old(data: bytes) -> Kind:
    """What the container holds, by the names in its directory, which are UTF-16."""

    def holds(*names: str) -> bool:
        return any(name.encode("utf-16-le") in data for name in names)

    if holds("EncryptedPackage"):
        raise encrypted()
    for ending, names in (
        (".msg", ("__properties_version1.0",)),
        (".doc", ("WordDocument",)),
        (".ppt", ("PowerPoint Document",)),
        (".xls", ("Workbook", "Book")),
    ):
        if holds(*names):
            return _BY_ENDING[ending]
    raise DocumentUnsupported("It is an old office file of an unknown kind.")


_HTML = re.compile(r"\s{0,1000}+(?:<!--|<\?xml[^>]{0,200}+>\s{0,100}+|<!doctype html\b|<html\b)", re.IGNORECASE)
_HEADERS = re.compile(
    r"^(?:From|To|Subject|Date|Received|Return-Path|Message-ID|MIME-Version|Delivered-To): ?\S",
    re.MULTILINE | re.IGNORECASE,
)


def _text_like(data: bytes) -> Kind:
    """What a text without a telling name is: a page, a message, or just text."""
    head = data[:4_096].decode("utf-8", "replace").lstrip("\ufeff")
    begins = _HTML.match(head)
    if begins and ("<html" in head[:2_048].lower() or "<!doctype html" in head[:2_048].lower()):
        return _BY_READER["html"]
    first = head.replace("\r\n", "\n").lstrip("\n").partition("\n\n")[0]
    lines = first.split("\n")
    if re.match(r"[A-Za-z-]{1,40}:", lines[0]) and len(_HEADERS.findall(first)) >= 3:
        return _BY_READER["mail"]
    return TEXT
