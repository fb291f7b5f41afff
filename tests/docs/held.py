"""Lines of sh that are not run but held against what they need: targets of the Makefile, extras of the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_HELD = re.compile(r"\s*(?:make|pip install|python3? -m pip install|python3? -m venv|source|\.) ")
_EXTRAS = re.compile(r"extractor\[([\w,-]+)\]")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")


def named(line: str) -> str:
    """A line without its comment: as lists have it."""
    return _COMMENT.sub("", line).strip()


def is_held(line: str) -> bool:
    """Whether it sets something up, which a test does not."""
    return _HELD.match(line) is not None


def unknown(line: str) -> list[str]:
    """What a line asks for and the project does not have."""
    words = named(line).split()
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        return [word for word in words[1:] if word not in targets and "=" not in word]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for group in _EXTRAS.findall(line) for each in group.split(",")]
    return [each for each in extras if each not in project["optional-dependencies"]]
