"""How well the number of requests under way finds an endpoint's hidden limit, and what asking costs.

    python benchmarks/governor.py [--seeds 3] [--only TEXT] [--into FOLDER]

Each scenario of tests/endpoint/simulated.py is played by a simulator, event by event (no clock, no network): clients
that always have something to send, over a network of 8 to 12 ms each way, before an endpoint with a limit that nobody
has told them. Of the fixed windows from 1 to 512 the best is looked for twice: `best` is the most that any of them
gets accepted, whatever is refused meanwhile, and `polite` the most with at most 2 % refused.

Gives for each: both, with the window; ours in the mean of the seeds, and as a part of either; how much is refused
once settled (after 10 s, where nothing else is said), and the seconds until 80 % of the limit is first reached. Where
the limit changes after 30 s: the same from 10 s after that on. Then the CPU time of entering and leaving, a request.
The window and the throughput of some scenarios are drawn over time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "endpoint"))

from contenders import installed, versions
from loopback import command, machine
from results import Cell, Column, Plot, Report, Series, Table, options, publish
from simulated import SCENARIOS, Fixed, Scenario

from extractor.endpoint.governor import Governor, Result

WINDOWS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 256, 300, 360, 512)
POLITE = 0.02
IN_VAIN = 4  # windows that bring no more than the best before
PLOTTED = (
    *("8 at a time, 50 ms", "64 → 32 at a time, 0.5 s", "32 → 64 at a time, 0.5 s", "10/s, burst 1, 50 ms"),
    *("100 → 50/s, burst 10, 0.5 s", "queue, 16 workers, 0.2 s"),
)


@dataclass(kw_only=True)
class Row:
    """What is printed of a scenario; throughputs are accepted requests a second."""

    name: str
    best: float
    best_window: int
    polite: float
    polite_window: int
    ours: float
    refused: float
    to_80: float
    after: float | None = None
    after_refused: float | None = None
    after_limit: float | None = None


def settled(scenario: Scenario) -> tuple[float, float]:
    """When a run has settled, and until when the limit stays."""
    return scenario.settled, scenario.seconds if scenario.after is None else scenario.change


def mean(values: list[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def row(name: str, scenario: Scenario, seeds: int) -> Row:
    """Play a scenario with every fixed window, and with ours."""
    since, until = settled(scenario)
    still = replace(scenario, seconds=until)  # before its limit changes
    fixed: list[tuple[float, float, int]] = []
    for window in WINDOWS:
        outcome = still.play(Fixed(window))
        fixed.append((outcome.throughput(since, until), outcome.refused_share(since, until), window))
        before = [each[0] for each in fixed[:-IN_VAIN]]
        if before and max(each[0] for each in fixed[-IN_VAIN:]) < 1.01 * max(before):
            break  # wider ones bring nothing
    best = max(fixed)
    polite = max((each for each in fixed if each[1] <= POLITE), default=(0.0, 0.0, 0))
    outcomes = [scenario.play(Governor(), seed) for seed in range(1, seeds + 1)]
    found = Row(
        name=name,
        best=best[0],
        best_window=best[2],
        polite=polite[0],
        polite_window=polite[2],
        ours=mean([each.throughput(since, until) for each in outcomes]),
        refused=mean([each.refused_share(since, until) for each in outcomes]),
        to_80=mean([each.time_to(0.8 * scenario.best) for each in outcomes]),
    )
    if scenario.after is not None:
        later = scenario.change + 10
        found.after = mean([each.throughput(later, scenario.seconds) for each in outcomes])
        found.after_refused = mean([each.refused_share(later, scenario.seconds) for each in outcomes])
        found.after_limit = scenario.after
    return found


def played(name: str, seeds: int) -> Row:
    """The same by its name, as another process can be told."""
    return row(name, SCENARIOS[name], seeds)


def costs() -> dict[str, float]:
    """Microseconds of CPU a request: with room, and with a thousand who wait. The least of five runs."""
    calm, waiting = [], []
    for _ in range(5):
        governor, result = Governor(), Result(seconds=0.1)
        began = time.process_time()
        for _ in range(20_000):
            governor.enter(0.0)
            governor.left(0.1, result)
        calm.append((time.process_time() - began) / 20_000 * 1e6)
        governor = Governor(concurrency=64)
        for _ in range(1_064):
            governor.enter(0.0)
        began = time.process_time()
        for _ in range(20_000):
            governor.left(0.1, result)
            governor.enter(0.1)
        waiting.append((time.process_time() - began) / 20_000 * 1e6)
    return {"with room": min(calm), "with 1,000 who wait": min(waiting)}


# -------------------------------------------------------------------------------------------- reporting

_COLUMNS = (
    Column(name="limit", form=",.1f"),
    Column(name="best fixed", form=",.1f"),
    Column(name="best: window", form=",.0f"),
    Column(name="polite fixed", form=",.1f"),
    Column(name="polite: window", form=",.0f"),
    Column(name="ours", form=",.1f"),
    Column(name="of the best"),
    Column(name="of the polite"),
    Column(name="refused %"),
    Column(name="80 % after s", form=",.1f"),
)
_CHANGED = (
    Column(name="new limit", form=",.1f"),
    Column(name="ours", form=",.1f"),
    Column(name="of the new limit"),
    Column(name="refused %"),
)
_COSTS = (Column(name="CPU µs a request", form=",.1f"),)


def tabled(rows: list[Row], cost: dict[str, float]) -> tuple[Table, ...]:
    """Before the limit changes, after it has, and what it costs."""
    before: dict[str, list[Cell]] = {}
    after: dict[str, list[Cell]] = {}
    for each in rows:
        polite = each.polite_window or None
        before[each.name] = [
            *(SCENARIOS[each.name].best, each.best, each.best_window),
            *((each.polite, polite) if polite else (None, None)),
            *(each.ours, each.ours / each.best, each.ours / each.polite if each.polite else None),
            *(100 * each.refused, each.to_80),
        ]
        if each.after is not None and each.after_limit is not None and each.after_refused is not None:
            part = each.after / each.after_limit
            after[each.name] = [each.after_limit, each.after, part, 100 * each.after_refused]
    costly: dict[str, list[Cell]] = {what: [us] for what, us in cost.items()}
    return tuple(
        Table(title=title, columns=columns, rows=found, ours=(), of=of, bars="")
        for title, columns, found, of in (
            ("Requests accepted a second, once settled", _COLUMNS, before, "endpoint"),
            ("From 10 s after the limit has changed on", _CHANGED, after, "endpoint"),
            ("CPU of entering and leaving", _COSTS, costly, "governor"),
        )
        if found
    )


def drawn(name: str, scenario: Scenario) -> Plot:
    """The window, and the accepted and the refused a second, of one run; and the limit."""
    outcome = scenario.play(Governor())
    starts = [float(each) for each in range(int(scenario.seconds))]
    after = scenario.best if scenario.after is None else scenario.after
    lines = {
        "window": [(now, float(window)) for now, window, _ in outcome.windows[::4]],
        "accepted a second": [(at + 0.5, outcome.throughput(at, at + 1)) for at in starts],
        "refused a second": [(at + 0.5, float(sum(at <= each < at + 1 for each in outcome.refused))) for at in starts],
        "limit, a second": [
            *((0.0, scenario.best), (scenario.change, scenario.best)),
            *((scenario.change, after), (scenario.seconds, after)),
        ],
    }
    series = tuple(
        Series(name=line, x=tuple(x for x, _ in points), y=tuple(y for _, y in points))
        for line, points in lines.items()
    )
    return Plot(title=f"An endpoint that bears {name}", x="seconds", y="requests", series=series)


def main() -> None:
    """Play and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="how often each is played with ours")
    parser.add_argument("--only", default="", help="the scenarios whose name has this in it")
    options(parser)
    arguments = parser.parse_args()
    began = time.perf_counter()
    wanted = [name for name in SCENARIOS if arguments.only in name]
    with ProcessPoolExecutor() as pool:  # nothing is timed in there
        found = list(pool.map(played, wanted, itertools.repeat(arguments.seeds)))
    cost = costs()
    report = Report(
        name="governor",
        question="How well is an endpoint's hidden limit found?",
        command=command(),
        environment=machine(),
        versions=versions(installed("extractor")),
        tables=tabled(found, cost),
        plots=tuple(drawn(name, SCENARIOS[name]) for name in PLOTTED if arguments.only in name),
        notes=(
            f"A simulation without clock or network; ours in the mean of {arguments.seeds} seeds. `best fixed` is the "
            "fixed window with the most accepted, `polite fixed` that with at most 2 % refused: each was found by "
            "trying all of them, which nobody can do at a real endpoint. No other library looks for a limit.",
        ),
        seconds=time.perf_counter() - began,
        data={"scenarios": [asdict(each) for each in found], "microseconds": cost},
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
