"""Thousands of documents on many machines: a Ray dataset in, the same with what was extracted out.

    dataset = ray.data.read_parquet("invoices.parquet")
    extract(dataset, Invoice, column="text", job="invoices.db").write_parquet("extracted")

One governor for all processes says who may send, so that the endpoint is asked as it is by one; and one process has the
file of the job, if there is one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractor.batch.cluster.columns import COLUMNS
from extractor.batch.cluster.coordinator import Coordinator
from extractor.batch.cluster.crew import Task
from extractor.batch.cluster.job_server import JobServer
from extractor.batch.cluster.remote_governor import LOST
from extractor.batch.cluster.worker import Worker
from extractor.batch.store import Store
from extractor.endpoint.routes import RateLimits
from extractor.errors import MissingExtra, OptionError
from extractor.schema.target import target_of
from extractor.settings import Settings

if TYPE_CHECKING:
    import httpx
    import ray.data

    from extractor.schema.dialects import Dialect

__all__ = ["extract"]

SIDE_BY_SIDE = 2  # tasks of a process, each with some batches at a time: while one ends, the other goes on
PROCESSES = 4_096  # that may listen to the coordinator at a time
ROWS = 128
CONCURRENCY = 256


def extract(
    dataset: ray.data.Dataset,
    target: Any,
    *,
    column: str = "text",
    name_column: str | None = None,
    job: str | os.PathLike[str] | None = None,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | httpx.Timeout | None = None,
    dialect: str | Dialect | None = None,
    limits: RateLimits | None = None,
    workers: int | tuple[int, int] | None = None,
    batch_size: int = ROWS,
    concurrency: int = CONCURRENCY,
    evidence: bool = False,
    prefix: str = "",
    **settings: Any,
) -> ray.data.Dataset:
    """The rows of a dataset with what was extracted from the texts in one `column` of them. Lazy, as Ray Data is.

    New columns, whose types are the same whatever comes: `value` (JSON; null where it failed), `error` (null, or
    "Type: message"), `outcome`, `model`, `prompt_tokens`, `cached_tokens`, `completion_tokens`, `cost` (US dollars),
    `seconds`, `requests`; with `evidence` also `fields`, as JSON: what is known of each field, by JSON pointer. Their
    names begin with `prefix`. A row that fails is a row with an `error`; what every other row would fail with too (a
    wrong key, an empty account, an endpoint that is gone …) ends the dataset with Ray's error, in whose text it stands;
    with `dataset.context.raise_original_map_exception = True` it is raised as one of ours.

    `target` is a type, a JSON Schema, or the name of a ready one; the endpoint and the `settings` are those of
    `Extractor`. Without an `api_key` each process takes that of its own environment, which must have it. How much the
    endpoint takes is found out for all processes of this program together; `limits` count for all of them.

    `workers` are the processes, or the fewest and the most of them (by default Ray decides); each has at most
    `concurrency` documents under way, and takes at least `batch_size` rows at a time, where a block has fewer. A block
    is worked on by one of them: `dataset.repartition(target_num_rows_per_block=…)` before this cuts large ones.

    With a `job`, a file on this machine, each document is kept there when it is finished, known by its content, and not
    asked for again: neither where Ray does a block again since a process was lost, nor when the same call is made
    again. It is a job as that of `Extractor.map`, and either goes on with it. There the rows are called by
    `name_column`, whose values must differ, or else by the hash of their content. Without a job the rows of a process
    that is lost are asked for again, and paid twice.

    Raises `CallerError`: `MissingExtra` without Ray, `OptionError`, `SchemaError`, and `JobError`.
    """
    ray = _ray()
    _check(settings, batch_size, concurrency)
    target_of(target)
    endpoint = {"model": model, "base_url": base_url, "api_key": api_key, "headers": headers, "timeout": timeout}
    task = Task(
        target=target,
        column=column,
        name_column=name_column,
        columns={name: prefix + name for name in COLUMNS if evidence or name != "fields"},
        concurrency=concurrency,
        endpoint={**_here(endpoint), "dialect": dialect, "limits": limits},
        settings=settings,
    )
    job_server = None if job is None else _job_server(ray, Path(job).expanduser().absolute())
    return dataset.map_batches(
        Worker,
        batch_size=batch_size,
        batch_format="pyarrow",
        fn_constructor_kwargs={"task": task, "coordinator": _coordinator(ray), "job_server": job_server},
        compute=_pool(ray, workers),
        udf_modifying_row_count=False,
    )


def _check(settings: Mapping[str, Any], batch_size: int, concurrency: int) -> None:
    """Raises `OptionError`, before anything is begun."""
    if settings.get("budget") is not None:
        raise OptionError(
            "A budget counts within one process.", option="budget", hint="Limit the account at the endpoint instead."
        )
    for name in ("idempotency_key", "messages", "http_client"):
        if settings.get(name) is not None:
            raise OptionError(f"{name} is not for many documents.", option=name, hint="Leave it out.")
    for name, number in (("batch_size", batch_size), ("concurrency", concurrency)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise OptionError(f"{name} must be a whole number, at least 1.", option=name)
    Settings.of(settings, {})


def _here(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Who is asked, where only the environment of this process says it: all ask the same. No key is taken from it."""
    found = dict(endpoint)
    if endpoint["model"] is None and endpoint["base_url"] is None:
        found["model"] = os.environ.get("EXTRACTOR_MODEL") or None
        found["base_url"] = os.environ.get("EXTRACTOR_BASE_URL") or None
    return found


def _pool(ray: Any, workers: int | tuple[int, int] | None) -> Any:
    # A number of them is for the beginning, too, but Ray warns where there are fewer blocks than it must have workers.
    least, most = workers if isinstance(workers, tuple) else (1, workers)
    try:
        return ray.data.ActorPoolStrategy(
            min_size=least,
            max_size=most,
            initial_size=least if isinstance(workers, tuple) else most,
            max_concurrent_calls_per_actor=SIDE_BY_SIDE,
            max_tasks_in_flight_per_actor=2 * SIDE_BY_SIDE,
        )
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"workers is {workers!r}: {error}", option="workers", hint="Give a number, or (fewest, most)."
        ) from None


_coordinators: dict[str, Any] = {}
"""That of each program: an actor ends with the last handle to it."""


def _coordinator(ray: Any) -> Any:
    program = ray.get_runtime_context().get_job_id()
    known = _coordinators.get(program)
    if known is None:
        actor = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=PROCESSES)(Coordinator)
        known = _coordinators[program] = actor.options(name=f"extractor-coordinator-{program}").remote(LOST)
    return known


def _job_server(ray: Any, path: Path) -> Any:
    """Who has the file of the job: a process on this machine. Raises `JobError` where it cannot be used."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    Store(path).close()
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=PROCESSES)(JobServer)
    return actor.options(scheduling_strategy=here).remote(str(path), LOST)


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtra(
            "Ray is not installed.", hint='Install it with: pip install "extractor[ray]" (Python 3.11 to 3.13).'
        ) from None
    if not ray.is_initialized():
        ray.init()
    return ray
