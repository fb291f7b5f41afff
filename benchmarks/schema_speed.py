"""What an adaptation costs: the first one, one from the cache, a thousand wild schemas, and hostile ones.

    python benchmarks/schema_speed.py [--data DIR] [--rounds 31] [--schemas 1000] [--into FOLDER]

Measures
  - the first adaptation of a model of 60 fields on three levels to OpenAI's strict form, here and by others, beside
    `model_json_schema()` of the same model, each time with new classes: the aim is 2 times that; and the same again
    for a model that is known already, for which the aim is 5 µs;
  - with --data: the seconds that the first schemas of DIR/schemas/jsb.jsonl.gz take, for each dialect;
  - hostile inputs, each of which must end within a second, in a result or a SchemaError: seconds, and what came out.
Ends with exit code 1 where one did not.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import itertools
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from loopback import command, machine, orders, ratio
from pydantic import BaseModel, create_model
from results import Cell, Column, Report, Table, options, publish

import extractor
from extractor.errors import SchemaError
from extractor.schema.dialects import DIALECTS

OURS, FLOOR = "extractor", "pydantic alone"
LONG_ENOUGH = 0.1  # seconds, for what one call is too short to be measured
SECONDS = 1.0  # for a hostile input
PATIENCE = 10  # seconds after which it is not waited for any longer
DEEP = 10_000  # ten times what Python's stack holds

Schema = dict[str, Any]
Convert: TypeAlias = "Callable[[type[BaseModel]], object]"

# ----------------------------------------------------------------------------------------------- a model

PLAIN: tuple[tuple[Any, Any], ...] = ((str, ...), (int, ...), (float | None, None), (list[str], ...), (bool, False))
_numbers = itertools.count()


def fresh_model() -> type[BaseModel]:
    """A model of 60 fields on three levels that nobody has seen before: 19 fields and an inner one, twice; then 20."""

    def level(name: str, count: int, **inner: Any) -> type[BaseModel]:
        fields: dict[str, Any] = {f"{name}_{number}": PLAIN[number % len(PLAIN)] for number in range(count)}
        made: type[BaseModel] = create_model(f"{name.title()}{next(_numbers)}", **fields, **inner)
        return made

    third = level("third", 20)
    second = level("second", 19, inner=(list[third], ...))  # type: ignore[valid-type]
    return level("first", 19, inner=(second, ...))


def _sdk() -> Convert:
    converted: Convert = importlib.import_module("openai.lib._pydantic").to_strict_json_schema
    return converted


def _langchain() -> Convert:
    converted = importlib.import_module("langchain_core.utils.function_calling").convert_to_openai_function
    return lambda model: converted(model, strict=True)


def _pydantic_ai() -> Convert:
    transformer = importlib.import_module("pydantic_ai.profiles.openai").OpenAIJsonSchemaTransformer
    return lambda model: transformer(model.model_json_schema(), strict=True).walk()


CONVERTERS: Mapping[str, tuple[str, Callable[[], Convert]]] = {
    OURS: ("extractor", lambda: lambda model: extractor.adapt(model, dialect="openai")),
    "OpenAI SDK": ("openai", _sdk),
    "LangChain": ("langchain-core", _langchain),
    "pydantic-ai": ("pydantic-ai-slim", _pydantic_ai),
    FLOOR: ("pydantic", lambda: lambda model: model.model_json_schema()),
}


def installed() -> dict[str, Convert]:
    """The converters that are there."""
    found = {}
    for name, (_, load) in CONVERTERS.items():
        try:
            found[name] = load()
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return found


def milliseconds(convert: Convert) -> float:
    """The CPU time of a conversion of a new model: that of other processes does not count."""
    model = fresh_model()
    started = time.process_time()
    convert(model)
    return (time.process_time() - started) * 1_000


def again(convert: Convert) -> float:
    """The least CPU time in µs of a conversion of a model that is known already."""
    model = fresh_model()
    convert(model)
    calls = 1
    while True:
        started = time.process_time()
        for _ in range(calls):
            convert(model)
        taken = time.process_time() - started
        if taken > LONG_ENOUGH:
            break
        calls *= 4
    return taken / calls * 1e6


def model_costs(rounds: int) -> tuple[Table, dict[str, list[float]]]:
    """The first adaptation and one of what is known; and the first ones of all rounds, in ms."""
    converters = installed()
    for convert in converters.values():
        convert(fresh_model())  # what is loaded at the first use is another question
    firsts: dict[str, list[float]] = {name: [] for name in converters}
    for order in orders(converters, rounds):
        for name in order:
            firsts[name].append(milliseconds(converters[name]))
    rows = {
        name: [
            statistics.median(each),
            ratio(each, firsts[FLOOR]),
            min(again(converters[name]) for _ in range(3)),
        ]
        for name, each in firsts.items()
    }
    columns = (
        Column(name="first, CPU ms", better="less"),
        Column(name="times `model_json_schema()`", better="less"),
        Column(name="again, CPU µs", form=",.1f", better="less"),
    )
    title = "A model of 60 fields on three levels, to OpenAI's strict form"
    return Table(title=title, columns=columns, rows=rows, ours=(OURS,), floors=(FLOOR,)), firsts


# -------------------------------------------------------------------------------------------- wild schemas


def wild(path: Path, count: int) -> list[Schema]:
    """The first schemas of a corpus."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["schema"] for line in itertools.islice(lines, count)]


def corpus_costs(path: Path, count: int) -> Table:
    """What many schemas take in each dialect."""
    schemas, rows = wild(path, count), {}
    for dialect in DIALECTS:
        refused, started = 0, time.process_time()
        for schema in schemas:
            try:
                extractor.adapt(schema, dialect=dialect)
            except SchemaError:
                refused += 1
        taken = time.process_time() - started
        rows[dialect] = [taken, taken / len(schemas) * 1_000, refused]
    columns = (
        Column(name="CPU s"),
        Column(name="ms for each"),
        Column(name="refused", form=",.0f"),
    )
    return Table(
        title=f"{len(schemas):,} schemas from the wild", columns=columns, rows=rows, ours=(), of="dialect", bars=""
    )


# ----------------------------------------------------------------------------------------- hostile schemas


def record(**properties: Any) -> Schema:
    """An object with these properties, all required."""
    return {"type": "object", "properties": properties, "required": [*properties]}


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def nested(wrap: Callable[[Schema], Schema], levels: int = DEEP) -> Schema:
    """A schema put into others like it."""
    schema: Schema = {"type": "string"}
    for _ in range(levels):
        schema = wrap(schema)
    return schema


def chain(levels: int, link: Callable[[Schema], Schema]) -> Schema:
    """Definitions that each refer to the next, by way of `link`."""
    definitions = {f"d{number}": link(ref(f"d{number + 1}")) for number in range(levels)}
    return {**record(a=ref("d0")), "$defs": {**definitions, f"d{levels}": {"type": "string"}}}


def large(size: int = 5_000_000) -> Schema:
    """A schema of so many bytes."""
    one = {"type": ["string", "null"], "description": "x" * 60, "pattern": "^[a-z]+$", "maxLength": 40}
    each = len(json.dumps({"property_00000": one}))
    return record(**{f"property_{number:05}": dict(one) for number in range(size // each)})


def circle(*names: str, link: Callable[[Schema], Schema]) -> Schema:
    """Definitions that refer to each other in a circle."""
    definitions = {name: link(ref(following)) for name, following in zip(names, (*names[1:], names[0]), strict=True)}
    return {**record(a=ref(names[0])), "$defs": definitions}


def patterns(*each: str) -> Schema:
    """Strings with these patterns."""
    return record(**{f"p{number}": {"type": "string", "pattern": pattern} for number, pattern in enumerate(each)})


HOSTILE: Mapping[str, Callable[[], Any]] = {
    "objects, 10,000 deep": lambda: nested(lambda inner: record(a=inner)),
    "arrays, 10,000 deep": lambda: nested(lambda inner: {"type": "array", "items": inner}),
    "anyOf, 10,000 deep": lambda: nested(lambda inner: {"anyOf": [inner, {"type": "null"}]}),
    "allOf, 10,000 deep": lambda: nested(lambda inner: {"allOf": [inner]}),
    "not, 10,000 deep": lambda: nested(lambda inner: {"not": inner}),
    "a value, 10,000 deep": lambda: {"type": "object", "default": nested(lambda inner: {"a": inner})},
    "10,000 definitions in a chain": lambda: chain(DEEP, lambda following: record(a=following)),
    "10,000 references in a chain": lambda: chain(DEEP, lambda following: following),
    "5 MB": large,
    "a → b → a, bare references": lambda: circle("a", "b", link=lambda following: following),
    "a → b → a, properties": lambda: circle("a", "b", link=lambda following: record(next=following)),
    "a → b → a, allOf": lambda: circle("a", "b", link=lambda following: {"allOf": [following, record(x={})]}),
    "a → b → a, anyOf": lambda: circle("a", "b", link=lambda following: {"anyOf": [following, {"type": "null"}]}),
    "a root that is itself": lambda: {"$ref": "#"},
    "a root that is in itself": lambda: {**record(a={"$ref": "#"}), "minProperties": 1},
    "a root that demands itself": lambda: {"allOf": [{"$ref": "#"}], "type": "object"},
    "40 definitions, each with the next twice": lambda: chain(40, lambda following: record(a=following, b=following)),
    "40 definitions, twice in allOf": lambda: chain(40, lambda following: {"allOf": [following, following]}),
    "40 definitions, twice in anyOf": lambda: chain(40, lambda following: {"anyOf": [following, following]}),
    "40 definitions, twice beside words": lambda: chain(
        40, lambda following: record(a={**following, "title": "A"}, b={**following, "minLength": 1})
    ),
    "40 definitions, twice in not": lambda: chain(40, lambda following: {"not": {"anyOf": [following, following]}}),
    "twelve unions of four beside each other": lambda: {
        "allOf": [{"anyOf": [record(**{f"p{number}_{each}": {}}) for each in range(4)]} for number in range(12)]
    },
    "patterns that backtrack": lambda: patterns(
        "(a+)+$", "^(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "^(a?){40}a{40}$"
    ),
    "a pattern of 500 groups in each other": lambda: patterns("(" * 500 + "a" + ")*" * 500),
    "a pattern of 250,000 states": lambda: patterns("^(a{1,500}){1,500}$"),
    "an enum of 200,000": lambda: record(a={"enum": [f"value {number}" for number in range(200_000)]}),
}


class Impatient(BaseException):
    """Raised into a call that takes too long; no `except Exception` stops it."""


def impatient(number: int, frame: FrameType | None) -> None:
    """Handle the alarm."""
    raise Impatient


def outcome(schema: Any, dialect: str) -> tuple[float, str, bool]:
    """How long one takes (CPU: others do not count), what comes out, and whether that is fine."""
    signal.signal(signal.SIGALRM, impatient)
    signal.alarm(PATIENCE)
    started = time.process_time()
    try:
        adapted = extractor.adapt(schema, dialect=dialect)
    except Impatient:
        said, fine = "given up", False
    except SchemaError as error:
        said, fine = f"SchemaError: {error.message[:70]}", True
    except Exception as error:  # noqa: BLE001  # that is what is looked for
        said, fine = f"{type(error).__name__}: {str(error)[:70]}", False
    else:
        said, fine = "strict" if adapted.strict else "not strict", True
    finally:
        signal.alarm(0)
    taken = time.process_time() - started
    return taken, said, fine and taken <= SECONDS


def worst(make: Callable[[], Any]) -> tuple[float, str, bool, str]:
    """The outcome of the dialect that does worst: one that fails before one that takes long."""
    found = [(*outcome(make(), dialect), dialect) for dialect in ("openai", "gemini", "llama.cpp")]
    return max(found, key=lambda it: (not it[2], it[0]))


def hostile_costs() -> tuple[Table, list[str]]:
    """What each hostile input costs at its dearest, and what comes out; those that are not fine."""
    rows: dict[str, list[Cell]] = {}
    wrong = []
    for name, make in HOSTILE.items():
        taken, said, fine, dialect = worst(make)
        wrong += [] if fine else [f"{name} ({taken:.1f} s: {said})"]
        rows[name] = [taken, dialect, said if fine else f"NOT FINE: {said}"]
    columns = (Column(name="CPU s", form=".3f"), Column(name="in dialect"), Column(name="what comes out"))
    title = "Hostile schemas, each in the dialect that takes longest"
    return Table(title=title, columns=columns, rows=rows, ours=(), of="schema", bars=""), wrong


def main() -> None:
    """Measure, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--schemas", type=int, default=1_000, help="of the wild ones")
    options(parser)
    given = parser.parse_args()
    started = time.perf_counter()
    models, firsts = model_costs(given.rounds)
    wilds = [] if given.data is None else [corpus_costs(given.data / "schemas" / "jsb.jsonl.gz", given.schemas)]
    hostile, wrong = hostile_costs()
    report = Report(
        name="schema_speed",
        question="What does the conversion of a schema cost?",
        command=command(),
        environment=machine(),
        versions={CONVERTERS[name][0]: metadata.version(CONVERTERS[name][0]) for name in models.rows},
        tables=(models, *wilds, hostile),
        notes=NOTES,
        seconds=time.perf_counter() - started,
        data={"first, ms": firsts},
    )
    publish(report, given)
    if wrong:
        sys.stdout.flush()
        sys.exit(f"Not fine: {'; '.join(wrong)}")


NOTES = (
    "The first conversion includes pydantic's own `model_json_schema()`, which all of them begin with. The converters "
    "do not do the same: what becomes of schemas with each is the question before this one.",
    "Again is the same model a second time: here it comes from a cache, the others convert it once more.",
    "instructor sends what pydantic gives, or has the OpenAI SDK convert it.",
    "A hostile schema must end within a second, in a result or a `SchemaError`.",
)


if __name__ == "__main__":
    main()
