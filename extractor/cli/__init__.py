"""The command line: parses arguments, calls, prints. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

from typing import Annotated

import typer

from extractor.cli import batch, demo, demo_batch, evaluate, jobs, models, review, run, schema, serve

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


app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=batch.EXAMPLES)(batch.batch)
app.add_typer(jobs.app)
app.command(epilog=review.EXAMPLES)(review.review)
app.command(epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command(epilog=schema.EXAMPLES)(schema.schema)
app.command(epilog=models.EXAMPLES)(models.models)
app.command(epilog=serve.EXAMPLES)(serve.serve)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command("demo-batch", epilog=demo_batch.EXAMPLES)(demo_batch.demo_batch)
