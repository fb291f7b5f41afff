"""The command `demo-batch`: a folder of small real files, a job over it, and what came out."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from extractor.cli.asking import BaseUrl, Model
from extractor.cli.batch import Batch
from extractor.cli.output import Exit, called, errors
from extractor.cli.overview import aligned
from extractor.client import Extractor
from extractor.demo import DEMOS
from extractor.endpoint.presets import EMBEDDED
from extractor.errors import OptionError
from extractor.progress import duration

__all__ = ["EXAMPLES", "demo_batch"]

EXAMPLES = "[b]Example[/b]\n\nextractor demo-batch --folder demo"


def demo_batch(
    folder: Annotated[Path, typer.Option(help="Where the files and the job go.")] = Path("extractor-demo"),
    model: Model = None,
    base_url: BaseUrl = None,
) -> None:
    """Make a folder of receipts of six kinds of file, run a job over it with the embedded model, and show it all."""
    from extractor.demo_files import TORN, write_demo_files
    from extractor.local import SLOTS

    with errors():
        began = time.monotonic()
        try:
            paths = write_demo_files(folder / "receipts")
        except OSError as error:
            raise OptionError(f"Cannot write into {folder}: {error.strerror}.", option="folder") from None
        job, table = folder / "receipts.db", folder / "receipts.csv"
        typer.echo(f"{len(paths)} files are in {folder / 'receipts'}: " + ", ".join(path.name for path in paths))
        typer.echo(f"{TORN} is broken on purpose: what fails does not stop the others.\n")
        command = f"{called()} demo-batch --folder {shlex.quote(str(folder))}"
        chosen = model if model or base_url else EMBEDDED
        with Extractor(chosen, base_url=base_url, max_completion_tokens=300) as extractor:
            typer.echo(f"{extractor.model} at {extractor.base_url}, into the job {job}\n")
            batch = Batch(total=len(paths), quiet=False, job=job, again=command, hints=False)
            code = batch.run(extractor, DEMOS["receipt"], paths, concurrency=SLOTS if chosen == EMBEDDED else None)
        if code in (Exit.OK, Exit.NOT_CONFORMING):
            _show(job, table)
            typer.echo(f"\nIt took {duration(time.monotonic() - began)}. The same command again asks for nothing more.")
    # The torn file is there to fail.
    raise typer.Exit(Exit.OK if batch.progress.seen > batch.progress.all_failed else code)


def _show(job: Path, table: Path) -> None:
    from extractor.batch.job import Job
    from extractor.demo_files import TORN

    with Job(job, create=False) as opened:
        names = ("shop", "date", "total")
        rows: list[tuple[str, ...]] = [("", *names)]
        shown: list[tuple[str, str]] = []
        for record in opened.records():
            data = record.value or {}
            shown.append((record.name, record.state))
            failed = (f"{record.error.type}: {record.error.message}",) if record.error else ()
            rows.append((Path(record.name).name, *(failed or (str(data.get(name, "")) for name in names))))
        typer.echo("\n" + "\n".join(aligned(rows)))
        opened.export(table, overwrite=True)
    typer.echo(f"\nAll of it is in {table}, and in the job with every reply. Look further with")
    file, one = shlex.quote(str(job)), shlex.quote(next((row[0] for row in shown if row[1] == "done"), TORN))
    commands = (f"--folder {shlex.quote(str(job.parent))}", f"status {file} --failed", f"show {file} {one}")
    for said in (*commands, f"export {file} --evidence | head -1"):
        typer.echo(f"   {called()} jobs {said}")
