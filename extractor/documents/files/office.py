"""Word, PowerPoint and OpenDocument files: which parts they have, and what the elements in these mean.

They are read here, exactly, with what a paragraph says unchanged: the general reader loses ampersands, tabs and page
borders of Word files (kreuzberg 4.10: "AT&T" becomes "ATT").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from extractor.documents.files.archive import Archive
from extractor.documents.files.elements import Attributes, Dialect, read_xml, write_xml
from extractor.documents.files.limits import Content, FileLimits, encrypted
from extractor.documents.files.writing import Writer
from extractor.errors import DocumentDamaged, DocumentTooLarge

__all__ = ["PARTS", "main_part", "properties", "read_open_document", "read_slides", "read_word", "relations"]

PARTS = 50_000  # that one may refer to, slides and sheets included; an archive has no more members anyway

OFFICE = Dialect(
    lines=frozenset({"p"}),
    texts=frozenset({"t"}),
    marks={"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
    pages={"br": ("type", "page"), "lastRenderedPageBreak": None},
    tables=frozenset({"tbl"}),
    rows=frozenset({"tr"}),
    cells=frozenset({"tc"}),
    # Properties hold tab stops; a Fallback says the same again; deleted text is not there any more.
    skipped=frozenset("pPr rPr sectPr tblPr tblGrid instrText delText Fallback moveFrom tcBorders".split()),
    spans="gridSpan",
)
OPEN_DOCUMENT = Dialect(
    lines=frozenset({"p", "h"}),
    marks={"tab": "\t", "line-break": "\n"},
    pages={"soft-page-break": None},
    tables=frozenset({"table"}),
    rows=frozenset({"table-row"}),
    cells=frozenset({"table-cell", "covered-table-cell"}),
    skipped=frozenset({"tracked-changes", "annotation", "automatic-styles", "styles", "scripts", "font-face-decls"}),
    repeats="number-columns-repeated",
    spaces="s",
    own_pages=frozenset({"page"}),
)
SHEETS = replace(OPEN_DOCUMENT, pages={}, own_pages=frozenset({"table"}))


def read_word(data: bytes, limits: FileLimits) -> Content:
    """A Word file: its headers, its text with footnotes behind it, its footers."""
    archive, writer = Archive(data, limits), Writer(limits)
    main = main_part(archive, "word/document.xml")
    parts = list(related(archive, main))
    _once(archive, writer, [target for kind, target in parts if kind == "header"])
    write_xml(archive.read(main), OFFICE, writer)
    _once(archive, writer, [target for kind, target in parts if kind in ("footnotes", "endnotes")])
    _once(archive, writer, [target for kind, target in parts if kind == "footer"])
    return writer.content(properties(archive))


def _once(archive: Archive, writer: Writer, names: list[str]) -> None:
    """Write parts, of which several may say the same (the header of the first page, of even pages …)."""
    seen: set[str] = set()
    for name in names:
        if name in archive:
            own = Writer(writer.limits)
            write_xml(archive.read(name), OFFICE, own)
            text = own.content().text.replace("\f", "\n").strip()
            if text and text not in seen:
                seen.add(text)
                writer.gap()
                writer.say(text)
                writer.gap()


def read_slides(data: bytes, limits: FileLimits) -> Content:
    """A PowerPoint file: each slide a page, with what its speaker is to say behind it."""
    archive, writer = Archive(data, limits), Writer(limits)
    main = main_part(archive, "ppt/presentation.xml")
    targets = {each: target for each, _, target in relations(archive, main)}
    slides = [targets[each] for each in _listed(archive.read(main)) if each in targets]
    for number, slide in enumerate(slides):
        if number:
            writer.page()
        write_xml(archive.read(slide), OFFICE, writer)
        for kind, target in related(archive, slide):
            if kind == "notesSlide" and target in archive:
                writer.gap()
                write_xml(archive.read(target), OFFICE, writer)
    return writer.content(properties(archive))


def _listed(data: bytes) -> list[str]:
    """The ids of the slides, in the order in which they are shown."""
    ids: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "sldId" and len(ids) < PARTS:  # its own `id` is a number, that of the relation has a prefix
            ids.extend(value for key, value in attributes.items() if key.endswith(":id"))

    read_xml(data, start, prefixed=True)
    return ids


def read_open_document(data: bytes, limits: FileLimits, *, sheets: bool = False) -> Content:
    """An OpenDocument text, presentation (each slide a page) or, with `sheets`, spreadsheet (each sheet one)."""
    archive, writer = Archive(data, limits), Writer(limits)
    if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise encrypted()
    write_xml(archive.read("content.xml"), SHEETS if sheets else OPEN_DOCUMENT, writer)
    return writer.content(properties(archive, "meta.xml"))


# --------------------------------------------------------------------------- what belongs to a part


def relations(archive: Archive, name: str) -> Iterator[tuple[str, str, str]]:
    """The id, kind and name of each part that a part refers to ("": the file itself)."""
    folder, _, own = name.rpartition("/")
    listed = f"{folder}/_rels/{own}.rels".lstrip("/")
    if listed not in archive:
        return
    found: list[tuple[str, str, str]] = []

    def start(tag: str, attributes: Attributes) -> None:
        if len(found) >= PARTS:
            raise DocumentTooLarge(f"A part of it refers to more than {PARTS:,} others.")
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            found.append((attributes.get("Id", ""), kind, archive.beside(name, attributes.get("Target", ""))))

    read_xml(archive.read(listed), start)
    yield from found


def main_part(archive: Archive, usual: str) -> str:
    """The part that a file begins with; the `usual` one where it does not say so."""
    return next((target for kind, target in related(archive, "") if kind == "officeDocument"), usual)


def related(archive: Archive, name: str) -> Iterator[tuple[str, str]]:
    """The kind and name of each part that a part refers to, those that are there."""
    return ((kind, target) for _, kind, target in relations(archive, name) if target in archive)


_NAMES: Mapping[str, str] = {
    **{name: name for name in ("title", "subject", "description", "language", "created", "modified", "keywords")},
    **{"creator": "author", "initial-creator": "author", "date": "modified", "creation-date": "created"},
    "lastModifiedBy": "last_modified_by",
}


def properties(archive: Archive, name: str = "docProps/core.xml") -> dict[str, Any]:
    """What a file says of itself; nothing where that cannot be read, since it is not what was asked for."""
    found: dict[str, Any] = {}
    inner: list[str] = []

    def end(tag: str) -> None:
        text = "".join(inner).strip()
        if tag in _NAMES and text:
            found.setdefault(_NAMES[tag], text)
        inner.clear()

    def start(_tag: str, _attributes: Attributes) -> None:
        inner.clear()

    if name in archive:
        try:
            read_xml(archive.read(name), start, end, inner.append)
        except DocumentDamaged:
            return {}
    return found
