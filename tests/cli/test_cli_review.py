"""The command `review`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from extractor.batch.job import Job
from extractor.cli import app

SCHEMA = {
    "title": "Some person",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
ROOT = Path(__file__).parent.parent.parent
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("person.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    Path("docs").mkdir()
    for name in ("Ann", "Ben"):
        Path(f"docs/{name.lower()}.txt").write_text(name, encoding="utf-8")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["review", *arguments])


@contextmanager
def _started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "extractor", "review", *arguments, "--no-browser"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@POSIX
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_values_are_entered_until_it_is_stopped(how: signal.Signals) -> None:
    """It prints an address, keeps what is entered there, and says at the end what was done."""
    with _started("--new", "person.json", "docs", "--who", "ana") as (process, url):
        base = url.partition("/?")[0]
        with httpx.Client(base_url=base, headers={"Origin": base}) as browser:
            assert browser.get(url).status_code == 303
            rows = browser.get("/api/queue?order=name").json()["rows"]
            said = {"based": 0, "decision": "accept", "data": {"name": "Ann"}}
            assert browser.post(f"/api/documents/{rows[0]['id']}/revisions", json=said).status_code == 201
        process.send_signal(how)
        printed, told = process.communicate(timeout=30)
    assert (process.returncode, printed) == (0, "")
    assert "kept in some_person.db" in told
    assert "2 of 2 documents are open" in told
    assert "1 document reviewed; 1 are open" in told
    assert "Traceback" not in told
    with Job("some_person.db") as job:
        assert job.tally().accepted + job.tally().corrected == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.db"], "missing.db"),
        (["person.json"], "person.json"),
        (["a.db", "b.db"], "One job"),
        (["a.db", "--job", "b.db"], "One job"),
        (["docs", "--new", "person.json", "--run", "2"], "--new"),
        (["docs", "--new", "nothing"], "nothing"),
        (["nowhere", "--new", "person.json"], "nowhere"),
    ],
)
def test_what_cannot_be_reviewed_is_said(arguments: list[str], said: str) -> None:
    """What is no job, or a wrong call, is an error on one line, with the exit code of a wrong call."""
    found = _run(*arguments, "--no-browser")
    assert found.exit_code == 2
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_an_empty_job_has_nothing_to_review() -> None:
    """A job without documents is told to be one."""
    with Job("empty.db"):
        pass
    found = _run("empty.db", "--no-browser")
    assert found.exit_code == 2
    assert "nothing to review" in found.stderr
