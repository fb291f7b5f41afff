"""What every command prints, and how it ends: data on stdout, everything else on stderr, an exit code for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console

from extractor.errors import CallerError, EndpointError, ExtractorError
from extractor.progress import printable

__all__ = ["Exit", "code_of", "err", "errors", "print_json", "say", "spinner"]


class Exit(IntEnum):
    """Exit codes, for scripts."""

    OK = 0
    NOT_CONFORMING = 1
    """The model gave no conforming reply for at least one document."""
    USAGE = 2
    """The call is wrong: arguments, target, document, configuration."""
    ENDPOINT = 3
    """The endpoint refused, failed, or could not be reached."""
    INTERRUPTED = 130


# File names and an endpoint's words are printed as they are: no markup, no :emoji: in them.
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def print_json(value: Any, pretty: bool) -> None:
    """One line of JSON on stdout, or several where it is to be `pretty`."""
    plain = to_jsonable_python(value, by_alias=True)
    indent = 2 if pretty else None
    text = json.dumps(plain, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a name that is no text, or an encoding that lacks a letter: JSON has escapes for them
        text = json.dumps(plain, indent=indent)
    typer.echo(text)


@contextmanager
def spinner(what: str, quiet: bool) -> Iterator[None]:
    """A spinner on a terminal; nothing where stderr is a file."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(printable(what)):
        yield


def say(error: ExtractorError, where: str = "") -> None:
    """An error on one line: what happened, then what to do."""
    message = error.message.removeprefix(where)
    err.print("error:", style="red", end=" ")
    err.print(printable(f"{where}{message}", keep="\n"), end=" " if error.hint else "\n")
    if error.hint:
        err.print(printable(error.hint, keep="\n"), style="dim")


def code_of(error: ExtractorError) -> Exit:
    """The exit code of an error: whose fault it is."""
    if isinstance(error, CallerError):
        return Exit.USAGE
    return Exit.ENDPOINT if isinstance(error, EndpointError) else Exit.NOT_CONFORMING


@contextmanager
def errors() -> Iterator[None]:
    """Errors of the library as one line with a hint, and an exit code."""
    try:
        yield
    except ExtractorError as error:
        say(error)
        raise typer.Exit(code_of(error)) from None
    except KeyboardInterrupt:
        err.print("\nInterrupted.")
        raise typer.Exit(Exit.INTERRUPTED) from None
