"""The commands `jobs …`: which jobs there are, how far they are, what failed in them, and what came out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.cli.output import called, err, errors, print_json, spoken
from extractor.cli.overview import aligned, described, failed_of, grouped, job_files, lines_of, row_of, summary
from extractor.cli.records import kept_lines, kept_record
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
    "extractor jobs show invoices.db scans/0412.pdf\n\n"
    "extractor jobs retry invoices.db --failed\n\n"
    "extractor jobs export invoices.db -o invoices.csv",
)

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="The file of the job.")]
RunNumber = Annotated[int | None, typer.Option("--run", min=1, help="Which run; else the one that was worked on last.")]
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
            err.print(f"There are no jobs here. {called()} batch … --job NAME.db makes one.")


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
            _say_which(opened, runs[0], run)
            _print_failed(opened, runs[0], job, as_json)
        elif as_json:
            print_json([_described(opened, each) for each in runs], pretty=True)
        else:
            for each in runs:
                typer.echo("\n".join(lines_of(_described(opened, each))))


def _described(job: Job, run: Run) -> dict[str, Any]:
    return described(run, job.counts(run.number), job.tally(run))


def _print_failed(job: Job, run: Run, path: Path, as_json: bool) -> None:
    found = failed_of(job, run.number)
    if as_json:
        for document in found:
            print_json(document, pretty=False)
        return
    see = f"{called()} jobs show {shlex.quote(str(path))} NAME{_run_option(job, run)}"
    for line in grouped({**each, "hint": spoken(each["hint"], see)} for each in found):
        typer.echo(line)


@app.command(epilog="[b]Example[/b]\n\nextractor jobs show invoices.db scans/0412.pdf")
def show(
    job: JobFile,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The document, as the job calls it.")],
    run: RunNumber = None,
    as_json: AsJson = False,
) -> None:
    """Show all of one document: what came out, what was wrong, what the model and people said, where values stand."""
    with errors(), _opened(job) as opened:
        chosen = _one(opened, run)
        record = opened.record(name, chosen)
        if record is None:
            raise OptionError(
                f"Run {chosen.number} has no document {name[:500]!r}.",
                option="name",
                hint="Names are those that jobs status --failed and jobs export show.",
            )
        _say_which(opened, chosen, run)
        attempts, said = opened.attempts(name, chosen), opened.revisions(name, chosen)
        if as_json:
            print_json(kept_record(record, attempts, said), pretty=True)
            return
        for line in kept_lines(record, attempts, said):
            typer.echo(line)


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
            chosen = _one(opened, run)
            _say_which(opened, chosen, run)
            marked = opened.retry(chosen, names=name or None)
        typer.echo(f"{marked:,} marked.")
        more = marked - len(set(name)) if name else 0
        if more > 0:
            err.print(f"{many(more)} more than you named: the same content under other names.")
        if marked:
            err.print("They are tried again by the command that made the run:", f"{called()} batch … --job", end=" ")
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
    bom: Annotated[bool, typer.Option("--bom", help="A CSV with a byte order mark, for Excel.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write what came out: a line or a row for each document, the failed ones too."""
    with errors(), _opened(job) as opened:
        chosen = _one(opened, run)
        _say_which(opened, chosen, run)
        how: dict[str, Any] = {"evidence": evidence, "overwrite": overwrite, "children": children, "bom": bom}
        if output is not None:
            number = opened.export(output, form, run=chosen, **how)
            err.print(printable(f"{many(number)} in {output}."))
        else:
            opened.export(sys.stdout.buffer, form or "jsonl", run=chosen, **how)


def _opened(path: Path, *, read_only: bool = True) -> Job:
    """A job that is there. Raises `JobError`."""
    from extractor.batch.job import Job

    return Job(path, create=False, read_only=read_only)


def _one(job: Job, number: int | None) -> Run:
    """The run of that number, or the latest. Raises `OptionError`."""
    runs = {run.number: run for run in job.runs}
    latest = job.latest
    if number is None and latest is not None:
        return latest
    if number not in runs:
        there = f"There are {', '.join(map(str, sorted(runs)))}." if runs else "There is none."
        raise OptionError(
            f"The job has no run {number}." if number else "The job has no runs.", option="run", hint=there
        )
    return runs[number]


def _say_which(job: Job, run: Run, number: int | None) -> None:
    """Which of several runs was taken, where nobody said which."""
    if number is None and len(job.runs) > 1:
        err.print(f"Run {run.number} of {len(job.runs)}, the one that was worked on last; --run takes another.")


def _run_option(job: Job, run: Run) -> str:
    return f" --run {run.number}" if len(job.runs) > 1 else ""
