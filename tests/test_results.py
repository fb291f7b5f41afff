"""The records of the benchmarks: who is ahead, what is written, and the page that is made of it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"


def _script(name: str) -> ModuleType:
    """A script of the benchmarks under the name by which they import each other."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


results: Any = _script("results")
questions: Any = _script("questions")
writing: Any = _script("writing")
drawing: Any = _script("drawing")
bench: Any = _script("bench")


def _table(rows: dict[str, list[Any]], **more: Any) -> Any:
    columns = (results.Column(name="ms", form=".1f", better="less"), results.Column(name="right", better="more"))
    return results.Table(title="Calls", columns=columns, rows=rows, **{"ours": ("extractor",), **more})


def _report(*tables: Any, **more: Any) -> Any:
    said = {"name": "calls", "question": "How fast?", "command": "python benchmarks/calls.py", "environment": "here"}
    return results.Report(**{**said, "versions": {"httpx": "1.0"}, "tables": tables, **more})


def _page(*sections: Any) -> str:
    page: str = writing.page(sections, {"command": "make bench", "Commit": "abc"})
    return page


def test_who_is_ahead_is_said_in_either_direction() -> None:
    """A sentence names every contender whose number is better than the best of ours, with both numbers."""
    table = _table({"extractor": [2.0, 0.9], "other": [1.0, 0.95], "third": [3.0, 0.5]})
    assert results.ahead(table) == [
        "other is ahead in ms: 1.0 against 2.0.",
        "other is ahead in right: 0.95 against 0.90.",
    ]


def test_nobody_is_ahead_of_the_best_of_several_rows_of_ours() -> None:
    """The best of our rows counts."""
    rows = {"extractor": [2.0, 0.9], "extractor: other": [1.0, 0.9], "other": [1.5, 0.9]}
    assert results.ahead(_table(rows, ours=("extractor", "extractor: other"))) == []


def test_floors_and_equals_are_not_ahead() -> None:
    """A floor is no contender, a number that is shown alike is alike, and what cannot be done is no number."""
    rows: dict[str, list[Any]] = {
        "extractor": [2.04, 1.0],
        "by hand": [0.1, 1.0],
        "other": [2.01, None],
        "third": ["no", 1.0],
    }
    assert results.ahead(_table(rows, floors=("by hand",))) == []


def test_the_best_of_a_column_are_its_leaders() -> None:
    """All who are shown with the best number lead, floors aside; nobody leads where neither is better."""
    table = _table({"extractor": [2.04, 1.0], "by hand": [0.1, 1.0], "other": [2.01, 0.5]}, floors=("by hand",))
    assert results.leaders(table, 0) == ["extractor", "other"]
    assert results.leaders(table, 1) == ["extractor"]
    neutral = results.Table(title="", columns=(results.Column(name="n"),), rows={"a": [1.0]}, ours=("a",))
    assert results.leaders(neutral, 0) == []


_NUMBERS = st.one_of(st.none(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
_CELLS = st.one_of(_NUMBERS, st.text(max_size=5))
_ROWS = st.dictionaries(st.text(max_size=8), st.lists(_CELLS, min_size=2, max_size=2), max_size=4)
_SERIES = st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=3)


@given(rows=_ROWS, points=_SERIES, notes=st.lists(st.text(max_size=9), max_size=3), bars=st.sampled_from([None, "ms"]))
def test_a_report_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: dict[str, list[Any]],
    points: list[tuple[float, float]],
    notes: list[str],
    bars: str | None,
) -> None:
    """Reading gives back what was written."""
    series = results.Series(name="a", x=tuple(x for x, _ in points), y=tuple(y for _, y in points))
    plot = results.Plot(title="p", x="x", y="y", series=(series,), logarithmic=True)
    report = _report(_table(rows, bars=bars), plots=(plot,), notes=tuple(notes), seconds=1.5, data={"raw": [1, 2]})
    path = results.write(report, tmp_path_factory.mktemp("reports"))
    assert results.read(path) == report


def test_what_is_no_report_ends_the_reading(tmp_path: Path) -> None:
    """A file that is no report is named."""
    path = tmp_path / "calls.json"
    path.write_text('{"name": "calls"}', encoding="utf-8")
    with pytest.raises(SystemExit, match=r"calls\.json is no report"):
        results.read(path)


def test_the_page_marks_the_best_and_says_who_is_ahead() -> None:
    """The best number is bold, a floor italic, and who is ahead stands at the top with a link."""
    table = _table({"extractor": [2.0, 0.9], "by hand": [0.1, 1.0], "other": [1.0, None]}, floors=("by hand",))
    section = writing.Section(name="calls", heading="How fast?", report=_report(table, notes=("A note.",)))
    page = _page(section)
    assert "| extractor | 2.0 | **0.90** |" in page
    assert "| *by hand* | 0.1 | 1.00 |" in page
    assert "| other | **1.0** | – |" in page
    assert "- [calls, calls](#calls-1): other is ahead in ms: 1.0 against 2.0." in page
    assert '<a id="calls"></a>\n\n## How fast?\n' in page
    assert '<a id="calls-1"></a>' in page
    assert "- A note." in page
    assert "`python benchmarks/calls.py`" in page
    assert "Versions: httpx 1.0." in page


def test_the_page_shows_what_failed_and_what_was_not_asked() -> None:
    """A script that failed, and one that did not run, keep their place on the page."""
    page = _page(
        writing.Section(name="broken", heading="Broken?", failed="exit code 1: it broke"),
        writing.Section(name="missing", heading="Missing?", absent="Not asked in this run."),
    )
    assert "- [Broken?](#broken): exit code 1: it broke" in page
    assert "**Failed**: exit code 1: it broke" in page
    assert '<a id="missing"></a>\n\n## Missing?\n\nNot asked in this run.' in page


def test_words_in_a_table_cannot_break_it() -> None:
    """A bar or a line break in a cell stays in its cell."""
    column = results.Column(name="what")
    table = results.Table(title="Words", columns=(column,), rows={"a|b": ["c\nd"]}, ours=())
    assert "| a\\|b | c d |" in _page(writing.Section(name="x", heading="X", report=_report(table)))


def test_programs_are_told_all_but_the_rounds() -> None:
    """The file for programs has every table and not what was measured round by round."""
    report = _report(_table({"extractor": [1.0, 1.0]}), data={"rounds": [1, 2, 3]})
    said = writing.data([writing.Section(name="calls", heading="How fast?", report=report)], {"Commit": "abc"})
    assert '"extractor"' in said
    assert "rounds" not in said


def test_one_script_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page names the script that failed and why, has those after it, and the exit code is 1."""
    (tmp_path / "broken.py").write_text("raise SystemExit('it broke')", encoding="utf-8")
    (tmp_path / "silent.py").write_text("print('nothing to ask here')", encoding="utf-8")
    asked = [questions.Question(script=name, heading=f"{name}?") for name in ("broken", "silent")]
    more = questions.Question(script="needy", heading="needy?", data="needs")
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "QUESTIONS", (*asked, more))
    assert bench.main(["--keep", str(tmp_path / "kept")]) == 1
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "**Failed**: exit code 1: it broke" in page
    assert "Not asked: nothing to ask here" in page
    assert "Not asked in this run: it needs `DATA=DIR`." in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize("question", questions.QUESTIONS, ids=lambda each: each.script)
def test_every_question_is_on_the_page(question: Any) -> None:
    """Every script that is asked is there, and has an anchor on the page."""
    assert (BENCHMARKS / f"{question.script}.py").is_file()
    assert f'<a id="{question.script}"></a>' in (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")


def test_the_pictures_of_the_page_are_there() -> None:
    """Every picture that the page shows exists."""
    shown = re.findall(r"\]\((plots/[^)]+)\)", (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8"))
    assert [each for each in shown if not (BENCHMARKS / each).is_file()] == []


def test_links_to_the_results_lead_somewhere() -> None:
    """Every anchor of the page that is linked to, from itself or from the README, exists."""
    page = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', page))
    wanted = set(re.findall(r"benchmarks/RESULTS\.md#([\w-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    wanted |= set(re.findall(r"\]\(#([\w-]+)\)", page))
    assert wanted - anchors == set()


_NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")
_LINK = re.compile(r"\]\(benchmarks/RESULTS\.md#([\w-]+)\)")
MEASURED = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Measured\n")[2].partition("\n## ")[0]
CLAIMS = [claim for claim in re.split(r"\n(?=- )|\n\n", MEASURED) if claim.startswith("- ")]


def _answered(page: str, anchor: str) -> str:
    """What stands on the page from an anchor on: a table, or all of a question."""
    end = r"\n<a id=" if re.search(r"-\d+$", anchor) else r"\n<a id=[^\n]*\n\n## "
    return re.split(end, page.partition(f'<a id="{anchor}"></a>')[2])[0]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: "-".join(re.findall(r"\w+", claim)[:3]))
def test_what_the_readme_claims_was_measured(claim: str) -> None:
    """Each claim of the README points to results, and has no number that does not stand there."""
    page = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    wanted = _LINK.findall(claim)
    there = {number for anchor in wanted for number in _NUMBER.findall(_answered(page, anchor))}
    assert wanted != []
    assert set(_NUMBER.findall(_LINK.sub("", claim))) - there == set()
