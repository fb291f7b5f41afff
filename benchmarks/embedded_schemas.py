"""Whether the embedded server takes the schemas of the world, and holds the model to them.

    python benchmarks/embedded_schemas.py --data DIR [--corpus pyd ready jsb] [--sample N] [--seconds S] [--seed N]
        [--grammar-only] [--temperature T] [--slow S] [--show N]

DIR has the folder `schemas` with `NAME.jsonl.gz`: JSON lines of `key`, `schema` and perhaps `group` (near-copies share
one). Each schema is adapted for the embedded server and asked for once: a short document, 200 tokens at the most, the
prompt as `extractor` makes it. With --grammar-only the prompt says nothing of the schema and one token is asked for:
whether the schema is taken, for many of them. Of `jsb` at most --sample are asked for in random order, one of each
group before the second of any, as long as --seconds allow. The server has a process of its own, so that a crash or a
hang is seen and counted; the next schema gets a new one.

Columns. Of all: `none` (no way to ask for it: SchemaError), `loose` (not sent as strict), `large` (more than the
context), `refused`, `crash`, `hang` (over --slow seconds). Of those taken: `ignored` (llama.cpp says that it ignores a
part), `cut` (at the token limit), and of the others: `conform` (to the original schema), `beside` (valid as sent, but
not by the original), `broken` (not valid as sent, or no JSON: what the dialect says is enforced is not), `unjudged`
(the original has no validator). What was refused or ignored, is beside or broken, is listed below with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import multiprocessing
import os
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

from extractor.errors import SchemaError
from extractor.local import LocalEndpoint, start
from extractor.prompt import conversation, prompt
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import DIALECTS
from extractor.schema.ready import ready_names, ready_schema

DIALECT = DIALECTS["llama.cpp"]
MEMORY = 8 << 30  # bytes for the server: a grammar that takes more ends it, not the machine
TEXT = (
    "Order 4711 of 3 May 2021. Jane Doe, jane@example.com, 12 High Street, Leeds. "
    "2 teapots at EUR 12.50, 1 lamp at EUR 30.00; total EUR 55.00. Please deliver by 14:30."
)
COLUMNS = "schemas none loose large refused crash hang taken ignored cut conform beside broken unjudged".split()
SMALL = ("pyd", "ready")  # asked for in full, whatever the time
LISTED = ("refused", "crash", "hang", "ignored", "broken", "beside")


# --------------------------------------------------------------------------------------------- the server


def serve(pipe: Connection, log: str) -> None:
    """In a process of its own: the embedded server, until the pipe closes. What it prints goes to a file."""
    with Path(log).open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except ImportError:  # not on Windows
        pass
    endpoint = start()
    pipe.send((endpoint.base_url, endpoint.api_key, endpoint.model))
    with contextlib.suppress(EOFError):
        pipe.recv()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one request: `status` is the HTTP status, 0 where the server crashed, -1 where it hangs.

    `printed` is what llama.cpp wrote to standard error meanwhile: only there it says what it ignores.
    """

    status: int
    seconds: float
    data: Any = None
    printed: str = ""

    @property
    def message(self) -> str:
        """What the server says of a refusal."""
        error = self.data.get("error") if isinstance(self.data, dict) else None
        said = str(error.get("message") if isinstance(error, dict) else self.data)
        why = [line[:200] for line in self.printed.splitlines() if line.startswith("parse")]
        return f"{said} {why[0] if why else self.printed[:200]}"

    @property
    def ignored(self) -> str:
        """What of the schema the server says that it ignores."""
        return "; ".join(re.findall(r"WARNING: JSON schema conversion was incomplete: (.*)", self.printed))

    @property
    def too_large(self) -> bool:
        """Whether it is the prompt that was refused."""
        return "exceed_context_size" in json.dumps(self.data)


class Server:
    """The embedded server in another process; begun anew when it is gone or hangs."""

    def __init__(self, slow: float) -> None:
        self._slow = slow
        self._log = Path(tempfile.mkstemp(prefix="embedded", suffix=".log")[1])
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, str(self._log)), daemon=True)
        self._process.start()
        theirs.close()
        self._endpoint = LocalEndpoint(*self._pipe.recv())
        headers = {"Authorization": f"Bearer {self._endpoint.api_key}"}
        self._client = httpx.Client(base_url=self._endpoint.base_url, headers=headers, timeout=600)
        body = {"messages": [{"role": "user", "content": "Hello."}], "max_completion_tokens": 1}
        self._client.post("/chat/completions", json=body)  # until the model is loaded
        self._client.timeout = httpx.Timeout(self._slow)

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """One request."""
        started, before = time.perf_counter(), self._log.stat().st_size
        try:
            response = self._client.post("/chat/completions", json={"model": self._endpoint.model, **body})
            return Answer(
                status=response.status_code,
                seconds=time.perf_counter() - started,
                data=decoded(response.text),
                printed=self._printed(before),
            )
        except httpx.HTTPError as error:
            self._process.join(0.0 if isinstance(error, httpx.TimeoutException) else 5.0)
            crashed, printed = self._process.exitcode is not None, self._printed(before)
            why = f"{type(error).__name__}, exit code {self._process.exitcode}"
            self.close()
            self._start()
            seconds = time.perf_counter() - started
            return Answer(status=0 if crashed else -1, seconds=seconds, data=why, printed=printed)

    def _printed(self, since: int) -> str:
        with self._log.open("rb") as file:
            file.seek(since)
            return file.read(100_000).decode("utf-8", "replace")

    def end(self) -> None:
        """End the process for good."""
        self.close()
        self._log.unlink()

    def close(self) -> None:
        """End the process."""
        self._client.close()
        self._pipe.close()
        self._process.kill()
        self._process.join()


def decoded(text: str) -> Any:
    """JSON, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


# ------------------------------------------------------------------------------------------------ schemas


@dataclass(frozen=True, kw_only=True)
class Case:
    """One schema of a corpus."""

    key: str
    group: str
    schema: dict[str, Any]


def corpus(folder: Path, name: str) -> list[Case]:
    """All schemas of a corpus."""
    if name == "ready":
        return [Case(key=each, group=each, schema=ready_schema(each)) for each in ready_names()]
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        read = [json.loads(line) for line in lines]
    return [
        Case(key=str(it.get("key", at)), group=str(it.get("group", at)), schema=it["schema"])
        for at, it in enumerate(read)
    ]


def shuffled(cases: Sequence[Case], seed: int) -> list[Case]:
    """In random order, one of each group before the second of any."""
    mixed = random.Random(seed).sample(cases, len(cases))
    seen: Counter[str] = Counter()
    turn: dict[str, int] = {}
    for case in mixed:
        turn[case.key] = seen[case.group]
        seen[case.group] += 1
    return sorted(mixed, key=lambda case: turn[case.key])


def request(adapted: Adapted, grammar_only: bool, temperature: float) -> dict[str, Any]:
    """The body of a request."""
    said: Sequence[Mapping[str, Any]] = ({"role": "user", "content": TEXT},)
    if not grammar_only:
        said = conversation(prompt(adapted, instructions=None, examples=(), demonstrate=True), None, TEXT)
    return {
        "messages": said,
        "response_format": adapted.response_format,
        "max_completion_tokens": 1 if grammar_only else 200,
        "temperature": temperature,
        "seed": 0,
    }


# -------------------------------------------------------------------------------------------------- judging


def validator(schema: Any) -> Any:
    """A judge of values by the schema's own draft, formats included; None where there can be none."""
    for make in (jsonschema_rs.validator_for, jsonschema_rs.Draft202012Validator):
        try:
            return make(schema, offline=True, validate_formats=True)
        except Exception:  # noqa: BLE001  # an unknown draft, a pattern of another language, a remote reference
            continue
    return None


def complaint(judge: Any, value: Any) -> str:
    """What is wrong with a value: keywords and where; "" where nothing is."""
    errors = list(judge.iter_errors(value))[:3]
    return "; ".join(
        f"{each.kind.name} at /{'/'.join(map(str, each.instance_path))}: {each.message}" for each in errors
    )


def verdict(adapted: Adapted, schema: Mapping[str, Any], text: str) -> tuple[str, str]:
    """The column of a complete reply, and why."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except ValueError as error:
        return "broken", f"no JSON: {error}: {text!r}"
    sent = validator(adapted.schema)
    wrong = complaint(sent, value) if sent else ""
    if wrong:
        return "broken", wrong
    original = validator(schema)
    if original is None or sent is None:
        return "unjudged", ""
    wrong = complaint(original, adapted.restore(value))
    return ("beside", wrong) if wrong else ("conform", "")


# -------------------------------------------------------------------------------------------------- the table


@dataclass
class Row:
    """What was counted for one corpus."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str, str]] = field(default_factory=list)  # column, key, why
    slowest: tuple[float, str] = (0.0, "")

    def note(self, column: str, key: str, why: str) -> None:
        """Count one."""
        self.counts[column] += 1
        if column in LISTED:
            self.failures.append((column, key, why))


def judge(case: Case, server: Server, row: Row, given: argparse.Namespace) -> None:
    """Ask for one schema and count what came of it."""
    row.counts["schemas"] += 1
    try:
        adapted = adapt(case.schema, DIALECT)
    except SchemaError:
        row.counts["none"] += 1
        return
    row.counts["loose"] += not adapted.strict
    answer = server.ask(request(adapted, given.grammar_only, given.temperature))
    row.slowest = max(row.slowest, (answer.seconds, case.key))
    if answer.status != 200:
        column = {0: "crash", -1: "hang"}.get(answer.status, "large" if answer.too_large else "refused")
        row.note(column, case.key, f"{answer.status} {answer.message}")
        return
    row.counts["taken"] += 1
    if answer.ignored:
        row.note("ignored", case.key, answer.ignored)
    choice = answer.data["choices"][0]
    if choice["finish_reason"] != "stop":
        row.counts["cut"] += 1
    else:
        column, why = verdict(adapted, case.schema, choice["message"]["content"])
        row.note(column, case.key, why)


def limited(cases: Sequence[Case], seconds: float) -> Iterator[Case]:
    """As many as there is time for."""
    until = time.monotonic() + seconds
    for case in cases:
        if time.monotonic() > until:
            return
        yield case


def main() -> None:
    """Ask, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", nargs="+", default=["pyd", "ready", "jsb"])
    parser.add_argument("--sample", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grammar-only", action="store_true")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=60)
    parser.add_argument("--show", type=int, default=100)
    given = parser.parse_args()
    server = Server(given.slow)
    print("corpus   " + " ".join(f"{column:>8}" for column in COLUMNS) + "  slowest", flush=True)
    rows: dict[str, Row] = {}
    for name in given.corpus:
        cases: Iterable[Case] = corpus(given.data / "schemas", name)
        if name not in SMALL:
            cases = limited(shuffled([*cases], given.seed)[: given.sample], given.seconds)
        row = rows[name] = Row()
        for case in cases:
            judge(case, server, row, given)
        counted = " ".join(f"{row.counts[column]:8}" for column in COLUMNS)
        print(f"{name:8} {counted}  {row.slowest[0]:.1f} s {row.slowest[1]}", flush=True)
    server.end()
    for name, row in rows.items():
        for column in LISTED:
            listed = [each for each in row.failures if each[0] == column]
            for _, key, why in listed[: given.show]:
                print(f"{name} {column}: {key}: {' '.join(why.split())[:400]}")
            if len(listed) > given.show:
                print(f"{name} {column}: and {len(listed) - given.show} more")


if __name__ == "__main__":
    main()
