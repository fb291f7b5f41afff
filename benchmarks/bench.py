"""All benchmarks by one command: each script by itself, one after the other, and what they say on one page.

    python benchmarks/bench.py [--data DIR] [--only NAME …] [--fast] [--keep FOLDER]
    python benchmarks/bench.py --from FOLDER

Writes `RESULTS.md` and `results.json` beside this file, and the pictures into `plots`. DIR has the folders
`extraction` and `schemas`, as accuracy.py and conversion.py say; questions that need them are left out without it.
A script that fails is named on the page, the others go on, and the exit code is 1. With --fast everything is asked
with so little that the numbers mean nothing: it shows that all works. --keep keeps the reports in FOLDER; those that
are there from an earlier run and not run now stay on the page. --from only writes the page again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import drawing
import writing
from questions import QUESTIONS, Question
from results import Report, read

HERE = Path(__file__).resolve().parent
PATIENCE = 4  # times the minutes that a script should take, after which it is stopped
RUN = "run.json"  # what is known of the runs themselves, beside the reports


# ------------------------------------------------------------------------------------------- running


def run(question: Question, given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run one script; what became of it."""
    arguments = _arguments(question, given)
    command = [sys.executable, str(HERE / f"{question.script}.py"), *arguments, "--into", str(folder)]
    if question.data and given.data is not None:
        command += ["--data", str(given.data)]
    (folder / f"{question.script}.json").unlink(missing_ok=True)
    print(f"{question.script} (about {question.minutes:g} min)", end=" … ", file=sys.stderr, flush=True)
    started, failed = time.perf_counter(), ""
    with (folder / f"{question.script}.log").open("w+", encoding="utf-8") as log:
        try:
            patience = 60 + PATIENCE * 60 * question.minutes
            ended = subprocess.run(
                command,
                cwd=HERE.parent,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                timeout=patience,
                check=False,
            )
            if ended.returncode:
                failed = f"exit code {ended.returncode}"
        except subprocess.TimeoutExpired as error:
            failed = f"stopped after {error.timeout:.0f} s"
        log.seek(0)
        last = [line.strip() for line in log.read()[-20_000:].splitlines() if line.strip()][-20:]
    seconds = time.perf_counter() - started
    print(f"{failed or 'done'}, {seconds:.0f} s", file=sys.stderr, flush=True)
    said = _private(last[-1] if last else "nothing said", given)
    if failed:
        print("\n".join(last), file=sys.stderr, flush=True)
        failed = f"{failed}: {said}"
    shown = shlex.join(["python", f"benchmarks/{question.script}.py", *arguments, *_shown_data(question, given)])
    return {"failed": failed, "last": said, "seconds": round(seconds, 1), "command": shown}


def _arguments(question: Question, given: argparse.Namespace) -> list[str]:
    return shlex.split((question.fast or question.arguments) if given.fast else question.arguments)


def _shown_data(question: Question, given: argparse.Namespace) -> list[str]:
    return ["--data", "DIR"] if question.data and given.data is not None else []


def _private(line: str, given: argparse.Namespace) -> str:
    """A line of a script's without what is only true of this machine."""
    for place, name in ((given.data, "DIR"), (HERE.parent, "."), (Path.home(), "~")):
        line = line.replace(str(place), name) if place is not None else line
    return line[:300]


def wanted(given: argparse.Namespace) -> list[Question]:
    """The questions that are asked this time."""
    asked = [each for each in QUESTIONS if not given.only or each.script in given.only]
    for each in asked:
        if each.data == "needs" and given.data is None:
            print(f"{each.script}: left out, it needs --data", file=sys.stderr)
    return [each for each in asked if each.data != "needs" or given.data is not None]


# ------------------------------------------------------------------------------------------- the machine


def facts(given: argparse.Namespace) -> dict[str, str]:
    """What holds for all that is measured now."""
    said = [f"--only {' '.join(given.only)}"] if given.only else []
    said += ["--fast"] if given.fast else []
    if said:
        said = ["python benchmarks/bench.py", *(["--data DIR"] if given.data else []), *said]
    else:
        said = ["make bench", *(["DATA=DIR"] if given.data else [])]
    return {
        "command": " ".join(said),
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "Commit": commit(),
        "Machine": f"{os.cpu_count()} cores, {_cpu()}, {_memory()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Kernel": f"{platform.system()} {platform.release()}, {platform.machine()}",
    }


def commit() -> str:
    """The commit of the checkout, and whether anything differs from it."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    said = [
        subprocess.run([git, *words], cwd=HERE, capture_output=True, text=True, check=False).stdout.strip()
        for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    ]
    return f"{said[0] or 'unknown'}{', with changes' if said[1] else ''}"


def _cpu() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _memory() -> str:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return "unknown memory"


def _lines(path: str) -> list[str]:
    place = Path(path)
    return place.read_text(encoding="utf-8").splitlines() if place.exists() else []


# ------------------------------------------------------------------------------------------- the page


def sections(folder: Path, told: Mapping[str, Any]) -> list[writing.Section]:
    """What is on the page: a section for each question that was asked, with its pictures drawn."""
    plots = HERE / "plots"
    shutil.rmtree(plots, ignore_errors=True)
    found = []
    for question in QUESTIONS:
        ran, path = told["runs"].get(question.script), folder / f"{question.script}.json"
        report: Report | None = None
        if ran is not None and path.exists():
            report = replace(read(path), command=ran["command"])
            if ran["of"] != _of(told["facts"]):
                report = replace(report, notes=(*report.notes, f"Not of the same run as the page: {ran['of']}."))
        paths = drawing.drawn(report, plots) if report is not None else {}
        found.append(
            writing.Section(
                name=question.script,
                heading=question.heading,
                report=report,
                failed=ran["failed"] if ran is not None else "",
                absent=_absent(question, ran),
                plots={title: each.relative_to(HERE).as_posix() for title, each in paths.items()},
            )
        )
    return found


def _absent(question: Question, ran: Mapping[str, Any] | None) -> str:
    """Why a question has no answer, where it has none."""
    if ran is not None:
        return f"Not asked: {ran['last']}"
    return "Not asked in this run" + (": it needs `DATA=DIR`." if question.data == "needs" else ".")


def _of(known: Mapping[str, str]) -> str:
    return f"commit {known['Commit']}, {known['Date']}"


def write_page(folder: Path) -> int:
    """Write the page from what is in the folder; how many scripts failed."""
    told = json.loads((folder / RUN).read_text(encoding="utf-8"))
    found = sections(folder, told)
    (HERE / "RESULTS.md").write_text(writing.page(found, told["facts"]), encoding="utf-8")
    (HERE / "results.json").write_text(writing.data(found, told["facts"]), encoding="utf-8")
    answered = sum(1 for each in found if each.report is not None)
    print(f"{answered} of {len(found)} questions are answered in {HERE.name}/RESULTS.md", file=sys.stderr)
    return sum(1 for each in found if each.failed)


def _told(folder: Path) -> dict[str, Any]:
    path = folder / RUN
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": {}}
    return kept


def ask(given: argparse.Namespace, folder: Path) -> int:
    """Run everything that is wanted, and write the page; how many failed."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {**_told(folder), "facts": facts(given)}
    for question in wanted(given):
        ran = run(question, given, folder)
        told["runs"][question.script] = {**ran, "of": _of(told["facts"])}
        (folder / RUN).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return write_page(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, or only write again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=lambda said: Path(said).resolve(), metavar="DIR")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[each.script for each in QUESTIONS])
    parser.add_argument("--fast", action="store_true", help="only show that all works")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the reports are kept")
    parser.add_argument("--from", type=Path, metavar="FOLDER", dest="source", help="run nothing")
    given = parser.parse_args(argv)
    if given.source is not None:
        return int(bool(write_page(given.source)))
    if given.keep is not None:
        return int(bool(ask(given, given.keep)))
    with tempfile.TemporaryDirectory() as folder:
        return int(bool(ask(given, Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
