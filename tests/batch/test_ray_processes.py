"""What the processes of a cluster say to each other, in one process and without Ray."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

import extractor
from extractor.batch.cluster.coordinator import Coordinator, GovernorClient, endpoint_of
from extractor.batch.cluster.crew import Crew, Task
from extractor.batch.cluster.job_server import Command, CommandResult, JobServer
from extractor.batch.cluster.remote_governor import Answer, Report
from extractor.batch.cluster.remote_worker import RemoteWorker
from extractor.batch.job import Job
from extractor.batch.record import Failure
from extractor.batch.store import Begun, Finished
from extractor.endpoint.governor import Result
from extractor.endpoint.resolve import Address
from extractor.endpoint.routes import RateLimits
from extractor.errors import AuthenticationFailed, ConnectionFailed, JobError
from extractor.testing import FakeEndpoint, Recorded, Reply

T = TypeVar("T")

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
    "title": "Person",
}
SHA = "ab" * 32


class Handle:
    """What Ray gives for an actor: `handle.method.remote(…)`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        return Remote(getattr(self._actor, name))


class Remote:
    """A method of it."""

    def __init__(self, remote: Any) -> None:
        self.remote = remote


def carried_out(work: Coroutine[Any, Any, T]) -> T:
    """Carry out what needs an event loop, for a minute at most."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(bounded())


# ------------------------------------------------------------------------------- who may send


def test_a_carrier_carries() -> None:
    """Requests are let go by a coordinator elsewhere, as many as it allows, however often it is out of reach."""
    coordinator, calls, most = Coordinator(), 0, 0
    endpoint = ("x", RateLimits(concurrency=3))

    async def call(report: Report) -> Answer:
        nonlocal calls
        calls += 1
        if calls in (2, 5):
            raise OSError("out of reach")
        return await coordinator.exchange(endpoint, report)

    async def request(client: GovernorClient) -> None:
        nonlocal most
        turn = client.governor.enter(0.0)
        assert turn is not None
        granted, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(granted.set)

        turn.wake = wake
        while not turn.granted:
            await granted.wait()
        most = max(most, (await coordinator.seen())["x"][0])
        client.governor.left(0.0, Result(seconds=0.01))

    async def all_of_them() -> None:
        client = GovernorClient("a", call, asyncio.get_running_loop())
        running = asyncio.create_task(client.run())
        await asyncio.gather(*(request(client) for _ in range(30)))
        running.cancel()

    carried_out(all_of_them())
    assert most <= 3


def test_a_key_is_not_told() -> None:
    """Two keys are two endpoints, and neither is said."""
    addresses = [Address(base_url="https://a/v1", model="m", dialect="openai", api_key=key) for key in ("k-1", "k-2")]
    first, second = (endpoint_of(address, RateLimits()) for address in addresses)
    assert first != second
    assert "k-1" not in repr(first)


# ------------------------------------------------------------------------------- the file


class Process:
    """A process of a cluster that has a job_server to write to. Calls may be lost on the way there, or back."""

    def __init__(self, job_server: JobServer, run: int, name: str) -> None:
        self.lost_there: list[int] = []
        self.lost_back: list[int] = []
        self.calls = 0

        async def exchange(number: int, answered: int, commands: Sequence[Command]) -> list[CommandResult]:
            self.calls += 1
            if self.calls in self.lost_there:
                raise OSError("lost")
            came = await job_server.exchange(name, run, number, answered, commands)
            if self.calls in self.lost_back:
                raise OSError("lost")
            return came

        self.worker = RemoteWorker(exchange, asyncio.get_running_loop())
        self._running = asyncio.create_task(self.worker.run())

    async def begin(self, name: str, sha: str = SHA) -> Begun:
        """Begin a document."""
        return await asyncio.wrap_future(self.worker.begin(number=7, name=name, sha256=sha, text="It is Ann"))

    async def finish(self, begun: Begun, data: Any) -> None:
        """Finish a document."""
        await asyncio.wrap_future(self.worker.finish(begun, Finished(data=data, outcome="conforming")))

    def die(self) -> None:
        """Say nothing any more."""
        self._running.cancel()


def with_keeper(path: Path, work: Callable[[JobServer, int], Awaitable[T]], lost: float = 30.0) -> T:
    """Do work with a job_server and a run."""

    async def opened() -> T:
        job_server = JobServer(str(path), lost)
        came = await job_server.open("Person", PERSON, {"model": "m"})
        assert came.error is None
        return await work(job_server, came.result)

    return carried_out(opened())


def test_documents_are_begun_and_finished(tmp_path: Path) -> None:
    """Two processes share the work: what one has the other does not get, and what is finished is there for both."""

    async def work(job_server: JobServer, run: int) -> list[str]:
        first, second = Process(job_server, run, "a"), Process(job_server, run, "b")
        begun = await first.begin("x")
        states = [begun.state, (await second.begin("y")).state]
        await first.finish(begun, {"name": "Ann"})
        again = await second.begin("y")
        assert again.record is not None
        assert again.record.data == {"name": "Ann"}
        return [*states, again.state]

    assert with_keeper(tmp_path / "a.db", work) == ["claimed", "held", "done"]
    with Job(tmp_path / "a.db") as job:
        assert [record.name for record in job.records()] == ["x", "y"]
        assert job.counts().done == 2


@pytest.mark.parametrize("lost", [{"lost_there": [1, 2]}, {"lost_back": [1, 2, 4]}])
def test_a_lost_call_is_made_again(tmp_path: Path, lost: dict[str, list[int]]) -> None:
    """What a lost call asked for is done once: a document is not held against the one who has begun it."""

    async def work(job_server: JobServer, run: int) -> None:
        process = Process(job_server, run, "a")
        process.lost_there, process.lost_back = lost.get("lost_there", []), lost.get("lost_back", [])
        begun = await process.begin("x")
        assert begun.state == "claimed"
        await process.finish(begun, {"name": "Ann"})
        assert (await process.begin("x")).state == "done"

    with_keeper(tmp_path / "a.db", work)


def test_what_a_lost_process_had(tmp_path: Path) -> None:
    """A document of a process that is not heard of any more is another's, with the replies that it has had."""

    async def work(job_server: JobServer, run: int) -> bytes | None:
        first, second = Process(job_server, run, "a"), Process(job_server, run, "b")
        begun = await first.begin("x")
        first.worker.journal(begun).put("key", b"a reply")
        assert first.worker.journal(begun).get("key") == b"a reply"
        while (await second.begin("x")).state == "held" and first.calls < 2:
            pass
        first.die()
        again = await second.begin("x")
        while again.state == "held":
            again = await second.begin("x")
        assert again.state == "claimed"
        journal = second.worker.journal(again)
        assert journal.get("another") is None
        return journal.get("key")

    assert with_keeper(tmp_path / "a.db", work, lost=1.0) == b"a reply"


def test_what_is_given_back(tmp_path: Path) -> None:
    """A document that is given up can be begun by anybody; one that cannot be read is noted."""

    async def work(job_server: JobServer, run: int) -> str:
        first, second = Process(job_server, run, "a"), Process(job_server, run, "b")
        await asyncio.wrap_future(first.worker.release(await first.begin("x")))
        failure = Failure(type="DocumentError", message="No.")
        await asyncio.wrap_future(first.worker.fail_unread(number=1, name="y", failure=failure))
        assert first.worker.known_file("x", 1, 1) is None
        first.worker.close()
        return (await second.begin("x")).state

    assert with_keeper(tmp_path / "a.db", work) == "claimed"
    with Job(tmp_path / "a.db") as job:
        assert job.counts().failed == 1


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """What is wrong with the file reaches the process, whatever it asks for."""
    path = tmp_path / "notes.db"
    path.write_text("no job " * 1_000)

    async def work() -> None:
        job_server = JobServer(str(path))
        assert isinstance((await job_server.open("Person", PERSON, {})).error, JobError)
        with pytest.raises(JobError):
            await Process(job_server, 1, "a").begin("x")

    carried_out(work())


def test_a_keeper_with_nothing_to_do(tmp_path: Path) -> None:
    """The file is closed when no process is heard of any more, and opened again when one is."""

    async def work(job_server: JobServer, run: int) -> str:
        first = Process(job_server, run, "a")
        await first.finish(await first.begin("x"), {"name": "Ann"})
        first.die()
        while job_server._store is not None:
            await asyncio.sleep(0)
        return (await Process(job_server, run, "b").begin("x")).state

    assert with_keeper(tmp_path / "a.db", work, lost=0.1) == "done"


# ------------------------------------------------------------------------------- the documents


def answered(recorded: Recorded) -> Any:
    """Answer with the last word of the document."""
    text = recorded.body["messages"][-1]["content"]
    if "wrong key" in text:
        return Reply(status=401, raw=json.dumps({"error": {"message": "no such key"}}))
    return {"name": text.split()[-1]}


def rows_of(
    texts: Sequence[str | None], base_url: str, job_server: JobServer | None = None, **settings: Any
) -> list[dict[str, Any]]:
    """Have a crew do a batch: its rows."""
    pa = pytest.importorskip("pyarrow")
    columns = ("value", "error", "requests")
    task = Task(
        target=PERSON,
        column="text",
        name_column=None,
        columns={name: name for name in columns},
        concurrency=8,
        endpoint={"model": "m", "base_url": base_url, "api_key": "a-key"},
        settings=settings,
    )

    async def work() -> Any:
        crew = await Crew.begun(task, Handle(Coordinator()), None if job_server is None else Handle(job_server))
        try:
            return await crew.table(pa.table({"text": pa.array(texts, pa.string()), "page": range(len(texts))}))
        finally:
            await crew.close()

    rows: list[dict[str, Any]] = carried_out(work()).to_pylist()
    return rows


def test_a_batch() -> None:
    """Each row gets what became of it."""
    with FakeEndpoint(answered, repeat=True) as fake:
        rows = rows_of(["It is Ann", "", None, "It is Bob"], fake.base_url)
    assert [row["value"] for row in rows] == ['{"name":"Ann"}', None, None, '{"name":"Bob"}']
    assert [row["requests"] for row in rows] == [1, 0, 0, 1]
    assert all("DocumentError" in row["error"] for row in rows[1:3])


def test_what_all_would_fail_with() -> None:
    """A wrong key is raised, and hardly anything is asked after it."""
    with FakeEndpoint(answered, repeat=True) as fake:
        with pytest.raises(AuthenticationFailed):
            rows_of(["wrong key"] * 100, fake.base_url)
        assert len(fake.requests) <= 16


def test_an_endpoint_that_is_gone() -> None:
    """Where nobody answers so many times in a row, no more are asked."""
    with FakeEndpoint() as fake:
        gone = fake.base_url
    with pytest.raises(ConnectionFailed) as caught:
        rows_of([f"It is p{number}" for number in range(60)], gone, transport_retries=0)
    assert "documents in a row" in caught.value.__notes__[0]


def test_a_fallback_is_governed_too() -> None:
    """Where the first endpoint fails for good, the second is asked, also under the coordinator."""
    with FakeEndpoint(answered, repeat=True) as fake, FakeEndpoint() as none:
        gone = none.base_url
        none.close()
        settings: dict[str, Any] = {
            "fallbacks": [extractor.Fallback(model="n", base_url=fake.base_url)],
            "transport_retries": 0,
        }
        rows = rows_of(["It is Ann"], gone, **settings)
    assert rows[0]["value"] == '{"name":"Ann"}'


def test_a_batch_of_a_job(tmp_path: Path) -> None:
    """What is finished is there the next time, with its other columns and what it took; failures are kept as well."""
    texts = ["It is Ann", "It is Bob", "It is Ann", None]
    with FakeEndpoint(answered, repeat=True) as fake:
        first = rows_of(texts, fake.base_url, JobServer(str(tmp_path / "a.db")))
        asked = len(fake.requests)
        again = rows_of(texts, fake.base_url, JobServer(str(tmp_path / "a.db")))
        assert len(fake.requests) == asked == 2
    assert first == again
    assert [row["value"] for row in again] == ['{"name":"Ann"}', '{"name":"Bob"}', '{"name":"Ann"}', None]
    assert [row["requests"] for row in again] == [1, 1, 1, 0]
    with Job(tmp_path / "a.db") as job:
        assert (job.counts().done, job.counts().failed) == (2, 1)
        assert {record.row["page"] for record in job.records()} <= {0, 1, 2, 3}


def test_what_was_restored_says_nothing_of_the_endpoint(tmp_path: Path) -> None:
    """Rows that were finished before do not hide that nobody answers the others any more."""
    with FakeEndpoint(answered, repeat=True) as fake:
        gone = fake.base_url
        done = [f"It is d{number}" for number in range(30)]
        rows_of(done, gone, JobServer(str(tmp_path / "a.db")))
    mixed = [text for number, known in enumerate(done) for text in (f"It is p{number}", known)]
    with pytest.raises(ConnectionFailed) as caught:
        rows_of(mixed, gone, JobServer(str(tmp_path / "a.db")), transport_retries=0)
    assert "documents in a row" in caught.value.__notes__[0]
