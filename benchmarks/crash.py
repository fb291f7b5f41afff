"""Whether a job keeps what it promises when its process dies: nothing is lost, nothing is asked for twice.

    python benchmarks/crash.py [--kills 100] [--seed 1] [--documents 150] [--only TEXT] [--fast] [--keep FOLDER]
                               [--into FOLDER]

A child works at a job: `Extractor.map(…, job=)`, the async one, or `extractor batch`, in turn at the same file. It is
killed (SIGKILL) at a random moment and started again, until all is done. The endpoint runs in a process of its own and
writes down every request (benchmarks/ledger.py); the file is read after each death. Some documents need two requests,
since the first reply does not conform; some stand there twice; some are read in a process of their own, of which none
may be left; in one scenario they are cut into chunks. Then the other ways for it to go wrong: a full disk, a folder
that cannot be written to, several processes at one job, a wall clock that jumps by days, Ctrl-C, SIGTERM.

Gives for each scenario how often a process was ended, the documents, those that were `lost` (shown or in the file
once, and at the end not, or with another value), those with two results or asked for after they were finished
(`twice`), the requests, those that were paid twice (the same `Idempotency-Key`, not refused), and how many could not be
helped (`allowed`). Those are the requests that were under way when the process died: it had sent them (they are in the
ledger under its session), and neither had their document's result been in the file then, nor had the next request of
the same conversation been sent, which it must not be before the reply is safe. No clock decides about that. `oldest` is
the longest time that a reply that was asked for again had been there when the process died. The exit code is 1 where a
promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ledger import MODEL, Case, Entry, Ledger, Slip, case, keeping
from loopback import command, isolated, machine
from results import Cell, Column, Report, Table, options, publish

Driver: TypeAlias = Literal["threads", "tasks", "command"]
DRIVERS: tuple[Driver, ...] = ("threads", "tasks", "command")

SESSION = "CRASH_SESSION"  # in the environment of a child, and of its own
PYTHONPATH = os.pathsep.join(filter(None, [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH")]))
AT_ONCE = 8
THINK = 0.03  # seconds, on average
CHUNK = 64  # tokens
PATIENCE = 120.0  # seconds that a session may take at most
DAY = 86_400
PLAIN = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""What has a command obey the modes of files although it is root's."""

# -------------------------------------------------------------------------------------------- the child


def _documents(folder: Path, texts: bool) -> Iterator[Any]:
    from extractor.documents.loaded import Input

    for path in sorted(folder.iterdir()):
        yield Input(name=path.stem, document=path.read_text(encoding="utf-8")) if texts else path


def _show(each: Any) -> None:
    error = None if each.error is None else f"{type(each.error).__name__}: {each.error}"
    data = None if each.result is None else each.result.data
    shown = {"at": time.monotonic(), "name": each.name, "data": data, "restored": each.restored, "error": error}
    sys.stdout.write(json.dumps(shown) + "\n")
    sys.stdout.flush()


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    from extractor.documents.chunking import Chunking

    chunked = {"chunking": Chunking(tokens=CHUNK)} if arguments.chunked else {}
    return {"base_url": arguments.base_url, "api_key": arguments.session, **chunked}


def _by_threads(arguments: argparse.Namespace) -> None:
    from extractor import Extractor

    documents = _documents(arguments.folder, arguments.texts)
    with (
        Extractor(MODEL, **_settings(arguments)) as extractor,
        extractor.map(Slip, documents, job=arguments.job, concurrency=AT_ONCE) as results,
    ):
        for each in results:
            _show(each)


async def _by_tasks(arguments: argparse.Namespace) -> None:
    from extractor import AsyncExtractor

    documents = _documents(arguments.folder, arguments.texts)
    async with (
        AsyncExtractor(MODEL, **_settings(arguments)) as extractor,
        extractor.map(Slip, documents, job=arguments.job, concurrency=AT_ONCE) as results,
    ):
        async for each in results:
            _show(each)


def _by_command(arguments: argparse.Namespace) -> None:
    from extractor.__main__ import main as command

    os.environ["EXTRACTOR_API_KEY"] = arguments.session
    chunked = ["--chunk-tokens", str(CHUNK)] if arguments.chunked else []
    sys.argv = [
        *("extractor", "batch", "ledger:Slip", str(arguments.folder), "--job", str(arguments.job), *chunked),
        *("--model", MODEL, "--base-url", arguments.base_url, "--concurrency", str(AT_ONCE)),
    ]
    command()


def _jumping(seed: int) -> None:
    """Let the wall clock jump by a day, to and fro."""
    now, now_ns, jump, chance = time.time, time.time_ns, [0], random.Random(seed)

    def jumps() -> None:
        while True:
            jump[0] = chance.choice((-DAY, 0, DAY))
            time.sleep(0.03)

    time.time = lambda: now() + jump[0]
    time.time_ns = lambda: now_ns() + jump[0] * 1_000_000_000
    threading.Thread(target=jumps, daemon=True).start()


def child(arguments: argparse.Namespace) -> None:
    """Work at the job until it is done, or this process is."""
    if arguments.most_bytes:  # of any one file; Python has SIGXFSZ ignored
        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.most_bytes, arguments.most_bytes))
    if arguments.clock is not None:
        _jumping(arguments.clock)
    try:
        if arguments.child == "tasks":
            asyncio.run(_by_tasks(arguments))
        else:
            {"threads": _by_threads, "command": _by_command}[arguments.child](arguments)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception:  # noqa: BLE001  # it is shown, and judged by the parent
        traceback.print_exc()
        raise SystemExit(3) from None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A result that a child has shown, and when."""

    at: float
    name: str
    data: Any
    restored: bool
    error: str | None


class Child:
    """One session: a process at work."""

    def __init__(self, driver: Driver, session: str, command: Sequence[str], errors: Path) -> None:
        self.driver, self.session, self.errors = driver, session, errors
        self.shown: list[Shown] = []
        with errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, SESSION: session, "PYTHONPATH": PYTHONPATH},
            )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError, TypeError):  # what the command says, or half a line
                    self.shown.append(Shown(**json.loads(line)))

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        self.process.send_signal(number)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -999
        finally:
            self._reading.join()

    def said(self) -> str:
        """What it has said on stderr."""
        return self.errors.read_text(encoding="utf-8", errors="replace").strip()


# ------------------------------------------------------------------------------------------- the trial


@dataclass(frozen=True, kw_only=True)
class End:
    """How a session ended: when the file was looked at, and which documents were finished in it then. `told` is when it
    was killed, or sent a signal; None where it ended by itself.
    """

    at: float
    done: frozenset[str]
    told: float | None = None


@dataclass(kw_only=True)
class Trial:
    """One job: its documents, the sessions at it, and the ledger of the endpoint that they ask."""

    ledger: Ledger
    cases: Sequence[Case]
    folder: Path
    job: Path
    texts: bool = False
    chunked: bool = False
    sessions: dict[str, Child] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, each in enumerate(self.cases):
            (self.folder / f"{number:05}{each.suffix}").write_text(each.text, encoding="utf-8")

    def start(self, driver: Driver, *more: str, plain: bool = False) -> Child:
        """Begin a session."""
        session = f"session-{id(self) % 9_973:04}-{len(self.sessions):04}"
        script = str(Path(__file__).resolve())
        options = ["--folder", str(self.folder), "--job", str(self.job), "--base-url", self.ledger.base_url]
        options += [*(["--texts"] if self.texts else []), *(["--chunked"] if self.chunked else []), *more]
        command = [sys.executable, script, "--child", driver, "--session", session, *options]
        errors = self.folder.parent / f"{session}.log"
        self.sessions[session] = Child(driver, session, [*(PLAIN if plain else ()), *command], errors)
        return self.sessions[session]

    def look(self) -> dict[str, Any]:
        """The records in the file, by the beginning of their document's hash. Every one of them is checked."""
        if not self.job.exists():
            return {}
        from extractor.batch.store import Store
        from extractor.errors import JobError

        try:
            with contextlib.closing(Store(self.job, create=False, read_only=True)) as store:
                return {record.sha256[:16]: record for run in store.runs() for record in store.records(run.number)}
        except JobError as error:
            if self.job.stat().st_size:  # killed before there was anything in it
                self.broken.append(f"the file cannot be read: {error}")
            return {}

    def end(self, of: Child, told: float | None = None) -> None:
        """Write down how a session has ended."""
        at = time.monotonic()
        records = self.look()
        done = self._done(records)
        self.ends[of.session] = End(at=at, done=done, told=told)
        right = {each.sha16: each.value for each in self.cases}
        for sha16 in done:
            if records[sha16].data != right.get(sha16):
                self.broken.append(f"{of.session}: a wrong value in the file: {records[sha16]}")
        names = {f"{number:05}": each.sha16 for number, each in enumerate(self.cases)}
        for shown in of.shown:
            sha16 = names[Path(shown.name).stem]
            if sha16 not in done:
                self.broken.append(f"{of.session}: {shown.name} was shown, and is not in the file")
            if shown.data != right[sha16]:
                self.broken.append(f"{of.session}: wrong, or an error, is shown: {shown}")

    def kill(self, of: Child) -> bool:
        """Kill a session. It is stopped first, so that what is in the file is what it has put there. False where it
        has ended by itself.
        """
        of.signal(signal.SIGSTOP)
        if of.process.poll() is not None:
            return False
        at = time.monotonic()
        while not _is_stopped(of.process.pid) and time.monotonic() < at + 5:
            time.sleep(0.001)
        done = self._done(self.look())
        of.signal(signal.SIGKILL)
        of.ended()
        self.kills += 1
        self.end(of)
        if not done <= self.ends[of.session].done:
            self.broken.append(f"{of.session}: what was in the file before it was killed is not there any more")
        self.ends[of.session] = End(at=at, done=done, told=at)
        return True

    @staticmethod
    def _done(records: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(sha16 for sha16, record in records.items() if record.state in ("done", "failed"))

    def finish(self, driver: Driver, *more: str) -> None:
        """Let a session come to the end."""
        last = self.start(driver, *more)
        code = last.ended()
        self.end(last)
        if code != 0:
            self.broken.append(f"the last session ({driver}) ended with {code}: {last.said()[-2_000:]}")


def _left(sessions: Sequence[str], seconds: float = 10.0) -> list[str]:
    """The processes of sessions that are still there, though they get so many seconds to go."""
    until, left = time.monotonic() + seconds, [""]
    while left and time.monotonic() < until:
        left = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = dict(
                    line.split(b"=", 1) for line in place.joinpath("environ").read_bytes().split(b"\0") if b"=" in line
                )
                if environment.get(SESSION.encode(), b"").decode() in sessions:
                    left.append(f"process {place.name} is left: {place.joinpath('cmdline').read_text()[:200]}")
        time.sleep(0.1 if left else 0.0)
    return left


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TtZ"
    except OSError:  # another system: the signal has been sent
        return True


# -------------------------------------------------------------------------------------------- the judgement


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of a scenario; `oldest` is in seconds, `broken` are the promises that were."""

    scenario: str
    ended: int
    documents: int
    lost: int
    twice: int
    requests: int
    paid_twice: int
    allowed: int
    oldest: float
    broken: tuple[str, ...]


def _open(ends: Mapping[str, End], entries: Sequence[Entry]) -> set[int]:
    """The requests that were under way when their session ended, by number."""
    last: dict[tuple[str, str], int] = defaultdict(int)
    for each in entries:
        last[each.session, each.piece] = max(each.ordinal, last[each.session, each.piece])
    return {
        each.number
        for each in entries
        if each.session in ends
        and each.sha16 not in ends[each.session].done
        and each.ordinal == last[each.session, each.piece]
    }


def _asked_after(trial: Trial, entries: Sequence[Entry]) -> list[str]:
    """Requests for documents that were finished by then."""
    names = {f"{number:05}": each.sha16 for number, each in enumerate(trial.cases)}
    finished: dict[str, float] = {}
    for session, of in trial.sessions.items():
        times = [(names[Path(shown.name).stem], shown.at) for shown in of.shown]
        times += [(sha16, trial.ends[session].at) for sha16 in trial.ends[session].done]
        for sha16, at in times:
            finished[sha16] = min(at, finished.get(sha16, at))
    # What had been sent by one who was killed may come later.
    alive = [each for each in entries if each.session not in trial.ends or each.received <= trial.ends[each.session].at]
    late = [each for each in alive if each.received > finished.get(each.sha16, each.received)]
    return [f"{each.key} was asked for after it was finished" for each in late]


def _missing(trial: Trial) -> tuple[int, int, list[str]]:
    """How many documents are not in the file with the right value; how many are there more than once; what is wrong."""
    from extractor.batch.store import Store

    if not trial.job.exists():
        return len(trial.cases), 0, ["there is no file"]
    with contextlib.closing(Store(trial.job, create=False)) as store:
        runs, wrong = store.runs(), list(store.check())
        records = [record for run in runs for record in store.records(run.number)]
        counts = store.counts(runs[0].number) if runs else None
    if len(runs) != 1:
        wrong.append(f"{len(runs)} runs in the file")
    names = Counter(Path(record.name).stem for record in records)
    right = {f"{number:05}": each.value for number, each in enumerate(trial.cases)}
    values = [(Path(record.name).stem, record.data) for record in records if record.state == "done"]
    found = {name for name, data in values if data == right.get(name)}
    if counts is None or (counts.documents, counts.done) != (len(right), len(right)):
        wrong.append(f"the counts are {counts}")
    return len(right.keys() - found), sum(number - 1 for number in names.values()), wrong


def judged(scenario: str, trial: Trial) -> Row:
    """Hold everything against everything."""
    trial.ledger.settle()
    order = {session: number for number, session in enumerate(trial.sessions)}
    entries = [each for each in trial.ledger.entries() if each.session in order]
    opened, by_key = _open(trial.ends, entries), defaultdict(list)
    for each in entries:
        if each.paid:
            by_key[each.key].append(each)
    broken, paid_twice, oldest = [*trial.broken], 0, 0.0
    for key, same in by_key.items():
        same.sort(key=lambda entry: order[entry.session])
        for first, again in pairwise(same):
            paid_twice += 1
            if first.number not in opened or first.session == again.session:
                broken.append(f"{key} was paid twice, and not under way when {first.session} ended")
            told = trial.ends[first.session].told if first.session in trial.ends else None
            if told is not None and first.answered is not None:
                oldest = max(oldest, told - first.answered)
    after, (lost, doubled, wrong) = _asked_after(trial, entries), _missing(trial)
    fresh = Counter(shown.name for of in trial.sessions.values() for shown in of.shown if not shown.restored)
    again_shown = [f"{name} was shown as new {number} times" for name, number in fresh.items() if number > 1]
    cut_short = {session for session, of in trial.sessions.items() if of.process.returncode != 0}
    allowed = sum(each.number in opened and each.session in cut_short and each.paid for each in entries)
    broken += [*after, *wrong, *again_shown, *_left(list(trial.sessions))]
    broken += [f"{lost} documents are lost"] if lost else []
    broken += [f"{doubled} documents are there twice"] if doubled else []
    return Row(
        scenario=scenario,
        ended=trial.kills,
        documents=len(trial.cases),
        lost=lost,
        twice=doubled + len(after) + len(again_shown),
        requests=len(entries),
        paid_twice=paid_twice,
        allowed=allowed,
        oldest=oldest,
        broken=tuple(broken),
    )


# -------------------------------------------------------------------------------------------- the scenarios


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all scenarios are given: how many kills and documents in all, chance, and a folder of their own."""

    kills: int
    documents: int
    chance: random.Random
    folder: Path

    def job(self, ledger: Ledger, cases: Sequence[Case], name: str, **more: Any) -> Trial:
        """A new job."""
        folder = self.folder / "-".join(re.findall(r"\w+", name))
        return Trial(ledger=ledger, cases=cases, folder=folder / "documents", job=folder / "job.db", **more)


def cases_of(number: int, *, items: int = 3, pages: bool = False) -> list[Case]:
    """Documents of which every third needs two requests, and some stand there twice; with `pages` every fifth is HTML,
    which is read in a process of its own.
    """
    cases = [case(each, items=items, twice=each % 3 == 1, page=pages and each % 5 == 2) for each in range(number)]
    for each in range(10, number, 40):
        cases[each] = cases[each - 7]
    return cases


def _interrupted(trial: Trial, plan: Plan, drivers: Sequence[Driver]) -> bool:
    """A session that is killed at a random moment. False where it has come to its end before."""
    of, chance = trial.start(plan.chance.choice(drivers)), plan.chance
    if chance.random() < 0.15:  # while it starts
        time.sleep(chance.uniform(0.0, 1.0))
    else:
        trial.ledger.wait(of.session, chance.randint(1, 3 * AT_ONCE), 20.0)
        time.sleep(chance.uniform(0.0, 2 * THINK))
    if trial.kill(of):
        return True
    code = of.ended()
    trial.end(of)
    if code != 0:
        trial.broken.append(f"a session ({of.driver}) ended with {code}: {of.said()[-2_000:]}")
    return False


def killed(ledger: Ledger, plan: Plan, name: str, *, kills: int, drivers: Sequence[Driver], **more: Any) -> Row:
    """As many jobs, one after the other, as are needed for so many kills."""
    rows: list[Row] = []
    items = 12 if more.get("chunked") else 3
    while (left := kills - sum(row.ended for row in rows)) > 0:
        cases = cases_of(plan.documents, items=items, pages=not more)
        trial = plan.job(ledger, cases, f"{name}-{len(rows)}", **more)
        going = True
        while going and trial.kills < left:
            going = _interrupted(trial, plan, drivers)
        trial.finish(plan.chance.choice(drivers))
        rows.append(judged(name, trial))
    return _sum(name, rows)


def _sum(name: str, rows: Sequence[Row]) -> Row:
    added = ("ended", "documents", "lost", "twice", "requests", "paid_twice", "allowed")
    sums: dict[str, Any] = {each: sum(getattr(row, each) for row in rows) for each in added}
    broken = tuple(said for row in rows for said in row.broken)
    return Row(scenario=name, oldest=max((row.oldest for row in rows), default=0.0), broken=broken, **sums)


def together(ledger: Ledger, plan: Plan, name: str, *, drivers: Sequence[Driver], kill: bool, clock: bool) -> Row:
    """Several processes at one job; the first is killed in the middle."""
    trial = plan.job(ledger, cases_of(plan.documents), name)
    clocks = [["--clock", str(number)] if clock else [] for number in range(len(drivers))]
    working = [trial.start(driver, *more) for driver, more in zip(drivers, clocks, strict=True)]
    if kill:
        trial.ledger.wait(working[0].session, plan.chance.randint(4, max(5, plan.documents // 6)), 30.0)
        time.sleep(plan.chance.uniform(0.0, THINK))
        if trial.kill(working[0]):
            working = working[1:]
        else:
            trial.broken.append("the first had come to its end before it could be killed")
    for each in working:
        code = each.ended()
        trial.end(each)
        if code != 0:
            trial.broken.append(f"one of them ({each.driver}) ended with {code}: {each.said()[-2_000:]}")
    idle = [each.driver for each in working if not ledger.entries(each.session)]
    if idle:
        trial.broken.append(f"{idle} have asked for nothing: nothing was shared")
    return judged(name, trial)


def signalled(ledger: Ledger, plan: Plan, name: str, *, driver: Driver, number: signal.Signals) -> Row:
    """A session that is sent a signal in its middle; then another one to the end."""
    trial = plan.job(ledger, cases_of(plan.documents), name)
    of = trial.start(driver)
    trial.ledger.wait(of.session, plan.documents // 3, 30.0)
    time.sleep(plan.chance.uniform(0.0, THINK))
    told = time.monotonic()
    of.signal(number)
    code = of.ended(20.0)
    trial.kills += 1
    trial.end(of, told)
    wanted = -signal.SIGTERM if number == signal.SIGTERM and driver != "command" else 130
    if code != wanted:
        trial.broken.append(f"{driver} ended with {code}, not {wanted}: {of.said()[-2_000:]}")
    trial.finish(driver)
    return judged(name, trial)


def full(ledger: Ledger, plan: Plan, name: str, *, driver: Driver, tmpfs: bool) -> Row:
    """No more room for the file in the middle; then there is again."""
    trial = plan.job(ledger, cases_of(plan.documents), name)
    trial.job = trial.job.parent / "disk" / "job.db"
    trial.job.parent.mkdir()
    size = (350 if tmpfs else 200) + 5 * len(trial.cases)  # KB: most of it is the log of what is new
    with _mounted(trial.job.parent, size) if tmpfs else contextlib.nullcontext():
        of = trial.start(driver, *([] if tmpfs else ["--most-bytes", str(size * 1024)]))
        code = of.ended()
        trial.kills += 1
        trial.end(of)
        said = of.said()
        if code in (0, -999) or (driver != "command" and "JobError" not in said):
            trial.broken.append(f"{driver} ended with {code} on a full disk: {said[-2_000:]}")
        if tmpfs:
            subprocess.run(["mount", "-o", "remount,size=64m", str(trial.job.parent)], check=True)
        trial.finish(driver)
        return judged(name, trial)


def unwritable(ledger: Ledger, plan: Plan, name: str, *, driver: Driver) -> Row:
    """A folder in which nothing can be written any more; then it can again."""
    trial = plan.job(ledger, cases_of(plan.documents), name)
    trial.job = trial.job.parent / "disk" / "job.db"
    trial.job.parent.mkdir()
    _interrupted(trial, plan, (driver,))
    trial.job.parent.chmod(0o555)
    before = trial.job.read_bytes()
    of = trial.start(driver, plain=os.geteuid() == 0)  # no mode stops root
    code = of.ended()
    trial.kills += 1
    said = of.said()
    if code in (0, -999) or (driver != "command" and "JobError" not in said):
        trial.broken.append(f"{driver} ended with {code} in a folder that cannot be written to: {said[-2_000:]}")
    if trial.job.read_bytes() != before:
        trial.broken.append("the file has changed")
    trial.job.parent.chmod(0o755)
    trial.end(of)
    trial.finish(driver)
    return judged(name, trial)


@contextlib.contextmanager
def _mounted(folder: Path, kilobytes: int) -> Iterator[None]:
    """A small disk."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _can_mount(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    try:
        with _mounted(folder, 64):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _can_chunk() -> bool:
    return importlib.util.find_spec("semantic_text_splitter") is not None


Scenario: TypeAlias = "Callable[[Ledger, Plan, str], Row]"


def scenarios(kills: int, *, mount: bool) -> dict[str, Scenario]:
    """All of them, by name."""
    few = max(1, kills // 5)
    two: tuple[Driver, ...] = ("threads", "command")
    three: tuple[Driver, ...] = ("tasks", "threads", "command")
    found: dict[str, Scenario] = {
        "killed: files": partial(killed, kills=kills - 2 * few, drivers=DRIVERS),
        "killed: texts": partial(killed, kills=few, drivers=DRIVERS[:2], texts=True),
        "2 processes": partial(together, drivers=two, kill=False, clock=False),
        "2 processes, 1 killed": partial(together, drivers=two, kill=True, clock=False),
        "3 processes, 1 killed": partial(together, drivers=three, kill=True, clock=False),
        "clocks jump, 2 processes, 1 killed": partial(together, drivers=two, kill=True, clock=True),
    }
    if _can_chunk():
        found["killed: chunks"] = partial(killed, kills=few, drivers=DRIVERS, chunked=True)
    for driver in DRIVERS:
        for number in (signal.SIGINT, signal.SIGTERM):
            found[f"{number.name}, {driver}"] = partial(signalled, driver=driver, number=number)
        found[f"no more room (RLIMIT_FSIZE), {driver}"] = partial(full, driver=driver, tmpfs=False)
        if mount:
            found[f"full disk (tmpfs), {driver}"] = partial(full, driver=driver, tmpfs=True)
        if os.geteuid() != 0 or shutil.which(PLAIN[0]):
            found[f"folder not writable, {driver}"] = partial(unwritable, driver=driver)
    return found


_COLUMNS = (
    Column(name="ended", form=",.0f"),
    Column(name="documents", form=",.0f"),
    Column(name="lost", form=",.0f", better="less"),
    Column(name="twice", form=",.0f", better="less"),
    Column(name="requests", form=",.0f"),
    Column(name="paid twice", form=",.0f"),
    Column(name="allowed", form=",.0f"),
    Column(name="oldest ms", form=",.0f"),
    Column(name="promise"),
)


def tabled(rows: Sequence[Row]) -> Table:
    """A row for each scenario."""
    cells: dict[str, list[Cell]] = {
        row.scenario: [
            *(row.ended, row.documents, row.lost, row.twice, row.requests, row.paid_twice, row.allowed),
            *(row.oldest * 1e3, "BROKEN" if row.broken else "kept"),
        ]
        for row in rows
    }
    return Table(title="What is left of a job", columns=_COLUMNS, rows=cells, ours=tuple(cells), of="scenario", bars="")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="how often a process is killed in the first scenarios")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--documents", type=int, default=150, help="of each job")
    parser.add_argument("--only", default="", help="the scenarios whose name has this in it")
    parser.add_argument("--fast", action="store_true", help="10 kills, 60 documents")
    parser.add_argument("--keep", type=Path, help="a folder for the jobs, which then stay")
    for name in ("--child", "--session", "--base-url"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--folder", "--job"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    for name in ("--most-bytes", "--clock"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    for name in ("--texts", "--chunked"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    options(parser)
    return parser.parse_args()


def played(plan: Plan, kills: int, only: str) -> list[Row]:
    """All scenarios, or those with this in their name; each is told on stderr."""
    rows = []
    for name, scenario in scenarios(kills, mount=_can_mount(plan.folder)).items():
        if only in name:
            with keeping(think=THINK) as ledger:
                rows.append(scenario(ledger, plan, name))
            print(f"{name}: {'BROKEN' if rows[-1].broken else 'kept'}", file=sys.stderr, flush=True)
            for said in rows[-1].broken[:5]:
                print(f"    {said}", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Kill, and publish what came of it."""
    arguments = _arguments()
    isolated()
    if arguments.child:
        return child(arguments)
    from contenders import installed, versions

    kills, documents = (10, 60) if arguments.fast else (arguments.kills, arguments.documents)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="extractor-crash-") as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(kills=kills, documents=documents, chance=random.Random(arguments.seed), folder=folder)
        rows = played(plan, kills, arguments.only)
    broken = [f"{row.scenario}: {said.splitlines()[0]}" for row in rows for said in row.broken[:5]]
    report = Report(
        name="crash",
        question="Does a job keep what it promises when its process dies?",
        command=command(),
        environment=machine(),
        versions=versions(installed("extractor")),
        tables=(tabled(rows),),
        notes=(
            f"{kills} kills, {documents} documents a job, seed {arguments.seed}. No other library holds a job's "
            "results in a file.",
            "`twice`: with two results, or asked for after it was finished. `paid twice`: the same idempotency key, "
            "not refused. `allowed`: requests under way when a process died, which cannot be helped. `oldest ms`: how "
            "long a reply that was asked for again had been there at most.",
            *([] if _can_chunk() else ["Without chunks: semantic-text-splitter is not installed."]),
            *broken,
        ),
        seconds=time.perf_counter() - began,
        data={"scenarios": [asdict(row) for row in rows]},
    )
    publish(report, arguments)
    if broken:
        raise SystemExit(1)
    return None


if __name__ == "__main__":
    main()
