"""What every command prints, and how it ends: data on stdout, everything else on stderr, an exit code for scripts."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console

from extractor.errors import CallerError, EndpointError, ExtractorError, OptionError
from extractor.progress import printable

__all__ = ["FULL", "Exit", "called", "code_of", "err", "errors", "print_json", "say", "spinner", "spoken"]


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


FULL = "extractor run --full"
"""What shows all of a document where no job has it."""

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


# What the library names as Python has it → as it is written here; longer words before those that they have in them.
WORDS = (
    ('absent="allow"', "--allow-absent"),
    ("instructions= or", "--instructions or"),
    ("max_completion_tokens", "--max-completion-tokens"),
    (", or lower reasoning_effort: thinking counts", ": thinking counts"),
    ("without stream=True", "without --items"),
    (
        "Give price=Price(input=…, output=…), in US dollars for a million tokens, install genai-prices",
        "Install extractor[prices]",
    ),
    ("Give Budget(requests=…) more", "Raise --budget-requests"),
    ("Give Budget(tokens=…) more", "Raise --budget-tokens"),
    ("Give Budget(cost=…) more", "Raise --budget-cost"),
    (
        'Name one, as Extractor("evolink/gemini-2.5-flash-lite") or with base_url=;',
        "Name one, as --model evolink/gemini-2.5-flash-lite or with --base-url;",
    ),
    ("Fallback(model=…, base_url=…)", "a matter of Python: Fallback(model=…, base_url=…)"),
    ("base_url=", "--base-url"),
    ("Is base_url the", "Is --base-url the"),
    (", or give api_key=", ""),
    ("let it be cut: leave out chunking=None", "let it be cut: --chunk-tokens"),
    ("Raise deadline=", "Raise --deadline"),
    ('Leave as_="image" out', "Leave --as image out"),
    ('as_="image"', "--as image"),
    ("Give it: password=…", "Save it without one: the command line takes none."),
    ("Say overwrite", "Say --overwrite"),
    ("Give text_column.", "Give --text-column."),
    ("Extractor.map(…, job=…)", "extractor batch … --job JOB"),
    ("; retry(names=…) of the job has it asked for again", "; extractor jobs retry JOB --name NAME has it asked again"),
    ("See its `runs`", "See extractor jobs status JOB"),
)
_LIMITS = re.compile(r"limits=FileLimits\(\w*+=…\)")
# Attributes of an error or of a result, which a job keeps and shows.
_SEEN = re.compile(
    r"(?<!\w)\.(?:errors,? and \.(?:attempts|value)(?: for all that there is)?+"
    r"|attempts\[-1\]\.reply(?:\.choices\[0\]\.message\.refusal)?+|attempts|errors|steps|body|chunks)(?!\w)"
)


@contextmanager
def spinner(what: str, quiet: bool) -> Iterator[None]:
    """A spinner on a terminal; nothing where stderr is a file."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(printable(what)):
        yield


def say(error: ExtractorError, where: str = "", see: str = FULL) -> None:
    """An error on one line: what happened, then what to do, in words of the command line; `see` as in `spoken`."""
    message = error.message.removeprefix(where)
    option = getattr(error, "option", "")
    if isinstance(error, OptionError) and option and message.startswith(f"{option} "):
        message = f"--{option.strip('_').replace('_', '-')}{message[len(option) :]}"
    hint = spoken(error.hint, see)
    err.print("error:", style="red", end=" ")
    err.print(printable(f"{where}{message}", keep="\n"), end=" " if hint else "\n")
    if hint:
        err.print(printable(hint, keep="\n"), style="dim")


def spoken(text: str, see: str = FULL) -> str:
    """A hint of the library in words of the command line; `see` is the command that shows more of a document."""
    if "=" not in text and "." not in text:
        return text
    for words, ours in WORDS:
        text = text.replace(words, ours)
    return _SEEN.sub(see, _LIMITS.sub(r"\g<0>, in Python", text))


def called() -> str:
    """The program as it was called, to be called so again."""
    given = sys.argv[0] if sys.argv else ""
    path = Path(given)
    if path.name == "__main__.py" and path.parent.name == "extractor":
        return f"{_shortest(sys.executable or 'python')} -m extractor"
    return _shortest(given) if path.stem == "extractor" else "extractor"


def _shortest(program: str) -> str:
    """The name of a program where the shell finds the same by it, else its path."""
    name = os.path.basename(program)  # noqa: PTH119  # as text
    found = shutil.which(name)
    if found is not None and os.path.abspath(found) == os.path.abspath(program):  # noqa: PTH100  # links are not followed
        return shlex.quote(name)
    return shlex.quote(program)


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
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        err.print("error: There is no room where the output goes.", style="red")  # the disk that stdout is on
        _forget_stdout()
        raise typer.Exit(Exit.USAGE) from None


def _forget_stdout() -> None:
    """What could not be written is not tried again when the program ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
