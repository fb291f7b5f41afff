"""Confidence learned from corrected records."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor.errors import CallerError
from extractor.evidence.calibration import Bin, Calibration, auc, calibrate, ece, judged, reliability
from extractor.evidence.field import Field


@dataclass(frozen=True)
class Made:
    """A result, as far as a calibration looks at it."""

    data: Any
    fields: dict[str, Field]


def pairs(seen: Sequence[tuple[float, bool]], each: int = 10) -> list[tuple[Made, Any]]:
    """Records of so many values each, with these confidences, right or wrong."""
    made = []
    for begin in range(0, len(seen), each):
        part = seen[begin : begin + each]
        fields = {f"/{number}": Field(status=None, confidence=sure) for number, (sure, _) in enumerate(part)}
        corrected = {str(number): number if right else -1 for number, (_, right) in enumerate(part)}
        made.append((Made(data={str(number): number for number in range(len(part))}, fields=fields), corrected))
    return made


def overconfident(count: int) -> list[tuple[float, bool]]:
    """Values of which the square of the confidence is the share that is right."""
    chance = random.Random(1)
    return [(sure, chance.random() < sure * sure) for sure in (chance.random() for _ in range(count))]


def test_a_calibration_makes_confidence_honest() -> None:
    """What was too sure becomes as sure as it is right, judged on records that it has not seen."""
    learned = calibrate(pairs(overconfident(2_000)))
    assert learned.count == 2_000
    assert learned.ece_before > 0.12
    assert learned.ece < 0.05
    assert learned.auc is not None
    assert learned.auc > 0.8
    assert [learned.apply(each) for each in (0.2, 0.5, 0.9)] == pytest.approx([0.04, 0.25, 0.81], abs=0.06)
    assert sum(each.count for each in learned.before) == sum(each.count for each in learned.reliability) == 2_000


def test_few_values_are_too_few() -> None:
    """Fewer than fifty values say so, and how many there are."""
    with pytest.raises(CallerError, match="at least 50 values with a confidence, and there are 49"):
        calibrate(pairs(overconfident(49)))
    with pytest.raises(CallerError, match="there are 0"):
        calibrate([(Made(data={"0": 1}, fields={"/0": Field(status=None)}), {"0": 1})] * 99)


def test_what_is_calibrated_already() -> None:
    """Results that were made with a calibration would be corrected twice."""
    made = SimpleNamespace(data={}, fields={}, calibration=Calibration(points=((0.0, 0.0),)))
    with pytest.raises(CallerError, match="calibrated already"):
        calibrate([(made, {})])


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong(right: bool) -> None:
    """Where there is nothing to tell apart there is no AUC, and every confidence that was seen becomes the same."""
    learned = calibrate(pairs([(number / 100, right) for number in range(100)]))
    assert learned.auc is None
    assert learned.apply(0.1) == learned.apply(0.9) == pytest.approx(float(right), abs=0.02)
    assert 0 < learned.apply(0.0) <= learned.apply(1.0) < 1


@pytest.mark.parametrize(("right", "sure"), [(True, 0.45), (False, 0.45), (True, 0.9)])
def test_what_was_not_seen(right: bool, sure: float) -> None:
    """Of confidences that no corrected value had, nothing is learned: they stay about what they are."""
    learned = calibrate(pairs([(sure, right)] * 60))
    assert abs(learned.apply(sure) - right) < 0.05
    assert learned.apply(0.0067) < 0.008
    assert learned.apply(0.2) < 0.201
    assert 0.96 < learned.apply(0.97) < 1


def test_a_lucky_few_do_not_become_certain() -> None:
    """Two right values at the top do not make everything there right."""
    learned = calibrate(pairs([(0.5, number % 2 == 0) for number in range(100)] + [(0.9, True)] * 2))
    assert 0.9 < learned.apply(0.9) < 0.96


RESULT = Made(data={"a": 1}, fields={"/a": Field(status="exact", confidence=0.5)})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (RESULT, "no pairs but Made"),
        ("text", "no pairs but str"),
        ({"a": 1}, "no pairs but dict"),
        ([RESULT], "Item 0 is no pair but Made"),
        ([(RESULT, {"a": 1}), (RESULT,)], "Item 1 is no pair"),
        ([({"a": 1}, RESULT)], "first of pair 0 is no result but dict"),
        ([(RESULT, object())], "second of pair 0 is no corrected value but object"),
        ([(RESULT, None)], "another shape than its result: null for an object with a"),
        ([(RESULT, [{"a": 1}])], "a list for an object"),
        ([(RESULT, "x")], "a single value for an object"),
        ([(RESULT, {"b": 1, "c": 2})], "an object with b, c for an object with a"),
        ([(Made(data=[1], fields={}), {"a": 1})], "for a list"),
        ([(Made(data=1, fields={}), {"a": 1})], "for a single value"),
    ],
)
def test_what_is_no_pair(given: Any, said: str) -> None:
    """What is not a result with its corrected value says what it is, and what is wanted."""
    with pytest.raises(CallerError, match=said):
        calibrate(given)


def test_a_result_that_found_nothing() -> None:
    """Null may be corrected by anything."""
    empty = Made(data=None, fields={"": Field(status="absent", confidence=0.5)})
    assert calibrate([(empty, {"a": 1})] * 50).count == 50


def test_it_can_be_kept(tmp_path: Path) -> None:
    """What is written is read as the same."""
    learned = calibrate(pairs(overconfident(300)))
    learned.save(tmp_path / "c.json")
    assert Calibration.load(tmp_path / "c.json") == learned
    assert Calibration.from_json(learned.to_json()) == learned


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "5",
        "[" * 100_000,
        '{"points": [], "count": 1, "before": [], "reliability": [], "auc": null}',
        '{"points": [[0, 1], [1, 0]], "count": 1, "before": [], "reliability": [], "auc": null}',
        '{"points": [[0, 0], [0, 1]], "count": 1, "before": [], "reliability": [], "auc": null}',
        '{"points": [[0, NaN]], "count": 1, "before": [], "reliability": [], "auc": null}',
        '{"points": [[0, 2]], "count": 1, "before": [], "reliability": [], "auc": null}',
        '{"points": [[0, 1]], "count": 1, "before": [[1]], "reliability": [], "auc": null}',
        '{"points": [[0, 1]], "count": Infinity, "before": [], "reliability": [], "auc": null}',
    ],
)
def test_what_is_no_calibration(text: str, tmp_path: Path) -> None:
    """Anything else than what was written is refused."""
    with pytest.raises(CallerError, match="no calibration"):
        Calibration.from_json(text)
    (tmp_path / "c.json").write_bytes(b"\xff" + text.encode())
    with pytest.raises(CallerError, match="no calibration"):
        Calibration.load(tmp_path / "c.json")


def test_there_is_no_file(tmp_path: Path) -> None:
    """A file that is not there is the caller's fault."""
    with pytest.raises(CallerError, match="no file"):
        Calibration.load(tmp_path / "none.json")


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=50, max_size=120), st.floats(0, 1), st.floats(0, 1))
def test_what_was_surer_stays_surer(seen: list[tuple[float, bool]], one: float, other: float) -> None:
    """Whatever it has learned from, the curve never falls, and stays between 0 and 1."""
    learned = calibrate(pairs(seen))
    low, high = sorted((one, other))
    assert 0 < learned.apply(low) <= learned.apply(high) < 1
    assert Calibration.from_json(learned.to_json()) == learned


# ------------------------------------------------------------------------------ judging


class Line(BaseModel):
    """A line of an order."""

    name: str
    price: Decimal


class Order(BaseModel):
    """An order."""

    day: datetime.date
    lines: list[Line]
    note: str | None = None


def test_a_corrected_instance() -> None:
    """What is right may be an instance of the model: numbers and dates compare as such, lists side by side."""
    day = datetime.date(2024, 3, 5)
    order = Order(day=day, lines=[Line(name="Bolt", price=Decimal("2.50")), Line(name="Nut", price=Decimal(1))])
    data = {
        "day": "2024-03-05",
        "lines": [{"name": "washer", "price": 9}, {"name": "BOLT", "price": 2.5}, {"name": "Nut", "price": 7}],
        "note": "",
    }
    assert dict(judged(data, order.model_dump(mode="json"))) == {
        "/day": True,
        "/lines/0/name": False,
        "/lines/0/price": False,
        "/lines/1/name": True,
        "/lines/1/price": True,
        "/lines/2/name": True,
        "/lines/2/price": False,
        "/note": True,
    }
    fields = {pointer: Field(status="exact", confidence=0.5) for pointer, _ in judged(data, data)}
    assert calibrate([(Made(data=data, fields=fields), order)] * 10).count == 80


@pytest.mark.parametrize(
    ("ours", "theirs", "right"),
    [
        (None, None, True),
        (None, "", True),
        ("", [], True),
        (None, "x", False),
        ("x", None, False),
        ("x", ["x"], False),
        (0, None, False),
        (False, None, False),
        (True, 1, False),
        ("1.50", 1.5, True),
    ],
)
def test_what_is_right(ours: Any, theirs: Any, right: bool) -> None:
    """A scalar is right where it says the same; null, empty and missing are the same."""
    assert list(judged(ours, theirs)) == [("", right)]
    assert list(judged({"a": ours}, {"a": theirs})) == [("/a", right)]


@pytest.mark.parametrize("theirs", [None, 1, "x", [1], {"b": 1}])
def test_another_shape(theirs: Any) -> None:
    """Where what is right has another shape, what is inside is wrong."""
    assert [right for _, right in judged({"a": [1, {"b": 2}]}, theirs)] == [False, False]


# ------------------------------------------------------------------------------ measures


@pytest.mark.parametrize(
    ("scores", "correct", "expected"),
    [
        ([0.1, 0.9], [False, True], 1.0),
        ([0.9, 0.1], [False, True], 0.0),
        ([0.5, 0.5, 0.5], [True, False, True], 0.5),
        ([0.1, 0.4, 0.4, 0.8], [False, True, False, True], 0.875),
        ([0.1], [True], None),
        ([], [], None),
    ],
)
def test_auc(scores: list[float], correct: list[bool], expected: float | None) -> None:
    """The share of pairs of a right and a wrong value in which the right one has more; ties count by half."""
    assert auc(scores, correct) == expected


def test_reliability() -> None:
    """Values go into bins by their confidence; empty bins are left out; the error is weighted by their sizes."""
    bins = reliability([0.0625, 0.0625, 0.9375, 0.9375], [False, True, True, True])
    assert bins == (Bin(predicted=0.0625, observed=0.5, count=2), Bin(predicted=0.9375, observed=1.0, count=2))
    assert ece(bins) == (0.4375 + 0.0625) / 2
    assert ece(()) == 0.0
