"""How right the embedded model's answers are: field-level F1 on open documents, here and elsewhere; and what brings it.

    python benchmarks/accuracy.py --data DIR [--documents 4] [--skip 10] [--only NAME …] [--cache PATH]
    python benchmarks/accuracy.py --data DIR --levers

DIR has the folder `extraction` with one file of documents (JSON lines: id, text, gold, perhaps alt) for each kind,
`models.py` with a pydantic model for each, and `score.py` with the scorer. Every contender asks the same endpoint,
llama.cpp in this process with the 135M model, with 400 tokens a reply and two re-asks at the most. Other libraries
take part where they are installed, in the mode in which the endpoint forces the schema. Examples are the two other
documents of the same kind that are most like the document (BM25 over their words), the most alike last.

With --levers each row is the library with one thing changed, one request a document.

Prints for each: macro F1, precision and recall over the kinds, the share that conformed, requests, tokens and seconds
a document; and F1 for each kind.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from conforming import MODEL, OPTIONS, RETRIES, SYSTEM, Meter, _counting, _openai
from loopback import environment, isolated, table
from pydantic import BaseModel

from extractor import Cache, ExtractionFailed, Extractor, local

EXAMPLES = 2

Record: TypeAlias = "dict[str, Any]"
Asked: TypeAlias = "Callable[[type[BaseModel], Record, Sequence[Record]], Record | None]"
"""Model, document, examples → the plain value; None where none conformed."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The library with settings; `demonstrate` None for what it does by itself. `once`: what is the same in several
    optional properties is kept in the first alone.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    examples: int = 0
    demonstrate: bool | None = None
    once: bool = False

    def asked(self, meter: Meter, cache: Path | None) -> Asked:
        """Ask the embedded endpoint."""
        kept = {"cache": Cache(cache)} if cache else {}
        settings = {"max_retries": RETRIES, **OPTIONS, **kept, **self.settings}
        client = Extractor(f"local/{MODEL}", http_client=meter.client(), **settings)
        if self.demonstrate is not None:  # no setting of the public interface
            client._address = dataclasses.replace(client._address, demonstrate=self.demonstrate)

        def ask(model: type[BaseModel], document: Record, examples: Sequence[Record]) -> Record | None:
            shown = [(each["text"], each["gold"]) for each in examples]
            try:
                value = client.extract(model, document["text"], examples=shown)
            except ExtractionFailed:
                return None
            plain: Record = value.model_dump(mode="json")
            return _once(model, plain) if self.once else plain

        return ask


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


@dataclass(frozen=True, kw_only=True)
class Instructor:
    """The library instructor, with the schema as response format."""

    examples: int = 0

    def asked(self, meter: Meter, cache: Path | None) -> Asked:
        """Ask the same endpoint."""
        instructor: Any = importlib.import_module("instructor")
        endpoint = local.start(MODEL)
        client = instructor.from_openai(
            _openai(meter, endpoint.base_url, endpoint.api_key), mode=instructor.Mode.JSON_SCHEMA
        )

        def ask(model: type[BaseModel], document: Record, examples: Sequence[Record]) -> Record | None:
            turns = [{"role": "system", "content": SYSTEM}]
            for each in examples:
                answer = model.model_validate(each["gold"]).model_dump_json()
                turns += [{"role": "user", "content": each["text"]}, {"role": "assistant", "content": answer}]
            turns.append({"role": "user", "content": document["text"]})
            create = client.chat.completions.create
            try:
                value = create(model=MODEL, messages=turns, response_model=model, max_retries=RETRIES, **OPTIONS)
            except Exception:  # noqa: BLE001  # whatever it raises
                return None
            plain: Record = value.model_dump(mode="json")
            return plain

        return ask


@dataclass(frozen=True, kw_only=True)
class PydanticAi:
    """The library pydantic-ai, with the endpoint's structured output."""

    examples: int = 0

    def asked(self, meter: Meter, cache: Path | None) -> Asked:
        """Ask the same endpoint."""
        pydantic_ai: Any = importlib.import_module("pydantic_ai")
        models: Any = importlib.import_module("pydantic_ai.models.openai")
        providers: Any = importlib.import_module("pydantic_ai.providers.openai")
        openai: Any = importlib.import_module("openai")
        httpx: Any = importlib.import_module("httpx")
        endpoint = local.start(MODEL)
        counted = httpx.AsyncClient(event_hooks={"response": [_counting(meter)]}, timeout=300)
        client = openai.AsyncOpenAI(
            base_url=endpoint.base_url, api_key=endpoint.api_key, http_client=counted, max_retries=0
        )
        served = models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(openai_client=client))
        settings = {"temperature": OPTIONS["temperature"], "max_tokens": OPTIONS["max_completion_tokens"]}

        def ask(model: type[BaseModel], document: Record, examples: Sequence[Record]) -> Record | None:
            agent = pydantic_ai.Agent(
                served,
                system_prompt=SYSTEM,
                output_type=pydantic_ai.NativeOutput(model),
                retries=RETRIES,
                model_settings=settings,
            )
            try:
                value = agent.run_sync(document["text"]).output
            except Exception:  # noqa: BLE001  # whatever it raises
                return None
            plain: Record = value.model_dump(mode="json")
            return plain

        return ask


Contender: TypeAlias = "Ours | Instructor | PydanticAi"
CONTENDERS: Mapping[str, Contender] = {
    "extractor": Ours(),
    "extractor, 2 examples": Ours(examples=EXAMPLES),
    "instructor": Instructor(),
    "instructor, 2 examples": Instructor(examples=EXAMPLES),
    "pydantic-ai": PydanticAi(),
}
_ONE: Mapping[str, Any] = {"max_retries": 0}
_STRICT: Mapping[str, Any] = {**_ONE, "mode": "strict"}
_FREE: Mapping[str, Any] = {**_ONE, "mode": "grammar", "copy": False}
LEVERS: Mapping[str, Contender] = {
    "schema forced, outline told": Ours(settings=_STRICT, demonstrate=False),
    "+ demonstrations": Ours(settings=_STRICT),
    "grammar + demonstrations": Ours(settings=_FREE),
    "copied + demonstrations": Ours(settings=_ONE),
    "copied, nothing demonstrated": Ours(settings={**_ONE, "copy": True}, demonstrate=False),
    "+ once": Ours(settings=_ONE, once=True),
    "no penalty on repetition": Ours(settings={**_ONE, "extra_fields": {"repeat_penalty": 1.0}}),
    "schema + 2 examples": Ours(settings=_STRICT, examples=EXAMPLES),
    "grammar + 2 examples": Ours(settings=_FREE, examples=EXAMPLES),
    "copied + 2 examples": Ours(settings=_ONE, examples=EXAMPLES),
    "copied + 2 examples + once": Ours(settings=_ONE, examples=EXAMPLES, once=True),
    "copied + 4 examples": Ours(settings=_ONE, examples=2 * EXAMPLES),
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


def kinds_in(folder: Path, skip: int, count: int) -> list[Kind]:
    """All kinds in a folder."""
    models: Mapping[str, Any] = importlib.import_module("models").MODELS
    found = []
    for name, model in models.items():
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        documents = [json.loads(line) for line in lines]
        found.append(Kind(name=name, model=model, documents=documents, first=skip, last=skip + count))
    return found


# -------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a contender brought: the scorer's measures for each kind, and what it cost in all."""

    scores: Mapping[str, Mapping[str, float]]
    documents: int
    meter: Meter
    seconds: float

    def row(self, name: str) -> list[str]:
        """A row of the table."""
        means = [sum(each[key] for each in self.scores.values()) / len(self.scores) for key in ("F1", "P", "R")]
        conforming = sum(each["valid"] * each["n"] for each in self.scores.values()) / self.documents
        spent = [self.meter.prompt / self.documents, self.meter.completion / self.documents]
        return [
            name,
            *(f"{mean:.3f}" for mean in means),
            f"{conforming:.0%}",
            f"{self.meter.requests / self.documents:.2f}",
            *(f"{each:,.0f}" for each in spent),
            f"{self.seconds / self.documents:.1f}",
        ]


def measured(contender: Contender, kinds: Sequence[Kind], score: Any, cache: Path | None, at_once: int) -> Found:
    """Ask for every document."""
    meter = Meter()
    ask = contender.asked(meter, cache)
    started, scores, count = time.perf_counter(), {}, 0
    for kind in kinds:
        documents = kind.documents[kind.first : kind.last]

        def row(document: Record, kind: Kind = kind) -> Record:
            value = ask(kind.model, document, kind.examples(document, contender.examples))
            return {"id": document["id"], "pred": value, "calls": 0, "prompt": 0, "completion": 0, "seconds": 0}

        if isinstance(contender, PydanticAi) or at_once == 1:
            rows = list(map(row, documents))
        else:
            with ThreadPoolExecutor(at_once) as pool:
                rows = list(pool.map(row, documents))
        scores[kind.name] = score(rows, {each["id"]: each for each in documents})
        count += len(documents)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Found(scores=scores, documents=count, meter=meter, seconds=time.perf_counter() - started)


def main() -> None:
    """Ask, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=4, help="of each kind")
    parser.add_argument("--skip", type=int, default=10, help="documents of each kind before them")
    parser.add_argument("--levers", action="store_true", help="one thing changed in each row")
    parser.add_argument("--only", nargs="+", help="these rows alone")
    parser.add_argument("--cache", type=Path, help="where replies to the library are kept")
    parser.add_argument("--at-once", type=int, default=2, help="documents at a time")
    given = parser.parse_args()
    isolated()
    folder = given.data / "extraction"
    sys.path.insert(0, str(folder))
    kinds = kinds_in(folder, given.skip, given.documents)
    score = importlib.import_module("score").score
    local.start(MODEL)
    rows, by_kind = [], []
    for name, contender in (LEVERS if given.levers else CONTENDERS).items():
        if given.only and name not in given.only:
            continue
        try:
            found = measured(contender, kinds, score, given.cache, given.at_once)
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
            continue
        rows.append(found.row(name))
        by_kind.append([name, *(f"{each['F1']:.2f}" for each in found.scores.values())])
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)  # each is minutes of work
    print(f"{environment()}\n{sum(kind.last - kind.first for kind in kinds)} documents\n")
    heads = ["", "F1", "P", "R", "conforming", "requests", "prompt tokens", "completion tokens", "seconds"]
    print(table(heads, rows) + "\n")
    print(table(["F1", *(kind.name for kind in kinds)], by_kind))


if __name__ == "__main__":
    main()
