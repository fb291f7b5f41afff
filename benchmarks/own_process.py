"""What a benchmark asks of its own process: how much memory it has had, and room for many connections."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

__all__ = ["most_memory", "room_for"]


def most_memory() -> int:
    """The most that this process has had, in KB."""
    # What getrusage says is inherited from the process that started this one.
    with contextlib.suppress(OSError), Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def room_for(connections: int) -> None:
    """Each connection is an open file; many systems allow fewer at first than they would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
