"""How well the number of requests under way finds an endpoint's hidden limit, and what asking costs.

    python benchmarks/governor.py [--seeds 3] [--only TEXT] [--plot FILE.svg] [--json]

Each scenario of tests/endpoint/simulated.py is played by a simulator, event by event (no clock, no network): clients
that always have something to send, over a network of 8 to 12 ms each way, before an endpoint with a limit that nobody
has told them. Of the fixed windows from 1 to 512 the best is looked for twice: `best` is the most that any of them
gets accepted, whatever is refused meanwhile, and `polite` the most with at most 2 % refused.

Prints for each: both, with the window; ours in the mean of the seeds, and as a part of either; how much is refused
once settled (after 10 s, where nothing else is said), and the seconds until 80 % of the limit is first reached. Where
the limit changes after 30 s: the same from 10 s after that on. Then the CPU time of entering and leaving, a request.

`--plot` draws the window and the throughput of some scenarios over time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "endpoint"))

from simulated import SCENARIOS, Fixed, Outcome, Scenario

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


def shown(found: Row) -> str:
    """One line."""
    polite = f"{found.polite:6.1f} ({found.polite_window:3})" if found.polite_window else "     – (  –)"
    part = f"{found.ours / found.polite:5.2f}" if found.polite else "    –"
    line = (
        f"{found.name:34} {found.best:6.1f} ({found.best_window:3}) {polite} {found.ours:7.1f}"
        f" {found.ours / found.best:5.2f} {part} {100 * found.refused:6.2f} {found.to_80:7.1f}"
    )
    if found.after is not None and found.after_limit is not None and found.after_refused is not None:
        line += f"   then {found.after:6.1f} of {found.after_limit:6.1f}, {100 * found.after_refused:.2f} % refused"
    return line


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


# -------------------------------------------------------------------------------------------- the plot

WIDTH, HEIGHT, MARGIN, ACROSS = 420, 200, 40, 2


def line(points: list[tuple[float, float]], seconds: float, most: float, colour: str) -> str:
    """A polyline of points in seconds and whatever is at most `most`."""
    across, up = (WIDTH - 2 * MARGIN) / seconds, (HEIGHT - 2 * MARGIN) / most
    places = " ".join(f"{MARGIN + x * across:.1f},{HEIGHT - MARGIN - min(y, most) * up:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def panel(name: str, scenario: Scenario, outcome: Outcome) -> str:
    """The window (blue), the accepted (green) and the refused (red) a second, and the limit (grey) of one run."""
    seconds = scenario.seconds
    slots = [float(each) for each in range(int(seconds))]
    accepted = [(at + 0.5, outcome.throughput(at, at + 1)) for at in slots]
    refused = [(at + 0.5, float(sum(at <= each < at + 1 for each in outcome.refused))) for at in slots]
    windows = [(now, float(window)) for now, window, _ in outcome.windows[::4]]
    after = scenario.best if scenario.after is None else scenario.after
    limit = [(0.0, scenario.best), (scenario.change, scenario.best), (scenario.change, after), (seconds, after)]
    most = 1.1 * max(y for points in (accepted, windows, limit) for _, y in points)
    lines = [(limit, "#bbb"), (refused, "#d33"), (windows, "#36c"), (accepted, "#2a2")]
    drawn = "".join(line(points, seconds, most, colour) for points, colour in lines)
    left, bottom, right, top = MARGIN, HEIGHT - MARGIN, WIDTH - MARGIN, MARGIN
    axes = f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#000"/>'
    words = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in (
            (left, top - 10, "start", name),
            (left - 4, top + 4, "end", f"{most:.0f}"),
            (left - 4, bottom + 4, "end", "0"),
            (right, bottom + 14, "end", f"{seconds:.0f} s"),
        )
    )
    return axes + drawn + words


def plot(path: Path) -> None:
    """Write the picture."""
    panels = [panel(name, SCENARIOS[name], SCENARIOS[name].play(Governor())) for name in PLOTTED]
    placed = "".join(
        f'<g transform="translate({number % ACROSS * WIDTH} {number // ACROSS * HEIGHT})">{each}</g>'
        for number, each in enumerate(panels)
    )
    width, height = ACROSS * WIDTH, -(-len(panels) // ACROSS) * HEIGHT + 20
    legend = "blue: window; green: accepted a second; red: refused a second; grey: the limit, a second"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="#fff"/>{placed}'
        f'<text x="{MARGIN}" y="{height - 6}">{legend}</text></svg>\n',
        encoding="utf-8",
    )


def main() -> None:
    """Play, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how often each is played with ours")
    parser.add_argument("--only", default="", help="the scenarios whose name has this in it")
    parser.add_argument("--plot", type=Path, help="an SVG file to write")
    parser.add_argument("--json", action="store_true", help="all results as JSON")
    arguments = parser.parse_args()
    if arguments.plot:
        plot(arguments.plot)
    found: list[Row] = []
    if not arguments.json:
        print(f"{'a second (window)':34}          best       polite    ours /best /polite refused%  80% at s")
    for name, scenario in SCENARIOS.items():
        if arguments.only in name:
            found.append(row(name, scenario, arguments.seeds))
            if not arguments.json:
                print(shown(found[-1]), flush=True)
    cost = costs()
    if arguments.json:
        json.dump({"scenarios": [asdict(each) for each in found], "microseconds": cost}, sys.stdout, indent=2)
        return
    print("\nCPU of entering and leaving, a request: " + ", ".join(f"{us:.1f} µs {what}" for what, us in cost.items()))


if __name__ == "__main__":
    main()
