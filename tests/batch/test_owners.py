"""Workers and their locks: who is alive, whatever happened to the process, the lock file or the clock."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractor.batch import owners
from extractor.batch.owners import Owner, is_at_work, lock_file
from extractor.errors import JobError

ROOT = Path(__file__).resolve().parent.parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals, forks and deleted files of POSIX")

HOLD = """
import os, sys
from pathlib import Path
from extractor.batch.owners import Owner
owner = Owner(Path(sys.argv[1]), 7)
child = os.fork() if sys.argv[2] == "fork" else 1
if child == 0:
    sys.stdin.read()
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Give the path of a job, which need not be there."""
    return tmp_path / "job.db"


def holding(job: Path, how: str) -> subprocess.Popen[str]:
    """Start a process that holds the lock of worker 7."""
    command = [sys.executable, "-c", HOLD, str(job), how]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ended(process: subprocess.Popen[str]) -> None:
    """See to the end of a process."""
    process.kill()
    process.communicate()


@pytest.fixture
def holder(job: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lock of worker 7."""
    process = holding(job, "alone")
    yield process
    ended(process)


def test_a_worker_is_at_work_until_it_drops_its_lock(job: Path) -> None:
    """A worker of the same process is seen, until it is done; then its file is gone."""
    owner = Owner(job, 7)
    assert is_at_work(job, 7)
    assert lock_file(job, 7).exists()
    owner.drop()
    owner.drop()
    assert not is_at_work(job, 7)
    assert not lock_file(job, 7).exists()


@POSIX
def test_the_lock_file_is_its_owners_only(job: Path) -> None:
    """Nobody else may read or hold it."""
    owner = Owner(job, 7)
    assert owner.path.stat().st_mode & 0o777 == 0o600
    owner.drop()


def test_a_worker_of_another_process_is_at_work(job: Path, holder: subprocess.Popen[str]) -> None:
    """A worker of another process is alive as long as that process is, and its lock cannot be taken."""
    assert holder.poll() is None
    assert is_at_work(job, 7)
    with pytest.raises(JobError, match="held by another process"):
        Owner(job, 7)


def test_a_killed_process_is_not_at_work(job: Path, holder: subprocess.Popen[str]) -> None:
    """The lock ends with its process; the file that is left is removed by who finds it."""
    holder.kill()
    holder.wait()
    assert lock_file(job, 7).exists()
    assert not is_at_work(job, 7)
    assert not lock_file(job, 7).exists()


@POSIX
def test_a_fork_does_not_keep_the_lock(job: Path) -> None:
    """When a process is killed, a child that was forked from it does not keep its lock."""
    process = holding(job, "fork")
    try:
        assert is_at_work(job, 7)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not is_at_work(job, 7)
    finally:
        ended(process)


@POSIX
def test_a_fork_does_not_end_the_lock(job: Path) -> None:
    """A child that ends leaves the lock to its parent."""
    code = HOLD.replace("sys.stdin.read()\n    os._exit(0)", "os._exit(0)").replace(
        "print(child", "os.waitpid(child, 0); print(child"
    )
    command = [sys.executable, "-c", code, str(job), "fork"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert is_at_work(job, 7)
    finally:
        ended(process)


@POSIX
def test_a_deleted_lock_file_is_made_again(job: Path) -> None:
    """A worker sees that its lock file was deleted, and holds a new one."""
    owner = Owner(job, 7)
    assert owner.is_sure()
    owner.path.unlink()
    assert not owner.is_sure()
    assert not is_at_work(job, 7)
    owner.retake()
    assert owner.is_sure()
    assert is_at_work(job, 7)
    owner.drop()
    assert not owner.is_sure()
    with pytest.raises(JobError, match="closed"):
        owner.retake()


@POSIX
def test_a_file_of_somebody_else_is_not_removed(job: Path) -> None:
    """A worker whose lock file was replaced leaves the other file alone when it ends."""
    owner = Owner(job, 7)
    owner.path.unlink()
    other = Owner(job, 7)
    owner.drop()
    assert is_at_work(job, 7)
    other.drop()


def test_a_worker_that_nobody_has_any_more_is_not_at_work(job: Path) -> None:
    """Letting go of a worker without closing it is as if its process were killed."""
    owner = Owner(job, 7)
    del owner
    assert not is_at_work(job, 7)


def test_a_file_system_without_locks_is_told(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be locked the error says so, and no file is left."""

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(owners, "_take", refuse)
    with pytest.raises(JobError, match=r"cannot be locked: No locks available.*file system with locks"):
        Owner(job, 7)
    assert list(job.parent.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Where no lock file can be made the error says so."""
    with pytest.raises(JobError, match="cannot be made"):
        Owner(tmp_path / "nowhere" / "job.db", 7)
