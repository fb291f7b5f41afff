"""Figures of the houses: how large a package is, how its files and functions are cut, how far one call goes in it.

    python benchmarks/house.py [--into FOLDER]

The source of each package is read as it is installed, and never run for that; tests that are installed with it are
left out. Code lines are lines with code on them: no blanks, comments or docstrings. The length of a function is that
of its code lines from `def` to its end. A cycle is a group of modules that import each other at their top, `if
TYPE_CHECKING:` left out; and once more with the imports inside of functions.

Then each is asked in a process of its own to extract one record from an endpoint on loopback, twice: what of it is
imported after that, and in how many of its files a function ran in the second call.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

from contenders import CONTENDERS, Task
from loopback import CASES, command, isolated, machine, serving
from results import Cell, Column, Report, Table, options, publish

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "extractor": ("extractor",),
    "OpenAI SDK": ("openai",),
    "instructor": ("instructor",),
    "pydantic-ai": ("pydantic_ai",),
    "LangChain": ("langchain_core", "langchain_openai"),
    "trustcall": ("trustcall",),
    "langextract": ("langextract",),
    "httpx": ("httpx",),
}
"""Name → what is imported of it. httpx does less than the others: it is here as a house that is held up."""
DISTRIBUTIONS = {"OpenAI SDK": "openai", "pydantic-ai": "pydantic-ai-slim", "LangChain": "langchain-openai"}
NOT_CODE = frozenset(
    (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
)
TESTS = frozenset(("tests", "test", "_tests"))

# -------------------------------------------------------------------------------------- reading the source


@dataclass(frozen=True, kw_only=True)
class Module:
    """A file: its name, its lines, those with code, the lines of each function, and what it imports at its top and
    anywhere.
    """

    name: str
    lines: int
    code: int
    functions: tuple[int, ...]
    at_top: frozenset[str]
    anywhere: frozenset[str]


def modules(root: str) -> dict[str, Module]:
    """All modules of a package, by name."""
    spec = importlib.util.find_spec(root)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise ModuleNotFoundError(f"No module named {root!r}", name=root)
    folder = Path(folders[0])
    paths = {_named(root, path.relative_to(folder)): path for path in sorted(folder.rglob("*.py"))}
    paths = {name: path for name, path in paths.items() if not TESTS & set(path.relative_to(folder).parts)}
    return {name: _module(name, path, frozenset(paths)) for name, path in paths.items()}


def _named(root: str, path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join((root, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _module(name: str, path: Path, known: frozenset[str]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    told = _docstrings(tree)
    code = _code_lines(text) - told
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return Module(
        name=name,
        lines=len(text.splitlines()),
        code=len(code),
        functions=tuple(
            sum(1 for line in range(node.lineno, (node.end_lineno or node.lineno) + 1) if line in code)
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ),
        at_top=frozenset(_imports(tree, package, known, inside=False)) - {name},
        anywhere=frozenset(_imports(tree, package, known, inside=True)) - {name},
    )


def _code_lines(text: str) -> set[int]:
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    return found


def _docstrings(tree: ast.AST) -> set[int]:
    """The lines of all docstrings: strings that stand alone."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def _imports(tree: ast.AST, package: str, known: frozenset[str], *, inside: bool) -> Iterator[str]:
    """The modules of the package that are imported while it runs; `inside`: those in functions too."""
    for node in _running(tree, inside=inside):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                if whole in known or source in known:
                    yield whole if whole in known else source


def _running(tree: ast.AST, *, inside: bool) -> Iterator[ast.AST]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not inside:
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def in_cycles(imports: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """The groups of modules that import each other (Tarjan's strongly connected components, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: list[str] = []
    found: list[list[str]] = []
    for start in imports:
        work = [] if start in order else [(start, iter(sorted(imports[start])))]
        while work:
            name, following = work[-1]
            if name not in order:
                order[name] = low[name] = len(order)
                open_.append(name)
            step = next((each for each in following if each not in order), None)
            if step is not None:
                work.append((step, iter(sorted(imports[step]))))
                continue
            work.pop()
            low[name] = min([low[name], *(low[each] for each in imports[name] if each in open_)])
            if low[name] == order[name]:
                at = open_.index(name)
                found.append(open_[at:])
                del open_[at:]
    return [group for group in found if len(group) > 1]


# -------------------------------------------------------------------------------------- following a call


def follow(name: str, root: str) -> None:
    """Ask twice; print what was imported, and in which files functions ran the second time."""
    call = _call(name, root)
    call()
    files: set[str] = set()

    def ran(frame: FrameType, event: str, argument: Any) -> None:
        # A module and the body of a class run too, when they are imported.
        if event == "call" and frame.f_code.co_flags & 2:  # it has variables of its own: a function
            files.add(frame.f_code.co_filename)

    threading.setprofile(ran)
    sys.setprofile(ran)
    call()
    sys.setprofile(None)
    loaded = {each: module for each, module in sys.modules.items() if getattr(module, "__file__", None)}
    foreign = {each.partition(".")[0] for each in loaded} - set(sys.stdlib_module_names) - {"__main__"}
    here = str(Path(__file__).resolve().parent)
    foreign = {each for each in foreign if not str(getattr(sys.modules.get(each), "__file__", "")).startswith(here)}
    packaged = [each for each in files if f"{os.sep}site-packages{os.sep}" in each or _ours(each)]
    print(json.dumps({"loaded": sorted(loaded), "ran": sorted(packaged), "packages": sorted(foreign)}))


def _ours(path: str) -> bool:
    return path.startswith(_folder("extractor") + os.sep)  # which may be installed from where it is worked on


def _call(name: str, root: str) -> Any:
    case = CASES["flat"]
    if name == "httpx":
        import httpx

        client, body = httpx.Client(), {"model": "m", "messages": []}
        return lambda: client.post(f"{root}/{case.name}/content/v1/chat/completions", json=body)
    contender = CONTENDERS[name]
    if contender.sync is None:
        raise SystemExit(f"{name}: {contender.note}")
    url = f"{root}/{case.name}/{contender.mode}/v1"
    return contender.sync(Task(model=case.model, document=case.document, base_url=url))


def followed(name: str, root: str) -> dict[str, list[str]] | None:
    """What `follow` tells of a package, asked in a process of its own; None where it cannot do that."""
    again = [sys.executable, str(Path(__file__).resolve()), "--follow", name, root]
    ended = subprocess.run(again, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=300)
    if ended.returncode:
        print(f"{name}: {(ended.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr)
        return None
    told: dict[str, list[str]] = json.loads(ended.stdout.splitlines()[-1])
    return told


# -------------------------------------------------------------------------------------- the tables

SIZE = (
    Column(name="files", form=",.0f"),
    Column(name="lines", form=",.0f"),
    Column(name="code lines", form=",.0f"),
    Column(name="median file, lines", form=",.0f"),
    Column(name="longest file, lines", form=",.0f", better="less"),
    Column(name="modules in import cycles", form=",.0f", better="less"),
    Column(name="with imports in functions", form=",.0f", better="less"),
)
FUNCTIONS = (
    Column(name="functions", form=",.0f"),
    Column(name="median, code lines", form=",.0f", better="less"),
    Column(name="90th percentile", form=",.0f", better="less"),
    Column(name="99th percentile", form=",.0f", better="less"),
    Column(name="longest", form=",.0f", better="less"),
)
CALL = (
    Column(name="its files in which a function ran", form=",.0f", better="less"),
    Column(name="files of any package", form=",.0f", better="less"),
    Column(name="its modules imported", form=",.0f", better="less"),
    Column(name="code lines of these", form=",.0f", better="less"),
    Column(name="packages imported in all", form=",.0f", better="less"),
)


def size_row(found: Mapping[str, Module]) -> list[Cell]:
    """How large a package is."""
    lines = [each.lines for each in found.values()]
    cycles = [
        sum(map(len, in_cycles({name: frozenset(told) & found.keys() for name, told in imports.items()})))
        for imports in (
            {name: each.at_top for name, each in found.items()},
            {name: each.anywhere for name, each in found.items()},
        )
    ]
    code = sum(each.code for each in found.values())
    return [len(lines), sum(lines), code, statistics.median(lines), max(lines), *cycles]


def function_row(found: Mapping[str, Module]) -> list[Cell]:
    """How long its functions are."""
    lengths = sorted(length for each in found.values() for length in each.functions)
    at = [lengths[min(len(lengths) - 1, len(lengths) * share // 100)] for share in (90, 99)]
    return [len(lengths), statistics.median(lengths), *at, lengths[-1]]


def call_row(found: Mapping[str, Module], roots: Sequence[str], told: Mapping[str, Sequence[str]]) -> list[Cell]:
    """How far a call goes in it."""
    folders = tuple(_folder(root) + os.sep for root in roots)
    ran = sum(1 for each in told["ran"] if each.startswith(folders))
    loaded = [found[each] for each in told["loaded"] if each in found]
    return [ran, len(told["ran"]), len(loaded), sum(each.code for each in loaded), len(told["packages"])]


def _folder(root: str) -> str:
    spec = importlib.util.find_spec(root)
    return str(Path(spec.origin).parent) if spec and spec.origin else root


def _version(name: str) -> dict[str, str]:
    distribution = DISTRIBUTIONS.get(name, name)
    return {distribution: metadata.version(distribution)}


def measured() -> Report:
    """Read every package that is installed, and follow one call in each."""
    sizes: dict[str, list[Cell]] = {}
    functions: dict[str, list[Cell]] = {}
    calls: dict[str, list[Cell]] = {}
    versions: dict[str, str] = {}
    raw: dict[str, Any] = {}
    started = time.perf_counter()
    with serving() as root:
        for name, roots in PACKAGES.items():
            try:
                found = {each: module for package in roots for each, module in modules(package).items()}
            except ModuleNotFoundError as error:
                print(f"without {name}: {error}", file=sys.stderr)
                continue
            told = followed(name, root)
            sizes[name], functions[name] = size_row(found), function_row(found)
            calls[name] = [None] * len(CALL) if told is None else call_row(found, roots, told)
            versions |= _version(name)
            raw[name] = told
    return Report(
        name="house",
        question="How large is the house, and how far does one call go in it?",
        command=command(),
        environment=machine(),
        versions=versions,
        tables=(
            _table("One extraction, the second of two", CALL, calls, bars=CALL[1].name),
            _table("Functions", FUNCTIONS, functions),
            _table("Files", SIZE, sizes),
        ),
        notes=NOTES,
        seconds=time.perf_counter() - started,
        data={name: told["packages"] for name, told in raw.items() if told is not None},
    )


def _table(title: str, columns: tuple[Column, ...], rows: Mapping[str, Sequence[Cell]], bars: str = "") -> Table:
    return Table(
        title=title, columns=columns, rows=rows, ours=("extractor",), floors=("httpx",), of="package", bars=bars
    )


NOTES = (
    "The packages do different things: sizes are no merit and no fault, and only what can be read as such is judged. "
    "httpx does one of the things that all of them need.",
    "Code lines are without blanks, comments and docstrings; the length of a function is its code lines from `def` on. "
    "A module counts as in a cycle when modules of the package import each other at their top, `if TYPE_CHECKING:` "
    "left out. Tests that are installed are not counted.",
    "LangChain is langchain-core and langchain-openai together. trustcall is three files on top of these: where its "
    "call goes is in the column of all packages. langextract gives no record of a model, so that it is not asked here.",
)


def main() -> None:
    """Read, follow, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--follow", nargs=2, metavar=("NAME", "URL"), help=argparse.SUPPRESS)
    options(parser)
    given = parser.parse_args()
    isolated()
    if given.follow:
        follow(*given.follow)
        return
    publish(measured(), given)


if __name__ == "__main__":
    main()
