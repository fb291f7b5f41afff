"""What became of documents, as columns that have the same types in every block, whatever is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from extractor.batch.written import written
from extractor.chat.wire import Usage, usage_of
from extractor.errors import OptionError
from extractor.result import DocumentResult

__all__ = ["COLUMNS", "requests_of", "with_columns"]


def _value(done: DocumentResult[Any]) -> str | None:
    return None if done.result is None else _text(written(done.result))


def _error(done: DocumentResult[Any]) -> str | None:
    return None if done.error is None else f"{type(done.error).__name__}: {done.error}"


def _outcome(done: DocumentResult[Any]) -> str | None:
    return None if done.result is None else done.result.outcome.value


def _model(done: DocumentResult[Any]) -> str | None:
    return None if done.result is None else done.result.model


def _usage(done: DocumentResult[Any]) -> Usage:
    if done.result is not None:
        return done.result.usage
    usage = getattr(done.error, "usage", None)
    return usage if isinstance(usage, Usage) else usage_of(each.reply for each in getattr(done.error, "attempts", ()))


def _cost(done: DocumentResult[Any]) -> float | None:
    cost = getattr(done.error if done.result is None else done.result, "cost", None)
    return None if cost is None else float(cost)


def _seconds(done: DocumentResult[Any]) -> float | None:
    return None if done.result is None else done.result.seconds


def requests_of(done: DocumentResult[Any]) -> int:
    """How many requests were answered for a document; those of a restored one are in the job."""
    return len(getattr(done.error if done.result is None else done.result, "attempts", ()))


def _fields(done: DocumentResult[Any]) -> str | None:
    return None if done.result is None else _text(dict(done.result.fields))


def _text(value: Any) -> str:
    return to_json(value, inf_nan_mode="strings", fallback=str).decode()


COLUMNS: Mapping[str, tuple[str, Callable[[DocumentResult[Any]], Any] | None]] = {
    "value": ("string", _value),
    "error": ("string", _error),
    "outcome": ("string", _outcome),
    "model": ("string", _model),
    "prompt_tokens": ("int64", lambda done: _usage(done).prompt_tokens),
    "cached_tokens": ("int64", lambda done: _usage(done).prompt_tokens_details.cached_tokens),
    "completion_tokens": ("int64", lambda done: _usage(done).completion_tokens),
    "cost": ("float64", _cost),
    "seconds": ("float64", _seconds),
    "requests": ("int64", None),
    "fields": ("string", _fields),
}
"""Column → its Arrow type, and what it says of a document; None where that is said beside."""


def with_columns(
    table: Any, results: Sequence[DocumentResult[Any]], requests: Sequence[int], names: Mapping[str, str]
) -> Any:
    """The Arrow table with what became of its rows, and how many requests each took.

    `names` are the columns of `COLUMNS` that are wanted, and what they are called. Raises `OptionError` where the table
    has one of that name.
    """
    import pyarrow as pa

    for column, name in names.items():
        if name in table.column_names:
            raise OptionError(
                f"The dataset has a column {name!r} already.",
                option="prefix",
                hint="Give prefix=…: the names of the new columns begin with that.",
            )
        kind, said = COLUMNS[column]
        values = requests if said is None else [said(each) for each in results]
        table = table.append_column(name, pa.array(values, type=pa.type_for_alias(kind)))
    return table
