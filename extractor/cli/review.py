"""The command `review`: a page on which people look at what was extracted, or enter values by hand."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.cli.asking import found
from extractor.cli.output import called, err, errors
from extractor.errors import OptionError
from extractor.progress import many, printable

if TYPE_CHECKING:
    from extractor.batch.job import Job
    from extractor.batch.record import Run
    from extractor.review import Review

__all__ = ["EXAMPLES", "review"]

EXAMPLES = (
    "[b]Examples[/b]\n\n"
    "extractor review invoices.db --target shop.models:Invoice\n\n"
    "extractor review invoices.db --documents scans/ --who ana\n\n"
    "extractor review --new invoice scans/ --job entered.db\n\n"
    "What people say is kept in the job, beside what was extracted; extractor jobs export writes it."
)


def review(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="JOB", help="The file of the job; with --new, the files to enter values for."),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="What the job's values are held against, [b]module:Model[/b]: else the JSON Schema in the job.",
        ),
    ] = None,
    new: Annotated[
        str | None, typer.Option(metavar="TARGET", help="Enter values by hand: nothing is asked of a model.")
    ] = None,
    job: Annotated[
        Path | None, typer.Option(help="With --new, the job that keeps them; else one named after the target.")
    ] = None,
    run: Annotated[int | None, typer.Option(min=1, help="Which run; else the one that was worked on last.")] = None,
    who: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who reviews; the page asks where it is not said.")
    ] = None,
    documents: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A folder with the files, to show their pages; may be repeated."),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen. Others than 127.0.0.1 are not encrypted.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 for any port that is free.")] = 0,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOSTNAME", help="With --host: a name of this machine; may be repeated."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
) -> None:
    """Look at what was extracted beside its documents, and accept, correct or reject it, on a page in the browser.

    With --new, enter the values of documents by hand.
    """
    with errors():
        own: dict[str, Any] = {
            "who": who,
            "documents": tuple(documents or ()),
            "host": host,
            "port": port,
            "names": tuple(name or ()),
            "open_browser": not no_browser,
        }
        with _opened(paths, target, new, job, run) as (opened, wanted, chosen):
            _serve(opened, wanted, chosen, own)


@contextlib.contextmanager
def _opened(
    paths: list[str], target: str | None, new: str | None, job: Path | None, run: int | None
) -> Iterator[tuple[Job, Any, int | Run | None]]:
    """The job, with the target and the run that are reviewed."""
    from extractor.batch.job import Job

    if new is None:
        if job is not None or len(paths) != 1:
            raise OptionError("One job is reviewed at a time.", option="job", hint="Files need --new TARGET.")
        with Job(paths[0], create=False) as opened:
            yield opened, None if target is None else found(target), run
        return
    if target is not None or run is not None:
        raise OptionError("--new has the target, and a run of its own.", option="new")
    wanted = found(new)
    path = job or _default_path(wanted)
    with Job(path) as opened:
        entered, earlier = _entered(opened, wanted, paths)
        err.print(printable(f"What you enter is kept in {path}."))
        if earlier:
            shown = ", ".join(earlier[:EARLIER]) + (" …" if len(earlier) > EARLIER else "")
            said = f"{many(len(earlier))} changed after their values were entered, and wait to be entered again."
            err.print(printable(f"{said} What was entered before is kept under: {shown}"))
        yield opened, wanted, entered


def _default_path(wanted: Any) -> Path:
    from extractor.schema.target import target_of

    name = re.sub(r"[^\w-]+", "_", target_of(wanted).name.lower()).strip("_")[:60]
    return Path(f"{name or 'entered'}.db")


EARLIER = 5  # names that are listed


def _entered(job: Job, wanted: Any, paths: list[str]) -> tuple[Run, list[str]]:
    """The run in which values are entered, with the documents in it, and the names under which earlier contents of some
    are kept. Raises `DocumentError`.
    """
    from extractor.documents.inputs import inputs

    own = job.path.name
    earlier: list[str] = []
    documents = inputs(paths, ignore=(own, f"{own}-*"))
    run = job.enter(wanted, documents, earlier=lambda _, kept: earlier.append(kept))
    return run, earlier


def _serve(job: Job, wanted: Any, run: int | Run | None, own: dict[str, Any]) -> None:
    from extractor.review import review as started

    tally = None if job.latest is None else job.tally(run)
    if tally is None or not tally.all:
        raise OptionError(
            f"The job {job.path} has nothing to review yet.",
            option="job",
            hint=f"{called()} batch … --job JOB extracts; --new TARGET enters by hand.",
        )
    with started(job, wanted, run=run, **own) as page, _stopping():
        _say(page)
        try:
            page.wait()
        except KeyboardInterrupt:
            err.print("")
        left = page.desk.tally()["open"]
    err.print(f"{many(len(page.desk.reviewed))} reviewed; {left:,} are open. All of it is kept.")


def _say(page: Review) -> None:
    if page.desk.notice:
        err.print(printable(page.desk.notice))
    typer.echo(page.url)
    tally = page.desk.tally()
    err.print(f"{tally['open']:,} of {many(tally['all'])} are open. Ctrl-C stops; what was said is kept at once.")


@contextlib.contextmanager
def _stopping() -> Iterator[None]:
    """A polite request to end is as good as Ctrl-C."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not in the main thread: somebody else's business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
