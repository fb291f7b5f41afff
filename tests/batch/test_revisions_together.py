"""What people say of documents before a run of the client goes on, and meanwhile, and when processes are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from extractor import Extractor
from extractor.batch.job import Job
from extractor.batch.store import Finished, Store
from extractor.documents.loaded import Input
from extractor.errors import DocumentRejected
from extractor.testing import FakeEndpoint, Recorded, Reply

ROOT = Path(__file__).resolve().parent.parent.parent


class Bill(BaseModel):
    """What is extracted here."""

    number: int


DOCUMENTS = [Input(name=f"{number}", document=f"Bill {number}") for number in range(6)]


def asked(recorded: Recorded) -> str:
    """Tell which document a request is of."""
    text: str = recorded.body["messages"][-1]["content"]
    return text.rpartition("Bill ")[2].strip()


def answer(recorded: Recorded) -> Any:
    """Give its number; of the last document, something that does not conform."""
    which = asked(recorded)
    return Reply(content={"number": "no number"}) if which == "5" else {"number": int(which)}


def mapped(path: Path, fake: FakeEndpoint, target: Any = Bill) -> dict[str, Any]:
    """Run it; what came of each document: its value, or its error, and whether that was known."""
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client, max_retries=0, api_key="k") as extractor,
        extractor.map(target, DOCUMENTS, job=path, concurrency=1) as results,
    ):
        return {
            each.name: each.error if each.result is None else (each.result.value.number, each.restored)
            for each in results
        }


def test_a_run_that_goes_on_gives_what_people_said(tmp_path: Path) -> None:
    """Corrected, rejected and accepted documents are not asked for again; their values are the people's. Those that are
    reopened are as they were extracted.
    """
    path = tmp_path / "bills.db"
    first = FakeEndpoint(answer, repeat=True)
    found = mapped(path, first)
    assert len(first.requests) == 6
    assert found["0"] == (0, False)
    with Job(path) as job:
        job.correct("0", Bill(number=70), target=Bill, who="ana")
        job.reject("1", note="no bill", who="ana")
        job.accept("2", who="ana")
        job.correct("3", {"number": 73}, who="ana")
        job.reopen("3", who="ben")
        job.correct("5", {"number": 75}, who="ben")  # which failed
        job.reject("4", who="ana")
        job.reopen("4", who="ana")
    second = FakeEndpoint(answer, repeat=True)
    found = mapped(path, second)
    assert second.requests == []
    rejected = found.pop("1")
    assert isinstance(rejected, DocumentRejected)
    assert found == {"0": (70, True), "2": (2, True), "3": (3, True), "4": (4, True), "5": (75, True)}
    with Job(path) as job:
        job.reopen("5", who="ana")
        assert job.retry() >= 1  # what failed, and that again
        job.retry(names=["0"])
    third = FakeEndpoint(answer, repeat=True)
    found = mapped(path, third)
    assert {asked(each) for each in third.requests} >= {"0", "5"}
    assert not {asked(each) for each in third.requests} & {"2", "3", "4"}
    assert found["0"] == (70, False)  # the person's word, whatever is extracted
    assert isinstance(found["5"], Exception)
    with Job(path) as job:
        assert job.extracted("0") is not None
        assert [each.decision for each in job.revisions("5")] == ["corrected", "reopened"]
        assert job._store.check() == ()


def test_people_correct_while_a_run_goes_on(tmp_path: Path) -> None:
    """What is said between two answers is kept, and the run neither stops nor asks for it again."""
    path = tmp_path / "bills.db"
    corrected: list[str] = []

    def correcting(recorded: Recorded) -> Any:
        which = asked(recorded)
        with Job(path) as job:
            known = next((each.name for each in job.records(states={"done"}) if each.revision is None), None)
            if known is not None:
                job.correct(known, {"number": 100 + int(known)}, who="ana", run=1)
                corrected.append(known)
        return {"number": int(which)}

    fake = FakeEndpoint(correcting, repeat=True)
    mapped(path, fake)
    assert len(fake.requests) == 6
    assert corrected
    with Job(path) as job:
        values = {each.name: each.data["number"] for each in job.records()}
        assert values == {f"{n}": 100 + n if f"{n}" in corrected else n for n in range(6)}
        assert job.tally().corrected == len(corrected)
        assert job._store.check() == ()
    again = FakeEndpoint(answer, repeat=True)
    assert {name: said[0] for name, said in mapped(path, again).items()} == values
    assert again.requests == []


REVISING = """
import os, sys
from extractor.batch.job import Job
with Job(sys.argv[1]) as job:
    number = int(sys.argv[2])
    while True:
        number += 1
        decision = ("corrected", "rejected", "reopened")[number % 3]
        made = job.revise("a", decision, {"number": number} if decision == "corrected" else None, who=str(number))
        os.write(1, b"%8d%8d" % (made.number, number))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("many", [1, 7, 50])
def test_a_killed_process_leaves_its_last_word(tmp_path: Path, many: int) -> None:
    """What was acknowledged is there, one more may be, nothing is half, and others go on."""
    path = tmp_path / "job.db"
    with Store(path) as store:
        store.open_run(target="Bill", schema=Bill.model_json_schema(), options={"model": "m"})
        with store.worker(1) as worker:
            begun = worker.begin(number=0, name="a", sha256="ab" * 32, text="Bill 1").result()
            worker.finish(begun, Finished(data={"number": 1}, outcome="conforming")).result()
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", REVISING, str(path), "0"], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    for _ in range(many):
        said = child.stdout.read(16)
    child.send_signal(signal.SIGKILL)
    said = (said + child.stdout.read())[-16:]
    child.wait()
    child.stdout.close()
    number, word = int(said[:8]), int(said[8:])
    with Job(path) as job:
        assert job._store.check() == ()
        every = job.revisions("a")
        assert [each.number for each in every] == list(range(1, len(every) + 1))
        assert len(every) in (number, number + 1)
        assert every[number - 1].who == str(word)
        assert job.correct("a", {"number": 5}).number == len(every) + 1
        assert job._store.check() == ()
