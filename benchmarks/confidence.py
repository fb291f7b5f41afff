"""Whether a confident value is right: how well confidence tells right values from wrong ones, and what it is worth.

    python benchmarks/confidence.py --data DIR [--documents 10] [--skip 0] [--kinds NAME …]
        [--mode MODE] [--replies FILE] [--fit] [--into FOLDER]

DIR has the folder `extraction` with one file of documents (JSON lines: id, text, gold, perhaps alt) for each kind,
`models.py` with a pydantic model for each, and `score.py` with the normal form in which values are compared. The
embedded model is asked once for each document, with 400 tokens at the most; its replies are kept in FILE, and those
that are there are not asked for again (0 documents: only those). Every scalar of the values that conform is held
against the document's record.

Gives the AUC (the probability that a right value has a higher number than a wrong one) of the confidence and of each
signal alone, for all values, for those that are not null, and by kind; and how confidence and the share of right values
lie together, before and after a calibration on every other document, on the documents between. `--fit` prints what a
logistic regression gives for the constants in `extractor/evidence/confidence.py`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from loopback import command, isolated, machine
from pydantic import TypeAdapter
from results import Cell, Column, Plot, Report, Series, Table, options, publish

from extractor import CallerError, ExtractionFailed, Extractor
from extractor.chat.wire import TokenLogprob
from extractor.evidence import confidence as constants
from extractor.evidence.alignment import aligned
from extractor.evidence.calibration import Bin, auc, calibrate, ece, reliability
from extractor.evidence.confidence import confident
from extractor.evidence.field import Field
from extractor.evidence.grounding import ground
from extractor.evidence.logprobs import Tokens, tokens_of
from extractor.evidence.source import source_of
from extractor.schema.pointers import escaped, value_at


@dataclass(frozen=True)
class Told:
    """One document's extraction: what `calibrate` takes, and what the signals are made of."""

    kind: str
    data: Any
    fields: Mapping[str, Field]
    tokens: Mapping[str, Tokens]
    gold: Any
    right: Mapping[str, bool]


# ------------------------------------------------------------------------------ asking


def replies(given: argparse.Namespace, kinds: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reply to each document: from the file, else asked for and added to it."""
    path: Path | None = given.replies
    lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
    known = {(each["kind"], each["id"]): each for each in map(json.loads, lines)}
    wanted = list(_documents(given, kinds))
    missing = [each for each in wanted if (each[0], each[1]["id"]) not in known] if given.documents else []
    if missing:
        settings: dict[str, Any] = {"mode": given.mode} if given.mode else {}
        asker = Extractor("local/smollm2-135m", max_retries=0, logprobs=True, **settings)
        with asker, ThreadPoolExecutor(2) as pool:
            for row in pool.map(lambda each: reply(asker, each[0], kinds[each[0]], each[1]), missing):
                known[row["kind"], row["id"]] = row
                if path:
                    with path.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
    return [{**known[kind, each["id"]], "document": each} for kind, each in wanted if (kind, each["id"]) in known]


def _documents(given: argparse.Namespace, kinds: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """One of each kind, then the next of each."""
    lines = {
        kind: (given.data / "extraction" / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines() for kind in kinds
    }
    last = given.skip + given.documents if given.documents else max(map(len, lines.values()))
    for number in range(given.skip, last):
        yield from ((kind, json.loads(each[number])) for kind, each in lines.items() if number < len(each))


def reply(asker: Extractor, kind: str, model: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    """What one document gave: text, value and tokens."""
    try:
        attempt, conforms = asker.run(model, document["text"], max_completion_tokens=400).attempts[-1], True
    except ExtractionFailed as failed:
        attempt, conforms = failed.attempts[-1], False
    choice = attempt.reply.choices[0]
    tokens = [[each.token, each.logprob, list(each.bytes or ())] for each in choice.logprobs]
    said = {"content": choice.message.content, "data": attempt.value, "tokens": tokens}
    return {"kind": kind, "id": document["id"], "ok": conforms, **said}


def told(row: Mapping[str, Any], model: Any, norm: Callable[[Any], Any]) -> Told:
    """What is known of one reply."""
    document, data = row["document"], row["data"]
    logprobs = [TokenLogprob(token=each[0], logprob=each[1], bytes=tuple(each[2])) for each in row["tokens"]]
    tokens = tokens_of(row["content"], logprobs)
    fields = ground(TypeAdapter(model).json_schema(), data, source_of(document["text"]))
    right = dict(judged("", data, document["gold"], document.get("alt", {}), norm))
    fields = confident(fields, tokens, data=data)
    return Told(row["kind"], data, fields, tokens, document["gold"], right)


def judged(pointer: str, data: Any, gold: Any, alt: Any, norm: Callable[[Any], Any]) -> Iterator[tuple[str, bool]]:
    """Every scalar: whether it is right, in the scorer's normal form."""
    if isinstance(data, dict):
        for key, each in data.items():
            other = gold.get(key) if isinstance(gold, dict) else None
            more = alt.get(key, ()) if isinstance(alt, dict) else ()
            yield from judged(f"{pointer}/{escaped(key)}", each, other, more, norm)
    elif isinstance(data, list):
        theirs = gold if isinstance(gold, list) else []
        for one, other in aligned(data, theirs):
            if one is not None:
                yield from judged(f"{pointer}/{one}", data[one], None if other is None else theirs[other], (), norm)
    else:
        nothing: tuple[Any, ...] = (None, "", [], {})
        accepted = [norm(each) for each in (gold, *alt) if not isinstance(each, (dict, list)) and each not in nothing]
        same = any(each == norm(data) and isinstance(each, bool) is isinstance(norm(data), bool) for each in accepted)
        yield pointer, gold in nothing if data in nothing else same


# ------------------------------------------------------------------------------ measuring

Value = tuple[Told, str]
SIGNALS: Mapping[str, Callable[[Told, str], float]] = {
    "confidence": lambda each, at: each.fields[at].confidence or 0.0,
    "tokens: total": lambda each, at: each.tokens[at].total,
    "tokens: mean": lambda each, at: each.tokens[at].total / each.tokens[at].count,
    "tokens: least": lambda each, at: each.tokens[at].least,
    "tokens: first": lambda each, at: each.tokens[at].first,
    "place alone": lambda each, at: _alone(each)[at].confidence or 0.0,
}


def _alone(each: Told) -> dict[str, Field]:
    return confident(each.fields, data=each.data)


def areas(values: Sequence[Value]) -> Table:
    """The AUC of every signal, for all values and by kind."""
    present = [(each, at) for each, at in values if value_at(each.data, at) not in (None, "")]
    kinds = sorted({each.kind for each, _ in values})
    groups = {"all values": values, "those that are not null": present}
    groups |= {kind: [(each, at) for each, at in present if each.kind == kind] for kind in kinds}
    rows: dict[str, list[Cell]] = {}
    for name, group in groups.items():
        right = [each.right[at] for each, at in group]
        found = [auc([signal(each, at) for each, at in group], right) for signal in SIGNALS.values()]
        rows[name] = [len(group), 100 * sum(right) / max(1, len(right)), *found]
    columns = [Column(name="values", form=",.0f"), Column(name="right, %", form=".0f")]
    columns += [Column(name=name, form=".3f") for name in SIGNALS]
    title = "How often a right value has a higher number than a wrong one (AUC)"
    return Table(title=title, columns=tuple(columns), rows=rows, ours=(), of="values of", bars="")


def calibrated(documents: Sequence[Told]) -> tuple[tuple[Bin, ...], tuple[Bin, ...]]:
    """Bins before and after a calibration on every other document, both on those between."""
    curve = calibrate((each, each.gold) for each in documents[::2])
    values = [
        (each.fields[at].confidence or 0.0, right) for each in documents[1::2] for at, right in each.right.items()
    ]
    right = [each[1] for each in values]
    return (
        reliability([each[0] for each in values], right),
        reliability([curve.apply(each[0]) for each in values], right),
    )


def fitted(values: Sequence[Value]) -> dict[str, float]:
    """What a logistic regression gives for the constants."""
    names = [*(str(each) for each in constants.STANDING), "null", "found", "tokens", "shared"]
    rows = [(_features(each, at, names), each.right[at]) for each, at in values]
    weights = [0.0] * len(names)
    for _ in range(30):
        slope = [0.01 * each for each in weights]
        bend = [[0.01 * (i == j) for j in range(len(names))] for i in range(len(names))]
        for row, right in rows:
            share = 1 / (1 + math.exp(-sum(weights[i] * each for i, each in row.items())))
            for i, one in row.items():
                slope[i] += (share - right) * one
                for j, other in row.items():
                    bend[i][j] += share * (1 - share) * one * other
        weights = [each - step for each, step in zip(weights, solved(bend, slope), strict=True)]
    return dict(zip(names, weights, strict=True))


def _features(each: Told, at: str, names: Sequence[str]) -> dict[int, float]:
    field = each.fields[at]
    null = value_at(each.data, at) in (None, "")
    found = field.status == "inferred" and bool(field.spans)
    row = {"null" if null else "found" if found else str(field.status): 1.0}
    row["tokens"] = -math.log(max(-each.tokens[at].total, constants.CERTAIN))
    row["shared"] = float(at in constants._shared(each.fields))
    return {names.index(name): number for name, number in row.items()}


def solved(matrix: list[list[float]], right: Sequence[float]) -> list[float]:
    """The solution of a system of linear equations (positive definite: no pivots)."""
    rows = [[*row, each] for row, each in zip(matrix, right, strict=True)]
    for i, row in enumerate(rows):
        for other in (each for each in rows if each is not row):
            factor = other[i] / row[i]
            other[:] = [a - factor * b for a, b in zip(other, row, strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


# ------------------------------------------------------------------------------ showing


def reliable(before: Sequence[Bin], after: Sequence[Bin]) -> tuple[Table, Plot]:
    """How confidence and the share of right values lie together: right is the diagonal."""
    both = {"extractor": before, "extractor: calibrated": after}
    columns = (
        Column(name="expected error", form=".3f", better="less"),
        Column(name="values", form=",.0f"),
    )
    rows: dict[str, list[Cell]] = {name: [ece(bins), sum(each.count for each in bins)] for name, bins in both.items()}
    lines = [
        Series(name=name, x=tuple(each.predicted for each in bins), y=tuple(each.observed for each in bins))
        for name, bins in both.items()
    ]
    lines.append(Series(name="as it should be", x=(0.0, 1.0), y=(0.0, 1.0)))
    title = "Expected error of the confidence, on documents that it was not calibrated on"
    return (
        Table(title=title, columns=columns, rows=rows, ours=tuple(rows), of="", bars=""),
        Plot(title="Confidence and the share that is right", x="confidence", y="right", series=tuple(lines)),
    )


def report(asked: Sequence[Any], documents: Sequence[Told], values: Sequence[Value], started: float) -> Report:
    """What is known of the confidence."""
    try:
        before, after = calibrated(documents)
        reliability_of = [reliable(before, after)]
    except CallerError as error:
        before, after, reliability_of = (), (), []
        print(error, file=sys.stderr)  # too few values
    return Report(
        name="confidence",
        question="Is a confident value right?",
        command=command(),
        environment=machine(),
        versions={"extractor": metadata.version("extractor"), "xllamacpp": metadata.version("xllamacpp")},
        tables=(areas(values), *(table for table, _ in reliability_of)),
        plots=tuple(plot for _, plot in reliability_of),
        notes=(
            f"{len(asked)} documents were asked for, {len(documents)} conform, with {len(values):,} values. The model "
            "is the embedded one, with 135 million parameters: most of its values are wrong.",
            "An AUC of 0.5 is chance, 1 is perfect. The columns after confidence are what it is made of, each alone.",
            "Calibrated: on every other document, measured on those between.",
            "No other library takes part: none of them says how sure a value is.",
        ),
        seconds=time.perf_counter() - started,
        data={
            "before": [[each.predicted, each.observed, each.count] for each in before],
            "after": [[each.predicted, each.observed, each.count] for each in after],
        },
    )


def main() -> None:
    """Ask, measure, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", help="these alone")
    parser.add_argument("--mode", default="")
    parser.add_argument("--replies", type=Path)
    parser.add_argument("--fit", action="store_true")
    options(parser)
    given = parser.parse_args()
    isolated()
    started = time.perf_counter()
    sys.path.insert(0, str(given.data / "extraction"))
    kinds: Mapping[str, Any] = importlib.import_module("models").MODELS
    kinds = {name: model for name, model in kinds.items() if not given.kinds or name in given.kinds}
    norm = importlib.import_module("score").norm
    asked = replies(given, kinds)
    documents = [told(each, kinds[each["kind"]], norm) for each in asked if each["ok"]]
    values = [(each, at) for each in documents for at in each.right if at in each.tokens]
    if given.fit:
        print({name: round(weight, 2) for name, weight in fitted(values).items()})
    publish(report(asked, documents, values, started), given)


if __name__ == "__main__":
    main()
