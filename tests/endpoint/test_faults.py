"""Every fault of the table, done to the library over real connections, sync and async: the right value, or the one
right error with its evidence, in bounded time and memory, and nothing left open.

All the selected faults are run side by side before the first test, since most of them are waits; each test then
looks at what became of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as Hung
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import extractor
from extractor import AsyncExtractor, Extractor, errors
from extractor.chat.wire import Usage
from extractor.errors import EndpointError, ExtractionFailed, StatusError

sys.path.insert(0, str(Path(__file__).parent))

from faulty import DOCUMENT, FAULTS, KEY, MARK, RECOVERS, RIGHT, TRIES, Fault, Faulty, Invoice, page

ROOT = Path(__file__).resolve().parents[2]
HANGS = 10.0
"""Seconds after which a call hangs: a guard, no measure."""
GIVEN_UP = 120.0
"""Seconds for all of them together; what has not ended then hangs."""
MEGABYTES = 120
"""How much more memory the worst of them may take than what is there without: the bound of a reply is 32 MB, and
it is held in pieces, and as a whole to be read.
"""
USUAL: Mapping[str, Any] = {"timeout": 8.0, "deadline": 9.0, "backoff": 0.01}
LARGE = DOCUMENT + " " * 12_000_000  # does not fit into the buffers of a connection

# --------------------------------------------------------------------------------------- running


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of one fault in one way. `sizes` are the requests' bodies, in bytes; `tasks` what was left over;
    `megabytes` the memory it took, where it ran alone.
    """

    value: Any = None
    error: BaseException | None = None
    seconds: float = 0.0
    tries: int = 0
    sizes: tuple[int, ...] = ()
    elsewhere: int = 0
    tasks: int = 0
    megabytes: float = 0.0


def _arguments(fault: Fault, base_url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    made = {**USUAL, **fault.settings, "base_url": base_url, "api_key": KEY, "model": "m"}
    return made, {"stream": True} if fault.asks_stream else {}


def _document(fault: Fault) -> str:
    return LARGE if fault.large else DOCUMENT


def _sync(fault: Fault, server: Faulty) -> Any:
    made, call = _arguments(fault, server.base_url)
    with Extractor(**made) as client:
        for _ in range(fault.calls - 1):
            with contextlib.suppress(EndpointError):  # it is the last call that counts
                client.run(Invoice, _document(fault), **call)
            server.settled()
        return client.run(Invoice, _document(fault), **call).value


async def _async(fault: Fault, server: Faulty) -> Any:
    made, call = _arguments(fault, server.base_url)
    async with AsyncExtractor(**made) as client:
        for _ in range(fault.calls - 1):
            with contextlib.suppress(EndpointError):
                await client.run(Invoice, _document(fault), **call)
            await asyncio.to_thread(server.settled)
        return (await client.run(Invoice, _document(fault), **call)).value


def _shown(fault: Fault, server: Faulty) -> Any:
    made, _ = _arguments(fault, server.base_url)
    with Extractor(**made) as client:
        stream = client.stream(Invoice, _document(fault))
        for _ in stream:
            pass
        return stream.result.value


async def _shown_async(fault: Fault, server: Faulty) -> Any:
    made, _ = _arguments(fault, server.base_url)
    async with AsyncExtractor(**made) as client:
        stream = client.stream(Invoice, _document(fault))
        async for _ in stream:
            pass
        return stream.result.value


WAYS: Mapping[str, Any] = {"sync": _sync, "async": _async, "stream": _shown, "async stream": _shown_async}


def _cases(faults: Iterable[Fault]) -> pytest.MarkDecorator:
    cases = [(fault, way) for fault in faults for way in fault.ways]
    return pytest.mark.parametrize(("fault", "way"), cases, ids=[f"{fault.id} ({way})" for fault, way in cases])


def _run(fault: Fault, way: str, server: Faulty) -> tuple[Any, BaseException | None, int]:
    try:
        if not way.startswith("async"):
            return WAYS[way](fault, server), None, 0

        async def watched() -> tuple[Any, BaseException | None, int]:
            value, error = None, None
            try:
                value = await WAYS[way](fault, server)
            except Exception as caught:
                error = caught
            return value, error, len(asyncio.all_tasks()) - 1

        return asyncio.run(watched())
    except Exception as error:
        return None, error, 0


def _ended(fault: Fault, way: str) -> Ended:
    with Faulty(fault) as server:
        began = time.monotonic()
        value, error, tasks = _run(fault, way, server)
        return Ended(
            value=value,
            error=error,
            seconds=time.monotonic() - began,
            tries=server.tries,
            sizes=tuple(server.sizes),
            elsewhere=server.elsewhere,
            tasks=tasks,
        )


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is open in this process."""

    threads: frozenset[str]
    descriptors: int

    @classmethod
    def now(cls) -> Left:
        """As of now."""
        gc.collect()
        descriptors = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
        return cls(threads=frozenset(thread.name for thread in threading.enumerate()), descriptors=descriptors)


@pytest.fixture(scope="module")
def before() -> Left:
    """What was open before."""
    return Left.now()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, before: Left) -> Iterator[Mapping[tuple[str, str], Future[Ended]]]:
    """What becomes of the faults that tests were selected for; all of them are under way."""
    selected = [
        (item.callspec.params["fault"], item.callspec.params["way"])
        for item in request.session.items
        if item.path == Path(__file__) and hasattr(item, "callspec") and "way" in item.callspec.params
    ]
    chosen = {(fault.id, way): fault for fault, way in selected}
    # The longest first, so that none of them is waited for alone at the end.
    ordered = sorted(chosen.items(), key=lambda case: not case[1].settings)
    light, heavy = ([case for case in ordered if case[1].heavy is each] for each in (False, True))
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(12) as pool, ThreadPoolExecutor(2) as processes:
        patch.setenv("NO_PROXY", "*")
        started = {case: pool.submit(_ended, fault, case[1]) for case, fault in light}
        wait(started.values(), timeout=GIVEN_UP)  # before anything else: that takes the CPU from those who wait
        started |= {case: processes.submit(_ended_alone, fault, case[1]) for case, fault in heavy}
        wait(started.values(), timeout=GIVEN_UP)
        yield started


# ------------------------------------------------------------------------------------- looking at it


def _planted(thing: Any, depth: int = 6) -> Iterator[str]:
    """Where the key stands in something: in how it prints, in containers, in records of ours."""
    if isinstance(thing, (str, bytes)):
        if KEY in (thing if isinstance(thing, str) else thing.decode("latin-1")):
            yield repr(thing)[:100]
    elif depth and isinstance(thing, Mapping):
        yield from (each for item in thing.items() for part in item for each in _planted(part, depth - 1))
    elif depth and isinstance(thing, (list, tuple, set, frozenset)):
        yield from (each for part in thing for each in _planted(part, depth - 1))
    elif depth and isinstance(thing, BaseException):
        yield from _planted([str(thing), repr(thing), thing.args, vars(thing)], depth - 1)
    elif depth and dataclasses.is_dataclass(thing) and not _may_hold_it(thing):
        yield from (
            each for item in dataclasses.fields(thing) for each in _planted(getattr(thing, item.name, None), depth - 1)
        )
    elif KEY in repr(thing):
        yield f"{type(thing).__name__}: {repr(thing)[:100]}"


def _may_hold_it(thing: Any) -> bool:
    """What sends has to know the key; it must not print it."""
    return type(thing).__module__.startswith(("extractor.endpoint", "extractor.client", "extractor.async_client"))


def _frames(trace: TracebackType | None) -> Iterator[dict[str, Any]]:
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) != Path(__file__):
            yield dict(trace.tb_frame.f_locals)
        trace = trace.tb_next


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from getattr(error, "retries", ())
        error = error.__cause__ or error.__context__


def _leaks(error: BaseException, large: bool) -> list[str]:
    found = list(_planted(pickle.dumps(error)))
    for each in _chain(error):
        found += _planted(each)
        for names in _frames(None if large else each.__traceback__):  # all of a large request would be printed
            found += (f"{name}: {place}" for name, thing in names.items() for place in _planted(thing))
    return found


def _check_error(fault: Fault, error: Any) -> None:
    """An error is the one that is expected, and has all that it should have."""
    told = "".join(traceback.format_exception(error))
    assert type(error) is getattr(errors, fault.expected), told
    message = str(error)
    assert len(message.encode()) <= 2_048
    assert message.isprintable()
    assert MARK not in message
    assert fault.told in message.replace(",", "")
    assert error.hint
    assert len(error.attempts) == fault.answered
    if fault.said:
        assert fault.said in error.body
    if isinstance(error, EndpointError):
        assert error.url.startswith(("http://127.0.0.1:", "https://127.0.0.1:"))
    if isinstance(error, ExtractionFailed):
        assert error.usage == sum((each.reply.usage for each in error.attempts if each.reply.usage), Usage())
    if not fault.asks_stream:  # the usage comes at the end of a stream
        assert [each.reply.usage.total_tokens for each in error.attempts if each.reply.usage] == [60] * fault.answered
    _check_pickled(error)


def _check_pickled(error: Any) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again).keys() == vars(error).keys()
    for name in ("hint", "url", "body", "status", "code", "headers", "attempts", "value", "errors", "usage"):
        assert getattr(again, name, None) == getattr(error, name, None), name
    if isinstance(error, EndpointError):
        assert [str(each) for each in again.retries] == [str(each) for each in error.retries]


def _check(fault: Fault, ended: Ended) -> None:
    if fault.expected == RECOVERS:
        if ended.error is not None:
            raise ended.error
        assert ended.value == Invoice.model_validate(RIGHT)
    else:
        assert ended.error is not None, f"gave {ended.value!r}"
        _check_error(fault, ended.error)
        assert _leaks(ended.error, fault.large) == []
    assert ended.tries == fault.requests
    assert ended.elsewhere == 0
    assert ended.tasks == 0
    assert ended.seconds < HANGS
    if fault.grows is not None:
        assert max(ended.sizes) <= ended.sizes[0] + fault.grows


# --------------------------------------------------------------------------------------- the tests


@_cases(fault for fault in FAULTS if not fault.heavy)
def test_fault(fault: Fault, way: str, outcomes: Mapping[tuple[str, str], Future[Ended]]) -> None:
    """It ends as the table says: the value or the error, the requests, the evidence; and leaks nothing."""
    try:
        ended = outcomes[fault.id, way].result(0)
    except Hung:
        pytest.fail("it hangs")
    _check(fault, ended)


@_cases(fault for fault in FAULTS if fault.requests == TRIES and fault.expected != RECOVERS and not fault.answered)
def test_the_failures_before_are_kept(
    fault: Fault, way: str, outcomes: Mapping[tuple[str, str], Future[Ended]]
) -> None:
    """An error after retries has the failures before it, in their order."""
    error = outcomes[fault.id, way].result(0).error
    assert isinstance(error, EndpointError)
    assert len(error.retries) == fault.requests - 1
    if fault.id == "one after the other: 500, reset, 429":
        first, second = error.retries
        assert isinstance(first, StatusError)
        assert (first.status, type(second)) == (500, errors.ConnectionFailed)


def test_nothing_is_left_open(outcomes: Mapping[tuple[str, str], Future[Ended]], before: Left) -> None:
    """No thread and no socket outlives its extractor."""
    for future in outcomes.values():
        future.exception(0)
    left = Left.now()
    assert {name for name in left.threads - before.threads if not name.startswith("ThreadPool")} == set()
    assert left.descriptors <= before.descriptors + 2  # the pool's own


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted otherwise elsewhere")
@_cases(fault for fault in FAULTS if fault.heavy)
def test_bounded_memory(fault: Fault, way: str, outcomes: Mapping[tuple[str, str], Future[Ended]]) -> None:
    """A reply without end is given up before it fills the memory, in a process of its own."""
    ended = outcomes[fault.id, way].result(0)
    _check(fault, ended)
    assert ended.megabytes < MEGABYTES


def _ended_alone(fault: Fault, way: str) -> Ended:
    """Run one in a process of its own, against a server in this one."""
    with Faulty(fault) as server:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), fault.id, way, server.base_url],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        error, megabytes, seconds = pickle.loads(done.stdout)
        return Ended(error=error, megabytes=megabytes, seconds=seconds, tries=server.tries, sizes=tuple(server.sizes))


def _alone(name: str, way: str, base_url: str) -> tuple[BaseException | None, float, float]:
    """Run one fault here: its error, the megabytes that it took, and the seconds."""
    fault = next(fault for fault in FAULTS if fault.id == name)
    extractor.Extractor("m", base_url="http://127.0.0.1:9/v1").close()  # what it loads is not counted
    asyncio.run(asyncio.sleep(0))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest so far is forgotten
    before, began = _kilobytes("VmRSS"), time.monotonic()
    _, error, _ = _run(fault, way, _Elsewhere(base_url))  # type: ignore[arg-type]  # all that is asked of a server
    return error, (_kilobytes("VmHWM") - before) / 1024, time.monotonic() - began


def _kilobytes(name: str) -> int:
    """A number of this process: what it holds (VmRSS), or the most that it has held (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


@dataclass(frozen=True)
class _Elsewhere:
    """A server in another process."""

    base_url: str


def _raised(code: str) -> EndpointError:
    """What code from elsewhere raises."""
    with pytest.raises(EndpointError) as caught:
        exec(compile(code, "elsewhere", "exec"), {"EndpointError": EndpointError, "KEY": KEY})
    return caught.value


def test_a_leak_would_be_found() -> None:
    """The search finds the key in an attribute, in the error before, and in a local variable."""
    assert _leaks(_raised("raise EndpointError('it failed', body='key: ' + KEY)"), False)
    assert _leaks(_raised("try:\n raise ValueError(KEY)\nexcept ValueError:\n raise EndpointError('it failed')"), False)
    assert _leaks(_raised("def f(sent):\n raise EndpointError('it failed')\nf([{'a': KEY}])"), False)
    assert not _leaks(_raised("raise EndpointError('it failed')"), True)


def test_the_table() -> None:
    """The faults are many, each is there once, and each names an error that exists."""
    names = [fault.id for fault in FAULTS]
    assert len(names) == len(set(names)) >= 160
    assert all(fault.expected == RECOVERS or hasattr(errors, fault.expected) for fault in FAULTS)
    assert all("|" not in fault.name or fault.family for fault in FAULTS)


def test_the_page_is_what_is_tested() -> None:
    """docs/reference/faults.md is made of the table: `python benchmarks/faults.py --write docs/reference/faults.md`."""
    assert (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_alone(*sys.argv[1:])))
