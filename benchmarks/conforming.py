"""How many documents conform within two re-asks with the embedded model, and what they cost: here and elsewhere.

    python benchmarks/conforming.py [--data DIR] [--documents 4] [--skip 10] [--failures] [--only NAME]

Every contender asks the same endpoint, llama.cpp in this process with the 135M model, for the same documents: with
temperature 0, 400 tokens a reply and two re-asks at the most, one request at a time. The documents are those
of the built-in demonstration and, with DIR, some of each kind in DIR/extraction (JSON lines with id and text, and
`models.py` with a pydantic model for each). Other libraries take part where they are installed, in the mode in which
the endpoint forces the schema.

Prints for each: the share of documents that conformed, and requests, prompt and completion tokens and seconds
a document, those that failed included. With --failures, what the last replies of the others lacked.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from loopback import environment, isolated, table
from pydantic import BaseModel

from extractor import ExtractionFailed, Extractor, local
from extractor.demo import DEMOS

MODEL = "smollm2-135m"
SYSTEM = "Extract the data from the document that the user sends, as one JSON object."
OPTIONS: Mapping[str, Any] = {"temperature": 0, "max_completion_tokens": 400}
RETRIES = 2
TIMEOUT = 300.0  # seconds for a request

Ask: TypeAlias = "Callable[[type[BaseModel], str], str]"
"""Extract from a document: gives what is wrong, "" where nothing is."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """What is asked of a text."""

    kind: str
    model: type[BaseModel]
    text: str


@dataclass(kw_only=True)
class Meter:
    """Counts what passes through a client: requests and tokens."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0
    replies: list[str] = field(default_factory=list)

    def client(self) -> httpx.Client:
        """A client that is counted."""
        return httpx.Client(event_hooks={"response": [self._count]}, timeout=TIMEOUT)

    def _count(self, response: httpx.Response) -> None:
        body = json.loads(response.read())
        usage = body.get("usage") or {}
        self.requests += 1
        self.prompt += usage.get("prompt_tokens", 0)
        self.completion += usage.get("completion_tokens", 0)
        for choice in body.get("choices", ()):
            self.replies.append(f"{choice['finish_reason']}: {choice['message'].get('content')}")


# ------------------------------------------------------------------------------- contenders, (meter, url, key) → ask


def ours(meter: Meter, url: str, key: str) -> Ask:
    """`Extractor("local/…").run(Model, text)`."""
    client = Extractor(f"local/{MODEL}", http_client=meter.client(), max_retries=RETRIES, **OPTIONS)

    def ask(model: type[BaseModel], text: str) -> str:
        try:
            client.run(model, text)
        except ExtractionFailed as failed:
            return (
                " → ".join(f"{each.outcome.name} {list(each.asked) or ''}" for each in failed.attempts) + f": {failed}"
            )
        return ""

    return ask


def _openai(meter: Meter, url: str, key: str) -> Any:
    made = importlib.import_module("openai")
    return made.OpenAI(base_url=url, api_key=key, http_client=meter.client(), max_retries=0)


def instructor_schema(meter: Meter, url: str, key: str) -> Ask:
    """Use instructor with the schema as response format."""
    instructor: Any = importlib.import_module("instructor")
    client = instructor.from_openai(_openai(meter, url, key), mode=instructor.Mode.JSON_SCHEMA)

    def ask(model: type[BaseModel], text: str) -> str:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        create = client.chat.completions.create
        try:
            create(model=MODEL, messages=messages, response_model=model, max_retries=RETRIES, **OPTIONS)
        except Exception as failed:  # noqa: BLE001  # whatever it raises
            return repr(failed)
        return ""

    return ask


def pydantic_ai_native(meter: Meter, url: str, key: str) -> Ask:
    """Use pydantic-ai with the endpoint's structured output."""
    pydantic_ai: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    openai: Any = importlib.import_module("openai")
    counted = httpx.AsyncClient(event_hooks={"response": [_counting(meter)]}, timeout=TIMEOUT)
    client = openai.AsyncOpenAI(base_url=url, api_key=key, http_client=counted, max_retries=0)
    model = models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(openai_client=client))
    settings = {"temperature": OPTIONS["temperature"], "max_tokens": OPTIONS["max_completion_tokens"]}

    def ask(wanted: type[BaseModel], text: str) -> str:
        output = pydantic_ai.NativeOutput(wanted)
        agent = pydantic_ai.Agent(
            model, system_prompt=SYSTEM, output_type=output, retries=RETRIES, model_settings=settings
        )
        try:
            agent.run_sync(text)
        except Exception as failed:  # noqa: BLE001  # whatever it raises
            return repr(failed)
        return ""

    return ask


def _counting(meter: Meter) -> Any:
    async def count(response: httpx.Response) -> None:
        await response.aread()
        meter._count(response)

    return count


CONTENDERS: Mapping[str, Callable[[Meter, str, str], Ask]] = {
    "extractor": ours,
    "instructor": instructor_schema,
    "pydantic-ai": pydantic_ai_native,
}

# -------------------------------------------------------------------------------------- measuring


def demo_documents() -> list[Document]:
    """The documents of the built-in demonstration."""
    packed = resources.files("extractor") / "schemas"
    folder = packed if packed.is_dir() else Path(__file__).resolve().parent.parent / "schemas"
    texts = {name: (folder / "samples" / f"{name}.txt").read_text(encoding="utf-8") for name in DEMOS}
    return [Document(kind="demo", model=model, text=texts[name]) for name, model in DEMOS.items()]


def kept_documents(folder: Path, skip: int, count: int) -> list[Document]:
    """Some documents of each kind in a folder."""
    sys.path.insert(0, str(folder))
    models: Mapping[str, Any] = importlib.import_module("models").MODELS
    found = []
    for kind, model in models.items():
        lines = (folder / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()[skip : skip + count]
        found += [Document(kind=kind, model=model, text=json.loads(line)["text"]) for line in lines]
    return found


@dataclass(kw_only=True)
class Found:
    """What a contender brought in all."""

    conforming: dict[str, list[bool]] = field(default_factory=dict)
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def measured(ask: Ask, meter: Meter, documents: list[Document]) -> Found:
    """Ask for every document, one after the other."""
    found = Found()
    for document in documents:
        meter.replies.clear()
        started = time.perf_counter()
        wrong = ask(document.model, document.text)
        found.seconds += time.perf_counter() - started
        found.conforming.setdefault(document.kind, []).append(not wrong)
        print("." if not wrong else "!", end="", file=sys.stderr, flush=True)
        if wrong:
            replies = "".join(f"\n    {each[:300]} … {each[-120:]}" for each in meter.replies)
            found.failures.append(f"{document.kind}: {document.text[:100]!r}\n  {wrong[:1_500]}{replies}")
    print(file=sys.stderr)
    return found


def _row(name: str, meter: Meter, found: Found) -> list[str]:
    each = [ok for kind in found.conforming.values() for ok in kind]
    count = len(each)
    numbers = [f"{meter.requests / count:.2f}", f"{meter.prompt / count:,.0f}", f"{meter.completion / count:,.0f}"]
    return [name, f"{sum(each) / count:.1%}", *numbers, f"{found.seconds / count:.2f}"]


def main() -> None:
    """Ask, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--documents", type=int, default=4, help="of each kind")
    parser.add_argument("--skip", type=int, default=10, help="documents of each kind before them")
    parser.add_argument("--failures", action="store_true", help="print the replies that did not conform")
    parser.add_argument("--only", choices=CONTENDERS, help="one contender alone")
    given = parser.parse_args()
    isolated()
    documents = demo_documents()
    if given.data is not None:
        documents += kept_documents(given.data / "extraction", given.skip, given.documents)
    endpoint = local.start(MODEL)
    rows, kinds = [], {}
    for name in [given.only] if given.only else CONTENDERS:
        meter = Meter()
        try:
            ask = CONTENDERS[name](meter, endpoint.base_url, endpoint.api_key)
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
            continue
        found = measured(ask, meter, documents)
        rows.append(_row(name, meter, found))
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)  # each is minutes of work
        kinds[name] = found.conforming
        if given.failures:
            print("\n\n".join(f"{name}: {each}" for each in found.failures) + "\n", flush=True)
    print(f"{environment()}\n{len(documents)} documents\n")
    print(table(["", "conforming", "requests", "prompt tokens", "completion tokens", "seconds"], rows) + "\n")
    print(_by_kind(kinds))


def _by_kind(kinds: Mapping[str, Mapping[str, list[bool]]]) -> str:
    names = list(next(iter(kinds.values()), {}))
    rows = [[name, *(f"{sum(each[name])} of {len(each[name])}" for each in kinds.values())] for name in names]
    return table(["", *kinds], rows)


if __name__ == "__main__":
    main()
