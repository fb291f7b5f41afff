"""What corrections bring: the same documents asked for before anybody has corrected any, and after.

    python benchmarks/corrections.py --data DIR [--documents 6] [--corrections 20] [--nearest 3] [--kinds NAME …]
        [--cache PATH] [--into FOLDER]
    python benchmarks/corrections.py --data DIR --curve

DIR is that of accuracy.py: the folder `extraction` with one file of documents (JSON lines: id, text, gold, perhaps
alt) for each kind, `models.py` with a pydantic model for each, and `score.py` with the scorer. Of each kind the first
documents are asked for; those after them are entered into a job, with their gold as what a person says of them. The
model is the embedded one, 400 tokens a reply and two re-asks at the most.

Gives for each number of corrections: macro F1 and its difference to none, with the middle 95 % of 2,000 draws of the
documents of each kind (the same for both), the share that conformed, requests, prompt tokens and seconds a document;
and F1 for each kind. With --curve for 0, 1, 2, 5, 10 and 20 corrections, else for none and for all.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from accuracy import Kind, Record, kinds_in
from loopback import command, isolated, machine
from metered import MODEL, OPTIONS, RETRIES, Meter
from results import Cell, Column, Plot, Report, Series, Table, options, publish

from extractor import Cache, ExtractionFailed, Extractor, Input, Job, local
from extractor.examples.nearest import Examples

CURVE = (0, 1, 2, 5, 10, 20)
DRAWS = 2_000
SEED = 7


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came with so many corrections: for each kind and document what matched, and what it cost in all."""

    corrections: int
    scores: Mapping[str, Sequence[tuple[float, int, int]]]
    conforming: int
    meter: Meter
    seconds: float


def corrected(kind: Kind, corrections: Sequence[Record], folder: Path) -> Path:
    """A job in which a person has entered the right values."""
    path = folder / f"{kind.name}-{len(corrections)}.db"
    with Job(path) as job:
        job.enter(kind.model, [Input(name=each["id"], document=each["text"]) for each in corrections])
        for each in corrections:
            job.correct(each["id"], each["gold"], target=kind.model)
    return path


def asked(kinds: Sequence[Kind], count: int, nearest: int, folder: Path, score: Any, cache: Path | None) -> Asked:
    """Ask for the documents of each kind, with so many corrections there."""
    meter, scores, conforming = Meter(), {}, 0
    kept: Mapping[str, Any] = {"cache": Cache(cache)} if cache else {}
    started = time.perf_counter()
    with Extractor(f"local/{MODEL}", http_client=meter.client(), max_retries=RETRIES, **OPTIONS, **kept) as client:
        for kind in kinds:
            others = kind.documents[kind.last : kind.last + count]
            own: dict[str, Any] = (
                {"examples": Examples(corrected(kind, others, folder), nearest=nearest)} if others else {}
            )
            found = []
            for document in kind.documents[kind.first : kind.last]:
                try:
                    value = client.extract(kind.model, document["text"], **own).model_dump(mode="json")
                    conforming += 1
                except ExtractionFailed:
                    value = {}
                gold = document["gold"]
                matched = score.match(gold, value, False, document.get("alt", {}))
                found.append((matched, score.size(value), score.size(gold)))
            scores[kind.name] = found
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Asked(
        corrections=count, scores=scores, conforming=conforming, meter=meter, seconds=time.perf_counter() - started
    )


def f1(rows: Sequence[tuple[float, int, int]]) -> float:
    """Of all documents of a kind together, as the scorer has it."""
    matched, predicted, gold = map(sum, zip(*rows, strict=True))
    return 2 * matched / (predicted + gold) if predicted + gold else 1.0


def macro(scores: Mapping[str, Sequence[tuple[float, int, int]]]) -> float:
    """The mean over the kinds."""
    return sum(map(f1, scores.values())) / len(scores)


def interval(before: Asked, after: Asked) -> tuple[float, float]:
    """Where the difference of the two is in the middle 95 % of the draws."""
    draw, found = random.Random(SEED), []
    for _ in range(DRAWS):
        picks = {name: draw.choices(range(len(rows)), k=len(rows)) for name, rows in before.scores.items()}
        both = [
            macro({name: [each.scores[name][pick] for pick in picks[name]] for name in picks})
            for each in (before, after)
        ]
        found.append(both[1] - both[0])
    found.sort()
    return found[DRAWS * 25 // 1_000], found[DRAWS * 975 // 1_000]


COLUMNS = (
    Column(name="F1", form=".3f", better="more"),
    Column(name="more than with none", form="+.3f"),
    Column(name="95 % of draws from", form="+.3f"),
    Column(name="to", form="+.3f"),
    Column(name="conforming, %", form=".0f", better="more"),
    Column(name="requests", better="less"),
    Column(name="prompt tokens", form=",.0f", better="less"),
    Column(name="seconds", form=".1f", better="less"),
)


def row(before: Asked, each: Asked) -> list[Cell]:
    """A row of the table; costs are for each document."""
    count = sum(map(len, each.scores.values()))
    change: list[Cell] = [None, None, None]
    if each is not before:
        change = [macro(each.scores) - macro(before.scores), *interval(before, each)]
    costs = [each.meter.requests / count, each.meter.prompt / count, each.seconds / count]
    return [macro(each.scores), *change, 100 * each.conforming / count, *costs]


def named(each: Asked) -> str:
    """A row's name."""
    return f"extractor: {each.corrections or 'no'} corrections"


def report(found: Sequence[Asked], kinds: Sequence[Kind], started: float) -> Report:
    """What came with each number of corrections."""
    rows = {named(each): row(found[0], each) for each in found}
    of_kinds = {named(each): [f1(its) for its in each.scores.values()] for each in found}
    columns = tuple(Column(name=kind.name, form=".2f", better="more") for kind in kinds)
    documents = sum(map(len, found[0].scores.values()))
    x = tuple(float(each.corrections) for each in found)
    line = Series(name="extractor", x=x, y=tuple(macro(each.scores) for each in found))
    plot = Plot(title="F1 by corrections of a kind", x="corrections of each kind", y="macro F1", series=(line,))
    return Report(
        name="corrections",
        question="What do corrections bring?",
        command=command(),
        environment=machine(),
        versions={"extractor": metadata.version("extractor"), "xllamacpp": metadata.version("xllamacpp")},
        tables=(
            Table(
                title=f"{documents} documents, before and after", columns=COLUMNS, rows=rows, ours=tuple(rows), of=""
            ),
            Table(title="F1 by kind of document", columns=columns, rows=of_kinds, ours=tuple(rows), of=""),
        ),
        plots=(plot,) if len(found) > 2 else (),
        notes=NOTES,
        seconds=time.perf_counter() - started,
        data={named(each): dict(each.scores) for each in found},
    )


NOTES = (
    "The model is the embedded one, with 135 million parameters. What people corrected in other documents of the kind "
    "is shown to it as examples, for each document the few that are most like it.",
    "The difference in F1 is given with the middle 95 % of 2,000 draws of the documents of each kind.",
    "No other library takes part: none of them makes examples of what people correct.",
)


def main() -> None:
    """Ask before and after, and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--documents", type=int, default=6, help="of each kind that are asked for")
    parser.add_argument("--corrections", type=int, default=20, help="of each kind at the most")
    parser.add_argument("--nearest", type=int, default=3, help="examples for a document")
    parser.add_argument("--kinds", nargs="+", help="these alone")
    parser.add_argument("--curve", action="store_true", help="also with fewer corrections")
    parser.add_argument("--cache", type=Path, help="where replies are kept")
    options(parser)
    given = parser.parse_args()
    isolated()
    started = time.perf_counter()
    folder = given.data / "extraction"
    sys.path.insert(0, str(folder))
    kinds = kinds_in(folder, 0, given.documents, given.kinds)
    score = importlib.import_module("score")
    local.start(MODEL)
    counts = CURVE if given.curve else (0, given.corrections)
    found: list[Asked] = []
    with tempfile.TemporaryDirectory() as jobs:
        for count in counts:
            found.append(asked(kinds, count, given.nearest, Path(jobs), score, given.cache))
            said = f"{named(found[-1])}: F1 {macro(found[-1].scores):.3f}"
            print(said, file=sys.stderr, flush=True)  # each is minutes of work
    publish(report(found, kinds, started), given)


if __name__ == "__main__":
    main()
