"""Carries out the blocks of one page, in the folder and with the environment that it is started in: `-c` needs only

    import running; running.main(PAGE)

The Python blocks run in the `__main__` of this process, one after the other; what is wrong is told on stderr.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from blocks import Block, blocks_of, commands, pattern_of
from held import is_held, named
from not_run import NOT_RUN

SHELL = ("bash", "-e", "-o", "pipefail", "-c")
SECONDS = 120


def main(page: str) -> None:
    """Run all of it. Raises what a block raises; `SystemExit` says what was wrong."""
    names = vars(sys.modules["__main__"])
    environ = {**os.environ, **json.loads(os.environ.pop("PAGE_SHELL", "{}"))}
    for block in blocks_of(Path(page)):
        if block.language == "python":
            _check(page, block, _python(page, block, names))
        elif block.language in ("sh", "console"):
            _check(page, block, _shell(page, block, environ))


def _python(page: str, block: Block, names: dict[str, object]) -> str:
    code = compile("\n" * (block.line - 1) + block.text, page, "exec", dont_inherit=True)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(code, names)
    print(told.getvalue(), end="", flush=True)
    return told.getvalue()


def _shell(page: str, block: Block, environ: Mapping[str, str]) -> str:
    lines = [line for line in commands(block) if named(line) not in NOT_RUN and not is_held(line)]
    if not lines:
        return ""
    done = subprocess.run(
        [*SHELL, "\n".join(lines)], env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        sys.exit(f"{page}:{block.line}: code {done.returncode} of\n{block.text}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _check(page: str, block: Block, told: str) -> None:
    if block.shown is None:
        return
    if block.shown_as == "json":
        right = json.loads(told) == json.loads(block.shown)
    else:
        right = pattern_of(block.shown).fullmatch(told.rstrip() + "\n") is not None
    if not right:
        sys.exit(f"{page}:{block.line}: it prints\n{told}\nand the page says\n{block.shown}")
