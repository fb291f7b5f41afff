"""Who is at work on a job: each worker holds an operating system's lock on a file of its own, beside the job.

The lock ends with the process that holds it, however that ends. So no clock is asked, no process number, and nobody has
to say that he is still there: whose lock can be taken is dead. The numbers of workers are never used twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import weakref
from pathlib import Path

from extractor.errors import JobError

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


__all__ = ["Owner", "is_at_work", "is_seen_at_work", "lock_file"]

_HELD = frozenset((errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK))


def lock_file(job: Path, number: int) -> Path:
    """The file that a worker locks."""
    return job.with_name(f"{job.name}-worker-{number}")


def is_at_work(job: Path, number: int) -> bool:
    """Whether a worker is alive. The lock file of a dead one is removed. Raises `JobError` where there are no locks."""
    path = lock_file(job, number)
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # somebody else's, who may be there
    try:
        free = _is_taken_by_us(handle, path)
    finally:
        os.close(handle)
    if free:
        path.unlink(missing_ok=True)
    return not free


def is_seen_at_work(job: Path, number: int) -> bool:
    """The same for who only looks: nothing is removed, and nobody is alive where there are no locks."""
    try:
        handle = os.open(lock_file(job, number), os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        _take(handle)
    except OSError as error:
        return error.errno in _HELD
    finally:
        os.close(handle)
    return False


class Owner:
    """A worker's hold on its lock. It ends with `drop`, with the process, or when nobody has this object any more.

    Raises `JobError` where the file cannot be made, or where the file system has no locks.
    """

    def __init__(self, job: Path, number: int) -> None:
        self.job = job
        self.number = number
        self.path = lock_file(job, number)
        self._handle: int | None = _locked(self.path)
        _owners.add(self)

    def is_sure(self) -> bool:
        """Whether the lock file is still there: somebody may have deleted it, so that others take us for dead."""
        if self._handle is None or sys.platform == "win32":  # there, nobody deletes a file that is open
            return self._handle is not None
        return self._is_file_of(self._handle)

    def retake(self) -> None:
        """Hold the lock anew, in a new file. Raises `JobError`, also where it was dropped."""
        if self._handle is None:
            raise JobError("This worker of the job is closed.", hint="Open another one.")
        handle, self._handle = self._handle, _locked(self.path)
        os.close(handle)

    def drop(self) -> None:
        """Be no worker any more. May be said twice."""
        handle, self._handle = self._handle, None
        if handle is not None:
            is_mine = self._is_file_of(handle)
            os.close(handle)
            if is_mine:
                with contextlib.suppress(OSError):
                    self.path.unlink()

    def leave(self) -> None:
        """Let go of what came with a fork. The parent has the lock for as long as it wants."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _is_file_of(self, handle: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(handle))
        except OSError:
            return False

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self.leave()  # the file stays, as that of a process that was killed


def _locked(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        said = f"The lock file {path} cannot be made: {error.strerror}."
        raise JobError(said, hint="The folder of the job must be writable.") from error
    try:
        if _is_taken_by_us(handle, path):
            return handle
    except BaseException:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise
    os.close(handle)
    raise JobError(f"The lock file {path} is held by another process.", hint="Stop that one.")


def _is_taken_by_us(handle: int, path: Path) -> bool:
    """Take the lock, which goes with the handle; False where somebody has it."""
    try:
        _take(handle)
    except OSError as error:
        if error.errno in _HELD:
            return False
        said = f"The file {path} cannot be locked: {error.strerror}."
        raise JobError(
            said, hint="A job needs a file system with locks: give a path on a disk of this machine."
        ) from error
    return True


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()


def _after_fork() -> None:
    # A lock belongs to all who have its handle: the child would keep it when the parent is killed.
    for owner in list(_owners):
        with contextlib.suppress(OSError):
            owner.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
