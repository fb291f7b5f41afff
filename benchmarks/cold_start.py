"""What a program pays for its first extraction: CPU time, modules, memory.

    python benchmarks/cold_start.py [--runs 9] [--into FOLDER]

For each contender a fresh process imports what it needs, makes one extraction against the loopback endpoint
(which runs in another process, with a fixed reply), prints the record and ends. Contenders take turns, each
round in another order. All bytecode is compiled in one run before, into a temporary folder.

Gives: milliseconds of CPU (user and system, from the start of the process to its end), median of the runs,
and its ratio to `httpx by hand`, median of the runs; how many modules are loaded at the end; the peak of the
resident memory in MiB (Linux only, else 0).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import TypeAlias

from contenders import CONTENDERS, Contender, installed, versions
from loopback import CASES, KEY, MODEL, command, isolated, machine, orders, ratio, serving
from results import Cell, Column, Report, Table, options, publish

HAND = "httpx by hand"

_MODEL = """
from typing import Literal
from pydantic import BaseModel
class Contact(BaseModel):
    name: str
    email: str
    phone: str | None
    company: str
    role: Literal["buyer", "seller", "agent"]
    age: int
"""
_MESSAGES = """
system = {"role": "system", "content": "Extract the data as one JSON object."}
messages = [system, {"role": "user", "content": text}]
"""
_REQUEST = """
import httpx
described = {"name": "Contact", "strict": True, "schema": Contact.model_json_schema()}
body = {"model": model, "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": described}}
headers = {"Authorization": "Bearer " + key}
"""
_END = """
peak = 0
if sys.platform == "linux":  # of this program alone: ru_maxrss begins with the memory of its parent
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(record.model_dump_json())
print(len(sys.modules), peak)
"""

SCRIPTS: Mapping[str, str] = {
    "raw sockets": _MODEL
    + _MESSAGES
    + """
import http.client
import json
from urllib.parse import urlsplit
described = {"name": "Contact", "strict": True, "schema": Contact.model_json_schema()}
body = {"model": model, "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": described}}
place = urlsplit(url)
connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
connection.request("POST", place.path + "/chat/completions", json.dumps(body).encode(), headers)
reply = json.loads(connection.getresponse().read())
record = Contact.model_validate_json(reply["choices"][0]["message"]["content"])
""",
    HAND: _MODEL
    + _MESSAGES
    + _REQUEST
    + """
reply = httpx.post(url + "/chat/completions", json=body, headers=headers, timeout=60)
record = Contact.model_validate_json(reply.json()["choices"][0]["message"]["content"])
""",
    "httpx by hand: async": _MODEL
    + _MESSAGES
    + _REQUEST
    + """
import asyncio
async def post():
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(url + "/chat/completions", json=body, headers=headers)
reply = asyncio.run(post())
record = Contact.model_validate_json(reply.json()["choices"][0]["message"]["content"])
""",
    "extractor": _MODEL
    + """
from extractor import extract
record = extract(Contact, text, model=model, base_url=url, api_key=key)
""",
    "extractor: async": _MODEL
    + """
import asyncio
from extractor import aextract
record = asyncio.run(aextract(Contact, text, model=model, base_url=url, api_key=key))
""",
    "OpenAI SDK": _MODEL
    + _MESSAGES
    + """
from openai import OpenAI
client = OpenAI(base_url=url, api_key=key)
reply = client.chat.completions.parse(model=model, messages=messages, response_format=Contact)
record = reply.choices[0].message.parsed
""",
    "instructor": _MODEL
    + _MESSAGES
    + """
import instructor
from openai import OpenAI
client = instructor.from_openai(OpenAI(base_url=url, api_key=key))
record = client.chat.completions.create(model=model, messages=messages, response_model=Contact)
""",
    "pydantic-ai": _MODEL
    + """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
asked = OpenAIChatModel(model, provider=OpenAIProvider(base_url=url, api_key=key))
record = Agent(asked, output_type=Contact).run_sync(text).output
""",
    "LangChain": _MODEL
    + _MESSAGES
    + """
from langchain_openai import ChatOpenAI
chain = ChatOpenAI(model=model, base_url=url, api_key=key).with_structured_output(Contact, method="json_schema")
record = chain.invoke(messages)
""",
    "trustcall": _MODEL
    + _MESSAGES
    + """
from langchain_openai import ChatOpenAI
from trustcall import create_extractor
llm = ChatOpenAI(model=model, base_url=url, api_key=key)
bound = create_extractor(llm, tools=[Contact], tool_choice="Contact")
record = bound.invoke({"messages": messages})["responses"][0]
""",
}
"""Contender → its program; it finds `url`, `model`, `key` and `text`, and leaves a `record`."""

Run: TypeAlias = "tuple[float, int, int]"
"""Milliseconds of CPU, modules, KiB of memory at the peak."""


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have ended: not the endpoint
    return (used.ru_utime + used.ru_stime) * 1e3


def run(script: str, url: str, bytecode: str) -> Run:
    """One fresh process. Raises `CalledProcessError` where it fails."""
    program = f"import sys\nurl, model, key, text = sys.argv[1:]\n{script}{_END}"
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = _cpu()
    done = subprocess.run(  # our own program
        [sys.executable, "-P", "-c", program, url, MODEL, KEY, CASES["flat"].document],
        env={**variables, "PYTHONPYCACHEPREFIX": bytecode},
        check=True,
        capture_output=True,
        text=True,
    )
    used = _cpu() - before
    record, last = done.stdout.splitlines()[-2:]
    if json.loads(record) != CASES["flat"].value:
        sys.exit(f"something else was extracted: {record}")
    modules, peak = map(int, last.split())
    return used, modules, peak


def _contender(name: str) -> Contender:
    return CONTENDERS[name.removesuffix(": async")]


def measure(root: str, runs: int) -> dict[str, list[Run]]:
    """All contenders that can be run, in turns."""
    measured: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as bytecode:

        def one(name: str) -> Run:
            return run(SCRIPTS[name], f"{root}/cold/flat/{_contender(name).mode}/v1", bytecode)

        for name in SCRIPTS:
            try:
                one(name)
            except subprocess.CalledProcessError as error:
                print(f"without {name}: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            else:
                measured[name] = []
        for order in orders(measured, runs):
            for name in order:
                measured[name].append(one(name))
    return measured


_COLUMNS = (
    Column(name="CPU ms", form=",.0f", better="less"),
    Column(name="times httpx", better="less"),
    Column(name="modules", form=",.0f", better="less"),
    Column(name="peak MiB", form=",.1f", better="less"),
)


def _tabled(measured: Mapping[str, list[Run]]) -> Table:
    hand = [used for used, _, _ in measured[HAND]]
    rows: dict[str, list[Cell]] = {}
    for name, runs in measured.items():
        used, modules, peaks = zip(*runs, strict=True)
        peak = statistics.median(peaks) / 1024
        rows[name] = [statistics.median(used), ratio(used, hand), statistics.median(modules), peak]
    return Table(
        title="A fresh process with one extraction",
        columns=_COLUMNS,
        rows=rows,
        ours=tuple(name for name in rows if _contender(name).kind == "ours"),
        floors=tuple(name for name in rows if _contender(name).kind == "floor"),
    )


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9, help="fresh processes for each contender")
    options(parser)
    arguments = parser.parse_args()
    isolated()
    began = time.perf_counter()
    with serving() as root:
        measured = measure(root, arguments.runs)
    report = Report(
        name="cold_start",
        question="What does a program pay for its first extraction?",
        command=command(),
        environment=machine(),
        versions=versions(installed(*dict.fromkeys(_contender(name).name for name in measured))),
        tables=(_tabled(measured),),
        notes=(
            f"{arguments.runs} fresh processes each; CPU is user and system time of the whole process, its bytecode "
            "compiled beforehand. All of them define a pydantic model, which is most of what the floors pay for.",
        ),
        seconds=time.perf_counter() - began,
        data={"runs": measured},
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
