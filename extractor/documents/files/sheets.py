"""Excel files (xlsx, xlsm): each sheet is a page, with its name and a table of what its cells say.

Only cells that are there are kept, so that a sheet whose only cells are A1 and XFD1048576 costs two cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from extractor.documents.files.archive import Archive
from extractor.documents.files.elements import Attributes, read_xml
from extractor.documents.files.limits import Content, FileLimits
from extractor.documents.files.office import PARTS, main_part, properties, relations
from extractor.documents.files.writing import Writer, clean
from extractor.errors import DocumentTooLarge

__all__ = ["read_sheets"]

Format: TypeAlias = Literal["", "date", "time", "duration", "percent"]

# The formats that every Excel knows by number (ECMA-376, 18.8.30).
_KNOWN: Mapping[int, Format] = {
    **dict.fromkeys((14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)), "date"),
    **dict.fromkeys((18, 19, 20, 21, 45, 47), "time"),
    46: "duration",
    **dict.fromkeys((9, 10), "percent"),
}
_LITERAL = re.compile(r'"[^"]*+"|\\.|\[[^\]]*+\]|_.|\*.')
_ELAPSED = re.compile(r"\[(?:h|m|s)++\]", re.IGNORECASE)  # hours that go on beyond a day, say
_COLUMN = re.compile("[A-Z]{1,3}")


def read_sheets(data: bytes, limits: FileLimits) -> Content:
    """The sheets of a workbook, in their order."""
    archive, writer = Archive(data, limits), Writer(limits)
    main = main_part(archive, "xl/workbook.xml")
    book = _Book()
    read_xml(archive.read(main), book.start)
    parts = list(relations(archive, main))
    for _, kind, target in parts:
        if kind == "sharedStrings" and target in archive:
            book.strings = _strings(archive.read(target), writer)
        if kind == "styles" and target in archive:
            book.formats = _formats(archive.read(target))
    targets = {each: target for each, _, target in parts}
    for number, (name, each) in enumerate(book.sheets):
        if number:
            writer.page()
        writer.say(name)
        writer.end_line()
        if targets.get(each, "") in archive:
            sheet = _Sheet(book, writer)
            read_xml(archive.read(targets[each]), sheet.start, sheet.end, sheet.text)
            writer.table(sheet.table())
    return writer.content(properties(archive))


class _Book:
    """The names of the sheets with the ids of their parts, and what their cells refer to."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str]] = []
        self.strings: Sequence[str] = ()
        self.formats: Sequence[Format] = ()
        self.epoch = datetime(1899, 12, 30)  # days have no zone

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "sheet":
            if len(self.sheets) >= PARTS:
                raise DocumentTooLarge(f"It has more than {PARTS:,} sheets.")
            self.sheets.append((attributes.get("name", ""), attributes.get("id", "")))
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.epoch = datetime(1904, 1, 1)


def _strings(data: bytes, writer: Writer) -> list[str]:
    """The texts that cells refer to by number."""
    found: list[str] = []
    inner: list[str] = []
    within: list[str] = []

    def start(name: str, _: Attributes) -> None:
        within.append(name)
        if name == "si":
            inner.clear()

    def end(name: str) -> None:
        within.pop()
        if name == "si":
            found.append("".join(inner))
            writer.spend(len(found[-1]) + 1)

    def text(said: str) -> None:
        if within[-1] == "t" and "rPh" not in within:  # which says how the text is spoken
            inner.append(said)

    read_xml(data, start, end, text)
    return found


def _formats(data: bytes) -> list[Format]:
    """What the numbers of cells mean, by the number of their style."""
    own: dict[int, Format] = dict(_KNOWN)
    found: list[Format] = []
    within: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        number = attributes.get("numFmtId", "")
        if number.isascii() and number.isdecimal() and len(number) < 10:
            if name == "numFmt":
                own[int(number)] = _meaning(attributes.get("formatCode", ""))
            elif name == "xf" and within and within[-1] == "cellXfs":
                found.append(own.get(int(number), ""))
        within.append(name)

    def end(_: str) -> None:
        within.pop()

    read_xml(data, start, end)
    return found


def _meaning(code: str) -> Format:
    """What a format of one's own is for."""
    plain = _LITERAL.sub("", code[:1_000].partition(";")[0]).lower()
    if "%" in plain:
        return "percent"
    if _ELAPSED.search(code[:1_000]):
        return "duration"
    if re.search("[yd]", plain):
        return "date"
    return "time" if re.search("[hs]", plain) else ""


@dataclass(kw_only=True, slots=True)
class _Cell:
    column: int
    kind: str
    format: Format


class _Sheet:
    def __init__(self, book: _Book, writer: Writer) -> None:
        self._book = book
        self._writer = writer
        self._rows: list[dict[int, str]] = []
        self._cell = _Cell(column=-1, kind="", format="")
        self._said: list[str] = []
        self._takes = False
        self._spoken = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._begin(attributes)
        elif name == "row":
            if not self._rows or self._rows[-1]:  # one without anything is none
                self._rows.append({})
            self._cell.column = -1
        elif name in ("v", "t"):
            self._takes = not self._spoken
        elif name == "rPh":
            self._spoken = True

    def _begin(self, attributes: Attributes) -> None:
        style = attributes.get("s", "")
        known = style.isascii() and style.isdecimal() and len(style) < 7 and int(style) < len(self._book.formats)
        place = _COLUMN.match(attributes.get("r", ""))
        column = _column(place[0]) if place else self._cell.column + 1
        style_format: Format = self._book.formats[int(style)] if known else ""
        self._cell = _Cell(column=column, kind=attributes.get("t", "n"), format=style_format)
        self._said.clear()

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._takes = False
        elif name == "rPh":
            self._spoken = False
        elif name == "c" and self._said:
            text = " ".join(clean(self._value("".join(self._said))).split()).replace("|", "\\|")
            if text:
                self._writer.spend(len(text) + 3)
                if not self._rows:
                    self._rows.append({})
                self._rows[-1][self._cell.column] = text

    def text(self, said: str) -> None:
        if self._takes:
            self._said.append(said)

    def table(self) -> list[list[str]]:
        """The rows that say something, of the columns that do."""
        rows = [row for row in self._rows if row]
        columns = sorted({column for row in rows for column in row})
        self._writer.limits.check_characters(len(rows) * len(columns))
        return [[row.get(column, "") for column in columns] for row in rows]

    def _value(self, said: str) -> str:
        """What a cell says, as its reader sees it: numbers by their format."""
        strings = self._book.strings
        if self._cell.kind == "s":
            return strings[int(said)] if said.isdecimal() and len(said) < 10 and int(said) < len(strings) else ""
        if self._cell.kind == "b":
            return "TRUE" if said == "1" else "FALSE"
        return self._number(said) if self._cell.kind == "n" else said

    def _number(self, said: str) -> str:
        try:
            number = float(said[:40])
            if number - number != 0:
                return said
            if self._cell.format in ("date", "time"):
                return _moment(self._book.epoch, number, self._cell.format)
            if self._cell.format == "duration":
                return _duration(number)
        except (ValueError, OverflowError):
            return said
        if self._cell.format == "percent":
            return f"{number * 100:.15g}%"
        if len(said) < 16 and "e" not in said.lower():
            return said
        # Excel keeps 15 digits: what stands behind them is how binary numbers are, and is never shown.
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e21 else f"{number:.15g}"


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _moment(epoch: datetime, number: float, meaning: Format) -> str:
    """A number of days as date, time, or both (ISO 8601)."""
    moment = epoch + timedelta(seconds=round(number * 86_400))
    if meaning == "time" and number < 1:
        return moment.time().isoformat()
    midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.date().isoformat() if midnight else moment.isoformat(sep=" ")


def _duration(days: float) -> str:
    """A number of days as hours, minutes and seconds."""
    minutes, seconds = divmod(round(abs(days) * 86_400), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if days < 0 else ''}{hours}:{minutes:02}:{seconds:02}"
