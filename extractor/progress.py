"""How far many documents are, told from what became of each: what is counted, and how it is said in so many columns.

No I/O and no clock: `now` is in seconds of any clock that does not go back. What a job had finished before is counted
apart: it costs nothing now, and says nothing about how fast the rest will go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator
from decimal import Decimal
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from extractor.errors import EndpointError, ExtractionFailed, ExtractorError
from extractor.prices import Billed
from extractor.result import DocumentResult

__all__ = ["Progress", "duration", "many", "money", "printable", "tokens"]

WINDOW = 30.0  # seconds that the rate looks back: shorter, and it jumps; longer, and it does not notice a new limit
KINDS = 50  # of errors that are told apart: bounded, for documents that each fail in their own way
WIDEST_BAR = 50  # columns
NARROWEST_BAR = 6
SECONDS, SHARE = 10.0, 0.1  # between two lines where there is no terminal: the rarer of both


def printable(text: str, *, keep: str = "") -> str:
    """Text with nothing in it that a terminal would obey: control characters, those that turn the direction of
    writing, and lone surrogates are shown by their numbers. What is in `keep` stays.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class Progress:
    """What became of the documents so far. `total` is how many there are, None where nobody knows; it may grow.

    `note` is a line for whoever looks on: that it is stopping, or who else is at work.
    """

    def __init__(self, *, total: int | None = None, now: float) -> None:
        self.total = total
        self.note = ""
        self.done = self.failed = 0
        self.restored = self.restored_failed = 0
        self.requests = self.asked_again = 0
        self.prompt_tokens = self.cached_tokens = self.output_tokens = 0
        self.cost, self.unpriced = Decimal(0), 0  # what is known, and how many documents have another cost beside it
        self.unreached = self.unfit = 0  # failed since the endpoint did, now or before; since no reply conformed, now
        self.errors: dict[tuple[str, str], _Kind] = {}
        self._last: _Kind | None = None
        self._began = now
        self._ends: deque[tuple[float, int]] = deque()  # second → documents that ended in it
        self._said: tuple[float, int] | None = None

    @property
    def seen(self) -> int:
        """How many documents something became of, those of before included."""
        return self.done + self.failed + self.restored

    @property
    def all_failed(self) -> int:
        """How many failed, now or before."""
        return self.failed + self.restored_failed

    def add(self, result: DocumentResult[Any], now: float) -> None:
        """One more."""
        self.unreached += isinstance(result.error, EndpointError)
        if result.restored:
            self.restored += 1
            self.restored_failed += result.error is not None
            return
        if result.error is None:
            self.done += 1
        else:
            self.failed += 1
            self.unfit += isinstance(result.error, ExtractionFailed)
            self._count_error(result.name, result.error)
        self._count_cost(result.result if result.error is None else result.error)
        second = float(int(now))
        if self._ends and self._ends[-1][0] == second:
            second, count = self._ends.pop()
            self._ends.append((second, count + 1))
        else:
            self._ends.append((second, 1))

    def _count_cost(self, ended: Any) -> None:
        """An `Extraction`, or an error with its attempts."""
        attempts = getattr(ended, "attempts", ())
        self.requests += len(attempts)
        self.asked_again += max(0, len(attempts) - max(1, len(getattr(ended, "chunks", ()))))
        for attempt in attempts:
            billed = None if attempt.reply.cached else Billed.of(attempt.reply.usage)
            if billed is not None:
                self.prompt_tokens += billed.prompt
                self.cached_tokens += billed.cached
                self.output_tokens += billed.output
        cost: Decimal | None = getattr(ended, "cost", Decimal(0))
        if cost is None:
            self.unpriced += 1
        else:
            self.cost += cost

    def _count_error(self, name: str, error: ExtractorError) -> None:
        key = (type(error).__name__, error.message.removeprefix(f"{name}: "))
        if key not in self.errors and len(self.errors) >= KINDS:
            key = (key[0], "…")
        kind = self.errors.setdefault(key, _Kind(*key))
        kind.count += 1
        kind.name = name
        self._last = kind

    def failed_with(self, types: Container[str]) -> int:
        """How many failed now with errors of those types."""
        return sum(kind.count for kind in self.errors.values() if kind.type in types)

    def rate(self, now: float) -> float:
        """Documents a second, over the last half minute; 0 where none ended in it."""
        while self._ends and self._ends[0][0] < now - WINDOW:
            self._ends.popleft()
        return sum(count for _, count in self._ends) / max(min(now - self._began, WINDOW), 1.0)

    def left(self, now: float) -> float | None:
        """Seconds that the rest will take, if it goes on so; None where nobody knows."""
        rate = self.rate(now)
        if self.total is None or not rate:
            return None
        return max(self.total - self.seen, 0) / rate

    # ----------------------------------------------------------------------------- for a terminal

    def frame(self, width: int, height: int, now: float, *, simple: bool = False) -> list[Text]:
        """The lines that show it, none wider than `width` columns, at most `height` of them; the bar among them.

        With `simple` there is nothing but ASCII in what is not a document's name.
        """
        bar = self._bar_line(width, now, simple)
        below = _flowed(self._pieces(), width, " | " if simple else " · ")
        above = [Text(printable(self.note), style="yellow")] if self.note else []
        if self._last is not None:
            above.insert(0, Text(self._last.said(), style="red"))
        lines = [bar, *below][: max(height, 1)]
        lines = [*above[: max(height - len(lines), 0)], *lines]
        for line in lines:
            line.truncate(width, overflow="crop" if simple else "ellipsis")
        return lines

    def _bar_line(self, width: int, now: float, simple: bool) -> Text:
        words = "  ".join(self._where(now))
        room = min(width - cell_len(words) - 1, WIDEST_BAR)
        if self.total is None or room < NARROWEST_BAR:
            return Text(words)
        share = min(self.seen / self.total, 1.0) if self.total else 1.0
        full = int(share * room)
        mark, rest = ("#", "-") if simple else ("━", "─")
        return Text.assemble((mark * full, "green"), (rest * (room - full), "dim"), " ", words)

    def _where(self, now: float) -> Iterator[str]:
        if self.total is None:
            yield many(self.seen)
        else:
            yield f"{self.seen:,}/{self.total:,}"
            yield _percent(self.seen, self.total)
        rate, left = self.rate(now), self.left(now)
        if rate:
            yield _paced(rate)
        if left is None or not left:
            yield duration(now - self._began)
        else:
            yield f"{duration(left)} left"

    def _pieces(self) -> Iterator[tuple[str, str]]:
        yield f"{self.done:,} done", ""
        yield f"{self.failed:,} failed", "red" if self.failed else ""
        if self.restored:
            yield f"{self.restored:,} restored{_of_them(self.restored_failed)}", "dim"
        if self.asked_again:
            yield f"{self.asked_again:,} asked again", ""
        if self.prompt_tokens or self.output_tokens:
            yield tokens(self.prompt_tokens, self.cached_tokens, self.output_tokens), ""
        if self.cost or not self.unpriced:
            yield money(self.cost) + (" + ?" if self.unpriced else ""), ""

    # ----------------------------------------------------------------------------- for a file

    def line(self, now: float) -> str:
        """All of it in one line."""
        said = [f"{self.seen:,}" if self.total is None else f"{self.seen:,} of {self.total:,}"]
        if self.total:
            said[0] += f" ({_percent(self.seen, self.total)})"
        said += [piece for piece, _ in self._pieces()]
        rate, left = self.rate(now), self.left(now)
        said += [_paced(rate)] if rate else []
        said += [f"{duration(left)} left"] if left else []
        return ", ".join(said)

    def is_due(self, now: float) -> bool:
        """Whether it is time for another line: some seconds and a share of the documents after the last one."""
        then, seen = self._said or (self._began, 0)
        share = SHARE * (self.total if self.total is not None else seen)
        if now - then < SECONDS or self.seen - seen < max(share, 1):
            return False
        self._said = (now, self.seen)
        return True

    def summary(self, now: float) -> str:
        """What came of it all, in the end."""
        pieces = [piece for piece, _ in self._pieces()]
        pieces += [money(None)] if self.unpriced and not self.cost else []
        return " · ".join([*pieces, duration(now - self._began)])

    def failures(self, most: int = 5) -> Iterator[str]:
        """What documents failed with, the most frequent first, one line each."""
        kinds = sorted(self.errors.values(), key=lambda kind: -kind.count)
        for kind in kinds[:most]:
            yield kind.said()
        rest = sum(kind.count for kind in kinds[most:])
        if rest:
            yield f"… and {rest:,} of other kinds"


class _Kind:
    """Errors that say the same: how many, and the last document that had it."""

    __slots__ = ("count", "message", "name", "type")

    def __init__(self, type_: str, message: str) -> None:
        self.type, self.message, self.name, self.count = type_, message, "", 0

    def said(self) -> str:
        times = f"{self.count:,} × " if self.count > 1 else ""
        return printable(f"{times}{self.type}: {self.message} ({self.name})")


def _flowed(pieces: Iterable[tuple[str, str]], width: int, between: str) -> list[Text]:
    """Pieces beside each other, as many as fit into each line."""
    lines: list[Text] = []
    for piece, style in pieces:
        if lines and cell_len(lines[-1].plain) + len(between) + cell_len(piece) <= width:
            lines[-1].append(between, style="dim").append(piece, style=style)
        else:
            lines.append(Text.assemble((piece, style)))
    return lines


def many(documents: int) -> str:
    """`1 document`, `1,200 documents`."""
    return f"{documents:,} document{'' if documents == 1 else 's'}"


def _percent(part: int, whole: int) -> str:
    """Never 100 % before it is all."""
    return f"{100 if part >= whole else part * 100 // whole}%"


def _paced(rate: float) -> str:
    if rate >= 100:
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.0f}/min"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`, `2 d 3 h`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tokens(prompt: int, cached: int, output: int) -> str:
    """Tokens in and out, and how many of the first were in a cache: `12k tokens in (1k cached), 80 out`."""
    return f"{_short(prompt)} tokens in{f' ({_short(cached)} cached)' if cached else ''}, {_short(output)} out"


def money(cost: Decimal | None) -> str:
    """US dollars: `$12.50`, `$0.120`, `$0.0012`; in words where that is not known."""
    if cost is None:
        return "cost unknown"
    if not cost or cost >= 1:
        return f"${cost:,.2f}"
    return f"${cost:.3f}" if cost >= Decimal("0.01") else f"${float(cost):.2g}"


def _short(count: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= 10 * unit:
            return f"{count // unit:,}{name}"
        if count >= unit:
            return f"{count // (unit // 10) / 10:.1f}{name}"
    return f"{count}"


def _of_them(failed: int) -> str:
    return f" ({failed:,} failed)" if failed else ""
