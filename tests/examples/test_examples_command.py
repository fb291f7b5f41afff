"""The options of the command line for examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extractor.batch.job import Job
from extractor.cli import app
from extractor.testing import FakeEndpoint, Recorded

SCHEMA = {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}
LINES = [{"text": f"Bill {number} of Acme for {thing}", "value": {"number": number}} for number, thing in (
    ("1", "lamps"), ("2", "chairs"), ("3", "tables")
)]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_endpoint: FakeEndpoint) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTRACTOR_BASE_URL", fake_endpoint.base_url)
    monkeypatch.setenv("COLUMNS", "200")
    fake_endpoint.repeat = True
    fake_endpoint.answer({"number": "4"})
    Path("bill.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    Path("a.txt").write_text("Bill 4 of Acme for chairs", encoding="utf-8")
    Path("bills.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def _shown(request: Recorded) -> list[Any]:
    return [turn["content"] for turn in request.body["messages"][1:-1] if turn["role"] == "user"]


@pytest.mark.parametrize("command", ["run", "batch"])
def test_examples_of_a_file(command: str, fake_endpoint: FakeEndpoint) -> None:
    """With --examples the nearest of a file are shown, as many as --nearest says."""
    assert _run(command, "bill.json", "a.txt", "--examples", "bills.jsonl").exit_code == 0
    assert _run(command, "bill.json", "a.txt", "--examples", "bills.jsonl", "--nearest", "1").exit_code == 0
    many, one = map(_shown, fake_endpoint.requests)
    assert len(many) == 3
    assert one == [LINES[1]["text"]]


def test_the_job_that_is_made(fake_endpoint: FakeEndpoint) -> None:
    """A job can be the source of its own examples: at first there are none, then those that were corrected."""
    arguments = ("batch", "bill.json", "a.txt", "--job", "bills.db", "--examples", "bills.db")
    assert _run(*arguments).exit_code == 0
    with Job("bills.db") as job:
        (name,) = [record.name for record in job.records()]
        job.correct(name, {"number": "44"})
    Path("b.txt").write_text("Bill 5 of Acme for lamps", encoding="utf-8")
    assert _run(*arguments, "b.txt").exit_code == 0
    assert sorted(map(_shown, fake_endpoint.requests)) == [[], [], ["Bill 4 of Acme for chairs"]]


def test_a_source_that_is_none(fake_endpoint: FakeEndpoint) -> None:
    """A path where there is nothing is a wrong call, said in one line."""
    result = _run("run", "bill.json", "a.txt", "--examples", "none.jsonl")
    assert (result.exit_code, fake_endpoint.requests) == (2, [])
    assert "There is no file none.jsonl with examples." in result.stderr
