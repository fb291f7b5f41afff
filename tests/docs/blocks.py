"""The fenced blocks of a page, and which of them show what another one prints."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
LANGUAGES = frozenset("python sh console json toml text csv markdown".split())
RUN = ("python", "sh", "console")
_FENCE = re.compile(r"(`{3,}|~{3,}|:{3,})\s*(\S*)")
_SETTING = re.compile(r"<!-- run: (\w+)=(\w+) -->")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: its language, its text, and the number of its first line in the page. `shown` is what it prints, if
    the page has that; then `shown_as` is text or json.
    """

    language: str
    text: str
    line: int
    shown: str | None = None
    shown_as: str = "text"


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks, directives of MyST included, in their order."""
    found: list[Block] = []
    between: list[str] = []
    lines = enumerate(page.read_text(encoding="utf-8").split("\n"), start=1)
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            between.append(line)
            continue
        inside = []
        for _, each in lines:
            if each.strip() == fence[1]:
                break
            inside.append(each)
        block = Block(language=fence[2], text="\n".join(inside) + "\n", line=number + 1)
        if found and _shows(found[-1], block, [each for each in between if each.strip()]):
            found[-1] = replace(found[-1], shown=block.text, shown_as=block.language)
        else:
            found.append(block)
        between = []
    return found


def _shows(before: Block, block: Block, between: list[str]) -> bool:
    """Whether a block is what the one before prints: at most a line that ends in a colon stands between them."""
    told = not between or (len(between) == 1 and between[0].endswith(":"))
    return before.language in ("python", "sh") and before.shown is None and block.language in ("text", "json") and told


def settings_of(page: Path) -> dict[str, str]:
    """What a page says to those who run it."""
    return dict(_SETTING.findall(page.read_text(encoding="utf-8")))


def commands(block: Block) -> list[str]:
    """The lines of a block of sh, or those that follow a `$` in one of console."""
    lines = block.text.split("\n")
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip()]


def pattern_of(shown: str) -> re.Pattern[str]:
    """What matches an output that a page shows: `…` stands for anything in a line, alone for any number of lines."""
    parts = []
    for line in shown.rstrip().split("\n"):
        anything = ".*".join(re.escape(part.rstrip()) if number else re.escape(part) for number, part in _parts(line))
        parts.append(r"(?:[^\n]*\n)*?" if line.strip() == "…" else anything + r"[ \t]*\n")
    return re.compile("".join(parts) + r"\s*")


def _parts(line: str) -> list[tuple[int, str]]:
    pieces = line.rstrip().split("…")
    return list(enumerate(pieces))
