"""What an adaptation costs: the first one, one from the cache, a thousand wild schemas, and hostile ones.

    python benchmarks/schema_speed.py [--data DIR]

Prints
  - the first adaptation of a model of 60 fields on three levels, beside `model_json_schema()` of the same model, each
    time with new classes; medians in ms and their ratio, for which 2 is the aim;
  - a hit of the cache in µs, for which 5 is the aim;
  - with --data: the seconds that 1,000 schemas of DIR/schemas/jsb.jsonl.gz take, for each dialect;
  - hostile inputs, each of which must end within a second, in a result or a SchemaError: seconds, and what came out.
Ends with exit code 1 where one did not.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel, create_model

import extractor
from extractor.errors import SchemaError
from extractor.schema.dialects import DIALECTS

ROUNDS = 31
HITS = 100_000
SCHEMAS = 1_000
SECONDS = 1.0  # for a hostile input
PATIENCE = 10  # seconds after which it is not waited for any longer
DEEP = 10_000  # ten times what Python's stack holds

Schema = dict[str, Any]

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


def milliseconds(call: Callable[[type[BaseModel]], object]) -> float:
    """The CPU time of a call on a new model: that of other processes does not count."""
    model = fresh_model()
    started = time.process_time()
    call(model)
    return (time.process_time() - started) * 1_000


def model_costs() -> None:
    """Print the first adaptation, and a hit of the cache."""
    extractor.adapt(fresh_model())  # what is loaded at the first use is another question
    # Both in turns: the machine may become slower meanwhile.
    pairs = [
        (milliseconds(extractor.adapt), milliseconds(lambda model: model.model_json_schema())) for _ in range(ROUNDS)
    ]
    first, schema = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"first adaptation {first:.2f} ms, model_json_schema() {schema:.2f} ms: {first / schema:.2f} times (aim ≤ 2)")
    model = fresh_model()
    extractor.adapt(model)
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(HITS):
            extractor.adapt(model)
        taken.append(time.perf_counter() - started)
    print(f"from the cache {min(taken) / HITS * 1e6:.2f} µs (aim < 5)")


# -------------------------------------------------------------------------------------------- wild schemas


def wild(path: Path) -> list[Schema]:
    """The first schemas of a corpus."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["schema"] for line in itertools.islice(lines, SCHEMAS)]


def corpus_costs(path: Path) -> None:
    """Print what a thousand schemas take in each dialect."""
    schemas = wild(path)
    for dialect in DIALECTS:
        refused, started = 0, time.perf_counter()
        for schema in schemas:
            try:
                extractor.adapt(schema, dialect=dialect)
            except SchemaError:
                refused += 1
        print(f"{len(schemas):,} schemas, {dialect:12} {time.perf_counter() - started:6.2f} s, {refused} refused")


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
    """How long one takes, what comes out, and whether that is fine."""
    signal.signal(signal.SIGALRM, impatient)
    signal.alarm(PATIENCE)
    started = time.perf_counter()
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
    taken = time.perf_counter() - started
    return taken, said, fine and taken <= SECONDS


def worst(make: Callable[[], Any]) -> tuple[float, str, bool, str]:
    """The outcome of the dialect that does worst: one that fails before one that takes long."""
    found = [(*outcome(make(), dialect), dialect) for dialect in ("openai", "gemini", "llama.cpp")]
    return max(found, key=lambda it: (not it[2], it[0]))


def hostile_costs() -> bool:
    """Print what each hostile input costs at its dearest; whether all are fine."""
    all_fine = True
    for name, make in HOSTILE.items():
        taken, said, fine, dialect = worst(make)
        all_fine = all_fine and fine
        print(f"{'ok' if fine else 'NOT':4}{taken:7.3f} s  {name:42}{dialect:11}{said}", flush=True)
    return all_fine


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    model_costs()
    if given.data is not None:
        corpus_costs(given.data / "schemas" / "jsb.jsonl.gz")
    sys.exit(0 if hostile_costs() else 1)


if __name__ == "__main__":
    main()
