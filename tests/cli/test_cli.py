"""The command line, against the fake endpoint."""

from __future__ import annotations

import json
import logging
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
from extractor.testing import FakeEndpoint, Recorded, Reply

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SAID = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
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


def test_names_that_are_no_text(fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose name is not in UTF-8 is read, and its name is valid JSON."""
    name = os.fsdecode(b"a\xff.txt")
    try:
        Path(name).write_text("Ann", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes text only")
    fake_endpoint.answer({"name": "Zoë"})
    result = _run("run", "person.json", name, "--full")
    (full,) = _lines(result)
    assert (result.exit_code, full["file"], full["value"]) == (0, name, {"name": "Zoë"})


def test_the_version() -> None:
    """`--version` prints it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", _run("--version").stdout)


def test_a_file_that_cannot_be_read(fake_endpoint: FakeEndpoint) -> None:
    """A file that is no document of any kind is refused before anything is sent."""
    Path("c.bin").write_bytes(b"\x00\x81\xfe\x00\x02" * 40)
    result = _run("run", "person.json", "c.bin")
    assert (result.exit_code, fake_endpoint.requests) == (2, [])
    assert result.stderr.startswith("error: c.bin: ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<html><head><script>var x = 'no';</script></head><body><p>Ann</p></body></html>"),
        ("a.txt", "\ufeffAnn".encode("utf-16-le")),
        ("a.txt", b"\xef\xbb\xbfAnn"),
        ("a.rtf", b"{\\rtf1\\ansi Ann\\par}"),
        ("a.eml", b"From: x@y.example\r\nSubject: s\r\nContent-Type: text/plain\r\n\r\nAnn\r\n"),
    ],
)
def test_files_of_other_kinds(name: str, content: bytes, fake_endpoint: FakeEndpoint) -> None:
    """Any file is read, and what is sent is its text; from standard input, too."""
    Path(name).write_bytes(content)
    fake_endpoint.answer({"name": "Ann"}, {"name": "Ann"})
    assert _run("run", "person.json", name).exit_code == 0
    assert _run("run", "person.json", "-", stdin=content).exit_code == 0
    for request in fake_endpoint.requests:
        sent = request.body["messages"][-1]["content"]
        assert "Ann" in sent
        assert not {"var x", "<p>", "rtf1", "\ufeff"} & set(sent.split())


def test_a_file_as_it_stands(fake_endpoint: FakeEndpoint) -> None:
    """With --as file the file itself is sent."""
    fake_endpoint.answer({"name": "Ann"})
    assert _run("run", "person.json", "a.txt", "--as", "file").exit_code == 0
    (part,) = [part for part in fake_endpoint.requests[0].body["messages"][-1]["content"] if part["type"] == "file"]
    assert part["file"]["filename"] == "a.txt"


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
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert asked.wait(20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        go_on.set()
    assert (process.returncode, out) == (130, b"")
    assert b"Interrupted" in err
    assert b"Traceback" not in err


COMMANDS = [
    *(command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands),
    *(
        f"{group.name or (group.typer_instance and group.typer_instance.info.name)} {command.callback.__name__}"
        for group in app.registered_groups
        for command in (group.typer_instance.registered_commands if group.typer_instance else ())
        if command.callback
    ),
]


@pytest.mark.parametrize("command", [*COMMANDS, "jobs"])
def test_every_command_is_documented(command: str) -> None:
    """Every command stands in the README or a page of the documentation, and has examples in its help."""
    assert re.search(rf"extractor {command}\b", SAID)
    assert f"extractor {command}" in _run(*command.split(), "--help").stdout


def test_without_the_extra(tmp_path: Path) -> None:
    """Without typer the command says how to install it."""
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no', name='typer')", encoding="utf-8")
    root = str(ROOT)
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    done = subprocess.run([sys.executable, "-m", "extractor"], env=environ, capture_output=True, check=False)
    assert done.returncode == 1
    assert b'pip install "extractor[cli]"' in done.stderr


# ------------------------------------------------------------------------------- evidence

ORDER = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]},
        },
    },
    "required": ["vendor", "lines"],
}


def _order(count: int) -> None:
    """A schema and a document with so many rows, in this folder."""
    rows = "".join(f"- claw hammer {n}00, as ordered in the spring of the year\n" for n in range(1, count + 1))
    Path("order.json").write_text(json.dumps(ORDER), encoding="utf-8")
    Path("order.txt").write_text(f"Order from Acme\n\n{rows}", encoding="utf-8")


def _ordered(request: Recorded) -> Any:
    text = next(message["content"] for message in request.body["messages"] if message["role"] == "user")
    items = [{"item": item} for item in re.findall(r"claw hammer \d+", text)]
    return {"vendor": "Acme" if "Acme" in text else None, "note": None, "lines": items}


def test_a_page(fake_endpoint: FakeEndpoint) -> None:
    """With --html a page shows where the values stand, and the data goes to stdout as ever."""
    fake_endpoint.answer({"name": "Ann"})
    result = _run("run", "person.json", "a.txt", "--html", "pages/ann.html")
    assert (result.exit_code, _lines(result), result.stderr) == (0, [{"name": "Ann"}], "")
    page = Path("pages/ann.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Ann" in page


def test_pages_in_a_folder(fake_endpoint: FakeEndpoint) -> None:
    """With a folder every file has a page of its own, also where two have the same name; one that fails has none."""
    Path("other").mkdir()
    Path("other/a.txt").write_text("Cy", encoding="utf-8")
    fake_endpoint.answer({"name": "Ann"}, {"name": "Cy"}, "no json", {"name": "Dee"})
    files = ("a.txt", "other/a.txt", "b.txt", "-")
    result = _run("run", "person.json", *files, "--html", "pages", "--max-retries", "0", stdin="Dee")
    assert result.exit_code == 1
    assert sorted(path.name for path in Path("pages").iterdir()) == ["a.txt-1.html", "a.txt.html", "stdin.html"]
    assert "Cy" in Path("pages/a.txt-1.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.txt", "b.txt", "--html", "page.html"), "page.html is one page, and there are 2 files"),
        (("a.txt", "--html", "a.txt/page.html"), "is no folder"),
        (("a.txt", "--items", "--html", "page.html"), "--items does not go with --html"),
        (("a.txt", "--recall", "all"), "recall is 'all', but must be one of normal, high"),
        (("a.txt", "--ungrounded", "forget"), "ungrounded is 'forget', but must be one of keep, drop, ask"),
        (("a.txt", "--candidates", "101"), "candidates must be a whole number from 1 to 100"),
        (("a.txt", "--items", "--candidates", "2"), "a stream shows one reply"),
        (("a.txt", "--items", "--recall", "high"), "a stream shows one reply"),
        (("a.txt", "--items", "--chunk-tokens", "100"), "a stream shows one reply"),
    ],
)
def test_wrong_calls_for_evidence(arguments: tuple[str, ...], said: str, fake_endpoint: FakeEndpoint) -> None:
    """What makes no sense is a wrong call, and nothing is sent."""
    result = _run("run", "person.json", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not fake_endpoint.requests


@pytest.mark.parametrize("arguments", [("--candidates", "0"), ("--chunk-tokens", "15"), ("--candidates", "many")])
def test_numbers_out_of_range(arguments: tuple[str, ...], fake_endpoint: FakeEndpoint) -> None:
    """A number that is out of range is a wrong call."""
    assert _run("run", "person.json", "a.txt", *arguments).exit_code == 2
    assert not fake_endpoint.requests


def test_candidates(fake_endpoint: FakeEndpoint) -> None:
    """With --candidates several answers are asked for, and the full record says how many agree."""
    fake_endpoint.answer({"name": "Ann"}, {"name": "Bo"}, {"name": "Ann"})
    (full,) = _lines(_run("run", "person.json", "a.txt", "--candidates", "3", "--full"))
    assert (full["value"], full["attempts"]) == ({"name": "Ann"}, 3)
    assert full["fields"]["/name"]["agreement"] == pytest.approx(2 / 3)
    assert full["fields"]["/name"]["others"] == [["Bo", pytest.approx(1 / 3)]]


def test_recall(fake_endpoint: FakeEndpoint) -> None:
    """With --recall high the rows that were passed over are asked for; without, they are reported."""
    _order(6)

    def forgetful(request: Recorded) -> Any:
        answer = _ordered(request)
        if answer["vendor"]:
            return {**answer, "lines": [*answer["lines"][:2], *answer["lines"][3:]]}
        return {"lines": answer["lines"]}

    fake_endpoint.script, fake_endpoint.repeat = [forgetful], True
    (full,) = _lines(_run("run", "order.json", "order.txt", "--full"))
    assert (len(full["value"]["lines"]), full["lists"][0]["status"]) == (5, "incomplete")
    (full,) = _lines(_run("run", "order.json", "order.txt", "--full", "--recall", "high"))
    assert (len(full["value"]["lines"]), full["lists"][0]["status"]) == (6, "complete")


def test_chunks(fake_endpoint: FakeEndpoint) -> None:
    """With --chunk-tokens a long document is cut, and the full record has the chunks and their places."""
    _order(20)
    fake_endpoint.script, fake_endpoint.repeat = [_ordered], True
    result = _run("run", "order.json", "order.txt", "--chunk-tokens", "100", "--full")
    (full,) = _lines(result)
    assert (result.exit_code, len(full["value"]["lines"])) == (0, 20)
    assert len(full["chunks"]) == full["attempts"] == len(fake_endpoint.requests) > 3
    text = Path("order.txt").read_text(encoding="utf-8")
    for number in (0, 19):
        (span,) = full["fields"][f"/lines/{number}/item"]["spans"]
        assert text[span["start"] : span["end"]] == full["value"]["lines"][number]["item"]


def test_a_chunk_that_fails(fake_endpoint: FakeEndpoint) -> None:
    """A chunk that could not be read is an error on stderr and an exit code; what there is is printed."""
    _order(20)

    def broken(request: Recorded) -> Any:
        return "no json" if "hammer 1900" in str(request.body) else _ordered(request)

    fake_endpoint.script, fake_endpoint.repeat = [broken], True
    arguments = ("--chunk-tokens", "100", "--max-retries", "0", "--full", "--html", "page.html")
    result = _run("run", "order.json", "order.txt", *arguments)
    (full,) = _lines(result)
    assert result.exit_code == 1
    assert "error: order.txt: No order after 1 request" in result.stderr
    assert full["value"]["lines"][0] == {"item": "claw hammer 100"}
    assert [chunk["error"] is not None for chunk in full["chunks"]].count(True) in (1, 2)  # neighbours share rows
    assert "could not be read" in Path("page.html").read_text(encoding="utf-8")


def test_values_that_are_not_in_the_document(fake_endpoint: FakeEndpoint) -> None:
    """With --ungrounded drop they are left out, which the full record lists; with ask they are asked for again."""
    _order(1)
    said = {"vendor": "Acme", "note": "Utopia", "lines": []}
    fake_endpoint.answer(said, said, said, {"note": None})
    (full,) = _lines(_run("run", "order.json", "order.txt", "--full"))
    assert (full["value"]["note"], full["fields"]["/note"]["status"]) == ("Utopia", "absent")
    (full,) = _lines(_run("run", "order.json", "order.txt", "--full", "--ungrounded", "drop"))
    assert (full["value"]["note"], [repair["kind"] for repair in full["repairs"]]) == (None, ["ungrounded"])
    (full,) = _lines(_run("run", "order.json", "order.txt", "--full", "--ungrounded", "ask"))
    assert (full["value"]["note"], full["attempts"]) == (None, 2)


def test_confidence(fake_endpoint: FakeEndpoint) -> None:
    """With --confidence the endpoint is asked for its log-probabilities, and the full record has what they say."""
    text = '{"name": "Ann"}'
    tokens = [{"token": token, "logprob": -0.25} for token in ('{"name"', ': "', "Ann", '"}')]
    fake_endpoint.answer(Reply(content=text, choice={"logprobs": {"content": tokens}}))
    (full,) = _lines(_run("run", "person.json", "a.txt", "--full", "--confidence"))
    assert fake_endpoint.requests[0].body["logprobs"] is True
    assert full["fields"]["/name"]["logprob"] == -0.25
    assert 0 < full["fields"]["/name"]["confidence"] < 1


def test_what_is_missing_is_said(fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """With --verbose, lists that lack something and values that are not in the document are named on stderr."""
    table = "item | price\n" + "".join(f"part {n} | {n}.50\n" for n in range(1, 7))
    row = {"type": "object", "properties": {"item": {"type": "string"}, "price": {"type": "number"}}}
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}, "seller": {"type": "string"}}}
    Path("table.txt").write_text(table, encoding="utf-8")
    Path("table.json").write_text(json.dumps(schema), encoding="utf-8")
    rows = [{"item": f"part {n}", "price": n + 0.5} for n in (1, 2, 5, 6)]
    fake_endpoint.answer({"rows": rows, "seller": "Zeppelin"}, {"rows": rows, "seller": "Zeppelin"})
    logger = logging.getLogger("extractor")
    level = logger.level
    try:
        said = _run("run", "table.json", "table.txt", "--verbose").stderr
    finally:
        logger.setLevel(level)
    assert "table.txt: /rows: incomplete, 4 of 6 items" in said
    assert "table.txt: not in the document: /seller" in said
    (full,) = _lines(_run("run", "table.json", "table.txt", "--full"))
    assert (full["complete"], full["lists"][0]["status"]) == (False, "incomplete")


def test_a_page_has_a_name() -> None:
    """A page cannot go to standard output, which has the data."""
    result = _run("run", "person.json", "a.txt", "--html", "-")
    assert (result.exit_code, "A page goes into a file" in result.stderr) == (2, True)
