"""What is done to a job's file in tests of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from extractor.batch.store import Begun, Store, Worker

__all__ = ["begin", "job_with_a_run", "sha", "states"]


@contextmanager
def job_with_a_run(folder: Path) -> Iterator[Store]:
    """Open a job with a run; nothing is wrong with it in the end."""
    with Store(folder / "job.db") as made:
        made.open_run(target="T", schema={"type": "object"}, options={"model": "m"})
        yield made
    with Store(folder / "job.db") as made:
        assert made.check() == ()


def sha(text: str) -> str:
    """Hash a content."""
    return sha256(text.encode()).hexdigest()


def begin(worker: Worker, name: str, text: str | None = None, number: int = 0, **more: Any) -> Begun:
    """Begin a document, whose text is its name unless there is another."""
    text = name if text is None else text
    return worker.begin(number=number, name=name, sha256=sha(text), text=text, **more).result()


def states(store: Store, run: int = 1) -> dict[str, str]:
    """Give the state of each document by its name."""
    return {record.name: record.state for record in store.records(run)}
