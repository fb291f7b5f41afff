"""The site is built of the pages and the docstrings, without a warning and without the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it."""
    pytest.importorskip("sphinx")
    built = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", "docs", str(built / "html")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return built / "html"


def test_it_is_built_without_a_warning(site: Path) -> None:
    """Every page is there, and nothing in any of them is unresolved."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {path for path in pages if not (site / path).is_file()} == set()


def test_it_fetches_nothing(site: Path) -> None:
    """No page loads a script, a style, a picture or a font from elsewhere."""
    elsewhere = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    found = {path.name: elsewhere.findall(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert {name: each for name, each in found.items() if each} == {}


def test_settings_have_their_keys(site: Path) -> None:
    """The keys of the settings are in the reference, with what is said of them."""
    text = (site / "reference" / "settings.html").read_text(encoding="utf-8")
    for key in ("max_retries", "deadline", "temperature", "idempotency_key", "model"):
        assert f'.{key}"' in text
