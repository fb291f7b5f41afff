"""Whether the outline of a schema says all, in how many tokens, and what a small model makes of it.

    python benchmarks/outline.py --data DIR [--sample 500] [--documents 4] [--skip 10]

DIR has the folders `schemas` (gzipped JSON lines, each with a `schema`) and `extraction` (as for accuracy.py).
`--sample 0` or `--documents 0` leaves the measurements with the embedded model out.

Prints three tables:

1. for each corpus: schemas, those whose outline lacks a text that the schema demands (a description, a name, a
   listed value, a bound …), characters of the outline by those of the JSON text at the most, seconds for the
   slowest;
2. for pyd, the ready schemas and a sample of jsb, as they are and as they are sent to the embedded model: tokens
   of the outline by those of the JSON text (by the embedded model's own tokenizer; the JSON text without a space,
   and in brackets with indentation): median, mean, of all tokens, and the share of schemas at half or less;
3. what the embedded model makes of documents when it is shown the schema as its outline, as its JSON text, or not
   at all, one request each, 400 tokens at the most, without demonstrations; the grammar is the same each time:
   macro F1, conforming replies, tokens of a prompt, seconds.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import httpx

from extractor import ExtractionFailed, Extractor, SchemaError
from extractor.local import LocalEndpoint, start
from extractor.schema.adapt import adapt
from extractor.schema.dialects import DIALECTS, Dialect
from extractor.schema.outline import outline
from extractor.schema.ready import ready_names, ready_schema

Schema: TypeAlias = "Mapping[str, Any]"

# As the embedded model's, but the prompt says nothing of the schema: what is shown is added here.
SILENT: Dialect = replace(DIALECTS["llama.cpp"], shows_schema=True)


def documents(folder: Path, kind: str, skip: int, count: int) -> list[dict[str, Any]]:
    """Some of the documents of one kind."""
    lines = (folder / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[skip : skip + count]]


def row(extractor: Extractor, model: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    """What one document gave, in the scorer's terms."""
    started = time.perf_counter()
    try:
        # Not by a grammar, which is made of the schema whatever the prompt shows of it.
        result = extractor.run(model, document["text"], max_completion_tokens=400, copy=False)
        predicted, attempts = result.value.model_dump(mode="json"), result.attempts
    except ExtractionFailed as failed:
        predicted, attempts = None, failed.attempts
    usage = attempts[-1].reply.usage
    tokens = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens} if usage else {}
    seconds = time.perf_counter() - started
    return {"id": document["id"], "pred": predicted, "calls": len(attempts), "seconds": seconds, **tokens}


def compact(schema: Schema) -> str:
    """The JSON text as it goes over the wire."""
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


SHOWN: Mapping[str, Callable[[Schema], str]] = {"outline": outline, "JSON text": compact, "nothing": lambda _: ""}


def schemas(folder: Path, name: str) -> list[Schema]:
    """The schemas of one corpus."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["schema"] for line in lines]


# ------------------------------------------------------------------------------------------- completeness

BOUNDS = (
    "default exclusiveMaximum exclusiveMinimum maxItems maxLength maxProperties maximum minItems minLength "
    "minProperties minimum multipleOf"
).split()
INNER = (
    "additionalProperties allOf anyOf contains if items not oneOf prefixItems propertyNames unevaluatedItems "
    "unevaluatedProperties"
).split()
NAMED = ("properties", "patternProperties", "dependentSchemas", "dependencies")


def target(root: Schema, reference: str) -> Any:
    """What a reference inside of a schema leads to, or None."""
    node: Any = root if reference == "#" or reference.startswith("#/") else None
    for step in reference.split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (LookupError, TypeError, ValueError):
            return None
    return node


def demanded(root: Schema) -> Iterator[str]:
    """Every text that the outline must have: all that the root leads to, with one space between words."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        texts = [node.get("description"), node.get("pattern"), *keys(node, "patternProperties")]
        data = [node["const"]] if "const" in node else node.get("enum")
        data = data if isinstance(data, list) else []
        data = [
            *data,
            *(1 if node[key] == 1 else node[key] for key in BOUNDS if not isinstance(node.get(key, True), bool)),
        ]
        for key in NAMED:
            names = [] if key == "patternProperties" else keys(node, key)
            texts += [json.dumps(name, ensure_ascii=False)[1:-1] for name in names]
            waiting += [node[key][name] for name in keys(node, key)]
        waiting += [node.get(key) for key in INNER] + ([node.get("then"), node.get("else")] if "if" in node else [])
        waiting += [target(root, node["$ref"])] if isinstance(node.get("$ref"), str) else []
        texts += [json.dumps(value, ensure_ascii=False) for value in data]
        yield from (" ".join(text.split()) for text in texts if isinstance(text, str))


def keys(node: Schema, keyword: str) -> list[str]:
    """The names of what stands below a keyword."""
    return list(node[keyword]) if isinstance(node.get(keyword), dict) else []


def check(folder: Path, name: str) -> None:
    """Print what is lost in a corpus, and what the worst cost."""
    lost, longest, slowest, corpus = 0, 0.0, 0.0, schemas(folder, name)
    for schema in corpus:
        started = time.process_time()
        text = outline(schema)
        slowest = max(slowest, time.process_time() - started)
        longest = max(longest, len(text) / max(100, len(compact(schema))))
        # Spaces stand where lines broke, after commas in data, and in what would end a comment.
        plain = text.replace(" ", "")
        lost += not all(each.replace(" ", "") in plain for each in demanded(schema))
    print(f"{name:12} {len(corpus):5}  incomplete {lost}  longest {longest:.2f}  slowest {slowest:.2f} s", flush=True)


# ------------------------------------------------------------------------------------------------ tokens


def sent(originals: list[Schema]) -> Iterator[Schema]:
    """The schemas as the embedded model gets them, as far as there is a way."""
    for schema in originals:
        try:
            yield adapt(schema, DIALECTS["llama.cpp"]).schema
        except SchemaError:
            continue


def compare(name: str, measured: list[Schema], tokens: Callable[[str], int]) -> None:
    """Print how the outlines compare with the JSON texts."""
    outlines = [tokens(outline(schema)) for schema in measured]
    texts = [tokens(compact(schema)) for schema in measured]
    indented = sum(tokens(json.dumps(schema, ensure_ascii=False, indent=2)) for schema in measured)
    ratios = [mine / plain for mine, plain in zip(outlines, texts, strict=True)]
    half = sum(ratio <= 0.5 for ratio in ratios) / len(ratios)
    print(
        f"{name:12} {len(ratios):5}  median {statistics.median(ratios):.2f}  mean {statistics.mean(ratios):.2f}", end=""
    )
    print(f"  all {sum(outlines) / sum(texts):.2f} ({sum(outlines) / indented:.2f})  at half or less {half:.0%}")


def measure_tokens(folder: Path, sample: int, endpoint: LocalEndpoint) -> None:
    """Compare on each corpus."""
    wild = schemas(folder, "jsb")
    corpora: dict[str, list[Schema]] = {
        "pyd": schemas(folder, "pyd"),
        "ready": [ready_schema(name) for name in ready_names()],
        "jsb": random.Random(0).sample(wild, min(sample, len(wild))),
    }
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    with httpx.Client(base_url=endpoint.base_url.removesuffix("/v1"), headers=headers, timeout=60) as client:

        def tokens(text: str) -> int:
            return len(client.post("/tokenize", json={"content": text}).raise_for_status().json()["tokens"])

        for name, originals in corpora.items():
            compare(name, originals, tokens)
            compare(f"{name}, sent", list(sent(originals)), tokens)


# ---------------------------------------------------------------------------------------------- accuracy


def measure_accuracy(folder: Path, skip: int, count: int, endpoint: LocalEndpoint) -> None:
    """Ask for every document with each way of showing the schema, one after the other."""
    sys.path.insert(0, str(folder))
    kinds: Mapping[str, Any] = importlib.import_module("models").MODELS
    score = importlib.import_module("score").score
    for label, show in SHOWN.items():
        started, scores = time.perf_counter(), []
        for kind, model in kinds.items():
            text = show(adapt(model, SILENT).schema)
            # By its address the endpoint is one like any other: nothing is demonstrated.
            with Extractor(
                endpoint.model,
                base_url=endpoint.base_url,
                api_key=endpoint.api_key,
                dialect=SILENT,
                max_retries=0,
                instructions=f"The type of the JSON object:\n\n{text}" if text else None,
            ) as extractor:
                asked = documents(folder, kind, skip, count)
                rows = [row(extractor, model, document) for document in asked]
            scores.append(score(rows, {each["id"]: each for each in asked}))
        f1, valid, tokens = (statistics.mean(each[name] for each in scores) for name in ("F1", "valid", "prompt"))
        seconds = time.perf_counter() - started
        print(
            f"{label:10}  F1 {f1:.3f}  conforming {valid:.0%}  {tokens:.0f} tokens asked  {seconds:.0f} s", flush=True
        )


def main() -> None:
    """Measure and print both halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--documents", type=int, default=4)
    parser.add_argument("--skip", type=int, default=10)
    given = parser.parse_args()
    for name in ("pyd", "suite", "store", "jsb"):
        check(given.data / "schemas", name)
    if not given.sample and not given.documents:
        return
    endpoint = start()
    if given.sample:
        measure_tokens(given.data / "schemas", given.sample, endpoint)
    if given.documents:
        measure_accuracy(given.data / "extraction", given.skip, given.documents, endpoint)


if __name__ == "__main__":
    main()
