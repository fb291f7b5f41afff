"""The command `evaluate`."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from extractor import Extractor
from extractor.batch.job import Job
from extractor.cli.evaluate import _counting, evaluate
from extractor.documents.loaded import Input
from extractor.testing import FakeEndpoint, Recorded

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}

app = typer.Typer()
app.command()(evaluate)


def _answer(recorded: Recorded) -> Any:
    return {"label": recorded.body["messages"][-1]["content"].split()[0]}


def _run(*arguments: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, arguments, env=environ)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job of which two documents were looked through."""
    path = tmp_path / "job.db"
    documents = [Input(name=name, document=f"{name} ball") for name in ("red", "blue", "green")]
    with FakeEndpoint(_answer, repeat=True) as fake, Extractor(base_url=fake.base_url) as extractor, Job(path) as made:
        list(extractor.map(SCHEMA, documents, job=made))
        made.accept("red")
        made.correct("blue", {"label": "azure"})
    return path


def test_the_report_is_printed(job: Path) -> None:
    """The report is on stdout, and says how right the job is."""
    done = _run(str(job), "-q")
    assert done.exit_code == 0
    assert "2 documents compared" in done.stdout
    assert '/label: wrong "blue" for "azure"' in done.stdout


def test_the_report_is_json_and_a_page(job: Path, tmp_path: Path) -> None:
    """With --json it is JSON, and with --html there is a page, too."""
    done = _run(str(job), "--json", "-q", "--html", str(tmp_path / "report.html"), "--against-run", "1")
    assert done.exit_code == 0
    data = json.loads(done.stdout)
    assert data["measures"]["exact"]["value"] == 0.5
    assert data["differences"]["f1"]["value"] == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_gold_is_taken_from_a_file(job: Path, tmp_path: Path) -> None:
    """With --gold a file says what is right."""
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"name": "green", "value": {"label": "green"}}\n', encoding="utf-8")
    done = _run(str(job), "--gold", str(gold), "--json", "-q")
    assert json.loads(done.stdout)["measures"]["f1"]["value"] == 1


def test_examples_are_tried(job: Path, tmp_path: Path) -> None:
    """With --examples each right document is asked for without and with examples."""
    target = tmp_path / "label.json"
    target.write_text(json.dumps(SCHEMA), encoding="utf-8")
    with FakeEndpoint(_answer, repeat=True) as fake:
        environ = {**os.environ, "EXTRACTOR_BASE_URL": fake.base_url}
        done = _run("--examples", str(job), "--target", str(target), "-q", environ=environ)
    assert done.exit_code == 0, done.output
    assert "with the 3 nearest" in done.stdout
    assert len(fake.requests) == 4


def test_what_is_done_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is how many documents are done; nothing with --quiet."""
    shown = io.StringIO()
    monkeypatch.setattr("extractor.cli.evaluate.err", Console(file=shown, force_terminal=True, width=80))
    with _counting("asking", quiet=True) as quietly:
        quietly(1, 4)
    assert shown.getvalue() == ""
    with _counting("asking", quiet=False) as progress:
        progress(3, 1_400)
    assert "asking: 3 of 1,400" in shown.getvalue()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "What is to be evaluated"),
        (("{job}", "--examples", "{job}"), "What is to be evaluated"),
        (("--examples", "{job}"), "needs a --target"),
        (("--examples", "{job}", "--gold", "x.jsonl"), "does not go with --gold"),
        (("{job}", "--gold", "nowhere.jsonl"), "There is no file"),
        (("nowhere.db",), "nowhere.db"),
        (("{job}", "--run", "7"), "no run 7"),
        (("{job}", "--html", "/nowhere/at/all.html"), "cannot be written"),
    ],
)
def test_a_wrong_call_is_told(job: Path, arguments: tuple[str, ...], said: str) -> None:
    """What is wrong with a call is said in words, with the exit code of a wrong call."""
    done = _run(*(each.format(job=job) for each in arguments), "-q")
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")
