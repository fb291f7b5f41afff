"""The command `evaluate`: how right a job is, and whether examples help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extractor.cli.asking import Asking, asks, found
from extractor.cli.output import err, errors, print_json, spinner
from extractor.errors import JobError, OptionError
from extractor.progress import printable

if TYPE_CHECKING:
    from extractor.evaluation.evaluation import Evaluation

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = (
    "[b]Examples[/b]\n\n"
    "extractor evaluate invoices.db\n\n"
    "extractor evaluate invoices.db --gold gold.jsonl --html report.html\n\n"
    "extractor evaluate invoices.db --run 1 --against-run 2\n\n"
    "extractor evaluate --examples invoices.db --target shop.models:Invoice --nearest 3 --limit 50"
)


@asks
def evaluate(
    asking: Asking,
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="The file of a job, or an export of one as JSON lines.")
    ] = None,
    gold: Annotated[
        str | None, typer.Option(help="What is right: JSON lines, or a job; else what people said in the job.")
    ] = None,
    run: Annotated[int | None, typer.Option("--run", min=1, help="Which run; else the latest.")] = None,
    against: Annotated[str | None, typer.Option(help="Another job or export, side by side.")] = None,
    against_run: Annotated[
        int | None, typer.Option(min=1, help="Another run, of the other job if there is one.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Values are validated with it first: module:Model, .json, or a ready one.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Documents that are asked for, of all.")] = None,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the draws for the intervals.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page, too.")] = None,
    worst: Annotated[int, typer.Option(min=0, help="Documents whose differences are shown.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with every document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Show how right JOB is: against what people said in it, or --gold.

    With --examples and --target instead: whether examples would help. A model is only asked for that.
    """
    with errors():
        wanted = None if target is None else found(target)
        drawing: dict[str, Any] = {"level": level, "seed": seed}
        examples = asking.examples
        if (job is None) == (examples is None):
            raise OptionError("What is to be evaluated?", option="job", hint="Give a JOB, or --examples SOURCE.")
        if examples is not None:
            told = {"gold": gold, "run": run, "against": against, "against_run": against_run}
            _check_alone(told)
            how = {**drawing, "nearest": asking.nearest, "limit": limit}
            made = _with_examples(asking, examples, wanted, how, quiet)
        else:
            from extractor.evaluation.evaluating import evaluate as evaluated

            with spinner("comparing", quiet):
                made = evaluated(
                    str(job), gold, run=run, against=against, against_run=against_run, target=wanted, **drawing
                )
        _print(made, html, worst, as_json)


def _check_alone(told: dict[str, Any]) -> None:
    given = [name for name, value in told.items() if value is not None]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise OptionError(f"--examples does not go with {option}.", option=given[0], hint="Leave one of them out.")


def _with_examples(asking: Asking, source: Path | str, target: Any, how: dict[str, Any], quiet: bool) -> Evaluation:
    from extractor.evaluation.leaving import without_and_with

    if target is None:
        raise OptionError("--examples needs a --target.", option="target", hint="Give module:Model, or a schema.")
    alone = replace(asking, examples=None)  # they are given with every other call
    with alone.extractor() as extractor, _counting("asking, without and with examples", quiet) as progress:
        return without_and_with(extractor.run, target, source, progress=progress, **how)


@contextmanager
def _counting(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A spinner that says how many are done, of how many; nothing where stderr is a file."""
    if quiet or not err.is_terminal:
        yield lambda done, number: None
        return
    with err.status(what) as status:
        yield lambda done, number: status.update(f"{what}: {done:,} of {number:,}")


def _print(made: Evaluation, html: Path | None, worst: int, as_json: bool) -> None:
    if html is not None:
        try:
            html.write_text(made.to_html(worst=max(worst, 200)), encoding="utf-8")
        except OSError as error:
            raise JobError(f"{html} cannot be written: {error.strerror or error}.") from error
        err.print(printable(f"The report is in {html}."))
    if as_json:
        print_json(made.to_dict(), pretty=True)
    else:
        typer.echo(made.to_text(worst=worst), nl=False)
