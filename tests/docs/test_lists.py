"""What the documentation lists is what there is."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from blocks import PAGES, ROOT

import extractor
from extractor import testing
from extractor.endpoint.presets import PRESETS
from extractor.endpoint.resolve import VARIABLES
from extractor.schema.dialects import DIALECTS
from extractor.schema.ready import ready_names

REFERENCE = ROOT / "docs" / "reference"
README = (ROOT / "README.md").read_text(encoding="utf-8")
_DOCUMENTED = re.compile(r"^\.\. auto\w+:: ([\w.]+)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s#]+)(?:#[^()\s]*)?\)")
_VARIABLE = re.compile(r"""["'`](EXTRACTOR_[A-Z_]+)["'`]""")


def _generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli.md", "dialects.md", "environment.md"])
def test_the_page_is_what_the_code_says(name: str) -> None:
    """The pages that are made of tables are up to date: `python docs/generate.py` writes them."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == _generated().PAGES[name]()


def test_every_public_name_is_documented_once() -> None:
    """The reference has every public name, and each in one place."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in sorted(REFERENCE.glob("*.md")))
    documented = Counter(_DOCUMENTED.findall(text))
    public = [f"extractor.{name}" for name in extractor.__all__]
    public += [f"extractor.testing.{name}" for name in testing.__all__]
    assert {name: documented[name] for name in public if documented[name] != 1} == {}
    assert [name for name, times in documented.items() if times > 1] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).with_suffix("").as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file."""
    targets = [each for each in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in each]
    assert [each for each in targets if not (page.parent / each).exists()] == []


def test_every_variable_is_documented() -> None:
    """Every environment variable that the library reads is in the reference."""
    page = (REFERENCE / "environment.md").read_text(encoding="utf-8")
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "extractor").rglob("*.py"))
    own = {name for text in sources for name in _VARIABLE.findall(text)}
    assert [name for name in sorted({*own, *VARIABLES}) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_dialects_are_listed(dialect: str) -> None:
    """Every dialect is named where dialects are explained."""
    assert f"`{dialect}`" in (ROOT / "docs" / "explanation" / "schemas.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*ready_names(), "EVOLINK_API_KEY", "EXTRACTOR_MODEL", "EXTRACTOR_BASE_URL"])
def test_the_readme_names_it(name: str) -> None:
    """Ready schemas and environment variables are listed in the README."""
    assert name in README


def test_the_providers_are_counted() -> None:
    """The changelog counts the providers rightly."""
    assert len(PRESETS) == 18
    assert "eighteen providers" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
