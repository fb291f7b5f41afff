"""The documentation runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extractor.endpoint.presets import PRESETS
from extractor.schema.dialects import DIALECTS
from extractor.schema.ready import ready_names
from extractor.testing import FakeEndpoint, Recorded

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


# Ray warns of itself, and tells on stderr how it goes.
NOT_OURS = {"ray": ("-W", "ignore::DeprecationWarning:ray.data.context")}


def _answer(request: Recorded) -> dict[str, Any]:
    """A value for each property of what was asked for."""
    schema = request.body["response_format"]["json_schema"]["schema"]
    values = {"string": "EUR", "number": 5, "integer": 5}
    return {name: values[member["type"]] for name, member in schema["properties"].items()}


def _python(text: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def test_the_readme_runs() -> None:
    """The Python blocks of the README run one after the other, as a reader would run them."""
    with FakeEndpoint(_answer, repeat=True) as fake:
        environ = {**os.environ, "EXTRACTOR_BASE_URL": fake.base_url, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _python(README)],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert "number='EUR' total=5.0 currency='EUR'" in done.stdout
    assert len(fake.requests) >= 5


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_the_pages_run(page: Path) -> None:
    """The Python blocks of each page run one after the other, with nothing but what stands in them."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *NOT_OURS.get(page.stem, ()), "-c", _python(page.read_text(encoding="utf-8"))],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr if page.stem not in NOT_OURS else "") == (0, ""), done.stderr


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_dialects_are_listed(dialect: str) -> None:
    """Every dialect is named where dialects are explained."""
    assert f"`{dialect}`" in (ROOT / "docs" / "schemas.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ready_names(), "EVOLINK_API_KEY", "EXTRACTOR_MODEL", "EXTRACTOR_BASE_URL"])
def test_the_readme_names_it(name: str) -> None:
    """Ready schemas and environment variables are listed in the README."""
    assert name in README


def test_the_providers_are_counted() -> None:
    """The changelog counts the providers rightly."""
    assert len(PRESETS) == 18
    assert "eighteen providers" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
