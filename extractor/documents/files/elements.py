"""The XML of office files: elements → lines, tables and pages, by a table of what the elements of a format mean.

Expat reads it as a stream. A document type is refused: only attacks have one here, and without it there are no
entities to expand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.parsers import expat

from extractor.documents.files.writing import Writer
from extractor.errors import DocumentDamaged, DocumentTooLarge

__all__ = ["Attributes", "Dialect", "read_xml", "write_xml"]

Attributes: TypeAlias = Mapping[str, str]
"""The attributes of an element by their names, without prefixes."""

DEPTH = 400  # of elements: Word nests tables and text boxes to a few dozen
_SPACE = re.compile("[ \t\r\n]++")


def _ignored(_: str) -> None:
    pass


def read_xml(
    data: bytes,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] = _ignored,
    text: Callable[[str], None] = _ignored,
    *,
    prefixed: bool = False,
) -> None:
    """Give elements and text to the functions, names without prefixes (attributes with theirs, if `prefixed`).

    Raises `DocumentDamaged` for what is not well-formed or has a document type, `DocumentTooLarge` for deep nesting.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH:
            raise DocumentTooLarge(f"It nests elements deeper than {DEPTH} levels.")
        if attributes and not prefixed:
            attributes = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        start(name.rpartition(":")[2], attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2])

    parser.StartDoctypeDeclHandler = _refused
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = started, ended, text
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise DocumentDamaged("A part of it is no well-formed XML.") from None


def _refused(*_: object) -> None:
    raise DocumentDamaged("A part of it declares XML entities, as no such file does.", hint="It may be an attack.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What the elements of a format mean. `texts` are those whose characters count; none: all in a paragraph.

    `marks` stand for characters; `pages` are where a page begins, if an attribute has this value (None: always).
    """

    lines: frozenset[str]
    texts: frozenset[str] = frozenset()
    marks: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, tuple[str, str] | None] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    cells: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    spans: str = ""  # the element that says how many columns a cell takes
    repeats: str = ""  # the attribute that says how often a cell is there
    spaces: str = ""  # the element that is several spaces
    own_pages: frozenset[str] = frozenset()  # elements that are a page each: slides, or sheets, which have names


def write_xml(data: bytes, dialect: Dialect, writer: Writer) -> None:
    """Write a part of an office file. Raises as `read_xml` does."""
    flow = _Flow(dialect, writer)
    read_xml(data, flow.start, flow.end, flow.text)


class _Flow:
    def __init__(self, dialect: Dialect, writer: Writer) -> None:
        self._dialect = dialect
        self._writer = writer
        self._skipped = 0  # how deep in something that is no text
        self._in_text = 0
        self._pages = 0
        self._is_new = True  # nothing on the page yet

    def start(self, name: str, attributes: Attributes) -> None:
        dialect, writer = self._dialect, self._writer
        if self._skipped or name in dialect.skipped:
            self._skipped += 1
        elif name in dialect.pages and self._is_page(name, attributes):
            self._page()
        elif name in dialect.marks:
            writer.say(dialect.marks[name])
        elif name in dialect.texts or (name in dialect.lines and not dialect.texts):
            if name in dialect.lines and writer.has_line:
                writer.end_line()
            self._in_text += 1
        elif name == dialect.spans:
            writer.widen(_number(attributes.get("val")))
        elif name == dialect.spaces:
            writer.say(" " * min(_number(attributes.get("c", "1")), 1_000))
        else:
            self._table(name, attributes)

    def _table(self, name: str, attributes: Attributes) -> None:
        dialect, writer = self._dialect, self._writer
        if name in dialect.own_pages and not writer.level:
            self._own_page(attributes.get("name", "") if name in dialect.tables else "")
        if name in dialect.tables:
            writer.start_table()
        elif name in dialect.rows:
            writer.row()
        elif name in dialect.cells:
            writer.cell()
            if dialect.repeats in attributes:
                writer.repeat(_number(attributes[dialect.repeats]))

    def end(self, name: str) -> None:
        dialect, writer = self._dialect, self._writer
        if self._skipped:
            self._skipped -= 1
            return
        if name in dialect.texts or (name in dialect.lines and not dialect.texts):
            self._in_text = max(0, self._in_text - 1)
        if name in dialect.lines:
            self._is_new = self._is_new and not writer.has_line
            writer.end_line()
        elif name in dialect.tables:
            writer.end_table()
            self._is_new = False

    def text(self, text: str) -> None:
        if self._in_text and not self._skipped:
            # In OpenDocument white space is layout of the XML, as in HTML.
            self._writer.say(text if self._dialect.texts else _SPACE.sub(" ", text))
            self._is_new = self._is_new and not text.strip()

    def _is_page(self, name: str, attributes: Attributes) -> bool:
        wanted = self._dialect.pages[name]
        return wanted is None or attributes.get(wanted[0]) == wanted[1]

    def _page(self) -> None:
        # Word marks a border twice: where it was asked for, and where it was when the file was last shown.
        if not self._is_new:
            self._writer.page()
            self._is_new = True

    def _own_page(self, name: str) -> None:
        self._pages += 1
        if self._pages > 1:
            self._writer.page()
        self._writer.say(name)
        self._writer.end_line(needed=False)


def _number(text: str | None) -> int:
    """A count in an attribute; 1 where it is none."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else 1
