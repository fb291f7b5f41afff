"""The records of a job as rows of several tables that refer to one another: documents, their lists, the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from extractor.batch.cells import Fits, fitting
from extractor.batch.flat import EVIDENCE, Root, RowFields, error_of, evidence_of
from extractor.batch.record import Record
from extractor.batch.shapes import Kind, Scalar, title_of, writable
from extractor.batch.tables import ITEM, Names, Table, related
from extractor.batch.verdicts import VERDICT, verdict_of

__all__ = ["Related"]


class Related:
    """Records as rows of several tables: the documents, one for each list in them, and the evidence.

    `names` are those of the tables, `columns` their columns with their kinds; `above` is the table that a table's
    rows belong to. Each row has a number, its document's for the first table.
    """

    def __init__(
        self, schema: Mapping[str, Any], sample: list[Record], fits: Fits, *, evidence: bool, reviewed: bool = False
    ) -> None:
        self._root = Root(schema, sample)
        names = Names()
        self._row = RowFields(sample, fits)
        self._said = VERDICT if reviewed else {}
        self._table = related(self._root.shape, title_of(schema), self._row.kinds, names, tuple(self._said))
        # Lists are tables here, whatever the format has for them.
        self._fit = fitting(self._root.shape, Fits(scalars=fits.scalars))
        self._cell = {kind: fitting(Scalar(kind), fits) for kind in fits.scalars}
        self.names: list[str] = []
        self.columns: list[list[tuple[str, Kind]]] = []
        self.above: list[tuple[int, str] | None] = []
        self._numbers: dict[int, int] = {}
        self._documents = 0  # so far: their places in the input may be those of several inputs
        self._counts: Counter[int] = Counter()
        self._list(self._table, None)
        self._evidence = len(self.names) if evidence else None
        if evidence:
            self.names.append(names.distinct("evidence", self._table.name + "_"))
            self.columns.append([("document", "integer"), ("pointer", "text"), *EVIDENCE.items()])
            self.above.append((0, "document"))

    def _list(self, table: Table, above: int | None) -> None:
        number = self._numbers[id(table)] = len(self.names)
        self.names.append(table.name)
        self.above.append(None if above is None else (above, table.keys["parent"]))
        shapes = [(each.name, each.shape) for each in table.columns]
        own: list[tuple[str, Kind]] = [
            (name, shape.kind if isinstance(shape, Scalar) else "json") for name, shape in shapes
        ]
        keys: list[tuple[str, Kind]] = [(name, self._key_kind(key)) for key, name in table.keys.items()]
        last = [keys.pop()] if above is None else []  # the rest
        self.columns.append([*keys, *own, *last])
        for each in table.lists:
            self._list(each, number)

    def _key_kind(self, key: str) -> Kind:
        rows = {f"row/{name}": kind for name, kind in self._row.kinds.items()}
        return "integer" if key in ITEM else {**rows, **self._said}.get(key, "json" if key == "rest" else "text")

    def rows(self, record: Record) -> Iterator[tuple[int, list[Any]]]:
        """The rows of a document: of which table, and the cells."""
        rest: dict[str, Any] = {}
        number, self._documents = self._documents, self._documents + 1
        fitted = self._fit(self._root.data_of(record), "", rest)
        row = self._row.cells(record, rest)
        cells = [column.value(fitted) for column in self._table.columns]
        rest = {self._root.pointer(key): value for key, value in rest.items()}
        head = [self._told("integer", number), self._told("text", writable(record.name))]
        state = [self._told("text", record.state), self._told("text", error_of(record))]
        if self._said:
            told = zip(self._said.values(), verdict_of(record), strict=True)
            state += [self._told(kind, each) for kind, each in told]
        yield 0, [*head, *row, *state, *cells, self._told("json", rest or None)]
        yield from self._items(self._table, fitted, number)
        if self._evidence is not None:
            for pointer, field in record.fields.items():
                told = zip(EVIDENCE.values(), evidence_of(field), strict=True)
                cells = [self._told(kind, each) for kind, each in told]
                place = [self._told("integer", number), self._told("text", writable(pointer))]
                yield self._evidence, [*place, *cells]

    def _told(self, kind: Kind, value: Any) -> Any:
        return self._cell[kind](value, "", {})

    def _items(self, above: Table, row: Any, parent: int) -> Iterator[tuple[int, list[Any]]]:
        """The rows of the lists in a row."""
        for table in above.lists:
            number = self._numbers[id(table)]
            found: Any = row
            for step in table.steps:
                found = found.get(step) if isinstance(found, dict) else None
            for position, item in enumerate(found or ()):
                self._counts[number] += 1
                own = self._counts[number]
                item = {"value": item} if table.wrapped else item  # noqa: PLW2901  # the same as a row
                keys = [self._told("integer", each) for each in (own, parent, position)]
                yield number, [*keys, *(column.value(item) for column in table.columns)]
                yield from self._items(table, item, own)
