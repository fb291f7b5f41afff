"""Documents read by child processes, which may crash, hang or run out of memory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from extractor.documents import processes as module
from extractor.documents.load import FileLimits, load
from extractor.documents.loader import Loader
from extractor.errors import (
    CallerError,
    DocumentDamaged,
    DocumentError,
    DocumentTooLarge,
    DocumentUnsupported,
    OptionError,
)

sys.path.insert(0, str(Path(__file__).parent / "files"))

from made_files import PAGES, made, pdf, pptx

MADE = made()
posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    """A loader with one process."""
    with Loader(processes=1) as one:
        yield one


def pids(loader: Loader) -> list[int]:
    """The processes of a loader."""
    return [process._child.pid for process in loader._alive]


@pytest.mark.parametrize("name", [name for name in MADE if name != "picture.png"])
def test_the_same_as_here(loader: Loader, name: str, tmp_path: Path) -> None:
    """A child process gives what `load` gives, of a path, of bytes and of a stream."""
    path = tmp_path / name
    path.write_bytes(MADE[name])
    here = load(path)
    assert loader.load(path) == here
    assert loader.load(MADE[name], name=str(path)) == here
    assert loader.load(BytesIO(MADE[name]), name=str(path)) == here


def test_images_from_a_child(loader: Loader) -> None:
    """Parts come from a child process, too."""
    assert loader.load(MADE["invoice.pdf"], as_="image") == load(MADE["invoice.pdf"], as_="image")


def test_one_process_for_many_files(loader: Loader) -> None:
    """A process is used again, also after a file that it could not read."""
    loader.load(pdf())
    before = pids(loader)
    with pytest.raises(DocumentDamaged, match=r"^a\.pdf: "):
        loader.load(b"%PDF-1.4", name="a.pdf")
    with pytest.raises(DocumentError, match="no such file"):
        loader.load("none.pdf")
    loader.load(pdf())
    assert pids(loader) == before


def test_texts_need_no_process() -> None:
    """Plain texts are read in this process."""
    with Loader() as own:
        assert own.load(b"text").text == "text"
        with pytest.raises(DocumentError, match="empty"):
            own.load(b"")
        assert pids(own) == []


def test_relative_paths(loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is one from where this process is now."""
    loader.load(pdf())
    (tmp_path / "a.pdf").write_bytes(pdf())
    monkeypatch.chdir(tmp_path)
    assert loader.load("a.pdf").name == "a.pdf"


DOES = {
    "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "abort": "import os; os.abort()",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "hang": "import time; time.sleep(1_000)",
    "eat": "bytearray(3_000_000_000)",
    "stop": "raise SystemExit",
    "trip": "1 / 0",
    "print": "import os; os.write(1, b'x' * 1_000); print('y' * 1_000, flush=True)",
}


@pytest.fixture
def doing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that do what a document's name says, instead of reading it."""
    code = textwrap.dedent(f"""
        import sys, json
        sys.path[:] = json.loads(sys.argv[1])
        from extractor.documents.files import worker
        known = worker.load
        def load(source, *, name, **more):
            exec({DOES!r}.get(name, ""))
            return known(source, name=name, **more)
        worker.load = load
        worker.main()
    """)
    monkeypatch.setattr(module, "_CODE", code)


FATES: list[tuple[str, type[DocumentError], str]] = [
    ("crash", DocumentDamaged, "crash: It crashes its reader"),
    ("abort", DocumentTooLarge, "abort: It takes too much memory"),
    ("kill", DocumentTooLarge, "kill: It takes too much memory"),
    ("eat", DocumentTooLarge, "eat: It takes too much memory"),
    ("stop", DocumentDamaged, "stop: "),
    ("trip", DocumentDamaged, "trip: .*ZeroDivisionError"),
]


@posix
@pytest.mark.usefixtures("doing")
def test_what_can_happen_to_a_reader() -> None:
    """A file that crashes its reader or takes too much memory is refused by its name, and the next one is read."""
    with Loader(processes=1, limits=FileLimits(memory=2_000_000_000)) as own:
        for name, error, said in FATES:
            with pytest.raises(error, match=said):
                own.load(pdf(), name=name)
            assert own.load(pdf(), name="a").text.startswith(PAGES[0])
        assert len(pids(own)) == 1


@pytest.mark.usefixtures("doing")
def test_a_reader_that_hangs() -> None:
    """A file that takes too long is ended, and the next one is read."""
    said = r"hang: It took more than 0\.3 seconds.*FileLimits\(seconds"
    with Loader(processes=1, limits=FileLimits(seconds=0.3)) as own, pytest.raises(DocumentTooLarge, match=said):
        own.load(pdf(), name="hang")
    with Loader(processes=1) as own:
        assert own.load(pdf(), name="a").text.startswith(PAGES[0])


@pytest.mark.usefixtures("doing")
def test_a_reader_that_prints() -> None:
    """What a reader prints does not come between the answers."""
    with Loader(processes=1) as own:
        assert own.load(pdf(), name="print") == load(pdf(), name="print")


def test_many_threads() -> None:
    """Many threads load at a time by a few processes, each its own file."""
    files = [pptx([str(number)]) for number in range(40)]
    with Loader(processes=2) as own, ThreadPoolExecutor(8) as pool:
        assert [loaded.text for loaded in pool.map(own.load, files)] == [str(number) for number in range(40)]
        assert len(pids(own)) <= 2


@pytest.mark.usefixtures("doing")
def test_closing() -> None:
    """Closing ends all processes, also one that is reading; after it nothing is loaded."""
    own = Loader(processes=1)
    own.load(pdf(), name="a")
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            own.load(pdf(), name="hang")
        except CallerError as error:
            failed.append(error)

    (process,) = own._alive
    thread = threading.Thread(target=wait)
    thread.start()
    while not own._idle.empty():
        pass
    own.close()
    thread.join()
    assert not isinstance(failed[0], DocumentError)
    assert process._child.returncode is not None
    with pytest.raises(CallerError, match="closed"):
        own.load(b"text")
    own.close()


def test_nobody_closes() -> None:
    """A program that forgets to close its loader, or is interrupted, ends quietly and leaves no process behind."""
    code = textwrap.dedent("""
        import os, sys
        from extractor.documents.loader import Loader
        from made_files import pdf
        one = Loader(processes=1)
        one.load(pdf())
        print(*[process._child.pid for process in one._alive], flush=True)
        if len(sys.argv) > 1:
            raise KeyboardInterrupt
    """)
    for more in ([], ["x"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, *more],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert done.stderr.count("Traceback") == len(more)
        with pytest.raises(ProcessLookupError):
            os.kill(int(done.stdout), 0)


@pytest.mark.parametrize("processes", [0, -1, True, 1.5])
def test_how_many_processes(processes: int) -> None:
    """There is at least one process."""
    with pytest.raises(OptionError, match="processes"):
        Loader(processes=processes)


def test_what_only_the_child_knows(loader: Loader) -> None:
    """An error of the child has its type and its hint here."""
    with pytest.raises(
        DocumentUnsupported, match=r"a\.docx: It is a Word file, which cannot be sent as an image"
    ) as caught:
        loader.load(MADE["invoice.docx"], name="a.docx", as_="image")
    assert caught.value.hint
