"""The progress of many documents on stderr: a few lines that are drawn anew on a terminal, else a line now and then.

The cursor is never hidden and nothing is switched on that would have to be switched off: however the process ends, the
terminal is in order. A frame is one write, over the one before, so that nothing flickers. Where a terminal got
narrower, it has broken the old lines, and what is overwritten is counted by that.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from extractor.progress import Progress
from extractor.result import DocumentResult

__all__ = ["Live"]

EVERY = 0.2  # seconds between two frames
STANDARD = (80, 24)


class Live:
    """Shows a `Progress` until its block ends; `quiet`: not at all. Results are added by the thread that opened it."""

    def __init__(
        self,
        progress: Progress,
        console: Console,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress = progress
        self._console, self._quiet, self._clock = console, quiet, clock
        self.drawn = not quiet and _is_screen(console)
        self._simple = not (console.encoding or "").lower().startswith("utf")
        self._lock = threading.RLock()  # a signal may come while its holder draws
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, name="progress", daemon=True)
        self._shown: list[int] = []  # widths of the lines that stand there
        self._frame = ""

    def __enter__(self) -> Live:
        if self.drawn:
            self._draw()
            self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._write(self._erased())

    def add(self, result: DocumentResult[Any]) -> None:
        """One more document."""
        now = self._clock()
        with self._lock:
            self.progress.add(result, now)
        if not self.drawn and not self._quiet and self.progress.is_due(now):
            self._console.print(Text(self.progress.line(now)))

    def note(self, text: str) -> None:
        """A line that stays above the bar. May be called from a signal handler."""
        self.progress.note = text
        if self.drawn or self._quiet:
            return
        try:  # not through the console: the signal may have come while that was writing
            os.write(self._console.file.fileno(), f"{text}\n".encode(self._console.encoding, "replace"))
        except (OSError, ValueError):  # it is none of the system's files
            self._console.print(text)

    @contextmanager
    def above(self) -> Iterator[None]:
        """What is printed in here comes above the lines."""
        with self._lock:
            self._write(self._erased())
            try:
                yield
            finally:
                if self.drawn and not self._ended.is_set():
                    self._draw()

    def _keep_drawing(self) -> None:
        while not self._ended.wait(EVERY):
            with self._lock:
                if not self._ended.is_set():
                    self._draw()

    def _draw(self) -> None:
        columns, rows = _size(self._console)
        width = max(columns - 1, 1)  # in the last column a terminal does not know yet whether it will break the line
        now = self._clock()
        lines = self.progress.frame(width, max(rows - 1, 1), now, simple=self._simple)
        frame = "\x1b[K\n".join(self._styled(line) for line in lines) + "\x1b[K\x1b[J"
        if frame != self._frame or not self._shown:
            self._write(self._back(columns) + frame)
        self._shown, self._frame = [cell_len(line.plain) for line in lines], frame

    def _styled(self, line: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(line, end="")
        return captured.get()

    def _back(self, columns: int) -> str:
        """To the first column of the first line that stands there."""
        rows = sum(max(1, -(-width // columns)) for width in self._shown)
        return "\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "")

    def _erased(self) -> str:
        if not self._shown:
            return ""
        back = self._back(_size(self._console)[0])
        self._shown = []
        return f"{back}\x1b[J"

    def _write(self, text: str) -> None:
        if text:
            self._console.file.write(text)
            self._console.file.flush()


def _is_screen(console: Console) -> bool:
    # FORCE_COLOR makes rich take a file for a terminal.
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows and console.file.isatty()


def _size(console: Console) -> tuple[int, int]:
    """Columns and rows as they are now: an environment that says COLUMNS does not follow when a window is resized."""
    try:
        columns, rows = os.get_terminal_size(console.file.fileno())
    except (OSError, ValueError):
        return STANDARD
    return columns or STANDARD[0], rows or STANDARD[1]
