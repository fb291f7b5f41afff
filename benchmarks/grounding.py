"""How many values are put to their right place in a document, how many wrongly, and how long it takes.

    python benchmarks/grounding.py [--seed 2] [--documents 240] [--sizes 2000 8000 80000] [--seconds 60] [--show 0]
        [--only quality|time] [--data DIR] [--into FOLDER]

The documents are made from `--seed` by `placed.py`: their values stand at known places, in the document's way to write
numbers and dates; many stand in further places, and some in none.

A place is right where it overlaps the true one by at least half of both together. *Precision* is the share of the
places given that are right, *recall* the share of the values in the document that have their right place, *false* the
share of the values that are not in the document but were given a place. Where `langextract` is installed, its
resolver aligns the same values, as they would be written in JSON. The floor is `str.find` of the same.

With `--data` the same for open documents, of which DIR/extraction has a file for each kind (JSON lines: text, gold):
true are the places of the gold texts that stand there once, letter by letter; what stands nowhere is the gold of
another document, as far as it has no digit and no word of it is in the text.

Then the milliseconds of CPU for 100 values in documents of some tokens (of 4 characters), the least of several runs,
each contender in a process of its own that is stopped after `--seconds`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from contenders import installed, versions
from loopback import command, machine, orders
from placed import KINDS, LOCALES, NOISE, Case, corpus, leaves_of, long_document
from results import Cell, Column, Report, Table, options, publish

from extractor.evidence.grounding import ground
from extractor.evidence.source import source_of

OURS, FLOOR = "extractor", "str.find"
RUNS = 7

Spans: TypeAlias = "tuple[tuple[int, int], ...]"

# ------------------------------------------------------------------------------------ contenders

Contender: TypeAlias = "Callable[[str, Any], dict[str, Spans]]"


def ours(text: str, value: Any) -> dict[str, Spans]:
    """The library."""
    fields = ground({}, value, source_of(text))
    return {pointer: tuple((span.start, span.end) for span in each.spans) for pointer, each in fields.items()}


def _written(value: Any) -> list[tuple[str, str]]:
    """Every scalar with its pointer, as it would be written in JSON."""
    flat = [(pointer, holder[key]) for holder, key, pointer in leaves_of(value)]
    return [(pointer, each if isinstance(each, str) else json.dumps(each)) for pointer, each in flat]


def by_find(text: str, value: Any) -> dict[str, Spans]:
    """The first place where exactly that stands."""
    found: dict[str, Spans] = {}
    for pointer, written in _written(value):
        at = text.find(written)
        found[pointer] = () if at < 0 else ((at, at + len(written)),)
    return found


def langextract(text: str, value: Any) -> dict[str, Spans]:
    """The resolver of langextract, given every value as an extraction."""
    Extraction = importlib.import_module("langextract.core.data").Extraction  # noqa: N806
    Resolver = importlib.import_module("langextract.resolver").Resolver  # noqa: N806

    extractions = [Extraction(pointer, written) for pointer, written in _written(value)]
    found: dict[str, Spans] = {}
    for each in Resolver().align(extractions, text, 0):
        place = each.char_interval
        known = place is not None and place.start_pos is not None and place.end_pos is not None
        found[each.extraction_class] = ((place.start_pos, place.end_pos),) if known else ()
    return found


def contenders() -> dict[str, Contender]:
    """What is installed."""
    found: dict[str, Contender] = {FLOOR: by_find, OURS: ours}
    return found | ({"langextract": langextract} if installed("langextract") else {})


# ------------------------------------------------------------------------------------ right places


def is_right(found: Spans, true: tuple[int, int]) -> bool:
    """Whether places overlap the true one by at least half of both together."""
    inside = sum(max(0, min(end, true[1]) - max(start, true[0])) for start, end in found)
    together = sum(end - start for start, end in found) + true[1] - true[0] - inside
    return bool(together) and inside * 2 >= together


def judged(case: Case, found: Mapping[str, Spans], show: bool) -> Counter[str]:
    """How many places were given, are right, and should have been."""
    counts: Counter[str] = Counter()
    values = {pointer: holder[key] for holder, key, pointer in leaves_of(case.value)}
    for pointer, true in case.true.items():
        spans = found.get(pointer, ())
        right = true is not None and bool(spans) and is_right(spans, true)
        counts += Counter(given=bool(spans), right=right, there=true is not None)
        counts += Counter(absent=true is None, false=true is None and bool(spans))
        if show and not right and (spans or true):
            there = case.text[slice(*true)] if true else None
            given = [case.text[max(0, start - 8) : end + 8] for start, end in spans]
            print(case.kind, case.locale, case.noise, pointer, repr(values[pointer]), end=": ")
            print(f"{there!r} {true}, given {given!r} {spans}")
    return counts


ALL = "all"
PARTS = (ALL, *KINDS, *(locale.code for locale in LOCALES), *NOISE)
"""What the documents are told apart by: their kind, locale and noise."""


def counted(cases: Sequence[Case], contender: Contender, show: bool) -> dict[str, Counter[str]]:
    """The counts of one contender, by part."""
    counts = {part: Counter[str]() for part in PARTS}
    for case in cases:
        each = judged(case, contender(case.text, case.value), show)
        for part in (ALL, case.kind, case.locale, case.noise):
            counts[part] += each
    return counts


def _share(counts: Counter[str], over: str, under: str) -> float | None:
    return counts[over] / counts[under] if counts[under] else None


def _shares(counts: Counter[str]) -> list[Cell]:
    return [_share(counts, *share) for share in SHARES.values()]


SHARES = {"precision": ("right", "given"), "recall": ("right", "there"), "false": ("false", "absent")}
COLUMNS = tuple(Column(name=name, form=".3f", better="less" if name == "false" else "more") for name in SHARES)


def quality(cases: Sequence[Case], found: Mapping[str, Contender], show: bool) -> tuple[Table, ...]:
    """How good the places are: of all, and by part."""
    counts = {name: counted(cases, contender, show and name == OURS) for name, contender in found.items()}
    whole = counts[OURS][ALL]
    rows = {name: _shares(of[ALL]) for name, of in counts.items()}
    title = f"{whole['there']:,} values in {len(cases)} documents, {whole['absent']} that are not there"
    parts = [part for part in PARTS[1:] if any(of[part] for of in counts.values())]
    return (
        Table(title=title, columns=COLUMNS, rows=rows, ours=(OURS,), floors=(FLOOR,)),
        *(_by_part(column, share, parts, counts) for column, share in zip(COLUMNS, SHARES.values(), strict=True)),
    )


def open_documents(folder: Path) -> list[Case]:
    """Each document with the values that stand there once, and again with those of another one."""
    cases = []
    for path in sorted((folder / "extraction").glob("*.jsonl")):
        entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for entry, other in zip(entries, [*entries[1:], *entries[:1]], strict=True):
            text = entry["text"]
            own = {pointer: each for pointer, each in _texts(entry["gold"]) if text.count(each) == 1}
            places = {pointer: (text.index(each), text.index(each) + len(each)) for pointer, each in own.items()}
            foreign = {str(at): each for at, (_, each) in enumerate(_texts(other["gold"])) if _is_foreign(each, text)}
            nowhere = {f"/{key}": None for key in foreign}
            of = {"kind": path.stem, "locale": "", "noise": "", "text": text}
            cases += [Case(**of, value=entry["gold"], true=places), Case(**of, value=foreign, true=nowhere)]
    return cases


def _texts(value: Any) -> list[tuple[str, str]]:
    scalars = ((pointer, holder[key]) for holder, key, pointer in leaves_of(value))
    return [(pointer, each) for pointer, each in scalars if isinstance(each, str) and each]


def _is_foreign(value: str, text: str) -> bool:
    words = re.findall(r"[^\W\d_]{3,}", value.casefold())
    said = text.casefold()
    return bool(words) and not any(each.isdigit() for each in value) and not any(word in said for word in words)


def open_quality(cases: Sequence[Case], found: Mapping[str, Contender], show: bool) -> Table:
    """How good the places are in open documents."""
    counts = {
        name: sum(
            (judged(case, contender(case.text, case.value), show and name == OURS) for case in cases), Counter[str]()
        )
        for name, contender in found.items()
    }
    whole = counts[OURS]
    title = f"Open documents: {whole['there']:,} values that stand there once, {whole['absent']:,} of other documents"
    rows = {name: _shares(of) for name, of in counts.items()}
    return Table(title=title, columns=COLUMNS, rows=rows, ours=(OURS,), floors=(FLOOR,), bars="")


def _by_part(
    column: Column, share: tuple[str, str], parts: Sequence[str], counts: Mapping[str, Mapping[str, Counter[str]]]
) -> Table:
    rows: dict[str, list[Cell]] = {name: [_share(of[part], *share) for part in parts] for name, of in counts.items()}
    columns = tuple(Column(name=part, form=".2f", better=column.better) for part in parts)
    title = f"{column.name.capitalize()} by kind, locale and noise"
    return Table(title=title, columns=columns, rows=rows, ours=(OURS,), floors=(FLOOR,), bars="")


# ------------------------------------------------------------------------------------ time


def _timed(contender: Contender, text: str, value: Any, pipe: Connection) -> None:
    for _ in range(RUNS):
        start = time.process_time()
        contender(text, value)
        pipe.send(time.process_time() - start)
    pipe.send(None)


def seconds_of(contender: Contender, text: str, value: Any, limit: float) -> float | None:
    """The least CPU seconds of several runs, in a process that is stopped after a while; None if none has ended."""
    mine, other = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_timed, args=(contender, text, value, other))
    process.start()
    taken: list[float] = []
    until = time.monotonic() + limit
    while mine.poll(max(0.0, until - time.monotonic())):
        seconds = mine.recv()
        if seconds is None:
            break
        taken.append(seconds)
    process.kill()
    process.join()
    return min(taken, default=None)


def times(found: Mapping[str, Contender], sizes: Sequence[int], seed: int, limit: float) -> Table:
    """Milliseconds for 100 values, by the size of the document."""
    rows: dict[str, list[Cell]] = {name: [] for name in found}
    for tokens, order in zip(sizes, orders(found, len(sizes)), strict=True):
        text, value = long_document(tokens, seed)
        for name in order:
            seconds = seconds_of(found[name], text, value, limit)
            rows[name].append(f"over {limit:.0f} s" if seconds is None else seconds * 1_000)
    columns = tuple(Column(name=f"{tokens:,} tokens: CPU ms", form=",.1f", better="less") for tokens in sizes)
    return Table(title="The places of 100 values", columns=columns, rows=rows, ours=(OURS,), floors=(FLOOR,))


NOTES = (
    "No model is asked: every contender is given the same text and the same values. Languages are named by codes; "
    "clean, light and heavy is how many characters were misread: none, 1 % and 3 %.",
    "A place is right where it overlaps the true one by at least half of both together. False is the share of the "
    "values that stand nowhere and were given a place; it is small, too, where few places are given at all.",
    "langextract is given the values as they would be written in JSON. Its own prompt asks for the text as it stands, "
    "so that dates and numbers which a document writes in another form are harder for it here than with a model.",
    "Without the OpenAI SDK, instructor, pydantic-ai, LangChain and trustcall, which say nothing about places.",
)
OPEN = "In open documents `str.find` has to be right: what it finds is what makes their places known."


def main() -> None:
    """Measure, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--seed", default=2, type=int, help="of the documents; 1 was used to build, 2 is for the figures"
    )
    parser.add_argument("--documents", default=240, type=int)
    parser.add_argument("--sizes", default=[2_000, 8_000, 80_000], type=int, nargs="*", help="tokens")
    parser.add_argument("--seconds", default=60.0, type=float, help="for one contender and one size")
    parser.add_argument("--show", default=0, type=int, help="1: print what the library has wrong")
    parser.add_argument("--only", choices=["quality", "time"])
    parser.add_argument("--data", type=Path, metavar="DIR")
    options(parser)
    arguments = parser.parse_args()
    began = time.perf_counter()
    found, tables = contenders(), list[Table]()
    if arguments.only != "time":
        tables += quality(corpus(arguments.seed, arguments.documents), found, bool(arguments.show))
        if arguments.data is not None:
            tables.append(open_quality(open_documents(arguments.data), found, bool(arguments.show)))
    if arguments.only != "quality":
        tables.append(times(found, arguments.sizes, arguments.seed, arguments.seconds))
    report = Report(
        name="grounding",
        question="Is the place of a value found in the document, and how fast?",
        command=command(),
        environment=machine(),
        versions=versions(installed(OURS, "langextract")),
        tables=tuple(tables),
        notes=NOTES if arguments.data is None else (*NOTES, OPEN),
        seconds=time.perf_counter() - began,
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
