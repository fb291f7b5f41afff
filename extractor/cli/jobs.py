"""The commands `jobs …`: which jobs there are, how far they are, what failed in them, and what came out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.cli.overview import aligned, described, failed_of, job_files, lines_of, row_of, summary
from extractor.cli.shown import err, errors, print_json
from extractor.errors import OptionError
from extractor.progress import many, printable

if TYPE_CHECKING:
    from extractor.batch.job import Job
    from extractor.batch.record import Run

__all__ = ["app"]

app = typer.Typer(
    name="jobs",
    help="Show what is in the jobs that [b]extractor batch[/b] made.",
    rich_markup_mode="rich",
    epilog="[b]Examples[/b]\n\n"
    "extractor jobs\n\n"
    "extractor jobs status invoices.db --failed\n\n"
    "extractor jobs retry invoices.db --failed\n\n"
    "extractor jobs export invoices.db -o invoices.csv",
)

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="The file of the job.")]
RunNumber = Annotated[int | None, typer.Option("--run", min=1, help="Which run; else the latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where to look.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Show the jobs of a folder, with what is done, failed and pending in their latest runs."""
    if context.invoked_subcommand is not None:
        return
    with errors():
        found = [summary(path) for path in job_files(folder)]
        if as_json:
            print_json(found, pretty=True)
            return
        for line in aligned([row_of(each) for each in found]):
            typer.echo(line)
        if not found:
            err.print("There are no jobs here. extractor batch … --job NAME.db makes one.")


@app.command(epilog="[b]Example[/b]\n\nextractor jobs status invoices.db --failed")
def status(
    job: JobFile,
    run: RunNumber = None,
    failed: Annotated[bool, typer.Option("--failed", help="Each document that failed, with its error.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far the runs of a job are; with --failed, what failed."""
    with errors(), _opened(job) as opened:
        runs = [_one(opened, run)] if run or failed else list(opened.runs)
        if failed:
            for document in failed_of(opened, runs[0].number):
                if as_json:
                    print_json(document, pretty=False)
                else:
                    said = document["message"].removeprefix(f"{document['name']}: ")
                    typer.echo(printable(f"{document['name']}: {document['error']}: {said}"))
        elif as_json:
            print_json([described(each, opened.counts(each.number)) for each in runs], pretty=True)
        else:
            for each in runs:
                typer.echo("\n".join(lines_of(described(each, opened.counts(each.number)))))


@app.command(epilog="[b]Example[/b]\n\nextractor jobs retry invoices.db --failed")
def retry(
    job: JobFile,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    name: Annotated[list[str] | None, typer.Option(help="A document that failed; may be repeated.")] = None,
    run: RunNumber = None,
) -> None:
    """Mark what failed as pending: the next `extractor batch` into the job tries it again."""
    with errors():
        if failed == bool(name):
            raise OptionError("What is to be tried again?", option="failed", hint="Give --failed, or --name NAME.")
        with _opened(job, read_only=False) as opened:
            marked = opened.retry(_one(opened, run).number, names=name or None)
        typer.echo(f"{marked:,} marked.")
        if marked:
            err.print("They are tried again by the command that made the run: extractor batch … --job", end=" ")
            err.print(printable(shlex.quote(str(job))))


@app.command(
    epilog="[b]Examples[/b]\n\n"
    "extractor jobs export invoices.db | jq .value\n\n"
    "extractor jobs export invoices.db -o invoices.csv\n\n"
    "extractor jobs export invoices.db -o tables.sqlite --evidence"
)
def export(
    job: JobFile,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; else stdout.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv, parquet, sqlite; else what the file's name says.")
    ] = None,
    run: RunNumber = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="With where each value stands, and how sure it is.")
    ] = False,
    children: Annotated[
        bool, typer.Option("--children", help="Lists of a CSV in files of their own, not as JSON in a cell.")
    ] = False,
    mark: Annotated[bool, typer.Option("--mark", help="A CSV with a byte order mark, for Excel.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write what came out: a line or a row for each document, the failed ones too."""
    from extractor.batch.export import export as written

    with errors(), _opened(job) as opened:
        chosen = _one(opened, run)
        how: dict[str, Any] = {"evidence": evidence, "overwrite": overwrite, "children": children, "mark": mark}
        if output is not None:
            number = opened.export(output, form, run=chosen, **how)
            err.print(printable(f"{many(number)} in {output}."))
        else:
            written(opened.records(chosen, evidence=evidence), chosen.schema, sys.stdout.buffer, form or "jsonl", **how)


def _opened(path: Path, *, read_only: bool = True) -> Job:
    """A job that is there. Raises `JobError`."""
    from extractor.batch.job import Job

    return Job(path, create=False, read_only=read_only)


def _one(job: Job, number: int | None) -> Run:
    """The run of that number, or the latest. Raises `OptionError`."""
    runs = {run.number: run for run in job.runs}
    if number is None and runs:
        return runs[max(runs)]
    if number not in runs:
        there = f"There are {', '.join(map(str, sorted(runs)))}." if runs else "There is none."
        raise OptionError(
            f"The job has no run {number}." if number else "The job has no runs.", option="run", hint=there
        )
    return runs[number]
