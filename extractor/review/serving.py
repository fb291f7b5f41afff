"""The review server as its users hold it: started, found at an address in the browser, and ended."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from extractor.batch.job import Job
from extractor.batch.record import Run
from extractor.errors import ConfigurationError, ExtractorError, OptionError
from extractor.review.desk import Desk
from extractor.review.guard import LOOPBACK, Guard
from extractor.review.idle import CountingApplication, IdleGate
from extractor.review.server import application, missing

__all__ = ["Review", "review"]

SCORED_AT_ONCE = 2  # whoever asks for something meanwhile waits for these
LOOK_AGAIN = 2.0  # seconds after which it is looked whether there is more: the job may still be running
STARTING = 30.0  # seconds
ENDING = 10.0


class Review:
    """A review server that runs in threads of this process. Use it in `with`, or `close` it.

    `url` is its address with the token that lets in whoever has it; `desk` is what it serves.
    """

    def __init__(self, desk: Desk, listening: socket.socket, guard: Guard, pictures: Any, *, own_job: bool) -> None:
        try:
            import uvicorn
        except ImportError:
            raise missing("uvicorn") from None
        self.desk = desk
        self._guard, self._pictures, self._own_job = guard, pictures, own_job
        self._ended = threading.Event()
        self._closing = threading.Lock()
        self._idle = IdleGate()
        config = uvicorn.Config(
            CountingApplication(application(desk, pictures, guard), self._idle),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
            ws="none",
            interface="asgi3",
        )
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._host = listening.getsockname()[0]
        self._threads = [
            threading.Thread(target=self._serve, name="extractor-review", daemon=True),
            threading.Thread(target=self._score, name="extractor-review-scorer", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._wait_for_start()

    @property
    def url(self) -> str:
        """The address, with the token."""
        name = self._guard.names[0] if self._guard.names else self._host
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self._guard.port}/?token={self._guard.token}"

    def wait(self) -> None:
        """Wait until it is closed, or until Ctrl-C (`KeyboardInterrupt`)."""
        while not self._ended.wait(1.0):  # a wait without an end is not interrupted on every system
            pass

    def close(self) -> None:
        """End it. May be said twice."""
        with self._closing:
            if self._ended.is_set():
                return
            self._ended.set()
            self._idle.close()
            self._server.should_exit = True
            for thread in self._threads:
                thread.join(ENDING)
            self._listening.close()
            if self._pictures is not None:
                self._pictures.close()
            if self._own_job:
                self.desk.job.close()

    def __enter__(self) -> Review:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._listening])

    def _wait_for_start(self) -> None:
        until = time.monotonic() + STARTING
        while not self._server.started:
            if not self._threads[0].is_alive() or time.monotonic() > until:
                self.close()
                raise ConfigurationError("The review server did not start.", hint="Is the port free?")
            time.sleep(0.005)

    def _score(self) -> None:
        """Work out how doubtful documents are, while nobody waits for it."""
        if self.desk.by_hand:
            return
        try:
            with Job(self.desk.job.path, create=False) as job:
                while not self._ended.is_set():
                    self._idle.wait()
                    if not self._ended.is_set() and not self._scored(job):
                        self._ended.wait(LOOK_AGAIN)
        except ExtractorError:
            return  # the queue is in the order of the input then

    def _scored(self, job: Job) -> bool:
        """Whether some were worked out, so that there may be more."""
        try:
            return job.score(self.desk.run.number, limit=SCORED_AT_ONCE) > 0
        except ExtractorError:  # such as a file that is locked for long
            return False


def review(
    job: Job | str | os.PathLike[str],
    target: Any = None,
    *,
    run: int | Run | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    open_browser: bool = False,
    documents: Sequence[str | os.PathLike[str]] = (),
    who: str | None = None,
    context: Any = None,
    names: Sequence[str] = (),
) -> Review:
    """Start a review of a job: a server on this machine, at the `url` of what is returned, until that is closed.

    `target` is the model (or schema) of the run: with it, its own validators check what people enter, with `context`
    as pydantic's; without it, the run's JSON Schema does. `documents` are folders in which the files are looked for
    that the job has names of. `who` is who reviews, where the page is not told otherwise. With another `host` than
    one of this machine alone, others can reach it: there is no encryption, and `names` are under which it is called.

    Raises `MissingExtra`, `OptionError`, `JobError`, and `ConfigurationError` where the port is taken.
    """
    from extractor.review.pictures import Pictures

    own = not isinstance(job, Job)
    opened = job if isinstance(job, Job) else Job(job, create=False)
    with ExitStack() as undone:  # what is closed again where it cannot be started
        if own:
            undone.callback(opened.close)
        desk = Desk(opened, target, run=run, who=who or "", context=context)
        listening = _listening(host, port)
        undone.callback(listening.close)
        is_local = host in LOOPBACK
        called = () if is_local else _called(host, names)
        guard = Guard(port=listening.getsockname()[1], names=called, addresses=not is_local)
        if not is_local:
            print(_OPEN_TO_OTHERS, file=sys.stderr)
        pictures = Pictures(opened.path.parent, [Path(each) for each in documents])
        undone.callback(pictures.close)
        started = Review(desk, listening, guard, pictures, own_job=own)
        undone.pop_all()
    weakref.finalize(started, pictures.close)
    if open_browser:
        show(started.url)
    return started


_OPEN_TO_OTHERS = "Others can reach this server, and nothing is encrypted: use it in a network that you trust."
_EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  # that is what is asked


def _called(host: str, names: Sequence[str]) -> tuple[str, ...]:
    """Under which names others call the server, the first of which is in its address."""
    own = () if host in _EVERY_ADDRESS else (host,)
    return (*(names or own), socket.gethostname())


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises `ConfigurationError`, `OptionError`."""
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
        raise OptionError("port is no number from 0 to 65535.", option="port")
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise OptionError(f"host {host!r} is no address of this machine.", option="host") from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # where it would mean something else
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        hint = "Say --port 0 for any that is free." if port else ""
        said = os.strerror(error.errno) if error.errno else "that is no address of this machine"
        raise ConfigurationError(f"Port {port} of {host} cannot be used: {said}.", hint=hint) from None
    return listening


def show(url: str) -> bool:
    """Open the address in a browser, where there is a screen in front of the person; whether that was tried."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    import webbrowser

    try:
        return webbrowser.open(url)
    except (OSError, webbrowser.Error):
        return False
