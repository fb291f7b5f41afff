"""How right and how conforming the embedded model's records are, here and elsewhere; and what brings it.

    python benchmarks/accuracy.py [--data DIR] [--documents 4] [--skip 10] [--kinds NAME …] [--only NAME …]
        [--failures] [--cache PATH] [--into FOLDER]
    python benchmarks/accuracy.py --data DIR --levers

DIR has the folder `extraction` with one file of documents (JSON lines: id, text, gold, perhaps alt) for each kind,
`models.py` with a pydantic model for each, and `score.py` with the scorer. Without it the documents are those of the
built-in demonstration, of which nobody has said what is right: only whether a record conforms is counted then. Every
contender asks the same endpoint, llama.cpp in this process with the 135M model, with 400 tokens a reply and two
re-asks at the most, in the mode in which the endpoint forces the schema. They take turns at each document. Examples
are the two other documents of the same kind that are most like the document (BM25 over their words), the most alike
last.

With --levers each row is the library with one thing changed, one request a document. --failures tells on stderr what
was raised. --cache keeps the replies to the library.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import importlib
import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from contenders import CONTENDERS, Task, installed, versions
from loopback import command, isolated, machine, orders
from metered import MODEL, OPTIONS, RETRIES, TIMEOUT, Meter, passed_on
from pydantic import BaseModel
from results import Cell, Column, Report, Table, options, publish

from extractor import Cache, ExtractionFailed, Extractor, local
from extractor.demo import DEMOS

EXAMPLES = 2

Record: TypeAlias = "dict[str, Any]"
Ask: TypeAlias = "Callable[[type[BaseModel], Record, Sequence[Record]], Record]"
"""Model, document, examples → the plain value. Raises where none conformed."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The library with settings; `demonstrate` None for what it does by itself. `once`: what is the same in several
    optional properties is kept in the first alone.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    examples: int = 0
    demonstrate: bool | None = None
    once: bool = False

    @contextlib.contextmanager
    def asking(self, meter: Meter, cache: Path | None) -> Iterator[Ask]:
        """Ask the embedded endpoint."""
        kept = {"cache": Cache(cache)} if cache else {}
        settings = {"max_retries": RETRIES, **OPTIONS, **kept, **self.settings}
        client = Extractor(f"local/{MODEL}", http_client=meter.client(), **settings)
        if self.demonstrate is not None:  # no setting of the public interface
            client._address = dataclasses.replace(client._address, demonstrate=self.demonstrate)

        def ask(model: type[BaseModel], document: Record, examples: Sequence[Record]) -> Record:
            shown = [(each["text"], each["gold"]) for each in examples]
            value = client.extract(model, document["text"], examples=shown)
            plain: Record = value.model_dump(mode="json")
            return _once(model, plain) if self.once else plain

        with client:
            yield ask


def _once(model: type[BaseModel], value: Record) -> Record:
    """The value without what an optional property only repeats."""
    seen: set[str] = set()
    kept = {}
    for key, each in value.items():
        text = each.casefold() if isinstance(each, str) else None
        repeated = text in seen and not model.model_fields[key].is_required()
        kept[key] = None if repeated else each
        if text is not None:
            seen.add(text)
    return kept


@dataclass(frozen=True)
class Shown(Task):
    """A task with examples before it, each as what was sent and what was answered."""

    examples: Sequence[Record] = ()

    def messages(self, document: str) -> list[Any]:
        """What is sent."""
        system, user = super().messages(document)
        turns = [system]
        for each in self.examples:
            answer = self.model.model_validate(each["gold"]).model_dump_json()
            turns += [{"role": "user", "content": each["text"]}, {"role": "assistant", "content": answer}]
        return [*turns, user]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another library, as `contenders.py` asks it."""

    name: str
    examples: int = 0

    @contextlib.contextmanager
    def asking(self, meter: Meter, cache: Path | None) -> Iterator[Ask]:
        """Ask the same endpoint, by way of one that counts."""
        make, endpoint = CONTENDERS[self.name].sync, local.start(MODEL)
        assert make is not None
        with passed_on(meter, endpoint.base_url) as url:

            def ask(model: type[BaseModel], document: Record, examples: Sequence[Record]) -> Record:
                task = Shown(
                    model=model,
                    document=document["text"],
                    base_url=url,
                    name=MODEL,
                    key=endpoint.api_key,
                    retries=RETRIES,
                    timeout=TIMEOUT,
                    options=OPTIONS,
                    examples=examples,
                )
                plain: Record = make(task)().model_dump(mode="json")
                return plain

            yield ask


Asker: TypeAlias = "Ours | Peer"
ASKED: Mapping[str, Asker] = {
    "extractor": Ours(),
    "extractor: 2 examples": Ours(examples=EXAMPLES),
    "OpenAI SDK": Peer(name="OpenAI SDK"),
    "instructor: JSON Schema": Peer(name="instructor: JSON Schema"),
    "instructor: JSON Schema, 2 examples": Peer(name="instructor: JSON Schema", examples=EXAMPLES),
    "pydantic-ai: NativeOutput": Peer(name="pydantic-ai: NativeOutput"),
    "LangChain": Peer(name="LangChain"),
    "trustcall": Peer(name="trustcall"),
}
_ONE: Mapping[str, Any] = {"max_retries": 0}
_STRICT: Mapping[str, Any] = {**_ONE, "mode": "strict"}
_FREE: Mapping[str, Any] = {**_ONE, "mode": "grammar", "copy": False}
LEVERS: Mapping[str, Asker] = {
    "extractor: schema forced, outline told": Ours(settings=_STRICT, demonstrate=False),
    "extractor: + demonstrations": Ours(settings=_STRICT),
    "extractor: grammar + demonstrations": Ours(settings=_FREE),
    "extractor: copied + demonstrations": Ours(settings=_ONE),
    "extractor: copied, nothing demonstrated": Ours(settings={**_ONE, "copy": True}, demonstrate=False),
    "extractor: + once": Ours(settings=_ONE, once=True),
    "extractor: no penalty on repetition": Ours(settings={**_ONE, "extra_fields": {"repeat_penalty": 1.0}}),
    "extractor: schema + 2 examples": Ours(settings=_STRICT, examples=EXAMPLES),
    "extractor: grammar + 2 examples": Ours(settings=_FREE, examples=EXAMPLES),
    "extractor: copied + 2 examples": Ours(settings=_ONE, examples=EXAMPLES),
    "extractor: copied + 2 examples + once": Ours(settings=_ONE, examples=EXAMPLES, once=True),
    "extractor: copied + 4 examples": Ours(settings=_ONE, examples=2 * EXAMPLES),
}

# ------------------------------------------------------------------------------- documents and examples


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The documents of one kind; those from `first` to `last` are asked for."""

    name: str
    model: type[BaseModel]
    documents: Sequence[Record]
    first: int
    last: int

    def examples(self, document: Record, count: int) -> list[Record]:
        """The most alike of the other documents, the most alike last."""
        if not count:
            return []
        others = [each for each in self.documents if each["id"] != document["id"] and each["text"] != document["text"]]
        bags = [_words(each["text"]) for each in others]
        spread = Counter(word for bag in bags for word in bag)
        usual = sum(map(Counter.total, bags)) / len(bags)

        def likeness(bag: Counter[str]) -> float:
            size = 1.2 * (0.25 + 0.75 * bag.total() / usual)
            return sum(
                math.log(1 + (len(bags) - spread[word] + 0.5) / (spread[word] + 0.5)) * bag[word] / (bag[word] + size)
                for word in _words(document["text"])
            )

        best = sorted(range(len(others)), key=lambda number: -likeness(bags[number]))[:count]
        return [others[number] for number in reversed(best)]


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def demo_kinds() -> list[Kind]:
    """The documents of the built-in demonstration, of which nobody has said what is right."""
    packed = resources.files("extractor") / "schemas"
    folder = packed if packed.is_dir() else Path(__file__).resolve().parent.parent / "schemas"
    found = []
    for name, model in DEMOS.items():
        text = (folder / "samples" / f"{name}.txt").read_text(encoding="utf-8")
        found.append(Kind(name=name, model=model, documents=[{"id": name, "text": text}], first=0, last=1))
    return found


def kinds_in(folder: Path, skip: int, count: int, only: Sequence[str] | None = None) -> list[Kind]:
    """All kinds in a folder, or some of them."""
    models: Mapping[str, Any] = importlib.import_module("models").MODELS
    found = []
    for name, model in models.items():
        if only and name not in only:
            continue
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        documents = [json.loads(line) for line in lines]
        found.append(Kind(name=name, model=model, documents=documents, first=skip, last=skip + count))
    return found


# -------------------------------------------------------------------------------------- measuring


@dataclass(kw_only=True)
class Found:
    """What a contender brought: a row for the scorer for each document, by kind, and what it cost in all."""

    rows: dict[str, list[Record]] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
    seconds: float = 0.0


def measured(askers: Mapping[str, Asker], kinds: Sequence[Kind], given: argparse.Namespace) -> dict[str, Found]:
    """Ask for every document; the contenders take turns at each."""
    found = {name: Found() for name in askers}
    asked = [(kind, document) for kind in kinds for document in kind.documents[kind.first : kind.last]]
    with contextlib.ExitStack() as stack:
        asks = {name: stack.enter_context(each.asking(found[name].meter, given.cache)) for name, each in askers.items()}
        for (kind, document), order in zip(asked, orders(askers, len(asked)), strict=True):
            for name in order:
                examples = kind.examples(document, askers[name].examples if given.data else 0)
                started, value = time.perf_counter(), None
                try:
                    value = asks[name](kind.model, document, examples)
                except Exception as error:  # noqa: BLE001  # whatever it raises: nothing conformed
                    if given.failures or not isinstance(error, (ExtractionFailed, ValueError)):
                        print(f"\n{name}, {document['id']}: {error!r:.300}", file=sys.stderr)
                found[name].seconds += time.perf_counter() - started
                row = {"id": document["id"], "pred": value, "calls": 0, "prompt": 0, "completion": 0, "seconds": 0}
                found[name].rows.setdefault(kind.name, []).append(row)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


COLUMNS = (
    Column(name="F1", form=".3f", better="more"),
    Column(name="precision", form=".3f", better="more"),
    Column(name="recall", form=".3f", better="more"),
    Column(name="conforming, %", form=".0f", better="more"),
    Column(name="requests", better="less"),
    Column(name="prompt tokens", form=",.0f", better="less"),
    Column(name="completion tokens", form=",.0f", better="less"),
    Column(name="seconds", form=".1f", better="less"),
)

Scores: TypeAlias = "Mapping[str, Mapping[str, float]]"


def cells(found: Found, scores: Scores) -> list[Cell]:
    """A row of the table: means over the kinds, and costs for each document."""
    rows = [row for each in found.rows.values() for row in each]
    count = len(rows)
    means: list[Cell] = [
        sum(each[key] for each in scores.values()) / len(scores) if scores else None for key in ("F1", "P", "R")
    ]
    conforming = 100 * sum(row["pred"] is not None for row in rows) / count
    spent = (found.meter.requests, found.meter.prompt, found.meter.completion, found.seconds)
    return [*means, conforming, *(each / count for each in spent)]


def report(found: Mapping[str, Found], kinds: Sequence[Kind], score: Any, started: float) -> Report:
    """What everybody brought."""
    gold = {kind.name: {each["id"]: each for each in kind.documents} for kind in kinds}
    scores: dict[str, Scores] = {
        name: {kind: score(rows, gold[kind]) for kind, rows in each.rows.items()} if score else {}
        for name, each in found.items()
    }
    ours = tuple(name for name in found if name.startswith("extractor"))
    asked = sum(kind.last - kind.first for kind in kinds)
    columns = tuple(Column(name=kind.name, form=".2f", better="more") for kind in kinds)
    of_kinds = {name: [each[kind.name]["F1"] for kind in kinds] for name, each in scores.items() if score}
    rows = {name: cells(each, scores[name]) for name, each in found.items()}
    tables = [Table(title=f"{asked} documents, each asked of all", columns=COLUMNS, rows=rows, ours=ours)]
    if score:
        tables.append(Table(title="F1 by kind of document", columns=columns, rows=of_kinds, ours=ours, bars=""))
    asked_of = {each.name for each in ASKED.values() if isinstance(each, Peer)} | {"extractor"}
    return Report(
        name="accuracy",
        question="How right and how conforming are the records of a very small model?",
        command=command(),
        environment=machine(),
        versions=versions(each for each in installed() if each.name in asked_of),
        tables=tuple(tables),
        notes=(NOTES if score else (*NOTES, DEMONSTRATED)),
        seconds=time.perf_counter() - started,
        data={"scores": scores, "records": {name: each.rows for name, each in found.items()}},
    )


NOTES = (
    "Everyone asks the same model, 135 million parameters in this process, with temperature 0, at most 400 tokens a "
    "reply and two re-asks. It is far too small for most of these documents: the numbers tell what is made of a weak "
    "model, not how right a large one is. With so few documents a difference of a few hundredths of F1 is chance.",
    "F1 is the mean over the kinds of documents, over their fields; a document of which no record conformed has none. "
    "Costs are for each document, those that failed included.",
    "The OpenAI SDK and LangChain do not ask again when a record does not conform.",
    "trustcall has the schema as a tool, for it knows no other way. It sends null as the description of a model that "
    "has none, which this endpoint refuses: an empty text is handed on instead.",
    "langextract takes no part: it gives spans of classes by examples, and no record of a model.",
)
DEMONSTRATED = "Without data these are the documents of the demonstration: nobody has said what is right in them."


def chosen(given: argparse.Namespace) -> dict[str, Asker]:
    """Who is asked: those that are wanted and installed."""
    wanted: Mapping[str, Asker] = LEVERS if given.levers else ASKED
    if not given.data:
        wanted = {name: each for name, each in wanted.items() if not each.examples}
    there = functools.cache(lambda name: bool(installed(name)))
    wanted = {name: each for name, each in wanted.items() if not given.only or name in given.only}
    return {name: each for name, each in wanted.items() if isinstance(each, Ours) or there(each.name)}


def main() -> None:
    """Ask, score, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--documents", type=int, default=4, help="of each kind")
    parser.add_argument("--skip", type=int, default=10, help="documents of each kind before them")
    parser.add_argument("--kinds", nargs="+", help="these alone")
    parser.add_argument("--levers", action="store_true", help="one thing changed in each row")
    parser.add_argument("--only", nargs="+", help="these rows alone")
    parser.add_argument("--failures", action="store_true", help="tell what was raised")
    parser.add_argument("--cache", type=Path, help="where replies to the library are kept")
    options(parser)
    given = parser.parse_args()
    isolated()
    started, score, kinds = time.perf_counter(), None, demo_kinds()
    if given.data is not None:
        folder = given.data / "extraction"
        sys.path.insert(0, str(folder))
        kinds = kinds_in(folder, given.skip, given.documents, given.kinds)
        score = importlib.import_module("score").score
    local.start(MODEL)
    publish(report(measured(chosen(given), kinds, given), kinds, score, started), given)


if __name__ == "__main__":
    main()
