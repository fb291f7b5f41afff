"""A dataset of Ray with a local cluster of some processes, against an endpoint that bears only so much."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import extractor
from extractor import Extractor
from extractor.batch.cluster.columns import with_columns
from extractor.batch.job import Job
from extractor.documents.loaded import Input
from extractor.errors import ConfigurationError, JobError, MissingExtra, OptionError
from extractor.result import DocumentResult
from extractor.testing import FakeEndpoint, Recorded, Reply

ray = pytest.importorskip("ray")
pytest.importorskip("pyarrow")

from extractor.batch import ray as subject  # noqa: E402  # only where Ray is

# Of Ray's own modules, about options of its own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
    "title": "Person",
}
LIMIT = 6
TOO_MANY = Reply(status=429, raw=json.dumps({"error": {"message": "too many"}}))


class Endpoint:
    """Bears `limit` requests at a time, and answers with the last word of the document."""

    def __init__(self, limit: int = 1_000) -> None:
        self.limit = limit
        self.asked: Counter[str] = Counter()
        self.under_way = self.most = self.refused = 0
        self.at: tuple[int, threading.Event] | None = None
        self._lock = threading.Lock()

    def __call__(self, recorded: Recorded) -> Any:
        """Answer a request."""
        text = recorded.body["messages"][-1]["content"]
        with self._lock:
            self.most = max(self.most, self.under_way + 1)
            if self.under_way >= self.limit:
                self.refused += 1
                return TOO_MANY
            self.under_way += 1
            self.asked[text.split()[-1]] += 1
            if self.at is not None and self.asked.total() >= self.at[0]:
                self.at[1].set()
        threading.Event().wait(0.03)  # what a model takes
        with self._lock:
            self.under_way -= 1
        if "wrong key" in text:
            return Reply(status=401, raw=json.dumps({"error": {"message": "no such key"}}))
        return "no json" if "unreadable" in text else {"name": text.split()[-1]}


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    """Start a cluster, whose processes find the package where this one does."""
    root = str(Path(extractor.__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            num_cpus=4,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {"PYTHONPATH": root}},
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        patch.setattr(subject, "LOST", 3.0)  # else a lost process is waited for longer
        yield
        ray.shutdown()
        subject._coordinators.clear()


def documents(number: int, blocks: int = 8) -> Any:
    """Make a dataset of documents."""
    rows = [{"id": row, "text": f"The person is called p{row}"} for row in range(number)]
    return ray.data.from_items(rows, override_num_blocks=blocks)


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    """Carry out a dataset: its rows, in the order of their ids."""
    return sorted(dataset.take_all(), key=lambda row: row["id"])


def names_of(rows: list[dict[str, Any]]) -> list[str]:
    """Read the extracted names."""
    return [json.loads(row["value"])["name"] for row in rows]


def at(fake: FakeEndpoint, **more: Any) -> dict[str, Any]:
    """Say where the endpoint is."""
    return {"base_url": fake.base_url, "model": "m", "api_key": "a-key", "workers": 2, "batch_size": 16, **more}


def test_one_governor_for_all() -> None:
    """All rows are answered by an endpoint that bears few requests, which it does not have to refuse much."""
    endpoint = Endpoint(LIMIT)
    with FakeEndpoint(endpoint, repeat=True) as fake:
        rows = rows_of(subject.extract(documents(200), PERSON, **at(fake)))
    assert names_of(rows) == [f"p{number}" for number in range(200)]
    assert {row["error"] for row in rows} == {None}
    assert {row["requests"] for row in rows} == {1}
    assert set(endpoint.asked.values()) == {1}
    assert endpoint.most <= 2 * LIMIT  # from the search for the limit
    assert endpoint.refused <= 40


def test_a_class_as_target() -> None:
    """A model that only this process knows goes along."""

    class Person(BaseModel):
        name: str

    with FakeEndpoint(Endpoint(), repeat=True) as fake:
        rows = rows_of(subject.extract(documents(4, 1), Person, **at(fake, workers=1, evidence=True, prefix="x_")))
    assert [json.loads(row["x_value"]) for row in rows] == [{"name": f"p{number}"} for number in range(4)]
    assert json.loads(rows[0]["x_fields"])["/name"]["status"] == "exact"


def test_parquet_to_parquet(tmp_path: Path) -> None:
    """Columns have the same types in every file, also where all is null; failed rows say why, the others are whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "in").mkdir()
    texts = ["It is p0", "unreadable p1", "", None, "It is p4", "It is p5"]
    for part in range(3):
        table = pa.table(
            {"id": [2 * part, 2 * part + 1], "text": pa.array(texts[2 * part : 2 * part + 2], pa.string())}
        )
        pq.write_table(table, tmp_path / "in" / f"{part}.parquet")
    with FakeEndpoint(Endpoint(), repeat=True) as fake:
        dataset = ray.data.read_parquet(str(tmp_path / "in"))
        done = subject.extract(dataset, PERSON, **at(fake, batch_size=1, max_retries=0))
        done.write_parquet(str(tmp_path / "out"))
    files = sorted((tmp_path / "out").glob("*.parquet"))
    schemas = [pq.read_schema(path) for path in files]
    assert all(each.equals(schemas[0]) for each in schemas)
    assert str(schemas[0].field("cost").type) == "double"
    rows = sorted(pq.read_table(tmp_path / "out").to_pylist(), key=lambda row: row["id"])
    assert [row["text"] for row in rows] == texts
    assert [row["value"] and json.loads(row["value"])["name"] for row in rows] == ["p0", None, None, None, "p4", "p5"]
    kinds = [row["error"] and row["error"].partition(":")[0] for row in rows]
    assert kinds == [None, "ExtractionFailed", "DocumentError", "DocumentError", None, None]
    assert [row["requests"] for row in rows] == [1, 1, 0, 0, 1, 1]


def test_a_wrong_key_ends_it() -> None:
    """What every row would fail with is raised, once, as the error that it is."""
    rows = [{"id": row, "text": f"wrong key p{row}"} for row in range(64)]
    endpoint = Endpoint(LIMIT)
    with FakeEndpoint(endpoint, repeat=True) as fake:
        dataset = subject.extract(ray.data.from_items(rows), PERSON, **at(fake))
        with pytest.raises(ray.exceptions.RayTaskError, match=r"errors\.AuthenticationFailed: .*no such key"):
            dataset.take_all()
    assert endpoint.asked.total() < 64


def test_a_column_that_is_not_there() -> None:
    """A wrong name of a column is said clearly, with those that there are; as our own error where Ray is told so."""
    dataset = subject.extract(documents(2, 1), PERSON, column="body", base_url="http://127.0.0.1:9/v1", model="m")
    dataset.context.raise_original_map_exception = True
    with pytest.raises(OptionError, match="no column 'body', but id, text"):
        dataset.take_all()


def test_a_column_that_is_there_already() -> None:
    """No column of the caller is overwritten."""
    import pyarrow as pa

    done: DocumentResult[Any] = DocumentResult(number=0, name="a", error=ConfigurationError("x"))
    table = with_columns(pa.table({"id": [1]}), [done], [2], {"error": "error", "requests": "sent"})
    assert table.to_pylist() == [{"id": 1, "error": "ConfigurationError: x", "sent": 2}]
    with pytest.raises(OptionError, match="column 'error' already"):
        with_columns(table, [done], [0], {"error": "error"})


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"batch_size": 0}, OptionError),
        ({"concurrency": True}, OptionError),
        ({"workers": (3, 2)}, OptionError),
        ({"budget": extractor.Budget(requests=1)}, OptionError),
        ({"idempotency_key": "k"}, OptionError),
        ({"temperature": 99}, OptionError),
        ({"target": "no such name"}, ConfigurationError),
    ],
)
def test_what_is_wrong_is_said_before(wrong: dict[str, Any], error: type[Exception]) -> None:
    """A wrong option or target is an error when the dataset is made, not when it is carried out."""
    with pytest.raises(error):
        subject.extract(documents(1, 1), **{"target": PERSON, **wrong})


def test_a_file_that_is_no_job(tmp_path: Path) -> None:
    """A file that cannot be used is an error when the dataset is made."""
    path = tmp_path / "notes.db"
    path.write_text("no job " * 1_000)
    with pytest.raises(JobError):
        subject.extract(documents(1, 1), PERSON, job=path)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Ray the error says how to install it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"extractor\[ray\]"):
        subject.extract(None, PERSON)  # type: ignore[arg-type]  # nobody looks at it


def test_it_goes_on(tmp_path: Path) -> None:
    """The same call again asks nothing, nor does a local job with the same documents, and all say the same."""
    path = tmp_path / "people.db"
    with FakeEndpoint(Endpoint(LIMIT), repeat=True) as fake:
        first = rows_of(subject.extract(documents(40), PERSON, job=path, **at(fake, name_column="id")))
        asked = len(fake.requests)
        again = rows_of(subject.extract(documents(40), PERSON, job=path, **at(fake, name_column="id")))
        with Extractor("m", base_url=fake.base_url, api_key="a-key") as local:
            given = [Input(name=str(row["id"]), document=row["text"]) for row in first]
            there = list(local.map(PERSON, given, job=path, ordered=True))
        assert len(fake.requests) == asked
    assert names_of(first) == [f"p{number}" for number in range(40)]
    assert again == first
    assert [each.value for each in there] == [json.loads(row["value"]) for row in first]
    assert all(each.restored for each in there)
    with Job(path) as job:
        assert len(job.runs) == 1
        assert job.counts().done == 40
        assert job.record("7").fields["/name"].status == "exact"  # type: ignore[union-attr]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks for processes in /proc")
def test_a_process_is_killed(tmp_path: Path) -> None:
    """A process that is killed in the middle costs nothing that was finished, and all rows come."""
    path, endpoint, reached = tmp_path / "people.db", Endpoint(LIMIT), threading.Event()
    endpoint.at = (60, reached)
    finished: set[str] = set()

    def kill() -> None:
        reached.wait(60)
        with Job(path) as job:
            finished.update(record.data["name"] for record in job.records(states=["done"]))
        os.kill(workers()[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with FakeEndpoint(endpoint, repeat=True) as fake:
        rows = rows_of(subject.extract(documents(160), PERSON, job=path, **at(fake)))
    killer.join()
    assert names_of(rows) == [f"p{number}" for number in range(160)]
    assert len(finished) > 20
    assert all(endpoint.asked[name] == 1 for name in finished)
    assert sum(1 for times in endpoint.asked.values() if times > 1) <= LIMIT
    with Job(path) as job:
        assert job.counts().done == 160


def test_the_coordinator_is_killed() -> None:
    """Where the coordinator is lost, its processes wait for it to come again, and go on."""
    endpoint, reached = Endpoint(LIMIT), threading.Event()
    endpoint.at = (40, reached)
    with FakeEndpoint(endpoint, repeat=True) as fake:
        dataset = subject.extract(documents(120), PERSON, **at(fake))
        (coordinator,) = subject._coordinators.values()

        def kill() -> None:
            reached.wait(60)
            ray.kill(coordinator, no_restart=False)

        killer = threading.Thread(target=kill)
        killer.start()
        rows = rows_of(dataset)
        killer.join()
    assert names_of(rows) == [f"p{number}" for number in range(120)]


def workers() -> list[int]:
    """Find the processes that extract."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and (each / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
            found.append(int(each.name))
    return found
