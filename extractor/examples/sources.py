"""Where examples come from: a job that people have looked through, a file of JSON lines, or pairs.

What is wanted of each is a text and its right value; either may be missing, and then it is no example.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from extractor.chat.content import text_of
from extractor.errors import CallerError, OptionError
from extractor.examples.json_lines import is_json_lines, objects_in
from extractor.prompt import Example
from extractor.schema.target import Target

if TYPE_CHECKING:  # only for those who have one
    from extractor.batch.job import Job

__all__ = ["Found", "Source", "Stamp", "found_in", "located", "stamp_of", "text_in"]

Source: TypeAlias = "Sequence[Example] | Job | str | os.PathLike[str]"
"""Pairs of a document and its right value; a job, or the path of one; the path of a file of JSON lines."""

Found: TypeAlias = "tuple[str | None, Any]"
Stamp: TypeAlias = "tuple[tuple[int, int, int], ...]"
"""What changes with a file, without a look into it."""

_TEXTS, _VALUES = ("text", "document"), ("value", "gold")
_TEXTLESS = "Each line needs a text (or document) and a value (or gold). An export has no texts: give the job itself."


def located(source: Any) -> Path | None:
    """The file of a source; None for pairs. Raises `OptionError` for what is no source."""
    if isinstance(source, (str, os.PathLike)):
        return _path(source)
    if isinstance(source, (list, tuple)):
        if all(isinstance(example, (tuple, list)) and len(example) == 2 for example in source):
            return None
        raise OptionError("examples must be pairs of a document and its right value.", option="examples")
    from extractor.batch.job import Job  # only for those who give something else

    if isinstance(source, Job):
        return source.path
    raise OptionError(
        f"examples is {type(source).__name__}.",
        option="examples",
        hint="Give pairs of a document and its right value, a job, or the path of a job or of JSON lines.",
    )


def _path(source: str | os.PathLike[str]) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError as error:  # the home of nobody
        raise OptionError(f"The path {source} of the examples is none: {error}.", option="examples") from None


def stamp_of(path: Path) -> Stamp:
    """What tells that a file is as it was. Raises `OptionError` where there is none."""
    try:
        own = path.stat()
    except (OSError, ValueError):
        raise OptionError(
            f"There is no file {path} with examples.", option="examples", hint="Give the path of a job or JSON lines."
        ) from None
    stamps = [(own.st_ino, own.st_mtime_ns, own.st_size)]
    try:  # what a job was told last is in a file beside it
        beside = Path(f"{path}-wal").stat()
        stamps.append((beside.st_ino, beside.st_mtime_ns, beside.st_size))
    except OSError:
        pass
    return tuple(stamps)


def found_in(path: Path, target: Target[Any]) -> Iterator[Found]:
    """All that a file has. Raises `OptionError`, `JobError`."""
    return _lines(path) if is_json_lines(path) else _reviewed(path, target)


def _reviewed(path: Path, target: Target[Any]) -> Iterator[Found]:
    """The documents of a job that people accepted or corrected: of the last run that is of the target, if any is."""
    from extractor.batch.job import Job

    with Job(path, create=False, read_only=True) as job:
        runs = job.runs
        if not runs:
            return
        same = [run for run in runs if run.schema == target.schema]
        for record in job.reviewed(same[-1] if same else None):
            yield record.text, record.data


def _lines(path: Path) -> Iterator[Found]:
    lines = texts = 0
    for _, line in objects_in(path, option="examples", hint=_TEXTLESS):
        lines += 1
        document = next((line[name] for name in _TEXTS if name in line), None)
        value = next((line[name] for name in _VALUES if name in line), None)
        text = document if isinstance(document, str) else None
        texts += text is not None
        yield text, value
    if lines and not texts:
        raise OptionError(f"There is no text in {path}.", option="examples", hint=_TEXTLESS)


def text_in(document: Any) -> str | None:
    """The text of the document of a pair; None where it has none that words could be looked for in."""
    try:
        return text_of(document)
    except CallerError:
        return None
