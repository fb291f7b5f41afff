"""Whether anything that can be written breaks the reader of JSON, or the mending of replies.

    python benchmarks/fuzz.py [--seconds 600] [--target reader repair] [--seed N]

With atheris (`pip install atheris`) the inputs are guided by the coverage of `extractor.reply`; without it they are
random mutations of the seeds below, and that is said. Each input is a text, in which bytes that are no UTF-8 become
lone surrogates, and is held against the laws of each target. Targets that are not there are passed over.

reader: any split gives the same values, places and faults, or the same refusal at the same place; what `json.loads`
takes (without NaN, keys given twice, lone surrogates, what is too deep or too long) is read as equal, of the same
types, and the rest is refused; the span of a value is its text; what is known in between is the same in retrospect.
repair: nothing raises; each text with its closers is taken by `json.loads`.

Ends with exit code 1 at the first input that breaks a law, and prints it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import multiprocessing
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Check: TypeAlias = "Callable[[str, random.Random], None]"
"""Holds a text against laws, with chance for where to cut it. Raises `AssertionError`."""

LONGEST = 4_096  # bytes of an input: more is slower and finds no more

SEEDS = (
    '{"id": 7, "name": "Ann \\"A\\" Lee", "tags": ["a", "b\\n"], "total": -12.50e+1, "paid": true, "note": null}',
    '[[], {}, [[1, 2], {"a": {"b": [0]}}], "\\u00e9\\ud83d\\ude00\\/", 1E5, -0, -0.0, 123456789012345678901]',
    '  "text"  ',
    "-17.25",
    '{"a": 1, "a": [NaN, -Infinity, 1e999], "\\u0061": false}',
    'Here it is:\n```json\n{"a": 1, // one\n "b": [\'x\', "y",], c: True,}\n```\nDone.',
    '<think>{"a": 2}</think> {"a": 1, "b": "cut of',
    '[1, 2, {"a": "\\ud83d',
    '{"key": "value',
    "[" * 201,
)
SCRAPS = (
    *(
        '{"',
        '":',
        '"',
        ",",
        "]",
        "}",
        "[",
        "{",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "\\uDBFF\\udfff",
        "\\u0000",
        "true",
        "null",
        "tru",
    ),
    *("NaN", "-Infinity", "1e999", "-", ".", "e+", "0", "00", "1" * 18, "1" * 4300, " ", "\n", "\x00", "\ufeff"),
    *("\ud800", "é", "😀", "```", "//", "/*", "'", "None", "...", "<think>", "“", "\xa0", '{"a":1}', '"a":'),
)

# ----------------------------------------------------------------------------------------------- laws


def check_reader(text: str, chance: random.Random) -> None:
    """The laws of `extractor.reply.reader`."""
    reader = importlib.import_module("extractor.reply.reader")
    node = importlib.import_module("extractor.reply.node")
    places = sorted(chance.randrange(len(text) + 1) for _ in range(chance.choice((0, 1, 3, 20))))
    chunks = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    for lenient in (False, True):
        whole = _told(reader, node, [text], lenient)
        assert _told(reader, node, chunks, lenient) == whole, f"split at {places}"
        assert _told(reader, node, list(text), lenient) == whole, "split into characters"
    _check_value(reader, node, text)
    _check_between(reader, node, chunks)


def _told(reader: Any, node: Any, chunks: Sequence[str], lenient: bool) -> tuple[Any, ...]:
    """All that a reading gives."""
    faults: list[Any] = []
    one = reader.Reader(faults=faults if lenient else None)
    try:
        for chunk in chunks:
            one.feed(chunk)
        one.close()
    except node.Malformed as malformed:
        return (malformed.kind, malformed.offset, one.offset, repr(faults))
    found = [
        (each.kind, each.start, each.end, each.key, each.key_start, each.key_end, each.pointer(), repr(each.value))
        for each in node.nodes(one.root)
    ]
    return (found, repr(faults))


def _check_value(reader: Any, node: Any, text: str) -> None:
    refusal: Any = None
    root: Any = None
    try:
        root = reader.read(text)
    except node.Malformed as malformed:
        refusal = malformed
    if refusal is not None:
        assert 0 <= refusal.offset <= len(text)
        assert refusal.kind in ("too_deep", "number_too_long") or not _is_json(text), f"refused: {refusal}"
        return
    assert repr(root.value) == repr(json.loads(text)), "another value"
    found = list(node.nodes(root))
    for each in found[:: max(1, len(found) // 50)]:  # each is read again, which is quadratic where they are nested
        assert repr(reader.read(text[each.start : each.end]).value) == repr(each.value), f"span of {each}"


def _is_json(text: str) -> bool:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key that is given twice")
        return dict(pairs)

    def finite(number: str) -> float:
        if float(number) - float(number) != 0:
            raise ValueError(number)
        return float(number)

    try:
        text.encode()
        value = json.loads(text, object_pairs_hook=members, parse_float=finite, parse_constant=finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _check_between(reader: Any, node: Any, chunks: Sequence[str]) -> None:
    """What is known after each chunk is known in retrospect, too."""
    last, now = reader.Reader(faults=[]), reader.Reader(faults=[])
    with contextlib.suppress(node.Malformed):
        last.feed("".join(chunks))
    for chunk in chunks:
        with contextlib.suppress(node.Malformed):
            now.feed(chunk)
        now.tail()
        now.open_path()
        if now.root is None or now.offset >= last.offset:  # after the fault of `last`, there is nothing to tell
            continue
        for readers in ((None, None), (now, last)):
            known = node.plain(now.root, open_strings=readers[0])
            told = node.plain(last.root, now.offset, open_strings=readers[1])
            assert repr(known) == repr(told), f"known at {now.offset}: {known!r}, in retrospect {told!r}"


def check_repair(text: str, chance: random.Random) -> None:
    """The laws of `extractor.reply.repair`."""
    repair = importlib.import_module("extractor.reply.repair")
    for mended in repair.mended(text):
        json.loads(mended.text + mended.closers)


TARGETS: Mapping[str, tuple[str, Check]] = {
    "reader": ("extractor.reply.reader", check_reader),
    "repair": ("extractor.reply.repair", check_repair),
}


def text_of(data: bytes) -> str:
    """The text of an input; what is no UTF-8 becomes lone surrogates."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def held(checks: Sequence[Check], data: bytes) -> None:
    """Hold one input against all laws; prints it where it breaks one."""
    text = text_of(data)
    for check in checks:
        try:
            check(text, random.Random(data))
        except BaseException:
            print(f"\n{check.__name__} fails for {text!r}", file=sys.stderr, flush=True)
            raise


# --------------------------------------------------------------------------------------------- inputs


def mutated(chance: random.Random, texts: Sequence[str], text: str) -> str:
    """A text with some things put in, left out, doubled or taken from others."""
    for _ in range(chance.choice((0, 1, 1, 2, 4, 8))):
        a, b = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        other = chance.choice(texts)
        c, d = sorted(chance.randrange(len(other) + 1) for _ in range(2))
        b = min(b, a + chance.choice((1, 3, 1000)))
        text = chance.choice(
            (
                text[:a] + chance.choice(SCRAPS) + text[a:],
                text[:a] + chance.choice(SCRAPS) + text[b:],
                text[:a] + text[b:],
                text[:b] + text[a:],
                text[:a] + other[c:d] + text[b:],
                text[:a] + chr(chance.choice((chance.randrange(128), chance.randrange(0x11000)))) + text[a:],
            )
        )[:LONGEST]
    return text


def guided(atheris: Any, checks: Sequence[Check], seconds: int, seed: int) -> int:
    """Let atheris choose the inputs. Gives the exit code: in a process of its own, for atheris ends that itself."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate((*SEEDS, *SCRAPS)):
            (Path(folder) / str(number)).write_bytes(text.encode("utf-8", "surrogatepass"))
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-seed={seed}", f"-artifact_prefix={folder}/"]

        def changed(data: bytes, most: int, number: int) -> bytes:
            chance, text = random.Random(number), text_of(data)
            if chance.random() < 0.5 or not text:
                return bytes(atheris.Mutate(data, most))
            # Changed bytes alone seldom give what is almost JSON.
            return mutated(chance, (text, *SEEDS), text).encode("utf-8", "surrogatepass")[:most]

        def fuzz() -> None:
            atheris.Setup([sys.argv[0], *options, folder], lambda data: held(checks, data), custom_mutator=changed)
            atheris.Fuzz()

        process = multiprocessing.get_context("fork").Process(target=fuzz)
        process.start()
        process.join()
    return int(process.exitcode != 0)


def unguided(checks: Sequence[Check], seconds: int, seed: int) -> int:
    """Hold random mutations of the seeds against the laws."""
    chance, number, ends = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            held(checks, mutated(chance, SEEDS, chance.choice(SEEDS)).encode("utf-8", "surrogatepass"))
        except Exception:  # noqa: BLE001  # a finding, whatever it is
            traceback.print_exc()
            return 1
        number += 1
    print(f"{number:,} inputs, no law broken")
    return 0


def main() -> int:
    """Import what is there, and fuzz it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    atheris: Any = importlib.import_module("atheris") if importlib.util.find_spec("atheris") else None
    checks: list[Check] = []
    with atheris.instrument_imports(include=["extractor.reply"]) if atheris else contextlib.nullcontext():
        for module, check in map(TARGETS.__getitem__, given.target):
            if importlib.util.find_spec(module) is None:
                print(f"{module} is not there: passed over")
                continue
            importlib.import_module(module)
            checks.append(check)
    if atheris is None:
        print("atheris is not installed: random mutations of the seeds, not guided by coverage")
        return unguided(checks, given.seconds, given.seed)
    return guided(atheris, checks, given.seconds, given.seed)


if __name__ == "__main__":
    sys.exit(main())
