"""Documents that people enter by hand: texts, files, pictures, and what cannot be read."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from extractor.batch.job import Job
from extractor.documents.loaded import Input, Loaded
from extractor.errors import DocumentDamaged, DocumentUnsupported, OptionError

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NO_TEXT = "It is a PDF of images, without any text."


class Order(BaseModel):
    """An order."""

    number: int


class Reads:
    """Reads files, or says what is wrong with them, and counts."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.closed = 0

    def load(self, path: Path, /, *, as_: Any = "text") -> Loaded:
        """Give the text of a file that has one."""
        self.loaded.append(path.name)
        data = path.read_bytes()
        if data.startswith((b"%PDF", b"\x89PNG")):
            raise DocumentUnsupported(f"{path.name}: {NO_TEXT}")
        if b"\0" in data:
            raise DocumentDamaged(f"{path.name}: It is damaged.")
        sha = sha256(data).hexdigest()
        return Loaded(name=path.name, media_type="text/plain", sha256=sha, size=len(data), text=data.decode())

    def close(self) -> None:
        """Count."""
        self.closed += 1


@pytest.fixture
def reads() -> Reads:
    """Make who reads."""
    return Reads()


@pytest.fixture
def job(tmp_path: Path, reads: Reads) -> Iterator[Job]:
    """Open a job."""
    with Job(tmp_path / "job.db") as made:
        made._loader = lambda: reads
        yield made
        assert made._store.check() == ()


def test_documents_wait_for_people(job: Job) -> None:
    """They are pending and in the queue, and done once somebody has entered them."""
    run = job.enter(Order, ["Order 1", Input(name="mine", document="Order 2", row={"k": 1}), "Order 1"])
    assert (run.options, run.target) == ({"by": "hand"}, "Order")
    assert run.reference.endswith(":Order")
    found = list(job.records(run, text=True))
    assert [(each.state, each.text, each.row) for each in found] == [
        ("pending", "Order 2", {"k": 1}),
        ("pending", "Order 1", {}),
    ]
    assert (job.tally(run).all, job.tally(run).open, job.score(run)) == (2, 2, 0)
    job.correct("mine", Order(number=2), target=Order, run=run)
    other = found[1].name
    job.reject(other, run=run)
    assert (job.counts(run).pending, job.counts(run).done, job.counts(run).failed) == (0, 1, 1)
    assert [each.value for each in job.records(run)] == [{"number": 2}, None]
    assert [type(each.error).__name__ for each in job.results(Order, run)] == ["NoneType", "DocumentRejected"]
    job.reopen(other, run=run)
    job.reopen("mine", run=run)
    assert (job.counts(run).pending, job.tally(run).open) == (2, 2)
    with pytest.raises(OptionError, match="Nothing was extracted"):
        job.accept("mine", run=run)


def test_files_are_read_once(job: Job, reads: Reads, tmp_path: Path) -> None:
    """The same call again adds what is new, and keeps what people entered."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"Text of {name}", encoding="utf-8")
    run = job.enter(Order, [tmp_path / "a.txt"])
    job.correct(str(tmp_path / "a.txt"), {"number": 1}, run=run)
    again = job.enter(Order, [tmp_path / "b.txt", tmp_path / "a.txt"])
    assert again == run
    assert reads.loaded == ["a.txt", "b.txt"]
    assert reads.closed == 2
    assert [(Path(each.name).name, each.state) for each in job.records(run)] == [
        ("b.txt", "pending"),
        ("a.txt", "done"),
    ]


def test_pictures_are_kept_without_a_text(job: Job, tmp_path: Path) -> None:
    """A scan can be shown to people, though there is no text in it."""
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.4\n" + b"x" * 100)
    (tmp_path / "photo.png").write_bytes(PIXEL)
    run = job.enter(Order, [tmp_path / "scan.pdf", tmp_path / "photo.png"])
    found = [(each.text, each.media_type, each.state) for each in job.records(run, text=True)]
    assert found == [(None, "application/pdf", "pending"), (None, "image/png", "pending")]
    job.correct(str(tmp_path / "photo.png"), {"number": 1}, run=run)
    (done,) = [each for each in job.records(run, evidence=True) if each.state == "done"]
    assert done.value == {"number": 1}


def test_what_cannot_be_read_has_failed(job: Job, tmp_path: Path) -> None:
    """A file that is not there or damaged, the job itself, and what is no document are told as in a map."""
    (tmp_path / "bad.bin").write_bytes(b"\0\0")
    given = [tmp_path / "none.pdf", tmp_path / "bad.bin", job.path, Input(name="wrong", document="", error="No."), 7]
    run = job.enter(Order, given)
    records = list(job.records(run))
    assert [each.state for each in records] == ["failed"] * 5
    assert [each.error.type for each in records if each.error] == [
        "DocumentError",
        "DocumentDamaged",
        "DocumentUnsupported",
        "DocumentError",
        "DocumentError",
    ]
    assert job.tally(run).all == 0


def test_one_document_is_no_iterable(job: Job) -> None:
    """A text by itself would be taken for its letters."""
    with pytest.raises(OptionError, match="one str"):
        job.enter(Order, "Order 1")


def test_what_was_entered_for_an_earlier_content_stays(job: Job, tmp_path: Path) -> None:
    """Where a file has changed since, its entry is kept under a name of its own, and that is said."""
    path = tmp_path / "a.txt"
    path.write_text("Order 1", encoding="utf-8")
    run = job.enter(Order, [path])
    job.correct(str(path), {"number": 1}, run=run)
    path.write_text("Order 1\n", encoding="utf-8")
    told: list[tuple[str, str]] = []
    job.enter(Order, [path], earlier=lambda *names: told.append(names))
    (name, earlier) = told[0]
    assert (len(told), name) == (1, str(path))
    found = {each.name: (each.state, each.value) for each in job.records(run)}
    assert found == {earlier: ("done", {"number": 1}), name: ("pending", None)}
    assert (job.tally(run).all, job.tally(run).open) == (2, 1)
    job.enter(Order, [path], earlier=lambda *names: told.append(names))
    assert len(told) == 1


def test_an_entry_of_an_earlier_content_is_logged(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever does not ask for it finds it in the log."""
    run = job.enter(Order, [Input(name="a", document="Order 1")])
    job.correct("a", {"number": 1}, run=run)
    job.enter(Order, [Input(name="a", document="Order 2")])
    assert "'a' is another document by now" in caplog.text
