"""The command `run`: some files, one after the other, a line for each."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python

from extractor.cli.asking import Asking, TargetName, asks, found
from extractor.cli.output import Exit, code_of, errors, print_json, say, spinner
from extractor.cli.pages import Pages
from extractor.cli.reading import document_of
from extractor.cli.records import failed_record, record_of, value_of, warn
from extractor.client import Extractor
from extractor.documents.loaded import As
from extractor.errors import DocumentError, EndpointError, ExtractionFailed, OptionError

__all__ = ["EXAMPLES", "run"]

EXAMPLES = (
    "[b]Examples[/b]\n\n"
    "extractor run invoice scan.txt --pretty\n\n"
    "extractor run shop.models:Order order.pdf -m openai/gpt-4.1-mini\n\n"
    "cat mail.txt | extractor run contact - | jq .email\n\n"
    "Exit codes: 0 all conform, 1 some did not, 2 wrong call, 3 endpoint failed, 130 interrupted."
)


@asks
def run(
    target: TargetName,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files of any kind; - is standard input.")],
    asking: Asking,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page that shows where each value stands: a file.html, or a folder for several."),
    ] = None,
    items: Annotated[
        bool, typer.Option("--items", help="All there are of TARGET in a file, each as soon as it is complete.")
    ] = False,
    pretty: Annotated[bool, typer.Option("--pretty", help="Indented, not one line each.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="With file, model, mode, usage, attempts, steps, absent fields, errors.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="What is retried, asked again and found, on stderr.")
    ] = False,
) -> None:
    """Extract TARGET from each FILE; one JSON line each, in order (null where it failed).

    With --items one line for each item instead.
    """
    with errors():
        if items and (full or asking.allow_absent or html):
            other = "--full" if full else "--allow-absent" if asking.allow_absent else "--html"
            raise OptionError(f"--items does not go with {other}.", option="items", hint="Leave one of them out.")
        wanted, what = found(target), asking.what
        pages = Pages(html, files) if html is not None else None
        if verbose:
            logging.basicConfig(format="%(message)s", stream=sys.stderr)
            logging.getLogger("extractor").setLevel(logging.INFO)
        worst = Exit.OK
        with asking.extractor() as extractor:
            for number, file in enumerate(files):
                # Items are their own progress; and a spinner would take them for its own output.
                with spinner(f"{file} ({number + 1}/{len(files)})", quiet or items or verbose):
                    if items:
                        code = _streamed(extractor, wanted, file, what, pretty)
                    else:
                        record, code = _extracted(extractor, wanted, file, pages, what, full=full, verbose=verbose)
                        print_json(record if full else record["value"], pretty)
                worst = max(worst, code)
    raise typer.Exit(worst)


def _extracted(
    extractor: Extractor, wanted: Any, file: str, pages: Pages | None, what: As, *, full: bool, verbose: bool
) -> tuple[dict[str, Any], Exit]:
    """The record of one file, and how it went. A wrong document is that file's error, not the run's."""
    try:
        result = extractor.run(wanted, document_of(file, what))
    except (DocumentError, EndpointError, ExtractionFailed) as error:
        say(error, f"{file}: ")
        return failed_record(file, error), code_of(error)
    if pages is not None:
        pages.write(file, result)
    unread = [chunk.error for chunk in result.chunks if chunk.error is not None]
    for each in unread:
        say(each, f"{file}: ")
    if verbose:
        warn(file, result)
    value = value_of(result)
    return record_of(file, result) if full else {"value": value}, Exit.NOT_CONFORMING if unread else Exit.OK


def _streamed(extractor: Extractor, wanted: Any, file: str, what: As, pretty: bool) -> Exit:
    """Print the items of one file as they come; and how it went."""
    try:
        for item in extractor.stream_items(wanted, document_of(file, what)):
            print_json(to_jsonable_python(item, by_alias=True), pretty)
    except (DocumentError, EndpointError, ExtractionFailed) as error:
        say(error, f"{file}: ")
        return code_of(error)
    return Exit.OK
