"""Threads that do what is handed to them."""

from __future__ import annotations

import queue
import threading
from functools import partial

import pytest

from extractor.several.threads import Threads

PATIENCE = 20.0  # seconds: longer than any of this takes, so that a mistake does not hang


def test_as_many_threads_as_are_under_way() -> None:
    """A thread that is free takes the next work: no more are begun than works are under way."""
    done: queue.SimpleQueue[str] = queue.SimpleQueue()
    threads = Threads("test")
    names = set()
    for _ in range(10):
        threads.begin(lambda: done.put(threading.current_thread().name), 1)
        names.add(done.get(timeout=PATIENCE))
    threads.dismiss()
    assert names == {"test-0"}


def test_where_the_system_allows_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no further thread can be begun, those that there are do all the work; without any, that is raised."""
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    threads = Threads("test")
    threads.begin(lambda: done.put(0), 1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for number in range(1, 4):
        threads.begin(partial(done.put, number), 4)
    assert sorted(done.get(timeout=PATIENCE) for _ in range(4)) == [0, 1, 2, 3]
    threads.dismiss()
    with pytest.raises(RuntimeError, match="new thread"):
        Threads("test").begin(lambda: None, 1)
