"""Which imperfect replies cost no second request, and which lead to wrong data.

    python benchmarks/one_request.py [--json]

One loopback endpoint gives the same reply to every request. First the kinds of replies that say all that is wanted,
but not in clean JSON or not with the right type: a library can mend them, ask again, or give up. Then the kinds that
must not be taken as they stand. Each contender may send one request only, in the mode that sends a JSON Schema.

Prints for each kind and contender: `right`, `none` (an error), or `WRONG` (a value that is not what the reply says).
Other libraries take part where they are installed (`pip install "extractor[benchmarks]"`).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from extractor import Extractor, ExtractorError
from extractor.testing import FakeEndpoint, Reply

Call: TypeAlias = "Callable[[str], Any]"
"""Address → the value. Raises where there is none."""


class Item(BaseModel):
    """One thing that was bought."""

    name: str
    quantity: int


class Purchase(BaseModel):
    """What is asked for."""

    number: str
    total: float
    paid: bool
    items: list[Item]


RIGHT = Purchase(
    number="A-1", total=12.5, paid=True, items=[Item(name="tea", quantity=2), Item(name="cup", quantity=1)]
)
CLEAN = json.dumps(RIGHT.model_dump())
PYTHON = str(RIGHT.model_dump())

MENDABLE: Mapping[str, str | Reply] = {
    "fence": f"```json\n{CLEAN}\n```",
    "prose around": f"Here is the purchase:\n{CLEAN}\nLet me know if you need more.",
    "trailing comma": CLEAN.replace("}]", "},]").replace("}]}", "}],}"),
    "single quotes, Python literals": PYTHON,
    "comments": CLEAN.replace('"total"', '/* in EUR */ "total"'),
    "unquoted keys": CLEAN.replace('"number":', "number:").replace('"total":', "total:"),
    "byte order mark": "\ufeff" + CLEAN,
    "encoded twice": json.dumps(CLEAN),
    "missing closer": CLEAN[:-1],
    "several objects": '{"example": {"number": "B-9"}}\n' + CLEAN,
    "thinking first": f"<think>Maybe {{}}?</think>\n{CLEAN}",
    "numbers as texts, yes for true": CLEAN.replace("12.5", '"12.50"').replace("true", '"yes"'),
    "a tool call instead of content": Reply(
        message={"tool_calls": [{"id": "1", "type": "function", "function": {"name": "Purchase", "arguments": CLEAN}}]},
        finish_reason="tool_calls",
    ),
}
"""Replies that say all that is wanted."""

NOT_TO_BE_TAKEN: Mapping[str, str | Reply] = {
    "NaN": CLEAN.replace("12.5", "NaN"),
    "1e999": CLEAN.replace("12.5", "1e999"),
    "a key twice": CLEAN.replace('"number"', '"number": "A-2", "number"', 1),
    "true for a whole number": CLEAN.replace('"quantity": 1', '"quantity": true'),
    "content_filter beside valid JSON": Reply(content=CLEAN, finish_reason="content_filter"),
}
"""Replies of which nothing is to be taken as it stands."""


def ours(url: str) -> Any:
    """`Extractor.extract`."""
    with Extractor("m", base_url=url, max_retries=0) as extractor:
        return extractor.extract(Purchase, "…")


def openai_sdk(url: str) -> Any:
    """The OpenAI SDK's own structured output."""
    client: Any = importlib.import_module("openai").OpenAI(base_url=url, api_key="k", max_retries=0)
    reply = client.chat.completions.parse(
        model="m", messages=[{"role": "user", "content": "…"}], response_format=Purchase
    )
    return reply.choices[0].message.parsed


def instructor(mode: str) -> Call:
    """instructor, in one of its modes."""

    def call(url: str) -> Any:
        library: Any = importlib.import_module("instructor")
        client = library.from_openai(
            importlib.import_module("openai").OpenAI(base_url=url, api_key="k", max_retries=0),
            mode=library.Mode[mode],
        )
        return client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "…"}], response_model=Purchase, max_retries=0
        )

    return call


def pydantic_ai(url: str) -> Any:
    """pydantic-ai, with the endpoint's structured output."""
    library: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    model = models.OpenAIChatModel("m", provider=providers.OpenAIProvider(base_url=url, api_key="k"))
    return library.Agent(model, output_type=library.NativeOutput(Purchase), retries=0).run_sync("…").output


CONTENDERS: Mapping[str, tuple[str, str, Call]] = {
    "extractor": ("extractor", "extractor", ours),
    "openai": ("openai", "openai", openai_sdk),
    "instructor": ("instructor", "instructor", instructor("JSON_SCHEMA")),
    "instructor MD_JSON": ("instructor", "instructor", instructor("MD_JSON")),
    "pydantic-ai": ("pydantic_ai", "pydantic-ai-slim", pydantic_ai),
}
"""Name → module, distribution, call."""


def outcome(call: Call, reply: str | Reply, *, mendable: bool) -> str:
    """What a contender makes of a reply."""
    with FakeEndpoint(reply, repeat=True) as fake:
        try:
            value = call(fake.base_url)
        except ExtractorError:
            return "none"
        except Exception:  # noqa: BLE001  # each has errors of its own
            return "none"
    if value is None:
        return "none"
    return "right" if mendable and value.model_dump() == RIGHT.model_dump() else "WRONG"


def installed() -> dict[str, Call]:
    """The contenders that can be imported."""
    found = {}
    for name, (module, _, call) in CONTENDERS.items():
        try:
            importlib.import_module(module)
        except ImportError:
            continue
        found[name] = call
    return found


def main() -> None:
    """Ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="all results as JSON")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # failures are what is counted here
    calls = installed()
    results = {
        kind: {name: outcome(call, reply, mendable=kind in MENDABLE) for name, call in calls.items()}
        for kind, reply in {**MENDABLE, **NOT_TO_BE_TAKEN}.items()
    }
    if arguments.json:
        json.dump(results, sys.stdout, indent=2)
        return
    packages = dict.fromkeys(CONTENDERS[name][1] for name in calls)
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    print(", ".join(versions), "\n")
    for kind, row in results.items():
        print(f"{kind:34}" + "".join(f"{name} {row[name]:7}" for name in calls))
    for name in calls:
        right = sum(results[kind][name] == "right" for kind in MENDABLE)
        wrong = sum(row[name] == "WRONG" for row in results.values())
        print(f"{name}: {right} of {len(MENDABLE)} right with one request, {wrong} of {len(results)} silently wrong")


if __name__ == "__main__":
    main()
