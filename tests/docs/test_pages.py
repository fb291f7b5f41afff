"""Every block of every page is carried out as a reader would, and prints what the page says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from answering import ANSWERS
from blocks import LANGUAGES, PAGES, ROOT, RUN, blocks_of, commands, settings_of
from held import is_held, named, unknown
from not_run import NOT_RUN

from extractor.testing import FakeEndpoint

HERE = Path(__file__).parent
SECONDS = 300
NOT_OURS = {"ray.md": ("-W", "ignore::DeprecationWarning:ray.data.context")}
"""Ray warns of itself, and tells on stderr how it goes."""
FOR_PYTHON = {ROOT / "README.md": "fake"}
"""Pages whose Python finds an endpoint in its environment, without saying so to those who read them as files."""


def _id(page: Path) -> str:
    return page.relative_to(ROOT).with_suffix("").as_posix()


pages = pytest.mark.parametrize("page", PAGES, ids=_id)


def _commands_of(page: Path) -> list[str]:
    return [line for block in blocks_of(page) if block.language in ("sh", "console") for line in commands(block)]


@pages
def test_every_block_has_a_language(page: Path) -> None:
    """Every block says what it is, so that it is held against that."""
    languages = {block.language for block in blocks_of(page)}
    assert {each for each in languages if not each.startswith("{")} <= LANGUAGES


def _environ(page: Path, fake: FakeEndpoint, programs: Path) -> dict[str, str]:
    """For Python; what the shell has beside that is in PAGE_SHELL."""
    programs.mkdir()
    program = programs / "extractor"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "as_extractor.py"}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    endpoint = settings_of(page).get("endpoint", FOR_PYTHON.get(page, "shell"))
    if endpoint != "none":
        environ["PAGE_ENDPOINT"] = fake.base_url
    if endpoint in ANSWERS:
        fake.answer(ANSWERS[endpoint])
    if endpoint not in ("shell", "none"):
        environ["EXTRACTOR_BASE_URL"] = fake.base_url
    shell = {} if endpoint == "none" else {"EXTRACTOR_BASE_URL": fake.base_url}
    inherited = {"PYTHONPATH": os.pathsep.join([str(ROOT), "."])}
    return {**environ, "PAGE_SHELL": json.dumps({**shell, **inherited})}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(block.language in RUN for block in blocks_of(page))], ids=_id
)
def test_the_page_runs(page: Path, fake: FakeEndpoint, folder: Path, reviewed: Path) -> None:
    """The blocks of a page run one after the other, and print what the page says that they print."""
    if "invoices.db" in page.read_text(encoding="utf-8"):
        shutil.copy(reviewed / settings_of(page).get("job", "ready") / "invoices.db", folder)
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            *NOT_OURS.get(page.name, ()),
            "-c",
            f"import running; running.main({str(page)!r})",
        ],
        env=_environ(page, fake, folder.parent / "programs"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr if page.name not in NOT_OURS else "") == (0, ""), done.stderr
    if page.name == "README.md":
        assert "number='EUR' total=5.0 currency='EUR'" in done.stdout


@pages
def test_data_parses(page: Path) -> None:
    """JSON and TOML that a page shows can be read."""
    for block in blocks_of(page):
        if block.language == "json":
            json.loads(block.text)
        if block.language == "toml":
            tomllib.loads(block.text)


@pages
def test_what_is_set_up_exists(page: Path) -> None:
    """Every target of make and every extra that a page names is there."""
    held = [line for line in _commands_of(page) if is_held(line)]
    assert {line: unknown(line) for line in held if unknown(line)} == {}


def test_what_is_not_run_is_there() -> None:
    """Every line of the list of those that are not run stands in a page, and says why."""
    said = {named(line) for page in PAGES for line in _commands_of(page)}
    assert set(NOT_RUN) - said == set()
    assert all(NOT_RUN.values())
