"""What a program pays for its first extraction: CPU time, modules, memory.

    python benchmarks/cold_start.py [--runs 9] [--json]

For each contender a fresh process imports what it needs, makes one extraction against the loopback endpoint
(which runs in another process, with a fixed reply), prints the record and ends. Contenders take turns. All
bytecode is compiled in one run before, into a temporary folder.

Prints: milliseconds of CPU (user and system, from the start of the process to its end), median of the runs,
and its ratio to the plain script (`httpx.post` and pydantic), median of the runs; how many modules are
loaded at the end; the peak of the resident memory in MiB (Linux only, else 0). With `--json` all runs.
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
from collections.abc import Mapping
from typing import TypeAlias

from loopback import CASES, KEY, MODEL, environment, isolated, ratio, serving, table

PLAIN = "plain"

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
    PLAIN: _MODEL
    + _MESSAGES
    + _REQUEST
    + """
reply = httpx.post(url + "/chat/completions", json=body, headers=headers, timeout=60)
record = Contact.model_validate_json(reply.json()["choices"][0]["message"]["content"])
""",
    "plain async": _MODEL
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
    "extractor async": _MODEL
    + """
import asyncio
from extractor import aextract
record = asyncio.run(aextract(Contact, text, model=model, base_url=url, api_key=key))
""",
    "openai parse": _MODEL
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
client = instructor.from_openai(OpenAI(base_url=url.replace("/content/", "/tool/"), api_key=key))
record = client.chat.completions.create(model=model, messages=messages, response_model=Contact)
""",
    "pydantic-ai": _MODEL
    + """
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
asked = OpenAIChatModel(model, provider=OpenAIProvider(base_url=url, api_key=key))
record = Agent(asked, output_type=NativeOutput(Contact)).run_sync(text).output
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


def measure(root: str, runs: int) -> dict[str, list[Run]]:
    """All contenders that can be run, in turns."""
    url = f"{root}/cold/flat/content/v1"
    measured: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as bytecode:
        for name, script in SCRIPTS.items():
            try:
                run(script, url, bytecode)
            except subprocess.CalledProcessError as error:
                print(f"without {name}: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            else:
                measured[name] = []
        for _ in range(runs):
            for name, done in measured.items():
                done.append(run(SCRIPTS[name], url, bytecode))
    return measured


def _report(measured: Mapping[str, list[Run]]) -> str:
    plain = [used for used, _, _ in measured[PLAIN]]
    rows = []
    for name, runs in measured.items():
        used, modules, peaks = zip(*runs, strict=True)
        peak = statistics.median(peaks) / 1024
        times = [f"{statistics.median(used):,.0f}", f"{ratio(used, plain):.2f}"]
        rows.append([name, *times, f"{statistics.median(modules):,.0f}", f"{peak:.1f}"])
    return table(["", "CPU ms", "/ plain", "modules", "peak MiB"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9, help="fresh processes for each contender")
    parser.add_argument("--json", action="store_true", help="print all runs as JSON instead of a table")
    arguments = parser.parse_args()
    isolated()
    with serving() as root:
        measured = measure(root, arguments.runs)
    if arguments.json:
        print(json.dumps({"environment": environment(), "runs": measured}))
        return
    print(f"{environment()}\n{arguments.runs} runs\n")
    print(_report(measured))


if __name__ == "__main__":
    main()
