"""Progress on a terminal: a real one of the system, and what a person would see on it."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from extractor.cli.live import Live
from extractor.errors import DocumentError
from extractor.progress import Progress
from extractor.result import DocumentResult

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of POSIX")

STEPS = re.compile(r"\x1b\[(?P<number>\d*)(?P<what>[AJK])|\x1b\[[\d;]*m|(?P<other>.)", re.DOTALL)


class Screen:
    """What a terminal that breaks lines, and breaks them anew when it is resized, shows of what is written to it."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: list[list[str]] = [[]]  # cells; a wide character has an empty one behind it
        self.broken: set[int] = set()  # rows that go on in the next one
        self.row = self.column = 0

    def write(self, text: str) -> None:
        """Obey."""
        for step in STEPS.finditer(text):
            what, other = step["what"], step["other"]
            if what == "A":
                self.row = max(self.row - int(step["number"] or 1), 0)
            elif what == "K":
                del self.rows[self.row][self.column :]
                self.broken.discard(self.row)
            elif what == "J":
                del self.rows[self.row][self.column :], self.rows[self.row + 1 :]
                self.broken &= set(range(self.row))
            elif other == "\r":
                self.column = 0
            elif other == "\n":
                self._down()
            elif other is not None:
                assert other != "\x1b", "nothing else is asked of a terminal"
                self._put(other)

    def _put(self, character: str) -> None:
        width = cell_len(character)
        if self.column + width > self.columns:
            self.broken.add(self.row)
            self._down()
        cells = self.rows[self.row]
        cells += [" "] * (self.column - len(cells))
        cells[self.column : self.column + width] = [character, *[""] * (width - 1)]
        self.column += width

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        self.rows += [[]] if self.row == len(self.rows) else []

    def resize(self, columns: int) -> None:
        """Break the lines that there are at another width; the cursor stays behind what it was behind."""
        lines: list[list[str]] = []
        for number, row in enumerate(self.rows):
            if number and number - 1 in self.broken:
                lines[-1] += row
            else:
                lines.append([*row])
        self.rows, self.broken, self.columns = [], set(), columns
        for line in lines:
            pieces = [line[start : start + columns] for start in range(0, len(line), columns)] or [[]]
            self.broken |= set(range(len(self.rows), len(self.rows) + len(pieces) - 1))
            self.rows += pieces
        self.row, self.column = len(self.rows) - 1, len(self.rows[-1])

    @property
    def lines(self) -> list[str]:
        return ["".join(row) for row in self.rows]


class Terminal:
    """A pseudo-terminal, with the console on its one end and a screen on its other."""

    def __init__(self, columns: int, rows: int = 24, **options: Any) -> None:
        import pty
        import tty

        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.file = os.fdopen(slave, "w", encoding=options.pop("encoding", "utf-8"))
        self.screen = Screen(columns)
        self.resize(columns, rows)
        self.console = Console(file=self.file, highlight=False, soft_wrap=True, markup=False, emoji=False, **options)
        self.written = ""

    def resize(self, columns: int, rows: int = 24) -> None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if columns != self.screen.columns:
            self.read()
            self.screen.resize(columns)

    def read(self) -> list[str]:
        """The lines on the screen."""
        import select

        self.file.flush()
        while select.select([self._master], [], [], 0)[0]:
            text = os.read(self._master, 1 << 16).decode(self.file.encoding)
            self.written += text
            self.screen.write(text)
        return self.screen.lines

    def close(self) -> None:
        self.file.close()
        os.close(self._master)


@contextmanager
def _terminal(columns: int, rows: int = 24, **options: Any) -> Iterator[Terminal]:
    terminal = Terminal(columns, rows, **options)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.fixture(autouse=True)
def _an_ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def _failed(name: str) -> DocumentResult[Any]:
    return DocumentResult(number=0, name=name, error=DocumentError("It is empty."))


def _drawn(live: Live) -> None:
    """Draw now, not in a fifth of a second."""
    with live.above():
        pass


def _live(terminal: Terminal, **options: Any) -> Live:
    return Live(Progress(total=100, now=0), terminal.console, clock=lambda: 10.0, **options)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_stand_where_they_stood(columns: int) -> None:
    """At every width each frame takes the place of the one before, and in the end nothing is left of them."""
    with _terminal(columns) as terminal:
        terminal.console.print("before")
        with _live(terminal) as live:
            for number in range(30):
                live.add(_failed(f"合同/発注書-{number}.pdf"))
                _drawn(live)
            lines = terminal.read()
        assert lines[0] == "before"
        assert (lines[1].startswith("30 × DocumentError"), "30/100  30%" in lines[2]) == (True, True)
        assert len(lines) <= 5
        assert terminal.read() == ["before", ""]


@pytest.mark.parametrize("widths", [(120, 60, 33), (40, 200, 80), (80, 20, 79, 21)])
def test_a_terminal_that_is_resized(widths: tuple[int, ...]) -> None:
    """When it gets narrower or wider, what stood above stays, and what was drawn does not."""
    with _terminal(widths[0]) as terminal:
        terminal.console.print("before")
        with _live(terminal) as live:
            live.add(_failed("a-long-name-of-a-file-that-takes-its-place-in-a-line.pdf"))
            for width in widths:
                terminal.resize(width)
                _drawn(live)
                lines = terminal.read()
                assert lines[0] == "before"
                assert sum("DocumentError" in line for line in lines) == 1
                assert sum("1/100" in line for line in lines) == 1
        assert terminal.read() == ["before", ""]


def test_a_low_terminal() -> None:
    """Where there are few rows, the bar is what stays."""
    with _terminal(30, 2) as terminal, _live(terminal) as live:
        live.add(_failed("a"))
        _drawn(live)
        (line,) = terminal.read()
        assert "1/100" in line


def test_the_terminal_stays_in_order() -> None:
    """Nothing is switched that would have to be switched back: not even the cursor is hidden."""
    with _terminal(80) as terminal:
        with _live(terminal) as live:
            live.add(_failed("\x1b[?25l\x1b]0;title\x07"))
            _drawn(live)
            assert "\\x1b[?25l" in terminal.read()[0]
        assert "\x1b[?" not in terminal.written
        assert "\x1b]" not in terminal.written


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR there are no colours."""
    coloured = re.compile(r"\x1b\[[\d;]*3[0-9]")
    with _terminal(80) as terminal, _live(terminal) as live:
        live.add(_failed("a"))
        _drawn(live)
        terminal.read()
        assert coloured.search(terminal.written)
    monkeypatch.setenv("NO_COLOR", "1")
    with _terminal(80) as terminal, _live(terminal) as live:
        live.add(_failed("a"))
        _drawn(live)
        terminal.read()
        assert not coloured.search(terminal.written)


def test_a_terminal_without_unicode() -> None:
    """Where the terminal's encoding is not UTF-8, the bar is ASCII."""
    with _terminal(80, encoding="ascii") as terminal, _live(terminal) as live:
        live.add(_failed("a"))
        _drawn(live)
        assert terminal.read()[1].startswith("----")


def test_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be drawn over, there are lines."""
    monkeypatch.setenv("TERM", "dumb")
    with _terminal(80) as terminal:
        with _live(terminal) as live:
            live.note("Stopping.")
            for _ in range(10):
                live.add(_failed("a"))
        lines = terminal.read()
    assert lines[0] == "Stopping."
    assert lines[1].startswith("10 of 100 (10%), 0 done, 10 failed, $0.00")


def test_what_is_printed_above() -> None:
    """Lines that go to the same terminal stand above, in their order."""
    with _terminal(60) as terminal, _live(terminal) as live:
        for number in range(3):
            live.add(_failed("a"))
            with live.above():
                terminal.console.print(f"line {number}")
        lines = terminal.read()
        assert lines[:3] == ["line 0", "line 1", "line 2"]
        assert sum("3/100" in line for line in lines) == 1


def test_a_file_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no terminal gets whole lines, and nothing that a terminal would obey, whatever the environment says."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with Live(Progress(total=20, now=0), Console(file=file, soft_wrap=True), clock=lambda: 60.0) as live:
        assert not live.drawn
        for number in range(20):
            live.add(_failed(f"a{number}"))
    # The clock stands still after the first line.
    assert file.getvalue() == "2 of 20 (10%), 0 done, 2 failed, $0.00, 4/min, 4:30 left\n"


def test_quiet() -> None:
    """Where it is to be quiet, nothing is shown."""
    with _terminal(80) as terminal:
        with _live(terminal, quiet=True) as live:
            live.add(_failed("a"))
            _drawn(live)
        terminal.read()
        assert terminal.written == ""
