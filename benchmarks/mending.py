"""How many broken replies are read right, and how many silently wrong, compared to other libraries.

    python benchmarks/mending.py [--only corpus|hostile] [--show CONTENDER] [--seconds 30]

The corpus is `tests/reply/broken.jsonl`: a reply as models write them, the schema of what is wanted, and what a
careful person reads in it, or null where that would be a guess. Every contender reads the reply in its own
way; one and the same validator then holds what it read against the schema. An answer is *right* if it is what
is expected, or nothing where nothing is; *none* if nothing was read though there was something (the model is
asked again, which costs a request); *wrong* if a value that fits the schema is another than expected (nobody
notices). Other libraries take part where they are installed.

Then the CPU seconds of each for texts of 1 MB that are meant to be hard, every one in a process of its own,
which is stopped after `--seconds`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema_rs
from loopback import environment, table
from pydantic_core import from_json

from extractor.reply.repair import mended

Reader: TypeAlias = "Callable[[str], list[Any]]"
"""A text → the values read in it; a `ValueError` where there is none."""

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "reply" / "broken.jsonl"
SIZE = 1_000_000
RIGHT, NONE, WRONG = "right", "none", "wrong"

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


CONTENDERS: Mapping[str, Callable[[], Reader]] = {
    "extractor": extractor,
    "json.loads": plain,
    "json-repair": json_repair,
    "instructor": instructor,
    "pydantic-ai": pydantic_ai,
}


def _made() -> dict[str, Reader]:
    made = {}
    for name, make in CONTENDERS.items():
        try:
            made[name] = make()
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return made


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


def corpus(made: Mapping[str, Reader], show: str) -> str:
    """Make the table of verdicts by kind, and print what one contender has not read right."""
    entries = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    counts: Counter[tuple[str, str, str]] = Counter()
    for entry in entries:
        for name, read in made.items():
            said, got = verdict(read, entry)
            counts[entry["kind"], name, said] += 1
            counts["all", name, said] += 1
            if name == show and said != RIGHT:
                print(f"{said}: {entry['id']} {entry['text']!r}\n    read {got!r}, not {entry['expect']!r}")
    kinds = [*dict.fromkeys(entry["kind"] for entry in entries), "all"]
    header = ["right/none/wrong", "n", *made]
    rows = []
    for kind in kinds:
        number = sum(counts[kind, "json.loads", said] for said in (RIGHT, NONE, WRONG))
        cells = ["/".join(str(counts[kind, name, said]) for said in (RIGHT, NONE, WRONG)) for name in made]
        rows.append([kind, str(number), *cells])
    return table(header, rows)


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


def _timed(read: Reader, text: str, answer: Connection) -> None:
    started = time.process_time()
    try:
        read(text)
        said = ""
    except (ValueError, RecursionError) as error:
        said = " RecursionError" if isinstance(error, RecursionError) else ""
    answer.send(f"{time.process_time() - started:.2f}{said}")


def _seconds(read: Reader, text: str, limit: float) -> str:
    fork = multiprocessing.get_context("fork")
    received, answer = fork.Pipe(duplex=False)
    process = fork.Process(target=_timed, args=(read, text, answer))
    process.start()
    answer.close()
    try:
        said: str = received.recv() if received.poll(limit) else f"> {limit:.0f}"
    except EOFError:
        said = "died"
    process.kill()
    process.join()
    return said


def hostile(made: Mapping[str, Reader], limit: float) -> str:
    """Make the table of CPU seconds, the error's name beside them where it is no ordinary one."""
    rows = []
    for name, make in HOSTILE.items():
        text = make()
        rows.append([name, *(_seconds(read, text, limit) for read in made.values())])
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return table(["1 MB of (seconds)", *made], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=["corpus", "hostile"], help="one of the two tables")
    parser.add_argument("--show", default="", metavar="CONTENDER", help="print what this one has not read right")
    parser.add_argument("--seconds", type=float, default=30, help="when a hostile text is stopped")
    arguments = parser.parse_args()
    made = _made()
    repair = f", json-repair {metadata.version('json-repair')}" if "json-repair" in made else ""
    print(f"{environment()}{repair}\n")
    if arguments.only != "hostile":
        print(corpus(made, arguments.show) + "\n")
    if arguments.only != "corpus":
        print(hostile(made, arguments.seconds))


if __name__ == "__main__":
    main()
