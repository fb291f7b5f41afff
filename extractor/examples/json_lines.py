"""A file of JSON lines, in UTF-8: one object on each line that is not empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extractor.errors import OptionError

__all__ = ["is_json_lines", "objects_in"]

SUFFIXES = (".jsonl", ".ndjson", ".json")


def is_json_lines(path: Path) -> bool:
    """Whether a file has JSON lines by its name; anything else is taken for a job."""
    # By the name: to open and close a job here would end the locks that this process has on it.
    return path.suffix.lower() in SUFFIXES


def objects_in(path: Path, *, option: str, hint: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file, each with the number of its line, from 1. Raises `OptionError`, of this `option` and with
    this `hint`, where the file cannot be read, or a line is no JSON object.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _object(line, f"Line {number} of {path}", option, hint)
    except FileNotFoundError:
        raise OptionError(f"There is no file {path}.", option=option, hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} cannot be read: {error}.", option=option, hint=hint) from None


def _object(line: str, where: str, option: str, hint: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OptionError(f"{where} is no JSON object.", option=option, hint=hint)
    return found
