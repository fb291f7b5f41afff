"""From what a document consists of (text, lines, tables, pages) to one text, with the places of its tables.

Pages are parted by form feeds, tables are Markdown, everything else stands as it was: nothing is escaped but a
bar in a cell, since what is extracted is looked for in this text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from extractor.documents.files.limits import Content, FileLimits, too_large
from extractor.documents.loaded import Table

__all__ = ["Writer", "clean", "markdown", "plain_data"]

# What no text needs: controls but tab and line ends, halves of characters, and the signs that they are none.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text with its lines ended by a line feed, and without characters that are none."""
    return _NO_TEXT.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


_ROW = 8  # characters that a row counts for, so that rows without anything are not endless


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a table in Markdown, the first of them its head; each line is ended."""
    width = max(map(len, rows))
    lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |\n" for row in rows]
    lines.insert(1, "|" + " --- |" * width + "\n")
    return "".join(lines)


class Writer:
    """Takes what a reader meets, in order. Raises `DocumentTooLarge` for more characters or pages than allowed."""

    def __init__(self, limits: FileLimits) -> None:
        self.limits = limits
        self._done: list[str] = []
        self._length = 0  # of what is done
        self._taken = 0  # characters, also of what is not
        self._line: list[str] = []
        self._tables: list[Table] = []
        self._rows: list[list[str]] = []
        self._level = 0  # of tables in tables
        self._cells = False  # the row has one
        self._held: list[str] = []  # the lines of the cell
        self._times = 1  # that the cell is there
        self._wider = 0  # columns that the last cell takes besides its own
        self._page = 1
        self._breaks = 0  # that wait for the end of the table
        self.notes: list[str] = []

    @property
    def has_line(self) -> bool:
        """Whether something was said since the last end of a line."""
        return bool(self._line)

    @property
    def has_space(self) -> bool:
        """Whether a space would be of no use here: behind another, or where a line begins."""
        return not self._line or self._line[-1].endswith((" ", "\n"))

    @property
    def level(self) -> int:
        """In how many tables this is."""
        return self._level

    def say(self, text: str) -> None:
        """Text that goes on."""
        self.spend(len(text))
        self._line.append(text)

    def spend(self, characters: int) -> None:
        """Count characters that are held."""
        self._taken += characters
        self.limits.check_characters(self._taken)

    def end_line(self, *, needed: bool = True) -> None:
        """The end of a line or paragraph. An empty one counts only if `needed`, and at most once in a row."""
        text = clean("".join(self._line)).rstrip()
        self._line.clear()
        if self._level and self._cells:
            self._in_cell(text)
        elif text or (needed and not self._is_blank()):
            self._write(text + "\n")

    def gap(self) -> None:
        """An empty line, if there is none yet."""
        self.end_line(needed=False)
        if not self._level and not self._is_blank():
            self._write("\n")

    def page(self) -> None:
        """The border of a page; one in a table comes behind the table, whose rows would be torn by it."""
        if self._level:
            self._breaks += 1
            return
        self.end_line(needed=False)
        self._page += 1
        if self._page > self.limits.max_pages:
            raise too_large("has more than {} pages", self.limits.max_pages, "max_pages")
        self._write("\f")

    def start_table(self) -> None:
        """A table. One in a cell of another becomes text of that cell."""
        self.end_line(needed=False)
        self._level += 1
        if self._level == 1:
            self._rows, self._cells = [], False

    def row(self) -> None:
        """The next row."""
        self.end_line(needed=False)
        if self._level == 1:
            self._settle()
            self.spend(_ROW)
            self._rows.append([])
            self._cells = False

    def cell(self) -> None:
        """The next cell."""
        self.end_line(needed=False)
        if self._level == 1:
            if not self._rows:
                self._rows.append([])
            self._settle()
            self._cells = True
            self._rows[-1].append("")
            self.spend(3)

    def widen(self, columns: int) -> None:
        """Let the cell take so many columns."""
        if self._level == 1 and 1 < columns <= 1_000:
            self.spend(3 * columns)
            self._wider = columns - 1

    def repeat(self, times: int) -> None:
        """Let the cell be there so many times."""
        if self._level == 1:
            self._times = min(times, 1_000)

    def _settle(self) -> None:
        """The end of a cell, if there was one."""
        if self._rows and self._cells:
            text = " ".join(self._held)
            self.spend((len(text) + 3) * (self._times - 1))
            self._rows[-1][-1:] = [text] * self._times + [""] * self._wider
        self._held.clear()
        self._wider, self._times = 0, 1

    def end_table(self) -> None:
        """The end of the table."""
        self.end_line(needed=False)
        self._level = max(0, self._level - 1)
        if not self._level:
            self._settle()
            rows, self._rows, self._cells = self._rows, [], False
            self.table(rows)
            breaks, self._breaks = self._breaks, 0
            for _ in range(breaks):
                self.page()

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A whole table, of texts. One of a single column is no table, but lines."""
        kept = [row for each in rows if (row := _trimmed(each))]
        if not kept:
            return
        if max(map(len, kept)) == 1:
            for (text,) in kept:
                self._write(text.replace("\\|", "|") + "\n")
            return
        self.gap()
        width = max(map(len, kept))
        self.limits.check_characters(width * len(kept))  # rows are filled up to the widest
        text = markdown(kept)
        start = self._length
        self._write(text)
        self._tables.append(Table(start=start, end=self._length - 1, page=self._page))
        self._write("\n")

    def content(self, metadata: Mapping[str, Any] | None = None) -> Content:
        """All of it."""
        while self._level:
            self.end_table()
        self.end_line(needed=False)
        text = "".join(self._done).rstrip("\n")
        tables = tuple(self._tables) if self._page > 1 else tuple(_without_page(each) for each in self._tables)
        return Content(text=text, tables=tables, metadata=plain_data(metadata or {}), notes=tuple(self.notes))

    def _in_cell(self, text: str) -> None:
        text = " ".join(text.split()).replace("|", "\\|")
        if text:
            self._held.append(text)

    def _write(self, text: str) -> None:
        self._done.append(text)
        self._length += len(text)

    def _is_blank(self) -> bool:
        """Whether what is written ends with an empty line, or is nothing."""
        last = self._done[-1] if self._done else "\f"
        return last in ("\n", "\f")


def _trimmed(row: Sequence[str]) -> Sequence[str]:
    """The row without empty cells at its end."""
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _without_page(table: Table) -> Table:
    return Table(start=table.start, end=table.end)


_TEXT, _ENTRIES, _DEPTH = 2_000, 100, 3  # what a file says of itself is kept with every result


def plain_data(value: Any, depth: int = 0) -> Any:
    """Metadata as plain data, cut to what is of use: strings, numbers, and a few levels of lists and objects."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping) and depth < _DEPTH:
        pairs = [
            (clean(str(key))[:_TEXT], plain_data(inner, depth + 1)) for key, inner in list(value.items())[:_ENTRIES]
        ]
        return {key: inner for key, inner in pairs if inner not in (None, "", [], {})}
    if isinstance(value, (list, tuple)) and depth < _DEPTH:
        return [plain_data(inner, depth + 1) for inner in value[:_ENTRIES]]
    return clean(str(value)[:_TEXT]).strip()
