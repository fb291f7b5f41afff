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
from extractor.cli.records import value_of
from extractor.cli.shown import Exit, code_of, err, errors, print_json, say
from extractor.cli.stopping import Stopping
from extractor.errors import ExtractorError, OptionError
from extractor.progress import Progress, many, printable
from extractor.result import DocumentResult

if TYPE_CHECKING:
    from extractor.client import Extractor
    from extractor.documents.loaded import Input

__all__ = ["EXAMPLES", "Batch", "batch"]

EXAMPLES = (
    "[b]Examples[/b]\n\n"
    "extractor batch invoice scans/ --job invoices.db\n\n"
    "extractor batch shop.models:Order 'mails/**/*.eml' -m openai/gpt-4.1-mini --job orders.db --budget-cost 20\n\n"
    "extractor batch support_ticket tickets.csv --text-column body --name-column id > tickets.jsonl\n\n"
    "The same command goes on where it was stopped; extractor jobs shows what is in a job.\n\n"
    "Exit codes: 0 all are done, 1 some failed, 2 wrong call, 3 the endpoint stopped it, 130 interrupted."
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
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many documents, the first ones.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Documents at once; else what the endpoint can take.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="What had failed in the job is tried again.")
    ] = False,
    no_evidence: Annotated[
        bool, typer.Option("--no-evidence", help="Do not keep where each value stands: smaller, and less to compute.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but what stops it.")] = False,
) -> None:
    """Extract TARGET from many documents side by side, and keep it all in a job.

    Without --job there is a JSON line for each on stdout, as they come, and nothing is kept.
    """
    with errors():
        if retry_failed and job is None:
            raise OptionError("--retry-failed needs --job.", option="retry_failed", hint="Name the job.")
        named = Paths(
            paths=paths, text_column=text_column, name_column=name_column, limit=limit, ignore=_own_files(job)
        )
        documents, total = named.documents(), named.total()
        wanted = found(target)
        work = Batch(total=total, quiet=quiet, job=job, again=again(sys.argv))
        settings: dict[str, Any] = {"concurrency": concurrency, "as_": asking.what, "evidence": not no_evidence}
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


def _own_files(job: Path | None) -> tuple[str, ...]:
    return () if job is None else (escape(job.name), f"{escape(job.name)}-*")


class Batch:
    """One run over many documents, with what is shown of it. `again` is the command that goes on with it; with `hints`
    it says in the end what else can be done with the job.
    """

    def __init__(self, *, total: int | None, quiet: bool, job: Path | None, again: str, hints: bool = True) -> None:
        self.progress = Progress(total=total, now=time.monotonic())
        self._quiet, self._path, self._again, self._hints = quiet, job, again, hints

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
        from extractor.cli.keeping import Kept

        error: ExtractorError | None = None
        stopped = False
        with ExitStack() as stack:
            job = None if self._path is None else Kept(self._path, retry_failed=retry_failed)
            if job is not None:
                settings["job"] = stack.enter_context(job)
            results = stack.enter_context(extractor.map(wanted, documents, **settings))
            live = stack.enter_context(Live(self.progress, err, quiet=self._quiet))
            if job is not None and job.elsewhere:
                live.note(f"Another process is at work on this job, on {many(job.elsewhere)}.")
            stopping = stack.enter_context(Stopping(results, live.note if not self._quiet else _unsaid))
            try:
                for result in results:
                    self._came(result, live)
            except ExtractorError as raised:
                error = raised
            except KeyboardInterrupt:
                stopped = True
                results.close()
            stopped = stopped or stopping.asked
        return self._ended(error, stopped)

    def _came(self, result: DocumentResult[Any], live: Live) -> None:
        live.add(result)
        if self._path is None:
            # Where stdout is no terminal, the lines do not come between those of the bar.
            with live.above() if sys.stdout.isatty() else nullcontext():
                print_json(_line(result), pretty=False)

    def _ended(self, error: ExtractorError | None, stopped: bool) -> Exit:
        """What came of it all, on stderr; how it ended."""
        progress = self.progress
        if not self._quiet:
            err.print(progress.summary(time.monotonic()))
            for line in progress.failures():
                err.print(line, style="red")
        if error is not None:
            say(error)
        if not self._quiet:
            self._say_how_to_go_on(error, stopped)
        if stopped:
            return Exit.INTERRUPTED
        if error is not None:
            return code_of(error)
        return Exit.NOT_CONFORMING if progress.all_failed else Exit.OK

    def _say_how_to_go_on(self, error: ExtractorError | None, stopped: bool) -> None:
        if stopped or error is not None:
            progress = self.progress
            total = "?" if progress.total is None else f"{progress.total:,}"
            err.print(f"{progress.seen - progress.all_failed:,} of {total} are done.", end=" ")
            kept = f"Go on with: {self._again}" if self._path else "Nothing is kept: with --job it could go on."
            err.print(printable(kept))
            if self._path and self._hints and progress.all_failed:
                err.print(f"With --retry-failed also what failed is tried again ({progress.all_failed:,}).")
        elif self._path is not None and self._hints:
            job = printable(shlex.quote(str(self._path)))
            if self.progress.all_failed:
                err.print(f"what failed:  extractor jobs status {job} --failed")
            err.print(f"the values:   extractor jobs export {job} -o values.csv")


def _line(result: DocumentResult[Any]) -> dict[str, Any]:
    """What is printed of one document where there is no job: the same as a job exports."""
    line: dict[str, Any] = {"name": result.name, "row": getattr(result.document, "row", {})}
    if result.result is not None:
        return {**line, "state": "done", "data": value_of(result.result), "error": None}
    failed = result.error or ExtractorError("There is no result.")
    error = {"type": type(failed).__name__, "message": failed.message, "hint": failed.hint}
    return {**line, "state": "failed", "data": None, "error": error}


def again(arguments: list[str]) -> str:
    """The command that was given, to be given again."""
    said = shlex.join(["extractor", *arguments[1:]])
    return said if len(said) <= LONGEST else "the same command"


LONGEST = 400  # characters: a shell may have made thousands of names of a pattern


def _unsaid(text: str) -> None:
    """Nobody wants to hear it."""
