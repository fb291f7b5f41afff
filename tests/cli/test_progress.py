"""What is said of how far many documents are."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from extractor.chat.wire import PromptTokensDetails, Usage
from extractor.errors import ConnectionFailed, DocumentEncrypted, DocumentError, ExtractionFailed, ExtractorError
from extractor.progress import KINDS, Progress, duration, money, printable
from extractor.result import DocumentResult


def _done(
    name: str = "a.txt", *, requests: int = 1, cost: Decimal | None = Decimal("0.01"), cached: bool = False
) -> DocumentResult[Any]:
    usage = Usage(
        prompt_tokens=1_000, completion_tokens=100, prompt_tokens_details=PromptTokensDetails(cached_tokens=400)
    )
    attempt = SimpleNamespace(reply=SimpleNamespace(cached=cached, usage=usage))
    result: Any = SimpleNamespace(attempts=(attempt,) * requests, chunks=(), cost=cost)
    return DocumentResult(number=0, name=name, result=result)


def _failed(name: str = "b.pdf", message: str = "b.pdf: A password is needed.") -> DocumentResult[Any]:
    return DocumentResult(number=0, name=name, error=DocumentEncrypted(message))


def _unfit() -> DocumentResult[Any]:
    error = ExtractionFailed("No person.", attempts=(), value=None, errors=(), usage=Usage())
    return DocumentResult(number=0, name="e", error=error)


def _restored(error: ExtractorError | None = None) -> DocumentResult[Any]:
    result: Any = None if error else SimpleNamespace(attempts=(), cost=Decimal(5))
    return DocumentResult(number=0, name="c", result=result, error=error, restored=True)


def _shown(progress: Progress, width: int = 100, height: int = 20, now: float = 10.0) -> list[str]:
    return [line.plain for line in progress.frame(width, height, now)]


def test_what_is_counted() -> None:
    """Documents, requests beyond the first, tokens with cached ones, and money are counted."""
    progress = Progress(total=10, now=0)
    for each in (_done(), _done(requests=3), _failed()):
        progress.add(each, 1)
    assert (progress.done, progress.failed, progress.requests, progress.asked_again) == (2, 1, 4, 2)
    assert (progress.prompt_tokens, progress.cached_tokens, progress.output_tokens) == (4_000, 1_600, 400)
    assert progress.line(10) == (
        "3 of 10 (30%), 2 done, 1 failed, 2 asked again, 4.0k tokens in (1.6k cached), 400 out, $0.020, "
        "18/min, 0:23 left"
    )


def test_what_came_from_the_cache_costs_nothing() -> None:
    """Replies of the cache are no tokens."""
    progress = Progress(now=0)
    progress.add(_done(cached=True, cost=Decimal(0)), 1)
    assert (progress.prompt_tokens, progress.line(1)) == (0, "1, 1 done, 0 failed, $0.00, 1.0/s")


def test_money_that_is_not_known() -> None:
    """Where nothing is known of the cost that is said once, in the end; else there is a mark beside what is known."""
    progress = Progress(now=0)
    progress.add(_done(cost=None), 1)
    assert "cost" not in progress.line(1)
    assert "$" not in "".join([progress.line(1), progress.summary(1), *_shown(progress)])
    assert "100 out · cost unknown · " in progress.summary(1)
    progress.add(_done(), 1)
    assert "$0.010 + ?" in progress.line(1)
    assert "unknown" not in progress.summary(1)


def test_restored_documents_are_apart() -> None:
    """What is restored counts neither as done now, nor for the rate, nor for the cost."""
    progress = Progress(total=200, now=0)
    for _ in range(99):
        progress.add(_restored(), 1)
    progress.add(_restored(DocumentError("x")), 1)
    assert (progress.rate(2), progress.left(2), progress.prompt_tokens) == (0.0, None, 0)
    assert "100 restored (1 failed)" in progress.line(2)
    for second in range(10):
        progress.add(_done(), second)
    assert (progress.rate(10), progress.left(10)) == (1.0, 90.0)
    assert (progress.seen, progress.all_failed) == (110, 1)


def test_the_rate_looks_back_half_a_minute() -> None:
    """Documents of before do not count for the rate."""
    progress = Progress(total=1_000, now=0)
    for _ in range(300):
        progress.add(_done(), 1)
    assert progress.rate(10) == 30
    assert progress.rate(100) == 0
    progress.add(_done(), 101)
    assert progress.rate(130) == pytest.approx(1 / 30)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits(width: int) -> None:
    """At every width all that is counted is shown, and no line is too long, wide characters included."""
    progress = Progress(total=12_345, now=0)
    for number in range(40):
        progress.add(_done(requests=2), number / 4)
        progress.add(_failed(name := f"合同/発注書{number}.pdf", f"{name}: A password is needed."), number / 4)
    lines = _shown(progress, width)
    assert max(cell_len(line) for line in lines) <= width
    said = " ".join(lines)
    for piece in ("40 × DocumentEncrypted", "80/12,345", "0%", "40 done", "40 failed", "40 asked again", "$0.400"):
        assert piece in said
    assert "─" in said


@given(
    st.integers(1, 250),
    st.integers(1, 30),
    st.one_of(st.none(), st.integers(0, 10**9)),
    st.lists(st.sampled_from([_done(), _failed("発" * 300), _restored(), _failed("x\x1b[31m", "no")]), max_size=30),
    st.booleans(),
)
def test_a_frame_never_breaks(
    width: int, height: int, total: int | None, results: list[DocumentResult[Any]], simple: bool
) -> None:
    """Whatever happens, a frame has no line that is too wide, not too many lines, and nothing a terminal obeys."""
    progress = Progress(total=total, now=0)
    for number, each in enumerate(results):
        progress.add(each, float(number))
    progress.note = "Stopping\x07"
    lines = [line.plain for line in progress.frame(width, height, 31.0, simple=simple)]
    assert 1 <= len(lines) <= height
    assert all(cell_len(line) <= width and line.isprintable() for line in lines)


def test_an_unknown_total() -> None:
    """Where nobody knows how many there are, there is a count and no bar; when it gets known, there is one."""
    progress = Progress(now=0)
    progress.add(_done(), 1)
    assert _shown(progress)[0] == "1 document  6/min  0:10"
    progress.total = 2
    assert "1/2  50%" in _shown(progress)[0]


def test_more_than_there_were_to_be() -> None:
    """Where more come than were counted, the bar is full and no more."""
    progress = Progress(total=1, now=0)
    for _ in range(3):
        progress.add(_done(), 1)
    assert "3/1  100%" in _shown(progress)[0]


def test_the_same_error_is_counted() -> None:
    """Errors that say the same, but for the name, are one line with a number; the last one is above the bar."""
    progress = Progress(total=10, now=0)
    for number in range(3):
        progress.add(_failed(f"scan{number}.pdf", f"scan{number}.pdf: A password is needed."), 1)
    progress.add(DocumentResult(number=0, name="d.txt", error=DocumentError("The document is empty.")), 1)
    assert _shown(progress)[0] == "DocumentError: The document is empty. (d.txt)"
    assert list(progress.failures()) == [
        "3 × DocumentEncrypted: A password is needed. (scan2.pdf)",
        "DocumentError: The document is empty. (d.txt)",
    ]


@pytest.mark.parametrize("name", ["empty", "reply", "The", "document"])
def test_words_of_errors_stay(name: str) -> None:
    """A document that is called like a word of the message takes none of it away."""
    progress = Progress(now=0)
    progress.add(DocumentResult(number=0, name=name, error=DocumentError("The document is empty: no reply.")), 1)
    assert list(progress.failures()) == [f"DocumentError: The document is empty: no reply. ({name})"]


def test_whose_fault_it_was() -> None:
    """What failed since the endpoint did is counted apart, of before too, and so is what did not conform."""
    progress = Progress(now=0)
    gone = ConnectionFailed("Nobody answers.")
    for each in (_failed(), _restored(gone), _unfit()):
        progress.add(each, 1)
    progress.add(DocumentResult(number=0, name="d", error=gone), 1)
    assert (progress.unreached, progress.unfit, progress.failed) == (2, 1, 3)
    assert progress.failed_with({"ConnectionFailed", "TimedOut"}) == 1


def test_errors_are_bounded() -> None:
    """Documents that each fail in their own way are not remembered one by one."""
    progress = Progress(now=0)
    for number in range(1_000):
        progress.add(_failed(f"{number:04}.pdf", f"Wrong in the way {number * 7}."), 1)
    assert len(progress.errors) <= KINDS + 1
    assert next(progress.failures()).startswith(f"{1_000 - KINDS} × DocumentEncrypted: …")
    assert list(progress.failures())[-1].startswith("… and ")


def test_lines_in_a_file_are_rare() -> None:
    """Without a terminal there is a line when ten seconds and a tenth of the documents have gone by."""
    progress = Progress(total=100, now=0)
    assert not progress.is_due(60)
    for _ in range(9):
        progress.add(_done(), 60)
    assert not progress.is_due(60)
    progress.add(_done(), 60)
    assert progress.is_due(60)
    for _ in range(50):
        progress.add(_done(), 61)
    assert not progress.is_due(69)
    assert progress.is_due(70)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b.txt", "a b.txt"),
        ("[b]x[/b] :smile:", "[b]x[/b] :smile:"),
        ("\x1b[2J\n\r\x07", "\\x1b[2J\\n\\r\\x07"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("a\udcffb", "a\\udcffb"),
        ("合同🙂.pdf", "合同🙂.pdf"),
        ("\x85\u2028", "\\x85\\u2028"),
    ],
)
def test_names_do_nothing(text: str, shown: str) -> None:
    """What a terminal would obey is shown by its number; all else as it is."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (7.4, "0:07"), (61, "1:01"), (3_723, "1:02:03"), (180_000, "2 d 2 h"), (86_400, "24:00:00")],
)
def test_durations(seconds: float, shown: str) -> None:
    """Short times have minutes and seconds, long ones days and hours."""
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("cost", "shown"),
    [("0", "$0.00"), ("1234.5", "$1,234.50"), ("0.1234", "$0.123"), ("0.00012345", "$0.00012"), (None, "cost unknown")],
)
def test_money(cost: str | None, shown: str) -> None:
    """Small amounts have as many digits as they need."""
    assert money(None if cost is None else Decimal(cost)) == shown
