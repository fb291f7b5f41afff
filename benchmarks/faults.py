"""What becomes of an extraction when the endpoint does something wrong, here and in other libraries.

    python benchmarks/faults.py [--only TEXT] [--sample N] [--seed 1] [--fast] [--jobs 6] [--into FOLDER]
    python benchmarks/faults.py --write docs/reference/faults.md

Every fault of the table in tests/endpoint/faulty.py, or so many of each group (`--sample`), is done by a server on
loopback to each contender, in a process of its own that is given 10 seconds and a gigabyte. Counted are:

- right: the right value
- typed: an error of that library, or of one of the libraries that it is made of (the OpenAI SDK, pydantic)
- wrong: another value, or none, without an error
- foreign: any other exception (KeyError, AttributeError, JSONDecodeError, httpx's …)
- hangs: no end within 10 seconds
- memory: more than 500 MB, whatever else came of it
- elsewhere: something was sent to another host, whatever else came of it

The first two are clean. All get the fault's timeout (its deadline, where it has that), three tries of HTTP and three
rounds of asking; a reply is streamed where the fault is about streams. With `--write` nothing is measured: the page
says what the tests prove.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import multiprocessing
import os
import random
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias, cast

from contenders import CONTENDERS, Task, installed, versions
from loopback import command, isolated, machine
from results import Better, Cell, Column, Report, Table, options, publish
from task import SYSTEM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "endpoint"))

from faulty import DOCUMENT, FAULTS, KEY, RIGHT, Fault, Faulty, Invoice, page

Call: TypeAlias = "Callable[[], Any]"
Make: TypeAlias = "Callable[[Fault, str], Call]"

MODEL = "m"
SECONDS = 10.0
MEGABYTES = 500
MOST_MEGABYTES = 1_000  # more is not given: others need the machine, too
RETRIES = 2  # of HTTP, and of asking
NO_RECORD = "is no record"
"""How the error of `peers.py` ends where a library gives None, or something else, and no error."""
SECOND_CALL = 0.2  # seconds until the next call, so that a server has closed what it wants to

# ------------------------------------------------------------------------ contenders, (fault, url) → call


def _task(fault: Fault, url: str) -> Task:
    """What the fault sets holds for all: those without a deadline get it as their timeout."""
    document: str = DOCUMENT + " " * 16_000_000 if fault.large else DOCUMENT
    timeout = float(fault.settings.get("timeout") or fault.settings.get("deadline") or 8.0)
    retries = int(fault.settings.get("transport_retries", RETRIES))
    return Task(model=Invoice, document=document, base_url=url, name=MODEL, key=KEY, retries=retries, timeout=timeout)


def _asked(name: str) -> Make:
    """As it is asked everywhere."""

    def make(fault: Fault, url: str) -> Call:
        called = CONTENDERS[name].sync
        assert called is not None
        return called(_task(fault, url))

    return make


def ours(fault: Fault, url: str) -> Call:
    """Use `Extractor.extract`, with the fault's own settings."""
    extractor: Any = importlib.import_module("extractor")
    settings = {"timeout": 8.0, "deadline": 9.0, **fault.settings}
    client = extractor.Extractor(MODEL, base_url=url, api_key=KEY, **settings)
    call, document = {"stream": True} if fault.asks_stream else {}, _task(fault, url).document
    return lambda: client.extract(Invoice, document, **call)


def _openai(task: Task, kind: str = "OpenAI") -> Any:
    made = getattr(importlib.import_module("openai"), kind)
    return made(base_url=task.base_url, api_key=KEY, timeout=task.timeout, max_retries=task.retries)


def sdk(fault: Fault, url: str) -> Call:
    """Use the OpenAI SDK's own structured output: a refusal, which it tells beside None, counts as its own error."""
    task = _task(fault, url)
    completions = _openai(task).chat.completions
    asked = {"model": MODEL, "messages": task.messages(task.document), "response_format": Invoice}

    def parsed(message: Any) -> Any:
        if message.parsed is None and message.refusal:
            raise importlib.import_module("openai").OpenAIError(message.refusal)
        return message.parsed

    def streamed() -> Any:
        with completions.stream(**asked) as stream:
            for _ in stream:
                pass
            return parsed(stream.get_final_completion().choices[0].message)

    return streamed if fault.asks_stream else lambda: parsed(completions.parse(**asked).choices[0].message)


def instructor_stream(fault: Fault, url: str) -> Call:
    """Use instructor's partial objects, of which the last one counts."""
    instructor: Any = importlib.import_module("instructor")
    task = _task(fault, url)
    client = instructor.from_openai(_openai(task), mode=instructor.Mode.JSON_SCHEMA)
    messages = task.messages(task.document)
    asked = {"model": MODEL, "messages": messages, "response_model": Invoice, "max_retries": task.retries}
    return lambda: _last(client.chat.completions.create_partial(**asked))


def pydantic_ai_stream(fault: Fault, url: str) -> Call:
    """Use `run_stream` of pydantic-ai, with the endpoint's structured output."""
    library: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    task = _task(fault, url)
    model = models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(openai_client=_openai(task, "AsyncOpenAI")))
    output = library.NativeOutput(Invoice)
    agent = library.Agent(model, system_prompt=SYSTEM, output_type=output, retries=task.retries)
    runner = asyncio.Runner()

    async def call() -> Any:
        async with agent.run_stream(task.document) as stream:
            return await stream.get_output()

    return lambda: runner.run(call())


def langchain_stream(fault: Fault, url: str) -> Call:
    """Use the stream of LangChain's structured output, of which the last value counts."""
    task = _task(fault, url)
    said = {"timeout": task.timeout, "max_retries": task.retries}
    chat = importlib.import_module("langchain_openai").ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, **said)
    chain = chat.with_structured_output(Invoice, method="json_schema")
    return lambda: _last(chain.stream(task.messages(task.document)))


def _last(values: Iterable[Any]) -> Any:
    value = None
    for value in values:  # noqa: B007  # the last one counts
        pass
    return value


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a library is called, without a stream and with one, and the modules whose errors are its own."""

    make: Make
    streamed: Make
    own: tuple[str, ...]


_SDK = ("openai", "pydantic", "pydantic_core")
WAYS: Mapping[str, Way] = {
    "extractor": Way(make=ours, streamed=ours, own=("extractor",)),
    "OpenAI SDK": Way(make=sdk, streamed=sdk, own=_SDK),
    "instructor: JSON Schema": Way(
        make=_asked("instructor: JSON Schema"), streamed=instructor_stream, own=("instructor", *_SDK)
    ),
    "pydantic-ai: NativeOutput": Way(
        make=_asked("pydantic-ai: NativeOutput"), streamed=pydantic_ai_stream, own=("pydantic_ai",)
    ),
    "LangChain": Way(
        make=_asked("LangChain"), streamed=langchain_stream, own=("langchain_core", "langchain_openai", *_SDK)
    ),
}
"""By their names among all contenders."""
LOADED = ("openai.resources.chat", "openai.lib.streaming.chat", "anyio._backends._asyncio", "extractor.streams")


def _load() -> None:
    """Load what the contenders load late, so that it is loaded once and not in each process."""
    for module in LOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    for contender in installed(*WAYS):
        WAYS[contender.name].make(FAULTS[0], "http://127.0.0.1:9/v1")


# -------------------------------------------------------------------------------------- one of them


@dataclass(frozen=True, kw_only=True)
class Became:
    """What became of one fault: `end` is right, typed, wrong, foreign or hangs."""

    end: str
    what: str = ""
    seconds: float = SECONDS
    megabytes: float = 0.0
    requests: int = 0
    elsewhere: int = 0


def _alone(name: str, fault_id: str, url: str, results: Connection) -> None:
    """In a process of its own: run one, and send what became of it."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    way = WAYS[name]
    fault = next(fault for fault in FAULTS if fault.id == fault_id)
    _limit()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest so far is forgotten
    before, began = _kilobytes("VmRSS"), time.monotonic()
    try:
        value = _called((way.streamed if fault.asks_stream else way.make)(fault, url), fault.calls)
        end, what = ("right" if _data(value) == RIGHT else "wrong"), repr(value)
    except BaseException as error:  # noqa: BLE001  # whatever it is
        end = "typed" if type(error).__module__.partition(".")[0] in way.own else "foreign"
        end = "wrong" if type(error) is ValueError and str(error).endswith(NO_RECORD) else end
        what = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    grown = (_kilobytes("VmHWM") - before) / 1024
    if "MemoryError" in what:
        grown = float(MOST_MEGABYTES)
    results.send({"end": end, "what": what[:200], "seconds": time.monotonic() - began, "megabytes": grown})
    results.close()
    os._exit(0)  # with whatever it has left open


def _kilobytes(name: str) -> int:
    """A number of this process: what it holds (VmRSS), or the most that it has held (VmHWM); 0 where nobody says."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])
    return 0


def _limit() -> None:
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + (MOST_MEGABYTES << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _called(call: Call, calls: int) -> Any:
    for _ in range(calls - 1):
        with contextlib.suppress(Exception):
            call()
        time.sleep(SECOND_CALL)
    return call()


def _data(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump() if dump is not None else value


def _became(context: Any, name: str, fault: Fault) -> Became:
    """Run one in a process of its own, against a server here."""
    receiving, sending = context.Pipe(duplex=False)
    with Faulty(fault) as server:
        process = context.Process(target=_alone, args=(name, fault.id, server.base_url, sending), daemon=True)
        process.start()
        sending.close()
        said: dict[str, Any] = {"end": "hangs"}
        if receiving.poll(SECONDS):
            try:
                said = receiving.recv()
            except EOFError:
                said = {"end": "foreign", "what": "the process died"}
        process.kill()
        process.join()
        receiving.close()
        return Became(**said, requests=server.tries, elsewhere=server.elsewhere)


def _measured(faults: list[Fault], names: list[str], jobs: int) -> dict[str, dict[str, Became]]:
    context = multiprocessing.get_context("forkserver")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parent), *sys.path[1:]])
    context.set_forkserver_preload(["faults"])  # this file, once more: as __main__ it is not loaded beforehand
    first = context.Process(target=time.monotonic)  # it takes the time to load all
    first.start()
    first.join()
    cases = [(name, fault) for fault in faults for name in names]
    # What takes much memory is not run beside others of its kind.
    light, heavy = ([case for case in cases if case[1].heavy is each] for each in (False, True))
    became: dict[str, dict[str, Became]] = {name: {} for name in names}
    for some, number in ((light, jobs), (heavy, 2)):
        with ThreadPoolExecutor(number) as pool:
            for (name, fault), each in zip(some, pool.map(lambda case: _became(context, *case), some), strict=True):
                became[name][fault.id] = each
    return became


# ---------------------------------------------------------------------------------------- reporting

ENDS = ("right", "typed", "wrong", "foreign", "hangs")


def _is_clean(became: Became) -> bool:
    return became.end in ("right", "typed") and became.megabytes <= MEGABYTES and not became.elsewhere


def _row(became: Mapping[str, Became]) -> list[Cell]:
    ends = Counter(each.end for each in became.values())
    large = sum(each.megabytes > MEGABYTES for each in became.values())
    elsewhere = sum(each.elsewhere > 0 for each in became.values())
    return [sum(map(_is_clean, became.values())), *(ends[end] for end in ENDS), large, elsewhere]


def _ends(measured: Mapping[str, Mapping[str, Became]]) -> Table:
    rows = {name: _row(became) for name, became in measured.items()}
    names = {"clean": "more", "right": "more", "typed": ""}
    columns = tuple(
        Column(name=name, form=",.0f", better=cast("Better", names.get(name, "less")))
        for name in ("clean", *ENDS, "memory", "elsewhere")
    )
    title = f"What became of {len(next(iter(measured.values())))} faults"
    return Table(title=title, columns=columns, rows=rows, ours=("extractor",))


def _by_group(faults: list[Fault], measured: Mapping[str, Mapping[str, Became]]) -> Table:
    groups: dict[str, list[str]] = {}
    for fault in faults:
        groups.setdefault(fault.group, []).append(fault.id)
    rows: dict[str, list[Cell]] = {
        name: [sum(_is_clean(became[each]) for each in ids) for ids in groups.values()]
        for name, became in measured.items()
    }
    columns = tuple(Column(name=f"{group} ({len(ids)})", form=",.0f", better="more") for group, ids in groups.items())
    return Table(title="Clean, by group of faults", columns=columns, rows=rows, ours=("extractor",), bars="")


def _chosen(only: str, sample: int | None, seed: int) -> list[Fault]:
    """The faults with this in their names; of each group so many, by chance."""
    faults = [fault for fault in FAULTS if only in fault.id]
    if sample is None:
        return faults
    chance = random.Random(seed)
    groups: dict[str, list[Fault]] = {}
    for fault in faults:
        groups.setdefault(fault.group, []).append(fault)
    kept = {fault.id for each in groups.values() for fault in chance.sample(each, min(sample, len(each)))}
    return [fault for fault in faults if fault.id in kept]


NOTES = (
    "Clean is the right value, or an error of the library's own (or of the OpenAI SDK or pydantic, where it is made of "
    "them). Some faults have no right value. Memory is more than "
    f"{MEGABYTES} MB, elsewhere a request that was sent to another host.",
    "All have the same timeout, and two more tries where they try again. pydantic-ai has errors of its own for those "
    "of the SDK; what comes through as another is foreign there.",
    "extractor answers a redirect with an error, since key and document would go along; the others follow it, some of "
    "them to another host.",
    "Without trustcall and langextract: the replies are content, the one waits for a tool call, the other for its own "
    "form. Their HTTP is LangChain's and the OpenAI SDK's.",
    "The whole table of faults is what the tests of this library go through, so that it knows all of them.",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="only faults whose name has this in it")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of each group, by chance")
    parser.add_argument("--seed", type=int, default=1, help="of that chance")
    parser.add_argument("--fast", action="store_true", help="without the other libraries")
    parser.add_argument("--jobs", type=int, default=6, help="how many run side by side")
    parser.add_argument("--write", type=Path, help="write the page about faults there, and measure nothing")
    options(parser)
    return parser.parse_args()


def main() -> None:
    """Measure and publish, or write the page."""
    arguments = _arguments()
    if arguments.write:
        arguments.write.write_text(page(), encoding="utf-8")
        return
    isolated()
    began = time.perf_counter()
    faults = _chosen(arguments.only, arguments.sample, arguments.seed)
    present = installed("extractor") if arguments.fast else installed(*WAYS)
    measured = _measured(faults, [each.name for each in present], arguments.jobs)
    part = f"{len(faults)} of the {len(FAULTS)} faults, by chance with the seed {arguments.seed}."
    report = Report(
        name="faults",
        question="What becomes of an extraction when the endpoint does something wrong?",
        command=command(),
        environment=machine(),
        versions=versions(present),
        tables=(_ends(measured), _by_group(faults, measured)),
        notes=(*NOTES, *([part] if arguments.sample else [])),
        seconds=time.perf_counter() - began,
        data={name: {key: asdict(each) for key, each in became.items()} for name, became in measured.items()},
    )
    publish(report, arguments)


if __name__ == "faults":
    _load()
if __name__ == "__main__":
    main()
