"""EPUB books: their chapters, one after the other, in the order in which they are read."""

from __future__ import annotations

from urllib.parse import unquote

from extractor.documents.files.archive import Archive
from extractor.documents.files.elements import Attributes, read_xml
from extractor.documents.files.html import write_html
from extractor.documents.files.limits import Content, FileLimits
from extractor.documents.files.office import properties
from extractor.documents.files.plain import decoded
from extractor.documents.files.writing import Writer
from extractor.errors import DocumentDamaged

__all__ = ["read_book"]


def read_book(data: bytes, limits: FileLimits) -> Content:
    """The text of a book."""
    archive, writer = Archive(data, limits), Writer(limits)
    if "META-INF/encryption.xml" in archive:
        writer.notes.append("Parts of the book are encrypted, such as fonts.")
    places: list[str] = []

    def found(name: str, attributes: Attributes) -> None:
        if name == "rootfile":
            places.append(attributes.get("full-path", ""))

    read_xml(archive.read("META-INF/container.xml"), found)
    if not places:
        raise DocumentDamaged("It is a book that does not say where it begins.")
    files: dict[str, str] = {}
    order: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "item":
            files[attributes.get("id", "")] = archive.beside(places[0], unquote(attributes.get("href", "")))
        elif name == "itemref":
            order.append(attributes.get("idref", ""))

    read_xml(archive.read(places[0]), start)
    for each in dict.fromkeys(order):
        if files.get(each, "") in archive:
            write_html(decoded(archive.read(files[each]))[0], writer)
            writer.gap()
        else:
            writer.notes.append("A chapter is missing.")
    return writer.content(properties(archive, places[0]))
