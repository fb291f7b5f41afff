"""What CPU time one extraction costs the client, compared to a script by hand and to other libraries.

    python benchmarks/overhead.py [--rounds 15] [--calls 100] [--json]

The plain script is what one would write by hand with a reused `httpx.Client`: post the messages and the
model's schema, validate the content. All contenders ask the same loopback endpoint, which runs in another
process and gives a fixed reply; they take turns in every round, each round in another order. Other libraries
take part where they are installed (`pip install "extractor[benchmarks]"`).

Prints, for a flat model of 6 fields and one of 60 fields on three levels, sync and async (sequential
awaits): microseconds of CPU (user and system, of the client's process) per call, median of the rounds; the
ratio to the plain script, median of the rounds; the size of a request. With `--json` all rounds, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import httpx
from loopback import CASES, KEY, MODEL, Case, environment, isolated, ratio, sent_bytes, serving, table
from pydantic import BaseModel

import extractor

Call: TypeAlias = "Callable[[], BaseModel]"
AsyncCall: TypeAlias = "Callable[[], Awaitable[BaseModel]]"
Rounds: TypeAlias = "dict[str, list[float]]"
"""Contender → microseconds per call, one for each round."""

HEADERS = {"Authorization": f"Bearer {KEY}"}
SYSTEM = "Extract the data from the document that the user sends, as one JSON object."
PLAIN = "plain"
SLOW = {"httpx.post": 10}
"""Contenders that make fewer calls in a round, and by what factor: a new client costs milliseconds."""

# ------------------------------------------------------------------------ contenders, (case, url) → call


def _messages(case: Case) -> list[Any]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": case.document}]


def _body(case: Case, schema: dict[str, Any]) -> dict[str, Any]:
    described = {"name": case.model.__name__, "strict": True, "schema": schema}
    response_format = {"type": "json_schema", "json_schema": described}
    return {"model": MODEL, "messages": _messages(case), "response_format": response_format}


def _validated(case: Case, reply: httpx.Response) -> BaseModel:
    return case.model.model_validate_json(reply.json()["choices"][0]["message"]["content"])


def plain(case: Case, url: str) -> Call:
    """Post by hand, with a kept client and schema."""
    client, schema, target = httpx.Client(), case.model.model_json_schema(), url + "/chat/completions"
    return lambda: _validated(case, client.post(target, json=_body(case, schema), headers=HEADERS))


def httpx_post(case: Case, url: str) -> Call:
    """Post by hand, with a new client each time."""
    schema, target = case.model.model_json_schema(), url + "/chat/completions"
    return lambda: _validated(case, httpx.post(target, json=_body(case, schema), headers=HEADERS))


def extractor_client(case: Case, url: str) -> Call:
    """`Extractor(…).extract(Model, text)`."""
    client = extractor.Extractor(MODEL, base_url=url, api_key=KEY)
    return lambda: client.extract(case.model, case.document)


def extractor_function(case: Case, url: str) -> Call:
    """`extract(Model, text, …)`."""
    return lambda: extractor.extract(case.model, case.document, model=MODEL, base_url=url, api_key=KEY)


def openai_parse(case: Case, url: str) -> Call:
    """Use the OpenAI SDK's own structured output."""
    client: Any = importlib.import_module("openai").OpenAI(base_url=url, api_key=KEY)

    def call() -> BaseModel:
        reply = client.chat.completions.parse(model=MODEL, messages=_messages(case), response_format=case.model)
        parsed: BaseModel = reply.choices[0].message.parsed
        return parsed

    return call


def instructor_tools(case: Case, url: str) -> Call:
    """Use instructor in its default mode: the model as a tool."""
    instructor: Any = importlib.import_module("instructor")
    client = instructor.from_openai(importlib.import_module("openai").OpenAI(base_url=url, api_key=KEY))

    def call() -> BaseModel:
        made: BaseModel = client.chat.completions.create(
            model=MODEL, messages=_messages(case), response_model=case.model
        )
        return made

    return call


def pydantic_ai_native(case: Case, url: str) -> Call:
    """Use pydantic-ai with the endpoint's structured output."""
    agent = _agent(case, url)

    def call() -> BaseModel:
        output: BaseModel = agent.run_sync(case.document).output
        return output

    return call


def _agent(case: Case, url: str) -> Any:
    pydantic_ai: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    model = models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(base_url=url, api_key=KEY))
    return pydantic_ai.Agent(model, system_prompt=SYSTEM, output_type=pydantic_ai.NativeOutput(case.model))


# ------------------------------------------------------------------------------- the same with await


def async_plain(case: Case, url: str) -> AsyncCall:
    """Post by hand with an `httpx.AsyncClient`."""
    client, schema, target = httpx.AsyncClient(), case.model.model_json_schema(), url + "/chat/completions"

    async def call() -> BaseModel:
        return _validated(case, await client.post(target, json=_body(case, schema), headers=HEADERS))

    return call


def async_extractor(case: Case, url: str) -> AsyncCall:
    """`await AsyncExtractor(…).extract(Model, text)`."""
    client = extractor.AsyncExtractor(MODEL, base_url=url, api_key=KEY)
    return lambda: client.extract(case.model, case.document)


def async_extractor_function(case: Case, url: str) -> AsyncCall:
    """`await aextract(Model, text, …)`."""
    return lambda: extractor.aextract(case.model, case.document, model=MODEL, base_url=url, api_key=KEY)


def async_openai_parse(case: Case, url: str) -> AsyncCall:
    """Use the OpenAI SDK with await."""
    client: Any = importlib.import_module("openai").AsyncOpenAI(base_url=url, api_key=KEY)

    async def call() -> BaseModel:
        reply = await client.chat.completions.parse(model=MODEL, messages=_messages(case), response_format=case.model)
        parsed: BaseModel = reply.choices[0].message.parsed
        return parsed

    return call


def async_instructor_tools(case: Case, url: str) -> AsyncCall:
    """Use instructor with await."""
    instructor: Any = importlib.import_module("instructor")
    client = instructor.from_openai(importlib.import_module("openai").AsyncOpenAI(base_url=url, api_key=KEY))

    async def call() -> BaseModel:
        made: BaseModel = await client.chat.completions.create(
            model=MODEL, messages=_messages(case), response_model=case.model
        )
        return made

    return call


def async_pydantic_ai_native(case: Case, url: str) -> AsyncCall:
    """Use pydantic-ai with await."""
    agent = _agent(case, url)

    async def call() -> BaseModel:
        output: BaseModel = (await agent.run(case.document)).output
        return output

    return call


SYNC: Mapping[str, Callable[[Case, str], Call]] = {
    PLAIN: plain,
    "Extractor.extract": extractor_client,
    "extract": extractor_function,
    "httpx.post": httpx_post,
    "openai parse": openai_parse,
    "instructor": instructor_tools,
    "pydantic-ai": pydantic_ai_native,
}
ASYNC: Mapping[str, Callable[[Case, str], AsyncCall]] = {
    PLAIN: async_plain,
    "AsyncExtractor.extract": async_extractor,
    "aextract": async_extractor_function,
    "openai parse": async_openai_parse,
    "instructor": async_instructor_tools,
    "pydantic-ai": async_pydantic_ai_native,
}

# -------------------------------------------------------------------------------------- measuring


def _path(way: str, name: str, case: Case) -> str:
    """Where a contender's requests go: one path for each, by which their sizes are told apart."""
    kind = "tool" if name == "instructor" else "content"
    return f"/{way}-{name.replace(' ', '-')}/{case.name}/{kind}/v1"


def _made(contenders: Mapping[str, Callable[[Case, str], Any]], way: str, case: Case, root: str) -> dict[str, Any]:
    made = {}
    for name, make in contenders.items():
        try:
            made[name] = make(case, root + _path(way, name, case))
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return made


def _orders(names: list[str], rounds: int) -> list[list[str]]:
    return [names[number % len(names) :] + names[: number % len(names)] for number in range(rounds)]


def _per_call(started: float, calls: int) -> float:
    return (time.process_time() - started) / calls * 1e6


def measure_sync(case: Case, root: str, rounds: int, calls: int) -> Rounds:
    """Every contender in every round; before that, once to see that it works."""
    made: dict[str, Call] = _made(SYNC, "sync", case, root)
    measured: Rounds = {name: [] for name in made}
    for name, call in made.items():
        _check(name, case, call())
    for order in _orders(list(made), rounds):
        for name in order:
            call, number = made[name], max(1, calls // SLOW.get(name, 1))
            started = time.process_time()
            for _ in range(number):
                call()
            measured[name].append(_per_call(started, number))
    return measured


async def measure_async(case: Case, root: str, rounds: int, calls: int) -> Rounds:
    """Measure the same with await, one call after the other."""
    made: dict[str, AsyncCall] = _made(ASYNC, "async", case, root)
    measured: Rounds = {name: [] for name in made}
    for name, call in made.items():
        _check(name, case, await call())
    for order in _orders(list(made), rounds):
        for name in order:
            call = made[name]
            started = time.process_time()
            for _ in range(calls):
                await call()
            measured[name].append(_per_call(started, calls))
    return measured


def _check(name: str, case: Case, value: BaseModel) -> None:
    # By their data: instructor gives an instance of a class of its own.
    if value.model_dump() != case.model.model_validate(case.value).model_dump():
        sys.exit(f"{name} extracted something else: {value!r}")


# ---------------------------------------------------------------------------------------- reporting


def _report(way: str, measured: Mapping[str, Rounds], sizes: Mapping[str, int]) -> str:
    header = [way] + [word for name in CASES for word in (f"{name} µs", "/ plain", "bytes")]
    rows = []
    for name in next(iter(measured.values())):
        row = [name]
        for case, rounds in measured.items():
            row.append(f"{statistics.median(rounds[name]):,.0f}")
            row.append(f"{ratio(rounds[name], rounds[PLAIN]):.2f}")
            row.append(f"{sizes[_path(way, name, CASES[case]) + '/chat/completions']:,}")
        rows.append(row)
    return table(header, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="how often every contender has its turn")
    parser.add_argument("--calls", type=int, default=100, help="calls in one turn")
    parser.add_argument("--json", action="store_true", help="print all rounds as JSON instead of tables")
    arguments = parser.parse_args()
    rounds, calls = arguments.rounds, arguments.calls
    isolated()
    with serving() as root:
        sync = {name: measure_sync(case, root, rounds, calls) for name, case in CASES.items()}
        with asyncio.Runner() as loop:  # one for all: some clients are closed later, in the loop they began in
            asynchronous = {name: loop.run(measure_async(case, root, rounds, calls)) for name, case in CASES.items()}
        sizes = sent_bytes(root)
    if arguments.json:
        measured = {"sync": sync, "async": asynchronous}
        print(json.dumps({"environment": environment(), "microseconds": measured, "bytes": sizes}))
        return
    print(f"{environment()}\n{rounds} rounds of {calls} calls\n")
    print(_report("sync", sync, sizes) + "\n\n" + _report("async", asynchronous, sizes))


if __name__ == "__main__":
    main()
