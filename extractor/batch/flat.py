"""The records of a job as one flat table: a row for each document, as a list of cells.

Objects in objects are columns `supplier.name` (or, nested, structs), lists are lists. A document that failed is a row
too. What no column can hold is in the column `rest`, as JSON by its pointer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from extractor.batch.cells import Fits, Fitting, fitting
from extractor.batch.record import Record
from extractor.batch.shapes import Kind, Scalar, Shape, Struct, root_of, settled, shape_of, writable
from extractor.batch.tables import HEAD, Names, flat_columns, head_names
from extractor.batch.verdicts import VERDICT, verdict_of
from extractor.evidence.field import Field
from extractor.schema.nodes import kind_of
from extractor.schema.pointers import escaped

__all__ = ["EVIDENCE", "Flat", "Root", "RowFields", "error_of", "evidence_of", "sampled"]

SAMPLED = 500  # records that tell which further columns the input has, and what the schema leaves open
MOST_ROW = 500  # further columns of the input: SQLite takes 2,000 in all

EVIDENCE: Mapping[str, Kind] = {
    "status": "text",
    "start": "integer",
    "end": "integer",
    "page": "integer",
    "confidence": "number",
}
"""What is told of a field in a table, and of which kind it is."""


def sampled(records: Iterable[Record]) -> tuple[list[Record], Iterator[Record]]:
    """Some of the records, and all of them."""
    found = iter(records)
    sample = list(itertools.islice(found, SAMPLED))
    return sample, itertools.chain(sample, found)


class Root:
    """The object whose members are columns: the value of a document, or what has it as its `value` (`wrapped`). With a
    `sample`, that tells what the schema leaves open.
    """

    def __init__(self, schema: Mapping[str, Any], sample: Sequence[Record] | None = None) -> None:
        shape = shape_of(schema)
        self.wrapped = not isinstance(shape, Struct)
        self.shape = root_of(shape)
        if sample is not None:
            told = settled(self.shape, [self.data_of(record) for record in sample])
            self.shape = told if isinstance(told, Struct) else self.shape

    def data_of(self, record: Record) -> Any:
        """The value of a document as such an object."""
        return {"value": record.value} if self.wrapped and record.value is not None else record.value

    def pointer(self, pointer: str) -> str:
        """A pointer into the object as one into the value."""
        return pointer.removeprefix("/value") if self.wrapped else pointer


def error_of(record: Record) -> str | None:
    """What a document failed with, as one text."""
    if record.error is None:
        return None
    said = f"{record.error.type}: {record.error.message} {record.error.hint}"
    return writable(said.strip())


def evidence_of(field: Field) -> tuple[Any, ...]:
    """What `EVIDENCE` tells of a field."""
    span = field.span
    place = (None, None, None) if span is None else (span.start, span.end, span.page)
    return field.status, *place, field.confidence


class RowFields:
    """The other columns of the input: each has the type of what stands there in a sample."""

    def __init__(self, sample: Sequence[Record], fits: Fits) -> None:
        values: dict[str, list[Any]] = {}
        for record in sample:
            for key, value in record.row.items():
                if key in values or len(values) < MOST_ROW:
                    values.setdefault(key, []).append(value)
        self.kinds: dict[str, Kind] = {key: _kind(each) for key, each in values.items()}
        self._fits = {key: fitting(Scalar(kind), fits) for key, kind in self.kinds.items()}

    def cells(self, record: Record, rest: dict[str, Any]) -> list[Any]:
        """The cells of a document; what came later than the sample is put into `rest`."""
        for key in record.row.keys() - self._fits.keys():
            rest[f"row/{escaped(key)}"] = record.row[key]
        return [fit(record.row.get(key), f"row/{escaped(key)}", rest) for key, fit in self._fits.items()]


def _kind(values: list[Any]) -> Kind:
    kinds = {kind_of(value) if not isinstance(value, float) else "number" for value in values} - {"null"}
    if kinds == {"integer", "number"}:
        return "number"
    return _KINDS.get(next(iter(kinds)), "mixed") if len(kinds) == 1 else "mixed"


_KINDS: Mapping[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}


class Flat:
    """Records as rows of one table, with cells as a format holds them.

    `columns` are the names of all columns with their shapes. `settle` lets the sample tell what the schema leaves open;
    where they are `reviewed`, what people said is there, too.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        sample: Sequence[Record],
        fits: Fits,
        *,
        evidence: bool = False,
        nested: bool = False,
        settle: bool = False,
        reviewed: bool = False,
    ) -> None:
        self._root = Root(schema, sample if settle else None)
        root = self._root.shape
        names = Names()
        self._columns = flat_columns(root, names, nested=nested)
        self._row = RowFields(sample, fits)
        said = VERDICT if reviewed else {}
        head = head_names(names, self._row.kinds, (*HEAD, *said))
        self._said = [fitting(Scalar(kind), fits) for kind in said.values()]
        self._fit: Fitting = fitting(root, fits)
        self._fits = fits
        self._evidence = _Evidence(self._root, names, fits) if evidence else None
        row = [(head[f"row/{escaped(key)}"], Scalar(kind)) for key, kind in self._row.kinds.items()]
        text, json = Scalar("text"), Scalar("json")
        self.rest = {head["rest"]}
        self.columns: list[tuple[str, Shape]] = [
            *[(head["name"], text), *row, (head["state"], text), (head["error"], text)],
            *((head[key], Scalar(kind)) for key, kind in said.items()),
            *((column.name, column.shape) for column in self._columns),
        ]
        if self._evidence:
            self.columns += self._evidence.columns
            self.rest.add(self._evidence.columns[-1][0])
        self.columns.append((head["rest"], json))

    def row(self, record: Record) -> list[Any]:
        """The cells of a document."""
        rest: dict[str, Any] = {}
        text, json = self._fits.scalars["text"], self._fits.scalars["json"]
        fitted = self._fit(self._root.data_of(record), "", rest)
        error = error_of(record)
        cells = [text(writable(record.name)), *self._row.cells(record, rest), text(record.state)]
        cells.append(None if error is None else text(error))
        if self._said:
            cells += [fit(told, "", {}) for fit, told in zip(self._said, verdict_of(record), strict=True)]
        cells += [column.value(fitted) for column in self._columns]
        if self._evidence:
            cells += self._evidence.cells(record)
        rest = {self._root.pointer(key): value for key, value in rest.items()}
        return [*cells, json(rest) if rest else None]


class _Evidence:
    """What is known of each field: in five columns where the field has one, else in one for all."""

    def __init__(self, root: Root, names: Names, fits: Fits) -> None:
        every = flat_columns(root.shape, Names())
        scalars = [each for each in every if isinstance(each.shape, Scalar) and each.shape.kind != "json"]
        self._pointers = [root.pointer(column.pointer) for column in scalars]
        self._known = frozenset(self._pointers)
        self._fits = [fitting(Scalar(kind), fits) for kind in EVIDENCE.values()]
        self._json = fits.scalars["json"]
        self.columns: list[tuple[str, Shape]] = [
            (names.distinct(f"{column.name}__{key}"), Scalar(kind))
            for column in scalars
            for key, kind in EVIDENCE.items()
        ]
        self.columns.append((names.distinct("evidence", "document_"), Scalar("json")))

    def cells(self, record: Record) -> list[Any]:
        """The cells of a document."""
        found: list[Any] = []
        for pointer in self._pointers:
            field = record.fields.get(pointer)
            told = evidence_of(field) if field else (None,) * len(EVIDENCE)
            found += [fit(each, "", {}) for fit, each in zip(self._fits, told, strict=True)]
        others = {
            pointer: dict(zip(EVIDENCE, evidence_of(field), strict=True))
            for pointer, field in record.fields.items()
            if pointer not in self._known
        }
        return [*found, self._json(others) if others else None]
