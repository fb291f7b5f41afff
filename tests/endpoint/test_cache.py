"""The response cache: what was kept is found again, by any thread or process; whatever goes wrong breaks no call."""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import random
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.endpoint import cache as module
from extractor.endpoint import cache_file
from extractor.endpoint.cache import Cache
from extractor.errors import ConfigurationError, OptionError

ROOT = Path(__file__).resolve().parent.parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="file modes, limits and signals of POSIX")


def key(number: int) -> bytes:
    """Make the key of one of many requests."""
    return Cache.key("http://h/v1", b"%d" % number, 0)


def value(number: int, size: int = 200) -> bytes:
    """Make a value that does not get smaller when it is compressed."""
    return random.Random(number).randbytes(size)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give caches a clock on the wall of the test's."""
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a cache that is not there yet."""
    return tmp_path / "replies.db"


@pytest.fixture
def kept(path: Path) -> Iterator[Cache]:
    """Give an open cache."""
    with Cache(path) as made:
        yield made


def raw(path: Path) -> sqlite3.Connection:
    """Open the file without the library."""
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what the library's log was told."""
    return [record.getMessage() for record in caplog.records if record.name == "extractor"]


# ---------------------------------------------------------------------------------------- kept and found


def test_kept_and_found(path: Path) -> None:
    """What was put is found, also after closing, and nothing else is."""
    with Cache(path) as cache:
        assert cache.get(key(1)) is None
        assert len(cache) == 0
        assert cache
        cache.put(key(1), b"one")
        cache.put(key(2), b"")
        cache.put(key(1), b"another")
        assert (cache.get(key(1)), cache.get(key(2)), cache.get(key(3))) == (b"another", b"", None)
        assert len(cache) == 2
    with Cache(str(path)) as cache:
        assert (cache.get(key(1)), len(cache)) == (b"another", 2)
        cache.clear()
        assert (cache.get(key(1)), len(cache)) == (None, 0)
        cache.put(key(1), b"again")
        assert cache.get(key(1)) == b"again"


small_keys = st.integers(0, 5).map(key)


@settings(max_examples=40)
@given(st.lists(st.tuples(small_keys, st.one_of(st.none(), st.binary(max_size=300))), max_size=30))
def test_a_cache_is_a_dict(steps: list[tuple[bytes, bytes | None]]) -> None:
    """Whatever is put in whatever order, each key has its latest value, and what is counted is what is there."""
    expected: dict[bytes, bytes] = {}
    with tempfile.TemporaryDirectory() as folder, Cache(Path(folder) / "c") as cache:
        for each, given_value in steps:
            if given_value is not None:
                cache.put(each, given_value)
                expected[each] = given_value
            assert cache.get(each) == expected.get(each)
        assert len(cache) == len(expected)
        assert counted(Path(folder) / "c") == measured(Path(folder) / "c")


def counted(path: Path) -> int:
    """Give the size of all values as the cache has counted it."""
    connection = raw(path)
    (size,) = connection.execute("SELECT bytes FROM total").fetchone()
    connection.close()
    return int(size)


def measured(path: Path) -> int:
    """Give the size of all values as it is."""
    connection = raw(path)
    (size,) = connection.execute("SELECT coalesce(sum(length(value) + 128), 0) FROM reply").fetchone()
    connection.close()
    return int(size)


requests = st.tuples(st.text(max_size=5), st.binary(max_size=5), st.integers(0, 20))


@settings(max_examples=200)
@given(requests, requests)
def test_keys(one: tuple[str, bytes, int], other: tuple[str, bytes, int]) -> None:
    """Two requests have one key only where address, body and number are the same."""
    assert (Cache.key(*one) == Cache.key(*other)) == (one == other)
    assert len(Cache.key(*one)) == 32


def test_where_an_address_ends() -> None:
    """An address and a body are not taken for a longer address and a shorter body."""
    assert Cache.key("http://h1", b"23", 4) != Cache.key("http://h", b"123", 4)
    assert Cache.key("", b"1 1 ", 0) != Cache.key("1", b"1 ", 0)


def test_a_closed_cache(path: Path) -> None:
    """A closed cache finds and keeps nothing, closes twice, and says so where it is to be cleared."""
    cache = Cache(path)
    cache.put(key(1), b"one")
    cache.close()
    cache.close()
    cache.put(key(2), b"two")
    assert (cache.get(key(1)), len(cache)) == (None, 0)
    with pytest.raises(ConfigurationError, match="not open"):
        cache.clear()


def test_what_it_says_of_itself(kept: Cache, path: Path) -> None:
    """A cache shows its path, and goes to another process as one."""
    assert repr(kept) == f"Cache('{path}')"
    kept.put(key(1), b"one")
    with pickle.loads(pickle.dumps(kept)) as other:
        assert repr(other) == repr(kept)
        assert other.get(key(1)) == b"one"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"max_bytes": each} for each in (0, -1, 1.5, True, "1")),
        *({"max_age": each} for each in (0, -1, "1", float("inf"), float("nan"))),
    ],
)
def test_limits_are_checked(path: Path, wrong: dict[str, Any]) -> None:
    """A limit that is none is an error, and no file is made."""
    with pytest.raises(OptionError, match="is") as caught:
        Cache(path, **wrong)
    assert caught.value.option == "cache"
    assert not path.exists()


def test_sqlite_is_loaded_late() -> None:
    """The database's module is loaded by the first cache, not by an import."""
    run("import sys, extractor.endpoint.cache; assert 'sqlite3' not in sys.modules")


# --------------------------------------------------------------------------------------------- the file


@POSIX
def test_only_the_owner_reads_it(path: Path) -> None:
    """The file and those beside it are readable by their owner only, whatever the process gives others."""
    before = os.umask(0)
    try:
        with Cache(path) as cache:
            cache.put(key(1), b"one")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"replies.db": 0o600, "replies.db-wal": 0o600, "replies.db-shm": 0o600}


def test_an_odd_path(tmp_path: Path) -> None:
    """A path with characters that mean something in an address is taken as it stands."""
    path = tmp_path / "a b?mode=ro#100%41.db"
    with Cache(path) as cache:
        cache.put(key(1), b"one")
        assert cache.get(key(1)) == b"one"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_empty_file_becomes_a_cache(path: Path) -> None:
    """A file with nothing in it is nobody's."""
    path.touch()
    with Cache(path) as cache:
        cache.put(key(1), b"one")
        assert cache.get(key(1)) == b"one"


def _text(path: Path) -> None:
    path.write_text("My thesis.\n" * 1_000)


def _short(path: Path) -> None:
    path.write_bytes(cache_file.MAGIC)


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _database(path: Path) -> None:
    connection = raw(path)
    connection.execute("CREATE TABLE thesis (chapter TEXT)")
    connection.close()


def _database_in_use(path: Path) -> None:
    connection = raw(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE thesis (chapter TEXT)")
    connection.close()


def _newer(path: Path) -> None:
    Cache(path).close()
    connection = raw(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_text, "is no response cache"),
        (_short, "is no response cache"),
        (_folder, "is no file"),
        pytest.param(_pipe, "is no file", marks=POSIX),
        (_database, "is no response cache"),
        (_database_in_use, "is no response cache"),
        (_newer, "newer version"),
    ],
)
def test_what_is_no_cache_is_left_alone(path: Path, made: Callable[[Path], None], said: str) -> None:
    """Where there is something else, the path is refused, and nothing is changed or put beside it."""
    made(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ConfigurationError, match=said) as caught:
        Cache(path)
    assert caught.value.hint
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_newer_version_that_is_in_use(path: Path) -> None:
    """A newer version is noticed also where that is not in the file yet."""
    with Cache(path) as cache:
        connection = raw(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(ConfigurationError, match="newer version"):
            Cache(path)
        cache.put(key(1), b"one")


@pytest.mark.parametrize("wrong", ["missing/replies.db", "a\0b"])
def test_a_path_that_cannot_be(tmp_path: Path, wrong: str) -> None:
    """A folder that is not there is not made."""
    with pytest.raises(ConfigurationError, match="cannot be made"):
        Cache(tmp_path / wrong)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------- age and size


def test_age(path: Path, clock: Clock) -> None:
    """What is older than it may be is not found, and found again once it has been made anew."""
    with Cache(path, max_age=100) as cache:
        cache.put(key(1), b"one")
        clock.now += 100
        assert cache.get(key(1)) == b"one"
        clock.now += 1
        assert cache.get(key(1)) is None
        cache.put(key(1), b"new")
        assert cache.get(key(1)) == b"new"
    with Cache(path) as cache:
        clock.now += 10**9
        assert cache.get(key(1)) == b"new"


def test_the_old_are_deleted(path: Path, clock: Clock) -> None:
    """What is too old does not stay in the file: it goes as others come."""
    with Cache(path, max_age=100) as cache:
        for number in range(50):
            cache.put(key(number), b"old")
        clock.now += 101
        for number in range(100, 110):
            cache.put(key(number), b"new")
        assert len(cache) == 10


def test_the_clock_goes_back(path: Path, clock: Clock) -> None:
    """What seems to come from the future has no age, so that it is not used where age counts; a bit of it may."""
    with Cache(path, max_age=10**6) as cache, Cache(path) as any_age:
        cache.put(key(1), b"one")
        clock.now -= 200
        assert cache.get(key(1)) == b"one"
        clock.now -= 10**5
        assert cache.get(key(1)) is None
        assert any_age.get(key(1)) == b"one"
        cache.put(key(1), b"new")
        assert cache.get(key(1)) == b"new"


def test_the_size_is_kept(path: Path) -> None:
    """The values and their rows never take more than they may, and nearly as much."""
    limit = 100_000
    with Cache(path, max_bytes=limit) as cache:
        sizes = []
        for number in range(1_000):
            cache.put(key(number), value(number, number % 900))
            sizes.append(counted(path))
        assert max(sizes) <= limit
        assert min(sizes[500:]) > limit * 0.8
        assert sizes[-1] == measured(path)
        assert cache.get(key(999)) == value(999, 999 % 900)
        assert cache.get(key(1)) is None


def test_a_smaller_limit(path: Path) -> None:
    """A cache that is opened with a smaller limit is made smaller by the next value."""
    with Cache(path) as cache:
        for number in range(500):
            cache.put(key(number), value(number))
    with Cache(path, max_bytes=20_000) as cache:
        cache.put(key(1_000), value(1_000))
        assert counted(path) == measured(path) <= 20_000
        assert cache.get(key(1_000)) == value(1_000)


def test_the_longest_unused_go_first(path: Path, clock: Clock) -> None:
    """What is used stays, what is not goes, also where the clock was ahead once."""
    with Cache(path, max_bytes=100_000) as cache:
        clock.now += 10**9
        cache.put(key(9_999), value(9_999))
        clock.now -= 10**9
        for number in range(1_000):
            cache.put(key(number), value(number))
            clock.now += module.TOUCHED + 1
            assert cache.get(key(0)) == value(0)
        assert cache.get(key(9_999)) is None
        assert cache.get(key(800)) == value(800)
        assert cache.get(key(1)) is None


def test_large_values_are_not_kept(path: Path) -> None:
    """A value that would drive out many others is not kept."""
    with Cache(path, max_bytes=10_000) as cache:
        cache.put(key(1), value(1, 1_000))
        cache.put(key(2), value(2, 1_001))
        assert cache.get(key(1)) == value(1, 1_000)
        assert cache.get(key(2)) is None


def test_reading_does_not_write(path: Path, clock: Clock, kept: Cache) -> None:
    """Reading writes nothing, but for the time of use once an hour."""
    kept.put(key(1), b"one")
    connection = raw(path)

    def version() -> Any:
        """Tell whether another connection has written."""
        return connection.execute("PRAGMA data_version").fetchone()

    before = version()
    for _ in range(100):
        clock.now += module.TOUCHED / 200
        assert kept.get(key(1)) == b"one"
    assert version() == before
    clock.now += module.TOUCHED
    kept.get(key(1))
    assert version() != before
    before = version()
    kept.get(key(1))
    assert version() == before
    connection.close()


# ------------------------------------------------------------------------------------------ what goes wrong


def test_a_damaged_value(path: Path, kept: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged value is a miss, of which the log is told once, and can be put again."""
    for number in (1, 2):
        kept.put(key(number), value(number))
    connection = raw(path)
    connection.execute("UPDATE reply SET value = CAST(substr(value, 1, 100) || x'00' || substr(value, 102) AS BLOB)")
    connection.close()
    assert (kept.get(key(1)), kept.get(key(2))) == (None, None)
    assert warnings_of(caplog) == [f"The response cache {path} has a damaged entry."]
    kept.put(key(1), b"new")
    assert kept.get(key(1)) == b"new"


def test_an_answer_to_another_request(path: Path, kept: Cache) -> None:
    """A value that stands where another's should is not taken for it."""
    kept.put(key(1), b"one")
    kept.put(key(2), b"two")
    connection = raw(path)
    connection.execute("UPDATE reply SET value = (SELECT value FROM reply WHERE key = ?)", (key(2),))
    connection.close()
    assert (kept.get(key(1)), kept.get(key(2))) == (None, b"two")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE reply",
        "DROP TABLE total",
        "DELETE FROM total",
        "UPDATE total SET bytes = 'many'",
        "UPDATE reply SET value = 'text'",
        "UPDATE reply SET made = 'text'",
        "UPDATE reply SET used = x'00'",
        "UPDATE reply SET value = zeroblob(100)",
        "UPDATE total SET bytes = 9000000000000000000",
        "UPDATE total SET bytes = -9000000000000000000",
    ],
)
def test_contents_that_make_no_sense(path: Path, statement: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands in the tables, nothing is raised, and the log is told at most once."""
    with Cache(path, max_age=1_000) as cache:
        for number in range(5):
            cache.put(key(number), value(number))
        connection = raw(path)
        connection.execute(statement)
        connection.close()
        for number in range(10):
            assert cache.get(key(number)) in (None, value(number))
            cache.put(key(number), value(number))
            assert len(cache) >= 0
        assert len(warnings_of(caplog)) <= 1
        cache.clear()
    with Cache(path) as cache:
        cache.put(key(1), value(1))
        assert cache.get(key(1)) == value(1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the path of a closed cache with some values."""
    path = tmp_path_factory.mktemp("whole") / "c"
    with Cache(path) as cache:
        for number in range(60):
            cache.put(key(number), value(number, number * 10))
    return path


holes = st.tuples(st.integers(100, 10**6), st.binary(min_size=1, max_size=60))


@settings(max_examples=100)
@given(st.lists(holes, min_size=1, max_size=8), st.one_of(st.none(), st.integers(100, 10**5)))
def test_damage_anywhere(whole: Path, damage: list[tuple[int, bytes]], length: int | None) -> None:
    """Wherever a file is damaged or cut off, nothing is raised, and nothing wrong is found."""
    content = bytearray(whole.read_bytes())
    for place, written in damage:
        start = 100 + place % (len(content) - 200)
        content[start : start + len(written)] = written
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c"
        path.write_bytes(bytes(content[:length]))
        with Cache(path, max_bytes=20_000, max_age=10**8) as cache:
            for number in range(0, 70, 3):
                assert cache.get(key(number)) in (None, value(number, number * 10))
                cache.put(key(number), value(number, number * 10))
                assert cache.get(key(number)) in (None, value(number, number * 10))
            assert len(cache) >= 0


def test_a_damaged_file(path: Path, whole: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file of which only the beginning is a cache's is one without values, and says what to do."""
    path.write_bytes(whole.read_bytes()[:100] + b"\xff" * 30_000)
    with Cache(path) as cache:
        cache.put(key(1), b"one")
        assert (cache.get(key(1)), len(cache)) == (None, 0)
        with pytest.raises(ConfigurationError, match="not open"):
            cache.clear()
    assert warnings_of(caplog) == [f"The response cache {path} is damaged, and not used any more: delete the file."]


def test_a_locked_file(
    path: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While another process writes, nothing is kept and all is found; nobody waits for it again and again."""
    now = itertools.count(1_000.0, 0.001)
    monkeypatch.setattr(module, "monotonic", lambda: next(now))
    kept.put(key(1), b"one")
    other = raw(path)
    other.execute("BEGIN IMMEDIATE")
    waits: list[str] = []
    session = kept._session
    assert session is not None
    session.connection.set_trace_callback(waits.append)
    for number in range(2, 20):
        kept.put(key(number), b"other")
    assert waits == ["BEGIN IMMEDIATE"]
    assert kept.get(key(1)) == b"one"
    assert warnings_of(caplog) == [f"The response cache {path} is locked by another process."]
    other.execute("COMMIT")
    other.close()
    now = itertools.count(1_000.0 + module.LOCKED.rest + 1)
    kept.put(key(2), b"two")
    assert kept.get(key(2)) == b"two"


def test_clearing_a_locked_file(path: Path, kept: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the values cannot be deleted, whoever wanted that is told."""
    monkeypatch.setattr(cache_file, "CLEARING", 0.001)
    kept.put(key(1), b"one")
    other = raw(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConfigurationError, match=r"not cleared: it is locked"):
        kept.clear()
    other.execute("COMMIT")
    other.close()
    kept.clear()
    assert len(kept) == 0


def test_clearing_deletes(path: Path, kept: Cache) -> None:
    """After clearing, no byte of what was kept is in the files."""
    secret = b"The patient's name is Ann."
    for number in range(300):
        kept.put(key(number), secret + value(number, 2_000))
    kept.clear()
    kept.close()
    files = [file.read_bytes() for file in path.parent.iterdir()]
    assert not [number for number in range(300) if any(key(number) in each for each in files)]
    assert sum(map(len, files)) < 50_000


# ----------------------------------------------------------------------------------- threads and processes


HEAD = """
import logging, os, random, sys
from extractor.endpoint.cache import Cache
key = lambda number: Cache.key("http://h/v1", b"%d" % number, 0)
value = lambda number, size=200: random.Random(number).randbytes(size)
path = sys.argv[1]
logging.basicConfig(format="%(message)s")
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start another Python with that program."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(code: str, *arguments: str) -> tuple[str, str]:
    """Run a program in another Python. What it printed, and what it logged."""
    process = started(code, *arguments)
    printed, logged = process.communicate()
    assert process.returncode == 0, logged
    return printed, logged


def test_threads(path: Path) -> None:
    """Threads that share a cache find what others put, and nothing else."""
    wrong: list[int] = []
    with Cache(path, max_bytes=200_000) as cache:

        def work(seed: int) -> None:
            numbers = random.Random(seed)
            for _ in range(300):
                number = numbers.randrange(500)
                if cache.get(key(number)) not in (None, value(number)):
                    wrong.append(number)
                cache.put(key(number), value(number))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(cache) > 100
        assert counted(path) == measured(path)


def test_processes(path: Path) -> None:
    """Processes that make and use one file at the same time find what others put, and nothing else."""
    code = HEAD + (
        "numbers = random.Random(int(sys.argv[2]))\n"
        "with Cache(path, max_bytes=100_000) as cache:\n"
        "    found = 0\n"
        "    for _ in range(400):\n"
        "        number = numbers.randrange(400)\n"
        "        got = cache.get(key(number))\n"
        "        assert got in (None, value(number))\n"
        "        found += got is not None\n"
        "        cache.put(key(number), value(number))\n"
        "print(found)\n"
    )
    processes = [started(code, str(path), str(seed)) for seed in range(4)]
    ended = [(*process.communicate(), process.returncode) for process in processes]
    for _, logged, code_of_exit in ended:
        assert code_of_exit == 0, logged
        assert all("is locked" in line for line in logged.splitlines()), logged
    assert sum(int(printed) for printed, _, _ in ended) > 0
    with Cache(path) as cache:
        assert len(cache) > 0
        assert counted(path) == measured(path) <= 100_000
    assert sound(path)


def sound(path: Path) -> bool:
    """Whether SQLite finds no damage."""
    connection = raw(path)
    found = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return found == [("ok",)]


@POSIX
@pytest.mark.parametrize("after", [0, 1, 50, 333])
def test_killed(path: Path, after: int) -> None:
    """A process that is killed in the middle leaves all that it had kept, and a sound file."""
    code = HEAD + (
        "print('begins', flush=True)\n"
        "cache = Cache(path)\n"
        "for number in range(100_000):\n"
        "    cache.put(key(number), value(number))\n"
        "    print(number, flush=True)\n"
    )
    process = started(code, str(path))
    assert process.stdout is not None
    last = -1
    for line in itertools.islice(process.stdout, after + 1):
        last = -1 if line.startswith("begins") else int(line)
    process.kill()
    process.communicate()
    with Cache(path) as cache:
        for number in range(last + 1):
            assert cache.get(key(number)) == value(number)
        cache.put(key(10**6), b"new")
        assert cache.get(key(10**6)) == b"new"
        assert counted(path) == measured(path)
    assert sound(path)


@POSIX
def test_a_full_disk(path: Path) -> None:
    """Where no more can be written, what is there is found, the log is told once, and nothing is raised."""
    code = HEAD + (
        "import resource\n"
        "cache = Cache(path)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "for number in range(2_000):\n"
        "    cache.put(key(number), value(number))\n"
        "    assert cache.get(key(number)) in (None, value(number))\n"
        "print(len(cache))\n"
        "assert cache.get(key(0)) == value(0)\n"
    )
    printed, logged = run(code, str(path))
    assert 10 < int(printed) < 2_000
    assert logged.splitlines() == [
        f"The response cache {path} has no room: the disk is full, or a limit of file sizes is reached."
    ]
    with Cache(path) as cache:
        cache.put(key(9_999), b"new")
        assert cache.get(key(9_999)) == b"new"
        assert cache.get(key(0)) == value(0)
    assert sound(path)


@POSIX
def test_a_disk_that_is_full_from_the_start(path: Path) -> None:
    """Where not even an empty cache can be made, there is none."""
    code = HEAD + (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))\n"
        "cache = Cache(path)\n"
        "cache.put(key(1), b'one')\n"
        "print(cache.get(key(1)), len(cache))\n"
    )
    printed, logged = run(code, str(path))
    assert printed == "None 0\n"
    assert len(logged.splitlines()) == 1
    assert "has no room" in logged


def test_a_file_that_goes_away(path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is deleted before it is opened is not made again by SQLite, which would let others read it."""
    monkeypatch.setattr(module, "check", lambda path: None)
    with Cache(path) as cache:
        cache.put(key(1), b"one")
        assert cache.get(key(1)) is None
    assert not path.exists()
    assert warnings_of(caplog) == [f"The response cache {path} cannot be opened for writing."]


@POSIX
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_cannot_be_written_to(there: bool) -> None:
    """A cache that is there but may not be written is none; one that cannot be made is an error at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c"
        if there:
            with Cache(path) as cache:
                cache.put(key(1), b"one")
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        code = HEAD + (
            "from extractor.errors import ConfigurationError\n"
            "import sqlite3, urllib.parse\n"  # while they can be read
            "if os.getuid() == 0:\n"
            "    os.setuid(65534)\n"  # nothing is forbidden to root
            "try:\n"
            "    with Cache(path) as cache:\n"
            "        cache.put(key(2), b'two')\n"
            "        assert cache.get(key(1)) in (None, b'one')\n"
            "        assert cache.get(key(2)) is None\n"
            "        print('none')\n"
            "except ConfigurationError as error:\n"
            "    print(error)\n"
        )
        printed, logged = run(code, str(path))
        Path(folder).chmod(0o755)
        assert sorted(file.name for file in Path(folder).iterdir()) == (["c"] if there else [])
    if there:
        assert printed == "none\n"
        assert logged.splitlines() == [f"The response cache {path} cannot be opened for writing."]
    else:
        assert "cannot be made" in printed
        assert "Its folder must be there, and be writable." in printed


@POSIX
def test_after_a_fork(path: Path) -> None:
    """A child process uses a connection of its own, and leaves the parent's alone."""
    code = HEAD + (
        "cache = Cache(path)\n"
        "cache.put(key(1), b'one')\n"
        "parents = cache._session\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    good = cache.get(key(1)) == b'one' and cache._session is not parents\n"
        "    cache.put(key(2), b'two')\n"
        "    cache.close()\n"
        "    os._exit(0 if good else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert cache.get(key(2)) == b'two'\n"
        "cache.put(key(3), b'three')\n"
        "cache.close()\n"
    )
    assert run(code, str(path)) == ("", "")
    with Cache(path) as cache:
        assert [cache.get(key(number)) for number in (1, 2, 3)] == [b"one", b"two", b"three"]


@POSIX
def test_two_caches_of_one_process(path: Path, kept: Cache) -> None:
    """A second cache on the same file takes no locks from the first, whose file another process may not tidy up."""
    kept.put(key(1), b"one")
    Cache(path).close()
    for made in (_text, _short):  # a path that is refused meanwhile
        made(path.with_name("other"))
        with pytest.raises(ConfigurationError):
            Cache(path.with_name("other"))
    run(
        HEAD + "import sqlite3\nc = sqlite3.connect(path)\nc.execute('SELECT * FROM reply').fetchall()\nc.close()",
        str(path),
    )
    assert path.with_name("replies.db-wal").exists()
    kept.put(key(2), b"two")
    assert kept.get(key(2)) == b"two"


def test_the_log_is_the_librarys(path: Path, whole: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is said is said as a warning, without any of what was kept."""
    path.write_bytes(whole.read_bytes()[:5_000])
    with Cache(path) as cache:
        cache.put(key(1), b"secret")
        cache.get(key(1))
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    assert "secret" not in caplog.text
