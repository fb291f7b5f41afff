"""What becomes of an extraction when the endpoint does something wrong, here and in other libraries.

    python benchmarks/faults.py [--only TEXT] [--fast] [--json FILE] [--jobs 6]
    python benchmarks/faults.py --write docs/reference/faults.md

Every fault of the table in tests/endpoint/faulty.py is done by a server on loopback to each contender, in a process
of its own that is given 10 seconds and a gigabyte. Counted are:

- right: the right value
- typed: an error of that library (for the OpenAI SDK and instructor also of pydantic, and of the SDK)
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
import importlib.util
import json
import logging
import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

from loopback import environment, isolated, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "endpoint"))

from faulty import DOCUMENT, FAULTS, KEY, RIGHT, Fault, Faulty, Invoice, page

Call: TypeAlias = "Callable[[], Any]"

MODEL = "m"
SECONDS = 10.0
MEGABYTES = 500
MOST_MEGABYTES = 1_000  # more is not given: others need the machine, too
TRIES, ROUNDS = 2, 2  # again, after the first
SYSTEM = "Extract the data from the document that the user sends, as one JSON object."
SECOND_CALL = 0.2  # seconds until the next call, so that a server has closed what it wants to

# ------------------------------------------------------------------------ contenders, (fault, url) → call


def _document(fault: Fault) -> str:
    text: str = DOCUMENT
    return text + " " * 16_000_000 if fault.large else text


def _messages(fault: Fault) -> list[Any]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": _document(fault)}]


def _timeout(fault: Fault) -> float:
    """Those without a deadline get it as their timeout."""
    return float(fault.settings.get("timeout") or fault.settings.get("deadline") or 8.0)


def ours(fault: Fault, url: str) -> Call:
    """Use `Extractor.extract`."""
    extractor: Any = importlib.import_module("extractor")
    settings = {"timeout": 8.0, "deadline": 9.0, **fault.settings}
    client = extractor.Extractor(MODEL, base_url=url, api_key=KEY, **settings)
    call = {"stream": True} if fault.asks_stream else {}
    return lambda: client.extract(Invoice, _document(fault), **call)


def _openai(fault: Fault, url: str) -> Any:
    return importlib.import_module("openai").OpenAI(
        base_url=url, api_key=KEY, timeout=_timeout(fault), max_retries=TRIES
    )


def openai_parse(fault: Fault, url: str) -> Call:
    """Use the OpenAI SDK's own structured output."""
    completions = _openai(fault, url).chat.completions
    asked = {"model": MODEL, "messages": _messages(fault), "response_format": Invoice}

    def parsed(message: Any) -> Any:
        if message.parsed is None and message.refusal:  # its way to say so, which counts as an error of its own
            raise importlib.import_module("openai").OpenAIError(message.refusal)
        return message.parsed

    def call() -> Any:
        return parsed(completions.parse(**asked).choices[0].message)

    def streamed() -> Any:
        with completions.stream(**asked) as stream:
            for _ in stream:
                pass
            return parsed(stream.get_final_completion().choices[0].message)

    return streamed if fault.asks_stream else call


def instructor_json(fault: Fault, url: str) -> Call:
    """Use instructor, with the endpoint's structured output."""
    instructor: Any = importlib.import_module("instructor")
    client = instructor.from_openai(_openai(fault, url), mode=instructor.Mode.JSON_SCHEMA)
    asked = {"model": MODEL, "messages": _messages(fault), "response_model": Invoice, "max_retries": ROUNDS + 1}

    def streamed() -> Any:
        value = None
        for value in client.chat.completions.create_partial(**asked):  # noqa: B007  # the last one counts
            pass
        return value

    return streamed if fault.asks_stream else lambda: client.chat.completions.create(**asked)


def pydantic_ai_native(fault: Fault, url: str) -> Call:
    """Use pydantic-ai, with the endpoint's structured output."""
    pydantic_ai: Any = importlib.import_module("pydantic_ai")
    models: Any = importlib.import_module("pydantic_ai.models.openai")
    providers: Any = importlib.import_module("pydantic_ai.providers.openai")
    made = importlib.import_module("openai").AsyncOpenAI(
        base_url=url, api_key=KEY, timeout=_timeout(fault), max_retries=TRIES
    )
    model = models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(openai_client=made))
    output = pydantic_ai.NativeOutput(Invoice)
    agent = pydantic_ai.Agent(model, system_prompt=SYSTEM, output_type=output, retries=ROUNDS)
    runner = asyncio.Runner()

    async def call() -> Any:
        if not fault.asks_stream:
            return (await agent.run(_document(fault))).output
        async with agent.run_stream(_document(fault)) as stream:
            return await stream.get_output()

    return lambda: runner.run(call())


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A library: how it is called, and the modules whose errors are its own."""

    make: Callable[[Fault, str], Call]
    own: tuple[str, ...]


CONTENDERS: Mapping[str, Contender] = {
    "extractor": Contender(make=ours, own=("extractor",)),
    "openai parse": Contender(make=openai_parse, own=("openai", "pydantic", "pydantic_core")),
    "instructor": Contender(make=instructor_json, own=("instructor", "openai", "pydantic", "pydantic_core")),
    "pydantic-ai": Contender(make=pydantic_ai_native, own=("pydantic_ai",)),
}
LOADED = ("openai.resources.chat", "openai.lib.streaming.chat", "anyio._backends._asyncio", "extractor.streams")


def _load() -> None:
    """Load what the contenders load late, so that it is loaded once and not in each process."""
    for module in LOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    for name in _installed():
        CONTENDERS[name].make(FAULTS[0], "http://127.0.0.1:9/v1")


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
    contender = CONTENDERS[name]
    fault = next(fault for fault in FAULTS if fault.id == fault_id)
    _limit()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest so far is forgotten
    before, began = _kilobytes("VmRSS"), time.monotonic()
    try:
        value = _called(contender.make(fault, url), fault.calls)
        end, what = ("right" if _data(value) == RIGHT else "wrong"), repr(value)
    except BaseException as error:  # noqa: BLE001  # whatever it is
        end = "typed" if type(error).__module__.partition(".")[0] in contender.own else "foreign"
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


def _installed() -> list[str]:
    modules = {"openai parse": "openai", "pydantic-ai": "pydantic_ai"}
    return [name for name in CONTENDERS if importlib.util.find_spec(modules.get(name, name)) is not None]


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


def _row(name: str, became: Mapping[str, Became]) -> list[str]:
    ends = Counter(each.end for each in became.values())
    large = sum(each.megabytes > MEGABYTES for each in became.values())
    elsewhere = sum(each.elsewhere > 0 for each in became.values())
    clean = sum(_is_clean(each) for each in became.values())
    return [name, f"{clean}/{len(became)}", *(str(ends[end]) for end in ENDS), str(large), str(elsewhere)]


def _is_clean(became: Became) -> bool:
    return became.end in ("right", "typed") and became.megabytes <= MEGABYTES and not became.elsewhere


def _by_group(faults: list[Fault], measured: Mapping[str, Mapping[str, Became]]) -> str:
    groups: dict[str, list[str]] = {}
    for fault in faults:
        groups.setdefault(fault.group, []).append(fault.id)
    rows = [
        [group, str(len(ids)), *(str(sum(_is_clean(became[each]) for each in ids)) for became in measured.values())]
        for group, ids in groups.items()
    ]
    return table(["clean in", "faults", *measured], rows)


def main() -> None:
    """Measure and print, or write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="only faults whose name has this in it")
    parser.add_argument("--fast", action="store_true", help="without the other libraries")
    parser.add_argument("--jobs", type=int, default=6, help="how many run side by side")
    parser.add_argument("--json", type=Path, help="write what became of each fault there")
    parser.add_argument("--write", type=Path, help="write the page about faults there, and measure nothing")
    arguments = parser.parse_args()
    if arguments.write:
        arguments.write.write_text(page(), encoding="utf-8")
        return
    isolated()
    faults = [fault for fault in FAULTS if arguments.only in fault.id]
    names = ["extractor"] if arguments.fast else _installed()
    measured = _measured(faults, names, arguments.jobs)
    print(f"{environment()}\n{len(faults)} faults, {SECONDS:.0f} seconds and {MOST_MEGABYTES:,} MB each\n")
    head = ["", "clean", *ENDS, "memory", "elsewhere"]
    print(table(head, [_row(name, became) for name, became in measured.items()]) + "\n\n" + _by_group(faults, measured))
    if arguments.json:
        plain = {name: {key: asdict(each) for key, each in became.items()} for name, became in measured.items()}
        arguments.json.write_text(json.dumps(plain, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "faults":
    _load()
if __name__ == "__main__":
    main()
