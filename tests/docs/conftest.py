"""What the pages' commands find in their folder: some samples, and a job that people have looked at."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "samples"))

from answering import answer
from shop.models import Invoice

from extractor import Extractor, Job, inputs
from extractor.testing import FakeEndpoint

HERE = Path(__file__).parent


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    """An endpoint that answers anything, by its schema."""
    with FakeEndpoint(answer, repeat=True) as endpoint:
        yield endpoint


TARGETS = {"ready": "invoice", "shop": Invoice}
"""What the job `invoices.db` in a page's folder was asked for: `<!-- run: job=NAME -->`."""


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each target, with a job over the samples' invoices, the first of which somebody has accepted."""
    folders = tmp_path_factory.mktemp("reviewed")
    for name, target in TARGETS.items():
        shutil.copytree(HERE / "samples" / "scans", folders / name / "scans")
        with (
            FakeEndpoint(answer, repeat=True) as endpoint,
            Extractor(base_url=endpoint.base_url, model="m") as extractor,
            pytest.MonkeyPatch.context() as patch,
            Job(folders / name / "invoices.db") as job,
        ):
            patch.chdir(folders / name)
            names = [each.name for each in extractor.map(target, inputs(["scans"]), job=job)]
            job.accept(names[0], who="ana")
    return folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that a page is carried out in."""
    copied = tmp_path / "page"
    shutil.copytree(HERE / "samples", copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied
