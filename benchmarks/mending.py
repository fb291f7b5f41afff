"""How many broken replies are read right, and how many silently wrong, compared to other libraries.

    python benchmarks/mending.py [--only corpus|hostile] [--show CONTENDER] [--seconds 2] [--into FOLDER]

The corpus is `tests/reply/broken.jsonl`: a reply as models write them, the schema of what is wanted, and what a
careful person reads in it, or null where that would be a guess. Every contender reads the reply in its own
way; one and the same validator then holds what it read against the schema. An answer is *right* if it is what
is expected, or nothing where nothing is; *none* if nothing was read though there was something (the model is
asked again, which costs a request); *wrong* if a value that fits the schema is another than expected (nobody
notices). Other libraries take part where they are installed.

Then the CPU seconds of each for texts of 1 MB that are meant to be hard, every one in a process of its own, which is
stopped after `--seconds`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema_rs
from loopback import command, machine, orders
from pydantic_core import from_json
from results import Cell, Column, Report, Table, options, publish

from extractor.reply.repair import mended

Reader: TypeAlias = "Callable[[str], list[Any]]"
"""A text → the values read in it; a `ValueError` where there is none."""

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "reply" / "broken.jsonl"
SIZE = 1_000_000
RUNS = 3  # with a hostile text
RIGHT, NONE, WRONG = "right", "none", "wrong"
OURS, FLOOR = "extractor", "json.loads"

# ------------------------------------------------------------------------------------ contenders


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(digits)
    return number


def extractor() -> Reader:
    """Read as the library does: whole values, without NaN and keys given twice."""

    def read(text: str) -> list[Any]:
        values = []
        for each in mended(text):
            if not each.torn:
                try:
                    whole = each.text + each.closers
                    values.append(
                        json.loads(whole, object_pairs_hook=_pairs, parse_constant=_finite, parse_float=_finite)
                    )
                except ValueError:
                    continue
        return values

    return read


def plain() -> Reader:
    """Use `json.loads` and nothing else."""
    return lambda text: [json.loads(text)]


def json_repair() -> Reader:
    """Use `json_repair.loads`."""
    module: Any = importlib.import_module("json_repair")
    return lambda text: [module.loads(text)]


def instructor() -> Reader:
    """Use what instructor's Markdown mode does before `model_validate_json`."""
    module: Any = importlib.import_module("instructor.v2.core.json")
    return lambda text: [from_json(module.extract_json_from_codeblock(text))]


def pydantic_ai() -> Reader:
    """Use what pydantic-ai's native and prompted output do before they validate, and its handling of thoughts."""
    utils: Any = importlib.import_module("pydantic_ai._utils")
    thinking: Any = importlib.import_module("pydantic_ai._thinking_part")
    messages: Any = importlib.import_module("pydantic_ai")

    def read(text: str) -> list[Any]:
        parts = thinking.split_content_into_text_and_thinking(text, ("<think>", "</think>"))
        content = "".join(part.content for part in parts if isinstance(part, messages.TextPart))
        return [from_json(utils.strip_markdown_fences(content))]

    return read


def sdk() -> Reader:
    """Use what the OpenAI SDK does with `parse`: pydantic's own JSON."""
    importlib.import_module("openai")
    return lambda text: [from_json(text)]


def langchain() -> Reader:
    """Use LangChain's parser of JSON, which stands behind its mode `json_mode`."""
    parser = importlib.import_module("langchain_core.output_parsers").JsonOutputParser()
    return lambda text: [parser.parse(text)]


CONTENDERS: Mapping[str, tuple[str, Callable[[], Reader]]] = {
    FLOOR: ("pydantic", plain),
    OURS: ("extractor", extractor),
    "json-repair": ("json-repair", json_repair),
    "OpenAI SDK": ("openai", sdk),
    "instructor": ("instructor", instructor),
    "pydantic-ai": ("pydantic-ai-slim", pydantic_ai),
    "LangChain": ("langchain-core", langchain),
}
"""Name → its package, and what makes its reader."""


def _made() -> dict[str, Reader]:
    made = {}
    for name, (_, make) in CONTENDERS.items():
        try:
            made[name] = make()
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return made


def _table(title: str, columns: tuple[Column, ...], rows: Mapping[str, list[Cell]]) -> Table:
    return Table(title=title, columns=columns, rows=rows, ours=(OURS,), floors=(FLOOR,))


# ------------------------------------------------------------------------------------- the corpus


def _judged(value: Any) -> Any:
    """Put numbers that the validator knows in the place of NaN and Infinity, which a float field takes, too."""
    if isinstance(value, float) and value - value != 0:
        return 0.5
    if isinstance(value, list):
        return [_judged(item) for item in value]
    return {key: _judged(member) for key, member in value.items()} if isinstance(value, dict) else value


def verdict(read: Reader, entry: Mapping[str, Any]) -> tuple[str, Any]:
    """Say whether one reply was read right, and what was read."""
    validator = jsonschema_rs.validator_for(entry["schema"])
    try:
        values = [value for value in read(entry["text"]) if validator.is_valid(_judged(value))]
    except (ValueError, RecursionError):
        values = []
    different = [value for number, value in enumerate(values) if value not in values[:number]]
    got = different[0] if len(different) == 1 else None
    if got == entry["expect"]:
        return RIGHT, got
    return (NONE if got is None else WRONG), got


def corpus(made: Mapping[str, Reader], show: str) -> tuple[Table, Table]:
    """The verdicts, and those by kind; prints what one contender has not read right."""
    entries = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    counts: Counter[tuple[str, str, str]] = Counter()
    for entry in entries:
        for name, read in made.items():
            said, got = verdict(read, entry)
            counts[entry["kind"], name, said] += 1
            counts["there" if entry["expect"] is not None else "not there", name, said] += 1
            if name == show and said != RIGHT:
                print(f"{said}: {entry['id']} {entry['text']!r}\n    read {got!r}, not {entry['expect']!r}")
    return _verdicts(made, counts), _by_kind(made, counts, Counter(entry["kind"] for entry in entries))


def _verdicts(made: Mapping[str, Reader], counts: Counter[tuple[str, str, str]]) -> Table:
    there, missing = (sum(counts[part, OURS, said] for said in (RIGHT, NONE, WRONG)) for part in ("there", "not there"))
    rows: dict[str, list[Cell]] = {
        name: [
            counts["there", name, RIGHT],
            counts["there", name, NONE],
            counts["there", name, WRONG],
            counts["not there", name, WRONG],
        ]
        for name in made
    }
    columns = (
        Column(name=f"of {there} that say it: right", form=",.0f", better="more"),
        Column(name="nothing read", form=",.0f", better="less"),
        Column(name="silently wrong", form=",.0f", better="less"),
        Column(name=f"of {missing} that do not say it: taken", form=",.0f", better="less"),
    )
    return _table("Broken replies as models write them", columns, rows)


def _by_kind(made: Mapping[str, Reader], counts: Counter[tuple[str, str, str]], kinds: Counter[str]) -> Table:
    rows: dict[str, list[Cell]] = {
        kind: [number, *("/".join(str(counts[kind, name, said]) for said in (RIGHT, NONE, WRONG)) for name in made)]
        for kind, number in kinds.items()
    }
    columns = (Column(name="replies", form=",.0f"), *(Column(name=name) for name in made))
    return Table(title="The same by kind: right/none/wrong", columns=columns, rows=rows, ours=(), of="kind", bars="")


# ------------------------------------------------------------------------------------ hostile texts


def _times(unit: str, *, before: str = "", after: str = "") -> str:
    return before + unit * (SIZE // len(unit)) + after


def _encoded() -> str:
    text = json.dumps([{"a": 1}] * 9000)
    for _ in range(3):
        text = json.dumps(text)
    return text[:SIZE]


RECORD = {"id": 12345, "name": "Ann Lee, of Berlin", "tags": ["a", "bb"], "total": 12.5, "ok": True, "note": None}
HOSTILE: Mapping[str, Callable[[], str]] = {
    "{": lambda: _times("{"),
    "[": lambda: _times("["),
    '{"a":': lambda: _times('{"a":'),
    "[1,": lambda: _times("[1,"),
    "backslashes": lambda: _times("\\"),
    '"': lambda: _times('"'),
    "'": lambda: _times("'"),
    "`": lambda: _times("`"),
    "/*": lambda: _times("/*"),
    "<think>": lambda: _times("<think>"),
    "commas": lambda: _times(", "),
    '{" over and over': lambda: _times('{"'),
    "escaped quotes": lambda: _times('{\\"'),
    "[x]": lambda: _times("[x]"),
    "+1, in a list": lambda: _times("+1,", before="[", after="]"),
    "inner quotes": lambda: _times(' "a" ', before='["', after='"]'),
    "\\d in a string": lambda: _times("\\d", before='["', after='"]'),
    "encoded thrice": _encoded,
    "records, trailing comma": lambda: json.dumps([RECORD] * (SIZE // 115))[:-1] + ",]",
    "records, Python's repr": lambda: repr([RECORD] * (SIZE // 115)),
}


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one reader took for one text: the median CPU seconds, or None where it did not end; and how it ended."""

    seconds: float | None
    ended: str = ""


def _timed(read: Reader, text: str, answer: Connection) -> None:
    for _ in range(RUNS):
        started, ended = time.process_time(), ""
        try:
            read(text)
        except RecursionError:
            ended = "RecursionError"
        except ValueError:
            pass
        answer.send((time.process_time() - started, ended))


def _taken(read: Reader, text: str, limit: float) -> Taken:
    """Run one in a process of its own, as often as there is time; what has not ended once within the limit is late."""
    fork = multiprocessing.get_context("fork")
    received, answer = fork.Pipe(duplex=False)
    process = fork.Process(target=_timed, args=(read, text, answer))
    process.start()
    answer.close()
    told: list[tuple[float, str]] = []
    until, died = time.monotonic() + limit, False
    try:
        while len(told) < RUNS and received.poll(max(0.0, until - time.monotonic())):
            told.append(received.recv())
    except EOFError:
        died = not told
    process.kill()
    process.join()
    if not told:
        return Taken(seconds=None, ended="died" if died else f"> {limit:g} s")
    return Taken(seconds=statistics.median(seconds for seconds, _ in told), ended=told[0][1])


def hostile(made: Mapping[str, Reader], limit: float) -> tuple[Table, Table]:
    """The CPU seconds of each, in all and for each text."""
    taken: dict[str, dict[str, Taken]] = {}
    for (name, make), order in zip(HOSTILE.items(), orders(made, len(HOSTILE)), strict=True):
        text = make()
        measured = {reader: _taken(made[reader], text, limit) for reader in order}
        taken[name] = {reader: measured[reader] for reader in made}
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    columns = (
        Column(name="most CPU s", better="less"),
        Column(name=f"no end within {limit:g} s", form=",.0f", better="less"),
        Column(name="RecursionError, or died", form=",.0f", better="less"),
    )
    sums = _table(f"{len(HOSTILE)} hostile texts of 1 MB", columns, {name: _summed(name, taken) for name in made})
    rows: dict[str, list[Cell]] = {name: [_cell(each) for each in of.values()] for name, of in taken.items()}
    by_text = Table(
        title="The same by text, CPU s",
        columns=tuple(Column(name=name) for name in made),
        rows=rows,
        ours=(),
        of="1 MB of",
        bars="",
    )
    return sums, by_text


def _summed(name: str, taken: Mapping[str, Mapping[str, Taken]]) -> list[Cell]:
    each = [of[name] for of in taken.values()]
    late = [one.ended for one in each if one.ended.startswith(">")]
    broke = sum(bool(one.ended) for one in each) - len(late)
    most = late[0] if late else max((one.seconds for one in each if one.seconds is not None), default=None)
    return [most, len(late), broke]


def _cell(taken: Taken) -> Cell:
    if taken.seconds is None:
        return taken.ended
    return f"{taken.seconds:.2f} {taken.ended}" if taken.ended else taken.seconds


NOTES = (
    "No library is asked here: what it does with the text of a reply is called by itself, and the same validator holds "
    "the outcome against the schema. `json.loads` is the floor: nothing is mended.",
    "instructor is in its mode for Markdown, the others have one way. LangChain is in its `json_mode`: with its "
    "`json_schema` the OpenAI SDK reads, like in its own row.",
    "Without trustcall, which takes the arguments of a tool call as LangChain gives them, and langextract, whose "
    "reader takes lists of extractions only.",
    "Nothing read means that the model is asked again, which costs a request; silently wrong is noticed by nobody.",
    "A hostile text is nothing to be read: who gives up at its first fault is soonest done, and each that is done "
    "within a second or two is safe.",
    "The corpus was written beside our own reader, which is tested with it: one that others wrote would be kinder "
    "to them.",
)


def main() -> None:
    """Measure, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=["corpus", "hostile"], help="one of the two parts")
    parser.add_argument("--show", default="", metavar="CONTENDER", help="print what this one has not read right")
    parser.add_argument("--seconds", type=float, default=2, help="when a hostile text is stopped")
    options(parser)
    arguments = parser.parse_args()
    started = time.perf_counter()
    made = _made()
    tables: list[Table] = []
    if arguments.only != "hostile":
        tables += corpus(made, arguments.show)
    if arguments.only != "corpus":
        tables += hostile(made, arguments.seconds)
    packages = [CONTENDERS[name][0] for name in made]
    report = Report(
        name="mending",
        question="Which damaged replies can be read, and what do hostile ones cost?",
        command=command(),
        environment=machine(),
        versions={package: metadata.version(package) for package in packages},
        tables=tuple(tables),
        notes=NOTES,
        seconds=time.perf_counter() - started,
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
