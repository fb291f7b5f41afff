"""Ctrl-C and SIGTERM while many documents are under way: once ends in good order, twice at once.

The first begins no more and lets what is under way end, for some seconds; then, or with the second, the caller gets a
`KeyboardInterrupt`. The third is the system's own.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

__all__ = ["GRACE", "Stopping"]

GRACE = 5.0  # seconds for what is under way: most replies come within it, and nobody waits longer at a prompt


class _Stoppable(Protocol):
    def stop(self) -> None: ...


class Stopping:
    """While its block lasts, a signal stops `work`, and `said` is called with a line about it. `asked` tells whether
    one came. Off the main thread there are no signals, and it does nothing.
    """

    def __init__(self, work: _Stoppable, said: Callable[[str], Any], *, grace: float = GRACE) -> None:
        self.asked = False
        self._work, self._said, self._grace = work, said, grace
        self._before: dict[signal.Signals, Any] = {}
        self._over = threading.Event()

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        for number, handler in self._before.items():
            with contextlib.suppress(TypeError):  # it was set by something that is not Python
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._over.is_set():
            return
        if self.asked:
            for each in self._before:  # should closing hang, the next one ends it
                signal.signal(each, signal.SIG_DFL)
            self._over.set()
            raise KeyboardInterrupt
        self.asked = True
        self._said(f"Stopping: what is under way has {self._grace:g} seconds to end. Once more stops at once.")
        self._work.stop()
        threading.Thread(target=self._give_up, args=(time.monotonic() + self._grace,), daemon=True).start()

    def _give_up(self, then: float) -> None:
        if self._over.wait(max(then - time.monotonic(), 0)):
            return
        main = threading.main_thread().ident
        if hasattr(signal, "pthread_kill") and main is not None:  # it wakes who waits; interrupt_main() does not
            signal.pthread_kill(main, signal.SIGINT)
        else:
            import _thread

            _thread.interrupt_main()
