"""A job's file when processes are killed, forked, or meet a disk that is full or may not be written to."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from extractor.batch.store import Finished, Store

ROOT = Path(__file__).resolve().parent.parent.parent

if os.name == "nt":
    pytest.skip("signals, forks and limits of POSIX", allow_module_level=True)

COMMON = """
import os, random, resource, signal, sys, threading
from collections import deque
from hashlib import sha256
from extractor.batch.record import AttemptRecord, Failure
from extractor.batch.store import Finished, Store
from extractor.errors import JobError

def finished(name, size=3_000):
    seed = random.Random(name)
    attempt = AttemptRecord(attempt=1, number=1, outcome="conforming", seconds=1, model="m")
    return Finished(data={"name": name, "noise": seed.randbytes(size).hex()}, outcome="conforming", attempts=(attempt,))

def begun(worker, name):
    return worker.begin(number=int(name), name=name, sha256=sha256(name.encode()).hexdigest(), text=name * 500)

def opened(path):
    store = Store(path)
    return store, store.worker(store.open_run(target="T", schema={}, options={}).number)
"""

# Two processes at a time work on the same documents, eight under way at each, and say which they have finished. They
# are killed when they have said some number of them.
KILLED = """
def work(path, names, say):
    store, worker = opened(path)
    random.shuffle(names)
    waiting = deque()
    for name in names:
        waiting.append((name, begun(worker, name)))
        if len(waiting) < 8:
            continue
        name, future = waiting.popleft()
        document = future.result()
        if document.state == "claimed":
            journal = worker.journal(document)
            journal.put("reply", name.encode())
            worker.finish(document, finished(name)).result()
            os.write(say, b"%5s" % name.encode())
    os._exit(0)

path, seed = sys.argv[1], random.Random(sys.argv[2])
names = [str(number) for number in range(4_000)]
for _ in range(10):
    ears, children = [], []
    for _ in range(2):
        ear, say = os.pipe()
        child = os.fork()
        if not child:
            random.seed(seed.random())
            work(path, names, say)
        os.close(say)
        ears.append(ear)
        children.append(child)
    for _ in range(seed.randrange(40)):
        print(os.read(ears[0], 5).decode())
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for ear in ears:
        while said := os.read(ear, 5):
            print(said.decode())
        os.close(ear)
"""


def run(script: str, *arguments: str | Path) -> str:
    """Run a script in a process of its own. What it has printed."""
    command = [sys.executable, "-W", "error", "-c", COMMON + script, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_that_was_finished_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    """After twenty kills at any moment everything that was finished is there, once, and all fits together."""
    said = run(KILLED, tmp_path / "job.db", "seed").split()
    assert len(said) == len(set(said)) > 0
    with Store(tmp_path / "job.db") as store:
        assert store.check() == ()
        records = {record.name: record for record in store.records(1, text=True)}
        for name in said:
            assert records[name].state == "done"
            assert records[name].data["name"] == name
            assert records[name].text == name * 500
        counts = store.counts(1)
        done = sum(record.state == "done" for record in records.values())
        assert (counts.documents, counts.done, counts.requests) == (len(records), done, done)
        store.worker(1).close()
        assert store.counts(1).running == 0
        assert store.check() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["job.db"]


def test_replies_of_a_killed_process_are_found(tmp_path: Path) -> None:
    """Who goes on with a half done document has the replies that came before the process was killed."""
    half = """
store, worker = opened(sys.argv[1])
document = begun(worker, "1").result()
journal = worker.journal(document)
for number in range(5):
    journal.put(str(number), b"reply %d" % number)
worker.release(begun(worker, "2").result()).result()
print("ready", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", COMMON + half, str(tmp_path / "job.db")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout == "ready\n"
    with Store(tmp_path / "job.db") as store:
        worker = store.worker(1)
        begun = worker.begin(number=1, name="1", sha256=sha256(b"1").hexdigest()).result()
        assert begun.state == "claimed"
        journal = worker.journal(begun)
        assert [journal.get(str(number)) for number in range(6)] == [b"reply %d" % each for each in range(5)] + [None]
        assert worker.begin(number=2, name="2", sha256=sha256(b"2").hexdigest()).result().state == "claimed"


def test_a_full_disk_is_told_and_harms_nothing(tmp_path: Path) -> None:
    """Where the file may not grow further the error says so, what was finished is there, and with room it goes on."""
    full = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store, worker = opened(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    for number in range(1_000):
        worker.finish(begun(worker, str(number)).result(), finished(str(number), 10_000)).result()
        print(number)
except JobError as error:
    print(error, file=sys.stderr)
    assert "has no room" in str(error)
else:
    raise SystemExit(1)
futures = [begun(worker, str(number)) for number in range(2_000, 2_020)]
assert all("has no room" in str(future.exception()) for future in futures)
worker.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
worker = store.worker(1)
worker.finish(begun(worker, "3000").result(), finished("3000", 100_000)).result()
print(3000)
store.close()
"""
    said = run(full, tmp_path / "job.db").split()
    assert len(said) > 2
    with Store(tmp_path / "job.db") as store:
        assert store.check() == ()
        assert {record.name for record in store.records(1, states={"done"})} == set(said)
        assert store.counts(1).running == 0


def test_a_fork_is_told_and_harms_nothing(tmp_path: Path) -> None:
    """A job that came with a fork is told so in the child, which may open it again; the parent's goes on."""
    forked = """
store, worker = opened(sys.argv[1])
held = begun(worker, "1").result()
child = os.fork()
if not child:
    for call in (store.runs, lambda: store.worker(1), lambda: begun(worker, "2").result(), store.check):
        try:
            call()
        except JobError as error:
            assert "before this process was forked" in str(error), error
        else:
            os._exit(1)
    worker.close()
    store.close()
    again, other = opened(sys.argv[1])
    states = [begun(other, name).result().state for name in "12"]
    again.close()
    os._exit(0 if states == ["held", "claimed"] else 2)
assert os.waitpid(child, 0)[1] == 0
worker.finish(held, finished("1")).result()
assert begun(worker, "2").result().state == "claimed"
store.close()
"""
    script = forked.replace("child = os.fork()", "import warnings\nwarnings.simplefilter('ignore')\nchild = os.fork()")
    run(script, tmp_path / "job.db")
    with Store(tmp_path / "job.db") as store:
        assert {record.name: record.state for record in store.records(1)} == {"1": "done", "2": "pending"}
        assert store.check() == ()


@pytest.fixture
def reached() -> Iterator[Path]:
    """Make a folder that everybody can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else, and is stopped by no mode")
def test_a_folder_that_may_not_be_written_to_is_told(reached: Path) -> None:
    """Where the folder is not writable a job cannot be worked on, but it can be looked at."""
    path = reached / "job.db"
    with Store(path) as store, store.worker(store.open_run(target="T", schema={}, options={}).number) as worker:
        begun = worker.begin(number=0, name="a", sha256="ab" * 32).result()
        worker.finish(begun, Finished(data=1, outcome="conforming")).result()
    path.chmod(0o644)
    looking = """
os.setuid(65534)
for path in sys.argv[1:]:
    try:
        Store(path)
    except JobError as error:
        print(str(error).partition(".db ")[2])
with Store(sys.argv[1], read_only=True) as store:
    print([record.data for record in store.records(1)], store.check())
"""
    said = run(looking, path, reached / "new.db").splitlines()
    assert said[0] == "cannot be written to. The file and its folder must be writable."
    assert said[1].startswith("cannot be made: ")
    assert said[2] == "[1] ()"


def test_a_program_that_ends_without_closing_its_job_has_it_whole(tmp_path: Path) -> None:
    """What was handed in before the end is written, nothing hangs, and no file is left but the lock."""
    ending = """
store, worker = opened(sys.argv[1])
for number in range(100):
    begun(worker, str(number))
"""
    run(ending, tmp_path / "job.db")
    with Store(tmp_path / "job.db") as store:
        assert (store.counts(1).running, store.counts(1).pending) == (0, 100)
        store.worker(1).close()
        assert store.counts(1).pending == 100
        assert store.check() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["job.db"]
