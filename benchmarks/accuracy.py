"""What the built-in demonstrations bring the embedded model: field-level F1, conforming replies, tokens.

    python benchmarks/accuracy.py --data DIR [--documents 4] [--skip 10]

DIR has the folder `extraction` with one file of documents (JSON lines: id, text, gold, perhaps alt) for each kind,
`models.py` with a pydantic model for each, and `score.py` with the scorer. Each document is asked for once, with
400 tokens at the most, first without the demonstrations and then with them.

Prints for both: macro F1, the share that conformed, tokens a document, seconds; and F1 and share of each kind.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from extractor import ExtractionFailed, Extractor


def documents(folder: Path, kind: str, skip: int, count: int) -> list[dict[str, Any]]:
    """Some of the documents of one kind."""
    lines = (folder / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[skip : skip + count]]


def row(extractor: Extractor, model: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    """What one document gave, in the scorer's terms."""
    started = time.perf_counter()
    try:
        result = extractor.run(model, document["text"], max_completion_tokens=400)
        predicted, attempts = result.value.model_dump(mode="json"), result.attempts
    except ExtractionFailed as failed:
        predicted, attempts = None, failed.attempts
    usage = attempts[-1].reply.usage
    tokens = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens} if usage else {}
    seconds = time.perf_counter() - started
    return {"id": document["id"], "pred": predicted, "calls": len(attempts), "seconds": seconds, **tokens}


def main() -> None:
    """Ask, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=4)
    parser.add_argument("--skip", type=int, default=10)
    given = parser.parse_args()
    folder = given.data / "extraction"
    sys.path.insert(0, str(folder))
    kinds: Mapping[str, Any] = importlib.import_module("models").MODELS
    score = importlib.import_module("score").score
    for demonstrate in (False, True):
        started, scores = time.perf_counter(), {}
        with Extractor("local/smollm2-135m", max_retries=0) as extractor, ThreadPoolExecutor(2) as pool:
            # No setting of the public interface: whoever asks the embedded model gets them.
            extractor._address = dataclasses.replace(extractor._address, demonstrate=demonstrate)
            for kind, model in kinds.items():
                asked = documents(folder, kind, given.skip, given.documents)
                rows = list(pool.map(lambda each, model=model: row(extractor, model, each), asked))
                scores[kind] = score(rows, {each["id"]: each for each in asked})
        mean = {
            name: sum(each[name] for each in scores.values()) / len(scores) for name in ("F1", "valid", "completion")
        }
        print("with demonstrations" if demonstrate else "without demonstrations")
        print(f"  F1 {mean['F1']:.2f}  conforming {mean['valid']:.0%}  {mean['completion']:.0f} tokens", end="  ")
        print(f"{time.perf_counter() - started:.0f} s")
        for kind, each in scores.items():
            print(f"  {kind:12} F1 {each['F1']:.2f}  conforming {each['valid']:.0%}")


if __name__ == "__main__":
    main()
