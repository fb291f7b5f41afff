"""Whether a job at which two of Ray's workers are busy comes to the values of a local one, with a worker killed.

    python benchmarks/batch_ray.py [--documents 1000] [--into FOLDER]

Two workers of Ray ask for documents with `extractor.batch.ray.extract(…, job=)`; one of them is killed in the middle.
The values are compared with those of a local job. The endpoint (benchmarks/ledger.py) thinks for 50 ms, refuses more
than 64 at a time, and writes down every request, so that it is known what was paid twice. The exit code is 1 where the
values differ, where nothing was killed, or where something was paid again that was safe. Needs Ray and psutil.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import signal
import tempfile
import threading
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import ledger
from contenders import installed, versions
from loopback import MODEL, command, isolated, machine
from results import Cell, Column, Report, Table, options, publish

THINK = 0.05  # seconds
RAY_WORKERS = 2
LATE = 1.0  # seconds: a reply that had been there for so long when a worker was killed is safe


def _local(number: int, kept: ledger.Ledger, job: Path) -> dict[str, Any]:
    """The values of a local job, by document."""
    import extractor

    with extractor.Extractor(MODEL, base_url=kept.base_url, api_key="local-session") as client:
        documents = (ledger.case(each).text for each in range(number))
        results = client.map(ledger.Slip, documents, job=job)
        return {str(each.document): each.value.model_dump() for each in results}


def _killer(kept: ledger.Ledger, number: int, killed: list[float]) -> None:
    """Kill one of Ray's workers that ask, once half of the documents were asked for."""
    psutil: Any = importlib.import_module("psutil")
    kept.wait("ray-session", number // 2, 600.0)
    port = int(kept.base_url.rpartition(":")[2].partition("/")[0])
    for process in psutil.process_iter(["pid", "cmdline"]):
        with contextlib.suppress(psutil.Error):
            asks = (each.raddr and each.raddr.port == port for each in process.net_connections("inet"))
            if "ray::" in " ".join(process.cmdline()) and any(asks):
                killed.append(time.monotonic())
                process.send_signal(signal.SIGKILL)
                return


def compared(number: int) -> tuple[Table, bool]:
    """The same documents through Ray, with a worker killed, and locally; and whether all is as it should be."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    from extractor.batch.ray import extract

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="extractor-ray-") as folder, ledger.keeping(think=THINK, most=64) as kept:
        began = time.perf_counter()
        local = _local(number, kept, Path(folder) / "local.db")
        took_local, began = time.perf_counter() - began, time.perf_counter()
        killed: list[float] = []
        watcher = threading.Thread(target=_killer, args=(kept, number, killed), daemon=True)
        watcher.start()
        rows = ray.data.from_items([{"text": ledger.case(each).text} for each in range(number)])
        dataset = extract(
            rows,
            ledger.Slip.model_json_schema(),
            job=str(Path(folder) / "ray.db"),
            model=MODEL,
            base_url=kept.base_url,
            api_key="ray-session",
            workers=RAY_WORKERS,
        )
        found = {row["text"]: row for row in dataset.iter_rows()}
        took = time.perf_counter() - began
        watcher.join(1.0)
        kept.settle()
        asked = [each for each in kept.entries("ray-session") if each.paid]
    ray.shutdown()
    same = sum(_value(found.get(text)) == value for text, value in local.items())
    by_key: dict[str, list[ledger.Entry]] = defaultdict(list)
    for each in asked:
        by_key[each.key].append(each)
    again = [first for same_key in by_key.values() for first, _ in pairwise(same_key)]
    asking = max(each.answered or 0.0 for each in asked) - min(each.received for each in asked)
    early = [each for each in again if not killed or (each.answered or 0.0) < killed[0] - LATE]
    whose = f"extractor: Ray, {RAY_WORKERS} workers, {len(killed)} killed"
    cells: dict[str, list[Cell]] = {
        "extractor: a local job": [number, number / took_local, None, None, None, None, None],
        whose: [len(found), number / took, number / asking, same, len(asked), len(again), len(early)],
    }
    table = Table(title="Through Ray, and locally", columns=_COLUMNS, rows=cells, ours=tuple(cells))
    return table, same == number and bool(killed) and not early


_COLUMNS = (
    Column(name="documents", form=",.0f", better="more"),
    Column(name="a second, with its start", form=",.0f", better="more"),
    Column(name="a second while it asks", form=",.0f"),
    Column(name="values as the local job's", form=",.0f"),
    Column(name="requests paid", form=",.0f"),
    Column(name="paid twice", form=",.0f", better="less"),
    Column(name=f"of these, answered {LATE:.0f} s before the kill", form=",.0f", better="less"),
)


def _value(row: Any) -> Any:
    value = None if row is None else row["value"]
    return json.loads(value) if isinstance(value, str) else value


def main() -> None:
    """Compare and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1_000)
    options(parser)
    arguments = parser.parse_args()
    isolated()
    began = time.perf_counter()
    table, kept = compared(arguments.documents)
    report = Report(
        name="batch_ray",
        question="Does a job through Ray come to the same, with a worker killed?",
        command=command(),
        environment=machine(),
        versions={**versions(installed("extractor")), "ray": importlib.import_module("ray").__version__},
        tables=(table,),
        notes=(
            "All is as it should be."
            if kept
            else "The values differ, or nothing was killed, or what was safe was paid again.",
        ),
        seconds=time.perf_counter() - began,
    )
    publish(report, arguments)
    if not kept:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
