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
from extractor.schema.ready import ready_names
from extractor.testing import FakeEndpoint, Recorded

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("name", [*ready_names(), "EVOLINK_API_KEY", "EXTRACTOR_MODEL", "EXTRACTOR_BASE_URL"])
def test_the_readme_names_it(name: str) -> None:
    """Ready schemas and environment variables are listed in the README."""
    assert name in README


def test_sixteen_providers() -> None:
    """The changelog counts the providers rightly."""
    assert len(PRESETS) == 16
    assert "sixteen providers" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
