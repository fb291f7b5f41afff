"""What it costs to see a reply while it is being written: CPU time, memory, and how soon.

    python benchmarks/streaming.py [--fast] [--rounds 5] [--longest 60] [--into FOLDER]

An endpoint in another process streams objects of 10 KB, 100 KB and 1 MB, 16 characters of content an event, either
16 events or one event a network write (each of which is a chunk of the HTTP body too). The plain script is what one
would write by hand who does not care for partials: `httpx` with `iter_lines`, `json.loads` for each event, the text
joined, and validated once at the end. All others, but for the OpenAI SDK's plain stream, give a partial value after
every event. They take turns, each round in another order. Other libraries take part where they are installed
(`pip install "extractor[benchmarks]"`), and not with `--fast`; a size that would take one of them more than
`--longest` seconds is left out.

For either way of writing: milliseconds of CPU (user and system, of the client's process; the least of the rounds),
the ratio to the plain script (of what runs in an event loop: to the plain async one), and the exponent by which that
grows from one size to the next (1: linear). Then, on Linux, the memory that one stream adds to the peak of a process
of its own, after a warm-up with the least size; and how long after the request the first field is known, where the
endpoint pauses half a second after that field.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import importlib
import itertools
import json
import math
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from loopback import KEY, MODEL, command, isolated, machine
from pydantic import BaseModel
from results import Cell, Column, Plot, Report, Series, Table, options, publish

import extractor

SIZES: Mapping[str, int] = {"10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000}
"""The sizes of the objects, in characters of JSON."""
WRITES: Mapping[str, int] = {"16 events a write": 16, "1 event a write": 1}
PIECE = 16  # characters of content an event
PAUSE = 0.5  # seconds between the first field and the rest
PLAIN, PLAIN_ASYNC = "plain", "plain, async"
PROMPT = "Extract the order."
RESET = Path("/proc/self/clear_refs")  # Linux only
HEADERS = {"Authorization": f"Bearer {KEY}"}

# -------------------------------------------------------------------------------------- the model


class Line(BaseModel):
    """One line of an order."""

    article: str
    description: str
    quantity: int
    price: float
    fragile: bool
    batch: str | None
    due: date
    tags: list[str]
    sizes: list[list[float]]


class Order(BaseModel):
    """An order with as many lines as it takes."""

    number: str
    customer: str
    issued: date
    total: float
    lines: list[Line]


def _line(number: int, chance: random.Random) -> dict[str, Any]:
    words = 'oak board planed steel bolt zinc-plated "A" grade 40 × 60 mm, über Maß\nnach DIN'.split(" ")
    return {
        "article": f"A-{number:05}",
        "description": " ".join(chance.choices(words, k=chance.randint(4, 16))),
        "quantity": chance.randint(1, 5_000),
        "price": round(chance.uniform(0.5, 900), 2),
        "fragile": chance.random() < 0.5,
        "batch": None if chance.random() < 0.3 else f"L{chance.randint(1, 99)}",
        "due": f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        "tags": chance.choices(["new", "heavy", "outdoor", "on request"], k=chance.randint(0, 3)),
        "sizes": [[round(chance.uniform(1, 99), 1) for _ in range(3)] for _ in range(chance.randint(0, 2))],
    }


@functools.cache
def order(size: int) -> str:
    """An order of about that many characters of JSON."""
    chance, written = random.Random(size), 100
    lines: list[dict[str, Any]] = []
    while written < size:
        lines.append(_line(len(lines), chance))
        written += len(json.dumps(lines[-1], ensure_ascii=False)) + 2
    head = {"number": "2025-0317", "customer": "Lee & Söhne GmbH", "issued": "2025-03-17", "total": 1234.5}
    return json.dumps({**head, "lines": lines}, ensure_ascii=False)


# ----------------------------------------------------------------------------------- the endpoint


def _event(delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-20250301-0001", "object": "chat.completion.chunk", "created": 1_740_787_200}
    chunk = {**head, "model": MODEL, "choices": [choice], "usage": None}
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


@functools.cache
def _writes(size: int, together: int) -> list[bytes]:
    """What is written, one after the other: chunks of the HTTP body with some events each."""
    text = order(size)
    pieces = [_event({"content": text[start : start + PIECE]}) for start in range(0, len(text), PIECE)]
    usage = {"prompt_tokens": 51, "completion_tokens": 421, "total_tokens": 472}
    last = b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": usage}).encode() + b"\n\n"
    events = [_event({"role": "assistant", "content": ""}), *pieces, _event({}, "stop"), last, b"data: [DONE]\n\n"]
    bodies = [b"".join(events[start : start + together]) for start in range(0, len(events), together)]
    return [f"{len(body):x}\r\n".encode() + body + b"\r\n" for body in bodies]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection; `/SIZE/TOGETHER/PAUSE/v1/…` says how."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            _, size, together, pause, *_ = head.split(b" ", 2)[1].decode().split("/")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for number, chunk in enumerate(_writes(int(size), int(together))):
                if pause == "pause" and number == 3:  # the role, and two pieces: the first field and a comma
                    await asyncio.sleep(PAUSE)
                writer.write(chunk)
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the process that started this one does
    os._exit(0)


@contextmanager
def serving() -> Iterator[str]:
    """Run the endpoint in a process of its own; gives `http://127.0.0.1:PORT`."""
    command = [sys.executable, str(Path(__file__).resolve()), "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            server.terminate()


# ------------------------------------------------------- contenders, url → (seen) → the value at the end

See: TypeAlias = "Callable[[Any], object]"
"""Is called with every partial value (of the plain streams: with the text so far, in pieces)."""
Call: TypeAlias = "Callable[[See], BaseModel]"


def _unseen(partial: Any) -> None:
    pass


def _messages() -> list[Any]:
    return [{"role": "user", "content": PROMPT}]


def _body() -> dict[str, Any]:
    described = {"name": "Order", "strict": True, "schema": Order.model_json_schema()}
    response_format = {"type": "json_schema", "json_schema": described}
    return {"model": MODEL, "stream": True, "messages": _messages(), "response_format": response_format}


def _take(line: str, pieces: list[str], see: See) -> None:
    if line.startswith("data: ") and line != "data: [DONE]":
        for choice in json.loads(line[6:])["choices"]:
            if content := choice["delta"].get("content"):
                pieces.append(content)
                see(pieces)


def plain(url: str) -> Call:
    """Post by hand, with a kept client."""
    client, target = httpx.Client(timeout=600), url + "/chat/completions"

    def call(see: See) -> BaseModel:
        pieces: list[str] = []
        with client.stream("POST", target, json=_body(), headers=HEADERS) as response:
            for line in response.iter_lines():
                _take(line, pieces, see)
        return Order.model_validate_json("".join(pieces))

    return call


def extractor_stream(url: str) -> Call:
    """`Extractor(…).stream(Model, text)`."""
    client = extractor.Extractor(MODEL, base_url=url, api_key=KEY)

    def call(see: See) -> BaseModel:
        stream = client.stream(Order, PROMPT)
        for partial in stream:
            see(partial)
        return stream.result.value

    return call


def extractor_field(url: str) -> Call:
    """Look at one field of every partial, too."""
    call = extractor_stream(url)
    return lambda see: call(lambda partial: (partial.customer, see(partial)))


def extractor_newest(url: str) -> Call:
    """Look at what is being written, in every partial, too."""
    call = extractor_stream(url)
    return lambda see: call(lambda partial: (partial.lines and partial.lines[-1].description, see(partial)))


def plain_async(url: str) -> Call:
    """Post by hand with an `httpx.AsyncClient`."""
    client, target = httpx.AsyncClient(timeout=600), url + "/chat/completions"

    async def run(see: See) -> BaseModel:
        pieces: list[str] = []
        async with client.stream("POST", target, json=_body(), headers=HEADERS) as response:
            async for line in response.aiter_lines():
                _take(line, pieces, see)
        return Order.model_validate_json("".join(pieces))

    return functools.partial(_awaited, run)


def extractor_async(url: str) -> Call:
    """`AsyncExtractor(…).stream(Model, text)`."""
    client = extractor.AsyncExtractor(MODEL, base_url=url, api_key=KEY)

    async def run(see: See) -> BaseModel:
        stream = client.stream(Order, PROMPT)
        async for partial in stream:
            see(partial)
        return stream.result.value

    return functools.partial(_awaited, run)


def openai_plain(url: str) -> Call:
    """Use the OpenAI SDK's plain stream, and validate at the end: no partials."""
    client: Any = importlib.import_module("openai").OpenAI(base_url=url, api_key=KEY)

    def call(see: See) -> BaseModel:
        pieces: list[str] = []
        for chunk in client.chat.completions.create(model=MODEL, messages=_messages(), stream=True):
            if chunk.choices and (content := chunk.choices[0].delta.content):
                pieces.append(content)
                see(pieces)
        return Order.model_validate_json("".join(pieces))

    return call


def openai_helper(url: str) -> Call:
    """Use the OpenAI SDK's helper, whose snapshots are plain data."""
    client: Any = importlib.import_module("openai").OpenAI(base_url=url, api_key=KEY)

    def call(see: See) -> BaseModel:
        with client.chat.completions.stream(model=MODEL, messages=_messages(), response_format=Order) as stream:
            for event in stream:
                if event.type == "content.delta":
                    see(event.parsed)
            made: BaseModel = stream.get_final_completion().choices[0].message.parsed
            return made

    return call


def instructor_partial(url: str) -> Call:
    """Use instructor's partials."""
    instructor: Any = importlib.import_module("instructor")
    sdk = importlib.import_module("openai").OpenAI(base_url=url, api_key=KEY)
    client = instructor.from_openai(sdk, mode=instructor.Mode.JSON_SCHEMA)
    settings = {"strict": False, "max_retries": 0}  # its strict partials refuse every date

    def call(see: See) -> BaseModel:
        made: Any = None
        for partial in client.create_partial(model=MODEL, messages=_messages(), response_model=Order, **settings):
            made = partial
            see(partial)
        return Order.model_validate(made.model_dump())

    return call


def pydantic_ai_stream(url: str) -> Call:
    """Use pydantic-ai's partial outputs, without waiting for several pieces."""
    pydantic_ai: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    model = models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(base_url=url, api_key=KEY))
    agent = pydantic_ai.Agent(model, output_type=pydantic_ai.NativeOutput(Order))

    async def run(see: See) -> BaseModel:
        made: Any = None
        async with agent.run_stream(PROMPT) as result:
            async for partial in result.stream_output(debounce_by=None):
                made = partial
                see(partial)
        return Order.model_validate(made.model_dump())

    return functools.partial(_awaited, run)


def langchain_dicts(url: str) -> Call:
    """LangChain's stream of a JSON Schema, in dicts: of a model it gives nothing before the end."""
    chat: Any = importlib.import_module("langchain_openai").ChatOpenAI(model=MODEL, base_url=url, api_key=KEY)
    chain = chat.with_structured_output(Order.model_json_schema(), method="json_schema")

    def call(see: See) -> BaseModel:
        partial: Any = None
        for partial in chain.stream(_messages()):
            see(partial)
        return Order.model_validate(partial)

    return call


def _awaited(run: Callable[[See], Any], see: See) -> BaseModel:
    made: BaseModel = _loop().run(run(see))
    return made


@functools.cache
def _loop() -> asyncio.Runner:
    return asyncio.Runner()  # one for all: clients keep connections, which belong to their loop


OURS: Mapping[str, Callable[[str], Call]] = {
    PLAIN: plain,
    "Extractor.stream": extractor_stream,
    "… and one field": extractor_field,
    "… and the newest": extractor_newest,
    PLAIN_ASYNC: plain_async,
    "AsyncExtractor.stream": extractor_async,
}
PEERS: Mapping[str, Callable[[str], Call]] = {
    "openai plain": openai_plain,
    "openai stream": openai_helper,
    "instructor": instructor_partial,
    "pydantic-ai": pydantic_ai_stream,
    "LangChain: dicts": langchain_dicts,
}
CONTENDERS = {**OURS, **PEERS}
FLOORS = (PLAIN, PLAIN_ASYNC, "openai plain")
SLOW = ("openai stream", "instructor", "pydantic-ai", "LangChain: dicts")
"""Those whose time goes into reading the whole text anew for each partial, however it is written: measured once."""
ASYNC = ("AsyncExtractor.stream", "pydantic-ai")
"""Those that are compared with the plain async stream."""

# -------------------------------------------------------------------------------------- measuring

Seconds: TypeAlias = "dict[str, dict[str, float]]"
"""Size → contender → the least CPU seconds of a stream."""


def _made(names: list[str], url: str) -> dict[str, Call]:
    made = {}
    for name in names:
        try:
            made[name] = CONTENDERS[name](url)
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
    return made


def _timed(call: Callable[[See], object]) -> float:
    gc.collect()
    gc.freeze()  # what others have left behind (hundreds of megabytes, some) is not gone through again and again
    started = time.process_time()
    call(_unseen)
    seconds = time.process_time() - started
    gc.unfreeze()
    return seconds


def _expected(name: str, measured: Seconds) -> float:
    """Seconds that the next size will take, ten times as large: at the growth so far, else at its square."""
    known = [row[name] for row in measured.values() if name in row]
    if not known or name in OURS:
        return 0.0
    growth = known[-1] / known[-2] if len(known) > 1 else 100.0
    return known[-1] * growth if len(known) == len(measured) else math.inf


def measure(root: str, together: int, rounds: int, names: list[str], longest: float) -> Seconds:
    """Every contender in every round; before that, once to see that it works."""
    measured: Seconds = {}
    for label, size in SIZES.items():
        taking = [name for name in names if _expected(name, measured) <= longest]
        made = _made(taking, f"{root}/{size}/{together}/go/v1")
        expected = Order.model_validate_json(order(size))
        least: dict[str, float] = {}
        for name, call in made.items():
            values: list[BaseModel] = []
            least[name] = _timed(lambda see, call=call, values=values: values.append(call(see)))  # type: ignore[misc]
            if values[0].model_dump() != expected.model_dump():
                sys.exit(f"{name} extracted something else: {values[0]!r}"[:2_000])
        for number in range(rounds * (3 if size < 50_000 else 1)):
            ordered = [*made]
            for name in ordered[number % len(made) :] + ordered[: number % len(made)]:
                if least[name] < 2:  # what takes longer is measured precisely enough in one
                    least[name] = min(least[name], _timed(made[name]))
        measured[label] = least
    return measured


def _memory(word: str) -> int:
    """Bytes of this process by the system's account: `VmRSS` now, `VmHWM` at the peak."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith(word))


def _peak(name: str, root: str, size: int, together: int) -> None:
    """In a process of its own: print by how many bytes one stream raises the peak of its memory."""
    CONTENDERS[name](f"{root}/{min(SIZES.values())}/{together}/go/v1")(_unseen)
    call = CONTENDERS[name](f"{root}/{size}/{together}/go/v1")
    gc.collect()
    RESET.write_text("5", encoding="ascii")  # the peak begins anew
    before = _memory("VmRSS")
    call(_unseen)
    print(_memory("VmHWM") - before)


def measure_memory(root: str, taking: Mapping[str, list[str]]) -> dict[str, dict[str, float]]:
    """Size → contender → bytes."""
    peaks: dict[str, dict[str, float]] = {}
    for label, names in taking.items():
        peaks[label] = {}
        for name in names:
            command = [sys.executable, str(Path(__file__).resolve()), "--peak", name, root, str(SIZES[label])]
            peaks[label][name] = float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return peaks


def measure_first(root: str, names: list[str]) -> dict[str, tuple[float, float]]:
    """Contender → seconds until the first field is known, and until the end."""
    times = {}
    for name, call in _made(names, f"{root}/{min(SIZES.values())}/1/pause/v1").items():
        call(_unseen)  # what is loaded at the first call
        started, seen = time.perf_counter(), list[float]()

        def see(partial: Any, started: float = started, seen: list[float] = seen) -> None:
            if not seen and _number(partial) == "2025-0317":
                seen.append(time.perf_counter() - started)

        call(see)
        times[name] = (seen[0] if seen else math.inf, time.perf_counter() - started)
    return times


def _number(partial: Any) -> Any:
    """The first field, of whatever a contender gives."""
    if isinstance(partial, list):  # of pieces of text
        _, found, rest = "".join(partial).partition('"number": "')
        return rest.partition('"')[0] if found and '"' in rest else None
    return partial.get("number") if isinstance(partial, dict) else getattr(partial, "number", None)


# -------------------------------------------------------------------------------------- reporting


def _names(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return list(next(iter(rows.values())))


def _table(title: str, columns: tuple[Column, ...], rows: Mapping[str, list[Cell]]) -> Table:
    ours = tuple(name for name in rows if name in OURS and name not in FLOORS)
    return Table(title=title, columns=columns, rows=rows, ours=ours, floors=FLOORS, bars="")


def _cpu(way: str, measured: Seconds) -> Table:
    columns = tuple(
        column
        for label in SIZES
        for column in (
            Column(name=f"{label}: CPU ms", form=",.1f", better="less"),
            Column(name=f"{label}: times plain", form=",.2f"),
        )
    )
    rows: dict[str, list[Cell]] = {}
    for name in _names(measured):
        rows[name], known = [], [measured[label].get(name) for label in SIZES]
        for label, seconds in zip(SIZES, known, strict=True):
            plain = measured[label][PLAIN_ASYNC if name in ASYNC else PLAIN]
            rows[name] += [None, None] if seconds is None else [seconds * 1e3, seconds / plain]
        growths = [math.log10(b / a) for a, b in itertools.pairwise(known) if a and b]
        rows[name].append(" ".join(f"{growth:.2f}" for growth in growths))
    return _table(f"CPU time of a stream, {way}", (*columns, Column(name="exponents")), rows)


def _memory_table(peaks: Mapping[str, Mapping[str, float]]) -> Table:
    rows: dict[str, list[Cell]] = {}
    for name in _names(peaks):
        found = [peaks[label].get(name) for label in SIZES]
        rows[name] = [None if each is None else each / 1e6 for each in found]
    columns = tuple(Column(name=f"{label}: MB", form=",.1f", better="less") for label in SIZES)
    return _table("Memory that a stream adds", columns, rows)


def _first_table(times: Mapping[str, tuple[float, float]]) -> Table:
    rows: dict[str, list[Cell]] = {
        name: [None if first > last else first * 1e3, "yes" if first < PAUSE else "no", last * 1e3]
        for name, (first, last) in times.items()
    }
    columns = (
        Column(name="first field, ms", form=",.1f"),
        Column(name="before the rest"),
        Column(name="end, ms", form=",.0f"),
    )
    return _table("When the first field is known, of 10 KB with a pause after it", columns, rows)


def _plots(seconds: Mapping[str, Seconds]) -> tuple[Plot, ...]:
    """CPU time over size, of the first way of writing."""
    way, measured = next(iter(seconds.items()))
    series = []
    for name in _names(measured):
        known = [(SIZES[label], row[name] * 1e3) for label, row in measured.items() if name in row]
        series.append(Series(name=name, x=tuple(x for x, _ in known), y=tuple(y for _, y in known)))
    return (Plot(title=f"CPU by size, {way}", x="characters", y="ms", series=tuple(series), logarithmic=True),)


PACKAGES = ("extractor", "httpx", "pydantic", "openai", "instructor", "pydantic-ai-slim", "langchain-openai")


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):  # run from a checkout, or without peers
            found[package] = metadata.version(package)
    return found


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often every contender has its turn")
    parser.add_argument("--fast", action="store_true", help="without other libraries")
    parser.add_argument("--longest", type=float, default=60.0, help="seconds that one stream may be expected to take")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options(parser)
    arguments = parser.parse_args()
    isolated()
    if arguments.serve:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        asyncio.run(_serve())
        return
    if arguments.peak:
        name, url, size = arguments.peak
        _peak(name, url, int(size), max(WRITES.values()))
        return
    _measure_all(arguments)


def _measure_all(arguments: argparse.Namespace) -> None:
    """Measure one question after the other, and publish what is known."""
    began, names = time.perf_counter(), [*OURS] if arguments.fast else [*CONTENDERS]
    seconds: dict[str, Seconds] = {}
    with serving() as root:
        for way, together in WRITES.items():
            taking = names if not seconds else [name for name in names if name not in SLOW]
            seconds[way] = measure(root, together, arguments.rounds, taking, arguments.longest)
        first = next(iter(seconds.values()))
        short = {label: [name for name in row if row[name] < arguments.longest / 4] for label, row in first.items()}
        peaks = measure_memory(root, short) if RESET.exists() else {}
        times = measure_first(root, _names(first))
    report = Report(
        name="streaming",
        question="What does it cost to see a reply while it is being written?",
        command=command(),
        environment=machine(),
        versions=_versions(),
        tables=(
            *(_cpu(way, measured) for way, measured in seconds.items()),
            *([_memory_table(peaks)] if peaks else []),
            _first_table(times),
        ),
        plots=_plots(seconds),
        notes=(
            f"{arguments.rounds} rounds (of 10 KB three times as many), {PIECE} characters an event; the least of "
            "them. All but the floors give a partial value after each event. The exponent says how CPU grows from one "
            "size to the next: 1 is linear, 2 is with the square.",
            f"A size that would take one of them more than {arguments.longest:g} s is left out; whose time goes into "
            "reading the whole text anew for each partial is asked in one way of writing only.",
            "LangChain gives partials as dicts, where the schema is one; of a model it gives nothing before the end, "
            "and neither does trustcall.",
        ),
        seconds=time.perf_counter() - began,
        data={"cpu_seconds": seconds, "memory_bytes": peaks, "first_field_seconds": times},
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
