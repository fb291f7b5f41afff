"""The files of the recipes do what their pages say, over loopback."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from extractor import DeadlineExceeded
from extractor.testing import FakeEndpoint, Recorded, Reply

RECIPES = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "recipes"
ORDER = {"item": "tea", "quantity": 2}


def _answer(request: Recorded) -> object:
    """A receipt as it stands in the text, `SHOP, TOTAL`."""
    shop, _, total = request.body["messages"][-1]["content"].strip().partition(", ")
    return {"shop": shop, "total": float(total)}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEndpoint]:
    """The endpoint of the environment."""
    with FakeEndpoint(ORDER, repeat=True) as fake:
        monkeypatch.setenv("EXTRACTOR_BASE_URL", fake.base_url)
        monkeypatch.syspath_prepend(str(RECIPES))
        yield fake


@pytest.fixture
def server(endpoint: FakeEndpoint) -> Iterator[httpx.Client]:
    """A client of the FastAPI server, which listens."""
    pytest.importorskip("fastapi")
    import uvicorn
    from fastapi_app import app  # type: ignore[import-not-found]

    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=address, timeout=30) as client:
                yield client
        finally:
            running.should_exit = True
            thread.join()


def test_fastapi_reads_texts_and_files(server: httpx.Client, endpoint: FakeEndpoint) -> None:
    """A text and an uploaded file both give the record, and both were sent to the endpoint."""
    assert server.post("/text", json={"text": "two teas"}).json() == ORDER
    assert server.post("/file", files={"file": ("order.html", b"<p>two cups of tea</p>")}).json() == ORDER
    assert "two cups of tea" in str(endpoint.requests[-1].body)
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        (Reply(content={"item": "tea", "quantity": "many"}), 422, "ExtractionFailed"),
        (Reply(status=401, raw="{}"), 502, "AuthenticationFailed"),
        (Reply(status=429, raw="{}", headers={"retry-after": "9999"}), 503, "RateLimited"),
    ],
)
def test_fastapi_says_whose_fault_it_was(
    server: httpx.Client, endpoint: FakeEndpoint, reply: Reply, status: int, error: str
) -> None:
    """What the model or the endpoint did wrong is a status of its own."""
    endpoint.answer(reply)
    answered = server.post("/text", json={"text": "two teas"})
    assert (answered.status_code, answered.json()["error"]) == (status, error)


def test_fastapi_says_that_nobody_is_there(server: httpx.Client, endpoint: FakeEndpoint) -> None:
    """An endpoint that is gone is a bad gateway."""
    endpoint.close()
    assert server.post("/text", json={"text": "two teas"}).status_code == 502


def test_fastapi_says_that_time_ran_out(endpoint: FakeEndpoint) -> None:
    """An endpoint that does not answer in time is a gateway's timeout."""
    pytest.importorskip("fastapi")
    from fastapi_app import status_of

    assert status_of(DeadlineExceeded("The time ran out.")) == 504


def test_fastapi_refuses_what_is_no_document(server: httpx.Client, endpoint: FakeEndpoint) -> None:
    """The caller's fault is a 4xx, and nobody is asked."""
    assert server.post("/text", json={"text": " "}).status_code == 400
    assert server.post("/file", files={"file": ("a.pdf", b"%PDF-1.7 torn")}).status_code == 400
    assert server.post("/text", json={}).status_code == 422
    assert endpoint.requests == []


def test_pandas_pays_once_and_keeps_what_failed(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """A column becomes columns, a failed row stays with its error, and a second run asks nobody."""
    pandas = pytest.importorskip("pandas")
    from pandas_column import with_records  # type: ignore[import-not-found]

    table = pandas.DataFrame({"text": ["two teas", ""]}, index=[7, 9])
    for _ in range(2):
        found = with_records(table, "text", tmp_path / "orders.db")
        assert found.loc[7, ["item", "quantity"]].tolist() == ["tea", 2]
        assert pandas.isna(found.loc[7, "error"])
        assert pandas.isna(found.loc[9, "quantity"])
        assert "empty" in found.loc[9, "error"]
    assert len(endpoint.requests) == 1


def _cron(folder: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-W", "error", str(RECIPES / "cron_inbox.py"), "inbox", "r.db", "r.csv"]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_cron_reads_what_is_new(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """Each file is asked for once, the table has all, and what failed is told on stderr and by the exit code."""
    endpoint.answer(_answer)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.txt").write_text("Bakery, 7.40", encoding="utf-8")
    assert _cron(tmp_path) == (0, "", "")
    (inbox / "b.txt").write_text("Taxi, 16.70", encoding="utf-8")
    (inbox / "c.txt").write_text("", encoding="utf-8")
    code, out, err = _cron(tmp_path)
    assert (code, out) == (1, "")
    assert "c.txt" in err
    with (tmp_path / "r.csv").open(encoding="utf-8") as table:
        assert sorted(row["shop"] for row in csv.DictReader(table)) == ["", "Bakery", "Taxi"]
    assert len(endpoint.requests) == 2


def test_cron_runs_do_not_overlap(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """While one holds the lock, another ends at once, and asks nobody."""
    with (tmp_path / "r.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = _cron(tmp_path)
    assert (code, err) == (75, "The run before is not through yet.\n")
    assert endpoint.requests == []


def test_cron_tells_what_stopped_it(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """A wrong key stops the run with a line on stderr."""
    endpoint.answer(Reply(status=401, raw="{}"))
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.txt").write_text("Bakery, 7.40", encoding="utf-8")
    code, out, err = _cron(tmp_path)
    assert (code, out, len(err.splitlines())) == (3, "", 1)


def test_ray_reads_a_dataset_once(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """The rows of a Parquet file get their records, and a second start asks nobody."""
    pytest.importorskip("ray")
    pandas = pytest.importorskip("pandas")
    endpoint.answer(_answer, _answer)
    rows = [{"id": "a", "text": "Bakery, 7.40"}, {"id": "b", "text": "Taxi, 16.70"}]
    pandas.DataFrame(rows).to_parquet(tmp_path / "in.parquet")
    environ = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    for out in ("first", "second"):
        command = [sys.executable, str(RECIPES / "ray_dataset.py"), "in.parquet", out, "r.db"]
        subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=240, check=True)
        found = pandas.read_parquet(tmp_path / out).sort_values("id")
        assert [json.loads(value)["shop"] for value in found["value"]] == ["Bakery", "Taxi"]
    assert len(endpoint.requests) == 2
