"""What a job of so many documents is as a file: how large it is, and how long what one does with it takes.

    python benchmarks/job_file.py [--documents 100000] [--size 2000] [--evidence] [--folder FOLDER] [--into FOLDER]

Nobody is asked but for one document: its result is finished, with another text and another value each time, for all
the others, 64 under way at a time, as a `map` does it. One in a hundred fails. Texts have about `--size` characters,
which are as hard to pack as a language; the model has six fields, the reply about 200 characters. The file is on the
disk of the temporary folder, or of `--folder`.

Gives for everything the seconds, the CPU seconds, and either for a document: writing it; opening the file; counting;
going on with the job when all is done (`Extractor.map` gives every result from the file, and sends nothing); reading
the records, with and without evidence; exporting them; having the failed ones asked again; checking the file. And the
bytes of the file, and by how many MB the memory of the process grew at its peak in each step.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import itertools
import random
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from contenders import installed, versions
from limited import thinking
from loopback import CASES, KEY, MODEL, command, isolated, machine
from own_process import most_memory
from results import Cell, Column, Report, Table, options, publish

from extractor import Extractor
from extractor.batch.job import Job
from extractor.batch.record import Failure
from extractor.batch.restoring import finished
from extractor.batch.store import Begun, Finished, Store, Worker

CASE = CASES["flat"]
AT_ONCE = 64
FAILS = 100  # every hundredth


@dataclass(frozen=True, kw_only=True)
class Took:
    """One thing that was done: seconds, CPU seconds, and MB of memory more than before at the peak."""

    what: str
    wall: float
    cpu: float
    grown: float
    documents: int


class Stopwatch:
    """Times one thing after the other."""

    def __init__(self, documents: int) -> None:
        self.took: list[Took] = []
        self._documents = documents

    def of(self, what: str, do: Callable[[], object], documents: int | None = None) -> None:
        """Time this, which is done to all documents, or to so many."""
        with contextlib.suppress(OSError):  # the peak so far is forgotten; elsewhere it only ever rises
            Path("/proc/self/clear_refs").write_text("5")
        before, wall, cpu = most_memory(), time.perf_counter(), time.process_time()
        do()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        grown = (most_memory() - before) / 1024
        self.took.append(Took(what=what, wall=wall, cpu=cpu, grown=grown, documents=documents or self._documents))


def _prose(characters: int) -> str:
    """Words of made-up letters, frequent ones and rare ones, which a packer finds as hard as a language."""
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlucmfw", k=chance.randint(2, 10))) for _ in range(4_000)]
    often = [1 / (rank + 10) for rank in range(len(words))]
    return " ".join(chance.choices(words, often, k=characters // 4))[:characters]


PROSE = _prose(1_000_000)


def text_of(number: int, size: int) -> str:
    """Document `number`."""
    start = number * 7_919 % (len(PROSE) - size)
    return f"{CASE.document}Letter {number}.\n{PROSE[start : start + size - len(CASE.document)]}"


def texts(documents: int, size: int) -> Iterator[str]:
    """All of them."""
    return (text_of(number, size) for number in range(documents))


def begun_with(root: str, path: Path, size: int, evidence: bool) -> Finished:
    """Make the job, with the first document; what it came to."""
    with Extractor(MODEL, base_url=root + "/content/v1", api_key=KEY) as extractor:
        with extractor.map(CASE.model, texts(1, size), job=path) as results:
            result = next(results).result
        assert result is not None
        result = extractor.run(CASE.model, text_of(0, size))  # with its attempts
    return finished(result, 1, evidence=evidence)


def _finish(worker: Worker, begun: Begun, number: int, model: Finished) -> Future[Any]:
    data = {**model.data, "age": number % 100, "company": f"Company {number}"}
    own = replace(model, data=data)
    if number % FAILS == FAILS - 1:
        failure = Failure(type="RequestTooLarge", message="The document is too long.", hint="Cut it.")
        own = replace(model, data=None, fields={}, lists=(), error=failure)
    return worker.finish(begun, own)


def write(path: Path, documents: int, size: int, model: Finished) -> None:
    """All others."""
    beginning: deque[tuple[int, Future[Begun]]] = deque()
    finishing: deque[Future[Any]] = deque()

    def go_on(least: int) -> None:
        while len(beginning) > least:
            number, begun = beginning.popleft()
            finishing.append(_finish(worker, begun.result(), number, model))
        while len(finishing) > least:
            finishing.popleft().result()

    with contextlib.closing(Store(path)) as store, contextlib.closing(store.worker(1)) as worker:
        for number in range(1, documents):
            text = text_of(number, size)
            sha = sha256(text.encode()).hexdigest()
            beginning.append((number, worker.begin(number=number, name=str(number), sha256=sha, text=text)))
            go_on(AT_ONCE)
        go_on(0)


def resume(root: str, path: Path, documents: int, size: int) -> None:
    """The same call again, when all is done."""
    with Extractor(MODEL, base_url=root + "/content/v1", api_key=KEY) as extractor:
        restored = sum(each.restored for each in extractor.map(CASE.model, texts(documents, size), job=path))
    if restored != documents:
        raise SystemExit(f"{documents - restored} documents were asked for again.")


def _consume(things: Iterator[Any]) -> None:
    deque(things, maxlen=0)


def measured(documents: int, size: int, evidence: bool, folder: Path) -> tuple[list[Took], int]:
    """What everything took; and the bytes of the file."""
    path, watch = folder / "job.db", Stopwatch(documents)
    with thinking(0.001) as root:
        model = begun_with(root, path, size, evidence)
        watch.of("write", lambda: write(path, documents, size, model))
        bytes_of_file = sum(each.stat().st_size for each in folder.glob("job.db*"))
        watch.of("open", lambda: Job(path).close())
        with Job(path) as job:
            watch.of("count", job.counts)
            counts = job.counts()
            if (counts.documents, counts.failed) != (documents, documents // FAILS):
                raise SystemExit(f"The counts are wrong: {counts}.")
        watch.of("resume, all done", lambda: resume(root, path, documents, size))
        with Job(path) as job, contextlib.closing(Store(path, read_only=True)) as store:
            watch.of("read the records", lambda: _consume(job.records()))
            watch.of("read them without evidence", lambda: _consume(store.records(1, evidence=False)))
            watch.of("read the first 100", lambda: _consume(itertools.islice(job.records(), 100)), 100)
            there = ["parquet"] if importlib.util.find_spec("pyarrow") else []
            for kind in ("jsonl", "csv", *there, "sqlite"):
                watch.of(f"export {kind}", lambda kind=kind: job.export(folder / f"out.{kind}"))  # type: ignore[misc]
            watch.of("export jsonl, evidence", lambda: job.export(folder / "fields.jsonl", evidence=True))
            watch.of("check the file", lambda: _check(store))
            watch.of("retry", job.retry)
    return watch.took, bytes_of_file


def _check(store: Store) -> None:
    wrong = store.check()
    if wrong:
        raise SystemExit(f"The file is damaged: {wrong}")


_COLUMNS = (
    Column(name="s", form=",.3f"),
    Column(name="CPU s", form=",.3f"),
    Column(name="µs each", form=",.1f"),
    Column(name="CPU µs each", form=",.1f"),
    Column(name="MB more", form=",.1f"),
)


def tabled(took: list[Took]) -> Table:
    """A row for each thing that was done."""
    rows: dict[str, list[Cell]] = {
        each.what: [
            *(each.wall, each.cpu, each.wall / each.documents * 1e6, each.cpu / each.documents * 1e6, each.grown),
        ]
        for each in took
    }
    return Table(title="What one does with a job", columns=_COLUMNS, rows=rows, ours=(), of="what", bars="")


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=2_000, help="characters of a text")
    parser.add_argument("--evidence", action="store_true", help="have what is known of the fields worked out at once")
    parser.add_argument("--folder", type=Path, help="where the file is made")
    options(parser)
    arguments = parser.parse_args()
    isolated()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="extractor-job-", dir=arguments.folder) as folder:
        took, size = measured(arguments.documents, arguments.size, arguments.evidence, Path(folder))
    report = Report(
        name="job_file",
        question="How large is a job as a file, and how long does what one does with it take?",
        command=command(),
        environment=machine(),
        versions=versions(installed("extractor")),
        tables=(tabled(took),),
        notes=(
            f"{arguments.documents:,} documents of {arguments.size:,} characters; {size:,} bytes, "
            f"{size / arguments.documents:,.0f} for each document.",
        ),
        seconds=time.perf_counter() - began,
        data={"bytes": size, "took": [asdict(each) for each in took]},
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
