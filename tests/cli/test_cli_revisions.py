"""The commands `jobs …` on a job that people have reviewed."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from extractor.batch.job import Job
from extractor.batch.store import Finished, Store
from extractor.cli import app


def run(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Make a job with two documents, one of which a person corrected twice."""
    where = tmp_path / "job.db"
    with Store(where) as store:
        store.open_run(target="T", schema={"type": "object"}, options={"model": "m"})
        with store.worker(1) as worker:
            for number, name in enumerate(("a", "b")):
                begun = worker.begin(
                    number=number, name=name, sha256=sha256(name.encode()).hexdigest(), text=name
                ).result()
                worker.finish(begun, Finished(data={"x": 1, "y": [2]}, outcome="conforming")).result()
    with Job(where) as job:
        job.correct("a", {"x": 1, "y": [3]}, who="ana\x1b[2J", note="smudged")
        job.reject("a", who="ben")
    return str(where)


def test_what_people_said_of_a_document_is_shown(path: str) -> None:
    """`jobs show` has each revision with who, when, why, and what changed, printed safely."""
    shown = run("jobs", "show", path, "a").stdout
    lines = shown.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("review  1: corrected by ana"))
    assert lines[at].endswith("Z: smudged")
    assert lines[at + 1] == "    /y/0: 2 → 3"
    assert lines[at + 2].startswith("review  2: rejected by ben, 2")
    assert "\x1b" not in shown
    plain = json.loads(run("jobs", "show", path, "a", "--json").stdout)
    assert (plain["value"], plain["extracted"]) == (None, {"x": 1, "y": [2]})
    assert [each["decision"] for each in plain["revisions"]] == ["corrected", "rejected"]
    assert plain["revisions"][0]["changes"] == [{"pointer": "/y/0", "before": 2, "after": 3}]
    other = json.loads(run("jobs", "show", path, "b", "--json").stdout)
    assert "revisions" not in other
    assert "extracted" not in other


def test_how_far_a_review_is_is_shown(path: str) -> None:
    """`jobs status` counts what people said, where they have said anything."""
    assert "  reviewed: 0 accepted, 0 corrected, 1 rejected, 1 open\n" in run("jobs", "status", path).stdout
    (status,) = json.loads(run("jobs", "status", path, "--json").stdout)
    assert status["review"] == {"accepted": 0, "corrected": 0, "rejected": 1, "open": 1}
    with Job(path) as job:
        job.reopen("a")
    assert "reviewed" not in run("jobs", "status", path).stdout


def test_an_export_has_what_people_said(path: str) -> None:
    """`jobs export` to stdout has the columns of the review, as a file has."""
    lines = run("jobs", "export", path, "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("name,state,error,decision,reviewed_by,reviewed_at")
    assert lines[1].startswith("a,done,,rejected,ben,2")
