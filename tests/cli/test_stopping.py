"""What Ctrl-C and SIGTERM do while many documents are under way."""

from __future__ import annotations

import signal
import threading

import pytest

from extractor.cli.stopping import Stopping


class Work:
    """Something that can be stopped."""

    def __init__(self) -> None:
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_stops_in_good_order(number: signal.Signals) -> None:
    """The first signal stops the work, says so, and interrupts nothing; the handlers of before are back in the end."""
    work, said = Work(), list[str]()
    before = signal.getsignal(number)
    with Stopping(work, said.append, grace=600) as stopping:
        assert not stopping.asked
        signal.raise_signal(number)
        assert (stopping.asked, work.stopped, len(said)) == (True, 1, 1)
    assert "600 seconds" in said[0]
    assert signal.getsignal(number) is before


def test_the_second_interrupts() -> None:
    """The second signal ends it at once, and the third is the system's own."""
    work = Work()
    with Stopping(work, str, grace=600):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert work.stopped == 1


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="waiting threads can be woken on POSIX")
def test_what_takes_too_long_is_given_up() -> None:
    """Where what is under way does not end in time, who waits for it is interrupted."""
    with Stopping(Work(), str, grace=0.01):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            threading.Event().wait(60)


def test_off_the_main_thread() -> None:
    """Off the main thread, where there are no signals, it changes nothing."""
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def off() -> None:
        with Stopping(Work(), str):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=off)
    thread.start()
    thread.join()
    assert seen == [before]
