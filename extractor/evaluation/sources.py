"""Where values come from: a job, a file of JSON lines, or pairs; both what was predicted and what is right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from extractor.batch.doubt import doubt_of
from extractor.batch.record import VALUED, Record
from extractor.batch.restoring import evident
from extractor.batch.revisions import BY_HAND
from extractor.errors import OptionError
from extractor.examples.json_lines import is_json_lines, objects_in
from extractor.schema.plain import plain

if TYPE_CHECKING:  # only for those who have one
    from extractor.batch.job import Job

__all__ = ["Predicted", "Right", "Source", "is_job", "opened", "predictions", "rights", "rights_of_job"]

Source: TypeAlias = "Job | str | os.PathLike[str] | Iterable[tuple[str, Any]]"
"""A job, or the path of one; the path of a file of JSON lines (.jsonl, .ndjson, .json); or pairs of name and value."""

_NAMES, _VALUES, _TEXTS = ("name", "id", "file"), ("gold", "expected", "value"), ("text", "document")
_LINE = "Each line is an object with a name (or id) and a value (or gold, expected)."


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted:
    """What came out of one document. `names` are all that it has, `failed` is the type of its error, `sure` is how sure
    each value is by its pointer, `doubt` by what people look at the most doubtful first (None where nothing is known).
    """

    names: list[str]
    sha256: str = ""
    value: Any = None
    failed: str = ""
    sure: Mapping[str, float] = field(default_factory=dict)
    doubt: float | None = None
    requests: int = 0
    tokens: tuple[int, int] = (0, 0)  # of prompts, of replies
    cost: Decimal | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Right:
    """What is right for one document, known by its name or by what it holds."""

    name: str
    sha256: str = ""
    value: Any = None


Wanted: TypeAlias = "Callable[[str, str], bool]"
"""Whether more is wanted of a document than its value: by its name and the hash of its content."""


def is_job(source: Any) -> bool:
    """Whether it is a job, or the path of one."""
    from extractor.batch.job import Job

    return isinstance(source, Job) or (_is_path(source) and not is_json_lines(Path(source)))


def opened(source: Any) -> AbstractContextManager[Job]:
    """The job of a source, which is closed again where it is opened here. Raises `JobError`."""
    from extractor.batch.job import Job

    return nullcontext(source) if isinstance(source, Job) else Job(Path(source), create=False, read_only=True)


def _is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


# ------------------------------------------------------------------------------------- what was predicted


def predictions(source: Any, run: int | None, wanted: Wanted) -> list[Predicted]:
    """All documents that are finished, each content once. Raises `OptionError`, `JobError`."""
    if is_job(source):
        with opened(source) as job:
            return list(_of_job(job, run, wanted))
    if _is_path(source):
        lines = objects_in(Path(source), option="path", hint=_LINE)
        return [_of_line(each, number) for number, (_, each) in enumerate(lines, 1)]
    return [Predicted(names=[name], value=value) for name, value in _pairs(source, "predicted")]


def _of_job(job: Job, run: int | None, wanted: Wanted) -> Iterator[Predicted]:
    chosen = job.get_run(run)
    if chosen.options == BY_HAND:
        raise OptionError(
            f"Nothing was extracted in run {chosen.number} of {job.path.name}: people entered its documents.",
            option="run",
            hint="Its documents can be what another run or job is held against (gold).",
        )
    seen: dict[str, list[str]] = {}
    for record in job.records(chosen, states=("done", "failed")):
        names = seen.get(record.sha256)
        if names is not None and record.sha256:
            names.append(record.name)
            continue
        names = seen[record.sha256] = [record.name]
        more = wanted(record.name, record.sha256)
        # What a person said of it since is no part of what was extracted.
        whole = job.extracted(record.name, chosen) if record.revision or more else record
        found = record if whole is None else whole
        yield _of_record(evident(found, chosen.schema) if more and found.data is not None else found, names)


def _of_record(record: Record, names: list[str]) -> Predicted:
    known = {pointer: each.confidence for pointer, each in record.fields.items()}
    sure = {pointer: _number(each) for pointer, each in known.items() if _is_share(each)}
    error = record.error.type if record.error else ""
    return Predicted(
        names=names,
        sha256=record.sha256,
        value=record.data,
        failed=error or ("" if record.data is not None or record.state == "done" else "unknown"),
        sure=sure,
        doubt=doubt_of(record)[0] if record.fields or record.error else None,
        requests=record.requests,
        tokens=(record.usage.prompt_tokens, record.usage.completion_tokens),
        cost=record.cost,
        seconds=record.seconds,
    )


def _of_line(line: Mapping[str, Any], number: int) -> Predicted:
    error = line.get("error")
    told = line.get("fields")
    fields = told if isinstance(told, dict) else {}
    known = {pointer: each.get("confidence") for pointer, each in fields.items() if isinstance(each, dict)}
    sure = {pointer: _number(each) for pointer, each in known.items() if _is_share(each)}
    spent = line.get("usage")
    usage = spent if isinstance(spent, dict) else {}
    return Predicted(
        names=[_name(line, number)],
        sha256=str(line.get("sha256") or _hash(line)),
        value=next((line[name] for name in ("value", "predicted", "data") if name in line), None),
        failed=str(error.get("type", "unknown")) if isinstance(error, dict) else str(error or ""),
        sure=sure,
        doubt=sum(1 - each for each in sure.values()) if sure else None,
        requests=_whole(line.get("requests")),
        tokens=(_whole(usage.get("prompt_tokens")), _whole(usage.get("completion_tokens"))),
        cost=_cost(line.get("cost")),
        seconds=_number(line.get("seconds")),
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value < _MOST else 0.0


def _whole(value: Any) -> int:
    return int(_number(value))


_MOST = 1e15


def _cost(value: Any) -> Decimal | None:
    try:
        found = None if value is None else Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found is not None and found.is_finite() else None


# ------------------------------------------------------------------------------------------- what is right


def rights(source: Any) -> list[Right]:
    """What a source says is right. Raises `OptionError`, `JobError`."""
    if is_job(source):
        with opened(source) as job:
            return rights_of_job(job, None)
    if not _is_path(source):
        return [Right(name=name, value=value) for name, value in _pairs(source, "gold")]
    found = []
    lines = list(objects_in(Path(source), option="path", hint=_LINE))
    # An export of a job that people have looked through: what they have not said, or rejected, is not right by that.
    reviewed = any(isinstance(line.get("decision"), str) for _, line in lines)
    for number, (at, line) in enumerate(lines, 1):
        if reviewed and line.get("decision") not in VALUED:
            continue
        member = next((name for name in _VALUES if name in line), None)
        if member is None:
            raise OptionError(f"Line {at} of {source} has no value.", option="gold", hint=_LINE)
        if line[member] is not None or line.get("error") is None:  # in an export, what failed is no gold
            sha = str(line.get("sha256") or _hash(line))
            found.append(Right(name=_name(line, number), sha256=sha, value=line[member]))
    return found


def rights_of_job(job: Job, run: int | None) -> list[Right]:
    """What people accepted or corrected. Raises `JobError`."""
    records = job.reviewed(job.get_run(run))
    return [Right(name=record.name, sha256=record.sha256, value=record.data) for record in records]


def _hash(line: Mapping[str, Any]) -> str:
    """The hash of the text of a line, as a job has it; nothing without a text."""
    text = next((line[name] for name in _TEXTS if isinstance(line.get(name), str)), None)
    return "" if text is None else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name(line: Mapping[str, Any], number: int) -> str:
    name = next((line[each] for each in _NAMES if line.get(each) is not None), None)
    return f"line {number}" if name is None else str(name)


# --------------------------------------------------------------------------------------------------- pairs


def _pairs(source: Any, option: str) -> Iterator[tuple[str, Any]]:
    said = f"{option} must be a job, the path of a job or of JSON lines, or pairs of a name and a value"
    if isinstance(source, Mapping):
        source = source.items()
    if not isinstance(source, Iterable):
        raise OptionError(f"{said}; not {type(source).__name__}.", option=option)
    for pair in source:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise OptionError(f"{said}; there is a {type(pair).__name__} among them.", option=option)
        yield pair[0], _plain(pair[1], option)


def _plain(value: Any, option: str) -> Any:
    try:
        return plain(value)
    except (ValueError, TypeError, RecursionError):
        raise OptionError(f"A value of {option} is no plain data: {type(value).__name__}.", option=option) from None
