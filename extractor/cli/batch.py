"""The command `batch`: many documents side by side, into a job that can be gone on with, or as lines on stdout."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from glob import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.cli.asking import Asking, TargetName, asks, found
from extractor.cli.live import Live
from extractor.cli.output import FULL, Exit, called, err, errors, print_json, say
from extractor.cli.records import value_of
from extractor.cli.stopping import GRACE, Stopping
from extractor.errors import CallerError, ExtractorError, OptionError
from extractor.progress import Progress, printable
from extractor.result import DocumentResult

if TYPE_CHECKING:
    from extractor.cli.batch_job import BatchJob
    from extractor.client import Extractor
    from extractor.documents.loaded import Input

__all__ = ["EXAMPLES", "Batch", "batch"]

EXAMPLES = (
    "[b]Examples[/b]\n\n"
    "extractor batch invoice scans/ --job invoices.db\n\n"
    "extractor batch shop.models:Order 'mails/**/*.eml' -m openai/gpt-4.1-mini --job orders.db --budget-cost 20\n\n"
    "extractor batch support_ticket tickets.csv --text-column body --name-column id > tickets.jsonl\n\n"
    "The same command goes on where it was stopped; extractor jobs shows what is in a job.\n\n"
    "Exit codes: 0 all are done, 1 some failed, 2 wrong call, 3 the endpoint or a budget stopped it, 130 interrupted."
)


@asks
def batch(
    target: TargetName,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files of any kind, folders, patterns, or tables of texts.")
    ],
    asking: Asking,
    job: Annotated[
        Path | None, typer.Option(help="The file that keeps all of it: what is in it is not asked for again.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="The column of CSV, JSON Lines or Parquet files with the texts.")
    ] = None,
    name_column: Annotated[str | None, typer.Option(help="The column with their names.")] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Files of folders to leave out, such as '*.csv'; may be repeated."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many documents, the first ones.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Documents at once; else what the endpoint can take.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="What had failed in the job is tried again.")
    ] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Work out at once where each value stands; else when it is wanted.")
    ] = False,
    grace: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long Ctrl-C lets what is under way go on.")
    ] = GRACE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but what stops it.")] = False,
) -> None:
    """Extract TARGET from many documents side by side, and keep it all in a job.

    Without --job there is a JSON line for each on stdout, as they come, and nothing is kept.
    """
    with errors():
        if retry_failed and job is None:
            raise OptionError("--retry-failed needs --job.", option="retry_failed", hint="Name the job.")
        named = Paths(
            paths=paths,
            text_column=text_column,
            name_column=name_column,
            limit=limit,
            ignore=(*_own_files(job), *(ignore or ())),
        )
        total = named.total()
        documents = named.documents()
        if total == 0:
            _say_nothing(paths, quiet)
            return
        if not quiet:
            named.say_tables()
        wanted = found(target)
        work = Batch(total=total, quiet=quiet, job=job, again=again(sys.argv), grace=grace)
        settings: dict[str, Any] = {"concurrency": concurrency, "as_": asking.what, "evidence": evidence}
        with asking.extractor() as extractor:
            code = work.run(extractor, wanted, documents, retry_failed=retry_failed, **settings)
    raise typer.Exit(code)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """What documents are named."""

    paths: list[str]
    text_column: str | None = None
    name_column: str | None = None
    limit: int | None = None
    ignore: tuple[str, ...] = ()

    def documents(self) -> Iterator[Input]:
        """All of them, read as they are wanted. Raises `DocumentError`, `OptionError`."""
        from extractor.documents.inputs import inputs

        found = inputs(self.paths, text_column=self.text_column, name_column=self.name_column, ignore=self.ignore)
        return islice(found, self.limit)

    def total(self) -> int | None:
        """How many there are; None where that takes long to find out."""
        from extractor.documents.inputs import count

        total = count(self.paths, text_column=self.text_column, ignore=self.ignore)
        return total if self.limit is None or total is None else min(total, self.limit)

    def say_tables(self) -> None:
        """Say it where a table is taken for one document: that is seldom meant."""
        from extractor.documents.rows import is_table

        if self.text_column is not None:
            return
        # Of more files nobody wants to wait for this.
        first = (each.name for each in islice(self.documents(), LOOKED_AT))
        table = next((name for name in first if is_table(Path(name))), None)
        if table is not None:
            said = f"{table} is one document; --text-column NAME makes a document of each row."
            err.print(printable(said))


LOOKED_AT = 1_000  # files


def _say_nothing(paths: list[str], quiet: bool) -> None:
    if not quiet:
        err.print(printable(f"Nothing to do: no documents in {', '.join(paths)[:LONGEST]}."))


def _own_files(job: Path | None) -> tuple[str, ...]:
    return () if job is None else (escape(job.name), f"{escape(job.name)}-*")


class Batch:
    """One run over many documents, with what is shown of it.

    `again` is the command that goes on with it, `grace` how many seconds what is under way has when it is stopped; with
    `hints` it says in the end what can be done with the job.
    """

    def __init__(
        self, *, total: int | None, quiet: bool, job: Path | None, again: str, hints: bool = True, grace: float = GRACE
    ) -> None:
        self.progress = Progress(total=total, now=time.monotonic())
        self._quiet, self._path, self._again, self._hints, self._grace = quiet, job, again, hints, grace
        self._run = ""  # the option that names the run, where there are several
        self._unanswered = 0

    def run(
        self,
        extractor: Extractor,
        wanted: Any,
        documents: Iterable[Any],
        *,
        retry_failed: bool = False,
        **settings: Any,
    ) -> Exit:
        """Do it, and say on stderr how it went."""
        from extractor.cli.batch_job import BatchJob

        error: ExtractorError | None = None
        stopped = False
        with ExitStack() as stack:
            job = None
            if self._path is not None:
                job = BatchJob(self._path, retry_failed=retry_failed, total=self.progress.total)
                settings["job"] = stack.enter_context(job)
            results = stack.enter_context(extractor.map(wanted, documents, **settings))
            self._begin(job)
            live = stack.enter_context(Live(self.progress, err, quiet=self._quiet))
            said = live.note if not self._quiet else _unsaid
            stopping = stack.enter_context(Stopping(results, said, grace=self._grace))
            try:
                for result in results:
                    self._came(result, live)
            except ExtractorError as raised:
                error = raised
            except KeyboardInterrupt:
                stopped = True
                results.close()
            stopped = stopped or stopping.asked
            self._unanswered = 0 if job is None else job.unanswered(self.progress)
        return self._ended(error, stopped)

    def _begin(self, job: BatchJob | None) -> None:
        if job is None:
            return
        for line in () if self._quiet else job.said:
            err.print(printable(line))
        if job.several and job.run is not None:
            self._run = f" --run {job.run.number}"

    def _came(self, result: DocumentResult[Any], live: Live) -> None:
        live.add(result)
        if not self._quiet and not result.restored and self._none_conforms():
            with live.above():
                err.print(f"None of the first {FIRST} conforms; Ctrl-C stops.", style="yellow")
        if self._path is None:
            # Where stdout is no terminal, the lines do not come between those of the bar.
            with live.above() if sys.stdout.isatty() else nullcontext():
                print_json(_line(result), pretty=False)

    def _none_conforms(self) -> bool:
        progress = self.progress
        more = progress.total is None or progress.total > progress.seen
        return more and not progress.done and progress.failed == progress.unfit == FIRST

    def _ended(self, error: ExtractorError | None, stopped: bool) -> Exit:
        """What came of it all, on stderr; how it ended."""
        progress = self.progress
        if not self._quiet:
            err.print(progress.summary(time.monotonic()))
            for line in progress.failures():
                err.print(line, style="red")
        if error is not None:
            say(error, see=FULL if self._path is None else self._command("show", "NAME"))
        if not self._quiet:
            self._say_how_to_go_on(error, stopped)
        if stopped:
            return Exit.INTERRUPTED
        if error is not None:
            return Exit.USAGE if isinstance(error, CallerError) else Exit.ENDPOINT
        if not progress.all_failed:
            return Exit.OK
        nobody = progress.seen == progress.all_failed == progress.unreached
        return Exit.ENDPOINT if nobody else Exit.NOT_CONFORMING

    def _command(self, command: str = "", *arguments: str) -> str:
        """A command about the job, and about this run of it: one of `jobs`, or to review it."""
        job = shlex.quote(str(self._path))
        begin = ["jobs", command] if command else ["review"]
        return printable(" ".join([called(), *begin, job, *arguments]) + self._run)

    def _say_how_to_go_on(self, error: ExtractorError | None, stopped: bool) -> None:
        progress = self.progress
        failed = progress.all_failed - self._unanswered
        if stopped or error is not None:
            total = "?" if progress.total is None else f"{progress.total:,}"
            err.print(f"{progress.seen - progress.all_failed:,} of {total} are done.", end=" ")
            kept = f"Go on with: {self._again}" if self._path else "Nothing is kept: with --job it could go on."
            err.print(printable(kept))
        if self._path is None or not self._hints:
            return
        if self._unanswered:
            err.print(f"The same command asks again for {self._unanswered:,} that got no answer.")
        if stopped or error is not None:
            if failed:
                err.print(f"With --retry-failed also what failed is tried again ({failed:,}).")
            return
        if failed:
            err.print(f"what failed:  {self._command('status', '--failed')}")
        err.print(f"the values:   {self._command('export', '-o', 'values.csv')}")
        err.print(f"check them:   {self._command()}")


FIRST = 20
"""Documents after which it is said that none conforms: a wrong schema or model need not be paid ten thousand times."""


def _line(result: DocumentResult[Any]) -> dict[str, Any]:
    """What is printed of one document where there is no job: the same as a job exports."""
    line: dict[str, Any] = {"name": result.name, "row": getattr(result.document, "row", {})}
    if result.result is not None:
        return {**line, "state": "done", "value": value_of(result.result), "error": None}
    failed = result.error or ExtractorError("There is no result.")
    error = {"type": type(failed).__name__, "message": failed.message, "hint": failed.hint}
    return {**line, "state": "failed", "value": None, "error": error}


def again(arguments: list[str]) -> str:
    """The command that was given, to be given again."""
    said = " ".join([called(), *map(shlex.quote, arguments[1:])])
    return said if len(said) <= LONGEST else "the same command"


LONGEST = 400  # characters: a shell may have made thousands of names of a pattern


def _unsaid(text: str) -> None:
    """Nobody wants to hear it."""
