"""The command line, against the fake endpoint."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extractor.cli import app
from extractor.schema.ready import ready_names
from extractor.testing import FakeEndpoint, Reply

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
CONTACT = {"name": "Ann"}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_endpoint: FakeEndpoint) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTRACTOR_BASE_URL", fake_endpoint.base_url)
    monkeypatch.setenv("COLUMNS", "200")
    Path("person.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    Path("a.txt").write_text("Ann", encoding="utf-8")
    Path("b.txt").write_text("Ben", encoding="utf-8")


def _run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def _lines(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_for_each_file(fake_endpoint: FakeEndpoint) -> None:
    """Each file gives one JSON line, in the order given, and nothing else goes to stdout."""
    fake_endpoint.answer({"name": "Ann"}, {"name": "Ben"})
    result = _run("run", "person.json", "a.txt", "b.txt")
    assert (result.exit_code, _lines(result), result.stderr) == (0, [{"name": "Ann"}, {"name": "Ben"}], "")
    assert fake_endpoint.requests[1].body["messages"][-1]["content"] == "Ben"


def test_standard_input(fake_endpoint: FakeEndpoint) -> None:
    """A file named - is standard input."""
    fake_endpoint.answer({"name": "Zoë"})
    result = _run("run", "person.json", "-", stdin="Zoë")
    assert (result.exit_code, result.stdout) == (0, '{"name": "Zoë"}\n')
    assert fake_endpoint.requests[0].body["messages"][-1]["content"] == "Zoë"


def test_pretty_and_full(fake_endpoint: FakeEndpoint) -> None:
    """With --pretty a record has lines; with --full it has how it came about."""
    fake_endpoint.answer({"name": "Ann"}, Reply(content={"name": "Ann"}, usage={"prompt_tokens": 7}))
    assert _run("run", "person.json", "a.txt", "--pretty").stdout == '{\n  "name": "Ann"\n}\n'
    (full,) = _lines(_run("run", "person.json", "a.txt", "--full"))
    assert (full["file"], full["value"], full["attempts"]) == ("a.txt", {"name": "Ann"}, 1)
    assert full["usage"]["prompt_tokens"] == 7


def test_absent_fields_and_the_way_of_asking(fake_endpoint: FakeEndpoint) -> None:
    """With --allow-absent what there is is printed; --full says what is absent, how it was asked, what was refused."""
    refusal = Reply(status=400, raw='{"error": {"message": "Unknown parameter: \'temperature\'."}}')
    fake_endpoint.answer(refusal, {"name": None})
    arguments = ("--allow-absent", "--full", "--dialect", "gemini", "--temperature", "0.5")
    result = _run("run", "person.json", "a.txt", *arguments)
    (full,) = _lines(result)
    assert (result.exit_code, full["value"], full["absent"]) == (0, {}, ["/name"])
    assert (full["mode"], full["dropped"], full["steps"][0]["dropped"]) == ("strict", ["temperature"], "temperature")
    sent = fake_endpoint.requests[1].body
    assert "additionalProperties" not in sent["response_format"]["json_schema"]["schema"]
    assert "temperature" not in sent


def test_values_as_they_came(fake_endpoint: FakeEndpoint) -> None:
    """What was mended is in the full record; with --no-coerce it is asked again instead."""
    fake_endpoint.answer({"name": 5}, {"name": 5}, {"name": "5"})
    (full,) = _lines(_run("run", "person.json", "a.txt", "--full"))
    assert (full["value"], [repair["pointer"] for repair in full["repairs"]]) == ({"name": "5"}, ["/name"])
    (full,) = _lines(_run("run", "person.json", "a.txt", "--full", "--no-coerce"))
    assert (full["value"], full["attempts"], full["repairs"]) == ({"name": "5"}, 2, [])


def test_items(fake_endpoint: FakeEndpoint) -> None:
    """With --items there is one line for each item, also where the file fails in the end."""
    fake_endpoint.answer({"value": [{"name": "Ann"}, {"name": "Ben"}]}, {"value": [{"name": "Cy"}, {"name": []}]})
    result = _run("run", "person.json", "a.txt", "b.txt", "--items", "--max-retries", "0")
    assert _lines(result) == [{"name": "Ann"}, {"name": "Ben"}, {"name": "Cy"}]
    assert result.exit_code == 1
    assert "error: b.txt: " in result.stderr
    assert fake_endpoint.requests[0].body["stream"] is True


def test_a_python_model(fake_endpoint: FakeEndpoint) -> None:
    """TARGET can be a model in a module of the current folder."""
    Path("shop_models.py").write_text(
        "from pydantic import BaseModel\nclass Order(BaseModel):\n    number: int\n", encoding="utf-8"
    )
    fake_endpoint.answer({"number": 3})
    result = _run("run", "shop_models:Order", "a.txt")
    assert (result.exit_code, _lines(result)) == (0, [{"number": 3}])


def test_what_fails_keeps_its_line(fake_endpoint: FakeEndpoint) -> None:
    """A file that fails is a null line and an error that names it; the others go on; the exit code says so."""
    fake_endpoint.answer("no json", {"name": "Ben"})
    result = _run("run", "person.json", "a.txt", "missing.txt", "b.txt", "--max-retries", "0")
    assert _lines(result) == [None, None, {"name": "Ben"}]
    assert "error: a.txt: No person after 1 request" in result.stderr
    assert "error: missing.txt: cannot be read" in result.stderr
    assert result.exit_code == 2


def test_a_failure_in_full(fake_endpoint: FakeEndpoint) -> None:
    """With --full a failure is a record with the error, what was wrong, and how often it was tried."""
    fake_endpoint.answer({"name": []})
    result = _run("run", "person.json", "a.txt", "--full", "--max-retries", "0")
    (failed,) = _lines(result)
    assert (failed["value"], failed["error"], failed["attempts"]) == (None, "ExtractionFailed", 1)
    assert failed["errors"][0]["pointer"] == "/name"
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["run", "nothing", "a.txt"], "There is no ready schema 'nothing'", 2),
        (["run", "person.json", "a.txt", "--items", "--full"], "--items does not go with --full.", 2),
        (["run", "person.json", "a.txt", "--items", "--allow-absent"], "--items does not go with --allow-absent.", 2),
        (["run", "nothing.json", "a.txt"], "nothing.json cannot be read", 2),
        (["run", "nothing:Model", "a.txt"], "There is no nothing:Model", 2),
        (
            ["run", "person.json", "a.txt", "--temperature", "3"],
            "temperature is 3.0, but must be from 0 to 2",
            2,
        ),
        (["run", "person.json", "a.txt", "--base-url", "ftp://x"], "base_url is no address", 2),
        (["run", "person.json", "a.txt", "--base-url", "http://127.0.0.1:9/v1"], "nobody answers there", 3),
        (["run", "person.json", "a.txt", "-m", "opnai/x", "--base-url", ""], "base_url is no address", 2),
        (["schema", "person.json", "--dialect", "klingon"], "There is no dialect 'klingon'", 2),
        (["serve", "nothing.gguf"], "There is no file nothing.gguf", 2),
        (["demo", "nothing"], "There is no demonstration 'nothing'", 2),
    ],
)
def test_errors_are_one_line(arguments: list[str], said: str, code: int) -> None:
    """A wrong call ends with one line that says what is wrong, and an exit code."""
    result = _run(*arguments)
    assert said in result.stderr
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert "Traceback" not in result.output


def test_names_are_printed_as_they_are(fake_endpoint: FakeEndpoint) -> None:
    """A file name that looks like markup or an emoji is no more than a name."""
    names = ["[/b].txt", "x[bold].txt", "e:x:.txt"]
    result = _run("run", "person.json", *names)
    assert [line.partition(": cannot")[0] for line in result.stderr.splitlines()] == [f"error: {n}" for n in names]
    assert "There is no nomod:X" in _run("schema", "nomod:X").stderr


def test_the_version() -> None:
    """`--version` prints it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", _run("--version").stdout)


def test_a_file_that_is_no_text(fake_endpoint: FakeEndpoint) -> None:
    """A binary file is refused before anything is sent."""
    Path("c.bin").write_bytes(b"\xff\xfe\x00\x81")
    result = _run("run", "person.json", "c.bin")
    assert (result.exit_code, fake_endpoint.requests) == (2, [])
    assert "c.bin: no text in UTF-8" in result.stderr


def test_what_would_be_sent() -> None:
    """`schema` prints the response_format, and with --report what was rewritten and why."""
    Path("o.json").write_text('{"type": "object", "properties": {"a": {"type": "integer"}}}', encoding="utf-8")
    result = _run("schema", "o.json", "--report")
    sent = json.loads(result.stdout)
    assert sent["json_schema"]["schema"]["properties"]["a"]["type"] == ["integer", "null"]
    assert "/properties/a: optional → nullable (all must be required)" in result.stderr
    assert json.loads(_run("schema", "invoice", "--dialect", "llama.cpp").stdout)["type"] == "json_schema"


def test_models_lists_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`models` names every provider and ready schema, says which keys are set, and shows none."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    listed = _run("models").stdout
    assert "OPENAI_API_KEY is set" in listed
    assert "EVOLINK_API_KEY is not set" in listed
    assert "sk-planted" not in listed
    assert all(name in listed for name in (*ready_names(), "evolink/gemini-2.5-flash-lite", "local/smollm2-135m"))


def test_the_demo_shows_documents_and_records(fake_endpoint: FakeEndpoint) -> None:
    """`demo` prints the sample, the validated record, and what it took."""
    answer = {"name": "Saskia", "company": None, "email": None, "phone": None}
    fake_endpoint.answer(Reply(content=answer, usage={"prompt_tokens": 9, "completion_tokens": 8}))
    result = _run("demo", "contact", "--base-url", fake_endpoint.base_url)
    assert result.exit_code == 0, result.output
    assert "9 + 8 tokens" in result.stdout


def test_ctrl_c(fake_endpoint: FakeEndpoint) -> None:
    """Ctrl-C while a reply is awaited ends with one line and exit code 130."""
    asked, go_on = threading.Event(), threading.Event()

    def wait(_: Any) -> Any:
        asked.set()
        go_on.wait(20)
        return {"name": "Ann"}

    fake_endpoint.answer(wait)
    command = [sys.executable, "-m", "extractor", "run", "person.json", "a.txt"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert asked.wait(20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        go_on.set()
    assert (process.returncode, out) == (130, b"")
    assert b"Interrupted" in err
    assert b"Traceback" not in err


COMMANDS = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    """Every command stands in the README, and has examples in its help."""
    assert re.search(rf"extractor {command}\b", README)
    assert f"extractor {command}" in _run(command, "--help").stdout


def test_without_the_extra(tmp_path: Path) -> None:
    """Without typer the command says how to install it."""
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no', name='typer')", encoding="utf-8")
    root = str(Path(__file__).parent.parent)
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    done = subprocess.run([sys.executable, "-m", "extractor"], env=environ, capture_output=True, check=False)
    assert done.returncode == 1
    assert b'pip install "extractor[cli]"' in done.stderr
