"""The commands `batch` and `jobs`, against the fake endpoint."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extractor.batch.job import Job
from extractor.batch.store import Store
from extractor.cli import app
from extractor.cli.batch import again
from extractor.testing import FakeEndpoint, Recorded, Reply

SCHEMA = {
    "title": "person",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
ROOT = Path(__file__).parent.parent.parent
USAGE = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of POSIX")


def _name(request: Recorded) -> Any:
    """The name that is the document; the one that is called Bad is never given rightly."""
    name = request.body["messages"][-1]["content"].strip()
    return Reply(content={"name": [] if name == "Bad" else name}, usage=USAGE)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_endpoint: FakeEndpoint) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTRACTOR_BASE_URL", fake_endpoint.base_url)
    monkeypatch.setenv("COLUMNS", "200")
    Path("person.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    Path("docs").mkdir()
    for name in ("Ann", "Ben", "Cy"):
        Path(f"docs/{name.lower()}.txt").write_text(name, encoding="utf-8")
    fake_endpoint.script, fake_endpoint.repeat = [_name], True


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def _batch(*arguments: str) -> Result:
    return _run("batch", "person.json", *arguments, "--max-retries", "0")


def _lines(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


# ----------------------------------------------------------------------------------------- batch


def test_a_job(fake_endpoint: FakeEndpoint) -> None:
    """All is kept in the job: nothing goes to stdout, and stderr says what came of it, and how to look further."""
    result = _batch("docs", "--job", "people.db")
    assert (result.exit_code, result.stdout) == (0, "")
    first, values, check = result.stderr.splitlines()
    assert first.startswith("3 done · 0 failed · 300 tokens in (192 cached), 15 out · cost unknown · 0:0")
    assert values == "the values:   extractor jobs export people.db -o values.csv"
    assert check == "check them:   extractor review people.db"
    with Job("people.db") as job:
        assert [record.value for record in job.records()] == [{"name": "Ann"}, {"name": "Ben"}, {"name": "Cy"}]
    assert len(fake_endpoint.requests) == 3


def test_the_same_again(fake_endpoint: FakeEndpoint) -> None:
    """The same command again asks for what is new only, and shows what was there before apart."""
    _batch("docs", "--job", "people.db")
    Path("docs/dee.txt").write_text("Dee", encoding="utf-8")
    result = _batch("docs", "--job", "people.db")
    assert (result.exit_code, len(fake_endpoint.requests)) == (0, 4)
    assert result.stderr.startswith("1 done · 0 failed · 3 restored · ")


def test_what_fails_does_not_stop_it(fake_endpoint: FakeEndpoint) -> None:
    """Documents that fail are counted and told by what they failed with; the others go on; the exit code is 1."""
    Path("docs/bad.txt").write_text("Bad", encoding="utf-8")
    Path("docs/empty.txt").write_text("", encoding="utf-8")
    result = _batch("docs", "--job", "people.db")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "3 done · 2 failed" in result.stderr
    assert "ExtractionFailed: No person after 1 request" in result.stderr
    assert "(docs/bad.txt)" in result.stderr
    assert "DocumentError: The document is empty. (docs/empty.txt)" in result.stderr
    assert "extractor jobs status people.db --failed" in result.stderr
    asked = len(fake_endpoint.requests)
    assert _batch("docs", "--job", "people.db").exit_code == 1
    assert len(fake_endpoint.requests) == asked


def test_what_failed_again(fake_endpoint: FakeEndpoint) -> None:
    """With --retry-failed, what had failed in this run is asked for again, and nothing else."""
    Path("docs/bad.txt").write_text("Bad", encoding="utf-8")
    _batch("docs", "--job", "people.db")
    fake_endpoint.script = [{"name": "Badr"}]
    result = _batch("docs", "--job", "people.db", "--retry-failed")
    assert (result.exit_code, len(fake_endpoint.requests)) == (0, 5)
    assert result.stderr.startswith("1 done · 0 failed · 3 restored · ")


def test_lines_where_there_is_no_job(fake_endpoint: FakeEndpoint) -> None:
    """Without a job there is a line for each document on stdout, by its name; what failed has its error."""
    Path("docs/empty.txt").write_text("", encoding="utf-8")
    result = _batch("docs")
    assert result.exit_code == 1
    lines = {line["name"]: line for line in _lines(result)}
    ann = {"name": "docs/ann.txt", "row": {}, "state": "done", "value": {"name": "Ann"}, "error": None}
    assert (len(lines), lines["docs/ann.txt"]) == (4, ann)
    empty = lines["docs/empty.txt"]
    assert (empty["state"], empty["value"], empty["error"]["type"]) == ("failed", None, "DocumentError")
    _batch("docs", "--job", "people.db")
    assert {line["name"]: line for line in _lines(_run("jobs", "export", "people.db"))} == lines


def test_rows_of_a_table(fake_endpoint: FakeEndpoint) -> None:
    """With --text-column each row is a document; its other columns stand beside the value."""
    Path("people.csv").write_text("id,text,age\nx1,Ann,40\nx2,Ben,41\n", encoding="utf-8")
    result = _batch("people.csv", "--text-column", "text", "--name-column", "id")
    lines = sorted(_lines(result), key=lambda line: str(line["name"]))
    assert [(line["name"], line["row"], line["value"]) for line in lines] == [
        ("x1", {"age": "40"}, {"name": "Ann"}),
        ("x2", {"age": "41"}, {"name": "Ben"}),
    ]


def test_only_some(fake_endpoint: FakeEndpoint) -> None:
    """With --limit it is the first documents only; evidence is not worked out unless it is wanted."""
    result = _batch("docs", "--job", "people.db", "--limit", "2", "--concurrency", "1")
    assert (result.exit_code, len(fake_endpoint.requests)) == (0, 2)
    with Job("people.db") as job:
        assert [(record.name, dict(record.fields)) for record in job.records()] == [
            ("docs/ann.txt", {}),
            ("docs/ben.txt", {}),
        ]


def test_the_job_among_the_documents(fake_endpoint: FakeEndpoint) -> None:
    """A job that lies in the folder of its documents is none of them."""
    for _ in range(2):
        assert _batch("docs", "--job", "docs/people.db").exit_code == 0
    assert len(fake_endpoint.requests) == 3


def test_quiet(fake_endpoint: FakeEndpoint) -> None:
    """With --quiet there is nothing on stderr, and what stops it."""
    Path("docs/bad.txt").write_text("Bad", encoding="utf-8")
    assert (_batch("docs", "--job", "people.db", "-q").exit_code, _batch("docs", "-q").stderr) == (1, "")
    fake_endpoint.script = [Reply(status=401, raw='{"error": {"message": "no"}}')]
    result = _batch("docs", "--job", "other.db", "-q")
    assert (result.exit_code, result.stderr.count("\n"), "error: " in result.stderr) == (3, 1, True)


def test_a_wrong_key(fake_endpoint: FakeEndpoint) -> None:
    """What every document would fail with stops it: why, what is done, and how to go on; no document failed of it."""
    answers = iter([{"name": "Ann"}])

    def once(_: Recorded) -> Any:
        return next(answers, Reply(status=401, raw='{"error": {"message": "The key was revoked."}}'))

    fake_endpoint.script = [once]
    result = _batch("docs", "--job", "people.db", "--concurrency", "1")
    assert result.exit_code == 3
    assert re.search(r"error: .*401", result.stderr)
    assert "1 of 3 are done. Go on with: extractor" in result.stderr
    fake_endpoint.script = [_name]
    result = _batch("docs", "--job", "people.db")
    assert (result.exit_code, result.stderr.startswith("2 done · 0 failed · 1 restored")) == (0, True)


def test_a_budget() -> None:
    """Where the budget is spent, it stops and says so."""
    result = _batch("docs", "--job", "people.db", "--budget-requests", "1", "--concurrency", "1")
    assert result.exit_code == 3
    assert "error: The budget allows 1 request" in result.stderr
    assert "Raise --budget-requests, or fewer documents." in result.stderr
    assert "1 of 3 are done. Go on with" in result.stderr
    without = _batch("docs", "--budget-requests", "1", "--concurrency", "1")
    assert "Nothing is kept: with --job it could go on." in without.stderr


def test_another_process() -> None:
    """Where another process is at work on the job, that is said."""
    _batch("docs", "--job", "people.db", "--limit", "1")
    store = Store(Path("people.db"))
    worker = store.worker(1)
    worker.begin(
        number=9, name="z", sha256="0" * 64, row={}, text="Zed", pages=(), media_type="text/plain", size=3, mtime_ns=0
    ).result()
    result = _batch("docs", "--job", "people.db")
    worker.close()
    store.close()
    assert result.exit_code == 0
    assert result.stderr.startswith("Another process is at work on this job, on 1 document.\n")


def test_an_endpoint_that_is_gone(fake_endpoint: FakeEndpoint) -> None:
    """What got no answer is asked for again by the same command, which is said; where nothing was done, it ends as the
    endpoint's fault.
    """
    fake_endpoint.script = [Reply(status=503, raw="{}")]
    result = _batch("docs", "--job", "people.db", "--transport-retries", "0")
    assert (result.exit_code, "retry-failed" in result.stderr, "what failed" in result.stderr) == (3, False, False)
    assert "The same command asks again for 3 that got no answer." in result.stderr
    fake_endpoint.script = [_name]
    assert _batch("docs", "--job", "people.db").stderr.startswith("3 done · 0 failed · ")


def test_an_endpoint_that_goes(fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint goes away in the middle, only what failed otherwise is left to --retry-failed."""
    Path("docs/a_empty.txt").write_text("", encoding="utf-8")
    for number in range(30):
        Path(f"docs/z{number}.txt").write_text(f"Zed {number}", encoding="utf-8")
    fake_endpoint.script = [
        lambda request: _name(request) if "Ann" in str(request.body) else Reply(status=503, raw="{}")
    ]
    result = _batch("docs", "--job", "people.db", "--transport-retries", "0", "--concurrency", "1")
    assert result.exit_code == 3
    assert "1 of 34 are done. Go on with: extractor" in result.stderr
    assert "The same command asks again for 20 that got no answer." in result.stderr
    assert "With --retry-failed also what failed is tried again (1)." in result.stderr


def test_what_is_left_out(fake_endpoint: FakeEndpoint) -> None:
    """With --ignore, which may be repeated, files of folders are left out."""
    result = _batch("docs", "--job", "people.db", "--ignore", "a*.txt", "--ignore", "b*.txt")
    assert (result.exit_code, len(fake_endpoint.requests)) == (0, 1)


def test_a_table_as_one_document(fake_endpoint: FakeEndpoint) -> None:
    """A table without --text-column is one document, and that is said once, in a folder too."""
    fake_endpoint.script = [{"name": "Ann"}]
    Path("docs/people.csv").write_text("id,text\nx1,Ann\n", encoding="utf-8")
    Path("docs/others.csv").write_text("id,text\nx1,Ben\n", encoding="utf-8")
    said = "docs/others.csv is one document; --text-column NAME makes a document of each row.\n"
    result = _batch("docs", "--job", "people.db")
    assert (result.stderr.startswith(said), result.stderr.count("--text-column")) == (True, 1)
    assert "--text-column" not in _batch("docs/people.csv", "--job", "people.db", "-q").stderr
    assert "--text-column" not in _batch("docs/people.csv", "--text-column", "text").stderr


@pytest.mark.parametrize("named", ["empty", "empty/*", "header.csv"])
def test_nothing_to_do(named: str) -> None:
    """Where there are no documents that is said, and no job is made."""
    Path("empty").mkdir()
    Path("header.csv").write_text("id,text\n", encoding="utf-8")
    columns = ("--text-column", "text") if named.endswith(".csv") else ()
    result = _batch(named, "--job", "people.db", *columns)
    if named == "empty/*":
        assert (result.exit_code, "No file fits" in result.stderr) == (2, True)
    else:
        assert (result.exit_code, result.stderr) == (0, f"Nothing to do: no documents in {named}.\n")
    assert not Path("people.db").exists()


def test_none_conforms(fake_endpoint: FakeEndpoint) -> None:
    """Where none of the first twenty documents conforms, and there are more, a line says so once."""
    fake_endpoint.script = [{"name": []}]
    for number in range(30):
        Path(f"docs/z{number}.txt").write_text(f"Zed {number}", encoding="utf-8")
    said = "None of the first 20 conforms; Ctrl-C stops.\n"
    assert _batch("docs", "--job", "people.db").stderr.count(said) == 1
    assert said not in _batch("docs", "--job", "other.db", "--limit", "20").stderr
    assert said not in _batch("docs", "--job", "third.db", "-q").stderr


def test_a_target_that_is_no_name() -> None:
    """A list of a model is no target's name: the hint is to give it one."""
    result = _run("batch", "list[shop:Item]", "docs")
    assert result.exit_code == 2
    assert "such as Wanted = list[Item], and write shop:Wanted." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--job", "a.db"), "nowhere"),
        (("docs", "-", "--job", "a.db"), "standard input"),
        (("docs", "--job", "person.json"), "is no job"),
        (("docs", "--job", "nowhere/a.db"), "nowhere"),
        (("docs", "--retry-failed"), "--retry-failed needs --job."),
        (("docs", "--name-column", "id"), "A column of names needs a column of texts."),
        (("docs", "--text-column", "text"), "ann.txt"),
        (("docs", "--as", "picture"), "--as is 'picture', but must be one of text, image, file."),
        (("docs", "--mode", "magic"), "mode is 'magic'"),
    ],
)
def test_wrong_calls(arguments: tuple[str, ...], said: str, fake_endpoint: FakeEndpoint) -> None:
    """What makes no sense is a wrong call, said in one line, and nothing is sent."""
    result = _batch(*arguments)
    assert (result.exit_code, result.stderr.count("\n"), result.stdout) == (2, 1, "")
    assert said in result.stderr
    assert not fake_endpoint.requests


def test_names_are_printed_safely() -> None:
    """A file's name does nothing to the terminal, nor to the shell when the command is given again."""
    name = "docs/\x1b[2J[b]'x.txt"
    Path(name).write_text("", encoding="utf-8")
    result = _batch("docs", "--job", "people.db")
    assert "\x1b" not in result.stderr
    assert "[b]'x.txt" in result.stderr
    assert again(["", "batch", "a b", "c'd"]) == "extractor batch 'a b' 'c'\"'\"'d'"
    assert again(["", *("x" * 50 for _ in range(100))]) == "the same command"


# ------------------------------------------------------------------------------------------ jobs


def _made() -> None:
    Path("docs/bad.txt").write_text("Bad", encoding="utf-8")
    _batch("docs", "--job", "people.db")


def test_jobs_are_listed() -> None:
    """`jobs` lists the jobs of a folder and nothing else, with how far their latest runs are."""
    _made()
    _batch("docs/ann.txt", "--job", "docs/other.db", "--instructions", "one")
    Path("notes.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    listed = _run("jobs").stdout
    assert re.fullmatch(r"people\.db  1 run  3 done  1 failed  0 pending  [\d: -]{16}  person\n", listed)
    (other,) = json.loads(_run("jobs", "--folder", "docs", "--json").stdout)
    assert (other["name"], other["runs"], other["latest"]["done"]) == ("other.db", 1, 1)
    Path("empty").mkdir()
    assert "There are no jobs here." in _run("jobs", "--folder", "empty").stderr
    assert _run("jobs", "--folder", "nowhere").exit_code == 2


def test_the_status_of_a_job() -> None:
    """`jobs status` shows all runs with their options and what they took; as JSON, too."""
    _made()
    _batch("docs", "--job", "people.db", "--instructions", "Names only.")
    shown = _run("jobs", "status", "people.db").stdout
    assert shown.count("  4 documents: 3 done, 1 failed, 0 pending, 0 running\n") == 2
    assert len(set(re.findall(r"  schema (\w{8})\n", shown))) == 1
    assert re.search(r"cost unknown, requests took 0:0\d in all\n", shown)
    assert "run 2  person" in shown
    assert "instructions='Names only.'" in shown
    (run,) = json.loads(_run("jobs", "status", "people.db", "--run", "1", "--json").stdout)
    assert (run["run"], run["requests"], run["usage"]["prompt_tokens"]) == (1, 4, 400)


def test_what_failed_in_a_job() -> None:
    """`jobs status --failed` has each error once, with what to do, and below it the documents that failed with it."""
    Path("docs/empty.txt").write_text("", encoding="utf-8")
    Path("docs/more.txt").write_text("Bad", encoding="utf-8")
    _made()
    said = _run("jobs", "status", "people.db", "--failed").stdout.splitlines()
    assert re.match(r"2 × ExtractionFailed: No person .* See extractor jobs show people\.db NAME\.", said[0])
    assert said[1:3] == ["  docs/bad.txt", "  docs/more.txt"]
    assert said[3:] == ["docs/empty.txt: DocumentError: The document is empty. The file has no bytes."]
    for name in ("empty", "more"):
        Path(f"docs/{name}.txt").unlink()
    _batch("docs", "--job", "other.db")
    (failed,) = _lines(_run("jobs", "status", "other.db", "--failed", "--json"))
    assert (failed["name"], failed["error"], failed["tried"]) == ("docs/bad.txt", "ExtractionFailed", 1)


def test_retrying(fake_endpoint: FakeEndpoint) -> None:
    """`jobs retry` marks what failed, all or by name; the next batch asks for it again."""
    _made()
    assert _run("jobs", "retry", "people.db").exit_code == 2
    unknown = _run("jobs", "retry", "people.db", "--name", "docs/nobody.txt")
    assert (unknown.exit_code, "docs/nobody.txt" in unknown.stderr) == (2, True)
    result = _run("jobs", "retry", "people.db", "--failed")
    assert (result.stdout, "people.db" in result.stderr) == ("1 marked.\n", True)
    assert _run("jobs", "status", "people.db", "--failed").stdout == ""
    fake_endpoint.script = [{"name": "Badr"}]
    assert _batch("docs", "--job", "people.db").exit_code == 0
    assert _run("jobs", "retry", "people.db", "--name", "docs/ann.txt").stdout == "1 marked.\n"


def test_retrying_the_same_content() -> None:
    """Where the same content has other names, `jobs retry --name` says that these are marked, too."""
    Path("docs/anna.txt").write_text("Ann", encoding="utf-8")
    _batch("docs", "--job", "people.db")
    result = _run("jobs", "retry", "people.db", "--name", "docs/ann.txt")
    assert (result.stdout, result.stderr.splitlines()[0]) == (
        "2 marked.\n",
        "1 document more than you named: the same content under other names.",
    )


def test_one_document(fake_endpoint: FakeEndpoint) -> None:
    """`jobs show` has all of a document: value and places, or error, what was wrong, and each reply, printed safely."""
    Path("docs/bad.txt").write_text("Bad", encoding="utf-8")
    evil = "\x1b[2J not json"
    fake_endpoint.script = [lambda request: evil if "Bad" in str(request.body["messages"]) else _name(request)]
    _batch("docs", "--job", "people.db")
    shown = _run("jobs", "show", "people.db", "docs/ann.txt").stdout
    assert shown.startswith("docs/ann.txt: done, tried 1 ×, ")
    for line in ('value   {"name": "Ann"}', "field   /name: exact at 0-3", '    | {"name": "Ann"}', "    | Ann"):
        assert f"{line}\n" in shown
    bad = _run("jobs", "show", "people.db", "docs/bad.txt").stdout
    assert "error   ExtractionFailed: No person after 1 request" in bad
    assert "hint    See what is below." in bad
    assert "    | \\x1b[2J not json\n" in bad
    assert "\x1b" not in bad
    plain = json.loads(_run("jobs", "show", "people.db", "docs/bad.txt", "--json").stdout)
    assert (plain["state"], plain["error"]["type"], plain["replies"][0]["reply"]) == (
        "failed",
        "ExtractionFailed",
        evil,
    )
    nobody = _run("jobs", "show", "people.db", "docs/nobody.txt")
    assert (nobody.exit_code, "Run 1 has no document 'docs/nobody.txt'." in nobody.stderr) == (2, True)


def test_several_runs() -> None:
    """Where a job has several runs, it is said which was taken, and hints name the run."""
    _made()
    second = _batch("docs", "--job", "people.db", "--instructions", "Names only.", "--temperature", "0")
    said = second.stderr.splitlines()
    assert said[0] == "A new run (2): not the same as run 1: instructions, temperature."
    assert said[-3:] == [
        "what failed:  extractor jobs status people.db --failed --run 2",
        "the values:   extractor jobs export people.db -o values.csv --run 2",
        "check them:   extractor review people.db --run 2",
    ]
    which = "Run 2 of 2, the one that was worked on last; --run takes another.\n"
    assert _run("jobs", "export", "people.db").stderr == which
    assert _run("jobs", "status", "people.db", "--failed").stderr == which
    assert _run("jobs", "export", "people.db", "--run", "1").stderr == ""
    assert "people.db  run 2 of 2  3 done  1 failed  0 pending" in _run("jobs").stdout
    assert "A new run" not in _batch("docs", "--job", "people.db").stderr  # the first one is gone on with
    assert "Run 1 of 2, " in _run("jobs", "export", "people.db").stderr
    assert "people.db  run 1 of 2  " in _run("jobs").stdout
    other = {**SCHEMA, "description": "Somebody"}
    Path("person.json").write_text(json.dumps(other), encoding="utf-8")
    assert "A new run (3): not the same as run 1: schema.\n" in _batch("docs", "--job", "people.db").stderr
    shown = _run("jobs", "status", "people.db").stdout
    assert len(set(re.findall(r"  schema (\w{8})\n", shown))) == 2


def test_a_job_that_was_stopped() -> None:
    """A job whose input was not gone through to the end says so, and how much of it is done."""
    _batch("docs", "--job", "people.db", "--budget-requests", "1", "--concurrency", "1")
    assert re.match(r"people\.db  1 run  1 of 3 done  0 failed  stopped  ", _run("jobs").stdout)
    assert ": 1 of 3 done, 0 failed, stopped, 0 running\n" in _run("jobs", "status", "people.db").stdout
    (run,) = json.loads(_run("jobs", "status", "people.db", "--json").stdout)
    assert (run["expected"], run["stopped"]) == (3, True)
    _batch("docs", "--job", "people.db")
    assert re.match(r"people\.db  1 run  3 done  0 failed  0 pending  ", _run("jobs").stdout)


def test_exporting() -> None:
    """`jobs export` writes JSON lines to stdout, or a file of the kind that its name says, and replaces none."""
    _made()
    lines = _lines(_run("jobs", "export", "people.db"))
    assert [(line["name"], line["state"], line["value"]) for line in lines] == [
        ("docs/ann.txt", "done", {"name": "Ann"}),
        ("docs/bad.txt", "failed", None),
        ("docs/ben.txt", "done", {"name": "Ben"}),
        ("docs/cy.txt", "done", {"name": "Cy"}),
    ]
    result = _run("jobs", "export", "people.db", "-o", "people.csv")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "4 documents in people.csv.\n")
    assert len(Path("people.csv").read_text(encoding="utf-8").splitlines()) == 5
    again = _run("jobs", "export", "people.db", "-o", "people.csv")
    assert (again.exit_code, "--overwrite" in again.stderr) == (2, True)
    _run("jobs", "export", "people.db", "-o", "excel.csv", "--bom")
    assert Path("excel.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert _run("jobs", "export", "people.db", "-o", "people.csv", "--overwrite").exit_code == 0
    assert _run("jobs", "export", "people.db", "-o", "people.db", "--format", "sqlite", "--overwrite").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", "nothing.db"), "nothing.db"),
        (("status", "person.json"), "is no job"),
        (("status", "people.db", "--run", "7"), "The job has no run 7. There are 1."),
        (("export", "people.db", "-o", "people.xlsx"), "cannot be written"),
        (("export", "people.db", "--format", "docx"), "docx"),
        (("retry", "nothing.db", "--failed"), "nothing.db"),
    ],
)
def test_wrong_calls_of_jobs(arguments: tuple[str, ...], said: str) -> None:
    """A job, a run, or a format that there is not is a wrong call, and makes no file."""
    _made()
    result = _run("jobs", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr
    assert not Path("nothing.db").exists()


# --------------------------------------------------------------------------------- in a terminal

CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"
)


class Session:
    """The command in a pseudo-terminal of its own, as a person would start it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process, self._master = process, master
        self.shown = ""

    def until(self, said: str) -> None:
        """Read until that was written."""
        while said not in self.shown:
            assert select.select([self._master], [], [], 60)[0], self.shown
            try:
                self.shown += os.read(self._master, 4096).decode()
            except OSError:  # which is how Linux says that nobody is there any more
                raise AssertionError(self.shown) from None

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._master, key)


@contextmanager
def _session(*arguments: str) -> Iterator[Session]:
    import pty

    master, slave = pty.openpty()
    command = [sys.executable, "-c", CONTROLLED, sys.executable, "-m", "extractor", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        command, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        try:
            yield Session(process, master)
        finally:
            process.kill()
            os.close(master)


class Slow:
    """Answers the first request at once, and the others when they may."""

    def __init__(self) -> None:
        self.asked, self.may = threading.Event(), threading.Event()
        self._first = True

    def __call__(self, request: Recorded) -> Any:
        if not self._first:
            self.asked.set()
            self.may.wait(60)
        self._first = False
        return _name(request)


@POSIX
@pytest.mark.parametrize("sent", ["ctrl-c", "sigterm"])
def test_stopping_in_good_order(fake_endpoint: FakeEndpoint, sent: str) -> None:
    """Ctrl-C lets what is under way end, and begins no more; it says how to go on, and going on asks for the rest."""
    slow = Slow()
    fake_endpoint.script = [slow]
    arguments = ("batch", "person.json", "docs", "--job", "people.db", "--concurrency", "1")
    with _session(*arguments) as session:
        assert slow.asked.wait(60)
        if sent == "ctrl-c":
            session.press(b"\x03")
        else:
            session.process.send_signal(signal.SIGTERM)
        session.until("Stopping: what is under way has 5 seconds to end.")
        slow.may.set()
        session.until("-m extractor batch person.json docs --job people.db --concurrency 1")
        assert session.process.wait(60) == 130
    assert "2 of 3 are done." in session.shown
    assert not re.search(r"Traceback|\x1b\[\?", session.shown)
    fake_endpoint.script = [_name]
    assert _batch("docs", "--job", "people.db").exit_code == 0
    assert len(fake_endpoint.requests) == 3


@POSIX
def test_stopping_at_once(fake_endpoint: FakeEndpoint) -> None:
    """Ctrl-C twice gives up what is under way; nothing that was finished is lost."""
    slow = Slow()
    fake_endpoint.script = [slow]
    with _session("batch", "person.json", "docs", "--job", "people.db", "--concurrency", "1") as session:
        assert slow.asked.wait(60)
        session.press(b"\x03")
        session.until("Once more stops at once.")
        session.press(b"\x03")
        session.until("1 of 3 are done. Go on with: ")
        assert session.process.wait(60) == 130
        slow.may.set()
    assert "Traceback" not in session.shown
    with Job("people.db") as job:
        assert job.counts().done == 1


@POSIX
def test_lines_and_progress_on_one_terminal(fake_endpoint: FakeEndpoint) -> None:
    """Where stdout is the same terminal, the lines stay whole above the bar."""
    with _session("batch", "person.json", "docs") as session:
        session.until("3 done · 0 failed")
        assert session.process.wait(60) == 0
    assert len(re.findall(r'\{"name": "docs/\w+\.txt", [^\r\x1b]*"error": null\}\r\n', session.shown)) == 3
