"""Many documents as they are named: files, folders, patterns, and tables of which each row is one.

What is named is checked at once, and only looked through as it is wanted, in the same order each time. In folders links
to files are followed, and links to folders are not: what is behind them is not in the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from extractor.documents.loaded import Input, Names
from extractor.documents.rows import check_table, count_rows, rows
from extractor.errors import DocumentError, OptionError

__all__ = ["Paths", "count", "inputs"]

Paths: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"
"""One path or several: of files, of folders, or patterns (`*.pdf`, `**/*.txt`) where no file has such a name."""


def inputs(
    paths: Paths,
    *,
    text_column: str | None = None,
    name_column: str | None = None,
    recursive: bool = True,
    ignore: Paths = (),
) -> Iterator[Input]:
    """The documents that `paths` name, read as they are wanted.

    A file is a document, by the name that its path was given with. Of a folder these are all files in it, sorted,
    those of its folders too if `recursive`, but for hidden ones, links to folders, and what is in `ignore`: names, or
    patterns of names (`*.db`), or paths. A file that is named twice is one document. With `text_column`, everything
    named must be a table (CSV, TSV, JSON Lines, Parquet), and each row is a document: its name is `orders.csv:17`, the
    row counted from 1 without the header, or what stands in `name_column`; where two rows have the same, the second
    gets `#2`. A row that is damaged, or has no text, is an `Input` with its `error`.

    Raises `DocumentError` where something is not there, or a table has no header, and `OptionError` where it is no
    table, has no such column, or is `-`: before anything is read.
    """
    sources = _sources(paths, recursive, _Ignored(ignore))
    if name_column is not None and text_column is None:
        raise OptionError("A column of names needs a column of texts.", option="name_column", hint="Give text_column.")
    if text_column is not None:
        for path in _files(sources):
            check_table(path, text_column=text_column, name_column=name_column)
        return _of_tables(sources, text_column, name_column)
    return (Input(name=_shown(path), document=path) for path in _files(sources))


def count(paths: Paths, *, text_column: str | None = None, recursive: bool = True, ignore: Paths = ()) -> int | None:
    """How many documents `inputs` will give; None where that takes long to find out. Raises what `inputs` raises."""
    files = _files(_sources(paths, recursive, _Ignored(ignore)))
    if text_column is None:
        return sum(1 for _ in files)
    total = 0
    for path in files:
        check_table(path, text_column=text_column)
        number = count_rows(path)
        if number is None:
            return None
        total += number
    return total


# ------------------------------------------------------------------------------------------------- tables


def _of_tables(sources: list[_Source], text_column: str, name_column: str | None) -> Iterator[Input]:
    names = Names()
    for path in _files(sources):
        for row in rows(path, text_column=text_column, name_column=name_column):
            name = row.name or f"{_shown(path)}:{row.number}"  # which no two rows share
            # What stands in the column is the caller's own: it may be long, and there twice.
            name = names.distinct(_printable(name[:LONGEST_NAME])) if name_column else name
            yield Input(name=name, document=row.text, row=row.others, error=row.error)


LONGEST_NAME = 500  # characters: a whole document in the column of names is a mistake

# -------------------------------------------------------------------------------------------------- files


class _Ignored:
    """What is left out of folders."""

    def __init__(self, ignore: Paths) -> None:
        given = [os.fspath(each) for each in _several(ignore)]
        self._names = [each for each in given if os.path.basename(each) == each]  # noqa: PTH119  # as text
        self._paths = {os.path.abspath(each) for each in given}  # noqa: PTH100  # links are not followed

    def __contains__(self, path: Path) -> bool:
        if any(fnmatchcase(path.name, pattern) for pattern in self._names):
            return True
        return bool(self._paths) and os.path.abspath(path) in self._paths  # noqa: PTH100


class _Source:
    """One path as it was named: a file, or a folder with the pattern that paths in it must fit."""

    def __init__(self, path: Path, pattern: tuple[str, ...], *, recursive: bool, ignored: _Ignored) -> None:
        self.path = path
        self.pattern = pattern
        self._recursive = recursive
        self._ignored = ignored

    def files(self) -> Iterator[Path]:
        """All files, each folder's in the order of their names."""
        if not self.pattern and not os.path.isdir(self.path):  # noqa: PTH112  # raises nothing
            yield self.path
            return
        entered: set[tuple[int, int]] = set()
        ahead: list[Iterator[tuple[Path, frozenset[int] | None]]] = []
        if not self._enter(self.path, self._started(), ahead, entered):
            yield self.path
        while ahead:
            path, states = next(ahead[-1], (None, None))
            if path is None:
                ahead.pop()
            elif not os.path.isdir(path):  # noqa: PTH112  # raises nothing
                if states is None or len(self.pattern) in states:
                    yield path
            elif not os.path.islink(path) and not self._enter(path, states, ahead, entered):  # noqa: PTH114
                yield path  # a folder that may not be looked into fails as a document, by itself

    def _started(self) -> frozenset[int] | None:
        return _closed(frozenset({0}), self.pattern) if self.pattern else None

    def _enter(
        self,
        folder: Path,
        states: frozenset[int] | None,
        ahead: list[Iterator[tuple[Path, frozenset[int] | None]]],
        entered: set[tuple[int, int]],
    ) -> bool:
        """Whether it could be looked into: what is there comes next, unless it was there before."""
        if states is None and ahead and not self._recursive:
            return True
        if states is not None and len(self.pattern) in states:
            states = None  # the folder itself fits, and with it all that is inside
        try:
            found = folder.stat()
            if (found.st_dev, found.st_ino) not in entered:
                entered.add((found.st_dev, found.st_ino))
                names = sorted(os.listdir(folder))  # noqa: PTH208  # names, not paths
                ahead.append(self._inside(folder, names, states))
        except OSError:
            return False
        return True

    def _inside(
        self, folder: Path, names: list[str], states: frozenset[int] | None
    ) -> Iterator[tuple[Path, frozenset[int] | None]]:
        for name in names:
            path = folder / name
            reached = None if states is None else _stepped(states, self.pattern, name)
            hidden = name.startswith(".") and not _named_hidden(states, self.pattern)
            if not hidden and (reached is None or reached) and path not in self._ignored:
                yield path, reached


def _closed(states: frozenset[int], pattern: tuple[str, ...]) -> frozenset[int]:
    """With the places in the pattern that are reached by nothing: `**` is any number of folders, none too."""
    found, ahead = set(states), list(states)
    while ahead:
        at = ahead.pop()
        if at < len(pattern) and pattern[at] == "**" and at + 1 not in found:
            found.add(at + 1)
            ahead.append(at + 1)
    return frozenset(found)


def _stepped(states: frozenset[int], pattern: tuple[str, ...], name: str) -> frozenset[int]:
    """The places in the pattern that are reached by one more name of a path."""
    reached: set[int] = set()
    for at in states:
        if at < len(pattern):
            if pattern[at] == "**":
                reached.add(at)
            elif fnmatchcase(name, pattern[at]):
                reached.add(at + 1)
    return _closed(frozenset(reached), pattern)


def _named_hidden(states: frozenset[int] | None, pattern: tuple[str, ...]) -> bool:
    return any(at < len(pattern) and pattern[at].startswith(".") for at in states or ())


def _several(paths: Paths) -> list[str | os.PathLike[str]]:
    return [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)


def _sources(paths: Paths, recursive: bool, ignored: _Ignored) -> list[_Source]:
    """What was named, each checked."""
    return [_source(os.fspath(each), recursive, ignored) for each in _several(paths)]


def _source(given: str, recursive: bool, ignored: _Ignored) -> _Source:
    if given in ("-", ""):
        raise OptionError(
            "Documents are named by their paths; the standard input is none.",
            option="paths",
            hint="Give files or folders.",
        )
    path = Path(given)
    if "\0" not in given and os.path.lexists(path):
        return _Source(path, (), recursive=recursive, ignored=ignored)
    parts = path.parts
    first = next((number for number, part in enumerate(parts) if any(sign in part for sign in "*?[")), None)
    if first is None or "\0" in given:
        raise DocumentError(f"{given[:500]!r} is not there.", hint="Check the path.")
    source = _Source(Path(*parts[:first]), parts[first:], recursive=recursive, ignored=ignored)
    if not source.path.is_dir() or next(source.files(), None) is None:
        raise DocumentError(
            f"No file fits {given[:500]!r}.", hint="Check the pattern, and the folder that it starts in."
        )
    return source


def _files(sources: list[_Source]) -> Iterator[Path]:
    """The files of all, each once."""
    seen: set[str] = set()
    for source in sources:
        for path in source.files():
            if len(sources) > 1:  # else no file comes twice, and nothing need be remembered
                name = os.path.abspath(path)  # noqa: PTH100  # links are not followed
                if name in seen:
                    continue
                seen.add(name)
            yield path


def _shown(path: Path) -> str:
    return _printable(path.as_posix())


def _printable(name: str) -> str:
    """A name as text that can be written anywhere: bytes that are no text are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
