"""Predictions against what is right."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, computed_field, field_validator

from extractor import Extractor
from extractor.batch.job import Job
from extractor.chat.wire import Usage
from extractor.documents.loaded import Input
from extractor.errors import CallerError, ExtractionFailed, JobError, OptionError
from extractor.evaluation.evaluating import evaluate
from extractor.evaluation.leaving import without_and_with
from extractor.evaluation.normal import Normal
from extractor.evaluation.reliability import Sure, reliable, review
from extractor.evaluation.scores import DRAWN, MEASURES
from extractor.evidence.calibration import Calibration
from extractor.examples.nearest import Examples
from extractor.schema.target import target_of
from extractor.testing import FakeEndpoint, Recorded, Reply

NAMED = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.fixed_dictionaries({"x": st.integers(0, 3), "l": st.lists(st.integers(0, 3), max_size=3)}),
    min_size=1,
    max_size=6,
)


class Item(BaseModel):
    """A part of what is extracted."""

    name: str


class Sorted(BaseModel):
    """What a validator puts in another order; and what is read and written under other names."""

    names: list[str]
    total: float = Field(0, validation_alias="sum", serialization_alias="Total")

    @field_validator("names")
    @classmethod
    def sort(cls, names: list[str]) -> list[str]:
        """In order."""
        return sorted(names)


class Box(BaseModel):
    """What is extracted here."""

    label: str
    size: float | None = None
    items: list[Item] = []

    @computed_field  # type: ignore[prop-decorator]
    @property
    def many(self) -> bool:
        """More than one."""
        return len(self.items) > 1


def _answer(recorded: Recorded) -> Any:
    text = recorded.body["messages"][-1]["content"]
    if "bad" in text:
        return Reply(content="I cannot say.")
    label, *names = text.split()
    # With examples there are more messages, and the size is right.
    size = 3 if len(recorded.body["messages"]) < 4 else None
    return {"label": label, "size": size, "items": [{"name": name} for name in names]}


@pytest.fixture
def extractor() -> Iterator[Extractor]:
    """An extractor that asks nobody."""
    fake = FakeEndpoint(_answer, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor(
            "m", base_url="http://fake.test/v1", http_client=client, max_retries=0, api_key="k-0123456789"
        ) as made,
    ):
        yield made


@pytest.fixture
def job(tmp_path: Path, extractor: Extractor) -> Iterator[Job]:
    """A job of which a few documents were looked through."""
    documents = [Input(name=f"n{number}", document=f"red{number} ball cube") for number in range(6)]
    documents += [Input(name="again", document="red0 ball cube"), Input(name="b", document="bad one")]
    documents.append(Input(name="other", document="bad two"))
    with Job(tmp_path / "job.db") as made:
        list(extractor.map(Box, documents, job=made))
        made.accept("n0")
        made.correct("n1", {"label": "red1", "items": [{"name": "ball"}, {"name": "cone"}]})
        made.correct("b", {"label": "bad", "items": []})
        made.reject("other")
        yield made


def test_a_job_against_what_people_said(job: Job) -> None:
    """What was extracted counts, not what it was corrected to; what nobody looked at is listed."""
    found = evaluate(job)
    assert (found.source, found.predicted, found.gold) == ("job.db", 8, 3)
    assert found.ungolded == ("n2", "n3", "n4", "n5", "other")
    assert found.failed == {"ExtractionFailed": 2}
    assert {each.name: (each.right, each.exact, each.failed) for each in found.documents} == {
        "n0": (4, True, ""),
        "n1": (2, False, ""),
        "b": (0, False, "ExtractionFailed"),
    }
    assert {each.pattern: (each.right, each.missing, each.invented) for each in found.fields} == {
        "/label": (2, 1, 0),
        "/size": (1, 0, 1),
        "/items/*/name": (3, 1, 1),
    }
    assert found.measures["conformed"].value == pytest.approx(2 / 3)
    assert found.spent.requests == 8
    assert found.reliability is not None
    assert found.review is not None


def test_gold_of_a_file(job: Job, tmp_path: Path) -> None:
    """Gold is matched by text or by name; what is not predicted counts as empty, computed members do not count."""
    gold = tmp_path / "gold.jsonl"
    lines = [
        {"id": "elsewhere", "text": "red2 ball cube", "gold": {"label": "red2", "size": 3, "items": ["x"]}},
        {"name": "again", "value": Box(label="red0", size=3.0).model_dump()},
        {"name": "nowhere", "expected": {"label": "x"}},
    ]
    gold.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = evaluate(job.path, gold)
    assert [each.name for each in found.documents] == ["n0", "n2", "nowhere"]
    assert found.unpredicted == ("nowhere",)
    assert [each.pattern for each in found.fields if "many" in each.pattern] == []


def test_an_export_is_gold_where_people_said_so(tmp_path: Path) -> None:
    """Of an export that people have looked through, what they did not accept or correct is no gold."""
    path = tmp_path / "export.jsonl"
    lines = [
        {"name": "a", "value": {"total": 1}, "decision": "accepted"},
        {"name": "b", "value": {"total": 2}},
        {"name": "c", "value": None, "decision": "rejected"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = evaluate([("a", {"total": 1}), ("b", {"total": 3}), ("c", {"total": 4})], path)
    assert (found.gold, found.ungolded) == (1, ("b", "c"))
    assert found.measures["f1"].value == 1


def test_a_target_of_something_else_is_refused(job: Job) -> None:
    """Values of a run are not validated with the target of another."""
    with pytest.raises(OptionError, match="its schema is another one"):
        evaluate(job, target=Item)


def test_an_export_is_predicted(job: Job, tmp_path: Path) -> None:
    """An export is held against the job's people, with the confidence that is in it."""
    job.retry(names=["n0"])
    with Job(tmp_path / "job.db") as other:
        other.export(tmp_path / "all.jsonl", evidence=True)
    found = evaluate(tmp_path / "all.jsonl", job)
    assert found.gold == 3
    assert found.reliability is not None


def test_two_runs_side_by_side(job: Job, extractor: Extractor) -> None:
    """Another run is held against the same right values, with differences of all measures."""
    documents = [Input(name=f"n{number}", document=f"red{number} ball cube") for number in range(3)]
    list(extractor.map(Box, documents, job=job, temperature=0.5))
    found = evaluate(job, run=1, against_run=2)
    assert found.second is not None
    assert found.second.source == "job.db, run 2"
    assert found.second.unpredicted == ("b",)
    assert found.differences.keys() == MEASURES.keys()
    assert found.differences["f1"].value == 0
    assert found.field_differences.keys() == {each.pattern for each in found.fields}
    latest = evaluate(job)
    assert latest.gold == 2
    assert latest.elsewhere == 1


def test_values_are_validated_with_a_target() -> None:
    """With a target both sides are what it makes of them."""
    found = evaluate([("a", {"label": "x", "size": "3"})], [("a", Box(label="x", size=3))], target=Box)
    assert found.measures["f1"].value == 1
    assert {each.pattern for each in found.fields} == {"/label", "/size"}


def test_examples_are_tried(job: Job, extractor: Extractor) -> None:
    """Each right document is asked for without and with the others as examples, never with itself."""
    told: list[tuple[int, int]] = []
    found = without_and_with(extractor.run, Box, job, nearest=2, progress=lambda *done: told.append(done))
    assert found.second is not None
    assert found.second.source == "with the 2 nearest examples"
    assert found.gold == 3
    assert told[-1] == (6, 6)
    assert found.differences["f1"].value != 0
    assert without_and_with(extractor.run, Box, job, limit=1).gold == 1


def test_a_second_scan_is_no_example() -> None:
    """What may be the same document once more is not shown for it; another one that is much like it is."""
    form = "Invoice {0} of Mueller and Sons in Berlin. Goods were delivered in good order. Item code {1}. Page 1"
    forms = [form, form.lower() + "7", form.replace(".", "") + " of 2"]
    texts = [(number, text.format(number, number * 7919)) for number in range(4) for text in forms]
    pairs = [(text, {"label": str(number), "size": 1, "items": [{"name": "a"}]}) for number, text in texts]
    right = {text: value["label"] for text, value in pairs}
    seen: dict[str, set[str]] = {}

    def ask(_: Any, text: str, examples: Examples | None = None) -> Any:
        if examples is not None:
            seen[text] = {value["label"] for _, value in examples.chosen(target_of(Box), text)}
        raise ExtractionFailed("nothing", attempts=(), usage=Usage(), errors=(), value=None)

    without_and_with(ask, Box, pairs, resamples=0)
    assert seen.keys() == right.keys()
    assert all(labels and right[text] not in labels for text, labels in seen.items())


def test_nothing_was_extracted_by_hand(tmp_path: Path) -> None:
    """A run whose documents people entered is no prediction, but it can be what is right."""
    with Job(tmp_path / "hand.db") as made:
        made.enter(Box, [Input(name="a", document="red ball")])
        made.correct("a", {"label": "red"}, target=Box)
        with pytest.raises(OptionError, match=r"Nothing was extracted in run 1 of hand\.db"):
            evaluate(made)
        assert evaluate([("a", {"label": "red"})], made).measures["f1"].value == 1


def test_there_must_be_gold(tmp_path: Path, extractor: Extractor) -> None:
    """Without anything right the error says how to come to it."""
    with Job(tmp_path / "job.db") as made:
        list(extractor.map(Box, ["red ball"], job=made))
        with pytest.raises(OptionError, match="Look through"):
            evaluate(made)
    with pytest.raises(OptionError, match="nothing to compare"):
        evaluate([("a", 1)])
    with pytest.raises(OptionError, match="None of"):
        evaluate([("a", 1)], [])
    with pytest.raises(OptionError, match="no document with a text"):
        without_and_with(extractor.run, Box, [])


@pytest.mark.parametrize(
    "call",
    [
        {"predicted": 5, "gold": []},
        {"predicted": [1], "gold": []},
        {"predicted": [("a", object())], "gold": []},
        {"predicted": [("a", 1)], "gold": [("a", 1)], "level": 1},
        {"predicted": [("a", 1)], "gold": [("a", 1)], "resamples": -1},
        {"predicted": [("a", 1)], "gold": [("a", 1)], "against_run": 2},
        {"predicted": "nowhere.jsonl", "gold": []},
    ],
)
def test_what_cannot_be_compared_is_refused(call: dict[str, Any]) -> None:
    """Sources that are none, and options out of their range, are the caller's fault."""
    with pytest.raises(OptionError):
        evaluate(**call)


@pytest.mark.parametrize("line", ["[1]", "{", '{"name": "a"}', "[" * 100_000])
def test_a_line_that_is_none_is_told(line: str, tmp_path: Path) -> None:
    """A line that cannot be read is named by its number."""
    path = tmp_path / "gold.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(OptionError, match="Line 1"):
        evaluate([("a", 1)], path)


def test_a_job_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A job that is not there is an error, and not made."""
    with pytest.raises(JobError):
        evaluate(tmp_path / "job.db")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=40)
@given(NAMED)
def test_what_is_right_is_perfect(values: dict[str, Any]) -> None:
    """Values against themselves are right in every measure, with intervals that say the same."""
    found = evaluate(values.items(), values.items(), resamples=20)
    assert {(each.value, each.low or 1, each.high or 1) for each in found.measures.values()} == {(1.0, 1.0, 1.0)}


@settings(max_examples=40)
@given(NAMED, NAMED)
def test_swapped_sides_swap_the_measures(one: dict[str, Any], other: dict[str, Any]) -> None:
    """With both sides swapped, precision is recall, and F1 is the same."""
    other = {name: other.get(name, {"x": 1}) for name in one}
    there = evaluate(one.items(), other.items(), resamples=0).measures
    back = evaluate(other.items(), one.items(), resamples=0).measures
    for name in ("", "macro_"):
        assert there[f"{name}precision"] == back[f"{name}recall"]
        assert there[f"{name}f1"].value == pytest.approx(back[f"{name}f1"].value)


def test_the_order_of_documents_makes_no_difference() -> None:
    """The same documents in another order give the same evaluation, draws included; another seed other intervals."""
    chance = random.Random(1)
    right = [(f"d{number}", {"a": number % 5, "b": ["x", "y"]}) for number in range(50)]
    found = [(name, {"a": chance.randrange(5), "b": ["y"]}) for name, _ in right]
    first = evaluate(found, right)
    chance.shuffle(found)
    assert evaluate(found, right).to_dict() == first.to_dict()
    assert evaluate(found, right, seed=1).measures != first.measures
    measure = first.measures["f1"]
    assert measure.low is not None
    assert measure.high is not None
    assert measure.low < measure.value < measure.high


def test_many_documents_are_drawn_in_groups() -> None:
    """Intervals of many documents are about as wide as chance has it."""
    chance = random.Random(2)
    right = [(str(number), {"a": 1}) for number in range(4 * DRAWN)]
    found = [(name, {"a": int(chance.random() < 0.8)}) for name, _ in right]
    measure = evaluate(found, right, resamples=500).measures["exact"]
    assert measure.low is not None
    assert measure.high is not None
    spread = 2 * 1.96 * (0.8 * 0.2 / len(right)) ** 0.5
    assert measure.high - measure.low == pytest.approx(spread, rel=0.2)


def test_normal_is_taken() -> None:
    """Rules that are switched off make differences."""
    pairs = [("a", "Acme")], [("a", "ACME")]
    assert evaluate(*pairs).measures["f1"].value == 1
    strict = evaluate(*pairs, normal=Normal(case=False))
    assert strict.measures["f1"].value == 0
    assert "Switched off: case." in strict.to_text()


# ------------------------------------------------------------------------------------------- confidence


def test_bins_have_about_as_many_values() -> None:
    """Bins are of equal count, and values that are equally sure are in one."""
    values = [Sure(confidence=number / 100, right=number % 2 == 0, document=number) for number in range(100)]
    found = reliable(values)
    assert found is not None
    assert [each.count for each in found.bins] == [10] * 10
    assert found.accuracy == 0.5
    same = reliable([Sure(confidence=0.5, right=True, document=0)] * 40)
    assert same is not None
    assert [(each.count, each.observed) for each in same.bins] == [(40, 1.0)]
    assert same.auc is None
    assert (same.ece, same.brier) == (0.5, 0.25)


def test_doubt_finds_errors() -> None:
    """A doubt that knows all errors finds them in as many documents; one that says nothing, in any order."""
    best = review([float(number < 10) for number in range(100)], [int(number < 10) for number in range(100)])
    assert best is not None
    assert best.needed(1.0) == pytest.approx(0.1)
    none = review([0.5] * 100, [int(number < 10) for number in range(100)])
    assert none is not None
    assert all(x == pytest.approx(y) for x, y in none.points)
    assert review([None], [1]) is None
    assert review([0.5], [0]) is None


def test_what_validators_change_is_not_judged(tmp_path: Path) -> None:
    """Of a value that is somewhere else once it is validated, its confidence says nothing; of others it does."""
    path = tmp_path / "all.jsonl"
    sure = {"/names/0": 0.9, "/names/1": 0.8, "/names/2": 0.7, "/sum": 0.6}
    fields = {pointer: {"confidence": share} for pointer, share in sure.items()}
    line = {"name": "a", "value": {"names": ["zeta", "beta", "gamma"], "sum": 5}, "fields": fields}
    path.write_text(json.dumps(line), encoding="utf-8")
    right = [("a", {"names": ["beta", "gamma", "zeta"], "sum": 6})]
    found = evaluate(path, right, target=Sorted)
    assert [(each.pointer, each.expected) for each in found.documents[0].differences] == [("/sum", 6)]
    instances = [("a", Sorted.model_validate(right[0][1]))]
    assert evaluate(path, instances, target=Sorted).documents == found.documents
    assert found.reliability is not None
    assert [(each.confidence, each.right) for each in found.reliability.values] == [(0.6, False)]


def test_a_calibration_is_learned(job: Job) -> None:
    """Of enough values with a confidence a curve is made; of too few there is an error."""
    with pytest.raises(CallerError, match="at least 50"):
        evaluate(job).calibration()
    lines = [
        {"name": str(number), "value": {"a": 1}, "fields": {"/a": {"confidence": 0.6 + number % 3 / 10}}}
        for number in range(90)
    ]
    right = [(str(number), {"a": int(number % 3 > 0)}) for number in range(90)]
    path = job.path.with_suffix(".jsonl")
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = evaluate(path, right)
    curve = found.calibration()
    assert curve.count == 90
    assert curve.apply(0.6) < 0.2
    assert curve.apply(0.8) > 0.9


def test_a_calibration_is_not_learned_twice(job: Job, extractor: Extractor) -> None:
    """Confidence that is calibrated already is refused."""
    curve = Calibration(points=((0.1, 0.1), (0.9, 0.8)))
    list(extractor.map(Box, [Input(name="n0", document="red0 ball cube")], job=job, calibration=curve))
    found = evaluate(job)
    assert found.calibrated
    with pytest.raises(CallerError, match="calibrated already"):
        found.calibration()


# ---------------------------------------------------------------------------------------------- reports


def test_reports_are_written(job: Job, tmp_path: Path) -> None:
    """The report is text of 80 columns, JSON, or a page, as the file's name says."""
    found = evaluate(job, run=1, against_run=1)
    for name in ("report.txt", "report.json", "report.html"):
        found.save(tmp_path / name)
    text = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert text == str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert max(map(len, evaluate(job).to_text().splitlines())) <= 80
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["measures"]["f1"]["value"] == found.measures["f1"].value
    assert len(data["documents"]) == 3
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 4
    assert "cone" in page


def test_nothing_of_others_becomes_markup() -> None:
    """Names, places and values are shown as they are, and never as markup; terminals are not told anything."""
    evil = "<script>alert(1)</script>\x1b[2J\u202e"
    found = evaluate([(evil, {evil: evil}), ("é" * 200, {})], [(evil, {evil: 1}), ("é" * 200, {"a": evil})])
    page = found.to_html()
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page + found.to_text()
    assert max(map(len, found.to_text().splitlines())) <= 80


def test_what_is_strange_is_told(tmp_path: Path) -> None:
    """Names that are no Unicode, numbers that are none, very deep and very long values are in every report."""
    deep = json.loads("[" * 700 + "1" + "]" * 700)
    path = tmp_path / "all.jsonl"
    line = {"name": "a\ud800", "value": {"x\ud800": "b\udfff", "n": float("nan"), "d": deep, "k" * 10_000: 1}}
    path.write_text(json.dumps(line), encoding="utf-8")
    found = evaluate(path, [("a\ud800", {"n": 1})])
    for name in ("report.txt", "report.json", "report.html"):
        found.save(tmp_path / name)
    assert len(found.to_html()) < 20_000
    assert json.loads(found.to_json())["documents"][0]["differences"][1]["got"] == "nan"
