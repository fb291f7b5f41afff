"""The demonstration of jobs: its files, and the command, against the fake endpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extractor.batch.job import Job
from extractor.cli import app
from extractor.demo_files import demo_files, write_demo_files
from extractor.documents.load import load
from extractor.errors import DocumentDamaged
from extractor.testing import FakeEndpoint, Recorded

WHOLE = [name for name in demo_files() if not name.startswith("torn")]


def _read(request: Recorded) -> Any:
    text = str(request.body["messages"][-1]["content"])
    return {
        "shop": "Northway Garage" if "Northway" in text else "Some shop",
        "date": re.findall(r"2025-\d\d-\d\d", text)[-1],
        "total": float(re.findall(r"\d+\.\d\d", text)[-1]),
    }


def _demo(fake: FakeEndpoint, folder: str = "demo") -> Result:
    return CliRunner().invoke(app, ["demo-batch", "--folder", folder, "--base-url", fake.base_url])


@pytest.mark.parametrize("name", WHOLE)
def test_the_files_can_be_read(name: str) -> None:
    """Each file is of the kind that its name says, and has a date and a total in its text."""
    loaded = load(demo_files()[name], name=name)
    assert re.search(r"2025-\d\d-\d\d", loaded.text)
    assert re.search(r"Total\W+\d+\.\d\d", loaded.text)
    assert loaded.notes == ()


def test_there_are_many_kinds() -> None:
    """There are at least five kinds of file, and they are the same each time; the torn one is damaged."""
    assert len({name.rpartition(".")[2] for name in WHOLE}) >= 5
    assert demo_files() == demo_files()
    with pytest.raises(DocumentDamaged):
        load(demo_files()["torn.docx"], name="torn.docx")


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    """A file that somebody has changed is not written over."""
    first, *_ = write_demo_files(tmp_path)
    first.write_text("mine", encoding="utf-8")
    assert first in write_demo_files(tmp_path)
    assert first.read_text(encoding="utf-8") == "mine"


def test_the_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_endpoint: FakeEndpoint) -> None:
    """`demo-batch` reads its files into a job, prints what was found, exports it, and says how to look further; the
    second time it asks for nothing.
    """
    monkeypatch.chdir(tmp_path)
    fake_endpoint.script, fake_endpoint.repeat = [_read], True
    result = _demo(fake_endpoint)
    assert result.exit_code == 0, result.output
    assert re.search(r"garage\.csv +Northway Garage +2025-01-22 +96\.1\n", result.stdout)
    assert re.search(r"torn\.docx +DocumentDamaged: ", result.stdout)
    assert f"{len(WHOLE)} done · 1 failed" in result.stderr
    assert "torn.docx is broken on purpose" in result.stdout
    commands = re.findall(r"^   extractor (jobs [^|\n]*)", result.stdout, re.MULTILINE)
    assert [each.split()[1] for each in commands] == ["--folder", "status", "show", "export"]
    for command in commands:
        assert CliRunner().invoke(app, command.split()).exit_code == 0, command
    assert len(Path("demo/receipts.csv").read_text(encoding="utf-8").splitlines()) == len(WHOLE) + 2
    with Job("demo/receipts.db") as job:
        assert job.counts().done == len(WHOLE) == len(fake_endpoint.requests)
    assert f"{len(WHOLE) + 1} restored (1 failed)" in _demo(fake_endpoint).stderr
    assert len(WHOLE) == len(fake_endpoint.requests)


def test_a_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_endpoint: FakeEndpoint) -> None:
    """Where no folder can be made, that is said in one line."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("", encoding="utf-8")
    result = _demo(fake_endpoint, "file")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
