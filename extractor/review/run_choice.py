"""Which run of a job is reviewed, and what its values are held against."""

from __future__ import annotations

from typing import Any

from extractor.batch.holding import wanted_of
from extractor.batch.job import Job
from extractor.batch.record import Run
from extractor.errors import OptionError
from extractor.schema.nodes import text_of
from extractor.schema.target import Target, target_of

__all__ = ["run_and_target"]


def run_and_target(job: Job, target: Any, run: int | Run | None) -> tuple[Run, Target[Any]]:
    """The run, by default the one that fits the target, or else the latest; and its target, by default its own schema.
    Raises `OptionError`.
    """
    number = run.number if isinstance(run, Run) else run
    runs = {each.number: each for each in job.runs}
    latest = job.latest
    if number is None and target is not None:
        wanted = text_of(target_of(target).schema)
        fitting = [each for each in runs.values() if text_of(each.schema) == wanted]
        chosen = max(fitting, key=lambda each: (each == latest, each.number), default=latest)
    else:
        chosen = latest if number is None else runs.get(number)
    if chosen is None:
        missing = "no run yet" if number is None else f"no run {number}"
        raise OptionError(f"The job {job.path} has {missing}.", option="run", hint="See extractor jobs status JOB.")
    return chosen, wanted_of(chosen, target)
