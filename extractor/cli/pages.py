"""The pages that show where values stand in their documents: where they are written, and how they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extractor.errors import OptionError
from extractor.result import Extraction

__all__ = ["Pages"]


class Pages:
    """Where the pages go that show the values in their documents. Raises `OptionError`."""

    def __init__(self, path: Path, files: list[str]) -> None:
        if str(path) == "-":
            raise OptionError(
                "A page goes into a file.", option="html", hint="Name one that ends in .html, or a folder."
            )
        self._alone = path if path.suffix.lower() in (".html", ".htm") else None
        self._folder = path.parent if self._alone else path
        self._taken: set[str] = set()
        if self._alone and len(files) > 1:
            raise OptionError(
                f"{path} is one page, and there are {len(files)} files.", option="html", hint="Name a folder."
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"{self._folder} is no folder: {error.strerror}.", option="html") from None

    def write(self, file: str, result: Extraction[Any]) -> None:
        """Write the page of one file. Raises `OptionError`."""
        path = self._alone or self._folder / f"{self._name(file)}.html"
        try:
            path.write_text(result.to_html(), encoding="utf-8", errors="replace")
        except OSError as error:
            raise OptionError(f"Cannot write {path}: {error.strerror}.", option="html") from None

    def _name(self, file: str) -> str:
        """A name of its own: two folders may have files of the same name."""
        name = "stdin" if file == "-" else Path(file).name
        numbered = (f"{name}-{number}" if number else name for number in range(len(self._taken) + 1))
        free = next(each for each in numbered if each not in self._taken)
        self._taken.add(free)
        return free
