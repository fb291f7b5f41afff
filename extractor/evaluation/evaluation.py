"""`Evaluation`: all that a comparison found, as frozen records of plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from extractor.errors import CallerError
from extractor.evaluation.comparing import Difference, Items
from extractor.evaluation.normal import USUAL, Normal
from extractor.evaluation.reliability import Reliability, Review
from extractor.evaluation.scores import FieldScore, Measure
from extractor.evidence.calibration import Calibration, calibrate
from extractor.evidence.field import Field

__all__ = ["DocumentScore", "Evaluation", "Spent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What all documents took: `cost` in US dollars, None where it is not known of one; `seconds` are those of all, one
    after the other.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentScore:
    """One document: how many of its values are right, and the places that are not. `failed` is the type of its error,
    `predicted` is False where nothing was predicted of it. `doubt` is by what people look at the most doubtful first.
    """

    name: str
    right: int
    differences: tuple[Difference, ...] = ()
    failed: str = ""
    predicted: bool = True
    doubt: float | None = None

    @property
    def exact(self) -> bool:
        """Whether all of it is right."""
        return self.predicted and not self.failed and not self.differences


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """How right predictions are.

    `documents` are those that were compared, by name. `predicted` is how many there were, `gold` how many right values;
    `ungolded` are the names of predicted ones without one, `unpredicted` of those that count as an empty prediction.
    `elsewhere` counts right values of documents that the run does not have. `failed` counts the errors of all predicted
    documents by type.

    `measures` are by name (see `MEASURES`), with intervals of `level` from `resamples` draws of documents; `fields` are
    by place, `items` are those of lists. `reliability` and `review` are None where no confidence is known;
    `calibrated` says that a calibration has been at it when it was extracted.
    `second` is what came of the other predictions (`against`), on the same documents, and `differences` what its
    measures are more or less, drawn together; `field_differences` likewise of F1 of the fields.
    """

    source: str
    predicted: int
    gold: int
    ungolded: tuple[str, ...] = ()
    unpredicted: tuple[str, ...] = ()
    elsewhere: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)
    fields: tuple[FieldScore, ...] = ()
    items: Mapping[str, Items] = field(default_factory=dict)
    documents: tuple[DocumentScore, ...] = field(default=(), repr=False)
    reliability: Reliability | None = field(default=None, repr=False)
    review: Review | None = field(default=None, repr=False)
    calibrated: bool = False
    spent: Spent = Spent()
    normal: Normal = USUAL
    level: float = 0.95
    seed: int = 0
    resamples: int = 0
    second: Evaluation | None = field(default=None, repr=False)
    differences: Mapping[str, Measure] = field(default_factory=dict, repr=False)
    field_differences: Mapping[str, Measure] = field(default_factory=dict, repr=False)

    def calibration(self) -> Calibration:
        """A curve that makes the confidence honest, learned from these values (`Extractor(calibration=…)`).

        Raises `CallerError` where there are fewer than 50 with a confidence, and where they were calibrated already.
        """
        if self.calibrated:
            raise CallerError(
                "The confidence of these values is calibrated already.",
                hint="Extract without calibration to learn one.",
            )
        values = self.reliability.values if self.reliability else ()
        pairs: dict[int, tuple[_Judged, dict[str, bool]]] = {}
        for number, each in enumerate(values):
            judged, right = pairs.setdefault(each.document, (_Judged(), {}))
            judged.data[str(number)] = True
            judged.fields[f"/{number}"] = Field(status=None, confidence=each.confidence)
            right[str(number)] = each.right
        return calibrate(pairs.values())

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        told: dict[str, Any] = to_jsonable_python(self, fallback=str)
        for each in (told, told["second"] or {}):
            if each.get("reliability"):
                del each["reliability"]["values"]
        return told

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(self.to_dict())  # a name may be no Unicode, which ASCII has an escape for

    def to_text(self, *, worst: int = 5) -> str:
        """A report of 80 columns, with the `worst` documents."""
        from extractor.evaluation.text_report import lines

        return "\n".join(lines(self, worst=worst)) + "\n"

    def to_html(self, *, worst: int = 200) -> str:
        """A report as one HTML page that needs nothing else, with the `worst` documents."""
        from extractor.evaluation.html_report import page

        return page(self, worst=worst)

    def save(self, path: Path | str) -> None:
        """Write the report into a file: as HTML, JSON or text, by what its name ends in."""
        path = Path(path)
        made = {".html": self.to_html, ".htm": self.to_html, ".json": self.to_json}.get(
            path.suffix.lower(), self.to_text
        )
        path.write_text(made(), encoding="utf-8")

    def __str__(self) -> str:
        return self.to_text()


@dataclass(frozen=True, slots=True)
class _Judged:
    """What `calibrate` takes for a result."""

    data: dict[str, bool] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
