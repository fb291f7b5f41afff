"""What is said of a job: its runs, how far they are, and what failed in them, as plain data and as lines."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python
from rich.cells import cell_len

from extractor.errors import DocumentError, JobError
from extractor.prices import Billed
from extractor.progress import duration, many, money, printable, tokens

if TYPE_CHECKING:
    from extractor.batch.job import Job
    from extractor.batch.record import Counts, Run, State
    from extractor.batch.tally import Tally

__all__ = ["aligned", "described", "failed_of", "grouped", "job_files", "lines_of", "row_of", "summary"]

# A SQLite file begins with these, and has in this place whose it is.
MAGIC, PLACE = b"SQLite format 3\0", slice(68, 72)


def job_files(folder: Path) -> list[Path]:
    """The jobs in a folder, whatever they are called. Raises `DocumentError` where there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and _is_job(path))
    except OSError as error:
        raise DocumentError(f"{folder} cannot be looked through: {error.strerror}.") from None


def _is_job(path: Path) -> bool:
    from extractor.batch.migrations import APPLICATION

    try:
        with path.open("rb") as file:
            head = file.read(PLACE.stop)
    except OSError:
        return False
    return head.startswith(MAGIC) and head[PLACE] == APPLICATION.to_bytes(4, "big")


def summary(path: Path) -> dict[str, Any]:
    """One job, as plain data: its name, how many runs it has, and the latest of them; or what is wrong with it."""
    from extractor.batch.job import Job

    try:
        with Job(path, create=False, read_only=True) as job:
            runs, run = len(job.runs), job.latest
            latest = None if run is None else described(run, job.counts(run))
    except JobError as error:
        return {"name": path.name, "runs": 0, "latest": None, "error": error.message}
    except (TypeError, ValueError, OverflowError, ArithmeticError, LookupError, AttributeError):  # not by this library
        return {"name": path.name, "runs": 0, "latest": None, "error": "is damaged"}
    return {"name": path.name, "runs": runs, "latest": latest, "error": None}


def row_of(job: Mapping[str, Any]) -> tuple[str, ...]:
    """A summary as the cells of one line."""
    latest, runs = job["latest"], job["runs"]
    if latest is None:
        return job["name"], job["error"] or "no runs"
    which = "1 run" if runs == 1 else f"run {latest['run']} of {runs}"
    return job["name"], which, *_states(latest), latest["made"][:16], latest["target"]


def _states(run: Mapping[str, Any]) -> tuple[str, ...]:
    """How far a described run is: done, failed, and what is still to come, as far as anybody knows."""
    expected = max(run["expected"] or 0, run["documents"])
    done = f"{run['done']:,}" + (f" of {expected:,}" if run["stopped"] and run["expected"] is not None else "")
    return f"{done} done", f"{run['failed']:,} failed", "stopped" if run["stopped"] else f"{run['pending']:,} pending"


def described(run: Run, counts: Counts, tally: Tally | None = None) -> dict[str, Any]:
    """A run and how far it is, as plain data; with how far people have reviewed it, where they have."""
    states = {state: getattr(counts, state) for state in ("documents", "done", "failed", "pending", "running")}
    return {
        "run": run.number,
        "target": run.target,
        "made": datetime.datetime.fromtimestamp(run.made).astimezone().isoformat(" ", "minutes"),
        "options": to_jsonable_python(run.options),
        "schema": hashlib.sha256(json.dumps(run.schema, sort_keys=True).encode()).hexdigest()[:FINGERPRINT],
        **states,
        "expected": counts.expected,
        "stopped": counts.through is False and not counts.running,
        "requests": counts.requests,
        "asked_again": counts.asked_again,
        "usage": to_jsonable_python(counts.usage),
        "cost": None if counts.cost is None else float(counts.cost),
        "seconds": round(counts.seconds, 3),
        "took": _took(counts),
        **_reviewed(tally),
    }


def _reviewed(tally: Tally | None) -> dict[str, Any]:
    if tally is None or tally.all == tally.open:
        return {}
    return {"review": {name: getattr(tally, name) for name in ("accepted", "corrected", "rejected", "open")}}


def _took(counts: Counts) -> str:
    billed = Billed.of(counts.usage)
    said = [f"{counts.requests:,} requests ({counts.asked_again:,} asked again)"]
    said += [tokens(billed.prompt, billed.cached, billed.output)] if billed else []
    return ", ".join([*said, money(counts.cost), f"requests took {duration(counts.seconds)} in all"])


def lines_of(run: Mapping[str, Any]) -> Iterator[str]:
    """A described run as lines."""
    options = ", ".join(f"{name}={value!r}" for name, value in run["options"].items())
    yield printable(f"run {run['run']}  {run['target']}  {run['made'][:16]}  schema {run['schema']}")
    yield printable(f"  {options}"[:OPTIONS])
    states = [*_states(run), f"{run['running']:,} running"]
    yield f"  {many(run['documents'])}: {', '.join(states)}"
    yield f"  {run['took']}"
    if "review" in run:
        yield f"  reviewed: {', '.join(f'{count:,} {name}' for name, count in run['review'].items())}"


OPTIONS = 1_000  # characters: instructions and examples may be long
FINGERPRINT = 8  # characters: enough to see that two schemas are two


def failed_of(job: Job, run: int) -> Iterator[dict[str, Any]]:
    """What failed in a run, in the order of the input, as plain data."""
    failed: tuple[State, ...] = ("failed",)
    for record in job.records(run, states=failed):
        failure = record.error
        yield {
            "name": record.name,
            "error": failure.type if failure else "",
            "message": failure.message if failure else "",
            "hint": failure.hint if failure else "",
            "tried": record.attempts,
            "requests": record.requests,
        }


def grouped(failed: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What failed as lines: an error with the documents that failed with it below, the most frequent first; or one
    document with its error.
    """
    kinds: dict[tuple[str, str, str], list[str]] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in failed:
        said = (each["error"], each["message"].removeprefix(f"{each['name']}: "), each["hint"])
        kind = said if said in kinds or len(kinds) < GROUPS else (said[0], "…", "")
        counts[kind] += 1
        names = kinds.setdefault(kind, [])
        if len(names) < NAMES:
            names.append(each["name"])
    for kind, count in counts.most_common():
        line = f"{kind[0]}: {kind[1]} {kind[2]}".rstrip()
        if count == 1:
            yield printable(f"{kinds[kind][0]}: {line}")
            continue
        yield printable(f"{count:,} × {line}")
        yield from (printable(f"  {name}") for name in kinds[kind])
        if count > NAMES:
            yield f"  … and {count - NAMES:,} more: --json has them all"


GROUPS, NAMES = 1_000, 20  # of errors that are told apart, and of documents that are named of each


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells as lines, with their columns below each other."""
    shown = [[printable(cell) for cell in row] for row in rows]
    columns = max((len(row) for row in shown), default=0)
    widths = [max((cell_len(row[at]) for row in shown if at + 1 < len(row)), default=0) for at in range(columns)]
    for row in shown:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row[:-1], widths, strict=False))
        yield "  ".join([*padded, *row[-1:]])
