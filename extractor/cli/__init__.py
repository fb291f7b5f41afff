"""The command line: parses arguments, calls, prints. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

from typing import Annotated

import typer

from extractor.cli import batch as batches
from extractor.cli import demo_batch as demonstration
from extractor.cli import evaluate as evaluating
from extractor.cli import jobs, others
from extractor.cli import review as reviewing
from extractor.cli import run as running

__all__ = ["app"]

app = typer.Typer(
    name="extractor",
    help="Extract validated records from documents.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from extractor import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Extract validated records from documents."""


app.command(epilog=running.EXAMPLES)(running.run)
app.command(epilog=batches.EXAMPLES)(batches.batch)
app.add_typer(jobs.app)
app.command(epilog=reviewing.EXAMPLES)(reviewing.review)
app.command(epilog=evaluating.EXAMPLES)(evaluating.evaluate)
app.command(
    epilog="[b]Examples[/b]\n\n"
    "extractor schema invoice --dialect llama.cpp\n\n"
    "extractor schema shop.models:Order --report"
)(others.schema)
app.command(epilog="[b]Example[/b]\n\nextractor models")(others.models)
app.command(epilog="[b]Example[/b]\n\nextractor serve --port 8080")(others.serve)
app.command(epilog="[b]Example[/b]\n\nextractor demo receipt contact")(others.demo)
app.command("demo-batch", epilog="[b]Example[/b]\n\nextractor demo-batch --folder demo")(demonstration.demo_batch)
